"""Why a photo has its tag, in sentences: where in it the answer comes from, and what it looks like."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

from alpacasorter.core import reasons
from alpacasorter.core.events import FILE_CHANGED, NO_EXACT_MAP, Explained
from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _

Shares = Sequence[Sequence[float]]
Where = Literal[
    "everywhere",
    "left",
    "right",
    "top",
    "bottom",
    "middle",
    "top left",
    "top right",
    "bottom left",
    "bottom right",
]

PALE: Final = 0.15
"""Part of the scale of the map below which a color is hardly seen; the strongest of a clear photo is about 0.8."""
LITTLE: Final = 1.5
"""Log-odds below which even what is spread over the whole photo is hardly anything; a clear photo has about ten."""
_MOST: Final = 0.65
"""From this part on, it is "most"."""


def what_speaks(explained: Explained, labels: LabelSet) -> str:
    """Return in one or two sentences where in a photo its prediction comes from, or why that is not known."""
    found = explained.map
    if found is None:
        return why_no_map(explained.problem)
    positive = labels.display(labels.positive)
    speaks = [[max(0.0, share) for share in row] for row in found.shares]
    against = [[max(0.0, -share) for share in row] for row in found.shares]
    much, much_against = sum(map(sum, speaks)), sum(map(sum, against))
    # By the colors that are shown, so that no sentence denies what is seen.
    strongest, strongest_against = found.strongest()
    is_positive = labels.predicted(explained.probability) == labels.positive
    if is_positive and strongest < PALE and much < LITTLE:
        return _("Hardly anything in the photo speaks against {label}.").format(label=positive)
    if is_positive:
        return _speaks_for(where(speaks)).format(label=positive)
    if strongest < PALE <= strongest_against:
        return _speaks_against(where(against)).format(label=positive)
    if strongest < PALE:
        return _("Hardly anything in the photo speaks for {label}.").format(label=positive)
    said = _speaks_for(where(speaks)).format(label=positive)
    rest = _("But more speaks against it.") if much_against > much else _("But there is not enough of it.")
    # Translators: two sentences, one after the other.
    return _("{first} {second}").format(first=said, second=rest)


def why_no_map(problem: str | None) -> str:
    """Return why there is no map of a photo; `problem` is as in `Explained`."""
    if problem == NO_EXACT_MAP:
        return _("This model has extra layers, so it can't be shown where in the photo its answer comes from.")
    if problem == FILE_CHANGED:
        return _("The file has changed since the photo was judged. Rescan the folder (F5).")
    return reasons.sentence(problem) if problem else ""


def where(shares: Shares) -> Where:
    """Return where most of some shares, 0 or more, lie: in the smallest part of the photo that has most of them."""
    height, width = len(shares), len(shares[0])
    total = sum(map(sum, shares))
    if total <= 0 or height == 1 or width == 1:
        return "everywhere"

    def part(rows: slice, columns: slice) -> float:
        return sum(sum(row[columns]) for row in shares[rows]) / total

    top, bottom = slice(0, height // 2), slice(height - height // 2, height)
    left, right = slice(0, width // 2), slice(width - width // 2, width)
    inner = slice(height // 4, height - height // 4), slice(width // 4, width - width // 4)
    all_rows, all_columns = slice(0, height), slice(0, width)
    quarters: dict[Where, float] = {
        "top left": part(top, left),
        "top right": part(top, right),
        "bottom left": part(bottom, left),
        "bottom right": part(bottom, right),
        # Of fewer cells, the inner ones are all.
        "middle": part(*inner) if min(height, width) >= 4 else 0.0,
    }
    halves: dict[Where, float] = {
        "left": part(all_rows, left),
        "right": part(all_rows, right),
        "top": part(top, all_columns),
        "bottom": part(bottom, all_columns),
    }
    for parts in (quarters, halves):
        place = max(parts, key=lambda one: parts[one])
        if parts[place] >= _MOST:
            return place
    return "everywhere"


def _speaks_for(place: Where) -> str:
    match place:
        case "left":
            return _("Most of what speaks for {label} is in the left half.")
        case "right":
            return _("Most of what speaks for {label} is in the right half.")
        case "top":
            return _("Most of what speaks for {label} is in the upper half.")
        case "bottom":
            return _("Most of what speaks for {label} is in the lower half.")
        case "middle":
            return _("Most of what speaks for {label} is in the middle.")
        case "top left":
            return _("Most of what speaks for {label} is at the top left.")
        case "top right":
            return _("Most of what speaks for {label} is at the top right.")
        case "bottom left":
            return _("Most of what speaks for {label} is at the bottom left.")
        case "bottom right":
            return _("Most of what speaks for {label} is at the bottom right.")
        case _:
            return _("What speaks for {label} is spread over the photo.")


def _speaks_against(place: Where) -> str:
    match place:
        case "left":
            return _("Most of what speaks against {label} is in the left half.")
        case "right":
            return _("Most of what speaks against {label} is in the right half.")
        case "top":
            return _("Most of what speaks against {label} is in the upper half.")
        case "bottom":
            return _("Most of what speaks against {label} is in the lower half.")
        case "middle":
            return _("Most of what speaks against {label} is in the middle.")
        case "top left":
            return _("Most of what speaks against {label} is at the top left.")
        case "top right":
            return _("Most of what speaks against {label} is at the top right.")
        case "bottom left":
            return _("Most of what speaks against {label} is at the bottom left.")
        case "bottom right":
            return _("Most of what speaks against {label} is at the bottom right.")
        case _:
            return _("What speaks against {label} is spread over the photo.")


def training_photo(explained: Explained, labels: LabelSet) -> str:
    """Return what the most similar training photo shows; empty if that is not known."""
    if explained.training is None:
        return ""
    # Translators: what the most similar one of the training photos shows.
    return _("Closest training photo: {label}").format(label=labels.display(explained.training[0]))
