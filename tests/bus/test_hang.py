# SPDX-License-Identifier: LGPL-2.1-or-later
"""The connection to the bus hangs, or the bus does."""

import contextlib
import os
import signal
import subprocess
import time
from types import SimpleNamespace

import pytest
from harness.build import binary
from harness.bus import NAME
from harness.process import PATIENCE_SEC

from .bus_proxy import BusProxy
from .client import GAMES, WWW_DATA
from .stack import eventually, new_request_id, new_user, raises
from .test_flood import flood
from .vault import HeldStore

WATCHDOG_SEC = 16  # a check every four seconds
TAKEN = 1  # the reply to RequestName
ALLOW_REPLACEMENT, REPLACE_EXISTING = 1, 2


def watch(daemon, seconds: int = WATCHDOG_SEC):
    daemon.prefix = ("env", f"WATCHDOG_USEC={seconds * 10**6}")


@pytest.fixture(name="proxied")
def fixture_proxied(own_stack):
    """A daemon with a proxy between it and the bus; callers have none."""
    own_stack.prepare()
    with BusProxy(own_stack.work / "proxy", own_stack.bus.address) as proxy:
        own_stack.daemon.bus = SimpleNamespace(address=proxy.address)
        watch(own_stack.daemon)
        own_stack.daemon.start()
        yield SimpleNamespace(stack=own_stack, proxy=proxy, daemon=own_stack.daemon)
        own_stack.daemon.stop_well()


def owner(connection) -> str:
    return connection.outcome(start_get_owner(connection))[0]


def start_get_owner(connection) -> int:
    return connection.start_driver("GetNameOwner", "s", NAME)


def wait_new_owner(connection, old: str, meanwhile=lambda: None):
    """Returns the new owner. There is one all the time."""
    def has_changed():
        meanwhile()
        name = owner(connection)
        return name if name != old else None
    return eventually(has_changed, pause=0.05)


def wait_fed(daemon, times: int = 1):
    """Waits until the watchdog is fed, counted from now."""
    daemon.forget_notifications()
    for _ in range(times):
        daemon.wait_notified("WATCHDOG=1")


def records(daemon, text: str = "D-Bus connection hung") -> int:
    return daemon.log_text().count(text)


def sockets(daemon) -> int:
    def target(fd):
        with contextlib.suppress(FileNotFoundError):
            return os.readlink(f"/proc/{daemon.pid}/fd/{fd}")
        return ""
    return sum(target(fd).startswith("socket:") for fd in os.listdir(f"/proc/{daemon.pid}/fd"))


def passlockctl(stack, *arguments: str) -> subprocess.Popen:
    return subprocess.Popen([str(binary("passlockctl")), *arguments], text=True,
                            env={"DBUS_SYSTEM_BUS_ADDRESS": stack.bus.address},
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def succeed(child: subprocess.Popen) -> str:
    out, err = child.communicate(timeout=PATIENCE_SEC)
    assert child.returncode == 0, err
    return out


@pytest.mark.parametrize("directions", ["both", "to", "from"])
def test_connection_that_hangs_is_replaced(proxied, directions):
    caller, subscriber = proxied.stack.connect(), proxied.stack.connect()
    caller.links("Add", "ada", "key")
    subscriber.links("Subscribe")
    subscriber.subscribe(f"type='signal',sender='{NAME}'")
    before, n_sockets = owner(caller), sockets(proxied.daemon)

    proxied.proxy.hold(directions)
    lost = caller.start_links("GetUser", "key")
    ours = passlockctl(proxied.stack, "link", "show", "key")
    # Calls that arrive are no sign of health while replies do not.
    wait_new_owner(caller, before, lambda: caller.start_links("GetUser", "key"))

    assert caller.outcome(lost) == ("error", "NoReply")
    assert "ada" in succeed(ours)
    assert caller.links("GetUser", "key") == ("ada",)
    subscriber.wait_signal("SubscriptionLost")
    subscriber.links("Subscribe")
    caller.links("Add", "ada", "other-key")
    assert subscriber.wait_signal("Added").args == ("ada", "other-key")
    wait_fed(proxied.daemon, 2)
    assert records(proxied.daemon) == 1
    assert proxied.proxy.n_accepted == 2
    eventually(lambda: sockets(proxied.daemon) == n_sockets)
    proxied.stack.assert_healthy()


def test_subscriber_that_leaves_meanwhile(proxied):
    caller, subscriber = proxied.stack.connect(), proxied.stack.connect()
    subscriber.links("Subscribe")
    before = owner(caller)
    proxied.proxy.hold()
    subscriber.close()
    wait_new_owner(caller, before)
    caller.links("Add", "ada", "key")
    proxied.stack.assert_healthy()


def test_calls_in_flight(proxied):
    """A change is made once, and libpasslock gets its answer by a retry."""
    caller = proxied.stack.connect()
    user, added = new_user(), "key-" + new_request_id()
    passkey = proxied.stack.create_passkey(user)
    caller.links("ListByUser", user)  # so that the daemon knows the caller
    before = owner(caller)
    proxied.stack.sandbox.set_faults("delay=1000@exchange")
    exchange = passlockctl(proxied.stack, "exchange", passkey.code)
    proxied.stack.wait_calls("exchange", 1)
    with stopped(proxied.daemon):  # the call arrives, and the reply is held up
        lost = caller.start_links("Add", user, added)
        caller.driver("GetId")
        proxied.proxy.hold("to")
    wait_new_owner(caller, before)
    assert user in succeed(exchange)
    assert proxied.stack.calls("exchange") == 1
    assert caller.outcome(lost) == ("error", "NoReply")
    assert caller.links("GetUser", passkey.authenticator_id) == (user,)
    assert caller.links("GetUser", added) == (user,)
    proxied.stack.assert_healthy()


@pytest.mark.parametrize("end", ["replaced", "stopped"])
def test_change_that_takes_longer_than_the_hang(proxied, end):
    """It is carried through, although its caller gets no reply."""
    caller = proxied.stack.connect()
    caller.links("Add", "ada", "key")
    before = owner(caller)
    held = HeldStore(proxied.stack)
    change = caller.start_links("Remove", "key")
    waiting = [caller.start_links("Add", "ada", f"key-{i}") for i in range(20)]
    assert caller.links("GetUser", "key") == ("ada",)  # by now the changes wait for the store
    proxied.proxy.hold()
    wait_new_owner(caller, before)
    assert caller.outcome(change) == ("error", "NoReply")
    later = caller.start_links("Add", "ada", "later-key")
    if end == "stopped":
        caller.settle()
        os.kill(proxied.daemon.pid, signal.SIGTERM)
    held.release()
    assert caller.outcome(later) == ()
    assert {caller.outcome(call) for call in waiting} == {("error", "NoReply")}
    if end == "stopped":
        assert proxied.daemon.wait_end() == 0
        proxied.daemon.start()
    assert caller.outcome(caller.start_links("GetUser", "key")) == ("error", "NotFound")
    assert caller.links("GetUser", "key-19") == ("ada",)
    wait_fed(proxied.daemon, 2)
    proxied.stack.assert_healthy()


def test_connection_hangs_again(proxied):
    caller = proxied.stack.connect()
    for _ in range(2):
        before = owner(caller)
        proxied.proxy.hold()
        wait_new_owner(caller, before)
    proxied.stack.assert_healthy()
    wait_fed(proxied.daemon)
    assert records(proxied.daemon) == 2


def test_reload_and_stop_after_a_hang(proxied):
    caller = proxied.stack.connect()
    before = owner(caller)
    proxied.proxy.hold()
    wait_new_owner(caller, before)
    caller.links("Add", "ada", "key")
    proxied.stack.apply()
    proxied.stack.call_reload(caller)
    assert caller.links("GetUser", "key") == ("ada",)
    assert proxied.daemon.stop() == 0


def test_delay_is_no_hang(proxied):
    """Messages that come late are not lost."""
    caller = proxied.stack.connect()
    before = owner(caller)
    proxied.proxy.hold()
    late = caller.start_links("GetUser", "key")
    proxied.proxy.release()
    assert caller.outcome(late) == ("error", "NotFound")
    wait_fed(proxied.daemon, 2)
    assert owner(caller) == before
    assert records(proxied.daemon) == 0


@pytest.mark.parametrize("leave", [True, False])
def test_name_that_is_lost(proxied, leave):
    """Nobody reaches the daemon without its name, so it takes the name again."""
    with proxied.stack.connect() as thief, proxied.stack.connect() as caller:
        before = owner(caller)
        assert thief.driver("RequestName", "su", NAME,
                            ALLOW_REPLACEMENT | REPLACE_EXISTING) == (TAKEN,)
        if leave:
            thief.driver("ReleaseName", "s", NAME)
        eventually(lambda: owner(caller) not in (before, thief.unique_name, "error"), pause=0.05)
        proxied.stack.assert_healthy()


def test_name_that_another_process_keeps(proxied):
    """The daemon ends, as at a start without the name."""
    with proxied.stack.connect() as thief:
        assert thief.driver("RequestName", "su", NAME, REPLACE_EXISTING) == (TAKEN,)
        assert proxied.daemon.wait_end() == 1
        assert "another process owns it" in proxied.daemon.log_text()
    proxied.daemon.start()
    proxied.stack.assert_healthy()


def test_bus_that_stops_reading(own_stack):
    """dbus-daemon reads nothing more from a connection if too many of its messages are not read."""
    config = own_stack.bus.config
    config.write_text(config.read_text().replace(
        "</busconfig>", '<limit name="max_incoming_bytes">60000</limit></busconfig>'))
    own_stack.prepare()
    watch(own_stack.daemon)
    own_stack.daemon.start()
    with own_stack.connect() as caller, own_stack.connect() as lazy:
        caller.links("Add", "ada", "key")
        lazy.links("Subscribe")
        before = owner(caller)
        calls = [caller.start_links("Import", many_links(i), {}) for i in range(12)]

        def call_more():
            # The bus allows 128 calls without a reply.
            if sum(not caller.is_answered(call) for call in calls) < 100:
                calls.append(caller.start_links("GetUser", "key"))

        wait_new_owner(caller, before, call_more)
        assert caller.links("GetUser", "key") == ("ada",)
        # The bus notices the end of the connection at once, and not only when `lazy` reads.
        assert ("error", "NoReply") in [caller.outcome(call) for call in calls]
        assert records(own_stack.daemon) == 1
    own_stack.assert_healthy()


def many_links(number: int) -> list[dict]:
    """So many that a signal about them is large."""
    return [{"user_id": ("s", f"user-{i}"), "authenticator_id": ("s", f"key-{number}-{i:032}"),
             "created_at": ("t", 1), "last_used_at": ("t", 0)} for i in range(1000)]


@contextlib.contextmanager
def stopped(process):
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


def test_bus_that_hangs(own_stack):
    """The watchdog is not fed by a daemon that nobody can reach, and is fed once it can be."""
    unfed = "The system bus does not answer; no watchdog ping sent"
    own_stack.prepare()
    watch(own_stack.daemon)
    own_stack.daemon.start()
    with own_stack.connect() as caller:
        before, n_sockets = owner(caller), sockets(own_stack.daemon)
        wait_fed(own_stack.daemon)
        with stopped(own_stack.bus):
            eventually(lambda: records(own_stack.daemon, unfed) >= 1)
            eventually(lambda: any("STATUS=The system bus does not answer: default" in one
                                   for one in drain(own_stack.daemon.notify)))
            eventually(lambda: records(own_stack.daemon, unfed) >= 3)
            assert "WATCHDOG=1" not in drain(own_stack.daemon.notify)
        wait_fed(own_stack.daemon, 3)
        assert owner(caller) == before
        assert records(own_stack.daemon) == 0
        eventually(lambda: sockets(own_stack.daemon) == n_sockets)
        own_stack.assert_healthy()


def drain(notify) -> list[str]:
    told = []
    notify.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            told.append(notify.recv(4096).decode())
    return told


@pytest.mark.root
@pytest.mark.parametrize("call", ["Introspect", "List", "BadSignature"])
def test_flood_is_no_hang(own_stack, call):
    own_stack.grant("flooder", "games", "All")
    own_stack.prepare()
    watch(own_stack.daemon, 4)
    own_stack.daemon.start()
    with own_stack.connect() as caller:
        before = owner(caller)
        with flood(own_stack, GAMES, call, 20, "read"), flood(own_stack, WWW_DATA, call, 20, "lazy"):
            wait_fed(own_stack.daemon, 5)
        assert owner(caller) == before
    assert records(own_stack.daemon) == 0
    with raises("NotFound"):
        own_stack.connect().links("GetUser", "no-key")


def test_imports_while_the_bus_is_slow(own_stack):
    """The caller reads all the time, so each call has a reply, and none is refused."""
    own_stack.prepare()
    with BusProxy(own_stack.work / "proxy", own_stack.bus.address) as proxy:
        own_stack.daemon.bus = SimpleNamespace(address=proxy.address)
        own_stack.daemon.start()
        with own_stack.connect() as caller:
            caller.links("ListByUser", "ada")
            imports = [many_links(i) for i in range(8)]
            proxy.hold("to")
            calls = [caller.start_links("Import", links, {}) for links in imports]
            time.sleep(8)
            proxy.release()
            assert {caller.outcome(call)[0] == "error" for call in calls} == {False}
        own_stack.daemon.stop_well()
