# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures `passlockctl authorize`, from start to exit, beside the smallest program of libpasslock.

The two take turns. Prints the medians of the elapsed time and the means of the CPU time.
"""

import os
import statistics
import sys
import time

from bus.stack import RP_ID, Stack
from harness.build import binary

RUNS = 200
NO_OUTPUT = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]


def run(*command: str) -> tuple[float, float]:
    """Returns elapsed and CPU time, in milliseconds."""
    begin = time.monotonic()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=NO_OUTPUT)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return (time.monotonic() - begin) * 1000, (usage.ru_utime + usage.ru_stime) * 1000


def main() -> int:
    arguments = [RP_ID, "ada", "ada"]
    commands = ((binary("authorize"), *arguments), (binary("passlockctl"), "authorize", *arguments))
    stack = Stack()
    stack.sandbox.options = ()  # without a state file, which costs more than the calls
    with stack:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = stack.bus.address
        runs = [[run(*command) for command in commands] for _ in range(RUNS)]
    print("ms")
    print(f"{'':12}{'smallest':>9}{'passlockctl':>13}{'more':>9}{'ratio':>9}")
    for i, (name, average) in enumerate((("elapsed", statistics.median), ("CPU", statistics.mean))):
        smallest, passlockctl = (average(times[i] for times in column) for column in zip(*runs))
        print(f"{name:12}{smallest:9.2f}{passlockctl:13.2f}{passlockctl - smallest:9.2f}{passlockctl / smallest:9.2f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
