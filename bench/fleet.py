# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures hosts that share their links in three etcds, all on this machine.

    lookup      GetUser on a host of the fleet beside one with a store of its own, with etcd and without
    exchange    exchanges a second, over three hosts
    elsewhere   how long until another host can look a new link up
    join        how long a new host takes to load the links
"""

import contextlib
import os
import threading
import time

from bus.client import Connection
from bus.fleet import EtcdCluster, Fleet
from harness import BusError
from harness.build import binary
from load import ApiStack, add_load_link, import_links, require_root, run
from measure import QUICK, Figure, pin, ratio
from results import Section

HOSTS = 3
SECONDS = 1 if QUICK else 4
TURNS = 2 if QUICK else 5
SAMPLES = 50 if QUICK else 400
LINKS = int(os.environ.get("PASSLOCK_BENCH_LINKS") or (5_000 if QUICK else 100_000))


def at(stack) -> dict[str, str]:
    return {"DBUS_SYSTEM_BUS_ADDRESS": stack.bus.address}


def look_up(stack) -> float:
    return run(binary("probe"), SECONDS, "GetUser", **at(stack))["GetUser"]["n"] / SECONDS


def compare_lookups(section: Section, table, fleet, alone):
    for label in ("with etcd", "without etcd"):
        if label == "without etcd":
            fleet.etcd.kill9()
        pairs = [(look_up(fleet.hosts[0]), look_up(alone)) for _ in range(TURNS)]
        shared, own = ([pair[i] for pair in pairs] for i in (0, 1))
        table.row(f"GetUser a second, {label}", Figure.of(shared))
        section.goal(f"GetUser on a host of the fleet / on one of its own, {label}", ratio(shared, own), at_least=0.95)
    fleet.etcd.start()
    for host in fleet.hosts:
        fleet.wait_ready(host)


def exchange_everywhere(fleet) -> float:
    rates = []

    def exchange(host):
        n = 64 // HOSTS
        counts = run(binary("flood"), "Exchange", 1, SECONDS, "read", n, **at(host))
        rates.append((counts["answered"] - counts["refused"]) / SECONDS)

    threads = [threading.Thread(target=exchange, args=(host,)) for host in fleet.hosts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(rates) == HOSTS
    return sum(rates)


def times_until_elsewhere(fleet) -> list[float]:
    """In ms, from the acknowledgement on one host."""
    times = []
    with fleet.hosts[0].connect() as one, fleet.hosts[1].connect() as two:
        for i in range(SAMPLES):
            one.links("Add", "somebody", f"elsewhere-{i}")
            begun = time.monotonic()
            while True:
                with contextlib.suppress(BusError):
                    two.links("GetUser", f"elsewhere-{i}")
                    break
            times.append((time.monotonic() - begun) * 1000)
            one.links("Remove", f"elsewhere-{i}")
    return times


def time_to_join(fleet) -> float:
    """A host without a replica starts; in seconds, until it has all links."""
    host = ApiStack()
    host.sections["Store"] = fleet.hosts[0].sections["Store"]
    with fleet.hosts[0].connect() as connection:
        count = connection.count()
    begun = time.monotonic()
    with host:
        while True:
            with contextlib.suppress(BusError), Connection(host.bus.address) as connection:
                if connection.count() >= count:
                    return time.monotonic() - begun
            time.sleep(0.05)


def main():
    require_root()
    section = Section("fleet", f"{HOSTS} hosts that share three etcds")
    pin()
    table = section.table("All on two CPUs", "", "value")
    with Fleet(HOSTS, etcd=EtcdCluster, stack=ApiStack) as fleet, ApiStack() as alone:
        add_load_link(fleet.hosts[0])
        compare_lookups(section, table, fleet, alone)
        rates = [exchange_everywhere(fleet) for _ in range(TURNS)]
        table.row("exchanges a second, 64 in flight on all hosts", Figure.of(rates))
        section.goal("exchanges a second", Figure.of(rates), at_least=1000)
        times = sorted(times_until_elsewhere(fleet))
        table.row("ms until another host has a link, p50", times[len(times) // 2])
        section.goal("until another host has a link, p99", times[len(times) * 99 // 100], at_most=50, unit="ms")
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = fleet.hosts[0].bus.address
        begun = time.monotonic()
        import_links(fleet.hosts[0], 0, LINKS)
        table.row(f"links imported a second, of {LINKS:,}", LINKS / (time.monotonic() - begun))
        section.goal(f"a new host loads {LINKS:,} links", time_to_join(fleet), at_most=60, unit="s")
    section.save()


if __name__ == "__main__":
    main()
