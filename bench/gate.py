# SPDX-License-Identifier: LGPL-2.1-or-later
"""GetUser through passlock-gate beside the same call through libpasslock: one at a time, and 64 in flight."""

from harness.build import binary
from harness.gate import Gate
from load import ApiStack, library, run, timely
from measure import Figure, cpu_us, difference, interleave, pin, ratio
from results import Section

TURNS = 7
SECONDS = 2
IN_FLIGHT = 64
US_PER_MS = 1000


def measure(gate: Gate, in_flight: int) -> dict[str, dict[str, list[float]]]:
    def by_gate(seconds: float) -> dict[str, float]:
        before = cpu_us(gate.pid)
        times = timely(run(binary("call-gate"), gate.socket, in_flight, seconds))
        return times | {"gate_us": (cpu_us(gate.pid) - before) / times["n"]}
    return interleave({"gate": by_gate, "library": lambda seconds: library("GetUser", in_flight, seconds)},
                      TURNS, SECONDS)


def main():
    section = Section("gate", "HTTP: GetUser through passlock-gate")
    pin()
    table = section.table("GetUser", "", "gate, p50 µs", "libpasslock, p50 µs", "gate, calls/s", "libpasslock, calls/s",
                          "ratio", "CPU µs of the gate")
    with ApiStack() as stack, Gate(stack.work, stack.bus) as gate:
        for in_flight, label in ((0, "one at a time"), (IN_FLIGHT, f"{IN_FLIGHT} in flight")):
            times = measure(gate, in_flight)
            ours, theirs = times["gate"], times["library"]
            table.row(label, Figure.of(ours["p50"]), Figure.of(theirs["p50"]), Figure.of(ours["rate"]),
                      Figure.of(theirs["rate"]), ratio(ours["rate"], theirs["rate"]), Figure.of(ours["gate_us"]))
            if in_flight == 0:
                added = difference(ours["p50"], theirs["p50"])
                section.goal("added by the gate, p50", Figure(*(each / US_PER_MS for each in (
                    added.median, added.min, added.max))), at_most=0.15, unit="ms")
            else:
                section.goal(f"calls/s, {IN_FLIGHT} in flight", Figure.of(ours["rate"]), at_least=10_000)
    section.save()


if __name__ == "__main__":
    main()
