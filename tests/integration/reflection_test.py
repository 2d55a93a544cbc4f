"""Server reflection as grpcurl uses it: services by name, and the file that describes one of their methods."""

import unittest

from binaries import Server

try:
    import grpc
except ImportError:
    grpc = None

# Fields of grpc.reflection.v1alpha.ServerReflectionRequest, as they go over the wire.
LIST_SERVICES = b"\x3a\x00"


def file_containing(symbol):
    return b"\x22" + bytes([len(symbol)]) + symbol.encode()


@unittest.skipIf(grpc is None, "not run: /usr/bin/python3 has no grpcio")
class Reflection(unittest.TestCase):
    def ask(self, server, request):
        with grpc.insecure_channel(server.address) as channel:
            method = channel.stream_stream("/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo")
            (response,) = method(iter([request]), timeout=60)
        return response

    def test_services_and_their_files_are_listed(self):
        with Server() as server:
            services = self.ask(server, LIST_SERVICES)
            for name in (b"roberta.v1.Classifier", b"roberta.v1.Profiles", b"grpc.health.v1.Health"):
                self.assertIn(name, services)
            described = self.ask(server, file_containing("roberta.v1.Classifier.Classify"))
            for name in (b"ClassifyRequest", b"allow_partial", b"truncation"):
                self.assertIn(name, described)


if __name__ == "__main__":
    unittest.main()
