"""Charts as SVG text, for reports and for the window. Pure functions.

In a report the page's style sheet (`STYLE`) colors the charts, so that they follow the reader's light or dark mode. For
renderers that know no CSS variables, such as QSvgRenderer, the colors can be written into the chart: `palette`.

There is no chart library: it would be several times as large as everything else the app needs for this.
"""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, decimal, ngettext, number, percent, share
from alpacasorter.ml.evaluation.metrics import Bin, Confusion

WIDTH: Final = 440
HEIGHT: Final = 300
"""Size of every chart in its own units; it can be scaled to any size."""

LEFT, RIGHT, TOP, BOTTOM = 56, 14, 30, 44
"""Margins around the plot, for ticks, axis titles and legend."""

_MAX_LETTERS: Final = 24
_MIN_BAR_HEIGHT: Final = 1.5
"""So that a bar of one photo among thousands is still visible."""


@dataclass(frozen=True, slots=True)
class Palette:
    """The font and colors of a chart, as CSS values.

    Attributes:
        font: font family or families.
        text: color of the important text.
        muted: color of ticks, axis titles and guide lines.
        border: color of the grid.
        a, b: colors of the two series.
        letters: font size, in the units of the chart; larger ones for a chart that is shown small.
    """

    font: str
    text: str
    muted: str
    border: str
    a: str
    b: str
    letters: int = 11


def style_sheet(palette: Palette) -> str:
    """Return the CSS rules that color the charts."""
    return f"""
svg {{ display: block; width: 100%; height: auto; }}
svg text {{ font-size: {palette.letters}px; font-family: {palette.font}; fill: {palette.muted}; }}
svg text.strong {{ font-weight: 600; fill: {palette.text}; }}
svg text.big {{ font-size: 20px; font-weight: 600; fill: {palette.text}; }}
svg text.on {{ fill: {palette.text}; }}
svg text.small {{ font-size: 9px; }}
svg .grid {{ stroke: {palette.border}; stroke-width: 1; fill: none; }}
svg .axis {{ stroke: {palette.muted}; stroke-width: 1; fill: none; }}
svg .guide {{ stroke: {palette.muted}; stroke-width: 1; stroke-dasharray: 4 3; fill: none; }}
svg .line-a {{ stroke: {palette.a}; stroke-width: 2; fill: none; stroke-linejoin: round; }}
svg .line-b {{ stroke: {palette.b}; stroke-width: 2; fill: none; stroke-dasharray: 7 3; stroke-linejoin: round; }}
svg .fill-a {{ fill: {palette.a}; }}
svg .fill-b {{ fill: {palette.b}; }}
svg .bar-a {{ fill: {palette.a}; fill-opacity: 0.4; }}
svg .cell {{ fill: {palette.a}; stroke: {palette.border}; }}
svg .cell.wrong {{ fill: {palette.b}; }}
"""


STYLE: Final = style_sheet(
    Palette("var(--font)", "var(--text)", "var(--muted)", "var(--border)", "var(--chart-a)", "var(--chart-b)")
)
"""Style sheet for the charts of a page that defines --font, --text, --muted, --border, --chart-a and --chart-b."""


def safe(text: str) -> str:
    """Return any text, even a hostile file name, escaped for HTML and SVG, attributes included."""
    return html.escape(display_path(text)).replace("\ufffe", "\ufffd").replace("\uffff", "\ufffd")


def ticks(low: float, high: float, most: int = 6) -> tuple[float, ...]:
    """Return at most `most` round, evenly spaced numbers within [low, high]; only `low` if that is not an interval."""
    if not (math.isfinite(low) and math.isfinite(high)) or high <= low:
        return (low,)
    rough = (high - low) / max(1, most - 1)
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return tuple(n * step for n in range(first, last + 1))


@dataclass(frozen=True, slots=True)
class Axes:
    """The axes of a chart, which convert data to coordinates.

    Attributes:
        x, y: lowest and highest value shown.
    """

    x: tuple[float, float]
    y: tuple[float, float]

    def px(self, x: float) -> float:
        """Return the horizontal coordinate of a value of x."""
        position = (x - self.x[0]) / (self.x[1] - self.x[0])
        return round(LEFT + position * (WIDTH - LEFT - RIGHT), 2)

    def py(self, y: float) -> float:
        """Return the vertical coordinate, from the top, of a value of y."""
        position = (y - self.y[0]) / (self.y[1] - self.y[0])
        return round(HEIGHT - BOTTOM - position * (HEIGHT - TOP - BOTTOM), 2)

    def frame(self, xs: Iterable[float], ys: Iterable[float], x_title: str, y_title: str) -> str:
        """Return the axes with their titles, and ticks at these values."""
        bottom, left, right = HEIGHT - BOTTOM, LEFT, WIDTH - RIGHT
        parts = [
            f'<line class="grid" x1="{left}" x2="{right}" y1="{self.py(y)}" y2="{self.py(y)}"/>'
            f'<text x="{left - 6}" y="{self.py(y) + 4}" text-anchor="end">{_tick(y)}</text>'
            for y in ys
        ]
        parts += [
            f'<line class="axis" x1="{self.px(x)}" x2="{self.px(x)}" y1="{bottom}" y2="{bottom + 4}"/>'
            f'<text x="{self.px(x)}" y="{bottom + 17}" text-anchor="middle">{_tick(x)}</text>'
            for x in xs
        ]
        middle = (TOP + bottom) / 2
        rotated = f'transform="rotate(-90 14 {middle})"'
        parts += [
            f'<line class="axis" x1="{left}" x2="{right}" y1="{bottom}" y2="{bottom}"/>',
            f'<text x="{(left + right) / 2}" y="{HEIGHT - 8}" text-anchor="middle">{safe(x_title)}</text>',
            f'<text x="14" y="{middle}" text-anchor="middle" {rotated}>{safe(y_title)}</text>',
        ]
        return "".join(parts)

    def path(self, points: Sequence[tuple[float, float]], css: str) -> str:
        """Return a line through points; a y that is not finite makes a gap, a point between two gaps a dot."""
        parts: list[str] = []
        for run in _runs(points):
            if len(run) == 1:
                parts.append(self.dot(*run[0], css.replace("line", "fill")))
            else:
                steps = " ".join(f"{self.px(x)},{self.py(y)}" for x, y in run)
                parts.append(f'<polyline class="{css}" points="{steps}"/>')
        return "".join(parts)

    def dot(self, x: float, y: float, css: str, tip: str = "", radius: float = 4) -> str:
        """Return a dot, with an optional tooltip."""
        title = f"<title>{safe(tip)}</title>" if tip else ""
        return f'<circle class="{css}" cx="{self.px(x)}" cy="{self.py(y)}" r="{radius:g}">{title}</circle>'

    def bar(self, x: tuple[float, float], height: float, css: str, tip: str) -> str:
        """Return a bar over an interval of x, from 0 to `height`, with a tooltip."""
        left, right, base = self.px(x[0]), self.px(x[1]), self.py(0)
        tall = max(base - self.py(height), _MIN_BAR_HEIGHT)
        return (
            f'<rect class="{css}" x="{left + 0.5:.2f}" y="{base - tall:.2f}" width="{max(right - left - 1, 1):.2f}" '
            f'height="{tall:.2f}"><title>{safe(tip)}</title></rect>'
        )


def svg(title: str, description: str, parts: Iterable[str], palette: Palette | None = None) -> str:
    """Return a whole chart.

    Args:
        title, description: what screen readers say.
        parts: the elements of the chart.
        palette: colors to write into the chart; None if `STYLE` of the page colors it.
    """
    style = f"<style>{style_sheet(palette)}</style>" if palette is not None else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="img">'
        f"<title>{safe(title)}</title><desc>{safe(description)}</desc>{style}{''.join(parts)}</svg>"
    )


def legend(entries: Sequence[tuple[str, str]]) -> str:
    """Return the legend, in one line above the plot, for pairs of a CSS class and a label."""
    parts = []
    x = float(LEFT)
    for css, label in entries:
        if css.startswith("fill"):
            parts.append(f'<rect class="{css}" x="{x}" y="9" width="12" height="10"/>')
        else:
            parts.append(f'<line class="{css}" x1="{x}" x2="{x + 18}" y1="14" y2="14"/>')
            x += 6
        parts.append(f'<text x="{x + 17}" y="18">{short(label)}</text>')
        x += 36 + 6.0 * min(len(label), _MAX_LETTERS)
    return "".join(parts)


def clipped(name: str, most: int = _MAX_LETTERS) -> str:
    """Return a name cut to at most `most` letters; it is not escaped."""
    return name if len(name) <= most else name[: most - 1] + "…"


def short(name: str, most: int = _MAX_LETTERS) -> str:
    """Return a name cut to at most `most` letters and escaped by `safe`."""
    return safe(clipped(name, most))


def _runs(points: Sequence[tuple[float, float]]) -> list[list[tuple[float, float]]]:
    """Return the runs of points whose y is finite."""
    runs: list[list[tuple[float, float]]] = [[]]
    for x, y in points:
        if math.isfinite(y):
            runs[-1].append((x, y))
        else:
            runs.append([])
    return [run for run in runs if run]


def _tick(value: float) -> str:
    """Return a tick label with as many digits as the value needs, four significant ones at most."""
    if abs(value) >= 1000:
        return number(round(value))
    exponent = Decimal(f"{value:.4g}").as_tuple().exponent
    return decimal(value, max(0, -exponent) if isinstance(exponent, int) else 0)


_UNIT: Final = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
_HISTOGRAM_BINS: Final = 20
_MAX_EPOCH_TICKS: Final = 10


def confusion_matrix(counts: Confusion, class_names: tuple[str, str]) -> str:
    """Return the confusion matrix: a row for each actual class, a column for each predicted one."""
    negative, positive = class_names
    rows = ((positive, counts.tp, counts.fn), (negative, counts.fp, counts.tn))
    left, top, wide, tall = 96, 62, 160, 96
    rotated = f'transform="rotate(-90 14 {top + tall})"'
    predicted, actual = _("predicted class"), _("actual class")
    parts = [
        f'<text x="{left + wide}" y="40" text-anchor="middle">{safe(predicted)}</text>',
        *(
            f'<text class="strong" x="{left + wide * (n + 0.5)}" y="56" text-anchor="middle">{short(name)}</text>'
            for n, name in enumerate((positive, negative))
        ),
        f'<text x="14" y="{top + tall}" text-anchor="middle" {rotated}>{safe(actual)}</text>',
    ]
    for row, (name, *cells) in enumerate(rows):
        y = top + row * tall
        parts.append(
            f'<text class="strong" x="{left - 8}" y="{y + tall / 2 + 4}" text-anchor="end">{short(name, 10)}</text>'
        )
        total = sum(cells)
        for column, count in enumerate(cells):
            x = left + column * wide
            part = count / total if total else 0.0
            css = "cell" if row == column else "cell wrong"
            # Translators: in a cell of the confusion matrix, such as "98.7% of 1,237".
            below = _("{share} of {total}").format(share=share(part), total=number(total)) if total else _("no photos")
            parts.append(
                f'<rect class="{css}" x="{x}" y="{y}" width="{wide}" height="{tall}" '
                f'fill-opacity="{0.06 + 0.34 * part:.3f}"/>'
                f'<text class="big" x="{x + wide / 2}" y="{y + tall / 2}" text-anchor="middle">{number(count)}</text>'
                f'<text class="on" x="{x + wide / 2}" y="{y + tall / 2 + 20}" text-anchor="middle">{safe(below)}</text>'
            )
    description = _(
        "{positive}: {tp} found, {fn} missed. {negative}: {tn} correct, {fp} predicted as {positive}."
    ).format(
        positive=positive,
        negative=negative,
        tp=number(counts.tp),
        fn=number(counts.fn),
        tn=number(counts.tn),
        fp=number(counts.fp),
    )
    return svg(_("Confusion matrix"), description, parts)


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
        false_rates, true_rates: (k,), from `metrics.roc_curve`.
        area: the area under the curve.
        in_use: false and true positive rate at the threshold in use, which gets a dot; None for no dot.
        positive: name of the positive class.
    """
    axes = Axes((0.0, 1.0), (0.0, 1.0))
    positive = clipped(positive)
    area_label = _("area {number}").format(number=decimal(area, 4))
    parts = [
        axes.frame(
            _UNIT,
            _UNIT,
            # Translators: {name} is a class, such as "Alpaca".
            _("other photos predicted as “{name}”").format(name=positive),
            _("“{name}” photos found").format(name=positive),
        ),
        f'<line class="guide" x1="{axes.px(0)}" y1="{axes.py(0)}" x2="{axes.px(1)}" y2="{axes.py(1)}"/>',
        axes.path(list(zip(false_rates.tolist(), true_rates.tolist(), strict=True)), "line-a"),
        f'<text class="strong" x="{axes.px(0.97)}" y="{axes.py(0.06)}" text-anchor="end">{safe(area_label)}</text>',
    ]
    if in_use is not None:
        tip = _("At the threshold in use, {found} are found, and {wrong} of the others are predicted as such.").format(
            found=share(in_use[1]), wrong=share(in_use[0])
        )
        parts.append(axes.dot(*in_use, "fill-b", tip, 5))
        parts.append(legend([("fill-b", _("threshold in use"))]))
    description = _("The area under the curve is {number}; 1 is perfect, 0.5 is chance.").format(
        number=decimal(area, 4)
    )
    return svg(_("ROC curve"), description, parts)


def calibration(bins: Sequence[Bin], positive: str) -> str:
    """Return the reliability diagram: the share of photos that are positive, by predicted probability."""
    # Some room above 1, for the counts.
    axes = Axes((0.0, 1.0), (0.0, 1.08))
    positive = clipped(positive)
    parts = [
        axes.frame(
            _UNIT,
            _UNIT,
            _("predicted probability of “{name}”").format(name=positive),
            _("share that is “{name}”").format(name=positive),
        )
    ]
    filled = [(part, part.mean, part.share) for part in bins if part.mean is not None and part.share is not None]
    for part, mean, positives in filled:
        tip = ngettext(
            "{count} photo at {low} to {high}, {mean} on average: {share} are “{name}”.",
            "{count} photos at {low} to {high}, {mean} on average: {share} are “{name}”.",
            part.n,
        ).format(
            count=number(part.n),
            low=percent(part.low),
            high=percent(part.high),
            mean=share(mean),
            share=share(positives),
            name=positive,
        )
        parts.append(axes.bar((part.low, part.high), positives, "bar-a", tip))
    parts.append(f'<line class="guide" x1="{axes.px(0)}" y1="{axes.py(0)}" x2="{axes.px(1)}" y2="{axes.py(1)}"/>')
    for part, mean, positives in filled:
        x, y = axes.px((part.low + part.high) / 2), axes.py(positives) - 7
        parts.append(axes.dot(mean, positives, "fill-b", radius=3))
        parts.append(f'<text class="small" x="{x}" y="{y:.2f}" text-anchor="middle">{safe(_brief(part.n))}</text>')
    parts.append(legend([("fill-b", _("mean prediction")), ("guide", _("perfect calibration"))]))
    return svg(_("Calibration"), _("On the dashed line, predicted probabilities match what is observed."), parts)


def histogram(
    targets: npt.NDArray[np.integer],
    probabilities: npt.NDArray[np.floating],
    *,
    threshold: float,
    class_names: tuple[str, str],
) -> str:
    """Return how many photos of each class (targets (n,), 0 or 1) have which predicted probability (n,)."""
    probability = np.asarray(probabilities, dtype=np.float64)
    truth = np.asarray(targets) == 1
    counts = [np.histogram(probability[truth == flag], _HISTOGRAM_BINS, (0.0, 1.0))[0].tolist() for flag in (0, 1)]
    highest = max(1, *counts[0], *counts[1])
    axes = Axes((0.0, 1.0), (0.0, highest * 1.05))
    whole = [tick for tick in ticks(0, highest) if tick == int(tick)]
    x_title = _("predicted probability of “{name}”").format(name=clipped(class_names[1]))
    parts = [axes.frame(_UNIT, whole, x_title, _("photos"))]
    step = 1.0 / _HISTOGRAM_BINS
    for target, css in ((0, "fill-b"), (1, "fill-a")):
        for n, count in enumerate(counts[target]):
            if count:
                start = n * step + target * step / 2
                tip = ngettext(
                    "{name}: {count} photo at {low} to {high}", "{name}: {count} photos at {low} to {high}", count
                ).format(
                    name=class_names[target],
                    count=number(count),
                    low=percent(n * step),
                    high=percent((n + 1) * step),
                )
                parts.append(axes.bar((start, start + step / 2), count, css, tip))
    x = axes.px(threshold)
    parts.append(f'<line class="guide" x1="{x}" x2="{x}" y1="{TOP}" y2="{axes.py(0)}"/>')
    parts.append(legend([("fill-a", class_names[1]), ("fill-b", class_names[0]), ("guide", _("threshold"))]))
    return svg(_("Probabilities"), _("How many photos of each class have which predicted probability."), parts)


def learning_curve(
    points: Sequence[tuple[int, float, float]],
    *,
    name: str,
    share: bool,
    retrained_from: int | None,
    palette: Palette | None = None,
) -> str:
    """Return a figure over the epochs.

    Args:
        points: number of the epoch, figure on the training photos, figure on the held-out photos; NaN makes a gap.
        name: of the figure.
        share: whether the figure can be at most 1.
        retrained_from: the epoch with which retraining of the backbone began, which gets a mark; None for no mark.
        palette: colors to write into the chart; None if `STYLE` of the page colors it.
    """
    numbers = [epoch for epoch, *_both in points]
    values = [value for _epoch, *both in points for value in both if math.isfinite(value)]
    first, last = (min(numbers), max(numbers)) if numbers else (1, 1)
    low, high = (min(values), max(values)) if values else (0.0, 1.0)
    bottom = max(0.0, math.floor((low - 0.02) * 10) / 10) if share else 0.0
    axes = Axes((first - 0.5, last + 0.5), (bottom, 1.0 if share else high * 1.08 or 1.0))
    whole = [tick for tick in ticks(first, last, _MAX_EPOCH_TICKS) if tick == int(tick)] or [first]
    parts = [axes.frame(whole, ticks(*axes.y), _("epoch"), name)]
    if retrained_from is not None:
        x = axes.px(retrained_from - 0.5)
        at_end = x > WIDTH * 0.6
        parts.append(
            f'<line class="guide" x1="{x}" x2="{x}" y1="{TOP}" y2="{HEIGHT - BOTTOM}"/>'
            f'<text x="{x - 5 if at_end else x + 5}" y="{HEIGHT - BOTTOM - 8}" '
            f'text-anchor="{"end" if at_end else "start"}">{safe(_("retraining begins"))}</text>'
        )
    parts.append(axes.path([(epoch, training) for epoch, training, _held_out in points], "line-a"))
    parts.append(axes.path([(epoch, held_out) for epoch, _training, held_out in points], "line-b"))
    parts.append(legend([("line-a", _("training photos")), ("line-b", _("held-out photos"))]))
    description = ngettext("{count} epoch", "{count} epochs", len(points)).format(count=number(len(points)))
    return svg(_("Learning curve: {name}").format(name=name), description, parts, palette)


def _brief(count: int) -> str:
    if count < 1000:
        return number(count)
    # Translators: thousands in little space, such as "12.3k".
    return _("{number}k").format(number=decimal(count / 1000))
