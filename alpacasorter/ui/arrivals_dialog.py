"""The dialog *Sort as they arrive…*: whether and how photos that come into the open folder are sorted by themselves."""

from __future__ import annotations

from typing import Final

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QDialog, QFrame, QHBoxLayout, QPushButton, QScrollArea, QSizePolicy, QVBoxLayout, QWidget

from alpacasorter.core.labels import LabelSet
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.sort_form import SortForm
from alpacasorter.ui.train_buttons import enable
from alpacasorter.ui.train_fields import note

USUAL_SURE: Final = 0.95
_SIZE: Final = QSize(520, 640)
_SHARE: Final = 0.9
_EXPLANATION: Final = (
    "Photos that come into this folder are looked at, and those that are sure enough are sorted at once. All others "
    "stay and wait for you under “New”. Each sort is in the sort history and can be undone."
)
_ENDS: Final = "It ends when the folder is closed. Photos that are here already are not touched."


class ArrivalsDialog(QDialog):
    """Lets the user turn it on with their choices, and off.

    Signals:
        turned_on(SortOptions): from now on, like this.
        turned_off: no more.
    """

    turned_on = Signal(object)
    turned_off = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        """Show the choices of the last time, but for the destination, which is always asked for."""
        super().__init__(parent)
        self.setWindowTitle("Sort as they arrive")
        self._settings = settings
        self._on: SortOptions | None = None
        self.explanation = note(self, "")
        self.explanation.setText(_EXPLANATION)
        self.ends = note(self, "muted")
        self.ends.setText(_ENDS)
        self.form = SortForm(self, arriving=True)
        self.form.set_sure(USUAL_SURE)
        self.form.restore(settings.arrivals)
        self.why = note(self, "muted")
        self.why.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)
        self.off_button = QPushButton("Turn &off", self)
        self.on_button = QPushButton("Turn &on", self)
        self.on_button.setProperty("primary", True)
        self.close_button = QPushButton("Close", self)
        for button in (self.off_button, self.on_button, self.close_button):
            button.setAutoDefault(False)
        self._lay_out()
        self.form.changed.connect(self._show)
        self.on_button.clicked.connect(self._turn_on)
        self.off_button.clicked.connect(self._turn_off)
        self.close_button.clicked.connect(self.reject)
        self.resize(_SIZE.boundedTo(self.screen().availableSize() * _SHARE))
        self._show()

    def _lay_out(self) -> None:
        area = QScrollArea(self)
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        area.setWidget(self.form)
        top = QVBoxLayout()
        top.setContentsMargins(20, 20, 20, 0)
        top.setSpacing(8)
        top.addWidget(self.explanation)
        top.addWidget(self.ends)
        below = QHBoxLayout()
        below.setContentsMargins(20, 0, 20, 0)
        below.addWidget(self.why, 1)
        for button in (self.off_button, self.close_button, self.on_button):
            below.addWidget(button)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 16)
        column.setSpacing(8)
        column.addLayout(top)
        column.addWidget(area, 1)
        column.addLayout(below)

    def begin(self, labels: LabelSet, now: SortOptions | None) -> None:
        """Show what goes on now: `now`, or nothing."""
        self._on = now
        self.form.set_labels(labels)
        self._show()
        self.form.destination.choose_button.setFocus()

    def _show(self) -> None:
        options = self.form.options()
        on = self._on is not None
        self.off_button.setVisible(on)
        self.on_button.setText("Use these choices" if on else "Turn &on")
        enable(self.on_button, options is not None and options != self._on)
        self.on_button.setDefault(options is not None)
        if self.form.problem:
            self.why.setText(self.form.unsaid)
        else:
            self.why.setText("It is on." if on and options == self._on else "")

    def _turn_on(self) -> None:
        options = self.form.options()
        if options is not None:
            self._keep()
            self.turned_on.emit(options)
            super().reject()

    def _turn_off(self) -> None:
        self._on = None
        self.turned_off.emit()
        self._show()

    def _keep(self) -> None:
        self._settings.arrivals = self.form.state()

    def reject(self) -> None:
        """Close; what goes on goes on."""
        self._keep()
        super().reject()
