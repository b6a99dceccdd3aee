"""What is said above the grid: how far the scan is, what was learned, and what the user should know."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QToolButton, QWidget

from alpacasorter.core.events import Learned, Progress
from alpacasorter.ui.widgets.theme import Theme, icon
from alpacasorter.wording import text


class ElidedLabel(QLabel):
    """A line of words that is cut off with an ellipsis where there is no room for all of it."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Say nothing."""
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as much as there is room for."""
        painter = QPainter(self)
        area = self.contentsRect().adjusted(6, 0, -6, 0)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, area.width())
        self.style().drawItemText(
            painter, area, Qt.AlignmentFlag.AlignVCenter, self.palette(), self.isEnabled(), shown, self.foregroundRole()
        )
        painter.end()


class ProgressStrip(QWidget):
    """How far a scan is, with a button that stops it.

    Signals:
        stop: the user wants the scan to stop.
    """

    stop = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__(parent)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName("Scan")
        self.words = QLabel(self)
        # Wide enough for any figures, so that the bar does not change its length with each of them.
        self.words.setMinimumWidth(
            self.fontMetrics().horizontalAdvance("88,888 of 88,888 photos · 888 photos/s · 88 min left")
        )
        self.stop_button = QPushButton("Stop", self)
        self.stop_button.setToolTip("Stop looking at photos (Esc). What is done stays.")
        self.stop_button.clicked.connect(self.stop)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 8, 0, 8)
        layout.setSpacing(12)
        layout.addWidget(self.bar, 1, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self.words)
        layout.addWidget(self.stop_button)
        self.hide()

    def start(self) -> None:
        """Show that a scan has begun whose size is not known yet."""
        self.bar.setRange(0, 0)
        self.words.setText("Looking for photos…")
        self.show()

    def update_progress(self, event: Progress) -> None:
        """Show how far the scan is."""
        self.bar.setRange(0, max(1, event.total))
        self.bar.setValue(event.done)
        self.words.setText(text.progress(event))


def make_low(strip: QFrame, row: QHBoxLayout, low: bool) -> None:
    """Lay a strip of words out with little room around them, or with more."""
    if strip.property("low") != low:
        strip.setProperty("low", low)
        row.setContentsMargins(12, 0 if low else 6, 6, 0 if low else 6)
        # A style sheet asks for a property only once.
        strip.style().unpolish(strip)
        strip.style().polish(strip)


class _Strip(QFrame):
    """A line of words with buttons and a cross that hides it."""

    def __init__(self, name: str, theme: Theme, parent: QWidget | None) -> None:
        super().__init__(parent)
        self.setObjectName(name)
        self._theme = theme
        self.words = QLabel(self)
        self.words.setWordWrap(True)
        self.close_button = QToolButton(self)
        self.close_button.setToolTip("Close")
        self.close_button.setAccessibleName("Close this message")
        self.close_button.setIconSize(QSize(16, 16))
        self.close_button.clicked.connect(self.hide)
        self._row = QHBoxLayout(self)
        self._row.setContentsMargins(12, 6, 6, 6)
        self._row.setSpacing(6)
        self._row.addWidget(self.words, 1)
        self._row.addWidget(self.close_button)
        theme.changed.connect(self._dress)
        self._dress()
        self.hide()

    def _dress(self) -> None:
        self.close_button.setIcon(icon("close", self._theme.colours.muted))

    def set_low(self, low: bool) -> None:
        """Leave room for others where there is little."""
        make_low(self, self._row, low)

    def add_button(self, words: str) -> QPushButton:
        button = QPushButton(words, self)
        button.setProperty("flat", True)
        button.setAutoDefault(False)
        self._row.insertWidget(self._row.count() - 1, button)
        return button


class LearnedBanner(_Strip):
    """Says what came of a correction.

    Signals:
        show_changed: the user wants to see the photos that changed their mind.
        undo: the user wants the correction undone.
    """

    show_changed = Signal()
    undo = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__("banner", theme, parent)
        self.show_button = self.add_button("Show")
        self.undo_button = self.add_button("Undo")
        self.show_button.clicked.connect(self.show_changed)
        self.undo_button.clicked.connect(self.undo)

    def tell(self, event: Learned, *, changed: int, can_undo: bool) -> None:
        """Say what came of a correction: `changed` photos of those shown changed their mind."""
        self.words.setText(text.learned(event, changed))
        self.show_button.setVisible(changed > 0)
        self.undo_button.setVisible(can_undo)
        self.show()


class ArrivalsBanner(_Strip):
    """Says that photos arrived by themselves.

    Signals:
        show_new: the user wants to see them.
        seen: the user has seen them.
    """

    show_new = Signal()
    seen = Signal()

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__("banner", theme, parent)
        self.show_button = self.add_button("Show")
        self.show_button.setToolTip("Show only these, most doubtful first (Ctrl+7)")
        self.seen_button = self.add_button("Seen")
        self.seen_button.setToolTip("These photos are not new any more; they stay where they are")
        self.show_button.clicked.connect(self.show_new)
        self.seen_button.clicked.connect(self.seen)

    def say(self, words: str, *, showing: bool) -> None:
        """Say this once it is shown; `showing`: whether the new photos are shown already."""
        self.words.setText(words)
        self.show_button.setVisible(not showing)


class NoticeBar(_Strip):
    """Says what the user should know and can close, such as that a file was damaged and replaced by its backup."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__("notice", theme, parent)
        self._sentences: dict[str, bool] = {}

    def tell(self, sentence: str, *, passing: bool = False) -> None:
        """Say it, below what is being said already.

        Args:
            sentence: what to say.
            passing: whether `pass_on` takes it away, which is right where it concerns only what was tried last.
        """
        said = self._sentences if not self.isHidden() else {}
        self._sentences = {**said, sentence: passing}
        self._say()

    def take_back(self, sentence: str) -> None:
        """Say it no longer, because it is no longer so."""
        self._sentences.pop(sentence, None)
        if not self.isHidden():
            self._say()

    def pass_on(self) -> None:
        """Take away what concerns only what was tried last."""
        self._sentences = {sentence: passing for sentence, passing in self._sentences.items() if not passing}
        if not self.isHidden():
            self._say()

    def _say(self) -> None:
        self.words.setText("\n".join(self._sentences))
        self.setVisible(bool(self._sentences))
