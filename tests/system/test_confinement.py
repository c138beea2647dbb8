# SPDX-License-Identifier: LGPL-2.1-or-later
"""Forbidden operations fail in the sandbox of the service, and succeed outside."""

import shutil
from pathlib import Path

import pytest

from tests.harness.build import build_dir
from tests.system import host

PROBER = build_dir() / "tests/system/prober"
SETUID_COPY = Path("/usr/lib/passlock-prober")
OPEN_DIR = Path("/srv/for-all")

ALLOWED = {"write to the state directory", "open a TCP socket"}

# All of the unit but what it starts.
DROP_IN = f"""\
[Service]
Type=oneshot
Restart=no
WatchdogSec=0
ExecStart=
ExecStart={PROBER} {host.STATE}
Environment=SETUID_COPY={SETUID_COPY}
"""


@pytest.fixture(name="surroundings", scope="module")
def fixture_surroundings():
    shutil.copy(PROBER, SETUID_COPY)
    SETUID_COPY.chmod(0o4755)
    OPEN_DIR.mkdir()
    OPEN_DIR.chmod(0o1777)
    yield
    SETUID_COPY.unlink()
    OPEN_DIR.rmdir()


def outcomes(lines: str) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in lines.splitlines()
                if line.endswith((" done", " refused")))


@pytest.fixture(name="inside", scope="module")
def fixture_inside(surroundings):
    host.systemctl("stop", host.UNIT)
    with host.drop_in(DROP_IN):
        cursor = host.journal_cursor()
        host.systemctl("start", host.UNIT)
        yield outcomes(host.journal(after=cursor))


@pytest.fixture(name="outside", scope="module")
def fixture_outside(surroundings):
    return outcomes(host.run("env", f"SETUID_COPY={SETUID_COPY}", PROBER, "/var/lib"))


def test_all_of_it_can_be_done_outside(outside):
    assert len(outside) > 30
    assert {what for what, outcome in outside.items() if outcome != "done"} == set()


def test_nothing_of_it_can_be_done_inside(inside, outside):
    assert inside.keys() == outside.keys()
    host.write_result("confinement", "".join(f"{what:45} {inside[what]}\n" for what in inside))
    assert {what for what, outcome in inside.items() if outcome == "done"} == ALLOWED
