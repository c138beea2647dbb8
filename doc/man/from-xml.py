#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""from-xml.py DIRECTORY OVERVIEW.in error.h INTERFACE.xml...

Generates the manual pages of section 5: one per D-Bus interface, from the comments of its XML, and an
overview from a template, in which @ERRORS@ is replaced by the table of errors.

Conventions of the comments: `Name: description` is before each member. `@argument: meaning` begins an
argument; indented lines continue it. Rows `name  type  meaning` are the keys of a dictionary; lines that are
indented more than the name continue the row.
"""

import re
import sys
import textwrap
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import mdoc

ROW = re.compile(r"( *)(\w+) +(a[su]|[bstu])  +(\S.*)")
ARGUMENT = re.compile(r"@(\w+): *(.*)")
ERROR = re.compile(r'X\(\w+, \d+, ERROR_(OURS|STANDARD)\("(\w+)"\), (?:"[^"]*"|NULL), "([^"]*)"\)')
OVERVIEW = "dev.passlock.Passlock1"
KINDS = {"method": "METHODS", "signal": "SIGNALS", "property": "PROPERTIES"}


def said(lines: list[str]) -> list[str]:
    """Paragraphs and dictionaries."""
    blocks, row_indent = [], None
    for line in lines:
        row, indent = ROW.fullmatch(line), mdoc.INDENT.match(line).end()
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


class Comment:
    """Parses the comment of a member or of the interface: `name: ...`."""

    def __init__(self, text: str):
        first, _, rest = text.strip().partition("\n")
        lines = [first.strip(), *textwrap.dedent(rest).rstrip().split("\n")]
        self.name, _, lines[0] = lines[0].partition(":")
        self.arguments, self.lines, current = {}, [], None
        for line in lines:
            argument = ARGUMENT.match(line)
            if argument:
                current = self.arguments[argument[1]] = [argument[2]] if argument[2] else []
            elif current is not None and line.startswith(" "):
                current.append(line)
            else:
                current = None
                self.lines.append(line.strip() if not ROW.fullmatch(line) else line)


def signature(element) -> str:
    if element.tag == "property":
        return f"{element.get('name')} {element.get('type')}"
    args = [" ".join(filter(None, [each.get("direction"), each.get("type"), each.get("name")]))
            for each in element.findall("arg")]
    return f"{element.get('name')}({', '.join(args)})"


def member(element, comment: Comment) -> list[str]:
    lines = [f".Ss {element.get('name')}", f".Ic {mdoc.escape(signature(element))}".replace(",", r"\&,"),
             ".Pp", *said(comment.lines)]
    known = [each.get("name") for each in element.findall("arg")]
    stray = set(comment.arguments) - set(known)
    if stray:
        sys.exit(f"{element.get('name')} has no argument {', '.join(stray)}")
    return lines + mdoc.tagged([(f"Fa {name}", said(comment.arguments[name]))
                                for name in known if name in comment.arguments])


def write(pages: mdoc.Pages, path: Path, others: list[str]):
    # Keep comments as children, in their order.
    builder = ElementTree.TreeBuilder(insert_comments=True)
    node = ElementTree.parse(path, ElementTree.XMLParser(target=builder)).getroot()
    intro, comment, members = None, None, {}
    for element in node.iter():
        if element.tag is ElementTree.Comment:
            comment = Comment(element.text)
        elif element.tag == "interface":
            intro, name = comment, element.get("name")
        elif element.tag in KINDS:
            if comment.name != element.get("name"):
                sys.exit(f"{path}: {element.get('name')} has no comment")
            members.setdefault(element.tag, []).append(member(element, comment))
    body = mdoc.section("DESCRIPTION", *said(intro.lines[1:]))
    for kind, title in KINDS.items():
        if kind in members:
            body += mdoc.section(title, *sum(members[kind], []))
    body += mdoc.see_also(("busctl", 1), ("libpasslock", 3), (OVERVIEW, 5), ("passlockd", 8),
                          *((other, 5) for other in others if other != name))
    pages.write([name], mdoc.title_of(intro.lines[0].strip()), path.name, body)


def errors(header: Path) -> list[str]:
    """Formats the table of errors, from dbus/error.h."""
    table = re.sub(r"\s*\\\n\s*", " ", header.read_text())
    prefix = {"OURS": f"{OVERVIEW}.Error.", "STANDARD": "org.freedesktop.DBus.Error."}
    return mdoc.tagged([(f"Er {prefix[whose]}{name}", [mdoc.inline(f"{meaning}.")])
                        for whose, name, meaning in ERROR.findall(table)])


def main(directory: str, overview: str, header: str, *files: str):
    pages = mdoc.Pages(Path(directory), 5)
    page = Path(overview).read_text().replace("@ERRORS@", "\n".join(errors(Path(header))))
    (pages.directory / f"{OVERVIEW}.5").write_text(page)
    for file in files:
        write(pages, Path(file), [Path(each).stem for each in files])


if __name__ == "__main__":
    main(*sys.argv[1:])
