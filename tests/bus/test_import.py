# SPDX-License-Identifier: LGPL-2.1-or-later
"""Links.Import: many links in one call, with their times."""

import pytest

from .client import BACKUP, plain
from .stack import new_user, raises

NOW = 1700000000000


def make(user: str, key: str, created: int = NOW, used: int = 0, platform: str | None = None):
    link = {"authenticator_id": ("s", key), "user_id": ("s", user), "created_at": ("t", created),
            "last_used_at": ("t", used)}
    return link | ({"platform_name": ("s", platform)} if platform else {})


def run(connection, links: list[dict], **options) -> dict:
    """Runs Import, and returns the result."""
    options = {name: ("b", value) for name, value in options.items()}
    return plain(connection.links("Import", links, options)[0])


def result(added=0, present=0, conflicting=(), exceeding=()) -> dict:
    return {"added": added, "present": present, "conflicting": list(conflicting),
            "exceeding": list(exceeding)}


def test_links_are_as_they_were(connection):
    ada, bob, keys = new_user(), new_user(), [new_user() for _ in range(3)]
    links = [make(ada, keys[0], NOW, NOW + 5, "☂ Phone"), make(ada, keys[1], 0, 0),
             make(bob, keys[2], 2**53 - 1, 2**53 - 1)]
    count = connection.count()
    assert run(connection, links, dry_run=True) == result(added=3)
    assert connection.count() == count
    assert run(connection, links) == result(added=3)
    assert connection.count() == count + 3
    stored = [link for user in (ada, bob) for link in connection.links("ListByUser", user)[0]]
    assert sorted(stored, key=str) == sorted(links, key=str)
    assert run(connection, links) == result(present=3)
    assert connection.count() == count + 3
    assert run(connection, []) == result()


def test_who_has_it_keeps_it(connection):
    ada, bob, key, other = (new_user() for _ in range(4))
    connection.links("Add", ada, key)
    links = [make(bob, key), make(bob, other), make(ada, other)]
    for dry_run in (True, False):
        assert run(connection, links, dry_run=dry_run) == result(added=1, conflicting=[key, other])
    assert connection.links("GetUser", key) == (ada,)
    assert connection.links("GetUser", other) == (bob,)


def test_too_many_for_a_user(connection):
    user, keys = new_user(), [new_user() for _ in range(1001)]
    assert run(connection, [make(user, key) for key in keys[:999]]) == result(added=999)
    assert run(connection, [make(user, key) for key in keys[998:]]) == result(
        added=1, present=1, exceeding=[keys[1000]])
    assert len(connection.links("ListByUser", user)[0]) == 1000
    connection.links("RemoveByUser", user)


def test_told_of_once_it_is_there(stack, connection):
    user, keys = new_user(), [new_user() for _ in range(20)]
    connection.links("Add", user, keys[0])
    with stack.connect() as watcher:
        watcher.links("Subscribe")
        links = [make(user, key) for key in keys]
        run(connection, links, dry_run=True)
        run(connection, links)
        told = [watcher.wait_signal("Added").args for _ in keys[1:]]
        assert told == [(user, key) for key in keys[1:]]
        watcher.settle()
        assert not watcher.signals


FINE = make("ada", "key")
WRONG = {
    "empty": {},
    "no user": {name: value for name, value in FINE.items() if name != "user_id"},
    "no authenticator": {name: value for name, value in FINE.items() if name != "authenticator_id"},
    "no creation": {name: value for name, value in FINE.items() if name != "created_at"},
    "no use": {name: value for name, value in FINE.items() if name != "last_used_at"},
    "unknown key": FINE | {"rp_id": ("s", "shop.example.com")},
    "user of a wrong type": FINE | {"user_id": ("t", 1)},
    "time of a wrong type": FINE | {"created_at": ("u", 1)},
    "empty user": FINE | {"user_id": ("s", "")},
    "long user": FINE | {"user_id": ("s", "u" * 257)},
    "long authenticator": FINE | {"authenticator_id": ("s", "k" * 513)},
    "long platform": FINE | {"platform_name": ("s", "p" * 257)},
    "empty platform": FINE | {"platform_name": ("s", "")},
    "control character": FINE | {"user_id": ("s", "a\nb")},
    "far future": FINE | {"created_at": ("t", 2**53)},
    "far use": FINE | {"last_used_at": ("t", 2**64 - 1)},
    "twice": [*FINE.items(), ("user_id", ("s", "ada"))],
}


@pytest.mark.parametrize("dry_run", [True, False])
@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_one_that_is_wrong_keeps_all_out(connection, wrong, dry_run):
    keys = [new_user() for _ in range(3)]
    links = [make("ada", key) for key in keys]
    links.insert(2, wrong)
    with raises("InvalidArgs", text=r"^links\[2\]: "):
        run(connection, links, dry_run=dry_run)
    for key in keys:
        with raises("NotFound"):
            connection.links("GetUser", key)


def test_too_many_at_once(connection):
    count = connection.count()
    with raises("InvalidArgs", text="more than 1000"):
        run(connection, [make(new_user(), new_user()) for _ in range(1001)])
    assert connection.count() == count


def test_of_the_largest_kind(connection):
    links = [make("é" * 128, f"{i:04}" + "☂" * 169, 2**53 - 1, 2**53 - 1, "p" * 256)
             for i in range(1000)]
    assert run(connection, links) == result(added=1000)
    assert run(connection, links) == result(present=1000)
    others = [link | {"user_id": ("s", "bob")} for link in links]
    assert run(connection, others)["conflicting"] == [link["authenticator_id"][1] for link in links]
    assert connection.links("RemoveByUser", "é" * 128) == (1000,)


@pytest.mark.root
def test_survives_kill_9(own_stack):
    own_stack.grant("backup", "backup", "Links.Write")
    own_stack.start()
    with own_stack.connect(BACKUP) as connection:
        assert run(connection, [make("ada", f"key-{i}") for i in range(1000)]) == result(added=1000)
        own_stack.daemon.kill9()
    own_stack.daemon.start()
    assert own_stack.connect().count() == 1000
