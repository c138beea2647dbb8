# SPDX-License-Identifier: LGPL-2.1-or-later
"""A local Passlock API."""

import json
import secrets
import socket
import urllib.request

from .build import binary
from .process import PATIENCE_SEC, Process
from .workspace import Workspace


class Sandbox(Process):
    """passlock-sandbox, with an endpoint that survives restarts."""

    name = "passlock-sandbox"

    def __init__(self, work: Workspace, tenancy_id: str = "sandboxTenancy",
                 options: tuple[str, ...] = (), port: int = 0):
        super().__init__(work.log(self.name))
        self.tenancy_id = tenancy_id
        self.api_key = secrets.token_urlsafe(32)
        self.key_file = work.private_dir("sandbox") / f"{tenancy_id}.key"
        self.key_file.write_text(self.api_key + "\n")
        self.options = options
        self.endpoint = ""
        # Reserves the port while the sandbox is stopped: bound, but not listening.
        self.place = socket.socket()
        self.place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.place.bind(("127.0.0.1", port))
        self.tls = None  # TLS context for a sandbox with HTTPS

    def command(self):
        return [str(binary("passlock-sandbox")), f"--listen=127.0.0.1:{self.place.getsockname()[1]}",
                f"--tenancy={self.tenancy_id}", f"--api-key-file={self.key_file}", *self.options]

    def wait_ready(self):
        line = self.read_line()
        prefix = "listening on "
        if not line.startswith(prefix):
            raise self.failed(f"said {line!r}")
        self.endpoint = line.removeprefix(prefix)

    def tenancy(self, credential: str = "passlock.default") -> dict[str, str]:
        """The settings of its [Tenancy …] section."""
        return {"TenancyId": self.tenancy_id, "Endpoint": self.endpoint,
                "ApiKeyCredential": credential, "TimeoutSec": "30"}

    def set_faults(self, *faults: str):
        """Replaces the faults; no argument clears them."""
        self._http("POST", "/-/faults", {"faults": list(faults)})

    def calls(self) -> dict[str, int]:
        """The number of requests to each endpoint."""
        return self._http("GET", "/-/calls")

    def outbox(self) -> list[dict]:
        """The mails with codes, oldest first."""
        return self._http("GET", "/-/outbox")["mails"]

    def _http(self, method: str, path: str, body=None):
        request = urllib.request.Request(
            self.endpoint + path, method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=PATIENCE_SEC, context=self.tls) as reply:
            return json.loads(reply.read() or b"null")
