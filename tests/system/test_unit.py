# SPDX-License-Identifier: LGPL-2.1-or-later
"""Operation of the unit."""

import os
import re
import signal
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.harness.build import build_dir
from tests.system import host
from tests.system.load import Load
from tests.system.name_server import NameServer

UNIT_DIR = Path("/usr/lib/systemd/system")
UNIT_FILES = [host.UNIT, host.KEY_HOLDER, host.KEY_HOLDER_SOCKET, "passlock-keyholder.target", "passlock-unseal@.service"]
EXPOSURES_MAX = {host.UNIT: "2", host.KEY_HOLDER: "10"}  # of 100

# Short, so that a test need not wait long; not so short that who is only slow is killed.
WATCHDOG_SEC = 10
WATCHDOG = f"[Service]\nWatchdogSec={WATCHDOG_SEC}s\n"


def authorize(**options) -> str:
    return host.call("Tenancy", "Authorize", "sssa{sv}", "shop.example.com", "user-42",
                     "ada@example.com", "0", **options)


def test_authorize_with_a_sealed_key(service):
    assert host.show("ActiveState") == "active"
    assert authorize().startswith('st "')
    assert service.api_key not in host.journal()


def test_api_that_only_dns_knows(service):
    """The unit's sandbox permits name resolution by DNS."""
    with NameServer() as server:
        section = service.tenancy()
        section["Endpoint"] = section["Endpoint"].replace(service.host_name, server.name)
        host.configure({"Tenancy default": section})
        host.systemctl("restart", host.UNIT)
        assert authorize().startswith('st "')
        assert server.asked


# What systemd says of the unit

@pytest.mark.parametrize("name", UNIT_FILES)
def test_unit_file_is_clean(name):
    assert host.run("systemd-analyze", "verify", UNIT_DIR / name) == ""


@pytest.mark.parametrize("unit", EXPOSURES_MAX)
@pytest.mark.parametrize("offline", [True, False])
def test_exposure(configured, unit, offline):
    said = host.run("systemd-analyze", "--no-pager", "security", f"--threshold={EXPOSURES_MAX[unit]}",
                    *(["--offline=true", UNIT_DIR / unit] if offline else [unit]))
    host.write_result(f"exposure-{unit}-{'offline' if offline else 'online'}", said)
    assert re.search(rf"Overall exposure level for {unit}: (0\.\d|1\.0) ", said)


@pytest.mark.parametrize("unit", EXPOSURES_MAX)
def test_exposure_gate_can_close(configured, unit):
    with host.drop_in("[Service]\nPrivateUsers=no\n", unit):
        host.run("systemd-analyze", "security", f"--threshold={EXPOSURES_MAX[unit]}", unit, status=1)


# Starting

def test_call_starts_it(configured):
    assert host.show("ActiveState") == "inactive"
    assert authorize().startswith('st "')
    assert host.show("ActiveState") == "active"


def test_call_of_nobody_starts_it_too(configured):
    """Any caller starts the daemon, which then denies the call."""
    assert "Access denied" in authorize(user="nobody", status=1)
    assert host.show("ActiveState") == "active"


def test_enabled_unit_is_what_the_bus_starts(configured):
    host.systemctl("enable", "--now", host.UNIT)
    assert host.show("ActiveState") == "active"
    assert host.show("Id", f"dbus-{host.NAME}.service") == host.UNIT
    host.systemctl("disable", "--now", host.UNIT)
    assert host.show("ActiveState") == "inactive"


# A start that fails. The unit is up soon after whatever keeps it down has gone, without a command.

UP_SEC = 10
SLOW_MACHINE_SEC = 20


def wait_up():
    host.wait_until(lambda: host.show("ActiveState") == "active", "the unit is up",
                    UP_SEC + SLOW_MACHINE_SEC)
    assert authorize().startswith('st "')


def test_unit_never_gives_up():
    assert host.show("StartLimitIntervalUSec") == "0"
    assert host.show("Restart") == "always"
    assert host.show("RestartUSec") == "2s"


def test_unit_is_ordered_after_the_user_database():
    """The unit is ordered after nss-user-lookup.target, but does not pull it in."""
    assert "nss-user-lookup.target" in host.show("After").split()
    assert "nss-user-lookup.target" not in host.show("Wants").split()


def test_bad_configuration_is_tried_until_it_is_good(configured):
    host.CONFIG.write_text("[Daemon]\nNonsense=yes\n")
    host.systemctl("start", host.UNIT, status=1)
    host.wait_until(lambda: int(host.show("NRestarts")) >= 3, "tries")
    assert f"{host.CONFIG}:2: " in host.journal()
    host.configure({"Tenancy default": configured.tenancy()})
    wait_up()


def test_calls_do_not_wear_it_out(configured):
    """Calls during failed starts do not stop systemd's retries."""
    host.CONFIG.write_text("[Daemon]\nNonsense=yes\n")
    with ThreadPoolExecutor(12) as pool:
        for call in [pool.submit(authorize, status=1) for _ in range(12)]:
            call.result()
    host.wait_until(lambda: int(host.show("NRestarts")) >= 6, "more starts than systemd's default limit")
    assert host.show("SubState") in ("auto-restart", "start")
    host.configure({"Tenancy default": configured.tenancy()})
    wait_up()


@pytest.fixture(name="bus_that_is_restored")
def fixture_bus_that_is_restored(service):
    yield service
    host.systemctl("start", "dbus.socket", "dbus.service")


def test_bus_that_goes_and_comes_again(bus_that_is_restored):
    host.systemctl("stop", "dbus.socket", "dbus.service")
    host.wait_until(lambda: "Failed to connect to the system bus" in host.journal(), "a start without")
    host.systemctl("start", "dbus.socket", "dbus.service")
    wait_up()


def test_bus_that_crashes(service):
    pid = host.show("MainPID")
    host.systemctl("kill", "--signal=KILL", "dbus.service")
    host.wait_until(lambda: host.show("MainPID") not in (pid, "0"), "another process")
    wait_up()


def test_drop_in_that_cannot_be_read(configured):
    """An unreadable drop-in prevents the start, because it might revoke a grant."""
    drop_in = Path(f"{host.CONFIG}.d/50-app.conf")
    drop_in.parent.mkdir(exist_ok=True)
    drop_in.write_text("[Daemon]\n")
    drop_in.chmod(0o600)
    try:
        host.systemctl("start", host.UNIT, status=1)
        assert f"{drop_in}: Permission denied" in host.journal()
        drop_in.chmod(0o644)
        wait_up()
    finally:
        drop_in.unlink()


# The status line

def test_status_line(service):
    def says(text):
        host.wait_until(lambda: host.show("StatusText") == text, text)

    assert host.show("StatusText") == "default ready (0 links); 0 calls in flight"
    host.call("Links", "Add", "ss", "ada", "key-1")
    says("default ready (1 link); 0 calls in flight")
    assert 'Status: "default ready (1 link); 0' in host.systemctl("status", host.UNIT)

    with host.stopped(service.pid):
        waiting = subprocess.Popen(
            ["passlockctl", "authorize", "shop.example.com", "ada", "ada@x.org"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        says("default ready (1 link); 1 call in flight")
    assert waiting.wait(host.RUN_SEC) == 0
    says("default ready (1 link); 0 calls in flight")
    host.call("Links", "Remove", "s", "key-1")
    says("default ready (0 links); 0 calls in flight")


def test_idle_daemon_sleeps(configured):
    with host.drop_in("[Service]\nWatchdogSec=0\n"):
        host.systemctl("start", host.UNIT)
        host.call("Links", "Add", "ss", "ada", "key-2")
        host.wait_until(lambda: "1 link)" in host.show("StatusText"), "the status")
        host.call("Links", "Remove", "s", "key-2")
        host.wait_until(lambda: "0 links)" in host.show("StatusText"), "the status")
        status = Path(f"/proc/{host.show('MainPID')}/status")

        def switches():
            return int(re.search(r"\nvoluntary_ctxt_switches:\s+(\d+)", status.read_text())[1])

        def sleeps():
            before = switches()
            time.sleep(2.5)
            return switches() == before

        host.wait_until(sleeps, "after the last look whether there is news, sleep")


# Being stuck

def wait_restarted(old_pid: str):
    host.wait_until(lambda: host.show("MainPID") not in (old_pid, "0") and
                    host.show("ActiveState") == "active", "another process")
    assert int(host.show("NRestarts")) >= 1
    assert authorize().startswith('st "')


def test_stuck_loop_is_restarted(configured):
    with host.drop_in(WATCHDOG):
        host.systemctl("start", host.UNIT)
        pid = host.show("MainPID")
        cursor = host.journal_cursor()
        os.kill(int(pid), signal.SIGSTOP)
        wait_restarted(pid)
        assert "Watchdog timeout" in host.journal(after=cursor)


def test_store_that_does_not_answer_is_restarted(configured):
    with host.drop_in(WATCHDOG):
        host.systemctl("start", host.UNIT)
        pid = host.show("MainPID")
        cursor = host.journal_cursor()
        with subprocess.Popen([build_dir() / "tests/system/store-holder", "/var/lib/passlockd"],
                              stdout=subprocess.PIPE) as holder:
            assert holder.stdout.readline() == b"held\n"
            host.wait_until(lambda: "Watchdog timeout" in host.journal(after=cursor), "a timeout")
            holder.kill()
        assert "The link store's writer thread hangs" in host.journal(after=cursor)
        wait_restarted(pid)


def test_healthy_daemon_is_left_alone(configured):
    with host.drop_in(WATCHDOG):
        host.systemctl("start", host.UNIT)
        pid = host.show("MainPID")
        with Load() as load:
            end = time.monotonic() + WATCHDOG_SEC + 2
            while time.monotonic() < end:
                load.wait_more()
        assert load.failures == []
        assert host.show("MainPID") == pid


def test_killed_daemon_is_restarted(service):
    pid = host.show("MainPID")
    os.kill(int(pid), signal.SIGKILL)
    wait_restarted(pid)


# Reload and restart

def test_reload_takes_what_is_new(service):
    host.configure({"Tenancy default": service.tenancy(),
                    "Tenancy second": {"TenancyId": "another"}})
    pid = host.show("MainPID")
    host.systemctl("reload", host.UNIT)
    assert host.get("Tenancy", "TenancyId", label="second") == "another"
    assert authorize().startswith('st "')
    assert host.show("MainPID") == pid


def test_reload_of_a_bad_configuration_fails(service):
    cursor = host.journal_cursor()
    host.CONFIG.write_text("[Daemon]\nNonsense=yes\n")
    assert "Job for passlockd.service failed" in host.systemctl("reload", host.UNIT, status=1)
    assert f"{host.CONFIG}:2: " in host.journal(after=cursor)
    assert host.show("ActiveState") == "active"
    assert authorize().startswith('st "')


@pytest.mark.parametrize("verb", ["reload", "restart"])
def test_under_load_nothing_is_lost(service, verb):
    with Load() as load:
        for _ in range(5):
            load.wait_more()
            host.systemctl(verb, host.UNIT)
        load.wait_more()
    assert load.failures == []
    assert load.lost() == set()
