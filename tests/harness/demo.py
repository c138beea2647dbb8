#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the demo of scripts/demo, after the build."""

import argparse
import os
import shlex
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from harness import Browser, BusError, Failed, Stack, Workspace, as_uid  # noqa: E402
from harness.build import binary  # noqa: E402
from harness.demo_fleet import FleetDemo  # noqa: E402
from harness.process import Process  # noqa: E402
from harness.tour import LIST_LINKS, Visitor, paint, show_command, step  # noqa: E402


def describe(stack: Stack, program) -> str:
    if program is stack.bus:
        return stack.bus.address
    if program is stack.sandbox:
        return f"{stack.sandbox.endpoint}, stands in for the Passlock API"
    if program is stack.daemon:
        return f"pid {stack.daemon.pid}, its key holder has the API key"
    if program is stack.gate:
        return f"{stack.gate.socket}, HTTP for apps of user {stack.user}"
    return f"as {stack.user}, granted {stack.grant['Allow']}"


def start(stack: Stack):
    for program in stack.start_programs():
        step(program.name, describe(stack, program))


def show_settings(stack: Stack):
    """What an app of the reader's own needs."""
    print("\n  For your own app, see doc/quickstart.md:\n")
    for name, value, reader in (
            ("PASSLOCK_TENANCY_ID", shlex.quote(stack.sandbox.tenancy_id), "for the page"),
            ("PASSLOCK_ENDPOINT", shlex.quote(stack.sandbox.endpoint), "for the page, and for its Content-Security-Policy"),
            ("PASSLOCK_GATE", shlex.quote(str(stack.gate.socket)), "for the backend: HTTP on this socket"),
            ("DBUS_SYSTEM_BUS_ADDRESS", shlex.quote(stack.bus.address), "for passlockctl, libpasslock and D-Bus"),
            ("PATH", f"{shlex.quote(str(binary('passlockctl').parent))}:$PATH", "for passlockctl")):
        print(f"    {paint('2', f'# {reader}')}\n    {paint('1', f'export {name}={value}')}")


def restart(stack: Stack, program: Process):
    """Restarts a program that has ended, after Enter; raises Failed at the end of standard input."""
    if program not in (stack.sandbox, stack.daemon, stack.gate):
        raise program.failed("ended")
    print(f"\n  {program.name} has ended. Press Enter to start it again.", flush=True)
    if not sys.stdin.readline():
        raise program.failed("ended")
    program.stop()
    program.start()
    step(program.name, describe(stack, program))


def interactive(stack: Stack):
    print(f"\n  Open {paint('1;4', stack.webapp.url)} in a browser on this computer.")
    print("  To show the stored links; to show the configuration, and load it after a change; to stop passlockd:")
    show_command(stack.bus.busctl_command(*LIST_LINKS))
    show_command(["cat", str(stack.daemon.config)])
    show_command(["kill", "-HUP", str(stack.daemon.pid)])
    show_command(["kill", str(stack.daemon.pid)])
    show_settings(stack)
    print(f"\n  The logs are in {stack.work.path}. Ctrl-C ends the demo.", flush=True)
    try:
        while True:
            restart(stack, stack.wait_end())
    except KeyboardInterrupt:
        print()


class Tour(Visitor):
    """The whole flow: sign-up, passkey, sign-in, restart of the daemon."""

    def __init__(self, stack: Stack, browser: Browser, screenshots: Path):
        super().__init__(browser, screenshots)
        self.stack = stack

    def run(self):
        self.sign_up(self.stack.webapp.url, "Ada Lovelace")
        self.done("signed up", "as Ada Lovelace, at " + self.stack.webapp.url)
        passkey = self.create_passkey()
        self.done("passkey created", passkey)
        self.refuse_duplicate()
        self.sign_in_again(passkey)
        if os.getuid() == 0:
            self.refuse_strangers()
        links = self.read_links(passkey)
        self.restart_daemon(passkey)
        if self.read_links(passkey) != links:
            raise Failed("the restart of the daemon changed the link")

    def refuse_duplicate(self):
        self.page.click("#create")
        self.page.hear("#problem-text", "already has a passkey for your account")
        self.done("second passkey refused", "the device already has one")

    def sign_in_again(self, passkey: str):
        self.page.click("#signout")
        self.sign_in(passkey)
        self.done("signed out, in again", "with the passkey, the user verified by the device")

    def refuse_strangers(self):
        """On a real host, a stranger is any user without a grant."""
        stranger = as_uid(65534, 65534)
        try:
            self.stack.bus.busctl(*LIST_LINKS, as_user=stranger)
        except BusError as error:
            step("strangers refused", f"user nobody: {error.message.splitlines()[-1]}")
        else:
            raise Failed("user nobody can read the links without a grant")

    def read_links(self, passkey: str) -> str:
        links = self.stack.bus.busctl(*LIST_LINKS)
        show_command(self.stack.bus.busctl_command(*LIST_LINKS), links)
        if passkey not in links:
            raise Failed(f"the daemon has no link of {passkey}")
        return links

    def restart_daemon(self, passkey: str):
        before = self.stack.daemon.pid
        self.stack.daemon.kill9()
        self.stack.daemon.start()
        self.page.goto(self.stack.webapp.url)
        self.page.wait(f"#passkeys li[data-id='{passkey}']")
        self.done("daemon killed, restarted", f"kill -9 {before}; now pid {self.stack.daemon.pid}")


class StackDemo:
    """A host."""

    def __init__(self, work: Workspace, port: int):
        self.stack = Stack(work, port=port)
        self.stack.sandbox.options = (f"--state={work / 'passkeys'}",)  # survives a restart
        self.logged = [self.stack.sandbox, self.stack.daemon, self.stack.gate, self.stack.webapp]

    def start(self):
        start(self.stack)

    def interactive(self):
        interactive(self.stack)

    def headless(self, browser: Browser, screenshots: Path):
        Tour(self.stack, browser, screenshots).run()

    def close(self):
        self.stack.close()


def headless(demo, work: Workspace, screenshots: str | None):
    directory = Path(screenshots or tempfile.mkdtemp(prefix="passlock-demo-")).resolve()
    directory.mkdir(parents=True, exist_ok=True)
    with Browser(work) as browser:
        step(browser.name, "headless Chromium with a virtual authenticator")
        demo.headless(browser, directory)
    print(f"  Screenshots are in {paint('1', str(directory))}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo")
    parser.add_argument("--fleet", action="store_true")
    parser.add_argument("--headless", action="store_true")
    parser.add_argument("--screenshots", metavar="DIRECTORY")
    parser.add_argument("--port", metavar="N", type=int, default=0)
    options = parser.parse_args()
    if options.fleet and options.port:
        parser.error("--port is not possible with --fleet")

    with Workspace() as work:
        try:
            demo = FleetDemo(work) if options.fleet else StackDemo(work, options.port)
        except OSError as error:
            parser.error(f"--port={options.port}: {error.strerror}")
        try:
            demo.start()
            if options.headless:
                headless(demo, work, options.screenshots)
            else:
                demo.interactive()
        except (Failed, BusError) as error:
            print(f"\n  {paint('31', '✘')} {error}", file=sys.stderr)
            for program in demo.logged:
                print(f"\n  end of the log of {program.name}:\n{program.log_tail()}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
        finally:
            demo.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
