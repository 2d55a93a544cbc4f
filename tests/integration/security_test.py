#!/usr/bin/env python3
"""The real server with TLS, tokens and roles, and with files that are replaced while it is called."""

import contextlib
import http.client
import json
import os
import pathlib
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest
import urllib.request

from binaries import Server, run, wait_until

TEXT = "a warm, funny and deeply moving film"


def openssl(*arguments, stdin=None):
    return subprocess.run(["openssl", *map(str, arguments)], input=stdin, capture_output=True, check=True).stdout


class Security(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = tempfile.TemporaryDirectory()
        cls.addClassCleanup(directory.cleanup)
        cls.directory = pathlib.Path(directory.name)
        cls.callers = cls.directory / "callers"
        for name in ("ca", "next_ca"):
            openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    cls.directory / f"{name}.key", "-out", cls.directory / f"{name}.pem", "-subj", f"/CN={name}")
        (cls.directory / "both.pem").write_text((cls.directory / "ca.pem").read_text() +
                                                (cls.directory / "next_ca.pem").read_text())
        for name, ca in (("server", "ca"), ("next", "next_ca")):
            cls.make_certificate(name, ca)
        cls.make_token("app", "inference")
        cls.make_token("operator", "admin")
        (cls.directory / "nobody").write_text("rt_of_nobody\n")
        config = cls.directory / "server.textproto"
        config.write_text("tls { reload_interval_ms: 20 } access { failure_delay_ms: 10 }")
        cls.server = cls.enterClassContext(Server(
            "--config", config, "--tls-certificate", cls.directory / "server.pem", "--tls-key",
            cls.directory / "server.key", "--credentials-file", cls.callers, "--unix-socket", cls.directory / "socket"))

    @classmethod
    def enterClassContext(cls, context):  # Python 3.11 has it
        stack = contextlib.ExitStack()
        cls.addClassCleanup(stack.close)
        return stack.enter_context(context)

    @classmethod
    def make_certificate(cls, name, ca):
        extensions = cls.directory / "extensions"
        extensions.write_text("subjectAltName = IP:127.0.0.1, DNS:classify.example.com\n")
        request = openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                          cls.directory / f"{name}.key", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-CA", cls.directory / f"{ca}.pem", "-CAkey", cls.directory / f"{ca}.key", "-set_serial",
                "1", "-extfile", extensions, "-out", cls.directory / f"{name}.pem", stdin=request)

    @classmethod
    def make_token(cls, name, role):
        """Its token is in the file `name`."""
        made = run("roberta-server", "make-token", "--name", name, "--role", role, "--file", cls.callers)
        if made.returncode != 0 or made.stdout.strip() in cls.callers.read_text():
            raise AssertionError(made.stdout + made.stderr)
        (cls.directory / name).write_text(made.stdout)

    def call(self, caller, *arguments):
        token = ("--token-file", self.directory / caller) if caller else ()
        return run("roberta-client", "--address", self.server.address, "--tls", "--ca", self.directory / "both.pem", *token,
                   *arguments)

    def connect(self):
        context = ssl.create_default_context(cafile=str(self.directory / "both.pem"))
        return http.client.HTTPSConnection("127.0.0.1", self.server.http_port, context=context, timeout=60)

    def post(self, connection, token):
        """The status of a call over HTTP."""
        headers = {"Content-Type": "application/json"}
        if token:
            headers["Authorization"] = f"Bearer {token}"
        connection.request("POST", "/v1/classify", json.dumps({"items": [{"text": TEXT}]}), headers)
        response = connection.getresponse()
        response.read()
        return response.status

    def token(self, name):
        return (self.directory / name).read_text().strip()

    def replace(self, source, target):
        """As careful writers do: whole or not at all."""
        new = self.directory / "new"
        new.write_bytes(source.read_bytes() if isinstance(source, pathlib.Path) else source.encode())
        os.replace(new, target)

    def failures(self, reason):
        return self.metric(f'roberta_authentication_failures_total{{reason="{reason}"}}')

    def metric(self, series):
        page = urllib.request.urlopen(f"http://127.0.0.1:{self.server.metrics_port}/metrics", timeout=60).read().decode()
        return float(page.split(f"\n{series} ")[1].split("\n")[0])

    def test_roles(self):
        self.assertEqual(self.call("app", "classify", TEXT).returncode, 0)
        self.assertEqual(self.call("operator", "profiles").returncode, 0)
        self.assertEqual(self.call(None, "health").returncode, 0)
        for caller, arguments, words in (("app", ("load", "quantized"), "PERMISSION_DENIED: .* needs the role admin"),
                                         ("nobody", ("classify", TEXT), "UNAUTHENTICATED: the token .* is not known"),
                                         (None, ("profiles",), "UNAUTHENTICATED: no credentials came")):
            result = self.call(caller, *arguments)
            self.assertEqual(result.returncode, 1)
            self.assertRegex(result.stderr, words)
        with contextlib.closing(self.connect()) as connection:
            self.assertEqual([self.post(connection, token) for token in (self.token("app"), None, "rt_of_nobody")],
                             [200, 401, 401])
        for reason, least in (("not_permitted", 1), ("unknown_token", 2), ("missing", 2)):
            self.assertGreaterEqual(self.failures(reason), least, reason)

    def test_health_checks_get_0_or_1_by_every_way_in(self):
        ca = ("--tls", "--ca", self.directory / "both.pem")
        unix = f"unix:{self.directory / 'socket'}"
        for address, arguments, code in (
                (self.server.address, ca, 0), (self.server.address, (*ca, "--server-name", "classify.example.com"), 0),
                (self.server.address, (*ca, "--server-name", "other.example.com"), 1), (self.server.address, ("--tls",), 1),
                (self.server.address, (), 1), (self.server.address, (*ca, "--token-file", self.directory / "app"), 0),
                (self.server.address, (*ca, "--token-file", self.directory / "nobody"), 0), (unix, (), 0),
                (unix, ("--token-file", self.directory / "app"), 0), ("127.0.0.1:1", (), 1)):
            result = run("roberta-client", "--address", address, *arguments, "--deadline", "10", "health")
            self.assertEqual(result.returncode, code, (address, arguments, result.stderr))
            self.assertEqual(result.stdout, "SERVING\n" if code == 0 else "")

    def test_without_tls_nothing_is_said(self):
        result = run("roberta-client", "--address", self.server.address, "--token-file", self.directory / "app",
                     "classify", TEXT)
        self.assertEqual(result.returncode, 3, result.stderr)

    def test_clear_bytes_end_their_connections_and_harm_nobody(self):
        def counts():
            return [self.metric(name) for name in ("roberta_connections", "roberta_http_connections", 'roberta_http_refused_total{reason="bad_request"}')]

        with contextlib.closing(self.connect()) as neighbor:
            self.assertEqual(self.post(neighbor, self.token("app")), 200)
            wait_until(lambda: counts()[:2] == [0, 1])  # those of other tests are gone
            refused = counts()[2]
            ports = [int(self.server.address.rsplit(":", 1)[1]), self.server.http_port]
            for port in ports:
                for clear in (b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(9), bytes(1000)):
                    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
                        connection.sendall(clear)
                        answer = b""
                        with contextlib.suppress(ConnectionResetError):
                            while part := connection.recv(4096):
                                answer += part
                    self.assertNotIn(b"HTTP/1.1", answer)
            self.assertEqual(self.post(neighbor, self.token("app")), 200)
            self.assertEqual(self.call("app", "classify", TEXT).returncode, 0)
            wait_until(lambda: counts() == [0, 1, refused + 3])

    def test_the_next_certificate_and_token_fail_no_call(self):
        failed = []
        done = threading.Event()

        def keep_calling(new_connections):
            connection = self.connect()
            while not done.is_set():
                status = self.post(connection, tokens["app"])
                if status != 200:
                    failed.append(status)
                if new_connections:
                    connection.close()
            connection.close()

        def keep_calling_over_grpc():
            while not done.is_set():
                result = self.call("app", "classify", TEXT)
                if result.returncode != 0:
                    failed.append(result.stderr)

        def serves_next():
            with contextlib.closing(self.connect()) as connection:
                connection.connect()
                return ("commonName", "next") in [entry[0] for entry in connection.sock.getpeercert()["subject"]]

        def accepts(token):
            with contextlib.closing(self.connect()) as connection:
                return self.post(connection, token) == 200

        tokens = {"app": self.token("app")}
        threads = [threading.Thread(target=keep_calling, args=(False,)), threading.Thread(target=keep_calling, args=(True,)),
                   threading.Thread(target=keep_calling_over_grpc)]
        for thread in threads:
            thread.start()
        try:
            self.replace(self.directory / "next.pem", self.directory / "server.pem")
            wait_until(lambda: any("not the key of the certificate" in line for line in self.server.log))
            self.assertFalse(serves_next())
            self.replace(self.directory / "next.key", self.directory / "server.key")
            wait_until(serves_next)

            old = self.callers.read_text()
            self.make_token("app", "inference")  # beside the old one
            wait_until(lambda: accepts(self.token("app")))
            previous, tokens["app"] = tokens["app"], self.token("app")
            self.replace("no entry", self.callers)
            wait_until(lambda: any("callers:1: there must be a name" in line for line in self.server.log))
            self.assertTrue(accepts(tokens["app"]))
            operator = [line for line in old.splitlines() if line.startswith("operator")]
            entry = run("roberta-server", "make-token", "--name", "x", "--role", "metadata").stderr.split(": ")[1]
            self.assertRegex(entry, r"^x metadata [0-9a-f]{64}$")
        finally:
            done.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failed, [])
        self.replace("\n".join(operator), self.callers)
        wait_until(lambda: not accepts(tokens["app"]))
        self.assertFalse(accepts(previous))
        self.assertNotIn("rt_", "".join(self.server.log))
        self.replace(old, self.callers)  # for the other tests
        (self.directory / "app").write_text(previous + "\n")
        wait_until(lambda: accepts(previous))


class Addresses(unittest.TestCase):
    def check(self, *arguments):
        return run("roberta-server", "--model", "models/x", "--check-config", *arguments)

    def test_an_address_that_others_reach_must_be_safe_or_asked_for(self):
        refused = self.check("--host", "0.0.0.0")
        self.assertEqual(refused.returncode, 1)
        self.assertRegex(refused.stderr, r"^roberta-server: config: listen\.host is .*no TLS, and everybody may.*--allow-insecure\)\n$")
        self.assertEqual(self.check("--host", "0.0.0.0", "--allow-insecure").returncode, 0)
        self.assertEqual(self.check().returncode, 0)

    def test_what_is_wrong_in_the_files_is_named(self):
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("app everything 00\n")
            file.flush()
            result = self.check("--credentials-file", file.name)
            self.assertEqual(result.returncode, 1)
            self.assertIn(f'{file.name}:1: the second word is no role', result.stderr)
            result = self.check("--tls-certificate", file.name, "--tls-key", file.name)
            self.assertIn(f"{file.name}: certificate 1 cannot be read", result.stderr)


if __name__ == "__main__":
    unittest.main()
