"""roberta-client against roberta-server on the demo model: what a user types, and what comes back."""

import json
import pathlib
import tempfile
import unittest
import urllib.request

from binaries import LIBTORCH_MODULE, Server, blunt_config

PRAISE = "a warm, funny and deeply moving film"
BLAME = "a dull, lifeless mess without one good idea"
THIRD = "reference" if LIBTORCH_MODULE.exists() else "pruned"


class ClientServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(profiles=f"baseline,quantized,{THIRD}")
        cls.directory = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()
        cls.server.__exit__(None, None, None)

    def file(self, name, text):
        path = pathlib.Path(self.directory.name, name)
        path.write_text(text)
        return path

    def json_lines(self, *arguments, code=0, **options):
        result = self.server.client("classify", "--json", *arguments, **options)
        self.assertEqual(result.returncode, code, result.stderr)
        return [json.loads(line) for line in result.stdout.splitlines()]

    def test_table_shows_text_label_profile_and_phases(self):
        result = self.server.client("classify", PRAISE, BLAME)
        self.assertEqual(result.returncode, 0, result.stderr)
        for text in (PRAISE, BLAME, "positive", "negative", "baseline", "tokenize", "queue", "infer"):
            self.assertIn(text, result.stdout)

    def test_texts_that_begin_with_a_dash_come_after_two(self):
        results = self.json_lines("good", "--", "-5 degrees", "-not bad", "--quiet", "-happy end", "-", "bad")
        self.assertEqual([result["index"] for result in results], list(range(7)))
        self.assertEqual(results[2]["tokens"], self.json_lines(" -not bad")[0]["tokens"])
        self.assertEqual(len(self.json_lines("-5 degrees", "good")), 2)
        self.assertEqual(self.server.client("compare", "--", "-not bad").returncode, 0)
        for text in ("-not bad", "--good", "-happy end", "-x"):
            result = self.server.client("classify", text, "good")
            self.assertEqual((result.returncode, result.stdout), (2, ""))
            self.assertIn(f"{text}; texts that begin with - come after --", result.stderr)
        self.assertIn("come after --", self.server.client("classify", "--help").stdout)
        self.assertIn("Classifies texts", self.server.client("classify", "-h").stdout)

    def test_auto_answers_by_a_profile_that_is_good_enough(self):
        [result] = self.json_lines("--profile", "auto", "--min-accuracy", "0.5", "--max-latency-ms", "10000", "--priority",
                                   "high", PRAISE)
        self.assertEqual(result["label"], "positive")
        self.assertIn(result["profile"], ("baseline", "quantized", THIRD))

    def test_auto_is_refused_where_no_profile_is_good_enough(self):
        result = self.server.client("classify", "--profile", "auto", "--min-accuracy", "1", PRAISE)
        self.assertEqual(result.returncode, 1)
        self.assertIn("min_accuracy 1;", result.stderr)

    def test_an_objective_without_auto_is_wrong_usage(self):
        result = self.server.client("classify", "--min-accuracy", "0.5", PRAISE)
        self.assertEqual(result.returncode, 2)
        self.assertIn("--profile auto", result.stderr)

    def test_json_has_the_documented_fields(self):
        first, second = self.json_lines("--logits", PRAISE, BLAME)
        self.assertEqual((first["index"], first["label"], first["profile"]), (0, "positive", "baseline"))
        self.assertEqual((second["index"], second["label"]), (1, "negative"))
        self.assertEqual(len(first["scores"]), 2)
        self.assertEqual(len(first["logits"]), 2)
        self.assertFalse(first["truncated"])
        self.assertGreater(first["tokens"], 5)
        self.assertAlmostEqual(sum(score["score"] for score in first["scores"]), 1.0, places=5)

    def test_a_failed_item_is_reported_and_its_neighbours_answered(self):
        results = self.json_lines(PRAISE, " ", BLAME, code=1)
        self.assertEqual([result["index"] for result in results], [0, 1, 2])
        self.assertEqual(results[1]["error"]["code"], "INVALID_ARGUMENT")
        self.assertIn("blank", results[1]["error"]["message"])
        self.assertEqual(results[2]["label"], "negative")

    def test_files_keep_their_order(self):
        texts = [PRAISE if i % 3 else BLAME for i in range(1000)]
        results = self.json_lines("--file", self.file("many.txt", "\n".join(texts) + "\n"))
        self.assertEqual([result["index"] for result in results], list(range(1000)))
        for text, result in zip(texts, results):
            self.assertEqual(result["label"], "positive" if text == PRAISE else "negative")

    def test_a_large_file_goes_by_one_stream_in_order(self):
        texts = [f"{PRAISE} {i}" if i % 3 else "" if i % 1000 == 0 else f"{BLAME} {i}" for i in range(20000)]
        path = self.file("large.txt", "\n".join(texts) + "\n")
        results = self.json_lines("--profile", "quantized", "--file", path, code=1)
        self.assertEqual([result["index"] for result in results], list(range(20000)))
        failed = [result["index"] for result in results if "error" in result]
        self.assertEqual(failed, [i for i, text in enumerate(texts) if not text])
        url = f"http://127.0.0.1:{self.server.metrics_port}/metrics"
        with urllib.request.urlopen(url, timeout=60) as page:
            metrics = page.read().decode()
        line = 'roberta_requests_total{code="OK",method="ClassifyStream",profile="quantized"} '
        self.assertGreaterEqual(int(metrics[metrics.index(line) + len(line):].split()[0]), 1)

    def test_a_file_by_calls_gives_what_it_gives_by_stream(self):
        path = self.file("some.txt", "".join(f"{PRAISE} {i}\n" for i in range(200)))
        arguments = ("--profile", "quantized", "--logits", "--file", path)
        self.assertEqual(self.json_lines(*arguments), self.json_lines("--no-stream", *arguments))

    def test_tsv_with_labels(self):
        path = self.file("labelled.tsv", f"label\ttext\npositive\t{PRAISE}\nnegative\t{BLAME}\n")
        result = self.server.client("classify", "--json", "--file", path)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual([json.loads(line)["label"] for line in result.stdout.splitlines()], ["positive", "negative"])
        self.assertIn("accuracy", result.stderr)

    def test_jsonl_with_pair_and_id(self):
        path = self.file("items.jsonl", json.dumps({"text": PRAISE, "text_pair": "indeed", "id": "x7"}) + "\n{broken\n" +
                         json.dumps({"text": BLAME}) + "\n")
        result = self.server.client("classify", "--json", "--file", path)
        self.assertEqual(result.returncode, 1)
        first, second, third = [json.loads(line) for line in result.stdout.splitlines()]
        self.assertEqual(first["id"], "x7")
        self.assertIn("error", second)
        self.assertEqual(third["label"], "negative")
        self.assertIn("2", result.stderr)

    def test_pipes(self):
        results = self.json_lines("-", stdin=f"{PRAISE}\n{BLAME}\n")
        self.assertEqual([result["label"] for result in results], ["positive", "negative"])

    def test_truncation_is_an_error_unless_asked_for(self):
        long_text = "word " * 700
        (refused,) = self.json_lines(long_text, code=1)
        self.assertEqual(refused["error"]["code"], "INVALID_ARGUMENT")
        (answered,) = self.json_lines("--truncation", "right", long_text)
        self.assertTrue(answered["truncated"])
        self.assertEqual(answered["tokens"], 512)

    def test_top_k(self):
        (result,) = self.json_lines("--top-k", "1", PRAISE)
        self.assertEqual(len(result["scores"]), 1)

    def test_profile(self):
        for name in ("baseline", "quantized", THIRD):
            (result,) = self.json_lines("--profile", name, PRAISE)
            self.assertEqual((result["profile"], result["label"]), (name, "positive"))

    def test_unknown_profile(self):
        result = self.server.client("classify", "--profile", "turbo", PRAISE)
        self.assertNotEqual(result.returncode, 0)
        self.assertIn("turbo", result.stdout + result.stderr)

    def test_profiles(self):
        result = self.server.client("profiles")
        self.assertEqual(result.returncode, 0, result.stderr)
        for text in ("baseline (default)", "READY", "fp32", "quantized", "int8", "pruned", "UNLOADED", "agreement", "100.00 %",
                     "tokens/s", "integrated: it was not asked for"):
            self.assertIn(text, result.stdout)
        profiles = {profile["name"]: profile for profile in json.loads(self.server.client("profiles", "--json").stdout)["profiles"]}
        self.assertEqual(profiles["quantized"]["examples"], 64)
        self.assertGreater(profiles["quantized"]["expected_tokens_per_second"], 0)
        self.assertNotIn("agreement", profiles["integrated"])

    def test_compare(self):
        result = self.server.client("compare", PRAISE)
        self.assertEqual(result.returncode, 0, result.stderr)
        for text in ("baseline (baseline)", "quantized", THIRD, "positive", "x baseline"):
            self.assertIn(text, result.stdout)
        result = self.server.client("compare", "--json", "--profiles", "quantized,amp", PRAISE)
        self.assertEqual(result.returncode, 1)  # amp is not loaded
        quantized, amp = json.loads(result.stdout)["comparisons"]
        self.assertEqual(quantized["classification"]["label"], "positive")
        self.assertEqual(amp["status"]["code"], 9)
        self.assertNotEqual(self.server.client("compare", "--profiles", "turbo", PRAISE).returncode, 0)

    def test_load_use_and_unload(self):
        result = self.server.client("load", "amp")
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn("warm-up", result.stdout)
        self.assertIn("amp is READY", result.stdout)
        self.assertEqual(self.server.client("set-default", "amp").returncode, 0)
        self.assertEqual(self.json_lines(PRAISE)[0]["profile"], "amp")
        self.assertIn("default", self.server.client("unload", "amp").stderr)
        self.assertEqual(self.server.client("set-default", "baseline").returncode, 0)
        result = self.server.client("unload", "amp")
        self.assertEqual((result.returncode, result.stdout), (0, "amp is UNLOADED\n"))

    def test_a_profile_that_misses_its_gate_is_not_loaded(self):
        with blunt_config() as config, Server("--config", config) as server:
            result = server.client("load", "blunt")
        self.assertEqual(result.returncode, 1)
        self.assertIn("blunt was not loaded: quality gate: agreement is below", result.stderr)

    def test_a_profile_that_there_is_not_is_not_loaded(self):
        self.assertEqual(self.server.client("load", "turbo").returncode, 1)

    def test_health(self):
        result = self.server.client("health")
        self.assertEqual(result.returncode, 0)
        self.assertIn("SERVING", result.stdout)
        self.assertNotEqual(self.server.client("health", "no.such.Service").returncode, 0)


if __name__ == "__main__":
    unittest.main()
