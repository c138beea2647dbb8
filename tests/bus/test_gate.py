# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlock-gate: HTTP on a unix socket against the same calls on the bus."""

import pytest

from harness.gate import Gate, GateError

from .stack import new_user


@pytest.fixture(name="gate")
def fixture_gate(stack):
    with Gate(stack.work, stack.bus) as gate:
        yield gate


def test_get_user(connection, gate):
    user, key = new_user(), new_user()
    connection.links("Add", user, key)
    assert gate.call("Links.GetUser", authenticator_id=key) == {"user_id": user}
    with pytest.raises(GateError) as caught:
        gate.call("Links.GetUser", authenticator_id=new_user())
    assert (caught.value.status, caught.value.name) == (404, "NotFound")
