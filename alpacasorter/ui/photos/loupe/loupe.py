"""The loupe: one photo as large as the window, with its tag, what its header says, and a film strip."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from alpacasorter.core import reasons
from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.key_hints import KeyHints, in_loupe
from alpacasorter.ui.photos.loupe.facts import how_many, how_taken
from alpacasorter.ui.photos.loupe.film_strip import FilmStrip
from alpacasorter.ui.photos.loupe.tag_button import TagButton
from alpacasorter.ui.photos.loupe.zoom_view import ZoomView
from alpacasorter.ui.photos.model import PhotoModel
from alpacasorter.ui.photos.preview import confirm_button
from alpacasorter.ui.photos.why import Why, WhyPanel
from alpacasorter.ui.widgets import keys
from alpacasorter.ui.widgets.messages import ElidedLabel
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.ui.widgets.thumbnails import Thumbnails
from alpacasorter.wording import text
from alpacasorter.workers.closeups import CloseupLoader, Fit, Part, Picture

_AHEAD: Final = (1, 2, 3, -1, 4)
"""Which photos are decoded ahead, in this order; in steps in the direction of travel."""
_QUICK: Final = 0.15
"""Seconds; whoever steps faster than this holds a key, and sees thumbnails."""
_REST_MS: Final = 100
STEPS: Final = {
    Qt.Key.Key_Left: -1,
    Qt.Key.Key_Up: -1,
    Qt.Key.Key_PageUp: -1,
    Qt.Key.Key_Right: 1,
    Qt.Key.Key_Down: 1,
    Qt.Key.Key_PageDown: 1,
}
"""Keys that go to another photo, and how far."""
_PANS: Final = {Qt.Key.Key_Left: (1, 0), Qt.Key.Key_Right: (-1, 0), Qt.Key.Key_Up: (0, 1), Qt.Key.Key_Down: (0, -1)}
_PAN: Final = 0.2
REMARK_MS: Final = 4000
"""How long a remark is shown."""
_LOW: Final = 420
"""Height below which the film strip is left out, pixels."""


def full_size(row: PhotoRow) -> tuple[int, int] | None:
    """Return width and height of a photo, pixels; None if they are not known yet."""
    return None if row.facts is None else (row.facts.width, row.facts.height)


def zoom_by_key(view: ZoomView, event: QKeyEvent) -> bool:
    """Zoom or move a photo if a key asks for that; return whether it does."""
    key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
    if modifiers == Qt.KeyboardModifier.ShiftModifier and key in _PANS:
        across, down = _PANS[Qt.Key(key)]
        view.pan(across * _PAN * view.width(), down * _PAN * view.height())
        return True
    if modifiers & (Qt.KeyboardModifier.AltModifier | Qt.KeyboardModifier.MetaModifier):
        return False
    if key in (Qt.Key.Key_Plus, Qt.Key.Key_Equal):
        view.zoom_in()
    elif key in (Qt.Key.Key_Minus, Qt.Key.Key_Underscore):
        view.zoom_out()
    elif key == Qt.Key.Key_0:
        view.zoom_fit()
    elif key == Qt.Key.Key_1 and not modifiers:
        view.zoom_full()
    elif key == Qt.Key.Key_Z and not modifiers and not event.isAutoRepeat():
        view.toggle()
    else:
        return False
    return True


def is_label_key(event: QKeyEvent, labels: LabelSet) -> bool:
    """Return whether a key labels photos, which outranks what else it would do; some labels have digits."""
    letter = keys.letter(event)
    known = [text.key_for(labels, name) for name in labels.names]
    return letter is not None and (letter.printed in known or letter.placed in known)


class Loupe(QWidget):
    """Shows the current photo of the grid, and makes others the current one.

    Keys that act on photos are passed on to the grid, so that they mean the same here.

    Signals:
        closed: the user wants to see the grid again.
        labeled(str): the user tags the photo with this label.
        confirmed: the user confirms its tag.
        flip_wanted(PhotoRow, str): the user flips the tag; the label that it was shown with.
        menu_wanted(QPoint): the user asks for the menu of the photo, at this place of the screen.
        shown(PhotoRow): another photo is shown; None for none.
        sharp_painted(Path): this photo was painted sharp.
    """

    closed = Signal()
    labeled = Signal(str)
    confirmed = Signal()
    flip_wanted = Signal(object, str)
    menu_wanted = Signal(object)
    shown = Signal(object)
    sharp_painted = Signal(object)

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
        self.setObjectName("loupe")
        self.setAccessibleName(_("Loupe"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._grid = grid
        self._model = model
        self._store = model.store
        self._thumbnails = thumbnails
        self._loader = loader
        self._row: PhotoRow | None = None
        self._asked: tuple[Path, str | None, bool] | None = None
        self._direction = 1
        self._stepped = 0.0
        self._open = False
        self.watching = False
        self.view = ZoomView(theme, self)
        self.back = QPushButton(_("Back"), self)
        self.back.setToolTip(_("Back to the photos  ({keys})").format(keys=_("Esc")))
        self.tag = TagButton(grid.delegate, theme, self)
        self.positive, self.negative = QPushButton(self), QPushButton(self)
        self.confirm = confirm_button(self)
        self.name = QLabel(self)
        self.name.setProperty("role", "heading")
        self.count = QLabel(self)
        self.count.setProperty("role", "muted")
        self.facts = ElidedLabel(self)
        self.facts.setProperty("role", "muted")
        self.notice = QLabel(self)
        self.notice.setProperty("role", "warning")
        self.notice.hide()
        for label in (self.name, self.count, self.facts, self.notice):
            label.setTextFormat(Qt.TextFormat.PlainText)
        self._why = why
        self.why = WhyPanel(why, model.store, thumbnails, theme, self, flat=True)
        self.hints = KeyHints(model.store, theme, None, self)
        self.strip = FilmStrip(model, thumbnails, theme, self)
        self._lay_out()
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self._ask)
        self._later = QTimer(self, singleShot=True, interval=0)
        self._later.timeout.connect(self.refresh)
        self._remarked = QTimer(self, singleShot=True, interval=REMARK_MS)
        self._remarked.timeout.connect(self.notice.hide)
        self._connect()

    def _lay_out(self) -> None:
        first = QHBoxLayout()
        first.setSpacing(8)
        for widget in (self.back, self.positive, self.negative, self.confirm, self.tag):
            first.addWidget(widget)
        first.addStretch(1)
        first.addWidget(self.count)
        second = QHBoxLayout()
        second.setSpacing(12)
        second.addWidget(self.name)
        second.addWidget(self.facts, 1)
        second.addWidget(self.notice)
        self.below = QVBoxLayout()
        self.below.setContentsMargins(12, 8, 12, 4)
        self.below.setSpacing(4)
        self.below.addLayout(first)
        self.below.addLayout(second)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addWidget(self.view, 1)
        layout.addWidget(self.why)
        layout.addLayout(self.below)
        layout.addWidget(self.strip)
        layout.addWidget(self.hints)
        for button in (self.back, self.positive, self.negative):
            button.setAutoDefault(False)
        for button in (self.positive, self.negative):
            button.setCheckable(True)
        for button in (self.positive, self.negative, self.confirm):
            # Nothing moves under the mouse if the next photo has no tag.
            kept = button.sizePolicy()
            kept.setRetainSizeWhenHidden(True)
            button.setSizePolicy(kept)

    def _connect(self) -> None:
        labels = self._store
        self.back.clicked.connect(self.closed)
        self.positive.clicked.connect(lambda: self._on_tagged(labels.labels.positive))
        self.negative.clicked.connect(lambda: self._on_tagged(labels.labels.negative))
        self.confirm.clicked.connect(self.confirmed)
        self.tag.flip_wanted.connect(self.flip_wanted)
        self.view.wants_changed.connect(self._on_wants)
        self.view.sharp_painted.connect(self.sharp_painted)
        self.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.customContextMenuRequested.connect(lambda at: self.menu_wanted.emit(self.mapToGlobal(at)))
        self._why.changed.connect(self._show_why)
        self.strip.chosen.connect(self.go_to)
        self.strip.stepped.connect(self.step)
        self._loader.loaded.connect(self._on_loaded)
        self._loader.failed.connect(self._on_failed)
        self._thumbnails.ready.connect(self._on_thumbnail)
        self._grid.selectionModel().currentChanged.connect(self._on_current)
        model = self._model
        for changed in (model.dataChanged, model.many_changed, model.counts_changed):
            changed.connect(self._refresh_later)
        for changed in (model.modelReset, model.rowsInserted, model.rowsRemoved):
            changed.connect(self._on_current)

    # Open and closed

    @property
    def is_open(self) -> bool:
        """Whether it follows the current photo."""
        return self._open

    def open(self) -> None:
        """Show the current photo of the grid, as a whole, and follow it from now on."""
        self._open = True
        self._direction = 1
        self.view.set_place(None, (0.5, 0.5))
        self._row = self._asked = None
        self._on_current()

    def close_photo(self) -> None:
        """Follow the grid no longer, and forget what was wanted."""
        self._open = False
        self._rest.stop()
        self._row = self._asked = None
        self.view.show_photo(None, None, None)
        self._loader.want(())

    # What is shown

    @property
    def row(self) -> PhotoRow | None:
        """The photo that is shown."""
        return self._row

    def is_decoded(self, row: PhotoRow) -> bool:
        """Return whether all that is needed to paint a photo sharp is there, so that a step to it shows it at once."""
        wanted = self.view.wanted_for(row.path, row.key, full_size(row))
        return all(self._loader.get(one) is not None for one in wanted)

    def step(self, by: int) -> None:
        """Show the next photo, or with -1 the one before."""
        place = self._grid.currentIndex().row() + by
        if 0 <= place < self._model.rowCount():
            self.go_to(place)

    def go_to(self, place: int) -> None:
        """Show the photo at a position of the list, which is the current one from now on."""
        self._grid.go_to(self._model.index(place))

    def _on_current(self) -> None:
        if not self._open:
            return
        index = self._grid.currentIndex()
        row = self._model.photo(index) if index.isValid() else None
        if row is self._row:
            self._refresh_later()
            return
        before, self._row = self._row, row
        if before is not None and row is not None:
            was, now = self._model.position(before), index.row()
            self._direction = 1 if was is None or now >= was else -1
        self._show()
        self.refresh()
        # Now, also while a key is held: each photo is seen.
        self.view.repaint()
        self._grid.note_seen()
        self.shown.emit(row)

    def _show(self) -> None:
        """Begin to show the photo: what is there of it now, and the rest as soon as it is decoded."""
        row = self._row
        self._asked = None if row is None else (row.path, row.key, row.reason is None)
        self.notice.hide()
        if row is None:
            self.view.show_photo(None, None, None)
            return
        self.view.show_photo(row.path, row.key, full_size(row))
        self._show_thumbnail()
        self._show_why()
        if row.reason is not None:
            self.view.show_words(reasons.sentence(row.reason))
        for wanted in self.view.wanted():
            if (picture := self._loader.get(wanted)) is not None:
                self._take(picture)
        now = time.monotonic()
        quick, self._stepped = now - self._stepped < _QUICK, now
        if quick:
            # Nobody looks at these; what they would need is decoded once the key is released.
            self._loader.want(())
            self._rest.start()
        else:
            self._ask()

    def _ask(self) -> None:
        """Ask for the photo, and then for those that come next in the direction of travel."""
        self._rest.stop()
        row, place = self._row, self._grid.currentIndex().row()
        if row is None or not self._open:
            return
        wanted: list[Fit | Part] = self.view.wanted() if row.reason is None else []
        for steps in _AHEAD:
            at = place + steps * self._direction
            if 0 <= at < self._model.rowCount():
                other = self._model.listed[at]
                if other.reason is None:
                    next_ones = self.view.wanted_for(other.path, other.key, full_size(other))
                    wanted += next_ones if steps == 1 else next_ones[:1]
        self._loader.want(wanted)

    def _on_wants(self) -> None:
        if self._open and not self._rest.isActive():
            self._ask()

    def _take(self, picture: Picture) -> None:
        self.view.show_picture(picture)
        if picture.wanted.path == self.view.path and picture.changed:
            self._say_changed()

    def _on_loaded(self, picture: Picture) -> None:
        if self._open and self._row is not None and picture.wanted.path == self.view.path:
            self._take(picture)
            self._show_facts()

    def _on_failed(self, path: Path, reason: str) -> None:
        if self._open and self._row is not None and path == self.view.path:
            self.view.show_words(reason)

    def remark(self, words: str) -> None:
        """Say something for a moment, such as that the list ends here."""
        if self._open:
            self.notice.setText(words)
            self.notice.show()
            self._remarked.start()

    def _say_changed(self) -> None:
        self._remarked.stop()
        if self.watching:
            self.notice.setText(_("This file has changed."))
        else:
            self.notice.setText(_("This file has changed. Rescan the folder (F5)."))
        self.notice.show()

    def _show_thumbnail(self) -> None:
        row = self._row
        if row is None or row.key is None or row.reason is not None:
            return
        pixmap = self._thumbnails.get(row.key, row.path, row.key_before)
        if pixmap is not None and not pixmap.isNull():
            self.view.show_thumbnail(pixmap)

    def _show_why(self) -> None:
        """Lay over the photo what speaks for the positive class and against it, if that is known."""
        if self._open:
            self.view.set_overlay(self._why.overlay(self._row))
            self.view.setAccessibleDescription(self.why.sentence.text())

    def _on_thumbnail(self, key: str) -> None:
        if self._open and self._row is not None and self._row.key == key and self.view.whole is None:
            self._show_thumbnail()

    def _refresh_later(self) -> None:
        if self._open:
            self._later.start()

    def refresh(self) -> None:
        """Update everything but the photo, unless its file has changed."""
        self._later.stop()
        row, labels = self._row, self._store.labels
        if not self._open:
            return
        self.tag.show_row(row)
        self.hints.show_these(in_loupe(row, labels))
        judged = row is not None and row.probability is not None
        self.confirm.setVisible(judged)
        self.confirm.setEnabled(row is not None and row.correction is None)
        counts_as = None if row is None else self._store.label(row)
        for button, tag in ((self.positive, labels.positive), (self.negative, labels.negative)):
            button.setVisible(judged)
            # Translators: a button that gives a label, and its key.
            words = _("{label}  ({keys})").format(label=labels.display(tag), keys=text.key_for(labels, tag))
            button.setText(words.replace("&", "&&"))
            button.setChecked(counts_as == tag)
        if row is None:
            for label in (self.name, self.facts, self.count):
                label.clear()
            return
        self.name.setText(row.name)
        place = self._grid.currentIndex().row()
        self.count.setText(how_many(place + 1, self._model.rowCount(), self._store.counts[Filter.UNSURE]))
        self.strip.show_place(place)
        self.view.setAccessibleName(str(self._grid.currentIndex().data(Qt.ItemDataRole.AccessibleTextRole)))
        self._show_facts()
        self._follow(row)

    def _show_facts(self) -> None:
        row, picture = self._row, self.view.whole
        if row is not None:
            said = how_taken(row.taken(self._store.clocks), None if picture is None else picture.shot)
            self.facts.setText(said)
            self.facts.setToolTip(said)

    def _follow(self, row: PhotoRow) -> None:
        """Show the photo anew if its file has changed, was moved, or can't be read any more."""
        before, now = self._asked, (row.path, row.key, row.reason is None)
        if before is None or before == now:
            return
        if before[1] is None and before[::2] == now[::2]:
            # It was judged meanwhile. What was asked for without its content key is as good.
            self._asked = now
            return
        self._show()

    def _on_tagged(self, label: str) -> None:
        self.labeled.emit(label)
        self._refresh_later()

    # Keys

    def event(self, event: QEvent) -> bool:
        """Claim Esc before a shortcut of the window gets it: it does not stop a scan here."""
        claims = event.type() == QEvent.Type.ShortcutOverride
        if claims and isinstance(event, QKeyEvent) and event.key() == Qt.Key.Key_Escape:
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Step, zoom, go back; other keys act on the photo as in the grid."""
        key, modifiers = event.key(), event.modifiers() & ~Qt.KeyboardModifier.KeypadModifier
        if key in (Qt.Key.Key_Escape, Qt.Key.Key_Return, Qt.Key.Key_Enter) and not modifiers:
            if not event.isAutoRepeat():
                self.closed.emit()
        elif key in STEPS and not modifiers:
            self.step(STEPS[Qt.Key(key)])
        elif key == Qt.Key.Key_Home and not modifiers:
            self.go_to(0)
        elif key == Qt.Key.Key_End and not modifiers:
            self.go_to(self._model.rowCount() - 1)
        elif is_label_key(event, self._store.labels) or not zoom_by_key(self.view, event):
            self._grid.keyPressEvent(event)

    def resizeEvent(self, event: object) -> None:
        """Leave out the film strip if the window is low."""
        super().resizeEvent(event)  # type: ignore[arg-type]
        self.strip.setVisible(self.height() >= _LOW)
        self.hints.set_low(self.height() < _LOW)
        self.why.set_room(self.height())
