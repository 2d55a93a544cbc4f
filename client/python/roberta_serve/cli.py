"""`python -m roberta_serve`: what roberta-client does, from Python."""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import struct
import sys
import threading
import time
from collections import deque
from typing import Any, Deque, Dict, Iterable, Iterator, List, Optional, Sequence, Tuple

import grpc
from google.protobuf import json_format
from google.protobuf.message import Message

from roberta_serve import v1
from roberta_serve._protos import POOL
from roberta_serve.client import ClassifyStream, Client
from roberta_serve.connection import Credentials, Health, Settings
from roberta_serve.errors import RobertaError, status_code
from roberta_serve.rows import Row, format_of, read_rows
from roberta_serve.streams import StreamError

ALL_WELL, SOMETHING_FAILED, WRONG_USAGE, UNREACHABLE, INTERRUPTED = 0, 1, 2, 3, 130
_PROGRAM = "python -m roberta_serve"
_LONGEST_STREAM_SECONDS = 30 * 24 * 3600.0
_EXIT_CODES = """exit codes: 0 all is well, 1 something failed, 2 wrong usage, 3 the server cannot be reached, 130 stopped by Ctrl-C

examples:
  python -m roberta_serve classify "a warm, funny film"
  python -m roberta_serve compare "a warm, funny film"
  python -m roberta_serve --address unix:/run/roberta.sock profiles
  python -m roberta_serve --address host:8001 --tls --ca ca.pem --token-file token health"""
_CLASSIFY_EXAMPLES = """FILE is TSV (.tsv), CSV (.csv) or JSON lines (.jsonl, .ndjson, .json), by its name or by --format; else it has a text on each line.
TSV and CSV begin with a line that names the columns: text and, if there are any, label, text_pair and id.

examples:
  python -m roberta_serve classify "a warm, funny film" "a lifeless mess"
  python -m roberta_serve classify --json -- "-5 degrees" "-not bad"
  python -m roberta_serve classify --file reviews.tsv --json > results.jsonl
  cat texts.txt | python -m roberta_serve classify --json --top-k 1 -"""


def _say(text: str) -> None:
    print(f"roberta_serve: {text}", file=sys.stderr)


def _shown(text: str, columns: int = 0) -> str:
    """Without characters that could drive a terminal; of `columns` characters, if any are given."""
    text = "".join(character if character.isprintable() else " " for character in text)
    if columns and len(text) > columns:
        return text[:columns - 1] + "…"
    return text.ljust(columns)


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(_shown(value).ljust(width) for value, width in zip(row, widths)).rstrip())


def _print_json(message: Message) -> None:
    # The argument that prints unset fields was renamed between versions of protobuf; what is absent is not needed here.
    print(json_format.MessageToJson(message, preserving_proto_field_name=True, descriptor_pool=POOL))


def _number(value: float) -> float:
    """The double that prints with a float's own digits: 0.9, not 0.8999999761581421."""
    for digits in range(6, 9):
        short = float(f"{value:.{digits}g}")
        if struct.pack("f", short) == struct.pack("f", value):
            return short
    return float(f"{value:.9g}")


class _Results:
    """Writes results in the order of the rows, and counts."""

    def __init__(self, as_json: bool, text_columns: int) -> None:
        self._json = as_json
        self._columns = text_columns
        self._index = 0
        self.failed = self.labeled = self.correct = 0
        self.profile = ""

    def write(self, row: Row, result: v1.ItemResult) -> None:
        if not result.HasField("classification"):
            self.fail(row, status_code(result.status.code), result.status.message)
            return
        best = result.classification
        if row.label:
            self.labeled += 1
            self.correct += row.label in (best.label, str(best.index))
        line: Dict[str, Any] = {
            "label": best.label, "score": _number(best.score),
            "scores": [{"label": score.label, "score": _number(score.score)} for score in best.scores]}
        if best.logits:
            line["logits"] = [_number(logit) for logit in best.logits]
        line.update(tokens=best.token_count, truncated=best.truncated, profile=self.profile)
        self._print(row, line, f"{_shown(best.label, 0):12}  {best.score:8.4f}  {self.profile:10}  {best.token_count:6}"
                               f"{' cut' * best.truncated}")

    def fail(self, row: Row, code: grpc.StatusCode, message: str, report: bool = True) -> None:
        self.failed += 1
        if report:
            print(f"{row.place}: {code.name}: {message}", file=sys.stderr)
        self._print(row, {"error": {"code": code.name, "message": message}}, f"{'-':12}         -  {code.name}")

    def _print(self, row: Row, line: Dict[str, Any], cells: str) -> None:
        if self._json:
            head: Dict[str, Any] = {"index": self._index, "id": row.id} if row.id else {"index": self._index}
            print(json.dumps({**head, **line}, ensure_ascii=False, separators=(",", ":")))
        else:
            if self._index == 0:
                print(f"{'text':{self._columns}}  {'label':12}     score  {'profile':10}  tokens")
            text = row.item.text + (f" | {row.item.text_pair}" if row.item.text_pair else "") if row.item else ""
            print(f"{_shown(text, self._columns)}  {cells}")
        self._index += 1


class _Watch:
    """Ends a stream that is silent for too long while answers are due."""

    def __init__(self, stream: ClassifyStream, seconds: float) -> None:
        self._stream = stream
        self._seconds = seconds
        self._last = time.monotonic()
        self._done = threading.Event()
        self.ended_it = False
        threading.Thread(target=self._run, daemon=True).start()

    def note(self) -> None:
        self._last = time.monotonic()

    def stop(self) -> None:
        self._done.set()

    def _run(self) -> None:
        while not self._done.wait(min(self._seconds / 4, 1)):
            if self._stream.in_flight == 0:
                self.note()
            elif time.monotonic() - self._last > self._seconds:
                self.ended_it = True
                self._stream.close()
                return


class _ClassifyRun:
    """Rows to a stream, and its results back to their rows."""

    def __init__(self, client: Client, rows: Iterable[Row], results: _Results) -> None:
        self._client = client
        self._rows = rows
        self._results = results
        self._pending: Deque[Tuple[Row, Optional[int]]] = deque()  # with the number of the item; None: it is not sent

    def _items(self) -> Iterator[v1.Item]:
        """In the stream's thread. A row is pending before its result can come."""
        number = 0
        for row in self._rows:
            self._pending.append((row, number if row.item else None))
            if row.item:
                number += 1
                yield row.item

    def run(self, timeout: float, silence: float, settings: Settings) -> Optional[RobertaError]:
        """Returns why not every row was sent, or has its answer."""
        error: Optional[RobertaError] = None
        late: Dict[int, v1.ItemResult] = {}  # after a gap, which only a stream that breaks can leave
        with self._client.classify_stream(self._items(), timeout=timeout, ordered=True, **settings) as stream:
            watch = _Watch(stream, silence)
            try:
                for result in stream:
                    watch.note()
                    self._results.profile = stream.start.profile_used if stream.start else ""
                    late[result.sequence] = result.result
                    self._write_answered(late)
                    if not stream.in_flight:
                        sys.stdout.flush()
            except StreamError as failure:
                error = failure
                if watch.ended_it:
                    error = RobertaError(grpc.StatusCode.DEADLINE_EXCEEDED, f"no answer came for {silence:g} s")
            finally:
                watch.stop()
        self._write_rest(late, error)
        return error

    def _write_answered(self, answers: Dict[int, v1.ItemResult]) -> None:
        while self._pending:
            row, number = self._pending[0]
            if number is None:
                self._results.fail(row, grpc.StatusCode.INVALID_ARGUMENT, row.problem)
            elif number in answers:
                self._results.write(row, answers.pop(number))
            else:
                return
            self._pending.popleft()

    def _write_rest(self, answers: Dict[int, v1.ItemResult], error: Optional[RobertaError]) -> None:
        self._write_answered(answers)
        while self._pending and error is not None:
            self._results.fail(self._pending.popleft()[0], error.code, error.message, report=False)
            self._write_answered(answers)


def _classify(client: Client, arguments: argparse.Namespace) -> int:
    if arguments.texts == ["-"] and not arguments.file:
        arguments.texts, arguments.file = [], "-"
    if bool(arguments.texts) == bool(arguments.file):
        _say("classify: needs either texts or --file (see --help)")
        return WRONG_USAGE
    name = "standard input" if arguments.file == "-" else arguments.file
    settings: Settings = {
        "profile": arguments.profile, "truncation": getattr(v1, f"TRUNCATION_{arguments.truncation.upper()}"),
        "function_to_apply": getattr(v1, f"FUNCTION_{arguments.function.upper()}"), "return_logits": arguments.logits}
    if arguments.top_k:
        settings["top_k"] = arguments.top_k
    objective = v1.Objective(min_accuracy=arguments.min_accuracy, min_agreement=arguments.min_agreement,
                             max_latency_ms=arguments.max_latency_ms)
    if objective.ListFields():
        settings["objective"] = objective
    priority = arguments.priority or ("low" if arguments.file else "normal")
    settings["priority"] = getattr(v1, f"PRIORITY_{priority.upper()}")
    if arguments.file:
        form = arguments.format or ("txt" if arguments.file == "-" else format_of(arguments.file))
        stream = open(0 if arguments.file == "-" else arguments.file, "rb")
        rows: Iterable[Row] = read_rows(stream, name, form)
    else:
        rows = [Row(f"text {number}", v1.Item(text=text)) for number, text in enumerate(arguments.texts, 1)]
    columns = 60 if arguments.file else min(max(4, *map(len, arguments.texts)), 60)
    results = _Results(arguments.json, columns)
    run = _ClassifyRun(client, rows, results)
    error = run.run(_LONGEST_STREAM_SECONDS if arguments.file else arguments.deadline, arguments.deadline, settings)
    if results.labeled:
        print(f"accuracy {100 * results.correct / results.labeled:.2f} % ({results.correct} of {results.labeled})", file=sys.stderr)
    if error is not None:
        raise error
    return SOMETHING_FAILED if results.failed else ALL_WELL


def _percent(message: Message, field: str) -> str:
    return f"{getattr(message, field):.2%}".replace("%", " %") if message.HasField(field) else "-"


def _profiles(client: Client, arguments: argparse.Namespace) -> int:
    response = client.list_profiles()
    if arguments.json:
        _print_json(response)
        return ALL_WELL
    rows = [["profile", "state", "precision", "weights", "accuracy", "agreement", "tokens/s"]]
    for profile in response.profiles:
        rows.append([profile.name + " (default)" * profile.is_default, v1.ProfileState.Name(profile.state), profile.precision or "-",
                     f"{profile.weight_bytes / 2**20:.1f} MiB" if profile.weight_bytes else "-", _percent(profile, "accuracy"),
                     _percent(profile, "agreement"), f"{profile.expected_tokens_per_second:.0f}"
                     if profile.HasField("expected_tokens_per_second") else "-"])
    _print_table(rows)
    for profile in response.profiles:
        if profile.reason:
            print(f"{profile.name}: {_shown(profile.reason)}")
    return ALL_WELL


def _compare(client: Client, arguments: argparse.Namespace) -> int:
    names = [name for name in arguments.profiles.split(",") if name]
    response = client.compare(v1.Item(text=arguments.text, text_pair=arguments.pair or None), profiles=names)
    code = ALL_WELL if all(one.HasField("classification") for one in response.comparisons) else SOMETHING_FAILED
    if arguments.json:
        _print_json(response)
        return code
    rows = [["profile", "label", "score", "ms", "x baseline"]]
    notes: List[str] = []
    for one in response.comparisons:
        if one.HasField("classification"):
            rows.append([one.profile, one.classification.label, f"{one.classification.score:.4f}", f"{one.infer_ns / 1e6:.3f}",
                         f"{one.time_ratio:.2f}" if one.HasField("time_ratio") else "-"])
        else:
            rows.append([one.profile, status_code(one.status.code).name, "-", "-", "-"])
            notes.append(_shown(one.status.message))
    _print_table(rows)
    print("".join(f"{note}\n" for note in notes), end="")
    return code


def _load(client: Client, arguments: argparse.Namespace) -> int:
    response = client.load_profile(arguments.name)
    if response.failure:
        _say(f"{arguments.name} was not loaded: {response.failure}")
        return SOMETHING_FAILED
    print(f"{arguments.name} is READY")
    return ALL_WELL


def _unload(client: Client, arguments: argparse.Namespace) -> int:
    response = client.unload_profile(arguments.name)
    print(f"{arguments.name} is {v1.ProfileState.Name(response.profile.state)}")
    return ALL_WELL


def _set_default(client: Client, arguments: argparse.Namespace) -> int:
    client.set_default_profile(arguments.name)
    print(f"{arguments.name} is the default, for requests that name no profile")
    return ALL_WELL


def _health(client: Client, arguments: argparse.Namespace) -> int:
    health = client.check_health(arguments.service)
    print(health.name)
    return ALL_WELL if health is Health.SERVING else SOMETHING_FAILED


def _positive_int(text: str) -> int:
    if not 0 < int(text) < 1 << 32:
        raise ValueError
    return int(text)


def _seconds(text: str) -> float:
    if not 0.001 <= float(text) <= 86400:
        raise ValueError
    return float(text)


_positive_int.__name__, _seconds.__name__ = "positive integer", "number of seconds"  # as argparse names them when they refuse a value


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog=_PROGRAM, description="Classifies texts through a roberta-server.", epilog=_EXIT_CODES,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    add = parser.add_argument
    add("--version", action="version", version=f"roberta_serve {importlib.metadata.version('roberta-serve')}")
    add("--address", metavar="HOST:PORT", default=os.environ.get("ROBERTA_ADDRESS", "127.0.0.1:8001"),
        help="server, as gRPC takes it; else from the environment's ROBERTA_ADDRESS, else 127.0.0.1:8001")
    add("--deadline", metavar="SECONDS", type=_seconds, default=60.0, help="that a call may take, or a stream be silent (60)")
    add("--tls", action="store_true", help="connect with TLS")
    add("--ca", metavar="FILE", default="", help="certificate authorities to trust, PEM")
    add("--cert", metavar="FILE", default="", help="own certificate for mutual TLS, PEM")
    add("--key", metavar="FILE", default="", help="its key, PEM")
    add("--token-file", metavar="FILE", default="", help="send the token in this file with every call")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    def command(name: str, run: Any, help_text: str, epilog: str) -> Any:
        added = commands.add_parser(name, help=help_text, description=help_text.capitalize() + ".", epilog=epilog,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
        added.set_defaults(run=run)
        return added.add_argument

    add = command("classify", _classify, "classify texts", _CLASSIFY_EXAMPLES)
    add("texts", metavar="TEXT", nargs="*", help="texts; a single - means lines of standard input")
    add("--file", metavar="FILE", help="classify the texts of a file; - is standard input")
    add("--format", choices=("txt", "tsv", "csv", "jsonl"), help="whatever the file's name says")
    add("--profile", metavar="NAME", default="", help="optimization profile (the server's default)")
    add("--min-accuracy", metavar="X", type=float, help="with --profile auto: least accuracy on the model's sample, 0 to 1")
    add("--min-agreement", metavar="X", type=float, help="with --profile auto: least agreement with the baseline on it, 0 to 1")
    add("--max-latency-ms", metavar="MS", type=_positive_int, help="with --profile auto: that a call should take at most")
    add("--priority", choices=("low", "normal", "high"), help="among calls that wait (normal; for a --file low)")
    add("--truncation", choices=("error", "right", "left"), default="error", help="for a text of too many tokens (error)")
    add("--top-k", metavar="K", type=_positive_int, help="scores per text, best first (all)")
    add("--function", choices=("auto", "softmax", "sigmoid", "none"), default="auto", help="from logits to scores (auto)")
    add("--json", action="store_true", help="print an object a line, in the order of the input")
    add("--logits", action="store_true", help="with --json: the logits too")
    add = command("profiles", _profiles, "show the server's profiles, their state and quality",
                  f"example:\n  {_PROGRAM} profiles --json")
    add("--json", action="store_true", help="print the whole response as JSON")
    add = command("compare", _compare, "show what several profiles answer to one text, side by side",
                  f'example:\n  {_PROGRAM} compare --profiles baseline,quantized "not bad at all"')
    add("text", metavar="TEXT")
    add("--pair", metavar="TEXT", help="second text of a pair")
    add("--profiles", metavar="NAMES", default="", help="separated by commas (all that are READY)")
    add("--json", action="store_true", help="print the whole response as JSON")
    for name, run, help_text in (("load", _load, "load a profile, or load it again, and wait until it is READY"),
                                 ("unload", _unload, "unload a profile; it still answers requests that are in flight"),
                                 ("set-default", _set_default, "make a READY profile the default, for requests that name none")):
        add = command(name, run, help_text, f"example:\n  {_PROGRAM} {name} quantized")
        add("name", metavar="NAME", help="profile, as `profiles` lists it")
    add = command("health", _health, "print the health of the server; exit code 0 only for SERVING",
                  f"example:\n  {_PROGRAM} health profile/baseline")
    add("service", metavar="SERVICE", nargs="?", default="", help="a service or profile/NAME instead of the whole server")
    return parser


def main(argv: Optional[Sequence[str]] = None) -> int:
    arguments = _parser().parse_args(argv)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # failures are reported here
    try:
        files = (arguments.ca, arguments.cert, arguments.key, arguments.token_file)
        credentials = Credentials.from_files(tls=arguments.tls, ca=files[0], certificate=files[1], key=files[2], token=files[3])
        with Client(arguments.address, timeout=arguments.deadline, credentials=credentials) as client:
            code: int = arguments.run(client, arguments)
        sys.stdout.flush()
        return code
    except RobertaError as error:
        if error.code is grpc.StatusCode.UNAVAILABLE:
            _say(f"cannot reach {arguments.address}: {error.message}")
            return UNREACHABLE
        _say(str(error))
        return SOMETHING_FAILED
    except KeyboardInterrupt:
        _say("stopped before the end of the input")
        return INTERRUPTED
    except BrokenPipeError:  # a reader that went away, as in `| head`, is not worth a message
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return SOMETHING_FAILED
    except (OSError, ValueError) as error:
        _say(str(error))
        return SOMETHING_FAILED
