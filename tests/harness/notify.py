# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program that notifies systemd, here the tests, that it is ready."""

import socket
import time

from .process import PATIENCE_SEC, Process
from .workspace import Workspace


class NotifyingProcess(Process):
    """start() waits for READY=1."""

    def __init__(self, work: Workspace):
        super().__init__(work.log(self.name))
        self.notify_path = work / f"notify-{self.name}"
        self.notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.notify.bind(str(self.notify_path))

    def notify_environment(self) -> dict[str, str]:
        return {"NOTIFY_SOCKET": str(self.notify_path)}

    def start(self):
        self.forget_notifications()
        return super().start()

    def wait_ready(self):
        self.wait_notified("READY=1")

    def forget_notifications(self):
        """Discards notifications of earlier starts and reloads."""
        self.notify.setblocking(False)
        try:
            while self.notify.recv(4096):
                pass
        except BlockingIOError:
            pass

    def wait_notified(self, what: str):
        """Waits for a notification, beginning with those that have not been read."""
        end = time.monotonic() + PATIENCE_SEC
        while True:
            self.wait_readable(self.notify, max(0, end - time.monotonic()))
            if what in self.notify.recv(4096).decode().splitlines():
                return
