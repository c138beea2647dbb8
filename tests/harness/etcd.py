# SPDX-License-Identifier: LGPL-2.1-or-later
"""Members of etcd, and certificates for them."""

import contextlib
import json
import os
import socket
import ssl
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

from .network import Host
from .process import PATIENCE_SEC, Failed, Process
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

    def issue(self, name: str, subject: str = "", address: str = "127.0.0.1") -> tuple[Path, Path]:
        """Certificate and key, for client and server: etcd's gateway is a client of its server."""
        certificate, key, request = (self.path(f"{name}.{end}") for end in ("crt", "key", "csr"))
        extensions = self.path("extensions")
        extensions.write_text(f"subjectAltName=DNS:localhost,IP:{address}\n"
                              "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
        self._openssl("req", *self._new_key(key), "-subj", subject or f"/CN={name}", "-out", request)
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
    """A cluster of one member, on ports that it keeps when it is started again. With an authority, it uses
    TLS, and demands a client certificate if `mutual`. With a host, it runs on that one."""

    def __init__(self, work: Workspace, name: str = "etcd", authority: Authority | None = None,
                 mutual: bool = False, options: tuple[str, ...] = (), host: Host | None = None):
        self.name = name
        self.host = host
        self.address = host.address if host else "127.0.0.1"
        super().__init__(work.log(name))
        self.data = work / f"{name}.data"
        self.port, self.peer_port = free_ports(2)
        self.authority = authority
        self.mutual = mutual
        self.options = options
        self.members = [self]
        self.tls: ssl.SSLContext | None = None
        if authority:
            self.files = authority.issue(name, address=self.address)
            self.tls = ssl.create_default_context(cafile=str(authority.certificate))
            self.tls.load_cert_chain(*self.files)

    @property
    def endpoint(self) -> str:
        if not self.authority:
            return f"http://{self.address}:{self.port}"
        return f"https://{self.address if self.host else 'localhost'}:{self.port}"

    @property
    def peer_url(self) -> str:
        return f"{'https' if self.authority else 'http'}://{self.address}:{self.peer_port}"

    def command(self):
        scheme = "https" if self.authority else "http"
        cluster = ",".join(f"{member.name}={member.peer_url}" for member in self.members)
        return [*(self.host.prefix if self.host else ()), "etcd", f"--name={self.name}", f"--data-dir={self.data}",
                f"--listen-client-urls={scheme}://{self.address}:{self.port}", f"--advertise-client-urls={self.endpoint}",
                f"--listen-peer-urls={self.peer_url}", f"--initial-advertise-peer-urls={self.peer_url}",
                f"--initial-cluster={cluster}", "--logger=zap", "--log-outputs=stderr", *self.tls_options(),
                *self.options]

    def tls_options(self) -> list[str]:
        if not self.authority:
            return []
        certificate, key = self.files
        ca = self.authority.certificate
        return [f"--cert-file={certificate}", f"--key-file={key}",
                f"--peer-cert-file={certificate}", f"--peer-key-file={key}",
                "--peer-client-cert-auth", f"--peer-trusted-ca-file={ca}",
                *(["--client-cert-auth", f"--trusted-ca-file={ca}"] if self.mutual else [])]

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
        if self.host:
            return self.call_by_curl(path, body)
        headers = {"Authorization": token} if token else {}
        request = urllib.request.Request(self.endpoint + path, json.dumps(body).encode(), headers)
        with urllib.request.urlopen(request, timeout=PATIENCE_SEC, context=self.tls) as reply:
            return json.load(reply)

    def call_by_curl(self, path: str, body: dict) -> dict:
        """From its host: this process has another network."""
        done = subprocess.run(
            [*self.host.prefix, "curl", "--silent", "--show-error", "--fail", "--noproxy", "*",
             *(["--cacert", str(self.authority.certificate)] if self.authority else []),
             "--data", json.dumps(body), self.endpoint + path], capture_output=True, check=False)
        if done.returncode:
            raise OSError(done.stderr.decode())
        return json.loads(done.stdout)

    def enable_users(self, password: str):
        """Has etcd demand the password of the user root."""
        self.call("/v3/auth/user/add", {"name": "root", "password": password})
        self.call("/v3/auth/role/add", {"name": "root"})
        self.call("/v3/auth/user/grant", {"user": "root", "role": "root"})
        self.call("/v3/auth/enable", {})

    def log_in(self, password: str) -> str:
        return self.call("/v3/auth/authenticate", {"name": "root", "password": password})["token"]


class Member(Etcd):
    """A member of a cluster of several. It answers as soon as most of them run."""

    wait_serving = Etcd.wait_ready

    def wait_ready(self):
        pass


class EtcdCluster:
    """Three members with TLS and client certificates, as in doc/fleet.md."""

    def __init__(self, work: Workspace, n_members: int = 3):
        self.authority = Authority(work.private_dir("authority"), "etcd")
        self.members = [Member(work, f"etcd{n}", self.authority, mutual=True) for n in range(1, n_members + 1)]
        for member in self.members:
            member.members = self.members
        self.admin = self.authority.issue("root")
        # etcd's gateway refuses client certificates with a common name.
        self.client = self.authority.issue("passlock", "/O=passlock")

    @property
    def endpoints(self) -> list[str]:
        return [member.endpoint for member in self.members]

    def start(self):
        for member in self.members:
            member.start()
        for member in self.members:
            member.wait_serving()

    def stop(self):
        for member in self.members:
            member.stop()

    def etcdctl(self, *arguments: str, check: bool = True) -> str:
        """The output of etcdctl as the user root, by its certificate."""
        certificate, key = self.admin
        done = subprocess.run(
            ["etcdctl", *arguments], capture_output=True, text=True, check=False, timeout=PATIENCE_SEC,
            env=os.environ | {"ETCDCTL_API": "3", "ETCDCTL_ENDPOINTS": ",".join(self.endpoints),
                              "ETCDCTL_CACERT": str(self.authority.certificate),
                              "ETCDCTL_CERT": str(certificate), "ETCDCTL_KEY": str(key)})
        if check and done.returncode:
            raise Failed(f"etcdctl {' '.join(arguments)}: {done.stderr}")
        return done.stdout

    def add_user(self, name: str, password: str, prefix: str):
        """Adds a user who may touch the keys with the prefix only, and has etcd demand a user."""
        self.etcdctl("role", "add", name)
        self.etcdctl("role", "grant-permission", "--prefix", name, "readwrite", prefix)
        self.etcdctl("user", "add", f"{name}:{password}")
        self.etcdctl("user", "grant-role", name, name)
        self.etcdctl("user", "add", "root", "--no-password")
        self.etcdctl("user", "grant-role", "root", "root")
        self.etcdctl("auth", "enable")

    def status(self) -> dict[Member, dict]:
        """The status of each running member."""
        statuses = json.loads(self.etcdctl("endpoint", "status", "--write-out=json", check=False) or "[]")
        by_endpoint = {status["Endpoint"]: status["Status"] for status in statuses}
        return {member: by_endpoint[member.endpoint] for member in self.members if member.endpoint in by_endpoint}

    def leader(self) -> Member | None:
        for member, status in self.status().items():
            if status["header"]["member_id"] == status["leader"]:
                return member
        return None
