# SPDX-License-Identifier: LGPL-2.1-or-later
"""Arguments of `passlockctl audit`; its output is tested in tests/system, with a journal."""

import os

import pytest


@pytest.fixture(name="nowhere")
def fixture_nowhere(tmp_path):
    """An empty journal."""
    directory = tmp_path / "journal"
    directory.mkdir()
    return f"--directory={directory}"


def test_empty_journal(bare_host, nowhere):
    assert bare_host.expect("audit", nowhere) == (
        "TIME  EVENT  TENANCY  UID  METHOD  USER  AUTHENTICATOR  DETAILS\n")
    assert bare_host.expect("audit", nowhere, "--no-legend") == ""
    assert bare_host.expect("audit", nowhere, "--json") == ""


@pytest.mark.parametrize("time", (
    "2026-01-31", "2026-01-31 12:00", "2026-01-31 12:00:30", "@0", "@1700000000", "-90s", "-15min",
    "-2h", "-3d"))
def test_times(bare_host, nowhere, time):
    assert bare_host.expect("audit", nowhere, f"--since={time}", f"--until={time}", "--json") == ""


@pytest.mark.parametrize("time", (
    "", " ", "now", "2026", "2026-02-30", "2026-13-01", "2026-01-31x", "2026-01-31 25:00", "@",
    "@-1", "@1x", "@9999999999999", "-", "-1", "-1w", "--1s", "-9999999999s", "1h"))
def test_invalid_times(bare_host, nowhere, time):
    for option in ("since", "until"):
        assert bare_host.expect("audit", nowhere, f"--{option}={time}", status=2) == (
            f"passlockctl: Failed to parse --{option}={time}: not a timestamp; see passlockctl(1)\n")


@pytest.mark.parametrize("lines", ("", "0", "-1", "x", "1x", "99999999999"))
def test_invalid_number_of_lines(bare_host, nowhere, lines):
    assert bare_host.expect("audit", nowhere, f"--lines={lines}", status=2) == (
        f"passlockctl: Failed to parse --lines={lines}: not a positive number\n")


def test_events_are_known(bare_host, nowhere):
    assert bare_host.expect("audit", nowhere, "--event=link-added", "--json") == ""
    for name in ("", "LINK_ADDED", "link-add"):
        assert "unknown event" in bare_host.expect("audit", nowhere, f"--event={name}",
                                                            status=2)


def test_no_journal(bare_host, tmp_path):
    """Only root knows that there is none: other users may lack access to its files."""
    reason = "no files found" if os.getuid() == 0 else "access denied"
    assert f"Failed to read the journal: {reason}" in bare_host.expect(
        "audit", f"--directory={tmp_path / 'missing'}", status=1)


def test_options_of_audit_only(bare_host):
    assert "status does not have the option --since" in bare_host.expect("status", "--since=-1h", status=2)
    assert "too many arguments" in bare_host.expect("audit", "ada", status=2)
