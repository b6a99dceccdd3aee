"""What the user wants of a sort."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

USUAL_MIN_CONFIDENCE: Final = 0.8
"""Confidence below which a photo counts as unsure unless the user says otherwise."""


class Action(enum.StrEnum):
    """What is done with a photo and its companions."""

    MOVE = "move"
    COPY = "copy"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"


class Leftovers(enum.StrEnum):
    """What is done with photos that get no label's folder."""

    LEAVE = "leave"
    FOLDER = "folder"


@dataclass(frozen=True, slots=True)
class SortOptions:
    """How photos are sorted.

    Attributes:
        destination: folder, absolute, below which the photos go. It need not exist yet.
        action: what is done with them.
        pattern: folders below the destination, such as "{label}/{taken:%Y-%m}" (pattern.py).
        folder_names: what stands for a label in the pattern; its display name where the label is missing here.
        leave_labels: labels whose photos stay where they are.
        min_confidence: confidence below which a photo without a correction is unsure, 0 to 1.
        unsure: where unsure photos go: nowhere, or into `unsure_folder`, which stands for the label then.
        unsure_folder: a folder name.
        unreadable: the same for photos that can't be read.
        unreadable_folder: a folder name.
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
