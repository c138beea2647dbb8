# SPDX-License-Identifier: LGPL-2.1-or-later
"""VerifyIdToken: valid tokens of the API, and all known kinds of forged tokens."""

import contextlib
import itertools
import json
import string
import time

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from harness.standin import Reply, StandIn

from .client import plain
from .issuer import (Key, base64url, claims_of, ecdsa_token, hmac_token, integer, part, token)
from .stack import SHORT_SEC, Stack, eventually, new_user, raises, within

TYPES = {"id": "s", "user_id": "s", "authenticator_id": "s", "authenticator_type": "s",
         "created_at": "t", "expires_at": "t", "verified": "b", "user_verified": "b"}
NOW = int(time.time())
REFETCH_SEC = 30  # how long a key set is not fetched again, whatever comes


# Tokens of the sandbox


@pytest.mark.parametrize("verified", [True, False])
@pytest.mark.parametrize("ceremony", ["registration", "sign-in"])
def test_token_says_what_the_code_says(stack, connection, ceremony, verified):
    passkey = made = stack.create_passkey(user_verified=verified)
    if ceremony == "sign-in":
        made = stack.sign_in(passkey, user_verified=verified)
    (principal,) = connection.method("VerifyIdToken", made.id_token, {})
    assert {key: kind for key, (kind, _) in principal.items()} == TYPES
    exchanged = plain(connection.exchange(made.code))
    assert plain(principal) == {key: exchanged[key] for key in TYPES}
    assert plain(principal)["user_verified"] is verified
    assert plain(principal)["user_id"] == passkey.user_id


def test_token_is_good_again_and_links_nothing(stack, connection):
    passkey = stack.create_passkey(user := new_user())
    count = connection.count()
    connection.settle()
    connection.signals.clear()
    first = connection.verify(passkey.id_token)
    assert connection.verify(passkey.id_token, user_id=user) == first
    assert connection.links("ListByUser", user) == ([],)
    assert connection.count() == count
    connection.settle()
    assert not connection.signals
    connection.exchange(passkey.code)
    ((link,),) = connection.links("ListByUser", user)
    connection.verify(stack.sign_in(passkey).id_token)
    assert connection.links("ListByUser", user) == ([link],), "not even the last use"


def test_another_user_than_expected(stack, connection):
    passkey = stack.create_passkey(user := new_user())
    for other in (new_user(), user[:-1], user + "x", user.upper(), user + " "):
        with raises("UserMismatch") as caught:
            connection.verify(passkey.id_token, user_id=other)
        assert user not in caught.error.message


def test_token_that_is_too_long(stack, connection):
    calls = stack.sandbox.calls()
    with raises("InvalidArgs"):
        connection.verify("x" * 8193)
    assert stack.sandbox.calls() == calls


def test_keys_are_fetched_once(own_stack):
    own_stack.start()
    passkeys = [own_stack.create_passkey() for _ in range(3)]
    with own_stack.connect() as connection:
        calls = [connection.start_method("VerifyIdToken", passkeys[i % 3].id_token, {})
                 for i in range(60)]
        for i, call in enumerate(calls):
            assert plain(connection.finish(call)[0])["user_id"] == passkeys[i % 3].user_id
        for passkey in passkeys:
            connection.verify(passkey.id_token)
    assert own_stack.calls("jwks") == 1


@pytest.mark.parametrize("trouble", ["unreachable", "unconfigured", "denied"])
def test_cached_keys_are_enough(own_stack, trouble):
    own_stack.start()
    passkeys = [own_stack.create_passkey() for _ in range(2)]
    connection = own_stack.connect()
    connection.verify(passkeys[0].id_token)
    if trouble == "unreachable":
        own_stack.sandbox.stop()
    else:
        own_stack.keys = {"passlock.default": "wrong"} if trouble == "denied" else {}
        own_stack.apply()
    with within(0):
        assert connection.verify(passkeys[1].id_token)["user_id"] == passkeys[1].user_id
        with raises("InvalidToken"):
            connection.verify(passkeys[1].id_token[:-8] + "AAAAAAAA")


def test_keys_need_no_api_key(own_stack):
    own_stack.start()
    passkey = own_stack.create_passkey()
    own_stack.daemon.stop()
    own_stack.daemon.set_keys({})
    own_stack.daemon.start()
    with own_stack.connect() as connection:
        assert connection.state() == "unconfigured"
        assert connection.verify(passkey.id_token)["user_id"] == passkey.user_id


def test_no_keys_and_no_api(own_stack):
    own_stack.start()
    passkey = own_stack.create_passkey()
    own_stack.sandbox.stop()
    with own_stack.connect() as connection:
        with within(SHORT_SEC), raises("Unreachable"):
            connection.verify(passkey.id_token)
        own_stack.sandbox.start()
        eventually(lambda: connection.outcome(
            connection.start_method("VerifyIdToken", passkey.id_token, {}))[0] != "error")
        assert connection.verify(passkey.id_token)["user_id"] == passkey.user_id


@pytest.fixture(scope="module")
def cold():
    """A stack whose daemon never gets a key set."""
    with Stack() as stack:
        yield stack


@pytest.mark.parametrize("fault, names", [
    ("hang", {"Unreachable"}), ("refuse", {"Unreachable"}), ("drop", {"Unreachable"}),
    ("cut", {"Unreachable", "MalformedReply"}), ("status=500", {"Unreachable"}),
    ("status=302", {"Unreachable"}), ("garbage", {"MalformedReply"}), ("html", {"MalformedReply"}),
    ("large=20000000", {"Unreachable", "MalformedReply"}), ("missing=keys", {"MalformedReply"}),
    ("wrong-type=keys", {"MalformedReply"})])
def test_no_keys_and_a_broken_api(cold, fault, names):
    passkey = cold.create_passkey()
    label = f"cold{len(cold.sections)}"  # a failure is remembered for a while
    timeout = {"TimeoutSec": str(SHORT_SEC)} if fault == "hang" else {}
    cold.sections[f"Tenancy {label}"] = cold.tenancy(TenancyId=label, **timeout)
    cold.grant_ourselves(label)
    cold.apply()
    cold.sandbox.set_faults(f"{fault}@jwks")
    with cold.connect() as connection, within(SHORT_SEC), raises(*names):
        connection.verify(passkey.id_token, label=label)
    cold.sandbox.set_faults()


def test_expired_token(own_stack):
    """Expired by the daemon's clock: the API's clock is six minutes slow, longer than a token's validity."""
    own_stack.sandbox.options += ("--clock-offset=-360",)
    own_stack.start()
    passkey = own_stack.create_passkey()
    with own_stack.connect() as connection, raises("InvalidToken"):
        connection.verify(passkey.id_token)


def test_token_of_another_tenancy(own_stack):
    """Both tenancies have the same keys: only the audience differs."""
    own_stack.start()
    own_stack.sections["Tenancy other"] = own_stack.tenancy(TenancyId="anotherTenancy")
    own_stack.apply()
    passkey = own_stack.create_passkey()
    with own_stack.connect() as connection:
        assert connection.verify(passkey.id_token)["user_id"] == passkey.user_id
        with raises("InvalidToken"):
            connection.verify(passkey.id_token, label="other")


# Tokens of our own


ONE, TWO, STRANGER = Key("one"), Key("two"), Key("one")


class Issuer:
    """A tenancy with a key set of the test: keys `one` and `two`, without `stranger`."""

    def __init__(self, stack: Stack, api: StandIn, label: str):
        self.stack, self.api, self.label = stack, api, label
        self.tenancy_id = f"{label}Tenancy"
        self.one, self.two, self.stranger = ONE, TWO, STRANGER
        self.connection = stack.connect()
        self.serve(self.one.jwk(), self.two.jwk())
        stack.sections[f"Tenancy {label}"] = stack.tenancy(TenancyId=self.tenancy_id,
                                                            Endpoint=api.endpoint)
        if "Grant tests" in stack.sections:
            stack.sections[f"Grant {label}"] = stack.sections["Grant tests"] | {"Tenancy": label}
        stack.apply()

    def serve(self, *jwks: dict):
        self.api.reply = Reply(200, {"keys": list(jwks)})

    def claims(self, **changes) -> dict:
        return claims_of(self.tenancy_id, **changes)

    def near(self, value):
        """Adapts a claim of the sandbox's tenancy to this tenancy."""
        if isinstance(value, list):
            return [self.near(each) for each in value]
        return value.replace("sandbox", self.label) if isinstance(value, str) else value

    def token(self, **changes) -> str:
        return token(self.one, self.claims(**changes))

    def verify(self, made: str) -> dict:
        return self.connection.verify(made, self.label)

    def start(self, made: str) -> int:
        return self.connection.start_method("VerifyIdToken", made, {}, label=self.label)

    def accepts(self, made: str):
        assert self.verify(made)["authenticator_id"] == "pk1"

    def refuses(self, forged: str):
        with raises("InvalidToken"):
            self.verify(forged)


@pytest.fixture(scope="session")
def issuers():
    """Creates issuers, each with its own endpoint."""
    with contextlib.ExitStack() as ends:
        stack = ends.enter_context(Stack())
        labels = (f"issuer{i}" for i in itertools.count())
        yield lambda: Issuer(stack, ends.enter_context(StandIn()), next(labels))


@pytest.fixture(scope="module")
def issuer(issuers):
    issuer = issuers()
    issuer.accepts(issuer.token())
    return issuer


@pytest.fixture
def fresh(issuers):
    """An issuer whose keys are not cached yet, if serve() comes before the first token."""
    return issuers()


# What may become of a key set that is fetched again.
LATER = {"new key": Reply(200, {"keys": [TWO.jwk(kid="new")]}), "500": Reply(500, b""),
         "none": Reply(200, b"{}"), "html": Reply(200, b"<html>"),
         "forbidden": Reply(403, {"_tag": "@error/Forbidden", "message": "no"})}


@pytest.fixture(scope="session")
def early(issuers):
    """Issuers whose key set has changed since it was cached, early in the tests."""
    made = {}
    for name, reply in LATER.items():
        made[name] = issuers()
        made[name].accepts(made[name].token())
        made[name].api.reply = reply
    return made


def test_key_set_is_not_fetched_again_at_once(early):
    """Made-up key ids do not cause requests to the API."""
    for issuer in early.values():
        calls = [issuer.start(token(STRANGER, issuer.claims(), kid=f"stranger-{i}"))
                 for i in range(20)]
        for call in calls:
            assert issuer.connection.outcome(call) == ("error", "InvalidToken")
        issuer.accepts(issuer.token())
        assert len(issuer.api.requests) == 1


def test_every_claim_arrives(issuer):
    made = issuer.token(sub="u" * 256, jti="principal", iat=NOW - 7, exp=NOW + 7000, nbf=NOW - 7,
                        **{"a:id": "k" * 512, "pk:uv": False, "more": [1]})
    assert issuer.verify(made) == {
        "id": "principal", "user_id": "u" * 256, "authenticator_id": "k" * 512,
        "authenticator_type": "passkey", "created_at": (NOW - 7) * 1000,
        "expires_at": (NOW + 7000) * 1000, "verified": True, "user_verified": False}


def test_second_key_is_as_good(issuer):
    issuer.accepts(token(issuer.two, issuer.claims()))


def test_type_of_the_token_does_not_matter(issuer):
    claims = issuer.claims()
    for header in ({"alg": "RS256", "kid": "one"}, {"alg": "RS256", "kid": "one", "typ": "at+jwt"}):
        issuer.accepts(token(issuer.one, claims, header))


CLAIMS = ["a:id", "a:typ", "pk:uv", "iss", "aud", "sub", "jti", "iat", "exp"]
OF_ANOTHER_TYPE = {"pk:uv": ["true", 1, None, []], "iat": ["1767225600", None, True, {}, 1e300, -1],
                   "exp": ["4102444800", None, True, {}, [4102444800]],
                   "aud": [["sandboxTenancy"], ["sandboxTenancy", "other"], 7, None, {}]}


def with_claim(claims: dict, name: str, value) -> dict:
    return claims | {name: value}


@pytest.mark.parametrize("name", CLAIMS)
def test_claim_that_is_missing(issuer, name):
    issuer.refuses(issuer.token(**{name: None}))


@pytest.mark.parametrize("name, value", [
    (name, value) for name in CLAIMS for value in OF_ANOTHER_TYPE.get(name, [7, None, [], True, ""])])
def test_claim_of_another_type(issuer, name, value):
    issuer.refuses(token(issuer.one, with_claim(issuer.claims(), name, issuer.near(value))))


@pytest.mark.parametrize("name, value", [
    ("iss", "https://passlock.dev"), ("iss", "passlock.dev/"), ("iss", "Passlock.dev"),
    ("iss", "evil.example.com"), ("iss", "passlock.dev\0"),
    ("aud", "otherTenancy"), ("aud", "sandboxTenanc"), ("aud", "sandboxTenancyX"),
    ("aud", "sandboxtenancy"), ("aud", "*"), ("aud", "sandboxTenancy\0"),
    ("a:typ", "email"), ("a:typ", "Passkey"),
    ("sub", "u" * 257), ("sub", "a\0b"), ("a:id", "k" * 513), ("a:id", "k\0"),
    pytest.param("exp", NOW - 1, id="exp-a second ago"),
    pytest.param("exp", NOW - 86400, id="exp-a day ago"), ("exp", 0), ("exp", -1), ("exp", -1e300),
    pytest.param("nbf", NOW + 3600, id="nbf-in an hour"), ("nbf", 4102444800), ("nbf", "0")])
def test_claim_with_another_value(issuer, name, value):
    issuer.refuses(token(issuer.one, with_claim(issuer.claims(), name, issuer.near(value))))


@pytest.mark.parametrize("name", CLAIMS)
def test_claim_that_is_there_twice(issuer, name):
    """With a duplicate claim, parsers disagree about its value."""
    claims = issuer.claims()
    other = {"sub": "eve", "aud": "otherTenancy", "exp": NOW + 9999}.get(name, claims[name])
    for first, last in ((claims[name], other), (other, claims[name])):
        text = json.dumps(claims)[:-1].replace(
            f'"{name}": {json.dumps(claims[name])}', f'"{name}": {json.dumps(first)}')
        issuer.refuses(token(issuer.one, f'{text}, "{name}": {json.dumps(last)}}}'))


@pytest.mark.parametrize("claims", ["", "null", "[]", "7", "{", "{}x", "[" * 3000, '{"a":' * 1000,
                                    b"\xff\xfe", b"{\"sub\":\"\xff\"}", "{} {}"], ids=ascii)
def test_claims_that_are_none(issuer, claims):
    issuer.refuses(token(issuer.one, claims))


@pytest.mark.parametrize("header", [
    "", "null", "[]", "7", "{", '{"alg":"RS256","kid":"one"}x', "[" * 3000,
    '{"kid":"one"}', '{"alg":null,"kid":"one"}', '{"alg":["RS256"],"kid":"one"}',
    '{"alg":"none","alg":"RS256","kid":"one"}', '{"alg":"RS256","alg":"none","kid":"one"}',
    '{"alg":"RS256","kid":"stranger","kid":"one"}', '{"alg":"RS256","kid":7}',
    '{"alg":"RS256","kid":["one"]}', '{"alg":"RS256","kid":""}', '{"alg":"RS256"}',
    '{"alg":"RS256","kid":"ONE"}', '{"alg":"RS256","kid":"one "}', '{"alg":"RS256","kid":"one\\u0000"}',
    '{"alg":"rs256","kid":"one"}', '{"alg":"RS256 ","kid":"one"}', '{"alg":"RS256\\u0000","kid":"one"}',
    '{"alg":"RS256","kid":"one","crit":["exp"]}', '{"alg":"RS256","kid":"one","crit":["b64"],"b64":false}',
    '{"alg":"RS256","kid":"one","crit":[]}'],
    ids=ascii)
def test_header_that_is_none(issuer, header):
    issuer.refuses(token(issuer.one, issuer.claims(), header))


@pytest.mark.parametrize("alg", ["none", "None", "NONE", "nOnE", ""])
@pytest.mark.parametrize("signature", ["none", "kept", "empty object"])
def test_no_algorithm(issuer, alg, signature):
    head, claims = part({"alg": alg, "kid": "one", "typ": "JWT"}), part(issuer.claims())
    kept = issuer.token().rpartition(".")[2]
    issuer.refuses(f"{head}.{claims}." + {"none": "", "kept": kept, "empty object": "e30"}[signature])


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "EdDSA"])
def test_algorithm_that_the_key_is_not_for(issuer, alg):
    """Signed with the right key by the algorithm of the header, where the key supports it."""
    issuer.refuses(token(issuer.one, issuer.claims(), alg=alg))


PUBLIC_FORMS = {
    "pem": lambda key: key.public.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
    "pem without its last line end": lambda key: PUBLIC_FORMS["pem"](key).rstrip(),
    "der": lambda key: key.public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    "pkcs1 pem": lambda key: key.public.public_bytes(Encoding.PEM, PublicFormat.PKCS1),
    "pkcs1 der": lambda key: key.public.public_bytes(Encoding.DER, PublicFormat.PKCS1),
    "modulus": lambda key: key.public.public_numbers().n.to_bytes(256, "big"),
    "modulus as text": lambda key: integer(key.public.public_numbers().n).encode(),
    "jwk": lambda key: json.dumps(key.jwk()).encode(),
    "short jwk": lambda key: json.dumps(key.jwk(), separators=(",", ":")).encode(),
    "nothing": lambda key: b"",
}


@pytest.mark.parametrize("form", PUBLIC_FORMS)
@pytest.mark.parametrize("alg", ["HS256", "HS384", "HS512"])
def test_public_key_as_a_shared_secret(issuer, form, alg):
    issuer.refuses(hmac_token(PUBLIC_FORMS[form](issuer.one), issuer.claims(), alg, kid="one"))


def test_key_of_a_stranger(issuer):
    """An unknown key with a known key id."""
    issuer.refuses(token(issuer.stranger, issuer.claims()))


def test_name_of_another_key(issuer):
    issuer.refuses(token(issuer.one, issuer.claims(), kid="two"))


@pytest.mark.parametrize("kid", ["one", "stranger", None])
def test_key_that_the_token_brings_along(issuer, kid):
    """Keys in the header, or at a URL in the header, are not used."""
    with StandIn() as elsewhere:
        elsewhere.reply = Reply(200, {"keys": [issuer.stranger.jwk()]})
        for header in ({"jwk": issuer.stranger.jwk()}, {"jku": f"{elsewhere.endpoint}/keys"},
                       {"x5u": f"{elsewhere.endpoint}/chain"}, {"x5c": ["MIIB"]},
                       {"jwk": issuer.stranger.jwk(), "jku": f"{elsewhere.endpoint}/keys"},
                       {"iss": elsewhere.endpoint}):
            whole = {"alg": "RS256", "typ": "JWT"} | ({"kid": kid} if kid else {}) | header
            issuer.refuses(token(issuer.stranger, issuer.claims(), whole))
        assert not elsewhere.requests


@pytest.mark.parametrize("kid", ["../../etc/passwd", "/dev/null", "one' OR '1'='1", "x" * 5000,
                                 "one\n", "é", "http://127.0.0.1/"], ids=lambda kid: kid[:16])
def test_odd_names_of_keys(issuer, kid):
    issuer.refuses(token(issuer.one, issuer.claims(), kid=kid))


def flipped(text: str, index: int) -> str:
    return text[:index] + ("A" if text[index] != "A" else "B") + text[index + 1:]


SPOILED = {
    "one bit of the signature": lambda h, c, s: f"{h}.{c}.{flipped(s, 0)}",
    "one bit in its middle": lambda h, c, s: f"{h}.{c}.{flipped(s, len(s) // 2)}",
    "one bit of the claims": lambda h, c, s: f"{h}.{flipped(c, 20)}.{s}",
    "one bit of the header": lambda h, c, s: f"{flipped(h, 5)}.{c}.{s}",
    "no signature": lambda h, c, s: f"{h}.{c}.",
    "two parts": lambda h, c, s: f"{h}.{c}",
    "one part": lambda h, c, s: h,
    "four parts": lambda h, c, s: f"{h}.{c}.{s}.",
    "five parts": lambda h, c, s: f"{h}.{c}.{s}.{c}.{s}",
    "no header": lambda h, c, s: f".{c}.{s}",
    "no claims": lambda h, c, s: f"{h}..{s}",
    "dots": lambda h, c, s: "..",
    "short signature": lambda h, c, s: f"{h}.{c}.{s[:-4]}",
    "long signature": lambda h, c, s: f"{h}.{c}.{s}AAAA",
    "zeros": lambda h, c, s: f"{h}.{c}.{'A' * len(s)}",
    "padding": lambda h, c, s: f"{h}.{c}.{s}==",
    "padding of the claims": lambda h, c, s: f"{h}.{c}=.{s}",
    "space before": lambda h, c, s: f" {h}.{c}.{s}",
    "space after": lambda h, c, s: f"{h}.{c}.{s} ",
    "line end after": lambda h, c, s: f"{h}.{c}.{s}\n",
    "line end within": lambda h, c, s: f"{h}.{c[:10]}\n{c[10:]}.{s}",
    "standard base64": lambda h, c, s: f"{h}.{c[:-4]}+/+/.{s}",
    "no base64": lambda h, c, s: f"{h}.{c}.{'!' * len(s)}",
    "one character too many": lambda h, c, s: f"{h}.{c}{'A' * (1 + -len(c) % 4)}.{s}",
    "quotes": lambda h, c, s: f'"{h}.{c}.{s}"',
    "with a scheme": lambda h, c, s: f"Bearer {h}.{c}.{s}",
    "parts that have changed places": lambda h, c, s: f"{c}.{h}.{s}",
    "json": lambda h, c, s: json.dumps({"protected": h, "payload": c, "signature": s}),
}


@pytest.mark.parametrize("how", SPOILED)
def test_token_that_was_tampered_with(issuer, how):
    with raises("InvalidToken", "InvalidArgs"):  # the latter if it is not even text
        issuer.verify(SPOILED[how](*issuer.token().split(".")))


@pytest.mark.parametrize("extra", string.punctuation.replace("-", "").replace("_", "") + " \t\x7fé")
def test_characters_that_no_token_has(issuer, extra):
    head, claims, signature = issuer.token().split(".")
    with raises("InvalidToken", "InvalidArgs"):
        issuer.verify(f"{head}.{claims}.{extra}{signature}")


def test_signature_of_another_token(issuer):
    ada, eve = issuer.token(sub="ada"), issuer.token(sub="eve")
    issuer.refuses(eve.rpartition(".")[0] + "." + ada.rpartition(".")[2])


def test_signature_over_the_claims_alone(issuer):
    head, claims = part({"alg": "RS256", "kid": "one"}), part(issuer.claims())
    for signed in (claims, f"{claims}", f".{claims}", f"{head}{claims}"):
        issuer.refuses(f"{head}.{claims}.{base64url(issuer.one.sign(signed.encode(), 'RS256'))}")


def test_longest_token_there_is(issuer):
    """A valid token of the maximum length."""
    short = issuer.token(more="")
    fill = (8192 - len(short)) * 3 // 4
    made = max((issuer.token(more="x" * (fill + i)) for i in range(-2, 3)),
               key=lambda made: len(made) if len(made) <= 8192 else 0)
    assert 8190 <= len(made) <= 8192
    issuer.accepts(made)


# Key sets


def test_keys_are_asked_for_without_the_api_key(fresh):
    fresh.accepts(fresh.token())
    (request,) = fresh.api.requests
    assert (request.method, request.path) == ("GET", "/v2/.well-known/jwks.json")
    assert "authorization" not in {name.lower() for name in request.headers}


@pytest.mark.parametrize("body", [
    b"", b"null", b"[]", b"{}", b"7", b'{"keys":7}', b'{"keys":{}}', b'{"keys":null}', b"<html>",
    b'{"keys":[]', b"[" * 100000, b'{"keys":' * 10000, b"\xff\xfe{}"], ids=lambda body: ascii(body[:9]))
def test_key_set_that_is_none(fresh, body):
    fresh.api.reply = Reply(200, body)
    with raises("MalformedReply"):
        fresh.verify(fresh.token())


@pytest.mark.parametrize("status, headers, name, text", [
    (503, {"Retry-After": "60"}, "Unreachable", ""), (500, {}, "Unreachable", ""),
    (404, {}, "Unreachable", ""), (429, {"Retry-After": "60"}, "RateLimited", "after (60|59|5[0-9]) s$"),
    (429, {"Retry-After": "soon"}, "RateLimited", "after (60|59|5[0-9]) s$")])
def test_key_set_that_fails_is_not_fetched_again_at_once(fresh, status, headers, name, text):
    """Until the next fetch, calls get the same error, with the seconds to wait."""
    fresh.api.reply = Reply(status, b"", headers)
    with raises(name, text=text):
        fresh.verify(fresh.token())
    requests = len(fresh.api.requests)
    for call in [fresh.start(token(STRANGER, fresh.claims(), kid=f"stranger-{i}")) for i in range(20)]:
        with raises(name, text=text):
            fresh.connection.finish(call)
    assert len(fresh.api.requests) == requests


@pytest.mark.parametrize("jwks", [
    lambda one: [], lambda one: [7, "x", None, []], lambda one: [{}], lambda one: [{"kty": "RSA"}],
    lambda one: [one.jwk(kid="another")], lambda one: [one.jwk(kid=None)],
    lambda one: [one.jwk(use="enc")], lambda one: [one.jwk(alg="PS256")],
    lambda one: [one.jwk(alg="none")], lambda one: [one.jwk(kty="EC")],
    lambda one: [one.jwk(key_ops=["sign"])], lambda one: [one.jwk(n=None)],
    lambda one: [one.jwk(e=None)], lambda one: [one.jwk(n="")], lambda one: [one.jwk(e="")],
    lambda one: [one.jwk(n="!!!!")], lambda one: [one.jwk(e="AA")], lambda one: [one.jwk(e="AQ")],
    lambda one: [one.jwk(n=7)], lambda one: [one.jwk(), one.jwk(n=STRANGER.jwk()["n"])],
    lambda one: [{"kty": "oct", "k": base64url(b"secret"), "kid": "one", "alg": "HS256"}]],
    ids=range(21))
def test_no_key_that_fits(fresh, jwks):
    """A valid key set without a key for this token, or with several."""
    fresh.serve(*jwks(fresh.one))
    with raises("InvalidToken", "MalformedReply"):
        fresh.verify(fresh.token())


def test_shared_secret_of_a_key_set(fresh):
    fresh.serve({"kty": "oct", "k": base64url(b"secret"), "kid": "one", "alg": "HS256"})
    with raises("InvalidToken", "MalformedReply"):
        fresh.verify(hmac_token(b"secret", fresh.claims(), kid="one"))


def test_key_of_another_kind(fresh):
    """ES256 is not allowed, even if the key set has the key."""
    private = ec.generate_private_key(ec.SECP256R1())
    numbers = private.public_key().public_numbers()
    fresh.serve({"kty": "EC", "crv": "P-256", "x": integer(numbers.x), "y": integer(numbers.y),
                 "kid": "one", "alg": "ES256", "use": "sig"})
    with raises("InvalidToken", "MalformedReply"):
        fresh.verify(ecdsa_token(private, fresh.claims(), kid="one"))


def test_key_that_is_too_short(fresh):
    fresh.one = Key("one", bits=1024)
    fresh.serve(fresh.one.jwk())
    with raises("InvalidToken", "MalformedReply"):
        fresh.verify(fresh.token())


@pytest.mark.parametrize("changes", [{"alg": None}, {"use": None}, {"key_ops": ["verify"]},
                                     {"more": {"a": 1}}], ids=str)
def test_key_that_says_less_or_more(fresh, changes):
    fresh.serve({"kty": "XYZ", "kid": "odd"}, fresh.one.jwk(**changes))
    fresh.accepts(fresh.token())


@pytest.mark.parametrize("alg", ["PS256", "PS384", "PS512"])
def test_algorithms_that_were_announced(fresh, alg):
    """The announced algorithm is used, or the token refused; it is never verified as RS256."""
    fresh.serve(fresh.one.jwk(alg=alg))
    made = token(fresh.one, fresh.claims(), alg=alg)
    outcome = fresh.connection.outcome(fresh.start(made))
    assert outcome[0] != "error" or outcome[1] == "InvalidToken"
    with raises("InvalidToken"):
        fresh.verify(fresh.token())


def test_keys_go_with_the_endpoint(fresh):
    """The key set belongs to the endpoint."""
    fresh.accepts(fresh.token())
    with StandIn() as another:
        another.reply = Reply(200, {"keys": [TWO.jwk()]})
        fresh.stack.sections[f"Tenancy {fresh.label}"]["Endpoint"] = another.endpoint
        fresh.stack.apply()
        fresh.refuses(fresh.token())
        fresh.accepts(token(TWO, fresh.claims()))


@pytest.mark.last  # when REFETCH_SEC are over anyway
@pytest.mark.parametrize("name", LATER)
def test_key_set_is_fetched_again(early, name):
    """Fetched once, for the first token with an unknown key. A failed fetch keeps the known keys."""
    issuer = early[name]
    outcomes = []

    def fetched() -> bool:
        issuer.accepts(issuer.token())
        outcomes.append(issuer.connection.outcome(issuer.start(made())))
        return len(issuer.api.requests) > 1

    def made() -> str:
        return token(TWO, issuer.claims(), kid="new")

    eventually(fetched, 2 * REFETCH_SEC)
    if name == "new key":
        assert outcomes[-1][0] != "error"
        issuer.accepts(made())
        issuer.refuses(issuer.token())
    else:
        assert outcomes[-1][0] == "error"
        issuer.accepts(issuer.token())
    requests = len(issuer.api.requests)
    for i in range(20):
        with raises("InvalidToken", "Unreachable", "MalformedReply"):
            issuer.verify(token(STRANGER, issuer.claims(), kid=f"stranger-{i}"))
    assert len(issuer.api.requests) == requests
