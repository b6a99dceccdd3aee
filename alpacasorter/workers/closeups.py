"""Photos for the loupe: sharp at the size of the window, any part of them at any scale, and the next ones ahead.

Two threads decode and scale, so that the window only copies pixels. What is wanted is a list, the most urgent first,
which every new list replaces. Pictures are kept, so that one that was made ahead is there at once; and so are the
pixels of full size, so that a photo that is zoomed can be moved. Both have a limit in bytes.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QImage

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.photo import Unreadable
from alpacasorter.i18n import _

if TYPE_CHECKING:
    from alpacasorter.core.photos.closeup import Closeup
    from alpacasorter.core.photos.exif import Shot

_K = TypeVar("_K")
_V = TypeVar("_V")
_log = logging.getLogger(__name__)

MOST_FULL_PIXELS: Final = 128_000_000
"""A photo with more pixels, which only a JPEG can have, is zoomed at a half, a quarter or an eighth of its size."""
MOST_FULL_BYTES: Final = 544 * 2**20
"""What is kept of photos at full size: five with 24 megapixels, or one with 128."""
MOST_PICTURE_BYTES: Final = 256 * 2**20
"""What is kept of pictures at the size of the window: thirty on a screen with 1080 lines, seven on one with 2160."""
RESTING_BYTES: Final = 64 * 2**20
"""What is kept of those while nobody looks."""
_BLOCKS_FROM: Final = 4.0
"""From this scale on, pixels are shown as they are."""
_GIVE_UP_SECONDS: Final = 0.5
_THREADS: Final = 2


@dataclass(frozen=True, slots=True)
class Fit:
    """A whole photo, as large as it fits.

    Attributes:
        path: where it is.
        key: its content key; None if that is not known.
        width, height: what it is to fit into, pixels of the screen.
        full: width and height of the photo, if they are known.
    """

    path: Path
    key: str | None
    width: int
    height: int
    full: tuple[int, int] | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a photo, zoomed.

    Attributes:
        path, key, full: as for `Fit`.
        scale: pixels of the screen for each of the photo.
        left, top, width, height: of the part, in pixels of the screen from the corner of the photo at that scale.
        most_pixels: if the photo has more, it is decoded at a half, a quarter or an eighth.
    """

    path: Path
    key: str | None
    scale: float
    left: int
    top: int
    width: int
    height: int
    full: tuple[int, int] | None = field(default=None, compare=False)
    most_pixels: int = MOST_FULL_PIXELS


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """What was wanted.

    Attributes:
        wanted: what was asked for.
        image: ready to be copied to the screen.
        width, height: of the full photo, pixels.
        shot: what its header says.
        changed: whether the file no longer has the content key that it was asked for with.
        seen: size and time of the file when it was read.
    """

    wanted: Fit | Part
    image: QImage
    width: int
    height: int
    shot: Shot
    changed: bool
    seen: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class _Opened:
    closeup: Closeup
    changed: bool
    seen: tuple[int, int]

    @property
    def is_full(self) -> bool:
        return self.closeup.size == (self.closeup.width, self.closeup.height)

    @property
    def bytes(self) -> int:
        from alpacasorter.core.photos.closeup import BYTES_PER_PIXEL

        return round(self.closeup.size[0] * self.closeup.size[1] * BYTES_PER_PIXEL)


class CloseupLoader(QObject):
    """Makes the pictures that are wanted.

    Signals:
        loaded(Picture): one is ready.
        failed(Path, str): a photo can't be shown, and why; a sentence.
    """

    loaded = Signal(object)
    failed = Signal(object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        """Prepare; the threads start with the first list."""
        super().__init__(parent)
        self._wanted: list[Fit | Part] = []
        self._to_check: set[Path] = set()
        self._no_room: set[Fit | Part] = set()
        self._failed: set[tuple[Path, str | None]] = set()
        self._busy: set[Fit | Part] = set()
        self._opening_full: Path | None = None
        self._pictures: OrderedDict[Fit | Part, Picture] = OrderedDict()
        self._full: OrderedDict[tuple[Path, str | None], _Opened] = OrderedDict()
        self._condition = threading.Condition()
        self._closed = False
        self._threads: list[threading.Thread] = []

    def want(self, wanted: Sequence[Fit | Part]) -> None:
        """Make these pictures, in this order, and nothing else; `loaded` or `failed` follows for each.

        For those that are kept, `loaded` is emitted at once, unless they were wanted before. For the last ones there
        may be no room.
        """
        with self._condition:
            if self._closed:
                return
            if not self._threads:
                self._threads = [threading.Thread(target=self._run, name=f"closeups-{n}") for n in range(_THREADS)]
                for thread in self._threads:
                    thread.start()
            first = wanted[0].path if wanted else None
            if first is not None and (not self._wanted or self._wanted[0].path != first):
                self._to_check.add(first)
            ready = [self._pictures[one] for one in wanted if one in self._pictures and one not in self._wanted]
            self._wanted = list(wanted)
            self._no_room.clear()
            self._failed.intersection_update((one.path, one.key) for one in wanted)
            self._condition.notify_all()
        for picture in ready:
            self.loaded.emit(picture)

    def get(self, wanted: Fit | Part) -> Picture | None:
        """Return a picture that is ready; None if it is not."""
        with self._condition:
            picture = self._pictures.get(wanted)
            if picture is not None:
                self._pictures.move_to_end(wanted)
            return picture

    def rest(self) -> None:
        """Make nothing, and keep only the latest pictures, until something is wanted again."""
        with self._condition:
            self._wanted, self._no_room, self._failed, self._to_check = [], set(), set(), set()
            self._full.clear()
            self._drop_pictures(RESTING_BYTES)
            self._no_room.clear()

    def clear(self) -> None:
        """Forget what is wanted and all that is kept."""
        with self._condition:
            self._wanted, self._no_room, self._failed, self._to_check = [], set(), set(), set()
            self._pictures.clear()
            self._full.clear()

    def close(self) -> None:
        """End the threads; photos being decoded are given up."""
        with self._condition:
            self._closed = True
            self._wanted = []
            self._condition.notify_all()
        for thread in self._threads:
            thread.join()
        self._threads = []
        self.clear()

    # On the threads

    def _run(self) -> None:
        while True:
            with self._condition:
                while (job := self._next()) is None and not self._closed:
                    self._condition.wait()
                if self._closed or job is None:
                    return
                if isinstance(job, Path):
                    self._to_check.discard(job)
                else:
                    self._busy.add(job)
            if isinstance(job, Path):
                self._check(job)
            else:
                self._make(job)
                with self._condition:
                    self._busy.discard(job)
                    self._condition.notify_all()

    def _next(self) -> Fit | Part | Path | None:
        for path in self._to_check:
            return path
        for one in self._wanted:
            if one in self._busy or one in self._pictures or one in self._no_room:
                continue
            if (one.path, one.key) in self._failed:
                continue
            if isinstance(one, Fit) or (one.path, one.key) in self._full:
                return one
            if self._opening_full is None:  # one at a time, for the memory
                self._opening_full = one.path
                return one
        return None

    def _check(self, path: Path) -> None:
        """Drop what is kept of a photo whose file has changed or gone since."""
        with self._condition:
            kept = [picture.seen for picture in self._pictures.values() if picture.wanted.path == path]
            kept += [opened.seen for (at, _key), opened in self._full.items() if at == path]
        if not kept:
            return
        problem = ""
        try:
            seen = _seen(path)
        except OSError as error:
            problem, seen = reasons.sentence(os_errors.for_file(error)), (0, 0)
        if any(one != seen for one in kept):
            with self._condition:
                for wanted in [one for one in self._pictures if one.path == path]:
                    del self._pictures[wanted]
                for at in [one for one in self._full if one[0] == path]:
                    del self._full[at]
                if problem:
                    self._failed.update((one.path, one.key) for one in self._wanted if one.path == path)
                self._condition.notify_all()
        if problem:
            self.failed.emit(path, problem)

    def _make(self, wanted: Fit | Part) -> None:
        from alpacasorter.core.photos.bounded import DecodingStopped

        reason = ""
        try:
            picture = self._fit(wanted) if isinstance(wanted, Fit) else self._part(wanted)
        except DecodingStopped:
            return
        except Unreadable as error:
            reason = reasons.sentence(error.reason)
        except Exception as error:  # noqa: BLE001  # the thread must go on with other photos
            _log.warning("%s can't be shown: %r", display_path(wanted.path), error)
            reason = _("Unexpected error: the photo can't be shown.")
        finally:
            with self._condition:
                if isinstance(wanted, Part) and self._opening_full == wanted.path:
                    self._opening_full = None
        with self._condition:
            if self._closed:
                return
            if reason:
                self._failed.add((wanted.path, wanted.key))
            else:
                self._pictures[wanted] = picture
                self._drop_pictures(MOST_PICTURE_BYTES)
        if reason:
            self.failed.emit(wanted.path, reason)
        else:
            self.loaded.emit(picture)

    def _drop_pictures(self, limit: int) -> None:
        """Drop pictures until the rest is within a limit: what is not wanted, then what is wanted least."""
        wanted = {one: place for place, one in enumerate(self._wanted)}
        total = sum(picture.image.sizeInBytes() for picture in self._pictures.values())
        leaving = [one for one in self._pictures if one not in wanted]
        leaving += sorted((one for one in self._pictures if one in wanted), key=lambda one: -wanted[one])[:-1]
        for one in leaving:
            if total <= limit:
                break
            total -= self._pictures.pop(one).image.sizeInBytes()
            self._no_room.add(one)

    def _fit(self, wanted: Fit) -> Picture:
        opened = self._kept(wanted)
        if opened is None:
            opened = self._open(wanted, _least_side(wanted))
            if opened.is_full and opened.bytes < MOST_FULL_BYTES // 8:
                self._keep(wanted, opened)
        closeup = opened.closeup
        width, height = _fitted(closeup.width, closeup.height, wanted.width, wanted.height)
        image = _image(closeup.render((0, 0, closeup.width, closeup.height), (width, height)), width, height)
        return Picture(wanted, image, closeup.width, closeup.height, closeup.shot, opened.changed, opened.seen)

    def _part(self, wanted: Part) -> Picture:
        from alpacasorter.core.photos.closeup import BYTES_PER_PIXEL

        opened = self._kept(wanted)
        if opened is None:
            side = 1 << 30
            if wanted.full is not None:
                pixels, fraction = wanted.full[0] * wanted.full[1], 1
                while pixels > wanted.most_pixels * fraction * fraction and fraction < 8:
                    fraction *= 2
                side = max(1, min(wanted.full) // fraction) if fraction > 1 else side
                self._make_room(round(pixels / fraction**2 * BYTES_PER_PIXEL))
            opened = self._open(wanted, side)
            self._keep(wanted, opened)
        closeup, scale = opened.closeup, wanted.scale
        left, top = wanted.left / scale, wanted.top / scale
        box = (left, top, left + wanted.width / scale, top + wanted.height / scale)
        rows = closeup.render(box, (wanted.width, wanted.height), blocks=scale >= _BLOCKS_FROM)
        image = _image(rows, wanted.width, wanted.height)
        return Picture(wanted, image, closeup.width, closeup.height, closeup.shot, opened.changed, opened.seen)

    def _open(self, wanted: Fit | Part, min_side: int) -> _Opened:
        from alpacasorter.core.photos.decode import decode_closeup
        from alpacasorter.core.photos.reading import content_key, read_photo

        try:
            seen = _seen(wanted.path)
        except OSError as error:
            raise Unreadable(os_errors.for_file(error)) from error
        data = read_photo(wanted.path)
        changed = wanted.key is not None and content_key(data) != wanted.key
        began = time.monotonic()

        def stopped() -> bool:
            if self._closed:
                return True
            # Not at once, or stepping quickly would show none.
            return time.monotonic() - began > _GIVE_UP_SECONDS and not self._is_wanted(wanted)

        return _Opened(decode_closeup(data, min_side=min_side, stopped=stopped), changed, seen)

    def _is_wanted(self, wanted: Fit | Part) -> bool:
        return any(one.path == wanted.path and type(one) is type(wanted) for one in self._wanted)

    def _kept(self, wanted: Fit | Part) -> _Opened | None:
        with self._condition:
            opened = self._full.get((wanted.path, wanted.key))
            if opened is not None:
                self._full.move_to_end((wanted.path, wanted.key))
            return opened

    def _keep(self, wanted: Fit | Part, opened: _Opened) -> None:
        with self._condition:
            self._full[wanted.path, wanted.key] = opened
            _shorten(self._full, MOST_FULL_BYTES, lambda one: one.bytes)

    def _make_room(self, room: int) -> None:
        with self._condition:
            _shorten(self._full, max(0, MOST_FULL_BYTES - room), lambda one: one.bytes, least=0)


def _seen(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _least_side(wanted: Fit) -> int:
    """Return the shorter side that a photo must be decoded at, pixels."""
    if wanted.full is None:
        return max(1, min(wanted.width, wanted.height))
    return max(1, min(_fitted(*wanted.full, wanted.width, wanted.height)))


def _fitted(width: int, height: int, across: int, down: int) -> tuple[int, int]:
    """Return the size of a photo that is made as large as it fits."""
    scale = min(across / width, down / height)
    return max(1, round(width * scale)), max(1, round(height * scale))


def _image(rows: bytes, width: int, height: int) -> QImage:
    # The format of the screen, so that the window copies it; convertToFormat copies the rows, which don't live on.
    return QImage(rows, width, height, 3 * width, QImage.Format.Format_RGB888).convertToFormat(
        QImage.Format.Format_RGB32
    )


def _shorten(kept: OrderedDict[_K, _V], limit: int, size: Callable[[_V], int], *, least: int = 1) -> None:
    """Drop what was not used for the longest time until the rest is within a limit; the last `least` stay."""
    total = sum(size(one) for one in kept.values())
    while total > limit and len(kept) > least:
        total -= size(kept.popitem(last=False)[1])
