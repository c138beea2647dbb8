# SPDX-License-Identifier: LGPL-2.1-or-later
"""The packages of the clients have what apps need, and work."""

import json
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile

import pytest

from harness.build import source_dir

CLIENTS = source_dir() / "clients"


def run(*command, **options) -> str:
    return subprocess.run(command, capture_output=True, text=True, check=True, **options).stdout


@pytest.mark.skipif(not shutil.which("npm"), reason="needs npm")
def test_npm(tmp_path):
    (packed,) = json.loads(run("npm", "pack", "--json", f"--pack-destination={tmp_path}", cwd=CLIENTS / "node"))
    assert {each["path"] for each in packed["files"]} == {"README.md", "package.json", "passlock.d.ts", "passlock.js"}
    with tarfile.open(tmp_path / packed["filename"]) as archive:
        archive.extractall(tmp_path / "node_modules")
    (tmp_path / "node_modules/package").rename(tmp_path / "node_modules/passlock-gate-client")
    script = "import { Passlock, NotFound } from 'passlock-gate-client'; new Passlock(); console.log(NotFound.name)"
    assert run("node", "--input-type=module", "--eval", script, cwd=tmp_path) == "NotFound\n"


def test_wheel(tmp_path):
    pytest.importorskip("wheel")
    shutil.copytree(CLIENTS / "python", tmp_path / "source")
    script = f"from setuptools import build_meta; build_meta.build_wheel({str(tmp_path)!r})"
    run(sys.executable, "-c", script, cwd=tmp_path / "source")
    (wheel,) = tmp_path.glob("*-py3-none-any.whl")
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("passlock/")}
    assert packed == {f"passlock/{path.name}" for path in (CLIENTS / "python/passlock").iterdir() if path.is_file()}
    script = "import passlock; passlock.Passlock(); print(passlock.NotFound.name)"
    assert run(sys.executable, "-c", script, env=os.environ | {"PYTHONPATH": str(wheel)}) == "NotFound\n"


def test_composer():
    described = json.loads((CLIENTS / "php/composer.json").read_text())
    assert [(CLIENTS / "php" / file).exists() for file in described["autoload"]["files"]] == [True]
    assert set(described["require"]) == {"php", "ext-json"}
