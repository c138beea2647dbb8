# SPDX-License-Identifier: LGPL-2.1-or-later
"""One host and one browser for all tests; each test creates its own users.

Screenshots go to $PASSLOCK_SCREENSHOTS, if set.
"""

import itertools
import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import Browser, Stack, Workspace, tenancy_path  # noqa: E402


@pytest.fixture(scope="session")
def work():
    with Workspace() as workspace:
        yield workspace


@pytest.fixture(scope="session")
def stack(work):
    with Stack(work) as running:
        yield running


@pytest.fixture(scope="session")
def browser(work):
    with Browser(work) as running:
        yield running


@pytest.fixture(autouse=True)
def healthy(stack):
    """Clears faults after each test, and checks that all programs run."""
    yield
    stack.sandbox.set_faults()
    for program in (stack.bus, stack.sandbox, stack.daemon, stack.webapp):
        assert program.running, program.log_tail()


class Host:
    """Access to the daemon, bypassing the web app."""

    def __init__(self, bus):
        self._bus = bus

    def links(self) -> dict[str, str]:
        """User id by authenticator id."""
        return self._all("Links", "List", "authenticator_id", "su", 0)

    def vault(self) -> dict[str, str]:
        """User id by passkey id, in the vault."""
        return self._all("Vault", "ListPasskeys", "id", "s")

    def passkey(self, passkey: str) -> dict:
        """A passkey with all its fields."""
        (found,) = self._bus.call(tenancy_path(), "Vault", "GetPasskey", "s", passkey)
        return {name: value for name, (_, value) in found.items()}

    def delete(self, passkey: str):
        """Deletes a passkey, bypassing the web app."""
        self._bus.call(tenancy_path(), "Vault", "DeletePasskeys", "asa{sv}", [passkey], {})

    def _all(self, interface, member, key, signature, *more):
        found, cursor = {}, None
        while cursor != "":
            rows, cursor = self._bus.call(tenancy_path(), interface, member, signature, cursor or "", *more)
            found |= {row[key][1]: row["user_id"][1] for row in rows}
        return found


@pytest.fixture
def host(stack):
    return Host(stack.bus)


class Person:
    """A user at the page of the web app."""

    names = (f"ada{n}" for n in itertools.count(1))

    def __init__(self, page, url):
        self.page = page
        self.url = url
        self.name = next(self.names)

    def sign_up(self, display_name="Ada Lovelace"):
        self.page.goto(self.url)
        self.page.click("#to-signup")
        self.page.fill("#username", self.name)
        self.page.fill("#display-name", display_name)
        self.page.click("#signup-button")
        return self._at_home()

    def _at_home(self):
        self.page.wait("#home")
        self.page.settle()
        return self

    def create_passkey(self):
        """Creates a passkey. Returns its id from the page."""
        before = set(self.listed())
        self.page.click("#create")
        self.said("Your passkey is ready.")
        (new,) = set(self.listed()) - before
        return new

    def sign_out(self):
        self.page.click("#signout")
        self.said("You are signed out.")
        return self

    def sign_in(self):
        """Signs in with any passkey of the device."""
        self.page.click("#signin-button")
        return self._at_home()

    def sign_in_as(self, username):
        self.page.fill("#signin-username", username)
        self.page.click("#signin-named")

    def rename(self, username, display_name):
        self.page.click("#rename")
        self.page.fill("#new-username", username)
        self.page.fill("#new-display-name", display_name)
        self.page.click("#rename-button")

    def delete(self, passkey):
        self.page.click(f"#passkeys li[data-id='{passkey}'] button")
        self.page.click("#remove")

    def devices(self) -> list[str]:
        """The user names of the passkeys on the device."""
        return [held["userName"] for held in self.page.credentials()]

    def session(self) -> str | None:
        """The cookie's value."""
        return next((c["value"] for c in self.page.cookies() if c["name"] == "session"), None)

    def listed(self) -> list[str]:
        return self.page.evaluate("[...document.querySelectorAll('#passkeys li')].map(i => i.dataset.id)")

    def said(self, text):
        assert self.page.hear("#status", text) == text

    def was_told(self, text):
        self.page.hear("#problem-text", text)
        assert not self.page.evaluate("document.querySelector('#create').disabled")

    def has_no_problem(self):
        assert self.page.evaluate("document.querySelector('#problem').hidden")

    def screenshot(self, name):
        directory = os.environ.get("PASSLOCK_SCREENSHOTS")
        if directory:
            self.page.screenshot(Path(directory) / f"{name}.png")

    def post(self, path, body, headers=None, method="POST"):
        """Sends a request from within the page. Returns status and reply."""
        return self.page.evaluate(f"""fetch({path!r}, {{
            method: {method!r}, body: JSON.stringify({body}),
            headers: {headers or {"Content-Type": "application/json"}} }})
            .then(async (reply) => [reply.status, await reply.json()])""")


@pytest.fixture
def person(browser, stack):
    """Creates users; closes their browsers, and fails if a page had an error or violated its policy."""
    people = []

    def arrive(autofill=False, **looks):
        somebody = Person(browser.open(autofill=autofill, **looks), stack.webapp.url)
        people.append(somebody)
        return somebody

    yield arrive
    complaints = [complaint for somebody in people for complaint in somebody.page.complaints()]
    for somebody in people:
        somebody.page.close()
    assert complaints == []
