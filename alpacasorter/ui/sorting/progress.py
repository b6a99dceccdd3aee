"""Second and third page of a sort: how far it is, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QHeaderView,
    QLabel,
    QProgressBar,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core import reasons
from alpacasorter.core.sorting.events import FileFailure, SortProgress
from alpacasorter.ui.widgets.fields import note
from alpacasorter.ui.widgets.layouts import EndElided, prepare_table
from alpacasorter.wording import sorts, text

_STEPS: Final = 10_000
_SAFE: Final = (
    "You can go on using the window meanwhile. Stopping is safe at any time: it ends between two files, "
    "and what is done can be put back."
)
_SAFE_UNDO: Final = "You can go on using the window meanwhile. Stopping is safe at any time: it ends between two files."


class SortProgressPage(QWidget):
    """Shows a sort, or an undo, that is being done.

    Attributes:
        heading: what is being done.
    """

    def __init__(self, parent: QWidget) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self.heading = _heading(self)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Sort")
        self.words = note(self, "muted")
        self.failed = note(self, "warning")
        self.safe = note(self, "")
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 12)
        column.setSpacing(10)
        for widget in (self.heading, self.bar, self.words, self.failed, self.safe):
            column.addWidget(widget)
        column.addStretch(1)

    def begin(self, words: str, *, undoing: bool) -> None:
        """Show that it was begun."""
        self.heading.setText(words)
        self.bar.setRange(0, 0)
        self.words.setText("Writing down what will be done…")
        self.safe.setText(_SAFE_UNDO if undoing else _SAFE)
        self.show_failed(0)

    def update_progress(self, event: SortProgress) -> None:
        """Show how far it is."""
        done, total = (event.bytes_done, event.bytes_total) if event.bytes_total else (event.done, event.total)
        self.bar.setRange(0, _STEPS)
        self.bar.setValue(round(_STEPS * min(1.0, done / max(1, total))))
        self.words.setText(sorts.progress(event))

    def show_failed(self, number: int) -> None:
        """Show how many files could not be done so far."""
        self.failed.setText(f"{text.count(number, 'file')} could not be done so far; the others go on.")
        self.failed.setVisible(number > 0)

    def tell(self, words: str) -> None:
        """Say what the user asked for, until the next event."""
        self.words.setText(words)


class FailuresTable(QTreeWidget):
    """Files, each with the reason why it could not be done."""

    def __init__(self, parent: QWidget, name: str) -> None:
        """Start empty; `name` is what a screen reader says."""
        super().__init__(parent)
        prepare_table(self, ("File", "Why"), name)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setItemDelegateForColumn(1, EndElided(self))
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setMinimumHeight(90)

    def show_failures(self, failures: Sequence[FileFailure]) -> None:
        """List them, the first few hundred."""
        self.clear()
        items = []
        for failure in failures[: sorts.MOST_SHOWN]:
            item = QTreeWidgetItem([text.folder(failure.path), reasons.sentence(failure.reason)])
            for column in (0, 1):
                item.setToolTip(column, sorts.tip(item.text(column)))
            items.append(item)
        if len(failures) > sorts.MOST_SHOWN:
            items.append(QTreeWidgetItem([f"{len(failures) - sorts.MOST_SHOWN:,} more", ""]))
        self.addTopLevelItems(items)


class SortResultPage(QWidget):
    """Says what came of a sort or an undo, with the files that could not be done."""

    def __init__(self, parent: QWidget) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self.heading = _heading(self)
        self.problem = note(self, "warning")
        self.more = note(self, "muted")
        self.failures = FailuresTable(self, "Files that could not be done")
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 12)
        column.setSpacing(10)
        for widget in (self.heading, self.problem, self.more):
            column.addWidget(widget)
        column.addWidget(self.failures, 1)
        column.addStretch(0)

    def show_result(self, words: str, problem: str, more: str, failures: Sequence[FileFailure]) -> None:
        """Show what came of it, why it could not go on, what can be done now, and the files with their reasons."""
        self.heading.setText(words)
        for label, said in ((self.problem, problem), (self.more, more)):
            label.setText(said)
            label.setVisible(bool(said))
        self.failures.show_failures(failures)
        self.failures.setVisible(bool(failures))


def _heading(parent: QWidget) -> QLabel:
    label = note(parent, "heading")
    # A folder's name may look like markup.
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
