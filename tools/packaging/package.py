"""Builds the packaged program, checks that it works, and packs it: `make package`.

    python -m tools.packaging.package [--no-checks] [--no-archive]

Needs Python 3.11 or later and the system libraries of Qt; everything else is installed separately, in build/. The
results are in dist/: the archive, a Debian package where that can be made, the bill of materials, and their hashes.
With ALPACASORTER_WITH_TENSORFLOW=1, training is included and the results are in dist/with-training/. Exits with 1 if
something does not work or is over its size budget. A slow start is only reported, because the machine may be to blame.

The same commit gives the same archive on the same system: files in order, one date, no owners, and nothing else about
the machine.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import lzma
import os
import platform
import shutil
import stat
import subprocess
import sys
import tarfile
import time
import zipfile
from collections import deque
from collections.abc import Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any, BinaryIO, Final

from tools.packaging.app_info import NAME, ROOT, project
from tools.packaging.checks import check_everything
from tools.packaging.contents import FULL_VARIABLE, TRAINING_MODULES
from tools.packaging.program import CheckError, executable_path, installed_copy

MB: Final = 1_000_000
BUILD: Final = ROOT / "build" / "package"
DIST: Final = ROOT / "dist"
SHOWN: Final = 25
MAX_FOLDER: Final = 260 * MB
MAX_ARCHIVE: Final = 90 * MB
"""Size limits of the program without training, in bytes."""
MAX_RELEASE_FILE: Final = (1 << 31) - 1
"""Size limit of a file in a GitHub release, in bytes."""

_LICENSES: Final = "LICENSES.txt"
_LEVEL: Final = 6
_BLOCK: Final = 1 << 25
_ZIP_EPOCH: Final = 315532800  # 1 January 1980
_UNIX: Final = 3


def say(sentence: str) -> None:
    """Print a line immediately."""
    print(f"package: {sentence}", flush=True)


def run(command: Sequence[str], **variables: str) -> None:
    """Run a command in the checkout; exit if it fails."""
    done = subprocess.run(command, cwd=ROOT, env=os.environ | variables, check=False)
    if done.returncode:
        name, arguments = Path(command[0]).name, " ".join(command[1:])
        raise SystemExit(f"package: {name} failed with code {done.returncode}: {arguments}")


# Building


def is_full() -> bool:
    """Return whether to include training."""
    return os.environ.get(FULL_VARIABLE) == "1"


def output_folders(*, full: bool) -> tuple[Path, Path]:
    """Return the folder for the results and PyInstaller's work folder; separate ones with and without training."""
    return (DIST / "with-training", BUILD / "work-with-training") if full else (DIST, BUILD / "work")


def requirements(about: dict[str, Any], *, full: bool) -> list[str]:
    """Return what has to be installed for the build: PyInstaller and the dependencies, with or without TensorFlow."""
    needed = [*about["dependencies"], *about["optional-dependencies"]["package"]]
    return [line for line in needed if full or not line.startswith(TRAINING_MODULES)]


def make_environment(*, full: bool) -> Path:
    """Make the virtual environment for the build, or reuse one with the same requirements; return its Python."""
    folder = BUILD / ("venv-with-training" if full else "venv")
    python = folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = folder / "requirements-installed.txt"
    needed = requirements(project(), full=full)
    constraints = ROOT / "constraints.txt"
    # The path is included because a virtual environment cannot be moved.
    state = "\n".join([str(folder), sys.version, *needed, constraints.read_text(encoding="utf-8")])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == state:
        return python
    say(f"creating the virtual environment {folder.relative_to(ROOT)}")
    run([sys.executable, "-m", "venv", "--clear", str(folder)])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "-q"]
    run([*pip, "install", "-c", str(constraints), *needed])
    stamp.write_text(state, encoding="utf-8")
    return python


def build(python: Path, date: int) -> Path:
    """Run PyInstaller; return the built folder."""
    dist, work = output_folders(full=is_full())
    folder = dist / (f"{NAME}.app" if sys.platform == "darwin" else NAME)
    if sys.platform.startswith("linux"):
        run([str(python), str(ROOT / "tools" / "check_qt.py")])
    say("building; this takes a minute")
    shutil.rmtree(work, ignore_errors=True)
    log = BUILD / "pyinstaller.log"
    command = [str(python), "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", "--distpath", str(dist)]
    command += ["--workpath", str(work), str(ROOT / "alpacasorter.spec")]
    # PyInstaller's output depends on the order of Python's sets.
    variables = os.environ | {"PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": str(date)}
    with log.open("wb") as stream:
        done = subprocess.run(command, cwd=ROOT, env=variables, stdout=stream, stderr=stream, check=False)
    if done.returncode:
        print(log.read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
        raise SystemExit(f"package: PyInstaller failed; its complete output is in {log.relative_to(ROOT)}")
    return folder


def resources_folder(folder: Path) -> Path:
    """Return the folder of the program's own resources in the built folder.

    Found by its path: on a case-insensitive file system, many folders have that name, including Qt's.
    """
    for path in (folder / "_internal" / "resources", folder / "Contents" / "Resources" / "resources"):
        if path.is_dir():
            return path
    raise SystemExit(f"package: {folder} has no resources folder where one is expected.")


def add_licenses(folder: Path, python: Path) -> None:
    """Write the licenses of everything in the built folder to its resources."""
    out = resources_folder(folder) / _LICENSES
    run([sys.executable, "-m", "tools.packaging.licenses", str(folder), str(out), "--python", str(python)])


def sign(folder: Path, system: str = sys.platform) -> None:
    """On macOS, sign the finished application again, without a certificate, and verify the signature.

    PyInstaller signs it, too, but before the licenses are added. With a broken signature, a download counts as damaged.
    """
    if system == "darwin":
        run(["codesign", "--force", "--deep", "--sign", "-", str(folder)])
        run(["codesign", "--verify", "--deep", "--strict", str(folder)])


# Sizes


def all_paths(folder: Path) -> list[Path]:
    """Return everything in a folder, including folders and links, sorted by name."""
    return sorted(folder.rglob("*"), key=lambda path: path.relative_to(folder).as_posix())


def sizes(folder: Path) -> list[tuple[int, str]]:
    """Return size in bytes and name of each file in a folder, largest first; links are not counted."""
    rows = [
        (path.stat().st_size, path.relative_to(folder).as_posix())
        for path in all_paths(folder)
        if path.is_file() and not path.is_symlink()
    ]
    return sorted(rows, key=lambda row: (-row[0], row[1]))


def show_sizes(folder: Path) -> int:
    """Print the largest files; return the total size in bytes."""
    rows = sizes(folder)
    total = sum(size for size, _ in rows)
    say(f"{len(rows)} files, {total / MB:.1f} MB; the {SHOWN} largest:")
    for size, name in rows[:SHOWN]:
        print(f"  {size / MB:6.1f} MB  {name}")
    return total


def over_budget(unpacked: int, packed: int, *, full: bool) -> list[str]:
    """Return a sentence for the folder and for the archive if they are too large; sizes are in bytes.

    With training, the only limit is the size of a file in a release.
    """
    lean = (("folder", unpacked, MAX_FOLDER), ("archive", packed, MAX_ARCHIVE))
    checked = (("archive", packed, MAX_RELEASE_FILE),) if full else lean
    return [
        f"The {what} is {size / MB:.1f} MB; the budget is {limit // MB} MB."
        for what, size, limit in checked
        if size > limit
    ]


# Packing


def commit_time(root: Path) -> int:
    """Return the date for everything in the archive, in seconds since 1970: SOURCE_DATE_EPOCH, or the commit's date."""
    given = os.environ.get("SOURCE_DATE_EPOCH")
    if given:
        return int(given)
    command = ["git", "-C", str(root), "log", "-1", "--format=%ct"]
    try:
        date = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        date = ""
    return int(date or time.time())


def system_name() -> str:
    """Return the system and processor for the archive's name, such as linux-x86_64."""
    system = {"darwin": "macos", "win32": "windows"}.get(sys.platform, "linux")
    machine = platform.machine().lower()
    return f"{system}-{'x86_64' if machine == 'amd64' else machine}"


def write_tar(folder: Path, out: Path, date: int) -> None:
    """Write a folder as .tar.xz, with the folder itself as the only entry at the top."""
    with (
        out.open("wb") as target,
        _ParallelXz(target) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.PAX_FORMAT) as tar,
    ):
        for path in (folder, *all_paths(folder)):
            _add_to_tar(tar, path, path.relative_to(folder.parent).as_posix(), date)


def _add_to_tar(tar: tarfile.TarFile, path: Path, name: str, date: int) -> None:
    member = tar.gettarinfo(path, name)
    member.mtime, member.uid, member.gid, member.uname, member.gname = date, 0, 0, "", ""
    member.mode = 0o755 if member.isdir() or member.mode & stat.S_IXUSR else 0o644
    if not path.is_file() or path.is_symlink():
        tar.addfile(member)
        return
    # A hard link would otherwise be stored as a link to the first name.
    member.type, member.linkname, member.size = tarfile.REGTYPE, "", path.stat().st_size
    with path.open("rb") as content:
        tar.addfile(member, content)


class _ParallelXz(io.RawIOBase):
    """Compresses on all cores, in blocks of a fixed size, so that the result does not depend on the number of cores."""

    def __init__(self, target: BinaryIO) -> None:
        super().__init__()
        self._target = target
        self._buffer = bytearray()
        self._pool = ThreadPoolExecutor(os.cpu_count())
        self._blocks: deque[Future[bytes]] = deque()

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Any, /) -> int:
        """Add bytes."""
        self._buffer += data
        while len(self._buffer) >= _BLOCK:
            self._submit(bytes(self._buffer[:_BLOCK]))
            del self._buffer[:_BLOCK]
        return len(data)

    def close(self) -> None:
        """Compress the rest and write everything out; the target stays open."""
        if not self.closed:
            if self._buffer:
                self._submit(bytes(self._buffer))
            while self._blocks:
                self._target.write(self._blocks.popleft().result())
            self._pool.shutdown()
        super().close()

    def _submit(self, block: bytes) -> None:
        self._blocks.append(self._pool.submit(lzma.compress, block, filters=_filters()))
        # Keep only a few blocks in memory.
        while len(self._blocks) > 2 * (os.cpu_count() or 1):
            self._target.write(self._blocks.popleft().result())


def _filters() -> list[dict[str, int]]:
    compression = {"id": lzma.FILTER_LZMA2, "preset": _LEVEL}
    # Machine code compresses better with absolute jump targets instead of relative ones.
    is_x86 = platform.machine().lower() in ("x86_64", "amd64")
    return [{"id": lzma.FILTER_X86}, compression] if is_x86 else [compression]


def write_zip(folder: Path, out: Path, date: int) -> None:
    """Write a folder as .zip, with the folder itself as the only entry at the top; it must not contain links."""
    moment = time.gmtime(max(date, _ZIP_EPOCH))[:6]
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=_LEVEL) as archive:
        for path in all_paths(folder):
            if path.is_file():
                member = zipfile.ZipInfo(path.relative_to(folder.parent).as_posix(), moment)
                member.compress_type, member.create_system = zipfile.ZIP_DEFLATED, _UNIX
                member.external_attr = (stat.S_IFREG | 0o644) << 16
                archive.writestr(member, path.read_bytes())


def write_hashes(files: Iterable[Path], out: Path) -> None:
    """Write the SHA-256 and name of each file, in the format of `sha256sum --check`."""
    lines = []
    for file in sorted(files):
        with file.open("rb") as stream:
            lines.append(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {file.name}\n")
    out.write_text("".join(lines), encoding="utf-8", newline="\n")


def write_archive(folder: Path, version: str, date: int, *, full: bool) -> Path:
    """Write the archive next to the folder; return it."""
    name = f"{NAME}-{version}{'-with-training' if full else ''}-{system_name()}"
    if sys.platform == "win32":
        out = folder.parent / f"{name}.zip"
        write_zip(folder, out, date)
    else:
        out = folder.parent / f"{name}.tar.xz"
        write_tar(folder, out, date)
    return out


def write_extras(folder: Path, archive: Path, python: Path, version: str, date: int, *, full: bool) -> list[Path]:
    """Write the bill of materials and, where the tools for it are installed, the Debian package; return them.

    There is no Debian package with training: with the same name and version, the two could be mistaken for each other.
    """
    dist = archive.parent
    stem = archive.name.removesuffix(".tar.xz").removesuffix(".zip")
    bill = dist / f"{stem}.cdx.json"
    epoch = {"SOURCE_DATE_EPOCH": str(date)}
    module = [sys.executable, "-m"]
    run([*module, "tools.packaging.sbom", str(folder), str(bill), "--python", str(python)], **epoch)
    written = [bill]
    if not full and sys.platform.startswith("linux") and shutil.which("dpkg-deb") and shutil.which("objdump"):
        for path in dist.glob("*.deb"):
            path.unlink()
        run([*module, "tools.packaging.installers", "debian", str(folder), str(dist)], **epoch)
        written += dist.glob("*.deb")
    return written


def pack(folder: Path, python: Path, version: str, date: int, *, full: bool) -> list[Path]:
    """Write all results and their hashes; return the results, the archive first."""
    say("packing; this takes a minute")
    archive = write_archive(folder, version, date, full=full)
    results = [archive, *write_extras(folder, archive, python, version, date, full=full)]
    write_hashes(results, archive.parent / "SHA256SUMS")
    for path in results:
        say(f"{path.relative_to(ROOT)}: {path.stat().st_size / MB:.1f} MB")
    return results


def main(arguments: list[str] | None = None) -> int:
    """Build, check and pack; return the exit code."""
    parser = argparse.ArgumentParser(description="Build the packaged program, check that it works, and pack it.")
    parser.add_argument("--no-checks", action="store_true", help="only build and pack")
    parser.add_argument("--no-archive", action="store_true", help="only build and check")
    options = parser.parse_args(arguments)
    started = time.monotonic()
    full, version, date = is_full(), project()["version"], commit_time(ROOT)
    BUILD.mkdir(parents=True, exist_ok=True)
    python = make_environment(full=full)
    folder = build(python, date)
    add_licenses(folder, python)
    sign(folder)
    unpacked = show_sizes(folder)
    if not options.no_checks:
        try:
            with installed_copy(folder, executable_path(NAME)) as program:
                check_everything(program, python, say, full=full)
        except CheckError as error:
            print(f"package: {error}", file=sys.stderr)
            return 1
    packed = 0
    if not options.no_archive:
        packed = pack(folder, python, version, date, full=full)[0].stat().st_size
    problems = over_budget(unpacked, packed, full=full)
    for problem in problems:
        print(f"package: {problem}", file=sys.stderr)
    say(f"{'failed' if problems else 'ok'}, {time.monotonic() - started:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
