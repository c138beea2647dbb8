# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fake API, controlled by the test."""

import contextlib
import http.client
import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

from .process import PATIENCE_SEC


class Server(ThreadingHTTPServer):
    """Accepts many connections at once; the kernel resets connections over the queue size. Ignores
    failed TLS handshakes and disconnects."""

    request_queue_size = 1024
    daemon_threads = True

    def handle_error(self, request, client_address):
        if not isinstance(sys.exc_info()[1], (ssl.SSLError, ConnectionError)):
            super().handle_error(request, client_address)


@dataclass
class Reply:
    status: int = 200
    body: dict | bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    missing: int = 0  # Content-Length minus length of the body


NOT_FOUND = Reply(404, {"_tag": "@error/NotFound", "message": "no"})


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    headers: dict
    body: bytes


def make_certificate(path: Path) -> Path:
    """Creates a key and a self-signed certificate for localhost, in one file."""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", path, "-out",
                    f"{path}.crt"], check=True, capture_output=True)
    path.write_text(path.read_text() + Path(f"{path}.crt").read_text())
    return path


class StandIn:
    """Replies to every request with `reply`, or the result of `answer`, and keeps the requests. With a
    certificate, for localhost, it uses TLS. Probes of a daemon that found the API down get
    `probe_reply`, or `reply` if that is a failure, and are not kept.
    """

    def __init__(self, certificate: Path | None = None):
        self.reply = Reply()
        self.answer: Callable[[Request], Reply] | None = None  # called by many threads
        self.probe_reply: Reply | None = None
        self.n_probes = 0
        self.clock_offset_sec = 0  # added to the Date header
        self.requests: list[Request] = []
        self.connections = 0  # number of connections with a request
        self.dated = True  # send a Date header
        self.server = Server(("127.0.0.1", 0), self._handler())
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            # Handshake in the connection's thread, not in the accepting one.
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
            self.endpoint = f"https://localhost:{self.server.server_port}"

    def __enter__(self):
        threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True).start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.server.server_close()

    def fail(self, status: int, tag: str, message: str, **more):
        self.reply = Reply(status, {"_tag": f"@error/{tag}", "message": message} | more)

    def _handler(self):
        stand_in = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            first = True

            def serve(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                request = Request(self.command, self.path, dict(self.headers), body)
                stand_in.connections += self.first
                self.first = False
                if self.path.endswith("/passlockd-probe"):
                    stand_in.n_probes += 1
                    reply = stand_in.probe_reply or \
                        (stand_in.reply if stand_in.reply.status >= 300 else NOT_FOUND)
                else:
                    stand_in.requests.append(request)
                    reply = stand_in.answer(request) if stand_in.answer else stand_in.reply
                data = reply.body if isinstance(reply.body, bytes) else \
                    json.dumps(reply.body).encode()
                self.send_response_only(reply.status)
                if stand_in.dated:
                    self.send_header("Date", self.date_time_string())
                for name, value in ({"Content-Type": "application/json"} | reply.headers).items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(data) + reply.missing))
                self.close_connection |= reply.missing > 0
                with contextlib.suppress(ConnectionError):  # the client may have disconnected
                    self.end_headers()
                    self.wfile.write(data)

            do_GET = do_POST = do_DELETE = serve

            def date_time_string(self, timestamp=None):
                return super().date_time_string(
                    (timestamp or time.time()) + stand_in.clock_offset_sec)

            def log_message(self, *_):
                pass

        return Handler


class Proxy(StandIn):
    """Forwards every request to another API; the test can hold back replies."""

    def __init__(self, endpoint: str):
        super().__init__()
        self.host = urlsplit(endpoint).netloc
        self.answer = self._hand_on
        self.keeps: Callable[[Request], bool] = lambda request: False
        self.kept: list[Request] = []  # requests whose replies are held back
        self.free = threading.Event()

    def __exit__(self, *_):
        self.let_go()
        super().__exit__()

    def let_go(self):
        """Sends held-back replies, and holds back no more."""
        self.keeps = lambda request: False
        self.free.set()
        self.free = threading.Event()
        self.kept.clear()

    def _hand_on(self, request: Request) -> Reply:
        free = self.free
        api = http.client.HTTPConnection(self.host, timeout=PATIENCE_SEC)
        try:
            api.request(request.method, request.path, request.body or None,
                        {name: value for name, value in request.headers.items()
                         if name.lower() not in ("host", "content-length", "connection")})
            answer = api.getresponse()
            try:
                reply = Reply(answer.status, answer.read())
            except http.client.IncompleteRead as cut:
                reply = Reply(answer.status, cut.partial, missing=cut.expected)
        finally:
            api.close()
        if self.keeps(request):
            self.kept.append(request)
            free.wait(PATIENCE_SEC)
        return reply
