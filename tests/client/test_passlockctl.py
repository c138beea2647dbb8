# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl on a private bus, with the fake daemon of fake-service.c."""

import json
import os
import signal
import subprocess

import pytest

from tests.client.host import PASSLOCKCTL, Host, Terminal, golden


def test_status(host):
    assert host.expect("status") == golden("""
        Version:  9.8.7

        LABEL    TENANCY    STATE   LINKS        ENDPOINT                 DEFAULT
        default  tenancy-1  ready   12345678901  https://api.example.com  yes
        other    tenancy-1  denied  12345678901  https://api.example.com  -
        """)


def test_status_of_one_tenancy_without_legend(host):
    assert host.expect("status", "--tenancy=other", "--no-legend") == golden("""
        other  tenancy-1  denied  12345678901  https://api.example.com  -
        """)


def test_status_json(host):
    status = json.loads(host.expect("status", "--json"))
    assert status["version"] == "9.8.7"
    assert [t["label"] for t in status["tenancies"]] == ["default", "other"]
    assert status["tenancies"][0] == {
        "label": "default", "tenancy_id": "tenancy-1", "endpoint": "https://api.example.com",
        "state": "ready", "links": 12345678901, "default": True}


SHARED = """\
engine|s|etcd
state|s|serving
away_since|t|0
revision|t|17
cluster_revision|t|18
behind_ms|t|950
host|s|first
host_number|u|3
waiting|t|0
outbox|t|1
unconfirmed|t|2
endpoint|s|http://127.0.0.1:2379
db_size|t|20971520
quota|t|2147483648
alarms|as|no-space
members|a(ssbb)|one|a1|yes|no
"""


def test_store_status(host):
    (host.directory / "store").write_text("engine|s|local\n")
    assert host.expect("store", "status") == "Engine:  local\n"
    assert json.loads(host.expect("store", "status", "--json")) == {"engine": "local"}
    assert "Store" not in host.expect("status")
    (host.directory / "store").write_text(SHARED)
    assert host.expect("store", "status") == golden("""
        Engine:                etcd
        State:                 serving
        Endpoint:              http://127.0.0.1:2379
        Host:                  first
        Host number:           3
        Revision:              17
        Cluster revision:      18
        Milliseconds behind:   950
        Changes waiting:       0
        Links not shared yet:  1
        Misses not confirmed:  2
        Database:              20.0 of 2048 MiB
        Alarms:                no-space

        MEMBER  ID  LEADER  ANSWERS
        one     a1  yes     no
        """)
    assert json.loads(host.expect("store", "status", "--json")) == {
        "engine": "etcd", "state": "serving", "reason": None, "away_since": 0,
        "endpoint": "http://127.0.0.1:2379", "host": "first", "host_number": 3, "revision": 17,
        "cluster_revision": 18, "behind_ms": 950, "waiting": 0, "outbox": 1, "unconfirmed": 2,
        "db_size": 20971520, "quota": 2147483648, "alarms": ["no-space"],
        "members": [{"name": "one", "id": "a1", "leader": True, "answers": False}]}
    assert host.expect("status").splitlines()[:2] == [
        "Version:  9.8.7", "Store:    etcd, serving, 950 ms behind"]


def test_store_is_away(host):
    """etcd has told nothing."""
    (host.directory / "store").write_text(
        "engine|s|etcd\nstate|s|away\nreason|s|no leader\naway_since|t|1700000000123\n")
    lines = host.expect("store", "status").splitlines()
    assert lines[1:4] == ["State:                 away", "Reason:                no leader",
                          "Away since:            2023-11-14 22:13:20"]
    assert not any("MEMBER" in line or "Database" in line for line in lines)


VERIFICATION = "checked|t|9\nmissing|t|{}\nextra|t|0\ndifferent|t|0\ncomplete|b|{}\nexamples|as|{}\n"


def test_store_verify(host):
    path = host.directory / "verification"
    path.write_text(VERIFICATION.format(1, "yes", "missing links/t/a"))
    done = host.run("store", "verify")
    assert (done.returncode, done.stderr) == (1, "passlockctl: missing links/t/a\n")
    assert done.stdout == golden("""
        Links in etcd:  9
        Missing here:   1
        Only here:      0
        Different:      0
        Complete:       yes
        """)
    done = host.run("store", "verify", "--json")
    assert (done.returncode, done.stderr) == (1, "")
    assert json.loads(done.stdout) == {
        "checked": 9, "missing": 1, "extra": 0, "different": 0, "complete": True,
        "examples": ["missing links/t/a"]}
    path.write_text(VERIFICATION.format(0, "no", "x"))
    assert host.run("store", "verify").returncode == 1
    path.write_text(VERIFICATION.format(0, "yes", "x"))
    assert host.run("store", "verify", "--json").returncode == 0


def test_store_join(host):
    path = host.directory / "join"
    path.write_text("added|t|5\npresent|t|4\nconflicting|t|1\nexceeding|t|0\nunfinished|t|2\n"
                    "conflicts|as|conflicting links/t/a\n")
    done = host.run("store", "join")
    assert (done.returncode, done.stderr) == (3, "passlockctl: conflicting links/t/a\n")
    assert done.stdout == golden("""
        To add:            5
        Already present:   4
        Conflicts:         1
        Over limit:        0
        Unfinished calls:  2
        """)
    done = host.run("store", "join", "--apply", "--json")
    assert (done.returncode, done.stderr) == (3, "")
    assert json.loads(done.stdout) == {
        "dry_run": False, "added": 5, "present": 4, "conflicting": 1, "exceeding": 0, "unfinished": 2,
        "conflicts": ["conflicting links/t/a"]}
    path.write_text(path.read_text().replace("conflicting|t|1", "conflicting|t|0"))
    done = host.run("store", "join", "--apply")
    assert done.returncode == 0 and done.stdout.startswith("Added: ")


def test_store_leave(host):
    path = host.directory / "leave"
    path.write_text("links|t|5\nexchanges|t|1\ndeletes|t|2\nleft|t|3\nunshared|t|0\ncurrent|b|yes\ntold|b|no\n"
                    "host_number|u|7\n")
    done = host.run("store", "leave")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == golden("""
        Links:                     5
        Open exchanges:            1
        Open deletes:              2
        Exchanges of other hosts:  3
        Links not shared:          0
        Confirmed by etcd:         yes
        """)
    path.write_text(path.read_text().replace("current|b|yes", "current|b|no") + "kept|s|/var/lib/x\n")
    done = host.run("store", "leave", "--apply")
    assert done.returncode == 0 and done.stdout.endswith("Earlier store:             /var/lib/x\n")
    assert done.stderr == golden("""
        passlockctl: etcd has not confirmed the links: changes of other hosts may be missing
        passlockctl: etcd still has the key hosts/007 of this host: remove it when the other hosts have finished its exchanges
        passlockctl: changes fail from now on: remove Engine=etcd from [Store], and restart passlockd
        """)
    done = host.run("store", "leave", "--apply", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == {
        "dry_run": False, "links": 5, "exchanges": 1, "deletes": 2, "left": 3, "unshared": 0, "current": False,
        "told": False, "host_number": 7, "kept": "/var/lib/x"}


EXPLANATION = """\
allowed|b|no
unenforced|b|no
source|s|polkit
tenancy|s|default
rights|as|Links.Write
grant|s|shop
place|s|/etc/passlock/passlockd.conf:7
lacks|as|User=0,Allow=Links.Write
rp_ids|as|shop.example.com
max_calls_per_s|t|50
action|s|dev.passlock.Passlock1.change-links
"""


def explanation(host, **changes):
    """Sets the reply to Explain. Fields that are None are omitted."""
    rows = dict(line.split("|", 1) for line in EXPLANATION.splitlines()) | changes
    (host.directory / "explanation").write_text("".join(f"{name}|{rest}\n" for name, rest in rows.items() if rest))


def test_explain_denial(host):
    explanation(host)
    done = host.run("explain", "root", "Links.Add")
    assert (done.returncode, done.stderr) == (6, "")
    assert done.stdout == golden("""
        Allowed:           no, unless polkit authorizes the caller
        Decided by:        polkit
        Polkit action:     dev.passlock.Passlock1.change-links
        Tenancy:           default
        Needs any of:      Links.Write
        Nearest grant:     shop
        Section at:        /etc/passlock/passlockd.conf:7
        Lacks:             User=0 Allow=Links.Write
        Relying parties:   shop.example.com
        Calls per second:  50
        """)


def test_explain_grant(host):
    explanation(host, allowed="b|yes", source="s|grant", lacks=None, action=None, rp_ids=None, max_calls_per_s=None,
                allow_place="s|/etc/passlock/passlockd.conf:9")
    assert host.expect("explain", "root", "Links.Add") == golden("""
        Allowed:       yes
        Decided by:    grant
        Tenancy:       default
        Needs any of:  Links.Write
        Grant:         shop
        Section at:    /etc/passlock/passlockd.conf:7
        Allow= at:     /etc/passlock/passlockd.conf:9
        """)
    assert json.loads(host.expect("explain", "root", "Links.Add", "--json")) == {
        "allowed": True, "unenforced": False, "source": "grant", "action": None, "tenancy": "default",
        "rights": ["Links.Write"], "grant": "shop", "place": "/etc/passlock/passlockd.conf:7",
        "allow_place": "/etc/passlock/passlockd.conf:9", "lacks": [], "rp_ids": [], "max_calls_per_s": 0}
    explanation(host, allowed="b|yes", unenforced="b|yes", source="s|grant")
    assert "Allowed:           yes, by Enforce=no: recorded as would-be-denied\n" in host.expect(
        "explain", "root", "Links.Add")


def test_explain_passes_on_options(host):
    explanation(host)
    groups = "".join(f"[{gid}]" for gid in os.getgrouplist("root", 0))
    host.run("explain", "root", "Tenancy.Authorize", "--tenancy=other", "--relying-party=shop.example.com")
    host.run("explain", "4000000000", "Links.Reconcile", "--apply")
    explained = [sorted(line.split()) for line in host.log() if line.startswith("Explain ")]
    assert explained == [
        sorted(["Explain", "Tenancy.Authorize", "0", "tenancy=other", "rp_id=shop.example.com", f"groups={groups}"]),
        sorted(["Explain", "Links.Reconcile", "4000000000", "dry_run=no"])]


def test_explain_unknown_user(host):
    for name in ("no-such-user", "4294967295", "-1x", ""):
        assert "no such user" in host.expect("explain", "--", name, "Links.Add", status=2)


def test_explain_with_an_older_daemon(host):
    host.expect("explain", "root", "Links.Add", status=1)


def test_store_of_older_daemon(host):
    host.expect("store", "status", status=1)


def test_authorize(host):
    assert host.expect("authorize", "shop.example", "u1", "ada") == "shop.example u1 ada\n"
    assert host.expect(
        "authorize", "shop.example", "u1", "ada", "--rp-name=Shop", "--display-name", "Ada L.",
        "--exclude=a1", "--no-exclude-linked", "--user-verification=required",
        "--ceremony-timeout-ms=60000", "--exclude=a2") == (
            "shop.example u1 ada rp_name=Shop display_name=Ada L. exclude_credentials=[a1][a2]"
            " exclude_linked=no user_verification=required timeout_ms=60000\n")
    assert json.loads(host.expect("--json", "authorize", "r", "u", "n")) == {
        "registration_token": "r u n", "expires_at": 1700000000123}


def test_authenticate(host):
    assert host.expect("authenticate", "shop.example", "--discoverable") == (
        "shop.example discoverable=yes\n")
    assert host.expect(
        "authenticate", "shop.example", "--user-id=u1", "--allow=a1", "--allow=a2",
        "--mediation=conditional", "--user-verification=required",
        "--ceremony-timeout-ms=60000") == (
            "shop.example user_id=u1 allow_credentials=[a1][a2] mediation=conditional"
            " user_verification=required timeout_ms=60000\n")
    assert json.loads(host.expect("--json", "authenticate", "r", "--user-id=u")) == {
        "authentication_token": "r user_id=u", "expires_at": 1700000000123}


def test_verify_token(host):
    assert host.expect("verify-token", "a.b.c", "--user-id=ada") == golden("""
        User:           ada
        Authenticator:  auth-1
        Type:           passkey
        Agent:           user_id=ada
        Verified:       yes
        User verified:  no
        Created:        2023-11-14 22:13:20
        Expires:        2023-11-14 22:18:20
        Id:             jti-1
        """)
    assert "linked" not in json.loads(host.expect("verify-token", "a.b.c", "--json"))
    assert host.expect("verify-token", "error:2", status=3) == "passlockctl: text of 2\n"


def test_id_token_from_standard_input(host):
    longest = "x" * 8192
    host.expect("verify-token", "-", stdin=f"{longest}\n")
    assert host.log()[-1].startswith("VerifyIdToken xxx")
    host.expect("verify-token", stdin=f"{longest}y\n", status=3)
    assert "Failed to read id_token" in host.expect("verify-token", status=2)


def test_exchange(host):
    request_id = "0123456789abcdef"
    assert host.expect("exchange", "full", f"--request-id={request_id}") == golden("""
        User:           ada
        Authenticator:  auth-1
        Type:           passkey
        Platform:       iCloud Keychain
        Address:        192.0.2.7
        Agent:          Browser/1
        Verified:       yes
        User verified:  yes
        Linked:         yes
        Newly linked:   yes
        Created:        2023-11-14 22:13:20
        Expires:        2023-11-14 22:18:20
        Id:             0123456789abcdef
        """)
    assert host.log()[-1] == f"Exchange full {request_id}"


def test_exchange_json(host):
    principal = json.loads(host.expect("exchange", "c", "--user-id=ada", "--no-link", "--json"))
    assert principal["user_agent"] == " user_id=ada link=no"
    assert principal["platform_name"] is None
    assert principal["linked"] is False
    assert principal["expires_at"] == 1700000300000


@pytest.mark.parametrize("arguments", [["-"], []])
def test_code_from_standard_input(host, arguments):
    host.expect("exchange", *arguments, stdin="from-stdin\nmore\n")
    assert host.log()[-1].startswith("Exchange from-stdin ")
    assert "Failed to read code" in host.expect("exchange", *arguments, stdin="", status=2)
    host.expect("exchange", *arguments, stdin="unterminated")
    assert host.log()[-1].startswith("Exchange unterminated ")


def test_link_list(host):
    # The platform name has wide characters, an accent and an escape sequence.
    assert host.expect("link", "list") == golden(r"""
        USER    AUTHENTICATOR  CREATED              LAST USED            PLATFORM
        user-0  auth-0         2023-11-14 22:13:20  -                    -
        user-1  auth-1         2023-11-14 22:13:20  2023-11-14 22:21:40  Clé 密钥\x1b[31m
        """)
    assert host.expect("link", "list", "ada", "--no-legend") == golden(r"""
        ada  auth-0  2023-11-14 22:13:20  -                    -
        ada  auth-1  2023-11-14 22:13:20  2023-11-14 22:21:40  Clé 密钥\x1b[31m
        ada  auth-2  2023-11-14 22:13:20  -                    -
        """)
    assert host.expect("link", "list", "nobody", "--no-legend") == ""


def test_wide_letters_are_aligned(host):
    wide = "密钥"
    lines = host.expect("link", "list", wide, "--no-legend").splitlines()
    assert lines[0].startswith(f"{wide}  auth-0")
    escaped = host.expect("link", "list", wide, "--no-legend", LC_ALL="C").splitlines()
    assert escaped[0].startswith(r"\xe5\xaf\x86\xe9\x92\xa5  auth-0")


def test_link_list_json(host):
    assert json.loads(host.expect("link", "list", "--json")) == [
        {"authenticator_id": "auth-0", "user_id": "user-0", "platform_name": None,
         "created_at": 1700000000000, "last_used_at": 0},
        {"authenticator_id": "auth-1", "user_id": "user-1",
         "platform_name": "Clé 密钥\x1b[31m", "created_at": 1700000000000,
         "last_used_at": 1700000500000}]
    assert host.expect("link", "list", "nobody", "--json") == "[]\n"


@pytest.mark.parametrize("n_links", [0, 1, 500, 501, 2345])
def test_pages(bare_host, n_links):
    bare_host.start_service(f"links={n_links}")
    assert len(json.loads(bare_host.expect("link", "list", "--json"))) == n_links
    assert len(bare_host.expect("link", "list").splitlines()) == n_links + 1


def test_list_fails_halfway(bare_host):
    bare_host.start_service("links=2345", "break-at=1000")
    done = bare_host.run("link", "list", "--json")
    assert done.returncode == 5
    with pytest.raises(json.JSONDecodeError):
        json.loads(done.stdout)


def test_link_show(host):
    # In the fake service every user has auth-0 to auth-2.
    assert host.expect("link", "show", "auth-1").startswith(
        "Authenticator:  auth-1\nUser:           user-of-auth-1\n")
    assert json.loads(host.expect("link", "show", "auth-0", "--json"))["last_used_at"] == 0
    assert "Not found" in host.expect("link", "show", "auth-9", status=3)


def test_link_add_and_remove(host):
    assert host.expect("link", "add", "ada", "a1") == ""
    assert host.expect("link", "remove", "a1") == ""
    assert host.expect("link", "remove", "--user=ada") == "Removed:  2\n"
    assert host.expect("link", "remove", "--user", "ada", "--no-legend") == ""
    assert json.loads(host.expect("link", "remove", "--user", "ada", "--json")) == {"removed": 2}
    assert "Add ada a1" in host.log() and "Remove a1" in host.log()
    assert host.log()[-1] == "RemoveByUser ada"


def test_vault_list(host):
    assert host.expect("vault", "list") == golden("""
        USER  PASSKEY  ENABLED  CREATED              LAST USED
        ada   pk-0     no       2023-11-14 22:13:20  -
        ada   pk-1     yes      2023-11-14 22:13:20  2023-11-14 22:21:40
        ada   pk-2     no       2023-11-14 22:13:20  -
        """)
    listed = json.loads(host.expect("vault", "list", "--json"))
    assert [passkey["id"] for passkey in listed] == ["pk-0", "pk-1", "pk-2"]
    assert listed[1] == {
        "id": "pk-1", "user_id": "ada", "enabled": True, "created_at": 1700000000000,
        "last_used_at": 1700000500000, "credential_id": "Y3JlZA", "credential_user_id": "dXNlcg"}


def test_vault_get(host):
    assert host.expect("vault", "get", "pk-1") == golden("""
        Passkey:          pk-1
        User:             ada
        Enabled:          yes
        Created:          2023-11-14 22:13:20
        Last used:        2023-11-14 22:21:40
        Credential:       Y3JlZA
        Credential user:  dXNlcg
        Updated:          2023-11-14 22:21:40
        Name:             Ada L.
        Relying party:    shop.example
        Platform:         iCloud Keychain
        Device:           multiDevice
        Transports:       internal hybrid
        Backed up:        yes
        Counter:          7
        Model:            00000000-0000-0000-0000-000000000000
        Public key:       cHVi
        """)
    passkey = json.loads(host.expect("vault", "get", "plain", "--json"))
    assert passkey["transports"] == ["internal", "hybrid"]
    assert passkey["platform_icon"] is None
    assert host.expect("vault", "get", "error:5", status=3) == "passlockctl: text of 5\n"


@pytest.mark.parametrize("arguments,token", [
    (["update", "u1", "ada"], "update u1 ada"),
    (["update", "u1", "ada", "--display-name=Ada L."], "update u1 ada display_name=Ada L."),
    (["delete", "a", "b"], "delete a b"),
    (["delete", "a", "--yes"], "delete a"),
    (["delete", "--user=u1"], "DeleteUserPasskeys u1"),
    (["prune", "u1"], "PrunePasskeys u1"),
])
def test_vault_changes(host, arguments, token):
    assert host.expect("vault", *arguments) == f"{token}\n"
    assert json.loads(host.expect("vault", *arguments, "--json")) == {
        "token": token, "expires_at": 1700000000123, "warnings": []}


def test_vault_warnings(host):
    done = host.run("vault", "delete", "a", "warn-1")
    assert (done.returncode, done.stdout) == (0, "delete a warn-1\n")
    assert done.stderr == golden("""
        passlockctl: Warning: warn-1: There is no such passkey
        passlockctl: Warning: The user has none
        """)
    assert json.loads(host.expect("vault", "delete", "warn-1", "--json"))["warnings"] == [
        {"code": "PASSKEY_NOT_FOUND", "message": "There is no such passkey",
         "passkey_id": "warn-1"},
        {"code": "NO_PASSKEYS_FOUND", "message": "The user has none", "passkey_id": None}]


def test_mailbox_create(host):
    assert host.expect("mailbox", "create", "ada@shop.example", "login") == golden("""
        Challenge:  ch-1
        Purpose:    login
        Email:      ada@shop.example
        User:       ada
        Metadata:   {"n":1}
        Created:    2023-11-14 22:13:20
        Expires:    2023-11-14 22:23:20
        Secret:     s3cret
        Code:       123456
        """)
    challenge = json.loads(host.expect(
        "mailbox", "create", "ada@shop.example", "login", "--json", "--name=Ada", "--user-id=u1",
        "--metadata={}", "--invalidate-others", "--skip-rate-limit", "--no-email"))
    assert challenge["message_text"] == (
        " name=Ada user_id=u1 metadata={} invalidate_others=yes skip_rate_limit=yes send_email=no")
    assert challenge["message_html"] == "<b>123456</b>"
    assert host.expect("mailbox", "create", "error:7", "login", status=5)


def test_mailbox_get_and_delete(host):
    assert host.expect("mailbox", "get", "plain") == golden("""
        Challenge:  plain
        Purpose:    login
        Email:      ada@shop.example
        Created:    2023-11-14 22:13:20
        Expires:    2023-11-14 22:23:20
        """)
    assert "secret" not in json.loads(host.expect("mailbox", "get", "plain", "--json"))
    assert host.expect("mailbox", "delete", "ch-1") == ""
    assert host.log()[-1] == "DeleteChallenge ch-1"


@pytest.mark.parametrize("arguments,stdin", [
    (["s3cret", "123456"], ""), (["-", "123456"], "s3cret\n"), (["s3cret", "-"], "123456"),
    (["-", "-"], "s3cret\n123456\n"),
])
def test_mailbox_verify(host, arguments, stdin):
    assert host.expect("mailbox", "verify", "ch-1", *arguments, stdin=stdin).startswith(
        "Challenge:  ch-1\nPurpose:    login\n")
    assert host.log()[-1] == "VerifyChallenge ch-1 s3cret 123456"


def test_mailbox_verify_without_input(host):
    assert "Failed to read secret" in host.expect("mailbox", "verify", "i", "-", "-", status=2)
    assert "Failed to read code" in host.expect("mailbox", "verify", "i", "-", "-", stdin="s\n", status=2)
    assert host.log() == ["ready"]


def test_reconcile(host):
    assert host.expect("reconcile") == golden("""
        Passkeys:         200
        Links to add:     3
        Links to remove:  2
        Conflicts:        1
        """)
    assert "Reconcile dry_run=yes" in host.log()
    assert reconciliations(host) == ["Reconcile dry_run=yes"]
    assert json.loads(host.expect("reconcile", "--json")) == {
        "dry_run": True, "checked": 200, "added": 3, "removed": 2, "conflicts": 1}


PLAN = ("Passkeys in the vault: 200. Links to add: 3. Links to remove: 2 of {}. Conflicts "
        "(unchanged): 1.\n")


def reconciliations(host):
    return [line for line in host.log() if line.startswith("Reconcile dry_run=")]


@pytest.mark.parametrize("options,n_links", [
    (["--yes"], 4), (["--yes", "--remove-up-to=2"], 4), (["--yes", "--remove-up-to=2"], 2),
    (["--yes", "--remove-up-to=1000"], 3)])
def test_reconcile_is_applied(bare_host, options, n_links):
    """A dry run comes first, and its numbers are shown."""
    bare_host.start_service(f"links-count={n_links}")
    done = bare_host.run("reconcile", "--apply", *options)
    assert (done.returncode, done.stderr) == (0, PLAN.format(n_links))
    assert done.stdout == golden("""
        Passkeys:       200
        Links added:    3
        Links removed:  2
        Conflicts:      1
        """)
    limit = next((option.partition("=")[2] for option in options if "=" in option), "2")
    assert reconciliations(bare_host) == ["Reconcile dry_run=yes", f"Reconcile dry_run=no max_remove={limit}"]
    done = bare_host.run("reconcile", "--apply", "--json", *options)
    assert json.loads(done.stdout) == {"dry_run": False, "checked": 200, "added": 3, "removed": 2,
                                       "conflicts": 1}


@pytest.mark.parametrize("options,n_links,text", [
    (["--yes"], 3, "2 of 3 links would be removed, more than half; to allow this, add --remove-up-to=2"),
    (["--yes"], 2, "2 of 2 links would be removed"), (["--yes"], 1, "2 of 1 links would be removed"),
    (["--yes", "--remove-up-to=1"], 1000, "2 links would be removed, more than --remove-up-to=1"),
    (["--yes", "--remove-up-to=0"], 3, "2 links would be removed, more than --remove-up-to=0"),
])
def test_reconcile_limit(bare_host, options, n_links, text):
    bare_host.start_service(f"links-count={n_links}")
    done = bare_host.run("reconcile", "--apply", *options)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(PLAN.format(n_links) + f"passlockctl: {text}")
    assert done.stderr.endswith("; nothing was changed\n")
    assert reconciliations(bare_host) == ["Reconcile dry_run=yes"]


def test_vault_changes_after_the_dry_run(bare_host):
    """The daemon checks the limit, and reports the error."""
    bare_host.start_service("links-count=1000", "reconcile=too-many-apply")
    done = bare_host.run("reconcile", "--apply", "--yes", "--remove-up-to=2")
    assert (done.returncode, done.stdout) == (5, "")
    assert done.stderr.endswith("passlockctl: text of max_remove\n")


def test_reconcile_without_a_terminal(host):
    """Without a terminal, --yes is required."""
    assert "standard input is not a terminal; use --yes" in host.expect("reconcile", "--apply", status=2)
    assert "standard input is not a terminal" in host.expect("reconcile", "--apply", "--remove-up-to=5", stdin="y\n", status=2)
    assert reconciliations(host) == []


def test_nothing_to_reconcile(bare_host):
    bare_host.start_service("reconcile=clean")
    assert "Links removed:  0\n" in bare_host.expect("reconcile", "--apply", "--yes")
    assert reconciliations(bare_host) == ["Reconcile dry_run=yes"]


@pytest.mark.parametrize("word,status,text", [
    ("error:20", 5, "text of 20"), ("error:18", 4, "text of 18"),
    ("die-always", 1, "The connection to the service was lost during the call: "),
    ("bad-reply", 1, "The service sent an unexpected reply"),
])
@pytest.mark.parametrize("options", [[], ["--apply", "--yes"]])
def test_reconcile_fails(bare_host, word, status, text, options):
    bare_host.start_service(f"reconcile={word}")
    assert text in bare_host.expect("reconcile", *options, status=status)


def test_reconcile_timeout(bare_host):
    bare_host.start_service("reconcile=hang")
    assert "Timed out" in bare_host.expect("reconcile", "--timeout=1", status=1)


def test_invisible_characters_are_escaped(host):
    lines = host.expect("link", "list", "ad\u202ea\u200b", "--no-legend").splitlines()
    assert lines[0].startswith(r"ad\xe2\x80\xaea\xe2\x80\x8b  auth-0")


def test_reload(host):
    assert host.expect("reload", status=3) == "passlockctl: passlockd.conf:3: no\n"


@pytest.mark.parametrize("json_option", [[], ["--json"]])
def test_monitor(host, json_option):
    with subprocess.Popen([PASSLOCKCTL, "monitor", *json_option],
                          stdout=subprocess.PIPE, text=True, env=host.environment) as monitor:
        lines = [monitor.stdout.readline()]
        host.expect("link", "add", "ada", "a1\x1b")
        lines.append(monitor.stdout.readline())
        host.stop("service")
        lines.append(monitor.stdout.readline())
        host.start_service()
        lines.append(monitor.stdout.readline())
        host.expect("link", "remove", "a1")
        lines.append(monitor.stdout.readline())
        monitor.kill()
    if json_option:
        assert [json.loads(line) for line in lines] == [
            {"change": "watched"},
            {"change": "added", "user_id": "ada", "authenticator_id": "a1\x1b"},
            {"change": "lost", "error": "The service is not running"},
            {"change": "watched"},
            {"change": "removed", "user_id": "ada", "authenticator_id": "a1"}]
    else:
        assert "".join(lines) == golden(r"""
            watched
            added    ada  a1\x1b
            lost     (The service is not running)
            watched
            removed  ada  a1
            """)


def test_monitor_subscription_lost(host):
    with subprocess.Popen([PASSLOCKCTL, "monitor"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          env=host.environment) as monitor:
        lines = [monitor.stdout.readline()]
        host.expect("link", "add", "lose", "x")
        lines += [monitor.stdout.readline() for _ in range(2)]
        host.expect("link", "add", "lose-deny", "x")
        rest, errors = monitor.communicate(timeout=60)
    assert "".join(lines) + rest == golden(r"""
        watched
        lost     (The service ended the subscription)
        watched
        lost     (The service ended the subscription)
        lost     (No grant allows this call)
        """)
    assert (monitor.returncode, errors) == (4, "passlockctl: No grant allows this call\n")


def test_monitor_denied(bare_host):
    bare_host.start_service("deny")
    done = bare_host.run("monitor")
    assert done.returncode == 4
    assert done.stderr == "passlockctl: No grant allows this call\n"


STATUS_OF_ERROR = {1: 3, 2: 3, 3: 3, 4: 3, 5: 3, 6: 3, 7: 5, 8: 5, 9: 5, 10: 5, 11: 5, 12: 5,
                   13: 5, 14: 3, 15: 3, 16: 3, 17: 3, 18: 4, 19: 3, 20: 5, 21: 3,
                   22: 3}


@pytest.mark.parametrize("error,status", STATUS_OF_ERROR.items())
def test_exit_status(host, error, status):
    message = host.expect("exchange", f"error:{error}", status=status)
    assert message == f"passlockctl: text of {error}\n"


def test_no_service(bare_host):
    assert "The service is not running: " in bare_host.expect("status", status=1)


def test_no_bus(tmp_path):
    assert "Failed to connect to the system bus: " in Host(tmp_path).expect("status", status=1)


def test_timeout(host):
    assert host.expect("exchange", "hang", "--timeout=1", status=1) == (
        "passlockctl: Timed out waiting for a reply\n")


@pytest.mark.parametrize("arguments", [
    [], ["frobnicate"], ["link"], ["link", "frobnicate"], ["status", "x"], ["authorize", "r", "u"],
    ["authorize", "r", "u", "n", "x"], ["exchange", "a", "b"], ["link", "list", "a", "b"],
    ["link", "show"], ["link", "add", "u"], ["link", "remove"],
    ["link", "remove", "a", "--user=u"], ["monitor", "x"], ["reload", "x"], ["--frobnicate"],
    ["status", "--user=u"], ["status", "--rp-name=x"], ["exchange", "c", "--exclude=a"],
    ["status", "--timeout=0"], ["status", "--timeout=-1"], ["status", "--timeout=x"],
    ["status", "--timeout=86401"], ["status", "--tenancy=A/b"], ["status", "--json=yes"],
    ["authorize", "r", "u", "n", "--ceremony-timeout-ms=1x"],
    ["authorize", "r", "u", "n", "--rp-name", b"\xff"],
    ["authenticate"], ["authenticate", "r", "u"], ["authenticate", "r", "--exclude=a"],
    ["verify-token", "a", "b"], ["verify-token", "a", "--no-link"], ["vault"], ["vault", "get"],
    ["vault", "list", "x"], ["vault", "update", "u"], ["vault", "delete"],
    ["vault", "delete", "a", "--user=u"], ["vault", "delete", *["a"] * 101], ["vault", "prune"],
    ["mailbox", "create", "e"], ["mailbox", "verify", "i", "s"], ["mailbox", "delete"],
    ["reconcile", "x"], ["reconcile", "--plain"], ["reconcile", "--apply", "--yes", "--remove-up-to=x"],
    ["reconcile", "--remove-up-to=-1"], ["reconcile", "--remove-up-to="], ["doctor", "x"], ["set-key", "a", "b"],
])
def test_usage(host, arguments):
    host.expect(*arguments, status=2)
    assert host.log() == ["ready"]


def test_unacceptable_text(host):
    host.expect("link", "add", b"\xff", "a", status=3)
    assert host.log() == ["ready"]


def test_help_and_version(bare_host):
    for arguments in ["--help"], ["-h"], ["status", "--help"]:
        text = bare_host.expect(*arguments)
        assert text.startswith("passlockctl [OPTIONS] COMMAND\n")
        assert max(len(line) for line in text.splitlines()) <= 80
    assert bare_host.expect("--version").startswith("passlockctl ")


@pytest.mark.parametrize("arguments,text", [
    (["statusx"], 'Unknown command "statusx", did you mean "status"?; see passlockctl --help'),
    (["link", "lst"], 'Unknown command "link lst", did you mean "list"?; see passlockctl --help'),
    (["frobnicate"], 'Unknown command "frobnicate"; see passlockctl --help'),
    (["link", "frobnicate"], 'Unknown command "link frobnicate"; see passlockctl --help'),
    (["link"], 'Incomplete command "link"; see passlockctl --help'),
    ([], "No command given; see passlockctl --help"),
    (["link", "show"], "link show: too few arguments; see passlockctl --help"),
    (["link", "list", "--yes"], "link list does not have the option --yes; see passlockctl --help"),
    (["status", "--tenacny=default"], "Did you mean --tenancy?"),
    (["audit", "--event=link-add"], "Failed to parse --event=link-add: unknown event, did you mean link-added; "
                                    "see passlockd(8)"),
])
def test_did_you_mean(bare_host, arguments, text):
    assert bare_host.expect(*arguments, status=2).splitlines()[-1] == f"passlockctl: {text}"


def test_unknown_option(bare_host):
    """A suggestion only for a name that is close, and not for a missing value."""
    assert len(bare_host.expect("status", "--frobnicate", status=2).splitlines()) == 1
    assert len(bare_host.expect("status", "--tenancy", status=2).splitlines()) == 1
    assert len(bare_host.expect("status", "--no", status=2).splitlines()) == 1


def test_unknown_tenancy(host):
    assert host.expect("link", "list", "--tenancy=othr", status=3).endswith(
        "passlockctl: Unknown tenancy othr; did you mean --tenancy=other?\n")


@pytest.mark.parametrize("environment,colored", [
    ({"TERM": "xterm"}, True), ({"TERM": "dumb"}, False), ({"TERM": ""}, False), ({"TERM": "xterm", "NO_COLOR": "1"}, False)])
def test_color(host, environment, colored):
    with Terminal(host, "status", stdout=None, **environment) as terminal:
        status, _, seen = terminal.finish()
    assert status == 0
    assert ("\x1b[32mready" in seen and "\x1b[31mdenied" in seen) is colored
    assert ("\x1b" in seen) is colored
    assert "\x1b" not in host.run("status", TERM="xterm").stdout


@pytest.mark.parametrize("action", [signal.SIG_DFL, signal.SIG_IGN])
@pytest.mark.parametrize("arguments", [["status"], ["link", "list"], ["vault", "list", "--json"], ["export"], ["--help"]])
def test_closed_pipe(host, arguments, action):
    """`passlockctl ... | head` ends quietly."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:
        done = subprocess.run([PASSLOCKCTL, *arguments], stdout=pipe, stderr=subprocess.PIPE, env=host.environment,
                              check=False, restore_signals=False, preexec_fn=lambda: signal.signal(signal.SIGPIPE, action))
    assert done.stderr == b""
    assert done.returncode in (1, 0) if action == signal.SIG_IGN else done.returncode == -signal.SIGPIPE


def test_full_disk(host):
    with open("/dev/full", "w", encoding="utf-8") as full:
        done = subprocess.run([PASSLOCKCTL, "status"], stdout=full,
                              stderr=subprocess.PIPE, text=True, env=host.environment, check=False)
    assert done.returncode == 1
    assert "Failed to write standard output" in done.stderr
