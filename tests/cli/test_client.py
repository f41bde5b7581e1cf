"""What the command line makes of answers: errors, retries, pages, broken streams, contexts."""
import json
import os
import pathlib
import sys
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from fake import Fake

ID = "0c9v4kq2m1a0x"


def demand(state="running", **more):
    value = {"id": ID, "name": "thing", "title": "", "tenant": "default", "kind": "job", "state": state, "reason": "because", "priority": 100,
             "workers": 1, "running_count": 0, "attempt": 1, "accepted_us": 1, "started_us": 1, "ended_us": 0, "progress_permille": -1,
             "exit_code": -1, "simulated": False, "cpu_milli": 500, "memory_mib": 64, "chip_milli": 0, "sites": "here", "expect": "none"}
    value.update(more)
    return value


def placement(state="running", attempt=1, **more):
    value = {"replica": 0, "attempt": attempt, "site": "here", "tier": "hub", "region": "r", "engine": "local", "state": state,
             "outcome": "none", "exit_code": -1, "exit_signal": 0, "message": ""}
    value.update(more)
    return value


def ended(code=0, state="succeeded", **more):
    return demand(state, ended_us=2, placements=[placement("ended", exit_code=code, **more)])


class Errors(unittest.TestCase):
    def status_for(self, status):
        with Fake(lambda request: request.problem(status, "the detail", [{"path": "shape.cpu", "text": "is too much"}])) as fake:
            return fake.weir("ls")

    def test_exit_statuses(self):
        for status, expected in ((400, 1), (401, 4), (403, 4), (404, 5), (409, 1), (500, 1)):
            self.assertEqual(self.status_for(status).returncode, expected, status)

    def test_problem_is_told_whole(self):
        result = self.status_for(400)
        self.assertEqual(result.stderr, "weir ls: the detail\n  shape.cpu: is too much\n")
        self.assertEqual(result.stdout, "")

    def test_missing_token_says_where_from(self):
        self.assertIn("The token came from nowhere", self.status_for(401).stderr)

    def test_answer_that_is_no_json(self):
        with Fake(lambda request: request.answer(b"<html>", kind="text/html")) as fake:
            result = fake.weir("ls")
        self.assertEqual(result.returncode, 1)
        self.assertIn("no JSON", result.stderr)

    def test_problem_without_text(self):
        with Fake(lambda request: request.answer(b"", 502)) as fake:
            result = fake.weir("ls")
        self.assertEqual(result.returncode, 1)
        self.assertIn("status 502", result.stderr)

    def test_unreachable(self):
        with Fake(lambda request: None) as fake:
            result = fake.weir("ls", environment={"WEIR_SERVER": "http://127.0.0.1:9"})
        self.assertEqual(result.returncode, 3)
        self.assertIn("cannot reach http://127.0.0.1:9", result.stderr)

    def test_usage(self):
        with Fake(lambda request: None) as fake:
            for words in (["ls", "--stat", "x"], ["ls", "--limit", "0"], ["ls", "--limit"], ["ls", "--all=1"], ["ls", "extra"],
                          ["ls", "--state", "asleep"], ["ls", "--kind", "thing"], ["show"], ["cancel"], ["run"], ["run", "--"],
                          ["run", "--env", "X", "--", "true"], ["run", "--near", "x", "--", "true"], ["submit"], ["nothing"],
                          ["token", "make"], ["token", "create", "x"], ["token", "create", "--role", "tenant", "x"], ["token", "revoke"],
                          ["logs", "--worker", "-1", "x"], ["events", "-n", "1001"], ["sites", "--tier", "cellar"], ["drain"], ["context", "--set"]):
                result = fake.weir(*words)
                self.assertEqual(result.returncode, 2, words)
                self.assertEqual(result.stdout, "", words)
                self.assertNotEqual(result.stderr, "", words)
            self.assertEqual(fake.seen, [])

    def test_near_misses_are_named(self):
        with Fake(lambda request: None) as fake:
            self.assertIn("did you mean '--state'?", fake.weir("ls", "--stat", "x").stderr)
            self.assertIn("did you mean 'submit'?", fake.weir("submti").stderr)
            self.assertIn("Try 'weir --help'.", fake.weir("bogus").stderr)


class Retries(unittest.TestCase):
    def test_busy_is_tried_again(self):
        answers = []

        def answer(request):
            answers.append(1)
            if len(answers) < 3:
                request.problem(429, "too many", headers={"Retry-After": "0"})
            else:
                request.answer({"items": [demand()], "next": ""})

        with Fake(answer) as fake:
            result = fake.weir("ls")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(len(answers), 3)

    def test_lost_answer_is_asked_for_again_under_the_same_key(self):
        accepted = {}

        def answer(request):
            key = request.headers["Idempotency-Key"]
            first = key not in accepted
            accepted.setdefault(key, 0)
            accepted[key] += 1
            if first:
                request.hang_up()
            else:
                request.answer({"ids": [ID], "repeated": True}, 201)

        with Fake(answer) as fake:
            result = fake.weir("submit", "--json", "-", stdin="demand: {name: thing, command: [\"true\"], shape: {cpu: 1, memory: 1MiB}}")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(json.loads(result.stdout), {"ids": [ID], "repeated": True})
        self.assertEqual(list(accepted.values()), [2])

    def test_key_stays_as_given(self):
        with Fake(lambda request: request.answer({"ids": [ID], "repeated": False}, 201)) as fake:
            fake.weir("submit", "--key", "abc", "-", stdin="demand: {name: thing, command: [\"true\"], shape: {cpu: 1, memory: 1MiB}}")
            self.assertEqual(fake.seen[0].headers["Idempotency-Key"], "abc-0")
            self.assertEqual(fake.seen[0].json()["demands"][0]["name"], "thing")


class Pages(unittest.TestCase):
    def test_all_pages_are_read(self):
        def answer(request):
            at = int(request.query.get("cursor", 0))
            items = [{"name": f"site-{at + i}", "tier": "hub"} for i in range(3)]
            request.answer({"items": items, "next": str(at + 3) if at < 6 else ""})

        with Fake(answer) as fake:
            result = fake.weir("sites", "--json")
        self.assertEqual([site["name"] for site in json.loads(result.stdout)["items"]], [f"site-{i}" for i in range(9)])

    def test_limit_ends_reading(self):
        def answer(request):
            count = int(request.query["limit"])
            request.answer({"items": [demand() for _ in range(min(count, 2))], "next": "x"})

        with Fake(answer) as fake:
            result = fake.weir("ls", "-n", "3", "--json")
            self.assertEqual(len(json.loads(result.stdout)["items"]), 3)
            self.assertEqual([request.query["limit"] for request in fake.seen], ["3", "1"])

    def test_filters_are_escaped(self):
        with Fake(lambda request: request.answer({"items": [], "next": ""})) as fake:
            fake.weir("ls", "--name", "a b&c/d", "--state", "ended")
            self.assertEqual(fake.seen[0].query["name"], "a%20b%26c%2Fd")
            self.assertEqual(fake.seen[0].query["state"], "ended")


class Tables(unittest.TestCase):
    def show(self, columns, *options):
        items = [demand("pending", name="first", reason="a very long reason " * 10), demand(name="second", sites="贵安", simulated=True),
                 demand("failed", name="evil\x1b[31m", progress_permille=430)]
        with Fake(lambda request: request.answer({"items": items, "next": ""})) as fake:
            result = fake.weir("ls", *options, environment={"COLUMNS": str(columns)} if columns else None)
        self.assertEqual(result.returncode, 0, result.stderr)
        return result.stdout.splitlines()

    def test_nothing_is_cut_without_a_terminal(self):
        lines = self.show(None)
        self.assertIn(("a very long reason " * 10).strip(), lines[1])
        self.assertRegex(lines[0], r"^ID +NAME +TENANT +STATE +DONE +TIME +SITE +REASON$")

    def test_cut_to_width(self):
        for columns in (20, 60, 80, 120):
            for line in self.show(columns):
                width = sum(2 if ord(c) > 0x2fff else 1 for c in line)
                self.assertLessEqual(width, columns)

    def test_simulated_is_labelled(self):
        self.assertIn("(simulated) 贵安", self.show(None)[2])
        self.assertIn("(simulated)", self.show(80)[2])

    def test_no_colours_and_no_escapes_in_a_pipe(self):
        self.assertNotIn("\x1b", "\n".join(self.show(None)))
        self.assertIn("evil?[31m", "\n".join(self.show(None)))


class Shown(unittest.TestCase):
    def summary(self, **more):
        value = {"name": "n", "title": "t", "sites": 1, "sites_up": 1, "chips_domestic": 0, "chips_foreign": 0, "demands": {}, "tiers": [],
                 "chips": []}
        value.update(more)
        with Fake(lambda request: request.answer(value)) as fake:
            return fake.weir("summary").stdout

    def test_summary_says_how_good_the_last_round_was(self):
        measured = {"measured_us": 1, "placed_chip_milli": 60500, "bound_chip_milli": 64000, "gap_permille": 55}
        self.assertRegex(self.summary(round=measured), r"ago, placed 60\.5 of at most 64 chips \(gap 5\.5 %\)\n")
        self.assertNotIn("round", self.summary())
        measured.update(placed_chip_milli=0, bound_chip_milli=0, gap_permille=0)
        self.assertNotIn("round", self.summary(round=measured))

    def test_show_says_when_it_will_start(self):
        for start_us, expected in ((0, None), (-1, "not known"), (1, "at any moment"), (int((time.time() + 750.5) * 1e6), "in about 12 min")):
            def answer(request, start_us=start_us):
                request.answer({"items": [], "next": ""} if request.path.endswith("story") else
                               demand("pending", started_us=0, estimated_start_us=start_us, placements=[], spec={}))

            with Fake(answer) as fake:
                out = fake.weir("show", ID).stdout
            if expected:
                self.assertRegex(out, rf"(?m)^  starts +{expected}$")
            else:
                self.assertNotIn("starts ", out)


class Following(unittest.TestCase):
    def test_output_that_breaks_is_resumed_where_it_broke(self):
        whole = b"".join(b"line %d\n" % i for i in range(1000))
        served = []

        def answer(request):
            if not request.path.endswith("/logs"):
                request.answer(demand(placements=[placement()]) if len(served) < 3 else ended())
                return
            offset = int(request.query["offset"])
            served.append(offset)
            upto = offset + 2500 if len(served) < 4 else len(whole)
            request.begin("text/plain", len(whole) - offset, {"Weir-Log-First": "0"})
            request.write(whole[offset:upto])
            if upto < len(whole):
                request.hang_up()

        with Fake(answer) as fake:
            result = fake.weir("logs", "-f", ID)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout.encode(), whole)
        self.assertEqual(served[:3], [0, 2500, 5000])

    def test_output_that_is_no_longer_kept_is_passed_over(self):
        served = []

        def answer(request):
            if not request.path.endswith("/logs"):
                request.answer(ended() if served else demand(placements=[placement()]))
                return
            served.append(int(request.query["offset"]))
            if len(served) == 1:
                request.begin("text/plain", 100, {"Weir-Log-First": "1000"})
                request.write(b"kept\n")
                request.hang_up()
            else:
                request.answer(b"", headers={"Weir-Log-First": "1000"}, kind="text/plain")

        with Fake(answer) as fake:
            result = fake.weir("logs", "-f", ID)
        self.assertEqual(result.stdout, "kept\n")
        self.assertEqual(served[1], 1005)

    def test_the_next_attempt_is_followed(self):
        state = {"attempt": 1, "over": set()}

        def answer(request):
            if request.path.endswith("/logs"):
                attempt = int(request.query["attempt"])
                text = b"attempt %d\n" % attempt
                state["over"].add(attempt)
                request.answer(text[int(request.query["offset"]):], kind="text/plain", headers={"Weir-Log-First": "0"})
            elif state["over"] == {1}:
                request.answer(demand(attempt=2, placements=[placement("ended", 1), placement("running", 2)]))
            elif 2 in state["over"]:
                request.answer(demand("succeeded", attempt=2, placements=[placement("ended", 1), placement("ended", 2, exit_code=0)]))
            else:
                request.answer(demand(placements=[placement("ended", 1)]))

        with Fake(answer) as fake:
            result = fake.weir("logs", "-f", ID)
        self.assertEqual(result.stdout, "attempt 1\nattempt 2\n")

    def test_workers_are_told_apart(self):
        def answer(request):
            if request.path.endswith("/logs"):
                text = b"from %s\nno end" % request.query["worker"].encode()
                request.answer(text[int(request.query["offset"]):], kind="text/plain", headers={"Weir-Log-First": "0"})
            else:
                request.answer(dict(ended(), workers=2))

        with Fake(answer) as fake:
            result = fake.weir("logs", ID)
            only = fake.weir("logs", "--worker", "1", ID)
        self.assertEqual(sorted(result.stdout.splitlines()), ["[0] from 0", "[0] no end", "[1] from 1", "[1] no end"])
        self.assertEqual(only.stdout, "from 1\nno end")

    def test_not_placed_yet(self):
        with Fake(lambda request: request.answer(demand("pending", attempt=0, placements=[]))) as fake:
            result = fake.weir("logs", ID)
        self.assertEqual(result.returncode, 5)
        self.assertIn("not been placed", result.stderr)


class Running(unittest.TestCase):
    def run_to(self, final, *options):
        def answer(request):
            if request.method == "POST":
                request.answer({"id": ID, "repeated": False}, 201)
            elif request.path.endswith("/logs"):
                text = b"out\n" if request.query["stream"] == "stdout" else b"err\n"
                request.answer(text[int(request.query["offset"]):], kind="text/plain", headers={"Weir-Log-First": "0"})
            else:
                request.answer(final)

        with Fake(answer) as fake:
            result = fake.weir("run", *options, "--", "sh", "-c", "true")
            return result, fake.seen[0].json()

    def test_exit_status_is_the_commands(self):
        for final, expected in ((ended(), 0), (ended(3, "failed"), 3), (ended(-1, "failed", exit_signal=9), 137),
                                (ended(-1, "timed-out"), 124), (ended(-1, "cancelled"), 1), (ended(-1, "failed"), 1)):
            result, _ = self.run_to(final)
            self.assertEqual(result.returncode, expected, final["state"])
            self.assertEqual(result.stdout, "out\n")
            self.assertIn("err\n", result.stderr)

    def test_quiet_prints_only_what_the_command_wrote(self):
        result, _ = self.run_to(ended(), "--quiet")
        self.assertEqual((result.stdout, result.stderr), ("out\n", "err\n"))

    def test_options_become_a_demand(self):
        _, body = self.run_to(ended(), "--name", "n", "--workers", "2", "--chips", "0.25", "--chip-model", "a", "--chip-model", "b",
                              "--chip-memory", "32GiB", "--cpu", "2", "--memory", "1GiB", "--tier", "hub", "--tier", "edge", "--region", "r",
                              "--near", "s:20", "--tenant", "t", "--priority", "7", "--time-limit", "10m", "-e", "A=1", "-eB=x=y",
                              "--domestic", "--clearance", "--preemptible", "-C", "/tmp", "--grace", "1s")
        self.assertEqual(body, {
            "name": "n", "kind": "job", "tenant": "t", "workers": 2, "priority": 7, "preemptible": True, "command": ["sh", "-c", "true"],
            "shape": {"cpu": "2", "memory": "1GiB", "chips": {"count": "0.25", "models": ["a", "b"], "needs": {"memory": "32GiB"}}},
            "environment": {"A": "1", "B": "x=y"}, "time_limit": "10m", "grace": "1s", "working_folder": "/tmp",
            "where": {"tiers": ["hub", "edge"], "regions": ["r"], "near": {"site": "s", "within": "20ms"}},
            "rules": {"domestic_only": True, "clearance": True}})

    def test_defaults_and_coordinates(self):
        _, body = self.run_to(ended(), "--near", "39.9,116.4:5ms", "--simulate", "20s")
        self.assertEqual(body["name"], "sh")
        self.assertEqual(body["where"]["near"], {"latitude": "39.9", "longitude": "116.4", "within": "5ms"})
        self.assertEqual(body["simulate"], {"duration": "20s"})
        self.assertNotIn("chips", body["shape"])

    def test_detach(self):
        result, _ = self.run_to(ended(), "--detach")
        self.assertEqual((result.returncode, result.stdout), (0, ID + "\n"))


class Events(unittest.TestCase):
    def test_stream_is_resumed_by_the_last_id(self):
        asked = []

        def answer(request):
            asked.append(request.headers.get("Last-Event-ID"))
            if len(asked) == 3:
                request.problem(403, "enough")
                return
            at = len(asked) * 10
            text = "".join(f"id: {at + i}\ndata: {json.dumps({'sequence': at + i, 'type': 'placed', 'sentence': f'event {at + i}'})}\n\n" for i in range(2))
            request.begin("text/event-stream", len(text) + 100)
            request.write(b":\n\n" + text.encode())
            request.write(b"id: 99\nda")
            request.hang_up()

        with Fake(answer) as fake:
            result = fake.weir("events", "-f", "--json")
        self.assertEqual(result.returncode, 4)
        self.assertEqual([json.loads(line)["sequence"] for line in result.stdout.splitlines()], [10, 11, 20, 21])
        self.assertEqual(asked, [None, "11", "21"])

    def test_newest_are_printed_oldest_first(self):
        items = [{"sequence": n, "type": "placed", "time_us": 1, "sentence": f"event {n}"} for n in (3, 2, 1)]
        with Fake(lambda request: request.answer({"items": items, "next": ""})) as fake:
            result = fake.weir("events", "-n", "3")
        self.assertEqual([line.split()[-1] for line in result.stdout.splitlines()], ["1", "2", "3"])


class Contexts(unittest.TestCase):
    def authorization(self, fake):
        return fake.seen[-1].headers.get("Authorization")

    def test_order(self):
        with Fake(lambda request: request.answer({"items": [], "next": ""})) as fake:
            home = pathlib.Path(fake.home.name)
            for name in ("option", "environment", "context"):
                (home / f"{name}.token").write_text(f"{name}-secret\n")
            context = home / "context.json"
            context.write_text(json.dumps({"server": fake.url + "/", "token_file": "context.token"}))
            environment = {"WEIR_CONTEXT": str(context)}
            fake.weir("ls", server=False, environment=environment)
            self.assertEqual(self.authorization(fake), "Bearer context-secret")
            environment["WEIR_TOKEN_FILE"] = str(home / "environment.token")
            fake.weir("ls", server=False, environment=environment)
            self.assertEqual(self.authorization(fake), "Bearer environment-secret")
            environment["WEIR_TOKEN"] = "direct"
            fake.weir("ls", server=False, environment=environment)
            self.assertEqual(self.authorization(fake), "Bearer direct")
            fake.weir("ls", "--token-file", home / "option.token", server=False, environment=environment)
            self.assertEqual(self.authorization(fake), "Bearer option-secret")

    def test_secret_goes_to_its_own_server_only(self):
        with Fake(lambda request: request.answer({"items": [], "next": ""})) as fake:
            home = pathlib.Path(fake.home.name)
            (home / "t").write_text("secret\n")
            (home / "context.json").write_text(json.dumps({"server": "http://127.0.0.1:9", "token_file": "t"}))
            result = fake.weir("ls", environment={"WEIR_CONTEXT": str(home / "context.json")})
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIsNone(self.authorization(fake))

    def test_set_and_show(self):
        with Fake(lambda request: request.answer({"status": "ok", "version": "1"})) as fake:
            home = pathlib.Path(fake.home.name)
            (home / "t").write_text("secret")
            self.assertEqual(fake.weir("context", "--set", "--server", fake.url, "--token-file", "t", server=False).returncode, 0)
            stored = home / ".config" / "weir" / "context.json"
            self.assertEqual(os.stat(stored).st_mode & 0o777, 0o600)
            self.assertEqual(json.loads(stored.read_text()), {"server": fake.url, "token_file": str(home / "t")})
            shown = json.loads(fake.weir("context", "--json", server=False).stdout)
            self.assertTrue(shown["reachable"])
            self.assertEqual(shown["server_from"], "the context file")
            self.assertEqual(self.authorization(fake), "Bearer secret")

    def test_set_refuses_what_is_wrong(self):
        with Fake(lambda request: None) as fake:
            for words in (["--server", "ftp://x"], ["--server", fake.url, "--token-file", "missing"]):
                self.assertEqual(fake.weir("context", "--set", *words, server=False).returncode, 1)
            self.assertFalse((pathlib.Path(fake.home.name) / ".config").exists())

    def test_faulty_contexts(self):
        with Fake(lambda request: None) as fake:
            path = pathlib.Path(fake.home.name) / "c.json"
            for text in ("{", "[]", '{"server": "nowhere"}', '{"server": "http://127.0.0.1:9", "token_file": "missing"}'):
                path.write_text(text)
                result = fake.weir("ls", server=False, environment={"WEIR_CONTEXT": str(path)})
                self.assertEqual(result.returncode, 2, text)
            path.unlink()
            self.assertEqual(fake.weir("ls", server=False, environment={"WEIR_CONTEXT": str(path)}).returncode, 2)

    def test_token_that_would_break_a_header(self):
        with Fake(lambda request: None) as fake:
            result = fake.weir("ls", environment={"WEIR_TOKEN": "a\r\nEvil: yes"})
            self.assertEqual(result.returncode, 2)
            self.assertEqual(fake.seen, [])


if __name__ == "__main__":
    unittest.main()
