# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fixtures for the examples: the real daemon, and a simulated page."""

import http.client
import importlib.util
import json
import os
import pwd
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests"))

from harness import Bus, Daemon, Sandbox, Workspace, as_uid, tenancy_path  # noqa: E402

specification = importlib.util.spec_from_file_location(
    "software_authenticator", ROOT / "tests/sandbox/authenticator.py")
authenticator = importlib.util.module_from_spec(specification)
specification.loader.exec_module(authenticator)

ORIGIN = "http://localhost:5173"
CALL_SEC = 120


class Page:
    """A simulated passlock.js, with its own device."""

    def __init__(self, sandbox):
        self.sandbox = sandbox
        self.credential = self.handle = None

    def register(self, token):
        """Returns the code."""
        answer = self._post("registration/options", {"registrationToken": token})
        options = answer["optionsJSON"]
        self.credential = authenticator.Credential()
        self.handle = options["user"]["id"]
        response = authenticator.register(options, ORIGIN, self.credential)
        return self._verify("registration", answer, response)

    def sign_in(self, token):
        answer = self._post("authentication/options", {"authenticationToken": token})
        response = authenticator.authenticate(answer["optionsJSON"], ORIGIN, self.credential,
                                              user_handle=self.handle)
        return self._verify("authentication", answer, response)

    def _verify(self, kind, answer, response):
        return self._post(f"{kind}/verification",
                          {"sessionToken": answer["sessionToken"], "response": response})["code"]

    def _post(self, path, body):
        connection = http.client.HTTPConnection(urlsplit(self.sandbox.endpoint).netloc, timeout=CALL_SEC)
        connection.request("POST", f"/v2/{self.sandbox.tenancy_id}/passkey/{path}", json.dumps(body),
                           {"Content-Type": "application/json", "Origin": ORIGIN,
                            "User-Agent": 'Browser "1.0", "user_id":{"type":"s","data":"root"}'})
        reply = connection.getresponse()
        content = reply.read()
        connection.close()
        assert reply.status == 200, content
        return json.loads(content)


class Host:
    """A host with a grant for the examples, which run as another user than root."""

    def __init__(self, work):
        self.work = work
        self.bus = Bus(work)
        self.sandbox = Sandbox(work)
        self.daemon = Daemon(work, self.bus, {}, {"passlock.default": self.sandbox.api_key})
        user = pwd.getpwuid(os.getuid())
        self.as_user = []
        if os.getuid() == 0:
            user = pwd.getpwnam("www-data")
            self.as_user = as_uid(user.pw_uid, user.pw_gid)
        self.grant = {"User": user.pw_name, "RpId": "localhost",
                      "Allow": "Authorize AuthorizeAuthentication Exchange Links.Read"}
        # Another user may not see into the sources.
        for language in ("php", "python", "shell"):
            shutil.copytree(ROOT / "examples" / language, work / language)

    def __enter__(self):
        self.bus.start()
        self.sandbox.start()
        self.daemon.configure({"Tenancy default": self.sandbox.tenancy(), "Grant examples": self.grant})
        self.daemon.start()
        return self

    def __exit__(self, *_):
        for program in (self.daemon, self.sandbox, self.bus):
            program.stop_well()

    def page(self):
        return Page(self.sandbox)

    def links(self):
        """User id by authenticator id."""
        links, _ = self.bus.call(tenancy_path(), "Links", "List", "su", "", 0)
        return {link["authenticator_id"][1]: link["user_id"][1] for link in links}

    def start(self, program, *arguments):
        return subprocess.Popen([*self.as_user, str(self.work / program), *arguments],
                                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                                env={"PATH": os.environ["PATH"], "DBUS_SYSTEM_BUS_ADDRESS": self.bus.address,
                                     "PYTHONDONTWRITEBYTECODE": "1"})

    def run(self, program, *arguments, answer=None):
        """Runs an example; `answer` maps its first output line to its input."""
        child = self.start(program, *arguments)
        line = child.stdout.readline() if answer else ""
        said = answer(line.strip()) + "\n" if line else None
        out, error = child.communicate(said, timeout=CALL_SEC)
        return child.returncode, out, error


@pytest.fixture(scope="session")
def host():
    with Workspace() as work, Host(work) as running:
        yield running
