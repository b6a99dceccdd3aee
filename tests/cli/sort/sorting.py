"""What the tests of `alpacasorter sort` and `watch` share: photos with labels that the user said, and trees."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Mapping
from pathlib import Path

from alpacasorter import paths
from alpacasorter.core.photos.reading import content_key
from alpacasorter.core.photos.walk import OUTPUT_MARKER
from alpacasorter.core.store.library import Library
from tests.engines import real_bundle
from tests.picture_files import picture_bytes

CPU = ("--device", "cpu")


def library() -> Library:
    """Open the library that the commands use."""
    data = paths.user_data_dir()
    return Library.open(data / "library.sqlite", backups=data / "backups")


def put(path: Path, label: str | None, *, seed: int, size: tuple[int, int] = (96, 64)) -> Path:
    """Write a photo that is unlike any of another seed, and say what it is where a label is given."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = picture_bytes(seed=seed, size=size)
    path.write_bytes(data)
    if label is not None:
        say({content_key(data): label})
    return path


def say(labels: Mapping[str, str]) -> None:
    """Store corrections, by content key."""
    with library() as opened:
        opened.set_corrections(real_bundle().label_set, labels)


def hike(folder: Path, *, alpacas: int = 3, others: int = 2) -> Path:
    """Write photos of both labels: the alpacas with companions, the others in a sub-folder."""
    labels = {}
    for number in range(alpacas + others):
        data = picture_bytes(seed=number, size=(96, 64))
        is_alpaca = number < alpacas
        path = folder / f"IMG_{number}.jpg" if is_alpaca else folder / "day 2" / f"IMG_{number}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        labels[content_key(data)] = "alpaca" if is_alpaca else "not_alpaca"
        if is_alpaca:
            path.with_suffix(".CR3").write_bytes(b"raw %d" % number)
            path.with_suffix(".xmp").write_text(f"<x:xmpmeta {number}/>", encoding="utf-8")
    (folder / "diary.txt").write_text("no photo", encoding="utf-8")
    say(labels)
    return folder


def tree(folder: Path) -> dict[str, str]:
    """Return what lies below a folder: by relative path the kind, the hash of the bytes and the time of change."""
    found = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        name = os.fsencode(path.relative_to(folder)).decode("utf-8", "backslashreplace")
        if stat.S_ISLNK(status.st_mode):
            found[name] = f"link to {path.readlink()}"
        elif stat.S_ISDIR(status.st_mode):
            found[name] = "folder"
        else:
            found[name] = f"{hashlib.sha256(path.read_bytes()).hexdigest()} {status.st_mtime_ns}"
    return found


def names(folder: Path) -> set[str]:
    """Return the relative paths of the files below a folder, but for the app's own marks."""
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if not path.is_dir() and path.name != OUTPUT_MARKER
    }
