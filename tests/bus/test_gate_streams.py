# SPDX-License-Identifier: LGPL-2.1-or-later
"""Server-sent events of passlock-gate, and restarts of what is behind it."""

import contextlib
import json
import os
import signal
import socket
import threading

import pytest

from harness import Failed, Workspace
from harness.gate import Gate, GateError

from .stack import eventually, new_user

STREAMS = 32


class Events:
    """A stream of events, read one by one."""

    def __init__(self, gate, query: str = ""):
        self.http = gate.connect()
        self.http.request("GET", f"/v1/Links.Changed{query}")
        self.reply = self.http.getresponse()
        assert (self.reply.status, self.reply.headers["Content-Type"]) == (200, "text/event-stream")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.reply.close()
        self.http.close()

    def next(self) -> tuple[str, dict]:
        """The next event: its name and its data."""
        lines = []
        while not lines or lines[-1] != b"\n":
            line = self.reply.readline()
            assert line, "the stream has ended"
            if line.startswith(b":"):
                self.reply.readline()
            else:
                lines.append(line)
        name, data, _ = lines
        return (name.decode().removeprefix("event: ").strip(), json.loads(data.removeprefix(b"data: ")))


@pytest.fixture(name="gate")
def fixture_gate(stack):
    with Workspace() as work, Gate(work, stack.bus) as gate:
        yield gate


@pytest.fixture(name="own_gate")
def fixture_own_gate(own_stack):
    with own_stack, Workspace() as work, Gate(work, own_stack.bus) as gate:
        yield gate


def open_streams(gate) -> int:
    with gate.connect() as http:
        _, _, text = http.reply("GET", "/metrics")
    return int(text.decode().rpartition("passlock_gate_streams ")[2])


def test_changes(connection, gate):
    user, key, other = new_user(), new_user(), new_user()
    with Events(gate) as events, Events(gate, "?tenancy=default") as more:
        assert events.next() == more.next() == ("Watched", {})
        connection.links("Add", user, key)
        added = ("Changed", {"added": [[user, key]], "removed": []})
        assert events.next() == more.next() == added
        connection.links("Import", [{name: ("s", value) for name, value in (("user_id", user), (
            "authenticator_id", other))} | {"created_at": ("t", 1), "last_used_at": ("t", 0)}], {})
        assert events.next() == ("Changed", {"added": [[user, other]], "removed": []})
        connection.links("RemoveByUser", user)
        name, changes = events.next()
        assert (name, changes["added"]) == ("Changed", [])
        assert sorted(changes["removed"]) == sorted([[user, key], [user, other]])
        assert gate.call("Links.ListByUser", user_id=user) == {"links": []}
    eventually(lambda: open_streams(gate) == 0)


def test_later_stream_of_the_same_tenancy(connection, gate):
    with Events(gate) as events:
        assert events.next() == ("Watched", {})
        with Events(gate) as later:
            assert later.next() == ("Watched", {})
            user, key = new_user(), new_user()
            connection.links("Add", user, key)
            assert events.next() == later.next()
        eventually(lambda: open_streams(gate) == 1)
        connection.links("Remove", key)
        assert events.next() == ("Changed", {"added": [], "removed": [[user, key]]})


def test_refused_stream(gate):
    with gate.connect() as http, pytest.raises(GateError) as caught:
        http.json("GET", "/v1/Links.Changed?tenancy=nowhere")
    assert (caught.value.status, caught.value.name) == (404, "UnknownObject")
    assert open_streams(gate) == 0


def test_streams_are_limited(gate):
    streams = []
    try:
        for _ in range(STREAMS):
            streams.append(Events(gate))
        with gate.connect() as http, pytest.raises(GateError) as caught:
            http.json("GET", "/v1/Links.Changed")
        assert (caught.value.status, caught.value.name) == (429, "LimitsExceeded")
    finally:
        for stream in streams:
            stream.__exit__()
    eventually(lambda: open_streams(gate) == 0)


def test_http_1_0_stream(gate, connection):
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(gate.socket))
        client.sendall(b"GET /v1/Links.Changed HTTP/1.0\r\n\r\n")
        text = b""
        while got := client.recv(4096):
            text += got
    assert text.startswith(b"HTTP/1.1 505 ") and b'"HttpVersionNotSupported"' in text


def test_client_that_does_not_read(stack, connection, gate):
    """It is disconnected; others get all changes."""
    with socket.socket(socket.AF_UNIX) as silent, Events(gate) as events:
        silent.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)
        silent.connect(str(gate.socket))
        silent.sendall(b"GET /v1/Links.Changed HTTP/1.1\r\nHost: x\r\n\r\n")
        eventually(lambda: open_streams(gate) == 2)
        assert events.next() == ("Watched", {})
        stop = threading.Event()
        seen = threading.Thread(target=read_changes, args=(events, stop))
        seen.start()
        user = "u" * 250
        links = [{"authenticator_id": ("s", f"{n:0250}"), "user_id": ("s", user), "created_at": ("t", 1),
                  "last_used_at": ("t", 0)} for n in range(1000)]

        def change():
            connection.links("Import", links, {})
            connection.links("RemoveByUser", user)
            return open_streams(gate) == 1
        eventually(change)
        stop.set()
        connection.links("Add", user, new_user())
        seen.join()


def test_client_that_reads_after_a_pause(connection, gate):
    """Changes that the gate gets at once do not make it disconnect a client that reads."""
    with Events(gate) as events:
        assert events.next() == ("Watched", {})
        os.kill(gate.pid, signal.SIGSTOP)
        user = '"' * 250  # twice as long in JSON
        links = [{"authenticator_id": ("s", f"{n:0250}"), "user_id": ("s", user), "created_at": ("t", 1),
                  "last_used_at": ("t", 0)} for n in range(1000)]
        connection.links("Import", links, {})
        connection.links("RemoveByUser", user)
        os.kill(gate.pid, signal.SIGCONT)
        n_added = n_removed = 0
        while n_added < 1000 or n_removed < 1000:
            name, change = events.next()
            assert name == "Changed"
            n_added += len(change["added"])
            n_removed += len(change["removed"])


def read_changes(events, stop):
    while not stop.is_set():
        assert events.next()[0] == "Changed"


# Restarts

def test_restart_of_the_daemon(own_stack, own_gate):
    with Events(own_gate) as events, own_gate.connect() as http:
        assert events.next() == ("Watched", {})
        http.call("Links.Add", user_id="u", authenticator_id="x")
        assert events.next()[0] == "Changed"
        own_stack.daemon.stop_well()
        name, lost = events.next()
        assert (name, lost["error"]) == ("Lost", "Unavailable")
        with pytest.raises(GateError) as caught:
            http.call("Links.GetUser", authenticator_id="x")
        assert (caught.value.status, caught.value.name) == (503, "Unavailable")
        assert int(caught.value.headers["Retry-After"]) >= 1
        message = caught.value.message
        with pytest.raises(GateError) as caught:
            http.json("GET", "/v1/health")
        assert (caught.value.name, caught.value.message) == ("Unavailable", message)
        own_stack.daemon.start()
        assert events.next() == ("Watched", {})
        assert http.call("Links.GetUser", authenticator_id="x") == {"user_id": "u"}
        http.call("Links.Remove", authenticator_id="x")
        assert events.next() == ("Changed", {"added": [], "removed": [["u", "x"]]})


def test_call_over_a_restart(own_stack, own_gate):
    """The daemon is killed with a call in its queue: the call is repeated, with its request id."""
    passkey = own_stack.create_passkey("ada")
    own_gate.call("Links.ListByUser", user_id="ada")
    os.kill(own_stack.daemon.pid, signal.SIGSTOP)
    with own_gate.connect() as http:
        http.request("POST", "/v1/Tenancy.Exchange", json.dumps({"code": passkey.code}))
        for _ in range(2):  # the gate has sent the call before it replies to the second request
            open_streams(own_gate)
        own_stack.daemon.kill9()
        own_stack.daemon.start()
        reply = http.getresponse()
        assert (reply.status, json.loads(reply.read())["principal"]["user_id"]) == (200, "ada")


def test_restart_of_the_bus(own_stack, own_gate):
    with Events(own_gate) as events, own_gate.connect() as http:
        assert events.next() == ("Watched", {})
        own_stack.bus.kill9()
        assert events.next()[0] == "Lost"
        with pytest.raises(GateError) as caught:
            http.call("Links.GetUser", authenticator_id="x")
        assert (caught.value.status, caught.value.name) == (503, "Unavailable")
        own_stack.daemon.wait_end()
        own_stack.bus.start()
        own_stack.daemon.start()
        assert events.next() == ("Watched", {})
        with pytest.raises(GateError) as caught:
            http.call("Links.GetUser", authenticator_id="x")
        assert caught.value.name == "NotFound"


def test_client_that_leaves(own_stack, own_gate):
    """A long call is cancelled on the bus: another one is not refused."""
    own_stack.sandbox.set_faults("hang@passkey-list")
    with own_gate.connect() as http:
        http.request("POST", "/v1/Links.Reconcile", "{}")
        own_stack.wait_calls("passkey-list", 1)
        with own_gate.connect() as other, pytest.raises(GateError) as caught:
            other.call("Links.Reconcile")
        assert caught.value.name == "LimitsExceeded"
    own_stack.sandbox.set_faults()

    def reconcile():
        try:
            return own_gate.call("Links.Reconcile")
        except GateError as error:
            assert error.name == "LimitsExceeded"
            return None
    assert eventually(reconcile)["result"]["checked"] == 0


def test_half_closed_client(connection, gate):
    """One that has ended its own direction still gets its reply."""
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(gate.socket))
        client.sendall(b'POST /v1/Links.Reconcile HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}')
        client.shutdown(socket.SHUT_WR)
        text = b""
        while got := client.recv(4096):
            text += got
    assert text.startswith(b"HTTP/1.1 200 OK\r\n")


# Stopping

@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_stop_finishes_calls(own_stack, own_gate, number):
    own_stack.sandbox.set_faults("hang@passkey-list")
    with own_gate.connect() as http, own_gate.connect() as idle, Events(own_gate) as events:
        assert events.next() == ("Watched", {})
        idle.connect()
        http.request("POST", "/v1/Links.Reconcile", "{}")
        own_stack.wait_calls("passkey-list", 1)
        own_gate.forget_notifications()
        os.kill(own_gate.pid, number)
        own_gate.wait_notified("STOPPING=1")
        assert events.reply.read() == b""
        assert idle.sock.recv(1) == b""
        with pytest.raises(OSError):
            own_gate.connect().connect()
        assert own_gate.running
        own_stack.daemon.kill9()  # ends the call
        reply = http.getresponse()
        assert (reply.status, reply.headers["Connection"]) == (502, "close")
        assert json.loads(reply.read())["error"] == "ReplyLost"
        assert own_gate.child.wait(60) == 0
    assert not own_gate.socket.exists()


def test_exit_when_idle(own_stack):
    with own_stack, Workspace() as work:
        gate = Gate(work, own_stack.bus, "--exit-idle-sec=1")
        gate.start()
        with gate.connect() as http:
            http.call("Links.ListByUser", user_id="u")
        assert gate.child.wait(60) == 0


# The socket

def test_stale_socket_is_replaced(stack):
    with Workspace() as work:
        left = socket.socket(socket.AF_UNIX)
        left.bind(str(work / "gate"))
        left.close()
        with Gate(work, stack.bus) as gate:
            assert gate.call("Links.ListByUser", user_id=new_user()) == {"links": []}


@pytest.mark.parametrize("kind", ["file", "listener", "full"])
def test_path_in_use(stack, kind):
    """Neither a file nor the socket of another process is replaced."""
    with Workspace() as work, contextlib.ExitStack() as sockets:
        path = work / "gate"
        if kind == "file":
            path.write_text("precious")
        else:
            other = sockets.enter_context(socket.socket(socket.AF_UNIX))
            other.bind(str(path))
            other.listen(0)
        if kind == "full":
            client = sockets.enter_context(socket.socket(socket.AF_UNIX))
            client.connect(str(path))
        with pytest.raises(Failed, match="Address already in use"):
            Gate(work, stack.bus).start()
        assert path.exists() and (kind != "file" or path.read_text() == "precious")
