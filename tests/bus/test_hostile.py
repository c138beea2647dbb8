# SPDX-License-Identifier: LGPL-2.1-or-later
"""Hostile callers, and bad timing."""

import os
import signal
import time

import pytest
from jeepney import DBusAddress, new_method_call
from jeepney.wrappers import DBusErrorResponse, unwrap_msg

from harness.bus import NAME, connect, tenancy_path

from .client import GAMES
from .stack import RP_ID, new_user

needs_root = pytest.mark.skipif(os.getuid() != 0, reason="other users need root")


def test_file_descriptors_are_not_taken(stack, connection):
    """Queued messages with descriptors of unauthorized callers could exhaust the daemon's descriptors."""
    address = DBusAddress(tenancy_path(), NAME, f"{NAME}.Tenancy")
    with (connect(stack.bus.address, enable_fds=True) as bus,
          open(os.devnull, encoding="utf-8") as file):
        call = new_method_call(address, "Exchange", "sa{sv}", ("code", {"x": ("h", file)}))
        with pytest.raises(DBusErrorResponse) as refusal:
            unwrap_msg(bus.send_and_get_reply(call))
    assert refusal.value.name == "org.freedesktop.DBus.Error.NotSupported"
    stack.assert_healthy()


@needs_root
def test_refused_calls_do_not_fill_the_log(own_stack):
    own_stack.start()
    caller = own_stack.connect(GAMES)
    begin = time.monotonic()
    for _ in range(2):  # the bus itself has a limit on calls that wait for a reply
        calls = [caller.start_links("GetUser", "somebody") for _ in range(90)]
        assert {caller.outcome(call) for call in calls} == {("error", "AccessDenied")}
    intervals = (time.monotonic() - begin) // 10 + 2  # begun or ended while we called
    assert 1 <= own_stack.daemon.log_text().count("may not call") <= 20 * intervals


def test_stop_answers_what_the_bus_had_delivered(own_stack):
    """Calls in the daemon's socket at the stop are answered by this process, not by the next."""
    own_stack.start()
    caller = own_stack.connect()
    key = new_user()
    caller.links("Add", "ada", key)
    os.kill(own_stack.daemon.pid, signal.SIGSTOP)
    calls = [caller.start_links("GetUser", key) for _ in range(60)]
    caller.driver("GetId")  # by now the bus has passed them on
    os.kill(own_stack.daemon.pid, signal.SIGTERM)
    os.kill(own_stack.daemon.pid, signal.SIGCONT)
    assert {caller.outcome(call) for call in calls} == {("ada",)}
    assert own_stack.daemon.wait_end() == 0


def test_late_answer_to_an_old_key_says_nothing_of_the_new_one(own_stack):
    right = own_stack.keys["passlock.default"]
    own_stack.keys["passlock.default"] = "sk_wrong"
    own_stack.start()
    caller = own_stack.connect()
    own_stack.sandbox.set_faults("delay=1000@registration-authorize*1")
    late = caller.start_authorize(RP_ID, new_user())
    own_stack.wait_calls("registration-authorize", 1)
    own_stack.keys["passlock.default"] = right
    own_stack.apply()
    caller.authorize(RP_ID, new_user())
    assert caller.state() == "ready"
    assert caller.outcome(late) == ("error", "ApiDenied")
    assert caller.state() == "ready"
