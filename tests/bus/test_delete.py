# SPDX-License-Identifier: LGPL-2.1-or-later
"""Deletes in the vault, and the links that go with them."""

import resource

import pytest

from harness.standin import Reply

from .client import plain
from .stack import eventually, raises
from .test_import import make
from .vault import VaultStack, is_delete, is_exchange, is_probe

MANY = 52


@pytest.fixture
def stack():
    with VaultStack() as stack:
        yield stack


@pytest.fixture
def connection(stack):
    return stack.connect()


def link_many(stack, connection, n: int = MANY, user: str = "ada") -> list[str]:
    ids = [f"pk-{user}-{i}" for i in range(n)]
    calls = [connection.start_exchange(stack.vault.add(key, user)) for key in ids]
    for call in calls:
        connection.finish(call)
    return ids


def start_delete(connection, ids, by_user: bool) -> int:
    return connection.start_method("DeleteUserPasskeys", "ada", {}) if by_user else \
        connection.start_method("DeletePasskeys", ids, {})


BY_USER = pytest.mark.parametrize("by_user", [False, True], ids=["ids", "user"])


def hold(stack, which):
    stack.vault.keeps = which


@BY_USER
def test_link_of_meanwhile_stays(stack, connection, by_user):
    """A delete removes the links that existed at its start, not later ones."""
    ids = link_many(stack, connection, 3)
    link_many(stack, connection, 2, "bob")
    hold(stack, is_delete)
    call = start_delete(connection, ids, by_user)
    eventually(lambda: stack.vault.kept)
    connection.exchange(stack.vault.add("pk-new", "ada"))
    connection.links("Remove", ids[0])
    connection.links("Add", "eve", ids[0])
    connection.links("Remove", ids[1])
    connection.links("Add", "ada", ids[1])
    stack.vault.let_go()
    assert connection.finish(call)[0] == "dt_1"
    assert stack.links() == {"pk-new": "ada", ids[0]: "eve", ids[1]: "ada", "pk-bob-0": "bob",
                             "pk-bob-1": "bob"}


def start_held_delete(stack, connection):
    connection.exchange(stack.vault.add("pk-1", "ada"))
    hold(stack, is_delete)
    call = connection.start_method("DeletePasskeys", ["pk-1"], {})
    eventually(lambda: stack.vault.kept)
    return call


def import_link(connection, created_at: int):
    connection.links("Import", [make("ada", "pk-1", created_at)], {"dry_run": ("b", False)})


def test_link_that_learns_meanwhile_goes(stack, connection):
    """An import that changes the times does not make another link."""
    call = start_held_delete(stack, connection)
    import_link(connection, 1000)
    stack.vault.let_go()
    connection.finish(call)
    assert stack.links() == {}


def test_link_that_is_imported_anew_meanwhile_stays(stack, connection):
    """A link that was removed and imported again is another link."""
    call = start_held_delete(stack, connection)
    (link,) = connection.all_links()
    connection.links("Remove", "pk-1")
    import_link(connection, link["created_at"])
    stack.vault.let_go()
    connection.finish(call)
    assert stack.links() == {"pk-1": "ada"}


@pytest.mark.parametrize("user", ["ada", "eve"])
def test_link_made_before_a_crash_stays(stack, connection, user):
    start_held_delete(stack, connection)
    connection.links("Remove", "pk-1")
    connection.links("Add", user, "pk-1")
    stack.daemon.kill9()
    stack.vault.let_go()
    stack.daemon.start()
    with stack.connect() as later:
        eventually(lambda: later.method("Diagnose")[0] == [])
    assert stack.links() == {"pk-1": user}


@BY_USER
@pytest.mark.parametrize("again", [0, 2])
def test_killed_in_the_middle(stack, connection, by_user, again):
    """The links of a completed delete are removed, after any number of restarts."""
    ids = link_many(stack, connection)
    link_many(stack, connection, 2, "bob")
    hold(stack, is_delete)
    start_delete(connection, ids, by_user)
    eventually(lambda: stack.vault.kept)
    stack.daemon.kill9()
    stack.vault.let_go()
    for _ in range(again):
        hold(stack, is_probe)
        stack.daemon.start()
        eventually(lambda: stack.vault.kept)
        stack.daemon.kill9()
        stack.vault.let_go()
    stack.daemon.start()
    eventually(lambda: stack.links() == {"pk-bob-0": "bob", "pk-bob-1": "bob"})
    eventually(lambda: stack.daemon.log_text().count("Link removed") == MANY)


def test_killed_before_the_api_acted(stack, connection):
    """The passkeys still exist, so no link is removed."""
    ids = link_many(stack, connection, 3)
    hold(stack, is_delete)
    connection.start_method("DeleteUserPasskeys", "ada", {})
    eventually(lambda: stack.vault.kept)
    stack.daemon.kill9()
    for key in ids:
        stack.vault.add(key, "ada")  # so far as can be told afterwards
    stack.vault.let_go()
    stack.vault.requests.clear()
    stack.daemon.start()
    eventually(lambda: sum(map(is_probe, stack.vault.requests)) >= 3)
    assert stack.links() == dict.fromkeys(ids, "ada")
    del stack.vault.passkeys["tenant_A"][ids[0]]  # it did act, if late
    eventually(lambda: stack.links() == dict.fromkeys(ids[1:], "ada"))


@BY_USER
@pytest.mark.parametrize("lie", [Reply(500, b""), Reply(200, b"<html>"), Reply(200, {}, missing=9)],
                         ids=["500", "html", "cut"])
def test_answer_is_lost(stack, connection, by_user, lie):
    ids = link_many(stack, connection)
    stack.vault.lies["/delete"] = lie
    with raises("Unreachable", "MalformedReply"):
        connection.finish(start_delete(connection, ids, by_user))
    assert stack.links() == {}


def test_store_fails_meanwhile(stack, connection):
    """Links of deleted passkeys are removed when the store works again."""
    link_many(stack, connection, 5)
    stack.vault.lies["/delete"] = Reply(500, b"")
    hold(stack, is_probe)
    call = start_delete(connection, [], True)
    eventually(lambda: len(stack.vault.kept) == 5)
    limits = resource.prlimit(stack.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(stack.daemon.pid, resource.RLIMIT_FSIZE, (4096, limits[1]))
    stack.vault.let_go()
    connection.outcome(call)
    assert set(stack.links().values()) == {"ada"}
    (finding,) = connection.method("Diagnose")[0]
    assert plain(finding)["kind"] == "recovery"
    assert plain(finding)["text"].startswith("Unfinished vault deletes: 1")
    resource.prlimit(stack.daemon.pid, resource.RLIMIT_FSIZE, limits)
    eventually(lambda: stack.links() == {})
    eventually(lambda: connection.method("Diagnose")[0] == [])


def test_fan_out_is_bounded(stack, connection):
    """8 lookups at a time, and calls of callers have priority."""
    ids = link_many(stack, connection, 100)
    stack.vault.lies["/delete"] = Reply(500, b"")
    hold(stack, is_probe)
    call = start_delete(connection, ids, True)
    eventually(lambda: len(stack.vault.kept) == 8)
    for i in range(20):
        connection.exchange(stack.vault.add(f"pk-bob-{i}", "bob"))
    assert len(stack.vault.kept) == 8
    stack.vault.let_go()
    assert connection.outcome(call) == ("error", "Unreachable")
    assert sum(map(is_probe, stack.vault.requests)) >= 100


def test_fan_out_is_bounded_for_all_together(stack, connection):
    """16 lookups at a time, over all users, tenancies and causes."""
    stack.sections["Tenancy other"] = stack.tenancy("tenant_B")
    stack.apply()
    link_many(stack, connection, 30)
    link_many(stack, connection, 30, "bob")
    for i in range(30):
        connection.links("Add", "eve", f"pk-eve-{i}", label="other")
    stack.vault.lies["/delete"] = Reply(500, b"")
    hold(stack, is_probe)
    calls = [connection.start_method("DeleteUserPasskeys", user, {}) for user in ("ada", "bob")]
    calls += [connection.start_reconcile({"dry_run": False}, "other")]
    eventually(lambda: len(stack.vault.kept) == 16)
    eventually(lambda: not stack.vault.passkeys["tenant_A"])  # or pk-new would be deleted
    connection.exchange(stack.vault.add("pk-new", "ada"))
    assert len(stack.vault.kept) == 16
    stack.vault.let_go()
    for call in calls:
        connection.outcome(call)
    assert stack.links() == {"pk-new": "ada"}
    assert stack.links("other") == {}


def test_slow_tenancy_leaves_slots_to_another(stack, connection):
    """The second tenancy completes while the first one waits for replies."""
    vault = stack.vault
    stack.sections["Tenancy other"] = stack.tenancy("tenant_B")
    stack.apply()
    link_many(stack, connection, 40)
    for i in range(30):
        connection.links("Add", "eve", f"pk-eve-{i}", label="other")
    for i in range(10):
        vault.add(f"pk-new-{i}", "bob", tenancy="tenant_B")
    vault.lies["/delete"] = Reply(500, b"")
    hold(stack, lambda request: is_probe(request) and "tenant_A" in request.path)
    slow = connection.start_method("DeleteUserPasskeys", "ada", {})
    eventually(lambda: len(vault.kept) == 8)
    assert connection.reconcile("other", dry_run=False) == {
        "checked": 10, "added": 10, "removed": 30, "conflicts": 0}
    assert len(vault.kept) == 8
    vault.let_go()
    assert connection.outcome(slow) == ("error", "Unreachable")


def test_busy_callers_are_left_the_connections(stack, connection):
    """With HTTP/1.1 there are 64 connections."""
    vault = stack.vault
    link_many(stack, connection, 20, "bob")
    vault.lies["/delete"] = Reply(500, b"")
    hold(stack, lambda request: is_exchange(request) or is_probe(request))
    calls = [connection.start_exchange(vault.add(f"pk-{i}", "ada")) for i in range(40)]
    eventually(lambda: len(vault.kept) == 40)
    calls.append(connection.start_method("DeleteUserPasskeys", "bob", {}))
    eventually(lambda: sum(map(is_probe, vault.kept)) == 1)
    for _ in range(5):
        connection.authorize("shop.example.com", "eve")
    assert sum(map(is_probe, vault.kept)) == 1
    vault.let_go()
    for call in calls:
        connection.outcome(call)
    assert set(stack.links().values()) == {"ada"}
    assert len([request for request in vault.requests if is_probe(request)]) >= 20


def test_refused(stack, connection):
    ids = link_many(stack, connection, 2)
    stack.vault.faults["/delete"] = Reply(400, {"_tag": "@error/BadRequest", "message": "no"})
    with raises("BadRequest"):
        connection.method("DeleteUserPasskeys", "ada", {})
    stack.daemon.kill9()
    stack.vault.requests.clear()
    stack.daemon.start()
    assert stack.links() == dict.fromkeys(ids, "ada")
    assert not any(map(is_probe, stack.vault.requests))


def test_exchange_of_a_passkey_that_is_being_deleted(stack, connection):
    """In either order, links and vault agree finally."""
    vault = stack.vault
    connection.exchange(vault.add("pk-1", "ada"))
    hold(stack, is_exchange)
    exchange = connection.start_exchange(vault.code("pk-1"))
    eventually(lambda: vault.kept)
    vault.keeps = lambda request: False
    assert connection.method("DeleteUserPasskeys", "ada", {})[0] == "dt_1"
    vault.let_go()
    assert plain(connection.finish(exchange)[0])["linked"] is True
    connection.reconcile(dry_run=False)
    assert stack.links() == {}
