"""The books of a stream: what was sent, and what came back."""

from __future__ import annotations

from collections import deque
from typing import Deque, Dict, Optional

import grpc

from roberta_serve import v1
from roberta_serve.connection import Settings
from roberta_serve.errors import RobertaError

MAX_IN_FLIGHT = 4096
ITEMS_PER_MESSAGE = 32
_BYTES_PER_MESSAGE = 1 << 20  # a larger item goes alone


class StreamError(RobertaError):
    """A stream that ended before every item had its result."""

    def __init__(self, reason: RobertaError, book: StreamBook) -> None:
        super().__init__(reason.code, reason.message, reason.field_violations, reason.request_id, reason.retry_delay)
        self._book = book

    @property
    def unanswered(self) -> Dict[int, v1.Item]:
        """The items that were taken from the iterable and got no result, by their number, from 0.

        A server that stops answers what it has taken in, so these are then the ones that it did not look at. If the iterable was
        being asked for an item when the stream ended, that one comes last, as soon as it is there; it is asked for no more.
        """
        return dict(self._book.unanswered)

    def __str__(self) -> str:
        return f"{super().__str__()}; items without a result: {len(self.unanswered)}"


class StreamBook:
    """Knows every item from when it is taken from the caller's iterable to when its result is handed out. Not for several threads."""

    def __init__(self, settings: Settings, ordered: bool, max_in_flight: int, items_per_message: int) -> None:
        if max_in_flight < 1 or items_per_message < 1:
            raise ValueError(f"max_in_flight is {max_in_flight}, items_per_message {items_per_message}; both must be at least 1")
        self._settings: Optional[v1.StreamSettings] = v1.StreamSettings(**settings)
        self._ordered = ordered
        self._max_in_flight = max_in_flight
        self._items_per_message = items_per_message
        self._unsent: Deque[v1.Item] = deque()
        self._answered: Dict[int, v1.StreamResult] = {}  # in the order of arrival
        self._taken = 0
        self._next = 0  # the first that was not handed out, where the order counts
        self.unanswered: Dict[int, v1.Item] = {}
        self.start: Optional[v1.StreamStart] = None
        self.end: Optional[v1.StreamEnd] = None

    def has_room(self) -> bool:
        return len(self.unanswered) + len(self._answered) < self._max_in_flight

    def take(self, item: v1.Item) -> None:
        self.unanswered[self._taken] = item
        self._taken += 1
        self._unsent.append(item)

    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def next_message(self) -> v1.ClassifyStreamRequest:
        """Of what is unsent, as much as belongs into one message; the settings go with the first."""
        message = v1.ClassifyStreamRequest()
        if self._settings is not None:
            message.settings.CopyFrom(self._settings)
            self._settings = None
        size = 0
        while self._unsent and len(message.items) < self._items_per_message:
            size += self._unsent[0].ByteSize()
            if message.items and size > _BYTES_PER_MESSAGE:
                break
            message.items.append(self._unsent.popleft())
        return message

    def receive(self, response: v1.ClassifyStreamResponse) -> None:
        if response.HasField("start"):
            self.start = response.start
        if response.HasField("end"):
            self.end = response.end
        for result in response.results:
            if self.unanswered.pop(result.sequence, None) is not None:  # else it was never asked, or is answered already
                self._answered[result.sequence] = result

    def next_result(self, at_end: bool = False) -> Optional[v1.StreamResult]:
        """The next to hand out; `at_end`: no more come, so that there is no reason to wait for what is missing."""
        if not self._answered:
            return None
        first = next(iter(self._answered))
        if self._ordered:
            first = min(self._answered) if at_end else self._next
        result = self._answered.pop(first, None)
        if result is not None:
            self._next = first + 1
        return result

    def outcome(self, error: Optional[RobertaError], failure: Optional[BaseException]) -> Optional[BaseException]:
        """After the call and its last result: what to raise; None: all is well. `failure`: of the caller's iterable."""
        if error is None and self.unanswered:
            error = RobertaError(grpc.StatusCode.INTERNAL, "the server ended the stream without an answer to every item")
        return failure if error is None else StreamError(error, self)
