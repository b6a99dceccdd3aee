"""The page with the photos of a folder: filters, grid, preview, progress and messages."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSplitter, QVBoxLayout, QWidget

from alpacasorter.core.events import Finished, Found, Learned
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.i18n import _, ngettext, number, percent
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_filters import Filter, Order
from alpacasorter.ui.photo_store import PhotoRow, PhotoStore, place_of
from alpacasorter.ui.photos.commands import Corrections, PhotoCommands
from alpacasorter.ui.photos.filter_bar import FilterBar
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.live_rows import LiveRows
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.photos.preview import PreviewPane
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.messages import ArrivalsBanner, LearnedBanner, ProgressStrip
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.wording import text
from alpacasorter.workers.pictures import PreviewLoader, ThumbnailLoader


class BrowsePage(QWidget):
    """Shows the photos of the open folder and lets the user tag them.

    Signals:
        in_view(list): paths of photos in view that have no prediction yet.
        failed(str): something could not be done; a sentence for the user.
        begun: a folder was opened or is scanned again.
    """

    in_view = Signal(list)
    failed = Signal(str)
    begun = Signal()

    def __init__(
        self,
        thumbnails: ThumbnailLoader,
        previews: PreviewLoader,
        settings: Settings,
        theme: Theme,
        parent: QWidget | None = None,
    ) -> None:
        """Show an empty page."""
        super().__init__(parent)
        self._settings = settings
        self.store = PhotoStore(unsure_below=settings.unsure_below)
        self.store.clocks = settings.clocks
        self.model = PhotoModel(self.store, self)
        self.corrections = Corrections(self.store, self)
        self.actions_ = Actions(self.corrections.stack, theme, self)
        self.thumbnails = Thumbnails(thumbnails, self)
        self.filters = FilterBar(self)
        self.progress = ProgressStrip(self)
        self.banner = LearnedBanner(theme, self)
        self.arrivals = ArrivalsBanner(theme, self)
        self.grid = PhotoGrid(self.model, self.thumbnails, theme, self)
        self.preview = PreviewPane(self.store, self.thumbnails, previews, theme, self)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.addWidget(self.grid)
        self.splitter.addWidget(self.preview)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(1)
        # Below the photos, where messages that come and go move nothing under the mouse.
        below = QVBoxLayout()
        below.setContentsMargins(12, 0, 12, 0)
        below.setSpacing(0)
        below.addWidget(self.banner)
        below.addWidget(self.arrivals)
        below.addWidget(self.progress)
        self.below = QWidget(self)
        self.below.setObjectName("filters")
        self.below.setLayout(below)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.filters)
        layout.addWidget(self.splitter, 1)
        layout.addWidget(self.below)
        self._order_tabs()
        self.commands = PhotoCommands(self.actions_, self.grid, self.model, self.corrections, self)
        self.commands.failed.connect(self.failed)
        self._finished: Finished | None = None
        self._to_select = _ToSelect(self.grid, self.model)
        self._scope = (settings.recursive, settings.exclusion)
        self._watching = False
        self.live = LiveRows(self.model, self.grid, self.arrivals, self)
        self.grid.set_tile(settings.tile)
        self._connect()
        self.show_preview(settings.preview)
        self.model.show(Filter.ALL, settings.order)
        self.actions_.orders[settings.order].setChecked(True)
        self.actions_.set_folder_open(False)

    def _order_tabs(self) -> None:
        """Let the Tab key move in reading order: filters, photos, preview, messages below."""
        chips = [self.filters.button(which) for which in Filter]
        preview, banner, arrivals = self.preview, self.banner, self.arrivals
        after = [preview.positive, preview.negative, preview.remove_label]
        messages = [banner.show_button, banner.undo_button, banner.close_button]
        messages += [arrivals.show_button, arrivals.seen_button, arrivals.close_button]
        order = [*chips, self.grid, *after, *messages, self.progress.stop_button]
        for one, next_one in pairwise(order):
            self.setTabOrder(one, next_one)

    def _connect(self) -> None:
        actions = self.actions_
        self.addActions(list(actions.page_actions))
        self.filters.chosen.connect(self.show_filter)
        self.model.counts_changed.connect(lambda: self.filters.set_counts(self.store.counts))
        self.model.modelReset.connect(self._on_selection)
        self.model.rowsInserted.connect(self._choose_first)
        self.model.dataChanged.connect(self._on_data_changed)
        self.model.many_changed.connect(self._on_selection)
        self.grid.in_view.connect(self.in_view)
        self.grid.tile_changed.connect(lambda tile: setattr(self._settings, "tile", tile))
        selection = self.grid.selectionModel()
        selection.currentChanged.connect(self._on_selection)
        selection.selectionChanged.connect(self._on_selection)
        self.preview.labeled.connect(self.commands.label)
        self.preview.label_removed.connect(lambda: self.commands.label(None))
        self.banner.show_changed.connect(lambda: self.show_filter(Filter.CHANGED))
        self.banner.undo.connect(self.corrections.stack.undo)
        self.arrivals.show_new.connect(lambda: self.show_filter(Filter.NEW))
        self.arrivals.seen.connect(self.mark_as_seen)
        actions.preview.toggled.connect(self.show_preview)
        for which, action in actions.filters.items():
            action.triggered.connect(lambda _checked=False, which=which: self.show_filter(which))
        actions.order_group.triggered.connect(lambda action: self.set_order(action.data()))

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the photos at least as much space as the preview."""
        super().resizeEvent(event)
        # Later, because the splitter is laid out only after this.
        QTimer.singleShot(0, self, self._share_space)

    def set_low(self, low: bool) -> None:
        """Leave less space between the messages if the window is low."""
        self.filters.set_gap(4 if low else 8)
        self.banner.set_low(low)
        self.arrivals.set_low(low)

    def _share_space(self) -> None:
        photos, preview = self.splitter.sizes()
        if preview > photos and self.preview.isVisible():
            half = (photos + preview) // 2
            self.splitter.setSizes([half, half])

    # What is shown

    def set_labels(self, labels: LabelSet) -> None:
        """Use the labels of another model."""
        self.store.labels = labels
        self.filters.set_labels(labels)
        self.actions_.set_labels(labels)

    def begin(self, *, same_folder: bool = False, select: Sequence[Path] = ()) -> None:
        """Prepare for the photos of a folder.

        Args:
            same_folder: whether it is the same folder again; then corrections can still be undone.
            select: photos to select as they are found.
        """
        self._to_select.begin(select)
        self._finished = None
        self.thumbnails.clear()
        if not same_folder:
            self.corrections.clear()
            self.live.begin()
        # If subfolders were added or left out, photos that were not shown before are not new.
        scope = (self._settings.recursive, self._settings.exclusion)
        self.model.clear(again=same_folder and self._scope == scope)
        self._scope = scope
        self.filters.set_current(Filter.ALL)
        self.banner.hide()
        self.progress.start()
        self.grid.set_empty_text("")
        self.actions_.set_folder_open(True)
        self.actions_.stop.setEnabled(True)
        self.begun.emit()
        self.grid.setFocus()

    def show_filter(self, which: Filter) -> None:
        """Show the photos that match a filter now; the current photo stays current if it matches, or its neighbor."""
        near = self._near_current()
        self.filters.set_current(which)
        self.model.show(which)
        self._choose(near)
        self._say_why_empty()
        self.filters.set_counts(self.store.counts)
        if which is Filter.NEW or self.arrivals.isVisible():
            self.live.tell()
        self.grid.setFocus()

    def mark_as_seen(self) -> None:
        """Mark all new photos as seen."""
        self.store.see()
        if self.model.filter is Filter.NEW:
            self.show_filter(Filter.ALL)
        self.model.counts_changed.emit()
        self.live.tell()

    def set_order(self, order: Order) -> None:
        """Show photos in another order; the current photo and the selection stay."""
        self._settings.order = order
        near, selected = self._near_current(), self.grid.selected_photos()
        self.model.show(self.model.filter, order)
        self._choose(near)
        self.grid.select_photos(selected)

    def show_preview(self, visible: bool) -> None:
        """Show or hide the preview."""
        self._settings.preview = visible
        self.preview.setVisible(visible)
        self.actions_.preview.setChecked(visible)

    def set_unsure_below(self, least: float) -> None:
        """Change the confidence below which a photo is unsure, 0.5 to 1."""
        self.store.set_unsure_below(least)
        self.filters.set_counts(self.store.counts)
        self.grid.viewport().update()
        self.preview.refresh()

    # Events of the engine

    def on_found(self, event: Found) -> None:
        """Photos were found."""
        self.model.on_found(event)
        self._to_select.select_found()

    def on_finished(self, event: Finished) -> None:
        """The scan has ended."""
        self._finished = event
        if not event.canceled:
            self.store.complete()
        self.progress.hide()
        self.actions_.stop.setEnabled(False)
        if self.model.order is not Order.FOLDER:
            # Photos arrived in folder order; their order is known only now.
            self.set_order(self.model.order)
        self._to_select.begin(())
        self._say_why_empty()

    def on_learned(self, event: Learned) -> None:
        """Corrections are stored and all photos were judged again."""
        self._keep_shown(event)
        self.corrections.on_learned(event)
        self.model.on_learned(event)
        changed = self.store.counts[Filter.CHANGED]
        # Undo concerns corrections; a version of what was learned is left by choosing another one.
        can_undo = self.corrections.stack.canUndo() and event.relearned is None
        self.banner.tell(event, changed=changed, can_undo=can_undo)
        self.preview.refresh()
        self._on_selection()

    def _keep_shown(self, event: Learned) -> None:
        """Until tags that turn now are painted, a key or click means what is still shown; the user knows their own."""
        rows_of, delegate, is_pending = self.store.rows_of, self.grid.delegate, self.corrections.is_pending
        delegate.keep_shown(
            row for key in (*event.changed, *event.changes) if not is_pending(key) for row in rows_of(key)
        )
        delegate.forget_shown(row for key in event.changes if is_pending(key) for row in rows_of(key))

    def on_placed(self, event: FilesPlaced) -> None:
        """A sort or an undo has moved files; their photos are still shown."""
        self.live.on_placed(event)

    def set_watching(self, watching: bool) -> None:
        """Set whether the folder is watched, which the page mentions if it is empty."""
        self._watching = watching
        self._say_why_empty()

    def _on_data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        current = self.grid.currentIndex()
        if current.isValid() and first.row() <= current.row() <= last.row():
            self._on_selection()

    def _say_why_empty(self) -> None:
        recursive, watching = self._settings.recursive, self._watching
        words = why_empty(self.model.filter, self.store, self._finished, recursive=recursive, watching=watching)
        self.grid.set_empty_text(words)

    # Selection

    def _choose_first(self) -> None:
        if not self.grid.currentIndex().isValid():
            self._choose(())

    def _near_current(self) -> list[PhotoRow]:
        """Return the current photo and those that may take its place, the nearest first."""
        current = self.grid.currentIndex()
        if not current.isValid():
            return []
        row = self.model.photo(current)
        # Of another filter there may be none among those shown; then the nearest of all takes its place.
        place = bisect.bisect_left(self.store.rows, place_of(row), key=place_of)
        return [*self.model.neighbors(row), *self.store.rows[place:], *reversed(self.store.rows[:place])]

    def _choose(self, rows: Iterable[PhotoRow]) -> None:
        """Make the first of these photos that is shown the current one; if none is, the first that is shown."""
        index = next((found for row in rows if (found := self.model.index_of(row)).isValid()), QModelIndex())
        if not index.isValid() and self.model.rowCount():
            index = self.model.index(0)
        if index.isValid():
            self.grid.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.grid.scrollTo(index)

    def _on_selection(self) -> None:
        photos = self.grid.selected_photos()
        current = self.grid.currentIndex()
        row = self.model.photo(current) if current.isValid() else None
        self.preview.show_photo(row, len(photos))
        self.actions_.set_photos_selected(
            judged=any(photo.probability is not None for photo in photos),
            corrected=any(photo.correction is not None for photo in photos),
            single=row is not None,
        )


def why_empty(
    which: Filter, store: PhotoStore, finished: Finished | None, *, recursive: bool, watching: bool = False
) -> str:
    """Return why a filter shows no photos: a title, then lines with details.

    Args:
        which: the filter.
        store: all photos.
        finished: how the scan ended; None before.
        recursive: whether subfolders are included.
        watching: whether the folder is watched.
    """
    if finished is None and not store.rows:
        return ""
    lines = _empty_titles(store)[which]
    if which is Filter.ALL and finished is not None:
        if finished.sorted_folders:
            lines.append(text.sorted_folders(finished.sorted_folders))
        lines += [f"{words}." for words in text.skipped_words(finished)]
        if finished.left_alone:
            ignored = ngettext("{count} other file ignored.", "{count} other files ignored.", finished.left_alone)
            lines.append(ignored.format(count=number(finished.left_alone)))
        if not recursive:
            lines.append(_("Subfolders are not included. You can change that in Settings."))
        if watching:
            lines.append(_("New photos are shown as they arrive."))
    return "\n".join(lines)


def _empty_titles(store: PhotoStore) -> dict[Filter, list[str]]:
    """Return a title for each filter that shows nothing, and what there is to say about the filter."""
    labels, no_tag = store.labels, _("No photo is tagged {label}.")
    return {
        Filter.ALL: [_("No photos in this folder.")],
        Filter.POSITIVE: [no_tag.format(label=labels.display(labels.positive))],
        Filter.NEGATIVE: [no_tag.format(label=labels.display(labels.negative))],
        Filter.UNSURE: [
            _("No unsure photos."),
            _("The model is at least {confidence} sure of each photo.").format(confidence=percent(store.unsure_below)),
        ],
        Filter.CORRECTED: [
            _("You have not labeled any photo here."),
            _("Click a tag that is wrong to correct it."),
        ],
        Filter.PROBLEMS: [_("No problems. Every photo could be read.")],
        Filter.CHANGED: [_("No other tags changed.")],
        Filter.NEW: [
            _("No new photos."),
            _("Photos that arrive while the folder is open are listed here."),
        ],
    }


_Flag = QItemSelectionModel.SelectionFlag


class _ToSelect:
    """The photos to select, given when a folder is opened, as they are found."""

    def __init__(self, grid: PhotoGrid, model: PhotoModel) -> None:
        self._grid = grid
        self._model = model
        self._paths: list[Path] = []
        self._is_first = True

    def begin(self, paths: Iterable[Path]) -> None:
        """Select these photos from now on, and no others."""
        self._paths = list(paths)
        self._is_first = True

    def select_found(self) -> None:
        """Select those that have been found; the first one becomes the current photo."""
        selection = self._grid.selectionModel()
        for path in list(self._paths):
            row = self._model.store.row_of(path)
            if row is None or not (index := self._model.index_of(row)).isValid():
                continue
            self._paths.remove(path)
            if self._is_first:
                selection.setCurrentIndex(index, _Flag.ClearAndSelect)
                self._grid.scrollTo(index)
                self._is_first = False
            else:
                selection.select(index, _Flag.Select)
