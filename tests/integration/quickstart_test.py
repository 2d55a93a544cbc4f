"""deploy/quickstart from the first line to the last, on what is built already."""

import os
import re
import signal
import socket
import subprocess
import unittest

from binaries import BUILD, SOURCE


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


if __name__ == "__main__":
    unittest.main()
