# SPDX-License-Identifier: LGPL-2.1-or-later
"""passlockctl loads libcurl and libcrypto at run time, for set-key and doctor only."""

import subprocess

import pytest

from tests.client.host import PASSLOCKCTL
from tests.harness.build import binary

LIBCURL, LIBCRYPTO = SONAMES = ["libcurl.so.4", "libcrypto.so.3"]
DOCTOR = ["doctor"]
SET_KEY = ["set-key", "-", "--store-dir=/nowhere"]


def run(host, *arguments):
    """Returns the libraries of SONAMES that the dynamic linker loads, too."""
    done = host.run(*arguments, LD_DEBUG="files", LD_DEBUG_OUTPUT=str(host.directory / "linker"))
    text = "".join(path.read_text() for path in host.directory.glob("linker.*"))
    assert "libpasslock.so" in text
    return done, [name for name in SONAMES if name in text]


@pytest.mark.parametrize("arguments", [
    ["--help"], ["--complete=labels"], ["status"], ["authorize", "shop.example", "u1", "ada"], ["exchange", "code"],
    ["link", "list"], ["vault", "list"]], ids=" ".join)
def test_not_loaded(host, arguments):
    done, loaded = run(host, *arguments)
    assert done.returncode == 0, done.stderr
    assert loaded == []


@pytest.mark.parametrize("arguments,soname", [(DOCTOR, LIBCURL), (SET_KEY, LIBCURL), (SET_KEY, LIBCRYPTO)])
def test_damaged_library(host, arguments, soname):
    """LD_LIBRARY_PATH precedes the directories of the system."""
    assert soname in run(host, *arguments)[1]
    (host.directory / soname).write_text("damaged")
    log = host.log()
    error = host.expect(*arguments, status=1, LD_LIBRARY_PATH=str(host.directory))
    assert error.startswith("passlockctl: Failed to load ")
    assert f"{host.directory}/{soname}: " in error
    assert error.endswith("; install the library and repeat this command\n")
    assert host.log() == log


@pytest.mark.parametrize("soname", SONAMES)
def test_soname(soname):
    """passlock-keyholder is linked with the same library, so the package depends on it."""
    needed = subprocess.run(["readelf", "--dynamic", binary("passlock-keyholder")], check=True, text=True,
                            stdout=subprocess.PIPE).stdout
    assert f"[{soname}]" in needed
    assert soname.encode() + b"\0" in PASSLOCKCTL.read_bytes()
