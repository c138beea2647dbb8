# SPDX-License-Identifier: LGPL-2.1-or-later
"""Local resource shortages are not reported as failures of the API."""

import contextlib
import os
import resource

import pytest

from harness.standin import Reply, StandIn

from .stack import RP_ID, Stack, new_user, raises

TOKEN = {"_tag": "AuthorizedPasskeyRegistration", "registrationToken": "rt",
         "expiresAt": 4102444800000}


@pytest.fixture
def api():
    with StandIn() as api:
        # Each call needs a connection of its own, and so a descriptor.
        api.reply = Reply(200, TOKEN, {"Connection": "close"})
        yield api


@pytest.fixture
def stack(own_stack, api):
    own_stack.sections["Tenancy default"] = {
        "TenancyId": "t", "Endpoint": api.endpoint, "ApiKeyCredential": "passlock.default"}
    return own_stack.start()


@contextlib.contextmanager
def no_descriptors_left(stack: Stack):
    """The key holder can open no descriptor: the limit is the lowest free number."""
    pid = stack.daemon.keyholder_pid
    before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
    used = {int(name) for name in os.listdir(f"/proc/{pid}/fd")}
    free = next(n for n in range(len(used) + 1) if n not in used)
    resource.prlimit(pid, resource.RLIMIT_NOFILE, (free, before[1]))
    try:
        yield
    finally:
        resource.prlimit(pid, resource.RLIMIT_NOFILE, before)


def test_no_descriptor_for_a_call(stack, api):
    with stack.connect() as connection:
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
        requests = len(api.requests)
        with no_descriptors_left(stack):
            with raises("LimitsExceeded", text="short of file descriptors") as caught:
                connection.authorize(RP_ID, new_user())
            with raises("LimitsExceeded"):
                connection.exchange("some-code", link=False)
            assert connection.state() == "ready"
        assert caught.error.name == "org.freedesktop.DBus.Error.LimitsExceeded"
        assert len(api.requests) == requests
        assert connection.authorize(RP_ID, new_user())[0] == "rt"
        assert connection.state() == "ready"
    assert "Too many open files" in stack.daemon.log_text()


@pytest.mark.parametrize("state", ["degraded", "denied"])
def test_state_stays_what_it_was(stack, api, state):
    with stack.connect() as connection:
        api.reply = Reply(403 if state == "denied" else 302, b"", {"Connection": "close"})
        connection.outcome(connection.start_authorize(RP_ID, new_user()))
        assert connection.state() == state
        with no_descriptors_left(stack), raises("LimitsExceeded"):
            connection.authorize(RP_ID, new_user())
        assert connection.state() == state
