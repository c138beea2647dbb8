# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every method, called by every kind of user, on the system bus with its policy."""

import pytest

from tests.system import host, interfaces
from tests.system.client import Caller

EMPTY = {}
USER = "user-of-nobody"

# With which arguments a method is called, and what comes of it if it may be called. Nothing of it
# needs a passkey; a method that is not here fails the test.
CALLS = {
    ("Manager", "ListTenancies"): ((), "ok"),
    ("Manager", "GetTenancy"): (("default",), "ok"),
    ("Manager", "Reload"): ((), "ok"),
    ("Manager", "Diagnose"): ((), "ok"),
    ("Manager", "ListRights"): ((), "ok"),
    ("Manager", "Explain"): (("Links.Add", 33, EMPTY), "ok"),
    ("Manager", "GetStore"): ((), "ok"),
    ("Manager", "GetMetrics"): ((), "ok"),
    ("Manager", "VerifyStore"): ((), "NotConfigured"),
    ("Manager", "JoinStore"): ((EMPTY,), "NotConfigured"),
    ("Manager", "LeaveStore"): ((EMPTY,), "NotConfigured"),
    ("Manager", "ProveKey"): (("default", "n" * 32), "ok"),
    ("Tenancy", "Authorize"): (("shop.example.com", USER, "somebody", EMPTY), "ok"),
    ("Tenancy", "AuthorizeAuthentication"): (("shop.example.com", EMPTY), "InvalidArgs"),
    ("Tenancy", "Exchange"): (("code_of_nobody", EMPTY), "InvalidCode"),
    ("Tenancy", "VerifyIdToken"): (("token.of.nobody", EMPTY), "InvalidToken"),
    ("Links", "GetUser"): (("key-of-nobody",), "NotFound"),
    ("Links", "ListByUser"): ((USER,), "ok"),
    ("Links", "List"): (("", 10), "ok"),
    ("Links", "Add"): ((USER, "key-to-add"), "ok"),
    ("Links", "Import"): (([], EMPTY), "ok"),
    ("Links", "Remove"): (("key-of-nobody",), "NotFound"),
    ("Links", "RemoveByUser"): ((USER,), "ok"),
    ("Links", "Reconcile"): (({"dry_run": ("b", False)},), "ok"),
    ("Links", "Subscribe"): ((), "ok"),
    ("Links", "Unsubscribe"): ((), "ok"),
    ("Vault", "GetPasskey"): (("key-of-nobody",), "NotFound"),
    ("Vault", "ListPasskeys"): (("",), "ok"),
    ("Vault", "UpdatePasskeys"): ((USER, "new-name", EMPTY), "ok"),
    ("Vault", "DeletePasskeys"): ((["key-of-nobody"], EMPTY), "ok"),
    ("Vault", "DeleteUserPasskeys"): ((USER, EMPTY), "ok"),
    ("Vault", "PrunePasskeys"): ((USER, EMPTY), "ok"),
    ("Mailbox", "CreateChallenge"): (("a@example.com", "sign-in", EMPTY), "ok"),
    ("Mailbox", "GetChallenge"): (("challenge_of_nobody",), "NotFound"),
    ("Mailbox", "VerifyChallenge"): (("challenge_of_nobody", "x", "123456"), "InvalidChallenge"),
    ("Mailbox", "DeleteChallenge"): (("challenge_of_nobody",), "ok"),
}

# The callers, all users of the host, and what the grants leave them.
ROOT_ONLY = {("Manager", name) for name in
             ("Reload", "Diagnose", "Explain", "ProveKey", "GetStore", "VerifyStore", "JoinStore", "LeaveStore")}
TO_ALL = {("Manager", "ListRights"), ("Links", "Unsubscribe")}  # about oneself
TO_GROUP = {("Manager", "ListTenancies"), ("Manager", "GetTenancy"), ("Tenancy", "Authorize"),
            ("Links", "GetUser"), ("Links", "ListByUser"), ("Links", "List"),
            ("Links", "Subscribe")}
MAY_CALL = {
    "root": lambda method: True,
    "granted": lambda method: method not in ROOT_ONLY,
    "member": lambda method: method in TO_GROUP | TO_ALL,
    "stranger": lambda method: method in TO_ALL,
    "nobody": lambda method: method in TO_ALL,
}
GRANTS = {
    "Grant user": {"User": "granted", "Allow": "All"},
    "Grant group": {"Group": "passkeyed", "Allow": "Authorize Links.Read"},
}


@pytest.fixture(name="callers")
def fixture_callers(api, service):
    host.run("groupadd", "--force", "passkeyed")
    for user, groups in (("granted", ""), ("member", "passkeyed"), ("stranger", "")):
        host.run("useradd", "--no-create-home", "--user-group", "--groups", groups, user)
    host.configure({"Tenancy default": api.tenancy()} | GRANTS)
    host.systemctl("reload", host.UNIT)
    host.systemctl("start", "polkit.service")
    callers = {user: Caller(user) for user in MAY_CALL}
    yield callers
    for caller in callers.values():
        caller.close()
    for user in ("granted", "member", "stranger"):
        host.run("userdel", user)


def expected(user: str, method: tuple[str, str]) -> str:
    return CALLS[method][1] if MAY_CALL[user](method) else "AccessDenied"


@pytest.mark.parametrize("interactive", [False, True], ids=["silent", "interactive"])
def test_every_method_by_everybody(callers, interactive):
    """Also with interactive authorization, but without an authentication agent."""
    methods = interfaces.methods()
    assert methods.keys() - CALLS.keys() == set(), "who may call these?"
    got = {(method, user): caller.call(*method, signature, CALLS[method][0], interactive)
           for method, signature in methods.items() for user, caller in callers.items()}
    wrong = {cell: end for cell, end in got.items() if end != expected(cell[1], cell[0])}
    host.write_result("callers-interactive" if interactive else "callers", table(methods, got))
    assert wrong == {}


def as_words(value) -> list[str]:
    """Formats an argument for busctl."""
    match value:
        case dict():
            return [str(len(value)), *(word for key, (kind, of_kind) in value.items()
                                       for word in (key, kind, str(of_kind).lower()))]
        case list():
            return [str(len(value)), *value]
    return [str(value)]


@pytest.mark.parametrize("user", ["nobody", "stranger"])
def test_every_method_by_busctl_as_it_comes(callers, user):
    """busctl allows interactive authorization by default."""
    calls = [(*method, signature, CALLS[method][0])
             for method, signature in interfaces.methods().items() if method not in TO_ALL]
    for interface, member, signature, args in [*calls, ("Manager", "GetTenancy", "s", ("",))]:
        words = [word for arg in args for word in as_words(arg)]
        said = host.call(interface, member, signature, *words, user=user, status=1)
        assert said == "Call failed: Access denied", member


def table(methods, got) -> str:
    lines = ["".join(["method".ljust(33), *(user.ljust(15) for user in MAY_CALL)])]
    for method in methods:
        cells = (f"{got[method, user]}{'' if got[method, user] == expected(user, method) else ' !'}"
                 for user in MAY_CALL)
        lines.append("".join([".".join(method).ljust(33), *(cell.ljust(15) for cell in cells)]))
    return "\n".join(line.rstrip() for line in lines) + "\n"
