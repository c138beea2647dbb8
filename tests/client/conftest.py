# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures: hosts for passlockctl."""

import pytest

from tests.client.api import Api, make_certificate
from tests.client.host import Host


@pytest.fixture(name="bare_host")
def fixture_bare_host(tmp_path):
    host = Host(tmp_path)
    host.start_bus()
    yield host
    host.stop("service")
    host.stop("bus")


@pytest.fixture(name="host")
def fixture_host(bare_host):
    bare_host.start_service("links=2")
    return bare_host


@pytest.fixture(name="api")
def fixture_api():
    with Api() as api:
        yield api


@pytest.fixture(name="certificate", scope="session")
def fixture_certificate(tmp_path_factory):
    return make_certificate(tmp_path_factory.mktemp("tls") / "both.pem")


@pytest.fixture(name="tls_api")
def fixture_tls_api(certificate):
    with Api(certificate) as api:
        yield api
