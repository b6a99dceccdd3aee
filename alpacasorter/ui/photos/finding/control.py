"""Connects the search field and the histograms with the list of photos."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QRect, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLabel, QPushButton

from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _, number
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_filters import Filter, filter_names
from alpacasorter.ui.photo_query import Query, words_of
from alpacasorter.ui.photos.filter_bar import FilterBar
from alpacasorter.ui.photos.finding.panel import FindingPanel
from alpacasorter.ui.photos.finding.scales import DateScale, ProbabilityScale
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets import keys
from alpacasorter.ui.widgets.theme import Theme

_COUNT_MS = 120
"""How long changes are collected before photos are counted again."""
_PHOTOS_PER_MS = 200
"""One millisecond is added for each so many photos, so that a scan of many is not slowed down by counting them."""
_LOW = 220
"""In a lower view there is no space for details between the title and the button, pixels."""
_AHEAD = 0.004
"""How long names and dates are read ahead at a time, seconds."""


class Finding(QObject):
    """What is searched for: the words typed, the ranges of the histograms. It says what is found, and where it ends.

    The list follows at once while the user types or drags. What is found keeps its place when the app learns, as in
    every list; the numbers and bars follow a moment later.

    Attributes:
        panel: the row above the photos.
        shown: how many of all photos are listed, for the status bar.

    Signals:
        asked(Query): list what is found.
        counted: the numbers on the filters are up to date.
        opened: the user wants to search, so the photos should be in view.
    """

    opened = Signal()
    asked = Signal(object)
    counted = Signal()

    def __init__(
        self,
        model: PhotoModel,
        grid: PhotoGrid,
        filters: FilterBar,
        actions: Actions,
        settings: Settings,
        theme: Theme,
        parent: QObject,
    ) -> None:
        """Find photos of `model`, which `grid` shows."""
        super().__init__(parent)
        self._model, self._store, self._grid, self._filters = model, model.store, grid, filters
        self._settings = settings
        self.panel = panel = FindingPanel(theme)
        self.shown = QLabel()
        self._is_open = False
        self._query = Query()
        self._nothing = QPushButton(_("Clear search"), grid.viewport())
        self._nothing.setAutoDefault(False)
        self._nothing.hide()
        # Keys that are pressed while photos are listed are answered together.
        self._ask_soon = QTimer(self, singleShot=True, interval=0)
        self._ask_soon.timeout.connect(self._ask)
        self._count_soon = QTimer(self, singleShot=True, interval=_COUNT_MS)
        self._count_soon.timeout.connect(self._count)
        self._prepare_soon = QTimer(self, singleShot=True, interval=0)
        self._prepare_soon.timeout.connect(self._prepare)
        panel.field.textChanged.connect(lambda words: self._want(replace(self._query, words=words_of(words))))
        panel.field.left.connect(self.close_search)
        panel.field.entered.connect(self._go_to_first)
        panel.dates.chosen.connect(lambda taken: self._want(replace(self._query, taken=taken, undated=False)))
        panel.sureness.chosen.connect(lambda range_: self._want(replace(self._query, probability=range_)))
        panel.undated.clicked.connect(lambda on: self._want(replace(self._query, undated=on, taken=None)))
        panel.taken.clicked.connect(lambda: self._want(replace(self._query, undated=False, taken=None)))
        panel.probability.clicked.connect(lambda: self._want(replace(self._query, probability=None)))
        for histogram in (panel.dates, panel.sureness):
            histogram.dragging.connect(lambda on: None if on else self._count_soon.start())
        for button in (panel.clear_all, self._nothing):
            button.clicked.connect(self._clear_all)
        actions.find.triggered.connect(self.open_search)
        actions.histograms.toggled.connect(self._show_histograms)
        for signal in (model.modelReset, model.rowsInserted, model.rowsRemoved):
            signal.connect(self._say_shown)
        for watched in (parent, grid.viewport()):
            watched.installEventFilter(self)
        actions.histograms.setChecked(settings.histograms)
        self._show_panel()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keep the button below the words that say why the list is empty; leave the search with Esc wherever one is."""
        if watched is not self.parent():
            if event.type() == QEvent.Type.Resize:
                self._place_nothing()
            return False
        if not self._is_open or not isinstance(event, QKeyEvent) or event.key() != Qt.Key.Key_Escape:
            return False
        if keys.keeps_escape(event):
            # It does not stop the scan before it has left the search.
            return True
        if event.type() != QEvent.Type.KeyPress:
            return False
        if not event.isAutoRepeat():
            self.close_search()
        return True

    # What is searched for

    def begin(self, folder: Path | None, query: Query) -> None:
        """A folder is opened, None: the same one again; `query` is what is searched for from now on."""
        if folder is not None:
            self._store.root = folder
        self._ask_soon.stop()
        self._query, self._is_open = query, bool(query.words)
        self._show_query()
        self.refresh()

    def open_search(self) -> None:
        """Show the search field and go there."""
        self.opened.emit()
        self._is_open = True
        self._show_panel()
        self._prepare_soon.start()
        self.panel.field.setFocus()
        self.panel.field.selectAll()

    def close_search(self) -> None:
        """Search for no words any more, and go back to the photos. Ranges stay."""
        self._is_open = False
        self._want(replace(self._query, words=()))
        self._ask_now()
        self._show_query()
        self._grid.setFocus()

    def _clear_all(self) -> None:
        self._want(Query())
        self._ask_now()
        self._grid.setFocus()

    def _go_to_first(self) -> None:
        self._ask_now()
        if self._model.rowCount():
            self._grid.setCurrentIndex(self._model.index(0))
            self._grid.setFocus()

    def _want(self, query: Query) -> None:
        if query != self._query:
            self._query = query
            self._show_query()
            self._ask_soon.start()

    def _ask_now(self) -> None:
        if self._ask_soon.isActive():
            self._ask_soon.stop()
            self._ask()

    def _ask(self) -> None:
        self.asked.emit(self._query)
        self._count()

    def _prepare(self) -> None:
        """Read names and dates ahead, in between everything else."""
        if (self._is_open or self._settings.histograms) and self._model.finder.prepare(_AHEAD):
            self._prepare_soon.start()

    # What is shown

    def set_labels(self, labels: LabelSet) -> None:
        """Name the labels of another model."""
        self.panel.set_labels(labels)
        if self._query.probability is not None:
            self._want(replace(self._query, probability=None))
        self.refresh()

    def _show_query(self) -> None:
        """Show what is searched for."""
        panel, query = self.panel, self._query
        if words_of(panel.field.text()) != query.words:
            panel.field.setText(" ".join(query.words))
        panel.dates.set_range(query.taken)
        panel.sureness.set_range(query.probability)
        dates = panel.dates.scale
        if query.undated:
            panel.taken.say(_("Without a date"))
        else:
            panel.taken.say(dates.name(query.taken) if dates is not None and query.taken is not None else "")
        sureness = self._sureness()
        panel.probability.say("" if query.probability is None else sureness.name(query.probability))
        panel.clear_all.setVisible(bool(query))
        for histogram in (panel.dates, panel.sureness):
            panel.say(histogram)
        panel.undated.setChecked(query.undated)
        self._show_panel()

    def _show_panel(self) -> None:
        self.panel.setVisible(self._is_open or self._settings.histograms or bool(self._query))

    def _show_histograms(self, shown: bool) -> None:
        self._settings.histograms = shown
        self.panel.show_histograms(shown)
        self._show_panel()
        if shown:
            self.opened.emit()
            self._prepare_soon.start()
            self._count()

    def refresh(self) -> None:
        """Photos have changed: count them again, soon."""
        if self._query or self._settings.histograms:
            if not self._count_soon.isActive():
                self._count_soon.start(_COUNT_MS + len(self._store.rows) // _PHOTOS_PER_MS)
        else:
            self._count_soon.stop()
        if not self._query:
            self._count_all()

    def _count(self) -> None:
        self._count_soon.stop()
        if self._query:
            self._filters.set_counts(self._store.counts, self._model.finder.counts(self._query))
            self._say_shown()
            self.counted.emit()
        else:
            self._count_all()
        if self._settings.histograms:
            self._show_bars()

    def _count_all(self) -> None:
        self._filters.set_counts(self._store.counts)
        self._say_shown()
        self.counted.emit()

    def _show_bars(self) -> None:
        panel, finder, view = self.panel, self._model.finder, replace(self._model.view, query=self._query)
        extent = finder.dated()
        dates = DateScale(*extent) if extent is not None else None
        bars = finder.by_date(view, dates.edges if dates is not None else (0.0, 1.0))
        panel.dates.show_bars(dates, bars)
        panel.show_undated(bars.outside, checked=self._query.undated)
        sureness = self._sureness()
        panel.sureness.show_bars(sureness, finder.by_probability(view, sureness.edges))
        for histogram in (panel.dates, panel.sureness):
            panel.say(histogram)

    def _sureness(self) -> ProbabilityScale:
        return ProbabilityScale(self._store.labels, self._store.unsure_below)

    # What is found

    def _say_shown(self) -> None:
        """Say how many of all photos are listed, unless these are all."""
        listed, total = self._model.rowCount(), self._store.counts[Filter.ALL]
        words = ""
        if self._query or self._model.filter is not Filter.ALL:
            words = _("{count} of {total} shown").format(count=number(listed), total=number(total))
        self.shown.setText(words)
        self.shown.setVisible(bool(words))
        self._nothing.setText(_("Clear all") if self._ranges() else _("Clear search"))
        self._nothing.setVisible(bool(self._query) and not listed and total > 0)
        self._place_nothing()

    def _place_nothing(self) -> None:
        if not self._nothing.isHidden():
            area, size = self._grid.viewport().rect(), self._nothing.sizeHint()
            details = self.why_empty().partition("\n")[2]
            # As wide as the grid writes them.
            room = QRect(0, 0, area.width() - 64, area.height())
            wrapped = self._grid.fontMetrics().boundingRect(room, Qt.TextFlag.TextWordWrap, details)
            top = area.center().y() + 24 + (wrapped.height() if details else 0)
            self._nothing.setGeometry(area.center().x() - size.width() // 2, top, size.width(), size.height())

    def _ranges(self) -> list[str]:
        """Return the names of the chosen ranges."""
        return [words for words in (self.panel.taken.words, self.panel.probability.words) if words]

    def why_empty(self) -> str:
        """Return why nothing is found: a title, then lines with details. Empty if nothing is searched for."""
        if not self._query:
            return ""
        words, names = self.panel.field.text().strip(), self._ranges()
        if words and names:
            # Photos out of the range may match.
            title = _("No photo in this range matches “{words}”.").format(words=words)
        else:
            title = _("No photo matches “{words}”.").format(words=words) if words else _("No photo matches.")
        lines = [title]
        if self._grid.viewport().height() < _LOW:
            return lines[0]
        if names:
            # Translators: {ranges} are dates and confidences, as in "3 March 2026 – 12 March 2026, Alpaca 60%–80%".
            lines.append(_("Only photos in this range are listed: {ranges}.").format(ranges=", ".join(names)))
        if self._model.filter is not Filter.ALL:
            name = filter_names(self._store.labels)[self._model.filter]
            lines.append(_("Only photos of the filter “{filter}” are listed.").format(filter=name))
        return "\n".join(lines)
