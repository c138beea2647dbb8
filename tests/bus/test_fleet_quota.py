# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host whose etcd has reached its quota."""

import base64
import shutil

import pytest

from harness.etcd import Etcd

from .client import plain
from .fleet import Fleet
from .stack import eventually, new_user, raises
from .test_fleet import plain_store, user_of

pytestmark = pytest.mark.skipif(not shutil.which("etcd"), reason="needs etcd")

QUOTA = 4 << 20


def fill(etcd: Etcd):
    """Writes under other keys until etcd raises its alarm, as another application may."""
    body = {"key": base64.b64encode(b"other").decode(), "value": base64.b64encode(bytes(1 << 19)).decode()}
    with pytest.raises(OSError):
        for _ in range(100):
            etcd.call("/v3/kv/put", body)
    assert etcd.call("/v3/maintenance/alarm", {})["alarms"][0]["alarm"] == "NOSPACE"


def make_room(etcd: Etcd):
    """As doc/fleet.md says."""
    revision = etcd.call("/v3/maintenance/status", {})["header"]["revision"]
    etcd.call("/v3/kv/compaction", {"revision": revision, "physical": True})
    etcd.call("/v3/maintenance/defragment", {})
    for alarm in etcd.call("/v3/maintenance/alarm", {})["alarms"]:
        etcd.call("/v3/maintenance/alarm", alarm | {"action": "DEACTIVATE"})


def test_quota():
    """Look-ups and sign-ins go on, exchanges are kept on the host, and all is shared afterwards."""
    def small_etcd(work):
        return Etcd(work, options=(f"--quota-backend-bytes={QUOTA}",))

    with Fleet(2, etcd=small_etcd, Acknowledge="local") as fleet:
        one, two = (host.connect() for host in fleet.hosts)
        user, authenticator = new_user(), f"pk-{new_user()}"
        one.links("Add", user, authenticator)
        eventually(lambda: user_of(two, authenticator) == user)
        fill(fleet.etcd)
        with raises("StoreFull"):
            one.links("Add", user, f"pk-{new_user()}")
        assert user_of(one, authenticator) == user_of(two, authenticator) == user
        passkey = fleet.hosts[0].create_passkey(new_user())
        assert plain(one.exchange(passkey.code))["newly_linked"]
        assert user_of(one, passkey.authenticator_id) == passkey.user_id
        status = plain_store(one)
        assert status["outbox"] > 0 and status["alarms"] == ["no-space"]
        make_room(fleet.etcd)
        for host in fleet.hosts:
            fleet.wait_ready(host)
        eventually(lambda: user_of(two, passkey.authenticator_id) == passkey.user_id)
        eventually(lambda: plain_store(one)["outbox"] == 0 and plain_store(one)["alarms"] == [])
