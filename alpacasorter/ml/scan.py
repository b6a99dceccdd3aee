"""The scan pipeline: a folder in, embeddings out, as a generator of events.

N threads each take the next photo, read it, decode it once and run the backbone on it; the generator collects what
they finish, stores it in the cache in batches and yields it. A photo whose path, size and time of change are in the
cache is not opened. See docs/decisions for why plain threads that do everything serve best.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from alpacasorter.core.cache import Cache, CacheEntry, KnownFile
from alpacasorter.core.decode import decode, model_input
from alpacasorter.core.events import Finished, Found, Problem, Problems, Progress
from alpacasorter.core.files import display_path
from alpacasorter.core.photo import PhotoFacts, PhotoFile, Unreadable, content_key, read_photo
from alpacasorter.core.reasons import NO_MEMORY
from alpacasorter.core.walk import OtherFiles
from alpacasorter.ml.backbone import BackboneError
from alpacasorter.ml.embedded import Embedded, EmbeddedPhoto, sorted_out
from alpacasorter.ml.finding import found_in_batches
from alpacasorter.ml.work_list import Rate, WorkList

__all__ = [
    "DECODE_SIDE",
    "THUMBNAIL_SIDE",
    "Embed",
    "Embedded",
    "EmbeddedPhoto",
    "Opener",
    "Pipeline",
    "PipelineEvent",
    "Scan",
]

_log = logging.getLogger(__name__)

THUMBNAIL_SIDE = 320
"""Long side of a thumbnail, pixels: a grid cell at twice the resolution of an ordinary screen."""

DECODE_SIDE = 256
"""Short side, pixels, below which a photo is not reduced while decoding: some more than the network takes in."""

_CACHED_BATCH = 4000
_RESULTS_WAITING = 64
_COLLECT_SECONDS = 0.05


PipelineEvent = Found | Embedded | Problems | Progress | Finished
Embed = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


class Pipeline(TypedDict):
    """What photos are opened and judged with.

    Attributes:
        cache: where known photos are looked up and new ones are stored.
        backbone_id: whose embeddings the cache is asked for.
        embedding_size: numbers in each of them.
        embed: from a model input, uint8 (input_size, input_size, 3), to float32 (embedding_size,); called by
            all threads.
        input_size: pixels.
        threads: how many photos are worked on at once.
    """

    cache: Cache
    backbone_id: str
    embedding_size: int
    embed: Embed
    input_size: int
    threads: int


class Opener:
    """Opens photos and runs the backbone on them. `run()` is for one thread at a time; the rest for any."""

    def __init__(self, *, stopped: Callable[[], bool], **pipeline: Unpack[Pipeline]) -> None:
        """Prepare. Once `stopped`, it ends after what is being worked on."""
        self._cache = pipeline["cache"]
        self._backbone_id = pipeline["backbone_id"]
        self._embedding_size = pipeline["embedding_size"]
        self._embed = pipeline["embed"]
        self._input_size = pipeline["input_size"]
        self._thread_count = pipeline["threads"]
        self._stopped = stopped
        self._work = WorkList()

    def prefer(self, paths: Iterable[Path]) -> None:
        """Open these photos next."""
        self._work.prefer(paths)

    def run(self, files: Sequence[PhotoFile]) -> Iterator[tuple[Embedded, Problems]]:
        """Open photos on all threads; yield finished ones in batches, stored in the cache. Closing it ends them."""
        if not files or self._stopped():
            return
        self._work.add(files)
        results: queue.Queue[CacheEntry] = queue.Queue(maxsize=_RESULTS_WAITING)
        stop = threading.Event()
        threads = [
            threading.Thread(target=self._work_off, args=(results, stop), name=f"scan-{n}")
            for n in range(min(self._thread_count, len(files)))
        ]
        left = len(files)
        try:
            for thread in threads:
                thread.start()
            while left and not self._stopped():
                batch = _collect(results)
                if batch:
                    left -= len(batch)
                    # Without a key it is not remembered: it may go well the next time.
                    self._cache.store([entry for entry in batch if entry.content_key])
                    yield sorted_out(batch)
        finally:
            stop.set()
            while any(thread.is_alive() for thread in threads):
                with contextlib.suppress(queue.Empty):
                    results.get(timeout=0.01)

    def _work_off(self, results: queue.Queue[CacheEntry], stop: threading.Event) -> None:
        while not stop.is_set() and not self._stopped():
            file = self._work.take()
            if file is None:
                return
            results.put(self._open_photo(file))

    def _open_photo(self, file: PhotoFile) -> CacheEntry:
        try:
            return self._judge(file, read_photo(file.path))
        except Unreadable as error:
            return _failed(file, None, error.reason)
        except BackboneError as error:
            return _failed(file, None, str(error))
        except Exception as error:  # noqa: BLE001  # one photo must never end a scan, whatever happens to it
            _log.warning("%s can't be judged: %r", display_path(file.path), error)
            return _failed(file, None, "Something unexpected happened, so this photo can't be judged. Scan again.")

    def _judge(self, file: PhotoFile, data: bytes) -> CacheEntry:
        key = content_key(data)
        known = self._cache.known_content(key, backbone_id=self._backbone_id, size=self._embedding_size)
        if known is not None and known.has_thumbnail:
            return CacheEntry(file, key, None, known.facts, None, known.embedding, self._backbone_id)
        try:
            photo = decode(data, min_side=DECODE_SIDE, thumbnail_side=THUMBNAIL_SIDE)
        except Unreadable as error:
            # The bytes are at fault and will be tomorrow; too little memory is not their fault.
            return _failed(file, None if error.reason == NO_MEMORY else key, error.reason)
        # A number too large for float16 becomes infinite, and is told below.
        with np.errstate(over="ignore"):
            embedding = self._embed(model_input(photo.pixels, self._input_size)).astype("<f2")
        if embedding.shape != (self._embedding_size,) or not np.isfinite(embedding).all():
            raise BackboneError("The model gave no usable answer for this photo.")
        facts = PhotoFacts(photo.width, photo.height, photo.taken_at, photo.format)
        return CacheEntry(file, key, None, facts, photo.thumbnail, embedding.tobytes(), self._backbone_id)


class Scan:
    """One scan of one folder. Iterate over `run()` once; `prefer()` and `cancel()` may come from other threads."""

    def __init__(self, root: Path, *, recursive: bool, **pipeline: Unpack[Pipeline]) -> None:
        """Prepare a scan of `root`, with its sub-folders where `recursive`."""
        self._root = root
        self._recursive = recursive
        self._cache = pipeline["cache"]
        self._backbone_id = pipeline["backbone_id"]
        self._embedding_size = pipeline["embedding_size"]
        self._cancelled = threading.Event()
        self._opener = Opener(stopped=self._cancelled.is_set, **pipeline)

    def cancel(self) -> None:
        """Stop after the photos that are being worked on."""
        self._cancelled.set()

    def prefer(self, paths: Iterable[Path]) -> None:
        """Open these photos next (those that the user looks at)."""
        self._opener.prefer(paths)

    def run(self) -> Generator[PipelineEvent, None, None]:
        """Yield what is found, known, judged and unreadable, then one Finished. Closing it ends its threads.

        Raises:
            FolderUnavailable: the folder itself can't be read.
        """
        started = time.perf_counter()
        files: list[PhotoFile] = []
        not_photos = left_alone = sorted_folders = 0
        for event in found_in_batches(self._root, recursive=self._recursive, stopped=self._cancelled.is_set):
            if isinstance(event, OtherFiles):
                left_alone, sorted_folders = event.count, event.sorted_folders
                continue
            if isinstance(event, Found):
                files += event.files
            else:
                not_photos += len(event.problems)
            yield event
            if self._cancelled.is_set():
                break
        judged = unreadable = opened = 0
        fresh: list[PhotoFile] = []
        for known in self._known(files, fresh):
            if isinstance(known, Embedded):
                judged += len(known.photos)
            else:
                unreadable += len(known.problems)
            yield known
        rate = Rate(len(files), done=judged + unreadable)
        yield rate.progress()
        for embedded, problems in self._opener.run(fresh):
            opened += len(embedded.photos) + len(problems.problems)
            judged += len(embedded.photos)
            unreadable += len(problems.problems)
            if embedded.photos:
                yield embedded
            if problems.problems:
                yield problems
            rate.add(judged + unreadable)
            yield rate.progress()
        yield Finished(
            total=len(files),
            judged=judged,
            unreadable=unreadable + not_photos,
            opened=opened,
            left_alone=left_alone,
            seconds=time.perf_counter() - started,
            cancelled=self._cancelled.is_set(),
            sorted_folders=sorted_folders,
        )

    def _known(self, files: Sequence[PhotoFile], fresh: list[PhotoFile]) -> Iterator[Embedded | Problems]:
        """Yield what the cache knows of `files`; the others are appended to `fresh`."""
        known = self._cache.lookup_folder(self._root, backbone_id=self._backbone_id)
        for start in range(0, len(files), _CACHED_BATCH):
            if self._cancelled.is_set():
                return
            judged: list[tuple[PhotoFile, KnownFile]] = []
            problems: list[Problem] = []
            for file in files[start : start + _CACHED_BATCH]:
                entry = known.get(file.path)
                if entry is None or (entry.size, entry.mtime_ns) != (file.size, file.mtime_ns):
                    fresh.append(file)
                elif entry.reason is not None:
                    problems.append(Problem(file.path, entry.reason))
                elif entry.content_key and entry.facts and entry.has_embedding:
                    judged.append((file, entry))
                else:
                    fresh.append(file)
            keys = [entry.content_key or "" for _, entry in judged]
            found, embeddings = self._cache.load_embeddings(
                keys, backbone_id=self._backbone_id, size=self._embedding_size
            )
            row_of = {key: row for row, key in enumerate(found)}
            rows: list[int] = []
            photos: list[EmbeddedPhoto] = []
            for file, entry in judged:
                row = row_of.get(entry.content_key or "")
                if row is None or entry.content_key is None or entry.facts is None:
                    fresh.append(file)
                    continue
                rows.append(row)
                photos.append(EmbeddedPhoto(file.path, entry.content_key, entry.facts))
            if photos:
                yield Embedded(tuple(photos), embeddings[rows])
            if problems:
                yield Problems(tuple(problems))


def _failed(file: PhotoFile, key: str | None, reason: str) -> CacheEntry:
    return CacheEntry(file, key, reason, None, None, None, None)


def _collect(results: queue.Queue[CacheEntry]) -> list[CacheEntry]:
    """Wait for one result, then take what comes within the time that batches one frame of the window."""
    batch: list[CacheEntry] = []
    until = time.monotonic() + _COLLECT_SECONDS
    with contextlib.suppress(queue.Empty):
        while (wait := until - time.monotonic()) > 0:
            batch.append(results.get(timeout=wait))
    return batch
