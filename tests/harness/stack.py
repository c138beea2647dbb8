# SPDX-License-Identifier: LGPL-2.1-or-later
"""A complete host: bus, API, daemon, and the web app and a gate as a user with a grant."""

import os
import pwd
import selectors
import shutil
from contextlib import ExitStack

from .bus import Bus
from .daemon import Daemon
from .gate import Gate
from .process import Process, as_uid
from .sandbox import Sandbox
from .webapp import WebApp
from .workspace import Workspace

GRANT = "Authorize AuthorizeAuthentication Exchange Links.Read Vault.Write"


def wait_end(programs: list[Process]) -> Process:
    """Waits until one of the programs exits."""
    with selectors.DefaultSelector() as selector:
        for program in programs:
            selector.register(os.pidfd_open(program.pid), selectors.EVENT_READ, program)
        (key, _), *_ = selector.select()
        return key.data


class Stack:
    """A context manager that starts all programs in order, and stops them in reverse. With a sandbox, which
    runs for longer, it starts none of its own; otherwise on `port`, or any if 0."""

    def __init__(self, work: Workspace, sandbox: Sandbox | None = None, port: int = 0):
        self.work = work
        self.user, as_user = self._app_user()
        self.bus = Bus(work)
        self.sandbox = sandbox or Sandbox(work, port=port)
        self.sections: dict[str, dict[str, str]] = {}  # more of the configuration
        self.daemon = Daemon(work, self.bus, {}, {"passlock.default": self.sandbox.api_key})
        self.webapp = WebApp(work, self.bus, self.sandbox, as_user)
        self.gate = Gate(self._app_directory(), self.bus, as_user=as_user)
        self.programs = [self.bus, *([] if sandbox else [self.sandbox]), self.daemon, self.gate, self.webapp]
        self._running = ExitStack()

    @staticmethod
    def _app_user():
        """As root, the web app runs as www-data, which needs a grant."""
        if os.getuid() != 0:
            return pwd.getpwuid(os.getuid()).pw_name, None
        user = pwd.getpwnam("www-data")
        return user.pw_name, as_uid(user.pw_uid, user.pw_gid)

    def _app_directory(self) -> Workspace:
        """A directory in which the user of the app can make sockets."""
        directory = self.work.part("app")
        if os.getuid() == 0:
            shutil.chown(directory.path, self.user, self.user)
        return directory

    @property
    def grant(self) -> dict[str, str]:
        return {"User": self.user, "Allow": GRANT, "RpId": "localhost"}

    def start_programs(self):
        """Starts the programs one by one, and yields each when it is ready."""
        for program in self.programs:
            if program is self.daemon:
                self.daemon.configure({"Tenancy default": self.sandbox.tenancy(),
                                       "Grant webapp": self.grant} | self.sections)
            self._running.enter_context(program)
            yield program

    def wait_end(self) -> Process:
        """Waits until a program exits."""
        return wait_end(self.programs)

    def __enter__(self):
        for _ in self.start_programs():
            pass
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._running.close()
