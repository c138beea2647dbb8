# SPDX-License-Identifier: LGPL-2.1-or-later
"""Operations on the booted host."""

import contextlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from tests.harness.bus import NAME, PATH, tenancy_path

UNIT = "passlockd.service"
KEY_HOLDER = "passlock-keyholder.service"
KEY_HOLDER_SOCKET = "passlock-keyholder.socket"
# Only what never happens takes so long.
RUN_SEC = 300
WAIT_SEC = 120

CONFIG = Path("/etc/passlock/passlockd.conf")
PLAIN_KEYS = Path("/etc/credstore")
SEALED_KEYS = Path("/etc/credstore.encrypted")
STATE = Path("/var/lib/passlockd")
RESULTS = Path(os.environ.get("PASSLOCK_RESULTS", "."))


def run(*command, user: str | None = None, stdin: str = "", status: int | None = 0) -> str:
    """The output of a command, run as root or as `user` with their groups. It must end with `status`,
    or with any if that is None; what it says on stderr is part of the result unless it is 0."""
    as_user = ["setpriv", "--reuid", user, "--regid", user_group(user), "--init-groups", "--"] \
        if user else []
    done = subprocess.run([*as_user, *map(str, command)], input=stdin, text=True,
                          capture_output=True, timeout=RUN_SEC, check=False)
    said = f"{' '.join(map(str, command))}: status {done.returncode}\n{done.stdout}{done.stderr}"
    assert status is None or done.returncode == status, said
    return done.stdout if done.returncode == 0 else done.stdout + done.stderr


def user_group(user: str) -> str:
    return subprocess.run(["id", "-g", user], check=True, text=True,
                          capture_output=True).stdout.strip()


def systemctl(*arguments, status: int | None = 0) -> str:
    return run("systemctl", "--no-pager", *arguments, status=status)


def show(what: str, unit: str = UNIT) -> str:
    """A property of a unit."""
    return systemctl("show", "--value", f"--property={what}", unit).strip()


def call(interface: str, member: str, signature: str = "", *arguments, label: str = "default",
         user: str | None = None, status: int | None = 0) -> str:
    """The output of `busctl call`. `interface` is the last part of the name."""
    path = PATH if interface == "Manager" else tenancy_path(label)
    return run("busctl", "--timeout=60", "call", NAME, path, f"{NAME}.{interface}", member,
               *([signature] if signature else []), *arguments, user=user, status=status).strip()


def get(interface: str, name: str, label: str = "default") -> str:
    """A string property of a tenancy."""
    return run("busctl", "get-property", NAME, tenancy_path(label), f"{NAME}.{interface}",
               name).split('"')[1]


def loaded_credentials(unit: str = KEY_HOLDER) -> set[str]:
    """The credentials of a running unit."""
    return {file.name for file in Path(f"/run/credentials/{unit}").iterdir()}


def journal(*units: str, after: str = "") -> str:
    """The journal messages of and about units (default: the daemon's), after a cursor or all."""
    run("journalctl", "--sync")
    return run("journalctl", "--no-pager", "--quiet", "--output=cat", *(f"--unit={unit}" for unit in units or [UNIT]),
               *([f"--after-cursor={after}"] if after else []))


def journal_cursor() -> str:
    """The cursor of the journal's end."""
    run("journalctl", "--sync")
    return run("journalctl", "--no-pager", "--quiet", "--lines=0",
               "--show-cursor").strip().removeprefix("-- cursor: ")


@contextlib.contextmanager
def drop_in(text: str, unit: str = UNIT):
    """Adds a drop-in to a unit, temporarily."""
    file = Path(f"/etc/systemd/system/{unit}.d/test.conf")
    file.parent.mkdir(exist_ok=True)
    file.write_text(text)
    systemctl("daemon-reload")
    try:
        yield
    finally:
        file.unlink()
        systemctl("daemon-reload")


@contextlib.contextmanager
def stopped(pid: int):
    """Stops a process (SIGSTOP), temporarily."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def write_result(name: str, text: str):
    """Prints a result, and stores it in a file that is kept."""
    print(text)
    (RESULTS / name).write_text(text)


def wait_until(condition, what: str, limit_sec: float = WAIT_SEC):
    """Polls a condition until it is true, and returns its value."""
    end = time.monotonic() + limit_sec
    while not (answer := condition()):
        assert time.monotonic() < end, f"{what}: not after {limit_sec:g} s\n{journal(UNIT, KEY_HOLDER)}"
        time.sleep(0.02)
    return answer


def configure(sections: dict[str, dict[str, str]]):
    CONFIG.write_text("\n".join(
        f"[{name}]\n" + "".join(f"{key}={value}\n" for key, value in values.items())
        for name, values in sections.items()))


def seal_key(name: str, key: str):
    SEALED_KEYS.mkdir(mode=0o700, exist_ok=True)
    (SEALED_KEYS / name).unlink(missing_ok=True)
    run("systemd-creds", "encrypt", "--with-key=host", f"--name={name}", "-", SEALED_KEYS / name,
        stdin=key)


def put_plain_key(name: str, key: str):
    PLAIN_KEYS.mkdir(mode=0o700, exist_ok=True)
    file = PLAIN_KEYS / name
    file.touch(mode=0o600)
    file.write_text(key)


def forget_keys():
    for directory in (PLAIN_KEYS, SEALED_KEYS):
        for file in directory.glob("passlock.*"):
            file.unlink()


def main_pid(unit: str = UNIT) -> int:
    return int(show("MainPID", unit))


def clean_up():
    """Stops the units, and removes keys and state."""
    systemctl("stop", UNIT, KEY_HOLDER_SOCKET, KEY_HOLDER)
    systemctl("reset-failed", UNIT, KEY_HOLDER_SOCKET, KEY_HOLDER, "passlock-unseal@*.service", status=None)
    forget_keys()
    shutil.rmtree(STATE, ignore_errors=True)
