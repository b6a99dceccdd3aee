"""Charts as SVG text, for reports. Pure functions; `STYLE` gives them their colours, which the page defines.

No chart library: the app has none, and one would be several times as large as everything else it needs for this.

What charts are drawn with: the frame with its axes, from data to pixels, and text that is safe in SVG and HTML.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.files import display_path
from alpacasorter.ml.evaluation.metrics import Bin, Confusion

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


STYLE: Final = """
svg { display: block; width: 100%; height: auto; }
svg text { font: 11px var(--font); fill: var(--muted); }
svg text.strong { font-weight: 600; fill: var(--text); }
svg text.big { font-size: 20px; font-weight: 600; fill: var(--text); }
svg text.on { fill: var(--text); }
svg text.small { font-size: 9px; }
svg .grid { stroke: var(--border); stroke-width: 1; fill: none; }
svg .axis { stroke: var(--muted); stroke-width: 1; fill: none; }
svg .guide { stroke: var(--muted); stroke-width: 1; stroke-dasharray: 4 3; fill: none; }
svg .line-a { stroke: var(--chart-a); stroke-width: 2; fill: none; stroke-linejoin: round; }
svg .line-b { stroke: var(--chart-b); stroke-width: 2; fill: none; stroke-dasharray: 7 3; stroke-linejoin: round; }
svg .fill-a { fill: var(--chart-a); }
svg .fill-b { fill: var(--chart-b); }
svg .bar-a { fill: var(--chart-a); fill-opacity: 0.4; }
svg .cell { fill: var(--chart-a); stroke: var(--border); }
svg .cell.wrong { fill: var(--chart-b); }
"""
"""Style sheet of the charts. The page gives --font, --text, --muted, --border, --chart-a and --chart-b."""

_UNIT: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_HISTOGRAM_BINS: Final = 20
_MOST_EPOCH_TICKS: Final = 10


def confusion_matrix(counts: Confusion, class_names: tuple[str, str]) -> str:
    """Return the confusion matrix: a row for what photos are, a column for what they were called."""
    negative, positive = class_names
    rows = ((positive, counts.tp, counts.fn), (negative, counts.fp, counts.tn))
    left, top, wide, tall = 96, 62, 160, 96
    turned = f'transform="rotate(-90 14 {top + tall})"'
    parts = [
        f'<text x="{left + wide}" y="40" text-anchor="middle">the model says</text>',
        *(
            f'<text class="strong" x="{left + wide * (n + 0.5)}" y="56" text-anchor="middle">{short(name)}</text>'
            for n, name in enumerate((positive, negative))
        ),
        f'<text x="14" y="{top + tall}" text-anchor="middle" {turned}>the photo is</text>',
    ]
    for row, (name, *cells) in enumerate(rows):
        y = top + row * tall
        parts.append(
            f'<text class="strong" x="{left - 8}" y="{y + tall / 2 + 4}" text-anchor="end">{short(name, 10)}</text>'
        )
        total = sum(cells)
        for column, count in enumerate(cells):
            x = left + column * wide
            share = count / total if total else 0.0
            css = "cell" if row == column else "cell wrong"
            of = f"{share:.1%} of {total:,}" if total else "there is none"
            parts.append(
                f'<rect class="{css}" x="{x}" y="{y}" width="{wide}" height="{tall}" '
                f'fill-opacity="{0.06 + 0.34 * share:.3f}"/>'
                f'<text class="big" x="{x + wide / 2}" y="{y + tall / 2}" text-anchor="middle">{count:,}</text>'
                f'<text class="on" x="{x + wide / 2}" y="{y + tall / 2 + 20}" text-anchor="middle">{of}</text>'
            )
    words = (
        f"{positive}: {counts.tp:,} found, {counts.fn:,} missed. "
        f"{negative}: {counts.tn:,} found, {counts.fp:,} called {positive}."
    )
    return svg("Confusion matrix", words, parts)


def roc(
    false_rates: npt.NDArray[np.floating],
    true_rates: npt.NDArray[np.floating],
    *,
    area: float,
    in_use: tuple[float, float] | None,
    positive: str,
) -> str:
    """Return the ROC curve.

    Args:
        false_rates, true_rates: (k,), as `metrics.roc_curve` gives them.
        area: under the curve.
        in_use: false and true positive rate at the threshold in use, which gets a dot; None for no dot.
        positive: name of the positive class.
    """
    axes = Axes((0.0, 1.0), (0.0, 1.0))
    positive = clipped(positive)
    parts = [
        axes.frame(_UNIT, _UNIT, f"share of the others called “{positive}”", f"share of “{positive}” found"),
        f'<line class="guide" x1="{axes.px(0)}" y1="{axes.py(0)}" x2="{axes.px(1)}" y2="{axes.py(1)}"/>',
        axes.path(list(zip(false_rates.tolist(), true_rates.tolist(), strict=True)), "line-a"),
        f'<text class="strong" x="{axes.px(0.97)}" y="{axes.py(0.06)}" text-anchor="end">area {area:.4f}</text>',
    ]
    if in_use is not None:
        tip = f"At the threshold in use {in_use[1]:.1%} are found and {in_use[0]:.1%} of the others are called so."
        parts.append(axes.dot(*in_use, "fill-b", tip, 5))
        parts.append(legend([("fill-b", "at the threshold in use")]))
    return svg("ROC curve", f"The area under the curve is {area:.4f}; 1 is faultless, 0.5 is chance.", parts)


def calibration(bins: Sequence[Bin], positive: str) -> str:
    """Return the reliability diagram: how often photos are positive by the probability they got, with their counts."""
    # Some room above 1, for the counts.
    axes = Axes((0.0, 1.0), (0.0, 1.08))
    positive = clipped(positive)
    parts = [axes.frame(_UNIT, _UNIT, f"probability of “{positive}” given", f"share that is “{positive}”")]
    told = [(part, part.mean, part.share) for part in bins if part.mean is not None and part.share is not None]
    for part, mean, share in told:
        tip = f"{part.n:,} photos with {part.low:.0%} to {part.high:.0%}, {mean:.1%} on average: {share:.1%} are."
        parts.append(axes.bar((part.low, part.high), share, "bar-a", tip))
    parts.append(f'<line class="guide" x1="{axes.px(0)}" y1="{axes.py(0)}" x2="{axes.px(1)}" y2="{axes.py(1)}"/>')
    for part, mean, share in told:
        x, y = axes.px((part.low + part.high) / 2), axes.py(share) - 7
        parts.append(axes.dot(mean, share, "fill-b", radius=3))
        parts.append(f'<text class="small" x="{x}" y="{y:.2f}" text-anchor="middle">{_few(part.n)}</text>')
    parts.append(legend([("fill-b", "mean probability given"), ("guide", "honest")]))
    return svg("Calibration", "Dots on the dashed line mean honest probabilities.", parts)


def histogram(
    targets: npt.NDArray[np.integer],
    probabilities: npt.NDArray[np.floating],
    *,
    threshold: float,
    class_names: tuple[str, str],
) -> str:
    """Return how many photos of each class (targets (n,), 0 or 1) got which probability (n,)."""
    probability = np.asarray(probabilities, dtype=np.float64)
    truth = np.asarray(targets) == 1
    counts = [np.histogram(probability[truth == flag], _HISTOGRAM_BINS, (0.0, 1.0))[0].tolist() for flag in (0, 1)]
    highest = max(1, *counts[0], *counts[1])
    axes = Axes((0.0, 1.0), (0.0, highest * 1.05))
    whole = [tick for tick in ticks(0, highest) if tick == int(tick)]
    parts = [axes.frame(_UNIT, whole, f"probability of “{clipped(class_names[1])}”", "photos")]
    step = 1.0 / _HISTOGRAM_BINS
    for target, css in ((0, "fill-b"), (1, "fill-a")):
        for n, count in enumerate(counts[target]):
            if count:
                start = n * step + target * step / 2
                tip = f"{class_names[target]}: {count:,} photos with {n * step:.0%} to {(n + 1) * step:.0%}"
                parts.append(axes.bar((start, start + step / 2), count, css, tip))
    x = axes.px(threshold)
    parts.append(f'<line class="guide" x1="{x}" x2="{x}" y1="{TOP}" y2="{axes.py(0)}"/>')
    parts.append(legend([("fill-a", class_names[1]), ("fill-b", class_names[0]), ("guide", "threshold")]))
    return svg("Probabilities", "How many photos of each class got which probability.", parts)


def learning_curve(
    points: Sequence[tuple[int, float, float]], *, name: str, share: bool, retrained_from: int | None
) -> str:
    """Return how a figure went over the epochs.

    Args:
        points: number of the epoch, figure on the photos trained on, on those held out; NaN makes a gap.
        name: of the figure.
        share: whether it is at most 1 by nature.
        retrained_from: the epoch with which retraining of the backbone began, which gets a mark; None for no mark.
    """
    numbers = [number for number, *_ in points]
    values = [value for _, *both in points for value in both if math.isfinite(value)]
    first, last = (min(numbers), max(numbers)) if numbers else (1, 1)
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    bottom = max(0.0, math.floor((low - 0.02) * 10) / 10) if share else 0.0
    axes = Axes((first - 0.5, last + 0.5), (bottom, 1.0 if share else high * 1.08 or 1.0))
    whole = [tick for tick in ticks(first, last, _MOST_EPOCH_TICKS) if tick == int(tick)] or [first]
    parts = [axes.frame(whole, ticks(*axes.y), "epoch", name)]
    if retrained_from is not None:
        x = axes.px(retrained_from - 0.5)
        at_end = x > WIDTH * 0.6
        parts.append(
            f'<line class="guide" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
            f'<text x="{x - 5 if at_end else x + 5}" y="{HEIGHT - BOTTOM - 8}" '
            f'text-anchor="{"end" if at_end else "start"}">retraining begins</text>'
        )
    parts.append(axes.path([(number, training) for number, training, _ in points], "line-a"))
    parts.append(axes.path([(number, held_out) for number, _, held_out in points], "line-b"))
    parts.append(legend([("line-a", "trained on"), ("line-b", "held out")]))
    return svg(f"Learning curve: {name}", f"{len(points)} epochs.", parts)


def _few(count: int) -> str:
    return f"{count}" if count < 1000 else f"{count / 1000:.1f}k"
