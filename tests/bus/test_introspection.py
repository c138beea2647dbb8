# SPDX-License-Identifier: LGPL-2.1-or-later
"""Introspection equals the documentation."""

import re
import xml.etree.ElementTree as ElementTree

import pytest

from harness import source_dir
from harness.bus import NAME

from .client import INTROSPECTABLE, METHODS, PATH, PROPERTIES, tenancy_path

OF_A_TENANCY = ("Tenancy", "Links", "Vault", "Mailbox")
PATHS = {"Manager": PATH} | {interface: tenancy_path() for interface in OF_A_TENANCY}
FILES = sorted((source_dir() / "dbus").glob("*.xml"))
STANDARD = {"org.freedesktop.DBus.Peer", INTROSPECTABLE, PROPERTIES,
            "org.freedesktop.DBus.ObjectManager"}


def parse(text: str) -> ElementTree.Element:
    return ElementTree.fromstring(text)


def documented(interface: str) -> ElementTree.Element:
    return parse((source_dir() / "dbus" / f"{NAME}.{interface}.xml").read_text()).find("interface")


def introspected(connection, path: str) -> dict[str, ElementTree.Element]:
    node = parse(connection.call(path, INTROSPECTABLE, "Introspect")[0])
    return {interface.get("name"): interface for interface in node.findall("interface")}


def annotations(element) -> dict[str, str]:
    """Annotations, without those of sd-bus and those with the default value."""
    found = {each.get("name"): each.get("value") for each in element.findall("annotation")}
    return {name: value for name, value in found.items()
            if not name.startswith("org.freedesktop.systemd1.")
            and (name, value) != ("org.freedesktop.DBus.Property.EmitsChangedSignal", "true")}


def arguments(element) -> list[tuple]:
    default = "out" if element.tag == "signal" else "in"
    return [(arg.get("name"), arg.get("type"), arg.get("direction", default), annotations(arg))
            for arg in element.findall("arg")]


def describe(interface: ElementTree.Element) -> dict:
    members = {}
    for element in interface:
        if element.tag in ("method", "signal", "property"):
            members[element.tag, element.get("name")] = (
                element.get("type"), element.get("access"), arguments(element),
                annotations(element))
    return members


def test_every_interface_has_its_file():
    assert {path.name for path in FILES} == {f"{NAME}.{interface}.xml" for interface in PATHS}


@pytest.mark.parametrize("interface", PATHS)
def test_introspection_is_the_documentation(connection, interface):
    actual = introspected(connection, PATHS[interface])[f"{NAME}.{interface}"]
    assert describe(actual) == describe(documented(interface))


@pytest.mark.parametrize("path, ours", [(PATH, {"Manager"}), (tenancy_path(), set(OF_A_TENANCY))])
def test_objects_have_these_interfaces_and_no_others(connection, path, ours):
    found = set(introspected(connection, path))
    assert {name for name in found if name not in STANDARD} == {f"{NAME}.{name}" for name in ours}


@pytest.mark.parametrize("interface", PATHS)
def test_every_member_is_documented(interface):
    """Each member has a comment that begins with its name."""
    text = (source_dir() / "dbus" / f"{NAME}.{interface}.xml").read_text()
    members = re.findall(r'(<!--(?:(?!-->).)*-->)?\s*<(method|signal|property) name="(\w+)"', text,
                         re.DOTALL)
    assert len(members) == len(describe(documented(interface)))
    for comment, _, name in members:
        assert re.match(rf"<!-- {name}:", comment), f"{name} is not documented"


def test_tree_leads_to_the_tenancies(connection):
    node = parse(connection.call(PATH, INTROSPECTABLE, "Introspect")[0])
    assert {child.get("name").split("/")[0] for child in node.findall("node")} == {"tenancy"}
    (managed,) = connection.call(PATH, "org.freedesktop.DBus.ObjectManager", "GetManagedObjects")
    assert set(managed) == {tenancy_path()}
    interfaces = managed[tenancy_path()]
    assert interfaces[f"{NAME}.Tenancy"]["State"] == ("s", "ready")
    assert interfaces[f"{NAME}.Links"]["Count"][0] == "t"


def test_busctl_finds_its_way(stack):
    tree = stack.bus.busctl("tree", "--list", NAME).split()
    assert {PATH, tenancy_path()} <= set(tree)
    listed = stack.bus.busctl("introspect", NAME, tenancy_path())
    for line in (r"\.Exchange +method +sa\{sv\} +a\{sv\}",
                 r"\.ReconcileProgress +signal +tt", r"\.Count +property +t",
                 r"\.Changed +signal +a\(ss\)a\(ss\)", r'\.State +property +s +"ready" +emits-change',
                 r'\.Label +property +s +"default" +const'):
        assert re.search(line, listed), line
    listed = stack.bus.busctl("introspect", NAME, PATH)
    assert re.search(r"\.ListTenancies +method +- +a\(sso\)", listed)
    assert stack.bus.busctl("get-property", NAME, PATH, f"{NAME}.Manager", "Version").startswith("s")


def test_methods_of_the_tests_are_those_of_the_documentation():
    documentation = {interface: {name: "".join(kind for _, kind, direction, _ in args
                                               if direction == "in")
                                 for (tag, name), (_, _, args, _) in
                                 describe(documented(interface)).items() if tag == "method"}
                     for interface in PATHS}
    assert documentation == METHODS

