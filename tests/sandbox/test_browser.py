# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlock.js in Chromium, and verification of the ceremonies by another WebAuthn implementation."""

import http.server
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from authenticator import b64, unb64  # noqa: E402
from harness import Browser, Workspace  # noqa: E402

MISSING = [what for what, is_there in (
    ("node", shutil.which("node")), ("chromium", Path("/usr/bin/chromium").exists()),
    ("the packages of tests/browser", (ROOT / "tests/browser/node_modules/puppeteer-core").exists()),
    ("the packages of tests/sandbox/second-opinion", (HERE / "second-opinion/node_modules").exists()),
) if not is_there]
pytestmark = pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}")
PAGE = b'<!DOCTYPE html><title>Page</title><input id="name" autocomplete="username webauthn">'


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(PAGE)

    def log_message(self, *_):
        pass


class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128  # browsers open several connections at once


@pytest.fixture(scope="module")
def site():
    """The origin of a page on localhost, a valid RP ID."""
    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://localhost:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def browser():
    with Workspace() as work, Browser(work) as running:
        yield running


@pytest.fixture
def person(browser, site, sandbox):
    opened = Person(browser.open(), site, sandbox)
    yield opened
    assert opened.page.complaints() == []
    opened.page.close()


class Person:
    def __init__(self, page, site, sandbox):
        self.page = page
        self.site = site
        self.sandbox = sandbox
        page.goto(site)

    def run(self, script):
        """Runs statements that use `passlock`, `events` and `onEvent`. Returns their return value."""
        return self.page.evaluate(f"""(async () => {{
            const {{ Passlock }} = await import("{self.sandbox.url}/passlock.js");
            const passlock = new Passlock({{ tenancyId: "T1" }});
            const events = [], onEvent = (event) => events.push(event);
            {script}
        }})()""")

    def register(self, **changes):
        token = self.sandbox.authorize(**changes)
        result = self.run(f'return passlock.registerPasskey({{ registrationToken: "{token}" }})')
        assert result["success"], result
        return self.sandbox.passkey(result["value"]["principal"]["authenticatorId"])

    def sign_in(self, **scope):
        token = self.sandbox.authorize_sign_in(**scope)
        return self.run(f"""
            const result = await passlock.authenticatePasskey({{ authenticationToken: "{token}", onEvent }});
            return {{ result, events }}""")

    def redeem(self, kind, body, before=""):
        token = self.sandbox.backend("POST", f"passkeys/{kind}", body).json[f"{kind}PasskeysToken"]
        result = self.run(f'{before} return passlock.{kind}Passkeys({{ {kind}PasskeysToken: "{token}" }})')
        return token, result


@pytest.mark.parametrize("scope", [{"discoverable": True}, {"userId": "browser"}])
def test_sign_in(person, scope):
    passkey = person.register(userId="browser")
    answer = person.sign_in(**scope)
    assert answer["events"] == ["optionsRequest", "getCredential", "verifyCredential"]
    value = answer["result"]["value"]
    assert value["principal"] == {"authenticatorId": passkey["id"], "userId": "browser"}
    principal = person.sandbox.backend("GET", f"principal/{value['code']}").json
    assert principal["passkey"]["userVerified"] is True
    used = person.sandbox.passkey(passkey["id"])
    assert used["lastUsed"] and used["credential"]["counter"] > passkey["credential"]["counter"]


def test_orphaned_passkey(person):
    passkey = person.register(userId="orphan")
    person.sandbox.backend("POST", "passkeys/delete", {"passkeyIds": [passkey["id"]]})
    error = person.sign_in(discoverable=True)["result"]["error"]
    assert error == {"_tag": "@error/OrphanedPasskey", "message": error["message"], "rpId": "localhost",
                     "credentialId": passkey["credential"]["id"]}
    assert len(person.page.credentials()) == 1
    calls = person.sandbox.calls()
    result = person.run(f"return passlock.removeOrphanedPasskey({json.dumps(error)})")
    assert result == {"success": True, "value": {"warnings": []}}
    assert person.sandbox.calls() == calls
    assert person.page.credentials() == []


def test_autofill(person):
    """Conditional mediation waits until another ceremony is started or a passkey is selected."""
    person.register(userId="autofill")
    waiting, modal = (person.sandbox.authorize_sign_in(discoverable=True, **more)
                      for more in ({"mediation": "conditional"}, {}))
    answer = person.run(f"""
        const get = navigator.credentials.get.bind(navigator.credentials);
        const asked = [];
        navigator.credentials.get = (options) => {{
            asked.push(options);
            if (options.mediation !== "conditional") return get(options);
            return new Promise((_, reject) =>
                options.signal.addEventListener("abort", () => reject(options.signal.reason)));
        }};
        const first = passlock.authenticatePasskey({{ authenticationToken: "{waiting}", onEvent }});
        while (asked.length < 1) await new Promise((resolve) => setTimeout(resolve, 5));
        const second = await passlock.authenticatePasskey({{ authenticationToken: "{modal}" }});
        return {{ first: await first, second, events, mediation: asked.map((options) => options.mediation),
                  allowed: asked[0].publicKey.allowCredentials.length }}""")
    assert answer["first"]["error"]["_tag"] == "@error/OtherPasskey"
    assert answer["first"]["error"]["name"] == "AbortError"
    assert answer["second"]["success"] is True
    assert answer["events"] == ["optionsRequest", "getCredential"]
    assert answer["mediation"] == ["conditional", None] and answer["allowed"] == 0


def test_autofill_is_selected(person):
    """The browser offers the passkey, and the virtual user selects it."""
    passkey = person.register(userId="autofill")
    value = person.sign_in(discoverable=True, mediation="conditional")["result"]["value"]
    assert value["principal"]["authenticatorId"] == passkey["id"]


@pytest.mark.parametrize("spoil, tag", [
    ("document.querySelector('input').remove()", "@error/OtherPasskey"),
    ("document.querySelector('input').autocomplete = 'username'", "@error/OtherPasskey"),
    ("PublicKeyCredential.isConditionalMediationAvailable = async () => false", "@error/PasskeyUnsupported"),
    ("delete PublicKeyCredential.isConditionalMediationAvailable", "@error/PasskeyUnsupported"),
])
def test_autofill_unavailable(person, spoil, tag):
    token = person.sandbox.authorize_sign_in(discoverable=True, mediation="conditional")
    result = person.run(f'{spoil}; return passlock.authenticatePasskey({{ authenticationToken: "{token}" }})')
    assert result["error"]["_tag"] == tag


def test_json_polyfills(person):
    token = person.sandbox.authorize(userId="old")
    sign_in = person.sandbox.authorize_sign_in(discoverable=True)
    results = person.run(f"""
        for (const name of ["parseCreationOptionsFromJSON", "parseRequestOptionsFromJSON"])
            delete PublicKeyCredential[name];
        delete PublicKeyCredential.prototype.toJSON;
        return [await passlock.registerPasskey({{ registrationToken: "{token}" }}),
                await passlock.authenticatePasskey({{ authenticationToken: "{sign_in}" }})]""")
    assert [result["success"] for result in results] == [True, True], results
    assert results[0]["value"]["principal"] == results[1]["value"]["principal"]


def test_update(person):
    person.register(userId="renamed")
    [held] = person.page.credentials()
    assert held["userName"] == "ada@example.com"
    _, result = person.redeem("update", {"userId": "renamed", "username": "ada.l", "displayName": "Ada L."})
    assert result == {"success": True, "value": {"warnings": []}}
    [held] = person.page.credentials()
    assert (held["userName"], held["userDisplayName"]) == ("ada.l", "Ada L.")


def test_delete(person):
    passkey = person.register(userId="deleted")
    _, result = person.redeem("delete", {"passkeyIds": [passkey["id"], "pk_unknown"]})
    assert [warning["code"] for warning in result["value"]["warnings"]] == ["PASSKEY_NOT_FOUND"]
    assert person.page.credentials() == []


def test_prune(person):
    kept = person.register(userId="pruned")
    _, result = person.redeem("prune", {"userId": "pruned"})
    assert result == {"success": True, "value": {"warnings": []}}
    assert len(person.page.credentials()) == 1
    # Delete the passkey in the vault, and create another one, which is not on this device.
    person.sandbox.backend("POST", "passkeys/delete", {"passkeyIds": [kept["id"]]})
    person.sandbox.device("pruned")
    person.redeem("prune", {"userId": "pruned"})
    assert person.page.credentials() == []


SIGNALS = {"update": "signalCurrentUserDetails", "delete": "signalUnknownCredential",
           "prune": "signalAllAcceptedCredentials"}


@pytest.mark.parametrize("kind", SIGNALS)
def test_browser_without_signal_api(person, kind):
    person.sandbox.device("unsignalled")
    body = {"userId": "unsignalled", **({"username": "x"} if kind == "update" else {})}
    token, result = person.redeem(kind, body, f"delete PublicKeyCredential.{SIGNALS[kind]};")
    assert result["success"] is True
    assert [warning["code"] for warning in result["value"]["warnings"]] == ["BROWSER_SIGNAL_UNSUPPORTED"]
    redeemed = person.sandbox.page_call(f"passkeys/{kind}/exchange", {f"{kind}PasskeysToken": token})
    assert redeemed.status == 200  # passlock.js did not redeem the token


@pytest.mark.parametrize("kind", SIGNALS)
def test_failed_and_empty_signals(person, kind):
    person.sandbox.device(f"failing-{kind}")
    more = {"username": "x"} if kind == "update" else {}
    fail = f'PublicKeyCredential.{SIGNALS[kind]} = async () => {{ throw new Error("no") }};'
    _, result = person.redeem(kind, {"userId": f"failing-{kind}", **more}, fail)
    assert result["value"]["warnings"] == [{"code": "BROWSER_SIGNAL_FAILED", "message": "no"}]
    _, result = person.redeem(kind, {"userId": "nobody", **more}, fail)
    assert [warning["code"] for warning in result["value"]["warnings"]] == [
        "NO_PASSKEYS_FOUND", "EMPTY_SIGNAL_PAYLOAD"]


@pytest.mark.parametrize("call", [
    "authenticatePasskey()", "authenticatePasskey(null)", "authenticatePasskey({ authenticationToken: 7 })",
    "updatePasskeys()", "deletePasskeys({ deletePasskeysToken: 'x' })", "prunePasskeys(null)",
])
def test_nothing_throws(person, call):
    result = person.run(f"return passlock.{call}")
    assert result["success"] is False
    assert result["error"]["_tag"] == "@error/NetworkResponse" and result["error"]["message"]


FAULTS = {"refuse": "NetworkRequest", "garbage": "NetworkPayload", "status=500": "NetworkResponse",
          "missing": "NetworkPayload", "wrong-type": "NetworkPayload"}


@pytest.mark.parametrize("endpoint", ["authentication-options", "authentication-verification", "prune-exchange"])
def test_broken_service(person, endpoint):
    person.register(userId="broken")
    for fault, tag in FAULTS.items():
        person.sandbox.faults(f"{fault}@{endpoint}")  # no count: browsers retry refused requests
        try:
            if endpoint == "prune-exchange":
                result = person.redeem("prune", {"userId": "broken"})[1]
            else:
                result = person.sign_in(discoverable=True)["result"]
        finally:
            person.sandbox.faults()
        assert (result["success"], result["error"]["_tag"]) == (False, f"@error/{tag}")


# Verification by another implementation.

OFFERS = [(name, algorithm, attestation) for name, algorithm in (("ES256", -7), ("RS256", -257), ("EdDSA", -8))
          for attestation in ("none", "direct")]


def ceremony(person, method, options):
    """Runs a ceremony with the browser's own JSON functions, without passlock.js."""
    kind = {"create": "Creation", "get": "Request"}[method]
    return person.page.evaluate(f"""(async () => {{
        const publicKey = PublicKeyCredential.parse{kind}OptionsFromJSON({json.dumps(options)});
        return (await navigator.credentials.{method}({{ publicKey }})).toJSON();
    }})()""")


def observe(person, algorithm, attestation):
    """A registration and an authentication that the sandbox has accepted."""
    common = {"origin": person.site, "rpId": "localhost"}
    session, options = person.sandbox.options(origin=person.site, userVerification="required",
                                              userId=f"{algorithm}-{attestation}")
    # The sandbox requests conveyance "none"; this page also tests "direct", and one algorithm at a time.
    wanted = {**options, "attestation": attestation, "pubKeyCredParams": [
        offer for offer in options["pubKeyCredParams"] if offer["alg"] == algorithm]}
    response = ceremony(person, "create", wanted)
    answer = person.sandbox.verify(session, response)
    assert answer.tag == "RegistrationSuccess", answer.body
    passkey = person.sandbox.passkey(answer.json["principal"]["authenticatorId"])
    first = {**common, "kind": "registration", "options": options, "response": response, "passkey": passkey}

    session, options = person.sandbox.sign_in_options(origin=person.site, userVerification="required",
                                                      allowCredentials=[passkey["id"]])
    response = ceremony(person, "get", options)
    answer = person.sandbox.sign_in_verify(session, response)
    assert answer.tag == "AuthenticationSuccess", answer.body
    return [first, {**common, "kind": "authentication", "options": options, "response": response,
                    "passkey": passkey}]


def second_opinion(ceremonies):
    done = subprocess.run(["node", HERE / "second-opinion/verify.mjs"], input=json.dumps(ceremonies), text=True,
                          capture_output=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def flipped(text):
    data = unb64(text)
    return b64(data[:-1] + bytes([data[-1] ^ 1]))


def spoilt(one):
    """The same ceremony with a flipped bit in the signed data or in the signature."""
    member = "signature" if one["kind"] == "authentication" else "clientDataJSON"
    inner = {**one["response"]["response"], member: flipped(one["response"]["response"][member])}
    return {**one, "response": {**one["response"], "response": inner}}


@pytest.mark.parametrize("name, algorithm, attestation", OFFERS)
def test_another_implementation_agrees(person, name, algorithm, attestation):
    ceremonies = observe(person, algorithm, attestation)
    wrong = [spoilt(one) for one in ceremonies]
    wrong += [{**one, **other} for one in ceremonies
              for other in ({"origin": "http://localhost"}, {"rpId": "example.org"})]
    registration, authentication, *refused = second_opinion(ceremonies + wrong)
    assert registration["verified"] and authentication["verified"], (registration, authentication)
    assert [answer["verified"] for answer in refused] == [False] * len(wrong)
    credential = ceremonies[0]["passkey"]["credential"]
    assert registration["fmt"] == {"none": "none", "direct": "packed"}[attestation]
    assert registration["userVerified"] and authentication["userVerified"]
    for member in ("id", "aaguid", "counter", "publicKey", "deviceType", "backedUp"):
        assert registration[member] == credential[member], member
    used = person.sandbox.passkey(ceremonies[0]["passkey"]["id"])["credential"]
    for member in ("id", "counter", "deviceType", "backedUp"):
        assert authentication[member] == used[member], member
