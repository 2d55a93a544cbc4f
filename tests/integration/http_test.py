"""JSON over HTTP: what clients of several protocols get, what the contract says, and what those get that mean harm."""

import concurrent.futures
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import unittest

from binaries import SOURCE, VIRTUAL_ENVIRONMENT, Server, wait_until

GOOD = {"items": [{"text": "a warm, funny and deeply moving film"}]}
CONFIG = """
limits { max_message_bytes: 100000 handshake_timeout_ms: 2000 request_timeout_ms: 2000 }
execution { queue_capacity_calls: 8 }
"""
OWN_CHECKS = """
import schemathesis

@schemathesis.check
def no_internal_error(context, response, case):
    assert response.status_code != 500, "the server has a fault"
"""


def ask(server, method, path, body=None, headers=None, connection=None):
    """Status, headers and body of the answer; the body is read as JSON if it is."""
    used = connection or http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=120)
    data = json.dumps(body) if isinstance(body, (dict, list)) else body
    used.request(method, path, data, {"Content-Type": "application/json", **(headers or {})})
    answer = used.getresponse()
    text = answer.read()
    if connection is None:
        used.close()
    is_json = answer.headers["Content-Type"] == "application/json" and text
    return answer.status, answer.headers, json.loads(text) if is_json else text.decode()


def send_raw(server, *parts, pause=0.0):
    """What comes back until the server closes the connection."""
    with socket.create_connection(("127.0.0.1", server.http_port), timeout=120) as raw:
        for part in parts:
            try:
                raw.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        answer = b""
        try:
            while part := raw.recv(65536):
                answer += part
        except ConnectionResetError:
            pass
    return answer


class OneServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with tempfile.NamedTemporaryFile("w", suffix=".textproto") as file:
            file.write(CONFIG)
            file.flush()
            cls.server = Server("--config", file.name, profiles="baseline,quantized")

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None, None, None)

    def ask(self, *arguments, **options):
        return ask(self.server, *arguments, **options)


class Answers(OneServer):
    def test_scores_are_those_of_grpc_to_the_bit_in_every_protocol(self):
        text = GOOD["items"][0]["text"]
        for profile in ("baseline", "quantized"):
            with self.subTest(profile=profile):
                over_grpc = self.server.client("classify", "--json", "--profile", profile, text)
                self.assertEqual(over_grpc.returncode, 0, over_grpc.stderr)
                expected = {score["label"]: score["score"] for score in json.loads(over_grpc.stdout)["scores"]}
                own = self.ask("POST", "/v1/classify", {**GOOD, "profile": profile})[2]["results"][0]["classification"]
                tei = self.ask("POST", "/predict", {"inputs": text}, {"x-profile": profile})[2]
                tensor = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [text]}
                oip = self.ask("POST", f"/v2/models/demo-sst2@{profile}/infer", {"inputs": [tensor], "outputs": [{"name": "scores"}]})[2]
                self.assertEqual({score["label"]: score["score"] for score in own["scores"]}, expected)
                self.assertEqual({score["label"]: score["score"] for score in tei}, expected)
                labels = self.ask("GET", "/v1/profiles")[2]["labels"]
                self.assertEqual(dict(zip(labels, oip["outputs"][0]["data"])), expected)

    def test_a_connection_is_kept(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=120)
        connection.connect()
        kept = connection.sock
        for _ in range(20):
            self.assertEqual(self.ask("POST", "/v1/classify", GOOD, connection=connection)[0], 200)
        self.assertIs(connection.sock, kept)
        connection.close()

    def test_head_has_the_length_and_no_body(self):
        status, headers, body = self.ask("HEAD", "/openapi.json")
        self.assertEqual((status, body), (200, ""))
        self.assertGreater(int(headers["Content-Length"]), 10000)

    def test_a_body_in_chunks(self):
        connection = http.client.HTTPConnection("127.0.0.1", self.server.http_port, timeout=120)
        parts = [bytes([byte]) for byte in json.dumps(GOOD).encode()]
        connection.request("POST", "/v1/classify", iter(parts), {"Content-Type": "application/json"}, encode_chunked=True)
        self.assertEqual(connection.getresponse().status, 200)
        connection.close()

    def test_a_deadline_that_cannot_be_met(self):
        for path, headers, extra in (("/v1/classify?timeout_ms=0", {}, {}), ("/v1/classify", {"grpc-timeout": "1u"}, {}),
                                     ("/v1/classify", {}, {"timeout_ms": 0})):
            status, _, body = self.ask("POST", path, {**GOOD, **extra}, headers)
            self.assertIn((status, body["error_type"]), ((504, "deadline_passed"), (429, "predicted_too_late")))

    def test_profiles_are_switched(self):
        for profile in ("quantized", "baseline"):
            self.assertEqual(self.ask("POST", f"/v1/profiles/{profile}:setDefault")[0], 200)
            self.assertEqual(self.ask("POST", "/v1/classify", GOOD)[1]["x-profile-used"], profile)
        self.assertEqual(self.ask("POST", "/v1/profiles/baseline:unload")[2]["error_type"], "profile_in_use")


class LargeBodies(unittest.TestCase):
    def test_a_body_that_takes_long_to_read_holds_up_nobody_else(self):
        # Of all that is allowed, the most objects.
        body = b'{"items":[' + b",".join([b"{}"] * 1_390_000) + b"]}"

        def seconds(*arguments):
            start = time.monotonic()
            answer = ask(server, "POST", "/v1/classify", *arguments)
            return time.monotonic() - start, answer[0], answer[2].get("error_type")

        def keep_sending():
            while not done.is_set():
                answers.add(seconds(body)[1:])

        def of_others():
            return [seconds(GOOD)[0] for _ in range(60)]

        done, answers = threading.Event(), set()
        with Server() as server, concurrent.futures.ThreadPoolExecutor(3) as pool:
            alone, status, reason = seconds(body)
            self.assertEqual((status, reason), (400, "too_many_items"))
            quiet = of_others()
            attack = [pool.submit(keep_sending) for _ in range(3)]
            try:
                while not answers:
                    time.sleep(0.01)
                attacked = of_others()
            finally:
                done.set()
            for one in attack:
                one.result()
        p99 = [1e3 * statistics.quantiles(times, n=100)[98] for times in (quiet, attacked)]
        print(f"large bodies: each takes {1e3 * alone:.0f} ms; others' p99 is {p99[0]:.1f} ms without and {p99[1]:.1f} ms with them, "
              f"the median {1e3 * statistics.median(attacked):.1f} ms", file=sys.stderr)
        self.assertLess(statistics.median(attacked), alone / 4)
        self.assertLessEqual(answers, {(400, "too_many_items"), (429, "too_many_calls")})


class Errors(OneServer):
    def test_the_contract_has_what_every_path_refuses(self):
        contract = self.ask("GET", "/openapi.json")[2]
        for template, operations in contract["paths"].items():
            path = re.sub(r"\{[a-z]+\}", "x", template)
            status, headers, _ = self.ask("DELETE", path)
            self.assertEqual((status, path, set(headers["Allow"].split(", ")) - {"HEAD"}), (405, path, {method.upper() for method in operations}))
            for method, operation in operations.items():
                for status, more in ((415, {"Content-Type": "text/plain"}), (421, {"Host": "elsewhere.example"})):
                    self.assertEqual((self.ask(method.upper(), path, "a=b", more)[0], path), (status, path))
                    self.assertIn(str(status), operation["responses"], path)

    def test_every_status(self):
        cases = [(400, "bad_field", "POST", "/v1/classify", {"items": 1}, {}),
                 (400, "malformed_message", "POST", "/v1/classify", "{", {}),
                 (400, "profile_not_ready", "POST", "/v1/classify", {**GOOD, "profile": "amp"}, {}),
                 (403, "other_origin", "POST", "/v1/classify", GOOD, {"Origin": "http://elsewhere.example"}),
                 (404, "not_found", "GET", "/nothing", None, {}),
                 (404, "unknown_model", "GET", "/v2/models/nothing", None, {}),
                 (405, "method_not_allowed", "DELETE", "/v1/profiles", None, {}),
                 (413, "body_too_large", "POST", "/v1/classify", "x" * 100001, {}),
                 (415, "unsupported_media_type", "POST", "/v1/classify", "a=b", {"Content-Type": "text/plain"}),
                 (431, "head_too_large", "GET", "/", None, {"X-Large": "x" * 40000})]
        for status, kind, method, path, body, headers in cases:
            with self.subTest(status=status, kind=kind):
                answer = self.ask(method, path, body, headers)
                self.assertEqual((answer[0], answer[2]["error_type"]), (status, kind))
                self.assertTrue(answer[2]["error"])
                self.assertEqual(answer[1]["X-Content-Type-Options"], "nosniff")

    def test_refused_calls_are_told_when_to_try_again(self):
        many = {"items": [{"text": " ".join(["film"] * 120)}] * 10}
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(lambda _: self.ask("POST", "/v1/classify", many), range(32)))
        refused = [(headers, body) for status, headers, body in answers if status == 429]
        self.assertEqual({status for status, _, _ in answers} - {200, 429}, set())
        self.assertTrue(refused)
        for headers, body in refused:
            self.assertEqual(int(headers["Retry-After"]), -(-body["retry_after_ms"] // 1000))

    def test_garbage_is_refused_and_harms_nobody(self):
        for garbage in (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(500), b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(range(256)) * 8,
                        b"GET / HTTP/1.1\r\n\r\n", b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"):
            self.assertTrue(send_raw(self.server, garbage).startswith(b"HTTP/1.1 400 "), garbage[:20])
        self.assertEqual(self.ask("POST", "/v1/classify", GOOD)[0], 200)

    def test_a_client_that_goes_away_takes_its_call_with_it(self):
        long = {"items": [{"text": " ".join(["film"] * 400)}] * 40}
        body = json.dumps(long).encode()
        with socket.create_connection(("127.0.0.1", self.server.http_port)) as raw:
            raw.sendall(b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
            time.sleep(0.05)
        wait_until(lambda: 'roberta_request_failures_total{reason="cancelled"} 0' not in self.ask("GET", "/metrics")[2])


class SlowClients(OneServer):
    def test_slow_clients_hold_up_nobody_and_are_ended(self):
        begun = (b"GET / HT", b"POST /v1/classify HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n{")
        slow = [socket.create_connection(("127.0.0.1", self.server.http_port), timeout=120) for _ in range(200)]
        for i, client in enumerate(slow):
            client.sendall(begun[i % 2])
        for _ in range(10):
            self.assertEqual(self.ask("POST", "/v1/classify", GOOD)[0], 200)
        for client in slow:
            self.assertTrue(client.recv(65536).startswith(b"HTTP/1.1 408 "))
            client.close()
        self.assertIn('roberta_http_refused_total{reason="timeout"} 200', self.ask("GET", "/metrics")[2])


class Stop(unittest.TestCase):
    def test_what_was_accepted_is_answered_and_connections_end(self):
        with Server() as server:
            stop, answers = threading.Event(), []

            def call():
                connection = http.client.HTTPConnection("127.0.0.1", server.http_port, timeout=120)
                while not stop.is_set():
                    try:
                        answers.append(ask(server, "POST", "/v1/classify", GOOD, connection=connection)[0])
                    except ConnectionRefusedError:  # it no longer listens
                        return
                    except ConnectionError:  # an idle connection was closed
                        connection.close()
                        answers.append("closed")
                connection.close()

            threads = [threading.Thread(target=call) for _ in range(4)]
            for thread in threads:
                thread.start()
            wait_until(lambda: len(answers) > 50)
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
            for thread in threads:
                thread.join(120)
        self.assertLessEqual(set(answers), {200, 503, "closed"})
        self.assertLessEqual(answers.count("closed"), 2 * len(threads))


@unittest.skipUnless((VIRTUAL_ENVIRONMENT / "bin/schemathesis").exists(), "not run: no packages of PyPI here; tests/run installs them")
class Contract(OneServer):
    def run_in_environment(self, program, *arguments, environment=None, directory=None):
        return subprocess.run([str(VIRTUAL_ENVIRONMENT / "bin" / program), *map(str, arguments)], capture_output=True, text=True,
                              timeout=300, check=False, cwd=directory, env={**os.environ, **(environment or {})})

    def test_a_validator_accepts_it(self):
        result = self.run_in_environment("openapi-spec-validator", SOURCE / "server/transport/openapi.json")
        self.assertEqual(result.returncode, 0, result.stdout + result.stderr)

    def test_schemathesis_finds_no_difference(self):
        # Not its check that every request which fits the contract succeeds: a deadline may be too short, a profile not ready.
        checks = ("status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,"
                  "negative_data_rejection,missing_required_header,unsupported_method,no_internal_error")
        url = f"http://127.0.0.1:{self.server.http_port}"
        with tempfile.TemporaryDirectory() as directory:
            pathlib.Path(directory, "own_checks.py").write_text(OWN_CHECKS)
            pathlib.Path(directory, "schemathesis.toml").write_text('[parameters]\n"path.model" = "demo-sst2"\n')
            result = self.run_in_environment(
                "schemathesis", "run", url + "/openapi.json", "--url", url, "--phases", "coverage,fuzzing", "--max-examples", 3, "--seed", 1,
                "--exclude-path-regex", "load$|setDefault$", "--checks", checks, "--no-color",
                environment={"SCHEMATHESIS_HOOKS": "own_checks", "PYTHONPATH": directory}, directory=directory)
        self.assertEqual(result.returncode, 0, result.stdout[-6000:] + result.stderr[-2000:])

    def test_tritonclient_works_unmodified(self):
        program = f"""
import numpy, tritonclient.http as triton
client = triton.InferenceServerClient("127.0.0.1:{self.server.http_port}")
assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("demo-sst2")
assert client.get_server_metadata()["name"] == "roberta-server"
assert client.get_model_metadata("demo-sst2")["inputs"][0]["name"] == "text"
assert client.get_model_config("demo-sst2")["max_batch_size"] == 1024
assert client.get_model_repository_index()[0]["name"] == "demo-sst2"
client.load_model("demo-sst2@quantized")
scores = []
for binary in (True, False):
    tensor = triton.InferInput("text", [2], "BYTES")
    tensor.set_data_from_numpy(numpy.array(["good", "a dull film"], dtype=object), binary_data=binary)
    outputs = [triton.InferRequestedOutput("scores", binary_data=binary), triton.InferRequestedOutput("label", binary_data=binary)]
    answer = client.infer("demo-sst2@baseline", [tensor], outputs=outputs, request_id="7", priority=1, timeout=10000000)
    assert answer.get_response()["id"] == "7"
    scores.append(answer.as_numpy("scores"))
    assert list(answer.as_numpy("label")) in ([b"positive", b"negative"], ["positive", "negative"]), answer.as_numpy("label")
assert scores[0].shape == (2, 2) and (scores[0] == scores[1]).all()
assert client.infer("demo-sst2", [tensor]).as_numpy("index").tolist() == [1, 0]
classes = client.infer("demo-sst2", [tensor], outputs=[triton.InferRequestedOutput("scores", class_count=1)]).as_numpy("scores")
assert classes[0][0].endswith(b":1:positive"), classes
assert client.get_inference_statistics("demo-sst2@baseline")["model_stats"][0]["inference_count"] >= 4
try:
    client.infer("nothing", [tensor])
except triton.InferenceServerException as error:
    assert error.status() == "404"
else:
    raise AssertionError
"""
        result = self.run_in_environment("python", "-c", program)
        self.assertEqual(result.returncode, 0, result.stderr)


if __name__ == "__main__":
    unittest.main()
