"""A server that answers as a test says: for what a real platform does not do when asked to."""
import http.server
import json
import os
import pathlib
import subprocess
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIR = os.environ.get("WEIR_BIN", str(ROOT / "build" / "weir"))
TIMEOUT_S = 120


class Request:
    def __init__(self, handler):
        length = int(handler.headers.get("Content-Length") or 0)
        self.handler = handler
        self.method = handler.command
        self.path, _, query = handler.path.partition("?")
        self.query = dict(part.split("=", 1) for part in query.split("&") if part)
        self.headers = dict(handler.headers.items())
        self.body = handler.rfile.read(length)

    def json(self):
        return json.loads(self.body)

    def answer(self, value, status=200, headers=None, kind="application/json"):
        data = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.handler.send_response(status)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Content-Length", str(len(data)))
        for name, text in (headers or {}).items():
            self.handler.send_header(name, text)
        self.handler.end_headers()
        self.handler.wfile.write(data)

    def problem(self, status, detail, problems=(), headers=None):
        self.answer({"type": "/problems/test", "title": "Test", "status": status, "detail": detail, "problems": list(problems)}, status,
                    headers, "application/problem+json")

    def begin(self, kind, length, headers=None):
        """An answer whose length is promised; what is written after may fall short of it."""
        self.handler.send_response(200)
        self.handler.send_header("Content-Type", kind)
        self.handler.send_header("Content-Length", str(length))
        for name, text in (headers or {}).items():
            self.handler.send_header(name, text)
        self.handler.end_headers()

    def write(self, data):
        self.handler.wfile.write(data)
        self.handler.wfile.flush()

    def hang_up(self):
        self.handler.close_connection = True
        self.handler.connection.shutdown(2)


class Fake:
    """`answer(request)` is called for each, one at a time; requests are kept in `seen`."""

    def __init__(self, answer):
        self.seen = []
        lock = threading.Lock()
        fake = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def handle_any(self):
                with lock:
                    request = Request(self)
                    fake.seen.append(request)
                    answer(request)

            do_GET = do_POST = do_DELETE = handle_any

            def log_message(self, *arguments):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)

    def __enter__(self):
        self.thread.start()
        self.home = tempfile.TemporaryDirectory()
        return self

    def __exit__(self, *reason):
        self.server.shutdown()
        self.server.server_close()
        self.home.cleanup()

    def weir(self, *arguments, environment=None, server=True, stdin=None):
        """Gives the finished process: returncode, stdout, stderr."""
        env = {"PATH": os.environ["PATH"], "HOME": self.home.name, "TERM": "xterm"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                env[name] = os.environ[name]
        if server:
            env["WEIR_SERVER"] = self.url
        env.update(environment or {})
        return subprocess.run([WEIR, *map(str, arguments)], capture_output=True, text=True, timeout=TIMEOUT_S, env=env, input=stdin,
                              cwd=self.home.name)
