# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rules of authentication."""

import hashlib
import json
import time

import shapes
from authenticator import (AT, BE, BS, ED, EDDSA, ES256, RS256, UP, UV, Credential, authenticate, b64, cbor, register,
                           unb64)
from conformance import bad_request, page_passkey, rule, same
from conftest import ORIGIN
from shapes import error, mismatch


@rule("5.3 the session is bound to the origin of the options call")
def _(world):
    device = world.device()
    for asked, signed, status in (("https://shop.example", "https://shop.example", 200),
                                  ("https://shop.example", ORIGIN, 400)):
        session, options = world.sign_in_options(origin=asked, discoverable=True)
        response = authenticate(options, signed, device.credential, user_handle=device.handle)
        assert world.sign_in_verify(session, response).status == status


@rule("5.3 mediation is echoed")
def _(world):
    for body, mediation in (({}, "required"), ({"mediation": "required"}, "required"),
                            ({"mediation": "conditional"}, "conditional")):
        token = world.authorize_sign_in(discoverable=True, **body)
        answer = world.page_call("passkey/authentication/options", {"authenticationToken": token})
        assert answer.json["mediation"] == mediation
        assert answer.json["optionsJSON"]["allowCredentials"] == []


@rule("7.3 options of an authentication")
def _(world):
    device = world.device("options")
    _, options = world.sign_in_options(userId="options", userVerification="required", timeout=1234)
    assert options == {
        "challenge": options["challenge"], "rpId": "localhost", "userVerification": "required", "timeout": 1234,
        "allowCredentials": [
            {"id": device.credential_id, "type": "public-key", "transports": ["internal", "hybrid"]}],
    }
    _, options = world.sign_in_options(userId="options")
    assert (options["userVerification"], options["timeout"]) == ("preferred", 60000)


@rule("4.2 userId and allowCredentials together allow their intersection")
def _(world):
    one, two, other = world.device("both"), world.device("both"), world.device("both-other")

    def allowed(**body):
        return [item["id"] for item in world.sign_in_options(**body)[1]["allowCredentials"]]
    assert allowed(userId="both") == [one.credential_id, two.credential_id]
    assert allowed(allowCredentials=[two.id, other.id, "pk_unknown", two.id]) == [
        two.credential_id, other.credential_id]
    assert allowed(userId="both", allowCredentials=[other.id, two.id]) == [two.credential_id]
    bad_request(world.backend("POST", "passkey/authentication/authorize",
                              {"rpId": "localhost", "userId": "both", "allowCredentials": [other.id]}))


@rule("5.3 passkeys deleted after authorization are not offered; no others are offered instead")
def _(world):
    one, two = world.device("goes"), world.device("goes")
    tokens = [world.authorize_sign_in(userId="goes") for _ in range(2)]
    for device, token, status in ((one, tokens[0], 200), (two, tokens[1], 400)):
        world.backend("POST", "passkeys/delete", {"passkeyIds": [device.id]})
        answer = world.page_call("passkey/authentication/options", {"authenticationToken": token})
        assert answer.status == status
        if status == 200:
            assert [item["id"] for item in answer.json["optionsJSON"]["allowCredentials"]] == [two.credential_id]


def refused_sign_in(name, scope=None, message=None, **changes):
    """An authentication with one wrong value fails, and succeeds with the right one."""
    @rule(name)
    def _(world):
        device = world.device("ceremonies")
        given = {key: value(device) if callable(value) else value for key, value in changes.items()}
        answer = world.sign_in(device, scope, counter=7, **given)
        bad_request(answer)
        assert message is None or message in answer.json["message"], answer.body
        assert "lastUsed" not in world.passkey(device.id)
        assert world.sign_in(device, scope, counter=7).status == 200


SCOPE = {"userId": "ceremonies"}
refused_sign_in("7.5 type of the client data", message="type", client_data={"type": "webauthn.create"})
refused_sign_in("7.5 challenge", message="challenge", client_data={"challenge": b64(bytes(32))})
refused_sign_in("7.5 origin", message="origin", client_data={"origin": "http://localhost"})
refused_sign_in("7.5 crossOrigin", message="Cross", client_data={"crossOrigin": True})
refused_sign_in("7.5 rpId hash", message="relying party", rp_id="example.org")
refused_sign_in("7.5 user present", message="present", flags=UV | BE | BS)
refused_sign_in("7.5 user verified, if required", {"discoverable": True, "userVerification": "required"},
                message="verified", flags=UP | BE | BS)
refused_sign_in("7.5 backed up but not eligible", message="backed up", flags=UP | UV | BS)
refused_sign_in("7.5 eligibility for backup is for good", message="eligibility", flags=UP | UV)
refused_sign_in("7.5 signature by another key", message="signature", signer=lambda _: Credential())
refused_sign_in("7.5 signature of another kind", message="signature", signer=lambda _: Credential(EDDSA))
refused_sign_in("7.5 userHandle of another user", message="userHandle", user_handle=b64(b"another"))
refused_sign_in("7.5 userHandle of another user, account-scoped", SCOPE, message="userHandle",
                user_handle=b64(b"another"))
refused_sign_in("7.5 userHandle of another type", message="userHandle", user_handle=7)
refused_sign_in("7.5 attested data that is not there", message="malformed", flags=UP | UV | BE | BS | AT)
refused_sign_in("7.5 extensions that are not there", message="malformed", flags=UP | UV | BE | BS | ED)
refused_sign_in("7.5 extensions that are not flagged", message="malformed", extra=cbor({}))
refused_sign_in("7.5 bytes after the extensions", message="malformed", flags=UP | UV | BE | BS | ED,
                extra=cbor({}) + b"\0")


def flip_last_bit(text):
    data = unb64(text)
    return b64(data[:-1] + bytes([data[-1] ^ 1]))


def spoilt_sign_in(name, spoil):
    @rule(name)
    def _(world):
        device = world.device("spoilt")
        for wrong in (True, False):
            session, options = world.sign_in_options(discoverable=True)
            response = authenticate(options, ORIGIN, device.credential, user_handle=device.handle)
            if wrong:
                spoil(response)
                bad_request(world.sign_in_verify(session, response))
            else:
                assert world.sign_in_verify(session, response).status == 200


spoilt_sign_in("7.5 type of the credential", lambda r: r.update(type="password"))
spoilt_sign_in("7.5 rawId differs", lambda r: r.update(rawId=b64(b"other")))
spoilt_sign_in("7.5 id is not base64url", lambda r: r.update(id="a+b/", rawId="a+b/"))
spoilt_sign_in("7.5 id has padding", lambda r: r.update(id=r["id"] + "=", rawId=r["id"] + "="))
spoilt_sign_in("7.5 no id", lambda r: r.update(id="", rawId=""))
spoilt_sign_in("7.5 no response", lambda r: r.pop("response"))
spoilt_sign_in("7.5 no clientExtensionResults", lambda r: r.pop("clientExtensionResults"))
for member in ("clientDataJSON", "authenticatorData", "signature", "userHandle"):
    spoilt_sign_in(f"7.5 discoverable without {member}", lambda r, m=member: r["response"].pop(m))
    spoilt_sign_in(f"7.5 another {member}",
                   lambda r, m=member: r["response"].update({m: flip_last_bit(r["response"][m])}))
    spoilt_sign_in(f"7.5 empty {member}", lambda r, m=member: r["response"].update({m: ""}))


@rule("7.5 extensions that were not requested")
def _(world):
    device = world.device("extensions")
    for extensions in ({"hmac-secret": bytes(32)}, {"credBlob": b"blob"}, {"uvm": [[2, 4, 2]]}):
        assert world.sign_in(device, flags=UP | UV | BE | BS | ED, extra=cbor(extensions)).status == 200


@rule("7.5 userHandle is optional if account-scoped")
def _(world):
    device = world.device("no-handle")
    session, options = world.sign_in_options(userId="no-handle")
    assert world.sign_in_verify(session, authenticate(options, ORIGIN, device.credential)).status == 200


@rule("7.5 an attempt consumes the session")
def _(world):
    device = world.device()
    session, options = world.sign_in_options(discoverable=True)
    good = authenticate(options, ORIGIN, device.credential, user_handle=device.handle)
    bad_request(world.sign_in_verify(session, {**good, "type": "x"}))
    bad_request(world.sign_in_verify(session, good))


@rule("7.5 sessions of a registration and of an authentication are not the same")
def _(world):
    device = world.device()
    session, options = world.options()
    bad_request(world.sign_in_verify(session, authenticate(
        {"challenge": options["challenge"], "rpId": "localhost"}, ORIGIN, device.credential,
        user_handle=device.handle)))
    session, options = world.sign_in_options(discoverable=True)
    bad_request(world.verify(session, register({"challenge": options["challenge"], "rp": {"id": "localhost"}},
                                               ORIGIN)))


@rule("7.5 replayed assertions")
def _(world):
    device = world.device()
    session, options = world.sign_in_options(discoverable=True)
    response = authenticate(options, ORIGIN, device.credential, user_handle=device.handle)
    assert world.sign_in_verify(session, response).status == 200
    bad_request(world.sign_in_verify(session, response))
    bad_request(world.sign_in_verify(world.sign_in_options(discoverable=True)[0], response))


@rule("7.5 account-scoped ceremonies accept only the allowed passkeys")
def _(world):
    one, two, other = world.device("scoped"), world.device("scoped"), world.device("scoped-other")
    assert world.sign_in(other, {"userId": "scoped"}).tag == "@error/BadRequest"
    assert world.sign_in(two, {"allowCredentials": [one.id]}).tag == "@error/BadRequest"
    assert world.sign_in(two, {"allowCredentials": [one.id, two.id]}).status == 200
    assert world.sign_in(one, {"userId": "scoped"}).status == 200


@rule("7.5 passkeys of another relying party")
def _(world):
    credential = Credential()
    session, options = world.options(rpId="a.example", origin="https://a.example")
    page = world.verify(session, register(options, "https://a.example", credential), origin="https://a.example").json
    handle = world.passkey(page_passkey(page))["credential"]["userId"]
    session, options = world.sign_in_options(discoverable=True)
    bad_request(world.sign_in_verify(session, authenticate(options, ORIGIN, credential, user_handle=handle)))


@rule("5.4 PasskeyNotFound with its four members")
def _(world):
    device = world.device("orphan")
    session, options = world.sign_in_options(userId="orphan")
    world.backend("POST", "passkeys/delete", {"userId": "orphan"})
    for session, options in ((session, options), world.sign_in_options(discoverable=True)):
        response = authenticate(options, ORIGIN, device.credential, user_handle=device.handle)
        answer = world.sign_in_verify(session, response)
        same(answer, 400, error("PasskeyNotFound", credentialId=device.credential_id, rpId="localhost"))
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@rule("5.4 passkeys of another tenancy are not found")
def _(world):
    device = world.device(tenancy="T2")
    assert world.sign_in(device).tag == "@error/PasskeyNotFound"
    assert world.sign_in(device, tenancy="T2").status == 200


@rule("5.4 an attempt with an unknown passkey consumes the session")
def _(world):
    device = world.device()
    session, options = world.sign_in_options(discoverable=True)
    stranger = authenticate(options, ORIGIN, Credential(), user_handle=device.handle)
    assert world.sign_in_verify(session, stranger).tag == "@error/PasskeyNotFound"
    bad_request(world.sign_in_verify(session, authenticate(options, ORIGIN, device.credential,
                                                           user_handle=device.handle)))


for algorithm, name in ((ES256, "ES256"), (EDDSA, "EdDSA"), (RS256, "RS256")):
    @rule(f"7.5 sign in with {name}")
    def _(world, algorithm=algorithm):
        assert world.sign_in(world.device(algorithm=algorithm)).status == 200


@rule("7.5 counter, backedUp, lastUsed and updatedAt after a sign-in")
def _(world):
    device = world.device("counts")
    created = world.passkey(device.id)
    assert created["credential"]["backedUp"] is True and created["credential"]["counter"] == 0
    before = int(time.time() * 1000)
    assert world.sign_in(device, counter=4294967295, flags=UP | UV | BE).status == 200
    used = world.passkey(device.id)
    assert before <= used["lastUsed"] == used["updatedAt"] <= time.time() * 1000
    expected = {**created, "lastUsed": used["lastUsed"], "updatedAt": used["updatedAt"],
                "credential": {**created["credential"], "backedUp": False, "counter": 4294967295}}
    assert used == expected


@rule("U-12 counters must grow, unless they stay at zero")
def _(world):
    device = world.device()
    for counter, status in ((0, 200), (0, 200), (5, 200), (5, 400), (4, 400), (0, 400), (6, 200)):
        assert world.sign_in(device, counter=counter).status == status, counter


@rule("5.4 principal, code and id_token of a sign-in")
def _(world):
    device = world.device("tokens")
    for flags, verified in ((UP | UV | BE, True), (UP | BE, False)):
        page = world.sign_in(device, flags=flags).json
        assert page["principal"] == {"authenticatorId": device.id, "userId": "tokens"}
        claims = json.loads(unb64(page["id_token"].split(".")[1]))
        assert mismatch(claims, shapes.CLAIMS) is None
        principal = same(world.backend("GET", f"principal/{page['code']}"), 200, shapes.PRINCIPAL)
        assert (claims["sub"], claims["a:id"], claims["aud"], claims["pk:uv"]) == (
            "tokens", device.id, "T1", verified)
        assert principal["passkey"]["userVerified"] is verified
        assert principal["id"] == claims["jti"]  # U-17
        assert (principal["createdAt"], principal["expiresAt"]) == (claims["iat"] * 1000, claims["exp"] * 1000)
        assert claims["exp"] - claims["iat"] == 300
        assert principal["metadata"] == {"ipAddress": "127.0.0.1", "userAgent": "Browser/1"}


@rule("14.3 and 14.6 the test vectors of the reference match the shapes")
def _(world):
    auth_data = unb64("SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MdAAAAAA")
    assert auth_data[:32] == hashlib.sha256(b"localhost").digest()
    device = world.device(flags=0x1d)
    session, options = world.sign_in_options(userId=device.user_id)
    ours = authenticate(options, ORIGIN, device.credential, flags=0x1d, user_handle=device.handle)
    assert unb64(ours["response"]["authenticatorData"]) == auth_data
    assert world.sign_in_verify(session, ours).status == 200
