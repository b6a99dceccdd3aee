"""The scan pipeline: a folder in, embeddings out, as a generator of events.

N threads each take the next photo, read it, decode it once and run the backbone on it; the generator collects their
results, stores them in the cache in batches and yields them. A photo whose path, size and modification time are in the
cache is not opened. docs/decisions/0002-threads-that-decode-and-judge.md says why plain threads that do everything work
best.
"""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypedDict, Unpack

import numpy as np
import numpy.typing as npt

from alpacasorter.core.events import Finished, Found, Problem, Problems, Progress
from alpacasorter.core.files import display_path
from alpacasorter.core.photo import PhotoFacts, PhotoFile, Unreadable
from alpacasorter.core.photos.bounded import DecodingStopped
from alpacasorter.core.photos.decode import decode, model_input, read_header
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.photos.picture_key import picture_key
from alpacasorter.core.photos.reading import content_key, read_photo
from alpacasorter.core.photos.walk import OtherFiles, WalkProblem, walk
from alpacasorter.core.reasons import MODEL_FAILED, NO_MEMORY, NOT_JUDGED, TOO_SLOW, UNEXPECTED
from alpacasorter.core.store.cache import Cache, CacheEntry, KnownFile
from alpacasorter.ml.runtime.backbone import UNUSABLE_NUMBERS, BackboneError

_log = logging.getLogger(__name__)

THUMBNAIL_SIDE = 320
"""Long side of a thumbnail, pixels: a grid cell at twice the resolution of an ordinary screen."""

DECODE_SIDE = 256
"""The short side is not reduced below this while decoding, pixels: a little more than the backbone's input needs."""

_FOUND_BATCH = 1000
_FOUND_SECONDS = 0.25
_CACHED_BATCH = 4000
_RESULTS_WAITING = 64
_COLLECT_SECONDS = 0.05
_QUIET_SECONDS = 1.0
_RATE_SECONDS = 4.0
_SLOW_SECONDS = 1.0
_MORE_THREADS = 4
"""How many photos that take longer than `_SLOW_SECONDS` have another thread go on with the others meanwhile."""


@dataclass(frozen=True, slots=True)
class Embedded:
    """Photos with their embeddings, on their way to the head. The n-th entries of all fields belong together.

    Attributes:
        paths, content_keys, facts: of the photos.
        embeddings: float16 (n, embedding size).
        picture_keys: of the photos (see `core.photos.picture_key`); None for one that an earlier version of the app
            stored, and empty if they don't matter.
    """

    paths: tuple[Path, ...]
    content_keys: tuple[str, ...]
    facts: tuple[PhotoFacts, ...]
    embeddings: npt.NDArray[np.float16]
    picture_keys: tuple[str | None, ...] = ()


# Path, content key, facts, picture key.
_Photo = tuple[Path, str, PhotoFacts, str | None]
PipelineEvent = Found | Embedded | Problems | Progress | Finished
Embed = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.float32]]


def _found_in_batches(
    root: Path, *, recursive: bool, stopped: Callable[[], bool], exclusion: Exclusion
) -> Iterator[Found | Problems | OtherFiles]:
    """Yield what the walker finds, in its order; photos come in batches.

    Raises:
        FolderUnavailable: on first iteration, if the folder itself can't be read.
    """
    found: list[PhotoFile] = []
    until = time.monotonic() + _FOUND_SECONDS
    for item in walk(root, recursive=recursive, stopped=stopped, exclusion=exclusion):
        if isinstance(item, PhotoFile):
            found.append(item)
        # A slow drive may take seconds for a full batch, and the window would stay empty that long.
        if found and (not isinstance(item, PhotoFile) or len(found) == _FOUND_BATCH or time.monotonic() > until):
            yield Found(tuple(found))
            found = []
            until = time.monotonic() + _FOUND_SECONDS
        if isinstance(item, WalkProblem):
            yield Problems((Problem(item.path, item.reason, item.is_folder),))
        elif isinstance(item, OtherFiles):
            yield item


class WorkList:
    """Photos that are still to be opened, in order; those on the screen can be moved to the front. Thread-safe."""

    def __init__(self) -> None:
        """Start empty."""
        self._waiting: dict[Path, PhotoFile] = {}
        self._order: deque[Path] = deque()
        self._preferred: deque[Path] = deque()
        self._lock = threading.Lock()

    def add(self, files: Iterable[PhotoFile]) -> None:
        """Append photos in the order in which to open them."""
        with self._lock:
            self._waiting |= {file.path: file for file in files}
            self._order = deque(self._waiting)

    def __bool__(self) -> bool:
        """Tell whether any is left."""
        return bool(self._waiting)

    def take(self) -> PhotoFile | None:
        """Remove and return the next photo, or None if none is left."""
        with self._lock:
            for paths in (self._preferred, self._order):
                while paths:
                    file = self._waiting.pop(paths.popleft(), None)
                    if file is not None:
                        return file
            return None

    def prefer(self, paths: Iterable[Path]) -> None:
        """Open these next, in this order; those that are no longer waiting when their turn comes are skipped."""
        with self._lock:
            self._preferred = deque(paths)


class Rate:
    """Photos per second over the last few seconds, and the time left that follows."""

    def __init__(self, total: int, *, done: int) -> None:
        """Start the clock, with `done` of `total` photos done already."""
        self._total = total
        self._done = done
        self._points: deque[tuple[float, int]] = deque([(time.monotonic(), done)])

    def add(self, done: int) -> None:
        """Note that `done` photos are done now."""
        now = time.monotonic()
        self._done = done
        self._points.append((now, done))
        while now - self._points[0][0] > _RATE_SECONDS and len(self._points) > 2:
            self._points.popleft()

    def progress(self) -> Progress:
        """Return how much is done and how fast it goes."""
        (first, before), (last, after) = self._points[0], self._points[-1]
        rate = (after - before) / (last - first) if last > first else 0.0
        left = (self._total - self._done) / rate if rate else None
        return Progress(self._done, self._total, rate, left)


class Pipeline(TypedDict):
    """What photos are opened and embedded with.

    Attributes:
        cache: where known photos are looked up and new ones stored.
        backbone_id: the backbone whose embeddings are looked up and stored.
        embedding_size: numbers per embedding.
        embed: turns a model input, uint8 (input_size, input_size, 3), into an embedding, float32 (embedding_size,);
            called by all threads.
        input_size: pixels per side of a model input.
        threads: how many photos are processed at once.
    """

    cache: Cache
    backbone_id: str
    embedding_size: int
    embed: Embed
    input_size: int
    threads: int


class Opener:
    """Opens photos and runs the backbone on them. `run()` is for one thread at a time, `prefer()` for any.

    Attributes:
        known: content keys of unchanged files whose header an earlier version did not read completely. Only
            that is read; they count as known even if it can't be.
    """

    def __init__(self, *, stopped: Callable[[], bool], **pipeline: Unpack[Pipeline]) -> None:
        """Prepare. Once `stopped` returns True, it ends after the photos in progress."""
        self._cache = pipeline["cache"]
        self._backbone_id = pipeline["backbone_id"]
        self._embedding_size = pipeline["embedding_size"]
        self._embed = pipeline["embed"]
        self._input_size = pipeline["input_size"]
        self._thread_count = pipeline["threads"]
        self._stopped = stopped
        self._work = WorkList()
        self._stop = threading.Event()
        # When each thread began with the photo that it has.
        self._threads: dict[threading.Thread, float] = {}
        self._wanted = 0
        self.known: dict[Path, str] = {}

    def prefer(self, paths: Iterable[Path]) -> None:
        """Open these photos next."""
        self._work.prefer(paths)

    def run(self, files: Sequence[PhotoFile]) -> Iterator[tuple[Embedded, Problems]]:
        """Open photos on all threads; yield them in batches, stored in the cache. Closing it ends the threads.

        A batch is empty if no photo was ready for a second.
        """
        if not files or self._stopped():
            return
        self._work.add(files)
        results: queue.Queue[CacheEntry] = queue.Queue(maxsize=_RESULTS_WAITING)
        self._stop.clear()
        left = len(files)
        heard = time.monotonic()
        try:
            while left and not self._stopped():
                self._start_threads(results)
                batch = _collect(results)
                if batch or time.monotonic() - heard > _QUIET_SECONDS:
                    heard = time.monotonic()
                    left -= len(batch)
                    # A failure without a key is not stored: it may succeed next time.
                    self._cache.store([entry for entry in batch if entry.content_key])
                    yield _split(batch)
        finally:
            self._stop.set()
            while any(thread.is_alive() for thread in self._threads):
                with contextlib.suppress(queue.Empty):
                    results.get(timeout=0.01)
            self._threads = {}

    def _start_threads(self, results: queue.Queue[CacheEntry]) -> None:
        """Keep this many threads busy with photos that don't take long."""
        now = time.monotonic()
        slow = 0
        for thread, since in list(self._threads.items()):
            if not thread.is_alive():
                del self._threads[thread]
            elif now - since > _SLOW_SECONDS:
                slow += 1
        self._wanted = self._thread_count + min(slow, _MORE_THREADS)
        for _ in range(self._wanted - len(self._threads)):
            if not self._work:
                return
            thread = threading.Thread(target=self._work_through, args=(results,), name=f"scan-{len(self._threads)}")
            self._threads[thread] = now
            thread.start()

    def _work_through(self, results: queue.Queue[CacheEntry]) -> None:
        this = threading.current_thread()
        # One that was replaced while it had a slow photo ends.
        while not self._is_over() and len(self._threads) <= self._wanted:
            file = self._work.take()
            if file is None:
                return
            self._threads[this] = time.monotonic()
            try:
                results.put(self._open_photo(file))
            except DecodingStopped:
                return

    def _is_over(self) -> bool:
        return self._stop.is_set() or self._stopped()

    def _open_photo(self, file: PhotoFile) -> CacheEntry:
        try:
            return self._as_known(file) or self._embed_photo(file, read_photo(file.path))
        except DecodingStopped:
            raise
        except Unreadable as error:
            return _failed(file, None, error.reason)
        except BackboneError as error:
            _log.warning("%s can't be judged: %s", display_path(file.path), error.code)
            return _failed(file, None, MODEL_FAILED)
        except Exception as error:  # noqa: BLE001  # one photo must never end a scan, whatever happens to it
            _log.warning("%s can't be judged: %r", display_path(file.path), error)
            return _failed(file, None, UNEXPECTED)

    def _as_known(self, file: PhotoFile) -> CacheEntry | None:
        """Return what is known about a file of `known`, with its header read again; None for other files."""
        key = self.known.get(file.path)
        if key is None:
            return None
        known = self._cache.known_content(key, backbone_id=self._backbone_id, size=self._embedding_size)
        if known is None:
            return None
        facts, header = known.facts, read_header(file.path)
        if header is not None:
            facts = replace(facts, taken_at=header.taken_at, taken_from=header.source, camera=header.camera)
        return CacheEntry(file, key, None, facts, None, known.embedding, self._backbone_id)

    def _embed_photo(self, file: PhotoFile, data: bytes) -> CacheEntry:
        key = content_key(data)
        picture = picture_key(data, key)
        known = self._cache.known_content(key, backbone_id=self._backbone_id, size=self._embedding_size)
        if known is not None and known.has_thumbnail:
            return CacheEntry(file, key, None, known.facts, None, known.embedding, self._backbone_id, picture)
        try:
            photo = decode(data, min_side=DECODE_SIDE, thumbnail_side=THUMBNAIL_SIDE, stopped=self._is_over)
        except Unreadable as error:
            # The bytes are at fault and always will be, except if memory or time was short.
            return _failed(file, None if error.reason in (NO_MEMORY, TOO_SLOW) else key, error.reason)
        # A number too large for float16 becomes infinite, which is checked below.
        with np.errstate(over="ignore"):
            embedding = self._embed(model_input(photo.pixels, self._input_size)).astype("<f2")
        if embedding.shape != (self._embedding_size,) or not np.isfinite(embedding).all():
            raise BackboneError(UNUSABLE_NUMBERS)
        facts = PhotoFacts(photo.width, photo.height, photo.taken_at, photo.format, photo.taken_from, photo.camera)
        return CacheEntry(file, key, None, facts, photo.thumbnail, embedding.tobytes(), self._backbone_id, picture)


class Scan:
    """One scan of one folder. Iterate over `run()` once; other threads may call `prefer()` and `cancel()`."""

    def __init__(
        self, root: Path, *, recursive: bool, exclusion: Exclusion = NOTHING, **pipeline: Unpack[Pipeline]
    ) -> None:
        """Prepare a scan of `root`, with its subfolders if `recursive`, without what the user leaves out."""
        self._root = root
        self._recursive = recursive
        self._exclusion = exclusion
        self._cache = pipeline["cache"]
        self._backbone_id = pipeline["backbone_id"]
        self._embedding_size = pipeline["embedding_size"]
        self._canceled = threading.Event()
        self._opener = Opener(stopped=self._canceled.is_set, **pipeline)

    @property
    def canceled(self) -> bool:
        """Whether it was stopped."""
        return self._canceled.is_set()

    def cancel(self) -> None:
        """Stop after the photos in progress."""
        self._canceled.set()

    def prefer(self, paths: Iterable[Path]) -> None:
        """Open these photos next: those on the screen."""
        self._opener.prefer(paths)

    def run(self) -> Generator[PipelineEvent, None, None]:
        """Yield what is found, embedded and unreadable, then one Finished. Closing it ends its threads.

        Raises:
            FolderUnavailable: the folder itself can't be read.
        """
        started = time.perf_counter()
        files: list[PhotoFile] = []
        not_photos = 0
        others = OtherFiles(0, 0, 0, 0, ())
        for event in _found_in_batches(
            self._root, recursive=self._recursive, stopped=self._canceled.is_set, exclusion=self._exclusion
        ):
            if isinstance(event, OtherFiles):
                others = event
                continue
            if isinstance(event, Found):
                files += event.files
            else:
                not_photos += len(event.problems)
            yield event
            if self._canceled.is_set():
                break
        judged = unreadable = opened = 0
        fresh: list[PhotoFile] = []
        for known in self._known(files, fresh):
            if isinstance(known, Embedded):
                judged += len(known.paths)
            else:
                unreadable += len(known.problems)
            yield known
        rate = Rate(len(files), done=judged + unreadable)
        yield rate.progress()
        for embedded, problems in self._opener.run(fresh):
            opened += len(embedded.paths) + len(problems.problems)
            judged += len(embedded.paths)
            unreadable += len(problems.problems)
            if embedded.paths:
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
            left_alone=others.count,
            seconds=time.perf_counter() - started,
            canceled=self._canceled.is_set(),
            sorted_folders=others.sorted_folders,
            nomedia_folders=others.nomedia_folders,
            left_out=others.left_out,
        )

    def _known(self, files: Sequence[PhotoFile], fresh: list[PhotoFile]) -> Iterator[Embedded | Problems]:
        """Yield what the cache knows about `files`; append the others to `fresh`."""
        known = self._cache.lookup_folder(self._root, backbone_id=self._backbone_id)
        for start in range(0, len(files), _CACHED_BATCH):
            if self._canceled.is_set():
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
                    if entry.facts.taken_from is None:
                        self._opener.known[file.path] = entry.content_key
                        fresh.append(file)
                    else:
                        judged.append((file, entry))
                else:
                    fresh.append(file)
            keys = [entry.content_key or "" for _file, entry in judged]
            found, embeddings = self._cache.load_embeddings(
                keys, backbone_id=self._backbone_id, size=self._embedding_size
            )
            row_of = {key: row for row, key in enumerate(found)}
            rows: list[int] = []
            photos: list[_Photo] = []
            for file, entry in judged:
                row = row_of.get(entry.content_key or "")
                if row is None or entry.content_key is None or entry.facts is None:
                    fresh.append(file)
                    continue
                rows.append(row)
                photos.append((file.path, entry.content_key, entry.facts, entry.picture_key))
            if photos:
                yield _embedded(photos, embeddings[rows])
            if problems:
                yield Problems(tuple(problems))


def _failed(file: PhotoFile, key: str | None, reason: str) -> CacheEntry:
    return CacheEntry(file, key, reason, None, None, None, None)


def _collect(results: queue.Queue[CacheEntry]) -> list[CacheEntry]:
    """Return the results that arrive within the time for one batch, about one frame of the window."""
    batch: list[CacheEntry] = []
    until = time.monotonic() + _COLLECT_SECONDS
    with contextlib.suppress(queue.Empty):
        while (wait := until - time.monotonic()) > 0:
            batch.append(results.get(timeout=wait))
    return batch


def _split(batch: Sequence[CacheEntry]) -> tuple[Embedded, Problems]:
    """Return the photos that have an embedding, and why the others have none."""
    photos: list[_Photo] = []
    vectors: list[bytes] = []
    problems: list[Problem] = []
    for entry in batch:
        if entry.content_key and entry.facts and entry.embedding:
            photos.append((entry.file.path, entry.content_key, entry.facts, entry.picture_key))
            vectors.append(entry.embedding)
        else:
            problems.append(Problem(entry.file.path, entry.reason or NOT_JUDGED))
    matrix = np.frombuffer(b"".join(vectors), dtype="<f2").astype(np.float16, copy=False)
    return _embedded(photos, matrix.reshape(len(photos), -1 if photos else 0)), Problems(tuple(problems))


def _embedded(photos: Sequence[_Photo], embeddings: npt.NDArray[np.float16]) -> Embedded:
    paths, keys, facts, pictures = zip(*photos, strict=True) if photos else ((), (), (), ())
    return Embedded(paths, keys, facts, embeddings, pictures)
