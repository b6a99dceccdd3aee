"""The report of a training or a test: one HTML file with everything inside, to be read, printed and passed on.

The figures of a test in plain words, the same in window, report and command line.

The style sheet of reports: light and dark as the reader's system is, and on paper.

The report as HTML: sections made of figures, charts, a gallery and tables. No scripts, nothing from the network.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import percent
from alpacasorter.core.photo import Unreadable, read_photo
from alpacasorter.core.photos.decode import decode
from alpacasorter.core.safe_write import write_over
from alpacasorter.ml.evaluation import charts
from alpacasorter.ml.evaluation.charts import safe
from alpacasorter.ml.evaluation.metrics import (
    BINS,
    Confusion,
    Metrics,
    class_figures,
    log_loss,
    measure,
    mistakes,
    reliability,
    roc_curve,
)


def share(value: float | None) -> str:
    """Return 0.9724 as "97.2%". It says 100% of nothing but all, 0% of nothing but none, and "none" of None."""
    if value is None:
        return "none"
    if 0.0 < value < 1.0:
        value = min(max(value, 0.001), 0.999)
    return f"{value:.1%}" if 0.0 < value < 1.0 else f"{value:.0%}"


def in_words(counts: Confusion, class_names: tuple[str, str]) -> str:
    """Return what came out, such as "97 of 100 photos judged right. Alpaca: 38 of 40 found. …".

    Args:
        counts: at the threshold in use.
        class_names: what people read for the negative and the positive class.
    """
    figures = class_figures(counts)
    total = sum(of_class.n for of_class in figures)
    if not total:
        return "There was no photo to judge."
    right = counts.tp + counts.tn
    first = f"{right:,} of {total:,} {'photo' if total == 1 else 'photos'} judged right ({share(right / total)})."
    # The positive class first: it is what people look for.
    named = list(zip(class_names, figures, strict=True))[::-1]
    return " ".join([first, *(f"{name}: {of.found:,} of {of.n:,} found." for name, of in named if of.n)])


STYLE: Final = """
:root {
  --font: system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", "DejaVu Sans", sans-serif;
  --ground: #f5f3ef; --card: #ffffff; --border: #d9d4cb; --text: #25221e; --muted: #6a645b;
  --accent: #1f6b57; --warning: #9a4a00; --chart-a: #1f6b57; --chart-b: #c2571a;
}
@media screen and (prefers-color-scheme: dark) {
  :root {
    --ground: #1d1c1a; --card: #282623; --border: #423e39; --text: #ece8e2; --muted: #b3aca1;
    --accent: #74c4a9; --warning: #f0a860; --chart-a: #74c4a9; --chart-b: #f0a860;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--ground); color: var(--text); font: 15px/1.5 var(--font); }
main { max-width: 1000px; margin: 0 auto; padding: 28px 20px 48px; }
h1 { font-size: 28px; line-height: 1.2; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 18px; margin: 32px 0 12px; }
p { margin: 8px 0; overflow-wrap: anywhere; }
.lead { font-size: 18px; margin-top: 14px; }
.note, small { color: var(--muted); font-size: 13px; }
.warnings { margin-top: 20px; padding: 4px 18px 8px; border: 1px solid var(--warning); border-radius: 8px;
  background: var(--card); }
.warnings h2 { margin: 10px 0 0; font-size: 15px; color: var(--warning); }
.warnings ul { margin: 6px 0; padding-left: 20px; }
.figures { display: grid; grid-template-columns: repeat(auto-fit, minmax(148px, 1fr)); gap: 12px; }
.figure, .charts > figure, .photo { background: var(--card); border: 1px solid var(--border); border-radius: 8px; }
.figure { display: flex; flex-direction: column; padding: 12px 14px; }
.figure b { font-size: 24px; line-height: 1.2; }
.figure small { margin-top: 4px; line-height: 1.35; }
figure { margin: 0; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(400px, 100%), 1fr)); gap: 16px; }
.charts > figure { padding: 12px 14px; }
.charts figcaption { font-weight: 600; margin-bottom: 6px; }
table { width: 100%; border-collapse: collapse; background: var(--card); border: 1px solid var(--border); }
th, td { padding: 7px 12px; text-align: left; vertical-align: top; border-bottom: 1px solid var(--border);
  font-weight: 400; overflow-wrap: anywhere; }
thead th, tbody th { color: var(--muted); }
tbody th { width: 34%; }
.numbers tbody th { width: auto; color: var(--text); }
.numbers th, .numbers td { overflow-wrap: normal; padding: 7px 8px; }
.numbers th:not(:first-child), .numbers td { text-align: right; }
.gallery { display: grid; grid-template-columns: repeat(auto-fill, minmax(176px, 1fr)); gap: 14px; }
.photo { padding: 8px; min-width: 0; }
.frame, .placeholder { height: 150px; display: flex; align-items: center; justify-content: center; }
.frame img { max-width: 100%; max-height: 100%; border-radius: 3px; }
.placeholder { padding: 10px; text-align: center; font-size: 13px; color: var(--muted); background: var(--ground); }
.photo figcaption { display: flex; flex-direction: column; margin-top: 6px; font-size: 13px; line-height: 1.4; }
.photo .name { color: var(--muted); overflow: hidden; text-overflow: ellipsis; white-space: nowrap; }
@media print {
  body { background: #ffffff; font-size: 12px; }
  main { max-width: none; padding: 0; }
  .figure, .photo, .charts > figure, tr, .warnings { break-inside: avoid; }
  h2 { break-after: avoid; }
  * { print-color-adjust: exact; -webkit-print-color-adjust: exact; }
}
"""


__all__ = ["CurvePoint", "Report", "ReportError", "write_report"]


class ReportError(Exception):
    """The report can't be written; `str()` is a plain sentence."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One epoch of the learning curves; a figure that is no number (NaN) makes a gap.

    Attributes:
        number: counted over both phases, from 1.
        phase: "head" while the backbone is frozen, "retrain" while its last layers are trained too.
        loss, accuracy: on the photos trained on.
        validation_loss, validation_accuracy: on those held out.
    """

    number: int
    phase: Literal["head", "retrain"]
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What a report says.

    Attributes:
        title: its heading.
        class_names: what people read for targets 0 and 1, such as ("Not alpaca", "Alpaca").
        paths: the photos measured on, in the order of the next two.
        targets: (n,), 0 or 1: what they are.
        probabilities: (n,), 0 to 1: calibrated probability of the positive class.
        threshold: probability from which a photo is called positive.
        introduction: what was measured, in a sentence or two; may be empty.
        curves: the epochs of a training; empty for a test.
        comparisons: name and figure of what the result is to be compared with; may be empty.
        settings, environment: name and value; may be empty.
        warnings: sentences the reader should know before trusting the figures.
        left_out: files that play no part, each with the reason.
    """

    title: str
    class_names: tuple[str, str]
    paths: tuple[Path, ...]
    targets: npt.NDArray[np.integer]
    probabilities: npt.NDArray[np.floating]
    threshold: float = 0.5
    introduction: str = ""
    curves: tuple[CurvePoint, ...] = ()
    comparisons: tuple[tuple[str, str], ...] = ()
    settings: tuple[tuple[str, str], ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    warnings: tuple[str, ...] = ()
    left_out: tuple[tuple[Path | str, str], ...] = ()

    def __post_init__(self) -> None:
        """Raise ValueError where photos, targets and probabilities are not as many, or no targets or probabilities."""
        n = len(self.paths)
        if np.shape(self.targets) != (n,) or np.shape(self.probabilities) != (n,):
            raise ValueError(
                f"{n} photos with targets {np.shape(self.targets)}, probabilities {np.shape(self.probabilities)}"
            )
        probability = np.asarray(self.probabilities, dtype=np.float64)
        if not np.isin(self.targets, (0, 1)).all() or not ((probability >= 0) & (probability <= 1)).all():
            raise ValueError("targets must be 0 or 1 and probabilities within [0, 1]")


def write_report(path: Path, report: Report) -> None:
    """Write the report as one HTML file, in place of a file that is there; until it is whole, that one stays.

    The photos of the mistakes are opened for their thumbnails; one that can't be any more gets a placeholder.

    Raises:
        ReportError: it can't be written.
    """

    data = page(report).encode("utf-8", "replace")
    try:
        write_over(path, [data])
    except OSError as error:
        raise ReportError(
            f"The report can't be written to {display_path(path)}. {reasons.sentence(os_errors.for_saving(error))}"
        ) from error


MOST_MISTAKES: Final = 60
"""Pictures in the gallery; more would make the file too large to send."""

MOST_LEFT_OUT: Final = 200

_THUMBNAIL_SIDE: Final = 240


def page(report: Report) -> str:
    """Return the whole page."""
    targets = np.asarray(report.targets, dtype=np.int64)
    probabilities = np.asarray(report.probabilities, dtype=np.float64)
    metrics = measure(targets, probabilities, threshold=report.threshold)
    sections = [
        _head(report, metrics),
        _warnings(report.warnings),
        _key_figures(metrics, log_loss(targets, probabilities)),
        _comparisons(report.comparisons),
        _curves(report),
        _charts(report, metrics) if metrics.n else "",
        _classes(report, metrics) if metrics.n else "",
        _gallery(report) if metrics.n else "",
        _left_out(report.left_out),
        _table("Settings", report.settings),
        _table("Environment", report.environment),
    ]
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{safe(report.title)}</title>\n<style>{STYLE}{charts.STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(section for section in sections if section)
        + "\n</main>\n</body>\n</html>\n"
    )


def _head(report: Report, metrics: Metrics) -> str:
    made = datetime.now().astimezone().strftime("%Y-%m-%d %H:%M")
    words = in_words(metrics.confusion, report.class_names)
    introduction = f"<p>{safe(report.introduction)}</p>" if report.introduction else ""
    return (
        f'<header><h1>{safe(report.title)}</h1><p class="note">AlpacaSorter, {made}</p>'
        f'<p class="lead">{safe(words)}</p>{introduction}</header>'
    )


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    entries = "".join(f"<li>{safe(words)}</li>" for words in warnings)
    return f'<section class="warnings"><h2>Before you trust the figures</h2><ul>{entries}</ul></section>'


def _key_figures(metrics: Metrics, loss: float | None) -> str:
    figures = [
        (f"{metrics.n:,}", "photos", "that were judged"),
        (share(metrics.accuracy), "right", "accuracy: share of the photos judged right"),
        (share(metrics.balanced_accuracy), "balanced", "mean of the shares found of each class"),
        (_decimals(metrics.auc), "AUC", "how well the two classes are told apart: 1 is faultless, 0.5 is chance"),
        (_decimals(metrics.ece), "calibration error", f"ECE: how far confidences are off, {BINS} bins; 0 is honest"),
        (_decimals(loss), "log loss", "small where the model is sure and right; 0 is faultless"),
    ]
    cards = "".join(
        f'<div class="figure"><b>{value}</b><span>{name}</span><small>{meaning}</small></div>'
        for value, name, meaning in figures
    )
    return f'<section><h2>Key figures</h2><div class="figures">{cards}</div></section>'


def _comparisons(rows: Sequence[tuple[str, str]]) -> str:
    return _table("To compare", rows)


def _curves(report: Report) -> str:
    points = report.curves
    if not points:
        return ""
    retrained = next((point.number for point in points if point.phase == "retrain"), None)
    loss = charts.learning_curve(
        [(p.number, p.loss, p.validation_loss) for p in points], name="loss", share=False, retrained_from=retrained
    )
    accuracy = charts.learning_curve(
        [(p.number, p.accuracy, p.validation_accuracy) for p in points],
        name="accuracy",
        share=True,
        retrained_from=retrained,
    )
    note = (
        "Solid: on the photos trained on, as augmentation changes them and with dropout, which makes it harder. "
        "Dashed: on those held out. Where the dashed line turns back, the model begins to learn its photos by heart."
    )
    return (
        f'<section><h2>Learning curves</h2><div class="charts">{_chart("Loss", loss)}'
        f'{_chart("Accuracy", accuracy)}</div><p class="note">{note}</p></section>'
    )


def _charts(report: Report, metrics: Metrics) -> str:
    targets, probabilities = np.asarray(report.targets), np.asarray(report.probabilities)
    positive = report.class_names[1]
    counts = metrics.confusion
    curve = roc_curve(targets, probabilities)
    if curve is None or metrics.auc is None:
        missing = report.class_names[0 if counts.tp + counts.fn else 1]
        roc = f'<p class="note">There is none, because no photo of “{safe(missing)}” was judged.</p>'
    else:
        in_use = (counts.fp / (counts.fp + counts.tn), counts.tp / (counts.tp + counts.fn))
        roc = charts.roc(*curve, area=metrics.auc, in_use=in_use, positive=positive)
    return (
        '<section><h2>What the model says and what is so</h2><div class="charts">'
        + _chart("Confusion matrix", charts.confusion_matrix(counts, report.class_names))
        + _chart("ROC curve", roc)
        + _chart("Calibration", charts.calibration(reliability(targets, probabilities), positive))
        + _chart(
            "Probabilities",
            charts.histogram(targets, probabilities, threshold=report.threshold, class_names=report.class_names),
        )
        + '</div><p class="note">Numbers over the bars of the calibration plot are photos. '
        "Probabilities are honest where the dots lie on the dashed line.</p></section>"
    )


def _chart(title: str, inside: str) -> str:
    return f"<figure><figcaption>{title}</figcaption>{inside}</figure>"


def _classes(report: Report, metrics: Metrics) -> str:
    negative, positive = class_figures(metrics.confusion)
    rows = "".join(
        f"<tr><th>{safe(name)}</th><td>{of.n:,}</td><td>{of.found:,}</td><td>{share(of.recall)}</td>"
        f"<td>{of.called:,}</td><td>{share(of.precision)}</td></tr>"
        for name, of in ((report.class_names[1], positive), (report.class_names[0], negative))
    )
    return (
        '<section><h2>By class</h2><table class="numbers"><thead><tr><th>class</th><th>photos</th><th>found</th>'
        "<th>share found (recall)</th><th>called so</th><th>share of those right (precision)</th></tr></thead>"
        f"<tbody>{rows}</tbody></table></section>"
    )


def _gallery(report: Report) -> str:
    wrong = mistakes(report.targets, report.probabilities, threshold=report.threshold)
    if not wrong.size:
        return '<section><h2>Mistakes</h2><p class="lead">Every photo was judged right.</p></section>'
    cards = "".join(_mistake(report, int(place)) for place in wrong[:MOST_MISTAKES])
    more = len(wrong) - MOST_MISTAKES
    rest = f'<p class="note">And {more:,} more.</p>' if more > 0 else ""
    return f'<section><h2>Mistakes, the most confident first</h2><div class="gallery">{cards}</div>{rest}</section>'


def _mistake(report: Report, place: int) -> str:
    path, probability = report.paths[place], float(report.probabilities[place])
    called = int(probability >= report.threshold)
    confidence = probability if called else 1.0 - probability
    truth, said = report.class_names[1 - called], report.class_names[called]
    name = safe(path.name)
    where = safe(str(Path(path.parent.name) / path.name))
    return (
        f'<figure class="photo">{_picture(path, name)}<figcaption><span class="name" title="{where}">{name}</span>'
        f"<span>is: <b>{safe(truth)}</b></span>"
        f"<span>said: <b>{safe(said)}</b>, {percent(confidence)} sure</span></figcaption></figure>"
    )


def _picture(path: Path, name: str) -> str:
    try:
        thumbnail = decode(read_photo(path), min_side=1, thumbnail_side=_THUMBNAIL_SIDE).thumbnail
    except Unreadable as error:
        return f'<div class="placeholder">{safe(reasons.sentence(error.reason))}</div>'
    data = base64.b64encode(thumbnail or b"").decode("ascii")
    return f'<div class="frame"><img alt="{name}" src="data:image/jpeg;base64,{data}"></div>'


def _left_out(files: Sequence[tuple[Path | str, str]]) -> str:
    if not files:
        return ""
    rows: Iterable[str] = (
        f"<tr><td>{safe(str(path))}</td><td>{safe(reason)}</td></tr>" for path, reason in files[:MOST_LEFT_OUT]
    )
    more = len(files) - MOST_LEFT_OUT
    rest = f'<p class="note">And {more:,} more.</p>' if more > 0 else ""
    return (
        f"<section><h2>Left out ({len(files):,})</h2><table><thead><tr><th>file or folder</th><th>reason</th></tr>"
        f"</thead><tbody>{''.join(rows)}</tbody></table>{rest}</section>"
    )


def _table(title: str, rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<tr><th>{safe(name)}</th><td>{safe(value)}</td></tr>" for name, value in rows)
    return f"<section><h2>{title}</h2><table><tbody>{cells}</tbody></table></section>"


def _decimals(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
