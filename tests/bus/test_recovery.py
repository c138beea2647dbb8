# SPDX-License-Identifier: LGPL-2.1-or-later
"""Crash recovery restores the links of interrupted exchanges, and no others."""

import math
import time

import pytest

from harness.standin import Reply

from . import vault as vault_module
from .client import plain
from .stack import eventually, new_request_id, raises
from .vault import HeldStore, VaultStack, is_exchange, is_list

HOUR = 3600


@pytest.fixture
def stack():
    with VaultStack() as stack:
        yield stack


@pytest.fixture
def connection(stack):
    return stack.connect()


def hang(stack, connection, code: str, **options) -> int:
    """Starts an exchange whose API reply is held back."""
    n = len(stack.vault.kept)
    stack.vault.keeps = is_exchange
    call = connection.start_exchange(code, **options)
    eventually(lambda: len(stack.vault.kept) > n)
    return call


def crash(stack):
    """Kills and restarts the daemon, and waits for recovery."""
    stack.daemon.kill9()
    stack.vault.let_go()
    stack.daemon.start()
    stack.wait_recovered()


def test_lost_link_is_found(stack, connection):
    hang(stack, connection, stack.vault.add("pk-1", "ada"))
    crash(stack)
    assert stack.links() == {"pk-1": "ada"}


def test_decisions_stand(stack, connection):
    """Removed passkeys, and those whose exchange ended without a link, are not linked."""
    vault = stack.vault
    connection.exchange(vault.add("pk-removed", "ada"))
    connection.links("Remove", "pk-removed")
    connection.exchange(vault.add("pk-of-removed-user", "eve"))
    connection.links("RemoveByUser", "eve")
    connection.exchange(vault.add("pk-without-link", "bob"), link=False)
    connection.exchange(vault.add("pk-without-link-kept", "bob"), link=False,
                        request_id=new_request_id())
    with raises("UserMismatch"):
        connection.exchange(vault.add("pk-mismatch", "mallory"), user_id="ada")
    for i in range(6):
        hang(stack, connection, f"forged-{i}")
    crash(stack)
    assert stack.links() == {}


def test_decisions_after_the_exchange_began(stack, connection):
    vault = stack.vault
    connection.exchange(vault.add("pk-removed", "ada"))
    hang(stack, connection, "forged")
    connection.links("Remove", "pk-removed")
    crash(stack)
    assert stack.links() == {}


def test_decisions_before_a_clean_restart(stack, connection):
    vault = stack.vault
    connection.exchange(vault.add("pk-removed", "ada"))
    connection.exchange(vault.add("pk-without-link", "bob"), link=False)
    connection.links("Remove", "pk-removed")
    stack.daemon.restart()
    with stack.connect() as after:
        for i in range(3):
            hang(stack, after, f"forged-{i}")
        crash(stack)
    assert stack.links() == {}


def test_decisions_while_recovery_is_under_way(stack, connection):
    """Removals and declined exchanges during recovery."""
    vault = stack.vault
    code = vault.add("pk-1", "ada")
    hang(stack, connection, code)
    hang(stack, connection, "forged")
    stack.daemon.kill9()
    vault.let_go()
    vault.keeps = is_list
    stack.daemon.start()
    eventually(lambda: vault.kept)
    with stack.connect() as after:
        vault.add("pk-2", "bob")
        after.exchange(vault.code("pk-1"), link=False)
        after.exchange(vault.code("pk-2"))
        after.links("Remove", "pk-2")
    vault.let_go()
    stack.wait_recovered()
    assert stack.links() == {}


def test_failed_exchange_leaves_nothing(stack, connection):
    """A failed exchange leaves no intent for a later recovery."""
    vault = stack.vault
    vault.add("pk-1", "ada")
    with raises("InvalidCode"):
        connection.exchange("forged")
    vault.faults["/odd"] = Reply(200, b"<html>")
    with raises("MalformedReply"):
        connection.exchange("odd")
    vault.faults["/away"] = Reply(500, b"")
    with raises("Unreachable"):
        connection.exchange("away", request_id=new_request_id())
    for end in (stack.daemon.stop, stack.daemon.kill9):
        end()
        vault.requests.clear()
        stack.daemon.start()
        stack.links()
        assert not any(map(is_list, vault.requests))
    assert stack.links() == {}


def test_never_another_users(stack, connection):
    vault = stack.vault
    vault.add("pk-other", "mallory")
    hang(stack, connection, vault.add("pk-1", "ada"), user_id="ada")
    hang(stack, connection, "forged", user_id="bob")
    crash(stack)
    assert stack.links() == {"pk-1": "ada"}


def test_more_passkeys_than_exchanges(stack, connection):
    """Passkeys of expected users are linked; the others are linked at their next sign-in."""
    vault = stack.vault
    for i in range(7):
        vault.add(f"pk-elsewhere-{i}", f"user-{i}")
    hang(stack, connection, vault.add("pk-1", "ada"))
    hang(stack, connection, vault.add("pk-2", "bob"), user_id="bob")
    crash(stack)
    assert stack.links() == {"pk-2": "bob"}
    eventually(lambda: "Crash recovery of links ambiguous, tenancy default, 8 count" in
               stack.daemon.log_text())
    with stack.connect() as after:
        assert plain(after.exchange(vault.code("pk-1")))["newly_linked"] is True
        assert after.reconcile(dry_run=False)["added"] == 7


def test_more_passkeys_than_can_be_told_apart(stack, connection, monkeypatch):
    """The passkey of an expected user is still found."""
    monkeypatch.setattr(vault_module, "PAGE", 2000)
    vault = stack.vault
    hang(stack, connection, "forged")
    hang(stack, connection, vault.add("pk-zed", "zed"), user_id="zed")
    for i in range(10001):
        vault.add(f"pk-{i:05}", f"user-{i}")
    crash(stack)
    assert stack.links() == {"pk-zed": "zed"}


def test_never_more_than_exchanges(stack, connection):
    """Of several passkeys of a user, the one used last is linked."""
    vault = stack.vault
    vault.add("pk-1", "ada", age_sec=200)
    vault.add("pk-3", "ada", age_sec=300)
    hang(stack, connection, vault.add("pk-2", "ada", age_sec=10), user_id="ada")
    crash(stack)
    assert stack.links() == {"pk-2": "ada"}


def test_old_passkeys_are_not_meant(stack, connection):
    vault = stack.vault
    vault.add("pk-old", "bob", age_sec=HOUR)
    vault.add("pk-old-used", "bob", age_sec=30 * HOUR, used_sec=HOUR)
    hang(stack, connection, vault.add("pk-1", "ada"))
    crash(stack)
    assert stack.links() == {"pk-1": "ada"}


def test_first_sign_in_counts(stack, connection):
    """An old passkey from another host, with which the user has just signed in."""
    vault = stack.vault
    hang(stack, connection, vault.add("pk-1", "ada", age_sec=1000 * HOUR, used_sec=5))
    crash(stack)
    assert stack.links() == {"pk-1": "ada"}


def test_sign_in_was_cut_off(stack, connection):
    """An interrupted sign-in with a linked passkey does not link another passkey."""
    vault = stack.vault
    connection.exchange(vault.add("pk-1", "ada"))
    connection.exchange(vault.add("pk-2", "bob"))
    vault.add("pk-bob-too", "bob", age_sec=60)
    vault.add("pk-other", "mallory")
    time.sleep(3.5)  # dates are seconds
    for passkey_id, options in ("pk-1", {}), ("pk-2", {"user_id": "bob"}):
        vault.passkeys["tenant_A"][passkey_id].used_at = vault.now_ms()
        hang(stack, connection, vault.code(passkey_id), **options)
    crash(stack)
    assert stack.links() == {"pk-1": "ada", "pk-2": "bob"}
    assert "Crash recovery of links ambiguous, tenancy default, 2 count" in stack.daemon.log_text()


def test_what_is_made_later_is_not_meant(stack, connection):
    vault = stack.vault
    hang(stack, connection, vault.add("pk-1", "ada"))
    stack.daemon.kill9()
    vault.let_go()
    vault.add("pk-later", "bob", age_sec=-2 * HOUR)
    vault.clock_offset_sec += 3 * HOUR
    stack.daemon.start()
    stack.wait_recovered()
    # For all that can be known, the API's clock may have been put forward instead.
    assert stack.links() in ({"pk-1": "ada"}, {})


@pytest.mark.parametrize("offset", [-5 * HOUR, 5 * HOUR])
@pytest.mark.parametrize("warm", [False, True])
def test_clocks_differ(stack, offset, warm):
    """The clocks differ by hours; with and without an earlier Date header."""
    vault = stack.vault
    vault.clock_offset_sec = offset
    stack.daemon.restart()
    with stack.connect() as connection:
        if warm:
            connection.exchange(vault.add("pk-0", "eve"))
        vault.add("pk-old", "bob", age_sec=HOUR)
        hang(stack, connection, vault.add("pk-1", "ada"))
    crash(stack)
    assert stack.links() == {"pk-1": "ada"} | ({"pk-0": "eve"} if warm else {})


@pytest.mark.parametrize("jump", [-5 * HOUR, 5 * HOUR])
def test_api_clock_jumps(stack, connection, jump):
    """The API's clock is set between exchange and recovery."""
    vault = stack.vault
    connection.exchange(vault.add("pk-0", "eve"))
    code = vault.add("pk-1", "ada")
    hang(stack, connection, code)
    vault.clock_offset_sec += jump
    crash(stack)
    assert stack.links() == {"pk-0": "eve", "pk-1": "ada"}


@pytest.mark.parametrize("jump", [-5 * HOUR, 5 * HOUR])
def test_api_clock_jumps_in_the_ceremony(stack, connection, jump):
    """The daemon sees the clock change before the exchange."""
    vault = stack.vault
    connection.authorize("shop.example.com", "ada")
    code = vault.add("pk-1", "ada")
    vault.clock_offset_sec += jump
    connection.authorize("shop.example.com", "eve")
    hang(stack, connection, code)
    crash(stack)
    assert stack.links() == {"pk-1": "ada"}


def test_passkeys_of_another_tenancy_are_not_meant(stack, connection):
    vault = stack.vault
    vault.add("pk-other", "bob", tenancy="tenant_B")
    hang(stack, connection, vault.add("pk-1", "ada"))
    stack.daemon.kill9()
    vault.let_go()
    stack.sections["Tenancy default"] = stack.tenancy("tenant_B")
    stack.daemon.configure(stack.sections)
    stack.daemon.start()
    assert stack.links() == {}
    stack.move("tenant_A")
    stack.wait_recovered()
    assert stack.links() == {"pk-1": "ada"}
    stack.move("tenant_B")
    assert stack.links() == {}


def lists(vault) -> int:
    return sum(map(is_list, vault.requests))


@pytest.mark.parametrize("fault", [Reply(403, b""), Reply(500, b""), Reply(200, b"<html>"),
                                   Reply(429, b"", {"Retry-After": "600"})], ids=str)
def test_it_backs_off(stack, connection, fault):
    """Recovery backs off, regardless of other calls, and does not change State."""
    vault = stack.vault
    hang(stack, connection, vault.add("pk-1", "ada"))
    stack.daemon.kill9()
    vault.let_go()
    vault.faults["/passkeys/"] = fault
    vault.requests.clear()
    stack.daemon.start()
    eventually(lambda: "Failed to recover links after a crash" in stack.daemon.log_text())
    with stack.connect() as after:
        before, begin = lists(vault), time.monotonic()
        for i in range(50):
            after.exchange(vault.add(f"pk-{i + 10}", "bob"))
            assert after.state() == "ready"
        # The pauses double from 0.5 s on, and an attempt asks five times where the API is away.
        attempts = 1 + math.log2((time.monotonic() - begin) / 0.5 + 1)
        assert lists(vault) - before <= 5 * attempts
        (finding,) = map(plain, after.method("Diagnose")[0])
        assert (finding["kind"], finding["tenancy"]) == ("recovery", "default")
        assert "not yet recovered: 1; the last attempt failed: " in finding["text"]
    assert stack.daemon.log_text().count("Failed to recover links after a crash") == 1


def test_it_goes_on_when_the_api_is_back(stack, connection):
    vault = stack.vault
    hang(stack, connection, vault.add("pk-1", "ada"))
    stack.daemon.kill9()
    vault.let_go()
    vault.faults["/passkeys/"] = Reply(500, b"")
    stack.daemon.start()
    eventually(lambda: "Failed to recover links after a crash" in stack.daemon.log_text())
    del vault.faults["/passkeys/"]
    eventually(lambda: stack.links() == {"pk-1": "ada"})
    with stack.connect() as after:
        assert after.method("Diagnose")[0] == []


def test_row_that_cannot_be_read(stack, connection):
    """An unreadable row does not affect other passkeys."""
    vault = stack.vault
    hang(stack, connection, vault.add("pk-2", "ada"))
    vault.passkeys["tenant_A"]["pk-1"] = vault.passkeys["tenant_A"]["pk-2"].__class__(None, 1)
    crash(stack)
    assert stack.links() == {"pk-2": "ada"}


# Repeats


def test_repeat_is_told(stack, connection):
    vault, request_id = stack.vault, new_request_id()
    code = vault.add("pk-1", "ada")
    hang(stack, connection, code, request_id=request_id)
    stack.daemon.kill9()
    vault.let_go()
    stack.daemon.start()
    with stack.connect() as after:
        for _ in range(3):
            with raises("Interrupted"):
                after.exchange(code, request_id=request_id)
            assert after.links("GetUser", "pk-1") == ("ada",)  # it is settled
        with raises("InvalidCode"):
            after.exchange(code)
        with raises("InvalidCode"):
            after.exchange(code, request_id=new_request_id())
        with raises("InvalidCode"):
            after.exchange("forged", request_id=request_id)
    stack.daemon.restart()
    with stack.connect() as after:
        with raises("Interrupted"):
            after.exchange(code, request_id=request_id)


def test_repeat_without_link_is_told(stack, connection):
    vault, request_id = stack.vault, new_request_id()
    code = vault.add("pk-1", "ada")
    hang(stack, connection, code, request_id=request_id, link=False)
    stack.daemon.kill9()
    vault.let_go()
    stack.daemon.start()
    with stack.connect() as after:
        with raises("Interrupted"):
            after.exchange(code, request_id=request_id, link=False)
    assert stack.links() == {}


def test_repeat_before_recovery_can_be_done(stack, connection):
    vault, request_id = stack.vault, new_request_id()
    code = vault.add("pk-1", "ada")
    hang(stack, connection, code, request_id=request_id)
    stack.daemon.kill9()
    vault.let_go()
    vault.faults["/passkeys/"] = Reply(403, b"")
    stack.daemon.start()
    with stack.connect() as after:
        for _ in range(2):
            with raises("Interrupted"):
                after.exchange(code, request_id=request_id)
    del vault.faults["/passkeys/"]
    eventually(lambda: stack.links() == {"pk-1": "ada"})
    with stack.connect() as after:
        with raises("Interrupted"):
            after.exchange(code, request_id=request_id)


def test_repeat_of_what_the_api_never_saw(stack, connection):
    """The code is still valid, so the retry gets the API's reply."""
    vault, request_id = stack.vault, new_request_id()
    code = vault.add("pk-1", "ada")
    hang(stack, connection, code, request_id=request_id)
    vault.codes[code] = "pk-1"  # which is the same to the daemon
    vault.faults["/passkeys/"] = Reply(500, b"")
    stack.daemon.kill9()
    vault.let_go()
    stack.daemon.start()
    with stack.connect() as after:
        first = after.exchange(code, request_id=request_id)
        assert plain(first)["newly_linked"] is True
        assert after.exchange(code, request_id=request_id) == first
        after.links("Remove", "pk-1")
    del vault.faults["/passkeys/"]
    stack.daemon.restart()
    assert stack.links() == {}


def test_killed_again_in_the_middle_of_the_repeat(stack, connection):
    vault, request_id = stack.vault, new_request_id()
    code = vault.add("pk-1", "ada")
    hang(stack, connection, code, request_id=request_id)
    for _ in range(2):
        vault.codes[code] = "pk-1"
        vault.faults["/passkeys/"] = Reply(500, b"")
        stack.daemon.kill9()
        vault.let_go()
        stack.daemon.start()
        with stack.connect() as after:
            hang(stack, after, code, request_id=request_id)
    vault.faults.clear()
    crash(stack)
    assert stack.links() == {"pk-1": "ada"}
    with stack.connect() as after:
        with raises("Interrupted"):
            after.exchange(code, request_id=request_id)


def test_repeat_is_told_once_it_is_settled(stack, connection):
    """A retry that recovery skipped, and that ends during the commit of the others."""
    vault, request_id = stack.vault, new_request_id()
    code = vault.add("pk-1", "ada")
    hang(stack, connection, code, request_id=request_id)
    hang(stack, connection, vault.add("pk-2", "bob"))
    stack.daemon.kill9()
    vault.let_go()
    vault.faults["/passkeys/"] = Reply(500, b"")
    stack.daemon.start()
    eventually(lambda: "Failed to recover links after a crash" in stack.daemon.log_text())
    with stack.connect() as after:
        repeat = hang(stack, after, code, request_id=request_id)
        store = HeldStore(stack)
        before = lists(vault)
        del vault.faults["/passkeys/"]
        eventually(lambda: lists(vault) > before)
        after.settle()
        vault.let_go()
        after.settle()
        store.release()
        assert after.outcome(repeat) == ("error", "Interrupted")
        assert stack.links() == {"pk-1": "ada", "pk-2": "bob"}


def test_repeats_while_recovery_is_under_way(stack, connection):
    """Retries before and after the first page do not prevent links."""
    vault = stack.vault
    work = [(vault.add(f"pk-{i}", f"user-{i}"), f"user-{i}", new_request_id()) for i in range(8)]
    for code, user_id, request_id in work:
        hang(stack, connection, code, user_id=user_id, request_id=request_id)
    stack.daemon.kill9()
    vault.let_go()
    vault.keeps = is_list
    stack.daemon.start()
    eventually(lambda: vault.kept)
    with stack.connect() as after:
        early = [after.start_exchange(code, user_id=user_id, request_id=request_id)
                 for code, user_id, request_id in work[:4]]
        after.settle()
        vault.let_go()
        late = [after.start_exchange(code, user_id=user_id, request_id=request_id)
                for code, user_id, request_id in work[4:]]
        for call in early + late:
            assert after.outcome(call) == ("error", "Interrupted")
        eventually(lambda: stack.links() == {f"pk-{i}": f"user-{i}" for i in range(8)})
