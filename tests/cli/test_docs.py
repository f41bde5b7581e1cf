"""What --help says, the man pages and the completions say too."""
import os
import pathlib
import re
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WEIR = os.environ.get("WEIR_BIN", str(ROOT / "build" / "weir"))
MAN = ROOT / "docs" / "man"
BASH = ROOT / "tools" / "completion" / "weir.bash"
ZSH = ROOT / "tools" / "completion" / "_weir"


def weir(*arguments):
    result = subprocess.run([WEIR, *arguments], capture_output=True, text=True, timeout=60)
    if result.returncode != 0:
        raise AssertionError(f"weir {' '.join(arguments)}: {result.returncode}: {result.stderr}")
    return result.stdout


def subcommands():
    return [name for name in weir("__complete", "subcommands").split() if name != "help"]


def options_in_help(text):
    """The options that --help describes: the lines that begin with one."""
    found = set()
    for line in text.splitlines():
        match = re.match(r"  (?:(-\w), |    )?(--[a-z][a-z-]*)", line)
        if match:
            head = re.split(r"\s{2,}", line.strip())[0]
            found.update(re.findall(r"--[a-z][a-z-]*", head))
    return found


def options_in_man(text):
    return {"--" + name for name in re.findall(r"(?m)^\.It .*?$", text) for name in re.findall(r"Fl Fl ([a-z-]+)", name)}


def letters_in_help(text):
    return set(re.findall(r"(?m)^  (-\w), --", text))


def case_of(text, name):
    """The part of a shell `case` for one subcommand."""
    match = re.search(r"(?ms)^\t" + re.escape(name) + r"\)(.*?);;", text)
    return match.group(1) if match else ""


class Docs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.help = {name: weir(name, "--help") for name in subcommands()}

    def test_there_are_subcommands(self):
        self.assertGreaterEqual(len(self.help), 20)
        self.assertNotIn("shim", self.help)
        self.assertNotIn("__complete", self.help)

    def test_help_has_usage_options_and_examples(self):
        for name, text in self.help.items():
            with self.subTest(name):
                self.assertRegex(text, r"(?i)\A\s*usage: weir " + name)
                self.assertRegex(text, r"(?im)^examples:$")
                self.assertGreaterEqual(len(re.findall(r"(?m)^  weir " + name, text)), 1)

    def test_help_fits_a_terminal(self):
        for name, text in self.help.items():
            for line in text.splitlines():
                with self.subTest(name, line=line):
                    self.assertLessEqual(len(line), 130)

    def test_help_subcommand_says_the_same(self):
        for name, text in self.help.items():
            self.assertEqual(weir("help", name), text)

    def test_overview_names_each(self):
        overview = weir("help")
        for name in self.help:
            self.assertRegex(overview, r"(?m)^  " + name + r" ")

    def test_man_pages_say_the_same(self):
        for name, text in self.help.items():
            page = (MAN / f"weir-{name}.1").read_text()
            with self.subTest(name):
                self.assertEqual(options_in_man(page) - {"--help"}, options_in_help(text) - {"--help"})
                for letter in letters_in_help(text):
                    self.assertIn(f".It Fl {letter[1:]} ", page)
                for section in ("NAME", "SYNOPSIS", "DESCRIPTION", "EXIT STATUS", "EXAMPLES", "SEE ALSO"):
                    self.assertIn(f".Sh {section}\n", page)

    def test_every_page_is_of_a_subcommand(self):
        pages = {path.stem[len("weir-"):] for path in MAN.glob("weir-*.1")}
        self.assertEqual(pages, set(self.help))
        overview = (MAN / "weir.1").read_text()
        for name in self.help:
            self.assertIn(f".It Cm {name}\n", overview)

    def test_pages_name_pages_that_exist(self):
        for path in MAN.glob("*.1"):
            for name in re.findall(r"(?m)^\.Xr (\S+) 1|Pq Xr (\S+) 1", path.read_text()):
                target = name[0] or name[1]
                self.assertTrue((MAN / f"{target}.1").exists(), f"{path.name} names {target}")

    def test_bash_completion_knows_each_option(self):
        text = BASH.read_text()
        for name, help_text in self.help.items():
            known = set(re.findall(r"--[a-z][a-z-]*", case_of(text, name)))
            self.assertEqual(known - {"--help"}, options_in_help(help_text) - {"--help"}, name)

    def test_zsh_completion_knows_each_option(self):
        text = ZSH.read_text()
        for name, help_text in self.help.items():
            known = set(re.findall(r"'\*?(--[a-z][a-z-]*)\[", case_of(text, name)))
            self.assertEqual(known - {"--help"}, options_in_help(help_text) - {"--help"}, name)
            self.assertIn(f"'{name}:", text)


class BashCompletion(unittest.TestCase):
    """Runs the completion in bash, away from any platform."""

    def complete(self, *words):
        script = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); COMPREPLY=(); _weir; '
                  'printf "%s\\n" "${COMPREPLY[@]}"')
        with tempfile.TemporaryDirectory() as empty:
            environment = {"PATH": os.environ["PATH"], "HOME": empty, "WEIR_SERVER": "http://127.0.0.1:9"}
            result = subprocess.run(["bash", "-c", script, "bash", str(BASH), WEIR, *words], capture_output=True, text=True,
                                    timeout=60, env=environment, cwd=empty)
        self.assertEqual(result.stderr, "")
        return result.stdout.split()

    def test_subcommands(self):
        self.assertEqual(self.complete("su"), ["submit", "summary"])
        self.assertIn("up", self.complete(""))

    def test_options(self):
        self.assertEqual(self.complete("ls", "--te"), ["--tenant"])
        self.assertEqual(self.complete("run", "--chip-"), ["--chip-model", "--chip-memory"])

    def test_values(self):
        self.assertEqual(self.complete("sites", "--tier", ""), ["hub", "regional", "edge"])
        self.assertEqual(self.complete("token", "re"), ["revoke"])

    def test_unreachable_platform_is_silent(self):
        self.assertEqual(self.complete("show", "x"), [])


if __name__ == "__main__":
    unittest.main()
