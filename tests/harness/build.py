# SPDX-License-Identifier: LGPL-2.1-or-later
"""Paths of sources and built programs."""

import os
from pathlib import Path

PLACES = {
    "passlockd": "daemon/passlockd",
    "passlock-keyholder": "keyholder/passlock-keyholder",
    "passlock-gate": "gate/passlock-gate",
    "passlockctl": "client/passlockctl/passlockctl",
    "passlock-sandbox": "sandbox/passlock-sandbox",
    "passlock-example-webapp": "examples/webapp/passlock-example-webapp",
    "crowd": "tests/load/crowd",
    "flood": "tests/load/flood",
    "probe": "tests/load/probe",
    "authorize": "tests/load/authorize",
    "scale": "tests/load/scale",
    "floor": "tests/load/floor",
    "call-library": "tests/load/call-library",
    "call-gate": "tests/load/call-gate",
    "call-curl": "tests/load/call-curl",
    "api-stand-in": "tests/load/api-stand-in",
    "delay-proxy": "tests/load/delay-proxy",
    "transport": "tests/etcd-transport/transport",
}


def source_dir() -> Path:
    return Path(__file__).resolve().parents[2]


def build_dir() -> Path:
    """$PASSLOCK_BUILD_DIR, or the build* directory of the sources that was built last."""
    named = os.environ.get("PASSLOCK_BUILD_DIR")
    if named:
        return Path(named).resolve()
    logs = sorted(source_dir().glob("build*/.ninja_log"), key=lambda log: log.stat().st_mtime)
    if not logs:
        raise FileNotFoundError("nothing is built: run meson and ninja, or set PASSLOCK_BUILD_DIR")
    return logs[-1].parent


def binary(name: str) -> Path:
    path = build_dir() / PLACES[name]
    if not path.exists():
        raise FileNotFoundError(f"{name} is not built: there is no {path}")
    return path
