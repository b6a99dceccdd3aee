"""What the commands without a window share: opening the engine, the progress bar, streams, errors as sentences."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import Literal, Never, Self

from tqdm import tqdm

from alpacasorter import paths
from alpacasorter.core.events import Progress
from alpacasorter.core.places import Places
from alpacasorter.ml.opening import Engine, open_engine

Device = Literal["auto", "cpu", "gpu"]


def complain(sentence: str) -> None:
    """Print a sentence on standard error."""
    print(f"alpacasorter: {sentence}", file=sys.stderr)


@contextlib.contextmanager
def engine(device: Device) -> Iterator[Engine]:
    """Open the engine, print its notices, close it in the end."""
    places = Places(paths.bundled_model(), paths.user_data_dir(), paths.user_cache_dir())
    opened = open_engine(places, device, trial_now=True)
    try:
        for notice in opened.notices:
            complain(notice)
        yield opened
    finally:
        opened.close()


def guarded(work: Callable[[], int]) -> int:
    """Run a command; our own errors become a sentence and exit code 1.

    Whoever reads standard output may stop reading (`| head`): that is no failure.
    """
    for stream in (sys.stdout, sys.stderr):
        # File names that are no text are printed as the bytes they are.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="surrogateescape")
    try:
        code = work()
        sys.stdout.flush()
        return code
    except BrokenPipeError:
        # Python flushes standard output once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:
        if not type(error).__module__.startswith("alpacasorter."):
            raise
        complain(str(getattr(error, "reason", error)))
        return 1


class ProgressBar:
    """A bar on standard error."""

    def __init__(self, *, quiet: bool) -> None:
        """Show nothing before the first progress, and nothing at all if `quiet`."""
        self._bar: tqdm[Never] = tqdm(
            total=0, unit=" photos", disable=quiet or sys.stderr is None, file=sys.stderr, dynamic_ncols=True
        )

    def __enter__(self) -> Self:
        """Return the bar."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the line of the bar."""
        self._bar.close()

    def update(self, event: Progress) -> None:
        """Show how far the work is."""
        self._bar.total = event.total
        self._bar.update(event.done - self._bar.n)

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        self._bar.clear()
        complain(sentence)
        self._bar.refresh()


def is_folder(path: Path) -> bool:
    """Tell whether a folder that the command line names is there; complain if not."""
    if path.is_dir():
        return True
    complain(f"{path} is not a folder." if path.exists() else f"There is no folder {path}.")
    return False
