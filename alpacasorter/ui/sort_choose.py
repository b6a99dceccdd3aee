"""First page of a sort: the choices, and the plan that is made anew whenever one of them has changed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QVBoxLayout, QWidget

from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.ui import sort_words
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sort_form import SortForm, read, written
from alpacasorter.ui.sort_plan_model import first_example
from alpacasorter.ui.sort_plan_view import PlanView
from alpacasorter.ui.sort_subject import Subject, usual_destination
from alpacasorter.workers.sorting import SortKeeper

REST_MS: Final = 250
"""How long choices must rest before the plan is made again."""
_FORM: Final = 390
"""Width of the choices where the plan stands beside them, pixels."""
_BESIDE: Final = 780
"""Width from which the plan stands beside the choices and not below."""
_MAKING: Final = "Making the plan…"
_NO_PLAN: Final = "There is no plan for these choices yet."


class ChoosePage(QWidget):
    """Lets the user choose, and shows what would happen.

    Signals:
        changed: what the button may say is another thing now (see `button`, `why` and `plan`).
    """

    changed = Signal()

    def __init__(
        self, keeper: SortKeeper, settings: Settings, subject: Callable[[], Subject | None], parent: QWidget
    ) -> None:
        """Show the choices of the last time.

        Args:
            keeper: makes the plans.
            settings: where the choices are kept.
            subject: returns what there is to sort now; None while nothing is open.
            parent: the dialog.
        """
        super().__init__(parent)
        self._keeper = keeper
        self._settings = settings
        self._get_subject = subject
        self._subject: Subject | None = None
        self._fresh = False
        self._refused = ""
        self.form = SortForm(self)
        self.view = PlanView(self)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self._rest = QTimer(self, singleShot=True, interval=REST_MS)
        self._rest.timeout.connect(self._make_plan)
        area = QScrollArea(self)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.form)
        area.setMinimumSize(300, 90)
        self.splitter.addWidget(area)
        self.splitter.addWidget(self.view)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(1)
        self.splitter.setStretchFactor(1, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.splitter)
        self.form.restore(settings.sorting)
        self.form.changed.connect(self._on_choice)
        keeper.planned.connect(self._on_planned)
        keeper.plan_failed.connect(self._on_plan_failed)

    # For the dialog

    @property
    def plan(self) -> SortPlan | None:
        """The plan, where it is the one for what is chosen now and does anything."""
        plan = self.view.plan
        return plan if self._fresh and plan is not None and plan.count(Outcome.GO) else None

    @property
    def button(self) -> str:
        """What the button does."""
        return sort_words.press(self.plan, self.form.chosen_action)

    @property
    def why(self) -> str:
        """Why the button can't be pressed, and what the user should know before they do."""
        plan, subject = self.view.plan, self._subject
        if self.form.problem or self._refused:
            return self.form.unsaid if self.form.problem else self._refused
        said = ""
        if self._fresh and plan is not None:
            said = "" if self.plan is not None else sort_words.nothing(plan)
        elif self._rest.isActive() or not self.view.busy.isHidden():
            said = _MAKING
        if subject is not None:
            said = f"{said} {sort_words.waiting(subject.waiting, scanning=subject.scanning)}".strip()
        return said

    def begin(self) -> None:
        """Look at what there is to sort now, and plan it."""
        self._take_subject()
        self.form.set_sure(self._settings.unsure_below)
        self.view.show_plan(None)
        self._on_choice()
        self._make_plan()
        self.form.destination.choose_button.setFocus()

    def photos_changed(self) -> None:
        """Photos were found, judged or corrected: what would be sorted is another thing now."""
        self._take_subject()
        self._on_choice()

    def pause(self) -> None:
        """Make no plan until `begin`."""
        self._rest.stop()
        self._keeper.drop_plan()
        self._fresh = False

    def refuse(self, sentence: str) -> None:
        """Say why a sort could not begin."""
        self._refused = sentence
        self.view.show_plan(None, _NO_PLAN)
        self.changed.emit()

    def keep_choices(self) -> None:
        """Keep them for the next time; the destination only where it is a folder of its own."""
        self._settings.sorting = self.form.state()
        if self._subject is not None:
            destination = self.form.destination.folder
            other = destination is not None and destination != usual_destination(self._subject.folder)
            self._settings.sort_destination = written(destination if other else None)

    # Planning

    def _take_subject(self) -> None:
        before, self._subject = self._subject, self._get_subject()
        if self._subject is None:
            return
        self.form.set_labels(self._subject.labels)
        if before is None or self._subject.folder != before.folder:
            self.form.destination.set_folder(self._destination(self._subject.folder))

    def _destination(self, folder: Path) -> Path:
        kept = read(self._settings.sort_destination)
        return kept if kept is not None and kept.is_dir() else usual_destination(folder)

    def _on_choice(self) -> None:
        """The plan shown is not the one for what is chosen now."""
        self._fresh = False
        self._refused = ""
        self._keeper.drop_plan()
        if self.isVisible():
            self._rest.start()
        self.changed.emit()

    def _make_plan(self) -> None:
        self._rest.stop()
        self._subject = subject = self._get_subject()
        options = self.form.options()
        if subject is None or options is None:
            self.view.show_plan(None, _NO_PLAN if subject is not None else "Open a folder first.")
        else:
            self.view.set_busy(True)
            self._keeper.plan(subject.folder, subject.photos, options, subject.labels)
        self.changed.emit()

    def _on_planned(self, plan: SortPlan) -> None:
        self._fresh = True
        self.view.show_plan(plan)
        example = first_example(plan)
        if example:
            self.form.pattern.show_example(example)
        self.changed.emit()

    def _on_plan_failed(self, sentence: str) -> None:
        self.refuse(sentence)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the plan below the choices where there is no room beside them."""
        super().resizeEvent(event)
        wide = event.size().width() >= _BESIDE
        way = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if way is not self.splitter.orientation() or not event.oldSize().isValid():
            self.splitter.setOrientation(way)
            room = event.size().width() if wide else event.size().height()
            self.splitter.setSizes([_FORM, room - _FORM] if wide else [room * 6 // 10, room * 4 // 10])
