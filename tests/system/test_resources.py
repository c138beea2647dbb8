# SPDX-License-Identifier: LGPL-2.1-or-later
"""The limits of the unit on memory, tasks and descriptors: under load, and at the edge."""

import contextlib
import json
import os
import pwd
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call

from tests.harness.build import build_dir, source_dir
from tests.harness.bus import NAME, tenancy_path
from tests.system import control_group, host
from tests.system.client import CALL_SEC, Caller
from tests.system.control_group import ControlGroup
from tests.system.load import Load
from tests.system.name_server import RESOLV_CONF, NameServer

FLOOD = build_dir() / "tests/load/flood"
FLOOD_SEC = 10
FLOOD_CALLS = ["List", "Introspect", "GetUser", "BadPath", "Add", "List"]
USERS = ["www-data", "games", "mail", "backup", "list", "irc"]
GRANTS = {f"Grant {user}": {"User": user, "Allow": "All"} for user in USERS}
IMPORTED = 100_000
HANGING = 200  # calls of each user
MARGIN = 4  # the limits are so many times what load needs, but for the store

LIMITS_EXCEEDED = "org.freedesktop.DBus.Error.LimitsExceeded"
UNREACHABLE = f"{NAME}.Error.Unreachable"

needs_control = pytest.mark.skipif(
    "PASSLOCK_RESULTS" in os.environ and control_group.obstacle() is not None,
    reason=str(control_group.obstacle()))


@pytest.fixture(name="granted")
def fixture_granted(service):
    host.configure({"Tenancy default": service.tenancy()} | GRANTS)
    host.systemctl("reload", host.UNIT)
    return service


def main_pid() -> int:
    return int(host.show("MainPID"))


def n_descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def anonymous_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024


class Peaks:
    """The highest figures, measured all the time: a context manager."""

    def __init__(self, group: ControlGroup):
        self.group = group
        self.pid = main_pid()
        self.descriptors = self.tasks = self.anonymous = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        while not self._stop.wait(0.02):
            # Refused while another thread is acting as a user.
            with contextlib.suppress(PermissionError):
                self.descriptors = max(self.descriptors, n_descriptors(self.pid))
            self.tasks = max(self.tasks, self.group.tasks_now())
            self.anonymous = max(self.anonymous, anonymous_bytes(self.pid))

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._stop.set()
        self._thread.join()


def flood(calls: list[str], mode: str):
    """Floods for a while, as all users."""
    def start(user: str, call: str) -> subprocess.Popen:
        entry = pwd.getpwnam(user)
        return subprocess.Popen(["setpriv", f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}",
                                 "--clear-groups", FLOOD, call, "20", str(FLOOD_SEC), mode],
                                stdout=subprocess.PIPE, text=True)

    children = [start(user, call) for user, call in zip(USERS, calls)]
    for child in children:
        out, _ = child.communicate(timeout=host.RUN_SEC)
        assert child.returncode == 0 and json.loads(out.splitlines()[-1])["sent"] > 0, out


class Calls:
    """Many calls in flight, on connections with few enough for the bus. A context manager."""

    PER_CONNECTION = 100

    def __init__(self, user: str, n: int):
        self.callers = [Caller(user) for _ in range(-(-n // self.PER_CONNECTION))]
        self.serials = [(caller, self._send(caller))
                        for i in range(n) for caller in [self.callers[i % len(self.callers)]]]
        self.replies = {}

    @staticmethod
    def _send(caller: Caller) -> int:
        call = new_method_call(DBusAddress(tenancy_path(), NAME, f"{NAME}.Tenancy"), "Authorize",
                               "sssa{sv}", ("shop.example.com", "ada", "Ada", {}))
        serial = next(caller.bus.outgoing_serial)
        caller.bus.send(call, serial=serial)
        return serial

    def outcomes(self) -> set[str]:
        """Waits for all replies. Returns "ok" and the names of errors."""
        return {self._outcome(caller, serial) for caller, serial in self.serials}

    def _outcome(self, caller: Caller, serial: int) -> str:
        while (caller, serial) not in self.replies:
            reply = caller.bus.receive(timeout=CALL_SEC)
            fields = reply.header.fields
            if HeaderFields.reply_serial in fields:
                self.replies[caller, fields[HeaderFields.reply_serial]] = reply
        reply = self.replies[caller, serial]
        if reply.header.message_type is MessageType.error:
            return reply.header.fields[HeaderFields.error_name]
        return "ok"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for caller in self.callers:
            caller.close()


def call_api(user: str, n: int) -> set[str]:
    with Calls(user, n) as calls:
        return calls.outcomes()


def learn_http_version():
    """Has the daemon open more connections to the API than it does for HTTP/2."""
    host.call("Tenancy", "Authorize", "sssa{sv}", "shop.example.com", "ada", "Ada", "0")


def write_links(file: Path, n: int, tenancy_id: str):
    """A file as exported by passlockctl."""
    with file.open("w", encoding="ascii") as out:
        out.write(json.dumps({"format": "passlock-links", "version": 1, "tenancy_id": tenancy_id,
                              "exported_at": 1}) + "\n")
        for i in range(n):
            out.write(json.dumps({"user_id": f"user-{i * 7919 % n}",
                                  "authenticator_id": f"key-{i * 104729 % n:040}",
                                  "created_at": 1, "last_used_at": 0}) + "\n")
        out.write(json.dumps({"links": n}) + "\n")


def test_limits_are_in_force(service):
    """Figures of the unit file, as systemd has read them."""
    text = (source_dir() / "systemd/passlockd.service.in").read_text()
    units = {"": 1, "M": 2**20, "G": 2**30}
    for name in ("MemoryHigh", "MemoryMax", "TasksMax", "LimitNOFILE"):
        number, unit = re.search(rf"^{name}=(\d+)([MG]?)$", text, re.MULTILINE).groups()
        assert int(host.show(name)) == int(number) * units[unit]
    assert host.show("OOMPolicy") == "continue"
    limits = Path(f"/proc/{main_pid()}/limits").read_text()
    (n,) = set(re.search(r"Max open files +(\d+) +(\d+)", limits).groups())
    assert n == host.show("LimitNOFILE")


@needs_control
def test_load_stays_below_the_limits(granted, tmp_path):
    """Floods by all users, readers and others, calls that hang, and an import."""
    links = tmp_path / "links"
    write_links(links, IMPORTED, granted.tenancy_id)
    pid = main_pid()
    host.call("Links", "Add", "ss", "load-user", "load-key")
    learn_http_version()
    granted.set_faults("hang")
    with ControlGroup() as group, Peaks(group) as peaks:
        with contextlib.ExitStack() as stack:
            for user in USERS:
                stack.enter_context(Calls(user, HANGING))
            host.run("passlockctl", "--timeout=300", "import", links)
            for mode in "read", "lazy":
                flood(FLOOD_CALLS, mode)
            assert peaks.descriptors > 64
        memory, high = group.memory_peak(), int(host.show("MemoryHigh"))
        at_limit = group.times_at_limit(), group.tasks_at_limit()
    host.write_result("resources", json.dumps({
        "memory": memory, "anonymous": peaks.anonymous, "tasks": peaks.tasks,
        "descriptors": peaks.descriptors, "links": IMPORTED}))
    assert at_limit == (0, 0)
    assert memory < high
    # Beside the store, which may have a gigabyte.
    assert peaks.anonymous * MARGIN < int(host.show("MemoryMax")) - 2**30
    assert peaks.tasks * MARGIN < int(host.show("TasksMax"))
    assert peaks.descriptors * MARGIN < int(host.show("LimitNOFILE"))
    assert main_pid() == pid
    granted.set_faults()
    assert host.call("Links", "GetUser", "s", f"key-{IMPORTED - 1:040}")


def test_no_descriptors_left(granted):
    """Calls to the API fail with LimitsExceeded; all others work, and all do afterwards."""
    with host.drop_in("[Service]\nLimitNOFILE=40\n"):
        host.systemctl("restart", host.UNIT)
        pid = main_pid()
        learn_http_version()
        granted.set_faults("hang")
        with Calls("www-data", HANGING) as hanging:
            host.wait_until(lambda: n_descriptors(pid) >= 40, "no descriptors left")
            assert call_api("games", 20) == {LIMITS_EXCEEDED}
            assert host.call("Links", "Add", "ss", "ada", "key-without-descriptors") == ""
            host.systemctl("reload", host.UNIT, status=None)
            assert host.call("Links", "GetUser", "s", "key-without-descriptors") == 's "ada"'
            assert hanging.outcomes() == {LIMITS_EXCEEDED, UNREACHABLE}
        granted.set_faults()
        assert host.call("Links", "GetUser", "s", "key-without-descriptors") == 's "ada"'
        # A new connection takes several descriptors while the name is resolved.
        host.wait_until(lambda: call_api("games", 4) == {"ok"}, "an end of the shortage")
        host.systemctl("reload", host.UNIT)
        assert main_pid() == pid


@needs_control
def test_no_threads_left(granted):
    """Calls that need a thread, to look up a name, fail with LimitsExceeded; all others work."""
    with NameServer() as server, ControlGroup() as group:
        RESOLV_CONF.write_text("nameserver 127.0.0.1\noptions timeout:15 attempts:1\n")
        section = granted.tenancy()
        section["Endpoint"] = section["Endpoint"].replace(granted.host_name, server.name)
        host.configure({"Tenancy default": section | {"TimeoutSec": "3"}} | GRANTS)
        host.systemctl("reload", host.UNIT)
        pid, tasks = main_pid(), group.tasks_now()
        group.limit_tasks(tasks)
        assert call_api("www-data", 20) == {LIMITS_EXCEEDED}
        assert group.tasks_now() <= tasks
        assert group.tasks_at_limit() > 0
        assert host.call("Links", "Add", "ss", "ada", "key-without-threads") == ""
        group.limit_tasks(tasks + 100)
        assert call_api("www-data", 20) == {"ok"}
        assert host.call("Links", "GetUser", "s", "key-without-threads") == 's "ada"'
        assert main_pid() == pid


# Takes all memory of its group.
HOG = """
print("ready", flush=True)
input()
memory = []
while True:
    memory.append(bytearray(2**20))
"""


@needs_control
def test_daemon_without_memory_is_restarted(granted):
    """The kernel kills the daemon; systemd restarts it, and no acknowledged link is lost."""
    pid = main_pid()
    Path(f"/proc/{pid}/oom_score_adj").write_text("1000")  # the kernel's first choice
    with ControlGroup() as group, Load() as load, \
            subprocess.Popen([sys.executable, "-c", HOG], text=True, stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE) as hog:
        try:
            assert hog.stdout.readline() == "ready\n"
            group.add(hog.pid)
            load.wait_more()
            group.limit_memory(group.memory_now() + 64 * 2**20)
            print("go", file=hog.stdin, flush=True)
            host.wait_until(lambda: main_pid() not in (0, pid), "another process")
        finally:
            hog.kill()
            hog.wait()
        load.wait_more()
    assert int(host.show("NRestarts")) >= 1
    assert host.show("ActiveState") == "active"
    assert load.failures == []
    assert load.lost() == set()


def test_reload_that_is_killed_leaves_the_daemon(granted):
    """For a reload that the kernel kills for its memory, OOMPolicy=continue is the same."""
    pid = main_pid()
    with host.drop_in("[Service]\nExecReload=\nExecReload=+sh -c 'kill -KILL $$$$'\n"):
        host.systemctl("reload", host.UNIT, status=1)
        assert main_pid() == pid
    assert host.call("Links", "Add", "ss", "ada", "key") == ""
