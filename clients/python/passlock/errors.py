# SPDX-License-Identifier: LGPL-2.1-or-later
"""One class for each error name of passlock-gate-api(7)."""

from __future__ import annotations


class PasslockError(Exception):
    """A failed call. The message is for the log, and may contain no more than the gate wrote."""

    name = "PasslockError"

    def __init__(self, message: str, status: int | None = None, retry_after_sec: int | None = None):
        super().__init__(f"{self.name}: {message}")
        self.message = message
        self.status = status  # of HTTP; None: the client itself failed the call
        self.retry_after_sec = retry_after_sec


class InvalidCode(PasslockError): """The code is unknown, expired or used."""
class Interrupted(PasslockError): """A crash interrupted the exchange, and the code is used: start a new ceremony."""
class InvalidToken(PasslockError): """The id_token is not valid."""
class UserMismatch(PasslockError): """The passkey belongs to another user."""
class LinkConflict(PasslockError): """The authenticator is linked to another user."""
class NotFound(PasslockError): """There is no such passkey, link, user or challenge."""
class BadRequest(PasslockError): """The API refused the request."""
class RateLimited(PasslockError): """The API limits the rate: see retry_after_sec."""
class ApiDenied(PasslockError): """The API refused the key: an administrator must act."""
class Unreachable(PasslockError): """The API did not reply in time."""
class MalformedReply(PasslockError): """The API, or the socket, sent something else than a reply."""
class NotConfigured(PasslockError): """The tenancy has no API key."""
class StoreFull(PasslockError): """The link store is full."""
class StoreFailed(PasslockError): """The link store failed."""
class InvalidChallenge(PasslockError): """The challenge is unknown or used, or the secret is wrong."""
class InvalidChallengeCode(PasslockError): """The code of the challenge is wrong."""
class ChallengeExpired(PasslockError): """The challenge has expired."""
class ChallengeAttemptsExceeded(PasslockError): """The challenge had too many attempts."""
class AccessDenied(PasslockError): """No grant allows the user of the gate this call."""
class InvalidArgs(PasslockError): """An argument is missing, unknown or not valid."""
class LimitsExceeded(PasslockError): """Too many calls: see retry_after_sec."""
class UnknownObject(PasslockError): """There is no such tenancy."""
class UnknownRoute(PasslockError): """The gate does not have the method."""
class MethodNotAllowed(PasslockError): """The route has another HTTP method."""
class OriginRefused(PasslockError): """The gate refuses requests of browsers."""
class BodyTooLarge(PasslockError): """The arguments are longer than 64 KiB."""
class Internal(PasslockError): """The gate failed."""
class Unsupported(PasslockError): """passlockd does not have the method."""
class ReplyLost(PasslockError): """The connection was lost: the call may have been executed."""
class Unavailable(PasslockError): """passlockd, the bus or the gate is not running: the call was not executed."""
class TimedOut(PasslockError): """No reply before the timeout: the call may be executed."""
class HttpVersionNotSupported(PasslockError): """The gate has streams with HTTP/1.1 only."""


CLASSES = {kind.__name__: kind for kind in PasslockError.__subclasses__()}
for _name, _kind in CLASSES.items():
    _kind.name = _name


def error_of(name: str, message: str, status: int, retry_after_sec: int | None) -> PasslockError:
    """The error of a reply. Names of a newer gate have no class of their own."""
    error = CLASSES.get(name, PasslockError)(message, status, retry_after_sec)
    error.name = name
    return error
