"""A full disk: the platform ends with status 74 rather than acknowledge what it cannot keep, and comes back with all that
it acknowledged once there is room; an agent refuses or loses nothing in silence."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cluster import Cluster, Unreachable, wait_until  # noqa: E402

NETWORK = """
network:
  name: full
  regions: [{name: here}]
  sites:
    - {name: first, title: First, tier: hub, region: here, operator: test, latitude: 40, longitude: 110, engine: local,
       groups: [{name: machine, count: 1, cpu: 4, memory: 8GiB}]}
"""
STORE_FAILED = 74
TINY = {"cpu": "100m", "memory": "16MiB"}


class SmallDisk:
    """A folder on a file system of its own."""

    def __init__(self, folder, size):
        self.folder = folder
        folder.mkdir()
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size},mode=0755", "weir-test", str(folder)], check=True)

    def fill(self):
        """Takes what is left, but for the ballast's last bytes."""
        with open(self.folder / "ballast", "wb", buffering=0) as ballast:
            for piece in (1 << 16, 1 << 12):
                try:
                    while True:
                        ballast.write(b"x" * piece)
                except OSError:
                    pass

    def clear(self):
        (self.folder / "ballast").unlink()

    def unmount(self):
        subprocess.run(["umount", "-l", str(self.folder)], check=True)


class DiskFull(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.TemporaryDirectory(prefix="weir-e2e-") as scratch:
            try:
                SmallDisk(pathlib.Path(scratch) / "try", "1m").unmount()
            except (OSError, subprocess.CalledProcessError) as error:
                raise unittest.SkipTest("this machine lets nobody mount a small disk") from error

    def test_the_platform_s(self):
        with Cluster(NETWORK) as cluster:
            disk = SmallDisk(cluster.folder / "platform", "24m")
            try:
                self.fill_platform(cluster, disk)
            finally:
                if "serve" in cluster.processes:
                    cluster.stop("serve")
                disk.unmount()

    def fill_platform(self, cluster, disk):
        cluster.serve()
        self.acknowledged = set()
        self.submit(cluster, 10)
        disk.fill()
        with self.assertRaises(Unreachable):
            for _ in range(10000):
                self.submit(cluster, 20)
        self.assertEqual(cluster.processes.pop("serve").wait(60), STORE_FAILED)
        self.assertIn("event log failed", (cluster.folder / "serve.log").read_text())
        disk.clear()
        cluster.serve()
        there = {item["id"] for item in cluster.items("/v1/demands")}
        self.assertEqual(self.acknowledged - there, set())
        self.submit(cluster, 10)
        self.assertEqual(cluster.stop("serve"), 0)

    def submit(self, cluster, count):
        body = {"demands": [{"name": f"kept-{i}", "shape": TINY, "command": ["true"], "environment": {"X": "x" * 1000}} for i in range(count)]}
        status, answer = cluster.call("POST", "/v1/demands/batch", body)
        self.assertEqual(status, 201, answer)
        self.acknowledged.update(answer["ids"])

    def test_an_agent_s(self):
        with Cluster(NETWORK) as cluster:
            disk = SmallDisk(cluster.folder / "agents", "16m")
            try:
                self.fill_agent(cluster, disk)
            finally:
                if "first" in cluster.processes:
                    cluster.stop("first")
                cluster.end_leftovers()
                disk.unmount()

    def fill_agent(self, cluster, disk):
        cluster.serve()
        cluster.agent("first")
        cluster.wait_for_sites(1)
        go = cluster.folder / "go"
        running = self.submit_one(cluster, f"echo began; until [ -e {go} ]; do sleep 0.05; done; echo ended")
        wait_until(lambda: self.view(cluster, running)["state"] == "running", "the first job to run")
        disk.fill()
        # What cannot be written is refused, with the reason, and tried again later.
        waiting = self.submit_one(cluster, "echo well")
        wait_until(lambda: "disk" in str(self.story(cluster, waiting)), "the second to be refused")
        go.touch()
        # The end of what ran is told although its result has no room yet, or as soon as it has.
        disk.clear()
        for demand in (running, waiting):
            view = wait_until(lambda: (lambda v: v if v["state"] in ("succeeded", "failed") else None)(self.view(cluster, demand)), "the end")
            self.assertEqual(view["state"], "succeeded", view)
        cluster.alive("first")

    def submit_one(self, cluster, script):
        return cluster.call("POST", "/v1/demands", {"name": "on-full", "shape": TINY, "command": ["sh", "-c", script]})[1]["id"]

    def view(self, cluster, demand):
        return cluster.call("GET", f"/v1/demands/{demand}")[1]

    def story(self, cluster, demand):
        return [line["sentence"] for line in cluster.call("GET", f"/v1/demands/{demand}/story")[1]["items"]]


if __name__ == "__main__":
    unittest.main()
