#!/usr/bin/env python3
"""Checks that modules cannot include what they do not declare: each row of includes.tsv names a module and a header.

A file that holds that one #include is compiled with the flags of the module's own files in compile_commands.json. The compiler must
refuse it for the right reason: the header is not found, or a wall stops it (cmake/walls.cmake). The header must exist, or refusing
it would prove nothing. What modules do declare needs no row: they would not compile.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shlex
import subprocess
import sys

NOT_FOUND = r"fatal error: (?:'{header}' file not found|{header}: No such file or directory)"
WALL = r"this module does not declare USES \w+ in its CMakeLists\.txt"


def read_rows(path):
    """(module, header) of each row."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    rows = [tuple(line.split("\t")) for line in lines]
    for line, row in zip(lines, rows):
        if len(row) != 2:
            sys.exit(f"{path}: not a module and a header: {line}")
    return rows


def commands_of(build_directory):
    """For each target, the directory and the command that compile a file from standard input as if it were the target's own."""
    commands = {}
    for entry in json.loads((build_directory / "compile_commands.json").read_text()):
        words = shlex.split(entry["command"])
        module = re.search(r"CMakeFiles/([^/]+)\.dir/", words[words.index("-o") + 1]).group(1)
        if module not in commands:
            commands[module] = (entry["directory"], probe_command(words))
    return commands


def probe_command(words):
    if pathlib.Path(words[0]).name == "ccache":
        words = words[1:]
    kept = []
    takes_value = False
    for word in words:
        if takes_value:
            takes_value = False
        elif word in ("-o", "-c", "-include"):  # the precompiled header would only cost time here
            takes_value = True
        else:
            kept.append(word)
    return kept + ["-fsyntax-only", "-x", "c++", "-"]


def fault_of(module, header, commands, roots):
    """What is wrong with a row, or None."""
    if not any((root / header).is_file() for root in roots):
        return f"{header} does not exist, so its row for {module} proves nothing"
    if module not in commands:
        return f"no module {module} is built here"
    directory, command = commands[module]
    run = subprocess.run(command, cwd=directory, input=f"#include <{header}>\n", capture_output=True, text=True)
    refused = re.search(NOT_FOUND.format(header=re.escape(header)) + "|" + WALL, run.stderr)
    if run.returncode != 0 and refused:
        return None
    return f"{module} should not be able to include {header}; the compiler exited with {run.returncode}: {run.stderr}"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=pathlib.Path, required=True, help="root of the repository")
    parser.add_argument("--build", type=pathlib.Path, required=True, help="build directory")
    arguments = parser.parse_args()

    rows = read_rows(arguments.source / "tests/architecture/includes.tsv")
    commands = commands_of(arguments.build)
    roots = [arguments.source, arguments.build / "generated/pb", arguments.build / "generated/grpc.pb",
             pathlib.Path("/usr/include"), pathlib.Path("/usr/include/torch/csrc/api/include")]
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        faults = [fault for fault in pool.map(lambda row: fault_of(*row, commands, roots), rows) if fault]
    print(f"{len(rows)} rows, {len(faults)} faults")
    if faults or not rows:
        sys.exit("\n".join(faults) or "no rows")


main()
