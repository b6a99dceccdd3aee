"""Where a session stores its data, and how paths that the user enters become absolute."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Places:
    """The folders of a session.

    Attributes:
        bundle: the model; None for the one that the user has chosen.
        data: for the library and its backups, which must not be lost.
        cache: for the cache, which can be made again.
    """

    bundle: Path | None
    data: Path
    cache: Path


def plain_absolute(path: Path) -> Path:
    """Return an absolute path without "~", "." and "..", whose links are not resolved.

    The user knows the folder by the name they entered, and the cache knows photos by their paths.
    """
    return Path(os.path.abspath(path.expanduser()))  # noqa: PTH100  # resolve() would follow links
