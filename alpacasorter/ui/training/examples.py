"""Shows the preview of a training run: a grid of photos after augmentation."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QImage, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QSizePolicy, QVBoxLayout, QWidget

from alpacasorter.core import reasons
from alpacasorter.i18n import _
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.pictures import PreviewLoader

_EVERYTHING = 100_000
"""Requested short side, pixels; large enough for the picture to be loaded at its own size."""


class _Picture(QWidget):
    """Paints a picture at full width, but never enlarged."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._pixmap = QPixmap()
        policy = QSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Preferred)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def show_pixmap(self, pixmap: QPixmap) -> None:
        self._pixmap = pixmap
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return (self._pixmap.size().toSizeF() / self.devicePixelRatioF()).toSize()

    def hasHeightForWidth(self) -> bool:
        return True

    def heightForWidth(self, width: int) -> int:
        size = self.sizeHint()
        return round(size.height() * min(1.0, width / max(1, size.width())))

    def paintEvent(self, event: QPaintEvent) -> None:
        if self._pixmap.isNull():
            return
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        fitted = self.sizeHint().scaled(self.size(), Qt.AspectRatioMode.KeepAspectRatio).boundedTo(self.sizeHint())
        painter.drawPixmap(0, 0, fitted.width(), fitted.height(), self._pixmap)
        painter.end()


class ExamplesView(QWidget):
    """The preview with a line above it; hidden while there is nothing to show."""

    def __init__(self, theme: Theme, parent: QWidget) -> None:
        """Show nothing."""
        super().__init__(parent)
        self.words = sentence_label(self, "muted")
        self.picture = _Picture(self)
        self.picture.setAccessibleName(_("Examples of your photos as the model sees them"))
        self._path: Path | None = None
        self._loader = PreviewLoader(self)
        self._loader.loaded.connect(self._on_loaded)
        self._loader.failed.connect(self._on_failed)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.words)
        column.addWidget(self.picture)
        self.clear()

    def clear(self) -> None:
        """Show nothing."""
        self._path = None
        self.hide()

    def say(self, words: str) -> None:
        """Show words instead of the picture."""
        self._path = None
        self.words.setText(words)
        self.picture.hide()
        self.show()

    def load(self, path: Path) -> None:
        """Show a picture file, which is loaded in the background."""
        self._path = path
        self._loader.request(path, _EVERYTHING)

    def close_loader(self) -> None:
        """End the thread that loads pictures."""
        self._loader.close()

    def _on_loaded(self, path: Path, image: QImage) -> None:
        if path == self._path:
            self.words.setText(_("Some of your photos as the model sees them:"))
            self.picture.show_pixmap(QPixmap.fromImage(image))
            self.picture.show()
            self.show()

    def _on_failed(self, path: Path, reason: str) -> None:
        if path == self._path:
            # Translators: {reason} is a sentence.
            self.say(_("The examples can't be shown. {reason}").format(reason=reasons.sentence(reason)))
