"""What can be told before any photo is opened: whether a bundle can go there, and be called so."""

from __future__ import annotations

from pathlib import Path

from alpacasorter.core.files import display_path
from alpacasorter.ml.models.bundle import CARD, KERAS_WEIGHTS, METADATA, REQUIRED, BundleError, Fields

_OF_A_BUNDLE = frozenset({METADATA, CARD, KERAS_WEIGHTS, *REQUIRED})


def problem_with_out(out: Path, dataset: Path) -> str:
    """Return why a new bundle can't take the place `out`, as a sentence; empty where it can.

    A folder that is there must be empty or a bundle with nothing else in it, for it is replaced whole.

    Raises:
        OSError: the folder can't be looked into.
    """
    if out.resolve().is_relative_to(dataset.resolve()):
        return (
            f"{display_path(out)} is inside the folder of the photos, where it would count as a class. "
            "Choose another place."
        )
    if not out.exists() and not out.is_symlink():
        return ""
    if not out.is_dir() or out.is_symlink():
        return f"{display_path(out)} is there already and is no model folder. Choose another name."
    names = {entry.name for entry in out.iterdir()}
    if not names:
        return ""
    if METADATA not in names:
        return f"{display_path(out)} is there already and is no model folder. Choose another name."
    if others := sorted(names - _OF_A_BUNDLE):
        return (
            f"The model folder {display_path(out)} also holds {display_path(others[0])}, which would be lost. "
            "Move it away, or choose another name."
        )
    return ""


def problem_with_class_names(class_names: tuple[str, str], name: str) -> str:
    """Return why a bundle can't have these classes and this name, as a sentence; empty where it can."""
    fields = Fields(Path(name), {"class_names": list(class_names), "name": name})
    try:
        fields.class_names()
    except BundleError:
        return (
            f"The sub-folders “{display_path(class_names[0])}” and “{display_path(class_names[1])}” can't give the "
            "classes their names: names must be at most 64 characters, fit for a folder on every system, and differ in "
            "more than capital letters. Rename them."
        )
    try:
        fields.text("name")
    except BundleError:
        return "The name of the model is too long or can't be printed. Choose another one."
    return ""
