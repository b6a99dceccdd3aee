"""Whether a destination can be one."""

from __future__ import annotations

import os
from pathlib import Path

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.sorting.disks import disk_of, existing_parent
from alpacasorter.core.sorting.plan import PlanError
from alpacasorter.core.sorting.target_folders import TargetFolder


def open_destination(path: Path) -> TargetFolder:
    """Return the destination, which need not be there yet.

    Raises:
        PlanError: nothing can go there.
    """
    if not path.is_absolute() or "\x00" in os.fspath(path):
        raise PlanError("Choose the folder that the photos go to, by its whole path.")
    if ".." in path.parts:  # what is below is compared part by part
        path = Path(os.path.realpath(path))
    shown = display_path(path)
    try:
        near = existing_parent(path)
        return TargetFolder(path, None, near == path, near, disk_of(near))
    except NotADirectoryError as error:
        raise PlanError(f"The destination “{shown}” is a file, or is below one. Choose a folder.") from error
    except FileNotFoundError as error:
        raise PlanError(
            f"The destination “{shown}” can't be reached. A link in it leads nowhere, or its drive is not connected."
        ) from error
    except OSError as error:
        raise PlanError(f"The destination “{shown}” can't be used. {reasons.for_folder(error)}") from error
