"""The buttons below the pages of a sort: one row for each page."""

from __future__ import annotations

from itertools import pairwise

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QSizePolicy, QStackedWidget, QWidget

from alpacasorter.ui.train_fields import note

CHOOSE, RUN, RESULT = range(3)


class Pages(QStackedWidget):
    """Pages of which only the one that is shown says how much room is wanted, and not the largest of all."""

    def sizeHint(self) -> QSize:
        """Return the room that the page shown wants."""
        page = self.currentWidget()
        return page.sizeHint() if page is not None else super().sizeHint()

    def minimumSizeHint(self) -> QSize:
        """Return the room that the page shown needs."""
        page = self.currentWidget()
        return page.minimumSizeHint() if page is not None else super().minimumSizeHint()

    def height_at(self, width: int) -> int:
        """Return how high the page shown wants to be at a width, pixels. A layout would ask all pages for that."""
        page = self.currentWidget()
        layout = page.layout() if page is not None else None
        if layout is None or not layout.hasHeightForWidth():
            return self.sizeHint().height()
        return layout.totalHeightForWidth(width)


class SortButtons(QStackedWidget):
    """Shows the row of one page at a time.

    Attributes:
        why: why the button that sorts can't be pressed.

    Signals:
        close_wanted: the user wants the dialog out of the way; a sort goes on.
    """

    close_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Make all buttons; whoever asked for them connects them."""
        super().__init__(parent)
        self.why: QLabel = note(self, "muted")
        self.why.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.cancel = self._button("Cancel", "Close; nothing is done (Esc)")
        self.sort = self._button("Sort", "Do exactly what the plan shows", primary=True)
        self.hide_dialog = self._button("&Hide", "It goes on in the background (Esc)")
        self.stop = self._button("&Stop", "Stop between two files; what is done can be put back")
        self.close_result = self._button("&Close", "Close (Esc)")
        self.show_folder = self._button("Show in &file manager", "Open the folder that was sorted into")
        self.undo = self._button("&Undo", "Put every file back where it was")
        self.go_on = self._button("&Go on", "Do the rest", primary=True)
        self._add_row(self.why, self.cancel, self.sort)
        self._add_row(None, self.hide_dialog, self.stop)
        self._add_row(None, self.show_folder, self.undo, self.go_on, self.close_result)
        for button in (self.cancel, self.hide_dialog, self.close_result):
            button.clicked.connect(self.close_wanted)

    def _button(self, words: str, tip: str, *, primary: bool = False) -> QPushButton:
        button = QPushButton(words, self)
        button.setToolTip(tip)
        button.setProperty("primary", primary)
        button.setAutoDefault(False)
        return button

    def _add_row(self, first: QWidget | None, *buttons: QPushButton) -> None:
        row = QWidget(self)
        line = QHBoxLayout(row)
        line.setContentsMargins(20, 0, 20, 0)
        if first is not None:
            line.addWidget(first, 1)
        else:
            line.addStretch(1)
        for button in buttons:
            line.addWidget(button)
        for one, next_one in pairwise(buttons):
            # The Tab key goes as the eye does.
            QWidget.setTabOrder(one, next_one)
        self.addWidget(row)
