# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon's records in the journal, and passlockctl audit."""

import json
import re
import subprocess
from pathlib import Path

import pytest
from jeepney import DBusAddress, MessageType, new_method_call
from jeepney.io.blocking import open_dbus_connection
from jeepney.wrappers import unwrap_msg

from tests.bus.authenticator import create_passkey
from tests.harness import Sandbox
from tests.harness.bus import NAME, tenancy_path
from tests.system import host

RP_ID = "shop.example.com"
JOURNAL_SOCKET = "/run/systemd/journal/socket"
TRUSTED = {"_SYSTEMD_UNIT": host.UNIT, "_COMM": "passlockd"}


def catalog_ids() -> dict[str, str]:
    """MESSAGE_ID by event name, from the table in the sources."""
    header = Path("/src/dbus/event.h").read_text().replace("\\\n", " ")
    return dict(re.findall(r'X\(\w+,\s*"([a-z-]+)",\s*LOG_\w+,\s*"([0-9a-f]{32})"', header))


IDS = catalog_ids()


@pytest.fixture(name="installed", scope="module")
def fixture_installed(work):
    """A configured host, with an API on loopback without TLS, for the tests' authenticator."""
    with Sandbox(work, "journalTenancy") as api:
        host.configure({"Tenancy default": api.tenancy() | {"TimeoutSec": "30"},
                        "Grant mail": {"User": "mail", "Allow": "Links.Read Links.Write"}})
        host.seal_key("passlock.default", api.api_key)
        host.systemctl("daemon-reload")
        yield api
        host.clean_up()


@pytest.fixture(name="service")
def fixture_service(installed):
    host.systemctl("start", host.UNIT)
    return installed


def parse(lines: str) -> list[dict]:
    return [json.loads(line) for line in lines.split("\n") if line]


def records(*matches: str) -> list[dict]:
    """All matching records of journalctl, of any program."""
    host.run("journalctl", "--sync")
    return parse(host.run("journalctl", "--no-pager", "--output=json", "--all", *matches))


def audit(*options: str) -> list[dict]:
    host.run("journalctl", "--sync")
    return parse(host.run("passlockctl", "audit", "--json", *options))


def wait_for(n: int, look, *what: str) -> list[dict]:
    """`look(*what)`, when that is so many: the daemon does not wait for the journal, and a record may
    come after the reply."""
    return host.wait_until(lambda: len(found := look(*what)) >= n and found, f"{n} records")


def uid_of(user: str) -> str:
    return host.run("id", "-u", user).strip()


def test_fields_of_a_link(service):
    host.call("Links", "Add", "ss", "user-fields", "key-fields", user="mail")
    (record,) = wait_for(1, records, "PASSLOCK_USER_ID=user-fields")
    ours = {name: value for name, value in record.items()
            if name.startswith("PASSLOCK_") and name != "PASSLOCK_DURATION_USEC"}
    assert ours == {
        "PASSLOCK_EVENT": "link-added",
        "PASSLOCK_METHOD": "Add",
        "PASSLOCK_TENANCY": "default",
        "PASSLOCK_USER_ID": "user-fields",
        "PASSLOCK_AUTHENTICATOR_ID": "key-fields",
        "PASSLOCK_CALLER_UID": uid_of("mail"),
        "PASSLOCK_DECIDED_BY": "grant",
        "PASSLOCK_RIGHT": "Links.Write",
    }
    assert 0 < int(record["PASSLOCK_DURATION_USEC"]) < 20_000_000
    assert record["MESSAGE_ID"] == IDS["link-added"]
    assert record["PRIORITY"] == "5"
    assert record["SYSLOG_IDENTIFIER"] == "passlockd"
    assert record["_UID"] == uid_of("passlock")
    assert TRUSTED.items() <= record.items()
    assert not any(name.startswith("CODE_") for name in record)


def test_refusal(service):
    before = len(records("PASSLOCK_METHOD=RemoveByUser"))
    host.call("Links", "RemoveByUser", "s", "ada", user="games", status=1)
    *earlier, record = wait_for(before + 1, records, "PASSLOCK_METHOD=RemoveByUser")
    assert len(earlier) == before
    assert record["MESSAGE_ID"] == IDS["call-refused"]
    assert record["PASSLOCK_CALLER_UID"] == uid_of("games")
    assert record["PASSLOCK_ERROR"] == "org.freedesktop.DBus.Error.AccessDenied"
    assert record["PASSLOCK_DECIDED_BY"] == "polkit"
    # Its arguments were not looked at.
    assert "PASSLOCK_USER_ID" not in record


def test_each_record_is_there_once(service):
    """… and not as a line on standard error, too."""
    host.call("Links", "Add", "ss", "user-once", "key-once")
    wait_for(1, records, "PASSLOCK_USER_ID=user-once")
    assert host.journal().count("user-once") == 1
    assert all("MESSAGE_ID" in record
               for record in records(f"_SYSTEMD_UNIT={host.UNIT}", "_COMM=passlockd",
                                     "_TRANSPORT=journal"))


def test_catalog(service):
    host.call("Links", "Add", "ss", "user-catalog", "key-catalog")
    wait_for(1, records, "PASSLOCK_USER_ID=user-catalog")
    text = host.run("journalctl", "--no-pager", "-x", "PASSLOCK_USER_ID=user-catalog")
    assert "Subject: Link added for user user-catalog" in text
    assert "Documentation: man:passlockd(8)" in text
    assert "Authenticator key-catalog is now linked to user user-catalog of tenancy" in text
    listed = host.run("journalctl", "--list-catalog", *IDS.values())
    assert {line.split()[0] for line in listed.splitlines()} == set(IDS.values())


def test_journald_leaves_nothing_out(service):
    assert host.show("LogRateLimitIntervalUSec") == "0"


def test_start_and_stop(service):
    host.systemctl("restart", host.UNIT)
    host.systemctl("stop", host.UNIT)
    assert [record["event"] for record in audit("--lines=4")] == [
        "stopped", "key-taken", "started", "stopped"]


# A user id may be any text without control characters.

ODD = ("ada PASSLOCK_CALLER_UID=0", '", authenticator "x', "MESSAGE_ID=\\n", "\u2028ada\u202e",
       "__CURSOR=x", "=", "\u00e9" * 120)


@pytest.mark.parametrize("user_id", ODD, ids=range(len(ODD)))
def test_odd_ids_forge_nothing(service, user_id):
    key = f"key-odd-{ODD.index(user_id)}"
    host.call("Links", "Add", "ss", user_id, key)
    (record,) = wait_for(1, records, f"PASSLOCK_AUTHENTICATOR_ID={key}")
    assert record["PASSLOCK_USER_ID"] == user_id
    assert record["PASSLOCK_CALLER_UID"] == "0"
    assert record["MESSAGE_ID"] == IDS["link-added"]
    (shown,) = audit(f"--authenticator={key}")
    assert shown["user_id"] == user_id


@pytest.mark.parametrize("text", ("ada\nMESSAGE=x", "ada\nPASSLOCK_USER_ID=root", "\x1b[31m",
                                  "ada\r", "\u0085"), ids=range(5))
def test_control_characters_get_no_further(service, text):
    before = len(records(f"_SYSTEMD_UNIT={host.UNIT}"))
    assert "Invalid user_id" in host.call("Links", "Add", "ss", text, "key", status=1)
    assert len(records(f"_SYSTEMD_UNIT={host.UNIT}")) == before


# passlockctl audit


def test_audit_table(service):
    host.call("Links", "Add", "ss", "user-table", "key-table", user="mail")
    host.call("Links", "Remove", "s", "key-table", user="mail")
    before = len(audit("--event=call-refused"))
    host.call("Links", "Remove", "s", "key-table", user="games", status=1)
    wait_for(before + 1, audit, "--event=call-refused")
    table = host.run("passlockctl", "audit", "--user=user-table").splitlines()
    uid = f"mail({uid_of('mail')})"
    assert [line.split() for line in table] == [
        ["TIME", "EVENT", "TENANCY", "UID", "METHOD", "USER", "AUTHENTICATOR", "DETAILS"],
        [*table[1].split()[:2], "link-added", "default", uid, "Add", "user-table", "key-table",
         "-"],
        [*table[2].split()[:2], "link-removed", "default", uid, "Remove", "user-table",
         "key-table", "-"],
    ]
    assert len({line.index("key-table") for line in table[1:]}) == 1
    (refused,) = host.run("passlockctl", "audit", "--event=call-refused", "--lines=1",
                          "--no-legend").splitlines()
    assert refused.split()[2:] == ["call-refused", "default", f"games({uid_of('games')})", "Remove", "-",
                                   "-", "AccessDenied"]


def test_audit_json(service):
    host.call("Links", "Add", "ss", "user-json", "key-json")
    (record,) = wait_for(1, audit, "--user=user-json")
    assert isinstance(record.pop("time"), int)
    assert isinstance(record.pop("duration_usec"), int)
    assert record == {
        "event": "link-added", "tenancy": "default", "caller_uid": 0, "decided_by": "root",
        "method": "Add", "right": "Links.Write",
        "user_id": "user-json", "authenticator_id": "key-json", "rp_id": None,
        "challenge_id": None, "error": None, "checked": None, "added": None, "removed": None,
        "conflicts": None, "dry_run": None, "count": None,
        "message": 'Link added, tenancy default, Add by uid 0, user "user-json", authenticator '
                   '"key-json"'}


def test_audit_filters(service):
    for user, key in (("user-f1", "key-f1"), ("user-f1", "key-f2"), ("user-f2", "key-f3")):
        host.call("Links", "Add", "ss", user, key, user="mail")
    host.call("Links", "Remove", "s", "key-f1")
    before = len(audit("--event=reconciled"))
    host.call("Links", "Reconcile", "a{sv}", "0")
    wait_for(before + 1, audit, "--event=reconciled")
    mail = f"--uid={uid_of('mail')}"

    def keys(*options):
        return [record["authenticator_id"] for record in audit(*options)]

    assert keys("--user=user-f1") == ["key-f1", "key-f2", "key-f1"]
    assert keys("--user=user-f1", mail) == ["key-f1", "key-f2"]
    assert keys("--user=user-f1", "--event=link-removed") == ["key-f1"]
    assert keys("--user=user-f1", "--method=Add") == ["key-f1", "key-f2"]
    assert keys("--authenticator=key-f3") == ["key-f3"]
    assert keys("--user=user-f1", "--lines=2") == ["key-f2", "key-f1"]
    assert keys("--user=user-f1", "--lines=9") == ["key-f1", "key-f2", "key-f1"]
    assert keys("--user=user-f1", "--tenancy=other") == []
    assert keys("--user=user-f1", "--tenancy=default") == ["key-f1", "key-f2", "key-f1"]
    (reconciled,) = audit("--event=reconciled", "--lines=1")
    assert (reconciled["checked"], reconciled["dry_run"]) == (0, True)


def test_suggested_grant(service, tmp_path):
    """The grant is valid, and allows what was used."""
    host.call("Links", "Add", "ss", "user-suggest", "key-suggest", user="mail")
    host.call("Links", "RemoveByUser", "s", "user-suggest", user="games", status=1)
    wait_for(1, audit, "--user=user-suggest", "--event=link-added")
    wait_for(1, audit, f"--uid={uid_of('games')}", "--event=call-refused")
    text = host.run("passlockctl", "suggest-grant", "--since=-1h")
    assert "[Grant suggested-mail-default]\nTenancy=default\nUser=mail\nAllow=Links.Write\n" in text
    games = host.run("passlockctl", "suggest-grant", "--user=games")
    assert "[Grant" not in games and "# Denied, and not in this grant: Links.Write" in games
    host.run("passlockctl", "explain", "mail", "Links.Add")
    explained = host.run("passlockctl", "explain", "games", "Links.Add", status=6)
    assert re.search(r"^Lacks: +User=\d+$", explained, re.MULTILINE)


def test_audit_times(service):
    host.call("Links", "Add", "ss", "user-times", "key-t1")
    host.call("Links", "Add", "ss", "user-times", "key-t2")
    first, second = wait_for(2, audit, "--user=user-times")
    assert audit("--user=user-times", "--since=-1h") == [first, second]
    assert audit("--user=user-times", "--until=-1h") == []
    assert audit("--user=user-times", "--since=@4000000000") == []
    assert audit("--user=user-times", "--until=@4000000000", "--lines=1") == [second]
    assert audit("--user=user-times", "--since=-1h", "--until=@4000000000") == [first, second]


def test_audit_follows(service):
    host.call("Links", "Add", "ss", "user-follow", "key-before")
    wait_for(1, audit, "--user=user-follow")
    with subprocess.Popen(["passlockctl", "audit", "--follow", "--json", "--user=user-follow"],
                          stdout=subprocess.PIPE, text=True) as process:
        assert json.loads(process.stdout.readline())["authenticator_id"] == "key-before"
        host.call("Links", "Add", "ss", "user-follow", "key-after")
        assert json.loads(process.stdout.readline())["authenticator_id"] == "key-after"
        process.terminate()


def test_audit_of_another_directory(service, tmp_path):
    host.call("Links", "Add", "ss", "user-copy", "key-copy")
    (here,) = wait_for(1, audit, "--user=user-copy")
    machine = Path("/etc/machine-id").read_text().strip()
    assert audit("--user=user-copy", f"--directory=/run/log/journal/{machine}") == [here]
    assert audit("--user=user-copy", f"--directory={tmp_path}") == []


def test_audit_is_not_for_everybody(service):
    assert "Failed to read the journal: access denied" in host.run("passlockctl", "audit", user="games",
                                                     status=1)


def forged(message_id: str, **fields: str) -> bytes:
    lines = {"MESSAGE": "Link added", "MESSAGE_ID": message_id, "PRIORITY": "5",
             "SYSLOG_IDENTIFIER": "passlockd", "_SYSTEMD_UNIT": host.UNIT,
             "UNIT": host.UNIT, "OBJECT_SYSTEMD_UNIT": host.UNIT, **fields}
    return "".join(f"{name}={value}\n" for name, value in lines.items()).encode()


def send_as(user: str, datagram: bytes):
    """Sends a datagram to the journal as another user, in a new process with a new socket."""
    script = (f"import socket,sys; s=socket.socket(socket.AF_UNIX,socket.SOCK_DGRAM); "
              f"s.connect({JOURNAL_SOCKET!r}); s.send(sys.stdin.buffer.read())")
    host.run("python3", "-c", script, user=user, stdin=datagram.decode())


@pytest.mark.parametrize("user", ("games", "passlock", "root"))
def test_records_of_others_are_not_ours(service, user):
    """Records of root or of the daemon's user from outside the unit are ignored."""
    whom = f"user-forged-{user}"
    send_as(user, forged(IDS["link-added"], PASSLOCK_EVENT="link-added", PASSLOCK_USER_ID=whom))
    (record,) = records(f"PASSLOCK_USER_ID={whom}")  # the journal took it
    assert record["MESSAGE_ID"] == IDS["link-added"]
    assert record.get("_SYSTEMD_UNIT") != host.UNIT
    assert audit(f"--user={whom}") == []
    assert whom not in host.run("passlockctl", "audit")


# No secret


def sign_up(api) -> list[str]:
    """Makes valid and invalid calls. Returns the secrets."""
    answer = host.call("Tenancy", "Authorize", "sssa{sv}", RP_ID, "user-canary", "ada", "0")
    token = answer.split('"')[1]
    made = create_passkey(api.endpoint, api.tenancy_id, token)
    host.call("Tenancy", "Exchange", "sa{sv}", made.code, "0")
    host.call("Tenancy", "VerifyIdToken", "sa{sv}", made.id_token, "0")
    wrong = ["cd_canary_of_a_code", "eyJjYW5hcnkiOjF9.eyJjYW5hcnkiOjJ9.Y2FuYXJ5"]
    host.call("Tenancy", "Exchange", "sa{sv}", wrong[0], "0", status=1)
    host.call("Tenancy", "VerifyIdToken", "sa{sv}", wrong[1], "0", status=1)
    return [token, made.code, made.id_token, *wrong]


@pytest.mark.parametrize("level", ("info", "debug"))
def test_no_secret_in_the_journal(service, level):
    command = re.search(r"^ExecStart=(.+)$", host.systemctl("cat", host.UNIT), re.MULTILINE)[1]
    with host.drop_in(f"[Service]\nExecStart=\nExecStart={command} --log-level={level}\n"):
        host.systemctl("restart", host.UNIT)
        secrets = [service.api_key, *sign_up(service)]
        host.seal_key("passlock.default", "sk_canary_of_a_wrong_key")
        host.systemctl("restart", host.UNIT)
        host.call("Tenancy", "Authorize", "sssa{sv}", RP_ID, "ada", "ada", "0", status=1)
        secrets.append("sk_canary_of_a_wrong_key")
        host.systemctl("stop", host.UNIT)
        host.seal_key("passlock.default", service.api_key)
    host.run("journalctl", "--sync")
    everything = host.run("journalctl", "--no-pager", "--output=export", "--all")
    assert "PASSLOCK_USER_ID=user-canary" in everything
    assert ("attempt 1: status" in everything) or level == "info"
    for secret in secrets:
        assert secret not in everything, "a secret is in the journal"


# A journal that does not read


def stuck_journal():
    """The journal reads nothing meanwhile."""
    return host.stopped(int(host.show("MainPID", "systemd-journald.service")))


def start_import(bus, first: int, count: int):
    message = new_method_call(
        DBusAddress(tenancy_path(), NAME, f"{NAME}.Links"), "Import", "aa{sv}a{sv}",
        ([{"authenticator_id": ("s", f"crowd-{i}"), "user_id": ("s", f"user-crowd-{i}"),
           "created_at": ("t", 1), "last_used_at": ("t", 0)} for i in range(first, first + count)], {}))
    bus.send(message)


def receive_return(bus):
    while (message := bus.receive(timeout=60)).header.message_type is not MessageType.method_return:
        assert message.header.message_type is not MessageType.error, message


def test_no_change_is_hidden_in_a_crowd(service):
    """More changes than the queue holds: their results wait for the journal."""
    with open_dbus_connection("SYSTEM", auth_timeout=60) as bus:
        with stuck_journal():
            for call in range(10):
                start_import(bus, 1000 * call, 1000)
            receive_return(bus)
        for _ in range(9):
            receive_return(bus)

    def recorded() -> int:
        host.run("journalctl", "--sync")
        return len(host.run("journalctl", "--no-pager", "--output=cat", "PASSLOCK_METHOD=Import",
                            "PASSLOCK_EVENT=link-added").splitlines())

    host.wait_until(lambda: recorded() == 10_000, "all are recorded")
    assert not records(f"MESSAGE_ID={IDS['records-lost']}")


def add_links(user_id: str, count: int):
    """Adds links on one connection, one after another."""
    links = DBusAddress(tenancy_path(), NAME, f"{NAME}.Links")
    with open_dbus_connection("SYSTEM", auth_timeout=60) as bus:
        for i in range(count):
            call = new_method_call(links, "Add", "ss", (user_id, f"key-{user_id}-{i}"))
            unwrap_msg(bus.send_and_get_reply(call, timeout=60))


def test_stuck_journal_stops_nobody(service):
    """More changes than fit into the journal's socket."""
    room = int(Path("/proc/sys/net/unix/max_dgram_qlen").read_text())
    with stuck_journal():
        add_links("user-stuck", room + 20)
    wait_for(room + 20, audit, "--user=user-stuck")
