"""Completion in shells: the scripts that the programs make of their own options, in a real bash and a real zsh."""

import os
import pathlib
import pty
import re
import select
import shutil
import subprocess
import tempfile
import time
import unittest

from binaries import BIN, run

PROGRAMS = ("roberta-server", "roberta-client", "roberta-model", "roberta-loadtest")

# Asks bash's own machinery for the completions of the line in $1, one to a line.
ASK_BASH = r"""
source "$1"
read -r -a COMP_WORDS <<<"${2//=/ = }"
[[ "$2" != *" " ]] || COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE="$2" COMP_POINT=${#2}
function="$(complete -p "${COMP_WORDS[0]}" | sed 's/.*-F \([^ ]*\) .*/\1/')"
"$function" "${COMP_WORDS[0]}" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
printf '%s\n' "${COMPREPLY[@]}"
"""

def options_of(*command):
    """What --help of a program, or of one of its subcommands, shows."""
    return set(re.findall(r"^\s+(?:-\w,)?(--[a-z][\w-]*)", run(*command, "--help").stdout, re.MULTILINE))


def subcommands_of(program):
    help_text = run(program, "--help").stdout
    return re.findall(r"^  ([a-z][\w-]*) ", help_text.split("Subcommands:")[1].split("\n\n")[0], re.MULTILINE) \
        if "Subcommands:" in help_text else []


class Completion(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.directory = tempfile.TemporaryDirectory()
        cls.scripts = {}
        for shell in ("bash", "zsh"):
            for program in PROGRAMS:
                if (BIN / program).exists():
                    result = run(program, "--completion", shell)
                    assert result.returncode == 0, result.stderr
                    cls.scripts[program, shell] = pathlib.Path(cls.directory.name, f"{program}.{shell}")
                    cls.scripts[program, shell].write_text(result.stdout)
        cls.here = pathlib.Path(cls.directory.name, "here")  # where completions of files are asked for
        cls.here.joinpath("folder").mkdir(parents=True)
        cls.here.joinpath("a file.json").touch()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()

    def complete(self, line):
        script = self.scripts[line.split()[0], "bash"]
        result = subprocess.run(["bash", "-c", ASK_BASH, "bash", str(script), line], capture_output=True, text=True, check=False,
                                cwd=self.here)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stderr, "")
        return set(result.stdout.splitlines()) - {""}

    def test_every_option_and_subcommand_of_every_program_is_offered(self):
        seen = 0
        for program in {program for program, _ in self.scripts}:
            with self.subTest(program=program):
                shown = options_of(program)
                self.assertGreater(len(shown), 1)
                self.assertEqual(self.complete(f"{program} --"), shown | {"--help", "--version"})
                subcommands = subcommands_of(program)
                self.assertTrue(subcommands)
                self.assertEqual(self.complete(f"{program} "), set(subcommands))
                for subcommand in subcommands:
                    offered = self.complete(f"{program} {subcommand} --")
                    self.assertLessEqual(options_of(program, subcommand), offered)
                    seen += len(offered)
        self.assertGreater(seen, 50)

    def test_values(self):
        self.assertEqual(self.complete("roberta-server --log-format "), {"text", "json"})
        self.assertEqual(self.complete("roberta-server --log-format=j"), {"json"})
        self.assertEqual(self.complete("roberta-server --port "), set())
        self.assertEqual(self.complete("roberta-server --http-port "), {"off"})
        self.assertEqual(self.complete("roberta-server --print-config "), {"textproto", "json"})
        self.assertEqual(self.complete("roberta-server --print-config --check"), {"--check-config"})
        self.assertEqual(self.complete("roberta-server --config "), {"a file.json", "folder"})
        self.assertEqual(self.complete("roberta-server --model "), {"folder"})
        self.assertEqual(self.complete("roberta-server --config a --anonymous-role me"), {"metadata"})
        self.assertEqual(self.complete("roberta-client classify --priority "), {"low", "normal", "high"})
        self.assertEqual(self.complete("roberta-model tokenize --truncation e"), {"error"})

    def test_a_value_that_looks_like_a_subcommand_is_none(self):
        self.assertIn("--config", self.complete("roberta-server --default-profile make-token --"))
        self.assertIn("--role", self.complete("roberta-server --default-profile x make-token --"))
        self.assertNotIn("--config", self.complete("roberta-server make-token --"))

    def test_options_of_the_program_come_after_its_subcommand_where_it_takes_them_there(self):
        self.assertIn("--address", self.complete("roberta-client classify --"))
        self.assertEqual(self.complete("roberta-client classify --ca a"), {"a file.json"})

    def test_help_does_not_show_how_scripts_are_made_and_other_shells_are_refused(self):
        self.assertNotIn("--completion", run("roberta-client", "--help").stdout)
        result = run("roberta-server", "--completion", "tcsh")
        self.assertEqual(result.returncode, 2)
        self.assertIn("tcsh", result.stderr)

    @unittest.skipIf(shutil.which("zsh") is None, "not run: there is no zsh here")
    def test_zsh(self):
        pid, terminal = pty.fork()
        if pid == 0:
            os.chdir(self.here)
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "TERM": "dumb"})
        try:
            os.write(terminal, b"stty cols 400; PS1=; autoload -U compinit; compinit -u -D; LISTMAX=10000; bindkey '^X' list-choices\n")
            for (_, shell), script in self.scripts.items():
                if shell == "zsh":
                    os.write(terminal, f"source {script}\n".encode())
            for line, expected in (("roberta-server --log-format ", {"text", "json"}),
                                   ("roberta-server --", options_of("roberta-server")),
                                   ("roberta-client ", set(subcommands_of("roberta-client"))),
                                   ("roberta-client classify --", options_of("roberta-client", "classify"))):
                with self.subTest(line=line):
                    os.write(terminal, line.encode() + b"\x18")  # ^X
                    shown = self.read_until(terminal, expected | {line.split()[-1]})
                    self.assertLessEqual(expected, shown)
                    os.write(terminal, b"\x15\n")  # ^U
        finally:
            os.close(terminal)  # which ends the shell
            os.waitpid(pid, 0)

    def read_until(self, terminal, expected, longest_seconds=30):
        """All words that the terminal shows until `expected` are among them, or until the time is over."""
        text, end = "", time.monotonic() + longest_seconds
        while not expected <= (words := set(re.findall(r"[\w.-]+", re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", " ", text)))):
            if not select.select([terminal], [], [], max(0, end - time.monotonic()))[0]:
                break
            text += os.read(terminal, 65536).decode(errors="replace")
        return words


if __name__ == "__main__":
    unittest.main()
