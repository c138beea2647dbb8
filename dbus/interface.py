# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the interfaces, for generators: members, and the dictionaries that the comments document.

Conventions of the comments: `Name: description` is before each member. `@argument: meaning` begins an
argument; indented lines continue it. Rows `name  type  meaning` are the keys of a dictionary; lines that are
indented more than the name continue the row. In the comment of the interface, `A link is a dictionary:`
begins the keys of the arguments `link` and `links`, and `Method adds:` those that a method adds.
"""

import re
import sys
import textwrap
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass, field
from pathlib import Path

ROW = re.compile(r"( *)(\w+) +(a[su]|[bstu])  +(\S.*)")
ARGUMENT = re.compile(r"@(\w+): *(.*)")
DICTIONARY = re.compile(r" *(?:An? (\w+) is a dictionary|(\w+) adds):")
ERROR = re.compile(r'X\(\w+, \d+, (\d+), ERROR_(OURS|STANDARD)\("(\w+)"\), (?:"[^"]*"|NULL), "([^"]*)"\)')
KINDS = ("method", "signal", "property")
PREFIXES = {"OURS": "dev.passlock.Passlock1.Error.", "STANDARD": "org.freedesktop.DBus.Error."}


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


@dataclass(frozen=True)
class Key:
    """A key of a dictionary."""
    name: str
    type: str
    text: str


def keys(lines: list[str]) -> list[Key]:
    """The rows among lines, each with the lines that continue it."""
    found, indent = [], None
    for line in lines:
        row = ROW.fullmatch(line)
        if row:
            indent = len(row[1])
            found.append(list(row.groups()[1:]))
        elif found and line.strip() and len(line) - len(line.lstrip()) > indent:
            found[-1][-1] += " " + line.strip()
    return [Key(*row) for row in found]


@dataclass(frozen=True)
class Argument:
    name: str
    type: str
    lines: list[str]  # of the comment

    @property
    def keys(self) -> list[Key]:
        return keys(self.lines)

    @property
    def text(self) -> str:
        """The comment without the rows."""
        said = []
        for line in self.lines:
            if ROW.fullmatch(line):
                break
            said.append(line.strip())
        return " ".join(said)


@dataclass
class Member:
    element: ElementTree.Element
    comment: Comment

    @property
    def kind(self) -> str:
        return self.element.tag

    @property
    def name(self) -> str:
        return self.element.get("name")

    def arguments(self, direction: str) -> list[Argument]:
        """Those of a method: direction is in or out. Those of a signal are out."""
        return [Argument(each.get("name"), each.get("type"), self.comment.arguments.get(each.get("name"), []))
                for each in self.element.findall("arg") if each.get("direction", "out") == direction]

    @property
    def text(self) -> str:
        """The description, without the list of errors."""
        return re.sub(r"\s*\bErrors: .*", "", " ".join(filter(None, map(str.strip, self.comment.lines))), flags=re.S)

    @property
    def summary(self) -> str:
        return re.split(r"(?<=\.)\s", self.text, maxsplit=1)[0]


@dataclass
class Interface:
    name: str
    path: Path
    intro: Comment
    members: list[Member] = field(default_factory=list)

    @property
    def short_name(self) -> str:
        return self.name.rpartition(".")[2]

    def of_kind(self, kind: str) -> list[Member]:
        return [member for member in self.members if member.kind == kind]

    def dictionaries(self) -> dict[str, list[Key]]:
        """Those of the comment of the interface, by the noun or by the method."""
        found, name = {}, None
        for line in self.intro.lines:
            begin = DICTIONARY.match(line)
            if begin:
                name = begin[1] or begin[2]
                found[name] = []
            elif name and line.strip():
                found[name].append(line)
            elif not line.strip():
                name = None
        return {name: keys(lines) for name, lines in found.items()}


def read(path: Path) -> Interface:
    # Keep comments as children, in their order.
    builder = ElementTree.TreeBuilder(insert_comments=True)
    node = ElementTree.parse(path, ElementTree.XMLParser(target=builder)).getroot()
    comment, interface = None, None
    for element in node.iter():
        if element.tag is ElementTree.Comment:
            comment = Comment(element.text)
        elif element.tag == "interface":
            interface = Interface(element.get("name"), path, comment)
        elif element.tag in KINDS:
            if comment.name != element.get("name"):
                sys.exit(f"{path}: {element.get('name')} has no comment")
            stray = set(comment.arguments) - {each.get("name") for each in element.findall("arg")}
            if stray:
                sys.exit(f"{path}: {element.get('name')} has no argument {', '.join(stray)}")
            interface.members.append(Member(element, comment))
    return interface


@dataclass(frozen=True)
class Error:
    prefix: str
    name: str  # the last part
    status: int  # of HTTP
    text: str


def errors(header: Path) -> list[Error]:
    """The table of errors, from dbus/error.h."""
    table = re.sub(r"\s*\\\n\s*", " ", header.read_text())
    return [Error(PREFIXES[whose], name, int(status), text) for status, whose, name, text in ERROR.findall(table)]
