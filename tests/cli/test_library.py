"""libweir as others use it: the examples run, and the library shows what its header declares and nothing else."""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BUILD = pathlib.Path(os.environ.get("WEIR_BIN", str(ROOT / "build" / "weir"))).parent
LIBRARY = BUILD / "src" / "lib" / "libweir.so.1"
EXAMPLES = ROOT / "examples" / "library"
EXPECTED = ["demand 2 waits: too few free chips: has 8 of 16",
            "placed 24600 milli-chips; no plan places more than 32600",
            "with 1 instead of 2 workers it would start now at guian-hub",
            "demand 1 has ended:\ndemand 2, replica 0: site 0"]


def run(*command):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, timeout=120)


@unittest.skipUnless(LIBRARY.exists(), "libweir is not built")
class Library(unittest.TestCase):
    def check(self, result):
        self.assertEqual(result.returncode, 0, result.stderr)
        for text in EXPECTED:
            self.assertIn(text, result.stdout)

    def test_python_example(self):
        self.check(run(sys.executable, EXAMPLES / "place.py", LIBRARY))

    @unittest.skipUnless(shutil.which("cc"), "no C compiler")
    def test_c_example(self):
        with tempfile.TemporaryDirectory() as folder:
            program = pathlib.Path(folder) / "place"
            built = run("cc", "-Wall", "-Wextra", "-Werror", "-I", ROOT / "include", EXAMPLES / "place.c", LIBRARY,
                        f"-Wl,-rpath,{LIBRARY.parent}", "-o", program)
            self.assertEqual(built.returncode, 0, built.stderr)
            self.check(run(program))

    @unittest.skipUnless(shutil.which("c++"), "no C++ compiler")
    def test_header_is_good_for_other_languages(self):
        for compiler, standard in (("cc", "c99"), ("c++", "c++11")):
            built = run(compiler, f"-std={standard}", "-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only", "-x",
                        "c" if compiler == "cc" else "c++", ROOT / "include" / "weir" / "match.h")
            self.assertEqual(built.returncode, 0, built.stderr)

    @unittest.skipUnless(shutil.which("nm"), "no nm")
    def test_nothing_else_is_shown(self):
        header = (ROOT / "include" / "weir" / "match.h").read_text()
        declared = set(re.findall(r"WEIR_API [^;]*?\b(weir_\w+)\(", header))
        shown = {line.split()[-1].split("@")[0] for line in run("nm", "-D", "--defined-only", LIBRARY).stdout.splitlines()}
        self.assertEqual(shown - {"WEIR_1"}, declared)


if __name__ == "__main__":
    unittest.main()
