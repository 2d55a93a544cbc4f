"""What a connection to roberta-server may do: its metadata, its pings, and the addresses that it may go to."""

import socket
import subprocess
import tempfile
import time
import unittest
import urllib.request

from binaries import Server
from closed_loop import REQUEST, grpc

PING, GOAWAY = 6, 7  # types of HTTP/2 frames
ENHANCE_YOUR_CALM = 11
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


class Addresses(unittest.TestCase):
    def test_all_of_a_name_are_listened_at(self):
        with tempfile.NamedTemporaryFile("w") as hosts:
            hosts.write("127.0.0.1 localhost\n127.0.0.1 localhost\n::1 localhost\n")
            hosts.flush()
            through = (*WITH_HOSTS, hosts.name)
            if subprocess.run([*through, "true"], capture_output=True, check=False).returncode != 0:
                self.skipTest("not run: no hosts file of its own can be given to a program")
            with Server("--host", "localhost", through=through) as server:
                grpc_port = int(server.address.rsplit(":", 1)[1])
                for address in ("127.0.0.1", "::1"):
                    socket.create_connection((address, grpc_port), timeout=60).close()
                    host = f"[{address}]" if ":" in address else address
                    with urllib.request.urlopen(f"http://{host}:{server.metrics_port}/readyz", timeout=60) as page:
                        self.assertEqual(page.read(), b"ready\n")


if __name__ == "__main__":
    unittest.main()
