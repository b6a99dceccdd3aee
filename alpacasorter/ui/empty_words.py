"""Why no photos are shown, in words."""

from __future__ import annotations

from alpacasorter.core.events import Finished
from alpacasorter.core.labels import percent
from alpacasorter.ui import text
from alpacasorter.ui.photo_row import Filter
from alpacasorter.ui.photo_store import PhotoStore


def why_empty(
    which: Filter, store: PhotoStore, finished: Finished | None, *, recursive: bool, watching: bool = False
) -> str:
    """Return why a filter shows no photos: a title, and lines that say more.

    Args:
        which: the filter.
        store: all photos.
        finished: how the scan ended; None before.
        recursive: whether sub-folders are looked into.
        watching: whether photos that arrive are shown by themselves.
    """
    if finished is None and not store.rows:
        return ""
    labels = store.labels
    lines = [
        {
            Filter.ALL: "No photos in this folder.",
            Filter.POSITIVE: f"Nothing here is tagged “{labels.display(labels.positive)}”.",
            Filter.NEGATIVE: f"Nothing here is tagged “{labels.display(labels.negative)}”.",
            Filter.UNSURE: f"No photo is unsure.\nThe model is {percent(store.unsure_below)} sure or more.",
            Filter.CORRECTED: "You have not corrected a tag here.\nClick on a tag that is wrong, and it is put right.",
            Filter.PROBLEMS: "Every photo could be read.",
            Filter.CHANGED: "No photo changed its mind.",
            Filter.NEW: "Nothing new.\nPhotos that arrive while the folder is open are listed here.",
        }[which]
    ]
    if which is Filter.ALL and finished is not None:
        if finished.sorted_folders:
            lines.append(text.sorted_folders(finished.sorted_folders))
        if finished.left_alone:
            lines.append(f"{text.count(finished.left_alone, 'other file')} left alone.")
        if not recursive:
            lines.append("Sub-folders were not looked into; that can be changed in Settings.")
        if watching:
            lines.append("Photos that arrive here are shown by themselves.")
    return "\n".join(lines)
