# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hosts that share their links in etcd."""

import shutil

import pytest

from harness import BusError

from .client import plain
from .fleet import Fleet
from .stack import eventually, new_user, raises

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
