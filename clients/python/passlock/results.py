# SPDX-License-Identifier: LGPL-2.1-or-later
"""Results and options. Times are milliseconds since the epoch."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Required, TypedDict, TypeVar

from .errors import MalformedReply

R = TypeVar("R")


@dataclass(frozen=True, kw_only=True, slots=True)
class Token:
    """For the page's registerPasskey() or authenticatePasskey()."""
    token: str = field(repr=False)
    expires_at: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Principal:
    """Who has signed in, or created a passkey. From verify_id_token() without the links."""
    id: str
    user_id: str
    authenticator_id: str
    authenticator_type: str
    created_at: int
    expires_at: int
    verified: bool
    user_verified: bool
    linked: bool | None = None
    newly_linked: bool | None = None
    platform_name: str | None = None
    ip_address: str | None = None
    user_agent: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Link:
    """A passkey of a user."""
    authenticator_id: str
    user_id: str
    created_at: int
    last_used_at: int = 0  # 0: never
    platform_name: str | None = None


class LinkPage(NamedTuple):
    """Links, and the cursor of the next page, or ""."""
    links: list[Link]
    next_cursor: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ImportResult:
    """The numbers of links, and the authenticator ids of the others."""
    added: int
    present: int
    conflicting: list[str]
    exceeding: list[str]


@dataclass(frozen=True, kw_only=True, slots=True)
class Reconciliation:
    """Numbers of passkeys."""
    checked: int
    added: int
    removed: int
    conflicts: int


class Pair(NamedTuple):
    """A link that was added or removed."""
    user_id: str
    authenticator_id: str


class Change(NamedTuple):
    """Links that changed. With `read_again`, earlier changes may be missing: read the links again."""
    added: list[Pair]
    removed: list[Pair]
    read_again: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Passkey:
    """A passkey in the vault. The page of a list has no more than the first seven."""
    id: str
    enabled: bool
    created_at: int
    last_used_at: int
    credential_id: str
    credential_user_id: str
    user_id: str | None = None
    username: str | None = None
    aaguid: str | None = None
    backed_up: bool | None = None
    counter: int | None = None
    device_type: str | None = None
    transports: list[str] | None = None
    public_key: str | None = None
    rp_id: str | None = None
    updated_at: int | None = None
    platform_name: str | None = None
    platform_icon: str | None = None


class PasskeyPage(NamedTuple):
    """Passkeys, and the cursor of the next page, or ""."""
    passkeys: list[Passkey]
    next_cursor: str


class Warning(NamedTuple):
    """Why a passkey, or all ("") were not changed."""
    code: str
    message: str
    passkey_id: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ManagementToken:
    """For the page's updatePasskeys(), deletePasskeys() or prunePasskeys()."""
    token: str = field(repr=False)
    expires_at: int
    warnings: list[Warning]


@dataclass(frozen=True, kw_only=True, slots=True)
class Challenge:
    """A challenge by mail. Only create_challenge() returns the last four."""
    id: str
    purpose: str
    email: str
    created_at: int
    expires_at: int
    user_id: str | None = None
    metadata: str | None = None
    secret: str | None = field(default=None, repr=False)
    code: str | None = field(default=None, repr=False)
    message_html: str | None = field(default=None, repr=False)
    message_text: str | None = field(default=None, repr=False)


# Options. None is not the same as no option: it is refused, so that a missing user id is no missing check.

class AuthorizeOptions(TypedDict, total=False):
    rp_name: str
    display_name: str
    exclude_credentials: list[str]
    exclude_linked: bool
    user_verification: str
    timeout_ms: int


class AuthorizeAuthenticationOptions(TypedDict, total=False):
    user_id: str
    allow_credentials: list[str]
    discoverable: bool
    mediation: str
    user_verification: str
    timeout_ms: int


class ExchangeOptions(TypedDict, total=False):
    user_id: str
    link: bool
    request_id: str


class VerifyIdTokenOptions(TypedDict, total=False):
    user_id: str


class ImportedLink(TypedDict, total=False):
    authenticator_id: Required[str]
    user_id: Required[str]
    created_at: int
    last_used_at: int
    platform_name: str


class ImportOptions(TypedDict, total=False):
    dry_run: bool


class ReconcileOptions(TypedDict, total=False):
    dry_run: bool
    max_remove: int


class UpdatePasskeysOptions(TypedDict, total=False):
    display_name: str


class CreateChallengeOptions(TypedDict, total=False):
    name: str
    user_id: str
    metadata: str
    invalidate_others: bool
    skip_rate_limit: bool
    send_email: bool


def build(kind: type[R], members: dict[str, Any]) -> R:
    """Ignores members of a newer gate."""
    known = {each.name for each in dataclasses.fields(kind)}
    try:
        return kind(**{name: value for name, value in members.items() if name in known})
    except (AttributeError, TypeError) as error:
        raise MalformedReply(f"the gate did not send a {kind.__name__}") from error
