"""Test on labelled photos: choose a folder with class folders, watch, and see what the model got wrong."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QDesktopServices
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
from alpacasorter.ui.models.test_result import ResultPanel
from alpacasorter.ui.widgets.desktop import file_url
from alpacasorter.ui.widgets.messages import ProgressStrip
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import text
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.evaluating import Evaluating, Outcome
from alpacasorter.workers.pictures import ThumbnailLoader

_SIZE = QSize(900, 680)
_SHARE = 0.9
"""Share of the screen that the dialog takes at most."""


class EvaluateDialog(QDialog):
    """Tests the model in use on photos whose class is known, beside the window and not in its way.

    Signals:
        closed: it was closed and its threads have ended.
    """

    closed = Signal()

    def __init__(self, engine: Engine, labels: LabelSet | None, theme: Theme, parent: QWidget | None = None) -> None:
        """Test the model that `engine` has open, whose classes are `labels`; None while it is still being opened."""
        super().__init__(parent)
        self.setWindowTitle("Test on labelled photos")
        self._engine = engine
        self._labels = labels
        self._dataset = Path.home()
        self._outcome: Outcome | None = None
        self._report: Path | None = None
        self._ended = False
        self.evaluating = Evaluating(engine, self)
        self._pictures = ThumbnailLoader(self)
        self.explanation = QLabel(self)
        self.explanation.setWordWrap(True)
        self.choose_button = self._button("Choose folder…", self.choose_folder)
        self.choose_button.setProperty("primary", True)
        self.progress = ProgressStrip(self)
        self.progress.stop_button.setToolTip("Stop the test. What was judged need not be judged again.")
        self.message = QLabel(self)
        self.message.setWordWrap(True)
        self.message.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.panel = ResultPanel(self._pictures, theme, self)
        self.save_button = self._button("Save report…", self.save_report)
        self.open_button = self._button("Open report", self.open_report)
        self.close_button = self._button("Close", self.reject)
        self._assemble()
        self._connect()
        if labels is not None:
            self.set_labels(labels)
        else:
            self.explanation.setText("The model is still being opened.")
        self._say("")
        self._show_result(None)
        self.resize(self._room().width(), self.sizeHint().height())

    def _button(self, words: str, clicked: object) -> QPushButton:
        button = QPushButton(words, self)
        # Enter belongs to the gallery and to the button that has the focus.
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
        work.stopped.connect(lambda: self._on_over("Stopped. What was judged so far need not be judged again."))
        work.failed.connect(self._on_over)
        work.report_written.connect(self._on_report_written)
        work.report_failed.connect(self._on_report_failed)
        self.progress.stop.connect(work.stop)
        self.panel.open_photo.connect(self._open_photo)

    def set_labels(self, labels: LabelSet) -> None:
        """Explain what is wanted in the words of the model in use."""
        self._labels = labels
        names = f"“{labels.display(labels.positive)}” and “{labels.display(labels.negative)}”"
        self.explanation.setText(
            f"How often is the model right? Choose a folder of photos that you have sorted by hand into two "
            f"sub-folders, named {names}. The photos are only read."
        )

    def forget(self) -> None:
        """Another model takes over: what was measured is not its."""
        self.evaluating.stop()
        self._say("")
        self._show_result(None)

    # The test

    def choose_folder(self) -> None:
        """Let the user choose a folder and test on it."""
        chosen = QFileDialog.getExistingDirectory(self, "Choose a folder with class folders", str(self._dataset))
        if chosen:
            self.test(Path(chosen))

    def test(self, dataset: Path) -> None:
        """Test on the photos of a folder with one sub-folder per class."""
        self._dataset = dataset
        self._say("")
        self._show_result(None)
        self.progress.start()
        self.choose_button.setEnabled(False)
        self.progress.stop_button.setFocus()
        self.evaluating.start(dataset)

    def _on_finished(self, outcome: Outcome) -> None:
        self._on_over("")
        self._pictures_from_cache()
        self._show_result(outcome)
        self.panel.setFocus()

    def _on_over(self, words: str) -> None:
        self.progress.hide()
        self.choose_button.setEnabled(True)
        self.choose_button.setFocus()
        self._say(words)

    def _pictures_from_cache(self) -> None:
        cache = self._engine.cache
        if cache is not None:
            self._pictures.use_cache(cache)

    def _show_result(self, outcome: Outcome | None) -> None:
        self._outcome = outcome
        self._report = None
        self.open_button.setEnabled(False)
        self.panel.setVisible(outcome is not None)
        self.save_button.setEnabled(outcome is not None)
        if outcome is not None:
            self.panel.show_result(outcome)
            # Only now is there something to fill it with.
            self.resize(self.size().expandedTo(self._room()))

    def _say(self, words: str) -> None:
        self.message.setText(words)
        self.message.setVisible(bool(words))

    # Photos and reports

    def _open_photo(self, path: Path) -> None:
        if path.exists():
            QDesktopServices.openUrl(file_url(path))
        else:
            self._say(f"{display_path(path.name)} is no longer there.")

    def save_report(self) -> None:
        """Let the user choose where the report is written, and write it."""
        if self._outcome is None:
            return
        chooser = QFileDialog(self, "Save report", str(Path.home()), "Web page (*.html)")
        chooser.setAcceptMode(QFileDialog.AcceptMode.AcceptSave)
        # So that it also asks before a file is replaced whose name gets its ending only here.
        chooser.setDefaultSuffix("html")
        chooser.selectFile(f"{display_path(self._dataset.name)} report.html")
        if chooser.exec():
            self.write_report(Path(chooser.selectedFiles()[0]))
        chooser.deleteLater()

    def write_report(self, path: Path) -> None:
        """Write the report of what is shown."""
        if self._outcome is not None:
            self.save_button.setEnabled(False)
            self._say("The report is being written…")
            self.evaluating.write_report(self._outcome, path, learned=self.panel.shows_learned)

    def _on_report_written(self, path: Path) -> None:
        self._report = path
        self.save_button.setEnabled(self._outcome is not None)
        self.open_button.setEnabled(True)
        self._say(f"The report is in {text.folder(path)}.")

    def _on_report_failed(self, words: str) -> None:
        self.save_button.setEnabled(self._outcome is not None)
        self._say(words)

    def open_report(self) -> None:
        """Show the report in the program that the system uses for web pages."""
        if self._report is not None and self._report.exists():
            QDesktopServices.openUrl(file_url(self._report))
        elif self._report is not None:
            self._say(f"{display_path(self._report.name)} is no longer there. Save the report again.")

    # The end

    def end(self) -> None:
        """Stop the test and end all threads; blocks until the photos being judged are done."""
        if self._ended:
            return
        self._ended = True
        self.evaluating.close()
        self._pictures.close()
        self.closed.emit()

    def done(self, code: int) -> None:
        """Close, for whatever reason."""
        super().done(code)
        self.end()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Close from the window frame."""
        super().closeEvent(event)
        self.end()
