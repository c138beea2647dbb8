# SPDX-License-Identifier: LGPL-2.1-or-later
"""Key rotation while calls are in flight: no call fails."""

import itertools
import threading

import pytest

from harness.standin import Reply, Request, StandIn

from .stack import RP_ID, Stack, new_user

ROTATIONS, IN_FLIGHT = 100, 64


class TwoKeys(StandIn):
    """An API with two valid keys: the current and the previous one."""

    def __init__(self):
        super().__init__()
        self.lock = threading.Lock()
        self.valid: list[str] = []
        self.used: dict[str, int] = {}  # how many calls were made with each key
        self.denied: list[Request] = []
        self.numbers = itertools.count()
        self.answer = self._answer

    def issue(self, key: str):
        with self.lock:
            self.valid = [*self.valid, key][-2:]

    def _answer(self, request: Request) -> Reply:
        headers = {name.lower(): value for name, value in request.headers.items()}
        key = headers.get("authorization", "").removeprefix("Bearer ")
        with self.lock:
            if key not in self.valid:
                self.denied.append(request)
                return Reply(403, {"_tag": "@error/Forbidden", "message": "no"})
            self.used[key] = self.used.get(key, 0) + 1
            number = next(self.numbers)
        if request.method == "GET":
            return Reply(200, {
                "_tag": "ExtendedPrincipal", "id": f"pr{number}", "userId": f"user{number}",
                "authenticatorId": f"pk{number}", "authenticatorType": "passkey",
                "passkey": {"verified": True, "userVerified": True}, "metadata": {},
                "createdAt": 1767225600000, "expiresAt": 4102444800000})
        return Reply(200, {"_tag": "AuthorizedPasskeyRegistration", "expiresAt": 4102444800000,
                           "registrationToken": f"rt{number}"})


class Load:
    """Keeps a number of calls in flight, none of which may fail."""

    def __init__(self, connection):
        self.connection = connection
        self.numbers = itertools.count()
        self.pending = {self._start() for _ in range(IN_FLIGHT)}

    def _start(self) -> int:
        n = next(self.numbers)
        if n % 4 == 0:
            return self.connection.start_exchange(f"code-{n}")
        return self.connection.start_authorize(RP_ID, new_user())

    def finish_one(self):
        """Finishes a call, and starts another."""
        call = self.connection.wait_any(self.pending)
        self.pending.remove(call)
        assert self.connection.finish(call)
        self.pending.add(self._start())

    def finish_all(self):
        """Finishes all calls that are in flight now."""
        begun = set(self.pending)
        while begun & self.pending:
            self.finish_one()


@pytest.mark.root
def test_hundred_keys():
    """A key is revoked when no call that began with it is in flight."""
    keys = [f"key-{i:03}-0123456789" for i in range(ROTATIONS + 1)]
    stack = Stack()
    stack.keys = {"passlock.default": keys[0]}
    with stack, TwoKeys() as api, stack.connect() as connection, stack.connect() as admin:
        api.issue(keys[0])
        stack.sections["Tenancy default"] = stack.tenancy(Endpoint=api.endpoint)
        stack.apply()
        load = Load(connection)
        load.finish_all()
        for key in keys[1:]:
            api.issue(key)
            stack.daemon.set_keys({"passlock.default": key})
            stack.daemon.forget_notifications()
            reload = admin.start_method("Reload")
            while not admin.is_answered(reload):
                load.finish_one()
            assert admin.finish(reload) == ()
            load.finish_all()
        for call in load.pending:
            assert connection.finish(call)
        assert not api.denied
        assert set(api.used) == set(keys)
        assert sum(api.used.values()) >= ROTATIONS * IN_FLIGHT
        assert connection.state() == "ready"
