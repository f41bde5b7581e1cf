"""Runs each benchmark of build/bench and prints its lines, as they go into bench/RESULTS.md."""
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent


def main():
    commands = [["build/bench/submit", "--json"], ["build/bench/fairness", "--json"]]
    for command in commands:
        print("$ " + " ".join(command), flush=True)
        if subprocess.run(command, cwd=ROOT).returncode != 0:
            return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
