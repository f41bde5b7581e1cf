"""A real agent before a platform that the test plays: late and repeated answers, refusals, short leases."""
import http.server
import json
import pathlib
import queue
import subprocess
import sys
import tempfile
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cluster import PATIENCE_S, WEIR, wait_until  # noqa: E402

NETWORK = """
network:
  name: alone
  regions: [{name: here}]
  sites:
    - {name: first, title: First, tier: hub, region: here, operator: test, latitude: 40, longitude: 110, engine: local,
       groups: [{name: machine, count: 1, cpu: 4, memory: 4GiB}]}
"""
EPOCH = "1000"


class Sync:
    """One request of the agent's, which waits until the test answers it."""

    def __init__(self, request):
        self.request = request
        self.answered = threading.Event()
        self.status, self.body = 200, b""

    def answer(self, revision, run=(), forget=(), lease_us=30000000, **more):
        self.give(200, dict({"version": 1, "platform": "played", "epoch": EPOCH, "revision": str(revision), "lease_us": lease_us,
                             "run": list(run), "forget": list(forget)}, **more))

    def give(self, status, document):
        self.status, self.body = status, json.dumps(document).encode()
        self.answered.set()

    def attempts(self):
        return {(item["demand"], item["state"]) for item in self.request.get("attempts", [])}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self):
        sync = Sync(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.syncs.put(sync)
        sync.answered.wait(PATIENCE_S)
        try:
            self.send_response(sync.status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(sync.body)))
            self.end_headers()
            self.wfile.write(sync.body)
        except OSError:
            pass  # the agent has given it up

    def log_message(self, *arguments):
        pass


class Played:
    def __enter__(self):
        self.scratch = tempfile.TemporaryDirectory(prefix="weir-agent-")
        self.folder = pathlib.Path(self.scratch.name)
        (self.folder / "network.yaml").write_text(NETWORK)
        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.server.syncs = queue.Queue()
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.log = self.folder / "agent.log"
        with open(self.log, "wb") as log:
            self.agent = subprocess.Popen([WEIR, "agent", "--server", f"http://127.0.0.1:{self.server.server_address[1]}", "--state",
                                           self.folder / "state", "--network", self.folder / "network.yaml", "--site", "first"],
                                          stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self.folder)
        return self

    def __exit__(self, *exception):
        self.agent.terminate()
        self.agent.wait(60)
        while not self.server.syncs.empty():
            self.server.syncs.get().give(503, {})
        self.server.shutdown()
        self.server.server_close()
        self.scratch.cleanup()

    def next(self):
        return self.server.syncs.get(timeout=PATIENCE_S)

    def run(self, demand, script, token="1", **more):
        spec = {"name": "played", "shape": {"cpu": "100m", "memory": "16MiB"}, "command": ["sh", "-c", script]}
        return {"demand": demand, "attempt": 1, "token": token, "spec": dict(spec, **more), "workers": [{"worker": 0, "node": "machine/0"}]}

    def name(self, demand):
        return {"demand": demand, "attempt": 1}

    def until(self, sync, revision, run, condition):
        """Answers until a sync fulfils the condition, and gives that one, not answered."""
        while not condition(sync):
            sync.answer(revision, run)
            sync = self.next()
        return sync


FIRST, SECOND = "0000000000001", "0000000000002"


class Agent(unittest.TestCase):
    def test_supply_is_told_until_it_was_heard(self):
        with Played() as played:
            sync = played.next()
            self.assertEqual(sync.request["groups"][0]["name"], "machine")
            sync.answer(1, want_supply=True)  # as if it had not come
            sync = played.next()
            self.assertEqual(sync.request["groups"][0]["name"], "machine")
            sync.answer(1)
            self.assertNotIn("groups", played.next().request)

    def test_keys_of_a_newer_platform_are_passed_over(self):
        with Played() as played:
            played.next().answer(7, hint={"of": ["a", "later", "version"]})
            self.assertEqual(played.next().request["heard_revision"], "7")

    def test_a_sync_is_held_for_a_part_of_the_lease(self):
        with Played() as played:
            first = played.next()
            self.assertEqual(first.request.get("wait_us", 0), 0)
            first.answer(1, lease_us=2000000)
            self.assertLessEqual(played.next().request["wait_us"], 500000)

    def test_a_late_answer_changes_nothing(self):
        with Played() as played:
            go, wrong = played.folder / "go", played.folder / "wrong"
            wanted = [played.run(FIRST, f"until [ -e {go} ]; do sleep 0.02; done")]
            late = played.until(self.started(played, wanted), 1, wanted, lambda sync: (FIRST, "running") in sync.attempts())
            go.touch()
            over = played.next()
            while (FIRST, "ended") not in over.attempts():
                over.answer(1, wanted)
                over = played.next()
            over.answer(3, [], [played.name(FIRST)])
            sync = played.next()
            self.assertEqual(sync.request["heard_revision"], "3")
            # Of before the end was heard: it names what is over, and something that was meant before.
            late.answer(2, [*wanted, played.run(SECOND, f"touch {wrong}", token="2")])
            sync.answer(3)
            sync = played.next()
            self.assertEqual(sync.request["heard_revision"], "3")
            self.assertEqual(sync.attempts(), set())
            self.assertFalse(wrong.exists())

    def started(self, played, wanted):
        played.next().answer(1, wanted)
        return played.next()

    def test_what_was_refused_is_not_started_by_the_next_answer(self):
        with Played() as played:
            wrong = played.folder / "wrong"
            refused = played.run(FIRST, f"touch {wrong}", simulate={"duration": "1s"})  # a local engine runs no pretence
            sync = self.started(played, [refused])
            self.assertEqual([(item["outcome"], item["state"]) for item in sync.request["attempts"]], [("refused", "ended")])
            sync.answer(2, [played.run(FIRST, f"touch {wrong}")])
            sync = played.next()
            self.assertEqual([item["outcome"] for item in sync.request["attempts"]], ["refused"])
            sync.answer(3, [], [played.name(FIRST)])
            self.assertEqual(played.next().attempts(), set())
            self.assertFalse(wrong.exists())

    def test_what_should_not_be_is_stopped(self):
        with Played() as played:
            wanted = [played.run(FIRST, "sleep 600")]
            sync = played.until(self.started(played, wanted), 1, wanted, lambda sync: (FIRST, "running") in sync.attempts())
            sync = played.until(sync, 2, [], lambda sync: (FIRST, "ended") in sync.attempts())
            self.assertEqual(sync.request["attempts"][0]["outcome"], "stopped")

    def test_an_answer_of_an_earlier_life_of_the_platform_changes_nothing(self):
        with Played() as played:
            wrong = played.folder / "wrong"
            played.next().answer(5)
            played.next().answer(9, [played.run(FIRST, f"touch {wrong}")], epoch="999")
            sync = played.next()
            self.assertEqual((sync.request["heard_epoch"], sync.request["heard_revision"]), (EPOCH, "5"))
            self.assertEqual(sync.attempts(), set())
            self.assertFalse(wrong.exists())

    def test_a_trouble_is_told_once(self):
        with Played() as played:
            for _ in range(3):
                played.next().give(404, {"type": "/problems/not-found", "title": "Not found", "detail": "there is no site first"})
            played.next().answer(1)
            played.next()
            text = played.log.read_text()
            self.assertEqual(text.count("it answered 404: there is no site first"), 1)
            self.assertEqual(text.count("answers again"), 1)

    def test_the_lease_ends_what_runs_when_the_platform_is_silent(self):
        with Played() as played:
            mark = played.folder / "mark"
            wanted = [played.run(FIRST, f"touch {mark}; sleep 600")]
            sync = played.next()
            sync.answer(1, wanted, lease_us=3000000)
            wait_until(mark.exists, "the job to begin")
            # Nothing is answered any more: every call is given up, until the engine itself has ended the attempt.
            while (FIRST, "ended") not in sync.attempts():
                sync = played.next()
            self.assertEqual(sync.request["attempts"][0]["outcome"], "lost")


if __name__ == "__main__":
    unittest.main()
