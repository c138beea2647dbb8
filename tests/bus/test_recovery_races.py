# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls during crash recovery."""

import pytest

from harness.standin import Reply

from .client import plain
from .stack import eventually, new_request_id
from .test_recovery import connection, crash, hang, stack  # noqa: F401 (fixtures)
from .vault import is_exchange, is_list


def restart_into_recovery(stack):
    """Restarts the daemon, and holds back the first page of the vault."""
    stack.daemon.kill9()
    stack.vault.let_go()
    stack.vault.keeps = is_list
    stack.daemon.start()
    eventually(lambda: stack.vault.kept)


def wait_failed(stack):
    eventually(lambda: "Failed to recover links after a crash" in stack.daemon.log_text())


@pytest.mark.parametrize("call", [
    ("Remove", "pk-1"), ("RemoveByUser", "ada"), ("DeletePasskeys", ["pk-1"], {}),
    ("DeleteUserPasskeys", "ada", {})], ids=lambda call: call[0])
def test_removed_before_it_is_linked(stack, connection, call):
    """The link is not restored, even if a page still lists the deleted passkey."""
    vault = stack.vault
    hang(stack, connection, vault.add("pk-1", "ada"), user_id="ada")
    hang(stack, connection, vault.add("pk-2", "bob"), user_id="bob")
    restart_into_recovery(stack)
    with stack.connect() as after:
        outcome = after.outcome(after.start_method(*call))
        assert outcome == ("error", "NotFound") if call[0] == "Remove" else outcome[0] != "error"
    vault.let_go()
    stack.wait_recovered()
    assert stack.links() == {"pk-2": "bob"}


def test_removed_again_after_another_crash(stack, connection):
    vault = stack.vault
    hang(stack, connection, vault.add("pk-1", "ada"), user_id="ada")
    restart_into_recovery(stack)
    with stack.connect() as after:
        assert after.links("RemoveByUser", "ada") == (0,)
    crash(stack)
    assert stack.links() == {}


@pytest.mark.parametrize("options", [{"link": False}, {"user_id": "ada"}], ids=str)
@pytest.mark.parametrize("lost", [False, True], ids=["answered", "lost"])
def test_declined_while_recovery_is_under_way(stack, connection, options, lost):
    """The exchange was open when the last page came; its answer may never come, and then nobody
    knows which passkey it was about."""
    vault = stack.vault
    hang(stack, connection, "forged")
    restart_into_recovery(stack)
    with stack.connect() as after:
        code = vault.add("pk-1", "mallory")
        if lost:
            vault.lies[code] = Reply(200, b"<html>")
        page = vault.free
        vault.free = type(page)()
        vault.keeps = is_exchange
        call = after.start_exchange(code, **options)
        eventually(lambda: len(vault.kept) == 2)
        page.set()
        eventually(lambda: vault.n_open == 1)
        after.settle()
        assert "Crash recovery of links finished" not in stack.daemon.log_text()
        vault.let_go()
        after.outcome(call)
        stack.wait_recovered()
    assert stack.links() == {}


# Repeats with an intent of their own


def interrupt_two(stack, connection, **options):
    """Interrupts two exchanges, and starts a retry that recovery waits for."""
    vault, ids = stack.vault, [new_request_id() for _ in range(2)]
    codes = [vault.add("pk-1", "ada"), vault.add("pk-2", "bob")]
    for code, request_id in zip(codes, ids):
        hang(stack, connection, code, request_id=request_id, **options)
    stack.daemon.kill9()
    vault.let_go()
    vault.faults["/passkeys/"] = Reply(500, b"")
    stack.daemon.start()
    wait_failed(stack)
    return codes, ids


def await_repeat(stack, after, code, request_id) -> int:
    """Starts a retry, and waits until recovery has listed the vault and waits for the retry."""
    vault = stack.vault
    call = hang(stack, after, code, request_id=request_id)
    vault.faults.clear()
    n = sum(map(is_list, vault.requests))
    eventually(lambda: sum(map(is_list, vault.requests)) > n)
    after.settle()
    return call


def test_one_code_is_one_claim(stack, connection):
    """Two crashes, and retries that were too late to take over their exchange."""
    codes, ids = interrupt_two(stack, connection)
    with stack.connect() as after:
        await_repeat(stack, after, codes[0], ids[0])
        hang(stack, after, codes[1], request_id=ids[1])
        stack.daemon.kill9()
    stack.vault.let_go()
    stack.vault.add("pk-3", "mallory")  # of which nobody has had the code
    stack.daemon.start()
    stack.wait_recovered()
    assert stack.links() == {}  # three passkeys and two codes
    assert "Crash recovery of links ambiguous, tenancy default, 3 count" in stack.daemon.log_text()


def test_repeat_settles_the_claim(stack, connection):
    codes, ids = interrupt_two(stack, connection)
    vault = stack.vault
    vault.codes[codes[1]] = "pk-2"  # the API never saw it
    vault.add("pk-3", "mallory")
    with stack.connect() as after:
        first = await_repeat(stack, after, codes[0], ids[0])
        vault.keeps = lambda request: False
        assert plain(after.exchange(codes[1], request_id=ids[1]))["newly_linked"] is True
        vault.let_go()
        assert after.outcome(first) == ("error", "Interrupted")
    stack.wait_recovered()
    # Of the two that are left, the one exchange cannot have meant both.
    assert stack.links() == {"pk-2": "bob"}


def test_repeat_that_wants_a_link(stack, connection):
    """The first exchange wanted no link, its retry does: recovery restores the link after another crash."""
    vault, request_id = stack.vault, new_request_id()
    code = vault.add("pk-1", "ada")
    hang(stack, connection, code, request_id=request_id, link=False)
    vault.codes[code] = "pk-1"  # the API never saw it
    hang(stack, connection, "forged", user_id="bob")
    stack.daemon.kill9()
    vault.let_go()
    vault.faults["/passkeys/"] = Reply(500, b"")
    stack.daemon.start()
    wait_failed(stack)
    with stack.connect() as after:
        hang(stack, after, code, request_id=request_id)
    vault.faults.clear()
    crash(stack)
    assert stack.links() == {"pk-1": "ada"}
    with stack.connect() as after:
        assert after.outcome(after.start_exchange(code, request_id=request_id)) == \
            ("error", "Interrupted")


def test_repeat_that_wants_no_link(stack, connection):
    vault, request_id = stack.vault, new_request_id()
    code = vault.add("pk-1", "ada")
    hang(stack, connection, code, request_id=request_id)
    stack.daemon.kill9()
    vault.let_go()
    vault.codes[code] = "pk-1"
    vault.faults["/passkeys/"] = Reply(500, b"")
    stack.daemon.start()
    wait_failed(stack)
    with stack.connect() as after:
        hang(stack, after, code, request_id=request_id, link=False)
    vault.faults.clear()
    crash(stack)
    assert stack.links() == {}


def test_repeat_without_store(stack, connection):
    """InvalidCode is not reported if an earlier process may have used the code; a valid code works."""
    vault, request_id = stack.vault, new_request_id()
    code = vault.add("pk-1", "ada")
    hang(stack, connection, code, request_id=request_id, link=False)
    stack.daemon.kill9()
    vault.let_go()
    (stack.daemon.state / "data.mdb").write_bytes(b"")
    stack.daemon.start()
    with stack.connect() as after:
        def outcome(code, **options):
            return after.outcome(after.start_exchange(code, link=False, **options))

        assert outcome(code, request_id=request_id) == ("error", "StoreFailed")
        assert outcome(code) == ("error", "InvalidCode")
        (principal,) = outcome(vault.code("pk-1"), request_id=new_request_id())
        assert plain(principal)["user_id"] == "ada"
