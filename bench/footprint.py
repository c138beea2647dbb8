# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures memory and wakeups of the daemon with its children: idle, and after many calls.

PASSLOCK_BENCH_CALLS is the number of calls, 100,000 if unset. Private memory is what no other process shares;
the clean part of it is code and files, which the kernel drops when memory is short.
"""

import os
import time

from load import ApiStack, flood, library
from measure import QUICK, memory_mib, n_wakeups, pin
from results import Section

N_CALLS = int(os.environ.get("PASSLOCK_BENCH_CALLS") or (5000 if QUICK else 100_000))
SETTLED_SEC = 5
IDLE_SEC = 3 if QUICK else 20
CALLS_PER_TURN_SEC = 3
LIMIT_MIB = 4


def call_many() -> dict[str, int]:
    """Each kind of call in turn, until there are enough."""
    counts = dict.fromkeys(("GetUser", "Exchange", "Authorize", "List"), 0)
    while sum(counts.values()) < N_CALLS:
        counts["GetUser"] += flood("GetUser", 2, CALLS_PER_TURN_SEC)["n"]
        counts["Exchange"] += flood("Exchange", 4, CALLS_PER_TURN_SEC)["n"]
        counts["Authorize"] += library("Authorize", 1000, CALLS_PER_TURN_SEC)["n"]
        counts["List"] += flood("List", 1, 0.3, 4)["n"]
    return counts


def settle(stack: ApiStack):
    """Reads the daemon's notifications, as systemd does; it repeats those that are not read."""
    for _ in range(SETTLED_SEC):
        time.sleep(1)
        stack.daemon.forget_notifications()


def measure(section: Section, table, stack: ApiStack, label: str):
    pid = stack.daemon.pid
    settle(stack)
    private, clean_too, shared_too = memory_mib(pid), memory_mib(pid, "Private"), memory_mib(pid, "Pss")
    settle(stack)  # the last timer of a call runs after 6 seconds
    before = n_wakeups(pid)
    time.sleep(IDLE_SEC)
    wakeups = n_wakeups(pid) - before
    table.row(label, private, clean_too, shared_too, wakeups)
    section.goal(f"private dirty memory, {label}", private, at_most=LIMIT_MIB, unit="MiB")
    section.goal(f"wakeups in {IDLE_SEC} s, {label}", wakeups, at_most=0)


def main():
    section = Section("footprint", "Memory and wakeups")
    pin()
    table = section.table(f"MiB, {SETTLED_SEC} s after the last call; wakeups in {IDLE_SEC} s, {2 * SETTLED_SEC} s after it", "",
                          "private dirty", "private", "proportional", "wakeups")
    with ApiStack() as stack:
        measure(section, table, stack, "at the start")
        library("Authorize", 1, 0.2)
        measure(section, table, stack, "after the first calls")
        counts = call_many()
        calls = ", ".join(f"{n:,} {call}" for call, n in counts.items())
        print(f"calls: {calls}")
        measure(section, table, stack, f"after {sum(counts.values()):,} calls")
    section.save()


if __name__ == "__main__":
    main()
