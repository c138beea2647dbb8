# SPDX-License-Identifier: LGPL-2.1-or-later
"""Locations of keys, and how the unit loads them."""

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


@pytest.mark.parametrize("unit", [host.UNIT, host.KEY_HOLDER])
def test_a_replaced_key_is_found_at_any_start(bare, api, unit):
    host.seal_key("passlock.default", "an-old-key")
    start(("default", api.tenancy()))
    assert state() == "denied"
    host.seal_key("passlock.default", api.api_key)
    host.systemctl("restart", unit)
    host.wait_until(lambda: state() == "ready", "the new key")


def test_a_sealed_default_that_was_there_before_any_configuration(bare, api):
    host.CONFIG.unlink()
    host.seal_key("passlock.default", api.api_key)
    host.systemctl("daemon-reload")
    host.configure({"Tenancy default": api.tenancy()})
    host.systemctl("restart", host.UNIT)
    assert state() == "ready"


def test_another_key_that_comes_later(bare, api, other_api):
    """A plain key is found at any start, a sealed key after daemon-reload."""
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


@pytest.mark.parametrize("unit", [host.UNIT, host.KEY_HOLDER])
def test_sealed_elsewhere(bare, api, unit):
    """A key that cannot be decrypted leaves its tenancy without a key, and the units alone."""
    host.seal_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    host.SEALED_KEYS.joinpath("passlock.default").write_text("bm90IHNlYWxlZCBoZXJl\n")
    host.systemctl("restart", unit)
    host.wait_until(lambda: state() == "unconfigured", "no key")
    assert host.show("ExecMainStatus", "passlock-unseal@passlock.default.service") == "243", "which is for credentials"
    assert host.show("ActiveState", host.KEY_HOLDER) == "active"


def test_credentials_of_the_store(bare, api):
    """Sealed or plain, as keys; one that cannot be decrypted leaves the tenancies alone."""
    host.seal_key("passlock.default", api.api_key)
    host.seal_key("passlock.store.key", host.run("openssl", "genpkey", "-algorithm", "ed25519"))
    host.put_plain_key("passlock.store.password", "root:secret")
    start(("default", api.tenancy()))
    assert host.loaded_credentials() == {"passlock.default"}
    host.configure({"Tenancy default": api.tenancy(), "Store": {
        "Engine": "etcd", "Endpoints": "https://127.0.0.1:9", "CertFile": "/etc/ssl/certs/ca-certificates.crt",
        "KeyCredential": "passlock.store.key", "PasswordCredential": "passlock.store.password"}})
    host.systemctl("daemon-reload")
    host.systemctl("restart", host.UNIT)
    assert state() == "ready"
    assert host.loaded_credentials() == {"passlock.default", "passlock.store.key", "passlock.store.password"}
    assert "store-credential" not in host.call("Manager", "Diagnose")

    host.SEALED_KEYS.joinpath("passlock.store.key").write_text("bm90IHNlYWxlZCBoZXJl\n")
    host.systemctl("restart", host.KEY_HOLDER)
    host.wait_until(lambda: "store-credential" in host.call("Manager", "Diagnose"), "the finding")
    assert state() == "ready"
    assert "The credential passlock.store.key (/run/credentials/passlock-keyholder.service/passlock.store.key) is empty" in \
        host.run("passlockctl", "doctor", status=None)


def test_key_that_went_without_a_word_to_systemd(bare, api):
    host.seal_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    host.forget_keys()
    host.systemctl("restart", host.UNIT)
    assert state() == "unconfigured"


def test_odd_names(bare, api):
    """A name with special characters is skipped, and does not affect other keys."""
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
    assert host.show("User", host.KEY_HOLDER) == "passlock-keyholder"
    assert host.show("ExecStartPre", host.KEY_HOLDER) == ""
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
    """Backup copies are ignored; a sealed key does not open under another name."""
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


def set_key(api, *options, label="default", status=0) -> str:
    return host.run("passlockctl", f"--tenancy={label}", "set-key", "-", *options, stdin=f"{api.api_key}\n",
                    status=status)


def keys_there() -> list[str]:
    return sorted(str(file) for directory in (host.PLAIN_KEYS, host.SEALED_KEYS) if directory.exists()
                  for file in directory.iterdir())
def test_name_of_the_administrators_own(bare, api):
    """A custom credential name needs no manual drop-in."""
    host.put_plain_key("shop.key", api.api_key)
    start(("default", api.tenancy("shop.key")))
    (host.PLAIN_KEYS / "shop.key").unlink()
    assert state() == "ready"
    assert host.loaded_credentials() == {"shop.key"}


def test_name_in_a_drop_in_from_windows(bare, api):
    """The generator merges drop-ins with the daemon's parser."""
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
    """After the correction a start is enough: systemd knows the key already."""
    host.put_plain_key("passlock.default", api.api_key)
    host.configure({"Daemon": {"Nonsense": "yes"}, "Tenancy default": api.tenancy()})
    host.systemctl("daemon-reload")
    host.systemctl("start", host.UNIT, status=1)
    host.configure({"Tenancy default": api.tenancy()})
    host.systemctl("restart", host.UNIT)
    assert state() == "ready"


@pytest.mark.parametrize("store", [host.seal_key, host.put_plain_key])
def test_default_key_that_is_not_configured(bare, api, store):
    """The unit does not load it, even if it cannot be decrypted."""
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
    assert drop_in.parent.name == f"{host.KEY_HOLDER}.d"
    assert drop_in.read_text().endswith("[Service]\nLoadCredential=passlock.default\n")
    assert "Usage" in host.run(generator, status=2)


# An image of which hosts are made.

@pytest.fixture(name="image")
def fixture_image(bare, api):
    """A configuration; restores the host's identity after the test."""
    machine_id = host.Path("/etc/machine-id").read_text()
    start(("default", api.tenancy()))
    host.systemctl("stop", host.UNIT)
    yield api
    host.forget_keys()
    host.Path("/etc/machine-id").write_text(machine_id)
    host.Path("/var/lib/systemd/credential.secret").unlink(missing_ok=True)


def recipes() -> dict[str, list[str]]:
    """The recipes for images in doc/admin.md, by language of the block."""
    text = host.Path("/src/doc/admin.md").read_text()
    section = text.partition("## Build an image\n")[2].partition("\n## ")[0]
    found: dict[str, list[str]] = {}
    for block in section.split("```")[1::2]:
        kind, _, lines = block.partition("\n")
        found.setdefault(kind, []).append(lines)
    return found


def put_key_into_image(key: str):
    """Runs the commands of the recipe, with this key as the answer."""
    (commands,) = recipes()["console"]
    script = "\n".join(line.removeprefix("# ") for line in commands.splitlines())
    assert "systemd-ask-password -n" in script
    host.run("bash", "-ec", script.replace("systemd-ask-password -n", f"printf %s '{key}'"))


def boot_of_the_clone(status: int = 0):
    """Simulates the first boot of a clone: a new machine id, and no host secret."""
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
    """The plain key is deleted after the first boot, and the second boot does nothing."""
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
    """As the recipe warns, a key sealed on another host is no key."""
    host.seal_key("passlock.default", image.api_key)
    boot_of_the_clone()
    assert state() == "unconfigured"


@pytest.mark.parametrize("old", [host.seal_key, host.put_plain_key])
@pytest.mark.parametrize("options", [[], ["--plain"]])
def test_set_key(bare, api, old, options):
    """Whatever key existed before: afterwards there is one key, and it is in use."""
    old("passlock.default", "an-old-key")
    start(("default", api.tenancy()))
    assert state() == "denied"
    said = set_key(api, *options)
    assert said.endswith("The daemon proved that it uses the key, and made a call with it.\n"
                         "The tenancy is now ready.\n")
    assert host.get("Tenancy", "State") == "ready"
    assert keys_there() == [f"{host.PLAIN_KEYS if options else host.SEALED_KEYS}/passlock.default"]


def test_set_the_first_key(bare, api):
    start(("default", api.tenancy()))
    assert state() == "unconfigured"
    set_key(api)
    assert state() == "ready"


def test_set_a_key_by_the_name_in_the_configuration(bare, api, other_api):
    """Also if the daemon has not reloaded the configuration yet."""
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
    """A drop-in that takes precedence is reported, and nothing is changed; other drop-ins are ignored."""
    OLD_KEY.write_text("an-old-key")
    with host.drop_in(f"[Service]\n{setting}\n", host.KEY_HOLDER):
        start(("default", api.tenancy()))
        if options is None:
            assert state() == "denied"
            set_key(api)
            assert state() == "ready"
            return
        before = state()
        said = set_key(api, *options, status=1)
        assert f"/etc/systemd/system/passlock-keyholder.service.d/test.conf:2: {setting}" in said
        assert "nothing was changed" in said and "ready" not in said
        assert (state(), keys_there()) == (before, [])
    OLD_KEY.unlink()


@pytest.mark.parametrize("lines, found", [
    (f"LoadCredential=\\\n   passlock.default:{OLD_KEY}", f"test.conf:2: LoadCredential=passlock.default:{OLD_KEY} takes"),
    (f"\n# /etc/passlock/notes.conf\nLoadCredential=passlock.default:{OLD_KEY}", "test.conf:4: LoadCredential="),
    ("LoadCredential=", "test.conf:2: an empty LoadCredential= or LoadCredentialEncrypted= keeps the new key")])
def test_set_key_reads_drop_ins_as_systemd(bare, api, lines, found):
    OLD_KEY.write_text("an-old-key")
    with host.drop_in(f"[Service]\n{lines}\n", host.KEY_HOLDER):
        start(("default", api.tenancy()))
        before = state()
        said = set_key(api, status=1)
        assert f"/etc/systemd/system/passlock-keyholder.service.d/{found}" in said
        assert "nothing was changed" in said
        assert (state(), keys_there()) == (before, [])
    OLD_KEY.unlink()


def test_doctor_sees_a_drop_in_that_removes_the_key(bare, api):
    host.put_plain_key("passlock.default", api.api_key)
    with host.drop_in("[Service]\nLoadCredential=\n", host.KEY_HOLDER):
        start(("default", api.tenancy()))
        assert state() == "unconfigured"
        said = host.run("passlockctl", "doctor", status=1)
        assert "or LoadCredentialEncrypted= in /etc/systemd/system/passlock-keyholder.service.d/test.conf:2 keeps it" in said
    start(("default", api.tenancy()))
    assert state() == "ready"


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
    assert f"{other}/passlock.default takes precedence over {host.PLAIN_KEYS}/passlock.default" in said
    assert keys_there() == []
    set_key(api)
    assert state() == "ready", "a sealed one in /etc goes before that one"
    (other / "passlock.default").unlink()


def test_set_key_of_a_name_of_the_administrators_own(bare, api):
    start(("default", api.tenancy("my.key")))
    set_key(api)
    assert state() == "ready"
    assert host.loaded_credentials() == {"my.key"}
    (host.SEALED_KEYS / "my.key").unlink()


def other_tenancy(api) -> tuple[str, dict[str, str]]:
    return "other", api.tenancy("passlock.other") | {"TenancyId": "otherTenancy"}


@pytest.mark.parametrize("label", ["default", "other"])
def test_set_key_beside_a_key_that_does_not_open(bare, api, label):
    """set-key replaces the key of its tenancy, and does not touch another one."""
    host.seal_key("passlock.default", api.api_key)
    bad = host.SEALED_KEYS / f"passlock.{label}"
    bad.write_text("bm90IHNlYWxlZCBoZXJl\n")
    start(("default", api.tenancy()), other_tenancy(api))
    done = host.run("sh", "-c", "passlockctl set-key - 2>&1", stdin=f"{api.api_key}\n")
    assert done.endswith("The tenancy is now ready.\n")
    assert state() == "ready"
    assert keys_there() == sorted({str(host.SEALED_KEYS / "passlock.default"), str(bad)})


def test_set_key_does_not_end_a_key_holder_that_runs(bare, api):
    """set-key does not restart it if a setting of the administrator or the configuration would prevent the start."""
    host.seal_key("passlock.default", api.api_key)
    start(("default", api.tenancy()), other_tenancy(api))
    pid = host.main_pid(host.KEY_HOLDER)
    bad = host.SEALED_KEYS / "passlock.mine"
    bad.write_text("bm90IHNlYWxlZCBoZXJl\n")
    with host.drop_in("[Service]\nLoadCredentialEncrypted=passlock.mine\n", host.KEY_HOLDER):
        said = set_key(api, status=1)
        assert f"{bad} cannot be decrypted on this host" in said
        assert "so passlock-keyholder.service would fail to restart" in said
    bad.unlink()
    good = host.CONFIG.read_text()
    host.CONFIG.write_text(good + "Nonsense=1\n")
    said = set_key(api, status=3)
    assert "nothing was changed" in said and "Nonsense=" in said
    assert (host.main_pid(host.KEY_HOLDER), state()) == (pid, "ready")


def test_own_setting_that_prevents_the_start(bare, api):
    """As with any unit of systemd; doctor tells, and links work."""
    host.seal_key("passlock.default", api.api_key)
    bad = host.SEALED_KEYS / "passlock.mine"
    bad.write_text("bm90IHNlYWxlZCBoZXJl\n")
    with host.drop_in("[Service]\nLoadCredentialEncrypted=passlock.mine\n", host.KEY_HOLDER):
        start(("default", api.tenancy()))
        host.call("Links", "Add", "ss", "ada", "key-1")
        said = host.run("passlockctl", "doctor", status=1)
        assert f"{bad} cannot be decrypted on this host" in said
    bad.unlink()
    host.wait_until(lambda: state() == "ready", "the key holder")


def test_key_is_for_the_key_holder_alone(bare, api):
    host.put_plain_key("passlock.default", api.api_key)
    start(("default", api.tenancy()))
    assert state() == "ready"
    file = f"/run/credentials/{host.KEY_HOLDER}/passlock.default"
    assert host.run("cat", file) == api.api_key
    for user in ("nobody", "passlock"):
        assert host.run("cat", file, user=user, status=1).endswith("Permission denied\n")
    for unit in (host.UNIT, host.KEY_HOLDER):
        for name in ("environ", "cmdline"):
            assert api.api_key not in host.run("cat", f"/proc/{host.main_pid(unit)}/{name}")
