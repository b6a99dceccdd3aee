"""Which photos of Open Images go into which folder."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import chain, zip_longest

from alpacasorter.training.attribution import Entry
from alpacasorter.training.download_errors import DownloadError
from alpacasorter.training.download_events import Request
from alpacasorter.training.open_images import Classes, PhotoClass, order_key


@dataclass(slots=True)
class Goal:
    """A folder that is being filled.

    Attributes:
        folder: its name.
        title: what it is a folder of, such as "Alpaca" or "not Alpaca".
        shows: the classes whose photos belong there; for the others, those of which either will do.
        wanted: how many photos there are to be.
        there: how many there are.
        seen: ids of photos that are there, or were and have been deleted by the user.
        fetched: how many came in this run.
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
        """How many photos are still to come."""
        return max(0, self.wanted - self.there)


@dataclass(frozen=True, slots=True)
class Goals:
    """All folders of a download.

    Attributes:
        classes: one for each class asked for.
        others: the one for photos that show none of them, or None.
    """

    classes: tuple[Goal, ...]
    others: Goal | None

    @property
    def all(self) -> tuple[Goal, ...]:
        """In the order asked for."""
        return self.classes if self.others is None else (*self.classes, self.others)

    @property
    def labels(self) -> frozenset[str]:
        """All labels that matter."""
        return frozenset().union(*(one.labels for goal in self.all for one in goal.shows))


def set_goals(request: Request, classes: Classes) -> Goals:
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
            raise DownloadError(f"{both[0]} can't be asked for and ruled out at once; name it only once.")
        alone = len(goals) == 1
        folder = f"not_{goals[0].folder}" if alone else "others"
        title = f"not {found[0].name}" if alone else "none of them"
        others = Goal(folder, title, look_alikes, request.others)
    folders = [goal.folder for goal in (*goals, *([others] if others else []))]
    if len(set(folders)) < len(folders):
        raise DownloadError("Two of the classes would get the same folder; fetch them into folders apart.")
    return Goals(goals, others)


def count_what_is_there(goals: Goals, entries: Iterable[Entry], there: Iterable[str]) -> None:
    """Enter into the goals what earlier downloads have fetched.

    Args:
        goals: changed in place.
        entries: of ATTRIBUTION.csv.
        there: the files of those entries that exist.
    """
    existing = set(there)
    by_folder = {goal.folder: goal for goal in goals.all}
    for entry in entries:
        goal = by_folder.get(entry.file.partition("/")[0])
        if goal is not None:
            goal.seen.add(entry.image_id)
            goal.there += entry.file in existing


def candidates(goals: Goals, labelled: Iterable[tuple[str, str, bool]], seed: int) -> dict[str, list[str]]:
    """Return the ids of the photos that may go into each folder, by its name, in the order to take them.

    A photo of which people say both yes and no to a class is left out, as is one that shows two of the classes.
    Several look-alikes take turns, so that a common one does not crowd out a rare one.

    Args:
        goals: the folders.
        labelled: (image id, label, whether the photo shows it).
        seed: decides the order.
    """
    yes: dict[str, set[str]] = {label: set() for label in goals.labels}
    no: dict[str, set[str]] = {label: set() for label in goals.labels}
    for image_id, label, is_shown in labelled:
        if label in yes:
            (yes if is_shown else no)[label].add(image_id)

    def gather(of: dict[str, set[str]], one: PhotoClass) -> set[str]:
        return set().union(*(of[label] for label in one.labels))

    def in_order(ids: set[str], goal: Goal) -> list[str]:
        return sorted(ids - goal.seen, key=lambda image_id: order_key(seed, image_id))

    shown = {goal.folder: gather(yes, goal.shows[0]) for goal in goals.classes}
    denied = {goal.folder: gather(no, goal.shows[0]) for goal in goals.classes}
    result: dict[str, list[str]] = {}
    for goal in goals.classes:
        elsewhere = set().union(*(ids for folder, ids in shown.items() if folder != goal.folder))
        result[goal.folder] = in_order(shown[goal.folder] - denied[goal.folder] - elsewhere, goal)
    if goals.others is not None:
        showing_any = set().union(*shown.values())
        others = goals.others
        if others.shows:
            turns = [in_order(gather(yes, one) - gather(no, one) - showing_any, others) for one in others.shows]
        else:
            turns = [in_order(set().union(*denied.values()) - showing_any, others)]
        result[others.folder] = _taking_turns(turns)
    return result


def _taking_turns(lists: Sequence[list[str]]) -> list[str]:
    return list(dict.fromkeys(one for one in chain.from_iterable(zip_longest(*lists)) if one is not None))
