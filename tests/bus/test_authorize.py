# SPDX-License-Identifier: LGPL-2.1-or-later
"""Links that Authorize excludes by itself never make the call fail."""

import json
import time

import pytest

from harness.standin import Reply

from .stack import raises
from .vault import VaultStack

RP_ID = "shop.example.com"


@pytest.fixture
def stack():
    with VaultStack() as stack:
        yield stack


@pytest.fixture
def connection(stack):
    return stack.connect()


def excluded(stack) -> list[list[str]]:
    """The excluded credentials of each request to the API."""
    return [json.loads(request.body).get("excludeCredentials", []) for request in
            stack.vault.requests if request.path.endswith("/registration/authorize")]


def refuse(stack, *credentials: str):
    """Lets the API refuse requests with these credentials."""
    serve = stack.vault.answer

    def answer(request):
        if request.path.endswith("/registration/authorize") and \
                set(json.loads(request.body).get("excludeCredentials", [])) & set(credentials):
            return Reply(400, {"_tag": "@error/BadRequest", "message": "no"})
        return serve(request)
    stack.vault.answer = answer


def test_refused_because_of_a_link(stack, connection):
    connection.links("Add", "ada", "odd")
    connection.links("Add", "ada", "fine")
    refuse(stack, "odd")
    token, _ = connection.authorize(RP_ID, "ada")
    assert token == "rt_1"
    first, second = excluded(stack)
    assert set(first) == {"odd", "fine"}
    assert second == []
    assert connection.state() == "ready"


def test_both_requests_have_one_deadline(stack, connection):
    stack.sections["Tenancy default"] |= {"TimeoutSec": "3"}
    stack.apply()
    connection.links("Add", "ada", "odd")
    refuse(stack, "odd")
    answer = stack.vault.answer

    def answer_late(request):
        time.sleep(2)
        return answer(request)
    stack.vault.answer = answer_late
    with raises("Unreachable"):
        connection.authorize(RP_ID, "ada")
    assert len(excluded(stack)) == 2


def test_refused_because_of_what_the_caller_asked(stack, connection):
    connection.links("Add", "ada", "fine")
    refuse(stack, "asked")
    with raises("BadRequest"):
        connection.authorize(RP_ID, "ada", exclude_credentials=["asked"])
    assert [set(ids) for ids in excluded(stack)] == [{"asked", "fine"}, {"asked"}]
    assert connection.state() == "ready"


def test_nothing_was_added(stack, connection):
    """No retry if the caller has excluded the same credential."""
    connection.links("Add", "ada", "odd")
    refuse(stack, "odd")
    with raises("BadRequest"):
        connection.authorize(RP_ID, "ada", exclude_credentials=["odd"])
    with raises("BadRequest"):
        connection.authorize(RP_ID, "ada", exclude_credentials=["odd"], exclude_linked=False)
    assert excluded(stack) == [["odd"], ["odd"]]


@pytest.mark.parametrize("status", [401, 403, 429, 500])
def test_refused_for_another_reason(stack, connection, status):
    connection.links("Add", "ada", "fine")
    stack.vault.faults["/authorize"] = Reply(status, b"")
    with raises("ApiDenied", "RateLimited", "Unreachable"):
        connection.authorize(RP_ID, "ada")
    assert all(ids == ["fine"] for ids in excluded(stack))


def test_too_many_links(stack, connection):
    ids = [f"pk-{i:03}" for i in range(70)]
    for passkey_id in ids:
        connection.links("Add", "ada", passkey_id)
    connection.authorize(RP_ID, "ada", exclude_credentials=["asked"])
    (credentials,) = excluded(stack)
    assert credentials[0] == "asked"
    assert len(credentials) == 64
    assert set(credentials[1:]) < set(ids)
