#!/usr/bin/env python3
"""Stands in for a peers script: rates out of a table, openvino-int8 as a peer that does not run."""

import argparse
import json
import os

RATES = {"torch-fp32": 20.0, "torch-int8": 40.0, "ctranslate2-fp32": 40.0, "ctranslate2-int8": 80.0}

parser = argparse.ArgumentParser()
for option in ("model", "lengths", "batch", "threads", "systems", "json"):
    parser.add_argument(f"--{option}", required=True)
arguments = parser.parse_args()
with open(os.environ["FAKE_LOG"], "a", encoding="utf-8") as log:
    log.write(arguments.systems + "\n")
if any(name.startswith("OPENBLAS_") for name in os.environ):
    raise SystemExit("OPENBLAS_* reached a peer")
if arguments.systems == os.environ.get("FAKE_CRASH"):
    raise SystemExit("this peer crashed")
results = []
for system in arguments.systems.split(","):
    rate = RATES.get(system)
    results.append({"system": system, "error": "it does not run here"} if rate is None else
                   {"system": system, "sequences_per_second": rate, "tokens_per_second": 23 * rate})
with open(arguments.json, "w", encoding="utf-8") as out:
    json.dump({"results": results}, out)
