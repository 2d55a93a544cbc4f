"""The tools of Prometheus, from the distribution's package: what they say of the metrics, the rules and the dashboard's queries."""

import contextlib
import json
import pathlib
import shutil
import socket
import subprocess
import tempfile
import unittest
import urllib.parse

from binaries import SOURCE, Server, wait_until
from monitoring import ALERTS, DEPLOY, expressions, get

UNPACKED = SOURCE / "build/packages/usr/bin"  # where tests/run unpacks the package


def tool(name):
    path = shutil.which(name) or str(UNPACKED / name)
    return path if pathlib.Path(path).exists() else None


def setUpModule():
    if tool("prometheus") is None or tool("promtool") is None:
        raise unittest.SkipTest("not run: no prometheus and promtool here; tests/run unpacks Debian's package prometheus")


class Promtool(unittest.TestCase):
    def check(self, *arguments, stdin=None):
        result = subprocess.run([tool("promtool"), *map(str, arguments)], input=stdin, capture_output=True, text=True, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        return result.stdout + result.stderr

    def test_metrics_of_a_server_that_worked_are_clean(self):
        with Server() as server:
            server.client("classify", "good", "bad")
            server.client("classify", "--profile", "amp", "good")
            _, page = get(server.metrics_port, "/metrics")
        self.assertEqual(self.check("check", "metrics", stdin=page), "")

    def test_configuration_and_rules_are_valid(self):
        self.check("check", "config", DEPLOY / "prometheus/prometheus.yml")
        self.check("check", "rules", ALERTS)

    def test_alerts_fire_on_what_they_are_for_and_on_nothing_else(self):
        self.check("test", "rules", DEPLOY / "prometheus/alerts_test.yml")


class Prometheus:
    """A real one that scrapes `target` each second and judges it by our alert rules, as long as the block lasts."""

    def __init__(self, target):
        self._target = target

    def __enter__(self):
        with contextlib.ExitStack() as stack:
            directory = pathlib.Path(stack.enter_context(tempfile.TemporaryDirectory()))
            with socket.create_server(("127.0.0.1", 0)) as free:
                self._port = free.getsockname()[1]
            config = (DEPLOY / "prometheus/prometheus.yml").read_text()
            config = config.replace("15s", "1s").replace("127.0.0.1:8002", self._target).replace("alerts.yml", str(ALERTS))
            (directory / "prometheus.yml").write_text(config)
            log = stack.enter_context((directory / "log").open("w"))
            process = subprocess.Popen([tool("prometheus"), f"--config.file={directory}/prometheus.yml",
                                        f"--storage.tsdb.path={directory}/data", f"--web.listen-address=127.0.0.1:{self._port}"],
                                       cwd=directory, stdout=log, stderr=log)
            stack.callback(process.wait)
            stack.callback(process.terminate)
            wait_until(lambda: self._is_ready(process, directory / "log"))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_):
        self._stack.close()

    def _is_ready(self, process, log):
        if process.poll() is not None:
            raise AssertionError("prometheus did not start: " + log.read_text())
        try:
            return get(self._port, "/-/ready")[0] == 200
        except OSError:
            return False

    def api(self, path, **parameters):
        status, body = get(self._port, f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}")
        if status != 200:
            raise AssertionError(f"{parameters}: {body}")
        return json.loads(body)["data"]

    def value(self, query):
        """Of an expression with one result; None if there is none."""
        result = self.api("query", query=query)["result"]
        return float(result[0]["value"][1]) if result else None


class Scrape(unittest.TestCase):
    def test_prometheus_sees_what_the_server_did_and_understands_every_query(self):
        with Server() as server, Prometheus(f"127.0.0.1:{server.metrics_port}") as prometheus:
            for _ in range(3):
                self.assertEqual(server.client("classify", "good", "bad").returncode, 0)
            self.assertNotEqual(server.client("classify", "--profile", "amp", "good").returncode, 0)
            wait_until(lambda: prometheus.value('sum(roberta_request_failures_total{reason="profile_not_ready"})') == 1)
            self.assertEqual(prometheus.value('roberta_requests_total{code="OK",method="Classify",profile="baseline"}'), 3)
            self.assertEqual(prometheus.value('roberta_items_total{outcome="answered",profile="baseline"}'), 6)
            self.assertEqual(prometheus.value("sum(roberta_phase_duration_seconds_count{phase='infer'})"), 4)
            # On a busy machine a scrape may take too long, and an alert be pending until the next one.
            wait_until(lambda: prometheus.value('up{job="roberta"}') == 1
                       and {target["lastError"] for target in prometheus.api("targets")["activeTargets"]} == {""})
            for expression in expressions():
                with self.subTest(expression=expression):
                    prometheus.api("query", query=expression.replace("$__rate_interval", "1m").replace("$instance", ".*"))

            def rules():
                return [rule for group in prometheus.api("rules")["groups"] for rule in group["rules"]]
            wait_until(lambda: rules() and all(rule["health"] != "unknown" for rule in rules()))
            self.assertEqual({rule["name"]: rule["lastError"] for rule in rules() if rule["health"] != "ok"}, {})
            wait_until(lambda: prometheus.api("alerts")["alerts"] == [])


if __name__ == "__main__":
    unittest.main()
