# SPDX-License-Identifier: LGPL-2.1-or-later
"""The bus policy, and the daemon's objects on the bus."""

import pytest

from tests.harness.bus import NAME, PATH, tenancy_path
from tests.system import host, interfaces
from tests.system.client import Caller

OURS = {"send_destination": NAME}

# What the bus does not let through by its name, but for root.
ROOT_ONLY = {(f"{NAME}.Manager", name) for name in ("Reload", "ProveKey", "JoinStore", "LeaveStore")}

STANDARD = {
    ("org.freedesktop.DBus.Introspectable", None),
    ("org.freedesktop.DBus.Peer", None),
    ("org.freedesktop.DBus.Properties", "Get"),
    ("org.freedesktop.DBus.Properties", "GetAll"),
    ("org.freedesktop.DBus.ObjectManager", "GetManagedObjects"),
}


def rules(**attributes):
    """The rules of the policy with these attributes."""
    (found,) = [rules for these, rules in interfaces.policies() if these == attributes]
    return found


def test_the_service_user_owns_the_name_and_nobody_else():
    own, statistics = rules(user="passlock")
    assert own == ("allow", {"own": NAME})
    assert statistics == ("allow", {"send_destination": "org.freedesktop.DBus",
                                    "send_interface": "org.freedesktop.DBus.Debug.Stats",
                                    "send_member": "GetConnectionStats"})
    owners = [these for these, some in interfaces.policies()
              for tag, rule in some if tag == "allow" and any("own" in key for key in rule)]
    assert owners == [{"user": "passlock"}]


def test_everybody_may_call_what_is_named_and_nothing_else():
    (first, *allowed) = rules(context="default")
    assert first == ("deny", OURS)
    assert all(tag == "allow" and rule.items() >= OURS.items() for tag, rule in allowed)
    named = {(rule["send_interface"], rule.get("send_member")) for _, rule in allowed}
    assert len(named) == len(allowed)
    methods = {(f"{NAME}.{interface}", member) for interface, member in interfaces.methods()}
    assert named >= STANDARD
    assert named - STANDARD <= methods
    assert methods - named <= ROOT_ONLY


def test_root_may_call_everything():
    assert rules(user="root") == [("allow", OURS)]
    assert len(interfaces.policies()) == 3


@pytest.mark.parametrize("user", ["root", "nobody"])
def test_name_is_not_to_be_had(user):
    host.systemctl("stop", host.UNIT)
    assert Caller(user).request_name() == "AccessDenied"


@pytest.mark.parametrize("user", [None, "nobody"])
def test_tree(service, user):
    tree = host.run("busctl", "tree", "--list", NAME, user=user).split()
    parents = ["/", "/dev", "/dev/passlock"]
    assert tree == [*parents, PATH, f"{PATH}/tenancy", tenancy_path()]


def test_introspection(service):
    shown = {}
    for path in (PATH, tenancy_path()):
        for line in host.run("busctl", "--no-pager", "introspect", NAME, path).splitlines()[1:]:
            name, kind, *_ = line.split()
            if kind == "interface":
                interface = name
            elif kind == "method" and interface.startswith(NAME):
                shown[interface.removeprefix(f"{NAME}."), name.lstrip(".")] = line.split()[2]
    assert shown == {method: signature or "-"
                     for method, signature in interfaces.methods().items()}
