# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/demo --fleet: two hosts and three etcds."""

import time
from pathlib import Path

from .browser import Browser
from .bus import tenancy_path
from .etcd import Member
from .fleet import PREFIX, Changes, Fleet
from .process import PATIENCE_SEC, Failed
from .stack import Stack, wait_end
from .tour import LIST_LINKS, Visitor, paint, show_command, step
from .workspace import Workspace


def poll(what: str, condition):
    """Waits until a condition is true, and returns its value and the time that it took."""
    begin = time.monotonic()
    while not (value := condition()):
        if time.monotonic() - begin > PATIENCE_SEC:
            raise Failed(f"{what}: not within {PATIENCE_SEC} s")
        time.sleep(0.002)
    return value, time.monotonic() - begin


class FleetDemo:
    def __init__(self, work: Workspace):
        self.fleet = Fleet(work)
        self.logged = [program for host in self.fleet.hosts for program in (host.daemon, host.webapp)]

    def start(self):
        fleet = self.fleet
        fleet.start_etcds()
        leader, _ = poll("a leader of etcd", fleet.cluster.leader)
        for member in fleet.cluster.members:
            step(member.name, f"{member.endpoint}, TLS and client certificates{', the leader' * (member is leader)}")
        step("role", f"user passlock may read and write {PREFIX} only")
        fleet.start_sandbox()
        step(fleet.sandbox.name, f"{fleet.sandbox.endpoint}, stands in for the Passlock API")
        for number, host in enumerate(fleet.hosts, 1):
            fleet.start_host(host)
            step(f"host {number}", f"{host.webapp.url}; bus, daemon (pid {host.daemon.pid}) and key holder of its own")

    def interactive(self):
        one, two = (host.webapp.url for host in self.fleet.hosts)
        print(f"\n  Sign up at {paint('1;4', one)} and in at {paint('1;4', two)}.")
        print("  To show the links of each host, to stop the leader of etcd, and to let it continue:")
        for host in self.fleet.hosts:
            show_command(host.bus.busctl_command(*LIST_LINKS))
        leader, _ = poll("a leader of etcd", self.fleet.cluster.leader)
        show_command(["kill", "-STOP", str(leader.pid)])
        show_command(["kill", "-CONT", str(leader.pid)])
        print(f"\n  The logs are in {self.fleet.work.path}. Ctrl-C ends the demo.", flush=True)
        try:
            raise wait_end(self.fleet.programs).failed("ended")
        except KeyboardInterrupt:
            print()

    def headless(self, browser: Browser, screenshots: Path):
        FleetTour(self.fleet, browser, screenshots).run()

    def close(self):
        self.fleet.close()


class FleetTour:
    """Sign-ups at one host and sign-ins at the other, before and after the leader of etcd is killed."""

    def __init__(self, fleet: Fleet, browser: Browser, screenshots: Path):
        self.fleet = fleet
        self.browser = browser
        self.screenshots = screenshots
        self.one, self.two = fleet.hosts

    def run(self):
        ada = Visitor(self.browser, self.screenshots)
        ada.sign_up(self.one.webapp.url, "Ada Lovelace")
        passkey = ada.create_passkey()
        ada.done("signed up at host 1", f"as Ada Lovelace, with {passkey}")
        self.sign_in(ada, passkey, self.one, self.two)
        ada.done("signed in at host 2", "with the same passkey")

        grace = Visitor(self.browser, self.screenshots, ada.shots)
        grace.page.goto(self.two.webapp.url)
        with Changes(self.two.bus) as changes:
            time.sleep(1)
            leader = self.kill_leader()
            self.go_on(grace)
            self.report_gap(leader, changes)
        self.restart(leader)
        self.compare_links()

    @staticmethod
    def sign_in(visitor: Visitor, passkey: str, home: Stack, host: Stack):
        """The app of the other host does not know the name, which is in the memory of the first."""
        user_id, *_ = home.bus.call(tenancy_path(), "Links", "GetUser", "s", passkey)
        visitor.page.goto(host.webapp.url)
        visitor.sign_in(passkey)
        visitor.expect("#handle", user_id)
        visitor.page.settle()

    def kill_leader(self) -> Member:
        leader, _ = poll("a leader of etcd", self.fleet.cluster.leader)
        leader.kill9()
        step("leader of etcd killed", f"kill -9 of {leader.name}, while host 2 changes links all the time")
        return leader

    def go_on(self, grace: Visitor):
        begin = time.monotonic()
        grace.sign_up(self.two.webapp.url, "Grace Hopper")
        passkey = grace.create_passkey()
        grace.done("signed up at host 2", f"as Grace Hopper, {time.monotonic() - begin:.1f} s after the kill")
        self.sign_in(grace, passkey, self.two, self.one)
        grace.done("signed in at host 1", "with the same passkey")

    def report_gap(self, leader: Member, changes: Changes):
        new, _ = poll("another leader", lambda: self.other_leader(leader))
        step("other leader", f"{new.name}; {changes.acknowledged} changes acknowledged, {changes.failed} failed, "
                             f"the longest took {changes.longest_sec:.2f} s")

    def other_leader(self, old: Member) -> Member | None:
        leader = self.fleet.cluster.leader()
        return None if leader is old else leader

    def restart(self, member: Member):
        member.start()
        _, took = poll("the member that was killed", self.all_equal)
        step("member started again", f"{member.name} has caught up after {took:.1f} s")

    def all_equal(self) -> bool:
        statuses = self.fleet.cluster.status().values()
        return len(statuses) == len(self.fleet.cluster.members) and \
            len({status["header"]["revision"] for status in statuses}) == 1

    def compare_links(self):
        one, two = (host.bus.busctl(*LIST_LINKS) for host in self.fleet.hosts)
        if one != two:
            raise Failed(f"the hosts have different links: {one} and {two}")
        show_command(self.two.bus.busctl_command(*LIST_LINKS), two)
        step("both hosts", "have the same links")
