# SPDX-License-Identifier: LGPL-2.1-or-later
"""Where keys are, and how the unit comes to them."""

import pytest

from tests.system import host
from tests.system.api import TlsApi


@pytest.fixture(name="other_api", scope="module")
def fixture_other_api(work, api):
    with TlsApi(work, "otherTenancy") as other_api:
        yield other_api


@pytest.fixture(name="bare")
def fixture_bare(api):
    """A configuration with two tenancies, and no key."""
    yield
    host.clean_up()


def start(*tenancies):
    host.configure({f"Tenancy {label}": section for label, section in tenancies})
    host.systemctl("daemon-reload")
    host.systemctl("restart", host.UNIT)


def authorize(label: str = "default", status: int = 0) -> str:
    return host.call("Tenancy", "Authorize", "sssa{sv}", "shop.example.com", "user-42",
                     "ada@example.com", "0", label=label, status=status)


def state(label: str = "default") -> str:
    host.call("Vault", "ListPasskeys", "s", "", label=label, status=None)
    return host.get("Tenancy", "State", label=label)


def test_plain(bare, api):
    host.put_plain_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    assert authorize().startswith('st "')
    assert state() == "ready"


def test_none(bare, api):
    start(("default", api.tenancy()))
    assert state() == "unconfigured"
    assert "no API key" in authorize(status=1)


def test_a_sealed_default_is_found_at_any_start(bare, api):
    start(("default", api.tenancy()))
    assert state() == "unconfigured"
    host.seal_key("passlock.default", api.api_key)
    host.systemctl("restart", host.UNIT)
    assert state() == "ready"


def test_each_tenancy_has_its_own(bare, api, other_api):
    host.seal_key("passlock.default", api.api_key)
    host.put_plain_key("passlock.other", other_api.api_key)
    start(("default", api.tenancy()), ("other", other_api.tenancy("passlock.other")))
    assert authorize().startswith('st "')
    assert authorize("other").startswith('st "')
    assert host.show("StatusText") == (
        "default ready (0 links), other ready (0 links); 0 calls in flight")


def test_sealed_one_wins(bare, api):
    host.put_plain_key("passlock.default", "an-old-key")
    host.seal_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    assert state() == "ready"


def test_sealed_elsewhere(bare, api):
    """It is not passed over in silence."""
    host.seal_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    host.systemctl("stop", host.UNIT)
    host.SEALED_KEYS.joinpath("passlock.default").write_text("bm90IHNlYWxlZCBoZXJl\n")
    host.systemctl("start", host.UNIT, status=1)
    assert host.show("ExecMainStatus") == "243", "which is for credentials"
    host.systemctl("stop", host.UNIT)


def test_key_that_went_without_a_word_to_systemd(bare, api):
    host.seal_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    host.forget_keys()
    host.systemctl("restart", host.UNIT)
    assert state() == "unconfigured"


def test_odd_names(bare, api):
    """They say nothing to systemd, and keep no other key away."""
    odd = ["passlock.a\nUser=root", "passlock.a\nExecStartPre=touch was-here", "passlock.a b",
           "passlock.%n", "passlock.$(touch was-here)", "passlock.`touch was-here`", "passlock.'",
           'passlock."', "passlock.a:b", "passlock.\\x41", "passlock.é", "passlock.*",
           "passlock.[a-z]", "passlock." + 200 * "x"]
    for name in odd:
        host.put_plain_key(name, "odd")
    host.put_plain_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    assert state() == "ready"
    assert host.loaded_credentials() == {"passlock.default"}
    assert host.show("User") == "passlock"
    assert host.show("ExecStartPre") == ""
    assert not host.Path("/was-here").exists()


def test_what_is_no_file(bare, api):
    host.put_plain_key("passlock.default", api.api_key)
    (host.PLAIN_KEYS / "passlock.directory").mkdir()
    (host.PLAIN_KEYS / "passlock.dangling").symlink_to("/nowhere")
    start(("default", api.tenancy()))
    (host.PLAIN_KEYS / "passlock.directory").rmdir()
    (host.PLAIN_KEYS / "passlock.dangling").unlink()
    assert host.loaded_credentials() == {"passlock.default"}


def test_of_other_services(bare, api):
    host.put_plain_key("not-passlock.default", "other")
    host.put_plain_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    (host.PLAIN_KEYS / "not-passlock.default").unlink()
    assert host.loaded_credentials() == {"passlock.default"}


@pytest.mark.parametrize("old", [host.seal_key, host.put_plain_key])
@pytest.mark.parametrize("options", [[], ["--plain"]])
def test_set_key(bare, api, old, options):
    """Whatever was there: afterwards there is one key, and it is in use."""
    old("passlock.default", "an-old-key")
    start(("default", api.tenancy()))
    assert state() == "denied"
    said = host.run("passlockctl", "set-key", "-", f"--ca-file={api.tenancy()['CaFile']}", *options,
                    stdin=f"{api.api_key}\n")
    assert said.endswith("The tenancy is now ready.\n")
    assert state() == "ready"
    kept = [str(file) for directory in (host.PLAIN_KEYS, host.SEALED_KEYS)
            for file in directory.glob("passlock.*")]
    assert kept == [f"{host.PLAIN_KEYS if options else host.SEALED_KEYS}/passlock.default"]


def test_set_the_first_key(bare, api):
    start(("default", api.tenancy()))
    assert state() == "unconfigured"
    host.run("passlockctl", "set-key", "-", f"--ca-file={api.tenancy()['CaFile']}",
             stdin=f"{api.api_key}\n")
    assert state() == "ready"


def test_key_is_for_the_daemon_alone(bare, api):
    host.put_plain_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    file = f"/run/credentials/{host.UNIT}/passlock.default"
    assert host.run("cat", file) == api.api_key
    assert host.run("cat", file, user="nobody", status=1).endswith("Permission denied\n")
    pid = host.show("MainPID")
    for name in ("environ", "cmdline"):
        assert api.api_key not in host.run("cat", f"/proc/{pid}/{name}")
