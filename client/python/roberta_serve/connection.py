"""What both clients connect with, and the requests and methods that they have in common."""

from __future__ import annotations

import enum
import importlib.metadata
import importlib.resources
import math
import pathlib
import re
from dataclasses import dataclass, field
from typing import Any, Dict, Generic, Iterable, List, Optional, Tuple, Type, TypedDict, TypeVar, Union

import grpc
from google.protobuf.message import Message

from roberta_serve import v1
from roberta_serve._protos import health_pb2

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
Text = Union[str, v1.Item]  #: a pair of texts is an Item with text_pair

_SERVICE_CONFIG = importlib.resources.files(__name__.rpartition(".")[0]).joinpath("service_config.json").read_text()
_LOOPBACK = re.compile(r"unix(-abstract)?:|((dns:(//[^/]*/)?|ipv[46]:)?(localhost|127\.[\d.]+|\[::1\]|::1)(:\d+)?$)", re.IGNORECASE)


class Health(enum.IntEnum):
    """As grpc.health.v1 has it, with its numbers."""

    UNKNOWN = 0
    SERVING = 1
    NOT_SERVING = 2
    SERVICE_UNKNOWN = 3  #: the server does not know the service that was asked for


class Settings(TypedDict, total=False):
    """How texts are classified: fields of ClassifyRequest, which describes them, and of StreamSettings."""

    profile: str
    truncation: v1.Truncation
    function_to_apply: v1.FunctionToApply
    top_k: int
    return_logits: bool
    priority: v1.Priority
    objective: v1.Objective


class CallSettings(Settings, total=False):
    """What only a single call has: in a stream, a bad item never fails the others."""

    allow_partial: bool


@dataclass(frozen=True)
class Credentials:
    """How a connection is secured, and who the caller is. PEM is bytes, not the name of a file."""

    tls: bool = False
    ca: Optional[bytes] = None  #: CA of the server's certificate; None: those that gRPC trusts
    certificate: Optional[bytes] = None  #: of the caller, for mutual TLS
    key: Optional[bytes] = field(default=None, repr=False)
    token: str = field(default="", repr=False)  #: sent with every call as its bearer token

    def __post_init__(self) -> None:
        if not self.tls and (self.ca or self.certificate or self.key):
            raise ValueError("a CA, a certificate or a key needs tls=True")
        if (self.certificate is None) != (self.key is None):
            raise ValueError("a certificate needs its key, and a key its certificate")
        if not all(" " < character <= "~" for character in self.token):
            raise ValueError("the token is not printable ASCII without spaces")

    @classmethod
    def from_files(cls, *, tls: bool = True, ca: str = "", certificate: str = "", key: str = "", token: str = "") -> Credentials:
        """Reads the named files; OSError for one that cannot be read, ValueError, which names it, for one that is not PEM."""
        pem: Dict[str, bytes] = {}
        for what, name in (("ca", ca), ("certificate", certificate), ("key", key)):
            if name:
                pem[what] = pathlib.Path(name).read_bytes()
                if b"-----BEGIN " not in pem[what]:
                    raise ValueError(f"{name}: not a PEM file")
        secret = pathlib.Path(token).read_text(encoding="utf-8-sig").strip() if token else ""
        return cls(tls=tls, token=secret, ca=pem.get("ca"), certificate=pem.get("certificate"), key=pem.get("key"))


@dataclass(frozen=True)
class Method(Generic[Request, Response]):
    path: str
    request: Type[Request]
    response: Type[Response]


CLASSIFY = Method("/roberta.v1.Classifier/Classify", v1.ClassifyRequest, v1.ClassifyResponse)
CLASSIFY_STREAM = Method("/roberta.v1.Classifier/ClassifyStream", v1.ClassifyStreamRequest, v1.ClassifyStreamResponse)
COMPARE = Method("/roberta.v1.Classifier/Compare", v1.CompareRequest, v1.CompareResponse)
LIST_PROFILES = Method("/roberta.v1.Profiles/ListProfiles", v1.ListProfilesRequest, v1.ListProfilesResponse)
LOAD_PROFILE = Method("/roberta.v1.Profiles/LoadProfile", v1.LoadProfileRequest, v1.LoadProfileResponse)
UNLOAD_PROFILE = Method("/roberta.v1.Profiles/UnloadProfile", v1.UnloadProfileRequest, v1.UnloadProfileResponse)
SET_DEFAULT_PROFILE = Method("/roberta.v1.Profiles/SetDefaultProfile", v1.SetDefaultProfileRequest, v1.SetDefaultProfileResponse)
HEALTH_CHECK = Method("/grpc.health.v1.Health/Check", health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse)
HEALTH_WATCH = Method("/grpc.health.v1.Health/Watch", health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse)


class Connection:
    """What a client was made with. `timeout`: seconds, of calls that name none."""

    def __init__(self, address: str, timeout: Optional[float], credentials: Optional[Credentials], max_response_bytes: int) -> None:
        self.credentials = credentials or Credentials()
        is_local = _LOOPBACK.match(address) is not None
        if self.credentials.token and not (self.credentials.tls or is_local):
            raise ValueError(f"address is {address}: a token needs TLS, since it must not cross a network in the clear")
        self._timeout = None if timeout is None else _checked(timeout)
        self.address = address
        self.metadata = (("authorization", f"Bearer {self.credentials.token}"),) if self.credentials.token else ()
        self.arguments: List[Tuple[str, Any]] = [
            ("grpc.service_config", _SERVICE_CONFIG),
            ("grpc.primary_user_agent", f"roberta-client-python/{importlib.metadata.version('roberta-serve')}"),
            ("grpc.max_receive_message_length", max_response_bytes),
            ("grpc.min_reconnect_backoff_ms", 4000)]  # how long one of several addresses is waited for before the next one; else 20 s
        if is_local:  # no proxy that the environment names can reach this host's own addresses
            self.arguments.append(("grpc.enable_http_proxy", 0))

    def channel_credentials(self) -> Optional[grpc.ChannelCredentials]:
        """None: in the clear."""
        used = self.credentials
        return grpc.ssl_channel_credentials(used.ca, used.key, used.certificate) if used.tls else None

    def timeout(self, of_call: Optional[float]) -> float:
        if of_call is not None:
            return _checked(of_call)
        if self._timeout is None:
            raise TypeError("a call needs a timeout, in seconds: without one, it would wait forever for a server that is gone; "
                            "give it timeout=, or the client")
        return self._timeout


def _checked(timeout: float) -> float:
    if not 0 < timeout < math.inf:
        raise ValueError(f"timeout is {timeout} s; it must be positive and finite")
    return timeout


def to_item(text: Text) -> v1.Item:
    if isinstance(text, v1.Item):
        return text
    if isinstance(text, str):
        return v1.Item(text=text)
    raise TypeError(f"a text is a str or an Item, not {type(text).__name__}")


def to_health(response: health_pb2.HealthCheckResponse) -> Health:
    try:
        return Health(response.status)
    except ValueError:
        return Health.UNKNOWN


def classify_request(texts: Union[Text, Iterable[Text], v1.ClassifyRequest], settings: CallSettings) -> v1.ClassifyRequest:
    if isinstance(texts, v1.ClassifyRequest):
        if settings:
            raise TypeError(f"a whole ClassifyRequest has its settings already, and cannot take {', '.join(settings)}")
        return texts
    if isinstance(texts, (str, v1.Item)):
        texts = (texts,)
    return v1.ClassifyRequest(items=map(to_item, texts), **settings)


def compare_request(text: Union[Text, v1.CompareRequest], profiles: Iterable[str], truncation: Optional[v1.Truncation],
                    function_to_apply: Optional[v1.FunctionToApply]) -> v1.CompareRequest:
    if isinstance(text, v1.CompareRequest):
        return text
    return v1.CompareRequest(item=to_item(text), profiles=profiles, truncation=truncation, function_to_apply=function_to_apply)
