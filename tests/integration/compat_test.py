"""Public clients of other protocols, unchanged, against the real server: NVIDIA's tritonclient, stubs of text-embeddings-inference, and
stubs of reflection as grpcurl has them. What they are told is what Classify says, to the bit."""

import importlib
import queue
import sys
import tempfile
import unittest

from binaries import SOURCE, Server, use_python_packages

use_python_packages()
try:
    import grpc
    import numpy
    import tritonclient.grpc as triton
    from grpc_tools import protoc
    from tritonclient.grpc import service_pb2
    from tritonclient.utils import InferenceServerException

    MISSING = None
except ImportError as error:
    MISSING = f"not run: {error}; tests/run makes the environment that has it"

MODEL = "demo-sst2"
TEXTS = ["a warm, funny and deeply moving film", "a dull, lifeless mess that never finds its story", "not bad at all"]
PROFILES = ["baseline", "quantized", "integrated"]
STUBS = ["roberta/v1/classifier", "roberta/v1/profiles", "tei/v1/tei", "grpc/reflection/v1/reflection",
         "grpc/reflection/v1alpha/reflection"]
TIMEOUT = 120


def text_input(texts, name="text", shape=None):
    tensor = triton.InferInput(name, shape or [len(texts)], "BYTES")
    tensor.set_data_from_numpy(numpy.array([text.encode() for text in texts], dtype=numpy.object_).reshape(shape or [-1]))
    return tensor


def make_stubs(folder):
    """Messages and stubs of our protos by name, as protoc generates them for every client."""
    files = [f"{name}.proto" for name in STUBS]
    if protoc.main(["protoc", f"-I{SOURCE / 'proto'}", f"--python_out={folder}", f"--grpc_python_out={folder}", *files]) != 0:
        raise AssertionError("protoc failed")
    sys.path.insert(0, folder)
    grpc.__path__.append(f"{folder}/grpc")  # reflection's package is a part of the library's
    return {name: (importlib.import_module(f"{name.replace('/', '.')}_pb2"),
                   importlib.import_module(f"{name.replace('/', '.')}_pb2_grpc")) for name in STUBS}


@unittest.skipIf(MISSING, MISSING)
class Compatible(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        stubs = make_stubs(cls.enterClassContext(tempfile.TemporaryDirectory()))
        cls.server = cls.enterClassContext(Server(profiles=",".join(PROFILES)))
        cls.triton = cls.enterClassContext(triton.InferenceServerClient(cls.server.address))
        cls.channel = cls.enterClassContext(grpc.insecure_channel(cls.server.address))
        cls.classifier_pb2, classifier = stubs["roberta/v1/classifier"]
        cls.classifier = classifier.ClassifierStub(cls.channel)
        cls.tei_pb2, cls.tei = stubs["tei/v1/tei"]
        cls.reflection = {name: stubs[f"grpc/reflection/{name}/reflection"] for name in ("v1", "v1alpha")}

    def classify(self, texts, profile=""):
        request = self.classifier_pb2.ClassifyRequest(profile=profile, return_logits=True)
        for text in texts:
            request.items.add(text=text)
        return [result.classification for result in self.classifier.Classify(request, timeout=TIMEOUT).results]

    def predict(self, text, profile="", **fields):
        stub = self.tei.PredictStub(self.channel)
        metadata = [("x-profile", profile)] if profile else []
        return stub.Predict(self.tei_pb2.PredictRequest(inputs=text, **fields), metadata=metadata, timeout=TIMEOUT)

    def infer(self, texts, model=MODEL, **options):
        return self.triton.infer(model, [text_input(texts)], client_timeout=TIMEOUT, **options)

    def test_every_protocol_gives_the_same_bits_for_every_profile(self):
        for profile in PROFILES:
            expected = self.classify(TEXTS, profile)
            result = self.infer(TEXTS, f"{MODEL}@{profile}")
            for i, classification in enumerate(expected):
                scores = {score.label: score.score for score in classification.scores}
                predicted = self.predict(TEXTS[i], profile).predictions
                self.assertEqual([(p.label, p.score) for p in predicted],
                                 [(score.label, score.score) for score in classification.scores])
                raw = {p.label: p.score for p in self.predict(TEXTS[i], profile, raw_scores=True).predictions}
                labels = ["negative", "positive"]
                self.assertEqual([raw[label] for label in labels], list(classification.logits))
                self.assertEqual(result.as_numpy("logits")[i].tolist(), list(classification.logits))
                self.assertEqual(result.as_numpy("scores")[i].tolist(), [scores[label] for label in labels])
                self.assertEqual(result.as_numpy("label")[i].decode(), classification.label)
                self.assertEqual(result.as_numpy("index")[i], classification.index)
            self.assertEqual(result.get_response().parameters["profile"].string_param, profile)

    def test_tritonclient_learns_of_server_and_models(self):
        self.assertTrue(self.triton.is_server_live())
        self.assertTrue(self.triton.is_server_ready())
        self.assertTrue(self.triton.is_model_ready(MODEL))
        self.assertTrue(self.triton.is_model_ready(f"{MODEL}@quantized", "1"))
        self.assertFalse(self.triton.is_model_ready(f"{MODEL}@pruned"))
        self.assertIn("statistics", self.triton.get_server_metadata().extensions)
        metadata = self.triton.get_model_metadata(MODEL)
        self.assertEqual([(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in metadata.inputs],
                         [("text", "BYTES", [-1, 1]), ("text_pair", "BYTES", [-1, 1])])
        self.assertEqual([(tensor.name, tensor.datatype, list(tensor.shape)) for tensor in metadata.outputs],
                         [("scores", "FP32", [-1, 2]), ("logits", "FP32", [-1, 2]), ("label", "BYTES", [-1]), ("index", "INT64", [-1])])
        config = self.triton.get_model_config(f"{MODEL}@quantized", as_json=True)["config"]
        self.assertEqual(config["max_batch_size"], 1024)
        self.assertEqual(config["dynamic_batching"]["priority_levels"], "3")
        self.assertEqual(config["parameters"]["profile"]["string_value"], "quantized")
        with self.assertRaisesRegex(InferenceServerException, "NOT_FOUND.*\"nonesuch\" is unknown; the models are demo-sst2"):
            self.triton.get_model_metadata("nonesuch")

    def test_tritonclient_asks_for_outputs_classes_and_parameters(self):
        outputs = [triton.InferRequestedOutput("scores", class_count=1), triton.InferRequestedOutput("label")]
        result = self.infer(TEXTS, outputs=outputs, request_id="mine", priority=1, timeout=TIMEOUT * 1_000_000,
                            parameters={"profile": "quantized", "truncation": "right"})
        self.assertEqual(result.get_response().id, "mine")
        self.assertEqual(result.get_response().parameters["profile"].string_param, "quantized")
        self.assertIsNone(result.as_numpy("logits"))
        for (best,), classification in zip(result.as_numpy("scores"), self.classify(TEXTS, "quantized"), strict=True):
            self.assertEqual(best.decode(), f"{classification.score:f}:{classification.index}:{classification.label}")
        pair = self.triton.infer(MODEL, [text_input(TEXTS[:2], shape=[2, 1]), text_input(TEXTS[1:], "text_pair", [2, 1])])
        self.assertEqual(pair.as_numpy("scores").shape, (2, 2))
        for parameters, error in [({"temperature": 1.0}, "unknown parameter"), ({"truncation": "middle"}, "error, right, left")]:
            with self.assertRaisesRegex(InferenceServerException, f"INVALID_ARGUMENT.*{error}"):
                self.infer(TEXTS, parameters=parameters)
        with self.assertRaisesRegex(InferenceServerException, r"INVALID_ARGUMENT.*inputs\[0\]\[1\]: the text is blank"):
            self.infer(["good", " "])

    def test_tritonclient_has_64_calls_in_flight(self):
        done = queue.Queue()
        texts = [f"{text} {i}" for i in range(22) for text in TEXTS][:64]
        for i, text in enumerate(texts):
            self.triton.async_infer(MODEL, [text_input([text])], lambda result, error, i=i: done.put((i, result, error)))
        answers = dict((i, (result, error)) for i, result, error in (done.get(timeout=TIMEOUT) for _ in texts))
        for i, classification in enumerate(self.classify(texts)):
            result, error = answers[i]
            self.assertIsNone(error)
            self.assertEqual(result.as_numpy("logits")[0].tolist(), list(classification.logits))

    def test_tritonclient_streams_in_order_and_a_bad_request_ends_nothing(self):
        done = queue.Queue()
        texts = [f"{text} {i}" for i in range(34) for text in TEXTS]
        texts[7] = " "
        with triton.InferenceServerClient(self.server.address) as client:
            client.start_stream(lambda result, error: done.put((result, error)))
            for i, text in enumerate(texts):
                client.async_stream_infer(MODEL, [text_input([text])], request_id=str(i))
            answers = [done.get(timeout=TIMEOUT) for _ in texts]
            client.stop_stream()
        self.assertRegex(str(answers[7][1]), r"inputs\[0\]\[0\]: the text is blank")
        self.assertEqual([result.get_response().id for result, error in answers if error is None],
                         [str(i) for i in range(len(texts)) if i != 7])

    def test_tritonclient_reads_statistics_that_grow_with_each_call(self):
        def statistics():
            return self.triton.get_inference_statistics(MODEL).model_stats[0]

        before = statistics()
        self.infer(TEXTS)
        after = statistics()
        self.assertEqual(after.inference_count - before.inference_count, 3)
        self.assertGreater(after.execution_count, before.execution_count)
        success = after.inference_stats.success
        self.assertEqual(success.count - before.inference_stats.success.count, 1)
        parts = (after.inference_stats.queue, after.inference_stats.compute_input, after.inference_stats.compute_infer,
                 after.inference_stats.compute_output)
        self.assertEqual(success.ns, sum(part.ns for part in parts))
        self.assertEqual(len(self.triton.get_inference_statistics().model_stats), 6)

    def test_tritonclient_loads_and_unloads_a_profile(self):
        def state():
            models = self.triton.get_model_repository_index().models
            return {model.name: model.state for model in models}[f"{MODEL}@amp"]

        self.assertEqual(state(), "UNAVAILABLE")
        self.triton.load_model(f"{MODEL}@amp")
        self.assertEqual(state(), "READY")
        self.assertTrue(self.triton.is_model_ready(f"{MODEL}@amp"))
        self.assertEqual(self.infer(TEXTS, f"{MODEL}@amp").as_numpy("label").shape, (3,))
        self.triton.unload_model(f"{MODEL}@amp")
        self.assertEqual(state(), "UNAVAILABLE")
        with self.assertRaisesRegex(InferenceServerException, "FAILED_PRECONDITION.*default"):
            self.triton.unload_model(MODEL)
        with self.assertRaisesRegex(InferenceServerException, "NOT_FOUND"):
            self.triton.load_model("nonesuch")
        with self.assertRaisesRegex(InferenceServerException, "INVALID_ARGUMENT.*the server's"):
            self.triton.load_model(f"{MODEL}@quantized", config="{}")

    def test_a_tei_client_learns_predicts_and_tokenizes(self):
        info = self.tei.InfoStub(self.channel).Info(self.tei_pb2.InfoRequest(), timeout=TIMEOUT)
        self.assertEqual((info.model_id, info.max_input_length, info.max_client_batch_size), (MODEL, 512, 1024))
        self.assertEqual(info.model_type, self.tei_pb2.MODEL_TYPE_CLASSIFIER)
        stub = self.tei.PredictStub(self.channel)
        answer = stub.PredictPair(self.tei_pb2.PredictPairRequest(inputs=TEXTS[:2]), timeout=TIMEOUT)
        self.assertEqual(answer.metadata.compute_chars, len(TEXTS[0]) + len(TEXTS[1]))
        self.assertAlmostEqual(sum(p.score for p in answer.predictions), 1, places=6)
        tokenize = self.tei.TokenizeStub(self.channel)
        request = self.tei_pb2.EncodeRequest(inputs=TEXTS[0], add_special_tokens=True)
        tokens = tokenize.Tokenize(request, timeout=TIMEOUT).tokens
        self.assertEqual(len(tokens), self.classify(TEXTS[:1])[0].token_count)
        self.assertEqual([token.text for token in tokens][:3], ["<s>", "a", "warm"])
        streamed = list(tokenize.TokenizeStream(iter([request] * 40), timeout=TIMEOUT))
        self.assertEqual([len(answer.tokens) for answer in streamed], [len(tokens)] * 40)

    def test_a_tei_stream_is_in_order_and_ends_with_the_first_bad_text(self):
        texts = [f"{text} {i}" for i in range(34) for text in TEXTS]
        expected = [classification.score for classification in self.classify(texts)]
        stub = self.tei.PredictStub(self.channel)
        requests = [self.tei_pb2.PredictRequest(inputs=text) for text in texts]
        answers = list(stub.PredictStream(iter(requests), timeout=TIMEOUT))
        self.assertEqual([answer.predictions[0].score for answer in answers], expected)
        requests[5].inputs = " "
        got = []
        with self.assertRaises(grpc.RpcError) as ended:
            for answer in stub.PredictStream(iter(requests), timeout=TIMEOUT):
                got.append(answer.predictions[0].score)
        self.assertEqual(got, expected[:5])
        self.assertEqual(ended.exception.code(), grpc.StatusCode.INVALID_ARGUMENT)
        self.assertEqual(ended.exception.details(), "inputs: the text is blank")

    def test_what_is_not_offered_says_so_in_a_sentence(self):
        served = {"tei.v1.Info": ["Info"], "tei.v1.Predict": ["Predict", "PredictPair", "PredictStream", "PredictPairStream"],
                  "tei.v1.Tokenize": ["Tokenize", "TokenizeStream"], "tei.v1.Embed": [], "tei.v1.Rerank": []}
        unserved = [f"/{service}/{method.name}" for service, methods in served.items()
                    for method in self.tei_pb2.DESCRIPTOR.services_by_name[service.rpartition(".")[2]].methods
                    if method.name not in methods]
        unserved += [f"/inference.GRPCInferenceService/{method.name}"
                     for method in service_pb2.DESCRIPTOR.services_by_name["GRPCInferenceService"].methods
                     if "SharedMemory" in method.name or method.name in ("TraceSetting", "LogSettings")]
        self.assertEqual(len(unserved), 18)
        for method in [*unserved, "/nobody.Service/Method"]:
            for call in (self.channel.unary_unary, self.channel.stream_stream):
                with self.assertRaises(grpc.RpcError) as ended:
                    if call == self.channel.unary_unary:
                        call(method)(b"", timeout=TIMEOUT)
                    else:
                        list(call(method)(iter([b""]), timeout=TIMEOUT))
                self.assertEqual(ended.exception.code(), grpc.StatusCode.UNIMPLEMENTED, method)
                self.assertRegex(ended.exception.details(), r"^(\S+ ){6,}\S+$", method)

    def test_a_message_that_cannot_be_read_has_no_line_but_the_servers(self):
        infer = self.channel.unary_unary("/inference.GRPCInferenceService/ModelInfer")
        for _ in range(20):
            with self.assertRaisesRegex(grpc.RpcError, "the message is not what this method takes"):
                infer(b"\x0a\x01\xff", timeout=TIMEOUT)
        self.assertNotIn("UTF-8", "".join(self.server.log))

    def test_reflection_describes_every_service_in_both_versions(self):
        for version, (messages, stubs) in self.reflection.items():
            stub = stubs.ServerReflectionStub(self.channel)
            ask = messages.ServerReflectionRequest
            questions = [ask(list_services=""), ask(file_containing_symbol="tei.v1.Predict.PredictPair"),
                         ask(file_by_filename="inference/grpc_service.proto"), ask(file_containing_symbol="roberta.config.ServerConfig")]
            services, tei, inference, hidden = stub.ServerReflectionInfo(iter(questions), timeout=TIMEOUT)
            names = [service.name for service in services.list_services_response.service]
            self.assertEqual(sorted(names), ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection",
                                             "grpc.reflection.v1alpha.ServerReflection", "inference.GRPCInferenceService",
                                             "roberta.v1.Classifier", "roberta.v1.Profiles", "tei.v1.Info", "tei.v1.Predict",
                                             "tei.v1.Tokenize", "xds.service.orca.v3.OpenRcaService"], version)
            self.assertIn(b"PredictPairRequest", tei.file_descriptor_response.file_descriptor_proto[0])
            self.assertEqual(len(inference.file_descriptor_response.file_descriptor_proto), 2, "with what it imports")
            self.assertEqual(hidden.error_response.error_code, grpc.StatusCode.NOT_FOUND.value[0])


if __name__ == "__main__":
    unittest.main()
