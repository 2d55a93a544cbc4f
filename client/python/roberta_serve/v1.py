"""The messages of proto/roberta/v1, where every field is described."""

from roberta_serve._protos.classifier_pb2 import *
from roberta_serve._protos.profiles_pb2 import *
