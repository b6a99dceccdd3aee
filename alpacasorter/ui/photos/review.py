"""Reviewing the tags that changed while the app learned: to be kept, or taken back, one, some or all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.photos.banners import FlippedBanner
from alpacasorter.ui.photos.changed_strip import ChangedStrip
from alpacasorter.ui.photos.corrections import Corrections, Step
from alpacasorter.wording import text

_MANY = 0.05
"""Share of the photos in the folder from which a correction that changes more other tags is asked about."""
_LEAST = 2
"""A correction that changes fewer other tags is never asked about: in a folder of under 20 photos, a single one is
always more than the share above, and each click would raise a question."""


@dataclass(slots=True)
class _Surge:
    """Corrections that changed many other tags, what is said about them, and which of these tags still hold."""

    steps: tuple[Step, ...]
    words: str
    keys: set[str]

    def tell(self, store: PhotoStore) -> None:
        """Say how many of the tags still hold."""
        total = store.counts[Filter.POSITIVE] + store.counts[Filter.NEGATIVE]
        flipped = sum(len(store.rows_of(key)) for key in self.keys)
        self.words = text.many_flipped([step.correction.done() for step in self.steps], flipped, total)


class ChangeReview(QObject):
    """Shows how many tags have changed, asks about corrections that changed many, and does what the user answers.

    Attributes:
        strip: shows the changed tags.

    Signals:
        strip_closed: the user has closed the strip.
        seen: changed tags were marked as seen.
        answered: the user answered, so that the button with the focus may be gone.
    """

    strip_closed = Signal()
    seen = Signal()
    answered = Signal()

    def __init__(
        self,
        store: PhotoStore,
        corrections: Corrections,
        flipped: FlippedBanner,
        strip: ChangedStrip,
        parent: QObject,
    ) -> None:
        """Review the changed tags of `store`.

        Args:
            store: the photos of the open folder.
            corrections: what the user labels, and its history.
            flipped: asks about a correction that changed many tags.
            strip: shows the changed tags.
            parent: the owner.
        """
        super().__init__(parent)
        self._store = store
        self._corrections = corrections
        self._flipped = flipped
        self.strip = strip
        self._filter = Filter.ALL
        self._asked = False
        self._closed = False
        self._surges: list[_Surge] = []
        strip.kept.connect(corrections.keep)
        strip.undone.connect(corrections.restore_earlier)
        strip.closed.connect(self._close)
        strip.opened.connect(self._ask)
        flipped.undo_button.clicked.connect(self._take_back)
        flipped.keep_button.clicked.connect(self._keep)
        flipped.close_button.clicked.connect(self._keep)

    def begin(self) -> None:
        """Start over with another folder or another model."""
        self._surges.clear()
        self._flipped.hide()

    def on_learned(self, steps: Sequence[Step]) -> None:
        """Corrections were learned from, and all photos were judged again: ask if that changed many tags.

        Only tags count that are not what they were at first: a label that brings earlier tags back asks nothing. Nor
        does taking back what was asked about.
        """
        undone = {step.correction for step in steps if step.undone}
        if undone:
            self._surges = [
                surge for surge in self._surges if not any(step.correction in undone for step in surge.steps)
            ]
        made, counts = [step for step in steps if not step.undone and not step.taken_back], self._store.counts
        flipped = [row for row in self._store.flipped_rows if self._store.is_changed(row.key)]
        total = counts[Filter.POSITIVE] + counts[Filter.NEGATIVE]
        if made and len(flipped) >= _LEAST and len(flipped) > _MANY * total:
            surge = _Surge(tuple(made), "", {row.key for row in flipped if row.key is not None})
            surge.tell(self._store)
            self._surges.append(surge)
        self.refresh()
        self.strip.follow()

    def refresh(self) -> None:
        """Withdraw what is asked about tags that are again what they were, or that were marked as seen."""
        for surge in self._surges:
            before, surge.keys = surge.keys, {key for key in surge.keys if self._store.is_changed(key)}
            if len(surge.keys) < len(before):
                surge.tell(self._store)
        self._surges = [surge for surge in self._surges if surge.keys]
        self._ask()

    def show(self, which: Filter) -> None:
        """Show the strip of changed tags if `which` is the filter for them, or if the user has asked for it."""
        self._closed = self._closed and which is self._filter
        self._filter = which
        self.strip.show_strip(self._asked or (which is Filter.CHANGED and not self._closed))
        self.strip.tell(self._store.counts[Filter.CHANGED])

    def ask_for_strip(self, asked: bool) -> None:
        """Show the strip whatever the filter is, with the focus in it; or no longer."""
        self._asked, self._closed = asked, not asked
        self.show(self._filter)
        if asked:
            self.strip.view.setFocus()

    def _close(self) -> None:
        self.strip_closed.emit()
        self.ask_for_strip(False)
        self.answered.emit()

    def see(self, rows: Sequence[PhotoRow]) -> None:
        """Mark the changed tags of photos as seen."""
        self._store.see_changes(rows)
        self.refresh()
        self.seen.emit()

    def _ask(self) -> None:
        # The strip has the same to answer, tag by tag.
        if self._surges and self.strip.isHidden():
            self._flipped.say(self._surges[-1].words)
        else:
            self._flipped.hide()

    def _keep(self) -> None:
        if self._surges:
            self._surges.pop()
        self._ask()
        self.answered.emit()

    def _take_back(self) -> None:
        if self._surges:
            surge = self._surges.pop()
            self._ask()
            self._corrections.take_back(surge.steps)
        self.answered.emit()
