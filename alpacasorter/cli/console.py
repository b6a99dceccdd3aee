"""What the commands without a window share: opening the engine, the progress bar, streams, errors as sentences.

Keeps the chatter of TensorFlow off the screen.

Judges a whole folder, for commands that need to know of all its photos before they begin.

How Ctrl+C and SIGTERM end the commands that must not be torn off in the middle of a file.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Final, Literal, Never, Self, TextIO

from tqdm import tqdm

from alpacasorter import paths
from alpacasorter.cli.usage import complain
from alpacasorter.core.events import Finished, Found, Judged, JudgedPhoto, Learned, Problem, Problems, Progress
from alpacasorter.core.session_paths import Places

if TYPE_CHECKING:
    from alpacasorter.ml.engine import Engine


@contextlib.contextmanager
def without_chatter() -> Iterator[None]:
    """Keep what TensorFlow writes to file descriptors 1 and 2 off the screen; Python's own streams go on as they were.

    It comes from C++, tells nothing that a user needs, and no setting turns all of it off.
    """
    try:
        kept = {number: os.dup(number) for number in (1, 2)}
    except OSError:
        # A windowed program has no streams.
        yield
        return
    streams = {1: sys.stdout, 2: sys.stderr}
    own: dict[int, TextIO] = {}
    try:
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            for number, stream in streams.items():
                stream.flush()
                if _goes_to(stream, number):
                    own[number] = os.fdopen(
                        os.dup(number), "w", encoding=stream.encoding, errors=stream.errors, buffering=1
                    )
                os.dup2(nowhere.fileno(), number)
        sys.stdout = own.get(1, sys.stdout)
        sys.stderr = own.get(2, sys.stderr)
        yield
    finally:
        for stream in own.values():
            with contextlib.suppress(OSError):
                stream.close()
        sys.stdout, sys.stderr = streams[1], streams[2]
        for number, copy in kept.items():
            os.dup2(copy, number)
            os.close(copy)


def _goes_to(stream: TextIO, number: int) -> bool:
    try:
        return int(stream.fileno()) == number
    except (OSError, ValueError, AttributeError):
        return False


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


def judge_folder(
    opened: Engine, folder: Path, *, recursive: bool, bar: ProgressBar
) -> tuple[list[JudgedPhoto | Problem], Finished]:
    """Scan a folder.

    Returns:
        its photos, and what could not be read, in the order of the folder, whichever was ready first; and the end of
        the scan.

    Raises:
        FolderUnavailable: the folder itself can't be read.
    """
    order: dict[Path, None] = {}
    photos: dict[Path, JudgedPhoto] = {}
    problems: dict[Path, Problem] = {}
    # Closed before the engine is, whatever ends the loop.
    with contextlib.closing(opened.session.scan(folder, recursive=recursive)) as events:
        for event in events:
            match event:
                case Found():
                    order |= dict.fromkeys(file.path for file in event.files)
                case Judged():
                    photos |= {photo.path: photo for photo in event.photos}
                case Problems():
                    # Of some their names alone say that they can't be judged: those were not found as photos.
                    order |= dict.fromkeys(problem.path for problem in event.problems)
                    problems |= {problem.path: problem for problem in event.problems}
                case Learned():
                    photos = _judged_again(photos, event)
                case Progress():
                    bar.update(event)
                case Finished():
                    finished = event
    opened.cache.prune()
    known: dict[Path, JudgedPhoto | Problem] = {**photos, **problems}
    return [known[path] for path in order if path in known], finished


def _judged_again(photos: Mapping[Path, JudgedPhoto], event: Learned) -> dict[Path, JudgedPhoto]:
    """Return the photos as they are judged since something was learned."""
    now = dict(zip(event.keys, event.probabilities.tolist(), strict=True))
    return {
        path: replace(
            photo,
            probability=now.get(photo.content_key, photo.probability),
            correction=event.changes.get(photo.content_key, photo.correction),
        )
        for path, photo in photos.items()
    }


_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)
_BY_SIGNAL: Final = 128


class Stopper:
    """Notes that the user wants an end; called, it says whether they do.

    Attributes:
        patient: whether the first Ctrl+C is only noted, for work that looks at it between two files. Where it is not,
            and the second time, KeyboardInterrupt is raised wherever the program is.
    """

    def __init__(self) -> None:
        """Note nothing yet."""
        self.patient = False
        self._number: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Listen. A signal that is ignored (`nohup`, a job in the background) stays ignored."""
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._heard)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave the signals as they were."""
        for number, before in self._before.items():
            # None stands for one that was not set from Python.
            signal.signal(number, before if before is not None else signal.SIG_DFL)  # type: ignore[arg-type]

    def __call__(self) -> bool:
        """Tell whether the user wants an end."""
        return self._number is not None

    @property
    def by_ctrl_c(self) -> bool:
        """Whether it was Ctrl+C, or no signal at all, rather than SIGTERM."""
        return self._number != signal.SIGTERM

    @property
    def exit_code(self) -> int:
        """130 after Ctrl+C, 143 after SIGTERM: what a shell expects."""
        return _BY_SIGNAL + (self._number or signal.SIGINT)

    def _heard(self, number: int, _: FrameType | None) -> None:
        again = self._number is not None
        self._number = number
        if again or not self.patient:
            raise KeyboardInterrupt
