# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Tests of the Debian packages, on a booted systemd where nothing of ours is installed yet. By hand:

    $ scripts/deb build-deb && tests/system/boot --bare build-deb tests/packages -x
"""

import glob
import os
import shutil
from pathlib import Path

import pytest

from tests.harness import Sandbox, Workspace
from tests.harness.build import PLACES
from tests.packages import packages
from tests.packages.load import USER
from tests.system import host

# A tenancy from its package.
PLACES["passlock-sandbox"] = "/usr/bin/passlock-sandbox"


def pytest_collection_modifyitems(items):
    if "PASSLOCK_RESULTS" not in os.environ:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="not on a host made by tests/system/boot"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and "PASSLOCK_RESULTS" in os.environ:
        report.sections.append(("journal of the unit", host.journal()[-8000:]))


@pytest.fixture(scope="session", autouse=True)
def fixture_plain_host():
    """A host that builds may have been told to start no services. Archives cannot be reached, and
    indexing all manual pages takes long."""
    for file in ("/usr/sbin/policy-rc.d", "/var/lib/man-db/auto-update",
                 *glob.glob("/etc/apt/sources.list.d/*")):
        Path(file).unlink(missing_ok=True)
    Path("/etc/apt/sources.list").write_text("")
    host.systemctl("start", "dbus.service")  # and has read its policy long before ours is there


@pytest.fixture(scope="session", name="work")
def fixture_work():
    with Workspace() as workspace:
        yield workspace


@pytest.fixture(scope="session", name="api")
def fixture_api(work):
    packages.install()
    with Sandbox(work) as sandbox:
        yield sandbox


@pytest.fixture(name="installed")
def fixture_installed():
    """All packages are, and nobody has touched anything."""
    packages.dpkg("--purge", "--force-depends", "passlockd")
    shutil.rmtree(packages.STATE, ignore_errors=True)
    host.forget_keys()
    packages.install()


@pytest.fixture(name="service")
def fixture_service(api):
    """… and the administrator has set the daemon up, with a grant. The store begins empty."""
    packages.install()
    host.systemctl("stop", host.UNIT)
    host.systemctl("reset-failed", host.UNIT, status=None)
    shutil.rmtree(packages.STATE, ignore_errors=True)
    host.configure({"Tenancy default": api.tenancy() | {"TimeoutSec": "30"},
                    "Grant web": {"User": USER, "Allow": "All"}})
    host.seal_key("passlock.default", api.api_key)
    host.systemctl("enable", "--now", host.UNIT)
    yield api
    api.set_faults()
