# SPDX-License-Identifier: LGPL-2.1-or-later
"""Commands and files in the documentation."""

import re
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2]


def section(name: str, title: str) -> str:
    """A section of a document, by its title of level two."""
    text = (SOURCE / "doc" / name).read_text()
    (found,) = re.findall(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.DOTALL | re.MULTILINE)
    return found


def blocks(name: str, title: str, language: str) -> list[str]:
    """The blocks of code of a section, without indentation."""
    found = re.findall(rf"^( *)```{language}\n(.*?)^ *```", section(name, title), re.DOTALL | re.MULTILINE)
    return ["\n".join(line.removeprefix(indent) for line in block.splitlines()) for indent, block in found]


def commands(name: str, title: str) -> list[str]:
    """The commands of a section, with their prompts and, if there is any, their output."""
    found = []
    for block in blocks(name, title, "console"):
        found += re.findall(r"^[$#] .*?(?=^[$#] |\Z)", block, re.DOTALL | re.MULTILINE)
    return found
