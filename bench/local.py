# SPDX-License-Identifier: LGPL-2.1-or-later
"""Compares local calls with the least that sd-bus and the bus cost.

The floor is a method with the signature of GetUser and no work, in another service on the same bus. sd-bus
alone calls both in turn (sync), on two CPUs and with everything on one, and 64 in flight; Ping is sampled,
because it has a rate limit. Then GetUser by libpasslock. On dbus-daemon with 10 links and with
PASSLOCK_BENCH_LINKS links, and on dbus-broker with 10.
"""

import functools
import os

import plot
from broker import Broker
from harness import Bus
from harness.build import binary
from load import ApiStack, flood, import_links, library, metered, run, sync
from measure import LINKS, Figure, interleave, pin, pin_tree, ratio
from results import Section

TURNS = 7
SECONDS = 1
# On dbus-broker, the daemon cannot learn what a connection has read, and limits its rate.
BROKER_SECONDS = 0.05
BROKER_CONNECTIONS = 8
# Ping has a rate limit.
PING_SECONDS = 0.05
FEW = 10
CALLS = {"GetUser": "GetUserAny", "floor": "Floor", "Ping": "Ping"}


def call_in_turn(seconds: float) -> dict[str, float]:
    """Calls a second, one at a time, from the median times."""
    times = run(binary("probe"), seconds, CALLS["GetUser"], CALLS["floor"])
    times |= run(binary("probe"), min(seconds / 10, PING_SECONDS), CALLS["Ping"])
    assert all(time["failed"] == 0 for time in times.values())
    return {name: 1e6 / times[call]["p50"] for name, call in CALLS.items()}


def measure_sync(stack, floor, n_cpus: int) -> dict[str, list[float]]:
    pin(n_cpus)
    for pid in (stack.bus.pid, stack.daemon.pid, floor.pid):
        pin_tree(pid, n_cpus)
    seconds = BROKER_SECONDS if isinstance(stack.bus, Broker) else SECONDS
    return interleave({"in turn": call_in_turn}, TURNS, seconds)["in turn"]


def measure_async(stack) -> dict[str, list[float]]:
    is_broker = isinstance(stack.bus, Broker)
    n = BROKER_CONNECTIONS if is_broker else 1

    def measure(call: str, seconds: float) -> dict[str, float]:
        # dbus-broker does not tell how much a connection has read, so the daemon refuses some calls.
        return metered(stack, lambda: flood(call, n, seconds, 64 // n, may_refuse=is_broker))

    times = interleave({name: functools.partial(measure, CALLS[name]) for name in ("GetUser", "floor")}, TURNS,
                       SECONDS)
    return {name: values["rate"] for name, values in times.items()} | {"daemon_us": times["GetUser"]["daemon_us"]}


def compare_calls(section, table, label: str, rates: dict, bars: dict):
    part = ratio(rates["GetUser"], rates["floor"])
    table.row(label, *(Figure.of(rates[name]) if name in rates else None for name in CALLS), part,
              Figure.of(rates["daemon_us"]) if "daemon_us" in rates else None)
    bus, mode, n = label.split(", ")
    bars.setdefault(f"{mode}\n{n}", {})[bus] = part
    if bus == "dbus-daemon":
        section.goal(f"GetUser / floor, {mode}, {n}", part, at_least=0.95)


def compare_library() -> tuple[Figure, Figure, Figure]:
    """Calls a second, from the median times."""
    times = interleave({"library": lambda seconds: library("GetUser", 0, seconds),
                        "sd-bus": lambda seconds: sync("GetUser", seconds)}, TURNS, SECONDS)
    rates = [[1e6 / p50 for p50 in times[name]["p50"]] for name in ("library", "sd-bus")]
    return *map(Figure.of, rates), ratio(*rates)


def main():
    section = Section("local", "Local calls: GetUser, a no-op method, Ping")
    pin()
    bars: dict = {}
    rates = section.table("Calls a second, and CPU µs of the daemon per GetUser", "", *CALLS, "GetUser / floor", "µs")
    for bus, kind in {"dbus-daemon": Bus, "dbus-broker": Broker}.items():
        if kind is Broker and not Broker.is_available():
            print("dbus-broker is left out: it cannot be started here")
            continue
        with ApiStack(bus=kind) as stack:
            floor = stack.start_program("floor")
            n = 0
            for links in (FEW, LINKS) if kind is Bus else (FEW,):
                import_links(stack, n, links - n)
                n = links
                os.environ["PASSLOCK_LOAD_LINKS"] = str(n)
                for n_cpus, mode in ((1, "sync on one CPU"), (2, "sync")):
                    compare_calls(section, rates, f"{bus}, {mode}, {plot.short(n)} links",
                                  measure_sync(stack, floor, n_cpus), bars)
                compare_calls(section, rates, f"{bus}, 64 in flight, {plot.short(n)} links", measure_async(stack),
                              bars)
            if kind is Bus:
                by_library = compare_library()
    table = section.table("GetUser one at a time, calls a second", "", "libpasslock", "sd-bus", "ratio")
    table.row("dbus-daemon", *by_library)
    section.goal("libpasslock / sd-bus, sync", by_library[-1], at_least=0.95)
    section.plot("", plot.bars("Rate of GetUser, as a part of a no-op method's", bars, goal=0.95))
    section.save()


if __name__ == "__main__":
    main()
