"""One model in the list of models, described from its folder; one that can't be used, with the reason."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from pathlib import Path

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _
from alpacasorter.ml.models.bundle import Bundle, load_bundle
from alpacasorter.ml.models.metadata import CARD, BundleError, Fields, read_metadata


@dataclass(frozen=True, slots=True)
class ModelEntry:
    """A model in the list.

    Attributes:
        path: its folder.
        key: its name on the command line, which is the name of its folder.
        name, version, created: from its metadata; version and day are empty if it can't be read.
        classes: display names of its two classes, the positive one first; empty if it can't be read.
        bundle_id: empty if it can't be read.
        is_bundled: whether it came with the app.
        in_use: whether it is the one in use.
        size: bytes of its files.
        problem: why it can't be used, in sentences; empty if it can.
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
    """Load the model in a folder, with all checks, and describe it; takes about 20 ms."""
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
            problem=_("It can't be used. {reason}").format(reason=error.why),
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
    """Return the name that a model gives itself, even if it can't be used; its folder's name if that is unknown."""
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
    """Return whether two paths lead to the same folder, links included."""
    if one == other:
        return True
    try:
        return one.samefile(other)
    except (OSError, ValueError):
        return False
