"""The watched folder itself: whether it is there, and whether it is still the same one."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from alpacasorter.core.listing import Listing, folder_identity
from alpacasorter.core.walk import FolderUnavailable, list_root

_WAITS: Final = "AlpacaSorter waits until it is back."
_EMPTY: Final = "The folder is empty all of a sudden, as if its drive were not connected."


class Root:
    """The folder at the top. For one thread.

    Attributes:
        offline: why it is not there just now, sentences for the user; empty where it is.
    """

    def __init__(self, path: Path) -> None:
        """Know nothing of it yet."""
        self.offline = ""
        self._path = path
        self._identity: object = None

    def check(self, *, is_anything_known: bool) -> bool:
        """See whether it is there; return whether it came (back), or another took its place, since the last time.

        Args:
            is_anything_known: whether there were photos in it.
        """
        if not self.offline and self.is_same():
            return False
        try:
            listing = list_root(self._path)
        except FolderUnavailable as error:
            self.offline = f"{error.reason} {_WAITS}"
            return False
        identity = _identity(listing)
        if identity != self._identity and listing.is_empty and is_anything_known:
            # What a drive leaves behind when it is unplugged.
            self.offline = f"{_EMPTY} {_WAITS}"
            return False
        self.offline = ""
        self._identity = identity
        return True

    def is_same(self) -> bool:
        """Tell whether the folder that was found last is there."""
        if self._identity is None:
            return False
        try:
            return folder_identity(str(self._path), self._path.stat()) == self._identity
        except OSError:
            return False

    def list(self) -> Listing | None:
        """List it; None where it is not there, or is another one: then `check` says more."""
        try:
            listing = list_root(self._path)
        except FolderUnavailable as error:
            # It may be there and yet say nothing, so to see it is not enough.
            self.offline = f"{error.reason} {_WAITS}"
            return None
        return listing if _identity(listing) == self._identity else None


def _identity(listing: Listing) -> object:
    return None if listing.status is None else folder_identity(listing.path, listing.status)
