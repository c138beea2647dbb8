#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""from-xml.py DIRECTORY OVERVIEW.in error.h INTERFACE.xml...

Generates the manual pages of section 5: one per D-Bus interface, from the comments of its XML, and an
overview from a template, in which @ERRORS@ is replaced by the table of errors.
"""

import sys
from pathlib import Path

import mdoc

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "dbus"))
import interface as dbus  # noqa: E402

OVERVIEW = "dev.passlock.Passlock1"
TITLES = {"method": "METHODS", "signal": "SIGNALS", "property": "PROPERTIES"}


def said(lines: list[str]) -> list[str]:
    """Paragraphs and dictionaries."""
    blocks, row_indent = [], None
    for line in lines:
        row, indent = dbus.ROW.fullmatch(line), mdoc.INDENT.match(line).end()
        if row:
            row_indent = len(row[1])
            if not blocks or not isinstance(blocks[-1], list):
                blocks.append([])
            blocks[-1].append(list(row.groups()[1:]))
        elif blocks and isinstance(blocks[-1], list) and line.strip() and indent > row_indent:
            blocks[-1][-1][-1] += " " + line.strip()
        elif blocks and isinstance(blocks[-1], str) and blocks[-1] and line.strip() and (
                not line.startswith("Errors")):
            blocks[-1] += " " + line.strip()
        else:
            blocks.append(line.strip())
    out = []
    for block in filter(None, blocks):
        if isinstance(block, list):
            out += mdoc.tagged([(f"Va {name} Pq Vt {kind}", [mdoc.inline(meaning)])
                                for name, kind, meaning in block], compact=True)
        else:
            out += [".Pp"] * bool(out) + [mdoc.inline(block[0].upper() + block[1:])]
    return out


def signature(element) -> str:
    if element.tag == "property":
        return f"{element.get('name')} {element.get('type')}"
    args = [" ".join(filter(None, [each.get("direction"), each.get("type"), each.get("name")]))
            for each in element.findall("arg")]
    return f"{element.get('name')}({', '.join(args)})"


def member(each: dbus.Member) -> list[str]:
    lines = [f".Ss {each.name}", f".Ic {mdoc.escape(signature(each.element))}".replace(",", r"\&,"),
             ".Pp", *said(each.comment.lines)]
    return lines + mdoc.tagged([(f"Fa {arg.get('name')}", said(each.comment.arguments[arg.get("name")]))
                                for arg in each.element.findall("arg")
                                if arg.get("name") in each.comment.arguments])


def write(pages: mdoc.Pages, path: Path, others: list[str]):
    interface = dbus.read(path)
    intro = interface.intro
    body = mdoc.section("DESCRIPTION", *said(intro.lines[1:]))
    for kind, title in TITLES.items():
        members = interface.of_kind(kind)
        if members:
            body += mdoc.section(title, *sum(map(member, members), []))
    body += mdoc.see_also(("busctl", 1), ("libpasslock", 3), (OVERVIEW, 5), ("passlockd", 8),
                          *((other, 5) for other in others if other != interface.name))
    pages.write([interface.name], mdoc.title_of(intro.lines[0].strip()), path.name, body)


def errors(header: Path) -> list[str]:
    """Formats the table of errors, from dbus/error.h."""
    return mdoc.tagged([(f"Er {error.prefix}{error.name}", [mdoc.inline(f"{error.text}.")])
                        for error in dbus.errors(header)])


def main(directory: str, overview: str, header: str, *files: str):
    pages = mdoc.Pages(Path(directory), 5)
    page = Path(overview).read_text().replace("@ERRORS@", "\n".join(errors(Path(header))))
    (pages.directory / f"{OVERVIEW}.5").write_text(page)
    for file in files:
        write(pages, Path(file), [Path(each).stem for each in files])


if __name__ == "__main__":
    main(*sys.argv[1:])
