# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fake API that speaks HTTP/2 only; the test controls each stream."""

import contextlib
import json
import socket
import ssl
import struct
import threading
from collections.abc import Callable
from pathlib import Path

DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY = 0, 1, 3, 4, 6, 7
END_STREAM = ACK = 1
END_HEADERS = 4
REFUSED_STREAM, INTERNAL_ERROR = 7, 2
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
# In the static table of HPACK these are whole header lines.
STATUS = {200: b"\x88", 404: b"\x8d", 500: b"\x8e"}


class Connection:
    """A connection, with a thread that reads its frames."""

    def __init__(self, tls: ssl.SSLSocket):
        self.tls = tls

    def send(self, kind: int, flags: int, stream: int, payload: bytes = b""):
        self.tls.sendall(struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) +
                         struct.pack(">I", stream) + payload)

    def answer(self, stream: int, body: dict, status: int = 200):
        self.send(HEADERS, END_HEADERS, stream, STATUS[status])
        self.send(DATA, END_STREAM, stream, json.dumps(body).encode())

    def reset(self, stream: int, error: int):
        self.send(RST_STREAM, 0, stream, struct.pack(">I", error))

    def go_away(self, last: int):
        self.send(GOAWAY, 0, 0, struct.pack(">II", last, 0))

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.tls.recv(size - len(data))
            if not more:
                raise EOFError
            data += more
        return data

    def requests(self):
        """Yields the stream id of each complete request."""
        assert self.read(len(PREFACE)) == PREFACE
        self.send(SETTINGS, 0, 0)
        while True:
            head = self.read(9)
            size, (stream,) = int.from_bytes(head[:3], "big"), struct.unpack(">I", head[5:])
            payload = self.read(size)
            kind, flags = head[3], head[4]
            if kind in (SETTINGS, PING) and not flags & ACK:
                self.send(kind, ACK, 0, payload if kind == PING else b"")
            elif kind in (HEADERS, DATA) and flags & END_STREAM:
                yield stream


Step = Callable[[Connection, int], None]


class Http2StandIn:
    """Does `steps` with the requests, first to last, and `always` with the others. A step that
    raises ConnectionError closes the connection."""

    def __init__(self, certificate: Path, always: Step):
        self.steps: list[Step] = []
        self.always = always
        self.n_requests = 0
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.endpoint = f"https://localhost:{self.listener.getsockname()[1]}"
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate)
        self.context.set_alpn_protocols(["h2"])

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()

    def _accept(self):
        with contextlib.suppress(OSError):  # the end
            while True:
                threading.Thread(target=self._serve, args=(self.listener.accept()[0],),
                                 daemon=True).start()

    def _serve(self, plain: socket.socket):
        with contextlib.suppress(OSError, EOFError), plain, \
                self.context.wrap_socket(plain, server_side=True) as tls:
            connection = Connection(tls)
            for stream in connection.requests():
                with self.lock:
                    self.n_requests += 1
                    step = self.steps.pop(0) if self.steps else self.always
                step(connection, stream)
