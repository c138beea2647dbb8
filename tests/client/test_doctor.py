# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl doctor: all is well, and each fault by itself."""

import json
import os
import pwd
import socket

import pytest

from tests.client.host import Terminal, golden

GOOD_UNIT = "LoadState=loaded\\nActiveState=active\\nResult=success\\n"
CHECKS = ["configuration", "daemon", "bus policy", "grants", "credential", "name", "TLS", "clock",
          "key", "store"]


class Patient:
    """A host on which all is well, but for what a test says."""

    def __init__(self, host, api):
        self.host = host
        self.api = api
        self.options = ["--json"]
        self.version = host.run("--version").stdout.split()[1]
        self.unit(GOOD_UNIT)
        host.environment["STATE_DIRECTORY"] = str(host.directory)

    def unit(self, shown):
        self.host.fake_programs(systemctl=f"[ $1 = show ] && printf '{shown}'")

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
    patient.start("state=denied")
    patient.unit("LoadState=not-found\\nActiveState=inactive\\nResult=success\\n")
    done = patient.host.run("doctor", STATE_DIRECTORY="/nowhere")
    grant = "root may do everything" if os.geteuid() == 0 else "there is one for you"
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == golden(f"""
        -    configuration  systemd does not know passlockd.service
        OK   daemon         version {patient.version}
        OK   bus policy     lets you call the daemon
        OK   grants         {grant}
        OK   credential     tenancy default has a key
        OK   name           127.0.0.1 is 127.0.0.1
        OK   TLS            none, and none needed on this host
        OK   clock          as the API's
        FAIL key            the API refused it at the last call
                            as root: passlockctl set-key
        OK   store          12345678901 links
        """)


def test_on_a_terminal(patient):
    patient.start("state=denied")
    with Terminal(patient.host, "doctor", stdout=None) as terminal:
        status, _, seen = terminal.finish()
        assert status == 1
        assert "✔ daemon         version " in seen
        assert "✘ key            the API refused it at the last call\n                 as root" in seen


@pytest.mark.parametrize("shown", [
    "LoadState=loaded\\nActiveState=failed\\nResult=exit-code\\n",
    "LoadState=loaded\\nActiveState=activating\\nResult=exit-code\\n",
])
def test_start(patient, shown):
    patient.unit(shown)
    patient.start()
    patient.expect_fault("configuration", "the last start of passlockd.service failed")


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
    assert checks["daemon"]["verdict"] == "skipped"
    assert "grants" not in checks


def test_no_grant(patient):
    patient.start("no-grant")
    checks = patient.expect_fault("grants", f"none opens a tenancy to user {os.geteuid()}")
    assert "credential" not in checks


def test_no_grant_for_this_tenancy(patient):
    patient.start()
    patient.options += ["--tenancy=third"]
    patient.expect_fault("grants", "none opens tenancy third")


def test_another_tenancy(patient):
    patient.start()
    patient.options += ["--tenancy=other"]
    patient.expect_fault("key", "the API refused it")


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
    assert checks["key"]["verdict"] == "ok"


def test_connection(patient):
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        patient.api.endpoint = f"https://127.0.0.1:{closed.getsockname()[1]}"
        patient.start()
        checks = patient.expect_fault("TLS", "no connection to https://127.0.0.1:")
    assert checks["clock"]["verdict"] == "skipped"


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


@pytest.mark.parametrize("state,text", [("denied", "the API refused it"),
                                        ("degraded", "no usable answer")])
def test_key(patient, state, text):
    patient.start(f"state={state}")
    patient.expect_fault("key", text)


def test_store(patient):
    patient.start("no-store")
    patient.expect_fault("store", "The link store failed")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may look")
def test_full_disk(patient):
    patient.host.environment["STATE_DIRECTORY"] = "/proc"
    patient.start()
    patient.expect_fault("store", "only 0 MiB free in /proc")
