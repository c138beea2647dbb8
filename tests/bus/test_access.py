# SPDX-License-Identifier: LGPL-2.1-or-later
"""Who may do what: default deny, and grants."""

import re

import pytest

from harness import BusError, as_uid

from .client import (AUDIO, AUDIO_FAN, BACKUP, GAMES, INTROSPECTABLE, IRC, LIST, MAIL, NAME, NOBODY,
                     OBJECT_MANAGER, PATH, PEER, PROPERTIES, SIGNATURES, WWW_DATA, Connection, User,
                     tenancy_path)
from .stack import RP_ID, Stack, new_user, raises

pytestmark = pytest.mark.root

ROOT = User("root", 0, 0)
OTHER = {"TenancyId": "otherTenancy", "Endpoint": "http://127.0.0.1:9"}
# Whom the grants below are for.
CALLERS = {"root": ROOT, "all": WWW_DATA, "authorize": GAMES, "exchange": MAIL,
           "read": AUDIO_FAN, "write": BACKUP, "other-tenancy": LIST, "none": IRC,
           "nobody": NOBODY}
EVERYTHING = {"Authorize", "Exchange", "GetUser", "ListByUser", "List", "Add", "Import",
              "Remove", "RemoveByUser"}
ALLOWED = {"root": EVERYTHING, "all": EVERYTHING, "authorize": {"Authorize"},
           "exchange": {"Exchange"}, "read": {"GetUser", "ListByUser", "List"},
           "write": {"Add", "Import", "Remove", "RemoveByUser"}, "other-tenancy": set(), "none": set(),
           "nobody": set()}
# How each method ends for who may call it.
ENDS = {"Exchange": "InvalidCode", "GetUser": "NotFound", "Remove": "NotFound"}


@pytest.fixture(scope="module", params=["shipped policy", "open policy"])
def guarded(request):
    """Runs with the installed bus policy, and with an open one."""
    stack = Stack()
    if request.param == "open policy":
        stack.open_bus_policy()
    stack.sections["Tenancy other"] = OTHER
    stack.grant("all", "www-data", "All")
    stack.grant("authorize", "games", "Authorize", RpId="Shop.Example.com other.example.com")
    stack.grant("exchange", "mail", "Exchange")
    stack.sections["Grant read"] = {"Group": "audio", "Allow": "Links.Read"}
    stack.grant("write", "backup", "Links.Write", Tenancy="default")
    stack.grant("other", "list", "All", Tenancy="other")
    with stack:
        yield stack


@pytest.fixture(params=CALLERS)
def caller(request, guarded):
    with guarded.connect(CALLERS[request.param]) as connection:
        connection.kind = request.param
        yield connection


def start(connection: Connection, method: str, label: str = "default", rp_id: str = RP_ID) -> int:
    args = {"Authorize": (rp_id, new_user(), "somebody", {}), "Exchange": ("cd_unknown", {}),
            "List": ("", 10), "Add": (new_user(), new_user()), "Import": ([], {})}.get(method, (new_user(),))
    interface = "Tenancy" if method in ("Authorize", "Exchange") else "Links"
    return connection.start(tenancy_path(label), interface, method, SIGNATURES[method], *args)


def denied(outcome: tuple) -> bool:
    return outcome == ("error", "AccessDenied")


@pytest.mark.parametrize("method", sorted(EVERYTHING))
def test_table(caller, method):
    outcome = caller.outcome(start(caller, method))
    if method not in ALLOWED[caller.kind]:
        assert denied(outcome)
    elif method in ENDS:
        assert outcome == ("error", ENDS[method])
    else:
        assert outcome[:1] != ("error",)


@pytest.mark.parametrize("method", sorted(EVERYTHING))
def test_other_tenancy_is_for_its_own(caller, method):
    outcome = caller.outcome(start(caller, method, label="other"))
    assert denied(outcome) == (caller.kind not in ("root", "other-tenancy"))


def test_a_denied_call_reaches_nothing(guarded):
    calls = guarded.sandbox.calls()
    with guarded.connect() as root, guarded.connect(IRC) as none:
        count = root.count()
        for method in EVERYTHING:
            assert denied(none.outcome(start(none, method)))
        assert root.count() == count
    assert guarded.sandbox.calls() == calls


def test_denial_comes_before_any_look_at_the_arguments(guarded):
    """Callers without a grant learn nothing about codes, users or options."""
    with guarded.connect(IRC) as none:
        for member, args in (("Exchange", ("", {})), ("Exchange", ("x", {"bad": ("s", "")})),
                             ("Authorize", ("", "", "", {}))):
            assert denied(none.outcome(none.start_tenancy(member, *args)))
        assert denied(none.outcome(none.start_links("GetUser", "")))


@pytest.mark.parametrize("rp_id, allowed", [
    (RP_ID, True), (RP_ID.upper(), True), ("Shop.example.COM", True), ("other.example.com", True),
    ("example.com", False), ("www.shop.example.com", False), ("shop.example.com.", False),
    ("xshop.example.com", False), ("shop.example.co", False), ("*", False), (" ", False)])
def test_grant_for_relying_parties(guarded, rp_id, allowed):
    with guarded.connect(GAMES) as games:
        outcome = games.outcome(start(games, "Authorize", rp_id=rp_id))
    assert denied(outcome) is not allowed


def test_a_group_counts_only_for_who_is_in_it(guarded):
    with guarded.connect(AUDIO_FAN) as fan, guarded.connect(NOBODY) as nobody:
        assert fan.links("ListByUser", new_user()) == ([],)
        with raises("AccessDenied"):
            nobody.links("ListByUser", new_user())
    with guarded.connect(User("nobody", 65534, AUDIO)) as primary:
        assert primary.links("ListByUser", new_user()) == ([],)


def test_another_process_as_another_user(guarded):
    """The same, by a process whose real, effective and saved ids are those of the user."""
    args = ("call", NAME, tenancy_path(), f"{NAME}.Links", "ListByUser", "s", new_user())
    fan = as_uid(AUDIO_FAN.uid, AUDIO_FAN.gid, (AUDIO_FAN.gid, AUDIO))
    assert guarded.bus.busctl(*args, as_user=fan) == "aa{sv} 0"
    with pytest.raises(BusError, match="denied|Access|grant"):
        guarded.bus.busctl(*args, as_user=as_uid(NOBODY.uid, NOBODY.gid))


VISIBLE = {"root": {"default", "other"}, "other-tenancy": {"other"}, "none": None, "nobody": None}


def test_list_of_tenancies(caller, guarded):
    visible = VISIBLE.get(caller.kind, {"default"})
    if visible is None:
        with raises("AccessDenied"):
            caller.manager("ListTenancies")
        return
    (tenancies,) = caller.manager("ListTenancies")
    ids = {"default": guarded.sandbox.tenancy_id, "other": "otherTenancy"}
    assert sorted(tenancies) == [(label, ids[label], tenancy_path(label))
                                 for label in sorted(visible)]


@pytest.mark.parametrize("label", ["default", "other", ""])
def test_get_tenancy(caller, label):
    whole = label or "default"
    if whole in (VISIBLE.get(caller.kind, {"default"}) or ()):
        assert caller.manager("GetTenancy", label) == (tenancy_path(whole),)
    else:
        with raises("AccessDenied"):
            caller.manager("GetTenancy", label)


@pytest.mark.parametrize("label", ["nowhere", "Default", "default ", "../default", "x" * 33, "é"])
def test_get_unknown_tenancy(guarded, label):
    with guarded.connect() as root, raises("UnknownObject", "InvalidArgs"):
        root.manager("GetTenancy", label)


def test_reload_is_for_root(caller, guarded):
    if caller.kind == "root":
        guarded.call_reload(caller)
    else:
        with raises("AccessDenied"):
            guarded.call_reload(caller)


def test_diagnose_is_for_root(caller):
    """Findings name users and files."""
    if caller.kind == "root":
        assert caller.manager("Diagnose")
    else:
        with raises("AccessDenied"):
            caller.manager("Diagnose")


def test_store_is_for_root(caller):
    """The state of the store names hosts."""
    if caller.kind == "root":
        assert caller.manager("GetStore") == ({"engine": ("s", "local")},)
    else:
        with raises("AccessDenied"):
            caller.manager("GetStore")


def test_everybody_may_look(caller, guarded):
    """Properties contain no user ids, and introspection no secrets."""
    assert caller.state() in ("ready", "degraded")
    assert caller.get(tenancy_path(), "Tenancy", "Label") == "default"
    assert caller.get(tenancy_path(), "Tenancy", "TenancyId") == guarded.sandbox.tenancy_id
    assert caller.get(tenancy_path(), "Tenancy", "Endpoint") == guarded.sandbox.endpoint
    assert caller.get(PATH, "Manager", "Version")
    assert isinstance(caller.count(), int)
    (properties,) = caller.call(tenancy_path(), PROPERTIES, "GetAll", "s", f"{NAME}.Tenancy")
    assert set(properties) == {"Label", "TenancyId", "Endpoint", "CaFile", "ApiKeyCredential",
                               "State"}
    caller.call(PATH, PEER, "Ping")
    assert "Exchange" in caller.call(tenancy_path(), INTROSPECTABLE, "Introspect")[0]
    (objects,) = caller.call(PATH, OBJECT_MANAGER, "GetManagedObjects")
    assert set(objects) == {tenancy_path("default"), tenancy_path("other")}


def test_grants_change_with_a_reload(own_stack):
    own_stack.start()
    web, games = own_stack.connect(WWW_DATA), own_stack.connect(GAMES)
    user = new_user()
    with raises("AccessDenied"):
        web.links("ListByUser", user)
    own_stack.grant("web", "www-data", "Links.Read")
    own_stack.apply()
    assert web.links("ListByUser", user) == ([],)
    with raises("AccessDenied"):
        games.links("ListByUser", user)
    own_stack.grant("web", "games", "Links.Read Links.Write")
    own_stack.apply()
    with raises("AccessDenied"):
        web.links("ListByUser", user)
    games.links("Add", user, new_user())
    del own_stack.sections["Grant web"]
    own_stack.apply()
    with raises("AccessDenied"):
        games.links("ListByUser", user)


def test_grants_add_up(own_stack):
    own_stack.grant("one", "33 games", "Links.Read")
    own_stack.grant("two", "www-data", "Links.Write", RpId="nothing.example.com")
    own_stack.sections["Grant three"] = {"Group": "29 games", "Allow": "Exchange"}
    own_stack.start()
    web, games = own_stack.connect(WWW_DATA), own_stack.connect(GAMES)
    web.links("Add", "ada", "key")
    assert web.links("GetUser", "key") == games.links("GetUser", "key") == ("ada",)
    with raises("AccessDenied"):
        games.links("Remove", "key")
    with raises("AccessDenied"):
        web.exchange("code")
    with raises("InvalidCode"):
        games.exchange("code")


def test_default_tenancy_is_what_the_configuration_says(own_stack):
    own_stack.sections["Daemon"]["DefaultTenancy"] = "other"
    own_stack.sections["Tenancy other"] = OTHER
    own_stack.grant("web", "www-data", "Links.Read")
    own_stack.start()
    with own_stack.connect() as root, own_stack.connect(WWW_DATA) as web:
        assert root.manager("GetTenancy", "") == (tenancy_path("other"),)
        assert web.manager("ListTenancies") == ([("other", "otherTenancy", tenancy_path("other"))],)


# AccessDenied

def message_of_denial(connection: Connection, call: int) -> str:
    with raises("AccessDenied") as caught:
        connection.finish(call)
    return caught.error.message


@pytest.mark.parametrize("method, label, rp_id, command", [
    ("Add", "default", RP_ID, "Links.Add"),
    ("Exchange", "other", RP_ID, "Tenancy.Exchange --tenancy=other"),
    ("Authorize", "default", "Evil.example", "Tenancy.Authorize --relying-party=Evil.example"),
    ("Authorize", "default", '";reboot;"', "Tenancy.Authorize")])
def test_denial_names_the_method_and_the_command(guarded, method, label, rp_id, command):
    with guarded.connect(GAMES) as games:
        message = message_of_denial(games, start(games, method, label, rp_id))
    uid, name = GAMES.uid, command.split()[0]
    assert message == f'uid {uid} may not call {name}: run "passlockctl explain {uid} {command}" as root'


def test_denial_tells_nothing_of_grants(guarded):
    """The message is the same whether the caller, or anybody else, has a grant."""
    messages = {}
    for user in (IRC, LIST, BACKUP):
        with guarded.connect(user) as connection:
            message = message_of_denial(connection, start(connection, "GetUser"))
            messages[user.uid] = message.replace(str(user.uid), "UID")
    assert len(set(messages.values())) == 1


# Enforce=no

def would_be_denied(stack: Stack) -> list[str]:
    return [line.partition("Call would be denied, ")[2] for line in stack.daemon.log_text().splitlines()
            if "Call would be denied, " in line]


@pytest.fixture
def trial(own_stack):
    """A grant with Enforce=no, of www-data."""
    own_stack.grant("trial", "www-data", "Links.Read", Enforce="no", RpId="shop.example.com")
    own_stack.sections["Tenancy other"] = OTHER
    own_stack.start()
    return own_stack


def test_unenforced_calls_are_allowed_and_recorded(trial):
    web = trial.connect(WWW_DATA)
    web.links("ListByUser", "ada")
    assert not would_be_denied(trial)
    for _ in range(3):
        web.links("Add", new_user(), new_user())
        web.authorize("evil.example.com", new_user())
        web.authorize("EVIL.example.com", new_user())
    web.authorize("more.example.com", new_user())
    place = re.escape(str(trial.daemon.config))
    ends = [r'Add by uid 33: grant trial lacks Allow=Links.Write; Enforce=no at PLACE:\d+ allows it',
            r'Authorize by uid 33, user "[^"]+", relying party "evil.example.com": grant trial lacks Allow=Authorize '
            r'RpId=evil.example.com; Enforce=no at PLACE:\d+ allows it',
            r'Authorize by uid 33, user "[^"]+", relying party "more.example.com": .*']
    for line, end in zip(would_be_denied(trial), ends, strict=True):
        assert re.fullmatch("tenancy default, " + end.replace("PLACE", place), line)


def test_default_deny_holds_with_an_unenforced_grant(trial):
    web, games = trial.connect(WWW_DATA), trial.connect(GAMES)
    for connection, call in ((games, start(games, "Add")), (web, start(web, "Add", "other")),
                             (web, web.start_method("ListPasskeys", "")),
                             (web, web.start_method("DeleteUserPasskeys", "ada", {})),
                             (web, web.start_method("Reload")), (web, web.start_method("Diagnose"))):
        assert denied(connection.outcome(call))
    assert not would_be_denied(trial)


def test_unenforced_calls_are_rate_limited(trial):
    trial.sections["Grant trial"]["MaxCallsPerSec"] = "1"
    trial.apply()
    web = trial.connect(WWW_DATA)
    calls = [start(web, "Add") for _ in range(20)]
    assert ("error", "LimitsExceeded") in [web.outcome(call) for call in calls]


def test_enforcement_changes_with_a_reload(trial):
    web = trial.connect(WWW_DATA)
    web.links("Add", new_user(), new_user())
    (finding,) = [each for each in trial.connect().manager("Diagnose")[0] if each["kind"][1] == "grant"]
    assert finding["name"] == ("s", "trial") and "Enforce=no" in finding["text"][1]
    trial.sections["Grant trial"]["Enforce"] = "yes"
    trial.apply()
    assert denied(web.outcome(start(web, "Add")))
    assert not [each for each in trial.connect().manager("Diagnose")[0] if each["kind"][1] == "grant"]
    del trial.sections["Grant trial"]["Enforce"]
    trial.apply()
    assert denied(web.outcome(start(web, "Add")))


def test_records_of_unenforced_calls_are_bounded(trial):
    """A caller chooses the relying party, but not how many records it leaves."""
    web = trial.connect(WWW_DATA)
    for n in range(300):
        web.authorize(f"{n}.example.com", new_user())
    assert 64 <= len(would_be_denied(trial)) < 200
