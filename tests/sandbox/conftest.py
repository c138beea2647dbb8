# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the real binary, $PASSLOCK_SANDBOX, and talks HTTP to it."""

import http.client
import json
import os
import select
import signal
import ssl
import subprocess
from urllib.parse import urlsplit

import pytest

import authenticator

pytest.register_assert_rewrite("conformance", "page", "rules_general", "rules_mailbox", "rules_sign_in", "rules_vault")
from page import Browser, Person, Site, Workspace  # noqa: E402

BINARY = os.environ["PASSLOCK_SANDBOX"]
KEYS = {"T1": "sk_first_key", "T2": "sk_second_key"}
ORIGIN = "http://localhost:5173"
USER = {"rpId": "localhost", "rpName": "Shop", "userId": "user-42", "username": "ada@example.com"}


class Answer:
    def __init__(self, response):
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def tag(self):
        return self.json.get("_tag")


class Sandbox:
    """A running sandbox; use it as a context."""

    def __init__(self, directory, *args, tenancies=("T1", "T2"), listen="127.0.0.1:0"):
        command = [BINARY, f"--listen={listen}"]
        for tenancy in tenancies:
            key_file = directory / f"{tenancy}.key"
            key_file.write_text(KEYS[tenancy] + "\n")
            command += [f"--tenancy={tenancy}", f"--api-key-file={key_file}"]
        self.process = subprocess.Popen(command + list(args), stdout=subprocess.PIPE)
        assert select.select([self.process.stdout], [], [], 60)[0], "no ready line"
        line = self.process.stdout.readline().decode()
        assert line.startswith("listening on http"), line
        self.url = line.removeprefix("listening on ").strip()
        self.context = None

    def __enter__(self):
        return self

    def __exit__(self, *_):
        assert self.stop() == 0

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        self.process.stdout.close()
        return self.process.wait(timeout=60)

    def connect(self, timeout=60):
        url = urlsplit(self.url)
        if url.scheme == "https":
            context = ssl.create_default_context(cafile=self.context)
            return http.client.HTTPSConnection(url.hostname, url.port, timeout=timeout, context=context)
        return http.client.HTTPConnection(url.hostname, url.port, timeout=timeout)

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = self.connect(timeout)
        try:
            connection.request(method, path, body, headers or {})
            return Answer(connection.getresponse())
        finally:
            connection.close()

    def backend(self, method, path, body=None, tenancy="T1", key=None, **kwargs):
        headers = {"Authorization": f"Bearer {key or KEYS[tenancy]}", "Accept": "application/json"}
        if body is not None:
            headers["Content-Type"] = "application/json"
            body = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return self.request(method, f"/v2/{tenancy}/{path}", body, headers, **kwargs)

    def page(self, path, body, tenancy="T1", origin=ORIGIN, **kwargs):
        """Calls a registration endpoint as a page."""
        return self.page_call(f"passkey/registration/{path}", body, tenancy, origin, **kwargs)

    def page_call(self, path, body, tenancy="T1", origin=ORIGIN, **kwargs):
        headers = {"Content-Type": "application/json", "Accept": "application/json", "User-Agent": "Browser/1"}
        if origin is not None:
            headers["Origin"] = origin
        body = body if isinstance(body, (bytes, str)) else json.dumps(body)
        return self.request("POST", f"/v2/{tenancy}/{path}", body, headers, **kwargs)

    def faults(self, *specs):
        answer = self.request("POST", "/-/faults", json.dumps({"faults": specs}), {"Content-Type": "application/json"})
        assert answer.status == 200, answer.body
        return answer.json["faults"]

    def calls(self):
        return self.request("GET", "/-/calls").json

    def authorize(self, tenancy="T1", **changes):
        answer = self.backend("POST", "passkey/registration/authorize", {**USER, **changes}, tenancy)
        assert answer.tag == "AuthorizedPasskeyRegistration", answer.body
        return answer.json["registrationToken"]

    def options(self, tenancy="T1", origin=ORIGIN, **changes):
        """Returns the session token and the creation options."""
        answer = self.page("options", {"registrationToken": self.authorize(tenancy, **changes)}, tenancy, origin)
        assert answer.status == 200, answer.body
        return answer.json["sessionToken"], answer.json["optionsJSON"]

    def verify(self, session, response, tenancy="T1", origin=ORIGIN):
        return self.page("verification", {"sessionToken": session, "response": response}, tenancy, origin)

    def register(self, credential=None, tenancy="T1", user_id="user-42", **kwargs):
        """Registers a credential. Returns the reply to the page."""
        session, options = self.options(tenancy, userId=user_id)
        answer = self.verify(session, authenticator.register(options, ORIGIN, credential, **kwargs), tenancy)
        assert answer.tag == "RegistrationSuccess", answer.body
        return answer.json


    def passkey(self, passkey_id, tenancy="T1"):
        answer = self.backend("GET", f"passkeys/{passkey_id}", tenancy=tenancy)
        assert answer.tag == "Passkey", answer.body
        return answer.json

    def device(self, user_id="user-42", tenancy="T1", algorithm=authenticator.ES256, **kwargs):
        """Registers a new credential and returns a Device."""
        credential = authenticator.Credential(algorithm)
        page = self.register(credential, tenancy, user_id, **kwargs)
        passkey = self.passkey(page["principal"]["authenticatorId"], tenancy)
        return Device(credential, passkey)

    def authorize_sign_in(self, tenancy="T1", **body):
        answer = self.backend("POST", "passkey/authentication/authorize", {"rpId": "localhost", **body}, tenancy)
        assert answer.tag == "AuthorizedPasskeyAuthentication", answer.body
        return answer.json["authenticationToken"]

    def sign_in_options(self, tenancy="T1", origin=ORIGIN, **body):
        """Returns the session token and the request options."""
        token = self.authorize_sign_in(tenancy, **body)
        answer = self.page_call("passkey/authentication/options", {"authenticationToken": token}, tenancy, origin)
        assert answer.status == 200, answer.body
        return answer.json["sessionToken"], answer.json["optionsJSON"]

    def sign_in_verify(self, session, response, tenancy="T1", origin=ORIGIN):
        body = {"sessionToken": session, "response": response}
        return self.page_call("passkey/authentication/verification", body, tenancy, origin)

    def sign_in(self, device, scope=None, tenancy="T1", **kwargs):
        """Authenticates with a device, by default discoverable. Returns the reply."""
        session, options = self.sign_in_options(tenancy, **(scope or {"discoverable": True}))
        kwargs.setdefault("user_handle", device.handle)
        response = authenticator.authenticate(options, ORIGIN, device.credential, **kwargs)
        return self.sign_in_verify(session, response, tenancy)


class Device:
    """A credential and its passkey."""

    def __init__(self, credential, passkey):
        self.credential = credential
        self.id = passkey["id"]
        self.credential_id = passkey["credential"]["id"]
        self.handle = passkey["credential"]["userId"]
        self.user_id = passkey["userId"]


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory):
    with Sandbox(tmp_path_factory.mktemp("sandbox")) as running:
        yield running


@pytest.fixture
def start(tmp_path):
    """Starts sandboxes with options; stops all and checks the exit status at the end."""
    running = []

    def start_one(*args, **kwargs):
        running.append(Sandbox(tmp_path, *args, **kwargs))
        return running[-1]

    yield start_one
    for one in running:
        if one.process.poll() is None:
            assert one.stop() == 0


@pytest.fixture(scope="session")
def browser():
    with Workspace() as work, Browser(work) as running:
        yield running


@pytest.fixture(scope="session")
def site():
    with Site() as running:
        yield running


@pytest.fixture
def person(browser, site, sandbox):
    opened = Person(browser.open(), site, sandbox)
    yield opened
    assert opened.page.complaints() == []
    opened.page.close()
