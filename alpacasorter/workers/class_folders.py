"""Looks into a dataset folder in the background: which classes there are, and how many photos each has."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QObject, Signal

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import usual_positive
from alpacasorter.core.photo import PhotoFile

_log = logging.getLogger(__name__)

_NAMED: Final = 4
"""Folders named at most in a sentence."""


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """What a dataset folder holds.

    Attributes:
        folder: the folder.
        classes: name and number of photos of each sub-folder, in the order of their names; those below a sub-folder
            count too.
        problem: why it can't be trained on, a sentence for the user; empty where it can.
    """

    folder: Path
    classes: tuple[tuple[str, int], ...] = ()
    problem: str = ""

    @property
    def usual_positive(self) -> str:
        """The class that is looked for unless another is asked for."""
        names = [name for name, _ in self.classes]
        return usual_positive(names) if names else ""


def look_into(folder: Path, stopped: Callable[[], bool] = lambda: False) -> ClassFolders:
    """Count the photos of each class of a dataset folder."""
    from alpacasorter.core.photos.walk import FolderUnavailable, walk

    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name[0] != "." and entry.is_dir())
    except OSError:
        return ClassFolders(folder, problem="This folder can't be opened. Choose another one.")
    if len(names) != 2:
        return ClassFolders(folder, tuple((name, 0) for name in names), _not_two(names))
    classes = []
    for name in names:
        try:
            photos = walk(folder / name, recursive=True, stopped=stopped)
        except FolderUnavailable as error:
            return ClassFolders(
                folder, problem=f"The sub-folder “{display_path(name)}” can't be read. {reasons.sentence(error.reason)}"
            )
        classes.append((name, sum(isinstance(event, PhotoFile) for event in photos)))
    empty = [display_path(name) for name, photos in classes if photos == 0]
    problem = ""
    lonely = [display_path(name) for name, photos in classes if photos == 1]
    if len(empty) == 2:
        problem = "There are no photos in the two sub-folders."
    elif empty:
        problem = f"There are no photos in “{empty[0]}”. Put some into it: a model learns from both kinds."
    elif lonely:
        problem = f"There is only one photo in “{lonely[0]}”. It takes two, one to learn from and one to test on."
    return ClassFolders(folder, tuple(classes), problem)


def _not_two(names: list[str]) -> str:
    if not names:
        return (
            "There are no sub-folders in this folder. Put the photos of each kind into a sub-folder of its own, "
            "such as “alpaca” and “not_alpaca”."
        )
    if len(names) == 1:
        return (
            f"There is only one sub-folder, “{display_path(names[0])}”. A model needs a second one with photos of "
            "what it shall tell apart from it."
        )
    shown = ", ".join(f"“{display_path(name)}”" for name in names[:_NAMED])
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return (
        f"There are {len(names)} sub-folders: {shown}{more}. A model tells two kinds apart, "
        "so there must be two sub-folders."
    )


class ClassCounter(QObject):
    """Looks into one folder at a time on a thread of its own; only the latest request counts.

    Signals:
        counted(ClassFolders): what is in the folder asked for last.
    """

    counted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        """Prepare; the thread starts with the first request."""
        super().__init__(parent)
        self._wanted: Path | None = None
        self._stale = False
        self._closed = False
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None

    def request(self, folder: Path) -> None:
        """Look into this folder instead of any asked for before; `counted` follows."""
        with self._condition:
            if self._closed:
                return
            self._wanted, self._stale = folder, True
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="class-folders")
                self._thread.start()
            self._condition.notify()

    def close(self) -> None:
        """End the thread; blocks until then, which is at most the listing of one folder."""
        with self._condition:
            self._closed = self._stale = True
            self._condition.notify()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self) -> None:
        while True:
            with self._condition:
                while self._wanted is None and not self._closed:
                    self._condition.wait()
                if self._closed or self._wanted is None:
                    return
                folder, self._wanted, self._stale = self._wanted, None, False
            try:
                found = look_into(folder, lambda: self._stale)
            except Exception as error:  # noqa: BLE001  # the thread must live on for the next folder
                _log.warning("%s can't be looked into: %r", display_path(folder), error)
                found = ClassFolders(folder, problem="This folder can't be opened. Choose another one.")
            if not self._stale:
                self.counted.emit(found)
