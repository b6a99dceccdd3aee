"""The variants of the model in use, in the background: switching, finding which one corrections suggest, and what it
would change."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from alpacasorter import i18n
from alpacasorter.core.events import Learned
from alpacasorter.core.os_errors import for_log
from alpacasorter.core.session_paths import Places
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.view_facts import VariantFacts, VariantsFacts, error_sentence

if TYPE_CHECKING:
    from alpacasorter.ml.engine import OpenEngine
    from alpacasorter.ml.models.bundle import Bundle
    from alpacasorter.ml.models.variants import Texts

_log = logging.getLogger(__name__)


class VariantKeeper(QObject):
    """Switches between the variants of the model in use.

    `use` and `preview` are called on the GUI thread and return at once. Previews have a lane of their own, so that no
    click waits for them.

    Signals:
        changed(VariantsFacts): another variant is in use, which the engine's `learned` follows; or the user has chosen
            the one in use. What there is to choose from comes with the engine's `ready`.
        agreed(tuple): after the engine's `learned`: other variants that would have labeled photos as the user just did
            while the one in use, as shipped, would not, as `Agreement`; the one that is right most often first.
        previewed(str, tuple): the name of a variant, and the content keys of the photos of the open folder to which it
            would give another label; follows `preview`.
        failed(str): why another variant can't be used, or not after the next start; a sentence for the user.
    """

    changed = Signal(object)
    agreed = Signal(object)
    previewed = Signal(str, object)
    failed = Signal(str)

    def __init__(
        self,
        places: Places,
        opened: Callable[[], OpenEngine | None],
        session_lane: Lane,
        disturb: Callable[[], None],
        learned: Callable[[Learned], None],
        parent: QObject | None = None,
    ) -> None:
        """Prepare.

        Args:
            places: where the user's choice is stored.
            opened: returns the open engine, if any.
            session_lane: the lane on which learning happens.
            disturb: called before there is something to learn.
            learned: called on the session lane with the result.
            parent: the owner.
        """
        super().__init__(parent)
        self._places = places
        self._opened = opened
        self._session_lane = session_lane
        self._disturb = disturb
        self._learned = learned
        self._lane = Lane("variants")

    def use(self, name: str) -> None:
        """Use a variant from now on, also after the next start, and judge every photo again.

        `changed` and the engine's `learned` follow; only `changed` if it is in use already; `failed` if it can't be
        used.
        """
        self._disturb()
        self._session_lane.submit(partial(self._use, name))

    def preview(self, name: str) -> None:
        """Find which photos of the open folder a variant would give another label; `previewed` follows."""
        self._lane.submit(partial(self._preview, name))

    def close(self) -> None:
        """End the thread; blocks until then, a moment."""
        self._lane.close()

    # On the lane for previews

    def _preview(self, name: str) -> None:
        opened = self._opened()
        if opened is None:
            return
        try:
            self.previewed.emit(name, opened.session.learning.changed_by_variant(name))
        except Exception as error:  # noqa: BLE001  # nothing is asked then, and the setting is there all the same
            _log.warning("A variant could not be previewed: %s", for_log(error))

    # On the session lane

    def _use(self, name: str) -> None:
        opened = self._opened()
        if opened is None:
            return
        learned = None
        try:
            if name != opened.bundle.variant:
                learned = opened.session.use_variant(name)
            self._store(opened.bundle, name)
        except Exception as error:  # noqa: BLE001  # whatever it is, the user gets a sentence
            self.failed.emit(error_sentence(error))
        if opened.bundle.variant == name:
            self.changed.emit(self.facts(opened.bundle))
        if learned is not None:
            self._learned(learned)
            learning = opened.session.learning
            try:
                learning.save()
            except Exception as error:  # noqa: BLE001  # nothing is lost: it is learned again at the next start
                _log.warning("What was learned for a variant was not stored: %s", for_log(error))
            # So that the first correction in this variant is as fast as any other.
            learning.prepare()

    def _store(self, bundle: Bundle, name: str) -> None:
        from alpacasorter.ml.models.store import ModelStore

        ModelStore(self._places.data).choose_variant(bundle, name)

    def compare(self, opened: OpenEngine, changes: Mapping[str, str | None]) -> None:
        """Find which other variants agree with corrections, labels by content key, that were just learned."""
        labeled = [key for key, label in changes.items() if label is not None]
        if agreements := opened.session.learning.agreements(labeled):
            self.agreed.emit(agreements)

    def facts(self, bundle: Bundle) -> VariantsFacts | None:
        """Return what the window shows of the variants of a bundle, None if it has none."""
        if bundle.variants is None:
            return None
        from alpacasorter.ml.models.store import ModelStore

        chosen = ModelStore(self._places.data).chosen_variant(bundle)
        return VariantsFacts(
            setting=_text(bundle.variants.setting),
            choices=tuple(
                VariantFacts(one.name, _text(one.title), _text(one.question), _text(one.answer))
                for one in bundle.variants.choices
            ),
            current=bundle.variant,
            is_chosen=bundle.variant in (chosen, self._places.variant),
            first_question=_text(bundle.variants.first_question),
        )


def _text(texts: Texts) -> str:
    return i18n.pick(texts) if texts else ""
