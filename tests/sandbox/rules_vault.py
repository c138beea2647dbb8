# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rules of codes and of the vault."""

import time

import shapes
from authenticator import authenticate, register
from conformance import bad_request, good_management, page_passkey, rule, same, warnings_of
from conftest import ORIGIN
from shapes import error


@rule("4.3 codes are valid once, in their tenancy")
def _(world):
    for page in (world.register(), world.sign_in(world.device()).json):
        same(world.backend("GET", f"principal/{page['code']}", tenancy="T2"), 404, error("InvalidCode"))
        same(world.backend("GET", f"principal/{page['code']}"), 200, shapes.PRINCIPAL)
        same(world.backend("GET", f"principal/{page['code']}"), 404, error("InvalidCode"))


@rule("4.3 other tokens are not codes")
def _(world):
    session, _ = world.sign_in_options(discoverable=True)
    for token in (session, world.authorize(), good_management("delete")(world).json["deletePasskeysToken"], "", "x"):
        same(world.backend("GET", f"principal/{token}"), 404, error("InvalidCode"))


@rule("4.3 no older form of the exchange")
def _(world):
    code = world.register()["code"]
    same(world.backend("POST", f"principal/{code}", {"userId": "x"}), 404, error("NotFound"))
    assert world.backend("GET", f"principal/{code}").status == 200


@rule("4.4 unknown passkeys")
def _(world):
    other = world.device(tenancy="T2").id
    for name in ("x", other, "x" * 1000):
        same(world.backend("GET", f"passkeys/{name}"), 404, error("NotFound"))


@rule("4.5 cursor: null at the end, else good for the next page; by creation")
def _(world):
    ids = [world.device("rows", "T2").id for _ in range(101)]
    seen, cursor, sizes = [], None, []
    while True:
        page = same(world.backend("GET", "passkeys/" + (f"?cursor={cursor}" if cursor else ""), tenancy="T2"),
                    200, shapes.PAGE)
        seen += [row["id"] for row in page["records"]]
        sizes.append(len(page["records"]))
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen[-101:] == ids and seen == sorted(seen) and len(set(seen)) == len(seen)
    assert set(sizes[:-1]) == {100} and 1 <= sizes[-1] <= 100


@rule("4.5 a cursor stays valid after its passkey is deleted")
def _(world):
    page = world.backend("GET", "passkeys/").json
    while page["cursor"] is None:
        for _ in range(50):
            world.device("filler")
        page = world.backend("GET", "passkeys/").json
    following = world.backend("GET", f"passkeys/?cursor={page['cursor']}").json["records"]
    world.backend("POST", "passkeys/delete", {"passkeyIds": [page["records"][-1]["id"]]})
    assert world.backend("GET", f"passkeys/?cursor={page['cursor']}").json["records"] == following


@rule("3.2 lastUsed of a row, once there is one")
def _(world):
    with_it, without = world.device("rows-3.2", "T2"), world.device("rows-3.2", "T2")
    world.sign_in(with_it, tenancy="T2")
    rows, cursor = {}, None
    while True:
        page = world.backend("GET", "passkeys/" + (f"?cursor={cursor}" if cursor else ""), tenancy="T2").json
        rows.update({row["id"]: row for row in page["records"]})
        cursor = page["cursor"]
        if cursor is None:
            break
    assert rows[with_it.id]["lastUsed"] == world.passkey(with_it.id, "T2")["lastUsed"]
    assert "lastUsed" not in rows[without.id]


@rule("U-5 cursors that were never issued")
def _(world):
    for cursor in ("", "x", "null", "pk_00000001"):
        bad_request(world.backend("GET", f"passkeys/?cursor={cursor}"))


@rule("4.6 all passkeys of the user, of every relying party, and of nobody else")
def _(world):
    one, two, other = world.device("renamed"), world.device("renamed"), world.device("not-renamed")
    before = int(time.time() * 1000)
    world.backend("POST", "passkeys/update", {"userId": "renamed", "username": "New"})
    for device in (one, two):
        passkey = world.passkey(device.id)
        assert passkey["credential"]["username"] == "New" and passkey["updatedAt"] >= before
        assert "displayName" not in passkey["credential"]
    assert world.passkey(other.id)["credential"]["username"] == "ada@example.com"


@rule("5.5 one instruction for each relying party and handle, with names")
def _(world):
    one = world.device("two-rps")
    world.device("two-rps")
    session, options = world.options(rpId="b.example", origin="https://b.example", userId="two-rps")
    page = world.verify(session, register(options, "https://b.example"), origin="https://b.example").json
    elsewhere = world.passkey(page_passkey(page))["credential"]["userId"]
    for given, display in (({"displayName": "Ada L."}, "Ada L."), ({"displayName": ""}, ""), ({}, "new")):
        answer = world.backend("POST", "passkeys/update", {"userId": "two-rps", "username": "new", **given}).json
        body = {"updatePasskeysToken": answer["updatePasskeysToken"]}
        assert world.page_call("passkeys/update/exchange", body).json == {
            "_tag": "PasskeyUpdateInstructions", "warnings": [], "instructions": [
                {"rpId": "localhost", "userId": one.handle, "username": "new", "displayName": display},
                {"rpId": "b.example", "userId": elsewhere, "username": "new", "displayName": display}]}


for kind in ("update", "delete", "prune"):
    @rule(f"3.4 NO_PASSKEYS_FOUND of {kind}, again in the exchange (U-18)")
    def _(world, kind=kind):
        warnings, instructions = warnings_of(world, kind, {"userId": "nobody", "username": "x"} if kind == "update"
                                             else {"userId": "nobody"})
        assert [warning["code"] for warning in warnings] == ["NO_PASSKEYS_FOUND"] and instructions == []
        assert "passkeyId" not in warnings[0]


@rule("3.4 PASSKEY_NOT_FOUND for each missing id, again in the exchange")
def _(world):
    device, elsewhere = world.device("half"), world.device("half", "T2")
    ids = ["pk_one", device.id, "pk_two", elsewhere.id, "pk_one", device.id]
    warnings, instructions = warnings_of(world, "delete", {"passkeyIds": ids})
    assert [(warning["code"], warning["passkeyId"]) for warning in warnings] == [
        ("PASSKEY_NOT_FOUND", name) for name in ("pk_one", "pk_two", elsewhere.id)]
    assert [item["credentialId"] for item in instructions] == [device.credential_id]
    assert world.passkey(elsewhere.id, "T2")


@rule("4.7 the passkeys are deleted at once, before the token is redeemed")
def _(world):
    one, two, three = (world.device("deleted") for _ in range(3))
    world.backend("POST", "passkeys/delete", {"passkeyIds": [two.id]})
    assert world.backend("GET", f"passkeys/{two.id}").status == 404
    assert world.passkey(one.id) and world.passkey(three.id)
    world.backend("POST", "passkeys/delete", {"userId": "deleted"})
    assert [world.backend("GET", f"passkeys/{device.id}").status for device in (one, two, three)] == [404] * 3
    assert warnings_of(world, "prune", {"userId": "deleted"})[0][0]["code"] == "NO_PASSKEYS_FOUND"


@rule("4.7 a deleted credential can be registered again")
def _(world):
    device = world.device("again")
    world.backend("POST", "passkeys/delete", {"passkeyIds": [device.id]})
    page = world.register(device.credential)
    assert page_passkey(page) != device.id


@rule("4.7 after a deletion, an earlier code is valid, an earlier session is not")
def _(world):
    device = world.device("late")
    code = world.sign_in(device).json["code"]
    session, options = world.sign_in_options(userId="late")
    world.backend("POST", "passkeys/delete", {"userId": "late"})
    assert world.backend("GET", f"principal/{code}").json["authenticatorId"] == device.id
    response = authenticate(options, ORIGIN, device.credential, user_handle=device.handle)
    assert world.sign_in_verify(session, response).tag == "@error/PasskeyNotFound"


@rule("5.6 one instruction for each credential, frozen before the deletion")
def _(world):
    one, two = world.device("frozen"), world.device("frozen")
    token = world.backend("POST", "passkeys/delete", {"userId": "frozen"}).json["deletePasskeysToken"]
    assert world.page_call("passkeys/delete/exchange", {"deletePasskeysToken": token}).json == {
        "_tag": "PasskeyDeletionInstructions", "warnings": [], "instructions": [
            {"rpId": "localhost", "userId": device.handle, "credentialId": device.credential_id}
            for device in (one, two)]}


@rule("4.8 deletes nothing; 5.7 the instructions are a snapshot of the vault at 4.8")
def _(world):
    one, two = world.device("pruned"), world.device("pruned")
    token = world.backend("POST", "passkeys/prune", {"userId": "pruned"}).json["prunePasskeysToken"]
    assert world.passkey(one.id) and world.passkey(two.id)
    world.device("pruned")
    world.backend("POST", "passkeys/delete", {"passkeyIds": [one.id]})
    assert world.page_call("passkeys/prune/exchange", {"prunePasskeysToken": token}).json == {
        "_tag": "PasskeyPruningInstructions", "warnings": [], "instructions": [
            {"rpId": "localhost", "userId": one.handle,
             "allAcceptedCredentialIds": [one.credential_id, two.credential_id]}]}
