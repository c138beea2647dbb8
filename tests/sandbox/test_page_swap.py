# SPDX-License-Identifier: LGPL-2.1-or-later
"""The page module and @passlock/browser: a page can use either. Also the quickstart, the types, and npm."""

import json
import os
import re
import subprocess

import pytest

from page import HERE, ROOT, Handler, Person, Site, needs_browser, run_node

pytestmark = needs_browser
PAGES = HERE / "pages"
TSC = ROOT / "tests/browser/node_modules/typescript/bin/tsc"
IMPORT_LINE = 'import * as lib from "@passlock/browser";\n'


def make_tokens(person, user):
    """A token for each call of every-call.js."""
    sandbox = person.sandbox
    passkey = person.register(userId=user)
    return {
        "first": sandbox.authorize(userId=f"{user}-first"),
        "again": sandbox.authorize(userId=user, excludeCredentials=[passkey["id"]]),
        "second": sandbox.authorize(userId=f"{user}-second"),
        "signIn": sandbox.authorize_sign_in(userId=user),
        "update": person.prepare("update", userId=user, username="new"),
        "delete": person.prepare("delete", passkeyIds=["pk_unknown"]),
        "prune": person.prepare("prune", userId=user),
    }


def run_every_call(person, site, module):
    """Runs the page, importing this module."""
    source = (PAGES / "every-call.js").read_text()
    assert source.startswith(IMPORT_LINE)
    user = re.sub(r"\W", "", module)
    page = site.serve(f"/{user}.js", source.replace("@passlock/browser", module, 1))
    settings = {"tenancyId": "T1", "endpoint": person.sandbox.url}

    def run(function, **arguments):
        return person.page.evaluate(
            f'import("{page}").then((page) => page.{function}({json.dumps(settings | arguments)}))')

    answer = run("run", tokens=make_tokens(person, user))
    person.page.replace_authenticator()
    passkey = person.register(userId=f"{user}-orphan")
    person.sandbox.backend("POST", "passkeys/delete", {"passkeyIds": [passkey["id"]]})
    answer["orphan"] = run("runOrphan", token=person.sandbox.authorize_sign_in(discoverable=True))
    assert answer["orphan"][0].pop("credentialId") == passkey["credential"]["id"]
    return answer


def test_swap_of_the_import_line(browser, site, sandbox):
    stand_in = site.serve("/stand-in.js", (PAGES / "stand-in.js").read_text())
    answers = []
    for module in (f"{sandbox.url}/passlock.js", stand_in):
        person = Person(browser.open(), site, sandbox)
        answers.append(run_every_call(person, site, module))
        assert person.page.complaints() == []
        person.page.close()
    ours, documented = answers
    assert ours == documented
    assert {name: result["_tag"] for name, result in ours["seen"].items()} == {
        "register": "RegistrationSuccess", "duplicate": "@error/DuplicatePasskey",
        "register as a function": "RegistrationSuccess", "used token": "@error/Network",
        "old option": "@error/OtherPasskey", "sign in": "AuthenticationSuccess",
        "update": "UpdateSuccess", "update with a used token": "@error/Update",
        "delete": "DeleteSuccess", "delete with a used token": "@error/Delete",
        "prune": "PruningSuccess", "prune with a used token": "@error/Pruning", "unreachable": "@error/Network"}
    assert [result["_tag"] for result in ours["orphan"]] == [
        "@error/OrphanedPasskey", "@error/Delete", "DeleteSuccess"]


class QuickstartHandler(Handler):
    """The backend of the quickstart: gives no rpName."""

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        reply = json.dumps(self.server.backend[self.path](body)).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(reply)


def test_quickstart(browser, sandbox):
    def post(path, body):
        return sandbox.backend("POST", path, body).json

    page = (PAGES / "quickstart.html").read_text().replace("SANDBOX", sandbox.url)
    with Site(QuickstartHandler) as site:
        site.serve("/", page)
        site.backend = {
            "/authorize-registration": lambda _: post("passkey/registration/authorize", {
                "rpId": "localhost", "userId": "user-123", "username": "jdoe@example.com"}),
            "/authorize-authentication": lambda _: post("passkey/authentication/authorize", {
                "rpId": "localhost", "userId": "user-123"}),
            "/exchange": lambda body: sandbox.backend("GET", f"principal/{body['code']}").json,
        }
        person = Person(browser.open(), site, sandbox)
        person.page.click("#register")
        person.page.hear("#said", "Registered user-123")
        person.page.click("#authenticate")
        person.page.hear("#said", "Signed in user-123")
        assert person.page.complaints() == []
        person.page.close()


def test_every_export_has_a_type():
    exports = run_node("--input-type=module", "-e", f"""
        import * as lib from "{(ROOT / 'browser/passlock.js').as_uri()}"
        console.log(Object.keys(lib).sort().join(" "))""").split()
    types = (ROOT / "browser/passlock.d.ts").read_text()
    assert sorted(set(re.findall(r"^export (?:class|function) (\w+)", types, re.M))) == exports


def test_import_without_a_browser():
    """Frameworks import modules of pages on the server, too."""
    said = run_node("--input-type=module", "-e", f"""
        import * as lib from "{(ROOT / 'browser/passlock.js').as_uri()}"
        const result = await new lib.Passlock({{ tenancyId: "t" }}).registerPasskey({{ registrationToken: "t" }})
        console.log(result._tag, lib.isPasskeySupport(), await lib.isAutofillSupport())""")
    assert said.split() == ["@error/PasskeyUnsupported", "false", "false"]


@pytest.mark.skipif(not TSC.exists(), reason="missing: the packages of tests/browser")
def test_types(tmp_path):
    config = {
        "compilerOptions": {"strict": True, "noEmit": True, "noImplicitReturns": True, "target": "es2022",
                            "lib": ["es2022", "dom"], "module": "es2022", "moduleResolution": "bundler", "types": [],
                            "paths": {"@passlock/browser": [str(ROOT / "browser/passlock.d.ts")]}},
        "files": [str(PAGES / "types.ts"), str(ROOT / "browser/passlock.d.ts")],
    }
    (tmp_path / "tsconfig.json").write_text(json.dumps(config))
    run_node(TSC, "-p", tmp_path)


def test_npm_package(tmp_path):
    """Without dependencies, so npm needs no network."""
    done = subprocess.run(["npm", "pack", "--offline", "--json", "--dry-run"], cwd=ROOT / "browser", timeout=120,
                          capture_output=True, text=True, check=True, env=os.environ | {"HOME": str(tmp_path)})
    [package] = json.loads(done.stdout)
    assert {file["path"] for file in package["files"]} == {
        "README.md", "package.json", "passlock.d.ts", "passlock.js"}
