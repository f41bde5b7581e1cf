"""A small real network for the tests of the command line: one live site, two simulated ones."""
import json
import os
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "e2e"))

from cluster import WEIR, Cluster, wait_until  # noqa: E402

TIMEOUT_S = 300

NETWORK = """
network:
  name: small
  title: A small network 小网
  currency: CNY
  regions:
    - {name: north, title: North}
    - {name: south, title: South}
  sites:
    - name: live-edge
      title: The live one 苏州
      tier: edge
      region: south
      operator: tests
      latitude: 31.3
      longitude: 120.6
      engine: local
      groups: [{name: machine, count: 1, cpu: 4, memory: 2GiB, chips: {ascend-310p: 4}}]
    - name: sim-hub
      title: A simulated hub
      tier: hub
      region: north
      operator: tests
      latitude: 40.8
      longitude: 114.9
      engine: simulated
      groups: [{name: train, count: 16, cpu: 64, memory: 512GiB, chips: {ascend-910b: 8}}]
    - name: sim-regional
      title: A simulated regional site
      tier: regional
      region: north
      operator: tests
      latitude: 34.7
      longitude: 113.6
      engine: simulated
      groups: [{name: cpu, count: 4, cpu: 32, memory: 128GiB}]
"""


class Live(Cluster):
    """Use as a context manager; then it is up."""

    def __init__(self):
        super().__init__(NETWORK)

    def __enter__(self):
        try:
            self.serve()
            self.agent("live-edge")
            self.simulated_agents()
            self.wait_for_sites(3)
        except BaseException:
            self.__exit__(*sys.exc_info())
            raise
        return self

    def weir_environment(self, role="operator"):
        environment = {name: value for name, value in os.environ.items() if not name.startswith("WEIR_")}
        environment.update(WEIR_SERVER=self.url, WEIR_TOKEN_FILE=str(self.tokens / f"{role}.token"), HOME=str(self.folder))
        return environment

    def weir(self, *arguments, role="operator", stdin=None, columns=None):
        """Gives the finished process: returncode, stdout, stderr."""
        environment = self.weir_environment(role)
        environment.pop("COLUMNS", None)
        if columns:
            environment["COLUMNS"] = str(columns)
        return subprocess.run([WEIR, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT_S, env=environment, input=stdin,
                              cwd=self.folder)

    def json(self, *arguments, **options):
        result = self.weir(*arguments, "--json", **options)
        if result.returncode != 0:
            raise AssertionError(f"weir {arguments}: {result.returncode}: {result.stderr}")
        return json.loads(result.stdout)

    def state_of(self, word):
        return self.json("show", word)["state"]

    def wait_for_state(self, word, state):
        wait_until(lambda: self.state_of(word) == state, f"{word} to be {state}")
