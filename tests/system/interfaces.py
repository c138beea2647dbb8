# SPDX-License-Identifier: LGPL-2.1-or-later
"""What is installed of the interfaces: their XML, and the bus policy."""

import xml.etree.ElementTree as ElementTree
from pathlib import Path

from tests.harness.bus import NAME

XML_DIR = Path("/usr/share/dbus-1/interfaces")
POLICY = Path(f"/usr/share/dbus-1/system.d/{NAME}.conf")


def methods() -> dict[tuple[str, str], str]:
    """The signature of each method's arguments, by interface (its last word) and name."""
    found = {}
    for file in sorted(XML_DIR.glob(f"{NAME}.*.xml")):
        for interface in ElementTree.parse(file).iter("interface"):
            short = interface.get("name").removeprefix(f"{NAME}.")
            for method in interface.iter("method"):
                found[short, method.get("name")] = "".join(
                    arg.get("type") for arg in method.iter("arg")
                    if arg.get("direction") == "in")
    return found


def policies() -> list[tuple[dict[str, str], list[tuple[str, dict[str, str]]]]]:
    """The <policy> elements: attributes, and the rules in them: (tag, attributes)."""
    return [(dict(policy.attrib), [(rule.tag, dict(rule.attrib)) for rule in policy])
            for policy in ElementTree.parse(POLICY).iter("policy")]
