# SPDX-License-Identifier: LGPL-2.1-or-later
"""Vault: get, list, rename and delete passkeys."""

import json
import re
import time
from urllib.parse import unquote

import pytest

from harness import Sandbox
from harness.standin import Reply, StandIn

from .authenticator import AAGUID, Refused, post
from .client import plain
from .stack import RP_ID, SHORT_SEC, Stack, eventually, new_user, raises, within

DELETE = "passkeys-delete"
SUMMARY = {"id": "s", "user_id": "s", "enabled": "b", "created_at": "t", "last_used_at": "t",
           "credential_id": "s", "credential_user_id": "s"}
PASSKEY = SUMMARY | {"username": "s", "aaguid": "s", "backed_up": "b", "counter": "t",
                     "device_type": "s", "transports": "as", "public_key": "s", "rp_id": "s",
                     "updated_at": "t", "platform_name": "s", "platform_icon": "s"}
UUID = "fbfc3007-154e-4ecc-8c0b-6e020557d7bd"


def types(dictionary: dict) -> dict:
    return {key: signature for key, (signature, _) in dictionary.items()}


def registered(stack, connection, user_id: str | None = None):
    """A linked passkey."""
    passkey = stack.create_passkey(user_id)
    connection.exchange(passkey.code)
    return passkey


def is_linked(connection, passkey) -> bool:
    return connection.outcome(connection.start_method("GetUser", passkey.authenticator_id)) == \
        (passkey.user_id,)


def exists(connection, passkey) -> bool:
    outcome = connection.outcome(connection.start_method("GetPasskey", passkey.authenticator_id))
    assert outcome[0] != "error" or outcome == ("error", "NotFound")
    return outcome[0] != "error"


def redeem(stack, kind: str, token: str) -> dict:
    """Redeems a token as a page does."""
    return post(stack.sandbox.endpoint, f"/v2/{stack.sandbox.tenancy_id}/passkeys/{kind}/exchange",
                {f"{kind}PasskeysToken": token})


# Looking


def test_passkey_has_all_fields_with_their_types(stack, connection):
    made = registered(stack, connection)
    (passkey,) = connection.method("GetPasskey", made.authenticator_id)
    assert AAGUID.hex() == UUID.replace("-", "")
    assert {key: PASSKEY[key] for key in types(passkey)} == types(passkey)
    assert set(PASSKEY) - set(passkey) <= {"platform_icon"}, "the sandbox may know no icon"
    passkey = plain(passkey)
    assert time.time() * 1000 - passkey["created_at"] < 3600 * 1000
    assert passkey["updated_at"] >= passkey["created_at"]
    expected = {"id": made.authenticator_id, "user_id": made.user_id, "enabled": True,
                "credential_id": made.credential_id, "credential_user_id": made.user_handle,
                "username": "somebody", "aaguid": UUID, "backed_up": False, "counter": 0,
                "device_type": "singleDevice", "transports": ["internal"], "rp_id": RP_ID,
                "last_used_at": 0}
    assert {key: passkey[key] for key in expected} == expected
    assert passkey["public_key"].startswith("pQECAyYgASFYI")


def test_passkey_knows_when_it_was_used(stack, connection):
    made = registered(stack, connection)
    stack.sign_in(made)
    (passkey,) = connection.method("GetPasskey", made.authenticator_id)
    assert plain(passkey)["last_used_at"] >= plain(passkey)["created_at"]


def test_passkey_that_does_not_exist(connection):
    with raises("NotFound"):
        connection.method("GetPasskey", "pk_never-made")


@pytest.fixture(scope="module")
def populated():
    """250 passkeys of 100 users, none of them linked."""
    stack = Stack()
    stack.sandbox = Sandbox(stack.work, options=("--populate=250:100",))
    stack.keys = {"passlock.default": stack.sandbox.api_key}
    with stack:
        yield stack


def test_list_goes_to_the_end(populated):
    with populated.connect() as connection:
        pages, cursor = [], ""
        while not pages or cursor:
            page, cursor = connection.method("ListPasskeys", cursor)
            pages.append(page)
            assert len(cursor) <= 512
    assert len(pages) > 1 and all(pages)
    found = [passkey for page in pages for passkey in page]
    assert all(types(passkey) == SUMMARY for passkey in found)
    assert sorted((plain(passkey)["id"], plain(passkey)["user_id"]) for passkey in found) == \
        [(f"pk_{n:08}_syntheticpasskey", f"user_{(n - 1) % 100 + 1:08}") for n in range(1, 251)]
    assert {plain(passkey)["last_used_at"] for passkey in found} == {0}


def test_list_says_what_get_says(stack, connection):
    made = registered(stack, connection)
    stack.sign_in(made)
    (whole,) = connection.method("GetPasskey", made.authenticator_id)
    (listed,) = [each for each in connection.passkeys() if each["id"] == made.authenticator_id]
    assert listed == {key: plain(whole)[key] for key in SUMMARY}


@pytest.mark.parametrize("cursor", ["never-given", "é", " ", "&a=b", "x" * 512],
                         ids=lambda cursor: cursor[:9])
def test_cursor_that_was_never_given(populated, cursor):
    """An error of the caller, which does not change State."""
    with populated.connect() as connection:
        with raises("BadRequest", "InvalidArgs"):
            connection.method("ListPasskeys", cursor)
        assert connection.state() == "ready"


def test_cursor_that_is_too_long(populated):
    calls = populated.sandbox.calls()
    with populated.connect() as connection, raises("InvalidArgs"):
        connection.method("ListPasskeys", "x" * 100000)
    assert populated.sandbox.calls() == calls


def test_looking_changes_nothing(stack, connection):
    made = stack.create_passkey()
    connection.method("GetPasskey", made.authenticator_id)
    connection.passkeys()
    with raises("NotFound"):
        connection.links("GetUser", made.authenticator_id)


# Renaming


def test_update(stack, connection):
    passkeys = [registered(stack, connection, user) for user in [new_user()] * 2]
    other = registered(stack, connection)
    token, expires_at, warnings = connection.method(
        "UpdatePasskeys", passkeys[0].user_id, "ada.l@example.com", {"display_name": ("s", "Ada L.")})
    assert warnings == []
    assert 0 < expires_at - time.time() * 1000 < 3600 * 1000
    for passkey, name in ((passkeys[0], "ada.l@example.com"), (passkeys[1], "ada.l@example.com"),
                          (other, "somebody")):
        (found,) = connection.method("GetPasskey", passkey.authenticator_id)
        assert plain(found)["username"] == name
    told = redeem(stack, "update", token)
    assert told["warnings"] == []
    assert {(each["rpId"], each["userId"], each["username"], each["displayName"])
            for each in told["instructions"]} == \
        {(RP_ID, passkey.user_handle, "ada.l@example.com", "Ada L.") for passkey in passkeys}
    assert all(is_linked(connection, passkey) for passkey in passkeys)
    with pytest.raises(Refused):
        redeem(stack, "update", token)


def test_update_without_a_name_for_people(stack, connection):
    passkey = registered(stack, connection)
    token, _, _ = connection.method("UpdatePasskeys", passkey.user_id, "ada", {})
    (instruction,) = redeem(stack, "update", token)["instructions"]
    assert (instruction["username"], instruction["displayName"]) == ("ada", "ada")


@pytest.mark.parametrize("method, args, kind", [
    ("UpdatePasskeys", ("ada", {}), "update"), ("DeleteUserPasskeys", ({},), "delete"),
    ("PrunePasskeys", ({},), "prune")])
def test_user_without_passkeys(stack, connection, method, args, kind):
    """A warning, but also a token."""
    token, _, ((code, message, passkey_id),) = connection.method(method, new_user(), *args)
    assert (code, passkey_id) == ("NO_PASSKEYS_FOUND", "")
    assert message
    told = redeem(stack, kind, token)
    assert told["instructions"] == []
    assert [warning["code"] for warning in told["warnings"]] == ["NO_PASSKEYS_FOUND"]


def test_prune_changes_nothing(stack, connection):
    passkey = registered(stack, connection)
    connection.settle()
    connection.signals.clear()
    token, _, warnings = connection.method("PrunePasskeys", passkey.user_id, {})
    assert warnings == []
    assert exists(connection, passkey) and is_linked(connection, passkey)
    (instruction,) = redeem(stack, "prune", token)["instructions"]
    assert instruction == {"rpId": RP_ID, "userId": passkey.user_handle,
                           "allAcceptedCredentialIds": [passkey.credential_id]}
    connection.settle()
    assert not connection.signals


# Deleting


@pytest.fixture(autouse=True)
def _subscribed(connection):
    connection.links("Subscribe")


def removed(connection, count: int) -> set:
    return {connection.wait_signal("Removed").args for _ in range(count)}


def test_delete(stack, connection):
    passkeys = [registered(stack, connection) for _ in range(2)]
    kept = registered(stack, connection, passkeys[0].user_id)
    connection.settle()
    connection.signals.clear()
    count = connection.count()
    token, expires_at, warnings = connection.method(
        "DeletePasskeys", [passkeys[0].authenticator_id, "pk_never-made",
                           passkeys[1].authenticator_id], {})
    assert [(code, passkey_id) for code, _, passkey_id in warnings] == \
        [("PASSKEY_NOT_FOUND", "pk_never-made")]
    assert 0 < expires_at - time.time() * 1000 < 3600 * 1000
    for passkey in passkeys:
        assert not exists(connection, passkey) and not is_linked(connection, passkey)
    assert exists(connection, kept) and is_linked(connection, kept)
    assert connection.count() == count - 2
    assert removed(connection, 2) == \
        {(passkey.user_id, passkey.authenticator_id) for passkey in passkeys}
    connection.settle()
    assert not connection.signals
    told = redeem(stack, "delete", token)
    assert {(each["rpId"], each["userId"], each["credentialId"]) for each in told["instructions"]} \
        == {(RP_ID, passkey.user_handle, passkey.credential_id) for passkey in passkeys}
    assert [warning["passkeyId"] for warning in told["warnings"]] == ["pk_never-made"]


def test_delete_what_is_only_linked(stack, connection):
    """The passkey is already gone, so the link is removed."""
    connection.links("Add", user := new_user(), key := new_user())
    _, _, ((code, _, passkey_id),) = connection.method("DeletePasskeys", [key], {})
    assert (code, passkey_id) == ("PASSKEY_NOT_FOUND", key)
    assert connection.links("ListByUser", user) == ([],)


def test_delete_what_is_not_linked(stack, connection):
    passkey = stack.create_passkey()
    connection.settle()
    connection.signals.clear()
    _, _, warnings = connection.method("DeletePasskeys", [passkey.authenticator_id], {})
    assert warnings == []
    assert not exists(connection, passkey)
    connection.settle()
    assert not connection.signals


def test_delete_whoever_it_is_linked_to(stack, connection):
    passkey = stack.create_passkey()
    connection.links("Add", other := new_user(), passkey.authenticator_id)
    connection.method("DeletePasskeys", [passkey.authenticator_id], {})
    assert connection.links("ListByUser", other) == ([],)


def test_delete_twice_in_one_call(stack, connection):
    passkey = registered(stack, connection)
    connection.method("DeletePasskeys", [passkey.authenticator_id] * 2, {})
    assert not exists(connection, passkey) and not is_linked(connection, passkey)


def test_delete_of_a_user(stack, connection):
    passkeys = [registered(stack, connection, user) for user in [new_user()] * 3]
    user = passkeys[0].user_id
    kept = registered(stack, connection, user + "x")
    connection.links("Add", user, local := new_user())
    connection.settle()
    connection.signals.clear()
    token, _, warnings = connection.method("DeleteUserPasskeys", user, {})
    assert warnings == []
    assert not any(exists(connection, passkey) for passkey in passkeys)
    assert connection.links("ListByUser", user) == ([],)
    assert removed(connection, 4) == {(user, key) for key in (
        local, *(passkey.authenticator_id for passkey in passkeys))}
    assert exists(connection, kept) and is_linked(connection, kept)
    assert len(redeem(stack, "delete", token)["instructions"]) == 3


@pytest.mark.parametrize("count, accepted", [(0, False), (1, True), (100, True), (101, False),
                                             (10000, False)])
def test_how_many_at_once(stack, connection, count, accepted):
    ids = [f"pk_{new_user()}" for _ in range(count)]
    calls = stack.sandbox.calls()
    if accepted:
        _, _, warnings = connection.method("DeletePasskeys", ids, {})
        assert sorted(passkey_id for _, _, passkey_id in warnings) == sorted(ids)
        return
    with raises("InvalidArgs"):
        connection.method("DeletePasskeys", ids, {})
    assert stack.sandbox.calls() == calls


def test_one_bad_id_of_many(stack, connection):
    passkey = registered(stack, connection)
    calls = stack.sandbox.calls()
    for bad in ("", "x" * 513):
        with raises("InvalidArgs"):
            connection.method("DeletePasskeys", [passkey.authenticator_id, bad], {})
    assert stack.sandbox.calls() == calls
    assert is_linked(connection, passkey)


def test_links_are_gone_from_the_disk(own_stack):
    """The links are removed on disk before the reply."""
    own_stack.start()
    with own_stack.connect() as connection:
        gone, kept = (registered(own_stack, connection) for _ in range(2))
        connection.method("DeletePasskeys", [gone.authenticator_id], {})
    own_stack.daemon.kill9()
    own_stack.daemon.start()
    with own_stack.connect() as connection:
        assert not is_linked(connection, gone)
        assert is_linked(connection, kept)


# Deleting, when something is in the way


@pytest.mark.parametrize("fault", ["drop", "cut"])
@pytest.mark.parametrize("method", ["DeletePasskeys", "DeleteUserPasskeys"])
def test_answer_is_lost(stack, connection, method, fault):
    """The reply is lost, but the passkeys are deleted: their links are removed."""
    gone = [registered(stack, connection, user) for user in [new_user()] * 2]
    kept = registered(stack, connection)
    connection.settle()
    connection.signals.clear()
    stack.sandbox.set_faults(f"{fault}@{DELETE}")
    args = [passkey.authenticator_id for passkey in gone], {}
    with raises("Unreachable", "MalformedReply"):
        connection.method(method, *(args if method == "DeletePasskeys" else (gone[0].user_id, {})))
    assert not any(exists(connection, passkey) for passkey in gone)
    eventually(lambda: not any(is_linked(connection, passkey) for passkey in gone))
    assert removed(connection, 2) == {(each.user_id, each.authenticator_id) for each in gone}
    assert exists(connection, kept) and is_linked(connection, kept)


@pytest.mark.parametrize("fault, names", [
    ("status=500", {"Unreachable"}), ("refuse", {"Unreachable"}), ("hang", {"Unreachable"}),
    ("status=429", {"RateLimited"}), ("garbage", {"MalformedReply"}), ("html", {"MalformedReply"})])
@pytest.mark.parametrize("method", ["DeletePasskeys", "DeleteUserPasskeys"])
def test_nothing_was_deleted(stack, connection, method, fault, names):
    passkeys = [registered(stack, connection, user) for user in [new_user()] * 2]
    stack.sandbox.set_faults(f"{fault}@{DELETE}")
    args = [passkey.authenticator_id for passkey in passkeys], {}
    with stack.hurrying(fault), raises(*names):
        connection.method(method,
                          *(args if method == "DeletePasskeys" else (passkeys[0].user_id, {})))
    stack.sandbox.set_faults()
    for passkey in passkeys:
        assert exists(connection, passkey) and is_linked(connection, passkey)


@pytest.mark.parametrize("spoil", ["missing=deletePasskeysToken", "wrong-type=expiresAt",
                                   "missing=warnings", "wrong-type=_tag"])
def test_answer_makes_no_sense(stack, connection, spoil):
    """The reply is malformed, but the passkey is deleted: its link is removed."""
    passkey = registered(stack, connection)
    stack.sandbox.set_faults(f"{spoil}@{DELETE}")
    with raises("MalformedReply"):
        connection.method("DeletePasskeys", [passkey.authenticator_id], {})
    assert not exists(connection, passkey)
    eventually(lambda: not is_linked(connection, passkey))


def test_answer_is_lost_and_no_other_comes(stack, connection):
    """The outcome is unknown, so no link is removed."""
    passkey = registered(stack, connection)
    stack.sandbox.set_faults(f"drop@{DELETE}", "status=500")
    with within(SHORT_SEC), raises("Unreachable"):
        connection.method("DeletePasskeys", [passkey.authenticator_id], {})
    assert is_linked(connection, passkey)


def test_caller_goes_in_the_middle(stack, connection):
    passkeys = [registered(stack, connection) for _ in range(2)]
    stack.sandbox.set_faults(f"delay=300@{DELETE}")
    calls = stack.calls(DELETE)
    with stack.connect() as gone:
        gone.start_method("DeletePasskeys", [passkeys[0].authenticator_id], {})
        gone.start_method("DeleteUserPasskeys", passkeys[1].user_id, {})
        stack.wait_calls(DELETE, calls + 2)
    eventually(lambda: not any(exists(connection, passkey) for passkey in passkeys))
    eventually(lambda: not any(is_linked(connection, passkey) for passkey in passkeys))


def test_api_is_down(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    passkey = registered(own_stack, connection)
    own_stack.sandbox.stop()
    calls = [connection.start_method(method, *args) for method, args in (
        ("DeletePasskeys", ([passkey.authenticator_id], {})),
        ("DeleteUserPasskeys", (passkey.user_id, {})),
        ("UpdatePasskeys", (passkey.user_id, "ada", {})), ("PrunePasskeys", (passkey.user_id, {})),
        ("GetPasskey", (passkey.authenticator_id,)), ("ListPasskeys", ("",)))]
    with within(SHORT_SEC):
        assert [connection.outcome(call) for call in calls] == [("error", "Unreachable")] * 6
    assert is_linked(connection, passkey)


# What another API might say


CREDENTIAL = {"id": "Y3JlZA", "userId": "dXNlcg", "username": "ada", "aaguid": UUID,
              "backedUp": True, "counter": 4294967295, "deviceType": "multiDevice",
              "transports": ["hybrid", "telepathy"], "publicKey": "pQ", "rpId": "localhost"}
WHOLE = {"_tag": "Passkey", "id": "pk1", "userId": "ada", "enabled": False, "createdAt": 1767225600000,
         "updatedAt": 1767225660000, "credential": CREDENTIAL}
ROW = {"_tag": "PasskeySummary", "id": "pk1", "userId": "ada", "enabled": True,
       "createdAt": 1767225600000, "credential": {"id": "Y3JlZA", "userId": "dXNlcg"}}


def a_page(*records: dict, cursor=None) -> dict:
    return {"_tag": "FindAllPasskeys", "cursor": cursor, "records": list(records)}


@pytest.fixture(scope="module")
def odd_api():
    with Stack() as stack, StandIn() as api:
        stack.sections["Tenancy default"] = stack.tenancy(Endpoint=api.endpoint)
        stack.apply()
        yield stack, api


@pytest.fixture
def api(odd_api):
    yield odd_api[1]
    odd_api[1].answer = None
    odd_api[1].requests.clear()


@pytest.fixture
def odd(odd_api):
    with odd_api[0].connect() as connection:
        yield connection


def test_passkey_that_has_little_to_say(odd, api):
    api.reply = Reply(200, WHOLE | {"more": [1]})
    (passkey,) = odd.method("GetPasskey", "pk1")
    assert set(PASSKEY) - set(passkey) == {"platform_name", "platform_icon"}
    passkey = plain(passkey)
    assert (passkey["last_used_at"], passkey["enabled"], passkey["counter"]) == \
        (0, False, 4294967295)
    assert "hybrid" in passkey["transports"]


@pytest.mark.parametrize("value, ms", [
    (1767225600, 1767225600000), (99999999999, 99999999999000), (100000000000, 100000000000),
    (1767225600000, 1767225600000), (0, 0)])
def test_times_may_be_seconds(odd, api, value, ms):
    """The unit is not documented: numbers too small for milliseconds are seconds."""
    times = {"createdAt": value, "lastUsed": value}
    api.reply = Reply(200, WHOLE | times | {"updatedAt": value})
    found = plain(odd.method("GetPasskey", "pk1")[0])
    assert (found["created_at"], found["last_used_at"], found["updated_at"]) == (ms, ms, ms)
    api.reply = Reply(200, a_page(ROW | times))
    ((row,), _) = odd.method("ListPasskeys", "")
    assert (plain(row)["created_at"], plain(row)["last_used_at"]) == (ms, ms)


@pytest.mark.parametrize("change", [
    {"id": ""}, {"id": 7}, {"id": "x" * 513}, {"_tag": "PasskeySummary"}, {"enabled": "yes"},
    {"createdAt": "now"}, {"createdAt": -1}, {"updatedAt": None}, {"credential": None},
    {"credential": {}}, {"credential": CREDENTIAL | {"counter": -1}},
    {"credential": CREDENTIAL | {"transports": "usb"}}, {"credential": CREDENTIAL | {"rpId": 7}}],
    ids=str)
def test_passkey_that_is_none(odd, api, change):
    api.reply = Reply(200, WHOLE | change)
    with raises("MalformedReply"):
        odd.method("GetPasskey", "pk1")


@pytest.mark.parametrize("reply", [
    {"_tag": "FindAllPasskeys", "cursor": None}, {"_tag": "FindAllPasskeys", "records": {}},
    {"_tag": "Passkeys", "cursor": None, "records": []}, a_page(ROW, cursor=7)], ids=range(4))
def test_page_that_is_none(odd, api, reply):
    api.reply = Reply(200, reply)
    with raises("MalformedReply"):
        odd.method("ListPasskeys", "")


NO_ROWS = [{}, 7, None, ROW | {"id": ""}, ROW | {"id": "x" * 513}, ROW | {"userId": 7},
           {key: value for key, value in ROW.items() if key != "userId"}, ROW | {"enabled": 1},
           ROW | {"createdAt": "now"}, ROW | {"credential": {}}, ROW | {"_tag": "Passkey"},
           ROW | {"userId": "a\ud83d"}]


@pytest.mark.parametrize("bad", NO_ROWS, ids=range(len(NO_ROWS)))
def test_row_that_is_none_is_left_out(odd, odd_api, api, bad):
    """Skipped rows are recorded once per page."""
    recorded = unreadable(odd_api[0])
    api.reply = Reply(200, a_page(bad, ROW | {"id": "first"}, bad, ROW | {"id": "second"},
                                  cursor="next"))
    rows, cursor = odd.method("ListPasskeys", "")
    assert [plain(row)["id"] for row in rows] == ["first", "second"]
    assert cursor == "next"
    assert odd.state() == "ready"
    assert unreadable(odd_api[0]) == recorded + ["2"]


def unreadable(stack) -> list[str]:
    """The numbers of unreadable rows in the records."""
    return re.findall(r"Unreadable passkeys of the vault skipped, tenancy default.* (\d+)",
                      stack.daemon.log_text())


@pytest.mark.parametrize("username, shown", [
    ("u" * 300, "u" * 256), ("\xeb" * 200, "\xeb" * 128), ("a\nb", ""), ("\ufffe", ""), ("\udd11", ""),
    ("", ""), (7, ""), (None, "")], ids=lambda text: ascii(text)[:12])
def test_names_of_passkeys_break_nothing(odd, api, username, shown):
    """Users choose the names of passkeys."""
    api.reply = Reply(200, WHOLE | {"credential": CREDENTIAL | {"username": username},
                                    "platform": {"name": username, "icon": username}})
    told = plain(odd.method("GetPasskey", "pk1")[0])
    assert told["username"] == shown
    assert told.get("platform_name", "") == shown
    assert told["rp_id"] == CREDENTIAL["rpId"]


def test_transports_that_browsers_make_up(odd, api):
    odd_ones = ["hybrid", "", "a\nb", 7, None, "t" * 65, "\ufffe", "usb"]
    api.reply = Reply(200, WHOLE | {"credential": CREDENTIAL | {"transports": odd_ones}})
    assert plain(odd.method("GetPasskey", "pk1")[0])["transports"] == ["hybrid", "usb"]


@pytest.mark.parametrize("cursor, expected", [(None, ""), ("", ""), ("a b/c?d=e&f", "a b/c?d=e&f")])
def test_cursors_come_and_go_as_they_are(odd, api, cursor, expected):
    api.reply = Reply(200, a_page(ROW, cursor=cursor))
    (_, given) = odd.method("ListPasskeys", "")
    assert given == expected
    assert "cursor" not in api.requests[-1].path
    if given:
        odd.method("ListPasskeys", given)
        assert unquote(api.requests[-1].path.partition("?cursor=")[2]) == given


def test_ids_are_escaped(odd, api):
    api.fail(404, "NotFound", "no")
    for passkey_id in ("a/b", "..", "a?b=c", "a#b", "%2e%2e", "a b", "é", "."):
        api.requests.clear()
        with raises("NotFound", "InvalidArgs"):
            odd.method("GetPasskey", passkey_id)
        for request in api.requests:
            segments = request.path.split("/")
            assert len(segments) == 5 and segments[4] not in ("", ".", "..")
            assert "?" not in request.path and "#" not in request.path


@pytest.mark.parametrize("method, args, body", [
    ("DeletePasskeys", (["a", "b"], {}), {"passkeyIds": ["a", "b"]}),
    ("DeleteUserPasskeys", ("ada", {}), {"userId": "ada"}),
    ("PrunePasskeys", ("ada", {}), {"userId": "ada"}),
    ("UpdatePasskeys", ("ada", "A", {}), {"userId": "ada", "username": "A"}),
    ("UpdatePasskeys", ("ada", "A", {"display_name": ("s", "B")}),
     {"userId": "ada", "username": "A", "displayName": "B"})])
def test_requests_are_as_the_api_wants_them(odd, api, method, args, body):
    api.fail(400, "BadRequest", "no")
    with raises("BadRequest"):
        odd.method(method, *args)
    request = [each for each in api.requests if each.method == "POST"][-1]
    assert json.loads(request.body) == body


def test_warnings_of_all_kinds(odd, api):
    """Unknown warning codes are passed on."""
    api.reply = Reply(202, {
        "_tag": "PreparedPasskeyDeletion", "deletePasskeysToken": "dt", "expiresAt": 1767225900000,
        "warnings": [{"code": "SOMETHING_NEW", "message": "so", "more": 1},
                     {"code": "PASSKEY_NOT_FOUND", "message": "no", "passkeyId": "a"},
                     {"code": "NO_PASSKEYS_FOUND", "message": "no", "passkeyId": None}]})
    assert odd.method("DeletePasskeys", ["a"], {}) == (
        "dt", 1767225900000, [("SOMETHING_NEW", "so", ""), ("PASSKEY_NOT_FOUND", "no", "a"),
                              ("NO_PASSKEYS_FOUND", "no", "")])


def test_answer_is_lost_of_some_of_them(odd, api):
    """Each passkey is looked up: only links of passkeys that the API reports as not found are removed."""
    replies = {"gone": Reply(404, {"_tag": "@error/NotFound", "message": "no"}),
               "there": Reply(200, WHOLE), "unclear": Reply(500), "odd": Reply(200, b"<html>"),
               "denied": Reply(403, {"_tag": "@error/Forbidden", "message": "no"}),
               "elsewhere": Reply(404, b"<html>not this way"),
               "other tag": Reply(404, {"_tag": "@error/InvalidCode", "message": "no"})}
    user = new_user()
    for kind in replies:
        odd.links("Add", user, kind)
    api.answer = lambda request: Reply(500) if request.method == "POST" else \
        replies[unquote(request.path.rpartition("/")[2])]
    with raises("Unreachable"):
        odd.method("DeletePasskeys", list(replies), {})
    eventually(lambda: "gone" not in linked_to(odd, user))
    assert sorted(linked_to(odd, user)) == sorted(set(replies) - {"gone"})


def linked_to(connection, user: str) -> list[str]:
    return [plain(link)["authenticator_id"] for link in connection.links("ListByUser", user)[0]]
