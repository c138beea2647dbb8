# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rules of all calls, of registration and of signing keys."""

import json
import time

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import shapes
from authenticator import register, unb64
from conformance import bad_request, rule, same
from conftest import KEYS, ORIGIN, USER
from shapes import error, mismatch


@rule("1.1 list path with and without its slash")
def _(world):
    world.device()
    rows = world.backend("GET", "passkeys/").json["records"]
    assert rows and world.backend("GET", "passkeys").json["records"] == rows


@rule("2 fixed names win over ids")
def _(world):
    for name in ("update", "delete", "prune"):
        same(world.backend("GET", f"passkeys/{name}"), 404, error("NotFound"))
        bad_request(world.backend("POST", f"passkeys/{name}", {}))
    same(world.backend("GET", "challenges/verify"), 404, error("NotFound"))


@rule("12.1 no older routes")
def _(world):
    for path in ("/T1/passkeys/", "/T1/principal/x", "/v1/T1/passkeys/", "/v2/T1/users/u/passkeys/"):
        same(world.request("GET", path, headers={"Authorization": f"Bearer {KEYS['T1']}"}), 404, error("NotFound"))
    same(world.backend("DELETE", "passkeys/x"), 404, error("NotFound"))
    same(world.backend("PATCH", "passkeys/x", {}), 404, error("NotFound"))


@rule("1.6 requests need a content type")
def _(world):
    headers = {"Authorization": f"Bearer {KEYS['T1']}", "Content-Type": "text/plain"}
    bad_request(world.request("POST", "/v2/T1/passkeys/prune", '{"userId":"u"}', headers))
    headers["Content-Type"] = "application/json; charset=utf-8"
    assert world.request("POST", "/v2/T1/passkeys/prune", '{"userId":"u"}', headers).status == 200


@rule("4.1 rpId in lower case, rpName trimmed, displayName from username, defaults")
def _(world):
    _, options = world.options(rpId="LocalHost", rpName="\t Shop ", userId="defaults")
    assert options["rp"] == {"id": "localhost", "name": "Shop"}
    assert options["user"]["displayName"] == options["user"]["name"] == "ada@example.com"
    assert options["timeout"] == 60000
    assert options["authenticatorSelection"]["userVerification"] == "preferred"


@rule("4.1 without rpName, the rpId is the name")
def _(world):
    body = {key: value for key, value in USER.items() if key != "rpName"}
    answer = world.backend("POST", "passkey/registration/authorize", {**body, "rpId": "LocalHost"})
    answer = world.page("options", {"registrationToken": answer.json["registrationToken"]})
    assert answer.json["optionsJSON"]["rp"] == {"id": "localhost", "name": "localhost"}


@rule("12.5 icons of platforms")
def _(world):
    aaguid = bytes.fromhex("d548826e79b4db40a3d811116f7e8349")
    passkey = world.passkey(world.register(aaguid=aaguid)["principal"]["authenticatorId"])
    assert passkey["platform"]["icon"] == f"{world.url}/aaguid/{passkey['credential']['aaguid']}/icon.svg"
    icon = world.request("GET", passkey["platform"]["icon"].removeprefix(world.url))
    assert (icon.status, icon.headers["Content-Type"]) == (200, "image/svg+xml")
    assert icon.body.startswith(b"<svg ")
    for other in ("00000000-0000-0000-0000-000000000000", "", passkey["credential"]["aaguid"].upper()):
        missing = world.request("GET", f"/aaguid/{other}/icon.svg")
        assert (missing.status, missing.tag) == (404, "@error/NotFound")


@rule("4.1 expiresAt is five minutes away")
def _(world):
    before = time.time() * 1000
    expires = world.backend("POST", "passkey/registration/authorize", USER).json["expiresAt"]
    assert before + 299000 <= expires <= time.time() * 1000 + 300000


@rule("7.1 user handle of 1 to 64 bytes, not the user id")
def _(world):
    _, options = world.options(userId="some-user")
    handle = unb64(options["user"]["id"])
    assert 1 <= len(handle) <= 64 and b"some-user" not in handle


@rule("7.1 challenges have 32 bytes and are unique")
def _(world):
    challenges = [world.options()[1]["challenge"] for _ in range(5)]
    challenges += [world.sign_in_options(discoverable=True)[1]["challenge"] for _ in range(5)]
    assert len(set(challenges)) == 10 and {len(unb64(challenge)) for challenge in challenges} == {32}


@rule("7.1 excludeCredentials are credential ids, with transports")
def _(world):
    device = world.device()
    _, options = world.options(excludeCredentials=[device.id, "pk_unknown", device.id])
    assert options["excludeCredentials"] == [
        {"id": device.credential_id, "type": "public-key", "transports": ["internal", "hybrid"]}]


@rule("U-9 one user handle per tenancy, relying party and user")
def _(world):
    def handle(tenancy="T1", **changes):
        return world.options(tenancy, **changes)[1]["user"]["id"]
    assert handle(userId="h") == handle(userId="h", username="other")
    assert len({handle(userId="h"), handle(userId="i"), handle(userId="h", rpId="a.example"),
                handle("T2", userId="h")}) == 4


for origin in (None, "null", "", "x" * 257):
    @rule(f"U-15 options from the origin {str(origin)[:9]!r}")
    def _(world, origin=origin):
        token, other = world.authorize(), world.authorize_sign_in(discoverable=True)
        bad_request(world.page("options", {"registrationToken": token}, origin=origin))
        bad_request(world.page_call("passkey/authentication/options", {"authenticationToken": other}, origin=origin))
        # the tokens are still unused
        assert world.page("options", {"registrationToken": token}).status == 200
        assert world.page_call("passkey/authentication/options", {"authenticationToken": other}).status == 200


@rule("5.1 the session is bound to the origin of the options call")
def _(world):
    session, options = world.options(origin="https://shop.example")
    answer = world.verify(session, register(options, "https://shop.example"), origin="https://other.example")
    assert answer.status == 200
    session, options = world.options(origin="https://shop.example")
    bad_request(world.verify(session, register(options, ORIGIN), origin=ORIGIN))


@rule("4.13 the unversioned key set is the same (U-23)")
def _(world):
    assert (world.request("GET", "/.well-known/jwks.json").body ==
            world.request("GET", "/v2/.well-known/jwks.json").body)


@rule("4.13 id_tokens: header, signature, nothing private in the key set")
def _(world):
    [key] = world.request("GET", "/v2/.well-known/jwks.json").json["keys"]
    number = {name: int.from_bytes(unb64(key[name]), "big") for name in "ne"}
    public = rsa.RSAPublicNumbers(number["e"], number["n"]).public_key()
    assert public.key_size >= 2048
    device = world.device()
    for token in (world.register()["id_token"], world.sign_in(device).json["id_token"]):
        head, claims, signature = token.split(".")
        assert json.loads(unb64(head)) == {"alg": "RS256", "kid": key["kid"], "typ": "JWT"}  # U-24
        assert mismatch(json.loads(unb64(claims)), shapes.CLAIMS) is None
        public.verify(unb64(signature), f"{head}.{claims}".encode(), padding.PKCS1v15(), hashes.SHA256())


@rule("4.13 the verifier's Accept header changes nothing")
def _(world):
    headers = {"Accept": "application/json, application/jwk-set+json"}
    answer = world.request("GET", "/v2/.well-known/jwks.json", headers=headers)
    same(answer, 200, shapes.KEY_SET)
