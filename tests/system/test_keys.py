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


def set_key(api, *options, label="default", status=0) -> str:
    return host.run("passlockctl", f"--tenancy={label}", "set-key", "-", *options, stdin=f"{api.api_key}\n",
                    status=status)


def keys_there() -> list[str]:
    return sorted(str(file) for directory in (host.PLAIN_KEYS, host.SEALED_KEYS) if directory.exists()
                  for file in directory.iterdir())


@pytest.mark.parametrize("old", [host.seal_key, host.put_plain_key])
@pytest.mark.parametrize("options", [[], ["--plain"]])
def test_set_key(bare, api, old, options):
    """Whatever was there: afterwards there is one key, and it is in use."""
    old("passlock.default", "an-old-key")
    start(("default", api.tenancy()))
    assert state() == "denied"
    said = set_key(api, *options)
    assert said.endswith("The daemon has proved that it has this key, and made a call with it.\n"
                         "The tenancy is now ready.\n")
    assert host.get("Tenancy", "State") == "ready"
    assert keys_there() == [f"{host.PLAIN_KEYS if options else host.SEALED_KEYS}/passlock.default"]


def test_set_the_first_key(bare, api):
    start(("default", api.tenancy()))
    assert state() == "unconfigured"
    set_key(api)
    assert state() == "ready"


def test_set_a_key_by_the_name_in_the_configuration(bare, api, other_api):
    """Also if the daemon has not read that yet."""
    host.put_plain_key("passlock.main", "an-old-key")
    start(("default", api.tenancy()), ("other", other_api.tenancy("passlock.other")))
    host.configure({"Tenancy default": api.tenancy("passlock.main"),
                    "Tenancy other": other_api.tenancy("passlock.second")})
    set_key(api)
    set_key(other_api, label="other")
    assert keys_there() == [f"{host.SEALED_KEYS}/passlock.main", f"{host.SEALED_KEYS}/passlock.second"]
    assert (state(), state("other")) == ("ready", "ready")


OLD_KEY = host.Path("/root/old-key")


@pytest.mark.parametrize("setting, options", [
    (f"LoadCredential=passlock.default:{OLD_KEY}", []), ("SetCredential=passlock.default:an-old-key", None),
    ("LoadCredentialEncrypted=passlock.default", ["--plain"])])
def test_set_key_sees_a_drop_in(bare, api, setting, options):
    """One that goes before the new key is named, and nothing is changed; one that does not is none of it."""
    OLD_KEY.write_text("an-old-key")
    with host.drop_in(f"[Service]\n{setting}\n"):
        start(("default", api.tenancy()))
        if options is None:
            assert state() == "denied"
            set_key(api)
            assert state() == "ready"
            return
        before = state()
        said = set_key(api, *options, status=1)
        assert f"/etc/systemd/system/passlockd.service.d/test.conf:2 has {setting}" in said
        assert "nothing was changed" in said and "ready" not in said
        assert (state(), keys_there()) == (before, [])
    OLD_KEY.unlink()


@pytest.mark.parametrize("directory, options", [("/usr/lib/credstore.encrypted", ["--plain"]),
                                                ("/run/credstore.encrypted", ["--plain"])])
def test_set_key_sees_a_file_that_goes_before(bare, api, directory, options):
    host.seal_key("passlock.default", "an-old-key")
    other = host.Path(directory)
    other.mkdir(exist_ok=True)
    (host.SEALED_KEYS / "passlock.default").rename(host.SEALED_KEYS / "moved")
    host.run("mv", host.SEALED_KEYS / "moved", other / "passlock.default")
    start(("default", api.tenancy()))
    assert state() == "denied"
    said = set_key(api, *options, status=1)
    assert f"{other}/passlock.default is there, and goes before {host.PLAIN_KEYS}/passlock.default" in said
    assert keys_there() == []
    set_key(api)
    assert state() == "ready", "a sealed one in /etc goes before that one"
    (other / "passlock.default").unlink()


def test_set_key_where_the_unit_knows_no_such_name(bare, api):
    start(("default", api.tenancy("my.key")))
    said = set_key(api, status=1)
    setting = f"LoadCredentialEncrypted=my.key:{host.SEALED_KEYS}/my.key"
    assert f"add a drop-in with {setting}, and run this again" in said
    with host.drop_in(f"[Service]\n{setting}\n"):
        set_key(api)
        assert state() == "ready"
    (host.SEALED_KEYS / "my.key").unlink()


@pytest.mark.parametrize("label", ["default", "other"])
def test_set_key_mends_a_key_that_does_not_open(bare, api, label):
    """It keeps the unit from starting, so set-key sets it aside: that is what it is for."""
    host.seal_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    host.systemctl("stop", host.UNIT)
    bad = host.SEALED_KEYS / f"passlock.{label}"
    bad.write_text("bm90IHNlYWxlZCBoZXJl\n")
    host.systemctl("daemon-reload")
    host.systemctl("start", host.UNIT, status=1)
    host.wait_until(lambda: host.show("ActiveState") == "failed", "the end of the attempts")
    done = host.run("sh", "-c", "passlockctl set-key - 2>&1", stdin=f"{api.api_key}\n")
    assert f"{bad} does not open on this host: " in done
    assert f"it is now {host.SEALED_KEYS}/unusable.passlock.{label}" in done
    assert done.endswith("The tenancy is now ready.\n")
    assert state() == "ready"
    assert keys_there() == [str(host.SEALED_KEYS / "passlock.default"),
                            str(host.SEALED_KEYS / f"unusable.passlock.{label}")]
    (host.SEALED_KEYS / f"unusable.passlock.{label}").unlink()


def test_set_key_does_not_end_a_daemon_that_runs(bare, api):
    """A restart would, with a key that does not open, or with a mistake in the configuration."""
    host.seal_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    pid = host.show("MainPID")
    bad = host.SEALED_KEYS / "passlock.other"
    bad.write_text("bm90IHNlYWxlZCBoZXJl\n")
    host.systemctl("daemon-reload")
    assert f"{bad} does not open on this host" in set_key(api, status=1)
    bad.unlink()
    good = host.CONFIG.read_text()
    host.CONFIG.write_text(good + "Nonsense=1\n")
    said = set_key(api, status=3)
    assert "nothing was changed" in said and "Nonsense=" in said
    assert (host.show("MainPID"), state()) == (pid, "ready")


def test_key_is_for_the_daemon_alone(bare, api):
    host.put_plain_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    file = f"/run/credentials/{host.UNIT}/passlock.default"
    assert host.run("cat", file) == api.api_key
    assert host.run("cat", file, user="nobody", status=1).endswith("Permission denied\n")
    pid = host.show("MainPID")
    for name in ("environ", "cmdline"):
        assert api.api_key not in host.run("cat", f"/proc/{pid}/{name}")
