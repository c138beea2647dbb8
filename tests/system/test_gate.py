# SPDX-License-Identifier: LGPL-2.1-or-later
"""The units of the gate: passlock-gate@.socket and .service, for the app of www-data."""

import json
import re
import stat
from pathlib import Path

import pytest

from tests.system import host

USER, OTHER = "www-data", "games"
SERVICE, SOCKET = f"passlock-gate@{USER}.service", f"passlock-gate@{USER}.socket"
PATH = Path(f"/run/passlock-gate/{USER}/socket")
UNIT_DIR = Path("/usr/lib/systemd/system")
CLIENT = """
import http.client, socket, sys
class Gate(http.client.HTTPConnection):
    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.connect(sys.argv[1])
http = Gate("localhost")
http.request(sys.argv[2], sys.argv[3], sys.argv[4])
print(http.getresponse().read().decode())
"""


def ask(method: str, path: str, body: str = "", user: str = USER, status: int = 0) -> str:
    """The reply to an app of a user."""
    return host.run("/usr/bin/python3", "-c", CLIENT, PATH, method, path, body, user=user, status=status)


def call(name: str, **members) -> dict:
    return json.loads(ask("POST", f"/v1/{name}", json.dumps(members)))


@pytest.fixture(name="gate")
def fixture_gate(configured):
    host.configure({"Tenancy default": configured.tenancy(),
                    "Grant web": {"User": USER, "Allow": "Links.Read Authorize"}})
    host.systemctl("start", SOCKET)
    yield
    host.systemctl("stop", SOCKET, SERVICE)
    host.systemctl("reset-failed", SERVICE, SOCKET, status=None)


def is_running() -> bool:
    return host.show("ActiveState", SERVICE) == "active"


def test_first_connection_starts_it(gate):
    assert not is_running()
    assert json.loads(ask("GET", "/v1/health")) == {"state": "ready"}
    assert is_running()
    assert call("Links.GetUser", authenticator_id="x")["error"] == "NotFound"
    assert call("Tenancy.Authorize", rp_id="shop.example.com", user_id="u", username="u")["registration_token"]


def test_grant_is_that_of_the_app(gate):
    found = call("Links.Add", user_id="u", authenticator_id="x")
    assert found["error"] == "AccessDenied"
    uid = host.run("id", "-u", USER).strip()
    assert re.search(rf"Add by uid {uid}\b", host.journal())
    assert host.run("ps", "-o", "user=", "-p", host.main_pid(SERVICE)).strip() == USER


def test_socket_is_of_the_app(gate):
    found = PATH.stat()
    assert (PATH.owner(), PATH.group(), stat.S_IMODE(found.st_mode)) == (USER, USER, 0o660)
    assert (PATH.parent.owner(), stat.S_IMODE(PATH.parent.stat().st_mode)) == ("root", 0o755)
    assert "PermissionError" in ask("GET", "/v1/health", user=OTHER, status=1)


def test_it_ends_when_idle(gate):
    exec_start = host.show("ExecStart", SERVICE).partition("argv[]=")[2].partition(" ;")[0]
    assert exec_start.endswith("--exit-idle-sec=60")
    short = exec_start.replace("=60", "=1")
    with host.drop_in(f"[Service]\nExecStart=\nExecStart={short}\n", SERVICE):
        for _ in range(2):
            assert call("Links.ListByUser", user_id="u") == {"links": []}
            host.wait_until(lambda: host.show("ActiveState", SERVICE) == "inactive", "the gate has ended")
            assert host.show("Result", SERVICE) == "success"
            assert host.show("ActiveState", SOCKET) == "active"


def test_restart_keeps_connections_waiting(gate):
    assert call("Links.ListByUser", user_id="u") == {"links": []}
    host.systemctl("restart", SERVICE)
    assert call("Links.ListByUser", user_id="u") == {"links": []}


def test_killed(gate):
    ask("GET", "/v1/health")
    pid = host.main_pid(SERVICE)
    host.run("kill", "-KILL", pid)
    host.wait_until(lambda: host.main_pid(SERVICE) not in (0, pid), "the gate runs again")
    assert json.loads(ask("GET", "/v1/health")) == {"state": "ready"}


def test_objects_of_the_app_stay(gate):
    """The user of the gate is that of the app: its shared memory is not removed with the gate."""
    created = host.run("ipcmk", "--shmem", "1024", user=USER)
    identifier = created.rpartition(": ")[2].strip()
    try:
        ask("GET", "/v1/health")
        host.systemctl("stop", SERVICE)
        assert identifier in [line.split()[1] for line in host.run("ipcs", "--shmems").splitlines()
                              if USER in line]
    finally:
        host.run("ipcrm", "--shmem-id", identifier, status=None)


@pytest.mark.parametrize("name", ["passlock-gate@.service", "passlock-gate@.socket"])
def test_unit_file_is_clean(name):
    instance = UNIT_DIR / name.replace("@", f"@{USER}")
    assert host.run("systemd-analyze", "verify", instance) == ""


@pytest.mark.parametrize("offline", [True, False])
def test_exposure(gate, offline):
    host.systemctl("start", SERVICE)
    said = host.run("systemd-analyze", "--no-pager", "security", "--threshold=10",
                    *(["--offline=true", UNIT_DIR / "passlock-gate@.service"] if offline else [SERVICE]))
    host.write_result(f"exposure-gate-{'offline' if offline else 'online'}", said)
    assert re.search(r"Overall exposure level for \S+: (0\.\d|1\.0) ", said)


def test_it_sees_no_files_and_no_network(gate):
    ask("GET", "/v1/health")
    pid = host.main_pid(SERVICE)
    root = Path(f"/proc/{pid}/root")
    for hidden in ("home", "root", "var/lib", "srv"):
        assert list((root / hidden).iterdir()) == [], hidden
    assert {path.name for path in (root / "run").iterdir()} <= {"dbus", "systemd", "credentials"}
    for directory in ("etc", "run", "run/dbus", "usr/lib"):
        with pytest.raises(OSError, match="Read-only file system"):
            (root / directory / "new").touch()
    links = Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]
    assert [line.split(":")[0].strip() for line in links] == ["lo"]
