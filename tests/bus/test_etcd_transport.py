# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests to a real etcd by the key holder."""

import base64
import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from tests.harness.build import binary
from tests.harness.etcd import Authority, Etcd
from tests.harness.keyholder import KeyHolder
from tests.harness.process import PATIENCE_SEC, Process
from tests.harness.workspace import Workspace

# As in daemon/etcd/etcd-transport.h.
RANGE, TXN, WATCH, GRANT, KEEPALIVE, REVOKE, STATUS, ALARM, MEMBERS = range(9)

MIB = 1 << 20


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def put(key: str, value: str) -> dict:
    return {"success": [{"request_put": {"key": encoded(key), "value": encoded(value)}}]}


def get(key: str) -> dict:
    return {"key": encoded(key)}


def watch(key: str, **more) -> dict:
    return {"create_request": {"key": encoded(key)} | more}


class Driver(Process):
    """tests/etcd-transport/transport.c"""

    name = "transport"
    stdin = subprocess.PIPE

    def __init__(self, work: Workspace, socket: Path):
        super().__init__(work.log(self.name))
        self.socket = socket
        self.lines: list[str] = []

    def command(self):
        return [str(binary(self.name)), str(self.socket)]

    def stop(self):
        if self.child and self.child.stdin and not self.child.stdin.closed:
            self.child.stdin.close()
            self.child.wait(PATIENCE_SEC)
        return super().stop()

    def tell(self, *words):
        self.child.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.child.stdin.flush()

    def wait(self, begin: str, deadline_sec: float = PATIENCE_SEC) -> str:
        """Takes the first line that begins so, and returns the rest of it."""
        end = time.monotonic() + deadline_sec
        while True:
            for i, line in enumerate(self.lines):
                if line.startswith(begin):
                    return self.lines.pop(i)[len(begin):]
            self.lines.append(self.read_line(max(0.0, end - time.monotonic())))

    def request(self, path: int, body: dict, endpoint: int = 0, timeout_ms: int = 20000) -> tuple[str, int, str]:
        """The result, the status and the body."""
        self.tell("request r", path, endpoint, timeout_ms, json.dumps(body))
        result, status, text = self.wait("r end ").split(" ", 2)
        return result, int(status), text

    def result(self, body: dict | None = None, path: int = RANGE, endpoint: int = 0, timeout_ms: int = 20000) -> str:
        result, status, _ = self.request(path, body or get("k"), endpoint, timeout_ms)
        return result if result != "0" or status == 200 else str(status)

    def stream(self, name: str, body: dict, path: int = WATCH, endpoint: int = 0, kind: str = "stream"):
        self.tell(kind, name, path, endpoint, 20000, json.dumps(body))

    def total(self, name: str) -> int:
        self.tell("total", name)
        return int(self.wait(f"{name} total "))


class Site:
    """A key holder with a configuration of the store, and a driver."""

    def __init__(self):
        self.work = Workspace()
        self.config = self.work / "passlockd.conf"
        self.credentials = self.work.private_dir("credentials")
        self.holder = KeyHolder(self.work, SimpleNamespace(config=self.config, credentials=self.credentials))
        self.driver = Driver(self.work, self.holder.path)
        self.nodes: list[Etcd] = []

    def node(self, *arguments, **options) -> Etcd:
        self.nodes.append(Etcd(self.work, f"etcd{len(self.nodes)}", *arguments, **options))
        return self.nodes[-1].start()

    def authority(self, name: str) -> Authority:
        return Authority(self.work.private_dir("tls"), name)

    def configure(self, *endpoints: str, **settings):
        lines = ["[Store]", "Engine=etcd", f"Endpoints={' '.join(endpoints)}"]
        self.config.write_text("\n".join(lines + [f"{key}={value}" for key, value in settings.items()]) + "\n")

    def set_credential(self, name: str, text: str):
        (self.credentials / name).write_text(text)

    def start(self) -> Driver:
        self.holder.start()
        self.driver.start()
        self.driver.wait("state ")
        return self.driver

    def reload(self) -> str:
        self.driver.tell("reload")
        return self.driver.wait("state ")

    def close(self):
        self.driver.stop_well()
        self.holder.stop()
        for node in self.nodes:
            node.stop()
        self.work.close()


@pytest.fixture(name="site")
def fixture_site():
    site = Site()
    yield site
    site.close()


def test_requests(site):
    site.configure(site.node().endpoint)
    driver = site.start()
    driver.tell("state")
    assert driver.wait("state ") == "1 1 0 "
    assert driver.result(put("k", "v"), TXN) == "0"
    _, status, body = driver.request(RANGE, get("k"))
    assert status == 200
    assert json.loads(body)["kvs"][0]["value"] == encoded("v")
    lease = json.loads(driver.request(GRANT, {"TTL": 60})[2])["ID"]
    driver.stream("k", {"ID": lease}, KEEPALIVE)
    assert json.loads(driver.wait("k data "))["result"]["TTL"] == "60"
    assert driver.wait("k end ") == "0 200 "
    assert driver.result({"ID": lease}, REVOKE) == "0"
    assert driver.result({}, STATUS) == "0"
    assert driver.result({"action": "GET"}, ALARM) == "0"
    assert len(json.loads(driver.request(MEMBERS, {})[2])["members"]) == 1
    assert driver.result({"key": "?"}) == "400"
    assert driver.result(endpoint=1) == "ENOTCONN"


def test_watch(site):
    site.configure(site.node().endpoint)
    driver = site.start()
    driver.stream("w", watch("k"))
    assert json.loads(driver.wait("w data "))["result"]["created"]
    for i in range(20):
        assert driver.result(put("k", f"value {i}"), TXN) == "0"
        event, = json.loads(driver.wait("w data "))["result"]["events"]
        assert event["kv"]["value"] == encoded(f"value {i}")
    driver.tell("cancel w")
    driver.stream("v", watch("other"))
    assert "created" in driver.wait("v data ")
    assert driver.result(put("k", "more"), TXN) == "0"
    assert not [line for line in driver.lines if line.startswith("w ")]


def memory_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


@pytest.mark.parametrize("with_tls", [False, True])
def test_slow_reader(site, with_tls):
    """The key holder does not read ahead, with HTTP/1.1 and with HTTP/2, and nothing is lost."""
    authority = site.authority("ca") if with_tls else None
    node = site.node(authority)
    site.configure(node.endpoint, **({"CaFile": authority.certificate} if with_tls else {}))
    driver = site.start()
    for i in range(60):
        node.call("/v3/kv/put", {"key": encoded(f"k{i}"), "value": "A" * MIB})
    driver.stream("w", watch("k", range_end=encoded("l"), start_revision="1"), kind="count")
    before = memory_kib(site.holder.pid)
    driver.tell("sleep", 2000)
    time.sleep(1.5)
    assert memory_kib(site.holder.pid) < before + 24 * 1024
    end = time.monotonic() + PATIENCE_SEC
    while (total := driver.total("w")) < 60 * MIB:
        assert time.monotonic() < end, total
        assert driver.result() == "0"  # others are served meanwhile
    driver.tell("cancel w")
    assert driver.result() == "0"


def test_mutual_tls(site):
    authority, other = site.authority("ca"), site.authority("other")
    certificate, key = authority.issue("client")
    node = site.node(authority, mutual=True)
    settings = {"CaFile": authority.certificate, "CertFile": site.work / "client.crt", "KeyCredential": "store.key"}
    site.configure(node.endpoint, **settings)
    driver = site.start()
    assert driver.result() == "ENOKEY"
    assert "there is no credential store.key" in site.reload()

    site.set_credential("store.key", key.read_text())
    assert driver.wait("state ").startswith("1 2 0")  # found by itself
    assert driver.result() == "ENOENT"
    settings["CertFile"].write_text(certificate.read_text())  # needs no reload
    assert driver.result(put("k", "v"), TXN) == "0"
    driver.stream("w", watch("k"))
    assert "created" in driver.wait("w data ")

    # a key of another certificate ends the stream, and cannot be used
    other_certificate, other_key = other.issue("client")
    site.set_credential("store.key", other_key.read_text())
    site.reload()
    assert driver.wait("w end ") == "ENOLINK 0 "
    assert driver.result() == "EKEYREJECTED"
    # a certificate of another CA is refused by etcd; with TLS 1.3, the reason may get lost
    refused = ("EKEYREJECTED", "EPROTO")
    settings["CertFile"].write_text(other_certificate.read_text())
    assert driver.result() in refused
    driver.stream("x", watch("k"))
    assert driver.wait("x end ").split()[0] in refused
    # and so is none
    site.configure(node.endpoint, CaFile=authority.certificate)
    site.reload()
    assert driver.result() in refused
    # another CA does not vouch for etcd
    site.configure(node.endpoint, CaFile=other.certificate)
    site.reload()
    assert driver.result() == "EKEYREJECTED"
    site.configure(node.endpoint, CaFile="/nonexistent")
    site.reload()
    assert driver.result() == "ENOENT"

    site.set_credential("store.key", "no key")
    site.configure(node.endpoint, **settings)
    assert "is not a private key" in site.reload()
    assert driver.result() == "ENOKEY"
    assert "BEGIN" not in site.holder.log_text()


def test_password(site):
    password = 's3cr3t "a\\ \N{SNOWMAN}:x'
    node = site.node()
    node.enable_users(password)
    site.configure(node.endpoint, PasswordCredential="store.password")
    driver = site.start()
    assert driver.result() == "ENOKEY"
    site.set_credential("store.password", "root")
    assert "is not user:password" in site.reload()
    site.set_credential("store.password", "root:wr0ng\n")
    assert site.reload().startswith("1 2 0")
    for _ in range(3):
        assert driver.result() == "EACCES"
    driver.stream("w", watch("k"))
    assert driver.wait("w end ") == "EACCES 0 "

    site.set_credential("store.password", f"root:{password}\n")
    site.reload()
    names = "abcdefghij"
    for name in names:  # all wait for one token
        driver.tell("request", name, TXN, 0, 20000, json.dumps(put("k", name)))
    for name in names:
        assert driver.wait(f"{name} end ").startswith("0 200 ")
    driver.stream("w", watch("k"))
    assert "created" in driver.wait("w data ")

    # without a password, etcd says so
    site.configure(node.endpoint)
    site.reload()
    assert driver.wait("w end ") == "ENOLINK 0 "
    assert driver.result() == "400"
    log = site.holder.log_text()
    assert "it refused PasswordCredential=" in log
    assert "wr0ng" not in log and "s3cr3t" not in log


def test_new_password(site):
    """The password is changed in etcd, and then here."""
    node = site.node()
    node.enable_users("old")
    site.set_credential("store.password", "root:old")
    site.configure(node.endpoint, PasswordCredential="store.password")
    driver = site.start()
    assert driver.result() == "0"
    token = node.log_in("old")
    node.call("/v3/auth/user/changepw", {"name": "root", "password": "new"}, token)
    assert driver.result() == "EACCES"
    site.set_credential("store.password", "root:new")
    site.reload()
    assert driver.result() == "0"


def test_no_users(site):
    node = site.node()
    site.set_credential("store.password", "root:x")
    site.configure(node.endpoint, PasswordCredential="store.password")
    driver = site.start()
    assert driver.result() == "EACCES"
    assert "its authentication is not enabled" in site.holder.log_text()


def test_expired_tokens(site):
    """Requests and streams get another token, and are sent again."""
    node = site.node(options=("--auth-token-ttl=1",))
    node.enable_users("secret")
    site.set_credential("store.password", "root:secret")
    site.configure(node.endpoint, PasswordCredential="store.password")
    driver = site.start()
    assert driver.result(put("k", "first"), TXN) == "0"
    time.sleep(2.2)
    driver.stream("w", watch("k"))
    first = json.loads(driver.wait("w data "))["result"]
    assert first.get("created") and not first.get("canceled"), first
    assert driver.result(put("k", "event"), TXN) == "0"
    assert "events" in driver.wait("w data ")
    driver.tell("cancel w")
    time.sleep(2.2)
    for name in "abc":
        driver.tell("request", name, RANGE, 0, 20000, json.dumps(get("k")))
    for name in "abc":
        assert driver.wait(f"{name} end ").startswith("0 200 ")
    # etcd keeps its tokens in memory
    node.kill9()
    node.start()
    assert driver.result() == "0"
    tokens = set(re.findall(r'"token":"([^"]+)"', node.log.read_text()))
    assert tokens
    assert not [token for token in tokens if token in site.holder.log_text() + site.driver.log_tail(1000000)]


def test_denied_watch(site):
    """A user without permission: the watch is tried twice, and the refusal passed on."""
    node = site.node()
    node.call("/v3/auth/user/add", {"name": "app", "password": "app"})
    node.enable_users("secret")
    site.set_credential("store.password", "app:app")
    site.configure(node.endpoint, PasswordCredential="store.password")
    driver = site.start()
    driver.stream("w", watch("k"))
    first = json.loads(driver.wait("w data "))["result"]
    assert first["canceled"], first
    assert driver.result() == "403"


def test_endpoint_down(site):
    node = site.node()
    down = Etcd(site.work, "down")
    site.configure(down.endpoint, node.endpoint)
    driver = site.start()
    assert driver.result() == "ECONNREFUSED"
    assert driver.result(endpoint=1) == "0"
    driver.stream("w", watch("k"))
    assert driver.wait("w end ") == "ECONNREFUSED 0 "
    # etcd does not respond
    driver.stream("w", watch("k"), endpoint=1)
    assert "created" in driver.wait("w data ")
    os.kill(node.pid, signal.SIGSTOP)
    assert driver.result(endpoint=1, timeout_ms=300) == "ETIMEDOUT"
    os.kill(node.pid, signal.SIGCONT)
    assert driver.result(endpoint=1) == "0"
    node.kill9()
    assert driver.wait("w end ").split()[0] == "EPROTO"


def test_key_holder_is_killed(site):
    node = site.node()
    site.configure(node.endpoint)
    driver = site.start()
    driver.stream("w", watch("k"))
    assert "created" in driver.wait("w data ")
    os.kill(node.pid, signal.SIGSTOP)
    driver.tell("request", "a", TXN, 0, 20000, json.dumps(put("k", "v")))
    driver.tell("state")
    serial = int(driver.wait("state ").split()[1])
    site.holder.kill9()
    assert driver.wait("w end ") == "ENOLINK 0 "
    assert driver.wait("a end ") == "ENOLINK 0 "
    os.kill(node.pid, signal.SIGCONT)
    # A request that was not sent waits for the next key holder.
    driver.tell("request", "b", RANGE, 0, 20000, json.dumps(get("k")))
    site.holder.start()
    assert driver.wait("b end ").startswith("0 200 ")
    while (state := driver.wait("state "))[:2] != "1 " or int(state.split()[1]) <= serial:
        pass


def test_key_holder_stops(site):
    """Its streams end, its requests are completed, and later ones wait for the next key holder."""
    node, other = site.node(), site.node()
    site.configure(node.endpoint, other.endpoint)
    driver = site.start()
    driver.stream("w", watch("k"))
    assert "created" in driver.wait("w data ")
    os.kill(node.pid, signal.SIGSTOP)
    driver.tell("request", "a", TXN, 0, 20000, json.dumps(put("k", "v")))
    # The key holder takes requests in order: it has this one when it has answered a later one.
    assert driver.result(endpoint=1) == "0"
    site.holder.tell_to_stop()
    assert driver.wait("w end ") == "ENOLINK 0 "
    driver.tell("request", "b", TXN, 0, 20000, json.dumps(put("k", "w")))
    driver.stream("v", watch("k", start_revision="1"))
    os.kill(node.pid, signal.SIGCONT)
    assert driver.wait("a end ").startswith("0 200 ")
    assert site.holder.wait_end() == 0
    site.holder.start()
    assert driver.wait("b end ").startswith("0 200 ")
    assert "created" in driver.wait("v data ")


def test_reload(site):
    """Other endpoints take effect; the daemon is told, and streams end."""
    nodes = [site.node(), site.node()]
    site.configure(nodes[0].endpoint)
    driver = site.start()
    assert driver.result(put("k", "first"), TXN) == "0"
    driver.stream("w", watch("k"))
    assert "created" in driver.wait("w data ")
    assert site.reload() == "1 1 0 "  # nothing has changed
    assert driver.result(put("k", "again"), TXN) == "0"
    assert "events" in driver.wait("w data ")
    site.configure(nodes[1].endpoint, nodes[0].endpoint)
    assert site.reload() == "2 2 0 "
    assert driver.wait("w end ") == "ENOLINK 0 "
    assert "kvs" not in json.loads(driver.request(RANGE, get("k"))[2])
    assert "kvs" in json.loads(driver.request(RANGE, get("k"), 1)[2])
    site.config.write_text("")
    assert site.reload() == "0 3 0 "
    assert driver.result() == "ENOTCONN"
