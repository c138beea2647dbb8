# SPDX-License-Identifier: LGPL-2.1-or-later
"""The commands of doc/fleet.md make a cluster of three members, on one machine, in namespaces."""

import os
import shutil
import subprocess

import pytest

from harness.document import commands

CHAPTER = "fleet.md"
QUOTA = "8589934592", "4194304"  # of the document and here
UTILITY = shutil.which("etcdutl")  # of etcd 3.5
MEMBERS = {"etcd1": "127.0.0.11", "etcd2": "127.0.0.12", "etcd3": "127.0.0.13"}
N_COMMANDS = 10
# Programs that differ here: there is one machine, without systemd. $name is the member.
PROGRAMS = """\
set -eu
ip link set lo up
mount --bind hosts /etc/hosts
ssh() { local name=${1#root@}; name=${name%.example}; mkdir -p "$PWD/$name/etc/etcd"; }
scp() { local to=${!#}; to=${to#root@}; cp "${@:1:$#-1}" "$PWD/${to%%.*}/${to#*:}"; }
hostname() { echo "$member"; }
apt-get() { :; }
chown() { :; }
systemctl() {
        case $1 in
        stop) kill "$(cat "$here/$member.pid")" && wait "$(cat "$here/$member.pid")" || : ;;
        *)
                (set -a; . "$here/$member/etc/default/etcd"; exec etcd --logger=zap --log-outputs=stderr) \
                        2>>"$here/$member.log" &
                echo $! >"$here/$member.pid"
                ;;
        esac
}
here=$PWD
"""
CHECK = r"""
put() {
        curl --silent --show-error --max-time 10 --cacert ca.crt --cert passlock.crt --key passlock.key \
                ${2:+--header "Authorization: $2"} https://etcd1.example:2379/v3/kv/put \
                --data "{\"key\":\"$(printf %s "$1" | base64)\"}"
}
token=$(curl --silent --show-error --cacert ca.crt --cert passlock.crt --key passlock.key \
        https://etcd1.example:2379/v3/auth/authenticate \
        --data "{\"name\":\"passlock\",\"password\":\"$(cat password)\"}" | grep -o '"token":"[^"]*' | cut -d'"' -f4)
put /passlock/key "$token" | grep -q revision
put /other/key "$token" | grep -q 'permission denied'
put /passlock/key | grep -q 'user name is empty'
"""
FILL = """\
head -c 524288 /dev/zero >value
while etcdctl put other <value; do :; done
etcdctl alarm list | grep -q NOSPACE
"""
IS_DISARMED = '[ -z "$(etcdctl alarm list)" ]\netcdctl put other <value\n'

pytestmark = pytest.mark.skipif(
    os.getuid() != 0 or any(not shutil.which(name) for name in ("etcd", "etcdctl", "curl")) or
    subprocess.run(["unshare", "--mount", "--net", "--pid", "--fork", "true"], check=False).returncode,
    reason="needs root, namespaces, etcd and curl")


def on_member(command: str, name: str) -> str:
    """A command of root, with files in the directory of the member."""
    for directory in ("/etc/etcd", "/etc/default/etcd", "/var/lib/etcd"):
        command = command.replace(directory, f"$here/{name}{directory}")
    return f"member={name}\n{command.replace('0.0.0.0', MEMBERS[name]).replace(*QUOTA)}\n"


def test_commands(tmp_path):
    ten = commands(CHAPTER, "Three etcds in ten commands")
    assert len(ten) == N_COMMANDS
    save, *offline = commands(CHAPTER, "Backup and restore")[:4]
    if UTILITY:
        offline = [command.replace("etcdctl", UTILITY) for command in offline]
    status, *restore = offline
    stop = "# systemctl stop etcd; mv /var/lib/etcd/passlock /var/lib/etcd/old"
    script = PROGRAMS
    for command in [*ten, CHECK, save, status, FILL, *commands(CHAPTER, "Sizes"), IS_DISARMED, stop, *restore, ten[6],
                    CHECK]:
        if command.startswith("#"):
            script += "".join(on_member(command[2:], name) for name in MEMBERS)
        else:
            script += command.removeprefix("$ ") + "\n"
    for name in MEMBERS:
        (tmp_path / name / "etc/default").mkdir(parents=True)
        (tmp_path / name / "var/lib").mkdir(parents=True)
    (tmp_path / "hosts").write_text("127.0.0.1 localhost\n" +
                                    "".join(f"{address} {name}.example\n127.0.0.1 {name}.example\n"
                                            for name, address in MEMBERS.items()))  # they connect from 127.0.0.1
    (tmp_path / "script").write_text(script)
    done = subprocess.run(
        ["unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "bash", "-x", "script"],
        cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
