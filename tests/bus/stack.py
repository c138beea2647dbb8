# SPDX-License-Identifier: LGPL-2.1-or-later
"""A stack of bus, API and daemon, with common operations of tests."""

import contextlib
import os
import re
import secrets
import time
from pathlib import Path

from harness import Bus, Daemon, Failed, Sandbox, Workspace
from harness.network import Host
from harness.process import PATIENCE_SEC

from .authenticator import Ceremony, Passkey, create_passkey, sign_in
from .client import BusError, Connection, User

RP_ID = "shop.example.com"
TIMEOUT_SEC = 30  # no ordinary call takes so long, on whatever machine
SHORT_SEC = 2  # for calls that get no answer
SLACK_SEC = 20  # for a machine that stands still; less than TIMEOUT_SEC, which tells the two apart
OPEN_POLICY = '<policy context="mandatory"><allow send_destination="*"/></policy>\n</busconfig>'

running: list["Stack"] = []  # whose logs are shown with a failure


class Stack:
    """Bus, sandbox and daemon, with a tenancy `default` and all rights. Can be changed before start().
    With another stack, this one uses the sandbox of that one, which runs for longer."""

    def __init__(self, other: "Stack | None" = None):
        self.work = Workspace()
        self.bus = Bus(self.work)
        self.own_sandbox = None if other else Sandbox(self.work, options=(f"--state={self.work / 'sandbox-state'}",))
        self.sandbox = self.own_sandbox or other.sandbox
        self.sections = {"Daemon": {}}
        self.keys = {"passlock.default": self.sandbox.api_key}
        self.daemon: TestedDaemon | None = None
        self.daemon_program: Path | None = None  # of another build
        self.daemon_options: tuple[str, ...] = ()
        self.daemon_prefix: tuple[str, ...] = ()
        self.network: Host | None = None  # of the daemon
        self.open_connections: list[Connection] = []

    def start(self):
        self.prepare()
        self.daemon.start()
        return self

    def prepare(self):
        """Starts the bus and the sandbox, and configures the daemon."""
        running.append(self)
        if not self.is_root:
            self.open_bus_policy()
        self.bus.start()
        if self.own_sandbox:
            self.sandbox.start()
        self.sections.setdefault("Tenancy default", self.tenancy())
        self.grant_ourselves("default")
        self.daemon = TestedDaemon(self.work, self.bus, self.sections, self.keys,
                                   self.daemon_options, self.daemon_prefix)
        self.daemon.program = self.daemon_program

    def tenancy(self, **changes: str) -> dict[str, str]:
        return self.sandbox.tenancy() | {"TimeoutSec": str(TIMEOUT_SEC)} | changes

    def grant(self, name: str, user: str, allow: str, **more: str):
        self.sections[f"Grant {name}"] = {"User": user, "Allow": allow} | more

    def grant_ourselves(self, label: str):
        """Grants everything to the user of the tests, unless that is root."""
        if not self.is_root:
            self.grant(f"tests-{label}", str(os.getuid()), "All", Tenancy=label)

    def apply(self):
        """Writes `sections` and `keys`, and reloads the daemon."""
        self.daemon.configure(self.sections)
        self.daemon.set_keys(self.keys)
        self.daemon.reload()

    @contextlib.contextmanager
    def hurrying(self, fault: str = "hang"):
        """Shortens the deadline of API calls if the fault makes them time out."""
        if fault != "hang":
            yield
            return
        tenancy = self.sections["Tenancy default"]
        self.sections["Tenancy default"] = tenancy | {"TimeoutSec": str(SHORT_SEC)}
        self.apply()
        try:
            yield
        finally:
            self.sections["Tenancy default"] = tenancy
            self.apply()

    def call_reload(self, connection: Connection):
        """Reloads the written configuration by Manager.Reload, as the caller of the connection."""
        self.daemon.forget_notifications()
        connection.manager("Reload")

    def open_bus_policy(self):
        """Opens the bus policy, so that only the daemon restricts calls. Call before start()."""
        text = self.bus.config.read_text()
        self.bus.config.write_text(text.replace("</busconfig>", OPEN_POLICY))

    def connect(self, user: User | None = None) -> Connection:
        connection = Connection(self.bus.address, user)
        self.open_connections.append(connection)
        return connection

    def stop(self):
        """Stops all programs. If the daemon fails, for example because of a leak, shows its log."""
        status = self.daemon.stop() if self.daemon and self.daemon.running else 0
        said = self.daemon.log_tail(60) if self.daemon else ""
        for connection in self.open_connections:
            connection.close()
        if self.own_sandbox:
            self.sandbox.kill9()
        self.bus.kill9()
        self.work.close()
        running.remove(self)
        assert status == 0, f"status {status}: {said}"

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        self.stop()

    @property
    def is_root(self) -> bool:
        return os.getuid() == 0

    # Ceremonies

    def create_passkey(self, user_id: str | None = None, **options) -> Passkey:
        """Authorizes a registration and runs the ceremony, up to the code."""
        with Connection(self.bus.address) as connection:
            token, _ = connection.authorize(RP_ID, user_id or new_user())
        return self.run_ceremony(token, **options)

    def run_ceremony(self, registration_token: str, **options) -> Passkey:
        return create_passkey(self.sandbox.endpoint, self.sandbox.tenancy_id, registration_token,
                              **options)

    def sign_in(self, passkey: Passkey, *, user_verified: bool = True, **options) -> Ceremony:
        """Authorizes a sign-in, by default of the passkey's user, and runs the ceremony."""
        with Connection(self.bus.address) as connection:
            token, _ = connection.authorize_authentication(
                RP_ID, **(options or {"user_id": passkey.user_id}))
        return self.run_sign_in(token, passkey, user_verified=user_verified)

    def run_sign_in(self, authentication_token: str, passkey: Passkey, **options) -> Ceremony:
        return sign_in(self.sandbox.endpoint, self.sandbox.tenancy_id, authentication_token,
                       passkey, **options)

    def calls(self, endpoint: str) -> int:
        """The number of requests to an endpoint of the API."""
        return self.sandbox.calls()[endpoint]

    def wait_calls(self, endpoint: str, count: int):
        eventually(lambda: self.calls(endpoint) >= count)

    def wait_api(self):
        """Waits until the daemon has noticed that the API is back."""
        with Connection(self.bus.address) as connection:
            eventually(lambda: connection.state() != "degraded")

    def assert_healthy(self):
        """Checks that all kinds of calls work on a new connection."""
        self.sandbox.set_faults()
        self.wait_api()
        with Connection(self.bus.address) as connection:
            user_id = new_user()
            passkey = self.create_passkey(user_id)
            connection.exchange(passkey.code)
            assert connection.links("GetUser", passkey.authenticator_id) == (user_id,)
            assert connection.state() == "ready"


class TestedDaemon(Daemon):
    """A daemon whose start may fail."""

    __test__ = False

    def __init__(self, work, bus, sections, keys, options=(), prefix=()):
        super().__init__(work, bus, sections, keys)
        self.options = options
        self.prefix = prefix  # a command that ends up as the daemon
        self.program: Path | None = None  # a copy of it

    def command(self):
        program, *arguments = super().command()
        return [*self.prefix, str(self.program or program), *arguments, *self.options]

    def keyholders(self) -> list[int]:
        """The pids of the key holders among its children that have not ended."""
        return [pid for task in Path(f"/proc/{self.pid}/task").iterdir()
                for pid in map(int, (task / "children").read_text().split()) if not is_ended(pid)]

    @property
    def keyholder_pid(self) -> int:
        (pid,) = eventually(self.keyholders)
        return pid

    def fails_to_start(self) -> tuple[int, str]:
        """Waits until the daemon exits by itself, and returns exit status and log."""
        said = len(self.log_text())
        with contextlib.suppress(Failed):
            self.start()
        assert not self.running, "it started"
        return self.child.returncode, self.log_text()[said:]

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    def wait_end(self) -> int:
        """Waits until the daemon exits by itself, and returns the exit status."""
        return self.child.wait(PATIENCE_SEC)


def is_ended(pid: int) -> bool:
    """Whether the process does not exist, or is a zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def new_user() -> str:
    return f"user-{secrets.token_hex(8)}"


def new_request_id() -> str:
    return secrets.token_urlsafe(24)


def eventually(condition, timeout: float = PATIENCE_SEC, pause: float = 0.005):
    """Polls a condition until it is true, and returns its value."""
    end = time.monotonic() + timeout
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, "the condition did not become true in time"
        time.sleep(pause)


def raises(*names: str, text: str = ""):
    """Expects an error reply whose name ends in one of these names; yields the error. For `with` only."""
    assert all(isinstance(name, str) for name in names)
    return expected_error(names, text)


@contextlib.contextmanager
def expected_error(names: tuple[str, ...], text: str):
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
    """Expects that the block takes at most this time, plus slack for slow machines."""
    begin = time.monotonic()
    yield
    assert time.monotonic() - begin < seconds + SLACK_SEC
