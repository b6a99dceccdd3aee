"""First page of a sort: the choices, and the plan that is made anew whenever one of them has changed.

The plan of a sort as it is shown before: what it comes to, what is odd about it, and the tree of all files.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QHeaderView,
    QLabel,
    QProgressBar,
    QScrollArea,
    QSplitter,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.form import SortForm, read, written
from alpacasorter.ui.sorting.plan_model import NAME, NOTE, SIZE, PlanModel, first_example, renamed
from alpacasorter.ui.sorting.run_state import Subject, usual_destination
from alpacasorter.ui.widgets.fields import note
from alpacasorter.ui.widgets.layouts import EndElided
from alpacasorter.wording import sorts, text
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
        return sorts.press(self.plan, self.form.chosen_action)

    @property
    def why(self) -> str:
        """Why the button can't be pressed, and what the user should know before they do."""
        plan, subject = self.view.plan, self._subject
        if self.form.problem or self._refused:
            return self.form.unsaid if self.form.problem else self._refused
        said = ""
        if self._fresh and plan is not None:
            said = "" if self.plan is not None else sorts.nothing(plan)
        elif self._rest.isActive() or not self.view.busy.isHidden():
            said = _MAKING
        if subject is not None:
            said = f"{said} {sorts.waiting(subject.waiting, scanning=subject.scanning)}".strip()
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


_ROW_GAP: Final = 8
"""Pixels that a row is higher than its letters."""
_REMARKS: Final = 5
"""Remarks of a kind that are said before the rest is only counted."""
_OPENED: Final = 30
"""Photos that can't go up to which they are shown without a click."""


class PlanView(QWidget):
    """Shows one plan at a time, faded while it is not the one for what is chosen now."""

    def __init__(self, parent: QWidget) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self.model = PlanModel(self, row_height=self.fontMetrics().height() + _ROW_GAP)
        self.overview = QLabel(self)
        self.overview.setProperty("role", "heading")
        self.overview.setWordWrap(True)
        self.serious = note(self, "warning")
        self.remarks = note(self, "muted")
        for label in (self.serious, self.remarks):
            # A file's name may look like markup.
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.busy = QProgressBar(self)
        self.busy.setTextVisible(False)
        self.busy.setRange(0, 0)
        self.busy.setAccessibleName("Making the plan")
        # What comes and goes must not move the tree.
        policy = self.busy.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.busy.setSizePolicy(policy)
        self.tree = QTreeView(self)
        self.tree.setModel(self.model)
        self.tree.setAccessibleName("Plan: what goes where")
        self.tree.setUniformRowHeights(True)
        self.tree.setAllColumnsShowFocus(True)
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.tree.setItemDelegateForColumn(NOTE, EndElided(self.tree))
        self.tree.setMinimumHeight(120)
        header = self.tree.header()
        header.setSectionsMovable(False)
        header.setStretchLastSection(False)
        header.setSectionResizeMode(NAME, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(NOTE, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(SIZE, QHeaderView.ResizeMode.Fixed)
        header.resizeSection(SIZE, self.fontMetrics().horizontalAdvance("8,888 bytes  "))
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 20, 20, 8)
        column.setSpacing(6)
        for widget in (self.overview, self.serious, self.remarks, self.busy):
            column.addWidget(widget)
        column.addWidget(self.tree, 1)
        self.show_plan(None)

    @property
    def plan(self) -> SortPlan | None:
        """The plan shown."""
        return self.model.plan

    def set_busy(self, busy: bool) -> None:
        """Fade what is shown, because another plan is being made."""
        self.busy.setVisible(busy)
        self.tree.setEnabled(not busy)
        self.overview.setEnabled(not busy)

    def show_plan(self, plan: SortPlan | None, why: str = "") -> None:
        """Show a plan; none, and why there is none."""
        opened = self._opened()
        self.set_busy(False)
        self.model.show_plan(plan)
        self.overview.setText(sorts.overview(plan) if plan is not None else why or "Making the plan…")
        remarks = plan.remarks if plan is not None else ()
        _say(self.serious, [sorts.remark(remark) for remark in remarks if remark.serious])
        said = [sorts.remark(remark) for remark in remarks if not remark.serious]
        if plan is not None:
            blocked, others = plan.count(Outcome.BLOCKED), renamed(plan.units)
            if blocked:
                said.insert(0, f"{text.count(blocked, 'photo')} can't go; the reasons are below.")
            if others:
                said.insert(0, f"{text.count(others, 'photo')} {'gets' if others == 1 else 'get'} another name.")
            said.insert(0, sorts.room(plan))
            said.insert(0, sorts.staying(plan))
        _say(self.remarks, [line for line in said if line])
        for row in range(self.model.rowCount()):
            heading = self.model.heading(row)
            few = heading.outcome is Outcome.BLOCKED and len(heading.units) <= _OPENED
            if few or heading.words in opened:
                self.tree.expand(self.model.index(row, 0))

    def _opened(self) -> frozenset[str]:
        rows = range(self.model.rowCount())
        return frozenset(
            self.model.heading(row).words for row in rows if self.tree.isExpanded(self.model.index(row, 0))
        )


def _say(label: QLabel, lines: list[str]) -> None:
    shown = lines[:_REMARKS]
    if len(lines) > _REMARKS:
        shown.append(f"And {text.count(len(lines) - _REMARKS, 'more remark')}.")
    label.setText("\n".join(shown))
    label.setToolTip(sorts.tip("\n".join(lines)) if len(lines) > _REMARKS else "")
    label.setVisible(bool(lines))
