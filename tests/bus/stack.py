# SPDX-License-Identifier: LGPL-2.1-or-later
"""A bus, an API and a daemon, and what tests do with them again and again."""

import contextlib
import os
import pwd
import re
import secrets
import time

from harness import Bus, Daemon, Sandbox, Workspace

from .authenticator import Passkey, create_passkey
from .client import PATH, BusError, Connection, User

RP_ID = "shop.example.com"
TIMEOUT_SEC = 2
SLACK_SEC = 4  # for a busy machine, on top of a deadline
OPEN_POLICY = '<policy context="mandatory"><allow send_destination="*"/></policy>\n</busconfig>'

running: list["Stack"] = []  # whose logs are shown with a failure


class Stack:
    """The tenancy `default`, which we may use in full. All parts can be replaced before start()."""

    def __init__(self, bus: Bus | None = None):
        self.work = Workspace()
        self.bus = bus or Bus(self.work)
        self.sandbox = Sandbox(self.work, options=(f"--state={self.work / 'sandbox-state'}",))
        self.sections = {"Daemon": {}}
        self.keys = {"passlock.default": self.sandbox.api_key}
        self.daemon: Daemon | None = None
        self.daemon_options: tuple[str, ...] = ()
        self.open_connections: list[Connection] = []

    def start(self):
        running.append(self)
        if not self.bus.running:
            self.bus.start()
        self.sandbox.start()
        self.sections.setdefault("Tenancy default", self.tenancy())
        if os.getuid() != 0:
            self.sections["Grant tests"] = {"User": pwd.getpwuid(os.getuid()).pw_name,
                                            "Allow": "All"}
        self.daemon = self.make_daemon().start()
        return self

    def make_daemon(self, bus: Bus | None = None, work: Workspace | None = None) -> "LoggingDaemon":
        return LoggingDaemon(work or self.work, bus or self.bus, self.sections, self.keys,
                             self.daemon_options)

    def tenancy(self, **changes: str) -> dict[str, str]:
        return self.sandbox.tenancy() | {"TimeoutSec": str(TIMEOUT_SEC)} | changes

    def grant(self, name: str, user: str, allow: str, **more: str):
        self.sections[f"Grant {name}"] = {"User": user, "Allow": allow} | more

    def apply(self):
        """Lets the daemon read `sections` and `keys`."""
        self.daemon.configure(self.sections)
        self.daemon.set_keys(self.keys)
        self.daemon.reload()

    def open_bus_policy(self):
        """Before start(): lets everything through the bus, so that only the daemon itself decides."""
        text = self.bus.config.read_text()
        self.bus.config.write_text(text.replace("</busconfig>", OPEN_POLICY))

    def connect(self, user: User | None = None) -> Connection:
        connection = Connection(self.bus.address, user)
        self.open_connections.append(connection)
        return connection

    def stop(self):
        for connection in self.open_connections:
            connection.close()
        for process in (self.daemon, self.sandbox, self.bus):
            if process:
                process.kill9()
        self.work.close()
        running.remove(self)

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def is_root(self) -> bool:
        return os.getuid() == 0

    # Ceremonies

    def create_passkey(self, user_id: str | None = None, **options) -> Passkey:
        """Authorises a ceremony and runs it, up to the code."""
        with Connection(self.bus.address) as connection:
            token, _ = connection.authorize(RP_ID, user_id or new_user())
        return self.run_ceremony(token, **options)

    def run_ceremony(self, registration_token: str, **options) -> Passkey:
        return create_passkey(self.sandbox.endpoint, self.sandbox.tenancy_id, registration_token,
                              **options)

    def calls(self, endpoint: str) -> int:
        """How often the API was asked that."""
        return self.sandbox.calls()[endpoint]

    def wait_calls(self, endpoint: str, count: int):
        eventually(lambda: self.calls(endpoint) >= count)

    def assert_healthy(self):
        """A user of another connection gets everything done."""
        self.sandbox.set_faults()
        with Connection(self.bus.address) as connection:
            user_id = new_user()
            passkey = self.create_passkey(user_id)
            connection.exchange(passkey.code)
            assert connection.links("GetUser", passkey.authenticator_id) == (user_id,)
            assert connection.state() == "ready"


class LoggingDaemon(Daemon):
    """With options, and a log that one can wait for."""

    def __init__(self, work, bus, sections, keys, options=()):
        super().__init__(work, bus, sections, keys)
        self.options = options

    def command(self):
        return [*super().command(), *self.options]

    def fails_to_start(self) -> tuple[int, str]:
        """Starts it, expects that it ends by itself, and returns its exit status and its log."""
        try:
            self.start()
        except Exception:
            return self.child.returncode, self.log.read_text(errors="replace")
        self.kill9()
        raise AssertionError("it started")

    def wait_ended(self, timeout: float = 20) -> int:
        return self.child.wait(timeout)


def new_user() -> str:
    return f"user-{secrets.token_hex(8)}"


def new_request_id() -> str:
    return secrets.token_urlsafe(24)


def eventually(condition, timeout: float = 20):
    """Looks until the condition is true, and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.005)


@contextlib.contextmanager
def raises(*names: str, text: str = ""):
    """Expects an error reply with one of these names, by their last words. The error is in .error"""
    caught = Caught()
    try:
        yield caught
    except BusError as error:
        caught.error = error
        assert error.short_name in names, f"{error} instead of {' or '.join(names)}"
        assert re.search(text, error.message), f"{error.message!r} instead of {text!r}"
        return
    raise AssertionError(f"no error, instead of {' or '.join(names)}")


class Caught:
    error: BusError


@contextlib.contextmanager
def within(seconds: float):
    """Expects that what is in it takes no longer, on a machine that is not busy."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds + SLACK_SEC


def reload_bus(connection: Connection):
    connection.call(PATH, "Manager", "Reload")
