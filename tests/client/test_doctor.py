# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl doctor: all is well, and each fault by itself."""

import json
import os
import pwd
import socket

import pytest

from tests.client.host import Terminal, golden

GOOD_UNIT = "LoadState=loaded\\nActiveState=active\\nResult=success\\n"
CHECKS = ["configuration", "daemon", "credential", "bus policy", "grants", "name", "TLS", "key",
          "clock", "store"]
ROOT = os.geteuid() == 0
DENIED = ("state=denied", "vault=error:8")


class Patient:
    """A host on which all is well, but for what a test says."""

    def __init__(self, host, api):
        self.host = host
        self.api = api
        self.options = ["--json"]
        self.journal_log = host.directory / "journalctl.log"
        self.version = host.run("--version").stdout.split()[1]
        self.unit(GOOD_UNIT)
        host.environment["STATE_DIRECTORY"] = str(host.directory)

    def unit(self, shown, journal=""):
        """What systemctl shows, and the journal says if it is asked for the last of some records."""
        self.host.fake_programs(systemctl=f"[ $1 = show ] && printf '{shown}'",
                                journalctl=f"printf '%s\n' \"$*\" >>'{self.journal_log}'\n"
                                           f"printf '%s' '{journal}'")

    def start(self, *options):
        # Later ones count.
        self.host.start_service(f"version={self.version}", f"endpoint={self.api.endpoint}",
                                *options)

    def examine(self, status):
        done = self.host.run("doctor", *self.options)
        assert (done.returncode, done.stderr) == (status, "")
        found = json.loads(done.stdout)
        assert found["ok"] is (status == 0)
        return {check["name"]: check for check in found["checks"]}

    def expect_fault(self, name, *texts, others=()):
        """That it is found and what to do about it, and no other fault."""
        checks = self.examine(1)
        faults = {name for name, check in checks.items() if check["verdict"] == "fault"}
        assert faults == {name, *others}
        for text in texts:
            assert text in checks[name]["found"]
        assert checks[name]["advice"]
        return checks


@pytest.fixture(name="patient")
def fixture_patient(bare_host, api):
    return Patient(bare_host, api)


def test_all_is_well(patient):
    patient.start()
    checks = patient.examine(0)
    assert list(checks) == CHECKS
    assert {check["verdict"] for check in checks.values()} == {"ok"}
    assert {check["advice"] for check in checks.values()} == {None}
    assert patient.api.requests == [("/v2/.well-known/jwks.json", None)]


def test_for_people(patient):
    patient.start(*DENIED)
    patient.unit("LoadState=not-found\\nActiveState=inactive\\nResult=success\\n")
    done = patient.host.run("doctor", STATE_DIRECTORY="/nowhere")
    grant = "root may do everything" if ROOT else "there is one for you"
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == golden(f"""
        -    configuration  systemd does not know passlockd.service
        OK   daemon         version {patient.version}
        OK   credential     tenancy default has a key
        OK   bus policy     lets you call the daemon
        OK   grants         {grant}
        OK   name           127.0.0.1 is 127.0.0.1
        OK   TLS            none, and none needed on this host
        FAIL key            the API refuses it
                            as root: passlockctl set-key
        OK   clock          as the API's
        OK   store          12345678901 links
        """)


def test_on_a_terminal(patient):
    patient.start(*DENIED)
    with Terminal(patient.host, "doctor", stdout=None) as terminal:
        status, _, seen = terminal.finish()
        assert status == 1
        assert "✔ daemon         version " in seen
        assert "✘ key            the API refuses it\n                 as root" in seen


@pytest.mark.parametrize("shown", [
    "LoadState=loaded\\nActiveState=failed\\nResult=exit-code\\nExecMainStatus=1\\n",
    "LoadState=loaded\\nActiveState=activating\\nResult=exit-code\\nExecMainStatus=1\\n",
])
@pytest.mark.parametrize("journal", ["", "/etc/passlock/passlockd.conf:3: no such key\n"])
def test_start(patient, shown, journal):
    """What the daemon said, if that is known, and that nothing else is made of it."""
    patient.unit(shown, journal)
    checks = patient.expect_fault("configuration", "the last start of passlockd.service failed",
                                  journal.strip())
    assert list(checks) == ["configuration", "daemon"]
    assert checks["daemon"]["verdict"] == "skipped"
    assert "reset-failed" in checks["configuration"]["advice"]
    assert ("journalctl" in checks["configuration"]["advice"]) is (not journal)


@pytest.mark.parametrize("journal,refused", [
    ("Configuration refused, Reload by uid 0: passlockd.conf:3: no such key\n", True),
    ("Configuration and credentials loaded\n", False), ("", False)])
def test_refused_reload(patient, journal, refused):
    """The daemon goes on with the old one, until one is good."""
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


def test_key_that_does_not_open(patient):
    patient.unit("LoadState=loaded\\nActiveState=failed\\nResult=exit-code\\nExecMainStatus=243\\n")
    checks = patient.expect_fault("credential", "cannot open a key")
    assert list(checks) == ["configuration", "daemon", "credential"]


def test_no_systemd(patient):
    patient.host.fake_programs(systemctl="exit 1")
    patient.start()
    assert patient.examine(0)["configuration"]["verdict"] == "skipped"


def test_daemon_not_running(patient):
    checks = patient.expect_fault("daemon", "The service is not running")
    assert list(checks) == ["configuration", "daemon"]


def test_no_bus(patient):
    patient.host.stop("bus")
    patient.expect_fault("daemon", "There is no system bus")


def test_another_version(patient):
    patient.start("version=0.0.1")
    patient.expect_fault("daemon", "version 0.0.1", f"this tool is of {patient.version}")


def test_bus_policy(patient):
    user = pwd.getpwuid(os.geteuid()).pw_name
    patient.host.stop("bus")
    patient.host.start_bus(f"</policy><policy user='{user}'>"
                           "<deny send_destination='dev.passlock.Passlock1'"
                           " send_interface='org.freedesktop.DBus.Properties'/>")
    patient.start()
    checks = patient.expect_fault("bus policy", "does not let you call")
    assert checks["daemon"]["verdict"] == checks["credential"]["verdict"] == "skipped"
    assert list(checks) == CHECKS[:4]


def test_no_grant(patient):
    patient.start("no-grant")
    checks = patient.expect_fault("grants", f"none opens a tenancy to user {os.geteuid()}")
    assert checks["credential"]["verdict"] == "skipped"
    assert list(checks) == CHECKS[:5]


def test_no_grant_for_this_tenancy(patient):
    """Root needs none: it is not there."""
    patient.start()
    patient.options += ["--tenancy=third"]
    if ROOT:
        patient.expect_fault("tenancy", "no such tenancy")
    else:
        patient.expect_fault("grants", "none opens tenancy third")


def test_another_tenancy(patient):
    patient.start("vault=error:8")
    patient.options += ["--tenancy=other"]
    patient.expect_fault("key", "the API refuses it")


def test_no_tenancy(patient):
    patient.start("default=missing")
    patient.expect_fault("tenancy", "There is no such tenancy")


def test_no_credential(patient):
    patient.start("state=unconfigured")
    checks = patient.expect_fault("credential", "tenancy default has no key")
    assert checks["key"]["verdict"] == "skipped"
    assert checks["TLS"]["verdict"] == "ok"


def test_name(patient):
    # No resolver asks anybody for a label of this length.
    patient.api.endpoint = f"https://{64 * 'x'}.example"
    patient.start()
    checks = patient.expect_fault("name", "xxx.example: ")
    assert "TLS" not in checks
    assert checks["key"]["verdict"] == checks["clock"]["verdict"] == "skipped"


def test_connection(patient):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        patient.api.endpoint = f"https://127.0.0.1:{closed.getsockname()[1]}"
        patient.start()
        checks = patient.expect_fault("TLS", "no connection to https://127.0.0.1:")
    assert checks["key"]["verdict"] == checks["clock"]["verdict"] == "skipped"


def test_no_tls(patient):
    patient.api.endpoint = patient.api.endpoint.replace("http:", "https:")
    patient.start()
    patient.expect_fault("TLS", patient.api.endpoint)


def test_certificate(bare_host, tls_api, certificate):
    patient = Patient(bare_host, tls_api)
    patient.start()
    assert "CaFile=" in patient.expect_fault("TLS", "certificate")["TLS"]["advice"]
    patient.options = ["--json", f"--ca-file={certificate}.crt"]
    assert patient.examine(0)["TLS"]["found"] == "the certificate is good"
    patient.host.stop("service")
    patient.options = ["--json"]
    patient.start(f"ca-file={certificate}.crt")
    assert patient.examine(0)["TLS"]["found"] == "the certificate is good"
    patient.options = ["--json", "--ca-file=/nowhere"]
    patient.expect_fault("TLS", "cannot be asked")


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


@pytest.mark.parametrize("state,error,text", [("denied", 8, "the API refuses it"),
                                              ("degraded", 9, "not known: ")])
def test_key(patient, state, error, text):
    """Root has the daemon try it; others see what became of the last call."""
    patient.start(f"state={state}", f"vault=error:{error}")
    patient.expect_fault("key", text)
    assert ("ListPasskeys " in patient.host.log()) is ROOT


@pytest.mark.skipif(not ROOT, reason="only root may for sure")
def test_key_that_was_not_used_yet(patient):
    patient.start("vault=error:8")
    patient.expect_fault("key", "the API refuses it")


@pytest.mark.skipif(not ROOT, reason="only root may for sure")
def test_state_of_long_ago(patient):
    patient.start("state=degraded")
    assert patient.examine(0)["key"]["found"] == "the API takes it"


def test_store(patient):
    patient.start("no-store")
    patient.expect_fault("store", "The link store failed")


@pytest.mark.skipif(not ROOT, reason="only root may look")
def test_full_disk(patient):
    patient.host.environment["STATE_DIRECTORY"] = "/proc"
    patient.start()
    patient.expect_fault("store", "only 0 MiB free in /proc")
