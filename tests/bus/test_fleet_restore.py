# SPDX-License-Identifier: LGPL-2.1-or-later
"""etcd is restored from a backup: what it has lost is pushed back."""

import os
import shutil
import subprocess

import pytest

from harness.etcd import free_ports
from harness.process import PATIENCE_SEC

from .fleet import Fleet
from .stack import eventually, new_user, raises
from .test_backup import passlockctl
from .test_fleet import plain_findings, plain_store, user_of

pytestmark = pytest.mark.skipif(not shutil.which("etcd") or not shutil.which("etcdctl"), reason="needs etcd")


# The part of etcdctl that works on files, since etcd 3.5.
ETCDUTL = "etcdutl" if shutil.which("etcdutl") else "etcdctl"


def etcdctl(*arguments: str, program: str = "etcdctl"):
    subprocess.run([program, *arguments], check=True, capture_output=True, timeout=PATIENCE_SEC,
                   env=os.environ | {"ETCDCTL_API": "3"})


def restore(fleet, snapshot, *options: str):
    """Replaces the data of etcd, which is down, by those of the snapshot."""
    etcd = fleet.etcd
    shutil.rmtree(etcd.data)
    etcdctl("snapshot", "restore", str(snapshot), f"--data-dir={etcd.data}", f"--name={etcd.name}",
            f"--initial-cluster={etcd.name}={etcd.peer_url}", f"--initial-advertise-peer-urls={etcd.peer_url}",
            *options, program=ETCDUTL)


def raise_revision(etcd, revision: int):
    """As etcdutl does with --bump-revision: before hosts reach it, at another port."""
    port, etcd.port = etcd.port, free_ports(1)[0]
    etcd.start()
    while int(etcd.call("/v3/kv/put", {"key": "eA==", "value": "eA=="})["header"]["revision"]) < revision:
        pass
    etcd.kill9()
    etcd.port = port


class Links:
    """Links before and after a backup."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.snapshot = fleet.work / "snapshot"
        self.user = new_user()
        self.kept, self.lost, self.removed = (f"pk-{new_user()}" for _ in range(3))
        with fleet.hosts[0].connect() as one, fleet.hosts[1].connect() as two:
            one.links("Add", self.user, self.kept)
            one.links("Add", self.user, self.removed)
            self.passkey = fleet.hosts[0].create_passkey(new_user())
            etcdctl(f"--endpoints={fleet.etcd.endpoint}", "snapshot", "save", str(self.snapshot))
            two.links("Add", self.user, self.lost)
            two.exchange(self.passkey.code)
            two.links("Remove", self.removed)
            eventually(lambda: user_of(one, self.removed) == "")

    def check(self, connection):
        assert user_of(connection, self.kept) == user_of(connection, self.lost) == self.user
        assert user_of(connection, self.passkey.authenticator_id) == self.passkey.user_id
        assert user_of(connection, self.removed) == ""

    def check_all(self):
        """All hosts serve what there was, and agree with etcd."""
        for host in self.fleet.hosts:
            with host.connect() as connection:
                eventually(lambda: plain_store(connection)["state"] == "serving")
                self.fleet.wait_ready(host)
                self.check(connection)
                status = plain_store(connection)
                assert status["revision"] <= status["cluster_revision"]
            passlockctl(host, "store", "verify")


@pytest.fixture(name="fleet")
def make_fleet():
    with Fleet(2) as running:
        yield running


def test_restore_while_hosts_run(fleet):
    links = Links(fleet)
    fleet.etcd.kill9()
    restore(fleet, links.snapshot)
    with fleet.hosts[0].connect() as one, fleet.hosts[1].connect() as two:
        links.check(one)
        fleet.etcd.start()
        links.check_all()
        # Changes go on, and the vault was compared.
        one.links("Add", links.user, f"pk-{new_user()}")
        two.links("Remove", links.kept)
        eventually(lambda: user_of(one, links.kept) == "")
        with raises("LinkConflict"):
            two.links("Add", new_user(), links.lost)
        # The host that has pushed links back, or both.
        eventually(lambda: any("links and vault differ: 0 passkeys without a link" in text
                               for text in plain_findings(one) + plain_findings(two)))
    logs = "".join(host.daemon.log_text() for host in fleet.hosts)
    assert "Compared the replica with the restored etcd" in logs


def test_restore_with_raised_revision(fleet):
    """Hosts notice a restore also if the revision does not go back."""
    links = Links(fleet)
    revision = int(fleet.etcd.call("/v3/kv/range", {"key": "eA=="})["header"]["revision"])
    fleet.etcd.kill9()
    restore(fleet, links.snapshot)
    raise_revision(fleet.etcd, revision + 50)
    fleet.etcd.start()
    links.check_all()
    logs = "".join(host.daemon.log_text() for host in fleet.hosts)
    assert "Compared the replica with the restored etcd" in logs


def test_restore_while_hosts_are_down(fleet):
    """Hosts start one after another, the second one after changes."""
    links = Links(fleet)
    one, two = fleet.hosts
    for host in fleet.hosts:
        host.daemon.kill9()
    fleet.etcd.kill9()
    restore(fleet, links.snapshot)
    fleet.etcd.start()
    one.daemon.start()
    fleet.wait_ready(one)
    later = f"pk-{new_user()}"
    with one.connect() as connection:
        links.check(connection)
        for _ in range(20):  # etcd gets beyond the revision of the other replica
            connection.links("Add", links.user, f"pk-{new_user()}")
        connection.links("Add", links.user, later)
        connection.links("Remove", links.lost)
    two.daemon.start()
    fleet.wait_ready(two)
    with two.connect() as connection:
        eventually(lambda: user_of(connection, later) == links.user)
        assert user_of(connection, links.lost) == user_of(connection, links.removed) == ""
        assert user_of(connection, links.kept) == links.user
    passlockctl(two, "store", "verify")


def test_other_cluster(fleet):
    """A cluster with another id is not mixed with the replica, also not after a restart."""
    links = Links(fleet)
    fleet.etcd.kill9()
    restore(fleet, links.snapshot, "--initial-cluster-token=other")
    fleet.etcd.start()
    for is_restarted in (False, True):
        host = fleet.hosts[is_restarted]
        if is_restarted:
            host.daemon.kill9()
            host.daemon.start()
        with host.connect() as connection:
            eventually(lambda connection=connection: plain_store(connection)["state"] == "other-cluster")
            assert any("another etcd cluster" in text for text in plain_findings(connection))
            links.check(connection)
            with raises("StoreFailed"):
                connection.links("Remove", links.kept)
        assert "another etcd cluster than before" in host.daemon.log_text()
