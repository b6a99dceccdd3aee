"""A small imitation of the folder that PyInstaller builds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

Packed = tuple[Path, dict[str, Any]]
"""The folder, and what `environment.py` prints about the environment that built it."""
FILES = {
    "AlpacaSorter": b"program",
    "_internal/alpacasorter-0.1.0.dist-info/licenses/LICENSE": b"MIT License of the program",
    "_internal/resources/icons/back.svg": b"<svg/>",
    "_internal/models/alpaca/MODEL_CARD.md": b"# Model card: Alpaca",
    "_internal/models/alpaca/model.json": json.dumps(
        {"name": "Alpaca", "version": "2.0.0", "training": {"photos": {"article": {"positive": 2, "negative": 3}}}}
    ).encode(),
    "_internal/models/alpaca/head.npz": b"numbers",
    "_internal/python3.11/lib-dynload/math.so": b"code of Python",
    "_internal/shapes/_fast.so": b"code of a package",
    "_internal/shapes.libs/libtiff-20b7e810.so.6.3.0": b"tiff",
    "_internal/shapes.libs/libheif-e72ea93c.so.1.23.6": b"heif",
    "_internal/PySide6/Qt/lib/libQt6Core.so.6": b"Qt",
    "_internal/libffi.so.8": b"ffi that no system package has",
}


def _distribution(name: str, version: str, files: list[str], texts: list[Path], expression: str) -> dict[str, Any]:
    return {
        "name": name,
        "version": version,
        "expression": expression,
        "license": "",
        "classifiers": [],
        "files": [[path, ""] for path in files],
        "texts": [str(text) for text in texts],
        "bills": [],
    }


def imitation(place: Path) -> tuple[Path, dict[str, Any]]:
    """Make a folder like the one PyInstaller builds; return it and what `environment.py` would print."""
    folder = place / "AlpacaSorter"
    for name, content in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    license_file = place / "shapes-LICENSE.txt"
    license_file.write_text(
        "Shapes may be used by all.\n\nName: libheif\n  Source code: /tree/v1.23.6\n", encoding="utf-8"
    )
    python = place / "LICENSE.txt"
    python.write_text("The license of Python.", encoding="utf-8")
    qt = "LGPL-3.0-only OR GPL-3.0-only"
    inner = [name.removeprefix("_internal/") for name in FILES]
    shapes = [name for name in inner if name.startswith("shapes")]
    return folder, {
        "python": "3.11.7",
        "standard": ["json", "math"],
        "texts": [str(python)],
        "own_files": [],
        "programs": ["AlpacaSorter"],
        "modules": ["alpacasorter.paths", "json", "json.decoder", "shapes", "shapes.round"],
        "distributions": [
            _distribution("alpacasorter", "0.1.0", ["alpacasorter-0.1.0.dist-info/licenses/LICENSE"], [], "MIT"),
            _distribution("PySide6_Essentials", "6.11.3", ["PySide6/Qt/lib/libQt6Core.so.6"], [], qt),
            _distribution("Shapes", "2.1", [*shapes, "shapes/__init__.py", "shapes/round.py"], [license_file], "MIT"),
            _distribution("unused", "9", ["unused/__init__.py"], [], ""),
        ],
    }
