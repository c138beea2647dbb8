# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl starts and stops pkttyagent, here a fake. Tests with the real one are in tests/system."""

import os
import shutil
import signal
import tempfile
import time
from pathlib import Path

import pytest

from tests.client.host import PASSLOCKCTL, Host, Terminal
from tests.harness import as_uid
from tests.harness.build import build_dir

NOBODY = 65534
# A fake pkttyagent: logs its arguments, and closes the descriptor when it is ready.
AGENT = 'echo $$ "$@" >"$AGENT_LOG"; eval "exec $4>&-"; exec sleep 600'


@pytest.fixture(name="shared_host")
def fixture_shared_host():
    """A host that other users can access."""
    if os.getuid() != 0:
        pytest.skip("needs root, to be somebody else")
    with tempfile.TemporaryDirectory() as name:
        directory = Path(name)
        directory.chmod(0o777)
        for file in (PASSLOCKCTL, build_dir() / "client/libpasslock" / "libpasslock.so.0"):
            shutil.copy(file, directory)
        host = Host(directory)
        host.environment |= {"LD_LIBRARY_PATH": name, "AGENT_LOG": f"{name}/agent"}
        host.environment.pop("XDG_SESSION_ID", None)
        host.fake_programs(pkttyagent=AGENT)
        host.start_bus("<allow user='*'/>")
        host.start_service("links=2", "reconcile=stray")
        yield host
        host.stop("service")
        host.stop("bus")


def person(host, *arguments, uid=NOBODY, **environment):
    """passlockctl on a terminal, as an unprivileged user."""
    return Terminal(host, *arguments, command=(*as_uid(uid, uid), host.directory / "passlockctl"),
                    **environment)


def agent_of(host) -> list[str]:
    log = host.directory / "agent"
    return log.read_text().split() if log.exists() else []


def interactive(host) -> list[str]:
    return [line.split()[1] for line in host.log() if line.startswith("interactive ")]


def runs(pid: str) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):  # gone before it was opened, or read
        return False


@pytest.mark.parametrize("arguments, members", [
    (("link", "add", "u", "a"), ["Add"]),
    (("vault", "delete", "--yes", "a"), ["DeletePasskeys"]),
    (("link", "list", "u", "--tenancy=other"), ["ListByUser"]),
])
@pytest.mark.parametrize("session", [True, False])
def test_agent(shared_host, arguments, members, session):
    """The agent starts before the call, for this process, and ends with it."""
    environment = {"XDG_SESSION_ID": "7"} if session else {}
    with person(shared_host, *arguments, **environment) as terminal:
        status, _, seen = terminal.finish()
        assert status == 0, seen
        pid, *options = agent_of(shared_host)
        assert options == ["--process", str(terminal.process.pid), "--notify-fd", options[3],
                           *(["--fallback"] if session else [])]
    assert interactive(shared_host) == members
    assert not runs(pid)


@pytest.mark.parametrize("arguments, uid", [
    (("link", "add", "u", "a", "--no-ask-password"), NOBODY), (("link", "add", "u", "a"), 0),
    (("authorize", "r", "u", "n"), NOBODY), (("mailbox", "get", "id"), NOBODY)])
def test_no_agent(shared_host, arguments, uid):
    with person(shared_host, *arguments, uid=uid) as terminal:
        assert terminal.finish()[0] == 0
    assert agent_of(shared_host) == interactive(shared_host) == []


def test_no_agent_without_a_terminal(shared_host):
    user = as_uid(NOBODY, NOBODY)
    with Terminal(shared_host, "-c", '"$0" link add u a </dev/null',
                  shared_host.directory / "passlockctl", command=(*user, "/bin/sh")) as terminal:
        assert terminal.finish()[0] == 0
    assert agent_of(shared_host) == interactive(shared_host) == []


@pytest.mark.parametrize("script", [None, "exit 1", "kill -9 $$"], ids=["missing", "fails", "dies"])
def test_unavailable_agent(shared_host, script):
    """Without pkttyagent, a desktop agent may exist; the call is made in any case."""
    if script:
        shared_host.fake_programs(pkttyagent=script)
    else:
        shared_host.environment["PATH"] = str(shared_host.directory / "none")
    command = (shutil.which("setpriv"), *as_uid(NOBODY, NOBODY)[1:],
               shared_host.directory / "passlockctl")
    with Terminal(shared_host, "link", "add", "u", "a", command=command) as terminal:
        status, output, seen = terminal.finish()
        assert (status, output, seen) == (0, "", "")
    assert interactive(shared_host) == ["Add"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_agent_ends_with_passlockctl(shared_host, number):
    with person(shared_host, "monitor", stdout=None) as terminal:
        terminal.read_until("watched")
        pid = agent_of(shared_host)[0]
        assert runs(pid)
        terminal.process.send_signal(number)
        assert terminal.finish()[0] == -number
    end = time.monotonic() + 60
    while runs(pid):
        assert time.monotonic() < end
        time.sleep(0.01)
