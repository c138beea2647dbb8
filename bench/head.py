# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures GetUser beside Ping while 100 Authorize are in flight, which must not delay local calls."""

import plot
from harness.build import binary
from load import ApiStack, in_background, run
from measure import Figure, interleave, pin, ratio
from results import Section

IN_FLIGHT = 100
TURNS = 7
SECONDS = 1.5
CALLS = ("Ping", "GetUser")


def probe(seconds: float) -> dict[str, float]:
    times = run(binary("probe"), seconds, *CALLS, PASSLOCK_LOAD_PAUSE_US="1000")
    # Ping has a rate limit, which is strict while the bus is behind; a refusal takes as long.
    assert times["GetUser"]["failed"] == 0 and times["Ping"]["failed"] < times["Ping"]["n"] / 2, times
    return {f"{call} {key}": times[call][key] for call in CALLS for key in ("p50", "p99")}


def probe_beside_authorize(seconds: float) -> dict[str, float]:
    with in_background(binary("call-library"), "Authorize", IN_FLIGHT, seconds + 5):
        return probe(seconds)


def main():
    section = Section("head", f"Local calls while {IN_FLIGHT} Authorize are in flight")
    pin()
    table = section.table("µs", "", "Ping p50", "GetUser p50", "Ping p99", "GetUser p99", "p99 ratio")
    bars = {}
    with ApiStack() as stack:
        for delay_ms in (0, 5):
            stack.set_delay(delay_ms)
            times = interleave({"quiet": probe, "beside Authorize": probe_beside_authorize}, TURNS, SECONDS)
            for name, values in times.items():
                part = ratio(values["GetUser p99"], values["Ping p99"])
                table.row(f"{name}, {delay_ms} ms", *(Figure.of(values[f"{call} {key}"]) for key in ("p50", "p99")
                                                     for call in CALLS), part)
                bars[f"{name}\n{delay_ms} ms"] = {call: Figure.of(values[f"{call} p99"]) for call in CALLS}
            section.goal(f"GetUser p99 / Ping p99 beside {IN_FLIGHT} Authorize, API {delay_ms} ms away", part,
                         at_most=1.2)
    section.plot("", plot.bars("p99 of local calls", bars, "µs"))
    section.save()


if __name__ == "__main__":
    main()
