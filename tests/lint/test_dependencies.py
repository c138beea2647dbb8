# SPDX-License-Identifier: LGPL-2.1-or-later
"""What scripts/install-dependencies does when the network or a lock is in its way."""

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
def test_it_tries_again(tmp_path, attempts, pauses):
    """Old lists are good enough if all that is missing can be had with them."""
    done, log = install(tmp_path, attempts)
    assert done.returncode == 0, done.stderr
    assert log == [word for pause in pauses for word in [*FAILED, f"sleep {pause}"]] + FAILED


def test_but_not_for_ever(tmp_path):
    done, log = install(tmp_path, 5)
    assert done.returncode == 1
    assert "could not install: dbus systemd" in done.stderr
    assert log.count("install") == 4
