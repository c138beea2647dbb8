# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts that share their links in etcd."""

import base64
import json
import re
import shutil

import pytest

from harness import BusError

from .client import plain
from .fleet import Fleet
from .stack import Stack, eventually, new_user, raises
from .test_backup import passlockctl
from .test_import import make

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="needs etcd")


@pytest.fixture(scope="module")
def fleet():
    with Fleet() as running:
        yield running


@pytest.fixture
def one(fleet):
    with fleet.hosts[0].connect() as connection:
        yield connection


@pytest.fixture
def two(fleet):
    with fleet.hosts[1].connect() as connection:
        yield connection


def user_of(connection, authenticator_id: str) -> str:
    try:
        return connection.links("GetUser", authenticator_id)[0]
    except BusError:
        return ""


def test_sign_up_and_in(fleet, one, two):
    """Somebody signs up on one host and in on the other."""
    passkey = fleet.hosts[0].create_passkey(new_user())
    principal = plain(one.exchange(passkey.code))
    assert principal["linked"] and principal["newly_linked"]
    eventually(lambda: user_of(two, passkey.authenticator_id) == passkey.user_id)
    principal = plain(two.exchange(fleet.hosts[1].sign_in(passkey).code))
    assert principal["linked"] and not principal["newly_linked"]


def test_conflict(one, two):
    """An authenticator that one host has linked cannot be linked to another user on the other."""
    user, other, authenticator = new_user(), new_user(), f"pk-{new_user()}"
    one.links("Add", user, authenticator)
    with raises("LinkConflict"):
        two.links("Add", other, authenticator)
    two.links("Add", user, authenticator)
    two.links("Remove", authenticator)
    eventually(lambda: user_of(one, authenticator) == "")
    with raises("NotFound"):
        one.links("Remove", authenticator)


def test_imports_at_once(one, two):
    """Links of many users exceed a batch of etcd together."""
    base = one.count()
    prefix = new_user()
    calls = [one.start_links("Import", [make(f"{prefix}-{i}-{j}", f"pk-{prefix}-{i}-{j}") for j in range(200)], {})
             for i in range(4)]
    for call in calls:
        one.finish(call)
    assert one.count() == base + 800
    eventually(lambda: two.count() == one.count())


def test_changed_signal(one, two):
    """Subscribers hear of the changes of other hosts, and once of those of their own."""
    user, mine, theirs = new_user(), f"pk-{new_user()}", f"pk-{new_user()}"
    two.links("Subscribe")
    one.links("Add", user, theirs)
    assert two.wait_signal("Added").args == (user, theirs)
    two.links("Add", user, mine)
    assert two.wait_signal("Added").args == (user, mine)
    eventually(lambda: user_of(one, mine) == user)
    one.links("RemoveByUser", user)
    removed = {two.wait_signal("Removed").args for _ in range(2)}
    assert removed == {(user, mine), (user, theirs)}
    two.links("Unsubscribe")
    two.settle()
    assert not two.signals


def test_etcd_away(fleet, one, two):
    """Without etcd, links can be read but not changed; afterwards all goes on."""
    user, authenticator = new_user(), f"pk-{new_user()}"
    one.links("Add", user, authenticator)
    eventually(lambda: user_of(two, authenticator) == user)
    fleet.etcd.kill9()
    with raises("StoreFailed"):
        one.links("Add", user, f"pk-{new_user()}")
    assert user_of(one, authenticator) == user_of(two, authenticator) == user
    fleet.etcd.start()
    for host in fleet.hosts:
        fleet.wait_ready(host)
    two.links("Remove", authenticator)
    eventually(lambda: user_of(one, authenticator) == "")


def test_restart(fleet, one):
    """A host that was down has the links of the others after its start."""
    user, before, meanwhile = new_user(), f"pk-{new_user()}", f"pk-{new_user()}"
    one.links("Add", user, before)
    with fleet.hosts[1].connect() as two:
        eventually(lambda: user_of(two, before) == user)
    fleet.hosts[1].daemon.kill9()
    one.links("Add", user, meanwhile)
    fleet.hosts[1].daemon.start()
    with fleet.hosts[1].connect() as two:
        assert user_of(two, before) == user
        eventually(lambda: user_of(two, meanwhile) == user)


def test_sign_in_while_etcd_is_away(fleet):
    """Exchanges go on without etcd, and other hosts get their links later."""
    with fleet.hosts[0].connect() as one, fleet.hosts[1].connect() as two:
        known = fleet.hosts[0].create_passkey(new_user())
        one.exchange(known.code)
        eventually(lambda: user_of(two, known.authenticator_id) == known.user_id)
        fleet.etcd.kill9()
        new = fleet.hosts[0].create_passkey(new_user())
        principal = plain(one.exchange(new.code))
        assert principal["linked"] and principal["newly_linked"]
        assert user_of(one, new.authenticator_id) == new.user_id
        principal = plain(two.exchange(fleet.hosts[1].sign_in(known).code))
        assert principal["linked"] and not principal["newly_linked"]
        fleet.etcd.start()
        eventually(lambda: user_of(two, new.authenticator_id) == new.user_id)


def test_code_is_not_used_without_etcd():
    """With Acknowledge=shared, an exchange fails before the API is asked, so the code remains valid."""
    with Fleet(1, Acknowledge="shared") as fleet:
        host = fleet.hosts[0]
        passkey = host.create_passkey(new_user())
        with host.connect() as connection:
            fleet.etcd.kill9()
            with raises("StoreFailed"):
                connection.exchange(passkey.code)
            fleet.etcd.start()
            fleet.wait_ready(host)
            assert plain(connection.exchange(passkey.code))["newly_linked"]


def test_reload_of_acknowledge(fleet):
    """A reload with another Acknowledge= takes effect, also while etcd is away."""
    host = fleet.hosts[0]
    with host.connect() as connection:
        fleet.etcd.kill9()
        passkey = host.create_passkey(new_user())
        set_acknowledge(host, connection, "shared")
        with raises("StoreFailed"):
            connection.exchange(passkey.code)
        set_acknowledge(host, connection, "local")
        assert plain(connection.exchange(passkey.code))["newly_linked"]
        fleet.etcd.start()
        eventually(lambda: plain_store(connection)["outbox"] == 0)


def set_acknowledge(host, connection, value: str):
    host.sections["Store"]["Acknowledge"] = value
    host.daemon.configure(host.sections)
    host.call_reload(connection)


def test_start_while_etcd_is_away(fleet):
    """A host that starts without etcd signs people up with its replica, under its own number."""
    host = fleet.hosts[1]
    fleet.etcd.kill9()
    host.daemon.kill9()
    host.daemon.start()
    new = fleet.hosts[0].create_passkey(new_user())
    with host.connect() as two:
        assert plain(two.exchange(new.code))["newly_linked"]
    number = host.daemon.state / "shared/host-number"
    assert number.read_text() in ("000", "001")
    fleet.etcd.start()
    with fleet.hosts[0].connect() as one:
        eventually(lambda: user_of(one, new.authenticator_id) == new.user_id)
    host.daemon.kill9()
    number.unlink()
    host.daemon.start()
    fleet.wait_ready(host)
    assert number.exists()


def plain_store(connection) -> dict:
    return {name: value for name, (_, value) in connection.manager("GetStore")[0].items()}


def test_store_status(fleet, one, two):
    """Both hosts tell the state of the store."""
    one.links("Add", new_user(), f"pk-{new_user()}")
    first, second = plain_store(one), plain_store(two)
    for status in (first, second):
        assert status["engine"] == "etcd" and status["state"] == "serving"
        assert status["endpoint"] == fleet.etcd.endpoint
        assert 0 < status["revision"] <= status["cluster_revision"]
        assert status["behind_ms"] < 30_000 and status["away_since"] == 0 and "reason" not in status
        assert (status["waiting"], status["outbox"]) == (0, 0)
        assert [member[2:] for member in status["members"]] == [(True, True)]
        assert status["db_size"] > 0 and status["alarms"] == []
    assert first["host"] != second["host"] and first["host_number"] != second["host_number"]
    assert plain_findings(one) == plain_findings(two) == []


def plain_findings(connection) -> list[str]:
    return [finding["text"][1] for finding in connection.manager("Diagnose")[0]
            if finding["kind"][1] == "store"]


def test_store_status_while_away(fleet, one):
    """Without etcd, the status has what the host knows."""
    before = plain_store(one)
    fleet.etcd.kill9()
    eventually(lambda: plain_store(one)["state"] == "away")
    status = plain_store(one)
    assert status["reason"] and before["away_since"] == 0 < status["away_since"]
    assert status["revision"] == before["revision"] and status["host"] == before["host"]
    assert status["members"] == [] and status["db_size"] == 0
    eventually(lambda: plain_store(one)["behind_ms"] > 2000)
    (away,) = plain_findings(one)[:1]
    assert away.startswith("etcd has been away for ")
    fleet.etcd.start()
    for host in fleet.hosts:
        fleet.wait_ready(host)
    eventually(lambda: plain_store(one)["state"] == "serving" and plain_store(one)["behind_ms"] < 4000)
    assert plain_findings(one) == []


def verify(connection) -> dict:
    return {name: value for name, (_, value) in connection.manager("VerifyStore")[0].items()}


def test_verify(fleet, one, two):
    """A replica that lacks a link, and has another one, is found out."""
    user = new_user()
    links = [f"pk-{new_user()}" for _ in range(5)]
    for authenticator in links:
        one.links("Add", user, authenticator)
    eventually(lambda: user_of(two, links[-1]) == user)
    for connection in (one, two):
        result = verify(connection)
        assert result.pop("checked") == connection.count() >= 5
        assert result == {"missing": 0, "extra": 0, "different": 0, "complete": True, "examples": []}
    # Somebody writes links that are not valid: the replicas skip them.
    tenancy = fleet.hosts[0].sandbox.tenancy_id
    key = base64.b64encode(f"/passlock/links/{tenancy}/broken".encode()).decode()
    fleet.etcd.call("/v3/kv/put", {"key": key, "value": "eA=="})
    result = verify(two)
    assert result.pop("checked") == two.count() + 1
    assert result == {"missing": 0, "extra": 0, "different": 1, "complete": True,
                      "examples": [f"different links/{tenancy}/broken"]}
    fleet.etcd.call("/v3/kv/deleterange", {"key": key})
    assert verify(two)["examples"] == []


def test_verify_during_changes(one, two):
    """Links that change meanwhile are no differences."""
    user = new_user()
    for _ in range(3):
        call = two.start_method("VerifyStore")
        for _ in range(30):
            one.links("Add", user, f"pk-{new_user()}")
        one.links("RemoveByUser", user)
        assert {name: value for name, (_, value) in two.finish(call)[0].items()}["examples"] == []


def join(connection, **options) -> dict:
    return {name: value for name, (_, value) in connection.manager("JoinStore", options)[0].items()}


def test_verify_and_join_need_a_shared_store():
    with Stack() as alone, alone.connect() as connection:
        with raises("NotConfigured"):
            connection.manager("VerifyStore")
        with raises("NotConfigured"):
            connection.manager("JoinStore", {})


def test_join():
    """The links that a host had by itself get into the shared store, but for conflicts."""
    user, other = new_user(), new_user()
    with Fleet() as fleet:
        first, second = fleet.hosts
        with first.connect() as one:
            with raises("NotFound"):
                one.manager("JoinStore", {})
        second.daemon.stop()
        store = second.sections.pop("Store")
        second.daemon.configure(second.sections)
        second.daemon.start()
        with second.connect() as alone:
            for i in range(1500):
                alone.links("Add", user if i < 900 else other, f"pk-own-{i}")
        second.daemon.stop()
        second.sections["Store"] = store
        second.daemon.configure(second.sections)
        second.daemon.start()
        fleet.wait_ready(second)
        with first.connect() as one, second.connect() as two:
            one.links("Add", "somebody", "pk-own-3")
            one.links("Add", user, "pk-own-4")
            eventually(lambda: user_of(two, "pk-own-4") == user)
            tenancy = first.sandbox.tenancy_id
            expected = {"added": 1498, "present": 1, "conflicting": 1, "exceeding": 0, "unfinished": 0,
                        "conflicts": [f"conflicting links/{tenancy}/pk-own-3"]}
            assert join(two) == expected and two.count() == 2
            two.links("Subscribe")
            assert join(two, apply=("b", True)) == expected
            assert two.count() == 1500
            assert two.signals
            assert join(two, apply=("b", True)) == expected | {"added": 0, "present": 1499}
            eventually(lambda: one.count() == 1500)
            assert verify(two)["examples"] == verify(one)["examples"] == []


def test_login_is_missing():
    """Without the password that etcd demands, changes fail, and the daemon can be stopped."""
    fleet = Fleet(1)
    fleet.etcd.start()
    fleet.etcd.enable_users("secret")
    host = fleet.hosts[0]
    host.sections["Store"] = {"Engine": "etcd", "Endpoints": fleet.etcd.endpoint}
    host.start()
    with host.connect() as connection:
        with raises("StoreFailed"):
            connection.links("Add", new_user(), f"pk-{new_user()}")
        with raises("StoreFailed"):
            connection.links("GetUser", f"pk-{new_user()}")
        assert plain_store(connection)["state"] != "serving"
    fleet.stop()


def test_copy_of_a_host():
    """Two hosts of one name take the store from each other, and say so."""
    with Fleet() as fleet:
        first, second = fleet.hosts
        second.daemon.stop()
        name = "shared/host-name"
        (second.daemon.state / name).write_bytes((first.daemon.state / name).read_bytes())
        second.daemon.start()
        fleet.wait_ready(second)
        with first.connect() as one:
            eventually(lambda: any(text.startswith("Another host has the name of this one")
                                   for text in plain_findings(one)))


def test_passlockctl(fleet, one):
    """The command shows what the daemon tells."""
    def run(*arguments):
        return passlockctl(fleet.hosts[0], *arguments)
    status = json.loads(run("store", "status", "--json"))
    assert (status["engine"], status["state"]) == ("etcd", "serving")
    assert status["members"][0]["name"] == fleet.etcd.name
    verification = json.loads(run("store", "verify", "--json"))
    assert verification["checked"] == one.count() and verification["complete"]
    assert re.search(r"^Store: +etcd, serving, \d+ ms behind$", run("status"), re.MULTILINE)
