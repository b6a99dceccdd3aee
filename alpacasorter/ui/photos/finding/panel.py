"""The row above the photos with the search field and what is searched for, and the histograms below it."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QEvent, QMargins, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QLabel, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from alpacasorter.core.labels import LabelSet
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.ui.photos.finding.histogram import Histogram
from alpacasorter.ui.widgets import keys
from alpacasorter.ui.widgets.messages import ElidedLabel
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import text

_FIELD: Final = 260
"""Width of the search field where there is space, pixels."""
_TOKEN: Final = 70
"""Least width of a token, pixels."""


class FindingPanel(QWidget):
    """The search field, the ranges that are chosen, and the histograms.

    Attributes:
        field: the search field.
        taken, probability: the tokens of the two ranges; a click removes one.
        clear_all: removes all of it.
        dates, sureness: the histograms.
        undated: the button that lists the photos without a date.
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self.setObjectName("filters")
        self.field = SearchField(self)
        self.taken, self.probability = _Token(self), _Token(self)
        self.clear_all = QPushButton(_("Clear all"), self)
        self.clear_all.setProperty("flat", True)
        self.clear_all.setAutoDefault(False)
        self.clear_all.setToolTip(_("Clear the search and the ranges"))
        kept = self.clear_all.sizePolicy()
        kept.setRetainSizeWhenHidden(True)
        self.clear_all.setSizePolicy(kept)
        self.clear_all.hide()
        row = QHBoxLayout()
        row.setSpacing(6)
        row.addWidget(self.field)
        row.addWidget(self.taken)
        row.addWidget(self.probability)
        row.addStretch(1)
        row.addWidget(self.clear_all)
        # So that nothing moves when a range gets its token.
        row.addStrut(max(one.sizeHint().height() for one in (self.field, self.taken, self.clear_all)))
        self.dates = Histogram(_("Date taken"), theme, self, empty_text=_("No date is known."))
        self.sureness = Histogram(_("How sure the model is"), theme, self)
        self.undated = QPushButton(self)
        self.undated.setCheckable(True)
        self.undated.setProperty("flat", True)
        self.undated.setObjectName("small")
        self.undated.setAutoDefault(False)
        self.undated.setToolTip(_("List only the photos without a date"))
        self._pane = QWidget(self)
        sides = QHBoxLayout(self._pane)
        sides.setContentsMargins(0, 0, 0, 0)
        sides.setSpacing(24)
        self._labels: LabelSet | None = None
        self._said: dict[Histogram, ElidedLabel] = {}
        sides.addLayout(self._titled(_("Date taken"), self.dates, self.undated), 3)
        sides.addLayout(self._titled(_("How sure the model is"), self.sureness), 2)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(12, 0, 12, 8)
        layout.setSpacing(6)
        layout.addLayout(row)
        layout.addWidget(self._pane)
        self._pane.hide()
        self._is_wanted = self._gives_way = False

    def _titled(self, title: str, histogram: Histogram, button: QWidget | None = None) -> QVBoxLayout:
        heading = QLabel(title, self._pane)
        heading.setProperty("role", "heading")
        said = ElidedLabel(self._pane)
        said.setProperty("role", "muted")
        self._said[histogram] = said
        top = QHBoxLayout()
        top.addWidget(heading)
        top.addWidget(said, 1)
        if button is not None:
            top.addWidget(button)
        # As high as if there were a button, so that both begin at the same height.
        top.addStrut(self.undated.sizeHint().height())
        column = QVBoxLayout()
        column.setSpacing(0)
        column.addLayout(top)
        column.addWidget(histogram)
        for changed in (histogram.pointed, histogram.chosen):
            changed.connect(lambda _what: self.say(histogram))
        return column

    def by_tab(self) -> tuple[QWidget, ...]:
        """Return what the Tab key reaches, in order."""
        ends = (*self.dates.handles, self.undated, *self.sureness.handles)
        return (self.field, self.taken, self.probability, self.clear_all, *ends)

    def set_labels(self, labels: LabelSet) -> None:
        """Name the labels in what is said about a bar."""
        self._labels = labels

    def show_histograms(self, shown: bool) -> None:
        """Show or hide the histograms."""
        self._is_wanted = shown
        self._pane.setVisible(shown and not self._gives_way)

    def set_room(self, *, low: bool, taken: bool) -> None:
        """Make the histograms lower in a low window, and leave them out there if something else has taken the room."""
        self._gives_way = low and taken
        for histogram in (self.dates, self.sureness):
            histogram.set_low(low)
        self._pane.setVisible(self._is_wanted and not self._gives_way)

    def say(self, histogram: Histogram) -> None:
        """Say how many photos the bar under the mouse has; without one, which range is chosen."""
        scale, bar, bars = histogram.scale, histogram.bar, histogram.bars
        said = self._said[histogram]
        if scale is None or self._labels is None:
            said.setText("")
        elif 0 <= bar < len(bars.counts):
            positive, negative, others = bars.counts[bar]
            values = scale.name((scale.edges[bar], scale.edges[bar + 1]))
            # Translators: a bar of a histogram: a date or range, and "12 photos".
            words = _("{values}: {photos}").format(values=values, photos=text.photos(positive + negative + others))
            if positive and negative:
                # Translators: a bar of a histogram: a date, "12 photos", and how many of them have each tag.
                words = _("{values}: {photos} ({positive} {label}, {negative} {other_label})").format(
                    values=values,
                    photos=text.photos(positive + negative + others),
                    positive=number(positive),
                    label=self._labels.display(self._labels.positive),
                    negative=number(negative),
                    other_label=self._labels.display(self._labels.negative),
                )
            said.setText(words)
        else:
            said.setText("" if histogram.values is None else scale.name(histogram.values))

    def show_undated(self, count: int, *, checked: bool) -> None:
        """Say how many photos have no date."""
        self.undated.setText(
            ngettext("{count} without a date", "{count} without a date", count).format(count=number(count))
        )
        self.undated.setChecked(checked)
        self.undated.setVisible(count > 0 or checked)


class SearchField(QLineEdit):
    """The field for words; it keeps the keys that would act elsewhere.

    Signals:
        left: the user pressed Esc.
        entered: the user pressed Enter or Down, to go to what was found.
    """

    left = Signal()
    entered = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Be empty."""
        super().__init__(parent)
        self.setPlaceholderText(_("Search by name or folder"))
        self.setAccessibleName(_("Search by name or folder"))
        self.setToolTip(_("Photos whose name or folder has all these words; accents and capitals make no difference"))
        self.setClearButtonEnabled(True)
        self.setMinimumWidth(_FIELD // 2)
        self.setMaximumWidth(_FIELD + 100)

    def sizeHint(self) -> QSize:
        """Return the usual width."""
        return QSize(_FIELD, super().sizeHint().height())

    def event(self, event: QEvent) -> bool:
        """Keep Esc, which would stop the scan."""
        if keys.keeps_escape(event):
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        """Go to what was found, or back."""
        if event.key() == Qt.Key.Key_Escape:
            self.left.emit()
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Down):
            self.entered.emit()
        else:
            super().keyPressEvent(event)


class _Token(QPushButton):
    """A range that is chosen; a click removes it. In a narrow window its words are cut off at the end."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._words = ""
        self.setObjectName("chip")
        self.setAutoDefault(False)
        # A button is never narrower than its words otherwise.
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.hide()

    @property
    def words(self) -> str:
        """The range, in words; empty if it is hidden."""
        return self._words

    def say(self, words: str) -> None:
        """Show which range it stands for; hide without words."""
        self.setVisible(bool(words))
        if words == self._words:
            return
        self._words = words
        # Translators: a range that is searched for, which the button removes.
        self.setToolTip(_("Remove “{range}”").format(range=words))
        self.setAccessibleName(self.toolTip())
        self._fit()
        self.updateGeometry()

    def sizeHint(self) -> QSize:
        """Return the size at which all words can be read."""
        return super().sizeHint().grownBy(QMargins(self._lacking(), 0, 0, 0))

    def _lacking(self) -> int:
        metrics = self.fontMetrics()
        return 16 + metrics.horizontalAdvance(self._full()) - metrics.horizontalAdvance(self.text())

    def _full(self) -> str:
        return f"{self._words}  ✕"

    def minimumSizeHint(self) -> QSize:
        """Return a size at which it can be clicked."""
        return QSize(_TOKEN, super().minimumSizeHint().height())

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Cut the words off where the space ends."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        metrics, cross = self.fontMetrics(), "  ✕"
        room = self.width() - 12 - metrics.horizontalAdvance(cross)
        shown = metrics.elidedText(self._words, Qt.TextElideMode.ElideRight, max(20, room)) + cross
        shown = shown.replace("&", "&&")
        if shown != self.text():
            self.setText(shown)
