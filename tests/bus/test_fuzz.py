# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arbitrary calls: the daemon survives, answers, and its errors are documented.

scripts/fuzz runs this for $PASSLOCK_FUZZ_SECONDS with $PASSLOCK_FUZZ_SEED."""

import os
import random
import re
import time

import pytest

from .client import GAMES, PATH, WWW_DATA, BusError, Connection
from .fuzzer import Call, Fuzzer, read_errors
from .stack import RP_ID, Stack

ERRORS = read_errors()
# Of D-Bus: internal errors, and no reply in time.
INTERNAL = {f"org.freedesktop.DBus.Error.{name}" for name in ("Failed", "NoMemory", "NoReply", "Timeout")}
# Of the API, for a few of its calls.
FAULTS = ["delay=50*8", "drop*2", "cut*2", "garbage*2", "html*2", "large=300000*2", "refuse*2", "status=500*2",
          "status=429*2", "wrong-type*4", "missing*4"]
BATCH = 16
CALLS = 1600
SECONDS = int(os.environ.get("PASSLOCK_FUZZ_SECONDS") or 0)
SEED = int(os.environ.get("PASSLOCK_FUZZ_SEED") or 0)


class Caller:
    """Calls as one user. `granted`: all calls of methods are answered."""

    def __init__(self, stack: Stack, user, granted: bool):
        self.stack = stack
        self.user = user
        self.granted = granted
        self.connection: Connection = stack.connect(user)
        self.unanswered: dict[int, Call] = {}

    def call(self, calls: list[Call]):
        self.unanswered |= {self.start(call): call for call in calls}
        fence = self.connection.start(PATH, "Manager", "ListRights")
        if self.granted:
            self.connection.finish(fence)
        for serial, call in [*self.unanswered.items()]:
            if self.granted and call.is_request or self.connection.is_answered(serial):
                self.check(serial, self.unanswered.pop(serial))
        # The bus limits how many calls of a connection wait for a reply.
        if len(self.unanswered) > 64:
            self.reconnect()

    def start(self, call: Call) -> int:
        self.connection.interactive = call.interactive
        return self.connection.start(call.path, call.interface, call.member, call.signature, *call.args)

    def check(self, serial: int, call: Call):
        try:
            self.connection.finish(serial)
        except BusError as error:
            known = error.name in ERRORS or error.name.startswith("org.freedesktop.DBus.Error.")
            assert known and error.name not in INTERNAL and error.message, f"{error}: {call}"
        except TimeoutError:
            pytest.fail(f"no reply: {call}")

    def reconnect(self):
        """Disconnects, which cancels calls in flight."""
        self.connection.close()
        self.stack.open_connections.remove(self.connection)
        self.connection = self.stack.connect(self.user)
        self.unanswered = {}


def fuzz(stack: Stack, seed: int, is_over):
    print(f"seed {seed}")
    fuzzer = Fuzzer(seed)
    choice = random.Random(seed)
    callers = [Caller(stack, None, granted=True)]
    if stack.is_root:
        callers += [Caller(stack, GAMES, granted=True), Caller(stack, WWW_DATA, granted=False)]
    n_calls = 0
    while not is_over(n_calls):
        caller = choice.choice(callers)
        caller.call([fuzzer.call() for _ in range(BATCH)])
        n_calls += BATCH
        if choice.random() < 0.1:
            stack.sandbox.set_faults(choice.choice(FAULTS))
        if choice.random() < 0.05:
            caller.reconnect()
        assert stack.daemon.running
    print(f"{n_calls} calls")
    stack.assert_healthy()


@pytest.fixture
def fuzzed(own_stack):
    if own_stack.is_root:
        own_stack.open_bus_policy()
    own_stack.grant("games", GAMES.name, "All", RpId=RP_ID)
    own_stack.start()
    own_stack.sections["Tenancy default"] = own_stack.tenancy(TimeoutSec="2")
    own_stack.apply()
    yield own_stack
    log = own_stack.daemon.log_text()
    own_stack.stop()  # fails for any exit status but 0, for example after a report of leaks
    assert not re.search("Sanitizer|runtime error", log)


@pytest.mark.parametrize("seed", [SEED] if SECONDS else range(3))
def test_calls(fuzzed, seed):
    end = time.monotonic() + SECONDS
    fuzz(fuzzed, seed, lambda n_calls: time.monotonic() >= end if SECONDS else n_calls >= CALLS)
