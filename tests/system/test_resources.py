# SPDX-License-Identifier: LGPL-2.1-or-later
"""The limits of the units on memory, tasks and descriptors: under load, and at the edge."""

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


# What the store may take of the memory.
STORE_MAX = {host.UNIT: 2**30, host.KEY_HOLDER: 0}


def n_descriptors(pid: int) -> int:
    return len(os.listdir(f"/proc/{pid}/fd"))


def anonymous_bytes(pid: int) -> int:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"RssAnon:\s+(\d+) kB", status)[1]) * 1024


class Peaks:
    """The highest figures, measured all the time: a context manager."""

    def __init__(self, group: ControlGroup):
        self.group = group
        self.pid = host.main_pid(group.unit)
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


@pytest.mark.parametrize("unit", [host.UNIT, host.KEY_HOLDER])
def test_limits_are_in_force(service, unit):
    """Figures of the unit file, as systemd has read them."""
    learn_http_version()
    text = (source_dir() / f"systemd/{unit}.in").read_text()
    units = {"": 1, "M": 2**20, "G": 2**30}
    for name in ("MemoryHigh", "MemoryMax", "TasksMax", "LimitNOFILE"):
        number, factor = re.search(rf"^{name}=(\d+)([MG]?)$", text, re.MULTILINE).groups()
        assert int(host.show(name, unit)) == int(number) * units[factor]
    assert host.show("OOMPolicy", unit) == ("continue" if unit == host.UNIT else "stop")
    limits = Path(f"/proc/{host.main_pid(unit)}/limits").read_text()
    (n,) = set(re.search(r"Max open files +(\d+) +(\d+)", limits).groups())
    assert n == host.show("LimitNOFILE", unit)


@needs_control
def test_load_stays_below_the_limits(granted, tmp_path):
    """Floods by all users, readers and others, calls that hang, and an import."""
    links = tmp_path / "links"
    write_links(links, IMPORTED, granted.tenancy_id)
    host.call("Links", "Add", "ss", "load-user", "load-key")
    learn_http_version()
    pids = {unit: host.main_pid(unit) for unit in STORE_MAX}
    granted.set_faults("hang")
    with contextlib.ExitStack() as stack:
        groups = {unit: stack.enter_context(ControlGroup(unit)) for unit in STORE_MAX}
        peaks = {unit: stack.enter_context(Peaks(group)) for unit, group in groups.items()}
        with contextlib.ExitStack() as calls:
            for user in USERS:
                calls.enter_context(Calls(user, HANGING))
            host.run("passlockctl", "--timeout=300", "import", links)
            for mode in "read", "lazy":
                flood(FLOOD_CALLS, mode)
            assert peaks[host.KEY_HOLDER].descriptors > 64
        memory = {unit: group.memory_peak() for unit, group in groups.items()}
        at_limit = {unit: (group.times_at_limit(), group.tasks_at_limit()) for unit, group in groups.items()}
    host.write_result("resources", json.dumps({unit: {
        "memory": memory[unit], "anonymous": peaks[unit].anonymous, "tasks": peaks[unit].tasks,
        "descriptors": peaks[unit].descriptors, "links": IMPORTED} for unit in STORE_MAX}))
    for unit, store_max in STORE_MAX.items():
        assert at_limit[unit] == (0, 0)
        assert memory[unit] < int(host.show("MemoryHigh", unit))
        assert peaks[unit].anonymous * MARGIN < int(host.show("MemoryMax", unit)) - store_max
        assert peaks[unit].tasks * MARGIN < int(host.show("TasksMax", unit))
        assert peaks[unit].descriptors * MARGIN < int(host.show("LimitNOFILE", unit))
        assert host.main_pid(unit) == pids[unit]
    granted.set_faults()
    assert host.call("Links", "GetUser", "s", f"key-{IMPORTED - 1:040}")


def test_no_descriptors_left(granted):
    """Calls to the API fail with LimitsExceeded; all others work, and all do afterwards."""
    with host.drop_in("[Service]\nLimitNOFILE=40\n", host.KEY_HOLDER):
        host.systemctl("restart", host.KEY_HOLDER)
        learn_http_version()
        pid = host.main_pid(host.KEY_HOLDER)
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
        assert host.main_pid(host.KEY_HOLDER) == pid


@needs_control
def test_no_threads_left(granted):
    """Calls that need a thread, to look up a name, fail with LimitsExceeded; all others work."""
    learn_http_version()
    with NameServer() as server, ControlGroup(host.KEY_HOLDER) as group:
        RESOLV_CONF.write_text("nameserver 127.0.0.1\noptions timeout:15 attempts:1\n")
        section = granted.tenancy()
        section["Endpoint"] = section["Endpoint"].replace(granted.host_name, server.name)
        host.configure({"Tenancy default": section | {"TimeoutSec": "3"}} | GRANTS)
        host.systemctl("reload", host.UNIT)
        pid, tasks = host.main_pid(host.KEY_HOLDER), group.tasks_now()
        group.limit_tasks(tasks)
        assert call_api("www-data", 20) == {LIMITS_EXCEEDED}
        assert group.tasks_now() <= tasks
        assert group.tasks_at_limit() > 0
        assert host.call("Links", "Add", "ss", "ada", "key-without-threads") == ""
        group.limit_tasks(tasks + 100)
        assert call_api("www-data", 20) == {"ok"}
        assert host.call("Links", "GetUser", "s", "key-without-threads") == 's "ada"'
        assert host.main_pid(host.KEY_HOLDER) == pid


# Takes all memory of its group, by a file, so that the kernel does not prefer to kill it.
HOG = """
import os
file = os.memfd_create("hog")
print("ready", flush=True)
input()
while True:
    os.write(file, bytes(2**20))
"""


@contextlib.contextmanager
def shortage(unit: str):
    """Takes the memory of a unit until the kernel kills its process, which is its first choice."""
    pid = host.main_pid(unit)
    Path(f"/proc/{pid}/oom_score_adj").write_text("1000")
    with ControlGroup(unit) as group, subprocess.Popen([sys.executable, "-c", HOG], text=True, stdin=subprocess.PIPE,
                                                       stdout=subprocess.PIPE) as hog:
        try:
            assert hog.stdout.readline() == "ready\n"
            group.add(hog.pid)
            yield
            group.limit_memory(group.memory_now() + 64 * 2**20)
            print("go", file=hog.stdin, flush=True)
            host.wait_until(lambda: host.main_pid(unit) not in (0, pid), "another process")
        finally:
            hog.kill()
            hog.wait()


@needs_control
def test_daemon_without_memory_is_restarted(granted):
    """The kernel kills the daemon; systemd restarts it, and no acknowledged link is lost."""
    with Load() as load:
        with shortage(host.UNIT):
            load.wait_more()
        load.wait_more()
    assert int(host.show("NRestarts")) >= 1
    assert host.show("ActiveState") == "active"
    assert load.failures == []
    assert load.lost() == set()


@needs_control
def test_key_holder_without_memory_is_restarted(granted):
    """The daemon and its links go on."""
    learn_http_version()
    pid = host.main_pid()
    with shortage(host.KEY_HOLDER):
        assert host.call("Links", "Add", "ss", "ada", "key-before") == ""
    assert host.call("Links", "GetUser", "s", "key-before") == 's "ada"'
    host.wait_until(lambda: call_api("games", 1) == {"ok"}, "a call that succeeds")
    assert host.main_pid() == pid


def test_reload_that_is_killed_leaves_the_daemon(granted):
    """For a reload that the kernel kills for its memory, OOMPolicy=continue is the same."""
    pid = host.main_pid()
    with host.drop_in("[Service]\nExecReload=\nExecReload=+sh -c 'kill -KILL $$$$'\n"):
        host.systemctl("reload", host.UNIT, status=1)
        assert host.main_pid() == pid
    assert host.call("Links", "Add", "ss", "ada", "key") == ""
