# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures the cost of a call as links, tenancies, grants, clients and calls in flight grow by tens.

The cost should stay flat: CPU time of the daemon per GetUser with 64 in flight, and the p50 of one at a time.
The calls in flight are those of Authorize as well.
"""

import contextlib
import os

import plot
from bus.client import WWW_DATA
from load import ApiStack, crowd, flood, import_links, library, metered, sync
from measure import LINKS, Figure, interleave, pin, ratio
from results import Section

TURNS = 3
SECONDS = 0.6
TENS = (1, 10, 100, 1000)
LIMIT = 1.25
FIRST_UID = 20000


def get_user(stack, call: str = "GetUser", **options) -> dict[str, list[float]]:
    return interleave({"": lambda seconds: metered(stack, lambda: flood(call, 1, seconds, **options)) |
                       {"p50": sync(call, seconds / 2, **options)["p50"]}}, TURNS, SECONDS)[""]


def links(stack):
    n = 0
    for target in [10 ** i for i in range(1, 8) if 10 ** i <= LINKS]:
        import_links(stack, n, target - n)
        n = target
        os.environ["PASSLOCK_LOAD_LINKS"] = str(n)
        yield n, get_user(stack, "GetUserAny")


def tenancies(stack):
    tenancy = stack.sections["Tenancy default"]
    for n in (n for n in TENS if n <= 1000):
        stack.sections |= {f"Tenancy t{i}": tenancy | {"TenancyId": f"bench{i}"} for i in range(1, n)}
        stack.apply()
        yield n, get_user(stack)
    for i in range(1, n):
        del stack.sections[f"Tenancy t{i}"]
    stack.apply()


def grants(stack):
    """The caller's grant is the last one."""
    for n in TENS:
        stack.sections = {name: keys for name, keys in stack.sections.items() if not name.startswith("Grant ")}
        for i in range(1, n):
            stack.grant(f"g{i}", str(FIRST_UID + i), "Links.Read")
        stack.grant("caller", "www-data", "All")
        stack.apply()
        yield n, get_user(stack, user=WWW_DATA)


def beside_crowd(stack, call: str, numbers):
    """Each step right after one with a single client, since the speed of the host drifts."""
    for n in numbers:
        with crowd(1, call):
            first = get_user(stack)
        with crowd(n, call):
            yield n, get_user(stack), first


def clients(stack):
    yield from beside_crowd(stack, "Get", TENS)


def subscribers(stack):
    yield from beside_crowd(stack, "Subscribe", (1, 10, 100))


def calls_in_flight(stack):
    for n in TENS:
        yield n, interleave({"": lambda seconds: metered(
            stack, lambda: flood("GetUser", max(1, n // 100), seconds, min(n, 100)))}, TURNS, SECONDS)[""]


def api_calls_in_flight(stack):
    for n in TENS:
        yield n, interleave({"": lambda seconds: metered(
            stack, lambda: library("Authorize", n, seconds))}, TURNS, SECONDS)[""]


GROWTHS = {"clients": clients, "subscribers": subscribers, "GetUser in flight": calls_in_flight,
           "Authorize in flight": api_calls_in_flight, "grants": grants, "tenancies": tenancies, "links": links}


def main():
    section = Section("growth", "Cost of a call as things grow")
    pin()
    table = section.table("CPU µs of the daemon per call, and p50 in µs", "", "CPU", "p50", "CPU / first")
    cpu, p50 = {}, {}
    with ApiStack(2 * TENS[-1]) as stack:
        for name, grow in GROWTHS.items():
            cpu[name], p50[name], first = [], [], None
            with contextlib.closing(grow(stack)) as steps:
                for n, times, *beside in steps:
                    first = beside[0]["daemon_us"] if beside else first or times["daemon_us"]
                    part = ratio(times["daemon_us"], first)
                    median = Figure.of(times["p50"]) if "p50" in times else None
                    table.row(f"{n:,} {name}", Figure.of(times["daemon_us"]), median, part)
                    cpu[name].append((n, Figure.of(times["daemon_us"])))
                    if median and "flight" not in name:
                        p50[name].append((n, median))
            section.goal(f"CPU with {n:,} {name} / with {cpu[name][0][0]}", part, at_most=LIMIT)
    api = {"Authorize in flight": cpu.pop("Authorize in flight")}
    del p50["Authorize in flight"]
    section.plot("cpu", plot.lines("CPU of the daemon per GetUser", "number", cpu, "µs"))
    section.plot("authorize", plot.lines("CPU of the daemon per Authorize", "number", api, "µs"))
    section.plot("p50", plot.lines("p50 of GetUser, one at a time", "number",
                                   p50, "µs"))
    section.save()


if __name__ == "__main__":
    main()
