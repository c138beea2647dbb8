# SPDX-License-Identifier: LGPL-2.1-or-later
"""Connections that are closed, refused and lost, and the stream of changes."""

import json
import socket
import threading

import pytest

from bus.stack import eventually, new_user
from client import CLIENTS, Client
from harness import Workspace
from harness.gate import Gate
from harness.process import PATIENCE_SEC

REPLY = {"user_id": "ada", "principal": {
    "id": "p", "user_id": "ada", "authenticator_id": "a", "authenticator_type": "passkey", "created_at": 1,
    "expires_at": 2, "verified": True, "user_verified": True, "linked": True, "newly_linked": False}, "extra": 1}


class FakeGate:
    """Accepts connections, and answers each request by the next of its actions: "reply", "lose" (reads the request
    and closes), "close" (replies, and closes then) or bytes."""

    def __init__(self, path, *actions):
        self.actions, self.requests = list(actions), []
        self.has_closed = threading.Event()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen()
        self.listener.settimeout(PATIENCE_SEC)
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.thread.join(PATIENCE_SEC)
        self.listener.close()
        assert not self.actions

    def serve(self):
        while self.actions:
            connection, _ = self.listener.accept()
            connection.settimeout(PATIENCE_SEC)
            with connection, connection.makefile("rb") as reader:
                while self.actions and self.answer(connection, reader):
                    pass
            self.has_closed.set()

    def answer(self, connection, reader) -> bool:
        """Whether the connection stays open."""
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            line = reader.readline()
            if not line:
                return False
            head += line
        length = int(next((line.split(b":")[1] for line in head.split(b"\r\n")
                           if line.lower().startswith(b"content-length:")), 0))
        self.requests.append((head.split()[1].decode(), json.loads(reader.read(length) or b"{}")))
        action = self.actions.pop(0)
        if isinstance(action, bytes):
            connection.sendall(action)
        elif action != "lose":
            body = json.dumps(REPLY).encode()
            connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                               % (len(body), body))
        return action == "reply"


@pytest.fixture(name="work")
def fixture_work():
    with Workspace() as work:
        yield work


@pytest.fixture(name="alone", params=CLIENTS)
def fixture_alone(request, work):
    """A client without a gate."""
    with Client(work, request.param, work / "gate") as running:
        yield running


@pytest.mark.parametrize("call, expected", [("Tenancy.Exchange", "result"), ("Links.GetUser", "result"),
                                            ("Links.Remove", "ReplyLost"), ("Mailbox.DeleteChallenge", "ReplyLost")])
def test_lost_on_a_used_connection(alone, work, call, expected):
    """Only a call that may be executed twice is repeated, Exchange with the same request_id."""
    repeated = expected == "result"
    with FakeGate(work / "gate", "reply", "lose", *(["reply"] if repeated else [])) as fake:
        assert alone.call("Links.GetUser", "a") == "ada"
        reply = alone.order(call=call, arguments=["code"])
        assert expected in reply if repeated else (reply["error"], reply["status"]) == (expected, None), reply
    assert len(fake.requests) == (3 if repeated else 2)
    if repeated:
        assert fake.requests[1] == fake.requests[2]
    if call == "Tenancy.Exchange":
        assert 16 <= len(fake.requests[1][1]["request_id"]) <= 64


def test_lost_on_a_new_connection(alone, work):
    with FakeGate(work / "gate", "lose") as fake:
        assert alone.error("Links.GetUser", "a") == "ReplyLost"
    assert len(fake.requests) == 1


def test_closed_while_idle(alone, work):
    """Any call goes to a new connection if the gate has closed the idle one."""
    with FakeGate(work / "gate", "close", "close") as fake:
        assert alone.call("Links.GetUser", "a") == "ada"
        assert fake.has_closed.wait(PATIENCE_SEC)
        alone.order(watch=True)  # event loops have noticed when they reply
        assert alone.call("Links.Remove", "a") is None
    assert [path for path, _ in fake.requests] == ["/v1/Links.GetUser", "/v1/Links.Remove"]


@pytest.mark.parametrize("answer", [
    b"SSH-2.0-OpenSSH_9.2\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nnull",
    b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"HTTP/1.1 500 No\r\nContent-Length: 6\r\n\r\n<html>",
    b"HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\n{}"])
def test_not_a_gate(alone, work, answer):
    with FakeGate(work / "gate", answer):
        assert alone.error("Links.GetUser", "a") == "MalformedReply"


def test_unknown_error(alone, work):
    """A name of a newer gate."""
    body = b'{"error":"Newer","message":"m"}'
    with FakeGate(work / "gate", b"HTTP/1.1 418 No\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)):
        reply = alone.order(call="Links.GetUser", arguments=["a"])
    assert (reply["error"], reply["class"], reply["status"]) == ("Newer", "PasslockError", 418)


def test_no_gate(alone):
    assert alone.error("Links.GetUser", "a") == "Unavailable"
    assert alone.error("Links.Remove", "a") == "Unavailable"


def test_restart(alone, stack, work):
    stack.wait_api()
    with Gate(work, stack.bus) as gate:
        assert alone.call("Health") == "ready"
        gate.restart()
        assert alone.call("Health") == "ready"
        gate.stop_well()
        assert alone.error("Health") == "Unavailable"
        gate.start()
        assert alone.error("Links.Remove", new_user()) == "NotFound"


def test_stream(alone, stack, work):
    """Changes, and a new connection after a restart of the gate."""
    user, key, later = new_user(), new_user(), new_user()
    again = {"added": [], "removed": [], "read_again": True}
    with Gate(work, stack.bus) as gate:
        alone.order(watch=True)
        assert alone.order(next=True)["result"] == again
        alone.call("Links.Add", user, key)
        assert alone.order(next=True)["result"] == {
            "added": [{"user_id": user, "authenticator_id": key}], "removed": [], "read_again": False}
        alone.send(next=True)
        gate.restart()
        assert alone.reply()["result"] == again
        alone.call("Links.Remove", key)
        alone.call("Links.Add", user, later)
        change = alone.order(next=True)["result"]
        assert change["removed"] == [{"user_id": user, "authenticator_id": key}] and not change["read_again"]


def test_stream_of_a_missing_tenancy(client):
    client.order(client={"tenancy": "nowhere"})
    client.order(watch=True)
    assert client.order(next=True)["error"] == "UnknownObject"
    client.order(client={})


def test_closed_stream(gate, alone, stack, work):
    """The gate notices that a client stops to watch."""
    with Gate(work, stack.bus) as own:
        alone.order(watch=True)
        alone.order(next=True)
        with own.connect() as http:
            assert b"passlock_gate_streams 1\n" in http.reply("GET", "/metrics")[2]
            alone.order(unwatch=True)
            eventually(lambda: b"passlock_gate_streams 0\n" in http.reply("GET", "/metrics")[2])


def test_aborted_stream(gate, work):
    """The AbortSignal of Node."""
    with Client(work, "node", gate.socket) as node:
        node.order(watch=True)
        assert node.order(next=True)["result"]["read_again"]
        assert node.order(abort=True)["result"] == "AbortError"
