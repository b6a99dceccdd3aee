"""The tag of a photo as a button that flips it."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from alpacasorter.i18n import _
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.delegate import PhotoDelegate
from alpacasorter.ui.widgets import tag as tags
from alpacasorter.ui.widgets.theme import Theme

_WIDEST = 400


class TagButton(QAbstractButton):
    """Paints the tag of one photo as the grid does.

    As there, a click means the tag that was painted, even if something has been learned since.

    Signals:
        flip_wanted(PhotoRow, str): the user has clicked; the photo, and the label that it was shown with.
    """

    flip_wanted = Signal(object, str)

    def __init__(self, delegate: PhotoDelegate, theme: Theme, parent: QWidget | None = None) -> None:
        """Show no tag."""
        super().__init__(parent)
        self._delegate = delegate
        self._theme = theme
        self._row: PhotoRow | None = None
        self._pressed_on: tuple[PhotoRow, str] | None = None
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setToolTip(_("Flip the tag"))
        self.pressed.connect(self._on_pressed)
        self.clicked.connect(self._on_clicked)
        theme.changed.connect(self.update)

    def show_row(self, row: PhotoRow | None) -> None:
        """Show the tag of a photo; the button is hidden if it has none."""
        self._row = row
        tag = None if row is None else self._delegate.current_tag(row)
        self.setVisible(tag is not None)
        if row is not None and tag is not None:
            self.setText(tag.words)
            # Translators: what a screen reader says on a tag: the name of the photo, and the tag.
            self.setAccessibleName(_("{photo}: {tag}").format(photo=row.name, tag=tag.words))
            self.setFixedSize(tag.size(QFontMetrics(tags.tag_font(self.font())), _WIDEST))
        self.update()

    def sizeHint(self) -> QSize:
        """Return the size of the tag."""
        return self.size()

    def _on_pressed(self) -> None:
        row = self._row
        label = None if row is None else self._delegate.shown_label(row)
        self._pressed_on = None if row is None or label is None else (row, label)

    def _on_clicked(self) -> None:
        pressed, self._pressed_on = self._pressed_on, None
        if pressed is not None and pressed[0] is self._row:
            self.flip_wanted.emit(*pressed)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the tag that the photo has now; from now on that is what it is shown with."""
        if self._row is None:
            return
        tag = self._delegate.note_shown(self._row, hot=self.underMouse())
        if tag is None:
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tag.draw(painter, self.size(), tags.tag_font(self.font()), self._theme.colors)
        if self.hasFocus():
            painter.setPen(QPen(self.palette().text(), 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), self.height() / 2, self.height() / 2)
        painter.end()
