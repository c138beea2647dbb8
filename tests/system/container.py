# SPDX-License-Identifier: LGPL-2.1-or-later
"""Containers, made of namespaces with the users of podman, or by systemd-nspawn."""

import contextlib
import json
import pwd
import shutil
import subprocess
from pathlib import Path

from tests.system import host

DIRECTORY = "/run/passlock-gate/shop"
SOCKET = f"{DIRECTORY}/socket"
ROOT = Path("/var/lib/machines/shop")
N_SUBUIDS = 65536
# The default capabilities of podman.
CAPABILITIES = ["chown", "dac_override", "fowner", "fsetid", "kill", "setgid", "setuid", "setpcap",
                "net_bind_service", "sys_chroot", "setfcap"]
CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"
# Makes a root directory with a mount for each argument FROM:TO, and waits for the end of stdin.
ENTER = """\
set -eu
mount -t tmpfs -o mode=0755 root /mnt
cd /mnt
mkdir host usr dev etc proc run tmp
ln -s usr/bin usr/sbin usr/lib usr/lib64 .
mount --rbind /usr usr
mount --rbind /dev dev
mount --rbind /proc proc
for mount; do
        to=.${mount#*:}
        if [ -d "${mount%:*}" ]; then mkdir -p "$to"; else mkdir -p "${to%/*}" && : >"$to"; fi
        mount --bind "${mount%:*}" "$to"
        mount -o remount,bind,ro "$to"
done
pivot_root . host
cd /
umount --lazy /host
umount --lazy /proc
rmdir /host
echo ready
read -r _
"""


class Container:
    """A running container, by one of its processes."""

    def __init__(self, pid: int):
        self.pid = pid

    def run(self, *command, uid: int = 0, gid: int | None = None, status: int | None = 0) -> str:
        """The output of a command, as a user and a group of the container (default: the group with the uid)."""
        bounds = ",".join(["-all", *(f"+{name}" for name in CAPABILITIES)])
        return host.run("nsenter", f"--target={self.pid}", "--all", "--root", "--wd=/", "--setuid=0", "--setgid=0",
                        "setpriv", f"--bounding-set={bounds}", "--inh-caps=-all", "--no-new-privs",
                        f"--reuid={uid}", f"--regid={uid if gid is None else gid}", "--clear-groups", "--", *command,
                        status=status)

    def ask(self, path: str, *options, uid: int = 0, gid: int | None = None) -> dict:
        """The reply of the gate."""
        return json.loads(self.run("curl", "--silent", "--show-error", "--unix-socket", SOCKET, *options,
                                   f"http://localhost/v1/{path}", uid=uid, gid=gid))

    def call(self, name: str, uid: int = 0, **members) -> dict:
        return self.ask(name, "--data", json.dumps(members), uid=uid)

    def connect_error(self, path: str = SOCKET, uid: int = 0) -> str:
        """The error of connecting to a socket."""
        return self.run("python3", "-c", CONNECT, path, uid=uid, status=1).splitlines()[-1]


def subuids(user: str) -> int:
    """The first of the subordinate uids, which are also the gids."""
    (line,) = [line for line in Path("/etc/subuid").read_text().splitlines() if line.startswith(f"{user}:")]
    return int(line.split(":")[1])


def default_mapping(user: str) -> list[tuple[int, int, int]]:
    """Users inside and outside, and their number, as podman has them: root is the user."""
    return [(0, pwd.getpwnam(user).pw_uid, 1), (1, subuids(user), N_SUBUIDS)]


def keep_id(user: str, inside: int) -> list[tuple[int, int, int]]:
    """As podman's --userns=keep-id: one uid inside is the user."""
    first = subuids(user)
    return [(0, first, inside), (inside, pwd.getpwnam(user).pw_uid, 1), (inside + 1, first + inside, N_SUBUIDS - inside)]


@contextlib.contextmanager
def running(*command):
    """A process that says a line when it is ready, and ends with its standard input."""
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout.readline() == "ready\n", command
            yield process.pid
        finally:
            process.stdin.close()
            process.wait(host.WAIT_SEC)


@contextlib.contextmanager
def user_namespace(user: str, mapping: list[tuple[int, int, int]]):
    """Enters a user namespace that an unprivileged user has made: options of nsenter."""
    with running("setpriv", "--reuid", user, "--regid", user, "--clear-groups", "unshare", "--user",
                 "sh", "-c", "echo ready; read -r _") as pid:
        text = "".join(f"{inside} {outside} {count}\n" for inside, outside, count in mapping)
        for name in ("uid_map", "gid_map"):
            Path(f"/proc/{pid}/{name}").write_text(text)
        yield ["nsenter", f"--user=/proc/{pid}/ns/user", "--setuid=0", "--setgid=0"]


@contextlib.contextmanager
def container(*mounts: str, user: str = "shop", mapping: list[tuple[int, int, int]] | None = None):
    """A container of a user, or of root if there is no mapping."""
    with contextlib.ExitStack() as stack:
        enter = stack.enter_context(user_namespace(user, mapping)) if mapping else []
        pid = stack.enter_context(running(*enter, "unshare", "--mount", "--net", "--ipc", "--uts", "bash", "-c", ENTER,
                                          "container", *mounts))
        yield Container(pid)


@contextlib.contextmanager
def machine_root():
    """A root directory for systemd-nspawn. The container mounts /usr of the host."""
    shutil.rmtree(ROOT, ignore_errors=True)
    for name in ("usr", "etc", "dev", "proc", "sys", "run", "tmp", "var", "root"):
        (ROOT / name).mkdir(parents=True)
    for name in ("bin", "sbin", "lib", "lib64"):
        (ROOT / name).symlink_to(f"usr/{name}")
    (ROOT / "etc/os-release").write_text("ID=test\n")
    try:
        yield
    finally:
        host.systemctl("stop", "systemd-nspawn@shop.service")
        shutil.rmtree(ROOT)


def machine() -> Container:
    """The container that systemd-nspawn has started in that directory."""
    return Container(int(host.run("machinectl", "show", "--property=Leader", "--value", ROOT.name)))
