"""What the server logs of requests: a line with its fields for each, and never a text or anything else that a client makes up."""

import json
import time
import unittest

from binaries import Server

try:
    import grpc
except ImportError:
    grpc = None

MARKER = "zebra"
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PHASES = ("tokenize_ms", "queue_ms", "form_ms", "infer_ms", "post_ms")


def field(number, value):
    """A field of a protobuf message as it goes over the wire: bytes of less than 16 KiB, or a number below 128."""
    if isinstance(value, int):
        return bytes([number << 3, value])
    return bytes([number << 3 | 2, len(value) & 0x7F | 0x80, len(value) >> 7]) + value


def item(text, pair=b"", identity=b""):
    return field(1, field(1, text) + (field(2, pair) if pair else b"") + (field(3, identity) if identity else b""))


def call(channel, method, request, metadata=(), timeout=60):
    """Sends bytes; returns the status code and the trailing metadata."""
    service = "Classifier" if method in ("Classify", "Compare") else "Profiles"
    _, ended = channel.unary_unary(f"/roberta.v1.{service}/{method}").with_call(request, timeout=timeout, metadata=metadata)
    return ended.code(), dict(ended.trailing_metadata())


def failing_call(channel, method, request, metadata=(), timeout=60):
    try:
        call(channel, method, request, metadata, timeout)
    except grpc.RpcError as error:
        return error.code(), dict(error.trailing_metadata() or ())
    raise AssertionError(f"{method} was answered")


def records(server):
    """The lines of a JSON log that tell of requests."""
    return [record for record in map(json.loads, server.log) if "method" in record]


@unittest.skipIf(grpc is None, "not run: /usr/bin/python3 has no grpcio")
class RequestLog(unittest.TestCase):
    def test_a_call_is_a_json_object_of_fields(self):
        with Server("--log-format", "json", "--log-requests") as server:
            with grpc.insecure_channel(server.address) as channel:
                metadata = (("x-request-id", "mine-1"), ("traceparent", f"00-{TRACE}-00f067aa0ba902b7-01"),
                            ("x-profile", "baseline"))
                _, trailers = call(channel, "Classify", item(b"not bad at all") + field(8, 2), metadata)
        (record,) = records(server)
        self.assertEqual({key: record[key] for key in record if not key.endswith("_ms") and key != "time"},
                         {"level": "info", "message": "request", "method": "Classify", "code": "OK", "request_id": "mine-1",
                          "trace_id": TRACE, "profile_requested": "baseline", "profile": "baseline", "items": 1,
                          "failed_items": 0, "tokens": 6, "truncated_items": 0, "priority": "high", "batch_items": 1})
        self.assertAlmostEqual(sum(record[phase] for phase in PHASES), record["total_ms"], delta=0.0031)
        self.assertEqual(trailers["x-request-id"], "mine-1")
        self.assertEqual(trailers["x-profile-used"], "baseline")
        for header, key in (("x-queue-time", "queue_ms"), ("x-inference-time", "infer_ms"), ("x-total-time", "total_ms")):
            self.assertEqual(float(trailers[header]), record[key])

    def test_a_call_in_text_is_key_and_value(self):
        with Server("--log-requests") as server:
            server.client("classify", "not bad at all")
        (line,) = [line for line in server.log if "method=" in line]
        self.assertRegex(line, r"^\S+Z info request method=Classify code=OK request_id=[0-9a-f]{32} profile=baseline items=1 "
                               r"failed_items=0 tokens=6 truncated_items=0 priority=normal batch_items=1( \w+_ms=\d+\.\d{3}){6}\n$")

    def test_every_method_has_its_line_and_its_request_id(self):
        with Server("--log-format", "json", "--log-requests") as server:
            with grpc.insecure_channel(server.address) as channel:
                name = field(1, b"baseline")
                for method, request in (("Classify", item(b"good")), ("Compare", item(b"good")), ("ListProfiles", b""),
                                        ("LoadProfile", name), ("SetDefaultProfile", name)):
                    _, trailers = call(channel, method, request, (("x-request-id", "mine-" + method),))
                    self.assertEqual(trailers["x-request-id"], "mine-" + method)
                failing_call(channel, "UnloadProfile", name, (("x-request-id", "mine-UnloadProfile"),))
        logged = {record["method"]: record for record in records(server)}
        self.assertEqual({record["request_id"] for record in logged.values()}, {"mine-" + method for method in logged})
        self.assertEqual(len(logged), 6)
        self.assertEqual(logged["UnloadProfile"]["reason"], "profile_in_use")
        self.assertEqual(logged["LoadProfile"]["profile_requested"], "baseline")

    def test_the_client_names_the_request_that_failed_as_the_log_does(self):
        with Server("--log-format", "json", "--log-requests") as server:
            failed = server.client("classify", "--profile", "nobody", "good")
        (record,) = records(server)
        self.assertIn(f"(request {record['request_id']})", failed.stderr)

    def test_nothing_is_logged_of_quick_calls_unless_asked_for(self):
        with Server("--log-format", "json") as server:
            server.client("classify", "not bad at all")
            server.client("classify", "--profile", "nobody", "not bad at all")
        self.assertEqual(records(server), [])

    def test_a_slow_call_is_logged_with_its_phases(self):
        with Server("--log-format", "json", "--slow-request-ms", "1") as server:
            server.client("classify", *["a long and winding story about very little indeed"] * 64)
        slow = [record for record in records(server) if record["method"] == "Classify"]
        self.assertEqual({(record["level"], record["message"]) for record in slow}, {("warning", "slow request")})
        for record in slow:
            self.assertGreaterEqual(record["total_ms"], 1)
            self.assertAlmostEqual(sum(record[phase] for phase in PHASES), record["total_ms"], delta=0.0031)

    def test_an_overload_is_no_flood_of_lines_and_every_refusal_is_counted(self):
        calls = 2000
        with Server("--log-format", "json", "--log-requests") as server:
            with grpc.insecure_channel(server.address) as channel:
                for _ in range(calls):
                    failing_call(channel, "Classify", item(b" "))
        refusals = [record for record in map(json.loads, server.log) if record["message"] == "request not answered"]
        lines = sum("method" in record for record in refusals)
        self.assertLess(lines, calls)
        self.assertEqual(lines + sum(record.get("suppressed", 0) for record in refusals), calls)

    def test_whatever_a_client_sends_its_texts_are_in_no_line(self):
        marker = MARKER.encode()
        bad = marker + b"\xff\n" + marker
        whole = item(b"a " + marker, b"another " + marker, marker)
        requests = {
            "answered": whole,
            "many bad items": item(bad) + item(b"good", bad) + item(b"good", b"", bad),
            "some bad items": whole + item(bad) + field(7, 1),
            "unknown profile": whole + field(2, marker),
            "hostile profile": whole + field(2, bad),
            "profile with newline": whole + field(2, marker + b'\n{"level":"error"}'),
            "bad truncation": whole + field(3, 9),
            "bad function": whole + field(4, 9),
            "bad priority": whole + field(8, 9),
            "no scores": whole + field(5, 0),
            "too long": item((marker + b" ") * 1000),
            "cut off": whole[:-3],
            "garbage": marker + bad,
        }
        comparison = {"answered": whole, "twice": whole + field(2, b"baseline") * 2, "unknown": whole + field(2, bad),
                      "bad": item(bad), "garbage": marker}
        for form in ("text", "json"):
            with Server("--log-format", form, "--log-level", "trace", "--log-requests", "--slow-request-ms", "1") as server:
                with grpc.insecure_channel(server.address) as channel:
                    for method, bodies in (("Classify", requests), ("Compare", comparison)):
                        for body in bodies.values():
                            self.send(channel, method, body)
                    for name in (marker, bad, marker + b"\n" + marker):
                        for method in ("LoadProfile", "UnloadProfile", "SetDefaultProfile"):
                            self.send(channel, method, field(1, name))
                    self.send(channel, "Classify", whole, (("x-profile", MARKER), ("traceparent", MARKER),
                                                           ("x-request-id", "two words " + MARKER)))
                    self.send(channel, "Classify", whole, timeout=1e-6)
            log = "".join(server.log)
            self.assertGreater(log.count("request not answered"), 20)
            self.assertNotIn("suppressed", log)
            self.assertNotIn(MARKER, log)
            for line in server.log:
                self.assertRegex(line, r'^({"time":")?\d{4}-\d\d-\d\dT', "a line that nobody began")

    @staticmethod
    def send(channel, method, request, metadata=(), timeout=60):
        time.sleep(0.11)  # each then has its line
        try:
            call(channel, method, request, metadata, timeout)
        except grpc.RpcError:
            pass  # it is about the log


if __name__ == "__main__":
    unittest.main()
