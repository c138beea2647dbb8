# SPDX-License-Identifier: LGPL-2.1-or-later
"""Forbidden operations fail in the sandboxes of the services, and succeed outside."""

import shutil
from pathlib import Path

import pytest

from tests.harness.build import build_dir
from tests.system import host

PROBER = build_dir() / "tests/system/prober"
SETUID_COPY = Path("/usr/lib/passlock-prober")
OPEN_DIR = Path("/srv/for-all")

ALLOWED = {
    host.UNIT: {"write to the state directory", "list the files of the link store", "connect to the system bus",
                "connect to the key holder"},
    host.KEY_HOLDER: {"write to the state directory", "list the API keys", "open a TCP socket"},
}
WRITABLE = {host.UNIT: host.STATE, host.KEY_HOLDER: "/tmp"}

# All of the unit but what it starts.
DROP_IN = """\
[Service]
Type=oneshot
Restart=no
WatchdogSec=0
ExecStart=
ExecStart={} {}
Environment=SETUID_COPY={}
"""


@pytest.fixture(name="surroundings", scope="module")
def fixture_surroundings(api):
    """The link store, a key, and the other service exist."""
    host.configure({"Tenancy default": api.tenancy()})
    host.put_plain_key("passlock.default", api.api_key)
    host.systemctl("daemon-reload")
    host.systemctl("start", host.UNIT)
    host.systemctl("stop", host.UNIT)
    host.systemctl("start", host.KEY_HOLDER)
    shutil.copy(PROBER, SETUID_COPY)
    SETUID_COPY.chmod(0o4755)
    OPEN_DIR.mkdir()
    OPEN_DIR.chmod(0o1777)
    yield
    SETUID_COPY.unlink()
    OPEN_DIR.rmdir()
    host.clean_up()


def outcomes(lines: str) -> dict[str, str]:
    return dict(line.rsplit(" ", 1) for line in lines.splitlines()
                if line.endswith((" done", " refused")))


@pytest.fixture(name="inside", scope="module", params=[host.UNIT, host.KEY_HOLDER])
def fixture_inside(surroundings, outside, request):
    unit = request.param
    with host.drop_in(DROP_IN.format(PROBER, WRITABLE[unit], SETUID_COPY), unit):
        if unit == host.KEY_HOLDER:
            host.systemctl("stop", unit)
        cursor = host.journal_cursor()
        host.systemctl("start", unit)
        yield unit, outcomes(host.journal(unit, after=cursor))


@pytest.fixture(name="outside", scope="module")
def fixture_outside(surroundings):
    return outcomes(host.run("env", f"SETUID_COPY={SETUID_COPY}", PROBER, "/var/lib"))


def test_all_of_it_can_be_done_outside(outside):
    assert len(outside) > 30
    assert {what for what, outcome in outside.items() if outcome != "done"} == set()


def test_nothing_of_it_can_be_done_inside(inside, outside):
    unit, results = inside
    assert results.keys() == outside.keys()
    host.write_result(f"confinement-{unit}", "".join(f"{what:45} {results[what]}\n" for what in results))
    assert {what for what, outcome in results.items() if outcome == "done"} == ALLOWED[unit]
