# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints the tables and goals of a section, and writes them to results.json, with plots beside it.

    section = Section("local", "Local calls")
    table = section.table("Calls a second", "", "GetUser", "no-op", "ratio")
    table.row("sync", Figure(...), Figure(...), Figure(...))
    section.goal("GetUser / no-op, sync", Figure(...), at_least=0.95)
    section.save()

results.json keeps the sections that were not run. PASSLOCK_BENCH_OUTPUT names another directory; a quick
run writes nothing without it.
"""

import json
import os
import platform
import subprocess
from dataclasses import asdict
from pathlib import Path

from measure import QUICK, Figure

HERE = Path(__file__).resolve().parent
PACKAGES = ("dbus-daemon", "dbus-broker", "libsystemd0", "libcurl4", "libcurl4t64", "libssl3", "libssl3t64",
            "libnghttp2-14", "liblmdb0", "nghttp2-proxy", "libmicrohttpd12", "libmicrohttpd12t64", "gcc", "libc6")

Cell = str | int | float | Figure | None


def output_dir() -> Path | None:
    named = os.environ.get("PASSLOCK_BENCH_OUTPUT")
    if named:
        return Path(named)
    return None if QUICK else HERE


def number(value: float) -> str:
    if value == 0 or abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.{2 if abs(value) < 10 else 1}f}"


def text(cell: Cell, spread: bool = False) -> str:
    """A cell of a table, or of the report: with the spread."""
    if cell is None:
        return ""
    if isinstance(cell, str):
        return cell
    if isinstance(cell, int):
        return f"{cell:,}"
    if isinstance(cell, float):
        return number(cell)
    if not spread or cell.min == cell.max:
        return number(cell.median)
    return f"{number(cell.median)} ({number(cell.min)}–{number(cell.max)})"


class Table:
    def __init__(self, title: str, columns: tuple[str, ...]):
        self.title, self.columns, self.rows = title, columns, []
        print(f"\n{title}")
        self._print(columns)

    def row(self, *cells: Cell):
        assert len(cells) == len(self.columns)
        self.rows.append(cells)
        self._print([text(cell) for cell in cells])

    def _print(self, cells):
        first, *others = cells
        widths = [max(10, len(column) + 1) for column in self.columns[1:]]
        print(f"{first:42}" + "".join(f"{cell:>{width}}" for cell, width in zip(others, widths)), flush=True)


class Section:
    def __init__(self, name: str, title: str):
        self.name, self.title = name, title
        self.tables: list[Table] = []
        self.goals: list[dict] = []
        self.summaries: list[dict] = []
        self.plots: dict[str, str] = {}
        print(f"\n=== {title}", flush=True)

    def table(self, title: str, *columns: str) -> Table:
        self.tables.append(Table(title, columns))
        return self.tables[-1]

    def goal(self, name: str, figure: Figure | float, *, at_least: float | None = None,
             at_most: float | None = None, unit: str = ""):
        """Compares the median with a limit."""
        if not isinstance(figure, Figure):
            figure = Figure.of([float(figure)])
        met = figure.median >= at_least if at_least is not None else figure.median <= at_most
        bound = "≥" if at_least is not None else "≤"
        limit = at_least if at_least is not None else at_most
        self.goals.append({"goal": name, "bound": bound, "limit": limit, "unit": unit,
                           "figure": asdict(figure), "met": met})
        print(f"  {'met' if met else 'NOT MET':8} {name}: {text(figure, spread=True)}{unit and ' ' + unit}, "
              f"goal {bound} {limit:g}", flush=True)

    def summary(self, name: str, figure: Figure | float):
        """A figure without a goal."""
        if not isinstance(figure, Figure):
            figure = Figure.of([figure])
        self.summaries.append({"name": name, "figure": asdict(figure)})
        print(f"  {name}: {text(figure, spread=True)}", flush=True)

    def plot(self, name: str, svg: str):
        self.plots[f"{self.name}-{name}.svg" if name else f"{self.name}.svg"] = svg

    def save(self):
        directory = output_dir()
        if directory is None:
            return
        plots = directory / "plots"
        plots.mkdir(parents=True, exist_ok=True)
        for name, svg in self.plots.items():
            (plots / name).write_text(svg + "\n", encoding="utf-8")
        path = directory / "results.json"
        results = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        results["host"] = host()
        results.setdefault("sections", {})[self.name] = {
            "title": self.title, "quick": QUICK, "goals": self.goals, "summaries": self.summaries,
            "plots": sorted(self.plots),
            "tables": [{"title": table.title, "columns": table.columns,
                        "rows": [[asdict(cell) if isinstance(cell, Figure) else cell for cell in row]
                                 for row in table.rows]} for table in self.tables]}
        path.write_text(json.dumps(results, indent=1, ensure_ascii=False, sort_keys=True) + "\n",
                        encoding="utf-8")


def cpu_model() -> str:
    with open("/proc/cpuinfo", encoding="ascii") as lines:
        return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")),
                    platform.machine())


def host() -> dict:
    done = subprocess.run(["dpkg-query", "-W", "-f=${Package} ${Version}\n", *PACKAGES], text=True, check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    return {"cpu": cpu_model(), "cpus": os.cpu_count(), "kernel": platform.release(),
            "os": platform.freedesktop_os_release()["PRETTY_NAME"],
            "versions": dict(line.split(" ", 1) for line in done.stdout.splitlines() if not line.endswith(" "))}
