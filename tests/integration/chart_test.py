"""The Helm chart: what every value does to the manifests that a real helm renders, that these are what Kubernetes' own schema allows, and
that the server takes the configuration in them."""

import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from binaries import DEMO_MODEL, GO_MODULES, SOURCE, run, use_python_packages

use_python_packages()
try:
    import jsonschema
    import yaml
except ImportError:
    yaml = None

CHART = SOURCE / "deploy/helm"
KUBERNETES = "1.34.2"  # as in tests/go_modules.txt
SHA256 = "0123456789abcdef" * 4
PLAIN = {"allowInsecure": True}
TLS = {"tls": {"secretName": "cert"}, "credentials": {"secretName": "callers"}}


def helm():
    made = GO_MODULES / "helm"
    return str(made) if made.exists() else shutil.which("helm")


def setUpModule():
    if yaml is None or helm() is None or not (GO_MODULES / "swagger.json").exists():
        raise unittest.SkipTest("not run: no helm, schema of Kubernetes or Python packages here; tests/run gets them")


def call_helm(*arguments, values=None):
    return subprocess.run([helm(), *map(str, arguments), *(("--values", "-") if values is not None else ())],
                          input=json.dumps(values or {}), capture_output=True, text=True, check=False)


def closed(schema):
    """The schema as the API server has it: fields that it does not name are errors, and null is as good as absent."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    result = {key: closed(value) for key, value in schema.items()}
    if "properties" in schema and not isinstance(schema.get("additionalProperties"), dict) \
            and not schema.get("x-kubernetes-preserve-unknown-fields"):
        result["additionalProperties"] = False
    if schema.get("x-kubernetes-int-or-string") or schema.get("format") == "int-or-string":
        return {"type": ["integer", "string"]}
    return result


class Schemas:
    """By apiVersion and kind."""

    def __init__(self):
        swagger = json.loads((GO_MODULES / "swagger.json").read_text())
        definitions = closed(swagger["definitions"])
        definitions["io.k8s.apimachinery.pkg.api.resource.Quantity"] = {"type": ["string", "number"]}
        definitions["io.k8s.apimachinery.pkg.util.intstr.IntOrString"] = {"type": ["integer", "string"]}
        self._schemas = {}
        for name, definition in swagger["definitions"].items():
            for kind in definition.get("x-kubernetes-group-version-kind", ()):
                version = "/".join(filter(None, (kind["group"], kind["version"])))
                self._schemas[version, kind["kind"]] = {"$ref": f"#/definitions/{name}", "definitions": definitions}
        for path in GO_MODULES.glob("*.yaml"):
            custom = yaml.safe_load(path.read_text())["spec"]
            for version in custom["versions"]:
                schema = closed(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = {"type": "object"}
                self._schemas[f"{custom['group']}/{version['name']}", custom["names"]["kind"]] = schema

    def check(self, manifest):
        schema = self._schemas[manifest["apiVersion"], manifest["kind"]]
        jsonschema.Draft4Validator(schema).validate(manifest)


class Chart(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.schemas = Schemas()

    def render(self, values=None, base=None, name="x", namespace="apps"):
        """The manifests by kind and name, of which each is valid."""
        values = {**(PLAIN if base is None else base), **(values or {})}
        result = call_helm("template", name, CHART, "--namespace", namespace, "--kube-version", KUBERNETES, values=values)
        self.assertEqual(result.returncode, 0, result.stderr)
        manifests = [manifest for manifest in yaml.safe_load_all(result.stdout) if manifest]
        for manifest in manifests:
            self.schemas.check(manifest)
        return {(manifest["kind"], manifest["metadata"]["name"]): manifest for manifest in manifests}

    def refuse(self, values, words, base=None):
        result = call_helm("template", "x", CHART, "--kube-version", KUBERNETES, values={**(PLAIN if base is None else base), **values})
        self.assertNotEqual(result.returncode, 0, f"{values} is accepted")
        self.assertRegex(result.stderr, words)

    def deployment(self, values=None, **options):
        return self.render(values, **options)["Deployment", "x-roberta-serve"]["spec"]

    def pod(self, values=None, **options):
        return self.deployment(values, **options)["template"]["spec"]

    def server(self, values=None, **options):
        return self.pod(values, **options)["containers"][0]

    def config(self, values=None, **options):
        return json.loads(self.render(values, **options)["ConfigMap", "x-roberta-serve"]["data"]["server.json"])

    def test_lint(self):
        for values in (PLAIN, TLS):
            result = call_helm("lint", "--strict", CHART, "--kube-version", KUBERNETES, values=values)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_what_is_there_by_default(self):
        self.assertEqual(set(self.render()), {
            ("Deployment", "x-roberta-serve"), ("ConfigMap", "x-roberta-serve"), ("Service", "x-roberta-serve"),
            ("Service", "x-roberta-serve-headless"), ("NetworkPolicy", "x-roberta-serve"), ("PodDisruptionBudget", "x-roberta-serve")})

    def test_the_schemas_find_what_is_wrong(self):
        manifest = self.render()["Deployment", "x-roberta-serve"]
        manifest["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
        with self.assertRaisesRegex(jsonschema.ValidationError, "livenesProbe"):
            self.schemas.check(manifest)

    def test_pods_are_restricted(self):
        for values in ({}, {"model": {"source": "download", "download": {"url": "https://h/m.tar", "sha256": SHA256}}}):
            pod = self.pod(values)
            self.assertEqual(pod["securityContext"], {"runAsNonRoot": True, "runAsUser": 65532, "runAsGroup": 65532, "fsGroup": 65532,
                                                      "seccompProfile": {"type": "RuntimeDefault"}})
            for container in pod["containers"] + pod.get("initContainers", []):
                self.assertEqual(container["securityContext"], {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True,
                                                                "capabilities": {"drop": ["ALL"]}})
            self.assertFalse(pod["automountServiceAccountToken"])
            # Else a Service named roberta would set ROBERTA_PORT, which is an option of the server.
            self.assertFalse(pod["enableServiceLinks"])

    def test_image(self):
        self.assertRegex(self.server()["image"], r"^roberta-serve:\d+\.\d+\.\d+$")
        self.assertEqual(self.server({"image": {"repository": "r/s", "tag": "1"}})["image"], "r/s:1")
        digest = "sha256:" + SHA256
        self.assertEqual(self.server({"image": {"repository": "r/s", "tag": "1", "digest": digest}})["image"], f"r/s@{digest}")
        self.refuse({"image": {"digest": "sha256:12"}}, "digest")
        pod = self.pod({"image": {"pullPolicy": "Always", "pullSecrets": [{"name": "registry"}]}})
        self.assertEqual(pod["imagePullSecrets"], [{"name": "registry"}])
        self.assertEqual(pod["containers"][0]["imagePullPolicy"], "Always")

    def test_the_chart_has_the_version_of_the_project(self):
        project = re.search(r"VERSION (\S+) LANG", (SOURCE / "CMakeLists.txt").read_text())[1]
        chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
        self.assertEqual((chart["version"], chart["appVersion"]), (project, project))

    def test_the_model_of_the_image(self):
        self.assertEqual(self.config()["model"], {"directory": "/usr/share/roberta-serve/models/demo-sst2"})
        self.assertEqual(self.config({"model": {"name": "films", "builtin": {"directory": "/m"}}})["model"],
                         {"directory": "/m", "name": "films"})
        self.assertEqual([volume["name"] for volume in self.pod()["volumes"]], ["config"])
        self.assertIn("--model=/m", self.server({"model": {"builtin": {"directory": "/m"}}})["args"])  # before ROBERTA_MODEL of the image

    def test_a_model_by_image(self):
        values = {"model": {"source": "image", "image": {"reference": "r/m@sha256:" + SHA256, "pullPolicy": "Always", "directory": "sst2"}}}
        self.assertIn({"name": "model", "image": {"reference": "r/m@sha256:" + SHA256, "pullPolicy": "Always"}},
                      self.pod(values)["volumes"])
        self.assertEqual(self.config(values)["model"]["directory"], "/model/sst2")
        self.refuse({"model": {"source": "image"}}, "model.image.reference")

    def test_a_model_by_volume(self):
        source = {"persistentVolumeClaim": {"claimName": "models", "readOnly": True}}
        pod = self.pod({"model": {"source": "volume", "volume": {"source": source}}})
        self.assertIn({"name": "model", **source}, pod["volumes"])
        self.assertIn({"name": "model", "mountPath": "/model", "readOnly": True}, pod["containers"][0]["volumeMounts"])
        self.refuse({"model": {"source": "volume"}}, "model.volume.source")
        self.refuse({"model": {"source": "volume", "volume": {"source": source, "directory": "../etc"}}}, "directory")

    def test_a_model_by_download(self):
        with tempfile.TemporaryDirectory() as directory:
            archive, target = pathlib.Path(directory, "m.tar.gz"), pathlib.Path(directory, "model")
            target.mkdir()
            subprocess.run(["tar", "-czf", str(archive), "-C", str(DEMO_MODEL), "config.json"], check=True)
            digest = hashlib.sha256(archive.read_bytes()).hexdigest()

            def container(sha256):
                values = {"model": {"source": "download", "download": {
                    "url": "https://host/m.tar.gz", "sha256": sha256, "sizeLimit": "1Gi",
                    "image": {"repository": "r/curl", "digest": "sha256:" + SHA256}}}}
                pod = self.pod(values)
                self.assertIn({"name": "model", "emptyDir": {"sizeLimit": "1Gi"}}, pod["volumes"])
                self.assertEqual(self.config(values)["model"]["directory"], "/model")
                return pod["initContainers"][0]

            def fetch(sha256):
                """Runs the container's own command, with the archive in a file."""
                made = container(sha256)
                environment = {variable["name"]: variable["value"] for variable in made["env"]}
                environment.update(MODEL_URL=archive.as_uri(), MODEL_DIRECTORY=str(target), PATH="/usr/bin:/bin")
                return subprocess.run(made["command"], env=environment, capture_output=True, text=True, check=False)

            self.assertEqual(container(digest)["image"], "r/curl@sha256:" + SHA256)
            self.assertNotEqual(fetch(SHA256).returncode, 0)
            self.assertFalse((target / "config.json").exists())
            result = fetch(digest)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual([path.name for path in target.iterdir()], ["config.json"])
        self.refuse({"model": {"source": "download", "download": {"url": "https://host/m"}}}, "url and sha256")
        self.refuse({"model": {"source": "download", "download": {"url": "ftp://host/m", "sha256": SHA256}}}, "url")
        self.refuse({"model": {"source": "elsewhere"}}, "source")

    def test_config_reaches_the_server_and_the_server_takes_it(self):
        values = {"config": {"profiles": [{"name": "baseline"}, {"name": "quantized"}], "limits": {"max_message_bytes": 1048576},
                             "execution": {"queue_capacity_tokens": 4000000}},
                  "drain": {"delaySeconds": 3, "timeoutSeconds": 20}, "logging": {"format": "text", "level": "warn"},
                  "model": {"builtin": {"directory": str(DEMO_MODEL)}}}
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(self.config(values), file)
            file.flush()
            arguments = [argument for argument in self.server(values)["args"] if not argument.startswith("--config=")]
            result = run("roberta-server", "--config", file.name, *arguments, "--print-config=json", environment={"ROBERTA_HTTP_PORT": "off"})
        self.assertEqual(result.returncode, 0, result.stderr)
        printed = json.loads(result.stdout)
        self.assertEqual([profile["name"] for profile in printed["profiles"]], ["baseline", "quantized"])
        self.assertEqual(printed["shutdown"], {"drain_delay_ms": 3000, "drain_timeout_ms": 20000})
        self.assertEqual(printed["execution"]["queue_capacity_tokens"], 4000000)
        self.assertEqual((printed["logging"]["format"], printed["logging"]["level"]), ("text", "warn"))
        self.assertEqual((printed["listen"]["host"], printed["listen"]["port"], printed["listen"]["http"]), ("0.0.0.0", 8001, False))
        self.refuse({"config": {"shutdown": {}}}, "config.shutdown")
        self.assertNotEqual(self.checksum(values), self.checksum({**values, "config": {}}))  # so that pods are replaced

    def checksum(self, values):
        return self.deployment(values)["template"]["metadata"]["annotations"]["checksum/config"]

    def test_the_server_takes_the_configuration_of_tls_and_credentials(self):
        config = self.config({"tls": {"secretName": "c", "clientCaSecretName": "a", "requireClientCertificate": True},
                              "credentials": {"secretName": "p", "anonymousRole": "metadata"}}, base={})
        self.assertEqual(config["tls"], {"certificate_file": "/etc/roberta-serve/tls/tls.crt", "key_file": "/etc/roberta-serve/tls/tls.key",
                                         "client_ca_file": "/etc/roberta-serve/client-ca/ca.crt", "require_client_certificate": True})
        config["model"]["directory"] = str(DEMO_MODEL)
        with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
            json.dump(config, file)
            file.flush()
            result = run("roberta-server", "--config", file.name, "--host", "0.0.0.0", "--print-config")
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_secrets_are_mounted_where_the_configuration_says(self):
        pod = self.pod({"tls": {"secretName": "c", "clientCaSecretName": "a"}, "credentials": {"secretName": "p"}}, base={})
        secrets = {volume["name"]: volume["secret"]["secretName"] for volume in pod["volumes"] if "secret" in volume}
        self.assertEqual(secrets, {"tls": "c", "client-ca": "a", "credentials": "p"})
        mounts = {mount["name"]: mount["mountPath"] for mount in pod["containers"][0]["volumeMounts"]}
        self.assertEqual(mounts, {"config": "/etc/roberta-serve/config", "tls": "/etc/roberta-serve/tls",
                                  "client-ca": "/etc/roberta-serve/client-ca", "credentials": "/etc/roberta-serve/credentials"})
        self.assertNotIn("--allow-insecure", pod["containers"][0]["args"])

    def test_what_is_open_must_be_asked_for(self):
        self.refuse({}, "tls.secretName is empty", base={})
        self.refuse({"tls": {"secretName": "c"}}, "everybody may load", base={})
        self.pod({"tls": {"secretName": "c"}, "credentials": {"anonymousRole": "inference"}}, base={})
        self.refuse({"tls": {"secretName": "c"}, "credentials": {"anonymousRole": "admin"}}, "everybody may load", base={})
        self.refuse({"tls": {"clientCaSecretName": "a"}}, "tls.clientCaSecretName")
        self.refuse({"tls": {"secretName": "c", "requireClientCertificate": True}}, "tls.requireClientCertificate")
        self.assertIn("--allow-insecure", self.server()["args"])

    def test_host_and_http(self):
        self.assertIn("--host=::", self.server({"host": "::"})["args"])
        self.assertIn("--http-port=off", self.server()["args"])
        made = self.render({"http": {"enabled": True}})
        container = made["Deployment", "x-roberta-serve"]["spec"]["template"]["spec"]["containers"][0]
        self.assertIn("--http-port=8000", container["args"])
        self.assertEqual({port["name"]: port["containerPort"] for port in container["ports"]}, {"grpc": 8001, "metrics": 8002, "http": 8000})
        self.assertIn("http", [port["name"] for port in made["Service", "x-roberta-serve"]["spec"]["ports"]])
        ingress = made["NetworkPolicy", "x-roberta-serve"]["spec"]["ingress"]
        self.assertEqual([port["port"] for port in ingress[0]["ports"]], ["grpc", "http"])

    def test_the_time_to_end_fits_the_drain(self):
        self.assertEqual(self.pod()["terminationGracePeriodSeconds"], 50)
        drain = {"drain": {"delaySeconds": 20, "timeoutSeconds": 100}}
        self.assertEqual(self.pod(drain)["terminationGracePeriodSeconds"], 130)
        self.assertEqual(self.pod({**drain, "terminationGracePeriodSeconds": 125})["terminationGracePeriodSeconds"], 125)
        self.refuse({**drain, "terminationGracePeriodSeconds": 124}, r"terminationGracePeriodSeconds: 124 is less than .* = 125")
        self.refuse({"drain": {"delaySeconds": -1, "timeoutSeconds": 1}}, "delaySeconds")

    def test_probes(self):
        names = ("startupProbe", "readinessProbe", "livenessProbe")
        plain = self.server()
        self.assertEqual([plain[name]["grpc"] for name in names], [{"port": 8001}] * 3)
        # The kubelet asks by gRPC without TLS only.
        for secured in (self.server(base=TLS), self.server({"probes": {"type": "http"}})):
            self.assertEqual([secured[name]["httpGet"] for name in names], [{"path": path, "port": "metrics"}
                                                                            for path in ("/readyz", "/readyz", "/healthz")])
        self.refuse({"probes": {"type": "grpc"}}, "probes.type", base=TLS)
        changed = self.server({"probes": {"startup": {"failureThreshold": 9}, "readiness": {"timeoutSeconds": 3},
                                          "liveness": {"periodSeconds": 7}}})
        self.assertEqual((changed["startupProbe"]["failureThreshold"], changed["startupProbe"]["periodSeconds"]), (9, 2))
        self.assertEqual(changed["readinessProbe"]["timeoutSeconds"], 3)
        self.assertEqual(changed["livenessProbe"]["periodSeconds"], 7)

    def test_replicas_and_rollout(self):
        deployment = self.deployment({"replicas": 5})
        self.assertEqual(deployment["replicas"], 5)
        # One at a time, and only once the new one is ready.
        self.assertEqual(deployment["strategy"], {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 0}})
        self.assertLessEqual(deployment["selector"]["matchLabels"].items(), deployment["template"]["metadata"]["labels"].items())

    def test_services(self):
        made = self.render({"service": {"type": "LoadBalancer", "annotations": {"a": "b"}}})
        service, headless = made["Service", "x-roberta-serve"], made["Service", "x-roberta-serve-headless"]
        self.assertEqual(service["spec"]["type"], "LoadBalancer")
        self.assertEqual(service["metadata"]["annotations"], {"a": "b"})
        self.assertEqual([port["name"] for port in service["spec"]["ports"]], ["grpc"])  # not the metrics, which are for all
        self.assertEqual(headless["spec"]["clusterIP"], "None")
        self.assertEqual(service["spec"]["ports"][0]["appProtocol"], "kubernetes.io/h2c")
        self.assertEqual(self.render(base=TLS)["Service", "x-roberta-serve"]["spec"]["ports"][0]["appProtocol"], "grpcs")
        self.assertNotIn(("Service", "x-roberta-serve-headless"), self.render({"headlessService": {"enabled": False}}))

    def test_disruption_budget_and_spread(self):
        budget = self.render({"podDisruptionBudget": {"maxUnavailable": "25%"}})["PodDisruptionBudget", "x-roberta-serve"]
        self.assertEqual(budget["spec"]["maxUnavailable"], "25%")
        self.assertNotIn(("PodDisruptionBudget", "x-roberta-serve"), self.render({"podDisruptionBudget": {"enabled": False}}))
        self.assertEqual(len(self.pod()["topologySpreadConstraints"]), 2)
        (spread,) = self.pod({"topologySpread": {"maxSkew": 2, "whenUnsatisfiable": "DoNotSchedule",
                                                 "topologyKeys": ["rack"]}})["topologySpreadConstraints"]
        self.assertEqual((spread["topologyKey"], spread["maxSkew"], spread["whenUnsatisfiable"]), ("rack", 2, "DoNotSchedule"))
        self.assertEqual(spread["labelSelector"]["matchLabels"], self.deployment()["selector"]["matchLabels"])
        self.assertNotIn("topologySpreadConstraints", self.pod({"topologySpread": {"enabled": False}}))

    def test_network_policy(self):
        def policy(values=None):
            return self.render(values)["NetworkPolicy", "x-roberta-serve"]["spec"]

        default = policy()
        self.assertEqual(default["policyTypes"], ["Ingress", "Egress"])
        self.assertEqual(default["egress"], [])
        self.assertEqual(default["ingress"][0]["from"], [{"podSelector": {}}])
        download = {"model": {"source": "download", "download": {"url": "https://h/m", "sha256": SHA256}}}
        self.assertEqual({port["port"] for port in policy(download)["egress"][0]["ports"]}, {53, 80, 443})
        peer, rule = {"podSelector": {"matchLabels": {"a": "b"}}}, {"to": [{"podSelector": {}}]}
        made = policy({**download, "networkPolicy": {"from": [peer], "metricsFrom": [peer], "egress": [rule]}})
        self.assertEqual([ingress["from"] for ingress in made["ingress"]], [[peer], [peer]])
        self.assertEqual(made["egress"], [rule])
        self.assertNotIn(("NetworkPolicy", "x-roberta-serve"), self.render({"networkPolicy": {"enabled": False}}))

    def test_monitoring(self):
        def annotations(values=None):
            return self.deployment(values)["template"]["metadata"]["annotations"]

        self.assertEqual(annotations()["prometheus.io/port"], "8002")
        self.assertNotIn("prometheus.io/scrape", annotations({"monitoring": {"scrapeAnnotations": False}}))
        values = {"monitoring": {"serviceMonitor": {"enabled": True, "interval": "30s", "labels": {"release": "p"}}}}
        self.assertNotIn("prometheus.io/scrape", annotations(values))
        made = self.render(values)
        monitor = made["ServiceMonitor", "x-roberta-serve"]
        self.assertEqual(monitor["metadata"]["labels"]["release"], "p")
        (endpoint,) = monitor["spec"]["endpoints"]
        self.assertEqual((endpoint["port"], endpoint["interval"]), ("metrics", "30s"))
        self.assertEqual(endpoint["relabelings"], [{"targetLabel": "job", "replacement": "roberta"}])  # as alerts and dashboard have it
        wanted = monitor["spec"]["selector"]["matchLabels"].items()
        found = [name for (kind, name), manifest in made.items() if kind == "Service" and wanted <= manifest["metadata"]["labels"].items()]
        self.assertEqual(found, ["x-roberta-serve-headless"])
        self.refuse({**values, "headlessService": {"enabled": False}}, "headlessService")

    def test_autoscaling_by_the_prometheus_adapter(self):
        values = {"autoscaling": {"type": "hpa", "minReplicas": 3, "maxReplicas": 7, "targetLoadRatio": 0.65,
                                  "scaleDownStabilizationSeconds": 60}}
        made = self.render(values)
        scaler = made["HorizontalPodAutoscaler", "x-roberta-serve"]["spec"]
        self.assertEqual((scaler["minReplicas"], scaler["maxReplicas"]), (3, 7))
        self.assertEqual(scaler["metrics"][0]["pods"], {"metric": {"name": "roberta_load_ratio"},
                                                        "target": {"type": "AverageValue", "averageValue": "650m"}})
        self.assertEqual(scaler["behavior"]["scaleDown"]["stabilizationWindowSeconds"], 60)
        self.assertEqual(scaler["scaleTargetRef"]["name"], "x-roberta-serve")
        self.assertNotIn("replicas", made["Deployment", "x-roberta-serve"]["spec"])
        self.refuse({"autoscaling": {"type": "hpa", "minReplicas": 3, "maxReplicas": 2}}, "minReplicas")

    def test_autoscaling_by_keda(self):
        values = {"autoscaling": {"type": "keda", "keda": {"serverAddress": "http://prometheus:9090", "pollingInterval": 5}}}
        made = self.render(values)
        scaled = made["ScaledObject", "x-roberta-serve"]["spec"]
        self.assertEqual((scaled["minReplicaCount"], scaled["maxReplicaCount"], scaled["pollingInterval"]), (2, 10, 5))
        (trigger,) = scaled["triggers"]
        self.assertEqual(trigger["metadata"], {"serverAddress": "http://prometheus:9090", "threshold": "0.7",
                                               "query": 'sum(roberta_load_ratio{namespace="apps",pod=~"x-roberta-serve-.*"})'})
        self.assertNotIn("replicas", made["Deployment", "x-roberta-serve"]["spec"])
        self.refuse({"autoscaling": {"type": "keda"}}, "serverAddress")

    def test_names(self):
        self.assertIn(("Deployment", "roberta-serve"), self.render(name="roberta-serve"))
        self.assertIn(("Deployment", "x-films"), self.render({"nameOverride": "films"}))
        self.assertIn(("Deployment", "films"), self.render({"fullnameOverride": "films"}))
        for _, name in self.render({"fullnameOverride": "a" * 100}):
            self.assertLessEqual(len(name), 63)

    def test_what_pods_get_beside(self):
        values = {"resources": {"requests": {"cpu": "3"}, "limits": {"cpu": "4"}}, "extraArgs": ["--log-requests"], "extraEnv": [{"name": "A", "value": "b"}],
                  "serviceAccountName": "account", "podAnnotations": {"c": "d"}, "podLabels": {"e": "f"}, "nodeSelector": {"g": "h"},
                  "tolerations": [{"key": "i", "operator": "Exists"}], "affinity": {"nodeAffinity": {}}, "priorityClassName": "high"}
        template = self.deployment(values)["template"]
        pod = template["spec"]
        self.assertEqual(pod["containers"][0]["resources"], {"requests": {"cpu": "3", "memory": "1Gi"}, "limits": {"cpu": "4", "memory": "2Gi"}})
        self.assertIn("--log-requests", pod["containers"][0]["args"])
        self.assertEqual(pod["containers"][0]["env"], [{"name": "A", "value": "b"}])
        self.assertEqual(template["metadata"]["annotations"]["c"], "d")
        self.assertEqual(template["metadata"]["labels"]["e"], "f")
        self.assertEqual((pod["serviceAccountName"], pod["nodeSelector"], pod["priorityClassName"]), ("account", {"g": "h"}, "high"))
        self.assertEqual((pod["tolerations"], pod["affinity"]), ([{"key": "i", "operator": "Exists"}], {"nodeAffinity": {}}))

    def test_every_value_is_in_the_schema_and_in_these_tests(self):
        def paths(values, schema, where=()):
            for key, value in values.items():
                self.assertIn(key, schema["properties"], where)
                part = schema["properties"][key]
                yield key
                if isinstance(value, dict) and "properties" in part:
                    yield from paths(value, part, (*where, key))

        schema = json.loads((CHART / "values.schema.json").read_text())
        values = yaml.safe_load((CHART / "values.yaml").read_text())
        tests = pathlib.Path(__file__).read_text()
        for key in paths(values, schema):
            self.assertTrue(f'"{key}"' in tests, f"no test sets {key}")
        self.refuse({"replica": 3}, "replica")
        self.refuse({"autoscaling": {"type": "hpa", "maxReplica": 3}}, "maxReplica")


if __name__ == "__main__":
    unittest.main()
