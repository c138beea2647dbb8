# SPDX-License-Identifier: LGPL-2.1-or-later
"""A private system bus, and calls on it."""

import os
import subprocess
from pathlib import Path
from xml.sax.saxutils import escape

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
from jeepney.io.blocking import open_dbus_connection

from .build import source_dir
from .process import PATIENCE_SEC, Process
from .workspace import Workspace

NAME = "dev.passlock.Passlock1"
PATH = "/dev/passlock/Passlock1"

# Like system.conf, with the shipped policy, but for the user of the tests instead of `passlock`.
CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
        "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={socket}</listen>
  <auth>EXTERNAL</auth>
  {servicedir}
  <policy context="default">
    <allow user="*"/>
    <deny own="*"/>
    <deny send_type="method_call"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
    <allow receive_type="signal"/>
    <allow send_destination="org.freedesktop.DBus"/>
  </policy>
  <include>{policy}</include>
  <policy user="{owner}">
    <allow own="{name}"/>
  </policy>
</busconfig>
"""


def connect(address: str, **options):
    """Connects like jeepney, but with a longer timeout than its 1 s."""
    return open_dbus_connection(address, auth_timeout=PATIENCE_SEC, **options)


class BusError(Exception):
    """An error reply: its name and its text."""

    def __init__(self, name: str, message: str):
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message

    @property
    def short_name(self) -> str:
        """The part after the last dot, such as InvalidCode."""
        return self.name.rpartition(".")[2]


class Bus(Process):
    """dbus-daemon, with an address that survives restarts."""

    name = "dbus-daemon"

    def __init__(self, work: Workspace, owner: int | None = None, servicedir: Path | None = None):
        super().__init__(work.log(self.name))
        socket = work / "bus"
        self.address = f"unix:path={socket}"
        self.config = work / "bus.conf"
        self.config.write_text(CONFIG.format(
            socket=socket, name=NAME,
            owner=os.getuid() if owner is None else owner,
            policy=escape(str(source_dir() / "dbus" / f"{NAME}.conf")),
            servicedir=f"<servicedir>{servicedir}</servicedir>" if servicedir else ""))

    def allow_connections(self, n: int):
        """Raises the limit of connections of a user, which is 256 by default. Call before start()."""
        limits = (f'<limit name="max_connections_per_user">{n}</limit>'
                  f'<limit name="max_completed_connections">{2 * n}</limit>')
        text = self.config.read_text()
        self.config.write_text(text.replace("</busconfig>", f"{limits}</busconfig>"))

    def allow_service(self, name: str):
        """Lets everybody own a name, and call its owner. Call before start()."""
        rules = (f'<policy context="mandatory"><allow own="{name}"/>'
                 f'<allow send_destination="{name}"/></policy>')
        text = self.config.read_text()
        self.config.write_text(text.replace("</busconfig>", f"{rules}</busconfig>"))

    def command(self):
        return ["dbus-daemon", f"--config-file={self.config}", "--nofork", "--nopidfile",
                "--nosyslog", "--print-address"]

    def wait_ready(self):
        self.read_line()

    def environment(self):
        return {"DBUS_SYSTEM_BUS_ADDRESS": self.address}

    def connect(self):
        """A new connection, as a context manager. See `call`."""
        return connect(self.address)

    def call(self, path: str, interface: str, member: str, signature: str = "", *args,
             connection=None) -> tuple:
        """Calls the daemon and returns the reply's body; an error reply raises BusError.
        `interface` is a full name, or the last part of one of the daemon's, such as Links."""
        if connection is None:
            with self.connect() as connection:
                return self.call(path, interface, member, signature, *args, connection=connection)
        whole = interface if "." in interface else f"{NAME}.{interface}"
        call = new_method_call(DBusAddress(path, NAME, whole), member, signature or None, args)
        reply = connection.send_and_get_reply(call, timeout=PATIENCE_SEC)
        if reply.header.message_type is MessageType.error:
            raise BusError(reply.header.fields[HeaderFields.error_name],
                           str(reply.body[0]) if reply.body else "")
        return reply.body

    def busctl_command(self, *args: str) -> list[str]:
        return ["busctl", f"--address={self.address}", *args]

    def busctl(self, *args: str, as_user: list[str] | None = None) -> str:
        """The output of busctl, run as another user if `as_user` is from as_uid()."""
        done = subprocess.run([*(as_user or []), *self.busctl_command(*args)],
                              capture_output=True, text=True, timeout=PATIENCE_SEC, check=False)
        if done.returncode:
            raise BusError("busctl", done.stderr.strip())
        return done.stdout.strip()


def tenancy_path(label: str = "default") -> str:
    return f"{PATH}/tenancy/{label}"
