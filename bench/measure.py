# SPDX-License-Identifier: LGPL-2.1-or-later
"""Interleaved runs, medians with spread, and the CPU time, memory and wakeups of a process and its children."""

import os
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

QUICK = bool(os.environ.get("PASSLOCK_BENCH_QUICK"))
LINKS = int(os.environ.get("PASSLOCK_BENCH_LINKS") or (100_000 if QUICK else 1_000_000))
N_CPUS = 2


CPUS = sorted(os.sched_getaffinity(0))


def pin(n: int = N_CPUS):
    """Pins this process, and those that it starts from now on, to the first n CPUs."""
    os.sched_setaffinity(0, CPUS[:n])


def pin_tree(pid: int, n: int):
    """Moves a process and its descendants, all threads of them, to the first n CPUs."""
    for process in process_tree(pid):
        for thread in Path(f"/proc/{process}/task").iterdir():
            os.sched_setaffinity(int(thread.name), CPUS[:n])


@dataclass(frozen=True)
class Figure:
    """The median of several runs, with the least and the greatest."""

    median: float
    min: float
    max: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Figure":
        return cls(statistics.median(values), min(values), max(values))


def ratio(ours: Sequence[float], peers: Sequence[float]) -> Figure:
    """Of each pair of runs, which were made one right after the other."""
    return Figure.of([a / max(b, 1e-9) for a, b in zip(ours, peers, strict=True)])


def difference(ours: Sequence[float], peers: Sequence[float]) -> Figure:
    return Figure.of([a - b for a, b in zip(ours, peers, strict=True)])


Run = Callable[[float], dict[str, float]]


def interleave(runs: dict[str, Run], turns: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    """Warms up, then lets the runs take turns. Returns the values of each run by their names."""
    if QUICK:
        turns, seconds = min(turns, 2), min(seconds, 0.4)
    for run in runs.values():
        run(seconds / 3)
    samples = {name: {} for name in runs}
    for _ in range(turns):
        for name, run in runs.items():
            for key, value in run(seconds).items():
                samples[name].setdefault(key, []).append(value)
    return samples


def stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat from the state on; none if the process has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []


def process_tree(pid: int) -> list[int]:
    """The process and its descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        fields = stat(int(entry.name)) if entry.name.isdigit() else []
        if fields:
            children.setdefault(int(fields[1]), []).append(int(entry.name))
    tree = [pid]
    for process in tree:
        tree += children.get(process, [])
    return tree


def cpu_us(pid: int) -> float:
    """CPU time of the process and its descendants, of the threads that have not ended."""
    return sum(int(path.read_text().split()[0]) for process in process_tree(pid)
               for path in Path(f"/proc/{process}/task").glob("*/schedstat")) / 1000


def memory_mib(pid: int, kind: str = "Private_Dirty") -> float:
    """Memory of the process and its descendants. The kinds are those of smaps_rollup; "Private" is all
    private ones."""
    kib = 0
    for process in process_tree(pid):
        for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
            if line.startswith(kind) and line.endswith(" kB"):
                kib += int(line.split()[1])
    return kib / 1024


def n_wakeups(pid: int) -> int:
    """How often the threads of the process and its descendants have waited."""
    count = 0
    for process in process_tree(pid):
        for status in Path(f"/proc/{process}/task").glob("*/status"):
            count += next(int(line.split()[1]) for line in status.read_text().splitlines()
                          if line.startswith("voluntary_ctxt_switches"))
    return count
