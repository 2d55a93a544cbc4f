"""What needs LibTorch is in a module: the programs run without it, and say what is missing when it is asked for."""

import json
import pathlib
import re
import tempfile
import unittest

from binaries import DEMO_MODEL, QUICK_DEMO_MODEL, LIBTORCH_MODULE, Server, run

MODULE = LIBTORCH_MODULE.name
PACKED = ("baseline", "quantized", "pruned", "amp", "integrated")


def mapped_libraries(pid):
    """Names of the files that a process has mapped."""
    return {pathlib.Path(line.split()[-1]).name for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines()}


class WithoutTheModule(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.module = pathlib.Path(directory.name, MODULE)
        self.environment = {"ROBERTA_MODULES": directory.name}

    def profiles_of(self, server):
        listed = json.loads(server.client("profiles", "--json").stdout)["profiles"]
        return {profile["name"]: profile for profile in listed}

    def test_the_server_serves_all_packed_profiles_and_refuses_reference_with_the_reason(self):
        with Server(profiles=None, environment=self.environment) as server:
            before = self.profiles_of(server)
            self.assertEqual({name for name, profile in before.items() if profile["state"] == "READY"}, set(PACKED))
            self.assertIn(f"{self.module}: there is no such file", before["reference"]["reason"])
            refused = server.client("load", "reference")
            self.assertEqual(refused.returncode, 1, refused.stdout)
            for text in ("FAILED_PRECONDITION", f"{self.module}: there is no such file", "libtorch-dev"):
                self.assertIn(text, refused.stderr)
            reference = self.profiles_of(server)["reference"]
            self.assertEqual(reference["state"], "UNLOADED")
            self.assertIn(str(self.module), reference["reason"])
            for name in PACKED:
                answer = server.client("classify", "--profile", name, "a warm, funny film")
                self.assertEqual(answer.returncode, 0, answer.stderr)
                self.assertIn("positive", answer.stdout)

    def test_a_damaged_module_is_refused_with_the_reason(self):
        self.module.write_bytes(b"\x7fELF and then nothing of use")
        with Server(environment=self.environment) as server:
            refused = server.client("load", "reference")
            self.assertEqual(refused.returncode, 1, refused.stdout)
            self.assertIn(str(self.module), refused.stderr)
            self.assertEqual(server.client("classify", "fine").returncode, 0)

    def test_reference_as_the_default_stops_the_start_with_the_reason(self):
        result = run("roberta-server", "--port", "0", "--metrics-port", "0", "--model", QUICK_DEMO_MODEL, "--profiles", "reference",
                     environment=self.environment)
        self.assertEqual(result.returncode, 1)
        self.assertIn(str(self.module), result.stderr)

    def test_the_tool_works_on_all_other_profiles_and_says_what_it_leaves_out(self):
        for command in (["evaluate"], ["measure", "--rounds", "1"]):
            result = run("roberta-model", *command, "--json", "--model", QUICK_DEMO_MODEL, "--data", QUICK_DEMO_MODEL / "sample.tsv",
                         environment=self.environment)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual({profile["name"] for profile in json.loads(result.stdout)["profiles"]}, set(PACKED))
            self.assertEqual(result.stderr.count(f"note: reference is left out: {self.module}: there is no such file"), 1)

    def test_a_profile_that_is_named_is_not_left_out_in_silence(self):
        result = run("roberta-model", "evaluate", "--json", "--profiles", "reference", "--model", QUICK_DEMO_MODEL, "--data",
                     QUICK_DEMO_MODEL / "sample.tsv", environment=self.environment)
        self.assertEqual(result.returncode, 1)
        self.assertIn(str(self.module), json.loads(result.stdout)["profiles"][0]["reason"])

    def test_prune_fails_before_it_starts_to_work(self):
        with tempfile.TemporaryDirectory() as directory:
            out = pathlib.Path(directory, "pruned")
            result = run("roberta-model", "prune", "--keep-macs", "0.9", "--model", DEMO_MODEL, "--data",
                         DEMO_MODEL / "sample.tsv", "--out", out, environment=self.environment)
            self.assertEqual(result.returncode, 1)
            self.assertEqual(len(result.stderr.splitlines()), 1, result.stderr)
            self.assertIn(f"error: {self.module}: there is no such file", result.stderr)
            self.assertFalse(out.exists())


@unittest.skipUnless(LIBTORCH_MODULE.exists(), "not measured: built without LibTorch")
class WithTheModule(unittest.TestCase):
    def test_the_server_maps_libtorch_only_once_reference_is_loaded(self):
        with Server() as server:
            is_libtorch = re.compile(r"lib(torch|c10)|roberta-libtorch").match
            self.assertFalse(list(filter(is_libtorch, mapped_libraries(server.pid))))
            loaded = server.client("load", "reference")
            self.assertEqual(loaded.returncode, 0, loaded.stderr)
            self.assertIn("load module", loaded.stdout)
            self.assertIn(MODULE, mapped_libraries(server.pid))
            answer = server.client("classify", "--profile", "reference", "a warm, funny film")
            self.assertIn("positive", answer.stdout, answer.stderr)


if __name__ == "__main__":
    unittest.main()
