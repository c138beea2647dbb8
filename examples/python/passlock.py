# SPDX-License-Identifier: LGPL-2.1-or-later
"""Passkeys by way of passlockd, for Python: copy this file into your app.

    passlock = Passlock()
    token = passlock.authorize("shop.example.com", "user-42", "ada@example.com")
    ...                                     # the page makes the passkey, and comes back with a code
    who = passlock.exchange(code, user_id="user-42")
    print(who["authenticator_id"], who["user_verified"])

Whatever goes wrong is a PasslockError, also if the code that a browser sends is no text at all, or if
there is no bus.

It needs jeepney (Debian: python3-jeepney), and a grant in passlockd.conf for the user it runs as.
"""

import re
import secrets
import socket
import time
from typing import Any

from jeepney import AuthenticationError, DBusAddress, HeaderFields, MessageType, new_method_call
from jeepney.bus import get_bus
from jeepney.io.blocking import DBusConnection, prep_socket
from jeepney.wrappers import DBusErrorResponse

NAME = "dev.passlock.Passlock1"
STANDARD = "org.freedesktop.DBus.Error."
TIMEOUT_SEC = 30
TEXT_MAX = 8192  # bytes; the daemon's own bounds are narrower


class PasslockError(Exception):
    """The call did not do what it should. `name` says why, as the last word of an error's name on the
    bus: an answer of the daemon, such as InvalidCode; InvalidArgs for an argument that is none;
    NoServer, AuthFailed or LimitsExceeded if the bus is not there or lets nobody in; ServiceUnknown
    and the like if there is no daemon; Timeout; NoReply or Disconnected if the daemon or the bus went
    away in the middle; and InconsistentMessage if the bus sent nonsense. After the last four the call
    may have been carried out.
    """

    def __init__(self, name: str, message: str):
        super().__init__(f"{name}: {message}")
        self.name = name.rpartition(".")[2]


class Passlock:
    """One tenancy. Each call has a connection of its own, so any thread may make it at any time."""

    def __init__(self, tenancy: str = "default", timeout_sec: float = TIMEOUT_SEC):
        if not isinstance(tenancy, str) or not re.fullmatch("[a-z0-9_]{1,32}", tenancy):
            raise PasslockError(f"{STANDARD}InvalidArgs", "a label is 1 to 32 of a-z, 0-9 and _")
        self.path = f"/dev/passlock/Passlock1/tenancy/{tenancy}"
        self.timeout_sec = timeout_sec

    def authorize(self, rp_id: str, user_id: str, username: str, **options) -> str:
        """A token, with which the page makes one passkey for the user."""
        return self._call("Tenancy", "Authorize", (rp_id, user_id, username), options)[0]

    def authorize_authentication(self, rp_id: str, **options) -> str:
        """A token, with which the page signs in: `discoverable=True`, or `user_id=...`"""
        return self._call("Tenancy", "AuthorizeAuthentication", (rp_id,), options)[0]

    def exchange(self, code: str, **options) -> dict[str, Any]:
        """Says whose code this is. With `user_id` it has to be that user's.

        Of the error Interrupted: the daemon crashed just when the code had been used. Begin a new
        ceremony; a passkey that was being made may be there, see links().
        """
        options.setdefault("request_id", secrets.token_urlsafe(24))
        try:
            (who,) = self._call("Tenancy", "Exchange", (code,), options)
        except PasslockError as error:
            # Else the daemon or the bus was restarted in the middle of it.
            if error.name not in ("NoReply", "Disconnected"):
                raise
            (who,) = self._call("Tenancy", "Exchange", (code,), options)
        return _plain(who)

    def links(self, user_id: str) -> list[dict[str, Any]]:
        """The user's passkeys, as this host knows them."""
        (links,) = self._call("Links", "ListByUser", (user_id,))
        return [_plain(link) for link in links]

    def _call(self, interface: str, member: str, texts: tuple, options: dict[str, Any] | None = None) -> tuple:
        """With `options` the method's last argument is a dictionary of them."""
        signature, body = "s" * len(texts), tuple(_text(each) for each in texts)
        if options is not None:
            signature, body = signature + "a{sv}", (*body, _variants(options))
        call = new_method_call(DBusAddress(self.path, NAME, f"{NAME}.{interface}"), member, signature, body)
        deadline = time.monotonic() + self.timeout_sec
        try:
            sock = prep_socket(get_bus("SYSTEM"), timeout=self.timeout_sec)
        except Exception as error:
            raise _error_of_bus(error) from error
        try:
            with sock, _Connection(sock, deadline) as connection:
                reply = connection.send_and_get_reply(call)
        except (DBusErrorResponse, EOFError, OSError) as error:
            raise _error_of_bus(error) from error
        except Exception as error:  # of jeepney's parser
            raise PasslockError(f"{STANDARD}InconsistentMessage", "the bus sent nonsense") from error
        if reply.header.message_type is MessageType.error:
            raise PasslockError(reply.header.fields[HeaderFields.error_name], *reply.body[:1] or [""])
        return reply.body


class _Connection(DBusConnection):
    """With one deadline for all that is sent and received; jeepney has none for its own Hello."""

    def __init__(self, sock: socket.socket, deadline: float):
        self.deadline = deadline
        sock.settimeout(max(deadline - time.monotonic(), 0.001))
        super().__init__(sock)

    def receive(self, *, timeout: float | None = None):
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return super().receive(timeout=left)


def _text(value: Any, what: str = "an argument") -> str:
    """What is no text is not sent: the bus would cut the connection off for it."""
    try:
        if not isinstance(value, str) or "\0" in value or len(value.encode()) > TEXT_MAX:
            raise ValueError
    except ValueError:  # a lone surrogate is one, too
        raise PasslockError(f"{STANDARD}InvalidArgs", f"{what} is no text, or too long") from None
    return value


def _variants(options: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    return {_text(name, "the name of an option"): _variant(name, value) for name, value in options.items()}


def _variant(name: str, value: Any) -> tuple[str, Any]:
    match value:
        case bool():
            return "b", value
        case int() if 0 <= value < 2**32:
            return "u", value
        case list() | tuple():
            return "as", [_text(each, f"an element of {name}") for each in value]
        case _:
            return "s", _text(value, name)


def _error_of_bus(error: Exception) -> PasslockError:
    """What jeepney says of a bus that is not there, not in order, or has gone."""
    match error:
        case DBusErrorResponse():  # of the bus, to our first message
            return PasslockError(error.name, *[str(each) for each in error.data[:1]] or [""])
        case TimeoutError():
            return PasslockError(f"{STANDARD}Timeout", "no answer in time")
        case AuthenticationError():
            return PasslockError(f"{STANDARD}AuthFailed", "the bus does not let this user in")
        case FileNotFoundError() | ConnectionRefusedError() | PermissionError() | RuntimeError() | ValueError():
            return PasslockError(f"{STANDARD}NoServer", "there is no system bus")
        case ConnectionError() | EOFError():
            return PasslockError(f"{STANDARD}Disconnected", "the bus has closed the connection")
        case _:
            return PasslockError(f"{STANDARD}Failed", f"{type(error).__name__}: {error}")


def _plain(dictionary: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, (_, value) in dictionary.items()}
