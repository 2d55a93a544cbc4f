#!/usr/bin/env python3
"""Checks that of the server's modules only app writes anything: those that see the texts of requests have no way to log them.

What the log tells of a request goes through request_log, whose records have no place for a text.
"""

import pathlib
import re
import sys

WRITES = re.compile(r"spdlog|std::(cout|cerr|clog)|\b(std::)?(v?f?printf|perror|puts|fputs|fwrite|syslog)\s*\(")


def main():
    server = pathlib.Path(sys.argv[1], "server")
    wrong = []
    found_in_app = False
    for path in sorted(server.rglob("*")):
        if path.suffix not in (".h", ".cc"):
            continue
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if not WRITES.search(line.split("//")[0]):
                continue
            if path.is_relative_to(server / "app"):
                found_in_app = True
            else:
                wrong.append(f"{path.relative_to(server.parent)}:{number}: {line.strip()}")
    if not found_in_app:
        sys.exit(f"nothing in {server}/app writes to the log: this check looks for the wrong words")
    if wrong:
        sys.exit("\n".join(wrong))


main()
