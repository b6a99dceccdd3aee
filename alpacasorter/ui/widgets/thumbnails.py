"""Thumbnails that are ready to paint: a limited cache of pixmaps that loads what is missing."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, QSize, Signal
from PySide6.QtGui import QImage, QPixmap

from alpacasorter.workers.pictures import ThumbnailLoader

_LIMIT_BYTES = 96 * 2**20
"""A few screens at twice the usual resolution; anything else is loaded again in a millisecond."""


@dataclass(frozen=True, slots=True)
class _Thumbnail:
    pixmap: QPixmap
    made_for: QSize
    tried: frozenset[Path]


class Thumbnails(QObject):
    """Pixmaps by content key; the least recently painted are dropped first.

    Signals:
        ready(str): the thumbnail with this content key can be painted now.
    """

    ready = Signal(str)

    def __init__(self, loader: ThumbnailLoader, parent: QObject | None = None) -> None:
        """Load what is missing with `loader`."""
        super().__init__(parent)
        self._loader = loader
        self._pixmaps: OrderedDict[str, _Thumbnail] = OrderedDict()
        self._bytes = 0
        self._requested: dict[str, tuple[QSize, Path]] = {}
        self._size = QSize(184, 148)
        self._ratio = 1.0
        loader.loaded.connect(self._on_loaded)
        loader.dropped.connect(self._on_dropped)

    def set_size(self, size: QSize, ratio: float) -> None:
        """Load thumbnails that fit into `size` on a screen with this device pixel ratio.

        Those of another size are painted until they have been loaded again.
        """
        self._size, self._ratio = size, ratio

    def get(self, key: str, path: Path, before: str | None = None) -> QPixmap | None:
        """Return the thumbnail of a photo; None if it must be loaded first, and `ready` follows.

        Until then, the one of `before` is returned if there is one: the content key that the same picture had.
        """
        wanted = self._size * self._ratio
        known = self._pixmaps.get(key)
        if known is not None:
            self._pixmaps.move_to_end(key)
            # If it could not be loaded from where the file was before, it may be loaded from where it is now.
            if known.made_for == wanted and (path in known.tried or not known.pixmap.isNull()):
                return known.pixmap
        if key not in self._requested:
            self._requested[key] = wanted, path
            self._loader.request(key, path, wanted)
        known = known or self._pixmaps.get(before or "")
        return known.pixmap if known is not None else None

    def clear(self) -> None:
        """Forget all thumbnails and requests."""
        self._loader.clear()
        self._pixmaps.clear()
        self._requested.clear()
        self._bytes = 0

    def _on_dropped(self, key: str) -> None:
        self._requested.pop(key, None)

    def _on_loaded(self, key: str, image: QImage) -> None:
        request = self._requested.pop(key, None)
        if request is None:
            return
        made_for, path = request
        before = self._pixmaps.pop(key, None)
        if before is not None:
            self._bytes -= _size_of(before.pixmap)
        # A null pixmap is kept too, so that a photo that no longer exists isn't requested at every paint.
        pixmap = QPixmap.fromImage(image)
        tried = before.tried if before is not None else frozenset()
        self._pixmaps[key] = _Thumbnail(pixmap, made_for, tried | {path})
        self._bytes += _size_of(pixmap)
        while self._bytes > _LIMIT_BYTES and len(self._pixmaps) > 1:
            _, dropped = self._pixmaps.popitem(last=False)
            self._bytes -= _size_of(dropped.pixmap)
        self.ready.emit(key)


def _size_of(pixmap: QPixmap) -> int:
    return pixmap.width() * pixmap.height() * 4
