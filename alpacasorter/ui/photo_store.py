"""The photos of the open folder as the window knows them: rows, filters, order and counts. Plain Python, no Qt.

The rooms that need the open folder's photos use this module; only `ui.photos` shows them. After a correction all rows
are updated with arrays, because that runs on the GUI thread at every click.
"""

from __future__ import annotations

import bisect
import math
import os
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

from alpacasorter.core import reasons
from alpacasorter.core.events import JudgedPhoto, Learned, Problem
from alpacasorter.core.files import are_in_order
from alpacasorter.core.labels import SamePictures
from alpacasorter.core.taken import Clock
from alpacasorter.ui.photo_filters import Filter, Order, View, unknown_labels
from alpacasorter.ui.photo_query import folded
from alpacasorter.ui.photo_row import PhotoRow, name_of, place_of, rank_of
from alpacasorter.ui.tag_changes import EarlierTag, LearnedRows, TagChanges

_EPOCH: Final = datetime(1970, 1, 1)  # noqa: DTZ001 - likewise
_NEVER: Final = datetime.max  # noqa: DTZ901 - as all moments of cameras, without a zone


class PhotoStore:
    """All rows of the open folder, in folder order, with filters and counts.

    Counts are updated row by row, because a folder may have 100,000 photos and a click changes only a few. Rows are
    identified by the object and not by an index, which would change whenever a photo is added or removed.

    Attributes:
        labels: the labels of the model in use.
        rows: the rows in folder order, see `place_of`.
        counts: how many rows each filter shows.
        flipped_rows: the other photos whose tags the latest `learn` has changed.
        crossed_rows: the photos that other filters may show since then, and that look different.
        root: the open folder; a search finds the names of folders only below it. None if that is not known.
        version: another number whenever a row has changed.
        names_version: another number whenever there are other rows, or one has another name or date.
    """

    def __init__(self, *, unsure_below: float = 0.8) -> None:
        """Start empty; photos with a confidence below `unsure_below` (0.5 to 1) are unsure."""
        self.labels = unknown_labels()
        self.rows: list[PhotoRow] = []
        self.counts: dict[Filter, int] = dict.fromkeys(Filter, 0)
        self._clocks: tuple[Clock, ...] = ()
        self.root: Path | None = None
        self.version = self.names_version = 0
        self._unsure_below = unsure_below
        self._by_path: dict[Path, PhotoRow] = {}
        self._folders: dict[str, Path] = {}
        self._by_key: dict[str, list[PhotoRow]] = {}
        self._changes = TagChanges()
        self.flipped_rows: list[PhotoRow] = []
        self.crossed_rows: list[PhotoRow] = []
        self._learned: LearnedRows[PhotoRow] | None = None
        # Also of the content keys that files had before.
        self._pictures = SamePictures()
        self._new_before: set[Path] = set()
        self._paths_before: set[Path] | None = None
        self._put_back: set[Path] = set()
        self._complete = False

    @property
    def clocks(self) -> tuple[Clock, ...]:
        """Cameras whose clock was wrong."""
        return self._clocks

    @clocks.setter
    def clocks(self, clocks: tuple[Clock, ...]) -> None:
        if clocks != self._clocks:
            self._clocks = clocks
            self._has_changed(names=True)
            for row in self.rows:
                row.seconds = None

    def _has_changed(self, *, names: bool = False) -> None:
        """Have those that work with copies of the rows make new ones; `names`: also of names and dates."""
        self.version += 1
        self.names_version += names

    def clear(self, *, again: bool = False) -> None:
        """Forget all photos.

        Args:
            again: whether the same folder is scanned again. Then photos that were new stay new, those that did not
                exist at the last scan are new too, and tags that have changed still count as changed.
        """
        if not again:
            self._new_before, self._paths_before, self._put_back = set(), None, set()
            self._changes.forget()
            self._pictures = SamePictures()
        elif self._complete:
            self._new_before = {row.path for row in self.rows if row.new}
            # Both places of a photo that was sorted: after an undo it is not new.
            self._paths_before = {*self._by_path, *(row.found_at for row in self.rows)}
        self.rows, self.flipped_rows, self._complete = [], [], False
        self._by_path, self._by_key, self._folders = {}, {}, {}
        self.crossed_rows, self._learned = [], None
        self._changes.clear()
        self.counts = dict.fromkeys(Filter, 0)
        self._has_changed(names=True)

    def complete(self) -> None:
        """Record that all photos of the folder were found."""
        self._complete = True

    def know(self, paths: Iterable[Path]) -> None:
        """Record that the app itself has moved photos back: when they are found, they are not new."""
        self._put_back.update(paths)

    # Labels and filters

    def label(self, row: PhotoRow) -> str | None:
        """Return the label of a judged photo, None for others."""
        return None if row.probability is None else self.labels.label(row.probability, row.correction)

    def confidence(self, row: PhotoRow) -> float | None:
        """Return the confidence of the label of a judged photo, 0 to 1; None for others."""
        if row.probability is None:
            return None
        return self.labels.confidence(row.probability, self.labels.label(row.probability, row.correction))

    def is_unsure(self, row: PhotoRow) -> bool:
        """Return whether the model is unsure about a photo that the user has not labeled."""
        return row.probability is not None and self.labels.is_unsure(
            row.probability, row.correction, self._unsure_below
        )

    def first_unsure(self, rows: Iterable[PhotoRow]) -> PhotoRow | None:
        """Return the first of some rows about which the model is unsure, None if there is none."""
        if not self.counts[Filter.UNSURE]:
            return None
        # Written out, because it may go through a whole folder at a key.
        labels, below = self.labels, self._unsure_below
        threshold, is_corrected = labels.threshold, labels.is_corrected
        for row in rows:
            probability = row.probability
            if (
                probability is not None
                and (probability if probability >= threshold else 1.0 - probability) < below
                and (row.correction is None or not is_corrected(row.correction))
            ):
                return row
        return None

    def matches(self, row: PhotoRow, view: View) -> bool:
        """Return whether a view lists a photo."""
        query = view.query
        if query and not query.admits(self.sought(row), self.seconds(row), row.probability):
            return False
        match view.filter:
            case Filter.ALL:
                return True
            case Filter.POSITIVE:
                return self.label(row) == self.labels.positive
            case Filter.NEGATIVE:
                return self.label(row) == self.labels.negative
            case Filter.UNSURE:
                return self.is_unsure(row)
            case Filter.CORRECTED:
                return row.correction is not None
            case Filter.PROBLEMS:
                return row.reason is not None
            case Filter.CHANGED:
                return row.key in self._changes.keys and row.probability is not None
            case Filter.NEW:
                return row.new and not row.waiting

    def sought(self, row: PhotoRow) -> str:
        """Return what a search looks through: the name of a photo and its folders below the open one, `folded`."""
        if row.sought is None:
            path = row.path
            name, root = str(path), f"{self.root}{os.sep}"
            # Elsewhere are photos that were sorted; their last folder is its name there.
            row.sought = folded(name[len(root) :] if name.startswith(root) else f"{path.parent.name}/{path.name}")
        return row.sought

    def seconds(self, row: PhotoRow) -> float:
        """Return when a photo was taken, seconds since 1970 by the clock of the place; not a number if unknown."""
        if row.seconds is None:
            taken = row.taken(self._clocks)
            row.seconds = math.nan if taken is None else (taken.moment - _EPOCH).total_seconds()
        return row.seconds

    def matching(self, view: View) -> list[PhotoRow]:
        """Return the rows that a view lists, in its order."""
        everything = view.filter is Filter.ALL and not view.query
        rows = list(self.rows) if everything else [row for row in self.rows if self.matches(row, view)]
        if view.sorted_by is not Order.FOLDER:
            rows.sort(key=self.sort_key(view), reverse=view.reversed)
        elif view.reversed:
            rows.reverse()
        return rows

    def sort_key(self, view: View) -> Callable[[PhotoRow], Any]:
        """Return the sort key of the rows that a view lists; those of a reversed one are in descending order.

        Photos without what the order asks for (a date, a prediction) come last, also in a reversed one.
        """
        match view.sorted_by:
            case Order.FOLDER:
                return rank_of
            case Order.NAME:
                return name_of
            case Order.TAKEN:
                return partial(self._moment, missing=not view.reversed)
            case Order.CONFIDENCE:
                return partial(self._conviction, missing=not view.reversed)
            case Order.DOUBTFUL:
                return self.uncertainty

    def _moment(self, row: PhotoRow, *, missing: bool) -> tuple[bool, datetime, int]:
        taken = row.taken(self.clocks)
        return (missing, _NEVER, row.rank) if taken is None else (not missing, taken.moment, row.rank)

    def _conviction(self, row: PhotoRow, *, missing: bool) -> tuple[bool, float, int]:
        """Return the sort key from the surest photo of the positive class to the surest of the other one."""
        if row.probability is None:
            return missing, 2.0, row.rank
        if row.correction is not None:
            return not missing, 0.0 if row.correction == self.labels.positive else 1.0, row.rank
        return not missing, 1.0 - round(row.probability, 5), row.rank

    def uncertainty(self, row: PhotoRow) -> tuple[bool, float, int]:
        """Return the sort key of "least certain first"; photos labeled by the user come last, equal ones by folder."""
        certainty = self.confidence(row)
        # The last digits depend on how many photos were judged together.
        return row.correction is not None, 2.0 if certainty is None else round(certainty, 5), row.rank

    @property
    def unsure_below(self) -> float:
        """Confidence below which a photo is unsure."""
        return self._unsure_below

    def set_unsure_below(self, least: float) -> None:
        """Change the confidence below which a photo is unsure."""
        self._unsure_below = least
        self._has_changed()
        self.counts[Filter.UNSURE] = sum(map(self.is_unsure, self.rows))

    # Events

    def add(self, paths: Iterable[Path], *, new: bool = False) -> list[PhotoRow]:
        """Add photos in folder order; return their rows, in that order.

        Args:
            paths: the photos; those that exist already are skipped.
            new: whether they arrived while the folder was open. If not, the photos of each folder are in order.
        """
        added = self._make(paths, new=new)
        if new or not are_in_order([row.path for row in added]):
            added.sort(key=place_of)
        return self._put_in(added)

    def _make(self, paths: Iterable[Path], *, new: bool) -> list[PhotoRow]:
        made, folders = [], self._folders
        for path in paths:
            if path not in self._by_path:
                folder = folders.get(name := os.path.split(path)[0]) or folders.setdefault(name, Path(name))
                self._by_path[path] = row = PhotoRow(path, folder, new=new or self._is_new(path))
                made.append(row)
        # They have no prediction yet, so no other filter shows them.
        self.counts[Filter.ALL] += len(made)
        return made

    def _is_new(self, path: Path) -> bool:
        there = self._paths_before
        return path in self._new_before or (there is not None and path not in there and path not in self._put_back)

    def _put_in(self, added: list[PhotoRow]) -> list[PhotoRow]:
        """Insert rows, which are in folder order, among the existing ones."""
        rows, done = self.rows, len(self.rows)
        if rows and added and place_of(added[0]) < place_of(rows[-1]):
            merged: list[PhotoRow] = []
            done = 0
            for row in added:
                at = bisect.bisect_left(rows, place_of(row), done, key=place_of)
                merged += rows[done:at]
                merged.append(row)
                done = at
            rows[:done] = merged
            done = 0
        else:
            rows += added
        for rank, row in enumerate(rows[done:], rows[done - 1].rank + 1 if done else 0):
            row.rank = rank
        self._has_changed(names=True)
        return added

    def judge(self, photos: Sequence[JudgedPhoto], head_version: int) -> list[PhotoRow]:
        """Store predictions; return the rows that changed. Predictions of an older head are dropped."""
        changed, learned = [], self._learned
        if learned is not None and any(
            photo.content_key in self._by_key or learned.has_missed(known, photo.content_key)
            for photo in photos
            if (known := self._by_path.get(photo.path)) is not None
        ):
            self._forget_learned()
        for photo in photos:
            row = self._by_path.get(photo.path)
            # With another content key it is not a late prediction: the photo was changed.
            if row is None or (head_version < row.head_version and row.key == photo.content_key):
                continue
            self._count(row, -1)
            self._pictures.note(photo.content_key, photo.picture_key)
            if row.key != photo.content_key:
                row.key_before = row.key if row.key in self._pictures.same(photo.content_key) else None
            self._set_key(row, photo.content_key)
            row.picture_key = photo.picture_key
            row.facts, row.seconds = photo.facts, None
            row.probability = photo.probability
            row.correction = photo.correction
            row.reason = None
            row.head_version = head_version
            self._count(row, +1)
            said = self._changes.said.setdefault(photo.content_key, photo.probability)
            if said != photo.probability or photo.content_key in self._changes.keys:
                self._follow_change(photo.content_key)
            changed.append(row)
        self._has_changed(names=True)
        return changed

    def fail(self, problems: Iterable[Problem], *, new: bool = False) -> tuple[list[PhotoRow], list[PhotoRow]]:
        """Store problems; return the rows that changed, and the rows that were added (`new`: see `add`)."""
        problems = list(problems)
        added = self._make((problem.path for problem in problems), new=new)
        added.sort(key=place_of)
        self._put_in(added)
        self._has_changed(names=True)
        known = set(added)
        changed = []
        for problem in problems:
            row = self._by_path[problem.path]
            self._count(row, -1)
            if row.key is not None:
                self._forget_learned()
            row.fail(problem.reason)
            self._count(row, +1)
            if row not in known:
                changed.append(row)
        return changed, added

    def remove(self, paths: Iterable[Path], reason: str = reasons.VANISHED) -> list[PhotoRow]:
        """Remove photos that no longer exist here, in one pass; return their rows, which say so from now on."""
        gone = [row for path in paths if (row := self._by_path.pop(path, None)) is not None]
        for row in gone:
            self._count(row, -1)
            self._set_key(row, None)
            row.vanish(reason)
        if gone:
            self.rows = [row for row in self.rows if not row.gone]
            self._has_changed(names=True)
        return gone

    def move(self, files: Iterable[tuple[Path, Path]]) -> tuple[list[PhotoRow], list[PhotoRow]]:
        """Record that photos (path before, path after) were moved or renamed; they keep their place in folder order.

        Returns:
            The rows that moved, and the rows of photos that were overwritten by one of them.
        """
        moved = [(row, after) for before, after in files if (row := self._by_path.pop(before, None)) is not None]
        replaced = []
        for row, after in moved:
            replaced += self.remove((after,)) if after in self._by_path else []
            row.move_to(after)
            self._by_path[after] = row
        self._has_changed(names=True)
        return [row for row, _after in moved], replaced

    def see(self) -> None:
        """Mark all new photos as seen."""
        self._has_changed()
        for row in self.rows:
            row.new = False
        self._new_before = set()
        self._paths_before = None
        self.counts[Filter.NEW] = 0

    def learn(self, learned: Learned) -> list[PhotoRow]:
        """Store the outcome of corrections; return the rows that look different now."""
        self._has_changed()
        if self._learned is None or not self._learned.follow(learned, self._by_key, self.labels):
            self._forget_learned()
            self._learned = LearnedRows()
            self._learned.follow(learned, self._by_key, self.labels)
        apart = self._learned.apart(learned, self._by_key)
        for row in apart:
            self._count(row, -1)
            row.correction = learned.changes[row.key or ""]
            self._count(row, +1)
        taken = self._learned.take(learned, self._by_key, self.labels, self._unsure_below)
        for which, by in taken.counts.items():
            self.counts[which] += by
        changes = learned.changes
        self.flipped_rows = [row for row in taken.flipped if row.correction is None and row.key not in changes]
        self.crossed_rows = [*taken.crossed, *apart]
        for key in {row.key for row in taken.flipped} | changes.keys():
            self._follow_change(key)
        return [*taken.different, *apart]

    def _forget_learned(self) -> None:
        """Look the rows of the next result up again, because photos were judged, changed or removed meanwhile."""
        if self._learned is not None:
            self._learned.leave()
            self._learned = None

    # Tags that changed while the app learned

    @property
    def flipped(self) -> int:
        """How many other tags the latest `learn` has changed."""
        return len(self.flipped_rows)

    def is_changed(self, key: str | None) -> bool:
        """Return whether a photo of the folder with this content key has another tag than at first."""
        return key in self._changes.keys and bool(self._judged(key))

    def changed_rows(self) -> list[PhotoRow]:
        """Return the photos whose tags have changed, in order; copies of a photo count once."""
        return self._changes.first_of(self.rows)

    def earlier_tag(self, row: PhotoRow) -> EarlierTag | None:
        """Return the tag that a photo had before it changed (see `TagChanges`); None if it has not changed."""
        return self._changes.earlier(row.key, self.labels) if row.key and row.probability is not None else None

    def see_changes(self, rows: Iterable[PhotoRow] | None = None) -> None:
        """Mark changed tags as seen, all or those of `rows`: they are compared with what they are now from then on."""
        self._has_changed()
        for row in self.rows if rows is None else list(rows):
            if row.key is not None and row.probability is not None and (rows is None or row.key in self._changes.keys):
                if row.key in self._changes.keys:
                    self.counts[Filter.CHANGED] -= len(self._judged(row.key))
                self._changes.see(row.key, row.probability)

    def forget_changes(self) -> None:
        """Forget what the tags were, because another model judges the photos from now on."""
        self._changes.forget()
        self.counts[Filter.CHANGED] = 0
        self._has_changed()

    def _follow_change(self, key: str | None) -> None:
        rows = self._judged(key)
        if key is None or not rows:
            return
        before = key in self._changes.keys
        now = self._changes.follow(key, rows[0].probability, rows[0].correction, self.labels)
        self.counts[Filter.CHANGED] += (now - before) * len(rows)

    def _judged(self, key: str | None) -> list[PhotoRow]:
        return [row for row in self._by_key.get(key or "", ()) if row.probability is not None]

    def rows_of(self, key: str) -> list[PhotoRow]:
        """Return the rows of the photo that has or had this content key, and of all copies of its picture."""
        return [row for same in self._pictures.same(key) for row in self._by_key.get(same, ())]

    def row_of(self, path: Path) -> PhotoRow | None:
        """Return the row of a path, or None."""
        return self._by_path.get(path)

    def _set_key(self, row: PhotoRow, key: str | None) -> None:
        """Set the content key of a row. A row that is gone keeps its key, so that its thumbnail can be shown."""
        if row.key == key:
            return
        if row.key is not None:
            self._forget_learned()
            rows = self._by_key[row.key]
            rows.remove(row)
            if not rows:
                del self._by_key[row.key]
        if key is not None:
            self._by_key.setdefault(key, []).append(row)
            row.key = key

    def _count(self, row: PhotoRow, by: int) -> None:
        counts = self.counts
        counts[Filter.ALL] += by
        if row.new and not row.waiting:
            counts[Filter.NEW] += by
        if row.reason is not None:
            counts[Filter.PROBLEMS] += by
        elif row.probability is not None:
            counts[Filter.CHANGED] += by if row.key in self._changes.keys else 0
            positive = self.labels.label(row.probability, row.correction) == self.labels.positive
            counts[Filter.POSITIVE if positive else Filter.NEGATIVE] += by
            if row.correction is not None:
                counts[Filter.CORRECTED] += by
            elif self.is_unsure(row):
                counts[Filter.UNSURE] += by
