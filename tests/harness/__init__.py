# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the real programs on a private bus, for the bus tests, the browser tests and the demo.

    with Workspace() as work, Bus(work) as bus, Sandbox(work) as sandbox:
        grant = {"User": "www-data", "Allow": "Authorize Exchange Links.Read"}
        with Daemon(work, bus, {"Tenancy default": sandbox.tenancy(), "Grant web": grant},
                    keys={"passlock.default": sandbox.api_key}) as daemon:
            print(bus.call(tenancy_path(), "Links", "ListByUser", "s", "user-42"))

No fixed ports and no sleeps: each program reports when it is ready. Programs are ended at the end of
their `with` block, and when the interpreter exits or is killed.
"""

from .browser import Browser, Page
from .build import binary, build_dir, source_dir
from .bus import NAME, PATH, Bus, BusError, tenancy_path
from .daemon import Daemon
from .process import Failed, Process, as_uid
from .sandbox import Sandbox
from .stack import Stack
from .webapp import WebApp
from .workspace import Workspace

__all__ = ["NAME", "PATH", "Browser", "Bus", "BusError", "Daemon", "Failed", "Page", "Process", "Sandbox",
           "Stack", "WebApp", "Workspace", "as_uid", "binary", "build_dir", "source_dir",
           "tenancy_path"]
