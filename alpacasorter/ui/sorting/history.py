"""The dialog *Sort history…*: lists all sorts and lets the user undo or resume them."""

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
from alpacasorter.i18n import _
from alpacasorter.ui.sorting.progress import FailuresTable
from alpacasorter.ui.widgets.desktop import show_folder
from alpacasorter.ui.widgets.dialogs import add_close_button, confirmed
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.ui.widgets.layouts import keep_texts_whole, prepare_table
from alpacasorter.wording import sorts, text
from alpacasorter.workers.sorting import SortService

_FROM, _TO, _FILES = 2, 3, 4
"""Columns of `sorts.row`."""
_FOLDER_LETTERS = 14
"""How many letters of a folder can be read in the narrowest dialog."""
_AROUND = 60
"""Space of a screen around the table, pixels."""


class SortHistory(QDialog):
    """Lists the sorts. It does not block the window.

    Signals:
        resume(SortRecord): the user wants to resume a sort, or to try its failed files again.
        undo(SortRecord): the user wants to undo a sort, and has confirmed it.
    """

    resume = Signal(object)
    undo = Signal(object)

    def __init__(self, service: SortService, parent: QWidget | None = None) -> None:
        """Show the sorts that `service` lists."""
        super().__init__(parent)
        self.setWindowTitle(_("Sort history"))
        self._service = service
        self._records: list[SortRecord] = []
        self._resting: frozenset[int] = frozenset()
        self.table = QTreeWidget(self)
        columns = sorts.columns()
        prepare_table(self.table, columns, _("Sorts"))
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setMinimumHeight(120)
        self.details = sentence_label(self, "muted")
        self.failures = FailuresTable(self, _("Files that failed"))
        self.message = sentence_label(self, "warning")
        self.undo_button = self._button(_("&Undo sort"), self._undo)
        self.resume_button = self._button(_("&Resume"), self._resume)
        self.show_button = self._button(_("Show in file &manager"), self._show)
        self._lay_out()
        keep_texts_whole(self)
        self._connect()
        self.resize(900, 520)

    def _button(self, words: str, clicked: object) -> QPushButton:
        button = QPushButton(words, self)
        # The Enter key belongs to the list and to the button that has the focus.
        button.setAutoDefault(False)
        button.clicked.connect(clicked)
        return button

    def _lay_out(self) -> None:
        header = self.table.header()
        header.setStretchLastSection(False)
        mode = QHeaderView.ResizeMode
        for column in range(self.table.columnCount()):
            header.setSectionResizeMode(column, mode.Stretch if column in (_FROM, _TO) else mode.ResizeToContents)
        for label in (self.details, self.message):
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout()
        actions = (self.undo_button, self.resume_button, self.show_button)
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
        add_close_button(self, inside)
        for one, next_one in pairwise((self.table, self.failures, *actions)):
            self.setTabOrder(one, next_one)

    def _connect(self) -> None:
        service = self._service
        service.history.connect(self._on_history)
        service.failures.connect(self._on_failures)
        service.history_failed.connect(self._say)
        service.began.connect(self._ask)
        service.ended.connect(self._ask)
        service.refused.connect(self._ask)
        self.table.itemSelectionChanged.connect(self._on_selection)

    def begin(self) -> None:
        """Load the history."""
        self._say("")
        if not self._records:
            self.details.setText(_("Loading the history…"))
            self.failures.hide()
        # Whoever opens it means the newest sort, not the one that was selected when it was open before.
        self.table.blockSignals(True)
        self.table.clearSelection()
        self.table.blockSignals(False)
        self._enable()
        self._service.load_history()
        self.table.setFocus()

    def chosen(self) -> SortRecord | None:
        """Return the selected sort."""
        selected = self.table.selectedItems()
        row = self.table.indexOfTopLevelItem(selected[0]) if selected else -1
        return self._records[row] if 0 <= row < len(self._records) else None

    # Events

    def _ask(self, _event: object = None) -> None:
        if self.isVisible():
            self._service.load_history()

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
        self._keep_folders_readable()
        self._on_selection()

    def _keep_folders_readable(self) -> None:
        """Keep the table so wide that more of the two folders is shown than an ellipsis."""
        header, table = self.table.header(), self.table
        others = sum(header.sectionSize(n) for n in range(header.count()) if n not in (_FROM, _TO))
        folder = table.fontMetrics().averageCharWidth() * _FOLDER_LETTERS
        edge = 2 * table.frameWidth() + table.verticalScrollBar().sizeHint().width()
        table.setMinimumWidth(min(others + 2 * folder + edge, self.screen().availableSize().width() - _AROUND))

    def _item(self, record: SortRecord) -> QTreeWidgetItem:
        cells = sorts.row(record, resting=self._is_resting(record))
        item = QTreeWidgetItem(list(cells))
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
            nothing = _("Nothing has been sorted yet. Sorts are listed here, so you can undo them at any time.")
            self.details.setText("" if self._records else nothing)
        else:
            self.details.setText(self._about(record))
        if record is not None and (record.failed or record.left):
            self._service.load_failures(record.number)
        else:
            self.failures.hide()
        self._enable()

    def _about(self, record: SortRecord) -> str:
        # Translators: {files} is as in "3 files", and {state} as in "Done" or "Stopped after 2 of 3".
        return _("Sort {number} · {files} · {state}").format(
            number=record.number,
            files=text.files(record.files),
            state=sorts.state(record, resting=self._is_resting(record)),
        )

    def _is_resting(self, record: SortRecord) -> bool:
        return record.state is SortState.STOPPED or record.number in self._resting

    def _enable(self) -> None:
        record = self.chosen()
        free = record is not None and not self._service.busy and (not record.is_open or self._is_resting(record))
        undone = record is not None and record.state is SortState.UNDONE
        left = undone and record is not None and record.left > 0
        middle = record is not None and record.is_open
        undoing = record is not None and record.state is SortState.UNDOING
        retry = record is not None and record.state is SortState.FINISHED and record.failed > 0
        if record is not None and record.trashed:
            undo = _("&Restore the rest") if left else _("&Restore from trash")
        else:
            undo = _("&Undo the rest") if left else _("&Undo sort")
        self.undo_button.setText(undo)
        can_undo = record is not None and (record.done > 0 or middle) and not undoing
        self.undo_button.setEnabled(free and (left or (not undone and can_undo)))
        self.resume_button.setText(_("&Finish undo") if undoing else _("&Try again") if retry else _("&Resume"))
        self.resume_button.setEnabled(free and (middle or retry))
        self.show_button.setEnabled(record is not None and (not record.trashed or record.state is SortState.UNDONE))
        self._say(_("A sort is running. Wait until it finishes, or stop it.") if self._service.busy else "")

    def _say(self, words: str) -> None:
        self.message.setText(words)
        self.message.setVisible(bool(words))

    # What the user does

    def _undo(self) -> None:
        record = self.chosen()
        if record is None or not self.undo_button.isEnabled():
            return
        question, more = sorts.undo_question(record)
        if record.state is SortState.UNDONE:
            # The user has already agreed to this undo; it is only tried again.
            self.undo.emit(record)
        elif confirmed(
            self,
            _("Restore from trash") if record.trashed else _("Undo sort"),
            question,
            more,
            _("Restore") if record.trashed else _("Undo sort"),
        ):
            self.undo.emit(record)
        self._enable()

    def _resume(self) -> None:
        record = self.chosen()
        if record is not None and self.resume_button.isEnabled():
            self.resume.emit(record)
            self._enable()

    def _show(self) -> None:
        record = self.chosen()
        if record is None:
            return
        folder = record.folder if record.state is SortState.UNDONE else record.destination
        if folder.is_dir():
            show_folder(folder, self, self._say)
        else:
            said = _("The folder {folder} does not exist. If it is on a removable drive, connect the drive.")
            self._say(said.format(folder=text.folder(folder)))
