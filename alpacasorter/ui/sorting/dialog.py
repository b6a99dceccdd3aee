"""The dialog *Sort…*: form and plan, progress, result. A sort continues while the dialog is hidden."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from itertools import pairwise
from typing import TYPE_CHECKING, Final

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
from alpacasorter.i18n import _
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.plan_page import PlanPage
from alpacasorter.ui.sorting.progress import SortProgressPage, SortResultPage
from alpacasorter.ui.sorting.run_state import SortInput, SortRun
from alpacasorter.ui.widgets.desktop import show_folder
from alpacasorter.ui.widgets.dialogs import confirmed, enable_primary, say
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.workers.sorting import SortService

if TYPE_CHECKING:
    from alpacasorter.core.sorting.plan import SortPlan

_SIZE: Final = QSize(1060, 700)
_SHARE: Final = 0.92
_COMPACT: Final = 620
_LISTING: Final = QSize(760, 420)
_SPACING, _BELOW = 12, 16


class SortDialog(QDialog):
    """Lets the user sort photos, resume a sort and undo it.

    Signals:
        status(str): the progress while the dialog is hidden, for the main window; empty if there is nothing to show.
        ended(SortRun): a sort or an undo has ended.
        put_off(int): the user closed the dialog without deciding about an interrupted sort, given by its number.
    """

    status = Signal(str)
    ended = Signal(object)
    put_off = Signal(int)

    def __init__(
        self, service: SortService, settings: Settings, subject: Callable[[], SortInput | None], parent: QWidget | None
    ) -> None:
        """Prepare.

        Args:
            service: plans and sorts.
            settings: store the choices.
            subject: returns what there is to sort now; None if no folder is open.
            parent: the main window.
        """
        super().__init__(parent)
        self.setWindowTitle(_("Sort"))
        self._service = service
        self._run: SortRun | None = None
        self.plan_page = PlanPage(service, settings, subject, self)
        self.progress_page = SortProgressPage(self)
        self.result_page = SortResultPage(self)
        self.buttons = SortButtons(self)
        self.stack = Pages(self)
        for page in (self.plan_page, self.progress_page, self.result_page):
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
        self.plan_page.changed.connect(self._show_button)
        buttons, service = self.buttons, self._service
        buttons.sort.clicked.connect(self._sort)
        buttons.stop.clicked.connect(self._stop)
        buttons.undo.clicked.connect(self._undo)
        buttons.resume.clicked.connect(self._resume)
        buttons.show_folder.clicked.connect(self._show_folder)
        buttons.close_wanted.connect(self.reject)
        service.began.connect(self._on_began)
        service.placed.connect(self._on_placed)
        service.files_failed.connect(self._on_failed)
        service.progress.connect(self._on_progress)
        service.ended.connect(self._on_ended)
        service.refused.connect(self._on_refused)

    # For the main window

    @property
    def running(self) -> bool:
        """Whether a sort or an undo is running."""
        return self._run is not None and self._run.ended is None

    def present(self) -> None:
        """Show the form, or the running sort."""
        if not self.running and not (self.isVisible() and self.stack.currentIndex() == PLAN):
            self._run = None
            self._show_page(PLAN)
            self.show()
            self.plan_page.begin()
        self._bring_up()

    def resume(self, record: events.SortRecord) -> None:
        """Resume a sort of the history, or try its failed files again."""
        self._begin(SortRun(record=record, number=record.number, undoing=record.state is events.SortState.UNDOING))

    def carry_out(self, plan: SortPlan) -> None:
        """Carry out a plan that the user has agreed to elsewhere. The dialog stays hidden if it is."""
        self._begin(SortRun(plan=plan), hidden=not self.isVisible())

    def undo(self, record: events.SortRecord) -> None:
        """Undo a sort of the history."""
        self._begin(SortRun(record=record, number=record.number, undoing=True))

    def on_photos_changed(self) -> None:
        """Remake the plan, because photos were found, judged or corrected."""
        if self.isVisible() and self.stack.currentIndex() == PLAN:
            self.plan_page.photos_changed()

    def on_folder_closed(self) -> None:
        """Close the form. A running sort continues, and a result stays visible."""
        if self.isVisible() and self.stack.currentIndex() == PLAN:
            self.reject()

    def close_down(self) -> None:
        """Hide for good."""
        self.plan_page.pause()
        self.plan_page.keep_choices()
        self.hide()

    def _bring_up(self) -> None:
        if self.isVisible():
            self.raise_()
            self.activateWindow()
        self.show()
        self._tell_status()

    def _show_button(self) -> None:
        """Update the button that sorts, and the reason next to it if it is disabled."""
        page, button = self.plan_page, self.buttons.sort
        button.setText(page.button)
        enable_primary(button, page.plan is not None)
        button.setDefault(page.plan is not None)
        self.buttons.why.setText(page.why)

    # Running

    def _sort(self) -> None:
        plan = self.plan_page.plan
        if plan is None or self._service.busy:
            return
        serious = [remark.sentence for remark in plan.remarks if remark.serious]
        if serious and not confirmed(
            self, _("Sort anyway?"), _("This sort will probably not succeed completely."), "\n".join(serious), _("Sort")
        ):
            return
        # A tag may have been corrected while the question was open.
        if self.plan_page.plan is plan:
            self.plan_page.keep_choices()
            self._begin(SortRun(plan=plan))

    def _resume(self) -> None:
        if self._run is not None and self._run.can_resume:
            self._begin(self._run.again(undoing=False))

    def _undo(self) -> None:
        if self._run is not None and self._run.can_undo:
            self._begin(self._run.again(undoing=True))

    def _begin(self, run: SortRun, *, hidden: bool = False) -> None:
        service = self._service
        if service.busy:
            self._bring_up()
            return
        self.plan_page.pause()
        self._run = run
        self.progress_page.begin(run.doing, undoing=run.undoing)
        self.buttons.stop.setEnabled(True)
        self._show_page(RUN)
        if hidden:
            self._tell_status()
        else:
            self._bring_up()
        if run.number is None and run.plan is not None:
            service.sort(run.plan)
        elif run.number is not None and run.undoing and not run.undo_begun:
            service.undo(run.number)
        elif run.number is not None:
            service.resume(run.number)

    def _stop(self) -> None:
        self.buttons.stop.setEnabled(False)
        self.progress_page.tell(_("Stopping after the current file…"))
        self._service.stop()

    def _on_began(self, event: events.SortBegan) -> None:
        if self._run is not None and self.running:
            self._run.number = event.number
            self._run.undoing = event.undoing

    def _on_placed(self, event: events.FilesPlaced) -> None:
        if self._run is not None and self.running:
            self._run.place(event)

    def _on_failed(self, event: events.FilesFailed) -> None:
        if self._run is not None and self.running:
            self._run.fail(event.failures)
            self.progress_page.show_failed(len(self._run.failed))
            # The first failure adds a line, which must not squeeze the others.
            self.resize(self.width(), max(self.height(), self._height_at(self.width())))

    def _on_progress(self, event: events.SortProgress) -> None:
        if self.running and self.buttons.stop.isEnabled():
            self.progress_page.update_progress(event)
            self._tell_status()

    def _on_ended(self, event: events.SortEnded) -> None:
        run = self._run
        if run is None or not self.running:
            # Files were moved to the trash or restored, without this dialog.
            return
        run.end(event)
        self._show_result(run, event.problem)
        self.ended.emit(run)

    def _on_refused(self, sentence: str) -> None:
        if not self.running:
            return
        run, self._run = self._run, None
        if run is None:
            return
        if run.number is None:
            # Nothing has started, so the form is shown again.
            self._show_page(PLAN)
            self.plan_page.refuse(sentence)
        else:
            self._run = run
            run.record = None
            self._show_result(run, sentence)
        self._tell_status()

    def _show_result(self, run: SortRun, problem: str) -> None:
        buttons, record = self.buttons, run.record
        middle = run.is_interrupted
        failed = run.ended.failures if run.ended is not None else ()
        words = run.outcome or _("This failed. Nothing is lost.")
        more = _("You can resume it now, or later from the sort history.") if middle else ""
        self.result_page.show_result(words, problem, more, failed or run.failed)
        buttons.undo.setVisible(run.can_undo and not (middle and run.undoing))
        buttons.resume.setText(_("&Resume") if middle else _("&Try again"))
        buttons.resume.setVisible(run.can_resume)
        buttons.show_folder.setVisible(record is not None and record.destination.exists())
        self._show_page(RESULT)
        self._tell_status()

    def _show_folder(self) -> None:
        if self._run is not None and self._run.record is not None:
            record = self._run.record
            folder = record.folder if self._run.undoing else record.destination
            show_folder(folder, self, partial(say, self))

    # Showing and hiding

    def _show_page(self, number: int) -> None:
        was = self.stack.currentIndex()
        self.stack.setCurrentIndex(number)
        self.buttons.setCurrentIndex(number)
        self._make_room(was, number)
        middle = self._run is not None and self._run.is_interrupted
        usual = {RUN: self.buttons.hide_dialog, RESULT: self.buttons.resume if middle else self.buttons.close_result}
        if number in usual:
            usual[number].setDefault(True)
            usual[number].setFocus()

    def _make_room(self, was: int, number: int) -> None:
        """Be large while a plan is shown, and small afterwards."""
        if was == PLAN and number != PLAN:
            self._roomy = self.size()
        if number == PLAN:
            self.resize(self._roomy if was != PLAN else self.size())
        elif number == RESULT and not self.result_page.failures.isHidden():
            self.resize(_LISTING.boundedTo(self._roomy))
        else:
            width = min(_COMPACT, self._roomy.width())
            self.resize(width, self._height_at(width))

    def _height_at(self, width: int) -> int:
        """Return the height that the visible page and the buttons need at a width, in pixels."""
        return self.stack.height_at(width) + _SPACING + self.buttons.sizeHint().height() + _BELOW

    def _tell_status(self) -> None:
        words = ""
        if self.running and self._run is not None and not self.isVisible():
            words = f"{self._run.doing} {self.progress_page.words.text()}"
        self.status.emit(words)

    def reject(self) -> None:
        """Hide. A running sort continues; after a result, the form is shown the next time."""
        self.plan_page.pause()
        if self.stack.currentIndex() == PLAN:
            self.plan_page.keep_choices()
        elif self._run is not None and self._run.is_interrupted and self._run.number is not None and not self.running:
            self.put_off.emit(self._run.number)
        super().reject()
        self._tell_status()

    def closeEvent(self, event: QCloseEvent) -> None:
        """Hide, as Esc does."""
        event.accept()
        self.reject()


PLAN, RUN, RESULT = range(3)


class Pages(QStackedWidget):
    """Pages sized by the visible one, not by the largest."""

    def sizeHint(self) -> QSize:
        """Return the size hint of the visible page."""
        page = self.currentWidget()
        return page.sizeHint() if page is not None else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Return the minimum size of the visible page."""
        page = self.currentWidget()
        return page.minimumSizeHint() if page is not None else super().minimumSizeHint()

    def height_at(self, width: int) -> int:
        """Return the height of the visible page at a width, in pixels. A layout would ask all pages for that."""
        page = self.currentWidget()
        layout = page.layout() if page is not None else None
        if layout is None or not layout.hasHeightForWidth():
            return self.sizeHint().height()
        return layout.totalHeightForWidth(width)


class SortButtons(QStackedWidget):
    """The buttons below the pages, one row for each page.

    Attributes:
        why: why the button that sorts is disabled.

    Signals:
        close_wanted: the user wants to close the dialog; a running sort continues.
    """

    close_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Create all buttons; the dialog connects them."""
        super().__init__(parent)
        self.why: QLabel = sentence_label(self, "muted")
        self.why.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.cancel = self._button(_("Cancel"), _("Close without sorting (Esc)"))
        self.sort = self._button(_("Sort"), _("Do what the plan shows"), primary=True)
        self.hide_dialog = self._button(_("&Hide"), _("Continue in the background (Esc)"))
        self.stop = self._button(_("&Stop"), _("Stop after the current file. The sort can be resumed or undone."))
        self.close_result = self._button(_("C&lose"), _("Close (Esc)"))
        self.show_folder = self._button(_("Show in &file manager"), _("Open the destination"))
        self.undo = self._button(_("&Undo sort"), _("Move the files back; copies and links are removed"))
        self.resume = self._button(_("&Resume"), _("Continue with the remaining files"), primary=True)
        self._add_row(self.why, self.cancel, self.sort)
        self._add_row(None, self.hide_dialog, self.stop)
        self._add_row(None, self.show_folder, self.undo, self.resume, self.close_result)
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
            # The Tab key follows the visual order.
            QWidget.setTabOrder(one, next_one)
        self.addWidget(row)
