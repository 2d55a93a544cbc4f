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

    def test_readiness_turns_before_a_call_is_refused(self):
        with tempfile.NamedTemporaryFile("w", suffix=".textproto") as config:
            config.write("shutdown { drain_delay_ms: 3000 }")
            config.flush()
            with Server("--config", config.name) as server:
                self.assertEqual(get(server.metrics_port, "/readyz"), (200, "ready\n"))
                server.signal(signal.SIGTERM)
                wait_until(lambda: get(server.metrics_port, "/readyz")[0] == 503)
                self.assertEqual(get(server.metrics_port, "/healthz")[0], 200)
                self.assertEqual(server.client("classify", "good").returncode, 0)
                self.assertEqual(server.wait(), 0)


if __name__ == "__main__":
    unittest.main()
