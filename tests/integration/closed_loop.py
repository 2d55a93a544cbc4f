"""Load from several client processes, each call as soon as the one before it has ended, until the server takes no more."""

import concurrent.futures
import multiprocessing
import time

try:
    import grpc
except ImportError:
    grpc = None

PROCESSES = 3
THREADS = 4
# ClassifyRequest with an item of 43 bytes.
REQUEST = b"\x0a\x2d\x0a\x2ba long and winding story about very little."


def call_until_refused(address):
    """[(began, ended, code)] of the calls of one thread, which has a connection of its own; the last one has failed."""
    calls = []
    with grpc.insecure_channel(address, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        classify = channel.unary_unary("/roberta.v1.Classifier/Classify")
        while not calls or calls[-1][2] == "OK":
            began = time.monotonic()  # of all processes the same clock
            try:
                classify(REQUEST, timeout=60)
                code = "OK"
            except grpc.RpcError as error:
                code = error.code().name
            calls.append((began, time.monotonic(), code))
    return calls


def call_from_threads(address):
    with concurrent.futures.ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(call_until_refused, [address] * THREADS))


class ClosedLoop:
    """The load on `address`, from its construction on."""

    def __init__(self, address):
        self._processes = concurrent.futures.ProcessPoolExecutor(PROCESSES, multiprocessing.get_context("spawn"))
        self._running = [self._processes.submit(call_from_threads, address) for _ in range(PROCESSES)]

    def wait(self, timeout=120):
        """The calls of each thread of each process, once the server has refused one of each thread."""
        calls = [thread for process in self._running for thread in process.result(timeout)]
        self._processes.shutdown()
        return calls
