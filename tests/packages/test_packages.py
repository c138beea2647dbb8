# SPDX-License-Identifier: LGPL-2.1-or-later
"""Install, upgrade, remove, purge and reinstall, without losing data."""

import re
import subprocess
from pathlib import Path

import pytest

from tests.harness import NAME, build_dir, source_dir, tenancy_path
from tests.packages import packages
from tests.packages.load import Load, make_codes
from tests.system import host

AUTHORIZE = ("Tenancy", "Authorize", "sssa{sv}", "shop.example.com", "user-42", "ada", "0")
ADD = ("Links", "Add", "ss", "user-42", "authenticator-7")
GET_USER = ("Links", "GetUser", "s", "authenticator-7")


@pytest.fixture(name="load")
def fixture_load(service, work):
    """Keeps calls in flight, with a slow API."""
    codes = make_codes(service, 40)
    service.set_faults("delay=100")
    with Load(work) as load:
        load.codes = codes
        yield load


def feed_while(load: Load, command: list[str]) -> str:
    """Runs the command, and exchanges a code now and then meanwhile."""
    with subprocess.Popen(command, text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT) as child:
        while child.poll() is None:
            if load.codes:
                load.exchange(load.codes.pop())
            try:
                child.wait(0.05)
            except subprocess.TimeoutExpired:
                pass
        said = child.stdout.read()
    assert child.returncode == 0, said
    return said


def count_links() -> int:
    return int(host.run("busctl", "get-property", NAME, tenancy_path(), f"{NAME}.Links",
                        "Count").split()[1])


def is_enabled() -> bool:
    return host.systemctl("is-enabled", host.UNIT, status=None).strip() == "enabled"


def test_install(installed):
    """The daemon runs without a tenancy."""
    assert host.run("getent", "passwd", "passlock").split(":")[5:] == \
        ["/var/lib/passlockd", "/usr/sbin/nologin\n"]
    assert is_enabled()
    assert host.show("ActiveState") == "active"
    assert host.show("NRestarts") == "0"
    assert host.call("Manager", "ListTenancies") == "a(sso) 0"


def test_bus_starts_it(installed):
    host.systemctl("stop", host.UNIT)
    assert host.call("Manager", "ListTenancies") == "a(sso) 0"
    assert host.show("ActiveState") == "active"


def test_sealed_key(service):
    assert host.call(*AUTHORIZE).startswith('st "')
    assert service.api_key not in host.journal()


def test_the_administrators_way(installed, api):
    """The steps of README.md: configure a tenancy, reload, set the key."""
    host.configure({"Tenancy default": api.tenancy()})
    host.systemctl("reload", host.UNIT)
    host.run("passlockctl", "set-key", "-", stdin=api.api_key)
    assert host.call(*AUTHORIZE).startswith('st "')
    assert (host.SEALED_KEYS / "passlock.default").exists()


def test_upgrade_loses_no_call(load, work):
    before = host.show("MainPID")
    feed_while(load, packages.dpkg_command("--install", *packages.later_files(work.path).values()))
    outcome = load.finish()
    assert packages.installed_version("passlockd") == packages.LATER
    assert host.show("MainPID") not in (before, "0")
    assert host.show("NRestarts") == "0"
    assert outcome.failed == 0, load.log_tail()
    assert outcome.exchanged == load.exchanged > 0
    assert outcome.added > 0 and outcome.authorized > 0
    assert count_links() == outcome.added + outcome.exchanged


def test_upgrade_from_one_process(service, work):
    """Keys and links are kept, and no action is needed."""
    packages.dpkg("--purge", "passlockd")
    host.run("userdel", "passlock-keyholder", status=None)
    packages.dpkg("--install", packages.make_earlier(work.path))
    host.configure({"Tenancy default": service.tenancy()})
    host.systemctl("restart", host.UNIT)
    assert host.call(*AUTHORIZE).startswith('st "')
    assert host.loaded_credentials(host.UNIT) == {"passlock.default"}
    host.call(*ADD)
    packages.install()
    assert host.call(*AUTHORIZE).startswith('st "')
    assert host.call(*GET_USER) == 's "user-42"'
    assert host.loaded_credentials() == {"passlock.default"}
    assert not Path(f"/run/credentials/{host.UNIT}").exists()
    assert host.show("ActiveState", host.KEY_HOLDER) == "active"
    assert host.show("NRestarts") == "0"
    host.run("passlockctl", "doctor")


def test_upgrade_replaces_the_key_holder(service, work):
    assert host.call(*AUTHORIZE).startswith('st "')
    before = host.main_pid(host.KEY_HOLDER)
    packages.dpkg("--install", packages.later_files(work.path)["passlockd"])
    assert host.call(*AUTHORIZE).startswith('st "')
    assert host.main_pid(host.KEY_HOLDER) not in (0, before)


@pytest.mark.parametrize("how", ["disable", "mask"])
def test_upgrade_respects_the_administrator(service, work, how):
    host.systemctl(how, "--now", host.UNIT)
    try:
        packages.dpkg("--install", packages.later_files(work.path)["passlockd"])
        assert host.show("ActiveState") == "inactive"
        assert not is_enabled()
    finally:
        host.systemctl("unmask", host.UNIT)


def test_remove_keeps_what_is_needed_again(load, service):
    """Removal under load removes the unit; a reinstallation restores everything."""
    host.call(*ADD)
    sealed = (host.SEALED_KEYS / "passlock.default").read_bytes()
    config = host.CONFIG.read_text()
    feed_while(load, packages.dpkg_command("--remove", "passlockd"))
    assert host.show("ActiveState") == "inactive"
    assert host.show("LoadState") == "not-found"
    assert host.show("MainPID") == "0"
    for unit in (host.KEY_HOLDER, host.KEY_HOLDER_SOCKET):
        assert (host.show("ActiveState", unit), host.show("LoadState", unit)) == ("inactive", "not-found")
    assert not Path("/run/passlock-keyholder/socket").exists()
    load.kill9()

    assert packages.STATE.is_dir()
    assert host.CONFIG.read_text() == config
    assert (host.SEALED_KEYS / "passlock.default").read_bytes() == sealed
    packages.install()
    assert is_enabled()
    assert host.call(*GET_USER) == 's "user-42"'
    assert host.call(*AUTHORIZE).startswith('st "')


@pytest.mark.parametrize("answer", ["true", None, "false"])
def test_purge(service, answer):
    """A purge removes the links only if confirmed, and never the key."""
    host.call(*ADD)
    sealed = (host.SEALED_KEYS / "passlock.default").read_bytes()
    if answer:
        packages.answer_purge_state(answer)
    packages.dpkg("--purge", "passlockd")
    assert packages.STATE.is_dir() == (answer != "true")
    assert not host.CONFIG.exists()
    assert (host.SEALED_KEYS / "passlock.default").read_bytes() == sealed
    assert host.run("getent", "passwd", "passlock")

    packages.install()
    host.configure({"Tenancy default": service.tenancy()})
    host.systemctl("restart", host.UNIT)
    assert host.call(*GET_USER, status=1 if answer == "true" else 0)
    assert host.call(*AUTHORIZE).startswith('st "')


def test_purge_after_removal(service):
    """A purge after a removal: only the maintainer script and debconf's database are left."""
    host.call(*ADD)
    packages.dpkg("--remove", "passlockd")
    packages.answer_purge_state("true")
    packages.dpkg("--purge", "passlockd")
    assert not packages.STATE.exists()


@pytest.mark.parametrize("name", re.findall(
    r"^Tests: (\w+)$", (source_dir() / "debian/tests/control").read_text(), re.M))
def test_autopkgtest(installed, name):
    """Runs the autopkgtests of the source package against the installed packages."""
    source = next(build_dir().glob("passlockd_*.dsc"))
    host.run("autopkgtest", "--no-built-binaries", "--ignore-restrictions=isolation-container",
             f"--test-name={name}", source, "--", "null")
