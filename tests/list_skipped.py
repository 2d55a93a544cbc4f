#!/usr/bin/env python3
"""Lists the tests that were skipped, with the reason each gave, from the files that ctest and GoogleTest wrote."""

import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

# Python's unittest prints the reason on the test's line.
PYTHON_REASON = re.compile(r"skipped ['\"](.+)['\"]$", re.MULTILINE)
# GoogleTest begins a reason with the place in the source.
PLACE = re.compile(r"^\S+\.(?:cc|h):\d+\n")


def skipped_by_googletest(path):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        skipped = case.find("skipped")
        if skipped is not None:
            reason = " ".join(PLACE.sub("", skipped.get("message") or skipped.text or "").split())
            yield f"{case.get('classname')}.{case.get('name')}", reason or "no reason given"


def skipped_by_ctest(path):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        if case.get("status") not in ("notrun", "disabled"):
            continue
        found = PYTHON_REASON.search(case.findtext("system-out") or "")
        skipped = case.find("skipped")
        message = skipped.get("message", "") if skipped is not None else ""
        yield case.get("name"), found.group(1) if found else message or "no reason given"


def main():
    if len(sys.argv) != 3:
        sys.exit("Usage: list_skipped.py CTEST_JUNIT_FILE FOLDER_OF_GOOGLETEST_XML_FILES")
    skipped = list(skipped_by_ctest(sys.argv[1]))
    for path in sorted(pathlib.Path(sys.argv[2]).glob("*.xml")):
        skipped += skipped_by_googletest(path)
    if not skipped:
        return
    print(f"{len(skipped)} tests did not run here:")
    for name, reason in skipped:
        print(f"  {name}: {reason}")
    print()


main()
