# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures `passlockctl authorize`, from start to exit, beside the smallest program of libpasslock.

The two take turns. Prints the medians of the elapsed time and of the CPU time.
"""

import os

from bus.stack import RP_ID, Stack
from cold import spawn
from harness.build import binary
from measure import Figure, difference, interleave, pin, ratio
from results import Section

TURNS = 200
NAMES = {"ms": "elapsed", "cpu_ms": "CPU"}


def main():
    section = Section("start", "passlockctl authorize beside the smallest program of libpasslock")
    pin()
    arguments = [RP_ID, "ada", "ada"]
    commands = {"smallest": (binary("authorize"), *arguments),
                "passlockctl": (binary("passlockctl"), "authorize", *arguments)}
    stack = Stack()
    stack.sandbox.options = ()  # without a state file, which costs more than the calls
    with stack:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = stack.bus.address
        times = interleave({name: lambda _, command=command: spawn(command) for name, command in commands.items()},
                           TURNS, 0)
    smallest, passlockctl = times.values()
    table = section.table("ms", "", *commands, "more", "ratio")
    for key, name in NAMES.items():
        table.row(name, Figure.of(smallest[key]), Figure.of(passlockctl[key]),
                  difference(passlockctl[key], smallest[key]), ratio(passlockctl[key], smallest[key]))
    section.save()


if __name__ == "__main__":
    main()
