"""The versions of the model in use, in the background: keeping, measuring, listing and going back to them.

A model that has just taken over learns the corrections again that were made with another one. While nothing else is to
be done, the pictures of photos are looked up that an earlier version of the app corrected.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from alpacasorter.core.events import Learned, LearningAgain
from alpacasorter.core.os_errors import for_log
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.view_facts import error_sentence

if TYPE_CHECKING:
    from alpacasorter.ml.engine import OpenEngine

_log = logging.getLogger(__name__)

SETTLE_MS = 5000
"""How long after the last correction a burst is over; then the version is kept and measured."""
CATCH_UP_MS = 2000
"""How often to ask the library whether another window or a command has changed it: one small query."""
LEARN_AGAIN_SECONDS = 3.0
"""How often to learn, while the photos of earlier corrections are processed, from those that are ready."""


class VersionKeeper(QObject):
    """Manages the versions of the model in use.

    All methods are called on the GUI thread; all but `close` return at once. Measuring has its own lane and stops as
    soon as there is something to learn, so that no click waits for it. Another lane processes the photos of corrections
    that were made with another model.

    Attributes:
        again: the last `learning_again`; None before the first.

    Signals:
        told(LearningState): the current state; follows `ask`, and whenever it has changed.
        failed(str): why a request failed, a sentence for the user.
        learning_again(LearningAgain): how far the model is with corrections that were made with another one.
    """

    told = Signal(object)
    failed = Signal(str)
    learning_again = Signal(object)

    def __init__(
        self,
        opened: Callable[[], OpenEngine | None],
        session_lane: Lane,
        learned: Callable[[Learned], None],
        parent: QObject | None = None,
    ) -> None:
        """Prepare.

        Args:
            opened: returns the open engine, if any.
            session_lane: the lane on which learning happens.
            learned: called on that lane with the result.
            parent: the owner.
        """
        super().__init__(parent)
        self._opened = opened
        self._session_lane = session_lane
        self._learned = learned
        self._lane = Lane("versions")
        self._again_lane = Lane("learning-again")
        self.again: LearningAgain | None = None
        self._told_again: LearningAgain | None = None
        self._told_of: OpenEngine | None = None
        self.learning_again.connect(self._on_learning_again)
        self._round = 0
        self._is_asked = False
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(SETTLE_MS)
        self._timer.timeout.connect(self._settle)
        self._others = QTimer(self)
        self._others.setInterval(CATCH_UP_MS)
        self._others.timeout.connect(self.catch_up)
        self._is_catching_up = False
        self._closed = False

    def follow_others(self) -> None:
        """From now on, take over what another window or a command has changed in the library, every few seconds."""
        if not self._closed:
            self._others.start()

    def catch_up(self) -> None:
        """Take over what another window or a command has changed; the engine's `learned` follows if it matters here."""
        if not self._is_catching_up:
            self._is_catching_up = True
            self._session_lane.submit(self._catch_up)

    def learn_again(self) -> None:
        """Learn the corrections again that were made with another model; `learning_again` and `learned` follow.

        What is interrupted goes on at the next start. Photos that can't be found are looked for whenever something
        was learned, as their disk may have been connected.
        """
        if not self._closed:
            self._again_lane.submit(self._learn_again)

    def ask(self) -> None:
        """Take over what another window has changed, ask for the state, and measure what is not measured yet."""
        self._is_asked = True
        self.catch_up()
        self._session_lane.submit(self._tell_asked)
        self._session_lane.submit(partial(self._lane.submit, partial(self._check, self._round)))

    def go_back(self, version: int) -> None:
        """Learn only from the corrections of a version; the engine's `learned` and `told` follow, or `failed`."""
        self.disturb()
        self._session_lane.submit(partial(self._learn, version))

    def learn_from_all(self) -> None:
        """Learn from all corrections again; the engine's `learned` and `told` follow, or `failed`."""
        self.disturb()
        self._session_lane.submit(partial(self._learn, None))

    def disturb(self) -> None:
        """Stop measuring: there is something to learn."""
        self._round += 1
        self._timer.stop()

    def settle_soon(self) -> None:
        """Measure what was just learned, unless there is more to learn within SETTLE_MS."""
        if self._closed:
            return
        self._timer.start()
        if self._is_asked:
            self._lane.submit(self._tell_learned)

    def close(self) -> None:
        """Stop measuring and end the threads; blocks until then, a moment."""
        self._closed = True
        self._others.stop()
        self.disturb()
        self._lane.close()
        self._again_lane.close()

    def _on_learning_again(self, event: LearningAgain) -> None:
        ended = self.again is not None and self.again.running and not event.running
        self.again = event
        if ended:
            self.settle_soon()

    def _settle(self) -> None:
        self.learn_again()
        self._lane.submit(partial(self._check, self._round))
        self._lane.submit(partial(self._find_pictures, self._round))

    # On the session lane

    def _catch_up(self) -> None:
        self._is_catching_up = False
        opened = self._opened()
        if opened is None:
            return
        learned = opened.session.learning.catch_up()
        if learned is not None:
            self._learned(learned)

    def _tell_asked(self) -> None:
        opened = self._opened()
        if opened is not None:
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
            self.failed.emit(error_sentence(error))
        self._tell(opened)

    def _learn_found(self, opened: OpenEngine, last: LearningAgain | None = None) -> None:
        """Learn from the photos that were processed, unless another model has taken over; `last` ends it."""
        if opened is not self._opened():
            return
        learning = opened.session.learning
        try:
            learned = learning.learn_pending()
            if learned is not None:
                self._learned(learned)
            if last is not None:
                learning.save()
        except Exception as error:  # noqa: BLE001  # nothing is lost: it is learned again at the next start
            _log.warning("What was found of earlier corrections was not learned: %s", for_log(error))
        if last is not None:
            self.learning_again.emit(last)

    # On the lane for earlier corrections

    def _learn_again(self) -> None:
        opened = self._opened()
        if opened is None:
            return
        if opened is not self._told_of:
            # The same figures of another model are news.
            self._told_of, self._told_again = opened, None
        learning = opened.session.learning
        learned_at = time.monotonic()
        try:
            with contextlib.closing(
                opened.session.learn_again(lambda: self._closed or self._opened() is not opened)
            ) as events:
                for event in events:
                    was, self._told_again = self._told_again, event
                    if event == was:
                        continue
                    if not event.running:
                        self._session_lane.submit(partial(self._learn_found, opened, event))
                        continue
                    self.learning_again.emit(event)
                    if time.monotonic() - learned_at > LEARN_AGAIN_SECONDS:
                        learned_at = time.monotonic()
                        self._session_lane.submit(partial(self._learn_found, opened))
        except Exception as error:  # noqa: BLE001  # it goes on at the next start, or when the photos are next scanned
            _log.warning("Earlier corrections could not be learned again: %s", for_log(error))
            self._session_lane.submit(partial(self._learn_found, opened, learning.how_far()))

    # On either lane

    def _tell(self, opened: OpenEngine) -> None:
        try:
            self.told.emit(opened.session.learning.state())
        except Exception as error:  # noqa: BLE001
            self.failed.emit(error_sentence(error))

    # On the lane for measuring

    def _tell_learned(self) -> None:
        opened = self._opened()
        if opened is not None:
            # The engine stores it at the same time; the second of the two has nothing to do.
            opened.session.learning.save()
            self._tell(opened)

    def _check(self, number: int) -> None:
        opened = self._opened()
        if opened is None or number != self._round:
            return
        try:
            opened.session.learning.check(lambda: number != self._round)
        except Exception as error:  # noqa: BLE001  # nothing is lost: it is measured next time
            _log.warning("What was learned could not be measured: %s", for_log(error))
            return
        if self._is_asked:
            self._tell(opened)

    def _find_pictures(self, number: int) -> None:
        opened = self._opened()
        if opened is None:
            return
        try:
            for learned in opened.session.find_pictures(lambda: number != self._round):
                self._learned(learned)
        except Exception as error:  # noqa: BLE001  # they are found at the next start, or when they are next scanned
            _log.warning("The pictures of corrected photos could not be looked up: %s", for_log(error))
