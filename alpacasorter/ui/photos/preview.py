"""The larger preview beside the grid: the photo, its tag, and what is known of it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, QTimer, Signal
from PySide6.QtGui import QColor, QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import (
    QButtonGroup,
    QFrame,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore, verdict
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.wording import text
from alpacasorter.workers.pictures import PreviewLoader

_REST_MS = 60
"""How long the selection must rest before a photo is decoded: holding an arrow key down decodes none."""
_LEAST = 320
"""Pixels below which no photo is decoded for the preview, so that making it larger shows something at once."""
_NARROWEST = 290
_LOW, _LOWEST = 270, 215
"""Heights below which there is no room for the details, and none for the picture: the tags stay."""


class Picture(QWidget):
    """Paints one picture as large as it fits, never larger than it is."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Paint nothing."""
        super().__init__(parent)
        self._theme = theme
        self._pixmap = QPixmap()
        self._coarse = False
        self._words = ""
        self.setMinimumSize(QSize(80, 60))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)

    def show_pixmap(self, pixmap: QPixmap, *, coarse: bool) -> None:
        """Paint this picture; a coarse one is blown up until the real one comes."""
        self._pixmap, self._coarse, self._words = pixmap, coarse, ""
        self.update()

    def show_words(self, words: str) -> None:
        """Say this where the picture would be."""
        self._pixmap, self._words = QPixmap(), words
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the picture or the words."""
        painter = QPainter(self)
        area = QRectF(self.rect())
        if self._pixmap.isNull():
            painter.setPen(QColor(self._theme.colours.muted))
            painter.drawText(
                area.adjusted(16, 16, -16, -16),
                int(Qt.AlignmentFlag.AlignCenter) | int(Qt.TextFlag.TextWordWrap),
                self._words,
            )
        else:
            size = self._pixmap.size().toSizeF() / self.devicePixelRatioF()
            fitted = size.scaled(area.size(), Qt.AspectRatioMode.KeepAspectRatio)
            if fitted.width() > size.width() and not self._coarse:
                fitted = size
            target = QRectF(0, 0, fitted.width(), fitted.height())
            target.moveCenter(area.center())
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            painter.drawPixmap(target, self._pixmap, QRectF(self._pixmap.rect()))
        painter.end()


class PreviewPane(QFrame):
    """Shows the current photo and says what the selection counts as.

    Signals:
        labelled(str): the user says what the selected photos are.
        taken_back: the user takes the correction of the selected photos back.
    """

    labelled = Signal(str)
    taken_back = Signal()

    def __init__(
        self,
        store: PhotoStore,
        thumbnails: Thumbnails,
        loader: PreviewLoader,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self.setObjectName("preview")
        self._store = store
        self._thumbnails = thumbnails
        self._loader = loader
        self._row: PhotoRow | None = None
        self._selected = 0
        self._loaded: tuple[Path, int] | None = None
        self._seen: tuple[str | None, Path, bool] | None = None
        self.picture = Picture(theme, self)
        self.name = QLabel(self)
        self.name.setProperty("role", "heading")
        self.name.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self.verdict = QLabel(self)
        self.details = QLabel(self)
        self.details.setProperty("role", "muted")
        for label in (self.name, self.verdict, self.details):
            label.setWordWrap(True)
            label.setTextFormat(Qt.TextFormat.PlainText)
        self.positive = QPushButton(self)
        self.negative = QPushButton(self)
        self._choice = QButtonGroup(self)
        tags = QHBoxLayout()
        tags.setSpacing(8)
        for button in (self.positive, self.negative):
            button.setCheckable(True)
            button.setAutoDefault(False)
            self._choice.addButton(button)
            tags.addWidget(button, 1)
        self.positive.clicked.connect(lambda: self.labelled.emit(self._store.labels.positive))
        self.negative.clicked.connect(lambda: self.labelled.emit(self._store.labels.negative))
        self.back = QPushButton("Take my correction back", self)
        self.back.setProperty("flat", True)
        self.back.setAutoDefault(False)
        self.back.setToolTip("Let the model decide again (Backspace)")
        self.back.clicked.connect(self.taken_back)
        # Its place is kept while it is hidden, so that the picture does not jump with every correction.
        kept = self.back.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self.back.setSizePolicy(kept)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(16, 16, 16, 12)
        layout.setSpacing(8)
        layout.addWidget(self.picture, 1)
        layout.addWidget(self.name)
        layout.addWidget(self.verdict)
        layout.addLayout(tags)
        layout.addWidget(self.back, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addWidget(self.details)
        self.setMinimumWidth(_NARROWEST)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._load)
        loader.loaded.connect(self._on_loaded)
        loader.failed.connect(self._on_failed)
        thumbnails.ready.connect(self._on_thumbnail)
        self.show_photo(None, 0)

    def show_photo(self, row: PhotoRow | None, selected: int) -> None:
        """Show a photo; `selected` photos are chosen in the grid."""
        another = row is not self._row
        self._row, self._selected = row, selected
        if another:
            self._seen = None
        self.refresh()
        if another:
            self._show_thumbnail()
            self._rest.start()

    def refresh(self) -> None:
        """Say anew what the photo counts as."""
        row, labels = self._row, self._store.labels
        judged = row is not None and row.probability is not None
        for button in (self.positive, self.negative):
            button.setVisible(judged)
        self.back.setVisible(judged and row is not None and row.correction is not None)
        if row is None:
            self.picture.show_words("Choose a photo to see it here.")
            for label in (self.name, self.verdict, self.details):
                label.clear()
            return
        self.positive.setText(f"{labels.display(labels.positive)}  ({text.key_for(labels, labels.positive)})")
        self.negative.setText(f"{labels.display(labels.negative)}  ({text.key_for(labels, labels.negative)})")
        counts_as = self._store.label(row)
        self._choice.setExclusive(False)
        self.positive.setChecked(counts_as == labels.positive)
        self.negative.setChecked(counts_as == labels.negative)
        self._choice.setExclusive(True)
        self.name.setText(row.name)
        self.verdict.setText(verdict(row, self._store, self._selected))
        self.details.setText(_details(row))
        self._follow(row)

    def _follow(self, row: PhotoRow) -> None:
        """Show the picture anew where the file holds other bytes now, or was moved before it was loaded."""
        before, self._seen = self._seen, (row.key, row.path, row.reason is None)
        if before is None or before == self._seen or row.gone:
            return
        key, path, could_be_read = before
        if (key is not None and key != row.key) or could_be_read != (row.reason is None):
            self._loaded = None
            self._show_thumbnail()
            self._rest.start()
        elif path != row.path and (self._loaded is None or self._loaded[1] == 0):
            self._rest.start()

    def _show_thumbnail(self) -> None:
        row = self._row
        if row is None:
            return
        pixmap = self._thumbnails.get(row.key, row.path) if row.key and row.reason is None else None
        if pixmap is not None and not pixmap.isNull():
            self.picture.show_pixmap(pixmap, coarse=True)
        else:
            self.picture.show_words("" if row.reason is None else "No picture")

    def _on_thumbnail(self, key: str) -> None:
        if self._row is not None and self._row.key == key and self._loaded is None:
            self._show_thumbnail()

    def _load(self) -> None:
        self._loaded = None
        if self._row is not None and self._row.reason is None and self.isVisible():
            self._loader.request(self._row.path, self._wanted_side())

    def _wanted_side(self) -> int:
        size = self.picture.size() * self.devicePixelRatioF()
        return max(_LEAST, min(size.width(), size.height()))

    def _on_loaded(self, path: Path, image: QImage) -> None:
        if self._row is not None and self._row.path == path:
            self._loaded = (path, min(image.width(), image.height()))
            self.picture.show_pixmap(QPixmap.fromImage(image), coarse=False)

    def _on_failed(self, path: Path, reason: str) -> None:
        if self._row is not None and self._row.path == path:
            self._loaded = (path, 0)
            self.picture.show_words(reason)

    def resizeEvent(self, event: object) -> None:
        """Decode the photo anew where there is room for a larger picture; leave out what there is no room for."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self.details.setVisible(self.height() >= _LOW)
        self.picture.setVisible(self.height() >= _LOWEST)
        if self._loaded is not None and self._wanted_side() > self._loaded[1]:
            self._rest.start()

    def showEvent(self, event: object) -> None:
        """Catch up on what was chosen while the pane was hidden."""
        super().showEvent(event)  # type: ignore[arg-type]
        self._rest.start()


def _details(row: PhotoRow) -> str:
    lines = []
    if row.facts is not None:
        size = f"{row.facts.width:,} x {row.facts.height:,} pixels, {row.facts.format}".replace(" x ", " × ")
        taken = _date(row.facts.taken_at)
        lines += [f"Taken {taken}", size] if taken else [size]
    lines.append(text.folder(row.path.parent))
    return "\n".join(lines)


def _date(taken_at: str | None) -> str:
    if not taken_at:
        return ""
    try:
        moment = datetime.fromisoformat(taken_at)
    except ValueError:
        return ""
    return f"{moment.day} {moment:%B %Y, %H:%M}"
