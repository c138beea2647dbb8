# SPDX-License-Identifier: LGPL-2.1-or-later
"""Trust anchors that change while the daemon runs, without a reload."""

import os
import shutil

import pytest

from harness.standin import Reply, StandIn, make_certificate

from .stack import RP_ID, SHORT_SEC, new_user, raises, within

TOKEN = Reply(200, {"_tag": "AuthorizedPasskeyRegistration", "registrationToken": "rt",
                    "expiresAt": 4102444800000})


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    directory = tmp_path_factory.mktemp("tls")
    return [make_certificate(directory / name) for name in ("ours", "theirs")]


@pytest.fixture
def api(certificates):
    with StandIn(certificates[0]) as api:
        api.reply = TOKEN
        yield api


@pytest.fixture
def ca_file(own_stack, certificates, api):
    path = own_stack.work / "ca.crt"
    trust(path, certificates[0])
    own_stack.sections["Tenancy default"] = {
        "TenancyId": "t", "Endpoint": api.endpoint, "CaFile": str(path),
        "ApiKeyCredential": "passlock.default"}
    own_stack.start()
    return path


def trust(path, certificate):
    """Replaces the file atomically."""
    shutil.copyfile(f"{certificate}.crt", f"{path}.new")
    os.replace(f"{path}.new", path)


def authorize(connection):
    assert connection.authorize(RP_ID, new_user())[0] == "rt"
    assert connection.state() == "ready"


def lines(stack, what: str) -> int:
    return stack.daemon.log_text().count(what)


def test_withdrawn_and_added(own_stack, ca_file, certificates):
    """Open connections are not used any more."""
    with own_stack.connect() as connection:
        authorize(connection)
        trust(ca_file, certificates[1])
        for _ in range(2):
            with within(SHORT_SEC), raises("Unreachable"):
                connection.authorize(RP_ID, new_user())
        assert connection.state() == "degraded"
        trust(ca_file, certificates[0])
        own_stack.wait_api()
        authorize(connection)
    assert lines(own_stack, "Failed to verify the TLS certificate") == 1
    assert lines(own_stack, " is valid again") == 1


def test_missing_for_now(own_stack, ca_file, certificates):
    """Logged once, not with every call."""
    with own_stack.connect() as connection:
        authorize(connection)
        ca_file.unlink()
        for _ in range(3):
            with within(SHORT_SEC), raises("Unreachable"):
                connection.authorize(RP_ID, new_user())
        with raises("Unreachable"):
            connection.exchange("some-code", link=False)
        assert lines(own_stack, f"Failed to read the CA file {ca_file} for https://localhost") == 1
        trust(ca_file, certificates[0])
        own_stack.wait_api()
        authorize(connection)
    assert lines(own_stack, "No such file or directory") == 1


def test_file_without_a_certificate(own_stack, ca_file, certificates):
    with own_stack.connect() as connection:
        ca_file.write_text("none\n")
        with raises("Unreachable"):
            connection.authorize(RP_ID, new_user())
        assert lines(own_stack, f"{ca_file} for https://localhost") == 1
        assert lines(own_stack, "no certificate found") == 1
        trust(ca_file, certificates[0])
        own_stack.wait_api()
        authorize(connection)


def test_fifo_blocks_nobody(own_stack, ca_file, certificates):
    with own_stack.connect() as connection:
        ca_file.unlink()
        os.mkfifo(ca_file)
        with raises("Unreachable"):
            connection.authorize(RP_ID, new_user())
        assert lines(own_stack, "not a regular file") == 1
        assert "Not a regular file" in str(connection.manager("Diagnose"))
        ca_file.unlink()
        trust(ca_file, certificates[0])
        own_stack.wait_api()
        authorize(connection)


def test_unchanged_anchors_keep_the_connection(own_stack, ca_file, api):
    with own_stack.connect() as connection:
        for _ in range(5):
            authorize(connection)
    assert api.connections == 1
