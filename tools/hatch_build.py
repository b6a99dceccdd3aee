"""Build hook: a wheel carries models/ and resources/, an editable install reads them from the checkout."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

DATA_FOLDERS = ("models", "resources")


class DataFolders(BuildHookInterface):  # type: ignore[type-arg]
    """Adds the data folders to a wheel as alpacasorter/_data/<folder>."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """`version` is "standard" for a wheel to give away and "editable" for a checkout in use."""
        if version == "editable":
            return
        for name in DATA_FOLDERS:
            folder = Path(self.root, name)
            if not any(folder.rglob("*")):
                raise FileNotFoundError(f"{name}/ is missing or empty: the wheel would not work without it.")
            build_data["force_include"][str(folder)] = f"alpacasorter/_data/{name}"
