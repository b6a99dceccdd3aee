"""Two to four photos side by side, zoomed and moved together."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QPushButton, QVBoxLayout, QWidget

from alpacasorter.core import reasons
from alpacasorter.i18n import _
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.loupe.facts import how_taken
from alpacasorter.ui.photos.loupe.loupe import REMARK_MS, STEPS, full_size, is_label_key, zoom_by_key
from alpacasorter.ui.photos.loupe.pane import Pane
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.photos.preview import confirm_button
from alpacasorter.ui.photos.why import Why, WhyPanel
from alpacasorter.ui.widgets.messages import ElidedLabel
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.wording import text
from alpacasorter.workers.closeups import MOST_FULL_PIXELS, CloseupLoader, Fit, Part, Picture

LEAST, MOST = 2, 4
"""How many photos can be compared."""


class Compare(QWidget):
    """Shows photos of the grid side by side. The chosen one is the current photo of the grid, so that keys act on it.

    Signals:
        closed: the user wants to see the grid again.
        labeled(str): the user tags the chosen photo with this label.
        confirmed: the user confirms its tag.
        flip_wanted(PhotoRow, str): the user flips a tag; the label that it was shown with.
        menu_wanted(QPoint): the user asks for the menu of the chosen photo, at this place of the screen.
    """

    closed = Signal()
    labeled = Signal(str)
    confirmed = Signal()
    flip_wanted = Signal(object, str)
    menu_wanted = Signal(object)

    def __init__(
        self,
        grid: PhotoGrid,
        model: PhotoModel,
        thumbnails: Thumbnails,
        loader: CloseupLoader,
        theme: Theme,
        why: Why,
        parent: QWidget | None = None,
    ) -> None:
        """Show nothing until it is opened."""
        super().__init__(parent)
        self.setObjectName("compare")
        self.setAccessibleName(_("Compare photos"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._grid = grid
        self._model = model
        self._store = model.store
        self._thumbnails = thumbnails
        self._loader = loader
        self._open = False
        self._direction = 1
        self._moving = False
        self._again = False
        self._sought: dict[Pane, Path] = {}
        self._all = [Pane(grid, theme, self) for _n in range(MOST)]
        self._count = 0
        self._chosen = 0
        self._why = why
        self.why = WhyPanel(why, model.store, thumbnails, theme, self, flat=True)
        self._places = QGridLayout()
        self._places.setSpacing(4)
        self.back = QPushButton(_("Back"), self)
        self.back.setToolTip(_("Back to the photos  ({keys})").format(keys=_("Esc")))
        self.positive, self.negative = QPushButton(self), QPushButton(self)
        self.confirm = confirm_button(self)
        self.hint = ElidedLabel(self)
        self._say_hint()
        self.hint.setProperty("role", "muted")
        below = QHBoxLayout()
        below.setContentsMargins(12, 4, 12, 8)
        below.setSpacing(8)
        for button in (self.back, self.positive, self.negative, self.confirm):
            button.setAutoDefault(False)
            below.addWidget(button)
        for button in (self.positive, self.negative):
            button.setCheckable(True)
        below.addWidget(self.hint, 1)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(4, 4, 4, 0)
        layout.addLayout(self._places, 1)
        layout.addWidget(self.why)
        layout.addLayout(below)
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.refresh)
        self._remarked = QTimer(self, singleShot=True, interval=REMARK_MS)
        self._remarked.timeout.connect(self._say_hint)
        self._connect()

    def _connect(self) -> None:
        for pane in self._all:
            pane.pressed.connect(lambda pane=pane: self.choose(self._all.index(pane)))
            pane.view.moved.connect(lambda pane=pane: self._follow_move(pane))
            pane.view.wants_changed.connect(self._ask)
            pane.tag.flip_wanted.connect(self.flip_wanted)
        self._why.changed.connect(self._show_why)
        for button in (self.back, self.positive, self.negative, self.confirm, *self.why.neighbors):
            # As in the rest of the window, clicks leave the focus where the keys are needed.
            button.setFocusPolicy(Qt.FocusPolicy.TabFocus)
            button.installEventFilter(self)
        self.back.clicked.connect(self.closed)
        self.positive.clicked.connect(lambda: self._on_tagged(self._store.labels.positive))
        self.negative.clicked.connect(lambda: self._on_tagged(self._store.labels.negative))
        self.confirm.clicked.connect(self.confirmed)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(lambda at: self.menu_wanted.emit(self.mapToGlobal(at)))
        self._loader.loaded.connect(self._on_loaded)
        self._loader.failed.connect(self._on_failed)
        self._thumbnails.ready.connect(self._on_thumbnail)
        self._grid.selectionModel().currentChanged.connect(self._on_current)
        model = self._model
        for changed in (model.dataChanged, model.many_changed, model.modelReset, model.rowsRemoved):
            changed.connect(self._refresh_later)
        model.rowsInserted.connect(self._find_again)

    # Open and closed

    @property
    def is_open(self) -> bool:
        """Whether photos are compared."""
        return self._open

    @property
    def panes(self) -> Sequence[Pane]:
        """The photos that are compared, in their order."""
        return self._all[: self._count]

    @property
    def chosen(self) -> Pane:
        """The one that keys act on."""
        return self._all[self._chosen]

    @property
    def rows(self) -> list[PhotoRow]:
        """The photos that are compared."""
        return [pane.row for pane in self.panes if pane.row is not None]

    def open(self, rows: Sequence[PhotoRow], current: PhotoRow | None) -> None:
        """Compare two to four photos; the current one is chosen if it is one of them."""
        self._open = True
        self._count = len(rows)
        columns = 2 if self._count == MOST else self._count
        for n, pane in enumerate(self._all):
            self._places.setColumnStretch(n, 1 if n < columns else 0)
            self._places.removeWidget(pane)
            pane.setVisible(n < self._count)
            pane.hold.setChecked(False)
            pane.row = pane.asked = None
            if n < self._count:
                self._places.addWidget(pane, n // columns, n % columns)
        for pane, row in zip(self._all, rows, strict=False):
            pane.view.most_pixels = MOST_FULL_PIXELS // self._count
            pane.view.set_place(None, (0.5, 0.5))
            self._put(pane, row)
        self._choose(next((n for n, row in enumerate(rows) if row is current), 0))
        self.refresh()
        self._ask()

    def close_photos(self) -> None:
        """Forget the photos."""
        self._open = self._again = False
        self._sought = {}
        for pane in self._all:
            pane.row = pane.asked = None
            pane.view.show_photo(None, None, None)
        self._loader.want(())

    # Photos

    def choose(self, place: int) -> None:
        """Have keys act on the photo at this place."""
        if self._open and place < self._count:
            self._choose(place)
            row = self.chosen.row
            if row is not None and row is not self._grid.current_photo():
                self._grid.go_to(self._model.index_of(row))
            self.setFocus()

    def _choose(self, place: int) -> None:
        self._chosen = place
        for n, pane in enumerate(self._all):
            pane.choose(n == place)
        self._refresh_later()

    def _free(self) -> int | None:
        """Return the place whose photo can be changed: the chosen one, or, if that is held, the next that is not."""
        places = ((self._chosen + further) % self._count for further in range(self._count))
        return next((place for place in places if not self._all[place].hold.isChecked()), None)

    def step(self, by: int) -> None:
        """Show another photo in place of the chosen one; if that is held, of another, which is chosen from then on."""
        free = self._free()
        if free is None:
            self.remark(_("All photos are held. H lets one go."))
            return
        pane = self._all[free]
        place = None if pane.row is None else self._model.position(pane.row)
        shown = self.rows
        at = -1 if place is None else place
        self._direction = by
        while 0 <= (at := at + by) < self._model.rowCount():
            row = self._model.listed[at]
            if not any(row is one for one in shown):
                self._put(pane, row)
                # Keys act on the photo that has just come, as in other programs with a held one beside it.
                self._choose(free)
                self._grid.go_to(self._model.index(at))
                self.refresh()
                self._ask()
                pane.view.repaint()
                return

    def replace(self, rows: Collection[PhotoRow]) -> bool:
        """Show the photos that come next in place of these, or, at the end of the list, one before.

        Where there is none, fewer are compared. Returns False, and does nothing, if that would be fewer than two.
        """
        leaving, compared = set(rows), self.rows
        kept = [row for row in compared if row not in leaving]
        if len(kept) == len(compared):
            return True
        taken, shown = leaving | set(kept), list[PhotoRow]()
        for row in compared:
            another = row if row not in leaving else self._near(row, taken)
            if another is not None:
                shown.append(another)
                taken.add(another)
        if len(shown) < LEAST:
            return False
        current = shown[min(self._chosen, len(shown) - 1)]
        if len(shown) < self._count:
            self.open(shown, current)
        else:
            for pane, row in zip(self.panes, shown, strict=True):
                if pane.row is not row:
                    pane.hold.setChecked(False)
                    self._put(pane, row)
            self.refresh()
            self._ask()
        self._grid.go_to(self._model.index_of(current))
        return True

    def _near(self, row: PhotoRow, taken: Collection[PhotoRow]) -> PhotoRow | None:
        """Return the photo after one in the list, or else before it, that exists and is none of those `taken`."""
        nearest = self._model.neighbors(row)
        return next((one for one in nearest if one not in taken and not one.gone), None)

    def begin_again(self) -> None:
        """The photos of the folder are about to be found again: keep what is shown until then."""
        self._again = True
        self._sought = {pane: pane.row.path for pane in self.panes if pane.row is not None}

    def _find_again(self) -> None:
        for pane, path in list(self._sought.items()):
            if (row := self._store.row_of(path)) is not None:
                del self._sought[pane]
                pane.row = row
                self._refresh_later()

    def end_again(self) -> bool:
        """All photos are listed: show others in place of those that were not found; the current one is chosen.

        Returns False if fewer than two are left.
        """
        lost = [pane.row for pane in self._sought if pane.row is not None]
        self._again, self._sought = False, {}
        if lost and not self.replace(lost):
            return False
        self._on_current()
        return True

    def _on_current(self) -> None:
        """Another photo has become the current one, by undo or a key that looks for unsure ones."""
        row = self._grid.current_photo()
        if not self._open or self._again or row is None:
            return
        shown = next((n for n, pane in enumerate(self.panes) if pane.row is row), None)
        if shown is not None:
            self._choose(shown)
            return
        free = self._free()
        if free is not None:
            self._choose(free)
        self._put(self.chosen, row)
        self._refresh_later()
        self._ask()

    def _put(self, pane: Pane, row: PhotoRow) -> None:
        pane.row, pane.asked = row, (row.path, row.key, row.reason is None)
        pane.view.show_photo(row.path, row.key, full_size(row))
        if row.reason is not None:
            pane.view.show_words(reasons.sentence(row.reason))
        elif row.key is not None:
            pixmap = self._thumbnails.get(row.key, row.path, row.key_before)
            if pixmap is not None and not pixmap.isNull():
                pane.view.show_thumbnail(pixmap)
        for wanted in pane.view.wanted():
            if (picture := self._loader.get(wanted)) is not None:
                pane.view.show_picture(picture)
        self._show_why()

    def _show_why(self) -> None:
        """Lay over the chosen photo what speaks for the positive class and against it, if that is known."""
        for pane in self.panes if self._open else ():
            overlay = self._why.overlay(pane.row)
            pane.view.set_overlay(overlay)
            pane.view.setAccessibleDescription("" if overlay is None else self.why.sentence.text())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Leave out why a photo has its tag if there is little space."""
        super().resizeEvent(event)
        self.why.set_room(self.height())

    def _ask(self) -> None:
        if not self._open or self._moving:
            return
        panes = [self.chosen, *(pane for pane in self.panes if pane is not self.chosen)]
        lists = [pane.view.wanted() for pane in panes if pane.row is not None and pane.row.reason is None]
        wanted: list[Fit | Part] = [one for found in lists for one in found[:1]]
        wanted += [one for found in lists for one in found[1:]]
        pane = next((one for one in panes if not one.hold.isChecked()), None)
        place = None if pane is None or pane.row is None else self._model.position(pane.row)
        if pane is not None and place is not None and 0 <= place + self._direction < self._model.rowCount():
            row = self._model.listed[place + self._direction]
            if row.reason is None:
                wanted += pane.view.wanted_for(row.path, row.key, full_size(row))[:1]
        self._loader.want(wanted)

    def _on_loaded(self, picture: Picture) -> None:
        if self._open:
            for pane in self.panes:
                if pane.view.path == picture.wanted.path:
                    pane.view.show_picture(picture)
                    self._show_facts(pane)

    def _on_failed(self, path: Path, reason: str) -> None:
        for pane in self.panes if self._open else ():
            if pane.view.path == path:
                pane.view.show_words(reason)

    def _on_thumbnail(self, key: str) -> None:
        for pane in self.panes if self._open else ():
            row = pane.row
            if row is not None and row.key == key and row.reason is None and pane.view.whole is None:
                pixmap = self._thumbnails.get(key, row.path, row.key_before)
                if pixmap is not None and not pixmap.isNull():
                    pane.view.show_thumbnail(pixmap)

    def _follow_move(self, moved: Pane) -> None:
        """Show the same place in the other photos, as much larger than the whole photo."""
        scale, center = moved.view.place
        self._moving = True
        for pane in self.panes:
            if pane is not moved:
                other = scale
                if scale is not None and pane.view.fit_scale() != moved.view.fit_scale():
                    other = scale * pane.view.fit_scale() / moved.view.fit_scale()
                pane.view.set_place(other, center)
        self._moving = False
        self._ask()

    # Everything but the photos

    def _say_hint(self) -> None:
        self.hint.setText(_("Tab: next photo. Arrow keys: another photo in its place. H: hold it."))
        self.hint.setToolTip(_("{hint} Ctrl+Tab: the buttons.").format(hint=self.hint.text()))

    def remark(self, words: str) -> None:
        """Say something for a moment, in place of the hint."""
        if self._open:
            self.hint.setText(words)
            self._remarked.start()

    def _refresh_later(self) -> None:
        if self._open:
            self._later.start()

    def refresh(self) -> None:
        """Update names, tags and buttons, and photos whose files have changed."""
        self._later.stop()
        if not self._open:
            return
        labels = self._store.labels
        for pane in self.panes:
            row = pane.row
            pane.tag.show_row(row)
            if row is None:
                continue
            pane.name.setText(row.name)
            pane.name.setToolTip(row.name)
            index = self._model.index_of(row)
            said = str(index.data(Qt.ItemDataRole.AccessibleTextRole)) if index.isValid() else row.name
            pane.setAccessibleName(said)
            pane.hold.setAccessibleName(_("Hold {photo}").format(photo=row.name))
            pane.view.setAccessibleName(said)
            self._show_facts(pane)
            now = (row.path, row.key, row.reason is None)
            # Of a photo that is found again, the content key follows.
            if pane.asked is not None and pane.asked != now and not row.waiting:
                self._put(pane, row)
                self._ask()
        row = self.chosen.row
        if row is not None:
            # Translators: what a screen reader says: which one of the photos side by side has the frame.
            self.setAccessibleName(_("Compare photos: {photo} is framed").format(photo=row.name))
        judged = row is not None and row.probability is not None
        self.confirm.setEnabled(judged and self._is_current and row is not None and row.correction is None)
        counts_as = None if row is None else self._store.label(row)
        for button, tag in ((self.positive, labels.positive), (self.negative, labels.negative)):
            # Translators: a button that gives a label, and its key.
            words = _("{label}  ({keys})").format(label=labels.display(tag), keys=text.key_for(labels, tag))
            button.setText(words.replace("&", "&&"))
            button.setEnabled(judged and self._is_current)
            button.setChecked(counts_as == tag)

    def _show_facts(self, pane: Pane) -> None:
        if pane.row is not None:
            picture = pane.view.whole
            said = how_taken(pane.row.taken(self._store.clocks), None if picture is None else picture.shot)
            if picture is not None and picture.changed:
                said = _("This file has changed.")
            pane.facts.setText(said)
            pane.facts.setToolTip(said)

    def _on_tagged(self, label: str) -> None:
        self.labeled.emit(label)
        self._refresh_later()

    # Keys

    def event(self, event: QEvent) -> bool:
        """Claim Esc before a shortcut of the window gets it."""
        claims = event.type() == QEvent.Type.ShortcutOverride
        if claims and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.accept()
            return True
        return super().event(event)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Have arrow keys change the photo also while a button has the focus, where they would go to another button."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress and event.key() in STEPS:
            self.keyPressEvent(event)
            return True
        return super().eventFilter(watched, event)

    def focusNextPrevChild(self, forward: bool) -> bool:
        """Go to the next photo with the Tab key, whatever has the focus; after the last one, to the first again."""
        self.choose((self._chosen + (1 if forward else -1)) % max(1, self._count))
        return True

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step, zoom, hold, go back; other keys act on the chosen photo as in the grid."""
        key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if key in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter) and not modifiers:
            if not event.isAutoRepeat():
                self.closed.emit()
        elif key in (Qt.Key.Key_Tab, Qt.Key.Key_Backtab):
            # With Ctrl: without it, it goes to another photo.
            super().focusNextPrevChild(key == Qt.Key.Key_Tab)
        elif key in STEPS and not modifiers:
            self.step(STEPS[Qt.Key(key)])
        elif is_label_key(event, self._store.labels):
            self._pass_on(event)
        elif key == Qt.Key.Key_H and not modifiers:
            if not event.isAutoRepeat():
                self.chosen.hold.toggle()
        elif not zoom_by_key(self.chosen.view, event):
            self._pass_on(event)

    @property
    def _is_current(self) -> bool:
        """Whether keys would act on the chosen photo; not while the photos of the folder are being found again."""
        return self._grid.current_photo() is self.chosen.row

    def _pass_on(self, event: QKeyEvent) -> None:
        if self._is_current:
            self._grid.keyPressEvent(event)
