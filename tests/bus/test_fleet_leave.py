# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host leaves the store that it shares in etcd."""

import base64
import json
import os
import re
import shutil

import pytest

from harness import BusError

from .client import plain
from .fleet import Fleet
from .stack import eventually, new_user, raises
from .test_backup import passlockctl
from .test_records import Log
from .vault import Vault, is_exchange

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="needs etcd")


@pytest.fixture(scope="module")
def fleet():
    with Fleet() as running:
        yield running


@pytest.fixture
def host(fleet):
    """The one that leaves. It joins again afterwards."""
    host = fleet.hosts[1]
    yield host
    if (host.daemon.state / "shared/left").exists():
        restart_alone(host)
    restart(host, host.sections | {"Store": store_section(fleet)})
    fleet.wait_ready(host)
    for path in host.daemon.state.glob("data.mdb*"):
        path.unlink()


def store_section(fleet) -> dict[str, str]:
    return {"Engine": "etcd", "Endpoints": fleet.etcd.endpoint}


def restart(host, sections):
    host.daemon.stop()
    host.sections = sections
    host.daemon.configure(sections)
    host.daemon.start()


def restart_alone(host):
    restart(host, {name: section for name, section in host.sections.items() if name != "Store"})


def leave(connection, **options) -> dict:
    return {name: value for name, (_, value) in connection.manager("LeaveStore", options)[0].items()}


def state_of(connection) -> str:
    return connection.manager("GetStore")[0]["state"][1]


def links_of(connection) -> dict[str, str]:
    links, cursor = {}, ""
    while True:
        page, cursor = connection.links("List", cursor, 1000)
        links |= {link["authenticator_id"][1]: link["user_id"][1] for link in page}
        if not cursor:
            return links


def keys(fleet, directory: str) -> list[str]:
    prefix = f"/passlock/{directory}".encode()
    kvs = fleet.etcd.call("/v3/kv/range", {
        "key": base64.b64encode(prefix).decode(), "keys_only": True,
        "range_end": base64.b64encode(prefix[:-1] + b"0").decode()}).get("kvs", [])
    return [base64.b64decode(kv["key"]).decode() for kv in kvs]


def test_leave(fleet, host):
    """The host has all links by itself, and the others go on without it."""
    user, links = new_user(), [f"pk-{new_user()}" for _ in range(5)]
    with fleet.hosts[0].connect() as one, host.connect() as two:
        for authenticator in links:
            one.links("Add", user, authenticator)
        one.links("Remove", links.pop())
        number = two.manager("GetStore")[0]["host_number"][1]
        eventually(lambda: links_of(two) == links_of(one))
        expected = {"links": one.count(), "exchanges": 0, "deletes": 0, "left": 0, "unshared": 0,
                    "host_number": number, "current": True, "told": False}
        assert leave(two) == expected
        two.links("Remove", links.pop())  # a dry run changes nothing
        expected["links"] -= 1
        before = links_of(two)
        log = Log(host)
        assert leave(two, apply=("b", True)) == expected | {"told": True}
        (record,) = log.about("Host left the shared store")
        assert record.startswith(f"Host left the shared store, LeaveStore by uid {os.getuid()}, {len(before)} count")
        assert f"/passlock/hosts/{number:03}" not in keys(fleet, "hosts/")
        assert f"/passlock/alive/{number:03}" not in keys(fleet, "alive/")

        # Until the restart, links can be read, and codes are not used.
        assert links_of(two) == before and state_of(two) == "left"
        with raises("StoreFailed"):
            two.links("Add", user, f"pk-{new_user()}")
        passkey = fleet.hosts[0].create_passkey(new_user())
        with raises("StoreFailed"):
            two.exchange(passkey.code)
        for options in ({}, {"apply": ("b", True)}):
            with raises("NotConfigured"):
                two.manager("LeaveStore", options)
        (finding,) = [finding for finding in two.manager("Diagnose")[0] if finding["kind"][1] == "store"]
        assert finding["text"][1].startswith("This host has left the shared store")

    # Also after a restart with the old configuration.
    restart(host, host.sections)
    with host.connect() as two:
        assert state_of(two) == "left"
        with raises("StoreFailed"):
            two.links("Add", user, f"pk-{new_user()}")

    restart_alone(host)
    state = host.daemon.state
    assert not (state / "shared/data.mdb").exists() and not (state / "leaving").exists()
    with fleet.hosts[0].connect() as one, host.connect() as two:
        assert links_of(two) == before
        assert plain(two.exchange(passkey.code))["newly_linked"]
        two.links("Remove", links[0])
        one.links("RemoveByUser", user)
        assert links_of(two) == {name: owner for name, owner in before.items() if name != links[0]} | {
            passkey.authenticator_id: passkey.user_id}


def test_join_again(fleet, host):
    """A host that has left joins again with the links that it has made meanwhile."""
    name = (host.daemon.state / "shared/host-name").read_text()
    user, authenticator = new_user(), f"pk-{new_user()}"
    with host.connect() as two:
        leave(two, apply=("b", True))
    restart_alone(host)
    with host.connect() as two:
        two.links("Add", user, authenticator)
    restart(host, host.sections | {"Store": store_section(fleet)})
    fleet.wait_ready(host)
    with fleet.hosts[0].connect() as one, host.connect() as two:
        assert state_of(two) == "serving" and len(keys(fleet, "hosts/")) == 2
        assert (host.daemon.state / "shared/host-name").read_text() == name
        assert two.manager("JoinStore", {"apply": ("b", True)})[0]["added"][1] == 1
        eventually(lambda: links_of(one).get(authenticator) == user)


def test_earlier_store_is_kept(fleet, host):
    """The store that the host had before it joined is kept under another name."""
    restart_alone(host)
    with host.connect() as two:
        two.links("Add", "somebody", "pk-of-before")
    restart(host, host.sections | {"Store": store_section(fleet)})
    fleet.wait_ready(host)
    with host.connect() as two:
        assert "pk-of-before" not in links_of(two)
        kept = leave(two, apply=("b", True))["kept"]
    assert kept.startswith(f"{host.daemon.state}/data.mdb.20")
    restart_alone(host)
    with host.connect() as two:
        assert "pk-of-before" not in links_of(two)
    host.daemon.stop()
    shutil.move(kept, host.daemon.state / "data.mdb")
    host.daemon.start()
    with host.connect() as two:
        assert links_of(two) == {"pk-of-before": "somebody"}


def test_etcd_is_away(fleet, host):
    """A host can leave without etcd, with the links that only it has."""
    with host.connect() as two:
        number = two.manager("GetStore")[0]["host_number"][1]
        fleet.etcd.kill9()
        eventually(lambda: state_of(two) == "away")
        passkey = fleet.hosts[0].create_passkey(new_user())
        assert plain(two.exchange(passkey.code))["linked"]
        result = leave(two)
        assert not result["current"] and result["unshared"] == 1
        left = leave(two, apply=("b", True))
        assert left == result and not left["told"]
    restart_alone(host)
    with host.connect() as two:
        assert links_of(two)[passkey.authenticator_id] == passkey.user_id
    fleet.etcd.start()
    fleet.wait_ready(fleet.hosts[0])
    assert f"/passlock/hosts/{number:03}" in keys(fleet, "hosts/")


def test_nothing_is_loaded(fleet, host):
    """A host that has never reached etcd has nothing to leave with."""
    host.daemon.stop()
    (host.daemon.state / "shared/data.mdb").unlink()
    fleet.etcd.kill9()
    host.daemon.start()
    with host.connect() as two:
        log = Log(host)
        for options in ({}, {"apply": ("b", True)}):
            with raises("StoreFailed"):
                two.manager("LeaveStore", options)
        assert len(log.about(f"Call failed, LeaveStore by uid {os.getuid()}: ")) == 2
        fleet.etcd.start()
        for each in fleet.hosts:
            fleet.wait_ready(each)
        assert state_of(two) == "serving"


def test_calls_in_flight(fleet, host):
    """A change during a leave is acknowledged and in the own store, or it fails."""
    user = new_user()
    names = [f"pk-{i}-{user}" for i in range(100)]
    with fleet.hosts[0].connect() as one, host.connect() as two, host.connect() as root:
        calls = {name: two.start_method("Add", user, name) for name in names[:50]}
        leaving = root.start_method("LeaveStore", {"apply": ("b", True)})
        calls |= {name: two.start_method("Add", user, name) for name in names[50:]}
        made = {name for name, call in calls.items() if succeeds(two, call)}
        assert root.finish(leaving)[0]["told"][1]
        with raises("StoreFailed"):
            two.links("Add", user, "late")
        restart_alone(host)
        with host.connect() as alone:
            assert {name for name, owner in links_of(alone).items() if owner == user} == made
        eventually(lambda: {name for name, owner in links_of(one).items() if owner == user} == made)


def succeeds(connection, call) -> bool:
    try:
        connection.finish(call)
    except BusError as error:
        assert error.name.endswith(".StoreFailed")
        return False
    return True


def test_passlockctl(fleet, host):
    status = json.loads(passlockctl(host, "store", "leave", "--json"))
    assert status["dry_run"] and status["current"]
    assert re.search(r"^Confirmed by etcd: +yes$", passlockctl(host, "store", "leave", "--apply"), re.MULTILINE)


@pytest.fixture
def vault():
    with Vault() as running:
        yield running


def hold_reply(vault, connection, passkey: str, user: str) -> int:
    """Starts an exchange whose code the API has used, but whose reply is held back."""
    vault.keeps = is_exchange
    n_kept = len(vault.kept)
    call = connection.start_exchange(vault.add(passkey, user), user_id=user)
    eventually(lambda: len(vault.kept) > n_kept)
    vault.keeps = lambda request: False
    return call


def test_open_exchanges(vault):
    """The own store recovers the exchanges of its host, and the others recover theirs."""
    fleet = Fleet()
    for host in fleet.hosts:
        host.sections["Tenancy default"] = {
            "TenancyId": "tenant_A", "Endpoint": vault.endpoint, "TimeoutSec": "30"}
    with fleet:
        first, second = fleet.hosts
        with first.connect() as one, second.connect() as two:
            theirs = hold_reply(vault, one, "pk-theirs", "bob")
            hold_reply(vault, two, "pk-mine", "ada")
            eventually(lambda: leave(two)["left"] == 1)
            result = leave(two, apply=("b", True))
            assert (result["exchanges"], result["left"]) == (1, 1)
            assert len(keys(fleet, "exchanges/tenant_A/")) == 1
            second.daemon.kill9()
            vault.let_go()
            one.finish(theirs)
        second.sections.pop("Store")
        second.daemon.configure(second.sections)
        second.daemon.start()
        with first.connect() as one, second.connect() as two:
            eventually(lambda: links_of(two) == {"pk-mine": "ada"})
            assert links_of(one) == {"pk-theirs": "bob"}
