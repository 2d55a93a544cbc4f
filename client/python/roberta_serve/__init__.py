"""Client of roberta-server: text in, labels out.

    from roberta_serve import Client

    with Client("127.0.0.1:8001", timeout=10) as client:
        print(client.classify("a warm, funny and deeply moving film").results[0].classification.label)
"""

from roberta_serve import v1
from roberta_serve.aio import AsyncClassifyStream, AsyncClient
from roberta_serve.client import ClassifyStream, Client
from roberta_serve.connection import Credentials, Health
from roberta_serve.errors import FieldViolation, RobertaError
from roberta_serve.streams import StreamError
from roberta_serve.v1 import Item

__all__ = ["AsyncClassifyStream", "AsyncClient", "ClassifyStream", "Client", "Credentials", "FieldViolation", "Health", "Item",
           "RobertaError", "StreamError", "v1"]
