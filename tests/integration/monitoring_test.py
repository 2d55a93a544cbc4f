"""Metrics and health over HTTP; alert rules and dashboard against the names that exist."""

import base64
import json
import os
import re
import signal
import socket
import subprocess
import tempfile
import unittest

from binaries import SOURCE, Server, wait_until
from closed_loop import REQUEST
from connection_test import config_file
from monitoring import ALERTS, DEPLOY, expressions, get

NAME = re.compile(r"\b(?:roberta|grpc_server|process)_\w+")


def golden():
    """Metric -> labels."""
    rows = [line.split("\t") for line in (SOURCE / "tests/golden/metrics.tsv").read_text().splitlines()[1:]]
    return {name: (kind, set(labels.split(",")) - {"-"}) for name, kind, labels in rows}


def load_report_of_call(server, *headers):
    """The load report in the trailing metadata of one Classify call, as text-proto; None if there is none. By curl, as gRPC keeps it from
    its own clients."""
    with tempfile.NamedTemporaryFile() as request:
        request.write(b"\0" + len(REQUEST).to_bytes(4, "big") + REQUEST)
        request.flush()
        result = subprocess.run(
            ["curl", "--silent", "--show-error", "--http2-prior-knowledge", "--output", os.devnull, "--dump-header", "-", "--data-binary",
             f"@{request.name}", *(word for header in ("content-type: application/grpc", "te: trailers", *headers) for word in ("-H", header)),
             f"http://{server.address}/roberta.v1.Classifier/Classify"], capture_output=True, text=True, check=True)
    assert "grpc-status: 0" in result.stdout, result.stdout
    found = re.search(r"^endpoint-load-metrics-bin: (\S+)", result.stdout, re.MULTILINE)
    if found is None:
        return None
    report = base64.b64decode(found[1] + "==")
    return subprocess.run(["protoc", "--decode=xds.data.orca.v3.OrcaLoadReport", "-I", str(SOURCE / "proto"),
                           "xds/data/orca/v3/orca_load_report.proto"], input=report, capture_output=True, check=True).stdout.decode()


def agent_line(port):
    """What an agent check is told."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        return connection.makefile().read()


class Load(unittest.TestCase):
    def test_a_call_that_asks_has_a_load_report_and_no_other(self):
        with Server() as server:
            self.assertIsNone(load_report_of_call(server))
            self.assertIsNone(load_report_of_call(server, "endpoint-load-metrics-format: yaml"))
            fields = ("application_utilization: ", "cpu_utilization: ", "rps_fractional: ", 'key: "queue_seconds"')
            wait_until(lambda: all(field in load_report_of_call(server, "endpoint-load-metrics-format: bin") for field in fields))

    def test_every_call_has_one_where_the_config_says_so_and_agent_checks_hear_of_a_stop(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        with config_file(f"load_reports {{ always: true }} listen {{ agent_port: {port} }} shutdown {{ drain_delay_ms: 1500 }}") as config:
            with Server("--config", config.name) as server:
                self.assertIsNotNone(load_report_of_call(server))
                self.assertRegex(agent_line(port), r"^ready up (100|[5-9]\d)%\n$")
                server.signal(signal.SIGTERM)
                wait_until(lambda: agent_line(port) == "drain\n")
                self.assertIsNotNone(load_report_of_call(server))  # it serves on
                self.assertEqual(server.wait(), 0)


class Files(unittest.TestCase):
    def test_alerts_and_dashboard_ask_only_for_metrics_that_exist(self):
        known = golden()
        names = set()
        for expression in expressions():
            for name in NAME.findall(expression):
                family = re.sub(r"_(bucket|sum|count)$", "", name)
                with self.subTest(name=name):
                    self.assertTrue(name in known and known[name][0] != "histogram" or known.get(family, ("",))[0] == "histogram")
                names.add(family if family in known else name)
        self.assertGreater(len(names), 20)

    def test_alerts_and_dashboard_use_only_labels_that_exist(self):
        known = golden()
        scraped = {"job", "instance"}  # Prometheus adds these
        for expression in expressions():
            with self.subTest(expression=expression):
                available = set(scraped)
                for name, matchers in re.findall(rf"({NAME.pattern})(?:\{{([^}}]*)\}})?", expression):
                    family = re.sub(r"_(bucket|sum|count)$", "", name)
                    labels = known[family if family in known else name][1] | scraped
                    available |= labels | ({"le"} if name.endswith("_bucket") else set())
                    self.assertLessEqual(set(re.findall(r'(\w+)\s*(?:=~|!=|!~|=)', matchers)), labels)
                for grouping in re.findall(r"\b(?:by|on|ignoring)\s*\(([^)]*)\)", expression):
                    self.assertLessEqual({label.strip() for label in grouping.split(",")}, available)

    def test_every_alert_says_what_is_wrong_what_to_do_and_how_urgent_it_is(self):
        rules = ALERTS.read_text().split("- alert: ")[1:]
        self.assertEqual(len(rules), len(re.findall(r"^ +expr:", ALERTS.read_text(), re.MULTILINE)))
        for rule in rules:
            with self.subTest(alert=rule.split()[0]):
                self.assertRegex(rule, r"severity: (page|ticket)\b")
                self.assertRegex(rule, r"\n +summary: \S")
                self.assertRegex(rule, r"\n +action: \S")

    def test_panels_of_the_dashboard_are_numbered_and_do_not_overlap(self):
        panels = json.loads((DEPLOY / "grafana/dashboard.json").read_text())["panels"]
        self.assertEqual(len({panel["id"] for panel in panels}), len(panels))
        cells = [(x, y) for panel in panels for place in [panel["gridPos"]]
                 for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])]
        self.assertEqual(len(set(cells)), len(cells))
        self.assertLess(max(x for x, _ in cells), 24)

    def test_the_dashboard_shows_memory_beside_the_limit_at_which_profiles_are_unloaded(self):
        panels = json.loads((DEPLOY / "grafana/dashboard.json").read_text())["panels"]
        (memory,) = [panel for panel in panels if any("memory_limit" in target["expr"] for target in panel.get("targets", []))]
        self.assertEqual(memory["fieldConfig"]["defaults"]["unit"], "bytes")
        self.assertEqual({NAME.findall(target["expr"])[0] for target in memory["targets"]},
                         {"process_resident_memory_bytes", "roberta_memory_unreclaimable_bytes", "roberta_memory_limit_bytes"})
        self.assertTrue(any("roberta_memory_unloads_total" in target["expr"] for panel in panels for target in panel.get("targets", [])))


class Running(unittest.TestCase):
    def test_the_server_exposes_the_golden_metrics_each_with_a_series(self):
        with Server() as server:
            _, page = get(server.metrics_port, "/metrics")
        families = dict(re.findall(r"^# TYPE (\w+) (\w+)$", page, re.MULTILINE))
        self.assertEqual(families, {name: kind for name, (kind, _) in golden().items()})
        for name, kind in families.items():
            self.assertRegex(page, rf"(?m)^{name}{'_count' if kind == 'histogram' else ''}[{{ ]")

    def test_the_page_of_six_profiles_stays_small_enough_for_a_fleet(self):
        with Server() as server:
            self.assertEqual(server.client("classify", "good", "bad").returncode, 0)
            _, page = get(server.metrics_port, "/metrics")
        self.assertEqual(len(set(re.findall(r'^roberta_profile_ready\{profile="(\w+)"\}', page, re.MULTILINE))), 6)
        series = [line for line in page.splitlines() if not line.startswith("#")]
        self.assertLessEqual(len(series), 1500)
        self.assertLessEqual(len(page.encode()), 160_000)

    def test_thresholds_of_alerts_are_bounds_of_the_histogram(self):
        with Server() as server:
            _, page = get(server.metrics_port, "/metrics")
        bounds = set(re.findall(r'^roberta_request_duration_seconds_bucket\{.*le="([^"]+)"\}', page, re.MULTILINE))
        objective = re.search(r"roberta_request_duration_seconds_bucket.*\n?.*> ([0-9.]+)$", ALERTS.read_text(), re.MULTILINE)
        self.assertIn(objective[1], bounds)
        self.assertLessEqual(set(re.findall(r'\ble="([^"]+)"', (DEPLOY / "prometheus/alerts_test.yml").read_text())), bounds)

    def test_readiness_turns_before_a_call_is_refused(self):
        with tempfile.NamedTemporaryFile("w", suffix=".textproto") as config:
            config.write("shutdown { drain_delay_ms: 600000 }")  # until the second signal, however slow this machine is
            config.flush()
            with Server("--config", config.name, exit_code=128 + signal.SIGTERM) as server:
                self.assertEqual(get(server.metrics_port, "/readyz"), (200, "ready\n"))
                server.signal(signal.SIGTERM)
                wait_until(lambda: get(server.metrics_port, "/readyz")[0] == 503)
                self.assertEqual(get(server.metrics_port, "/healthz")[0], 200)
                self.assertEqual(server.client("classify", "good").returncode, 0)


if __name__ == "__main__":
    unittest.main()
