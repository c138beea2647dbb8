# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls Authorize from 20 connections while the API fails in three ways, and comes back.

Prints a row for each outage: how long callers waited before the breaker opened, how long a refusal
takes after that, and how soon after the end of the outage a call succeeds and State is "ready". Draws each call.
"""

import threading
import time
from dataclasses import dataclass

from bus.client import BusError
from bus.stack import RP_ID, Stack, new_user
from measure import QUICK, pin
from plot import SHADE, Canvas, scale_log
from results import Section

CALLERS = 20
TIMEOUT_SEC = 6 if QUICK else 10  # the default of TimeoutSec=
PAUSE_SEC = 0.1
QUIET_SEC = 3


@dataclass
class Call:
    begin: float
    seconds: float
    outcome: str  # "ok", "failed" or "refused"


class Recorder:
    """Calls from many connections, and looks at State, until the end of the block."""

    def __init__(self, stack):
        self.stack, self.zero = stack, time.monotonic()
        self.calls: list[Call] = []
        self.states: list[tuple[float, str]] = []
        self.end = threading.Event()
        self.threads = [threading.Thread(target=self._call) for _ in range(CALLERS)]
        self.threads.append(threading.Thread(target=self._watch))

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        for thread in self.threads:
            thread.join()

    def now(self) -> float:
        return time.monotonic() - self.zero

    def _call(self):
        with self.stack.connect() as connection:
            while not self.end.wait(PAUSE_SEC):
                begin, outcome = self.now(), "ok"
                try:
                    connection.authorize(RP_ID, new_user())
                except BusError as error:
                    known = "retry after" in error.message and self.now() - begin < 1
                    outcome = "refused" if known else "failed"
                self.calls.append(Call(begin, self.now() - begin, outcome))

    def _watch(self):
        with self.stack.connect() as connection:
            while not self.end.wait(0.01):
                state = connection.state()
                if not self.states or self.states[-1][1] != state:
                    self.states.append((self.now(), state))


@dataclass
class Outage:
    name: str
    begin: float
    end: float

    def row(self, recorder: Recorder) -> tuple:
        calls = [call for call in recorder.calls if self.begin <= call.begin < self.end]
        refusals = sorted(call.seconds for call in calls if call.outcome == "refused")
        waited = max((call.seconds for call in calls if call.outcome == "failed"), default=0.0)
        success = min(call.begin + call.seconds for call in recorder.calls
                      if call.outcome == "ok" and call.begin >= self.end)
        ready = min((at for at, state in recorder.states if state == "ready" and at > self.end),
                    default=self.end)
        return (self.name, waited, len(refusals), 1000 * refusals[len(refusals) * 99 // 100], success - self.end,
                ready - self.end)


def run() -> tuple[Recorder, list[Outage]]:
    outages = []
    with Stack() as stack:
        stack.sections["Tenancy default"]["TimeoutSec"] = str(TIMEOUT_SEC)
        stack.apply()
        faults = stack.sandbox.set_faults
        with Recorder(stack) as recorder:
            for name, seconds, fail, mend in (
                    ("black hole", 2 * TIMEOUT_SEC, lambda: faults("hang"), faults),
                    ("status 503", TIMEOUT_SEC, lambda: faults("status=503"), faults),
                    ("not listening", TIMEOUT_SEC, stack.sandbox.kill9, stack.sandbox.start)):
                time.sleep(QUIET_SEC)
                begin = recorder.now()
                fail()
                time.sleep(seconds)
                mend()
                outages.append(Outage(name, begin, recorder.now()))
            time.sleep(QUIET_SEC)
    return recorder, outages


COLORS = {"ok": "#3f8f5b", "failed": "#c8553d", "refused": "#2563a8"}
TICKS = {0.001: "1 ms", 0.01: "10 ms", 0.1: "100 ms", 1: "1 s", 10: "10 s"}


def draw(recorder: Recorder, outages: list[Outage]) -> str:
    """Time to the right, duration of calls upwards (logarithmic), State along the bottom."""
    canvas = Canvas(1000, 420)
    length = recorder.now()
    y = scale_log(0.0005, 20, canvas.bottom, canvas.top)

    def x(seconds):
        return canvas.left + (canvas.right - canvas.left) * seconds / length

    canvas.title(f"Authorize during outages: duration by the start of a call, within {length:.0f} s")
    for outage in outages:
        canvas.rect(x(outage.begin), canvas.top, x(outage.end) - x(outage.begin), canvas.bottom - canvas.top, SHADE)
        canvas.text(x(outage.begin) + 4, canvas.top + 14, outage.name)
    canvas.y_axis(TICKS, y)
    for call in recorder.calls:
        canvas.dot(x(call.begin), y(call.seconds), COLORS[call.outcome], 1.6)
    ends = [at for at, _ in recorder.states[1:]] + [length]
    for (at, state), end in zip(recorder.states, ends):
        canvas.rect(x(at), canvas.bottom + 12, x(end) - x(at), 10, COLORS["ok" if state == "ready" else "failed"])
    canvas.text(canvas.left - 6, canvas.bottom + 21, "State", "end")
    canvas.legend(COLORS.items())
    return canvas.svg()


def main():
    section = Section("outage", "Calls while the API fails and comes back")
    pin()
    recorder, outages = run()
    table = section.table("Seconds; refusals in ms", "", "longest wait", "refusals", "their p99", "success after",
                          "ready after")
    for outage in outages:
        table.row(*outage.row(recorder))
    section.plot("", draw(recorder, outages))
    section.save()


if __name__ == "__main__":
    main()
