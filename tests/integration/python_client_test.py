"""The package of client/python: how it is built, the clients against roberta-server, and what only a server of the test's own can
show."""

import asyncio
import collections
import contextlib
import io
import json
import os
import pathlib
import pickle
import signal
import subprocess
import sys
import tarfile
import tempfile
import threading
import unittest
from concurrent import futures
from unittest import mock

from binaries import DEMO_MODEL, SOURCE, Server, use_python_packages, wait_until

use_python_packages()
try:
    import build
    import grpc
    import grpc_tools
    import mypy
except ImportError as error:
    missing = error
else:
    missing = None

PACKAGE = SOURCE / "client/python"
TLS = SOURCE / "tests/client/tls"
TIMEOUT = 120
TEXTS = ["a warm, funny and deeply moving film", "a dull, lifeless mess", "not bad at all", "naïve, and “quoted”"]
directory = tempfile.TemporaryDirectory()


def python(*arguments, **options):
    return subprocess.run([sys.executable, *map(str, arguments)], capture_output=True, text=True, timeout=600, check=False, **options)


def setUpModule():
    """Installs the wheel that is built from the source distribution that is built from the repository."""
    if missing:
        raise unittest.SkipTest(f"not run: no packages of PyPI here ({missing}); tests/run installs them into build/venv")
    global files_before, roberta_serve, v1, Client, AsyncClient, RobertaError, StreamError
    files_before = sorted(PACKAGE.rglob("*"))
    for arguments in (["-m", "build", "--no-isolation", "--outdir", directory.name, PACKAGE],
                      ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps", "--no-index", "--find-links",
                       directory.name, "--target", site(), "roberta-serve"]):
        result = python(*arguments)
        if result.returncode != 0:
            raise AssertionError(result.stdout + result.stderr)
    sys.path.insert(0, site())
    os.environ["PYTHONPATH"] = site()
    import roberta_serve
    from roberta_serve import AsyncClient, Client, RobertaError, StreamError, v1


def tearDownModule():
    directory.cleanup()


def site():
    return os.path.join(directory.name, "site")


class Package(unittest.TestCase):
    def test_contracts_and_retry_policy_are_those_of_the_repository(self):
        installed = pathlib.Path(site(), "roberta_serve")
        self.assertEqual((installed / "service_config.json").read_bytes(), (SOURCE / "client/service_config.json").read_bytes())
        with tarfile.open(next(pathlib.Path(directory.name).glob("*.tar.gz"))) as archive:
            names = {name.split("/", 1)[1]: archive.extractfile(name) for name in archive.getnames() if name.endswith(".proto")}
            for name, file in names.items():
                self.assertEqual(file.read(), (SOURCE / name).read_bytes(), name)
        self.assertIn("proto/roberta/v1/classifier.proto", names)
        self.assertTrue((installed / "py.typed").exists())

    def test_a_build_leaves_nothing_in_the_source(self):
        self.assertEqual(sorted(PACKAGE.rglob("*")), files_before)

    def test_types_are_strict_inside_and_for_users(self):
        user = pathlib.Path(directory.name, "user.py")
        user.write_text("from roberta_serve import Client, Item, v1\n\n"
                        "def label(client: Client) -> str:\n"
                        "    best: v1.Classification = client.classify(Item(text='good'), top_k=1).results[0].classification\n"
                        "    client.classify('good', top_k='one')\n"
                        "    return best.label\n")
        result = python("-m", "mypy", "--strict", "--cache-dir", os.path.join(directory.name, "mypy"), "-p", "roberta_serve")
        self.assertEqual(result.returncode, 0, result.stdout)
        result = python("-m", "mypy", "--strict", "--cache-dir", os.path.join(directory.name, "mypy"), user)
        self.assertIn('user.py:5: error: Argument "top_k" to "classify" of "Client" has incompatible type "str"', result.stdout)
        self.assertIn("Found 1 error in 1 file", result.stdout)

    def test_messages_are_what_their_types_say(self):
        from google.protobuf import descriptor_pb2
        import ast
        for module in ("classifier_pb2", "profiles_pb2"):
            types = ast.parse(pathlib.Path(site(), f"roberta_serve/_protos/{module}.pyi").read_text())
            names = [node.name for node in types.body if isinstance(node, ast.ClassDef)]
            names += [node.target.id for node in types.body if isinstance(node, ast.AnnAssign)]
            self.assertGreater(len(names), 10)
            for name in names:
                self.assertTrue(hasattr(v1, name), name)
        item = roberta_serve.Item(text="good", id="7")
        self.assertEqual(pickle.loads(pickle.dumps(item)), item)

    def test_protos_of_other_packages_do_not_meet_ours(self):
        for first, second in (("google.rpc.status_pb2", "roberta_serve"), ("roberta_serve", "google.rpc.status_pb2")):
            result = python("-c", f"import {first}, {second}, google.rpc.error_details_pb2, sys\n"
                            "status = google.rpc.status_pb2.Status(code=3)\n"
                            "status.details.add().Pack(google.rpc.error_details_pb2.BadRequest())\n"
                            "ours = sys.modules['roberta_serve'].v1.ItemResult.FromString(b'\\x1a' + bytes([status.ByteSize()])"
                            " + status.SerializeToString())\n"
                            "assert ours.status.details[0].type_url == 'type.googleapis.com/google.rpc.BadRequest'")
            self.assertEqual(result.returncode, 0, result.stderr)


class AgainstTheServer(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = Server(profiles="baseline,quantized")
        cls.client = Client(cls.server.address, timeout=TIMEOUT)
        os.environ["ROBERTA_ADDRESS"] = cls.server.address

    @classmethod
    def tearDownClass(cls):
        cls.client.close()
        cls.server.__exit__(None, None, None)

    def command(self, *arguments, code=0, **options):
        """Of the package's command; only with `options`, of a process, is it one of its own, which costs a fifth of a second."""
        if options:
            result = python("-m", "roberta_serve", *arguments, **options)
        else:
            from roberta_serve.cli import main
            with contextlib.redirect_stdout(io.StringIO()) as output, contextlib.redirect_stderr(io.StringIO()) as errors:
                try:
                    returned = main([str(argument) for argument in arguments])
                except SystemExit as stopped:
                    returned = stopped.code
            result = subprocess.CompletedProcess(arguments, returned, output.getvalue(), errors.getvalue())
        self.assertEqual(result.returncode, code, result.stderr)
        return result

    def test_every_way_gives_the_bits_of_roberta_client(self):
        lines = self.server.client("classify", "--json", "--logits", *TEXTS).stdout.splitlines()
        expected = [[v1.Classification(logits=json.loads(line)["logits"]).logits[:]] for line in lines]

        def logits(results):
            return [[result.classification.logits[:]] for result in results]

        async def later():
            async with AsyncClient(self.server.address, timeout=TIMEOUT) as client:
                response = await client.classify(TEXTS, return_logits=True)
                stream = client.classify_stream(TEXTS, return_logits=True, ordered=True)
                return response.results, [result.result async for result in stream]

        self.assertEqual(len(expected), len(TEXTS))
        self.assertEqual(logits(self.client.classify(TEXTS, return_logits=True).results), expected)
        stream = self.client.classify_stream(TEXTS, return_logits=True, ordered=True)
        self.assertEqual(logits(result.result for result in stream), expected)
        for results in asyncio.run(later()):
            self.assertEqual(logits(results), expected)

    def test_requests_texts_and_settings(self):
        response = self.client.classify("good", profile="quantized", top_k=1)
        self.assertEqual((response.profile_used, len(response.results), len(response.results[0].classification.scores)), ("quantized", 1, 1))
        pair = roberta_serve.Item(text="good", text_pair="or not", id="7")
        response = self.client.classify([pair, " "], allow_partial=True)
        self.assertEqual(response.results[0].id, "7")
        self.assertEqual(response.results[1].status.code, grpc.StatusCode.INVALID_ARGUMENT.value[0])
        request = v1.ClassifyRequest(items=[pair])
        self.assertEqual(self.client.classify(request).results[0].classification, response.results[0].classification)
        with self.assertRaisesRegex(TypeError, "top_k"):
            self.client.classify(request, top_k=1)
        with self.assertRaisesRegex(TypeError, "not int"):
            self.client.classify([1])

    def test_errors_say_all_that_the_server_does(self):
        async def later():
            async with AsyncClient(self.server.address, timeout=TIMEOUT) as client:
                await client.classify(["good", " "])

        for call in (lambda: self.client.classify(["good", " "]), lambda: asyncio.run(later())):
            with self.assertRaises(RobertaError) as caught:
                call()
            error = caught.exception
            self.assertIs(error.code, grpc.StatusCode.INVALID_ARGUMENT)
            self.assertEqual([violation.field for violation in error.field_violations], ["items[1].text"])
            self.assertRegex(error.request_id, r"^[0-9a-f]{32}$")
            self.assertIn(error.message, str(error))
            self.assertEqual(pickle.loads(pickle.dumps(error)).field_violations, error.field_violations)

    def test_profiles_comparison_and_health(self):
        async def later():
            async with AsyncClient(self.server.address, timeout=TIMEOUT) as client:
                await client.set_default_profile("quantized")
                await client.set_default_profile("baseline")
                await client.unload_profile("quantized")
                loaded = await client.load_profile("quantized")
                compared = await client.compare("good")
                listed = await client.list_profiles()
                health = [await client.check_health(), await client.check_health("profile/nothing")]
                async for now in client.watch_health():
                    return loaded, compared, listed, health + [now]

        def at_once():
            self.client.set_default_profile("quantized")
            self.client.set_default_profile("baseline")
            self.client.unload_profile("quantized")
            return (self.client.load_profile("quantized"), self.client.compare("good"), self.client.list_profiles(),
                    [self.client.check_health(), self.client.check_health("profile/nothing"), next(self.client.watch_health())])

        for loaded, compared, listed, health in (at_once(), asyncio.run(later())):
            self.assertEqual((loaded.failure, loaded.profile.state), ("", v1.READY))
            self.assertEqual([one.profile for one in compared.comparisons], ["baseline", "quantized"])
            self.assertEqual(listed.default_profile, "baseline")
            self.assertEqual([one.name for one in health], ["SERVING", "SERVICE_UNKNOWN", "SERVING"])

    def test_a_stream_is_bounded_and_in_order(self):
        given = handed_out = most = 0

        def texts(count):
            nonlocal given, most
            for number in range(count):
                given += 1
                most = max(most, given - handed_out)
                yield TEXTS[number % len(TEXTS)]

        stream = self.client.classify_stream(texts(300), ordered=True, max_in_flight=40, items_per_message=8)
        for result in stream:
            self.assertEqual(result.sequence, handed_out)
            handed_out += 1
        self.assertEqual((handed_out, stream.end.items_taken, stream.start.profile_used), (300, 300, "baseline"))
        self.assertLessEqual(most, 41)  # the one that is handed out just now is not counted yet
        self.assertEqual(sorted(result.sequence for result in self.client.classify_stream(TEXTS * 10)), list(range(40)))

        async def later():
            nonlocal given, handed_out, most
            given = handed_out = most = 0
            async with AsyncClient(self.server.address, timeout=TIMEOUT) as client:
                async for result in client.classify_stream(texts(300), ordered=True, max_in_flight=40):
                    self.assertEqual(result.sequence, handed_out)
                    handed_out += 1

        asyncio.run(later())
        self.assertEqual(handed_out, 300)
        self.assertLessEqual(most, 41)

    def test_results_do_not_wait_for_texts_that_are_not_there_yet(self):
        answered = threading.Event()

        def texts():
            yield "good"
            answered.wait(TIMEOUT)
            yield "bad"

        results = []
        for result in self.client.classify_stream(texts()):
            results.append(result)
            answered.set()
        self.assertEqual(len(results), 2)

        async def later():
            answered = asyncio.Event()

            async def texts():
                yield "good"
                await answered.wait()
                yield "bad"

            async with AsyncClient(self.server.address, timeout=TIMEOUT) as client:
                async for result in client.classify_stream(texts()):
                    results.append(result)
                    answered.set()

        asyncio.run(later())
        self.assertEqual(len(results), 4)

    def test_what_came_before_an_exception_of_the_iterable_is_answered(self):
        def texts():
            yield from TEXTS + [" "]
            raise KeyError("no more")

        async def later():
            async with AsyncClient(self.server.address, timeout=TIMEOUT) as client:
                async for result in client.classify_stream(texts()):
                    results.append(result)

        def at_once():
            for result in self.client.classify_stream(texts()):
                results.append(result)

        for call in (at_once, lambda: asyncio.run(later())):
            results = []
            with self.assertRaises(KeyError):
                call()
            outcomes = collections.Counter(one.result.WhichOneof("outcome") for one in results)
            self.assertEqual(outcomes, {"classification": len(TEXTS), "status": 1})

    def test_streams_and_watches_that_are_dropped_end(self):
        def texts():
            while True:
                yield "good"

        async def later():
            async with AsyncClient(self.server.address, timeout=TIMEOUT) as client:
                async for _ in client.classify_stream(texts()):
                    break
                async for _ in client.watch_health():
                    break

        for _ in self.client.classify_stream(texts()):
            break
        asyncio.run(later())
        wait_until(lambda: not [thread for thread in threading.enumerate() if thread.name.startswith("roberta-")])

    def test_a_stream_whose_settings_are_refused_says_so(self):
        with self.assertRaises(StreamError) as caught:
            list(self.client.classify_stream(TEXTS, profile="nothing"))
        self.assertIn('"nothing" is unknown', str(caught.exception))
        self.assertEqual(sorted(caught.exception.unanswered), list(range(len(caught.exception.unanswered))))
        with self.assertRaisesRegex(ValueError, "profil"):
            self.client.classify_stream(TEXTS, profil="baseline")

    def test_a_server_that_stops_leaves_no_text_unaccounted_for(self):
        """In both kinds of stream at once, on a server of their own."""
        with Server() as server:
            pulled, results = [0, 0], [[], []]
            warm = threading.Barrier(3, timeout=TIMEOUT)

            def texts(which):
                while True:
                    pulled[which] += 1
                    yield TEXTS[0]

            def take(which, result):
                results[which].append(result.sequence)
                if len(results[which]) == 50:
                    warm.wait()

            def at_once():
                with Client(server.address, timeout=TIMEOUT) as client:
                    for result in client.classify_stream(texts(0), max_in_flight=2000):
                        take(0, result)

            async def later():
                async with AsyncClient(server.address, timeout=TIMEOUT) as client:
                    async for result in client.classify_stream(texts(1), max_in_flight=2000, ordered=True):
                        take(1, result)

            with futures.ThreadPoolExecutor(2) as pool:
                ends = [pool.submit(at_once), pool.submit(lambda: asyncio.run(later()))]
                warm.wait()
                server.signal(signal.SIGTERM)
                self.assertEqual(server.wait(), 0)
                for which, end in enumerate(ends):
                    error = end.exception(TIMEOUT)
                    self.assertIsInstance(error, StreamError)
                    self.assertIs(error.code, grpc.StatusCode.UNAVAILABLE, error)
                    self.assertEqual(sorted([*results[which], *error.unanswered]), list(range(pulled[which])))
                    self.assertGreater(len(error.unanswered), 0)

    def test_the_command_prints_what_roberta_client_does(self):
        files = {"rows.tsv": "\ufefflabel\ttext\tid\r\npositive\tgood\t7\r\n\nnegative\t \t8\nnegative\tbad\nnegative\tbad\t9\n",
                 "rows.csv": 'text,text_pair\n"good, ""very""\nindeed",why\nbad,\n',
                 "rows.jsonl": '{"text": "good", "id": 7}\n{"text": "bad", "label": "positive"}\n',
                 "rows.txt": "good\n\nbad\n"}
        for name, text in files.items():
            path = pathlib.Path(directory.name, name)
            path.write_text(text)
            expected = self.server.client("classify", "--json", "--logits", "--file", path)
            result = self.command("classify", "--json", "--logits", "--file", path, code=expected.returncode)
            self.assertEqual([without_message(line) for line in result.stdout.splitlines()],
                             [without_message(line) for line in expected.stdout.splitlines()])
            accuracy = [line for line in expected.stderr.splitlines() if line.startswith("accuracy")]
            self.assertEqual([line for line in result.stderr.splitlines() if line.startswith("accuracy")], accuracy)
        result = self.command("classify", "--json", "--top-k", "1", "-", input="good\nbad\n")
        self.assertEqual([len(json.loads(line)["scores"]) for line in result.stdout.splitlines()], [1, 1])

    def test_commands_and_their_exit_codes(self):
        self.assertRegex(self.command("classify", *TEXTS).stdout, r"a dull, lifeless mess +negative +0\.99\d\d  baseline +\d+\n")
        self.assertRegex(self.command("profiles").stdout, r"baseline \(default\) +READY +fp32 +\d+\.\d MiB")
        self.assertEqual(len(json.loads(self.command("compare", "--json", "good").stdout)["comparisons"]), 2)
        self.assertIn("UNLOADED", self.command("profiles", "--json").stdout)
        self.assertIn("FAILED_PRECONDITION", self.command("compare", "--profiles", "baseline,amp", "good", code=1).stdout)
        self.assertEqual(self.command("health").stdout, "SERVING\n")
        self.command("health", "nothing", code=1)
        self.assertEqual(self.command("unload", "quantized").stdout, "quantized is UNLOADED\n")
        self.assertIn("FAILED_PRECONDITION", self.command("set-default", "quantized", code=1).stderr)
        self.assertEqual(self.command("load", "quantized").stdout, "quantized is READY\n")
        self.assertIn("positive", self.command("classify", "--profile", "auto", "--min-accuracy", "0.5", "good").stdout)
        self.assertIn("min_accuracy", self.command("classify", "--profile", "auto", "--min-accuracy", "5", "good", code=1).stderr)
        self.command("classify", code=2)
        self.command("nothing", code=2)
        self.assertIn("invalid number of seconds value: '0'", self.command("--deadline", "0", "profiles", code=2).stderr)
        self.assertIn("cannot reach 127.0.0.1:1", self.command("--address", "127.0.0.1:1", "classify", "good", code=3).stderr)
        self.assertIn("the format is not clear", self.command("classify", "--file", "rows.xml", code=1).stderr)
        self.assertRegex(self.command("--version", cwd=directory.name).stdout, r"^roberta_serve \d+\.\d+\.\d+\n$")


def without_message(line):
    """A line of --json, without the words of an error, which may differ."""
    fields = json.loads(line)
    fields.get("error", {}).pop("message", None)
    return fields


class FakeServer:
    """Answers Classify by `behavior(context, attempt)`, and keeps the metadata of each attempt."""

    def __init__(self, behavior, address="127.0.0.1:0", credentials=None):
        self.metadata = []
        self._server = grpc.server(futures.ThreadPoolExecutor(2))

        def classify(request, context):
            self.metadata.append(dict(context.invocation_metadata()))
            behavior(context, len(self.metadata))
            return v1.ClassifyResponse(model="fake")

        handler = grpc.unary_unary_rpc_method_handler(classify, v1.ClassifyRequest.FromString, v1.ClassifyResponse.SerializeToString)
        self._server.add_generic_rpc_handlers([grpc.method_handlers_generic_handler("roberta.v1.Classifier", {"Classify": handler})])
        self.port = (self._server.add_secure_port(address, credentials) if credentials else self._server.add_insecure_port(address))
        self.address = address if address.startswith("unix:") else address.rpartition(":")[0] + f":{self.port}"

    def __enter__(self):
        self._server.start()
        return self

    def __exit__(self, *unused):
        self._server.stop(None).wait()


def answer(context, attempt):
    pass


class Connections(unittest.TestCase):
    def test_every_call_needs_a_timeout(self):
        with FakeServer(answer) as server, Client(server.address) as client, Client(server.address, timeout=TIMEOUT) as with_timeout:
            with self.assertRaisesRegex(TypeError, "needs a timeout"):
                client.classify("good")
            with self.assertRaisesRegex(TypeError, "needs a timeout"):
                client.classify_stream(["good"])
            for bad in (0, -1, float("inf"), float("nan")):
                with self.assertRaisesRegex(ValueError, "must be positive"):
                    client.classify("good", timeout=bad)
            self.assertEqual(client.classify("good", timeout=TIMEOUT).model, "fake")
            self.assertEqual(with_timeout.classify("good").model, "fake")
        self.assertEqual(len(server.metadata), 2)

    def test_a_timeout_that_passes(self):
        with FakeServer(lambda context, attempt: threading.Event().wait(context.time_remaining() + 1)) as server:
            with Client(server.address, timeout=0.2) as client, self.assertRaises(RobertaError) as caught:
                client.classify("good")
        self.assertIs(caught.exception.code, grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_a_task_that_is_cancelled_cancels_its_call(self):
        begun, cancelled = threading.Event(), threading.Event()

        def behavior(context, attempt):
            context.add_callback(cancelled.set)
            begun.set()
            cancelled.wait(TIMEOUT)

        async def later():
            async with AsyncClient(server.address, timeout=TIMEOUT) as client:
                task = asyncio.ensure_future(client.classify("good"))
                await asyncio.get_running_loop().run_in_executor(None, begun.wait, TIMEOUT)
                task.cancel()
                with self.assertRaises(asyncio.CancelledError):
                    await task
                return await asyncio.get_running_loop().run_in_executor(None, cancelled.wait, TIMEOUT)

        with FakeServer(behavior) as server:
            self.assertTrue(asyncio.run(later()))

    def test_refused_calls_are_repeated_as_the_service_config_says(self):
        def refuse_twice(context, attempt):
            if attempt % 3 != 0:
                context.set_trailing_metadata([("grpc-retry-pushback-ms", "1")])
                context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")

        async def later():
            async with AsyncClient(server.address, timeout=TIMEOUT) as client:
                return await client.classify("good")

        with FakeServer(refuse_twice) as server, Client(server.address, timeout=TIMEOUT) as client:
            self.assertEqual(client.classify("good").model, "fake")
            self.assertEqual(len(server.metadata), 3)
            self.assertEqual(asyncio.run(later()).model, "fake")
            self.assertEqual(len(server.metadata), 6)
        self.assertTrue(server.metadata[0]["user-agent"].startswith("roberta-client-python/"))

    def test_a_refusal_says_when_to_come_back(self):
        import google.rpc.error_details_pb2 as error_details_pb2
        import google.rpc.status_pb2 as status_pb2

        def refuse(context, attempt):
            trailers = [("grpc-retry-pushback-ms", "-1"), ("x-request-id", "seven")]
            if attempt == 1:
                status = status_pb2.Status()
                info = error_details_pb2.RetryInfo()
                info.retry_delay.FromMilliseconds(1500)
                status.details.add().Pack(info)
                trailers.append(("grpc-status-details-bin", status.SerializeToString()))
            if attempt == 2:
                trailers.append(("grpc-status-details-bin", b"\xff\xff not a message"))
            context.set_trailing_metadata(trailers)
            context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "busy")

        with FakeServer(refuse) as server, Client(server.address, timeout=TIMEOUT) as client:
            for delay in (1.5, None):
                with self.assertRaises(RobertaError) as caught:
                    client.classify("good")
                self.assertEqual((caught.exception.retry_delay, caught.exception.request_id), (delay, "seven"))
        self.assertEqual(len(server.metadata), 2)

    def test_unix_sockets_and_both_families(self):
        addresses = ["127.0.0.1:0", f"unix:{directory.name}/socket"]
        if pathlib.Path("/proc/net/if_inet6").exists() and pathlib.Path("/proc/net/if_inet6").read_text():
            addresses.append("[::1]:0")
        for address in addresses:
            with FakeServer(answer, address) as server, Client(server.address, timeout=TIMEOUT) as client:
                self.assertEqual(client.classify("good").model, "fake")

    def test_a_proxy_does_not_capture_loopback(self):
        dead = {name: "http://127.0.0.1:1" for name in ("http_proxy", "grpc_proxy", "https_proxy")}
        with FakeServer(answer) as server, mock.patch.dict(os.environ, {**dead, "no_proxy": "", "no_grpc_proxy": ""}):
            for host in ("127.0.0.1", "localhost", "dns:127.0.0.1", "dns:///127.0.0.1"):
                with Client(f"{host}:{server.port}", timeout=TIMEOUT) as client:
                    self.assertEqual(client.classify("good").model, "fake")

    def test_tls_in_both_directions_with_a_token(self):
        required = grpc.ssl_server_credentials([((TLS / "server.key").read_bytes(), (TLS / "server.pem").read_bytes())],
                                               (TLS / "ca.pem").read_bytes(), True)
        token = pathlib.Path(directory.name, "token")
        token.write_text("secret\n")
        files = {"ca": str(TLS / "ca.pem"), "certificate": str(TLS / "caller.pem"), "key": str(TLS / "caller.key"), "token": str(token)}
        credentials = roberta_serve.Credentials.from_files(**files)
        self.assertNotIn("secret", repr(credentials))

        async def later(address):
            async with AsyncClient(address, timeout=TIMEOUT, credentials=credentials) as client:
                return await client.classify("good")

        with FakeServer(answer, credentials=required) as server:
            address = f"localhost:{server.port}"
            with Client(address, timeout=TIMEOUT, credentials=credentials) as client:
                self.assertEqual(client.classify("good").model, "fake")
            self.assertEqual(asyncio.run(later(address)).model, "fake")
            without = roberta_serve.Credentials.from_files(ca=files["ca"])
            with Client(address, timeout=5, credentials=without) as client, self.assertRaises(RobertaError) as caught:
                client.classify("good")
            self.assertIs(caught.exception.code, grpc.StatusCode.UNAVAILABLE)
        self.assertEqual([metadata["authorization"] for metadata in server.metadata], ["Bearer secret"] * 2)

    def test_credentials_that_cannot_be_meant_are_refused(self):
        for arguments, reason in (({"ca": b"-"}, "needs tls"), ({"tls": True, "key": b"-"}, "needs its key"),
                                  ({"tls": True, "token": "two lines\n"}, "not printable")):
            with self.assertRaisesRegex(ValueError, reason):
                roberta_serve.Credentials(**arguments)
        with self.assertRaisesRegex(ValueError, "README.md: not a PEM file"):
            roberta_serve.Credentials.from_files(ca=str(SOURCE / "README.md"))
        token = roberta_serve.Credentials(token="secret")
        with self.assertRaisesRegex(ValueError, "a token needs TLS"):
            Client("example.com:8001", credentials=token)
        for address in ("127.0.0.1:8001", "unix:/run/roberta.sock"):
            Client(address, credentials=token).close()


class Books(unittest.TestCase):
    """What a stream keeps, without a stream."""

    def book(self, items, **settings):
        from roberta_serve.streams import StreamBook
        book = StreamBook({}, ordered=settings.pop("ordered", False), max_in_flight=10, items_per_message=4)
        for number in range(items):
            book.take(roberta_serve.Item(text=settings.get("text", str(number))))
        return book

    @staticmethod
    def response(*sequences):
        return v1.ClassifyStreamResponse(results=[v1.StreamResult(sequence=sequence) for sequence in sequences])

    def test_messages_hold_so_many_items_and_so_many_bytes(self):
        book = self.book(6)
        self.assertEqual([len(book.next_message().items) for _ in range(2)], [4, 2])
        self.assertFalse(book.has_unsent())
        book = self.book(3, text="x" * 600_000)
        self.assertEqual([len(book.next_message().items) for _ in range(3)], [1, 1, 1])

    def test_order_leaves_no_result_behind_when_one_is_missing(self):
        book = self.book(5, ordered=True)
        book.receive(self.response(3, 1, 1, 99))
        self.assertIsNone(book.next_result())
        book.receive(self.response(0))
        self.assertEqual([book.next_result().sequence for _ in range(2)], [0, 1])
        self.assertIsNone(book.next_result())
        self.assertEqual(book.next_result(at_end=True).sequence, 3)
        self.assertIsNone(book.next_result(at_end=True))
        self.assertEqual({number: item.text for number, item in book.outcome(None, None).unanswered.items()}, {2: "2", 4: "4"})

    def test_results_that_nobody_took_count_as_in_flight(self):
        book = self.book(10)
        book.receive(self.response(*range(10)))
        self.assertFalse(book.has_room())
        book.next_result()
        self.assertTrue(book.has_room())


if __name__ == "__main__":
    unittest.main()
