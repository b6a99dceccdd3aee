"""Photos that appear, disappear or change while the folder is open: shown when the user is not about to click."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QTimer, Signal

from alpacasorter.core import trash_reasons
from alpacasorter.core.events import Found, Judged, Problems
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.core.watching.events import Gone, Renamed
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.banners import ArrivalsBanner
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.wording import text

_IDLE_MS = 1500
"""How long mouse and keys must rest before photos move."""
_COLLECT_MS = 300
"""How long changes are collected: one photo that arrives makes the view lay out all of them, as do a thousand."""
_PHOTOS_PER_MS = 40
"""One millisecond is added for each so many photos: the layout of a thousand takes 2.5 ms."""

_WORK = frozenset(
    (
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseButtonRelease,
        QEvent.Type.MouseButtonDblClick,
        QEvent.Type.Wheel,
        QEvent.Type.KeyPress,
        # All that arrives here of a key that is a shortcut.
        QEvent.Type.ShortcutOverride,
    )
)
_USER_INPUT = _WORK | {QEvent.Type.MouseMove}


class LiveRows(QObject):
    """Passes the events of the watched folder to a model, and lets it settle when the user is idle.

    Nothing moves under the mouse: photos that arrived are added at the end, and those that are gone removed, after
    mouse and keys have rested for a moment. While the mouse is over the photos, only photos below it are removed. A
    photo that is gone stays as long as it is selected, so that no key meant for it affects another one.

    Attributes:
        touched: whether the user has worked with the photos since the folder was opened or scanned again.

    Signals:
        changed: photos were added, removed or judged.
        moved: photos were renamed or moved.
    """

    changed = Signal()
    moved = Signal()

    def __init__(self, model: PhotoModel, grid: PhotoGrid, banner: ArrivalsBanner, parent: QObject) -> None:
        """Update `model`, which `grid` shows; `banner` says how many photos are new."""
        super().__init__(parent)
        self._model = model
        self._grid = grid
        self._banner = banner
        self._new = 0
        self._more = False
        self._mouse_over = False
        self.touched = False
        self._idle = QTimer(self, singleShot=True, interval=_IDLE_MS)
        self._collect = QTimer(self, singleShot=True)
        self._collect.timeout.connect(self._settle)
        self._tell_soon = QTimer(self, singleShot=True, interval=_COLLECT_MS)
        self._tell_soon.timeout.connect(self.tell)
        model.unsettled.connect(self._settle_soon)
        model.counts_changed.connect(self._on_counts)
        model.modelReset.connect(self._collect.stop)
        selection = grid.selectionModel()
        selection.selectionChanged.connect(self._settle_soon)
        selection.currentChanged.connect(self._settle_soon)
        grid.installEventFilter(self)
        grid.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice that the user is working with the photos."""
        kind = event.type()
        if kind in _USER_INPUT:
            self._idle.start()
            self.touched = self.touched or kind in _WORK
        if watched is not self._grid and kind in (QEvent.Type.Enter, QEvent.Type.MouseMove):
            self._mouse_over = True
        elif watched is not self._grid and kind == QEvent.Type.Leave:
            self._mouse_over = False
            self._settle_soon()
        return False

    @property
    def is_idle(self) -> bool:
        """Whether mouse and keys have rested for a moment."""
        return not self._idle.isActive()

    def begin(self) -> None:
        """Start over with another folder."""
        self._new = 0
        self._more = False
        self._banner.hide()

    # What is shown

    def _settle_soon(self) -> None:
        if not self._model.is_settled and not self._collect.isActive():
            self._collect.start(_COLLECT_MS + self._model.rowCount() // _PHOTOS_PER_MS)

    def _settle(self) -> None:
        if not self.is_idle:
            self._collect.start(self._idle.remainingTime() + 1)
            return
        self._model.settle([row for row in self._model.leaving if self._is_chosen(row) or self._may_be_pointed_at(row)])

    def _is_chosen(self, row: PhotoRow) -> bool:
        index = self._model.index_of(row)
        return index == self._grid.currentIndex() or self._grid.selectionModel().isSelected(index)

    def _may_be_pointed_at(self, row: PhotoRow) -> bool:
        """Return whether removing a row could move another one under the mouse."""
        place = self._model.position(row)
        return self._mouse_over and place is not None and place < self._grid.visible_rows().stop

    # Events of the watched folder and of a sort

    def on_arrived(self, event: Found) -> None:
        """Photos arrived or were changed; their predictions follow."""
        self._model.on_arrived(event)

    def on_judged(self, event: Judged) -> None:
        """Photos that arrived or were changed have predictions."""
        self._model.on_judged(event, live=True)
        self.changed.emit()

    def on_problems(self, event: Problems) -> None:
        """Photos that arrived or were changed can't be judged."""
        self._model.on_problems(event, live=True)
        self.changed.emit()

    def on_renamed(self, event: Renamed) -> None:
        """Photos were renamed or moved within the folder."""
        self._model.on_moved((before, file.path) for before, file in event.files)
        self.moved.emit()

    def on_gone(self, event: Gone) -> None:
        """Photos no longer exist."""
        self._model.on_gone(event.paths)
        self.changed.emit()

    def on_placed(self, event: FilesPlaced) -> None:
        """A sort or an undo has moved files, thrown them away or removed copies; making copies changes nothing here."""
        self._model.on_moved(
            (file.before, file.after) for file in event.files if file.after is not None and not file.kept
        )
        self.moved.emit()
        trashed = [file.before for file in event.files if file.trashed]
        removed = [file.before for file in event.files if file.after is None and not file.trashed]
        if trashed:
            self._model.on_gone(trashed, trash_reasons.IN_TRASH)
        if removed:
            self._model.on_gone(removed)
        if trashed or removed:
            self.changed.emit()

    # The message below the photos

    def _on_counts(self) -> None:
        new = self._model.store.counts[Filter.NEW]
        if new == self._new:
            return
        self._more |= new > self._new
        self._new = new
        if not self._tell_soon.isActive():
            self._tell_soon.start()

    def tell(self) -> None:
        """Say how many photos are new, if more have arrived since the last time or if they are shown."""
        store = self._model.store
        new = store.counts[Filter.NEW]
        more, self._more = self._more, False
        if new == 0:
            self._banner.hide()
            return
        showing = self._model.filter is Filter.NEW
        unsure = sum(1 for row in store.rows if row.new and store.is_unsure(row))
        words = text.arrived(new, unsure)
        self._banner.show_button.setVisible(not showing)
        if more or showing:
            self._banner.say(words)
        else:
            self._banner.words.setText(words)
