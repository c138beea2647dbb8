# SPDX-License-Identifier: LGPL-2.1-or-later
"""Starts a program, waits for it, and ends it by its pid."""

import atexit
import os
import selectors
import signal
import subprocess
import sys
import time
from pathlib import Path

# Timeout for hangs; generous, because a loaded machine may stall for seconds.
PATIENCE_SEC = 60
PASSED_ON = ("PATH", "LANG", "HOME", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS",
             "GCOV_PREFIX", "LLVM_PROFILE_FILE")


class Failed(Exception):
    """A program has failed. The message has the end of its log."""


def as_uid(uid: int, gid: int, groups: tuple[int, ...] = ()) -> list[str]:
    """The prefix of a command line that runs a command as another user. Root only."""
    others = ["--groups", ",".join(map(str, groups))] if groups else ["--clear-groups"]
    return ["setpriv", "--reuid", str(uid), "--regid", str(gid), *others]


def _exit_on_sigterm():
    """Raises SystemExit on SIGTERM, so that atexit handlers run. Keeps existing signal handlers."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))


_exit_on_sigterm()


class Process:
    """A program. Subclasses define `command` and `wait_ready`."""

    name = "process"
    stdin = subprocess.DEVNULL
    fds: tuple[int, ...] = ()  # descriptors that it inherits

    def __init__(self, log: Path, as_user: list[str] | None = None):
        self.log = log
        self.as_user = as_user or ["setpriv"]
        self.child: subprocess.Popen | None = None

    def command(self) -> list[str]:
        raise NotImplementedError

    def environment(self) -> dict[str, str]:
        return {}

    def wait_ready(self):
        """Waits until the program is ready. Default: does not wait."""

    @property
    def pid(self) -> int:
        assert self.child, f"{self.name} is not running"
        return self.child.pid

    @property
    def running(self) -> bool:
        return self.child is not None and self.child.poll() is None

    def start(self):
        assert not self.running, f"{self.name} is already running"
        passed_on = {key: os.environ[key] for key in PASSED_ON if key in os.environ}
        with self.log.open("ab") as log:
            # Killed when this process dies. A session of its own, so that Ctrl-C does not reach it.
            self.child = subprocess.Popen(
                [*self.as_user, "--pdeathsig", "KILL", "--", *self.command()],
                env=passed_on | self.environment(), stdin=self.stdin, pass_fds=self.fds,
                stdout=subprocess.PIPE, stderr=log, start_new_session=True)
        atexit.register(self.stop)
        try:
            self.wait_ready()
        except BaseException:
            self.kill9()
            raise
        return self

    def stop(self) -> int | None:
        """Sends SIGTERM, and SIGKILL after a timeout. Returns the exit status."""
        if self.running:
            self.child.terminate()
            try:
                self.child.wait(PATIENCE_SEC)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise self.failed(f"did not end within {PATIENCE_SEC} s of SIGTERM") from None
        return self._reap()

    def kill9(self) -> int | None:
        if self.running:
            self.child.kill()
        return self._reap()

    def stop_well(self):
        """Like stop(), but raises Failed if the exit status is not 0, for example after a sanitizer error."""
        if self.running and (status := self.stop()) != 0:
            raise self.failed(f"ended with status {status}")

    def restart(self):
        self.stop_well()
        return self.start()

    def __enter__(self):
        return self if self.running else self.start()

    def __exit__(self, failure, *_):
        if failure:
            self.stop()
        else:
            self.stop_well()

    def wait_readable(self, source, deadline_sec: float = PATIENCE_SEC):
        """Waits until a file or socket of the program is readable, or the program exits."""
        pidfd = os.pidfd_open(self.pid)
        try:
            with selectors.DefaultSelector() as selector:
                selector.register(source, selectors.EVENT_READ)
                selector.register(pidfd, selectors.EVENT_READ)
                ready = [key.fileobj for key, _ in selector.select(deadline_sec)]
        finally:
            os.close(pidfd)
        if source in ready:
            return
        if ready:
            raise self.failed(f"ended with status {self.child.wait()}")
        raise self.failed(f"is not ready after {deadline_sec:g} s")

    def read_line(self, deadline_sec: float = PATIENCE_SEC) -> str:
        """Reads a line of its standard output, byte by byte to avoid buffering."""
        line, end = b"", time.monotonic() + deadline_sec
        while not line.endswith(b"\n"):
            self.wait_readable(self.child.stdout, max(0, end - time.monotonic()))
            byte = os.read(self.child.stdout.fileno(), 1)
            if not byte:
                raise self.failed(f"ended with status {self.child.wait(PATIENCE_SEC)}")
            line += byte
        return line.decode().rstrip("\n")

    def log_tail(self, lines: int = 20) -> str:
        text = self.log.read_text(errors="replace") if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])

    def failed(self, what: str) -> Failed:
        return Failed(f"{self.name} {what}; the end of {self.log}:\n{self.log_tail()}")

    def _reap(self) -> int | None:
        atexit.unregister(self.stop)
        if not self.child:
            return None
        status = self.child.wait()
        for stream in filter(None, (self.child.stdin, self.child.stdout)):
            stream.close()
        return status
