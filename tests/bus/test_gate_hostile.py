# SPDX-License-Identifier: LGPL-2.1-or-later
"""Requests to passlock-gate that a broken or hostile client sends, on the wire."""

import json
import socket
from pathlib import Path

import pytest

from harness import Workspace
from harness.gate import Gate, GateError
from harness.process import PATIENCE_SEC

from .stack import eventually, new_user

BODY_MAX = 65536
CONNECTIONS = 256
QUIET_SEC = 0.2


@pytest.fixture(name="gate", scope="module")
def fixture_gate(_shared):
    with Workspace() as work, Gate(work, _shared[0].bus) as gate:
        yield gate


class Wire:
    """A connection for bytes."""

    def __init__(self, gate):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(PATIENCE_SEC)
        self.socket.connect(str(gate.socket))
        self.read = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.read.close()
        self.socket.close()

    def send(self, *lines: str, body: bytes = b""):
        self.socket.sendall("".join(f"{line}\r\n" for line in [*lines, ""]).encode() + body)

    def reply(self) -> tuple[int, dict[str, str], bytes]:
        status = int(self.read.readline().split()[1])
        headers = {}
        while (line := self.read.readline().strip()):
            name, _, value = line.decode().partition(": ")
            headers[name] = value
        return status, headers, self.read.read(int(headers.get("Content-Length", 0)))

    def error(self) -> tuple[int, str]:
        status, _, body = self.reply()
        return status, json.loads(body)["error"]

    def ended(self) -> bool:
        try:
            return self.read.read(1) == b""
        except ConnectionResetError:
            return True


@pytest.fixture(name="wire")
def fixture_wire(gate):
    with Wire(gate) as wire:
        yield wire


def post(name: str, body: bytes, *headers: str) -> tuple[tuple, dict]:
    return (f"POST /v1/{name} HTTP/1.1", "Host: x", f"Content-Length: {len(body)}", *headers), {"body": body}


def send_post(wire, name: str, body: bytes, *headers: str):
    lines, more = post(name, body, *headers)
    wire.send(*lines, **more)


GET_USER = b'{"authenticator_id":"x"}'


# Bodies. The daemon is not called: a user id of this kind would be linked.

BAD_BODIES = [
    (b"", "JSON"), (b"null", "JSON"), (b"[]", "object"), (b'"x"', "JSON"), (b"{", "JSON"), (b"{}{}", "JSON"),
    (b"{}", "user_id: missing"),
    (b'{"user_id":"u"}', "authenticator_id: missing"),
    (b'{"user_id":"u","authenticator_id":"a","more":1}', "more: unknown"),
    (b'{"user_id":"u","authenticator_id":"a","options":{}}', "options: unknown"),
    (b'{"user_id":"u","authenticator_id":"a","user_id":"u"}', "repeated"),
    (b'{"user_id":null,"authenticator_id":"a"}', "user_id: expected a string"),
    (b'{"user_id":1,"authenticator_id":"a"}', "user_id: expected a string"),
    (b'{"user_id":["u"],"authenticator_id":"a"}', "user_id: expected a string"),
    (b'{"user_id":"u\\u0000","authenticator_id":"a"}', "NUL"),
    (b'{"user_id":"u\0","authenticator_id":"a"}', "JSON"),
    (b'{"user_id":"u\\ud800","authenticator_id":"a"}', "JSON"),
    (b'{"user_id":"u\\udc00\\ud800","authenticator_id":"a"}', "JSON"),
    (b'{"user_id":"u\xff","authenticator_id":"a"}', "UTF-8"),
    (b'{"user_id":"u\xed\xa0\x80","authenticator_id":"a"}', "UTF-8"),
    (b'{"user_id":"u\xef\xbf\xbf","authenticator_id":"a"}', "user_id: expected"),
    (b'{"user_id":"' + b"u" * 8193 + b'","authenticator_id":"a"}', "user_id: expected"),
    (b'{"user_id":' + b"[" * 30000 + b"]" * 30000 + b',"authenticator_id":"a"}', "levels"),
    (b"{'user_id':'u','authenticator_id':'a'}", "JSON"),
    (b'\xef\xbb\xbf{"user_id":"u","authenticator_id":"a"}', "JSON"),
    ('{"user_id":"u","authenticator_id":"a"}'.encode("utf-16"), "JSON"),
]


@pytest.mark.parametrize("body, text", BAD_BODIES, ids=range(len(BAD_BODIES)))
def test_bad_body(gate, connection, wire, body, text):
    before = connection.count()
    send_post(wire, "Links.Add", body)
    status, _, reply = wire.reply()
    found = json.loads(reply)
    assert (status, found["error"]) == (400, "InvalidArgs")
    assert text in found["message"]
    assert connection.count() == before
    # The connection stays usable.
    send_post(wire, "Links.GetUser", GET_USER)
    assert wire.error() == (404, "NotFound")


@pytest.mark.parametrize("limit", ["-1", "4294967296", "18446744073709551616", "1.0", "1e2", "1e999", '"1"', "true",
                                   "null", "[1]", "01", "0x1", "NaN"])
def test_bad_number(wire, limit):
    send_post(wire, "Links.List", f'{{"cursor":"","limit":{limit}}}'.encode())
    assert wire.error() == (400, "InvalidArgs")


@pytest.mark.parametrize("options", ['"link":1', '"link":"true"', '"request_id":7', '"user_id":{}', '"Link":true'])
def test_bad_option(wire, options):
    send_post(wire, "Tenancy.Exchange", f'{{"code":"c",{options}}}'.encode())
    assert wire.error() == (400, "InvalidArgs")


def test_secret_is_not_repeated(wire):
    """Apps log messages."""
    send_post(wire, "Tenancy.Exchange", b'{"code":"verysecret" nonsense}')
    assert b"verysecret" not in wire.reply()[2]


def test_large_numbers_are_exact(connection, gate):
    user, key = new_user(), new_user()
    for given in (2**53 - 1, 2**53 - 2):
        link = {"authenticator_id": key, "user_id": user, "created_at": given, "last_used_at": 0}
        gate.call("Links.Import", links=[link])
        ((found,),) = connection.links("ListByUser", user)
        assert found["created_at"] == ("t", given)
    with gate.connect() as http, pytest.raises(GateError) as caught:
        http.call("Links.Reconcile", max_remove=2**63)
    assert caught.value.name == "InvalidArgs"


# Sizes

def test_body_of_the_greatest_length(wire):
    body = GET_USER + b" " * (BODY_MAX - len(GET_USER))
    send_post(wire, "Links.GetUser", body)
    assert wire.error() == (404, "NotFound")


@pytest.mark.parametrize("length", [str(BODY_MAX + 1), "99999999999"])
@pytest.mark.parametrize("expect", [(), ("Expect: 100-continue",)])
def test_body_that_is_announced_too_long(wire, length, expect):
    """It is refused before it is sent."""
    wire.send("POST /v1/Links.GetUser HTTP/1.1", "Host: x", f"Content-Length: {length}", *expect)
    assert wire.error() == (413, "BodyTooLarge")
    assert wire.ended()


def test_length_of_64_bits(wire):
    """libmicrohttpd 1.0 refuses it by itself, without an error in JSON."""
    wire.send("POST /v1/Links.GetUser HTTP/1.1", "Host: x", f"Content-Length: {2**64 - 1}")
    assert wire.reply()[0] == 413
    assert wire.ended()


def test_chunked_body(wire):
    wire.send("POST /v1/Links.GetUser HTTP/1.1", "Host: x", "Transfer-Encoding: chunked",
              body=b"5\r\n" + GET_USER[:5] + b"\r\n%x\r\n" % (len(GET_USER) - 5) + GET_USER[5:] + b"\r\n0\r\n\r\n")
    assert wire.error() == (404, "NotFound")


def test_chunked_body_that_is_too_long(wire):
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    wire.send("POST /v1/Links.GetUser HTTP/1.1", "Host: x", "Transfer-Encoding: chunked",
              body=chunk * 17 + b"0\r\n\r\n")
    assert wire.error() == (413, "BodyTooLarge")


def test_long_header(wire):
    wire.send("GET /v1/health HTTP/1.1", "Host: x", f"Cookie: {'a' * 100_000}")
    assert wire.reply()[0] in (413, 431)


# The protocol

def test_expect(wire):
    wire.send("POST /v1/Links.GetUser HTTP/1.1", "Host: x", f"Content-Length: {len(GET_USER)}", "Expect: 100-continue")
    assert wire.reply()[0] == 100
    wire.socket.sendall(GET_USER)
    assert wire.error() == (404, "NotFound")


@pytest.mark.parametrize("host", ["evil.example", ""])
def test_host_is_irrelevant(wire, host):
    wire.send("GET /v1/health HTTP/1.1", f"Host: {host}")
    assert wire.reply()[0] == 200


def test_missing_host(wire):
    """libmicrohttpd 1.0 demands one, as HTTP does."""
    wire.send("GET /v1/health HTTP/1.1")
    assert wire.reply()[0] in (200, 400)


def test_pipelining(connection, wire):
    user, keys = new_user(), [new_user() for _ in range(20)]
    requests = b""
    for key in keys:
        connection.links("Add", user, key)
        body = json.dumps({"authenticator_id": key}).encode()
        requests += b"POST /v1/Links.GetUser HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    requests += b"GET /v1/nothing HTTP/1.1\r\nHost: x\r\n\r\n"
    wire.socket.sendall(requests)
    for _ in keys:
        status, _, body = wire.reply()
        assert (status, json.loads(body)) == (200, {"user_id": user})
    assert wire.error() == (404, "UnknownRoute")


@pytest.mark.parametrize("version, header, kept", [
    ("1.1", (), True), ("1.1", ("Connection: close",), False), ("1.0", (), False),
    ("1.0", ("Connection: keep-alive",), True)])
def test_keep_alive(wire, version, header, kept):
    for _ in range(2):
        wire.send(f"POST /v1/Links.GetUser HTTP/{version}", "Host: x", f"Content-Length: {len(GET_USER)}", *header,
                  body=GET_USER)
        assert wire.error() == (404, "NotFound")
        if not kept:
            assert wire.ended()
            return


@pytest.mark.parametrize("bytes_sent", [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", b"nonsense\r\n\r\n", b"\0" * 1000 + b"\r\n\r\n",
    b"GET /v1/health HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /v1/health HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
    b"POST /v1/Links.GetUser HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"])
def test_no_http(gate, wire, bytes_sent):
    wire.socket.sendall(bytes_sent)
    wire.socket.shutdown(socket.SHUT_WR)
    wire.socket.settimeout(QUIET_SEC)
    try:
        while got := wire.socket.recv(4096):
            assert b" 200 " not in got
    except (ConnectionResetError, TimeoutError):
        pass  # libmicrohttpd waits for the rest, up to the deadline
    assert gate.call("Links.ListByUser", user_id="u") == {"links": []}


# Many and slow clients; the limits of time are those of tests/unit/gate/test-http-server.c

def test_connections_are_limited(gate):
    """Further ones wait until others have ended."""
    wires = [Wire(gate) for _ in range(CONNECTIONS)]
    eventually(lambda: descriptors(gate) >= CONNECTIONS)
    waiting = Wire(gate)
    waiting.send("GET /v1/openapi.json HTTP/1.1", "Host: x")
    waiting.socket.settimeout(QUIET_SEC)
    with pytest.raises(TimeoutError):
        waiting.socket.recv(1)
    waiting.socket.settimeout(PATIENCE_SEC)
    wires.pop().__exit__()
    assert waiting.socket.recv(8) == b"HTTP/1.1"
    for wire in [*wires, waiting]:
        wire.__exit__()
    eventually(lambda: descriptors(gate) < 50)


def descriptors(gate) -> int:
    return len(list(Path(f"/proc/{gate.pid}/fd").iterdir()))


def test_clients_that_leave_early(gate):
    """Nothing stays of requests that were cut at any byte."""
    lines, more = post("Links.GetUser", GET_USER)
    whole = "".join(f"{line}\r\n" for line in [*lines, ""]).encode() + more["body"]
    with Wire(gate) as first:
        first.send("GET /v1/openapi.json HTTP/1.1", "Host: x")
        first.reply()
        before = descriptors(gate)
    for length in range(len(whole) + 1):
        with Wire(gate) as wire:
            wire.socket.sendall(whole[:length])
    eventually(lambda: descriptors(gate) <= before)
    assert gate.call("Links.ListByUser", user_id="u") == {"links": []}


def test_reply_that_is_not_read(gate):
    with Wire(gate) as wire:
        for _ in range(50):
            wire.send("GET /v1/openapi.json HTTP/1.1", "Host: x")
        assert gate.call("Links.ListByUser", user_id="u") == {"links": []}
