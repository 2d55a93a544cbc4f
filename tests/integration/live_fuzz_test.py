"""Calls with damaged messages against a running server: it answers each of them, keeps serving, and answers as before afterwards.

Under sanitizers, whose findings end the server, it is part of the tests. ROBERTA_FUZZ_SECONDS (2) says for how long, ROBERTA_FUZZ_SEED (1)
with which random numbers; five minutes find more than the seconds of a test do.
"""

import os
import random
import sys
import threading
import time
import unittest

import attacks
from binaries import SOURCE, Server

SECONDS = float(os.environ.get("ROBERTA_FUZZ_SECONDS", "2"))
SEED = int(os.environ.get("ROBERTA_FUZZ_SEED", "1"))
THREADS = 4
CORPUS = [file.read_bytes() for folder in ("request", "infer") for file in sorted((SOURCE / "tests/fuzz/corpus" / folder).iterdir())]
METHODS = ["roberta.v1.Classifier/Classify", "roberta.v1.Classifier/ClassifyStream", "roberta.v1.Classifier/Compare",
           "roberta.v1.Profiles/ListProfiles", "tei.v1.Predict/Predict", "tei.v1.Predict/PredictPair", "tei.v1.Tokenize/Tokenize",
           "inference.GRPCInferenceService/ModelInfer", "inference.GRPCInferenceService/ModelMetadata",
           "grpc.health.v1.Health/Check", "grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "none.such/Method"]
HEADERS = [("grpc-timeout", "5S"), ("grpc-timeout", "1n"), ("grpc-timeout", "99999999999H"), ("x-request-id", "\x7f"),
           ("x-profile", "auto"), ("x-profile", "x" * 100), ("traceparent", "00-zz"), ("authorization", "Bearer \xff"),
           ("grpc-encoding", "gzip"), ("content-type", "text/plain"), ("x-bin", "===")]


def damaged(numbers, data):
    """`data` after a few changes, of the kinds that fuzzers make."""
    data = bytearray(data)
    for _ in range(numbers.choice((0, 1, 1, 2, 4, 16))):
        at, end = sorted((numbers.randint(0, len(data)), numbers.randint(0, len(data))))
        change = numbers.randrange(6)
        if change == 0 and at < len(data):
            data[at] ^= 1 << numbers.randrange(8)
        elif change == 1:
            data[at:at] = numbers.randbytes(numbers.choice((1, 4, 64)))
        elif change == 2:
            del data[at:min(end, at + 64)]
        elif change == 3:
            data[at:at] = data[at:end]
        elif change == 4:
            other = numbers.choice(CORPUS)
            data[at:] = other[numbers.randint(0, len(other)):]
        elif change == 5:
            data[at:at] = b"\xff" * numbers.choice((1, 5, 10))
        del data[1 << 16:]
    return bytes(data)


class Fuzzer(threading.Thread):
    """Calls one after the other until `end`."""

    def __init__(self, port, seed, end):
        super().__init__()
        self._port, self._numbers, self._end = port, random.Random(seed), end
        self.calls, self.lost, self.error = 0, 0, None

    def run(self):
        caller = attacks.Caller(self._port)
        try:
            while time.monotonic() < self._end:
                if not self._call(caller):  # the server may close the connection of one that breaks HTTP/2, if it takes the next
                    self.lost += 1
                    caller.close()
                    caller = attacks.Caller(self._port)
        except Exception as error:  # pylint: disable=broad-except
            self.error = error
        caller.close()

    def _call(self, caller):
        numbers = self._numbers
        headers = attacks.call_headers("/" + numbers.choice(METHODS))
        if numbers.random() < 0.2:
            headers += attacks.field(*numbers.choice(HEADERS))
        payload = attacks.message(damaged(numbers, numbers.choice(CORPUS)))
        if numbers.random() < 0.1:  # the flag for compression and the length
            payload = numbers.randbytes(5) + payload[5:]
        try:
            caller.exchange(payload, headers)
        except (AssertionError, ConnectionError):
            return False
        self.calls += 1
        return True


class LiveFuzz(unittest.TestCase):
    def test_a_server_answers_damaged_calls_and_keeps_serving(self):
        with Server("--slow-request-ms", "0") as server:
            port = int(server.address.rsplit(":", 1)[1])
            end = time.monotonic() + SECONDS
            fuzzers = [Fuzzer(port, SEED * THREADS + i, end) for i in range(THREADS)]
            for fuzzer in fuzzers:
                fuzzer.start()
            for fuzzer in fuzzers:
                fuzzer.join()
            print(f"{sum(fuzzer.calls for fuzzer in fuzzers)} calls, {sum(fuzzer.lost for fuzzer in fuzzers)} connections closed "
                  f"by the server, seed {SEED}", file=sys.stderr)
            for fuzzer in fuzzers:
                self.assertIsNone(fuzzer.error)
                self.assertGreater(fuzzer.calls, 20)
            self.assertEqual(server.client("health").stdout, "SERVING\n")
            answer = server.client("classify", "--json", "a warm, funny and deeply moving film")
            self.assertEqual(answer.returncode, 0, answer.stderr)
            self.assertIn('"label":"positive"', answer.stdout)


if __name__ == "__main__":
    unittest.main()
