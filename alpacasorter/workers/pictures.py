"""Images for the window: thumbnails from the cache, and one larger preview at a time.

The threads make QImages; a QPixmap may exist only on the GUI thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from PySide6.QtCore import QObject, QSize, Qt, Signal
from PySide6.QtGui import QImage

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _

if TYPE_CHECKING:
    from alpacasorter.core.photos.decode import DecodedPhoto
    from alpacasorter.core.store.cache import Cache

_T = TypeVar("_T")
_log = logging.getLogger(__name__)

_MOST_WAITING = 400
"""More thumbnails than any screen shows. Beyond that the oldest requests, long scrolled past, are dropped."""


_GIVE_UP_SECONDS = 0.5
"""A preview that takes longer is given up when another one is requested."""


class ThumbnailLoader(QObject):
    """Loads thumbnails on two threads, the latest request first, because that is what the user looks at.

    Signals:
        loaded(str, QImage): content key and thumbnail; a null QImage if there is none.
        dropped(str): the request with this content key was dropped; ask again when the photo is in view.
    """

    loaded = Signal(str, QImage)
    dropped = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        """Prepare; the threads start with the first request."""
        super().__init__(parent)
        self._cache: Cache | None = None
        self._waiting: deque[tuple[str, Path, QSize]] = deque()
        self._condition = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []

    def use_cache(self, cache: Cache) -> None:
        """Load from this cache."""
        self._cache = cache

    def request(self, key: str, path: Path, size: QSize) -> None:
        """Load a thumbnail; `loaded` or `dropped` follows.

        Args:
            key: content key of the photo.
            path: where the photo is, in case the cache doesn't have its thumbnail.
            size: the thumbnail is scaled to fit into this, pixels.
        """
        dropped = None
        with self._condition:
            if self._closed:
                return
            if not self._threads:
                self._threads = [threading.Thread(target=self._run, name=f"thumbnails-{n}") for n in range(2)]
                for thread in self._threads:
                    thread.start()
            self._waiting.append((key, path, size))
            if len(self._waiting) > _MOST_WAITING:
                dropped = self._waiting.popleft()[0]
            self._condition.notify()
        if dropped is not None:
            self.dropped.emit(dropped)

    def clear(self) -> None:
        """Drop the requests that are waiting."""
        with self._condition:
            self._waiting.clear()

    def close(self) -> None:
        """End the threads; photos being decoded are given up."""
        with self._condition:
            self._closed = True
            self._waiting.clear()
            self._condition.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads = []

    def _run(self) -> None:
        while True:
            with self._condition:
                while not self._waiting and not self._closed:
                    self._condition.wait()
                if self._closed:
                    return
                key, path, size = self._waiting.pop()
            image = self._load(key, path)
            if not image.isNull():
                image = image.scaled(
                    size, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
                )
            self.loaded.emit(key, image)

    def _load(self, key: str, path: Path) -> QImage:
        cache = self._cache
        kept = cache.thumbnail(key) if cache is not None else None
        # A damaged one is made again.
        image = QImage.fromData(kept) if kept is not None else QImage()
        if not image.isNull():
            return image
        made = _decoded(path, partial(_make_thumbnail, key, lambda: self._closed))[0]
        if made is None:
            return QImage()
        thumbnail, is_the_same = made
        if cache is not None and is_the_same:
            cache.store_thumbnail(key, thumbnail)
        return QImage.fromData(thumbnail)


class PreviewLoader(QObject):
    """Decodes one photo at screen size; only the latest request counts.

    Signals:
        loaded(Path, QImage): the photo, upright.
        failed(Path, str): why it can't be shown, a sentence.
    """

    loaded = Signal(object, QImage)
    failed = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        """Prepare; the thread starts with the first request."""
        super().__init__(parent)
        self._request: tuple[Path, int] | None = None
        self._began = 0.0
        self._condition = threading.Condition()
        self._closed = False
        self._thread: threading.Thread | None = None

    def request(self, path: Path, min_side: int) -> None:
        """Decode this photo next, its short side at least `min_side` pixels if it has that many."""
        with self._condition:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="preview")
                self._thread.start()
            self._request = (path, min_side)
            self._condition.notify()

    def _is_unwanted(self) -> bool:
        """Tell whether to give up the photo being decoded: not at once, or paging quickly would show none."""
        return self._closed or (self._request is not None and time.monotonic() - self._began > _GIVE_UP_SECONDS)

    def close(self) -> None:
        """End the thread; a photo being decoded is given up."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while True:
            with self._condition:
                while self._request is None and not self._closed:
                    self._condition.wait()
                if self._closed or self._request is None:
                    return
                (path, min_side), self._request = self._request, None
            self._began = time.monotonic()
            image, reason = _decoded(path, partial(_make_preview, min_side, self._is_unwanted))
            if image is not None:
                self.loaded.emit(path, image)
            elif reason:
                self.failed.emit(path, reason)


def read_picture(path: Path, min_side: int, stopped: Callable[[], bool]) -> tuple[QImage, str]:
    """Return a photo, upright, or a null image and a sentence that says why it can't be shown.

    Args:
        path: the photo.
        min_side: pixels; its shorter side is at least this long if the photo has that many.
        stopped: once it returns True, the photo is given up, and there is no sentence.
    """
    image, reason = _decoded(path, partial(_make_preview, min_side, stopped))
    return (QImage() if image is None else image), reason


def _make_thumbnail(key: str, stopped: Callable[[], bool], data: bytes) -> tuple[bytes, bool]:
    """Return a thumbnail (JPEG), and whether the file still holds the photo with this content key."""
    from alpacasorter.core.photos.decode import decode
    from alpacasorter.core.photos.reading import content_key
    from alpacasorter.ml.scan import DECODE_SIDE, THUMBNAIL_SIDE

    photo = decode(data, min_side=DECODE_SIDE, thumbnail_side=THUMBNAIL_SIDE, stopped=stopped)
    return photo.thumbnail or b"", content_key(data) == key


def _make_preview(min_side: int, stopped: Callable[[], bool], data: bytes) -> QImage:
    from alpacasorter.core.photos.decode import decode

    return _to_image(decode(data, min_side=min_side, stopped=stopped))


def _decoded(path: Path, make: Callable[[bytes], _T]) -> tuple[_T | None, str]:
    """Return what `make` makes of the bytes of a photo, or None and a sentence that says why not.

    There is no sentence if the caller has stopped waiting.
    """
    from alpacasorter.core.photo import Unreadable
    from alpacasorter.core.photos.bounded import DecodingStopped
    from alpacasorter.core.photos.reading import read_photo

    try:
        return make(read_photo(path)), ""
    except DecodingStopped:
        return None, ""
    except Unreadable as error:
        return None, reasons.sentence(error.reason)
    except Exception as error:  # noqa: BLE001  # the thread must go on with other photos
        _log.warning("%s can't be shown: %r", display_path(path), error)
        return None, _("Unexpected error: the photo can't be shown.")


def _to_image(photo: DecodedPhoto) -> QImage:
    height, width = photo.pixels.shape[:2]
    # copy(): the QImage must not outlive the array whose memory it borrows.
    return QImage(photo.pixels.tobytes(), width, height, 3 * width, QImage.Format.Format_RGB888).copy()
