"""Each subcommand against a real platform with real agents."""
import json
import os
import pathlib
import signal
import subprocess
import sys
import threading
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from live import WEIR, Live, wait_until

ID = r"[0-9a-hjkmnp-tv-z]{13}"


class Subcommands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.net = Live()
        cls.net.__enter__()

    @classmethod
    def tearDownClass(cls):
        cls.net.__exit__(None, None, None)

    def ok(self, *arguments, **options):
        result = self.net.weir(*arguments, **options)
        self.assertEqual(result.returncode, 0, f"weir {arguments}: {result.stderr}")
        return result.stdout

    def run_detached(self, name, *command, options=()):
        return self.ok("run", "--detach", "--name", name, *options, "--", *command).strip()

    # --- run ---

    def test_run_prints_what_the_command_prints(self):
        result = self.net.weir("run", "--chips", "1", "--tier", "edge", "--", "sh", "-c", "echo hello from $WEIR_SITE; echo oops >&2")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, "hello from live-edge\n")
        self.assertIn("oops\n", result.stderr)
        self.assertRegex(result.stderr, rf"(?m)^{ID}$")
        self.assertRegex(result.stderr, r"(?m)^succeeded: ")

    def test_run_ends_as_the_command_does(self):
        self.assertEqual(self.net.weir("run", "--", "sh", "-c", "exit 7").returncode, 7)
        self.assertEqual(self.net.weir("run", "--", "sh", "-c", "kill -9 $$").returncode, 137)
        self.assertEqual(self.net.weir("run", "--time-limit", "1s", "--grace", "1s", "--", "sleep", "600").returncode, 124)

    def test_run_with_environment_and_workers(self):
        out = self.ok("run", "--quiet", "--workers", "3", "--cpu", "100m", "--memory", "16MiB", "-e", "WORD=blue sky", "--", "sh", "-c",
                      "echo $WORD $WEIR_WORKER of $WEIR_WORKERS")
        self.assertEqual(sorted(out.splitlines()), [f"[{i}] blue sky {i} of 3" for i in range(3)])

    def test_run_on_simulated_sites_is_labelled(self):
        name = "acted"
        self.ok("run", "--quiet", "--name", name, "--simulate", "10ms", "--tier", "hub", "--chips", "8", "--chip-model", "ascend-910b", "--", "train")
        line = next(line for line in self.ok("ls", "--all", "--name", name).splitlines() if name in line)
        self.assertIn("(simulated)", line)
        placement = self.net.json("show", name)["placements"][0]
        self.assertEqual((placement["engine"], placement["outcome"], placement["exit_code"]), ("simulated", "succeeded", 0))
        self.assertIn("(simulated)", self.net.weir("ls", "--all", "--name", name, columns=60).stdout)
        for what in ("placed on", "attempt 1 succeeded at"):
            self.assertRegex(self.ok("show", name), rf"(?m){what} \S+ \(simulated\)")

    def test_show_tells_how_each_attempt_ended(self):
        for name, command, options, result in (("ends-well", "exit 0", [], "succeeded"), ("ends-ill", "exit 3", [], "failed: exit code 3"),
                                               ("ends-late", "sleep 100", ["--time-limit", "200ms"], "timed-out: signal 15 (Terminated)")):
            self.net.weir("run", "--quiet", "--name", name, "--memory", "16MiB", "--cpu", "100m", *options, "--", "sh", "-c", command)
            out = self.ok("show", name)
            self.assertIn(f" ended  {result}", out)
        self.assertIn("hit its time limit (it was allowed 200ms) at", out)
        self.assertEqual(self.net.json("show", "ends-well")["exit_code"], 0)

    def test_run_refused_by_the_platform(self):
        result = self.net.weir("run", "--site", "nowhere", "--", "true")
        self.assertEqual(result.returncode, 1)
        self.assertIn("nowhere", result.stderr)
        result = self.net.weir("run", "--cpu", "lots", "--", "true")
        self.assertEqual(result.returncode, 1)
        self.assertIn("shape.cpu", result.stderr)

    def test_ctrl_c_cancels(self):
        process = subprocess.Popen([WEIR, "run", "--name", "interrupted", "--", "sh", "-c", "echo up; exec sleep 600"], stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True, env=self.net.weir_environment())
        self.assertEqual(process.stdout.readline(), "up\n")
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 130, err)
        self.assertIn("Cancelling", err)
        self.assertEqual(self.net.state_of("interrupted"), "cancelled")

    # --- one demand ---

    def test_demand_by_id_and_by_name(self):
        first = self.run_detached("twice", "true")
        second = self.run_detached("twice", "true")
        self.net.wait_for_state(first, "succeeded")
        self.net.wait_for_state(second, "succeeded")
        self.assertEqual(self.net.json("show", first)["id"], first)
        result = self.net.weir("show", "twice")
        self.assertIn(second, result.stdout)
        self.assertIn("Several demands are named twice", result.stderr)
        for heading in ("Placements", "Story", "asks for", "live-edge", "twice attempt 1 succeeded"):
            self.assertIn(heading, result.stdout)

    def test_missing_demand(self):
        for command in ("show", "why", "logs", "cancel"):
            for word in ("no-such-thing", "0000000000001"):
                result = self.net.weir(command, word)
                self.assertEqual(result.returncode, 5, (command, word, result.stderr))

    def test_why(self):
        waiting = self.run_detached("huge", "true", options=("--chips", "8", "--chip-model", "ascend-910b", "--workers", "64", "--simulate", "1s"))
        out = self.ok("why", "--sites", "huge")
        self.assertIn(f"huge {waiting} is pending", out)
        self.assertGreaterEqual(out.count("•"), 2)
        self.assertIn("  start: ", out)
        self.assertRegex(out, r"(?m)^  (smallest change: with .* it would start now at|no change of one or two of its wishes) ")
        self.assertIn("sim-hub", out)
        view = self.net.json("why", waiting)
        self.assertEqual(view["state"], "pending")
        self.assertTrue(view["groups"])
        self.ok("cancel", waiting)

    def test_logs_of_both_streams_and_followed(self):
        name = self.run_detached("chatty", "sh", "-c", "for i in 1 2 3; do echo out $i; echo err $i >&2; sleep 0.1; done")
        self.assertEqual(self.ok("logs", "-f", name), "out 1\nout 2\nout 3\n")
        self.assertEqual(self.ok("logs", "--stderr", name), "err 1\nerr 2\nerr 3\n")
        self.assertEqual(self.ok("logs", "--attempt", "1", "chatty"), "out 1\nout 2\nout 3\n")
        both = self.net.weir("logs", "--both", name)
        self.assertEqual((both.stdout, both.stderr), ("out 1\nout 2\nout 3\n", "err 1\nerr 2\nerr 3\n"))
        self.assertEqual(self.net.weir("logs", "--attempt", "2", name).returncode, 5)

    def test_cancel(self):
        name = self.run_detached("sleeper", "sleep", "600")
        self.net.wait_for_state(name, "running")
        self.assertRegex(self.ok("cancel", name), rf"sleeper {name} is (stopping|cancelled)")
        self.net.wait_for_state(name, "cancelled")
        self.assertIn("cancelled", self.ok("cancel", name))

    # --- lists ---

    def test_ls_filters(self):
        name = self.run_detached("listed", "true")
        self.net.wait_for_state(name, "succeeded")
        self.assertNotIn(name, self.ok("ls"))
        self.assertIn(name, self.ok("ls", "--all"))
        self.assertIn(name, self.ok("ls", "--state", "succeeded", "--name", "listed"))
        self.assertNotIn(name, self.ok("ls", "--all", "--tenant", "another"))
        self.assertEqual([item["id"] for item in self.net.json("ls", "--all", "--name", "listed")["items"]], [name])
        self.assertLessEqual(len(self.net.json("ls", "--all", "--limit", "1")["items"]), 1)

    def test_tables_fit(self):
        for command in (["ls", "--all"], ["sites"], ["chips"], ["summary"], ["token", "list"]):
            for columns in (40, 80, 200):
                for line in self.ok(*command, columns=columns).splitlines():
                    if command != ["summary"] or "  " in line:
                        self.assertLessEqual(sum(2 if ord(c) > 0x2fff else 1 for c in line), columns, (command, line))

    def test_sites(self):
        out = self.ok("sites")
        self.assertEqual(len(out.splitlines()), 4)
        self.assertRegex(out, r"(?m)^live-edge +edge +south +local +up")
        self.assertRegex(out, r"(?m)^sim-hub +hub +north +simulated +up +16 +128/128")
        self.assertEqual([site["name"] for site in self.net.json("sites", "--tier", "hub")["items"]], ["sim-hub"])
        self.assertEqual([site["name"] for site in self.net.json("sites", "--engine", "local")["items"]], ["live-edge"])
        self.assertEqual([site["name"] for site in self.net.json("sites", "--region", "north", "--contains", "reg")["items"]], ["sim-regional"])
        one = self.ok("sites", "sim-hub")
        for text in ("A simulated hub", "nothing really runs here", "ascend-910b", "train"):
            self.assertIn(text, one)
        self.assertEqual(self.net.json("sites", "sim-hub")["name"], "sim-hub")
        self.assertEqual(self.net.weir("sites", "nowhere").returncode, 5)

    def test_chips(self):
        out = self.ok("chips")
        self.assertRegex(out, r"(?m)^ascend-910b +Huawei +domestic")
        self.assertRegex(self.ok("chips", "--present"), r"(?m)^ascend-310p ")
        self.assertNotIn("0MiB", out.split())
        self.assertNotIn("h100", self.ok("chips", "--present"))
        self.assertGreater(len(self.net.json("chips")["items"]), 10)

    def test_summary(self):
        out = self.ok("summary")
        self.assertIn("3 of 3 sites up, 2 of them simulated", out)
        self.assertRegex(out, r"(?m)^hub +1/1 +16 +128/128")
        self.assertEqual(self.net.json("summary")["sites"], 3)

    def test_drain(self):
        self.assertIn("sim-regional is draining", self.ok("drain", "sim-regional", "--reason", "new cooling", "--wait"))
        self.assertIn("new cooling", self.ok("sites", "sim-regional"))
        self.assertIn("draining", self.ok("sites"))
        self.assertEqual([site["name"] for site in self.net.json("sites", "--draining")["items"]], ["sim-regional"])
        self.assertIn("open again", self.ok("undrain", "sim-regional"))
        self.assertEqual(self.net.json("sites", "--draining")["items"], [])
        self.assertEqual(self.net.weir("drain", "nowhere").returncode, 5)

    def test_events(self):
        name = self.run_detached("eventful", "true")
        self.net.wait_for_state(name, "succeeded")
        out = self.ok("events", "-n", "1000", "--demand", name)
        self.assertIn("demand-accepted", out)
        types = [json.loads(line)["type"] for line in self.ok("events", "-n", "1000", "--demand", name, "--json").splitlines()]
        self.assertEqual(types[0], "demand-accepted")
        self.assertEqual(types[-1], "demand-ended")

    def test_events_followed(self):
        process = subprocess.Popen([WEIR, "events", "-f", "--json", "--type", "demand-ended"], stdout=subprocess.PIPE, text=True,
                                   env=self.net.weir_environment())
        heard = threading.Event()

        def listen():
            if json.loads(process.stdout.readline())["type"] == "demand-ended":
                heard.set()

        listener = threading.Thread(target=listen)
        listener.start()
        try:
            # The first may have ended before the stream began; each further one is another chance.
            wait_until(lambda: self.run_detached("heard", "true") and heard.wait(0.5), "an event")
        finally:
            process.terminate()
            process.wait()
            listener.join()
            process.stdout.close()

    # --- submit ---

    def submit(self, text, *options):
        return self.net.weir("submit", *options, "-", stdin=text)

    def test_submit_and_wait(self):
        text = json.dumps({"demands": [
            {"name": "fine", "command": ["true"], "shape": {"cpu": "100m", "memory": "16MiB"}},
            {"name": "breaks", "command": ["sh", "-c", "exit 3"], "shape": {"cpu": "100m", "memory": "16MiB"}, "expect": "failed"},
            {"name": "waits", "command": ["true"], "shape": {"cpu": "1", "memory": "16MiB", "chips": {"count": 1, "models": ["h100"]}}, "expect": "pending"},
            {"name": "stays", "kind": "service", "command": ["sleep", "1000"], "shape": {"cpu": "100m", "memory": "16MiB"}, "expect": "running"}]})
        result = self.submit(text, "--wait")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("4 of 4 as expected", result.stdout)
        self.ok("cancel", "waits", "stays")

    def test_submit_wait_tells_what_did_not_end_so(self):
        text = json.dumps({"demand": {"name": "surprise", "command": ["false"], "shape": {"cpu": "100m", "memory": "16MiB"}}})
        result = self.submit(text, "--wait", "--json")
        self.assertEqual(result.returncode, 1)
        self.assertEqual([(item["state"], item["as_expected"]) for item in json.loads(result.stdout)["items"]], [("failed", False)])

    def test_submit_again_under_the_same_key(self):
        text = "demand: {name: once, command: ['true'], shape: {cpu: 100m, memory: 16MiB}}"
        first = json.loads(self.submit(text, "--key", "k1", "--json").stdout)
        again = json.loads(self.submit(text, "--key", "k1", "--json").stdout)
        self.assertEqual(first["ids"], again["ids"])
        self.assertTrue(again["repeated"])
        self.assertEqual(len(self.net.json("ls", "--all", "--name", "once")["items"]), 1)

    def test_submit_nothing_when_a_file_is_wrong(self):
        good, bad = self.net.folder / "good.yaml", self.net.folder / "bad.yaml"
        good.write_text("demand: {name: unsent, command: ['true'], shape: {cpu: 1, memory: 1GiB}}")
        bad.write_text("demand:\n  name: Not A Name\n  comand: ['true']\n  shape: {cpu: 1, memory: 1}\n")
        result = self.net.weir("submit", good, bad)
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"bad\.yaml:2:\d+: ")
        self.assertRegex(result.stderr, r"bad\.yaml:3:\d+: .*command")
        self.assertEqual(self.net.json("ls", "--all", "--name", "unsent")["items"], [])
        self.assertEqual(self.net.weir("submit", self.net.folder / "missing.yaml").returncode, 1)

    def test_submit_many(self):
        count = 300
        demands = [{"name": f"many-{i}", "command": ["x"], "shape": {"cpu": "100m", "memory": "1MiB"}, "simulate": {"duration": "10ms"},
                    "where": {"tiers": ["hub"]}} for i in range(count)]
        result = self.submit(json.dumps({"demands": demands}), "--wait")
        self.assertEqual(result.returncode, 0, result.stdout[-2000:] + result.stderr)
        self.assertIn(f"{count} of {count} as expected", result.stdout)

    # --- who ---

    def test_roles(self):
        self.assertEqual(self.net.weir("drain", "sim-hub", role="viewer").returncode, 4)
        self.assertEqual(self.net.weir("run", "--", "true", role="viewer").returncode, 4)
        self.assertEqual(self.net.weir("token", "list", role="tenant").returncode, 4)
        self.assertEqual(self.net.weir("sites", role="viewer").returncode, 0)

    def test_tokens(self):
        path = self.net.folder / "lab.token"
        self.ok("token", "create", "--role", "tenant", "--tenant", "lab", "--out", path, "lab-token")
        self.assertEqual(os.stat(path).st_mode & 0o777, 0o600)
        self.assertRegex(self.ok("token", "list"), r"(?m)^lab-token +tenant +lab")
        self.ok("run", "--token-file", path, "--quiet", "--name", "labs-own", "--", "true")
        self.assertEqual(self.net.json("show", "labs-own")["tenant"], "lab")
        self.assertEqual(self.net.weir("token", "create", "--role", "viewer", "lab-token").returncode, 1)
        self.assertIn("lab-token is revoked", self.ok("token", "revoke", "lab-token"))
        self.assertEqual(self.net.weir("ls", "--token-file", path).returncode, 4)
        self.assertEqual(self.net.weir("token", "revoke", "lab-token").returncode, 5)
        self.assertRegex(self.ok("token", "create", "--role", "viewer", "printed").strip(), r"^\S{20,}$")

    def test_context(self):
        out = self.ok("context")
        self.assertIn(self.net.url, out)
        self.assertIn("answers yes", out)

    def test_completion_words(self):
        self.assertEqual(self.ok("__complete", "sites").split(), ["live-edge", "sim-hub", "sim-regional"])
        self.assertEqual(self.ok("__complete", "regions").split(), ["north", "south"])
        self.assertIn("ascend-910b", self.ok("__complete", "chips").split())
        name = self.run_detached("completed", "true")
        self.assertIn(name, self.ok("__complete", "demands").split())
        self.assertIn("completed", self.ok("__complete", "demands").split())


if __name__ == "__main__":
    unittest.main()
