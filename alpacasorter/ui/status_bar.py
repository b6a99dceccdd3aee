"""The status bar: the open folder, which photos are selected, the device; and quiet remarks that pass."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QLabel, QMainWindow, QStatusBar

from alpacasorter.core import reasons
from alpacasorter.i18n import _, number
from alpacasorter.ui.photos.preview import Selection
from alpacasorter.ui.widgets.messages import ElidedLabel
from alpacasorter.wording import text
from alpacasorter.workers.view_facts import DeviceFacts

_REMARK_MS = 4000


class StatusBar(QStatusBar):
    """Shows facts that are always true, and for a few seconds a remark in place of the folder.

    Attributes:
        summary: the open folder, and what is said about it.
        device: what runs the model.
        selection: how many photos are selected, or which one.
    """

    def __init__(self, window: QMainWindow) -> None:
        """Become the status bar of a window."""
        super().__init__(window)
        self.summary = ElidedLabel(self)
        self.device = QLabel(self)
        self.selection = QLabel(self)
        self._folder: Path | None = None
        self._facts: DeviceFacts | None = None
        self._selected = Selection()
        self._wide = True
        self.addWidget(self.summary, 1)
        self.addPermanentWidget(self.device)
        self.addPermanentWidget(self.selection)
        self.setSizeGripEnabled(False)
        window.setStatusBar(self)

    def show_folder(self, folder: Path | None) -> None:
        """Show the open folder, None if there is none."""
        self._folder = folder
        self.summary.setText("" if folder is None else text.folder(folder))
        self.selection.setVisible(folder is not None)

    def summarize(self, words: str) -> None:
        """Say something about the open folder."""
        if self._folder is not None:
            self.summary.setText(f"{text.folder(self._folder)}   ·   {words}")

    def show_device(self, facts: DeviceFacts) -> None:
        """Show which device runs the model."""
        self._facts = facts
        words, reason = text.device(facts.kind, facts.threads, facts.milliseconds), reasons.sentence(facts.note)
        self.device.setToolTip(_("{device}. Why this device: {reason}").format(device=words, reason=reason))
        self._update_device()

    def show_selection(self, selected: Selection) -> None:
        """Show which photo is selected, or how many are."""
        self._selected = selected
        total, listed = number(selected.total), number(selected.listed)
        if selected.total > 1:
            words = _("{count} of {total} selected") if self._wide else _("{count} selected")
            self.selection.setText(words.format(count=total, total=listed))
        elif selected.place is not None:
            words = _("Photo {place} of {total}") if self._wide else _("{place} / {total}")
            self.selection.setText(words.format(place=number(selected.place + 1), total=listed))
        else:
            self.selection.clear()
        # Otherwise the device would move to and fro with the number of digits.
        widest = _("{count} of {total} selected") if self._wide else _("{count} selected")
        advance = self.selection.fontMetrics().horizontalAdvance
        around = self.selection.sizeHint().width() - advance(self.selection.text())
        width = advance(widest.format(count=listed, total=listed)) + around
        self.selection.setMinimumWidth(width if selected.place is not None else 0)

    def set_wide(self, wide: bool) -> None:
        """Show more words, or fewer if the window is narrow."""
        self._wide = wide
        self._update_device()
        self.show_selection(self._selected)

    def remark(self, words: str) -> None:
        """Say something for a few seconds, also to a screen reader."""
        self.showMessage(words, _REMARK_MS)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    def _update_device(self) -> None:
        """Say which device runs the model, and how fast if there is space for it."""
        facts = self._facts
        if facts is not None:
            self.device.setText(text.device(facts.kind, facts.threads, facts.milliseconds if self._wide else 0.0))
