"""The service of systemd: what systemd-analyze says of the unit, and what the server tells a service manager."""

import pathlib
import re
import shutil
import socket
import subprocess
import tempfile
import time
import unittest

from binaries import BIN, SOURCE, Server, run

UNITS = SOURCE / "deploy/systemd"
HIGHEST_EXPOSURE = 20  # tenths, of a scale to 100


@unittest.skipIf(shutil.which("systemd-analyze") is None, "not run: there is no systemd-analyze here (package systemd)")
class Unit(unittest.TestCase):
    def analyze(self, *arguments):
        with tempfile.TemporaryDirectory() as directory:
            unit = pathlib.Path(directory, "roberta-server.service")
            unit.write_text((UNITS / unit.name).read_text().replace("ExecStart=/usr/bin/", f"ExecStart={BIN}/"))
            return subprocess.run(["systemd-analyze", *arguments, str(unit)], capture_output=True, text=True, check=False)

    def test_it_is_valid(self):
        result = self.analyze("verify", "--man=no")
        # It also looks at what this machine has of its own.
        self.assertEqual([line for line in result.stderr.splitlines() if "roberta" in line], [])
        self.assertEqual(result.returncode, 0, result.stderr)

    def test_it_gives_the_server_little_to_do_harm_with(self):
        result = self.analyze("security", "--offline=true", f"--threshold={HIGHEST_EXPOSURE}", "--no-pager")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)
        exposure = float(re.search(r"Overall exposure level for \S+: ([\d.]+)", result.stdout)[1])
        self.assertLess(exposure, HIGHEST_EXPOSURE / 10)

    def test_its_configuration_is_valid(self):
        config = (UNITS / "server.textproto").read_text().replace("/usr/share/roberta-serve/models", str(SOURCE / "models"))
        with tempfile.NamedTemporaryFile("w", suffix=".textproto") as file:
            file.write(config)
            file.flush()
            result = run("roberta-server", "--config", file.name, "--check-config")
        self.assertEqual(result.returncode, 0, result.stderr)
        # What is commented out is valid, too, but for the files that it names.
        examples = re.sub(r"(?m)^# (?=listen|tls|access)", "", config)
        self.assertEqual(examples.count("\nlisten {") + examples.count("\ntls {") + examples.count("\naccess {"), 3)
        with tempfile.NamedTemporaryFile("w", suffix=".textproto") as file:
            file.write(examples)
            file.flush()
            result = run("roberta-server", "--config", file.name, "--print-config")
        self.assertEqual(result.returncode, 0, result.stderr)


class Notifications(unittest.TestCase):
    """A socket as systemd has it, with a real server that is told of it."""

    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.addCleanup(self.socket.close)
        self.path = self.directory.name + "/notify"
        self.socket.bind(self.path)
        self.socket.settimeout(120)

    def receive(self):
        """The next notification, as variables."""
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().splitlines())

    def received(self):
        """All that have come and were not taken yet."""
        self.socket.setblocking(False)
        notifications = []
        try:
            while True:
                notifications.append(self.receive())
        except BlockingIOError:
            self.socket.settimeout(120)
            return notifications

    def test_the_service_manager_hears_of_loading_serving_working_and_stopping(self):
        with tempfile.NamedTemporaryFile("w", suffix=".textproto") as config:
            config.write("shutdown { drain_delay_ms: 0 drain_timeout_ms: 20000 }")
            config.flush()
            environment = {"NOTIFY_SOCKET": self.path, "WATCHDOG_USEC": "1000000"}
            with Server("--config", config.name, environment=environment) as server:
                self.assertEqual(self.receive(), {"STATUS": "loading profile baseline"})
                ready = self.receive()
                self.assertEqual(server.client("health").returncode, 0)
                self.assertEqual(ready.pop("READY"), "1")
                self.assertIn(f"serving gRPC on {server.address}", ready["STATUS"])
                times = []
                for _ in range(3):  # with nothing to do
                    self.assertEqual(self.receive(), {"WATCHDOG": "1"})
                    times.append(time.monotonic())
                self.assertGreater(times[-1] - times[0], 0.5)  # not more often than it is asked for
                self.received()
                self.assertEqual(server.client("classify", "good", "bad").returncode, 0)
                self.assertEqual(self.receive(), {"WATCHDOG": "1"})  # and with work that ends
        after = [notification for notification in self.received() if notification != {"WATCHDOG": "1"}]
        # Calls may take longer to end than the unit has for it.
        (stopping,) = after
        self.assertEqual(stopping["STOPPING"], "1")
        self.assertGreaterEqual(int(stopping["EXTEND_TIMEOUT_USEC"]), 20000000)

    def test_a_server_that_cannot_start_is_never_ready(self):
        result = run("roberta-server", "--model", self.directory.name, "--port", 0, "--metrics-port", 0,
                     environment={"NOTIFY_SOCKET": self.path})
        self.assertEqual(result.returncode, 1, result.stderr)
        self.assertFalse([notification for notification in self.received() if "READY" in notification])


if __name__ == "__main__":
    unittest.main()
