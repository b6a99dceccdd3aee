"""The row of filters above the grid, with live counts."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtCore import QMargins, Signal
from PySide6.QtWidgets import QButtonGroup, QPushButton, QWidget

from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.photo_row import Filter
from alpacasorter.ui.widgets.layouts import FlowLayout

_TIPS = {
    Filter.ALL: "Every photo of the folder",
    Filter.UNSURE: "Photos the model is not sure about",
    Filter.CORRECTED: "Photos whose tag you put right",
    Filter.PROBLEMS: "Photos and folders that could not be read",
    Filter.CHANGED: "Photos whose tag changed with your last correction",
    Filter.NEW: "Photos that arrived while the folder was open, most doubtful first",
}
_PASSING = (Filter.CHANGED, Filter.NEW)
"""Shown only where they have photos."""


class FilterBar(QWidget):
    """Buttons, one of which is down.

    Signals:
        chosen(Filter): the user chose a filter.
    """

    chosen = Signal(object)

    def __init__(self, parent: QWidget | None = None) -> None:
        """Show the filters without counts."""
        super().__init__(parent)
        self.setObjectName("filters")
        self._flow = layout = FlowLayout(self, QMargins(12, 8, 12, 8), 6)
        self._group = QButtonGroup(self)
        self._buttons: dict[Filter, QPushButton] = {}
        self._names: dict[Filter, str] = {
            Filter.ALL: "All",
            Filter.UNSURE: "Unsure",
            Filter.CORRECTED: "Corrected",
            Filter.PROBLEMS: "Problems",
            Filter.CHANGED: "Changed",
            Filter.NEW: "New",
        }
        # Of those that come and go, the one that comes more often last: it moves no other.
        for which in sorted(Filter, key=lambda which: which is Filter.CHANGED):
            button = QPushButton(self)
            button.setCheckable(True)
            button.setObjectName("chip")
            button.setAutoDefault(False)
            button.setToolTip(_TIPS.get(which, ""))
            # clicked and not toggled: clicking the filter in use applies it anew.
            button.clicked.connect(lambda _=False, which=which: self.chosen.emit(which))
            self._group.addButton(button)
            self._buttons[which] = button
            layout.addWidget(button)
        self._buttons[Filter.ALL].setChecked(True)
        for which in _PASSING:
            self._buttons[which].hide()
        self.set_labels(LabelSet("negative", "positive", {}))

    def set_gap(self, gap: int) -> None:
        """Leave so much room above and below, pixels."""
        self._flow.setContentsMargins(12, gap, 12, gap)

    def set_labels(self, labels: LabelSet) -> None:
        """Name the two filters by label."""
        self._names[Filter.POSITIVE] = labels.display(labels.positive)
        self._names[Filter.NEGATIVE] = labels.display(labels.negative)
        self.set_counts(dict.fromkeys(Filter, 0))

    def set_counts(self, counts: Mapping[Filter, int]) -> None:
        """Show how many photos each filter has."""
        for which, button in self._buttons.items():
            words = f"{self._names[which]}  {counts[which]:,}".replace("&", "&&")
            if button.text() != words:
                button.setText(words)
        for which in _PASSING:
            button = self._buttons[which]
            button.setVisible(counts[which] > 0 or button.isChecked())

    def set_current(self, which: Filter) -> None:
        """Press a filter's button down without telling."""
        self._buttons[which].setChecked(True)
        self._buttons[which].show()

    def button(self, which: Filter) -> QPushButton:
        """Return the button of a filter."""
        return self._buttons[which]
