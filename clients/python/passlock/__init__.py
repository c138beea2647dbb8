# SPDX-License-Identifier: LGPL-2.1-or-later
"""Passkeys by passlockd, through passlock-gate: see README.md."""

from . import results as results
from .client import AsyncPasslock as AsyncPasslock
from .client import Passlock as Passlock
from .errors import *  # noqa: F401,F403
