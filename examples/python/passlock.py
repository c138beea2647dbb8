# SPDX-License-Identifier: LGPL-2.1-or-later
"""Passkeys by way of passlockd, for Python: copy this file into your app.

    passlock = Passlock()
    token = passlock.authorize("shop.example.com", "user-42", "ada@example.com")
    ...                                     # the page makes the passkey, and comes back with a code
    who = passlock.exchange(code, user_id="user-42")
    print(who["authenticator_id"], who["user_verified"])

It needs jeepney (Debian: python3-jeepney), and a grant in passlockd.conf for the user it runs as.
"""

import secrets
from typing import Any

from jeepney import DBusAddress, HeaderFields, MessageType, new_method_call
from jeepney.io.blocking import open_dbus_connection

NAME = "dev.passlock.Passlock1"
TIMEOUT_SEC = 30
TYPES = {bool: "b", int: "u", str: "s", list: "as"}


class PasslockError(Exception):
    """An answer of the daemon that is not a success: `name` is such as InvalidCode."""

    def __init__(self, name: str, message: str):
        super().__init__(f"{name}: {message}")
        self.name = name.rpartition(".")[2]


class Passlock:
    """One tenancy. Each call has a connection of its own, so any thread may make it at any time."""

    def __init__(self, tenancy: str = "default"):
        self.path = f"/dev/passlock/Passlock1/tenancy/{tenancy}"

    def authorize(self, rp_id: str, user_id: str, username: str, **options) -> str:
        """A token, with which the page makes one passkey for the user."""
        return self._call("Tenancy", "Authorize", "sssa{sv}", rp_id, user_id, username, options)[0]

    def authorize_authentication(self, rp_id: str, **options) -> str:
        """A token, with which the page signs in: `discoverable=True`, or `user_id=...`"""
        return self._call("Tenancy", "AuthorizeAuthentication", "sa{sv}", rp_id, options)[0]

    def exchange(self, code: str, **options) -> dict[str, Any]:
        """Says whose code this is. With `user_id` it has to be that user's."""
        options.setdefault("request_id", secrets.token_urlsafe(24))
        try:
            (who,) = self._call("Tenancy", "Exchange", "sa{sv}", code, options)
        except PasslockError as error:
            if error.name != "NoReply":  # else the daemon was restarted in the middle of it
                raise
            (who,) = self._call("Tenancy", "Exchange", "sa{sv}", code, options)
        return _plain(who)

    def links(self, user_id: str) -> list[dict[str, Any]]:
        """The user's passkeys, as this host knows them."""
        (links,) = self._call("Links", "ListByUser", "s", user_id)
        return [_plain(link) for link in links]

    def _call(self, interface: str, member: str, signature: str, *args) -> tuple:
        body = [_variants(arg) if isinstance(arg, dict) else arg for arg in args]
        address = DBusAddress(self.path, NAME, f"{NAME}.{interface}")
        with open_dbus_connection("SYSTEM", auth_timeout=TIMEOUT_SEC) as connection:
            reply = connection.send_and_get_reply(
                new_method_call(address, member, signature, tuple(body)), timeout=TIMEOUT_SEC)
        if reply.header.message_type is MessageType.error:
            raise PasslockError(reply.header.fields[HeaderFields.error_name], *reply.body[:1] or [""])
        return reply.body


def _variants(options: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    return {name: (TYPES[type(value)], value) for name, value in options.items()}


def _plain(dictionary: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    return {name: value for name, (_, value) in dictionary.items()}
