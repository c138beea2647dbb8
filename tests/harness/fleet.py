# SPDX-License-Identifier: LGPL-2.1-or-later
"""Two hosts that share their links in three etcds."""

import contextlib
import os
import secrets
import threading
import time
from contextlib import ExitStack

from .bus import Bus, BusError, tenancy_path
from .etcd import EtcdCluster
from .process import PATIENCE_SEC, Failed
from .sandbox import Sandbox
from .stack import Stack
from .workspace import Workspace

PREFIX = "/passlock/"


class Fleet:
    """Hosts, each with its bus, daemon and web app, and the sandbox and the etcds that they share."""

    def __init__(self, work: Workspace, n_hosts: int = 2):
        self.work = work
        self.cluster = EtcdCluster(work)
        self.sandbox = Sandbox(work)
        self.hosts = [Stack(work.part(f"host{n}"), self.sandbox) for n in range(1, n_hosts + 1)]
        self._running = ExitStack()

    def start_etcds(self):
        self._running.callback(self.cluster.stop)
        self.cluster.start()
        self.password = secrets.token_urlsafe(24)
        self.cluster.add_user("passlock", self.password, PREFIX)

    def start_sandbox(self):
        self._running.enter_context(self.sandbox)

    def start_host(self, host: Stack):
        certificate, key = self.cluster.client
        host.sections["Store"] = {
            "Engine": "etcd", "Endpoints": " ".join(self.cluster.endpoints), "Prefix": PREFIX,
            "CaFile": str(self.cluster.authority.certificate), "CertFile": str(certificate),
            "KeyCredential": "passlock.store-key", "PasswordCredential": "passlock.store",
            "Acknowledge": "shared"}
        host.sections["Grant demo"] = {"User": str(os.getuid()), "Allow": "Links.Read Links.Write"}
        host.daemon.set_keys({"passlock.default": self.sandbox.api_key, "passlock.store-key": key.read_text(),
                              "passlock.store": f"passlock:{self.password}"})
        self._running.enter_context(host)
        self.wait_store(host)

    @staticmethod
    def wait_store(host: Stack):
        """Waits until the host can change links."""
        end = time.monotonic() + PATIENCE_SEC
        while True:
            with contextlib.suppress(BusError):
                host.bus.call(tenancy_path(), "Links", "RemoveByUser", "s", "nobody")
                return
            if time.monotonic() > end:
                raise host.daemon.failed("does not reach etcd")
            time.sleep(0.02)

    @property
    def programs(self):
        return [*self.cluster.members, self.sandbox, *(program for host in self.hosts for program in host.programs)]

    def close(self):
        self._running.close()


class Changes:
    """A context manager that links and unlinks an authenticator of a host all the time, in a thread."""

    PAUSE_SEC = 0.01

    def __init__(self, bus: Bus):
        self.bus = bus
        self.authenticator_id = f"pk-{secrets.token_hex(8)}"
        self.acknowledged = 0
        self.failed = 0
        self.longest_sec = 0.0
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def _run(self):
        with self.bus.connect() as connection:
            while not self._end.wait(self.PAUSE_SEC):
                for member, signature, arguments in (("Add", "ss", ("user-changes", self.authenticator_id)),
                                                     ("Remove", "s", (self.authenticator_id,))):
                    begin = time.monotonic()
                    try:
                        self.bus.call(tenancy_path(), "Links", member, signature, *arguments, connection=connection)
                        self.acknowledged += 1
                    except BusError:
                        self.failed += 1
                    self.longest_sec = max(self.longest_sec, time.monotonic() - begin)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._end.set()
        self._thread.join(PATIENCE_SEC)
        if self._thread.is_alive():
            raise Failed("a change of a link does not end")
