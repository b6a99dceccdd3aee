"""Testing the model on labeled photos: choosing a folder with class folders, and seeing what the model got wrong."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _
from alpacasorter.ui.models.evaluate_result import ResultPanel
from alpacasorter.ui.widgets.desktop import open_file
from alpacasorter.ui.widgets.messages import ProgressStrip
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.evaluating import Evaluating, EvaluationResult
from alpacasorter.workers.pictures import ThumbnailLoader

_SIZE = QSize(900, 680)
_SHARE = 0.9
"""The largest share of the screen that the dialog takes."""


class EvaluateDialog(QDialog):
    """Tests the model in use on photos whose class is known; not modal.

    Signals:
        closed: it was closed, and its threads have ended.
    """

    closed = Signal()

    def __init__(self, engine: Engine, labels: LabelSet | None, theme: Theme, parent: QWidget | None = None) -> None:
        """Test the model that `engine` has open; `labels` are its classes, None while it is still being opened."""
        super().__init__(parent)
        self.setWindowTitle(_("Test on labeled photos"))
        self._engine = engine
        self._labels = labels
        self._dataset = Path.home()
        self._result: EvaluationResult | None = None
        self._report: Path | None = None
        self._ended = False
        self.evaluating = Evaluating(engine, self)
        self._pictures = ThumbnailLoader(self)
        self.explanation = QLabel(self)
        self.explanation.setWordWrap(True)
        self.choose_button = self._button(_("Choose folder…"), self.choose_folder)
        self.choose_button.setProperty("primary", True)
        self.progress = ProgressStrip(self)
        self.progress.stop_button.setToolTip(_("Stop the test. Photos judged so far won't be judged again."))
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.panel = ResultPanel(self._pictures, theme, self)
        self.save_button = self._button(_("Save report…"), self.save_report)
        self.open_button = self._button(_("Open report"), self.open_report)
        self.close_button = self._button(_("Close"), self.reject)
        self._assemble()
        self._connect()
        if labels is not None:
            self.set_labels(labels)
        else:
            self.explanation.setText(_("The model is still being opened."))
        self._say("")
        self._show_result(None)
        self.resize(self._room().width(), self.sizeHint().height())

    def _button(self, words: str, clicked: object) -> QPushButton:
        button = QPushButton(words, self)
        # Enter is for the gallery and for the button with the focus.
        button.setAutoDefault(False)
        button.clicked.connect(clicked)
        return button

    def _room(self) -> QSize:
        return _SIZE.boundedTo(self.screen().availableSize() * _SHARE)

    def _assemble(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(16)
        top.addWidget(self.explanation, 1)
        top.addWidget(self.choose_button, 0, Qt.AlignmentFlag.AlignTop)
        below = QHBoxLayout()
        below.addWidget(self.save_button)
        below.addWidget(self.open_button)
        below.addStretch(1)
        below.addWidget(self.close_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(12)
        layout.addLayout(top)
        layout.addWidget(self.progress)
        layout.addWidget(self.message)
        layout.addWidget(self.panel, 1)
        layout.addStretch(0)
        layout.addLayout(below)
        order = (
            self.choose_button,
            self.progress.stop_button,
            *self.panel.focus_order(),
            self.save_button,
            self.open_button,
            self.close_button,
        )
        for one, next_one in pairwise(order):
            self.setTabOrder(one, next_one)

    def _connect(self) -> None:
        work = self.evaluating
        work.progress.connect(self.progress.update_progress)
        work.finished.connect(self._on_finished)
        work.stopped.connect(self._on_stopped)
        work.failed.connect(self._on_over)
        work.report_written.connect(self._on_report_written)
        work.report_failed.connect(self._on_report_failed)
        self.progress.stop.connect(work.stop)
        self.panel.open_photo.connect(self._open_photo)

    def set_labels(self, labels: LabelSet) -> None:
        """Explain what to choose, with the class names of the model in use."""
        self._labels = labels
        self.explanation.setText(
            _(
                "How often is the model right? Choose a folder of photos that you have sorted into two subfolders "
                "named “{positive}” and “{negative}”. The photos are not changed."
            ).format(positive=labels.display(labels.positive), negative=labels.display(labels.negative))
        )

    def forget(self) -> None:
        """Clear the result: another model is going to be used."""
        self.evaluating.stop()
        self._say("")
        self._show_result(None)

    # The test

    def choose_folder(self) -> None:
        """Let the user choose a folder and test on it."""
        chosen = QFileDialog.getExistingDirectory(self, _("Choose a folder with class folders"), str(self._dataset))
        if chosen:
            self.test(Path(chosen))

    def test(self, dataset: Path) -> None:
        """Test on the photos of a folder with one subfolder per class."""
        self._dataset = dataset
        self._say("")
        self._show_result(None)
        self.progress.start()
        self.choose_button.setEnabled(False)
        self.progress.stop_button.setFocus()
        self.evaluating.start(dataset)

    def _on_finished(self, result: EvaluationResult) -> None:
        self._on_over("")
        self._pictures_from_cache()
        self._show_result(result)
        self.panel.setFocus()

    def _on_stopped(self) -> None:
        self._on_over(_("Stopped. Photos judged so far won't be judged again."))

    def _on_over(self, words: str) -> None:
        self.progress.hide()
        self.choose_button.setEnabled(True)
        self.choose_button.setFocus()
        self._say(words)

    def _pictures_from_cache(self) -> None:
        cache = self._engine.cache
        if cache is not None:
            self._pictures.use_cache(cache)

    def _show_result(self, result: EvaluationResult | None) -> None:
        self._result = result
        self._report = None
        self.open_button.setEnabled(False)
        self.panel.setVisible(result is not None)
        self.save_button.setEnabled(result is not None)
        if result is not None:
            self.panel.show_result(result)
            # Only now is there something to show.
            self.resize(self.size().expandedTo(self._room()))

    def _say(self, words: str) -> None:
        self.message.setText(words)
        self.message.setVisible(bool(words))

    # Photos and reports

    def _open_photo(self, path: Path) -> None:
        if path.exists():
            open_file(path, self, self._say)
        else:
            self._say(_("{file} is no longer there.").format(file=display_path(path.name)))

    def save_report(self) -> None:
        """Let the user choose where to save the report, and write it."""
        if self._result is None:
            return
        chooser = QFileDialog(
            self,
            _("Save report"),
            str(Path.home()),
            # Translators: a file filter; {pattern} is "*.html".
            _("Web page ({pattern})").format(pattern="*.html"),
        )
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        # So that the dialog also asks before it replaces a file whose extension is added here.
        chooser.setDefaultSuffix("html")
        # Translators: the suggested name of a file.
        name = _("{folder} report").format(folder=display_path(self._dataset.name))
        chooser.selectFile(f"{name}.html")
        if chooser.exec():
            self.write_report(Path(chooser.selectedFiles()[0]))
        chooser.deleteLater()

    def write_report(self, path: Path) -> None:
        """Write the report of the result that is shown."""
        if self._result is not None:
            self.save_button.setEnabled(False)
            self._say(_("Writing the report…"))
            self.evaluating.write_report(self._result, path, learned=self.panel.shows_learned)

    def _on_report_written(self, path: Path) -> None:
        self._report = path
        self.save_button.setEnabled(self._result is not None)
        self.open_button.setEnabled(True)
        self._say(_("The report was saved as {file}.").format(file=text.folder(path)))

    def _on_report_failed(self, words: str) -> None:
        self.save_button.setEnabled(self._result is not None)
        self._say(words)

    def open_report(self) -> None:
        """Open the report in the system's web browser."""
        if self._report is not None and self._report.exists():
            open_file(self._report, self, self._say)
        elif self._report is not None:
            name = display_path(self._report.name)
            self._say(_("{file} is no longer there. Save the report again.").format(file=name))

    # The end

    def end(self) -> None:
        """Stop the test and end all threads; blocks until the photos in progress are done."""
        if self._ended:
            return
        self._ended = True
        self.evaluating.close()
        self._pictures.close()
        self.closed.emit()

    def done(self, code: int) -> None:
        """Close the dialog."""
        super().done(code)
        self.end()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close from the window frame."""
        super().closeEvent(event)
        self.end()
