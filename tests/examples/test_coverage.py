# SPDX-License-Identifier: LGPL-2.1-or-later
"""doc/coverage.md is complete, and all its names exist."""

import re
import subprocess
import xml.etree.ElementTree

import pytest

from conftest import ROOT
from harness import binary

# Of the API: all that takes the key, and the key set.
ENDPOINTS = """
POST /passkey/registration/authorize
POST /passkey/authentication/authorize
GET /principal/*
GET /passkeys/*
GET /passkeys/
POST /passkeys/update
POST /passkeys/delete
POST /passkeys/prune
POST /challenges
GET /challenges/*
POST /challenges/verify
DELETE /challenges/*
GET /.well-known/jwks.json
""".split("\n")[1:-1]

EVERY_CALL = "every one"  # the endpoint of the row that is about errors


def rows():
    lines = (ROOT / "doc/coverage.md").read_text().splitlines()
    table = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]
    assert table[0] == ["what it does", "endpoint", "D-Bus", "libpasslock", "passlockctl"]
    return table[2:]


CALLS = [row for row in rows() if row[1] != EVERY_CALL]


def quoted(cell):
    """The name in a cell, which must be one code span."""
    match = re.fullmatch("`([^`]+)`", cell)
    assert match, f"not a name: {cell!r}"
    return match[1]


def methods():
    found = set()
    for file in (ROOT / "dbus").glob("*.xml"):
        for interface in xml.etree.ElementTree.parse(file).iter("interface"):
            short = interface.get("name").rpartition(".")[2]
            found |= {f"{short}.{method.get('name')}" for method in interface.iter("method")}
    return found


def test_no_cell_is_empty():
    assert len(rows()) == len(CALLS) + 1
    for row in rows():
        assert len(row) == 5 and all(row), row


def test_each_endpoint_is_served():
    plain = {re.sub(r"\?.*", "", quoted(row[1])).replace("/v2/ID", "").replace("/v2", "") for row in CALLS}
    assert {re.sub(r"/[A-Z]+$", "/*", endpoint) for endpoint in plain} == set(ENDPOINTS)


@pytest.mark.parametrize("row", CALLS, ids=lambda row: row[0])
def test_row(row, exported, commands):
    assert quoted(row[2]) in methods()
    assert quoted(row[3]) in exported
    assert any(command.startswith(quoted(row[4])) for command in commands)


def test_no_method_is_left_out():
    ours = {method for method in methods() if method.startswith(("Tenancy.", "Vault.", "Mailbox."))}
    assert {quoted(row[2]) for row in CALLS} == ours


def test_other_names(exported, commands):
    """Names in the row about errors, and in the text."""
    text = (ROOT / "doc/coverage.md").read_text()
    for name in re.findall(r"`(passlock_\w+)`", text):
        assert name in exported
    for name in re.findall(r"`((?:Links|Tenancy|Vault|Mailbox)\.\w+)`", text):
        assert name in methods()
    for command in ("monitor", "reconcile", "link"):
        assert f"`{command}`" in text and any(line.startswith(command) for line in commands)


@pytest.fixture(scope="module")
def exported():
    script = (ROOT / "client/libpasslock/libpasslock.sym").read_text()
    return set(re.findall(r"^\s+(passlock_\w+);", script, re.M))


@pytest.fixture(scope="module")
def commands():
    """The command lines in --help, without their descriptions."""
    shown = subprocess.run([binary("passlockctl"), "--help"], check=True, capture_output=True, text=True).stdout
    return re.findall(r"^  ([a-z].*?)(?:  |$)", shown, re.M)
