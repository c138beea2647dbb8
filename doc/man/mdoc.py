# SPDX-License-Identifier: LGPL-2.1-or-later
"""Output of manual pages, for from-header.py and from-xml.py."""

import re
import shutil
from pathlib import Path

DATE = "November 25, 2026"
INDENT = re.compile(r" *")


def escape(text: str) -> str:
    return text.replace("\\", r"\e").replace("-", r"\-")


def inline(text: str) -> str:
    """Formats a paragraph of a comment in mdoc: one sentence per line, with markup for names."""
    text = text.replace("\\", r"\e")
    text = re.sub(r"`([^`]+)`", r"\\fI\1\\fR", text)
    text = re.sub(r"(?<![\w@])@(\w+)", r"\\fI\1\\fR", text)
    text = re.sub(r"\b(passlock_\w+)\(\)", r"\\fB\1\\fR()", text)
    text = re.sub(r"(?<!\w)-(E[A-Z]+)\b", r"\\fB\\-\1\\fR", text)
    text = re.sub(r"\b(PASSLOCK_[A-Z_]+)\b", r"\\fB\1\\fR", text)
    text = re.sub(r"(?<=[\w)\]\"][.:]) (?=[A-Z\\])", "\n", text)
    return "\n".join(r"\&" + line if line[:1] in (".", "'") else line for line in text.split("\n"))


def paragraphs(lines: list[str]) -> list[str]:
    """Splits lines into paragraphs, at blank lines and at changes of the indentation."""
    found, last = [], None
    for line in lines:
        indent = INDENT.match(line).end()
        if line.strip() and indent == last:
            found[-1] += " " + line.strip()
        elif line.strip():
            found.append(line.strip())
        last = indent if line.strip() else None
    return found


def section(title: str, *lines: str) -> list[str]:
    return [f".Sh {title}", *lines]


def text(blocks: list[str]) -> list[str]:
    """Formats paragraphs, with .Pp between them."""
    lines = []
    for block in blocks:
        lines += [".Pp", inline(block)] if lines else [inline(block)]
    return lines


def tagged(items: list[tuple[str, list[str]]], width: str = "Ds", compact: bool = False) -> list[str]:
    """Formats a list of (term, description). An empty list gives nothing."""
    if not items:
        return []
    lines = [f".Bl -tag -width {width}" + (" -compact" if compact else "")]
    for tag, said in items:
        lines += [f".It {tag}", *said]
    return [*lines, ".El"]


def see_also(*pages: tuple[str, int]) -> list[str]:
    ordered = sorted(set(pages), key=lambda page: (page[1], page[0].lower()))
    return section("SEE ALSO", *(f".Xr {name} {number}" + (" ," if page != ordered[-1] else "")
                                 for page in ordered for name, number in [page]))


class Pages:
    """A new directory for the pages of one section of the manual."""

    def __init__(self, directory: Path, number: int):
        self.directory, self.number = directory, number
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)

    def write(self, names: list[str], title: str, source: str, body: list[str]):
        """Writes a page under its first name, and links from the other names."""
        head = [r".\" SPDX-License-Identifier: LGPL-2.1-or-later",
                rf".\" Made from {source}: change that.",
                f".Dd {DATE}", f".Dt {names[0].upper()} {self.number}", ".Os", ".Sh NAME"]
        head += [f".Nm {name}" + (" ," if name != names[-1] else "") for name in names]
        page = f"{names[0]}.{self.number}"
        (self.directory / page).write_text("\n".join([*head, f".Nd {title}", *body]) + "\n")
        for name in names[1:]:
            alias = self.directory / f"{name}.{self.number}"
            alias.write_text(f".so man{self.number}/{page}\n")


def title_of(comment: str) -> str:
    """The first sentence, for the NAME section."""
    first = re.split(r"[.:;](?:\s|$)", comment.replace("`", ""), maxsplit=1)[0]
    return first[0].lower() + first[1:] if first[1:2].islower() or first[1:2] == " " else first
