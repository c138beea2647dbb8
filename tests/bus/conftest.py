# SPDX-License-Identifier: LGPL-2.1-or-later

import os

import pytest

from .stack import Stack, running


def pytest_configure(config):
    config.addinivalue_line("markers", "root: calls as other users, or mounts: needs root")
    config.addinivalue_line("markers", "last: goes on with what another test began long before")


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.get_closest_marker("last") is not None)
    for item in items:
        if item.get_closest_marker("root") and os.getuid() != 0:
            item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if report.failed:
        for stack in running:
            for process in (stack.daemon, stack.sandbox):
                if process:
                    report.sections.append((f"end of {process.log}", process.log_tail(30)))


@pytest.fixture(scope="session")
def _shared():
    stacks = [Stack().start()]
    yield stacks
    stacks[0].stop()


@pytest.fixture
def stack(_shared):
    """A shared stack, for tests that change neither configuration nor processes."""
    if not _shared[0].daemon.running:
        _shared[0].stop()
        _shared[0] = Stack().start()
    _shared[0].wait_api()
    yield _shared[0]
    _shared[0].sandbox.set_faults()


@pytest.fixture
def own_stack():
    """A stack for this test only, not started yet."""
    stack = Stack()
    yield stack
    if stack in running:
        stack.stop()


@pytest.fixture
def connection(stack):
    with stack.connect() as connection:
        yield connection
