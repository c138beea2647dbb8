# SPDX-License-Identifier: LGPL-2.1-or-later
"""The rules of the HTTP API, one row each, over real HTTP.

A row names its section in the API reference, or the number (U-...) of an open question of the reference.
Rules of one call are data in this file; rules of several calls are in rules_*.py.
"""

import json
import time

import pytest

import rules_general  # noqa: F401 adds rules when imported
import rules_mailbox  # noqa: F401
import rules_sign_in  # noqa: F401
import rules_vault  # noqa: F401
import shapes
from authenticator import authenticate, register
from conformance import (ROWS, bad_request, create_challenge, good_management, same, verify_challenge, warnings_of,
                         wrong_code)
from conftest import KEYS, ORIGIN, USER, Sandbox
from shapes import error

JSON = {"Content-Type": "application/json"}
@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """A tenancy with test data, by default without rate limit."""
    with Sandbox(tmp_path_factory.mktemp("conformance"), "--challenge-limit=0") as running:
        yield running


# Every call with valid arguments: caller, status, shape of the reply.

def good_authentication(sandbox):
    return sandbox.sign_in(sandbox.device())


def good_redemption(kind):
    def make(sandbox):
        token = good_management(kind)(sandbox).json[f"{kind}PasskeysToken"]
        return sandbox.page_call(f"passkeys/{kind}/exchange", {f"{kind}PasskeysToken": token})
    return make


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
    """Section 2: statuses; 1.4: documented members only, null only in nullable members."""
    _, status, shape, call = GOOD[section]
    same(call(world), status, shape)


@pytest.mark.parametrize("section", GOOD)
def test_content_type(world, section):
    """1.6: exact content type, and a body."""
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
    """5: BadRequest for an invalid token, with CORS headers."""
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
    """5: Forbidden with a message and CORS headers."""
    answer = world.page_call(PAGE_CALLS[section][0], {}, tenancy="T9")
    same(answer, 403, error("Forbidden"))
    assert answer.headers["Access-Control-Allow-Origin"] == ORIGIN


@pytest.mark.parametrize("section", PAGE_CALLS)
def test_page_calls_ignore_authorization(world, section):
    """1.2: page calls ignore the Authorization header."""
    headers = {**JSON, "Origin": ORIGIN, "Authorization": "Bearer nonsense"}
    bad_request(world.request("POST", f"/v2/T1/{PAGE_CALLS[section][0]}", "{}", headers))


@pytest.mark.parametrize("section", PAGE_CALLS)
def test_page_tokens_are_bound(world, section):
    """9: tokens are bound to tenancy and kind."""
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
def test_page_tokens_are_single_use(world, section):
    """9, U-19: BadRequest for a token that was already redeemed."""
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
    """1.8: 403 with the tag Forbidden, which clients of every call can decode."""
    method, path = BACKEND_CALLS[section]
    tenancy, authorization = CREDENTIALS[how]
    headers = {**JSON, **({} if authorization is None else {"Authorization": authorization})}
    answer = world.request(method, f"/v2/{tenancy}/{path}", "{}" if method == "POST" else None, headers)
    same(answer, 403, error("Forbidden"))
    assert answer.headers["Content-Type"] == "application/json"


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER", "bEaReR"])
def test_scheme(world, scheme):
    """1.8: the scheme is case-insensitive."""
    answer = world.request("GET", "/v2/T1/passkeys/", headers={"Authorization": f"{scheme} {KEYS['T1']}"})
    assert answer.status == 200


@pytest.mark.parametrize("section", [name for name, call in BACKEND_CALLS.items() if call[0] == "POST"])
@pytest.mark.parametrize("body", ["", "nonsense", "[]", "7", "null", '{"a":1,"a":2}', "{}", "\xff"])
def test_bad_bodies_of_backends(world, section, body):
    """6: BadRequest, but InvalidChallenge for 4.11, whose clients do not know BadRequest."""
    answer = world.backend("POST", BACKEND_CALLS[section][1], body)
    same(answer, 400, error("InvalidChallenge" if section == "4.11" else "BadRequest"))


@pytest.mark.parametrize("section", [name for name, call in BACKEND_CALLS.items() if call[0] == "POST"])
def test_too_large_bodies_of_backends(world, section):
    """U-13: 413 for a body over 64 KiB, with a tag that the client can decode."""
    answer = world.backend("POST", BACKEND_CALLS[section][1], "{" + " " * 65536 + "}")
    same(answer, 413, error("InvalidChallenge" if section == "4.11" else "BadRequest"))


# Invalid requests: the rule, the call, and the change to a valid request.

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
    *(("4.1 rpName", REGISTRATION, {"rpName": value}) for value in ("", " \t\n", 7, None, "x" * 257)),
    *(("4.1 userId", REGISTRATION, {"userId": value}) for value in ("", 7, None, "x" * 257, ABSENT)),
    *(("4.1 username", REGISTRATION, {"username": value}) for value in ("", 7, None, "x" * 257, ABSENT)),
    *(("4.1 displayName", REGISTRATION, {"displayName": value}) for value in (7, None, "x" * 257)),
    *(("4.1 excludeCredentials", REGISTRATION, {"excludeCredentials": value})
      for value in ("pk", {}, [7], [None], [""], ["x" * 257], None, ["x"] * 257)),
    *(("4.1 userVerification", REGISTRATION, {"userVerification": value}) for value in ("", "Required", True, None)),
    *(("4.1 timeout", REGISTRATION, {"timeout": value}) for value in WRONG_NUMBERS),
    *(("4.2 rpId", DISCOVERABLE, {"rpId": value}) for value in WRONG_RP_IDS),
    *(("4.2 userId", SCOPED, {"userId": value}) for value in ("", 7, None, "x" * 257)),
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
    *(("4.6 userId", UPDATE, {"userId": value}) for value in ("", 7, None, "x" * 257, ABSENT)),
    *(("4.6 username", UPDATE, {"username": value}) for value in ("", 7, None, "x" * 257, ABSENT)),
    *(("4.6 displayName", UPDATE, {"displayName": value}) for value in (7, None, "x" * 257)),
    ("4.7 neither passkeyIds nor userId", DELETE, {"userId": ABSENT}),
    ("4.7 both passkeyIds and userId", DELETE, {"passkeyIds": ["pk"]}),
    ("4.7 empty passkeyIds", DELETE, {"userId": ABSENT, "passkeyIds": []}),
    ("4.7 userId with empty passkeyIds", DELETE, {"passkeyIds": []}),
    *(("4.7 passkeyIds", DELETE, {"userId": ABSENT, "passkeyIds": value})
      for value in ("pk", [7], [""], None, {}, ["x" * 257], ["x"] * 257)),
    *(("4.7 userId", DELETE, {"userId": value}) for value in ("", 7, None, "x" * 257)),
    *(("4.8 userId", PRUNE, {"userId": value}) for value in ("", 7, None, "x" * 257, ABSENT)),
    *(("4.9 email", CHALLENGE, {"email": value})
      for value in ("", "ada", "@example.com", "ada@", "ada@ab", "a@b@c.de", "a@b.c\n", "a\u2028@b.cd", "a b@c.de",
                    "a@\u00e4\u00e4", "x" * 250 + "@b.example", 7, None, ABSENT)),
    *(("4.9 purpose", CHALLENGE, {"purpose": value})
      for value in ("", "log in", "log/in", "login\n", "l\u00f6gin", "x" * 65, 7, None, ABSENT)),
    *(("4.9 name", CHALLENGE, {"name": value})
      for value in ("A\nB", "A\rB", "A\tB", "\x7f", "\u0085", "A\u2029B", "x" * 257, 7, None)),
    ("4.9 name with a NUL", CHALLENGE, {"name": "A\0B"}),
    *(("4.9 userId", CHALLENGE, {"userId": value}) for value in ("", 7, None, "x" * 257)),
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
def test_unchanged_requests_succeed(world, signs_in, call):
    """The unchanged requests succeed: the changes above cause the errors."""
    assert world.backend("POST", *call).status < 300


@pytest.fixture(scope="module")
def signs_in(world):
    return world.device("signs-in")


ACCEPTED = [
    ("4.1 rpId in capitals", REGISTRATION, {"rpId": "Shop.EXAMPLE.com"}),
    ("4.1 rpId with digits and hyphens", REGISTRATION, {"rpId": "a-1.2b.xn--p1ai"}),
    ("4.1 limits", REGISTRATION, {"userId": "x" * 256, "username": "x" * 256, "rpName": "x" * 256, "timeout": 3600000,
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
    ("4.9 limits", CHALLENGE, {"purpose": "a.B_9:-" + "x" * 57, "metadata": {"x": "y" * 4088}, "userId": "x" * 256,
                               "name": "\u00e9" * 128}),
]


@pytest.mark.parametrize("path, body", [
    pytest.param(call[0], {**call[1], **more}, id=name) for name, call, more in ACCEPTED])
def test_accepted(world, signs_in, path, body):
    assert world.backend("POST", path, body).status < 300


@pytest.mark.parametrize("check", ROWS)
def test_rule(world, check):
    check(world)


# Rules that need a clock, a limit or a state file of their own.

def test_challenge_rate_limit(start):
    """4.9, U-10: five per purpose and recipient in ten minutes; 429 with the seconds in header and body."""
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
    # Challenges with skipRateLimit do not count; with a userId the address does not count.
    for _ in range(5):
        create_challenge(sandbox, userId="v", skipRateLimit=True)
    create_challenge(sandbox, userId="v")
    create_challenge(sandbox, tenancy="T2", userId="u")


def test_challenge_rate_limit_window(start):
    sandbox = start("--challenge-limit=2:1")
    body = {"email": "ada@example.com", "purpose": "login"}
    for status in (429, 201):
        deadline = time.monotonic() + 60
        while sandbox.backend("POST", "challenges", body).status != status:
            assert time.monotonic() < deadline


def test_counters_can_be_ignored(start):
    """U-12: --ignore-counters."""
    sandbox = start("--ignore-counters")
    device = sandbox.device()
    for counter in (5, 5, 0, 7, 3):
        assert sandbox.sign_in(device, counter=counter).status == 200
        assert sandbox.passkey(device.id)["credential"]["counter"] == counter


def test_expiry(start, tmp_path):
    """9: five minutes; an hour for conditional mediation, ten minutes for a mailed code."""
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
    """U-11: not offered, not accepted by prune, BadRequest at sign-in instead of PasskeyNotFound."""
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
    """The state file has attempts, but no secrets and codes."""
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
