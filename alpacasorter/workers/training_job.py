"""One training as it is handed to the process that trains, and where its results go."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from alpacasorter import paths
from alpacasorter.core.files import folder_name
from alpacasorter.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Job:
    """One training.

    Attributes:
        dataset: folder with one sub-folder per class.
        out: where the bundle goes; there is nothing yet. None where only the preview is wanted.
        report: where the HTML report goes; None for none.
        preview: where a PNG with examples goes; None for none.
        recipe: what to train and how.
    """

    dataset: Path
    out: Path | None
    report: Path | None
    preview: Path | None
    recipe: Recipe

    def to_line(self) -> str:
        """Return it as the line that the process expects, with its end."""
        places = {"dataset": self.dataset, "out": self.out, "report": self.report, "preview": self.preview}
        named = {name: None if place is None else str(place) for name, place in places.items()}
        return json.dumps({**named, "recipe": json.loads(self.recipe.to_json())}) + "\n"


def plan_job(dataset: Path, recipe: Recipe, name: str, preview: Path | None) -> Job:
    """Return a training whose model and report get places of their own among those of the user.

    Args:
        dataset: folder with one sub-folder per class.
        recipe: what to train and how.
        name: what the places are called; made fit for a file name, and numbered where there is one of that name. The
            model is called the same where the recipe has no name for it.
        preview: where a PNG with examples goes.
    """
    models, reports = paths.user_models_dir(), paths.user_data_dir() / "reports"
    # On the command line a model goes by the name of its folder: that of the bundled one must stay its own.
    taken = {name.casefold() for name in (paths.BUNDLED_MODEL, *_names(models), *_names(reports))}
    plain = folder_name(name)
    unique, number = plain, 1
    while unique in taken or f"{unique}.html" in taken:
        number += 1
        unique = f"{plain}-{number}"
    if not recipe.name:
        recipe = replace(recipe, name=name if number == 1 else f"{name} {number}")
    return Job(dataset, models / unique, reports / f"{unique}.html", preview, recipe)


def _names(folder: Path) -> list[str]:
    try:
        return [entry.name for entry in folder.iterdir()]
    except OSError:
        return []
