"""How roberta-server starts, and how it says that it cannot."""

import json
import os
import pathlib
import shutil
import socket
import tempfile
import unittest
import urllib.request

from binaries import DEMO_MODEL, QUICK_DEMO_MODEL, Server, blunt_config, run


class StartUpErrors(unittest.TestCase):
    def fails(self, code, *arguments, mentions=(), **options):
        """The server ends with `code` after one line on stderr that mentions what is wrong."""
        result = run("roberta-server", *arguments, **options)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(len(result.stderr.strip().splitlines()), 1, result.stderr)
        for text in mentions:
            self.assertIn(text, result.stderr)

    def test_no_model(self):
        self.fails(1, mentions=["model.directory", "--model"])

    def test_model_that_does_not_exist(self):
        self.fails(1, "--model", "/nonexistent", "--port", "0", "--metrics-port", "0", mentions=["/nonexistent"])

    def test_model_that_is_a_pickle(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in ("config.json", "vocab.json", "merges.txt"):
                shutil.copy(DEMO_MODEL / name, directory)
            pathlib.Path(directory, "pytorch_model.bin").write_bytes(b"\x80\x02}.")
            self.fails(1, "--model", directory, mentions=["pytorch_model.bin"])

    def test_model_that_is_cut_off(self):
        with tempfile.TemporaryDirectory() as directory:
            for name in ("config.json", "vocab.json", "merges.txt"):
                shutil.copy(DEMO_MODEL / name, directory)
            whole = (DEMO_MODEL / "model.safetensors").read_bytes()
            pathlib.Path(directory, "model.safetensors").write_bytes(whole[: len(whole) // 2])
            self.fails(1, "--model", directory, mentions=["model.safetensors"])

    def test_port_in_use(self):
        with Server() as server:
            port = server.address.rsplit(":", 1)[1]
            self.fails(1, "--model", QUICK_DEMO_MODEL, "--port", port, "--metrics-port", "0", mentions=[port, "in use"])

    def test_metrics_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            self.fails(1, "--model", QUICK_DEMO_MODEL, "--port", "0", "--metrics-port", port, mentions=[port, "in use"])

    def test_http_port_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = str(taken.getsockname()[1])
            self.fails(1, "--model", QUICK_DEMO_MODEL, "--port", "0", "--metrics-port", "0", "--http-port", port,
                       mentions=[port, "for HTTP", "in use"])

    def test_an_http_port_that_is_none_is_wrong_usage(self):
        self.fails(2, "--http-port", "on", mentions=["--http-port", "on"])

    def test_unknown_flag_is_wrong_usage(self):
        self.fails(2, "--frobnicate", mentions=["--frobnicate", "--help"])

    def test_port_that_is_no_number_is_wrong_usage(self):
        self.fails(2, "--port", "http", mentions=["http"])

    def test_port_out_of_range(self):
        self.fails(1, "--model", QUICK_DEMO_MODEL, "--port", "70000", mentions=["listen.port", "70000"])

    def test_unknown_profile(self):
        self.fails(1, "--model", QUICK_DEMO_MODEL, "--profiles", "turbo", mentions=["turbo", "baseline"])

    def test_a_default_profile_that_misses_its_gate(self):
        with blunt_config() as config:
            result = run("roberta-server", "--model", QUICK_DEMO_MODEL, "--config", config, "--port", "0", "--metrics-port", "0",
                         "--profiles", "blunt")
        self.assertEqual(result.returncode, 1)
        self.assertIn("the default profile, blunt, did not load: quality gate", result.stderr.splitlines()[-1])

    def test_a_limit_that_names_no_instruction_set(self):
        self.fails(1, "--model", QUICK_DEMO_MODEL, "--port", "0", "--metrics-port", "0", environment={"ROBERTA_MAX_ISA": "avx3"},
                   mentions=['ROBERTA_MAX_ISA: "avx3" is not one of portable, avx2, avx_vnni'])

    def test_config_file_that_does_not_exist(self):
        self.fails(1, "--config", "/nonexistent.json", mentions=["/nonexistent.json"])

    def test_unknown_config_field(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "server.textproto")
            path.write_text("listen { prot: 1 }\n")
            self.fails(1, "--config", path, mentions=[str(path), "prot"])
            path = pathlib.Path(directory, "server.json")
            path.write_text('{"listen": {"prot": 1}}')
            self.fails(1, "--config", path, mentions=[str(path), "prot"])


class Configuration(unittest.TestCase):
    def printed(self, *arguments, **options):
        result = run("roberta-server", "--print-config=json", *arguments, **options)
        self.assertEqual(result.returncode, 0, result.stderr)
        return json.loads(result.stdout)

    def test_flags_win_over_environment_and_environment_over_the_file(self):
        with tempfile.TemporaryDirectory() as directory:
            path = pathlib.Path(directory, "server.json")
            path.write_text(json.dumps({"model": {"directory": "m"}, "listen": {"port": 1, "host": "::1", "metrics_port": 9}}))
            config = self.printed("--config", path, "--port", "3",
                                  environment={"ROBERTA_PORT": "2", "ROBERTA_METRICS_PORT": "4"})
        self.assertEqual({field: config["listen"][field] for field in ("host", "port", "metrics_port")},
                         {"host": "::1", "port": 3, "metrics_port": 4})

    def test_http_is_on_by_default_on_loopback_only(self):
        others = ("--host", "0.0.0.0", "--allow-insecure")
        for arguments, served in (((), True), (others, False), ((*others, "--http-port", "5"), True)):
            listen = self.printed("--model", "m", *arguments, environment={"ROBERTA_HTTP_PORT": ""})["listen"]
            self.assertEqual(listen["http"], served, arguments)
            self.assertEqual(listen["http_port"], 5 if "5" in arguments else 8000)
        self.assertFalse(self.printed("--model", "m", "--http-port", "off")["listen"]["http"])

    def test_a_printed_config_is_read_back(self):
        for form, ending in (("textproto", "textproto"), ("json", "json")):
            printed = run("roberta-server", f"--print-config={form}", "--model", QUICK_DEMO_MODEL)
            with tempfile.TemporaryDirectory() as directory:
                path = pathlib.Path(directory, f"server.{ending}")
                path.write_text(printed.stdout)
                again = run("roberta-server", f"--print-config={form}", "--config", path)
            self.assertEqual(again.stdout, printed.stdout)

    def test_check_config(self):
        result = run("roberta-server", "--check-config", "--model", QUICK_DEMO_MODEL)
        self.assertEqual((result.returncode, result.stdout), (0, "the configuration is valid\n"))

    def test_help_has_examples(self):
        result = run("roberta-server", "--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn("Examples:", result.stdout)

    def test_version(self):
        result = run("roberta-server", "--version")
        self.assertEqual(result.returncode, 0)
        self.assertRegex(result.stdout, r"^roberta-server \d+\.\d+\.\d+ ")


class Running(unittest.TestCase):
    def test_metrics_are_served(self):
        with Server() as server:
            server.client("classify", "good")
            with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as page:
                text = page.read().decode()
        self.assertIn('roberta_requests_total{code="OK",method="Classify",profile="baseline"} 1', text)

    def test_json_logs_are_json(self):
        with Server("--log-format", "json") as server:
            pass
        records = [json.loads(line) for line in server.log]
        self.assertGreaterEqual(len(records), 3)
        for record in records:
            self.assertEqual(set(record), {"time", "level", "message"})

    def test_it_runs_with_the_instruction_sets_that_it_is_limited_to(self):
        with Server(environment={"ROBERTA_MAX_ISA": "portable"}) as server:
            pass
        log = "".join(server.log)
        self.assertIn("instruction sets portable (limited by ROBERTA_MAX_ISA)", log)
        self.assertIn("fused passes, portable", log)

    def test_start_up_says_what_runs(self):
        with Server(profiles="baseline,quantized") as server:
            pass
        log = "".join(server.log)
        for text in ("executors", "instruction sets", "profile baseline (default): fp32", "profile quantized: int8", "revision",
                     "agreement 100.00 %", "tokens/s expected", "warm-up", "profile amp: not loaded"):
            self.assertIn(text, log)

    def test_by_itself_it_loads_all_but_the_reference(self):
        with Server(profiles=None) as server:
            states = {profile["name"]: profile["state"]
                      for profile in json.loads(server.client("profiles", "--json").stdout)["profiles"]}
            health = {name: server.client("health", "profile/" + name).stdout.strip() for name in states}
        self.assertEqual(states, {"baseline": "READY", "quantized": "READY", "amp": "READY", "reference": "UNLOADED",
                                  "pruned": "READY", "integrated": "READY"})
        self.assertEqual({name for name, serving in health.items() if serving != "SERVING"}, {"reference"})

    def test_what_misses_its_gate_is_refused_and_the_others_serve(self):
        with blunt_config() as config, Server("--config", config, profiles=None) as server:
            states = {profile["name"]: profile["state"]
                      for profile in json.loads(server.client("profiles", "--json").stdout)["profiles"]}
        self.assertEqual(states, {"baseline": "READY", "blunt": "FAILED"})
        self.assertIn("profile blunt: recipe pruned, FAILED, requests for it are refused: quality gate: agreement is below", "".join(server.log))

    def test_a_text_is_never_logged(self):
        with Server("--log-level", "trace") as server:
            server.client("classify", "zebra crossing quite unlike any other")
        self.assertNotIn("zebra", "".join(server.log))


if __name__ == "__main__":
    unittest.main()
