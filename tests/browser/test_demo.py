# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/demo, as in README.md, doc/quickstart.md and doc/fleet.md, with an existing build."""

import contextlib
import os
import re
import shutil
import signal
import socket
import subprocess
import sys

import pytest

from tests.harness.build import build_dir, source_dir
from tests.harness.gate import GateConnection

STEPS = ["signed up", "passkey created", "second passkey refused", "signed out, in again", "daemon killed, restarted"]
FLEET_SHOTS = ["signed up at host 1", "signed in at host 2", "signed up at host 2", "signed in at host 1"]
FLEET_STEPS = [*FLEET_SHOTS, "leader of etcd killed", "other leader", "member started again", "both hosts"]


PROGRAM = [sys.executable, source_dir() / "tests/harness/demo.py"]
OPTIONS = {"env": os.environ | {"PASSLOCK_BUILD_DIR": str(build_dir())}, "text": True}


def run(directory, *options):
    done = subprocess.run([*PROGRAM, "--headless", f"--screenshots={directory}", *options], capture_output=True,
                          check=False, **OPTIONS)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout, len(list(directory.glob("*.png")))


def test_headless(tmp_path):
    output, n_shots = run(tmp_path)
    assert [step for step in STEPS if f"✔ {step}" not in output] == []
    assert n_shots == len(STEPS)


@pytest.mark.skipif(not shutil.which("etcdctl") or not shutil.which("etcd"), reason="needs etcd")
def test_fleet(tmp_path):
    """The leader of etcd is killed before a sign-up."""
    output, n_shots = run(tmp_path, "--fleet")
    assert [step for step in FLEET_STEPS if f"✔ {step}" not in output] == []
    assert n_shots == len(FLEET_SHOTS)


@contextlib.contextmanager
def reserved_port():
    """A port that is bound, but not listening."""
    with socket.socket() as place:
        place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        place.bind(("127.0.0.1", 0))
        yield place.getsockname()[1]


def check_settings(output: str, port: int):
    exported = dict(re.findall(r"^ +export (\w+)=(\S+)$", output, re.MULTILINE))
    assert set(exported) == {"PASSLOCK_TENANCY_ID", "PASSLOCK_ENDPOINT", "PASSLOCK_GATE", "DBUS_SYSTEM_BUS_ADDRESS",
                             "PATH"}, output
    assert exported["PASSLOCK_ENDPOINT"] == f"http://127.0.0.1:{port}"
    with GateConnection(exported["PASSLOCK_GATE"]) as gate:
        reply = gate.call("Tenancy.Authorize", rp_id="localhost", user_id="user-42", username="ada")
    assert reply["registration_token"]
    told = subprocess.run(["bash", "-c", f"export PATH={exported['PATH']}; passlockctl status"], check=True,
                          capture_output=True, text=True,
                          env=os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": exported["DBUS_SYSTEM_BUS_ADDRESS"]})
    assert told.stdout, told.stderr
    again = subprocess.run([*PROGRAM, f"--port={port}"], capture_output=True, check=False, **OPTIONS)
    assert again.returncode == 2 and f"--port={port}: Address already in use" in again.stderr


def read_until(demo, text: str) -> str:
    output = ""
    while text not in output and (line := demo.stdout.readline()):
        output += line
    assert text in output, output
    return output


def check_restart(demo, output: str):
    """The command of the output stops the daemon, and Enter starts it."""
    (before,) = re.findall(r"^ +\$ kill (\d+)$", output, re.MULTILINE)
    os.kill(int(before), signal.SIGTERM)
    read_until(demo, "passlockd has ended. Press Enter")
    demo.stdin.write("\n")
    demo.stdin.flush()
    (after,) = re.findall(r"✔ passlockd +pid (\d+)", read_until(demo, "✔ passlockd"))
    assert after != before


def test_settings_for_an_app():
    """The interactive demo prints settings that work, with the port that was asked for."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with reserved_port() as port, subprocess.Popen([*PROGRAM, f"--port={port}"], **pipes, **OPTIONS) as demo:
        try:
            output = read_until(demo, "Ctrl-C")
            check_settings(output, port)
            check_restart(demo, output)
            check_settings(output, port)
        finally:
            demo.send_signal(signal.SIGINT)
        assert demo.wait() == 0
