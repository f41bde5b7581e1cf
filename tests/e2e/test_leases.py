"""Leases: work whose agent is frozen or whose platform is away is stopped by its own supervisor, begins again only
after that, and never runs twice at once."""
import os
import pathlib
import signal
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from cluster import Cluster, wait_until  # noqa: E402

NETWORK = """
network:
  name: leases
  regions: [{name: here}]
  sites:
    - {name: first, title: First, tier: hub, region: here, operator: test, latitude: 40, longitude: 110, engine: local,
       groups: [{name: machine, count: 1, cpu: 4, memory: 4GiB}]}
    - {name: second, title: Second, tier: hub, region: here, operator: test, latitude: 41, longitude: 111, engine: local,
       groups: [{name: machine, count: 1, cpu: 4, memory: 4GiB}]}
"""
LEASE = ["--lease", "2s"]

# Tells its begin and its process, and beside it whether another attempt lives; then waits to be told to end.
SCRIPT = """
for other in "$SEEN"/pid.*; do
    [ -e "$other" ] && kill -0 "$(cat "$other")" 2>/dev/null && echo "$WEIR_ATTEMPT beside $other" >> "$SEEN/twice"
done
echo $$ > "$SEEN/new.$WEIR_ATTEMPT"
mv "$SEEN/new.$WEIR_ATTEMPT" "$SEEN/pid.$WEIR_ATTEMPT"
echo "$WEIR_ATTEMPT $WEIR_SITE" >> "$SEEN/began"
until [ -e "$SEEN/go" ]; do sleep 0.05; done
echo "$WEIR_ATTEMPT" >> "$SEEN/ended"
"""


def is_alive(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


class Leases(unittest.TestCase):
    def begin(self, cluster):
        self.seen = cluster.folder / "seen"
        self.seen.mkdir()
        status, answer = cluster.call("POST", "/v1/demands", {
            "name": "leased", "shape": {"cpu": "100m", "memory": "16MiB"}, "command": ["sh", "-c", SCRIPT],
            "environment": {"SEEN": str(self.seen)}})
        self.assertEqual(status, 201, answer)
        return answer["id"], *self.began(cluster, answer["id"], 1)

    def began(self, cluster, demand, attempt):
        """Waits for the attempt to run; gives its process and site."""
        mark = self.seen / f"pid.{attempt}"
        wait_until(mark.exists, f"attempt {attempt} to begin")
        view = wait_until(lambda: self.running(cluster, demand, attempt), f"attempt {attempt} to be known as running")
        return int(mark.read_text()), next(place["site"] for place in view["placements"] if place["attempt"] == attempt)

    def running(self, cluster, demand, attempt):
        view = cluster.patiently("GET", f"/v1/demands/{demand}")[1]
        return view if view["state"] == "running" and view["attempt"] == attempt else None

    def end(self, cluster, demand, attempts):
        (self.seen / "go").touch()
        view = wait_until(lambda: self.ended(cluster, demand), "the demand to end")
        self.assertEqual(view["state"], "succeeded", view)
        self.assertEqual(view["attempt"], attempts)
        self.assertFalse((self.seen / "twice").exists(), (self.seen / "began").read_text())
        self.assertEqual([line.split()[0] for line in (self.seen / "began").read_text().splitlines()],
                         [str(attempt + 1) for attempt in range(attempts)])
        self.assertEqual((self.seen / "ended").read_text(), f"{attempts}\n")
        return view

    def ended(self, cluster, demand):
        view = cluster.patiently("GET", f"/v1/demands/{demand}")[1]
        return view if view["state"] not in ("pending", "placed", "running", "stopping") else None

    def test_a_frozen_agent(self):
        with Cluster(NETWORK, serve_options=LEASE) as cluster:
            cluster.serve()
            cluster.agent("first")
            cluster.agent("second")
            cluster.wait_for_sites(2)
            demand, process, site = self.begin(cluster)
            agent = cluster.processes[site]
            os.kill(agent.pid, signal.SIGSTOP)
            try:
                # Only the supervisor can do that: the agent does nothing, and the platform cannot reach the site.
                wait_until(lambda: not is_alive(process), "the attempt to be stopped")
                _, other = self.began(cluster, demand, 2)
                self.assertNotEqual(other, site)
            finally:
                os.kill(agent.pid, signal.SIGCONT)
            cluster.wait_for_sites(2)
            view = self.end(cluster, demand, 2)
            self.assertEqual([place["outcome"] for place in view["placements"] if place["attempt"] == 1], ["lost"])

    def test_a_platform_that_is_away(self):
        with Cluster(NETWORK, serve_options=LEASE) as cluster:
            cluster.serve()
            cluster.agent("first")
            cluster.agent("second")
            cluster.wait_for_sites(2)
            demand, process, _ = self.begin(cluster)
            cluster.kill("serve")
            wait_until(lambda: not is_alive(process), "the attempt to be stopped")
            cluster.serve()
            self.began(cluster, demand, 2)
            self.end(cluster, demand, 2)

    def test_a_platform_that_comes_back_in_time(self):
        """Nothing begins anew when the lease held."""
        with Cluster(NETWORK, serve_options=["--lease", "10m"]) as cluster:
            cluster.serve()
            cluster.agent("first")
            cluster.agent("second")
            cluster.wait_for_sites(2)
            demand, process, _ = self.begin(cluster)
            cluster.kill("serve")
            cluster.serve()
            cluster.wait_for_sites(2)
            self.assertTrue(is_alive(process))
            self.end(cluster, demand, 1)


if __name__ == "__main__":
    unittest.main()
