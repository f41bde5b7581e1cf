"""Runs each benchmark of build/bench and prints its lines, as they go into bench/RESULTS.md.

Those that need the real traces read them from ../shared/data beside the checkout, and are left out, with a word, where
it is not there. Arguments name the benchmarks to run; none: all."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT.parent / "shared" / "data"
WORKLOADS = ["default", "multigpu20", "gpushare40", "gpuspec10", "cpu100"]


def openb_commands():
    nodes = DATA / "openb" / "nodes.csv"
    for workload in WORKLOADS:
        for policy in ["weir", "fgd", "bestfit"]:
            yield ["build/bench/openb", str(nodes), str(DATA / "openb" / f"pods_{workload}.csv"), "--policy", policy, "--json"]
    for workload in WORKLOADS:
        yield ["build/bench/openb", str(nodes), str(DATA / "openb" / f"pods_{workload}.csv"), "--mix", "learned", "--json"]


def commands():
    return {
        "submit": [["build/bench/submit", "--json"]],
        "fairness": [["build/bench/fairness", "--json"]],
        "scale": [["build/bench/scale", "--json"]],
        "bound": [["build/bench/bound", "--json"]],
        "openb": list(openb_commands()),
        "lcg": [["build/bench/lcg", str(DATA / "lcg" / "lcg_first_week.swf.gz"), "--json"]],
    }


def main():
    every = commands()
    names = sys.argv[1:] or list(every)
    for name in names:
        if name not in every:
            print(f"bench: {name} is unknown, expected some of {', '.join(every)}", file=sys.stderr)
            return 2
    for name in names:
        if name in ("openb", "lcg") and not DATA.is_dir():
            print(f"bench: {name} is left out: the traces are not there (../shared/data)", flush=True)
            continue
        for command in every[name]:
            print("$ " + " ".join(command).replace(str(DATA), "../shared/data"), flush=True)
            if subprocess.run(command, cwd=ROOT).returncode != 0:
                return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
