"""Runs every test and counts. The last line is `N passed, N failed, N skipped`.

Suites: unit (the C tests of the release build and of the sanitizer build, also the contract and
crash tests), lint, fuzz, api, cli, e2e, web. C tests speak TAP; Python tests are unittest modules
run one file a process; each prints what it did.
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent
FUZZ_RUNS = 20000
TIMEOUT_S = 1500
OUTPUT_SHOWN = 12000  # characters of a failing test's output, the last ones
NODE_NEEDED = 20  # by the browser's driver


class Tally:
    def __init__(self):
        self.passed = self.failed = self.skipped = 0

    def add(self, name, passed, failed, skips, seconds, output):
        self.passed += passed
        self.failed += failed
        self.skipped += len(skips)
        mark = "ok  " if not failed else "FAIL"
        print(f"{mark} {name}: {passed} passed, {failed} failed, {len(skips)} skipped ({seconds:.1f} s)", flush=True)
        for skip in skips:
            print(f"     skipped: {skip}", flush=True)
        if failed:
            tail = output[-OUTPUT_SHOWN:]
            print("\n".join("     | " + line for line in tail.splitlines()), flush=True)


def execute(command, environment=None, timeout=TIMEOUT_S):
    """Gives (exit status, output). The whole process group is ended at the time limit."""
    env = dict(os.environ)
    env.update(environment or {})
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdin=subprocess.DEVNULL, stdout=out,
                                   stderr=subprocess.STDOUT, start_new_session=True)
        try:
            status = process.wait(timeout)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, 9)
            status = process.wait()
            out.write(b"\nended at the time limit\n")
        out.seek(0)
        return status, out.read().decode("utf-8", "replace")


def count_tap(status, output):
    passed = len(re.findall(r"(?m)^ok \d+(?!.*# SKIP)", output))
    failed = len(re.findall(r"(?m)^not ok ", output))
    skips = re.findall(r"(?m)^ok \d+ (.*# SKIP.*)$", output)
    if status != 0 and not failed:
        failed = 1
    if not passed and not failed and not skips:
        failed = 1
    return passed, failed, skips


def count_unittest(status, output):
    ran = re.search(r"(?m)^Ran (\d+) tests? in", output)
    total = int(ran.group(1)) if ran else 0
    bad = sum(int(n) for n in re.findall(r"(?:failures|errors)=(\d+)", output))
    skips = re.findall(r"(?m)\.\.\. skipped ['\"](.*)['\"]$", output)
    if status != 0 and not bad:
        bad = 1
    if not ran:
        return 0, max(bad, 1), []
    return max(total - bad - len(skips), 0), bad, skips


def timed(function, *arguments):
    begin = time.monotonic()
    status, output = function(*arguments)
    return status, output, time.monotonic() - begin


def run_unit(tally, build):
    listing = subprocess.run(["meson", "introspect", "--tests", build], cwd=ROOT, capture_output=True, text=True, check=True)
    tests = json.loads(listing.stdout)
    environment = {"CMOCKA_MESSAGE_OUTPUT": "TAP", "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=0",
                   "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1"}

    def one(test):
        env = dict(environment)
        env.update({k: v for k, v in test.get("env", {}).items()})
        return test["name"], *timed(execute, test["cmd"], env)

    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 2) as pool:
        for name, status, output, seconds in pool.map(one, tests):
            passed, failed, skips = count_tap(status, output)
            tally.add(f"{build}/{name}", passed, failed, skips, seconds, output)


def run_python(tally, folder, environment=None):
    for path in sorted((ROOT / "tests" / folder).glob("test_*.py")):
        command = [sys.executable, "-m", "unittest", "-v", str(path.relative_to(ROOT))]
        env = {"WEIR_BIN": str(ROOT / "build" / "weir"), "PYTHONUNBUFFERED": "1"}
        env.update(environment or {})
        status, output, seconds = timed(execute, command, env)
        tally.add(f"{folder}/{path.name}", *count_unittest(status, output), seconds, output)


def run_fuzz(tally, seconds_each):
    folder = ROOT / "build-fuzz" / "tests" / "fuzz"
    for path in sorted(folder.glob("fuzz_*")):
        if not os.access(path, os.X_OK) or path.is_dir():
            continue
        corpus = ROOT / "build-fuzz" / "corpus" / path.name
        corpus.mkdir(parents=True, exist_ok=True)
        seeds = ROOT / "tests" / "fuzz" / "corpus" / path.name
        limit = [f"-max_total_time={seconds_each}"] if seconds_each else [f"-runs={FUZZ_RUNS}", "-seed=1"]
        command = [str(path), *limit, "-timeout=20", "-rss_limit_mb=4096", "-verbosity=0", "-print_final_stats=1", str(corpus)]
        if seeds.is_dir():
            command.append(str(seeds))
        status, output, seconds = timed(execute, command, {"ASAN_OPTIONS": "allocator_may_return_null=1"},
                                        TIMEOUT_S + (seconds_each or 0))
        tally.add(f"fuzz/{path.name}", int(status == 0), int(status != 0), [], seconds, output)


def node_version():
    if not shutil.which("node"):
        return 0
    found = re.match(r"v(\d+)", subprocess.run(["node", "--version"], capture_output=True, text=True).stdout)
    return int(found.group(1)) if found else 0


def run_web(tally):
    if node_version() < NODE_NEEDED:
        tally.add("web", 0, 0, [f"Node {NODE_NEEDED} or newer is not installed"], 0, "")
        return
    script = ROOT / "tests" / "web" / "run.mjs"
    status, output, seconds = timed(execute, ["node", str(script)], {"WEIR_BIN": str(ROOT / "build" / "weir")})
    tally.add("web", *count_tap(status, output), seconds, output)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", choices=["unit", "lint", "fuzz", "api", "cli", "e2e", "web"])
    parser.add_argument("--fuzz-seconds", type=int, default=0)
    parser.add_argument("--builds", nargs="+", default=["build", "build-asan"])
    arguments = parser.parse_args()
    tally = Tally()
    suites = {
        "lint": lambda: run_python(tally, "lint"),
        "unit": lambda: [run_unit(tally, build) for build in arguments.builds if (ROOT / build / "build.ninja").is_file()],
        "cli": lambda: run_python(tally, "cli"),
        "api": lambda: run_python(tally, "api"),
        "e2e": lambda: run_python(tally, "e2e"),
        "web": lambda: run_web(tally),
        "fuzz": lambda: run_fuzz(tally, arguments.fuzz_seconds),
    }
    for name, suite in suites.items():
        if arguments.only in (None, name):
            suite()
    print(f"{tally.passed} passed, {tally.failed} failed, {tally.skipped} skipped", flush=True)
    return 1 if tally.failed else 0


if __name__ == "__main__":
    sys.exit(main())
