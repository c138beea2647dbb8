# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts get another version of the daemon, one after another, while people sign up and in on the others.

$PASSLOCK_OLD_BUILD_DIR is a build of the version before. Without it, the hosts are only restarted.
"""

import os
import shutil
import threading
from pathlib import Path

import pytest

from harness.build import PLACES
from harness.process import PATIENCE_SEC

from .client import Connection, plain
from .fleet import Fleet
from .stack import Stack, eventually, new_request_id, new_user
from .test_backup import passlockctl

OLD_BUILD = os.environ.get("PASSLOCK_OLD_BUILD_DIR")
N_HOSTS = 3 if OLD_BUILD else 2
N_ROUNDS = 2  # on each host, between two steps of an upgrade

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="needs etcd")


class Visitors(threading.Thread):
    """Sign up and in on one host, one after another. No call may fail."""

    def __init__(self, host: Stack):
        super().__init__(daemon=True)
        self.host = host
        self.ending = threading.Event()
        self.n_rounds = 0
        self.links: dict[str, str] = {}
        self.failure: BaseException | None = None

    def run(self):
        try:
            with Connection(self.host.bus.address) as connection:
                while not self.ending.is_set():
                    self.visit(connection)
                    self.n_rounds += 1
        except BaseException as error:
            self.failure = error

    def visit(self, connection: Connection):
        passkey = self.host.create_passkey(new_user())
        assert plain(connection.exchange(passkey.code))["newly_linked"]
        assert not plain(connection.exchange(self.host.sign_in(passkey).code))["newly_linked"]
        assert connection.links("GetUser", passkey.authenticator_id)[0] == passkey.user_id
        connection.links("Add", passkey.user_id, f"{passkey.authenticator_id}-2")
        connection.links("Remove", f"{passkey.authenticator_id}-2")
        self.links[passkey.authenticator_id] = passkey.user_id

    def go_on(self):
        """Waits until they have visited the host a few times more."""
        begin = self.n_rounds
        eventually(lambda: self.failure or self.n_rounds >= begin + N_ROUNDS)
        assert self.failure is None, self.failure

    def end(self) -> dict[str, str]:
        """Their links."""
        self.ending.set()
        self.join(PATIENCE_SEC)
        assert self.failure is None, self.failure
        return self.links


def start_visitors(host: Stack) -> Visitors:
    visitors = Visitors(host)
    visitors.start()
    return visitors


def links_of(host: Stack) -> dict[str, str]:
    with host.connect() as connection:
        return {link["authenticator_id"]: link["user_id"] for link in connection.all_links()}


@pytest.fixture(name="fleet")
def make_fleet():
    fleet = Fleet(N_HOSTS)
    if OLD_BUILD:
        for host in fleet.hosts:
            host.daemon_program = Path(OLD_BUILD).resolve() / PLACES["passlockd"]
    with fleet:
        yield fleet


def test_upgrade(fleet):
    passkey, request_id = fleet.hosts[0].create_passkey(new_user()), new_request_id()
    with fleet.hosts[0].connect() as connection:
        answer = connection.exchange(passkey.code, request_id=request_id)
    links = {passkey.authenticator_id: passkey.user_id}
    visitors = {host: start_visitors(host) for host in fleet.hosts}
    for host in fleet.hosts:
        links |= visitors.pop(host).end()
        assert host.daemon.stop() == 0
        for group in visitors.values():
            group.go_on()
        host.daemon.program = None
        host.daemon.start()
        fleet.wait_ready(host)
        visitors[host] = start_visitors(host)
        for group in visitors.values():
            group.go_on()
        for other in fleet.hosts:  # each version has the answer
            with other.connect() as connection:
                assert connection.exchange(passkey.code, request_id=request_id) == answer
    for group in visitors.values():
        links |= group.end()
    for host in fleet.hosts:
        eventually(lambda host=host: links_of(host) == links)
        passlockctl(host, "store", "verify")
