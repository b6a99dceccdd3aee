"""What is dropped on a window: the answer to the program it comes from, and what it means here."""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from PySide6.QtCore import QMimeData, Qt
from PySide6.QtGui import QDropEvent

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.files import display_path
from alpacasorter.core.photos import formats
from alpacasorter.i18n import _
from alpacasorter.ui.widgets.desktop import local_path
from alpacasorter.wording import text

_ARCHIVES: Final = frozenset(
    ("zip", "7z", "rar", "tar", "gz", "tgz", "bz2", "tbz", "xz", "txz", "zst", "cab", "iso", "dmg")
)


@dataclass(frozen=True, slots=True)
class Dropped:
    """What was dropped.

    Attributes:
        folder: the folder to open; None for none.
        photos: dropped photos in it, as paths within it.
        remark: sentences for the user about what can't be opened; may be empty.
    """

    folder: Path | None
    photos: tuple[str, ...]
    remark: str


def offer_copy(event: QDropEvent) -> bool:
    """Answer files or folders that are dragged or dropped here with Copy, and return whether they can be taken.

    Whatever the source suggests: after Move, a file manager would delete what it believes to have been moved. Photos
    dragged out of this program are not taken: they are here already.
    """
    copy = Qt.DropAction.CopyAction
    if event.source() is not None or not event.mimeData().hasUrls() or not event.possibleActions() & copy:
        event.setDropAction(Qt.DropAction.IgnoreAction)
        event.ignore()
        return False
    event.setDropAction(copy)
    event.accept()
    return True


def read(data: QMimeData, *, folders_only: bool = False) -> Dropped:
    """Return what files and folders that were dropped mean: one folder to open, with the photos in it to select.

    Args:
        data: what was dropped.
        folders_only: whether a photo does not stand for its folder.
    """
    remarks: list[str] = []
    folders: list[Path] = []
    photos: list[Path] = []
    elsewhere = False
    for path in map(local_path, data.urls()):
        if path is None:
            elsewhere = True
            continue
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except (OSError, ValueError) as error:
            remarks.append(_why_not(path, error))
            continue
        if is_folder:
            folders.append(path)
        elif folders_only:
            remarks.append(_("{file} is not a folder.").format(file=display_path(path.name)))
        elif path.is_file() and path.suffix[1:].lower() not in _NO_PHOTOS:
            photos.append(path)
        else:
            remarks.append(_no_photo(path))
    folder = folders[0] if folders else photos[0].parent if photos else None
    inside = [path for path in photos if folder is not None and path.is_relative_to(folder)]
    if folder is not None and (set(folders) - {folder} or len(inside) < len(photos)):
        words = _("Only one folder can be opened: {folder}. The others are ignored.")
        remarks.append(words.format(folder=text.folder(folder)))
    if elsewhere:
        remarks.append(_("Only folders and photos on this computer can be opened."))
    names = tuple(str(path.relative_to(folder)) for path in inside if folder is not None)
    return Dropped(folder, names, _few(remarks))


_NO_PHOTOS: Final = formats.VIDEO_EXTENSIONS | formats.OTHER_EXTENSIONS | _ARCHIVES


def _why_not(path: Path, error: OSError | ValueError) -> str:
    name = display_path(path.name or path)
    if isinstance(error, FileNotFoundError | NotADirectoryError | ValueError):
        return _("{file} no longer exists.").format(file=name)
    reason = reasons.sentence(os_errors.for_file(error))
    return _("{file} can't be opened. {reason}").format(file=name, reason=reason)


def _no_photo(path: Path) -> str:
    name = display_path(path.name)
    if path.suffix[1:].lower() in _ARCHIVES:
        return _("{file} is an archive. Unpack it first, and then open the folder.").format(file=name)
    return _("{file} is not a photo.").format(file=name)


_MOST_REMARKS: Final = 3


def _few(remarks: Iterable[str]) -> str:
    """Return the first few different sentences, one per line."""
    different = list(dict.fromkeys(remarks))
    more = [_("More items can't be opened.")] if len(different) > _MOST_REMARKS else []
    return "\n".join([*different[:_MOST_REMARKS], *more])
