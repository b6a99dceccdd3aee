"""The dialog *Sort…*: choices and plan, progress, result. A sort goes on while it is hidden.

The buttons below the pages of a sort: one row for each page.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Final

from PySide6.QtCore import QSize, Signal
from PySide6.QtGui import QCloseEvent
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.sorting import events
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.plan_page import ChoosePage
from alpacasorter.ui.sorting.progress import SortProgressPage, SortResultPage
from alpacasorter.ui.sorting.run_state import SortRun, Subject
from alpacasorter.ui.widgets.desktop import show_folder
from alpacasorter.ui.widgets.dialogs import confirmed, enable
from alpacasorter.ui.widgets.fields import note
from alpacasorter.workers.sorting import SortKeeper

_SIZE: Final = QSize(1060, 700)
_SHARE: Final = 0.92
_COMPACT: Final = 620
_LISTING: Final = QSize(760, 420)
_SPACING, _BELOW = 12, 16
_STOPPING: Final = "Stopping after the file that is being worked on…"
_LEFT_OPEN: Final = "“Go on” does the rest, now or later: it stays in the sort history."


class SortDialog(QDialog):
    """Everything between tags and folders, and back.

    Signals:
        status(str): what goes on, for the window behind; empty while there is nothing to tell.
        ended(SortRun): a sort or an undo has ended.
        put_off(int): a sort that stands in the middle was closed as it is.
    """

    status = Signal(str)
    ended = Signal(object)
    put_off = Signal(int)

    def __init__(
        self, keeper: SortKeeper, settings: Settings, subject: Callable[[], Subject | None], parent: QWidget | None
    ) -> None:
        """Prepare.

        Args:
            keeper: plans and sorts.
            settings: where the choices are kept.
            subject: returns what there is to sort now; None while nothing is open.
            parent: the window behind.
        """
        super().__init__(parent)
        self.setWindowTitle("Sort")
        self._keeper = keeper
        self._run: SortRun | None = None
        self.choose_page = ChoosePage(keeper, settings, subject, self)
        self.progress_page = SortProgressPage(self)
        self.result_page = SortResultPage(self)
        self.buttons = SortButtons(self)
        self.stack = Pages(self)
        for page in (self.choose_page, self.progress_page, self.result_page):
            self.stack.addWidget(page)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, _BELOW)
        column.setSpacing(_SPACING)
        column.addWidget(self.stack, 1)
        column.addWidget(self.buttons)
        self._connect()
        self._roomy = _SIZE.boundedTo(self.screen().availableSize() * _SHARE)
        self.resize(self._roomy)

    def _connect(self) -> None:
        self.choose_page.changed.connect(self._show_button)
        buttons, keeper = self.buttons, self._keeper
        buttons.sort.clicked.connect(self._sort)
        buttons.stop.clicked.connect(self._stop)
        buttons.undo.clicked.connect(self._undo)
        buttons.go_on.clicked.connect(self._go_on)
        buttons.show_folder.clicked.connect(self._show_folder)
        buttons.close_wanted.connect(self.reject)
        keeper.began.connect(self._on_began)
        keeper.placed.connect(self._on_placed)
        keeper.files_failed.connect(self._on_failed)
        keeper.progress.connect(self._on_progress)
        keeper.ended.connect(self._on_ended)
        keeper.refused.connect(self._on_refused)

    # What others ask

    @property
    def running(self) -> bool:
        """Whether a sort or an undo goes on."""
        return self._run is not None and self._run.ended is None

    def present(self) -> None:
        """Show the choices, or the sort that goes on."""
        if not self.running and not (self.isVisible() and self.stack.currentIndex() == CHOOSE):
            self._run = None
            self._show_page(CHOOSE)
            self.show()
            self.choose_page.begin()
        self._bring_up()

    def finish(self, record: events.SortRecord) -> None:
        """Go on with a sort of the history, or try its files again."""
        self._begin(SortRun(record=record, number=record.number, undoing=record.state is events.SortState.UNDOING))

    def take_back(self, record: events.SortRecord) -> None:
        """Put back a sort of the history."""
        self._begin(SortRun(record=record, number=record.number, undoing=True))

    def on_photos_changed(self) -> None:
        """Photos were found, judged or corrected: what would be sorted is another thing now."""
        if self.isVisible() and self.stack.currentIndex() == CHOOSE:
            self.choose_page.photos_changed()

    def on_folder_closed(self) -> None:
        """There is nothing to choose for any more; a sort goes on, and what came of one is shown on."""
        if self.isVisible() and self.stack.currentIndex() == CHOOSE:
            self.reject()

    def close_down(self) -> None:
        """Hide; the dialog is not used any more."""
        self.choose_page.pause()
        self.choose_page.keep_choices()
        self.hide()

    def _bring_up(self) -> None:
        if self.isVisible():
            self.raise_()
            self.activateWindow()
        self.show()
        self._tell_status()

    def _show_button(self) -> None:
        """Have the button say what it does, and beside it why it can't."""
        page, button = self.choose_page, self.buttons.sort
        button.setText(page.button)
        enable(button, page.plan is not None)
        button.setDefault(page.plan is not None)
        self.buttons.why.setText(page.why)

    # Running

    def _sort(self) -> None:
        plan = self.choose_page.plan
        if plan is None or self._keeper.busy:
            return
        serious = [remark.sentence for remark in plan.remarks if remark.serious]
        if serious and not confirmed(
            self, "Sort all the same?", "This will probably not succeed as a whole.", "\n".join(serious), "Sort"
        ):
            return
        # While the question was open, a tag may have been corrected.
        if self.choose_page.plan is plan:
            self.choose_page.keep_choices()
            self._begin(SortRun(plan=plan))

    def _go_on(self) -> None:
        if self._run is not None and self._run.can_go_on:
            self._begin(self._run.again(undoing=False))

    def _undo(self) -> None:
        if self._run is not None and self._run.can_undo:
            self._begin(self._run.again(undoing=True))

    def _begin(self, run: SortRun) -> None:
        keeper = self._keeper
        if keeper.busy:
            self._bring_up()
            return
        self.choose_page.pause()
        self._run = run
        self.progress_page.begin(f"{run.words}…", undoing=run.undoing)
        self.buttons.stop.setEnabled(True)
        self._show_page(RUN)
        self._bring_up()
        if run.number is None and run.plan is not None:
            keeper.sort(run.plan)
        elif run.number is not None and run.undoing and not run.undo_begun:
            keeper.take_back(run.number)
        elif run.number is not None:
            keeper.finish(run.number)

    def _stop(self) -> None:
        self.buttons.stop.setEnabled(False)
        self.progress_page.tell(_STOPPING)
        self._keeper.stop()

    def _on_began(self, event: events.SortBegan) -> None:
        if self._run is not None:
            self._run.number = event.number
            self._run.undoing = event.undoing

    def _on_placed(self, event: events.FilesPlaced) -> None:
        if self._run is not None:
            self._run.place(event)

    def _on_failed(self, event: events.FilesFailed) -> None:
        if self._run is not None:
            self._run.fail(event.failures)
            self.progress_page.show_failed(len(self._run.failed))

    def _on_progress(self, event: events.SortProgress) -> None:
        if self.running and self.buttons.stop.isEnabled():
            self.progress_page.update_progress(event)
            self._tell_status()

    def _on_ended(self, event: events.SortEnded) -> None:
        run = self._run
        if run is None:
            return
        run.end(event)
        self._show_result(run, event.problem)
        self.ended.emit(run)

    def _on_refused(self, sentence: str) -> None:
        run, self._run = self._run, None
        if run is None:
            return
        if run.number is None:
            # Nothing has begun, so nothing is lost: back to the choices.
            self._show_page(CHOOSE)
            self.choose_page.refuse(sentence)
        else:
            self._run = run
            run.record = None
            self._show_result(run, sentence)
        self._tell_status()

    def _show_result(self, run: SortRun, problem: str) -> None:
        buttons, record = self.buttons, run.record
        middle = run.is_broken_off
        failed = run.ended.failures if run.ended is not None else ()
        words = run.outcome or "This could not be done. Nothing is lost."
        self.result_page.show_result(words, problem, _LEFT_OPEN if middle else "", failed or run.failed)
        buttons.undo.setText("&Put all back" if middle else "&Undo")
        buttons.undo.setVisible(run.can_undo and not (middle and run.undoing))
        buttons.go_on.setText("&Go on" if middle else "&Try again")
        buttons.go_on.setVisible(run.can_go_on)
        buttons.show_folder.setVisible(record is not None and record.destination.exists())
        self._show_page(RESULT)
        self._tell_status()

    def _show_folder(self) -> None:
        if self._run is not None and self._run.record is not None:
            record = self._run.record
            show_folder(record.folder if self._run.undoing else record.destination)

    # Showing and hiding

    def _show_page(self, number: int) -> None:
        was = self.stack.currentIndex()
        self.stack.setCurrentIndex(number)
        self.buttons.setCurrentIndex(number)
        self._make_room(was, number)
        middle = self._run is not None and self._run.is_broken_off
        usual = {RUN: self.buttons.hide_dialog, RESULT: self.buttons.go_on if middle else self.buttons.close_result}
        if number in usual:
            usual[number].setDefault(True)
            usual[number].setFocus()

    def _make_room(self, was: int, number: int) -> None:
        """Be large while there is a plan to look at, and as small as may be beside the window afterwards."""
        if was == CHOOSE and number != CHOOSE:
            self._roomy = self.size()
        if number == CHOOSE:
            self.resize(self._roomy if was != CHOOSE else self.size())
        elif number == RESULT and not self.result_page.failures.isHidden():
            self.resize(_LISTING.boundedTo(self._roomy))
        else:
            width, around = min(_COMPACT, self._roomy.width()), _SPACING + self.buttons.sizeHint().height() + _BELOW
            self.resize(width, self.stack.height_at(width) + around)

    def _tell_status(self) -> None:
        words = ""
        if self.running and self._run is not None and not self.isVisible():
            words = f"{self._run.words}: {self.progress_page.words.text()}"
        self.status.emit(words)

    def reject(self) -> None:
        """Hide; a sort goes on, and what has ended gives way to the choices."""
        self.choose_page.pause()
        if self.stack.currentIndex() == CHOOSE:
            self.choose_page.keep_choices()
        elif self._run is not None and self._run.is_broken_off and self._run.number is not None and not self.running:
            self.put_off.emit(self._run.number)
        super().reject()
        self._tell_status()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hide, as Esc does."""
        event.accept()
        self.reject()


CHOOSE, RUN, RESULT = range(3)


class Pages(QStackedWidget):
    """Pages of which only the one that is shown says how much room is wanted, and not the largest of all."""

    def sizeHint(self) -> QSize:
        """Return the room that the page shown wants."""
        page = self.currentWidget()
        return page.sizeHint() if page is not None else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Return the room that the page shown needs."""
        page = self.currentWidget()
        return page.minimumSizeHint() if page is not None else super().minimumSizeHint()

    def height_at(self, width: int) -> int:
        """Return how high the page shown wants to be at a width, pixels. A layout would ask all pages for that."""
        page = self.currentWidget()
        layout = page.layout() if page is not None else None
        if layout is None or not layout.hasHeightForWidth():
            return self.sizeHint().height()
        return layout.totalHeightForWidth(width)


class SortButtons(QStackedWidget):
    """Shows the row of one page at a time.

    Attributes:
        why: why the button that sorts can't be pressed.

    Signals:
        close_wanted: the user wants the dialog out of the way; a sort goes on.
    """

    close_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Make all buttons; whoever asked for them connects them."""
        super().__init__(parent)
        self.why: QLabel = note(self, "muted")
        self.why.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.cancel = self._button("Cancel", "Close; nothing is done (Esc)")
        self.sort = self._button("Sort", "Do exactly what the plan shows", primary=True)
        self.hide_dialog = self._button("&Hide", "It goes on in the background (Esc)")
        self.stop = self._button("&Stop", "Stop between two files; what is done can be put back")
        self.close_result = self._button("&Close", "Close (Esc)")
        self.show_folder = self._button("Show in &file manager", "Open the folder that was sorted into")
        self.undo = self._button("&Undo", "Put every file back where it was")
        self.go_on = self._button("&Go on", "Do the rest", primary=True)
        self._add_row(self.why, self.cancel, self.sort)
        self._add_row(None, self.hide_dialog, self.stop)
        self._add_row(None, self.show_folder, self.undo, self.go_on, self.close_result)
        for button in (self.cancel, self.hide_dialog, self.close_result):
            button.clicked.connect(self.close_wanted)

    def _button(self, words: str, tip: str, *, primary: bool = False) -> QPushButton:
        button = QPushButton(words, self)
        button.setToolTip(tip)
        button.setProperty("primary", primary)
        button.setAutoDefault(False)
        return button

    def _add_row(self, first: QWidget | None, *buttons: QPushButton) -> None:
        row = QWidget(self)
        line = QHBoxLayout(row)
        line.setContentsMargins(20, 0, 20, 0)
        if first is not None:
            line.addWidget(first, 1)
        else:
            line.addStretch(1)
        for button in buttons:
            line.addWidget(button)
        for one, next_one in pairwise(buttons):
            # The Tab key goes as the eye does.
            QWidget.setTabOrder(one, next_one)
        self.addWidget(row)
