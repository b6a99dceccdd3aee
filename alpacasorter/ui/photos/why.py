"""Why the current photo has its tag: what the engine is asked, the colors over the photo, and the panel below it."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QAction, QColor, QIcon, QImage, QLinearGradient, QPainter, QPaintEvent, QPixmap, QResizeEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLabel,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.events import ActivationMap, Explained, Neighbor
from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _, percent
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.widgets.desktop import show_in_file_manager
from alpacasorter.ui.widgets.messages import ElidedLabel
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.wording import text, why
from alpacasorter.workers.engine import Engine

_NEIGHBORS: Final = 3
_ICON, _SMALL_ICON = QSize(76, 56), QSize(44, 33)
_NOTHING: Final = 128
"""The level of a point that says nothing; see `ActivationMap`."""
_STRONGEST: Final = 190
"""How opaque the colors are where most speaks, of 255: the photo stays recognizable. Where nothing speaks, there are
none, and the photo is gray, so that no color of its own is taken for one of the map."""
_GRAY: Final = QColor(128, 128, 128)
_LOW, _LOWEST = 470, 330
"""Heights of the preview below which first the photos that are alike and then the whole panel are left out, pixels."""
_NARROW: Final = 900
"""Width of a flat panel below which the photos that are alike are left out, pixels."""


class Why(QObject):
    """Whether the window says why photos have their tags, and the answer for the current photo.

    The preview and the zoomed photo tell which photo they show (`show`) and when to ask (`ask`).

    Signals:
        wanted(Path, str, object): ask the engine about the photo with this path and content key; the image of it that
            is shown (QImage), or None.
        dropped: the answer to what was asked is not needed any more.
        toggled(bool): it was switched on or off.
        changed: `answer` and `overlay` are others.
        go_to(list): show the photo with these content keys.
        failed(str): something could not be done; a sentence for the user.
    """

    wanted = Signal(object, str, object)
    dropped = Signal()
    toggled = Signal(bool)
    changed = Signal()
    go_to = Signal(list)
    failed = Signal(str)

    def __init__(self, action: QAction, theme: Theme, parent: QObject | None = None) -> None:
        """Start switched off; `action` switches it."""
        super().__init__(parent)
        self._theme = theme
        self._is_on = False
        self._row: PhotoRow | None = None
        self._shown: tuple[str | None, Path | None] = (None, None)
        self._asked = False
        self.answer: Explained | None = None
        self._overlay: QImage | None = None
        action.toggled.connect(self._switch)

    @property
    def is_on(self) -> bool:
        """Whether the window says why."""
        return self._is_on

    @property
    def has_photo(self) -> bool:
        """Whether there is a photo to say it about."""
        return self._row is not None

    def overlay(self, row: PhotoRow | None) -> QImage | None:
        """Return the colors to stretch over the whole of a photo, with transparency; None if there are none (yet)."""
        answer = self.answer
        return None if answer is None or row is None or answer.content_key != row.key else self._overlay

    def connect_engine(self, engine: Engine) -> None:
        """Ask this engine; call it after the window was connected with what the engine learns."""
        self.wanted.connect(engine.explaining.request)
        self.dropped.connect(engine.explaining.forget)
        engine.explaining.explained.connect(self.on_explained)
        engine.learned.connect(self._ask_again)

    def _switch(self, on: bool) -> None:
        self._is_on = on
        self._forget()
        self.toggled.emit(on)
        self.changed.emit()

    def show(self, row: PhotoRow | None) -> None:
        """Another photo is shown, or the same one, which may have changed."""
        self._row = row
        shown = (None, None) if row is None else (row.key, row.found_at)
        if shown != self._shown:
            self._shown = shown
            self._forget()
            if self._is_on:
                self.changed.emit()

    def ask(self, image: QImage | None = None) -> None:
        """Ask why the photo shown has its tag, if that is switched on and not asked yet.

        Args:
            image: the photo as it is shown, as `PreviewLoader` has decoded it, if it is already.
        """
        row, failed = self._row, self.answer is not None and self.answer.problem is not None
        if not self._is_on or (self._asked and not failed):
            return
        if row is not None and row.key is not None and row.probability is not None:
            self._asked = True
            self.wanted.emit(row.path, row.key, image)

    def on_explained(self, answer: Explained) -> None:
        """The engine has answered."""
        if not self._is_on or not self._asked or answer.content_key != self._shown[0]:
            return
        self.answer = answer
        self._overlay = None if answer.map is None else painted(answer.map, self._theme)
        self.changed.emit()

    def _ask_again(self) -> None:
        """Ask again, because the model has learned; until then the answer of before is shown."""
        row = self._row
        if self._asked and row is not None and row.key is not None:
            self.wanted.emit(row.path, row.key, None)

    def _forget(self) -> None:
        if self._asked:
            self.dropped.emit()
        self._asked = False
        self.answer = None
        self._overlay = None


def painted(found: ActivationMap, theme: Theme) -> QImage:
    """Return the map of a photo as a picture to stretch over it."""
    image = QImage(found.levels, found.width, found.height, found.width, QImage.Format.Format_Indexed8)
    image.setColorTable(_color_table(theme))
    # The conversion also copies: the image must not outlive the bytes whose memory it borrows.
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


def _color_table(theme: Theme) -> list[int]:
    """Return the color of each level, "#aarrggbb" as a number."""
    return [_color((level - _NOTHING) / (_NOTHING - 1), theme).rgba() for level in range(256)]


def _color(strength: float, theme: Theme) -> QColor:
    """Return the color for what speaks for the positive class, up to 1, or against it, down to -1."""
    color = QColor(theme.colors.speaks_for if strength > 0 else theme.colors.speaks_against)
    color.setAlpha(round(_STRONGEST * min(1.0, abs(strength))))
    return color


class GrayPhotos:
    """Photos without their colors, to lay a map over them; each is made once, when it is first painted."""

    def __init__(self) -> None:
        """Start with none."""
        self._made: dict[int, QImage] = {}

    def of(self, image: QImage) -> QImage:
        """Return an image without its colors."""
        found = self._made.get(image.cacheKey())
        if found is None:
            if len(self._made) > 2:
                self._made.clear()
            # Back to the format that is painted quickly.
            found = image.convertToFormat(QImage.Format.Format_Grayscale8).convertToFormat(QImage.Format.Format_RGB32)
            self._made[image.cacheKey()] = found
        return found

    def forget(self) -> None:
        """Free the memory."""
        self._made.clear()


class Legend(QWidget):
    """What the colors mean; the same for every photo."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Show no names yet."""
        super().__init__(parent)
        self._theme = theme
        self._against = QLabel(self)
        self._for = QLabel(self)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self._against)
        row.addWidget(_Scale(theme, self), 1)
        row.addWidget(self._for)
        for label in (self._against, self._for):
            label.setTextFormat(Qt.TextFormat.PlainText)

    def set_labels(self, labels: LabelSet) -> None:
        """Name the two ends."""
        positive = labels.display(labels.positive)
        # Translators: one end of the legend of a map: what speaks against a class, as in "Against Alpaca".
        against = _("Against {label}").format(label=positive)
        # Translators: the other end: what speaks for a class, as in "For Alpaca".
        speaks = _("For {label}").format(label=positive)
        if self._for.text() != speaks:
            self._against.setText(against)
            self._for.setText(speaks)
            self.setAccessibleName(
                _("Orange: {against}. Blue: {speaks}. Gray: neither.").format(against=against, speaks=speaks)
            )
            self.setToolTip(self.accessibleName())


class _Scale(QWidget):
    """The colors from one end to the other, as they look over a gray photo."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        super().__init__(parent)
        self._theme = theme
        self.setMinimumSize(QSize(40, 10))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        """Return a flat strip."""
        return QSize(120, 10)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the colors."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect())
        colors = QLinearGradient(area.topLeft(), area.topRight())
        for strength in (-1.0, -0.5, 0.0, 0.5, 1.0):
            colors.setColorAt((strength + 1) / 2, _color(strength, self._theme))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(_GRAY)
        painter.drawRoundedRect(area, 3, 3)
        painter.setBrush(colors)
        painter.drawRoundedRect(area, 3, 3)
        painter.end()


class WhyPanel(QFrame):
    """The legend, a sentence, and the labeled photos most like the current one. Its height is always the same."""

    def __init__(
        self,
        asked: Why,
        store: PhotoStore,
        thumbnails: Thumbnails,
        theme: Theme,
        parent: QWidget | None = None,
        *,
        flat: bool = False,
    ) -> None:
        """Show nothing yet; it is hidden while `asked` is switched off.

        Args:
            asked: has the answer.
            store, thumbnails: of the photos.
            theme: for the colors.
            parent: the owner.
            flat: whether it is a strip, to be put below a photo that has as much space as possible.
        """
        super().__init__(parent)
        self._flat = flat
        self._icon = _SMALL_ICON if flat else _ICON
        self._why = asked
        self._store = store
        self._thumbnails = thumbnails
        self._room = 0
        self.legend = Legend(theme, self)
        self.sentence = QLabel(self)
        # Translators: a heading above small photos that are similar to the one in the preview.
        heading = QLabel(_("Similar photos you labeled"), self)
        self.training = ElidedLabel(self)
        self.training.setToolTip(_("What is in the most similar of the photos that the model was trained on"))
        self.nothing = QLabel(self)
        for label in (heading, self.training, self.nothing):
            label.setProperty("role", "muted")
        for label in (self.sentence, self.nothing):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
            label.setAlignment(Qt.AlignmentFlag.AlignTop | Qt.AlignmentFlag.AlignLeft)
        above = QHBoxLayout()
        above.setContentsMargins(0, 0, 0, 0)
        above.addWidget(heading)
        if flat:
            above.addWidget(self.training, 1)
            self.training.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.neighbors = [QToolButton(self) for _place in range(_NEIGHBORS)]
        row = QHBoxLayout()
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(6)
        for place, button in enumerate(self.neighbors):
            button.setObjectName("neighbor")
            styles = Qt.ToolButtonStyle
            button.setToolButtonStyle(styles.ToolButtonTextBesideIcon if flat else styles.ToolButtonTextUnderIcon)
            button.setIconSize(self._icon)
            policy = QSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
            # Where there are fewer photos, the others are as wide and where they would be.
            policy.setRetainSizeWhenHidden(True)
            button.setSizePolicy(policy)
            button.hide()
            button.clicked.connect(partial(self._go_to, place))
            row.addWidget(button, 1)
        photos = QWidget(self)
        photos.setLayout(row)
        # One or the other, in the same place and as high.
        self._found = QStackedWidget(self)
        self._found.addWidget(photos)
        self._found.addWidget(self.nothing)
        self._alike = QWidget(self)
        alike = QVBoxLayout(self._alike)
        alike.setContentsMargins(0, 0, 0, 0)
        alike.setSpacing(4)
        alike.addLayout(above)
        alike.addWidget(self._found)
        if not flat:
            alike.addWidget(self.training)
        inside: QHBoxLayout | QVBoxLayout = QHBoxLayout(self) if flat else QVBoxLayout(self)
        inside.setContentsMargins(*((12, 6, 12, 0) if flat else (0, 0, 0, 0)))
        inside.setSpacing(16 if flat else 6)
        for widget, share in ((self.legend, 3), (self.sentence, 4), (self._alike, 5)):
            if flat:
                inside.addWidget(widget, share, Qt.AlignmentFlag.AlignTop)
            else:
                inside.addWidget(widget)
        asked.changed.connect(self._update)
        asked.toggled.connect(self._show_what_fits)
        thumbnails.ready.connect(self._on_thumbnail)
        self.hide()
        self._update()

    def set_room(self, height: int) -> None:
        """Leave out the photos that are alike, or everything, if the preview is this low, pixels."""
        self._room = height
        self._show_what_fits()

    def _show_what_fits(self) -> None:
        self.setVisible(self._why.is_on and self._why.has_photo and self._room >= _LOWEST)
        self._alike.setVisible(self.width() >= _NARROW if self._flat else self._room >= _LOW)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out what there is no space for."""
        super().resizeEvent(event)
        self._show_what_fits()

    def _update(self) -> None:
        answer, labels = self._why.answer, self._store.labels
        self._show_what_fits()
        self.legend.set_labels(labels)
        line = self.fontMetrics().lineSpacing()
        # Kept however little is said, so that nothing moves from photo to photo.
        self.sentence.setMinimumHeight(2 * line)
        # A picture, one line below it or beside it, and the padding.
        self._found.setFixedHeight(self._icon.height() + (0 if self._flat else line) + 14)
        self.sentence.setText("" if answer is None else why.what_speaks(answer, labels))
        self.training.setText("" if answer is None else why.training_photo(answer, labels))
        self.nothing.setText(_("You have labeled no other photos yet."))
        self._found.setCurrentIndex(1 if answer is not None and not answer.neighbors else 0)
        found = () if answer is None else answer.neighbors
        for place, button in enumerate(self.neighbors):
            self._show_neighbor(button, found[place] if place < len(found) else None)
            if answer is not None:
                # Until then there are as many boxes as before, so that they don't flash from photo to photo.
                button.setVisible(place < len(found))

    def _show_neighbor(self, button: QToolButton, neighbor: Neighbor | None) -> None:
        button.setEnabled(neighbor is not None)
        if neighbor is None:
            button.setText("")
            button.setIcon(QIcon())
            button.setToolTip("")
            button.setAccessibleName("")
            return
        label = self._store.labels.display(neighbor.label)
        button.setText(label.replace("&", "&&"))
        pixmap = self._thumbnails.get(neighbor.keys[0], neighbor.path or Path())
        button.setIcon(
            QIcon() if pixmap is None or pixmap.isNull() else _icon(pixmap, self._icon, self.devicePixelRatioF())
        )
        alike = percent(max(0.0, neighbor.similarity))
        if self._is_here(neighbor):
            tip = _("Your label for this photo: {label}. It is {percent} alike. Click to go to it.")
            tip = tip.format(label=label, percent=alike)
        elif neighbor.path is not None:
            tip = _(
                "Your label for this photo: {label}. It is {percent} alike. "
                "Click to show it in the file manager: {path}"
            )
            tip = tip.format(label=label, percent=alike, path=text.folder(neighbor.path))
        else:
            tip = _("Your label for this photo: {label}. It is {percent} alike, and in another folder.")
            tip = tip.format(label=label, percent=alike)
        button.setToolTip(tip)
        button.setAccessibleName(tip)

    def _is_here(self, neighbor: Neighbor) -> bool:
        return any(self._store.rows_of(key) for key in neighbor.keys)

    def _go_to(self, place: int) -> None:
        answer = self._why.answer
        if answer is None or place >= len(answer.neighbors):
            return
        neighbor = answer.neighbors[place]
        if self._is_here(neighbor):
            self._why.go_to.emit(list(neighbor.keys))
        elif neighbor.path is not None and neighbor.path.exists():
            show_in_file_manager(neighbor.path, self, self._why.failed.emit)
        else:
            self._why.failed.emit(_("The labeled photo is not in this folder, and not where it was last seen."))

    def _on_thumbnail(self, key: str) -> None:
        answer = self._why.answer
        if answer is None or not self.isVisible():
            return
        for button, neighbor in zip(self.neighbors, answer.neighbors, strict=False):
            if neighbor.keys[0] == key:
                self._show_neighbor(button, neighbor)


def _icon(pixmap: QPixmap, size: QSize, ratio: float) -> QIcon:
    """Return a thumbnail as an icon, sharp on this screen, and not grayed while the button is pressed or disabled."""
    scaled = pixmap.scaled(size * ratio, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation)
    # All of one size, or their labels would be at different heights.
    whole = QPixmap(size * ratio)
    whole.fill(Qt.GlobalColor.transparent)
    painter = QPainter(whole)
    painter.drawPixmap((whole.width() - scaled.width()) // 2, (whole.height() - scaled.height()) // 2, scaled)
    painter.end()
    whole.setDevicePixelRatio(ratio)
    return QIcon(whole)
