"""What the commands without a window share: opening the engine, the progress bar, streams, errors as sentences."""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import sys
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Never, Self, TextIO

from tqdm import tqdm

from alpacasorter import paths
from alpacasorter.cli.usage import complain
from alpacasorter.core.events import Progress
from alpacasorter.core.session_paths import Places

if TYPE_CHECKING:
    from alpacasorter.ml.engine import Engine

Device = Literal["auto", "cpu", "gpu"]


@contextlib.contextmanager
def engine(device: Device) -> Iterator[Engine]:
    """Open the engine; in the end print its notices and close it."""
    # Imported here: commands that need no model start at once.
    from alpacasorter.ml.engine import open_engine

    places = Places(paths.named_model(), paths.user_data_dir(), paths.user_cache_dir())
    opened = open_engine(places, device, trial_now=True)
    try:
        yield opened
    finally:
        opened.close()
        for notice in opened.notices():
            complain(notice)


def guarded(work: Callable[[], int]) -> int:
    """Run a command; our own errors, and output that can't be written, become a sentence and exit code 1.

    Whoever reads standard output may stop reading (`| head`): that is no failure.
    """
    # What a module logs is for the log of the window; here it would come between the sentences.
    logging.getLogger().addHandler(logging.NullHandler())
    # UTF-8 whatever the locale: a script reads the same on every system, and no name of a file ends the work.
    # On POSIX, names that are no text are printed as the bytes they are.
    errors = "surrogateescape" if os.name == "posix" else "replace"
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors=errors)
    code = 0
    # A program that is started without a standard output has none, and what is printed goes nowhere.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  # for as long as it runs
    try:
        code = work()
        sys.stdout.flush()
        return code
    except OSError as error:
        # Python flushes the streams once more when it ends.
        abandon(sys.stdout)
        if nobody_reads(error):
            abandon(sys.stderr)
            return code
        complain(f"The work was broken off. {error.strerror or error}.")
        return 1
    except Exception as error:
        if not type(error).__module__.startswith("alpacasorter."):
            raise
        complain(str(getattr(error, "reason", error)))
        return 1


def nobody_reads(error: OSError) -> bool:
    """Tell whether output failed because whoever read it has stopped (`| head`)."""
    # Windows calls a closed pipe an invalid argument.
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def abandon(stream: TextIO) -> None:
    """Have nothing more written to a stream that fails."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class ProgressBar:
    """A bar on standard error, from the first progress on."""

    def __init__(self, *, quiet: bool, unit: str = "photos", what: str = "") -> None:
        """Show nothing at all if `quiet`; else count `unit`, and name `what` is done with them, if that is given."""
        self._unit = unit
        self._what = what
        self._quiet = quiet or sys.stderr is None
        self._bar: tqdm[Never] | None = None

    def __enter__(self) -> Self:
        """Return the bar."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End the line of the bar."""
        if self._bar is not None:
            self._bar.close()

    def update(self, event: Progress) -> None:
        """Show how far the work is."""
        if self._quiet or not event.total:
            return
        if self._bar is None:
            # Otherwise a thread watches over bars that stand still, which no one needs and which outlives them.
            tqdm.monitor_interval = 0
            self._bar = tqdm(
                total=event.total,
                desc=self._what or None,
                unit=f" {self._unit}",
                file=sys.stderr,
                dynamic_ncols=True,
            )
        self._bar.total = event.total
        self._bar.update(event.done - self._bar.n)

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        with self._cleared():
            complain(sentence)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Make room for rows that the block prints on standard output, where that is the same screen."""
        if sys.stdout.isatty():
            with self._cleared():
                yield
                sys.stdout.flush()
        else:
            yield

    @contextlib.contextmanager
    def _cleared(self) -> Iterator[None]:
        if self._bar is not None:
            self._bar.clear()
        yield
        if self._bar is not None:
            self._bar.refresh()
