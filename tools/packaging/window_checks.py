"""Checks what happens when the frozen program is started twice: one start after the other, and both at once."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tools.packaging.program import CheckError, Program

WAIT_S: Final = 60.0
"""Limit for things that normally take a second or two."""
EXIT_S: Final = 30.0
"""Limit for a window, and everything it started, to exit when asked to."""
SECOND_START_S: Final = 20.0
"""A second start that is still running after this has opened a window of its own."""

_PIPES: Final = r"\\.\pipe" + "\\"
_ADDRESS: Final = "alpacasorter-"
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Trial:
    """Where the windows of one trial keep everything. At first only the folder for sockets exists.

    Attributes:
        program: the program.
        folder: everything the windows write goes here.
        photos: the folders to open; no photo is in both.
    """

    program: Program
    folder: Path
    photos: tuple[Path, Path]

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables that all starts share."""
        return {
            "QT_QPA_PLATFORM": "offscreen",
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "ALPACASORTER_DATA_DIR": str(self.folder / "data"),
            "ALPACASORTER_CACHE_DIR": str(self.folder / "cache"),
        }

    def is_listening(self) -> bool:
        """Return whether a window accepts requests from later starts."""
        names = os.listdir(_PIPES) if sys.platform == "win32" else os.listdir(self.folder / "run")  # noqa: PTH208
        return any(name.startswith(_ADDRESS) and not name.endswith(".lock") for name in names)

    def opened(self) -> set[Path]:
        """Return the folders that windows have opened, according to the library."""
        rows = _rows(self.folder / "data" / "library.sqlite", "SELECT path FROM recent_folders")
        return {Path(os.fsdecode(path)) for (path,) in rows}

    def judged(self) -> int:
        """Return how many different photos have been judged."""
        return len(_rows(self.folder / "cache" / "cache.sqlite", "SELECT DISTINCT content_id FROM embeddings"))


def _rows(file: Path, statement: str) -> list[tuple[bytes]]:
    """Read from a database that windows are writing to; empty if they have not created it yet."""
    if not file.is_file():
        return []
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
            return connection.execute(statement).fetchall()
    except sqlite3.OperationalError:
        return []


def check_two_starts(program: Program, photos: Path) -> list[str]:
    """Start the program twice, in both ways; return one line for each.

    Args:
        program: the program.
        photos: a folder with at least two different photos.

    Raises:
        CheckError: a start exits in the wrong way, a folder is not opened, or a process is left running.
    """
    return [check_in_turn(new_trial(program, photos, "in turn")), check_at_once(new_trial(program, photos, "at once"))]


def new_trial(program: Program, photos: Path, name: str) -> Trial:
    """Make the folders for a trial and divide the photos between them."""
    folder = program.work / f"windows {name}"
    targets = (folder / "first ä", folder / "second ラマ")
    for path in (folder, folder / "run", *targets):
        path.mkdir(mode=0o700)
        program.give_access(path)
    for number, photo in enumerate(sorted(photos.iterdir())):
        copy = Path(shutil.copy2(photo, targets[number % 2]))
        program.give_access(copy)
    return Trial(program, folder, targets)


def check_in_turn(trial: Trial) -> str:
    """Start the program while its window is open; return what was found."""
    first, second = trial.photos
    with _windows(trial, [first]) as (window,):
        _wait(lambda: trial.is_listening() and first in trial.opened(), f"opened {first} and listened", trial, [window])
        _wait(lambda: trial.judged() >= _count([first]), "judged the first folder", trial, [window])
        seconds = _start_again(trial, second)
        # Only the first window is left to do it.
        _wait(lambda: second in trial.opened(), f"opened {second}, which was handed to it", trial, [window])
        _wait(lambda: trial.judged() >= _count(trial.photos), "judged the second folder", trial, [window])
    return f"second start: exited after {seconds:.2f} s, the first window opened and judged its folder"


def _start_again(trial: Trial, photos: Path) -> float:
    """Start the program again; return how long it took to hand its folder to the open window and exit."""
    started = time.monotonic()
    with (trial.folder / "output of the second start.txt").open("w+b") as output:
        start = trial.program.start(str(photos), errors=output, variables=trial.variables)
        try:
            code = start.wait(SECOND_START_S)
        except subprocess.TimeoutExpired as error:
            raise CheckError(f"The second start is still running after {SECOND_START_S:.0f} s.") from error
        finally:
            _kill(start)
        seconds = time.monotonic() - started
        output.seek(0)
        if code:
            text = output.read().decode(errors="replace")[-2000:]
            raise CheckError(f"The second start exited with code {code}.\n{text}")
    return seconds


def check_at_once(trial: Trial) -> str:
    """Start the program twice at the same moment; return what was found."""
    with _windows(trial, trial.photos) as windows:

        def expected() -> list[Path]:
            # A window that was handed a folder may never have started on its own.
            handed = [photos for photos, window in zip(trial.photos, windows, strict=True) if window.poll() == 0]
            return handed or list(trial.photos)

        _wait(trial.is_listening, "listened", trial, windows)
        _wait(lambda: trial.opened() >= set(expected()), "opened the folders", trial, windows)
        _wait(lambda: trial.judged() >= _count(expected()), "judged the folders", trial, windows)
        running = sum(window.poll() is None for window in windows)
    found = "one window, which opened the folder handed to it" if running == 1 else "two windows, each with its folder"
    return f"two starts at once: {found}"


def _count(folders: Iterable[Path]) -> int:
    return sum(len(list(folder.iterdir())) for folder in folders)


@contextmanager
def _windows(trial: Trial, folders: Sequence[Path]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start a window for each folder, and terminate them the way a desktop does when the session ends.

    Raises:
        CheckError: a window exited early with an error, does not exit when asked to, or leaves a process running.
    """
    windows: list[subprocess.Popen[bytes]] = []
    with (trial.folder / "output.txt").open("wb") as output:
        try:
            for folder in folders:
                # Appended one by one, so that if a start fails, the earlier ones are killed.
                windows.append(trial.program.start(str(folder), errors=output, variables=trial.variables))  # noqa: PERF401
            yield windows
            _check_running(windows, trial)
            for window in windows:
                window.terminate()
            for window in windows:
                _wait_for_exit(window, trial)
        finally:
            for window in windows:
                _kill(window)


def _wait_for_exit(window: subprocess.Popen[bytes], trial: Trial) -> None:
    expected = (0, 1) if sys.platform == "win32" else (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    try:
        code = window.wait(EXIT_S)
    except subprocess.TimeoutExpired as error:
        raise CheckError(f"A window is still running {EXIT_S:.0f} s after it was asked to exit.") from error
    if code not in expected:
        raise CheckError(f"A window that was asked to exit did so with code {code}.\n{_output(trial)}")
    if sys.platform != "win32":
        deadline = time.monotonic() + EXIT_S
        while _is_group_running(window.pid):
            if time.monotonic() > deadline:
                raise CheckError("A window exited but left a process running.")
            time.sleep(_POLL_S)


def _is_group_running(group: int) -> bool:
    """Return whether a process group still has a process. Not used on Windows."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def _kill(window: subprocess.Popen[bytes]) -> None:
    if sys.platform == "win32":
        window.kill()
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(window.pid, signal.SIGKILL)
    window.wait()


def _wait(condition: Callable[[], bool], what: str, trial: Trial, windows: Sequence[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + WAIT_S
    while not condition():
        _check_running(windows, trial)
        if time.monotonic() > deadline:
            raise CheckError(f"No window {what} within {WAIT_S:.0f} s.\n{_output(trial)}")
        time.sleep(_POLL_S)


def _check_running(windows: Sequence[subprocess.Popen[bytes]], trial: Trial) -> None:
    """Raise CheckError if a start failed, or if no window is left."""
    codes = [window.poll() for window in windows]
    if None not in codes or any(codes):
        raise CheckError(f"The windows exited with codes {codes}.\n{_output(trial)}")


def _output(trial: Trial) -> str:
    logs = [trial.folder / "output.txt", *(trial.folder / "data" / "logs").glob("*.log")]
    return "\n".join(log.read_text(encoding="utf-8", errors="replace")[-2000:] for log in logs if log.is_file()).strip()
