"""The line below the photos with the keys that count now."""

from __future__ import annotations

from typing import NamedTuple

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QAction, QColor, QKeySequence, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QMenu, QMenuBar, QSizePolicy, QWidget

from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.photos.preview import Selection
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import text

_PAD = 5
"""Space beside the words on a key, pixels."""
_BETWEEN = 18
_MARGIN = 14
_ROUND = 4
_MOST_COMPARED = 4


class Hint(NamedTuple):
    """A key and what it does now, in a word or two."""

    keys: str
    words: str


def hints(
    selected: Selection, row: PhotoRow | None, which: Filter, store: PhotoStore, *, can_undo: bool = False
) -> list[Hint]:
    """Return the five keys that count now among the photos, the most important first.

    Args:
        selected: how many photos are selected.
        row: the current photo, None for none.
        which: the filter in use.
        store: the photos.
        can_undo: whether there is something to undo.
    """
    last = _hint("Ctrl+Z", _("Undo")) if can_undo else _hint("Enter", _("Larger"))
    if row is None:
        return [
            _hint("Ctrl+1", _("All photos")),
            _hint("Shift+F5", _("Update the list")),
            _hint("F5", _("Rescan")),
            _hint("Ctrl+O", _("Open folder")),
            _hint("F1", _("All keys")),
        ]
    if selected.total > 1:
        return _for_several(selected, store.labels)
    if row.probability is None:
        return [
            _hint("Right", _("Next photo")),
            _hint("Ctrl+Right", _("Next unsure")),
            _hint("F5", _("Rescan")) if row.reason is not None else _hint("Esc", _("Stop the scan")),
            _hint("Ctrl+1", _("All photos")),
            _hint("F1", _("All keys")),
        ]
    labels = store.labels
    label = labels.label(row.probability, row.correction)
    earlier = store.earlier_tag(row) if which is Filter.CHANGED else None
    if earlier is not None:
        return [
            _hint(text.CONFIRM_KEY, _("Confirm {label}").format(label=labels.display(label))),
            _hint("Space", _("Back to {label}").format(label=labels.display(earlier.label))),
            _hint("Right", _("Next photo")),
            last,
            _hint("F1", _("All keys")),
        ]
    keys = [_hint(text.key_for(labels, one), labels.display(one)) for one in (labels.positive, labels.negative)]
    if row.correction is not None:
        return [
            *keys,
            _hint("Backspace", _("Remove my label")),
            _hint("Ctrl+Right", _("Next unsure")),
            last,
        ]
    return [
        *keys,
        _hint(text.CONFIRM_KEY, _("Confirm {label}").format(label=labels.display(label))),
        _hint("Ctrl+Right", _("Next unsure")),
        _hint("Enter", _("Larger")),
    ]


def in_loupe(row: PhotoRow | None, labels: LabelSet) -> list[Hint]:
    """Return the keys that count in the loupe, the most important first."""
    keys = []
    if row is not None and row.probability is not None:
        label = labels.label(row.probability, row.correction)
        keys = [_hint(text.key_for(labels, one), labels.display(one)) for one in (labels.positive, labels.negative)]
        if row.correction is None:
            keys.append(_hint(text.CONFIRM_KEY, _("Confirm {label}").format(label=labels.display(label))))
        else:
            keys.append(_hint("Backspace", _("Remove my label")))
    return [
        *keys,
        _hint("Right", _("Next photo")),
        # Translators: what a key does in the loupe: it zooms to the actual size, and back.
        _hint("Z", _("Zoom")),
        _hint("W", _("Why")),
        _hint("F11", _("Full screen")),
        _hint("Esc", _("Back")),
    ]


def _in_search() -> list[Hint]:
    return [
        _hint("Enter", _("Go to the photos")),
        # Translators: what a key does in the search field.
        _hint("Esc", _("Close the search")),
        _hint("F1", _("All keys")),
    ]


def _among_changes() -> list[Hint]:
    return [
        _hint("K", _("Keep the tag")),
        _hint("U", _("Undo the change")),
        _hint("Enter", _("Show the photo")),
        _hint("Right", _("Next change")),
        _hint("Esc", _("Close")),
    ]


def _on_button() -> list[Hint]:
    return [
        _hint("Space", _("Press the button")),
        # Translators: what the Tab key does.
        _hint("Tab", _("Go on")),
        _hint("F1", _("All keys")),
    ]


def _for_several(selected: Selection, labels: LabelSet) -> list[Hint]:
    if not selected.judged:
        return [
            _hint("Ctrl+C", _("Copy")),
            _hint("Ctrl+Shift+C", _("Copy paths")),
            _hint("Right", _("Next photo")),
            _hint("Ctrl+A", _("Select all")),
            _hint("F1", _("All keys")),
        ]
    if selected.judged < selected.total:
        # Translators: a hint for a key that tags some of the selected photos, as in "Tag 75 of 76 as Alpaca".
        words = ngettext("Tag {count} of {total} as {label}", "Tag {count} of {total} as {label}", selected.judged)
    else:
        # Translators: a hint for a key that tags several photos, as in "Tag 12 as Alpaca".
        words = ngettext("Tag {count} as {label}", "Tag {count} as {label}", selected.judged)
    counts = {"count": number(selected.judged), "total": number(selected.total)}
    return [
        *(
            _hint(text.key_for(labels, one), words.format(label=labels.display(one), **counts))
            for one in (labels.positive, labels.negative)
        ),
        _hint(text.CONFIRM_KEY, _("Confirm each tag")),
        _hint("X", _("Compare")) if selected.total <= _MOST_COMPARED else _hint("Space", _("Flip each tag")),
        _hint("Backspace", _("Remove my labels")),
    ]


def _hint(keys: str, words: str) -> Hint:
    return Hint(QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText), words)


class KeyHints(QLabel):
    """Paints as many of the hints as there is space for. To a screen reader it is a line of text.

    The keys are those of the widget that has the focus. While a menu, a dialog or another program has it, the line
    stays as it is.
    """

    def __init__(self, store: PhotoStore, theme: Theme, undo: QAction | None, parent: QWidget | None = None) -> None:
        """Show nothing yet; `undo` is enabled while there is something to undo, None if that is not shown."""
        super().__init__(parent)
        self.setObjectName("hints")
        self._store = store
        self._theme = theme
        self._undo = undo
        self._hints: list[Hint] = []
        self._for: tuple[Selection, PhotoRow | None, Filter] = (Selection(), None, Filter.ALL)
        self._photos: QWidget | None = None
        self._changes: QWidget | None = None
        self._search: QWidget | None = None
        self._focused: QWidget | None = None
        self._wanted = True
        self._low = False
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.update)
        if undo is not None:
            undo.enabledChanged.connect(self._show)

    def follow_focus(self, photos: QWidget, changes: QWidget, search: QWidget) -> None:
        """Show from now on what counts for the widget with the focus.

        Args:
            photos: the widget with the photos, for which the keys of `hints` count.
            changes: the one with the tags that changed.
            search: the search field.
        """
        self._photos, self._changes, self._search = photos, changes, search
        self._focused = photos
        application = QApplication.instance()
        if isinstance(application, QApplication):
            application.focusChanged.connect(self._on_focus)

    def _on_focus(self, _old: QWidget | None, new: QWidget | None) -> None:
        if new is not None and new.window() is self.window() and not isinstance(new, QMenu | QMenuBar):
            self._focused = new
            self._show()

    def show_for(self, selected: Selection, row: PhotoRow | None, which: Filter) -> None:
        """Show the keys that count now among the photos; the arguments are those of `hints`."""
        self._for = selected, row, which
        self._show()

    def _now(self) -> list[Hint]:
        focused = self._focused
        if focused is self._photos:
            return hints(*self._for, self._store, can_undo=self._undo is not None and self._undo.isEnabled())
        if focused is self._changes:
            return _among_changes()
        if focused is self._search:
            return _in_search()
        return _on_button() if isinstance(focused, QAbstractButton) else []

    def _show(self) -> None:
        self.show_these(self._now())

    def show_these(self, now: list[Hint]) -> None:
        """Show these keys."""
        if now != self._hints:
            self._hints = now
            # Translators: a key and what it does.
            said = [_("{keys}: {what}").format(keys=one.keys, what=one.words) for one in now]
            self.setText(text.BETWEEN.join(said))
            self.setToolTip(self.text())

    def set_wanted(self, wanted: bool) -> None:
        """Show the line or hide it, as the user wants."""
        self._wanted = wanted
        self.setVisible(wanted and not self._low)

    def set_low(self, low: bool) -> None:
        """Leave its space to the photos if the window is low."""
        self._low = low
        self.setVisible(self._wanted and not low)

    def sizeHint(self) -> QSize:
        """Return a line with some space around the keys."""
        return QSize(0, self.fontMetrics().height() + 16)

    @property
    def shown(self) -> list[Hint]:
        """The hints that there is space for."""
        room = self.width() - 2 * _MARGIN
        shown = []
        for one in self._hints:
            room -= self._width(one)
            if room < 0:
                break
            shown.append(one)
            room -= _BETWEEN
        return shown

    def _width(self, one: Hint) -> int:
        metrics = self.fontMetrics()
        return metrics.horizontalAdvance(one.keys) + 3 * _PAD + metrics.horizontalAdvance(one.words)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint keys as caps, each with what it does."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        colors, metrics = self._theme.colors, self.fontMetrics()
        left, height = _MARGIN, metrics.height() + 2
        top = (self.height() - height) // 2
        one_line = Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
        for one in self.shown:
            cap = QRect(left, top, metrics.horizontalAdvance(one.keys) + 2 * _PAD, height)
            painter.setPen(QPen(QColor(colors.border), 1))
            painter.setBrush(QColor(colors.card))
            painter.drawRoundedRect(QRectF(cap).adjusted(0.5, 0.5, -0.5, -0.5), _ROUND, _ROUND)
            painter.setPen(QColor(colors.text))
            painter.drawText(cap, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextSingleLine, one.keys)
            painter.setPen(QColor(colors.muted))
            words = QRect(cap.right() + 1 + _PAD, top, metrics.horizontalAdvance(one.words) + 2, height)
            painter.drawText(words, one_line, one.words)
            left += self._width(one) + _BETWEEN
        painter.end()
