# SPDX-License-Identifier: LGPL-2.1-or-later
"""Rules of email verification challenges."""

import json
import time

import shapes
from authenticator import unb64
from conformance import create_challenge, rule, same, verify_challenge, wrong_code
from shapes import error


@rule("4.9 members of the reply")
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


@rule("4.11 same error for unknown, deleted, consumed and invalidated challenges and a wrong secret")
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


@rule("4.12 deletes; an unknown id succeeds; a challenge of another tenancy is kept")
def _(world):
    created, other = create_challenge(world), create_challenge(world, "T2")
    for challenge in (created, created, other, {"challengeId": "x"}):
        same(world.backend("DELETE", f"challenges/{challenge['challengeId']}"), 202, shapes.DELETED)
    same(verify_challenge(world, created), 400, error("InvalidChallenge"))
    assert verify_challenge(world, other, "T2").status == 200


@rule("4.9 invalidateOthers: same purpose and user, or same address without a user")
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


@rule("U-7 the outbox keeps the last thousand")
def _(world):
    ids = [create_challenge(world, purpose="flood")["challengeId"] for _ in range(1001)]
    mails = world.request("GET", "/-/outbox").json["mails"]
    assert [mail["challengeId"] for mail in mails] == ids[1:]
