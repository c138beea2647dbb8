# SPDX-License-Identifier: LGPL-2.1-or-later
"""Manager.Explain: would a user be allowed a call, by which grant, or what does the nearest one lack."""

import re

import pytest

from .client import (AUDIO, AUDIO_FAN, BACKUP, GAMES, INTROSPECTABLE, IRC, METHODS, NAME, NOBODY, PATH, SIGNATURES,
                     WWW_DATA, Connection, tenancy_path)
from .stack import RP_ID, Stack, new_user, raises

pytestmark = pytest.mark.root

USERS = {"web": WWW_DATA, "games": GAMES, "fan": AUDIO_FAN, "trial": BACKUP, "none": IRC, "nobody": NOBODY}
ARGUMENTS = {"Authorize": (RP_ID, "ada", "Ada", {}), "Exchange": ("cd_unknown", {}), "GetUser": ("key",),
             "Add": ("ada", "key"), "Reconcile": ({},), "ListPasskeys": ("",), "GetPasskey": ("key",),
             "GetChallenge": ("id",), "ListTenancies": (), "GetTenancy": ("",), "Reload": (), "ListRights": (),
             "Unsubscribe": ()}


@pytest.fixture(scope="module")
def stack():
    with Stack() as stack:
        stack.sections["Tenancy other"] = {"TenancyId": "otherTenancy", "Endpoint": "http://127.0.0.1:9"}
        stack.grant("web", "www-data", "All", RpId="shop.example.com www.example.com", MaxCallsPerSec="1000")
        stack.grant("games", "games", "Authorize Links.Read", RpId="other.example.com")
        stack.sections["Grant fan"] = {"Group": "audio", "Allow": "Links.Write"}
        stack.grant("trial", "backup", "Mailbox", Enforce="no")
        stack.apply()
        yield stack


@pytest.fixture(scope="module")
def root(stack):
    with stack.connect() as connection:
        yield connection


def explain(root: Connection, method: str, uid: int, **options: tuple) -> dict:
    (reply,) = root.manager("Explain", method, uid, options)
    return {name: value for name, (_, value) in reply.items()}


def line_of(stack: Stack, section: str, text: str = "") -> str:
    """The place of a line of a section."""
    lines = stack.daemon.config.read_text().splitlines()
    start = lines.index(f"[{section}]")
    offset = next(n for n, line in enumerate(lines[start:]) if line.startswith(text))
    return f"{stack.daemon.config}:{start + offset + 1}"


def groups_of(user) -> tuple:
    return ("au", [user.gid, *user.groups])


@pytest.mark.parametrize("method", ARGUMENTS)
@pytest.mark.parametrize("kind", USERS)
def test_agrees_with_the_decision(stack, root, kind, method):
    user = USERS[kind]
    interface = next(name for name, methods in METHODS.items() if method in methods)
    options = {"rp_id": ("s", RP_ID)} if method == "Authorize" else {}
    answer = explain(root, f"{interface}.{method}", user.uid, groups=groups_of(user), **options)
    path = PATH if interface == "Manager" else tenancy_path()
    with stack.connect(user) as connection:
        call = connection.start(path, interface, method, SIGNATURES[method], *ARGUMENTS[method])
        assert (connection.outcome(call) == ("error", "AccessDenied")) is not answer["allowed"]


def test_knows_all_methods(root):
    """The table of methods has those of the introspection."""
    for path in (PATH, tenancy_path()):
        (xml,) = root.call(path, INTROSPECTABLE, "Introspect")
        for interface, body in re.findall(rf'<interface name="{NAME}\.(\w+)">(.*?)</interface>', xml, re.DOTALL):
            for method in re.findall(r'<method name="(\w+)"', body):
                source = "everybody" if method in ("ListRights", "Unsubscribe") else "root"
                assert explain(root, f"{interface}.{method}", 0)["source"] == source
                assert explain(root, method, 0)["source"] == source


def test_allowed_by_a_line(stack, root):
    assert explain(root, "Tenancy.Authorize", WWW_DATA.uid, rp_id=("s", "WWW.example.com")) == {
        "allowed": True, "unenforced": False, "source": "grant", "rights": ["Authorize"], "tenancy": "default",
        "grant": "web", "place": line_of(stack, "Grant web"), "allow_place": line_of(stack, "Grant web", "Allow="),
        "lacks": [], "rp_ids": ["shop.example.com", "www.example.com"], "max_calls_per_s": 1000}


def test_nearest_grant(stack, root):
    answer = explain(root, "Authorize", GAMES.uid, rp_id=("s", RP_ID))
    assert answer == {
        "allowed": False, "unenforced": False, "source": "none", "rights": ["Authorize"], "tenancy": "default",
        "grant": "games", "place": line_of(stack, "Grant games"),
        "allow_place": line_of(stack, "Grant games", "Allow="),
        "lacks": [f"RpId={RP_ID}"], "rp_ids": ["other.example.com"]}
    answer = explain(root, "Links.Add", GAMES.uid)
    assert (answer["grant"], answer["lacks"]) == ("games", ["Allow=Links.Write"])
    assert "allow_place" not in answer
    answer = explain(root, "Links.Add", NOBODY.uid)
    assert (answer["grant"], answer["lacks"]) == ("web", [f"User={NOBODY.uid}"])
    answer = explain(root, "Links.Add", WWW_DATA.uid, tenancy=("s", "other"))
    assert (answer["tenancy"], answer["grant"], answer["lacks"]) == ("other", "web", ["Tenancy=other"])


def test_polkit_decides_without_a_grant(root):
    answer = explain(root, "Links.Add", GAMES.uid)
    assert (answer["source"], answer["action"]) == ("polkit", f"{NAME}.change-links")
    answer = explain(root, "Manager.Reload", WWW_DATA.uid)
    assert (answer["source"], answer["action"], answer["rights"]) == ("polkit", f"{NAME}.reload", [])
    assert not answer.keys() & {"grant", "tenancy"}
    assert explain(root, "Manager.ProveKey", WWW_DATA.uid)["source"] == "none"


def test_unenforced(stack, root):
    log = stack.daemon.log_text()
    answer = explain(root, "Exchange", BACKUP.uid)
    assert (answer["allowed"], answer["unenforced"], answer["source"]) == (True, True, "grant")
    assert (answer["grant"], answer["lacks"]) == ("trial", ["Allow=Exchange"])
    assert not explain(root, "ListPasskeys", BACKUP.uid)["allowed"]
    assert not explain(root, "Mailbox.GetChallenge", BACKUP.uid)["unenforced"]
    assert stack.daemon.log_text() == log, "an explanation leaves no record"
    with stack.connect(BACKUP) as backup:
        (rights,) = backup.manager("ListRights")
    assert [right["unenforced"] for right in rights if "unenforced" in right] == [("b", True)]


def test_groups(root):
    assert not explain(root, "Links.Add", NOBODY.uid)["allowed"]
    assert explain(root, "Links.Add", NOBODY.uid, groups=("au", [NOBODY.gid, AUDIO]))["grant"] == "fan"


def test_reconcile(root):
    assert explain(root, "Links.Reconcile", GAMES.uid)["allowed"]
    assert not explain(root, "Links.Reconcile", GAMES.uid, dry_run=("b", False))["allowed"]


def test_denied_reconciliation_names_its_option(stack):
    """The dry run would be allowed."""
    with stack.connect(GAMES) as games:
        with raises("AccessDenied", text=f'"passlockctl explain {GAMES.uid} Links.Reconcile --apply"'):
            games.reconcile(dry_run=False)


@pytest.mark.parametrize("method, uid, options", [
    ("Links.Nothing", 33, {}), ("", 33, {}), ("Links", 33, {}), ("Links.", 33, {}), ("Links.Read", 33, {}),
    ("Vault.Add", 33, {}), ("Add", 4294967295, {}), ("Add", 33, {"rp_id": ("s", RP_ID)}),
    ("Authorize", 33, {"rp_id": ("s", "")}), ("Add", 33, {"dry_run": ("b", False)}),
    ("Reload", 33, {"tenancy": ("s", "default")}), ("Add", 33, {"tenancy": ("s", "No Label")}),
    ("Add", 33, {"groups": ("as", ["29"])}), ("Add", 33, {"user_id": ("s", "ada")})])
def test_refused_arguments(root, method, uid, options):
    with raises("InvalidArgs"):
        root.manager("Explain", method, uid, options)


def test_unknown_tenancy(root):
    with raises("UnknownObject"):
        root.manager("Explain", "Add", 33, {"tenancy": ("s", "nowhere")})


@pytest.mark.parametrize("user", [WWW_DATA, GAMES, IRC], ids=lambda user: user.name)
def test_is_for_root(stack, user):
    """It names grants of others, and those of the caller."""
    with stack.connect(user) as connection, raises("AccessDenied", text="may not call Manager.Explain"):
        connection.manager("Explain", "Links.Add", user.uid, {})


def test_counts_no_call(own_stack):
    """Explanations are not counted against MaxCallsPerSec=."""
    own_stack.grant("web", "www-data", "Links.Write", MaxCallsPerSec="1")
    own_stack.start()
    with own_stack.connect() as root, own_stack.connect(WWW_DATA) as web:
        for _ in range(20):
            assert explain(root, "Links.Add", WWW_DATA.uid)["allowed"]
        web.links("Add", new_user(), new_user())
