# SPDX-License-Identifier: LGPL-2.1-or-later
"""Memory and tasks of a unit, limited and measured by the kernel.

With cgroup v2 that is systemd's group of the unit. Where the host has the controllers in cgroup v1,
out of systemd's reach, a group with the unit's limits is made for its processes.
"""

import contextlib
import time
from pathlib import Path

from tests.system import host

UNIFIED = Path("/sys/fs/cgroup")
MOUNTS = Path("/run/passlock-cgroup")

# What differs between the versions.
V1 = {"max": "memory.limit_in_bytes", "current": "memory.usage_in_bytes", "unlimited": "-1"}
V2 = {"max": "memory.max", "current": "memory.current", "unlimited": "max"}


def obstacle() -> str | None:
    """Why there is no control of memory and tasks, or None."""
    if {"memory", "pids"} <= set((UNIFIED / "cgroup.controllers").read_text().split()):
        return None
    enabled = {line.split()[0] for line in Path("/proc/cgroups").read_text().splitlines()[1:]
               if line.split()[1] != "0"}
    missing = {"memory", "pids"} - enabled
    return f"no cgroup controllers: {', '.join(sorted(missing))}" if missing else None


class ControlGroup:
    """The group of a unit's process at this time; a later process may be outside. A context manager."""

    def __init__(self, unit: str = host.UNIT):
        self.unit = unit
        self.legacy = "memory" not in (UNIFIED / "cgroup.controllers").read_text().split()
        self.names = V1 if self.legacy else V2
        if self.legacy:
            self.memory = MOUNTS / "memory" / f"passlock-test-{time.monotonic_ns()}"
            self.pids = MOUNTS / "pids" / self.memory.name
        else:
            self.memory = self.pids = UNIFIED / host.show("ControlGroup", unit).lstrip("/")

    def __enter__(self):
        if not self.legacy:
            return self
        for group in (self.memory, self.pids):
            group.parent.mkdir(parents=True, exist_ok=True)
            if not group.parent.is_mount():
                host.run("mount", "-t", "cgroup", "-o", group.parent.name, "none", group.parent)
            group.mkdir()
        self.limit_memory(int(host.show("MemoryMax", self.unit)))
        self.limit_tasks(int(host.show("TasksMax", self.unit)))
        self.add(host.main_pid(self.unit))
        return self

    def __exit__(self, *_):
        if not self.legacy:
            return
        for group in (self.memory, self.pids):
            for pid in (group / "cgroup.procs").read_text().split():
                with contextlib.suppress(ProcessLookupError):
                    (group.parent / "cgroup.procs").write_text(pid)
            host.wait_until(lambda group=group: not (group / "cgroup.procs").read_text(), "empty")
            group.rmdir()

    def add(self, pid: int):
        for group in {self.memory, self.pids}:
            (group / "cgroup.procs").write_text(str(pid))

    def limit_memory(self, n_bytes: int | None):
        (self.memory / self.names["max"]).write_text(
            self.names["unlimited"] if n_bytes is None else str(n_bytes))

    def limit_tasks(self, n: int):
        (self.pids / "pids.max").write_text(str(n))

    def memory_now(self) -> int:
        return int((self.memory / self.names["current"]).read_text())

    def memory_peak(self) -> int:
        if self.legacy:
            return int((self.memory / "memory.max_usage_in_bytes").read_text())
        return int((self.memory / "memory.peak").read_text())

    def times_at_limit(self) -> int:
        if self.legacy:
            return int((self.memory / "memory.failcnt").read_text())
        return self._events(self.memory / "memory.events")["max"]

    def tasks_now(self) -> int:
        return int((self.pids / "pids.current").read_text())

    def tasks_at_limit(self) -> int:
        return self._events(self.pids / "pids.events")["max"]

    @staticmethod
    def _events(file: Path) -> dict[str, int]:
        return {name: int(n) for name, n in map(str.split, file.read_text().splitlines())}
