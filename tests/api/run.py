"""Holds a running platform against api/openapi.yaml: run.py WEIR [OPTION OF SCHEMATHESIS]...

Starts `WEIR serve` with a small network and simulated agents in a scratch folder on a free port, and runs
schemathesis from build/venv with the settings of tests/api/schemathesis.toml. Its exit status is ours.
"""
import os
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
TOOL = pathlib.Path(os.environ.get("WEIR_SCHEMATHESIS", ROOT / "build" / "venv" / "bin" / "schemathesis"))


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    os.environ["WEIR_BIN"] = str(pathlib.Path(sys.argv[1]).resolve())
    sys.path.insert(0, str(HERE.parent / "e2e"))
    sys.path.insert(0, str(HERE))
    from cluster import Cluster
    from test_api import NETWORK
    with Cluster(NETWORK) as cluster:
        cluster.serve()
        cluster.simulated_agents()
        cluster.wait_for_sites(5)
        # No bytecode and no database of found examples beside the sources: each run begins alike, from its seed.
        command = [str(TOOL), "--config-file", str(HERE / "schemathesis.toml"), "run", str(ROOT / "api" / "openapi.yaml"), "--url", cluster.url,
                   "--header", "Authorization: Bearer " + cluster.token("operator"), *sys.argv[2:]]
        status = subprocess.run(command, cwd=cluster.folder, stdin=subprocess.DEVNULL).returncode
        cluster.alive("serve")
    return status


if __name__ == "__main__":
    sys.exit(main())
