# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl export and import, and copies of the store while the daemon runs."""

import json
import os
import subprocess
import threading

import pytest

from harness import as_uid, binary

from .client import BACKUP, Connection, plain
from .stack import Stack, new_user
from .test_disk import SmallDisk, full  # noqa: F401, pylint: disable=unused-import
from .test_import import make

N = 20000
BATCH = 1000


def passlockctl(stack: Stack, *arguments: str, status: int = 0, as_user=(), **options) -> str:
    done = subprocess.run([*as_user, str(binary("passlockctl")), *arguments], capture_output=True,
                          text=True, timeout=300, check=False,
                          env=os.environ | stack.bus.environment(), **options)
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def import_links(connection: Connection, links: list[dict]):
    for begin in range(0, len(links), BATCH):
        connection.links("Import", links[begin:begin + BATCH], {})


def sort(links) -> list[dict]:
    return sorted(links, key=lambda link: link["authenticator_id"])


def write_export(stack: Stack, links: list[dict]) -> str:
    """Formats links like passlockctl export."""
    header = {"format": "passlock-links", "version": 1, "tenancy_id": stack.sandbox.tenancy_id,
              "exported_at": 1700000000000}
    return "".join(json.dumps(line) + "\n" for line in [header, *links, {"links": len(links)}])


def read_export(text: str) -> list[dict]:
    header, *links, trailer = map(json.loads, text.splitlines())
    assert header["format"] == "passlock-links" and header["version"] == 1
    assert trailer == {"links": len(links)}
    return links


def test_round_trip(own_stack):
    links = [plain(make(f"user-{i // 3} ☂", f"key-{i}" + "x" * (i % 500), 1700000000000 + i,
                        i % 7 and 1700000000000 + 2 * i, f"Phone \"{i}\"" if i % 2 else None))
             for i in range(N)]
    own_stack.start()
    text = write_export(own_stack, links)
    file = own_stack.work / "links"
    connection = own_stack.connect()
    for options in (["--dry-run"], []):
        done = json.loads(passlockctl(own_stack, "--json", "import", *options, "-", input=text))
        assert done == {"dry_run": bool(options), "links": N, "added": N, "present": 0,
                        "conflicts": 0, "exceeding": 0}
        assert connection.count() == (0 if options else N)

    assert passlockctl(own_stack, "export", str(file)) == ""
    assert file.stat().st_mode & 0o7777 == 0o600
    exported = file.read_text()
    assert json.loads(exported.splitlines()[0])["tenancy_id"] == own_stack.sandbox.tenancy_id
    assert sort(read_export(exported)) == sort(links)
    assert read_export(passlockctl(own_stack, "export")) == read_export(exported)

    # Once more: nothing is new.
    done = json.loads(passlockctl(own_stack, "--json", "import", str(file)))
    assert (done["added"], done["present"]) == (0, N)
    assert read_export(passlockctl(own_stack, "export", "-")) == read_export(exported)


def test_conflicts_are_listed_and_left_alone(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    links = [make(f"user-{i}", f"key-{i}") for i in range(1200)]
    import_links(connection, links)
    file = own_stack.work / "links"
    passlockctl(own_stack, "export", str(file))
    lines = {json.loads(line).get("authenticator_id"): number for number, line in
             enumerate(file.read_text().splitlines(), 1)}
    connection.links("RemoveByUser", "user-5")
    for key in ("key-7", "key-1100"):
        connection.links("Remove", key)
        connection.links("Add", "eve", key)
    for arguments in (["import", "--dry-run", str(file)], ["import", str(file)]):
        said = passlockctl(own_stack, *arguments, status=3)
        assert sorted(said.splitlines()) == sorted(
            f"passlockctl: {file}:{lines[key]}: authenticator {key} is linked to another user"
            for key in ("key-7", "key-1100"))
    assert connection.count() == 1200
    assert connection.links("GetUser", "key-7") == ("eve",)
    assert connection.links("GetUser", "key-5") == ("user-5",)


def test_exports_while_links_change(own_stack):
    """A link that exists during the whole export is in it exactly once."""
    own_stack.start()
    connection = own_stack.connect()
    stay = {f"stay-{i}" for i in range(3000)}
    import_links(connection, [make("ada-" + key[-2:], key) for key in stay])
    done = threading.Event()
    rounds = []

    def change():
        with own_stack.connect() as other:
            while not done.is_set():
                links = [make(f"bob-{i}", f"go-{i}") for i in range(500)]
                other.links("Import", links, {})
                for i in range(500):
                    other.links("RemoveByUser", f"bob-{i}")
                rounds.append(1)

    thread = threading.Thread(target=change)
    thread.start()
    try:
        for _ in range(6):
            exported = passlockctl(own_stack, "export").splitlines()
            keys = [json.loads(line)["authenticator_id"] for line in exported[1:-1]]
            assert json.loads(exported[-1]) == {"links": len(keys)}
            assert len(keys) == len(set(keys))
            assert stay <= set(keys)
    finally:
        done.set()
        thread.join()
    assert rounds


def test_of_another_tenancy(own_stack):
    own_stack.start()
    text = write_export(own_stack, [plain(make(f"user-{i}", f"key-{i}")) for i in range(10)])
    text = text.replace(own_stack.sandbox.tenancy_id, "elsewhere")
    said = passlockctl(own_stack, "import", "-", input=text, status=2)
    assert "tenancy elsewhere" in said and "--any-tenancy" in said
    assert own_stack.connect().count() == 0
    passlockctl(own_stack, "import", "--any-tenancy", "-", input=text)
    assert own_stack.connect().count() == 10


@pytest.mark.root
def test_without_the_right(own_stack):
    own_stack.grant("reader", "backup", "Links.Read")
    own_stack.start()
    own_stack.connect().links("Add", "ada", "key")
    backup = as_uid(BACKUP.uid, BACKUP.gid)
    exported = passlockctl(own_stack, "export", as_user=backup)
    assert len(read_export(exported)) == 1
    for options in ([], ["--dry-run"]):
        said = passlockctl(own_stack, "import", *options, "-", input=exported, status=4,
                           as_user=backup)
        assert "may not call Links.Import" in said


@pytest.mark.root
def test_full_halfway(full):
    """The number of imported links is printed; after space is freed, the same command continues."""
    stack, disk = full
    file = stack.work / "links"
    file.write_text(write_export(
        stack, [plain(make(f"user-{i}", f"key-{i}" + "x" * 400)) for i in range(N)]))
    disk.fill()
    for _ in range(2):
        said = passlockctl(stack, "import", str(file), status=5).splitlines()
        count = stack.connect().count()
        assert 0 < count < N and count % 1000 == 0
        assert said == [
            f"passlockctl: Failed to import lines {count + 2} to {count + 1001} of {file}:",
            "passlockctl: The link store is out of disk space",
            f"passlockctl: Stopped, {count} of {N} links were imported; repeat the command to continue"]
    file.write_text(write_export(
        stack, [plain(make(f"user-{i}", f"key-{i}" + "x" * 400)) for i in range(count + 100)]))
    disk.free()
    done = json.loads(passlockctl(stack, "--json", "import", str(file)))
    assert (done["added"], done["present"]) == (100, count)


# Copies of the store

def copy_command(file) -> list[str]:
    return [str(binary("passlockd")), f"--copy-store={file}"]


def copy_store(stack: Stack, file, status: int = 0, prefix=()) -> str:
    done = subprocess.run([*prefix, *copy_command(file)], capture_output=True, text=True, timeout=300,
                          check=False, env=os.environ | stack.daemon.environment())
    assert done.returncode == status, done.stderr
    return done.stderr


def restore(stack: Stack, file):
    """Restores a copy as described in passlockd(8)."""
    stack.daemon.stop_well()
    for old in stack.daemon.state.iterdir():
        old.unlink()
    (stack.daemon.state / "data.mdb").write_bytes(file.read_bytes())
    (stack.daemon.state / "data.mdb").chmod(0o600)
    stack.daemon.start()


def test_copy_and_restore(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    import_links(connection, [make(f"user-{i}", f"key-{i}") for i in range(3000)])
    before = sort(connection.all_links())
    file = own_stack.work / "copy"
    copy_store(own_stack, file)
    assert file.stat().st_mode & 0o7777 == 0o600
    connection.links("Add", "ada", "later")
    assert "File exists" in copy_store(own_stack, file, status=1)
    own_stack.daemon.stop_well()
    copy_store(own_stack, own_stack.work / "stopped")
    own_stack.daemon.start()

    restore(own_stack, file)
    connection = own_stack.connect()
    assert sort(connection.all_links()) == before
    connection.links("Add", "ada", "later")
    restore(own_stack, own_stack.work / "stopped")
    assert own_stack.connect().count() == len(before) + 1
    own_stack.assert_healthy()


def test_copy_under_load(own_stack):
    """Each copy contains all changes acknowledged before; the daemon continues."""
    own_stack.start()
    done = threading.Event()
    acknowledged = []

    def add():
        with own_stack.connect() as connection:
            while not done.is_set():
                calls = [(key, connection.start_links("Add", "u-" + key, key))
                         for key in (new_user() for _ in range(50))]
                for key, call in calls:
                    connection.finish(call)
                    acknowledged.append(key)

    thread = threading.Thread(target=add)
    thread.start()
    copies = []
    try:
        for number in range(5):
            known = set(acknowledged)
            file = own_stack.work / f"copy-{number}"
            copy_store(own_stack, file)
            copies.append((file, known))
    finally:
        done.set()
        thread.join()
    assert len(acknowledged) > len(copies[-1][1]) > 0
    assert own_stack.connect().count() == len(acknowledged)
    everything = set(acknowledged)
    for file, known in copies:
        restore(own_stack, file)
        with own_stack.connect() as connection:
            links = connection.all_links()
            assert known <= {link["authenticator_id"] for link in links} <= everything
            assert connection.count() == len(links)
            for link in links[::97]:
                assert connection.links("ListByUser", link["user_id"])[0]


@pytest.mark.root
def test_copy_to_a_full_disk(own_stack):
    own_stack.start()
    connection = own_stack.connect()
    place = own_stack.work.private_dir("small")
    disk = SmallDisk(place)
    try:
        if not disk.mounted:
            pytest.skip("may not mount")
        disk.fill()
        said = copy_store(own_stack, place / "copy", 1, disk.command())
        assert "No space left" in said
        assert [path.name for path in disk.ballast.parent.iterdir()] == ["ballast"]
    finally:
        disk.close()
    connection.links("Add", "ada", "key")


@pytest.mark.root
def test_copy_by_a_stranger(own_stack):
    own_stack.start()
    place = own_stack.work.private_dir("place")
    os.chown(place, BACKUP.uid, BACKUP.gid)
    said = copy_store(own_stack, place / "copy", 1, as_uid(BACKUP.uid, BACKUP.gid))
    assert "Permission denied" in said
    assert list(place.iterdir()) == []
