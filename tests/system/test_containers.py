# SPDX-License-Identifier: LGPL-2.1-or-later
"""doc/containers.md: the gate of an app in containers. Namespaces have the users that podman gives them."""

import contextlib
import json
import os
from pathlib import Path

import pytest

from tests.bus.authenticator import create_passkey
from tests.harness import Sandbox, document
from tests.system import host
from tests.system.container import (DIRECTORY, ROOT, SOCKET, container, default_mapping, keep_id, machine, machine_root,
                                    subuids)

CHAPTER = "containers.md"
UID = 2001
RP_ID = "shop.example.com"
OTHER_UID = 1000
UNIT = "passlock-gate@shop"
NSPAWN = Path("/etc/systemd/nspawn/shop.nspawn")
DROP_IN = Path(f"/etc/systemd/system/{UNIT}.socket.d/nspawn.conf")
MOUNT = f"{DIRECTORY}:{DIRECTORY}"
ESCAPED = Path("/root/from-container")
# systemd-nspawn has sockets of its own in /run/host.
SOCKETS = "find / -path /usr -prune -o -path /proc -prune -o -path /run/host -prune -o -type s -print 2>/dev/null || :"
KERNEL = tuple(map(int, os.uname().release.split(".")[:2]))
CHECK = document.commands(CHAPTER, "The app's gate")[-1].splitlines()


def run_as_root(title: str):
    for command in document.commands(CHAPTER, title):
        if command.startswith("# "):
            host.run("bash", "-euc", "\n".join(line.removeprefix("# ") for line in command.splitlines()))


@pytest.fixture(scope="module", autouse=True, name="api")
def fixture_api(work):
    """The commands of the chapter that make the gate, and an API on loopback for the tests' authenticator."""
    with Sandbox(work, "containersTenancy") as api:
        host.configure({"Tenancy default": api.tenancy() | {"TimeoutSec": "30"}})
        host.seal_key("passlock.default", api.api_key)
        host.systemctl("daemon-reload")
        host.systemctl("start", host.UNIT)
        run_as_root("The app's gate")
        yield api
        remove_gate()


def remove_gate():
    host.systemctl("disable", "--now", f"{UNIT}.socket", f"{UNIT}.service")
    host.systemctl("reset-failed", f"{UNIT}.socket", f"{UNIT}.service", status=None)
    Path("/etc/passlock/passlockd.conf.d/shop.conf").unlink()
    host.run("userdel", "--remove", "shop", status=None)
    host.clean_up()


def reset_start_limit():
    """The tests restart the socket often. systemd 257 remembers starts across daemon-reload."""
    host.systemctl("reset-failed", f"{UNIT}.socket")


@contextlib.contextmanager
def nspawn(mapped: bool = False):
    """A recipe for systemd-nspawn. A program takes the place of the init of a container."""
    settings, drop_in, settings_mapped = document.blocks(CHAPTER, "systemd-nspawn", "ini")
    NSPAWN.parent.mkdir(exist_ok=True)
    NSPAWN.write_text((settings_mapped if mapped else settings)
                      .replace("[Exec]", "[Exec]\nBoot=no\nParameters=/bin/sleep infinity")
                      .replace("[Files]", "[Files]\nBindReadOnly=/usr"))
    DROP_IN.parent.mkdir(exist_ok=True)
    DROP_IN.write_text("" if mapped else drop_in + "\n")
    try:
        with machine_root():
            reset_start_limit()
            run_as_root("systemd-nspawn")
            yield machine()
    finally:
        NSPAWN.unlink()
        DROP_IN.unlink()
        host.systemctl("daemon-reload")
        reset_start_limit()
        host.systemctl("restart", f"{UNIT}.socket")


KINDS = {
    "podman": lambda *mounts: container(*mounts, mapping=default_mapping("shop")),
    "keep-id": lambda *mounts: container(*mounts, mapping=keep_id("shop", UID)),
    "rootful": container,
}


@pytest.fixture(name="inside", params=[*KINDS, "nspawn"])
def fixture_inside(request):
    with nspawn() if request.param == "nspawn" else KINDS[request.param](MOUNT) as running:
        yield running


def test_check_of_the_chapter(inside):
    assert json.loads(inside.run("sh", "-c", CHECK[0].removeprefix("$ "))) == json.loads(CHECK[1])


def test_root_signs_users_up(inside, api):
    authorized = inside.call("Tenancy.Authorize", rp_id=RP_ID, user_id="ada", username="ada@example.com")
    passkey = create_passkey(api.endpoint, api.tenancy_id, authorized["registration_token"])
    principal = inside.call("Tenancy.Exchange", code=passkey.code, user_id="ada")["principal"]
    assert (principal["user_id"], principal["newly_linked"]) == ("ada", True)
    assert inside.call("Links.GetUser", authenticator_id=passkey.authenticator_id) == {"user_id": "ada"}


def test_root_has_no_more_than_the_grant(inside):
    for refused in (inside.call("Tenancy.Authorize", rp_id="other.example.com", user_id="u", username="u"),
                    inside.call("Links.Add", user_id="u", authenticator_id="a"),
                    inside.call("Vault.ListPasskeys", cursor="")):
        assert refused["error"] == "AccessDenied"
        assert refused["message"].startswith(f"uid {UID} ")


def test_other_users_are_refused(inside):
    assert inside.connect_error(uid=OTHER_UID) == "PermissionError: [Errno 13] Permission denied"


def test_nothing_else_is_reachable(inside):
    assert set(inside.run("sh", "-c", SOCKETS).split()) == {SOCKET}
    names = inside.run("python3", "-c", "import socket; print(*[name for _, name in socket.if_nameindex()])")
    assert "lo" in names.split() and set(names.split()) <= {"lo", "host0"}
    assert "No such file" in inside.run("busctl", "list", status=1)


def test_socket_cannot_be_changed(inside):
    for command in (["chmod", "666", SOCKET], ["rm", SOCKET], ["touch", f"{DIRECTORY}/new"]):
        assert "Read-only file system" in inside.run(*command, status=1)


@pytest.mark.parametrize("kind", KINDS)
def test_user_of_the_app(kind):
    """The app's user in the container, who is not root there unless the mapping is the default."""
    with KINDS[kind](MOUNT) as inside:
        if kind == "podman":
            assert "Permission denied" in inside.connect_error(uid=UID)
        else:
            assert inside.ask("health", uid=UID) == {"state": "ready"}


def test_user_of_the_image():
    """The quadlet: uid 1000 of the image is the app's user."""
    with container(MOUNT, mapping=keep_id("shop", 1000)) as inside:
        assert inside.ask("health", uid=1000) == {"state": "ready"}
        assert "Permission denied" in inside.connect_error(uid=UID)


@pytest.mark.parametrize("kind, gid", [("podman", 0), ("keep-id", UID), ("rootful", UID)])
def test_group_of_the_app(kind, gid):
    """podman gives the group root to an unknown uid, and with keep-id the app's group to its first process."""
    with KINDS[kind](MOUNT) as inside:
        assert inside.ask("health", uid=OTHER_UID, gid=gid) == {"state": "ready"}


def test_namespace_without_the_user():
    with container(MOUNT, mapping=[(0, subuids("shop"), 65536)]) as inside:
        assert "Permission denied" in inside.connect_error()


def test_restarts():
    """A mounted directory survives a new socket, and a mounted socket does not."""
    with container(MOUNT, f"{SOCKET}:/tmp/socket", mapping=default_mapping("shop")) as inside:
        for unit in (f"{UNIT}.service", host.UNIT):
            host.systemctl("restart", unit)
            assert inside.ask("health") == {"state": "ready"}
            assert inside.ask("health", "--unix-socket", "/tmp/socket") == {"state": "ready"}
        host.systemctl("restart", f"{UNIT}.socket")
        assert inside.ask("health") == {"state": "ready"}
        assert inside.connect_error("/tmp/socket") == "ConnectionRefusedError: [Errno 111] Connection refused"


def test_nspawn_restarts():
    with nspawn() as inside:
        host.systemctl("restart", f"{UNIT}.socket")
        assert inside.ask("health") == {"state": "ready"}


def test_nspawn_has_its_files():
    with nspawn() as inside:
        inside.run("touch", "/root/new")
        assert inside.run("stat", "--format=%u", "/etc").strip() == "0"


@pytest.mark.skipif(KERNEL < (6, 3), reason="tmpfs cannot be mapped")
def test_nspawn_with_a_mapped_mount():
    with nspawn(mapped=True) as inside:
        assert Path(SOCKET).owner() == "shop"
        for uid in (0, UID):
            assert inside.ask("health", uid=uid) == {"state": "ready"}
        assert "Permission denied" in inside.connect_error(uid=OTHER_UID)


def run_by_systemd(inside, *command: str, status: int = 0) -> str:
    """Runs a command on the host, by one call to systemd."""
    arguments = [str(len(command)), *command]
    return inside.run(
        "busctl", "call", "--", "org.freedesktop.systemd1", "/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager",
        "StartTransientUnit", "ssa(sv)a(sa(sv))", "from-container.service", "fail",
        "2", "Type", "s", "oneshot", "ExecStart", "a(sasb)", "1", command[0], *arguments, "false", "0", status=status)


def test_mounted_bus_gives_root_the_host():
    with container("/run/dbus:/run/dbus") as inside:
        run_by_systemd(inside, "/usr/bin/touch", str(ESCAPED))
        host.wait_until(ESCAPED.exists, "systemd has run the command")
        assert (ESCAPED.owner(), ROOT in ESCAPED.parents) == ("root", False)
        ESCAPED.unlink()


def test_mounted_bus_in_a_user_namespace():
    """Root is the app's user on the bus."""
    with container("/run/dbus:/run/dbus", mapping=default_mapping("shop")) as inside:
        assert "Interactive authentication required" in run_by_systemd(inside, "/usr/bin/touch", str(ESCAPED), status=1)


@pytest.mark.parametrize("mapping, uid, status", [(None, 0, 0), (default_mapping, 0, 1),
                                                  (lambda user: keep_id(user, UID), UID, 0)])
def test_libdbus_needs_the_uid_of_the_host(mapping, uid, status):
    with container("/run/dbus:/run/dbus", mapping=mapping and mapping("shop")) as inside:
        said = inside.run("dbus-send", "--system", "--print-reply", "--dest=org.freedesktop.DBus", "/",
                          "org.freedesktop.DBus.GetId", uid=uid, status=status)
        assert ("string" if status == 0 else "Failed to open connection") in said
