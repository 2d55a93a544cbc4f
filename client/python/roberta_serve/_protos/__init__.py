"""Messages of the contracts, made from descriptors in a pool of their own, which no other package's protos can meet."""

from __future__ import annotations

import importlib.resources
from typing import Any, Dict

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.internal import enum_type_wrapper

POOL = descriptor_pool.DescriptorPool()

_descriptors = importlib.resources.files(__name__).joinpath("descriptors.binpb").read_bytes()
for _file in descriptor_pb2.FileDescriptorSet.FromString(_descriptors).file:
    POOL.AddSerializedFile(_file.SerializeToString())


def export(contract: str, namespace: Dict[str, Any]) -> None:
    """Puts the messages and enumerations of a .proto file into a module's `namespace`, as its .pyi says."""
    file = POOL.FindFileByName(contract)
    namespace["DESCRIPTOR"] = file
    for name, message in file.message_types_by_name.items():
        namespace[name] = message_factory.GetMessageClass(message)
        namespace[name].__module__ = namespace["__name__"]  # pickle looks there
    for name, enumeration in file.enum_types_by_name.items():
        namespace[name] = enum_type_wrapper.EnumTypeWrapper(enumeration)
        namespace.update((value.name, value.number) for value in enumeration.values)
