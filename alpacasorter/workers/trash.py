"""The trash of the system the window runs on, through Qt."""

from __future__ import annotations

import contextlib
import os
import sys
from pathlib import Path

from PySide6.QtCore import QFile

from alpacasorter.core.sorting.execution.trash import NotTrashed


class SystemTrash:
    """Moves files to the trash: that of the user, or on another disk the one there. It never deletes a file.

    On Linux, Qt follows the specification of freedesktop.org. On Windows, it has the system refuse what the recycle bin
    can't take, instead of deleting it.
    """

    def throw(self, path: Path) -> Path | None:
        """Move a file to the trash; see `Trash.throw`."""
        name = str(path)
        try:
            name.encode()
        except UnicodeEncodeError:
            # Qt would look for a file with another name.
            raise NotTrashed from None
        _make_home_for_trash()
        # The static function of this name says whether it worked, but not where the file is now.
        file = QFile(name)
        if not file.moveToTrash():
            raise NotTrashed
        where = file.fileName()
        return Path(os.path.normpath(where)) if where and where != name else None


def _make_home_for_trash() -> None:
    """Create the folder for the data of programs if it is missing, as for a new user: Qt makes only the trash in it."""
    if sys.platform.startswith("linux"):
        with contextlib.suppress(OSError, RuntimeError):
            data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
            Path(data).mkdir(mode=0o700, parents=True, exist_ok=True)
