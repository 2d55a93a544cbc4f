"""roberta-loadtest against roberta-server on the demo model: runs, their records, and everything that can go wrong."""

import csv
import json
import os
import pathlib
import re
import shutil
import signal
import struct
import subprocess
import tempfile
import threading
import unittest
import urllib.request

from binaries import BIN, DEMO_MODEL, QUICK_DEMO_MODEL, SOURCE, Server, run, wait_until

OUTCOMES = ("answered", "refused", "unavailable", "expired", "cancelled", "failed")
MEASURED = (0, 4)  # 4: the machine was too busy for the program to keep up, which it says


def requests(address):
    """Labels and value of each series of roberta_requests_total on a metrics page, but for those that are 0."""
    page = urllib.request.urlopen(f"http://{address}/metrics", timeout=60).read().decode()
    for labels, value in re.findall(r"^roberta_requests_total\{([^}]*)\} (\S+)", page, re.MULTILINE):
        if float(value) > 0:
            yield dict(re.findall(r'(\w+)="([^"]*)"', labels)), int(float(value))


def counted(server, method="Classify"):
    """Calls that the server has booked, by code."""
    codes = {}
    for labels, value in requests(f"127.0.0.1:{server.metrics_port}"):
        if labels["method"] == method:
            codes[labels["code"]] = codes.get(labels["code"], 0) + value
    return codes


def answered_by(profile, address):
    """Classify calls that the profile has answered."""
    wanted = {"profile": profile, "method": "Classify", "code": "OK"}
    return sum(value for labels, value in requests(address) if wanted.items() <= labels.items())


def served_by(profile, log):
    """The same of a server by its log; 0 before it serves."""
    metrics = re.search(r"metrics on http://(\S+)/metrics", log.read_text() if log.exists() else "")
    return answered_by(profile, metrics[1]) if metrics else 0


def is_running(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def write_font_of_arrows(path):
    """An installed font whose table of characters has four arrows in place of everything else."""
    installed = subprocess.run(["fc-match", "--format", "%{file}", "sans"], capture_output=True, text=True, check=True).stdout
    font = bytearray(pathlib.Path(installed).read_bytes())
    for table in range(struct.unpack_from(">H", font, 4)[0]):
        tag, _, offset, _ = struct.unpack_from(">4sLLL", font, 12 + 16 * table)
        if tag == b"cmap":  # one subtable, of format 6: glyphs 36 to 39 from U+2190 on
            struct.pack_into(">HHHHLHHHHH4H", font, offset, 0, 1, 3, 1, 12, 6, 18, 0, 0x2190, 4, 36, 37, 38, 39)
    path.write_bytes(font)


class LoadTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(profiles="baseline,quantized")
        cls.directory = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()
        cls.server.__exit__(None, None, None)

    def path(self, name, text=None):
        path = pathlib.Path(self.directory.name, name)
        if text is not None:
            path.write_text(text)
        return path

    def load(self, *arguments, target=None, quality=False):
        """Runs; its answers are compared with those to each text alone only for `quality`, as that takes the most time."""
        alone = () if quality or "--no-quality" in arguments else ("--no-quality",)
        return run("roberta-loadtest", "run", "--target", target or self.server.address, *alone, *arguments)

    def record(self, *arguments, quality=False):
        """Runs and returns the record, whose books are checked."""
        path = self.path("run.json")
        result = self.load("--json", path, *arguments, quality=quality)
        self.assertIn(result.returncode, MEASURED, result.stderr)
        record = json.loads(path.read_text())["runs"][0]
        for tally in (*record["result"]["classes"], record["result"]["warm_up"], record["derived"]["total"]):
            self.assertEqual(tally["sent"], sum(tally["outcomes"][name] for name in OUTCOMES))
            self.assertEqual(tally["sent"], sum(tally["codes"].values()))
        return record

    def fails(self, code, words, *arguments, **options):
        result = self.load(*arguments, **options)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
        self.assertIn(words, result.stderr)
        self.assertTrue(result.stderr.startswith("roberta-loadtest: "), result.stderr)

    def test_a_closed_loop_agrees_with_the_servers_count(self):
        before = counted(self.server).get("OK", 0)
        record = self.record("--concurrency", "4", "--duration", "1", "--warm-up", "0.2", "--file",
                             DEMO_MODEL / "sample.tsv", "--profile", "quantized", "--no-quality")
        sent = record["derived"]["total"]["sent"] + record["result"]["warm_up"]["sent"]
        self.assertGreater(sent, 8)
        wait_until(lambda: counted(self.server).get("OK", 0) - before == sent)
        total = record["derived"]["total"]
        self.assertEqual(total["profiles_used"], {"quantized": total["sent"]})
        self.assertGreater(total["server_phases"]["infer_ns"], 0)
        self.assertEqual(record["server"]["model"], "demo-sst2")

    def test_an_open_loop_sends_what_is_due(self):
        record = self.record("--rate", "40", "--arrivals", "constant", "--duration", "1.5", "--warm-up", "0",
                             "--slo-ms", "5000", "--profile", "quantized")
        self.assertEqual(record["result"]["intended"], 60)
        self.assertEqual(record["settings"]["loop"], "open")
        self.assertGreater(record["derived"]["goodput_ratio"], 0)

    def test_long_texts_are_as_long_as_the_model_takes(self):
        record = self.record("--concurrency", "2", "--duration", "2", "--warm-up", "0", "--long-share", "0.5",
                             "--profile", "quantized")
        longs = record["result"]["classes"][record["result"]["class_names"].index("long")]
        self.assertGreater(longs["items"], 0)
        # At the edge of a character the cut may leave a token or two less.
        self.assertGreater(longs["tokens"] / longs["items"], 100)

    def test_lengths_are_those_of_the_file(self):
        record = self.record("--concurrency", "2", "--duration", "1", "--warm-up", "0", "--lengths",
                             self.path("lengths.txt", "17\n"), "--items", "3", "--profile", "quantized")
        total = record["derived"]["total"]
        self.assertEqual(total["tokens"], 17 * total["items"])
        self.assertEqual(total["items"], 3 * total["outcomes"]["answered"])

    def test_recorded_intervals_are_replayed(self):
        record = self.record("--replay", self.path("intervals.txt", "0\n50\n50\n100\n"), "--duration", "3",
                             "--warm-up", "0")
        self.assertEqual(record["derived"]["total"]["sent"], 4)

    def test_json_on_standard_output_is_alone_there(self):
        result = self.load("--concurrency", "1", "--duration", "0.5", "--warm-up", "0", "--json", "-")
        self.assertIn(result.returncode, MEASURED, result.stderr)
        self.assertEqual(json.loads(result.stdout)["format"], 2)

    def test_percentiles_are_those_of_hdrhistogram(self):
        path = self.path("latency.hgrm")
        result = self.load("--concurrency", "1", "--duration", "0.5", "--warm-up", "0", "--percentiles", path)
        self.assertIn(result.returncode, MEASURED, result.stderr)
        self.assertRegex(path.read_text(), r"(?s)^ +Value +Percentile TotalCount 1/\(1-Percentile\)\n\n.*#\[Buckets = ")

    def test_the_table_tells_latencies(self):
        result = self.load("--concurrency", "1", "--duration", "0.5", "--warm-up", "0")
        self.assertIn(result.returncode, MEASURED, result.stderr)
        for words in ("answered", "answers/s", "from the intended send", "lateness of this program", "tokenize"):
            self.assertIn(words, result.stdout)

    def test_ctrl_c_still_writes_what_was_measured(self):
        path = self.path("stopped.json")
        process = subprocess.Popen([BIN / "roberta-loadtest", "run", "--target", self.server.address, "--concurrency",
                                    "2", "--duration", "600", "--warm-up", "0", "--no-quality", "--json", path],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        before = sum(counted(self.server).values())
        wait_until(lambda: sum(counted(self.server).values()) > before + 10)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130)
        self.assertIn("Stopped early", output)
        record = json.loads(path.read_text())["runs"][0]
        self.assertEqual(record["result"]["end"], "stopped")
        self.assertGreater(record["derived"]["total"]["outcomes"]["answered"], 0)

    def test_a_server_that_dies_ends_the_run_with_what_was_measured(self):
        path = self.path("lost.json")
        with Server() as server:
            results = []
            thread = threading.Thread(target=lambda: results.append(
                self.load("--rate", "50", "--duration", "600", "--warm-up", "0", "--no-quality", "--json", path,
                          target=server.address)))
            thread.start()
            wait_until(lambda: counted(server).get("OK", 0) > 10)
        thread.join(120)
        self.assertEqual(results[0].returncode, 3, results[0].stderr)
        self.assertIn("The server was lost", results[0].stdout)
        record = json.loads(path.read_text())["runs"][0]
        self.assertEqual(record["result"]["end"], "server lost")
        self.assertGreater(record["derived"]["total"]["outcomes"]["unavailable"], 0)

    def test_a_server_that_dies_is_told_in_one_line(self):
        server = Server(exit_code=-signal.SIGKILL)
        with server:
            results = []
            thread = threading.Thread(target=lambda: results.append(
                self.load("--concurrency", "2", "--duration", "600", "--warm-up", "0", "--quiet",
                          target=server.address)))
            thread.start()
            wait_until(lambda: counted(server).get("OK", 0) > 10)
            server.signal(signal.SIGKILL)
            thread.join(120)
        self.assertEqual(results[0].returncode, 3, results[0].stderr)
        self.assertEqual(results[0].stderr,
                         f"roberta-loadtest: the server was lost: {server.address} has been UNAVAILABLE for seconds\n")

    def test_an_http_server_is_told_from_one_of_grpc(self):
        self.fails(3, "an HTTP server answers there", target=f"127.0.0.1:{self.server.metrics_port}")

    def test_the_servers_metrics_are_recorded_and_agree(self):
        record = self.record("--concurrency", "2", "--duration", "1.2", "--warm-up", "0.2", "--profile", "quantized",
                             "--metrics", f"127.0.0.1:{self.server.metrics_port}")
        resources, counters = record["resources"], record["counters"]
        self.assertEqual((resources["missing"], counters["missing"]), ("", ""))
        self.assertGreaterEqual(len(resources["samples"]), 2)
        self.assertGreater(resources["samples"][0]["resident_bytes"], 1 << 20)
        self.assertGreater(resources["samples"][-1]["cpu_seconds"], resources["samples"][0]["cpu_seconds"])
        sent = record["derived"]["total"]["sent"] + record["result"]["warm_up"]["sent"]
        self.assertEqual((counters["requests"], counters["answered"]), (sent, sent))
        self.assertEqual(set(counters["phase_seconds"]), {"tokenize", "queue", "form", "infer", "post"})
        self.assertEqual(counters["batch_items"], sent)
        self.assertGreater(counters["batches"], 0)
        self.assertEqual(record["derived"]["server_gaps"], [])

    def test_metrics_that_cannot_be_read_leave_the_run_alone(self):
        record = self.record("--concurrency", "1", "--duration", "0.5", "--warm-up", "0", "--metrics", "127.0.0.1:1")
        self.assertIn("127.0.0.1:1: Connection refused", record["resources"]["missing"])
        self.assertEqual(record["resources"]["samples"], [])
        self.assertIn("127.0.0.1:1", record["counters"]["missing"])

    def test_metrics_may_be_left_alone(self):
        record = self.record("--concurrency", "1", "--duration", "0.5", "--warm-up", "0", "--metrics", "none")
        self.assertEqual(record["counters"]["missing"], "the metrics page was not read")
    def series(self, *arguments):
        """Makes several short runs; their records and the table."""
        path = self.path("series.json")
        result = self.load("--json", path, "--duration", "0.3", "--warm-up", "0", *arguments)
        self.assertIn(result.returncode, MEASURED, result.stderr)
        return json.loads(path.read_text()), result.stdout

    def test_profiles_take_turns_at_each_level(self):
        csv_path = self.path("series.csv")
        series, table = self.series("--concurrency", "1,3", "--profile", "baseline,quantized", "--turns", "2",
                                    "--csv", csv_path)
        made = [(run["settings"]["turn"], run["settings"]["concurrency"], run["settings"]["profile"])
                for run in series["runs"]]
        self.assertEqual(made, [(turn, users, profile) for turn in (0, 1) for users in (1, 3)
                                for profile in ("baseline", "quantized")])
        for run in series["runs"]:
            self.assertEqual(set(run["derived"]["total"]["profiles_used"]), {run["settings"]["profile"]})
        self.assertRegex(table, r"(?m)^quantized +3 users +2 ")
        self.assertRegex(table, r"(?m)^against baseline +load +texts/s")
        self.assertRegex(table, r"(?m)^quantized +1 user +\d+\.\d\dx \(\d")
        with csv_path.open(newline="") as file:
            rows = list(csv.DictReader(file))
        self.assertEqual([(row["Turn"], row["Concurrency"], row["Profile"]) for row in rows],
                         [tuple(map(str, run)) for run in made])
        for row, run in zip(rows, series["runs"]):
            p99_us = 1000 * run["derived"]["total"]["answered_from_intended"]["percentiles_ms"]["p99"]
            self.assertAlmostEqual(float(row["p99 latency"]), p99_us, delta=1)
            self.assertGreater(float(row["Server Compute Infer"]), 0)

    def test_all_profiles_are_those_that_are_ready(self):
        series, _ = self.series("--profile", "all", "--rate", "5:10")
        made = [(run["settings"]["rate"], run["settings"]["profile"]) for run in series["runs"]]
        self.assertEqual(made, [(5, "baseline"), (5, "quantized"), (10, "baseline"), (10, "quantized")])

    def test_answers_under_load_are_compared_with_those_alone_baselines_and_the_labels(self):
        record = self.record("--concurrency", "8", "--duration", "1", "--warm-up", "0", "--profile", "quantized",
                             "--file", DEMO_MODEL / "sample.tsv", quality=True)
        quality, items = record["quality"], record["derived"]["total"]["items"]
        self.assertGreater(items, 8)
        self.assertEqual((quality["labelled"], quality["alone_compared"], quality["baseline_compared"]), (items,) * 3)
        self.assertEqual(quality["alone_flips"], 0)  # int8 results do not depend on the batch
        self.assertGreater(quality["correct"] / items, 0.6)
        self.assertGreater(quality["baseline_agreed"] / items, 0.9)
        self.assertEqual(sum(one["count"] for one in quality["calibration"]), items)
        self.assertEqual(sum(one["correct"] for one in quality["calibration"]), quality["correct"])
        self.assertEqual(quality["missing"], "")

    def test_texts_without_labels_have_no_accuracy(self):
        quality = self.record("--concurrency", "1", "--duration", "0.3", "--warm-up", "0", quality=True)["quality"]
        self.assertEqual((quality["labelled"], quality["missing"]), (0, "accuracy: the texts have no labels"))
        self.assertGreater(quality["baseline_compared"], 0)

    def test_nothing_is_asked_alone_if_that_is_not_wanted(self):
        quality = self.record("--concurrency", "1", "--duration", "0.3", "--warm-up", "0", "--no-quality", "--file",
                              DEMO_MODEL / "sample.tsv")["quality"]
        self.assertEqual((quality["alone_compared"], quality["baseline_compared"]), (0, 0))
        self.assertGreater(quality["labelled"], 0)
        self.assertIn("--no-quality", quality["missing"])

    def test_a_warm_up_until_steady_says_how_it_ended(self):
        record = self.record("--concurrency", "2", "--duration", "2", "--warm-up", "auto", "--profile", "quantized")
        self.assertIn(record["result"]["warm_up_end"], ("steady", "not steady"))
        self.assertLess(record["result"]["warm_up_seconds"], 15)  # 2 at the longest, and the 30 of a long run nowhere near
        self.assertGreater(record["result"]["warm_up"]["sent"], 0)

    def test_a_search_finds_the_highest_rate_of_its_range(self):
        series, table = self.series("--slo", "p50=60s", "--rate", "2:8", "--profile", "baseline,quantized",
                                    "--repeats", "2", "--deadline-ms", "60000")
        self.assertEqual(series["runs"], [])
        self.assertEqual([(one["profile"], one["found"], one["missing"]) for one in series["searches"]],
                         [("baseline", [8, 8], ""), ("quantized", [8, 8], "")])
        step = series["searches"][0]["steps"][0]
        self.assertTrue(step["kept"])
        self.assertGreater(step["latency_ms"], 0)
        self.assertRegex(table, r"(?m)^quantized +8 +8 +8 +2 +2 +1\.00x$")

    def test_a_search_says_if_no_rate_keeps_the_objective(self):
        series, table = self.series("--slo", "p99=1us", "--rate", "2:8", "--repeats", "1")
        (search,) = series["searches"]
        self.assertEqual(search["found"], [0])
        self.assertEqual([step["rate"] for step in search["steps"]], [8, 4, 2])
        self.assertIn("none", table)

    def stopped(self, *arguments, profile):
        """Starts a series, stops it when `profile` has answered, and returns what was written and told."""
        path = self.path("stopped.json")
        process = subprocess.Popen([BIN / "roberta-loadtest", "run", "--target", self.server.address, "--warm-up", "0",
                                    "--no-quality", "--json", path, *arguments],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        before = answered_by(profile, f"127.0.0.1:{self.server.metrics_port}")
        wait_until(lambda: answered_by(profile, f"127.0.0.1:{self.server.metrics_port}") > before + 5)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 130, output)
        return json.loads(path.read_text()), output

    def test_ctrl_c_in_a_series_still_writes_the_runs_that_were_made(self):
        csv_path = self.path("stopped.csv")
        series, output = self.stopped("--profile", "baseline,quantized", "--turns", "500", "--duration", "0.5",
                                      "--csv", csv_path, profile="quantized")
        ends = [run["result"]["end"] for run in series["runs"]]
        self.assertGreaterEqual(len(ends), 2)
        self.assertEqual(ends, ["complete"] * (len(ends) - 1) + ["stopped"])
        with csv_path.open(newline="") as file:
            self.assertEqual([row["End"] for row in csv.DictReader(file)], ends)
        self.assertIn(f"Stopped early in run {len(ends)} of 1000", output)

    def test_ctrl_c_in_a_search_still_writes_what_was_tried(self):
        series, output = self.stopped("--profile", "baseline,quantized", "--slo", "p50=60s", "--rate", "20:20",
                                      "--repeats", "1000", "--duration", "0.5", profile="quantized")
        baseline, quantized = series["searches"]
        self.assertGreater(len(baseline["steps"]), 0)
        for search in (baseline, quantized):
            self.assertRegex(search["missing"], r"^\d+ of 1000 repeats were made: stopped$")
        self.assertIn("Stopped early", output)

    def test_ctrl_c_before_the_first_run_is_one_line(self):
        texts = self.path("many.txt", "".join(f"text number {i}\n" for i in range(2000)))
        process = subprocess.Popen([BIN / "roberta-loadtest", "run", "--target", self.server.address, "--file", texts],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        before = sum(counted(self.server).values())
        wait_until(lambda: sum(counted(self.server).values()) > before + 5)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
        self.assertEqual((process.returncode, output), (130, ""))
        self.assertEqual(errors, "roberta-loadtest: stopped before anything was measured\n")

    def test_a_server_that_dies_in_a_series_ends_it_with_the_runs_that_were_made(self):
        path = self.path("lost_series.json")
        with Server() as server:
            results = []
            thread = threading.Thread(target=lambda: results.append(
                self.load("--rate", "50", "--turns", "1000", "--duration", "0.3", "--warm-up", "0", "--no-quality",
                          "--json", path, target=server.address)))
            thread.start()
            wait_until(lambda: counted(server).get("OK", 0) > 40)
        thread.join(120)
        self.assertEqual(results[0].returncode, 3, results[0].stderr)
        self.assertRegex(results[0].stdout, r"The server was lost in run \d+ of 1000")
        ends = [run["result"]["end"] for run in json.loads(path.read_text())["runs"]]
        self.assertGreaterEqual(len(ends), 2)
        self.assertEqual(ends[0], "complete")
        self.assertEqual(ends[-1], "server lost")

    def test_no_server_is_one_line(self):
        self.fails(3, "cannot reach 127.0.0.1:1", target="127.0.0.1:1")

    def test_a_profile_that_is_not_there_is_one_line_with_the_list(self):
        self.fails(1, 'no profile "nonsense"; it has baseline', "--profile", "nonsense")
        self.fails(1, 'no profile "nonsense"; it has baseline', "--profile", "baseline,nonsense")

    def test_a_profile_that_is_not_ready_is_one_line_with_its_state(self):
        self.fails(1, "profile amp is UNLOADED", "--profile", "amp")

    def test_files_that_cannot_be_used_are_named(self):
        self.fails(1, "/nowhere/texts.txt: cannot open", "--file", "/nowhere/texts.txt")
        self.fails(1, "empty.txt: no texts", "--file", self.path("empty.txt", ""))
        self.fails(1, "lengths.txt:1: not a number of tokens", "--lengths", self.path("lengths.txt", "many\n"))
        self.fails(1, "intervals.txt:1: not a number of milliseconds", "--replay", self.path("intervals.txt", "x\n"))
        self.fails(1, "/nowhere/run.json: cannot write", "--json", "/nowhere/run.json")
        self.fails(1, "/nowhere/runs.csv: cannot write", "--csv", "/nowhere/runs.csv")

    def test_absurd_loads_are_wrong_usage(self):
        for arguments in (("--rate", "0"), ("--rate", "1e12"), ("--rate", "-5"), ("--rate", "nan"), ("--concurrency", "0"),
                          ("--concurrency", "1000000"), ("--duration", "0"), ("--deadline-ms", "0"),
                          ("--rate", "5", "--concurrency", "5"), ("--arrivals", "sometimes"), ("--long-share", "1"),
                          ("--file", "a", "--lengths", "b"), ("--concurrency", "5:1"), ("--concurrency", "1:5:0"),
                          ("--concurrency", "1:20000:1"), ("--concurrency", "1.5"), ("--concurrency", "4,x"),
                          ("--rate", "1:2:0"), ("--rate", "2:1"), ("--rate", "1:2:3:4"), ("--rate", ""),
                          ("--profile", "a,,b"), ("--turns", "0"), ("--warm-up", "never"), ("--warm-up", "-1"),
                          ("--slo", "p99"), ("--slo", "p98=5ms"), ("--slo", "p99=0ms"),
                          ("--slo", "p99=5ms", "--repeats", "0"),
                          ("--slo", "p99=5ms", "--least-good", "2"), ("--slo", "p99=5ms", "--concurrency", "1"),
                          ("--slo", "p99=5ms", "--slo-ms", "5"), ("--slo", "p99=5ms", "--csv", "file"), ("--concurrency", "1:2", "--percentiles", "file")):
            with self.subTest(arguments):
                self.fails(2, "--help", *arguments)

    def test_help_and_version(self):
        for arguments, words in ((("--help",), "Exit codes"), (("run", "--help"), "Examples"),
                                 (("--version",), "roberta-loadtest ")):
            result = run("roberta-loadtest", *arguments)
            self.assertEqual(result.returncode, 0)
            self.assertIn(words, result.stdout)


    def test_a_report_is_made_of_the_records_alone(self):
        if not all(map(shutil.which, ("gnuplot", "pdftotext"))):
            self.skipTest("not made: gnuplot or poppler-utils is not installed")
        records = []
        for profile in ("baseline", "quantized"):
            self.record("--profile", profile, "--concurrency", "2", "--duration", "1", "--warm-up", "0", quality=True)
            records.append(self.path("run.json").rename(self.path(f"{profile}.json")))
        pdf = self.path("report.pdf")
        result = run("roberta-loadtest", "report", *records, "--out", pdf, "--title", "Before and after")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        text = subprocess.run(["pdftotext", "-layout", pdf, "-"], capture_output=True, text=True, check=True).stdout
        for expected in ("Before and after", "Verdict", "baseline", "quantized", "texts/s", "2 users", "Environment", "Method and limits"):
            self.assertIn(expected, text)

    def test_a_suite_of_reports_is_made_of_the_records_alone(self):
        if not all(map(shutil.which, ("gnuplot", "pdftotext"))):
            self.skipTest("not made: gnuplot or poppler-utils is not installed")
        self.record("--profile", "baseline", "--concurrency", "2", "--duration", "1", "--warm-up", "0")
        directory = self.path("suite") / "reports"
        result = run("roberta-loadtest", "report", "--suite", directory, self.path("run.json"))
        self.assertEqual((result.returncode, result.stdout, result.stderr), (0, "", ""))
        self.assertEqual(sorted(path.name for path in directory.iterdir()),
                         ["data_loading_efficiency.pdf", "integrated_optimization.pdf", "mixed_precision_performance.pdf",
                          "pruning_performance.pdf", "quantization_performance.pdf", "summary.pdf"])
        text = subprocess.run(["pdftotext", directory / "pruning_performance.pdf", "-"], capture_output=True, text=True,
                              check=True).stdout
        self.assertIn("pruned was not measured", text)
        self.assertIn("baseline answers", text)

    def test_a_suite_that_cannot_be_written_is_one_line(self):
        self.record("--profile", "baseline", "--concurrency", "2", "--duration", "1", "--warm-up", "0")
        result = run("roberta-loadtest", "report", "--suite", self.path("file", "x"), self.path("run.json"))
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^roberta-loadtest: .*file: cannot make the directory: .*\n$")

    def test_a_report_checks_what_it_needs_before_it_works(self):
        records = self.path("absent.json")
        no_gnuplot = run("roberta-loadtest", "report", records, "--out", self.path("none.pdf"),
                         environment={"PATH": "/nowhere"})
        self.assertEqual(no_gnuplot.returncode, 1)
        self.assertEqual(no_gnuplot.stderr, "roberta-loadtest: charts need gnuplot, which is not installed "
                                            "(Debian package: gnuplot-nox)\n")
        fonts = self.path("fonts")
        fonts.mkdir()
        config = self.path("fonts.conf", f"<fontconfig><dir>{fonts}</dir><cachedir>{fonts}</cachedir></fontconfig>")
        for use in (lambda path: None, write_font_of_arrows):
            use(fonts / "arrows.ttf")
            for arguments in (("report", records, "--out", self.path("none.pdf")),
                              ("suite", "--spawn", DEMO_MODEL, "--out", self.path("none"))):
                no_font = run("roberta-loadtest", *arguments, environment={"FONTCONFIG_FILE": str(config)})
                self.assertEqual(no_font.returncode, 1)
                self.assertEqual(no_font.stderr, "roberta-loadtest: reports need a font with letters, and none is installed "
                                                 "(Debian package: fonts-inter)\n")
        self.assertFalse(self.path("none.pdf").exists() or self.path("none").exists())

    def test_a_run_that_fails_leaves_no_empty_file(self):
        result = self.load("--json", self.path("none.json"), target="127.0.0.1:1")
        self.assertEqual(result.returncode, 3, result.stderr)
        self.assertFalse(self.path("none.json").exists())

    def test_a_report_of_what_is_no_record_is_one_line(self):
        for name, content, error in (("absent.json", None, "absent.json: cannot read: No such file or directory"),
                                     ("empty.json", "", "empty.json: "), ("other.json", "{}", "other.json: ")):
            result = run("roberta-loadtest", "report", self.path(name, content), "--out", self.path("none.pdf"))
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, f"^roberta-loadtest: .*{re.escape(error)}.*\n$")
            self.assertFalse(self.path("none.pdf").exists())


class Spawn(unittest.TestCase):
    """Servers of the program's own."""

    SHORT = ("--concurrency", "2", "--duration", "0.5", "--warm-up", "0", "--quiet")

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def spawn(self, *arguments, model=QUICK_DEMO_MODEL, environment=None):
        return run("roberta-loadtest", "run", "--spawn", model, *self.SHORT, *arguments, environment=environment)

    def fails(self, code, words, *arguments, **options):
        result = self.spawn(*arguments, **options)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertRegex(result.stderr, rf"^roberta-loadtest: .*{re.escape(words)}.*\n$")
        self.assertEqual(result.stdout, "")

    def script(self, text):
        path = self.directory / "server"
        path.write_text("#!/bin/sh\n" + text)
        path.chmod(0o700)
        return path

    def start(self, *arguments):
        """A long run, and the pid of its server once requests are answered."""
        log = self.directory / "server.log"
        process = subprocess.Popen([BIN / "roberta-loadtest", "run", "--spawn", QUICK_DEMO_MODEL, "--profile", "quantized",
                                    "--concurrency", "2", "--duration", "600", "--warm-up", "0", "--spawn-log", log,
                                    "--quiet", "--no-quality", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        wait_until(lambda: served_by("quantized", log) > 0)
        [pid] = pathlib.Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
        return process, int(pid), log

    def test_a_run_starts_and_stops_its_server(self):
        path, log = self.directory / "run.json", self.directory / "server.log"
        result = self.spawn("--json", path, "--profile", "quantized", "--spawn-log", log, "--spawn-config",
                            "execution { executors: 1 } limits { max_items_per_call: 7 }",
                            environment={"ROBERTA_ADDRESS": "127.0.0.1:1"})
        self.assertIn(result.returncode, MEASURED, result.stderr)
        self.assertEqual(result.stderr, "")
        self.assertIn("its counters agree with its answers", result.stdout)
        record = json.loads(path.read_text())["runs"][0]
        self.assertEqual(record["counters"]["requests"], record["derived"]["total"]["sent"])
        self.assertGreaterEqual(len(record["resources"]["samples"]), 2)
        states = {profile["name"]: profile["state"] for profile in record["server"]["profiles"]}
        self.assertEqual((states["quantized"], states["baseline"]), ("READY", "UNLOADED"))
        said = log.read_text()
        self.assertIn("1 executors", said)
        self.assertTrue(said.rstrip().endswith("stopped"), said)
        self.assertIn(record["settings"]["target"], said)

    def test_the_config_may_be_a_file(self):
        config = self.directory / "server.textproto"
        config.write_text('profiles { name: "small" recipe: "quantized" }')
        path = self.directory / "run.json"
        result = self.spawn("--json", path, "--spawn-config", config)
        self.assertIn(result.returncode, MEASURED, result.stderr)
        self.assertEqual(list(json.loads(path.read_text())["runs"][0]["derived"]["total"]["profiles_used"]), ["small"])

    def test_ctrl_c_ends_the_run_first_and_then_the_server(self):
        process, pid, log = self.start()
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
        self.assertEqual((process.returncode, errors), (130, ""))
        self.assertIn("Stopped early", output)
        self.assertFalse(is_running(pid))
        self.assertTrue(log.read_text().rstrip().endswith("stopped"))

    def test_the_server_is_gone_with_a_program_that_is_killed(self):
        process, pid, _ = self.start()
        self.assertTrue(is_running(pid))
        process.kill()
        process.communicate(timeout=120)
        wait_until(lambda: not is_running(pid))

    def test_a_server_that_dies_is_told_with_its_end(self):
        process, pid, _ = self.start()
        os.kill(pid, signal.SIGKILL)
        output, errors = process.communicate(timeout=120)
        self.assertEqual(process.returncode, 3, errors)
        self.assertIn("The server was lost", output)
        self.assertRegex(errors, r"^roberta-loadtest: the server was lost: it was ended by signal 9 \(.*\n$")

    def test_ctrl_c_while_it_starts(self):
        process = subprocess.Popen([BIN / "roberta-loadtest", "run", "--spawn", QUICK_DEMO_MODEL, "--server-program",
                                    self.script(f"touch {self.directory}/started\nexec sleep 600")],
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        wait_until((self.directory / "started").exists)
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=120)
        self.assertEqual((process.returncode, output), (130, ""))
        self.assertEqual(errors, "roberta-loadtest: stopped while the server was starting\n")

    def test_a_model_that_is_not_there_is_told_in_the_servers_words(self):
        self.fails(1, "the server did not start: /nowhere", model="/nowhere")

    def test_a_config_that_is_wrong_is_told_in_the_servers_words(self):
        self.fails(1, "the server did not start: the given config:1:", "--spawn-config", "execution { workers: 1 }")
        self.fails(1, "the server did not start: /nowhere/c.json: ", "--spawn-config", "/nowhere/c.json")

    def test_a_profile_that_is_not_there_is_told_in_the_servers_words(self):
        self.fails(1, "the server did not start: ", "--profile", "turbo")

    def test_programs_that_cannot_be_run_are_named(self):
        self.fails(1, "/nowhere/server: not a program", "--server-program", "/nowhere/server")
        alone = self.directory / "roberta-loadtest"
        shutil.copy(BIN / "roberta-loadtest", alone)
        result = subprocess.run([alone, "run", "--spawn", QUICK_DEMO_MODEL], capture_output=True, text=True, timeout=60,
                                env={**os.environ, "PATH": "/nowhere"}, check=False)
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "roberta-loadtest: there is no roberta-server beside this program "
                                        f"({self.directory}/roberta-server) nor on PATH\n")

    def test_a_server_that_does_not_come_up_is_told(self):
        self.fails(1, "the server did not start: out of luck", "--server-program",
                   self.script("echo 'roberta-server: out of luck' >&2; exit 1"))
        self.fails(3, "the server did not start: it does not serve after 2.5 s; it last said: loading",
                   "--spawn-timeout", "2.5", "--server-program", self.script("echo loading; exec sleep 600"))

    def test_a_server_is_stopped_after_errors_too(self):
        pids = self.directory / "pids"
        self.fails(3, "cannot reach 127.0.0.1:1: ", "--server-program", self.script(
            f"echo $$ > {pids}\necho 'serving gRPC on 127.0.0.1:1, metrics on http://127.0.0.1:1/metrics'\n"
            "trap 'exit 0' TERM\nwhile :; do sleep 0.05; done"))
        self.assertFalse(is_running(int(pids.read_text())))

    def test_which_server_must_be_clear(self):
        self.fails(2, "--target", "--target", "127.0.0.1:8001")
        result = run("roberta-loadtest", "run", "--spawn-cpus", "0")
        self.assertEqual(result.returncode, 2)
        self.assertIn("--spawn", result.stderr)
        self.fails(1, '--spawn-cpus: "0-x" is not a list of cores', "--spawn-cpus", "0-x")


class Tls(unittest.TestCase):
    """A server that speaks TLS, wants certificates of its callers, and a token."""

    FILES = SOURCE / "tests/client/tls"

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.token = pathlib.Path(directory.name, "token")
        self.token.write_text("secret\n")

    def serve(self, *arguments):
        server = subprocess.Popen([BIN / "null_server", *map(str, arguments)], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, text=True, env={**os.environ, "GRPC_VERBOSITY": "NONE"})
        self.addCleanup(server.stdout.close)
        self.addCleanup(server.wait)
        self.addCleanup(server.stdin.close)
        return server.stdout.readline().strip()

    def serve_tls(self, *arguments):
        return self.serve("--certificate", self.FILES / "server.pem", "--key", self.FILES / "server.key", *arguments)

    def load(self, target, *arguments):
        return run("roberta-loadtest", "run", "--target", target, "--metrics", "none", "--concurrency", "1", "--duration",
                   "0.3", "--warm-up", "0", "--quiet", *arguments)

    def fails(self, code, words, *arguments):
        result = self.load(*arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertRegex(result.stderr, rf"^roberta-loadtest: .*{words}.*\n$")

    def test_certificates_and_a_token(self):
        target = self.serve_tls("--ca", self.FILES / "ca.pem", "--token", "secret")
        result = self.load(target, "--tls", "--ca", self.FILES / "ca.pem", "--cert", self.FILES / "caller.pem", "--key",
                           self.FILES / "caller.key", "--token-file", self.token)
        self.assertIn(result.returncode, MEASURED, result.stderr)
        self.assertNotIn("by code", result.stdout)
        self.fails(3, f"cannot reach {target}: ", target, "--tls", "--ca", self.FILES / "ca.pem")

    def test_a_token_that_is_not_the_servers(self):
        target = self.serve_tls("--token", "another")
        self.fails(1, "no request was answered", target, "--tls", "--ca", self.FILES / "ca.pem", "--token-file",
                   self.token)

    def test_a_server_of_another_ca(self):
        target = self.serve_tls()
        self.fails(3, f"cannot reach {target}: ", target, "--tls", "--ca", self.FILES / "other_ca.pem")

    def test_tls_on_one_side_alone(self):
        target = self.serve_tls()
        self.fails(3, f"cannot reach {target}: .*; if it speaks TLS, say --tls", target)
        target = self.serve()
        self.fails(3, f"cannot reach {target}: .*; it speaks no TLS", target, "--tls", "--ca", self.FILES / "ca.pem")

    def test_files_that_cannot_be_used(self):
        self.fails(1, "/nowhere/ca.pem: cannot read: No such file or directory", "127.0.0.1:1", "--tls", "--ca",
                   "/nowhere/ca.pem")
        self.fails(1, "token: not a PEM file", "127.0.0.1:1", "--tls", "--ca", self.token)
        self.fails(1, "a token needs TLS, except to a loopback address", "10.0.0.1:1", "--token-file", self.token)
        for arguments in (("--ca", "x"), ("--tls", "--cert", "x"), ("--tls", "--key", "x")):
            self.fails(2, "--help", "127.0.0.1:1", *arguments)



class Suite(unittest.TestCase):
    """What of a suite the README's commands do not show: that one can stop it, and what it says of bad input."""

    DOCUMENTS = ("summary", "quantization_performance", "pruning_performance", "mixed_precision_performance",
                 "data_loading_efficiency", "integrated_optimization")

    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.directory = pathlib.Path(directory.name)

    def fails(self, code, words, *arguments):
        result = run("roberta-loadtest", "suite", *arguments)
        self.assertEqual(result.returncode, code, result.stdout + result.stderr)
        self.assertRegex(result.stderr, rf"^roberta-loadtest: .*{re.escape(words)}.*\n$")

    def test_what_was_measured_until_ctrl_c_is_written(self):
        out = self.directory / "results"
        texts, log = self.directory / "texts.tsv", self.directory / "server.log"
        texts.write_text("".join((DEMO_MODEL / "sample.tsv").read_text().splitlines(keepends=True)[:5]))
        process = subprocess.Popen([BIN / "roberta-loadtest", "suite", "--spawn", QUICK_DEMO_MODEL, "--out", out, "--quick", "--file",
                                    texts, "--spawn-log", log], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        wait_until(lambda: served_by("baseline", log) > 100)  # four texts alone are fewer: a run is under way
        process.send_signal(signal.SIGINT)
        output, errors = process.communicate(timeout=300)
        self.assertEqual(process.returncode, 130, errors)
        self.assertIn("written to", output)
        runs = json.loads((out / "suite.json").read_text())["runs"]
        self.assertEqual([run["result"]["end"] for run in runs][-1], "stopped")
        self.assertEqual({run["settings"]["variant"] for run in runs}, {""})
        for name in self.DOCUMENTS:
            self.assertTrue((out / f"{name}.pdf").read_bytes().startswith(b"%PDF"), name)
        self.assertEqual(len((out / "suite.csv").read_text().splitlines()), len(runs) + 1)
        if shutil.which("pdftotext"):
            text = subprocess.run(["pdftotext", "-layout", out / "summary.pdf", "-"], capture_output=True, text=True)
            self.assertIn("Partial: ", text.stdout)

    def test_what_reports_need_is_checked_before_anything_is_measured(self):
        result = run("roberta-loadtest", "suite", "--spawn", QUICK_DEMO_MODEL, "--out", self.directory / "results",
                     environment={"PATH": "/nowhere"})
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr, "roberta-loadtest: charts need gnuplot, which is not installed "
                                        "(Debian package: gnuplot-nox)\n")
        self.assertFalse((self.directory / "results").exists())

    def test_bad_input_is_one_line(self):
        self.fails(1, "no/such/model", "--spawn", "no/such/model", "--out", self.directory / "a")
        self.fails(1, "cannot make the directory", "--spawn", QUICK_DEMO_MODEL, "--out", "/proc/results")
        self.fails(3, "cannot reach 127.0.0.1:1", "--target", "127.0.0.1:1", "--out", self.directory / "b")
        config = self.directory / "config.json"
        config.write_text('{"execution": {"executors": 1}}')
        self.fails(1, "is JSON", "--spawn", QUICK_DEMO_MODEL, "--spawn-config", config, "--out", self.directory / "c")
        self.fails(1, "no/such/texts.tsv", "--spawn", QUICK_DEMO_MODEL, "--file", "no/such/texts.tsv", "--out",
                   self.directory / "d")


if __name__ == "__main__":
    unittest.main()
