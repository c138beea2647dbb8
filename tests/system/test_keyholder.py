# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units of the key holder, beside that of the daemon."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.system import host
from tests.system.api import TlsApi
from tests.system.load import Load

SOCKET = Path("/run/passlock-keyholder/socket")
FAILING = "[Service]\nExecStartPre=false\n"


def authorize(label: str = "default", status: int | None = 0) -> str:
    return host.call("Tenancy", "Authorize", "sssa{sv}", "shop.example.com", "user-42",
                     "ada@example.com", "0", label=label, status=status)


def wait_ready():
    host.wait_until(lambda: authorize(status=None).startswith('st "'), "a call that succeeds")
    assert host.get("Tenancy", "State") == "ready"


def links_work(key: str):
    host.call("Links", "Add", "ss", "ada", key)
    assert host.call("Links", "GetUser", "s", key) == 's "ada"'


STOP_ALL = Path("/run/systemd/system/stop-all.target")


@contextlib.contextmanager
def call_in_flight(api):
    """A call that takes three seconds, and must succeed."""
    api.set_faults("delay=3000")
    with subprocess.Popen(["passlockctl", "authorize", "shop.example.com", "ada", "ada"], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as call:
        host.wait_until(lambda: "1 call in flight" in host.show("StatusText"), "a call in flight")
        yield
        said, _ = call.communicate(timeout=host.RUN_SEC)
        assert call.returncode == 0, said


# Two processes, and what each of them has

def environment(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/environ").read_text().split("\0")


def test_daemon_has_no_network(service):
    authorize()
    pid = host.main_pid()
    assert os.readlink(f"/proc/{pid}/ns/net") != os.readlink("/proc/1/ns/net")
    for table in ("tcp", "tcp6", "udp", "udp6"):
        assert len(Path(f"/proc/{pid}/net/{table}").read_text().splitlines()) == 1, "the heading"
    holder = host.main_pid(host.KEY_HOLDER)
    assert os.readlink(f"/proc/{holder}/ns/net") == os.readlink("/proc/1/ns/net")


def test_daemon_has_no_credentials(service):
    authorize()
    assert not Path(f"/run/credentials/{host.UNIT}").exists()
    assert not any(name.startswith("CREDENTIALS_DIRECTORY=") for name in environment(host.main_pid()))
    assert host.loaded_credentials() == {"passlock.default"}


def test_key_is_in_the_memory_of_the_key_holder_only(service):
    """They run as different users, so neither can read the other's memory."""
    authorize()
    users = {unit: Path(f"/proc/{host.main_pid(unit)}/status").read_text().partition("\nUid:\t")[2].split()[0]
             for unit in (host.UNIT, host.KEY_HOLDER)}
    assert users == {host.UNIT: host.run("id", "-u", "passlock").strip(),
                     host.KEY_HOLDER: host.run("id", "-u", "passlock-keyholder").strip()}


@pytest.mark.parametrize("user", ["nobody", "passlock-keyholder"])
def test_socket_is_for_the_daemon(service, user):
    assert (SOCKET.owner(), SOCKET.stat().st_mode & 0o777) == ("passlock", 0o600)
    code = f"import socket; socket.socket(socket.AF_UNIX).connect('{SOCKET}')"
    assert "PermissionError" in host.run("python3", "-c", code, user=user, status=1)


def test_root_is_refused(service):
    """The permissions do not hold for root, so the key holder checks the peer."""
    host.systemctl("stop", host.UNIT)
    host.systemctl("start", host.KEY_HOLDER)
    code = f"import socket; s = socket.socket(socket.AF_UNIX); s.connect('{SOCKET}'); print(s.recv(1))"
    assert host.run("python3", "-c", code) == "b''\n"
    assert "Refused a connection" in host.journal(host.KEY_HOLDER)
    host.systemctl("start", host.UNIT)
    assert authorize().startswith('st "')


def test_configuration_of_the_group(service):
    """Files that only the group of the daemon can read are readable by the key holder, too."""
    files = [host.CONFIG, Path(service.tenancy()["CaFile"])]
    for file in files:
        shutil.chown(file, "root", "passlock")
        file.chmod(0o640)
    try:
        host.systemctl("restart", host.UNIT)
        assert authorize().startswith('st "')
        host.run("passlockctl", "doctor")
    finally:
        for file in files:
            shutil.chown(file, "root", "root")
            file.chmod(0o644)


# Start and stop

def test_it_ends_with_the_daemon(service):
    authorize()
    host.systemctl("stop", host.UNIT)
    host.wait_until(lambda: host.show("ActiveState", host.KEY_HOLDER) == "inactive", "the key holder has ended")
    assert host.show("Result", host.KEY_HOLDER) == "success"
    host.wait_until(lambda: not list(Path("/run/credentials").glob("passlock*")), "no keys are left")
    assert host.show("ActiveState", host.KEY_HOLDER_SOCKET) == "active"
    assert authorize().startswith('st "')


def test_keys_are_read_at_each_start(service):
    assert authorize().startswith('st "')
    host.systemctl("stop", host.UNIT)
    host.wait_until(lambda: host.show("ActiveState", host.KEY_HOLDER) == "inactive", "the key holder has ended")
    host.seal_key("passlock.default", "another-key")
    authorize(status=1)
    assert host.get("Tenancy", "State") == "denied"


def test_stop_order(service):
    """A stop of all units and of the bus, as at shutdown, completes the calls in flight."""
    # In one transaction: `systemctl stop` has one for each unit.
    units = [host.UNIT, "passlock-keyholder.target", host.KEY_HOLDER, host.KEY_HOLDER_SOCKET, "dbus.service"]
    STOP_ALL.write_text(f"[Unit]\nDefaultDependencies=no\nConflicts={' '.join(units)}\n")
    host.systemctl("daemon-reload")
    authorize()
    holder = host.main_pid(host.KEY_HOLDER)
    try:
        with call_in_flight(service):
            host.systemctl("start", STOP_ALL.name)
            host.wait_until(lambda: {host.show("ActiveState", unit) for unit in units} == {"inactive"}, "all have stopped")
    finally:
        host.systemctl("stop", STOP_ALL.name)
        STOP_ALL.unlink()
        host.systemctl("daemon-reload")
        host.systemctl("start", "dbus.service")
    assert "requests in flight" not in host.run("journalctl", "--output=cat", f"_PID={holder}"), \
        "the key holder was not told to stop before the daemon"


def test_order_at_shutdown():
    """The target is between the services, and stopped at shutdown."""
    def ordered(first: str, then: str) -> bool:
        return then in host.show("Before", first).split() or first in host.show("After", then).split()

    target = "passlock-keyholder.target"
    assert ordered(host.KEY_HOLDER, target) and ordered(target, host.UNIT)
    for unit in (host.UNIT, host.KEY_HOLDER, target):
        assert "shutdown.target" in host.show("Conflicts", unit).split()


# Rotation

def rotate(api):
    host.run("passlockctl", "set-key", "-", stdin=api.api_key)


def test_rotation_under_load(service):
    """The daemon keeps its pid, and no call fails."""
    pid = host.main_pid()
    holders = set()
    with Load() as load:
        for _ in range(5):
            load.wait_more()
            holders.add(host.main_pid(host.KEY_HOLDER))
            rotate(service)
        load.wait_more()
    assert load.failures == []
    assert load.lost() == set()
    assert host.main_pid() == pid
    assert len(holders) >= 4, "it may be on its way"


def test_rotation_with_a_call_in_flight(service):
    """The old key holder completes the call."""
    pid = host.main_pid()
    with call_in_flight(service):
        host.systemctl("restart", host.KEY_HOLDER)
    assert host.main_pid() == pid


# A key holder that fails

def test_killed(service):
    authorize()
    pid, holder = host.main_pid(), host.main_pid(host.KEY_HOLDER)
    os.kill(holder, signal.SIGKILL)
    links_work("after-kill")
    wait_ready()
    assert host.main_pid(host.KEY_HOLDER) not in (0, holder)
    assert host.main_pid() == pid


def test_stopped_by_the_administrator(service):
    """The socket starts it again."""
    authorize()
    pid = host.main_pid()
    host.systemctl("stop", host.KEY_HOLDER)
    wait_ready()
    assert host.main_pid() == pid


def test_hanging(service):
    """The watchdog of systemd kills it."""
    authorize()
    pid, holder = host.main_pid(), host.main_pid(host.KEY_HOLDER)
    cursor = host.journal_cursor()
    os.kill(holder, signal.SIGSTOP)
    begin = time.monotonic()
    links_work("while-hanging")
    assert time.monotonic() - begin < 5
    host.wait_until(lambda: host.main_pid(host.KEY_HOLDER) not in (0, holder), "another key holder", 60)
    wait_ready()
    assert "Failed with result 'watchdog'" in host.journal(host.KEY_HOLDER, after=cursor)
    assert host.main_pid() == pid


def test_fifty_failing_starts(service):
    """The socket stays, at a limited rate; and the daemon starts and stops meanwhile."""
    host.systemctl("stop", host.UNIT)
    with host.drop_in(FAILING + "RestartSec=100ms\n", host.KEY_HOLDER):
        host.systemctl("start", host.UNIT)
        begin = time.monotonic()
        links_work("while-failing")
        assert "No valid reply from the API" in authorize(status=1)
        host.wait_until(lambda: int(host.show("NRestarts", host.KEY_HOLDER)) >= 50, "50 starts")
        assert time.monotonic() - begin > 4, "no busy loop"
        assert host.show("ActiveState", host.KEY_HOLDER_SOCKET) == "active"
        for verb in "restart", "stop", "start":
            begin = time.monotonic()
            host.systemctl(verb, host.UNIT)
            assert time.monotonic() - begin < 20, verb
        links_work("while-failing-still")
    wait_ready()


def test_failing_starts_of_the_program(service):
    """The same with the figures of the unit: about one start in a second."""
    host.systemctl("stop", host.UNIT)
    with host.drop_in("[Service]\nExecStart=\nExecStart=/usr/libexec/passlock-keyholder --user=none-such\n",
                      host.KEY_HOLDER):
        host.systemctl("start", host.UNIT)
        time.sleep(5)
        assert 2 <= int(host.show("NRestarts", host.KEY_HOLDER)) <= 8
        links_work("while-failing")
    wait_ready()


def test_socket_that_is_stopped(service):
    """A restart of the daemon is enough to have it again."""
    host.systemctl("stop", host.KEY_HOLDER_SOCKET, host.KEY_HOLDER)
    assert not SOCKET.exists()
    links_work("without-socket")
    host.systemctl("start", host.KEY_HOLDER_SOCKET)
    wait_ready()
    host.systemctl("stop", host.KEY_HOLDER_SOCKET, host.KEY_HOLDER)
    host.systemctl("restart", host.UNIT)
    wait_ready()


# Keys that cannot be decrypted

@pytest.fixture(name="other_api", scope="module")
def fixture_other_api(work, api):
    with TlsApi(work, "otherTenancy") as other_api:
        yield other_api


def test_sealed_key_that_does_not_open(service, other_api):
    """Only its tenancy is without a key."""
    host.configure({"Tenancy default": service.tenancy(), "Tenancy other": other_api.tenancy("passlock.other")})
    host.seal_key("passlock.other", other_api.api_key)
    bad = host.SEALED_KEYS / "passlock.other"
    bad.write_text("bm90IHNlYWxlZCBoZXJl\n")
    host.systemctl("daemon-reload")
    host.systemctl("restart", host.UNIT)
    wait_ready()
    assert host.get("Tenancy", "State", label="other") == "unconfigured"
    assert "no API key" in authorize("other", status=1)
    assert host.show("Result", "passlock-unseal@passlock.other.service") != "success"
    said = host.run("passlockctl", "doctor", status=1)
    assert f"{bad} cannot be decrypted on this host: " in said
    assert "passlockctl --tenancy=other set-key" in said
    host.run("passlockctl", "--tenancy=other", "set-key", "-", stdin=other_api.api_key)
    assert authorize("other").startswith('st "')
    host.run("passlockctl", "doctor")


def test_both_keys_open_again_later(service):
    """A key that is mended is found by the next start of the key holder."""
    sealed = (host.SEALED_KEYS / "passlock.default").read_bytes()
    (host.SEALED_KEYS / "passlock.default").write_text("bm90IHNlYWxlZCBoZXJl\n")
    host.systemctl("restart", host.KEY_HOLDER)
    host.wait_until(lambda: host.get("Tenancy", "State") == "unconfigured", "no key")
    (host.SEALED_KEYS / "passlock.default").write_bytes(sealed)
    host.systemctl("restart", host.KEY_HOLDER)
    wait_ready()
