# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl doctor: without faults, and with each fault."""

import contextlib
import json
import os
import pwd
import signal
import socket
import threading
import time

import pytest
from jeepney import message_bus

from tests.client.host import FAKE_SERVICE, Terminal, golden

GOOD_UNIT = "LoadState=loaded\\nActiveState=active\\nResult=success\\n"
CHECKS = ["configuration", "daemon", "bus policy", "grants", "credential", "name", "TLS", "key",
          "clock", "store"]
ROOT = os.geteuid() == 0
DENIED = ("state=denied", "vault=error:8")
# passlockctl reports faults of the API only if the daemon gets no response.
UNREACHABLE = ("state=degraded", "vault=error:9")


class Patient:
    """A host without faults, except those that the test sets."""

    def __init__(self, host, api):
        self.host = host
        self.api = api
        self.options = ["--json"]
        self.journal_log = host.directory / "journalctl.log"
        self.version = host.run("--version").stdout.split()[1]
        self.unit(GOOD_UNIT)
        host.environment["STATE_DIRECTORY"] = str(host.directory)

    def unit(self, shown, journal="", files=""):
        """Fakes the output of systemctl and journalctl. `files` are those of any unit."""
        self.host.fake_programs(systemctl=f"case $1 in show) printf '{shown}' ;; "
                                          f"cat) printf '{files}' ;; *) exit 1 ;; esac",
                                journalctl=f"printf '%s\n' \"$*\" >>'{self.journal_log}'\n"
                                           f"printf '%s' '{journal}'")

    def units(self, socket=GOOD_UNIT, service=GOOD_UNIT, daemon=GOOD_UNIT, journal="", files="", daemon_files="",
              inactive=()):
        """The same for a daemon and a key holder that are run by systemd."""
        self.host.fake_programs(
            systemctl=f"""
                for unit; do :; done
                case "$1 $unit" in
                "show passlock-keyholder.socket") printf '{socket}' ;;
                "show passlock-keyholder.service") printf '{service}' ;;
                "show passlockd.service") printf '{daemon}' ;;
                "cat passlock-keyholder.service") printf '{files}' ;;
                "cat passlockd.service") printf '{daemon_files}' ;;
                "is-active "*) case " {' '.join(inactive)} " in *" $unit "*) echo inactive; exit 3 ;; esac ;;
                *) exit 1 ;;
                esac""",
            journalctl=f"printf '%s\n' \"$*\" >>'{self.journal_log}'\ncase $* in "
                       f"*passlock-keyholder*) printf '%s' '{journal}' ;; esac")

    def start(self, *options):
        # The last of duplicate options counts.
        self.host.start_service(f"version={self.version}", f"endpoint={self.api.endpoint}",
                                "one-tenancy", *options)

    def examine(self, status):
        done = self.host.run("doctor", *self.options)
        assert (done.returncode, done.stderr) == (status, "")
        found = json.loads(done.stdout)
        assert found["ok"] is (status == 0)
        # The key is the name of the check; for other tenancies than the default LABEL/NAME.
        return {"/".join([check["tenancy"]] * (check["tenancy"] not in (None, "default"))
                         + [check["name"]]): check for check in found["checks"]}

    def expect_fault(self, name, *texts, others=()):
        """Checks that this is the only fault, and that it has advice."""
        checks = self.examine(1)
        faults = {name for name, check in checks.items() if check["verdict"] == "fault"}
        assert faults == {name, *others}
        for text in texts:
            assert text in checks[name]["found"]
        assert checks[name]["advice"]
        return checks

    def write(self, name, *lines):
        """Writes the replies of the fake service to a file."""
        (self.host.directory / name).write_text("".join(f"{line}\n" for line in lines))


@pytest.fixture(name="patient")
def fixture_patient(bare_host, api):
    return Patient(bare_host, api)


def test_no_faults(patient):
    patient.start()
    checks = patient.examine(0)
    assert list(checks) == CHECKS
    assert {check["verdict"] for check in checks.values()} == {"ok"}
    assert {check["advice"] for check in checks.values()} == {None}
    assert patient.api.requests == [("/v2/.well-known/jwks.json", None)]


def test_text_output(patient):
    patient.host.environment["STATE_DIRECTORY"] = "/nowhere"
    patient.start(*DENIED)
    patient.unit("LoadState=not-found\\nActiveState=inactive\\nResult=success\\n")
    done = patient.host.run("doctor")
    grant = "root has access to everything" if ROOT else "a grant gives you access"
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == golden(f"""
        -    configuration  passlockd.service is not installed
        OK   daemon         version {patient.version}
        OK   bus policy     calls to the daemon are allowed
        OK   grants         {grant}
        OK   credential     tenancy default has a key
        OK   name           127.0.0.1 is 127.0.0.1
        OK   TLS            not used, endpoint on loopback
        FAIL key            rejected by the API
                            as root: passlockctl set-key
        OK   clock          in sync with the API
        OK   store          12345678901 links
        """)


def test_on_a_terminal(patient):
    patient.start(*DENIED)
    with Terminal(patient.host, "doctor", stdout=None, TERM="xterm") as terminal:
        status, _, seen = terminal.finish()
        assert status == 1
        assert "\x1b[32m✔\x1b[0m daemon         version " in seen
        assert "\x1b[31m✘\x1b[0m key            rejected by the API\n                 as root" in seen
    for environment in {"TERM": "dumb"}, {"TERM": "xterm", "NO_COLOR": "1"}:
        with Terminal(patient.host, "doctor", stdout=None, **environment) as terminal:
            seen = terminal.finish()[2]
            assert "✔ daemon         version " in seen
            assert "\x1b" not in seen


@pytest.mark.parametrize("shown", [
    "LoadState=loaded\\nActiveState=failed\\nResult=exit-code\\nExecMainStatus=1\\n",
    "LoadState=loaded\\nActiveState=activating\\nResult=exit-code\\nExecMainStatus=1\\n",
])
@pytest.mark.parametrize("journal", ["", "/etc/passlock/passlockd.conf:3: no such key\n"])
def test_start(patient, shown, journal):
    """Reports the daemon's last error, if known, and skips the other checks."""
    patient.unit(shown, journal)
    checks = patient.expect_fault("configuration", "the last start of passlockd.service failed",
                                  journal.strip())
    assert list(checks) == ["configuration", "daemon"]
    assert checks["daemon"]["verdict"] == "skipped"
    assert "systemctl restart passlockd" in checks["configuration"]["advice"]
    assert ("journalctl" in checks["configuration"]["advice"]) is (not journal)


@pytest.mark.parametrize("journal,refused", [
    ("Failed to load the configuration, Reload by uid 0: passlockd.conf:3: no such key\n", True),
    ("Configuration and credentials loaded\n", False), ("", False)])
def test_refused_reload(patient, journal, refused):
    """After a refused reload the daemon keeps the old configuration."""
    patient.unit(GOOD_UNIT, journal)
    patient.start()
    if refused:
        checks = patient.expect_fault("configuration", "passlockd.conf:3: no such key")
        assert list(checks) == CHECKS
    else:
        patient.examine(0)
    asked = patient.journal_log.read_text()
    assert "_SYSTEMD_UNIT=passlockd.service" in asked and asked.count("MESSAGE_ID=") == 3


def test_masked(patient):
    patient.unit("LoadState=masked\\nActiveState=inactive\\nResult=success\\n")
    checks = patient.expect_fault("daemon", "masked")
    assert "unmask" in checks["daemon"]["advice"]
    assert list(checks) == ["configuration", "daemon"]


NO_CREDENTIALS = "LoadState=loaded\\nActiveState=failed\\nResult=exit-code\\nExecMainStatus=243\\n"


@pytest.mark.skipif(not ROOT, reason="requires root")
def test_undecryptable_credentials(patient, tmp_path):
    """Reports each credential that cannot be loaded, and no other."""
    files = ["# /usr/lib/systemd/system/passlock-keyholder.service", "[Service]"]
    for name in ("good", "bad", "worse"):
        (tmp_path / name).touch()
        files.append(f"LoadCredentialEncrypted=passlock.{name}:{tmp_path}/{name}")
    patient.start()
    patient.units(service=NO_CREDENTIALS, files="\\n".join([
        *files, f"LoadCredentialEncrypted=passlock.back:{tmp_path}/bad", "LoadCredential=other:/nowhere", "",
        "# /etc/systemd/system/passlock-keyholder.service.d/plain.conf", "[Service]",
        f"LoadCredential=passlock.back:{tmp_path}/good", "LoadCredential=passlock.gone:/nowhere/key", ""]))
    patient.host.fake_programs(systemd_creds="""
        [ "$1 $4" = "decrypt -" ] || exit 9
        case $3 in */good) echo key ;; *) echo "First line." >&2; echo "Bad $2." >&2; exit 1 ;; esac""")
    done = patient.host.run("doctor", "--json")
    found = [(check["found"], check["advice"]) for check in json.loads(done.stdout)["checks"]
             if check["verdict"] == "fault"]
    assert [text for text, _ in found] == [
        f"{tmp_path}/bad cannot be decrypted on this host: Bad --name=passlock.bad",
        f"{tmp_path}/worse cannot be decrypted on this host: Bad --name=passlock.worse",
        "/nowhere is not readable, but named by /usr/lib/systemd/system/passlock-keyholder.service:6",
        "/nowhere/key is not readable, but named by /etc/systemd/system/passlock-keyholder.service.d/plain.conf:3"]
    assert "passlockctl --tenancy=bad set-key" in found[0][1]
    assert f"mv {tmp_path}/bad /root; systemctl daemon-reload; systemctl restart passlock-keyholder" in found[0][1]


def test_undecryptable_credential_without_file(patient):
    """Without root, or if all credentials can be decrypted now, no file is reported."""
    patient.start()
    patient.units(service=NO_CREDENTIALS)
    text = "all of them can be decrypted" if ROOT else "systemd failed to load a credential"
    done = patient.host.run("doctor", "--json")
    (fault,) = [check for check in json.loads(done.stdout)["checks"] if check["verdict"] == "fault"]
    assert fault["name"] == "credential" and text in fault["found"]


# The key holder

MASKED = "LoadState=masked\\nActiveState=inactive\\nResult=success\\n"
ABSENT = "LoadState=not-found\\nActiveState=inactive\\nResult=success\\n"
FAILED = "LoadState=loaded\\nActiveState=activating\\nResult=exit-code\\nExecMainStatus=1\\n"
SOCKET, SERVICE = "passlock-keyholder.socket", "passlock-keyholder.service"
WITH_KEY_HOLDER = [*CHECKS[:4], "key holder", *CHECKS[4:]]


def test_key_holder(patient):
    patient.units()
    patient.start()
    assert list(patient.examine(0)) == WITH_KEY_HOLDER


@pytest.mark.parametrize("faults,text,advice", [
    ({"socket": MASKED}, f"{SOCKET} is masked", "systemctl unmask"),
    ({"service": MASKED, "inactive": [SOCKET]}, f"{SERVICE} is masked", f"systemctl start {SOCKET}"),
    ({"socket": ABSENT}, f"{SOCKET} is not installed", "install it"),
    ({"inactive": [SOCKET]}, f"{SOCKET} is not active", f"systemctl start {SOCKET}"),
    ({"service": FAILED, "journal": "no luck"}, f"the last start of {SERVICE} failed: no luck",
     "journalctl -u passlock-keyholder"),
    ({"service": FAILED.replace("activating", "failed")}, f"the last start of {SERVICE} failed", "journalctl")])
def test_key_holder_that_does_not_run(patient, faults, text, advice):
    """The key is not tested, and no other check fails."""
    patient.units(**faults)
    patient.start(*UNREACHABLE)
    checks = patient.expect_fault("key holder", text)
    assert advice in checks["key holder"]["advice"]
    assert list(checks) == WITH_KEY_HOLDER
    assert checks["key"]["verdict"] == checks["credential"]["verdict"] == "skipped"


@pytest.mark.parametrize("is_unit", [True, False])
def test_key_holder_that_does_not_respond(patient, is_unit):
    if is_unit:
        patient.units()
    patient.start(*UNREACHABLE)
    patient.write("findings", "key-holder||passlock-keyholder||The key holder does not respond: Timeout|look at it")
    checks = patient.expect_fault("key holder", "The key holder does not respond: Timeout")
    assert checks["key holder"]["advice"] == (
        "as root: systemctl restart passlock-keyholder" if is_unit else "look at it")
    assert list(checks) == WITH_KEY_HOLDER
    assert json.loads(patient.host.expect("status", "--json"))["key_holder"] == (
        "The key holder does not respond: Timeout")
    assert "Key holder:  The key holder does not respond: Timeout\n" in patient.host.expect("status")


def test_settings_of_one_process(patient):
    """Settings of the daemon's unit that belong to the key holder's since they are two."""
    patient.units(daemon_files="# /usr/lib/systemd/system/passlockd.service\\n[Service]\\nUser=passlock\\n"
                               "# /run/systemd/generator/passlockd.service.d/50-credentials.conf\\n[Service]\\n"
                               "LoadCredential=stale\\n"
                               "# /etc/systemd/system/passlockd.service.d/key.conf\\n[Service]\\n"
                               "LoadCredential=passlock.default:/root/key\\n")
    patient.start()
    checks = patient.expect_fault("key holder", "/etc/systemd/system/passlockd.service.d/key.conf:2: "
                                  "LoadCredential=passlock.default is a setting of passlockd.service")
    assert "/etc/systemd/system/passlock-keyholder.service.d" in checks["key holder"]["advice"]


@pytest.mark.parametrize("proxy,is_fault", [("Environment=https_proxy=http://127.0.0.1:1", False), ("", True)])
def test_proxy_of_one_process(patient, proxy, is_fault):
    patient.host.environment["https_proxy"] = "http://127.0.0.1:1"
    patient.units(service=f"{GOOD_UNIT}{proxy}\\n")
    patient.start()
    if is_fault:
        assert SERVICE in patient.expect_fault("key holder", "https_proxy is set for passlockd.service")["key holder"]["advice"]
    else:
        assert list(patient.examine(0)) == WITH_KEY_HOLDER


def test_no_systemd(patient):
    patient.host.fake_programs(systemctl="exit 1")
    patient.start()
    assert patient.examine(0)["configuration"]["verdict"] == "skipped"


def test_daemon_not_running(patient):
    checks = patient.expect_fault("daemon", "The service is not running")
    assert list(checks) == ["configuration", "daemon"]


def test_no_bus(patient):
    patient.host.stop("bus")
    patient.expect_fault("daemon", "Failed to connect to the system bus")


def test_another_version(patient):
    patient.start("version=0.0.1")
    patient.expect_fault("daemon", "version 0.0.1", f"differs from passlockctl {patient.version}")


def test_bus_policy(patient):
    user = pwd.getpwuid(os.geteuid()).pw_name
    patient.host.stop("bus")
    patient.host.start_bus(f"</policy><policy user='{user}'>"
                           "<deny send_destination='dev.passlock.Passlock1'"
                           " send_interface='org.freedesktop.DBus.Properties'/>")
    patient.start()
    checks = patient.expect_fault("bus policy", "denies calls to the daemon")
    assert checks["daemon"]["verdict"] == "skipped"
    assert list(checks) == CHECKS[:3]


def test_no_grant(patient):
    patient.start("no-grant")
    checks = patient.expect_fault("grants", f"no grant gives user {os.geteuid()} access to a tenancy")
    assert list(checks) == CHECKS[:4]


def test_no_grant_for_this_tenancy(patient):
    """The tenancy does not exist: root is told so, other users have no grant for it."""
    patient.start()
    patient.options += ["--tenancy=third"]
    if ROOT:
        patient.expect_fault("tenancy", "Unknown tenancy")
    else:
        patient.expect_fault("grants", f"no grant gives user {os.geteuid()} access to tenancy third")


def test_another_tenancy(patient):
    patient.start("vault=error:8")
    patient.options += ["--tenancy=other"]
    patient.expect_fault("other/key", "rejected by the API")


def test_no_tenancy(patient):
    patient.start("default=missing")
    patient.expect_fault("tenancy", "Unknown tenancy")


def test_no_credential(patient):
    patient.start("state=unconfigured")
    checks = patient.expect_fault("credential", "tenancy default has no key")
    assert checks["key"]["verdict"] == "skipped"
    assert checks["TLS"]["verdict"] == "ok"


def test_unresolvable_name(patient):
    # Resolvers reject an overlong label without a query.
    patient.api.endpoint = f"https://{64 * 'x'}.example"
    patient.start(*UNREACHABLE)
    checks = patient.expect_fault("name", "xxx.example: ")
    assert "TLS" not in checks
    assert checks["key"]["verdict"] == checks["clock"]["verdict"] == "skipped"


def test_refused_connection(patient):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        patient.api.endpoint = f"https://127.0.0.1:{closed.getsockname()[1]}"
        patient.start(*UNREACHABLE)
        checks = patient.expect_fault("TLS", "Failed to connect to https://127.0.0.1:")
    assert checks["key"]["verdict"] == checks["clock"]["verdict"] == "skipped"


def test_no_tls(patient):
    patient.api.endpoint = patient.api.endpoint.replace("http:", "https:")
    patient.start(*UNREACHABLE)
    patient.expect_fault("TLS", patient.api.endpoint)


@pytest.mark.skipif(not ROOT, reason="only root may for sure")
def test_api_unreachable_from_passlockctl_only(patient):
    """The daemon reaches the API, so a failure of passlockctl is no fault."""
    patient.api.endpoint = f"https://{64 * 'x'}.example"
    patient.start()
    checks = patient.examine(0)
    assert "the daemon reaches the API; passlockctl does not" in checks["name"]["found"]
    assert checks["key"]["found"] == "accepted by the API"
    patient.host.stop("service")
    patient.start(*DENIED)
    patient.expect_fault("key", "rejected by the API")


def test_certificate(bare_host, tls_api, certificate):
    patient = Patient(bare_host, tls_api)
    patient.start(*UNREACHABLE)
    assert "CaFile=" in patient.expect_fault("TLS", "certificate")["TLS"]["advice"]
    patient.options = ["--json", "--ca-file=/nowhere"]
    patient.expect_fault("TLS", "Failed to prepare a request")
    patient.host.stop("service")
    patient.options = ["--json", f"--ca-file={certificate}.crt"]
    patient.start()
    assert patient.examine(0)["TLS"]["found"] == "the certificate is valid"
    patient.host.stop("service")
    patient.options = ["--json"]
    patient.start(f"ca-file={certificate}.crt")
    assert patient.examine(0)["TLS"]["found"] == "the certificate is valid"


@pytest.mark.parametrize("status", [200, 403])
def test_response_with_a_long_header(patient, status):
    """A long header does not stop the checks."""
    patient.api.status, patient.api.headers = status, {"X-Long": "x" * 200_000, "Connection": "close"}
    patient.start()
    assert list(patient.examine(0)) == CHECKS


@pytest.mark.parametrize("ahead_sec,text", [(120, "behind"), (-120, "ahead")])
def test_clock(patient, ahead_sec, text):
    patient.api.ahead_sec = ahead_sec
    patient.start()
    patient.expect_fault("clock", text)


@pytest.mark.parametrize("ahead_sec,verdict", [(45, "ok"), (-45, "ok"), (None, "skipped")])
def test_clock_is_good_enough(patient, ahead_sec, verdict):
    patient.api.ahead_sec = ahead_sec
    patient.start()
    assert patient.examine(0)["clock"]["verdict"] == verdict


@pytest.mark.parametrize("state,error,text", [("denied", 8, "rejected by the API"),
                                              ("degraded", 9, "unknown: ")])
def test_key(patient, state, error, text):
    """For root the daemon makes a test call; for others its last call counts."""
    patient.start(f"state={state}", f"vault=error:{error}")
    patient.expect_fault("key", text)
    assert ("ListPasskeys " in patient.host.log()) is ROOT


@pytest.mark.skipif(not ROOT, reason="only root may for sure")
def test_unused_key(patient):
    patient.start("vault=error:8")
    patient.expect_fault("key", "rejected by the API")


@pytest.mark.skipif(not ROOT, reason="only root may for sure")
def test_stale_state(patient):
    patient.start("state=degraded")
    assert patient.examine(0)["key"]["found"] == "accepted by the API"


def test_store(patient):
    patient.start("no-store")
    patient.expect_fault("store", "The link store failed to read or write")


@pytest.mark.skipif(not ROOT, reason="only root may look")
def test_full_disk(patient):
    patient.host.environment["STATE_DIRECTORY"] = "/proc"
    patient.start()
    patient.expect_fault("store", "only 0 MiB free in /proc")


# More than one tenancy

def test_every_tenancy(patient):
    patient.start()
    patient.host.stop("service")
    patient.host.start_service(f"version={patient.version}", f"endpoint={patient.api.endpoint}", "vault=error:8")
    checks = patient.expect_fault("key", "rejected by the API", others=["other/key"])
    of_one = CHECKS[4:-1]
    assert list(checks) == [*CHECKS[:-1], *(f"other/{name}" for name in of_one), "store"]
    assert checks["store"]["found"].startswith("24691357802 links")
    done = patient.host.run("doctor")
    for label in ("default", "other"):
        assert f"tenancy {label}:\nOK   credential     tenancy {label} has a key\n" in done.stdout


def test_tenancy_option_without_default_tenancy(patient):
    patient.start("default=missing")
    patient.options = ["--json", "--tenancy=default"]
    assert "tenancy" not in patient.examine(0)


# Findings of the daemon

def test_findings(patient):
    patient.start()
    patient.write("findings", "user||nemo|/etc/x.conf:3|there is no user nemo|useradd nemo",
                  "ca-file|default|/ca.pem|/etc/x.conf:9|/etc/x.conf:9: no /ca.pem|put it there",
                  "recovery|default|||links of the last run are looked for|",
                  "something-new||||it is odd|look at it", "group|elsewhere|||not asked about|none")
    done = patient.host.run("doctor", "--json")
    checks = json.loads(done.stdout)["checks"]
    assert done.returncode == 1
    assert [(check["name"], check["tenancy"], check["found"], check["advice"]) for check in checks
            if check["verdict"] == "fault"] == [
        ("grants", None, "/etc/x.conf:3: there is no user nemo", "useradd nemo"),
        ("daemon", None, "it is odd", "look at it"),
        ("TLS", "default", "/etc/x.conf:9: no /ca.pem", "put it there")]
    assert [(check["name"], check["found"]) for check in checks if check["verdict"] == "skipped"] == [
        ("store", "links of the last run are looked for")]


def test_no_findings(patient):
    patient.start()
    patient.write("findings")
    assert list(patient.examine(0)) == WITH_KEY_HOLDER
    assert "Diagnose" in patient.host.log()


# Invalid keys

FLAWS = {b"": "is empty", b"\n": "is empty", b"two\nlines\n": "has more than one line",
         b"key\r": "contains a control character", "key".encode("utf-16"): "is UTF-16",
         "key".encode("utf-16-le"): "UTF-16 text", "key".encode("utf-16-be"): "UTF-16 text",
         b"\xef\xbb\xbfkey": "byte order mark", b"a b": "contains white space", b"k\xc3\xa9y": "non-ASCII",
         b"long\0er": "contains a NUL", b"x" * 4097: "exceeds the maximum length of a key"}


@pytest.mark.skipif(not ROOT, reason="only root may look")
@pytest.mark.parametrize("content", FLAWS, ids=[text.replace(" ", "-") + str(n) for n, text in enumerate(FLAWS.values())])
def test_invalid_key(patient, tmp_path, content):
    directory = tmp_path / "credentials"
    directory.mkdir()
    (directory / "my.key").write_bytes(content)
    patient.host.environment["CREDENTIALS_DIRECTORY"] = str(directory)
    patient.start("state=unconfigured", "credential=my.key")
    del patient.host.environment["CREDENTIALS_DIRECTORY"]
    checks = patient.expect_fault("credential", "the credential my.key ", FLAWS[content])
    assert "set-key" in checks["credential"]["advice"]
    if len(content) > 3:
        assert content.decode("latin-1") not in str(checks)


@pytest.mark.skipif(not ROOT, reason="only root may look")
def test_credential_of_another_file(patient, tmp_path):
    """What systemd has loaded is not from the place of plain credentials."""
    (tmp_path / "my.key").write_text("encrypted\ntext\n")
    patient.host.environment["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    patient.unit(GOOD_UNIT, files="# /run/systemd/x.conf\\n[Service]\\nLoadCredential=my.key\\n")
    patient.start("state=unconfigured", "credential=my.key")
    patient.expect_fault("credential", "credential my.key does not exist")


@pytest.mark.skipif(not ROOT, reason="only root may look")
def test_valid_key_not_loaded(patient, tmp_path):
    (tmp_path / "passlock.default").write_text("good-key\n")
    patient.host.environment["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    patient.start("state=unconfigured")
    checks = patient.expect_fault("credential", "is valid now")
    assert "passlockctl reload" in checks["credential"]["advice"]


def test_credential_reported_by_daemon(patient):
    """The fault is reported once: the finding, or as root the check of the file."""
    patient.start("state=unconfigured")
    patient.write("findings", "credential|default|passlock.default||it has two lines|set-key")
    checks = json.loads(patient.host.run("doctor", "--json").stdout)["checks"]
    (found,) = [check["found"] for check in checks if check["name"] == "credential"]
    assert found == "it has two lines" or (ROOT and "tenancy default has no key: " in found)


# The caller's permissions

def test_grants(patient):
    patient.start()
    patient.write("rights", "default|grant|shop|Authorize,Exchange|shop.example,b.example",
                  "default|grant|reader|Links.Read", "other|grant|else|Exchange",
                  "default|polkit||read-vault,change-vault||yes", "|polkit||reload")
    patient.options = ["--json", "--tenancy=default"]
    checks = json.loads(patient.host.run("doctor", *patient.options).stdout)["checks"]
    found = [(check["verdict"], check["found"]) for check in checks if check["name"] in ("grants", "polkit")]
    assert found == [
        ("ok", "tenancy default: Authorize Exchange, for shop.example b.example ([Grant shop])"),
        ("ok", "tenancy default: Links.Read, for any relying party ([Grant reader])"),
        ("skipped", "tenancy default, without a grant, after authentication of an administrator: read-vault "
                    "change-vault")]
    patient.options = ["--json"]
    checks = json.loads(patient.host.run("doctor", "--json").stdout)["checks"]
    assert ("skipped", "the daemon, without a grant: reload") in [
        (check["verdict"], check["found"]) for check in checks]


def test_no_grant_but_polkit(patient):
    """A missing grant is a fault, even if polkit would allow calls."""
    patient.start()
    patient.write("rights", "default|polkit||read-links||yes")
    checks = patient.expect_fault("grants", f"no grant gives user {os.geteuid()} access to a tenancy")
    assert "after authentication of an administrator: read-links" in checks["polkit"]["found"]
    assert list(checks) == [*CHECKS[:4], "polkit"]


def test_no_rights_at_all(patient):
    patient.start()
    patient.write("rights")
    patient.expect_fault("grants", f"no grant gives user {os.geteuid()} access to a tenancy")


def test_too_many_connections(bare_host):
    """Too many connections of this user, who also runs the service."""
    bare_host.stop("bus")
    bare_host.start_bus(more="<limit name='max_connections_per_user'>1</limit>")
    patient = Patient(bare_host, None)
    with socket.socket(socket.AF_UNIX) as hog:
        hog.connect(str(bare_host.directory / "bus"))
        hog.sendall(b"\0AUTH EXTERNAL\r\n")
        assert hog.recv(100).startswith(b"DATA")
        hog.sendall(b"DATA\r\n")
        assert hog.recv(100).startswith(b"OK")
        hog.sendall(b"BEGIN\r\n" + HELLO)
        assert hog.recv(4096), "an answer to Hello"
        checks = patient.expect_fault("daemon", f"The bus refuses another connection of user {os.geteuid()}")
        assert "busctl" in checks["daemon"]["advice"]
        done = bare_host.run("status")
        assert (done.returncode, done.stdout) == (5, "")
        assert done.stderr.startswith(f"passlockctl: The bus refuses another connection of user {os.geteuid()}: ")


# org.freedesktop.DBus.Hello(), as jeepney writes it.
HELLO = message_bus.Hello().serialise(serial=1)


# The daemon's proxy

class Proxy:
    """A proxy that connects every CONNECT request to one target, and records the requests."""

    def __init__(self, target):
        self.target = target
        self.asked = []
        self.server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://user:secret@127.0.0.1:{self.server.getsockname()[1]}"
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            self.asked.append(client.recv(4096).split(b" ")[1].decode())
            server = socket.create_connection(self.target)
            client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
            for source, sink in ((client, server), (server, client)):
                threading.Thread(target=self._copy, args=(source, sink), daemon=True).start()

    @staticmethod
    def _copy(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def close(self):
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        self.thread.join()


@pytest.fixture(name="proxied")
def fixture_proxied(bare_host, tls_api, certificate):
    """An endpoint that only the proxy resolves, with a certificate for another name."""
    patient = Patient(bare_host, tls_api)
    patient.proxy = Proxy(tls_api.server.server_address)
    patient.ca = f"ca-file={certificate}.crt"
    tls_api.endpoint = f"https://{64 * 'x'}.example"
    yield patient
    if patient.proxy:
        patient.proxy.close()


def test_proxy_of_the_daemon(proxied):
    proxied.host.environment["https_proxy"] = proxied.proxy.url
    proxied.start(*UNREACHABLE, proxied.ca)
    # The environment of passlockctl does not matter.
    proxied.host.environment |= {"https_proxy": "http://127.0.0.1:1", "no_proxy": "*"}
    checks = proxied.expect_fault("TLS", f"https://{64 * 'x'}.example through the daemon's proxy ", "certificate")
    host = proxied.proxy.url.rpartition("@")[2]
    assert checks["name"]["found"] == f"{64 * 'x'}.example is resolved by the daemon's proxy {host}"
    assert proxied.proxy.asked == [f"{64 * 'x'}.example:443"]
    assert "secret" not in str(checks)


@pytest.mark.parametrize("no_proxy", ["127.0.0.0/8", "127.0.0.1", "10.0.0.0/8,127.0.0.1/32"])
def test_no_proxy_for_address(bare_host, tls_api, certificate, no_proxy):
    """no_proxy follows the rules of this libcurl version."""
    patient = Patient(bare_host, tls_api)
    patient.host.environment |= {"https_proxy": "http://127.0.0.1:1", "no_proxy": no_proxy}
    patient.start(f"ca-file={certificate}.crt")
    assert patient.examine(0)["name"]["found"] == "127.0.0.1 is 127.0.0.1"
    patient.host.stop("service")
    patient.host.environment["no_proxy"] = "10.0.0.0/8"
    patient.start(*UNREACHABLE, f"ca-file={certificate}.crt")
    patient.expect_fault("TLS", "through the daemon's proxy 127.0.0.1:1")


@pytest.mark.parametrize("exempt", ["*", "example", ".example", "a.b, x.example,{}.example"])
def test_no_proxy_for_name(proxied, exempt):
    proxied.host.environment |= {"https_proxy": proxied.proxy.url, "no_proxy": exempt.format(64 * "x")}
    proxied.start(*UNREACHABLE)
    del proxied.host.environment["no_proxy"]
    proxied.expect_fault("name", f"{64 * 'x'}.example: ")
    assert proxied.proxy.asked == []


def test_unreachable_proxy(proxied):
    url = proxied.proxy.url
    proxied.proxy = proxied.proxy.close()
    proxied.host.environment |= {"HTTPS_PROXY": url, "no_proxy": "xample"}
    proxied.start(*UNREACHABLE)
    host = url.rpartition("@")[2]
    checks = proxied.expect_fault("TLS", f"Failed to connect to https://{64 * 'x'}.example through the daemon's proxy {host}: ")
    assert "show --property=Environment" in checks["TLS"]["advice"]


def test_proxy_of_passlockctl_is_ignored(patient):
    """A proxy of passlockctl's environment is not used for the daemon's route."""
    patient.start()
    patient.host.environment |= {"https_proxy": "http://127.0.0.1:1", "all_proxy": "http://127.0.0.1:1"}
    patient.examine(0)


@pytest.mark.skipif(not ROOT, reason="only root may for sure")
def test_api_unreachable_from_daemon_only(patient):
    patient.start(*UNREACHABLE)
    checks = patient.expect_fault("key", "the daemon gets no usable response, but passlockctl does")
    assert "IPAddressDeny=" in checks["key"]["advice"]


# A unit that cannot start

def test_failed_start_is_reported_early(bare_host, api):
    """A failed start is reported before the bus's timeout."""
    bare_host.stop("bus")
    bare_host.start_bus_that_activates()
    patient = Patient(bare_host, api)
    patient.unit("LoadState=loaded\\nActiveState=failed\\nResult=exit-code\\nExecMainStatus=1\\n"
                 "ExecMainExitTimestampMonotonic=9999999999999999\\n", "/etc/passlock/passlockd.conf:3: bad\n")
    begin = time.monotonic()
    checks = patient.expect_fault("configuration", "the last start of passlockd.service failed", "conf:3: bad")
    assert list(checks) == ["configuration", "daemon"]
    done = bare_host.run("status")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[0] == (
        "passlockctl: the last start of passlockd.service failed: /etc/passlock/passlockd.conf:3: bad")
    assert "systemctl restart passlockd" in done.stderr
    assert time.monotonic() - begin < 20


@pytest.mark.parametrize("shown, text", [
    # The state after an earlier start; the new start is refused.
    ("ActiveState=failed\\nResult=exit-code\\nExecMainStatus=1\\nExecMainExitTimestampMonotonic=1\\n", "failed"),
    ("ActiveState=failed\\nResult=exit-code\\nExecMainStatus=243\\nExecMainExitTimestampMonotonic=1\\n", "load a credential"),
])
def test_refused_start(bare_host, api, shown, text):
    bare_host.stop("bus")
    bare_host.start_bus_that_activates()
    patient = Patient(bare_host, api)
    patient.unit(f"LoadState=loaded\\n{shown}")
    done = bare_host.run("link", "list", "--timeout=600")
    assert (done.returncode, done.stdout) == (1, "")
    assert text in done.stderr


def test_repeated_start_failures(bare_host, api):
    """Between two attempts the unit is activating, not failed."""
    bare_host.stop("bus")
    bare_host.start_bus_that_activates()
    patient = Patient(bare_host, api)
    counter = bare_host.directory / "looks"
    bare_host.fake_programs(systemctl=f"""
        echo >>'{counter}'
        n=$(wc -l <'{counter}')
        printf 'LoadState=loaded\\nActiveState=activating\\nResult=exit-code\\nExecMainStatus=1\\n'
        echo ExecMainExitTimestampMonotonic=999999999999999$n""")
    done = bare_host.run("status", "--timeout=600")
    assert done.returncode == 1
    assert "the last start of passlockd.service failed" in done.stderr
    assert patient.host.log() == []


def test_slow_start(bare_host, api):
    bare_host.stop("bus")
    bare_host.start_bus_that_activates()
    Patient(bare_host, api).unit("LoadState=loaded\\nActiveState=activating\\nResult=success\\n")
    done = bare_host.run("status", "--timeout=1")
    assert (done.returncode, done.stderr) == (
        1, "passlockctl: passlockd.service did not start within 1 s; see journalctl -u passlockd\n")


def test_start_after_failed_start(bare_host, api):
    """A start that works, after an earlier failed start."""
    bare_host.stop("bus")
    bare_host.start_bus_that_activates(f"{FAKE_SERVICE} {bare_host.directory}")
    Patient(bare_host, api).unit("LoadState=loaded\\nActiveState=failed\\nResult=exit-code\\nExecMainStatus=1\\n")
    assert "9.8.7" in bare_host.expect("status")


def test_monitor_waits_after_failed_start(bare_host, api):
    """monitor reports the failed start, and continues when the service is back."""
    bare_host.stop("bus")
    bare_host.start_bus_that_activates()
    Patient(bare_host, api).unit("LoadState=loaded\\nActiveState=failed\\nResult=exit-code\\nExecMainStatus=1\\n"
                                 "ExecMainExitTimestampMonotonic=9999999999999999\\n")
    with Terminal(bare_host, "monitor", "--no-ask-password", stdout=None) as terminal:
        terminal.read_until("the last start of passlockd.service failed")
        bare_host.start_service("links=1")
        terminal.read_until("watched")


@contextlib.contextmanager
def stopped(process):
    os.kill(process.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(process.pid, signal.SIGCONT)


@pytest.mark.parametrize("verb", ["status", "monitor"])
def test_unresponsive_bus(bare_host, verb):
    """The deadline covers the check of the service as well."""
    with stopped(bare_host.bus):
        done = bare_host.run(verb, "--timeout=1")
    assert (done.returncode, done.stderr) == (1, "passlockctl: Timed out waiting for a reply\n")


def test_monitor_timeout(bare_host):
    """After the first reply, monitor has no timeout."""
    bare_host.start_service("links=1")
    with Terminal(bare_host, "monitor", "--timeout=1", stdout=None) as terminal:
        terminal.read_until("watched")
        time.sleep(1.5)
        assert terminal.process.poll() is None


def test_unresponsive_daemon_or_bus(patient):
    """The advice is not to start the service."""
    patient.options += ["--timeout=1"]
    patient.start()
    with stopped(patient.host.service):
        checks = patient.expect_fault("daemon", "the daemon does not respond")
        assert "restart" in checks["daemon"]["advice"]
    with stopped(patient.host.bus):
        checks = patient.expect_fault("daemon", "the system bus does not respond")
        assert "systemctl status dbus" in checks["daemon"]["advice"]


def test_start_in_progress(bare_host, api):
    """A start in progress: the configuration is unknown."""
    bare_host.stop("bus")
    bare_host.start_bus_that_activates()
    patient = Patient(bare_host, api)
    patient.options += ["--timeout=1"]
    patient.unit("LoadState=loaded\\nActiveState=activating\\nResult=success\\n")
    checks = patient.expect_fault("daemon", "passlockd.service is still starting")
    assert checks["configuration"]["verdict"] == "skipped"
    assert list(checks) == ["configuration", "daemon"]


def test_file_of_invalid_key(patient, tmp_path):
    if not ROOT:
        pytest.skip("only root may look")
    (tmp_path / "passlock.default").write_text("two lines\n")
    patient.unit(GOOD_UNIT, files="# /etc/systemd/system/passlock-keyholder.service.d/key.conf\\n"
                                  "[Service]\\nLoadCredential=passlock.default:/root/my-key\\n")
    patient.host.environment["CREDENTIALS_DIRECTORY"] = str(tmp_path)
    patient.start("state=unconfigured")
    patient.expect_fault("credential", "passlock.default, from /root/my-key, contains white space")


def test_daemon_does_not_restart(patient):
    """An interrupted call waits for the daemon, then reports why it did not start."""
    patient.start()
    patient.unit("LoadState=loaded\\nActiveState=failed\\nResult=exit-code\\nExecMainStatus=1\\n", "out of luck\n")
    done = patient.host.run("authorize", "r", "die-always", "n", "--timeout=1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.splitlines()[:2] == [
        "passlockctl: Timed out waiting for a reply",
        "passlockctl: the last start of passlockd.service failed: out of luck"]


STORE = ("engine|s|etcd", "state|s|serving", "behind_ms|t|950", "members|a(ssbb)|one|a1|yes|yes")


def store_checks(patient, *more):
    patient.write("store", *STORE, *more)
    done = patient.host.run("doctor", "--json")
    return done.returncode, [(check["verdict"], check["found"])
                             for check in json.loads(done.stdout)["checks"] if check["name"] == "store"][:-1]


def test_shared_store(patient):
    patient.start()
    fine = ("ok", "shared in etcd of 1 members, 950 ms behind")
    assert store_checks(patient) == (0, [fine])
    assert store_checks(patient, "db_size|t|800000000", "quota|t|1000000001") == (0, [fine])
    assert store_checks(patient, "db_size|t|838860801", "quota|t|1048576000") == (
        1, [fine, ("fault", "the database of etcd has 800 of 1000 MiB")])
    assert store_checks(patient, "alarms|as|no-space,corrupt") == (
        1, [fine, ("fault", "the quota of etcd is exhausted: it refuses changes"),
            ("fault", "etcd has the alarm corrupt")])
    patient.write("findings", "store|||x.conf:3|etcd has been away for 5 s: no leader|check etcd")
    assert store_checks(patient) == (1, [("fault", "x.conf:3: etcd has been away for 5 s: no leader"), fine])


def test_member_does_not_answer(patient):
    patient.start()
    patient.write("store", *STORE[:3], "members|a(ssbb)|one|a1|no|no")
    done = patient.host.run("doctor")
    assert done.returncode == 0
    assert "member one of etcd does not answer, or is not in Endpoints=" in done.stdout
