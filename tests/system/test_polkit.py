# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl on terminals, with the real polkit."""

import contextlib
import os
import pty
import pwd
import select
import termios
from pathlib import Path

import pytest

from tests.system import host

RULES = Path("/etc/polkit-1/rules.d/50-passlock.rules")
PASSWORDS = {"ada": "correct horse", "eve": "battery staple"}
CALLER = 3
DENIED = 4
# What members of a group may do without a password.
FOR_THE_GROUP = """
polkit.addRule(function(action, subject) {
    if (action.id.indexOf("dev.passlock.Passlock1.") == 0 && subject.isInGroup("passkeys"))
        return polkit.Result.YES;
});
"""
# As narrow as can be. It does not tell which tenancy is the default one.
FOR_ONE_CALL = """
polkit.addRule(function(action, subject) {
    if (action.id == "dev.passlock.Passlock1.change-links" && subject.user == "carol" &&
        action.lookup("method") == "Add" && action.lookup("tenancy") == "default" &&
        action.lookup("user_id") == "u1" && action.lookup("authenticator_id") == "a1")
        return polkit.Result.YES;
});
"""
COMMANDS = [("link", "list"), ("link", "list", "u1"), ("link", "show", "a1"),
            ("link", "add", "u1", "a1"), ("link", "remove", "a1"), ("link", "remove", "--user=u1"),
            ("reconcile",), ("reconcile", "--apply", "--yes"), ("vault", "list"),
            ("vault", "get", "a1"), ("vault", "update", "u1", "U"), ("vault", "delete", "a1"),
            ("vault", "delete", "--user=u1"), ("vault", "prune", "u1"), ("status",), ("reload",)]
FOR_APPS = [("authorize", "shop.example.com", "u1", "U"), ("authenticate", "shop.example.com"),
            ("exchange", "code"), ("verify-token", "token"),
            ("mailbox", "create", "a@example.com", "login")]


@pytest.fixture(scope="module", autouse=True)
def _people():
    """Creates users: ada is an administrator, carol is in a group, eve has no privileges."""
    host.run("groupadd", "passkeys")
    host.run("gpasswd", "--members", "", "sudo")
    host.run("useradd", "--groups", "sudo", "--password", hashed("ada"), "ada")
    host.run("useradd", "--groups", "passkeys", "carol")
    host.run("useradd", "--password", hashed("eve"), "eve")


def hashed(user: str) -> str:
    return host.run("openssl", "passwd", "-6", PASSWORDS[user]).strip()


@contextlib.contextmanager
def rules(text: str):
    """Installs polkit rules, and restarts polkit to be sure that it has read them."""
    RULES.write_text(text)
    restart_polkit()
    yield
    RULES.unlink()
    restart_polkit()


def restart_polkit():
    host.systemctl("reset-failed", "polkit.service", status=None)
    host.systemctl("restart", "polkit.service")


def ctl(*arguments, user: str | None = None, status: int | None = 0) -> str:
    return host.run("passlockctl", *arguments, user=user, status=status)


def links(user_id: str) -> str:
    return ctl("link", "list", user_id, "--no-legend")


class Terminal:
    """passlockctl on a terminal."""

    def __init__(self, user: str, *arguments: str, command: tuple[str, ...] = ("passlockctl",)):
        self.seen = ""
        self.status = None
        entry = pwd.getpwnam(user)
        environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
        self.pid, self.fd = pty.fork()
        if self.pid == 0:
            if command[0] == "passlockctl":
                os.initgroups(user, entry.pw_gid)
                os.setgid(entry.pw_gid)
                os.setuid(entry.pw_uid)
            os.execvpe(command[0], [*command, *arguments], environment)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.status is None:
            os.kill(self.pid, 9)
            os.waitpid(self.pid, 0)
        os.close(self.fd)

    def _read(self) -> bool:
        ready, _, _ = select.select([self.fd], [], [], host.RUN_SEC)
        assert ready, self.seen
        try:
            data = os.read(self.fd, 4096)
        except OSError:  # nobody has the terminal any more
            data = b""
        self.seen += data.decode()
        return bool(data)

    def echoes(self) -> bool:
        return bool(termios.tcgetattr(self.fd)[3] & termios.ECHO)

    def wait_prompt(self):
        """Waits for the prompt, with echo disabled."""
        while "Password: " not in self.seen:
            assert self._read(), self.seen
        host.wait_until(lambda: not self.echoes(), "the password would be shown")

    def type(self, text: str):
        os.write(self.fd, text.encode())

    def finish(self) -> int:
        while self._read():
            pass
        _, status = os.waitpid(self.pid, 0)
        self.status = os.waitstatus_to_exitcode(status)
        return self.status

    @property
    def prompts(self) -> int:
        return self.seen.count("AUTHENTICATING FOR")


@pytest.mark.parametrize("user", ["ada", "carol", "eve", "nobody"])
def test_without_a_rule_and_a_terminal(service, user):
    """polkit's defaults require a password, so calls without a terminal are denied."""
    for command in [*COMMANDS, *FOR_APPS]:
        ctl(*command, user=user, status=DENIED)
    assert links("u1") == ""


def test_a_rule_for_a_group(service):
    with rules(FOR_THE_GROUP):
        ctl("link", "add", "u1", "a1", user="carol")
        assert "a1" in ctl("link", "list", user="carol")
        assert "u1" in ctl("link", "show", "a1", user="carol")
        assert "Conflicts:" in ctl("reconcile", user="carol")
        ctl("vault", "list", user="carol")
        assert "There is no passkey with this id" in host.run(
            "sh", "-c", "exec passlockctl vault delete a1 2>&1", user="carol")
        ctl("link", "add", "u1", "a2", user="carol")
        ctl("link", "remove", "a2", user="carol")
        ctl("reconcile", "--apply", "--yes", user="carol")
        ctl("reload", user="carol")
        assert "sandboxTenancy" in ctl("status", user="carol")
        assert links("u1") == ""
        for command in FOR_APPS:
            ctl(*command, user="carol", status=DENIED)
        for command in [*COMMANDS, *FOR_APPS]:
            ctl(*command, user="eve", status=DENIED)


def test_a_rule_for_one_call(service):
    with rules(FOR_ONE_CALL):
        add = ("--tenancy=default", "link", "add")
        ctl(*add, "u2", "a1", user="carol", status=DENIED)
        ctl(*add, "u1", "a2", user="carol", status=DENIED)
        ctl(*add, "u1", "a1", user="eve", status=DENIED)
        ctl("link", "add", "u1", "a1", user="carol", status=DENIED)
        ctl(*add, "u1", "a1", user="carol")
        ctl("--tenancy=default", "link", "remove", "a1", user="carol", status=DENIED)
        ctl("--tenancy=default", "link", "list", user="carol", status=DENIED)
    assert "a1" in links("u1")
    ctl("link", "remove", "a1")


@pytest.mark.parametrize("arguments, asked", [
    (("link", "add", "u1", "a1"), 'link "a1" to user "u1" (tenancy default)'),
    (("link", "list"), "list the links (tenancy default)"),
    (("link", "show", "a1"), 'see to whom "a1" is linked (tenancy default)'),
    (("link", "list", "u1", "--tenancy=default"), 'list the links of user "u1" (tenancy default)'),
    (("vault", "delete", "--yes", "b$(tenancy)", "b2"),
     'delete the passkeys "b$(tenancy), b2" from the vault, and their links (tenancy default)'),
    (("status",), "list the tenancies of passlockd"),
    (("reload",), "reload the configuration and the keys of passlockd"),
    (("link", "remove", "a1"), 'remove the link of "a1" (tenancy default)'),
])
def test_an_administrator_types_the_password(service, arguments, asked):
    """One prompt per command, which describes the operation."""
    if arguments[:2] in (("link", "show"), ("link", "remove")):
        ctl("link", "add", "u1", "a1")
    with Terminal("ada", *arguments) as terminal:
        terminal.wait_prompt()
        assert f"Authentication is required to {asked}." in terminal.seen
        terminal.type(PASSWORDS["ada"] + "\n")
        assert terminal.finish() == 0, terminal.seen
        assert terminal.prompts == 1
        assert PASSWORDS["ada"] not in terminal.seen
    assert (links("u1") != "") == (arguments[:2] in (("link", "add"), ("link", "show")))
    ctl("link", "remove", "--user=u1")


@pytest.mark.parametrize("password, status", [
    (PASSWORDS["ada"], 0), (PASSWORDS["eve"], DENIED), ("", DENIED)],
    ids=["the administrator's", "their own", "none"])
def test_somebody_else_is_at_the_terminal(service, password, status):
    """A user without privileges needs the password of an administrator."""
    with Terminal("eve", "link", "add", "u1", "a1") as terminal:
        terminal.wait_prompt()
        assert "Authenticating as: ada" in terminal.seen
        terminal.type(password + "\n")
        assert terminal.finish() == status, terminal.seen
    assert (links("u1") != "") == (status == 0)
    ctl("link", "remove", "--user=u1")


def test_wrong_password(service):
    with Terminal("ada", "link", "add", "u1", "a1") as terminal:
        terminal.wait_prompt()
        terminal.type("wrong\n")
        assert terminal.finish() == DENIED, terminal.seen
    assert links("u1") == ""
    assert "uid" in host.journal()


@pytest.fixture(name="default_elsewhere")
def fixture_default_elsewhere(service):
    """A daemon whose default tenancy is not labelled default."""
    host.configure({"Daemon": {"DefaultTenancy": "shop"}, "Tenancy shop": service.tenancy()})
    host.systemctl("reload", host.UNIT)


def test_the_default_tenancy_is_not_the_usual_one(default_elsewhere):
    """No prompt for looking up the default tenancy; with --tenancy one prompt."""
    with Terminal("ada", "link", "add", "u1", "a1") as terminal:
        assert terminal.finish() == CALLER, terminal.seen
        assert terminal.prompts == 0
        assert "--tenancy=LABEL" in terminal.seen
    with Terminal("ada", "--tenancy=shop", "link", "add", "u1", "a1") as terminal:
        terminal.wait_prompt()
        assert "(tenancy shop)" in terminal.seen
        terminal.type(PASSWORDS["ada"] + "\n")
        assert terminal.finish() == 0, terminal.seen
        assert terminal.prompts == 1
    with rules(FOR_THE_GROUP):
        assert "a1" in ctl("link", "list", user="carol")
    ctl("link", "remove", "a1")


@pytest.mark.parametrize("arguments", [("--no-ask-password", "link", "list"),
                                       ("authorize", "shop.example.com", "u1", "U")])
def test_no_question(service, arguments):
    with Terminal("ada", *arguments) as terminal:
        assert terminal.finish() == DENIED, terminal.seen
        assert terminal.prompts == 0


def test_interrupted_at_the_prompt(service):
    """Nothing is changed, and echo is enabled again."""
    with Terminal("ada", "link", "add", "u1", "a1") as terminal:
        terminal.wait_prompt()
        terminal.type("\x03")
        assert terminal.finish() == -2, terminal.seen
    host.wait_until(lambda: "FAILED to authenticate" in host.journal("polkit.service") or
                    "Unregistered" in host.journal("polkit.service"), "the question stays open")
    assert links("u1") == ""


def test_stop_at_the_prompt(service):
    """A stop does not wait for a password."""
    with Terminal("ada", "link", "add", "u1", "a1") as terminal:
        terminal.wait_prompt()
        host.systemctl("stop", host.UNIT)
        assert terminal.finish() == DENIED, terminal.seen
        assert "The daemon is stopping" in terminal.seen
    host.systemctl("start", host.UNIT)
    assert links("u1") == ""


def test_in_a_login_session(service):
    """In a login session, the terminal agent is used if there is no graphical one."""
    host.systemctl("start", "systemd-logind.service")
    with Terminal("ada", "exec passlockctl link add u1 a1",
                  command=("runuser", "-l", "ada", "--session-command")) as terminal:
        terminal.wait_prompt()
        terminal.type(PASSWORDS["ada"] + "\n")
        assert terminal.finish() == 0, terminal.seen
    assert "--fallback" in host.journal("polkit.service")
    assert "a1" in links("u1")
    ctl("link", "remove", "a1")


@pytest.mark.parametrize("how", ["masked", "gone"])
def test_without_polkit_there_is_only_root(service, how):
    activation = Path("/usr/share/dbus-1/system-services/org.freedesktop.PolicyKit1.service")
    with rules(FOR_THE_GROUP):
        ctl("link", "list", user="carol")
        kept = activation.read_bytes()
        if how == "masked":
            host.systemctl("mask", "--runtime", "--now", "polkit.service")
        else:
            activation.unlink()
            host.systemctl("stop", "polkit.service")
            host.systemctl("reload", "dbus.service")
        try:
            for command in COMMANDS:
                ctl(*command, user="carol", status=DENIED)
            with Terminal("ada", "link", "list") as terminal:
                assert terminal.finish() == DENIED, terminal.seen
                assert terminal.prompts == 0
            ctl("link", "list")
            ctl("reload")
        finally:
            if how == "masked":
                host.systemctl("unmask", "--runtime", "polkit.service")
            else:
                activation.write_bytes(kept)
                host.systemctl("reload", "dbus.service")
