# SPDX-License-Identifier: LGPL-2.1-or-later
"""Steps of the demo, and their output."""

import shlex
import sys
from pathlib import Path

from .browser import Browser
from .bus import NAME, tenancy_path
from .process import Failed

COLOUR = sys.stdout.isatty()
LIST_LINKS = ("call", NAME, tenancy_path(), f"{NAME}.Links", "List", "su", "", "0")


def paint(code: str, text: str) -> str:
    return f"\033[{code}m{text}\033[0m" if COLOUR else text


def step(what: str, detail: str = ""):
    print(f"  {paint('32', '✔')} {what:<26} {paint('2', detail)}".rstrip(), flush=True)


def show_command(command: list[str], output: str | None = None):
    print(f"\n    {paint('1', '$ ' + shlex.join(command))}")
    if output is not None:
        print("    " + output.replace("\n", "\n    "))
        print(flush=True)


class Visitor:
    """A visitor of the web app, with an authenticator of their own. Takes a screenshot of each step, and
    numbers them after `shots`."""

    def __init__(self, browser: Browser, screenshots: Path, shots: int = 0):
        self.page = browser.open(width=1100, height=760, autofill=False)
        self.screenshots = screenshots
        self.shots = shots

    def done(self, what: str, detail: str = ""):
        self.shots += 1
        self.page.screenshot(self.screenshots / f"{self.shots}-{what.replace(',', '').replace(' ', '-')}.png")
        step(what, detail)

    def sign_up(self, url: str, name: str):
        self.page.goto(url)
        self.page.click("#to-signup")
        self.page.fill("#username", name.split()[0].lower())
        self.page.fill("#display-name", name)
        self.page.click("#signup-button")
        self.page.wait("#home")
        self.page.settle()

    def create_passkey(self) -> str:
        self.page.click("#create")
        self.page.hear("#status", "Your passkey is ready.")
        return self.page.evaluate("document.querySelector('#passkeys li').dataset.id")

    def sign_in(self, passkey: str):
        self.page.click("#signin-button")
        self.expect("#how-id", passkey)
        self.expect("#how-verified", "Your device checked that it is you")

    def expect(self, selector: str, text: str):
        shown = self.page.text(selector)
        if text not in shown:
            raise Failed(f"the page shows {shown!r} instead of {text!r}")
