"""What README.md and CONTRIBUTING.md tell a reader to type works as it stands there."""

import json
import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import unittest

from binaries import BUILD, SOURCE, Server

BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
START_SERVER = "build/release/bin/roberta-server --model models/demo-sst2"
# Run in a bare machine by tests/fresh_machine/run, and one of them runs this test; here it is enough that they are there.
WHOLE_MACHINE = {"deploy/quickstart", "tests/run"}


def blocks(document, language):
    return [text for kind, text in BLOCK.findall((SOURCE / document).read_text()) if kind == language]


def commands(document):
    for block in blocks(document, "sh"):
        yield from block.replace("\\\n", " ").strip().splitlines()


class Documentation(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(profiles=None)
        cls.directory = tempfile.TemporaryDirectory()

    @classmethod
    def tearDownClass(cls):
        cls.directory.cleanup()
        cls.server.__exit__(None, None, None)

    def here(self, text):
        """The reader's paths and address as they are in this test."""
        scratch = pathlib.Path(self.directory.name)
        for written, real in (("build/release", BUILD), ("build/install", scratch / "install"), ("build/python", scratch / "python"),
                              ("build/my-model", scratch / "my-model"), ("127.0.0.1:8001", self.server.address)):
            text = text.replace(written, str(real))
        return text

    def run_here(self, command):
        environment = {**os.environ, "ROBERTA_ADDRESS": self.server.address, "PATH": "/usr/bin:" + os.environ["PATH"]}
        return subprocess.run(["bash", "-c", self.here(command)], cwd=SOURCE, env=environment, capture_output=True, text=True,
                              timeout=600, check=False)

    def test_every_command_of_the_readme_succeeds(self):
        count = 0
        for command in commands("README.md"):
            if command in WHOLE_MACHINE or command == START_SERVER:
                continue
            if command.startswith("protoc"):
                continue  # test_the_python_example runs it
            with self.subTest(command=command):
                result = self.run_here(command)
                self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
            count += 1
        self.assertGreater(count, 8)

    def test_the_commands_for_a_whole_machine_explain_themselves(self):
        self.assertLessEqual(WHOLE_MACHINE, set(commands("README.md")))
        for command in WHOLE_MACHINE:
            result = self.run_here(command + " --help")
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertIn("Usage: " + command, result.stdout)

    def test_the_python_example(self):
        if subprocess.run(["/usr/bin/python3", "-c", "import google.protobuf, grpc"], capture_output=True, check=False).returncode != 0:
            self.skipTest("not run: /usr/bin/python3 has no grpcio and protobuf")
        (generate,) = [command for command in commands("README.md") if command.startswith("protoc")]
        os.makedirs(pathlib.Path(self.directory.name, "python"), exist_ok=True)
        result = self.run_here(generate)
        self.assertEqual(result.returncode, 0, result.stderr)
        (example,) = blocks("README.md", "python")
        result = subprocess.run(["/usr/bin/python3", "-c", self.here(example)], cwd=SOURCE, capture_output=True, text=True,
                                timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"^positive 0\.9\d\d\n$")

    def test_the_cpp_example(self):
        if "san" in BUILD.name:
            self.skipTest("not run: the example is built without the sanitizers that the library needs here")
        scratch = pathlib.Path(self.directory.name, "cpp")
        scratch.mkdir()
        (example,) = blocks("README.md", "cpp")
        (scratch / "example.cc").write_text(self.here(example))
        (scratch / "CMakeLists.txt").write_text(
            "cmake_minimum_required(VERSION 3.25)\nproject(example LANGUAGES C CXX)\nset(CMAKE_CXX_STANDARD 20)\n"
            "find_package(roberta-serve REQUIRED)\nadd_executable(example example.cc)\n"
            "target_link_libraries(example PRIVATE roberta-serve::client)\n")
        prefix = scratch / "install"
        for command in (["cmake", "--install", BUILD, "--prefix", prefix],
                        ["cmake", "-G", "Ninja", "-S", scratch, "-B", scratch / "build", f"-DCMAKE_PREFIX_PATH={prefix}"],
                        ["cmake", "--build", scratch / "build"]):
            result = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=600, check=False)
            self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        result = subprocess.run([str(scratch / "build/example")], capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertRegex(result.stdout, r"^positive 0\.9")

    def test_the_config_examples(self):
        expected = [{"baseline": "READY", "quantized": "READY", "pruned-80": "READY", "reference": "UNLOADED"},
                    {"baseline": "READY", "baseline-bucketed": "READY"}]
        examples = [text for text in blocks("README.md", "textproto") if "model {" in text]
        self.assertEqual(len(examples), len(expected))
        for example, states in zip(examples, expected):
            path = pathlib.Path(self.directory.name, "server.textproto")
            path.write_text(example.replace("models/demo-sst2", str(SOURCE / "models/demo-sst2")))
            with Server("--config", path, model=None, profiles=None) as server:
                result = server.client("profiles", "--json")
            profiles = json.loads(result.stdout)["profiles"]
            self.assertEqual({profile["name"]: profile["state"] for profile in profiles}, states)

    def test_entries_for_the_config(self):
        entries = [text for text in blocks("README.md", "textproto") if "model {" not in text]
        self.assertTrue(entries)
        for entry in entries:
            path = pathlib.Path(self.directory.name, "entry.textproto")
            path.write_text(entry)
            result = self.run_here(f"build/release/bin/roberta-server --model models/demo-sst2 --config {path} --check-config")
            self.assertEqual(result.returncode, 0, result.stderr)

    def test_grpcurl_example(self):
        grpcurl = shutil.which("grpcurl")
        if grpcurl is None:
            self.skipTest("not run: there is no grpcurl here; reflection, which it uses, is tested with the server")
        (example,) = [text for text in blocks("README.md", "text") if text.startswith("grpcurl")]
        result = self.run_here(example)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertIn('"positive"', result.stdout)

    def test_presets_of_contributing_exist(self):
        listed = subprocess.run(["cmake", "--list-presets=all"], cwd=SOURCE, capture_output=True, text=True, check=True).stdout
        named = re.findall(r"--preset (\S+)", "\n".join(commands("CONTRIBUTING.md")))
        named += re.findall(r"^\| `([\w-]+)` \|", (SOURCE / "CONTRIBUTING.md").read_text(), re.MULTILINE)
        self.assertGreater(len(named), 8)
        for preset in named:
            self.assertIn(f'"{preset}"', listed)

    def test_paths_that_are_named_exist(self):
        for document in ("README.md", "CONTRIBUTING.md", "models/demo-sst2/README.md"):
            for path in re.findall(r"`((?:client|cmake|deploy|models|profiles|proto|server|tests)/[\w./-]*)`", (SOURCE / document).read_text()):
                self.assertTrue((SOURCE / path).exists(), f"{document}: {path}")


if __name__ == "__main__":
    unittest.main()
