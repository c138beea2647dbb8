# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl on a terminal: questions, and how far it has come."""

import signal

import pytest

from tests.client.host import Terminal


@pytest.mark.parametrize("arguments,question,token", [
    (["a"], "Delete 1 passkey from the vault, and the link here? [y/N] ", "delete a\n"),
    (["a", "b"], "Delete 2 passkeys from the vault, and the links here? [y/N] ", "delete a b\n"),
    (["--user=u1\x1b[2J"],
     "Delete all passkeys of user u1\\x1b[2J from the vault, and the links here? [y/N] ",
     "DeleteUserPasskeys u1\\x1b[2J\n"),
])
@pytest.mark.parametrize("answer", ["y", "yes"])
def test_deletion_is_confirmed(host, arguments, question, token, answer):
    with Terminal(host, "vault", "delete", *arguments) as terminal:
        assert terminal.read_until("[y/N] ") == question
        assert host.log() == ["ready"]
        terminal.write(f"{answer}\n")
        assert terminal.finish()[:2] == (0, token)


@pytest.mark.parametrize("answer", ["n\n", "\n", "Y\n", "yess\n", "yes, of course\n", "\x04"])
def test_deletion_is_not_confirmed(host, answer):
    with Terminal(host, "vault", "delete", "a") as terminal:
        terminal.read_until("[y/N] ")
        terminal.write(answer)
        status, output, seen = terminal.finish()
        assert (status, output) == (1, "")
        assert seen.endswith("passlockctl: nothing was done\n")
    assert host.log() == ["ready"]


@pytest.mark.parametrize("arguments", [
    ["vault", "delete", "a", "--yes"], ["vault", "delete", "--user=u", "--yes"],
    ["reconcile", "--apply", "--yes"], ["reconcile"], ["link", "remove", "a"],
])
def test_no_question(host, arguments):
    with Terminal(host, *arguments) as terminal:
        status, _, seen = terminal.finish()
        assert status == 0
        assert "?" not in seen


@pytest.mark.parametrize("answer,status", [("y", 0), ("n", 1)])
def test_reconcile_is_confirmed(host, answer, status):
    with Terminal(host, "reconcile", "--apply") as terminal:
        terminal.read_until("Change the links of this host to match the vault? [y/N] ")
        terminal.write(f"{answer}\n")
        assert terminal.finish()[0] == status
    assert ("Reconcile dry_run=no" in host.log()) == (answer == "y")


def test_progress_bar(bare_host):
    bare_host.start_service("reconcile=steps")
    with Terminal(bare_host, "reconcile", "--json") as terminal:
        terminal.read_until("[========" + 24 * " " + "] 50 of about 200 passkeys")
        bare_host.expect("link", "add", "step", "a")
        terminal.read_until("\r\x1b[K[================" + 16 * " " + "] 100 of about 200 passkeys")
        bare_host.expect("link", "add", "step", "a")
        status, output, seen = terminal.finish()
        assert status == 0
        assert output.startswith('{"dry_run":true,"checked":200,')
        assert seen.endswith("\r\x1b[K")


def test_no_progress_bar_on_a_pipe(bare_host):
    bare_host.start_service("reconcile=stray")
    done = bare_host.run("reconcile", "--timeout=1")
    assert done.stderr == "passlockctl: No answer within the deadline\n"


@pytest.mark.parametrize("arguments,text", [
    ([], "stopped; nothing was changed"),
    (["--apply", "--yes"], "stopped; what was changed by now stays"),
])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(bare_host, arguments, text, number):
    bare_host.start_service("reconcile=stray")
    with Terminal(bare_host, "reconcile", *arguments) as terminal:
        terminal.read_until(" of about 200 passkeys")
        terminal.process.send_signal(number)
        status, output, seen = terminal.finish()
        assert (status, output) == (-number, "")
        assert seen.endswith(f"\r\x1b[Kpasslockctl: {text}\n")
    # And so is the service.
    while bare_host.service.stdout.readline() != b"Reconcile gone\n":
        pass
