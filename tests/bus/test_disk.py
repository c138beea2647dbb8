# SPDX-License-Identifier: LGPL-2.1-or-later
"""Full disks."""

import resource
import subprocess
from pathlib import Path

import pytest

from harness.standin import Proxy

from .client import plain
from .stack import eventually, new_request_id, raises

pytestmark = pytest.mark.root

DISK = "8m"  # a new store takes six
AT_ONCE = 50


class SmallDisk:
    """A small file system in a private mount namespace, and a file that fills it."""

    def __init__(self, path: Path, size: str = DISK):
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private",
             "sh", "-c", f"mount -t tmpfs -o mode=700,size={size} tmpfs {path} && echo mounted && "
             "exec cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.mounted = self.holder.stdout.readline() == b"mounted\n"
        self.path = Path(f"/proc/{self.holder.pid}/root{path}")
        self.ballast = self.path / "ballast"

    def command(self) -> list[str]:
        """The prefix of a command line that runs a command in the mount namespace."""
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
    """A stack with a small disk that is not full yet, and the disk."""
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
    """Adds links of decreasing size until none fits. Returns the acknowledged links."""
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


def test_code_is_not_used_up_for_nothing(full):
    """An exchange that cannot be stored is not sent to the API; a few may still find space."""
    stack, disk = full
    connection = stack.connect()
    disk.fill()
    add_until_full(connection)
    for _ in range(200):
        passkey, calls = stack.create_passkey(), stack.calls("exchange")
        outcome = connection.outcome(connection.start_exchange(passkey.code))
        if outcome == ("error", "StoreFull"):
            break
        assert plain(outcome[0])["linked"] is True
    assert outcome == ("error", "StoreFull")
    with raises("StoreFull"):
        connection.exchange(passkey.code, request_id=new_request_id())
    assert stack.calls("exchange") == calls
    disk.free()
    principal = plain(connection.exchange(passkey.code))
    assert (principal["user_id"], principal["linked"]) == (passkey.user_id, True)


def test_without_a_link_it_needs_no_disk(full):
    stack, disk = full
    connection = stack.connect()
    disk.fill()
    add_until_full(connection)
    for options in ({}, {"request_id": new_request_id()}):
        passkey = stack.create_passkey()
        principal = plain(connection.exchange(passkey.code, link=False, **options))
        assert (principal["user_id"], principal["linked"]) == (passkey.user_id, False)


@pytest.fixture
def begun(full):
    """A stack with exchanges whose API replies are held back by a proxy."""
    stack, disk = full
    with Proxy(stack.sandbox.endpoint) as proxy, stack.connect() as connection:
        stack.sections["Tenancy default"] = stack.tenancy(Endpoint=proxy.endpoint)
        stack.apply()
        work = [(stack.create_passkey(), new_request_id()) for _ in range(10)]
        proxy.keeps = lambda request: "/principal/" in request.path
        calls = [connection.start_exchange(passkey.code, request_id=request_id)
                 for passkey, request_id in work]
        eventually(lambda: len(proxy.kept) == len(work))
        yield stack, disk, proxy, connection, work, calls


def test_disk_fills_up_meanwhile(begun):
    """Exchanges in flight can use the reserve."""
    _, disk, proxy, connection, work, calls = begun
    disk.fill()
    add_until_full(connection)
    proxy.let_go()
    for (passkey, request_id), call in zip(work, calls):
        (principal,) = connection.finish(call)
        assert plain(principal)["linked"] is True
        assert connection.links("GetUser", passkey.authenticator_id) == (passkey.user_id,)
        assert connection.exchange(passkey.code, request_id=request_id) == principal


def test_decision_without_room(begun):
    """After a crash, a declined passkey is not linked for an exchange that was in flight."""
    stack, disk, proxy, connection, work, _ = begun
    disk.fill()
    add_until_full(connection)
    proxy.keeps = lambda request: False
    declined = stack.create_passkey()
    assert plain(connection.exchange(declined.code, link=False))["linked"] is False
    stack.daemon.kill9()
    proxy.let_go()
    disk.free()
    stack.daemon.start()
    with stack.connect() as after:
        for passkey, _ in work:
            eventually(lambda: after.outcome(after.start_links(
                "GetUser", passkey.authenticator_id)) == (passkey.user_id,))
        with raises("NotFound"):
            after.links("GetUser", declined.authenticator_id)


def test_exchange_is_carried_through_later(begun):
    """If nothing can be written, a retry of the caller saves the answer."""
    stack, _, proxy, connection, work, calls = begun
    limits = resource.prlimit(stack.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(stack.daemon.pid, resource.RLIMIT_FSIZE, (4096, limits[1]))
    proxy.let_go()
    assert {connection.outcome(call) for call in calls} == {("error", "StoreFull")}
    calls = stack.calls("exchange")
    for passkey, request_id in work:
        with raises("NotFound"):
            connection.links("GetUser", passkey.authenticator_id)
        with raises("StoreFull"):
            connection.exchange(passkey.code, request_id=request_id)
    resource.prlimit(stack.daemon.pid, resource.RLIMIT_FSIZE, limits)
    for passkey, request_id in work:
        principal = plain(connection.exchange(passkey.code, request_id=request_id))
        assert principal["user_id"] == passkey.user_id
        assert principal["authenticator_id"] == passkey.authenticator_id
        assert (principal["linked"], principal["newly_linked"]) == (True, True)
        assert connection.links("GetUser", passkey.authenticator_id) == (passkey.user_id,)
        assert plain(connection.exchange(passkey.code, request_id=request_id)) == principal
    assert stack.calls("exchange") == calls


@pytest.mark.parametrize("by_user", [False, True])
def test_links_can_be_removed_while_full(full, by_user):
    """All links can be removed: removals use the reserve."""
    stack, disk = full
    connection = stack.connect()
    disk.fill()
    links = add_until_full(connection)
    for user, key in links[::100]:
        assert connection.links("GetUser", key) == (user,)
    if by_user:
        users = sorted({user for user, _ in links})
        removed = [connection.links("RemoveByUser", user)[0] for user in users]
        assert sum(removed) == len(links)
    else:
        for begin in range(0, len(links), AT_ONCE):
            calls = [connection.start_links("Remove", key)
                     for _, key in links[begin:begin + AT_ONCE]]
            assert {connection.outcome(call) for call in calls} == {()}
    assert connection.count() == 0
    stack.daemon.kill9()
    stack.daemon.start()
    with stack.connect() as after:
        assert after.all_links() == []
        assert len(add_until_full(after)) > 0  # of the space that has become free


def test_started_while_full(full):
    stack, disk = full
    connection = stack.connect()
    disk.fill()
    user, key = add_until_full(connection)[0]
    stack.daemon.restart()
    with stack.connect() as after:
        assert after.links("GetUser", key) == (user,)
        assert after.authorize("shop.example.com", "ada")[0]
        assert after.links("Remove", key) == ()


def test_there_is_no_room_for_a_store(full):
    """The daemon works without a store as far as possible, and creates it when there is space."""
    stack, disk = full
    stack.daemon.stop()
    for file in disk.path.iterdir():
        file.unlink()
    disk.fill()
    stack.daemon.start()
    with stack.connect() as connection:
        token, _ = connection.authorize("shop.example.com", "ada", exclude_linked=False)
        passkey = stack.run_ceremony(token)
        with raises("StoreFull"):
            connection.links("Add", "ada", "key")
        with raises("StoreFull"):
            connection.links("GetUser", "key")
        with raises("StoreFull"):
            connection.exchange(passkey.code)
        (finding,) = map(plain, connection.method("Diagnose")[0])
        assert (finding["kind"], finding["name"]) == ("store", str(stack.daemon.state))
        assert finding["text"] == "Failed to open the store: No space left on device"
        assert finding["advice"]
        disk.free()
        eventually(lambda: connection.outcome(connection.start_links("Add", "ada", "key")) == ())
        assert plain(connection.exchange(passkey.code))["linked"] is True
        assert connection.method("Diagnose")[0] == []
