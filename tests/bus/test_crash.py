# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon is killed in the middle of its work: what it has acknowledged is true for ever."""

import pytest

from .client import plain
from .stack import new_request_id

CALLERS, CALLS = 4, 6  # at once in each round
# What a repeat may be told whose first call was cut off: the code went with it.
LOST = {"InvalidCode", "Unreachable", "UserMismatch"}


def assert_consistent(connection, acknowledged: dict):
    """Every link that was acknowledged is there, and is the same from all sides."""
    links = {link["authenticator_id"]: link["user_id"] for link in connection.all_links()}
    for authenticator_id, principal in acknowledged.items():
        assert links[authenticator_id] == principal["user_id"]
    for authenticator_id, user_id in links.items():
        assert connection.links("GetUser", authenticator_id) == (user_id,)
        assert authenticator_id in [plain(link)["authenticator_id"]
                                    for link in connection.links("ListByUser", user_id)[0]]
    assert connection.count() == len(links)


def test_killed_while_exchanging(own_stack):
    own_stack.start()
    acknowledged, lost = {}, 0
    for round_number in range(5):
        work = [(own_stack.connect(), own_stack.create_passkey(), new_request_id())
                for _ in range(CALLERS)]
        work += [(work[i % CALLERS][0], own_stack.create_passkey(), new_request_id())
                 for i in range(CALLERS * (CALLS - 1))]
        calls = [(caller, caller.start_exchange(passkey.code, request_id=request_id), passkey,
                  request_id) for caller, passkey, request_id in work]
        firsts = {}
        for caller, call, passkey, request_id in calls[:round_number * 5]:
            firsts[request_id] = caller.finish(call)[0]
        own_stack.daemon.kill9()
        for caller, call, passkey, request_id in calls[round_number * 5:]:
            outcome = caller.outcome(call)  # what was sent before the end still counts
            if outcome[0] != "error":
                firsts[request_id] = outcome[0]
        for _, _, passkey, request_id in calls:
            if request_id in firsts:
                acknowledged[passkey.authenticator_id] = plain(firsts[request_id])
        own_stack.daemon.start()
        with own_stack.connect() as after:
            assert_consistent(after, acknowledged)
            for _, _, passkey, request_id in calls:
                outcome = after.outcome(
                    after.start_exchange(passkey.code, request_id=request_id))
                if request_id in firsts:
                    assert list(outcome[0].items()) == list(firsts[request_id].items())
                elif outcome[0] == "error":
                    assert outcome[1] in LOST
                    lost += 1
                else:
                    principal = plain(outcome[0])
                    assert principal["authenticator_id"] == passkey.authenticator_id
                    acknowledged[passkey.authenticator_id] = principal
            assert_consistent(after, acknowledged)
    assert len(acknowledged) + lost == 5 * CALLERS * CALLS
    own_stack.assert_healthy()


@pytest.mark.parametrize("answered", [0, 1, 40])
def test_killed_while_links_change(own_stack, answered):
    """Each change is there or not, whole; those that were acknowledged are there."""
    own_stack.start()
    connection = own_stack.connect()
    for i in range(20):
        connection.links("Add", "leaving", f"leaves-{i}")
    calls = [connection.start_links("Add", f"user-{i}", f"key-{i}") for i in range(80)]
    leaving = connection.start_links("RemoveByUser", "leaving")
    done = [i for i in range(answered) if connection.finish(calls[i]) == ()]
    own_stack.daemon.kill9()
    done += [i for i in range(answered, 80) if connection.outcome(calls[i]) == ()]
    left = connection.outcome(leaving)
    own_stack.daemon.start()
    with own_stack.connect() as after:
        assert_consistent(after, {f"key-{i}": {"user_id": f"user-{i}"} for i in done})
        (remaining,) = after.links("ListByUser", "leaving")
        assert len(remaining) in ((0,) if left == (20,) else (0, 20))


def test_killed_again_and_again(own_stack):
    """A start that is cut short at any time leaves a store that the next one can use."""
    own_stack.start()
    own_stack.connect().links("Add", "ada", "key")
    for _ in range(10):
        with own_stack.connect() as connection:
            connection.start_links("Add", "ada", new_request_id())
        own_stack.daemon.kill9()
        own_stack.daemon.start()
    with own_stack.connect() as connection:
        assert connection.links("GetUser", "key") == ("ada",)
        assert_consistent(connection, {})
