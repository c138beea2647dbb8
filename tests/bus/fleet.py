# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several hosts that share a link store in etcd: each is a bus, a daemon and a key holder."""

import base64
import contextlib

from harness import BusError, Workspace
from harness.etcd import Authority, Etcd
from harness.network import Host, Network

from .client import Connection
from .stack import Stack, eventually


class EtcdMember(Etcd):
    """One of three."""

    def __init__(self, work: Workspace, name: str, authority: Authority | None = None, host: Host | None = None):
        super().__init__(work, name, authority, host=host)
        self.cluster: list["EtcdMember"] = []

    def command(self):
        peers = ",".join(f"{member.name}={member.peer_url}" for member in self.cluster)
        replaced = {"--name": self.name, "--initial-cluster": peers}
        return [f"{name}={replaced[name]}" if (name := option.split("=")[0]) in replaced else option
                for option in super().command()]

    def wait_ready(self):
        """It serves when a majority runs."""


class EtcdCluster:
    """Three members. On the hosts of a network, they have TLS."""

    def __init__(self, work: Workspace, network: Network | None = None):
        self.authority = Authority(work.private_dir("authority"), "etcd") if network else None
        self.members = [EtcdMember(work, f"etcd-{i}", self.authority, network.add() if network else None)
                        for i in range(3)]
        for member in self.members:
            member.cluster = self.members

    @property
    def endpoint(self) -> str:
        return " ".join(member.endpoint for member in self.members)

    def start(self):
        for member in self.members:
            member.start()
        for member in self.members:
            Etcd.wait_ready(member)

    def kill9(self):
        for member in self.members:
            member.kill9()

    def links(self) -> dict[str, str]:
        """The user of each authenticator in the cluster."""
        prefix = b"/passlock/links/"
        kvs = self.members[0].call("/v3/kv/range", {
            "key": base64.b64encode(prefix).decode(),
            "range_end": base64.b64encode(prefix[:-1] + b"0").decode()}).get("kvs", [])
        return dict(map(read_link, kvs))


def read_link(kv: dict) -> tuple[str, str]:
    """Authenticator and user: in the record, the user is after the version, with its length."""
    record = base64.b64decode(kv["value"])
    return base64.b64decode(kv["key"]).rsplit(b"/", 1)[1].decode(), record[2:2 + record[1]].decode()


class Fleet:
    """Hosts with the same tenancy. The first one has the API, unless the stacks are of another kind.
    With a network, no host has the API."""

    def __init__(self, n_hosts: int = 2, etcd=Etcd, stack: type[Stack] = Stack, has_network: bool = False, **store: str):
        self.work = Workspace()
        self.network = Network(self.work) if has_network else None
        if self.network:
            self.network.start()
        self.etcd = etcd(self.work, self.network) if self.network else etcd(self.work)
        first = stack()
        self.hosts = [first, *(Stack(first) if stack is Stack else stack() for _ in range(n_hosts - 1))]
        self.store = store

    def start(self):
        self.etcd.start()
        for host in self.hosts:
            if self.network:
                host.network = self.network.add()
                host.daemon_prefix = host.network.prefix
                self.store["CaFile"] = str(self.etcd.authority.certificate)
            host.sections["Store"] = {"Engine": "etcd", "Endpoints": self.etcd.endpoint} | self.store
            host.start()
        for host in self.hosts:
            self.wait_ready(host)
        return self

    @staticmethod
    def wait_ready(host: Stack):
        """Waits until the host can change links."""
        def change():
            with Connection(host.bus.address) as connection, contextlib.suppress(BusError):
                connection.links("RemoveByUser", "nobody")
                return True
            return False
        eventually(change)

    def stop(self):
        for host in reversed(self.hosts):
            host.stop()
        self.etcd.kill9()
        if self.network:
            self.network.stop()
        self.work.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
