# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/install-dependencies retries when the network fails or dpkg is locked."""

import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

# Nothing is installed; apt-get notes what it is to do, and installs when it has been asked so often.
PROGRAMS = {
    "dpkg-query": "exit 1",
    "sudo": '"$@"',
    "sleep": 'echo "sleep $*" >>log',
    "apt-get": """\
case " $* " in
*" update "*) echo update >>log; exit 100 ;;
*" install "*) echo install >>log; [ "$(grep -c install log)" -ge "$ATTEMPTS" ] || exit 100 ;;
esac""",
}
FAILED = ["update", "install"]


def install(directory: Path, attempts: int):
    for name, script in PROGRAMS.items():
        (directory / name).write_text(f"#!/bin/sh\n{script}\n")
        (directory / name).chmod(0o755)
    done = subprocess.run(
        [ROOT / "scripts/install-dependencies", "demo"], cwd=directory, capture_output=True, text=True, check=False,
        env=os.environ | {"PATH": f"{directory}:{os.environ['PATH']}", "ATTEMPTS": str(attempts)})
    return done, (directory / "log").read_text().splitlines()


@pytest.mark.parametrize("attempts, pauses", [(1, []), (2, [5]), (4, [5, 15, 45])])
def test_retries(tmp_path, attempts, pauses):
    """Old package lists are good enough if apt-get can install everything with them."""
    done, log = install(tmp_path, attempts)
    assert done.returncode == 0, done.stderr
    assert log == [word for pause in pauses for word in [*FAILED, f"sleep {pause}"]] + FAILED


def test_retries_are_limited(tmp_path):
    done, log = install(tmp_path, 5)
    assert done.returncode == 1
    assert "failed to install with apt-get: dbus systemd" in done.stderr
    assert log.count("install") == 4
