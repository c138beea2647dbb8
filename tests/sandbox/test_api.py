# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every call of the API: replies and errors."""

import json
import os
import socket
import time
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from authenticator import BS, EDDSA, ES256, RS256, UP, UV, Credential, b64, cbor, register, unb64
from conftest import KEYS, ORIGIN, USER
from page import ROOT


def assert_error(answer, status, tag):
    assert (answer.status, answer.tag) == (status, f"@error/{tag}"), answer.body
    assert isinstance(answer.json["message"], str) and answer.json["message"]
    assert answer.headers["Content-Type"] == "application/json"


def assert_times(before, value, seconds):
    assert before + seconds * 1000 - 2000 <= value <= time.time() * 1000 + seconds * 1000 + 1


def test_authorize(sandbox):
    before = time.time() * 1000
    answer = sandbox.backend("POST", "passkey/registration/authorize", USER)
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/json"
    assert set(answer.json) == {"_tag", "registrationToken", "expiresAt"}
    assert_times(before, answer.json["expiresAt"], 300)


def test_authorize_errors(sandbox):
    path = "passkey/registration/authorize"
    assert_error(sandbox.backend("POST", path, {**USER, "rpName": " "}), 400, "BadRequest")
    assert_error(sandbox.backend("POST", path, "nonsense"), 400, "BadRequest")
    assert_error(sandbox.backend("POST", path, USER, key="sk_wrong"), 403, "Forbidden")


@pytest.mark.parametrize("method, path", [
    ("POST", "passkey/registration/authorize"), ("GET", "principal/x"), ("GET", "passkeys/x"), ("GET", "passkeys/"),
])
def test_forbidden(sandbox, method, path):
    body = USER if method == "POST" else None
    assert_error(sandbox.backend(method, path, body, key="sk_wrong"), 403, "Forbidden")
    assert_error(sandbox.backend(method, path, body, key=KEYS["T2"]), 403, "Forbidden")
    assert_error(sandbox.backend(method, path, body, tenancy="T9", key=KEYS["T1"]), 403, "Forbidden")
    headers = {"Content-Type": "application/json"}
    assert_error(sandbox.request(method, f"/v2/T1/{path}", json.dumps(body), headers), 403, "Forbidden")


def test_options(sandbox):
    session, options = sandbox.options(displayName="Ada", userVerification="required", timeout=90000)
    assert session
    assert options["rp"] == {"name": "Shop", "id": "localhost"}
    assert options["user"]["name"] == "ada@example.com"
    assert options["user"]["displayName"] == "Ada"
    assert 1 <= len(unb64(options["user"]["id"])) <= 64
    assert len(unb64(options["challenge"])) == 32
    assert [p["alg"] for p in options["pubKeyCredParams"]] == [EDDSA, ES256, RS256]
    assert all(p["type"] == "public-key" for p in options["pubKeyCredParams"])
    assert options["timeout"] == 90000
    assert options["excludeCredentials"] == []
    assert options["authenticatorSelection"] == {
        "residentKey": "required", "requireResidentKey": True, "userVerification": "required"}
    assert options["attestation"] == "none"


def test_options_defaults(sandbox):
    _, options = sandbox.options(rpId="LOCALHOST", rpName="  Shop\n")
    assert options["rp"] == {"name": "Shop", "id": "localhost"}
    assert options["user"]["displayName"] == "ada@example.com"
    assert options["timeout"] == 60000
    assert options["authenticatorSelection"]["userVerification"] == "preferred"


def test_options_errors(sandbox):
    token = sandbox.authorize()
    assert_error(sandbox.page("options", {"registrationToken": token}, origin=None), 400, "BadRequest")
    assert_error(sandbox.page("options", {"registrationToken": token}, origin="null"), 400, "BadRequest")
    assert_error(sandbox.page("options", {"registrationToken": token}, tenancy="T2"), 400, "BadRequest")
    assert_error(sandbox.page("options", {"registrationToken": token}, tenancy="T9"), 403, "Forbidden")
    assert_error(sandbox.page("options", {"registrationToken": None}), 400, "BadRequest")
    assert_error(sandbox.page("options", {}), 400, "BadRequest")
    assert_error(sandbox.page("options", "[]"), 400, "BadRequest")
    assert sandbox.page("options", {"registrationToken": token}).status == 200
    assert_error(sandbox.page("options", {"registrationToken": token}), 400, "BadRequest")


def test_user_handle(sandbox):
    handle = sandbox.options(userId="h1")[1]["user"]["id"]
    assert sandbox.options(userId="h1")[1]["user"]["id"] == handle
    assert sandbox.options(userId="h2")[1]["user"]["id"] != handle
    assert sandbox.options(userId="h1", rpId="example.org")[1]["user"]["id"] != handle
    assert sandbox.options(userId="h1", tenancy="T2")[1]["user"]["id"] != handle


@pytest.mark.parametrize("fmt", ["none", "packed"])
@pytest.mark.parametrize("algorithm", [ES256, EDDSA, RS256])
def test_registration(sandbox, algorithm, fmt):
    before = int(time.time()) * 1000
    credential = Credential(algorithm)
    aaguid = bytes.fromhex("fbfc3007154e4ecc8c0b6e020557d7bd")
    page = sandbox.register(credential, fmt=fmt, aaguid=aaguid, extensions={"credProtect": 2})
    assert set(page) == {"_tag", "principal", "code", "id_token"}
    assert page["principal"] == {"authenticatorId": page["principal"]["authenticatorId"], "userId": "user-42"}

    answer = sandbox.backend("GET", f"passkeys/{page['principal']['authenticatorId']}")
    assert answer.status == 200
    passkey = answer.json
    assert before <= passkey["createdAt"] <= time.time() * 1000
    assert passkey == {
        "_tag": "Passkey",
        "id": page["principal"]["authenticatorId"],
        "userId": "user-42",
        "enabled": True,
        "credential": {
            "id": b64(credential.id),
            "userId": passkey["credential"]["userId"],
            "username": "ada@example.com",
            "aaguid": "fbfc3007-154e-4ecc-8c0b-6e020557d7bd",
            "backedUp": True,
            "counter": 0,
            "deviceType": "multiDevice",
            "transports": ["internal", "hybrid"],
            "publicKey": b64(cbor(credential.cose)),
            "rpId": "localhost",
        },
        "platform": {"name": "iCloud Keychain",
                     "icon": f"{sandbox.url}/aaguid/fbfc3007-154e-4ecc-8c0b-6e020557d7bd/icon.svg"},
        "createdAt": passkey["createdAt"],
        "updatedAt": passkey["createdAt"],
    }


def test_unknown_platform_is_omitted(sandbox):
    page = sandbox.register(flags=UP)
    passkey = sandbox.backend("GET", f"passkeys/{page['principal']['authenticatorId']}").json
    assert "platform" not in passkey
    assert passkey["credential"]["deviceType"] == "singleDevice"
    assert passkey["credential"]["backedUp"] is False
    principal = sandbox.backend("GET", f"principal/{page['code']}").json
    assert principal["passkey"] == {"verified": True, "userVerified": False}


def test_exchange(sandbox):
    before = int(time.time()) * 1000
    page = sandbox.register(aaguid=bytes.fromhex("fbfc3007154e4ecc8c0b6e020557d7bd"))
    answer = sandbox.backend("GET", f"principal/{page['code']}")
    assert answer.status == 200
    principal = answer.json
    assert before <= principal["createdAt"] <= time.time() * 1000
    assert principal == {
        "_tag": "ExtendedPrincipal",
        "id": principal["id"],
        "userId": "user-42",
        "authenticatorId": page["principal"]["authenticatorId"],
        "authenticatorType": "passkey",
        "passkey": {"verified": True, "userVerified": True, "platformName": "iCloud Keychain"},
        "createdAt": principal["createdAt"],
        "expiresAt": principal["createdAt"] + 300000,
        "metadata": {"ipAddress": "127.0.0.1", "userAgent": "Browser/1"},
    }
    assert_error(sandbox.backend("GET", f"principal/{page['code']}"), 404, "InvalidCode")

    claims = json.loads(unb64(page["id_token"].split(".")[1]))
    assert claims == {
        "iss": "passlock.dev",
        "aud": "T1",
        "sub": "user-42",
        "jti": principal["id"],
        "iat": principal["createdAt"] // 1000,
        "exp": principal["expiresAt"] // 1000,
        "a:id": page["principal"]["authenticatorId"],
        "a:typ": "passkey",
        "pk:uv": True,
    }


def test_exchange_errors(sandbox):
    assert_error(sandbox.backend("GET", "principal/cd_unknown"), 404, "InvalidCode")
    assert_error(sandbox.backend("GET", "principal/"), 404, "InvalidCode")
    assert_error(sandbox.backend("GET", "principal/a%2Fb"), 404, "InvalidCode")
    assert_error(sandbox.backend("GET", f"principal/{sandbox.authorize()}"), 404, "InvalidCode")
    assert_error(sandbox.backend("GET", f"principal/{sandbox.options()[0]}"), 404, "InvalidCode")


@pytest.mark.parametrize("path", ["/v2/.well-known/jwks.json", "/.well-known/jwks.json"])
def test_key_set(sandbox, path):
    answer = sandbox.request("GET", path)
    assert answer.status == 200 and answer.headers["Content-Type"] == "application/json"
    [key] = answer.json["keys"]
    assert set(key) == {"kty", "n", "e", "alg", "use", "kid"}
    assert (key["kty"], key["alg"], key["use"]) == ("RSA", "RS256", "sig")
    head, payload, signature = sandbox.register()["id_token"].split(".")
    assert json.loads(unb64(head)) == {"alg": "RS256", "kid": key["kid"], "typ": "JWT"}
    numbers = rsa.RSAPublicNumbers(int.from_bytes(unb64(key["e"]), "big"), int.from_bytes(unb64(key["n"]), "big"))
    public = numbers.public_key()
    assert public.key_size == 2048
    public.verify(unb64(signature), f"{head}.{payload}".encode(), padding.PKCS1v15(), hashes.SHA256())


@pytest.mark.parametrize("changes", [
    {"client_data": {"type": "webauthn.get"}},
    {"client_data": {"challenge": "AAAA"}},
    {"client_data": {"origin": "http://localhost:5174"}},
    {"client_data": {"crossOrigin": True}},
    {"client_data": {"topOrigin": ORIGIN}},
    {"rp_id": "example.org"},
    {"flags": UV},
    {"flags": UP | UV | BS},
    {"fmt": "fido-u2f"},
    {"fmt": "none", "statement": {"alg": ES256}},
    {"fmt": "packed", "statement": {}},
    {"fmt": "packed", "statement": {"alg": ES256, "sig": b"\0" * 70}},
    {"fmt": "packed", "statement": {"alg": RS256, "sig": b"\0" * 256}},
    {"fmt": "packed", "statement": lambda sig: {"sig": sig}},
    {"fmt": "packed", "statement": lambda sig: {"alg": RS256, "sig": sig}},
    {"fmt": "packed", "statement": lambda sig: {"alg": -35, "sig": sig}},
    {"fmt": "packed", "statement": lambda sig: {"alg": ES256, "sig": sig, "x5c": []}},
    {"fmt": "packed", "statement": lambda sig: {"alg": ES256, "sig": sig, "x5c": [b""]}},
    {"fmt": "packed", "extra": b"\0"},
    {"fmt": "none", "extra": b"\xa0"},
    {"fmt": "none", "extensions": {"credProtect": 2}, "extra": b"\0"},
])
def test_forged_ceremony(sandbox, changes):
    session, options = sandbox.options()
    credential = Credential()
    assert_error(sandbox.verify(session, register(options, ORIGIN, credential, **changes)), 400, "BadRequest")
    # The failed attempt consumed the session and stored nothing.
    assert_error(sandbox.verify(session, register(options, ORIGIN, credential)), 400, "BadRequest")
    sandbox.register(credential)


def test_self_attestation_by_another_key(sandbox):
    session, options = sandbox.options()
    ours, other = Credential(), Credential()
    ours.sign = other.sign
    assert_error(sandbox.verify(session, register(options, ORIGIN, ours, fmt="packed")), 400, "BadRequest")


@pytest.mark.parametrize("extensions", [
    {"credProtect": 3}, {"minPinLength": 4}, {"uvm": [[2, 4, 2]]}, {"credProtect": 1, "minPinLength": 6}])
@pytest.mark.parametrize("fmt", ["none", "packed"])
def test_extensions_that_were_not_requested(sandbox, fmt, extensions):
    sandbox.register(Credential(), fmt=fmt, extensions=extensions)


@pytest.mark.parametrize("length, status", [(1, 200), (1023, 200), (1024, 400)])
def test_credential_id_length(sandbox, length, status):
    session, options = sandbox.options()
    credential = Credential()
    credential.id = os.urandom(length)
    assert sandbox.verify(session, register(options, ORIGIN, credential)).status == status


def test_user_verification(sandbox):
    session, options = sandbox.options(userVerification="required")
    assert_error(sandbox.verify(session, register(options, ORIGIN, flags=UP)), 400, "BadRequest")
    session, options = sandbox.options(userVerification="required")
    assert sandbox.verify(session, register(options, ORIGIN, flags=UP | UV)).status == 200


def test_verification_errors(sandbox):
    session, options = sandbox.options()
    response = register(options, ORIGIN)
    assert_error(sandbox.verify("st_unknown", response), 400, "BadRequest")
    assert_error(sandbox.verify(session, response, tenancy="T2"), 400, "BadRequest")
    assert_error(sandbox.verify(session, response, tenancy="T9"), 403, "Forbidden")
    assert_error(sandbox.page("verification", {"response": response}), 400, "BadRequest")
    assert_error(sandbox.page("verification", {"sessionToken": sandbox.authorize(), "response": response}),
                 400, "BadRequest")
    assert sandbox.verify(session, response).status == 200
    assert_error(sandbox.verify(session, response), 400, "BadRequest")
    # The response is bound to the challenge of its session.
    assert_error(sandbox.verify(sandbox.options()[0], response), 400, "BadRequest")
    assert_error(sandbox.page("verification", {"sessionToken": sandbox.options()[0]}), 400, "BadRequest")


def test_duplicate(sandbox):
    credential = Credential()
    sandbox.register(credential)
    session, options = sandbox.options(userId="someone-else")
    assert_error(sandbox.verify(session, register(options, ORIGIN, credential)), 400, "BadRequest")
    sandbox.register(credential, tenancy="T2")


def test_exclude_credentials(sandbox):
    credential = Credential()
    passkey_id = sandbox.register(credential)["principal"]["authenticatorId"]
    elsewhere = sandbox.register(tenancy="T2")["principal"]["authenticatorId"]
    _, options = sandbox.options(excludeCredentials=[passkey_id, "pk_unknown", elsewhere])
    assert options["excludeCredentials"] == [
        {"id": b64(credential.id), "type": "public-key", "transports": ["internal", "hybrid"]}]


def test_tenancies_are_isolated(sandbox):
    page = sandbox.register()
    passkey_id = page["principal"]["authenticatorId"]
    assert_error(sandbox.backend("GET", f"passkeys/{passkey_id}", tenancy="T2"), 404, "NotFound")
    assert_error(sandbox.backend("GET", f"principal/{page['code']}", tenancy="T2"), 404, "InvalidCode")
    assert passkey_id not in sandbox.backend("GET", "passkeys/", tenancy="T2").body.decode()
    assert sandbox.backend("GET", f"principal/{page['code']}").status == 200


def test_get_errors(sandbox):
    for name in ("pk_unknown", "x" * 500, "a%2Fb", "update"):
        assert_error(sandbox.backend("GET", f"passkeys/{name}"), 404, "NotFound")


def list_all(sandbox):
    pages, cursor = [], None
    while cursor is not None or not pages:
        answer = sandbox.backend("GET", "passkeys/" + (f"?cursor={cursor}" if cursor else ""))
        assert answer.status == 200 and answer.tag == "FindAllPasskeys"
        assert set(answer.json) == {"_tag", "cursor", "records"}
        pages.append(answer.json["records"])
        cursor = answer.json["cursor"]
        assert cursor != ""
    return pages


def test_list(start):
    sandbox = start()
    assert list_all(sandbox) == [[]]
    credential = Credential()
    ids = [sandbox.register(credential, user_id="first")["principal"]["authenticatorId"]]
    for _ in range(99):
        ids.append(sandbox.register()["principal"]["authenticatorId"])
    [page] = list_all(sandbox)
    assert len(page) == 100
    ids.append(sandbox.register()["principal"]["authenticatorId"])
    pages = list_all(sandbox)
    assert [len(page) for page in pages] == [100, 1]
    assert [row["id"] for page in pages for row in page] == ids
    first = pages[0][0]
    assert first == {
        "_tag": "PasskeySummary", "id": ids[0], "userId": "first", "enabled": True,
        "credential": {"id": b64(credential.id), "userId": first["credential"]["userId"]},
        "createdAt": first["createdAt"],
    }
    assert sandbox.backend("GET", "passkeys").json["records"] == pages[0]
    for cursor in ("", "nonsense", "pk_", ids[0][:-1], ids[0] + "a", "%20"):
        assert_error(sandbox.backend("GET", f"passkeys/?cursor={cursor}"), 400, "BadRequest")


def test_unknown_calls(sandbox):
    for method, path in (("GET", "/"), ("GET", "/v2/T1"), ("POST", "/v2/T1/passkeys/x"), ("PUT", "/-/faults"),
                         ("GET", "/T1/passkeys/"), ("DELETE", "/v2/T1/passkeys/x"), ("OPTIONS", "/v2/T1/passkeys/")):
        answer = sandbox.request(method, path)
        assert_error(answer, 404, "NotFound")
        assert "Access-Control-Allow-Origin" not in answer.headers


@pytest.mark.parametrize("call", ["options", "verification"])
def test_cors(sandbox, call):
    path = f"/v2/T1/passkey/registration/{call}"
    headers = {"Origin": ORIGIN, "Access-Control-Request-Method": "POST",
               "Access-Control-Request-Headers": "content-type"}
    answer = sandbox.request("OPTIONS", path, headers=headers)
    assert answer.status == 204 and answer.body == b""
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Vary"] == "Origin"
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert "content-type" in answer.headers["Access-Control-Allow-Headers"]
    for tenancy in ("T1", "T9"):
        answer = sandbox.page(call, {}, tenancy=tenancy)
        assert answer.status in (400, 403)
        assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


def test_no_cors_for_backends(sandbox):
    headers = {"Origin": ORIGIN, "Authorization": f"Bearer {KEYS['T1']}"}
    for path in ("/v2/T1/passkeys/", "/v2/T1/passkeys/x", "/v2/T1/principal/x", "/-/calls", "/-/outbox"):
        answer = sandbox.request("GET", path, headers=headers)
        assert not [name for name in answer.headers if name.lower().startswith("access-control")]
    answer = sandbox.request("OPTIONS", "/v2/T1/passkey/registration/authorize", headers=headers)
    assert answer.status == 404 and "Access-Control-Allow-Origin" not in answer.headers


def test_script(sandbox):
    """The module of browser/, with another default endpoint."""
    answer = sandbox.request("GET", "/passlock.js")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "text/javascript"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    module = (ROOT / "browser/passlock.js").read_bytes()
    production = b'const DEFAULT_ENDPOINT = "https://api.passlock.dev"\n'
    assert production in module
    assert answer.body == module.replace(
        production, b'const DEFAULT_ENDPOINT = new URL("/", import.meta.url).href\n')


def test_script_types(sandbox):
    answer = sandbox.request("GET", "/passlock.d.ts")
    assert answer.status == 200
    assert answer.headers["Content-Type"] == "application/typescript"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"
    assert answer.body == (ROOT / "browser/passlock.d.ts").read_bytes()


def test_body_limit(sandbox):
    path = "passkey/registration/authorize"
    body = json.dumps(USER)
    fits = body[:-1] + " " * (65536 - len(body)) + "}"
    assert sandbox.backend("POST", path, fits).status == 200
    assert_error(sandbox.backend("POST", path, fits + " "), 413, "BadRequest")
    assert sandbox.page("options", "x" * 70000).status == 413


def test_endless_body(sandbox):
    url = urlsplit(sandbox.url)
    with socket.create_connection((url.hostname, url.port), timeout=60) as connection:
        connection.sendall(b"POST /v2/T1/passkey/registration/options HTTP/1.1\r\nHost: x\r\n"
                           b"Content-Type: application/json\r\nContent-Length: 1000000000000\r\n\r\n")
        with pytest.raises(OSError):
            while True:
                connection.sendall(b" " * 65536)
    assert sandbox.request("GET", "/-/calls").status == 200


def test_concurrent_connections(sandbox):
    """Requests on concurrent connections."""
    connections = [sandbox.connect() for _ in range(200)]
    for connection in connections:
        connection.request("GET", "/v2/.well-known/jwks.json")
    for connection in connections:
        assert connection.getresponse().status == 200
        connection.close()
