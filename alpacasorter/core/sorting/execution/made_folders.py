"""Creates the folders of a plan, marked as the app's own output, and removes the ones that it created."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Collection
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path, flush, look
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.sorting.execution.copying import sync_names
from alpacasorter.core.sorting.execution.errors import FileFault, Halt, writing
from alpacasorter.core.sorting.journal import Folder, FolderState, Journal

# Not to be reworded: a marker is removed only if it says exactly this, and earlier versions wrote these words.
MARKER_TEXT: Final = (
    "AlpacaSorter sorted photos into this folder, so it does not scan it again together with the folder above.\n"
    "Delete this file if it should.\n"
)

_OURS: Final = frozenset((FolderState.STARTED, FolderState.MADE))


def make_folders(journal: Journal, uid: bytes) -> None:
    """Create the missing folders of a sort, parents first; one that another program creates meanwhile is not ours.

    Raises:
        Halt: one can't be created.
        LibraryError, SortError: the journal can't be written.
    """
    folders = journal.folders(uid)
    missing: list[Folder] = []
    before = [folder.state for folder in folders]
    for folder in folders:
        with writing(folder.path):
            there = look(folder.path)
        if there is None:
            folder.state = FolderState.STARTED
            missing.append(folder)
        elif folder.state not in _OURS:
            folder.state = FolderState.FOREIGN
    journal.mark_folders(uid, [folder for folder, was in zip(folders, before, strict=True) if folder.state is not was])
    for folder in missing:
        _make(folder.path)
    for folder in folders:
        if folder.state in _OURS and folder.marked:
            _write_marker(folder.path)
    ours = [folder for folder in folders if folder.state is FolderState.STARTED]
    for place in {path for folder in ours for path in (folder.path, folder.path.parent)}:
        sync_names(place)
    for folder in ours:
        folder.state = FolderState.MADE
    journal.mark_folders(uid, ours)


def remove_folders(journal: Journal, uid: bytes, emptied: Collection[Path]) -> None:
    """Remove the folders that a sort created and that hold nothing but their marker.

    Args:
        journal: holds the sort.
        uid: identifies the sort.
        emptied: folders that files were just taken out of. One of them may have been removed before, and created
            again when a later sort was undone.

    Raises:
        LibraryError, SortError: the journal can't be written.
    """
    left = {parent for folder in emptied for parent in (folder, *folder.parents)}
    folders = [
        folder
        for folder in journal.folders(uid)
        if folder.state in _OURS or (folder.state is FolderState.REMOVED and folder.path in left)
    ]
    gone = []
    for folder in reversed(folders):
        with contextlib.suppress(OSError):
            if look(folder.path) is not None:
                _remove(folder.path)
                with contextlib.suppress(Halt):
                    sync_names(folder.path.parent)
            folder.state = FolderState.REMOVED
            gone.append(folder)
    journal.mark_folders(uid, gone)


def _make(path: Path) -> None:
    try:
        with writing(path):
            path.mkdir()
    except FileFault as fault:
        raise Halt(reasons.code(reasons.FOLDER_NOT_MADE, folder=display_path(path), why=str(fault))) from fault


def _write_marker(folder: Path) -> None:
    marker = folder / OUTPUT_MARKER
    try:
        with writing(marker):
            handle = os.open(marker, os.O_CREAT | os.O_EXCL | os.O_WRONLY | getattr(os, "O_BINARY", 0), 0o644)
            try:
                os.write(handle, MARKER_TEXT.encode())
                flush(handle)
            finally:
                os.close(handle)
    except FileFault as fault:
        if not os.path.lexists(marker):
            reason = reasons.code(reasons.FOLDER_NOT_WRITTEN, folder=display_path(folder), why=str(fault))
            raise Halt(reason) from fault


def _remove(folder: Path) -> None:
    """Remove a folder; raises OSError if anything but our marker is in it."""
    marker = folder / OUTPUT_MARKER
    if os.listdir(folder) == [OUTPUT_MARKER] and _is_ours(marker):  # noqa: PTH208  # one list, no paths
        marker.unlink()
    folder.rmdir()


def _is_ours(marker: Path) -> bool:
    """Return whether a marker is unchanged, or was only partly written when the app ended."""
    return stat.S_ISREG(marker.lstat().st_mode) and MARKER_TEXT.encode().startswith(marker.read_bytes())
