# SPDX-License-Identifier: LGPL-2.1-or-later
"""Measures the calls of one user (the victim) while another one floods the daemon.

Prints a line for each flood. The victim calls the bus itself (GetId), GetUser and Authorize in turn;
the API takes 20 ms. "longest" is GetUser's: a stall delays one call, and no percentile shows it.
Ratios, at the 99th percentile:

    GetUser     its time / (GetId's at the same moment + GetUser's without a flood)
    Authorize   its time / Authorize's without a flood

callers.py [FLOOD…] measures some floods only. $PASSLOCK_BENCH_BUS is the address of a bus to measure
instead of a new dbus-daemon, such as that of a container with dbus-broker; its policy must let root own
the daemon's name. Then $PASSLOCK_BENCH_BUS_PID is the bus's process.
"""

import contextlib
import json
import os
import subprocess
import sys

from bus.client import BACKUP, GAMES, WWW_DATA, User
from bus.stack import Stack
from harness.build import binary

SECONDS = 4
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


def as_user(user: User) -> list[str]:
    return ["setpriv", f"--reuid={user.uid}", f"--regid={user.gid}", "--clear-groups"]


def private_mib(process) -> float:
    with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def probe(stack) -> dict:
    done = subprocess.run([*as_user(WWW_DATA), binary("probe"), str(SECONDS), *CALLS], check=True,
                          env={"DBUS_SYSTEM_BUS_ADDRESS": stack.bus.address}, text=True,
                          stdout=subprocess.PIPE)
    return json.loads(done.stdout)


@contextlib.contextmanager
def flood(stack, user: User, call: str, connections: int, mode: str):
    command = [*as_user(user), binary("flood"), call, str(connections), str(SECONDS + 2), mode]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
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
        connection.links("Add", "load-user", "load-key")


def line(name: str, now: dict, quiet: dict, daemon_mib: float, bus_mib: float) -> str:
    p99 = {call: now[call]["p99"] / 1000 for call in CALLS}
    failed = sum(now[call]["failed"] for call in CALLS)
    get_user = p99["GetUser"] / (p99["GetId"] + quiet["GetUser"]["p99"] / 1000)
    authorize = p99["Authorize"] / (quiet["Authorize"]["p99"] / 1000)
    longest = now["GetUser"]["max"] / 1000
    return (f"{name:34}{p99['GetId']:9.1f}{p99['GetUser']:9.1f}{longest:9.1f}"
            f"{p99['Authorize']:9.1f}{get_user:9.2f}{authorize:9.2f}{daemon_mib:9.1f}"
            f"{bus_mib:9.1f}{failed:7}")


def main() -> int:
    if os.getuid() != 0:
        print("bench: root is needed, to call as other users", file=sys.stderr)
        return 1
    stack = Stack()
    if address := os.environ.get("PASSLOCK_BENCH_BUS"):
        stack.bus = RunningBus(address, int(os.environ["PASSLOCK_BENCH_BUS_PID"]))
    stack.grant("victim", "www-data", "All")
    stack.grant("flooder", "games", "All")
    stack.start()
    try:
        import_links(stack)
        stack.sandbox.set_faults("delay=20")
        quiet = probe(stack)
        print("p99 in ms; growth of private memory in MiB")
        print(f"{'flood':34}{'GetId':>9}{'GetUser':>9}{'longest':>9}{'Authoriz':>9}{'ratio':>9}{'ratio':>9}"
              f"{'daemon':>9}{'bus':>9}{'failed':>7}")
        print(line("none", quiet, quiet, 0, 0), flush=True)
        for who, user in (("no grant", BACKUP), ("granted", GAMES)):
            for call in sys.argv[1:] or FLOODS:
                for connections, mode in SHAPES:
                    daemon, bus = private_mib(stack.daemon), private_mib(stack.bus)
                    with flood(stack, user, call, connections, mode):
                        now = probe(stack)
                        daemon = private_mib(stack.daemon) - daemon
                        bus = private_mib(stack.bus) - bus
                    print(line(f"{who}, {call}, {connections} {mode}", now, quiet, daemon, bus),
                          flush=True)
    finally:
        stack.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main())
