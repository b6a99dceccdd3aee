"""Photos that a sort or an undo puts into the open folder and that are not listed yet: it is looked at again.

A photo that is listed follows its file. One that was sorted away before the folder was opened has no row to follow, and
who watches the folder takes the app's own work for known.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from alpacasorter.core.events import Finished
from alpacasorter.core.photos.formats import PICTURE_EXTENSIONS
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.ui.settings import Settings
from alpacasorter.workers.sorting import SortKeeper

if TYPE_CHECKING:
    from alpacasorter.ui.browse import BrowsePage


class Returning(QObject):
    """Notes which photos are placed, and at the end asks for another look where some of them are not listed.

    Signals:
        look_again: the open folder holds photos that the window does not know.
    """

    look_again = Signal()

    def __init__(
        self,
        keeper: SortKeeper,
        page: BrowsePage,
        settings: Settings,
        folder: Callable[[], Path | None],
        parent: QObject,
    ) -> None:
        """Prepare.

        Args:
            keeper: sorts and undoes.
            page: lists the photos.
            settings: whether sub-folders are shown, too.
            folder: returns the open folder.
            parent: the owner.
        """
        super().__init__(parent)
        self._keeper = keeper
        self._page = page
        self._settings = settings
        self._folder = folder
        self._placed: set[Path] = set()
        # Later, so that whoever else is told of the end has done with it.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._look)

    def note(self, event: FilesPlaced) -> None:
        """Take note of photos that are somewhere now; those that are somewhere else by then are forgotten."""
        for file in event.files:
            if not file.kept:
                self._placed.discard(file.before)
            if file.after is not None and file.after.suffix[1:].lower() in PICTURE_EXTENSIONS:
                self._placed.add(file.after)

    def on_over(self) -> None:
        """A sort or an undo has ended, or a scan."""
        if self._placed:
            self._soon.start()

    def on_finished(self, event: Finished) -> None:
        """A scan has ended; one that the user stopped is not begun anew."""
        if event.cancelled and not self._keeper.busy:
            self._placed.clear()
        self.on_over()

    def _look(self) -> None:
        if self._keeper.busy or self._page.actions_.stop.isEnabled():
            # Its end asks again.
            return
        folder, placed = self._folder(), self._placed
        self._placed = set()
        if folder is None:
            return
        store = self._page.store
        seen: dict[Path, bool] = {}
        unknown = [
            path
            for path in placed
            if store.row_of(path) is None and _is_shown(path.parent, folder, self._settings.recursive, seen)
        ]
        if unknown:
            # They were here before they were sorted.
            store.know(unknown)
            self.look_again.emit()


def _is_shown(place: Path, folder: Path, recursive: bool, seen: dict[Path, bool]) -> bool:
    """Tell whether photos at a place are shown with a folder: not those in what an earlier sort made."""
    if place == folder:
        return True
    if not recursive or folder not in place.parents:
        return False
    if place not in seen:
        try:
            marked = (place / OUTPUT_MARKER).exists()
        except OSError:
            marked = True
        seen[place] = not marked and _is_shown(place.parent, folder, recursive, seen)
    return seen[place]
