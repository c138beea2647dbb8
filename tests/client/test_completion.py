# SPDX-License-Identifier: LGPL-2.1-or-later
"""Completion in real bash and zsh on a terminal, with the real tool and daemon."""

import os
import pty
import re
import select
import signal
import subprocess
import sys

import pytest

from tests.harness import Bus, Daemon, Workspace, tenancy_path
from tests.harness.build import binary, source_dir

COMPLETIONS = source_dir() / "completions"
PROGRAMS = ["passlockctl", "passlockd", "passlock-sandbox"]
WAIT_SEC = 60
NASTY = "y&o'br $(exit) \"ien\";`exit`"
LINKS = {"pk_one": "ada", "pk_two": "ada", "pk_three": "auth0:17", "pk_four": "auth0:23",
         "pk_five": "zoë smith", "pk_six": NASTY}


class Host:
    def __init__(self, work):
        self.work = work
        services = work / "services"
        services.mkdir()
        self.started = work / "started"
        (services / "dev.passlock.Passlock1.service").write_text(
            f"[D-BUS Service]\nName=dev.passlock.Passlock1\nExec=/usr/bin/touch {self.started}\n")
        self.bus = Bus(work, servicedir=services)
        self.daemon = Daemon(work, self.bus, {
            "Tenancy default": {"TenancyId": "first"}, "Tenancy staging": {"TenancyId": "second"},
            "Grant none": {"User": "nobody", "Allow": "Authorize"}}, {})
        self.environment = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": self.bus.address, "LC_ALL": "C.UTF-8",
                            "TERM": "dumb", "HOME": str(work / ""),
                            "PATH": ":".join([*(str(binary(program).parent) for program in PROGRAMS),
                                              os.environ["PATH"]])}

    def __enter__(self):
        self.bus.start()
        self.daemon.start()
        for authenticator, user in LINKS.items():
            self.bus.call(tenancy_path(), "Links", "Add", "ss", user, authenticator)
        self.bus.call(tenancy_path("staging"), "Links", "Add", "ss", "of-staging", "pk_staging")
        return self

    def __exit__(self, *_):
        self.daemon.stop_well()
        self.bus.stop_well()

    def complete(self, kind, prefix="", options=(), as_user=(), status=0):
        """Returns the descriptions by word."""
        done = subprocess.run([*as_user, binary("passlockctl"), *options, f"--complete={kind}", "--", prefix], text=True,
                              timeout=WAIT_SEC, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment,
                              check=False)
        assert done.returncode == status, done.stdout
        return dict(line.split("\t") for line in done.stdout.splitlines())


@pytest.fixture(scope="module", name="host")
def fixture_host():
    with Workspace() as work, Host(work) as running:
        yield running


# passlockctl --complete=KIND.

def test_kinds(host):
    assert host.complete("labels") == {"default": "first", "staging": "second"}
    assert set(host.complete("users")) == set(LINKS.values())
    assert host.complete("authenticators") == LINKS
    events = host.complete("events", "link-")
    assert set(events) == {"link-added", "link-removed"} and all(events.values())


def test_prefix(host):
    assert set(host.complete("users", "auth0:2")) == {"auth0:23"}
    assert host.complete("authenticators", "pk_t") == {"pk_two": "ada", "pk_three": "auth0:17"}
    assert host.complete("authenticators", "no-such") == {}


def test_tenancy(host):
    assert set(host.complete("users", options=["--tenancy=staging"])) == {"of-staging"}
    assert host.complete("users", options=["--tenancy=no_such"]) == {}
    assert host.complete("users", options=["--tenancy=NO"]) == {}


def test_unknown_kind(host):
    assert host.complete("no-such", status=2) == {}


def test_grants_apply(host):
    if os.getuid() != 0:
        pytest.skip("needs root to run as another user")
    as_nobody = ["setpriv", "--reuid=nobody", "--clear-groups", "--"]
    assert set(host.complete("labels", as_user=as_nobody)) == {"default"}
    assert host.complete("users", as_user=as_nobody) == {}


def test_daemon_is_not_started(host):
    """Completion does not start the daemon, and prints no error."""
    host.daemon.stop_well()
    try:
        assert host.complete("users") == {}
        assert host.complete("labels") == {}
        assert not host.started.exists()
    finally:
        host.daemon.start()


def test_unresponsive_daemon(host):
    os.kill(host.daemon.pid, signal.SIGSTOP)
    try:
        done = subprocess.run([binary("passlockctl"), "--complete=users"], env=host.environment,
                              capture_output=True, timeout=WAIT_SEC, check=False)
        assert b"ada" not in done.stdout and done.stderr == b""
    finally:
        os.kill(host.daemon.pid, signal.SIGCONT)


# The completions of the shells.

class Shell:
    """An interactive shell on a terminal, with our completions."""

    START = {
        "bash": (["bash", "--norc", "--noprofile", "-i"],
                 "source /usr/share/bash-completion/bash_completion;"
                 f" for program in {' '.join(PROGRAMS)}; do source {COMPLETIONS}/bash/$program; done;"
                 " bind 'set completion-query-items 0'; bind 'set enable-bracketed-paste off'; set +H"),
        "zsh": (["zsh", "-f", "-i"],
                f"fpath=({COMPLETIONS}/zsh $fpath); autoload -Uz compinit; compinit -D -u; bindkey -e; unsetopt BEEP"
                " ZLE_BRACKETED_PASTE BANG_HIST; zstyle ':completion:*' list-prompt ''"),
    }

    def __init__(self, name, environment):
        command, start = self.START[name]
        self.child, self.terminal = pty.fork()
        if self.child == 0:
            os.chdir(COMPLETIONS)
            os.execvpe(command[0], command, {**environment, "COLUMNS": "200"})
        self.seen = ""
        self.ready = 0
        self.write(start + "\n")
        self.synchronise()

    def write(self, text):
        os.write(self.terminal, text.encode())

    def read_until(self, pattern):
        while not (found := re.search(pattern, self.seen, re.DOTALL)):
            ready, _, _ = select.select([self.terminal], [], [], WAIT_SEC)
            assert ready, self.seen
            self.seen += os.read(self.terminal, 4096).decode(errors="replace")
        return found

    def synchronise(self):
        self.ready += 1
        self.write(f"echo rea''dy{self.ready}\n")
        self.read_until(f"ready{self.ready}\r\n")
        self.seen = ""

    def type(self, text):
        """Types text with tabs. Returns the completed words."""
        out = f"{sys.executable} -c 'import sys; print(\"<<\", *map(ascii, sys.argv[1:]), sep=\"|\", end=\"|>>\\n\")' "
        self.write(text)
        self.write("\x01" + out + "\x05\n")
        words = self.read_until(r"<<\|([^\r\n]*)\|>>")[1]
        self.synchronise()
        return [eval(word) for word in words.split("|")]  # literals of this file

    def close(self):
        os.kill(self.child, signal.SIGKILL)
        os.close(self.terminal)
        os.waitpid(self.child, 0)


@pytest.fixture(scope="module", params=["bash", "zsh"], name="shell")
def fixture_shell(request, host):
    shell = Shell(request.param, host.environment)
    yield shell
    shell.close()


@pytest.mark.parametrize("typed, words", [
    ("passlockctl stat\t", ["status"]),
    ("passlockctl link sh\t", ["link", "show"]),
    ("passlockctl link show pk_o\t", ["link", "show", "pk_one"]),
    ("passlockctl exchange --no-li\t", ["exchange", "--no-link"]),
    ("passlockctl --tenan\tstag\t link list of\t", ["--tenancy=staging", "link", "list", "of-staging"]),
    ("passlockctl --tenancy stag\t link list of\t", ["--tenancy", "staging", "link", "list", "of-staging"]),
    ("passlockctl link list auth0:1\t", ["link", "list", "auth0:17"]),
    ("passlockctl link remove --user=auth0:2\t", ["link", "remove", "--user=auth0:23"]),
    ("passlockctl link list zo\t", ["link", "list", "zoë smith"]),
    ("passlockctl authorize --user-verification=disc\t", ["authorize", "--user-verification=discouraged"]),
    ("passlockctl set-key --ca-file=mes\t", ["set-key", "--ca-file=meson.build"]),
    ("passlockctl link list y\t", ["link", "list", NASTY]),
    ("passlockctl vault delete pk_one pk_tw\t", ["vault", "delete", "pk_one", "pk_two"]),
    ("passlockctl link add ada pk_fo\t", ["link", "add", "ada", "pk_four"]),
    ("passlockctl link add ada pk_one pk_f\t", ["link", "add", "ada", "pk_one", "pk_f"]),
    ("passlockctl --timeout 5 link show -- pk_o\t", ["--timeout", "5", "link", "show", "--", "pk_one"]),
    ("passlockctl authorize --no-lin\t", ["authorize", "--no-lin"]),
    ("passlockctl audit --event=link-a\t", ["audit", "--event=link-added"]),
    ("passlockctl link re\t --user=a\tx", ["link", "remove", "--user=ax"]),
])
def test_shell(shell, typed, words):
    assert shell.type(typed) == ["passlockctl", *words]


@pytest.mark.parametrize("typed, words", [
    ("passlockd --conf\tx", ["passlockd", "--config=x"]),
    ("passlock-sandbox --allow\t", ["passlock-sandbox", "--allow-remote"]),
])
def test_shell_with_other_programs(shell, typed, words):
    assert shell.type(typed) == words
