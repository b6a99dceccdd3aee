"""The status bar: the open folder, which photos are selected, the device; and quiet remarks that pass."""

from __future__ import annotations

import re
from pathlib import Path

from PySide6.QtCore import QRect, QSize
from PySide6.QtGui import QAccessible, QAccessibleAnnouncementEvent
from PySide6.QtWidgets import QLabel, QMainWindow, QStatusBar

from alpacasorter.core import reasons
from alpacasorter.i18n import _, number
from alpacasorter.ui.photos.preview import Selection
from alpacasorter.ui.widgets.messages import ElidedLabel
from alpacasorter.wording import text
from alpacasorter.workers.view_facts import DeviceFacts

_REMARK_MS = 4000
_BESIDE = 12
"""Space around a remark, pixels."""
_SPACE = QRect(0, 0, 2000, 2000)
"""More than a line of text needs."""


class _SteadyLabel(QLabel):
    """One line of text that takes the space of the longest it may show, so that nothing beside it moves to and fro."""

    _longest: tuple[str, ...] = ()

    def say(self, words: str, longest: tuple[str, ...]) -> None:
        """Show words; `longest` are those that may need the most space, with any digits."""
        if longest != self._longest:
            self._longest = longest
            self.updateGeometry()
        self.setText(words)

    def sizeHint(self) -> QSize:
        """Return the size for the longest words; that of the words shown counts only if they are longer still."""
        return self._with_longest(super().sizeHint())

    def minimumSizeHint(self) -> QSize:
        """Return the same: none of the words are cut off."""
        return self._with_longest(super().minimumSizeHint())

    def _with_longest(self, hint: QSize) -> QSize:
        metrics = self.fontMetrics()
        widest = max("0123456789", key=metrics.horizontalAdvance)

        def width(words: str) -> int:
            # As QLabel itself measures; the advance may differ by a pixel.
            return metrics.boundingRect(_SPACE, self.alignment(), words).width()

        room = max((width(re.sub(r"\d", widest, words)) for words in self._longest), default=0)
        return QSize(hint.width() + max(0, room - width(self.text())), hint.height())


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
        self.selection = _SteadyLabel(self)
        self._folder: Path | None = None
        self._facts: DeviceFacts | None = None
        self._selected = Selection()
        self._wide = True
        self.addWidget(self.summary, 1)
        self.addPermanentWidget(self.device)
        self.addPermanentWidget(self.selection)
        self.setSizeGripEnabled(False)
        self.messageChanged.connect(self._on_message)
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
        several = _("{count} of {total} selected") if self._wide else _("{count} selected")
        one = _("Photo {place} of {total}") if self._wide else _("{place} / {total}")
        listed = number(selected.listed)
        if selected.place is None and selected.total <= 1:
            self.selection.say("", ())
            return
        if selected.total > 1 or selected.place is None:
            words = several.format(count=number(selected.total), total=listed)
        else:
            words = one.format(place=number(selected.place + 1), total=listed)
        self.selection.say(words, (several.format(count=listed, total=listed), one.format(place=listed, total=listed)))

    def set_wide(self, wide: bool) -> None:
        """Show more words, or fewer if the window is narrow."""
        self._wide = wide
        self._update_device()
        self.show_selection(self._selected)

    def remark(self, words: str) -> None:
        """Say something for a few seconds, also to a screen reader."""
        # Where there is too little space, the device can be told later.
        if self.fontMetrics().horizontalAdvance(words) + _BESIDE > self.summary.width():
            self.device.hide()
        self.showMessage(words, _REMARK_MS)
        QAccessible.updateAccessibility(QAccessibleAnnouncementEvent(self, words))

    def _on_message(self, words: str) -> None:
        if not words:
            self.device.show()

    def _update_device(self) -> None:
        """Say which device runs the model, and how fast if there is space for it."""
        facts = self._facts
        if facts is not None:
            self.device.setText(text.device(facts.kind, facts.threads, facts.milliseconds if self._wide else 0.0))
