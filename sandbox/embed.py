#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""embed.py passlock.js passlock.d.ts OUTPUT: the page module as the C definitions that script.h declares."""

import sys

PRODUCTION = b'const DEFAULT_ENDPOINT = "https://api.passlock.dev"\n'
SANDBOX = b'const DEFAULT_ENDPOINT = new URL("/", import.meta.url).href\n'


def read(path: str) -> bytes:
    with open(path, "rb") as source:
        return source.read()


def define(name: str, data: bytes) -> str:
    lines = (data[start:start + 16] for start in range(0, len(data), 16))
    content = "".join("".join(f"{byte:d}, " for byte in line) + "\n" for line in lines)
    return f"const char {name}[] = {{\n{content}0}};\nconst size_t {name}_len = {len(data)};\n"


script, types, output = sys.argv[1:]
module = read(script)
if module.count(PRODUCTION) != 1:
    sys.exit(f"{script}: expected one line {PRODUCTION.decode().strip()}")
with open(output, "w", encoding="ascii") as target:
    target.write('#include "sandbox/script.h"\n\n')
    target.write(define("passlock_js", module.replace(PRODUCTION, SANDBOX)))
    target.write(define("passlock_d_ts", read(types)))
