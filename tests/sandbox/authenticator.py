# SPDX-License-Identifier: LGPL-2.1-or-later
"""Software WebAuthn authenticator and client: registration and authentication."""

import base64
import hashlib
import json
import os
import struct

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

ES256, EDDSA, RS256 = -7, -8, -257
UP, UV, BE, BS, AT, ED = 0x01, 0x04, 0x08, 0x10, 0x40, 0x80


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def cbor(value):
    """CBOR encoder for integers, bytes, text, lists and dictionaries."""

    def head(major, n):
        for limit, info, form in ((24, n, ""), (1 << 8, 24, "B"), (1 << 16, 25, ">H"), (1 << 32, 26, ">I")):
            if n < limit:
                return bytes([major << 5 | info]) + (struct.pack(form, n) if form else b"")
        return bytes([major << 5 | 27]) + struct.pack(">Q", n)

    if isinstance(value, int):
        return head(0, value) if value >= 0 else head(1, -1 - value)
    if isinstance(value, bytes):
        return head(2, len(value)) + value
    if isinstance(value, str):
        return head(3, len(value.encode())) + value.encode()
    if isinstance(value, list):
        return head(4, len(value)) + b"".join(map(cbor, value))
    return head(5, len(value)) + b"".join(cbor(k) + cbor(v) for k, v in value.items())


class Credential:
    """A credential: id, key pair and COSE_Key."""

    def __init__(self, algorithm=ES256):
        self.algorithm = algorithm
        self.id = os.urandom(32)
        if algorithm == ES256:
            self.key = ec.generate_private_key(ec.SECP256R1())
            point = self.key.public_key().public_numbers()
            self.cose = {1: 2, 3: ES256, -1: 1, -2: point.x.to_bytes(32, "big"), -3: point.y.to_bytes(32, "big")}
        elif algorithm == EDDSA:
            self.key = ed25519.Ed25519PrivateKey.generate()
            raw = self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
            self.cose = {1: 1, 3: EDDSA, -1: 6, -2: raw}
        else:
            self.key = rsa.generate_private_key(65537, 2048)
            numbers = self.key.public_key().public_numbers()
            self.cose = {1: 3, 3: RS256, -1: numbers.n.to_bytes(256, "big"), -2: b"\1\0\1"}

    def sign(self, data):
        if self.algorithm == ES256:
            return self.key.sign(data, ec.ECDSA(hashes.SHA256()))
        if self.algorithm == EDDSA:
            return self.key.sign(data)
        return self.key.sign(data, padding.PKCS1v15(), hashes.SHA256())


def register(options, origin, credential=None, *, fmt="none", flags=UP | UV | BE | BS, statement=None,
             extensions=None, aaguid=bytes(16), client_data=None, rp_id=None, extra=b""):
    """Returns the RegistrationResponseJSON for these creation options.

    statement may be a function of the signature; extra is appended to the authenticator data."""
    credential = credential or Credential()
    client = {"type": "webauthn.create", "challenge": options["challenge"], "origin": origin, "crossOrigin": False}
    client.update(client_data or {})
    client_json = json.dumps(client).encode()
    auth_data = hashlib.sha256((rp_id or options["rp"]["id"]).encode()).digest()
    auth_data += bytes([flags | AT | (ED if extensions else 0)]) + bytes(4) + aaguid
    auth_data += struct.pack(">H", len(credential.id)) + credential.id + cbor(credential.cose)
    if extensions:
        auth_data += cbor(extensions)
    auth_data += extra
    if statement is None or callable(statement):
        signature = credential.sign(auth_data + hashlib.sha256(client_json).digest())
        make = statement or (lambda sig: {"alg": credential.algorithm, "sig": sig} if fmt == "packed" else {})
        statement = make(signature)
    return {
        "id": b64(credential.id),
        "rawId": b64(credential.id),
        "type": "public-key",
        "response": {
            "clientDataJSON": b64(client_json),
            "attestationObject": b64(cbor({"fmt": fmt, "attStmt": statement, "authData": auth_data})),
            "transports": ["internal", "hybrid", "carrier-pigeon"],
        },
        "clientExtensionResults": {},
        "authenticatorAttachment": "platform",
    }


def authenticate(options, origin, credential, *, flags=UP | UV | BE | BS, counter=0, user_handle=None,
                 client_data=None, rp_id=None, signer=None, extra=b""):
    """Returns the AuthenticationResponseJSON for these request options."""
    client = {"type": "webauthn.get", "challenge": options["challenge"], "origin": origin, "crossOrigin": False}
    client.update(client_data or {})
    client_json = json.dumps(client).encode()
    auth_data = hashlib.sha256((rp_id or options["rpId"]).encode()).digest()
    auth_data += bytes([flags]) + struct.pack(">I", counter) + extra
    response = {
        "authenticatorData": b64(auth_data),
        "clientDataJSON": b64(client_json),
        "signature": b64((signer or credential).sign(auth_data + hashlib.sha256(client_json).digest())),
    }
    if user_handle is not None:
        response["userHandle"] = user_handle
    return {
        "id": b64(credential.id),
        "rawId": b64(credential.id),
        "type": "public-key",
        "response": response,
        "clientExtensionResults": {},
        "authenticatorAttachment": "platform",
    }
