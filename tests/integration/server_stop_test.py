"""How roberta-server stops: what it accepted is answered, and a second signal ends it at once. Clients that do not read hold up neither
that nor other clients."""

import concurrent.futures
import contextlib
import itertools
import json
import pathlib
import signal
import subprocess
import tempfile
import threading
import time
import unittest

import closed_loop
from binaries import BIN, DEMO_MODEL, Server, wait_until
from closed_loop import ClosedLoop, grpc


@contextlib.contextmanager
def configured(config):
    """The flags of a server that has such a config, and logs every call."""
    with tempfile.NamedTemporaryFile("w", suffix=".textproto") as file:
        file.write(config)
        file.flush()
        yield ("--config", file.name, "--log-format", "json", "--log-requests")


def drain_delay(milliseconds):
    """Of a server that serves on for a while when it is told to stop."""
    return configured(f"shutdown {{ drain_delay_ms: {milliseconds} }}\n")


def answered(server):
    """How many calls the server says it has answered."""
    lines = [json.loads(line) for line in list(server.log) if '"method"' in line]
    return sum(line["code"] == "OK" for line in lines)


def await_not_serving(address, watching):
    """The time at which a watcher of the server's health was told that it takes no more; sets `watching` once it is told anything."""
    not_serving = b"\x08\x02"  # a HealthCheckResponse
    with grpc.insecure_channel(address) as channel:
        watch = channel.unary_stream("/grpc.health.v1.Health/Watch")(b"", timeout=120)
        for health in watch:
            watching.set()
            if health == not_serving:
                watch.cancel()
                return time.monotonic()
    raise AssertionError("the watch ended")


class Stop(unittest.TestCase):
    def start_bulk(self, server, directory, lines):
        """A client in the background that classifies `lines` long texts; returns the process and its output file."""
        texts = pathlib.Path(directory, "texts.txt")
        texts.write_text("".join(f"a long and winding story number {i} about very little indeed\n" for i in range(lines)))
        output = pathlib.Path(directory, "out.jsonl").open("w+")
        process = subprocess.Popen([str(BIN / "roberta-client"), "--address", server.address, "classify", "--file", str(texts),
                                    "--json", "--quiet"], stdout=output, stderr=subprocess.DEVNULL)
        return process, output

    def test_sigterm_on_an_idle_server(self):
        for _ in range(5):  # at the very moment at which it says that it serves
            with Server() as server:
                server.signal(signal.SIGTERM)
                self.assertEqual(server.wait(), 0)
            self.assertIn("stopping on signal 15", "".join(server.log))

    def test_sigint_stops_it_too(self):
        with Server() as server:
            server.signal(signal.SIGINT)
            self.assertEqual(server.wait(), 0)

    def test_a_signal_while_profiles_load_stops_it_at_once(self):
        for number in (signal.SIGTERM, signal.SIGINT) * 5:
            process = subprocess.Popen([BIN / "roberta-server", "--model", DEMO_MODEL, "--port", "0", "--metrics-port", "0"],
                                       stderr=subprocess.PIPE, text=True)
            for line in process.stderr:
                if "loading" in line:
                    break
            process.send_signal(number)
            rest = process.communicate(timeout=60)[1]
            self.assertEqual(process.returncode, 0, rest)
            self.assertIn(f"stopped on signal {int(number)}, before the profiles were loaded", rest)

    def test_sigterm_under_load_loses_nothing_that_was_accepted(self):
        with tempfile.TemporaryDirectory() as directory, Server() as server:
            client, output = self.start_bulk(server, directory, 20000)
            wait_until(lambda: pathlib.Path(output.name).stat().st_size > 0)
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0)
            client.wait(120)
            output.seek(0)
            results = [json.loads(line) for line in output]
            output.close()
        codes = {result["error"]["code"] for result in results if "error" in result}
        self.assertLessEqual(codes, {"UNAVAILABLE"})
        self.assertGreater(sum("label" in result for result in results), 0)
        self.assertEqual([result["index"] for result in results], list(range(len(results))))

    def test_a_second_signal_exits_at_once(self):
        with drain_delay(600000) as flags, Server(*flags, exit_code=128 + signal.SIGTERM) as server:
            server.signal(signal.SIGTERM)
            wait_until(lambda: any("stopping" in line for line in server.log))
            server.signal(signal.SIGTERM)
            server.wait()


@unittest.skipIf(grpc is None, "not run: /usr/bin/python3 has no grpcio")
class StopUnderLoad(unittest.TestCase):
    """What several processes see of a server that is told to stop while they call it."""

    def test_what_was_accepted_is_answered_and_both_sides_count_the_same(self):
        with drain_delay(0) as flags, Server(*flags) as server:
            load = ClosedLoop(server.address)
            wait_until(lambda: answered(server) > 200)
            server.signal(signal.SIGTERM)
            threads = load.wait()
            self.assertEqual(server.wait(), 0)
        self.assertEqual(len(threads), closed_loop.PROCESSES * closed_loop.THREADS)
        self.assertEqual({calls[-1][2] for calls in threads}, {"UNAVAILABLE"})
        self.assertEqual(sum(len(calls) - 1 for calls in threads), answered(server))
        self.assertNotIn('"lost"', "".join(server.log))

    def test_readiness_turns_before_a_call_is_refused(self):
        # Long enough for the watcher to be told, and then for a call of each thread, on a busy machine with sanitizers.
        with drain_delay(8000) as flags, Server(*flags) as server:
            load = ClosedLoop(server.address)
            wait_until(lambda: answered(server) > 200)
            watching = threading.Event()
            with concurrent.futures.ThreadPoolExecutor(1) as watcher:
                turned = watcher.submit(await_not_serving, server.address, watching)
                watching.wait(120)
                server.signal(signal.SIGTERM)
                turned = turned.result(120)
            threads = load.wait()
            self.assertEqual(server.wait(), 0)
        first_refusal = min(calls[-1][1] for calls in threads)
        self.assertLess(turned, first_refusal)
        for calls in threads:
            served_on = [code for began, _, code in calls if turned < began]
            self.assertGreater(served_on.count("OK"), 0)

    def test_a_second_signal_exits_at_once(self):
        with drain_delay(600000) as flags, Server(*flags, exit_code=128 + signal.SIGTERM) as server:
            load = ClosedLoop(server.address)
            wait_until(lambda: answered(server) > 200)
            server.signal(signal.SIGTERM)
            wait_until(lambda: any("stopping" in line for line in server.log))
            server.signal(signal.SIGTERM)
            server.wait()
            self.assertEqual({calls[-1][2] for calls in load.wait()}, {"UNAVAILABLE"})


@unittest.skipIf(grpc is None, "not run: /usr/bin/python3 has no grpcio")
class ClientsThatDoNotRead(unittest.TestCase):
    # Of a ClassifyStreamRequest: an item with text and id. Answers to some thousands fill every window of the connection.
    ITEM = b"\x12\x6c\x0a\x04good\x1a\x64" + b"i" * 100
    MESSAGE = ITEM * 1000
    # Windows that do not grow are full after a few thousand answers, not after many more.
    OPTIONS = [("grpc.http2.lookahead_bytes", 65536), ("grpc.http2.bdp_probe", 0)]

    def open_stream(self, channel, messages):
        return channel.stream_stream("/roberta.v1.Classifier/ClassifyStream")(messages, timeout=600)

    def test_they_lose_their_permits_and_are_told_why(self):
        ended = '"reason":"client_does_not_read"'
        with configured("execution { queue_capacity_calls: 4 } limits { stream_write_timeout_ms: 500 }") as flags, \
                Server(*flags) as server, grpc.insecure_channel(server.address, self.OPTIONS) as channel:
            stuck = [self.open_stream(channel, itertools.repeat(self.MESSAGE)) for _ in range(2)]  # all that streams may have
            wait_until(lambda: sum(ended in line for line in list(server.log)) == 2, timeout=300)
            answers = b"".join(self.open_stream(channel, iter([self.ITEM])))  # few, so that it need not be read at once
            self.assertIn(b"i" * 100, answers)
            for stream in stuck:
                with self.assertRaises(grpc.RpcError) as raised:
                    list(stream)
                self.assertEqual(raised.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
                self.assertIn("the client does not read", raised.exception.details())

    def test_they_do_not_keep_a_server_from_stopping(self):
        sent = itertools.count()
        with Server() as server, grpc.insecure_channel(server.address, self.OPTIONS) as channel:
            stream = self.open_stream(channel, (self.MESSAGE for _ in sent))
            before = -1
            while before != (before := repr(sent)):  # until the server reads no more
                time.sleep(2)
            server.signal(signal.SIGTERM)
            self.assertEqual(server.wait(), 0, server.log)
            with self.assertRaises(grpc.RpcError) as raised:
                list(stream)
            self.assertEqual(raised.exception.code(), grpc.StatusCode.UNAVAILABLE)


if __name__ == "__main__":
    unittest.main()
