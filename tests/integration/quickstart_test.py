"""deploy/quickstart: the whole of it on what is built already, and its stages, with stand-ins for what it runs."""

import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from binaries import BUILD, SOURCE, wait_until


def two_free_ports():
    with socket.socket() as first, socket.socket() as second:
        first.bind(("127.0.0.1", 0))
        second.bind(("127.0.0.1", 0))
        return first.getsockname()[1], second.getsockname()[1]


@unittest.skipUnless(BUILD == SOURCE / "build/release", f"not run: quickstart works on build/release, these tests on {BUILD}")
class Quickstart(unittest.TestCase):
    def arguments(self):
        port, metrics_port = two_free_ports()
        return [str(SOURCE / "deploy/quickstart"), "--port", str(port), "--metrics-port", str(metrics_port)]

    def test_once_shows_the_table_and_ends(self):
        result = subprocess.run([*self.arguments(), "--once"], capture_output=True, text=True, timeout=600, check=False)
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        for text in ("a warm, funny and deeply moving film", "positive", "negative", "baseline", "time per phase", "infer"):
            self.assertIn(text, result.stdout)

    def test_it_serves_until_ctrl_c(self):
        process = subprocess.Popen(self.arguments(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        said = ""
        for line in process.stdout:
            said += line
            if "Stop it with Ctrl-C" in line:
                break
        address = re.search(r"Serving gRPC on (\S+),", said)
        self.assertTrue(address, said)
        asked = subprocess.run([str(BUILD / "bin/roberta-client"), "--address", address[1], "health"], capture_output=True, text=True,
                               timeout=60, check=False)
        self.assertEqual(asked.stdout, "SERVING\n")
        process.send_signal(signal.SIGINT)
        rest = process.communicate(timeout=120)[0]
        self.assertEqual(process.returncode, 0, said + rest)

    def test_every_program_of_the_documents_is_built(self):
        self.assertIn("--target programs", (SOURCE / "deploy/quickstart").read_text())
        query = subprocess.run(["ninja", "-C", str(BUILD), "-t", "query", "programs"], capture_output=True, text=True, check=True)
        built = set(re.findall(r"^    bin/(\S+)$", query.stdout, re.MULTILINE))
        self.assertLessEqual({"roberta-server", "roberta-client"}, built)
        documents = {path for path in SOURCE.glob("**/README.md") if "build" not in path.relative_to(SOURCE).parts}
        self.assertIn(SOURCE / "README.md", documents)
        for document in documents:
            text = document.read_text()
            # A document may tell its reader to build a program first.
            targets = {target for line in re.findall(r"--target ([^\n`]+)", text) for target in line.split()}
            commands = "".join(re.findall(r"^```sh\n(.*?)^```$", text, re.MULTILINE | re.DOTALL))
            programs = {*re.findall(r"build/release/bin/([\w-]+)", text), *re.findall(r"^(roberta-[a-z]+)", commands, re.MULTILINE)}
            for program in programs - targets:
                with self.subTest(document=str(document.relative_to(SOURCE)), program=program):
                    self.assertIn(program, built)

    def test_a_port_in_use_is_one_line(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            result = subprocess.run([str(SOURCE / "deploy/quickstart"), "--port", str(taken.getsockname()[1])], capture_output=True,
                                    text=True, timeout=60, check=False, env={**os.environ})
        self.assertEqual(result.returncode, 1)
        self.assertRegex(result.stderr, r"^quickstart: port \d+ is in use on 127\.0\.0\.1: choose another with --port\n$")

    def test_a_bad_port_is_one_line(self):
        result = subprocess.run([str(SOURCE / "deploy/quickstart"), "--port", "web"], capture_output=True, text=True, timeout=60,
                                check=False)
        self.assertEqual((result.returncode, result.stderr.count("\n")), (1, 1))
        self.assertIn("'web'", result.stderr)


FAKE_PACKAGES = """#!/bin/sh
echo "packages $*" >> "$STAGES/log"
case "$1" in
  --missing) cat "$STAGES/missing" ;;
  serve) ;;
  *) [ ! -s "$STAGES/missing" ] || sh -c "$INSTALL" && : > "$STAGES/missing" ;;
esac
"""

FAKE_CMAKE = """#!/bin/sh
echo "cmake $*" >> "$STAGES/log"
case "$*" in *"--target programs") echo $$ > "$STAGES/builder"; exec sh -c "$BUILD_PROGRAMS" ;; esac
"""


FAKE_SERVER = """#!/bin/sh
echo $$ > "$STAGES/server"
trap "exit 0" TERM
while :; do sleep 0.05; done
"""

FAKE_CLIENT = """#!/bin/sh
case "$*" in
  *" health") kill -0 "$(cat "$STAGES/server")" ;;
  *) echo "the label" ;;
esac
"""


class Stages(unittest.TestCase):
    """The real quickstart in a directory with an install_packages and a cmake that only note their arguments, and a server that does
    nothing."""

    def setUp(self):
        self.root = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        for folder in ("deploy", "tools", "build/release/bin"):
            (self.root / folder).mkdir(parents=True)
        shutil.copy(SOURCE / "deploy/quickstart", self.root / "deploy/quickstart")
        for path, text in (("deploy/install_packages", FAKE_PACKAGES), ("tools/cmake", FAKE_CMAKE),
                           ("build/release/bin/roberta-server", FAKE_SERVER), ("build/release/bin/roberta-client", FAKE_CLIENT)):
            (self.root / path).write_text(text)
            (self.root / path).chmod(0o755)
        self.missing()

    def missing(self, *packages):
        (self.root / "missing").write_text("\n".join(packages))

    def start(self, *options, install="true", build_programs="true"):
        port, metrics_port = two_free_ports()
        environment = {**os.environ, "STAGES": str(self.root), "INSTALL": install, "BUILD_PROGRAMS": build_programs,
                       "PATH": f"{self.root}/tools:{os.environ['PATH']}"}
        process = subprocess.Popen([self.root / "deploy/quickstart", "--port", str(port), "--metrics-port", str(metrics_port), *options],
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.wait)
        self.addCleanup(process.terminate)
        return process

    def run_to_end(self, *options, **commands):
        process = self.start(*options, **commands)
        return process.communicate(timeout=120)[0], process.returncode

    def log(self):
        return (self.root / "log").read_text().splitlines()

    def runs(self, name):
        return pathlib.Path("/proc", (self.root / name).read_text().strip()).exists()

    def read_until(self, process, text):
        said = ""
        for line in process.stdout:
            said += line
            if text in line:
                return said
        raise AssertionError(said)

    def test_the_label_comes_before_the_other_programs_are_installed_and_built(self):
        self.missing("libcairo2-dev")
        said, status = self.run_to_end("--once", "--all")
        self.assertEqual(status, 0, said)
        log = [line for line in self.log() if "--missing" not in line]
        self.assertEqual(log[:2], ["packages serve", "cmake --preset release -D ROBERTA_SERVE_ONLY=ON"])
        self.assertTrue(log[2].endswith("--target roberta-server roberta-client"), log)
        self.assertRegex(log[3], r"^packages build charts\b")
        self.assertEqual(log[4], "cmake --preset release")
        self.assertTrue(log[5].endswith("--target programs"), log)
        self.assertLess(said.index("the label"), said.index("Building the other programs"))

    def test_where_every_package_is_installed_everything_is_configured_at_once(self):
        said, status = self.run_to_end("--once", "--all")
        self.assertEqual(status, 0, said)
        self.assertEqual([line for line in self.log() if line.startswith("cmake --preset")], ["cmake --preset release"])

    def test_once_builds_no_other_programs_and_names_them(self):
        said, status = self.run_to_end("--once")
        self.assertEqual(status, 0, said)
        self.assertNotIn("programs", "".join(self.log()))
        self.assertIn("Not built: roberta-model roberta-loadtest.", said)

    def test_the_server_answers_while_the_other_programs_are_built(self):
        process = self.start(build_programs="sleep 600")
        self.read_until(process, "Building the other programs")
        self.assertTrue(self.runs("server"))

    def test_a_failed_build_is_reported_and_the_server_keeps_running(self):
        process = self.start(build_programs="echo the compiler failed; false")
        said = self.read_until(process, "Stop it with Ctrl-C")
        self.assertIn("the compiler failed", said)
        self.assertIn("quickstart: roberta-model and roberta-loadtest were not built: see above. The server keeps running.\n", said)
        self.assertTrue(self.runs("server"))
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(60), 0)

    def test_packages_that_cannot_be_installed_are_reported_and_the_server_keeps_running(self):
        self.missing("libcairo2-dev")
        process = self.start(install="echo no root; false")
        said = self.read_until(process, "Stop it with Ctrl-C")
        self.assertIn("no root", said)
        self.assertIn("were not built: see above", said)
        self.assertNotIn("programs", "".join(self.log()))
        self.assertTrue(self.runs("server"))

    def test_with_once_a_failed_build_is_a_failure(self):
        said, status = self.run_to_end("--once", "--all", build_programs="false")
        self.assertEqual(status, 1, said)
        self.assertIn("quickstart: the other programs were not built: see above\n", said)

    def test_an_interrupt_ends_the_build_and_the_server(self):
        for interrupt in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(interrupt=interrupt):
                process = self.start(build_programs="sleep 600")
                self.read_until(process, "Building the other programs")
                wait_until((self.root / "builder").exists)
                process.send_signal(interrupt)
                self.assertEqual(process.wait(60), 0)
                self.assertFalse(self.runs("builder"))
                self.assertFalse(self.runs("server"))
                (self.root / "builder").unlink()

    def test_a_server_that_ends_during_the_build_ends_quickstart(self):
        process = self.start(build_programs="sleep 600")
        self.read_until(process, "Building the other programs")
        wait_until((self.root / "builder").exists)
        os.kill(int((self.root / "server").read_text()), signal.SIGKILL)
        said = process.communicate(timeout=60)[0]
        self.assertEqual(process.returncode, 1)
        self.assertIn("quickstart: the server exited by itself with status 137\n", said)
        self.assertFalse(self.runs("builder"))


if __name__ == "__main__":
    unittest.main()
