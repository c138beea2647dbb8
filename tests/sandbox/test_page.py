# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page module, browser/passlock.js, in Chromium: ceremonies."""

import json

import pytest

from page import needs_browser

pytestmark = needs_browser
PASSTHROUGH = "ERROR_PASSTHROUGH_SEE_CAUSE_PROPERTY"


def assert_failed(result, tag, **members):
    """Each failed result is an Error, and its own `error`."""
    assert result["_tag"] == result["name"] == f"@error/{tag}", result
    assert (result["success"], result["failure"]) == (False, True)
    assert result["isError"] and result["isItself"] and result["message"]
    assert {name: result.get(name) for name in members} == members


@pytest.mark.parametrize("scope", [{"discoverable": True}, {"userId": "browser"}])
def test_sign_in(person, scope):
    passkey = person.register(userId="browser")
    answer = person.sign_in(**scope)
    assert answer["events"] == ["optionsRequest", "getCredential", "verifyCredential"]
    result = answer["result"]
    assert result["principal"] == {"authenticatorId": passkey["id"], "userId": "browser"}
    principal = person.sandbox.backend("GET", f"principal/{result['code']}").json
    assert principal["passkey"]["userVerified"] is True
    used = person.sandbox.passkey(passkey["id"])
    assert used["lastUsed"] and used["credential"]["counter"] > passkey["credential"]["counter"]


def test_successful_result(person):
    """The payload, and beside its members the ones of a result."""
    result = person.create(person.sandbox.authorize(userId="payload"), after="return [result, events]")
    result, events = result
    payload = {name: result[name] for name in ("_tag", "principal", "code", "id_token")}
    assert payload["_tag"] == "RegistrationSuccess"
    assert result == {**payload, "success": True, "failure": False, "value": payload}
    assert events == ["optionsRequest", "createCredential", "saveCredential"]
    result = person.sign_in(userId="payload")["result"]
    assert result["_tag"] == result["value"]["_tag"] == "AuthenticationSuccess"


def test_functions(person):
    """A function for each call, with the configuration as second argument."""
    token, sign_in = person.sandbox.authorize(userId="function"), person.sandbox.authorize_sign_in(discoverable=True)
    results = person.run(f"""
        const config = {{ tenancyId: "T1", endpoint: new URL("{person.sandbox.url}") }};
        return [await lib.registerPasskey({{ registrationToken: "{token}" }}, config),
                await lib.authenticatePasskey({{ authenticationToken: "{sign_in}" }}, config),
                await lib.registerPasskey({{ registrationToken: "x" }})];""")
    assert [result["_tag"] for result in results[:2]] == ["RegistrationSuccess", "AuthenticationSuccess"]
    assert_failed(results[2], "OtherPasskey", code="OTHER_ERROR")
    assert "tenancyId" in results[2]["message"]


def test_requests_keep_the_path_of_the_endpoint(person):
    requested = person.run("""
        const requested = [];
        globalThis.fetch = async (url) => { requested.push(String(url)); throw new TypeError("off"); };
        for (const endpoint of ["http://h.test:1", "http://h.test:1/base/", "http://h.test:1/base"])
            await lib.registerPasskey({ registrationToken: "t" }, { tenancyId: "a/b", endpoint });
        return requested;""")
    path = "v2/a%2Fb/passkey/registration/options"
    assert requested == [f"http://h.test:1/{path}", f"http://h.test:1/base/{path}", f"http://h.test:1/{path}"]


def test_duplicate_passkey(person):
    first = person.register(userId="twice")
    result = person.create(person.sandbox.authorize(userId="twice", excludeCredentials=[first["id"]]))
    assert_failed(result, "DuplicatePasskey", cause={"name": "InvalidStateError"})


def test_orphaned_passkey(person):
    passkey = person.register(userId="orphan")
    person.sandbox.backend("POST", "passkeys/delete", {"passkeyIds": [passkey["id"]]})
    error = person.sign_in(discoverable=True)["result"]
    assert_failed(error, "OrphanedPasskey", rpId="localhost", credentialId=passkey["credential"]["id"])


PROMPT_ERRORS = {
    "NotAllowedError": PASSTHROUGH, "DataError": PASSTHROUGH, "AbortError": "ERROR_CEREMONY_ABORTED",
    "UnknownError": "ERROR_AUTHENTICATOR_GENERAL_ERROR",
    "NotSupportedError": "ERROR_AUTHENTICATOR_NO_SUPPORTED_PUBKEYCREDPARAMS_ALG",
    "ConstraintError": "ERROR_AUTHENTICATOR_MISSING_DISCOVERABLE_CREDENTIAL_SUPPORT",
}


@pytest.mark.parametrize("name, code", PROMPT_ERRORS.items())
def test_prompt_errors(person, name, code):
    fail = f'navigator.credentials.create = async () => {{ throw new DOMException("no", "{name}"); }}'
    result = person.create(person.sandbox.authorize(), fail)
    assert_failed(result, "OtherPasskey", code=code, message="no", cause={"name": name})


def test_user_does_not_verify(person):
    person.page.set_verified(False)
    result = person.create(person.sandbox.authorize(userVerification="required"))
    assert_failed(result, "OtherPasskey", code=PASSTHROUGH, cause={"name": "NotAllowedError"})


def test_other_rp_id(person):
    result = person.create(person.sandbox.authorize(rpId="example.org"))
    assert_failed(result, "OtherPasskey", code="ERROR_INVALID_RP_ID", cause={"name": "SecurityError"})
    person.page.goto(person.site.replace("localhost", "127.0.0.1"))
    result = person.create(person.sandbox.authorize())
    assert_failed(result, "OtherPasskey", code="ERROR_INVALID_DOMAIN", cause={"name": "SecurityError"})


def test_no_credential(person):
    result = person.create(person.sandbox.authorize(), "navigator.credentials.create = async () => null")
    assert_failed(result, "OtherPasskey", code="OTHER_ERROR")


# Autofill

HOLD_AUTOFILL = """
    const get = navigator.credentials.get.bind(navigator.credentials);
    const asked = [];
    let open;
    const opened = new Promise((resolve) => { open = resolve; });
    navigator.credentials.get = (options) => {
        asked.push(options);
        if (options.mediation !== "conditional") return get(options);
        open();
        return new Promise((_, reject) =>
            options.signal.addEventListener("abort", () => reject(options.signal.reason)));
    };"""


def test_another_prompt_ends_autofill(person):
    person.register(userId="autofill")
    waiting, modal = (person.sandbox.authorize_sign_in(discoverable=True, **more)
                      for more in ({"mediation": "conditional"}, {}))
    answer = person.run(f"""{HOLD_AUTOFILL}
        const first = passlock.authenticatePasskey({{ authenticationToken: "{waiting}", onEvent }});
        await opened;
        const second = await passlock.authenticatePasskey({{ authenticationToken: "{modal}" }});
        return {{ first: await first, second, events, mediation: asked.map((options) => options.mediation),
                  allowed: asked[0].publicKey.allowCredentials.length }}""")
    assert_failed(answer["first"], "OtherPasskey", code="ERROR_CEREMONY_ABORTED", cause={"name": "AbortError"})
    assert answer["second"]["success"] is True
    assert answer["events"] == ["optionsRequest", "getCredential"]
    assert answer["mediation"] == ["conditional", None] and answer["allowed"] == 0


def test_autofill_stays_until_another_prompt_opens(person):
    """A ceremony whose token is refused opens no prompt."""
    waiting = person.sandbox.authorize_sign_in(discoverable=True, mediation="conditional")
    answer = person.run(f"""{HOLD_AUTOFILL}
        passlock.authenticatePasskey({{ authenticationToken: "{waiting}" }});
        await opened;
        const refused = await passlock.authenticatePasskey({{ authenticationToken: "used", onEvent }});
        const creation = await passlock.registerPasskey({{ registrationToken: "used", onEvent }});
        return {{ refused, creation, events, aborted: asked[0].signal.aborted }}""")
    assert_failed(answer["refused"], "Network")
    assert_failed(answer["creation"], "Network")
    assert answer["events"] == ["optionsRequest", "optionsRequest"] and answer["aborted"] is False


def test_autofill_is_selected(person):
    """The browser offers the passkey, and the virtual user selects it."""
    passkey = person.register(userId="autofill")
    result = person.sign_in(discoverable=True, mediation="conditional")["result"]
    assert result["principal"]["authenticatorId"] == passkey["id"]


@pytest.mark.parametrize("spoil, tag", [
    ("document.querySelector('input').remove()", "OtherPasskey"),
    ("document.querySelector('input').autocomplete = 'username'", "OtherPasskey"),
    ("PublicKeyCredential.isConditionalMediationAvailable = async () => false", "PasskeyUnsupported"),
    ("delete PublicKeyCredential.isConditionalMediationAvailable", "PasskeyUnsupported"),
])
def test_autofill_unavailable(person, spoil, tag):
    assert_failed(person.sign_in(spoil, discoverable=True, mediation="conditional")["result"], tag)


# Options

OLD = {"rpId": "x", "rpName": "x", "userId": "x", "username": "x", "displayName": "x", "userDisplayName": "x",
       "excludeCredentials": [], "allowCredentials": [], "userVerification": "required", "timeout": 1,
       "autofill": False, "discoverable": True, "mediation": "conditional"}


def test_old_options_are_refused_by_name(person):
    calls = person.sandbox.calls()
    refused = person.run(f"""
        const refused = {{}};
        for (const [name, value] of Object.entries({json.dumps(OLD).replace("True", "true")}))
            refused[name] = [await passlock.registerPasskey({{ registrationToken: "t", [name]: value }}),
                             await passlock.authenticatePasskey({{ authenticationToken: "t", [name]: value }})];
        return refused""")
    for name, results in refused.items():
        for result in results:
            assert_failed(result, "OtherPasskey", code="OTHER_ERROR")
            assert f" {name} " in result["message"]
    assert person.sandbox.calls() == calls


@pytest.mark.parametrize("call", [
    "registerPasskey()", "registerPasskey({ authenticationToken: 'x' })", "authenticatePasskey(null)",
    "authenticatePasskey({ authenticationToken: 7 })", "authenticatePasskey({ authenticationToken: '' })",
])
def test_missing_token(person, call):
    result = person.run(f"return passlock.{call}")
    assert_failed(result, "OtherPasskey", code="OTHER_ERROR")
    assert "Token is missing" in result["message"]


def test_listener_that_throws(person):
    result = person.create(person.sandbox.authorize(userId="listener"),
                           "events.push = () => { throw new Error('listener'); }")
    assert result["success"] is True


# The API

FAULTS = ["refuse", "garbage", "status=500", "missing", "wrong-type"]


@pytest.mark.parametrize("endpoint", ["authentication-options", "authentication-verification"])
def test_broken_api(person, endpoint):
    person.register(userId="broken")
    path = f"/v2/T1/passkey/{endpoint.replace('-', '/')}"
    for fault in FAULTS:
        person.sandbox.faults(f"{fault}@{endpoint}")  # no count: browsers retry refused requests
        try:
            result = person.sign_in(discoverable=True)["result"]
        finally:
            person.sandbox.faults()
        assert_failed(result, "Network", url=person.sandbox.url + path)


def test_refused_token(person):
    result = person.create("no-such-token")
    assert_failed(result, "Network", url=f"{person.sandbox.url}/v2/T1/passkey/registration/options")


# Browser support and log events

def test_support(person):
    script = """return [lib.isPasskeySupport(), await lib.isAutofillSupport(), lib.isPasskeyUpdateSupport(),
                        lib.isPasskeyDeleteSupport(), lib.isPasskeyPruningSupport()]"""
    assert person.run(script) == [True] * 5
    without = """for (const name of ["isConditionalMediationAvailable", "signalCurrentUserDetails",
        "signalUnknownCredential", "signalAllAcceptedCredentials"]) delete PublicKeyCredential[name];"""
    assert person.run(without + script) == [True, False, False, False, False]
    assert person.run("delete globalThis.PublicKeyCredential;" + script) == [False] * 5
    for result in (person.create("t"), person.sign_in(discoverable=True)["result"]):
        assert_failed(result, "PasskeyUnsupported")


def test_log_events(person):
    token = person.sandbox.authorize(userId="log")
    logged = person.create(token, before="""
        const logged = [];
        addEventListener("PasslockLogEvent", (event) =>
            logged.push([event instanceof lib.PasslockLogEvent, event.level, event.message]))""", after=f"""
        await passlock.authenticatePasskey({{ authenticationToken: "no-such-token" }});
        return [...logged, JSON.stringify(logged).includes("{token}")]""")
    *logged, has_token = logged
    assert all(is_instance for is_instance, _, _ in logged) and not has_token
    assert [[level, message.split(":")[0]] for _, level, message in logged] == [
        ["debug", "optionsRequest"], ["debug", "createCredential"], ["debug", "saveCredential"],
        ["info", "RegistrationSuccess"], ["debug", "optionsRequest"], ["error", "@error/Network"]]


def test_icon(person):
    """An app can show the icon of a passkey."""
    icon = person.register(userId="icon")["platform"]["icon"]
    assert person.page.evaluate(f"""(async () => {{
        const image = new Image();
        image.src = "{icon}";
        await image.decode();
        return image.naturalWidth;
    }})()""") == 32
