# SPDX-License-Identifier: LGPL-2.1-or-later
"""Headless Chromium, controlled through tests/browser/driver.mjs."""

import json
import subprocess
from pathlib import Path

from .build import source_dir
from .process import PATIENCE_SEC, Failed, Process
from .workspace import Workspace

WAIT_SEC = PATIENCE_SEC


class Page:
    """A page of one user, with a separate profile, cookies and authenticator."""

    def __init__(self, browser: "Browser", number: int):
        self._browser = browser
        self._number = number

    def _do(self, order: str, *args):
        return self._browser.order(order, *args, page=self._number)

    def goto(self, url: str):
        self._do("goto", url)

    def click(self, selector: str):
        self.wait(selector + ":enabled")
        self._do("click", selector)

    def fill(self, selector: str, text: str):
        self.wait(selector)
        self._do("fill", selector, text)

    def press(self, key: str):
        self._do("press", key)

    def wait(self, selector: str, hidden: bool = False):
        """Waits until the element is visible, or hidden."""
        self._do("wait", selector, WAIT_SEC * 1000, hidden)

    def settle(self):
        """Waits until the page is idle."""
        self._do("settle", WAIT_SEC * 1000)

    def hear(self, selector: str, text: str) -> str:
        """Waits until the element shows a new text that contains `text`. Returns the new text."""
        return self._do("hear", selector, text, WAIT_SEC * 1000)

    def text(self, selector: str) -> str:
        self.wait(selector)
        return self._do("text", selector)

    def evaluate(self, script: str):
        """The value of a JavaScript expression, awaited if it is a promise."""
        return self._do("evaluate", script)

    def screenshot(self, path: Path):
        self._do("screenshot", str(path))

    def complaints(self) -> list[str]:
        """Uncaught errors of the page, and violations of its policies."""
        return self._do("complaints")

    def credentials(self) -> list[dict]:
        """The credentials on the authenticator."""
        return self._do("credentials")

    def set_verified(self, verified: bool):
        """Sets whether user verification succeeds."""
        self._do("setVerified", verified)

    def replace_authenticator(self):
        """Replaces the authenticator by an empty one."""
        self._do("replaceAuthenticator")

    def replace_by_unverifying_authenticator(self):
        """Moves the passkeys to an authenticator without user verification."""
        self._do("replaceByUnverifying")

    def set_cookie(self, url: str, name: str, value: str):
        self._do("setCookie", {"url": url, "name": name, "value": value, "httpOnly": True})

    def cookies(self) -> list[dict]:
        return self._do("cookies")

    def close(self):
        self._do("close")


class Browser(Process):
    name = "browser"
    stdin = subprocess.PIPE

    def __init__(self, work: Workspace):
        super().__init__(work.log(self.name))
        self.home = work.private_dir("browser-home")

    def command(self):
        return ["node", str(source_dir() / "tests/browser/driver.mjs"), str(self.home / "profile")]

    def environment(self):
        return {"HOME": str(self.home)}

    def wait_ready(self):
        if self.read_line() != "ready":
            raise self.failed("cannot be driven")

    def stop(self):
        if self.running:
            self.child.stdin.close()
            try:
                self.child.wait(PATIENCE_SEC)
            except subprocess.TimeoutExpired:
                pass
        return super().stop()

    def open(self, width: int = 1100, height: int = 860, phone: bool = False,
             dark: bool = False, autofill: bool = True) -> Page:
        """With `autofill`, conditional mediation is offered, and accepted at once."""
        options = {"width": width, "height": height, "phone": phone, "dark": dark,
                   "autofill": autofill}
        return Page(self, self.order("open", options))

    def order(self, order: str, *args, page: int | None = None):
        line = json.dumps({"do": order, "page": page, "args": args})
        self.child.stdin.write(line.encode() + b"\n")
        self.child.stdin.flush()
        answer = json.loads(self.read_line(WAIT_SEC + 10))
        if "error" in answer:
            raise Failed(f"{order} {' '.join(map(str, args))}: {answer['error']}")
        return answer["value"]
