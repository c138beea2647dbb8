# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl on a terminal: confirmations and progress."""

import signal

import pytest

from tests.client.host import Terminal


@pytest.mark.parametrize("arguments,question,token", [
    (["a"], "Delete 1 passkey from the vault, and the link? [y/N] ", "delete a\n"),
    (["a", "b"], "Delete 2 passkeys from the vault, and the links? [y/N] ", "delete a b\n"),
    (["--user=u1\x1b[2J"],
     "Delete all passkeys of user u1\\x1b[2J from the vault, and their links? [y/N] ",
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
        assert seen.endswith("passlockctl: Cancelled, nothing was changed\n")
    assert host.log() == ["ready"]


@pytest.mark.parametrize("arguments", [
    ["vault", "delete", "a", "--yes"], ["vault", "delete", "--user=u", "--yes"],
    ["reconcile", "--apply", "--yes"], ["reconcile"], ["link", "remove", "a"],
])
def test_no_confirmation(host, arguments):
    with Terminal(host, *arguments) as terminal:
        status, _, seen = terminal.finish()
        assert status == 0
        assert "?" not in seen


@pytest.mark.parametrize("answer,status", [("y", 0), ("n", 1)])
@pytest.mark.parametrize("options,n_links", [([], 4), (["--remove-up-to=2"], 2)])
def test_reconcile_is_confirmed(bare_host, answer, status, options, n_links):
    bare_host.start_service(f"links-count={n_links}")
    with Terminal(bare_host, "reconcile", "--apply", *options) as terminal:
        seen = terminal.read_until("Change the links of this host to match the vault? [y/N] ")
        assert f"Links to add: 3. Links to remove: 2 of {n_links}." in seen, "the numbers come first"
        assert not any(line.startswith("Reconcile dry_run=no") for line in bare_host.log())
        terminal.write(f"{answer}\n")
        assert terminal.finish()[0] == status
    assert ("Reconcile dry_run=no max_remove=2" in bare_host.log()) == (answer == "y")


@pytest.mark.parametrize("answer,done", [("2", True), ("default", True), ("y", False), ("yes", False), ("", False),
                                         ("22", False), ("Default", False), ("\x04", False)])
def test_reconcile_that_removes_most_links(bare_host, answer, done):
    """The confirmation is the number of links or the label."""
    bare_host.start_service("links-count=3")
    with Terminal(bare_host, "reconcile", "--apply") as terminal:
        seen = terminal.read_until("type 2 or default: ")
        assert seen.splitlines()[-1] == ("More than half of the links would be removed. To confirm, type 2 or default: ")
        terminal.write(answer if answer == "\x04" else f"{answer}\n")
        status, _, seen = terminal.finish()
        assert status == (0 if done else 1)
        assert done or seen.endswith("passlockctl: Cancelled, nothing was changed\n")
    assert ("Reconcile dry_run=no max_remove=2" in bare_host.log()) is done


def test_reconcile_over_the_limit(bare_host):
    """Over the limit, passlockctl does not ask for confirmation."""
    bare_host.start_service("links-count=1000")
    with Terminal(bare_host, "reconcile", "--apply", "--remove-up-to=1") as terminal:
        status, _, seen = terminal.finish()
    assert status == 1
    assert "2 links would be removed, more than --remove-up-to=1; nothing was changed" in seen


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
    assert done.stderr == "passlockctl: Timed out waiting for a reply\n"


@pytest.mark.parametrize("arguments,word,text", [
    ([], "stray", "Interrupted, nothing was changed"),
    (["--apply", "--yes"], "stray", "Interrupted, nothing was changed"),
    (["--apply", "--yes"], "stray-apply", "Interrupted, changes made so far remain"),
])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(bare_host, arguments, word, text, number):
    bare_host.start_service(f"reconcile={word}")
    with Terminal(bare_host, "reconcile", *arguments) as terminal:
        terminal.read_until(" of about 200 passkeys")
        terminal.process.send_signal(number)
        status, output, seen = terminal.finish()
        assert (status, output) == (-number, "")
        assert seen.endswith(f"\r\x1b[Kpasslockctl: {text}\n")
    # The service aborts the reconciliation as well.
    while bare_host.service.stdout.readline() != b"Reconcile gone\n":
        pass
