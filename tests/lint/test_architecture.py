# SPDX-License-Identifier: LGPL-2.1-or-later
"""doc/architecture.md names files and functions that exist."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = (ROOT / "doc/architecture.md").read_text()
STEPS = re.findall(r"^\| \d+ \| `([^`]+)` \| `(\w+)\(\)`", TEXT, re.MULTILINE)
PLACES = ["", "daemon", "client/passlockctl"]


def test_there_are_walks():
    assert len(STEPS) > 15


@pytest.mark.parametrize("file, function", STEPS)
def test_step(file, function):
    assert re.search(rf"\b{function}\(", (ROOT / file).read_text()), f"{file} has no {function}()"


def test_files():
    """Each file that the text names, from the top of the tree or from daemon/."""
    named = set(re.findall(r"`((?:[a-z0-9-]+/)+[a-z0-9-]+\.[ch])`", TEXT))
    assert named
    assert not [name for name in named
                if not any((ROOT / place / name).exists() for place in PLACES)]
