# SPDX-License-Identifier: LGPL-2.1-or-later
"""Sign-in with a passkey: from AuthorizeAuthentication to Exchange."""

import time

import pytest

from .authenticator import Refused, begin_sign_in
from .client import plain
from .stack import RP_ID, SHORT_SEC, new_user, raises, within

AUTHORIZE = "authentication-authorize"
MINUTE_MS = 60 * 1000


def now_ms() -> int:
    return int(time.time() * 1000)


def linked(stack, connection, user_id: str | None = None):
    """A registered and linked passkey."""
    passkey = stack.create_passkey(user_id)
    connection.exchange(passkey.code)
    return passkey


def link_of(connection, passkey) -> dict:
    links = map(plain, connection.links("ListByUser", passkey.user_id)[0])
    (link,) = [link for link in links if link["authenticator_id"] == passkey.authenticator_id]
    return link


# What the options are for a passkey.
SCOPES = {
    "user": lambda passkey: {"user_id": passkey.user_id},
    "authenticators": lambda passkey: {"allow_credentials": [passkey.authenticator_id]},
    "both": lambda passkey: {"user_id": passkey.user_id,
                             "allow_credentials": [passkey.authenticator_id, "unknown"]},
    "not discoverable": lambda passkey: {"user_id": passkey.user_id, "discoverable": False},
    "discoverable": lambda passkey: {"discoverable": True},
    "no authenticators": lambda passkey: {"discoverable": True, "mediation": "required"},
    "autofill": lambda passkey: {"discoverable": True, "mediation": "conditional"},
    "required": lambda passkey: {"user_id": passkey.user_id, "mediation": "required"},
}


@pytest.mark.parametrize("scope", SCOPES)
def test_whole_sign_in(stack, connection, scope):
    passkey = linked(stack, connection)
    options = SCOPES[scope](passkey)
    token, expires_at = connection.authorize_authentication(
        RP_ID, user_verification="preferred", timeout_ms=("u", 60000), **options)
    assert now_ms() < expires_at < now_ms() + 60 * MINUTE_MS
    signed_in = stack.run_sign_in(token, passkey)
    principal = plain(connection.exchange(signed_in.code, user_id=passkey.user_id))
    assert principal["user_id"] == passkey.user_id
    assert principal["authenticator_id"] == passkey.authenticator_id
    assert principal["authenticator_type"] == "passkey"
    assert principal["verified"] is principal["user_verified"] is principal["linked"] is True
    assert principal["newly_linked"] is False


def begin(stack, token: str) -> dict:
    return begin_sign_in(stack.sandbox.endpoint, stack.sandbox.tenancy_id, token)


@pytest.mark.parametrize("scope", SCOPES)
def test_page_gets_what_was_authorised(stack, connection, scope):
    passkey = linked(stack, connection)
    token, _ = connection.authorize_authentication(
        RP_ID.upper(), user_verification="discouraged", timeout_ms=("u", 123000),
        **SCOPES[scope](passkey))
    told = begin(stack, token)
    options = told["optionsJSON"]
    anybody = scope in ("discoverable", "no authenticators", "autofill")
    assert told["mediation"] == ("conditional" if scope == "autofill" else "required")
    assert [each["id"] for each in options.get("allowCredentials", [])] == \
        ([] if anybody else [passkey.credential_id])
    assert (options["rpId"], options["userVerification"], options["timeout"]) == \
        (RP_ID, "discouraged", 123000)


# Not one of: discoverable, or whose passkey it is.
@pytest.mark.parametrize("options", [
    {}, {"discoverable": False}, {"allow_credentials": []}, {"user_verification": "required"},
    {"mediation": "required"}, {"mediation": "conditional"},
    {"discoverable": True, "user_id": "ada"}, {"discoverable": True, "allow_credentials": ["pk"]},
    {"discoverable": True, "user_id": "ada", "allow_credentials": ["pk"]},
    {"user_id": "ada", "mediation": "conditional"},
    {"allow_credentials": ["pk"], "mediation": "conditional"},
    {"user_id": "ada", "discoverable": False, "mediation": "conditional"},
    {"user_id": "ada", "mediation": ""}, {"user_id": "ada", "mediation": "silent"},
    {"discoverable": True, "mediation": "Conditional"}], ids=str)
def test_options_that_do_not_go_together(stack, connection, options):
    calls = stack.sandbox.calls()
    with raises("InvalidArgs"):
        connection.authorize_authentication(RP_ID, **options)
    assert stack.sandbox.calls() == calls


def test_user_without_passkeys(connection):
    with raises("BadRequest"):
        connection.authorize_authentication(RP_ID, user_id=new_user())


def test_unknown_authenticators(connection):
    with raises("BadRequest"):
        connection.authorize_authentication(RP_ID, allow_credentials=["pk-1", "pk-2"])


def test_authenticators_of_somebody_else(stack, connection):
    ada, bob = linked(stack, connection), linked(stack, connection)
    with raises("BadRequest"):
        connection.authorize_authentication(RP_ID, user_id=ada.user_id,
                                            allow_credentials=[bob.authenticator_id])


def test_passkey_of_somebody_else(stack, connection):
    """The sandbox enforces the user of the token."""
    ada, bob = linked(stack, connection), linked(stack, connection)
    token, _ = connection.authorize_authentication(RP_ID, user_id=ada.user_id)
    with pytest.raises(Refused):
        stack.run_sign_in(token, bob)
    assert link_of(connection, bob)["last_used_at"] == link_of(connection, ada)["last_used_at"] == 0


def test_passkey_that_is_gone(stack, connection):
    passkey = linked(stack, connection)
    connection.method("DeletePasskeys", [passkey.authenticator_id], {})
    token, _ = connection.authorize_authentication(RP_ID, discoverable=True)
    with pytest.raises(Refused) as refused:
        stack.run_sign_in(token, passkey)
    assert refused.value.tag == "@error/PasskeyNotFound"


def test_token_is_good_once(stack, connection):
    passkey = linked(stack, connection)
    token, _ = connection.authorize_authentication(RP_ID, user_id=passkey.user_id)
    stack.run_sign_in(token, passkey)
    with pytest.raises(Refused):
        stack.run_sign_in(token, passkey)


@pytest.mark.parametrize("verified", [True, False])
def test_user_verified_is_of_this_sign_in(stack, connection, verified):
    """user_verified is of the sign-in, not of the registration."""
    passkey = stack.create_passkey(user_verified=not verified)
    connection.exchange(passkey.code)
    signed_in = stack.sign_in(passkey, user_verified=verified)
    principal = plain(connection.exchange(signed_in.code))
    assert principal["user_verified"] is verified
    assert principal["verified"] is True


def test_required_verification_is_required(stack, connection):
    passkey = linked(stack, connection)
    with pytest.raises(Refused):
        stack.sign_in(passkey, user_verified=False, user_id=passkey.user_id,
                      user_verification="required")


def test_link_knows_when_it_was_used(stack, connection):
    passkey, other = (linked(stack, connection, user) for user in [new_user()] * 2)
    first = link_of(connection, passkey)
    assert first["last_used_at"] == 0
    connection.signals.clear()
    used = 0
    for _ in range(2):
        begin_ms = now_ms()
        connection.exchange(stack.sign_in(passkey).code)
        link = link_of(connection, passkey)
        assert max(begin_ms - 1, used) <= link["last_used_at"] <= now_ms() + 1
        assert link == first | {"last_used_at": link["last_used_at"]}
        used = link["last_used_at"]
    assert link_of(connection, other)["last_used_at"] == 0
    connection.settle()
    assert not connection.signals, "no link was added"


def test_last_use_outlives_a_restart(own_stack):
    own_stack.start()
    with own_stack.connect() as connection:
        passkey = linked(own_stack, connection)
        connection.exchange(own_stack.sign_in(passkey).code)
        link = link_of(connection, passkey)
    own_stack.daemon.kill9()
    own_stack.daemon.start()
    with own_stack.connect() as connection:
        assert link_of(connection, passkey) == link


def test_another_user_than_expected(stack, connection):
    passkey = linked(stack, connection)
    signed_in = stack.sign_in(passkey)
    with raises("UserMismatch") as caught:
        connection.exchange(signed_in.code, user_id=new_user())
    assert passkey.user_id not in caught.error.message
    assert link_of(connection, passkey)["last_used_at"] == 0


def test_signing_in_without_a_link_makes_one(stack, connection):
    """For example after the store was lost."""
    passkey = linked(stack, connection)
    connection.links("Remove", passkey.authenticator_id)
    principal = plain(connection.exchange(stack.sign_in(passkey).code))
    assert principal["linked"] is True
    assert connection.links("GetUser", passkey.authenticator_id) == (passkey.user_id,)


def test_signing_in_without_a_link_and_none_wanted(stack, connection):
    passkey = linked(stack, connection)
    connection.links("Remove", passkey.authenticator_id)
    principal = plain(connection.exchange(stack.sign_in(passkey).code, link=False))
    assert (principal["linked"], principal["newly_linked"]) == (False, False)
    with raises("NotFound"):
        connection.links("GetUser", passkey.authenticator_id)


def test_authenticator_that_is_linked_to_another(stack, connection):
    passkey = linked(stack, connection)
    signed_in = stack.sign_in(passkey)
    connection.links("Remove", passkey.authenticator_id)
    connection.links("Add", other := new_user(), passkey.authenticator_id)
    with raises("LinkConflict"):
        connection.exchange(signed_in.code)
    ((link,),) = connection.links("ListByUser", other)
    assert plain(link)["last_used_at"] == 0


def test_code_is_good_once(stack, connection):
    passkey = linked(stack, connection)
    signed_in = stack.sign_in(passkey)
    first = connection.exchange(signed_in.code, request_id="r" * 16)
    with raises("InvalidCode"):
        connection.exchange(signed_in.code)
    used = link_of(connection, passkey)["last_used_at"]
    assert connection.exchange(signed_in.code, request_id="r" * 16) == first
    assert link_of(connection, passkey)["last_used_at"] == used


@pytest.mark.parametrize("fault", ["status=500", "status=503", "refuse", "drop"])
def test_one_failure_is_survived(stack, connection, fault):
    passkey = linked(stack, connection)
    calls = stack.calls(AUTHORIZE)
    stack.sandbox.set_faults(f"{fault}@{AUTHORIZE}*1")
    signed_in = stack.sign_in(passkey)
    assert stack.calls(AUTHORIZE) == calls + 2
    assert plain(connection.exchange(signed_in.code))["user_id"] == passkey.user_id


def test_failures_without_end(stack, connection):
    stack.sandbox.set_faults(f"status=500@{AUTHORIZE}")
    with within(SHORT_SEC), raises("Unreachable"):
        connection.authorize_authentication(RP_ID, discoverable=True)
    stack.sandbox.set_faults()
    assert connection.authorize_authentication(RP_ID, discoverable=True)[0]


@pytest.mark.parametrize("fault", [f"{kind}={member}" for kind in ("missing", "wrong-type")
                                   for member in ("authenticationToken", "expiresAt", "_tag")])
def test_spoiled_tokens(stack, connection, fault):
    stack.sandbox.set_faults(f"{fault}@{AUTHORIZE}")
    with raises("MalformedReply"):
        connection.authorize_authentication(RP_ID, discoverable=True)


def test_expired_code(own_stack):
    own_stack.start()
    with own_stack.connect() as connection:
        passkey = linked(own_stack, connection)
        signed_in = own_stack.sign_in(passkey)
        own_stack.sandbox.options += ("--clock-offset=301",)
        own_stack.sandbox.restart()
        with raises("InvalidCode"):
            connection.exchange(signed_in.code)
        assert link_of(connection, passkey)["last_used_at"] == 0
