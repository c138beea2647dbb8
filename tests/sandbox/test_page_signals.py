# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page module, browser/passlock.js, in Chromium: changes of the vault that are signalled to the device."""

import json

import pytest

from page import needs_browser
from test_page import FAULTS, assert_failed

pytestmark = needs_browser
SIGNALS = {"update": "signalCurrentUserDetails", "delete": "signalUnknownCredential",
           "prune": "signalAllAcceptedCredentials"}
TAGS = {"update": "Update", "delete": "Delete", "prune": "Pruning"}


def succeeded(kind, warnings=()):
    payload = {"_tag": f"{TAGS[kind]}Success", "warnings": list(warnings)}
    return {**payload, "success": True, "failure": False, "value": payload}


def codes(result):
    assert result["success"] is True, result
    return [warning["code"] for warning in result["warnings"]]


def request(kind, user):
    return {"userId": user, **({"username": "x"} if kind == "update" else {})}


def test_update(person):
    person.register(userId="renamed")
    [held] = person.page.credentials()
    assert held["userName"] == "ada@example.com"
    token = person.prepare("update", userId="renamed", username="ada.l", displayName="Ada L.")
    assert person.redeem("update", token) == succeeded("update")
    [held] = person.page.credentials()
    assert (held["userName"], held["userDisplayName"]) == ("ada.l", "Ada L.")


def test_delete(person):
    passkey = person.register(userId="deleted")
    result = person.redeem("delete", person.prepare("delete", passkeyIds=[passkey["id"], "pk_unknown"]))
    assert codes(result) == ["PASSKEY_NOT_FOUND"]
    assert person.page.credentials() == []


def test_prune(person):
    kept = person.register(userId="pruned")
    assert person.redeem("prune", person.prepare("prune", userId="pruned")) == succeeded("prune")
    assert len(person.page.credentials()) == 1
    # Delete the passkey in the vault, and create another one, which is not on this device.
    person.sandbox.backend("POST", "passkeys/delete", {"passkeyIds": [kept["id"]]})
    person.sandbox.device("pruned")
    person.redeem("prune", person.prepare("prune", userId="pruned"))
    assert person.page.credentials() == []


@pytest.mark.parametrize("kind", SIGNALS)
def test_browser_without_signal_api(person, kind):
    person.sandbox.device("unsignalled")
    token = person.prepare(kind, **request(kind, "unsignalled"))
    result = person.redeem(kind, token, f"delete PublicKeyCredential.{SIGNALS[kind]}")
    assert codes(result) == ["BROWSER_SIGNAL_UNSUPPORTED"]
    redeemed = person.sandbox.page_call(f"passkeys/{kind}/exchange", {f"{kind}PasskeysToken": token})
    assert redeemed.status == 200  # the page did not redeem the token


@pytest.mark.parametrize("kind", SIGNALS)
def test_failed_and_empty_signals(person, kind):
    person.sandbox.device(f"failing-{kind}")
    fail = f'PublicKeyCredential.{SIGNALS[kind]} = async () => {{ throw new Error("no") }}'
    result = person.redeem(kind, person.prepare(kind, **request(kind, f"failing-{kind}")), fail)
    assert result == succeeded(kind, [{"code": "BROWSER_SIGNAL_FAILED", "message": "no"}])
    result = person.redeem(kind, person.prepare(kind, **request(kind, "nobody")), fail)
    assert codes(result) == ["NO_PASSKEYS_FOUND", "EMPTY_SIGNAL_PAYLOAD"]


@pytest.mark.parametrize("kind", SIGNALS)
def test_token_that_cannot_be_redeemed(person, kind):
    for token in ("no-such-token", 7, "", None):
        assert_failed(person.redeem(kind, token), TAGS[kind], code="OTHER_ERROR")
    assert_failed(person.run(f"return passlock.{kind}Passkeys()"), TAGS[kind], code="OTHER_ERROR")
    assert_failed(person.run(f"return lib.{kind}Passkeys({{ {kind}PasskeysToken: 't' }})"), TAGS[kind])


@pytest.mark.parametrize("kind", SIGNALS)
def test_broken_api(person, kind):
    for fault in FAULTS:
        token = person.prepare(kind, **request(kind, "nobody"))
        person.sandbox.faults(f"{fault}@{kind}-exchange")
        try:
            result = person.redeem(kind, token)
        finally:
            person.sandbox.faults()
        assert_failed(result, TAGS[kind], code="OTHER_ERROR",
                      cause={"name": "@error/Network", "_tag": "@error/Network"})


# Orphaned passkeys

ORPHAN = 'new lib.OrphanedPasskeyError("gone", { credentialId: "AAAA", rpId: "localhost" })'


def test_delete_orphaned_passkey(person):
    passkey = person.register(userId="orphan")
    person.sandbox.backend("POST", "passkeys/delete", {"passkeyIds": [passkey["id"]]})
    token = person.sandbox.authorize_sign_in(discoverable=True)
    assert len(person.page.credentials()) == 1
    error, result = person.run(f"""
        const error = await passlock.authenticatePasskey({{ authenticationToken: "{token}" }});
        return [error, await passlock.deleteOrphanedPasskey(error)]""")
    assert_failed(error, "OrphanedPasskey")
    assert result == succeeded("delete")
    assert person.page.credentials() == []


def test_delete_orphaned_passkey_signals_two_members_and_makes_no_request(person):
    calls = person.sandbox.calls()
    signalled, result = person.run(f"""
        const signalled = [];
        PublicKeyCredential.signalUnknownCredential = async (details) => signalled.push(details);
        const result = await lib.deleteOrphanedPasskey({ORPHAN});
        return [signalled, result]""")
    assert signalled == [{"rpId": "localhost", "credentialId": "AAAA"}]
    assert result == succeeded("delete")
    assert person.sandbox.calls() == calls


@pytest.mark.parametrize("error", [
    'undefined', 'null', '"AAAA"', '{ credentialId: "AAAA", rpId: "localhost" }', f'{{ ...{ORPHAN} }}',
    f'{{ ...{ORPHAN}, _tag: "@error/OrphanedPasskey" }}', 'new lib.NetworkError("off", { url: "u" })',
])
def test_delete_orphaned_passkey_requires_the_error(person, error):
    signalled, result = person.run(f"""
        const signalled = [];
        PublicKeyCredential.signalUnknownCredential = async (details) => signalled.push(details);
        const result = await passlock.deleteOrphanedPasskey({error});
        return [signalled, result]""")
    assert signalled == []
    assert_failed(result, "Delete", code="OTHER_ERROR")


def test_delete_orphaned_passkey_without_signal_api(person):
    result = person.run(f"""delete PublicKeyCredential.signalUnknownCredential;
        return passlock.deleteOrphanedPasskey({ORPHAN})""")
    assert codes(result) == ["BROWSER_SIGNAL_UNSUPPORTED"]


def test_browser_that_never_settles_a_signal(person):
    """The page's clock is replaced, so the test need not wait."""
    waited, result = person.run(f"""
        PublicKeyCredential.signalUnknownCredential = () => new Promise(() => {{}});
        const real = globalThis.setTimeout;
        let waited;
        globalThis.setTimeout = (callback, delay) => {{ waited = delay; return real(callback, 0); }};
        const result = await passlock.deleteOrphanedPasskey({ORPHAN});
        globalThis.setTimeout = real;
        return [waited, result]""")
    assert waited == 5000 and codes(result) == ["BROWSER_SIGNAL_FAILED"]


# Type guards

GUARDS = {
    "isNetworkError": 'new lib.NetworkError("m", { url: "u" })',
    "isPasskeyUnsupportedError": 'new lib.PasskeyUnsupportedError("m")',
    "isDuplicatePasskeyError": 'new lib.DuplicatePasskeyError("m")',
    "isOrphanedPasskeyError": ORPHAN,
    "isOtherPasskeyError": 'new lib.OtherPasskeyError("m", { code: "OTHER_ERROR" })',
    "isUpdateError": 'new lib.UpdateError("m", { code: "OTHER_ERROR" })',
    "isDeleteError": 'new lib.DeleteError("m", { code: "OTHER_ERROR" })',
    "isPruningError": 'new lib.PruningError("m", { code: "OTHER_ERROR" })',
    **{f"is{tag}Success": json.dumps({"_tag": f"{tag}Success", "success": True})
       for tag in ("Registration", "Authentication", "Update", "Delete", "Pruning")},
}


def test_guards(person):
    """Each guard accepts its result, and no other."""
    accepted = person.run(f"""
        const results = {{ {", ".join(f"{guard}: {result}" for guard, result in GUARDS.items())} }};
        const others = [undefined, null, 7, "x", {{}}, new Error("x"), {{ _tag: "UpdateSuccess" }},
                        {{ _tag: "@error/Network" }}];
        const guards = Object.keys(lib).filter((name) => /^is.*(Success|Error)$/.test(name));
        return Object.fromEntries(guards.map((guard) => [guard, [
            ...Object.keys(results).filter((name) => lib[guard](results[name])),
            ...others.filter((other) => lib[guard](other))]]))""")
    assert accepted == {guard: [guard] for guard in GUARDS}
