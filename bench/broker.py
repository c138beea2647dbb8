# SPDX-License-Identifier: LGPL-2.1-or-later
"""dbus-broker without a booted systemd.

Its launcher wants a listening socket, and journald's socket in /run, which it gets in a mount namespace of
its own. Run as a program, this becomes the launcher.
"""

import os
import shutil
import socket
import sys
import time
from pathlib import Path

from harness import Bus
from harness.process import PATIENCE_SEC

JOURNAL = Path("/run/systemd/journal/socket")


class Broker(Bus):
    name = "dbus-broker"

    @staticmethod
    def is_available() -> bool:
        return bool(shutil.which("dbus-broker-launch") and shutil.which("unshare")) and os.getuid() == 0

    def command(self):
        script = 'mount -t tmpfs none /run/systemd && exec "$0" "$@"'
        return ["unshare", "--mount", "sh", "-c", script, sys.executable, __file__,
                self.address.removeprefix("unix:path="), str(self.config)]

    def environment(self):
        return super().environment() | {"PYTHONPATH": os.pathsep.join(sys.path), "PYTHONDONTWRITEBYTECODE": "1"}

    def wait_ready(self):
        end = time.monotonic() + PATIENCE_SEC
        while True:
            try:
                self.connect().close()
                return
            except OSError:
                if not self.running or time.monotonic() > end:
                    raise self.failed("is not ready") from None
                time.sleep(0.05)


def listen(path: str, kind: int) -> socket.socket:
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.bind(path)
    listener.set_inheritable(True)
    return listener


def main(bus: str, config: str):
    JOURNAL.parent.mkdir(parents=True)
    log = listen(str(JOURNAL), socket.SOCK_DGRAM)
    listener = listen(bus, socket.SOCK_STREAM)
    os.chmod(bus, 0o666)
    listener.listen(1024)
    if log.fileno() == 3:  # LISTEN_FDS begins at 3
        os.set_inheritable(os.dup(log.fileno()), True)
    os.dup2(listener.fileno(), 3)
    os.environ |= {"LISTEN_FDS": "1", "LISTEN_PID": str(os.getpid())}
    os.execvp("dbus-broker-launch", ["dbus-broker-launch", "--scope=system", f"--config-file={config}"])


if __name__ == "__main__":
    main(*sys.argv[1:])
