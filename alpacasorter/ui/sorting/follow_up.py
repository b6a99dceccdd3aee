"""What follows a sort or an undo in the window: a rescan if necessary, and a strip above the photos with the result."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QBoxLayout, QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QToolButton, QWidget

from alpacasorter.core.events import Finished
from alpacasorter.core.photos.exclusion import NOMEDIA, is_passed_over
from alpacasorter.core.photos.formats import PICTURE_EXTENSIONS
from alpacasorter.core.photos.walk import OUTPUT_MARKER, rooted
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.i18n import _
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.messages import make_compact
from alpacasorter.ui.widgets.theme import Theme, icon
from alpacasorter.workers.sorting import SortService


class RescanAfterSort(QObject):
    """Notes where photos are moved, and asks for a rescan at the end if some of them are not listed.

    The row of a listed photo follows its file. A photo that was moved out of the folder before the folder was opened
    has no row, and watching ignores what the app itself does, so an undo that brings it back needs a rescan.

    Signals:
        rescan_needed: the open folder contains photos that are not listed.
    """

    rescan_needed = Signal()

    def __init__(
        self,
        service: SortService,
        stop: QAction,
        store: PhotoStore,
        settings: Settings,
        folder: Callable[[], Path | None],
        parent: QObject,
    ) -> None:
        """Prepare.

        Args:
            service: sorts and undoes.
            stop: enabled while the folder is scanned.
            store: the photos that are listed.
            settings: whether subfolders are shown.
            folder: returns the open folder.
            parent: the owner.
        """
        super().__init__(parent)
        self._service = service
        self._stop = stop
        self._store = store
        self._settings = settings
        self._folder = folder
        self._placed: set[Path] = set()
        # Delayed, so that everything else that reacts to the end is done.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._look)

    def note(self, event: FilesPlaced) -> None:
        """Note where photos are now, and forget where they were."""
        for file in event.files:
            if not file.kept:
                self._placed.discard(file.before)
            if file.after is not None and file.after.suffix[1:].lower() in PICTURE_EXTENSIONS:
                self._placed.add(file.after)

    def on_over(self) -> None:
        """React to the end of a sort, an undo or a scan."""
        if self._placed:
            self._soon.start()

    def on_finished(self, event: Finished) -> None:
        """React to the end of a scan. One that the user stopped is not started again."""
        if event.canceled and not self._service.busy:
            self._placed.clear()
        self.on_over()

    def _look(self) -> None:
        if self._service.busy or self._stop.isEnabled():
            # Its end calls this again.
            return
        folder, placed = self._folder(), self._placed
        self._placed = set()
        if folder is None:
            return
        store = self._store
        seen: dict[Path, bool] = {}
        unknown = [
            path for path in placed if store.row_of(path) is None and _is_shown(path, folder, self._settings, seen)
        ]
        if unknown:
            # They are not new: they were here before they were sorted.
            store.know(unknown)
            self.rescan_needed.emit()


def _is_shown(path: Path, folder: Path, settings: Settings, seen: dict[Path, bool]) -> bool:
    """Tell whether a photo is shown when `folder` is open: not if a sort made its folder, or it is left out."""
    exclusion = rooted(settings.exclusion, folder)
    if exclusion.leaves_out_below(str(path), is_folder=False):
        return False
    markers = (OUTPUT_MARKER, NOMEDIA) if exclusion.nomedia else (OUTPUT_MARKER,)
    return _is_walked(path.parent, folder, markers, settings.recursive, seen)


def _is_walked(place: Path, folder: Path, markers: Sequence[str], recursive: bool, seen: dict[Path, bool]) -> bool:
    if place == folder:
        return True
    if not recursive or folder not in place.parents or is_passed_over(place.name, is_folder=True):
        return False
    if place not in seen:
        try:
            marked = any((place / marker).exists() for marker in markers)
        except OSError:
            marked = True
        seen[place] = not marked and _is_walked(place.parent, folder, markers, recursive, seen)
    return seen[place]


_BESIDE: Final = 720
"""Width from which there is room for several lines next to the buttons, pixels."""


class _Words(QLabel):
    """A sentence; in one line, elided at the end, if there is no room for more."""

    def __init__(self, parent: QWidget) -> None:
        """Start empty."""
        super().__init__(parent)
        # A folder's name may look like markup.
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.fit(one_line=False)

    def fit(self, *, one_line: bool) -> None:
        """Show the sentence in one line, or in as many as it needs."""
        policy = QSizePolicy.Policy
        self.setWordWrap(not one_line)
        self.setSizePolicy(policy.Ignored if one_line else policy.Preferred, policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as much as fits."""
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
    """A line above the photos with a message and buttons; hidden if there is no message."""

    def __init__(self, name: str, theme: Theme, parent: QWidget) -> None:
        """Start hidden; `name` selects the style: "banner" for a result, "notice" for a question."""
        super().__init__(parent)
        self.setObjectName(name)
        self._theme = theme
        self._one_line = name == "banner"
        self.words = _Words(self)
        self.buttons: list[QPushButton] = []
        self.close_button = QToolButton(self)
        self.close_button.setToolTip(_("Close"))
        self.close_button.setAccessibleName(_("Close this message"))
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
        self.close_button.setIcon(icon("close", self._theme.colors.muted))

    def set_low(self, low: bool) -> None:
        """Use less room if the window is low."""
        make_compact(self, self._line, low)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """In a narrow window, show a result in one line, and put the buttons of a question below it."""
        super().resizeEvent(event)
        narrow, way = event.size().width() < _BESIDE, QBoxLayout.Direction
        self.words.fit(one_line=narrow and self._one_line)
        self._both.setDirection(way.TopToBottom if narrow and not self._one_line else way.LeftToRight)

    def show_message(self, words: str, choices: Sequence[tuple[str, Callable[[], None]]]) -> None:
        """Show a message, with a button for each choice: its text, and what it does. A click hides the strip."""
        # Imported here, because the first window does not need it.
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
        # Hidden first, so that a double-click does it once.
        button.clicked.connect(self.hide)
        button.clicked.connect(lambda: does())
        self._row.addWidget(button)
        button.show()
        return button
