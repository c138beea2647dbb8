# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/demo --headless, as in README.md and doc/fleet.md, with an existing build."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.harness.build import build_dir, source_dir

STEPS = ["signed up", "passkey created", "second passkey refused", "signed out, in again", "daemon killed, restarted"]
FLEET_SHOTS = ["signed up at host 1", "signed in at host 2", "signed up at host 2", "signed in at host 1"]
FLEET_STEPS = [*FLEET_SHOTS, "leader of etcd killed", "other leader", "member started again", "both hosts"]


def run(directory, *options):
    done = subprocess.run(
        [sys.executable, source_dir() / "tests/harness/demo.py", "--headless", f"--screenshots={directory}", *options],
        env=os.environ | {"PASSLOCK_BUILD_DIR": str(build_dir())}, capture_output=True, text=True, check=False)
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
