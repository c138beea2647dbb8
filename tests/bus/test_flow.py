# SPDX-License-Identifier: LGPL-2.1-or-later
"""The whole flow without faults, from the first call to a stored link."""

import time

import pytest

from .authenticator import USER_AGENT, post
from .client import plain
from .stack import RP_ID, new_user

HOUR_MS = 3600 * 1000
PRINCIPAL = {"id": "s", "user_id": "s", "authenticator_id": "s", "authenticator_type": "s",
             "created_at": "t", "expires_at": "t", "verified": "b", "user_verified": "b",
             "platform_name": "s", "ip_address": "s", "user_agent": "s", "linked": "b",
             "newly_linked": "b"}
LINK = {"authenticator_id": "s", "user_id": "s", "created_at": "t", "last_used_at": "t",
        "platform_name": "s"}


def now_ms() -> int:
    return int(time.time() * 1000)


def types(dictionary: dict) -> dict:
    return {key: signature for key, (signature, _) in dictionary.items()}


def test_token_is_for_a_while(connection):
    token, expires_at = connection.authorize(RP_ID, new_user())
    assert token
    assert now_ms() < expires_at < now_ms() + HOUR_MS


def test_every_option_of_authorize_is_accepted(connection):
    token, _ = connection.authorize(
        RP_ID, new_user(), rp_name="Shop", display_name="Ada", exclude_credentials=["one", "two"],
        exclude_linked=False, user_verification="required", timeout_ms=("u", 60000))
    assert token


@pytest.mark.parametrize("rp_id", ["localhost", "Shop.Example.COM"])
def test_relying_parties(connection, rp_id):
    assert connection.authorize(rp_id, new_user())[0]


@pytest.mark.parametrize("character", ["u", "é", "\U0001f511"], ids=["ASCII", "2 bytes", "4 bytes"])
def test_longest_user_all_the_way(stack, connection, character):
    """The daemon's limits do not exceed the API's: sign-up, sign-in, vault and mail."""
    longest = character * (256 // len(character.encode()))
    token, _ = connection.authorize(RP_ID, longest, rp_name=longest, display_name=longest)
    passkey = stack.run_ceremony(token)
    assert plain(connection.exchange(passkey.code, user_id=longest))["linked"] is True
    assert connection.links("GetUser", passkey.authenticator_id) == (longest,)
    code = stack.sign_in(passkey).code
    assert plain(connection.exchange(code))["user_id"] == longest
    assert connection.method("UpdatePasskeys", longest, longest, {"display_name": ("s", longest)})[0]
    assert connection.method("PrunePasskeys", longest, {})[0]
    challenge = connection.create_challenge("ada@example.com", "login", user_id=longest,
                                            name=longest, send_email=False, skip_rate_limit=True)
    assert challenge["user_id"] == longest
    assert connection.method("DeleteUserPasskeys", longest, {})[0]
    assert connection.links("ListByUser", longest) == ([],)


def test_principal_has_all_fields_with_their_types(stack, connection):
    passkey = stack.create_passkey(user := new_user())
    principal = connection.exchange(passkey.code)
    assert types(principal) == PRINCIPAL
    principal = plain(principal)
    assert principal["id"]
    assert principal["user_id"] == user
    assert principal["authenticator_id"] == passkey.authenticator_id
    assert principal["authenticator_type"] == "passkey"
    assert principal["verified"] is principal["user_verified"] is True
    assert principal["linked"] is principal["newly_linked"] is True
    assert principal["user_agent"] == USER_AGENT
    assert principal["ip_address"] == "127.0.0.1"
    assert principal["platform_name"]
    assert abs(principal["created_at"] - now_ms()) < HOUR_MS
    assert principal["created_at"] < principal["expires_at"] < now_ms() + HOUR_MS


@pytest.mark.parametrize("verified", [True, False])
def test_user_verified_is_what_the_authenticator_says(stack, connection, verified):
    passkey = stack.create_passkey(user_verified=verified)
    principal = plain(connection.exchange(passkey.code))
    assert principal["user_verified"] is verified
    assert principal["verified"] is True


def test_link_can_be_read_in_every_way(stack, connection):
    passkey = stack.create_passkey(user := new_user())
    count = connection.count()
    begin = now_ms()
    principal = plain(connection.exchange(passkey.code))
    assert connection.links("GetUser", passkey.authenticator_id) == (user,)
    ((link,),) = connection.links("ListByUser", user)
    assert types(link) == LINK
    link = plain(link)
    assert link["authenticator_id"] == passkey.authenticator_id
    assert link["user_id"] == user
    assert link["platform_name"] == principal["platform_name"]
    assert begin - 1000 <= link["created_at"] <= now_ms() + 1000
    assert link["last_used_at"] == 0 or link["last_used_at"] >= begin - 1000
    assert link in connection.all_links()
    assert connection.count() == count + 1


def test_two_passkeys_of_one_user(stack, connection):
    user = new_user()
    passkeys = [stack.create_passkey(user) for _ in range(2)]
    for passkey in passkeys:
        connection.exchange(passkey.code)
    (links,) = connection.links("ListByUser", user)
    assert {plain(link)["authenticator_id"] for link in links} == \
        {passkey.authenticator_id for passkey in passkeys}


def test_linked_authenticator_is_not_newly_linked(stack, connection):
    passkey = stack.create_passkey(user := new_user())
    connection.links("Add", user, passkey.authenticator_id)
    count = connection.count()
    principal = plain(connection.exchange(passkey.code))
    assert (principal["linked"], principal["newly_linked"]) == (True, False)
    assert connection.count() == count


def test_added_is_told_once_the_link_is_there(stack, connection):
    passkey = stack.create_passkey(user := new_user())
    connection.links("Subscribe")
    connection.exchange(passkey.code)
    connection.settle()
    (added,) = [signal for signal in connection.signals if signal.member == "Added"]
    assert added.args == (user, passkey.authenticator_id)
    assert added.interface == "dev.passlock.Passlock1.Links"
    assert connection.links("GetUser", passkey.authenticator_id) == (user,)


def test_added_comes_only_with_the_exchange(stack, connection):
    connection.settle()
    stack.create_passkey()
    connection.settle()
    assert not connection.signals


def test_linked_authenticators_are_excluded(stack, connection):
    """exclude_linked, as the page receives it."""
    passkey = stack.create_passkey(user := new_user())
    connection.exchange(passkey.code)

    def excluded(**options):
        token, _ = connection.authorize(RP_ID, user, **options)
        page = post(stack.sandbox.endpoint,
                    f"/v2/{stack.sandbox.tenancy_id}/passkey/registration/options",
                    {"registrationToken": token})
        return len(page["optionsJSON"]["excludeCredentials"])

    assert excluded() == 1
    assert excluded(exclude_linked=True) == 1
    assert excluded(exclude_linked=False) == 0
    assert excluded(exclude_linked=False, exclude_credentials=[passkey.authenticator_id]) == 1
    assert excluded(exclude_credentials=[passkey.authenticator_id]) == 1


def test_what_the_page_gets(stack, connection):
    """The arguments of Authorize reach the browser."""
    def page(**options):
        token, _ = connection.authorize(RP_ID, new_user(), **options)
        return post(stack.sandbox.endpoint,
                    f"/v2/{stack.sandbox.tenancy_id}/passkey/registration/options",
                    {"registrationToken": token})["optionsJSON"]

    options = page()
    assert options["rp"] == {"id": RP_ID, "name": RP_ID}
    assert options["user"]["name"] == "somebody"
    assert options["authenticatorSelection"]["userVerification"] == "preferred"
    options = page(rp_name="Shöp", display_name="Ada ☂", user_verification="discouraged",
                   timeout_ms=("u", 12345))
    assert options["rp"] == {"id": RP_ID, "name": "Shöp"}
    assert options["user"]["displayName"] == "Ada ☂"
    assert options["authenticatorSelection"]["userVerification"] == "discouraged"
    assert options["timeout"] == 12345
