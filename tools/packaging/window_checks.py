"""Starts the frozen program's window twice: one after another, and at the very same moment."""

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
"""For what takes a second or two."""
END_S: Final = 30.0
"""For a window that was asked to end, and all that it started."""
SECOND_START_S: Final = 20.0
"""A second start that is still there has not been answered, and has opened a window of its own."""

_PIPES: Final = r"\\.\pipe" + "\\"
_ADDRESS: Final = "alpacasorter-"
_POLL_S: Final = 0.05


@dataclass(frozen=True, slots=True)
class Place:
    """Where the windows of one trial keep everything; nothing of it is there at first but the folder for sockets.

    Attributes:
        program: the program.
        folder: of all that the windows write.
        photos: the folders to open, each with pictures that the other one has not.
    """

    program: Program
    folder: Path
    photos: tuple[Path, Path]

    @property
    def variables(self) -> dict[str, str]:
        """The variables that all starts share."""
        return {
            "QT_QPA_PLATFORM": "offscreen",
            "XDG_RUNTIME_DIR": str(self.folder / "run"),
            "ALPACASORTER_DATA_DIR": str(self.folder / "data"),
            "ALPACASORTER_CACHE_DIR": str(self.folder / "cache"),
        }

    def listens(self) -> bool:
        """Tell whether a window can be asked by later starts."""
        names = os.listdir(_PIPES) if sys.platform == "win32" else os.listdir(self.folder / "run")  # noqa: PTH208
        return any(name.startswith(_ADDRESS) and not name.endswith(".lock") for name in names)

    def opened(self) -> set[Path]:
        """Return the folders that windows have opened, as the library remembers them."""
        rows = _rows(self.folder / "data" / "library.sqlite", "SELECT path FROM recent_folders")
        return {Path(os.fsdecode(path)) for (path,) in rows}

    def judged(self) -> int:
        """Return how many different pictures have been judged."""
        return len(_rows(self.folder / "cache" / "cache.sqlite", "SELECT DISTINCT content_id FROM embeddings"))


def _rows(file: Path, statement: str) -> list[tuple[bytes]]:
    """Read from a database that windows are writing to; none where they have not got so far."""
    if not file.is_file():
        return []
    try:
        with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True, timeout=1)) as connection:
            return connection.execute(statement).fetchall()
    except sqlite3.OperationalError:
        return []


def try_two_starts(program: Program, pictures: Path) -> list[str]:
    """Start a window twice in each way; return a line for each.

    Args:
        program: the program.
        pictures: a folder of at least two different pictures.

    Raises:
        CheckError: a start ends in another way than it should, a folder is not opened, or a process stays behind.
    """
    return [_one_after_another(_place(program, pictures, "in turn")), _at_once(_place(program, pictures, "at once"))]


def _place(program: Program, pictures: Path, name: str) -> Place:
    folder = program.work / f"windows {name}"
    photos = (folder / "first ä", folder / "second ラマ")
    for path in (folder, folder / "run", *photos):
        path.mkdir(mode=0o700)
        program.own(path)
    for number, picture in enumerate(sorted(pictures.iterdir())):
        copy = Path(shutil.copy2(picture, photos[number % 2]))
        program.own(copy)
    return Place(program, folder, photos)


def _one_after_another(place: Place) -> str:
    first, second = place.photos
    with _windows(place, [first]) as (window,):
        _wait(lambda: place.listens() and first in place.opened(), f"to open {first} and to listen", place, [window])
        _wait(lambda: place.judged() >= _count([first]), "to judge the first folder", place, [window])
        seconds = _start_again(place, second)
        # Only the first one is there to do it.
        _wait(lambda: second in place.opened(), f"to open {second}, which it was handed", place, [window])
        _wait(lambda: place.judged() >= _count(place.photos), "to judge the second folder", place, [window])
    return f"a second start: gone after {seconds:.2f} s, its folder opened and judged in the first window"


def _start_again(place: Place, photos: Path) -> float:
    """Return the seconds after which a start is gone because it has handed its folder to the window that is open."""
    started = time.monotonic()
    with (place.folder / "said by the second.txt").open("w+b") as said:
        start = place.program.start(str(photos), errors=said, variables=place.variables)
        try:
            code = start.wait(SECOND_START_S)
        except subprocess.TimeoutExpired as error:
            raise CheckError(f"The second start is still there after {SECOND_START_S:.0f} s.") from error
        finally:
            _kill(start)
        seconds = time.monotonic() - started
        said.seek(0)
        if code:
            raise CheckError(f"The second start ended with {code}.\n{said.read().decode(errors='replace')[-2000:]}")
    return seconds


def _at_once(place: Place) -> str:
    with _windows(place, place.photos) as windows:

        def wanted() -> list[Path]:
            # The window that was handed a folder may not have begun with its own one.
            handed = [photos for photos, window in zip(place.photos, windows, strict=True) if window.poll() == 0]
            return handed or list(place.photos)

        _wait(place.listens, "to listen", place, windows)
        _wait(lambda: place.opened() >= set(wanted()), "to open the folders", place, windows)
        _wait(lambda: place.judged() >= _count(wanted()), "to judge the folders", place, windows)
        alive = sum(window.poll() is None for window in windows)
    found = "one window, which opened the folder it was handed" if alive == 1 else "two windows, each with its folder"
    return f"two starts at once: {found}"


def _count(folders: Iterable[Path]) -> int:
    return sum(len(list(folder.iterdir())) for folder in folders)


@contextmanager
def _windows(place: Place, folders: Sequence[Path]) -> Iterator[list[subprocess.Popen[bytes]]]:
    """Start a window for each folder, and end them as a desktop does at its own end.

    Raises:
        CheckError: one has ended in another way by then, or does not end, or leaves a process behind.
    """
    windows: list[subprocess.Popen[bytes]] = []
    with (place.folder / "said.txt").open("wb") as said:
        try:
            for folder in folders:
                # One by one: where a start fails, those before it are ended.
                windows.append(place.program.start(str(folder), errors=said, variables=place.variables))  # noqa: PERF401
            yield windows
            _check(windows, place)
            for window in windows:
                window.terminate()
            for window in windows:
                _end(window, place)
        finally:
            for window in windows:
                _kill(window)


def _end(window: subprocess.Popen[bytes], place: Place) -> None:
    by_signal = (0, 1) if sys.platform == "win32" else (0, -signal.SIGTERM, 128 + signal.SIGTERM)
    try:
        code = window.wait(END_S)
    except subprocess.TimeoutExpired as error:
        raise CheckError(f"A window that was asked to end goes on after {END_S:.0f} s.") from error
    if code not in by_signal:
        raise CheckError(f"A window that was asked to end ended with {code}.\n{_said(place)}")
    if sys.platform != "win32":
        until = time.monotonic() + END_S
        while _is_left(window.pid):
            if time.monotonic() > until:
                raise CheckError("A window that has ended left a process behind.")
            time.sleep(_POLL_S)


def _is_left(group: int) -> bool:
    """Tell whether anything that a process started is still there, itself included; not asked on Windows."""
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


def _wait(condition: Callable[[], bool], what: str, place: Place, windows: Sequence[subprocess.Popen[bytes]]) -> None:
    until = time.monotonic() + WAIT_S
    while not condition():
        _check(windows, place)
        if time.monotonic() > until:
            raise CheckError(f"There was no window {what} within {WAIT_S:.0f} s.\n{_said(place)}")
        time.sleep(_POLL_S)


def _check(windows: Sequence[subprocess.Popen[bytes]], place: Place) -> None:
    """Raise CheckError where a start failed, or nobody is left to show what was asked for."""
    codes = [window.poll() for window in windows]
    if None not in codes or any(codes):
        raise CheckError(f"The windows ended with {codes}.\n{_said(place)}")


def _said(place: Place) -> str:
    logs = [place.folder / "said.txt", *(place.folder / "data" / "logs").glob("*.log")]
    return "\n".join(log.read_text(encoding="utf-8", errors="replace")[-2000:] for log in logs if log.is_file()).strip()
