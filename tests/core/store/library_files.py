"""Library files in every state that a test needs: full, killed in the middle, damaged."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from alpacasorter.core.store.library import HeadVersion, Library

ROOT = Path(__file__).resolve().parents[2]
CLASSES = "alpaca|not_alpaca"
PAGE = 4096


def key(number: int) -> str:
    """Return a content key."""
    return hashlib.sha256(str(number).encode()).hexdigest()


def keys(start: int, stop: int) -> list[str]:
    """Return content keys."""
    return [key(number) for number in range(start, stop)]


def labels(library: Library, label_set: str = CLASSES) -> dict[str, str]:
    """Return the label of each corrected photo."""
    return {found: correction.label for found, correction in library.corrections(label_set).items()}


def labels_in(path: Path) -> dict[str, str]:
    """Return the label of each corrected photo in the library at `path`."""
    with Library.open(path) as library:
        return labels(library)


def head(bundle: str, corrections: int, **measured: float) -> HeadVersion:
    """Return a learned head that is not stored yet."""
    weights = np.arange(1280, dtype="<f8") + corrections
    return HeadVersion(
        None, bundle, "2026-05-03T10:00:00+00:00", corrections, "digest", weights.tobytes(), -0.25, measured
    )


def run_child(script: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a Python script in a separate process that can use the helpers of this module."""
    head = f"import sys\nsys.path[:0] = [{str(ROOT)!r}, {str(Path(__file__).parent)!r}]\n"
    head += "from library_files import *\nfrom pathlib import Path\n"
    head += "from alpacasorter.core.store.library import Library, LibraryError\n"
    command = [sys.executable, "-c", head + script, *map(os.fspath, map(str, arguments))]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def die() -> None:
    """End this process as a crash or a power cut would: nothing is closed, nothing is flushed."""
    sys.stdout.flush()
    os.kill(os.getpid(), signal.SIGKILL if os.name == "posix" else signal.SIGTERM)


def log_of(path: Path) -> Path:
    """Return the write-ahead log of a library."""
    return path.with_name(path.name + "-wal")


def copies_of(path: Path) -> tuple[Path, Path]:
    """Return the two files of the second copy of a library."""
    return path.with_suffix(".journal"), path.with_suffix(".journal-2")


def without_second_copy(path: Path) -> None:
    """Make a library one of an app that did not write a second copy yet."""
    for file in copies_of(path):
        file.unlink()


def overwrite(path: Path, at: int, noise: bytes) -> None:
    """Write noise into the middle of a file."""
    with path.open("rb+") as file:
        file.seek(at)
        file.write(noise)


def pages_with(path: Path, needle: bytes) -> list[int]:
    """Return the numbers, from 0, of the table leaves in which `needle` occurs."""
    data = path.read_bytes()
    starts = range(0, len(data), PAGE)
    return [at // PAGE for at in starts if data[at] == 0x0D and needle in data[at : at + PAGE]]


def cut_to_a_few_bytes(path: Path) -> None:
    """Leave so little of a file that it has no header."""
    os.truncate(path, 50)


def emptied(path: Path) -> None:
    """Leave a file without content."""
    os.truncate(path, 0)


def removed(path: Path) -> None:
    """Delete a file."""
    path.unlink()


def put_in_the_way(there: Path, kind: str) -> None:
    """Put a folder, a pipe or a dangling link where a file belongs; skips the test if the system has no such thing."""
    if kind == "folder":
        (there / "inside").mkdir(parents=True)
    elif os.name != "posix":
        pytest.skip("no such files on this platform")
    elif kind == "pipe":
        os.mkfifo(there)
    else:
        there.symlink_to(there.parent / "nowhere" / "at all")
