"""Finds the classes in a dataset folder, and how many photos each has, in the background."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import usual_positive
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.i18n import _
from alpacasorter.training.requirements import not_two_classes

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ClassFolders:
    """The contents of a dataset folder.

    Attributes:
        folder: the folder.
        classes: name and number of photos of each subfolder, sorted by name; photos in deeper folders count too.
        problem: why it can't be trained on, a sentence for the user; empty if it can.
    """

    folder: Path
    classes: tuple[tuple[str, int], ...] = ()
    problem: str = ""

    @property
    def usual_positive(self) -> str:
        """The positive class unless another is chosen."""
        names = [name for name, _photos in self.classes]
        return usual_positive(names) if names else ""


def count_classes(
    folder: Path, stopped: Callable[[], bool] = lambda: False, exclusion: Exclusion = NOTHING
) -> ClassFolders:
    """Return the classes in a dataset folder.

    Args:
        folder: the folder.
        stopped: tells whether the result is no longer wanted; it may be incomplete then.
        exclusion: what the user leaves out.
    """
    from alpacasorter.core.photos.walk import FolderUnavailable, class_folders, rooted, walk

    try:
        names = class_folders(folder, exclusion)
    except OSError:
        return ClassFolders(folder, problem=_("This folder can't be opened. Choose another one."))
    if len(names) != 2:
        return ClassFolders(folder, tuple((name, 0) for name in names), not_two_classes(names))
    classes = []
    for name in names:
        try:
            photos = walk(folder / name, recursive=True, stopped=stopped, exclusion=rooted(exclusion, folder))
        except FolderUnavailable as error:
            problem = _("The subfolder “{folder}” can't be read. {reason}").format(
                folder=display_path(name), reason=reasons.sentence(error.reason)
            )
            return ClassFolders(folder, problem=problem)
        classes.append((name, sum(isinstance(event, PhotoFile) for event in photos)))
    empty = [display_path(name) for name, photos in classes if photos == 0]
    problem = ""
    single = [display_path(name) for name, photos in classes if photos == 1]
    if len(empty) == 2:
        problem = _("There are no photos in the two subfolders.")
    elif empty:
        problem = _("There are no photos in “{folder}”. Add some: a model learns from both classes.").format(
            folder=empty[0]
        )
    elif single:
        problem = _(
            "There is only one photo in “{folder}”. It takes two, one to learn from and one to test on."
        ).format(folder=single[0])
    return ClassFolders(folder, tuple(classes), problem)


class ClassCounter(QObject):
    """Counts the photos of one dataset folder at a time on a thread; only the latest request counts.

    Attributes:
        exclusion: what the user leaves out; to be set before the first request.

    Signals:
        counted(ClassFolders): the classes in the folder requested last.
    """

    counted = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        """Prepare; the thread starts with the first request."""
        super().__init__(parent)
        self.exclusion = NOTHING
        self._wanted: Path | None = None
        self._stale = False
        self._closed = False
        self._condition = threading.Condition()
        self._thread: threading.Thread | None = None

    def request(self, folder: Path) -> None:
        """Count this folder instead of any requested before; `counted` follows."""
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
                found = count_classes(folder, lambda: self._stale, self.exclusion)
            except Exception as error:  # noqa: BLE001  # the thread must live on for the next folder
                _log.warning("The classes in %s can't be counted: %r", display_path(folder), error)
                found = ClassFolders(folder, problem=_("This folder can't be opened. Choose another one."))
            if not self._stale:
                self.counted.emit(found)
