"""Three servers behind Envoy, behind HAProxy and behind gRPC's own round robin, all three at the same time."""

import contextlib
import json
import signal
import time
import unittest
import urllib.request

from binaries import BUILD, use_python_packages, wait_until

use_python_packages()

from replicas import DESCRIPTORS, HOSTS, Envoy, HAProxy, Load, Replicas, missing  # noqa: E402

RATE = 12  # calls a second, of each balancer; this is about how they are sent, not how many
# A server says that it will stop for longer than balancers take to hear of it.
CONFIG = "shutdown { drain_delay_ms: 2500 drain_timeout_ms: 20000 }"
DEFECT = 'profiles { name: "quantized" gate { min_agreement: 1 max_mean_abs_dp: 0 } } default_profile: "quantized"'


def without_retries(route, _):
    del route["route"]["retry_policy"]


def setUpModule():
    if missing():
        raise unittest.SkipTest(missing())


class ThreeReplicas(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.replicas = cls.enterClassContext(Replicas(CONFIG))

    def setUp(self):
        for host in set(HOSTS) - set(self.replicas.servers):  # which a test that failed has left
            self.replicas.start(host)

    @contextlib.contextmanager
    def balancers(self, retries, healthy=len(HOSTS)):
        """Loads through each, with retries by the published policy and the balancer's own, or with none at all."""
        with contextlib.ExitStack() as stack:
            descriptors = BUILD / DESCRIPTORS
            envoy = Envoy(self.replicas, descriptors) if retries else Envoy(self.replicas, descriptors, without_retries)
            proxies = [stack.enter_context(envoy), stack.enter_context(HAProxy(self.replicas, retries))]
            for proxy in proxies:
                proxy.wait_for(healthy)
            loads = {name: stack.enter_context(Load(target, RATE, retries, balance)) for name, target, balance in
                     (("Envoy", proxies[0].address, False), ("HAProxy", proxies[1].address, False),
                      ("round_robin", self.replicas.addresses(), True))}
            yield proxies, loads
        for name, load in loads.items():
            with self.subTest(by=name):
                self.assertEqual(load.failures(), [])

    def await_answers(self, loads, hosts):
        """Of each replica to each load, from now on."""
        now = time.monotonic()
        wait_until(lambda: all(load.answered_by(host, now) > 0 for load in loads.values() for host in hosts))

    def test_a_killed_replica_costs_no_call_and_comes_back(self):
        with self.balancers(retries=True) as (_, loads):
            self.await_answers(loads, HOSTS)
            self.assertEqual(self.replicas.stop(HOSTS[0], signal.SIGKILL), -signal.SIGKILL)
            self.await_answers(loads, HOSTS[1:])
            self.replicas.start(HOSTS[0])
            self.await_answers(loads, HOSTS)

    def test_a_rolling_restart_with_drain_costs_no_call_even_without_retries(self):
        with self.balancers(retries=False) as (proxies, loads):
            for host in HOSTS:
                self.await_answers(loads, HOSTS)
                self.assertEqual(self.replicas.stop(host), 0)
                self.replicas.start(host)
                for proxy in proxies:
                    proxy.wait_for(len(HOSTS))
            self.await_answers(loads, HOSTS)

    def test_a_replica_whose_gate_fails_is_never_ready_and_takes_no_call(self):
        host = HOSTS[2]
        self.assertEqual(self.replicas.stop(host), 0)
        with self.balancers(retries=False, healthy=2) as (proxies, loads):
            now = time.monotonic()
            with self.assertRaisesRegex(AssertionError, "(?s)did not start: .*quality gate"):
                self.replicas.start(host, DEFECT, profiles="baseline,quantized")
            self.await_answers(loads, HOSTS[:2])
            for name, load in loads.items():
                self.assertEqual(load.answered_by(host, now), 0, name)
            for proxy in proxies:
                self.assertEqual(proxy.healthy(), 2)
        self.replicas.start(host)

    def test_envoy_answers_json(self):
        with Envoy(self.replicas, BUILD / DESCRIPTORS) as envoy:
            envoy.wait_for(len(HOSTS))
            request = urllib.request.Request(f"http://{envoy.address}/roberta.v1.Classifier/Classify",
                                             b'{"items": [{"text": "a warm, funny and deeply moving film"}]}',
                                             {"content-type": "application/json"})
            with urllib.request.urlopen(request, timeout=60) as answer:
                result = json.load(answer)
        self.assertEqual(result["results"][0]["classification"]["label"], "positive")

    def test_haproxy_hears_the_weight_of_each_replica(self):
        with HAProxy(self.replicas) as proxy:
            proxy.wait_for(len(HOSTS))
            for host, row in proxy.servers().items():
                self.assertTrue(50 <= int(row["weight"]) <= 100, (host, row["weight"]))


if __name__ == "__main__":
    unittest.main()
