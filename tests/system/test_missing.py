# SPDX-License-Identifier: LGPL-2.1-or-later
"""Objects that the configuration names but do not exist yet."""

import contextlib
from pathlib import Path

import pytest

from tests.system import host

FOUND_SEC = 10
SLOW_MACHINE_SEC = 20


def wait_found(condition, what: str):
    host.wait_until(condition, what, FOUND_SEC + SLOW_MACHINE_SEC)


def diagnose() -> str:
    """The output of Diagnose."""
    return host.call("Manager", "Diagnose")


def configure(api, **grant: str):
    host.configure({"Tenancy default": api.tenancy(), "Grant late": grant | {"Allow": "Links.Read"}})


def may_read(user: str) -> bool:
    said = host.call("Links", "ListByUser", "s", "ada", user=user, status=None)
    assert said == "aa{sv} 0" or "Access denied" in said or "grant" in said, said
    return said == "aa{sv} 0"


@contextlib.contextmanager
def account(*command: str, remove: str):
    host.run(*command)
    try:
        yield
    finally:
        host.run(remove, command[-1])


def test_user_that_comes_later(configured):
    """A user that is created after the daemon has started, as by a package."""
    configure(configured, User="newcomer")
    host.systemctl("start", host.UNIT)
    place = f"{host.CONFIG}:{host.CONFIG.read_text().splitlines().index('User=newcomer') + 1}"
    assert f"{place}: No such user: newcomer" in host.journal()
    assert '"No such user: newcomer' in diagnose()
    assert host.call("Links", "ListByUser", "s", "ada") == "aa{sv} 0"
    with account("useradd", "--system", "newcomer", remove="userdel"):
        wait_found(lambda: may_read("newcomer"), "it is found")
        assert diagnose() == "aa{sv} 0"
        assert not may_read("nobody")


def test_group_that_comes_later(configured):
    configure(configured, Group="newcomers")
    host.systemctl("start", host.UNIT)
    assert '"No such group: newcomers' in diagnose()
    with account("groupadd", "--system", "newcomers", remove="groupdel"), \
            account("useradd", "--system", "--groups=newcomers", "newcomer", remove="userdel"):
        wait_found(lambda: may_read("newcomer"), "it is found")


def test_user_that_is_made_anew(configured):
    """A user recreated with another uid: after a reload the old uid has no rights."""
    configure(configured, User="newcomer")
    with account("useradd", "--uid=7001", "newcomer", remove="userdel"):
        host.systemctl("start", host.UNIT)
        assert may_read("newcomer")
    with account("useradd", "--uid=7001", "other", remove="userdel"), \
            account("useradd", "--uid=7002", "newcomer", remove="userdel"):
        host.systemctl("reload", host.UNIT)
        assert not may_read("other")
        assert may_read("newcomer")


def test_ca_file_that_comes_later(configured):
    section = configured.tenancy()
    ca_file = Path(section["CaFile"])
    certificate = ca_file.read_bytes()
    ca_file.unlink()
    host.systemctl("start", host.UNIT)
    assert f"CaFile={ca_file}: No such file" in host.journal()
    assert '"ca-file"' in diagnose()
    assert host.call("Links", "ListByUser", "s", "ada") == "aa{sv} 0"
    ca_file.write_bytes(certificate)
    assert diagnose() == "aa{sv} 0"
    wait_found(lambda: host.call("Vault", "ListPasskeys", "s", "", status=None).startswith("aa{sv}"),
               "the API is trusted")


@pytest.mark.parametrize("make", [lambda text: text.replace(b"\n", b"\r\n"),
                                  lambda text: b"\xef\xbb\xbf" + text,
                                  lambda text: b"\xef\xbb\xbf" + text.replace(b"\n", b"\r\n")],
                         ids=["CR LF", "BOM", "both"])
def test_configuration_from_windows(service, make):
    """CR LF and a byte order mark are accepted at reload and start."""
    host.CONFIG.write_bytes(make(host.CONFIG.read_bytes()))
    host.run("passlockctl", "reload")
    host.systemctl("restart", host.UNIT)
    assert host.get("Tenancy", "State") == "ready"


def test_configuration_in_utf_16(service):
    host.CONFIG.write_text(host.CONFIG.read_text(), encoding="utf-16")
    assert "is UTF-16; convert it to UTF-8" in host.run("passlockctl", "reload", status=None)
