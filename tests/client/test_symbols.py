# SPDX-License-Identifier: LGPL-2.1-or-later
"""The library exports the symbols in its version script and header; a linked test calls each."""

import re
import subprocess

import pytest

from tests.harness.build import build_dir, source_dir

CLIENT = source_dir() / "client/libpasslock"
TESTS = source_dir() / "tests" / "client"


@pytest.fixture(name="exported", scope="module")
def fixture_exported():
    listed = subprocess.run(
        ["nm", "-D", "--defined-only", build_dir() / "client/libpasslock" / "libpasslock.so.0"],
        check=True, capture_output=True, text=True).stdout
    names = {line.split()[2] for line in listed.splitlines()} - {"LIBPASSLOCK_0"}
    assert names
    return names


@pytest.fixture(name="bare")
def fixture_bare(exported):
    return {name.partition("@@")[0] for name in exported}


def called_in(text):
    return set(re.findall(r"\b(passlock_\w+)\(", re.sub(r"/\*.*?\*/", "", text, flags=re.S)))


def test_every_symbol_has_the_version(exported):
    assert [name for name in exported if not name.endswith("@@LIBPASSLOCK_0")] == []


def test_version_script(bare):
    script = (CLIENT / "libpasslock.sym").read_text()
    assert set(re.findall(r"^\s+(passlock_\w+);", script, re.M)) == bare


def test_header(bare):
    assert called_in((CLIENT / "passlock.h").read_text()) == bare


def test_each_symbol_is_called_by_a_test(bare):
    called = set()
    for source in TESTS.glob("*.c"):
        called |= called_in(source.read_text())
    assert bare - called == set()
