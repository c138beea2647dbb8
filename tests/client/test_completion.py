# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the shells complete: real bash and real zsh on a terminal, the real tool, the real daemon."""

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

SOURCES = source_dir() / "client/passlockctl/command-line"
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

    def complete(self, *words, as_user=()):
        """The heading, and the meanings by their words."""
        done = subprocess.run([*as_user, binary("passlockctl"), "--complete", *words], text=True, timeout=WAIT_SEC,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=self.environment, check=False)
        assert done.returncode == 0, done.stdout
        heading, *lines = done.stdout.splitlines()
        return heading, dict(line.split("\t") for line in lines)

    def words(self, *words, **options):
        heading, meanings = self.complete(*words, **options)
        assert heading == "words"
        return set(meanings)


@pytest.fixture(scope="module", name="host")
def fixture_host():
    with Workspace() as work, Host(work) as running:
        yield running


# What the tool says.

def verbs():
    found = re.findall(r'\{\{"([a-z-]+)", (?:NULL|"([a-z-]+)")\}', (SOURCES / "verb.c").read_text())
    assert len(found) > 20
    return [tuple(filter(None, words)) for words in found]


def test_every_verb_is_completed_and_explained(host):
    heading, first = host.complete("")
    assert heading == "words"
    assert set(first) == {words[0] for words in verbs()}
    for word in first:
        second = {words[1] for words in verbs() if words[0] == word and len(words) > 1}
        if second:
            heading, meanings = host.complete(word, "")
            assert heading == "words" and set(meanings) == second
            assert all(meanings.values()), f"{word}: the help does not list them all"
        else:
            assert first[word], f"the help does not list {word}"


def test_every_option_is_completed_and_explained(host):
    table = re.findall(r'\[OPTION_\w+\] = \w+\(\s*"([a-z-]+)"', (SOURCES / "option.c").read_text())
    assert len(table) > 20
    seen, explained = set(), set()
    for words in verbs():
        _, meanings = host.complete(*words, "--")
        seen |= {name.strip("-=") for name in meanings}
        explained |= {name.strip("-=") for name, meaning in meanings.items() if meaning}
    assert set(table) <= seen
    assert seen == explained, "the help does not list them all"


def test_options_are_the_verbs_own(host):
    assert {"--no-link", "--user-id=", "--request-id=", "--json"} <= host.words("exchange", "--")
    assert "--no-link" not in host.words("authorize", "--")
    assert host.words("--json", "exchange", "--no-li") == {"--no-link"}
    assert "--no-link" not in host.words("--"), "no verb has been said"


def test_values_of_options(host):
    for line in (["authorize", "--user-verification="], ["authorize", "--user-verification", ""]):
        assert host.words(*line) == {"required", "preferred", "discouraged"}
    assert host.words("authenticate", "--mediation=c") == {"conditional"}
    assert host.words("--tenancy=") == {"default", "staging"}
    assert host.words("audit", "--event=link-") == {"link-added", "link-removed"}
    assert host.words("link", "remove", "--user=a") == {"ada", "auth0:17", "auth0:23"}
    assert host.words("authorize", "--exclude=pk_t") == {"pk_two", "pk_three"}
    assert host.complete("set-key", "--ca-file=")[0] == "files"
    assert host.complete("set-key", "--store-dir", "")[0] == "directories"
    assert host.words("authorize", "--rp-name=") == set()
    assert host.words("authorize", "--no-such-option=") == set()


def test_arguments(host):
    users = set(LINKS.values())
    assert host.words("link", "list", "") == users
    assert host.words("link", "add", "") == users
    assert host.words("link", "add", "ada", "") == set(LINKS)
    assert host.words("link", "add", "ada", "pk_one", "") == set(), "there are no more"
    assert host.words("vault", "delete", "pk_one", "pk_two", "pk_f") == {"pk_four", "pk_five"}
    assert host.complete("link", "show", "pk_o")[1] == {"pk_one": "ada"}
    assert host.words("exchange", "") == set()
    assert host.words("link", "show", "--", "pk_o") == {"pk_one"}
    assert host.words("no-such-verb", "") == set()
    assert host.words("--timeout", "5", "link", "show", "pk_o") == {"pk_one"}


def test_the_tenancy_that_is_named(host):
    for line in (["--tenancy=staging", "link", "list", ""], ["link", "--tenancy", "staging", "list", ""]):
        assert host.words(*line) == {"of-staging"}
    assert host.words("--tenancy=no_such", "link", "list", "") == set()
    assert host.words("--tenancy=NO", "link", "list", "") == set()


def test_nobody_sees_more_than_the_grant_allows(host):
    if os.getuid() != 0:
        pytest.skip("needs root to be somebody else")
    as_nobody = ["setpriv", "--reuid=nobody", "--clear-groups", "--"]
    assert host.words("--tenancy=", as_user=as_nobody) == {"default"}
    assert host.words("link", "list", "", as_user=as_nobody) == set()


def test_nothing_is_started_for_it(host):
    """Neither by what needs the daemon, nor is anything said if it is not there."""
    host.daemon.stop_well()
    try:
        assert host.words("link", "list", "") == set()
        assert host.words("--tenancy=") == set()
        assert host.words("link", "") >= {"list"}
        assert not host.started.exists()
    finally:
        host.daemon.start()


def test_it_does_not_hang(host):
    """A daemon that does not answer costs a few seconds, whatever the calls' own deadline is."""
    os.kill(host.daemon.pid, signal.SIGSTOP)
    try:
        done = subprocess.run([binary("passlockctl"), "--complete", "link", "list", ""], env=host.environment,
                              capture_output=True, timeout=WAIT_SEC, check=False)
        assert b"ada" not in done.stdout and done.stderr == b""
    finally:
        os.kill(host.daemon.pid, signal.SIGCONT)


# What the shells make of it.

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
        """Types something that has tabs in it, and returns the words that the shell makes of the line."""
        out = f"{sys.executable} -c 'import sys; print(\"<<\", *map(ascii, sys.argv[1:]), sep=\"|\", end=\"|>>\\n\")' "
        self.write(text)
        self.write("\x01" + out + "\x05\n")
        words = self.read_until(r"<<\|([^\r\n]*)\|>>")[1]
        self.synchronise()
        return [eval(word) for word in words.split("|")]  # they are literals of ours

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
])
def test_shell(shell, typed, words):
    assert shell.type(typed) == ["passlockctl", *words]


@pytest.mark.parametrize("typed, words", [
    ("passlockd --conf\tx", ["passlockd", "--config=x"]),
    ("passlock-sandbox --allow\t", ["passlock-sandbox", "--allow-remote"]),
])
def test_shell_and_the_other_programs(shell, typed, words):
    assert shell.type(typed) == words
