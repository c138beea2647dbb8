# SPDX-License-Identifier: LGPL-2.1-or-later
"""A whole host: bus, API, daemon, and the web app as a user with a grant."""

import os
import pwd
import selectors
from contextlib import ExitStack

from .bus import Bus
from .daemon import Daemon
from .process import as_uid
from .sandbox import Sandbox
from .webapp import WebApp
from .workspace import Workspace

GRANT = "Authorize AuthorizeAuthentication Exchange Links.Read Vault.Write"


class Stack:
    """Starts everything in order with its `with` block, and ends it in reverse."""

    def __init__(self, work: Workspace):
        self.work = work
        self.user, as_user = self._app_user()
        self.bus = Bus(work)
        self.sandbox = Sandbox(work)
        self.daemon = Daemon(work, self.bus, {}, {"passlock.default": self.sandbox.api_key})
        self.webapp = WebApp(work, self.bus, self.sandbox, as_user)
        self._running = ExitStack()

    @staticmethod
    def _app_user():
        """Root runs the web app as somebody who is nobody without a grant."""
        if os.getuid() != 0:
            return pwd.getpwuid(os.getuid()).pw_name, None
        user = pwd.getpwnam("www-data")
        return user.pw_name, as_uid(user.pw_uid, user.pw_gid)

    @property
    def grant(self) -> dict[str, str]:
        return {"User": self.user, "Allow": GRANT, "RpId": "localhost"}

    def start_programs(self):
        """Starts one program after another, and names each that is ready."""
        for program in (self.bus, self.sandbox, self.daemon, self.webapp):
            if program is self.daemon:
                self.daemon.configure({"Tenancy default": self.sandbox.tenancy(),
                                       "Grant webapp": self.grant})
            self._running.enter_context(program)
            yield program

    def wait(self):
        """Waits until a program ends, which none should: that is a Failed."""
        with selectors.DefaultSelector() as selector:
            for program in (self.bus, self.sandbox, self.daemon, self.webapp):
                selector.register(os.pidfd_open(program.pid), selectors.EVENT_READ, program)
            (key, _), *_ = selector.select()
            raise key.data.failed("ended")

    def __enter__(self):
        for _ in self.start_programs():
            pass
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._running.close()
