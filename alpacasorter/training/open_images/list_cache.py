"""Large lists kept in the user's cache folder: fetched once, and resumed where a download broke off.

Files that must not end half-written, and folders that only one download at a time may write to.
"""

from __future__ import annotations

import contextlib
import json
import shutil
from collections.abc import Generator, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO, Final, Self

from alpacasorter.core.files import display_path, flush, lock_file, unlock_file
from alpacasorter.core.os_errors import for_saving
from alpacasorter.core.reasons import sentence
from alpacasorter.core.safe_write import write_over
from alpacasorter.training.open_images.fetch import (
    DownloadError,
    Interrupted,
    Missing,
    RangeRefused,
    Refused,
    Unusable,
    Web,
    length_of,
)


@contextlib.contextmanager
def sentences(folder: Path) -> Iterator[None]:
    """Turn an error of the disk inside the block into a sentence that names the folder.

    Raises:
        DownloadError: in place of OSError.
    """
    try:
        yield
    except OSError as error:
        raise DownloadError(f"{display_path(folder)} can't be written to. {sentence(for_saving(error))}") from error


def sync(file: IO[bytes]) -> None:
    """Bring what was written to the disk itself."""
    file.flush()
    flush(file.fileno())


@contextlib.contextmanager
def only_one(file: IO[bytes], folder: Path) -> Iterator[None]:
    """Hold a lock on an open file, so that two downloads never write to one folder.

    Raises:
        DownloadError: another one holds it.
    """
    if not lock_file(file.fileno()):
        raise DownloadError(
            f"Another download is writing to {display_path(folder)}. Wait until it is done, or stop it."
        )
    try:
        yield
    finally:
        unlock_file(file.fileno())


_STEP: Final = 1024 * 1024
_SPARE_BYTES: Final = 50 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class RemoteList:
    """A list on a server.

    Attributes:
        url: where it is.
        columns: column names that its first line must have.
    """

    url: str
    columns: tuple[str, ...]

    @property
    def name(self) -> str:
        """The last part of the address, the name it has in the cache."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ListProgress:
    """How much of a list is here.

    Attributes:
        name: its file name.
        done, total: bytes; total 0 while that is not known.
    """

    name: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class _State:
    """What is known of a list in the cache: from where, which version (the ETag, else the date), how many bytes."""

    url: str
    validator: str
    size: int | None


class ListCache:
    """The lists in one folder. One process at a time uses it; see `hold`."""

    def __init__(self, folder: Path, web: Web) -> None:
        """Nothing is written yet."""
        self._folder = folder
        self._web = web
        self._remote: dict[str, _State | None] = {}

    @contextlib.contextmanager
    def hold(self) -> Iterator[Self]:
        """Make the folder and keep other downloads out of it.

        Raises:
            DownloadError: another one is at work there, or it can't be written to.
        """
        with sentences(self._folder):
            self._folder.mkdir(parents=True, exist_ok=True)
            file = (self._folder / "lock").open("ab")
        with file, only_one(file, self._folder):
            yield self

    def bytes_to_fetch(self, lists: Iterable[RemoteList]) -> int | None:
        """Return how many bytes `fetch` has to get for these, or None where the server does not say."""
        total = 0
        for item in lists:
            if self._usable(item):
                continue
            remote = self._look(item)
            if remote is None or remote.size is None:
                return None
            total += remote.size - self._resumable(item, remote.validator)
        return total

    def fetch(self, item: RemoteList) -> Generator[ListProgress, None, Path]:
        """Yield progress, and return the file of the complete list.

        Raises:
            DownloadError: it can't be had, or is not what it should be.
        """
        final = self._folder / item.name
        if self._usable(item):
            return final
        failed, furthest = 0, 0
        with sentences(self._folder):
            while True:
                try:
                    yield from self._try(item)
                    break
                except RangeRefused:
                    self._part(item).unlink(missing_ok=True)
                    failed += 1
                    self._web.wait_after(Interrupted(f"The list {item.name} changes again and again."), failed)
                except Interrupted as error:
                    part = self._part(item)
                    reached = part.stat().st_size if part.is_file() else 0
                    if reached > furthest:
                        # As long as it gets further than ever before, it is worth another try.
                        failed, furthest = 0, reached
                    failed += 1
                    self._web.wait_after(error, failed)
                except Missing as error:
                    raise DownloadError(f"The list {item.name} is not at {item.url}.") from error
            self._check(item)
            self._part(item).replace(final)
        return final

    def _try(self, item: RemoteList) -> Iterator[ListProgress]:
        state = self._state(item)
        remote = self._look(item)
        begun = self._resumable(item, remote.validator if remote else state.validator if state else "")
        if state and begun and begun == state.size:
            # The last run ended between the last byte and the final name.
            return
        headers = {"Range": f"bytes={begun}-", "If-Range": state.validator} if begun and state else {}
        with self._web.open(item.url, headers=headers) as response:
            validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            if response.status == 206:
                if not (response.headers.get("Content-Range") or "").startswith(f"bytes {begun}-") or (
                    state is not None and validator != state.validator
                ):
                    raise RangeRefused("The server sent another part than it was asked for.")
            else:
                begun = 0
            rest = length_of(response)
            size = None if rest is None else begun + rest
            self._make_sure_of_room(rest or 0)
            # Before the first byte: a part without it could belong to any version.
            self._write_state(item, _State(item.url, validator, size))
            with self._part(item).open("ab" if begun else "wb") as file:
                done = told = begun
                yield ListProgress(item.name, done, size or 0)
                for block in self._web.blocks(response):
                    file.write(block)
                    done += len(block)
                    if done - told >= _STEP:
                        told = done
                        yield ListProgress(item.name, done, size or 0)
                sync(file)
            self._write_state(item, _State(item.url, validator, done))
            yield ListProgress(item.name, done, done)

    def _usable(self, item: RemoteList) -> bool:
        """Tell whether the complete list is here, and is what the server has, where that can be asked."""
        final = self._folder / item.name
        state = self._state(item)
        if state is None or state.size is None or not final.is_file() or final.stat().st_size != state.size:
            return False
        if self._part(item).exists():
            return False
        remote = self._look(item)
        return remote is None or (remote.validator, remote.size or state.size) == (state.validator, state.size)

    def _look(self, item: RemoteList) -> _State | None:
        """Ask the server for size and version, once a run; None where it does not say."""
        if item.url not in self._remote:
            answer = None
            with contextlib.suppress(Missing, Refused, Interrupted), self._web.open(item.url, method="HEAD") as head:
                validator = head.headers.get("ETag") or head.headers.get("Last-Modified") or ""
                answer = _State(item.url, validator, length_of(head))
            self._remote[item.url] = answer
        return self._remote[item.url]

    def _resumable(self, item: RemoteList, validator: str) -> int:
        """Return how many bytes of this version of the list are here already."""
        state, part = self._state(item), self._part(item)
        # A weak ETag names what means the same, not what has the same bytes.
        if state is None or not validator or validator != state.validator or validator.startswith("W/"):
            return 0
        return part.stat().st_size if part.is_file() else 0

    def _part(self, item: RemoteList) -> Path:
        return self._folder / f"{item.name}.part"

    def _state(self, item: RemoteList) -> _State | None:
        try:
            data = json.loads((self._folder / f"{item.name}.json").read_text(encoding="utf-8"))
            state = _State(str(data["url"]), str(data["validator"]), data["size"] and int(data["size"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        return state if state.url == item.url else None

    def _write_state(self, item: RemoteList, state: _State) -> None:
        path = self._folder / f"{item.name}.json"
        write_over(path, [json.dumps(asdict(state)).encode()])

    def _make_sure_of_room(self, needed: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < needed + _SPARE_BYTES:
            raise DownloadError(
                f"There is not enough room in {display_path(self._folder)}: {needed:,} bytes are needed and "
                f"{free:,} are free. ALPACASORTER_CACHE_DIR can name a folder on another disk."
            )

    def _check(self, item: RemoteList) -> None:
        with self._part(item).open("rb") as file:
            first = file.readline(4096).decode("utf-8-sig", errors="replace")
        if first.strip().split(",")[: len(item.columns)] != list(item.columns):
            self._part(item).unlink()
            raise Unusable(
                f"What {item.url} sent is not the list it should be. Perhaps the network asks you to log in first."
            )
