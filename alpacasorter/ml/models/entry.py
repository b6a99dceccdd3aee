"""One model in the list of models, described from its folder; one that can't be used, with the reason."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, pick
from alpacasorter.ml.models.bundle import Bundle, load_bundle
from alpacasorter.ml.models.metadata import CARD, BundleError, Fields, read_metadata
from alpacasorter.ml.models.variants import Variants


@dataclass(frozen=True, slots=True)
class VariantEntry:
    """A variant of a model in the list.

    Attributes:
        name: its name on the command line.
        title: what the user chooses, in the language in use.
        is_default: whether it is used unless the user chooses another.
        is_chosen: whether it is the one that is used with this model: the user's choice, or else the default.
    """

    name: str
    title: str
    is_default: bool
    is_chosen: bool


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
        setting: what its variants are about, in the language in use; empty if it has none.
        variants: its variants.
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
    setting: str = ""
    variants: tuple[VariantEntry, ...] = ()

    @property
    def title(self) -> str:
        """Name and version."""
        return f"{self.name} {self.version}".rstrip()

    @property
    def card(self) -> Path:
        """The model card in Markdown; it may be missing."""
        return self.path / CARD


def describe(
    path: Path, *, is_bundled: bool = False, chosen_variant: Callable[[Bundle], str | None] = lambda _bundle: None
) -> ModelEntry:
    """Load the model in a folder, with all checks, and describe it; takes about 20 ms.

    Args:
        path: the folder.
        is_bundled: whether it came with the app.
        chosen_variant: returns the variant of a model that the user has chosen, if any.
    """
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
    shown = bundle.display_names
    variants = bundle.variants
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
        setting="" if variants is None else pick(variants.setting),
        variants=() if variants is None else _variants(variants, chosen_variant(bundle) or variants.default),
    )


def _variants(variants: Variants, chosen: str) -> tuple[VariantEntry, ...]:
    return tuple(
        VariantEntry(one.name, pick(one.title), one.name == variants.default, one.name == chosen)
        for one in variants.choices
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
