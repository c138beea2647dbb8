# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reconcile: compares links with the vault, and corrects the links."""

import contextlib
import subprocess
from collections import deque

import pytest

from harness import BusError, Sandbox
from harness.standin import Proxy, Reply, StandIn

from .client import BACKUP, GAMES, NAME, WWW_DATA, tenancy_path
from .stack import Stack, eventually, new_user, raises, within
from .test_import import make

LIST, GET = "passkey-list", "passkey-get"
TYPES = {"checked": "t", "added": "t", "removed": "t", "conflicts": "t"}


def counts(checked: int, added: int = 0, removed: int = 0, conflicts: int = 0) -> dict:
    return {"checked": checked, "added": added, "removed": removed, "conflicts": conflicts}


def links_of(connection, label: str = "default") -> dict[str, str]:
    return {link["authenticator_id"]: link["user_id"]
            for link in connection.all_links(label=label)}


def start(connection, label: str = "default", dry_run: bool = False) -> int:
    return connection.start_reconcile({"dry_run": dry_run}, label)


class Disorder:
    """Five passkeys: three linked, one not linked, one linked to another user; and two stale links."""

    def __init__(self, stack: Stack):
        self.passkeys = [stack.create_passkey() for _ in range(5)]
        *self.good, self.missing, self.conflict = self.passkeys
        self.gone = {new_user(): new_user() for _ in range(2)}
        with stack.connect() as connection:
            for passkey in self.good:
                connection.exchange(passkey.code)
            for authenticator_id, user_id in self.gone.items():
                connection.links("Add", user_id, authenticator_id)
            connection.links("Add", "eve", self.conflict.authenticator_id)
            self.before = links_of(connection)

    def after(self) -> dict[str, str]:
        kept = {key: user for key, user in self.before.items() if key not in self.gone}
        return kept | {self.missing.authenticator_id: self.missing.user_id}


@pytest.fixture
def disorder(own_stack):
    own_stack.start()
    return Disorder(own_stack)


@pytest.fixture
def connection(own_stack):  # another one than for most tests
    with own_stack.connect() as connection:
        connection.links("Subscribe")
        yield connection


def changes(connection) -> set:
    connection.settle()
    return {(signal.member, *signal.args) for signal in connection.signals
            if signal.member in ("Added", "Removed")}


@pytest.mark.parametrize("options", [{}, {"dry_run": True}], ids=str)
def test_dry_run_tells_and_changes_nothing(disorder, connection, options):
    for _ in range(2):
        assert connection.reconcile(**options) == counts(5, added=1, removed=2, conflicts=1)
    assert links_of(connection) == disorder.before
    assert not changes(connection)


def test_types(disorder, connection):
    (result,) = connection.finish(connection.start_reconcile({}))
    assert {key: kind for key, (kind, _) in result.items()} == TYPES


def test_everything_but_the_conflicts_is_mended(disorder, connection):
    assert connection.reconcile(dry_run=False) == counts(5, added=1, removed=2, conflicts=1)
    assert links_of(connection) == disorder.after()
    assert connection.count() == len(disorder.after())
    assert changes(connection) == {
        ("Added", disorder.missing.user_id, disorder.missing.authenticator_id),
        *(("Removed", user, key) for key, user in disorder.gone.items())}
    connection.signals.clear()
    assert connection.reconcile(dry_run=False) == counts(5, conflicts=1)
    assert connection.reconcile() == counts(5, conflicts=1)
    assert not changes(connection)


def test_what_is_mended_is_on_the_disk(own_stack, disorder, connection):
    connection.reconcile(dry_run=False)
    own_stack.daemon.kill9()
    own_stack.daemon.start()
    with own_stack.connect() as after:
        assert links_of(after) == disorder.after()


def test_conflict_goes_when_the_link_is_put_right(disorder, connection):
    connection.links("Remove", disorder.conflict.authenticator_id)
    assert connection.reconcile(dry_run=False) == counts(5, added=2, removed=2)
    assert connection.links("GetUser", disorder.conflict.authenticator_id) == \
        (disorder.conflict.user_id,)


def test_added_link_was_made_when_its_passkey_was(own_stack, disorder, connection):
    """last_used_at is 0, and the platform is set if known."""
    connection.reconcile(dry_run=False)
    ((link,),) = connection.links("ListByUser", disorder.missing.user_id)
    assert link["last_used_at"] == ("t", 0)
    assert link["created_at"][1] > 0
    assert connection.exchange(disorder.missing.code)["newly_linked"] == ("b", False)


def test_no_link_is_out_of_reach(disorder, connection):
    """A creation time in the future, set by an import, does not protect a stale link."""
    connection.links("Import", [make("eve", "key", created=2**53 - 1)], {})
    assert connection.reconcile(dry_run=True)["removed"] == len(disorder.gone) + 1
    connection.reconcile(dry_run=False)
    assert links_of(connection) == disorder.after()


def test_nothing_here_and_nothing_there(own_stack):
    own_stack.start()
    with own_stack.connect() as connection:
        assert connection.reconcile() == counts(0)
        assert connection.reconcile(dry_run=False) == counts(0)


def test_tenancies_are_apart(own_stack):
    """Each has its own vault and its own links."""
    key_file = own_stack.work / "other-key"
    key_file.write_text("other-key-0123456789")
    own_stack.sandbox.options += ("--tenancy=otherTenancy", f"--api-key-file={key_file}")
    own_stack.keys["passlock.other"] = "other-key-0123456789"
    own_stack.start()
    own_stack.sections["Tenancy other"] = own_stack.tenancy(
        TenancyId="otherTenancy", ApiKeyCredential="passlock.other")
    if "Grant tests" in own_stack.sections:
        own_stack.sections["Grant other"] = own_stack.sections["Grant tests"] | {"Tenancy": "other"}
    own_stack.apply()
    passkey = own_stack.create_passkey()
    with own_stack.connect() as connection:
        connection.links("Add", "ada", passkey.authenticator_id, label="other")
        assert connection.reconcile(dry_run=False) == counts(1, added=1)
        assert connection.reconcile("other", dry_run=False) == counts(0, removed=1)
        assert links_of(connection) == {passkey.authenticator_id: passkey.user_id}
        assert links_of(connection, "other") == {}


@pytest.mark.parametrize("limit", [2, 3, 2**64 - 1])
def test_max_remove_allows(disorder, connection, limit):
    result = connection.reconcile(dry_run=False, max_remove=("t", limit))
    assert result == counts(5, added=1, removed=2, conflicts=1)
    assert links_of(connection) == disorder.after()


@pytest.mark.parametrize("limit", [0, 1])
def test_more_than_max_remove(disorder, connection, limit):
    """If max_remove is exceeded, no link is removed."""
    with raises("LimitsExceeded", text=f"max_remove={limit} "):
        connection.reconcile(dry_run=False, max_remove=("t", limit))
    assert set(disorder.before.items()) <= set(links_of(connection).items())
    assert not {change for change in changes(connection) if change[0] == "Removed"}
    assert connection.reconcile(max_remove=("t", limit))["removed"] == 2  # a dry run


def test_max_remove_of_another_type(disorder, connection):
    with raises("InvalidArgs"):
        connection.reconcile(dry_run=False, max_remove=("u", 5))
    assert links_of(connection) == disorder.before


# While it goes on


@pytest.fixture(scope="module")
def pages():
    """A vault of 300 passkeys, at least three pages, without links."""
    stack = Stack()
    stack.sandbox = Sandbox(stack.work, options=("--populate=300:50",))
    stack.keys = {"passlock.default": stack.sandbox.api_key}
    stack.grant("reader", "www-data", "Links.Read")
    stack.grant("writer", "backup", "Links.Write")
    stack.grant("other", "games", "Exchange Vault.Read Vault.Write Mailbox")
    with stack, Proxy(stack.sandbox.endpoint) as proxy:
        stack.sections["Tenancy default"] = stack.tenancy(Endpoint=proxy.endpoint)
        stack.apply()
        yield stack, proxy


@pytest.fixture
def proxy(pages):
    return pages[1]


@pytest.fixture
def vault(pages, proxy):
    """The same, with 300 valid links and one stale link."""
    stack = pages[0]
    with stack.connect() as connection:
        connection.reconcile(dry_run=False)
        connection.links("Add", "ada", "orphan")
        yield stack
        stack.sandbox.set_faults()
        proxy.let_go()
        eventually(lambda: connection.outcome(start(connection))[0] != "error")


def under_way(proxy, connection) -> int:
    """Starts a reconciliation that waits for its second page, until the proxy releases it."""
    proxy.keeps = lambda request: "/passkeys/?cursor=" in request.path
    call = start(connection)
    eventually(lambda: proxy.kept)
    return call


def test_one_at_a_time(vault, proxy):
    with vault.connect() as first, vault.connect() as second:
        call = under_way(proxy, first)
        for dry_run in (True, False):
            with within(0), raises("LimitsExceeded"):
                second.reconcile(dry_run=dry_run)
        proxy.let_go()
        assert first.finish(call)
        assert second.reconcile() == counts(300)


def test_links_are_there_meanwhile(vault, proxy):
    with vault.connect() as first, vault.connect() as second:
        call = under_way(proxy, first)
        with within(0):
            assert second.links("GetUser", "orphan") == ("ada",)
            second.links("Add", "bob", "new")
            second.links("Remove", "new")
        proxy.let_go()
        assert first.finish(call)


def test_link_that_was_added_meanwhile_stays(vault, proxy):
    """The passkey may be newer than the page that would list it."""
    with vault.connect() as first, vault.connect() as second:
        call = under_way(proxy, first)
        second.links("Add", "ada", "newcomer")
        proxy.let_go()
        (result,) = first.finish(call)
        assert result["removed"] == ("t", 1)
        assert second.links("GetUser", "newcomer") == ("ada",)
        with raises("NotFound"):
            second.links("GetUser", "orphan")
        second.links("Remove", "newcomer")


def test_link_that_was_removed_meanwhile_is_no_harm(vault, proxy):
    with vault.connect() as first, vault.connect() as second:
        call = under_way(proxy, first)
        second.links("Remove", "orphan")
        second.links("Remove", "pk_00000300_syntheticpasskey")
        proxy.let_go()
        first.finish(call)
        assert second.reconcile(dry_run=False)["conflicts"] == 0
        assert second.count() == 300


def test_caller_goes(vault, proxy):
    """The reconciliation ends when its caller disconnects, and another can begin."""
    with vault.connect() as connection:
        with vault.connect() as gone:
            under_way(proxy, gone)
        proxy.keeps = lambda request: False  # but what it has it does not let go
        eventually(lambda: connection.outcome(start(connection, dry_run=True)) !=
                   ("error", "LimitsExceeded"))
        assert connection.links("GetUser", "orphan") == ("ada",)


def test_progress_is_for_the_caller(vault):
    with vault.connect() as caller, vault.connect() as other:
        other.count()
        other.links("GetUser", "orphan")
        other.subscribe("type='signal',member='ReconcileProgress'")
        for dry_run in (True, False):
            caller.signals.clear()
            caller.reconcile(dry_run=dry_run)
            told = [signal.args for signal in caller.signals
                    if signal.member == "ReconcileProgress"]
            assert told == sorted(told)
            assert all(0 < checked <= 300 and links == 301 for checked, links in told)
        other.settle()
        assert not [signal for signal in other.signals if signal.member == "ReconcileProgress"]


@pytest.mark.parametrize("fault, names", [
    ("status=500", {"Unreachable"}), ("refuse", {"Unreachable"}), ("drop", {"Unreachable"}),
    ("hang", {"Unreachable"}), ("cut", {"Unreachable", "MalformedReply"}),
    ("status=429", {"RateLimited"}), ("garbage", {"MalformedReply"}), ("html", {"MalformedReply"}),
    ("missing=records", {"MalformedReply"}), ("wrong-type=cursor", {"MalformedReply"})])
def test_api_fails_in_the_middle(vault, proxy, fault, names):
    """After a failure, links that the vault did not list yet are kept."""
    with vault.connect() as connection:
        before = links_of(connection)
        call = under_way(proxy, connection)
        vault.sandbox.set_faults(f"{fault}@{LIST}")
        with vault.hurrying(fault):
            proxy.let_go()
            with raises(*names):
                connection.finish(call)
        assert links_of(connection) == before


def test_one_failure_is_survived(vault):
    vault.sandbox.set_faults(f"status=500@{LIST}*1", f"drop@{LIST}*1")
    with vault.connect() as connection:
        assert connection.reconcile(dry_run=False) == counts(300, removed=1)


def test_orphan_that_cannot_be_asked_for_stays(vault):
    """A link is kept if the lookup of its passkey fails."""
    vault.sandbox.set_faults(f"status=500@{GET}")
    with vault.connect() as connection:
        with raises("Unreachable"):
            connection.reconcile(dry_run=False)
        assert connection.links("GetUser", "orphan") == ("ada",)


@pytest.mark.root
@pytest.mark.parametrize("user, dry, wet", [(WWW_DATA, True, False), (BACKUP, True, True),
                                            (GAMES, False, False)], ids=["reader", "writer", "other"])
def test_grants(vault, user, dry, wet):
    with vault.connect(user) as connection:
        for options, allowed in (({}, dry), ({"dry_run": True}, dry), ({"dry_run": False}, wet)):
            if allowed:
                assert connection.reconcile(**options) == counts(300, removed=1)
            else:
                with raises("AccessDenied"):
                    connection.reconcile(**options)


# What another API might say


@pytest.fixture(scope="module")
def odd_api():
    with Stack() as stack, StandIn() as api:
        stack.sections["Tenancy default"] = stack.tenancy(Endpoint=api.endpoint)
        stack.apply()
        yield stack, api


def row(authenticator_id: str, user_id: str = "ada") -> dict:
    return {"_tag": "PasskeySummary", "id": authenticator_id, "userId": user_id, "enabled": True,
            "createdAt": 1767225600000, "credential": {"id": "Y3JlZA", "userId": "dXNlcg"}}


WHOLE = {"_tag": "Passkey", "id": "there", "userId": "ada", "enabled": True,
         "createdAt": 1767225600000, "updatedAt": 1767225600000, "credential": {
             "id": "Y3JlZA", "userId": "dXNlcg", "username": "ada", "counter": 0,
             "aaguid": "fbfc3007-154e-4ecc-8c0b-6e020557d7bd", "backedUp": True,
             "deviceType": "multiDevice", "transports": [], "publicKey": "pQ", "rpId": "localhost"}}
NOT_FOUND = Reply(404, {"_tag": "@error/NotFound", "message": "no"})


class OddVault:
    """A fake vault: `pages` by cursor ("": the first page), and replies for single passkeys."""

    def __init__(self, stack: Stack, api: StandIn):
        self.pages: dict[str, Reply] = {}
        self.passkeys: dict[str, Reply] = {}
        self.connection = stack.connect()
        api.answer = self._answer
        for authenticator_id in links_of(self.connection):
            self.connection.links("Remove", authenticator_id)

    def page(self, at: str, *records: dict, cursor: str | None = None):
        self.pages[at] = Reply(200, {"_tag": "FindAllPasskeys", "cursor": cursor,
                                     "records": list(records)})

    def link(self, *ids: str):
        for authenticator_id in ids:
            self.connection.links("Add", "ada", authenticator_id)

    def linked(self) -> set[str]:
        return set(links_of(self.connection))

    def _answer(self, request) -> Reply:
        path, _, query = request.path.partition("?")
        if path.endswith("/passkeys/"):
            return self.pages[query.removeprefix("cursor=")]
        return self.passkeys.get(path.rpartition("/")[2], NOT_FOUND)


@pytest.fixture
def odd(odd_api):
    stack, api = odd_api
    vault = OddVault(stack, api)
    yield vault
    vault.connection.close()  # which ends what may be under way
    api.answer = None
    with stack.connect() as connection:
        eventually(lambda: connection.outcome(start(connection))[1:] != ("LimitsExceeded",))


def test_a_list_that_leaves_something_out(odd):
    """A vault that changes during paging may omit a passkey: a lookup by id decides."""
    odd.page("", row("listed"))
    odd.link("listed", "there", "gone")
    odd.passkeys = {"there": Reply(200, WHOLE)}
    assert odd.connection.reconcile(dry_run=False)["removed"] == 1
    assert odd.linked() == {"listed", "there"}


def links_that_are_gone(n: int) -> list[str]:
    return [f"gone-{i:04}" for i in range(n)]


@pytest.mark.parametrize("limit", [449, 450])
def test_max_remove_is_checked_before_the_first_removal(odd, limit):
    """With more links than one page or one removal step."""
    odd.page("", row("listed"))
    odd.link("listed", *links_that_are_gone(450))
    call = odd.connection.start_reconcile({"dry_run": False, "max_remove": ("t", limit)})
    if limit < 450:
        with raises("LimitsExceeded"):
            odd.connection.finish(call)
        assert odd.linked() == {"listed", *links_that_are_gone(450)}
    else:
        (result,) = odd.connection.finish(call)
        assert result["removed"] == ("t", 450)
        assert odd.linked() == {"listed"}


def test_api_fails_before_a_removal_within_max_remove(odd):
    odd.page("")
    odd.link("gone", "unclear")
    odd.passkeys = {"unclear": Reply(403, {"_tag": "@error/Forbidden", "message": "no"})}
    with raises("ApiDenied"):
        odd.connection.reconcile(dry_run=False, max_remove=("t", 2))
    assert odd.linked() == {"gone", "unclear"}


@pytest.mark.parametrize("reply", [
    Reply(500), Reply(200, b"<html>"), Reply(404, b"<html>"), Reply(410, {}), Reply(302),
    Reply(404, {"_tag": "@error/InvalidTenancy", "message": "no"}),
    Reply(403, {"_tag": "@error/Forbidden", "message": "no"})], ids=range(7))
def test_only_not_found_is_gone(odd, reply):
    odd.page("")
    odd.link("unclear")
    odd.link("gone")
    odd.passkeys = {"unclear": reply}
    outcome = odd.connection.outcome(start(odd.connection))
    assert outcome[0] != "error" or outcome[1] in {"Unreachable", "ApiDenied"}
    assert "unclear" in odd.linked()
    if outcome[0] != "error":  # that one cannot be told is no reason to leave the others
        assert odd.linked() == {"unclear"}


def test_key_is_refused_in_the_middle(odd):
    odd.page("", row("listed"), cursor="2")
    odd.pages["2"] = Reply(403, {"_tag": "@error/Forbidden", "message": "no"})
    odd.link("listed", "gone")
    with raises("ApiDenied"):
        odd.connection.reconcile(dry_run=False)
    assert odd.linked() == {"listed", "gone"}


@pytest.mark.parametrize("turn", ["", "2"])
def test_pages_without_end(odd, turn):
    """The cursor of the last page repeats an earlier cursor."""
    odd.page("", row("one"), cursor="2")
    odd.page("2", row("two"), cursor=turn or "2")
    odd.link("one", "two", "gone")
    outcome = odd.connection.outcome(start(odd.connection))
    assert outcome[0] != "error" or outcome[1] == "MalformedReply"
    assert odd.linked() >= {"one", "two"}


def test_circle_of_pages(odd):
    """A cycle of several pages, which comparing consecutive pages would not detect."""
    odd.page("", row("one"), cursor="2")
    odd.page("2", row("two"), cursor="3")
    odd.page("3", row("three"), cursor="2")
    odd.link("one", "two", "three")
    with contextlib.suppress(BusError):
        odd.connection.finish(start(odd.connection))
    assert odd.linked() == {"one", "two", "three"}


def test_passkey_that_is_listed_twice(odd):
    """On two pages, because the vault changed between them."""
    odd.page("", row("one"), row("two"), cursor="2")
    odd.page("2", row("two"), row("three"))
    result = odd.connection.reconcile(dry_run=False)
    assert result["added"] == 3
    assert odd.linked() == {"one", "two", "three"}


def test_passkey_of_two_users(odd):
    """The list names two users for a passkey: at most one link is made."""
    odd.page("", row("one", "ada"), row("one", "bob"))
    odd.connection.outcome(start(odd.connection))
    assert len(odd.linked()) <= 1


@pytest.mark.parametrize("bad", [row(""), row("x" * 513), row("one", ""), row("one", "u" * 257),
                                 row("a\0b"), row("one", "\ufffe"), row("a\nb")],
                         ids=range(7))
def test_row_that_cannot_be_a_link(odd, bad):
    """The row is skipped, or the call fails without changes; later lists work."""
    odd.page("", row("good"), bad)
    odd.link("kept")
    odd.passkeys = {"kept": Reply(200, WHOLE | {"id": "kept"})}
    outcome = odd.connection.outcome(start(odd.connection))
    assert outcome[0] != "error" or outcome[1] in ("MalformedReply", "StoreFailed")
    assert odd.linked() - {"one", "a\nb"} <= {"good", "kept"}


def test_passkey_that_cannot_be_read_keeps_its_link(odd, odd_api):
    """The row shows that the passkey exists, even if it is unreadable, also in a lookup by id."""
    bad = {key: value for key, value in row("linked").items() if key != "userId"}
    odd.page("", row("good"), bad, cursor="2")
    odd.page("2", row("last"))
    odd.link("linked", "gone")
    odd.passkeys = {"linked": Reply(200, {"_tag": "Passkey", "id": "linked"})}
    assert odd.connection.reconcile(dry_run=False) == {
        "checked": 2, "added": 2, "removed": 1, "conflicts": 0}
    assert odd.linked() == {"good", "last", "linked"}
    assert "Unreadable passkeys of the vault skipped, tenancy default, Reconcile by uid" in \
        odd_api[0].daemon.log_text()


# A large one

N, MISSING, ORPHANED, CONFLICTS = 100_000, 1000, 1000, 100
LARGE_SEC = 600


def synthetic(n: int) -> str:
    return f"pk_{n:08}_syntheticpasskey"


def outcomes(connection, calls: list[tuple]) -> list[tuple]:
    """The outcomes of these calls, with a limited number in flight."""
    pending: deque[int] = deque()
    found = []
    for call in calls:
        pending.append(connection.start_links(*call))
        if len(pending) > 64:
            found.append(connection.outcome(pending.popleft()))
    return found + [connection.outcome(call) for call in pending]


def reconcile_by_busctl(stack) -> str:
    """busctl handles a hundred thousand signals faster than this client."""
    return subprocess.run(
        stack.bus.busctl_command(f"--timeout={LARGE_SEC}", "call", NAME, tenancy_path(), f"{NAME}.Links",
                                 "Reconcile", "a{sv}", "1", "dry_run", "b", "false"),
        check=True, capture_output=True, text=True, timeout=LARGE_SEC).stdout


def finish_while_asking(connection, other, call: int) -> tuple[dict, int]:
    """Calls GetUser on another connection after each page. Returns the number of replies."""
    asked = 0
    while call not in connection.replies:
        with contextlib.suppress(TimeoutError):
            connection.wait_signal("ReconcileProgress", timeout=0.2)
        for n in range(asked + N // 2, asked + N // 2 + 3):  # whose links are good all the time
            assert other.links("GetUser", synthetic(n)) == (f"user_{n:08}",)
            asked += 1
    (result,) = connection.finish(call)
    return {key: value for key, (_, value) in result.items()}, asked


class LargeSandbox(Sandbox):
    """A sandbox that starts slowly."""

    def read_line(self, deadline_sec=LARGE_SEC):
        return super().read_line(deadline_sec)


@pytest.fixture(scope="module")
def large():
    stack = Stack()
    stack.sandbox = LargeSandbox(stack.work, options=(f"--populate={N}",))
    stack.keys = {"passlock.default": stack.sandbox.api_key}
    with stack:
        yield stack


def test_hundred_thousand(large):
    assert f'"added" t {N} ' in reconcile_by_busctl(large)
    with large.connect() as caller, large.connect() as other:
        assert caller.count() == N
        missing = [synthetic(n) for n in range(1, MISSING + 1)]
        conflicts = [synthetic(n) for n in range(MISSING + 1, MISSING + CONFLICTS + 1)]
        orphans = [f"{kind}-{n}" for n in range(ORPHANED // 2) for kind in ("a-orphan", "zz")]
        caller.links("Subscribe")
        assert set(outcomes(caller, [("Remove", each) for each in missing + conflicts] +
                            [("Add", "eve", each) for each in conflicts] +
                            [("Add", f"ada-{each[-1]}", each) for each in orphans])) == {()}
        caller.settle()
        caller.signals.clear()
        disorder = counts(N, added=MISSING, removed=ORPHANED, conflicts=CONFLICTS)

        result, asked = finish_while_asking(caller, other, start(caller, dry_run=True))
        assert result == disorder
        assert asked > 100
        assert caller.count() == N - MISSING + ORPHANED
        assert not changes(caller)

        result, asked = finish_while_asking(caller, other, start(caller))
        assert result == disorder
        assert asked > 100
        assert caller.count() == N
        assert changes(caller) == {("Added", f"user_{each[3:11]}", each) for each in missing} | \
            {("Removed", f"ada-{each[-1]}", each) for each in orphans}

        def users(ids):
            return outcomes(caller, [("GetUser", each) for each in ids])
        assert users(missing) == [(f"user_{each[3:11]}",) for each in missing]
        assert set(users(conflicts)) == {("eve",)}
        assert set(users(orphans)) == {("error", "NotFound")}
