"""Reviewing the tags that changed while the app learned: to be kept, or taken back, one, some or all."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QObject, Signal

from alpacasorter.ui.photo_filters import Filter, View
from alpacasorter.ui.photo_store import PhotoRow, PhotoStore
from alpacasorter.ui.photos.banners import PhotoBanners
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


class ChangeReview(QObject):
    """Shows how many tags have changed, asks about corrections that changed many, and does what the user answers.

    Signals:
        seen: changed tags were marked as seen.
        answered: the user answered, so that the button with the focus may be gone.
    """

    seen = Signal()
    answered = Signal()

    def __init__(
        self,
        store: PhotoStore,
        corrections: Corrections,
        banners: PhotoBanners,
        parent: QObject,
    ) -> None:
        """Review the changed tags of `store`.

        Args:
            store: the photos of the open folder.
            corrections: what the user labels, and its history.
            banners: say how many tags have changed, and ask about a correction that changed many.
            parent: the owner.
        """
        super().__init__(parent)
        self._store = store
        self._corrections = corrections
        self._changed = changed = banners.changed
        self._flipped = flipped = banners.flipped
        self._surges: list[_Surge] = []
        self._seen_at = 0
        corrections.stack.indexChanged.connect(self._on_index)
        changed.seen_button.clicked.connect(lambda: self.see(None))
        changed.restore_button.clicked.connect(self._restore_all)
        changed.undo_button.clicked.connect(self._undo_all)
        flipped.undo_button.clicked.connect(self._take_back)
        flipped.keep_button.clicked.connect(self._keep)
        flipped.close_button.clicked.connect(self._keep)

    def begin(self) -> None:
        """Start over with another folder or another model."""
        self._surges.clear()
        self._seen_at = self._corrections.stack.index()
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
            words = text.many_flipped([step.correction.done() for step in made], len(flipped), total)
            self._surges.append(_Surge(tuple(made), words, {row.key for row in flipped if row.key is not None}))
        self.refresh()

    def refresh(self) -> None:
        """Withdraw what is asked about tags that are again what they were, or that were marked as seen."""
        for surge in self._surges:
            surge.keys = {key for key in surge.keys if self._store.is_changed(key)}
        self._surges = [surge for surge in self._surges if surge.keys]
        self._ask()

    def show(self, which: Filter) -> None:
        """Show the message of the filter Changed if `which` is that, else hide it."""
        self._flipped.show_button.setVisible(which is not Filter.CHANGED)
        if which is Filter.CHANGED:
            self._changed.tell(self._store.counts[Filter.CHANGED], self._corrections.stack.index() - self._seen_at)
        else:
            self._changed.hide()

    def see(self, rows: Sequence[PhotoRow] | None) -> None:
        """Mark the changed tags of photos as seen; None for all."""
        self._store.see_changes(rows)
        if rows is None:
            self.begin()
        self.refresh()
        self.seen.emit()

    def _on_index(self, index: int) -> None:
        self._seen_at = min(self._seen_at, index)

    def _restore_all(self) -> None:
        self._corrections.restore_earlier(self._store.matching(View(Filter.CHANGED)))
        self.answered.emit()

    def _undo_all(self) -> None:
        self._corrections.undo_to(self._seen_at)
        self.answered.emit()

    def _ask(self) -> None:
        if self._surges:
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
