"""Hears of errors that nothing has caught: on the GUI thread, on threads of Python's, and in lanes."""

from __future__ import annotations

import logging
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QObject, Signal

_log = logging.getLogger(__name__)

_LANES = "alpacasorter.workers.lane"
_MOST_LOGGED = 100
"""An error in what is painted again and again must neither fill the log nor take all the time there is."""


class Unexpected(QObject):
    """Has such errors written into the log, and tells of them.

    Signals:
        happened(str): there was one; the traceback, in lines. It arrives where the receiver lives, from any thread.
    """

    happened = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        """Prepare; nothing is heard before `listen()`."""
        super().__init__(parent)
        self._logged = 0
        self._listening = False
        self._hook = sys.excepthook
        self._thread_hook = threading.excepthook
        self._lanes = _OfLanes(self._tell)

    def listen(self) -> None:
        """Hear of all errors from now on."""
        self._hook, sys.excepthook = sys.excepthook, self._on_error
        self._thread_hook, threading.excepthook = threading.excepthook, self._on_thread_error
        logging.getLogger(_LANES).addHandler(self._lanes)
        self._listening = True

    def close(self) -> None:
        """Leave errors to whoever heard of them before. Closing twice is fine."""
        if self._listening:
            self._listening = False
            sys.excepthook = self._hook
            threading.excepthook = self._thread_hook
            logging.getLogger(_LANES).removeHandler(self._lanes)

    def _on_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self._take(kind, error, trace, "Unexpected error")

    def _on_thread_error(self, hooked: threading.ExceptHookArgs) -> None:
        if hooked.exc_value is None or issubclass(hooked.exc_type, SystemExit):
            return
        where = hooked.thread.name if hooked.thread else "a thread that has ended"
        self._take(hooked.exc_type, hooked.exc_value, hooked.exc_traceback, f"Unexpected error in {where}")

    def _take(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None, words: str) -> None:
        self._logged += 1
        if self._logged <= _MOST_LOGGED:
            _log.error("%s", words, exc_info=(kind, error, trace))
        if self._logged == _MOST_LOGGED:
            _log.error("There were %d unexpected errors. Further ones are not written down.", self._logged)
        self._tell("".join(traceback.format_exception(kind, error, trace)))

    def _tell(self, details: str) -> None:
        self.happened.emit(details)


class _OfLanes(logging.Handler):
    """A lane writes its errors into the log itself, and goes on; this tells of them."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._tell = tell

    def emit(self, record: logging.LogRecord) -> None:
        """Tell of an error with a traceback."""
        if record.exc_info:
            self._tell("".join(traceback.format_exception(*record.exc_info)))
