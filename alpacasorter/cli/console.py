"""What the commands share: opening the engine, error messages, progress bar, judging a folder, Ctrl+C and SIGTERM."""

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

from alpacasorter import paths
from alpacasorter.cli.usage import complain
from alpacasorter.core.events import Finished, Found, Judged, JudgedPhoto, Learned, Problem, Problems, Progress
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.reasons import sentence
from alpacasorter.core.session_paths import Places
from alpacasorter.i18n import _
from alpacasorter.wording import text

if TYPE_CHECKING:
    from tqdm import tqdm

    from alpacasorter.ml.engine import OpenEngine

Device = Literal["auto", "cpu", "gpu"]


@contextlib.contextmanager
def without_library_output() -> Iterator[None]:
    """Hide what TensorFlow writes to file descriptors 1 and 2, while Python's own streams still reach the screen.

    It is written by C++ code, is of no use to users, and no setting turns off all of it.
    """
    try:
        kept = {number: os.dup(number) for number in (1, 2)}
    except OSError:
        # A program without a console has no streams.
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


@contextlib.contextmanager
def engine(device: Device, *, library_required: bool = True, variant: str | None = None) -> Iterator[OpenEngine]:
    """Open the engine; at the end, close it and print its notices.

    Args:
        device: which device the user wants.
        library_required: False for what is of use without the user's corrections too; then there is a notice.
        variant: name of the model's variant; None for the one that the user has chosen.
    """
    # Imported here: commands that fail early or need no model start faster without it.
    from alpacasorter.ml.engine import open_engine

    places = Places(paths.named_model(), paths.user_data_dir(), paths.user_cache_dir(), variant)
    opened = open_engine(places, device, trial_now=True, library_required=library_required)
    try:
        yield opened
    finally:
        opened.close()
        for notice in opened.notices():
            complain(notice)


def guarded(work: Callable[[], int]) -> int:
    """Run a command; print our own errors and errors of the output as sentences, with exit code 1.

    It is not an error if standard output is no longer read (`| head`).
    """
    # Log messages are meant for the log file of the window; on the screen they would mix with ours.
    logging.getLogger().addHandler(logging.NullHandler())
    # UTF-8 in every locale, so that scripts read the same everywhere and no file name causes an error.
    # On POSIX, file names that are not UTF-8 keep their bytes.
    errors = "surrogateescape" if os.name == "posix" else "replace"
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors=errors)
    code = 0
    # None in a program that was started without standard output.
    sys.stdout = sys.stdout or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123  # for as long as it runs
    try:
        code = work()
        sys.stdout.flush()
        return code
    except OSError as error:
        # Otherwise Python fails to flush the stream at exit.
        abandon(sys.stdout)
        if is_closed_pipe(error):
            abandon(sys.stderr)
            return code
        # Translators: {error} is a message of the operating system, in its language.
        complain(_("Interrupted by a system error: {error}.").format(error=error.strerror or error))
        return 1
    except Exception as error:
        if not type(error).__module__.startswith("alpacasorter."):
            raise
        complain(sentence(str(getattr(error, "reason", error))))
        return 1


def is_closed_pipe(error: OSError) -> bool:
    """Tell whether output failed because it is no longer read (`| head`)."""
    # Windows reports a closed pipe as an invalid argument.
    return isinstance(error, BrokenPipeError) or (os.name == "nt" and error.errno == errno.EINVAL)


def abandon(stream: TextIO) -> None:
    """Redirect a stream that fails to nowhere."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class ProgressBar:
    """A progress bar on standard error, shown from the first progress on.

    Attributes:
        quiet: whether it is never shown.
    """

    def __init__(self, *, quiet: bool, unit: str = "", what: str = "") -> None:
        """Prepare the bar.

        Args:
            quiet: never show it.
            unit: what is counted, translated and plural; photos if empty.
            what: description shown before the bar, translated.
        """
        self._unit = unit or _("photos")
        self._what = what
        self.quiet = quiet or sys.stderr is None
        self._bar: tqdm[Never] | None = None

    def __enter__(self) -> Self:
        """Return the bar."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the bar."""
        if self._bar is not None:
            # In a pipe it would be drawn once more, below all that was printed since.
            self._bar.disable = not sys.stderr.isatty()
            self._bar.close()

    def update(self, event: Progress) -> None:
        """Show progress."""
        if self.quiet or not event.total:
            return
        if self._bar is None:
            # Imported here: --help does not need it.
            from tqdm import tqdm

            # Otherwise tqdm starts a monitoring thread, which outlives the bar.
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
        if event.done == event.total:
            self._bar.refresh()  # otherwise the last step is not drawn if it comes soon after the one before it

    def say(self, sentence: str) -> None:
        """Print a sentence above the bar."""
        with self._cleared():
            complain(sentence)

    @contextlib.contextmanager
    def aside(self) -> Iterator[None]:
        """Hide the bar while the block prints to standard output, if that is the same screen."""
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


def learn_again(opened: OpenEngine, *, quiet: bool) -> None:
    """Learn the corrections again that were made with another model, as far as their photos are found.

    Not much happens if that was done before. It is interrupted by Ctrl+C, and goes on the next time.

    Args:
        opened: the open engine.
        quiet: whether to say nothing of it.
    """
    from alpacasorter.core.store.library import LibraryError

    learning = opened.session.learning
    before = learning.correction_count
    # Closed before the engine, even after Ctrl+C.
    with (
        ProgressBar(quiet=quiet, unit=_("corrections"), what=_("Learning again")) as bar,
        contextlib.closing(opened.session.learn_again(lambda: False)) as events,
    ):
        for event in events:
            if event.running:
                bar.update(Progress(event.learned, event.total, 0.0, None))
        if learning.learn_pending() is None:
            return
        with contextlib.suppress(LibraryError):
            # Nothing is lost: it follows from the corrections.
            learning.save()
        if not quiet and learning.correction_count > before:
            bar.say(text.learned_again(event))


def judge_folder(
    opened: OpenEngine, folder: Path, *, recursive: bool, bar: ProgressBar, exclusion: Exclusion = NOTHING
) -> tuple[list[JudgedPhoto | Problem], Finished]:
    """Scan a whole folder, after `learn_again`.

    Returns:
        The photos and problems in the order of the folder, and the last event of the scan.

    Raises:
        FolderUnavailable: the folder itself can't be read.
    """
    learn_again(opened, quiet=bar.quiet)
    order: dict[Path, None] = {}
    photos: dict[Path, JudgedPhoto] = {}
    problems: dict[Path, Problem] = {}
    # Closed before the engine, however the loop ends.
    with contextlib.closing(opened.session.scan(folder, recursive=recursive, exclusion=exclusion)) as events:
        for event in events:
            match event:
                case Found():
                    order |= dict.fromkeys(file.path for file in event.files)
                case Judged():
                    photos |= {photo.path: photo for photo in event.photos}
                case Problems():
                    # Some were never listed as photos, because they can't be judged.
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
    """Return the photos with the probabilities and corrections after something was learned."""
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
    """Handles Ctrl+C and SIGTERM; calling it tells whether one of them was received.

    Attributes:
        patient: whether the first signal is only recorded, for work that checks between two files whether to stop.
            Otherwise, and for the second signal, KeyboardInterrupt is raised at once.
    """

    def __init__(self) -> None:
        """Handle no signals yet."""
        self.patient = False
        self._number: int | None = None
        self._before: dict[int, object] = {}

    def __enter__(self) -> Self:
        """Start handling signals. A signal that is ignored (`nohup`, a background job) stays ignored."""
        for number in _SIGNALS:
            before = signal.getsignal(number)
            if before is not signal.SIG_IGN:
                self._before[number] = before
                signal.signal(number, self._heard)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Restore the handlers."""
        for number, before in self._before.items():
            # None: the handler was not set from Python.
            signal.signal(number, before if before is not None else signal.SIG_DFL)  # type: ignore[arg-type]

    def __call__(self) -> bool:
        """Tell whether a signal was received."""
        return self._number is not None

    @property
    def by_ctrl_c(self) -> bool:
        """Whether the signal was Ctrl+C, or there was none, rather than SIGTERM."""
        return self._number != signal.SIGTERM

    @property
    def exit_code(self) -> int:
        """Exit code by convention of shells: 130 after Ctrl+C, 143 after SIGTERM."""
        return _BY_SIGNAL + (self._number or signal.SIGINT)

    def _heard(self, number: int, _frame: FrameType | None) -> None:
        again = self._number is not None
        self._number = number
        if again or not self.patient:
            raise KeyboardInterrupt
