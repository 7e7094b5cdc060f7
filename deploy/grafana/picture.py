"""`python -m deploy.grafana.picture ADDRESS OUT.svg`: the moderation dashboard, drawn from what a Prometheus answers.

For a README, where no Grafana can be. `make run WATCH=1` prints an address.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from html import escape
from itertools import groupby
from pathlib import Path

from deploy.grafana.moderation import ROWS
from deploy.grafana.panels import HEIGHT, Panel
from deploy.prometheus import ask

SECONDS = 180.0
VARIABLES = {"$job": "sluicegate", "$instance": ".+", "$__rate_interval": "15s", "$__range": f"{SECONDS:.0f}s"}
COLUMN, LINE, GAP, TITLE, EDGE = 50, 26, 8, 24, 12
COLOURS = ("#73bf69", "#f2cc0c", "#f2495c", "#5794f2", "#b877d9", "#ff9830", "#8ab8ff", "#fade2a", "#c4162a", "#37872d")
PAGE, CARD, FAINT, TEXT = "#111217", "#1b1d22", "#8e8e9a", "#d8d9da"
SHOWN_LINES = 4

Series = tuple[str, list[tuple[float, float]]]


def series(address: str, panel: Panel) -> list[Series]:
    """Legend and points (seconds since the epoch, value) of each of a panel's lines, the largest last value first."""
    found: list[Series] = []
    for legend, expression in panel.queries.items():
        for name, value in VARIABLES.items():
            expression = expression.replace(name, value)
        for answer in ask(address, expression, 0 if panel.kind == "table" else SECONDS):
            points = [(when, float(text)) for when, text in answer["values"] if math.isfinite(float(text))]
            labels = answer["metric"]
            shown = legend or ", ".join(labels.values())
            for label, text in labels.items():
                shown = shown.replace("{{" + label + "}}", text)
            if points:
                found.append((shown, points))
    return sorted(found, key=lambda one: -one[1][-1][1])


def number(value: float, unit: str) -> str:
    """A value as Grafana would write it."""
    if unit == "percentunit":
        return f"{value:.2%}"
    if unit == "s":
        return f"{value * 1_000:.0f} ms" if value < 1 else f"{value:.1f} s"
    text = f"{value:,.0f}" if value >= 100 else f"{value:.3g}"
    return f"{text}/s" if unit == "ops" else text


def drawing(address: str) -> str:
    """The dashboard as an SVG."""
    pieces: list[str] = []
    y = EDGE
    for row, panels in ROWS.items():
        pieces.append(words(EDGE + 2, y + 15, row, 14, TEXT, bold=True))
        y, x, height = y + 24, EDGE, 0
        for panel in panels:
            if x + panel.width * COLUMN > EDGE + 24 * COLUMN:
                x, y = EDGE, y + height
            height = HEIGHT[panel.kind] * LINE
            pieces += card(panel, series(address, panel), x, y, panel.width * COLUMN - GAP, height - GAP)
            x += panel.width * COLUMN
        y += height
    width, bottom = 24 * COLUMN + 2 * EDGE - GAP, y + EDGE
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {bottom}" width="{width}" height="{bottom}">'
    style = "<style>text{font-family:Inter,Helvetica,Arial,sans-serif}</style>"
    return f'{head}{style}<rect width="100%" height="100%" fill="{PAGE}"/>{"".join(pieces)}</svg>\n'


def card(panel: Panel, lines: list[Series], x: int, y: int, width: int, height: int) -> Iterator[str]:
    """One panel's box."""
    yield f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="3" fill="{CARD}"/>'
    yield words(x + 10, y + 17, panel.title, 12, TEXT)
    if not lines:
        yield words(x + 10, y + height // 2, "no data", 12, FAINT)
    elif panel.kind == "now":
        value = lines[0][1][-1][1]
        bad, warn = (value >= bound for bound in reversed(panel.bounds)) if panel.bounds else (False, False)
        colour = COLOURS[2] if bad else COLOURS[5] if warn else COLOURS[0]
        yield words(x + width // 2, y + height // 2 + 18, number(value, panel.unit), 28, colour, anchor="middle")
    elif panel.kind == "table":
        for place, (legend, points) in enumerate(lines[: (height - TITLE - 6) // 17]):
            level = y + TITLE + 16 + 17 * place
            yield words(x + 10, level, legend, 11, TEXT)
            yield words(x + width - 12, level, number(points[-1][1], panel.unit), 11, TEXT, anchor="end")
    elif panel.kind == "heat":
        yield from bands(lines, x + 50, y + TITLE, width - 60, height - TITLE - 10)
    else:
        yield from curves(panel, lines, x + 58, y + TITLE + 4, width - 70, height - TITLE - 26 - 15 * SHOWN_LINES)


def curves(panel: Panel, lines: list[Series], x: int, y: int, width: int, height: int) -> Iterator[str]:
    """Lines over time, with a scale, the bounds that lie within it, and a legend."""
    below = dict.fromkeys([when for _, points in lines for when, _ in points], 0.0)
    drawn: list[Series] = []
    for legend, points in lines:
        if panel.stacked:
            for when, value in points:
                below[when] += value
            points = [(when, below[when]) for when, _ in points]
        drawn.append((legend, points))
    first, last = min(below), max(below)
    top = max(value for _, points in drawn for _, value in points) * 1.1 or 1.0
    if panel.bounds and panel.bounds[0] < 4 * top:
        top = max(top, max(panel.bounds) * 1.1)

    def at(when: float, value: float) -> str:
        return f"{x + width * (when - first) / max(last - first, 1):.1f},{y + height * (1 - value / top):.1f}"

    for step in range(4):
        level = y + height * (1 - step / 3)
        yield f'<line x1="{x}" x2="{x + width}" y1="{level:.1f}" y2="{level:.1f}" stroke="#2c2f36"/>'
        yield words(x - 6, int(level) + 4, number(top * step / 3, panel.unit), 10, FAINT, anchor="end")
    for bound, colour in zip(panel.bounds or (), (COLOURS[5], COLOURS[2]), strict=False):
        if bound <= top:
            start, end = at(first, bound), at(last, bound)
            yield f'<polyline points="{start} {end}" stroke="{colour}" stroke-dasharray="5 5" fill="none"/>'
    for place, (_, points) in reversed(list(enumerate(drawn))):
        colour, path = COLOURS[place % len(COLOURS)], " ".join(at(*point) for point in points)
        if panel.stacked:
            base = f"{at(points[-1][0], 0)} {at(points[0][0], 0)}"
            # What lies below is drawn later, and must not shine through.
            yield f'<polygon points="{path} {base}" fill="{CARD}"/>'
            yield f'<polygon points="{path} {base}" fill="{colour}" fill-opacity="0.35"/>'
        yield f'<polyline points="{path}" stroke="{colour}" stroke-width="1.5" fill="none"/>'
    for place, (legend, points) in enumerate(lines[: 2 * SHOWN_LINES]):
        left, level = x - 48 + (place % 2) * (width + 58) // 2, y + height + 22 + 15 * (place // 2)
        colour = COLOURS[place % len(COLOURS)]
        yield f'<rect x="{left}" y="{level - 6}" width="12" height="4" fill="{colour}"/>'
        yield words(left + 17, level, f"{legend}  {number(points[-1][1], panel.unit)}", 10, TEXT)


def bands(lines: list[Series], x: int, y: int, width: int, height: int) -> Iterator[str]:
    """A heat map: a row a bin, from cumulative buckets, on a logarithmic scale of colour."""
    ordered = sorted(lines, key=lambda one: math.inf if one[0] == "+Inf" else float(one[0]))
    whens = sorted({when for _, points in lines for when, _ in points})
    cell, row = width / len(whens), height / len(ordered)
    below = dict.fromkeys(whens, 0.0)
    for place, (legend, points) in enumerate(ordered):
        top = y + height - row * (place + 1)
        yield words(x - 6, int(top + row / 2) + 4, legend, 9, FAINT, anchor="end")
        shades: list[float] = []
        for when, total in points:
            inside, below[when] = max(total - below[when], 0.0), total
            shades.append(min(1.0, round(math.log1p(inside) / math.log1p(500), 1)))
        left = x + cell * whens.index(points[0][0])
        for shade, alike in groupby(shades):
            right = left + cell * len(list(alike))
            place_and_size = f'x="{left:.0f}" y="{top:.0f}" width="{right - left:.0f}" height="{row - 1:.0f}"'
            yield f'<rect {place_and_size} fill="{COLOURS[5]}" fill-opacity="{shade}"/>'
            left = right


def words(x: int, y: int, text: str, size: int, colour: str, *, anchor: str = "start", bold: bool = False) -> str:
    """A line of text."""
    weight = ' font-weight="600"' if bold else ""
    return (
        f'<text x="{x}" y="{y}" font-size="{size}" fill="{colour}" text-anchor="{anchor}"{weight}>{escape(text)}</text>'
    )


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    Path(sys.argv[2]).write_text(drawing(sys.argv[1]), encoding="utf-8")
