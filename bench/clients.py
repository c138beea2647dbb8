# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures the daemon with many connected clients, and after a large import and floods.

    rate        durable exchanges, and Links.Add, a second with clients / with none beside them, 64 calls in
                flight and one at a time; medians of turns
    signals     Changed to each of 10 subscribers, for an import of PASSLOCK_BENCH_LINKS links
    memory      private dirty memory of the daemon, 5 s after its last call
    wakeups     of the daemon, by 200 clients that connect and leave without a call to it
"""

import os
import subprocess
import time

from bus.stack import Stack
from harness.build import binary
from load import ApiStack, crowd, flood, require_root, sync, write_links
from measure import LINKS, QUICK, Figure, memory_mib, n_wakeups, pin
from results import Section

CLIENTS = 1000
SUBSCRIBERS = 100
SILENT = 200
TURNS = 2 if QUICK else 4
SECONDS = 0.5 if QUICK else 2
SETTLED_SEC = 1 if QUICK else 5


def rates(call: str) -> tuple[float, float]:
    """Calls a second: 64 in flight, and one at a time."""
    return flood(call, 1, SECONDS)["rate"], sync(call, SECONDS)["rate"]


def compare_rates(section, table, call: str, n: int, held: str, goals: tuple[float | None, float | None]):
    turns = []
    for _ in range(TURNS):
        alone = rates(call)
        with crowd(n, held):
            turns.append((alone, rates(call)))
    for i, name in enumerate(("64 in flight", "one at a time")):
        label = f"{call}, {name}, {n} clients ({held}) / none"
        figure = Figure.of([beside[i] / alone[i] for alone, beside in turns])
        if goals[i]:
            section.goal(label, figure, at_least=goals[i])
        else:
            table.row(label, figure)


def measure_rates(section):
    table = section.table("Rates", "", "value")
    with ApiStack(CLIENTS):
        for n, held, goal in ((CLIENTS, "Get", 0.9), (SUBSCRIBERS, "Subscribe", 0.5)):
            compare_rates(section, table, "Exchange", n, held, (goal, goal))
            compare_rates(section, table, "AddNew", n, held, (None, None))


def measure_memory(table, name: str, pid: int, less: float = 0):
    time.sleep(SETTLED_SEC)
    table.row(f"memory {name}, MiB", memory_mib(pid) - less)


def measure_wakeups(table, pid: int):
    time.sleep(SETTLED_SEC)
    before = n_wakeups(pid)
    with crowd(SILENT, "GetId"):
        pass
    time.sleep(1)
    table.row(f"wakeups by {SILENT} clients without a call", n_wakeups(pid) - before)


def measure_import(table, stack: Stack, pid: int):
    file = stack.work / "links"
    write_links(file, stack.sandbox.tenancy_id, 0, LINKS)
    begin = time.monotonic()
    with crowd(10, "Subscribe") as counts:
        subprocess.run([binary("passlockctl"), "import", "--json", file], check=True, stdout=subprocess.DEVNULL)
        seconds = time.monotonic() - begin
    assert counts["links"] == [LINKS, LINKS]
    table.row(f"signals of an import of {LINKS:,} links", max(counts["signals"]))
    table.row("seconds of it", seconds)
    measure_memory(table, "after it", pid)


def main():
    require_root()
    section = Section("clients", "Many connected clients, and a large import")
    pin()
    measure_rates(section)
    stack = Stack()
    stack.sandbox.options = ()  # without a state file, which costs more than the calls
    stack.bus.allow_connections(2 * CLIENTS)
    with stack:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = stack.bus.address
        pid = stack.daemon.pid
        table = section.table(f"Memory is private dirty memory {SETTLED_SEC} s after the last call", "", "value")
        measure_memory(table, "at the start", pid)
        quiet = memory_mib(pid)
        measure_wakeups(table, pid)
        with crowd(CLIENTS, "Get"):
            measure_memory(table, f"for {CLIENTS} clients", pid, quiet)
        measure_import(table, stack, pid)
        for call, seconds in (("Authorize", 15), ("List", 10)):
            n = flood(call, 2, 1 if QUICK else seconds, may_refuse=True)["n"]
            measure_memory(table, f"after {n:,} {call}, 128 in flight", pid)
    section.save()


if __name__ == "__main__":
    main()
