"""A line above the photos that says what came of a sort, or that one was broken off, with what can be done now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from alpacasorter.ui.icons import icon
from alpacasorter.ui.theme import Theme

_BESIDE: Final = 720
"""Width from which the buttons stand beside the words, pixels."""


class SortStrip(QFrame):
    """Says one thing at a time; hidden while there is nothing to say."""

    def __init__(self, name: str, theme: Theme, parent: QWidget) -> None:
        """Start hidden; `name` says how it is dressed: "banner" for good news, "notice" for what needs an answer."""
        super().__init__(parent)
        self.setObjectName(name)
        self._theme = theme
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        # A folder's name may look like markup.
        self.words.setTextFormat(Qt.TextFormat.PlainText)
        self.buttons: list[QPushButton] = []
        self.close_button = QToolButton(self)
        self.close_button.setToolTip("Close")
        self.close_button.setAccessibleName("Close this message")
        self.close_button.setIconSize(QSize(16, 16))
        self.close_button.clicked.connect(self.hide)
        self._below = QWidget(self)
        self._row = QHBoxLayout(self._below)
        self._row.setContentsMargins(0, 0, 0, 0)
        self._row.setSpacing(6)
        self._both = QBoxLayout(QBoxLayout.Direction.LeftToRight)
        self._both.setSpacing(0)
        self._both.addWidget(self.words, 1)
        self._both.addWidget(self._below, 0, Qt.AlignmentFlag.AlignLeft)
        line = QHBoxLayout(self)
        line.setContentsMargins(12, 6, 6, 6)
        line.setSpacing(6)
        line.addLayout(self._both, 1)
        line.addWidget(self.close_button, 0, Qt.AlignmentFlag.AlignTop)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    def _dress(self) -> None:
        self.close_button.setIcon(icon("close", self._theme.colours.muted))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Put the buttons below the words where there is no room beside them."""
        super().resizeEvent(event)
        way = QBoxLayout.Direction
        self._both.setDirection(way.LeftToRight if event.size().width() >= _BESIDE else way.TopToBottom)

    def tell(self, words: str, choices: Sequence[tuple[str, Callable[[], None]]]) -> None:
        """Say it, with a button for each choice: its words, and what it does; pressed once, the line is gone."""
        self.words.setText(words)
        for button in self.buttons:
            self._row.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.buttons = [self._button(*choice) for choice in choices]
        self._below.setVisible(bool(choices))
        self.show()

    def _button(self, words: str, does: Callable[[], None]) -> QPushButton:
        button = QPushButton(words, self)
        button.setProperty("flat", True)
        button.setAutoDefault(False)
        # Hidden first: what is pressed twice does it once.
        button.clicked.connect(self.hide)
        button.clicked.connect(lambda: does())
        self._row.addWidget(button)
        button.show()
        return button
