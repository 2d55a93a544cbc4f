"""The Compose file: it is what the specification allows, what it mounts is there, and the programs take the options that it gives them."""

import json
import pathlib
import re
import shutil
import subprocess
import unittest

from binaries import BUILD, DEMO_MODEL, GO_MODULES, SOURCE, run, use_python_packages

use_python_packages()
try:
    import jsonschema
    import yaml
except ImportError:
    yaml = None

FOLDER = SOURCE / "deploy/compose"
PROMTOOL = shutil.which("promtool") or str(SOURCE / "build/packages/usr/bin/promtool")


def with_defaults(text):
    """${NAME:-default} as it is where nothing is set."""
    return re.sub(r"\$\{\w+:-([^}]*)\}", r"\1", text)


@unittest.skipIf(yaml is None, "not run: no PyYAML and jsonschema; tests/run installs them into build/venv")
class Compose(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.file = yaml.safe_load(with_defaults((FOLDER / "compose.yaml").read_text()))
        cls.services = cls.file["services"]

    def command(self, service):
        return [str(word) for word in self.services[service]["command"]]

    @unittest.skipUnless((GO_MODULES / "compose-spec.json").exists(), "not run: no schema here; tests/run gets it")
    def test_it_is_valid(self):
        schema = json.loads((GO_MODULES / "compose-spec.json").read_text())
        validator = jsonschema.validators.validator_for(schema)(schema)
        validator.validate(self.file)
        wrong = {**self.file, "services": {"a": {"imag": "b"}}}
        self.assertFalse(validator.is_valid(wrong))

    def test_what_is_mounted_and_built_is_there(self):
        mounted = []
        for service in self.services.values():
            for volume in service.get("volumes", ()):
                if volume["type"] == "volume":
                    self.assertIn(volume["source"], self.file["volumes"])
                    continue
                self.assertTrue(volume["read_only"] and not volume["bind"]["create_host_path"], volume)
                source = pathlib.Path(str((FOLDER / volume["source"]).resolve()).replace(str(SOURCE / "build/release"), str(BUILD)))
                self.assertTrue(source.exists(), volume)
                mounted.append(volume["target"])
            if "build" in service:
                dockerfile = FOLDER / service["build"]["context"] / service["build"]["dockerfile"]
                self.assertIn(f" AS {service['build']['target']}\n", dockerfile.read_text())
        # What their configurations name.
        self.assertIn("/etc/prometheus/" + yaml.safe_load((FOLDER / "prometheus.yml").read_text())["rule_files"][0], mounted)
        dashboards = yaml.safe_load((FOLDER / "grafana-dashboards.yml").read_text())["providers"][0]["options"]["path"]
        self.assertIn(f"{dashboards}/roberta.json", mounted)
        envoy = (SOURCE / "deploy/envoy/envoy.yaml").read_text()
        self.assertIn(re.search(r"proto_descriptor: (\S+)", envoy)[1], mounted)
        self.assertIn("address: roberta-server, port_value: 8001", envoy)
        self.assertIn(f"port_value: {self.services['envoy']['ports'][0].split(':')[-1]}", envoy)

    def test_the_server_takes_its_options(self):
        environment = {**self.services["roberta-server"]["environment"], "ROBERTA_HOST": "0.0.0.0", "ROBERTA_MODEL": str(DEMO_MODEL),
                       "ROBERTA_HTTP_PORT": "0"}  # host and model as the image has them
        result = run("roberta-server", *self.command("roberta-server"), "--print-config=json", environment=environment)
        self.assertEqual(result.returncode, 0, result.stderr)
        config = json.loads(result.stdout)
        self.assertFalse(config["listen"]["http"])
        grace = int(self.services["roberta-server"]["stop_grace_period"].removesuffix("s")) * 1000
        self.assertGreater(grace, config["shutdown"]["drain_delay_ms"] + config["shutdown"]["drain_timeout_ms"])

    def test_the_load_test_takes_its_options(self):
        options = [word.replace("envoy:8080", "127.0.0.1:1") for word in self.command("loadtest")]
        self.assertEqual(run("roberta-loadtest", *options).returncode, 3)  # nobody is there; wrong usage would be 2
        self.assertEqual(run("roberta-loadtest", *options, "--no-such-option").returncode, 2)

    @unittest.skipUnless(pathlib.Path(PROMTOOL).exists(), "not run: no promtool here; tests/run unpacks it")
    def test_prometheus_takes_its_configuration(self):
        result = subprocess.run([PROMTOOL, "check", "config", "--syntax-only", str(FOLDER / "prometheus.yml")], capture_output=True, text=True,
                                check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        scraped = yaml.safe_load((FOLDER / "prometheus.yml").read_text())["scrape_configs"]
        single = yaml.safe_load((SOURCE / "deploy/prometheus/prometheus.yml").read_text())["scrape_configs"]
        self.assertEqual([job["job_name"] for job in scraped], [job["job_name"] for job in single])  # which alerts and dashboard expect

    def test_the_dashboard_finds_its_data_source(self):
        dashboard = json.loads((SOURCE / "deploy/grafana/dashboard.json").read_text())
        (variable,) = [variable for variable in dashboard["templating"]["list"] if variable["type"] == "datasource"]
        (source,) = yaml.safe_load((FOLDER / "grafana-datasources.yml").read_text())["datasources"]
        self.assertEqual(variable["query"], source["type"])
        self.assertTrue(source["isDefault"])


if __name__ == "__main__":
    unittest.main()
