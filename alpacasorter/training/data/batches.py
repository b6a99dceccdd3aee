"""Photos in batches: decoded once by the app's own loader and kept, or decoded again each time if memory is short."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import numpy as np
import numpy.typing as npt

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.photo import Unreadable
from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.core.photos.picture_key import picture_key
from alpacasorter.core.photos.reading import content_key, read_photo
from alpacasorter.i18n import _
from alpacasorter.training.data.dataset import MIN_SIDE, DatasetError

KEPT_BYTES: Final = 1 << 30
"""Memory that decoded photos may take: about 7,000 photos at 224 pixels."""

Pictures = npt.NDArray[np.uint8]
Rows = npt.NDArray[np.int64]


class PhotoStore:
    """Decoded photos by row, upright, scaled to the model's input exactly as in the app.

    Use it in a `with` statement, which ends its threads.
    """

    def __init__(self, paths: Sequence[Path], side: int, *, limit: int = KEPT_BYTES) -> None:
        """Reserve memory; no photo is opened yet.

        Args:
            paths: the photos, one per row.
            side: width and height of the pictures, pixels.
            limit: bytes that may be kept; if the photos need more, each is decoded again each time.
        """
        self._paths = paths
        self.side = side
        size = len(paths) * side * side * 3
        self._kept = np.empty((len(paths), side, side, 3), dtype=np.uint8) if size <= limit else None
        self._decoded = np.zeros(len(paths), dtype=np.bool_)
        self._keys: dict[int, str] = {}
        self._closed = False
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="decode")
        self._ahead = ThreadPoolExecutor(1, thread_name_prefix="prefetch")

    def __enter__(self) -> Self:
        """Return the store."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the threads; photos being decoded are given up."""
        self._closed = True
        self._ahead.shutdown(cancel_futures=True)
        self._pool.shutdown(cancel_futures=True)

    def try_decode(self, rows: Sequence[int]) -> list[Pictures | str]:
        """Return for each row its picture uint8 (side, side, 3), or the reason it has none, a code."""
        return list(self._pool.map(self._one, rows))

    def picture_keys(self, rows: Sequence[int]) -> list[str]:
        """Return the picture keys of these rows, empty for a file that can't be read. Decoded photos aren't read again.

        It is the same for files of one picture, whatever other programs wrote into them.
        """
        return list(self._pool.map(self._key, rows))

    def pictures(self, rows: Rows) -> Pictures:
        """Return the pictures of these rows, uint8 (n, side, side, 3).

        Raises:
            DatasetError: one can no longer be read.
        """
        if self._kept is not None and self._decoded[rows].all():
            return self._kept[rows]
        found = self.try_decode(rows.tolist())
        for row, picture in zip(rows, found, strict=True):
            if isinstance(picture, str):
                raise DatasetError(
                    _("{photo} can no longer be read. {reason}").format(
                        photo=display_path(self._paths[row]), reason=reasons.sentence(picture)
                    )
                )
        return np.stack([picture for picture in found if not isinstance(picture, str)])

    def batches(self, rows: Rows, size: int) -> Iterator[tuple[Rows, Pictures]]:
        """Yield (rows, pictures) in the given order, `size` at a time; the next batch is prepared in the background.

        Raises:
            DatasetError: a photo can no longer be read.
        """
        parts = [rows[start : start + size] for start in range(0, len(rows), size)]
        upcoming: Future[Pictures] | None = None
        for place, part in enumerate(parts):
            pictures = self.pictures(part) if upcoming is None else upcoming.result()
            more = place + 1 < len(parts)
            upcoming = self._ahead.submit(self.pictures, parts[place + 1]) if more else None
            yield part, pictures

    def _one(self, row: int) -> Pictures | str:
        if self._kept is not None and self._decoded[row]:
            kept: Pictures = self._kept[row]
            return kept
        try:
            data = read_photo(self._paths[row])
            self._note(row, data)
            photo = decode(data, min_side=MIN_SIDE, stopped=lambda: self._closed)
        except Unreadable as error:
            return error.reason
        picture = model_input(photo.pixels, self.side)
        if self._kept is not None:
            self._kept[row] = picture
            self._decoded[row] = True
        return picture

    def _key(self, row: int) -> str:
        if row not in self._keys:
            try:
                self._note(row, read_photo(self._paths[row]))
            except Unreadable:
                return ""
        return self._keys[row]

    def _note(self, row: int, data: bytes) -> None:
        if row not in self._keys:
            self._keys[row] = picture_key(data, "") or content_key(data)


def shuffled(rows: Rows, seed: int, epoch: int) -> Rows:
    """Return the rows in an order that differs from epoch to epoch but is the same for the same seed."""
    order = np.random.default_rng((seed, epoch)).permutation(len(rows))
    return rows[order]
