# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arbitrary calls of the daemon: the same ones for the same seed. The XML files in dbus/ are the source of the methods
and of the names of options."""

import random
import re
import xml.etree.ElementTree as ElementTree
from dataclasses import dataclass

from harness import source_dir
from harness.bus import NAME, PATH, tenancy_path

from .client import INTROSPECTABLE, OBJECT_MANAGER, PEER, PROPERTIES
from .stack import RP_ID

FILES = sorted((source_dir() / "dbus").glob("*.xml"))
ENTRY = re.compile(r"^ +(\w+) +(s|b|u|t|as) {1,3}\S", re.MULTILINE)
SECTION = re.compile(r"@(\w+):(.*?)(?=@\w+:|Errors:|$)", re.DOTALL)
ERRORS = re.compile(r'ERROR_(OURS|STANDARD)\("(\w+)"\)')

BASIC = "ybnqiuxtdsog"
# The bus closes connections that exceed 64 nested containers.
DEPTH_MAX = 40
# Beyond the bounds of each argument, and beyond those of a message to the daemon.
LENGTHS = [1, 16, 64, 65, 253, 254, 256, 257, 512, 513, 4096, 4097, 8192, 8193, 100_000, 2_000_000]
TEXTS = ["", "ada", "bob", "pk1", "pk2", "default", "nowhere", RP_ID, "www." + RP_ID, "ada@example.com", "login",
         "a.b.c", "required", "preferred", "conditional", "cd_never-issued", "ch1", "123456", "0123456789abcdef",
         "{}", '{"a":[1,{"b":2.5}]}', '{"a":1e999}', "..", "/", "%00", "é", "\u202e", "\U0001f511", "\ufffe", "\x7f",
         "a\nb", " ", '"', "'", "$(id)", "\x01"]
PATHS = ["/", PATH, PATH + "/tenancy", tenancy_path(), tenancy_path("nowhere"), tenancy_path() + "/x",
         "/org/freedesktop/DBus", "/" + "/".join("a" * 20)]
RANGES = {"y": (0, 2**8 - 1), "n": (-2**15, 2**15 - 1), "q": (0, 2**16 - 1), "i": (-2**31, 2**31 - 1),
           "u": (0, 2**32 - 1), "x": (-2**63, 2**63 - 1), "t": (0, 2**64 - 1)}


# Values that are valid, by the names of arguments and options.
VALID = {
    "rp_id": [RP_ID, "www." + RP_ID], "email": ["ada@example.com"], "purpose": ["login"], "label": ["", "default"],
    "tenancy": ["", "default"], "nonce": ["n" * 32], "cursor": [""], "limit": [0, 1, 1000],
    "user_verification": ["required", "preferred"], "mediation": ["required", "conditional"],
    "metadata": ["{}", '{"a":[1,{"b":2.5}]}'], "request_id": ["0123456789abcdef", "f" * 64],
    "timeout_ms": [0, 60000], "created_at": [0, 1, 2**53 - 1], "last_used_at": [0, 1, 2**53 - 1],
    "max_remove": [0, 1, 2**64 - 1],
}
IDS = ["ada", "bob", "pk1", "pk2", "pk3", "é"]


@dataclass(frozen=True)
class Argument:
    name: str
    type: str
    entries: dict[str, str]  # of a dictionary, or of each in a list: names and types


@dataclass(frozen=True)
class Method:
    interface: str
    name: str
    arguments: tuple[Argument, ...]

    @property
    def signature(self) -> str:
        return "".join(argument.type for argument in self.arguments)

    @property
    def path(self) -> str:
        return PATH if self.interface.endswith(".Manager") else tenancy_path()


def read_method(interface: str, element, comment: str) -> Method:
    sections = {name: dict(ENTRY.findall(text)) for name, text in SECTION.findall(comment)}
    return Method(interface, element.get("name"), tuple(
        Argument(arg.get("name"), arg.get("type"), sections.get(arg.get("name"), {}))
        for arg in element.findall("arg") if arg.get("direction") == "in"))


def read_methods() -> list[Method]:
    """The methods, with the entries of dictionaries that the comment before each lists."""
    methods = []
    for path in FILES:
        parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
        for interface in ElementTree.parse(path, parser).iter("interface"):
            comment = ""
            for element in interface:
                if element.tag is ElementTree.Comment:
                    comment = element.text
                elif element.tag == "method":
                    methods.append(read_method(interface.get("name"), element, comment))
    return methods


def read_errors() -> set[str]:
    """The names of the errors of our own."""
    table = (source_dir() / "dbus" / "error.h").read_text()
    return {f"{NAME}.Error.{name}" for owner, name in ERRORS.findall(table) if owner == "OURS"}


@dataclass(frozen=True)
class Call:
    path: str
    interface: str
    member: str
    signature: str
    args: tuple
    interactive: bool
    is_request: bool  # a method of ours, on its object, with its signature

    def __str__(self):
        return f"{self.path} {self.interface}.{self.member}({self.signature!r}) {self.args!r:.400}"


class Fuzzer:
    def __init__(self, seed: int):
        self.random = random.Random(seed)
        self.validity = 0.0  # probability that a value of the current call is a valid one
        self.methods = read_methods()
        self.interfaces = sorted({method.interface for method in self.methods})
        self.entries = {name: kind for method in self.methods for argument in method.arguments
                        for name, kind in argument.entries.items()}
        assert len(self.methods) > 25 and len(self.entries) > 20

    def call(self) -> Call:
        self.validity = self.random.choice([1, 1, 0.8, 0])
        kind = self.random.random()
        if kind < 0.75:
            return self.method_call()
        return self.standard_call() if kind < 0.85 else self.wrong_call()

    def method_call(self) -> Call:
        method = self.random.choice(self.methods)
        if method.name == "Reload" and self.chance(0.9):  # slow
            method = self.random.choice(self.methods)
        return Call(method.path, method.interface, method.name, method.signature,
                    tuple(self.argument(argument) for argument in method.arguments), self.chance(0.1), True)

    def standard_call(self) -> Call:
        """Introspection, properties and the like."""
        interface, member, signature = self.random.choice([
            (INTROSPECTABLE, "Introspect", ""), (PROPERTIES, "Get", "ss"), (PROPERTIES, "GetAll", "s"),
            (PROPERTIES, "Set", "ssv"), (PEER, "Ping", ""), (PEER, "GetMachineId", ""),
            (OBJECT_MANAGER, "GetManagedObjects", "")])
        path = self.random.choice(PATHS)
        if interface != PROPERTIES or self.chance(0.3):
            return self.make(path, interface, member, signature)
        name = self.random.choice(["State", "Count", "Label", "Version", "TenancyId", "Endpoint", "Nothing"])
        args = (self.random.choice(self.interfaces), name, ("s", "x"))[:len(signature)]
        return Call(path, interface, member, signature, args, False, False)

    def wrong_call(self) -> Call:
        """Another signature, object, interface or name than those of a method."""
        method = self.random.choice(self.methods)
        path, interface, member, signature = method.path, method.interface, method.name, method.signature
        what = self.random.randrange(4)
        if what == 0:
            signature = "".join(self.type(3) for _ in range(self.random.randrange(5)))
        elif what == 1:
            path = self.random.choice(PATHS)
        elif what == 2:
            interface = self.random.choice([NAME, NAME + ".Nothing", PROPERTIES, *self.interfaces])
        else:
            member = self.random.choice([member + "2", member.lower(), "A" * 255])
        return self.make(path, interface, member, signature)

    def make(self, path, interface, member, signature) -> Call:
        args = tuple(self.value(each) for each in split(signature))
        return Call(path, interface, member, signature, args, self.chance(0.1), False)

    # Arguments

    def argument(self, argument: Argument):
        if not self.chance(self.validity):
            return self.value(argument.type)
        if argument.type == "a{sv}":
            return self.valid_entries(argument.entries)
        if argument.type == "aa{sv}":
            return [self.valid_entries(argument.entries, 0.95) for _ in range(self.random.randrange(4))]
        return self.valid(argument.name, argument.type)

    def valid(self, name: str, kind: str):
        if not self.chance(self.validity):
            return self.value(kind)
        if kind == "as":
            return [self.random.choice(IDS) for _ in range(self.random.randrange(1, 4))]
        if kind == "b":
            return self.chance(0.5)
        return self.random.choice(VALID.get(name, IDS if kind == "s" else [0, 1, 2**31]))

    def valid_entries(self, entries: dict[str, str], share: float = 0.4) -> list:
        return [(name, (kind, self.valid(name, kind))) for name, kind in entries.items() if self.chance(share)]

    # Types and values

    def chance(self, probability: float) -> bool:
        return self.random.random() < probability

    def type(self, depth: int) -> str:
        if depth == 0 or self.chance(0.5):
            return self.random.choice(BASIC)
        inner = self.type(depth - 1)
        return self.random.choice([f"a{inner}", f"({inner}{self.type(depth - 1)})", "v", "a{sv}",
                                   f"a{{{self.random.choice(BASIC)}{inner}}}"])

    def value(self, kind: str, depth: int = 4):
        if kind == "a{sv}":
            return self.dictionary()
        if kind == "v":
            return self.variant(depth)
        if kind[0] == "a":
            return self.array(kind[1:], depth)
        if kind[0] == "(":
            return tuple(self.value(each, depth) for each in split(kind[1:-1]))
        return self.basic(kind)

    def basic(self, kind: str):
        if kind == "b":
            return self.chance(0.5)
        if kind == "d":
            return self.random.choice([0.0, -1.5, 1e308, float("inf"), float("nan")])
        if kind == "o":
            return self.random.choice(PATHS)
        if kind == "g":
            return self.random.choice(["", "s", "a{sv}", "(iii)"])
        if kind == "s":
            return self.text()
        low, high = RANGES[kind]
        return self.random.choice([low, high, 0, 1, 100, min(high, 1000), min(high, 1001), self.random.randint(low, high)])

    def text(self) -> str:
        if self.chance(0.8):
            return self.random.choice(TEXTS)
        unit = self.random.choice(["x", "é", "\U0001f511", "a.", "\x01"])
        # Long texts are rare: they only test one check.
        length = self.random.choice(LENGTHS[:-2] if self.chance(0.97) else LENGTHS)
        return (unit * length)[:length // (len(unit.encode()) // len(unit))]

    def variant(self, depth: int) -> tuple:
        if depth > 0 and self.chance(0.1):  # many nested ones
            value = ("u", 7)
            for _ in range(self.random.randrange(DEPTH_MAX)):
                value = ("v", value)
            return value
        kind = self.type(min(depth, 2))
        return (kind, self.value(kind, max(0, depth - 1)))

    def array(self, kind: str, depth: int):
        if kind[0] == "{":
            key, value = split(kind[1:-1])
            return {self.value(key, depth): self.value(value, depth)} if self.chance(0.7) else {}
        values = [self.value(kind, depth) for _ in range(self.random.choice([0, 1, 1, 2, 3]))]
        if values and self.chance(0.1) and len(repr(values[0])) < 100:
            values = values[:1] * self.random.choice([100, 101, 256, 257, 1000, 1001])
        return bytes(values) if kind == "y" else values

    def dictionary(self) -> list:
        """Entries of options: known and unknown names, right and wrong types, duplicates."""
        entries = []
        for _ in range(self.random.choice([0, 0, 1, 1, 2, 3, 5])):
            name = self.random.choice([*self.entries, "unknown", "", "Link", "é", "x" * 300])
            right = self.entries.get(name, "s")
            kind = right if self.chance(0.8) else self.type(2)
            entries.append((name, (kind, self.value(kind, 2))))
        if entries and self.chance(0.1):
            entries.append(entries[0])
        return entries


def split(signature: str) -> list[str]:
    """The complete types of a signature."""
    types, begin, depth = [], 0, 0
    for index, char in enumerate(signature):
        depth += (char in "({") - (char in ")}")
        if depth == 0 and char != "a":
            types.append(signature[begin:index + 1])
            begin = index + 1
    return types
