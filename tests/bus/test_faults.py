# SPDX-License-Identifier: LGPL-2.1-or-later
"""Faults of the API: the errors for callers, and no other effects."""

import time
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime

import pytest

from harness.standin import Reply, StandIn

from .client import PROPERTIES, tenancy_path
from .stack import (RP_ID, SHORT_SEC, TIMEOUT_SEC, Stack, new_request_id, new_user, raises, within)

# What the API does; what it means; and what the tenancy's state is after it (None: either).
BROKEN = [
    ("hang", "Unreachable", "degraded"),
    ("refuse", "Unreachable", "degraded"),
    ("drop", "Unreachable", "degraded"),
    ("cut", "Unreachable", "degraded"),
    ("status=500", "Unreachable", "degraded"),
    ("status=503", "Unreachable", "degraded"),
    ("status=302", "Unreachable", "degraded"),
    ("status=429", "RateLimited", None),
    ("garbage", "MalformedReply", None),
    ("html", "MalformedReply", None),
    ("large=20000000", "MalformedReply", None),
]
PRINCIPAL = {"_tag": "ExtendedPrincipal", "id": "pr1", "userId": "ada", "authenticatorId": "pk1",
             "authenticatorType": "passkey", "passkey": {"verified": True, "userVerified": True},
             "createdAt": 1767225600000, "expiresAt": 1767225900000, "metadata": {}}
SPOILED = [f"{kind}={field}" for kind in ("missing", "wrong-type") for field in
           ("_tag", "id", "userId", "authenticatorId", "authenticatorType", "createdAt",
            "expiresAt")]
AUTHORIZE, EXCHANGE = "registration-authorize", "exchange"
PROBES_FAIL = ("status=500@passkey-get",)  # or the state is ready again, at any time


def expected_names(name: str, fault: str) -> tuple[str, ...]:
    # A body that ends too early or never is no usable answer, and it is a 2xx that is wrong, too.
    return ("Unreachable", "MalformedReply") if fault.startswith(("cut", "large")) else (name,)


@pytest.mark.parametrize("fault, name, state", BROKEN)
def test_authorize(stack, connection, fault, name, state):
    stack.sandbox.set_faults(f"{fault}@{AUTHORIZE}", *PROBES_FAIL)
    with stack.hurrying(fault):
        with within(SHORT_SEC), raises(*expected_names(name, fault)):
            connection.authorize(RP_ID, new_user())
        if state:
            assert connection.state() == state
    stack.assert_healthy()


@pytest.mark.parametrize("fault, name, state", BROKEN)
def test_exchange_asks_once_and_stores_nothing(stack, connection, fault, name, state):
    passkey = stack.create_passkey(user := new_user())
    count, calls = connection.count(), stack.calls(EXCHANGE)
    stack.sandbox.set_faults(f"{fault}@{EXCHANGE}", *PROBES_FAIL)
    with stack.hurrying(fault):
        with within(SHORT_SEC), raises(*expected_names(name, fault)):
            connection.exchange(passkey.code, request_id=new_request_id())
        assert stack.calls(EXCHANGE) == calls + 1
        assert connection.count() == count
        assert connection.links("ListByUser", user) == ([],)
        if state:
            assert connection.state() == state
    stack.assert_healthy()


@pytest.mark.parametrize("fault", SPOILED)
def test_exchange_takes_no_spoiled_principal(stack, connection, fault):
    passkey = stack.create_passkey(user := new_user())
    stack.sandbox.set_faults(f"{fault}@{EXCHANGE}")
    with raises("MalformedReply"):
        connection.exchange(passkey.code)
    assert connection.links("ListByUser", user) == ([],)
    stack.assert_healthy()


@pytest.mark.parametrize("fault", ["missing=registrationToken", "wrong-type=registrationToken",
                                   "missing=expiresAt", "wrong-type=expiresAt", "missing=_tag"])
def test_authorize_takes_no_spoiled_token(stack, connection, fault):
    stack.sandbox.set_faults(f"{fault}@{AUTHORIZE}")
    with raises("MalformedReply"):
        connection.authorize(RP_ID, new_user())
    stack.assert_healthy()


@pytest.mark.parametrize("fault", ["status=500", "status=503", "refuse", "drop"])
def test_authorize_survives_one_failure(stack, connection, fault):
    calls = stack.calls(AUTHORIZE)
    stack.sandbox.set_faults(f"{fault}@{AUTHORIZE}*1")
    assert connection.authorize(RP_ID, new_user())[0]
    assert stack.calls(AUTHORIZE) == calls + 2


@pytest.mark.parametrize("fault", ["refuse", "drop"])
def test_exchange_is_not_repeated_on_a_connection_that_was_kept(stack, connection, fault):
    """curl retries on a closed connection that was reused; a retry could use the code twice."""
    passkeys = [stack.create_passkey() for _ in range(3)]
    for passkey in passkeys[:2]:
        connection.exchange(passkey.code)
    calls = stack.calls(EXCHANGE)
    stack.sandbox.set_faults(f"{fault}@{EXCHANGE}")
    with raises("Unreachable"):
        connection.exchange(passkeys[2].code)
    assert stack.calls(EXCHANGE) == calls + 1


@pytest.mark.parametrize("member", [AUTHORIZE, EXCHANGE])
def test_rate_limit_says_how_long(stack, connection, member):
    stack.sandbox.set_faults(f"status=429@{member}")
    with raises("RateLimited", text=r"retry after 7 s$"):
        if member == AUTHORIZE:
            connection.authorize(RP_ID, new_user())
        else:
            connection.exchange("some-code")


def test_unknown_code(stack, connection):
    calls = stack.calls(EXCHANGE)
    with raises("InvalidCode"):
        connection.exchange("cd_never-issued")
    assert stack.calls(EXCHANGE) == calls + 1
    assert connection.state() == "ready"


def test_used_code(stack, connection):
    passkey = stack.create_passkey(user := new_user())
    connection.exchange(passkey.code)
    with raises("InvalidCode"):
        connection.exchange(passkey.code)
    assert connection.links("GetUser", passkey.authenticator_id) == (user,)


def test_expired_code(own_stack):
    own_stack.start()
    passkey = own_stack.create_passkey()
    own_stack.sandbox.options += ("--clock-offset=301",)
    own_stack.sandbox.restart()
    with own_stack.connect() as connection:
        with raises("InvalidCode"):
            connection.exchange(passkey.code)
        assert connection.count() == 0
    own_stack.assert_healthy()


def test_api_is_down_and_comes_back(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    own_stack.sandbox.stop()
    with within(SHORT_SEC), raises("Unreachable"):
        connection.authorize(RP_ID, new_user())
    with within(SHORT_SEC), raises("Unreachable"):
        connection.exchange("some-code")
    assert connection.state() == "degraded"
    assert connection.count() == 0
    own_stack.sandbox.start()
    own_stack.assert_healthy()


def test_wrong_key_until_it_is_put_right(own_stack):
    right = own_stack.keys
    own_stack.keys = {"passlock.default": "a-key-of-somebody-else"}
    own_stack.start()
    connection = own_stack.connect()
    with raises("ApiDenied"):
        connection.authorize(RP_ID, new_user())
    assert connection.state() == "denied"
    with raises("ApiDenied"):
        connection.exchange("some-code")
    assert connection.count() == 0
    own_stack.daemon.set_keys(right)
    if own_stack.is_root:
        own_stack.call_reload(connection)
    else:
        own_stack.daemon.reload()
    own_stack.assert_healthy()


def test_last_call_decides_on_the_key(own_stack):
    """State changes in both directions, per tenancy."""
    with StandIn() as api:
        api.fail(403, "Forbidden", "no")
        own_stack.sections["Tenancy moody"] = {"TenancyId": "moody", "Endpoint": api.endpoint,
                                               "ApiKeyCredential": "passlock.default"}
        own_stack.grant_ourselves("moody")
        own_stack.start()
        connection = own_stack.connect()
        with raises("ApiDenied"):
            connection.authorize(RP_ID, new_user(), label="moody")
        assert connection.state("moody") == "denied"
        assert connection.state() == "ready"
        api.reply = Reply(200, {"_tag": "AuthorizedPasskeyRegistration",
                                "registrationToken": "rt", "expiresAt": 4102444800000})
        assert connection.authorize(RP_ID, new_user(), label="moody") == ("rt", 4102444800000)
        assert connection.state("moody") == "ready"


def states(connection, count: int) -> list[str]:
    """Waits for the next changes of State."""
    told = []
    while len(told) < count:
        interface, changed, _ = connection.wait_signal("PropertiesChanged").args
        if interface == "dev.passlock.Passlock1.Tenancy" and "State" in changed:
            told.append(changed["State"][1])
    return told


def test_state_changes_are_told(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    connection.subscribe(f"type='signal',interface='{PROPERTIES}',path='{tenancy_path()}'")
    assert connection.state() == "ready"
    own_stack.sandbox.set_faults("status=500")
    for _ in range(2):
        with raises("Unreachable"):
            connection.exchange("some-code")
    own_stack.sandbox.set_faults()
    with raises("InvalidCode"):
        connection.exchange("some-code")
    connection.exchange(own_stack.create_passkey().code)
    own_stack.keys = {"passlock.default": "wrong"}
    own_stack.apply()
    with raises("ApiDenied"):
        connection.exchange("some-code")
    own_stack.keys = {"passlock.default": own_stack.sandbox.api_key}
    own_stack.apply()
    connection.exchange(own_stack.create_passkey().code)
    assert states(connection, 4) == ["degraded", "ready", "denied", "ready"]
    connection.settle()
    assert not [signal for signal in connection.signals if "State" in signal.args[1]]


def test_redirect_is_not_followed_with_the_key(own_stack):
    own_stack.start()
    with StandIn() as api, StandIn() as elsewhere:
        own_stack.sections["Tenancy default"] = own_stack.tenancy(Endpoint=api.endpoint)
        own_stack.apply()
        for status in (301, 302, 303, 307, 308):
            api.reply = Reply(status, b"", {"Location": f"{elsewhere.endpoint}/stolen"})
            with own_stack.connect() as connection:
                with within(SHORT_SEC), raises("Unreachable"):
                    connection.exchange("some-code")
        assert not elsewhere.requests
        assert len(api.requests) == 5


@pytest.mark.parametrize("retry_after, text", [
    ("0", r"retry after \d+ s$"), ("120", r"retry after 120 s$"), (None, r"retry after \d+ s$"),
    ("Wed, 21 Oct 2015 07:28:00 GMT", r"retry after \d+ s$"), ("-5", r"retry after \d+ s$"),
    ("99999999999999999999", r"retry after \d+ s$"), ("soon", r"retry after \d+ s$")])
def test_retry_after_of_all_kinds(stand_in, retry_after, text):
    own_stack, api = stand_in
    api.reply = Reply(429, {"_tag": "@error/TooManyRequests", "message": "slow down"},
                      {"Retry-After": retry_after} if retry_after else {})
    with own_stack.connect() as connection:
        with within(SHORT_SEC), raises("RateLimited", text=text):
            connection.exchange("some-code")


def test_retry_after_by_our_clock(stand_in):
    """The reply has no Date header."""
    own_stack, api = stand_in
    api.dated = False
    tomorrow = datetime.now(timezone.utc) + timedelta(days=1)
    api.reply = Reply(429, b"", {"Retry-After": format_datetime(tomorrow, usegmt=True)})
    with own_stack.connect() as connection, raises("RateLimited", text=r"after 8[56]\d{3} s$"):
        connection.exchange("some-code")


def test_retry_after_by_the_clock_of_the_api(stand_in):
    """The API's clock is years behind."""
    own_stack, api = stand_in
    api.dated = False
    api.reply = Reply(429, b"", {"Date": "Sun, 06 Nov 1994 08:49:37 GMT",
                                 "Retry-After": "Sun, 06 Nov 1994 08:50:40 GMT"})
    with own_stack.connect() as connection, raises("RateLimited", text=r"retry after 63 s$"):
        connection.exchange("some-code")


TOKEN = Reply(200, {"_tag": "AuthorizedPasskeyRegistration", "registrationToken": "rt",
                    "expiresAt": 4102444800000})


@pytest.mark.parametrize("status", [503, 500])
def test_api_is_left_alone_for_as_long_as_it_wants(stand_in, status):
    own_stack, api = stand_in
    asked = []

    def answer(_):
        asked.append(time.monotonic())
        return Reply(status, b"", {"Retry-After": "2"}) if len(asked) == 1 else TOKEN

    api.answer = answer
    with own_stack.connect() as connection:
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert len(asked) == 2 and asked[1] - asked[0] >= 2


def test_or_given_up_at_once(stand_in):
    """If Retry-After exceeds the deadline of the call."""
    own_stack, api = stand_in
    api.reply = Reply(503, b"", {"Retry-After": str(TIMEOUT_SEC + 1)})
    with own_stack.connect() as connection:
        with within(0), raises("Unreachable"):
            connection.authorize(RP_ID, new_user())
        with within(0), raises("Unreachable"):
            connection.exchange("some-code")
        assert connection.state() == "degraded"
    assert len(api.requests) == 2


@pytest.mark.parametrize("reply, name", [
    (Reply(200, PRINCIPAL, {"X-Long": "x" * 200_000}), "MalformedReply"),
    (Reply(200, PRINCIPAL, {f"X-{i}": "x" * 1000 for i in range(90)}), "MalformedReply"),
    (Reply(200, PRINCIPAL, {"content-length": "7"}), "MalformedReply"),
    (Reply(403, b"", {"X-Long": "x" * 200_000}), "ApiDenied"),
    (Reply(400, b"{}", {"content-length": "7"}), "BadRequest"),
    (Reply(500, b"", {"X-Long": "x" * 200_000}), "Unreachable")], ids=range(6))
def test_headers_that_nobody_should_send(stand_in, reply, name):
    own_stack, api = stand_in
    api.reply = reply
    with own_stack.connect() as connection, within(SHORT_SEC), raises(name):
        connection.exchange("some-code", link=False)
    assert own_stack.daemon.running


@pytest.mark.parametrize("body", [
    b"", b"null", b"[]", b"{}", b"7", b'"text"', b"[" * 100000, b'{"a":' * 50000,
    b'{"_tag":"ExtendedPrincipal"}', b'{"_tag":"ExtendedPrincipal","_tag":"ExtendedPrincipal"}',
    b"\xff\xfe{\x00}\x00", b'{"_tag":"Passkey","id":"x"}', b"{\"_tag\":\"\\u0000\"}"])
def test_success_that_is_none(stand_in, body):
    own_stack, api = stand_in
    api.reply = Reply(200, body)
    with own_stack.connect() as connection, within(SHORT_SEC), raises("MalformedReply"):
        connection.exchange("some-code")
    assert own_stack.daemon.running


@pytest.mark.parametrize("change", [
    {"userId": ""}, {"userId": "x" * 257}, {"authenticatorId": ""}, {"authenticatorId": "x" * 513},
    {"userId": "a\0b"}, {"userId": None}, {"createdAt": -1}, {"createdAt": "1767225600000"},
    {"expiresAt": 1e300}, {"passkey": {"verified": "yes", "userVerified": True}},
    {"passkey": {"verified": True}}, {"passkey": 7}], ids=str)
def test_principal_that_is_out_of_bounds(stand_in, change):
    own_stack, api = stand_in
    api.reply = Reply(200, PRINCIPAL | change)
    with own_stack.connect() as connection:
        with within(SHORT_SEC), raises("MalformedReply"):
            connection.exchange("some-code")
        assert connection.count() == 0


def test_optional_members_may_be_missing(stand_in):
    own_stack, api = stand_in
    api.reply = Reply(200, PRINCIPAL | {"somethingNew": [1, 2]})
    with own_stack.connect() as connection:
        principal = connection.exchange("some-code", link=False)
    assert not {"platform_name", "ip_address", "user_agent"} & set(principal)
    assert principal["created_at"] == ("t", 1767225600000)
    assert principal["expires_at"] == ("t", 1767225900000)


def test_code_is_escaped(stand_in):
    """Any code is sent as one path segment."""
    own_stack, api = stand_in
    api.fail(404, "InvalidCode", "unknown")
    with own_stack.connect() as connection:
        for code in ("a/b", "..", "a?b=c", "a#b", "%2e%2e", "a b", "é", "a\r\nX: y", "."):
            api.requests.clear()
            with raises("InvalidCode", "InvalidArgs"):
                connection.exchange(code)
            for request in api.requests:
                segments = request.path.split("/")
                assert segments[:4] == ["", "v2", own_stack.sandbox.tenancy_id, "principal"]
                assert len(segments) == 5 and segments[4] not in ("", ".", "..")
                assert "?" not in request.path and "#" not in request.path
                assert "X" not in request.headers


def test_request_is_as_the_api_wants_it(stand_in):
    own_stack, api = stand_in
    api.fail(400, "BadRequest", "no")
    with own_stack.connect() as connection:
        api.requests.clear()
        with raises("BadRequest"):
            connection.authorize("Shop.Example.COM", "ada")
        (request,) = api.requests
    assert request.method == "POST"
    assert request.path == f"/v2/{own_stack.sandbox.tenancy_id}/passkey/registration/authorize"
    headers = {name.lower(): value for name, value in request.headers.items()}
    assert headers["authorization"] == f"Bearer {own_stack.sandbox.api_key}"
    assert headers["content-type"].startswith("application/json")
    assert headers["accept"] == "application/json"
    assert b'"shop.example.com"' in request.body and b"null" not in request.body


@pytest.fixture(scope="module")
def _stand_in():
    with Stack() as stack, StandIn() as api:
        stack.sections["Tenancy default"] = stack.tenancy(Endpoint=api.endpoint)
        stack.apply()
        yield stack, api


@pytest.fixture
def stand_in(_stand_in):
    yield _stand_in
    _stand_in[1].requests.clear()
    _stand_in[1].answer = None
    _stand_in[1].dated = True
