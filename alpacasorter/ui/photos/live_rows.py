"""Photos that come, go and change by themselves: shown when nobody is about to click, and told of below the photos."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QTimer, Signal

from alpacasorter.core.events import Found, Judged, Problems
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.core.watching.events import Gone, Renamed
from alpacasorter.ui.photo_row import Filter, PhotoRow
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.widgets.messages import ArrivalsBanner
from alpacasorter.wording import text

_CALM_MS = 1500
"""How long mouse and keys must rest over the photos before any of them moves by itself."""
_GATHER_MS = 300
"""For how long what happens is gathered; the view lays all photos out anew for one that arrives as for a thousand."""
_GATHER_PHOTOS = 40
"""And one millisecond more for so many photos: a layout takes 2.5 ms for a thousand."""

_AT_WORK = frozenset(
    (
        QEvent.Type.MouseMove,
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseButtonRelease,
        QEvent.Type.MouseButtonDblClick,
        QEvent.Type.Wheel,
        QEvent.Type.KeyPress,
    )
)


class LiveRows(QObject):
    """Lets a model settle.

    Nothing moves under the mouse: what arrived is put in, and what is gone taken out, when the photos were left alone
    for a moment. The photos in view stay there as far as they can. One that is gone stays for as long as it is
    selected, so that no key meant for it meets another.

    Signals:
        changed: there are others or more of them than there were, or they are judged.
    """

    changed = Signal()

    def __init__(self, model: PhotoModel, grid: PhotoGrid, banner: ArrivalsBanner, parent: QObject) -> None:
        """Watch over `model` as `grid` shows it."""
        super().__init__(parent)
        self._model = model
        self._grid = grid
        self._banner = banner
        self._new = 0
        self._more = False
        self._calm = QTimer(self, singleShot=True, interval=_CALM_MS)
        self._gather = QTimer(self, singleShot=True)
        self._gather.timeout.connect(self._settle)
        self._say = QTimer(self, singleShot=True, interval=_GATHER_MS)
        self._say.timeout.connect(self.tell)
        model.unsettled.connect(self._soon)
        model.counts_changed.connect(self._on_counts)
        model.modelReset.connect(self._gather.stop)
        selection = grid.selectionModel()
        selection.selectionChanged.connect(self._soon)
        selection.currentChanged.connect(self._soon)
        grid.installEventFilter(self)
        grid.viewport().installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Notice that somebody is at work on the photos."""
        if event.type() in _AT_WORK:
            self._calm.start()
        return False

    def begin(self) -> None:
        """Nothing was told of the folder that is opened now."""
        self._new = 0
        self._more = False
        self._banner.hide()

    # What is shown

    def _soon(self) -> None:
        if not self._model.is_settled and not self._gather.isActive():
            self._gather.start(_GATHER_MS + self._model.rowCount() // _GATHER_PHOTOS)

    def _settle(self) -> None:
        if self._calm.isActive():
            self._gather.start(self._calm.remainingTime() + 1)
            return
        model, bar = self._model, self._grid.verticalScrollBar()
        keep = [row for row in model.leaving if self._is_chosen(row)]
        leaving = model.leaving - set(keep)
        anchor = next((row for row in map(self._row_at, self._grid.visible_rows()) if row not in leaving), None)
        before = self._top_of(anchor) if anchor is not None else 0
        model.settle(keep)
        if anchor is not None:
            bar.setValue(bar.value() + self._top_of(anchor) - before)

    def _is_chosen(self, row: PhotoRow) -> bool:
        index = self._model.index_of(row)
        return index == self._grid.currentIndex() or self._grid.selectionModel().isSelected(index)

    def _row_at(self, place: int) -> PhotoRow:
        return self._model.photo(self._model.index(place))

    def _top_of(self, row: PhotoRow) -> int:
        return self._grid.visualRect(self._model.index_of(row)).top()

    # What happens by itself, and what a sort does

    def on_arrived(self, event: Found) -> None:
        """Photos arrived, or were changed; what they are follows."""
        self._model.on_arrived(event)

    def on_judged(self, event: Judged) -> None:
        """Photos that arrived or were changed are judged."""
        self._model.on_judged(event, live=True)
        self.changed.emit()

    def on_problems(self, event: Problems) -> None:
        """Photos that arrived or were changed can't be judged."""
        self._model.on_problems(event, live=True)
        self.changed.emit()

    def on_renamed(self, event: Renamed) -> None:
        """Photos are somewhere else in the folder now."""
        self._model.on_moved((before, file.path) for before, file in event.files)

    def on_gone(self, event: Gone) -> None:
        """Photos are no longer there."""
        self._model.on_gone(event.paths)
        self.changed.emit()

    def on_placed(self, event: FilesPlaced) -> None:
        """A sort has moved files, or moved them back, or taken copies and links away; making those changes nothing."""
        self._model.on_moved(
            (file.before, file.after) for file in event.files if file.after is not None and not file.kept
        )
        taken_away = [file.before for file in event.files if file.after is None]
        if taken_away:
            self._model.on_gone(taken_away)
            self.changed.emit()

    # What is told

    def _on_counts(self) -> None:
        new = self._model.store.counts[Filter.NEW]
        if new == self._new:
            return
        self._more |= new > self._new
        self._new = new
        if not self._say.isActive():
            self._say.start()

    def tell(self) -> None:
        """Say how many photos are new: where some came since it was said last, and wherever those are shown."""
        store = self._model.store
        new = store.counts[Filter.NEW]
        more, self._more = self._more, False
        if new == 0:
            self._banner.hide()
            return
        showing = self._model.filter is Filter.NEW
        unsure = sum(1 for row in store.rows if row.new and store.is_unsure(row))
        self._banner.say(text.arrived(new, unsure), showing=showing)
        if more or showing:
            self._banner.show()
