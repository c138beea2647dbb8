# SPDX-License-Identifier: LGPL-2.1-or-later
"""The options of Exchange: user_id and link."""

from .client import plain
from .stack import new_user, raises


def test_expected_user(stack, connection):
    passkey = stack.create_passkey(user := new_user())
    principal = plain(connection.exchange(passkey.code, user_id=user))
    assert principal["user_id"] == user
    assert principal["linked"] is True


def test_another_user_than_expected(stack, connection):
    passkey = stack.create_passkey(user := new_user())
    count = connection.count()
    with raises("UserMismatch") as caught:
        connection.exchange(passkey.code, user_id=new_user())
    assert user not in caught.error.message
    assert connection.count() == count
    with raises("NotFound"):
        connection.links("GetUser", passkey.authenticator_id)
    with raises("InvalidCode"):
        connection.exchange(passkey.code, user_id=user)
    stack.assert_healthy()


def test_expected_user_is_compared_whole(stack, connection):
    user = new_user()
    for other in (user[:-1], user + "x", user.upper(), user + " "):
        passkey = stack.create_passkey(user)
        with raises("UserMismatch"):
            connection.exchange(passkey.code, user_id=other)


def test_without_a_link(stack, connection):
    passkey = stack.create_passkey()
    count = connection.count()
    connection.settle()
    connection.signals.clear()
    principal = plain(connection.exchange(passkey.code, link=False))
    assert (principal["linked"], principal["newly_linked"]) == (False, False)
    assert connection.count() == count
    with raises("NotFound"):
        connection.links("GetUser", passkey.authenticator_id)
    connection.settle()
    assert not connection.signals
    with raises("InvalidCode"):
        connection.exchange(passkey.code)


def test_authenticator_of_another_user(stack, connection):
    passkey = stack.create_passkey(user := new_user())
    connection.links("Add", other := new_user(), passkey.authenticator_id)
    count = connection.count()
    with raises("LinkConflict") as caught:
        connection.exchange(passkey.code)
    assert other not in caught.error.message
    assert connection.links("GetUser", passkey.authenticator_id) == (other,)
    assert connection.links("ListByUser", user) == ([],)
    assert connection.count() == count
    with raises("InvalidCode"):
        connection.exchange(passkey.code)
    stack.assert_healthy()


def test_mismatch_goes_before_conflict(stack, connection):
    """UserMismatch has priority over LinkConflict, so that nothing is disclosed about other users' passkeys."""
    passkey = stack.create_passkey()
    connection.links("Add", other := new_user(), passkey.authenticator_id)
    with raises("UserMismatch"):
        connection.exchange(passkey.code, user_id=other)
    assert connection.links("GetUser", passkey.authenticator_id) == (other,)


def test_two_at_once_for_one_code(stack, connection):
    """One succeeds, the other gets InvalidCode."""
    passkey = stack.create_passkey()
    calls = [connection.start_exchange(passkey.code) for _ in range(2)]
    outcomes = [connection.outcome(call) for call in calls]
    assert outcomes.count(("error", "InvalidCode")) == 1
    assert len([1 for outcome in outcomes if "newly_linked" in outcome[0]]) == 1
