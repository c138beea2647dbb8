# SPDX-License-Identifier: LGPL-2.1-or-later
"""The daemon, without systemd."""

import os
import signal

from .build import binary
from .bus import Bus
from .notify import NotifyingProcess
from .workspace import Workspace

Sections = dict[str, dict[str, str]]


class Daemon(NotifyingProcess):
    """passlockd. State and configuration survive restarts and kill9()."""

    name = "passlockd"

    def __init__(self, work: Workspace, bus: Bus, sections: Sections, keys: dict[str, str]):
        super().__init__(work)
        self.bus = bus
        self.config = work / "passlockd.conf"
        self.credentials = work.private_dir("credentials")
        self.state = work.private_dir("state")
        self.runtime = work.private_dir("runtime")
        self.configure(sections)
        self.set_keys(keys)

    def configure(self, sections: Sections):
        """Writes the configuration. Takes effect with reload()."""
        self.config.write_text("\n".join(
            f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in values.items())
            for name, values in sections.items()))

    def set_keys(self, keys: dict[str, str]):
        """Replaces the credentials. Takes effect with reload()."""
        for old in self.credentials.iterdir():
            old.unlink()
        for name, key in keys.items():
            (self.credentials / name).write_text(key)

    def command(self):
        return [str(binary("passlockd")), f"--config={self.config}"]

    def environment(self):
        return {"DBUS_SYSTEM_BUS_ADDRESS": self.bus.address,
                "CREDENTIALS_DIRECTORY": str(self.credentials),
                "STATE_DIRECTORY": str(self.state),
                "RUNTIME_DIRECTORY": str(self.runtime),
                **self.notify_environment()}

    def reload(self):
        """Sends SIGHUP, and waits until the reload has succeeded or failed."""
        self.forget_notifications()
        os.kill(self.pid, signal.SIGHUP)
        self.wait_notified("RELOADING=1")
        self.wait_notified("READY=1")
