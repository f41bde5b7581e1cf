"""The API from outside: roles, problems, pages, idempotency, streams, limits; by the Python standard library."""
import base64
import http.client
import json
import pathlib
import sys
import time
import unittest
import urllib.parse

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "e2e"))
from cluster import Cluster, wait_until  # noqa: E402

NETWORK = """
network:
  name: small
  title: A small network
  regions:
    - {name: north, title: North}
    - {name: south, title: South}
  sites:
""" + "".join(f"    - {{name: site-{i:02d}, tier: {tier}, region: {region}, latitude: {30 + i}, longitude: {100 + i}, engine: simulated,"
              f" groups: [{{name: g, count: 4, cpu: 8, memory: 32GiB, chips: {{ascend-910b: 2}}}}]}}\n"
              for i, (tier, region) in enumerate([("hub", "north"), ("regional", "north"), ("edge", "south"), ("edge", "south"),
                                                  ("edge", "north")])) + """
  links:
    - {from: site-00, to: site-01, rtt: 5ms, bandwidth: 100Gbit/s}
    - {from: site-00, to: site-02, rtt: 9ms, bandwidth: 10Gbit/s}
"""
ROLES = ["operator", "supplier", "tenant", "auditor", "viewer"]
UNKNOWN_ID = "0000000000001"


def job(name="job", **more):
    return dict({"name": name, "simulate": {"duration": "1h"}, "shape": {"cpu": "100m", "memory": "16MiB"}}, **more)


def impossible(name="waits", **more):
    return job(name, shape={"cpu": "1", "memory": "16MiB", "chips": {"count": 1, "models": ["h100"]}}, **more)


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()
        self.json = json.loads(self.body) if self.body and "json" in (self.headers.get_content_type() or "") else None


class ApiCase(unittest.TestCase):
    serve_options = ()
    agents = True

    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(NETWORK, serve_options=cls.serve_options)
        cls.cluster.serve()
        if cls.agents:
            cls.cluster.simulated_agents()
            cls.cluster.wait_for_sites(5)

    @classmethod
    def tearDownClass(cls):
        cls.cluster.__exit__(None, None, None)

    def connect(self):
        address = urllib.parse.urlsplit(self.cluster.url)
        return http.client.HTTPConnection(address.hostname, address.port, timeout=60)

    def ask(self, method, path, body=None, role="operator", token=None, headers=None, raw=None):
        connection = self.connect()
        all_headers = {}
        if role or token:
            all_headers["Authorization"] = "Bearer " + (token or self.cluster.token(role))
        if body is not None:
            raw = json.dumps(body)
        if raw is not None:
            all_headers["Content-Type"] = "application/json"
        all_headers.update(headers or {})
        try:
            connection.request(method, path, body=raw, headers={k: v for k, v in all_headers.items() if v is not None})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def good(self, method, path, body=None, status=200, **more):
        answer = self.ask(method, path, body, **more)
        self.assertEqual(answer.status, status, (method, path, answer.body))
        return answer.json

    def problem(self, status, slug, method, path, body=None, **more):
        """Asks, and checks that the answer is such a problem, in full."""
        answer = self.ask(method, path, body, **more)
        self.assertEqual(answer.status, status, (method, path, answer.body))
        if method == "HEAD":
            return answer
        self.assertEqual(answer.headers.get_content_type(), "application/problem+json")
        self.assertEqual(answer.json["type"], f"/problems/{slug}", answer.json)
        self.assertEqual(answer.json["status"], status)
        self.assertTrue(answer.json["title"] and answer.json["detail"])
        return answer

    def token_for(self, name, role, **scope):
        return self.good("POST", "/v1/tokens", dict({"name": name, "role": role}, **scope), status=201)["secret"]

    def submit(self, body, **more):
        return self.good("POST", "/v1/demands", body, status=201, **more)["id"]


class Roles(ApiCase):
    def test_each_role_may_do_what_it_may(self):
        demand = self.submit(job("roles", tenant="default"))
        everyone, reading = set(ROLES), {"operator", "auditor", "tenant"}
        may = [
            ("GET", "/v1/summary", None, everyone), ("GET", "/v1/regions", None, everyone), ("GET", "/v1/links", None, everyone),
            ("GET", "/v1/chips", None, everyone), ("GET", "/v1/sites", None, everyone), ("GET", "/v1/sites/site-00", None, everyone),
            ("POST", "/v1/sites/site-04/drain", {}, {"operator", "supplier"}),
            ("POST", "/v1/sites/site-04/undrain", {}, {"operator", "supplier"}),
            ("POST", "/v1/demands", job("by-role"), {"operator", "tenant"}),
            ("POST", "/v1/demands/batch", {"demands": [job("by-role")]}, {"operator", "tenant"}),
            ("GET", "/v1/demands", None, everyone), ("GET", f"/v1/demands/{demand}", None, everyone),
            ("GET", f"/v1/demands/{demand}/why", None, everyone), ("GET", f"/v1/demands/{demand}/story", None, everyone),
            ("GET", f"/v1/demands/{demand}/logs", None, reading), ("GET", "/v1/events", None, everyone),
            ("GET", "/v1/tokens", None, {"operator", "auditor"}),
            ("DELETE", "/v1/tokens/nobody", None, {"operator"}),
            ("POST", "/v1/tokens", {"name": "x"}, {"operator"}),
            ("POST", "/v1/sync", {}, {"operator", "supplier"}), ("POST", "/v1/sync/logs", {}, {"operator", "supplier"}),
            ("GET", "/metrics", None, {"operator", "auditor", "viewer"}),
            ("GET", "/v1/gap", None, {"operator", "auditor", "viewer"}),
            ("POST", f"/v1/demands/{demand}/cancel", {}, {"operator", "tenant"}),
        ]
        for method, path, body, roles in may:
            for role in ROLES:
                with self.subTest(method=method, path=path, role=role):
                    if role in roles:
                        self.assertNotIn(self.ask(method, path, body, role=role).status, (401, 403, 405))
                    else:
                        self.problem(403, "forbidden", method, path, body, role=role)
            with self.subTest(method=method, path=path, role=None):
                answer = self.problem(401, "unauthorized", method, path, body, role=None)
                self.assertTrue(answer.headers["WWW-Authenticate"].startswith("Bearer"))

    def test_wrong_tokens(self):
        for authorization in ("Bearer nonsense", "Bearer ", "Basic dTpw", "nonsense", "Bearer " + "x" * 5000):
            self.problem(401, "unauthorized", "GET", "/v1/sites", role=None, headers={"Authorization": authorization})
        self.assertEqual(self.ask("GET", "/v1/health", role=None).status, 200)

    def test_a_revoked_token_is_over(self):
        secret = self.token_for("short-lived", "viewer")
        self.good("GET", "/v1/sites", token=secret)
        self.problem(409, "conflict", "POST", "/v1/tokens", {"name": "short-lived", "role": "viewer"})
        self.assertEqual(self.ask("DELETE", "/v1/tokens/short-lived").status, 204)
        self.problem(401, "unauthorized", "GET", "/v1/sites", token=secret)
        self.problem(404, "not-found", "DELETE", "/v1/tokens/short-lived")

    def test_tokens_are_listed_without_secrets(self):
        secret = self.token_for("listed", "tenant", tenant="lab-l")
        listing = self.good("GET", "/v1/tokens?limit=1000", role="auditor")
        self.assertNotIn(secret, json.dumps(listing))
        self.assertIn({"name": "listed", "role": "tenant", "tenant": "lab-l"},
                      [{k: item[k] for k in ("name", "role", "tenant")} for item in listing["items"]])
        self.problem(422, "invalid", "POST", "/v1/tokens", {"name": "no-tenant", "role": "tenant"})
        self.problem(422, "invalid", "POST", "/v1/tokens", {"name": "wrong-site", "role": "viewer", "site": "site-00"})

    def test_tenants_do_not_see_each_other(self):
        mine, other = self.token_for("lab-a", "tenant", tenant="lab-a"), self.token_for("lab-b", "tenant", tenant="lab-b")
        demand = self.submit(job("secret-name"), token=mine)
        self.assertEqual(self.good("GET", f"/v1/demands/{demand}", token=mine)["tenant"], "lab-a")
        for method, path in (("GET", ""), ("GET", "/why"), ("GET", "/story"), ("GET", "/logs"), ("POST", "/cancel")):
            self.problem(404, "not-found", method, f"/v1/demands/{demand}{path}", token=other)
        for path in ("/v1/demands", "/v1/demands?tenant=lab-a", "/v1/demands?name=secret-name"):
            self.assertEqual(self.good("GET", path, token=other)["items"], [])
        self.assertNotIn("secret-name", json.dumps(self.good("GET", "/v1/events?limit=1000", token=other)))
        self.assertIn("secret-name", json.dumps(self.good("GET", "/v1/events?limit=1000", token=mine)))
        self.problem(403, "forbidden", "POST", "/v1/demands", job(tenant="lab-a"), token=other)
        self.assertEqual(self.good("POST", f"/v1/demands/{demand}/cancel", status=202, token=mine)["id"], demand)

    def test_commands_are_not_for_everyone(self):
        demand = self.submit(job("hidden", command=["sh", "-c", "echo a-secret-word"], environment={"KEY": "a-secret-value"}))
        for role in ROLES:
            text = json.dumps([self.good("GET", f"/v1/demands/{demand}", role=role), self.good("GET", "/v1/events?limit=1000", role=role)])
            sees = role in ("operator", "auditor", "tenant")
            self.assertEqual("a-secret-word" in text, sees, role)
            self.assertEqual("a-secret-value" in text, sees, role)
        self.assertNotIn("token-created", json.dumps(self.good("GET", "/v1/events?limit=1000", role="viewer")))
        self.assertIn("token-created", json.dumps(self.good("GET", "/v1/events?limit=1000", role="auditor")))

    def test_a_supplier_keeps_to_its_site(self):
        secret = self.token_for("one-site", "supplier", site="site-00")
        self.good("POST", "/v1/sites/site-00/drain", {"reason": "new cooling"}, token=secret)
        site = self.good("GET", "/v1/sites/site-00")
        self.assertTrue(site["draining"])
        self.assertEqual(site["drain_reason"], "new cooling")
        self.assertFalse(self.good("POST", "/v1/sites/site-00/undrain", token=secret)["draining"])
        self.problem(403, "forbidden", "POST", "/v1/sites/site-01/drain", {}, token=secret)
        sync = {"version": 1, "site": "site-01", "epoch": "1", "sequence": "1"}
        self.problem(403, "forbidden", "POST", "/v1/sync", sync, token=secret)
        self.problem(404, "not-found", "POST", "/v1/sync", dict(sync, site="nowhere"))


class Problems(ApiCase):
    def test_not_found(self):
        for path in ("/v1", "/v1/", "/v2/sites", "/v1/sites/", "/v1/sites/nowhere", f"/v1/demands/{UNKNOWN_ID}", "/v1/demands/short",
                     f"/v1/demands/{UNKNOWN_ID}/why", "/assets/../../etc/passwd", "/assets/none.js", "/v1/sites/" + "x" * 300):
            self.problem(404, "not-found", "GET", path)

    def test_methods(self):
        for method, path, allowed in (("DELETE", "/v1/demands", {"GET", "HEAD", "POST"}), ("PATCH", "/v1/sites/site-00", {"GET", "HEAD"}),
                                      ("GET", "/v1/sync", {"POST"}), ("OPTIONS", "/v1/summary", {"GET", "HEAD"}),
                                      ("TRACE", "/", {"GET", "HEAD"})):
            answer = self.problem(405, "method-not-allowed", method, path)
            self.assertEqual(set(answer.headers["Allow"].split(", ")), allowed)

    def test_head_is_get_without_body(self):
        for path in ("/v1/sites", "/v1/health", "/"):
            answer = self.ask("HEAD", path)
            self.assertEqual((answer.status, answer.body), (200, b""))
        self.assertEqual(self.ask("HEAD", "/v1/sites/nowhere").status, 404)

    def test_accept(self):
        self.problem(406, "not-acceptable", "GET", "/v1/sites", headers={"Accept": "text/html"})
        self.problem(406, "not-acceptable", "GET", "/v1/sites", headers={"Accept": "application/json;q=0"})
        for accept in ("*/*", "application/*", "text/html, application/json;q=0.5", "application/json; charset=utf-8", ""):
            self.good("GET", "/v1/sites", headers={"Accept": accept})

    def test_media_type(self):
        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin1", None):
            self.problem(415, "unsupported-media-type", "POST", "/v1/demands", raw="{}", headers={"Content-Type": kind})
        self.submit(job(), headers={"Content-Type": "application/json; charset=utf-8"})

    def test_bodies(self):
        for raw in ("", "{", "[1,]", "\x00", "{\"name\":\"a\",\"name\":\"b\"}", "nul", "[" * 100):
            self.problem(400, "bad-json", "POST", "/v1/demands", raw=raw.encode())
        self.problem(400, "unexpected-body", "GET", "/v1/sites", body={})
        answer = self.problem(422, "invalid", "POST", "/v1/demands", {"name": "Bad Name", "worker": 2, "shape": {"cpu": "much"}, "priority": 5000})
        self.assertEqual(len(answer.json["problems"]), 4)
        self.assertLess({"name", "shape.cpu", "priority"}, {entry["path"] for entry in answer.json["problems"]})
        self.assertIn("workers", json.dumps(answer.json["problems"]))
        answer = self.problem(422, "invalid", "POST", "/v1/demands/batch", {"demands": [job(), job(workers=0)]})
        self.assertEqual([entry["path"] for entry in answer.json["problems"]], ["demands[1].workers"])
        for body in ({}, {"demands": []}, {"demands": 1}, {"demands": [job()], "more": 1}, [job()], {"demands": [1]}):
            self.problem(422, "invalid", "POST", "/v1/demands/batch", body)
        for body in (job(where={"regions": ["nowhere"]}), job(where={"sites": ["nowhere"]})):
            self.problem(422, "invalid", "POST", "/v1/demands", body)
        self.problem(422, "invalid", "POST", "/v1/sites/site-00/drain", {"because": "x"})
        self.problem(422, "invalid", "POST", f"/v1/demands/{self.submit(job())}/cancel", {"because": "x"})

    def test_strangers_send_little(self):
        big = b'{"name":"' + b"a" * 100000 + b'"}'
        self.problem(413, "body-too-large", "POST", "/v1/demands", role=None, raw=big)
        self.problem(413, "body-too-large", "POST", "/v1/demands", token="nonsense", raw=big)
        self.problem(401, "unauthorized", "POST", "/v1/demands", role=None, raw=b"{}")
        self.problem(422, "invalid", "POST", "/v1/demands", raw=big)

    def test_limits(self):
        self.problem(413, "body-too-large", "POST", "/v1/demands", raw="x" * ((16 << 20) + 1))
        self.problem(431, "header-too-large", "GET", "/v1/sites", headers={"X-Long": "x" * (17 << 10)})
        self.problem(400, "bad-request", "GET", "/v1/sites?contains=%00")
        self.problem(400, "bad-request", "GET", "/v1/sites/%ff")
        self.problem(422, "invalid", "POST", "/v1/demands/batch", {"demands": [{"name": "x"}] * 10001})

    def test_parameters(self):
        for query in ("limit=0", "limit=1001", "limit=-1", "limit=x", "limit=01", "limit=", "tier=cloud", "draining=yes", "region=No", "nothing=1",
                      "limit=1&limit=2", "engine=local&tier="):
            slug = "unknown-parameter" if query.startswith("nothing") else "bad-parameter"
            answer = self.problem(400, slug, "GET", f"/v1/sites?{query}")
            self.assertIn(query.split("&")[-1].split("=")[0], answer.json["detail"])
        for path in ("/v1/links?cursor=x", "/v1/demands?cursor=x", "/v1/demands?state=lost", "/v1/demands?order=best", "/v1/health?x=1",
                     "/v1/events?after=-1", f"/v1/demands/{self.submit(job())}/logs?stream=both"):
            self.assertEqual(self.ask("GET", path).status, 400, path)
        self.problem(400, "bad-parameter", "POST", "/v1/demands", job(), headers={"Idempotency-Key": "a b"})
        self.problem(400, "bad-parameter", "POST", "/v1/demands", job(), headers={"Idempotency-Key": "x" * 65})


class Rate(ApiCase):
    serve_options = ("--rate", "5")
    agents = False

    def test_too_many(self):
        """More than the burst at once; each token and each address has its own bucket."""
        statuses, limited = [], None
        connection = self.connect()
        token = self.cluster.token("viewer")
        for _ in range(200):
            connection.request("GET", "/v1/health", headers={"Authorization": "Bearer " + token})
            answer = Answer(connection.getresponse())
            statuses.append(answer.status)
            if answer.status == 429:
                limited = answer
                break
        connection.close()
        self.assertIsNotNone(limited, statuses)
        self.assertEqual(limited.json["type"], "/problems/too-many-requests")
        self.assertGreaterEqual(int(limited.headers["Retry-After"]), 1)
        self.good("GET", "/v1/summary", role="auditor")


class Lists(ApiCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        demands = [impossible(f"list-{i:03d}", tenant=f"team-{i % 3}", priority=i) for i in range(250)]
        status, answer = cls.cluster.call("POST", "/v1/demands/batch", {"demands": demands})
        assert status == 201, answer
        cls.ids = answer["ids"]

    def pages(self, path, limit):
        """All items by pages of `limit`; each page but the last is full."""
        items, cursor = [], ""
        while True:
            joint = "&" if "?" in path else "?"
            page = self.good("GET", f"{path}{joint}limit={limit}" + (f"&cursor={urllib.parse.quote(cursor)}" if cursor else ""))
            items += page["items"]
            cursor = page["next"]
            self.assertLessEqual(len(page["items"]), limit)
            if not cursor:
                return items
            self.assertEqual(len(page["items"]), limit)

    def test_pages_of_demands(self):
        self.assertEqual(self.ids, sorted(self.ids))
        for limit in (7, 50, 250, 1000):
            found = [item["id"] for item in self.pages("/v1/demands?order=oldest", limit) if item["id"] in set(self.ids)]
            self.assertEqual(found, self.ids)
        found = [item["id"] for item in self.pages("/v1/demands", 33) if item["id"] in set(self.ids)]
        self.assertEqual(found, self.ids[::-1])

    def test_filters_of_demands(self):
        self.assertEqual([item["id"] for item in self.pages("/v1/demands?tenant=team-1&order=oldest", 20)], self.ids[1::3])
        self.assertEqual([item["id"] for item in self.pages("/v1/demands?name=list-007", 20)], [self.ids[7]])
        self.assertEqual([item["id"] for item in self.pages("/v1/demands?state=pending&tenant=team-2&order=oldest", 9)], self.ids[2::3])
        self.assertEqual(self.pages("/v1/demands?state=failed", 20), [])
        self.assertEqual(self.pages("/v1/demands?kind=service", 20), [])
        self.assertEqual(len(self.pages("/v1/demands?state=live&tenant=team-0", 20)), len(self.ids[0::3]))

    def test_pages_while_demands_come_and_go(self):
        """A cursor neither loses nor repeats what was there all the time."""
        page = self.good("GET", "/v1/demands?order=oldest&limit=100")
        first = [item["id"] for item in page["items"]]
        gone = self.submit(impossible("comes"))
        self.good("POST", f"/v1/demands/{gone}/cancel", status=202)
        self.good("POST", f"/v1/demands/{page['next']}/cancel", status=202)
        rest, cursor = [], page["next"]
        while cursor:
            page = self.good("GET", f"/v1/demands?order=oldest&limit=100&cursor={cursor}")
            rest += [item["id"] for item in page["items"]]
            cursor = page["next"]
        self.assertEqual([i for i in first + rest if i in set(self.ids)], self.ids)

    def test_pages_of_other_lists(self):
        names = [f"site-{i:02d}" for i in range(5)]
        for limit in (1, 2, 5, 100):
            self.assertEqual([item["name"] for item in self.pages("/v1/sites", limit)], names)
            self.assertEqual([item["name"] for item in self.pages("/v1/regions", limit)], ["north", "south"])
            self.assertEqual(len(self.pages("/v1/links", limit)), 2)
        chips = [item["name"] for item in self.pages("/v1/chips", 3)]
        self.assertEqual(len(chips), len(set(chips)))
        self.assertGreater(len(chips), 15)
        self.assertEqual(len(self.pages("/v1/tokens", 2)), len(self.pages("/v1/tokens", 1000)))

    def test_filters_of_sites(self):
        for query, expected in (("tier=edge", ["site-02", "site-03", "site-04"]), ("region=north", ["site-00", "site-01", "site-04"]),
                                ("contains=-01", ["site-01"]), ("engine=local", []), ("condition=up&tier=hub", ["site-00"]),
                                ("draining=true", []), ("draining=false&region=south", ["site-02", "site-03"])):
            self.assertEqual([item["name"] for item in self.pages(f"/v1/sites?{query}", 100)], expected, query)


class Policies(ApiCase):
    POLICY = {"name": "research", "tenants": [{"name": "science", "weight": 3, "quota": {"chips": 4}}, {"name": "lab", "parent": "science"}]}

    def test_policy(self):
        self.assertEqual(self.good("GET", "/v1/policy", role="viewer")["name"], "default")
        self.problem(403, "forbidden", "PUT", "/v1/policy", self.POLICY, role="tenant")
        self.problem(403, "forbidden", "GET", "/v1/policy", role="tenant")
        answer = self.problem(422, "invalid", "PUT", "/v1/policy", {"name": "x", "tenants": [{"name": "a", "parent": "b"}], "half_life": "0s"})
        self.assertEqual({problem["path"] for problem in answer.json["problems"]}, {"tenants[0].parent", "half_life"})
        changed = self.good("PUT", "/v1/policy", self.POLICY)
        self.assertEqual((changed["name"], changed["tenants"][0]["weight"], changed["half_life"]), ("research", 3, "7d"))
        self.assertEqual(self.good("GET", "/v1/policy", role="auditor"), changed)
        self.assertEqual(self.good("PUT", "/v1/policy", changed), changed)

    def test_tenants(self):
        self.good("PUT", "/v1/policy", self.POLICY)
        own = self.token_for("lab-token", "tenant", tenant="lab")
        demand = self.good("POST", "/v1/demands", job("held", shape={"cpu": "1", "memory": "16MiB", "chips": 1}), status=201, token=own)
        wait_until(lambda: self.good("GET", f"/v1/demands/{demand['id']}")["state"] == "running", "the job to run")
        rows = {item["name"]: item for item in self.good("GET", "/v1/tenants")["items"]}
        self.assertEqual(rows["science"]["quota"]["chip_milli"], 4000)
        self.assertEqual((rows["lab"]["parent"], rows["lab"]["held"]["chip_milli"], rows["science"]["held"]["cpu_milli"]), ("science", 1000, 1000))
        page = self.good("GET", "/v1/tenants?limit=1")
        self.assertEqual((page["items"][0]["name"], page["next"]), ("lab", "lab"))
        self.assertEqual(self.good("GET", "/v1/tenants?limit=1&cursor=lab")["items"][0]["name"], "science")
        self.assertEqual([item["name"] for item in self.good("GET", "/v1/tenants", token=own)["items"]], ["lab"])
        self.problem(403, "forbidden", "GET", "/v1/tenants", role="supplier")


class Demands(ApiCase):
    def test_idempotency(self):
        first = self.good("POST", "/v1/demands", job("once"), status=201, headers={"Idempotency-Key": "key-1"})
        again = self.good("POST", "/v1/demands", job("once"), status=201, headers={"Idempotency-Key": "key-1"})
        self.assertEqual((first["id"], first["repeated"], again["repeated"]), (again["id"], False, True))
        self.problem(409, "conflict", "POST", "/v1/demands", job("twice"), headers={"Idempotency-Key": "key-1"})
        batch = {"demands": [job("b-1"), job("b-2")]}
        first = self.good("POST", "/v1/demands/batch", batch, status=201, headers={"Idempotency-Key": "key-2"})
        again = self.good("POST", "/v1/demands/batch", batch, status=201, headers={"Idempotency-Key": "key-2"})
        self.assertEqual(first["ids"], again["ids"])
        self.assertTrue(again["repeated"])
        # Another tenant's key of the same text is another key.
        other = self.token_for("idem", "tenant", tenant="idem")
        self.assertFalse(self.good("POST", "/v1/demands", job("once"), status=201, token=other, headers={"Idempotency-Key": "key-1"})["repeated"])

    def test_idempotency_outlives_the_platform(self):
        cluster = Cluster(NETWORK)
        with cluster:
            cluster.serve()
            before = cluster.call("POST", "/v1/demands", job("kept"), headers={"Idempotency-Key": "k"})
            cluster.kill("serve")
            cluster.serve()
            after = cluster.call("POST", "/v1/demands", job("kept"), headers={"Idempotency-Key": "k"})
            self.assertEqual(before[0], 201)
            self.assertEqual((before[1]["id"], after[1]["repeated"]), (after[1]["id"], True))

    def test_arrays_and_those_who_wait_for_them(self):
        array = self.good("POST", "/v1/demands", impossible("fan", array={"count": 3, "at_once": 2}), status=201)
        self.assertEqual(array["members"], 3)
        behind = self.good("POST", "/v1/demands", job("behind", after=["fan"], deadline="2h"), status=201)
        self.assertEqual(behind["members"], 1)
        view = self.good("GET", f"/v1/demands/{behind['id']}")
        self.assertEqual([(after["name"], after["array"], after["state"]) for after in view["after"]], [("fan", True, "waits")])
        self.assertEqual(view["deadline_us"], view["accepted_us"] + 2 * 3600 * 1000000)
        last = self.good("GET", "/v1/demands?name=fan.2")["items"][0]
        self.assertEqual((last["array"], last["index"], last["array_count"]), (array["id"], 2, 3))
        self.assertRegex(last["reason"], "2 members of fan are under way")
        self.problem(422, "invalid", "POST", "/v1/demands", job("late", after=["nobody"]))
        self.problem(404, "not-found", "POST", "/v1/arrays/nothing/cancel")
        other = self.token_for("array-thief", "tenant", tenant="thief")
        self.problem(404, "not-found", "POST", "/v1/arrays/fan/cancel", token=other)
        self.problem(404, "not-found", "POST", "/v1/arrays/fan/cancel?tenant=default", token=other)
        self.assertEqual(self.good("POST", "/v1/arrays/fan/cancel", status=202)["cancelled"], 3)
        wait_until(lambda: self.good("GET", f"/v1/demands/{behind['id']}")["state"] == "cancelled", "the one behind to be cancelled")

    def test_batches_are_all_or_none(self):
        self.problem(422, "invalid", "POST", "/v1/demands/batch", {"demands": [job("half"), job("half-b", where={"sites": ["nowhere"]})]})
        self.assertEqual(self.good("GET", "/v1/demands?name=half")["items"], [])

    def test_a_demand_from_end_to_end(self):
        answer = self.ask("POST", "/v1/demands", job("short", simulate={"duration": "100ms"}))
        demand = answer.json["id"]
        self.assertEqual(answer.headers["Location"], f"/v1/demands/{demand}")
        done = wait_until(lambda: (lambda d: d if d["state"] == "succeeded" else None)(self.good("GET", f"/v1/demands/{demand}")), "it to end")
        self.assertEqual(len(done["placements"]), 1)
        self.assertEqual(done["placements"][0]["engine"], "simulated")
        self.assertEqual(done["spec"]["name"], "short")
        story = [line["event"] for line in self.good("GET", f"/v1/demands/{demand}/story")["items"]]
        self.assertEqual(story[0], "demand-accepted")
        self.assertEqual(story[-1], "demand-ended")
        cancelled = self.good("POST", f"/v1/demands/{demand}/cancel", status=202)
        self.assertEqual(cancelled["state"], "succeeded")

    def test_why(self):
        demand = self.submit(impossible())
        why = self.good("GET", f"/v1/demands/{demand}/why")
        self.assertEqual((why["id"], why["state"], why["fits_now"]), (demand, "pending", False))
        self.assertTrue(why["summary"])
        self.assertEqual(sum(group["sites"] for group in why["groups"]), 5)
        self.assertTrue(why["start"])
        self.assertTrue(why["change"])
        self.assertTrue(all(change["verified"] and change["steps"] for change in why["changes"]))
        self.assertTrue(self.good("GET", f"/v1/demands/{demand}")["reason"])

    def test_cancel(self):
        demand = self.submit(job("cancelled"))
        self.good("POST", f"/v1/demands/{demand}/cancel", status=202)
        wait_until(lambda: self.good("GET", f"/v1/demands/{demand}")["state"] == "cancelled", "it to be cancelled")

    def test_logs_of_what_has_none(self):
        self.problem(404, "no-output", "GET", f"/v1/demands/{self.submit(impossible())}/logs")


class Streams(ApiCase):
    def stream(self, headers=None, path="/v1/events", role="operator"):
        connection = self.connect()
        connection.request("GET", path, headers=dict({"Accept": "text/event-stream", "Authorization": "Bearer " + self.cluster.token(role)},
                                                     **(headers or {})))
        response = connection.getresponse()
        self.assertEqual(response.status, 200)
        self.assertEqual(response.headers.get_content_type(), "text/event-stream")
        return connection, response

    def messages(self, response):
        """Messages as dicts of their fields; comments are passed over."""
        fields = {}
        while True:
            line = response.readline().decode().rstrip("\n")
            if line.startswith(":"):
                continue
            if line:
                name, _, value = line.partition(": ")
                fields[name] = value
            elif fields:
                yield fields
                fields = {}

    def test_resume_gives_all_once(self):
        connection, response = self.stream({"Last-Event-ID": "0"})
        stream = self.messages(response)
        ids = [self.submit(impossible(f"event-{i}")) for i in range(30)]
        accepted, numbers = [], []
        while len(accepted) < 10:
            message = next(stream)
            numbers.append(int(message["id"]))
            event = json.loads(message["data"])
            if event["type"] == "demand-accepted" and event["demand"] in ids:
                accepted.append(event["demand"])
        connection.close()
        connection, response = self.stream({"Last-Event-ID": str(numbers[-1])})
        stream = self.messages(response)
        while len(accepted) < 30:
            message = next(stream)
            self.assertGreater(int(message["id"]), numbers[-1])
            numbers.append(int(message["id"]))
            event = json.loads(message["data"])
            if event["type"] == "demand-accepted" and event["demand"] in ids:
                accepted.append(event["demand"])
        connection.close()
        self.assertEqual(accepted, ids)
        self.assertEqual(numbers, list(range(numbers[0], numbers[0] + len(numbers))))

    def test_reset(self):
        """A number from another life of the platform."""
        connection, response = self.stream({"Last-Event-ID": "999999999"})
        message = next(self.messages(response))
        self.assertEqual(message["event"], "reset")
        connection.close()

    def test_a_tenant_hears_its_own(self):
        connection, response = self.stream(role="tenant")
        stream = self.messages(response)
        self.submit(impossible("theirs", tenant="others"))
        mine = self.submit(impossible("mine"), role="tenant")
        while True:
            event = json.loads(next(stream)["data"])
            if "demand" in event:
                break
        self.assertEqual(event["demand"], mine)
        connection.close()

    def test_pages(self):
        ids = [self.submit(impossible(f"page-{i}")) for i in range(20)]
        newest = self.good("GET", "/v1/events?limit=5")["items"]
        self.assertEqual(len(newest), 5)
        first = int(newest[0]["sequence"])
        found, after = [], 0
        while True:
            page = self.good("GET", f"/v1/events?limit=7&after={after}")
            found += page["items"]
            if not page["next"]:
                break
            after = page["next"]
        numbers = [int(event["sequence"]) for event in found]
        self.assertEqual(numbers, sorted(set(numbers)))
        self.assertGreaterEqual(numbers[-1], first)
        self.assertEqual([event["demand"] for event in found if event["type"] == "demand-accepted"][-20:], ids)

    def test_streams_are_bounded_by_their_token(self):
        """Nobody reads on with a token that was revoked: its stream ends though others' go on, and a new one is refused."""
        secret = self.token_for("hearing", "viewer")
        others, others_stream = self.stream()
        connection, stream = self.stream({"Authorization": "Bearer " + secret})
        self.ask("DELETE", "/v1/tokens/hearing")
        stream.read()  # to its end
        connection.close()
        demand = self.submit(job("heard-by-others"))
        while demand not in others_stream.readline().decode():
            pass
        others.close()
        self.problem(401, "unauthorized", "GET", "/v1/events", token=secret, headers={"Accept": "text/event-stream"})


LOCAL = """
network:
  name: local
  title: One live site
  regions: [{name: here}]
  sites:
    - {name: live, tier: edge, region: here, latitude: 30, longitude: 100, engine: local,
       groups: [{name: g, count: 1, cpu: 8, memory: 64GiB}]}
"""


class Logs(ApiCase):
    """What real processes write, through a real agent."""
    @classmethod
    def setUpClass(cls):
        cls.cluster = Cluster(LOCAL)
        cls.cluster.serve()
        cls.cluster.agent("live")
        cls.cluster.wait_for_sites(1)

    def run_script(self, script, **more):
        return self.submit(dict({"name": "script", "command": ["sh", "-c", script], "shape": {"cpu": "100m", "memory": "16MiB"}}, **more))

    def wait_for(self, demand, state):
        wait_until(lambda: self.good("GET", f"/v1/demands/{demand}")["state"] == state, f"{demand} to be {state}")

    def read(self, demand, query=""):
        answer = self.ask("GET", f"/v1/demands/{demand}/logs{query}")
        self.assertEqual((answer.status, answer.headers.get_content_type()), (200, "text/plain"), answer.body)
        return answer.body.decode()

    def test_output_of_what_has_ended(self):
        demand = self.run_script("seq 1 50000; echo complaint >&2")
        self.wait_for(demand, "succeeded")
        whole = "".join(f"{i}\n" for i in range(1, 50001))
        self.assertEqual(self.read(demand), whole)
        self.assertEqual(self.read(demand, "?stream=stderr"), "complaint\n")
        self.assertEqual(self.read(demand, "?offset=1000&limit=500"), whole[1000:1500])
        self.assertEqual(self.read(demand, f"?offset={len(whole)}"), "")
        self.assertEqual(self.read(demand, "?follow=true"), whole)
        self.problem(404, "no-output", "GET", f"/v1/demands/{demand}/logs?attempt=7")

    def test_follow_sees_it_as_it_comes(self):
        gate = self.cluster.folder / "gate"
        demand = self.run_script(f"echo first; while [ ! -e {gate} ]; do sleep 0.05; done; echo last")
        connection = self.connect()
        connection.request("GET", f"/v1/demands/{demand}/logs?follow=true", headers={"Authorization": "Bearer " + self.cluster.token("operator")})
        wait_until(lambda: self.good("GET", f"/v1/demands/{demand}")["state"] == "running", "it to run")
        response = connection.getresponse()
        if response.status == 404:  # asked before it was placed
            response.read()
            connection.request("GET", f"/v1/demands/{demand}/logs?follow=true", headers={"Authorization": "Bearer " + self.cluster.token("operator")})
            response = connection.getresponse()
        self.assertEqual(response.headers["Weir-Log-First"], "0")
        self.assertEqual(response.readline(), b"first\n")
        self.assertEqual(self.read(demand), "first\n")
        gate.touch()
        self.assertEqual(response.read(), b"last\n")
        connection.close()

    def test_a_reader_whose_token_is_revoked_hears_no_more(self):
        gate = self.cluster.folder / "revoked"
        demand = self.run_script(f"while [ ! -e {gate} ]; do echo more; sleep 0.05; done")
        self.wait_for(demand, "running")
        secret = self.token_for("reading", "auditor")
        connection = self.connect()
        connection.request("GET", f"/v1/demands/{demand}/logs?follow=true", headers={"Authorization": "Bearer " + secret})
        response = connection.getresponse()
        self.assertEqual(response.readline(), b"more\n")
        self.ask("DELETE", "/v1/tokens/reading")
        response.read()  # to its end, though the script goes on
        self.assertEqual(self.good("GET", f"/v1/demands/{demand}")["state"], "running")
        gate.touch()
        connection.close()

    def test_a_reader_that_is_slow_gets_all(self):
        demand = self.run_script("seq 1 600000")
        self.wait_for(demand, "succeeded")
        connection = self.connect()
        connection.request("GET", f"/v1/demands/{demand}/logs?follow=true", headers={"Authorization": "Bearer " + self.cluster.token("operator")})
        response = connection.getresponse()
        time.sleep(1)  # everything between us is full by now
        self.assertEqual(response.read(), "".join(f"{i}\n" for i in range(1, 600001)).encode())
        connection.close()


class Sync(ApiCase):
    agents = False

    def sync(self, sequence, wait_us=0, **more):
        body = dict({"version": 1, "site": "site-00", "epoch": "7", "sequence": str(sequence), "agent": "test", "engine": "simulated",
                     "wait_us": wait_us}, **more)
        return self.good("POST", "/v1/sync", body, role="supplier")

    def test_held_until_there_is_news(self):
        groups = [{"name": "g", "count": 4, "cpu": "8", "memory": "32GiB", "chips": {"ascend-910b": 2}}]
        reply = self.sync(1, groups=groups, supply_hash="5", unknown_key="is skipped")
        heard = {"heard_epoch": reply["epoch"], "heard_revision": reply["revision"], "supply_hash": "5"}
        reply = self.sync(2, **heard)
        heard = {"heard_epoch": reply["epoch"], "heard_revision": reply["revision"], "supply_hash": "5"}
        begin = time.monotonic()
        self.sync(3, wait_us=700000, **heard)
        self.assertGreaterEqual(time.monotonic() - begin, 0.5)
        connection = self.connect()
        connection.request("POST", "/v1/sync", body=json.dumps(dict({"version": 1, "site": "site-00", "epoch": "7", "sequence": "4", "agent": "test",
                           "engine": "simulated", "wait_us": 50000000}, **heard)),
                           headers={"Content-Type": "application/json", "Authorization": "Bearer " + self.cluster.token("supplier")})
        demand = self.submit(job("wanted", where={"sites": ["site-00"]}))
        reply = Answer(connection.getresponse()).json
        self.assertEqual([run["demand"] for run in reply["run"]], [demand])
        self.assertEqual(reply["run"][0]["spec"]["name"], "wanted")
        connection.close()

    def test_refusals(self):
        body = {"version": 1, "site": "site-01", "epoch": "9", "sequence": "1"}
        self.good("POST", "/v1/sync", body, role="supplier")
        self.problem(409, "conflict", "POST", "/v1/sync", dict(body, epoch="8"), role="supplier")
        self.problem(422, "invalid", "POST", "/v1/sync", {"version": 1}, role="supplier")
        self.problem(422, "invalid", "POST", "/v1/sync", dict(body, version=0), role="supplier")
        self.problem(410, "watch-gone", "POST", "/v1/sync/logs", {"site": "site-01", "watch": "12345"}, role="supplier")

    def test_output_comes_from_its_own_site(self):
        """Neither another site nor a place in the output that cannot be reaches the reader."""
        groups = [{"name": "g", "count": 4, "cpu": "8", "memory": "32GiB"}]
        self.sync(1, site="site-02", groups=groups, supply_hash="5")
        demand = self.submit(job("spoken", where={"sites": ["site-02"]}))
        wait_until(lambda: self.good("GET", f"/v1/demands/{demand}")["state"] == "placed", "it to be placed")
        connection = self.connect()
        connection.request("GET", f"/v1/demands/{demand}/logs?follow=true&limit=4", headers={"Authorization": "Bearer " + self.cluster.token("operator")})
        numbers = iter(range(2, 1000000))
        watches = wait_until(lambda: self.sync(next(numbers), site="site-02", supply_hash="5").get("watches"), "the watch to be told")
        part = {"site": "site-02", "watch": watches[0]["watch"], "data": base64.b64encode(b"true").decode()}
        stranger = self.token_for("stranger", "supplier", site="site-03")
        self.problem(403, "forbidden", "POST", "/v1/sync/logs", part, token=stranger)
        self.problem(410, "watch-gone", "POST", "/v1/sync/logs", dict(part, site="site-03"), token=stranger)
        self.problem(422, "invalid", "POST", "/v1/sync/logs", dict(part, offset=2**63 - 1), role="supplier")
        self.problem(422, "invalid", "POST", "/v1/sync/logs", dict(part, first=2**63 - 1), role="supplier")
        self.assertEqual(self.ask("POST", "/v1/sync/logs", part, role="supplier").status, 204)
        self.assertEqual(connection.getresponse().read(), b"true")
        connection.close()


class WithoutTokens(ApiCase):
    """--no-auth: programs of this machine may do everything, pages that a browser here shows nothing."""
    serve_options = ("--no-auth",)
    agents = False

    def test_pages_of_others_get_nothing(self):
        drain = "/v1/sites/site-00/drain"
        own = self.cluster.url.split("//")[1]
        self.assertEqual(self.ask("POST", drain, role=None).status, 200)
        self.assertEqual(self.ask("POST", drain, role=None, headers={"Origin": f"http://{own}"}).status, 200)
        self.assertEqual(self.ask("GET", "/v1/sites", role=None, headers={"Host": "localhost:7400"}).status, 200)
        for headers in ({"Origin": "https://elsewhere.example"}, {"Origin": "null"}, {"Origin": f"http://{own}1"},
                        {"Host": "elsewhere.example"}, {"Host": "localhost.elsewhere.example", "Origin": "http://localhost.elsewhere.example"}):
            self.problem(401, "unauthorized", "POST", drain, role=None, headers=headers)
            self.problem(401, "unauthorized", "GET", "/v1/sites", role=None, headers=headers)


class Ending(ApiCase):
    def test_the_platform_ends_whoever_is_connected(self):
        """Streams end as a whole answer does, held syncs are answered, and the process exits well."""
        waiting = self.connect()
        waiting.request("GET", "/v1/events", headers={"Accept": "text/event-stream", "Authorization": "Bearer " + self.cluster.token("viewer")})
        response = waiting.getresponse()
        self.submit(impossible())
        self.assertEqual(self.cluster.stop("serve"), 0)
        self.assertIn(b"demand-accepted", response.read())
        waiting.close()


class Page(ApiCase):
    agents = False

    def test_page_and_its_cache(self):
        answer = self.ask("GET", "/", role=None)
        self.assertEqual((answer.status, answer.headers.get_content_type()), (200, "text/html"))
        self.assertIn("default-src 'none'", answer.headers["Content-Security-Policy"])
        self.assertEqual(answer.headers["X-Content-Type-Options"], "nosniff")
        again = self.ask("GET", "/", role=None, headers={"If-None-Match": answer.headers["ETag"]})
        self.assertEqual((again.status, again.body), (304, b""))

    def test_metrics(self):
        answer = self.ask("GET", "/metrics", role="viewer")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.headers.get_content_type(), "application/openmetrics-text")
        self.assertTrue(answer.body.endswith(b"# EOF\n"))
        self.assertIn(b"weir_sites", answer.body)
        self.assertIn(b"# TYPE weir_round_gap_ratio gauge", answer.body)

    def test_gap(self):
        body = job("too-large-for-all", tenant="default")
        body["workers"] = 2
        self.submit(body)
        now = self.good("GET", "/v1/gap", role="viewer")["now"]
        self.assertLessEqual(now["placed_chip_milli"], now["bound_chip_milli"])
        self.assertLessEqual(now["gap_permille"], 1000)
        self.assertTrue(now["complete"])
        self.assertFalse(now["coarse"])


if __name__ == "__main__":
    unittest.main()
