# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fills a store with PASSLOCK_BENCH_LINKS links (one million) in random order.

First with the load program, the store alone. Then with passlockctl import, through the daemon: rates of import
and export, anonymous memory, the time from start to READY=1, and the times of lookups and of Ping: idle, while
exchanges commit, and while an import commits.
"""

import hashlib
import json
import shutil
import subprocess
import time

from harness.build import binary
from load import ApiStack, in_background, run
from measure import LINKS, Figure, interleave, memory_mib, pin, ratio
from results import Section

STARTS = 5
TURNS = 5
SECONDS = 1.5
PAUSE_US = "500"
EXCHANGES = 64
CALLS = ("Ping", "GetUser")


def measure_store(section, work):
    directory = work / "scale"
    directory.mkdir()
    values = run(binary("scale"), directory, LINKS)
    shutil.rmtree(directory)
    table = section.table("The store alone", "", "value")
    for name, value in values.items():
        if isinstance(value, list):
            value = ", ".join(map(str, value))
        table.row(name.replace("_", " "), value)
    section.goal("bytes a link", values["used_bytes"], at_most=240)
    section.goal("file / used bytes", values["file_bytes"] / values["used_bytes"], at_most=1.25)
    section.goal("import by the store alone, links/s", values["import_rate"], at_least=30_000)


def write_links(path, tenancy_id: str, first: int, count: int):
    """In random order, and with ids as long as those of the API."""
    def line(**members):
        file.write(json.dumps(members, separators=(",", ":")) + "\n")

    with open(path, "w", encoding="ascii") as file:
        line(format="passlock-links", version=1, tenancy_id=tenancy_id, exported_at=1800000000000)
        for i in range(first, first + count):
            digest = hashlib.sha256(str(i).encode()).hexdigest()
            line(authenticator_id=digest[:27], user_id=digest[32:], created_at=1800000000000 + i,
                 last_used_at=0)
        line(links=count)


def move_links(stack, table, name: str, *arguments: str) -> float:
    """Links a second."""
    begin = time.monotonic()
    subprocess.run([binary("passlockctl"), *arguments], check=True, stdout=subprocess.DEVNULL)
    rate = LINKS / (time.monotonic() - begin)
    table.row(f"{name}, links/s", rate)
    table.row(f"memory after {name}, MiB", memory_mib(stack.daemon.pid, "Anonymous"))
    return rate


def probe(seconds: float) -> dict[str, float]:
    times = run(binary("probe"), seconds, *CALLS, PASSLOCK_LOAD_PAUSE_US=PAUSE_US)
    assert times["GetUser"]["failed"] == 0
    return {f"{call} {key}": times[call][key] for call in CALLS for key in ("p50", "p99")}


def probe_beside_exchanges(seconds: float) -> dict[str, float]:
    with in_background(binary("flood"), "Exchange", "1", seconds + 5, "read", EXCHANGES):
        return probe(seconds)


def measure_lookups(section, stack, more):
    def probe_beside_import(seconds: float) -> dict[str, float]:
        with in_background(binary("passlockctl"), "import", more):
            time.sleep(LINKS / 100_000)  # until the file has been checked
            return probe(seconds)

    table = section.table("Lookups, in µs", "", "Ping p50", "GetUser p50", "Ping p99", "GetUser p99", "p99 ratio")
    runs = {"idle": probe, f"while {EXCHANGES} exchanges commit": probe_beside_exchanges}
    times = interleave(runs, TURNS, SECONDS) | interleave({"during an import": probe_beside_import}, 1, 4)
    for name, values in times.items():
        part = ratio(values["GetUser p99"], values["Ping p99"])
        table.row(name, *(Figure.of(values[f"{call} {key}"]) for key in ("p50", "p99") for call in CALLS), part)
        if "exchanges" in name:
            section.goal("lookup p99 while exchanges commit / Ping's", part, at_most=2)


def measure_starts(stack) -> Figure:
    times = []
    for _ in range(STARTS):
        stack.daemon.stop()
        begin = time.monotonic()
        stack.daemon.start()
        times.append((time.monotonic() - begin) * 1000)
    return Figure.of(times)


def measure_daemon(section, stack):
    links, more = stack.work / "links", stack.work / "more"
    tenancy_id = stack.sections["Tenancy default"]["TenancyId"]
    write_links(links, tenancy_id, 0, LINKS)
    write_links(more, tenancy_id, LINKS, LINKS)
    table = section.table("Through the daemon", "", "value")
    table.row("start to ready without links, ms", measure_starts(stack))
    imported = move_links(stack, table, "import", "import", str(links))
    exported = move_links(stack, table, "export", "export")
    ready = measure_starts(stack)
    table.row("start to ready with the links, ms", ready)
    section.goal("import, links/s", imported, at_least=30_000)
    section.goal("export, links/s", exported, at_least=100_000)
    section.goal("start to ready with the links", ready, at_most=20, unit="ms")
    measure_lookups(section, stack, more)


def main():
    section = Section("scale", f"A store with {LINKS:,} links")
    pin()
    with ApiStack() as stack:
        measure_store(section, stack.work)
        measure_daemon(section, stack)
    section.save()


if __name__ == "__main__":
    main()
