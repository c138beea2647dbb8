# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects that the configuration names but do not exist (yet) do not prevent the start."""

import errno
import os
import signal
import subprocess
from pathlib import Path

import pytest

from .client import GAMES, MAIL, WWW_DATA, BusError, plain
from .stack import RP_ID, eventually, new_user, raises, within

PATIENCE_SEC = 2  # of a start and of a reload with the user database


def line_of(stack, text: str) -> str:
    """FILE:LINE of this text in the configuration."""
    lines = stack.daemon.config.read_text().splitlines()
    assert lines.count(text) == 1
    return f"{stack.daemon.config}:{lines.index(text) + 1}"


def diagnose(stack) -> list[dict]:
    with stack.connect() as connection:
        findings = [plain(finding) for finding in connection.manager("Diagnose")[0]]
    for finding in findings:
        assert set(finding) == {"kind", "tenancy", "name", "place", "text", "advice"}
        assert finding["kind"] and finding["name"] and finding["text"]
    return findings


def may_read(stack, user) -> bool:
    with stack.connect(user) as connection:
        outcome = connection.outcome(connection.start_links("ListByUser", "ada"))
    assert outcome in (([],), ("error", "AccessDenied"))
    return outcome == ([],)


def wait_until_may_read(stack, user):
    """Asks less often than the rate limit of callers without a grant allows."""
    eventually(lambda: may_read(stack, user), pause=0.1)


class Accounts:
    """The user database of the daemon alone: /etc/passwd and /etc/group in its mount namespace. With
    one of them `slow`, whoever looks a name up in it waits until answer()."""

    def __init__(self, stack, slow: str = ""):
        self.stack = stack
        self.passwd, self.group = stack.work / "passwd", stack.work / "group"
        self.pipe = stack.work / "pipe"
        os.mkfifo(self.pipe)
        for file in (self.passwd, self.group):
            file.write_text(Path("/etc", file.name).read_text())
            file.chmod(0o644)
        self.slow = slow
        sources = [str(self.pipe if file.name == slow else file) for file in (self.passwd, self.group)]
        stack.daemon_prefix = (
            "unshare", "--mount", "sh", "-c",
            'mount --bind "$1" /etc/passwd && mount --bind "$2" /etc/group && shift 2 && exec "$@"',
            "sh", *sources)

    @staticmethod
    def _change(file: Path, name: str, line: str):
        """Writes in place, because the file is mounted, and in one write, because it may be read meanwhile."""
        kept = [old for old in file.read_text().splitlines() if not old.startswith(f"{name}:")]
        fd = os.open(file, os.O_WRONLY)
        try:
            text = "\n".join(kept + [line] * bool(line)).encode() + b"\n"
            os.write(fd, text)
            os.truncate(fd, len(text))
        finally:
            os.close(fd)

    def set_user(self, name: str, uid: int | None):
        self._change(self.passwd, name, "" if uid is None else f"{name}:x:{uid}:100::/:/bin/false")

    def set_group(self, name: str, gid: int | None):
        self._change(self.group, name, "" if gid is None else f"{name}:x:{gid}:")

    def n_threads(self) -> int:
        """The number of threads of the daemon; lookups add threads."""
        return len(os.listdir(f"/proc/{self.stack.daemon.pid}/task"))

    def answer(self):
        """The database is slow no more: whoever waits is told of an error, and whoever asks later is
        told what is in the file."""
        subprocess.run(["nsenter", f"--target={self.stack.daemon.pid}", "--mount", "mount", "--bind",
                        self.stack.work / self.slow, f"/etc/{self.slow}"], check=True)
        try:
            os.close(os.open(self.pipe, os.O_WRONLY | os.O_NONBLOCK))
        except OSError as e:
            assert e.errno == errno.ENXIO  # no lookup is under way


@pytest.fixture
def accounts(own_stack):
    return Accounts(own_stack)


# Users and groups

@pytest.mark.root
def test_user_and_group_that_come_later(own_stack, accounts):
    own_stack.grant("web", "newcomer", "Links.Read")
    own_stack.sections["Grant staff"] = {"Group": "newcomers", "Allow": "Links.Read"}
    own_stack.grant("games", "games", "Links.Read")
    own_stack.start()
    places = [line_of(own_stack, "User=newcomer"), line_of(own_stack, "Group=newcomers")]
    assert [(each["kind"], each["name"], each["place"]) for each in diagnose(own_stack)] == [
        ("user", "newcomer", places[0]), ("group", "newcomers", places[1])]
    for place in places:
        assert f"Configuration warning, tenancy default: {place}: No such " in \
            own_stack.daemon.log_text()
    assert may_read(own_stack, GAMES)
    assert not may_read(own_stack, WWW_DATA)
    assert not may_read(own_stack, MAIL)

    with within(10):
        accounts.set_user("newcomer", WWW_DATA.uid)
        wait_until_may_read(own_stack, WWW_DATA)
    assert [each["kind"] for each in diagnose(own_stack)] == ["group"]
    with within(10):
        accounts.set_group("newcomers", MAIL.gid)
        wait_until_may_read(own_stack, MAIL)
    assert diagnose(own_stack) == []
    said = own_stack.daemon.log_text()
    assert f"Missing user or group found, tenancy default: {places[0]}: user newcomer resolves to uid {WWW_DATA.uid}" in said
    assert f"Missing user or group found, tenancy default: {places[1]}: group newcomers resolves to gid {MAIL.gid}" in said


@pytest.mark.root
def test_name_that_is_another_account_later(own_stack, accounts):
    """After the next reload, the previous account has no rights."""
    accounts.set_user("newcomer", WWW_DATA.uid)
    own_stack.grant("web", "newcomer", "Links.Read")
    own_stack.start()
    assert may_read(own_stack, WWW_DATA)
    accounts.set_user("newcomer", GAMES.uid)
    own_stack.daemon.reload()
    assert not may_read(own_stack, WWW_DATA)
    assert may_read(own_stack, GAMES)
    accounts.set_user("newcomer", None)
    own_stack.daemon.reload()
    assert not may_read(own_stack, GAMES)
    assert [each["name"] for each in diagnose(own_stack)] == ["newcomer"]


@pytest.mark.root
def test_user_database_that_does_not_answer(own_stack):
    """The start waits only briefly, and names match nobody until the database answers."""
    accounts = Accounts(own_stack, slow="passwd")
    own_stack.grant("web", "www-data", "Links.Read")
    own_stack.grant("games", str(GAMES.uid), "Links.Read")
    with within(PATIENCE_SEC):
        own_stack.start()
    assert may_read(own_stack, GAMES)
    assert not may_read(own_stack, WWW_DATA)
    (finding,) = diagnose(own_stack)
    assert (finding["kind"], finding["name"]) == ("user", "www-data")
    assert "has not finished" in finding["text"]
    accounts.answer()
    wait_until_may_read(own_stack, WWW_DATA)
    assert diagnose(own_stack) == []


@pytest.mark.root
def test_stop_does_not_wait_for_the_user_database(own_stack):
    Accounts(own_stack, slow="passwd")
    own_stack.grant("web", "www-data", "Links.Read")
    own_stack.start()
    with within(0):
        assert own_stack.daemon.stop() == 0


@pytest.mark.root
def test_hung_groups_keep_no_user_waiting(own_stack):
    """As many hung groups as there are lookup threads, and one more with each reload."""
    Accounts(own_stack, slow="group")
    own_stack.grant("web", "www-data", "Links.Read")
    for i in range(9):
        own_stack.sections[f"Grant ldap{i}"] = {"Group": f"staff{i}", "Allow": "Links.Read"}
    own_stack.start()
    wait_until_may_read(own_stack, WWW_DATA)
    own_stack.grant("web", "games", "Links.Read")
    for i in range(3):
        own_stack.sections["Grant ldap0"] = {"Group": f"again{i}", "Allow": "Links.Read"}
        own_stack.apply()
    wait_until_may_read(own_stack, GAMES)


@pytest.fixture
def slow_reload(own_stack):
    """A daemon that lets www-data read. The next configuration, which is written, lets games read and
    group mail, for which the database is slow. Gives a function that tells whether it is asked."""
    accounts = Accounts(own_stack, slow="group")
    own_stack.grant("web", "www-data", "Links.Read")
    own_stack.start()
    own_stack.grant("web", "games", "Links.Read")
    own_stack.sections["Grant staff"] = {"Group": "mail", "Allow": "Links.Read"}
    own_stack.daemon.configure(own_stack.sections)
    threads = accounts.n_threads()
    return own_stack, accounts, lambda: accounts.n_threads() > threads


@pytest.mark.root
def test_reload_waits_and_the_loop_does_not(slow_reload):
    """The old grants are in force until the reload is complete."""
    stack, accounts, is_waiting = slow_reload
    with stack.connect() as admin:
        with within(PATIENCE_SEC):
            reload = admin.start_method("Reload")
            eventually(is_waiting)
            if not admin.is_answered(reload):
                allowed = may_read(stack, WWW_DATA), may_read(stack, GAMES)
                assert admin.is_answered(reload) or allowed == (True, False)
            assert admin.finish(reload) == ()
    assert (may_read(stack, WWW_DATA), may_read(stack, GAMES)) == (False, True)
    assert not may_read(stack, MAIL)
    assert [each["name"] for each in diagnose(stack)] == ["mail"]
    accounts.answer()
    wait_until_may_read(stack, MAIL)
    assert diagnose(stack) == []


@pytest.mark.root
def test_reload_ends_with_the_last_answer(slow_reload):
    stack, accounts, is_waiting = slow_reload
    with stack.connect() as admin:
        reload = admin.start_method("Reload")
        eventually(is_waiting)
        accounts.answer()
        assert admin.finish(reload) == ()
    assert (may_read(stack, WWW_DATA), may_read(stack, GAMES)) == (False, True)
    wait_until_may_read(stack, MAIL)
    assert diagnose(stack) == []
    assert stack.daemon.log_text().count("Configuration and credentials loaded") == 1


@pytest.mark.root
def test_reloads_that_overlap(slow_reload):
    """Each reload is answered once, and the last written configuration is in force at the end."""
    stack, _, is_waiting = slow_reload
    with stack.connect() as admin, stack.connect() as other:
        first = admin.start_method("Reload")
        eventually(is_waiting)
        good = stack.daemon.config.read_text()
        stack.daemon.config.write_text("[Nonsense]\n")
        with raises("InvalidArgs", text=f"{stack.daemon.config}:1: unknown section"):
            other.manager("Reload")
        stack.daemon.config.write_text(good.replace("User=games", f"User={MAIL.name}"))
        second = other.start_method("Reload")
        assert other.finish(second) == ()
        assert admin.finish(first) == ()
    assert may_read(stack, MAIL)
    said = stack.daemon.log_text()
    assert said.count("Configuration and credentials loaded") == 2
    assert said.count("Failed to load the configuration") == 1


@pytest.mark.root
@pytest.mark.parametrize("how", ["the caller", "the bus", "the daemon"])
def test_who_leaves_a_reload_early(slow_reload, how):
    stack, _, is_waiting = slow_reload
    with stack.connect() as admin:
        admin.start_method("Reload")
        eventually(is_waiting)
        if how == "the daemon":
            os.kill(stack.daemon.pid, signal.SIGTERM)
    if how == "the bus":
        stack.bus.kill9()
    with within(PATIENCE_SEC):
        if how == "the caller":
            wait_until_may_read(stack, GAMES)
        else:
            assert stack.daemon.wait_end() == (1 if how == "the bus" else 0)


@pytest.mark.root
def test_reload_by_signal_waits_too(slow_reload):
    """READY=1 is sent when the reload is complete."""
    stack, *_ = slow_reload
    with within(PATIENCE_SEC):
        stack.daemon.reload()
    assert (may_read(stack, WWW_DATA), may_read(stack, GAMES)) == (False, True)


# A CA file

def test_ca_file_that_comes_later(own_stack):
    own_stack.sections["Tenancy default"] = {}
    path = own_stack.work / "ca.crt"
    own_stack.prepare()
    own_stack.sections["Tenancy default"] = own_stack.tenancy(CaFile=str(path))
    own_stack.daemon.configure(own_stack.sections)
    own_stack.daemon.start()
    place = line_of(own_stack, f"CaFile={path}")
    assert f"Configuration warning, tenancy default: {place}: CaFile={path}: No such file" in \
        own_stack.daemon.log_text()
    if own_stack.is_root:
        (finding,) = diagnose(own_stack)
        assert (finding["kind"], finding["tenancy"], finding["name"], finding["place"]) == (
            "ca-file", "default", str(path), place)
        path.write_text("")
        assert diagnose(own_stack) == []
    own_stack.daemon.reload()


# Credentials

def test_key_that_comes_later(own_stack):
    keys, own_stack.keys = own_stack.keys, {}
    own_stack.start()
    with own_stack.connect() as connection:
        connection.subscribe("type='signal',member='PropertiesChanged'")
        assert connection.state() == "unconfigured"
        with raises("NotConfigured"):
            connection.authorize(RP_ID, new_user())
        if own_stack.is_root:
            (finding,) = diagnose(own_stack)
            assert (finding["kind"], finding["name"], finding["place"]) == (
                "credential", "passlock.default", line_of(own_stack, "ApiKeyCredential=passlock.default"))
            assert finding["text"] == "There is no credential passlock.default"
            assert "set-key" in finding["advice"]
        own_stack.daemon.set_keys(keys)
        changed = connection.wait_signal("PropertiesChanged").args[1]
        assert changed["State"] == ("s", "ready")
    eventually(lambda: "API key loaded, tenancy default" in own_stack.daemon.log_text())
    if own_stack.is_root:
        assert diagnose(own_stack) == []
    own_stack.assert_healthy()


def test_key_of_two_tenancies_that_comes_later(own_stack):
    keys, own_stack.keys = own_stack.keys, {}
    own_stack.start()
    own_stack.sections["Tenancy other"] = own_stack.tenancy(TenancyId="otherTenancy")
    own_stack.apply()
    with own_stack.connect() as connection:
        for change, state in ((keys, "ready"), ({}, "unconfigured"), (keys, "ready")):
            own_stack.daemon.set_keys(change)
            if not change:
                own_stack.daemon.reload()
            for label in ("default", "other"):
                eventually(lambda label=label, state=state: connection.state(label) == state)


def test_directory_of_credentials_that_comes_later(own_stack):
    own_stack.prepare()
    own_stack.daemon.set_keys({})
    own_stack.daemon.credentials.rmdir()
    own_stack.daemon.start()
    with own_stack.connect() as connection:
        assert connection.state() == "unconfigured"
        own_stack.daemon.credentials.mkdir(mode=0o700)
        own_stack.daemon.set_keys(own_stack.keys)
        eventually(lambda: connection.state() == "ready")
    own_stack.assert_healthy()


@pytest.mark.parametrize("key, flaw", [
    (b"", "is empty"), (b"\r\n", "is empty"), (b"one\ntwo\n", "has more than one line"),
    ("key\n".encode("utf-16"), "is UTF-16"), (b"\xef\xbb\xbfkey\n", "begins with a byte order mark"),
    (b"key \n", "contains white space"), ("schlüssel".encode(), "contains a non-ASCII character"),
    (b"k" * 5000, "exceeds the maximum length of a key")], ids=range(8))
def test_credential_that_is_no_key(own_stack, key, flaw):
    """The log says why the key is invalid, not that it is missing."""
    own_stack.prepare()
    file = own_stack.daemon.credentials / "passlock.default"
    file.write_bytes(key)
    own_stack.daemon.start()
    text = f"the credential passlock.default ({file}) {flaw}"
    assert f"API key invalid or unreadable, tenancy default: {text}" in own_stack.daemon.log_text()
    if own_stack.is_root:
        (finding,) = diagnose(own_stack)
        assert finding["text"].lower().startswith(text.lower())
    with own_stack.connect() as connection:
        assert connection.state() == "unconfigured"
        own_stack.daemon.set_keys(own_stack.keys)
        eventually(lambda: connection.state() == "ready")
    own_stack.assert_healthy()


def test_key_with_a_line_end_of_windows(own_stack):
    own_stack.keys = {"passlock.default": own_stack.sandbox.api_key + "\r\n"}
    own_stack.prepare()
    (own_stack.daemon.credentials / "passlock.default").write_bytes(
        own_stack.sandbox.api_key.encode() + b"\r\n")
    own_stack.daemon.start()
    own_stack.assert_healthy()


def test_copies_beside_a_key(own_stack):
    """Backup copies are ignored."""
    own_stack.prepare()
    for suffix in (".bak", "~", ".dpkg-old", ".rpmsave", ".2026-11-22"):
        (own_stack.daemon.credentials / f"passlock.default{suffix}").write_text("an-old-key")
    own_stack.daemon.start()
    own_stack.assert_healthy()


# Credentials and files of the store

def store_findings(stack) -> dict[str, dict]:
    return {finding["kind"]: finding for finding in diagnose(stack)}


@pytest.mark.root
def test_store_credential_that_comes_later(own_stack):
    missing = own_stack.work / "client.crt"
    own_stack.sections["Store"] = {
        "Engine": "etcd", "Endpoints": "https://127.0.0.1:9", "CertFile": str(missing),
        "KeyCredential": "store.key", "PasswordCredential": "store.password"}
    own_stack.start()
    findings = store_findings(own_stack)
    assert findings["cert-file"]["name"] == str(missing)
    finding = findings["store-credential"]
    assert (finding["name"], finding["place"]) == ("store.key", line_of(own_stack, "KeyCredential=store.key"))
    assert finding["text"] == "There is no credential store.key"

    subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out",
                    own_stack.daemon.credentials / "store.key"], check=True)
    eventually(lambda: store_findings(own_stack)["store-credential"]["name"] == "store.password", pause=0.1)
    finding = store_findings(own_stack)["store-credential"]
    assert finding["place"] == line_of(own_stack, "PasswordCredential=store.password")
    (own_stack.daemon.credentials / "store.password").write_text("root:secret\n")
    missing.write_text("")
    eventually(lambda: set(store_findings(own_stack)) <= {"store"}, pause=0.1)  # there is no etcd


def test_reload_of_another_engine(own_stack):
    """Refused; the rest of the files is not applied either."""
    own_stack.start()
    own_stack.sections["Store"] = {"Engine": "etcd", "Endpoints": "https://127.0.0.1:9"}
    own_stack.daemon.configure(own_stack.sections)
    with own_stack.connect() as connection:
        with pytest.raises(BusError) as raised:
            own_stack.call_reload(connection)
        assert raised.value.short_name == "InvalidArgs"
        assert "Engine= takes effect at a restart only: systemctl restart passlockd" in raised.value.message
        if own_stack.is_root:
            assert diagnose(own_stack) == []
