# SPDX-License-Identifier: LGPL-2.1-or-later
"""The objects of the API, as the official libraries decode them. Other members are mismatches.

A shape is a function that checks a value, a constant, a list with the shape of its items, or a dictionary
with the shapes of its members; a name that ends in "?" is optional. Null matches only nullable shapes.
"""

import re

BASE64URL = re.compile(r"[A-Za-z0-9_-]+")
URL_SAFE = re.compile(r"[A-Za-z0-9_-]{1,128}")
UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
MS_AT_LEAST = 100_000_000_000


def text(value):
    return isinstance(value, str)


def base64url(value):
    return text(value) and bool(BASE64URL.fullmatch(value))


def url_safe(value):
    return text(value) and bool(URL_SAFE.fullmatch(value))


def whole(value):
    return isinstance(value, int) and not isinstance(value, bool)


def milliseconds(value):
    return whole(value) and value > MS_AT_LEAST


def seconds(value):
    return whole(value) and 0 < value < MS_AT_LEAST


def boolean(value):
    return isinstance(value, bool)


def uuid(value):
    return text(value) and bool(UUID.fullmatch(value))


def anything(value):
    return True


def one_of(*choices):
    return lambda value: value in choices


def nullable(shape):
    return lambda value: value is None or not mismatch(value, shape)


def mismatch(value, shape, where="$"):
    """Returns the first mismatch between a value and a shape, or None."""
    if isinstance(shape, dict):
        if not isinstance(value, dict):
            return where
        names = {name.rstrip("?") for name in shape}
        for name in value:
            if name not in names:
                return f"{where}.{name}: unexpected"
        for name, member in shape.items():
            key = name.rstrip("?")
            if key not in value:
                if name.endswith("?"):
                    continue
                return f"{where}.{key}: missing"
            wrong = mismatch(value[key], member, f"{where}.{key}")
            if wrong:
                return wrong
        return None
    if isinstance(shape, list):
        if not isinstance(value, list):
            return where
        return next(filter(None, (mismatch(item, shape[0], f"{where}[{i}]") for i, item in enumerate(value))), None)
    return None if (shape(value) if callable(shape) else value == shape) else f"{where}: {value!r}"


TRANSPORT = one_of("ble", "hybrid", "internal", "nfc", "usb", "cable", "smart-card")
VERIFICATION = one_of("required", "preferred", "discouraged")
PASSKEY = {
    "_tag": "Passkey", "id": url_safe, "userId?": text, "enabled": boolean,
    "credential": {
        "id": base64url, "userId": base64url, "username": text, "aaguid": uuid, "backedUp": boolean,
        "counter": whole, "deviceType": one_of("singleDevice", "multiDevice"), "transports": [TRANSPORT],
        "publicKey": base64url, "rpId": text,
    },
    "platform?": {"name?": text, "icon?": text},
    "createdAt": milliseconds, "updatedAt": milliseconds, "lastUsed?": milliseconds,
}
SUMMARY = {
    "_tag": "PasskeySummary", "id": url_safe, "userId": text, "enabled": boolean,
    "credential": {"id": base64url, "userId": base64url}, "createdAt": milliseconds, "lastUsed?": milliseconds,
}
PAGE = {"_tag": "FindAllPasskeys", "cursor": nullable(url_safe), "records": [SUMMARY]}
PRINCIPAL = {
    "_tag": "ExtendedPrincipal", "id": text, "userId": text, "authenticatorId": url_safe,
    "authenticatorType": "passkey", "passkey": {"verified": True, "userVerified": boolean, "platformName?": text},
    "createdAt": milliseconds, "expiresAt": milliseconds, "metadata": {"ipAddress?": text, "userAgent?": text},
}
CLAIMS = {
    "iss": "passlock.dev", "aud": text, "sub": text, "jti": text, "iat": seconds, "exp": seconds,
    "a:id": url_safe, "a:typ": "passkey", "pk:uv": boolean,
}
AUTHORIZED_REGISTRATION = {
    "_tag": "AuthorizedPasskeyRegistration", "registrationToken": url_safe, "expiresAt": milliseconds}
AUTHORIZED_AUTHENTICATION = {
    "_tag": "AuthorizedPasskeyAuthentication", "authenticationToken": url_safe, "expiresAt": milliseconds}
DESCRIPTOR = {"id": base64url, "type": "public-key", "transports?": [TRANSPORT]}
CREATION = {
    "sessionToken": url_safe,
    "optionsJSON": {
        "rp": {"name": text, "id": text}, "user": {"id": base64url, "name": text, "displayName": text},
        "challenge": base64url, "pubKeyCredParams": [{"type": "public-key", "alg": one_of(-8, -7, -257)}],
        "timeout": whole, "excludeCredentials": [DESCRIPTOR],
        "authenticatorSelection": {
            "residentKey": "required", "requireResidentKey": True, "userVerification": VERIFICATION},
        "attestation": "none", "extensions": {"credProps": True},
    },
}
REQUEST = {
    "sessionToken": url_safe, "mediation": one_of("required", "conditional"),
    "optionsJSON": {
        "challenge": base64url, "rpId": text, "allowCredentials": [DESCRIPTOR], "userVerification": VERIFICATION,
        "timeout": whole,
    },
}


def ceremony(tag):
    return {"_tag": tag, "principal": {"authenticatorId": url_safe, "userId": text}, "code": url_safe,
            "id_token": text}


WARNING = {
    "code": one_of("PASSKEY_NOT_FOUND", "NO_PASSKEYS_FOUND", "EMPTY_SIGNAL_PAYLOAD", "BROWSER_SIGNAL_UNSUPPORTED",
                   "BROWSER_SIGNAL_FAILED"),
    "message": text, "passkeyId?": text,
}


def prepared(tag, token):
    return {"_tag": tag, token: url_safe, "expiresAt": milliseconds, "warnings": [WARNING]}


def instructions(tag, **members):
    return {"_tag": tag, "instructions": [{"rpId": text, "userId": base64url, **members}], "warnings": [WARNING]}


PREPARED = {
    "update": prepared("PreparedPasskeyUpdate", "updatePasskeysToken"),
    "delete": prepared("PreparedPasskeyDeletion", "deletePasskeysToken"),
    "prune": prepared("PreparedPasskeyPruning", "prunePasskeysToken"),
}
INSTRUCTIONS = {
    "update": instructions("PasskeyUpdateInstructions", username=text, displayName=text),
    "delete": instructions("PasskeyDeletionInstructions", credentialId=base64url),
    "prune": instructions("PasskeyPruningInstructions", allAcceptedCredentialIds=[base64url]),
}


def email(value):
    return text(value) and bool(re.fullmatch(r"[^@]+@[^@]+.[^@]+", value))


def purpose(value):
    return text(value) and bool(re.fullmatch(r"[A-Za-z0-9._:-]{1,64}", value))


CHALLENGE_MEMBERS = {
    "challengeId": url_safe, "purpose": purpose, "email": email, "userId?": text,
    "metadata": lambda value: value is None or isinstance(value, dict),
    "createdAt": milliseconds, "expiresAt": milliseconds,
}
CHALLENGE = {"_tag": "Challenge", **CHALLENGE_MEMBERS}
CREATED = {
    "_tag": "ChallengeCreated",
    "challenge": {
        **CHALLENGE_MEMBERS, "secret": text, "code": lambda value: bool(re.fullmatch("[0-9]{6}", value)),
        "message": {"html": text, "text": text},
    },
}
VERIFIED = {"_tag": "ChallengeVerified", "challenge": CHALLENGE}
DELETED = {"_tag": "ChallengeDeleted"}
KEY_SET = {"keys": [{"kty": "RSA", "n": base64url, "e": base64url, "alg": "RS256", "use": "sig", "kid": text}]}


def error(tag, **members):
    return {"_tag": f"@error/{tag}", "message": lambda value: text(value) and value != "", **members}
