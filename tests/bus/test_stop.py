# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stop completes with any calls in flight, with or without their callers."""

import itertools
import os
import resource
import signal
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from harness.standin import Reply, Request

from .client import variants
from .issuer import Key, claims_of, token
from .stack import eventually, new_request_id
from .test_import import make
from .vault import HeldStore, VaultStack, is_delete, is_exchange, is_list, is_probe

KEY = Key("one")


def anything(_: Request) -> bool:
    return True


def method(name: str, *args) -> Callable:
    return lambda stack, connection: connection.start_method(name, *args)


def exchange(**options) -> Callable:
    def start(stack, connection):
        return connection.start_exchange(stack.vault.add("pk-new", "ada"), **options)
    return start


def verify(stack, connection):
    stack.vault.faults["jwks.json"] = Reply(200, {"keys": [KEY.jwk()]})
    return connection.start_method("VerifyIdToken", token(KEY, claims_of("tenant_A")), {})


def lost_delete(stack, connection):
    stack.vault.lies["/delete"] = Reply(500, b"")
    return connection.start_method("DeleteUserPasskeys", "bob", {})


@dataclass(frozen=True)
class Await:
    """The position of a call at the stop: at the API, at the disk, or first at the API and then at the disk."""

    start: Callable
    api: Callable[[Request], bool] | None = None
    disk: bool = False
    waits: bool = True  # a stop does, for the answer of the API or the disk


APPLY = variants({"dry_run": False})
AWAITS = {
    "Authorize": Await(method("Authorize", "shop.example.com", "ada", "ada", {}), anything),
    "AuthorizeAuthentication": Await(
        method("AuthorizeAuthentication", "shop.example.com", variants({"discoverable": True})),
        anything),
    "Exchange, its intent": Await(exchange(), disk=True),
    "Exchange, the API": Await(exchange(), is_exchange),
    "Exchange, its outcome": Await(exchange(request_id=new_request_id()), is_exchange, True),
    "Exchange without a link": Await(exchange(link=False), is_exchange, True),
    "Exchange that fails": Await(
        lambda stack, connection: connection.start_exchange("forged"), is_exchange, True),
    "VerifyIdToken": Await(verify, anything),
    "Add": Await(method("Add", "ada", "key"), disk=True),
    "Remove": Await(method("Remove", "pk-1"), disk=True),
    "RemoveByUser": Await(method("RemoveByUser", "bob"), disk=True),
    "Import": Await(method("Import", [make("ada", "key")], {}), disk=True),
    "Reconcile, a page": Await(method("Reconcile", APPLY), is_list, waits=False),
    "Reconcile, links to be added": Await(method("Reconcile", APPLY), is_list, True),
    "Reconcile, a passkey": Await(method("Reconcile", APPLY), is_probe, waits=False),
    "Reconcile, links to be removed": Await(method("Reconcile", APPLY), is_probe, True),
    "GetPasskey": Await(method("GetPasskey", "pk-1"), anything),
    "ListPasskeys": Await(method("ListPasskeys", ""), anything),
    "UpdatePasskeys": Await(method("UpdatePasskeys", "bob", "bob", {}), anything),
    "PrunePasskeys": Await(method("PrunePasskeys", "bob", {}), anything),
    "DeletePasskeys, its intent": Await(method("DeletePasskeys", ["pk-1"], {}), disk=True),
    "DeletePasskeys, the API": Await(method("DeletePasskeys", ["pk-1"], {}), is_delete),
    "DeletePasskeys, the links": Await(method("DeletePasskeys", ["pk-1"], {}), is_delete, True),
    "DeleteUserPasskeys": Await(method("DeleteUserPasskeys", "bob", {}), is_delete, True),
    "DeleteUserPasskeys, a passkey": Await(lost_delete, is_probe, waits=False),
    "DeleteUserPasskeys, the rest": Await(lost_delete, is_probe, True),
    "CreateChallenge": Await(method("CreateChallenge", "a@example.com", "test", {}), anything),
    "GetChallenge": Await(method("GetChallenge", "ch"), anything),
    "VerifyChallenge": Await(method("VerifyChallenge", "ch", "secret", "1"), anything),
    "DeleteChallenge": Await(method("DeleteChallenge", "ch"), anything),
}


@pytest.fixture
def stack():
    """A stack with links, a stale link, and a passkey without a link."""
    with VaultStack() as stack:
        with stack.connect() as connection:
            for i in range(1, 4):
                connection.exchange(stack.vault.add(f"pk-{i}", "bob"))
            connection.links("Add", "bob", "pk-gone")
        stack.vault.add("pk-missing", "eve")
        yield stack


def terminate(stack):
    """Sends SIGTERM, and waits until the daemon has released its bus name."""
    os.kill(stack.daemon.pid, signal.SIGTERM)

    def has_name() -> bool:
        with stack.connect() as connection:
            return connection.driver("NameHasOwner", "s", "dev.passlock.Passlock1")[0]
    eventually(lambda: not stack.daemon.running or not has_name())


def reach(stack, wanted: Await, begin: Callable) -> Callable:
    """Starts a call and waits until it reaches the position. Returns a function that continues it."""
    vault = stack.vault
    if wanted.api:
        vault.keeps = wanted.api
        begin()
        eventually(lambda: vault.kept)
        if not wanted.disk:
            return vault.let_go
    store = HeldStore(stack)
    if wanted.api:
        vault.let_go()
    else:
        begin()
        with stack.connect() as other:
            other.settle()
    return store.release


@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
@pytest.mark.parametrize("name", AWAITS)
def test_stop(stack, name, gone):
    wanted, calls, connection = AWAITS[name], [], stack.connect()
    go_on = reach(stack, wanted, lambda: calls.append(wanted.start(stack, connection)))
    if gone:
        connection.close()
    terminate(stack)
    if not wanted.waits:
        assert stack.daemon.wait_end() == 0
    elif not gone and not stack.daemon.running:
        raise AssertionError("it did not wait for the answer")
    go_on()
    if not gone:
        connection.outcome(calls[0])  # there is one
    assert stack.daemon.wait_end() == 0


def test_stop_cancels_a_reconciliation(stack):
    """A reconciliation is cancelled at the stop; its caller gets NoReply."""
    pages = itertools.count(1)
    stack.vault.answer = lambda request: Reply(
        200, {"_tag": "FindAllPasskeys", "cursor": str(next(pages)), "records": []})
    connection = stack.connect()
    call = connection.start_reconcile({"dry_run": False})
    eventually(lambda: next(pages) > 20)
    os.kill(stack.daemon.pid, signal.SIGTERM)
    assert stack.daemon.wait_end() == 0
    assert connection.outcome(call) == ("error", "NoReply")


def test_stop_leaves_a_delete_to_the_next_start(stack):
    """The caller of a delete gets a reply, although lookups are left."""
    stack.vault.keeps = is_probe
    connection = stack.connect()
    call = lost_delete(stack, connection)
    eventually(lambda: len(stack.vault.kept) == 4)
    os.kill(stack.daemon.pid, signal.SIGTERM)
    assert connection.outcome(call) == ("error", "Unreachable")
    assert stack.daemon.wait_end() == 0
    stack.vault.let_go()
    stack.daemon.start()
    eventually(lambda: stack.links() == {})


@pytest.mark.parametrize("late", ["Reconcile", "DeleteUserPasskeys"])
def test_long_call_that_comes_with_the_stop(stack, late):
    """A call that the bus delivered before the stop."""
    stack.vault.lies["/delete"] = Reply(500, b"")
    connection = stack.connect()
    connection.settle()
    os.kill(stack.daemon.pid, signal.SIGSTOP)
    stack.vault.keeps = lambda request: is_list(request) or is_probe(request)
    call = connection.start_method(late, *((APPLY,) if late == "Reconcile" else ("bob", {})))
    connection.driver("NameHasOwner", "s", "dev.passlock.Passlock1")
    os.kill(stack.daemon.pid, signal.SIGTERM)
    os.kill(stack.daemon.pid, signal.SIGCONT)
    assert stack.daemon.wait_end() == 0
    assert connection.outcome(call)[0] == "error"
    stack.vault.let_go()
    stack.daemon.start()
    if late == "DeleteUserPasskeys":
        eventually(lambda: stack.links() == {})


@pytest.mark.parametrize("disk", [False, True], ids=["API", "disk"])
def test_stop_during_crash_recovery(stack, disk):
    vault = stack.vault
    vault.keeps = is_exchange
    with stack.connect() as connection:
        connection.start_exchange(vault.add("pk-new", "ada"), user_id="ada")
        eventually(lambda: vault.kept)
    stack.daemon.kill9()
    vault.let_go()
    go_on = reach(stack, Await(None, is_list, disk), stack.daemon.start)
    terminate(stack)
    go_on()
    assert stack.daemon.wait_end() == 0
    stack.daemon.start()
    eventually(lambda: stack.links().get("pk-new") == "ada")


@pytest.mark.parametrize("disk", [False, True], ids=["API", "disk"])
def test_stop_during_delete_recovery(stack, disk):
    vault = stack.vault
    vault.keeps = is_delete
    with stack.connect() as connection:
        connection.start_method("DeleteUserPasskeys", "bob", {})
        eventually(lambda: vault.kept)
    stack.daemon.kill9()
    vault.let_go()
    go_on = reach(stack, Await(None, is_probe, disk), stack.daemon.start)
    terminate(stack)
    go_on()
    assert stack.daemon.wait_end() == 0
    stack.daemon.start()
    eventually(lambda: stack.links() == {})


def test_stop_while_the_store_fails(stack):
    """An ended exchange whose intent could not be removed."""
    with stack.connect() as connection:
        stack.vault.keeps = is_exchange
        call = connection.start_exchange(stack.vault.add("pk-new", "ada"))
        eventually(lambda: stack.vault.kept)
        limits = resource.prlimit(stack.daemon.pid, resource.RLIMIT_FSIZE)
        resource.prlimit(stack.daemon.pid, resource.RLIMIT_FSIZE, (4096, limits[1]))
        stack.vault.let_go()
        assert connection.outcome(call) == ("error", "StoreFull")
    assert stack.daemon.stop() == 0


def state(pid: int) -> str:
    """The process state (R, S, T, ...), as in ps(1)."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        return file.read().rpartition(")")[2].split()[0]


@pytest.mark.parametrize("gone", [False, True], ids=["there", "gone"])
def test_stop_while_the_bus_is_asked_who_is_calling(stack, gone):
    connection = stack.connect()
    os.kill(stack.daemon.pid, signal.SIGSTOP)
    call = connection.start_method("Authorize", "shop.example.com", "ada", "ada", {})
    connection.driver("NameHasOwner", "s", "dev.passlock.Passlock1")  # it has handed the call on
    os.kill(stack.bus.pid, signal.SIGSTOP)
    os.kill(stack.daemon.pid, signal.SIGCONT)
    eventually(lambda: state(stack.daemon.pid) == "S")
    os.kill(stack.daemon.pid, signal.SIGTERM)
    if gone:
        connection.close()
    eventually(lambda: state(stack.daemon.pid) == "S")
    os.kill(stack.bus.pid, signal.SIGCONT)
    if not gone:
        connection.outcome(call)
    assert stack.daemon.wait_end() == 0
