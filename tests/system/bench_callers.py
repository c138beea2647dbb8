# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Measures floods on dbus-daemon and on dbus-broker, which needs a booted systemd. No part of the system
tests; by hand:

    $ tests/system/boot build tests/system/bench_callers.py -s

See bench/callers.py for the table.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.harness.build import source_dir
from tests.system import host

FLOODS = ("GetUser", "Introspect")
ADDRESS = "unix:path=/run/dbus/system_bus_socket"
POLICY = Path("/etc/dbus-1/system.d/bench.conf")
OWN_NAME = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
        "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><policy user="root"><allow own="dev.passlock.Passlock1"/></policy></busconfig>
"""


def replace_bus(name: str):
    """Stops the bus, and starts the one of this unit."""
    other = {"dbus": "dbus-broker", "dbus-broker": "dbus"}[name]
    host.systemctl("disable", other, status=None)
    if name == "dbus-broker":
        host.systemctl("enable", name)
    host.systemctl("daemon-reload")
    host.systemctl("stop", "dbus.service", "dbus.socket")
    host.systemctl("start", "dbus.socket", f"{name}.service")


@pytest.mark.parametrize("unit,process", [("dbus", "dbus-daemon"), ("dbus-broker", "dbus-broker")])
def test_callers(unit, process):
    POLICY.parent.mkdir(parents=True, exist_ok=True)
    POLICY.write_text(OWN_NAME)
    replace_bus(unit)
    # Of several, the last is the system bus.
    pid = host.run("pgrep", "--newest", "--exact", process).strip()
    done = subprocess.run([sys.executable, source_dir() / "bench" / "callers.py", *FLOODS], check=True,
                          text=True, stdout=subprocess.PIPE,
                          env=os.environ | {"PASSLOCK_BENCH_BUS": ADDRESS, "PASSLOCK_BENCH_BUS_PID": pid,
                                            "PYTHONPATH": str(source_dir() / "tests"),
                                            "PASSLOCK_SANDBOX": "/build/sandbox/passlock-sandbox"})
    host.write_result(f"callers-{process}", done.stdout)
