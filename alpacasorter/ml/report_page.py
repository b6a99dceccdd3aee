"""The report as HTML: sections made of figures, charts, a gallery and tables. No scripts, nothing from the network."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Final

import numpy as np

from alpacasorter.core.decode import decode
from alpacasorter.core.labels import percent
from alpacasorter.core.photo import Unreadable, read_photo
from alpacasorter.ml import charts
from alpacasorter.ml.chart_axes import safe
from alpacasorter.ml.metrics import BINS, Metrics, class_figures, log_loss, measure, mistakes, reliability, roc_curve
from alpacasorter.ml.report import Report
from alpacasorter.ml.report_style import STYLE
from alpacasorter.ml.summary import in_words, share

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
        return f'<div class="placeholder">{safe(error.reason)}</div>'
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
