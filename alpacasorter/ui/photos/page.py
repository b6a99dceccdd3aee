"""The page with the photos of a folder: filters, grid, preview and progress."""

from __future__ import annotations

import bisect
from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path

from PySide6.QtCore import QItemSelectionModel, QModelIndex, Qt, QTimer, Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QSplitter, QStackedLayout, QVBoxLayout, QWidget

from alpacasorter.core.events import Finished, Found, Learned
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_filters import Filter, Order, View
from alpacasorter.ui.photo_query import Query
from alpacasorter.ui.photo_row import PhotoRow, place_of
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.photos.banners import PhotoBanners
from alpacasorter.ui.photos.changed_strip import ChangedStrip
from alpacasorter.ui.photos.commands import PhotoCommands
from alpacasorter.ui.photos.corrections import Corrections
from alpacasorter.ui.photos.filter_bar import FilterBar
from alpacasorter.ui.photos.finding.control import Finding
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.key_hints import KeyHints
from alpacasorter.ui.photos.list_status import UpdateButton, why_empty
from alpacasorter.ui.photos.live_rows import LiveRows
from alpacasorter.ui.photos.loupe.control import LoupeControl
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.photos.outgoing import OutgoingPhotos
from alpacasorter.ui.photos.places import FolderPlaces
from alpacasorter.ui.photos.preview import PreviewPane, Selection
from alpacasorter.ui.photos.review import ChangeReview
from alpacasorter.ui.photos.why import Why
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.banners import BannerBar
from alpacasorter.ui.widgets.messages import ProgressStrip
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.workers.pictures import PreviewLoader, ThumbnailLoader

_LOW = 540
"""Height below which there is no room for a row of photos besides all that can be shown around them, pixels."""
_QUICK = 2.0
"""Seconds; a shorter scan ends before the user can aim at a photo."""


class BrowsePage(QWidget):
    """Shows the photos of the open folder and lets the user tag them.

    Signals:
        in_view(list): paths of photos in view that have no prediction yet.
        failed(str): something could not be done; a sentence for the user.
        outdated(str): such a sentence that is no longer worth reading.
        begun: a folder was opened or is scanned again.
        selection_changed(Selection): other photos are selected or listed, or the selected ones look different.
    """

    in_view = Signal(list)
    failed = Signal(str)
    outdated = Signal(str)
    begun = Signal()
    selection_changed = Signal(object)

    def __init__(
        self,
        thumbnails: ThumbnailLoader,
        previews: PreviewLoader,
        settings: Settings,
        theme: Theme,
        bar: BannerBar,
        parent: QWidget | None = None,
    ) -> None:
        """Show an empty page, with its messages in `bar`."""
        super().__init__(parent)
        self._settings = settings
        self.store = PhotoStore(unsure_below=settings.unsure_below)
        self.store.clocks = settings.clocks
        self.model = PhotoModel(self.store, self)
        self.corrections = Corrections(self.store, self)
        self.actions_ = Actions(self.corrections.stack, theme, self)
        self.thumbnails = Thumbnails(thumbnails, self)
        self.filters = FilterBar(self)
        self.update_button = UpdateButton(self)
        self.progress = ProgressStrip(self)
        bar.add_beside(self.progress, self.progress.words)
        self.banners = PhotoBanners(bar, self.store, self.corrections, self)
        strip = ChangedStrip(self.store, self.corrections.is_pending, self.thumbnails, theme, self)
        self.review = ChangeReview(self.store, self.corrections, self.banners.flipped, strip, self)
        self.grid = PhotoGrid(self.model, self.thumbnails, theme, self)
        self.finding = Finding(self.model, self.grid, self.filters, self.actions_, settings, theme, self)
        self.why = Why(self.actions_.why, theme, self)
        self.preview = PreviewPane(self.store, self.thumbnails, previews, theme, self.why, self)
        self.splitter = QSplitter(Qt.Orientation.Horizontal, self)
        self.splitter.addWidget(self.grid)
        self.splitter.addWidget(self.preview)
        self.splitter.setStretchFactor(0, 1)
        self.splitter.setStretchFactor(1, 0)
        self.splitter.setChildrenCollapsible(False)
        self.splitter.setHandleWidth(1)
        above = QHBoxLayout()
        above.setContentsMargins(0, 0, 12, 0)
        above.addWidget(self.filters, 1)
        above.addWidget(self.update_button)
        browsing = QWidget(self)
        self.views = QStackedLayout(self)
        self.views.addWidget(browsing)
        layout = QVBoxLayout(browsing)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(above)
        layout.addWidget(self.finding.panel)
        layout.addWidget(self.splitter, 1)
        self.hints = KeyHints(self.store, theme, self.actions_.undo, self)
        self.hints.follow_focus(self.grid, strip.view, self.finding.panel.field)
        layout.addWidget(strip)
        layout.addWidget(self.hints)
        self.commands = PhotoCommands(self.actions_, self.grid, self.model, self.corrections, settings, self)
        self.closeups = LoupeControl(
            self, self.views, self.grid, self.model, self.commands, self.actions_, self.thumbnails, theme, self.why
        )
        self.outgoing = OutgoingPhotos(self.actions_, self.grid, self.thumbnails, theme, self)
        self.commands.failed.connect(self.failed)
        self.commands.outdated.connect(self.outdated)
        self._finished: Finished | None = None
        self._chosen_for_user: PhotoRow | None = None
        self.places = FolderPlaces(self.grid, self.model, settings)
        self._scope = (settings.recursive, settings.exclusion)
        self._watching = False
        self.live = LiveRows(self.model, self.grid, self.banners.arrivals, self)
        self.grid.set_tile(settings.tile)
        self._connect()
        self.live.changed.connect(self.commands.forget_missing)
        self.live.moved.connect(self.commands.forget_missing)
        self.live.moved.connect(self.corrections.rename)
        self.live.moved.connect(self.grid.on_moved)
        self.show_preview(settings.preview)
        self.show_hints(settings.key_hints)
        self._list(View(order=settings.order, descending=settings.descending))
        self.actions_.set_folder_open(False)

    @property
    def by_tab(self) -> list[QWidget]:
        """What the Tab key reaches, in reading order: filters, search, histograms, photos, preview, changed tags."""
        chips = [self.filters.button(which) for which in Filter]
        before = [*chips, self.update_button, *self.finding.panel.by_tab()]
        return [*before, self.grid, *self.preview.buttons, *self.review.strip.controls]

    def _connect(self) -> None:
        actions = self.actions_
        self.addActions(list(actions.page_actions))
        self.filters.chosen.connect(self.show_filter)
        self.model.counts_changed.connect(self._on_counts)
        self.finding.counted.connect(self._offer_update)
        self.finding.asked.connect(self._find)
        self.finding.opened.connect(self.closeups.close)
        self.model.modelReset.connect(self._on_selection)
        self.model.rowsInserted.connect(self._on_inserted)
        # The place of the current photo in the list is another one, and how many are listed.
        self.model.rowsInserted.connect(self._on_selection)
        self.model.rowsRemoved.connect(self._on_selection)
        self.model.dataChanged.connect(self._on_data_changed)
        self.model.many_changed.connect(self._on_selection)
        self.grid.in_view.connect(self.in_view)
        self.grid.tile_changed.connect(lambda tile: setattr(self._settings, "tile", tile))
        selection = self.grid.selectionModel()
        selection.currentChanged.connect(self._on_selection)
        selection.selectionChanged.connect(self._on_selection)
        self.preview.labeled.connect(self.commands.label)
        self.preview.confirmed.connect(lambda: self.commands.confirm())
        self.preview.label_removed.connect(lambda: self.commands.label(None))
        self.why.go_to.connect(self.show_photos)
        self.why.failed.connect(self.failed)
        self.why.toggled.connect(lambda on: self.show_preview(self._settings.preview or (on and self.grid.isVisible())))
        self.banners.shown.connect(self.show_filter)
        self.review.seen.connect(self._on_changes_seen)
        self.review.strip.opened.connect(self.banners.learned.set_in_strip)
        self.review.strip.opened.connect(self._make_room)
        self.review.strip_closed.connect(lambda: actions.changed_tags.setChecked(False))
        self.review.strip.shown.connect(lambda row: self.show_photos([row.key]))
        actions.changed_tags.toggled.connect(self.review.ask_for_strip)
        self.review.answered.connect(self.grid.setFocus)
        self.corrections.revisited.connect(self.show_photos)
        self.update_button.clicked.connect(self.update_list)
        self.banners.arrivals.seen_button.clicked.connect(self.mark_as_seen)
        actions.update_list.triggered.connect(self.update_list)
        actions.see_change.triggered.connect(lambda: self.review.see(self.grid.selected_photos()))
        actions.preview.toggled.connect(self.show_preview)
        actions.key_hints.toggled.connect(self.show_hints)
        for which, action in actions.filters.items():
            action.triggered.connect(lambda _checked=False, which=which: self.show_filter(which))
        actions.order.chosen.connect(self.set_order)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave the photos at least as much space as the preview."""
        super().resizeEvent(event)
        # Later, because the splitter is laid out only after this.
        QTimer.singleShot(0, self, self._share_space)
        self._make_room()

    def _make_room(self) -> None:
        """In a low window, make the histograms lower, and leave them out while the strip of changed tags is open."""
        strip = self.review.strip
        self.finding.panel.set_room(low=self.height() < _LOW, taken=not (strip.isHidden() or strip.view.isHidden()))

    def set_low(self, low: bool) -> None:
        """Leave less space around the filters if the window is low."""
        self.filters.set_gap(4 if low else 8)
        self.hints.set_low(low)
        self.review.strip.set_low(low)

    def _share_space(self) -> None:
        photos, preview = self.splitter.sizes()
        if preview > photos and self.preview.isVisible():
            half = (photos + preview) // 2
            self.splitter.setSizes([half, half])

    # What is shown

    def set_labels(self, labels: LabelSet) -> None:
        """Use the labels of another model, which judges the photos from now on."""
        self.store.labels = labels
        self.store.forget_changes()
        self.review.begin()
        self.filters.set_labels(labels)
        self.finding.set_labels(labels)
        self.actions_.set_labels(labels)

    def begin(self, *, folder: Path | None = None, same_folder: bool = False, select: Sequence[Path] = ()) -> None:
        """Prepare for the photos of a folder. One that was open before is shown as it was left.

        Args:
            folder: the folder; None for one that is not remembered, or the same.
            same_folder: whether it is the same folder again; then corrections can still be undone, and the current
                photo is selected again.
            select: photos to select as they are found.
        """
        view = self.places.begin(folder, select, same_folder=same_folder)
        self.closeups.begin(same_folder=same_folder)
        self._chosen_for_user = None
        self._finished = None
        self.live.touched = False
        self.thumbnails.clear()
        if not same_folder:
            self.corrections.clear()
            self.review.begin()
            self.live.begin()
        # If subfolders were added or left out, photos that were not shown before are not new.
        scope = (self._settings.recursive, self._settings.exclusion)
        self.model.clear(view, again=same_folder and self._scope == scope)
        self._scope = scope
        self.review.strip.model.begin()
        self._show_view()
        self.finding.begin(folder, self.model.view.query)
        self.banners.learned.hide()
        self.progress.start()
        self.grid.set_empty_text("")
        self.actions_.set_folder_open(True)
        self.actions_.stop.setEnabled(True)
        self.begun.emit()
        self.grid.setFocus()

    def show_filter(self, which: Filter) -> None:
        """Show the photos that match a filter now; the current photo stays current if it matches, or its neighbor."""
        self._show_anew(replace(self.model.view, filter=which))
        self._say_why_empty()
        self._on_counts()
        if which is Filter.NEW or self.banners.arrivals.wanted:
            self.live.tell()
        self.grid.setFocus()

    def _find(self, query: Query) -> None:
        """List what is found; the search keeps the focus."""
        self._show_anew(replace(self.model.view, query=query))
        self._say_why_empty()

    def update_list(self) -> None:
        """List what matches the filter now, in its order. The current photo stays selected, and where it is in view."""
        self.show_filter(self.model.filter)

    def _list(self, view: View) -> None:
        self.model.show(view)
        self._show_view()

    def _show_view(self) -> None:
        """Show which filter and order are in use."""
        self.filters.set_current(self.model.filter)
        self.actions_.order.show_view(self.model.view)

    def _show_anew(self, view: View) -> None:
        """Show photos; those that were selected stay selected, and the current one stays in its place in the view."""
        grid, near = self.grid, self._near_current()
        chosen, current = grid.selected_photos(), grid.current_photo()
        place, top = grid.currentIndex().row(), grid.visualRect(grid.currentIndex()).top()
        in_view = place in grid.visible_rows()
        self._list(view)
        self._choose(near)
        if current is not None and grid.current_photo() is current:
            grid.select_photos(chosen)
        if in_view:
            bar = grid.verticalScrollBar()
            bar.setValue(bar.value() + grid.visualRect(grid.currentIndex()).top() - top)
            grid.scrollTo(grid.currentIndex())

    def mark_as_seen(self) -> None:
        """Mark all new photos as seen."""
        self.store.see()
        if self.model.filter is Filter.NEW:
            self.show_filter(Filter.ALL)
        self.model.counts_changed.emit()
        self.live.tell()

    def set_order(self, order: Order, descending: bool = False) -> None:
        """Show photos in another order; the current photo and the selection stay."""
        self._settings.order, self._settings.descending = order, descending
        self._show_anew(replace(self.model.view, order=order, descending=descending))
        self._on_counts()

    def show_preview(self, visible: bool) -> None:
        """Show or hide the preview."""
        self._settings.preview = visible
        self.preview.setVisible(visible)
        self.actions_.preview.setChecked(visible)

    def show_hints(self, visible: bool) -> None:
        """Show or hide the line with keys."""
        self._settings.key_hints = visible
        self.hints.set_wanted(visible)
        self.closeups.loupe.hints.set_wanted(visible)
        self.actions_.key_hints.setChecked(visible)

    def set_unsure_below(self, least: float) -> None:
        """Change the confidence below which a photo is unsure, 0.5 to 1."""
        self.store.set_unsure_below(least)
        self.model.review()
        self.grid.viewport().update()
        self.preview.refresh()

    # Events of the engine

    def on_found(self, event: Found) -> None:
        """Photos were found."""
        self.model.on_found(event)

    def on_finished(self, event: Finished) -> None:
        """The scan has ended."""
        self._finished = event
        if not event.canceled:
            self.store.complete()
        self.review.refresh()
        self.progress.hide()
        self.actions_.stop.setEnabled(False)
        if self.model.out_of_date and not self.live.touched and (event.seconds < _QUICK or self.live.is_idle):
            # The user has not touched the photos yet, and their order is known only now.
            if self.grid.current_photo() is self._chosen_for_user:
                self.grid.setCurrentIndex(QModelIndex())
            self._show_anew(self.model.view)
            self._on_counts()
        listed = self.model.rowCount() or self.model.filtered() is None or self.model.view.query
        if self.places.was_restored and not (listed or self.live.touched):
            # The filter that was in use when the folder was left shows nothing any more.
            self.show_filter(Filter.ALL)
        self.places.end(self.live.touched)
        self.closeups.on_found()
        self._say_why_empty()

    def on_learned(self, event: Learned) -> None:
        """Corrections are stored and all photos were judged again."""
        self._keep_shown(event)
        steps = self.corrections.on_learned(event)
        unsure = self.store.counts[Filter.UNSURE]
        self.model.on_learned(event)
        self.review.on_learned(steps)
        self.banners.on_learned(event, steps, unsure)
        self.preview.refresh()
        self._on_selection()

    def _keep_shown(self, event: Learned) -> None:
        """Until tags that turn now are painted, a key or click means what is still shown; the user knows their own."""
        rows_of, delegate, is_pending = self.store.rows_of, self.grid.delegate, self.corrections.is_pending
        turned = (row for key in (*event.changed, *event.changes) if not is_pending(key) for row in rows_of(key))
        kept = self.grid.within_reach(turned)
        delegate.keep_shown(kept)
        if kept:
            # Also if only photos out of view turn: what was shown of them is over with the next paint.
            self.grid.viewport().update()
        delegate.forget_shown(row for key in event.changes if is_pending(key) for row in rows_of(key))

    def on_placed(self, event: FilesPlaced) -> None:
        """A sort or an undo has moved files; their photos are still shown."""
        self.live.on_placed(event)

    def set_watching(self, watching: bool) -> None:
        """Set whether the folder is watched, which the page mentions if it is empty."""
        self._watching = self.commands.watching = self.closeups.loupe.watching = watching
        self._say_why_empty()

    def show_photos(self, keys: Iterable[str], _why: str = "") -> None:
        """Select the photos with these content keys and bring them into view; the filter lists them again if needed."""
        # Copies of a picture have several keys.
        rows = list(dict.fromkeys(row for key in keys for row in self.store.rows_of(key)))
        self.model.bring_back(rows)
        places = [place for row in rows if (place := self.model.position(row)) is not None]
        if places:
            self._choose([self.model.listed[min(places)]])
            self.grid.select_photos(rows)

    def _on_changes_seen(self) -> None:
        if self.model.filter is Filter.CHANGED and not self.store.counts[Filter.CHANGED]:
            self.show_filter(Filter.ALL)
        self.model.review()
        # It says how many changed tags are left to review.
        self.banners.learned.hide()
        self.grid.viewport().update()
        self._on_selection()

    def _on_counts(self) -> None:
        self.finding.refresh()
        if self._finished is not None:
            # Until the photos are judged again, nothing is known about their tags.
            self.review.refresh()
        self.review.show(self.model.filter)

    def _offer_update(self) -> None:
        self.update_button.tell(self.model.out_of_date)

    def _on_data_changed(self, first: QModelIndex, last: QModelIndex) -> None:
        current = self.grid.currentIndex()
        if current.isValid() and first.row() <= current.row() <= last.row():
            self._on_selection()

    def _say_why_empty(self) -> None:
        recursive, watching = self._settings.recursive, self._watching
        words = self.finding.why_empty() or why_empty(
            self.model.filter, self.store, self._finished, recursive=recursive, watching=watching
        )
        self.grid.set_empty_text(words)

    # Selection

    def _on_inserted(self) -> None:
        if not self.grid.currentIndex().isValid():
            self._choose(())
            self._chosen_for_user = self.grid.current_photo()
        self.places.select_found()

    def _near_current(self) -> Iterable[PhotoRow]:
        """Return the current photo and those that may take its place, the nearest first."""
        current = self.grid.currentIndex()
        if not current.isValid():
            return []
        row = self.model.photo(current)
        # Of another filter there may be none among those shown; then the nearest of all takes its place.
        place = bisect.bisect_left(self.store.rows, place_of(row), key=place_of)
        rows = self.store.rows
        return chain(self.model.neighbors(row), islice(rows, place, None), reversed(rows[:place]))

    def _choose(self, rows: Iterable[PhotoRow]) -> None:
        """Make the first of these photos that is shown the current one; if none is, the first that is shown."""
        position = self.model.position
        place = next((found for row in rows if (found := position(row)) is not None), 0)
        index = self.model.index(place)
        if index.isValid():
            self.grid.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
            self.grid.scrollTo(index)

    def _on_selection(self) -> None:
        photos = self.grid.selected_photos()
        row = self.grid.current_photo()
        judged = sum(photo.probability is not None for photo in photos)
        labeled = sum(photo.correction is not None for photo in photos)
        place = None if row is None else self.grid.currentIndex().row()
        selected = Selection(len(photos), judged, labeled, self.model.rowCount(), place)
        self.preview.show_photo(row, selected)
        self.hints.show_for(selected, row, self.model.filter)
        self.selection_changed.emit(selected)
        self.actions_.set_photos_selected(
            judged=judged > 0,
            changed=any(self.store.earlier_tag(photo) is not None for photo in photos),
            corrected=labeled > 0,
            single=row is not None,
        )
