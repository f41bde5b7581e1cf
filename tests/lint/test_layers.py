"""A folder includes only what ARCHITECTURE.md allows; pure layers touch no clock, randomness or descriptor."""
import pathlib
import re
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

PURE = ["base", "model", "wire", "policy", "match", "platform", "monitor"]
ALLOWED = {
    "base": [],
    "model": ["base"],
    "wire": ["base", "model"],
    "policy": ["base", "model"],
    "match": ["base", "model", "policy"],
    "lib": ["base", "model", "policy", "match", "weir"],
    "platform": ["base", "model", "wire", "policy", "match"],
    "monitor": ["base", "model", "wire", "policy", "match", "platform"],
    "store": ["base"],
    "engine": ["base", "model", "wire", "weir"],
    "io": ["base"],
    "core": PURE + ["store"],
    "api": PURE + ["core", "io"],
    "daemon": PURE + ["store", "engine", "io", "core", "api", "weir"],
    "cli": PURE + ["store", "engine", "io", "core", "api", "daemon", "sim", "weir"],
    "sim": PURE[:6] + ["store"],
}
# System headers by which a pure layer would reach out of itself. base/log.c is the one exception: it
# writes the process's own log.
IMPURE = {"time.h", "unistd.h", "fcntl.h", "uv.h", "pthread.h", "signal.h", "curl/curl.h", "microhttpd.h", "sqlite3.h", "dirent.h"}
EXCEPTIONS = {"src/base/log.c"}


def sources(layer):
    return sorted((ROOT / "src" / layer).glob("**/*.[ch]"))


class Layers(unittest.TestCase):
    def test_every_folder_is_known(self):
        folders = {path.name for path in (ROOT / "src").iterdir() if path.is_dir()}
        self.assertEqual(folders, set(ALLOWED))

    def test_includes(self):
        breaches = []
        for layer, allowed in ALLOWED.items():
            for path in sources(layer):
                for line, text in enumerate(path.read_text().splitlines(), 1):
                    found = re.match(r'\s*#\s*include\s+"([^"/]+)/', text)
                    if found and found.group(1) != layer and found.group(1) not in allowed:
                        breaches.append(f"{path.relative_to(ROOT)}:{line}: {layer} may not include {found.group(1)}")
        self.assertEqual(breaches, [])

    def test_pure_layers_reach_nothing(self):
        breaches = []
        for layer in PURE:
            for path in sources(layer):
                name = str(path.relative_to(ROOT))
                if name in EXCEPTIONS:
                    continue
                for line, text in enumerate(path.read_text().splitlines(), 1):
                    found = re.match(r"\s*#\s*include\s+<([^>]+)>", text)
                    if found and (found.group(1) in IMPURE or found.group(1).startswith("sys/")):
                        breaches.append(f"{name}:{line}: a pure layer includes <{found.group(1)}>")
        self.assertEqual(breaches, [])

    def test_no_floats_in_state_or_decisions(self):
        breaches = []
        for layer in ["model", "policy", "match", "platform"]:
            for path in sources(layer):
                text = re.sub(r"/\*.*?\*/|//[^\n]*|\"(?:\\.|[^\"\\])*\"", "", path.read_text(), flags=re.S)
                for word in ("float", "double"):
                    if re.search(rf"\b{word}\b", text):
                        breaches.append(f"{path.relative_to(ROOT)}: uses {word}")
        self.assertEqual(breaches, [])


if __name__ == "__main__":
    unittest.main()
