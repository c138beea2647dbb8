# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arguments of `passlockctl suggest-grant`; its output is tested in tests/unit and tests/system."""

import json

import pytest


@pytest.fixture(name="nowhere")
def fixture_nowhere(tmp_path):
    """An empty journal."""
    directory = tmp_path / "journal"
    directory.mkdir()
    return f"--directory={directory}"


def test_no_records(bare_host, nowhere):
    lines = bare_host.expect("suggest-grant", nowhere, "--since=-2h", "--user=root").splitlines()
    assert lines[-1] == "# There are no records of calls that need a grant."
    assert all(not line or line.startswith("# ") for line in lines)
    assert json.loads(bare_host.expect("suggest-grant", nowhere, "--json")) == []


def test_invalid_arguments(bare_host, nowhere):
    assert "not a timestamp" in bare_host.expect("suggest-grant", nowhere, "--since=soon", status=2)
    assert "no such user" in bare_host.expect("suggest-grant", nowhere, "--user=no-such-user", status=2)
    assert "too many arguments" in bare_host.expect("suggest-grant", "ada", status=2)
    assert "does not have the option --follow" in bare_host.expect("suggest-grant", "--follow", status=2)


def test_journal_that_cannot_be_read(bare_host, tmp_path):
    assert "Failed to read the journal" in bare_host.expect(
        "suggest-grant", f"--directory={tmp_path / 'missing'}", status=1)
