"""What becomes of a built folder: the list of what is large in it, the archive, and the hashes beside it.

The same folder gives the same archive: names in order, one date, no owners, and nothing else of the machine.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import os
import platform
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections import deque
from collections.abc import Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Final

MB: Final = 1_000_000
_LEVEL: Final = 6
_BLOCK: Final = 1 << 25
_OLDEST_IN_ZIP: Final = 315532800  # 1 January 1980
_UNIX: Final = 3


def commit_time(root: Path) -> int:
    """Return the date that everything in the archive gets, in seconds: SOURCE_DATE_EPOCH, or that of the commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    command = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        told = ""
    return int(told or time.time())


def system_name() -> str:
    """Return the system and processor in the archive's name, such as linux-x86_64."""
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")
    machine = platform.machine().lower()
    return f"{system}-{'x86_64' if machine == 'amd64' else machine}"


def files_of(folder: Path) -> list[Path]:
    """Return everything in a folder, folders and links included, in the order of its names."""
    return sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix())


def sizes(folder: Path) -> list[tuple[int, str]]:
    """Return bytes and name of each file in a folder, the largest first; links count for nothing."""
    found = [
        (path.stat().st_size, path.relative_to(folder).as_posix())
        for path in files_of(folder)
        if path.is_file() and not path.is_symlink()
    ]
    return sorted(found, key=lambda row: (-row[0], row[1]))


def write_tar(folder: Path, out: Path, date: int) -> None:
    """Write a folder as .tar.xz, with its own name as the only one at the top."""
    with (
        out.open("wb") as target,
        _Packed(target) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in (folder, *files_of(folder)):
            _add(tar, path, path.relative_to(folder.parent).as_posix(), date)


def _add(tar: tarfile.TarFile, path: Path, name: str, date: int) -> None:
    member = tar.gettarinfo(path, name)
    member.mtime, member.uid, member.gid, member.uname, member.gname = date, 0, 0, "", ""
    member.mode = 0o755 if member.isdir() or member.mode & stat.S_IXUSR else 0o644
    if not path.is_file() or path.is_symlink():
        tar.addfile(member)
        return
    # A second name of a file would be written as a link to the first.
    member.type, member.linkname, member.size = tarfile.REGTYPE, "", path.stat().st_size
    with path.open("rb") as content:
        tar.addfile(member, content)


class _Packed(io.RawIOBase):
    """Packs what is written to it on all processors, in blocks of one size: the bytes do not depend on their number."""

    def __init__(self, target: BinaryIO) -> None:
        super().__init__()
        self._target = target
        self._held = bytearray()
        self._pool = ThreadPoolExecutor(os.cpu_count())
        self._blocks: deque[Future[bytes]] = deque()

    def writable(self) -> bool:
        """Tell that it can be written to."""
        return True

    def write(self, data: Any, /) -> int:
        """Take bytes."""
        self._held += data
        while len(self._held) >= _BLOCK:
            self._put(bytes(self._held[:_BLOCK]))
            del self._held[:_BLOCK]
        return len(data)

    def close(self) -> None:
        """Pack the rest and write all of it; the target stays open."""
        if not self.closed:
            if self._held:
                self._put(bytes(self._held))
            while self._blocks:
                self._target.write(self._blocks.popleft().result())
            self._pool.shutdown()
        super().close()

    def _put(self, block: bytes) -> None:
        self._blocks.append(self._pool.submit(lzma.compress, block, filters=_filters()))
        # No more than a few blocks in memory.
        while len(self._blocks) > 2 * (os.cpu_count() or 1):
            self._target.write(self._blocks.popleft().result())


def _filters() -> list[dict[str, int]]:
    packing = {"id": lzma.FILTER_LZMA2, "preset": _LEVEL}
    # Machine code gets smaller where its jumps are written as places, and not as distances.
    return [{"id": lzma.FILTER_X86}, packing] if platform.machine().lower() in ("x86_64", "amd64") else [packing]


def write_zip(folder: Path, out: Path, date: int) -> None:
    """Write a folder as .zip, with its own name as the only one at the top; for systems without links in it."""
    moment = time.gmtime(max(date, _OLDEST_IN_ZIP))[:6]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for path in files_of(folder):
            if path.is_file():
                member = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix(), moment)
                member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, _UNIX
                member.external_attr = (stat.S_IFREG | 0o644) << 16
                archive.writestr(member, path.read_bytes())


def write_sums(files: Iterable[Path], out: Path) -> None:
    """Write SHA-256 and name of each file, as `sha256sum --check` reads them."""
    lines = []
    for file in sorted(files):
        with file.open("rb") as stream:
            lines.append(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {file.name}\n")
    out.write_text("".join(lines), encoding="utf-8", newline="\n")
