# SPDX-License-Identifier: LGPL-2.1-or-later
"""Callers that flood the daemon or do not read, and the other callers beside them.

The floods are bounded in time. The limits are generous: the machine may be slow, and a flood costs
the bus itself, too. `scripts/bench callers` has the ratios.
"""

import contextlib
import json
import subprocess
import time

import pytest
from harness.build import binary
from harness.bus import NAME
from harness.process import as_uid
from jeepney import DBusAddress, new_method_call

from .client import BACKUP, GAMES, WWW_DATA, User
from .stack import SLACK_SEC, eventually, raises

pytestmark = pytest.mark.root

FLOOD_SEC = 60  # at the most
CALLS = 10
GROWTH_MAX_KB = 16 * 1024
BURST, PER_SEC = 200, 20  # calls without a grant
REFUSALS, REFUSALS_PER_SEC = 20, 10
CLIENTS = 600


@pytest.fixture
def flooded(own_stack, monkeypatch):
    # Memory that was freed is free in a sanitized build as well.
    monkeypatch.setenv("ASAN_OPTIONS", "quarantine_size_mb=0:thread_local_quarantine_size_kb=0")
    own_stack.grant("victim", "www-data", "All")
    own_stack.grant("flooder", "games", "All")
    own_stack.start()
    with own_stack.connect() as connection:
        links = [{"user_id": ("s", f"user-{i}"), "authenticator_id": ("s", f"key-{i:032}"),
                  "created_at": ("t", 1), "last_used_at": ("t", 0)} for i in range(1000)]
        connection.links("Import", links, {})
        connection.links("Add", "load-user", "load-key")
    return own_stack


@contextlib.contextmanager
def flood(stack, user: User | None, call: str, connections: int, mode: str, seconds: int = 0):
    """Floods until the end of the context or, given the seconds, so long; then the dictionary is
    filled with the numbers of calls."""
    command = [*(as_uid(user.uid, user.gid) if user else ()), str(binary("flood")), call,
               str(connections), str(seconds or FLOOD_SEC), mode]
    counts = {}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True,
                          env={"DBUS_SYSTEM_BUS_ADDRESS": stack.bus.address}) as child:
        try:
            assert child.stdout.readline() == "ready\n"
            yield counts
            if seconds:
                counts.update(json.loads(child.stdout.read()))
        finally:
            child.kill()


@contextlib.contextmanager
def crowd(stack, n: int, call: str):
    """Connects clients that each make this call. At the end, the dictionary is filled with the signals
    that they have received, and the links in these: [least, most] of a client."""
    counts = {}
    with subprocess.Popen([str(binary("crowd")), str(n), call], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True, env={"DBUS_SYSTEM_BUS_ADDRESS": stack.bus.address}) as child:
        try:
            assert child.stdout.readline() == "ready\n"
            yield counts
            child.stdin.close()
            counts.update(json.loads(child.stdout.read()))
        finally:
            child.kill()


def private_kb(process) -> int:
    with open(f"/proc/{process.pid}/smaps_rollup", encoding="ascii") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("Private_"))


def unread_kb(stack) -> int:
    """What the bus keeps of the daemon's messages. It keeps its own for a connection as well."""
    statistics = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus",
                             "org.freedesktop.DBus.Debug.Stats")
    with stack.connect() as root:
        call = new_method_call(statistics, "GetConnectionStats", "s", (NAME,))
        (stats,) = root.finish(root.send(call))
    return stats["IncomingBytes"][1] // 1024


@pytest.mark.parametrize("connections,mode", [(1, "read"), (20, "read"), (4, "lazy"), (20, "lazy")])
@pytest.mark.parametrize("call", ["Introspect", "GetUser", "List", "BadSignature", "BadPath"])
@pytest.mark.parametrize("user", [BACKUP, GAMES], ids=["ungranted", "granted"])
def test_others_get_their_answers(flooded, user, call, connections, mode):
    with flooded.connect(WWW_DATA) as victim:
        victim.links("GetUser", "load-key")
        daemon_kb = private_kb(flooded.daemon)
        took = []
        with flood(flooded, user, call, connections, mode):
            for _ in range(CALLS):
                begin = time.monotonic()
                assert victim.links("GetUser", "load-key") == ("load-user",)
                took.append(time.monotonic() - begin)
            assert private_kb(flooded.daemon) - daemon_kb < GROWTH_MAX_KB
            assert unread_kb(flooded) < GROWTH_MAX_KB
        # Replies to the first calls of the flood must not fill the daemon's only socket.
        assert sorted(took)[CALLS // 2] < 4 and max(took) < SLACK_SEC
    flooded.assert_healthy()


def outcomes_so_far(stack, caller, calls: list[int]) -> list:
    """The daemon has read the calls when this returns; those without a reply have None."""
    caller.driver("GetId")
    with stack.connect() as root:
        root.links("GetUser", "load-key")
    return [caller.outcome(call) if caller.is_answered(call) else None for call in calls]


def test_a_flood_without_a_grant_gets_silence(flooded):
    begin = time.monotonic()
    with flood(flooded, BACKUP, "GetUser", 20, "read", seconds=2) as counts:
        pass
    # Other connections of that user are the same caller.
    with flood(flooded, BACKUP, "GetUser", 20, "read", seconds=1) as more:
        pass
    seconds = time.monotonic() - begin
    assert counts["answered"] + more["answered"] <= \
        BURST + REFUSALS + (PER_SEC + REFUSALS_PER_SEC) * (seconds + 1)
    eventually(lambda: is_denied(flooded, BACKUP))


def is_denied(stack, user: User) -> bool:
    """A connection with calls that had no reply is refused by the bus itself in the end."""
    with stack.connect(user) as caller:
        call = caller.start_links("GetUser", "load-key")
        return outcomes_so_far(stack, caller, [call]) == [("error", "AccessDenied")]


def test_introspection_is_limited_for_all(flooded):
    with flood(flooded, GAMES, "Introspect", 4, "read", seconds=2) as counts:
        pass
    assert counts["refused"] > 0
    with flooded.connect(WWW_DATA) as victim:
        assert victim.state() == "ready"


def test_a_grant_has_a_rate_limit(own_stack):
    own_stack.grant("slow", "games", "Links.Read", MaxCallsPerSec="5")
    own_stack.start()
    with own_stack.connect(GAMES) as caller, own_stack.connect() as root:
        root.links("Add", "ada", "key")
        outcomes = [caller.outcome(call)
                    for call in [caller.start_links("GetUser", "key") for _ in range(100)]]
        assert outcomes[:5] == [("ada",)] * 5
        assert ("error", "LimitsExceeded") in outcomes
        eventually(lambda: caller.outcome(caller.start_links("GetUser", "key")) == ("ada",))
        # Without the limit.
        del own_stack.sections["Grant slow"]["MaxCallsPerSec"]
        own_stack.apply()
        calls = [caller.start_links("GetUser", "key") for _ in range(60)]
        assert {caller.outcome(call) for call in calls} == {("ada",)}


def test_a_connection_that_reads_again_is_served_again(flooded):
    with flooded.connect(GAMES) as lazy, flooded.connect(WWW_DATA) as victim:
        calls = []
        # It reads nothing meanwhile: the victim's answers tell that the daemon has seen the calls.
        for _ in range(60):
            calls.append(lazy.start_links("List", "", 1000))
            victim.links("GetUser", "load-key")
        outcomes = outcomes_so_far(flooded, lazy, calls)
        served = [outcome for outcome in outcomes if outcome and outcome[0] != "error"]
        assert 0 < len(served) < len(calls)
        eventually(lambda: lazy.outcome(lazy.start_links("GetUser", "load-key")) == ("load-user",))


def test_large_messages_do_not_wait(flooded):
    """Nobody knows the caller yet, so the message would be kept."""
    with flooded.connect(GAMES) as caller, raises("InvalidArgs", text="larger than"):
        caller.links("GetUser", "x" * (1 << 20))
    with flooded.connect(GAMES) as caller:
        assert caller.links("GetUser", "load-key") == ("load-user",)
        with raises("InvalidArgs"):
            caller.links("GetUser", "x" * (1 << 20))


def test_properties_are_limited(flooded):
    """They are readable without a grant, but not without end."""
    with flooded.connect(BACKUP) as caller:
        assert caller.state() == "ready"
    with flood(flooded, BACKUP, "Get", 4, "read", seconds=2) as counts:
        pass
    assert counts["refused"] > 0
    assert counts["answered"] < counts["sent"]


def test_many_clients_do_not_limit_a_busy_one(own_stack):
    """Clients that have called once keep little of the daemon's memory, and of its room for unread replies."""
    own_stack.bus.allow_connections(2 * CLIENTS)
    own_stack.start()
    daemon_kb = private_kb(own_stack.daemon)
    with own_stack.connect() as busy:
        busy.links("Add", "ada", "key")
        with crowd(own_stack, CLIENTS, "Get"):
            for _ in range(300):
                assert busy.links("GetUser", "key") == ("ada",)
            calls = [busy.start_links("GetUser", "key") for _ in range(100)]
            assert {busy.outcome(call) for call in calls} == {("ada",)}
            assert private_kb(own_stack.daemon) - daemon_kb < GROWTH_MAX_KB


def n_waits(process) -> int:
    """How often the event loop has waited."""
    with open(f"/proc/{process.pid}/task/{process.pid}/status", encoding="ascii") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("voluntary_ctxt_switches"))


def test_clients_of_others_do_not_wake_the_daemon(own_stack):
    """Clients of the bus that never call the daemon connect and leave."""
    own_stack.start()

    def sleeps():
        before = n_waits(own_stack.daemon)
        with crowd(own_stack, 100, "GetId"):
            pass
        return n_waits(own_stack.daemon) == before

    # Timers of the start may be due.
    eventually(sleeps)


def test_an_import_has_a_signal_for_a_thousand_links(own_stack):
    own_stack.start()
    with crowd(own_stack, 5, "Subscribe") as counts, own_stack.connect() as root:
        for i in range(3):
            links = [{"user_id": ("s", f"user-{i}"), "authenticator_id": ("s", f"key-{i}-{j:040}"),
                      "created_at": ("t", 1), "last_used_at": ("t", 0)} for j in range(1000)]
            root.links("Import", links, {})
    assert counts == {"signals": [3, 3], "links": [3000, 3000]}


def test_many_subscribers_get_changes_together(own_stack):
    """At most 5000 signals a second."""
    own_stack.start()
    with crowd(own_stack, 120, "Subscribe") as received:
        begin = time.monotonic()
        with flood(own_stack, None, "AddNew", 1, "read", seconds=2) as added:
            pass
        seconds = time.monotonic() - begin
    assert added["refused"] == 0
    least, most = received["links"]
    assert added["answered"] <= least == most <= added["sent"]
    assert 1 < max(received["signals"]) <= seconds * 5000 / 120 + 2


def test_subscribers_that_read_get_all_changes_of_imports(own_stack):
    """The daemon commits faster than the bus delivers."""
    own_stack.start()
    with crowd(own_stack, 128, "Subscribe") as received, own_stack.connect() as root:
        calls = []
        for i in range(16):
            links = [{"user_id": ("s", f"user-{i}"), "authenticator_id": ("s", f"key-{i}-{j:040}"),
                      "created_at": ("t", 1), "last_used_at": ("t", 0)} for j in range(1000)]
            calls.append(root.start_links("Import", links, {}))
        for call in calls:
            root.finish(call)
    assert received["links"] == [16000, 16000]
