"""What is said of one model in a list, read from its folder; one that can't be used is described with its reason."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from alpacasorter.core.files import display_path
from alpacasorter.ml.models.bundle import CARD, Bundle, BundleError, Fields, load_bundle, read_metadata


class ModelStoreError(Exception):
    """Something can't be done with the models; `str()` is a plain sentence."""


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model in the list.

    Attributes:
        path: its folder.
        key: what the command line calls it: the name of its folder.
        name, version, created: as it says itself; the version and the day are empty where it can't be read.
        classes: what people read for its two classes, the positive one first; empty where it can't be read.
        bundle_id: empty where it can't be read.
        is_bundled: whether it came with the app.
        in_use: whether it serves.
        size: bytes of its files.
        problem: why it can't be used, a sentence; empty where it can.
    """

    path: Path
    key: str
    name: str
    version: str = ""
    created: str = ""
    classes: tuple[str, ...] = ()
    bundle_id: str = ""
    is_bundled: bool = False
    in_use: bool = False
    size: int = 0
    problem: str = ""

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}".rstrip()

    @property
    def card(self) -> Path:
        """The model card in Markdown; it may be missing."""
        return self.path / CARD


def describe(path: Path, *, is_bundled: bool = False) -> ModelEntry:
    """Load the model in a folder, with all checks, and describe it. Takes some 20 ms."""
    key, size = path.name, _size_of(path)
    try:
        bundle = load_bundle(path)
    except BundleError as error:
        return ModelEntry(
            path,
            key,
            name_of(path),
            is_bundled=is_bundled,
            size=size,
            problem=f"It can't be used: {error.why}.",
        )
    return _described(bundle, is_bundled=is_bundled, size=size)


def _described(bundle: Bundle, *, is_bundled: bool, size: int) -> ModelEntry:
    shown = bundle.display_names
    return ModelEntry(
        path=bundle.path,
        key=bundle.path.name,
        name=bundle.name,
        version=bundle.version,
        created=bundle.created,
        classes=(shown[bundle.positive_label], shown[bundle.negative_label]),
        bundle_id=bundle.bundle_id,
        is_bundled=is_bundled,
        size=size,
    )


def name_of(path: Path) -> str:
    """Return what a model calls itself, even one that can't be used; the name of its folder where that is unknown."""
    with contextlib.suppress(BundleError, OSError, ValueError, RecursionError):
        return Fields(path, json.loads(read_metadata(path))).text("name")
    return display_path(path.name)


def _size_of(path: Path) -> int:
    size = 0
    with contextlib.suppress(OSError), os.scandir(path) as found:
        for entry in found:
            with contextlib.suppress(OSError):
                size += entry.stat().st_size if entry.is_file() else 0
    return size


def same_folder(one: Path, other: Path) -> bool:
    """Tell whether two paths lead to one folder, by whatever links."""
    if one == other:
        return True
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False
