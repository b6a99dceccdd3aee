"""Builds the packaged program, tries it, and packs it: `make package`, or `python -m tools.packaging.package`.

Needs Python 3.11 or later and the system libraries of Qt; everything else is installed apart, below build/. The
results are in dist/: the archive, where the system has such a thing its own package, the bill of materials, and their
hashes. With ALPACASORTER_WITH_TENSORFLOW=1 training is inside, and the results are in dist/with-training/. Ends with 1
where something does not work or is larger than it may be; that it starts more slowly than it should is only said, for
that may be the machine.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from tools.packaging import archive, checks
from tools.packaging.app_info import NAME, ROOT, project
from tools.packaging.contents import FULL_VARIABLE, TRAINING_MODULES
from tools.packaging.old_library import try_old_library
from tools.packaging.program import CheckError, executable_of, in_strange_place
from tools.packaging.surroundings import try_without_network, try_without_streams
from tools.packaging.training_checks import try_multiprocessing, try_no_training, try_training
from tools.packaging.window_checks import try_two_starts

BUILD: Final = ROOT / "build" / "package"
DIST: Final = ROOT / "dist"
SHOWN: Final = 25
MOST_UNPACKED: Final = 260 * archive.MB
MOST_PACKED: Final = 90 * archive.MB
"""Bytes that the program without training may take."""
MOST_RELEASED: Final = (1 << 31) - 1
"""Bytes that one file of a release may have on GitHub."""

_LICENCES: Final = "LICENCES.txt"


def say(sentence: str) -> None:
    """Print a line at once."""
    print(f"package: {sentence}", flush=True)


def is_full() -> bool:
    """Tell whether the program is to have training inside."""
    return os.environ.get(FULL_VARIABLE) == "1"


def requirements(about: dict[str, Any], *, full: bool) -> list[str]:
    """Return what to install to build the program: PyInstaller and its dependencies, TensorFlow for the full one."""
    needed = [*about["dependencies"], *about["optional-dependencies"]["package"]]
    return [line for line in needed if full or not line.startswith(TRAINING_MODULES)]


def make_environment(full: bool) -> Path:
    """Make the environment to build in, unless there is one for the same requirements; return its Python."""
    place = BUILD / ("venv-with-training" if full else "venv")
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    stamp = place / "requirements-installed.txt"
    wanted = requirements(project(), full=full)
    constraints = ROOT / "constraints.txt"
    # The place is part of it, because an environment breaks when it is moved.
    state = "\n".join([str(place), sys.version, *wanted, constraints.read_text(encoding="utf-8")])
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == state:
        return python
    say(f"making the environment {place.relative_to(ROOT)}")
    run([sys.executable, "-m", "venv", "--clear", str(place)])
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--no-input", "-q"]
    run([*pip, "install", "-c", str(constraints), *wanted])
    stamp.write_text(state, encoding="utf-8")
    return python


def run(command: Sequence[str], **extra: str) -> None:
    """Run a command in the checkout; end where it fails."""
    done = subprocess.run(command, cwd=ROOT, env=os.environ | extra, check=False)
    if done.returncode:
        raise SystemExit(f"package: {Path(command[0]).name} ended with {done.returncode}: {' '.join(command[1:])}")


def places(*, full: bool) -> tuple[Path, Path]:
    """Return where the results go and where PyInstaller works: each flavour has its own, for their files are alike."""
    return (DIST / "with-training", BUILD / "work-with-training") if full else (DIST, BUILD / "work")


def build(python: Path, date: int) -> Path:
    """Run PyInstaller; return the built folder."""
    dist, work = places(full=is_full())
    folder = dist / (f"{NAME}.app" if sys.platform == "darwin" else NAME)
    if sys.platform.startswith("linux"):
        run([str(python), str(ROOT / "tools" / "check_qt.py")])
    say("building; this takes a minute")
    shutil.rmtree(work, ignore_errors=True)
    log = BUILD / "pyinstaller.log"
    command = [str(python), "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", "--distpath", str(dist)]
    command += ["--workpath", str(work), str(ROOT / "alpacasorter.spec")]
    # The order of Python's sets is part of what it writes.
    variables = os.environ | {"PYTHONHASHSEED": "1", "SOURCE_DATE_EPOCH": str(date)}
    with log.open("wb") as stream:
        done = subprocess.run(command, cwd=ROOT, env=variables, stdout=stream, stderr=stream, check=False)
    if done.returncode:
        print(log.read_text(encoding="utf-8", errors="replace")[-4000:], file=sys.stderr)
        raise SystemExit(f"package: PyInstaller failed; everything it said is in {log.relative_to(ROOT)}")
    return folder


def resources_of(folder: Path) -> Path:
    """Return the folder of the program's own resources in the built folder.

    By its place: a file system that takes capitals for small letters has many folders of that name, those of Qt too.
    """
    for place in (folder / "_internal" / "resources", folder / "Contents" / "Resources" / "resources"):
        if place.is_dir():
            return place
    raise SystemExit(f"package: {folder} holds no resources where they should be.")


def add_licences(folder: Path, python: Path) -> None:
    """Put the licences of everything inside among the resources of the built folder."""
    out = resources_of(folder) / _LICENCES
    run([sys.executable, "-m", "tools.packaging.licenses", str(folder), str(out), "--python", str(python)])


def seal(folder: Path, system: str = sys.platform) -> None:
    """Sign the finished application anew on macOS, without a certificate, and check that.

    The packager signs it, too, but before the licences are in it. With a broken seal, a download counts as damaged.
    """
    if system == "darwin":
        run(["codesign", "--force", "--deep", "--sign", "-", str(folder)])
        run(["codesign", "--verify", "--deep", "--strict", str(folder)])


def show_sizes(folder: Path) -> int:
    """Print the largest files; return the bytes of all."""
    rows = archive.sizes(folder)
    total = sum(size for size, _ in rows)
    say(f"{len(rows)} files, {total / archive.MB:.1f} MB; the {SHOWN} largest:")
    for size, name in rows[:SHOWN]:
        print(f"  {size / archive.MB:6.1f} MB  {name}")
    return total


def try_program(folder: Path, python: Path, *, full: bool) -> None:
    """Try the frozen program and print what was found.

    Raises:
        CheckError: something does not work.
    """
    with in_strange_place(folder, executable_of(folder, NAME)) as program:
        reports = [checks.self_test(program)]
        say(f"self-test: {len(reports[0]['checks'])} checks passed")
        reports += [checks.self_test(program) for _ in range(checks.STARTS - 1)]
        timings = checks.medians(reports)
        for name, seconds in timings.items():
            say(f"{name.replace('_', ' ')}: {seconds:.2f} s after the start (median of {checks.STARTS})")
        for sentence in checks.over_budget(timings):
            say(f"slow: {sentence}")
        pictures = program.work / "Fotos älter"
        count = checks.make_pictures(program, python, ROOT, pictures)
        for line in checks.try_commands(program, pictures, count):
            say(line)
        say(checks.try_graphics(program, pictures, count))
        say(checks.try_console(program, pictures, count))
        say(try_without_streams(program))
        say(try_without_network(program, pictures, count))
        say(try_old_library(program, pictures, count))
        for line in try_two_starts(program, pictures):
            say(line)
        say(try_multiprocessing(program))
        for line in try_training(program, python) if full else [try_no_training(program, pictures)]:
            say(line)


def pack(folder: Path, version: str, date: int, *, full: bool) -> Path:
    """Write the archive beside the folder; return it."""
    name = f"{NAME}-{version}{'-with-training' if full else ''}-{archive.system_name()}"
    if sys.platform == "win32":
        out = folder.parent / f"{name}.zip"
        archive.write_zip(folder, out, date)
    else:
        out = folder.parent / f"{name}.tar.xz"
        archive.write_tar(folder, out, date)
    return out


def write_extras(folder: Path, packed: Path, python: Path, version: str, date: int, *, full: bool) -> list[Path]:
    """Write the bill of materials, and on Debian's relatives the .deb; return them.

    There is no .deb with training: of one name and one version, it and the other would be taken for each other.
    """
    dist = packed.parent
    stem = packed.name.removesuffix(".tar.xz").removesuffix(".zip")
    bill = dist / f"{stem}.cdx.json"
    moment = {"SOURCE_DATE_EPOCH": str(date)}
    module = "tools.packaging"
    run([sys.executable, "-m", f"{module}.sbom", str(folder), str(bill), "--python", str(python)], **moment)
    made = [bill]
    if not full and sys.platform.startswith("linux") and shutil.which("dpkg-deb") and shutil.which("objdump"):
        for path in dist.glob("*.deb"):
            path.unlink()
        run([sys.executable, "-m", f"{module}.debian_package", str(folder), version, str(dist)], **moment)
        made += dist.glob("*.deb")
    return made


def too_large(unpacked: int, packed: int, *, full: bool) -> list[str]:
    """Return a sentence for the folder and for the archive, in bytes, where they are larger than they may be.

    With training inside, it only has to be small enough to be a file of a release.
    """
    lean = (("folder", unpacked, MOST_UNPACKED), ("archive", packed, MOST_PACKED))
    found = (("archive", packed, MOST_RELEASED),) if full else lean
    return [
        f"The {what} has {size / archive.MB:.1f} MB; the budget is {most // archive.MB} MB."
        for what, size, most in found
        if size > most
    ]


def pack_all(folder: Path, python: Path, version: str, date: int, *, full: bool) -> list[Path]:
    """Write all results and the hashes beside them; return the results, the archive first."""
    say("packing; this takes a minute")
    packed = pack(folder, version, date, full=full)
    results = [packed, *write_extras(folder, packed, python, version, date, full=full)]
    archive.write_sums(results, packed.parent / "SHA256SUMS")
    for path in results:
        say(f"{path.relative_to(ROOT)}: {path.stat().st_size / archive.MB:.1f} MB")
    return results


def main() -> int:
    """Build, try and pack; return the exit code."""
    parser = argparse.ArgumentParser(description="Build the packaged program, try it, and pack it.")
    parser.add_argument("--no-checks", action="store_true", help="build and pack only")
    parser.add_argument("--no-archive", action="store_true", help="build and try only")
    options = parser.parse_args()
    started = time.monotonic()
    full, version, date = is_full(), project()["version"], archive.commit_time(ROOT)
    BUILD.mkdir(parents=True, exist_ok=True)
    python = make_environment(full)
    folder = build(python, date)
    add_licences(folder, python)
    seal(folder)
    unpacked = show_sizes(folder)
    try:
        if not options.no_checks:
            try_program(folder, python, full=full)
    except CheckError as error:
        print(f"package: {error}", file=sys.stderr)
        return 1
    packed = 0
    if not options.no_archive:
        results = pack_all(folder, python, version, date, full=full)
        packed = results[0].stat().st_size
    problems = too_large(unpacked, packed, full=full)
    for problem in problems:
        print(f"package: {problem}", file=sys.stderr)
    say(f"{'not good enough' if problems else 'ok'}, {time.monotonic() - started:.0f} s")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
