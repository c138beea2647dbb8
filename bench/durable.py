# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares exchanges that commit a link with those that commit nothing (link=false, no request id).

With 1, 64 and 256 in flight, alone and beside a thousand idle clients; called by sd-bus alone.
"""

import contextlib

import plot
from load import ApiStack, crowd, flood, sync
from measure import QUICK, Figure, difference, interleave, pin, ratio
from results import Section

TURNS = 5
SECONDS = 1.2
IN_FLIGHT = (1, 64, 256)
PER_CONNECTION = 64
CLIENTS = 100 if QUICK else 1000
CALLS = {"durable": "Exchange", "link=false": "ExchangeUnlinked"}


def exchange(call: str, n: int, seconds: float) -> dict[str, float]:
    if n == 1:
        return sync(call, seconds)
    return flood(call, n // PER_CONNECTION, seconds, PER_CONNECTION)


def main():
    section = Section("durable", "Durable exchanges")
    pin()
    table = section.table("Exchanges a second", "", *CALLS, "ratio", "ms more")
    bars = {}
    with ApiStack(CLIENTS) as stack:
        for clients in (0, CLIENTS):
            with crowd(clients, "Get") if clients else contextlib.nullcontext():
                for n in IN_FLIGHT:
                    times = interleave({name: lambda seconds, call=call: exchange(call, n, seconds)
                                        for name, call in CALLS.items()}, TURNS, SECONDS)
                    durable, undurable = times.values()
                    part, more = ratio(durable["rate"], undurable["rate"]), None
                    label = f"{n} in flight, {clients} idle clients"
                    if n == 1:
                        more = difference([us / 1000 for us in durable["p50"]], [us / 1000 for us in undurable["p50"]])
                        section.goal(f"{label}: durable beyond link=false, p50", more, at_most=1, unit="ms")
                    else:
                        section.goal(f"{label}: durable / link=false", part, at_least=0.8)
                    table.row(label, *(Figure.of(values["rate"]) for values in times.values()), part, more)
                    bars[f"{n} in flight\n{clients} clients"] = {name: Figure.of(values["rate"])
                                                                for name, values in times.items()}
        assert stack.daemon.running
    section.plot("", plot.bars("Exchanges a second", bars))
    section.save()


if __name__ == "__main__":
    main()
