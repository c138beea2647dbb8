# SPDX-License-Identifier: LGPL-2.1-or-later
"""A disk that is full."""

import subprocess
from pathlib import Path

import pytest

from .authenticator import Passkey
from .client import plain
from .stack import new_request_id, raises

pytestmark = pytest.mark.root

DISK = "5m"
AT_ONCE = 50


class SmallDisk:
    """A small file system in a mount namespace of its own, and what fills it."""

    def __init__(self, path: Path):
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private",
             "sh", "-c", f"mount -t tmpfs -o mode=700,size={DISK} tmpfs {path} && echo mounted && "
             "exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.mounted = self.holder.stdout.readline() == b"mounted\n"
        self.ballast = Path(f"/proc/{self.holder.pid}/root{path}") / "ballast"

    def command(self) -> list[str]:
        """The start of a command line that runs the rest of it where the disk is."""
        return ["nsenter", f"--target={self.holder.pid}", "--mount", "--"]

    def fill(self):
        with self.ballast.open("ab", buffering=0) as file:
            try:
                while file.write(bytes(65536)):
                    pass
            except OSError:
                pass

    def free(self):
        self.ballast.unlink()

    def close(self):
        self.holder.stdin.close()
        self.holder.wait()
        self.holder.stdout.close()


@pytest.fixture
def full(own_stack):
    """A stack whose disk is small, and its disk, not yet full."""
    state = own_stack.work.private_dir("state")
    disk = SmallDisk(state)
    if not disk.mounted:
        disk.close()
        pytest.skip("nothing can be mounted here")
    own_stack.daemon_prefix = disk.command()
    own_stack.start()
    yield own_stack, disk
    own_stack.daemon.stop()
    disk.close()


def add_until_full(connection) -> list[tuple[str, str]]:
    """Adds links, ever smaller, until there is room for none; returns those acknowledged."""
    acknowledged, n = [], 0
    for length in (500, 200, 50):
        refused = 0
        while refused < AT_ONCE:
            links = [(f"user-{i // 500}", f"key-{i}-".ljust(length, "k"))
                     for i in range(n, n + AT_ONCE)]
            outcomes = [connection.outcome(call) for call in
                        [connection.start_links("Add", *link) for link in links]]
            assert set(outcomes) <= {(), ("error", "StoreFull")}
            acknowledged += [link for link, outcome in zip(links, outcomes) if outcome == ()]
            refused = outcomes.count(("error", "StoreFull"))
            n += AT_ONCE
    return acknowledged


def links_of(connection) -> set[tuple[str, str]]:
    return {(link["user_id"], link["authenticator_id"]) for link in connection.all_links(100)}


def test_what_was_acknowledged_is_there(full):
    stack, disk = full
    connection = stack.connect()
    disk.fill()
    acknowledged = add_until_full(connection)
    assert acknowledged
    assert links_of(connection) == set(acknowledged)
    assert connection.count() == len(acknowledged)
    stack.daemon.kill9()
    stack.daemon.start()
    with stack.connect() as after:
        assert links_of(after) == set(acknowledged)
        disk.free()
        after.links("Add", "ada", "key")
        assert after.links("GetUser", "key") == ("ada",)
    stack.assert_healthy()


def exchange_until_full(stack, connection) -> tuple[Passkey, str]:
    """The first exchange that cannot be kept; one or two may find a corner still."""
    for _ in range(100):
        passkey, request_id = stack.create_passkey(), new_request_id()
        outcome = connection.outcome(connection.start_exchange(passkey.code, request_id=request_id))
        if outcome[0] == "error":
            assert outcome == ("error", "StoreFull")
            return passkey, request_id
    raise AssertionError("it is never full")


def test_exchange_is_carried_through_later(full):
    """The code is used up, so the answer waits for the caller to ask again."""
    stack, disk = full
    connection = stack.connect()
    disk.fill()
    add_until_full(connection)
    passkey, request_id = exchange_until_full(stack, connection)
    calls = stack.calls("exchange")
    with raises("NotFound"):
        connection.links("GetUser", passkey.authenticator_id)
    with raises("StoreFull"):
        connection.exchange(passkey.code, request_id=request_id)
    disk.free()
    principal = plain(connection.exchange(passkey.code, request_id=request_id))
    assert principal["user_id"] == passkey.user_id
    assert principal["authenticator_id"] == passkey.authenticator_id
    assert (principal["linked"], principal["newly_linked"]) == (True, True)
    assert stack.calls("exchange") == calls
    assert connection.links("GetUser", passkey.authenticator_id) == (passkey.user_id,)
    again = plain(connection.exchange(passkey.code, request_id=request_id))
    assert again == principal


def test_links_can_be_removed_or_read_while_full(full):
    stack, disk = full
    connection = stack.connect()
    disk.fill()
    user, key = add_until_full(connection)[0]
    assert connection.links("GetUser", key) == (user,)
    outcome = connection.outcome(connection.start_links("Remove", key))
    assert outcome in ((), ("error", "StoreFull"))
    assert stack.daemon.running
