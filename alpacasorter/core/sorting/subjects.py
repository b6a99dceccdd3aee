"""From what a scan found out to what the planner wants to know of a photo."""

from __future__ import annotations

from alpacasorter.core.events import JudgedPhoto, Problem
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.sorting.plan import SortPhoto


def judged_photo(photo: JudgedPhoto, labels: LabelSet) -> SortPhoto:
    """Return a photo that was judged."""
    label = labels.label(photo.probability, photo.correction)
    return SortPhoto(
        path=photo.path,
        content_key=photo.content_key,
        label=label,
        confidence=labels.confidence(photo.probability, label),
        corrected=photo.correction in labels.names,
        taken_at=photo.facts.taken_at,
    )


def unreadable_photo(problem: Problem) -> SortPhoto | None:
    """Return a photo that could not be read; None for a folder that could not."""
    if problem.is_folder:
        return None
    return SortPhoto(problem.path, None, None, None, reason=problem.reason)
