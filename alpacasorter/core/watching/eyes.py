"""How a folder is watched: because the system tells of changes, or by looking every few seconds where it doesn't."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from alpacasorter.core.watching.hints import Hints
from alpacasorter.core.watching.observing import Observe, Observer, ObservingError

NETWORK: Final = "This folder, or one that it links to, is on a network drive, which doesn't tell of changes"
LIMIT: Final = "This system watches only so many folders"
FAILED: Final = "This system doesn't tell of changes here"

_MOST_LINKS: Final = 16
_TOO_SOON_SECONDS: Final = 60.0
_COUNT_SECONDS: Final = 60.0


class Eyes:
    """Starts the observer, sees to it that it lives, and knows why one has to look oneself.

    Attributes:
        why: why the folder is looked at every few seconds, without a full stop; empty where it need not be.
    """

    def __init__(
        self,
        root: str,
        *,
        recursive: bool,
        hints: Hints,
        observe: Observe,
        is_silent: Callable[[Path], bool],
        try_again: float,
    ) -> None:
        """Prepare; nothing runs before `open`. It is tried again after `try_again` seconds where it can't be done."""
        self.why = ""
        self._root = root
        self._recursive = recursive
        self._hints = hints
        self._observe = observe
        self._is_silent = is_silent
        self._try_again = try_again
        self._observer: Observer | None = None
        self._links: list[str] = []
        self._opened_at = 0.0
        self._missed = False
        self._counted = -1
        self._count_at = 0.0

    def open(self, links: Sequence[str]) -> None:
        """Start to observe, anew where it was done already; `links` are paths of links to folders to watch, too."""
        self.close()
        self._links = list(links)
        self._opened_at = time.monotonic()
        self._missed, self._counted = False, -1
        if any(self._is_silent(Path(path)) for path in (self._root, *links)):
            self.why = NETWORK
            return
        # The system is told of real folders: of a link it would watch the link itself.
        places = [(os.path.realpath(path), path) for path in (self._root, *links[:_MOST_LINKS])]
        try:
            self._observer = self._observe(places, self._recursive, self._hints)
        except ObservingError as error:
            self.why = LIMIT if error.is_limit else FAILED
        else:
            # Each of them costs a thread.
            self.why = LIMIT if len(links) > _MOST_LINKS else ""

    def check(self, links: Sequence[str], numbers: Callable[[], list[int]]) -> bool:
        """See to the observer.

        Args:
            links: as for `open`.
            numbers: returns the numbers (inodes) of the folders that should be watched.

        Returns:
            Whether it was started anew, so that something may have been missed.
        """
        lived = time.monotonic() - self._opened_at
        if self._observer is None:
            if self.why == NETWORK or lived < self._try_again:
                return False
            self.open(links)
            return not self.why
        if not self._observer.is_alive():
            if lived < _TOO_SOON_SECONDS:
                self.close()
                self.why = FAILED
            else:
                self.open(links)
            return True
        if list(links) != self._links:
            self.open(links)
            return True
        self._see_to_the_limit(self._observer, numbers())
        return False

    def _see_to_the_limit(self, observer: Observer, numbers: list[int]) -> None:
        now = time.monotonic()
        if len(self._links) > _MOST_LINKS or (len(numbers) == self._counted and now < self._count_at):
            return
        # A folder may be new, and its turn about to come: only what is missed twice is.
        missed = observer.misses(numbers)
        self.why = LIMIT if missed and self._missed else ""
        self._counted = -1 if missed != self._missed else len(numbers)
        self._missed = missed
        self._count_at = now + _COUNT_SECONDS

    def close(self) -> None:
        """Stop observing; blocks until its threads have ended."""
        observer, self._observer = self._observer, None
        if observer is not None:
            observer.close()
