# SPDX-License-Identifier: LGPL-2.1-or-later
"""Manager.ProveKey: proves to root which key is in use; denied to all others."""

import hashlib
import hmac
import secrets

import pytest

from .authority import Authority
from .client import GAMES, NAME, NOBODY, WWW_DATA
from .stack import Stack, raises

pytestmark = pytest.mark.root

OTHER = {"TenancyId": "otherTenancy", "Endpoint": "http://127.0.0.1:9"}


def proof(key: str, nonce: str) -> str:
    return hmac.new(key.encode(), f"{NAME}.ProveKey:{nonce}".encode(), hashlib.sha256).hexdigest()


@pytest.fixture(params=["shipped policy", "open policy"])
def guarded(own_stack, request):
    if request.param == "open policy":
        own_stack.open_bus_policy()
    own_stack.sections["Tenancy other"] = OTHER
    own_stack.grant("all", "www-data", "All")
    own_stack.grant("other", "www-data", "All", Tenancy="other")
    return own_stack.start()


def test_proof(guarded):
    with guarded.connect() as root:
        nonce = secrets.token_urlsafe(32)
        expected = (proof(guarded.sandbox.api_key, nonce),)
        assert root.manager("ProveKey", "default", nonce) == expected
        assert root.manager("ProveKey", "", nonce) == expected
        assert root.manager("ProveKey", "default", "x" * 32) == (
            proof(guarded.sandbox.api_key, "x" * 32),) != expected


def test_another_key(guarded):
    """The proof is of the key in use, not of a stored key that is not loaded."""
    nonce = secrets.token_hex(64)
    with guarded.connect() as root:
        guarded.keys = {"passlock.default": "new-key"}
        guarded.daemon.set_keys(guarded.keys)
        assert root.manager("ProveKey", "", nonce) == (proof(guarded.sandbox.api_key, nonce),)
        guarded.call_reload(root)
        assert root.manager("ProveKey", "", nonce) == (proof("new-key", nonce),)


def test_no_key(guarded):
    with guarded.connect() as root, raises("NotConfigured"):
        root.manager("ProveKey", "other", "x" * 32)


@pytest.mark.parametrize("nonce", ["", "x" * 31, "x" * 129, "x" * 31 + " ", "x" * 31 + "é", "x" * 31 + ":"])
def test_nonce(guarded, nonce):
    with guarded.connect() as root, raises("InvalidArgs"):
        root.manager("ProveKey", "", nonce)


@pytest.mark.parametrize("label, error", [("nowhere", "UnknownObject"), ("../x", "InvalidArgs")])
def test_label(guarded, label, error):
    with guarded.connect() as root, raises(error):
        root.manager("ProveKey", label, "x" * 32)


@pytest.mark.parametrize("user", [WWW_DATA, GAMES, NOBODY], ids=["all rights", "none", "nobody"])
def test_root_only(guarded, user):
    with guarded.connect(user) as connection:
        connection.interactive = True
        for label in ("", "default", "other", "nowhere"):
            with raises("AccessDenied"):
                connection.manager("ProveKey", label, "x" * 32)


def test_polkit_is_not_asked(own_stack):
    own_stack.open_bus_policy()
    Authority.allow_on(own_stack)
    own_stack.start()
    with Authority(own_stack.bus.address) as authority, own_stack.connect(NOBODY) as nobody:
        nobody.interactive = True
        with raises("AccessDenied"):
            nobody.manager("ProveKey", "", "x" * 32)
        authority.assert_not_asked()
