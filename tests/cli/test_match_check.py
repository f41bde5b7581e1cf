"""`weir check` and `weir match`: exit statuses, places of problems, and a round over the samples that adds up."""
import json
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIR = os.environ.get("WEIR_BIN", str(ROOT / "build" / "weir"))
NETWORK = "examples/networks/china.yaml"
CATALOGUE = "examples/chips/catalogue.yaml"
DEMANDS = sorted(str(path.relative_to(ROOT)) for path in (ROOT / "examples" / "demands").glob("*.yaml"))

CATALOGUE_TEXT = """\
catalogue:
  models:
    - {name: alpha, title: Alpha, vendor: Maker, origin: domestic, memory: 64GiB}
"""
DEMAND_TEXT = """\
demand:
  name: slip
  kind: job
  shape:
    cpu: 1
    memory: 1GiB
    chips:
      count: 1
      models: [alhpa]
  command: [train]
"""


def weir(*arguments, stdin=""):
    return subprocess.run([WEIR, *arguments], cwd=ROOT, input=stdin, capture_output=True, text=True, timeout=120)


class Check(unittest.TestCase):
    def test_the_samples_are_sound_together(self):
        result = weir("check", NETWORK, CATALOGUE, *DEMANDS)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        self.assertIn("260 sites", result.stdout)
        self.assertEqual(len(result.stdout.splitlines()), 2 + len(DEMANDS))

    def test_a_problem_has_its_place(self):
        with tempfile.TemporaryDirectory() as folder:
            catalogue = pathlib.Path(folder, "chips.yaml")
            demand = pathlib.Path(folder, "slip.yaml")
            catalogue.write_text(CATALOGUE_TEXT)
            demand.write_text(DEMAND_TEXT)
            alone = weir("check", str(demand))
            both = weir("check", str(demand), str(catalogue))
            told = json.loads(weir("check", "--json", str(demand), str(catalogue)).stdout)
        self.assertEqual(alone.returncode, 0, alone.stdout)
        self.assertEqual(both.returncode, 1)
        self.assertIn(f"{demand}:9:16: demand.shape.chips.models[0]: there is no chip model 'alhpa'", both.stdout)
        self.assertIn("did you mean 'alpha'?", both.stdout)
        self.assertEqual(told["problem_count"], 1)
        self.assertEqual(told["files"][0]["problems"][0]["line"], 9)
        self.assertEqual(told["files"][1]["kind"], "catalogue")

    def test_every_problem_is_told_at_once(self):
        result = weir("check", "-", stdin=DEMAND_TEXT.replace("1GiB", "lots").replace("kind: job", "kind: jbo").replace("cpu: 1", "cpuu: 1"))
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stdout, r"(?m)^<stdin>:3:\d+: .*kind: ")
        self.assertRegex(result.stdout, r"(?m)^<stdin>:5:\d+: .*cpu")
        self.assertRegex(result.stdout, r"(?m)^<stdin>:6:\d+: .*memory: ")

    def test_missing_files_and_arguments(self):
        self.assertEqual(weir("check", "/nonexistent.yaml").returncode, 1)
        self.assertEqual(weir("check").returncode, 2)
        help_text = weir("check", "--help")
        self.assertEqual(help_text.returncode, 0)
        self.assertIn("--json", help_text.stdout)


class Match(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.result = weir("match", "--network", NETWORK, "--catalogue", CATALOGUE, "--json", *DEMANDS)
        cls.plan = json.loads(cls.result.stdout) if cls.result.returncode == 0 else None

    def test_a_round_over_the_samples_adds_up(self):
        self.assertEqual(self.result.returncode, 0, self.result.stderr)
        totals = self.plan["totals"]
        self.assertEqual(totals["placed"] + totals["partly_placed"] + totals["pending"], self.count_demands())
        self.assertEqual(totals["workers"], sum(len(one["workers"]) for one in self.plan["placements"]))
        self.assertEqual(totals["sites_used"], len({one["site"] for one in self.plan["placements"]}))
        self.assertEqual(totals["price_micro"], sum(one["price_micro"] for one in self.plan["placements"]))
        used = sum(len(worker["chips"]) * worker["chip_milli"] for one in self.plan["placements"] for worker in one["workers"])
        self.assertEqual(sum(chip["used_milli"] for chip in totals["chips"]), used)

    def count_demands(self):
        return sum(len(re.findall(r"(?m)^(?:demand:|  - name:)", (ROOT / path).read_text())) for path in DEMANDS)

    def test_no_chip_is_given_out_twice(self):
        used = {}
        for one in self.plan["placements"]:
            for worker in one["workers"]:
                for chip in worker["chips"]:
                    place = (one["site"], worker["node"], chip)
                    used[place] = used.get(place, 0) + worker["chip_milli"]
        self.assertLessEqual(max(used.values()), 1000)

    def test_what_waits_says_why(self):
        waiting = {one["demand"]: one for one in self.plan["pending"]}
        self.assertIn("nobody-has-it", waiting)
        self.assertTrue(waiting["nobody-has-it"]["never"])
        for one in waiting.values():
            self.assertTrue(one["summary"])
            self.assertEqual(sum(group["sites"] for group in one["groups"]), 260)
            self.assertTrue(one["change"])
            self.assertTrue(one["start"])

    def test_the_smallest_change_is_said(self):
        waiting = {one["demand"]: one for one in self.plan["pending"]}
        change = waiting["nobody-has-it"]["changes"][0]
        self.assertEqual([step["dimension"] for step in change["steps"]], ["model"])
        self.assertTrue(change["verified"])
        self.assertIn("it would start now at " + change["site"], change["sentence"])

    def test_a_policy_counts(self):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / "policy.yaml"
            path.write_text("policy:\n  name: tight\n  tenants:\n    - name: default\n      limit: {cpu: 1}\n")
            told = json.loads(weir("match", "-n", NETWORK, "-c", CATALOGUE, "-p", str(path), "--json", *DEMANDS).stdout)
        self.assertLess(len(told["placements"]), len(self.plan["placements"]))
        limits = [step for one in told["pending"] for change in one["changes"] for step in change["steps"] if step["dimension"] == "limit"]
        self.assertTrue(limits)

    def test_twice_the_same(self):
        again = weir("match", "--network", NETWORK, "--catalogue", CATALOGUE, "--json", *DEMANDS)
        self.assertEqual(again.stdout, self.result.stdout)

    def test_for_people(self):
        result = weir("match", "-n", NETWORK, "-c", CATALOGUE, *DEMANDS)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"(?m)^DEMAND +KIND +SITE")
        self.assertRegex(result.stdout, r"(?m)^nobody-has-it: .*br100")
        self.assertRegex(result.stdout, r"(?m)^\d+ demands: \d+ placed, \d+ in part, \d+ pending; ")

    def test_wrong_use(self):
        self.assertEqual(weir("match", *DEMANDS).returncode, 2)
        self.assertEqual(weir("match", "-n", NETWORK).returncode, 2)
        swapped = weir("match", "-n", CATALOGUE, *DEMANDS)
        self.assertEqual(swapped.returncode, 1)
        self.assertIn("holds catalogue where network was expected", swapped.stderr)


if __name__ == "__main__":
    unittest.main()
