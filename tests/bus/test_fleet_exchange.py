# SPDX-License-Identifier: LGPL-2.1-or-later
"""Exchanges, retries and crash recovery of hosts that share their links in etcd."""

import shutil
import time

import pytest

from .client import GAMES, WWW_DATA, plain
from .fleet import Fleet
from .stack import eventually, new_request_id, new_user, raises
from .vault import Vault, is_exchange

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="needs etcd")


@pytest.fixture
def vault():
    with Vault() as running:
        yield running


@pytest.fixture
def fleet(vault):
    fleet = Fleet()
    for host, user in zip(fleet.hosts, ("www-data", "games"), strict=True):
        host.sections["Tenancy default"] = {
            "TenancyId": "tenant_A", "Endpoint": vault.endpoint, "TimeoutSec": "30"}
        host.grant("web", user, "Exchange")
    with fleet:
        yield fleet
        vault.let_go()


def hold_reply(vault, connection, code: str, **options) -> int:
    """Starts an exchange whose code the API has used, but whose reply is held back."""
    vault.keeps = is_exchange
    call = connection.start_exchange(code, **options)
    eventually(lambda: vault.kept)
    vault.keeps = lambda request: False
    return call


def test_repeat_on_another_host(fleet, vault):
    with fleet.hosts[0].connect() as one, fleet.hosts[1].connect() as two:
        for i in range(20):
            request_id = new_request_id()
            code = vault.add(f"pk-{i}", "ada")
            first = one.exchange(code, request_id=request_id)
            assert two.exchange(code, request_id=request_id) == first
            assert plain(first)["newly_linked"]
        with raises("InvalidCode"):
            two.exchange(code, request_id=new_request_id())


def test_repeat_while_the_first_host_is_at_work(fleet, vault):
    with fleet.hosts[0].connect() as one, fleet.hosts[1].connect() as two:
        request_id, code = new_request_id(), vault.add("pk-1", "ada")
        first = hold_reply(vault, one, code, request_id=request_id)
        repeat = two.start_exchange(code, request_id=request_id)
        time.sleep(0.5)
        assert not two.is_answered(repeat)
        vault.let_go()
        assert two.finish(repeat) == one.finish(first)


def test_repeat_without_an_answer(fleet, vault):
    """The answer of another host is awaited for two seconds."""
    with fleet.hosts[0].connect() as one, fleet.hosts[1].connect() as two:
        request_id, code = new_request_id(), vault.add("pk-1", "ada")
        with raises("InvalidCode"):
            two.exchange("forged", request_id=request_id)
        first = hold_reply(vault, one, code, request_id=request_id)
        start = time.monotonic()
        with raises("InvalidCode"):
            two.exchange(code, request_id=request_id)
        assert time.monotonic() - start > 1.5
        vault.let_go()
        one.finish(first)


@pytest.mark.root
def test_uids_differ(fleet, vault):
    """The grant stands for the caller."""
    with fleet.hosts[0].connect(WWW_DATA) as one, fleet.hosts[1].connect(GAMES) as two, \
            fleet.hosts[1].connect() as root:
        request_id, code = new_request_id(), vault.add("pk-1", "ada")
        first = one.exchange(code, request_id=request_id)
        assert two.exchange(code, request_id=request_id) == first
        with raises("InvalidCode"):
            root.exchange(code, request_id=request_id)


def test_misses_are_confirmed(fleet):
    """A host never says that there is no link because its replica is behind."""
    with fleet.hosts[0].connect() as one, fleet.hosts[1].connect() as two:
        for i in range(50):
            user, authenticator = new_user(), f"pk-{i}"
            one.links("Add", user, authenticator)
            if i % 2:
                assert two.links("GetUser", authenticator)[0] == user
            else:
                assert len(two.links("ListByUser", user)[0]) == 1
        with raises("NotFound"):
            two.links("GetUser", "pk-none")
        assert two.links("ListByUser", "nobody")[0] == []
        fleet.etcd.kill9()
        with raises("NotFound"):
            two.links("GetUser", "pk-none")
        assert two.links("ListByUser", "nobody")[0] == []
        fleet.etcd.start()


def test_take_over(fleet, vault):
    """A host is killed between the reply of the API and the commit, and stays away."""
    first, second = fleet.hosts
    request_id, code = new_request_id(), vault.add("pk-1", "ada")
    with first.connect() as one, second.connect() as two:
        hold_reply(vault, one, code, request_id=request_id)
        first.daemon.kill9()
        vault.let_go()
        eventually(lambda: [link["user_id"] for link in two.all_links()] == ["ada"], 90)
        with raises("Interrupted"):
            two.exchange(code, request_id=request_id)
        assert second.daemon.log_text().count("Crash recovery of links finished") == 1
        two.links("Remove", "pk-1")
    first.daemon.start()
    fleet.wait_ready(first)
    with first.connect() as one:
        # Its replica may still have had the intent when it started.
        time.sleep(2)
        assert one.all_links() == []
    assert "Link added" not in first.daemon.log_text()
