"""The dialog *Train a model…*: settings, progress and result. Training continues while it is hidden."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Final

from PySide6.QtCore import QSize, Qt, QTimer, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.i18n import _, duration
from alpacasorter.training.events import Epoch, Prepared, Stage, Trained, sentence
from alpacasorter.training.recipe import Recipe
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.training.progress import TrainFailure, TrainProgress, TrainResult, verdict
from alpacasorter.ui.training.settings import TrainSettings
from alpacasorter.ui.widgets import desktop
from alpacasorter.ui.widgets.dialogs import confirmed, enable_primary, say
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import text
from alpacasorter.workers.training import Trainer, TrainingRequest, new_request

_SIZE: Final = QSize(820, 700)
_SCREEN_SHARE: Final = 0.9
_MUCH_WORK_S: Final = 60.0
"""Seconds of training that are not discarded without asking."""
_PREVIEW_NAME: Final = "examples.png"


class TrainDialog(QDialog):
    """Leads from a folder of photos to a trained model.

    Signals:
        use_model(Path): the user wants to use this bundle.
        status(str): progress, for the status bar of the window; empty if there is none.
        ended(str): training ended while the dialog was hidden; a sentence for the user.
        ready(str): the same, if it has made a model.
    """

    use_model = Signal(object)
    status = Signal(str)
    ended = Signal(str)
    ready = Signal(str)

    def __init__(
        self,
        settings: Settings,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        make_trainer: Callable[[], Trainer] = Trainer,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Show the settings of last time.

        Args:
            settings: where the settings of the training are kept.
            theme: the colors.
            parent: the window.
            make_trainer: makes the trainers.
            clock: returns seconds that only increase.
        """
        super().__init__(parent)
        self.setWindowTitle(_("Train a model"))
        self._settings = settings
        self._clock = clock
        self._began = 0.0
        self._finishing = False
        self._switching = False
        self._unseen = ""
        self._made: Trained | None = None
        self._folder = tempfile.TemporaryDirectory(prefix="alpacasorter-", ignore_cleanup_errors=True)
        self.trainer = make_trainer()
        self.trainer.setParent(self)
        self.previewer = make_trainer()
        self.previewer.setParent(self)
        self.settings_page = TrainSettings(theme, self)
        self.progress_page = TrainProgress(theme, self)
        self.result_page = TrainResult(theme, self)
        self.failure_page = TrainFailure(self)
        self._pages: tuple[QWidget, ...] = (
            self.settings_page,
            self.progress_page,
            self.result_page,
            self.failure_page,
        )
        self.stack = QStackedWidget(self)
        self.buttons = TrainButtons(self)
        self._lay_out()
        self._connect()
        self.settings_page.dataset.leave_out(settings.exclusion)
        self.settings_page.restore(settings.training)
        self.resize(_SIZE.boundedTo(self.screen().availableSize() * _SCREEN_SHARE))
        self._show_page(self.settings_page)

    # Assembly

    def _lay_out(self) -> None:
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 16)
        column.setSpacing(12)
        column.addWidget(self.stack, 1)
        column.addWidget(self.buttons)
        for page in self._pages:
            # On a small screen, or with a large font, a page may not fit.
            area = QScrollArea(self)
            area.setFrameShape(QFrame.Shape.NoFrame)
            area.setWidgetResizable(True)
            area.setWidget(page)
            area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
            self.stack.addWidget(area)

    def _connect(self) -> None:
        page = self.settings_page
        page.ready_changed.connect(lambda ready: enable_primary(self.buttons.train, ready))
        enable_primary(self.buttons.train, page.ready)
        page.preview_wanted.connect(self._preview)
        page.more.toggled.connect(self._show_more)
        self.buttons.train.clicked.connect(self._train)
        self.buttons.finish.clicked.connect(self._finish)
        self.buttons.stop.clicked.connect(self._stop)
        self.buttons.close_wanted.connect(self.reject)
        self.buttons.report.clicked.connect(self._open_report)
        self.buttons.again.clicked.connect(self._back)
        self.buttons.use.clicked.connect(self.use)
        self.buttons.back.clicked.connect(self._back)
        trainer = self.trainer
        trainer.stage.connect(self._on_stage)
        trainer.prepared.connect(self._on_prepared)
        trainer.epoch.connect(self._on_epoch)
        trainer.trained.connect(self._on_trained)
        trainer.failed.connect(self._on_failed)
        trainer.stopped.connect(self._on_stopped)
        self.previewer.prepared.connect(self._on_previewed)
        self.previewer.failed.connect(lambda reason: page.examples.say(sentence(reason)))

    # For the window

    @property
    def training(self) -> bool:
        """Whether a run is in progress."""
        return self.trainer.running

    def present(self) -> None:
        """Show the dialog as it was left."""
        if self.isVisible():
            self.raise_()
            self.activateWindow()
            return
        if not self.training:
            self.settings_page.dataset.leave_out(self._settings.exclusion)
            self.settings_page.dataset.recount()
        self._unseen = ""
        self.show()
        self.status.emit(self._words())

    def used(self, problem: str) -> None:
        """Say that the model is in use now, or what the problem with it is."""
        if not self._switching:
            return
        self._switching = False
        self.buttons.use.setText(use_words() if problem else _("In use"))
        enable_primary(self.buttons.use, bool(problem))
        self.result_page.problem.setText(problem)
        self.result_page.problem.setVisible(bool(problem))

    def close_down(self) -> None:
        """Stop training and threads; blocks until they have ended. The dialog is not used any more."""
        self._keep_settings()
        self.trainer.close()
        self.previewer.close(at_once=True)
        self.settings_page.close_threads()
        self.progress_page.close_threads()
        self._folder.cleanup()

    # What the user does

    def _train(self) -> None:
        page = self.settings_page
        if not page.ready or page.folder is None or self.training:
            return
        self._keep_settings()
        self.previewer.close(at_once=True)
        page.examples.clear()
        recipe = self._recipe()
        request = new_request(page.folder, recipe, page.model_name, Path(self._folder.name) / _PREVIEW_NAME)
        self._made = None
        self._finishing = False
        self._began = self._clock()
        self.progress_page.begin(recipe)
        self.buttons.finish.setEnabled(False)
        self.buttons.stop.setEnabled(True)
        self._show_page(self.progress_page)
        self.trainer.train(request)

    def _preview(self) -> None:
        page = self.settings_page
        if not page.ready or page.folder is None:
            return
        self.previewer.close(at_once=True)
        page.examples.say(_("Preparing the preview…"))
        preview = Path(self._folder.name) / f"preview-{_PREVIEW_NAME}"
        self.previewer.train(TrainingRequest(page.folder, None, None, preview, self._recipe()))

    def _recipe(self) -> Recipe:
        """Return the settings that were entered, with what is left out of every folder."""
        leaves_out = self._settings.exclusion
        return replace(self.settings_page.recipe(), exclude=leaves_out.patterns, nomedia=leaves_out.nomedia)

    def _show_more(self, shown: bool) -> None:
        if shown:
            # Once they are laid out.
            QTimer.singleShot(0, self, self._scroll_to_options)

    def _scroll_to_options(self) -> None:
        area = self.stack.widget(0)
        if isinstance(area, QScrollArea):
            area.ensureWidgetVisible(self.settings_page.options.field("side"))

    def _finish(self) -> None:
        self._finishing = True
        self.buttons.finish.setEnabled(False)
        self.trainer.finish()
        self.progress_page.tell(_("Finishing after this epoch…"))

    def _stop(self) -> None:
        worked = self._clock() - self._began
        if worked > _MUCH_WORK_S and not self._confirmed_to_stop(worked):
            return
        # It may have ended while the question was open.
        if self.training:
            self.buttons.stop.setEnabled(False)
            self.buttons.finish.setEnabled(False)
            self.progress_page.tell(_("Stopping…"))
            self.trainer.stop()

    def _confirmed_to_stop(self, worked: float) -> bool:
        question = _("Stop the training? {time} of work would be lost.").format(time=duration(worked))
        better = ""
        if self.buttons.finish.isEnabled():
            better = _("“Finish now” makes a model from the best epoch so far.")
        return confirmed(self, _("Stop the training?"), question, better, _("Stop"), _("Keep training"))

    def _open_report(self) -> None:
        if self._made is not None:
            desktop.open_file(Path(self._made.report), self, partial(say, self))

    def use(self) -> None:
        """Ask for the model that was made to be used from now on."""
        if self._made is not None:
            enable_primary(self.buttons.use, False)
            self.buttons.use.setText(_("Switching…"))
            self._switching = True
            self.result_page.problem.hide()
            self.use_model.emit(Path(self._made.bundle))

    def _back(self) -> None:
        self.settings_page.dataset.recount()
        self._show_page(self.settings_page)

    # Events of the training

    def _on_stage(self, event: Stage) -> None:
        self.progress_page.show_stage(event)
        self.status.emit(self._words())

    def _on_prepared(self, event: Prepared) -> None:
        self.progress_page.show_prepared(event)

    def _on_epoch(self, event: Epoch) -> None:
        self.progress_page.show_epoch(event)
        # Before the first one, there is nothing to make a model from.
        self.buttons.finish.setEnabled(self.buttons.stop.isEnabled() and not self._finishing)
        self.status.emit(self._words())

    def _on_trained(self, event: Trained) -> None:
        self._made = event
        self._switching = False
        progress = self.progress_page
        self.result_page.show_result(event, progress.prepared, progress.curves.epochs, text.folder(Path(event.bundle)))
        self.buttons.report.setVisible(bool(event.report))
        self.buttons.use.setText(use_words())
        enable_primary(self.buttons.use, True)
        self._end(self.result_page, _("Your model is ready"), verdict(event, progress.prepared))

    def _on_failed(self, reason: str) -> None:
        self.failure_page.reason.setText(sentence(reason))
        self._end(self.failure_page, _("No model was made"), sentence(reason))

    def _on_stopped(self) -> None:
        self.settings_page.tell_stopped()
        self._end(self.settings_page)

    def _on_previewed(self, event: Prepared) -> None:
        if event.preview:
            self.settings_page.examples.load(Path(event.preview))

    def _end(self, page: QWidget, title: str = "", details: str = "") -> None:
        self._show_page(page)
        if title and not self.isVisible():
            self._unseen = title
            # Translators: {title} is such as "Your model is ready", {details} is a sentence.
            said = self.ready if page is self.result_page else self.ended
            said.emit(_("{title}. {details}").format(title=title, details=details))
        self.status.emit(self._words())

    # Showing and hiding

    def _words(self) -> str:
        return self.progress_page.status if self.training else self._unseen

    def _show_page(self, page: QWidget) -> None:
        number = self._pages.index(page)
        self.stack.setCurrentIndex(number)
        self.buttons.setCurrentIndex(number)
        usual = self.buttons.usual()
        usual.setDefault(usual is not self.buttons.hide_dialog)
        if page is self.settings_page and self.settings_page.folder is None:
            self.settings_page.dataset.choose.setFocus()
        else:
            usual.setFocus()

    def _keep_settings(self) -> None:
        self._settings.training = self.settings_page.state()

    def reject(self) -> None:
        """Hide; training continues. After it has ended, the settings are shown next time."""
        self._keep_settings()
        if self.previewer.running:
            self.previewer.close(at_once=True)
            self.settings_page.examples.clear()
        super().reject()
        if not self.training:
            self._show_page(self.settings_page)
        self.status.emit(self._words())

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hide, as Esc does."""
        event.accept()
        self.reject()


def use_words() -> str:
    """Return the text of the button that switches to the new model."""
    return _("&Use this model")


class TrainButtons(QStackedWidget):
    """The buttons below the pages: one row for each page, in the order of the pages.

    Signals:
        close_wanted: the user wants to hide the dialog; training continues.
    """

    close_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Make all buttons, which the dialog connects."""
        super().__init__(parent)
        self.train = self._button(_("&Train"), primary=True)
        self.hide_dialog = self._button(_("&Hide"), _("Training continues in the background (Esc)"))
        self.stop = self._button(_("&Stop"), _("Stop this training without making a model"))
        self.finish = self._button(_("&Finish now"), _("End here and make the model from the best epoch so far"))
        self.again = self._button(_("Train &again…"), _("Go back to the settings"))
        self.report = self._button(_("Open &report"), _("Show curves, mistakes and figures in your browser"))
        use_tip = _("Judge photos with it from now on. The previous model is kept.")
        self.use = self._button(use_words(), use_tip, primary=True)
        self.back = self._button(_("&Back"), _("Go back to the settings"), primary=True)
        self._add_row(self._closer(), self.train)
        self._add_row(self.hide_dialog, self.stop, self.finish)
        self._add_row(self._closer(), self.again, self.report, self.use)
        self._add_row(self._closer(), self.back)
        self.hide_dialog.clicked.connect(self.close_wanted)

    def usual(self) -> QPushButton:
        """Return the button that the Enter key presses on the page that is shown."""
        return (self.train, self.hide_dialog, self.use, self.back)[self.currentIndex()]

    def _button(self, words: str, tip: str = "", *, primary: bool = False) -> QPushButton:
        button = QPushButton(words, self)
        button.setToolTip(tip)
        button.setProperty("primary", primary)
        button.setAutoDefault(primary)
        return button

    def _closer(self) -> QPushButton:
        button = self._button(_("&Close"))
        button.clicked.connect(self.close_wanted)
        return button

    def _add_row(self, *buttons: QPushButton) -> None:
        row = QWidget(self)
        line = QHBoxLayout(row)
        line.setContentsMargins(20, 0, 20, 0)
        line.addWidget(buttons[0])
        line.addStretch(1)
        for before, button in pairwise(buttons):
            line.addWidget(button)
            # The Tab key moves in reading order.
            QWidget.setTabOrder(before, button)
        self.addWidget(row)
