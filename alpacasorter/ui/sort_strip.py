"""A line above the photos that says what came of a sort, or that one was broken off, with what can be done now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from alpacasorter.ui.icons import icon
from alpacasorter.ui.messages import make_low
from alpacasorter.ui.theme import Theme

_BESIDE: Final = 720
"""Width from which there is room for words in more than one line beside the buttons, pixels."""


class _Words(QLabel):
    """A sentence, in one line where there is no room for more; then its end may be left out."""

    def __init__(self, parent: QWidget) -> None:
        """Say nothing."""
        super().__init__(parent)
        # A folder's name may look like markup.
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.fit(one_line=False)

    def fit(self, *, one_line: bool) -> None:
        """Say it in one line, or in as many as are needed."""
        policy = QSizePolicy.Policy
        self.setWordWrap(not one_line)
        self.setSizePolicy(policy.Ignored if one_line else policy.Preferred, policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as much as there is room for."""
        if self.wordWrap():
            super().paintEvent(event)
            return
        area = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, area.width())
        painter = QPainter(self)
        self.style().drawItemText(
            painter, area, Qt.AlignmentFlag.AlignVCenter, self.palette(), self.isEnabled(), shown, self.foregroundRole()
        )
        painter.end()


class SortStrip(QFrame):
    """Says one thing at a time; hidden while there is nothing to say."""

    def __init__(self, name: str, theme: Theme, parent: QWidget) -> None:
        """Start hidden; `name` says how it is dressed: "banner" for good news, "notice" for what needs an answer."""
        super().__init__(parent)
        self.setObjectName(name)
        self._theme = theme
        self._one_line = name == "banner"
        self.words = _Words(self)
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
        self._line = line = QHBoxLayout(self)
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

    def set_low(self, low: bool) -> None:
        """Leave room for others where there is little."""
        make_low(self, self._line, low)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Where there is little room, say good news in one line, and put the buttons of a question below it."""
        super().resizeEvent(event)
        narrow, way = event.size().width() < _BESIDE, QBoxLayout.Direction
        self.words.fit(one_line=narrow and self._one_line)
        self._both.setDirection(way.TopToBottom if narrow and not self._one_line else way.LeftToRight)

    def tell(self, words: str, choices: Sequence[tuple[str, Callable[[], None]]]) -> None:
        """Say it, with a button for each choice: its words, and what it does; pressed once, the line is gone."""
        # Imported here: the first window has nothing to tell of sorts.
        from alpacasorter.ui import sort_words

        self.words.setText(words)
        self.words.setToolTip(sort_words.tip(words))
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
