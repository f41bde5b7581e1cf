"""weir up: from files to a network that is up, and back to nothing."""
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from live import NETWORK, ROOT, WEIR, wait_until

DEMANDS = {
    "10-fine.yaml": "demand: {name: fine, command: [sh, -c, 'echo fine'], shape: {cpu: 100m, memory: 16MiB}, expect: succeeded}",
    "20-breaks.yaml": "demand: {name: breaks, command: [sh, -c, 'exit 3'], shape: {cpu: 100m, memory: 16MiB}, expect: failed}",
    "30-acted.json": json.dumps({"demand": {"name": "acted", "command": ["x"], "shape": {"cpu": "1", "memory": "1GiB"},
                                            "simulate": {"duration": "50ms"}}}),
    "40-stays.yml": "demand: {name: stays, kind: service, workers: 2, command: [sleep, '1000'], shape: {cpu: 100m, memory: 16MiB}, expect: running}",
    "50-waits.yaml": "demand: {name: waits, command: ['true'], shape: {cpu: 1, memory: 16MiB, chips: {count: 1, models: [h100]}}, expect: pending}",
    "README.md": "not a demand",
}
PATIENCE_S = 300


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def processes_naming(folder):
    """The command lines of processes that have the folder in them."""
    found = []
    for entry in pathlib.Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                line = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            except OSError:
                continue
            if str(folder) in line:
                found.append(line)
    return found


class Up(unittest.TestCase):
    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-up-"))
        self.state = self.folder / "state"
        self.network = self.folder / "network.yaml"
        self.network.write_text(NETWORK)
        self.demands = self.folder / "demands"
        self.demands.mkdir()
        for name, text in DEMANDS.items():
            (self.demands / name).write_text(text)
        self.environment = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
        self.environment["HOME"] = str(self.folder)

    def tearDown(self):
        self.assertEqual(processes_naming(self.state), [])
        shutil.rmtree(self.folder, ignore_errors=True)

    def command(self, *options):
        return [WEIR, "up", "--network", str(self.network), "--catalogue", str(ROOT / "examples" / "chips" / "catalogue.yaml"), "--demands",
                str(self.demands), "--state", str(self.state), "--port", str(free_port()), *options]

    def up(self, *options):
        return subprocess.run(self.command(*options), capture_output=True, text=True, timeout=PATIENCE_S, env=self.environment, cwd=self.folder)

    def start(self, *options):
        """Starts it and waits until it is up; gives the process and the line that says so."""
        process = subprocess.Popen(self.command("--json", *options), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                   env=self.environment, cwd=self.folder)
        self.addCleanup(lambda: (process.stdout.close(), process.stderr.close()))
        for line in process.stdout:
            said = json.loads(line)
            if said["type"] == "up":
                return process, said
        raise AssertionError(f"it did not come up: {process.stderr.read()}")

    def end(self, process, number=signal.SIGINT):
        process.send_signal(number)
        out, err = process.communicate(timeout=PATIENCE_S)
        self.assertEqual(process.returncode, 0, out + err)

    def weir(self, *arguments):
        environment = dict(self.environment, WEIR_CONTEXT=str(self.state / "context.json"))
        return subprocess.run([WEIR, *arguments], capture_output=True, text=True, timeout=PATIENCE_S, env=environment, cwd=self.folder)

    def verdicts(self, out):
        last = json.loads(out.splitlines()[-1])
        self.assertEqual(last["type"], "verdict")
        return {item["name"]: item for item in last["items"]}

    def test_until_done_and_on_from_there(self):
        result = self.up("--until-done")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("1 live sites and 2 simulated ones are up", result.stdout)
        self.assertRegex(result.stdout, r"http://127\.0\.0\.1:\d+/#token=\S+")
        self.assertIn("5 of 5 demands are as expected.", result.stdout)
        self.assertRegex(result.stdout, r"(?m)^\S+  breaks +failed")
        self.assertRegex(result.stdout, r"(?m)^\S+  acted +succeeded +\(simulated\) succeeded at")
        self.assertRegex(result.stdout, r"(?m)^acted +succeeded +succeeded +ok +\(simulated\)")
        self.assertEqual(processes_naming(self.state), [])
        # Again: nothing is submitted twice, the service is placed anew.
        again = self.up("--until-done")
        self.assertEqual(again.returncode, 0, again.stdout + again.stderr)
        self.assertIn("Goes on from", again.stdout)
        self.assertIn("5 of 5 demands are as expected.", again.stdout)

    def test_same_ids_until_fresh(self):
        first = self.verdicts(self.up("--until-done", "--json").stdout)
        second = self.verdicts(self.up("--until-done", "--json").stdout)
        third = self.verdicts(self.up("--until-done", "--json", "--fresh").stdout)
        self.assertEqual({name: item["id"] for name, item in first.items()}, {name: item["id"] for name, item in second.items()})
        self.assertFalse({item["id"] for item in first.values()} & {item["id"] for item in third.values()})

    def test_changed_file_is_submitted_again(self):
        first = self.verdicts(self.up("--until-done", "--json").stdout)
        (self.demands / "10-fine.yaml").write_text(DEMANDS["10-fine.yaml"].replace("echo fine", "echo finer"))
        second = self.verdicts(self.up("--until-done", "--json").stdout)
        self.assertNotEqual(first["fine"]["id"], second["fine"]["id"])
        self.assertEqual(first["breaks"]["id"], second["breaks"]["id"])

    def test_not_as_expected(self):
        (self.demands / "10-fine.yaml").write_text(DEMANDS["10-fine.yaml"].replace("echo fine", "exit 1"))
        result = self.up("--until-done")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, r"(?m)^fine +succeeded +failed +NOT AS EXPECTED")
        self.assertIn("4 of 5 demands are as expected.", result.stdout)

    def test_stays_until_it_is_told_to_end(self):
        process, said = self.start()
        self.assertTrue(said["server"].startswith("http://127.0.0.1:"))
        result = self.weir("run", "--quiet", "--tier", "edge", "--", "sh", "-c", "echo at $WEIR_SITE")
        self.assertEqual((result.returncode, result.stdout), (0, "at live-edge\n"), result.stderr)
        context = json.loads((self.state / "context.json").read_text())
        self.assertEqual(context["server"], said["server"])
        self.assertEqual(os.stat(self.state / "tokens" / "operator.token").st_mode & 0o777, 0o600)
        second = self.up()
        self.assertEqual(second.returncode, 1)
        self.assertIn("another 'weir up' runs", second.stderr)
        self.end(process)
        self.assertEqual(self.weir("ls").returncode, 3)

    def test_killed_children_are_started_again(self):
        process, _ = self.start()
        wait_until(lambda: json.loads(self.weir("show", "--json", "stays").stdout)["running_count"] == 2, "the service to run")
        pids = dict(line.split()[::2][::-1] for line in (self.state / "pids").read_text().splitlines())
        self.assertEqual(set(pids), {"platform", "agent-live-edge", "agents-simulated"})
        for name in pids:
            os.kill(int(pids[name]), signal.SIGKILL)

        def started_again():
            now = dict(line.split()[::2][::-1] for line in (self.state / "pids").read_text().splitlines())
            return set(now) == set(pids) and not set(now.values()) & set(pids.values())
        wait_until(started_again, "the children to be started again")
        result = wait_until(lambda: self.weir_once_up("run", "--quiet", "--tier", "edge", "--", "echo", "back"), "the network to be back")
        self.assertEqual(result.stdout, "back\n")
        # What ran while they were away was picked up again: still the first attempts.
        shown = json.loads(self.weir("show", "--json", "stays").stdout)
        self.assertEqual((shown["running_count"], shown["attempt"]), (2, 1))
        self.end(process, signal.SIGTERM)

    def weir_once_up(self, *arguments):
        result = self.weir(*arguments)
        return result if result.returncode == 0 else None

    def test_killed_parent_leaves_nothing_for_long(self):
        process, _ = self.start()
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        self.assertTrue(processes_naming(self.state))
        result = self.up("--until-done")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("that an earlier run left behind", result.stdout)

    def test_taken_port(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            command = self.command("--until-done")
            command[command.index("--port") + 1] = str(port)
            result = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S, env=self.environment, cwd=self.folder)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn(f"Port {port} is taken", result.stdout)

    def test_faulty_files(self):
        self.network.write_text(NETWORK.replace("tier: hub", "tier: cellar"))
        result = self.up()
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"network\.yaml:\d+:\d+: .*cellar")
        self.network.write_text(NETWORK)
        (self.demands / "60-bad.yaml").write_text("demand: {name: bad}")
        result = self.up("--until-done")
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"60-bad\.yaml:1:")

    def test_fresh_leaves_strangers_alone(self):
        self.state.mkdir()
        (self.state / "thesis.txt").write_text("the only copy")
        result = self.up("--fresh")
        self.assertEqual(result.returncode, 1)
        self.assertIn("holds other things", result.stderr)
        self.assertEqual((self.state / "thesis.txt").read_text(), "the only copy")

    def test_platform_that_cannot_start(self):
        (self.state / "platform").mkdir(parents=True)
        (self.state / "platform" / "weir.db").write_text("no database " * 1000)
        result = self.up()
        self.assertEqual(result.returncode, 1)
        self.assertIn("the platform does not come up", result.stderr)
        self.assertIn("platform.log", result.stderr)


class Script(unittest.TestCase):
    """./weir in the root of the repository."""

    def test_finds_the_build_and_the_context(self):
        with tempfile.TemporaryDirectory() as scratch:
            root = pathlib.Path(scratch)
            shutil.copy(ROOT / "weir", root / "weir")
            result = subprocess.run([root / "weir", "ls"], capture_output=True, text=True)
            self.assertEqual(result.returncode, 1)
            self.assertIn("make build", result.stderr)
            (root / "build" / "run").mkdir(parents=True)
            (root / "build" / "weir").write_text('#!/bin/sh\necho "$WEIR_CONTEXT" "$@"\n')
            (root / "build" / "weir").chmod(0o755)
            environment = {"PATH": os.environ["PATH"]}
            run = lambda **more: subprocess.run([root / "weir", "ls", "a b"], capture_output=True, text=True,  # noqa: E731
                                                env=dict(environment, **more)).stdout.strip()
            self.assertEqual(run(), "ls a b")
            (root / "build" / "run" / "context.json").write_text("{}")
            self.assertEqual(run(), f"{root.resolve()}/build/run/context.json ls a b")
            self.assertEqual(run(WEIR_CONTEXT="mine"), "mine ls a b")
            self.assertEqual(run(WEIR_SERVER="http://x"), "ls a b")


if __name__ == "__main__":
    unittest.main()
