"""The report of a training or a test: a single HTML file to read, print and share.

It consists of metrics, charts, a gallery of mistakes and tables. It has no scripts, loads nothing from the network, and
is light or dark like the reader's system. Its language is that of the process.
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
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.decode import decode
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.core.safe_write import write_over
from alpacasorter.i18n import _, confidence, decimal, language, moment, ngettext, number, share
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

MAX_MISTAKES: Final = 60
"""Photos in the gallery; more would make the file too large to send."""

MAX_LEFT_OUT: Final = 200

_THUMBNAIL_SIDE: Final = 240
_LINE: Final = "\n"


class ReportError(Exception):
    """The report can't be written; `str()` is a sentence for the user."""


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """One epoch of the learning curves; a value that is not finite makes a gap.

    Attributes:
        number: counted over both phases, from 1.
        phase: "head" while the backbone is frozen, "retrain" while its last layers are trained too.
        loss, accuracy: on the training photos.
        validation_loss, validation_accuracy: on the held-out photos.
    """

    number: int
    phase: Literal["head", "retrain"]
    loss: float
    accuracy: float
    validation_loss: float
    validation_accuracy: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The content of a report.

    Attributes:
        title: its heading.
        class_names: display names of targets 0 and 1, for example ("Not alpaca", "Alpaca").
        paths: the photos, in the order of the next two.
        targets: (n,), 0 or 1: the actual class.
        probabilities: (n,), 0 to 1: calibrated probability of the positive class.
        threshold: probability from which a photo counts as positive.
        introduction: what was measured, in a sentence or two; may be empty.
        curves: the epochs of a training; empty for a test.
        comparisons: name and result of what to compare with; may be empty.
        settings, environment: name and value; may be empty.
        warnings: sentences that the reader should know before trusting the results.
        left_out: files and folders that were not used, each with the reason.
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
        """Raise ValueError if targets or probabilities have the wrong number or range."""
        n = len(self.paths)
        if np.shape(self.targets) != (n,) or np.shape(self.probabilities) != (n,):
            raise ValueError(
                f"{n} photos with targets {np.shape(self.targets)}, probabilities {np.shape(self.probabilities)}"
            )
        probability = np.asarray(self.probabilities, dtype=np.float64)
        if not np.isin(self.targets, (0, 1)).all() or not ((probability >= 0) & (probability <= 1)).all():
            raise ValueError("targets must be 0 or 1 and probabilities within [0, 1]")


def write_report(path: Path, report: Report) -> None:
    """Write the report as one HTML file; a file that is already there is replaced once the new one is complete.

    The photos among the mistakes are opened for their thumbnails; one that can't be opened gets a placeholder.

    Raises:
        ReportError: it can't be written.
    """
    data = page(report).encode("utf-8", "replace")
    try:
        write_over(path, [data])
    except OSError as error:
        # Translators: {reason} is a sentence.
        message = _("The report can't be written to {file}. {reason}")
        reason = reasons.sentence(os_errors.for_saving(error))
        raise ReportError(message.format(file=display_path(path), reason=reason)) from error


def in_words(counts: Confusion, class_names: tuple[str, str]) -> str:
    """Return the result of a test in sentences, the same in window, report and command line.

    Args:
        counts: at the threshold in use.
        class_names: display names of the negative and the positive class.
    """
    figures = class_figures(counts)
    total = sum(of_class.n for of_class in figures)
    if not total:
        return _("There were no photos to judge.")
    correct = counts.tp + counts.tn
    sentences = [
        ngettext(
            "{correct} of {total} photo judged correctly ({share}).",
            "{correct} of {total} photos judged correctly ({share}).",
            total,
        ).format(correct=number(correct), total=number(total), share=share(correct / total))
    ]
    # The positive class first: it is what people look for.
    for name, of_class in reversed(list(zip(class_names, figures, strict=True))):
        if of_class.n:
            # Translators: {name} is a class, such as "Alpaca": how many of its photos the model recognized.
            words = _("{name}: {found} of {count} found.")
            sentences.append(words.format(name=name, found=number(of_class.found), count=number(of_class.n)))
    return " ".join(sentences)


def page(report: Report) -> str:
    """Return the whole page."""
    targets = np.asarray(report.targets, dtype=np.int64)
    probabilities = np.asarray(report.probabilities, dtype=np.float64)
    metrics = measure(targets, probabilities, threshold=report.threshold)
    sections = [
        _head(report, metrics),
        _warnings(report.warnings),
        _key_figures(metrics, log_loss(targets, probabilities)),
        _table(_("Comparison"), report.comparisons),
        _curves(report),
        _charts(report, metrics) if metrics.n else "",
        _classes(report, metrics) if metrics.n else "",
        _gallery(report) if metrics.n else "",
        _left_out(report.left_out),
        _table(_("Settings"), report.settings),
        _table(_("Environment"), report.environment),
    ]
    return (
        f'<!DOCTYPE html>\n<html lang="{safe(language().replace("_", "-"))}">\n<head>\n<meta charset="utf-8">\n'
        '<meta http-equiv="Content-Security-Policy" '
        "content=\"default-src 'none'; img-src data:; style-src 'unsafe-inline'\">\n"
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{safe(report.title)}</title>\n<style>{STYLE}{charts.STYLE}</style>\n</head>\n<body>\n<main>\n"
        + "\n".join(section for section in sections if section)
        + "\n</main>\n</body>\n</html>\n"
    )


def _head(report: Report, metrics: Metrics) -> str:
    made = f"AlpacaSorter, {moment(datetime.now().astimezone())}"
    introduction = f"<p>{safe(report.introduction)}</p>" if report.introduction else ""
    return (
        f'<header><h1>{safe(report.title)}</h1><p class="note">{safe(made)}</p>'
        f'<p class="lead">{safe(in_words(metrics.confusion, report.class_names))}</p>{introduction}</header>'
    )


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    # Line by line, because what is safe has no line breaks left.
    entries = "".join(f"<li>{'<br>'.join(map(safe, words.split(_LINE)))}</li>" for words in warnings)
    title = safe(_("Before you trust these results"))
    return f'<section class="warnings"><h2>{title}</h2><ul>{entries}</ul></section>'


def _key_figures(metrics: Metrics, loss: float | None) -> str:
    bins = number(BINS)
    figures = [
        (number(metrics.n), _("photos"), _("judged by the model")),
        (share(metrics.accuracy), _("accuracy"), _("share of the photos judged correctly")),
        (share(metrics.balanced_accuracy), _("balanced accuracy"), _("mean of the shares found of each class")),
        (
            _decimals(metrics.auc),
            _("ranking quality (AUC)"),
            _("how well the model separates the classes: 1 is perfect, 0.5 is chance"),
        ),
        (
            _decimals(metrics.ece),
            _("calibration error (ECE)"),
            _("how far off the confidence is, over {count} bins; 0 is perfect").format(count=bins),
        ),
        (_decimals(loss), _("log loss"), _("low if the model is both certain and right; 0 is perfect")),
    ]
    cards = "".join(
        f'<div class="figure"><b>{safe(value)}</b><span>{safe(name)}</span><small>{safe(meaning)}</small></div>'
        for value, name, meaning in figures
    )
    return f'<section><h2>{safe(_("Key metrics"))}</h2><div class="figures">{cards}</div></section>'


def _curves(report: Report) -> str:
    points = report.curves
    if not points:
        return ""
    retrained = next((point.number for point in points if point.phase == "retrain"), None)
    loss = charts.learning_curve(
        [(p.number, p.loss, p.validation_loss) for p in points], name=_("loss"), share=False, retrained_from=retrained
    )
    accuracy = charts.learning_curve(
        [(p.number, p.accuracy, p.validation_accuracy) for p in points],
        name=_("accuracy"),
        share=True,
        retrained_from=retrained,
    )
    note = _(
        "Solid: training photos, with augmentation and dropout, which make them harder. Dashed: held-out photos. "
        "Where the dashed line gets worse, the model begins to memorize its training photos."
    )
    return (
        f'<section><h2>{safe(_("Learning curves"))}</h2><div class="charts">{_chart(_("Loss"), loss)}'
        f'{_chart(_("Accuracy"), accuracy)}</div><p class="note">{safe(note)}</p></section>'
    )


def _charts(report: Report, metrics: Metrics) -> str:
    targets, probabilities = np.asarray(report.targets), np.asarray(report.probabilities)
    positive = report.class_names[1]
    counts = metrics.confusion
    curve = roc_curve(targets, probabilities)
    if curve is None or metrics.auc is None:
        missing = report.class_names[0 if counts.tp + counts.fn else 1]
        words = _("There is none, because no photo of “{name}” was judged.").format(name=missing)
        roc = f'<p class="note">{safe(words)}</p>'
    else:
        in_use = (counts.fp / (counts.fp + counts.tn), counts.tp / (counts.tp + counts.fn))
        roc = charts.roc(*curve, area=metrics.auc, in_use=in_use, positive=positive)
    note = _(
        "The numbers above the bars of the calibration chart are numbers of photos. The closer the dots are to the "
        "dashed line, the better the probabilities match what is observed."
    )
    return (
        f'<section><h2>{safe(_("Predictions and actual classes"))}</h2><div class="charts">'
        + _chart(_("Confusion matrix"), charts.confusion_matrix(counts, report.class_names))
        + _chart(_("ROC curve"), roc)
        + _chart(_("Calibration"), charts.calibration(reliability(targets, probabilities), positive))
        + _chart(
            _("Probabilities"),
            charts.histogram(targets, probabilities, threshold=report.threshold, class_names=report.class_names),
        )
        + f'</div><p class="note">{safe(note)}</p></section>'
    )


def _chart(title: str, inside: str) -> str:
    return f"<figure><figcaption>{safe(title)}</figcaption>{inside}</figure>"


def _classes(report: Report, metrics: Metrics) -> str:
    negative, positive = class_figures(metrics.confusion)
    rows = "".join(
        f"<tr><th>{safe(name)}</th><td>{number(of.n)}</td><td>{number(of.found)}</td><td>{share(of.recall)}</td>"
        f"<td>{number(of.called)}</td><td>{share(of.precision)}</td></tr>"
        for name, of in ((report.class_names[1], positive), (report.class_names[0], negative))
    )
    columns = (
        _("Class"),
        _("Photos"),
        _("Found"),
        _("Share found (recall)"),
        _("Predicted"),
        _("Share correct (precision)"),
    )
    heads = "".join(f"<th>{safe(column)}</th>" for column in columns)
    return (
        f'<section><h2>{safe(_("By class"))}</h2><table class="numbers"><thead><tr>{heads}</tr></thead>'
        f"<tbody>{rows}</tbody></table></section>"
    )


def _gallery(report: Report) -> str:
    wrong = mistakes(report.targets, report.probabilities, threshold=report.threshold)
    if not wrong.size:
        words = _("Every photo was judged correctly.")
        return f'<section><h2>{safe(_("Mistakes"))}</h2><p class="lead">{safe(words)}</p></section>'
    cards = "".join(_mistake(report, int(index)) for index in wrong[:MAX_MISTAKES])
    title = _("Mistakes, most confident first")
    return (
        f'<section><h2>{safe(title)}</h2><div class="gallery">{cards}</div>{_more(len(wrong) - MAX_MISTAKES)}</section>'
    )


def _mistake(report: Report, index: int) -> str:
    path, probability = report.paths[index], float(report.probabilities[index])
    called = int(probability >= report.threshold)
    certainty = confidence(probability if called else 1.0 - probability)
    # Translators: below a photo that was judged wrong; {name} is a class.
    actual = _("Actual: {name}").format(name=report.class_names[1 - called])
    predicted = _("Predicted: {name}, {confidence}").format(name=report.class_names[called], confidence=certainty)
    name = safe(path.name)
    where = safe(str(Path(path.parent.name) / path.name))
    return (
        f'<figure class="photo">{_picture(path, name)}<figcaption><span class="name" title="{where}">{name}</span>'
        f"<span>{safe(actual)}</span><span>{safe(predicted)}</span></figcaption></figure>"
    )


def _more(count: int) -> str:
    if count <= 0:
        return ""
    words = ngettext("And {count} more.", "And {count} more.", count).format(count=number(count))
    return f'<p class="note">{safe(words)}</p>'


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
        f"<tr><td>{safe(str(path))}</td><td>{safe(reason)}</td></tr>" for path, reason in files[:MAX_LEFT_OUT]
    )
    title = _("Left out ({count})").format(count=number(len(files)))
    return (
        f"<section><h2>{safe(title)}</h2><table><thead><tr><th>{safe(_('File or folder'))}</th>"
        f"<th>{safe(_('Reason'))}</th></tr></thead><tbody>{''.join(rows)}</tbody></table>"
        f"{_more(len(files) - MAX_LEFT_OUT)}</section>"
    )


def _table(title: str, rows: Sequence[tuple[str, str]]) -> str:
    if not rows:
        return ""
    cells = "".join(f"<tr><th>{safe(name)}</th><td>{safe(value)}</td></tr>" for name, value in rows)
    return f"<section><h2>{safe(title)}</h2><table><tbody>{cells}</tbody></table></section>"


def _decimals(value: float | None) -> str:
    return share(None) if value is None else decimal(value, 4)
