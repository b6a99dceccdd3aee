"""*Move to trash* in the window: asks, has it done, says how it ended, and lets it be undone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack
from PySide6.QtWidgets import QCheckBox, QMainWindow, QMessageBox

from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.sorting.events import FilesPlaced, SortEnded, SortProgress, SortRecord, SortState
from alpacasorter.i18n import _
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.settings import Settings
from alpacasorter.workers.sorting import SortService

if TYPE_CHECKING:
    from alpacasorter.core.sorting.plan import SortPlan

_MOST_SELECTED: Final = 500
"""How many restored photos are selected."""
_TELLS_FROM: Final = 20
"""Files from which the progress is shown: fewer are in the trash before it can be read."""


class Rejected(Protocol):
    """The photos that the user rejects."""

    def chosen(self) -> list[PhotoRow]:
        """Return them."""
        ...

    def move_on(self, rows: Sequence[PhotoRow]) -> None:
        """Make another photo the current one."""
        ...


@dataclass(slots=True)
class _Run:
    """What this control has started: photos on their way to the trash, or back (`number` of what is restored)."""

    photos: frozenset[Path] = frozenset()
    number: int | None = None
    placed: list[Path] = field(default_factory=list)


class TrashControl(QObject):
    """Moves the photos that the user rejects to the trash, one run after the other, and restores them.

    Photos rejected while a run is still going on wait for its end, and then go together.

    Signals:
        told(str): what is being done, for the status bar.
        refused(str): something can't be done; a sentence for the user.
        ended(str, SortRecord): how a run ended, as a sentence.
    """

    told = Signal(str)
    refused = Signal(str)
    ended = Signal(str, object)

    def __init__(
        self,
        window: QMainWindow,
        service: SortService,
        actions: Actions,
        settings: Settings,
        folder: Callable[[], Path | None],
        rejected: Rejected,
        stack: QUndoStack,
    ) -> None:
        """Connect the action.

        Args:
            window: asks the questions.
            service: does it.
            actions: the menus.
            settings: whether to ask.
            folder: returns the open folder.
            rejected: the photos that are selected.
            stack: where a run can be undone.
        """
        super().__init__(window)
        self._window = window
        self._service = service
        self._settings = settings
        self._folder = folder
        self._rejected = rejected
        self._stack = stack
        self._asked: list[list[PhotoRow]] = []
        self._plans: list[tuple[SortPlan, frozenset[Path]]] = []
        self._restores: list[int] = []
        self._restored: set[int] = set()
        self._run: _Run | None = None
        self._to_select: list[Path] = []
        self.question: QMessageBox | None = None
        actions.trash.triggered.connect(self.reject)
        service.trash_planned.connect(self._on_planned)
        service.trash_plan_failed.connect(self._on_plan_failed)
        service.placed.connect(self._on_placed)
        service.progress.connect(self._on_progress)
        service.ended.connect(self._on_ended)
        service.refused.connect(self._on_refused)

    def reject(self) -> None:
        """Move the selected photos to the trash, after a question unless the user wants none."""
        folder, rows = self._folder(), self._rejected.chosen()
        if folder is None or not rows or self.question is not None:
            return
        if self._service.busy and self._run is None:
            self.refused.emit(_("A sort is running. Wait until it finishes, or stop it."))
            return
        self._asked.append(rows)
        self._service.plan_trash(folder, [LabeledPhoto(row.path, row.key) for row in rows])
        if not self._settings.ask_before_trash:
            # At once, so that the key can be pressed again without waiting for the disk.
            self._rejected.move_on(rows)

    def restore(self, record: SortRecord) -> None:
        """Restore what a run has moved to the trash."""
        self.restore_number(record.number)

    def restore_number(self, number: int) -> None:
        """Restore what the run with this number has moved to the trash, unless that is done already."""
        if number not in self._restores and number not in self._restored:
            self._restores.append(number)
            self._start()

    def is_restored(self, number: int) -> bool:
        """Return whether a run was undone since the program started."""
        return number in self._restored

    def take_restored(self) -> list[str]:
        """Return the photos that were restored last, to be selected, and forget them."""
        paths, self._to_select = self._to_select, []
        return [str(path) for path in paths[:_MOST_SELECTED]]

    # Asking

    def _on_planned(self, plan: SortPlan) -> None:
        rows = self._asked.pop(0)
        paths = frozenset(row.path for row in rows)
        if not plan.files_to_do:
            from alpacasorter.wording import trash

            self.refused.emit(trash.staying_photos(plan))
        elif self._settings.ask_before_trash:
            self._ask(plan, rows, paths)
        else:
            self._take(plan, paths)

    def _on_plan_failed(self, sentence: str) -> None:
        self._asked.pop(0)
        self.refused.emit(sentence)

    def _ask(self, plan: SortPlan, rows: list[PhotoRow], paths: frozenset[Path]) -> None:
        from alpacasorter.wording import trash

        box = self.question = QMessageBox(self._window)
        box.setIcon(QMessageBox.Icon.NoIcon)
        box.setTextFormat(Qt.TextFormat.PlainText)
        box.setWindowTitle(_("Move to trash"))
        words, more = trash.question(len(_going(plan, paths)), plan)
        box.setText(words)
        box.setInformativeText(more)
        box.setCheckBox(QCheckBox(_("&Don't ask again"), box))
        accept = box.addButton(_("Move to &trash"), QMessageBox.ButtonRole.AcceptRole)
        cancel = box.addButton(_("Cancel"), QMessageBox.ButtonRole.RejectRole)
        # Enter agrees: it can be undone.
        box.setDefaultButton(accept)
        box.setEscapeButton(cancel)

        def answered() -> None:
            self.question = None
            if box.clickedButton() is accept:
                if box.checkBox().isChecked():
                    self._settings.ask_before_trash = False
                self._rejected.move_on(rows)
                self._take(plan, paths)
            box.deleteLater()

        box.finished.connect(answered)
        box.open()

    # Running

    def _take(self, plan: SortPlan, paths: frozenset[Path]) -> None:
        self._plans.append((plan, paths))
        self._start()

    def _start(self) -> None:
        """Start what waits, unless something is running, whose end calls this again."""
        if self._service.busy or self._run is not None:
            return
        if self._restores:
            number = self._restores.pop(0)
            self._run = _Run(number=number)
            self._service.undo(number)
        elif self._plans:
            folder = self._plans[0][0].folder
            some = [one for one in self._plans if one[0].folder == folder]
            self._plans = [one for one in self._plans if one[0].folder != folder]
            plan = replace(some[0][0], units=tuple(unit for plan, _paths in some for unit in plan.units))
            paths = frozenset[Path]().union(*(paths for _plan, paths in some))
            self._run = _Run(_going(plan, paths))
            self._service.throw_away(plan)

    def _start_soon(self) -> None:
        # Delayed, so that everything else that reacts to the end is done.
        QTimer.singleShot(0, self, self._start)

    def _on_placed(self, event: FilesPlaced) -> None:
        run = self._run
        if run is None:
            return
        if run.number is not None:
            run.placed += [file.after for file in event.files if file.after is not None]
        else:
            run.placed += [file.before for file in event.files if file.trashed and file.before in run.photos]

    def _on_progress(self, event: SortProgress) -> None:
        if self._run is not None and event.total >= _TELLS_FROM:
            from alpacasorter.wording import sorts, trash

            doing = trash.moving() if self._run.number is None else trash.restoring()
            self.told.emit(f"{doing} {sorts.progress(event)}")

    def _on_ended(self, event: SortEnded) -> None:
        record = event.record
        if record.trashed and record.state is SortState.UNDONE and not record.left:
            self._restored.add(record.number)
        run, self._run = self._run, None
        if run is not None:
            self._tell(run, event)
        self._start_soon()

    def _tell(self, run: _Run, event: SortEnded) -> None:
        from alpacasorter.wording import sorts, trash

        record = event.record
        if run.number is not None:
            self._to_select = run.placed
            words = sorts.outcome(event)
            self.ended.emit(f"{words} {event.problem}" if event.problem else words, record)
            return
        if run.placed and record.state is SortState.FINISHED:
            self._stack.push(_TrashStep(self, record.number, trash.step(len(run.placed))))
        self.ended.emit(trash.outcome(event, len(run.placed)), record)

    def _on_refused(self, sentence: str) -> None:
        run, self._run = self._run, None
        if run is not None:
            self.refused.emit(sentence)
        self._start_soon()

    def skip_one(self) -> None:
        """Undo the step before, because the latest one was undone in another way."""
        QTimer.singleShot(0, self, self._stack.undo)


def _going(plan: SortPlan, paths: frozenset[Path]) -> frozenset[Path]:
    """Return those of the photos that the plan moves to the trash."""
    return paths & {file.source for unit in plan.units for file in unit.files if file.target is not None}


class _TrashStep(QUndoCommand):
    """Photos that were moved to the trash. Undone, it is gone: what was rejected twice is rejected by a key."""

    def __init__(self, control: TrashControl, number: int, words: str) -> None:
        super().__init__(words)
        self._control = control
        self._number = number

    def id(self) -> int:
        """Return what tells these steps from labels."""
        return TRASH_STEP

    def redo(self) -> None:
        """Do nothing: it was done when this was pushed."""

    def undo(self) -> None:
        """Restore the photos; if they were restored already, undo the step before."""
        self.setObsolete(True)
        if self._control.is_restored(self._number):
            self._control.skip_one()
        else:
            self._control.restore_number(self._number)


TRASH_STEP: Final = 1
