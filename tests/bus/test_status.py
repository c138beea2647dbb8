# SPDX-License-Identifier: LGPL-2.1-or-later
"""Error replies without a known tag are mapped by their HTTP status."""

import pytest

from harness.standin import Reply, StandIn

from .stack import SHORT_SEC, Stack, eventually, raises, within

TAGGED = '{{"_tag":"{}","message":"no"}}'

# Status and body; what it means; and what State is after it (None: what it was).
REFUSALS = [
    (401, "", "ApiDenied", "denied"),
    (401, "<html>no</html>", "ApiDenied", "denied"),
    (401, TAGGED.format("@error/NotFound"), "ApiDenied", "denied"),
    (401, TAGGED.format("@error/Unauthorized"), "ApiDenied", "denied"),
    (403, "", "ApiDenied", "denied"),
    (403, '{"message":"Forbidden"}', "ApiDenied", "denied"),
    (403, TAGGED.format("@error/InvalidCode"), "ApiDenied", "denied"),
    (400, TAGGED.format("@error/Unauthorized"), "ApiDenied", "denied"),
    (404, TAGGED.format("@error/InvalidTenancy"), "ApiDenied", "denied"),
    (400, TAGGED.format("HttpApiDecodeError"), "BadRequest", None),
    (400, "", "BadRequest", None),
    (400, '{"_tag":7}', "BadRequest", None),
    (404, "", "BadRequest", None),
    (404, "<html>no such way</html>", "BadRequest", None),
    (404, TAGGED.format("@error/PasskeyNotFound"), "BadRequest", None),
    (405, "", "BadRequest", None),
    (409, "{}", "BadRequest", None),
    (413, "[" * 100, "BadRequest", None),
    (422, TAGGED.format("@error/Other"), "BadRequest", None),
    (429, "", "RateLimited", None),
    (429, TAGGED.format("@error/Forbidden"), "RateLimited", None),
    (500, TAGGED.format("@error/NotFound"), "Unreachable", "degraded"),
    (502, "<html>", "Unreachable", "degraded"),
    (301, "", "Unreachable", "degraded"),
]
METHODS = {
    "Authorize": ("localhost", "ada", "Ada", {}),
    "AuthorizeAuthentication": ("localhost", {"user_id": ("s", "ada")}),
    "Exchange": ("some-code", {"link": ("b", False)}),
    "GetPasskey": ("pk1",),
    "ListPasskeys": ("",),
    "UpdatePasskeys": ("ada", "Ada", {}),
    "DeletePasskeys": (["pk1"], {}),
    "DeleteUserPasskeys": ("ada", {}),
    "PrunePasskeys": ("ada", {}),
    "CreateChallenge": ("a@b.example", "login", {}),
    "GetChallenge": ("ch1",),
    "VerifyChallenge": ("ch1", "secret", "123456"),
    "DeleteChallenge": ("ch1",),
}
GOOD = Reply(200, {"_tag": "FindAllPasskeys", "cursor": None, "records": []})


@pytest.fixture(scope="module")
def module():
    with Stack() as stack, StandIn() as api:
        stack.sections["Tenancy default"] = stack.tenancy(Endpoint=api.endpoint)
        stack.apply()
        yield stack, api


@pytest.fixture
def api(module):
    yield module[1]
    module[1].answer = None
    module[1].requests.clear()


@pytest.fixture
def connection(module):
    with module[0].connect() as connection:
        yield connection


def set_state(connection, api, state: str):
    api.reply = {"ready": GOOD, "denied": Reply(403), "degraded": Reply(302)}[state]

    def is_set():
        connection.outcome(connection.start_method("ListPasskeys", ""))
        return connection.state() == state

    eventually(is_set)


@pytest.mark.parametrize("status, body, name, state", REFUSALS)
@pytest.mark.parametrize("method", ["Authorize", "Exchange", "GetPasskey", "DeletePasskeys"])
def test_refusal(connection, api, method, status, body, name, state):
    set_state(connection, api, "ready")
    api.reply = Reply(status, body.encode())
    with within(SHORT_SEC), raises(name):
        connection.method(method, *METHODS[method])
    assert connection.state() == (state or "ready")


@pytest.mark.parametrize("status, name", [(403, "ApiDenied"), (404, "BadRequest"),
                                          (429, "RateLimited")])
@pytest.mark.parametrize("method", METHODS)
def test_every_method(connection, api, method, status, name):
    api.reply = Reply(status, b"no")
    with within(SHORT_SEC), raises(name):
        connection.method(method, *METHODS[method])


@pytest.mark.parametrize("state", ["ready", "denied", "degraded"])
def test_refusal_of_a_gateway_leaves_state_alone(connection, api, state):
    set_state(connection, api, state)
    for reply in (Reply(404), Reply(400, {"_tag": "@error/BadRequest", "message": "no"}),
                  Reply(429, b"<html>slow down</html>")):
        api.reply = reply
        with raises("BadRequest", "RateLimited"):
            connection.method("Authorize", *METHODS["Authorize"])
        assert connection.state() == state


@pytest.mark.parametrize("state", ["ready", "denied", "degraded"])
def test_reload_with_the_same_key_leaves_state_alone(module, connection, api, state):
    stack, _ = module
    set_state(connection, api, state)
    tenancy = stack.sections["Tenancy default"]
    for timeout in (tenancy["TimeoutSec"], "7"):
        stack.sections["Tenancy default"] = tenancy | {"TimeoutSec": timeout}
        stack.apply()
        assert connection.state() == state
    stack.sections["Tenancy default"] = tenancy
    stack.apply()


@pytest.mark.parametrize("status, missing, name, state", [
    (403, 9, "ApiDenied", "denied"), (404, 9, "BadRequest", "ready"),
    (429, 9, "RateLimited", "ready"), (503, 9, "Unreachable", "degraded"),
    (200, 9, "Unreachable", "degraded")])
def test_body_that_is_cut_off(connection, api, status, missing, name, state):
    """A tag in a truncated body is ignored."""
    set_state(connection, api, "ready")
    api.reply = Reply(status, b'{"_tag":"@error/InvalidCode"}', missing=missing)
    with raises(name):
        connection.exchange("some-code")
    assert connection.state() == state


@pytest.mark.parametrize("reply", [
    Reply(404), Reply(404, b"<html>"), Reply(404, {"_tag": "@error/InvalidCode", "message": "no"}),
    Reply(401, {"_tag": "@error/NotFound", "message": "no"}),
    Reply(429, {"_tag": "@error/NotFound", "message": "no"}),
    Reply(404, b'{"_tag":"@error/NotFound"}', missing=1)], ids=range(6))
def test_link_stays_unless_the_api_says_that_its_passkey_is_gone(connection, api, reply):
    connection.links("Add", "ada", "pk1")
    api.answer = lambda request: Reply(500) if request.method == "POST" else reply
    with raises("Unreachable"):
        connection.method("DeletePasskeys", ["pk1"], {})
    assert connection.links("GetUser", "pk1") == ("ada",)
    api.answer = lambda request: Reply(500) if request.method == "POST" else \
        Reply(404, {"_tag": "@error/NotFound", "message": "no"})
    with raises("Unreachable"):
        connection.method("DeletePasskeys", ["pk1"], {})
    eventually(lambda: "pk1" not in [link["authenticator_id"] for link in connection.all_links()])


@pytest.mark.parametrize("status, body, said", [
    (400, TAGGED.format("HttpApiDecodeError"), "HTTP status 400, HttpApiDecodeError"),
    (409, "", "HTTP status 409, without a tag"),
    (422, TAGGED.format("forged\\npasslockd: x"), "HTTP status 422, with"),
    (404, TAGGED.format("@error/NotFound"), "HTTP status 404, @error/NotFound")])
def test_log_has_status_and_tag(own_stack, status, body, said):
    with StandIn() as api:
        own_stack.sections["Tenancy default"] = {
            "TenancyId": "t", "Endpoint": api.endpoint, "ApiKeyCredential": "passlock.default"}
        own_stack.start()
        api.reply = Reply(status, body.encode())
        with own_stack.connect() as connection, raises("BadRequest"):
            connection.authorize("localhost", "ada")
    (line,) = [line for line in own_stack.daemon.log_text().splitlines() if said in line]
    assert f"{api.endpoint} refused registration/authorize" in line


def test_key_set_is_asked_for_without_a_key(connection, api):
    """The key set is fetched without a key, so no status means a refused key."""
    set_state(connection, api, "ready")
    for status in (400, 401, 403, 404, 500):
        api.reply = Reply(status)
        with raises("Unreachable"):
            connection.verify("eyJhbGciOiJSUzI1NiIsImtpZCI6ImEifQ.e30.c2ln")
        assert connection.state() == "ready"
