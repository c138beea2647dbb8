# SPDX-License-Identifier: LGPL-2.1-or-later
"""Without a journal each record is one line on standard error."""

import os
import re

import pytest

from .client import GAMES
from .stack import RP_ID, Stack, eventually, new_request_id, new_user, raises

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="other users need root")


class Log:
    """The daemon's log from now on."""

    def __init__(self, stack):
        self.stack = stack
        self.begin = len(stack.daemon.log_text())

    def lines(self) -> list[str]:
        whole, _, _ = self.stack.daemon.log_text()[self.begin:].rpartition("\n")
        return [line.removeprefix("passlockd: ") for line in whole.splitlines()]

    def about(self, *words: str) -> list[str]:
        return [line for line in self.lines() if all(word in line for word in words)]


@pytest.fixture(name="stack", scope="module")
def fixture_stack():
    """A separate stack: other tests leave records, or suppress them."""
    with Stack() as stack:
        yield stack


@pytest.fixture(name="log")
def fixture_log(stack):
    return Log(stack)


def ours() -> str:
    return f"by uid {os.getuid()}"


def test_links(log, connection):
    user, key = new_user(), new_user()
    connection.links("Add", user, key)
    connection.links("Remove", key)
    whom = f'user "{user}", authenticator "{key}"'
    assert log.about(key) == [f"Link added, tenancy default, Add {ours()}, {whom}",
                              f"Link removed, tenancy default, Remove {ours()}, {whom}"]


def test_what_changes_nothing_leaves_nothing(log, connection):
    user, key = new_user(), new_user()
    connection.links("Add", user, key)
    connection.links("Add", user, key)
    connection.links("GetUser", key)
    with raises("NotFound"):
        connection.links("GetUser", new_user())
    assert len(log.lines()) == 1


def test_each_link_of_a_user(log, connection):
    user, keys = new_user(), [new_user() for _ in range(3)]
    for key in keys:
        connection.links("Add", user, key)
    connection.links("RemoveByUser", user)
    for key in keys:
        assert len(log.about("Link removed", "RemoveByUser", key)) == 1


def test_sign_up(stack, log, connection):
    user = new_user()
    passkey = stack.create_passkey(user)
    connection.exchange(passkey.code)
    assert log.about(user) == [
        f'Ceremony authorized, tenancy default, Authorize {ours()}, user "{user}", '
        f'relying party "{RP_ID}"',
        f'Link added, tenancy default, Exchange {ours()}, user "{user}", '
        f'authenticator "{passkey.authenticator_id}"',
        f'Code exchanged, tenancy default, Exchange {ours()}, user "{user}", '
        f'authenticator "{passkey.authenticator_id}"',
    ]
    assert not log.about(passkey.code)


def test_sign_in_makes_no_link(stack, connection):
    user = new_user()
    passkey = stack.create_passkey(user)
    connection.exchange(passkey.code)
    code = stack.sign_in(passkey).code
    log = Log(stack)
    connection.exchange(code)
    assert [line.split(",")[0] for line in log.about(user)] == ["Code exchanged"]


def test_who_asks_again_is_recorded_again(stack, log, connection):
    user, request_id = new_user(), new_request_id()
    code = stack.create_passkey(user).code
    for _ in range(2):
        connection.exchange(code, request_id=request_id)
    assert len(log.about("Link added", user)) == 1
    assert len(log.about("Code exchanged", user)) == 2
    assert not log.about(request_id)


def test_code_of_another_user(stack, log, connection):
    user = new_user()
    code = stack.create_passkey(user).code
    with raises("UserMismatch"):
        connection.exchange(code, user_id="mallory")
    assert log.about("Call rejected") == [
        f'Call rejected, tenancy default, Exchange {ours()}, user "mallory": '
        "The passkey belongs to another user"]


def test_vault(stack, log, connection):
    passkeys = [stack.create_passkey(user) for user in (new_user(), new_user(), new_user())]
    for passkey in passkeys:
        connection.exchange(passkey.code)
    ids = [passkey.authenticator_id for passkey in passkeys]
    connection.method("UpdatePasskeys", passkeys[0].user_id, "ada", {})
    connection.method("PrunePasskeys", passkeys[0].user_id, {})
    connection.method("DeletePasskeys", ids[:2], {})
    connection.method("DeleteUserPasskeys", passkeys[2].user_id, {})
    for key in ids[:2]:
        assert [re.sub(r",.*", "", line) for line in log.about("Delete", key)] == [
            "Link removed", "Passkeys deleted in the vault"]
    assert len(log.about("Link removed", "DeleteUserPasskeys", ids[2])) == 1
    assert len(log.about("Passkeys deleted", "DeleteUserPasskeys", passkeys[2].user_id)) == 1
    assert len(log.about("renamed", passkeys[0].user_id)) == 1
    assert len(log.about("Pruning authorized", passkeys[0].user_id)) == 1


def test_mailbox(log, connection):
    challenge = connection.create_challenge("ada@example.com", "login", user_id="ada",
                                            send_email=False)
    connection.method("VerifyChallenge", challenge["id"], challenge["secret"], challenge["code"])
    connection.method("DeleteChallenge", challenge["id"])
    assert [line.split(",")[0] for line in log.about(f'"{challenge["id"]}"')] == [
        "Challenge created", "Challenge verified", "Challenge deleted"]
    for secret in (challenge["secret"], "ada@example.com"):
        assert not log.about(secret)


def test_reconcile(log, connection):
    key = new_user()
    connection.links("Add", "nobody", key)
    connection.reconcile(dry_run=True)
    connection.reconcile(dry_run=False)
    dry, wet = log.about("Links reconciled with the vault")
    assert re.search(r", \d+ checked, \d+ added, [1-9]\d* removed, \d+ conflicts, 1 dry run$", dry)
    assert re.search(r", \d+ checked, \d+ added, [1-9]\d* removed, \d+ conflicts$", wet)
    assert len(log.about("Link removed", f"Reconcile {ours()}", key)) == 1


def test_values_that_look_like_more(log, connection):
    user = 'ada", authenticator "x\\'
    connection.links("Add", user, new_user())
    assert log.about("Link added")[0].split(", ")[3:-1] == [
        r'user "ada\x22', r'authenticator \x22x\x5c"']


@needs_root
def test_refusals_are_counted(own_stack):
    own_stack.start()
    log = Log(own_stack)
    caller = own_stack.connect(GAMES)
    refuse(caller, 50)
    refused = log.about("Call refused")
    line = (f"Call refused, tenancy default, GetUser by uid {GAMES.uid}: uid {GAMES.uid} may not call "
            f'Links.GetUser: run "passlockctl explain {GAMES.uid} Links.GetUser" as root')
    assert set(refused) == {line}
    assert 20 <= len(refused) < 50
    with own_stack.connect() as connection:  # changes are none of that
        for _ in range(50):
            connection.links("Add", new_user(), new_user())
    assert len(log.about("Link added")) == 50


@needs_root
@pytest.mark.parametrize("in_time", (False, True), ids=("at-the-end", "in-time"))
def test_who_comes_anew_is_counted_on(own_stack, in_time):
    """Each of a hundred refusals is recorded or counted, after the interval or at the exit."""
    own_stack.start()
    log = Log(own_stack)
    for _ in range(50):
        with own_stack.connect(GAMES) as caller:
            refuse(caller, 2)
    refused = len(log.about("Call refused"))
    assert 20 <= refused < 100
    if in_time:
        eventually(lambda: count_of_unrecorded(log) + refused == 100)
    assert own_stack.daemon.stop() == 0
    assert count_of_unrecorded(log) + refused == 100


def refuse(caller, count: int):
    """Makes this number of refused calls."""
    calls = [caller.start_links("GetUser", "somebody") for _ in range(count)]
    assert {caller.outcome(call) for call in calls} == {("error", "AccessDenied")}


def count_of_unrecorded(log: Log) -> int:
    lines = log.about("Failed calls suppressed by the log's rate limit")
    assert all(f" by uid {GAMES.uid}, " in line for line in lines)
    return sum(int(re.search(r", (\d+) count$", line)[1]) for line in lines)


def test_states_and_keys(own_stack):
    own_stack.start()
    log = Log(own_stack)
    with own_stack.connect() as connection:
        own_stack.sandbox.set_faults("status=500")
        for _ in range(2):
            with raises("Unreachable"):
                connection.authorize(RP_ID, new_user())
        own_stack.sandbox.set_faults()
        own_stack.wait_api()
        for _ in range(2):
            connection.authorize(RP_ID, new_user())
    assert len(log.about("API unreachable or replies malformed, tenancy default")) == 1
    assert log.about("API reachable") == ["API reachable, tenancy default"]

    right, own_stack.keys["passlock.default"] = own_stack.keys["passlock.default"], "sk_wrong"
    own_stack.apply()
    with own_stack.connect() as connection, raises("ApiDenied"):
        connection.authorize(RP_ID, new_user())
    own_stack.keys = {}
    own_stack.apply()
    own_stack.apply()
    own_stack.keys = {"passlock.default": right}
    own_stack.apply()
    own_stack.apply()
    lines = [line.split(":")[0] for line in log.lines() if "Call" not in line]
    loaded = "Configuration and credentials loaded"
    assert lines[-10:] == [
        "API key replaced, tenancy default", loaded,
        "API key rejected by the API, tenancy default",
        "API key removed, tenancy default", loaded,
        "API key missing, tenancy default", loaded,
        "API key loaded, tenancy default", loaded,
        loaded,
    ]


def test_start_reload_stop(own_stack):
    own_stack.start()
    key = "API key loaded, tenancy default"
    log = Log(own_stack)
    log.begin = 0
    assert log.lines()[0] == key
    assert re.fullmatch(r"Started: [0-9.]+", log.lines()[1])
    own_stack.daemon.config.write_text("nonsense")
    with own_stack.connect() as connection, raises("InvalidArgs"):
        own_stack.call_reload(connection)
    refused = log.about("Failed to load the configuration")
    assert len(refused) == 1 and f"Reload {ours()}: {own_stack.daemon.config}:1:" in refused[0]
    assert not log.about("Call rejected")
    assert own_stack.daemon.stop() == 0
    assert log.lines()[-1] == "Stopped"


def test_a_reader_that_does_not_read(own_stack):
    """The daemon works while standard error is a full pipe."""
    read_end, write_end = os.pipe()
    own_stack.prepare()
    os.set_blocking(write_end, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(write_end, b"x" * 4096)
    os.set_blocking(write_end, True)
    own_stack.daemon.prefix = ("sh", "-c", f'exec "$@" 2>/proc/{os.getpid()}/fd/{write_end}', "sh")
    own_stack.daemon.start()
    with own_stack.connect() as connection:
        for _ in range(20):
            connection.links("Add", new_user(), new_user())
        received = b""
        os.set_blocking(read_end, False)
        while chunk := read_some(read_end):
            received += chunk
        connection.links("Add", "the-last", new_user())
    text = eventually(lambda: read_some(read_end)).decode()
    assert 'user "the-last"' in text
    assert re.search(r"Dropped (\d+) log lines", text)
    os.close(read_end)
    os.close(write_end)


def read_some(fd: int) -> bytes:
    try:
        return os.read(fd, 65536)
    except BlockingIOError:
        return b""
