# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules of the HTTP API, one row each, over real HTTP.

A row names its section in the reference of the API. Some are written as data (what is asked, what is
answered), the others as a function that is marked with @rule.
"""

import hashlib
import json
import time

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

import shapes
from authenticator import (BE, BS, EDDSA, ES256, RS256, UP, UV, Credential, authenticate, b64, cbor, register,
                           unb64)
from conftest import KEYS, ORIGIN, USER, Sandbox
from shapes import error, mismatch

JSON = {"Content-Type": "application/json"}
ROWS = []


def rule(name):
    def add(check):
        ROWS.append(pytest.param(check, id=name))
        return check
    return add


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A tenancy with some history, without a limit to mail unless a test says so."""
    with Sandbox(tmp_path_factory.mktemp("conformance"), "--challenge-limit=0") as running:
        yield running


def same(answer, status, shape):
    assert answer.status == status, answer.body
    assert mismatch(answer.json, shape) is None, (mismatch(answer.json, shape), answer.body)
    return answer.json


def bad_request(answer):
    return same(answer, 400, error("BadRequest"))


# Every call, made well: the caller, the status, the shape of the answer.

def good_authentication(sandbox):
    return sandbox.sign_in(sandbox.device())


def good_management(kind):
    def make(sandbox):
        user = sandbox.device(f"managed-{kind}").user_id
        body = {"userId": user, **({"username": "new"} if kind == "update" else {})}
        return sandbox.backend("POST", f"passkeys/{kind}", body)
    return make


def good_redemption(kind):
    def make(sandbox):
        token = good_management(kind)(sandbox).json[f"{kind}PasskeysToken"]
        return sandbox.page_call(f"passkeys/{kind}/exchange", {f"{kind}PasskeysToken": token})
    return make


def create_challenge(sandbox, tenancy="T1", **members):
    body = {"email": "ada@example.com", "purpose": "login", **members}
    answer = sandbox.backend("POST", "challenges", body, tenancy)
    assert answer.status == 201, answer.body
    return answer.json["challenge"]


def verify_challenge(sandbox, created, tenancy="T1", **changes):
    body = {name: created[name] for name in ("challengeId", "secret", "code")}
    return sandbox.backend("POST", "challenges/verify", {**body, **changes}, tenancy)


def wrong_code(created):
    return f"{(int(created['code']) + 1) % 1000000:06}"


GOOD = {
    "4.1": ("backend", 200, shapes.AUTHORIZED_REGISTRATION,
            lambda s: s.backend("POST", "passkey/registration/authorize", USER)),
    "4.2": ("backend", 200, shapes.AUTHORIZED_AUTHENTICATION,
            lambda s: s.backend("POST", "passkey/authentication/authorize",
                                {"rpId": "localhost", "discoverable": True})),
    "4.3": ("backend", 200, shapes.PRINCIPAL, lambda s: s.backend("GET", f"principal/{s.register()['code']}")),
    "4.4": ("backend", 200, shapes.PASSKEY, lambda s: s.backend("GET", f"passkeys/{s.device().id}")),
    "4.5": ("backend", 200, shapes.PAGE, lambda s: s.device() and s.backend("GET", "passkeys/")),
    "4.6": ("backend", 202, shapes.PREPARED["update"], good_management("update")),
    "4.7": ("backend", 202, shapes.PREPARED["delete"], good_management("delete")),
    "4.8": ("backend", 200, shapes.PREPARED["prune"], good_management("prune")),
    "4.9": ("backend", 201, shapes.CREATED,
            lambda s: s.backend("POST", "challenges", {"email": "ada@example.com", "purpose": "login"})),
    "4.10": ("backend", 200, shapes.CHALLENGE,
             lambda s: s.backend("GET", f"challenges/{create_challenge(s)['challengeId']}")),
    "4.11": ("backend", 200, shapes.VERIFIED, lambda s: verify_challenge(s, create_challenge(s))),
    "4.12": ("backend", 202, shapes.DELETED,
             lambda s: s.backend("DELETE", f"challenges/{create_challenge(s)['challengeId']}")),
    "4.13": ("anyone", 200, shapes.KEY_SET, lambda s: s.request("GET", "/v2/.well-known/jwks.json")),
    "5.1": ("page", 200, shapes.CREATION, lambda s: s.page("options", {"registrationToken": s.authorize()})),
    "5.2": ("page", 200, shapes.ceremony("RegistrationSuccess"),
            lambda s: (lambda session, options: s.verify(session, register(options, ORIGIN)))(*s.options())),
    "5.3": ("page", 200, shapes.REQUEST,
            lambda s: s.page_call("passkey/authentication/options",
                                  {"authenticationToken": s.authorize_sign_in(discoverable=True)})),
    "5.4": ("page", 200, shapes.ceremony("AuthenticationSuccess"), good_authentication),
    "5.5": ("page", 200, shapes.INSTRUCTIONS["update"], good_redemption("update")),
    "5.6": ("page", 200, shapes.INSTRUCTIONS["delete"], good_redemption("delete")),
    "5.7": ("page", 200, shapes.INSTRUCTIONS["prune"], good_redemption("prune")),
}


@pytest.mark.parametrize("section", GOOD)
def test_status_and_shape(world, section):
    """Section 2: statuses; 1.4: nothing but what is documented, and null only where it may be."""
    _, status, shape, call = GOOD[section]
    same(call(world), status, shape)


@pytest.mark.parametrize("section", GOOD)
def test_content_type(world, section):
    """1.6: to the letter, and with a body."""
    answer = GOOD[section][3](world)
    assert answer.headers.get_all("Content-Type") == ["application/json"]
    assert answer.body


@pytest.mark.parametrize("section", [name for name, good in GOOD.items() if good[0] == "backend"])
def test_backends_get_no_cors(world, section):
    """1.7: a page must never hold an API key."""
    answer = GOOD[section][3](world)
    assert not [name for name in answer.headers if name.lower().startswith("access-control")]


@pytest.mark.parametrize("section", [name for name, good in GOOD.items() if good[0] == "page"])
def test_pages_get_cors(world, section):
    answer = GOOD[section][3](world)
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Vary"] == "Origin"
    assert answer.headers["Access-Control-Allow-Credentials"] is None


PAGE_CALLS = {
    "5.1": ("passkey/registration/options", "registrationToken"),
    "5.2": ("passkey/registration/verification", "sessionToken"),
    "5.3": ("passkey/authentication/options", "authenticationToken"),
    "5.4": ("passkey/authentication/verification", "sessionToken"),
    "5.5": ("passkeys/update/exchange", "updatePasskeysToken"),
    "5.6": ("passkeys/delete/exchange", "deletePasskeysToken"),
    "5.7": ("passkeys/prune/exchange", "prunePasskeysToken"),
}


@pytest.mark.parametrize("section", PAGE_CALLS)
def test_preflight(world, section):
    """1.7: OPTIONS with the three headers of a browser."""
    answer = world.request("OPTIONS", f"/v2/T1/{PAGE_CALLS[section][0]}", headers={
        "Origin": ORIGIN, "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "content-type"})
    assert answer.status == 204 and answer.body == b""
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN
    assert answer.headers["Vary"] == "Origin"
    assert answer.headers["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    assert answer.headers["Access-Control-Allow-Headers"] == "content-type, accept"


@pytest.mark.parametrize("section", PAGE_CALLS)
@pytest.mark.parametrize("token", ["unknown", 7, None, "absent", ""])
def test_bad_tokens_of_pages(world, section, token):
    """5: BadRequest for a token that is none, readable for the page."""
    path, member = PAGE_CALLS[section]
    answer = world.page_call(path, {} if token == "absent" else {member: token, "response": {}})
    bad_request(answer)
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("section", PAGE_CALLS)
@pytest.mark.parametrize("body", ["", "nonsense", "[]", '"text"', "null", '{"a":1,"a":2}'])
def test_bad_bodies_of_pages(world, section, body):
    bad_request(world.page_call(PAGE_CALLS[section][0], body))


@pytest.mark.parametrize("section", PAGE_CALLS)
def test_unknown_tenancy_of_pages(world, section):
    """5: Forbidden with a message, and CORS."""
    answer = world.page_call(PAGE_CALLS[section][0], {}, tenancy="T9")
    same(answer, 403, error("Forbidden"))
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("section", PAGE_CALLS)
def test_pages_have_no_key(world, section):
    """1.2: what a page sends as Authorization makes no difference."""
    headers = {**JSON, "Origin": ORIGIN, "Authorization": "Bearer nonsense"}
    bad_request(world.request("POST", f"/v2/T1/{PAGE_CALLS[section][0]}", "{}", headers))


@pytest.mark.parametrize("section", PAGE_CALLS)
def test_tokens_of_pages_are_of_one_kind_and_tenancy(world, section):
    """9: bound to tenancy and kind."""
    path, member = PAGE_CALLS[section]
    tokens = {
        "registrationToken": world.authorize(), "authenticationToken": world.authorize_sign_in(discoverable=True),
        "code": world.register()["code"],
        **{f"{kind}PasskeysToken": good_management(kind)(world).json[f"{kind}PasskeysToken"]
           for kind in ("update", "delete", "prune")},
    }
    for name, token in tokens.items():
        if name == member:
            bad_request(world.page_call(path, {member: token}, tenancy="T2"))
        else:
            bad_request(world.page_call(path, {member: token}))
    if member in tokens:
        assert world.page_call(path, {member: tokens[member]}).status == 200


@pytest.mark.parametrize("section", ["5.1", "5.3", "5.5", "5.6", "5.7"])
def test_tokens_of_pages_are_good_once(world, section):
    """9, U-19: once, then BadRequest."""
    path, member = PAGE_CALLS[section]
    token = {"registrationToken": world.authorize,
             "authenticationToken": lambda: world.authorize_sign_in(discoverable=True)}.get(
        member, lambda: good_management(path.split("/")[1])(world).json[member])()
    assert world.page_call(path, {member: token}).status == 200
    bad_request(world.page_call(path, {member: token}))


BACKEND_CALLS = {
    "4.1": ("POST", "passkey/registration/authorize"), "4.2": ("POST", "passkey/authentication/authorize"),
    "4.3": ("GET", "principal/x"), "4.4": ("GET", "passkeys/x"), "4.5": ("GET", "passkeys/"),
    "4.6": ("POST", "passkeys/update"), "4.7": ("POST", "passkeys/delete"), "4.8": ("POST", "passkeys/prune"),
    "4.9": ("POST", "challenges"), "4.10": ("GET", "challenges/x"), "4.11": ("POST", "challenges/verify"),
    "4.12": ("DELETE", "challenges/x"),
}
CREDENTIALS = {
    "no Authorization": ("T1", None), "empty": ("T1", ""), "no scheme": ("T1", KEYS["T1"]),
    "another scheme": ("T1", f"Basic {KEYS['T1']}"), "no key": ("T1", "Bearer "),
    "unknown key": ("T1", "Bearer sk_wrong"), "start of the key": ("T1", f"Bearer {KEYS['T1'][:-1]}"),
    "more than the key": ("T1", f"Bearer {KEYS['T1']}x"), "key of another tenancy": ("T1", f"Bearer {KEYS['T2']}"),
    "unknown tenancy": ("T9", f"Bearer {KEYS['T1']}"),
}


@pytest.mark.parametrize("section", BACKEND_CALLS)
@pytest.mark.parametrize("how", CREDENTIALS)
def test_forbidden(world, section, how):
    """1.8: always 403 with one tag, which is the only one that every call can decode."""
    method, path = BACKEND_CALLS[section]
    tenancy, authorization = CREDENTIALS[how]
    headers = {**JSON, **({} if authorization is None else {"Authorization": authorization})}
    answer = world.request(method, f"/v2/{tenancy}/{path}", "{}" if method == "POST" else None, headers)
    same(answer, 403, error("Forbidden"))
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_scheme(world, scheme):
    """1.8: in any case."""
    answer = world.request("GET", "/v2/T1/passkeys/", headers={"Authorization": f"{scheme} {KEYS['T1']}"})
    assert answer.status == 200


@pytest.mark.parametrize("section", [name for name, call in BACKEND_CALLS.items() if call[0] == "POST"])
@pytest.mark.parametrize("body", ["", "nonsense", "[]", "7", "null", '{"a":1,"a":2}', "{}", "\xff"])
def test_bad_bodies_of_backends(world, section, body):
    """6: BadRequest where it can be decoded; 4.11 has another tag for it."""
    answer = world.backend("POST", BACKEND_CALLS[section][1], body)
    same(answer, 400, error("InvalidChallenge" if section == "4.11" else "BadRequest"))


@pytest.mark.parametrize("section", [name for name, call in BACKEND_CALLS.items() if call[0] == "POST"])
def test_too_large_bodies_of_backends(world, section):
    """U-13: 413 for the body, 64 KiB, with a tag that the call can decode."""
    answer = world.backend("POST", BACKEND_CALLS[section][1], "{" + " " * 65536 + "}")
    same(answer, 413, error("InvalidChallenge" if section == "4.11" else "BadRequest"))


# What is refused as a bad request: the rule, the call, and what is wrong with a good request.

REGISTRATION = ("passkey/registration/authorize", USER)
DISCOVERABLE = ("passkey/authentication/authorize", {"rpId": "localhost", "discoverable": True})
SCOPED = ("passkey/authentication/authorize", {"rpId": "localhost", "userId": "signs-in"})
UPDATE = ("passkeys/update", {"userId": "user-42", "username": "new"})
DELETE = ("passkeys/delete", {"userId": "nobody"})
PRUNE = ("passkeys/prune", {"userId": "user-42"})
CHALLENGE = ("challenges", {"email": "ada@example.com", "purpose": "login"})
ABSENT = object()
WRONG_RP_IDS = ["", "http://localhost", "localhost:80", "a b.example", "example", "exa_mple.com", "-a.example",
                "127.0.0.1", "[::1]", "example.com/", "a..example", "x" * 250 + ".com", 7, None, ABSENT]
WRONG_NUMBERS = [0, -1, 1.5, "60000", None, True, 3600001, 1e300]
REFUSED = [
    *(("4.1 rpId", REGISTRATION, {"rpId": value}) for value in WRONG_RP_IDS),
    *(("4.1 rpName", REGISTRATION, {"rpName": value}) for value in ("", " \t\n", 7, None, "x" * 257, ABSENT)),
    *(("4.1 userId", REGISTRATION, {"userId": value}) for value in ("", 7, None, "x" * 129, ABSENT)),
    *(("4.1 username", REGISTRATION, {"username": value}) for value in ("", 7, None, "x" * 257, ABSENT)),
    *(("4.1 displayName", REGISTRATION, {"displayName": value}) for value in (7, None, "x" * 257)),
    *(("4.1 excludeCredentials", REGISTRATION, {"excludeCredentials": value})
      for value in ("pk", {}, [7], [None], [""], ["x" * 257], None, ["x"] * 257)),
    *(("4.1 userVerification", REGISTRATION, {"userVerification": value}) for value in ("", "Required", True, None)),
    *(("4.1 timeout", REGISTRATION, {"timeout": value}) for value in WRONG_NUMBERS),
    *(("4.2 rpId", DISCOVERABLE, {"rpId": value}) for value in WRONG_RP_IDS),
    *(("4.2 userId", SCOPED, {"userId": value}) for value in ("", 7, None, "x" * 129)),
    *(("4.2 allowCredentials", SCOPED, {"allowCredentials": value})
      for value in ("pk", [7], [None], [""], None, ["x"] * 257)),
    *(("4.2 discoverable", DISCOVERABLE, {"discoverable": value}) for value in (1, "true", None)),
    *(("4.2 mediation", DISCOVERABLE, {"mediation": value}) for value in ("", "silent", "optional", 1, None)),
    *(("4.2 userVerification", DISCOVERABLE, {"userVerification": value}) for value in ("", "PREFERRED", None)),
    *(("4.2 timeout", DISCOVERABLE, {"timeout": value}) for value in WRONG_NUMBERS),
    ("4.2 conditional only if discoverable", SCOPED, {"mediation": "conditional"}),
    ("4.2 conditional only if discoverable is true", SCOPED, {"mediation": "conditional", "discoverable": False}),
    ("U-6 discoverable with userId", DISCOVERABLE, {"userId": "signs-in"}),
    ("U-6 discoverable with allowCredentials", DISCOVERABLE, {"allowCredentials": ["pk"]}),
    ("U-6 neither", DISCOVERABLE, {"discoverable": ABSENT}),
    ("U-6 neither, discoverable false", DISCOVERABLE, {"discoverable": False}),
    ("U-6 neither, empty allowCredentials", DISCOVERABLE, {"discoverable": False, "allowCredentials": []}),
    ("U-8 userId without passkeys", SCOPED, {"userId": "has-none"}),
    ("U-8 nothing but unknown passkeys", SCOPED, {"userId": ABSENT, "allowCredentials": ["pk_unknown"]}),
    ("4.2 passkeys of another relying party", SCOPED, {"rpId": "example.org"}),
    *(("4.6 userId", UPDATE, {"userId": value}) for value in ("", 7, None, "x" * 129, ABSENT)),
    *(("4.6 username", UPDATE, {"username": value}) for value in ("", 7, None, "x" * 257, ABSENT)),
    *(("4.6 displayName", UPDATE, {"displayName": value}) for value in (7, None, "x" * 257)),
    ("4.7 neither passkeyIds nor userId", DELETE, {"userId": ABSENT}),
    ("4.7 both passkeyIds and userId", DELETE, {"passkeyIds": ["pk"]}),
    ("4.7 empty passkeyIds", DELETE, {"userId": ABSENT, "passkeyIds": []}),
    ("4.7 userId with empty passkeyIds", DELETE, {"passkeyIds": []}),
    *(("4.7 passkeyIds", DELETE, {"userId": ABSENT, "passkeyIds": value})
      for value in ("pk", [7], [""], None, {}, ["x" * 257], ["x"] * 257)),
    *(("4.7 userId", DELETE, {"userId": value}) for value in ("", 7, None, "x" * 129)),
    *(("4.8 userId", PRUNE, {"userId": value}) for value in ("", 7, None, "x" * 129, ABSENT)),
    *(("4.9 email", CHALLENGE, {"email": value})
      for value in ("", "ada", "@example.com", "ada@", "ada@ab", "a@b@c.de", "a@b.c\n", "a\u2028@b.cd", "a b@c.de",
                    "a@\u00e4\u00e4", "x" * 250 + "@b.example", 7, None, ABSENT)),
    *(("4.9 purpose", CHALLENGE, {"purpose": value})
      for value in ("", "log in", "log/in", "login\n", "l\u00f6gin", "x" * 65, 7, None, ABSENT)),
    *(("4.9 name", CHALLENGE, {"name": value})
      for value in ("A\nB", "A\rB", "A\tB", "\x7f", "\u0085", "A\u2029B", "x" * 257, 7, None)),
    ("4.9 name with a NUL", CHALLENGE, {"name": "A\0B"}),
    *(("4.9 userId", CHALLENGE, {"userId": value}) for value in ("", 7, None, "x" * 129)),
    *(("4.9 metadata", CHALLENGE, {"metadata": value}) for value in ([], "x", 7, None, {"x": "y" * 4096})),
    *((f"4.9 {name}", CHALLENGE, {name: value}) for name in ("invalidateOthers", "skipRateLimit", "sendEmail")
      for value in (0, "true", None)),
]


@pytest.mark.parametrize("path, body", [
    pytest.param(call[0], {name: value for name, value in {**call[1], **wrong}.items() if value is not ABSENT},
                 id=f"{name}: {json.dumps(wrong, default=lambda _: 'absent')[:60]}") for name, call, wrong in REFUSED])
def test_refused(world, signs_in, path, body):
    answer = world.backend("POST", path, body)
    bad_request(answer)
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("call", [REGISTRATION, DISCOVERABLE, SCOPED, UPDATE, DELETE, PRUNE, CHALLENGE])
def test_the_same_without_the_mistake(world, signs_in, call):
    """Or else the rows above would prove nothing."""
    assert world.backend("POST", *call).status < 300


@pytest.fixture(scope="module")
def signs_in(world):
    return world.device("signs-in")


ACCEPTED = [
    ("4.1 rpId in capitals", REGISTRATION, {"rpId": "Shop.EXAMPLE.com"}),
    ("4.1 rpId with digits and hyphens", REGISTRATION, {"rpId": "a-1.2b.xn--p1ai"}),
    ("4.1 limits", REGISTRATION, {"userId": "x" * 128, "username": "x" * 256, "rpName": "x" * 256, "timeout": 3600000,
                                  "displayName": "x" * 256, "excludeCredentials": [f"{n:0200}" for n in range(256)]}),
    ("4.1 empty displayName", REGISTRATION, {"displayName": ""}),
    ("4.1 unknown members", REGISTRATION, {"hints": ["hybrid"], "nothing": None}),
    ("4.1 timeout as a real", REGISTRATION, {"timeout": 60000.0}),
    ("U-8 unknown passkeys to exclude", REGISTRATION, {"excludeCredentials": ["pk_unknown"]}),
    ("4.2 conditional", DISCOVERABLE, {"mediation": "conditional"}),
    ("4.2 required", DISCOVERABLE, {"mediation": "required", "userVerification": "required", "timeout": 1}),
    ("4.2 discoverable false", SCOPED, {"discoverable": False}),
    ("4.2 empty allowCredentials is omitted", DISCOVERABLE, {"allowCredentials": []}),
    ("4.2 empty allowCredentials with userId", SCOPED, {"allowCredentials": []}),
    ("4.9 shortest address", CHALLENGE, {"email": "a@bcd"}),
    ("4.9 limits", CHALLENGE, {"purpose": "a.B_9:-" + "x" * 57, "metadata": {"x": "y" * 4088}, "userId": "x" * 128,
                               "name": "\u00e9" * 128}),
]


@pytest.mark.parametrize("path, body", [
    pytest.param(call[0], {**call[1], **more}, id=name) for name, call, more in ACCEPTED])
def test_accepted(world, signs_in, path, body):
    assert world.backend("POST", path, body).status < 300




# What takes more than one call.

def page_passkey(page):
    return page["principal"]["authenticatorId"]


@rule("1.1 list path with and without its slash")
def _(world):
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


@rule("1.6 content type is demanded of requests")
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


@rule("4.1 expiresAt is five minutes away")
def _(world):
    before = time.time() * 1000
    expires = world.backend("POST", *REGISTRATION).json["expiresAt"]
    assert before + 299000 <= expires <= time.time() * 1000 + 300000


@rule("7.1 user handle of 1 to 64 bytes, not the user id")
def _(world):
    _, options = world.options(userId="some-user")
    handle = unb64(options["user"]["id"])
    assert 1 <= len(handle) <= 64 and b"some-user" not in handle


@rule("7.1 challenges of 32 bytes, each once")
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


@rule("U-9 one handle for a user of a relying party in a tenancy")
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
        # which has not used the tokens up
        assert world.page("options", {"registrationToken": token}).status == 200
        assert world.page_call("passkey/authentication/options", {"authenticationToken": other}).status == 200


@rule("5.1 the origin of the options is the only one, whoever verifies")
def _(world):
    session, options = world.options(origin="https://shop.example")
    answer = world.verify(session, register(options, "https://shop.example"), origin="https://other.example")
    assert answer.status == 200
    session, options = world.options(origin="https://shop.example")
    bad_request(world.verify(session, register(options, ORIGIN), origin=ORIGIN))


@rule("5.3 the origin of the options is the only one, whoever verifies")
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


@rule("4.2 userId and allowCredentials together allow what is in both")
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


@rule("5.3 what is deleted after authorisation is not offered, and never replaced by anything")
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
    """A ceremony that is right but for one thing, with and without that thing."""
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
refused_sign_in("7.5 attested data that is not there", message="malformed", flags=UP | UV | BE | BS | 0x40)


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


@rule("7.5 userHandle need not be there if account-scoped")
def _(world):
    device = world.device("no-handle")
    session, options = world.sign_in_options(userId="no-handle")
    assert world.sign_in_verify(session, authenticate(options, ORIGIN, device.credential)).status == 200


@rule("7.5 sessions are used up by the attempt")
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


@rule("7.5 account-scoped ceremonies are for the allowed passkeys alone")
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


@rule("5.4 a session whose passkey is unknown is used up, too")
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


@rule("4.3 codes are good once, in their tenancy")
def _(world):
    for page in (world.register(), world.sign_in(world.device()).json):
        same(world.backend("GET", f"principal/{page['code']}", tenancy="T2"), 404, error("InvalidCode"))
        same(world.backend("GET", f"principal/{page['code']}"), 200, shapes.PRINCIPAL)
        same(world.backend("GET", f"principal/{page['code']}"), 404, error("InvalidCode"))


@rule("4.3 nothing else is a code")
def _(world):
    session, _ = world.sign_in_options(discoverable=True)
    for token in (session, world.authorize(), good_management("delete")(world).json["deletePasskeysToken"], "", "x"):
        same(world.backend("GET", f"principal/{token}"), 404, error("InvalidCode"))


@rule("4.3 no older form of the exchange")
def _(world):
    code = world.register()["code"]
    same(world.backend("POST", f"principal/{code}", {"userId": "x"}), 404, error("NotFound"))
    assert world.backend("GET", f"principal/{code}").status == 200


@rule("4.4 unknown passkeys")
def _(world):
    other = world.device(tenancy="T2").id
    for name in ("x", other, "x" * 1000):
        same(world.backend("GET", f"passkeys/{name}"), 404, error("NotFound"))


@rule("4.5 cursor: null at the end, else good for the next page; by creation")
def _(world):
    ids = [world.device("rows", "T2").id for _ in range(101)]
    seen, cursor, sizes = [], None, []
    while True:
        page = same(world.backend("GET", "passkeys/" + (f"?cursor={cursor}" if cursor else ""), tenancy="T2"),
                    200, shapes.PAGE)
        seen += [row["id"] for row in page["records"]]
        sizes.append(len(page["records"]))
        cursor = page["cursor"]
        if cursor is None:
            break
    assert seen[-101:] == ids and seen == sorted(seen) and len(set(seen)) == len(seen)
    assert set(sizes[:-1]) == {100} and 1 <= sizes[-1] <= 100


@rule("4.5 a page whose last passkey is deleted can be followed")
def _(world):
    page = world.backend("GET", "passkeys/").json
    while page["cursor"] is None:
        for _ in range(50):
            world.device("filler")
        page = world.backend("GET", "passkeys/").json
    following = world.backend("GET", f"passkeys/?cursor={page['cursor']}").json["records"]
    world.backend("POST", "passkeys/delete", {"passkeyIds": [page["records"][-1]["id"]]})
    assert world.backend("GET", f"passkeys/?cursor={page['cursor']}").json["records"] == following


@rule("3.2 lastUsed of a row, once there is one")
def _(world):
    with_it, without = world.device("rows-3.2", "T2"), world.device("rows-3.2", "T2")
    world.sign_in(with_it, tenancy="T2")
    rows, cursor = {}, None
    while True:
        page = world.backend("GET", "passkeys/" + (f"?cursor={cursor}" if cursor else ""), tenancy="T2").json
        rows.update({row["id"]: row for row in page["records"]})
        cursor = page["cursor"]
        if cursor is None:
            break
    assert rows[with_it.id]["lastUsed"] == world.passkey(with_it.id, "T2")["lastUsed"]
    assert "lastUsed" not in rows[without.id]


@rule("U-5 cursors that were never handed out")
def _(world):
    for cursor in ("", "x", "null", "pk_00000001"):
        bad_request(world.backend("GET", f"passkeys/?cursor={cursor}"))


@rule("4.6 all passkeys of the user, of every relying party, and of nobody else")
def _(world):
    one, two, other = world.device("renamed"), world.device("renamed"), world.device("not-renamed")
    before = int(time.time() * 1000)
    world.backend("POST", "passkeys/update", {"userId": "renamed", "username": "New"})
    for device in (one, two):
        passkey = world.passkey(device.id)
        assert passkey["credential"]["username"] == "New" and passkey["updatedAt"] >= before
        assert "displayName" not in passkey["credential"]
    assert world.passkey(other.id)["credential"]["username"] == "ada@example.com"


@rule("5.5 one instruction for each relying party and handle, with names")
def _(world):
    one = world.device("two-rps")
    world.device("two-rps")
    session, options = world.options(rpId="b.example", origin="https://b.example", userId="two-rps")
    page = world.verify(session, register(options, "https://b.example"), origin="https://b.example").json
    elsewhere = world.passkey(page_passkey(page))["credential"]["userId"]
    for given, display in (({"displayName": "Ada L."}, "Ada L."), ({"displayName": ""}, ""), ({}, "new")):
        answer = world.backend("POST", "passkeys/update", {"userId": "two-rps", "username": "new", **given}).json
        body = {"updatePasskeysToken": answer["updatePasskeysToken"]}
        assert world.page_call("passkeys/update/exchange", body).json == {
            "_tag": "PasskeyUpdateInstructions", "warnings": [], "instructions": [
                {"rpId": "localhost", "userId": one.handle, "username": "new", "displayName": display},
                {"rpId": "b.example", "userId": elsewhere, "username": "new", "displayName": display}]}


def warnings_of(world, kind, body):
    """The warnings of the preparation, which must be those of the exchange, too."""
    answer = world.backend("POST", f"passkeys/{kind}", body).json
    token = answer[f"{kind}PasskeysToken"]
    redeemed = same(world.page_call(f"passkeys/{kind}/exchange", {f"{kind}PasskeysToken": token}), 200,
                    shapes.INSTRUCTIONS[kind])
    assert redeemed["warnings"] == answer["warnings"]
    return answer["warnings"], redeemed["instructions"]


for kind in ("update", "delete", "prune"):
    @rule(f"3.4 NO_PASSKEYS_FOUND of {kind}, again in the exchange (U-18)")
    def _(world, kind=kind):
        warnings, instructions = warnings_of(world, kind, {"userId": "nobody", "username": "x"} if kind == "update"
                                             else {"userId": "nobody"})
        assert [warning["code"] for warning in warnings] == ["NO_PASSKEYS_FOUND"] and instructions == []
        assert "passkeyId" not in warnings[0]


@rule("3.4 PASSKEY_NOT_FOUND for each missing id, again in the exchange")
def _(world):
    device, elsewhere = world.device("half"), world.device("half", "T2")
    ids = ["pk_one", device.id, "pk_two", elsewhere.id, "pk_one", device.id]
    warnings, instructions = warnings_of(world, "delete", {"passkeyIds": ids})
    assert [(warning["code"], warning["passkeyId"]) for warning in warnings] == [
        ("PASSKEY_NOT_FOUND", name) for name in ("pk_one", "pk_two", elsewhere.id)]
    assert [item["credentialId"] for item in instructions] == [device.credential_id]
    assert world.passkey(elsewhere.id, "T2")


@rule("4.7 the records are gone at once, redeemed or not")
def _(world):
    one, two, three = (world.device("deleted") for _ in range(3))
    world.backend("POST", "passkeys/delete", {"passkeyIds": [two.id]})
    assert world.backend("GET", f"passkeys/{two.id}").status == 404
    assert world.passkey(one.id) and world.passkey(three.id)
    world.backend("POST", "passkeys/delete", {"userId": "deleted"})
    assert [world.backend("GET", f"passkeys/{device.id}").status for device in (one, two, three)] == [404] * 3
    assert warnings_of(world, "prune", {"userId": "deleted"})[0][0]["code"] == "NO_PASSKEYS_FOUND"


@rule("4.7 a deleted credential can be registered again")
def _(world):
    device = world.device("again")
    world.backend("POST", "passkeys/delete", {"passkeyIds": [device.id]})
    page = world.register(device.credential)
    assert page_passkey(page) != device.id


@rule("4.7 what was issued before a deletion: the code is good, the session is not")
def _(world):
    device = world.device("late")
    code = world.sign_in(device).json["code"]
    session, options = world.sign_in_options(userId="late")
    world.backend("POST", "passkeys/delete", {"userId": "late"})
    assert world.backend("GET", f"principal/{code}").json["authenticatorId"] == device.id
    response = authenticate(options, ORIGIN, device.credential, user_handle=device.handle)
    assert world.sign_in_verify(session, response).tag == "@error/PasskeyNotFound"


@rule("5.6 one instruction for each credential, frozen before the deletion")
def _(world):
    one, two = world.device("frozen"), world.device("frozen")
    token = world.backend("POST", "passkeys/delete", {"userId": "frozen"}).json["deletePasskeysToken"]
    assert world.page_call("passkeys/delete/exchange", {"deletePasskeysToken": token}).json == {
        "_tag": "PasskeyDeletionInstructions", "warnings": [], "instructions": [
            {"rpId": "localhost", "userId": device.handle, "credentialId": device.credential_id}
            for device in (one, two)]}


@rule("4.8 deletes nothing; 5.7 the snapshot is of the time of 4.8")
def _(world):
    one, two = world.device("pruned"), world.device("pruned")
    token = world.backend("POST", "passkeys/prune", {"userId": "pruned"}).json["prunePasskeysToken"]
    assert world.passkey(one.id) and world.passkey(two.id)
    world.device("pruned")
    world.backend("POST", "passkeys/delete", {"passkeyIds": [one.id]})
    assert world.page_call("passkeys/prune/exchange", {"prunePasskeysToken": token}).json == {
        "_tag": "PasskeyPruningInstructions", "warnings": [], "instructions": [
            {"rpId": "localhost", "userId": one.handle,
             "allAcceptedCredentialIds": [one.credential_id, two.credential_id]}]}


@rule("4.9 what is returned, and what is not")
def _(world):
    before = int(time.time() * 1000)
    full = create_challenge(world, userId="u", metadata={"b": [1, 0.5, {"a": None}], "a": ""}, name="Ada")
    assert before <= full["createdAt"] <= time.time() * 1000 and full["expiresAt"] - full["createdAt"] == 600000
    assert (full["userId"], full["metadata"]) == ("u", {"b": [1, 0.5, {"a": None}], "a": ""})
    assert full["code"] in full["message"]["html"] and full["code"] in full["message"]["text"]
    assert full["secret"] not in full["message"]["html"] + full["message"]["text"]
    bare = create_challenge(world)
    assert "userId" not in bare and bare["metadata"] is None and "name" not in full
    assert len(unb64(bare["secret"])) >= 16


@rule("4.10 reads without secrets, and changes nothing")
def _(world):
    created = create_challenge(world, userId="u", metadata={"n": 1})
    for _ in range(7):
        challenge = world.backend("GET", f"challenges/{created['challengeId']}").json
        assert challenge == {"_tag": "Challenge", **{name: created[name] for name in created
                                                     if name not in ("secret", "code", "message")}}
    assert verify_challenge(world, created).json == {"_tag": "ChallengeVerified", "challenge": challenge}


@rule("4.10 unknown, and of another tenancy")
def _(world):
    created = create_challenge(world)
    same(world.backend("GET", "challenges/x"), 404, error("NotFound"))
    same(world.backend("GET", f"challenges/{created['challengeId']}", tenancy="T2"), 404, error("NotFound"))


@rule("4.11 one success; consumed is unknown (U-21)")
def _(world):
    created = create_challenge(world)
    assert verify_challenge(world, created).status == 200
    same(verify_challenge(world, created), 400, error("InvalidChallenge"))
    same(world.backend("GET", f"challenges/{created['challengeId']}"), 404, error("NotFound"))


@rule("4.11 one shape for unknown, deleted, consumed, voided and without the secret")
def _(world):
    consumed, deleted, alive = (create_challenge(world, purpose="oracle") for _ in range(3))
    verify_challenge(world, consumed)
    world.backend("DELETE", f"challenges/{deleted['challengeId']}")
    voided = create_challenge(world, purpose="voided")
    create_challenge(world, purpose="voided", invalidateOthers=True)
    answers = [verify_challenge(world, consumed), verify_challenge(world, deleted), verify_challenge(world, voided),
               verify_challenge(world, alive, challengeId="ch_unknown"), verify_challenge(world, alive, secret="x"),
               verify_challenge(world, alive, secret="x", code=wrong_code(alive)),
               verify_challenge(world, alive, tenancy="T2")]
    for answer in answers:
        same(answer, 400, error("InvalidChallenge"))
    assert len({answer.body for answer in answers}) == 1
    assert verify_challenge(world, alive).status == 200


@rule("4.11 five attempts, counted only with the secret")
def _(world):
    created = create_challenge(world)
    for _ in range(9):
        same(verify_challenge(world, created, secret="x", code=wrong_code(created)), 400, error("InvalidChallenge"))
    for _ in range(5):
        same(verify_challenge(world, created, code=wrong_code(created)), 400, error("InvalidChallengeCode"))
    for code in (wrong_code(created), created["code"]):
        same(verify_challenge(world, created, code=code), 400, error("ChallengeAttemptsExceeded"))
    lucky = create_challenge(world)
    for _ in range(4):
        verify_challenge(world, lucky, code=wrong_code(lucky))
    assert verify_challenge(world, lucky).status == 200


for member in ("challengeId", "secret", "code"):
    for value in (7, None, "", "x" * 257, {}):
        @rule(f"4.11 ill-typed {member} {str(value)[:9]!r} is InvalidChallenge, and no attempt")
        def _(world, member=member, value=value):
            created = create_challenge(world)
            for _ in range(6):
                same(verify_challenge(world, created, **{member: value}), 400, error("InvalidChallenge"))
            assert verify_challenge(world, created).status == 200


@rule("4.12 deletes; an unknown id succeeds, too; another tenancy's stays")
def _(world):
    created, other = create_challenge(world), create_challenge(world, "T2")
    for challenge in (created, created, other, {"challengeId": "x"}):
        same(world.backend("DELETE", f"challenges/{challenge['challengeId']}"), 202, shapes.DELETED)
    same(verify_challenge(world, created), 400, error("InvalidChallenge"))
    assert verify_challenge(world, other, "T2").status == 200


@rule("4.9 invalidateOthers: same purpose and user, or address where no user is named")
def _(world):
    def alive(created):
        return world.backend("GET", f"challenges/{created['challengeId']}").status == 200

    def make(purpose="inv", **more):
        return create_challenge(world, purpose=purpose, **more)
    user, other_user, other_purpose = make(userId="u1"), make(userId="u2"), make("inv2", userId="u1")
    mail, other_mail = make(email="one@example.com"), make(email="two@example.com")
    make(userId="u1", invalidateOthers=False)
    assert alive(user)
    new = make(userId="u1", invalidateOthers=True)
    assert [alive(c) for c in (user, new, other_user, other_purpose, mail, other_mail)] == [False] + [True] * 5
    make(email="one@example.com", invalidateOthers=True)
    assert [alive(c) for c in (mail, other_mail, other_user, new)] == [False, True, True, True]


@rule("U-7 mail goes to the outbox, unless sendEmail is false")
def _(world):
    def mails(created):
        outbox = world.request("GET", "/-/outbox").json["mails"]
        return [mail for mail in outbox if mail["challengeId"] == created["challengeId"]]
    for body, n in (({}, 1), ({"sendEmail": True, "name": "Ada"}, 1), ({"sendEmail": False}, 0)):
        created = create_challenge(world, **body)
        assert len(mails(created)) == n
        if n:
            [mail] = mails(created)
            assert (mail["tenancyId"], mail["email"], mail["code"]) == ("T1", "ada@example.com", created["code"])
            assert (mail["html"], mail["text"]) == (created["message"]["html"], created["message"]["text"])
            assert mail.get("name") == body.get("name")
            assert created["secret"] not in json.dumps(mail)


@rule("4.13 unversioned key set, the same (U-23)")
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


@rule("14.3 and 14.6 the vectors of the reference have the shape of ours")
def _(world):
    auth_data = unb64("SZYN5YgOjGh0NBcPZHZgW4_krrmihjLHmVzzuoMdl2MdAAAAAA")
    assert auth_data[:32] == hashlib.sha256(b"localhost").digest()
    device = world.device(flags=0x1d)
    session, options = world.sign_in_options(userId=device.user_id)
    ours = authenticate(options, ORIGIN, device.credential, flags=0x1d, user_handle=device.handle)
    assert unb64(ours["response"]["authenticatorData"]) == auth_data
    assert world.sign_in_verify(session, ours).status == 200


@pytest.mark.parametrize("check", ROWS)
def test_rule(world, check):
    check(world)


# Rules that need a clock, a limit or a state file of their own.

def test_mail_is_limited(start):
    """4.9, U-10: five for a purpose and person in ten minutes; 429 with the seconds, twice."""
    sandbox = start()
    for subject in ({"userId": "u"}, {"email": "other@example.com"}):
        for _ in range(5):
            create_challenge(sandbox, **subject)
        body = {"email": "ada@example.com", "purpose": "login", **subject}
        answer = sandbox.backend("POST", "challenges", body)
        same(answer, 429, error("ChallengeRateLimited", retryAfterSeconds=shapes.whole))
        assert 500 < answer.json["retryAfterSeconds"] <= 600
        assert answer.headers["Retry-After"] == str(answer.json["retryAfterSeconds"])
        create_challenge(sandbox, skipRateLimit=True, **subject)
        create_challenge(sandbox, purpose="other", **subject)
    # An exempt one does not count, and neither does a person's address where a user is named.
    for _ in range(5):
        create_challenge(sandbox, userId="v", skipRateLimit=True)
    create_challenge(sandbox, userId="v")
    create_challenge(sandbox, tenancy="T2", userId="u")


def test_mail_limit_is_a_window(start):
    sandbox = start("--challenge-limit=2:1")
    body = {"email": "ada@example.com", "purpose": "login"}
    assert [sandbox.backend("POST", "challenges", body).status for _ in range(3)] == [201, 201, 429]
    deadline = time.monotonic() + 30
    while sandbox.backend("POST", "challenges", body).status == 429:
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_counters_can_be_ignored(start):
    """U-12: configurable."""
    sandbox = start("--ignore-counters")
    device = sandbox.device()
    for counter in (5, 5, 0, 7, 3):
        assert sandbox.sign_in(device, counter=counter).status == 200
        assert sandbox.passkey(device.id)["credential"]["counter"] == counter


def test_expiry(start, tmp_path):
    """9: five minutes, an hour for a prompt that waits in a form, ten minutes for a code."""
    state = f"--state={tmp_path}/state.json"
    now = start(state)
    device = now.device("expires")
    at = [now.authorize_sign_in(userId="expires") for _ in range(2)]
    modal, waiting = now.sign_in_options(userId="expires"), now.sign_in_options(
        discoverable=True, mediation="conditional")
    slow = now.sign_in_options(userId="expires", timeout=600000)
    managed = {kind: [good_management(kind)(now).json[f"{kind}PasskeysToken"] for _ in range(2)]
               for kind in ("update", "delete", "prune")}
    codes = [create_challenge(now) for _ in range(2)]
    now.stop()

    def redeem(sandbox, kind, token):
        return sandbox.page_call(f"passkeys/{kind}/exchange", {f"{kind}PasskeysToken": token}).status

    def options(sandbox, token):
        return sandbox.page_call("passkey/authentication/options", {"authenticationToken": token}).status

    def verify(sandbox, ceremony, counter):
        session, request = ceremony
        return sandbox.sign_in_verify(session, authenticate(request, ORIGIN, device.credential, counter=counter,
                                                            user_handle=device.handle)).status

    soon = start(state, "--clock-offset=250")
    assert options(soon, at[0]) == 200
    assert [redeem(soon, kind, tokens[0]) for kind, tokens in managed.items()] == [200] * 3
    soon.stop()
    later = start(state, "--clock-offset=301")
    assert options(later, at[1]) == 400
    assert [redeem(later, kind, tokens[1]) for kind, tokens in managed.items()] == [400] * 3
    assert verify(later, modal, 1) == 400
    assert verify(later, slow, 2) == 200
    assert verify_challenge(later, codes[0]).status == 200
    later.stop()
    much_later = start(state, "--clock-offset=700")
    same(verify_challenge(much_later, codes[1]), 400, error("ChallengeExpired"))
    same(verify_challenge(much_later, codes[1], secret="x"), 400, error("InvalidChallenge"))
    same(much_later.backend("GET", f"challenges/{codes[1]['challengeId']}"), 404, error("NotFound"))
    assert verify(much_later, waiting, 3) == 200


def test_disabled_passkeys(start, tmp_path):
    """U-11: not offered, not kept by a pruning, refused at sign-in; and not as an orphan."""
    state = tmp_path / "state.json"
    sandbox = start(f"--state={state}")
    on, off = sandbox.device("mixed"), sandbox.device("mixed")
    alone = sandbox.device("alone")
    early = sandbox.sign_in_options(userId="alone")
    sandbox.stop()
    saved = json.loads(state.read_text())
    for passkey in saved["tenancies"]["T1"]["passkeys"]:
        passkey["enabled"] = passkey["id"] == on.id
    state.write_text(json.dumps(saved))

    sandbox = start(f"--state={state}")
    assert sandbox.passkey(off.id)["enabled"] is False
    for scope in ({"userId": "mixed"}, {"allowCredentials": [off.id, on.id]}):
        assert [item["id"] for item in sandbox.sign_in_options(**scope)[1]["allowCredentials"]] == [on.credential_id]
    bad_request(sandbox.backend("POST", "passkey/authentication/authorize", {"rpId": "localhost", "userId": "alone"}))
    bad_request(sandbox.sign_in(off))
    session, options = early
    bad_request(sandbox.sign_in_verify(session, authenticate(options, ORIGIN, alone.credential)))
    assert sandbox.sign_in(on).status == 200
    assert warnings_of(sandbox, "prune", {"userId": "mixed"}) == ([], [
        {"rpId": "localhost", "userId": on.handle, "allAcceptedCredentialIds": [on.credential_id]}])
    assert len(warnings_of(sandbox, "update", {"userId": "alone", "username": "x"})[1]) == 1


def test_challenges_survive(start, tmp_path):
    """Their secrets and codes are not in the file; attempts are."""
    state = tmp_path / "state.json"
    before = start(f"--state={state}")
    created, tried = create_challenge(before, metadata={"a": 1}), create_challenge(before)
    for _ in range(5):
        verify_challenge(before, tried, code=wrong_code(tried))
    before.process.kill()
    before.process.wait()
    text = state.read_text()
    assert created["secret"] not in text and f'"{created["code"]}"' not in text

    after = start(f"--state={state}")
    assert verify_challenge(after, created).json["challenge"]["metadata"] == {"a": 1}
    same(verify_challenge(after, tried), 400, error("ChallengeAttemptsExceeded"))
