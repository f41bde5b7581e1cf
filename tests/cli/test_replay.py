"""`weir replay`: the same trace twice is the same output, bad input is told with its place, and what the options say happens."""
import gzip
import json
import os
import pathlib
import subprocess
import tempfile
import unittest
import xml.dom.minidom

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIR = os.environ.get("WEIR_BIN", str(ROOT / "build" / "weir"))
NETWORK = str(ROOT / "examples" / "networks" / "china.yaml")
GRID = str(ROOT / "examples" / "policies" / "grid.yaml")


def weir(*arguments, **options):
    return subprocess.run([WEIR, *map(str, arguments)], capture_output=True, text=True, timeout=120, **options)


def make_trace():
    lines = ["; Version: 2.2", "; Computer: made for a test"]
    for job in range(1, 401):
        submit, run, width = job * 7, (job * 37) % 300, 1 + job % 5
        lines.append(f"{job} {submit} -1 {run} {width} -1 -1 {width} {run + 60} -1 1 {job % 7} {job % 3} -1 -1 -1 -1 -1")
    return "\n".join(lines) + "\n"


class Replay(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.path = pathlib.Path(cls.folder.name)
        cls.trace = cls.path / "trace.swf"
        cls.trace.write_text(make_trace())
        cls.packed = cls.path / "trace.swf.gz"
        cls.packed.write_bytes(gzip.compress(make_trace().encode()))

    def test_twice_the_same_packed_or_not(self):
        first = weir("replay", self.trace, "--slots", 10, "--json")
        self.assertEqual(first.returncode, 0, first.stderr)
        self.assertEqual(first.stderr, "")
        for path in (self.trace, self.packed):
            self.assertEqual(weir("replay", path, "--slots", 10, "--json").stdout, first.stdout)
        self.assertEqual(weir("replay", "-", "--slots", 10, "--json", input=make_trace()).stdout, first.stdout)

    def test_json_adds_up(self):
        result = json.loads(weir("replay", self.trace, "--slots", 10, "--json").stdout)
        self.assertEqual(result["jobs"], 400)
        self.assertEqual(result["wait"]["count"], 400)
        self.assertEqual(result["never"], 0)
        self.assertEqual(result["capacity_milli"], 10000)
        self.assertGreater(result["foretold"]["count"], 0)
        self.assertEqual([tenant["name"] for tenant in result["tenants"]], ["group-0", "group-1", "group-2"])
        self.assertEqual(sum(tenant["jobs"] for tenant in result["tenants"]), 400)
        self.assertAlmostEqual(sum(tenant["used_ppm"] for tenant in result["tenants"]), 1000000, delta=3)
        wait = result["wait"]
        self.assertTrue(wait["median_us"] <= wait["p95_us"] <= wait["p99_us"] <= wait["max_us"])

    def test_a_network_a_policy_and_text(self):
        result = weir("replay", self.trace, "-n", NETWORK, "-p", GRID)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("400 jobs over", result.stdout)
        self.assertIn("group-2", result.stdout)

    def test_short_order_waits_less_on_average(self):
        waits = [json.loads(weir("replay", self.trace, "--slots", 8, "--json", *policy).stdout)["wait"]["mean_us"]
                 for policy in ((), ("-p", GRID))]
        self.assertLess(waits[1], waits[0])

    def test_plot_is_an_image_and_the_same_each_time(self):
        pictures = []
        for name in ("one.svg", "two.svg"):
            self.assertEqual(weir("replay", self.trace, "--slots", 10, "--plot", self.path / name).returncode, 0)
            pictures.append((self.path / name).read_text())
        self.assertEqual(*pictures)
        self.assertEqual(xml.dom.minidom.parseString(pictures[0]).documentElement.tagName, "svg")
        self.assertEqual(weir("replay", self.trace, "--slots", 10, "--plot", "-").stdout, pictures[0])

    def test_progress_when_asked_for(self):
        quiet, told = (weir("replay", self.trace, "--slots", 10, *more) for more in ((), ("--progress",)))
        self.assertEqual(quiet.stdout, told.stdout)
        self.assertEqual(quiet.stderr, "")

    def test_faults_have_their_place(self):
        broken = self.path / "broken.swf"
        broken.write_text(make_trace() + "401 9 -1 x 1 -1 -1 1 60 -1 1 1 1 -1 -1 -1 -1 -1\n")
        result = weir("replay", broken, "--slots", 10)
        self.assertEqual(result.returncode, 1)
        self.assertIn("broken.swf: line 403: field 4 (run time)", result.stderr)
        cut = self.path / "cut.gz"
        cut.write_bytes(self.packed.read_bytes()[:-20])
        self.assertIn("ends in the middle", weir("replay", cut, "--slots", 10).stderr)
        missing = weir("replay", self.path / "nothing", "--slots", 10)
        self.assertEqual((missing.returncode, missing.stdout), (1, ""))

    def test_usage(self):
        for arguments in ((self.trace,), ("--slots", 10), (self.trace, "--slots", 10, "-n", NETWORK), (self.trace, "--slots", 0),
                          (self.trace, "--slots", 10, "--json", "--plot", "-")):
            with self.subTest(arguments):
                self.assertEqual(weir("replay", *arguments).returncode, 2)


if __name__ == "__main__":
    unittest.main()
