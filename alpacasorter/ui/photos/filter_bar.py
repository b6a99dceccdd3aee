"""The row of filters above the photos, with live counts."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from PySide6.QtCore import QMargins, QSize, Signal
from PySide6.QtWidgets import QPushButton, QWidget

from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _, number
from alpacasorter.ui.photo_filters import Filter, filter_names, unknown_labels
from alpacasorter.ui.widgets.layouts import FlowLayout

_BESIDE = 6
"""Space on either side of the words, beyond the least; given up if the window is narrow, pixels."""
_TRANSIENT = (Filter.CHANGED, Filter.NEW)
"""Shown only if they have photos."""


class FilterBar(QWidget):
    """One button for each filter, exactly one of them checked.

    Signals:
        chosen(Filter): the user chose a filter.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Show the filters without counts."""
        super().__init__(parent)
        self.setObjectName("filters")
        self._flow = layout = FlowLayout(self, QMargins(12, 8, 12, 8), 6)
        self._buttons: dict[Filter, _Chip] = {}
        self._names: dict[Filter, str] = {}
        self._reserved: tuple[int, ...] = ()
        self._with_total = False
        tips = _tips()
        # Of the transient ones, the one that appears more often comes last, where it moves no other.
        for which in sorted(Filter, key=lambda which: which is Filter.CHANGED):
            button = _Chip(self)
            button.setCheckable(True)
            button.setObjectName("chip")
            button.setAutoDefault(False)
            button.setToolTip(tips.get(which, ""))
            # clicked and not toggled, because clicking the current filter applies it again.
            button.clicked.connect(partial(self._choose, which))
            self._buttons[which] = button
            layout.addWidget(button)
        self._buttons[Filter.ALL].setChecked(True)
        for which in _TRANSIENT:
            self._buttons[which].hide()
        layout.set_seldom([self._buttons[which] for which in _TRANSIENT], spare=2 * _BESIDE)
        self.set_labels(unknown_labels())

    def _choose(self, which: Filter) -> None:
        # Not a QButtonGroup: of its buttons, the Tab key would reach only the one that is checked.
        self.set_current(which)
        self.chosen.emit(which)

    def set_gap(self, gap: int) -> None:
        """Set the space above and below, pixels."""
        self._flow.setContentsMargins(12, gap, 12, gap)

    def set_labels(self, labels: LabelSet) -> None:
        """Name the filters of the two labels."""
        self._names = filter_names(labels)
        self.set_counts(dict.fromkeys(Filter, 0))

    def set_counts(self, counts: Mapping[Filter, int], found: Mapping[Filter, int] | None = None) -> None:
        """Show how many photos each filter has; with a search, how many of them are found."""
        reserved = () if found is None else (self.width(), *(counts[which] for which in self._buttons))
        if reserved != self._reserved:
            self._reserved = reserved
            self._with_total = found is not None and self._reserve(counts)
            if found is None:
                self._height_with(dict.fromkeys(self._buttons, ""))
        for which, button in self._buttons.items():
            count = counts[which] if found is None else found[which]
            shown = self._words(which, count, counts[which] if self._with_total else None).replace("&", "&&")
            if button.text() != shown:
                button.setText(shown)
        for which in _TRANSIENT:
            button = self._buttons[which]
            button.setVisible(counts[which] > 0 or button.isChecked())

    def _words(self, which: Filter, count: int, total: int | None = None) -> str:
        if not total:
            # Translators: the name of a filter and how many photos it shows.
            return _("{filter}  {count}").format(filter=self._names[which], count=number(count))
        # Translators: the name of a filter, how many of its photos are found, and how many it has.
        return _("{filter}  {count} of {total}").format(
            filter=self._names[which], count=number(count), total=number(total)
        )

    def _reserve(self, counts: Mapping[Filter, int]) -> bool:
        """Leave space for as many as there are, so that no button moves while the user types or drags.

        Returns:
            Whether there is space to say how many there are besides how many are found, without another line.
        """
        brief = {which: self._words(which, counts[which]) for which in self._buttons}
        whole = {which: self._words(which, counts[which], counts[which]) for which in self._buttons}
        least = self._height_with(brief)
        if self._height_with(whole) <= least:
            return True
        self._height_with(brief)
        return False

    def _height_with(self, words: Mapping[Filter, str]) -> int:
        """Leave space for these words on the buttons; return the height of all of them."""
        for which, button in self._buttons.items():
            button.reserve(words[which])
        self._flow.invalidate()
        return self._flow.heightForWidth(self.width())

    def set_current(self, which: Filter) -> None:
        """Check the button of a filter without a signal."""
        for one, button in self._buttons.items():
            button.setChecked(one is which)
        self._buttons[which].show()

    def button(self, which: Filter) -> QPushButton:
        """Return the button of a filter."""
        return self._buttons[which]


class _Chip(QPushButton):
    """The button of a filter, with some space beside its words."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._reserved = ""

    def reserve(self, words: str) -> None:
        """Be wide enough for these words too."""
        if words != self._reserved:
            self._reserved = words
            self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Return the size that it takes if there is enough space."""
        return self.minimumSizeHint().grownBy(QMargins(_BESIDE, 0, _BESIDE, 0))

    def minimumSizeHint(self) -> QSize:
        """Return the size that its words need."""
        width = self.fontMetrics().horizontalAdvance
        return super().sizeHint().grownBy(QMargins(0, 0, max(0, width(self._reserved) - width(self.text())), 0))


def _tips() -> dict[Filter, str]:
    return {
        Filter.ALL: _("All photos in the folder, including those that could not be read"),
        Filter.UNSURE: _("Photos the model is unsure about"),
        Filter.CORRECTED: _("Photos in this folder that you tagged yourself; each copy of a photo counts"),
        Filter.PROBLEMS: _("Photos and folders that could not be read"),
        Filter.CHANGED: _(
            "Photos whose tag has changed as the app learned, until you keep it, undo it or mark it as seen"
        ),
        Filter.NEW: _("Photos that arrived while the folder was open, least certain first"),
    }
