# SPDX-License-Identifier: LGPL-2.1-or-later
"""Callers without a grant: only a valid positive reply of polkit authorizes."""

import os
import signal

import pytest
from jeepney import (DBusAddress, HeaderFields, Message, MessageFlag, MessageType,
                     new_method_call, new_method_return)
from jeepney.low_level import Header

from harness import source_dir

from .authority import AUTHORITY, Authority
from .client import (GAMES, METHODS, NAME, NOBODY, WWW_DATA, Connection, plain,
                     tenancy_path)
from .stack import (RP_ID, Stack, eventually, new_user, raises, within)
from .test_import import make

pytestmark = pytest.mark.root

ACTION = f"{NAME}."
OTHER = {"TenancyId": "otherTenancy", "Endpoint": "http://127.0.0.1:9"}
# What each method that people may use is asked about: arguments, action, details, and the words.
ASKED = {
    "Reload": ((), "reload", {}, "reload the configuration and the keys of passlockd"),
    "Diagnose": ((), "diagnose", {}, "diagnose problems of passlockd"),
    "GetStore": ((), "diagnose", {}, "see the state of the store of passlockd"),
    "GetMetrics": ((), "diagnose", {}, "read the metrics of passlockd"),
    "VerifyStore": ((), "diagnose", {}, "compare the links of this host with the shared store"),
    "ListTenancies": ((), "find-tenancy", {}, "list the tenancies of passlockd"),
    "GetTenancy": (("",), "find-tenancy", {}, "find a tenancy of passlockd"),
    "Explain": (("Links.Add", 33, {}), "diagnose", {}, "see which grants apply to a user"),
    "GetUser": (("key",), "read-links", {"authenticator_id": "key"},
                'see to whom "$(authenticator_id)" is linked'),
    "ListByUser": (("ada",), "read-links", {"user_id": "ada"},
                   'list the links of user "$(user_id)"'),
    "List": (("", 10), "read-links", {}, "list the links"),
    "Subscribe": ((), "read-links", {}, "watch changes of the links"),
    "Add": (("ada", "key"), "change-links", {"user_id": "ada", "authenticator_id": "key"},
            'link "$(authenticator_id)" to user "$(user_id)"'),
    "Import": (([], {}), "import-links", {}, "import links"),
    "Remove": (("key",), "change-links", {"authenticator_id": "key"},
               'remove the link of "$(authenticator_id)"'),
    "RemoveByUser": (("ada",), "change-links", {"user_id": "ada"},
                     'remove all links of user "$(user_id)"'),
    "Reconcile": (({},), "read-links", {}, "compare the links with the vault"),
    "GetPasskey": (("key",), "read-vault", {"passkey_id": "key"}, 'read passkey "$(passkey_id)"'),
    "ListPasskeys": (("",), "read-vault", {}, "list the passkeys in the vault"),
    "UpdatePasskeys": (("ada", "Ada L.", {}), "change-vault",
                       {"user_id": "ada", "username": "Ada L."},
                       'rename the passkeys of user "$(user_id)" to "$(username)"'),
    "DeletePasskeys": ((["a", "b"], {}), "change-vault", {"passkey_ids": "a, b"},
                       'delete the passkeys "$(passkey_ids)" from the vault, and their links'),
    "DeleteUserPasskeys": (("ada", {}), "change-vault", {"user_id": "ada"},
                           'delete all passkeys of user "$(user_id)" from the vault, and their '
                           "links"),
    "PrunePasskeys": (("ada", {}), "change-vault", {"user_id": "ada"},
                      'remove deleted passkeys from the browser of user "$(user_id)"'),
}
# The answer is about the caller itself; and the proof is for root alone.
FOR_EVERYBODY, FOR_ROOT = {"ListRights", "Unsubscribe"}, {"ProveKey", "JoinStore", "LeaveStore"}
NOT_GRANTED = ("Reload", "Diagnose", "Explain", "GetStore", "VerifyStore")  # whatever a grant has
FOR_APPS = {"Authorize": (RP_ID, "ada", "ada", {}), "AuthorizeAuthentication": (RP_ID, {}),
            "Exchange": ("code", {}), "VerifyIdToken": ("token", {}),
            "CreateChallenge": ("a@example.com", "login", {}), "GetChallenge": ("id",),
            "VerifyChallenge": ("id", "secret", "code"), "DeleteChallenge": ("id",)}


def with_authority(stack: Stack) -> Authority:
    Authority.allow_on(stack)
    stack.start()
    return Authority(stack.bus.address)


@pytest.fixture(scope="module")
def _host():
    stack = Stack()
    stack.grant("web", "www-data", "All")
    authority = with_authority(stack)
    yield stack, authority
    authority.close()
    stack.stop()


@pytest.fixture
def host(_host):
    return _host[0]


@pytest.fixture
def authority(_host):
    yield _host[1]
    _host[1].assert_not_asked()
    assert not _host[1].cancelled


@pytest.fixture
def person(host):
    """A caller without a grant that allows interactive authorization."""
    with host.connect(NOBODY) as connection:
        connection.interactive = True
        yield connection


@pytest.fixture
def own(own_stack):
    """A stack for this test only, with polkit and a caller without a grant."""
    with with_authority(own_stack) as authority, own_stack.connect(NOBODY) as person:
        person.interactive = True
        yield own_stack, authority, person


def denied(outcome: tuple) -> bool:
    return outcome == ("error", "AccessDenied")


def test_every_method_is_for_people_or_for_apps():
    assert ASKED.keys() | FOR_APPS.keys() | FOR_EVERYBODY | FOR_ROOT == {
        method for methods in METHODS.values() for method in methods}


def test_the_policy_has_the_actions():
    text = (source_dir() / "systemd" / f"{NAME}.policy").read_text()
    for action in {action for _, action, _, _ in ASKED.values()}:
        assert text.count(f'<action id="{ACTION}{action}">') == 1
    assert text.count("<action ") == text.count(">unix-user:passlock</annotate>") == 8


@pytest.mark.parametrize("interactive", [True, False], ids=["interactive", "silent"])
@pytest.mark.parametrize("method", ASKED)
def test_the_question(host, authority, person, method, interactive):
    args, action, details, words = ASKED[method]
    person.interactive = interactive
    host.daemon.forget_notifications()
    call = person.start_method(method, *args)
    question = authority.question()
    assert question.subject == ("system-bus-name", {"name": ("s", person.unique_name)})
    assert question.action == ACTION + action
    assert question.interactive is interactive
    assert question.cancellation_id
    where = {} if method in (*NOT_GRANTED, "GetMetrics", "ListTenancies") else {
        "tenancy": "default", "tenancy_id": host.sandbox.tenancy_id}
    words += " (tenancy $(tenancy))" if where else ""
    assert question.details == {"method": method, **where, **details,
                                "polkit.message": f"Authentication is required to {words}."}
    authority.answer(question, True)
    assert not denied(person.outcome(call))


def test_the_question_shows_the_name_that_is_shown(authority, person):
    call = person.start_method("UpdatePasskeys", "ada", "Ada", {"display_name": ("s", "Eve")})
    question = authority.question()
    assert question.details["display_name"] == "Eve"
    assert '"$(username)", shown as "$(display_name)" (tenancy' in question.details["polkit.message"]
    authority.answer(question, False)
    assert denied(person.outcome(call))
    for option in ({"display_name": ("s", 'E" (all) "ve')}, {"display_name": ("u", 1)},
                   {"surprise": ("s", "Eve")}):
        with raises("AccessDenied", text="polkit cannot be asked"):
            person.method("UpdatePasskeys", "ada", "Ada", option)


@pytest.mark.parametrize("options, action", [
    ({"dry_run": ("b", True)}, "read-links"), ({"dry_run": ("b", False)}, "change-links"),
    ({"dry_run": ("s", "false")}, "read-links"), ({"surprise": ("b", False)}, "read-links")])
def test_reconcile_is_asked_about_once(authority, person, options, action):
    """One check, by the action for dry_run or for changes."""
    call = person.start_method("Reconcile", options)
    question = authority.question()
    assert question.action == ACTION + action
    authority.answer(question, True)
    good = options.get("dry_run", ("", ""))[0] == "b"
    outcome = person.outcome(call)
    assert plain(outcome[0])["conflicts"] == 0 if good else outcome == ("error", "InvalidArgs")
    authority.assert_not_asked()


def test_each_call_is_asked_about(authority, person):
    ids = set()
    for authorized in (True, False, True):
        call = person.start_method("ListByUser", "ada")
        question = authority.question()
        ids.add(question.cancellation_id)
        authority.answer(question, authorized)
        assert denied(person.outcome(call)) is not authorized
    assert len(ids) == 3


@pytest.mark.parametrize("method", FOR_APPS)
def test_what_is_for_apps_is_not_asked_about(authority, person, method):
    assert denied(person.outcome(person.start_method(method, *FOR_APPS[method])))
    authority.assert_not_asked()


@pytest.mark.parametrize("user", [None, WWW_DATA], ids=["root", "granted"])
def test_who_has_the_right_is_not_asked_about(host, authority, user):
    with host.connect(user) as connection:
        connection.interactive = True
        for method, (args, *_) in ASKED.items():
            if method not in NOT_GRANTED:
                assert not denied(connection.outcome(connection.start_method(method, *args)))
        if user is None:
            host.call_reload(connection)
            connection.method("Diagnose")
    authority.assert_not_asked()


@pytest.mark.parametrize("method", NOT_GRANTED)
def test_a_grant_is_not_enough(authority, host, method):
    with host.connect(WWW_DATA) as web:
        call = web.start_method(method, *ASKED[method][0])
        question = authority.question()
        assert question.action == ACTION + ASKED[method][1]
        authority.answer(question, False)
        assert denied(web.outcome(call))


def test_a_grant_for_less(own):
    """Polkit is asked only for rights that the grant does not have."""
    stack, authority, _ = own
    stack.grant("reader", "games", "Links.Read")
    stack.apply()
    with stack.connect(GAMES) as games:
        assert games.links("ListByUser", "ada") == ([],)
        assert games.method("GetTenancy", "") == (tenancy_path(),)
        authority.assert_not_asked()
        call = games.start_links("Remove", "key")
        authority.answer(authority.question(), True)
        assert games.outcome(call) == ("error", "NotFound")


# Anything but yes

@pytest.mark.parametrize("end", ["no", "challenge", "error", "no such action", "nothing",
                                 "no struct", "other struct", "number", "text"])
def test_anything_but_yes_is_a_no(host, authority, person, end):
    key = new_user()
    with host.connect() as root:
        root.links("Add", "ada", key)
        call = person.start_links("Remove", key)
        question = authority.question()
        match end:
            case "no":
                authority.answer(question, False)
            case "challenge":
                authority.answer(question, False, challenge=True)
            case "error":
                authority.fail(question, f"{AUTHORITY}.Error.Failed")
            case "no such action":
                authority.fail(question, "org.freedesktop.DBus.Error.UnknownMethod")
            case "nothing":
                authority.reply(question, None, ())
            case "no struct":
                authority.reply(question, "bba{ss}", (True, False, {}))
            case "other struct":
                authority.reply(question, "(bb)", ((True, False),))
            case "number":
                authority.reply(question, "(uua{ss})", ((1, 0, {}),))
            case "text":
                authority.reply(question, "s", ("yes",))
        with raises("AccessDenied", text="authenticated" if end == "challenge" else "may not call Links.Remove: run "):
            person.finish(call)
        assert root.links("GetUser", key) == ("ada",)
        root.links("Remove", key)
    if "error" in end or "such" in end:
        assert authority.cancellation() == question.cancellation_id


def test_no_polkit(own_stack):
    with own_stack, own_stack.connect(NOBODY) as person:
        person.interactive = True
        for method, (args, *_) in ASKED.items():
            with within(0):
                assert denied(person.outcome(person.start_method(method, *args)))


def test_polkit_goes_and_another_comes(own):
    stack, authority, person = own
    call = person.start_links("ListByUser", "ada")
    authority.question()
    authority.close()
    assert denied(person.outcome(call))
    with Authority(stack.bus.address) as other:
        call = person.start_links("ListByUser", "ada")
        other.answer(other.question(), True)
        assert person.outcome(call) == ([],)
    assert denied(person.outcome(person.start_links("ListByUser", "ada")))
    stack.assert_healthy()


def test_polkit_was_there_first(own):
    """The owner of polkit's name is known at the start, without NameOwnerChanged."""
    stack, authority, person = own
    stack.daemon.restart()
    call = person.start_links("ListByUser", "ada")
    authority.answer(authority.question(), True)
    assert person.outcome(call) == ([],)


def test_an_answer_of_somebody_else(own_stack):
    """Even on a bus that delivers unrequested replies."""
    Authority.allow_on(own_stack)
    config = own_stack.bus.config
    config.write_text(config.read_text().replace("</busconfig>", """
        <policy context="mandatory">
        <allow send_type="method_return" send_requested_reply="false"/>
        <allow receive_type="method_return" receive_requested_reply="false"/>
        </policy></busconfig>"""))
    own_stack.start()
    with Authority(own_stack.bus.address) as authority, own_stack.connect(NOBODY) as person, \
            own_stack.connect(GAMES) as liar, own_stack.connect() as root:
        root.links("Add", "ada", "key")
        call = person.start_links("Remove", "key")
        question = authority.question()
        liar.send(forged_answer(question))
        assert denied(person.outcome(call))
        assert root.links("GetUser", "key") == ("ada",)
        authority.answer(question, True)  # too late
        own_stack.assert_healthy()
        assert root.links("GetUser", "key") == ("ada",)
        assert "reply ignored: its sender" in own_stack.daemon.log_text()


def forged_answer(question) -> Message:
    reply = new_method_return(question.message, "(bba{ss})", ((True, False, {}),))
    header = reply.header
    assert header.fields[HeaderFields.destination]
    return Message(Header(header.endianness, MessageType.method_return,
                          MessageFlag.no_reply_expected, 1, -1, header.serial, header.fields),
                   reply.body)


@pytest.mark.parametrize("text", ["", "x" * 513, "two\nlines", "bell\a", "\x1b[2Jada", "\u202eada", 'a" (all) "b',
                                  "a\u2028b", "a\u2066b", "a\u200eb", "\u0085",
                                  "a\u061cb", "ada\u200b", "ada\ufeff", "ad\u00ada", "ada\u3164",
                                  "ada\U000e0041", "a\u201d (all) \u201cb", "a\uff02b"])
def test_what_would_deceive_is_not_asked(authority, person, text):
    for method, args in (("GetUser", (text,)), ("Add", ("ada", text)),
                         ("DeletePasskeys", (["key", text], {}))):
        with raises("AccessDenied", "InvalidArgs", text="polkit cannot be asked|larger than"):
            person.method(method, *args)
    authority.assert_not_asked()


@pytest.mark.parametrize("text", ["Ada Łukasiewicz", "Ἄδα 爱达 ада", "o'neill@example.com", "😀", "a$(tenancy)"])
def test_what_is_seen_is_asked(authority, person, text):
    call = person.start_links("ListByUser", text)
    question = authority.question()
    assert question.details["user_id"] == text
    authority.answer(question, False)
    assert denied(person.outcome(call))


# More than any method has a use for, in ways of which each has a size of its own.
@pytest.mark.parametrize("option", [("s", "x" * (3 << 20)), ("as", ["x"] * (1 << 18)),
                                    ("ay", bytes(3 << 20)), ("a(s)", [("",)] * (1 << 17)),
                                    ("aa{sv}", [{}] * (1 << 18))], ids=lambda option: option[0])
def test_nothing_large_waits(authority, person, option):
    for method, args in (("Reconcile", ({"x": option},)), ("Import", ([{"x": option}], {})),
                         ("UpdatePasskeys", ("ada", "ada", {"x": option}))):
        with raises("AccessDenied", "InvalidArgs", text="polkit cannot be asked|larger than"):
            person.method(method, *args)
    authority.assert_not_asked()


def test_the_largest_import_waits(authority, person):
    links = [make(f"{i:0256}", f"{i:0512}", 2**53 - 1, 2**53 - 1, "x" * 256) for i in range(1000)]
    call = person.start_method("Import", links, {"dry_run": ("b", True)})
    authority.answer(authority.question(), True)
    assert plain(person.finish(call)[0])["added"] == 1000


@pytest.mark.parametrize("ids", [[], ["key"] * 101], ids=["none", "too many"])
def test_lists_that_are_not_asked_about(authority, person, ids):
    assert denied(person.outcome(person.start_method("DeletePasskeys", ids, {})))
    authority.assert_not_asked()


# Look-ups

@pytest.mark.parametrize("answer", [(True, False), (False, True), (False, False)], ids=str)
@pytest.mark.parametrize("interactive", [True, False], ids=["interactive", "silent"])
@pytest.mark.parametrize("method", ["GetTenancy", "ListTenancies"])
def test_lookup(host, authority, person, answer, interactive, method):
    """Callers who could authenticate but have not get no information."""
    person.interactive = interactive
    call = person.start_method(method, *ASKED[method][0])
    authority.answer(authority.question(), *answer)
    outcome = person.outcome(call)
    if not answer[0]:
        assert denied(outcome)
    elif method == "GetTenancy":
        assert outcome == (tenancy_path(),)
    else:
        assert outcome == ([("default", host.sandbox.tenancy_id, tenancy_path())],)


def test_list_shows_all(own):
    stack, authority, person = own
    stack.sections["Tenancy other"] = OTHER
    stack.apply()
    call = person.start_method("ListTenancies")
    authority.answer(authority.question(), True)
    assert sorted(person.finish(call)[0]) == [
        ("default", stack.sandbox.tenancy_id, tenancy_path()),
        ("other", "otherTenancy", tenancy_path("other"))]


@pytest.mark.parametrize("label, end", [("nowhere", "UnknownObject"), ("No Label", "InvalidArgs")])
def test_lookup_of_nothing(authority, person, label, end):
    for authorized in (True, False):
        call = person.start_method("GetTenancy", label)
        authority.answer(authority.question(), authorized)
        with raises(end if authorized else "AccessDenied"):
            person.finish(call)


def test_lookup_by_who_has_another_tenancy(own):
    """A grant for another tenancy has no effect on this one."""
    stack, authority, _ = own
    stack.sections["Tenancy other"] = OTHER
    stack.grant("games", "games", "Links.Read", Tenancy="other")
    stack.apply()
    with stack.connect(GAMES) as games:
        assert games.method("GetTenancy", "other") == (tenancy_path("other"),)
        authority.assert_not_asked()
        call = games.start_method("GetTenancy", "")
        authority.answer(authority.question(), True)
        assert games.outcome(call) == (tenancy_path(),)


# What a record says

@pytest.mark.parametrize("end, record", [
    ("yes", 'Link removed, tenancy default, Remove {who} (polkit), user "ada"'),
    ("no", "Call refused, tenancy default, Remove {who} (polkit): {explained}run "),
    ("challenge", "Call refused, tenancy default, Remove {who} (polkit): {explained}no administrator has authenticated; run "),
    ("error", "Call refused, tenancy default, Remove {who}: {explained}run ")])
def test_record(own, end, record):
    """The audit record has polkit's decision, if there is one."""
    stack, authority, person = own
    with stack.connect() as root:
        root.links("Add", "ada", "key")
    call = person.start_links("Remove", "key")
    question = authority.question()
    if end == "error":
        authority.fail(question, f"{AUTHORITY}.Error.Failed")
    else:
        authority.answer(question, end == "yes", challenge=end == "challenge")
    person.outcome(call)
    explained = f"uid {NOBODY.uid} may not call Links.Remove: "
    assert record.format(who=f"by uid {NOBODY.uid}", explained=explained) in stack.daemon.log_text()


# Changes of links are told to who may read them

def test_who_may_read_links_is_told_of_them(host, authority):
    with host.connect(NOBODY) as reader, host.connect(NOBODY) as other, host.connect() as root:
        call = reader.start_links("Subscribe")
        question = authority.question()
        assert question.action.endswith(".read-links")
        authority.answer(question, True)
        reader.finish(call)
        call = other.start_links("Subscribe")
        authority.answer(authority.question(), False)
        assert denied(other.outcome(call))
        key = new_user()
        root.links("Add", "ada", key)
        assert reader.wait_signal("Added").args == ("ada", key)
        other.settle()
        assert not other.signals
        root.links("Remove", key)


@pytest.mark.parametrize("change", ["id", "gone and back"])
def test_links_of_another_tenancy_are_not_told(own, change):
    """A permission for a label does not apply to another tenancy under the same label."""
    stack, authority, person = own
    stack.sections["Tenancy other"] = OTHER
    stack.apply()
    for label in ("default", "other"):
        call = person.start_links("Subscribe", label=label)
        authority.answer(authority.question(), True)
        person.finish(call)
    if change == "id":
        stack.sections["Tenancy other"] = OTHER | {"TenancyId": "third"}
    else:
        del stack.sections["Tenancy other"]
        stack.apply()
        stack.sections["Tenancy other"] = OTHER
    stack.apply()
    with stack.connect() as root:
        root.links("Add", "ada", "key", label="other")
        root.links("Add", "ada", "key", label="default")
    person.settle()
    assert [(signal.path, signal.member) for signal in person.signals
            if signal.member in ("Added", "SubscriptionLost")] == \
        [(tenancy_path("other"), "SubscriptionLost"), (tenancy_path(), "Added")]


# While the question is open

def test_hanging_polkit_holds_up_nobody_else(host, authority, person):
    calls = [person.start_links("ListByUser", "ada") for _ in range(3)]
    questions = [authority.question() for _ in calls]
    with within(0):
        host.assert_healthy()
        assert person.state() == "ready"
    authority.answer(questions[1], True)
    assert person.wait_any(set(calls)) == calls[1]
    for question in (questions[0], questions[2]):
        authority.answer(question, False)
    assert [denied(person.outcome(call)) for call in calls] == [True, False, True]


def test_caller_that_goes_takes_the_question_along(host, authority):
    with host.connect() as root:
        root.links("Add", "ada", "stays")
        with host.connect(NOBODY) as gone:
            gone.start_links("Remove", "stays")
            question = authority.question()
        assert authority.cancellation() == question.cancellation_id
        authority.answer(question, True)  # crossed
        host.assert_healthy()
        assert root.links("GetUser", "stays") == ("ada",)
        root.links("Remove", "stays")


def test_reload_meanwhile(own):
    """The tenancy is unchanged, so the call is executed."""
    stack, authority, person = own
    call = person.start_links("Add", "ada", "key")
    question = authority.question()
    stack.sections["Tenancy other"] = OTHER
    stack.apply()
    authority.answer(question, True)
    assert person.outcome(call) == ()
    assert stack.connect().links("GetUser", "key") == ("ada",)


@pytest.mark.parametrize("change", ["gone", "id", "endpoint"])
def test_tenancy_changes_meanwhile(own, change):
    """The tenancy has changed, so the call is refused."""
    stack, authority, person = own
    stack.sections["Tenancy other"] = OTHER
    stack.apply()
    with stack.connect() as root:
        root.links("Add", "ada", "key", label="other")
        call = person.start_links("Remove", "key", label="other")
        question = authority.question()
        match change:
            case "id":
                stack.sections["Tenancy other"] = OTHER | {"TenancyId": "third"}
            case "endpoint":
                stack.sections["Tenancy other"] = OTHER | {"Endpoint": "http://127.0.0.1:10"}
            case _:
                del stack.sections["Tenancy other"]
        stack.apply()
        authority.answer(question, True)
        with raises("UnknownObject", text="was reconfigured during the authorization"):
            person.finish(call)
        stack.sections["Tenancy other"] = OTHER
        stack.apply()
        assert root.links("GetUser", "key", label="other") == ("ada",)


def test_tenancy_is_back_meanwhile(own):
    """The same tenancy is configured again, so the call is executed."""
    stack, authority, person = own
    stack.sections["Tenancy other"] = OTHER
    stack.apply()
    call = person.start_links("Add", "ada", "key", label="other")
    question = authority.question()
    del stack.sections["Tenancy other"]
    stack.apply()
    stack.sections["Tenancy other"] = OTHER
    stack.apply()
    authority.answer(question, True)
    assert person.outcome(call) == ()
    assert stack.connect().links("GetUser", "key", label="other") == ("ada",)


def test_default_changes_meanwhile(own):
    stack, authority, person = own
    call = person.start_method("GetTenancy", "")
    question = authority.question()
    stack.sections["Tenancy other"] = OTHER
    stack.sections["Daemon"]["DefaultTenancy"] = "other"
    stack.apply()
    authority.answer(question, True)
    with raises("UnknownObject"):
        person.finish(call)


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_stop_waits_for_nobody_to_type(own, end):
    stack, authority, person = own
    call = person.start_links("Add", "ada", "key")
    question = authority.question()
    with within(0):
        os.kill(stack.daemon.pid, end)
        with raises("AccessDenied", text="is stopping"):
            person.finish(call)
        assert stack.daemon.wait_end() == 0
    assert authority.cancellation() == question.cancellation_id
    stack.daemon.start()
    with raises("NotFound"):
        stack.connect().links("GetUser", "key")


def test_nothing_is_asked_during_the_stop(own):
    """No polkit checks during the stop, even for calls to the daemon's unique name."""
    stack, authority, person = own
    (owner,) = person.driver("GetNameOwner", "s", NAME)
    stack.sandbox.set_faults("hang")
    with stack.connect() as root:
        last = root.start_authorize(RP_ID, new_user())
        stack.wait_calls("registration-authorize", 1)
        os.kill(stack.daemon.pid, signal.SIGTERM)
        eventually(lambda: not root.driver("NameHasOwner", "s", NAME)[0])
        with within(0), raises("AccessDenied"):
            person.finish(start_at(owner, person, "Remove", "s", "key"))
        authority.assert_not_asked()
        stack.sandbox.kill9()
        with within(0), raises("Unreachable"):
            root.finish(last)
    assert stack.daemon.wait_end() == 0


def start_at(owner: str, connection: Connection, member: str, signature: str, *args) -> int:
    address = DBusAddress(tenancy_path(), owner, f"{NAME}.Links")
    return connection.send(new_method_call(address, member, signature, args))


def test_bus_goes_meanwhile(own):
    stack, authority, person = own
    person.start_links("Add", "ada", "key")
    authority.question()
    stack.bus.kill9()
    assert stack.daemon.wait_end() == 1


# How much can be asked

def test_questions_count_as_calls_in_flight(own):
    stack, authority, person = own
    stack.sections["Daemon"]["MaxPendingPerUser"] = "4"
    stack.apply()
    calls = [person.start_links("ListByUser", "ada") for _ in range(4)]
    questions = [authority.question() for _ in calls]
    with raises("LimitsExceeded"):
        person.links("ListByUser", "ada")
    with stack.connect(NOBODY) as same, raises("LimitsExceeded"):
        same.links("ListByUser", "ada")
    with stack.connect(GAMES) as games:
        call = games.start_links("ListByUser", "ada")
        authority.answer(authority.question(), True)
        assert games.outcome(call) == ([],)
    for question in questions:
        authority.answer(question, True)
    assert [person.outcome(call) for call in calls] == [([],)] * 4
    authority.assert_not_asked()


@pytest.mark.parametrize("limit, interactive", [(16, True), (100, False)])
def test_questions_have_a_limit_of_their_own(host, authority, limit, interactive):
    """One user cannot exhaust the pending replies of the daemon's connection."""
    with host.connect(NOBODY) as person, host.connect(GAMES) as games:
        person.interactive = games.interactive = interactive
        for _ in range(limit):
            person.start_links("ListByUser", "ada")
        questions = [authority.question() for _ in range(limit)]
        with raises("LimitsExceeded"):
            person.links("ListByUser", "ada")
        call = games.start_links("ListByUser", "ada")
        authority.answer(authority.question(), True)
        assert games.outcome(call) == ([],)
    assert {authority.cancellation() for _ in questions} == {
        question.cancellation_id for question in questions}
    with host.connect(NOBODY) as person:
        call = person.start_links("ListByUser", "ada")
        authority.answer(authority.question(), True)
        assert person.outcome(call) == ([],)


def test_polkit_that_does_not_answer(host, authority, person):
    """Without interactive authorization the timeout is short."""
    person.interactive = False
    call = person.start_links("ListByUser", "ada")
    question = authority.question()
    with within(15):
        assert denied(person.outcome(call))
    assert authority.cancellation() == question.cancellation_id
    authority.answer(question, True)
    host.assert_healthy()
