# SPDX-License-Identifier: LGPL-2.1-or-later
"""
Tests on a booted systemd, as root, where everything is the real thing: the installed unit in its
sandbox, the system bus with the installed policy, the journal, polkit. tests/system/boot makes such
a host, which lives as long as the tests do; by hand, for one file:

    $ tests/system/boot build tests/system/test_unit.py -x

(See there for options.) A test that runs on the host proper changes it, so none does:
they are skipped unless boot has started them.
"""

import os

import pytest

from tests.harness import Workspace
from tests.system import host
from tests.system.api import TlsApi, give_name


def pytest_collection_modifyitems(items):
    if "PASSLOCK_RESULTS" not in os.environ:
        for item in items:
            item.add_marker(pytest.mark.skip(reason="not on a host made by tests/system/boot"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed and "PASSLOCK_RESULTS" in os.environ:
        report.sections.append(
            ("journal of the units", host.journal(host.UNIT, host.KEY_HOLDER, host.KEY_HOLDER_SOCKET)[-8000:]))


@pytest.fixture(scope="session")
def work():
    with Workspace() as workspace:
        yield workspace


@pytest.fixture(scope="session", name="api")
def fixture_api(work):
    """The Passlock API for all tests. `api.tenancy()` is how the daemon is told of it."""
    give_name()
    with TlsApi(work) as api:
        yield api


@pytest.fixture(name="configured")
def fixture_configured(api):
    """The administrator has written a configuration and sealed a key; nothing runs yet."""
    host.configure({"Tenancy default": api.tenancy()})
    host.seal_key("passlock.default", api.api_key)
    host.systemctl("daemon-reload")
    yield api
    host.clean_up()
    api.set_faults()


@pytest.fixture(name="service")
def fixture_service(configured):
    """… and has started the unit."""
    host.systemctl("start", host.UNIT)
    return configured
