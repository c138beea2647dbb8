# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures a process that makes one Authorize and exits, with the API 0 and 40 ms away.

Its time is compared with a round trip on the wire: the same request by libcurl alone on an open connection.
Counts the calls on the bus that wait for each other, by its time on a bus with a delay.
"""

import os
import time

import plot
from bus.stack import RP_ID
from harness.build import binary
from load import ApiStack
from measure import Figure, difference, interleave, pin
from results import Section

TURNS = 15
DELAYS_MS = (0, 40)
BUS_DELAY_MS = 25
ARGUMENTS = (RP_ID, "ada", "ada")
PROGRAMS = {"C program": (binary("authorize"), *ARGUMENTS),
            "passlockctl": (binary("passlockctl"), "authorize", *ARGUMENTS)}
LIMITS_MS = {"C program": 4, "passlockctl": 6}
NO_OUTPUT = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]


def spawn(command) -> dict[str, float]:
    begin = time.monotonic()
    pid = os.posix_spawn(command[0], command, os.environ, file_actions=NO_OUTPUT)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return {"ms": (time.monotonic() - begin) * 1000, "cpu_ms": (usage.ru_utime + usage.ru_stime) * 1000}


def wire(stack: ApiStack, delay_ms: int) -> dict[str, float]:
    return {"ms": stack.curl("Authorize", 1, 0.1 + 0.01 * delay_ms, delay_ms)["p50"] / 1000}


def round_trips(stack: ApiStack, command) -> Figure:
    """How often the program waits for the bus, from its time on a bus with a delay. Authentication is not
    counted."""
    proxy = stack.start_program("delay-proxy", stack.bus.address.removeprefix("unix:path="), str(BUS_DELAY_MS))

    def spawn_on(address: str) -> dict[str, float]:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = address
        return spawn(command)

    near = stack.bus.address
    try:
        times = interleave({"far": lambda _: spawn_on(f"unix:path={proxy.line}"),
                            "near": lambda _: spawn_on(near)}, TURNS, 0)
    finally:
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = near
        proxy.kill9()
        os.unlink(proxy.line)
    waits = difference(times["far"]["ms"], times["near"]["ms"])
    return Figure.of([round(waits.median / (2 * BUS_DELAY_MS)) - 1])


def main():
    section = Section("cold", "One process, one Authorize")
    pin()
    table = section.table("Medians, in ms", "", "wire", "elapsed", "beyond the wire", "CPU")
    bars = {}
    with ApiStack() as stack:
        for delay_ms in DELAYS_MS:
            stack.set_delay(delay_ms)
            runs = {"wire": lambda _: wire(stack, delay_ms)}
            runs |= {name: lambda _, command=command: spawn(command) for name, command in PROGRAMS.items()}
            times = interleave(runs, TURNS, 0)
            for name in PROGRAMS:
                beyond = difference(times[name]["ms"], times["wire"]["ms"])
                table.row(f"{name}, {delay_ms} ms", Figure.of(times["wire"]["ms"]), Figure.of(times[name]["ms"]),
                          beyond, Figure.of(times[name]["cpu_ms"]))
                section.goal(f"{name} beyond a round trip on the wire, {delay_ms} ms", beyond, at_most=LIMITS_MS[name],
                             unit="ms")
                bars[f"{name}\n{delay_ms} ms"] = {"beyond a round trip on the wire": beyond}
        for name, command in PROGRAMS.items():
            section.goal(f"{name}: calls on the bus in a row", round_trips(stack, command), at_most=3)
    section.plot("", plot.bars("One process, one Authorize: time beyond the wire's", bars, "ms"))
    section.save()


if __name__ == "__main__":
    main()
