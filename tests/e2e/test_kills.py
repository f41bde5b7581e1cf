"""300 demands over three live agents while the platform is killed at 20 random moments and agents at 10:
every one ends, each ran exactly once, its output is whole, and nothing that was acknowledged is lost."""
import json
import os
import pathlib
import random
import sys
import threading
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cluster import Cluster, Unreachable, wait_until  # noqa: E402

DEMANDS = 300
PLATFORM_KILLS = 20
AGENT_KILLS = 10
SUBMITTERS = 3
LINES = 400

SITES = ("north-hub", "middle-regional", "south-edge")
NETWORK = """
network:
  name: kills
  title: Three live sites
  regions: [{name: north}, {name: middle}, {name: south}]
  sites:
    - {name: north-hub, title: North, tier: hub, region: north, operator: test, latitude: 40, longitude: 110, engine: local,
       groups: [{name: machine, count: 2, cpu: 8, memory: 64GiB, chips: {ascend-910b: 8}}]}
    - {name: middle-regional, title: Middle, tier: regional, region: middle, operator: test, latitude: 35, longitude: 112, engine: local,
       groups: [{name: machine, count: 1, cpu: 8, memory: 64GiB, chips: {h100: 4}}]}
    - {name: south-edge, title: South, tier: edge, region: south, operator: test, latitude: 25, longitude: 113, engine: local,
       groups: [{name: machine, count: 1, cpu: 8, memory: 64GiB}]}
"""

# Says that it began where a second run would show, then gives output whose loss or repetition would show.
SCRIPT = """
echo "$WEIR_WORKER $WEIR_ATTEMPT" >> "$RAN/$WEIR_NAME"
echo begin $WEIR_NAME $WEIR_WORKER
i=0
while [ $i -lt $LINES ]; do echo line $i; i=$((i+1)); done
sleep $NAP
echo end $WEIR_NAME $WEIR_WORKER
"""


def make_demand(number, ran, rng):
    workers = 3 if number % 25 == 0 else 1
    shape = {"cpu": "500m", "memory": "16MiB"}
    if number % 10 == 1:
        shape["chips"] = 1
    return {"name": f"demand-{number:03d}", "workers": workers, "shape": shape, "command": ["sh", "-c", SCRIPT],
            "environment": {"RAN": str(ran), "LINES": str(LINES), "NAP": f"{rng.choice([0, 0.05, 0.2, 1])}"}, "time_limit": "10m"}


def expected_output(name, worker):
    return "".join([f"begin {name} {worker}\n", *(f"line {i}\n" for i in range(LINES)), f"end {name} {worker}\n"])


class Kills(unittest.TestCase):
    def submit_all(self, cluster, numbers, ran, rng, acknowledged):
        """Submits each with its own idempotency key until it was acknowledged."""
        for number in numbers:
            demand = make_demand(number, ran, rng)

            def attempt():
                try:
                    status, answer = cluster.call("POST", "/v1/demands", demand, headers={"Idempotency-Key": demand["name"]}, timeout=10)
                except Unreachable:
                    return None
                return answer["id"] if status == 201 else None
            acknowledged[demand["name"]] = (wait_until(attempt, f"{demand['name']} to be acknowledged"), demand["workers"])

    def break_things(self, cluster, rng):
        """Kills in a random order at random moments, each process brought back at once."""
        kills = ["serve"] * PLATFORM_KILLS + [rng.choice(SITES) for _ in range(AGENT_KILLS)]
        rng.shuffle(kills)
        for name in kills:
            time.sleep(rng.uniform(0.05, 0.8))
            cluster.kill(name)
            if name == "serve":
                cluster.serve()
            else:
                cluster.agent(name)

    def test_each_demand_runs_exactly_once(self):
        seed = int(os.environ.get("WEIR_SEED", random.SystemRandom().randrange(1 << 30)))
        print(f"seed {seed}", flush=True)
        rng = random.Random(seed)
        with Cluster(NETWORK, serve_options=["--snapshot-every", "100"]) as cluster:
            ran = cluster.folder / "ran"
            ran.mkdir()
            cluster.serve()
            for site in SITES:
                cluster.agent(site)
            acknowledged = {}
            parts = [range(i, DEMANDS, SUBMITTERS) for i in range(SUBMITTERS)]
            submitters = [threading.Thread(target=self.submit_all, args=(cluster, part, ran, random.Random(seed + i), acknowledged))
                          for i, part in enumerate(parts)]
            for submitter in submitters:
                submitter.start()
            self.break_things(cluster, rng)
            for submitter in submitters:
                submitter.join()
            self.assertEqual(len(acknowledged), DEMANDS)
            self.check_ends(cluster, acknowledged)
            self.check_runs(ran, acknowledged)
            self.check_outputs(cluster, acknowledged)

    def check_ends(self, cluster, acknowledged):
        wait_until(lambda: not cluster.items("/v1/demands?state=live"), "every demand to end", pause_s=0.5)
        ended = {item["id"]: item for item in cluster.items("/v1/demands")}
        self.assertEqual(len(ended), DEMANDS, "nothing lost, nothing accepted twice")
        for name, (identity, _) in acknowledged.items():
            self.assertIn(identity, ended, f"{name} was acknowledged and is gone")
            self.assertEqual(ended[identity]["state"], "succeeded", json.dumps(ended[identity]))
            self.assertEqual(ended[identity]["attempt"], 1, json.dumps(ended[identity]))

    def check_runs(self, ran, acknowledged):
        for name, (_, workers) in acknowledged.items():
            starts = sorted((ran / name).read_text().split("\n")[:-1])
            self.assertEqual(starts, [f"{worker} 1" for worker in range(workers)], f"{name} ran as often as it has workers")

    def check_outputs(self, cluster, acknowledged):
        for name, (identity, workers) in sorted(acknowledged.items()):
            for worker in range(workers):
                status, text = cluster.patiently("GET", f"/v1/demands/{identity}/logs?worker={worker}")
                self.assertEqual(status, 200, text)
                self.assertEqual(text, expected_output(name, worker), f"output of {name}, worker {worker}")


if __name__ == "__main__":
    unittest.main()
