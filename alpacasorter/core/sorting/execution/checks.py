"""Checks a file just before it is moved, copied, linked or restored: everything must be as the plan or sort left it.

A file that passes becomes a `FileJob`.
"""

from __future__ import annotations

import errno
import os
import re
import stat
from functools import partial
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import is_same, is_second_name, links_to, look
from alpacasorter.core.safe_write import FIRST
from alpacasorter.core.sorting.events import SortRecord
from alpacasorter.core.sorting.execution.copying import digest_of, sync_names
from alpacasorter.core.sorting.execution.errors import FileFault, folder_gone, reading, removing, writing
from alpacasorter.core.sorting.execution.jobs import FileJob, job_of
from alpacasorter.core.sorting.execution.transfer import TransferKind
from alpacasorter.core.sorting.journal import Step
from alpacasorter.core.sorting.options import Action

DRIVES: Final = [re.compile(pattern) for pattern in (r"/", r"/mnt", r"(/run)?/media(/[^/]+)?", r"/Volumes")]
"""Folders in which systems keep one folder for each drive, and remove it together with the drive."""

SMALL: Final = 1 << 20
"""Bytes up to which a companion is hashed before it is moved. Programs rewrite sidecars without changing them; its
hash still identifies such a file when the sort is undone."""

_EFFECTIVE: Final = {"effective_ids": True} if os.access in os.supports_effective_ids else {}


class Unneeded(Exception):
    """There is nothing to undo: the copy or link no longer exists."""


class PartOfUnit(FileFault):
    """A file can't be restored, so its companions are left with it."""


def forward_job(uid: bytes, record: SortRecord, step: Step) -> FileJob:
    """Return the job that moves, copies or links a file to its target.

    Raises:
        FileFault: it is not as planned.
        Halt: the sort has to stop for now.
    """
    with reading(step.source):
        status = step.source.lstat()
        if stat.S_ISLNK(status.st_mode):
            if record.action is Action.MOVE:
                raise FileFault(reasons.IS_LINK)
            status = step.source.stat()
    if not stat.S_ISREG(status.st_mode):
        raise FileFault(reasons.SORT_NOT_REGULAR)
    if (status.st_size, status.st_mtime_ns) != (step.size, step.mtime_ns):
        raise FileFault(reasons.CHANGED)
    _check_free(step.target, reasons.TAKEN)
    with writing(step.target):
        folder = step.target.parent.stat()
        if not stat.S_ISDIR(folder.st_mode):
            raise NotADirectoryError
    if step.digest is None and step.size <= SMALL:
        with reading(step.source):
            step.digest = digest_of(step.source)
    kind = TransferKind(record.action.value)
    step.mode = stat.S_IMODE(status.st_mode)
    step.placed_mtime_ns = None
    if kind in (TransferKind.HARDLINK, TransferKind.SYMLINK):
        with reading(step.source):
            step.real = step.source.resolve(strict=True)
    if kind is TransferKind.HARDLINK and status.st_dev != folder.st_dev:
        raise FileFault(reasons.LINK_ACROSS_DISKS)
    if kind is TransferKind.MOVE:
        check_may_leave(step.source)
        if status.st_dev != folder.st_dev:
            kind = TransferKind.CARRY
    step.way = f"{kind}/{FIRST}"
    return job_of(uid, record.action, step, back=False)


def backward_job(uid: bytes, record: SortRecord, step: Step, because: str | None = None) -> FileJob:
    """Return the job that undoes a step. Creates the folder that the file came from again if that is gone.

    Args:
        uid: identifies the sort.
        record: of the sort.
        step: what is undone.
        because: why this step alone is undone while the sort goes on; None where the whole sort is undone.

    Raises:
        Unneeded: it is a copy or link that no longer exists.
        PartOfUnit: it can't be undone, and its companions should stay, too.
        FileFault: it can't be undone.
        Halt: the sort has to stop for now.
    """
    with reading(step.target):
        there = look(step.target)
    if record.action is not Action.MOVE:
        if there is None:
            raise Unneeded
        _check_may_go(record.action, step, there)
        check_may_leave(step.target)
        job = job_of(uid, record.action, step, back=True, because=because)
        # Others of its batch are handled first, and this may no longer hold by then.
        job.check = partial(_check_may_go_now, record.action, step)
        return job
    if there is None:
        raise FileFault(reasons.GONE_THERE)
    _check_unchanged(step, there)
    with reading(step.source):
        if look(step.source) is not None:
            raise PartOfUnit(reasons.PLACE_TAKEN)
    _make_folder_again(step.source.parent, record.folder)
    with writing(step.source):
        folder = step.source.parent.stat()
    check_may_leave(step.target)
    step.placed_mtime_ns = there.st_mtime_ns
    kind = TransferKind.MOVE if folder.st_dev == there.st_dev else TransferKind.CARRY
    step.way = f"{kind}/{FIRST}"
    return job_of(uid, record.action, step, back=True, because=because)


def check_folders_there(record: SortRecord) -> None:
    """Raise Halt if a folder that all files depend on is gone: its drive may not be connected."""
    for folder in (record.folder, record.destination):
        if not folder.is_dir():
            raise folder_gone(folder)


def check_disk_there(folder: Path) -> None:
    """Raise Halt if a folder is gone because its drive seems to be disconnected."""
    if folder.is_dir():
        return
    near = next((parent for parent in folder.parents if parent.is_dir()), None)
    if near is None or any(pattern.fullmatch(near.as_posix()) for pattern in DRIVES):
        raise folder_gone(folder)


def _check_free(path: Path, reason: str) -> None:
    with writing(path):
        if look(path) is not None:
            raise FileFault(reason)


def check_may_leave(path: Path) -> None:
    """Check that a name may be removed from its folder; on Windows only trying tells."""
    if os.name == "posix" and not os.access(path.parent, os.W_OK | os.X_OK, **_EFFECTIVE):
        with removing(path):
            if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
                raise OSError(errno.EROFS, os.strerror(errno.EROFS))
            raise PermissionError


def _check_unchanged(step: Step, there: os.stat_result) -> None:
    """Check that the file at the target is the one that was put there, with the same bytes."""
    if not stat.S_ISREG(there.st_mode) or there.st_size != step.size:
        raise PartOfUnit(reasons.CHANGED_THERE)
    if there.st_mtime_ns == step.placed_mtime_ns:
        return
    if step.digest is None:
        raise PartOfUnit(reasons.CHANGED_THERE)
    with reading(step.target):
        if digest_of(step.target) != step.digest:
            raise PartOfUnit(reasons.CHANGED_THERE)


def _check_may_go_now(action: Action, step: Step) -> None:
    with reading(step.target):
        there = look(step.target)
    if there is not None:
        _check_may_go(action, step, there)


def _check_may_go(action: Action, step: Step, there: os.stat_result) -> None:
    """Check that a copy or link may be deleted: it is unchanged, and what it was made from still exists."""
    if action is Action.SYMLINK:
        if not stat.S_ISLNK(there.st_mode) or step.real is None or not links_to(step.target, step.real):
            raise PartOfUnit(reasons.CHANGED_THERE)
        return
    with reading(step.source):
        try:
            original = step.source.stat()
        except (FileNotFoundError, NotADirectoryError):
            raise PartOfUnit(reasons.ORIGINAL_GONE) from None
        if is_same(original, there):
            # Programs that remove duplicates turn them into links: then this may be the only copy.
            if not is_second_name(step.source, step.target):
                raise PartOfUnit(reasons.ORIGINAL_GONE)
            return
        if action is Action.HARDLINK:
            if not stat.S_ISREG(there.st_mode) or there.st_nlink < 2:
                raise PartOfUnit(reasons.ORIGINAL_CHANGED)
            return
        _check_unchanged(step, there)
        if original.st_size == step.size and original.st_mtime_ns == step.mtime_ns:
            return
        if original.st_size != step.size or step.digest is None or digest_of(step.source) != step.digest:
            raise PartOfUnit(reasons.ORIGINAL_CHANGED)


def _make_folder_again(folder: Path, root: Path) -> None:
    """Create the folder that a file came from if it is gone, but not if its drive seems to be disconnected."""
    if folder.is_dir():
        return
    check_disk_there(root)
    made = [folder, *(parent for parent in folder.parents if not parent.is_dir())]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for path in made:
        sync_names(path.parent)
