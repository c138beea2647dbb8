# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs of tests/load, and a stack whose API is a fast stand-in behind TLS and HTTP/2."""

import contextlib
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from bus.client import User
from bus.stack import Stack, eventually
from harness import Bus, BusError, Process, Workspace
from harness.build import binary
from harness.process import PATIENCE_SEC, as_uid
from harness.standin import make_certificate
from measure import cpu_us

FLOOR_NAME = "dev.passlock.Floor1"
STREAMS = 1000


def require_root():
    if os.getuid() != 0:
        sys.exit("bench: root is needed")


def run(*command, user: User | None = None, **environment: str) -> dict:
    """Runs a load program. Returns the JSON object that it prints."""
    as_user = as_uid(user.uid, user.gid) if user else []
    done = subprocess.run([*as_user, *map(str, command)], check=True, text=True, stdout=subprocess.PIPE,
                          env=os.environ | environment)
    return json.loads(done.stdout.splitlines()[-1])


def sync(call: str, seconds: float, **options) -> dict[str, float]:
    """Calls one at a time, with sd-bus alone."""
    times = run(binary("probe"), seconds, call, **options)[call]
    assert times["failed"] == 0
    return times | {"rate": times["n"] / seconds}


def flood(call: str, connections: int, seconds: float, in_flight: int = 64, may_refuse: bool = False,
          **options) -> dict[str, float]:
    """Calls in flight on each connection, with sd-bus alone. Counts those that were not refused."""
    counts = run(binary("flood"), call, connections, seconds, "read", in_flight, **options)
    assert may_refuse or counts["refused"] == 0, counts
    n = counts["answered"] - counts["refused"]
    return {"n": n, "rate": n / seconds}


def library(call: str, in_flight: int, seconds: float) -> dict[str, float]:
    """Calls through libpasslock; 0 in flight are synchronous ones."""
    return timely(run(binary("call-library"), call, in_flight, seconds))


def timely(times: dict[str, float]) -> dict[str, float]:
    assert times["failed"] == 0, times
    return times


def metered(stack: Stack, call: Callable[[], dict[str, float]]) -> dict[str, float]:
    """Adds the CPU time per call of the daemon with its children, and of the bus."""
    pids = {"daemon_us": stack.daemon.pid, "bus_us": stack.bus.pid}
    before = {name: cpu_us(pid) for name, pid in pids.items()}
    times = call()
    return times | {name: (cpu_us(pid) - before[name]) / times["n"] for name, pid in pids.items()}


@contextlib.contextmanager
def crowd(n: int, call: str):
    """Connects clients that each make a call, or none with "-". Yields what they count at the end."""
    counts = {}
    with subprocess.Popen([binary("crowd"), str(n), call], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                          text=True) as child:
        assert child.stdout.readline() == "ready\n"
        yield counts
        child.stdin.close()
        counts.update(json.loads(child.stdout.read()))


@contextlib.contextmanager
def in_background(*command):
    """Runs a load program beside the block, which must end first."""
    with subprocess.Popen(list(map(str, command)), stdout=subprocess.DEVNULL) as child:
        try:
            time.sleep(0.3)
            yield
            assert child.poll() is None, "the load ended early"
        finally:
            child.kill()


def write_links(file: Path, tenancy_id: str, first: int, count: int):
    """A file for passlockctl import; GetUserAny looks up its links."""
    with file.open("w", encoding="ascii") as out:
        out.write(json.dumps({"format": "passlock-links", "version": 1, "tenancy_id": tenancy_id,
                              "exported_at": 1}) + "\n")
        for i in range(first, first + count):
            out.write(f'{{"authenticator_id": "key-{i:032}", "user_id": "user-{i}", '
                      '"created_at": 1, "last_used_at": 0}\n')
        out.write(json.dumps({"links": count}) + "\n")


def import_links(stack: Stack, first: int, count: int):
    if count > 0:
        file = stack.work / "links"
        write_links(file, stack.sections["Tenancy default"]["TenancyId"], first, count)
        subprocess.run([binary("passlockctl"), "import", file], check=True, stdout=subprocess.DEVNULL)
        file.unlink()


def add_load_link(stack: Stack):
    """The link that GetUser looks up."""
    with stack.connect() as connection:
        def add() -> bool:
            with contextlib.suppress(BusError):  # a shared store may not be loaded yet
                connection.links("Add", "load-user", "load-key")
                return True
            return False

        eventually(add)


class LoadProgram(Process):
    """A program that prints a line when it is ready."""

    def __init__(self, work: Workspace, name: str, *arguments: str, stdin: int = subprocess.DEVNULL):
        self.name, self.arguments, self.stdin, self.line = name, arguments, stdin, ""
        super().__init__(work.log("-".join([name, *arguments]).replace("/", "-")))

    def command(self):
        return [str(binary(self.name)), *self.arguments]

    def environment(self):
        return {"DBUS_SYSTEM_BUS_ADDRESS": os.environ.get("DBUS_SYSTEM_BUS_ADDRESS", "")}

    def wait_ready(self):
        self.line = self.read_line()


class Nghttpx(Process):
    """TLS and HTTP/2 in front of an HTTP server."""

    name = "nghttpx"

    def __init__(self, work: Workspace, certificate: Path, back_port: str):
        super().__init__(work.log(self.name))
        self.certificate, self.back_port = certificate, back_port
        with socket.create_server(("127.0.0.1", 0)) as place:
            self.port = place.getsockname()[1]

    def command(self):
        return ["nghttpx", f"-f127.0.0.1,{self.port}", f"-b127.0.0.1,{self.back_port}", "--conf=/dev/null",
                "--no-ocsp", "-n1", "--accesslog-file=/dev/null",
                f"--frontend-http2-max-concurrent-streams={STREAMS}", str(self.certificate),
                f"{self.certificate}.crt"]

    def wait_ready(self):
        end = time.monotonic() + PATIENCE_SEC
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except ConnectionRefusedError:
                if not self.running or time.monotonic() > end:
                    raise
                time.sleep(0.01)


class ApiStack(Stack):
    """A stack whose API is a stand-in, and which processes connect to as in $DBUS_SYSTEM_BUS_ADDRESS."""

    def __init__(self, clients: int = 1000, bus: type[Bus] = Bus):
        require_root()
        super().__init__()
        self.bus = bus(self.work)
        self.bus.allow_service(FLOOR_NAME)
        self.bus.allow_connections(2 * clients)
        self.sections["Daemon"]["MaxPendingPerUser"] = str(2 * STREAMS)  # calls in flight of one user
        self.certificate = make_certificate(self.work / "tls")
        self.programs: list[Process] = []
        self.ports: dict[int, int] = {}  # by delay
        os.environ["DBUS_SYSTEM_BUS_ADDRESS"] = self.bus.address

    def start_program(self, name: str, *arguments: str, **options) -> LoadProgram:
        program = LoadProgram(self.work, name, *arguments, **options).start()
        self.programs.append(program)
        return program

    def start(self):
        api = self.start_program("api-stand-in", stdin=subprocess.PIPE)
        tls = Nghttpx(self.work, self.certificate, api.line).start()
        self.programs.append(tls)
        self.ports[0] = tls.port
        self.sections["Tenancy default"] = {
            "TenancyId": "bench", "Endpoint": self.endpoint(), "CaFile": f"{self.certificate}.crt",
            "ApiKeyCredential": "passlock.default", "TimeoutSec": "30"}
        super().start()
        add_load_link(self)
        return self

    def stop(self):
        super().stop()
        for program in reversed(self.programs):
            program.kill9()

    def endpoint(self, delay_ms: int = 0) -> str:
        """The API's address, with a delay each way."""
        if delay_ms not in self.ports:
            proxy = self.start_program("delay-proxy", str(self.ports[0]), str(delay_ms))
            self.ports[delay_ms] = int(proxy.line)
        return f"https://localhost:{self.ports[delay_ms]}"

    def set_delay(self, delay_ms: int):
        self.sections["Tenancy default"]["Endpoint"] = self.endpoint(delay_ms)
        self.apply()

    def curl(self, call: str, in_flight: int, seconds: float, delay_ms: int = 0) -> dict[str, float]:
        """The requests of a call by libcurl alone."""
        return timely(run(binary("call-curl"), self.endpoint(delay_ms), f"{self.certificate}.crt", call, in_flight,
                          seconds))
