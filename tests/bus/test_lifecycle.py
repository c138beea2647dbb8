# SPDX-License-Identifier: LGPL-2.1-or-later
"""Start, reload and stop."""

import contextlib
import os
import signal

import pytest

from harness import Bus, Workspace

from .client import OBJECT_MANAGER, PATH, plain, tenancy_path
from .stack import (RP_ID, SHORT_SEC, Stack, TestedDaemon, eventually, new_request_id, new_user, raises,
                    within)

OTHER = {"TenancyId": "otherTenancy", "Endpoint": "http://127.0.0.1:9"}
SCHEMA = b"schema\0\0\0\x05"  # its record in the store
# What is wrong, and the line that it is in.
BROKEN = {
    "unknown section": ("[Daemon]\n[Surprise]\nA=b\n", 2),
    "unknown key": ("[Daemon]\nMaxPendingPerUser=3\nColour=red\n", 3),
    "no number": ("[Daemon]\n\nMaxPendingPerUser=many\n", 3),
    "number out of range": ("[Daemon]\nMaxPendingPerUser=0\n", 2),
    "bad label": ("[Tenancy Not-Good]\nTenancyId=a\n", 1),
    "long label": (f"[Tenancy {'x' * 33}]\nTenancyId=a\n", 1),
    "remote http": ("[Tenancy default]\nTenancyId=a\nEndpoint=http://api.example.com\n", 3),
    "http to a name like a loopback": (
        "[Tenancy default]\nTenancyId=a\nEndpoint=http://127.0.0.1.example.com\n", 3),
    "http with a user like a loopback": (
        "[Tenancy default]\nTenancyId=a\nEndpoint=http://127.0.0.1@example.com\n", 3),
    "other scheme": ("[Tenancy default]\nTenancyId=a\nEndpoint=ftp://127.0.0.1\n", 3),
    "no endpoint": ("[Tenancy default]\nTenancyId=a\nEndpoint=api\n", 3),
    "no time": ("[Tenancy default]\nTenancyId=a\nTimeoutSec=soon\n", 3),
    "time out of range": ("[Tenancy default]\nTenancyId=a\nTimeoutSec=301\n", 3),
    "credential out of its directory": (
        "[Tenancy default]\nTenancyId=a\nApiKeyCredential=../shadow\n", 3),
    "no name": ("[Tenancy default]\nTenancyId=a\n[Grant a]\nUser=www-data,games\nAllow=All\n", 4),
    "relying party with a scheme": (
        "[Tenancy default]\nTenancyId=a\n[Grant a]\nRpId=https://shop.example.com\n", 4),
    "relying party with a port": (
        "[Tenancy default]\nTenancyId=a\n[Grant a]\nRpId=a.example\nRpId=b.example:443\n", 5),
    "two labels": ("[Tenancy default]\nTenancyId=a\n[Tenancy other]\n\nTenancyId=a\n", 5),
    "no method": ("[Tenancy default]\nTenancyId=a\n[Grant a]\nUser=root\nAllow=Everything\n", 5),
    "no section": ("TenancyId=a\n", 1),
    "no assignment": ("[Tenancy default]\nTenancyId\n", 2),
    "open section": ("[Tenancy default\nTenancyId=a\n", 1),
}


def in_flight(stack, connection) -> tuple[list, list]:
    """Exchanges and authorizations in flight at the API."""
    passkeys = [stack.create_passkey() for _ in range(3)]
    exchanges, authorizes = stack.calls("exchange"), stack.calls("registration-authorize")
    stack.sandbox.set_faults("delay=500")
    calls = [connection.start_exchange(passkey.code) for passkey in passkeys]
    calls += [connection.start_authorize(RP_ID, new_user()) for _ in range(3)]
    stack.wait_calls("exchange", exchanges + 3)
    stack.wait_calls("registration-authorize", authorizes + 3)
    return passkeys, calls


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_stop_answers_what_is_in_flight(own_stack, end):
    own_stack.start()
    connection = own_stack.connect()
    passkeys, calls = in_flight(own_stack, connection)
    os.kill(own_stack.daemon.pid, end)
    for call in calls:
        connection.finish(call)
    assert own_stack.daemon.wait_end() == 0
    own_stack.daemon.start()
    for passkey in passkeys:
        with own_stack.connect() as after:
            assert after.links("GetUser", passkey.authenticator_id) == (passkey.user_id,)


def test_stop_of_an_idle_daemon(own_stack):
    own_stack.start()
    own_stack.connect()
    with within(0):
        assert own_stack.daemon.stop() == 0


def test_stop_waits_no_longer_than_the_deadline(own_stack):
    own_stack.start()
    own_stack.sections["Tenancy default"]["TimeoutSec"] = str(SHORT_SEC)
    own_stack.apply()
    connection = own_stack.connect()
    own_stack.sandbox.set_faults("hang")
    call = connection.start_authorize(RP_ID, new_user())
    own_stack.wait_calls("registration-authorize", 1)
    with within(SHORT_SEC):
        assert own_stack.daemon.stop() == 0
    assert connection.outcome(call) == ("error", "Unreachable")


def test_second_signal_ends_at_once(own_stack):
    own_stack.start()
    own_stack.sections["Tenancy default"]["TimeoutSec"] = "120"
    own_stack.apply()
    connection = own_stack.connect()
    own_stack.sandbox.set_faults("hang")
    connection.start_authorize(RP_ID, new_user())
    own_stack.wait_calls("registration-authorize", 1)
    with within(0):
        os.kill(own_stack.daemon.pid, signal.SIGTERM)
        eventually(lambda: not connection.driver("NameHasOwner", "s", "dev.passlock.Passlock1")[0])
        os.kill(own_stack.daemon.pid, signal.SIGTERM)
        own_stack.daemon.wait_end()


def test_successor_takes_over(own_stack):
    """The bus name is released when the stop begins; calls in flight are still answered."""
    own_stack.start()
    connection = own_stack.connect()
    passkeys, calls = in_flight(own_stack, connection)
    os.kill(own_stack.daemon.pid, signal.SIGTERM)
    eventually(lambda: not connection.driver("NameHasOwner", "s", "dev.passlock.Passlock1")[0])
    with Workspace() as work:
        other = TestedDaemon(work, own_stack.bus, own_stack.sections, own_stack.keys)
        with other:
            assert own_stack.connect().links("List", "", 10) == ([], "")
            for call in calls:
                connection.finish(call)
            assert own_stack.daemon.wait_end() == 0


@pytest.mark.parametrize("how", ["SIGHUP", "Reload"])
def test_reload_loses_no_call(own_stack, how):
    if how == "Reload" and not own_stack.is_root:
        pytest.skip("Reload is for root")
    own_stack.start()
    connection = own_stack.connect()
    passkeys, calls = in_flight(own_stack, connection)
    for _ in range(5):
        if how == "SIGHUP":
            own_stack.daemon.reload()
        else:
            with own_stack.connect() as admin:
                own_stack.call_reload(admin)
    for call in calls:
        connection.finish(call)
    for passkey in passkeys:
        assert connection.links("GetUser", passkey.authenticator_id) == (passkey.user_id,)
    own_stack.assert_healthy()


def test_reload_that_takes_the_tenancy_away_ends_calls_as_they_began(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    _, calls = in_flight(own_stack, connection)
    own_stack.sections["Tenancy another"] = own_stack.sections.pop("Tenancy default")
    own_stack.sections["Daemon"]["DefaultTenancy"] = "another"
    own_stack.sections.pop("Grant tests-default", None)
    own_stack.grant_ourselves("another")
    own_stack.apply()
    for call in calls:
        connection.finish(call)


@pytest.mark.parametrize("what", BROKEN)
def test_broken_configuration_does_not_start(own_stack, what):
    text, line = BROKEN[what]
    own_stack.prepare()
    own_stack.daemon.config.write_text(text)
    status, log = own_stack.daemon.fails_to_start()
    assert status == 1
    assert f"{own_stack.daemon.config}:{line}:" in log


@pytest.fixture(scope="module")
def reloaded():
    with Stack() as stack:
        yield stack


@pytest.mark.root
@pytest.mark.parametrize("what", BROKEN)
def test_broken_configuration_is_not_taken(reloaded, what):
    """The old configuration stays in force, completely."""
    text, line = BROKEN[what]
    reloaded.daemon.config.write_text(text)
    with reloaded.connect() as connection:
        with raises("InvalidArgs") as caught:
            reloaded.call_reload(connection)
        assert f"{reloaded.daemon.config}:{line}:" in caught.error.message
        assert connection.manager("GetTenancy", "") == (tenancy_path(),)
    reloaded.assert_healthy()


def test_broken_configuration_is_not_taken_by_signal(own_stack):
    own_stack.start()
    own_stack.daemon.config.write_text("[Nonsense]\n")
    own_stack.daemon.reload()
    assert f"{own_stack.daemon.config}:1:" in own_stack.daemon.log_text()
    own_stack.assert_healthy()


def test_configuration_that_is_gone(own_stack):
    own_stack.start()
    own_stack.daemon.config.unlink()
    own_stack.daemon.reload()
    assert own_stack.daemon.running
    own_stack.daemon.configure(own_stack.sections)
    own_stack.daemon.reload()
    own_stack.assert_healthy()


def test_drop_ins(own_stack):
    """FILE.d/*.conf after FILE, by name; the last value counts."""
    own_stack.prepare()
    drop_ins = own_stack.work / "passlockd.conf.d"
    drop_ins.mkdir()
    (drop_ins / "20-b.conf").write_text("[Tenancy default]\nTenancyId=fromB\n")
    (drop_ins / "10-a.conf").write_text("[Tenancy default]\nTenancyId=fromA\n[Tenancy more]\n"
                                        "TenancyId=more\n")
    (drop_ins / "30-c.txt").write_text("nonsense")
    own_stack.daemon.start()
    with own_stack.connect() as connection:
        assert connection.get(tenancy_path(), "Tenancy", "TenancyId") == "fromB"
        assert connection.get(tenancy_path("more"), "Tenancy", "TenancyId") == "more"
    (drop_ins / "20-b.conf").write_text("[Tenancy default]\nNonsense=1\n")
    own_stack.daemon.stop()
    status, log = own_stack.daemon.fails_to_start()
    assert status == 1
    assert f"{drop_ins / '20-b.conf'}:2:" in log


@pytest.mark.parametrize("options", [["--nonsense"], ["--config"], ["argument"],
                                     ["--log-level=loud"]], ids=str)
def test_wrong_command_line(own_stack, options):
    own_stack.daemon_options = options
    own_stack.prepare()
    status, log = own_stack.daemon.fails_to_start()
    assert status == 2
    assert log


def test_second_instance_on_the_same_state(own_stack):
    own_stack.start()
    with Workspace() as work, Bus(work) as bus:
        second = TestedDaemon(work, bus, own_stack.sections, own_stack.keys)
        second.state = own_stack.daemon.state
        status, log = second.fails_to_start()
        assert status == 1
        assert str(own_stack.daemon.state) in log
    own_stack.assert_healthy()


def test_second_instance_on_the_same_bus(own_stack):
    own_stack.start()
    with Workspace() as work:
        second = TestedDaemon(work, own_stack.bus, own_stack.sections, own_stack.keys)
        status, log = second.fails_to_start()
        assert status == 1
        assert "bus name" in log
    own_stack.assert_healthy()


def test_no_bus(own_stack):
    own_stack.prepare()
    own_stack.bus.stop()
    status, log = own_stack.daemon.fails_to_start()
    assert (status, bool(log)) == (1, True)


def test_name_is_not_allowed(own_stack):
    """The bus policy does not let this user own the name."""
    config = own_stack.bus.config
    config.write_text(config.read_text().replace(
        '<allow own="dev.passlock.Passlock1"/>', ""))
    own_stack.prepare()
    status, log = own_stack.daemon.fails_to_start()
    assert status == 1
    assert "bus name" in log


def assert_without_store(stack):
    """Calls without links work; others fail before the code is used."""
    assert str(stack.daemon.state) in stack.daemon.log_text()
    calls = stack.calls("exchange")
    with stack.connect() as connection:
        token, _ = connection.authorize(RP_ID, new_user(), exclude_linked=False)
        passkey = stack.run_ceremony(token)
        for call in (connection.start_authorize(RP_ID, new_user()),
                     connection.start_links("GetUser", "key"),
                     connection.start_links("Add", "ada", "key"),
                     connection.start_exchange(passkey.code)):
            assert connection.outcome(call) == ("error", "StoreFailed")
        assert stack.calls("exchange") == calls
        assert plain(connection.exchange(passkey.code, link=False))["linked"] is False
        assert connection.state() == "ready"


def test_store_of_another_version(own_stack):
    """The store is left unchanged, for the version that wrote it."""
    own_stack.start()
    own_stack.connect().links("Add", "ada", "key")
    own_stack.daemon.stop()
    store = own_stack.daemon.state / "data.mdb"
    right = store.read_bytes()
    assert SCHEMA in right, "the schema version is stored in another way"
    other = right.replace(SCHEMA, SCHEMA[:-1] + b"\x63")
    store.write_bytes(other)
    own_stack.daemon.start()
    assert_without_store(own_stack)
    assert store.read_bytes() == other
    store.write_bytes(right)
    with own_stack.connect() as connection:
        eventually(lambda: connection.outcome(connection.start_links("GetUser", "key")) ==
                   ("ada",))
    own_stack.assert_healthy()


@pytest.mark.parametrize("rubbish", [b"rubbish" * 10000, b"\0" * 65536, b"x"],
                         ids=["text", "zeros", "short"])
def test_store_that_is_none(own_stack, rubbish):
    own_stack.prepare()
    store = own_stack.daemon.state / "data.mdb"
    store.write_bytes(rubbish)
    own_stack.daemon.start()
    assert_without_store(own_stack)
    assert store.read_bytes() == rubbish
    store.unlink()
    with own_stack.connect() as connection:
        eventually(lambda: connection.outcome(connection.start_links("Add", "ada", "key")) == ())
    own_stack.assert_healthy()


def test_state_that_is_no_directory(own_stack):
    own_stack.prepare()
    own_stack.daemon.state.rmdir()
    own_stack.daemon.state.write_text("")
    own_stack.daemon.start()
    assert_without_store(own_stack)
    own_stack.daemon.state.unlink()
    own_stack.daemon.state.mkdir(0o700)
    with own_stack.connect() as connection:
        eventually(lambda: connection.outcome(connection.start_links("Add", "ada", "key")) == ())
    own_stack.assert_healthy()
    assert own_stack.daemon.log_text().count("Failed to lock") == 1


def test_bus_goes_away(own_stack):
    own_stack.start()
    own_stack.bus.kill9()
    assert own_stack.daemon.wait_end() == 1
    assert own_stack.daemon.log_text()
    own_stack.bus.start()
    own_stack.daemon.start()
    own_stack.assert_healthy()


def test_bus_goes_away_with_calls_in_flight(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    passkey = own_stack.create_passkey()
    request_id = new_request_id()
    own_stack.sandbox.set_faults("delay=300@exchange")
    connection.start_exchange(passkey.code, request_id=request_id)
    own_stack.wait_calls("exchange", 1)
    own_stack.bus.kill9()
    assert own_stack.daemon.wait_end() == 1
    own_stack.bus.start()
    own_stack.daemon.start()
    own_stack.assert_healthy()


def test_tenancy_comes_and_goes_with_reloads(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    connection.subscribe(f"type='signal',interface='{OBJECT_MANAGER}'")
    own_stack.sections["Tenancy other"] = OTHER
    own_stack.grant_ourselves("other")
    own_stack.apply()
    added = connection.wait_signal("InterfacesAdded")
    assert added.path == PATH
    assert added.args[0] == tenancy_path("other")
    assert {"dev.passlock.Passlock1.Tenancy", "dev.passlock.Passlock1.Links"} <= set(added.args[1])
    properties = added.args[1]["dev.passlock.Passlock1.Tenancy"]
    assert properties["TenancyId"] == ("s", "otherTenancy")
    assert properties["State"] == ("s", "unconfigured")
    connection.links("Add", "ada", "key", label="other")
    assert connection.manager("GetTenancy", "other") == (tenancy_path("other"),)

    del own_stack.sections["Tenancy other"]
    own_stack.sections.pop("Grant tests-other", None)
    own_stack.apply()
    removed = connection.wait_signal("InterfacesRemoved")
    assert removed.args[0] == tenancy_path("other")
    assert {"dev.passlock.Passlock1.Tenancy", "dev.passlock.Passlock1.Links"} <= \
        set(removed.args[1])
    with raises("UnknownObject", "UnknownMethod"):
        connection.links("GetUser", "key", label="other")
    with raises("UnknownObject"):
        connection.manager("GetTenancy", "other")
    (objects,) = connection.call(PATH, OBJECT_MANAGER, "GetManagedObjects")
    assert set(objects) == {tenancy_path()}

    own_stack.sections["Tenancy other"] = OTHER
    own_stack.grant_ourselves("other")
    own_stack.apply()
    assert connection.links("GetUser", "key", label="other") == ("ada",)
    own_stack.assert_healthy()


def test_changed_tenancy_is_told(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    connection.subscribe("type='signal',member='PropertiesChanged'")
    assert connection.get(tenancy_path(), "Tenancy", "CaFile") == ""
    own_stack.sections["Tenancy default"] = own_stack.tenancy(
        Endpoint=own_stack.sandbox.endpoint.replace("127.0.0.1", "localhost"), CaFile=__file__)
    own_stack.apply()
    changed = connection.wait_signal("PropertiesChanged").args[1]
    assert changed["Endpoint"] == ("s", own_stack.sections["Tenancy default"]["Endpoint"])
    assert connection.get(tenancy_path(), "Tenancy", "Endpoint") == changed["Endpoint"][1]
    assert changed["CaFile"] == ("s", __file__)
    assert connection.get(tenancy_path(), "Tenancy", "CaFile") == __file__
    own_stack.assert_healthy()


def test_readiness_and_the_stop_are_told(own_stack):
    """READY=1 is sent after the name is acquired, STOPPING=1 at the stop."""
    own_stack.start()
    with own_stack.connect() as connection:
        assert connection.driver("NameHasOwner", "s", "dev.passlock.Passlock1") == (True,)
    own_stack.daemon.stop()
    told = b""
    own_stack.daemon.notify.setblocking(False)
    try:
        while True:
            told += own_stack.daemon.notify.recv(4096) + b"\n"
    except BlockingIOError:
        pass
    assert b"STOPPING=1" in told.split(b"\n")


def test_state_is_for_the_daemon_alone(own_stack):
    own_stack.start()
    own_stack.connect().links("Add", "ada", "key")
    files = list(own_stack.daemon.state.rglob("*"))
    assert files
    for file in files:
        assert file.stat().st_mode & 0o077 == 0, f"{file} is open to others"


@pytest.mark.root
def test_it_has_no_network_socket_that_listens(own_stack):
    own_stack.start()
    inodes = set()
    for fd in os.listdir(f"/proc/{own_stack.daemon.pid}/fd"):
        with contextlib.suppress(FileNotFoundError):  # closed meanwhile
            target = os.readlink(f"/proc/{own_stack.daemon.pid}/fd/{fd}")
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    listening = []
    for table in ("tcp", "tcp6"):
        with open(f"/proc/net/{table}", encoding="ascii") as lines:
            listening += [line.split()[9] for line in lines if line.split()[3] == "0A"]
    assert inodes and not inodes & set(listening)


def test_nobody_reads_what_is_told(own_stack):
    """A full notify socket does not block the daemon; queued messages are sent later."""
    own_stack.start()
    connection = own_stack.connect()
    for _ in range(40):
        connection.manager("Reload")
    assert own_stack.daemon.stop() == 0
    told = []
    own_stack.daemon.notify.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while True:
            told.append(own_stack.daemon.notify.recv(4096))
    assert len(told) < 40, "there was room for all"
