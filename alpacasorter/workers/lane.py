"""A lane: one thread that does one thing after the other."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

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
