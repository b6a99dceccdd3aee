"""Build hook: a wheel contains models/ and resources/; an editable install reads them from the checkout."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DATA_FOLDERS = ("models", "resources")
NOT_IN_WHEEL = ("packaging", "locale")
"""Subfolders of resources that only the packaged program needs, or that go into a wheel only in part."""
CATALOGS = "resources/locale/*/LC_MESSAGES/*.mo"
"""Translations; what they are made of stays in the checkout."""


class DataFolders(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the data folders to a wheel as alpacasorter/_data/<folder>."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Add the folders; `version` is "standard" for a regular wheel and "editable" for an editable install."""
        if version == "editable":
            return
        for name in DATA_FOLDERS:
            folder = Path(self.root, name)
            found = [path for path in folder.iterdir() if path.name not in NOT_IN_WHEEL]
            if not found:
                raise FileNotFoundError(f"{name}/ is missing or empty; the wheel would not work without it.")
            for path in found:
                build_data["force_include"][str(path)] = f"alpacasorter/_data/{name}/{path.name}"
        for path in Path(self.root).glob(CATALOGS):
            inside = path.relative_to(self.root).as_posix()
            build_data["force_include"][str(path)] = f"alpacasorter/_data/{inside}"
