"""Where downloaded photos come to lie: checked, listed with their author, and only then under their name.

A photo is written under a name of its own below `.unfinished`, gets its line in ATTRIBUTION.csv, and then its place. A
download that was killed in between is put right by the next one.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from alpacasorter.core.decode import decode
from alpacasorter.core.photo import Unreadable
from alpacasorter.training.attribution import Attribution, Entry
from alpacasorter.training.dataset import MIN_SIDE
from alpacasorter.training.disk import publish, sentences, write_whole
from alpacasorter.training.download_errors import Unusable
from alpacasorter.training.fetching import Web
from alpacasorter.training.open_images import PhotoInfo

MAX_PHOTO_BYTES: Final = 50 * 1024 * 1024

_UNFINISHED: Final = ".unfinished"
_OURS: Final = re.compile(r"[a-z0-9_]+-[0-9a-f]{16}\.jpg")


@dataclass(frozen=True, slots=True)
class Arrived:
    """A complete photo that has no name yet.

    Attributes:
        path: where it waits.
        url: where it came from.
        width, height: pixels, upright.
        sha256: hash of its bytes, in hexadecimal digits.
    """

    path: Path
    url: str
    width: int
    height: int
    sha256: str


class Landing:
    """The folder of a download. `bring` may be called by several threads at once."""

    def __init__(self, folder: Path, attribution: Attribution) -> None:
        """Put right what an earlier download left behind.

        Raises:
            DownloadError: the folder can't be written to.
        """
        self._folder = folder
        self._attribution = attribution
        self._unfinished = folder / _UNFINISHED
        with sentences(folder):
            self._recover()
            self._unfinished.mkdir(exist_ok=True)

    def close(self) -> None:
        """Tidy up."""
        with contextlib.suppress(OSError):
            self._unfinished.rmdir()

    def place(self, folder: str, image_id: str) -> Path:
        """Return where a photo belongs."""
        return self._folder / folder / f"{image_id}.jpg"

    def there(self) -> set[str]:
        """Return the files of all entries that still exist."""
        return {file for file in self._attribution.entries if (self._folder / file).is_file()}

    def bring(self, web: Web, url: str, folder: str, image_id: str) -> Arrived:
        """Fetch a photo and store it, whole and checked.

        Raises:
            DownloadError: it can't be had, or is no JPEG picture.
            OSError: it can't be stored; nothing is left of it.
        """
        sizes: list[tuple[int, int]] = []

        def check(data: bytes) -> None:
            try:
                photo = decode(data, min_side=MIN_SIDE)
            except Unreadable as error:
                raise Unusable(error.reason) from error
            if photo.format != "JPEG":
                raise Unusable(f"It is a {photo.format} picture, not a JPEG.")
            sizes.append((photo.width, photo.height))

        data = web.get(url, limit=MAX_PHOTO_BYTES, check=check)
        waiting = self._unfinished / f"{folder}-{image_id}.jpg"
        write_whole(waiting, data)
        width, height = sizes[-1]
        return Arrived(waiting, url, width, height, hashlib.sha256(data).hexdigest())

    def keep(self, arrived: Arrived, folder: str, title: str, subset: str, info: PhotoInfo) -> Path | None:
        """List a photo and give it its name.

        Returns:
            Where it is; None where something else has taken the name.

        Raises:
            DownloadError: the disk is full, for example.
        """
        final = self.place(folder, info.image_id)
        entry = Entry(
            file=f"{folder}/{final.name}",
            photo_class=title,
            image_id=info.image_id,
            subset=subset,
            licence=info.licence,
            author=info.author,
            author_page=info.author_page,
            title=info.title,
            original_page=info.original_page,
            original_url=info.original_url,
            fetched_from=arrived.url,
            rotation=info.rotation,
            width=str(arrived.width),
            height=str(arrived.height),
            sha256=arrived.sha256,
        )
        with sentences(self._folder):
            try:
                final.parent.mkdir(exist_ok=True)
                self._attribution.add(entry)
                published = publish(arrived.path, final)
            except Exception:
                self.drop(arrived)
                raise
        if not published:
            self.drop(arrived)
        return final if published else None

    @staticmethod
    def drop(arrived: Arrived) -> None:
        """Forget a photo that was not kept."""
        with contextlib.suppress(OSError):
            arrived.path.unlink(missing_ok=True)

    def _recover(self) -> None:
        if not self._unfinished.is_dir():
            return
        for entry in self._attribution.entries.values():
            folder, _, name = entry.file.partition("/")
            waiting, final = self._unfinished / f"{folder}-{name}", self._folder / entry.file
            if final.exists() or not waiting.is_file():
                continue
            if hashlib.sha256(waiting.read_bytes()).hexdigest() == entry.sha256:
                final.parent.mkdir(exist_ok=True)
                publish(waiting, final)
        for waiting in self._unfinished.iterdir():
            if _OURS.fullmatch(waiting.name):
                waiting.unlink()
