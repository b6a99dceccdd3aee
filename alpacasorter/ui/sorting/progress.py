"""The pages of the sort dialog that show the progress of a sort and its result."""

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

from alpacasorter import i18n
from alpacasorter.core import reasons
from alpacasorter.core.sorting.events import FileFailure, SortProgress
from alpacasorter.i18n import _, ngettext, pgettext
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.ui.widgets.layouts import EndElided, prepare_table
from alpacasorter.wording import sorts, text

_STEPS: Final = 10_000


class SortProgressPage(QWidget):
    """Shows the progress of a sort or an undo."""

    def __init__(self, parent: QWidget) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self.heading = _heading(self)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(_("Progress of the sort"))
        self.words = sentence_label(self, "muted")
        self.failed = sentence_label(self, "warning")
        self.safe = sentence_label(self, "")
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 12)
        column.setSpacing(10)
        for widget in (self.heading, self.bar, self.words, self.failed, self.safe):
            column.addWidget(widget)
        column.addStretch(1)

    def begin(self, doing: str, *, undoing: bool) -> None:
        """Show what is being done, before the first file."""
        self.heading.setText(doing)
        self.bar.setRange(0, 0)
        self.words.setText(_("Writing the journal…"))
        safe = _("You can keep using the window. It is safe to stop at any time.")
        self.safe.setText(safe if undoing else f"{safe} {_('Everything sorted so far can be undone.')}")
        self.show_failed(0)

    def update_progress(self, event: SortProgress) -> None:
        """Show the progress."""
        done, total = (event.bytes_done, event.bytes_total) if event.bytes_total else (event.done, event.total)
        self.bar.setRange(0, _STEPS)
        self.bar.setValue(round(_STEPS * min(1.0, done / max(1, total))))
        self.words.setText(sorts.progress(event))

    def show_failed(self, number: int) -> None:
        """Show how many files have failed so far."""
        said = ngettext(
            "{count} file has failed so far; the others continue.",
            "{count} files have failed so far; the others continue.",
            number,
        )
        self.failed.setText(said.format(count=i18n.number(number)))
        self.failed.setVisible(number > 0)

    def tell(self, words: str) -> None:
        """Show a message until the next event."""
        self.words.setText(words)


class FailuresTable(QTreeWidget):
    """A table of files that failed, each with the reason."""

    def __init__(self, parent: QWidget, name: str) -> None:
        """Start empty; `name` is for screen readers."""
        super().__init__(parent)
        prepare_table(self, (pgettext("column", "File"), pgettext("column", "Reason")), name)
        self.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.setItemDelegateForColumn(1, EndElided(self))
        header = self.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Stretch)
        self.setMinimumHeight(90)

    def show_failures(self, failures: Sequence[FileFailure]) -> None:
        """List the first few hundred failures."""
        self.clear()
        items = []
        for failure in failures[: sorts.MOST_SHOWN]:
            item = QTreeWidgetItem([text.folder(failure.path), reasons.sentence(failure.reason)])
            for column in (0, 1):
                item.setToolTip(column, sorts.tip(item.text(column)))
            items.append(item)
        more = len(failures) - sorts.MOST_SHOWN
        if more > 0:
            said = ngettext("{count} more file", "{count} more files", more).format(count=i18n.number(more))
            items.append(QTreeWidgetItem([said, ""]))
        self.addTopLevelItems(items)


class SortResultPage(QWidget):
    """Shows how a sort or an undo ended, with the files that failed."""

    def __init__(self, parent: QWidget) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self.heading = _heading(self)
        self.problem = sentence_label(self, "warning")
        self.more = sentence_label(self, "muted")
        self.failures = FailuresTable(self, _("Files that failed"))
        column = QVBoxLayout(self)
        column.setContentsMargins(20, 20, 20, 12)
        column.setSpacing(10)
        for widget in (self.heading, self.problem, self.more):
            column.addWidget(widget)
        column.addWidget(self.failures, 1)
        column.addStretch(0)

    def show_result(self, words: str, problem: str, more: str, failures: Sequence[FileFailure]) -> None:
        """Show the result.

        Args:
            words: how it ended.
            problem: why it could not continue; may be empty.
            more: what the user can do now; may be empty.
            failures: the files that failed.
        """
        self.heading.setText(words)
        for label, said in ((self.problem, problem), (self.more, more)):
            label.setText(said)
            label.setVisible(bool(said))
        self.failures.show_failures(failures)
        self.failures.setVisible(bool(failures))


def _heading(parent: QWidget) -> QLabel:
    label = sentence_label(parent, "heading")
    # A folder's name may look like markup.
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
    return label
