"""Large lists kept in the user's cache folder: downloaded once, and resumed if a download was interrupted.

Only one download at a time can write to a folder.
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
from alpacasorter.core.session_paths import private_folder
from alpacasorter.i18n import _, size
from alpacasorter.training.open_images.fetch import (
    DownloadError,
    Interrupted,
    Missing,
    RangeRefused,
    Refused,
    TooLarge,
    Unusable,
    Web,
    length_of,
    too_large,
)


@contextlib.contextmanager
def explaining(folder: Path) -> Iterator[None]:
    """Turn an OSError inside the block into a DownloadError that names the folder."""
    try:
        yield
    except OSError as error:
        raise DownloadError(
            # Translators: {reason} is a sentence.
            _("{folder} can't be written to. {reason}").format(
                folder=display_path(folder), reason=sentence(for_saving(error))
            )
        ) from error


def sync(file: IO[bytes]) -> None:
    """Wait until what was written is on the disk."""
    file.flush()
    flush(file.fileno())


@contextlib.contextmanager
def only_one(file: IO[bytes], folder: Path) -> Iterator[None]:
    """Hold a lock on an open file, so that two downloads never write to the same folder.

    Raises:
        DownloadError: another process holds it.
    """
    if not lock_file(file.fileno()):
        raise DownloadError(
            _("Another download is writing to {folder}. Wait until it finishes, or stop it.").format(
                folder=display_path(folder)
            )
        )
    try:
        yield
    finally:
        unlock_file(file.fileno())


_STEP: Final = 1024 * 1024
_MOST_ATTEMPTS: Final = 100
SPARE_BYTES: Final = 50 * 1024 * 1024
"""What downloads leave free on a disk."""


@dataclass(frozen=True, slots=True)
class RemoteList:
    """A list on a server.

    Attributes:
        url: where it is.
        columns: column names that its first line must have.
        limit: bytes that it has at most.
    """

    url: str
    columns: tuple[str, ...]
    limit: int = 8 << 20

    @property
    def name(self) -> str:
        """The last part of the address, which is its name in the cache."""
        return self.url.rpartition("/")[2]


@dataclass(frozen=True, slots=True)
class ListProgress:
    """How much of a list has been downloaded.

    Attributes:
        name: its file name.
        done, total: bytes; total 0 while it is unknown.
    """

    name: str
    done: int
    total: int


@dataclass(frozen=True, slots=True)
class _State:
    """What is known about a list in the cache.

    Attributes:
        url: where it came from.
        validator: its version: the ETag, else the date.
        size: bytes; None if unknown.
    """

    url: str
    validator: str
    size: int | None


class ListCache:
    """The lists in one folder. Only one process at a time can use it; see `hold`."""

    def __init__(self, folder: Path, web: Web) -> None:
        """Prepare; nothing is written yet."""
        self._folder = folder
        self._web = web
        self._remote: dict[str, _State | None] = {}

    @contextlib.contextmanager
    def hold(self) -> Iterator[Self]:
        """Create the folder and keep other downloads out of it.

        Raises:
            DownloadError: another one is using it, or it can't be written to.
        """
        with explaining(self._folder):
            private_folder(self._folder)
            file = (self._folder / "lock").open("ab")
        with file, only_one(file, self._folder):
            yield self

    def bytes_to_fetch(self, lists: Iterable[RemoteList]) -> int | None:
        """Return how many bytes `fetch` has to download for these, or None if the server does not say."""
        total = 0
        for item in lists:
            if self._usable(item):
                continue
            remote = self._ask(item)
            if remote is None or remote.size is None:
                return None
            total += remote.size - self._resumable(item, remote.validator)
        return total

    def fetch(self, item: RemoteList) -> Generator[ListProgress, None, Path]:
        """Yield progress, and return the file of the complete list.

        Raises:
            DownloadError: it can't be downloaded, or is not the expected list.
        """
        final = self._folder / item.name
        if self._usable(item):
            return final
        failed = furthest = attempts = 0
        with explaining(self._folder):
            while True:
                try:
                    yield from self._try(item)
                    break
                except RangeRefused:
                    self._part(item).unlink(missing_ok=True)
                    failed += 1
                    again = Interrupted(_("The list {name} keeps changing.").format(name=item.name))
                    self._web.wait_after(again, failed)
                except Interrupted as error:
                    part = self._part(item)
                    reached = part.stat().st_size if part.is_file() else 0
                    attempts += 1
                    if reached > furthest and attempts < _MOST_ATTEMPTS:
                        # As long as it gets further than before, it is worth another attempt.
                        failed, furthest = 0, reached
                    failed += 1
                    self._web.wait_after(error, failed)
                except TooLarge as error:
                    self._part(item).unlink(missing_ok=True)
                    raise DownloadError(
                        # Translators: {reason} is a sentence.
                        _("The list {name} can't be downloaded. {reason}").format(name=item.name, reason=error)
                    ) from error
                except Missing as error:
                    raise DownloadError(
                        _("The list {name} does not exist at {address}.").format(name=item.name, address=item.url)
                    ) from error
            self._check(item)
            self._part(item).replace(final)
        return final

    def _try(self, item: RemoteList) -> Iterator[ListProgress]:
        state = self._state(item)
        remote = self._ask(item)
        begun = self._resumable(item, remote.validator if remote else state.validator if state else "")
        if state and begun and begun == state.size:
            # The last run ended between the last byte and the renaming.
            return
        headers = {"Range": f"bytes={begun}-", "If-Range": state.validator} if begun and state else {}
        with self._web.open(item.url, headers=headers) as response:
            validator = response.headers.get("ETag") or response.headers.get("Last-Modified") or ""
            if response.status == 206:
                if not (response.headers.get("Content-Range") or "").startswith(f"bytes {begun}-") or (
                    state is not None and validator != state.validator
                ):
                    raise RangeRefused(_("The server sent a different part from the one requested."))
            else:
                begun = 0
            rest = length_of(response)
            size = None if rest is None else begun + rest
            if (size or 0) > item.limit:
                raise too_large(item.limit)
            self._require_space(rest or 0)
            # Before the first byte: a partial file without it could belong to any version.
            self._write_state(item, _State(item.url, validator, size))
            with self._part(item).open("ab" if begun else "wb") as file:
                done = reported = begun
                yield ListProgress(item.name, done, size or 0)
                for block in self._web.blocks(response):
                    file.write(block)
                    done += len(block)
                    if done > item.limit:
                        raise too_large(item.limit)
                    if done - reported >= _STEP:
                        # A server need not say how much it sends, and others fill the disk too.
                        self._require_space(0)
                        file.flush()
                        if begun == 0 and reported == 0:
                            self._check(item)
                        reported = done
                        yield ListProgress(item.name, done, size or 0)
                sync(file)
            self._write_state(item, _State(item.url, validator, done))
            yield ListProgress(item.name, done, done)

    def _usable(self, item: RemoteList) -> bool:
        """Tell whether the complete list is here and up to date, as far as the server can be asked."""
        final = self._folder / item.name
        state = self._state(item)
        if state is None or state.size is None or not final.is_file() or final.stat().st_size != state.size:
            return False
        if self._part(item).exists():
            return False
        remote = self._ask(item)
        return remote is None or (remote.validator, remote.size or state.size) == (state.validator, state.size)

    def _ask(self, item: RemoteList) -> _State | None:
        """Ask the server for size and version, once per run; None if it does not say."""
        if item.url not in self._remote:
            answer = None
            with contextlib.suppress(Missing, Refused, Interrupted), self._web.open(item.url, method="HEAD") as head:
                validator = head.headers.get("ETag") or head.headers.get("Last-Modified") or ""
                answer = _State(item.url, validator, length_of(head))
            self._remote[item.url] = answer
        return self._remote[item.url]

    def _resumable(self, item: RemoteList, validator: str) -> int:
        """Return how many bytes of this version of the list have been downloaded already."""
        state, part = self._state(item), self._part(item)
        # Files with the same weak ETag are equivalent, but need not have the same bytes.
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

    def _require_space(self, needed: int) -> None:
        free = shutil.disk_usage(self._folder).free
        if free < needed + SPARE_BYTES:
            raise DownloadError(
                _(
                    "There is not enough space in {folder}. Needs {needed}; {free} free. Set ALPACASORTER_CACHE_DIR to "
                    "a folder on another disk."
                ).format(folder=display_path(self._folder), needed=size(needed + SPARE_BYTES), free=size(free))
            )

    def _check(self, item: RemoteList) -> None:
        with self._part(item).open("rb") as file:
            first = file.readline(4096).decode("utf-8-sig", errors="replace")
        if first.strip().split(",")[: len(item.columns)] != list(item.columns):
            self._part(item).unlink()
            raise Unusable(
                _("{address} did not return the expected list. Your network may require you to log in first.").format(
                    address=item.url
                )
            )
