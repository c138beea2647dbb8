# SPDX-License-Identifier: LGPL-2.1-or-later
"""A browser and its authenticator: run a ceremony with a token of the backend, and return a code."""

import functools
import hashlib
import http.client
import json
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from urllib.parse import urlsplit

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

HTTP_SEC = 60
ORIGIN = "https://shop.example.com"
USER_AGENT = "SoftwareAuthenticator/1.0"
USER_PRESENT, USER_VERIFIED, WITH_CREDENTIAL = 0x01, 0x04, 0x40
AAGUID = bytes.fromhex("fbfc3007154e4ecc8c0b6e020557d7bd")


@dataclass(frozen=True)
class Ceremony:
    """The result of a ceremony. The code is not yet exchanged."""
    code: str
    id_token: str
    authenticator_id: str
    user_id: str


@dataclass(frozen=True)
class Passkey(Ceremony):
    """A new passkey, and the authenticator's data about it."""
    credential_id: str
    user_handle: str
    rp_id: str


class Refused(Exception):
    """The API refused a request of the page."""

    def __init__(self, status: int, body: dict):
        super().__init__(f"{status} {body}")
        self.status = status
        self.tag = body.get("_tag")


def create_passkey(endpoint: str, tenancy_id: str, registration_token: str, *,
                   user_verified: bool = True) -> Passkey:
    """Runs the ceremony as a page does."""
    url = f"/v2/{tenancy_id}/passkey/registration"
    options = post(endpoint, f"{url}/options", {"registrationToken": registration_token})
    wanted = options["optionsJSON"]
    response = create(wanted, user_verified)
    made = post(endpoint, f"{url}/verification",
                {"sessionToken": options["sessionToken"], "response": response})
    return Passkey(made["code"], made["id_token"], made["principal"]["authenticatorId"],
                   made["principal"]["userId"], response["id"], wanted["user"]["id"],
                   wanted["rp"]["id"])


def begin_sign_in(endpoint: str, tenancy_id: str, authentication_token: str) -> dict:
    """Returns the options for the page: sessionToken, optionsJSON and mediation."""
    return post(endpoint, f"/v2/{tenancy_id}/passkey/authentication/options",
                {"authenticationToken": authentication_token})


def sign_in(endpoint: str, tenancy_id: str, authentication_token: str, passkey: Passkey, *,
            user_verified: bool = True) -> Ceremony:
    """Runs the ceremony as a page whose user chooses this passkey."""
    options = begin_sign_in(endpoint, tenancy_id, authentication_token)
    made = post(endpoint, f"/v2/{tenancy_id}/passkey/authentication/verification", {
        "sessionToken": options["sessionToken"],
        "response": get(options["optionsJSON"], passkey, user_verified)})
    return Ceremony(made["code"], made["id_token"], made["principal"]["authenticatorId"],
                    made["principal"]["userId"])


def create(options: dict, user_verified: bool) -> dict:
    """navigator.credentials.create(), with attestation none: nothing is signed yet."""
    credential_id = secrets.token_bytes(20)
    client_data = client_data_json("webauthn.create", options)
    auth_data = (auth_data_head(options["rp"]["id"], WITH_CREDENTIAL, user_verified) + AAGUID + len(credential_id).to_bytes(2, "big") + credential_id +
                 cose_key(public_point()))
    attestation = (b"\xa3" + cbor_text("fmt") + cbor_text("none") + cbor_text("attStmt") +
                   b"\xa0" + cbor_text("authData") + cbor_bytes(auth_data))
    return {"id": base64url(credential_id), "rawId": base64url(credential_id),
            "type": "public-key", "clientExtensionResults": {},
            "response": {"clientDataJSON": base64url(client_data),
                         "attestationObject": base64url(attestation),
                         "transports": ["internal"]}}


def get(options: dict, passkey: Passkey, user_verified: bool) -> dict:
    """navigator.credentials.get()"""
    client_data = client_data_json("webauthn.get", options)
    auth_data = auth_data_head(passkey.rp_id, 0, user_verified)
    signature = private_key().sign(auth_data + hashlib.sha256(client_data).digest(),
                                   ec.ECDSA(hashes.SHA256()))
    return {"id": passkey.credential_id, "rawId": passkey.credential_id,
            "type": "public-key", "clientExtensionResults": {},
            "response": {"clientDataJSON": base64url(client_data),
                         "authenticatorData": base64url(auth_data),
                         "signature": base64url(signature), "userHandle": passkey.user_handle}}


def client_data_json(kind: str, options: dict) -> bytes:
    return json.dumps({"type": kind, "challenge": options["challenge"], "origin": ORIGIN,
                       "crossOrigin": False}).encode()


def auth_data_head(rp_id: str, flags: int, user_verified: bool) -> bytes:
    """Authenticator data up to the signature counter, which is always 0 (no counter)."""
    flags |= USER_PRESENT | (USER_VERIFIED if user_verified else 0)
    return hashlib.sha256(rp_id.encode()).digest() + bytes([flags]) + bytes(4)


@functools.cache
def private_key() -> ec.EllipticCurvePrivateKey:
    """All credentials have the same key, and differ in their ids."""
    return ec.generate_private_key(ec.SECP256R1())


def public_point() -> bytes:
    """x and y"""
    return private_key().public_key().public_bytes(Encoding.X962,
                                                   PublicFormat.UncompressedPoint)[1:]


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
    if reply.status != 200:
        raise Refused(reply.status, json.loads(text))
    return json.loads(text)
