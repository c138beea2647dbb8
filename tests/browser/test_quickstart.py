# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs and commands in doc/quickstart.md, as printed: each backend signs a user up and in."""

import http.client
import json
import os
import re
import shlex
import socket
import subprocess

import pytest

from harness import Stack
from harness.build import binary, build_dir, source_dir
from harness.process import PATIENCE_SEC, Process
from tests.bus import authenticator

TEXT = (source_dir() / "doc/quickstart.md").read_text()
FILES = dict(re.findall(r"^`([\w.]+)`:\n\n```\w+\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL))
BACKENDS = ["app.mjs", "app.py", "app.php", "app.sh", "app.c"]
CLONE = "~/passlockd/build"


def commands(after: str) -> list[str]:
    """The commands of the first console block after a text, without their output."""
    block = re.search(r"^```console\n(.*?)^```$", TEXT[TEXT.index(after):], re.MULTILINE | re.DOTALL)[1]
    return re.findall(r"^\$ ((?:.*\\\n)*.*)$", block, re.MULTILINE)


def shown_settings() -> dict[str, str]:
    """The values of the demo in the table of settings."""
    return dict(re.findall(r"^\| `?([\w ]+)`?: .*? \| `([^`]+)` \|", TEXT, re.MULTILINE))


class Backend(Process):
    """A backend, started by the commands below its program."""

    name = "backend"

    def __init__(self, stack, directory, file):
        super().__init__(directory / "backend.log")
        self.stack = stack
        self.directory = directory
        self.file = file
        # Reserved until the backend listens: bound, but not listening.
        self.place = socket.socket()
        self.place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.place.bind(("127.0.0.1", 0))
        self.port = self.place.getsockname()[1]
        self.url = f"http://localhost:{self.port}"

    def command(self):
        *first, last = commands(f"`{self.file}`:")
        script = " && ".join([f"cd {shlex.quote(str(self.directory))}", *first, f"exec {last} 2>&1"])
        script = script.replace(CLONE, str(build_dir()))
        if b"__asan_init" in binary("passlockctl").read_bytes():
            script = script.replace("cc ", "cc -fsanitize=address,undefined ")
        return ["bash", "-c", script]

    def environment(self):
        return settings(self.stack) | {"PORT": str(self.port)}

    def wait_ready(self):
        while str(self.port) not in self.read_line():
            pass

    def post(self, path, body="", **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=PATIENCE_SEC)
        connection.request("POST", path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        reply = connection.getresponse()
        text = reply.read().decode()
        connection.close()
        return reply.status, text, (reply.headers["Set-Cookie"] or "").partition(";")[0]


def settings(stack) -> dict[str, str]:
    return {"PASSLOCK_TENANCY_ID": stack.sandbox.tenancy_id, "PASSLOCK_ENDPOINT": stack.sandbox.endpoint,
            "PASSLOCK_GATE": str(stack.gate.socket), "DBUS_SYSTEM_BUS_ADDRESS": stack.bus.address}


def run(stack, directory, command) -> str:
    done = subprocess.run(["bash", "-c", command], cwd=directory, env=os.environ | settings(stack),
                          capture_output=True, text=True, timeout=PATIENCE_SEC, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module", name="stack")
def fixture_stack(work):
    """A host of its own: the passkeys stay in the vault."""
    with Stack(work.part("quickstart")) as running:
        yield running


@pytest.fixture(params=BACKENDS, name="backend")
def fixture_backend(request, stack, tmp_path):
    """The directory of the text, and one of the backends in it."""
    (make, download) = commands("## 2. The page")
    run(stack, tmp_path, f"{make} && {download}")
    directory = tmp_path / "my-app"
    for name in ("index.html", "app.js", request.param):
        (directory / name).write_text(FILES[name].replace(shown_settings()["PASSLOCK_ENDPOINT"], stack.sandbox.endpoint))
    running = Backend(stack, directory, request.param)
    with running.place:
        running.start()
        yield running
        running.stop()


def test_settings(stack):
    assert {*FILES} == {"index.html", "app.js", *BACKENDS}
    assert shown_settings()["PASSLOCK_TENANCY_ID"] == stack.sandbox.tenancy_id
    assert f"--port={shown_settings()['PASSLOCK_ENDPOINT'].rpartition(':')[2]}" in commands("## 1.")[0]


def test_requests_of_the_terminal(stack, tmp_path):
    (health,) = commands("To test the settings")
    assert json.loads(run(stack, tmp_path, health)) == {"state": "ready"}
    (authorize,) = commands("first of the two calls")
    assert set(json.loads(run(stack, tmp_path, authorize))) == {"registration_token", "expires_at"}
    (links,) = commands("To list the links")
    assert set(json.loads(run(stack, tmp_path, links))) == {"links", "next_cursor"}


def test_errors_exist():
    rows = re.findall(r"^\| (`.*?) \| (page|backend) \|", TEXT, re.MULTILINE)
    errors = set(re.findall(r'ERROR_(?:OURS|STANDARD)\("(\w+)"\)', (source_dir() / "dbus/error.h").read_text()))
    errors |= set(re.findall(r'X\(\w+, \d+, "(\w+)"', (source_dir() / "gate/http-error.h").read_text()))
    page = (source_dir() / "browser/passlock.js").read_text()
    shown = {place: {name for row, where in rows if where == place for name in re.findall(r"`([^`]+)`", row)}
             for place in ("page", "backend")}
    assert {name for name in shown["backend"] if re.fullmatch(r"(?:[A-Z][a-z]+)+", name)} <= errors
    named = {name for name in shown["page"] if name.startswith(("@error/", "ERROR_"))}
    assert len(named) == 4 and all(name in page for name in named)


def test_sign_up_and_in(backend, browser, host):
    before = host.links()
    page = browser.open(autofill=False)
    page.goto(backend.url)
    page.fill("#name", "Ada Łovelace")
    page.click("#sign-up button")
    assert page.hear("#status", "Signed in") == "Signed in as Ada Łovelace", backend.log_tail()
    assert len(host.links()) == len(before) + 1
    first = [cookie["value"] for cookie in page.cookies()]

    page.click("#sign-in")
    assert page.hear("#status", "Signed in") == "Signed in as Ada Łovelace", backend.log_tail()
    (second,) = page.cookies()
    assert second["httpOnly"] and second["sameSite"] == "Strict" and second["value"] not in first
    assert page.complaints() == []
    page.close()


def test_refusals(backend, stack, host):
    """Codes that are invalid or of another user, requests of other sites, and unknown users sign nobody in."""
    api = stack.sandbox.endpoint, stack.sandbox.tenancy_id
    assert backend.post("/sign-in", Sec_Fetch_Site="cross-site")[0] == 403
    assert backend.post("/nothing")[0] == 404
    assert backend.post("/sign-in/finish", "no-such-code")[0] == 502
    assert backend.post("/sign-up/finish", "no-such-code")[0] == 502

    stranger = authenticator.create_passkey(*api, stack.gate.call(
        "Tenancy.Authorize", rp_id="localhost", user_id="stranger", username="s")["registration_token"])
    stack.gate.call("Tenancy.Exchange", code=stranger.code)
    before = host.links()
    _, token, _ = backend.post("/sign-in")
    assert backend.post("/sign-in/finish", authenticator.sign_in(*api, token, stranger).code)[0] == 502

    _, _, session = backend.post("/sign-up", "Ada")
    _, token, _ = backend.post("/sign-up", "Eve")
    eve = authenticator.create_passkey(*api, token)
    assert backend.post("/sign-up/finish", eve.code, Cookie=session)[0] == 502
    assert host.links() == before

    _, token, session = backend.post("/sign-up", "Eve")
    eve = authenticator.create_passkey(*api, token)
    status, text, signed_in = backend.post("/sign-up/finish", eve.code, Cookie=session)
    assert (status, text) == (200, "Eve") and signed_in not in ("", session)
    assert backend.post("/sign-up/finish", eve.code, Cookie=session)[0] == 502
    assert host.links() == before | {eve.authenticator_id: eve.user_id}
