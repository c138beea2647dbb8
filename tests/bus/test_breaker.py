# SPDX-License-Identifier: LGPL-2.1-or-later
"""An API that is down: callers are told at once, and the daemon finds out by itself when it is back."""

import contextlib
import re
import time

import pytest

from harness.standin import Reply, StandIn

from .client import BusError
from .stack import RP_ID, eventually, new_user, raises, within

TIMEOUT_SEC = 6  # one call that waits so long opens the breaker


@pytest.fixture
def down(own_stack):
    own_stack.sandbox.start()
    own_stack.sections["Tenancy default"] = own_stack.tenancy(TimeoutSec=str(TIMEOUT_SEC))
    own_stack.sandbox.stop()
    return own_stack.start()


@contextlib.contextmanager
def stand_in(stack):
    with StandIn() as api:
        stack.sections["Tenancy default"] = stack.tenancy(Endpoint=api.endpoint)
        stack.apply()
        yield api


def refusal(connection):
    """The error of a call while the breaker is open; None if the API was asked."""
    try:
        connection.authorize(RP_ID, new_user())
    except BusError as error:
        return error if "retry after" in error.message else None
    return None


def open_breaker(stack, connection):
    stack.sandbox.kill9()
    return eventually(lambda: refusal(connection))


def test_calls_are_refused_at_once(down):
    with down.connect() as connection:
        connection.links("Add", "ada", "key")
        error = open_breaker(down, connection)
        assert error.short_name == "Unreachable"
        assert connection.state() == "degraded"
        for _ in range(20):
            for call in (connection.start_exchange("code"), connection.start_authorize(RP_ID, "ada"),
                         connection.start_method("GetPasskey", "key"),
                         connection.start_method("DeleteUserPasskeys", "ada", {})):
                with raises("Unreachable", text="retry after [0-9]+ s"):
                    connection.finish(call)
        # The store needs no API, and the code was not used.
        assert connection.links("GetUser", "key") == ("ada",)
        assert "recovery" not in str(connection.manager("Diagnose"))


def test_it_comes_back_without_a_call(down):
    with down.connect() as connection:
        open_breaker(down, connection)
        down.sandbox.start()
        eventually(lambda: connection.state() == "ready")
        assert connection.authorize(RP_ID, new_user())[0]
    down.assert_healthy()


def test_one_failure_is_enough_to_look(down):
    """The first failed call makes the tenancy degraded; a probe makes it ready again."""
    with down.connect() as connection:
        down.sandbox.set_faults("status=500@exchange")
        with raises("Unreachable"):
            connection.exchange("code")
        eventually(lambda: connection.state() == "ready")


def test_black_hole(down):
    """Callers wait for the first time-out only."""
    connections = [down.connect() for _ in range(2)]
    down.sandbox.set_faults("hang")
    with within(TIMEOUT_SEC):
        calls = [(connection, connection.start_authorize(RP_ID, new_user()))
                 for connection in connections for _ in range(100)]
        assert {connection.outcome(call) for connection, call in calls} == {("error", "Unreachable")}
    requests = down.calls("registration-authorize")
    with raises("Unreachable", text="retry after"):
        connections[0].authorize(RP_ID, new_user())
    assert down.calls("registration-authorize") == requests
    down.sandbox.set_faults()
    eventually(lambda: connections[0].state() == "ready")
    assert connections[0].authorize(RP_ID, new_user())[0]


def test_callers_that_give_up(down):
    """They leave before the daemon's deadline, so that no call times out. A probe does."""
    down.sandbox.set_faults("hang")

    def give_up():
        with down.connect() as impatient, contextlib.suppress(TimeoutError):
            call = impatient.start_authorize(RP_ID, new_user())
            impatient.wait_any({call}, timeout=1.1)
            return impatient.outcome(call)

    assert eventually(give_up) == ("error", "Unreachable")
    with down.connect() as connection:
        assert refusal(connection)
        assert connection.state() == "degraded"
        # A probe that waits for long must not delay the others.
        down.wait_calls("passkey-get", down.calls("passkey-get") + 3)
        down.sandbox.set_faults()
        eventually(lambda: connection.state() == "ready")
    down.assert_healthy()


def test_new_key_while_it_is_down(down):
    with down.connect() as connection:
        open_breaker(down, connection)
        down.keys = {"passlock.default": "another"}
        down.apply()
        assert refusal(connection)
        assert connection.state() == "degraded"
        down.sandbox.start()
        eventually(lambda: connection.state() == "denied")


@pytest.mark.parametrize("fault", ["status=500", "refuse"])
def test_one_broken_endpoint_is_not_the_api(down, fault):
    """Calls of the others are not refused."""
    down.sandbox.set_faults(f"{fault}@registration-authorize")
    with down.connect() as connection:
        calls = [connection.start_authorize(RP_ID, new_user()) for _ in range(4)]
        for call in calls:
            with raises("Unreachable", text="timeout$"):
                connection.finish(call)
        with raises("NotFound"):
            connection.method("GetPasskey", "no-such")
        eventually(lambda: connection.state() == "ready")


def test_many_failing_callers(down):
    """Their failures do not delay the probes."""
    connections = [down.connect() for _ in range(10)]
    down.sandbox.set_faults("status=503")

    def refusals():
        calls = [(connection, connection.start_authorize(RP_ID, new_user()))
                 for connection in connections]
        return {connection.outcome(call)[1] for connection, call in calls} == {"Unreachable"} and \
            refusal(connections[0])

    eventually(refusals)
    down.sandbox.set_faults()
    eventually(lambda: connections[0].state() == "ready")


def test_slow_api(down):
    """It is slower than most probes wait, and nevertheless back."""
    with down.connect() as connection:
        open_breaker(down, connection)
        down.sandbox.start()
        down.sandbox.set_faults("delay=1500")
        eventually(lambda: connection.state() == "ready")
        assert connection.authorize(RP_ID, new_user())[0]


def test_no_probe_before_retry_after(down):
    with stand_in(down) as api, down.connect() as connection:
        api.reply = Reply(503, b"", {"Retry-After": "30"})
        error = eventually(lambda: refusal(connection))
        assert 1 < int(re.search("retry after ([0-9]+) s$", error.message)[1]) <= 30
        assert api.n_probes == 0


def test_other_tenancies_do_not_notice(down):
    down.sections["Tenancy other"] = down.tenancy() | {
        "TenancyId": "another", "Endpoint": "http://127.0.0.1:9"}
    down.grant_ourselves("other")
    down.apply()
    with down.connect() as connection:
        def other_refusal():
            try:
                connection.authorize(RP_ID, new_user(), label="other")
            except BusError as error:
                return "retry after" in error.message
            return False
        eventually(other_refusal)
        assert connection.state("other") == "degraded"
        assert connection.authorize(RP_ID, new_user())[0]
        assert connection.state() == "ready"


def test_a_reload_while_it_is_down(down):
    with down.connect() as connection:
        open_breaker(down, connection)
        down.apply()
        assert refusal(connection)
        # Another timeout is another Api with the same server.
        down.sections["Tenancy default"]["TimeoutSec"] = "5"
        down.apply()
        assert refusal(connection)
        down.sandbox.start()
        eventually(lambda: connection.state() == "ready")


def test_slow_api_stays_ready(down):
    """A quick probe that fails after another attempt has succeeded says nothing about the API."""
    with down.connect() as connection:
        down.sandbox.set_faults("status=500@exchange*1", "delay=3000")
        with raises("Unreachable"):
            connection.exchange("code")
        eventually(lambda: connection.state() == "ready")
        end = time.monotonic() + 4
        while time.monotonic() < end:
            assert connection.state() == "ready"
            time.sleep(0.05)


def test_new_keys_while_it_is_down_without_a_call(down):
    """The breaker closes, whichever state a new key has set."""
    with down.connect() as connection:
        open_breaker(down, connection)
        good = down.keys
        for down.keys in {"passlock.default": "another"}, good:
            down.apply()
        down.sandbox.start()
        down.wait_calls("passkey-get", 1)
        eventually(lambda: connection.state() == "ready")
        assert connection.authorize(RP_ID, new_user())[0]


def test_callers_that_leave_a_slow_call(down):
    """The API is slow but works: nobody else is refused, and without a call the state is right."""
    down.sandbox.set_faults("delay=1400")
    leaving = [down.connect() for _ in range(5)]
    for one in leaving:
        one.start_method("GetPasskey", "no-such")
    down.wait_calls("passkey-get", len(leaving))
    time.sleep(1.1)
    names = [one.unique_name for one in leaving]
    for one in leaving:
        one.close()
    down.sandbox.set_faults()
    with down.connect() as connection:
        for name in names:
            eventually(lambda name=name: connection.driver("NameHasOwner", "s", name) == (0,))
        assert connection.authorize(RP_ID, new_user())[0]


def test_probes_heed_a_rate_limit(down):
    with stand_in(down) as api, down.connect() as connection:
        api.reply = Reply(429, b"", {"Retry-After": "60"})
        api.answer = lambda _: Reply(500)
        with raises("Unreachable"):
            connection.exchange("code")
        eventually(lambda: api.n_probes > 0)
        time.sleep(3)
        assert api.n_probes <= 2  # one of each kind
