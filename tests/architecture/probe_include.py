#!/usr/bin/env python3
"""Compiles a file that holds one #include as if it belonged to a module, and checks whether that succeeds as declared.

The flags are those of one of the module's own files in compile_commands.json. A header that is `undeclared` must be refused
for that reason: not found, or stopped by a wall (cmake/walls.cmake); and it must exist, or refusing it would prove nothing.
"""

import argparse
import json
import pathlib
import re
import shlex
import subprocess
import sys

NOT_FOUND = r"fatal error: (?:'{header}' file not found|{header}: No such file or directory)"
WALL = r"this module does not declare USES \w+ in its CMakeLists\.txt"


def command_of(build_directory, module):
    """Directory and compile command, without output and input, of some file of the module."""
    entries = json.loads((build_directory / "compile_commands.json").read_text())
    for entry in entries:
        words = shlex.split(entry["command"])
        if f"CMakeFiles/{module}.dir/" in words[words.index("-o") + 1]:
            return entry["directory"], probe_command(words)
    sys.exit(f"compile_commands.json in {build_directory} has no file of a module named {module}")


def probe_command(words):
    if pathlib.Path(words[0]).name == "ccache":
        words = words[1:]
    kept = []
    takes_value = False
    for word in words:
        if takes_value:
            takes_value = False
        elif word in ("-o", "-c"):
            takes_value = True
        else:
            kept.append(word)
    return kept + ["-fsyntax-only", "-x", "c++", "-"]


def exists(header, source_directory, build_directory):
    roots = [source_directory, build_directory / "generated" / "pb", build_directory / "generated" / "grpc.pb",
             pathlib.Path("/usr/include"), pathlib.Path("/usr/include/torch/csrc/api/include")]
    return any((root / header).is_file() for root in roots)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=pathlib.Path, required=True, help="root of the repository")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build directory")
    parser.add_argument("module")
    parser.add_argument("header")
    parser.add_argument("verdict", choices=["allowed", "undeclared"])
    arguments = parser.parse_args()

    if not exists(arguments.header, arguments.source, arguments.build):
        sys.exit(f"{arguments.header} does not exist, so this row proves nothing")
    directory, command = command_of(arguments.build, arguments.module)
    run = subprocess.run(command, cwd=directory, input=f"#include <{arguments.header}>\n", capture_output=True, text=True)
    refused = re.search(NOT_FOUND.format(header=re.escape(arguments.header)) + "|" + WALL, run.stderr)
    as_declared = run.returncode == 0 if arguments.verdict == "allowed" else run.returncode != 0 and refused
    if not as_declared:
        print(run.stderr, file=sys.stderr)
        sys.exit(f"{arguments.module} including {arguments.header} should be {arguments.verdict}; "
                 f"the compiler exited with {run.returncode}: {shlex.join(command)}")


main()
