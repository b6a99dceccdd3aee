"""What a scan finds, in batches that neither flood the window nor keep it waiting."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

from alpacasorter.core.events import Found, Problem, Problems
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.walk import OtherFiles, WalkProblem, walk

_FOUND_BATCH = 1000
_FOUND_SECONDS = 0.25


def found_in_batches(
    root: Path, *, recursive: bool, stopped: Callable[[], bool]
) -> Iterator[Found | Problems | OtherFiles]:
    """Yield what the walker finds, in its order, in batches of one kind.

    Raises:
        FolderUnavailable: when first iterated: the folder itself can't be read.
    """
    found: list[PhotoFile] = []
    until = time.monotonic() + _FOUND_SECONDS
    for item in walk(root, recursive=recursive, stopped=stopped):
        if isinstance(item, PhotoFile):
            found.append(item)
        # A slow drive may take seconds for a full batch, and the user looks at an empty window meanwhile.
        if found and (not isinstance(item, PhotoFile) or len(found) == _FOUND_BATCH or time.monotonic() > until):
            yield Found(tuple(found))
            found = []
            until = time.monotonic() + _FOUND_SECONDS
        if isinstance(item, WalkProblem):
            yield Problems((Problem(item.path, item.reason, item.is_folder),))
        elif isinstance(item, OtherFiles):
            yield item
