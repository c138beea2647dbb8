# SPDX-License-Identifier: LGPL-2.1-or-later
"""Passkeys by passlockd, through passlock-gate: see README.md."""

from .client import AsyncPasslock, Passlock
from .errors import *  # noqa: F401,F403
from .results import (Challenge, Change, ImportResult, Link, LinkPage, ManagementToken, Pair, Passkey,  # noqa: F401
                      PasskeyPage, Principal, Reconciliation, Token)
