# SPDX-License-Identifier: LGPL-2.1-or-later
"""D-Bus calls as any user, with any number in flight."""

import contextlib
import os
import time
from collections import deque
from dataclasses import dataclass

from jeepney import DBusAddress, HeaderFields, MessageFlag, MessageType, new_method_call

from harness.bus import NAME, PATH, BusError, connect, tenancy_path
from harness.process import PATIENCE_SEC

DRIVER = DBusAddress("/org/freedesktop/DBus", "org.freedesktop.DBus", "org.freedesktop.DBus")
PROPERTIES = "org.freedesktop.DBus.Properties"
PEER = "org.freedesktop.DBus.Peer"
INTROSPECTABLE = "org.freedesktop.DBus.Introspectable"
OBJECT_MANAGER = "org.freedesktop.DBus.ObjectManager"

METHODS = {
    "Manager": {"ListTenancies": "", "GetTenancy": "s", "Reload": "", "Diagnose": "",
                "ListRights": "", "Explain": "sua{sv}", "ProveKey": "ss", "GetStore": "", "GetMetrics": "",
                "VerifyStore": "", "JoinStore": "a{sv}", "LeaveStore": "a{sv}"},
    "Tenancy": {"Authorize": "sssa{sv}", "AuthorizeAuthentication": "sa{sv}",
                "Exchange": "sa{sv}", "VerifyIdToken": "sa{sv}"},
    "Links": {"GetUser": "s", "ListByUser": "s", "List": "su", "Add": "ss", "Import": "aa{sv}a{sv}",
              "Remove": "s",
              "RemoveByUser": "s", "Reconcile": "a{sv}", "Subscribe": "", "Unsubscribe": ""},
    "Vault": {"GetPasskey": "s", "ListPasskeys": "s", "UpdatePasskeys": "ssa{sv}",
              "DeletePasskeys": "asa{sv}", "DeleteUserPasskeys": "sa{sv}",
              "PrunePasskeys": "sa{sv}"},
    "Mailbox": {"CreateChallenge": "ssa{sv}", "GetChallenge": "s", "VerifyChallenge": "sss",
                "DeleteChallenge": "s"},
}
INTERFACES = {method: interface for interface, methods in METHODS.items() for method in methods}
SIGNATURES = {method: signature for methods in METHODS.values()
              for method, signature in methods.items()}


@dataclass(frozen=True)
class User:
    """A user in the /etc/passwd of every Debian: the bus refuses unknown users."""
    name: str
    uid: int
    gid: int
    groups: tuple[int, ...] = ()


WWW_DATA = User("www-data", 33, 33)
GAMES = User("games", 5, 60)
MAIL = User("mail", 8, 8)
BACKUP = User("backup", 34, 34)
LIST = User("list", 38, 38)
IRC = User("irc", 39, 39)
AUDIO = 29  # a group
AUDIO_FAN = User("nobody", 65534, 65534, (AUDIO,))
NOBODY = User("nobody", 65534, 65534)


@contextlib.contextmanager
def acting_as(user: User | None):
    """Changes the effective user: the bus reads the credentials when a connection is made. Root only."""
    if user is None:
        yield
        return
    groups = os.getgroups()
    os.setgroups([user.gid, *user.groups])
    os.setegid(user.gid)
    os.seteuid(user.uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)
        os.setgroups(groups)


@dataclass(frozen=True)
class Signal:
    path: str
    interface: str
    member: str
    args: tuple


class Connection:
    """A connection to the bus. Queues replies and signals, in any order."""

    def __init__(self, address: str, user: User | None = None):
        with acting_as(user):
            self.bus = connect(address)
        self.replies = {}
        self.signals: deque[Signal] = deque()
        self.interactive = False  # whether calls may have somebody authenticate

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self.bus.close()

    @property
    def unique_name(self) -> str:
        return self.bus.unique_name

    # Calls

    def send(self, message) -> int:
        serial = next(self.bus.outgoing_serial)
        self.bus.send(message, serial=serial)
        return serial

    def start(self, path: str, interface: str, member: str, signature: str = "", *args) -> int:
        """Sends a call. Returns its serial, for finish()."""
        whole = interface if "." in interface else f"{NAME}.{interface}"
        message = new_method_call(DBusAddress(path, NAME, whole), member, signature or None, args)
        if self.interactive:
            message.header.flags |= MessageFlag.allow_interactive_authorization
        return self.send(message)

    def finish(self, serial: int, timeout: float = PATIENCE_SEC) -> tuple:
        """Waits for a call's reply and returns its body; an error reply is a BusError."""
        end = time.monotonic() + timeout
        while serial not in self.replies:
            self._receive(end - time.monotonic())
        reply = self.replies.pop(serial)
        if reply.header.message_type is MessageType.error:
            raise BusError(reply.header.fields[HeaderFields.error_name],
                           str(reply.body[0]) if reply.body else "")
        return reply.body

    def wait_any(self, serials: set[int], timeout: float = PATIENCE_SEC) -> int:
        """Waits until one of these calls is answered. Returns its serial, for finish()."""
        end = time.monotonic() + timeout
        while not (answered := serials & self.replies.keys()):
            self._receive(end - time.monotonic())
        return answered.pop()

    def is_answered(self, serial: int) -> bool:
        """Whether the reply has arrived; does not wait."""
        with contextlib.suppress(TimeoutError):
            while serial not in self.replies:
                self._receive(0)
        return serial in self.replies

    def outcome(self, serial: int) -> tuple:
        """As finish(), but an error is returned: ("error", its short name)."""
        try:
            return self.finish(serial)
        except BusError as error:
            return ("error", error.short_name)

    def call(self, path: str, interface: str, member: str, signature: str = "", *args) -> tuple:
        return self.finish(self.start(path, interface, member, signature, *args))

    def driver(self, member: str, signature: str = "", *args) -> tuple:
        """Calls a method of the bus driver."""
        return self.finish(self.start_driver(member, signature, *args))

    def start_driver(self, member: str, signature: str = "", *args) -> int:
        return self.send(new_method_call(DRIVER, member, signature or None, args))

    def get(self, path: str, interface: str, name: str):
        (variant,) = self.call(path, PROPERTIES, "Get", "ss", f"{NAME}.{interface}", name)
        return variant[1]

    # Members by name, of the tenancy `label`

    def start_method(self, method: str, *args, label: str = "default") -> int:
        """Calls a method by name, on the interface that has it."""
        interface = INTERFACES[method]
        path = PATH if interface == "Manager" else tenancy_path(label)
        return self.start(path, interface, method, SIGNATURES[method], *args)

    def method(self, method: str, *args, label: str = "default") -> tuple:
        return self.finish(self.start_method(method, *args, label=label))

    def manager(self, member: str, *args) -> tuple:
        return self.call(PATH, "Manager", member, SIGNATURES[member], *args)

    def start_tenancy(self, member: str, *args, label: str = "default") -> int:
        return self.start(tenancy_path(label), "Tenancy", member, SIGNATURES[member], *args)

    def authorize(self, rp_id: str, user_id: str, label: str = "default", **options) -> tuple:
        return self.finish(self.start_authorize(rp_id, user_id, label=label, **options))

    def start_authorize(self, rp_id: str, user_id: str, label: str = "default", **options) -> int:
        return self.start_tenancy("Authorize", rp_id, user_id, "somebody", variants(options),
                                  label=label)

    def exchange(self, code: str, label: str = "default", **options) -> dict:
        return self.finish(self.start_exchange(code, label, **options))[0]

    def start_exchange(self, code: str, label: str = "default", **options) -> int:
        return self.start_tenancy("Exchange", code, variants(options), label=label)

    def authorize_authentication(self, rp_id: str, label: str = "default", **options) -> tuple:
        return self.method("AuthorizeAuthentication", rp_id, variants(options), label=label)

    def verify(self, id_token: str, label: str = "default", **options) -> dict:
        """A principal, without its types."""
        return plain(self.method("VerifyIdToken", id_token, variants(options), label=label)[0])

    def start_reconcile(self, options: dict, label: str = "default") -> int:
        """Waits for the next millisecond: a link of the same millisecond counts as newer than the reconciliation."""
        now = time.time_ns() // 10**6
        while time.time_ns() // 10**6 == now:
            pass
        return self.start_method("Reconcile", variants(options), label=label)

    def reconcile(self, label: str = "default", **options) -> dict:
        return plain(self.finish(self.start_reconcile(options, label))[0])

    def create_challenge(self, email: str, purpose: str, label: str = "default", **options) -> dict:
        return plain(self.method("CreateChallenge", email, purpose, variants(options),
                                 label=label)[0])

    def passkeys(self, label: str = "default") -> list[dict]:
        """Lists all pages of the vault."""
        found, cursor = [], ""
        while True:
            page, cursor = self.method("ListPasskeys", cursor, label=label)
            found += map(plain, page)
            if not cursor:
                return found

    def links(self, member: str, *args, label: str = "default") -> tuple:
        return self.finish(self.start_links(member, *args, label=label))

    def start_links(self, member: str, *args, label: str = "default") -> int:
        return self.start(tenancy_path(label), "Links", member, SIGNATURES[member], *args)

    def all_links(self, limit: int = 1000, label: str = "default") -> list[dict]:
        """Lists all pages of links."""
        found, cursor = [], ""
        while True:
            page, cursor = self.links("List", cursor, limit, label=label)
            found += map(plain, page)
            if not cursor:
                return found

    def count(self, label: str = "default") -> int:
        return self.get(tenancy_path(label), "Links", "Count")

    def state(self, label: str = "default") -> str:
        return self.get(tenancy_path(label), "Tenancy", "State")

    # Signals

    def subscribe(self, rule: str):
        self.driver("AddMatch", "s", rule)

    def wait_signal(self, member: str, timeout: float = PATIENCE_SEC) -> Signal:
        """Waits for a signal of this name, and removes it from the queue."""
        return self.wait_signal_of({member}, timeout)

    def wait_signal_of(self, members: set[str], timeout: float = PATIENCE_SEC) -> Signal:
        end = time.monotonic() + timeout
        while True:
            for signal in self.signals:
                if signal.member in members:
                    self.signals.remove(signal)
                    return signal
            self._receive(end - time.monotonic())

    def settle(self):
        """Waits until everything that the daemon has sent so far has arrived, and the signals of
        changes that were committed so far."""
        for _ in range(2):
            self.call(PATH, PEER, "Ping")

    def _receive(self, timeout: float):
        message = self.bus.receive(timeout=max(0, timeout))
        fields = message.header.fields
        if message.header.message_type is MessageType.signal:
            if fields[HeaderFields.sender] == DRIVER.bus_name:
                return  # the news of our own name
            self._add_signal(fields[HeaderFields.path], fields[HeaderFields.interface],
                             fields[HeaderFields.member], message.body)
        elif HeaderFields.reply_serial in fields:
            self.replies[fields[HeaderFields.reply_serial]] = message


    def _add_signal(self, path: str, interface: str, member: str, body):
        """A Changed becomes a signal Removed or Added for each link."""
        if member != "Changed":
            self.signals.append(Signal(path, interface, member, tuple(body)))
            return
        added, removed = body
        assert 1 <= len(added) + len(removed) <= 1000
        self.signals.extend(Signal(path, interface, "Removed", pair) for pair in removed)
        self.signals.extend(Signal(path, interface, "Added", pair) for pair in added)


def variants(options: dict) -> dict:
    """Adds D-Bus types to options, by their Python types; a pair (signature, value) is not changed."""
    return {key: variant(value) for key, value in options.items()}


def variant(value) -> tuple:
    if isinstance(value, tuple):
        return value
    if isinstance(value, bool):
        return ("b", value)
    if isinstance(value, list):
        return ("as", value)
    return ("s", value)


def plain(dictionary: dict) -> dict:
    """Removes the D-Bus types from a dictionary."""
    return {key: value for key, (_, value) in dictionary.items()}

