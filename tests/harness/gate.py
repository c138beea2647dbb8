# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlock-gate, and HTTP on its socket."""

import json
import socket
from http.client import HTTPConnection
from pathlib import Path

from .build import binary
from .bus import Bus
from .notify import NotifyingProcess
from .process import PATIENCE_SEC, as_uid
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
    """passlock-gate, as the user of the tests or another."""

    name = "passlock-gate"

    def __init__(self, work: Workspace, bus: Bus, *options: str, user=None):
        super().__init__(work)
        self.bus = bus
        self.options = options
        self.socket = work / "gate"
        if user:
            self.as_user = as_uid(user.uid, user.gid)
            self.notify_path.chmod(0o777)

    def command(self):
        return [str(binary(self.name)), f"--socket={self.socket}", *self.options]

    def environment(self):
        return {"DBUS_SYSTEM_BUS_ADDRESS": self.bus.address, **self.notify_environment()}

    def connect(self, timeout: float = PATIENCE_SEC) -> GateConnection:
        return GateConnection(self.socket, timeout)

    def call(self, name: str, query: str = "", **members) -> dict:
        with self.connect() as connection:
            return connection.call(name, query, **members)
