"""What there is to sort: the photos of the open folder as they are tagged now."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.plan import SortPhoto
from alpacasorter.ui.photo_store import PhotoRow


@dataclass(frozen=True, slots=True)
class Subject:
    """The open folder, at one moment.

    Attributes:
        folder: the folder.
        photos: its photos, judged or unreadable.
        labels: what they can be.
        waiting: how many photos were not looked at yet.
        scanning: whether they are being looked at.
    """

    folder: Path
    photos: tuple[SortPhoto, ...]
    labels: LabelSet
    waiting: int
    scanning: bool


def subject_of(
    folder: Path, rows: Iterable[PhotoRow], labels: LabelSet, folders: Collection[Path], *, scanning: bool
) -> Subject:
    """Return what there is to sort; `folders` are those of the rows that are folders that can't be read."""
    photos, waiting = [], 0
    for row in rows:
        if row.reason is not None:
            if row.path not in folders:
                photos.append(SortPhoto(row.path, None, None, None, reason=row.reason))
        elif row.probability is None:
            waiting += 1
        else:
            label = labels.label(row.probability, row.correction)
            photos.append(
                SortPhoto(
                    row.path,
                    row.key,
                    label,
                    labels.confidence(row.probability, label),
                    corrected=row.correction in labels.names,
                    taken_at=row.facts.taken_at if row.facts is not None else None,
                )
            )
    return Subject(folder, tuple(photos), labels, waiting, scanning)


def usual_destination(folder: Path) -> Path:
    """Return where the photos of a folder go unless the user says otherwise.

    That is the folder itself; of one into which photos were sorted, the folder above, so that a photo whose tag was
    put right moves over to its neighbour and not one level down.
    """
    try:
        is_output = (folder / OUTPUT_MARKER).exists()
    except OSError:
        is_output = False
    return folder.parent if is_output else folder
