# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the figures of results.json into doc/performance.md.

Replaces the text between "<!-- begin NAME -->" and "<!-- end NAME -->", where NAME is host, goals or a
section. With --check only tells whether the text is up to date.
"""

import json
import os
import re
import sys

from measure import Figure
from results import HERE, output_dir, text

DOCUMENT = HERE.parent / "doc/performance.md"


def cell(value) -> str:
    if isinstance(value, dict):
        value = Figure(**value)
    return text(value, spread=True).replace("|", "\\|")


def table(columns: list[str], rows: list[list]) -> str:
    lines = [columns, ["---"] + ["--:"] * (len(columns) - 1), *rows]
    return "\n".join("| " + " | ".join(row) + " |" for row in lines)


def goals(section: dict) -> str:
    rows = [[goal["goal"], f"{goal['bound']} {goal['limit']:,.4g} {goal['unit']}".strip(), cell(goal["figure"]),
             "met" if goal["met"] else "**not met**"] for goal in section["goals"]]
    return table(["goal", "limit", "measured", ""], rows) if rows else ""


def section_text(section: dict, plots: str) -> str:
    parts = ["_From a quick run: a trial, no result._"] if section["quick"] else []
    parts.append(goals(section))
    parts += [f"{summary['name']}: {cell(summary['figure'])}" for summary in section["summaries"]]
    parts += [f"![{section['title']}]({plots}/{plot})" for plot in section["plots"]]
    parts += [f"**{entry['title']}**\n\n" + table([column.strip() for column in entry["columns"]],
                                                  [[cell(value) for value in row] for row in entry["rows"]])
              for entry in section["tables"]]
    return "\n\n".join(part for part in parts if part)


def overview(sections: dict) -> str:
    rows = []
    for name, section in sections.items():
        if section["goals"]:
            missed = [goal["goal"] for goal in section["goals"] if not goal["met"]]
            rows.append([f"[{section['title']}](#{name})", str(len(section["goals"])),
                         str(len(section["goals"]) - len(missed))])
    return table(["section", "goals", "met"], rows)


def host_text(host: dict) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in sorted(host["versions"].items()))
    return f"{host['cpu']}, {host['cpus']} CPUs; {host['os']}, Linux {host['kernel']}; {versions}."


def fill(document: str, results: dict, plots: str) -> str:
    blocks = {name: section_text(section, plots) for name, section in results["sections"].items()}
    order = re.findall(r"<!-- begin ([\w-]+) -->", document)
    sections = {name: results["sections"][name] for name in order if name in results["sections"]}
    blocks |= {"host": host_text(results["host"]), "goals": overview(sections)}
    missing = set(blocks) - set(order)
    if missing:
        sys.exit(f"bench: {DOCUMENT} has no place for {', '.join(sorted(missing))}")

    def block(match):
        name = match[1]
        return f"<!-- begin {name} -->\n{blocks.get(name, '_Not measured._')}\n<!-- end {name} -->"

    return re.sub(r"<!-- begin ([\w-]+) -->\n.*?<!-- end \1 -->", block, document, flags=re.DOTALL)


def main() -> int:
    directory = output_dir() or HERE
    results = json.loads((directory / "results.json").read_text(encoding="utf-8"))
    document = DOCUMENT.read_text(encoding="utf-8")
    plots = os.path.relpath(directory / "plots", DOCUMENT.parent)
    filled = fill(document, results, plots)
    if "--check" in sys.argv:
        return filled != document
    DOCUMENT.write_text(filled, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
