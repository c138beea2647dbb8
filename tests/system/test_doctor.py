# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl doctor before a host that is broken: what it finds, and that its advice mends it."""

import json
import ssl
from pathlib import Path

import pytest

from tests.system import host
from tests.system.api import make_certificate

ORDER = ["configuration", "daemon", "credential", "bus policy", "grants", "name", "TLS", "key", "clock", "store"]
POLICY = Path("/usr/share/dbus-1/system.d/dev.passlock.Passlock1.conf")
START_AGAIN = "systemctl reset-failed passlockd; systemctl start passlockd"


def examine(user=None) -> dict[str, dict]:
    host.run("journalctl", "--sync")
    shown = json.loads(host.run("passlockctl", "doctor", "--json", user=user, status=None))
    checks = {check["name"]: check for check in shown["checks"]}
    assert list(checks) == [name for name in ORDER if name in checks], "in the order of a call"
    assert shown["ok"] is (not faults(checks))
    return checks


def faults(checks) -> dict[str, str]:
    return {name: check["found"] for name, check in checks.items() if check["verdict"] == "fault"}


def expect(name: str, *texts: str, user=None) -> str:
    """That this is the one fault; returns the advice."""
    checks = examine(user)
    assert list(faults(checks)) == [name], checks
    for text in texts:
        assert text in checks[name]["found"]
    return checks[name]["advice"]


def follow(advice: str, command: str):
    """Types a command of the advice."""
    assert command in advice
    host.run("sh", "-c", command)


def set_key(api):
    host.run("passlockctl", "set-key", "-", stdin=api.api_key)


@pytest.fixture(name="mended")
def fixture_mended(service):
    """All is well before, and again when the test has followed the advice."""
    assert faults(examine()) == {}
    yield service
    assert faults(examine()) == {}


def test_all_is_well(mended):
    checks = examine()
    assert list(checks) == ORDER
    assert {check["verdict"] for check in checks.values()} == {"ok"}


def test_no_key(mended):
    host.forget_keys()
    host.systemctl("restart", host.UNIT)
    assert "passlockctl set-key" in expect("credential", "has no key")
    set_key(mended)


def test_wrong_key(mended):
    """Before any app has noticed."""
    host.forget_keys()
    host.put_plain_key("passlock.default", "not-the-key")
    host.systemctl("daemon-reload")
    host.systemctl("restart", host.UNIT)
    assert "passlockctl set-key" in expect("key", "the API refuses it")
    set_key(mended)


def test_key_of_another_host(mended):
    host.seal_key("passlock.other", mended.api_key)
    (host.SEALED_KEYS / "passlock.other").rename(host.SEALED_KEYS / "passlock.default")
    host.systemctl("restart", host.UNIT, status=None)
    advice = expect("credential", "cannot open a key")
    follow(advice, "mv /etc/credstore.encrypted/passlock.* /root; systemctl daemon-reload; " + START_AGAIN)
    set_key(mended)


def test_mistake_in_the_configuration(mended):
    good = host.CONFIG.read_text()
    host.CONFIG.write_text(good + "Nonsense=1\n")
    where = f"{host.CONFIG}:{good.count(chr(10)) + 1}: "
    host.systemctl("reload", host.UNIT, status=1)
    host.wait_until(lambda: f"refused, Reload by uid 0: {where}" in host.journal(), "a record")
    advice = expect("configuration", where, "Nonsense=")
    host.systemctl("restart", host.UNIT, status=1)
    again = expect("configuration", where, "Nonsense=")
    host.CONFIG.write_text(good)
    follow(again, START_AGAIN)
    follow(advice, "passlockctl reload")


@pytest.mark.parametrize("mistake", ["Nonsense=1\n", ""], ids=["bad", "good"])
def test_start_that_goes_on(mended, mistake):
    """How it ends is waited for."""
    good = host.CONFIG.read_text()
    host.CONFIG.write_text(good + mistake)
    with host.drop_in("[Service]\nExecStartPre=sleep 2\n"):
        host.systemctl("restart", "--no-block", host.UNIT)
        host.wait_until(lambda: host.show("ActiveState") == "activating", "a start")
        if mistake:
            assert START_AGAIN in expect("configuration", "the last start of", "Nonsense=")
        else:
            assert faults(examine()) == {}
    host.CONFIG.write_text(good)
    host.run("sh", "-c", START_AGAIN)


def test_bus_policy(mended):
    text = POLICY.read_text()
    POLICY.unlink()
    try:
        host.systemctl("reload", "dbus")
        advice = expect("bus policy", "does not let you call")
        assert str(POLICY.parent) in advice
    finally:
        POLICY.write_text(text)
    follow(advice, "systemctl reload dbus; " + START_AGAIN)


def test_grant(mended):
    advice = expect("grants", "none opens a tenancy to user 65534", user="nobody")
    with host.CONFIG.open("a") as file:
        file.write("[Grant test]\nUser=nobody\nAllow=Exchange\n")
    follow(advice, "passlockctl reload")
    assert faults(examine("nobody")) == {}


def test_host_name(mended):
    host.configure({"Tenancy default": mended.tenancy() | {"Endpoint": "https://nowhere.passlock.test"}})
    host.systemctl("reload", host.UNIT)
    assert "Endpoint=" in expect("name", "nowhere.passlock.test: ")
    host.configure({"Tenancy default": mended.tenancy()})
    host.systemctl("reload", host.UNIT)


def test_unknown_authority(mended):
    tenancy = mended.tenancy()
    host.configure({"Tenancy default": tenancy | {"CaFile": ""}})
    host.systemctl("reload", host.UNIT)
    assert "CaFile=" in expect("TLS", "certificate")
    host.configure({"Tenancy default": tenancy})
    host.systemctl("reload", host.UNIT)


def renew_certificate(api, days: int):
    api.stop()
    make_certificate(api.certificate.with_suffix(".key"), api.certificate, days)
    api.tls = ssl.create_default_context(cafile=str(api.certificate))
    api.start()
    api.tenancy()
    host.systemctl("restart", host.UNIT)


def test_expired_certificate(mended):
    renew_certificate(mended, -1)
    try:
        assert "out of date" in expect("TLS", "expired")
    finally:
        renew_certificate(mended, 1)


@pytest.mark.parametrize("seconds,text", [(3600, "behind"), (-3600, "ahead")])
def test_clock(mended, seconds, text):
    options = mended.options
    mended.stop()
    mended.options = (*options, f"--clock-offset={seconds}")
    mended.start()
    try:
        assert "timedatectl" in expect("clock", text)
    finally:
        mended.stop()
        mended.options = options
        mended.start()


def test_api_is_down(mended):
    mended.stop()
    try:
        expect("TLS", "no connection to https://api.passlock.test")
    finally:
        mended.start()


def test_full_disk(mended):
    host.systemctl("stop", host.UNIT)
    host.run("mount", "-t", "tmpfs", "-o", "size=16M", "small", host.STATE)
    try:
        host.systemctl("start", host.UNIT)
        assert "make room" in expect("store", "MiB free")
        host.systemctl("stop", host.UNIT)
    finally:
        host.run("umount", host.STATE)
    host.systemctl("start", host.UNIT)


def test_stopped_and_masked(mended):
    host.systemctl("stop", host.UNIT)
    host.systemctl("mask", "--runtime", host.UNIT)
    advice = expect("daemon", "masked")
    host.systemctl("unmask", "--runtime", host.UNIT)
    follow(advice, "systemctl unmask passlockd; systemctl start passlockd")
