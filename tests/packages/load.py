# SPDX-License-Identifier: LGPL-2.1-or-later
"""Continuous calls through the installed libpasslock, by a user with a grant."""

import subprocess
from pathlib import Path
from typing import NamedTuple

from tests.bus.authenticator import create_passkey
from tests.harness import Process, Sandbox, Workspace, source_dir
from tests.system import host

USER = "www-data"


class Outcome(NamedTuple):
    added: int
    authorized: int
    exchanged: int
    failed: int


def build(work: Workspace) -> Path:
    """Compiles a program with the installed packages, as an app developer does."""
    flags = host.run("pkg-config", "--cflags", "--libs", "libpasslock").split()
    host.run("gcc", "-Wall", "-Wextra", "-Wno-unused-parameter", "-Werror",
             source_dir() / "tests/packages/load.c", *flags, "-o", work / "load")
    return work / "load"


class Load(Process):
    name = "load"
    stdin = subprocess.PIPE

    def __init__(self, work: Workspace):
        self.program = build(work)
        super().__init__(work.log(self.name), ["setpriv", "--reuid", USER, "--regid", USER,
                                               "--init-groups"])
        self.exchanged = 0

    def command(self):
        return [str(self.program)]

    def wait_ready(self):
        assert self.read_line() == "going"

    def exchange(self, code: str):
        self.child.stdin.write(f"{code}\n".encode())
        self.child.stdin.flush()
        self.exchanged += 1

    def finish(self) -> Outcome:
        """Stops the load after all calls have been answered."""
        self.child.stdin.close()
        return Outcome(*map(int, self.read_line(host.RUN_SEC).split()))


def make_codes(api: Sandbox, number: int) -> list[str]:
    """Creates codes, each of a new passkey of a new user."""
    codes = []
    for i in range(number):
        answer = host.call("Tenancy", "Authorize", "sssa{sv}", "shop.example.com", f"user-{i}",
                           "ada", "0", user=USER)
        codes.append(create_passkey(api.endpoint, api.tenancy_id, answer.split('"')[1]).code)
    return codes
