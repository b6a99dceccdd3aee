"""Carrying corrections over to another model: the photos of earlier corrections, wherever they are, are embedded again.

Corrections are stored with the embeddings of the backbone that was in use, and another backbone can't read those. It
learns from a correction as soon as it has processed the photo, and a scan that comes across it does that anyway. This
finds the others: in the cache, where they were corrected, and where sorts have put them since. They are processed one
at a time, so that little else gets slower.

What was found is in the cache at once and in the library when it is learned from, so that this goes on at the next
start wherever it was interrupted. Photos that are not found, for example on a disk that is not connected, wait.
"""

from __future__ import annotations

import stat
from collections.abc import Callable, Generator, Iterable, Iterator
from pathlib import Path

from alpacasorter.core.events import LearningAgain
from alpacasorter.core.photo import PhotoFile, Unreadable
from alpacasorter.core.photos.bounded import DecodingStopped, run_bounded
from alpacasorter.core.sorting.journal import places_of_sorted
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.ml.learning.personal_head import PersonalHead
from alpacasorter.ml.scan import Opener, Pipeline

_SORTS = 4
"""How many sorts of the same photo, one after another, are followed."""


class CarryOver:
    """Looks for the photos of corrections that one head can't learn from yet. For one thread at a time."""

    def __init__(self, learning: PersonalHead, library: Library, pipeline: Callable[[], Pipeline]) -> None:
        """Prepare.

        Args:
            learning: the head.
            library: where the corrections and the journal of sorts are stored.
            pipeline: returns what photos are embedded with.
        """
        self._learning = learning
        self._library = library
        self._pipeline = pipeline
        self._tried: set[PhotoFile] = set()

    def run(self, stopped: Callable[[], bool]) -> Generator[LearningAgain, None, None]:
        """Embed these photos, as far as they can be found; yield how far it is, last of all with `running` unset.

        It is up to the caller to have the head learn from them now and then, and in the end (`learn_pending`). A file
        that turned out to be another photo is not opened again before it has changed.

        Args:
            stopped: polled; once it returns True, this ends without a last event.
        """
        learning = self._learning
        self._look_up(learning.waiting())
        try:
            while files := self._next_files(learning.waiting(), stopped):
                learning.learning_again = True
                yield learning.how_far()
                # The files that were opened before may be there once more, but the photos are not.
                self._tried.update(files)
                pipeline = self._pipeline()
                pipeline["threads"] = 1
                for embedded, _problems in Opener(stopped=stopped, **pipeline).run(files):
                    if embedded.paths:
                        learning.take(embedded.content_keys, embedded.picture_keys, embedded.embeddings)
                        yield learning.how_far()
        finally:
            # Otherwise it goes on at the next start, and a version that is half learned is of no use.
            if not stopped():
                learning.learning_again = False
        if not stopped():
            yield learning.how_far()

    def _look_up(self, waiting: Iterable[str]) -> None:
        """Take the embeddings that the cache has: the folders of these photos were scanned with this model."""
        pipeline = self._pipeline()
        keys, embeddings = pipeline["cache"].load_embeddings(
            list(waiting), backbone_id=pipeline["backbone_id"], size=pipeline["embedding_size"]
        )
        if keys:
            self._learning.take(keys, [None] * len(keys), embeddings)

    def _next_files(self, waiting: dict[str, Path | None], stopped: Callable[[], bool]) -> list[PhotoFile]:
        """Return for each photo the first file that it may be, of those that were not tried."""
        cache = self._pipeline()["cache"]
        out_of_reach: set[Path] = set()
        found: dict[Path, PhotoFile] = {}
        lost: dict[str, list[Path]] = {}

        def find(places: Iterable[Path]) -> bool:
            for path in places:
                if stopped():
                    return True
                file = _file_at(path, out_of_reach, stopped)
                if file is not None and file not in self._tried:
                    found[path] = file
                    return True
            return False

        for key, hint in waiting.items():
            places = list(dict.fromkeys([*cache.paths_of(key), *([] if hint is None else [hint])]))
            if not find(places):
                lost[key] = places
        for places in _followed(self._library, lost):
            find(places)
        return [] if stopped() else list(found.values())


def _followed(library: Library, lost: dict[str, list[Path]]) -> Iterator[list[Path]]:
    """Yield for each photo where sorts have put it since it was in these places, or put it back to."""
    known = {key: dict.fromkeys(places) for key, places in lost.items() if places}
    newest = {path for places in known.values() for path in places}
    for _ in range(_SORTS):
        if not newest:
            break
        try:
            found = places_of_sorted(library, newest)
        except LibraryError:
            break
        newest = set()
        for places in known.values():
            more = [one for path in places for one in found.get(path, ()) if one not in places]
            places.update(dict.fromkeys(more))
            newest.update(more)
    for key, places in known.items():
        if more := [path for path in places if path not in lost[key]]:
            yield more


def _file_at(path: Path, out_of_reach: set[Path], stopped: Callable[[], bool]) -> PhotoFile | None:
    """Return the file in a place; None if there is none.

    The server that a folder is on may not answer; then it is added to `out_of_reach`, and not asked again.
    """
    if path.parent in out_of_reach:
        return None
    try:
        status = run_bounded(lambda _allowance: path.stat(), stopped=stopped)
    except (OSError, ValueError, DecodingStopped):
        return None
    except Unreadable:
        out_of_reach.add(path.parent)
        return None
    return PhotoFile(path, status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None
