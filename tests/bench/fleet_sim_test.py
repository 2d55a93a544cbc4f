"""fleet_sim against what theory says of queues, and against itself."""

import importlib.machinery
import importlib.util
import math
import pathlib
import random
import subprocess
import sys
import unittest

SIM = pathlib.Path(__file__).with_name("fleet_sim")
sys.dont_write_bytecode = True
loader = importlib.machinery.SourceFileLoader("fleet_sim", str(SIM))
fleet_sim = importlib.util.module_from_spec(importlib.util.spec_from_loader("fleet_sim", loader))
loader.exec_module(fleet_sim)

ONE_AT_A_TIME = {"rate": 100, "max_batch": 1}


def run(service, replicas, policy, load, **options):
    return fleet_sim.Fleet(service, [1.0] * replicas, policy, load, deadline=1000, **options).run()


class FleetSim(unittest.TestCase):
    def test_one_server_with_random_times_is_the_queue_of_the_textbooks(self):
        # M/M/1: times in the system are exponential, with the rate of service less that of arrival.
        chance = random.Random(7)
        service = fleet_sim.Service([chance.expovariate(100) for _ in range(20_000)], **ONE_AT_A_TIME)
        service.fixed = 0.0
        figures = run(service, 1, "round_robin", 0.7, calls=200_000)
        rate = 1 / (sum(service.items) / len(service.items)) - 70
        self.assertAlmostEqual(figures["p50"] * rate / math.log(2), 1, delta=0.1)
        self.assertAlmostEqual(figures["p99"] * rate / math.log(100), 1, delta=0.1)

    def test_a_look_at_two_replicas_is_worth_more_than_taking_turns_where_times_vary(self):
        chance = random.Random(7)
        service = fleet_sim.Service([chance.expovariate(100) for _ in range(5_000)], **ONE_AT_A_TIME)
        service.fixed = 0.0
        p99 = {policy: run(service, 100, policy, 0.8, calls=60_000)["p99"] for policy in fleet_sim.POLICIES}
        self.assertLess(p99["power_of_two"], 0.8 * p99["round_robin"])
        self.assertLess(p99["least_request"], p99["power_of_two"])

    def test_reports_of_load_keep_a_slow_replica_from_drowning(self):
        service = fleet_sim.Service([0.01], **ONE_AT_A_TIME)
        speeds = [1.0, 1.0, 0.3]
        p99 = {policy: fleet_sim.Fleet(service, speeds, policy, 0.6, deadline=1000, calls=20_000, warm_up=0.5).run()["p99"]
               for policy in ("round_robin", "orca")}
        self.assertGreater(p99["round_robin"], 10 * p99["orca"])

    def test_only_calls_that_find_a_rested_replica_take_less(self):
        times = {load: run(fleet_sim.Service([0.01], **ONE_AT_A_TIME, rested=0.004), 1, "round_robin", load, calls=5_000)
                 for load in (0.01, 0.95)}
        self.assertAlmostEqual(times[0.01]["p50"], 0.006)
        self.assertGreater(times[0.95]["p50"], 0.01)

    def test_a_slow_replica_makes_up_for_what_it_got_before_its_weight_was_known(self):
        service = fleet_sim.Service([0.01], **ONE_AT_A_TIME)
        slowest = [fleet_sim.Fleet(service, [1.0, 1.0, 0.3], "orca", 0.6, deadline=1000, calls=5_000, warm_up=0, blackout=blackout).run()["p99"]
                   for blackout in (fleet_sim.BLACKOUT, 3 * fleet_sim.BLACKOUT)]
        self.assertGreater(slowest[1], 2 * slowest[0])

    def test_it_updates_weights_as_the_file_for_envoy_says(self):
        file = (SIM.parents[2] / "deploy/envoy/orca.yaml").read_text()
        for name, seconds in (("blackout_period", fleet_sim.BLACKOUT), ("weight_update_period", fleet_sim.WEIGHT_PERIOD)):
            self.assertRegex(file, rf"(?m)^ +{name}: {seconds:g}s")

    def test_calls_of_a_dead_replica_are_answered_by_others(self):
        service = fleet_sim.Service([0.01], **ONE_AT_A_TIME)
        for policy in fleet_sim.POLICIES:
            fleet = fleet_sim.Fleet(service, [1.0] * 10, policy, 0.5, deadline=5, calls=20_000, deaths_per_hour=360, restart=1)
            figures = fleet.run()
            self.assertGreater(figures["attempts"], 1, policy)
            self.assertEqual(figures["goodput"], 1, policy)

    def test_beyond_capacity_what_is_answered_is_answered_in_time(self):
        service = fleet_sim.Service([0.01], **ONE_AT_A_TIME)
        figures = fleet_sim.Fleet(service, [1.0] * 4, "least_request", 1.5, deadline=0.5, calls=20_000).run()
        self.assertAlmostEqual(figures["goodput"], 1 / 1.5, delta=0.03)

    def test_the_same_seed_gives_the_same_table_with_a_thousand_replicas(self):
        command = [sys.executable, str(SIM), "--replicas", "1000", "--load", "0.7", "--calls", "10000", "--policy", "power_of_two,orca"]
        first, again = (subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2))
        self.assertEqual(first, again)
        self.assertEqual(len(first.splitlines()), 3)

    def test_an_unknown_policy_is_named(self):
        ended = subprocess.run([sys.executable, str(SIM), "--policy", "best"], capture_output=True, text=True, check=False)
        self.assertEqual(ended.returncode, 2)
        self.assertIn("best: not one of round_robin", ended.stderr)


if __name__ == "__main__":
    unittest.main()
