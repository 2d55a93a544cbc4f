"""Control groups that limit a server in a test, where this machine lets one make them."""

import contextlib
import os
import pathlib
import re
import time
import unittest

ROOT = pathlib.Path("/sys/fs/cgroup")


def _own_group(controller):
    """The group of version 1 that this process is in."""
    for line in pathlib.Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controller in controllers.split(","):
            group = ROOT / controller / path.lstrip("/")
            return group if group.is_dir() else ROOT / controller
    raise unittest.SkipTest(f"not run: this process is in no group of the controller {controller}")


class Group:
    """A group with limits: `cores` of CPU time, `memory` in bytes, `cpus` to run on, of version 2 or 1, as the machine has it. Skips the test
    where none can be made."""

    def __init__(self, cores=None, memory=None, cpus=None):
        self._name = f"roberta-test-{os.getpid()}-{time.monotonic_ns()}"
        self._groups = {}
        self._is_v2 = (ROOT / "cgroup.controllers").exists()
        try:
            if cores is not None:
                quota = int(cores * 100000)
                if self._is_v2:
                    self._write("cpu", "cpu.max", f"{quota} 100000")
                else:
                    self._write("cpu", "cpu.cfs_period_us", 100000)
                    self._write("cpu", "cpu.cfs_quota_us", quota)
            if memory is not None:
                self.limit_memory(memory)
            if cpus is not None:
                if not self._is_v2:
                    self._write("cpuset", "cpuset.mems", (_own_group("cpuset") / "cpuset.mems").read_text())
                self._write("cpuset", "cpuset.cpus", cpus)
        except OSError as failure:
            self.__exit__(None, None, None)
            raise unittest.SkipTest(f"not run: no control group can be made here: {failure}") from failure

    def _write(self, controller, file, value):
        group = self._groups.get(controller)
        if group is None:
            if self._is_v2:
                (ROOT / "cgroup.subtree_control").write_text(f"+{controller}")
            parent = ROOT if self._is_v2 else _own_group(controller)
            group = self._groups[controller] = parent / self._name
            group.mkdir(exist_ok=True)
        (group / file).write_text(str(value))

    def limit_memory(self, limit):
        self._write("memory", "memory.max" if self._is_v2 else "memory.limit_in_bytes", limit)

    def memory_used(self):
        """As the server counts it: without the page cache."""
        group = self._groups["memory"]
        used = int((group / ("memory.current" if self._is_v2 else "memory.usage_in_bytes")).read_text())
        prefix = "" if self._is_v2 else "total_"
        stat = (group / "memory.stat").read_text()
        return used - sum(int(re.search(rf"^{prefix}{kind} (\d+)", stat, re.M)[1]) for kind in ("active_file", "inactive_file"))

    def memory_kills(self):
        """How many processes of the group the kernel has ended."""
        file = "memory.events" if self._is_v2 else "memory.oom_control"
        return int(re.search(r"^oom_kill (\d+)", (self._groups["memory"] / file).read_text(), re.M)[1])

    @property
    def through(self):
        """What a command is put behind to run in the group."""
        enter = "".join(f"echo $$ > {group}/cgroup.procs && " for group in set(self._groups.values()))
        return ("/bin/sh", "-c", f'{enter}exec "$@"', "sh")

    def __enter__(self):
        return self

    def __exit__(self, kind, value, trace):
        for group in set(self._groups.values()):
            for _ in range(100):  # until the kernel has taken away what ran there
                with contextlib.suppress(OSError):
                    group.rmdir()
                if not group.exists():
                    break
                time.sleep(0.05)
