"""One of the photos that are compared, with its tag, its name, and a button that holds it."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QMouseEvent, QPainter, QPaintEvent, QPen, QResizeEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from alpacasorter.i18n import _
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.loupe.tag_button import TagButton
from alpacasorter.ui.photos.loupe.zoom_view import ZoomView
from alpacasorter.ui.widgets.messages import ElidedLabel
from alpacasorter.ui.widgets.theme import Theme

_LOW: Final = 240
"""Height of a photo with its tag below which there is no line about how it was taken, pixels."""
_LINE: Final = 3
"""Width of the frame around the photo that keys act on, pixels."""


class Pane(QFrame):
    """One of the photos, with its tag and name, and a button that holds it.

    Signals:
        pressed: the user has pressed on it.
    """

    pressed = Signal()

    def __init__(self, grid: PhotoGrid, theme: Theme, parent: QWidget | None = None) -> None:
        """Show nothing."""
        super().__init__(parent)
        self._theme = theme
        self.row: PhotoRow | None = None
        self.asked: tuple[Path, str | None, bool] | None = None
        self.is_chosen = False
        self.view = ZoomView(theme, self)
        self.tag = TagButton(grid.delegate, theme, self)
        self.name = ElidedLabel(self)
        self.name.setProperty("role", "heading")
        self.facts = ElidedLabel(self)
        self.facts.setProperty("role", "muted")
        self.hold = QPushButton(self)
        self.hold.setAutoDefault(False)
        self.hold.setCheckable(True)
        # Translators: a button that keeps a photo in its place while another one is changed.
        self.hold.setText(_("Hold"))
        self.hold.setToolTip(_("Keep this photo here while the arrow keys change another one  (H)"))
        for button in (self.tag, self.hold):
            # For the mouse: keys act on the photo, and the Tab key goes from photo to photo.
            button.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        top = QHBoxLayout()
        top.setSpacing(8)
        top.addWidget(self.tag)
        top.addWidget(self.name, 1)
        top.addWidget(self.hold)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(_LINE + 1, _LINE + 1, _LINE + 1, _LINE + 1)
        layout.setSpacing(4)
        layout.addWidget(self.view, 1)
        layout.addLayout(top)
        layout.addWidget(self.facts)
        self.view.pressed.connect(self.pressed)

    def choose(self, chosen: bool) -> None:
        """Show whether keys act on this photo."""
        self.is_chosen = chosen
        self.update()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out how the photo was taken if there is little space."""
        super().resizeEvent(event)
        self.facts.setVisible(self.height() >= _LOW)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        """A press beside the photo counts too."""
        self.pressed.emit()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint a frame around the photo that keys act on."""
        super().paintEvent(event)
        if self.is_chosen:
            painter = QPainter(self)
            painter.setPen(QPen(QColor(self._theme.colors.accent), _LINE))
            painter.drawRect(self.rect().adjusted(1, 1, -2, -2))
            painter.end()
