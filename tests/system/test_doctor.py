# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl doctor on misconfigured hosts: its findings, and that its advice works."""

import contextlib
import json
import ssl
import time
from pathlib import Path

import pytest
from jeepney import DBusErrorResponse

from tests.system import host
from tests.system.api import make_certificate
from tests.system.client import Caller

ORDER = ["configuration", "daemon", "bus policy", "grants", "polkit", "key holder", "credential", "name", "TLS", "key",
         "clock", "store"]
POLICY = Path("/usr/share/dbus-1/system.d/dev.passlock.Passlock1.conf")
START_AGAIN = "systemctl restart passlockd"
START_KEY_HOLDER_AGAIN = "systemctl restart passlock-keyholder"


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
    """Checks that this is the only fault. Returns the advice."""
    checks = examine(user)
    assert list(faults(checks)) == [name], checks
    for text in texts:
        assert text in checks[name]["found"]
    return checks[name]["advice"]


def follow(advice: str, command: str):
    """Runs a command of the advice."""
    assert command in advice
    host.run("sh", "-c", command)


def set_key(api):
    host.run("passlockctl", "set-key", "-", stdin=api.api_key)


def wait_for_key():
    host.wait_until(lambda: host.get("Tenancy", "State") != "unconfigured", "a key")


@pytest.fixture(name="mended")
def fixture_mended(service):
    """No fault before the test, and none after the advice was followed."""
    assert faults(examine()) == {}
    yield service
    assert faults(examine()) == {}


def test_all_is_well(mended):
    checks = examine()
    assert list(checks) == [name for name in ORDER if name != "polkit"]
    assert {check["verdict"] for check in checks.values()} == {"ok"}


def test_no_key(mended):
    host.forget_keys()
    host.systemctl("restart", host.UNIT)
    assert "passlockctl set-key" in expect("credential", "credential passlock.default does not exist")
    set_key(mended)


def test_key_of_which_systemd_has_not_heard(mended):
    """The key exists: the advice is not to create another key."""
    host.configure({"Tenancy default": mended.tenancy("passlock.second")})
    host.put_plain_key("passlock.second", mended.api_key)
    host.systemctl("restart", host.UNIT)
    follow(expect("credential", f"{host.PLAIN_KEYS}/passlock.second exists"),
           "systemctl daemon-reload; " + START_KEY_HOLDER_AGAIN)
    wait_for_key()
    assert faults(examine()) == {}
    host.configure({"Tenancy default": mended.tenancy()})
    host.systemctl("daemon-reload")
    host.systemctl("restart", host.UNIT)


def test_sealed_key_that_systemd_takes_for_a_plain_one(mended):
    """The unit expects a plain key of this name."""
    host.forget_keys()
    host.systemctl("daemon-reload")
    host.seal_key("passlock.default", mended.api_key)
    host.systemctl("restart", host.UNIT)
    follow(expect("credential", f"{host.SEALED_KEYS}/passlock.default exists"),
           "systemctl daemon-reload; " + START_KEY_HOLDER_AGAIN)
    wait_for_key()


@pytest.mark.parametrize("content, text", [
    (b"two\nlines\n", "has more than one line"), (b"\n", "is empty"), ("key".encode("utf-16"), "is UTF-16"),
    (b"a b", "contains white space")])
def test_credential_that_is_no_key(mended, content, text):
    """The daemon has read an invalid key: the advice is not a restart."""
    host.forget_keys()
    host.put_plain_key("passlock.default", "")
    (host.PLAIN_KEYS / "passlock.default").write_bytes(content)
    host.systemctl("daemon-reload")
    host.systemctl("restart", host.UNIT)
    advice = expect("credential", "passlock.default", text)
    assert "set-key" in advice and "daemon-reload" not in advice
    set_key(mended)


def test_key_from_windows(mended):
    host.forget_keys()
    host.put_plain_key("passlock.default", "")
    (host.PLAIN_KEYS / "passlock.default").write_bytes(mended.api_key.encode() + b"\r\n")
    host.systemctl("daemon-reload")
    host.systemctl("restart", host.UNIT)
    assert host.get("Tenancy", "State") == "ready"


def test_wrong_key(mended):
    """Found before any app makes a call."""
    host.forget_keys()
    host.put_plain_key("passlock.default", "not-the-key")
    host.systemctl("daemon-reload")
    host.systemctl("restart", host.UNIT)
    assert "passlockctl set-key" in expect("key", "rejected by the API")
    set_key(mended)


def spoil_key(api, name="passlock.default"):
    """Makes a key that looks as if it was sealed on another host."""
    host.seal_key("passlock.elsewhere", api.api_key)
    (host.SEALED_KEYS / "passlock.elsewhere").rename(host.SEALED_KEYS / name)
    host.systemctl("daemon-reload")


def test_key_of_another_host(mended):
    """Only the invalid file is reported."""
    host.seal_key("passlock.good", mended.api_key)
    spoil_key(mended)
    host.systemctl("restart", host.UNIT)
    bad = host.SEALED_KEYS / "passlock.default"
    advice = expect("credential", f"tenancy default has no key: {bad} cannot be decrypted on this host: ")
    assert "passlockctl set-key" in advice
    set_key(mended)


def test_key_that_opens_again(mended):
    """As after the host secret was restored."""
    sealed = (host.SEALED_KEYS / "passlock.default").read_bytes()
    spoil_key(mended)
    host.systemctl("restart", host.KEY_HOLDER)
    host.wait_until(lambda: host.get("Tenancy", "State") == "unconfigured", "no key")
    (host.SEALED_KEYS / "passlock.default").write_bytes(sealed)
    follow(expect("credential", "but can be now"), START_KEY_HOLDER_AGAIN)
    wait_for_key()


# The key holder

def expect_key_holder(*texts: str) -> str:
    advice = expect("key holder", *texts)
    assert examine()["key"]["verdict"] == "skipped"
    return advice


def wait_for_key_holder():
    host.wait_until(lambda: "key_holder" not in json.loads(host.run("passlockctl", "status", "--json")), "the key holder")


def test_stopped_socket(mended):
    host.systemctl("stop", host.KEY_HOLDER_SOCKET, host.KEY_HOLDER)
    advice = expect_key_holder("passlock-keyholder.socket is not active")
    assert json.loads(host.run("passlockctl", "status", "--json"))["key_holder"]
    follow(advice, "systemctl start passlock-keyholder.socket")
    wait_for_key_holder()


@pytest.mark.parametrize("unit", [host.KEY_HOLDER, host.KEY_HOLDER_SOCKET])
def test_masked_key_holder(mended, unit):
    host.systemctl("mask", "--runtime", "--now", unit)
    if unit == host.KEY_HOLDER_SOCKET:
        host.systemctl("stop", host.KEY_HOLDER)
    advice = expect_key_holder(f"{unit} is masked")
    host.systemctl("unmask", "--runtime", unit)
    follow(advice, "systemctl unmask passlock-keyholder.socket passlock-keyholder.service; "
                   "systemctl start passlock-keyholder.socket")
    wait_for_key_holder()


def test_failing_key_holder(mended):
    with host.drop_in("[Service]\nExecStart=\nExecStart=/usr/libexec/passlock-keyholder --user=none-such\n",
                      host.KEY_HOLDER):
        host.systemctl("restart", host.KEY_HOLDER, status=1)
        advice = expect_key_holder("the last start of passlock-keyholder.service failed: ")
        assert "journalctl -u passlock-keyholder" in advice
    wait_for_key_holder()


def test_hanging_key_holder(mended):
    with host.drop_in("[Service]\nWatchdogSec=0\n", host.KEY_HOLDER):
        host.systemctl("restart", host.KEY_HOLDER)
        host.call("Vault", "ListPasskeys", "s", "")
        host.systemctl("kill", "--signal=STOP", host.KEY_HOLDER)
        host.systemctl("restart", host.UNIT)
        follow(expect_key_holder("The key holder does not respond"), START_KEY_HOLDER_AGAIN)
    wait_for_key_holder()


def test_settings_from_before_there_was_a_key_holder(mended):
    key = Path("/root/my-key")
    key.write_text(mended.api_key)
    host.configure({"Tenancy default": mended.tenancy("my.key")})
    setting = f"[Service]\nLoadCredential=my.key:{key}\n"
    with host.drop_in(setting):
        host.systemctl("restart", host.UNIT)
        found = examine()["key holder"]["found"]
        assert "/etc/systemd/system/passlockd.service.d/test.conf:2: LoadCredential=my.key is a setting of passlockd" in found
        key.unlink()
        host.systemctl("restart", host.UNIT, status=1)
        assert examine()["key holder"]["found"] == found
        key.write_text(mended.api_key)
    host.configure({"Tenancy default": mended.tenancy()})
    host.systemctl("daemon-reload")
    host.systemctl("restart", host.UNIT)


def limited(*command, user=None) -> str:
    """The output of a command that fails before the bus's timeout."""
    begin = time.monotonic()
    said = host.run(*command, user=user, status=1)
    assert time.monotonic() - begin < 20
    return said


@pytest.mark.parametrize("user", [None, "nobody"])
def test_unit_that_cannot_start_is_said_at_once(mended, user):
    """Every command reports the reason that doctor reports."""
    host.systemctl("stop", host.UNIT)
    good = host.CONFIG.read_text()
    host.CONFIG.write_text(good + "Nonsense=1\n")
    said = limited("passlockctl", "status", user=user)
    assert "the last start of passlockd.service failed" in said
    assert ("Nonsense=" in said) is (user is None), "the journal is not everybody's"
    assert "the last start of passlockd.service failed" in limited("passlockctl", "link", "list", user=user)
    host.CONFIG.write_text(good)
    host.run("sh", "-c", START_AGAIN)


def test_unit_that_could_not_start_and_now_can(mended):
    """A command starts the unit, even if an earlier start failed."""
    host.systemctl("stop", host.UNIT)
    good = host.CONFIG.read_text()
    host.CONFIG.write_text(good + "Nonsense=1\n")
    host.systemctl("start", host.UNIT, status=1)
    host.systemctl("stop", host.UNIT)
    host.CONFIG.write_text(good)
    assert "default" in host.run("passlockctl", "status")


def test_mistake_in_the_configuration(mended):
    good = host.CONFIG.read_text()
    host.CONFIG.write_text(good + "Nonsense=1\n")
    where = f"{host.CONFIG}:{good.count(chr(10)) + 1}: "
    host.systemctl("reload", host.UNIT, status=1)
    host.wait_until(lambda: f"Failed to load the configuration, Reload by uid 0: {where}" in host.journal(), "a record")
    advice = expect("configuration", where, "Nonsense=")
    host.systemctl("restart", host.UNIT, status=1)
    again = expect("configuration", where, "Nonsense=")
    host.CONFIG.write_text(good)
    follow(again, START_AGAIN)
    follow(advice, "passlockctl reload")


@pytest.mark.parametrize("mistake", ["Nonsense=1\n", ""], ids=["bad", "good"])
def test_start_that_goes_on(mended, mistake):
    """doctor waits until the start has succeeded or failed."""
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
        advice = expect("bus policy", "denies calls to the daemon")
        assert str(POLICY.parent) in advice
    finally:
        POLICY.write_text(text)
    follow(advice, "systemctl reload dbus; " + START_AGAIN)


def test_grant(mended):
    advice = expect("grants", "no grant gives user 65534 access to a tenancy", user="nobody")
    with host.CONFIG.open("a") as file:
        file.write("[Grant test]\nUser=nobody\nAllow=Exchange Links.Read\nRpId=shop.example.com\n")
    follow(advice, "passlockctl reload")
    checks = examine("nobody")
    assert faults(checks) == {}
    assert checks["grants"]["found"] == (
        "tenancy default: Exchange Links.Read, for shop.example.com ([Grant test])")
    host.configure({"Tenancy default": mended.tenancy()})
    host.systemctl("reload", host.UNIT)


def test_what_polkit_would_allow(mended):
    """By default after authentication of an administrator; by a rule without."""
    rules = Path("/etc/polkit-1/rules.d/50-doctor.rules")
    found = examine("nobody")["polkit"]["found"]
    assert "after authentication of an administrator: " in found
    rules.write_text("""polkit.addRule(function(action, subject) {
        if (action.id == "dev.passlock.Passlock1.read-links" && action.lookup("tenancy") == "default" &&
            subject.user == "nobody") return polkit.Result.YES; });""")
    try:
        host.systemctl("restart", "polkit.service")
        said = host.run("passlockctl", "doctor", user="nobody", status=1)
        assert "tenancy default, without a grant: read-links\n" in said
    finally:
        rules.unlink()
        host.systemctl("restart", "polkit.service")


def test_too_many_connections(mended):
    """The bus allows 256 connections per user."""
    with contextlib.ExitStack() as stack:
        while True:
            try:
                stack.callback(Caller("nobody").close)
            except DBusErrorResponse as error:
                assert error.name.endswith(".LimitsExceeded")
                break
        said = host.run("passlockctl", "doctor", user="nobody", status=1)
        assert "The bus refuses another connection of user 65534" in said
        assert "Failed to connect to the system bus" not in said
        said = host.run("passlockctl", "status", user="nobody", status=5)
        assert said.startswith("passlockctl: The bus refuses another connection of user 65534: ")


def test_every_tenancy(mended):
    host.configure({"Tenancy default": mended.tenancy(), "Tenancy other": mended.tenancy() | {
        "TenancyId": "other", "ApiKeyCredential": "passlock.other"}})
    host.systemctl("reload", host.UNIT)
    shown = json.loads(host.run("passlockctl", "doctor", "--json", status=1))["checks"]
    (fault,) = [check for check in shown if check["verdict"] == "fault"]
    assert (fault["name"], fault["tenancy"]) == ("credential", "other")
    assert "passlockctl --tenancy=other set-key" in fault["advice"]
    host.configure({"Tenancy default": mended.tenancy()})
    host.systemctl("reload", host.UNIT)


PROXIES = {
    "Environment": ("[Service]\nEnvironment=https_proxy=http://user:secret@127.0.0.1:9\n", None),
    "EnvironmentFile": ("[Service]\nEnvironmentFile=/etc/passlock/environment\n",
                        "https_proxy='http://user:secret@127.0.0.1:9'\n"),
}


@pytest.mark.parametrize("setting", PROXIES)
def test_proxy_of_the_unit(mended, setting):
    """The proxy is set for the daemon, not in doctor's environment."""
    settings, content = PROXIES[setting]
    if content:
        Path("/etc/passlock/environment").write_text(content)
    with host.CONFIG.open("a") as file:
        file.write("[Grant test]\nUser=nobody\nAllow=Exchange\n")
    with host.drop_in(settings):
        host.systemctl("restart", host.UNIT)
        assert "passlock-keyholder.service" in examine()["key holder"]["advice"], "that of the daemon is not used"
    with host.drop_in(settings, host.KEY_HOLDER):
        host.systemctl("restart", host.UNIT)
        for user in (None, "nobody"):
            advice = expect("TLS", "through the daemon's proxy 127.0.0.1:9: ", user=user)
            assert "--property=Environment" in advice and "secret" not in str(examine(user))
        # The other way round it is none of the daemon's business.
    host.systemctl("restart", host.UNIT)
    assert host.run("env", "https_proxy=http://127.0.0.1:9", "passlockctl", "doctor")
    host.configure({"Tenancy default": mended.tenancy()})
    host.systemctl("reload", host.UNIT)


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
        assert "renewed" in expect("TLS", "expired")
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
        expect("TLS", "Failed to connect to https://api.passlock.test")
    finally:
        mended.start()


def test_api_is_back_a_moment_ago(mended):
    """The daemon still refuses calls when doctor begins."""
    mended.stop()

    def is_refused() -> bool:
        host.run("passlockctl", "vault", "list", status=None)
        return host.get("Tenancy", "State") == "degraded"

    host.wait_until(is_refused, "an open circuit breaker")
    mended.start()
    assert faults(examine()) == {}


def test_full_disk(mended):
    host.systemctl("stop", host.UNIT)
    host.run("mount", "-t", "tmpfs", "-o", "size=16M", "small", host.STATE)
    try:
        host.systemctl("start", host.UNIT)
        assert "free disk space" in expect("store", "MiB free")
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
