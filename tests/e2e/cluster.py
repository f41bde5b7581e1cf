"""Real weir processes for tests: a platform and agents in a scratch folder, ended by their process ids."""
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIR = os.environ.get("WEIR_BIN", str(ROOT / "build" / "weir"))
PATIENCE_S = 300  # a bound on waiting for a condition, far above what any should take


def wait_until(condition, what, patience_s=PATIENCE_S, pause_s=0.05):
    """Polls until condition() gives something true, and gives it back."""
    end = time.monotonic() + patience_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience_s} s for: {what}")
        time.sleep(pause_s)


class Unreachable(Exception):
    """The platform gave no answer."""


class Cluster:
    """A platform with agents. Use as a context manager."""

    def __init__(self, network, catalogue=None, serve_options=()):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="weir-e2e-"))
        self.network = self.folder / "network.yaml"
        self.network.write_text(network)
        self.catalogue = catalogue or ROOT / "examples" / "chips" / "catalogue.yaml"
        self.serve_options = list(serve_options)
        self.processes = {}
        self.url = None
        self.tokens = self.folder / "tokens"

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for name in list(self.processes):
            self.stop(name)
        self.end_leftovers()
        if kind is None and not os.environ.get("WEIR_KEEP"):
            shutil.rmtree(self.folder, ignore_errors=True)
        else:
            print(f"kept {self.folder}")

    def end_leftovers(self):
        """Shims outlive their agents; those of this scratch folder are ended by their ids."""
        for entry in pathlib.Path("/proc").iterdir():
            if not entry.name.isdigit():
                continue
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
                if b"shim" in words and any(str(self.folder).encode() in word for word in words):
                    os.kill(int(entry.name), signal.SIGKILL)
            except OSError:
                continue

    def start(self, name, *arguments, through=()):
        """`through`: words before the program's, such as a shell that sets limits."""
        log = open(self.folder / f"{name}.log", "ab")
        environment = dict(os.environ, **self.environment())
        self.processes[name] = subprocess.Popen([*through, WEIR, *map(str, arguments)], stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                                cwd=self.folder, env=environment)
        log.close()

    def environment(self):
        return {"WEIR_TEST_FOLDER": str(self.folder)}

    def serve(self, through=()):
        address = self.folder / "address"
        listen = self.url.rsplit("/", 1)[1] if self.url else "127.0.0.1:0"
        address.unlink(missing_ok=True)
        self.start("serve", "serve", "--state", self.folder / "platform", "--listen", listen, "--network", self.network, "--catalogue",
                   self.catalogue, "--write-tokens", self.tokens, "--write-address", address, *self.serve_options, through=through)
        self.url = wait_until(lambda: self.alive("serve") and address.exists() and address.read_text().strip(), "the platform to listen")

    def agent(self, site, *options):
        self.start(site, "agent", "--server", self.url, "--token-file", self.tokens / "supplier.token", "--state",
                   self.folder / "agents", "--network", self.network, "--site", site, *options)

    def simulated_agents(self):
        self.start("simulated", "agent", "--server", self.url, "--token-file", self.tokens / "supplier.token", "--state",
                   self.folder / "agents", "--network", self.network, "--all-simulated")

    def alive(self, name):
        status = self.processes[name].poll()
        if status is not None:
            raise AssertionError(f"{name} ended with {status}: {(self.folder / (name + '.log')).read_text()[-4000:]}")
        return True

    def kill(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def stop(self, name, patience_s=30):
        process = self.processes.pop(name)
        process.terminate()
        try:
            return process.wait(patience_s)
        except subprocess.TimeoutExpired:
            process.kill()
            return process.wait()

    def token(self, role):
        return (self.tokens / f"{role}.token").read_text().strip()

    def call(self, method, path, body=None, role="operator", headers=None, timeout=30):
        """Gives (status, decoded JSON). Raises Unreachable when there was no answer."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Authorization", "Bearer " + self.token(role))
        if data is not None:
            request.add_header("Content-Type", "application/json")
        for name, value in (headers or {}).items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                text = answer.read()
                return answer.status, decode(text, answer.headers.get_content_type())
        except urllib.error.HTTPError as error:
            return error.code, decode(error.read(), error.headers.get_content_type())
        except (urllib.error.URLError, OSError, TimeoutError, ValueError) as error:
            raise Unreachable(str(error)) from error
        except Exception as error:  # http.client raises its own when the answer is cut off
            raise Unreachable(repr(error)) from error

    def patiently(self, method, path, body=None, role="operator", headers=None):
        """As call(), again and again while the platform is away."""
        def attempt():
            try:
                return self.call(method, path, body, role, headers)
            except Unreachable:
                return None
        return wait_until(attempt, f"an answer to {method} {path}")

    def items(self, path):
        """All pages of a list."""
        found, cursor = [], ""
        while True:
            joint = "&" if "?" in path else "?"
            status, page = self.patiently("GET", f"{path}{joint}limit=1000" + (f"&cursor={cursor}" if cursor else ""))
            assert status == 200, page
            found += page["items"]
            cursor = page["next"]
            if not cursor:
                return found

    def wait_for_sites(self, count, condition="up"):
        wait_until(lambda: len(self.items(f"/v1/sites?condition={condition}")) >= count, f"{count} sites {condition}")


def decode(text, content_type):
    return json.loads(text) if text and content_type.endswith("json") else text.decode(errors="replace")
