# SPDX-License-Identifier: LGPL-2.1-or-later
"""One-time codes by mail: create, verify and delete challenges."""

import json
import time

import pytest

from harness.standin import Reply, StandIn

from .client import plain
from .stack import SHORT_SEC, Stack, new_user, raises, within

TYPES = {"id": "s", "purpose": "s", "email": "s", "created_at": "t", "expires_at": "t",
         "user_id": "s", "metadata": "s"}
NEW = {"secret": "s", "code": "s", "message_html": "s", "message_text": "s"}
CREATE, GET, VERIFY, REMOVE = ("challenge-create", "challenge-get", "challenge-verify",
                               "challenge-delete")
LIMIT = 5  # the sandbox's: codes per purpose and person, and attempts


def new_email() -> str:
    return f"{new_user()}@example.com"


def create(connection, **options) -> dict:
    return connection.create_challenge(new_email(), "login", **options)


def verify(connection, challenge: dict, **changes: str) -> dict:
    given = challenge | changes
    return plain(connection.method("VerifyChallenge", given["id"], given["secret"],
                                   given["code"])[0])


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 1000000:06}"


def readable(challenge: dict) -> dict:
    return {key: value for key, value in challenge.items() if key not in NEW}


def mails(stack, email: str) -> list[dict]:
    return [mail for mail in stack.sandbox.outbox() if mail["email"] == email]


# A whole life


def test_whole_life(stack, connection):
    email, user = new_email(), new_user()
    (challenge,) = connection.method("CreateChallenge", email, "sign-in.by:mail_1", {
        "name": ("s", "Ada Ł."), "user_id": ("s", user), "metadata": ("s", '{"flow": 7}'),
        "invalidate_others": ("b", True), "skip_rate_limit": ("b", False),
        "send_email": ("b", True)})
    assert {key: kind for key, (kind, _) in challenge.items()} == TYPES | NEW
    challenge = plain(challenge)
    assert (challenge["email"], challenge["purpose"], challenge["user_id"]) == \
        (email, "sign-in.by:mail_1", user)
    assert json.loads(challenge["metadata"]) == {"flow": 7}
    assert abs(challenge["created_at"] - time.time() * 1000) < 60 * 1000
    assert challenge["created_at"] < challenge["expires_at"]
    assert challenge["code"] in challenge["message_text"]
    assert challenge["code"] in challenge["message_html"]
    (mail,) = mails(stack, email)
    assert (mail["code"], mail["name"]) == (challenge["code"], "Ada Ł.")

    (read,) = connection.method("GetChallenge", challenge["id"])
    assert {key: kind for key, (kind, _) in read.items()} == TYPES
    assert plain(read) == readable(challenge)
    assert verify(connection, challenge) == readable(challenge)
    with raises("NotFound"):
        connection.method("GetChallenge", challenge["id"])
    with raises("InvalidChallenge"):
        verify(connection, challenge)


def test_what_was_not_given_is_not_there(connection):
    challenge = create(connection)
    (read,) = connection.method("GetChallenge", challenge["id"])
    assert set(read) == set(readable(challenge)) == set(TYPES) - {"user_id", "metadata"}
    assert set(verify(connection, challenge)) == set(read)


def test_delete(connection):
    challenge = create(connection)
    assert connection.method("DeleteChallenge", challenge["id"]) == ()
    with raises("NotFound"):
        connection.method("GetChallenge", challenge["id"])
    with raises("InvalidChallenge"):
        verify(connection, challenge)
    assert connection.method("DeleteChallenge", challenge["id"]) == ()


def test_unknown_challenge(connection):
    with raises("NotFound"):
        connection.method("GetChallenge", "ch_never-made")
    with raises("InvalidChallenge"):
        connection.method("VerifyChallenge", "ch_never-made", "secret", "123456")
    assert connection.method("DeleteChallenge", "ch_never-made") == ()
    assert connection.state() == "ready"


def test_wrong_secret(connection):
    challenge, other = create(connection), create(connection)
    for secret in ("x", other["secret"], challenge["secret"] + "x"):
        with raises("InvalidChallenge"):
            verify(connection, challenge, secret=secret)
    assert verify(connection, challenge)["id"] == challenge["id"]


def test_wrong_code(connection):
    challenge = create(connection)
    for _ in range(LIMIT - 1):
        with raises("InvalidChallengeCode"):
            verify(connection, challenge, code=wrong(challenge["code"]))
    assert verify(connection, challenge)["id"] == challenge["id"]


def test_wrong_code_too_often(connection):
    challenge = create(connection)
    for _ in range(LIMIT):
        with raises("InvalidChallengeCode"):
            verify(connection, challenge, code=wrong(challenge["code"]))
    for _ in range(2):
        with raises("ChallengeAttemptsExceeded"):
            verify(connection, challenge)
    assert connection.state() == "ready"


def test_expired_challenge(own_stack):
    own_stack.start()
    with own_stack.connect() as connection:
        challenge = create(connection)
        own_stack.sandbox.options += ("--clock-offset=601",)
        own_stack.sandbox.restart()
        with raises("ChallengeExpired"):
            verify(connection, challenge)
        with raises("NotFound"):
            connection.method("GetChallenge", challenge["id"])


@pytest.mark.parametrize("void", [True, False])
@pytest.mark.parametrize("by", ["user", "email"])
def test_others_are_voided_if_wanted(connection, void, by):
    email = new_email()
    who = {"user_id": new_user()} if by == "user" else {}
    first = connection.create_challenge(email, "login", **who)
    elsewhere = connection.create_challenge(email, "checkout", **who)
    second = connection.create_challenge(email, "login", invalidate_others=void, **who)
    if void:
        with raises("InvalidChallenge"):
            verify(connection, first)
    else:
        assert verify(connection, first)["id"] == first["id"]
    assert verify(connection, second)["id"] == second["id"]
    assert verify(connection, elsewhere)["id"] == elsewhere["id"]


@pytest.mark.parametrize("options, count", [({}, 1), ({"send_email": True}, 1),
                                            ({"send_email": False}, 0)], ids=str)
def test_mail_is_sent_unless_the_app_does(stack, connection, options, count):
    challenge = create(connection, **options)
    assert len(mails(stack, challenge["email"])) == count
    assert challenge["code"] in challenge["message_text"]


def test_too_many(connection):
    email = new_email()
    for _ in range(LIMIT):
        connection.create_challenge(email, "login")
    with raises("RateLimited", text=r"retry after [1-9]\d* s$") as caught:
        connection.create_challenge(email, "login")
    assert int(caught.error.message.split()[-2]) <= 600
    assert email not in caught.error.message
    assert connection.create_challenge(email, "login", skip_rate_limit=True)["id"]
    assert connection.create_challenge(email, "another-purpose")["id"]
    assert connection.state() == "ready"


# Arguments


@pytest.mark.parametrize("text", [
    "{}", '{"a":null}', '{"a":[1,2,{"b":[]}],"c":"é\\u20ac\\n\\"","d":true,"e":1.5,"f":-7}',
    '{"whole":9007199254740993}', '{"deep":' * 20 + "{}" + "}" * 20, ' { "spaces" : 1 } ',
    '{"":""}', '{"emoji":"😀"}', '{"full":"' + "x" * 4080 + '"}'], ids=lambda text: text[:20])
def test_metadata_comes_back(connection, text):
    challenge = create(connection, metadata=text)
    for got in (challenge, plain(connection.method("GetChallenge", challenge["id"])[0]),
                verify(connection, challenge)):
        assert json.loads(got["metadata"]) == json.loads(text)


@pytest.mark.parametrize("text", [
    "", " ", "null", "7", '"text"', "[]", "[{}]", "true", "{", "{}x", "{} {}", "{}{}", '{"a":}',
    "{'a':1}", "{a:1}", '{"a":1,}', '{"a":NaN}', '{"a":Infinity}', '{"a":01}',
    '{"a":"\\ud800"}', '{"a":' * 3000, '{"a":"' + "x" * 4096 + '"}', "// no\n{}"],
    ids=lambda text: text[:12])
def test_bad_metadata(stack, connection, text):
    calls = stack.sandbox.calls()
    with raises("InvalidArgs"):
        create(connection, metadata=text)
    assert stack.sandbox.calls() == calls


@pytest.mark.parametrize("purpose", ["lo gin", "login!", "é", "a/b", "a\n", "a@b", "login\t"])
def test_bad_purpose(stack, connection, purpose):
    calls = stack.sandbox.calls()
    with raises("InvalidArgs"):
        connection.create_challenge(new_email(), purpose)
    assert stack.sandbox.calls() == calls


@pytest.mark.parametrize("email, names", [
    ("", ("InvalidArgs",)), ("a@", ("InvalidArgs",)), ("a" * 243 + "@example.com", ("InvalidArgs",)),
    ("ada", ("InvalidArgs", "BadRequest")), ("a@b", ("InvalidArgs", "BadRequest")),
    ("a@b@c.example", ("InvalidArgs", "BadRequest")), ("@b.example", ("InvalidArgs", "BadRequest")),
    ("a@b.example\nBcc: eve@example.com", ("InvalidArgs", "BadRequest")),
    ("a@b.example\r\n", ("InvalidArgs", "BadRequest"))], ids=lambda value: str(value)[:24])
def test_bad_email(stack, connection, email, names):
    sent = len(stack.sandbox.outbox())
    with raises(*names):
        connection.create_challenge(email, "login")
    assert len(stack.sandbox.outbox()) == sent
    assert connection.state() == "ready"


@pytest.mark.parametrize("name", ["a\nBcc: eve@example.com", "a\r\nb", "a\tb", "\x1b[31m", "x" * 257,
                                  ""], ids=lambda name: ascii(name)[:10])
def test_bad_name(stack, connection, name):
    sent = len(stack.sandbox.outbox())
    with raises("InvalidArgs", "BadRequest"):
        create(connection, name=name)
    assert len(stack.sandbox.outbox()) == sent


@pytest.mark.parametrize("code", ["000000", "12345", "1234567", "abcdef", "x" * 64, "12 34 56"])
def test_codes_of_all_kinds(connection, code):
    challenge = create(connection)
    if code != challenge["code"]:
        with raises("InvalidChallengeCode"):
            verify(connection, challenge, code=code)


# An API that misbehaves


@pytest.mark.parametrize("fault", ["drop", "cut", "hang", "refuse", "status=500", "status=503",
                                   "garbage", "html", "missing=challenge"])
def test_mail_is_sent_once(stack, connection, fault):
    """CreateChallenge is not retried: only the code of the last mail would be valid."""
    calls, email = stack.calls(CREATE), new_email()
    stack.sandbox.set_faults(f"{fault}@{CREATE}")
    with stack.hurrying(fault), within(SHORT_SEC), raises("Unreachable", "MalformedReply"):
        connection.create_challenge(email, "login")
    assert stack.calls(CREATE) == calls + 1
    assert len(mails(stack, email)) <= 1


@pytest.mark.parametrize("fault", ["drop", "cut", "hang", "refuse", "status=500", "garbage"])
def test_attempt_is_made_once(stack, connection, fault):
    """VerifyChallenge is not retried: a retry would count as an attempt, or fail although the code was right."""
    challenge = create(connection)
    calls = stack.calls(VERIFY)
    stack.sandbox.set_faults(f"{fault}@{VERIFY}")
    with stack.hurrying(fault), within(SHORT_SEC), raises("Unreachable", "MalformedReply"):
        verify(connection, challenge)
    assert stack.calls(VERIFY) == calls + 1
    stack.sandbox.set_faults()
    if fault in ("drop", "cut"):  # it was used up, which nobody learnt
        with raises("InvalidChallenge"):
            verify(connection, challenge)
    else:
        assert verify(connection, challenge)["id"] == challenge["id"]


@pytest.mark.parametrize("endpoint, member", [
    (CREATE, "_tag"), (CREATE, "challenge")] + [
    (GET, member) for member in ("challengeId", "purpose", "email", "createdAt", "expiresAt")] + [
    (VERIFY, "challenge"), (VERIFY, "_tag"), (REMOVE, "_tag")])
@pytest.mark.parametrize("kind", ["missing", "wrong-type"])
def test_spoiled_answers(stack, connection, endpoint, member, kind):
    challenge = create(connection)
    stack.sandbox.set_faults(f"{kind}={member}@{endpoint}")
    with raises("MalformedReply"):
        if endpoint == CREATE:
            create(connection)
        elif endpoint == GET:
            connection.method("GetChallenge", challenge["id"])
        elif endpoint == VERIFY:
            verify(connection, challenge)
        else:
            connection.method("DeleteChallenge", challenge["id"])


READABLE = {"_tag": "Challenge", "challengeId": "ch1", "purpose": "login", "email": "a@b.example",
            "metadata": None, "createdAt": 1767225600000, "expiresAt": 1767226200000}
CREATED = {"secret": "s", "code": "123456", "message": {"html": "<p>", "text": "t"}}


@pytest.fixture(scope="module")
def odd_api():
    with Stack() as stack, StandIn() as api:
        stack.sections["Tenancy default"] = stack.tenancy(Endpoint=api.endpoint)
        stack.apply()
        yield stack, api


@pytest.fixture
def api(odd_api):
    yield odd_api[1]
    odd_api[1].requests.clear()


@pytest.fixture
def odd(odd_api):
    with odd_api[0].connect() as connection:
        yield connection


def created(**changes) -> Reply:
    return Reply(201, {"_tag": "ChallengeCreated", "challenge": READABLE | CREATED | changes})


@pytest.mark.parametrize("changes", [
    {"secret": ""}, {"secret": 7}, {"secret": None}, {"code": ""}, {"code": 123456},
    {"code": "1" * 65}, {"secret": "s" * 513}, {"message": None}, {"message": {}},
    {"message": {"html": 7, "text": "t"}}, {"message": {"text": "t"}}, {"challengeId": ""},
    {"challengeId": "c" * 513}, {"metadata": "text"}, {"metadata": [1]}, {"createdAt": "now"},
    {"expiresAt": -1}, {"userId": 7}], ids=str)
def test_challenge_that_is_none(odd, api, changes):
    api.reply = created(**changes)
    with raises("MalformedReply"):
        create(odd)


@pytest.mark.parametrize("text, told", [
    ("Dear Zo\xeb,\r\n\tyour code", "Dear Zo\xeb,\r\n\tyour code"), ("", ""), ("Dear \ufffe", ""),
    ("x" * 65537, ""), ("Dear \ud83d", "Dear \x7f")], ids=lambda text: ascii(text)[:12])
def test_mail_is_not_worth_the_code(odd, api, text, told):
    """The mail contains the recipient's name, which may not be valid on D-Bus."""
    api.reply = created(message={"html": "<p>", "text": text})
    challenge = create(odd)
    assert (challenge["message_html"], challenge["message_text"]) == ("<p>", told)
    assert (challenge["secret"], challenge["code"]) == ("s", "123456")


def test_metadata_that_the_bus_cannot_carry(odd, api):
    """Metadata is returned as equivalent JSON."""
    api.reply = created(metadata={"a": "\ufffe"})
    assert json.loads(create(odd)["metadata"]) == {"a": "\ufffe"}


@pytest.mark.parametrize("number", ["12345678901234567890", "1e999", "0.1", "-0"])
def test_numbers_of_the_metadata_stay_as_they_are(odd, api, number):
    metadata = '{"n":%s}' % number
    body = json.dumps(created().body).replace('"metadata": null', f'"metadata": {metadata}')
    api.reply = Reply(201, body.encode())
    challenge = create(odd, metadata=metadata)
    assert challenge["metadata"] == metadata
    assert challenge["code"] == "123456"
    assert f'"metadata":{metadata}'.encode() in api.requests[-1].body


@pytest.mark.parametrize("options, sent", [
    ({}, {"sendEmail": True}), ({"send_email": False}, {"sendEmail": False}),
    ({"invalidate_others": True}, {"sendEmail": True, "invalidateOthers": True}),
    ({"skip_rate_limit": True}, {"sendEmail": True, "skipRateLimit": True}),
    ({"name": "Ada", "user_id": "ada", "metadata": '{"a":[1]}'},
     {"sendEmail": True, "name": "Ada", "userId": "ada", "metadata": {"a": [1]}})], ids=str)
def test_request_is_as_the_api_wants_it(odd, api, options, sent):
    """The API's default of sendEmail has changed before, so it is always sent."""
    api.reply = created()
    odd.create_challenge("a@b.example", "login", **options)
    body = json.loads(api.requests[-1].body)
    for name in ("invalidateOthers", "skipRateLimit"):
        if body.get(name) is False:
            del body[name]
    assert body == {"email": "a@b.example", "purpose": "login"} | sent


@pytest.mark.parametrize("tag, status, name", [
    ("InvalidChallenge", 400, "InvalidChallenge"), ("InvalidChallenge", 404, "InvalidChallenge"),
    ("InvalidChallengeCode", 400, "InvalidChallengeCode"),
    ("ChallengeExpired", 400, "ChallengeExpired"), ("ChallengeExpired", 410, "ChallengeExpired"),
    ("ChallengeAttemptsExceeded", 400, "ChallengeAttemptsExceeded"),
    ("ChallengeAttemptsExceeded", 429, "ChallengeAttemptsExceeded"),
    ("Forbidden", 403, "ApiDenied")])
def test_errors_go_by_their_tag(odd, api, tag, status, name):
    """The HTTP status of these errors is not documented."""
    api.fail(status, tag, "Quixotic-Zebra-77")
    with raises(name) as caught:
        odd.method("VerifyChallenge", "ch", "secret", "123456")
    assert "Zebra" not in caught.error.message


@pytest.mark.parametrize("seconds, headers, text", [
    (45, {}, "retry after 45 s$"), (45, {"Retry-After": "46"}, "retry after 4[56] s$"),
    (None, {"Retry-After": "47"}, "retry after 47 s$"), (None, {}, r"retry after \d+ s$"),
    (-5, {}, r"retry after \d+ s$"), ("soon", {}, r"retry after \d+ s$"),
    (1e300, {}, r"retry after \d+ s$")], ids=str)
def test_limit_says_how_long(odd, api, seconds, headers, text):
    body = {"_tag": "@error/ChallengeRateLimited", "message": "no"}
    api.reply = Reply(429, body if seconds is None else body | {"retryAfterSeconds": seconds},
                      headers)
    with raises("RateLimited", text=text):
        create(odd)


def test_ids_are_escaped(odd, api):
    api.fail(404, "NotFound", "no")
    for member in ("GetChallenge", "DeleteChallenge"):
        for challenge_id in ("a/b", "..", "a?b=c", "a#b", "%2e%2e", "a b", "é", "."):
            api.requests.clear()
            odd.outcome(odd.start_method(member, challenge_id))
            for request in api.requests:
                segments = request.path.split("/")
                assert len(segments) == 5 and segments[4] not in ("", ".", "..")
                assert "?" not in request.path and "#" not in request.path
