"""Photos that a sort or an undo puts into the open folder and that are not listed yet: it is looked at again.

A photo that is listed follows its file. One that was sorted away before the folder was opened has no row to follow, and
who watches the folder takes the app's own work for known.

A line above the photos that says what came of a sort, or that one was broken off, with what can be done now.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from alpacasorter.core.events import Finished
from alpacasorter.core.photos.formats import PICTURE_EXTENSIONS
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.messages import make_low
from alpacasorter.ui.widgets.theme import Theme, icon
from alpacasorter.workers.sorting import SortKeeper


class Returning(QObject):
    """Notes which photos are placed, and at the end asks for another look where some of them are not listed.

    Signals:
        look_again: the open folder holds photos that the window does not know.
    """

    look_again = Signal()

    def __init__(
        self,
        keeper: SortKeeper,
        stop: QAction,
        store: PhotoStore,
        settings: Settings,
        folder: Callable[[], Path | None],
        parent: QObject,
    ) -> None:
        """Prepare.

        Args:
            keeper: sorts and undoes.
            stop: enabled while the folder is scanned.
            store: the photos that are listed.
            settings: whether sub-folders are shown, too.
            folder: returns the open folder.
            parent: the owner.
        """
        super().__init__(parent)
        self._keeper = keeper
        self._stop = stop
        self._store = store
        self._settings = settings
        self._folder = folder
        self._placed: set[Path] = set()
        # Later, so that whoever else is told of the end has done with it.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._look)

    def note(self, event: FilesPlaced) -> None:
        """Take note of photos that are somewhere now; those that are somewhere else by then are forgotten."""
        for file in event.files:
            if not file.kept:
                self._placed.discard(file.before)
            if file.after is not None and file.after.suffix[1:].lower() in PICTURE_EXTENSIONS:
                self._placed.add(file.after)

    def on_over(self) -> None:
        """A sort or an undo has ended, or a scan."""
        if self._placed:
            self._soon.start()

    def on_finished(self, event: Finished) -> None:
        """A scan has ended; one that the user stopped is not begun anew."""
        if event.cancelled and not self._keeper.busy:
            self._placed.clear()
        self.on_over()

    def _look(self) -> None:
        if self._keeper.busy or self._stop.isEnabled():
            # Its end asks again.
            return
        folder, placed = self._folder(), self._placed
        self._placed = set()
        if folder is None:
            return
        store = self._store
        seen: dict[Path, bool] = {}
        unknown = [
            path
            for path in placed
            if store.row_of(path) is None and _is_shown(path.parent, folder, self._settings.recursive, seen)
        ]
        if unknown:
            # They were here before they were sorted.
            store.know(unknown)
            self.look_again.emit()


def _is_shown(place: Path, folder: Path, recursive: bool, seen: dict[Path, bool]) -> bool:
    """Tell whether photos at a place are shown with a folder: not those in what an earlier sort made."""
    if place == folder:
        return True
    if not recursive or folder not in place.parents:
        return False
    if place not in seen:
        try:
            marked = (place / OUTPUT_MARKER).exists()
        except OSError:
            marked = True
        seen[place] = not marked and _is_shown(place.parent, folder, recursive, seen)
    return seen[place]


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
        from alpacasorter.wording import sorts

        self.words.setText(words)
        self.words.setToolTip(sorts.tip(words))
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
