"""What follows a sort or an undo in the window: a rescan if necessary."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal
from PySide6.QtGui import QAction

from alpacasorter.core.events import Finished
from alpacasorter.core.photos.exclusion import NOMEDIA, is_passed_over
from alpacasorter.core.photos.formats import PICTURE_EXTENSIONS
from alpacasorter.core.photos.walk import OUTPUT_MARKER, rooted
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.settings import Settings
from alpacasorter.workers.sorting import SortService


class RescanAfterSort(QObject):
    """Notes where photos are moved, and asks for a rescan at the end if some of them are not listed.

    The row of a listed photo follows its file. A photo that was moved out of the folder before the folder was opened
    has no row, and watching ignores what the app itself does, so an undo that brings it back needs a rescan.

    Signals:
        rescan_needed: the open folder contains photos that are not listed.
    """

    rescan_needed = Signal()

    def __init__(
        self,
        service: SortService,
        stop: QAction,
        store: PhotoStore,
        settings: Settings,
        folder: Callable[[], Path | None],
        parent: QObject,
    ) -> None:
        """Prepare.

        Args:
            service: sorts and undoes.
            stop: enabled while the folder is scanned.
            store: the photos that are listed.
            settings: whether subfolders are shown.
            folder: returns the open folder.
            parent: the owner.
        """
        super().__init__(parent)
        self._service = service
        self._stop = stop
        self._store = store
        self._settings = settings
        self._folder = folder
        self._placed: set[Path] = set()
        # Delayed, so that everything else that reacts to the end is done.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._look)

    def note(self, event: FilesPlaced) -> None:
        """Note where photos are now, and forget where they were."""
        for file in event.files:
            if not file.kept:
                self._placed.discard(file.before)
            if file.after is not None and file.after.suffix[1:].lower() in PICTURE_EXTENSIONS:
                self._placed.add(file.after)

    def on_over(self) -> None:
        """React to the end of a sort, an undo or a scan."""
        if self._placed:
            self._soon.start()

    def on_finished(self, event: Finished) -> None:
        """React to the end of a scan. One that the user stopped is not started again."""
        if event.canceled and not self._service.busy:
            self._placed.clear()
        self.on_over()

    def _look(self) -> None:
        if self._service.busy or self._stop.isEnabled():
            # Its end calls this again.
            return
        folder, placed = self._folder(), self._placed
        self._placed = set()
        if folder is None:
            return
        store = self._store
        seen: dict[Path, bool] = {}
        unknown = [
            path for path in placed if store.row_of(path) is None and _is_shown(path, folder, self._settings, seen)
        ]
        if unknown:
            # They are not new: they were here before they were sorted.
            store.know(unknown)
            self.rescan_needed.emit()


def _is_shown(path: Path, folder: Path, settings: Settings, seen: dict[Path, bool]) -> bool:
    """Tell whether a photo is shown when `folder` is open: not if a sort made its folder, or it is left out."""
    exclusion = rooted(settings.exclusion, folder)
    if exclusion.leaves_out_below(str(path), is_folder=False):
        return False
    markers = (OUTPUT_MARKER, NOMEDIA) if exclusion.nomedia else (OUTPUT_MARKER,)
    return _is_walked(path.parent, folder, markers, settings.recursive, seen)


def _is_walked(place: Path, folder: Path, markers: Sequence[str], recursive: bool, seen: dict[Path, bool]) -> bool:
    if place == folder:
        return True
    if not recursive or folder not in place.parents or is_passed_over(place.name, is_folder=True):
        return False
    if place not in seen:
        try:
            marked = any((place / marker).exists() for marker in markers)
        except OSError:
            marked = True
        seen[place] = not marked and _is_walked(place.parent, folder, markers, recursive, seen)
    return seen[place]
