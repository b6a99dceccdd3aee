"""What happens with errors nobody foresaw: they go into a log file, and the user gets a sentence."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from alpacasorter.workers.facts import UNEXPECTED

_log = logging.getLogger(__name__)

LOG_NAME = "alpacasorter.log"
_LOG_BYTES = 500_000
_LOGS_KEPT = 3


def log_into(folder: Path) -> None:
    """Write warnings and errors into a file that never grows large; into nothing where the folder can't be written."""
    # Imported here: it brings socket and queue along, which no first window needs.
    from logging.handlers import RotatingFileHandler

    handler: logging.Handler
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Opened with the first line that is written: most runs leave no log at all.
        handler = RotatingFileHandler(
            folder / LOG_NAME, maxBytes=_LOG_BYTES, backupCount=_LOGS_KEPT, encoding="utf-8", delay=True
        )
    except OSError:
        handler = logging.NullHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.setLevel(logging.WARNING)
    root.addHandler(handler)


def tell_unexpected(tell: Callable[[str], None]) -> None:
    """From now on log errors that nothing has caught, and `tell` the user that there was one."""

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        _log.error("Unexpected error", exc_info=(kind, error, trace))
        tell(UNEXPECTED)

    sys.excepthook = hook
