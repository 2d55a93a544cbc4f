"""The API is compatible with what it was: tests/golden/roberta_v1.tsv has every field, value and call of roberta.v1, of which none may be
renamed, renumbered, retyped or removed. A new one is added there, and is held from then on; ROBERTA_UPDATE_GOLDEN=1 adds it."""

import os
import subprocess
import tempfile
import unittest

from binaries import SOURCE, use_python_packages

use_python_packages()
try:
    from google.protobuf import descriptor_pb2
except ImportError:
    descriptor_pb2 = None

GOLDEN = SOURCE / "tests/golden/roberta_v1.tsv"
HEADER = ["kind", "of", "number", "name", "is"]


def rows_of(protos):
    """What must not change of proto files in a folder: for each field, value of an enum and call, `kind`, `of`, `number` identify it."""
    with tempfile.NamedTemporaryFile() as file:
        subprocess.run(["protoc", f"--proto_path={protos}", f"--descriptor_set_out={file.name}",
                        *(str(path) for path in sorted(protos.glob("roberta/v1/*.proto")))], check=True)
        files = descriptor_pb2.FileDescriptorSet.FromString(file.read()).file
    rows = []

    def add_enum(enum, scope):
        rows.extend(["value", f"{scope}.{enum.name}", str(value.number), value.name, "-"] for value in enum.value)

    def add_message(message, scope):
        name = f"{scope}.{message.name}"
        for field in message.field:
            kind = descriptor_pb2.FieldDescriptorProto.Type.Name(field.type)[5:].lower()
            words = [descriptor_pb2.FieldDescriptorProto.Label.Name(field.label)[6:].lower(), field.type_name or kind,
                     f"json={field.json_name}"]
            if field.proto3_optional:
                words.append("presence")
            elif field.HasField("oneof_index"):
                words.append(f"oneof={message.oneof_decl[field.oneof_index].name}")
            rows.append(["field", name, str(field.number), field.name, " ".join(words)])
        for nested in message.nested_type:
            add_message(nested, name)
        for enum in message.enum_type:
            add_enum(enum, name)

    for file in files:
        for message in file.message_type:
            add_message(message, file.package)
        for enum in file.enum_type:
            add_enum(enum, file.package)
        for service in file.service:
            for method in service.method:
                words = [f"{'stream ' if method.client_streaming else ''}{method.input_type}", "->",
                         f"{'stream ' if method.server_streaming else ''}{method.output_type}"]
                rows.append(["call", f"{file.package}.{service.name}", "-", method.name, " ".join(words)])
    return sorted(rows)


def breaking_changes(before, after):
    """What callers of `before` would not find, or find otherwise, in `after`."""
    now = {tuple(row) for row in after}
    return [" ".join(row) for row in before if tuple(row) not in now]


@unittest.skipIf(descriptor_pb2 is None, "not run: no protobuf in Python; tests/run installs it into build/venv")
class Contract(unittest.TestCase):
    def test_nothing_changed_or_is_gone_and_what_is_new_is_held(self):
        lines = [line.split("\t") for line in GOLDEN.read_text().splitlines()] if GOLDEN.exists() else [HEADER]
        self.assertEqual(lines[0], HEADER)
        before, after = lines[1:], rows_of(SOURCE / "proto")
        self.assertEqual(breaking_changes(before, after), [], "callers that exist would break")
        if os.environ.get("ROBERTA_UPDATE_GOLDEN"):
            GOLDEN.write_text("".join("\t".join(row) + "\n" for row in [HEADER, *after]))
            return
        self.assertEqual(breaking_changes(after, before), [], f"add these to {GOLDEN.name}")

    def test_what_would_break_callers_is_found(self):
        contract = """syntax = "proto3"; package roberta.v1;
            message A { string name = 1; optional int32 count = 2; repeated E e = 3; oneof x { bool b = 4; } enum E { ZERO = 0; ONE = 1; } }
            service S { rpc Call(A) returns (A); }"""
        changes = {"name = 1": "name = 5", "string name": "bytes name", "string name = 1": "string title = 1", "optional int32": "int32",
                   "repeated E": "E", "oneof x { bool b = 4; }": "bool b = 4;", "ONE = 1": "TWO = 1", "ONE = 1;": "", "returns (A)": "returns (stream A)",
                   "rpc Call": "rpc Ask", "bool b = 4;": "bool b = 4 [json_name = 'c'];"}
        with tempfile.TemporaryDirectory() as directory:
            folder = type(SOURCE)(directory, "roberta/v1")
            folder.mkdir(parents=True)

            def rows(text):
                (folder / "a.proto").write_text(text)
                return rows_of(type(SOURCE)(directory))

            before = rows(contract)
            self.assertEqual(len(before), 7)
            self.assertEqual(breaking_changes(before, rows(contract.replace("message A {", "message A { string more = 9;"))), [])
            for old, new in changes.items():
                with self.subTest(change=f"{old} -> {new}"):
                    self.assertIn(old, contract)
                    self.assertTrue(breaking_changes(before, rows(contract.replace(old, new, 1))))


if __name__ == "__main__":
    unittest.main()
