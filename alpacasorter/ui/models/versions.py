"""The learning history of the model in use: accuracy before and after, its versions, and the way back to one."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.events import LearningAgain
from alpacasorter.i18n import _, moment, ngettext, number
from alpacasorter.ml.learning.versions import SHIPPED, LearningState, SelfCheck, Version, model_of
from alpacasorter.ui.widgets.layouts import prepare_table
from alpacasorter.wording import text
from alpacasorter.workers.versions import VersionKeeper

_ID = Qt.ItemDataRole.UserRole
_COLUMN_COUNT = 4
_PADDING = 4
_ROWS = 5
"""How many versions are visible without scrolling."""


class VersionsView(QWidget):
    """Shows the versions of the model in use and lets the user go back to one.

    Signals:
        go_back(int): the user wants to go back to the version with this number.
        learn_from_all(): the user wants to learn from all corrections again.
    """

    go_back = Signal(int)
    learn_from_all = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start empty; `show_state` fills it."""
        super().__init__(parent)
        self._is_waiting = False
        self._state: LearningState | None = None
        self._again: LearningAgain | None = None
        self._titles: Mapping[str, str] = {}
        self.summary = QLabel(_("Loading…"), self)
        self.summary.setWordWrap(True)
        self.summary.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.trouble = QLabel(self)
        self.trouble.setProperty("role", "warning")
        self.trouble.setWordWrap(True)
        self.trouble.hide()
        self.table = _table(self)
        self.table.itemSelectionChanged.connect(self._on_selection)
        self.table.itemActivated.connect(self._on_activated)
        self.promise = QLabel(_promise(), self)
        self.promise.setProperty("role", "muted")
        self.promise.setWordWrap(True)
        self.back_button = QPushButton(_("&Go back to this version"), self)
        self.back_button.setAutoDefault(False)
        self.back_button.setEnabled(False)
        self.back_button.clicked.connect(self._go_back)
        self.all_button = QPushButton(_("Learn from &all corrections again"), self)
        self.all_button.setAutoDefault(False)
        self.all_button.clicked.connect(self._learn_from_all)
        self.all_button.hide()
        buttons = QHBoxLayout()
        buttons.addWidget(self.back_button)
        buttons.addWidget(self.all_button)
        buttons.addStretch(1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.summary)
        column.addWidget(self.trouble)
        column.addWidget(self.table, 1)
        column.addWidget(self.promise)
        column.addLayout(buttons)
        self._show_table(False)

    def attach(self, versions: VersionKeeper) -> None:
        """Connect to an engine's versions. The caller then calls `versions.ask()`."""
        versions.told.connect(self.show_state)
        versions.failed.connect(self.show_trouble)
        versions.learning_again.connect(self._on_learning_again)
        self._again = versions.again
        self.go_back.connect(versions.go_back)
        self.learn_from_all.connect(versions.learn_from_all)

    def name_models(self, titles: Mapping[str, str]) -> None:
        """Set the names of the installed models, by bundle ID, for versions of those that are not in use."""
        self._titles = dict(titles)
        if self._state is not None and self._state.others:
            self.show_state(self._state)

    def _on_learning_again(self, event: LearningAgain) -> None:
        self._again = event
        if self._state is not None:
            self.summary.setText(summary(self._state, event))

    def show_state(self, state: LearningState) -> None:
        """Show the current state. The selected version stays selected, or else the one in use is selected."""
        self._state = state
        self.summary.setText(summary(state, self._again))
        chosen = self._chosen() if self.back_button.isEnabled() or self._is_waiting else None
        self._is_waiting = False
        if not any(version.id == chosen for version in state.versions):
            chosen = None
        self.table.clear()
        for version in state.versions:
            item = QTreeWidgetItem(
                [
                    when(version),
                    learned_from(version),
                    figures(version),
                    _("In use") if version.current else "",
                ]
            )
            item.setData(0, _ID, version.id)
            item.setData(1, _ID, version.current)
            item.setData(0, Qt.ItemDataRole.AccessibleTextRole, spoken(version))
            if version.current:
                font = self.table.font()
                font.setBold(True)
                for column in range(_COLUMN_COUNT):
                    item.setFont(column, font)
            self.table.addTopLevelItem(item)
            if version.id == chosen or (chosen is None and version.current):
                self.table.setCurrentItem(item)
        for version in state.others:
            self.table.addTopLevelItem(self._other(version))
        self.all_button.setVisible(state.set_aside > 0)
        self._show_table(state.corrections > 0 or len(state.versions) > 1 or bool(state.others))
        self._on_selection()

    def _other(self, version: Version) -> QTreeWidgetItem:
        """Return the row of a version of another model, which can't be selected."""
        title = self._titles.get(model_of(version.bundle_id))
        if title is None:
            model = _("Of an earlier model")
            tip = _("This version is of a model that is not installed. Add that model to go back to it.")
        else:
            # Translators: {name} is a model.
            model = _("Of “{name}”").format(name=title)
            tip = _("To go back to this version, use the model “{name}” first.").format(name=title)
        item = QTreeWidgetItem([when(version), learned_from(version), figures(version), model])
        item.setFlags(item.flags() & ~(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable))
        item.setData(0, _ID, version.id)
        # Translators: a version of a model in words, and which model that is, for screen readers.
        words = _("{version}. {model}.").format(version=spoken(version), model=model)
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, words)
        for column in range(_COLUMN_COUNT):
            item.setToolTip(column, tip)
        return item

    def show_trouble(self, sentence: str) -> None:
        """Show why what the user wanted could not be done."""
        self.trouble.setText(sentence)
        self.trouble.show()
        self._on_selection()

    def _show_table(self, is_shown: bool) -> None:
        for widget in (self.table, self.promise, self.back_button):
            widget.setVisible(is_shown)

    def _chosen(self) -> int | None:
        item = self.table.currentItem()
        return None if item is None else int(item.data(0, _ID))

    def _on_selection(self) -> None:
        item = self.table.currentItem()
        self.back_button.setEnabled(item is not None and not item.data(1, _ID))

    def _on_activated(self, item: QTreeWidgetItem) -> None:
        # A double click also activates a row that can't be selected, while another one is.
        if item is self.table.currentItem():
            self._go_back()

    def _go_back(self) -> None:
        chosen = self._chosen()
        if chosen is not None and self.back_button.isEnabled():
            self._wait()
            self.go_back.emit(chosen)

    def _learn_from_all(self) -> None:
        self._wait()
        self.learn_from_all.emit()

    def _wait(self) -> None:
        # The result arrives in a moment; until then, a second click would ask for the same thing.
        self._is_waiting = True
        self.trouble.hide()
        self.back_button.setEnabled(False)


def _table(parent: QWidget) -> QTreeWidget:
    table = QTreeWidget(parent)
    columns = (_("Version"), _("Learned from"), _("Correct before → after"), "")
    prepare_table(table, columns, _("Versions"))
    header = table.header()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setStretchLastSection(True)
    table.setStyleSheet(f"QTreeView::item {{ padding: {_PADDING}px 20px {_PADDING}px 0px; }}")
    row = table.fontMetrics().height() + 2 * _PADDING
    table.setMinimumHeight(header.sizeHint().height() + _ROWS * row)
    return table


def _promise() -> str:
    return _(
        "Going back changes only what the model learns from; your corrections are kept. Those in all folders count, "
        "and copies of a photo count once. Accuracy after learning is measured fairly: each correction is judged by a "
        "model that has not learned from it."
    )


def summary(state: LearningState, again: LearningAgain | None = None) -> str:
    """Return what was learned and how much it helps, in a few sentences.

    Args:
        state: what was learned.
        again: how far the model is with corrections that were made with another one, if that is known.
    """
    if not state.corrections:
        return _(
            "Nothing learned yet. Click on a wrong tag, and the model learns from it at once. Each version of the model"
            " is kept here, so that you can go back to it."
        )
    lines = [_current(state)]
    if state.set_aside:
        lines.append(text.set_aside(state.set_aside))
    if again is not None and again.running:
        lines.append(f"{text.learning_again(again)} {text.until_learned_again()}")
    elif state.waiting:
        lines.append(text.corrections_waiting(state.waiting))
    return "\n".join(lines)


def _current(state: LearningState) -> str:
    if not state.learned:
        return _("Nothing learned yet.")
    check = state.current.check if state.current else None
    if check is None:
        return ngettext(
            "Learned from {count} correction. Measuring how much it helps…",
            "Learned from {count} corrections. Measuring how much they help…",
            state.learned,
        ).format(count=number(state.learned))
    return _measured(check)


def _measured(check: SelfCheck) -> str:
    count = number(check.corrections)
    if check.after is None:
        return ngettext(
            "Learned from {count} correction. That is too few to measure how much it helps.",
            "Learned from {count} corrections. They are all of one scene, which is too little to measure how much "
            "they help.",
            check.corrections,
        ).format(count=count)
    words = [
        ngettext(
            "Before learning, the model gets {before} of your {count} correction right. Tested as if the photo were "
            "new, it gets {after} right after learning.",
            "Before learning, the model gets {before} of your {count} corrections right. Tested on each as if the "
            "photo were new, it gets {after} right after learning from the others.",
            check.corrections,
        ).format(count=count, before=number(check.before), after=number(check.after))
    ]
    if check.after <= check.before:
        words.append(_("It takes a few more before other photos benefit."))
    if check.still_wrong:
        words.append(
            ngettext(
                "Even after learning from all of them, it gets {count} wrong; your label counts there.",
                "Even after learning from all of them, it gets {count} wrong; your labels count there.",
                check.still_wrong,
            ).format(count=number(check.still_wrong))
        )
    return " ".join(words)


def when(version: Version) -> str:
    """Return when a version was made."""
    return _("Before learning") if version.id == SHIPPED else moment(version.made_at)


def learned_from(version: Version) -> str:
    """Return how much a version has learned from."""
    if not version.corrections:
        return _("no corrections")
    return ngettext("{count} correction", "{count} corrections", version.corrections).format(
        count=number(version.corrections)
    )


def figures(version: Version) -> str:
    """Return the accuracy of a version before and after learning: "9 → 19 of 23"."""
    check = version.check
    if check is None:
        return "" if version.id == SHIPPED else _("not measured")
    if check.after is None:
        return _("too few to measure")
    # Translators: how many corrections the model gets right before and after learning, of how many.
    return _("{before} → {after} of {count}").format(
        before=number(check.before), after=number(check.after), count=number(check.corrections)
    )


def spoken(version: Version) -> str:
    """Return a version in words, for screen readers."""
    fields = {"version": when(version), "corrections": learned_from(version)}
    check = version.check
    if check is None or check.after is None:
        # Translators: {version} is a time or "Before learning", {corrections} for example "23 corrections".
        words = _("{version}, {corrections}, in use") if version.current else _("{version}, {corrections}")
        return words.format(**fields)
    fields |= {"before": number(check.before), "after": number(check.after)}
    if version.current:
        words = _("{version}, {corrections}, {before} correct before and {after} after learning, in use")
    else:
        words = _("{version}, {corrections}, {before} correct before and {after} after learning")
    return words.format(**fields)
