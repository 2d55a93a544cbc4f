"""Three servers of different speed, one that is cut off, and a new checkpoint. It takes minutes; replicas_test.py has the rest.

With --measure FILE it only measures one replica, for tests/bench/fleet_sim, on the first core: run it on a quiet machine.
"""

import concurrent.futures
import importlib.machinery
import importlib.util
import json
import math
import os
import pathlib
import shutil
import signal
import statistics
import sys
import tempfile
import time
import unittest

from binaries import BUILD, QUICK_DEMO_MODEL, SOURCE, use_python_packages, wait_until

use_python_packages()

from replicas import (CLASSIFY, DESCRIPTORS, HOSTS, SERVICE_CONFIG, Envoy, Load, Replicas, cores_of, grpc, missing,  # noqa: E402
                      text_request, yaml)

TEXT = text_request("a long and winding story about very little indeed" + " that goes on and on" * 20)  # 110 tokens
BATCH_TEXTS = 2048 // 110
SECONDS = float(os.environ.get("ROBERTA_REPLICAS_SECONDS", "45"))  # of a load
WARM_UP_SECONDS = 40  # until the weights are there, and what waited before at a slow replica is answered
EQUAL = dict(zip(HOSTS, (0.2, 0.2, 0.2)))
UNEQUAL = dict(zip(HOSTS, (0.25, 0.25, 0.1)))
AT_LOAD = 0.7
SLOWER = 1.3   # p99 of unequal replicas by that of equal ones of the same sum
CLOSE = 0.15   # how far the median of fleet_sim may be from what was measured
CLOSE_P99 = 0.6  # and its p99: a server under a quota has a longer tail than the simulation knows
REPORTS = "load_reports { always: true }"


def setUpModule():
    if missing():
        raise unittest.SkipTest(missing())


def policy(name, **options):
    """For Envoy."""
    config = {"@type": f"type.googleapis.com/envoy.extensions.load_balancing_policies.{name}.v3.{name.title().replace('_', '')}", **options}
    return lambda _, cluster: cluster.update(load_balancing_policy={"policies": [{"typed_extension_config": {
        "name": f"envoy.load_balancing_policies.{name}", "typed_config": config}}]})


def by_orca(_, cluster):
    cluster.update(yaml.safe_load((SOURCE / "deploy/envoy/orca.yaml").read_text()))


def closed_loop(address, callers, seconds):
    """Times of the calls of callers who call again at once, in seconds."""
    end = time.monotonic() + seconds

    def call_all_the_time(_):
        times = []
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            classify = channel.unary_unary(CLASSIFY)
            while (began := time.monotonic()) < end:
                classify(TEXT, timeout=60)
                times.append(time.monotonic() - began)
        return times

    with concurrent.futures.ThreadPoolExecutor(callers) as threads:
        return [time for times in threads.map(call_all_the_time, range(callers)) for time in times]


def measure(address, seconds):
    """What fleet_sim needs to know of a replica."""
    closed_loop(address, 1, 1)
    alone = statistics.quantiles(closed_loop(address, 1, seconds), n=201)
    return {"alone_ms": [round(1000 * time, 3) for time in alone], "texts_per_second": len(closed_loop(address, 32, seconds)) / seconds,
            "max_batch_texts": BATCH_TEXTS}


def fleet_sim():
    loader = importlib.machinery.SourceFileLoader("fleet_sim", str(SOURCE / "tests/bench/fleet_sim"))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader("fleet_sim", loader))
    loader.exec_module(module)
    return module


def quantiles(seconds):
    """p50, p90 and p99, in milliseconds."""
    percent = statistics.quantiles(seconds, n=100)
    return [1000 * percent[at - 1] for at in (50, 90, 99)]


def shown(times):
    return " ".join(f"p{name} {time:.0f}" for name, time in zip((50, 90, 99), times))


class DifferentSpeeds(unittest.TestCase):
    """Shares of the first core make replicas slow; calls come from the other one."""

    def fleet(self, shares):
        through = self.enterContext(cores_of(shares, core=0))
        if through is None:
            self.skipTest("not measured: no right to make cgroups, which are what makes replicas slow here")
        if os.cpu_count() < 2:
            self.skipTest("not measured: one core has no room for replicas and calls")
        return self.enterContext(Replicas(REPORTS, profiles="baseline", through=through))

    def calls_by(self, fleet, change, rate):
        """All calls, and from when on they count."""
        with Envoy(fleet, BUILD / DESCRIPTORS, change) as envoy:
            envoy.wait_for(len(HOSTS))
            with Load(envoy.address, rate, request=TEXT, seed=1) as load:
                time.sleep(WARM_UP_SECONDS)
                since = time.monotonic()
                time.sleep(SECONDS)
            self.assertEqual(load.failures(), [])
            return load.calls, since

    def test_a_slow_replica_gets_less_and_the_simulation_knows_how_long_calls_take(self):
        equal = self.fleet(EQUAL)
        service = measure(f"{HOSTS[0]}:{equal.port}", 10)
        rate = AT_LOAD * len(HOSTS) * service["texts_per_second"]
        print(f"a replica with a fifth of a core: {statistics.mean(service['alone_ms']):.1f} ms alone, "
              f"{service['texts_per_second']:.1f} texts/s")
        policies = {"round_robin": policy("round_robin"), "orca": by_orca, "least_request": lambda *_: None}
        simulated = fleet_sim()
        model = simulated.Service([ms / 1000 for ms in service["alone_ms"]], service["texts_per_second"], BATCH_TEXTS)
        of_equal = {}
        for name, change in policies.items():
            calls, since = self.calls_by(equal, change, rate)
            of_equal[name] = measured = quantiles([call.seconds for call in calls if call.began >= since])
            began = sorted(call.began for call in calls)
            fleet = simulated.Fleet(model, [1.0] * len(HOSTS), name, AT_LOAD, deadline=30, arrivals=[time - began[0] for time in began],
                                    warm_up=sum(time < since for time in began) / len(began))
            fleet.run()
            expected = quantiles(fleet.latencies)
            print(f"three equal replicas by {name}: ms {shown(measured)}, simulated {shown(expected)}")
            with self.subTest(by=name):
                self.assertLess(abs(math.log(expected[0] / measured[0])), math.log(1 + CLOSE))
                self.assertLess(abs(math.log(expected[2] / measured[2])), math.log(1 + CLOSE_P99))
        self.doCleanups()
        unequal = self.fleet(UNEQUAL)
        for name in ("orca", "least_request"):
            calls, since = self.calls_by(unequal, policies[name], rate)
            counted = [call for call in calls if call.began >= since]
            measured = quantiles([call.seconds for call in counted])
            counts = [sum(call.replica == host for call in counted) for host in HOSTS]
            print(f"of different speed by {name}: ms {shown(measured)}, calls {counts}")
            with self.subTest(by=name):
                self.assertLess(counts[2], 0.8 * counts[0])
                if name == "orca":  # by least request, an idle slow replica is as good as an idle fast one
                    self.assertLess(measured[2], SLOWER * of_equal[name][2])


class CutOff(unittest.TestCase):
    def test_a_partition_of_ten_seconds_heals_without_a_storm(self):
        rate, timeout = 30, 3
        with Replicas() as fleet, Envoy(fleet, BUILD / DESCRIPTORS) as envoy:
            envoy.wait_for(len(HOSTS))
            with Load(envoy.address, rate, timeout=timeout) as load:
                time.sleep(2)
                before, issued_before = fleet.calls(), len(load.calls)
                fleet.servers[HOSTS[0]].signal(signal.SIGSTOP)
                cut = time.monotonic()
                envoy.wait_for(len(HOSTS) - 1)
                noticed = time.monotonic()
                time.sleep(max(0, cut + 10 - noticed))
                fleet.servers[HOSTS[0]].signal(signal.SIGCONT)
                envoy.wait_for(len(HOSTS))
                healed = time.monotonic()
                wait_until(lambda: load.answered_by(HOSTS[0], healed) > 0)
                time.sleep(2)
            attempts, issued = fleet.calls() - before, len(load.calls) - issued_before
        failures = load.failures()
        print(f"noticed after {noticed - cut:.1f} s; {len(failures)} of {issued} calls failed, with {attempts} attempts at the servers")
        # Those that the silent replica had when it was noticed, and no others.
        self.assertTrue(all(call.code == "DEADLINE_EXCEEDED" and call.began <= noticed + 1 for call in failures), failures)
        self.assertLess(len(failures), rate * (noticed - cut + 1))
        self.assertLess(attempts, 1.2 * issued + rate)


class NewCheckpoint(unittest.TestCase):
    """A rollout, as deploy/README.md has it: one replica runs the candidate beside the model, on its own traffic."""

    GATE = 0.95

    def candidate(self, scale):
        """The demo model with its classifier's weights scaled: less than nothing turns every label around."""
        import numpy
        directory = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()), "candidate")
        # Without what belongs to the weights as they were.
        shutil.copytree(QUICK_DEMO_MODEL, directory, ignore=shutil.ignore_patterns("calibration.safetensors", "pruned"))
        path = directory / "model.safetensors"
        data = bytearray(path.read_bytes())
        length = int.from_bytes(data[:8], "little")
        header = json.loads(data[8:8 + length])
        for name in ("classifier.out_proj.weight", "classifier.out_proj.bias"):
            entry = header[name]
            kinds = {"F32": numpy.float32, "F16": numpy.float16}
            begin, end = (8 + length + offset for offset in entry["data_offsets"])
            values = numpy.frombuffer(data[begin:end], kinds[entry["dtype"]])
            data[begin:end] = (values * scale).astype(values.dtype).tobytes()
        path.unlink()
        path.write_bytes(data)
        return directory

    def agreement(self, fleet, host):
        return fleet.metric(host, r'roberta_shadow_compared_total\{.*agree="true"'), fleet.metric(host, "roberta_shadow_compared_total")

    def roll_out(self, fleet, envoy, load, directory):
        """Whether the candidate was good enough; then all replicas have it."""
        canary = HOSTS[0]
        self.assertEqual(fleet.stop(canary), 0)
        fleet.start(canary, f'profiles {{ name: "quantized" }} '
                            f'profiles {{ name: "candidate" recipe: "quantized" directory: "{directory}" gate {{ min_agreement: 0 }} }} '
                            f'shadow {{ profile: "candidate" fraction: 1 }}', profiles="quantized,candidate")
        envoy.wait_for(len(HOSTS))
        wait_until(lambda: self.agreement(fleet, canary)[1] >= 20)
        agreed, compared = self.agreement(fleet, canary)
        good = agreed / compared >= self.GATE
        for host in HOSTS if good else (canary,):
            self.assertEqual(fleet.stop(host), 0)
            fleet.start(host, model=directory if good else None)
            envoy.wait_for(len(HOSTS))
            now = time.monotonic()
            wait_until(lambda host=host, now=now: load.answered_by(host, now) > 0)
        return good

    def test_it_reaches_every_replica_if_it_agrees_and_none_if_it_does_not(self):
        with Replicas("shutdown { drain_delay_ms: 2500 }") as fleet, Envoy(fleet, BUILD / DESCRIPTORS) as envoy:
            envoy.wait_for(len(HOSTS))
            with Load(envoy.address, 30) as load:
                self.assertFalse(self.roll_out(fleet, envoy, load, self.candidate(-1)))
                self.assertTrue(self.roll_out(fleet, envoy, load, self.candidate(1.01)))
            self.assertEqual(load.failures(), [])


def measure_into(path):
    with cores_of(dict.fromkeys(HOSTS, 1.0), core=0) as through, Replicas(profiles="baseline", through=through) as fleet:
        pathlib.Path(path).write_text(json.dumps(measure(f"{HOSTS[0]}:{fleet.port}", 15)) + "\n")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--measure"]:
        measure_into(sys.argv[2])
    else:
        unittest.main()
