"""Lanes, which run one job after another on a thread, and the errors that nothing has caught on any thread."""

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

    The thread starts with the first submission and ends with `close()`. Exceptions are logged; a function that wants to
    react to one must catch it itself.
    """

    def __init__(self, name: str) -> None:
        """Create a lane; the thread is named after it."""
        self._name = name
        self._jobs: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._closed = False
        # Lanes submit to each other while the window closes them; a closed lane must not start its thread again.
        self._lock = threading.Lock()

    def submit(self, job: Callable[[], None]) -> None:
        """Run `job` after those submitted before; does nothing once the lane is closed."""
        with self._lock:
            if self._closed:
                return
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name=f"lane-{self._name}")
                self._thread.start()
            self._jobs.put(job)

    def close(self) -> None:
        """Finish the submitted jobs and end the thread; blocks until then."""
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
            except Exception:  # noqa: BLE001  # logged; the lane continues with the next job
                _log.exception("A job in lane %s failed", self._name)


_LANES = "alpacasorter.workers.lane"
_MOST_LOGGED = 100
"""An error in code that paints, and thus repeats, must neither fill the log nor slow down the window."""


class UncaughtErrors(QObject):
    """Logs the errors that nothing has caught on the GUI thread, on other threads and in lanes, and reports them.

    Signals:
        happened(str): there was one; the traceback. It arrives on the receiver's thread.
    """

    happened = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        """Prepare; `listen()` begins."""
        super().__init__(parent)
        self._logged = 0
        self._listening = False
        self._hook = sys.excepthook
        self._thread_hook = threading.excepthook
        self._lanes = _LaneErrors(self._report)

    def listen(self) -> None:
        """Report all errors from now on."""
        self._hook, sys.excepthook = sys.excepthook, self._on_error
        self._thread_hook, threading.excepthook = threading.excepthook, self._on_thread_error
        logging.getLogger(_LANES).addHandler(self._lanes)
        self._listening = True

    def close(self) -> None:
        """Restore the previous hooks. Closing twice is fine."""
        if self._listening:
            self._listening = False
            sys.excepthook = self._hook
            threading.excepthook = self._thread_hook
            logging.getLogger(_LANES).removeHandler(self._lanes)

    def _on_error(self, kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        self._log_and_report(kind, error, trace, "Unexpected error")

    def _on_thread_error(self, hooked: threading.ExceptHookArgs) -> None:
        if hooked.exc_value is None or issubclass(hooked.exc_type, SystemExit):
            return
        where = hooked.thread.name if hooked.thread else "a thread that has ended"
        self._log_and_report(hooked.exc_type, hooked.exc_value, hooked.exc_traceback, f"Unexpected error in {where}")

    def _log_and_report(
        self, kind: type[BaseException], error: BaseException, trace: TracebackType | None, words: str
    ) -> None:
        self._logged += 1
        if self._logged <= _MOST_LOGGED:
            _log.error("%s", words, exc_info=(kind, error, trace))
        if self._logged == _MOST_LOGGED:
            _log.error("There were %d unexpected errors. Further ones are not logged.", self._logged)
        self._report("".join(traceback.format_exception(kind, error, trace)))

    def _report(self, details: str) -> None:
        self.happened.emit(details)


class _LaneErrors(logging.Handler):
    """Reports the errors that lanes log before they continue with the next job."""

    def __init__(self, report: Callable[[str], None]) -> None:
        super().__init__(logging.ERROR)
        self._report = report

    def emit(self, record: logging.LogRecord) -> None:
        """Report an error that has a traceback."""
        if record.exc_info:
            self._report("".join(traceback.format_exception(*record.exc_info)))
