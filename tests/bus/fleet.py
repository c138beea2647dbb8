# SPDX-License-Identifier: LGPL-2.1-or-later
"""Several hosts that share a link store in etcd: each is a bus, a daemon and a key holder."""

import contextlib

from harness import BusError, Workspace
from harness.etcd import Etcd

from .client import Connection
from .stack import Stack, eventually


class Fleet:
    """Hosts with the same tenancy. The first one has the API."""

    def __init__(self, n_hosts: int = 2, **store: str):
        self.work = Workspace()
        self.etcd = Etcd(self.work)
        first = Stack()
        self.hosts = [first, *(Stack(first) for _ in range(n_hosts - 1))]
        self.store = store

    def start(self):
        self.etcd.start()
        for host in self.hosts:
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
        self.work.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()
