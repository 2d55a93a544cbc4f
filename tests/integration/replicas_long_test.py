"""Three servers of different speed, more calls than they can answer, one that is cut off, and a new checkpoint. It takes minutes;
replicas_test.py has the rest.

With --measure FILE it only measures one replica, for tests/bench/fleet_sim, on the first core: run it on a quiet machine.
"""

import concurrent.futures
import importlib.machinery
import importlib.util
import json
import math
import os
import pathlib
import random
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
PAUSE_SECONDS = 0.02, 0.04  # in which the quota of a control group becomes whole again
SECONDS = float(os.environ.get("ROBERTA_REPLICAS_SECONDS", "45"))  # of a load
WARM_UP_SECONDS = 25  # until the weights are there, and what waited before at a slow replica is answered
EQUAL = dict(zip(HOSTS, (0.2, 0.2, 0.2)))
UNEQUAL = dict(zip(HOSTS, (0.25, 0.25, 0.1)))
AT_LOAD = 0.7
SLOWER = 1.3   # p99 of unequal replicas by that of equal ones of the same sum
CLOSE = 0.35   # how far the median and the p99 of fleet_sim may be from what was measured: quotas of CPU time vary more than it knows
FOREIGN = 0.2   # of the first core that others may take, else nothing is measured; ticks show some 0.1 too much where quotas are in use
TICKS = os.sysconf("SC_CLK_TCK")
OVERLOAD = 2     # calls by what three replicas can do
OVERLOAD_SECONDS, OVERLOAD_DEADLINE_SECONDS = 20, 3
CLOSE_GOODPUT = 0.3   # how far what is answered in time may be from what fleet_sim says, to which refusals cost nothing
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


def closed_loop(address, callers, seconds, pause=lambda: None):
    """Times of the calls of callers who call again at once, or after a pause, in seconds."""
    end = time.monotonic() + seconds

    def call_all_the_time(_):
        times = []
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            classify = channel.unary_unary(CLASSIFY)
            while (began := time.monotonic()) < end:
                classify(TEXT, timeout=60)
                times.append(time.monotonic() - began)
                pause()
        return times

    with concurrent.futures.ThreadPoolExecutor(callers) as threads:
        return [time for times in threads.map(call_all_the_time, range(callers)) for time in times]


def measure(address, seconds):
    """What fleet_sim needs to know of a replica."""
    closed_loop(address, 1, 1)
    alone = closed_loop(address, 1, seconds)
    rested = closed_loop(address, 1, seconds, lambda: time.sleep(random.uniform(*PAUSE_SECONDS)))
    return {"alone_ms": [round(1000 * time, 3) for time in statistics.quantiles(alone, n=201)],
            "rested_ms": max(0, round(1000 * (statistics.mean(alone) - statistics.mean(rested)), 3)),
            "texts_per_second": len(closed_loop(address, 32, seconds)) / seconds, "max_batch_texts": BATCH_TEXTS}


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


def fleet_with(test, shares):
    """Three replicas that shares of the first core make slow, until `test` ends; calls come from the other core."""
    through = test.enterContext(cores_of(shares, core=0))
    if through is None:
        test.skipTest("not measured: no right to make cgroups, which are what makes replicas slow here")
    if os.cpu_count() < 2:
        test.skipTest("not measured: one core has no room for replicas and calls")
    test.addCleanup(os.sched_setaffinity, 0, os.sched_getaffinity(0))
    os.sched_setaffinity(0, os.sched_getaffinity(0) - {0})  # and of all that is started from here
    return test.enterContext(Replicas(REPORTS, profiles="baseline", through=through))


def others_seconds(fleet):
    """Seconds of the first core since the start that the replicas did not have."""
    times = [int(ticks) for ticks in pathlib.Path("/proc/stat").read_text().splitlines()[1].split()[1:9]]
    idle_ticks, own_ticks = times[3] + times[4], 0
    for server in fleet.servers.values():
        stat = pathlib.Path(f"/proc/{server.pid}/stat").read_text().rpartition(")")[2].split()
        own_ticks += int(stat[11]) + int(stat[12])
    return (sum(times) - idle_ticks - own_ticks) / TICKS


def simulated(service, shares, by, load, calls, **options):
    """fleet_sim's fleet of replicas with `shares`, after a run with the arrivals of `calls`, and its figures. `service` was measured with a
    share of EQUAL."""
    sim = fleet_sim()
    began = sorted(call.began for call in calls)
    fleet = sim.Fleet(sim.service_of(service), [shares[host] / EQUAL[host] for host in HOSTS], by, load,
                      arrivals=[time - began[0] for time in began], **options)
    return fleet, fleet.run()


class DifferentSpeeds(unittest.TestCase):
    def times_by(self, fleet, shares, name, change, rate, service):
        """p50, p90 and p99 as measured and as simulated, in milliseconds, and the calls of each replica."""
        with Envoy(fleet, BUILD / DESCRIPTORS, change) as envoy:
            envoy.wait_for(len(HOSTS))
            with Load(envoy.address, rate, request=TEXT, seed=1) as load:
                time.sleep(WARM_UP_SECONDS)
                since, others_before = time.monotonic(), others_seconds(fleet)
                time.sleep(SECONDS)
                foreign = (others_seconds(fleet) - others_before) / SECONDS
            self.assertEqual(load.failures(), [])
        if foreign > FOREIGN:
            self.skipTest(f"not measured by {name}: others took {100 * foreign:.0f} % of the first core")
        counted = [call for call in load.calls if call.began >= since]
        sim, figures = simulated(service, shares, name, AT_LOAD, load.calls, deadline=30, warm_up=1 - len(counted) / len(load.calls))
        self.assertEqual(figures["goodput"], 1)  # as is what was measured, of which no call failed
        measured, expected = quantiles([call.seconds for call in counted]), quantiles(sim.latencies)
        counts = [sum(call.replica == host for call in counted) for host in HOSTS]
        print(f"shares {' '.join(map(str, shares.values()))} by {name}: ms {shown(measured)}, simulated {shown(expected)}, calls {counts}")
        return measured, expected, counts

    def assert_close(self, expected, measured):
        for simulated_ms, measured_ms in (expected[0], measured[0]), (expected[2], measured[2]):
            self.assertLess(abs(math.log(simulated_ms / measured_ms)), math.log(1 + CLOSE))

    def test_a_slow_replica_gets_less_and_the_simulation_knows_how_long_calls_take(self):
        equal = fleet_with(self, EQUAL)
        service = measure(f"{HOSTS[0]}:{equal.port}", 10)
        rate = AT_LOAD * len(HOSTS) * service["texts_per_second"]
        print(f"a replica with a fifth of a core: {statistics.mean(service['alone_ms']):.1f} ms alone, {service['rested_ms']:.1f} ms less after "
              f"a pause, {service['texts_per_second']:.1f} texts/s")
        policies = {"round_robin": policy("round_robin"), "orca": by_orca, "least_request": lambda *_: None}
        of_equal = {}
        for name, change in policies.items():
            measured, expected, _ = self.times_by(equal, EQUAL, name, change, rate, service)
            of_equal[name] = measured
            with self.subTest(by=name):
                self.assert_close(expected, measured)
        self.doCleanups()
        unequal = fleet_with(self, UNEQUAL)
        for name in ("orca", "least_request"):
            measured, expected, counts = self.times_by(unequal, UNEQUAL, name, policies[name], rate, service)
            with self.subTest(by=name, of="different speed"):
                self.assert_close(expected, measured)
                self.assertLess(counts[2], 0.8 * counts[0])
                if name == "orca":  # by least request, an idle slow replica is as good as an idle fast one
                    self.assertLess(measured[2], SLOWER * of_equal[name][2])


class Overload(unittest.TestCase):
    def test_refusals_pass_the_proxy_as_they_are_and_as_much_is_answered_as_simulated(self):
        fleet = fleet_with(self, EQUAL)
        service = measure(f"{HOSTS[0]}:{fleet.port}", 10)
        rate = OVERLOAD * len(HOSTS) * service["texts_per_second"]
        with Envoy(fleet, BUILD / DESCRIPTORS) as envoy:
            envoy.wait_for(len(HOSTS))
            # Without retries, of which each refusal would make more calls.
            with Load(envoy.address, rate, retries=False, timeout=OVERLOAD_DEADLINE_SECONDS, request=TEXT, seed=1) as load:
                time.sleep(OVERLOAD_SECONDS)
            wait_until(lambda: envoy.stat("upstream_rq_active") == 0)
            self.assertEqual(envoy.stat("upstream_rq_retry"), 0)
            wait_until(lambda: all(fleet.metric(host, "roberta_inflight_requests") == 0 for host in HOSTS))
        by_code = {code: [call for call in load.calls if call.code == code] for code in {call.code for call in load.calls}}
        _, figures = simulated(service, EQUAL, "least_request", OVERLOAD, load.calls, attempts=1, warm_up=0,
                               deadline=OVERLOAD_DEADLINE_SECONDS)
        expected = figures["goodput"]
        goodput = len(by_code["OK"]) / len(load.calls)
        print(f"{OVERLOAD} times what they can do: { {code: len(calls) for code, calls in by_code.items()} }; in time {goodput:.3f} of all, "
              f"simulated {expected:.3f}; a refusal takes {1000 * statistics.median(call.seconds for call in by_code['RESOURCE_EXHAUSTED']):.0f} ms")
        self.assertLessEqual(by_code.keys(), {"OK", "RESOURCE_EXHAUSTED", "DEADLINE_EXCEEDED"})
        for call in by_code["RESOURCE_EXHAUSTED"]:
            self.assertGreater(int(call.pushback_ms), 0, call)
            self.assertIn("try again", call.details)
        self.assertLess(abs(math.log(expected / goodput)), math.log(1 + CLOSE_GOODPUT))


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
