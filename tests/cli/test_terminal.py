"""What is different on a terminal: colours, width, output that is redrawn in place."""
import fcntl
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

from fake import WEIR, Fake
from test_client import demand


class Terminal:
    """A process whose standard output and error are a terminal of the given size."""

    def __init__(self, arguments, environment, columns=100, rows=30):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.process = subprocess.Popen([WEIR, *arguments], stdin=subprocess.DEVNULL, stdout=slave, stderr=slave, env=environment)
        os.close(slave)
        self.text = ""

    def read_until(self, condition):
        """Reads until condition(text) holds or the process has ended."""
        while not condition(self.text):
            try:
                data = os.read(self.master, 65536)
            except OSError:
                break
            if not data:
                break
            self.text += data.decode()
        return self.text

    def end(self, number=None):
        if number:
            self.process.send_signal(number)
        self.read_until(lambda text: False)
        os.close(self.master)
        return self.process.wait()


ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\r")


class OnATerminal(unittest.TestCase):
    def environment(self, fake, **more):
        environment = {"PATH": os.environ["PATH"], "HOME": fake.home.name, "WEIR_SERVER": fake.url, "TERM": "xterm"}
        for name in ("ASAN_OPTIONS", "UBSAN_OPTIONS"):
            if name in os.environ:
                environment[name] = os.environ[name]
        environment.update(more)
        return environment

    def show(self, columns=100, **environment):
        items = [demand("failed", name="first", reason="x" * 300), demand("running", name="second")]
        with Fake(lambda request: request.answer({"items": items, "next": ""})) as fake:
            terminal = Terminal(["ls"], self.environment(fake, **environment), columns)
            self.assertEqual(terminal.end(), 0, terminal.text)
        return terminal.text

    def test_colours(self):
        text = self.show()
        self.assertIn("\x1b[31mfailed\x1b[0m", text)
        self.assertIn("\x1b[36mrunning\x1b[0m", text)

    def test_no_colours_when_asked(self):
        self.assertNotIn("\x1b", self.show(NO_COLOR="1"))
        self.assertNotIn("\x1b", self.show(TERM="dumb"))
        self.assertIn("\x1b[31m", self.show(NO_COLOR=""))

    def test_width(self):
        for columns in (30, 72, 140):
            lines = ESCAPES.sub("", self.show(columns)).splitlines()
            self.assertTrue(all(len(line) <= columns for line in lines), lines)
            self.assertGreaterEqual(len(lines[1]), columns - 2)

    def test_watch_is_redrawn_in_place(self):
        with Fake(lambda request: request.answer({"items": [demand(name=f"frame-{len(fake.seen)}")], "next": ""})) as fake:
            terminal = Terminal(["ls", "--watch"], self.environment(fake))
            terminal.read_until(lambda text: "frame-2" in text and text.endswith("\x1b[J"))
            terminal.end(signal.SIGTERM)
        # Up two lines (the head and the row), then over them.
        self.assertRegex(terminal.text, r"frame-1[^\n]*\n\x1b\[J\x1b\[2A\r[^\n]*\n[^\n]*frame-2")

    def test_watch_goes_on_while_the_server_is_away(self):
        def answer(request):
            if len(fake.seen) in (2, 3):  # a connection that was kept is tried anew at once
                request.hang_up()
            else:
                request.answer({"items": [demand(name=f"frame-{len(fake.seen)}")], "next": ""})

        with Fake(answer) as fake:
            terminal = Terminal(["ls", "--watch"], self.environment(fake))
            terminal.read_until(lambda text: "frame-4" in text or "frame-5" in text)
            terminal.end(signal.SIGTERM)
        self.assertIn("trying again", terminal.text)
        self.assertNotIn("cannot reach", terminal.text)

    def test_watch_keeps_to_the_height(self):
        items = [demand(name=f"row-{i}") for i in range(100)]
        with Fake(lambda request: request.answer({"items": items, "next": ""})) as fake:
            terminal = Terminal(["ls", "--watch"], self.environment(fake), rows=12)
            terminal.read_until(lambda text: text.endswith("\x1b[J"))
            terminal.end(signal.SIGTERM)
        frame = terminal.text.split("\x1b[J")[0]
        self.assertLess(frame.count("\n"), 12)
        self.assertIn("more lines than this terminal holds", frame)


if __name__ == "__main__":
    unittest.main()
