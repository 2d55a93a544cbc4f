"""The server within limits on cores and memory: it counts what they allow, refuses what cannot fit, and sheds load before it is ended."""

import contextlib
import json
import re
import subprocess
import tempfile
import unittest
import urllib.request

from binaries import BIN, QUICK_DEMO_MODEL, Server, wait_until
from cgroups import Group

MIB = 1 << 20
LARGE = "\n".join(["a long and winding story about very little indeed " * 8] * 64)  # some 5,000 tokens


@contextlib.contextmanager
def configured(config):
    """The flags of a server that has such a config."""
    with tempfile.NamedTemporaryFile("w", suffix=".textproto") as file:
        file.write(config)
        file.flush()
        yield ("--config", file.name)


def limited_to(mib):
    """The flags of a server with a limit of its own, which needs no control group."""
    return configured(f"memory {{ limit_mib: {mib} }}")


def profiles(server):
    return {profile["name"]: profile for profile in json.loads(server.client("profiles", "--json").stdout)["profiles"]}


def ready(server):
    return {name for name, profile in profiles(server).items() if profile["state"] == "READY"}


class Cores(unittest.TestCase):
    def executors(self, **limits):
        """What the start-up line has of cores, in a group with these limits."""
        with Group(**limits) as group, Server(through=group.through) as server:
            line = next(line for line in server.log if " cpu: " in line)
        return re.search(r"(\d+) cores by affinity, quota (\S+) .*?(\d+) executors", line).groups()

    def test_half_a_core_gives_one_executor(self):
        self.assertEqual(self.executors(cores=0.5)[1:], ("0.5", "1"))

    def test_a_set_of_one_core_gives_one_executor(self):
        self.assertEqual(self.executors(cpus="0")[0::2], ("1", "1"))


class Memory(unittest.TestCase):
    def refused(self, *arguments, through=()):
        """The server does not start; returns its last line."""
        from binaries import BIN
        result = subprocess.run([*through, BIN / "roberta-server", "--model", QUICK_DEMO_MODEL, "--port", "0", "--metrics-port", "0",
                                 *arguments], capture_output=True, text=True, timeout=120, check=False)
        self.assertEqual(result.returncode, 1, result.stderr)
        return result.stderr.splitlines()[-1]

    def test_a_model_that_does_not_fit_is_refused_with_numbers(self):
        with limited_to(48) as flags:
            line = self.refused(*flags)
        self.assertRegex(line, r"^roberta-server: the default profile, baseline, did not load: it needs about [\d.]+ MiB of memory, but "
                               r"[\d.]+ MiB of 48.0 MiB \(memory.limit_mib\) are in use, and at most 90 % may be: .*raise the limit")

    def test_so_it_is_by_the_limit_of_a_group(self):
        with Group(memory=48 * MIB) as group:
            line = self.refused(through=group.through)
            self.assertEqual(group.memory_kills(), 0)
        self.assertRegex(line, r"did not load: it needs about .* of 48.0 MiB \(/sys/fs/cgroup/.*memory\.\w+\) are in use")

    def test_what_does_not_fit_beside_the_default_stays_unloaded(self):
        with limited_to(110) as flags, Server(*flags, profiles=None) as server:
            found = profiles(server)
            self.assertEqual(found["baseline"]["state"], "READY")
            self.assertEqual(found["pruned"]["state"], "UNLOADED")
            self.assertRegex(found["pruned"]["reason"], r"needs about [\d.]+ MiB .* of 110.0 MiB \(memory.limit_mib\)")
            refused = server.client("load", "pruned")
            self.assertEqual(refused.returncode, 1)
            self.assertIn("FAILED_PRECONDITION", refused.stderr)
            self.assertIn("of 110.0 MiB (memory.limit_mib) are in use", refused.stderr)
            self.assertEqual(server.client("classify", "good").returncode, 0)
        self.assertRegex("".join(server.log), r"memory: [\d.]+ MiB of 110.0 MiB \(memory.limit_mib\) are in use; profiles are unloaded at 90 %")

    def test_near_the_limit_profiles_go_then_large_calls_and_none_is_killed(self):
        with configured("memory { unload_at: 0.5 refuse_at: 0.6 check_interval_ms: 50 }") as flags, \
                Group(memory=1024 * MIB) as group, Server(*flags, profiles=None, through=group.through) as server:
            def says(words):
                return any(words in line for line in list(server.log))

            def press(share):
                """Leaves that share of the limit in use, though the server gives memory back."""
                group.limit_memory(int(group.memory_used() / share))
            self.assertEqual(ready(server), {"baseline", "quantized", "pruned", "amp", "integrated"})
            server.client("classify", "--profile", "quantized", "good")
            wait_until(lambda: press(0.55) or says("no profile to unload"))
            unloaded = re.findall(r"unloaded profile (\w+), the least recently used", "".join(server.log))
            self.assertEqual(unloaded, ["pruned", "amp", "integrated", "quantized"])
            self.assertEqual(ready(server), {"baseline"})
            self.assertIn("unloaded to free memory when", profiles(server)["amp"]["reason"])
            self.assertIn("FAILED_PRECONDITION", server.client("load", "integrated").stderr)

            wait_until(lambda: press(0.7) or says("large calls and new streams are refused"))
            press(0.7)
            self.assertEqual(server.client("classify", "good").returncode, 0)
            refused = server.client("classify", "--file", "-", "--json", stdin=LARGE)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("memory is short", refused.stdout + refused.stderr)

            group.limit_memory(1024 * MIB)
            wait_until(lambda: says("all calls are admitted again"))
            self.assertEqual(server.client("classify", "--file", "-", "--json", stdin=LARGE).returncode, 0)
            self.assertEqual(server.client("load", "integrated").returncode, 0)
            with urllib.request.urlopen(f"http://127.0.0.1:{server.metrics_port}/metrics") as page:
                metrics = dict(re.findall(r"^(roberta_memory_\w+) (\S+)$", page.read().decode(), re.M))
            self.assertEqual(float(metrics["roberta_memory_unloads_total"]), 4)
            self.assertEqual(float(metrics["roberta_memory_limit_bytes"]), 1024 * MIB)
            self.assertGreater(float(metrics["roberta_memory_unreclaimable_bytes"]), 40 * MIB)
            self.assertEqual(group.memory_kills(), 0)


if __name__ == "__main__":
    unittest.main()
