# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/demo --headless, as in README.md, with an existing build."""

import os
import subprocess
import sys

from tests.harness.build import build_dir, source_dir

STEPS = ["signed up", "passkey created", "second passkey refused", "signed out, in again", "daemon killed, restarted"]


def test_headless(tmp_path):
    done = subprocess.run(
        [sys.executable, source_dir() / "tests/harness/demo.py", "--headless", f"--screenshots={tmp_path}"],
        env=os.environ | {"PASSLOCK_BUILD_DIR": str(build_dir())}, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert [step for step in STEPS if f"✔ {step}" not in done.stdout] == []
    assert len(list(tmp_path.glob("*.png"))) == len(STEPS)
