"""Looks at a file just before something is done with it: whether all is as the plan, or the sort, left it."""

from __future__ import annotations

import os
import re
import stat
from functools import partial
from pathlib import Path
from typing import Final

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path, is_same, is_second_name, links_to, look
from alpacasorter.core.safe_write import FIRST
from alpacasorter.core.sorting.events import SortRecord
from alpacasorter.core.sorting.execution.copying import digest_of, sync_names
from alpacasorter.core.sorting.execution.errors import FileFault, Halt, folder_gone, reading, removing, writing
from alpacasorter.core.sorting.execution.jobs import Job, job_of
from alpacasorter.core.sorting.execution.transfer import Kind
from alpacasorter.core.sorting.journal import Step
from alpacasorter.core.sorting.options import Action

DRIVES: Final = [re.compile(pattern) for pattern in (r"/", r"/mnt", r"(/run)?/media(/[^/]+)?", r"/Volumes")]
"""Folders in which systems put one folder for each drive, and take it away with the drive."""

SMALL: Final = 1 << 20
"""Bytes up to which a companion is read before it is moved. Programs write sidecars anew without changing them; with
its hash such a one is known again when the sort is undone."""

_EFFECTIVE: Final = {"effective_ids": True} if os.access in os.supports_effective_ids else {}


class Unneeded(Exception):
    """There is nothing left to take back: the copy or link is gone already."""


class PartOfUnit(FileFault):
    """A file can't be taken back, and its companions are left with it."""


def forward_job(uid: bytes, record: SortRecord, step: Step) -> Job:
    """Return the job that puts a file in its place.

    Raises:
        FileFault: it is not as planned.
        Halt: nothing can be done for now.
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
    kind = Kind(record.action.value)
    step.mode = stat.S_IMODE(status.st_mode)
    step.placed_mtime_ns = None
    if kind in (Kind.HARDLINK, Kind.SYMLINK):
        with reading(step.source):
            step.real = step.source.resolve(strict=True)
    if kind is Kind.HARDLINK and status.st_dev != folder.st_dev:
        raise FileFault(reasons.LINK_ACROSS_DISKS)
    if kind is Kind.MOVE:
        _check_may_leave(step.source)
        if status.st_dev != folder.st_dev:
            kind = Kind.CARRY
    step.way = f"{kind}/{FIRST}"
    return job_of(uid, record.action, step, back=False)


def backward_job(uid: bytes, record: SortRecord, step: Step, because: str | None = None) -> Job:
    """Return the job that takes a file back. Makes the folder it came from again where that is gone.

    Args:
        uid, record, step: what is taken back.
        because: why, where the sort as a whole goes on.

    Raises:
        Unneeded: it is a copy or link that is not there any more.
        PartOfUnit: it can't be taken back, and then its companions should stay, too.
        FileFault: it can't be taken back.
        Halt: nothing can be done for now.
    """
    with reading(step.target):
        there = look(step.target)
    if record.action is not Action.MOVE:
        if there is None:
            raise Unneeded
        _check_may_go(record.action, step, there)
        _check_may_leave(step.target)
        job = job_of(uid, record.action, step, back=True, because=because)
        # Others of its batch go before it, and time passes: what was the case may not be any more.
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
    _check_may_leave(step.target)
    step.placed_mtime_ns = there.st_mtime_ns
    kind = Kind.MOVE if folder.st_dev == there.st_dev else Kind.CARRY
    step.way = f"{kind}/{FIRST}"
    return job_of(uid, record.action, step, back=True, because=because)


def check_folders_there(record: SortRecord) -> None:
    """Raise Halt where a folder that all files depend on is gone: its drive may not be connected."""
    for folder in (record.folder, record.destination):
        if not folder.is_dir():
            raise folder_gone(folder)


def check_disk_there(folder: Path) -> None:
    """Raise Halt where a folder is gone because the drive it is on seems not to be connected."""
    if folder.is_dir():
        return
    near = next((parent for parent in folder.parents if parent.is_dir()), None)
    if near is None or any(pattern.fullmatch(near.as_posix()) for pattern in DRIVES):
        raise folder_gone(folder)


def _check_free(path: Path, reason: str) -> None:
    with writing(path):
        if look(path) is not None:
            raise FileFault(reason)


def _check_may_leave(path: Path) -> None:
    """Check that a name may be taken away; on Windows only trying tells."""
    if os.name == "posix" and not os.access(path.parent, os.W_OK | os.X_OK, **_EFFECTIVE):
        with removing(path):
            if os.statvfs(path.parent).f_flag & os.ST_RDONLY:
                raise Halt(
                    f"The disk with {display_path(path.parent)} can only be read. Make it writable, then finish the"
                    " sort or roll it back."
                )
            raise PermissionError


def _check_unchanged(step: Step, there: os.stat_result) -> None:
    """Check that the file at the target is the one that was put there, with the bytes it had."""
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
    """Check that a copy or link may be deleted: it is as it was made, and what it was made from is there."""
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
            # Whoever looks for duplicates makes links of them: then this may be all there is.
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
    """Make the folder that a file came from, if it is gone. Not where the drive it was on seems to be."""
    if folder.is_dir():
        return
    check_disk_there(root)
    made = [folder, *(parent for parent in folder.parents if not parent.is_dir())]
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
    for path in made:
        sync_names(path.parent)
