# SPDX-License-Identifier: LGPL-2.1-or-later
"""One host with a gate, and a process of each client."""

import os
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "clients")]

from bus.stack import Stack  # noqa: E402
from client import CLIENTS, Client  # noqa: E402
from harness import Workspace  # noqa: E402
from harness.gate import Gate  # noqa: E402

table: dict[str, dict[str, str]] = {}


@pytest.fixture(scope="session")
def stack():
    with Stack() as running:
        running.wait_api()
        yield running


@pytest.fixture(scope="session")
def gate(stack):
    with Workspace() as work, Gate(work, stack.bus) as running:
        yield running


@pytest.fixture(scope="session", params=CLIENTS)
def client(request, gate):
    with Workspace() as work, Client(work, request.param, gate.socket) as running:
        yield running


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    report = (yield).get_result()
    if call.when == "call" and "client" in getattr(item, "fixturenames", ()) and hasattr(item, "callspec"):
        name = item.name.replace(f"{item.callspec.params['client']}-", "").replace(f"[{item.callspec.params['client']}]", "")
        table.setdefault(name, {})[item.callspec.params["client"]] = report.outcome


def pytest_terminal_summary(terminalreporter):
    """The conformance table."""
    if not table:
        return
    width = max(map(len, table))
    terminalreporter.section("conformance")
    terminalreporter.line(" ".join([" " * width, *(f"{name:8}" for name in CLIENTS)]))
    for name, results in table.items():
        terminalreporter.line(" ".join([f"{name:{width}}", *(f"{results.get(each, '-'):8}" for each in CLIENTS)]))
