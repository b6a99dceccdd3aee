"""The choices that the user makes for a sort."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from alpacasorter.core.taken import Clock

USUAL_MIN_CONFIDENCE: Final = 0.8
"""Confidence below which a photo counts as unsure unless the user chooses another one."""


class Action(enum.StrEnum):
    """What is done with a photo and its companions."""

    MOVE = "move"
    COPY = "copy"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"


class Leftovers(enum.StrEnum):
    """What is done with unsure and unreadable photos, which don't go to the folder of a label."""

    LEAVE = "leave"
    FOLDER = "folder"


class DifferentTags(enum.StrEnum):
    """What is done with photos of one unit, such as an original and its edited version, that have different tags.

    Attributes:
        TOGETHER: they stay together and go where the user's own label says, else the most certain one.
        APART: each goes by its own tag, with its own companions.
        LEAVE: they stay where they are.
    """

    TOGETHER = "together"
    APART = "apart"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class SortOptions:
    """How photos are sorted.

    Attributes:
        destination: absolute path of the folder that the photos are sorted into. It need not exist yet.
        action: what is done with them.
        pattern: folders below the destination, such as "{label}/{taken:%Y-%m}" (see planning/pattern.py).
        folder_names: what replaces a label in the pattern; labels that are missing here use their display name.
        leave_labels: labels whose photos stay where they are.
        min_confidence: confidence below which a photo without a correction is unsure, 0 to 1.
        unsure: whether unsure photos stay or go to `unsure_folder`, which then replaces the label in the pattern.
        unsure_folder: a folder name; the same in every language, so that later sorts use the same folder.
        unreadable: the same for photos that can't be read.
        unreadable_folder: a folder name, like `unsure_folder`.
        clocks: cameras whose clock was wrong, for {taken}.
        different_tags: what is done with photos that belong together and have different tags.
    """

    destination: Path
    action: Action = Action.MOVE
    pattern: str = "{label}"
    folder_names: Mapping[str, str] = field(default_factory=dict)
    leave_labels: frozenset[str] = frozenset()
    min_confidence: float = USUAL_MIN_CONFIDENCE
    unsure: Leftovers = Leftovers.LEAVE
    unsure_folder: str = "Unsure"
    unreadable: Leftovers = Leftovers.LEAVE
    unreadable_folder: str = "Unreadable"
    clocks: tuple[Clock, ...] = ()
    different_tags: DifferentTags = DifferentTags.TOGETHER
