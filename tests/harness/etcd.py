# SPDX-License-Identifier: LGPL-2.1-or-later
"""A node of etcd, and certificates for it."""

import contextlib
import json
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from .process import PATIENCE_SEC, Process
from .workspace import Workspace


def free_ports(n: int) -> list[int]:
    """Ports of 127.0.0.1 that were free just now: etcd cannot choose them itself."""
    with contextlib.ExitStack() as stack:
        places = [stack.enter_context(socket.socket()) for _ in range(n)]
        for place in places:
            place.bind(("127.0.0.1", 0))
        return [place.getsockname()[1] for place in places]


class Authority:
    """A CA in a directory, which issues certificates for localhost."""

    def __init__(self, directory: Path, name: str):
        self.directory = directory
        self.name = name
        self.certificate, key = self.path("ca.crt"), self.path("ca.key")
        self._openssl("req", "-x509", *self._new_key(key), "-days", "2", "-subj", f"/CN={name}",
                      "-addext", "keyUsage=critical,keyCertSign,cRLSign", "-out", self.certificate)

    def path(self, name: str) -> Path:
        return self.directory / f"{self.name}-{name}"

    def issue(self, name: str) -> tuple[Path, Path]:
        """Certificate and key, for client and server: etcd's gateway is a client of its server."""
        certificate, key, request = (self.path(f"{name}.{end}") for end in ("crt", "key", "csr"))
        extensions = self.path("extensions")
        extensions.write_text("subjectAltName=DNS:localhost,IP:127.0.0.1\n"
                              "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        self._openssl("req", *self._new_key(key), "-subj", f"/CN={name}", "-out", request)
        self._openssl("x509", "-req", "-in", request, "-CA", self.certificate, "-CAkey", self.path("ca.key"),
                      "-CAcreateserial", "-days", "2", "-extfile", extensions, "-out", certificate)
        return certificate, key

    @staticmethod
    def _new_key(key: Path):
        return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key]

    @staticmethod
    def _openssl(*arguments):
        subprocess.run(["openssl", *map(str, arguments)], check=True, capture_output=True)


class Etcd(Process):
    """A cluster of one node, on ports that it keeps when it is started again. With an authority, it uses
    TLS, and demands a client certificate if `mutual`."""

    def __init__(self, work: Workspace, name: str = "etcd", authority: Authority | None = None,
                 mutual: bool = False, options: tuple[str, ...] = ()):
        self.name = name
        super().__init__(work.log(name))
        self.data = work / f"{name}.data"
        self.port, self.peer_port = free_ports(2)
        self.authority = authority
        self.mutual = mutual
        self.options = options
        self.tls: ssl.SSLContext | None = None
        if authority:
            self.files = authority.issue(name)
            self.tls = ssl.create_default_context(cafile=str(authority.certificate))
            self.tls.load_cert_chain(*self.files)

    @property
    def endpoint(self) -> str:
        return f"https://localhost:{self.port}" if self.authority else f"http://127.0.0.1:{self.port}"

    def command(self):
        scheme = "https" if self.authority else "http"
        peer = f"http://127.0.0.1:{self.peer_port}"
        tls = [f"--cert-file={self.files[0]}", f"--key-file={self.files[1]}"] if self.authority else []
        if self.mutual:
            tls += ["--client-cert-auth", f"--trusted-ca-file={self.authority.certificate}"]
        return ["etcd", "--name=node", f"--data-dir={self.data}",
                f"--listen-client-urls={scheme}://127.0.0.1:{self.port}", f"--advertise-client-urls={self.endpoint}",
                f"--listen-peer-urls={peer}", f"--initial-advertise-peer-urls={peer}",
                f"--initial-cluster=node={peer}", "--logger=zap", "--log-outputs=stderr", *tls, *self.options]

    def wait_ready(self):
        end = time.monotonic() + PATIENCE_SEC
        while True:
            try:
                self.call("/v3/maintenance/status", {})
                return
            except urllib.error.HTTPError:
                return  # it answers
            except OSError as error:
                if not self.running:
                    raise self.failed(f"ended with status {self.child.wait()}") from error
                if time.monotonic() > end:
                    raise self.failed("does not answer") from error
                time.sleep(0.05)

    def call(self, path: str, body: dict, token: str = "") -> dict:
        headers = {"Authorization": token} if token else {}
        request = urllib.request.Request(self.endpoint + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_SEC, context=self.tls) as reply:
            return json.load(reply)

    def enable_users(self, password: str):
        """Has etcd demand the password of the user root."""
        self.call("/v3/auth/user/add", {"name": "root", "password": password})
        self.call("/v3/auth/role/add", {"name": "root"})
        self.call("/v3/auth/user/grant", {"user": "root", "role": "root"})
        self.call("/v3/auth/enable", {})

    def log_in(self, password: str) -> str:
        return self.call("/v3/auth/authenticate", {"name": "root", "password": password})["token"]
