# SPDX-License-Identifier: LGPL-2.1-or-later
"""What a browser and its authenticator do: from a registration token to a code."""

import functools
import hashlib
import http.client
import json
import secrets
import subprocess
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import urlsplit

ORIGIN = "https://shop.example.com"
USER_AGENT = "SoftwareAuthenticator/1.0"
HTTP_SEC = 20
USER_PRESENT, USER_VERIFIED, WITH_CREDENTIAL = 0x01, 0x04, 0x40
AAGUID = bytes.fromhex("fbfc3007154e4ecc8c0b6e020557d7bd")


@dataclass(frozen=True)
class Passkey:
    """A new one, not yet exchanged."""
    code: str
    id_token: str
    authenticator_id: str
    user_id: str


def create_passkey(endpoint: str, tenancy_id: str, registration_token: str, *,
                   user_verified: bool = True) -> Passkey:
    """Runs the ceremony as a page does."""
    url = f"/v2/{tenancy_id}/passkey/registration"
    options = post(endpoint, f"{url}/options", {"registrationToken": registration_token})
    made = post(endpoint, f"{url}/verification", {
        "sessionToken": options["sessionToken"],
        "response": create(options["optionsJSON"], user_verified)})
    return Passkey(made["code"], made["id_token"], made["principal"]["authenticatorId"],
                   made["principal"]["userId"])


def create(options: dict, user_verified: bool) -> dict:
    """navigator.credentials.create(), with attestation none: nothing is signed yet."""
    credential_id = secrets.token_bytes(20)
    client_data = json.dumps({"type": "webauthn.create", "challenge": options["challenge"],
                              "origin": ORIGIN, "crossOrigin": False}).encode()
    flags = USER_PRESENT | WITH_CREDENTIAL | (USER_VERIFIED if user_verified else 0)
    auth_data = (hashlib.sha256(options["rp"]["id"].encode()).digest() + bytes([flags]) +
                 bytes(4) + AAGUID + len(credential_id).to_bytes(2, "big") + credential_id +
                 cose_key(public_point()))
    attestation = (b"\xa3" + cbor_text("fmt") + cbor_text("none") + cbor_text("attStmt") +
                   b"\xa0" + cbor_text("authData") + cbor_bytes(auth_data))
    return {"id": base64url(credential_id), "rawId": base64url(credential_id),
            "type": "public-key", "clientExtensionResults": {},
            "response": {"clientDataJSON": base64url(client_data),
                         "attestationObject": base64url(attestation),
                         "transports": ["internal"]}}


@functools.cache
def public_point() -> bytes:
    """Of a P-256 key: x and y. All credentials here share it; what tells them apart is their id."""
    key = subprocess.run(["openssl", "genpkey", "-algorithm", "EC", "-outform", "DER",
                          "-pkeyopt", "ec_paramgen_curve:P-256"],
                         check=True, capture_output=True).stdout
    assert key[-65] == 4, "an uncompressed point ends the key"
    return key[-64:]


def cose_key(point: bytes) -> bytes:
    """ES256: {1: 2, 3: -7, -1: 1, -2: x, -3: y}"""
    return (bytes.fromhex("a5010203262001") + b"\x21" + cbor_bytes(point[:32]) +
            b"\x22" + cbor_bytes(point[32:]))


def cbor_text(text: str) -> bytes:
    return bytes([0x60 + len(text)]) + text.encode()


def cbor_bytes(data: bytes) -> bytes:
    return b"\x59" + len(data).to_bytes(2, "big") + data if len(data) > 255 else \
        b"\x58" + bytes([len(data)]) + data


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def post(endpoint: str, path: str, body: dict) -> dict:
    http_call = http.client.HTTPConnection(urlsplit(endpoint).netloc, timeout=HTTP_SEC)
    try:
        http_call.request("POST", path, json.dumps(body), {
            "Content-Type": "application/json", "Origin": ORIGIN, "User-Agent": USER_AGENT})
        reply = http_call.getresponse()
        text = reply.read()
    finally:
        http_call.close()
    assert reply.status == 200, f"{path}: {reply.status} {text!r}"
    return json.loads(text)
