"""Versions of what was learned, in the background: they settle, are measured, listed and gone back to."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from alpacasorter.core.events import Learned
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.view_facts import sentence

if TYPE_CHECKING:
    from alpacasorter.ml.engine import Engine as OpenEngine

_log = logging.getLogger(__name__)

SETTLE_MS = 5000
"""How long after the last correction a burst is over: then the version stands, and is measured."""


class VersionKeeper(QObject):
    """Keeps the versions of the model in use. All methods are called on the GUI thread and return at once.

    Measuring has a lane of its own and gives up as soon as something is to be learned, so that no click waits for it.

    Signals:
        told(LearningState): what there is now; follows `ask`, and whenever something of it has changed.
        failed(str): what was asked for could not be done; a sentence for the user.
    """

    told = Signal(object)
    failed = Signal(str)

    def __init__(
        self,
        opened: Callable[[], OpenEngine | None],
        session_lane: Lane,
        learned: Callable[[Learned], None],
        parent: QObject | None = None,
    ) -> None:
        """Prepare.

        Args:
            opened: returns what is open.
            session_lane: where learning is done.
            learned: is told what came of it; called on that lane.
            parent: the owner.
        """
        super().__init__(parent)
        self._opened = opened
        self._session_lane = session_lane
        self._learned = learned
        self._lane = Lane("versions")
        self._round = 0
        self._is_asked = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._settle)
        self._closed = False

    def ask(self) -> None:
        """Take over what another window has changed, tell what there is, and measure what was not measured yet."""
        self._is_asked = True
        self._session_lane.submit(self._catch_up)
        self._session_lane.submit(partial(self._lane.submit, partial(self._check, self._round)))

    def go_back(self, version: int) -> None:
        """Learn only from what a version had learned from; the engine's `learned` and `told` follow, or `failed`."""
        self.disturb()
        self._session_lane.submit(partial(self._learn, version))

    def learn_from_all(self) -> None:
        """Learn from all corrections again; the engine's `learned` and `told` follow, or `failed`."""
        self.disturb()
        self._session_lane.submit(partial(self._learn, None))

    def disturb(self) -> None:
        """Stop measuring: something is to be learned."""
        self._round += 1
        self._timer.stop()

    def settle_soon(self) -> None:
        """Something was learned: measure it, unless more comes within SETTLE_MS."""
        if self._closed:
            return
        self._timer.start()
        if self._is_asked:
            self._lane.submit(self._tell_learned)

    def close(self) -> None:
        """Stop measuring and end the thread; blocks until then, which is a moment."""
        self._closed = True
        self.disturb()
        self._lane.close()

    def _settle(self) -> None:
        self._lane.submit(partial(self._check, self._round))

    # On the session lane

    def _catch_up(self) -> None:
        opened = self._opened()
        if opened is None:
            return
        learned = opened.session.learning.catch_up()
        if learned is not None:
            self._learned(learned)
        self._tell(opened)

    def _learn(self, version: int | None) -> None:
        opened = self._opened()
        if opened is None:
            return
        learning = opened.session.learning
        try:
            self._learned(learning.learn_from_all() if version is None else learning.go_back(version))
            learning.save()
        except Exception as error:  # noqa: BLE001  # whatever it is, the user gets a sentence
            self.failed.emit(sentence(error))
        self._tell(opened)

    # On either lane

    def _tell(self, opened: OpenEngine) -> None:
        try:
            self.told.emit(opened.session.learning.state())
        except Exception as error:  # noqa: BLE001
            self.failed.emit(sentence(error))

    # On the lane for measuring

    def _tell_learned(self) -> None:
        opened = self._opened()
        if opened is not None:
            # The engine stores it at the same moment; whoever comes second has nothing to do.
            opened.session.learning.save()
            self._tell(opened)

    def _check(self, number: int) -> None:
        opened = self._opened()
        if opened is None or number != self._round:
            return
        try:
            opened.session.learning.check(lambda: number != self._round)
        except Exception as error:  # noqa: BLE001  # nothing is lost: it is measured the next time
            _log.warning("What was learned could not be measured: %s", error)
            return
        if self._is_asked:
            self._tell(opened)
