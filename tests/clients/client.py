# SPDX-License-Identifier: LGPL-2.1-or-later
"""A process that calls a client by orders: a JSON object a line."""

import json
import subprocess
from pathlib import Path

from harness.build import source_dir
from harness.process import Process
from harness.workspace import Workspace

DRIVERS = Path(__file__).parent / "drivers"
COMMANDS = {
    "python": ["/usr/bin/python3", str(DRIVERS / "driver.py"), "sync"],
    "asyncio": ["/usr/bin/python3", str(DRIVERS / "driver.py"), "asyncio"],
    "node": ["node", str(DRIVERS / "driver.mjs")],
    "php": ["php", str(DRIVERS / "driver.php")],
}
CLIENTS = tuple(COMMANDS)


class Client(Process):
    stdin = subprocess.PIPE

    def __init__(self, work: Workspace, name: str, socket: Path):
        super().__init__(work.log(name))
        self.name, self.socket = name, socket

    def command(self):
        return [*COMMANDS[self.name], str(self.socket)]

    def environment(self):
        return {"PYTHONPATH": str(source_dir() / "clients/python"), "PYTHONDONTWRITEBYTECODE": "1"}

    def stop(self):
        if self.running:
            self.child.stdin.close()
            self.child.wait(60)
        return super().stop()

    def send(self, **order):
        self.child.stdin.write(json.dumps(order).encode() + b"\n")
        self.child.stdin.flush()

    def reply(self) -> dict:
        return json.loads(self.read_line())

    def order(self, **order) -> dict:
        self.send(**order)
        return self.reply()

    def call(self, name: str, *arguments, **options):
        """The result; an error is a failure."""
        reply = self.order(call=name, arguments=arguments, options=options)
        assert "result" in reply, reply
        return reply["result"]

    def error(self, name: str, *arguments, **options) -> str:
        """The name of the error."""
        reply = self.order(call=name, arguments=arguments, options=options)
        assert "error" in reply, reply
        return reply["error"]
