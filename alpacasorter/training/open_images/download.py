"""Downloads photos of classes from Open Images into class folders, as a generator of events.

The same request always selects the same photos, and a larger limit selects the same ones and more. A download can be
interrupted at any moment; the next one resumes it.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import chain, zip_longest
from pathlib import Path
from typing import Final

from alpacasorter.i18n import _
from alpacasorter.training.open_images.catalog import (
    Classes,
    PhotoClass,
    PhotoInfo,
    Source,
    order_key,
    read_labels,
    read_photo_list,
)
from alpacasorter.training.open_images.events import (
    Begun,
    Downloaded,
    DownloadEvent,
    DownloadRequest,
    FolderResult,
    Kept,
    LeftOut,
    ListsNeeded,
    NotInTraining,
    Reading,
    Why,
)
from alpacasorter.training.open_images.fetch import (
    DownloadError,
    Missing,
    Patience,
    Refused,
    TooLarge,
    Unreachable,
    Unusable,
    Web,
)
from alpacasorter.training.open_images.list_cache import ListCache, ListProgress, explaining
from alpacasorter.training.open_images.saving import FILE_NAME, Attribution, Entry, PhotoFolders, Waiting


@dataclass(slots=True)
class Goal:
    """A folder that is being filled.

    Attributes:
        folder: its name.
        title: its class as shown to people, such as "Alpaca" or "not Alpaca".
        shows: the classes whose photos belong there; for the folder of the others, its look-alikes.
        wanted: how many photos there should be.
        there: how many there are.
        seen: ids of photos that are there, or were and have been deleted by the user.
        fetched: how many were downloaded in this run.
    """

    folder: str
    title: str
    shows: tuple[PhotoClass, ...]
    wanted: int
    there: int = 0
    seen: set[str] = field(default_factory=set)
    fetched: int = 0

    @property
    def missing(self) -> int:
        """How many photos are still to be downloaded."""
        return max(0, self.wanted - self.there)


@dataclass(frozen=True, slots=True)
class Goals:
    """All folders of a download.

    Attributes:
        classes: one for each requested class.
        others: the folder for photos that show none of them, or None.
    """

    classes: tuple[Goal, ...]
    others: Goal | None

    @property
    def all(self) -> tuple[Goal, ...]:
        """All of them, in the order of the request."""
        return self.classes if self.others is None else (*self.classes, self.others)

    @property
    def labels(self) -> frozenset[str]:
        """The labels of all their classes."""
        return frozenset().union(*(one.labels for goal in self.all for one in goal.shows))


def set_goals(request: DownloadRequest, classes: Classes) -> Goals:
    """Return the folders to fill.

    Raises:
        UnknownClass: a name is no class.
        DownloadError: two classes would get the same folder.
    """
    found = [classes.find(name) for name in dict.fromkeys(request.classes)]
    found = list(dict.fromkeys(found))
    goals = tuple(Goal(one.folder, one.name, (one,), request.limit) for one in found)
    others = None
    if request.others:
        look_alikes = tuple(dict.fromkeys(classes.find(name) for name in request.look_alikes))
        if both := [one.name for one in look_alikes if one in found]:
            raise DownloadError(
                _("The class “{name}” can't be both downloaded and used for the other photos.").format(name=both[0])
            )
        alone = len(goals) == 1
        folder = f"not_{goals[0].folder}" if alone else "others"
        # English, because it is stored in ATTRIBUTION.csv.
        title = f"not {found[0].name}" if alone else "none of them"
        others = Goal(folder, title, look_alikes, request.others)
    folders = [goal.folder for goal in (*goals, *([others] if others else []))]
    if len(set(folders)) < len(folders):
        raise DownloadError(_("Two of the classes would get the same folder. Download them to different folders."))
    return Goals(goals, others)


def count_what_is_there(goals: Goals, entries: Iterable[Entry], there: Iterable[str]) -> None:
    """Enter into the goals what earlier downloads have left.

    Args:
        goals: changed in place.
        entries: of ATTRIBUTION.csv.
        there: the files of those entries that still exist.
    """
    existing = set(there)
    by_folder = {goal.folder: goal for goal in goals.all}
    for entry in entries:
        goal = by_folder.get(entry.file.partition("/")[0])
        if goal is not None:
            goal.seen.add(entry.image_id)
            goal.there += entry.file in existing


def candidates(goals: Goals, labeled: Iterable[tuple[str, str, bool]], seed: int) -> dict[str, list[str]]:
    """Return the ids of the photos for each folder, by its name, in the order in which to download them.

    A photo that people have both confirmed and denied to show a class is left out, as is one that shows two of the
    classes. Several look-alikes take turns, so that a common one does not crowd out a rare one.

    Args:
        goals: the folders.
        labeled: (image id, label, whether the photo shows it).
        seed: determines the order.
    """
    yes: dict[str, set[str]] = {label: set() for label in goals.labels}
    no: dict[str, set[str]] = {label: set() for label in goals.labels}
    for image_id, label, is_shown in labeled:
        if label in yes:
            (yes if is_shown else no)[label].add(image_id)

    def ids_of(of: dict[str, set[str]], one: PhotoClass) -> set[str]:
        return set().union(*(of[label] for label in one.labels))

    def in_order(ids: set[str], goal: Goal) -> list[str]:
        return sorted(ids - goal.seen, key=lambda image_id: order_key(seed, image_id))

    shown = {goal.folder: ids_of(yes, goal.shows[0]) for goal in goals.classes}
    denied = {goal.folder: ids_of(no, goal.shows[0]) for goal in goals.classes}
    result: dict[str, list[str]] = {}
    for goal in goals.classes:
        elsewhere = set().union(*(ids for folder, ids in shown.items() if folder != goal.folder))
        result[goal.folder] = in_order(shown[goal.folder] - denied[goal.folder] - elsewhere, goal)
    if goals.others is not None:
        showing_any = set().union(*shown.values())
        others = goals.others
        if others.shows:
            turns = [in_order(ids_of(yes, one) - ids_of(no, one) - showing_any, others) for one in others.shows]
        else:
            turns = [in_order(set().union(*denied.values()) - showing_any, others)]
        result[others.folder] = _taking_turns(turns)
    return result


def _taking_turns(lists: Sequence[list[str]]) -> list[str]:
    return list(dict.fromkeys(one for one in chain.from_iterable(zip_longest(*lists)) if one is not None))


_SPARE_CANDIDATES: Final = 50
_FAILURES_IN_A_ROW: Final = 10
"""Failures after which the network is to blame and not the photos."""
_WHY: Final[dict[type[DownloadError], Why]] = {
    Missing: "missing",
    Unusable: "unusable",
    TooLarge: "too large",
    Unreachable: "unreachable",
    Refused: "refused",
}
_OF_THE_NETWORK: Final = frozenset(("unusable", "unreachable", "refused"))


def read_classes(
    *, source: Source, cache: Path, patience: Patience | None = None
) -> Generator[ListProgress, None, Classes]:
    """Yield progress, and return all classes.

    Args:
        source: where Open Images is served.
        cache: folder that keeps the lists.
        patience: with the servers.

    Raises:
        DownloadError: the lists can't be downloaded.
    """
    web = Web(patience)
    try:
        with ListCache(cache, web).hold() as lists:
            return (yield from _classes(lists, source))
    finally:
        web.close()


def download(
    request: DownloadRequest, *, source: Source, cache: Path, patience: Patience | None = None
) -> Generator[DownloadEvent, None, None]:
    """Download photos; the last event is `Downloaded`. Closing the generator stops everything at once.

    Args:
        request: what to download.
        source: where Open Images is served.
        cache: folder that keeps the lists.
        patience: with the servers.

    Raises:
        UnknownClass: there is no such class.
        DownloadError: the network or the disk fails. What has been downloaded is kept, and the next run resumes.
    """
    web = Web(patience)
    try:
        with ListCache(cache, web).hold() as lists:
            classes = yield from _classes(lists, source)
            goals = set_goals(request, classes)
            with explaining(request.out):
                request.out.mkdir(parents=True, exist_ok=True)
            with Attribution.open(request.out) as attribution:
                folders = PhotoFolders(request.out, attribution)
                try:
                    count_what_is_there(goals, attribution.entries.values(), folders.existing())
                    yield from _Download(request, source, web, lists, folders, goals).run()
                finally:
                    folders.close()
    finally:
        web.close()


def _classes(lists: ListCache, source: Source) -> Generator[ListProgress, None, Classes]:
    everything = yield from lists.fetch(source.classes())
    with_boxes = yield from lists.fetch(source.classes_with_boxes())
    return Classes(everything, with_boxes)


class _Download:
    def __init__(
        self, request: DownloadRequest, source: Source, web: Web, lists: ListCache, folders: PhotoFolders, goals: Goals
    ) -> None:
        self._request = request
        self._source = source
        self._web = web
        self._lists = lists
        self._folders = folders
        self._goals = goals
        self._left_out: Counter[Why] = Counter()
        self._failures = 0

    def run(self) -> Iterator[DownloadEvent]:
        yield Begun(self._there(), self._wanted())
        for subset in self._request.subsets:
            if not self._unfilled():
                break
            yield from self._take_from(subset)
        yield Downloaded(
            folders=tuple(
                FolderResult(goal.folder, goal.title, goal.wanted, goal.there, goal.fetched) for goal in self._goals.all
            ),
            left_out=tuple(sorted(self._left_out.items())),
            attribution=self._request.out / FILE_NAME,
        )

    def _unfilled(self) -> list[Goal]:
        return [goal for goal in self._goals.all if goal.missing]

    def _there(self) -> int:
        return sum(min(goal.there, goal.wanted) for goal in self._goals.all)

    def _wanted(self) -> int:
        return sum(goal.wanted for goal in self._goals.all)

    def _take_from(self, subset: str) -> Iterator[DownloadEvent]:
        if subset == "train":
            asked = [one for goal in self._unfilled() for one in (goal.shows or self._goals.classes[0].shows)]
            if not any(one.in_training for one in asked):
                yield NotInTraining(tuple(dict.fromkeys(one.name for one in asked)))
                return
        labels, photos = self._source.labels(subset), self._source.photo_list(subset)
        yield ListsNeeded(subset, self._lists.bytes_to_fetch((labels, photos)))
        labels_file = yield from self._lists.fetch(labels)
        photos_file = yield from self._lists.fetch(photos)
        yield Reading(subset)
        queues = candidates(self._goals, read_labels(labels_file, self._goals.labels), self._request.seed)
        while any(queues[goal.folder] for goal in self._unfilled()):
            batch: dict[str, list[str]] = {}
            for goal in self._unfilled():
                queue = queues[goal.folder]
                size = 2 * goal.missing + _SPARE_CANDIDATES
                batch[goal.folder], queues[goal.folder] = queue[:size], queue[size:]
            infos = read_photo_list(photos_file, set().union(*batch.values()))
            yield from self._fetch(subset, batch, infos)

    def _fetch(self, subset: str, batch: dict[str, list[str]], infos: dict[str, PhotoInfo]) -> Iterator[Kept | LeftOut]:
        """Download photos in parallel until every folder is full or the batch is used up."""
        queues = {folder: iter(ids) for folder, ids in batch.items()}
        pending: dict[Future[Waiting], tuple[Goal, PhotoInfo]] = {}
        pool = ThreadPoolExecutor(self._request.connections, thread_name_prefix="download")
        try:
            while True:
                for goal in self._goals.all:
                    yield from self._submit(pool, pending, subset, goal, queues.get(goal.folder, iter(())), infos)
                if not pending:
                    return
                for future in wait(pending, return_when=FIRST_COMPLETED).done:
                    goal, info = pending.pop(future)
                    yield self._settle(future, goal, subset, info)
        except BaseException:
            # Ctrl+C, or the generator was closed: running downloads are dropped, complete ones are kept.
            self._web.close()
            raise
        finally:
            pool.shutdown(wait=True, cancel_futures=True)
            for future, (goal, info) in pending.items():
                if not future.cancelled() and future.exception() is None:
                    with contextlib.suppress(DownloadError):
                        self._keep(future.result(), goal, subset, info)

    def _submit(
        self,
        pool: ThreadPoolExecutor,
        pending: dict[Future[Waiting], tuple[Goal, PhotoInfo]],
        subset: str,
        goal: Goal,
        queue: Iterator[str],
        infos: dict[str, PhotoInfo],
    ) -> Iterator[LeftOut]:
        under_way = sum(one is goal for one, _ in pending.values())
        # Never more than are missing, so that the first ones in order are taken.
        while under_way < goal.missing and len(pending) < 2 * self._request.connections:
            image_id = next(queue, None)
            if image_id is None:
                return
            info = infos.get(image_id)
            if info is None or not info.license:
                yield self._leave_out(image_id, "no licence", _("Its license is unknown."))
            elif self._folders.path(goal.folder, image_id).exists():
                yield self._leave_out(image_id, "name taken", _("Another file has its name."))
            else:
                url = self._source.photo(subset, image_id)
                pending[pool.submit(self._folders.download, self._web, url, goal.folder, image_id)] = goal, info
                under_way += 1

    def _settle(self, future: Future[Waiting], goal: Goal, subset: str, info: PhotoInfo) -> Kept | LeftOut:
        try:
            with explaining(self._request.out):
                waiting = future.result()
        except DownloadError as error:
            why = _WHY.get(type(error))
            if why is None:
                raise
            if why in _OF_THE_NETWORK:
                self._failures += 1
                if self._failures >= _FAILURES_IN_A_ROW:
                    raise DownloadError(
                        # Translators: {reason} is a sentence.
                        _(
                            "No more photos can be downloaded. {reason} Run the same command again later to resume."
                        ).format(reason=error)
                    ) from error
            return self._leave_out(info.image_id, why, str(error))
        self._failures = 0
        path = self._keep(waiting, goal, subset, info)
        if path is None:
            return self._leave_out(info.image_id, "name taken", _("Another file has its name."))
        return Kept(path, self._there(), self._wanted())

    def _keep(self, waiting: Waiting, goal: Goal, subset: str, info: PhotoInfo) -> Path | None:
        path = self._folders.keep(waiting, goal.folder, goal.title, subset, info)
        if path is not None:
            goal.seen.add(info.image_id)
            goal.there += 1
            goal.fetched += 1
        return path

    def _leave_out(self, image_id: str, why: Why, reason: str) -> LeftOut:
        self._left_out[why] += 1
        return LeftOut(image_id, why, reason)
