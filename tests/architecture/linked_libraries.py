#!/usr/bin/env python3
"""Checks with ldd that no program is linked with LibTorch, which only the module that they load may be.

Arguments: --module FILE (where it was built), then the programs.
"""

import re
import subprocess
import sys

LIBTORCH = re.compile(r"\blib(torch|c10|caffe2)")


def libraries_of(file):
    run = subprocess.run(["ldd", file], capture_output=True, text=True, check=False)
    if run.returncode != 0 or "=>" not in run.stdout:
        sys.exit(f"ldd {file}: {run.stdout}{run.stderr}")
    return [line.strip() for line in run.stdout.splitlines()]


def main():
    files = sys.argv[1:]
    if files and files[0] == "--module":
        if not any(LIBTORCH.search(line) for line in libraries_of(files[1])):
            sys.exit(f"{files[1]} is not linked with LibTorch: this check looks for the wrong names")
        files = files[2:]
    wrong = [f"{file}: {line}" for file in files for line in libraries_of(file) if LIBTORCH.search(line)]
    if not files or wrong:
        sys.exit("\n".join(wrong) or "no program named")


main()
