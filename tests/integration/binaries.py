"""The built binaries as a test runs them."""

import contextlib
import os
import pathlib
import re
import signal
import subprocess
import sys
import tempfile
import threading
import time

SOURCE = pathlib.Path(os.environ.get("ROBERTA_SOURCE", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("ROBERTA_BUILD", SOURCE / "build/release"))
BIN = pathlib.Path(os.environ.get("ROBERTA_BIN", BUILD / "bin"))
# Built where LibTorch is installed, and not with sanitizers.
LIBTORCH_MODULE = BUILD / "lib/roberta-serve/roberta-libtorch.so"
DEMO_MODEL = SOURCE / "models/demo-sst2"
QUICK_DEMO_MODEL = BUILD / "tests/models/demo-sst2"  # with a quarter of its sample, on which every start compares profiles
os.environ.setdefault("ROBERTA_HTTP_PORT", "0")  # every server that a test starts takes a free one
START_TIMEOUT_SECONDS = 120  # generous: sanitizers and shared machines are slow

# With the packages of tests/requirements.txt; made by tests/run.
VIRTUAL_ENVIRONMENT = SOURCE / "build/venv"

# Programs and files of tests/go_modules.txt; made by tests/run.
GO_MODULES = SOURCE / "build/go"

_SERVING = re.compile(r"serving gRPC on (\S+):(\d+), metrics on http://\S+:(\d+)/metrics(?:, JSON on http://\S+:(\d+))?")


def use_python_packages():
    """Goes on in the environment that has the packages of tests/requirements.txt, where there is one. A test calls this before it
    imports one of them, and skips what needs them if they cannot be imported all the same."""
    python = VIRTUAL_ENVIRONMENT / "bin/python"
    if (VIRTUAL_ENVIRONMENT / "requirements.txt").exists() and pathlib.Path(sys.prefix) != VIRTUAL_ENVIRONMENT:
        os.execv(python, [str(python), *sys.argv])


def run(program, *arguments, stdin=None, environment=None, timeout=300):
    """Runs a program to its end; stdout and stderr are text."""
    return subprocess.run([str(BIN / program), *map(str, arguments)], input=stdin, capture_output=True, text=True,
                          timeout=timeout, env={**os.environ, **(environment or {})}, check=False)


@contextlib.contextmanager
def blunt_config():
    """A config file whose profile `blunt` leaves out half of the demo model by the size of its weights: it misses its gate."""
    with tempfile.NamedTemporaryFile("w", suffix=".textproto") as file:
        file.write('profiles { name: "baseline" }\nprofiles { name: "blunt" recipe: "pruned" keep_macs: 0.5 }\n')
        file.flush()
        yield file.name


class Server:
    """roberta-server on free ports, stopped by SIGTERM when the block ends; its exit code must then be `exit_code`.

    It loads `profiles`, separated by commas, and no others, which would cost every test seconds; None: what it loads by itself.
    `through` is a command that becomes the server, and `program` what it becomes.
    """

    def __init__(self, *arguments, model=QUICK_DEMO_MODEL, profiles="baseline", environment=None, exit_code=0,
                 through=(), port=0, metrics_port=0, program=BIN / "roberta-server"):
        self._exit_code = exit_code
        command = [*through, str(program), "--port", str(port), "--metrics-port", str(metrics_port),
                   *map(str, arguments)]
        if profiles is not None:
            command += ["--profiles", profiles]
        if model is not None:
            command += ["--model", str(model)]
        self._process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True,
                                         env={**os.environ, **(environment or {})})
        self.log = []
        self._serving = threading.Event()
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        if not self._serving.wait(START_TIMEOUT_SECONDS) or self.address is None:
            self._process.kill()
            self.wait()
            raise AssertionError("the server did not start: " + "".join(self.log))

    address = None
    metrics_port = None
    http_port = None  # None if it serves no HTTP

    def _read_log(self):
        for line in self._process.stderr:
            self.log.append(line)
            found = _SERVING.search(line)
            if found:
                self.address = f"{found[1]}:{found[2]}"
                self.metrics_port = int(found[3])
                self.http_port = int(found[4]) if found[4] else None
                self._serving.set()
        self._serving.set()

    @property
    def pid(self):
        return self._process.pid

    def signal(self, number):
        self._process.send_signal(number)

    def wait(self, timeout=120):
        code = self._process.wait(timeout)
        self._reader.join(timeout)
        self._process.stderr.close()
        return code

    def client(self, *arguments, **options):
        return run("roberta-client", "--address", self.address, *arguments, **options)

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        if self._process.poll() is None:
            self.signal(signal.SIGTERM)
        code = self.wait()
        if kind is None and code != self._exit_code:
            raise AssertionError(f"the server ended with {code}: " + "".join(self.log))


def wait_until(condition, timeout=60):
    """Polls until condition() is true; fails after `timeout` seconds."""
    end = time.monotonic() + timeout
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("this never came true")
        time.sleep(0.02)
