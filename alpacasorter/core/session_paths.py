"""Where a session keeps things, and how a folder that the user names is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """Three folders.

    Attributes:
        bundle: the model; None for the one that the user has chosen.
        data: the library and its backups, precious.
        cache: the cache, disposable.
    """

    bundle: Path | None
    data: Path
    cache: Path


def plain_absolute(path: Path) -> Path:
    """Return a path from the root, without "~", "." and "..", its links as they are.

    Links are kept because the user knows the folder by the name they gave, and the cache by the path of its photos.
    """
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100  # resolve() would follow links
