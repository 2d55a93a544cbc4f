"""How calls fail."""

from __future__ import annotations

from typing import Any, Iterable, NamedTuple, Optional, Tuple, Union

import grpc
from google.protobuf.message import DecodeError

from roberta_serve._protos import error_details_pb2, status_pb2

_Metadata = Optional[Iterable[Tuple[str, Union[str, bytes]]]]
_CODES = {code.value[0]: code for code in grpc.StatusCode}


class FieldViolation(NamedTuple):
    """A part of a request that the server refused."""

    field: str  #: "items[3].text"
    description: str  #: why


class RobertaError(Exception):
    """A call that did not succeed."""

    def __init__(self, code: grpc.StatusCode, message: str, field_violations: Tuple[FieldViolation, ...] = (),
                 request_id: str = "", retry_delay: Optional[float] = None) -> None:
        super().__init__(code, message, field_violations, request_id, retry_delay)
        self.code = code  #: the server's; UNAVAILABLE also if it cannot be reached, DEADLINE_EXCEEDED if the timeout passed
        self.message = message
        #: What the server lists in an INVALID_ARGUMENT; where there are too many, the last one says how many are missing.
        self.field_violations = field_violations
        self.request_id = request_id  #: under which the server's log has the call; empty if no server answered
        self.retry_delay = retry_delay  #: seconds that the server asks callers to wait before they try again; None: it does not say

    def __str__(self) -> str:
        request = f" (request {self.request_id})" if self.request_id else ""
        return f"{self.code.name}: {self.message}{request}"


def status_code(number: int) -> grpc.StatusCode:
    """Of google.rpc.Status.code."""
    return _CODES.get(number, grpc.StatusCode.UNKNOWN)


def from_rpc(code: Optional[grpc.StatusCode], message: Optional[str], trailing_metadata: _Metadata) -> RobertaError:
    """Reads how a call of gRPC's ended."""
    trailers = {key: value for key, value in trailing_metadata or ()}
    violations, delay = _read_details(trailers.get("grpc-status-details-bin", b""))
    pushback = trailers.get("grpc-retry-pushback-ms", b"")
    if delay is None and pushback.isdigit():
        delay = int(pushback) / 1000
    request_id = trailers.get("x-request-id", "")
    return RobertaError(code or grpc.StatusCode.UNKNOWN, message or "", violations,
                        request_id if isinstance(request_id, str) else request_id.decode("ascii", "replace"), delay)


def _read_details(trailer: Union[str, bytes]) -> Tuple[Tuple[FieldViolation, ...], Optional[float]]:
    violations: Tuple[FieldViolation, ...] = ()
    delay = None
    bad_request, retry_info = error_details_pb2.BadRequest(), error_details_pb2.RetryInfo()
    try:
        details: Iterable[Any] = status_pb2.Status.FromString(trailer if isinstance(trailer, bytes) else b"").details
        for detail in details:
            if detail.Unpack(bad_request):
                violations = tuple(FieldViolation(one.field, one.description) for one in bad_request.field_violations)
            elif detail.Unpack(retry_info):
                delay = retry_info.retry_delay.ToTimedelta().total_seconds()
    except (DecodeError, ValueError, OverflowError):  # the status is worth reporting without them
        pass
    return violations, delay
