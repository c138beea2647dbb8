# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fake HTTP API for passlockctl, with one valid key."""

import ssl
import subprocess
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

KEY = "pk_live_0123456789abcdef"


class Handler(BaseHTTPRequestHandler):
    """Replies with the settings of the server."""

    def do_GET(self):  # pylint: disable=invalid-name
        api = self.server.api
        api.requests.append((self.path, self.headers["Authorization"]))
        granted = self.headers["Authorization"] in (None, f"Bearer {KEY}")
        status = api.status if granted else 403
        self.send_response_only(status)
        if api.ahead_sec is not None:
            self.send_header("Date", self.date_time_string(time.time() + api.ahead_sec))
        if status == 302:
            self.send_header("Location", "/elsewhere")
        for name, value in api.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(api.body) + api.cut_off))
        self.end_headers()
        self.wfile.write(api.body)

    def log_message(self, *_):  # pylint: disable=arguments-differ
        pass


class Server(ThreadingHTTPServer):
    """Ignores aborted handshakes."""

    daemon_threads = True

    def __init__(self, api, address):
        self.api = api
        super().__init__((address, 0), Handler)

    def handle_error(self, request, client_address):
        pass


class Api:
    """Serves until the end of its `with` block; with TLS if there is a certificate."""

    def __init__(self, certificate=None, address="127.0.0.1"):
        self.status = 200
        self.body = b'{"_tag":"FindAllPasskeys","cursor":null,"records":[]}'
        self.headers = {}
        self.cut_off = 0  # missing bytes at the end of the body
        self.ahead_sec = 0  # None: no Date header
        self.requests = []
        self.server = Server(self, address)
        if certificate:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(certificate)
            self.server.socket = context.wrap_socket(self.server.socket, server_side=True,
                                                     do_handshake_on_connect=False)
        scheme = "https" if certificate else "http"
        self.endpoint = f"{scheme}://{address}:{self.server.server_port}"
        self.thread = threading.Thread(target=self.server.serve_forever,
                                       kwargs={"poll_interval": 0.05})

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


def make_certificate(path):
    """Creates a file with a key and a self-signed certificate for 127.0.0.1."""
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", path, "-out", f"{path}.crt"], check=True, capture_output=True)
    with open(path, "a", encoding="ascii") as both, open(f"{path}.crt", encoding="ascii") as crt:
        both.write(crt.read())
    return path
