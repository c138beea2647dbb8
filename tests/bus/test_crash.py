# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon is killed while it works: acknowledged changes are never lost."""

import pytest

from harness.standin import Proxy

from .client import plain
from .stack import eventually, new_request_id, new_user

CALLERS, CALLS = 4, 6  # at once in each round
# What a repeat may be told whose first call was cut off: the code is used up, the link is there.
LOST = {"Interrupted"}


def is_linked(connection, passkey) -> bool:
    return connection.outcome(connection.start_links("GetUser", passkey.authenticator_id)) == \
        (passkey.user_id,)


def assert_consistent(connection, acknowledged: dict):
    """Checks that all acknowledged links exist, and that all lookups agree."""
    links = {link["authenticator_id"]: link["user_id"] for link in connection.all_links()}
    for authenticator_id, principal in acknowledged.items():
        assert links[authenticator_id] == principal["user_id"]
    for authenticator_id, user_id in links.items():
        assert connection.links("GetUser", authenticator_id) == (user_id,)
        assert authenticator_id in [plain(link)["authenticator_id"]
                                    for link in connection.links("ListByUser", user_id)[0]]
    assert connection.count() == len(links)


def test_killed_while_exchanging(own_stack):
    """Finally each passkey whose code was used is linked, even if no caller got a reply."""
    own_stack.start()
    everybody = {}
    for round_number in range(5):
        work = [(own_stack.connect(), own_stack.create_passkey(), new_request_id())
                for _ in range(CALLERS)]
        work += [(work[i % CALLERS][0], own_stack.create_passkey(), new_request_id())
                 for i in range(CALLERS * (CALLS - 1))]
        calls = [(caller, caller.start_exchange(passkey.code, request_id=request_id,
                                                user_id=passkey.user_id), passkey, request_id)
                 for caller, passkey, request_id in work]
        firsts = {}
        for caller, call, passkey, request_id in calls[:round_number * 5]:
            firsts[request_id] = caller.finish(call)[0]
        own_stack.daemon.kill9()
        for caller, call, passkey, request_id in calls[round_number * 5:]:
            outcome = caller.outcome(call)  # what was sent before the end still counts
            if outcome[0] != "error":
                firsts[request_id] = outcome[0]
        own_stack.daemon.start()
        with own_stack.connect() as after:
            for _, _, passkey, request_id in calls:
                assert request_id not in firsts or is_linked(after, passkey)
            for _, _, passkey, request_id in calls:
                outcome = after.outcome(after.start_exchange(
                    passkey.code, request_id=request_id, user_id=passkey.user_id))
                if request_id in firsts:
                    assert list(outcome[0].items()) == list(firsts[request_id].items())
                elif outcome[0] == "error":
                    assert outcome[1] in LOST
                else:
                    assert plain(outcome[0])["authenticator_id"] == passkey.authenticator_id
                eventually(lambda passkey=passkey: is_linked(after, passkey))
                everybody[passkey.authenticator_id] = {"user_id": passkey.user_id}
            assert_consistent(after, everybody)
            assert after.count() == len(everybody)
    own_stack.assert_healthy()


def is_exchange(request) -> bool:
    return "/principal/" in request.path


def is_list(request) -> bool:
    return request.path.partition("?")[0].endswith("/passkeys/")


@pytest.fixture
def proxied(own_stack):
    """A stack with a proxy between daemon and API."""
    own_stack.prepare()
    with Proxy(own_stack.sandbox.endpoint) as proxy:
        own_stack.sections["Tenancy default"] = own_stack.tenancy(Endpoint=proxy.endpoint)
        own_stack.daemon.configure(own_stack.sections)
        own_stack.daemon.start()
        yield own_stack, proxy


def cut_off(stack, proxy, count: int = 3) -> list:
    """Kills the daemon after the API has used codes, before the daemon gets the replies."""
    passkeys = [stack.create_passkey() for _ in range(count)]
    proxy.keeps = is_exchange
    with stack.connect() as connection:
        for passkey in passkeys:
            connection.start_exchange(passkey.code, request_id=new_request_id())
        eventually(lambda: len(proxy.kept) >= count)
        assert not any(is_linked(connection, passkey) for passkey in passkeys)
    stack.daemon.kill9()
    proxy.keeps = lambda request: False
    return passkeys


def test_used_codes_are_not_lost(proxied):
    stack, proxy = proxied
    told, conflict = (stack.create_passkey() for _ in range(2))
    with stack.connect() as connection:
        first = connection.exchange(told.code, request_id="r" * 16)
        connection.links("Add", "ada", "not-in-the-vault")
        connection.links("Add", "somebody else", conflict.authenticator_id)
    passkeys = cut_off(stack, proxy)
    stack.daemon.start()
    with stack.connect() as connection:
        for passkey in passkeys:
            eventually(lambda passkey=passkey: is_linked(connection, passkey))
        assert connection.links("GetUser", "not-in-the-vault") == ("ada",)
        assert connection.links("GetUser", conflict.authenticator_id) == ("somebody else",)
        assert connection.exchange(told.code, request_id="r" * 16) == first
        assert_consistent(connection, {
            passkey.authenticator_id: {"user_id": passkey.user_id}
            for passkey in (*passkeys, told)})
        assert connection.count() == len(passkeys) + 3
    eventually(lambda: "Crash recovery of links finished" in stack.daemon.log_text())
    for passkey in passkeys:  # by the daemon itself, for nobody
        assert stack.daemon.log_text().count(
            f'Link added, tenancy default, user "{passkey.user_id}"') == 1


def test_killed_again_while_it_looks(proxied):
    stack, proxy = proxied
    passkeys = cut_off(stack, proxy)
    for _ in range(3):
        proxy.kept.clear()
        proxy.keeps = is_list
        stack.daemon.start()
        eventually(lambda: proxy.kept)
        stack.daemon.kill9()
    proxy.keeps = lambda request: False
    stack.daemon.start()
    with stack.connect() as connection:
        for passkey in passkeys:
            eventually(lambda passkey=passkey: is_linked(connection, passkey))


def test_stopped_while_it_looks(proxied):
    """Recovery continues after a clean stop during recovery."""
    stack, proxy = proxied
    passkeys = cut_off(stack, proxy)
    proxy.kept.clear()
    proxy.keeps = is_list
    stack.daemon.start()
    eventually(lambda: proxy.kept)
    assert stack.daemon.stop() == 0
    proxy.keeps = lambda request: False
    stack.daemon.start()
    with stack.connect() as connection:
        for passkey in passkeys:
            eventually(lambda passkey=passkey: is_linked(connection, passkey))


def all_linked(stack, passkeys) -> bool:
    with stack.connect() as connection:
        return all(is_linked(connection, passkey) for passkey in passkeys)


def has_looked_in_vain(stack) -> bool:
    return "Failed to recover links after a crash" in stack.daemon.log_text()


def test_api_is_away_when_it_looks(proxied):
    """The API may be unreachable while a host boots: links are restored when it is back."""
    stack, proxy = proxied
    passkeys = cut_off(stack, proxy)
    stack.sandbox.set_faults("status=500@passkey-list")
    stack.daemon.start()
    eventually(lambda: has_looked_in_vain(stack))
    stack.assert_healthy()  # the API, that is: it answers again
    eventually(lambda: all_linked(stack, passkeys))


def test_links_are_not_lost_for_good_while_the_api_is_away(proxied):
    """The next process continues recovery, however the previous one ended."""
    stack, proxy = proxied
    passkeys = cut_off(stack, proxy)
    stack.sandbox.set_faults("status=500@passkey-list")
    stack.daemon.start()
    eventually(lambda: has_looked_in_vain(stack))
    stack.sandbox.set_faults()
    stack.daemon.restart()
    eventually(lambda: all_linked(stack, passkeys))


def test_key_comes_after_it_would_look(proxied):
    stack, proxy = proxied
    passkeys = cut_off(stack, proxy)
    stack.daemon.set_keys({})
    stack.daemon.start()
    with stack.connect() as connection:
        assert connection.state() == "unconfigured"
    stack.apply()
    eventually(lambda: all_linked(stack, passkeys))


def test_it_does_not_wait_for_the_api_to_begin(proxied):
    """Links can be read and changed during recovery; a link removed meanwhile is not restored."""
    stack, proxy = proxied
    passkeys = cut_off(stack, proxy)
    proxy.keeps = is_list
    stack.daemon.start()
    with stack.connect() as connection:
        connection.links("Add", user := new_user(), key := new_user())
        assert connection.links("GetUser", key) == (user,)
        assert not any(is_linked(connection, passkey) for passkey in passkeys)
        assert connection.authorize("shop.example.com", new_user())[0]


def test_nothing_is_looked_for_after_a_clean_stop(proxied):
    stack, proxy = proxied
    with stack.connect() as connection:
        connection.exchange(stack.create_passkey().code)
    stack.daemon.restart()
    stack.assert_healthy()
    assert not any(map(is_list, proxy.requests))


@pytest.mark.parametrize("answered", [0, 1, 40])
def test_killed_while_links_change(own_stack, answered):
    """Each change is complete or absent; acknowledged changes are present."""
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
    """A start that is killed at any time leaves a usable store."""
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
