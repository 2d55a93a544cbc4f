"""Texts from files, in the formats of roberta-client."""

from __future__ import annotations

import csv
import json
import pathlib
from dataclasses import dataclass
from typing import BinaryIO, Dict, Iterator, List, Optional, Tuple

from roberta_serve.v1 import Item

FORMATS = {".tsv": "tsv", ".csv": "csv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".txt": "txt", "": "txt"}
_LONGEST_LINE_BYTES = 16 << 20
_COLUMNS = ("text", "text_pair", "id", "label")


@dataclass
class Row:
    """What a file says of one text."""

    place: str  #: "reviews.tsv:12"
    item: Optional[Item] = None  #: None if there is a problem
    id: str = ""
    label: str = ""  #: that is expected
    problem: str = ""


def format_of(name: str) -> str:
    """By the end of a file's name; ValueError for one that says nothing, since a table read as lines would be a silent mistake."""
    ending = pathlib.PurePath(name).suffix.lower()
    if ending not in FORMATS:
        raise ValueError(f"{name}: the format is not clear: the ending is \"{ending}\", not .txt, .tsv, .csv, .jsonl, .ndjson or .json; "
                         "--format names it")
    return FORMATS[ending]


def read_rows(stream: BinaryIO, name: str, form: str) -> Iterator[Row]:
    """The rows, good and bad, as they arrive. ValueError names file and line: a header that is bad, or CSV that cannot be read on."""
    lines = _lines(stream)
    if form == "txt":
        for number, line in lines:
            yield _row(f"{name}:{number}", {"text": line})
    elif form == "jsonl":
        for number, line in lines:
            if line:
                yield _json_row(f"{name}:{number}", line)
    else:
        yield from _table(name, _records(name, lines, form))


def _lines(stream: BinaryIO) -> Iterator[Tuple[int, str]]:
    """Lines without their ends, by number. Bytes that are not UTF-8 are surrogates, and a line that is too long is cut."""
    number = 0
    while True:
        line = stream.readline(_LONGEST_LINE_BYTES + 2)
        if not line:
            return
        number += 1
        rest = line
        while rest and not rest.endswith(b"\n"):
            rest = stream.readline(_LONGEST_LINE_BYTES)
        if number == 1 and line.startswith(b"\xef\xbb\xbf"):
            line = line[3:]
        line = line[:-1] if line.endswith(b"\n") else line
        yield number, (line[:-1] if line.endswith(b"\r") else line).decode("utf-8", "surrogateescape")


def _records(name: str, lines: Iterator[Tuple[int, str]], form: str) -> Iterator[Tuple[int, List[str]]]:
    if form == "tsv":
        yield from ((number, line.split("\t")) for number, line in lines if line)
        return
    csv.field_size_limit(_LONGEST_LINE_BYTES)
    reader = csv.reader((line + "\n" for _, line in lines), strict=True)
    while True:
        begin = reader.line_num + 1
        try:
            record = next(reader, None)
        except csv.Error as error:
            raise ValueError(f"{name}:{begin}: {error}") from None
        if record is None:
            return
        if record:
            yield begin, record


def _table(name: str, records: Iterator[Tuple[int, List[str]]]) -> Iterator[Row]:
    begin, names = next(records, (1, []))
    header = [column.lower() for column in names]
    for column in _COLUMNS:
        if header.count(column) > 1:
            raise ValueError(f'{name}:{begin}: the header names column "{column}" twice')
    if header and "text" not in header:
        raise ValueError(f'{name}:{begin}: the header names no column "text"; a file begins with a line such as label<TAB>text')
    for number, values in records:
        place = f"{name}:{number}"
        if len(values) == len(header):
            yield _row(place, dict(zip(header, values)))
        else:
            yield Row(place, problem=f"{len(values)} fields; the header has {len(header)}")


def _json_row(place: str, line: str) -> Row:
    try:
        fields = json.loads(line)
    except ValueError as error:
        return Row(place, problem=f"not JSON: {error}")
    if not isinstance(fields, dict):
        return Row(place, problem="not a JSON object")
    values: Dict[str, str] = {}
    for column in _COLUMNS:
        value = fields.get(column)
        number_allowed = column in ("id", "label")
        if number_allowed and isinstance(value, int) and not isinstance(value, bool):
            value = str(value)
        if value is not None and not isinstance(value, str):
            return Row(place, problem=f"{column} is {json.dumps(value)}; it must be a string{' or an integer' * number_allowed}")
        if value is not None:
            values[column] = value
    return _row(place, values) if "text" in values else Row(place, problem="text is missing")


def _row(place: str, values: Dict[str, str]) -> Row:
    for column in ("text", "text_pair", "id"):
        try:
            encoded = values.get(column, "").encode()
        except UnicodeEncodeError as error:
            offset = len(values[column][:error.start].encode("utf-8", "surrogateescape"))
            return Row(place, problem=f"{column}: invalid UTF-8 at byte {offset}")
        if len(encoded) > _LONGEST_LINE_BYTES:
            return Row(place, problem=f"the line is longer than {_LONGEST_LINE_BYTES} bytes")
    item = Item(text=values["text"], text_pair=values.get("text_pair") or None)
    return Row(place, item, values.get("id", ""), values.get("label", ""))
