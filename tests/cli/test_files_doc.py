"""docs/files.md is the truth: its examples are taken, and it speaks of each key that there is."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIR = os.environ.get("WEIR_BIN", str(ROOT / "build" / "weir"))
PAGE = (ROOT / "docs" / "files.md").read_text()


class FilesDocument(unittest.TestCase):
    def test_the_examples_are_taken(self):
        examples = re.findall(r"(?s)```yaml\n(.*?)```", PAGE)
        self.assertEqual(len(examples), 8)
        for number, text in enumerate(examples):
            with tempfile.TemporaryDirectory() as folder:
                path = pathlib.Path(folder, f"example{number}.yaml")
                path.write_text(text)
                result = subprocess.run([WEIR, "check", str(path)], capture_output=True, text=True, timeout=60)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_the_policies_are_those_of_the_examples(self):
        files = sorted((ROOT / "examples" / "policies").glob("*.yaml"))
        self.assertEqual([path.name for path in files], ["grid.yaml", "near.yaml", "tenants.yaml", "west.yaml"])
        for path in files:
            self.assertIn("```yaml\n" + path.read_text() + "```", PAGE, path.name)

    def test_each_key_is_described(self):
        keys = set()
        for name in ("schema_network.c", "schema_chip.c", "schema_demand.c", "schema_policy.c"):
            source = (ROOT / "src" / "wire" / name).read_text()
            keys.update(re.findall(r'"([a-z_]+)",\s*\d+[,)]', source))
            keys.update(re.findall(r'\.key = "([a-z_]+)"', source))
        keys -= {"format", "operations", "model", "value", "simulated", "data_hours"}  # parts of maps, and what only the log holds
        self.assertGreater(len(keys), 50)
        missing = sorted(key for key in keys if not re.search(rf"`[a-z.]*\b{key}\b[^`]*`", PAGE))
        self.assertEqual(missing, [])


if __name__ == "__main__":
    unittest.main()
