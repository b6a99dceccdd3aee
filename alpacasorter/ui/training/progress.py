"""The pages that follow the settings of a training run: its progress with the learning curves, and how it ended."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QByteArray, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import (
    QHBoxLayout,
    QLabel,
    QPlainTextEdit,
    QProgressBar,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, decimal, duration, ngettext, number, pgettext, share
from alpacasorter.training import events
from alpacasorter.training.events import Epoch, Prepared, Stage, Trained
from alpacasorter.training.recipe import Recipe
from alpacasorter.ui.training.examples import ExamplesView
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.ui.widgets.theme import Theme

_RECENT: Final = 5
"""Epochs whose mean duration is expected of the following ones."""
_LINES: Final = 6
"""Left-out files that are visible at once."""


class TrainProgress(QWidget):
    """Shows the progress of a run."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self._recipe = Recipe()
        self.prepared: Prepared | None = None
        self.status = ""
        """What the run is doing, for the status bar of the window."""
        self.stage = QLabel(self)
        self.stage.setProperty("role", "heading")
        self.stage.setWordWrap(True)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(_("Training"))
        self.left = sentence_label(self, "muted")
        self.about = sentence_label(self, "muted")
        self.warnings = sentence_label(self, "warning")
        # A file's name may look like markup.
        self.warnings.setTextFormat(Qt.TextFormat.PlainText)
        self.left_out_button = QPushButton(self)
        self.left_out_button.setProperty("flat", True)
        self.left_out_button.setAutoDefault(False)
        self.left_out_button.setCheckable(True)
        self.left_out = QPlainTextEdit(self)
        self.left_out.setReadOnly(True)
        self.left_out.setTabChangesFocus(True)
        self.left_out.setLineWrapMode(QPlainTextEdit.LineWrapMode.NoWrap)
        self.left_out.setAccessibleName(_("Files left out"))
        self.left_out_button.toggled.connect(self._show_left_out)
        self.curves = LearningCurves(theme, self)
        self.examples = ExamplesView(theme, self)
        row = QHBoxLayout()
        row.addWidget(self.left_out_button)
        row.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 12)
        column.setSpacing(10)
        for widget in (self.stage, self.bar, self.left, self.about, self.warnings):
            column.addWidget(widget)
        column.addLayout(row)
        column.addWidget(self.left_out)
        column.addWidget(self.curves)
        column.addWidget(self.examples)
        column.addStretch(1)

    def begin(self, recipe: Recipe) -> None:
        """Show that a run has been started."""
        self._recipe = recipe
        self.prepared = None
        self._show_stage(_("Starting…"))
        self.left.clear()
        for label in (self.about, self.warnings):
            label.hide()
        self.left_out_button.setChecked(False)
        self.left_out_button.hide()
        self.left_out.hide()
        self.curves.clear()
        self.examples.clear()

    def show_stage(self, event: Stage) -> None:
        """Show what is being done now."""
        words = events.sentence(event.text)
        if event.text == events.TRAINING:
            self._show_stage(words, event.done, event.total, status=words)
        else:
            self._show_stage(words, event.done, event.total)
        if self.curves.epochs:
            self.left.clear()

    def show_prepared(self, event: Prepared) -> None:
        """Show what was found in the dataset."""
        event = events.worded(event)
        self.prepared = event
        training, held_out = sum(event.training), sum(event.validation)
        learns = ngettext("Learns from {count} photo.", "Learns from {count} photos.", training)
        tested = ngettext("Tested on {count} other photo.", "Tested on {count} other photos.", held_out)
        self.about.setText(
            " ".join(
                (
                    learns.format(count=number(training)),
                    tested.format(count=number(held_out)),
                    events.runs_on(event.device),
                )
            )
        )
        self.about.show()
        self.warnings.setText("\n".join(event.warnings))
        self.warnings.setVisible(bool(event.warnings))
        if event.left_out:
            lines = [
                # Translators: {reason} is a sentence.
                _("{file}: {reason}").format(file=display_path(path), reason=reason)
                for path, reason in event.left_out
            ]
            self.left_out.setPlainText("\n".join(lines))
            visible = min(_LINES, len(lines)) + 2
            self.left_out.setFixedHeight(visible * self.fontMetrics().lineSpacing())
            self.left_out_button.show()
            self._show_left_out(self.left_out_button.isChecked())
        if event.preview:
            self.examples.load(Path(event.preview))

    def show_epoch(self, event: Epoch) -> None:
        """Show the result of one more epoch."""
        self.curves.add(event)
        words = (
            ngettext(
                "Retraining: {number} of {count} epoch done", "Retraining: {number} of {count} epochs done", event.total
            )
            if event.phase == "retrain"
            else ngettext(
                "Training: {number} of {count} epoch done", "Training: {number} of {count} epochs done", event.total
            )
        ).format(number=number(event.number), count=number(event.total))
        self._show_stage(words, event.number, event.total, status=words)
        self.left.setText(self._time_left(event))

    def tell(self, words: str) -> None:
        """Show words until the next event."""
        self._show_stage(words)
        self.left.clear()

    def close_threads(self) -> None:
        """End the threads; the page is not used any more."""
        self.examples.close_loader()

    def _show_stage(self, words: str, done: int = 0, total: int = 0, *, status: str = "") -> None:
        self.stage.setText(words)
        # Translators: in the status bar, beside the name of the model in use. {stage} is such as "Reading photos…".
        self.status = status or _("Training: {stage}").format(stage=words)
        self.bar.setRange(0, total)
        self.bar.setValue(done)

    def _time_left(self, event: Epoch) -> str:
        if event.number >= event.total:
            return ""
        phase = [epoch for epoch in self.curves.epochs if epoch.phase == event.phase][-_RECENT:]
        mean = sum(epoch.seconds for epoch in phase) / len(phase)
        remaining = event.total - event.number
        if event.phase == "head" and self._recipe.retrain_layers:
            # How long the epochs of retraining take is unknown before the first one.
            remaining = max(0, remaining - self._recipe.retrain_epochs)
            if not remaining:
                return ""
            return _("About {time} until retraining begins").format(time=duration(remaining * mean))
        if self._recipe.patience:
            return _("About {time} left, less if it stops early").format(time=duration(remaining * mean))
        return _("About {time} left").format(time=duration(remaining * mean))

    def _show_left_out(self, shown: bool) -> None:
        count = len(self.prepared.left_out) if self.prepared else 0
        words = (
            ngettext("{count} file was left out – hide", "{count} files were left out – hide", count)
            if shown
            else ngettext("{count} file was left out – why?", "{count} files were left out – why?", count)
        )
        self.left_out_button.setText(words.format(count=number(count)))
        self.left_out.setVisible(shown)


class LearningCurves(QWidget):
    """Loss and accuracy after each epoch, drawn like the charts of the report."""

    _GAP: Final = 16
    _LETTERS: Final = 12
    """Font size in a chart, in its own units."""
    _SMALLEST, _LARGEST = 0.75, 1.3
    """Scale below which the charts are stacked, and scale beyond which they don't grow."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Show no epoch."""
        super().__init__(parent)
        self._theme = theme
        self._epochs: tuple[Epoch, ...] = ()
        self._charts: list[QSvgRenderer] = []
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)
        self.setAccessibleName(_("Learning curves"))
        theme.changed.connect(self._redraw)
        self.clear()

    @property
    def epochs(self) -> tuple[Epoch, ...]:
        """What is shown."""
        return self._epochs

    def clear(self) -> None:
        """Show no epoch."""
        self.show_epochs(())

    def add(self, epoch: Epoch) -> None:
        """Show one more epoch."""
        self.show_epochs((*self._epochs, epoch))

    def show_epochs(self, epochs: Sequence[Epoch]) -> None:
        """Show these epochs."""
        self._epochs = tuple(epochs)
        self.setAccessibleDescription(describe(self._epochs))
        self.setToolTip(describe(self._epochs))
        self._redraw()

    def sizeHint(self) -> QSize:
        """Return a size at which both charts are readable side by side."""
        width = round(2 * self._size(1.0).width() + self._GAP)
        return QSize(width, self.heightForWidth(width))

    def minimumSizeHint(self) -> QSize:
        """Return the size of two stacked, small charts."""
        small = self._size(self._SMALLEST / 2)
        return QSize(small.width(), 2 * small.height())

    def hasHeightForWidth(self) -> bool:
        """Return True: the height depends on the width."""
        return True

    def heightForWidth(self, width: int) -> int:
        """Return the height of both charts."""
        return round(max(place.bottom() for place in self._places(width)))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint both charts."""
        if not self._charts:
            self._charts = self._draw()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for chart, place in zip(self._charts, self._places(self.width()), strict=True):
            chart.render(painter, place)
        painter.end()

    def _redraw(self) -> None:
        self._charts = []
        self.update()

    def _size(self, scale: float) -> QSize:
        """Return the size of a chart; at scale 1, its font is as large as that of the window."""
        unit = scale * self.fontInfo().pixelSize() / self._LETTERS
        # As in the charts of the report, which are not imported before they are painted.
        return QSize(round(440 * unit), round(300 * unit))

    def _places(self, width: int) -> tuple[QRectF, QRectF]:
        """Return where the charts are painted: side by side, or stacked if there is not enough room."""
        most = self._size(self._LARGEST)
        half = (width - self._GAP) / 2
        if half >= self._size(self._SMALLEST).width():
            wide = min(half, most.width())
            high = wide * most.height() / most.width()
            return QRectF(0, 0, wide, high), QRectF(wide + self._GAP, 0, wide, high)
        wide = min(width, most.width())
        high = wide * most.height() / most.width()
        return QRectF(0, 0, wide, high), QRectF(0, high + self._GAP / 2, wide, high)

    def _draw(self) -> list[QSvgRenderer]:
        # Imported here: the dialog opens without NumPy.
        from alpacasorter.ml.evaluation import charts

        colors = self._theme.colors
        palette = charts.Palette(
            font=f'"{self.font().family()}"',
            text=colors.text,
            muted=colors.muted,
            border=colors.border,
            a=colors.accent,
            b=colors.warning,
            letters=self._LETTERS,
        )
        retrained_from = next((epoch.number for epoch in self._epochs if epoch.phase == "retrain"), None)
        drawn = (
            charts.learning_curve(
                [(epoch.number, epoch.loss, epoch.validation_loss) for epoch in self._epochs],
                name=_("loss"),
                share=False,
                retrained_from=retrained_from,
                palette=palette,
            ),
            charts.learning_curve(
                [(epoch.number, epoch.accuracy, epoch.validation_accuracy) for epoch in self._epochs],
                name=_("accuracy"),
                share=True,
                retrained_from=retrained_from,
                palette=palette,
            ),
        )
        return [QSvgRenderer(QByteArray(chart.encode())) for chart in drawn]


def describe(epochs: Sequence[Epoch]) -> str:
    """Return the latest epoch in words, for tooltips and screen readers."""
    if not epochs:
        return _("No epoch is done yet.")
    last = epochs[-1]
    words = _(
        "After epoch {number}: loss {loss} in training and {validation_loss} on the held-out photos; {accuracy} "
        "correct in training and {validation_accuracy} on the held-out photos."
    ).format(
        number=number(last.number),
        loss=_loss(last.loss),
        validation_loss=_loss(last.validation_loss),
        accuracy=_accuracy(last.accuracy),
        validation_accuracy=_accuracy(last.validation_accuracy),
    )
    first = next((epoch.number for epoch in epochs if epoch.phase == "retrain"), None)
    if first is None:
        return words
    since = _("The backbone is retrained from epoch {number} on.").format(number=number(first))
    return f"{words} {since}"


def _loss(value: float) -> str:
    if not math.isfinite(value):
        return pgettext("measured value", "unknown")
    return number(round(value)) if abs(value) >= 100 else decimal(value, 2)


def _accuracy(value: float) -> str:
    return share(value, 0) if math.isfinite(value) else pgettext("measured value", "unknown")


def verdict(event: Trained, prepared: Prepared | None) -> str:
    """Return how good the model is, as a sentence."""
    accuracy = share(event.accuracy, 0)
    if prepared is None:
        return _("{share} of the held-out photos were judged correctly.").format(share=accuracy)
    count = sum(prepared.validation)
    return ngettext(
        "{share} of the {count} held-out photo was judged correctly.",
        "{share} of the {count} held-out photos were judged correctly.",
        count,
    ).format(share=accuracy, count=number(count))


class TrainResult(QWidget):
    """Says how good the new model is."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        """Say nothing yet."""
        super().__init__(parent)
        self.title = QLabel(_("Your model is ready"), self)
        self.title.setProperty("role", "title")
        self.title.setWordWrap(True)
        self.verdict = sentence_label(self, "heading")
        self.figures = sentence_label(self, "")
        self.remarks = sentence_label(self, "")
        self.place = sentence_label(self, "muted")
        self.problem = sentence_label(self, "warning")
        self.curves = LearningCurves(theme, self)
        self.about_curves = sentence_label(self, "muted")
        self.about_curves.setText(
            _("The curves show the model during training. The figures above are for the model as the app uses it.")
        )
        above = (self.title, self.verdict, self.figures, self.remarks, self.place, self.problem)
        _stack(self, *above, self.curves, self.about_curves)

    def show_result(self, event: Trained, prepared: Prepared | None, epochs: Sequence[Epoch], place: str) -> None:
        """Say how good the model is, and where it is kept."""
        self.verdict.setText(verdict(event, prepared))
        lines = [_("Balanced accuracy: {share}").format(share=share(event.balanced_accuracy, 0))]
        if event.auc is not None:
            lines.append(_("Ranking quality (AUC): {value}, where 1 is perfect").format(value=decimal(event.auc, 3)))
        if event.stopped_early:
            stopped = ngettext(
                "Stopped after {count} epoch. The best one was kept.",
                "Stopped after {count} epochs. The best one was kept.",
                len(epochs),
            )
            lines.append(stopped.format(count=number(len(epochs))))
        self.figures.setText("\n".join(lines))
        self.remarks.setText("\n".join(events.worded(event).remarks))
        self.remarks.setVisible(bool(event.remarks))
        self.problem.hide()
        self.place.setText(_("Saved in {folder}").format(folder=place))
        self.curves.show_epochs(epochs)
        for widget in (self.curves, self.about_curves):
            widget.setVisible(bool(epochs))


class TrainFailure(QWidget):
    """Says why there is no model."""

    def __init__(self, parent: QWidget) -> None:
        """Say nothing yet."""
        super().__init__(parent)
        title = QLabel(_("No model was made"), self)
        title.setProperty("role", "title")
        title.setWordWrap(True)
        self.reason = sentence_label(self, "")
        kept = sentence_label(self, "muted")
        kept.setText(_("Your photos are unchanged, and your settings are kept. Click “Back” to return to them."))
        _stack(self, title, self.reason, kept)


def _stack(page: QWidget, *widgets: QWidget) -> None:
    column = QVBoxLayout(page)
    column.setContentsMargins(20, 20, 20, 12)
    column.setSpacing(12)
    for widget in widgets:
        column.addWidget(widget)
    column.addStretch(1)
