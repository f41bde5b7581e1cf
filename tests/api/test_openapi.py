"""The running server against its own description, by schemathesis (tests/api/run.py)."""
import os
import pathlib
import subprocess
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))
import run  # noqa: E402


class Conformance(unittest.TestCase):
    @unittest.skipUnless(run.TOOL.exists(), "schemathesis is not installed (make build/venv/ready)")
    def test_no_violation(self):
        weir = os.environ.get("WEIR_BIN", str(run.ROOT / "build" / "weir"))
        result = subprocess.run([sys.executable, str(HERE / "run.py"), weir], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.assertEqual(result.returncode, 0, result.stdout[-20000:])


if __name__ == "__main__":
    unittest.main()
