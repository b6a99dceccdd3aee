"""What charts are drawn with: the frame with its axes, from data to pixels, and text that is safe in SVG and HTML."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from alpacasorter.core.files import display_path

WIDTH: Final = 440
HEIGHT: Final = 300
"""Size of every chart, pixels; the page may show it at any width."""

LEFT, RIGHT, TOP, BOTTOM = 56, 14, 30, 44
"""Room around what is plotted: ticks, names of the axes, legend."""

_MOST_LETTERS: Final = 24
_LEAST_BAR: Final = 1.5
"""Pixels: a bar of one photo among thousands must be seen."""


def safe(text: str) -> str:
    """Return any text, the name of a hostile file included, as text of HTML or SVG, fit for attributes too."""
    return html.escape(display_path(text)).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


def ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Return at most `most` round numbers, evenly spaced, within [low, high]; `low` alone where that is no interval."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return (low,)
    rough = (high - low) / max(1, most - 1)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(n * step for n in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class Axes:
    """The frame of a chart: from data to pixels.

    Attributes:
        x, y: lowest and highest value shown.
    """

    x: tuple[float, float]
    y: tuple[float, float]

    def px(self, x: float) -> float:
        """Return where a value of x is, pixels from the left."""
        share = (x - self.x[0]) / (self.x[1] - self.x[0])
        return round(LEFT + share * (WIDTH - LEFT - RIGHT), 2)

    def py(self, y: float) -> float:
        """Return where a value of y is, pixels from the top."""
        share = (y - self.y[0]) / (self.y[1] - self.y[0])
        return round(HEIGHT - BOTTOM - share * (HEIGHT - TOP - BOTTOM), 2)

    def frame(self, xs: Iterable[float], ys: Iterable[float], x_name: str, y_name: str) -> str:
        """Return the axes with their names, and ticks at these values."""
        bottom, left, right = HEIGHT - BOTTOM, LEFT, WIDTH - RIGHT
        parts = [
            f'<line class="grid" x1="{left}" x2="{right}" y1="{self.py(y)}" y2="{self.py(y)}"/>'
            f'<text x="{left - 6}" y="{self.py(y) + 4}" text-anchor="end">{_number(y)}</text>'
            for y in ys
        ]
        parts += [
            f'<line class="axis" x1="{self.px(x)}" x2="{self.px(x)}" y1="{bottom}" y2="{bottom + 4}"/>'
            f'<text x="{self.px(x)}" y="{bottom + 17}" text-anchor="middle">{_number(x)}</text>'
            for x in xs
        ]
        middle = (TOP + bottom) / 2
        turned = f'transform="rotate(-90 14 {middle})"'
        parts += [
            f'<line class="axis" x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}"/>',
            f'<text x="{(left + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{safe(x_name)}</text>',
            f'<text x="14" y="{middle}" text-anchor="middle" {turned}>{safe(y_name)}</text>',
        ]
        return "".join(parts)

    def path(self, points: Sequence[tuple[float, float]], css: str) -> str:
        """Join points; one that is no number makes a gap, one between two gaps a dot."""
        parts: list[str] = []
        for run in _runs(points):
            if len(run) == 1:
                parts.append(self.dot(*run[0], css.replace("line", "fill")))
            else:
                steps = " ".join(f"{self.px(x)},{self.py(y)}" for x, y in run)
                parts.append(f'<polyline class="{css}" points="{steps}"/>')
        return "".join(parts)

    def dot(self, x: float, y: float, css: str, tip: str = "", radius: float = 4) -> str:
        """Mark a point; `tip` shows while the mouse is over it."""
        inside = f"<title>{safe(tip)}</title>" if tip else ""
        return f'<circle class="{css}" cx="{self.px(x)}" cy="{self.py(y)}" r="{radius:g}">{inside}</circle>'

    def bar(self, x: tuple[float, float], height: float, css: str, tip: str) -> str:
        """Return a bar over an interval of x, from 0 to `height`."""
        left, right, base = self.px(x[0]), self.px(x[1]), self.py(0)
        tall = max(base - self.py(height), _LEAST_BAR)
        return (
            f'<rect class="{css}" x="{left + 0.5:.2f}" y="{base - tall:.2f}" width="{max(right - left - 1, 1):.2f}" '
            f'height="{tall:.2f}"><title>{safe(tip)}</title></rect>'
        )


def svg(title: str, description: str, parts: Iterable[str]) -> str:
    """Return the whole chart; title and description are for whoever can't see it."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{safe(title)}</title><desc>{safe(description)}</desc>{''.join(parts)}</svg>"
    )


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Return what the classes of the style sheet stand for, in one line above the plot."""
    parts = []
    x = float(LEFT)
    for css, words in entries:
        if css.startswith("fill"):
            parts.append(f'<rect class="{css}" x="{x}" y="9" width="12" height="10"/>')
        else:
            parts.append(f'<line class="{css}" x1="{x}" x2="{x + 18}" y1="14" y2="14"/>')
            x += 6
        parts.append(f'<text x="{x + 17}" y="18">{short(words)}</text>')
        x += 36 + 6.0 * min(len(words), _MOST_LETTERS)
    return "".join(parts)


def clipped(name: str, most: int = _MOST_LETTERS) -> str:
    """Return a name with at most `most` letters; it is not yet safe."""
    return name if len(name) <= most else name[: most - 1] + "…"


def short(name: str, most: int = _MOST_LETTERS) -> str:
    """Return a name with at most `most` letters, as `safe` text."""
    return safe(clipped(name, most))


def _runs(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Return the stretches of points that are numbers."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            runs[-1].append((x, y))
        else:
            runs.append([])
    return [run for run in runs if run]


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
