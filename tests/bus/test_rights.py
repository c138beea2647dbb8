# SPDX-License-Identifier: LGPL-2.1-or-later
"""Manager.ListRights: the caller's own rights, by grants and polkit."""

import os
import signal

import pytest

from .authority import Authority
from .client import AUDIO_FAN, GAMES, MAIL, NAME, NOBODY, WWW_DATA, plain
from .stack import Stack, eventually, raises

pytestmark = pytest.mark.root

ALL = ["Authorize", "AuthorizeAuthentication", "Exchange", "VerifyIdToken", "Links.Read", "Links.Write",
       "Vault.Read", "Vault.Write", "Mailbox", "Metrics"]
OTHER = {"TenancyId": "otherTenancy", "Endpoint": "http://127.0.0.1:9"}
# The order in which polkit is asked about a tenancy.
ACTIONS = ["read-links", "change-links", "import-links", "read-vault", "change-vault"]


@pytest.fixture(scope="module")
def guarded():
    stack = Stack()
    stack.sections["Tenancy other"] = OTHER
    stack.grant("shop", "www-data games", "Authorize Exchange", RpId="shop.example.com b.example.com")
    stack.grant("reader", "www-data", "Links.Read", Tenancy="other")
    stack.sections["Grant fans"] = {"Group": "audio", "Allow": "All"}
    with stack:
        yield stack


def rights(connection) -> list[dict]:
    return [plain(each) for each in connection.manager("ListRights")[0]]


def by_grant(name, names, tenancy="default", **more):
    return {"tenancy": tenancy, "source": "grant", "grant": name, "names": names} | more


SHOP = by_grant("shop", ["Authorize", "Exchange"], rp_ids=["shop.example.com", "b.example.com"])


@pytest.mark.parametrize("user, expected", [
    (GAMES, [SHOP]),
    (WWW_DATA, [by_grant("reader", ["Links.Read"], "other"), SHOP]),
    (AUDIO_FAN, [by_grant("fans", ALL)]),
    (MAIL, []), (NOBODY, [])], ids=["one", "two", "by group", "none", "nobody"])
def test_grants(guarded, user, expected):
    """Without polkit on the bus."""
    with guarded.connect(user) as connection:
        assert sorted(rights(connection), key=lambda each: each["grant"]) == expected


def test_root(guarded):
    with guarded.connect() as root:
        assert sorted(rights(root), key=lambda each: each["tenancy"]) == [
            {"tenancy": label, "source": "root", "names": ALL} for label in ("default", "other")]


def test_what_is_listed_is_what_may_be_called(guarded):
    """The list and the calls agree, right by right."""
    with guarded.connect(WWW_DATA) as web:
        listed = {(each["tenancy"], name) for each in rights(web) for name in each["names"]}
        assert ("other", "Links.Read") in listed and ("default", "Links.Read") not in listed
        assert web.links("ListByUser", "ada", label="other") == ([],)
        with raises("AccessDenied"):
            web.links("ListByUser", "ada")


@pytest.fixture
def own(own_stack):
    """A stack with two tenancies, a grant for games, and polkit."""
    own_stack.sections["Tenancy other"] = OTHER
    own_stack.grant("reader", "games", "Links.Read Vault.Read")
    Authority.allow_on(own_stack)
    own_stack.start()
    with Authority(own_stack.bus.address) as authority:
        yield own_stack, authority


def ask(authority, answers):
    """Answers polkit questions by `answers` (tenancy, action), and returns the questions."""
    asked = []
    while len(asked) < len(answers):
        question = authority.question()
        assert not question.interactive, "nobody is asked to authenticate for this"
        key = (question.details.get("tenancy"), question.action.removeprefix(f"{NAME}."))
        asked.append((key, question))
        answer = answers[key]
        authority.answer(question, answer == "yes", answer == "challenge")
    return asked


def test_polkit(own):
    stack, authority = own
    answers = {(label, action): "challenge" for label in ("default", "other") for action in ACTIONS}
    answers |= {(None, "reload"): "challenge", (None, "diagnose"): "challenge",
                ("default", "read-links"): "yes",
                ("other", "read-vault"): "no"}
    with stack.connect(NOBODY) as nobody:
        call = nobody.start_method("ListRights")
        asked = ask(authority, answers)
        for (label, action), question in asked:
            assert question.subject == ("system-bus-name", {"name": ("s", nobody.unique_name)})
            ids = {"default": stack.sandbox.tenancy_id, "other": "otherTenancy"}
            assert question.details == {"method": question.details["method"]} | (
                {"tenancy": label, "tenancy_id": ids[label]} if label else {})
        found = [plain(each) for each in nobody.finish(call)[0]]
    expected = [("default", ["read-links"], False), ("default", ACTIONS[1:], True),
                ("other", [action for action in ACTIONS if action != "read-vault"], True),
                ("", ["reload", "diagnose"], True)]
    assert sorted(found, key=str) == sorted(
        ({"tenancy": label, "source": "polkit", "names": names, "authenticate": authenticate}
         for label, names, authenticate in expected), key=str)


def test_polkit_is_not_asked_for_what_a_grant_allows(own):
    stack, authority = own
    left = ["change-links", "import-links", "change-vault"]
    answers = {("default", action): "no" for action in left}
    answers |= {("other", action): "no" for action in ACTIONS}
    answers |= {(None, "reload"): "no", (None, "diagnose"): "no"}
    with stack.connect(GAMES) as games:
        call = games.start_method("ListRights")
        assert {key for key, _ in ask(authority, answers)} == set(answers)
        assert [plain(each) for each in games.finish(call)[0]] == [
            by_grant("reader", ["Links.Read", "Vault.Read"])]


def test_polkit_is_not_asked_about_root(own):
    stack, authority = own
    with stack.connect() as root:
        assert {each["source"] for each in rights(root)} == {"root"}
    authority.assert_not_asked()


def test_polkit_that_fails_is_not_asked_again(own):
    stack, authority = own
    with stack.connect(NOBODY) as nobody:
        call = nobody.start_method("ListRights")
        authority.answer(authority.question(), True)
        authority.fail(authority.question(), "org.freedesktop.DBus.Error.Failed")
        (entry,) = [plain(each) for each in nobody.finish(call)[0]]
        assert entry["names"] == ["read-links"]
    authority.assert_not_asked()


def test_caller_that_goes(own):
    """The pending question is cancelled, and no other is asked."""
    stack, authority = own
    with stack.connect(NOBODY) as nobody:
        nobody.start_method("ListRights")
        question = authority.question()
    assert authority.cancellation() == question.cancellation_id
    authority.assert_not_asked()


def test_tenancy_that_goes_while_polkit_is_asked(own):
    stack, authority = own
    with stack.connect(NOBODY) as nobody:
        call = nobody.start_method("ListRights")
        question = authority.question()
        del stack.sections["Tenancy other"]
        stack.apply()
        authority.answer(question, True)
        answers = {(label, action): "no" for label in ("default", "other") for action in ACTIONS}
        answers |= {(None, "reload"): "no", (None, "diagnose"): "no"}
        del answers[question.details["tenancy"], "read-links"]
        ask(authority, answers)
        (entry,) = [plain(each) for each in nobody.finish(call)[0]]
        assert entry["names"] == ["read-links"]


def test_stop_while_polkit_is_asked(own):
    """No more questions after the stop."""
    stack, authority = own
    with stack.connect(NOBODY) as nobody:
        call = nobody.start_method("ListRights")
        question = authority.question()
        os.kill(stack.daemon.pid, signal.SIGTERM)
        eventually(lambda: not has_name(stack))
        authority.answer(question, True)
        (entry,) = [plain(each) for each in nobody.finish(call)[0]]
        assert entry["names"] == ["read-links"]
    assert stack.daemon.wait_end() == 0
    authority.assert_not_asked()


def has_name(stack) -> bool:
    with stack.connect() as connection:
        return connection.driver("NameHasOwner", "s", NAME)[0]


def test_many_surveys_at_once(own):
    """Surveys count in the limit of pending polkit questions."""
    stack, authority = own
    with stack.connect(NOBODY) as nobody:
        calls = [nobody.start_method("ListRights") for _ in range(101)]
        with raises("LimitsExceeded"):
            nobody.finish(calls[100])
    for _ in range(100):
        authority.question()
