"""Judges a whole folder, for commands that need to know of all its photos before they begin."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alpacasorter.cli.console import ProgressBar
from alpacasorter.core.events import Finished, Found, Judged, JudgedPhoto, Learned, Problem, Problems, Progress

if TYPE_CHECKING:
    from alpacasorter.ml.engine import Engine


def judge_folder(
    opened: Engine, folder: Path, *, recursive: bool, bar: ProgressBar
) -> tuple[list[JudgedPhoto | Problem], Finished]:
    """Scan a folder.

    Returns:
        its photos, and what could not be read, in the order of the folder, whichever was ready first; and the end of
        the scan.

    Raises:
        FolderUnavailable: the folder itself can't be read.
    """
    order: dict[Path, None] = {}
    photos: dict[Path, JudgedPhoto] = {}
    problems: dict[Path, Problem] = {}
    # Closed before the engine is, whatever ends the loop.
    with contextlib.closing(opened.session.scan(folder, recursive=recursive)) as events:
        for event in events:
            match event:
                case Found():
                    order |= dict.fromkeys(file.path for file in event.files)
                case Judged():
                    photos |= {photo.path: photo for photo in event.photos}
                case Problems():
                    # Of some their names alone say that they can't be judged: those were not found as photos.
                    order |= dict.fromkeys(problem.path for problem in event.problems)
                    problems |= {problem.path: problem for problem in event.problems}
                case Learned():
                    photos = _judged_again(photos, event)
                case Progress():
                    bar.update(event)
                case Finished():
                    finished = event
    opened.cache.prune()
    known: dict[Path, JudgedPhoto | Problem] = {**photos, **problems}
    return [known[path] for path in order if path in known], finished


def _judged_again(photos: Mapping[Path, JudgedPhoto], event: Learned) -> dict[Path, JudgedPhoto]:
    """Return the photos as they are judged since something was learned."""
    now = dict(zip(event.keys, event.probabilities.tolist(), strict=True))
    return {
        path: replace(
            photo,
            probability=now.get(photo.content_key, photo.probability),
            correction=event.changes.get(photo.content_key, photo.correction),
        )
        for path, photo in photos.items()
    }
