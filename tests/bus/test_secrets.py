# SPDX-License-Identifier: LGPL-2.1-or-later
"""The key never leaves the key holder; tokens and codes reach only their recipients."""

import os
import shutil
import signal
import subprocess
from pathlib import Path

import pytest
from jeepney import DBusAddress, new_method_call

from harness import Bus, as_uid, binary

from .client import NOBODY, Connection
from .stack import RP_ID, eventually, is_ended, new_request_id, new_user, raises

CORE_PATTERN = Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii").strip()
MONITORING = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus",
                         "org.freedesktop.DBus.Monitoring")


class Monitor:
    """Receives every message on the bus."""

    def __init__(self, address: str):
        self.connection = Connection(address)
        self.connection.finish(self.connection.send(
            new_method_call(MONITORING, "BecomeMonitor", "asu", ([], 0))))

    def seen_until(self, marker: bytes) -> bytes:
        """Returns all bus traffic up to a message with these bytes."""
        seen = b""
        self.connection.bus.sock.settimeout(20)
        while marker not in seen:
            seen += self.connection.bus.sock.recv(65536)
        return seen


def everything(stack) -> tuple[list[str], list[str]]:
    """Makes all kinds of calls, also invalid ones. Returns the tokens and codes."""
    tokens, codes = [], []
    with stack.connect() as connection:
        for fault in ("", "status=500", "html", "cut", "status=429", "missing"):
            user = new_user()
            stack.sandbox.set_faults()
            tokens.append(connection.authorize(RP_ID, user)[0])
            codes.append(stack.run_ceremony(tokens[-1]).code)
            stack.sandbox.set_faults(*[fault] if fault else [])
            connection.outcome(connection.start_authorize(RP_ID, user))
            connection.outcome(connection.start_exchange(codes[-1], request_id=new_request_id()))
        stack.sandbox.set_faults()
        codes.append(stack.create_passkey().code)
        with raises("UserMismatch"):
            connection.exchange(codes[-1], user_id="another")
        codes.append("cd_" + new_user())
        with raises("InvalidCode"):
            connection.exchange(codes[-1])
        codes.append("cd_" + new_user() + "\n")
        connection.outcome(connection.start_exchange(codes[-1]))
        connection.outcome(connection.start_exchange(codes[-1], bad=True))
        connection.links("List", "", 100)
    stack.daemon.reload()
    key, stack.keys = stack.keys, {"passlock.default": "another-key-that-is-wrong"}
    stack.apply()
    with stack.connect() as connection, raises("ApiDenied"):
        connection.authorize(RP_ID, new_user())
    stack.keys = key
    stack.apply()
    return tokens, codes


def test_secrets_stay_where_they_belong(own_stack):
    own_stack.daemon_options = ("--log-level=debug",)
    own_stack.start()
    key = own_stack.sandbox.api_key
    monitor = Monitor(own_stack.bus.address)
    tokens, codes = everything(own_stack)
    with own_stack.connect() as connection:
        connection.outcome(connection.start_links("GetUser", "the-end-of-it"))
    traffic = monitor.seen_until(b"the-end-of-it")
    monitor.connection.close()
    assert tokens[0].encode() in traffic, "the monitor saw the calls"
    assert key.encode() not in traffic
    assert b"another-key-that-is-wrong" not in traffic

    # To others than root the environment of such a process is closed anyway.
    for pid in (own_stack.daemon.pid, own_stack.daemon.keyholder_pid):
        for name in ("environ", "cmdline") if own_stack.is_root else ("cmdline",):
            text = Path(f"/proc/{pid}/{name}").read_bytes()
            assert text and key.encode() not in text
    assert own_stack.daemon.stop() == 0
    log = own_stack.daemon.log_text()
    for secret in [key, "another-key-that-is-wrong", *tokens, *(code.strip() for code in codes)]:
        assert secret not in log
    for file in filter(Path.is_file, own_stack.daemon.state.rglob("*")):
        data = file.read_bytes()
        assert key.encode() not in data, file
        for secret in tokens + codes:
            assert secret.encode() not in data, file


def test_debug_log_says_more(own_stack):
    """Checks that the previous test had a debug log to search."""
    own_stack.daemon_options = ("--log-level=debug",)
    own_stack.start()
    own_stack.assert_healthy()
    debug = len(own_stack.daemon.log_text())
    own_stack.daemon.stop()
    own_stack.daemon.log.write_text("")
    own_stack.daemon.options = ()
    own_stack.daemon.start()
    own_stack.assert_healthy()
    assert debug > len(own_stack.daemon.log_text())


def in_directory(path: Path) -> list[str]:
    """The prefix of a command line that runs a command in the directory, with core dumps enabled."""
    return ["sh", "-c", f"cd {path} && ulimit -c unlimited && exec \"$@\"", "sh"]


def test_no_core_has_the_key(own_stack):
    if CORE_PATTERN.startswith(("|", "/")):
        pytest.skip(f"cores do not go where the process is, but to {CORE_PATTERN}")
    cores = own_stack.work.private_dir("cores")
    control = subprocess.run([*in_directory(cores), "sh", "-c", "kill -SEGV $$"], check=False,
                             stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    if control.returncode != -signal.SIGSEGV or not list(cores.iterdir()):
        pytest.skip("no process dumps core here")
    for core in cores.iterdir():
        core.unlink()
    own_stack.daemon_prefix = in_directory(cores)
    own_stack.start()
    own_stack.assert_healthy()
    keyholder = own_stack.daemon.keyholder_pid
    os.kill(keyholder, signal.SIGSEGV)
    eventually(lambda: is_ended(keyholder))
    os.kill(own_stack.daemon.pid, signal.SIGSEGV)
    own_stack.daemon.wait_end()
    for core in cores.iterdir():
        assert own_stack.sandbox.api_key.encode() not in core.read_bytes()


@pytest.mark.root
def test_memory_is_closed_to_its_own_user(own_stack):
    """/proc files of a process that is not dumpable belong to root."""
    own_stack.bus = Bus(own_stack.work, owner=NOBODY.uid)
    own_stack.prepare()
    daemon = own_stack.daemon
    daemon.as_user = as_uid(NOBODY.uid, NOBODY.gid)
    for name in ("passlockd", "passlock-keyholder"):
        shutil.copy(binary(name), own_stack.work / name)
    daemon.program = own_stack.work / "passlockd"
    daemon.notify_path.chmod(0o777)
    for path in (daemon.state, daemon.runtime, daemon.credentials, *daemon.credentials.iterdir()):
        os.chown(path, NOBODY.uid, NOBODY.gid)
    daemon.start()
    own_stack.assert_healthy()
    for pid in (daemon.pid, daemon.keyholder_pid):
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
        assert f"Uid:\t{NOBODY.uid}\t{NOBODY.uid}\t" in status
        assert os.stat(f"/proc/{pid}/mem").st_uid == 0
        for name in ("environ", "mem", "maps"):
            with pytest.raises(PermissionError):
                read_as_nobody(f"/proc/{pid}/{name}")
    daemon.kill9()


def read_as_nobody(path: str):
    done = subprocess.run([*as_uid(NOBODY.uid, NOBODY.gid), "head", "-c1", path],
                          capture_output=True, text=True, check=False)
    if "ermission denied" in done.stderr:
        raise PermissionError(path)
