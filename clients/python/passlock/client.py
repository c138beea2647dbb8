# SPDX-License-Identifier: LGPL-2.1-or-later
"""The methods of passlock-gate-api(7). Each is written once, for the sync client and for asyncio."""

from __future__ import annotations

import os
import pwd
import re
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, Unpack, overload

from . import results as r
from .errors import InvalidArgs, MalformedReply
from .transport import AsyncStream, BlockingStream, Transport, encode

P = ParamSpec("P")
R = TypeVar("R")
C = TypeVar("C", "Passlock", "AsyncPasslock")
TIMEOUT_SEC = 40.0  # longer than a call with the default TimeoutSec of the daemon
LONG_TIMEOUT_SEC = 3600.0


@dataclass(frozen=True)
class Call(Generic[R]):
    """A call, and how its result is made of the reply."""
    name: str
    members: dict[str, Any] | None  # None: GET
    result: Callable[[dict[str, Any]], R]
    repeatable: bool = False  # may be executed twice
    is_long: bool = False


class _Group(Generic[C]):
    """Methods of an interface."""

    def __init__(self, client: C):
        self._client: C = client


class _method(Generic[P, R]):  # pylint: disable=invalid-name
    """Makes a method of a function that returns its Call."""

    def __init__(self, prepare: Callable[Concatenate[Any, P], Call[R]]):
        self._prepare = prepare
        self.__doc__ = prepare.__doc__

    @overload
    def __get__(self, owner: _Group[Passlock], kind: Any = None) -> Callable[P, R]: ...
    @overload
    def __get__(self, owner: _Group[AsyncPasslock], kind: Any = None) -> Callable[P, Awaitable[R]]: ...

    def __get__(self, owner: Any, kind: Any = None) -> Any:
        if owner is None:
            return self
        return lambda *args, **kwargs: owner._client._execute(self._prepare(owner, *args, **kwargs))


def _of(kind: type[R], name: str | None = None) -> Callable[[dict[str, Any]], R]:
    return lambda reply: r.build(kind, reply[name] if name else reply)


def _list_of(kind: type[R], name: str) -> Callable[[dict[str, Any]], list[R]]:
    return lambda reply: [r.build(kind, each) for each in reply[name]]


def _token(name: str) -> Callable[[dict[str, Any]], r.Token]:
    return lambda reply: r.Token(token=reply[name], expires_at=reply["expires_at"])


def _value(kind: type[R], name: str) -> Callable[[dict[str, Any]], R]:
    def value(reply: dict[str, Any]) -> R:
        found = reply[name]
        if not isinstance(found, kind):
            raise TypeError(name)
        return found
    return value


def _nothing(_: dict[str, Any]) -> None:
    return None


def _managed(reply: dict[str, Any]) -> r.ManagementToken:
    return r.ManagementToken(token=reply["token"], expires_at=reply["expires_at"],
                             warnings=[r.Warning(*each) for each in reply["warnings"]])


class _Tenancy(_Group[C]):
    @_method
    def authorize(self, rp_id: str, user_id: str, username: str,
                  **options: Unpack[r.AuthorizeOptions]) -> Call[r.Token]:
        """Lets a page create a passkey."""
        members: dict[str, Any] = {"rp_id": rp_id, "user_id": user_id, "username": username, **options}
        return Call("Tenancy.Authorize", members, _token("registration_token"))

    @_method
    def authorize_authentication(self, rp_id: str,
                                 **options: Unpack[r.AuthorizeAuthenticationOptions]) -> Call[r.Token]:
        """Lets a page sign in: with user_id, allow_credentials or discoverable."""
        return Call("Tenancy.AuthorizeAuthentication", {"rp_id": rp_id, **options}, _token("authentication_token"))

    @_method
    def exchange(self, code: str, **options: Unpack[r.ExchangeOptions]) -> Call[r.Principal]:
        """Exchanges the code of a page for its principal, and links a new passkey."""
        members: dict[str, Any] = {"code": code, "request_id": secrets.token_urlsafe(24), **options}
        return Call("Tenancy.Exchange", members, _of(r.Principal, "principal"), repeatable=True)

    @_method
    def verify_id_token(self, id_token: str, **options: Unpack[r.VerifyIdTokenOptions]) -> Call[r.Principal]:
        """Verifies an id_token, without the API."""
        return Call("Tenancy.VerifyIdToken", {"id_token": id_token, **options}, _of(r.Principal, "principal"), True)

    @_method
    def health(self) -> Call[str]:
        """ready, unconfigured, denied or degraded"""
        return Call("health", None, _value(str, "state"), True)


class _Links(_Group[C]):
    @_method
    def get_user(self, authenticator_id: str) -> Call[str]:
        return Call("Links.GetUser", {"authenticator_id": authenticator_id}, _value(str, "user_id"), True)

    @_method
    def list_by_user(self, user_id: str) -> Call[list[r.Link]]:
        return Call("Links.ListByUser", {"user_id": user_id}, _list_of(r.Link, "links"), True)

    @_method
    def list(self, cursor: str = "", limit: int = 0) -> Call[r.LinkPage]:
        """A page of all links; "" is the cursor of the first."""
        links = _list_of(r.Link, "links")
        return Call("Links.List", {"cursor": cursor, "limit": limit},
                    lambda reply: r.LinkPage(links(reply), reply["next_cursor"]), True)

    @_method
    def add(self, user_id: str, authenticator_id: str) -> Call[None]:
        return Call("Links.Add", {"user_id": user_id, "authenticator_id": authenticator_id}, _nothing)

    @_method
    def import_(self, links: Sequence[r.ImportedLink], **options: Unpack[r.ImportOptions]) -> Call[r.ImportResult]:
        """Adds up to 1000 links with their times."""
        return Call("Links.Import", {"links": links, **options}, _of(r.ImportResult, "result"))

    @_method
    def remove(self, authenticator_id: str) -> Call[None]:
        return Call("Links.Remove", {"authenticator_id": authenticator_id}, _nothing)

    @_method
    def remove_by_user(self, user_id: str) -> Call[int]:
        """Returns the number of removed links."""
        return Call("Links.RemoveByUser", {"user_id": user_id}, _value(int, "removed"))

    @_method
    def reconcile(self, **options: Unpack[r.ReconcileOptions]) -> Call[r.Reconciliation]:
        """Compares the links with the vault, for up to an hour."""
        return Call("Links.Reconcile", {**options}, _of(r.Reconciliation, "result"), is_long=True)


class _Vault(_Group[C]):
    @_method
    def get_passkey(self, passkey_id: str) -> Call[r.Passkey]:
        return Call("Vault.GetPasskey", {"passkey_id": passkey_id}, _of(r.Passkey, "passkey"), True)

    @_method
    def list_passkeys(self, cursor: str = "") -> Call[r.PasskeyPage]:
        passkeys = _list_of(r.Passkey, "passkeys")
        return Call("Vault.ListPasskeys", {"cursor": cursor},
                    lambda reply: r.PasskeyPage(passkeys(reply), reply["next_cursor"]), True)

    @_method
    def update_passkeys(self, user_id: str, username: str,
                        **options: Unpack[r.UpdatePasskeysOptions]) -> Call[r.ManagementToken]:
        return Call("Vault.UpdatePasskeys", {"user_id": user_id, "username": username, **options}, _managed)

    @_method
    def delete_passkeys(self, passkey_ids: list[str]) -> Call[r.ManagementToken]:
        return Call("Vault.DeletePasskeys", {"passkey_ids": passkey_ids}, _managed)

    @_method
    def delete_user_passkeys(self, user_id: str) -> Call[r.ManagementToken]:
        return Call("Vault.DeleteUserPasskeys", {"user_id": user_id}, _managed)

    @_method
    def prune_passkeys(self, user_id: str) -> Call[r.ManagementToken]:
        return Call("Vault.PrunePasskeys", {"user_id": user_id}, _managed)


class _Mailbox(_Group[C]):
    @_method
    def create_challenge(self, email: str, purpose: str,
                         **options: Unpack[r.CreateChallengeOptions]) -> Call[r.Challenge]:
        return Call("Mailbox.CreateChallenge", {"email": email, "purpose": purpose, **options},
                    _of(r.Challenge, "challenge"))

    @_method
    def get_challenge(self, challenge_id: str) -> Call[r.Challenge]:
        return Call("Mailbox.GetChallenge", {"challenge_id": challenge_id}, _of(r.Challenge, "challenge"), True)

    @_method
    def verify_challenge(self, challenge_id: str, secret: str, code: str) -> Call[r.Challenge]:
        return Call("Mailbox.VerifyChallenge", {"challenge_id": challenge_id, "secret": secret, "code": code},
                    _of(r.Challenge, "challenge"))

    @_method
    def delete_challenge(self, challenge_id: str) -> Call[None]:
        return Call("Mailbox.DeleteChallenge", {"challenge_id": challenge_id}, _nothing)


class _Client(_Tenancy[C]):
    """A tenancy at the gate of this app.

    The default socket is $PASSLOCK_GATE, or /run/passlock-gate/USER/socket; the default tenancy that of the gate.
    """

    _stream: type[BlockingStream]

    def __init__(self, socket_path: str | None = None, tenancy: str | None = None, timeout_sec: float = TIMEOUT_SEC):
        super().__init__(self)  # type: ignore[arg-type]
        if tenancy is not None and not (isinstance(tenancy, str) and re.fullmatch("[a-z0-9_]{1,32}", tenancy)):
            raise InvalidArgs("tenancy: expected 1 to 32 of a-z, 0-9 and _")
        path = (socket_path or os.environ.get("PASSLOCK_GATE") or
                f"/run/passlock-gate/{pwd.getpwuid(os.geteuid()).pw_name}/socket")
        self._transport = Transport(self._stream, path)
        self._query = f"?tenancy={tenancy}" if tenancy is not None else ""
        self._timeout_sec = timeout_sec

    async def _call(self, call: Call[R]) -> R:
        message = encode("GET" if call.members is None else "POST", f"/v1/{call.name}{self._query}", call.members)
        timeout_sec = LONG_TIMEOUT_SEC if call.is_long else self._timeout_sec
        reply = await self._transport.send(message, timeout_sec, call.repeatable)
        try:
            return call.result(reply)
        except (KeyError, TypeError) as error:
            raise MalformedReply(f"the reply to {call.name} is incomplete") from error

    def _changes(self) -> AsyncGenerator[r.Change, None]:
        return self._transport.changes(f"/v1/Links.Changed{self._query}")

    def close(self) -> None:
        """Closes idle connections."""
        self._transport.close()


def _run(awaitable: Awaitable[R]) -> R:
    """Runs a coroutine that never suspends, because its stream blocks."""
    try:
        awaitable.__await__().__next__()
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    raise RuntimeError("a blocking stream has suspended")


class Links(_Links["Passlock"]):
    def changed(self) -> Generator[r.Change, None, None]:
        """Yields changes, first one with read_again, and again after each new connection."""
        changes = self._client._changes()
        try:
            while True:
                yield _run(anext(changes))
        finally:
            _run(changes.aclose())


class AsyncLinks(_Links["AsyncPasslock"]):
    def changed(self) -> AsyncGenerator[r.Change, None]:
        """Like Links.changed()."""
        return self._client._changes()


class Passlock(_Client["Passlock"]):
    __doc__ = f"{_Client.__doc__}\n    Threads can share it; child processes make connections of their own."
    _stream = BlockingStream

    def __init__(self, socket_path: str | None = None, tenancy: str | None = None, timeout_sec: float = TIMEOUT_SEC):
        super().__init__(socket_path, tenancy, timeout_sec)
        self.links, self.vault, self.mailbox = Links(self), _Vault(self), _Mailbox(self)

    def _execute(self, call: Call[R]) -> R:
        return _run(self._call(call))


class AsyncPasslock(_Client["AsyncPasslock"]):
    __doc__ = f"{_Client.__doc__}\n    For one event loop. The methods are awaited, and can be cancelled."
    _stream = AsyncStream

    def __init__(self, socket_path: str | None = None, tenancy: str | None = None, timeout_sec: float = TIMEOUT_SEC):
        super().__init__(socket_path, tenancy, timeout_sec)
        self.links, self.vault, self.mailbox = AsyncLinks(self), _Vault(self), _Mailbox(self)

    async def _execute(self, call: Call[R]) -> R:
        return await self._call(call)
