# SPDX-License-Identifier: LGPL-2.1-or-later
"""Python client of passlockd in one file: copy this file into your app.

    passlock = Passlock()
    token = passlock.authorize("shop.example.com", "user-42", "ada@example.com")
    ...                                     # the page creates the passkey and sends a code
    principal = passlock.exchange(code, user_id="user-42")
    print(principal["authenticator_id"], principal["user_verified"])

Every failure is a PasslockError, an invalid argument and a missing bus included.

Requires jeepney (Debian: python3-jeepney), and a grant in passlockd.conf for the user of the app.
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
TEXT_MAX = 8192  # bytes; the daemon has lower limits


class PasslockError(Exception):
    """A failed call. `name` is the last part of a D-Bus error name: an error of the daemon, such as
    InvalidCode; InvalidArgs for an invalid argument; NoServer, AuthFailed or LimitsExceeded if the
    connection to the bus failed; ServiceUnknown and similar errors if the daemon is not running;
    Timeout; NoReply or Disconnected if the daemon or the bus stopped during the call; and
    InconsistentMessage if the bus sent malformed data. After the last four the call may have been
    executed.
    """

    def __init__(self, name: str, message: str):
        super().__init__(f"{name}: {message}")
        self.name = name.rpartition(".")[2]


class Passlock:
    """A tenancy. Thread-safe: each call opens its own connection."""

    def __init__(self, tenancy: str = "default", timeout_sec: float = TIMEOUT_SEC):
        if not isinstance(tenancy, str) or not re.fullmatch("[a-z0-9_]{1,32}", tenancy):
            raise PasslockError(f"{STANDARD}InvalidArgs", "tenancy must be 1 to 32 of a-z, 0-9 and _")
        self.path = f"/dev/passlock/Passlock1/tenancy/{tenancy}"
        self.timeout_sec = timeout_sec

    def authorize(self, rp_id: str, user_id: str, username: str, **options) -> str:
        """Returns a registration token for the page."""
        return self._call("Tenancy", "Authorize", (rp_id, user_id, username), options)[0]

    def authorize_authentication(self, rp_id: str, **options) -> str:
        """Returns an authentication token for the page: `discoverable=True`, or `user_id=...`"""
        return self._call("Tenancy", "AuthorizeAuthentication", (rp_id,), options)[0]

    def exchange(self, code: str, **options) -> dict[str, Any]:
        """Exchanges a code for its principal. With `user_id`, a code of another user is UserMismatch.

        After the error Interrupted (the daemon crashed after it had used the code) start a new ceremony;
        a new passkey may exist, see links().
        """
        options.setdefault("request_id", secrets.token_urlsafe(24))
        try:
            (principal,) = self._call("Tenancy", "Exchange", (code,), options)
        except PasslockError as error:
            # Retry once after a restart of the daemon or the bus; request_id is the idempotency key.
            if error.name not in ("NoReply", "Disconnected"):
                raise
            (principal,) = self._call("Tenancy", "Exchange", (code,), options)
        return _plain(principal)

    def links(self, user_id: str) -> list[dict[str, Any]]:
        """Returns the linked passkeys of the user."""
        (links,) = self._call("Links", "ListByUser", (user_id,))
        return [_plain(link) for link in links]

    def _call(self, interface: str, member: str, texts: tuple, options: dict[str, Any] | None = None) -> tuple:
        """Calls a method with string arguments and, unless None, a dictionary of options."""
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
            raise PasslockError(f"{STANDARD}InconsistentMessage", "the bus sent a malformed message") from error
        if reply.header.message_type is MessageType.error:
            raise PasslockError(reply.header.fields[HeaderFields.error_name], *reply.body[:1] or [""])
        return reply.body


class _Connection(DBusConnection):
    """A connection with one deadline for sending and receiving: jeepney's Hello has no timeout."""

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
    """Checks a string before sending: the bus disconnects clients that send invalid strings."""
    try:
        if not isinstance(value, str) or "\0" in value or len(value.encode()) > TEXT_MAX:
            raise ValueError
    except ValueError:  # UnicodeEncodeError, from a lone surrogate, is a ValueError
        raise PasslockError(f"{STANDARD}InvalidArgs", f"{what} must be a string of at most {TEXT_MAX} bytes") from None
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
    """Maps an exception of jeepney to a PasslockError."""
    match error:
        case DBusErrorResponse():  # to the Hello call
            return PasslockError(error.name, *[str(each) for each in error.data[:1]] or [""])
        case TimeoutError():
            return PasslockError(f"{STANDARD}Timeout", "no reply within the timeout")
        case AuthenticationError():
            return PasslockError(f"{STANDARD}AuthFailed", "the system bus refused the authentication")
        case FileNotFoundError() | ConnectionRefusedError() | PermissionError() | RuntimeError() | ValueError():
            return PasslockError(f"{STANDARD}NoServer", "failed to connect to the system bus")
        case ConnectionError() | EOFError():
            return PasslockError(f"{STANDARD}Disconnected", "the system bus closed the connection")
        case _:
            return PasslockError(f"{STANDARD}Failed", f"{type(error).__name__}: {error}")


def _plain(dictionary: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, (_, value) in dictionary.items()}
