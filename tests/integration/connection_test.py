"""What a connection to roberta-server may do: its metadata, its pings, and the addresses that it may go to."""

import contextlib
import os
import queue
import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from binaries import BIN, Server, run
from closed_loop import REQUEST, grpc

PING, GOAWAY = 6, 7  # types of HTTP/2 frames
ENHANCE_YOUR_CALM = 11
ITEM = b"\x12" + REQUEST[1:]  # as a message of a ClassifyStream
# Gives the command that follows a hosts file of its own.
WITH_HOSTS = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c", 'mount --bind "$0" /etc/hosts && exec "$@"')


def config_file(text):
    file = tempfile.NamedTemporaryFile("w", suffix=".textproto")
    file.write(text)
    file.flush()
    return file


class Http2Connection:
    """A client that only pings."""

    def __init__(self, address):
        host, port = address.rsplit(":", 1)
        self._socket = socket.create_connection((host, int(port)), timeout=60)
        self._socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04" + bytes(5))  # no settings

    def _read(self, size):
        data = b""
        while len(data) < size:
            data += (more := self._socket.recv(size - len(data)))
            if not more:
                raise AssertionError("the server closed the connection without a reason")
        return data

    def ping(self):
        """Sends a ping and waits for its answer; returns the code of the GOAWAY that comes instead, or None."""
        self._socket.sendall(b"\0\0\x08" + bytes([PING, 0]) + bytes(4) + b"roberta!")
        while True:
            header = self._read(9)
            payload = self._read(int.from_bytes(header[:3], "big"))
            if header[3] == GOAWAY:
                return int.from_bytes(payload[4:8], "big")
            if header[3] == PING and header[4] == 1:
                return None

    def wait_for_goaway(self):
        """Waits for a GOAWAY of any code: that of an idle connection is gRPC's own matter."""
        while True:
            header = self._read(9)
            self._read(int.from_bytes(header[:3], "big"))
            if header[3] == GOAWAY:
                return

    def close(self):
        self._socket.close()


class Pings(unittest.TestCase):
    def pings(self, config, pause):
        """The answers to ten pings without calls, up to the first that is not an answer."""
        answers = []
        with config_file(config) as config, Server("--config", config.name) as server:
            connection = Http2Connection(server.address)
            while len(answers) < 10 and not any(answers):
                answers.append(connection.ping())
                time.sleep(pause)
            connection.close()
        return answers

    def test_a_client_may_ping_at_the_interval_without_calls(self):
        self.assertEqual(self.pings("limits { min_ping_interval_ms: 50 }", 0.15), [None] * 10)

    def test_one_that_pings_more_often_is_turned_away(self):
        self.assertEqual(self.pings("limits { min_ping_interval_ms: 60000 }", 0)[-1], ENHANCE_YOUR_CALM)


class Ages(unittest.TestCase):
    """A server on which connections grow old within a second, or are idle for too long within half of one."""

    def test_an_idle_connection_is_told_to_go(self):
        with config_file("limits { max_connection_idle_ms: 500 }") as config, Server("--config", config.name) as server:
            connection = Http2Connection(server.address)
            start = time.monotonic()
            connection.wait_for_goaway()
            self.assertGreaterEqual(time.monotonic() - start, 0.4)
            connection.close()
            self.assertEqual(server.client("health").stdout, "SERVING\n")

    @unittest.skipIf(grpc is None, "not run: /usr/bin/python3 has no grpcio")
    def test_an_old_connection_takes_no_new_calls_and_ends_its_own_after_the_grace(self):
        limits = "limits { max_connection_age_ms: 500 max_connection_age_grace_ms: 1000 }"
        with config_file(limits) as config, Server("--config", config.name) as server, grpc.insecure_channel(server.address) as channel:
            sent = queue.Queue()
            start = time.monotonic()
            stream = channel.stream_stream("/roberta.v1.Classifier/ClassifyStream")(iter(sent.get, None), timeout=60)
            sent.put(ITEM)
            self.assertTrue(next(stream))
            with self.assertRaises(grpc.RpcError) as ended:  # nothing more is sent, and nothing ends the stream but its age
                for _ in stream:
                    pass
            self.assertGreaterEqual(time.monotonic() - start, 1)
            self.assertEqual(ended.exception.code(), grpc.StatusCode.UNAVAILABLE)
            sent.put(None)
            channel.unary_unary("/roberta.v1.Classifier/Classify")(REQUEST, wait_for_ready=True, timeout=60)  # by a new connection


@unittest.skipIf(grpc is None, "not run: /usr/bin/python3 has no grpcio")
class Metadata(unittest.TestCase):
    def call(self, address, size):
        """The code of a call with so much metadata, on a connection of its own."""
        with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
            try:
                channel.unary_unary("/roberta.v1.Classifier/Classify")(REQUEST, metadata=[("x-large", "a" * size)], timeout=60)
            except grpc.RpcError as error:
                return error.code().name
        return "OK"

    def test_a_call_may_have_30_kb(self):
        with Server() as server:
            self.assertEqual(self.call(server.address, 30000), "OK")
            self.assertNotEqual(self.call(server.address, 60000), "OK")
            self.assertEqual(self.call(server.address, 0), "OK")

    def test_the_limit_is_the_configured_one(self):
        with config_file("limits { max_metadata_bytes: 100000 }") as config, Server("--config", config.name) as server:
            self.assertEqual(self.call(server.address, 60000), "OK")


def addresses_of_loopback():
    found = []
    for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
        with contextlib.suppress(OSError), socket.socket(family) as probe:
            probe.bind((address, 0))
            found.append(address)
    return found


class Addresses(unittest.TestCase):
    def hosts(self, text):
        """A command that becomes the one after it, with that hosts file."""
        hosts = tempfile.NamedTemporaryFile("w")
        self.addCleanup(hosts.close)
        hosts.write(text)
        hosts.flush()
        through = (*WITH_HOSTS, hosts.name)
        if subprocess.run([*through, "true"], capture_output=True, check=False).returncode != 0:
            self.skipTest("not run: no hosts file of its own can be given to a program")
        return through

    def health(self, address, through=(), **environment):
        return subprocess.run([*through, str(BIN / "roberta-client"), "--address", address, "--deadline", "60", "health"],
                              capture_output=True, text=True, timeout=120, check=False,
                              env={**os.environ, "no_proxy": "", **environment})

    def test_all_of_a_name_are_listened_at(self):
        through = self.hosts("127.0.0.1 both\n127.0.0.1 both\n::1 both\n")
        with Server("--host", "both", "--allow-insecure", through=through) as server:
            grpc_port = int(server.address.rsplit(":", 1)[1])
            for address in addresses_of_loopback():
                socket.create_connection((address, grpc_port), timeout=60).close()
                host = f"[{address}]" if ":" in address else address
                with urllib.request.urlopen(f"http://{host}:{server.metrics_port}/readyz", timeout=60) as page:
                    self.assertEqual(page.read(), b"ready\n")

    def test_localhost_a_unix_socket_and_clients_without_their_proxy(self):
        with tempfile.TemporaryDirectory() as folder, Server("--host", "localhost", "--unix-socket", f"{folder}/s") as server:
            port = server.address.rsplit(":", 1)[1]
            ipv6 = [f"[::1]:{port}"] if "::1" in addresses_of_loopback() else []
            for address in (f"127.0.0.1:{port}", *ipv6, f"localhost:{port}", f"unix:{folder}/s"):
                with self.subTest(address):  # nobody listens where the proxy is said to be
                    answer = self.health(address, http_proxy="http://127.0.0.1:1")
                    self.assertEqual((answer.returncode, answer.stdout), (0, "SERVING\n"), answer.stderr)
            if (BIN / "roberta-loadtest").exists():  # sanitizers do without it
                load = run("roberta-loadtest", "run", "--target", f"unix:{folder}/s", "--metrics", "none", "--duration", "0.2",
                           "--warm-up", "0", "--quiet", "--no-quality")
                self.assertEqual(load.returncode, 0, load.stderr)

    def test_an_error_names_the_proxy(self):
        answer = self.health("server.example:8001", http_proxy="http://me:secret@127.0.0.1:1")
        self.assertEqual(answer.returncode, 1)
        self.assertIn("proxy 127.0.0.1:1", answer.stderr)
        self.assertNotIn("secret", answer.stderr)

    def test_a_client_goes_on_to_the_next_address_of_a_name(self):
        with Server() as server, socket.socket() as dead:
            port = int(server.address.rsplit(":", 1)[1])
            dead.bind(("127.0.0.2", port))
            for what in ("refuses", "is silent"):
                with self.subTest(what):
                    # The first connection fills the queue, and the system then answers no other.
                    answer = self.health(f"several:{port}", self.hosts("127.0.0.2 several\n127.0.0.1 several\n"))
                    self.assertEqual((answer.returncode, answer.stdout), (0, "SERVING\n"), answer.stderr)
                if what == "refuses":
                    dead.listen(0)
                    waiting = socket.create_connection(("127.0.0.2", port), timeout=60)
                    self.addCleanup(waiting.close)


if __name__ == "__main__":
    unittest.main()
