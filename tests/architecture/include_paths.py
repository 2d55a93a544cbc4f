#!/usr/bin/env python3
"""Checks that every quoted include names a file of this repository by its full path from the root.

A relative path would find a neighbour's header without asking the build, and so go round the modules' declared dependencies.
"""

import pathlib
import re
import sys

INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]*)"', re.MULTILINE)
FOLDERS = ["client", "loadtest", "profiles", "server", "tests"]
GENERATED = re.compile(r"\.pb\.h$|^version/version\.h$|^client/service_config\.h$|^server/transport/(?:openapi|page)\.h$")
THIRD_PARTY = re.compile(r"^absl/")


def main():
    root = pathlib.Path(sys.argv[1])
    wrong = []
    checked = 0
    for folder in FOLDERS:
        for path in sorted((root / folder).rglob("*")):
            if path.suffix not in (".h", ".cc"):
                continue
            for header in INCLUDE.findall(path.read_text()):
                checked += 1
                if GENERATED.search(header) or THIRD_PARTY.search(header):
                    continue
                if ".." in header.split("/") or not (root / header).is_file():
                    wrong.append(f'{path.relative_to(root)}: "{header}" is not a full path from the root')
    if checked == 0:
        sys.exit(f"no include found under {root}")
    if wrong:
        sys.exit("\n".join(wrong))


main()
