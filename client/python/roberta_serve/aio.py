"""The client for asyncio."""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from types import TracebackType
from typing import TYPE_CHECKING, Any, AsyncIterable, AsyncIterator, Callable, Deque, Iterable, Optional, Type, Union

import grpc

from roberta_serve import connection, v1
from roberta_serve._protos import health_pb2
from roberta_serve.client import Client, Feed, StreamCall, changes, to_error
from roberta_serve.connection import CallSettings, Credentials, Health, Method, Request, Response, Settings, Text, to_health, to_item
from roberta_serve.errors import RobertaError
from roberta_serve.streams import ITEMS_PER_MESSAGE, MAX_IN_FLIGHT, StreamBook

if TYPE_CHECKING:
    from typing_extensions import Unpack


class AsyncClient:
    """As Client, for coroutines. A task that is cancelled cancels its call.

    The calls are those of gRPC's threads: with grpc.aio, a stream to which the client writes when the server ends it loses its status
    and the last results.
    """

    def __init__(self, address: str = "127.0.0.1:8001", *, timeout: Optional[float] = None,
                 credentials: Optional[Credentials] = None, max_response_bytes: int = 256 << 20) -> None:
        self._client = Client(address, timeout=timeout, credentials=credentials, max_response_bytes=max_response_bytes)

    async def close(self) -> None:
        """Ends the calls in flight, with CANCELLED."""
        self._client.close()

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        await self.close()

    async def classify(self, texts: Union[Text, Iterable[Text], v1.ClassifyRequest], *, timeout: Optional[float] = None,
                       **settings: Unpack[CallSettings]) -> v1.ClassifyResponse:
        """Classifies one text, several, or what a whole request holds."""
        return await self._call(connection.CLASSIFY, connection.classify_request(texts, settings), timeout)

    def classify_stream(self, texts: Union[Iterable[Text], AsyncIterable[Text]], *, timeout: Optional[float] = None,
                        ordered: bool = False, max_in_flight: int = MAX_IN_FLIGHT, items_per_message: int = ITEMS_PER_MESSAGE,
                        **settings: Unpack[Settings]) -> AsyncClassifyStream:
        """As Client.classify_stream. A task takes the texts if the iterable is asynchronous, else a thread."""
        book = StreamBook(settings, ordered, max_in_flight, items_per_message)
        self._client.call_arguments(timeout)  # which may be refused at once
        return AsyncClassifyStream(lambda: self._client.open_stream(book, timeout), book, texts)

    async def compare(self, text: Union[Text, v1.CompareRequest], *, timeout: Optional[float] = None, profiles: Iterable[str] = (),
                      truncation: Optional[v1.Truncation] = None,
                      function_to_apply: Optional[v1.FunctionToApply] = None) -> v1.CompareResponse:
        """The same text through several profiles, side by side; all that are READY if none is named."""
        request = connection.compare_request(text, profiles, truncation, function_to_apply)
        return await self._call(connection.COMPARE, request, timeout)

    async def list_profiles(self, *, timeout: Optional[float] = None) -> v1.ListProfilesResponse:
        return await self._call(connection.LIST_PROFILES, v1.ListProfilesRequest(), timeout)

    async def load_profile(self, name: str, *, timeout: Optional[float] = None) -> v1.LoadProfileResponse:
        """As Client.load_profile."""
        return await self._call(connection.LOAD_PROFILE, v1.LoadProfileRequest(name=name), timeout)

    async def unload_profile(self, name: str, *, timeout: Optional[float] = None) -> v1.UnloadProfileResponse:
        return await self._call(connection.UNLOAD_PROFILE, v1.UnloadProfileRequest(name=name), timeout)

    async def set_default_profile(self, name: str, *, timeout: Optional[float] = None) -> v1.SetDefaultProfileResponse:
        return await self._call(connection.SET_DEFAULT_PROFILE, v1.SetDefaultProfileRequest(name=name), timeout)

    async def check_health(self, service: str = "", *, timeout: Optional[float] = None) -> Health:
        """Of a service, of "profile/NAME", or of the whole server."""
        try:
            response = await self._call(connection.HEALTH_CHECK, health_pb2.HealthCheckRequest(service=service), timeout)
        except RobertaError as error:
            if error.code is grpc.StatusCode.NOT_FOUND:
                return Health.SERVICE_UNKNOWN
            raise
        return to_health(response)

    def watch_health(self, service: str = "", *, timeout: Optional[float] = None) -> AsyncIterator[Health]:
        """As Client.watch_health."""
        return _watch(self._client.open_watch(service, timeout))

    async def _call(self, method: Method[Request, Response], request: Request, timeout: Optional[float]) -> Response:
        call = self._client.stub(method).future(request, **self._client.call_arguments(timeout))
        ended = _Signal()
        call.add_done_callback(lambda _: ended.set())
        try:
            await ended.wait(call.done)
        finally:
            call.cancel()  # of no effect on one that has ended
        try:
            response: Response = call.result()
        except (grpc.RpcError, grpc.FutureCancelledError) as error:
            raise to_error(call if isinstance(error, grpc.FutureCancelledError) else error) from None
        return response


class _Signal:
    """Wakes coroutines of the loop in which it is made, from any thread."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._event = asyncio.Event()

    def set(self) -> bool:
        """False: the loop is gone."""
        try:
            self._loop.call_soon_threadsafe(self._event.set)
        except RuntimeError:
            return False
        return True

    async def wait(self, condition: Callable[[], bool]) -> None:
        """Until `condition`, which is looked at after every set."""
        while not condition():
            self._event.clear()  # what is set for a change after the look comes after this, in the loop
            await self._event.wait()


async def _watch(open_call: Callable[[], Any]) -> AsyncIterator[Health]:
    call = open_call()
    signal = _Signal()
    seen: Deque[Union[Health, RobertaError]] = deque()

    def read() -> None:
        try:
            for health in changes(lambda: call):
                seen.append(health)
                signal.set()
        except RobertaError as error:
            seen.append(error)
            signal.set()

    threading.Thread(target=read, name="roberta-watch", daemon=True).start()
    try:
        while True:
            await signal.wait(lambda: bool(seen))
            health = seen.popleft()
            if isinstance(health, RobertaError):
                raise health
            yield health
    finally:
        call.cancel()


def _receive(call: StreamCall, signal: _Signal) -> None:
    """The work of a thread of its own. What it receives is bounded by what the stream sends."""
    while not call.finished:
        call.receive()
        if not signal.set():
            call.cancel()


async def _take_texts(feed: Feed, texts: AsyncIterable[Text], signal: _Signal) -> None:
    failure: Optional[BaseException] = None
    try:
        remaining = texts.__aiter__()
        while True:
            await signal.wait(lambda: feed.ended or feed.book.has_room())
            if feed.ended:
                break
            feed.take(to_item(await remaining.__anext__()))
    except StopAsyncIteration:
        pass
    except Exception as raised:
        failure = raised
    feed.exhaust(failure)


class AsyncClassifyStream(AsyncIterator[v1.StreamResult]):
    """As ClassifyStream, for one task at a time. The call begins with the first step of `async for`."""

    _call: Optional[StreamCall] = None
    _taking: Optional[asyncio.Future[None]] = None

    def __init__(self, open_call: Callable[[], StreamCall], book: StreamBook, texts: Union[Iterable[Text], AsyncIterable[Text]]) -> None:
        self._open_call = open_call
        self._book = book
        self._texts = texts

    @property
    def start(self) -> Optional[v1.StreamStart]:
        """What holds for all results: profile, model, request id. None before the first result."""
        return self._book.start

    @property
    def end(self) -> Optional[v1.StreamEnd]:
        """Sums over the stream; None before its end."""
        return self._book.end

    @property
    def in_flight(self) -> int:
        """Texts that were taken from the iterable and have no result yet."""
        return len(self._book.unanswered)

    def _begin(self) -> StreamCall:
        call = self._call = self._open_call()
        self._signal = _Signal()
        if isinstance(self._texts, AsyncIterable):
            self._taking = asyncio.ensure_future(_take_texts(call.feed, self._texts, self._signal))
        else:
            threading.Thread(target=call.feed.take_texts, args=(self._texts,), name="roberta-stream", daemon=True).start()
        threading.Thread(target=_receive, args=(call, self._signal), name="roberta-stream", daemon=True).start()
        return call

    async def __anext__(self) -> v1.StreamResult:
        call = self._call or self._begin()
        result: Optional[v1.StreamResult] = None

        def takes_result() -> bool:
            nonlocal result
            try:
                result = call.next_result()
            except StopIteration:  # which cannot leave a coroutine
                return True
            return result is not None

        await self._signal.wait(takes_result)
        if result is None:
            raise StopAsyncIteration
        if self._taking is not None:
            self._signal.set()  # there is room for another text
        return result

    def cancel(self) -> None:
        """Ends the call, with CANCELLED, and takes no more texts."""
        if self._call is not None:
            self._call.cancel()
        if self._taking is not None and not self._taking.get_loop().is_closed():
            self._taking.cancel()

    async def __aenter__(self) -> AsyncClassifyStream:
        return self

    async def __aexit__(self, kind: Optional[Type[BaseException]], value: Optional[BaseException],
                        trace: Optional[TracebackType]) -> None:
        self.cancel()

    def __del__(self) -> None:
        self.cancel()
