# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a call has left to do when its tenancy gets another endpoint, loses its key or leaves the
configuration: it waits, and goes on when the tenancy is as it was."""

import contextlib
import resource

import pytest

from harness.standin import Reply

from .client import plain
from .issuer import Key, claims_of, token
from .stack import eventually, new_request_id
from .vault import Vault, VaultStack, is_delete, is_exchange, is_list, is_probe

KEY = Key("one")


@pytest.fixture
def stack():
    with VaultStack() as stack:
        yield stack


@pytest.fixture
def connection(stack):
    return stack.connect()


@pytest.fixture
def elsewhere():
    with Vault() as vault:
        yield vault


def set_endpoint(stack, vault):
    stack.sections["Tenancy default"] = stack.tenancy("tenant_A") | {"Endpoint": vault.endpoint}


def findings(connection) -> list[str]:
    return [plain(finding)["text"] for finding in connection.method("Diagnose")[0]]


@contextlib.contextmanager
def store_full(stack):
    limits = resource.prlimit(stack.daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(stack.daemon.pid, resource.RLIMIT_FSIZE, (4096, limits[1]))
    yield
    resource.prlimit(stack.daemon.pid, resource.RLIMIT_FSIZE, limits)


def hang(stack, connection, code: str, **options) -> int:
    stack.vault.keeps = is_exchange
    call = connection.start_exchange(code, **options)
    eventually(lambda: stack.vault.kept)
    return call


def lose_delete(stack, connection):
    """Makes a delete with an unknown outcome: the passkey is gone, the link exists."""
    connection.exchange(stack.vault.add("pk-1", "ada"))
    stack.vault.lies["/delete"] = Reply(500, b"")
    stack.vault.faults["/pk-1"] = Reply(500, b"")
    assert connection.outcome(connection.start_method("DeletePasskeys", ["pk-1"], {})) == \
        ("error", "Unreachable")
    stack.vault.faults.clear()


def crash_in_delete(stack, connection):
    """The same by a crash; leaves the daemon stopped."""
    connection.exchange(stack.vault.add("pk-1", "ada"))
    stack.vault.keeps = is_delete
    connection.start_method("DeletePasskeys", ["pk-1"], {})
    stack.kill_in_the_middle(1)


@pytest.mark.parametrize("crash", [False, True], ids=["lost", "killed"])
def test_delete_is_asked_for_where_it_was_sent(stack, connection, elsewhere, crash):
    if crash:
        crash_in_delete(stack, connection)
        set_endpoint(stack, elsewhere)
        stack.daemon.configure(stack.sections)
        stack.daemon.start()
    else:
        stack.vault.faults["/pk-1"] = Reply(500, b"")
        lose_delete(stack, connection)
        set_endpoint(stack, elsewhere)
        stack.apply()
    with stack.connect() as later:
        eventually(lambda: "of another Endpoint: 1" in "".join(findings(later)))
        assert stack.links() == {"pk-1": "ada"}
        set_endpoint(stack, stack.vault)
        stack.apply()
        eventually(lambda: stack.links() == {})
        eventually(lambda: findings(later) == [])
    assert not any(map(is_probe, elsewhere.requests))


def test_delete_elsewhere_is_over_without_its_links(stack, connection, elsewhere):
    crash_in_delete(stack, connection)
    set_endpoint(stack, elsewhere)
    stack.daemon.configure(stack.sections)
    stack.daemon.start()
    with stack.connect() as later:
        later.links("Remove", "pk-1")
        later.links("Add", "eve", "pk-1")
        eventually(lambda: findings(later) == [])
    assert stack.links() == {"pk-1": "eve"}


def test_exchange_is_recovered_where_it_was(stack, connection, elsewhere):
    hang(stack, connection, stack.vault.add("pk-1", "ada"), user_id="ada")
    stack.daemon.kill9()
    stack.vault.let_go()
    elsewhere.add("pk-elsewhere", "ada")
    set_endpoint(stack, elsewhere)
    stack.daemon.configure(stack.sections)
    stack.daemon.start()
    with stack.connect() as later:
        # One of each endpoint: the other one's is looked for all the same.
        elsewhere.keeps = is_exchange
        later.start_exchange(elsewhere.add("pk-bob", "bob"), user_id="bob")
        eventually(lambda: elsewhere.kept)
    stack.daemon.kill9()
    elsewhere.let_go()
    stack.daemon.start()
    stack.wait_recovered()
    with stack.connect() as later:
        assert findings(later) == ["Interrupted exchanges not yet recovered: 1; of another "
                                   "Endpoint: 1"]
        assert stack.links() == {"pk-bob": "bob"}
        set_endpoint(stack, stack.vault)
        stack.apply()
        eventually(lambda: stack.links() == {"pk-bob": "bob", "pk-1": "ada"})
        eventually(lambda: findings(later) == [])


def test_pending_delete_outlives_the_configuration(stack, connection):
    lose_delete(stack, connection)
    stack.move("tenant_B")
    assert findings(connection) == []
    stack.move("tenant_A")
    eventually(lambda: stack.links() == {})


def test_unsaved_outcome_outlives_the_configuration(stack, connection):
    request_id, code = new_request_id(), stack.vault.add("pk-1", "ada")
    call = hang(stack, connection, code, request_id=request_id)
    with store_full(stack):
        stack.vault.let_go()
        assert connection.outcome(call) == ("error", "StoreFull")
        stack.move("tenant_B")
    stack.move("tenant_A")
    assert plain(connection.exchange(code, request_id=request_id))["newly_linked"] is True
    assert stack.links() == {"pk-1": "ada"}


def take_key_away(stack):
    stack.keys = {"passlock.other": "k"}
    stack.apply()
    with stack.connect() as connection:
        assert connection.state() == "unconfigured"


def test_crash_recovery_stops_without_its_key(stack, connection):
    """Recovery stops between two pages, and restarts from the first page with the new key."""
    for i in range(8):
        stack.vault.add(f"pk-{i}", f"user-{i}", age_sec=3600)
    hang(stack, connection, stack.vault.add("pk-99", "ada"))
    stack.daemon.kill9()
    stack.vault.let_go()
    stack.vault.requests.clear()
    stack.vault.keeps = is_list
    stack.daemon.start()
    eventually(lambda: stack.vault.kept)
    take_key_away(stack)
    stack.vault.let_go()
    with stack.connect() as later:
        later.settle()
    assert len(list(filter(is_list, stack.vault.requests))) == 1
    stack.keys = {"passlock.default": "another"}
    stack.apply()
    stack.wait_recovered()
    assert stack.links() == {"pk-99": "ada"}
    keys = [request.headers["Authorization"] for request in stack.vault.requests
            if is_list(request)]
    assert keys[0] == "Bearer k" and set(keys[1:]) == {"Bearer another"}


@pytest.mark.parametrize("crash", [False, True], ids=["delete", "recovery"])
def test_probes_stop_without_their_key(stack, connection, crash):
    """Lookups of a delete, whose caller gets a reply, and lookups of delete recovery."""
    vault = stack.vault
    calls = [connection.start_exchange(vault.add(f"pk-{i}", "ada")) for i in range(40)]
    for call in calls:
        connection.finish(call)
    vault.lies["/delete"] = Reply(500, b"")
    vault.keeps = is_delete if crash else is_probe
    call = connection.start_method("DeleteUserPasskeys", "ada", {})
    eventually(lambda: vault.kept)
    if crash:
        stack.daemon.kill9()
        vault.let_go()
        vault.keeps = is_probe
        stack.daemon.start()
    eventually(lambda: len(vault.kept) >= 8)
    take_key_away(stack)
    if not crash:
        assert connection.outcome(call) == ("error", "Unreachable")
    n = len(list(filter(is_probe, vault.requests)))
    vault.let_go()
    with stack.connect() as later:
        later.settle()
        assert len(list(filter(is_probe, vault.requests))) == n
        assert later.count() == 40
    stack.keys = {"passlock.default": "another"}
    stack.apply()
    eventually(lambda: stack.links() == {})


def test_recovery_does_not_forget_retry_after(stack, connection):
    """Calls that reach the API do not shorten Retry-After."""
    vault = stack.vault
    hang(stack, connection, vault.add("pk-1", "ada"))
    stack.daemon.kill9()
    vault.let_go()
    vault.requests.clear()
    vault.faults["/passkeys/"] = Reply(503, b"", {"Retry-After": "600"})
    vault.faults["/away"] = Reply(500, b"")
    stack.daemon.start()
    eventually(lambda: "Failed to recover links after a crash" in stack.daemon.log_text())
    with stack.connect() as later:
        for i in range(5):
            assert later.outcome(later.start_exchange("away")) == ("error", "Unreachable")
            later.exchange(vault.add(f"pk-bob-{i}", "bob"))
    assert len(list(filter(is_list, vault.requests))) == 1


def is_in_memory(pid: int, what: bytes) -> bool:
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, \
            open(f"/proc/{pid}/mem", "rb", 0) as memory:
        for line in maps:
            begin, end = (int(number, 16) for number in line.split()[0].split("-"))
            if "r" not in line.split()[1] or end - begin > 1 << 30:  # a sanitizer's shadow
                continue
            with contextlib.suppress(OSError, OverflowError):
                memory.seek(begin)
                if what in memory.read(end - begin):
                    return True
    return False


@pytest.mark.root
@pytest.mark.parametrize("moved", [False, True], ids=["replaced", "moved"])
def test_old_key_is_gone(stack, connection, moved):
    """The old key is wiped from the memory of the key holder when no call uses it."""
    key = "the-key-that-is-to-be-forgotten"
    stack.keys["passlock.default"] = key
    stack.apply()
    stack.vault.faults["jwks.json"] = Reply(200, {"keys": [KEY.jwk()]})
    connection.verify(token(KEY, claims_of("tenant_A")))
    connection.exchange(stack.vault.add("pk-1", "ada"))
    call = hang(stack, connection, stack.vault.add("pk-2", "ada"))
    keyholder = stack.daemon.keyholder_pid
    stack.keys["passlock.default"] = "another"
    if moved:
        stack.move("tenant_B")
    else:
        stack.apply()
    assert is_in_memory(keyholder, key.encode())
    stack.vault.let_go()
    connection.finish(call)
    connection.settle()
    eventually(lambda: not is_in_memory(keyholder, key.encode()))
    assert not is_in_memory(stack.daemon.pid, key.encode())
