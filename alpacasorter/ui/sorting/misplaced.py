"""Says that photos lie where a sort put them by a tag that they no longer have, and moves them where they belong."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer

from alpacasorter.core.events import Learned
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _, ngettext, number
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_row import labeled
from alpacasorter.ui.photo_store import PhotoStore
from alpacasorter.ui.widgets.banners import BannerBar, Choice, ChoiceBanner, Rank
from alpacasorter.workers.sorting import SortService

if TYPE_CHECKING:
    from alpacasorter.core.sorting.plan import PlannedUnit, SortPlan


class MisplacedPhotos(QObject):
    """Watches what is labeled, and offers to move what an earlier sort put elsewhere.

    Attributes:
        banner: says so, until the photos are moved, have their tags from before again, or the user closes it.
    """

    def __init__(
        self,
        service: SortService,
        actions: Actions,
        store: PhotoStore,
        bar: BannerBar,
        folder: Callable[[], Path | None],
        carry_out: Callable[[SortPlan], None],
        parent: QObject,
    ) -> None:
        """Prepare.

        Args:
            service: looks up and plans.
            actions: of the window.
            store: the photos of the open folder.
            bar: where messages are shown.
            folder: returns the open folder.
            carry_out: does what a plan says; its end is shown as that of any sort.
            parent: the owner.
        """
        super().__init__(parent)
        self._service = service
        self._action = actions.move_there
        self._store = store
        self._folder = folder
        self._carry_out = carry_out
        self._keys: dict[str, None] = {}
        self._of: Path | None = None
        self._go = False
        self._moving = False
        self.banner = ChoiceBanner(bar, Rank.OFFER)
        # Delayed, so that the photos have their new tags.
        self._soon = QTimer(self, singleShot=True, interval=0)
        self._soon.timeout.connect(self._look)
        self._action.setEnabled(False)
        self._action.triggered.connect(self.move)
        self.banner.closed.connect(self._forget)
        service.misplaced.connect(self._on_misplaced)
        service.ended.connect(self._on_ended)
        service.refused.connect(self._on_refused)

    def on_learned(self, event: Learned) -> None:
        """Photos were labeled, or their labels were removed."""
        if self._of != self._folder():
            self._of, self._keys = self._folder(), {}
        self._keys.update(dict.fromkeys(event.changes))
        self._look_soon()

    def on_folder(self) -> None:
        """A folder was opened or closed."""
        if self._of != self._folder():
            self._forget()
            self.banner.hide()

    def move(self) -> None:
        """Move them all. What has changed since it was offered is looked up again before."""
        self._go = True
        self._look_soon()

    def _forget(self) -> None:
        self._keys, self._go = {}, False
        self._action.setEnabled(False)

    def _on_ended(self, _event: object) -> None:
        self._moving = False
        self._look_soon()

    def _on_refused(self, sentence: str) -> None:
        if self._moving:
            self._moving = self._go = False
            self.banner.offer(sentence, [])

    def _look_soon(self) -> None:
        if self._keys:
            self._soon.start()

    def _look(self) -> None:
        rows = [row for key in self._keys for row in self._store.rows_of(key)]
        photos = [photo for row in rows if (photo := labeled(row, self._store.labels)) is not None]
        self._service.find_misplaced(photos, self._store.labels)

    def _on_misplaced(self, plans: list[SortPlan]) -> None:
        if self._soon.isActive():
            # More was labeled since this was asked.
            return
        # Imported here, because the first window does not need it.
        from alpacasorter.core.sorting.plan import Outcome

        units = [unit for plan in plans for unit in plan.units if unit.outcome is Outcome.GO]
        self._keys = {unit.photo.content_key: None for unit in units if unit.photo.content_key is not None}
        self._action.setEnabled(bool(units))
        if not units:
            self._go = False
            self.banner.hide()
        elif self._go and not self._service.busy:
            # The photos of another sort follow when this one has ended.
            self._go = len(plans) > 1
            self.banner.hide()
            self._moving = True
            self._carry_out(plans[0])
        elif not self._service.busy:
            words = self._words(units)
            button = _("Move it there") if len(units) == 1 else _("Move them there")
            tip = _("Files that belong to the photo move with it. Nothing is overwritten, and it can be undone.")
            if words != self.banner.words.text() or not self.banner.wanted:
                self.banner.offer(words, [Choice(button, self.move, tip)])

    def _words(self, units: list[PlannedUnit]) -> str:
        if len(units) > 1:
            return ngettext(
                "{count} photo is still in the folder of its earlier tag.",
                "{count} photos are still in the folders of their earlier tags.",
                len(units),
            ).format(count=number(len(units)))
        [unit] = units
        photo = unit.files[0]
        target = photo.target or photo.source
        words = _("{photo} is still in “{before}”. With its new tag it belongs in “{after}”.")
        return words.format(
            photo=display_path(photo.source.name),
            before=display_path(Path(photo.source.parent.name)),
            after=display_path(Path(target.parent.name)),
        )
