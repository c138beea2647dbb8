# SPDX-License-Identifier: LGPL-2.1-or-later
"""Limits per caller, and their effect on other callers."""

import pytest
from harness.standin import Proxy

from .client import GAMES, WWW_DATA
from .stack import RP_ID, eventually, new_user, raises, within

LIMIT = 4


@pytest.fixture
def limited(own_stack):
    own_stack.sections["Daemon"]["MaxPendingPerUser"] = str(LIMIT)
    own_stack.grant("web", "www-data games", "All")
    return own_stack.start()


def fill(stack, connection, member: str = "Authorize") -> list[int]:
    """Starts the maximum of calls in flight for a user, and waits until the API has received all."""
    endpoint = "registration-authorize" if member == "Authorize" else "exchange"
    begin = stack.calls(endpoint)
    calls = [connection.start_authorize(RP_ID, new_user()) if member == "Authorize" else
             connection.start_exchange(f"code-{i}") for i in range(LIMIT)]
    stack.wait_calls(endpoint, begin + LIMIT)
    return calls


@pytest.mark.parametrize("member", ["Authorize", "Exchange"])
def test_one_call_too_many(limited, member):
    connection = limited.connect()
    limited.sandbox.set_faults("hang")
    calls = fill(limited, connection, member)
    with within(0), raises("LimitsExceeded"):
        connection.authorize(RP_ID, new_user())
    with within(0), raises("LimitsExceeded"), limited.connect() as another:
        another.exchange("some-code")
    limited.sandbox.kill9()
    for call in calls:
        with within(0), raises("Unreachable"):
            connection.finish(call)
    limited.sandbox.start()
    limited.assert_healthy()


@pytest.mark.root
def test_other_users_are_not_affected(limited):
    web, games = limited.connect(WWW_DATA), limited.connect(GAMES)
    limited.sandbox.set_faults(f"hang@registration-authorize*{LIMIT}")
    fill(limited, web)
    with raises("LimitsExceeded"):
        web.authorize(RP_ID, new_user())
    with within(0):
        assert games.authorize(RP_ID, new_user())[0]
        games.links("Add", "ada", "key")
    web.close()


def test_a_caller_that_goes_frees_its_calls(limited):
    limited.sandbox.set_faults(f"hang@registration-authorize*{LIMIT}")
    with limited.connect() as gone:
        fill(limited, gone)
    with limited.connect() as connection, within(0):
        eventually(lambda: connection.outcome(connection.start_authorize(RP_ID, new_user()))[0] !=
                   "error")
    limited.assert_healthy()


def test_a_caller_that_goes_harms_nobody(limited):
    """The exchanges of a disconnected caller are completed, and its links stored."""
    passkeys = [limited.create_passkey() for _ in range(LIMIT)]
    limited.sandbox.set_faults("delay=300@exchange")
    with limited.connect() as gone:
        for passkey in passkeys:
            gone.start_exchange(passkey.code)
        limited.wait_calls("exchange", LIMIT)
    connection = limited.connect()
    for passkey in passkeys:
        eventually(lambda key=passkey.authenticator_id: connection.outcome(
            connection.start_links("GetUser", key)) == (passkey.user_id,))
    limited.assert_healthy()


def test_many_callers_that_go(limited):
    for _ in range(30):
        with limited.connect() as gone:
            for i in range(LIMIT):
                gone.start_authorize(RP_ID, new_user())
                gone.start_links("Add", new_user(), new_user())
                gone.start_exchange(f"code-{i}")
    limited.assert_healthy()


def test_three_hundred_at_once(own_stack):
    own_stack.sections["Daemon"]["MaxPendingPerUser"] = "300"
    own_stack.start()
    connections = [own_stack.connect() for _ in range(3)]  # the bus allows 128 calls to each
    calls = [(connection, connection.start_authorize(RP_ID, new_user()))
             for connection in connections for _ in range(100)]
    tokens = {connection.finish(call)[0] for connection, call in calls}
    assert len(tokens) == 300
    own_stack.assert_healthy()


def test_links_are_not_held_up_by_the_api(limited):
    connection = limited.connect()
    limited.sandbox.set_faults("hang")
    fill(limited, connection)
    with limited.connect() as other, within(0):
        outcome = other.outcome(other.start_links("ListByUser", new_user()))
        assert outcome in (([],), ("error", "LimitsExceeded"))
        assert other.state() == "ready"
    connection.close()


@pytest.mark.root
def test_hanging_calls_of_one_user_leave_slots(own_stack):
    """Over HTTP/1.1 the API is asked by at most 64 connections; more calls wait for one."""
    own_stack.grant("web", "www-data games", "All")
    own_stack.start()
    with Proxy(own_stack.sandbox.endpoint) as proxy:
        own_stack.sections["Tenancy default"]["Endpoint"] = proxy.endpoint
        own_stack.apply()
        proxy.keeps = lambda request: b"hanging" in request.body
        calls = [(web, web.start_authorize(RP_ID, f"hanging-{i}"))
                 for web in (own_stack.connect(WWW_DATA), own_stack.connect(WWW_DATA))
                 for i in range(100)]
        eventually(lambda: len(proxy.kept) > 45)
        with own_stack.connect(GAMES) as games, within(0):
            for _ in range(20):
                assert games.authorize(RP_ID, new_user())[0]
        assert len(proxy.kept) < 64
        # A connection whose calls wait for the API may look up links.
        with within(0), raises("NotFound"):
            calls[0][0].links("GetUser", "key")
        proxy.let_go()
        for web, call in calls:
            assert web.finish(call)[0]
