#!/usr/bin/env python3
"""Lists the tests that ctest skipped, with the reason each gave, from the JUnit file that ctest wrote."""

import re
import sys
import xml.etree.ElementTree as ElementTree

# Python's unittest prints the reason on the test's line.
PYTHON_REASON = re.compile(r"skipped ['\"](.+)['\"]$", re.MULTILINE)
# GoogleTest prints a place, the word Skipped, the reason, then a line that closes the test.
REASON = re.compile(r"^[^\n]*: Skipped\n(.*?)(?:\n+\[  SKIPPED \]|\Z)", re.DOTALL | re.MULTILINE)


def reason_of(case):
    output = case.findtext("system-out") or ""
    found = REASON.search(output)
    if found and found.group(1).strip():
        return " ".join(found.group(1).split())
    found = PYTHON_REASON.search(output)
    if found:
        return found.group(1)
    skipped = case.find("skipped")
    message = skipped.get("message", "") if skipped is not None else ""
    return message or "no reason given"


def main():
    if len(sys.argv) != 2:
        sys.exit("Usage: list_skipped.py JUNIT_FILE")
    cases = ElementTree.parse(sys.argv[1]).getroot().iter("testcase")
    skipped = [(case.get("name"), reason_of(case)) for case in cases if case.get("status") in ("notrun", "disabled")]
    if not skipped:
        return
    print(f"{len(skipped)} tests did not run here:")
    for name, reason in skipped:
        print(f"  {name}: {reason}")
    print()


main()
