# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example app with each client: sign up, sign out and in, in a page."""

import json
import re
import subprocess
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import pytest

from harness import Workspace
from harness.build import source_dir
from harness.gate import Gate
from harness.process import Process

EXAMPLE = source_dir() / "examples/signin"
COMMANDS = {
    "node": ["node", str(EXAMPLE / "app.mjs")],
    "python": ["sh", "-c", f"exec /usr/bin/python3 {EXAMPLE}/app.py 2>&1"],
    "php": ["sh", "-c", f"exec php -S localhost:0 {EXAMPLE}/app.php 2>&1"],
    "php without sessions": ["sh", "-c", "exec php -n -d session.save_path=/nonexistent -S localhost:0 "
                             f"{EXAMPLE}/app.php 2>&1"],
}


class App(Process):
    """The example with a client."""

    def __init__(self, work, name, gate, sandbox, **variables):
        super().__init__(work.log(name), gate.as_user)
        self.name, self.gate, self.sandbox, self.variables, self.url = name, gate, sandbox, variables, ""

    def command(self):
        return COMMANDS[self.name]

    def environment(self):
        return {"PORT": "0", "PASSLOCK_GATE": str(self.gate.socket), "PASSLOCK_TENANCY_ID": self.sandbox.tenancy_id,
                "PASSLOCK_ENDPOINT": self.sandbox.endpoint, "PYTHONPATH": str(source_dir() / "clients/python"),
                "PYTHONDONTWRITEBYTECODE": "1", "NODE_PATH": str(source_dir() / "tests/browser/node_modules"), **self.variables}

    def wait_ready(self):
        while not (found := re.search(r"http://[\w.]+:\d+", self.read_line())):
            pass
        self.url = found[0]

    def stop(self):
        """None of the apps handles SIGTERM."""
        return self.kill9() and 0


@pytest.fixture(name="gate", scope="module")
def fixture_gate(stack):
    with Workspace() as work:
        work.path.chmod(0o777)
        with Gate(work, stack.bus) as gate:
            yield gate


@pytest.fixture(name="app", scope="module", params=["node", "python", "php"])
def fixture_app(request, gate, stack):
    with Workspace() as work, App(work, request.param, gate, stack.sandbox) as app:
        yield app


def post(page, path, body, kind="application/json"):
    """Sends a body, an expression, from within the page. Returns the status."""
    return page.evaluate(f"""fetch({path!r}, {{method: "POST", headers: {{"Content-Type": {kind!r}}}, body: {body}}})
        .then((reply) => reply.status)""")


def settled(page, selector):
    page.settle()
    page.wait(selector)


def test_sign_up_and_in(app, browser, host):
    page = browser.open(autofill=False)
    page.goto(app.url)
    page.click("#sign-up")
    settled(page, "#inside")
    user, passkey = page.text("#user"), page.text("#passkeys")
    assert host.links()[passkey] == user
    page.click("#sign-out")
    settled(page, "#outside")
    page.click("#sign-in")
    settled(page, "#inside")
    assert (page.text("#user"), page.text("#passkeys")) == (user, passkey)
    assert page.complaints() == []
    page.close()


@pytest.mark.parametrize("name", ["node", "python"])
def test_host(name, gate, stack):
    """In a container the app has to listen on more than loopback."""
    with Workspace() as work, App(work, name, gate, stack.sandbox, HOST="127.0.0.2") as app:
        url = f"http://127.0.0.2:{urlsplit(app.url).port}/config"
        with urlopen(url) as reply:
            assert json.load(reply)["tenancyId"] == stack.sandbox.tenancy_id


def test_php_without_sessions(gate, stack):
    """Warnings are not in the reply, and sign-up does not begin without a session."""
    with Workspace() as work, App(work, "php without sessions", gate, stack.sandbox) as app:
        request = Request(f"{app.url}/sign-up", b'{"username": "ada"}', {"Content-Type": "application/json"})
        with pytest.raises(HTTPError) as failed:
            urlopen(request)
        assert (failed.value.code, json.load(failed.value)) == (500, {"error": "InternalServerError"})
        while "/nonexistent" not in app.read_line():
            pass


CODES = ("null", "1", '"a\\u0000b"', '"\\ud800"', "{}", "'x'.repeat(200000)", '""')


def test_codes_of_a_hostile_page(app, browser):
    page = browser.open(autofill=False)
    page.goto(app.url)
    for code in CODES:
        status, error = page.evaluate(f"""fetch("session", {{
            method: "POST", headers: {{"Content-Type": "application/json"}}, body: JSON.stringify({{code: {code}}})}})
            .then(async (reply) => [reply.status, (await reply.json()).error])""")
        assert status == 400 and error in ("InvalidArgs", "BodyTooLarge", "BadRequest"), (code, status, error)
    for body in ("''", "'{'", "'[]'", "'null'", "'['.repeat(100000)"):
        assert post(page, "session", body) == 400, body
    assert post(page, "session", "JSON.stringify({code: 'x'.repeat(2 ** 20)})") == 413
    # A page of another site could send this type.
    assert post(page, "sign-in", "'{}'", "text/plain") in (400, 415)
    assert page.evaluate('fetch("me").then((reply) => reply.status)') == 200
    page.close()


def test_outage(app, gate, browser):
    page = browser.open(autofill=False)
    page.goto(app.url)
    page.click("#sign-up")
    settled(page, "#inside")
    gate.stop_well()
    page.goto(app.url)
    page.hear("#status", "Passkeys do not work now.")
    assert post(page, "sign-in", "'{}'") == 502
    gate.start()
    page.goto(app.url)
    settled(page, "#inside")
    assert page.complaints() == []
    page.close()


USE = """
import { Passlock, NotFound, type Principal } from "passlock-gate-client"
const passlock = new Passlock({ tenancy: "default" })
const token: string = (await passlock.authorize("rp", "u", "n", { rpName: "x" }, { signal: AbortSignal.timeout(1) })).token
const principal: Principal = await passlock.exchange(token, { userId: "u" })
for await (const change of passlock.links.changed()) console.log(change.added[0]?.userId, principal.linked)
try { await passlock.vault.deletePasskeys(["a"]) } catch (error) { if (error instanceof NotFound) console.log(error.status) }
// @ts-expect-error
passlock.exchange("code", { user: "u" })
// @ts-expect-error
passlock.links.getUser(1)
"""


TSC = source_dir() / "tests/browser/node_modules/typescript/bin/tsc"


@pytest.mark.skipif(not TSC.exists(), reason="needs typescript of npm")
def test_types_of_node(tmp_path):
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules/passlock-gate-client").symlink_to(source_dir() / "clients/node")
    (tmp_path / "use.mts").write_text(USE)
    done = subprocess.run(
        ["node", TSC, "--noEmit", "--strict", "--target", "es2022", "--module",
         "nodenext", "--lib", "es2022,dom,esnext.asynciterable", "--preserveSymlinks", "use.mts"],
        cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
