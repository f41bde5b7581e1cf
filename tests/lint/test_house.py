"""House rules that a machine can check: words, sizes, shell, man pages."""
import pathlib
import re
import shutil
import subprocess
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
LINES_MAX = 600
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")


def tracked(*patterns):
    listing = subprocess.run(["git", "ls-files", *patterns], cwd=ROOT, capture_output=True, text=True, check=True)
    return [ROOT / name for name in listing.stdout.splitlines() if (ROOT / name).is_file()]


class House(unittest.TestCase):
    def test_nothing_is_marked_unfinished(self):
        marked = []
        for path in tracked("src", "include", "web", "api", "bench", "tools"):
            if path.suffix in {".json", ".png", ".svg"}:
                continue
            for line, text in enumerate(path.read_text(errors="replace").splitlines(), 1):
                if UNFINISHED.search(text):
                    marked.append(f"{path.relative_to(ROOT)}:{line}: {text.strip()}")
        self.assertEqual(marked, [])

    def test_files_hold_one_idea(self):
        long = []
        for path in tracked("src/*.c", "src/*.h", "include/*.h"):
            count = len(path.read_text().splitlines())
            if count > LINES_MAX:
                long.append(f"{path.relative_to(ROOT)}: {count} lines")
        self.assertEqual(long, [])

    def test_what_is_cleaned_up_is_set_first(self):
        """A return before the first use would free whatever lay on the stack."""
        unset = []
        for path in tracked("src/*.c", "bench/*.c", "tests/*.c"):
            for line, text in enumerate(path.read_text().splitlines(), 1):
                if re.match(r"\s+[\w ]*\bcleanup_(?:arena|strbuf|free|arguments) [^=(]*;$", text):
                    unset.append(f"{path.relative_to(ROOT)}:{line}: {text.strip()}")
        self.assertEqual(unset, [])

    def test_locks_name_no_registry(self):
        named = []
        for path in tracked("*package-lock.json", "*requirements.txt", "*.npmrc"):
            if re.search(r"https?://", path.read_text()) and path.name != "package-lock.json":
                named.append(str(path.relative_to(ROOT)))
            if '"resolved"' in path.read_text():
                named.append(f"{path.relative_to(ROOT)}: has download addresses")
        self.assertEqual(named, [])

    @unittest.skipUnless(shutil.which("shellcheck"), "shellcheck is not installed")
    def test_shell(self):
        scripts = [path for path in tracked() if path.suffix in {".sh"} or path.name in {"weir", "run"} and path.parent in {ROOT, ROOT / ".ci"}]
        result = subprocess.run(["shellcheck", *map(str, scripts)], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout)

    @unittest.skipUnless(shutil.which("mandoc"), "mandoc is not installed")
    def test_man_pages(self):
        pages = tracked("docs/man/*.1")
        self.assertTrue(pages)
        result = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", *map(str, pages)], capture_output=True, text=True)
        self.assertEqual(result.returncode, 0, result.stdout)


if __name__ == "__main__":
    unittest.main()
