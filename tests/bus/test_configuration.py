# SPDX-License-Identifier: LGPL-2.1-or-later
"""Configuration files with unusual encodings, unreadable files, and objects that are not regular files."""

import contextlib
import os
import resource
from pathlib import Path

import pytest

from .client import WWW_DATA
from .stack import raises
from .test_missing import diagnose, may_read


def test_configuration_from_windows(own_stack):
    own_stack.prepare()
    good = own_stack.daemon.config.read_bytes()
    own_stack.daemon.config.write_bytes(b"\xef\xbb\xbf" + good.replace(b"\n", b"\r\n"))
    own_stack.daemon.start()
    own_stack.assert_healthy()


def test_configuration_in_utf_16(own_stack):
    own_stack.prepare()
    own_stack.daemon.config.write_text(own_stack.daemon.config.read_text(), encoding="utf-16")
    status, log = own_stack.daemon.fails_to_start()
    assert status == 1
    assert f"{own_stack.daemon.config}:1: the file is UTF-16" in log


def reload_error(stack) -> str:
    """The error text of a refused reload."""
    with stack.connect() as connection, raises("InvalidArgs") as caught:
        stack.call_reload(connection)
    return caught.error.message


@pytest.mark.root
def test_reload_of_files_that_cannot_be_read(own_stack):
    """The error text names the file, and the old configuration stays in force."""
    own_stack.daemon_prefix = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")
    own_stack.grant("web", "www-data", "Links.Read")
    own_stack.start()
    config = own_stack.daemon.config
    drop_in = own_stack.work / "passlockd.conf.d/50-app.conf"
    drop_in.parent.mkdir()
    drop_in.write_text("[Daemon]\n")
    with mode(config, 0):
        assert reload_error(own_stack) == f"{config}: Permission denied"
    with mode(drop_in, 0):
        assert reload_error(own_stack) == f"{drop_in}: Permission denied"
    with mode(drop_in.parent, 0):
        assert reload_error(own_stack) == f"{drop_in.parent}: Permission denied"
    text = config.read_text()
    config.unlink()
    assert reload_error(own_stack) == f"{config}: No such file or directory"
    config.mkdir()
    assert reload_error(own_stack) == f"{config}: Is a directory"
    config.rmdir()
    os.mkfifo(config)
    assert reload_error(own_stack) == f"{config}: Not a regular file"
    config.unlink()
    config.symlink_to(config)
    assert reload_error(own_stack) == f"{config}: Too many levels of symbolic links"
    config.unlink()
    assert may_read(own_stack, WWW_DATA)
    config.write_text(text)
    with own_stack.connect() as connection:
        own_stack.call_reload(connection)
    own_stack.assert_healthy()


@contextlib.contextmanager
def mode(path: Path, bits: int):
    before = path.stat().st_mode
    path.chmod(bits)
    try:
        yield
    finally:
        path.chmod(before)


@contextlib.contextmanager
def descriptors(stack, limit: int):
    """Limits the descriptor numbers of the daemon; open descriptors are kept."""
    _, hard = resource.prlimit(stack.daemon.pid, resource.RLIMIT_NOFILE)
    before = resource.prlimit(stack.daemon.pid, resource.RLIMIT_NOFILE, (limit, hard))
    try:
        yield
    finally:
        resource.prlimit(stack.daemon.pid, resource.RLIMIT_NOFILE, before)


@pytest.mark.root
def test_reload_without_descriptors(own_stack):
    own_stack.start()
    with own_stack.connect() as connection:
        with descriptors(own_stack, 3), \
                raises("LimitsExceeded", text=f"{own_stack.daemon.config}: Too many open files"):
            own_stack.call_reload(connection)
        own_stack.call_reload(connection)
    own_stack.assert_healthy()


@pytest.mark.root
@pytest.mark.parametrize("count", range(7))
def test_reload_with_few_descriptors(own_stack, count):
    """Enough descriptors for the files, but perhaps not for a new tenancy or a key."""
    own_stack.start()
    own_stack.sections["Tenancy more"] = {"TenancyId": "more"}
    own_stack.daemon.configure(own_stack.sections)
    last = max(int(fd) for fd in os.listdir(f"/proc/{own_stack.daemon.pid}/fd"))
    with own_stack.connect() as connection:
        with descriptors(own_stack, last + 1 + count):
            outcome = connection.outcome(connection.start_method("Reload"))
        assert outcome in ((), ("error", "LimitsExceeded"), ("error", "NoMemory"))
        assert connection.state() == "ready"  # a key that cannot be read does not replace a good one
        own_stack.call_reload(connection)
        assert connection.state("more") == "unconfigured"
    own_stack.assert_healthy()


def test_drop_ins_that_are_no_files(own_stack):
    own_stack.prepare()
    drop_ins = own_stack.work / "passlockd.conf.d"
    drop_ins.mkdir()
    (drop_ins / "10-directory.conf").mkdir()
    (drop_ins / "20-link.conf").symlink_to("nowhere")
    (drop_ins / "30-more.conf").write_text("[Tenancy more]\nTenancyId=more\n")
    own_stack.daemon.start()
    for name in ("10-directory.conf", "20-link.conf"):
        warning = f"Configuration warning: {drop_ins / name}: Drop-in skipped: "
        assert warning in own_stack.daemon.log_text()
    if own_stack.is_root:
        assert [each["name"] for each in diagnose(own_stack) if each["kind"] == "configuration"] == [
            str(drop_ins / "10-directory.conf"), str(drop_ins / "20-link.conf")]
        with own_stack.connect() as connection:
            assert connection.state("more") == "unconfigured"
    own_stack.assert_healthy()


def test_watchdog_that_is_no_number(own_stack):
    own_stack.prepare()
    own_stack.daemon.prefix = ("env", "WATCHDOG_USEC=soon")
    own_stack.daemon.start()
    assert "$WATCHDOG_USEC" in own_stack.daemon.log_text()
    own_stack.assert_healthy()
