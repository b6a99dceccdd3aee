"""A lane: one thread that does one thing after the other.

Hears of errors that nothing has caught: on the GUI thread, on threads of Python's, and in lanes.
"""

from __future__ import annotations

import logging
import queue
import sys
import threading
import traceback
from collections.abc import Callable
from types import TracebackType

from PySide6.QtCore import QObject, Signal

_log = logging.getLogger(__name__)


class Lane:
    """Runs functions one at a time, in the order of their submission, on a thread of its own.

    The thread starts with the first submission and ends with `close()`. What a function raises is logged; whoever
    wants to answer to it catches it inside the function.
    """

    def __init__(self, name: str) -> None:
        """Name the lane; the name is the thread's."""
        self._name = name
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        # One lane submits to another while the window closes them: none may start its thread after that.
        self._lock = threading.Lock()

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` after all that were submitted before; does nothing once the lane is closed."""
        with self._lock:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"lane-{self._name}")
                self._thread.start()
            self._jobs.put(job)

    def close(self) -> None:
        """Finish the jobs submitted so far and end the thread; blocks until then."""
        with self._lock:
            self._closed = True
            thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            thread.join()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None:
            try:
                job()
            except Exception:  # noqa: BLE001  # the lane goes on with the next job, and the log has this one
                _log.exception("A job in lane %s failed", self._name)


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
