"""What the model has learned: before and after, its versions, and the way back to one.

Wording of the versions: what was learned, in sentences and in the cells of the table.
"""

from __future__ import annotations

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

from alpacasorter.ml.learning.versions import SHIPPED, LearningState, SelfCheck, Version
from alpacasorter.ui.widgets.layouts import prepare_table
from alpacasorter.wording import text
from alpacasorter.workers.versions import VersionKeeper

_ID = Qt.ItemDataRole.UserRole
_COLUMNS = ("Version", "Learned from", "Right before → after", "")
_PADDING = 4
_ROWS = 5
"""How many versions are in view without scrolling."""


class VersionsView(QWidget):
    """Shows the versions of the model in use and lets the user go back to one.

    Signals:
        go_back(int): the user wants to go back to the version of this number.
        learn_from_all(): the user wants all corrections learned from again.
    """

    go_back = Signal(int)
    learn_from_all = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start empty; `show_state` fills it."""
        super().__init__(parent)
        self._is_waiting = False
        self.summary = QLabel("Looking at what was learned…", self)
        self.summary.setWordWrap(True)
        self.summary.setAlignment(Qt.AlignmentFlag.AlignTop)
        self.trouble = QLabel(self)
        self.trouble.setProperty("role", "warning")
        self.trouble.setWordWrap(True)
        self.trouble.hide()
        self.table = _table(self)
        self.table.itemSelectionChanged.connect(self._on_selection)
        self.table.itemActivated.connect(self._go_back)
        self.promise = QLabel(PROMISE, self)
        self.promise.setProperty("role", "muted")
        self.promise.setWordWrap(True)
        self.back_button = QPushButton("&Go back to this one", self)
        self.back_button.setAutoDefault(False)
        self.back_button.setEnabled(False)
        self.back_button.clicked.connect(self._go_back)
        self.all_button = QPushButton("Learn from &all corrections again", self)
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
        """Show whatever an engine's versions tell from now on, and ask of them what the user wants.

        Whoever shows this calls `versions.ask()` then.
        """
        versions.told.connect(self.show_state)
        versions.failed.connect(self.show_trouble)
        self.go_back.connect(versions.go_back)
        self.learn_from_all.connect(versions.learn_from_all)

    def show_state(self, state: LearningState) -> None:
        """Show what there is now. The chosen version stays chosen; if that was the one in use, the one in use now."""
        self.summary.setText(summary(state))
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
                    "In use" if version.current else "",
                ]
            )
            item.setData(0, _ID, version.id)
            item.setData(1, _ID, version.current)
            item.setData(0, Qt.ItemDataRole.AccessibleTextRole, spoken(version))
            if version.current:
                font = self.table.font()
                font.setBold(True)
                for column in range(len(_COLUMNS)):
                    item.setFont(column, font)
            self.table.addTopLevelItem(item)
            if version.id == chosen or (chosen is None and version.current):
                self.table.setCurrentItem(item)
        self.all_button.setVisible(state.set_aside > 0)
        self._show_table(state.corrections > 0 or len(state.versions) > 1)
        self._on_selection()

    def show_trouble(self, sentence: str) -> None:
        """Say why what the user wanted could not be done."""
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

    def _go_back(self) -> None:
        chosen = self._chosen()
        if chosen is not None and self.back_button.isEnabled():
            self._wait()
            self.go_back.emit(chosen)

    def _learn_from_all(self) -> None:
        self._wait()
        self.learn_from_all.emit()

    def _wait(self) -> None:
        # What comes of it is told in a moment; until then a second click would ask for the same.
        self._is_waiting = True
        self.trouble.hide()
        self.back_button.setEnabled(False)


def _table(parent: QWidget) -> QTreeWidget:
    table = QTreeWidget(parent)
    prepare_table(table, _COLUMNS, "Versions")
    header = table.header()
    header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
    header.setStretchLastSection(True)
    table.setStyleSheet(f"QTreeView::item {{ padding: {_PADDING}px 20px {_PADDING}px 0px; }}")
    row = table.fontMetrics().height() + 2 * _PADDING
    table.setMinimumHeight(header.sizeHint().height() + _ROWS * row)
    return table


PROMISE = (
    "Going back changes only what the model learns from; your corrections keep their tags. How right it is after"
    " learning is measured honestly: each correction is judged without having been learned from."
)
NOTHING = (
    "Nothing learned yet. Click on a wrong tag, and the model learns from it at once. "
    "Each version of what it has learned is kept here, so that you can go back to it."
)


def summary(state: LearningState) -> str:
    """Return what was learned and how much it helps, in a few sentences."""
    if not state.corrections:
        return NOTHING
    said = [_current(state)]
    if state.set_aside:
        said.append(text.set_aside(state.set_aside))
    if state.waiting:
        photos = "a photo" if state.waiting == 1 else "photos"
        said.append(
            f"{text.count(state.waiting, 'correction')} {'is' if state.waiting == 1 else 'are'} of {photos} that this"
            " model has not seen yet; it learns from them when their folder is opened."
        )
    return "\n".join(said)


def _current(state: LearningState) -> str:
    if not state.learned:
        return "The model is as it came."
    check = state.current.check if state.current else None
    if check is None:
        return f"Learned from {text.count(state.learned, 'correction')}. How much that helps is being measured…"
    return _measured(check)


def _measured(check: SelfCheck) -> str:
    count = f"your {text.count(check.corrections, 'correction')}" if check.corrections > 1 else "your one correction"
    if check.after is None:
        why = "It is" if check.corrections == 1 else "They are all of one scene, which is"
        return f"Learned from {count}. {why} too little to tell how much that helps."
    words = f"On {count} the model as it came is right on {check.before:,}, after learning on {check.after:,}."
    if check.after <= check.before:
        words += " It takes some more until that is seen on photos it was not told about."
    if check.still_wrong:
        of_them = "it" if check.corrections == 1 else f"{check.still_wrong:,} of them"
        words += f" By itself it would still get {of_them} wrong; there your tags count."
    return words


def when(version: Version) -> str:
    """Return when a version was made."""
    return "As it came" if version.id == SHIPPED else text.moment(version.made_at)


def learned_from(version: Version) -> str:
    """Return from how much a version has learned."""
    return text.count(version.corrections, "correction") if version.corrections else "no correction"


def figures(version: Version) -> str:
    """Return before and after of a version: "9 → 19 of 23"."""
    check = version.check
    if check is None:
        return "" if version.id == SHIPPED else "not measured"
    if check.after is None:
        return "too few to tell"
    return f"{check.before:,} → {check.after:,} of {check.corrections:,}"


def spoken(version: Version) -> str:
    """Return a version in words, for tool tips and screen readers."""
    said = f"{when(version)}, {learned_from(version)}"
    if version.check is not None and version.check.after is not None:
        said += f", right on {version.check.before:,} before and {version.check.after:,} after learning"
    return said + (", in use" if version.current else "")
