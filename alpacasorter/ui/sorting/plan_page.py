"""The first page of the sort dialog: the form, and next to it the plan, which is remade whenever a choice changes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QComboBox,
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

from alpacasorter import i18n
from alpacasorter.core.sorting.options import DifferentTags
from alpacasorter.core.sorting.plan import Outcome, Remark, SortPlan
from alpacasorter.i18n import _, ngettext
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sorting.form import SortForm, read, written
from alpacasorter.ui.sorting.plan_model import NAME, NOTE, SIZE, PlanModel, first_example, renamed
from alpacasorter.ui.sorting.run_state import SortInput, default_destination
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.ui.widgets.layouts import EndElided
from alpacasorter.wording import sorts, text
from alpacasorter.workers.sorting import SortService

REST_MS: Final = 250
"""How long the choices must stay the same before the plan is remade, milliseconds."""
_FORM: Final = 390
"""Width of the form if the plan is next to it, pixels."""
_BESIDE: Final = 780
"""Width from which the plan is next to the form rather than below it, pixels."""


class PlanPage(QWidget):
    """Lets the user choose how to sort, and shows what would happen.

    Signals:
        changed: `plan`, `button` or `why` may have changed.
    """

    changed = Signal()

    def __init__(
        self, service: SortService, settings: Settings, subject: Callable[[], SortInput | None], parent: QWidget
    ) -> None:
        """Show the choices of the last sort.

        Args:
            service: makes the plans.
            settings: store the choices.
            subject: returns what there is to sort now; None if no folder is open.
            parent: the dialog.
        """
        super().__init__(parent)
        self._service = service
        self._settings = settings
        self._get_subject = subject
        self._subject: SortInput | None = None
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
        # It scrolls to the field that has the focus; it would be a stop of the Tab key without a name.
        area.setFocusPolicy(Qt.FocusPolicy.NoFocus)
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
        self.form.clocks.set_clocks(settings.clocks)
        self.form.changed.connect(self._on_choice)
        self.view.question.answered.connect(self._on_choice)
        service.planned.connect(self._on_planned)
        service.plan_failed.connect(self._on_plan_failed)

    # For the dialog

    @property
    def plan(self) -> SortPlan | None:
        """The plan for the current choices; None if it is not ready, or does nothing."""
        plan = self.view.plan
        return plan if self._fresh and plan is not None and plan.count(Outcome.GO) else None

    @property
    def button(self) -> str:
        """The text of the button that sorts."""
        return sorts.button(self.plan, self.form.chosen_action)

    @property
    def why(self) -> str:
        """Why the button is disabled, or what the user should know before pressing it."""
        plan, subject = self.view.plan, self._subject
        if self.form.problem or self._refused:
            return self.form.unsaid if self.form.problem else self._refused
        # That a plan does nothing is said above it.
        is_ready = self._fresh and plan is not None
        making = not is_ready and (self._rest.isActive() or not self.view.busy.isHidden())
        said = [_("Planning…")] if making else []
        # One photo is always selected, and nobody means to sort only that one.
        if subject is not None and 1 < subject.selected < len(subject.photos):
            said.append(sorts.more_than_selected(subject.selected, len(subject.photos)))
        elif subject is not None and subject.listed is not None:
            said.append(sorts.more_than_listed(subject.listed, len(subject.photos)))
        if subject is not None and subject.waiting:
            said.append(sorts.waiting(subject.waiting, scanning=subject.scanning))
        if subject is not None and subject.again is not None and subject.again.running:
            said += [text.learning_again(subject.again), text.until_learned_again()]
        return " ".join(said)

    def begin(self) -> None:
        """Take what there is to sort now, and make a plan."""
        self._take_subject()
        self.form.set_sure(self._settings.unsure_below)
        self.view.show_plan(None)
        self._on_choice()
        self._make_plan()
        self.form.destination.choose_button.setFocus()

    def photos_changed(self) -> None:
        """Remake the plan, because photos were found, judged or corrected."""
        self._take_subject()
        self._on_choice()

    def pause(self) -> None:
        """Make no plans until `begin` is called."""
        self._rest.stop()
        self._service.cancel_plan()
        self._fresh = False

    def refuse(self, sentence: str) -> None:
        """Show why a sort could not start."""
        self._refused = sentence
        self.view.show_plan(None, _("No plan yet."))
        self.changed.emit()

    def keep_choices(self) -> None:
        """Save the choices; the destination only if it is not the default one."""
        self._settings.sorting = self.form.state()
        self._settings.clocks = self.form.clocks.clocks
        if self._subject is not None:
            destination = self.form.destination.folder
            other = destination is not None and destination != default_destination(self._subject.folder)
            self._settings.sort_destination = written(destination if other else None)

    # Planning

    def _take_subject(self) -> None:
        before, self._subject = self._subject, self._get_subject()
        if self._subject is None:
            return
        self.form.set_labels(self._subject.labels)
        self.form.clocks.set_photos(self._subject.photos)
        if before is None or self._subject.folder != before.folder:
            self.form.destination.set_folder(self._destination(self._subject.folder))

    def _destination(self, folder: Path) -> Path:
        kept = read(self._settings.sort_destination)
        return kept if kept is not None and kept.is_dir() else default_destination(folder)

    def _on_choice(self) -> None:
        """Note that the plan shown is outdated, and have a new one made soon."""
        self._fresh = False
        self._refused = ""
        self._service.cancel_plan()
        if self.isVisible():
            self._rest.start()
        self.changed.emit()

    def _make_plan(self) -> None:
        self._rest.stop()
        self._subject = subject = self._get_subject()
        options = self.form.options()
        if subject is None or options is None:
            self.view.show_plan(None, _("No plan yet.") if subject is not None else _("Open a folder first."))
        else:
            self.view.set_busy(True)
            options = replace(options, different_tags=self.view.question.answer)
            self._service.plan(subject.folder, subject.photos, options, subject.labels)
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
        """Put the plan below the form if there is no room next to it."""
        super().resizeEvent(event)
        wide = event.size().width() >= _BESIDE
        way = Qt.Orientation.Horizontal if wide else Qt.Orientation.Vertical
        if way is not self.splitter.orientation() or not event.oldSize().isValid():
            self.splitter.setOrientation(way)
            room = event.size().width() if wide else event.size().height()
            self.splitter.setSizes([_FORM, room - _FORM] if wide else [room * 6 // 10, room * 4 // 10])


_ROW_GAP: Final = 8
"""Added to the height of the font for the height of a row, pixels."""
_REMARKS: Final = 5
"""Remarks shown; the others are only counted."""
_OPENED: Final = 30
"""If no more photos than this can't be sorted, they are shown without a click."""


class TagsQuestion(QWidget):
    """Asks what is done with photos that belong together and have different tags; hidden while there are none.

    Signals:
        answered: the user has chosen another answer.
    """

    answered = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Start hidden, with the usual answer."""
        super().__init__(parent)
        self.words = sentence_label(self, "")
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.choices = QComboBox(self)
        self.choices.setAccessibleName(_("Photos with different tags"))
        for choice in DifferentTags:
            self.choices.addItem(sorts.different_tags_name(choice), choice.value)
        self.choices.currentIndexChanged.connect(self.answered)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 4)
        column.setSpacing(4)
        column.addWidget(self.words)
        column.addWidget(self.choices, 0, Qt.AlignmentFlag.AlignLeft)
        self.hide()

    @property
    def answer(self) -> DifferentTags:
        """The answer."""
        return DifferentTags(self.choices.currentData())

    def ask(self, plan: SortPlan | None) -> None:
        """Ask about a plan, if there is something to ask."""
        remark = plan.question if plan is not None else None
        self.words.setText(sorts.remark(remark) if remark is not None else "")
        self.words.setToolTip(sorts.tip(sorts.remark_in_full(remark)) if remark is not None else "")
        self.setVisible(remark is not None)


class PlanView(QWidget):
    """Shows a plan: a summary, a question, remarks, and the tree of all files. It is faded while it is outdated."""

    def __init__(self, parent: QWidget) -> None:
        """Start empty."""
        super().__init__(parent)
        self.model = PlanModel(self, row_height=self.fontMetrics().height() + _ROW_GAP)
        self.overview = QLabel(self)
        self.overview.setProperty("role", "heading")
        self.overview.setWordWrap(True)
        self.question = TagsQuestion(self)
        self.serious = sentence_label(self, "warning")
        self.remarks = sentence_label(self, "muted")
        for label in (self.serious, self.remarks):
            # A file's name may look like markup.
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.busy = QProgressBar(self)
        self.busy.setTextVisible(False)
        self.busy.setRange(0, 0)
        self.busy.setAccessibleName(_("Planning"))
        # The tree must not move when it appears and disappears.
        policy = self.busy.sizePolicy()
        policy.setRetainSizeWhenHidden(True)
        self.busy.setSizePolicy(policy)
        self.tree = QTreeView(self)
        self.tree.setModel(self.model)
        self.tree.setAccessibleName(_("Plan"))
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
        header.resizeSection(SIZE, self.fontMetrics().horizontalAdvance(f"{i18n.size(888)}  "))
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 20, 20, 8)
        column.setSpacing(6)
        for widget in (self.overview, self.serious, self.question, self.remarks, self.busy):
            column.addWidget(widget)
        column.addWidget(self.tree, 1)
        self.show_plan(None)

    @property
    def plan(self) -> SortPlan | None:
        """The plan shown."""
        return self.model.plan

    def set_busy(self, busy: bool) -> None:
        """Fade the plan shown, because a new one is being made."""
        self.busy.setVisible(busy)
        self.tree.setEnabled(not busy)
        self.overview.setEnabled(not busy)

    def show_plan(self, plan: SortPlan | None, why: str = "") -> None:
        """Show a plan; or none, and why there is none."""
        opened = self._opened()
        self.set_busy(False)
        self.model.show_plan(plan)
        self.overview.setText(sorts.overview(plan) if plan is not None else why or _("Planning…"))
        self.question.ask(plan)
        asked = plan.question if plan is not None else None
        remarks = [remark for remark in (plan.remarks if plan is not None else ()) if remark is not asked]
        _say(self.serious, [], [remark for remark in remarks if remark.serious])
        facts = _facts(plan) if plan is not None else []
        _say(self.remarks, facts, [remark for remark in remarks if not remark.serious])
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


def _facts(plan: SortPlan) -> list[str]:
    """Return what a plan does besides its summary, a line each."""
    staying = [sorts.counted(plan, outcome) for outcome in (Outcome.STAYS, Outcome.THERE, Outcome.IN_PLACE)]
    others = renamed(plan.units)
    lines = [
        # Why a plan does nothing is said above.
        " ".join(said for said in staying if said) if plan.count(Outcome.GO) else "",
        sorts.space(plan),
        sorts.renamed(others) if others else "",
        sorts.counted(plan, Outcome.BLOCKED),
    ]
    return [line for line in lines if line]


def _say(label: QLabel, facts: list[str], remarks: list[Remark]) -> None:
    lines = [*facts, *map(sorts.remark, remarks)]
    shown = lines[:_REMARKS]
    if len(lines) > _REMARKS:
        more = len(lines) - _REMARKS
        said = ngettext("And {count} more remark.", "And {count} more remarks.", more)
        shown.append(said.format(count=i18n.number(more)))
    label.setText("\n".join(shown))
    is_short = len(lines) > _REMARKS or any(len(remark.paths) > 1 for remark in remarks)
    label.setToolTip(_as_lines([*facts, *map(sorts.remark_in_full, remarks)]) if is_short else "")
    label.setVisible(bool(lines))


def _as_lines(lines: list[str]) -> str:
    """Return lines as a tooltip that keeps them apart."""
    return "".join(sorts.tip(line) for part in lines for line in part.split("\n"))
