#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""embed.py INPUT OUTPUT: a text file as the C definition that script.h declares."""

import sys

with open(sys.argv[1], "rb") as source, open(sys.argv[2], "w", encoding="ascii") as target:
    data = source.read()
    target.write('#include "sandbox/script.h"\n\n')
    target.write("const char passlock_js[] = {\n")
    for start in range(0, len(data), 16):
        target.write("".join(f"{byte:d}, " for byte in data[start:start + 16]) + "\n")
    target.write(f"0}};\nconst size_t passlock_js_len = {len(data)};\n")
