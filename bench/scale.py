# SPDX-License-Identifier: LGPL-2.1-or-later
"""Fills a store with PASSLOCK_BENCH_LINKS links (one million) in random order.

First with the load program, the store alone. Then with passlockctl import, through the daemon: rates
of import and export, anonymous memory, the time from start to READY=1, and the p99 of lookups and of
Ping, idle and while an import commits.
"""

import hashlib
import json
import os
import shutil
import subprocess
import time

from bus.stack import Stack
from harness.build import binary

LINKS = int(os.environ.get("PASSLOCK_BENCH_LINKS", "1000000"))
STARTS = 5
SECONDS = 4


def measure_store(work):
    directory = work / "scale"
    directory.mkdir()
    done = subprocess.run([binary("scale"), directory, str(LINKS)], check=True, text=True,
                          stdout=subprocess.PIPE)
    shutil.rmtree(directory)
    for name, value in json.loads(done.stdout).items():
        print(f"  {name:24}{value}")


def write_links(path, tenancy_id: str, first: int, count: int):
    def line(**members):
        file.write(json.dumps(members, separators=(",", ":")) + "\n")

    with open(path, "w", encoding="ascii") as file:
        line(format="passlock-links", version=1, tenancy_id=tenancy_id, exported_at=1800000000000)
        for i in range(first, first + count):
            digest = hashlib.sha256(str(i).encode()).hexdigest()
            line(authenticator_id=digest[:27], user_id=digest[32:], created_at=1800000000000 + i,
                 last_used_at=0)
        line(links=count)


def anonymous_mib(process) -> float:
    with open(f"/proc/{process.pid}/status", encoding="ascii") as lines:
        return sum(int(line.split()[1]) for line in lines if line.startswith("RssAnon:")) / 1024


def ctl(stack, *arguments: str, **options):
    return subprocess.Popen([binary("passlockctl"), *arguments], **options,
                            env=os.environ | {"DBUS_SYSTEM_BUS_ADDRESS": stack.bus.address})


def run(stack, name: str, count: int, *arguments: str):
    begin = time.monotonic()
    with ctl(stack, *arguments, stdout=subprocess.DEVNULL) as child:
        assert child.wait() == 0
    print(f"  {name:24}{count / (time.monotonic() - begin):.0f} links/s, "
          f"daemon {anonymous_mib(stack.daemon):.1f} MiB", flush=True)


def probe(stack, name: str):
    done = subprocess.run([binary("probe"), str(SECONDS), "Ping", "GetUser"], check=True, text=True,
                          env={"DBUS_SYSTEM_BUS_ADDRESS": stack.bus.address},
                          stdout=subprocess.PIPE)
    times = json.loads(done.stdout)
    print(f"  {name:24}" + ", ".join(f"{call} p50 {times[call]['p50']} p99 {times[call]['p99']} us"
                                    for call in ("Ping", "GetUser")), flush=True)


def measure_starts(stack):
    times = []
    for _ in range(STARTS):
        stack.daemon.stop()
        begin = time.monotonic()
        stack.daemon.start()
        times.append((time.monotonic() - begin) * 1000)
    print(f"  {'start to ready':24}{min(times):.1f} to {max(times):.1f} ms", flush=True)


def measure_daemon(stack):
    links, more = stack.work / "links", stack.work / "more"
    write_links(links, stack.sandbox.tenancy_id, 0, LINKS)
    write_links(more, stack.sandbox.tenancy_id, LINKS, LINKS)
    with stack.connect() as connection:
        connection.links("Add", "load-user", "load-key")
    measure_starts(stack)
    run(stack, "import", LINKS, "import", str(links))
    run(stack, "export", LINKS, "export")
    measure_starts(stack)
    probe(stack, "idle")
    with ctl(stack, "import", str(more), stdout=subprocess.DEVNULL) as child:
        time.sleep(LINKS / 100000)  # until the file has been checked
        probe(stack, "during an import")
        child.kill()


def main():
    with Stack() as stack:
        print("store alone:")
        measure_store(stack.work)
        print("through the daemon:")
        measure_daemon(stack)


if __name__ == "__main__":
    main()
