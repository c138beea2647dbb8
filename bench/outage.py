# SPDX-License-Identifier: LGPL-2.1-or-later
"""Calls Authorize from 20 connections while the API fails in three ways, and comes back.

Prints a line for each outage: how long callers waited before the breaker opened, how long a refusal
takes after that, and how soon after the end of the outage a call succeeds and State is "ready". With
PASSLOCK_BENCH_PLOT=FILE.svg also draws each call.
"""

import contextlib
import os
import threading
import time
from dataclasses import dataclass

from bus.client import BusError
from bus.stack import RP_ID, Stack, new_user

CALLERS = 20
TIMEOUT_SEC = 10  # the default of TimeoutSec=
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

    def summary(self, recorder: Recorder) -> str:
        calls = [call for call in recorder.calls if self.begin <= call.begin < self.end]
        refusals = sorted(call.seconds for call in calls if call.outcome == "refused")
        waited = max((call.seconds for call in calls if call.outcome == "failed"), default=0)
        success = min(call.begin + call.seconds for call in recorder.calls
                      if call.outcome == "ok" and call.begin >= self.end)
        ready = min((at for at, state in recorder.states if state == "ready" and at > self.end),
                    default=self.end)
        return (f"{self.name:15} {waited:7.2f} s {len(refusals):8} "
                f"{1000 * refusals[len(refusals) * 99 // 100]:8.1f} ms {success - self.end:8.2f} s "
                f"{ready - self.end:6.2f} s")


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


WIDTH, HEIGHT, LEFT, BOTTOM = 1000, 420, 60, 60
COLORS = {"ok": "#2a7", "failed": "#c33", "refused": "#36c"}
TICKS = {0.001: "1 ms", 0.01: "10 ms", 0.1: "100 ms", 1: "1 s", 10: "10 s"}


def draw(recorder: Recorder, outages: list[Outage]) -> str:
    """An SVG: time to the right, duration of calls upwards (logarithmic), State along the bottom."""
    import math
    length = recorder.now()

    def x(seconds):
        return LEFT + (WIDTH - LEFT - 10) * seconds / length

    def y(seconds):
        return (HEIGHT - BOTTOM) * (1 - (math.log10(max(seconds, 0.0005)) + 3.3) / 4.6) + 5

    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{HEIGHT}" '
             'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/>']
    for outage in outages:
        parts.append(f'<rect x="{x(outage.begin):.1f}" y="5" fill="#eee" height="{HEIGHT - BOTTOM}" '
                     f'width="{x(outage.end) - x(outage.begin):.1f}"/>'
                     f'<text x="{x(outage.begin) + 4:.1f}" y="18">{outage.name}</text>')
    for seconds, label in TICKS.items():
        parts.append(f'<text x="{LEFT - 6}" y="{y(seconds) + 4:.1f}" text-anchor="end">{label}</text>'
                     f'<path d="M{LEFT} {y(seconds):.1f}H{WIDTH - 10}" stroke="#ccc"/>')
    parts += [f'<circle cx="{x(call.begin):.1f}" cy="{y(call.seconds):.1f}" r="1.6" '
              f'fill="{COLORS[call.outcome]}"/>' for call in recorder.calls]
    ends = [at for at, _ in recorder.states[1:]] + [length]
    for (at, state), end in zip(recorder.states, ends):
        parts.append(f'<rect x="{x(at):.1f}" y="{HEIGHT - BOTTOM + 12}" height="10" '
                     f'width="{x(end) - x(at):.1f}" fill="{"#2a7" if state == "ready" else "#c33"}"/>')
    parts.append(f'<text x="{LEFT - 6}" y="{HEIGHT - BOTTOM + 21}" text-anchor="end">State</text>')
    for i, (outcome, color) in enumerate(COLORS.items()):
        parts.append(f'<text x="{LEFT + 110 * i}" y="{HEIGHT - 12}" fill="{color}">● {outcome}</text>')
    parts.append(f'<text x="{WIDTH - 10}" y="{HEIGHT - 12}" text-anchor="end">'
                 f'{length:.0f} s, by the start of a call</text></svg>')
    return "\n".join(parts)


def main():
    recorder, outages = run()
    print("outage         longest wait  refusals  their p99    success   ready after")
    for outage in outages:
        print(outage.summary(recorder))
    with contextlib.suppress(KeyError), open(os.environ["PASSLOCK_BENCH_PLOT"], "w",
                                             encoding="utf-8") as file:
        file.write(draw(recorder, outages))


if __name__ == "__main__":
    main()
