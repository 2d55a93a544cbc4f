"""The client for threads."""

from __future__ import annotations

import threading
from types import TracebackType
from typing import TYPE_CHECKING, Any, Callable, Dict, Iterable, Iterator, Optional, Type, Union

import grpc

from roberta_serve import connection, v1
from roberta_serve._protos import health_pb2
from roberta_serve.connection import (CallSettings, Connection, Credentials, Health, Method, Request, Response, Settings, Text,
                                      to_health, to_item)
from roberta_serve.errors import RobertaError, from_rpc
from roberta_serve.streams import ITEMS_PER_MESSAGE, MAX_IN_FLIGHT, StreamBook

if TYPE_CHECKING:
    from typing_extensions import Unpack


def to_error(error: grpc.RpcError) -> RobertaError:
    call: Any = error  # gRPC's are calls as well
    return from_rpc(call.code(), call.details(), call.trailing_metadata())


class Client:
    """A connection to a roberta-server, which is made at the first call. Any number of threads may call.

    `address` is as gRPC takes it: "host:port", "[::1]:8001", "unix:/path", "dns:///name:port". Every call has a `timeout`, in
    seconds and with its retries, or else the client's; TypeError if neither is given. A call that answers UNAVAILABLE or
    RESOURCE_EXHAUSTED is repeated within it, as client/service_config.json says. A call that fails raises RobertaError.
    """

    def __init__(self, address: str = "127.0.0.1:8001", *, timeout: Optional[float] = None,
                 credentials: Optional[Credentials] = None, max_response_bytes: int = 256 << 20) -> None:
        self._connection = Connection(address, timeout, credentials, max_response_bytes)
        secure = self._connection.channel_credentials()
        options = self._connection.arguments
        self._channel = (grpc.secure_channel(address, secure, options=options) if secure else
                         grpc.insecure_channel(address, options=options))

    def close(self) -> None:
        """Ends the calls in flight, with CANCELLED."""
        self._channel.close()

    def __enter__(self) -> Client:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    def classify(self, texts: Union[Text, Iterable[Text], v1.ClassifyRequest], *, timeout: Optional[float] = None,
                 **settings: Unpack[CallSettings]) -> v1.ClassifyResponse:
        """Classifies one text, several, or what a whole request holds."""
        return self._call(connection.CLASSIFY, connection.classify_request(texts, settings), timeout)

    def classify_stream(self, texts: Iterable[Text], *, timeout: Optional[float] = None, ordered: bool = False,
                        max_in_flight: int = MAX_IN_FLIGHT, items_per_message: int = ITEMS_PER_MESSAGE,
                        **settings: Unpack[Settings]) -> ClassifyStream:
        """Classifies any number of texts with flow control. `timeout` is for the whole of it.

        A thread takes the texts from the iterable, as long as fewer than `max_in_flight` are without a result that was handed out,
        and sends what is there, in messages of at most `items_per_message`. An exception of the iterable is raised when everything
        that it gave before is answered.
        """
        book = StreamBook(settings, ordered, max_in_flight, items_per_message)
        return ClassifyStream(self.open_stream(book, timeout), texts)

    def compare(self, text: Union[Text, v1.CompareRequest], *, timeout: Optional[float] = None, profiles: Iterable[str] = (),
                truncation: Optional[v1.Truncation] = None,
                function_to_apply: Optional[v1.FunctionToApply] = None) -> v1.CompareResponse:
        """The same text through several profiles, side by side; all that are READY if none is named."""
        return self._call(connection.COMPARE, connection.compare_request(text, profiles, truncation, function_to_apply), timeout)

    def list_profiles(self, *, timeout: Optional[float] = None) -> v1.ListProfilesResponse:
        return self._call(connection.LIST_PROFILES, v1.ListProfilesRequest(), timeout)

    def load_profile(self, name: str, *, timeout: Optional[float] = None) -> v1.LoadProfileResponse:
        """Answers when the profile is loaded, or could not be: `failure` of the response then says why.

        A load goes on when its call ends before it.
        """
        return self._call(connection.LOAD_PROFILE, v1.LoadProfileRequest(name=name), timeout)

    def unload_profile(self, name: str, *, timeout: Optional[float] = None) -> v1.UnloadProfileResponse:
        return self._call(connection.UNLOAD_PROFILE, v1.UnloadProfileRequest(name=name), timeout)

    def set_default_profile(self, name: str, *, timeout: Optional[float] = None) -> v1.SetDefaultProfileResponse:
        return self._call(connection.SET_DEFAULT_PROFILE, v1.SetDefaultProfileRequest(name=name), timeout)

    def check_health(self, service: str = "", *, timeout: Optional[float] = None) -> Health:
        """Of a service, of "profile/NAME", or of the whole server."""
        try:
            response = self._call(connection.HEALTH_CHECK, health_pb2.HealthCheckRequest(service=service), timeout)
        except RobertaError as error:
            if error.code is grpc.StatusCode.NOT_FOUND:
                return Health.SERVICE_UNKNOWN
            raise
        return to_health(response)

    def watch_health(self, service: str = "", *, timeout: Optional[float] = None) -> Iterator[Health]:
        """The health now and at every change. Ends only by an error: DEADLINE_EXCEEDED, or UNAVAILABLE when the server goes."""
        return changes(self.open_watch(service, timeout))

    def open_watch(self, service: str, timeout: Optional[float]) -> Callable[[], Any]:
        """For AsyncClient: what starts the call."""
        method, arguments = connection.HEALTH_WATCH, self.call_arguments(timeout)
        stub: Any = self._channel.unary_stream(method.path, method.request.SerializeToString, method.response.FromString)
        return lambda: stub(health_pb2.HealthCheckRequest(service=service), **arguments)

    def _call(self, method: Method[Request, Response], request: Request, timeout: Optional[float]) -> Response:
        try:
            response: Response = self.stub(method)(request, **self.call_arguments(timeout))
        except grpc.RpcError as error:
            raise to_error(error) from None
        return response

    def open_stream(self, book: StreamBook, timeout: Optional[float]) -> StreamCall:
        """For AsyncClient."""
        return StreamCall(self._channel, book, self.call_arguments(timeout))

    def stub(self, method: Method[Request, Response]) -> Any:
        """For AsyncClient."""
        return self._channel.unary_unary(method.path, method.request.SerializeToString, method.response.FromString)

    def call_arguments(self, timeout: Optional[float]) -> Dict[str, Any]:
        """For AsyncClient."""
        return {"timeout": self._connection.timeout(timeout), "metadata": self._connection.metadata}


def changes(open_call: Callable[[], Any]) -> Iterator[Health]:
    """What a call of Watch says."""
    call = open_call()
    try:
        for response in call:
            yield to_health(response)
    except grpc.RpcError as error:
        raise to_error(error) from None
    finally:
        call.cancel()
    raise RobertaError(grpc.StatusCode.UNAVAILABLE, "the server ended the watch")


class Feed:
    """What the threads of a stream share. They do not know the stream itself, so that one that nobody has any more ends."""

    def __init__(self, book: StreamBook) -> None:
        self.changed = threading.Condition()  # guards what follows
        self.book = book
        self.failure: Optional[BaseException] = None  # of the iterable
        self.ended = False  # the call
        self._exhausted = False

    def take_texts(self, texts: Iterable[Text]) -> None:
        """The work of a thread of its own, since the iterable may block."""
        failure: Optional[BaseException] = None
        try:
            remaining = iter(texts)
            while self._waits_for_room():
                self.take(to_item(next(remaining)))
        except StopIteration:
            pass
        except BaseException as raised:
            failure = raised
        self.exhaust(failure)

    def _waits_for_room(self) -> bool:
        with self.changed:
            self.changed.wait_for(lambda: self.ended or self.book.has_room())
            return not self.ended

    def take(self, item: v1.Item) -> None:
        with self.changed:
            self.book.take(item)
            self.changed.notify_all()

    def exhaust(self, failure: Optional[BaseException]) -> None:
        """No more texts come."""
        with self.changed:
            self.failure = failure
            self._exhausted = True
            self.changed.notify_all()

    def messages(self) -> Iterator[v1.ClassifyStreamRequest]:
        """For a thread of gRPC's, which asks for the next one when the last one was sent."""
        while True:
            with self.changed:
                self.changed.wait_for(lambda: self.ended or self._exhausted or self.book.has_unsent())
                if self.ended or not self.book.has_unsent():
                    return
                message = self.book.next_message()
            yield message

    def end(self) -> None:
        with self.changed:
            self.ended = True
            self.changed.notify_all()


class StreamCall:
    """A ClassifyStream call of gRPC's, with its feed. One thread may receive while another takes results."""

    def __init__(self, channel: grpc.Channel, book: StreamBook, arguments: Dict[str, Any]) -> None:
        method = connection.CLASSIFY_STREAM
        self.feed = Feed(book)
        self.finished = False
        self._error: Optional[RobertaError] = None
        self._call: Any = channel.stream_stream(method.path, method.request.SerializeToString, method.response.FromString)(
            self.feed.messages(), **arguments)
        if not self._call.add_callback(self.feed.end):
            self.feed.end()

    def receive(self) -> None:
        """Waits for the next message, or for the end: then it is finished."""
        try:
            response = next(self._call)
        except StopIteration:
            self.finished = True
        except grpc.RpcError as error:
            self._error = to_error(error)
            self.finished = True
        else:
            with self.feed.changed:
                self.feed.book.receive(response)

    def next_result(self) -> Optional[v1.StreamResult]:
        """None: none is there yet. After the last one, raises what a stream ends with."""
        finished = self.finished  # what came before this is in the book
        with self.feed.changed:
            result = self.feed.book.next_result(at_end=finished)
            self.feed.changed.notify_all()
        if result is None and finished:
            raise self.feed.book.outcome(self._error, self.feed.failure) or StopIteration
        return result

    def cancel(self) -> None:
        self._call.cancel()


class ClassifyStream(Iterator[v1.StreamResult]):
    """The results of a stream, as they come: each has the number of its text, `sequence`, from 0. For one thread at a time.

    A text that is bad has a status for a result. Raises StreamError, which has the items without a result, if the stream ends
    before all are answered. Leaving the `with` block, or dropping the stream, ends the call.
    """

    def __init__(self, call: StreamCall, texts: Iterable[Text]) -> None:
        self._call = call
        threading.Thread(target=call.feed.take_texts, args=(texts,), name="roberta-stream", daemon=True).start()

    @property
    def start(self) -> Optional[v1.StreamStart]:
        """What holds for all results: profile, model, request id. None before the first result."""
        return self._call.feed.book.start

    @property
    def end(self) -> Optional[v1.StreamEnd]:
        """Sums over the stream; None before its end."""
        return self._call.feed.book.end

    @property
    def in_flight(self) -> int:
        """Texts that were taken from the iterable and have no result yet."""
        return len(self._call.feed.book.unanswered)

    def __next__(self) -> v1.StreamResult:
        while True:
            result = self._call.next_result()
            if result is not None:
                return result
            self._call.receive()

    def close(self) -> None:
        """Ends the call, with CANCELLED."""
        self._call.cancel()

    def __enter__(self) -> ClassifyStream:
        return self

    def __exit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException], trace: Optional[TracebackType]) -> None:
        self.close()

    def __del__(self) -> None:
        self.close()
