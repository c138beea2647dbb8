# SPDX-License-Identifier: LGPL-2.1-or-later
"""Retries with a request_id."""

import pytest

from .client import GAMES, WWW_DATA, plain
from .stack import new_request_id, new_user, raises


def body(principal: dict) -> list:
    """The reply with its order and types."""
    return list(principal.items())


def test_the_first_answer_again(stack, connection):
    passkey = stack.create_passkey()
    request_id = new_request_id()
    first = connection.exchange(passkey.code, request_id=request_id)
    assert plain(first)["newly_linked"] is True
    calls = stack.calls("exchange")
    assert body(connection.exchange(passkey.code, request_id=request_id)) == body(first)
    with stack.connect() as other:
        assert body(other.exchange(passkey.code, request_id=request_id)) == body(first)
    assert stack.calls("exchange") == calls


def test_a_repeat_works_while_the_api_is_down(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    passkey = own_stack.create_passkey()
    request_id = new_request_id()
    first = connection.exchange(passkey.code, request_id=request_id)
    own_stack.sandbox.stop()
    assert body(connection.exchange(passkey.code, request_id=request_id)) == body(first)


@pytest.mark.parametrize("end", ["kill9", "stop"])
def test_over_a_restart(own_stack, end):
    own_stack.start()
    passkey = own_stack.create_passkey()
    request_id = new_request_id()
    first = own_stack.connect().exchange(passkey.code, request_id=request_id)
    getattr(own_stack.daemon, end)()
    own_stack.daemon.start()
    calls = own_stack.calls("exchange")
    with own_stack.connect() as connection:
        assert body(connection.exchange(passkey.code, request_id=request_id)) == body(first)
        with raises("InvalidCode"):
            connection.exchange(passkey.code)
    assert own_stack.calls("exchange") == calls + 1


def test_after_the_link_is_gone(stack, connection):
    """The retry gets the first answer, and links nothing."""
    passkey = stack.create_passkey()
    request_id = new_request_id()
    first = connection.exchange(passkey.code, request_id=request_id)
    connection.links("Remove", passkey.authenticator_id)
    assert body(connection.exchange(passkey.code, request_id=request_id)) == body(first)
    with raises("NotFound"):
        connection.links("GetUser", passkey.authenticator_id)


@pytest.mark.root
def test_not_for_another_user(own_stack):
    own_stack.grant("both", "www-data games", "Authorize Exchange")
    own_stack.start()
    passkey = own_stack.create_passkey()
    request_id = new_request_id()
    web, games = own_stack.connect(WWW_DATA), own_stack.connect(GAMES)
    first = web.exchange(passkey.code, request_id=request_id)
    for other in (games, own_stack.connect()):
        with raises("InvalidCode"):
            other.exchange(passkey.code, request_id=request_id)
    assert body(web.exchange(passkey.code, request_id=request_id)) == body(first)


def test_not_without_the_request_id(stack, connection):
    passkey = stack.create_passkey()
    connection.exchange(passkey.code, request_id=new_request_id())
    for options in ({}, {"request_id": new_request_id()}):
        with raises("InvalidCode"):
            connection.exchange(passkey.code, **options)


def test_not_for_another_code(stack, connection):
    """The same request_id never gives one user's principal for another's code."""
    one, two = stack.create_passkey(), stack.create_passkey()
    request_id = new_request_id()
    connection.exchange(one.code, request_id=request_id)
    outcome = connection.outcome(connection.start_exchange(two.code, request_id=request_id))
    assert outcome[0] == "error" or plain(outcome[0])["user_id"] == two.user_id


@pytest.mark.parametrize("same_connection", [True, False])
def test_while_the_first_is_in_flight(stack, connection, same_connection):
    passkey = stack.create_passkey()
    request_id = new_request_id()
    calls = stack.calls("exchange")
    stack.sandbox.set_faults("delay=400@exchange")
    with stack.connect() as second:
        if same_connection:
            second = connection
        first_call = connection.start_exchange(passkey.code, request_id=request_id)
        stack.wait_calls("exchange", calls + 1)
        second_call = second.start_exchange(passkey.code, request_id=request_id)
        first, again = connection.finish(first_call)[0], second.finish(second_call)[0]
    assert body(first) == body(again)
    assert plain(first)["newly_linked"] is True
    assert stack.calls("exchange") == calls + 1


def test_after_the_first_caller_is_gone(stack, connection):
    """The exchange completes without its caller, and a retry gets the answer."""
    passkey = stack.create_passkey(user := new_user())
    request_id = new_request_id()
    calls = stack.calls("exchange")
    stack.sandbox.set_faults("delay=300@exchange")
    with stack.connect() as gone:
        gone.start_exchange(passkey.code, request_id=request_id)
        stack.wait_calls("exchange", calls + 1)
    principal = plain(connection.exchange(passkey.code, request_id=request_id))
    assert (principal["user_id"], principal["linked"]) == (user, True)
    assert stack.calls("exchange") == calls + 1
    assert connection.links("GetUser", passkey.authenticator_id) == (user,)


def test_mismatch_is_an_answer(stack, connection):
    passkey = stack.create_passkey(user := new_user())
    request_id = new_request_id()
    for _ in range(2):
        with raises("UserMismatch"):
            connection.exchange(passkey.code, request_id=request_id, user_id=new_user())
    calls = stack.calls("exchange")
    with raises("UserMismatch"):
        connection.exchange(passkey.code, request_id=request_id, user_id="yet-another")
    assert stack.calls("exchange") == calls
    assert connection.links("ListByUser", user) == ([],)


def test_mismatch_is_an_answer_over_a_restart(own_stack):
    own_stack.start()
    passkey = own_stack.create_passkey()
    request_id = new_request_id()
    with raises("UserMismatch"):
        own_stack.connect().exchange(passkey.code, request_id=request_id, user_id="other")
    own_stack.daemon.kill9()
    own_stack.daemon.start()
    with raises("UserMismatch"):
        own_stack.connect().exchange(passkey.code, request_id=request_id, user_id="other")
    assert own_stack.calls("exchange") == 1


def test_conflict_is_an_answer(stack, connection):
    passkey = stack.create_passkey()
    request_id = new_request_id()
    connection.links("Add", other := new_user(), passkey.authenticator_id)
    calls = stack.calls("exchange")
    for _ in range(2):
        with raises("LinkConflict"):
            connection.exchange(passkey.code, request_id=request_id)
    assert stack.calls("exchange") == calls + 1
    assert connection.links("GetUser", passkey.authenticator_id) == (other,)


def test_link_false_is_kept(stack, connection):
    passkey = stack.create_passkey()
    request_id = new_request_id()
    first = connection.exchange(passkey.code, request_id=request_id, link=False)
    again = connection.exchange(passkey.code, request_id=request_id, link=False)
    assert body(first) == body(again)
    assert plain(again)["linked"] is False
    with raises("NotFound"):
        connection.links("GetUser", passkey.authenticator_id)
