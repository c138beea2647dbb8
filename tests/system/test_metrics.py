# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlock-metrics.timer, which writes the metrics for the textfile collector of Prometheus."""

import shutil
from pathlib import Path

import pytest

from tests.system import host

SERVICE, TIMER = "passlock-metrics.service", "passlock-metrics.timer"
DIRECTORY = Path("/var/lib/prometheus/node-exporter")
FILE = DIRECTORY / "passlock.prom"
DROP_IN = Path(f"/run/systemd/system/{SERVICE}.d")


@pytest.fixture(scope="module", name="collector")
def fixture_collector():
    """The user and the directory of Debian's prometheus-node-exporter."""
    host.run("useradd", "--system", "prometheus")
    DIRECTORY.mkdir(parents=True)
    shutil.chown(DIRECTORY, "prometheus", "prometheus")
    yield
    host.run("userdel", "prometheus")
    shutil.rmtree(DIRECTORY)


@pytest.fixture(name="granted")
def fixture_granted(collector, configured):
    host.configure({"Tenancy default": configured.tenancy(), "Grant metrics": {"User": "prometheus", "Allow": "Metrics"}})
    host.systemctl("start", host.UNIT)
    yield
    host.systemctl("stop", TIMER, SERVICE)
    host.systemctl("reset-failed", SERVICE, status=None)
    shutil.rmtree(DROP_IN, ignore_errors=True)
    host.systemctl("daemon-reload")
    FILE.unlink(missing_ok=True)


def written() -> int:
    """The identity of the file, which differs when it was replaced; 0: there is none."""
    return FILE.stat().st_ino if FILE.exists() else 0


def test_timer(granted):
    host.systemctl("start", TIMER)
    first = host.wait_until(written, "no file was written")
    assert 'passlock_tenancy_state{tenancy="default",state="ready"} 1\n' in FILE.read_text()
    assert (FILE.owner(), FILE.stat().st_mode & 0o777) == ("prometheus", 0o644)
    # The timer repeats: the interval is that of the unit file.
    host.wait_until(lambda: written() != first, "the file was not written again")
    assert [path.name for path in DIRECTORY.iterdir() if not path.name.startswith(".")] == ["passlock.prom"]


def test_other_place(granted):
    """As passlock-metrics(7) says."""
    place = Path("/srv/textfile")
    place.mkdir()
    host.run("useradd", "--system", "collector")
    shutil.chown(place, "collector")
    try:
        DROP_IN.mkdir()
        (DROP_IN / "place.conf").write_text(f"[Service]\nUser=collector\nEnvironment=PASSLOCK_METRICS_FILE={place}/p.prom\n"
                                            f"ReadWritePaths={place}\n")
        host.systemctl("daemon-reload")
        host.systemctl("start", SERVICE, status=1)
        assert not (place / "p.prom").exists(), "without a grant"
        host.CONFIG.write_text(host.CONFIG.read_text().replace("prometheus", "collector"))
        host.systemctl("reload", host.UNIT)
        host.systemctl("start", SERVICE)
        assert "passlock_build_info" in (place / "p.prom").read_text()
    finally:
        host.run("userdel", "collector")
        shutil.rmtree(place)


def test_daemon_is_not_started(granted):
    """A timer must not start a daemon that the administrator has stopped. The file stays as it was."""
    host.systemctl("start", SERVICE)
    before = written()
    host.systemctl("stop", host.UNIT)
    host.systemctl("start", SERVICE, status=1)
    assert host.show("ActiveState") == "inactive"
    assert written() == before != 0


def test_units_are_clean_and_not_enabled():
    for name in SERVICE, TIMER:
        assert host.run("systemd-analyze", "verify", f"/usr/lib/systemd/system/{name}") == ""
    assert host.systemctl("is-enabled", TIMER, status=1).strip() == "disabled"
