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


def test_a_sealed_default_that_was_there_before_any_configuration(bare, api):
    host.CONFIG.unlink()
    host.seal_key("passlock.default", api.api_key)
    host.systemctl("daemon-reload")
    host.configure({"Tenancy default": api.tenancy()})
    host.systemctl("restart", host.UNIT)
    assert state() == "ready"


def test_another_key_that_comes_later(bare, api, other_api):
    """A plain one is found at any start, a sealed one when systemd has been told."""
    host.seal_key("passlock.default", api.api_key)
    start(("default", api.tenancy()), ("other", other_api.tenancy("passlock.other")))
    assert state("other") == "unconfigured"
    host.put_plain_key("passlock.other", other_api.api_key)
    host.systemctl("restart", host.UNIT)
    assert state("other") == "ready"

    (host.PLAIN_KEYS / "passlock.other").unlink()
    host.seal_key("passlock.other", other_api.api_key)
    host.systemctl("restart", host.UNIT)
    assert state("other") == "unconfigured"
    assert "systemctl daemon-reload" in host.call("Manager", "Diagnose")
    host.systemctl("daemon-reload")
    host.systemctl("restart", host.UNIT)
    assert state("other") == "ready"


def test_a_plain_default_that_comes_later(bare, api):
    start(("default", api.tenancy()))
    assert state() == "unconfigured"
    host.put_plain_key("passlock.default", api.api_key)
    host.systemctl("daemon-reload")
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
    """A name that would say something else to systemd is not passed on, and keeps no other key away."""
    odd = ["passlock.a b", "passlock.%n", "passlock.$(touch was-here)", "passlock.`touch was-here`",
           "passlock.'", 'passlock."', "passlock.a:b", "passlock.\\x41", "passlock.é", "passlock.*",
           "passlock." + 200 * "x"]
    for name in odd:
        host.put_plain_key(name, "odd")
    host.put_plain_key("passlock.default", api.api_key)
    start(("default", api.tenancy()), *((f"odd{number}", {
        "TenancyId": f"odd{number}", "ApiKeyCredential": name}) for number, name in enumerate(odd)))
    assert state() == "ready"
    assert host.loaded_credentials() == {"passlock.default"}
    assert host.show("User") == "passlock"
    assert host.show("ExecStartPre") == ""
    assert not host.Path("/was-here").exists()


def test_what_is_no_file(bare, api):
    host.put_plain_key("passlock.default", api.api_key)
    dangling = host.PLAIN_KEYS / "passlock.dangling"
    dangling.symlink_to("/nowhere")
    directory = host.SEALED_KEYS / "passlock.directory"
    directory.mkdir(parents=True)
    try:
        start(("default", api.tenancy()), ("directory", {"TenancyId": "a"}),
              ("dangling", {"TenancyId": "b"}))
        assert host.loaded_credentials() == {"passlock.default"}
    finally:
        directory.rmdir()
        dangling.unlink()


# What is loaded is what the configuration names.

SUFFIXES = (".bak", "~", ".dpkg-old", ".dpkg-dist", ".rpmsave", ".2026-11-22", ".orig")


def test_copies_beside_a_key(bare, api):
    """They are nobody's key, and a sealed one does not open under another name."""
    host.seal_key("passlock.default", api.api_key)
    sealed = (host.SEALED_KEYS / "passlock.default").read_bytes()
    for suffix in SUFFIXES:
        (host.SEALED_KEYS / f"passlock.default{suffix}").write_bytes(sealed)
        host.put_plain_key(f"passlock.default{suffix}", "an-old-key")
    start(("default", api.tenancy()))
    assert state() == "ready"
    assert host.loaded_credentials() == {"passlock.default"}


def test_copies_without_the_key(bare, api):
    host.put_plain_key("passlock.default.bak", api.api_key)
    start(("default", api.tenancy()))
    assert state() == "unconfigured"


def test_key_of_a_tenancy_that_is_not_configured(bare, api):
    host.put_plain_key("passlock.default", api.api_key)
    host.put_plain_key("passlock.gone", "an-old-key")
    host.put_plain_key("of-another-service", "other")
    start(("default", api.tenancy()))
    (host.PLAIN_KEYS / "of-another-service").unlink()
    assert host.loaded_credentials() == {"passlock.default"}


def test_name_of_the_administrators_own(bare, api):
    """Without a drop-in for the unit."""
    host.put_plain_key("shop.key", api.api_key)
    start(("default", api.tenancy("shop.key")))
    (host.PLAIN_KEYS / "shop.key").unlink()
    assert state() == "ready"
    assert host.loaded_credentials() == {"shop.key"}


def test_name_in_a_drop_in_from_windows(bare, api):
    """Merged as the daemon does, whose parser it is."""
    drop_ins = host.Path("/usr/lib/passlock/passlockd.conf.d")
    drop_ins.mkdir(parents=True)
    try:
        (drop_ins / "10-masked.conf").write_text("[Tenancy masked]\nTenancyId=m\n")
        (drop_ins / "20-name.conf").write_bytes(
            b"\xef\xbb\xbf[Tenancy default]\r\nApiKeyCredential=shop.key\r\n")
        masking = host.Path(f"{host.CONFIG}.d/10-masked.conf")
        masking.parent.mkdir(exist_ok=True)
        masking.symlink_to("/dev/null")
        host.put_plain_key("shop.key", api.api_key)
        host.put_plain_key("passlock.default", "an-old-key")
        host.put_plain_key("passlock.masked", "masked")
        start(("default", api.tenancy()))
        masking.unlink()
        assert state() == "ready"
        assert host.loaded_credentials() == {"shop.key"}
    finally:
        (host.PLAIN_KEYS / "shop.key").unlink()
        host.shutil.rmtree("/usr/lib/passlock")


def test_mistake_in_the_configuration_keeps_no_key_away(bare, api):
    """When it is mended, a start is enough: systemd knows the key already."""
    host.put_plain_key("passlock.default", api.api_key)
    host.configure({"Daemon": {"Nonsense": "yes"}, "Tenancy default": api.tenancy()})
    host.systemctl("daemon-reload")
    host.systemctl("start", host.UNIT, status=1)
    host.configure({"Tenancy default": api.tenancy()})
    host.systemctl("restart", host.UNIT)
    assert state() == "ready"


@pytest.mark.parametrize("store", [host.seal_key, host.put_plain_key])
def test_default_key_that_is_not_configured(bare, api, store):
    """It is none of the unit's business: not even if it does not open here."""
    store("passlock.default", "an-old-key")
    if store is host.seal_key:
        (host.SEALED_KEYS / "passlock.default").write_text("bm90IHNlYWxlZCBoZXJl\n")
    host.put_plain_key("shop.key", api.api_key)
    start(("default", api.tenancy("shop.key")))
    (host.PLAIN_KEYS / "shop.key").unlink()
    assert host.loaded_credentials() == {"shop.key"}


def test_generator_without_any_configuration(bare, api, tmp_path):
    host.CONFIG.unlink()
    generator = "/usr/lib/systemd/system-generators/passlock-credentials-generator"
    assert host.run(generator, tmp_path, tmp_path, tmp_path) == ""
    (drop_in,) = (file for file in tmp_path.rglob("*") if file.is_file())
    assert drop_in.read_text().endswith("[Service]\nLoadCredentialEncrypted=passlock.default\n")
    assert "Usage" in host.run(generator, status=2)


# An image of which hosts are made.

@pytest.fixture(name="image")
def fixture_image(bare, api):
    """A configuration, and after the test the host's own identity again."""
    machine_id = host.Path("/etc/machine-id").read_text()
    start(("default", api.tenancy()))
    host.systemctl("stop", host.UNIT)
    yield api
    host.forget_keys()
    host.Path("/etc/machine-id").write_text(machine_id)
    host.Path("/var/lib/systemd/credential.secret").unlink(missing_ok=True)


def recipes() -> dict[str, list[str]]:
    """What doc/admin.md says about images: texts by the kind of their block."""
    text = host.Path("/src/doc/admin.md").read_text()
    section = text.partition("## Build an image\n")[2].partition("\n## ")[0]
    found: dict[str, list[str]] = {}
    for block in section.split("```")[1::2]:
        kind, _, lines = block.partition("\n")
        found.setdefault(kind, []).append(lines)
    return found


def put_key_into_image(key: str):
    """Types what the recipe says, and the key where it asks for it."""
    (commands,) = recipes()["console"]
    script = "\n".join(line.removeprefix("# ") for line in commands.splitlines())
    assert "systemd-ask-password -n" in script
    host.run("bash", "-ec", script.replace("systemd-ask-password -n", f"printf %s '{key}'"))


def boot_of_the_clone(status: int = 0):
    """With a machine id of its own, and no secret of the host's yet."""
    host.Path("/etc/machine-id").write_text(host.run("systemd-id128", "new"))
    host.Path("/var/lib/systemd/credential.secret").unlink(missing_ok=True)
    host.systemctl("daemon-reload")
    host.systemctl("start", host.UNIT, status=status)


def test_image_with_a_plain_key(image):
    put_key_into_image(image.api_key)
    (key,) = host.PLAIN_KEYS.iterdir()
    assert key.stat().st_mode & 0o777 == 0o600
    boot_of_the_clone()
    assert state() == "ready"


def test_image_whose_key_is_sealed_at_the_first_boot(image):
    """The plain one is gone then, and the second boot has nothing to do."""
    (unit,) = recipes()["ini"]
    file = host.Path("/etc/systemd/system/passlock-seal.service")
    file.write_text(unit)
    put_key_into_image(image.api_key)
    boot_of_the_clone()
    host.systemctl("start", file.name)
    assert [key.name for key in host.SEALED_KEYS.glob("passlock.*")] == ["passlock.default"]
    assert not list(host.PLAIN_KEYS.glob("passlock.*"))
    assert state() == "ready"
    host.systemctl("restart", host.UNIT)
    assert state() == "ready"
    host.systemctl("start", file.name)
    assert host.show("ConditionResult", file.name) == "no"
    file.unlink()


def test_image_with_a_key_sealed_for_the_builder(image):
    """What the recipe warns of: it is one host's key, and the unit does not start with it elsewhere."""
    host.seal_key("passlock.default", image.api_key)
    boot_of_the_clone(status=1)
    assert host.show("ExecMainStatus") == "243", "which is for credentials"
    host.systemctl("stop", host.UNIT)


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
