# SPDX-License-Identifier: LGPL-2.1-or-later
"""Three hosts and three etcds that are killed, stopped and cut off while links change: no acknowledged change is
lost, no authenticator has two users, and all hosts agree in the end.

$PASSLOCK_FLEET_EVENTS is the number of faults, $PASSLOCK_FLEET_SEED their seed.
"""

import contextlib
import os
import random
import shutil
import signal
import threading
import time

import pytest

from harness import BusError
from harness.process import PATIENCE_SEC

from .client import Connection
from .fleet import EtcdCluster, Fleet
from .stack import eventually

EVENTS = int(os.environ.get("PASSLOCK_FLEET_EVENTS", 8))
SEED = int(os.environ.get("PASSLOCK_FLEET_SEED", 1))
PAUSE_SEC = 0.5  # between faults: changes go on meanwhile
STOPPED_SEC = (0.5, 3) if EVENTS < 100 else (0.5, 10)

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="needs etcd")


class Changes(threading.Thread):
    """Adds and removes links on one host, each authenticator by one host only, and keeps what was
    acknowledged. All hosts also fight for a few authenticators."""

    def __init__(self, host, number: int):
        super().__init__()
        self.host = host
        self.random = random.Random(f"{SEED}-{number}")
        self.number = number
        self.ending = threading.Event()
        self.linked: dict[str, str] = {}  # as acknowledged
        self.unknown: set[str] = set()  # the last change of these had no clear reply
        self.n_acknowledged = self.n_failed = 0
        self.failure: BaseException | None = None

    def run(self):
        try:
            while not self.ending.is_set():
                with contextlib.suppress(OSError, TimeoutError, EOFError), \
                        Connection(self.host.bus.address) as connection:
                    while not self.ending.is_set():
                        self.change(connection)
        except BaseException as error:
            self.failure = error

    def change(self, connection: Connection):
        kind = self.random.randrange(10)
        if kind < 2:  # others want these as well
            self.try_change(connection, "", "Add", f"user-{self.number}", f"wanted-{self.random.randrange(4)}")
            self.try_change(connection, "", "Remove", f"wanted-{self.random.randrange(4)}")
        elif kind < 7 or not self.linked:
            authenticator = f"pk-{self.number}-{self.random.getrandbits(48):x}"
            user = f"user-{self.random.randrange(50)}"
            if self.try_change(connection, authenticator, "Add", user, authenticator):
                self.linked[authenticator] = user
        else:
            authenticator = self.random.choice(list(self.linked))
            if self.try_change(connection, authenticator, "Remove", authenticator):
                del self.linked[authenticator]

    def try_change(self, connection: Connection, authenticator: str, member: str, *args) -> bool:
        """Whether the change was acknowledged. After another reply it may have been made."""
        self.unknown.add(authenticator)
        try:
            connection.links(member, *args)
        except BusError as error:
            self.n_failed += 1
            if str(error).endswith(("ServiceUnknown", "NameHasNoOwner")) or "ServiceUnknown" in repr(error):
                time.sleep(0.05)  # the daemon is being started
            return False
        self.unknown.discard(authenticator)
        self.n_acknowledged += 1
        return True


class Faults:
    """Kills, stops and cuts off daemons and etcds."""

    def __init__(self, fleet: Fleet):
        self.fleet = fleet
        self.random = random.Random(SEED)
        self.strikes = [self.kill, self.stop, self.cut, self.separate]
        self.counts = dict.fromkeys((strike.__name__ for strike in self.strikes), 0)

    def strike(self):
        time.sleep(self.random.uniform(0, PAUSE_SEC))
        strike = self.random.choice(self.strikes)
        self.counts[strike.__name__] += 1
        strike()

    def wait(self):
        time.sleep(self.random.uniform(*STOPPED_SEC))

    def choose_process(self):
        return self.random.choice([*self.fleet.etcd.members, *(host.daemon for host in self.fleet.hosts)])

    def kill(self):
        process = self.choose_process()
        process.kill9()
        time.sleep(self.random.uniform(0, 0.5))
        process.start()

    def stop(self):
        process = self.choose_process()
        os.kill(process.pid, signal.SIGSTOP)
        self.wait()
        os.kill(process.pid, signal.SIGCONT)

    def cut(self):
        """A host loses its network."""
        host = self.random.choice(self.fleet.network.hosts)
        host.cut()
        self.wait()
        host.join()

    def separate(self):
        """A member of etcd loses the others, but not the daemons; or a daemon loses one member."""
        members = [member.host for member in self.fleet.etcd.members]
        host = self.random.choice(self.fleet.network.hosts)
        others = [member for member in members if member is not host]
        if host not in members:
            others = [self.random.choice(others)]
        for other in others:
            host.drop(other)
        self.wait()
        for other in others:
            host.stop_dropping(other)


def links_of(host) -> dict[str, str]:
    with host.connect() as connection:
        return {link["authenticator_id"]: link["user_id"] for link in connection.all_links()}


def test_faults():
    with Fleet(3, etcd=EtcdCluster, has_network=True, Acknowledge="local") as fleet:
        changes = [Changes(host, i) for i, host in enumerate(fleet.hosts)]
        for thread in changes:
            thread.start()
        faults = Faults(fleet)
        try:
            for _ in range(EVENTS):
                faults.strike()
        finally:
            for thread in changes:
                thread.ending.set()
            for thread in changes:
                thread.join(PATIENCE_SEC)
        assert [thread.failure for thread in changes] == [None] * len(changes)
        for host in fleet.hosts:
            fleet.wait_ready(host)
        eventually(lambda: links_of(fleet.hosts[0]) == links_of(fleet.hosts[1]) == links_of(fleet.hosts[2]))
        links = links_of(fleet.hosts[0])
        assert links == fleet.etcd.links()
        for thread in changes:
            for authenticator, user in thread.linked.items():
                assert authenticator in thread.unknown or links[authenticator] == user
            print(f"host {thread.number}: {thread.n_acknowledged} acknowledged, {thread.n_failed} failed")
        print(*(f"{name}: {n}" for name, n in faults.counts.items()), sep=", ")
        acknowledged = {key for thread in changes for key in thread.linked | dict.fromkeys(thread.unknown, "")}
        assert {key for key in links if not key.startswith("wanted-")} <= acknowledged
        assert sum(thread.n_acknowledged for thread in changes) > EVENTS
