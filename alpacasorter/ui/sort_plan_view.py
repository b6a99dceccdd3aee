"""The plan of a sort as it is shown before: what it comes to, what is odd about it, and the tree of all files."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QLabel, QProgressBar, QTreeView, QVBoxLayout, QWidget

from alpacasorter.core.sorting.plan import Outcome, SortPlan
from alpacasorter.ui import sort_words, text
from alpacasorter.ui.sort_plan_model import NAME, NOTE, SIZE, PlanModel, renamed
from alpacasorter.ui.tables import EndElided
from alpacasorter.ui.train_fields import note

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
        self.overview.setText(sort_words.overview(plan) if plan is not None else why or "Making the plan…")
        remarks = plan.remarks if plan is not None else ()
        _say(self.serious, [sort_words.remark(remark) for remark in remarks if remark.serious])
        said = [sort_words.remark(remark) for remark in remarks if not remark.serious]
        if plan is not None:
            blocked, others = plan.count(Outcome.BLOCKED), renamed(plan.units)
            if blocked:
                said.insert(0, f"{text.count(blocked, 'photo')} can't go; the reasons are below.")
            if others:
                said.insert(0, f"{text.count(others, 'photo')} {'gets' if others == 1 else 'get'} another name.")
            said.insert(0, sort_words.room(plan))
            said.insert(0, sort_words.staying(plan))
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
    label.setToolTip(sort_words.tip("\n".join(lines)) if len(lines) > _REMARKS else "")
    label.setVisible(bool(lines))
