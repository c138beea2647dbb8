# SPDX-License-Identifier: LGPL-2.1-or-later
"""Verification of ceremonies in Chromium by another WebAuthn implementation."""

import json

import pytest

from authenticator import b64, unb64
from page import HERE, needs_browser, run_node

pytestmark = needs_browser

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
    return json.loads(run_node(HERE / "second-opinion/verify.mjs", input=json.dumps(ceremonies)))


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
