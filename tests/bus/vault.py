# SPDX-License-Identifier: LGPL-2.1-or-later
"""A fake API with a vault, replies that can be held back, and its own clock."""

import json
import subprocess
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import parse_qs, unquote, urlsplit

from harness import Bus, Workspace
from harness.build import build_dir
from harness.process import PATIENCE_SEC
from harness.standin import Reply, Request, StandIn

from .client import Connection
from .stack import TIMEOUT_SEC, TestedDaemon, eventually, running

PAGE = 3  # passkeys on a page


@dataclass
class Passkey:
    user_id: str
    created_at: int  # milliseconds, by the API's clock
    used_at: int = 0


def not_found(tag: str = "NotFound") -> Reply:
    return Reply(404, {"_tag": f"@error/{tag}", "message": "no"})


class Vault(StandIn):
    """A fake vault for several tenancy ids."""

    def __init__(self):
        super().__init__()
        self.answer = self._serve
        self.probe_reply = not_found()
        self.clock_offset_sec = 0
        self.passkeys: dict[str, dict[str, Passkey]] = defaultdict(dict)
        self.codes: dict[str, str] = {}  # which passkey each stands for, until it is used
        self.faults: dict[str, Reply] = {}  # by the end of the path: instead of an answer
        self.lies: dict[str, Reply] = {}  # the same, after it has acted
        self.keeps: Callable[[Request], bool] = lambda request: False
        self.kept: list[Request] = []  # served, and the daemon does not know
        self.free = threading.Event()
        self.lock = threading.Lock()
        self.n_open = self.most_open = 0

    def __exit__(self, *_):
        self.let_go()
        super().__exit__()

    def now_ms(self) -> int:
        return int((time.time() + self.clock_offset_sec) * 1000)

    def add(self, passkey_id: str, user_id: str, age_sec: float = 0, used_sec: float | None = None,
            tenancy: str = "tenant_A") -> str:
        """Adds a passkey with this age and last use. Returns its code."""
        now = self.now_ms()
        self.passkeys[tenancy][passkey_id] = Passkey(
            user_id, now - int(age_sec * 1000),
            0 if used_sec is None else now - int(used_sec * 1000))
        return self.code(passkey_id)

    def code(self, passkey_id: str) -> str:
        code = f"code-{len(self.codes)}-{passkey_id}"
        self.codes[code] = passkey_id
        return code

    def let_go(self):
        """Sends held-back replies, and holds back no more."""
        self.keeps = lambda request: False
        self.free.set()
        self.free = threading.Event()
        self.kept.clear()

    def _serve(self, request: Request) -> Reply:
        with self.lock:
            self.n_open += 1
            self.most_open = max(self.most_open, self.n_open)
        try:
            free = self.free
            reply = self._act(request)
            path = urlsplit(request.path).path
            reply = next((lie for end, lie in self.lies.items() if path.endswith(end)), reply)
            if self.keeps(request):
                self.kept.append(request)
                free.wait(PATIENCE_SEC)
            return reply
        finally:
            with self.lock:
                self.n_open -= 1

    def _act(self, request: Request) -> Reply:
        url = urlsplit(request.path)
        _, _, tenancy, *rest = url.path.split("/")
        for end, fault in self.faults.items():
            if url.path.endswith(end):
                return fault
        match request.method, rest:
            case "GET", ["principal", code]:
                return self._exchange(tenancy, unquote(code))
            case "GET", ["passkeys", ""]:
                return self._page(tenancy, parse_qs(url.query).get("cursor", ["0"])[0])
            case "GET", ["passkeys", passkey_id]:
                return self._passkey(tenancy, unquote(passkey_id))
            case "POST", ["passkeys", "delete"]:
                return self._delete(tenancy, json.loads(request.body))
            case "POST", ["passkey", "registration", "authorize"]:
                return Reply(200, {"_tag": "AuthorizedPasskeyRegistration",
                                   "registrationToken": "rt_1",
                                   "expiresAt": self.now_ms() + 300000})
        return not_found()

    def _exchange(self, tenancy: str, code: str) -> Reply:
        passkey_id = self.codes.pop(code, None)
        passkey = self.passkeys[tenancy].get(passkey_id)
        if not passkey:
            return not_found("InvalidCode")
        return Reply(200, {
            "_tag": "ExtendedPrincipal", "id": f"pr-{code}", "userId": passkey.user_id,
            "authenticatorId": passkey_id, "authenticatorType": "passkey",
            "passkey": {"verified": True, "userVerified": True}, "createdAt": self.now_ms(),
            "expiresAt": self.now_ms() + 300000, "metadata": {}})

    def summary(self, passkey_id: str, passkey: Passkey) -> dict:
        row = {"_tag": "PasskeySummary", "id": passkey_id, "userId": passkey.user_id,
               "enabled": True, "credential": {"id": "Y3I", "userId": "dXM"},
               "createdAt": passkey.created_at}
        return row | ({"lastUsed": passkey.used_at} if passkey.used_at else {})

    def _page(self, tenancy: str, cursor: str) -> Reply:
        rows = sorted(self.passkeys[tenancy].items())
        end = int(cursor) + PAGE
        return Reply(200, {
            "_tag": "FindAllPasskeys", "cursor": str(end) if end < len(rows) else None,
            "records": [self.summary(*row) for row in rows[end - PAGE:end]]})

    def _passkey(self, tenancy: str, passkey_id: str) -> Reply:
        passkey = self.passkeys[tenancy].get(passkey_id)
        if not passkey:
            return not_found()
        row = self.summary(passkey_id, passkey)
        credential = row["credential"] | {
            "username": "ada", "aaguid": "0", "backedUp": False, "counter": 0,
            "deviceType": "singleDevice", "transports": [], "publicKey": "a2V5",
            "rpId": "shop.example.com"}
        return Reply(200, row | {"_tag": "Passkey", "credential": credential,
                                 "updatedAt": passkey.created_at})

    def _delete(self, tenancy: str, wanted: dict) -> Reply:
        vault = self.passkeys[tenancy]
        for passkey_id in [key for key, passkey in vault.items()
                           if key in wanted.get("passkeyIds", ()) or
                           passkey.user_id == wanted.get("userId")]:
            del vault[passkey_id]
        return Reply(200, {"_tag": "PreparedPasskeyDeletion", "deletePasskeysToken": "dt_1",
                           "expiresAt": self.now_ms() + 300000, "warnings": []})


def is_exchange(request: Request) -> bool:
    return "/principal/" in request.path


def is_list(request: Request) -> bool:
    return request.method == "GET" and request.path.partition("?")[0].endswith("/passkeys/")


def is_probe(request: Request) -> bool:
    return request.method == "GET" and "/passkeys/" in request.path and not is_list(request)


def is_delete(request: Request) -> bool:
    return request.path.endswith("/passkeys/delete")


class VaultStack:
    """A daemon, a bus and a vault. The tenancy `default` is tenant_A at first."""

    def __init__(self):
        self.work = Workspace()
        self.bus = Bus(self.work)
        self.vault = Vault()
        self.sections = {"Daemon": {}, "Tenancy default": self.tenancy("tenant_A")}
        self.keys = {"passlock.default": "k", "passlock.other": "k"}
        self.daemon = TestedDaemon(self.work, self.bus, self.sections, self.keys)
        self.sandbox = None
        self.open_connections: list[Connection] = []

    def tenancy(self, tenancy_id: str, **more: str) -> dict[str, str]:
        return {"TenancyId": tenancy_id, "Endpoint": self.vault.endpoint,
                "TimeoutSec": str(TIMEOUT_SEC)} | more

    def __enter__(self):
        running.append(self)
        text = self.bus.config.read_text()
        self.bus.config.write_text(text.replace(
            "</busconfig>", '<policy context="mandatory"><allow send_destination="*"/></policy>\n'
            "</busconfig>"))
        self.bus.start()
        self.vault.__enter__()
        self.daemon.start()
        return self

    def __exit__(self, *_):
        self.vault.let_go()
        status = self.daemon.stop() if self.daemon.running else 0
        said = self.daemon.log_tail(60)
        for connection in self.open_connections:
            connection.close()
        self.vault.__exit__()
        self.bus.kill9()
        self.work.close()
        running.remove(self)
        assert status == 0, f"status {status}: {said}"

    def connect(self) -> Connection:
        connection = Connection(self.bus.address)
        self.open_connections.append(connection)
        return connection

    def apply(self):
        """Writes `sections` and `keys`, and reloads the daemon."""
        self.daemon.configure(self.sections)
        self.daemon.set_keys(self.keys)
        self.daemon.reload()

    def move(self, tenancy_id: str):
        """Assigns the label `default` to another tenancy id."""
        self.sections["Tenancy default"] = self.tenancy(tenancy_id)
        self.apply()

    def links(self, label: str = "default") -> dict[str, str]:
        """The links: user id by authenticator id."""
        with self.connect() as connection:
            return {link["authenticator_id"]: link["user_id"]
                    for link in connection.all_links(label=label)}

    def kill_in_the_middle(self, *calls: int, answered: int = 0):
        """Kills the daemon after the API has executed these calls, before the daemon gets the replies."""
        eventually(lambda: len(self.vault.kept) >= len(calls) - answered)
        self.daemon.kill9()
        self.vault.let_go()

    def wait_recovered(self):
        eventually(lambda: "Crash recovery of links finished" in self.daemon.log_text())


class HeldStore:
    """Blocks writes to the daemon's store; reads work."""

    def __init__(self, stack: VaultStack):
        self.holder = subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", build_dir() / "tests/system/store-holder",
             stack.daemon.state], stdout=subprocess.PIPE)
        assert self.holder.stdout.readline() == b"held\n"

    def release(self):
        self.holder.kill()
        self.holder.wait()
        self.holder.stdout.close()
