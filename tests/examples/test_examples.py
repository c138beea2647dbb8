# SPDX-License-Identifier: LGPL-2.1-or-later
"""The flow in each language: a token for the page, the page's code, and the principal."""

import importlib.util
import itertools
import json
import os
import signal
import subprocess

import pytest
from jeepney import DBusAddress, HeaderFields, new_method_call

from conftest import ROOT
from harness.bus import NAME

PROGRAMS = {"php": "php/passkeys.php", "python": "python/passkeys.py", "shell": "shell/passkeys"}
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


@pytest.mark.parametrize("code", ["--version", "--address=unixexec:path=/usr/bin/touch,argv1={}", "-h", "$(touch {})"])
def test_a_code_that_is_a_command(host, program, user, code, tmp_path):
    """A code cannot inject program options or shell commands."""
    marker = tmp_path / "marker"
    status, out, error = host.run(program, "register", "localhost", user, "ada", answer=lambda _: code.format(marker))
    assert status != 0 and out == "" and "code" in error.lower()
    assert not marker.exists()


def test_a_name_that_looks_like_an_option(host, program):
    page = host.page()
    status, out, error = host.run(program, "register", "localhost", "--user", "--json=off", answer=page.register)
    assert (status, error) == (0, "")
    assert json.loads(out)["user_id"] == "--user"


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
    """The code is used up; the retry with the same request id gets the first answer."""
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


def php(host, statements):
    """The output of PHP statements, with a client in $passlock."""
    done = subprocess.run(
        ["php", "-r", f"require '{host.work / 'php/passlock.php'}'; $passlock = new Passlock(); {statements}"],
        env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": host.bus.address}, capture_output=True, text=True,
        timeout=60, check=False)
    assert done.returncode == 0 and done.stderr == "", done.stdout + done.stderr
    return done.stdout


def test_php_options_and_links(host, user):
    page = host.page()
    token = php(host, f"""echo $passlock->authorize('localhost', '{user}', 'ada', ['display_name' => 'Ada',
        'exclude_linked' => true, 'timeout_ms' => 60000, 'exclude_credentials' => ['pk_unknown']]);""")
    who = json.loads(php(host, f"echo json_encode($passlock->exchange('{page.register(token)}'));"))
    (link,) = json.loads(php(host, f"echo json_encode($passlock->links('{user}'));"))
    assert link["authenticator_id"] == who["authenticator_id"]


def test_php_errors(host):
    assert "too" not in php(host, """
        foreach (["no-such-code", "nul\\0byte", "\\xff", str_repeat('x', 10000)] as $code) {
            try { $passlock->exchange($code); echo 'too good'; } catch (PasslockError $error) { echo '.'; }
        }""")


def next_exchange(connection):
    """Waits for the next Exchange call on the bus. Returns its arguments."""
    while True:
        message = connection.receive(timeout=60)
        if message.header.fields.get(HeaderFields.member) == "Exchange":
            return message.body


def test_shell_asks_again_if_the_daemon_is_gone(host, user):
    with host.bus.connect() as monitor:
        child = host.start(PROGRAMS["shell"], "register", "localhost", user, "ada")
        assert child.stdout.readline()
        monitor.send_and_get_reply(new_method_call(
            DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus.Monitoring"),
            "BecomeMonitor", "asu", ([f"type='method_call',destination='{NAME}'"], 0)))
        os.kill(host.daemon.pid, signal.SIGSTOP)
        try:
            child.stdin.write("a-code\n")
            child.stdin.flush()
            first = next_exchange(monitor)
            host.daemon.kill9()
            assert next_exchange(monitor) == first
            assert (len(first[1]["request_id"][1]), first[1]["user_id"][1]) == (32, user)
            out, error = child.communicate(timeout=60)
            assert child.returncode != 0 and out == "" and error, "there was no next daemon"
        finally:
            child.kill()
            child.wait()
            host.daemon.kill9()
            host.daemon.start()


def test_php_asks_again_if_the_daemon_is_gone(host):
    """PHP retries once, with the same request id."""
    child = None
    with host.bus.connect() as monitor:
        rule = f"type='method_call',destination='{NAME}'"
        monitor.send_and_get_reply(new_method_call(
            DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus.Monitoring"),
            "BecomeMonitor", "asu", ([rule], 0)))
        os.kill(host.daemon.pid, signal.SIGSTOP)
        try:
            child = subprocess.Popen(
                ["php", "-r", f"require '{host.work / 'php/passlock.php'}'; (new Passlock())->exchange('a-code');"],
                env={**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": host.bus.address},
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            first = next_exchange(monitor)
            host.daemon.kill9()
            assert next_exchange(monitor) == first
            assert len(first[1]["request_id"][1]) == 32
            assert child.wait(60) != 0, "there was no next daemon"
        finally:
            if child:
                child.kill()
                child.wait()
            host.daemon.kill9()
            host.daemon.start()
