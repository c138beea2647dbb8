#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""embed.py OUTPUT FILE...: embeds static files in a C source file."""

import os
import sys

TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}

output, *files = sys.argv[1:]
with open(output, "w", encoding="ascii") as out:
    out.write('#include "examples/webapp/asset.h"\n\nconst Asset assets[] = {\n')
    for file in files:
        name = os.path.basename(file)
        url = "/" if name == "index.html" else "/" + name
        content = open(file, "rb").read()
        out.write(f'        {{"{url}", "{TYPES[os.path.splitext(name)[1]]}", {len(content)},\n'
                  f'         (const unsigned char[]) {{')
        out.write(",".join(map(str, content)))
        out.write("}},\n")
    out.write("        {0},\n};\n")
