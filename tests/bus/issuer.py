# SPDX-License-Identifier: LGPL-2.1-or-later
"""Creates valid and forged id_tokens, and key sets."""

import hashlib
import hmac
import json
import time
from base64 import urlsafe_b64encode

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa

SHA = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}


def base64url(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def integer(number: int) -> str:
    return base64url(number.to_bytes((number.bit_length() + 7) // 8, "big"))


class Key:
    """An RSA key of an issuer's."""

    def __init__(self, kid: str, bits: int = 2048):
        self.kid = kid
        self.private = rsa.generate_private_key(65537, bits)
        self.public = self.private.public_key()

    def jwk(self, **changes) -> dict:
        """The JWK with changes; None removes a member."""
        numbers = self.public.public_numbers()
        whole = {"kty": "RSA", "n": integer(numbers.n), "e": integer(numbers.e), "alg": "RS256",
                 "use": "sig", "kid": self.kid} | changes
        return {name: value for name, value in whole.items() if value is not None}

    def sign(self, data: bytes, alg: str) -> bytes:
        """Signs with `alg`, even if the algorithm does not fit the key."""
        digest = SHA[alg[2:]]()
        if alg.startswith("PS"):
            pad = padding.PSS(padding.MGF1(digest), digest.digest_size)
        else:
            pad = padding.PKCS1v15()
        return self.private.sign(data, pad, digest)


def claims_of(tenancy_id: str, **changes) -> dict:
    """Valid claims with changes; None removes a claim."""
    now = int(time.time())
    whole = {"a:id": "pk1", "a:typ": "passkey", "pk:uv": True, "iss": "passlock.dev",
             "aud": tenancy_id, "sub": "ada", "jti": "pr1", "iat": now - 10, "exp": now + 300}
    return {name: value for name, value in (whole | changes).items() if value is not None}


def part(value) -> str:
    """Encodes a part of a token: an object, its JSON text, or bytes."""
    if isinstance(value, bytes):
        return base64url(value)
    return base64url((value if isinstance(value, str) else json.dumps(value)).encode())


def token(key: Key, claims, header: dict | str | None = None, **more) -> str:
    """Signs a token with the algorithm of its header; default: RS256."""
    head = header if header is not None else {"alg": "RS256", "kid": key.kid, "typ": "JWT"} | more
    alg = head.get("alg") if isinstance(head, dict) else "RS256"
    signed = f"{part(head)}.{part(claims)}"
    known = isinstance(alg, str) and alg[:2] in ("RS", "PS") and alg[2:] in SHA
    return f"{signed}.{base64url(key.sign(signed.encode(), alg if known else 'RS256'))}"


def hmac_token(secret: bytes, claims, alg: str = "HS256", **header) -> str:
    signed = f"{part({'alg': alg, 'typ': 'JWT'} | header)}.{part(claims)}"
    digest = {"HS256": hashlib.sha256, "HS384": hashlib.sha384, "HS512": hashlib.sha512}[alg]
    return f"{signed}.{base64url(hmac.digest(secret, signed.encode(), digest))}"


def ecdsa_token(private: ec.EllipticCurvePrivateKey, claims, **header) -> str:
    signed = f"{part({'alg': 'ES256', 'typ': 'JWT'} | header)}.{part(claims)}"
    return f"{signed}.{base64url(private.sign(signed.encode(), ec.ECDSA(hashes.SHA256())))}"
