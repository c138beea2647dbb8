# SPDX-License-Identifier: LGPL-2.1-or-later
"""Pages in headless Chromium that use the page module: shared by test_page*.py and test_browser.py."""

import http.server
import json
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
sys.path.insert(0, str(HERE.parent))

from harness import Browser, Workspace  # noqa: E402, F401 for conftest.py

MISSING = [what for what, is_there in (
    ("node", shutil.which("node")), ("chromium", Path("/usr/bin/chromium").exists()),
    ("the packages of tests/browser", (ROOT / "tests/browser/node_modules/puppeteer-core").exists()),
    ("the packages of tests/sandbox/second-opinion", (HERE / "second-opinion/node_modules").exists()),
) if not is_there]
needs_browser = pytest.mark.skipif(bool(MISSING), reason=f"missing: {', '.join(MISSING)}")
PAGE = '<!DOCTYPE html><title>Page</title><input id="name" autocomplete="username webauthn">'
TYPES = {".js": "text/javascript"}


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        content = self.server.files.get(self.path)
        self.send_response(404 if content is None else 200)
        self.send_header("Content-Type", TYPES.get(Path(self.path).suffix, "text/html"))
        self.end_headers()
        self.wfile.write((content or "").encode())

    def log_message(self, *_):
        pass


class Site(http.server.ThreadingHTTPServer):
    """A web site on localhost, which is a valid RP ID, and an origin of its own."""

    request_queue_size = 128  # browsers open several connections at once
    daemon_threads = True

    def __init__(self, handler=Handler):
        super().__init__(("127.0.0.1", 0), handler)
        self.files = {"/": PAGE}
        self.url = f"http://localhost:{self.server_port}"

    def __enter__(self):
        threading.Thread(target=self.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()

    def serve(self, path, content):
        """Returns the URL of the file."""
        self.files[path] = content
        return self.url + path


# Results as JSON: of an Error, also the members that JSON leaves out.
PLAIN = """const plain = (value) =>
    value instanceof Error
        ? { ...value, name: value.name, message: value.message, isError: true, isItself: value.error === value,
            cause: value.cause && { name: value.cause.name, _tag: value.cause._tag } }
    : Array.isArray(value) ? value.map(plain)
    : typeof value === "object" && value !== null
        ? Object.fromEntries(Object.entries(value).map(([name, member]) => [name, plain(member)]))
    : value;"""


class Person:
    """A user at a page; the page has the API's origin as default endpoint."""

    def __init__(self, page, site, sandbox):
        self.page = page
        self.site = site.url
        self.sandbox = sandbox
        page.goto(site.url)

    def run(self, script, module=None):
        """Runs statements that use `lib`, `passlock`, `events` and `onEvent`. Returns their return value."""
        return self.page.evaluate(f"""(async () => {{
            {PLAIN}
            const lib = await import("{module or self.sandbox.url + "/passlock.js"}");
            const passlock = new lib.Passlock({{ tenancyId: "T1" }});
            const events = [], onEvent = (event) => events.push(event);
            return plain(await (async () => {{ {script} }})());
        }})()""")

    def create(self, token, before="", after=""):
        return self.run(f"""{before};
            const result = await passlock.registerPasskey({{ registrationToken: "{token}", onEvent }});
            {after or "return result"}""")

    def register(self, **changes):
        result = self.create(self.sandbox.authorize(**changes))
        assert result["success"], result
        return self.sandbox.passkey(result["principal"]["authenticatorId"])

    def sign_in(self, before="", **scope):
        token = self.sandbox.authorize_sign_in(**scope)
        return self.run(f"""{before};
            const result = await passlock.authenticatePasskey({{ authenticationToken: "{token}", onEvent }});
            return {{ result, events }}""")

    def prepare(self, kind, **body):
        """A token of a change of the vault."""
        return self.sandbox.backend("POST", f"passkeys/{kind}", body).json[f"{kind}PasskeysToken"]

    def redeem(self, kind, token, before=""):
        return self.run(f"{before}; return passlock.{kind}Passkeys({{ {kind}PasskeysToken: {json.dumps(token)} }})")


def run_node(*arguments, **kwargs):
    done = subprocess.run(["node", *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False,
                          **kwargs)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
