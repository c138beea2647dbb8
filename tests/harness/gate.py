# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlock-gate, and HTTP on its socket."""

import json
import shutil
import socket
from http.client import HTTPConnection
from pathlib import Path

from .build import binary
from .bus import Bus
from .notify import NotifyingProcess
from .process import PATIENCE_SEC
from .workspace import Workspace


class GateError(Exception):
    """An error reply: its status, its name and its text."""

    def __init__(self, status: int, name: str, message: str, headers=None):
        super().__init__(f"{status} {name}: {message}")
        self.status, self.name, self.message, self.headers = status, name, message, headers or {}


class GateConnection(HTTPConnection):
    """HTTP on a unix socket, as apps make it with the standard library."""

    def __init__(self, path: Path, timeout: float = PATIENCE_SEC):
        super().__init__("localhost", timeout=timeout)
        self.path = str(path)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def reply(self, method: str, path: str, body=None, headers=None) -> tuple:
        """Status, headers and body."""
        self.request(method, path, body, headers or {})
        response = self.getresponse()
        return response.status, response.headers, response.read()

    def json(self, method: str, path: str, body=None, headers=None) -> dict:
        """The object of a reply; an error reply raises GateError."""
        status, got, text = self.reply(method, path, body, headers)
        assert got["Content-Type"] == "application/json", text
        found = json.loads(text)
        if status != 200:
            raise GateError(status, found["error"], found["message"], got)
        return found

    def call(self, name: str, query: str = "", **members) -> dict:
        """Calls a method, such as Links.GetUser."""
        return self.json("POST", f"/v1/{name}{query}", json.dumps(members))


class Gate(NotifyingProcess):
    """passlock-gate, run as another user if `as_user` is from as_uid(): that user must own the workspace."""

    name = "passlock-gate"

    def __init__(self, work: Workspace, bus: Bus, *options: str, as_user: list[str] | None = None):
        super().__init__(work)
        self.bus = bus
        self.options = options
        self.socket = work / "gate"
        self.program = binary(self.name)
        if as_user:
            self.as_user = as_user
            self.notify_path.chmod(0o777)
            # Copied, because the other user may not have access to the build directory.
            self.program = shutil.copy(self.program, work.path)

    def command(self):
        return [str(self.program), f"--socket={self.socket}", *self.options]

    def environment(self):
        return {"DBUS_SYSTEM_BUS_ADDRESS": self.bus.address, **self.notify_environment()}

    def connect(self, timeout: float = PATIENCE_SEC) -> GateConnection:
        return GateConnection(self.socket, timeout)

    def call(self, name: str, query: str = "", **members) -> dict:
        with self.connect() as connection:
            return connection.call(name, query, **members)
