# SPDX-License-Identifier: LGPL-2.1-or-later
"""Plots as SVG: lines over a logarithmic axis, groups of bars, and a canvas with axes for others."""

import math
from collections.abc import Callable, Iterable, Sequence
from xml.sax.saxutils import escape

from measure import Figure

COLORS = ("#2563a8", "#c8553d", "#3f8f5b", "#8a63ad", "#b08a2e", "#4b5563")
GRID, SHADE = "#d4d4d4", "#eeeeee"


class Canvas:
    def __init__(self, width: int = 760, height: int = 340, left: int = 70, top: int = 34, bottom: int = 66,
                 right: int = 16):
        self.width, self.height = width, height
        self.left, self.right, self.top, self.bottom = left, width - right, top, height - bottom
        self.parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" '
                      f'height="{height}" font-family="sans-serif" font-size="12">',
                      '<rect width="100%" height="100%" fill="#fff"/>']

    def text(self, x: float, y: float, string: str, anchor: str = "start", color: str = "#222", **attributes):
        more = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" fill="{color}"{more}>'
                          f'{escape(string)}</text>')

    def rect(self, x: float, y: float, width: float, height: float, color: str):
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
                          f'fill="{color}"/>')

    def line(self, x1: float, y1: float, x2: float, y2: float, color: str = GRID, **attributes):
        more = "".join(f' {key.replace("_", "-")}="{value}"' for key, value in attributes.items())
        self.parts.append(f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{color}"{more}/>')

    def path(self, points: Iterable[tuple[float, float]], color: str):
        steps = "L".join(f"{x:.1f} {y:.1f}" for x, y in points)
        self.parts.append(f'<path d="M{steps}" stroke="{color}" stroke-width="2" fill="none"/>')

    def dot(self, x: float, y: float, color: str, radius: float = 3):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{color}"/>')

    def title(self, string: str):
        self.text(self.left, 18, string, font_weight="bold")

    def legend(self, names: Iterable[tuple[str, str]]):
        """Names with their colours, below the plot."""
        x = self.left
        for name, color in names:
            self.rect(x, self.height - 20, 10, 10, color)
            self.text(x + 15, self.height - 11, name)
            x += 15 + 7 * len(name) + 18

    def y_axis(self, ticks: dict[float, str], y: Callable[[float], float]):
        for value, label in ticks.items():
            self.line(self.left, y(value), self.right, y(value))
            self.text(self.left - 6, y(value) + 4, label, "end")

    def svg(self) -> str:
        return "\n".join([*self.parts, "</svg>"])


def short(value: float) -> str:
    """A number for an axis."""
    for factor, suffix in ((1e6, "M"), (1e3, "k")):
        if value >= factor:
            return f"{value / factor:g}{suffix}"
    return f"{value:g}"


def linear_ticks(top: float) -> list[float]:
    step = 10 ** math.floor(math.log10(top))
    step = next(step * part for part in (0.1, 0.2, 0.25, 0.5, 1, 2) if top / (step * part) <= 6)
    return [i * step for i in range(int(top / step + 1e-9) + 1)]


def scale_linear(canvas: Canvas, top: float) -> Callable[[float], float]:
    return lambda value: canvas.bottom - (canvas.bottom - canvas.top) * value / top


def scale_log(low: float, high: float, begin: float, end: float) -> Callable[[float], float]:
    return lambda value: begin + (end - begin) * math.log(max(value, low) / low) / math.log(high / low)


def whisker(canvas: Canvas, x: float, y: Callable[[float], float], figure: Figure, color: str = "#222"):
    canvas.line(x, y(figure.min), x, y(figure.max), color)


def draw_goal(canvas: Canvas, y: Callable[[float], float], goal: float | None):
    if goal is not None:
        canvas.line(canvas.left, y(goal), canvas.right, y(goal), "#222", stroke_dasharray="5 4")
        canvas.text(canvas.right, y(goal) - 4, f"goal {goal:g}", "end")


def lines(title: str, x_label: str, series: dict[str, Sequence[tuple[float, Figure]]], unit: str = "",
          goal: float | None = None) -> str:
    """Medians with their spread, over a logarithmic x axis. The y axis begins at 0. A series without points
    only takes a colour."""
    canvas = Canvas()
    points = [point for line in series.values() for point in line]
    top = 1.1 * max([figure.max for _, figure in points] + [goal or 0])
    xs = sorted({x for x, _ in points})
    x = scale_log(xs[0], xs[-1], canvas.left + 20, canvas.right - 20)
    y = scale_linear(canvas, top)
    canvas.title(title)
    canvas.y_axis({tick: f"{short(tick)}{unit and ' ' + unit}" for tick in linear_ticks(top)}, y)
    for value in xs:
        canvas.text(x(value), canvas.bottom + 16, short(value), "middle")
    canvas.text((canvas.left + canvas.right) / 2, canvas.bottom + 32, x_label, "middle")
    drawn = [(name, line, color) for (name, line), color in zip(series.items(), COLORS) if line]
    for _, line, color in drawn:
        canvas.path([(x(at), y(figure.median)) for at, figure in line], color)
        for at, figure in line:
            whisker(canvas, x(at), y, figure, color)
            canvas.dot(x(at), y(figure.median), color)
    draw_goal(canvas, y, goal)
    canvas.legend((name, color) for name, _, color in drawn)
    return canvas.svg()


def bars(title: str, groups: dict[str, dict[str, Figure]], unit: str = "", goal: float | None = None) -> str:
    """Groups of bars with their spread; `goal` is drawn as a dashed line."""
    canvas = Canvas()
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    top = 1.1 * max([figure.max for group in groups.values() for figure in group.values()] + [goal or 0])
    y = scale_linear(canvas, top)
    canvas.title(title)
    canvas.y_axis({tick: f"{short(tick)}{unit and ' ' + unit}" for tick in linear_ticks(top)}, y)
    slot = (canvas.right - canvas.left) / len(groups)
    width = min(40, 0.8 * slot / len(names))
    for i, (label, group) in enumerate(groups.items()):
        begin = canvas.left + slot * (i + 0.5) - width * len(names) / 2
        for name, figure in group.items():
            k = names.index(name)
            x = begin + width * k
            canvas.rect(x, y(figure.median), width - 2, canvas.bottom - y(figure.median), COLORS[k % len(COLORS)])
            whisker(canvas, x + width / 2 - 1, y, figure)
        for row, part in enumerate(label.split("\n")):
            canvas.text(canvas.left + slot * (i + 0.5), canvas.bottom + 16 + 14 * row, part, "middle")
    draw_goal(canvas, y, goal)
    canvas.legend((name, COLORS[k % len(COLORS)]) for k, name in enumerate(names))
    return canvas.svg()
