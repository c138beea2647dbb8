# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures for the API rules in rules_*.py, which test_conformance.py runs."""

import pytest

import shapes
from shapes import error, mismatch

ROWS = []


def rule(name):
    def add(check):
        ROWS.append(pytest.param(check, id=name))
        return check
    return add


def same(answer, status, shape):
    assert answer.status == status, answer.body
    assert mismatch(answer.json, shape) is None, (mismatch(answer.json, shape), answer.body)
    return answer.json


def bad_request(answer):
    return same(answer, 400, error("BadRequest"))


def page_passkey(page):
    return page["principal"]["authenticatorId"]


def good_management(kind):
    def make(sandbox):
        user = sandbox.device(f"managed-{kind}").user_id
        body = {"userId": user, **({"username": "new"} if kind == "update" else {})}
        return sandbox.backend("POST", f"passkeys/{kind}", body)
    return make


def warnings_of(world, kind, body):
    """Returns the warnings of a change, after checking that its exchange has the same warnings."""
    answer = world.backend("POST", f"passkeys/{kind}", body).json
    token = answer[f"{kind}PasskeysToken"]
    redeemed = same(world.page_call(f"passkeys/{kind}/exchange", {f"{kind}PasskeysToken": token}), 200,
                    shapes.INSTRUCTIONS[kind])
    assert redeemed["warnings"] == answer["warnings"]
    return answer["warnings"], redeemed["instructions"]


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
