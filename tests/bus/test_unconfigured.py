# SPDX-License-Identifier: LGPL-2.1-or-later
"""Without a key the daemon runs, and reports the missing key."""

import pytest

from .stack import RP_ID, new_user, raises


def test_without_a_key_until_there_is_one(own_stack):
    keys, own_stack.keys = own_stack.keys, {}
    own_stack.start()
    connection = own_stack.connect()
    assert connection.state() == "unconfigured"
    with raises("NotConfigured"):
        connection.authorize(RP_ID, new_user())
    with raises("NotConfigured"):
        connection.exchange("some-code")
    assert set(own_stack.sandbox.calls().values()) == {0}
    assert connection.links("ListByUser", new_user()) == ([],)
    connection.subscribe("type='signal',member='PropertiesChanged'")
    own_stack.daemon.set_keys(keys)
    if own_stack.is_root:
        own_stack.call_reload(connection)
    else:
        own_stack.daemon.reload()
    assert connection.state() == "ready"
    changed = connection.wait_signal("PropertiesChanged").args[1]
    assert changed["State"] == ("s", "ready")
    own_stack.assert_healthy()


def test_key_that_goes(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    own_stack.keys = {}
    own_stack.apply()
    assert connection.state() == "unconfigured"
    with raises("NotConfigured"):
        connection.exchange("some-code")
    own_stack.keys = {"passlock.default": own_stack.sandbox.api_key}
    own_stack.apply()
    own_stack.assert_healthy()


@pytest.mark.parametrize("key", ["", "\n", "two\nlines", "with\0nul", " \t ", "k\x01", "é" * 4,
                                 "x" * 1000000])
def test_key_that_is_none(own_stack, key):
    """An invalid key is never sent in a header, and the daemon runs."""
    own_stack.keys = {"passlock.default": key}
    own_stack.start()
    connection = own_stack.connect()
    with raises("NotConfigured", "ApiDenied"):
        connection.authorize(RP_ID, new_user())
    assert connection.state() in ("unconfigured", "denied")
    own_stack.keys = {"passlock.default": own_stack.sandbox.api_key}
    own_stack.apply()
    own_stack.assert_healthy()


def test_key_with_a_line_end(own_stack):
    own_stack.keys = {"passlock.default": own_stack.sandbox.api_key + "\n"}
    own_stack.start()
    own_stack.assert_healthy()


def test_no_tenancy_at_all(own_stack):
    own_stack.prepare()
    own_stack.daemon.configure({})
    own_stack.daemon.start()
    with own_stack.connect() as connection:
        outcome = connection.outcome(connection.start(
            "/dev/passlock/Passlock1", "Manager", "ListTenancies"))
        assert outcome in (([],), ("error", "AccessDenied"))
        with raises("UnknownObject", "AccessDenied"):
            connection.manager("GetTenancy", "")
