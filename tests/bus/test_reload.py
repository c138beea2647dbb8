# SPDX-License-Identifier: LGPL-2.1-or-later
"""A reload while calls are in flight: each ends in the tenancy in which it began."""

import pytest

from harness.standin import Reply

from .client import plain, tenancy_path
from .stack import eventually, new_request_id, raises
from .vault import VaultStack, is_delete, is_exchange, is_list, is_probe


@pytest.fixture
def stack():
    with VaultStack() as stack:
        yield stack


@pytest.fixture
def connection(stack):
    return stack.connect()


def fill(stack, connection):
    """Adds equal links to tenant_B and tenant_A; tenant_A is configured afterwards."""
    stack.move("tenant_B")
    stack.vault.passkeys["tenant_B"] = {}
    connection.links("Add", "ada", "pk-1")
    connection.links("Add", "ada", "pk-only-b")
    stack.move("tenant_A")
    connection.exchange(stack.vault.add("pk-1", "ada"))
    connection.exchange(stack.vault.add("pk-only-a", "ada"))
    stack.vault.requests.clear()


def assert_b_is_untouched(stack):
    stack.move("tenant_B")
    assert stack.links() == {"pk-1": "ada", "pk-only-b": "ada"}
    assert not [request.path for request in stack.vault.requests
                if "tenant_B" in request.path and not is_list(request)]


def keep(stack, which):
    stack.vault.keeps = which


DELETES = {"by user": ("DeleteUserPasskeys", "ada", {}),
           "by ids": ("DeletePasskeys", ["pk-1", "pk-only-a"], {})}


@pytest.mark.parametrize("lost", [False, True])
@pytest.mark.parametrize("call", DELETES.values(), ids=DELETES.keys())
def test_delete(stack, connection, call, lost):
    fill(stack, connection)
    if lost:
        stack.vault.lies["/delete"] = Reply(500, b"")
    keep(stack, is_delete)
    call = connection.start_method(*call)
    eventually(lambda: stack.vault.kept)
    stack.move("tenant_B")
    stack.vault.let_go()
    outcome = connection.outcome(call)
    assert outcome == ("error", "Unreachable") if lost else outcome[0] == "dt_1"
    assert_b_is_untouched(stack)
    stack.move("tenant_A")
    assert stack.links() == {}


def test_delete_whose_probes_meet_a_reload(stack, connection):
    fill(stack, connection)
    stack.vault.lies["/delete"] = Reply(500, b"")
    keep(stack, is_probe)
    call = connection.start_method("DeleteUserPasskeys", "ada", {})
    eventually(lambda: len(stack.vault.kept) == 2)
    stack.move("tenant_B")
    stack.vault.let_go()
    assert connection.outcome(call) == ("error", "Unreachable")
    assert_b_is_untouched(stack)
    stack.move("tenant_A")
    assert stack.links() == {}


def test_exchange(stack, connection):
    """An exchange and its retries stay in their tenancy."""
    request_id = new_request_id()
    code = stack.vault.add("pk-1", "ada")
    keep(stack, is_exchange)
    call = connection.start_exchange(code, request_id=request_id)
    eventually(lambda: stack.vault.kept)
    stack.move("tenant_B")
    stack.vault.keeps = lambda request: False
    with raises("InvalidCode"):
        connection.exchange(code, request_id=request_id)
    stack.move("tenant_A")
    repeat = connection.start_exchange(code, request_id=request_id)  # waits for the first
    connection.settle()
    stack.move("tenant_B")
    stack.vault.let_go()
    assert connection.finish(call) == connection.finish(repeat)
    assert stack.links() == {}
    with raises("InvalidCode"):
        connection.exchange(code, request_id=request_id)
    stack.move("tenant_A")
    assert stack.links() == {"pk-1": "ada"}
    assert plain(connection.exchange(code, request_id=request_id))["newly_linked"] is True


def test_labels_are_swapped(stack, connection):
    """Links and signals go with the tenancy, to its new label."""
    stack.sections["Tenancy other"] = stack.tenancy("tenant_B")
    stack.apply()
    connection.links("Add", "eve", "pk-b", label="other")
    connection.links("Subscribe")
    keep(stack, is_exchange)
    call = connection.start_exchange(stack.vault.add("pk-1", "ada"))
    eventually(lambda: stack.vault.kept)
    stack.sections["Tenancy default"] = stack.tenancy("tenant_B")
    stack.sections["Tenancy other"] = stack.tenancy("tenant_A")
    stack.apply()
    assert stack.links() == {"pk-b": "eve"}
    assert connection.wait_signal("SubscriptionLost").path == tenancy_path("default")
    connection.links("Subscribe", label="other")
    stack.vault.let_go()
    connection.finish(call)
    assert connection.wait_signal("Added").path == tenancy_path("other")
    assert stack.links("other") == {"pk-1": "ada"}
    assert stack.links() == {"pk-b": "eve"}


def test_removed_tenancy_is_not_signalled(stack, connection):
    connection.links("Subscribe")
    keep(stack, is_exchange)
    call = connection.start_exchange(stack.vault.add("pk-1", "ada"))
    eventually(lambda: stack.vault.kept)
    stack.move("tenant_B")
    connection.signals.clear()
    stack.vault.let_go()
    assert plain(connection.finish(call)[0])["linked"] is True
    connection.settle()
    assert "Added" not in [signal.member for signal in connection.signals]


@pytest.mark.parametrize("which", [is_list, is_probe])
def test_reconcile(stack, connection, which):
    """The reconciliation continues in its tenancy."""
    fill(stack, connection)
    connection.links("Add", "bob", "pk-gone")
    keep(stack, which)
    call = connection.start_reconcile({"dry_run": False})
    eventually(lambda: stack.vault.kept)
    stack.move("tenant_B")
    stack.vault.let_go()
    assert plain(connection.finish(call)[0])["removed"] == 1
    assert_b_is_untouched(stack)
    stack.move("tenant_A")
    assert stack.links() == {"pk-1": "ada", "pk-only-a": "ada"}


def test_key_is_taken_away_between_pages(stack, connection):
    for i in range(9):
        stack.vault.add(f"pk-{i}", "ada")
    keep(stack, is_list)
    call = connection.start_reconcile({"dry_run": False})
    eventually(lambda: stack.vault.kept)
    stack.keys = {}
    stack.apply()
    stack.vault.let_go()
    assert connection.outcome(call) == ("error", "NotConfigured")
    with raises("NotConfigured"):
        connection.reconcile()


def test_key_is_replaced_between_pages(stack, connection):
    """A reconciliation in progress continues with the new key: the old one may be revoked."""
    for i in range(9):
        stack.vault.add(f"pk-{i}", "ada")
    keep(stack, is_list)
    call = connection.start_reconcile({"dry_run": False})
    eventually(lambda: stack.vault.kept)
    stack.keys = {"passlock.default": "new"}
    stack.apply()
    stack.vault.let_go()
    assert plain(connection.finish(call)[0])["added"] == 9
    keys = [request.headers["Authorization"] for request in stack.vault.requests]
    assert keys[0] == "Bearer k"
    assert set(keys[1:]) == {"Bearer new"}


def test_recovery(stack, connection):
    fill(stack, connection)
    keep(stack, is_exchange)
    connection.start_exchange(stack.vault.add("pk-lost", "ada"), user_id="ada")
    eventually(lambda: stack.vault.kept)
    stack.daemon.kill9()
    stack.vault.let_go()
    stack.vault.add("pk-b", "ada", tenancy="tenant_B")
    keep(stack, is_list)
    stack.daemon.start()
    eventually(lambda: stack.vault.kept)
    stack.move("tenant_B")
    stack.vault.let_go()
    assert_b_is_untouched(stack)
    stack.move("tenant_A")
    stack.wait_recovered()
    assert stack.links() == {"pk-1": "ada", "pk-only-a": "ada", "pk-lost": "ada"}


def test_state_is_of_the_tenancy(stack, connection):
    """A call of the earlier tenancy does not change the State of the new one."""
    stack.vault.lies["/registration/authorize"] = Reply(500, b"")
    keep(stack, lambda request: "authorize" in request.path)
    call = connection.start_authorize("shop.example.com", "ada")
    eventually(lambda: stack.vault.kept)
    stack.move("tenant_B")
    stack.vault.let_go()
    assert connection.outcome(call) == ("error", "Unreachable")
    assert connection.state() == "ready"


def test_two_labels_of_one_tenancy(stack):
    """Two labels for one tenancy id are an error."""
    stack.sections["Tenancy other"] = stack.tenancy("tenant_A", ApiKeyCredential="passlock.other")
    stack.daemon.configure(stack.sections)
    with stack.connect() as connection:
        with raises("InvalidArgs", text=r"passlockd.conf:\d+: .*(default|other)"):
            connection.manager("Reload")
        assert connection.state() == "ready"
    stack.daemon.stop()
    status, log = stack.daemon.fails_to_start()
    assert status == 1
    assert "passlockd.conf:" in log
    del stack.sections["Tenancy other"]
    stack.daemon.configure(stack.sections)
    stack.daemon.start()
