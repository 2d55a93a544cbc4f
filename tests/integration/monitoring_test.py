"""Metrics and health over HTTP; alert rules and dashboard against the names that exist."""

import json
import re
import signal
import tempfile
import unittest

from binaries import SOURCE, Server, wait_until
from monitoring import ALERTS, DEPLOY, expressions, get

NAME = re.compile(r"\b(?:roberta|grpc_server|process)_\w+")


def golden():
    """Metric -> labels."""
    rows = [line.split("\t") for line in (SOURCE / "tests/golden/metrics.tsv").read_text().splitlines()[1:]]
    return {name: (kind, set(labels.split(",")) - {"-"}) for name, kind, labels in rows}


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
