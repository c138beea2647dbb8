# SPDX-License-Identifier: LGPL-2.1-or-later
"""The key holder, the process that has the keys and the network: it dies, hangs and is missing, and the daemon
has no key."""

import os
import shutil
import signal
import threading
import time
from pathlib import Path

import pytest

from harness import binary
from harness.process import PATIENCE_SEC
from harness.standin import Reply, Request, StandIn

from .client import plain
from .stack import RP_ID, SHORT_SEC, eventually, is_ended, new_user, raises, within
from .test_moved import is_in_memory

TOKEN = Reply(200, {"_tag": "AuthorizedPasskeyRegistration", "registrationToken": "rt",
                    "expiresAt": 4102444800000})
PRINCIPAL = Reply(200, {
    "_tag": "ExtendedPrincipal", "id": "pr", "userId": "ada", "authenticatorId": "pk-1",
    "authenticatorType": "passkey", "passkey": {"verified": True, "userVerified": True}, "metadata": {},
    "createdAt": 1767225600000, "expiresAt": 4102444800000})


class Api(StandIn):
    """Holds back its replies while `keeps`."""

    def __init__(self):
        super().__init__()
        self.reply = TOKEN
        self.probe_reply = Reply(404, {"_tag": "@error/NotFound", "message": "no"})
        self.answer = self._answer
        self.keeps = False
        self.kept: list[Request] = []
        self.free = threading.Event()

    def __exit__(self, *_):
        self.let_go()
        super().__exit__()

    def let_go(self):
        self.keeps = False
        self.free.set()

    def _answer(self, request: Request) -> Reply:
        if self.keeps:
            self.kept.append(request)
            self.free.wait(PATIENCE_SEC)
        return self.reply


@pytest.fixture
def api():
    with Api() as api:
        yield api


@pytest.fixture
def other():
    """Another API."""
    with Api() as other:
        yield other


def kill_keyholder(stack):
    """Kills the key holder, and waits for the next one."""
    old = stack.daemon.keyholder_pid
    os.kill(old, signal.SIGKILL)
    eventually(lambda: stack.daemon.keyholders() not in ([], [old]))


def use(stack, api):
    stack.sections["Tenancy default"] = stack.tenancy(Endpoint=api.endpoint)


def findings(stack) -> list[dict]:
    with stack.connect() as connection:
        return [plain(finding) for finding in connection.manager("Diagnose")[0]]


def test_it_has_neither_bus_nor_store(own_stack):
    own_stack.start()
    own_stack.assert_healthy()
    fds = Path(f"/proc/{own_stack.daemon.keyholder_pid}/fd")
    targets = {os.readlink(fd) for fd in fds.iterdir()}
    assert not [target for target in targets if str(own_stack.daemon.state) in target]
    libraries = Path(f"/proc/{own_stack.daemon.keyholder_pid}/maps").read_text()
    for library in ("liblmdb", "libjansson", "libcjose"):
        assert library not in libraries
    assert "libcurl" in libraries
    assert "libcurl" not in Path(f"/proc/{own_stack.daemon.pid}/maps").read_text()


@pytest.mark.root
def test_key_is_in_no_memory_but_its_own(own_stack):
    own_stack.start()
    own_stack.assert_healthy()
    key = own_stack.sandbox.api_key.encode()
    with own_stack.connect() as connection:
        assert connection.manager("ProveKey", "", "x" * 32)
    assert is_in_memory(own_stack.daemon.keyholder_pid, key)
    assert not is_in_memory(own_stack.daemon.pid, key)


def test_protection(own_stack):
    own_stack.start()
    status = Path(f"/proc/{own_stack.daemon.keyholder_pid}/status").read_text()
    assert "NoNewPrivs:\t1" in status
    limits = Path(f"/proc/{own_stack.daemon.keyholder_pid}/limits").read_text()
    assert "Max core file size        0 " in limits
    if own_stack.is_root:
        environment = Path(f"/proc/{own_stack.daemon.keyholder_pid}/environ").read_bytes()
        assert b"CREDENTIALS_DIRECTORY=" in environment
        assert b"DBUS_SYSTEM_BUS_ADDRESS" not in environment
        assert b"STATE_DIRECTORY" not in environment


# It dies

def test_killed_with_calls_in_flight(own_stack, api):
    """What may be repeated is repeated; what must be sent once is Unreachable."""
    use(own_stack, api)
    own_stack.start()
    api.keeps = True
    with own_stack.connect() as connection:
        tokens = [connection.start_authorize(RP_ID, new_user()) for _ in range(20)]
        once = [connection.start_exchange(f"code-{i}") for i in range(20)]
        eventually(lambda: len(api.kept) == 40)
        api.keeps = False
        with within(5):
            kill_keyholder(own_stack)
            for call in once:
                assert connection.outcome(call) == ("error", "Unreachable")
            for call in tokens:
                assert connection.finish(call)[0] == "rt"
        api.let_go()
    assert len([r for r in api.requests if "/principal/" in r.path]) == 20, "none was repeated"
    assert "The key holder was killed by signal 9" in own_stack.daemon.log_text()
    with own_stack.connect() as connection:
        eventually(lambda: connection.state() == "ready")
        api.reply = PRINCIPAL
        assert plain(connection.exchange("code"))["user_id"] == "ada"
    assert "API key" not in own_stack.daemon.log_text().replace("API key loaded, tenancy default", "", 1)


def test_killed_often(own_stack, api):
    """Links work at all times, and so do calls that may be repeated, after a back-off."""
    use(own_stack, api)
    own_stack.start()
    with own_stack.connect() as connection:
        connection.links("Add", "ada", "pk-1")
        for _ in range(5):
            kill_keyholder(own_stack)
            assert connection.links("GetUser", "pk-1") == ("ada",)
            assert connection.authorize(RP_ID, new_user())[0] == "rt"
        assert connection.state() == "ready"
    assert findings(own_stack) == [] if own_stack.is_root else True


def test_new_key_while_dead(own_stack, api):
    """The next key holder reads the credentials again."""
    use(own_stack, api)
    own_stack.start()
    own_stack.daemon.set_keys({"passlock.default": "another-key"})
    kill_keyholder(own_stack)
    eventually(lambda: "API key replaced" in own_stack.daemon.log_text())
    with own_stack.connect() as connection:
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert api.requests[-1].headers["Authorization"] == "Bearer another-key"


def test_same_key_after_death(own_stack, api):
    """Nothing is recorded if key and configuration are the same."""
    use(own_stack, api)
    own_stack.start()
    kill_keyholder(own_stack)
    with own_stack.connect() as connection:
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert own_stack.daemon.log_text().count("API key") == 1


def test_configuration_that_does_not_parse_while_dead(own_stack, api):
    """The daemon has the old configuration, the key holder has none: Unreachable, until a reload."""
    use(own_stack, api)
    own_stack.start()
    good = own_stack.daemon.config.read_text()
    own_stack.daemon.config.write_text("nonsense\n")
    kill_keyholder(own_stack)
    eventually(lambda: "The key holder failed to load the configuration" in own_stack.daemon.log_text())
    with own_stack.connect() as connection:
        with raises("Unreachable"):
            connection.authorize(RP_ID, new_user())
        assert connection.state() == "degraded"
        if own_stack.is_root:
            assert [finding["kind"] for finding in findings(own_stack)] == ["key-holder"]
        own_stack.daemon.config.write_text(good)
        own_stack.daemon.reload()
        eventually(lambda: connection.state() == "ready")
        assert connection.authorize(RP_ID, new_user())[0] == "rt"


def test_other_configuration_while_dead(own_stack, api, other):
    """A configuration that is not in force yet is not used, until a reload."""
    use(own_stack, api)
    own_stack.start()
    use(own_stack, other)
    own_stack.daemon.configure(own_stack.sections)
    kill_keyholder(own_stack)
    with own_stack.connect() as connection:
        with raises("Unreachable"):
            connection.authorize(RP_ID, new_user())
        if own_stack.is_root:
            eventually(lambda: "The key holder has loaded another configuration" in
                       "".join(finding["text"] for finding in findings(own_stack)))
        assert not other.requests
        own_stack.daemon.reload()
        eventually(lambda: connection.state() == "ready")
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
        assert other.requests


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM, signal.SIGSEGV])
def test_ends_with_the_daemon(own_stack, end):
    own_stack.start()
    pid = own_stack.daemon.keyholder_pid
    os.kill(own_stack.daemon.pid, end)
    own_stack.daemon.wait_end()
    eventually(lambda: is_ended(pid))


def test_ends_with_the_daemon_while_it_hangs(own_stack):
    own_stack.start()
    pid = own_stack.daemon.keyholder_pid
    os.kill(pid, signal.SIGSTOP)
    own_stack.daemon.kill9()
    eventually(lambda: is_ended(pid))


def test_stop_signals_are_for_the_daemon(own_stack, api):
    """systemd sends them to each process of a unit."""
    use(own_stack, api)
    own_stack.start()
    api.keeps = True
    with own_stack.connect() as connection:
        call = connection.start_authorize(RP_ID, new_user())
        eventually(lambda: api.kept)
        pid = own_stack.daemon.keyholder_pid
        os.kill(pid, signal.SIGTERM)
        os.kill(own_stack.daemon.pid, signal.SIGTERM)
        api.let_go()
        assert connection.finish(call)[0] == "rt"
    assert own_stack.daemon.wait_end() == 0
    assert is_ended(pid)


# It hangs

def test_hanging(own_stack, api):
    """Calls end with their deadline; links work; and calls work again when it continues."""
    own_stack.sections["Tenancy default"] = own_stack.tenancy(Endpoint=api.endpoint,
                                                              TimeoutSec=str(SHORT_SEC))
    own_stack.start()
    pid = own_stack.daemon.keyholder_pid
    with own_stack.connect() as connection:
        connection.links("Add", "ada", "pk-1")
        os.kill(pid, signal.SIGSTOP)
        begin = time.monotonic()
        call = connection.start_authorize(RP_ID, new_user())
        once = connection.start_exchange("code")
        assert connection.links("GetUser", "pk-1") == ("ada",)
        with within(SHORT_SEC + 1):
            assert connection.outcome(call) == ("error", "Unreachable")
            assert connection.outcome(once) == ("error", "Unreachable")
        assert time.monotonic() - begin > SHORT_SEC - 0.1
        assert connection.state() == "degraded"
        os.kill(pid, signal.SIGCONT)
        eventually(lambda: connection.state() == "ready")
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert own_stack.daemon.keyholder_pid == pid
    assert not [r for r in api.requests if "/principal/" in r.path], "it was cancelled before it was sent"


def test_killed_because_it_hangs(own_stack, api):
    """The next one repeats what may be repeated."""
    use(own_stack, api)
    own_stack.sections["Tenancy default"]["TimeoutSec"] = "60"
    own_stack.start()
    pid = own_stack.daemon.keyholder_pid
    os.kill(pid, signal.SIGSTOP)
    with own_stack.connect() as connection:
        call = connection.start_authorize(RP_ID, new_user())
        once = connection.start_exchange("code")
        assert connection.finish(call)[0] == "rt"
        assert connection.outcome(once) == ("error", "Unreachable")
    assert is_ended(pid)
    assert "The key holder hangs and is killed" in own_stack.daemon.log_text()


def test_many_calls_while_it_hangs(own_stack, api):
    """More than the socket takes: the daemon does not block."""
    use(own_stack, api)
    own_stack.sections["Daemon"] = {"MaxPendingPerUser": "1000"}
    own_stack.start()
    pid = own_stack.daemon.keyholder_pid
    with own_stack.connect() as connection:
        connection.links("Add", "ada", "pk-1")
        os.kill(pid, signal.SIGSTOP)
        try:
            calls = [connection.start_authorize(RP_ID, new_user(), exclude_credentials=["x" * 500] * 40)
                     for _ in range(60)]
            assert connection.links("GetUser", "pk-1") == ("ada",)
        finally:
            os.kill(pid, signal.SIGCONT)
        for call in calls:
            assert connection.finish(call)[0] == "rt"


def test_reload_while_it_hangs(own_stack, api):
    """A reload does not wait for it for long, and its answer counts later."""
    use(own_stack, api)
    own_stack.start()
    pid = own_stack.daemon.keyholder_pid
    os.kill(pid, signal.SIGSTOP)
    own_stack.keys = {"passlock.default": "another-key"}
    with within(3):
        own_stack.apply()
    os.kill(pid, signal.SIGCONT)
    eventually(lambda: "API key replaced" in own_stack.daemon.log_text())
    with own_stack.connect() as connection:
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert api.requests[-1].headers["Authorization"] == "Bearer another-key"


# Reloads

def test_reload(own_stack, api, other):
    """Another key, another endpoint, no key, and another tenancy."""
    use(own_stack, api)
    own_stack.start()
    pid = own_stack.daemon.keyholder_pid
    with own_stack.connect() as connection:
        connection.authorize(RP_ID, new_user())
        own_stack.keys = {"passlock.default": "another-key"}
        own_stack.apply()
        connection.authorize(RP_ID, new_user())
        assert api.requests[-1].headers["Authorization"] == "Bearer another-key"
        use(own_stack, other)
        own_stack.apply()
        connection.authorize(RP_ID, new_user())
        assert other.requests[-1].headers["Authorization"] == "Bearer another-key"
        own_stack.keys = {}
        own_stack.apply()
        with raises("NotConfigured"):
            connection.authorize(RP_ID, new_user())
        assert connection.state() == "unconfigured"
        own_stack.keys = {"passlock.default": "a-third-key"}
        own_stack.sections["Tenancy default"]["TenancyId"] = "another"
        own_stack.apply()
        connection.authorize(RP_ID, new_user())
        assert other.requests[-1].headers["Authorization"] == "Bearer a-third-key"
        assert other.requests[-1].path.startswith("/v2/another/")
    assert own_stack.daemon.keyholder_pid == pid


# It is missing

@pytest.fixture
def without(own_stack, api):
    """A stack whose daemon finds no key holder."""
    use(own_stack, api)
    own_stack.prepare()
    directory = own_stack.work.private_dir("libexec")
    shutil.copy(binary("passlockd"), directory / "passlockd")
    own_stack.daemon.program = directory / "passlockd"
    with within(5):
        own_stack.daemon.start()
    return own_stack


def test_missing(without):
    with without.connect() as connection:
        connection.links("Add", "ada", "pk-1")
        assert connection.links("GetUser", "pk-1") == ("ada",)
        assert connection.state() == "degraded"
        for _ in range(2):
            with within(1), raises("Unreachable"):
                connection.authorize(RP_ID, new_user())
    log = without.daemon.log_text()
    assert "Failed to start the key holder: No such file or directory; the next start is in" in log
    if without.is_root:
        (finding,) = findings(without)
        assert finding["kind"] == "key-holder"
        assert "No such file or directory" in finding["text"]


def test_it_comes_later(without, api):
    shutil.copy(binary("passlock-keyholder"), without.daemon.program.parent)
    with without.connect() as connection:
        eventually(lambda: connection.state() == "ready")
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert "The key holder runs" in without.daemon.log_text()
    assert api.requests


def test_it_cannot_be_started_again(own_stack, api):
    """Calls fail at once while there is none."""
    use(own_stack, api)
    own_stack.prepare()
    directory = own_stack.work.private_dir("libexec")
    for name in ("passlockd", "passlock-keyholder"):
        shutil.copy(binary(name), directory / name)
    own_stack.daemon.program = directory / "passlockd"
    own_stack.daemon.start()
    with own_stack.connect() as connection:
        connection.authorize(RP_ID, new_user())
        (directory / "passlock-keyholder").unlink()
        os.kill(own_stack.daemon.keyholder_pid, signal.SIGKILL)
        eventually(lambda: "Failed to start the key holder" in own_stack.daemon.log_text())
        for _ in range(3):
            with within(1), raises("Unreachable"):
                connection.authorize(RP_ID, new_user())
        assert connection.state() == "degraded"
        shutil.copy(binary("passlock-keyholder"), directory / "passlock-keyholder")
        eventually(lambda: connection.state() == "ready")
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
