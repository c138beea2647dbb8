# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls on the system bus as any user, with the name of the error that comes back."""

import contextlib
import os
import pwd

from jeepney import DBusAddress, HeaderFields, MessageFlag, MessageType, new_method_call
from jeepney.io.blocking import open_dbus_connection

from tests.harness.bus import NAME, PATH, tenancy_path

CALL_SEC = 60
DRIVER = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
REQUEST_NAME_DO_NOT_QUEUE = 4


@contextlib.contextmanager
def acting_as(name: str):
    """Changes the effective user: the bus reads the credentials when a connection is made."""
    user, groups = pwd.getpwnam(name), os.getgroups()
    os.initgroups(name, user.pw_gid)
    os.setegid(user.pw_gid)
    os.seteuid(user.pw_uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


class Caller:
    """A user's connection to the bus."""

    def __init__(self, user: str):
        with acting_as(user):
            self.bus = open_dbus_connection("SYSTEM", auth_timeout=CALL_SEC)

    def close(self):
        self.bus.close()

    def ask(self, address: DBusAddress, member: str, signature: str, args: tuple,
            interactive: bool = False) -> str:
        """Returns "ok", or the last part of the error's name."""
        call = new_method_call(address, member, signature or None, args)
        if interactive:
            call.header.flags |= MessageFlag.allow_interactive_authorization
        reply = self.bus.send_and_get_reply(call, timeout=CALL_SEC)
        if reply.header.message_type is MessageType.error:
            return reply.header.fields[HeaderFields.error_name].rpartition(".")[2]
        return "ok"

    def call(self, interface: str, member: str, signature: str, args: tuple,
             interactive: bool = False) -> str:
        path = PATH if interface == "Manager" else tenancy_path()
        return self.ask(DBusAddress(path, NAME, f"{NAME}.{interface}"), member, signature, args,
                        interactive)

    def request_name(self) -> str:
        """Requests the daemon's bus name as this user."""
        return self.ask(DRIVER, "RequestName", "su", (NAME, REQUEST_NAME_DO_NOT_QUEUE))
