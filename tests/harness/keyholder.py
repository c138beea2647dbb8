# SPDX-License-Identifier: LGPL-2.1-or-later
"""The key holder as a service, with a socket as systemd passes it."""

import os
import pwd
import signal
import socket
from pathlib import Path

from .build import binary
from .daemon import Daemon
from .notify import NotifyingProcess
from .process import PATIENCE_SEC
from .workspace import Workspace

# The shell is replaced by the program, so that the pid is right.
ACTIVATE = 'exec 3<&"$FD"; LISTEN_PID=$$; export LISTEN_PID; exec "$@"'


class KeyHolder(NotifyingProcess):
    """passlock-keyholder. Its socket is there while it is not running, and connections wait."""

    name = "passlock-keyholder"

    def __init__(self, work: Workspace, daemon: Daemon, user: str | None = None):
        super().__init__(work)
        self.daemon = daemon
        self.user = user or pwd.getpwuid(os.getuid()).pw_name
        self.path = Path(work / "keyholder.socket")
        self.listener: socket.socket | None = None
        self.listen()

    def listen(self):
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen()

    def unlisten(self):
        self.listener.close()
        self.path.unlink()

    @property
    def fds(self):
        return (self.listener.fileno(),)

    def command(self):
        return ["bash", "-c", ACTIVATE, "bash", str(binary(self.name)), f"--config={self.daemon.config}",
                f"--user={self.user}"]

    def environment(self):
        return {"FD": str(self.listener.fileno()), "LISTEN_FDS": "1", **self.notify_environment(),
                "CREDENTIALS_DIRECTORY": str(self.daemon.credentials)}

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_end(self) -> int:
        """Waits until it exits by itself, and returns the exit status."""
        return self.child.wait(PATIENCE_SEC)

    def tell_to_stop(self):
        """Returns before it has stopped."""
        os.kill(self.pid, signal.SIGTERM)
