# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests that HTTP/2 reports as not processed are retried, even those that are sent at most once."""

import pytest

from harness.standin import make_certificate

from .client import plain
from .http2 import INTERNAL_ERROR, REFUSED_STREAM, Connection, Http2StandIn
from .stack import RP_ID, SHORT_SEC, eventually, new_request_id, new_user, raises, within

PRINCIPAL = {"_tag": "ExtendedPrincipal", "id": "pr1", "userId": "ada", "authenticatorId": "pk1",
             "authenticatorType": "passkey", "passkey": {"verified": True, "userVerified": True},
             "createdAt": 1767225600000, "expiresAt": 4102444800000, "metadata": {}}
TOKEN = {"_tag": "AuthorizedPasskeyRegistration", "registrationToken": "rt",
         "expiresAt": 4102444800000}


def identify(connection: Connection, stream: int):
    connection.answer(stream, PRINCIPAL)


def give_token(connection: Connection, stream: int):
    connection.answer(stream, TOKEN)


def refuse(connection: Connection, stream: int):
    connection.reset(stream, REFUSED_STREAM)


def leave_out(connection: Connection, stream: int):
    connection.go_away(max(0, stream - 2))


def fail(connection: Connection, stream: int):
    connection.reset(stream, INTERNAL_ERROR)


def drop(connection: Connection, stream: int):
    raise ConnectionError


def go_away_and_drop(connection: Connection, stream: int):
    connection.go_away(stream)
    raise ConnectionError


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls") / "both")


@pytest.fixture
def api(certificate):
    with Http2StandIn(certificate, always=identify) as api:
        yield api


@pytest.fixture
def connection(own_stack, api, certificate):
    own_stack.sections["Tenancy default"] = {
        "TenancyId": "t", "Endpoint": api.endpoint, "CaFile": f"{certificate}.crt",
        "ApiKeyCredential": "passlock.default"}
    own_stack.start()
    with own_stack.connect() as connection:
        yield connection


@pytest.mark.parametrize("before", [0, 1, 2])
def test_code_that_was_refused_is_sent_again(connection, api, before):
    """On a new connection, and on a reused one."""
    api.steps = [identify] * before + [refuse]
    for _ in range(before):
        connection.exchange("some-code", link=False)
    told = plain(connection.exchange("some-code", request_id=new_request_id()))
    assert (told["user_id"], told["newly_linked"]) == ("ada", True)
    assert api.n_requests == before + 2
    assert connection.state() == "ready"


@pytest.mark.parametrize("step", [fail, drop, go_away_and_drop])
def test_code_that_may_be_used_is_not(connection, api, step):
    api.steps = [identify, step]
    connection.exchange("some-code", link=False)
    with within(SHORT_SEC), raises("Unreachable"):
        connection.exchange("some-code", link=False)
    assert api.n_requests == 2


@pytest.mark.parametrize("step", [refuse, leave_out, fail, drop, go_away_and_drop])
def test_what_may_go_twice_goes_twice(connection, api, step):
    api.always = give_token
    api.steps = [give_token, step]
    for _ in range(2):
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert api.n_requests == 3


def test_goaway_of_others_is_no_trouble(connection, api):
    """Later requests use a new connection, even if requests hang on the old one."""
    api.always = give_token
    api.steps = [lambda connection, stream: None, leave_out]
    hanging = connection.start_authorize(RP_ID, new_user())
    eventually(lambda: api.n_requests == 1)
    for _ in range(3):
        with within(SHORT_SEC):
            assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert not connection.is_answered(hanging)


def test_connection_that_is_dead(own_stack, connection, api):
    """After a suspend or in another network, it stays open and silent; a probe opens another one."""
    own_stack.sections["Tenancy default"]["TimeoutSec"] = str(SHORT_SEC)
    own_stack.apply()
    seen, dead = [], []

    def answer(peer: Connection, stream: int):
        seen.append(peer)
        if peer not in dead:
            peer.answer(stream, {"_tag": "@error/NotFound", "message": "no"}, 404)

    api.always = answer
    with raises("NotFound"):
        connection.method("GetPasskey", "pk1")
    dead.extend(seen)
    with within(SHORT_SEC), raises("Unreachable"):
        connection.method("GetPasskey", "pk1")
    eventually(lambda: connection.state() == "ready")
    with raises("NotFound"):
        connection.method("GetPasskey", "pk1")
