"""compare_peers with systems that only pretend: what it runs, in which order, what it reckons, and what it refuses."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).resolve().parent
DEMO_MODEL = HERE.parents[1] / "models/demo-sst2"
PEERS = "torch-fp32,torch-int8,ctranslate2-fp32,ctranslate2-int8"


class ComparePeers(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)
        self.log = self.directory / "log"
        self.json = self.directory / "out.json"
        self.model = self.directory / "model"
        self.model.mkdir()
        for name in ("config.json", "vocab.json"):
            (self.model / name).write_text("{}")
        self.named_model = ["--model", self.model]
        self.lengths = self.directory / "lengths-short.txt"
        self.lengths.write_text("17\n8\n30\n")

    def compare(self, *arguments, **environment):
        return subprocess.run([sys.executable, HERE / "compare_peers", *self.named_model, "--lengths", self.lengths,
                               "--engine-bench", HERE / "fake_engine_bench.py", "--peers-script", HERE / "fake_peers.py",
                               "--peers-python", sys.executable, "--systems", PEERS, "--json", self.json, "--single", "none", *arguments],
                              capture_output=True, text=True, check=False,
                              env={**os.environ, "FAKE_LOG": str(self.log), "ROBERTA_SHARED": str(self.directory), **environment})

    def report(self, *arguments, **environment):
        done = self.compare(*arguments, **environment)
        self.assertEqual(done.returncode, 0, done.stderr)
        return json.loads(self.json.read_text()), done.stdout

    def refused(self, code, text, *arguments, **environment):
        done = self.compare(*arguments, **environment)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertIn(text, done.stderr)
        self.assertNotIn("Traceback", done.stderr)

    def targets(self, report):
        return {row["target"]: (row["least"], row["verdict"]) for row in report["targets"]}

    def test_every_round_runs_ours_and_then_each_peer_in_a_process_of_its_own(self):
        self.report("--rounds", "2")
        self.assertEqual(self.log.read_text().split(), 2 * ["engine_bench", *PEERS.split(",")])

    def test_the_best_round_counts_and_the_spread_is_said(self):
        report, _ = self.report("--rounds", "2")
        row = next(row for row in report["systems"] if row["system"] == "quantized")
        self.assertEqual(row["sequences_per_second"], 180)
        self.assertEqual(row["rounds"], [180, 162])
        self.assertAlmostEqual(row["spread"], 0.1)
        self.assertEqual(row["ratio"], 9)

    def test_one_round_has_no_spread(self):
        report, text = self.report("--rounds", "1")
        self.assertIsNone(report["systems"][0]["spread"])
        self.assertRegex(text, r"(?m)^torch-fp32 +20\.0 +460 +1\.00 +- +20\.0$")

    def test_targets_are_met_or_missed(self):
        report, text = self.report("--rounds", "1")
        targets = self.targets(report)
        self.assertEqual(targets["baseline vs torch-fp32"], (2.6, "met"))
        self.assertEqual(targets["quantized vs torch-fp32"], (9.5, "missed"))
        self.assertEqual(targets["amp vs baseline"], (0.98, "met"))
        self.assertEqual(targets["quantized: products inside the encoder vs alone"], (0.95, "met"))
        self.assertRegex(text, r"(?m)^quantized vs torch-fp32 +9\.50 +9\.00 +missed$")
        self.assertRegex(text, r"(?m)^quantized +180\.0 +4140 +9\.00 ")

    def test_lone_texts_are_measured_one_at_a_time_and_compared_with_the_best_peer_of_their_precision(self):
        report, text = self.report("--rounds", "2", "--single", "17")
        self.assertEqual(self.log.read_text().split()[-4:], PEERS.split(","))
        self.assertEqual(report["lone"]["baseline"], {"17": 20})  # of two rounds the better one, split
        self.assertEqual(report["lone"]["ctranslate2-int8"], {"17": 12.5})
        self.assertRegex(text, r"(?m)^ctranslate2-fp32 +25\.0$")
        measured = {row["target"]: row["measured"] for row in report["targets"]}
        self.assertEqual(measured["baseline: a lone text of 17 tokens, best peer's time over its own"], 25 / 20)
        self.assertEqual(measured["quantized: a lone text of 17 tokens, best peer's time over its own"], 12.5 / 20)
        self.refused(2, "0 is not 1 or more", "--single", "0")

    def test_what_is_wanted_depends_on_the_host_s_instruction_sets(self):
        limited, _ = self.report("--rounds", "1", ROBERTA_MAX_ISA="avx2")
        self.assertEqual(limited["host"], "avx2")
        self.assertEqual(self.targets(limited)["baseline vs ctranslate2-fp32"], (1.5, "met"))

    def test_more_is_wanted_of_amp_where_it_chose_bf16(self):
        report, _ = self.report("--rounds", "1", FAKE_AMP="bf16")
        self.assertEqual(self.targets(report)["amp vs baseline"], (1.7, "missed"))

    def test_a_missed_target_is_an_exit_code_if_asked_for(self):
        self.assertEqual(self.compare("--rounds", "1", "--require-targets").returncode, 3)

    def test_a_workload_without_targets_is_measured_all_the_same(self):
        other = self.directory / "lengths-mine.txt"
        other.write_text("5\n")
        _, text = self.report("--rounds", "1", "--lengths", other)
        self.assertIn("workload mine: 1 sequences, 5 tokens", text)

    def test_a_peer_that_does_not_run_is_a_row_and_its_targets_are_not_measured(self):
        report, text = self.report("--rounds", "1", "--systems", "torch-fp32,openvino-int8")
        self.assertIn("it does not run here", text)
        self.assertEqual(self.targets(report)["quantized vs ctranslate2-int8"][1], "not measured")

    def test_markdown_has_both_tables(self):
        out = self.directory / "out.md"
        self.report("--rounds", "1", "--markdown", out)
        self.assertIn("| torch-fp32 | 20.0 | 460 | 1.00 |", out.read_text())
        self.assertIn("| baseline vs torch-fp32 | 2.60 | 3.00 | met |", out.read_text())

    def test_settings_of_openblas_do_not_reach_the_peers(self):
        self.report("--rounds", "1", OPENBLAS_CORETYPE="Prescott")

    def test_another_build_than_release_is_refused(self):
        self.refused(1, "is a Debug build; only Release is measured", FAKE_BUILD_TYPE="Debug")

    def test_a_crash_of_a_peer_is_named(self):
        self.refused(1, "torch-int8 ended with 1: this peer crashed", FAKE_CRASH="torch-int8")

    def test_what_is_missing_is_named(self):
        self.refused(1, "/no/bench is not built", "--engine-bench", "/no/bench")
        self.refused(1, "no peers script /no/script", "--peers-script", "/no/script")
        self.refused(1, "the peers' Python: /no/python: No such file", "--peers-python", "/no/python")
        self.refused(1, "no file /no/lengths", "--lengths", "/no/lengths")
        self.refused(1, "it has no config.json", "--model", "/no/model")
        (self.model / "vocab.json").unlink()
        self.refused(1, "ctranslate2-fp32 wants a vocabulary")

    def test_without_a_model_one_is_made(self):
        self.named_model = []
        self.refused(1, "which would make one, is not built")
        tool = self.directory / "roberta-model"
        tool.write_text("#!/bin/sh\necho \"$1 $2\" >> \"$FAKE_LOG\"\n")
        tool.chmod(0o755)
        bench = self.directory / "engine_bench"
        bench.symlink_to(HERE / "fake_engine_bench.py")
        self.report("--rounds", "1", "--engine-bench", bench)
        self.assertEqual(self.log.read_text().splitlines()[:2], ["init --out", "engine_bench"])

    def test_lengths_that_are_no_numbers_are_refused(self):
        self.lengths.write_text("17\nmany\n")
        self.refused(1, "line 2: many is no length")

    def test_wrong_arguments_are_refused(self):
        self.refused(2, "unknown: tensorflow", "--systems", "torch-fp32,tensorflow")
        self.refused(2, "unknown: fast", "--profiles", "fast")
        self.refused(2, "0 is not 1 or more", "--rounds", "0")
        self.refused(2, "invalid positive value: 'some'", "--rounds", "some")
        self.refused(2, "unrecognized arguments", "--fast")

    def test_our_own_benchmark_runs_in_it(self):
        bench = os.environ.get("ENGINE_BENCH")
        if not bench:
            self.skipTest("no engine_bench named in ENGINE_BENCH")
        report, _ = self.report("--rounds", "1", "--passes", "1", "--engine-bench", bench, "--model", DEMO_MODEL,
                                "--profiles", "baseline,quantized", "--lengths", HERE / "lengths-mixed.txt")
        self.assertTrue(all(row["sequences_per_second"] > 0 for row in report["systems"]), report)


if __name__ == "__main__":
    unittest.main()
