"""The dialog *Sort history…*: every sort, how far it is, and the way back."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.sorting.events import FileFailure, SortRecord, SortState
from alpacasorter.ui.sorting.progress import FailuresTable
from alpacasorter.ui.widgets.desktop import show_folder
from alpacasorter.ui.widgets.dialogs import confirmed, lay_out
from alpacasorter.ui.widgets.fields import note
from alpacasorter.ui.widgets.layouts import prepare_table
from alpacasorter.wording import sorts, text
from alpacasorter.workers.sorting import SortKeeper

_COLUMNS = ("When", "What", "From", "To", "Files", "State")
_FROM, _TO, _FILES = 2, 3, 4
_NOTHING = "Nothing was sorted yet. Each sort is listed here, so that it can be undone at any time."
_RUNNING = "A sort is going on. Wait until it has ended, or stop it."


class SortHistory(QDialog):
    """Lists the sorts beside the window.

    Signals:
        finish(SortRecord): the user wants its rest done, or its failed files tried again.
        take_back(SortRecord): the user wants it undone or put back; they were asked.
    """

    finish = Signal(object)
    take_back = Signal(object)

    def __init__(self, keeper: SortKeeper, parent: QWidget | None = None) -> None:
        """Show what `keeper` says of them."""
        super().__init__(parent)
        self.setWindowTitle("Sort history")
        self._keeper = keeper
        self._records: list[SortRecord] = []
        self._resting: frozenset[int] = frozenset()
        self.table = QTreeWidget(self)
        prepare_table(self.table, _COLUMNS, "Sorts")
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setMinimumHeight(120)
        self.details = note(self, "muted")
        self.failures = FailuresTable(self, "Files that could not be done or taken back")
        self.message = note(self, "warning")
        self.undo_button = self._button("&Undo sort", self._take_back)
        self.finish_button = self._button("&Finish", self._finish)
        self.show_button = self._button("Show in file &manager", self._show)
        self._lay_out()
        self._connect()
        self.resize(900, 520)

    def _button(self, words: str, clicked: object) -> QPushButton:
        button = QPushButton(words, self)
        # Enter belongs to the list and to the button that has the focus.
        button.setAutoDefault(False)
        button.clicked.connect(clicked)
        return button

    def _lay_out(self) -> None:
        header = self.table.header()
        header.setStretchLastSection(False)
        mode = QHeaderView.ResizeMode
        for column in range(len(_COLUMNS)):
            header.setSectionResizeMode(column, mode.Stretch if column in (_FROM, _TO) else mode.ResizeToContents)
        for label in (self.details, self.message):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout()
        actions = (self.undo_button, self.finish_button, self.show_button)
        for button in actions:
            row.addWidget(button)
        row.addStretch(1)
        inside = QVBoxLayout()
        inside.setSpacing(8)
        inside.addWidget(self.table, 2)
        inside.addWidget(self.details)
        inside.addWidget(self.failures, 1)
        inside.addWidget(self.message)
        inside.addLayout(row)
        lay_out(self, inside)
        for one, next_one in pairwise((self.table, self.failures, *actions)):
            self.setTabOrder(one, next_one)

    def _connect(self) -> None:
        keeper = self._keeper
        keeper.history.connect(self._on_history)
        keeper.failures.connect(self._on_failures)
        keeper.history_failed.connect(self._say)
        keeper.began.connect(self._ask)
        keeper.ended.connect(self._ask)
        keeper.refused.connect(self._ask)
        self.table.itemSelectionChanged.connect(self._on_selection)

    def begin(self) -> None:
        """Look at what there is now."""
        self._say("")
        if not self._records:
            self.details.setText("Looking at the history…")
            self.failures.hide()
        self._enable()
        self._keeper.ask_history()
        self.table.setFocus()

    def chosen(self) -> SortRecord | None:
        """Return the sort that is chosen."""
        selected = self.table.selectedItems()
        row = self.table.indexOfTopLevelItem(selected[0]) if selected else -1
        return self._records[row] if 0 <= row < len(self._records) else None

    # What comes of asking

    def _ask(self, _event: object = None) -> None:
        if self.isVisible():
            self._keeper.ask_history()

    def _on_history(self, records: Sequence[SortRecord], resting: frozenset[int]) -> None:
        chosen = self.chosen()
        number = chosen.number if chosen is not None else None
        self._records, self._resting = list(records), resting
        self.table.blockSignals(True)
        self.table.clear()
        self.table.addTopLevelItems([self._item(record) for record in self._records])
        numbers = [record.number for record in self._records]
        row = numbers.index(number) if number in numbers else 0
        if self._records:
            self.table.setCurrentIndex(self.table.model().index(row, 0))
        self.table.blockSignals(False)
        self._on_selection()

    def _item(self, record: SortRecord) -> QTreeWidgetItem:
        cells = [
            text.moment(record.made_at),
            sorts.action(record),
            text.folder(record.folder),
            text.folder(record.destination),
            f"{record.files:,}",
            sorts.state(record, resting=self._is_resting(record)),
        ]
        item = QTreeWidgetItem(cells)
        item.setTextAlignment(_FILES, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        for column in (_FROM, _TO):
            item.setToolTip(column, sorts.tip(cells[column]))
        return item

    def _on_failures(self, number: int, failures: Sequence[FileFailure]) -> None:
        record = self.chosen()
        if record is not None and record.number == number:
            self.failures.show_failures(failures)
            self.failures.setVisible(bool(failures))

    def _on_selection(self) -> None:
        record = self.chosen()
        if record is None:
            self.details.setText(_NOTHING if not self._records else "")
        else:
            self.details.setText(self._about(record))
        if record is not None and (record.failed or record.left):
            self._keeper.ask_failures(record.number)
        else:
            self.failures.hide()
        self._enable()

    def _about(self, record: SortRecord) -> str:
        state = sorts.state(record, resting=self._is_resting(record))
        return f"Sort {record.number}: {text.count(record.files, 'file')}. {state}."

    def _is_resting(self, record: SortRecord) -> bool:
        return record.state is SortState.STOPPED or record.number in self._resting

    def _enable(self) -> None:
        record = self.chosen()
        free = record is not None and not self._keeper.busy and (not record.is_open or self._is_resting(record))
        undone = record is not None and record.state is SortState.UNDONE
        left = undone and record is not None and record.left > 0
        middle = record is not None and record.is_open
        undoing = record is not None and record.state is SortState.UNDOING
        retry = record is not None and record.state is SortState.FINISHED and record.failed > 0
        words = "&Put all back" if middle and not undoing else "&Put back the rest" if left else "&Undo sort"
        self.undo_button.setText(words)
        can_undo = record is not None and (record.done > 0 or middle) and not undoing
        self.undo_button.setEnabled(free and (left or (not undone and can_undo)))
        self.finish_button.setText("&Finish the undo" if undoing else "&Try again" if retry else "&Finish")
        self.finish_button.setEnabled(free and (middle or retry))
        self.show_button.setEnabled(record is not None)
        self._say(_RUNNING if self._keeper.busy else "")

    def _say(self, words: str) -> None:
        self.message.setText(words)
        self.message.setVisible(bool(words))

    # What the user does

    def _take_back(self) -> None:
        record = self.chosen()
        if record is None or not self.undo_button.isEnabled():
            return
        question, more = sorts.sure_question(record)
        if record.state is SortState.UNDONE:
            # What was agreed to is only tried once more.
            self.take_back.emit(record)
        elif confirmed(self, "Undo sort", question, more, self.undo_button.text().replace("&", "")):
            self.take_back.emit(record)
        self._enable()

    def _finish(self) -> None:
        record = self.chosen()
        if record is not None and self.finish_button.isEnabled():
            self.finish.emit(record)
            self._enable()

    def _show(self) -> None:
        record = self.chosen()
        if record is None:
            return
        folder = record.folder if record.state is SortState.UNDONE else record.destination
        if folder.is_dir():
            show_folder(folder)
        else:
            self._say(f"{text.folder(folder)} is not there. Is its disk connected?")
