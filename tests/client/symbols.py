#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""symbols.py LIBRARY MAP HEADER TEST...: what the library exports is what its version script says,
is what its header declares, and is called by a test."""

import re
import subprocess
import sys


def main():
    library, version_map, header, *tests = sys.argv[1:]
    nm = subprocess.run(["nm", "-D", "--defined-only", library], check=True, text=True,
                        stdout=subprocess.PIPE).stdout
    exported = {line.split()[2] for line in nm.splitlines()} - {"LIBPASSLOCK_0"}
    mapped = set(re.findall(r"^\s+(passlock_\w+);", open(version_map).read(), re.M))
    text = re.sub(r"/\*.*?\*/", "", open(header).read(), flags=re.S)
    declared = set(re.findall(r"\b(passlock_\w+)\(", text))
    called = set()
    for test in tests:
        source = open(test).read()
        called |= set(re.findall(r"\b(passlock_\w+)\(", source))

    unversioned = {name for name in exported if "@@LIBPASSLOCK_" not in name}
    exported = {name.split("@@")[0] for name in exported}
    failures = {
        "exported without a version": unversioned,
        "exported, but not in the version script": exported - mapped,
        "in the version script, but not exported": mapped - exported,
        "exported, but not declared": exported - declared,
        "declared, but not exported": declared - exported,
        "called by no test": exported - called,
    }
    for what, names in failures.items():
        for name in sorted(names):
            print(f"{what}: {name}", file=sys.stderr)
    assert exported, "nothing is exported"
    return 1 if any(failures.values()) else 0


sys.exit(main())
