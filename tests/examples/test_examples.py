# SPDX-License-Identifier: LGPL-2.1-or-later
"""Each language goes the same way: a token for the page, a code from it, and who that is."""

import importlib.util
import itertools
import json

import pytest

from conftest import ROOT

PROGRAMS = {"python": "python/passkeys.py", "shell": "shell/passkeys"}
numbers = itertools.count(1)


@pytest.fixture(params=PROGRAMS)
def program(request):
    return PROGRAMS[request.param]


@pytest.fixture
def user():
    return f"user-{next(numbers)}"


def register(host, program, page, user):
    status, out, error = host.run(program, "register", "localhost", user, "ada@example.com", answer=page.register)
    assert (status, error) == (0, "")
    return json.loads(out)


def test_register(host, program, user):
    who = register(host, program, host.page(), user)
    assert who["user_id"] == user
    assert who["linked"] is True and who["newly_linked"] is True and who["user_verified"] is True
    assert who["user_agent"].startswith('Browser "1.0"'), "what a browser says of itself is only that"
    assert host.links()[who["authenticator_id"]] == user


@pytest.mark.parametrize("named", [True, False])
def test_sign_in(host, program, user, named):
    page = host.page()
    passkey = register(host, program, page, user)["authenticator_id"]
    status, out, error = host.run(program, "sign-in", "localhost", *([user] if named else []), answer=page.sign_in)
    assert (status, error) == (0, "")
    who = json.loads(out)
    assert (who["user_id"], who["authenticator_id"]) == (user, passkey)
    assert who["newly_linked"] is False


def test_a_code_of_another_user(host, program, user):
    """A stranger's passkey is not linked to this account."""
    page, before = host.page(), host.links()
    token, _ = host.bus.call("/dev/passlock/Passlock1/tenancy/default", "Tenancy", "Authorize", "sssa{sv}",
                             "localhost", "mallory", "mallory", {})
    code = page.register(token)
    status, out, error = host.run(program, "register", "localhost", user, "ada", answer=lambda _: code)
    assert status != 0 and out == "" and error
    assert host.links() == before


def test_a_code_that_is_none(host, program, user):
    status, out, error = host.run(program, "register", "localhost", user, "ada", answer=lambda _: "no-such-code")
    assert status != 0 and out == "" and error


def test_what_is_not_granted(host, program, user):
    status, out, error = host.run(program, "register", "elsewhere.example", user, "ada")
    assert status != 0 and out == ""
    assert "denied" in error.lower()


@pytest.mark.parametrize("arguments", [[], ["register"], ["register", "a", "b"], ["sign-in"],
                                       ["sign-in", "a", "b", "c"], ["nothing", "a"]])
def test_usage(host, program, arguments):
    status, out, error = host.run(program, *arguments)
    assert status == 2 and out == ""
    assert "passkeys" in error and "register RP_ID USER_ID USERNAME" in error


def test_list(host, user):
    who = register(host, PROGRAMS["shell"], host.page(), user)
    status, out, _ = host.run(PROGRAMS["shell"], "list", user)
    assert status == 0
    assert json.loads(out)["authenticator_id"] == who["authenticator_id"]


@pytest.fixture
def module(host, monkeypatch):
    """examples/python/passlock.py, as an app would import it."""
    monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", host.bus.address)
    specification = importlib.util.spec_from_file_location("passlock", ROOT / "examples/python/passlock.py")
    loaded = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(loaded)
    return loaded


def test_python_options_and_links(host, module, user):
    passlock, page = module.Passlock(), host.page()
    token = passlock.authorize("localhost", user, "ada", display_name="Ada", exclude_linked=True,
                               timeout_ms=60000, exclude_credentials=["pk_unknown"])
    who = passlock.exchange(page.register(token), user_id=user)
    (link,) = passlock.links(user)
    assert link["authenticator_id"] == who["authenticator_id"]


def test_python_errors_have_names(module):
    with pytest.raises(module.PasslockError) as caught:
        module.Passlock().exchange("no-such-code")
    assert caught.value.name == "InvalidCode"


def test_python_asks_again_for_a_lost_answer(host, module, user, monkeypatch):
    """The code is used up by then; the request id brings the same answer."""
    passlock, page = module.Passlock(), host.page()
    code = page.register(passlock.authorize("localhost", user, "ada"))
    call, lost = passlock._call, []

    def lose_first(*args):
        answer = call(*args)
        if not lost:
            lost.append(answer)
            raise module.PasslockError("org.freedesktop.DBus.Error.NoReply", "it went away")
        return answer

    monkeypatch.setattr(passlock, "_call", lose_first)
    assert passlock.exchange(code)["authenticator_id"] == lost[0][0]["authenticator_id"][1]
