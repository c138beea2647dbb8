# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures the calls of one user (the victim) while another one floods the daemon.

Prints a row for each flood. The victim calls the bus itself (GetId), GetUser and Authorize in turn;
the API takes 20 ms. "longest" is GetUser's: a stall delays one call, and no percentile shows it.
Ratios, at the 99th percentile:

    GetUser     its time / (GetId's at the same moment + GetUser's without a flood)
    Authorize   its time / Authorize's without a flood

callers.py [FLOOD…] measures some floods only. $PASSLOCK_BENCH_BUS is the address of a bus to measure
instead of a new dbus-daemon, such as that of a container with dbus-broker; its policy must let root own
the daemon's name. Then $PASSLOCK_BENCH_BUS_PID is the bus's process.
"""

import contextlib
import os
import subprocess
import sys

from bus.client import BACKUP, GAMES, WWW_DATA, User
from bus.stack import Stack
from harness.build import binary
from harness.process import as_uid
from load import add_load_link, require_root, run
from measure import QUICK, Figure, memory_mib, pin
from results import Section

SECONDS = 1 if QUICK else 3
CALLS = ("GetId", "GetUser", "Authorize")
FLOODS = ("Ping", "Introspect", "Get", "ListTenancies", "GetUser", "List", "Add", "Authorize")
SHAPES = ((1, "read"), (20, "read"), (4, "lazy"), (20, "lazy"))


class RunningBus:
    """A bus that is not started here."""

    def __init__(self, address: str, pid: int):
        self.address = address
        self.pid = pid

    def start(self):
        pass

    def kill9(self):
        pass


def probe(stack) -> dict:
    return run(binary("probe"), SECONDS, *CALLS, user=WWW_DATA, DBUS_SYSTEM_BUS_ADDRESS=stack.bus.address)


@contextlib.contextmanager
def flood(stack, user: User, call: str, connections: int, mode: str):
    command = [*as_uid(user.uid, user.gid), binary("flood"), call, str(connections), str(SECONDS + 2), mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                          env={"DBUS_SYSTEM_BUS_ADDRESS": stack.bus.address}) as child:
        try:
            child.stdout.readline()
            yield
        finally:
            child.kill()


def import_links(stack):
    links = [{"user_id": ("s", f"user-{i}"), "authenticator_id": ("s", f"key-{i:032}"),
              "created_at": ("t", 1), "last_used_at": ("t", 0)} for i in range(1000)]
    with stack.connect() as connection:
        connection.links("Import", links, {})
    add_load_link(stack)


def row(name: str, now: dict, quiet: dict, daemon_mib: float, bus_mib: float) -> tuple:
    p99 = {call: now[call]["p99"] / 1000 for call in CALLS}
    failed = sum(now[call]["failed"] for call in CALLS)
    get_user = p99["GetUser"] / (p99["GetId"] + quiet["GetUser"]["p99"] / 1000)
    authorize = p99["Authorize"] / (quiet["Authorize"]["p99"] / 1000)
    return (name, p99["GetId"], p99["GetUser"], now["GetUser"]["max"] / 1000, p99["Authorize"], get_user, authorize,
            daemon_mib, bus_mib, failed)


def measure_flood(stack, table, name: str, flooder, quiet: dict) -> tuple:
    daemon, bus = memory_mib(stack.daemon.pid, "Private"), memory_mib(stack.bus.pid, "Private")
    with flooder:
        now = probe(stack)
        daemon = memory_mib(stack.daemon.pid, "Private") - daemon
        bus = memory_mib(stack.bus.pid, "Private") - bus
    cells = row(name, now, quiet, daemon, bus)
    table.row(*cells)
    return cells


def main():
    require_root()
    section = Section("callers", "Calls of one user while another one floods the daemon")
    pin()
    stack = Stack()
    stack.sandbox.options = ()  # with a state file, each token costs more than the one before
    if address := os.environ.get("PASSLOCK_BENCH_BUS"):
        stack.bus = RunningBus(address, int(os.environ["PASSLOCK_BENCH_BUS_PID"]))
    stack.grant("victim", "www-data", "All")
    stack.grant("flooder", "games", "All")
    stack.start()
    try:
        import_links(stack)
        stack.sandbox.set_faults("delay=20")
        table = section.table("p99 in ms; growth of private memory in MiB", "", "GetId", "GetUser", "longest",
                              "Authorize", "ratio", "ratio ", "daemon", "bus", "failed")
        quiet = probe(stack)
        table.row(*row("none", quiet, quiet, 0.0, 0.0))
        rows = [measure_flood(stack, table, f"{who}, {call}, {connections} {mode}",
                              flood(stack, user, call, connections, mode), quiet)
                for who, user in (("no grant", BACKUP), ("granted", GAMES))
                for call in sys.argv[1:] or (FLOODS[:2] if QUICK else FLOODS)
                for connections, mode in SHAPES]
    finally:
        stack.stop()
    for i, name in ((5, "GetUser"), (6, "Authorize")):
        section.summary(f"p99 ratio of {name}, over all floods", Figure.of([cells[i] for cells in rows]))
    section.summary("failed calls", float(sum(cells[-1] for cells in rows)))
    section.save()


if __name__ == "__main__":
    main()
