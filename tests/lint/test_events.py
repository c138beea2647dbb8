# SPDX-License-Identifier: LGPL-2.1-or-later
"""The event table, the catalog and the manual page have the same events and fields."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEADER = (ROOT / "dbus/event.h").read_text()
CATALOG = ROOT / "systemd/passlockd.catalog"
MANUAL = (ROOT / "doc/man/passlockd.8").read_text()

ROW = re.compile(r'X\((\w+),\s*"([a-z-]+)",\s*LOG_\w+,\s*"([0-9a-f]{32})",\s*"[^"]+"\)')


def events() -> dict[str, str]:
    """MESSAGE_ID by name, from the table."""
    table = HEADER[HEADER.index("#define EVENT_TABLE"):HEADER.index("typedef enum Event")]
    rows = ROW.findall(table.replace("\\\n", " "))
    assert len(rows) == len(re.findall(r"^ +X\(", table, re.MULTILINE)), "a row is not understood"
    return {name: message_id for _, name, message_id in rows}


def fields() -> set[str]:
    return set(re.findall(r'^#define FIELD_\w+\s+"(PASSLOCK_\w+)"', HEADER, re.MULTILINE))


def entries() -> dict[str, str]:
    """Text by MESSAGE_ID, from the catalog."""
    parts = re.split(r"^-- ", CATALOG.read_text(), flags=re.MULTILINE)[1:]
    found = [part.split("\n", 1) for part in parts]
    assert len({message_id for message_id, _ in found}) == len(found)
    return dict(found)


def manual_section() -> str:
    return MANUAL[MANUAL.index(".Sh JOURNAL"):MANUAL.index(".Sh EXIT STATUS")]


def test_ids_are_unique():
    assert len(events()) >= 30
    assert len(set(events().values())) == len(events())


def test_catalog_has_every_event():
    assert set(entries()) == set(events().values())


@pytest.mark.parametrize("name", events())
def test_entry_says_what_it_is_and_what_to_do(name):
    head, body = entries()[events()[name]].split("\n\n", 1)
    lines = head.splitlines()
    assert re.fullmatch(r"Subject: \S.*", lines[0])
    assert lines[1:] == ["Defined-By: passlockd", "Documentation: man:passlockd(8)"]
    paragraphs = body.strip().split("\n\n")
    assert len(paragraphs) >= 2, "what happened, and what to do"
    assert set(re.findall(r"@(\w+)@", head + body)) <= fields()


def test_manual_has_every_event():
    items = re.findall(r"^\.It Cm (.*)$", manual_section(), re.MULTILINE)
    assert sorted(name for item in items for name in item.split(" , ")) == sorted(events())


def test_manual_has_every_field():
    items = re.findall(r"^\.It Dv (.*)$", manual_section(), re.MULTILINE)
    assert sorted(name for item in items for name in item.split(" , ")) == sorted(fields())


def test_journalctl_takes_the_catalog(tmp_path):
    directory = tmp_path / "usr/lib/systemd/catalog"
    directory.mkdir(parents=True)
    (tmp_path / "var/lib/systemd/catalog").mkdir(parents=True)
    (directory / CATALOG.name).write_bytes(CATALOG.read_bytes())
    subprocess.run(["journalctl", f"--root={tmp_path}", "--update-catalog"], check=True)
    listed = subprocess.run(["journalctl", f"--root={tmp_path}", "--list-catalog"], check=True,
                            capture_output=True, text=True).stdout
    assert {line.split()[0] for line in listed.splitlines()} == set(events().values())
