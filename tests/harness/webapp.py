# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example web app."""

import shutil

from .build import binary, build_dir
from .bus import Bus
from .process import Process
from .sandbox import Sandbox
from .workspace import Workspace


class WebApp(Process):
    """passlock-example-webapp, run as another user if `as_user` is from as_uid()."""

    name = "passlock-example-webapp"

    def __init__(self, work: Workspace, bus: Bus, sandbox: Sandbox, as_user: list[str] | None = None,
                 options: tuple[str, ...] = ()):
        super().__init__(work.log(self.name), as_user)
        self.bus = bus
        self.sandbox = sandbox
        self.options = options
        self.url = ""
        # Copied, because the other user may not have access to the build directory.
        self.programs = work / "webapp"
        self.programs.mkdir(exist_ok=True)
        for file in (binary(self.name), build_dir() / "client/libpasslock" / "libpasslock.so.0"):
            shutil.copy(file, self.programs)

    def command(self):
        return [str(self.programs / self.name), "--listen=127.0.0.1:0",
                f"--tenancy-id={self.sandbox.tenancy_id}",
                f"--passlock-endpoint={self.sandbox.endpoint}", *self.options]

    def environment(self):
        return {"DBUS_SYSTEM_BUS_ADDRESS": self.bus.address,
                "LD_LIBRARY_PATH": str(self.programs)}

    def wait_ready(self):
        line = self.read_line()
        prefix = "listening on "
        if not line.startswith(prefix):
            raise self.failed(f"said {line!r}")
        self.url = line.removeprefix(prefix)
