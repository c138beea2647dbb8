# SPDX-License-Identifier: LGPL-2.1-or-later
"""A host whose etcd has reached its quota, or whose own disk is full."""

import base64
import contextlib
import shutil

import pytest

from harness import BusError
from harness.etcd import Etcd

from .client import plain
from .fleet import Fleet
from .stack import eventually, new_user, raises
from .test_disk import SmallDisk
from .test_import import make
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


@pytest.mark.root
def test_full_disk_of_a_host():
    """Its changes fail before a code is used, and its look-ups go on; later it catches up."""
    fleet = Fleet(2, Acknowledge="local")
    host = fleet.hosts[0]
    disk = SmallDisk(host.work.private_dir("state"), "64m")
    if not disk.mounted:
        disk.close()
        pytest.skip("nothing can be mounted here")
    host.daemon_prefix = disk.command()
    with contextlib.closing(disk), fleet:
        one, two = (host.connect() for host in fleet.hosts)
        disk.fill()
        batches = [[make(f"user-{i}-{j}", f"pk-{i}-{j}-".ljust(450, "k")) for j in range(1000)] for i in range(12)]
        for links in batches:
            two.links("Import", links, {})
        first, last = (batches[i][-1]["authenticator_id"][1] for i in (0, -1))
        assert user_of(one, first)
        eventually(lambda: replies(one, "Add", new_user(), "new") == "StoreFull")
        assert replies(one, "Remove", first) == "StoreFull"
        assert "The disk is full: links can be read, but not changed" in findings(one)
        passkey = host.create_passkey(new_user())
        with raises("StoreFull"):
            one.exchange(passkey.code)
        assert one.count() < two.count() and not user_of(one, last)
        assert plain_store(one)["revision"] < plain_store(two)["revision"]
        disk.free()
        eventually(lambda: user_of(one, last))
        eventually(lambda: one.count() == two.count())
        assert plain(one.exchange(passkey.code))["newly_linked"]


def findings(connection) -> list[str]:
    return [finding["text"][1] for finding in connection.manager("Diagnose")[0]]


def replies(connection, member: str, *args: str) -> str:
    try:
        connection.links(member, *args)
    except BusError as error:
        return error.short_name
    return ""
