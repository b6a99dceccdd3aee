"""Why a photo has its prediction, worked out in the background for the photo that is looked at."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QImage

from alpacasorter.core import reasons
from alpacasorter.core.events import Explained
from alpacasorter.core.files import display_path
from alpacasorter.workers.lane import Lane

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from alpacasorter.ml.engine import OpenEngine

_log = logging.getLogger(__name__)

_GIVE_UP_SECONDS = 0.5
"""A photo that takes longer to decode is given up when another one is asked about."""


class _Wanted(NamedTuple):
    number: int
    path: Path
    key: str
    image: QImage | None


class ExplainService(QObject):
    """Explains one photo at a time on a lane of its own; only the latest request counts, so none queue up.

    Signals:
        explained(Explained): the answer to the latest request. There is none if another request or `forget` came
            first.
    """

    explained = Signal(object)

    _answered = Signal(int, object)

    def __init__(self, opened: Callable[[], OpenEngine | None], parent: QObject | None = None) -> None:
        """Prepare; the thread starts with the first request.

        Args:
            opened: returns the open engine, if any.
            parent: the owner.
        """
        super().__init__(parent)
        self._opened = opened
        self._lane = Lane("explain")
        self._lock = threading.Lock()
        self._wanted: _Wanted | None = None
        self._number = 0
        self._began = 0.0
        self._closed = False
        self._answered.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def request(self, path: Path, key: str, image: QImage | None = None) -> None:
        """Explain a photo with the head in use; `explained` follows unless another request comes first.

        Args:
            path: where it is.
            key: its content key.
            image: the photo as `PreviewLoader` has decoded it, which saves decoding it again if it has the right size.
        """
        self._number += 1
        with self._lock:
            is_waiting = self._wanted is not None
            self._wanted = _Wanted(self._number, path, key, image)
        if not is_waiting:
            self._lane.submit(self._explain)

    def forget(self) -> None:
        """Drop the request, and the answer that is still on its way."""
        self._number += 1
        with self._lock:
            if self._wanted is not None:
                # The job that is waiting for it ends at once.
                self._wanted = self._wanted._replace(number=0)

    def close(self) -> None:
        """End the thread; a photo being decoded is given up."""
        self._closed = True
        self.forget()
        self._lane.close()

    def _deliver(self, number: int, event: Explained) -> None:
        if number == self._number:
            self.explained.emit(event)

    # On the lane

    def _explain(self) -> None:
        with self._lock:
            wanted, self._wanted = self._wanted, None
        opened = self._opened()
        if wanted is None or opened is None or self._is_over(wanted):
            return
        from alpacasorter.core.photos.bounded import DecodingStopped

        self._began = time.monotonic()
        number, path, key, image = wanted
        pixels = None if image is None else _pixels(image)
        try:
            event = opened.session.explain(path, key, pixels, stopped=lambda: self._is_unwanted(wanted))
        except DecodingStopped:
            return
        except Exception as error:  # noqa: BLE001  # the lane must go on with other photos
            _log.warning("%s can't be explained: %r", display_path(path), error)
            event = Explained(path, key, 0.5, None, reasons.UNEXPECTED, (), 0, None)
        self._answered.emit(number, event)

    def _is_over(self, wanted: _Wanted) -> bool:
        return self._closed or wanted.number != self._number

    def _is_unwanted(self, wanted: _Wanted) -> bool:
        return self._closed or (self._is_over(wanted) and time.monotonic() - self._began > _GIVE_UP_SECONDS)


def _pixels(image: QImage) -> npt.NDArray[np.uint8] | None:
    """Return the pixels of an image, uint8 (height, width, 3); None if it is none that `PreviewLoader` makes."""
    import numpy as np

    if image.format() != QImage.Format.Format_RGB888:
        return None
    width, height = image.width(), image.height()
    rows = np.frombuffer(image.constBits(), dtype=np.uint8).reshape(height, image.bytesPerLine())
    return rows[:, : 3 * width].reshape(height, width, 3)
