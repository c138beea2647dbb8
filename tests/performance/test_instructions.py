# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts the instructions of a call in the daemon under callgrind, and compares them with a no-op method.

The no-op method is that of tests/load/floor.c, with the signature of GetUser. Both counts have the cost of
sd-bus, so their ratio hardly depends on the compiler and the versions of libraries. Needs an optimised build.
"""

import json
import os
import re
import shutil
import subprocess

import pytest

from bus.stack import Stack
from harness import Process
from harness.build import binary, build_dir

FLOOR_NAME = "dev.passlock.Floor1"
N_WARM_UP, N_CALLS = 20, 100

# Instructions of a call, as a multiple of those of the no-op method, and a margin. Those of Authorize depend on
# the version of jansson, and do not include the key holder's.
LIMITS = {"GetUser": 1.56 * 1.08, "Ping": 0.92 * 1.08, "Authorize": 7.4 * 1.15}


def is_sanitized() -> bool:
    options = json.loads((build_dir() / "meson-info/intro-buildoptions.json").read_text())
    return next(option["value"] for option in options if option["name"] == "b_sanitize") != "none"


pytestmark = [pytest.mark.skipif(not shutil.which("valgrind"), reason="valgrind is not installed"),
              pytest.mark.skipif("is_sanitized()", reason="callgrind needs a build without sanitizers")]


def callgrind(directory) -> tuple[str, ...]:
    return ("valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={directory}/callgrind.out.%p")


class Floor(Process):
    name = "floor"

    def __init__(self, stack: Stack):
        super().__init__(stack.work.log(self.name))
        self.stack = stack

    def command(self):
        return [*callgrind(self.stack.work.path), str(binary("floor"))]

    def environment(self):
        return {"DBUS_SYSTEM_BUS_ADDRESS": self.stack.bus.address}

    def wait_ready(self):
        assert self.read_line() == "ready"


@pytest.fixture(scope="module")
def stack():
    stack = Stack()
    stack.daemon_prefix = callgrind(stack.work.path)
    stack.sandbox.options = ()  # without a state file, which takes most of the time
    stack.bus.allow_service(FLOOR_NAME)
    with stack:
        with stack.connect() as connection:
            connection.links("Add", "load-user", "load-key")
        yield stack


def call(stack: Stack, name: str, n: int):
    done = subprocess.run([binary("probe"), "60", name], check=True, text=True, stdout=subprocess.PIPE,
                          env=os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": stack.bus.address,
                                            "PASSLOCK_LOAD_ROUNDS": str(n)})
    assert json.loads(done.stdout)[name]["failed"] == 0


def control(pid: int, order: str):
    subprocess.run(["callgrind_control", order, str(pid)], check=True, stdout=subprocess.DEVNULL)


def instructions(stack: Stack, process: Process, name: str) -> float:
    """Of one call, in the process that answers it."""
    call(stack, name, N_WARM_UP)
    control(process.pid, "--zero")
    call(stack, name, N_CALLS)
    control(process.pid, "--dump")
    dumps = sorted(stack.work.path.glob(f"callgrind.out.{process.pid}.*"), key=lambda path: path.stat().st_mtime_ns)
    total = re.search(r"^(?:totals|summary): (\d+)", dumps[-1].read_text(), re.MULTILINE)
    return int(total[1]) / N_CALLS


@pytest.fixture(scope="module")
def floor(stack):
    floor = Floor(stack).start()
    try:
        return instructions(stack, floor, "Floor")
    finally:
        floor.kill9()


@pytest.mark.parametrize("name", LIMITS)
def test_instructions(stack, floor, name):
    count = instructions(stack, stack.daemon, name)
    print(f"{name}: {count:.0f} instructions, {count / floor:.3f} of the no-op method's")
    assert count / floor <= LIMITS[name]
