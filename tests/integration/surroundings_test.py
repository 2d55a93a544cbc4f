"""The programs where what surrounds them is missing, full, closed or gone: an exit code and one line, never a signal or a loss."""

import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import unittest

from binaries import BIN, QUICK_DEMO_MODEL, SOURCE, Server, run, wait_until

TEXT = "a warm, funny film"


def start(*command, closed=(), environment=None, **options):
    """Starts a program without the descriptors in `closed`."""
    def close():
        for descriptor in closed:
            with contextlib.suppress(OSError):
                os.close(descriptor)
    command = [str(BIN / command[0]), *map(str, command[1:])]
    return subprocess.Popen(command, preexec_fn=close, env=environment, text=True, **options)


def succeeded(command):
    """The exit codes of a command that did what it was told; of a load test also that the machine was too busy for it, which it says."""
    return (0, 4) if command[:2] == ("roberta-loadtest", "run") else (0,)


class Surroundings(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server()
        cls.addClassCleanup(lambda: cls.server.__exit__(None, None, None))
        client = ("roberta-client", "--address", cls.server.address)
        cls.commands = (
            ("roberta-server", "--version"),
            ("roberta-server", "--help"),
            ("roberta-server", "--model", QUICK_DEMO_MODEL, "--print-config"),
            ("roberta-server", "--model", QUICK_DEMO_MODEL, "--check-config"),
            ("roberta-client", "--help"),
            (*client, "profiles"),
            (*client, "profiles", "--json"),
            (*client, "compare", TEXT),
            (*client, "classify", "--json", TEXT),
            (*client, "health"),
            ("roberta-loadtest", "run", "--help"),
            ("roberta-loadtest", "run", "--target", cls.server.address, "--metrics", f"127.0.0.1:{cls.server.metrics_port}", "--duration",
             "0.2", "--warm-up", "0", "--no-quality", "--quiet", "--json", "-"),
            ("roberta-model", "--version"),
            ("roberta-model", "inspect", QUICK_DEMO_MODEL),
            ("roberta-model", "init", "--help"),
        )

    def test_output_that_cannot_be_written_is_reported(self):
        for command in self.commands:
            with self.subTest(command=command), open("/dev/full", "w", encoding="utf-8") as full:
                process = start(*command, stdout=full, stderr=subprocess.PIPE)
                errors = process.communicate(timeout=60)[1]
                self.assertEqual(process.returncode, 1, errors)
                self.assertIn("cannot write", errors)
                self.assertEqual(errors.count("\n"), 1, errors)

    def test_a_reader_that_is_gone_is_no_signal(self):
        for command in self.commands:
            with self.subTest(command=command):
                reader, writer = os.pipe()
                os.close(reader)
                process = start(*command, stdout=writer, stderr=subprocess.PIPE)
                os.close(writer)
                errors = process.communicate(timeout=60)[1]
                self.assertEqual(process.returncode, 1, errors)

    def test_closed_descriptors_are_not_taken_by_other_files(self):
        for command in self.commands:
            with self.subTest(command=command):
                process = start(*command, closed=(0, 1), stderr=subprocess.PIPE)
                errors = process.communicate(timeout=60)[1]
                self.assertEqual(process.returncode, 1, errors)
                self.assertIn("cannot write", errors)
                process = start(*command, closed=(0, 2), stdout=subprocess.PIPE)
                self.assertNotEqual(process.communicate(timeout=60)[0], "")
                self.assertIn(process.returncode, succeeded(command))
                process = start(*command, closed=(0, 1, 2))
                self.assertEqual(process.wait(60), 1)

    def test_neither_home_nor_directories_nor_a_locale_are_needed(self):
        environment = {"TMPDIR": "/nonexistent", "LANG": "C", "PATH": os.environ["PATH"]}
        gone = tempfile.mkdtemp()
        record = SOURCE / "tests/golden/loadtest/run_0.1.0.json"
        with tempfile.TemporaryDirectory() as directory:
            report = pathlib.Path(directory) / "report.pdf"
            commands = [*self.commands]
            if shutil.which("gnuplot"):
                commands.append(("roberta-loadtest", "report", record, "--out", report))
            for command in commands:
                with self.subTest(command=command):
                    os.makedirs(gone, exist_ok=True)
                    process = start(*command, environment=environment, cwd=gone, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
                    os.rmdir(gone)
                    errors = process.communicate(timeout=120)[1]
                    self.assertIn(process.returncode, succeeded(command), errors)
            self.assertTrue(report.is_file() or not shutil.which("gnuplot"))

    def test_a_server_without_a_reader_of_its_log_serves_on(self):
        reader, writer = os.pipe()
        port, metrics_port = free_ports()
        process = start("roberta-server", "--model", QUICK_DEMO_MODEL, "--profiles", "baseline", "--log-requests", "--port", port,
                        "--metrics-port", metrics_port, stdout=writer, stderr=writer)
        os.close(writer)
        os.close(reader)
        self.serves_and_stops(process, port)

    def test_a_server_with_closed_outputs_serves_on(self):
        port, metrics_port = free_ports()
        self.serves_and_stops(start("roberta-server", "--model", QUICK_DEMO_MODEL, "--profiles", "baseline", "--log-requests", "--port",
                                    port, "--metrics-port", metrics_port, closed=(0, 1, 2)), port)

    def serves_and_stops(self, process, port):
        try:
            wait_until(lambda: process.poll() is not None
                       or run("roberta-client", "--address", f"127.0.0.1:{port}", "health").returncode == 0)
            self.assertIsNone(process.poll(), "it ended")
            for _ in range(3):
                answer = run("roberta-client", "--address", f"127.0.0.1:{port}", "classify", TEXT)
                self.assertEqual(answer.returncode, 0, answer.stderr)
            process.send_signal(signal.SIGTERM)
            self.assertEqual(process.wait(60), 0)
        finally:
            process.kill()

    def test_links_that_lead_nowhere_are_named(self):
        with tempfile.TemporaryDirectory() as directory:
            for file in ("config.json", "model.safetensors", "vocab.json", "merges.txt"):
                os.symlink(QUICK_DEMO_MODEL / file, pathlib.Path(directory) / file)
            os.symlink("added_tokens.json", pathlib.Path(directory) / "added_tokens.json")
            result = run("roberta-model", "inspect", directory)
            self.assertEqual(result.returncode, 1)
            self.assertIn("added_tokens.json", result.stdout + result.stderr)


def free_ports():
    """Two ports that were free a moment ago."""
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        return one.getsockname()[1], other.getsockname()[1]


if __name__ == "__main__":
    unittest.main()
