"""The buttons below the pages of a training: one row for each page."""

from __future__ import annotations

from itertools import pairwise
from typing import Final

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QMessageBox, QPushButton, QStackedWidget, QWidget

USE_WORDS: Final = "&Use this model"


class TrainButtons(QStackedWidget):
    """Shows the row of one page at a time; the rows stand in the order of the pages.

    Signals:
        close_wanted: the user wants the dialog out of the way; a training goes on.
    """

    close_wanted = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Make all buttons; whoever asked for them connects them."""
        super().__init__(parent)
        self.train = self._button("&Train", primary=True)
        self.hide_dialog = self._button("&Hide", "Training goes on in the background (Esc)")
        self.stop = self._button("&Stop", "Give this training up; nothing is made")
        self.finish = self._button("&Finish now", "End here and make the model from the best epoch so far")
        self.again = self._button("Train &again…", "Go back to the settings")
        self.report = self._button("Open &report", "Curves, mistakes and figures, in your browser")
        use_tip = "Judge photos with it from now on. The model of before stays."
        self.use = self._button(USE_WORDS, use_tip, primary=True)
        self.back = self._button("&Back", "Go back to the settings", primary=True)
        self._add_row(self._closer(), self.train)
        self._add_row(self.hide_dialog, self.stop, self.finish)
        self._add_row(self._closer(), self.again, self.report, self.use)
        self._add_row(self._closer(), self.back)
        self.hide_dialog.clicked.connect(self.close_wanted)

    def usual(self) -> QPushButton:
        """Return the button that the Enter key presses on the page that is shown."""
        return (self.train, self.hide_dialog, self.use, self.back)[self.currentIndex()]

    def _button(self, words: str, tip: str = "", *, primary: bool = False) -> QPushButton:
        button = QPushButton(words, self)
        button.setToolTip(tip)
        button.setProperty("primary", primary)
        button.setAutoDefault(primary)
        return button

    def _closer(self) -> QPushButton:
        button = self._button("&Close")
        button.clicked.connect(self.close_wanted)
        return button

    def _add_row(self, *buttons: QPushButton) -> None:
        row = QWidget(self)
        line = QHBoxLayout(row)
        line.setContentsMargins(20, 0, 20, 0)
        line.addWidget(buttons[0])
        line.addStretch(1)
        for before, button in pairwise(buttons):
            line.addWidget(button)
            # The Tab key goes as the eye does.
            QWidget.setTabOrder(before, button)
        self.addWidget(row)


def enable(button: QPushButton, on: bool) -> None:
    """Enable a primary button, or take its colour too: it must not invite a click that does nothing."""
    button.setEnabled(on)
    button.setProperty("primary", on)
    button.style().unpolish(button)
    button.style().polish(button)


def sure(parent: QWidget, title: str, question: str, more: str, yes: str, no: str) -> bool:
    """Ask before something is given up; the Esc and Enter keys keep it.

    Args:
        parent: the window that is asked about.
        title: of the box.
        question: one sentence.
        more: a further sentence, may be empty.
        yes: the button that gives it up.
        no: the button that keeps it.
    """
    box = QMessageBox(parent)
    box.setWindowTitle(title)
    box.setText(question)
    box.setInformativeText(more)
    given_up = box.addButton(yes, QMessageBox.ButtonRole.DestructiveRole)
    kept = box.addButton(no, QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(kept)
    box.setEscapeButton(kept)
    box.exec()
    answer = box.clickedButton() is given_up
    box.deleteLater()
    return answer
