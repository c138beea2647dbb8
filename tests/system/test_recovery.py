# SPDX-License-Identifier: LGPL-2.1-or-later
"""Crash recovery works in the unit's sandbox."""

import subprocess
from pathlib import Path

import pytest

from tests.bus.authenticator import create_passkey
from tests.harness.standin import Proxy
from tests.harness import Sandbox
from tests.harness.bus import NAME, tenancy_path
from tests.system import host

RP_ID = "shop.example.com"


@pytest.fixture(name="proxied")
def fixture_proxied(work):
    """A running unit, its API, and a proxy between them."""
    with Sandbox(work, "proxiedTenancy") as api, Proxy(api.endpoint) as proxy:
        host.configure({"Tenancy default": api.tenancy() | {"Endpoint": proxy.endpoint,
                                                           "TimeoutSec": "120"}})
        host.seal_key("passlock.default", api.api_key)
        host.systemctl("daemon-reload")
        host.systemctl("start", host.UNIT)
        yield api, proxy
        host.clean_up()


def sign_up(api, user_id: str):
    answer = host.call("Tenancy", "Authorize", "sssa{sv}", RP_ID, user_id, user_id, "0")
    return create_passkey(api.endpoint, api.tenancy_id, answer.split('"')[1])


def links() -> str:
    return host.call("Links", "List", "su", "", "10")


def test_used_codes_are_not_lost(proxied):
    api, proxy = proxied
    made = sign_up(api, "user-recovered")
    proxy.keeps = lambda request: "/principal/" in request.path
    exchange = subprocess.Popen(
        ["busctl", "--timeout=300", "call", NAME, tenancy_path(), f"{NAME}.Tenancy", "Exchange",
         "sa{sv}", made.code, "0"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        host.wait_until(lambda: proxy.kept, "the API has answered")
        assert made.authenticator_id not in links()
        host.systemctl("kill", "--kill-whom=main", "--signal=KILL", host.UNIT)
        assert exchange.wait(host.WAIT_SEC) != 0
    finally:
        exchange.kill()
        exchange.wait()
    proxy.let_go()
    host.wait_until(lambda: made.authenticator_id in links(), "the link is recovered")
    assert "Link added" in host.journal()


def test_boot_is_known(service):
    """The unit passes the boot id, because the sandbox hides it in /proc."""
    environment = Path(f"/proc/{host.show('MainPID')}/environ").read_bytes().split(b"\0")
    boot_id = Path("/proc/sys/kernel/random/boot_id").read_text().strip().replace("-", "")
    assert f"BOOT_ID={boot_id}".encode() in environment
