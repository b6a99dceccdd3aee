"""Messages about the photos of the open folder: what was learned, which tags changed, which photos are new."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QObject, Signal

from alpacasorter.core.events import Learned
from alpacasorter.i18n import _
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.photos.corrections import Corrections, Step
from alpacasorter.ui.widgets.banners import Banner, BannerBar, Rank
from alpacasorter.wording import text


class LearnedBanner(Banner):
    """Says what was learned from a correction, and what was undone or redone."""

    def __init__(self, bar: BannerBar) -> None:
        """Have nothing to say yet."""
        super().__init__(bar, Rank.NEWS)
        self.show_button = self.add_button(_("Show"), _("Show the photos whose tags changed (Ctrl+8)"))
        self.unsure_button = self.add_button(_("Show unsure"), _("Show the photos that are unsure now (Ctrl+4)"))
        self.undo_button = self.add_button(_("Undo"))
        self._can_show = self._can_undo = self._in_strip = False
        self.words.set_tip(
            _("Copies of a photo count once. Labels that are set aside in the learning history do not count.")
        )

    def tell(self, words: str, *, show: bool = False, undo: bool = False, unsure: bool = False) -> None:
        """Say this; `show`, `undo` and `unsure`: whether that can be done now."""
        self._can_show, self._can_undo = show, undo
        self.unsure_button.setVisible(unsure)
        self._offer()
        self.say(words)

    def set_in_strip(self, shown: bool) -> None:
        """While the strip of changed tags is shown, leave answering to it: two buttons *Undo* would mean two things."""
        self._in_strip = shown
        self._offer()

    def _offer(self) -> None:
        self.show_button.setVisible(self._can_show and not self._in_strip)
        self.undo_button.setVisible(self._can_undo and not self._in_strip)


class FlippedBanner(Banner):
    """Says that one correction changed many other tags, until the user answers."""

    def __init__(self, bar: BannerBar) -> None:
        """Have nothing to say yet."""
        super().__init__(bar, Rank.QUESTION, "alert")
        self.words.setProperty("role", "heading")
        self.show_button = self.add_button(_("Show"), _("Show the photos whose tags changed (Ctrl+8)"))
        self.undo_button = self.add_button(_("Undo"), _("Undo the correction, and with it what was learned from it"))
        self.keep_button = self.add_button(_("Keep"), _("Keep what was learned. Changed still lists the photos."))


class ArrivalsBanner(Banner):
    """Says that new photos have arrived in the folder."""

    def __init__(self, bar: BannerBar) -> None:
        """Have nothing to say yet."""
        super().__init__(bar, Rank.NEWS)
        self.show_button = self.add_button(_("Show"), _("Show only these, least certain first (Ctrl+7)"))
        self.seen_button = self.add_button(
            _("Mark as seen"), _("Stop listing these photos as new. They stay where they are.")
        )


class PhotoBanners(QObject):
    """The messages about the photos of the open folder.

    Signals:
        shown(Filter): the user wants to see the photos that match.
    """

    shown = Signal(object)

    def __init__(self, bar: BannerBar, store: PhotoStore, corrections: Corrections, parent: QObject) -> None:
        """Show messages in `bar` about the photos of `store` and their `corrections`."""
        super().__init__(parent)
        self.bar = bar
        self._store = store
        self._corrections = corrections
        self._done = ""
        self.flipped = FlippedBanner(bar)
        self.learned = LearnedBanner(bar)
        self.arrivals = ArrivalsBanner(bar)
        self.learned.undo_button.clicked.connect(corrections.stack.undo)
        for button, which in (
            (self.learned.show_button, Filter.CHANGED),
            (self.learned.unsure_button, Filter.UNSURE),
            (self.flipped.show_button, Filter.CHANGED),
            (self.arrivals.show_button, Filter.NEW),
        ):
            button.clicked.connect(lambda _checked=False, which=which: self.shown.emit(which))
        corrections.revisited.connect(self._on_revisited)

    def _on_revisited(self, _keys: list[str], words: str) -> None:
        """Say what was just done; what was learned from it follows."""
        self._done = words
        self.learned.tell(words)

    def on_learned(self, event: Learned, steps: Sequence[Step], unsure_before: int) -> None:
        """Say what was learned from a correction, after the photos were judged again.

        Args:
            event: what was learned.
            steps: the corrections of this window that it was learned from.
            unsure_before: how many photos were unsure until then.
        """
        # Undo means what the message is about: not what another window did, a version that was chosen, or an undo.
        stack, flipped = self._corrections.stack, self._store.flipped
        back = bool(steps) and (steps[-1].undone or steps[-1].taken_back)
        mine = bool(steps) and not back
        imported = stack.canUndo() and not self._corrections.latest_is_mine
        can_undo = stack.canUndo() and event.relearned is None and (mine or imported)
        redone = bool(steps) and steps[-1].redone
        done = self._done if back or redone or event.variant is not None else ""
        changed = self._store.counts[Filter.CHANGED]
        more_unsure = self._store.counts[Filter.UNSURE] - unsure_before
        given = {key: label for step in steps for key, label in step.after.items()}.values() if mine else None
        words = text.learned(event, flipped, changed, more_unsure, done=done, given=given)
        self.learned.tell(words, show=changed > 0, undo=can_undo, unsure=more_unsure > 0)
