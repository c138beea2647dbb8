# SPDX-License-Identifier: LGPL-2.1-or-later
"""The store of links, and its change signals."""

import contextlib
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import BusError

from .client import BACKUP, GAMES, IRC, NAME, WWW_DATA, plain
from .stack import RP_ID, Stack, new_user, raises

PIPELINE = 100  # calls at once on a connection: the bus allows 128


def add_all(connection, links: list[tuple[str, str]]):
    for begin in range(0, len(links), PIPELINE):
        calls = [connection.start_links("Add", *link) for link in links[begin:begin + PIPELINE]]
        for call in calls:
            connection.finish(call)


def pairs(links) -> list[tuple[str, str]]:
    return [(link["user_id"], link["authenticator_id"]) for link in links]


def test_add_get_remove(connection):
    user, key = new_user(), new_user()
    assert connection.links("Add", user, key) == ()
    assert connection.links("GetUser", key) == (user,)
    ((link,),) = connection.links("ListByUser", user)
    assert (plain(link)["user_id"], plain(link)["authenticator_id"]) == (user, key)
    assert link["last_used_at"] == ("t", 0)
    assert "platform_name" not in link
    assert connection.links("Remove", key) == ()
    with raises("NotFound"):
        connection.links("GetUser", key)
    assert connection.links("ListByUser", user) == ([],)


def test_add_again_changes_nothing(connection):
    user, key = new_user(), new_user()
    connection.links("Add", user, key)
    (before,) = connection.links("ListByUser", user)
    count = connection.count()
    connection.settle()
    connection.signals.clear()
    connection.links("Add", user, key)
    connection.settle()
    assert connection.links("ListByUser", user) == (before,)
    assert connection.count() == count
    assert not connection.signals


def test_conflict(connection):
    user, other, key = new_user(), new_user(), new_user()
    connection.links("Add", user, key)
    with raises("LinkConflict") as caught:
        connection.links("Add", other, key)
    assert user not in caught.error.message
    assert connection.links("GetUser", key) == (user,)
    connection.links("Remove", key)
    connection.links("Add", other, key)
    assert connection.links("GetUser", key) == (other,)


def test_nothing_to_remove(connection):
    with raises("NotFound"):
        connection.links("Remove", new_user())
    with raises("NotFound"):
        connection.links("GetUser", new_user())
    assert connection.links("RemoveByUser", new_user()) == (0,)


def test_remove_by_user(connection):
    user, other = new_user(), new_user()
    mine, others = [new_user() for _ in range(5)], new_user()
    add_all(connection, [(user, key) for key in mine] + [(other, others)])
    count = connection.count()
    assert connection.links("RemoveByUser", user) == (5,)
    assert connection.count() == count - 5
    assert connection.links("ListByUser", user) == ([],)
    assert connection.links("GetUser", others) == (other,)
    for key in mine:
        with raises("NotFound"):
            connection.links("GetUser", key)
    assert connection.links("RemoveByUser", user) == (0,)


# Prefixes of each other, separators, and what looks like an encoding.
@pytest.mark.parametrize("user, key", [
    ("u" * 256, "k" * 512), ("é" * 128, "é" * 256), ("☂", "🗝"), (" ", " "), ("/", "%2F"),
    ("a:b", "c:d"), ("-", "'; drop table links; --"), ("0", "0"), ("e\u0301", "\u200b"),
    ("\U0001f511" * 64, "\U0001f511" * 128)], ids=lambda text: ascii(text)[:12])
def test_ids_are_any_text(connection, user, key):
    connection.links("Add", user, key)
    try:
        assert connection.links("GetUser", key) == (user,)
        assert pairs(map(plain, connection.links("ListByUser", user)[0])) == [(user, key)]
        assert (user, key) in pairs(connection.all_links())
    finally:
        connection.links("Remove", key)


# Unicode calls the second to fourth "not characters", and they are valid UTF-8 nevertheless.
@pytest.mark.parametrize("odd", ["\n", "\ufffe", "\ufdd0", "\U0010ffff", "\x7f", "\u2028"],
                         ids=ascii)
def test_odd_text_is_taken_or_refused(connection, odd):
    """Unusual text is accepted or InvalidArgs, never a failure of the daemon."""
    user, key = new_user() + odd, new_user() + odd
    outcome = connection.outcome(connection.start_links("Add", user, key))
    assert outcome in ((), ("error", "InvalidArgs"))
    if not outcome:
        assert connection.links("GetUser", key) == (user,)


def test_users_whose_names_begin_alike(connection):
    users = [base + tail for base in [new_user()] for tail in ("", "x", "xx", "/", " ")]
    add_all(connection, [(user, user) for user in users])
    for user in users:
        assert pairs(map(plain, connection.links("ListByUser", user)[0])) == [(user, user)]
    assert connection.links("RemoveByUser", users[0]) == (1,)
    for user in users[1:]:
        assert connection.links("GetUser", user) == (user,)


@pytest.fixture(scope="module")
def populated():
    """1203 links of 401 users; tests do not change them."""
    with Stack() as stack:
        links = [(f"user-{i // 3}", f"key-{i}") for i in range(1203)]
        with stack.connect() as connection:
            add_all(connection, links)
        yield stack, sorted(links)


@pytest.mark.parametrize("limit, pages", [(1, 1203), (2, 602), (1000, 3), (0, 13), (400, 4)])
def test_pages(populated, limit, pages):
    stack, links = populated
    with stack.connect() as connection:
        found, cursor, sizes = [], "", []
        while cursor or not sizes:
            page, cursor = connection.links("List", cursor, limit)
            sizes.append(len(page))
            found += pairs(map(plain, page))
        assert sorted(found) == links
        assert connection.count() == len(links)
    # A page has a limit in bytes as well.
    assert max(sizes) == (limit or 100) or 400 < max(sizes) < limit == 1000
    assert len(sizes) in (pages, pages + 1)


@pytest.mark.parametrize("limit", [1001, 2 ** 32 - 1])
def test_page_that_is_too_long(populated, limit):
    with populated[0].connect() as connection, raises("InvalidArgs"):
        connection.links("List", "", limit)


@pytest.mark.parametrize("cursor", ["x", "!", "0", "-1", "key-7", "AAAA", "é", " ", "x" * 512,
                                    "x" * 100000, "=" * 9, "%00", "../.."],
                         ids=lambda cursor: cursor[:9])
def test_cursor_that_was_never_given(populated, cursor):
    """An invented cursor is InvalidArgs or a valid position; never a failure."""
    with populated[0].connect() as connection:
        outcome = connection.outcome(connection.start_links("List", cursor, 10))
        assert outcome == ("error", "InvalidArgs") or len(outcome[0]) <= 10
        if len(cursor) > 10000:
            assert outcome == ("error", "InvalidArgs")
        assert connection.count() == 1203


def test_empty_list(own_stack):
    own_stack.start()
    with own_stack.connect() as connection:
        assert connection.links("List", "", 10) == ([], "")
        assert connection.count() == 0


def test_pages_while_links_come_and_go(own_stack):
    """A link that stays is listed exactly once, regardless of concurrent changes."""
    own_stack.start()
    connection = own_stack.connect()
    stays = [(f"user-{i}", f"stays-{i}") for i in range(100)]
    goes = [(f"user-{i}", f"goes-{i}") for i in range(100)]
    add_all(connection, stays + goes)
    found, cursor, gone, n = [], "", set(), 0
    while True:
        page, cursor = connection.links("List", cursor, 7)
        page = pairs(map(plain, page))
        assert not gone & set(page)
        found += page
        if not cursor:
            break
        # the last one of the page, to which the cursor may point; and one from anywhere
        for link in (page[-1], goes[(n * 37) % 100]):
            if link in goes and link not in gone:
                connection.links("Remove", link[1])
                gone.add(link)
        connection.links("Add", f"user-{n}", f"new-{n}")
        n += 1
    assert sorted(link for link in found if link in stays) == sorted(stays)
    assert len(found) == len(set(found))


def test_user_with_too_many_links(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    add_all(connection, [("ada", f"key-{i}") for i in range(1000)])
    with raises("LimitsExceeded"):
        connection.links("Add", "ada", "key-1000")
    connection.links("Add", "ada", "key-7")  # is there already
    connection.links("Add", "bob", "key-1000")
    assert len(connection.links("ListByUser", "ada")[0]) == 1000
    connection.links("Remove", "key-0")
    connection.links("Add", "ada", "key-1001")
    connection.authorize(RP_ID, "ada")
    assert connection.links("RemoveByUser", "ada") == (1000,)
    assert connection.count() == 1


@pytest.mark.parametrize("trouble", ["unreachable", "unconfigured", "denied"])
def test_no_api_no_matter(own_stack, trouble):
    if trouble == "unconfigured":
        own_stack.keys = {}
    if trouble == "denied":
        own_stack.keys = {"passlock.default": "wrong"}
    own_stack.start()
    if trouble == "unreachable":
        own_stack.sandbox.stop()
    connection = own_stack.connect()
    with raises("Unreachable", "NotConfigured", "ApiDenied"):
        connection.authorize(RP_ID, new_user())
    connection.links("Add", "ada", "key")
    connection.links("Add", "ada", "key2")
    assert connection.links("GetUser", "key") == ("ada",)
    assert len(connection.links("ListByUser", "ada")[0]) == 2
    assert len(connection.all_links()) == connection.count() == 2
    connection.links("Remove", "key")
    assert connection.links("RemoveByUser", "ada") == (1,)


def test_links_outlive_a_restart(own_stack):
    own_stack.start()
    with own_stack.connect() as connection:
        add_all(connection, [("ada", f"key-{i}") for i in range(50)])
        before = connection.all_links()
    assert own_stack.daemon.stop() == 0
    own_stack.daemon.start()
    with own_stack.connect() as connection:
        assert connection.all_links() == before
        assert connection.count() == 50


def test_tenancies_are_apart(own_stack):
    own_stack.sections["Tenancy other"] = {"TenancyId": "otherTenancy",
                                           "Endpoint": "http://127.0.0.1:9"}
    own_stack.grant_ourselves("other")
    own_stack.start()
    connection = own_stack.connect()
    connection.links("Add", "ada", "key")
    connection.links("Add", "bob", "key", label="other")
    connection.links("Add", "ada", "key2", label="other")
    assert connection.links("GetUser", "key") == ("ada",)
    assert connection.links("GetUser", "key", label="other") == ("bob",)
    assert (connection.count(), connection.count("other")) == (1, 2)
    assert pairs(connection.all_links()) == [("ada", "key")]
    assert sorted(pairs(connection.all_links(label="other"))) == [("ada", "key2"), ("bob", "key")]
    assert connection.links("RemoveByUser", "ada", label="other") == (1,)
    assert connection.links("GetUser", "key") == ("ada",)
    connection.links("Remove", "key")
    assert connection.links("GetUser", "key", label="other") == ("bob",)


def test_signals_tell_every_change(own_stack):
    own_stack.start()
    watcher, worker = own_stack.connect(), own_stack.connect()
    watcher.links("Subscribe")
    worker.links("Add", "ada", "one")
    worker.links("Add", "ada", "two")
    worker.links("Add", "bob", "three")
    worker.links("Remove", "three")
    worker.links("RemoveByUser", "ada")
    for call in (("Add", "ada", "one"), ("Remove", "one")):
        worker.links(*call)
    with raises("NotFound"):
        worker.links("Remove", "one")
    watcher.settle()
    told = [(signal.member, *signal.args) for signal in watcher.signals]
    assert sorted(told[:4]) == sorted([("Added", "ada", "one"), ("Added", "ada", "two"),
                                       ("Added", "bob", "three"), ("Removed", "bob", "three")])
    assert sorted(told[4:6]) == [("Removed", "ada", "one"), ("Removed", "ada", "two")]
    assert told[6:] == [("Added", "ada", "one"), ("Removed", "ada", "one")]
    assert {signal.path for signal in watcher.signals} == \
        {"/dev/passlock/Passlock1/tenancy/default"}


@pytest.mark.root
def test_signals_are_for_who_may_read(own_stack):
    own_stack.sections["Tenancy other"] = {"TenancyId": "otherTenancy",
                                           "Endpoint": "http://127.0.0.1:9"}
    own_stack.grant("reader", "www-data", "Links.Read")
    own_stack.grant("writer", "backup", "Links.Write Authorize Exchange")
    own_stack.grant("another", "games", "All", Tenancy="other")
    own_stack.start()
    root, reader, writer, other, none = (
        own_stack.connect(user) for user in (None, WWW_DATA, BACKUP, GAMES, IRC))
    for connection in (reader, writer, other, none):
        connection.subscribe("type='signal'")
        connection.subscribe(f"type='signal',sender='{NAME}'")
        for label in ("default", "other"):
            allowed = (connection, label) in ((reader, "default"), (other, "other"))
            assert connection.outcome(connection.start_links("Subscribe", label=label)) == \
                (() if allowed else ("error", "AccessDenied"))
    root.links("Add", "ada", "key")
    root.links("Remove", "key")
    root.exchange(own_stack.create_passkey("bob").code)
    for connection in (reader, writer, other, none):
        connection.settle()
    members = [signal.member for signal in reader.signals if signal.interface == f"{NAME}.Links"]
    assert members == ["Added", "Removed", "Added"]
    for connection in (writer, other, none):
        assert not [signal for signal in connection.signals if "Links" in signal.interface]


@pytest.mark.root
def test_eavesdroppers_hear_nothing(own_stack):
    """Signals are unicast, and only root may eavesdrop."""
    own_stack.start()
    root, none = own_stack.connect(), own_stack.connect(IRC)
    try:
        none.subscribe("eavesdrop=true,type='signal'")
    except BusError:
        pass
    root.links("Add", "ada", "key")
    none.settle()
    assert not [signal for signal in none.signals if "Links" in signal.interface]


@pytest.mark.root
def test_signals_end_with_the_grant(own_stack):
    own_stack.grant("reader", "www-data", "Links.Read")
    own_stack.start()
    root, reader = own_stack.connect(), own_stack.connect(WWW_DATA)
    reader.links("Subscribe")
    root.links("Add", "ada", "one")
    assert reader.wait_signal("Added").args == ("ada", "one")
    del own_stack.sections["Grant reader"]
    own_stack.apply()
    for key in ("two", "three"):
        root.links("Add", "ada", key)
    reader.settle()
    assert [signal.member for signal in reader.signals] == ["SubscriptionLost"]


def test_subscriptions_begin_and_end(own_stack):
    own_stack.start()
    watcher, worker = own_stack.connect(), own_stack.connect()
    worker.links("Subscribe")
    # Nothing is sent without a subscription.
    watcher.links("List", "", 1)
    worker.links("Add", "ada", "one")
    # Subscribing twice changes nothing.
    watcher.links("Subscribe")
    watcher.links("Subscribe")
    worker.links("Add", "ada", "two")
    assert watcher.wait_signal("Added").args == ("ada", "two")
    watcher.links("Unsubscribe")
    watcher.links("Unsubscribe")
    worker.links("Add", "ada", "three")
    watcher.settle()
    assert not watcher.signals
    # One that leaves is forgotten, and others go on.
    watcher.links("Subscribe")
    watcher.close()
    worker.links("Add", "ada", "four")
    worker.settle()
    assert [signal.args[1] for signal in worker.signals] == ["one", "two", "three", "four"]


def test_a_user_has_a_limited_number_of_subscriptions(own_stack):
    own_stack.start()
    subscribers = [own_stack.connect() for _ in range(128)]
    for subscriber in subscribers:
        subscriber.links("Subscribe")
    one_more = own_stack.connect()
    with raises("LimitsExceeded"):
        one_more.links("Subscribe")
    subscribers[0].links("Unsubscribe")
    one_more.links("Subscribe")
    subscribers[1].links("Add", "ada", "key")
    for subscriber in (*subscribers[1:], one_more):
        assert subscriber.wait_signal("Added").args == ("ada", "key")


def test_a_subscriber_that_does_not_read_is_told(own_stack):
    own_stack.start()
    lazy, worker = own_stack.connect(), own_stack.connect()
    lazy.links("Subscribe")
    rows = [{"user_id": ("s", f"user-{i}"), "authenticator_id": ("s", f"{i:0500}"),
             "created_at": ("t", 1), "last_used_at": ("t", 0)} for i in range(1000)]
    # The last imports wait until the subscriber is given up.
    for round_ in range(20):
        for i, row in enumerate(rows):
            row["authenticator_id"] = ("s", f"{round_:04}-{i:0400}")
        worker.links("Import", rows, {})
    told = []
    while not told or told[-1].member != "SubscriptionLost":
        told.append(lazy.wait_signal_of({"Added", "SubscriptionLost"}))
    assert 1000 < len(told) < 20000
    lazy.links("Subscribe")
    lazy.settle()
    assert not lazy.signals
    worker.links("Add", "ada", "key")
    assert lazy.wait_signal("Added").args == ("ada", "key")


def _read_slowly(connection, bytes_per_second: int, stop: threading.Event) -> bytearray:
    """Reads from the socket of a connection at this rate at most."""
    data, steps_per_second = bytearray(), 4
    while not stop.wait(1 / steps_per_second):
        with contextlib.suppress(BlockingIOError):
            data += connection.bus.sock.recv(bytes_per_second // steps_per_second, socket.MSG_DONTWAIT)
    return data


def test_a_slow_subscriber_does_not_slow_imports_for_long(own_stack):
    """It loses its subscription, instead of holding the imports up until it has read all changes."""
    own_stack.start()
    slow, worker, stop = own_stack.connect(), own_stack.connect(), threading.Event()
    slow.links("Subscribe")
    with ThreadPoolExecutor(1) as pool:
        reading = pool.submit(_read_slowly, slow, 150_000, stop)
        for round_ in range(40):
            worker.links("Import", [{"user_id": ("s", f"user-{i}"), "created_at": ("t", 1), "last_used_at": ("t", 0),
                                     "authenticator_id": ("s", f"{round_:04}-{i:0400}")} for i in range(1000)], {})
        stop.set()
        data = reading.result()
    slow.bus.sock.settimeout(5)
    while b"SubscriptionLost" not in data[-1_000_000:]:
        data += slow.bus.sock.recv(1_000_000)
    assert worker.count() == 40_000
