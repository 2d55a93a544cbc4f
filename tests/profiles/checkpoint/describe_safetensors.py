"""Prints a line for each tensor of a safetensors file, by name: name, dtype, shape, bytes in hexadecimal.

Usage: describe_safetensors.py stdlib|package FILE
`stdlib` reads the format itself, from its description; `package` asks the safetensors package (exit code 77 where there is none).
"""
import json
import struct
import sys


def read_by_description(content):
    (header_bytes,) = struct.unpack("<Q", content[:8])
    assert header_bytes % 8 == 0, "header is not aligned"
    header = json.loads(content[8 : 8 + header_bytes])
    data = content[8 + header_bytes :]
    assert header.pop("__metadata__") == {"format": "pt"}
    for name, tensor in header.items():
        begin, end = tensor["data_offsets"]
        yield name, tensor["dtype"], tensor["shape"], data[begin:end]


def read_by_package(content):
    try:
        import safetensors
    except ImportError:
        sys.exit(77)
    for name, tensor in safetensors.deserialize(content):
        yield name, tensor["dtype"], tensor["shape"], bytes(tensor["data"])


def main():
    with open(sys.argv[2], "rb") as file:
        content = file.read()
    read = {"stdlib": read_by_description, "package": read_by_package}[sys.argv[1]]
    for name, dtype, shape, data in sorted(read(content)):
        print(name, dtype, json.dumps(list(shape), separators=(",", ":")), data.hex())


if __name__ == "__main__":
    main()
