#!/usr/bin/env python3
"""Stands in for engine_bench: rates out of a table, those of every second run slower by a tenth."""

import argparse
import json
import os

RATES = {"baseline": 60.0, "quantized": 180.0, "amp": 90.0, "pruned": 84.0, "integrated": 260.0}

parser = argparse.ArgumentParser()
for option in ("model", "lengths", "batch", "threads", "passes", "profiles"):
    parser.add_argument(f"--{option}", required=True)
parser.add_argument("--json", action="store_true", required=True)
parser.add_argument("--single")
arguments = parser.parse_args()
with open(os.environ["FAKE_LOG"], "a+", encoding="utf-8") as log:
    log.seek(0)
    runs = log.read().count("engine_bench\n")
    log.write("engine_bench\n")
slower = 0.9 if runs % 2 == 1 else 1.0
print(json.dumps({
    "build_type": os.environ.get("FAKE_BUILD_TYPE", "Release"),
    "results": [{"system": name, "sequences_per_second": slower * RATES[name], "tokens_per_second": slower * 23 * RATES[name],
                 "precision": os.environ.get("FAKE_AMP", "fp32") if name == "amp" else "fp32", "of_best_product": 0.96,
                 **({"single_median_ms": {arguments.single: 40 / slower}, "single_split_ratio": {arguments.single: 0.5}} if arguments.single else {})}
                for name in arguments.profiles.split(",")]}))
