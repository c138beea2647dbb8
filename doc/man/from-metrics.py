#!/usr/bin/python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""from-metrics.py OUTPUT TEMPLATE metric.h

Generates passlock-metrics(7): the template, in which @METRICS@ is replaced by the table of the header.
"""

import re
import sys
from pathlib import Path

import mdoc

ROW = re.compile(r'X\((\w+), "(\w+)", (COUNTER|GAUGE|HISTOGRAM), "([\w ]*)",((?:\s*\\?\s*"(?:[^"\\]|\\.)*")+)\)')
PART = re.compile(r'"((?:[^"\\]|\\.)*)"')


def metrics(header: str) -> list[tuple[str, str, list[str], str]]:
    """Name, type, labels and description of each metric."""
    return [(name, kind.lower(), labels.split(), "".join(PART.findall(text)))
            for _, name, kind, labels, text in ROW.findall(header)]


def main(output: str, template: str, header: str):
    rows = [(f"Li {name} Pq {', '.join([kind, *labels])}", [mdoc.inline(text)])
            for name, kind, labels, text in metrics(Path(header).read_text())]
    assert rows
    body = Path(template).read_text().replace("@DATE@", mdoc.DATE)
    Path(output).write_text(body.replace("@METRICS@", "\n".join(mdoc.tagged(rows))))


if __name__ == "__main__":
    main(*sys.argv[1:])
