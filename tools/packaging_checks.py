"""Tries the frozen program as a stranger would run it, and times its start.

It lies in a folder with blanks and letters of several scripts that nobody may write to, is run by a user without any
rights where that can be had, with a home that does not exist, no display and none of this machine's settings.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

STARTS: Final = 5
BUDGET_S: Final = {"first_window": 0.6, "first_judged": 1.5}
SWIFTSHADER: Final = Path("/usr/lib/chromium/vk_swiftshader_icd.json")
"""A graphics processor made of software, from Debian's package chromium-common; for trying the way to a real one."""

_NOBODY: Final = 65534
_NONE: Final[Mapping[str, str]] = MappingProxyType({})
_LONGEST_S: Final = 300
_FOLDER: Final = "Alpaca Sörter ラマ"
_SAID_OF_TRAINING: Final = "Training is not part of this package"
_KEPT: Final = ("LANG", "PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "TEMP", "TMP")


class CheckError(Exception):
    """The frozen program does not work; the text says what was tried and what came of it."""


@dataclass(frozen=True, slots=True)
class Program:
    """The frozen program in its place, and how it is run.

    Attributes:
        path: the executable.
        home: a home folder that does not exist.
        work: a folder that the program may write to.
    """

    path: Path
    home: Path
    work: Path

    def run(
        self, *arguments: str, code: int = 0, variables: Mapping[str, str] = _NONE
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end.

        Args:
            arguments: of the program.
            code: the exit code that is wanted.
            variables: further ones of its environment.

        Raises:
            CheckError: it ends with another code, or does not end.
        """
        shown = " ".join(arguments)
        try:
            done = subprocess.run(
                [str(self.path), *arguments],
                env={**environment(os.environ, self.home), **variables},
                cwd=self.work,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=_LONGEST_S,
                check=False,
                **_other_user(),
            )
        except subprocess.TimeoutExpired as error:
            raise CheckError(f"“{shown}” did not end within {_LONGEST_S} seconds.") from error
        if done.returncode != code:
            said = (done.stdout[-2000:] + done.stderr[-2000:]).strip()
            raise CheckError(f"“{shown}” ended with {done.returncode} and not with {code}:\n{said}")
        return done


def environment(given: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the variables of a process that has nothing of this session but the ways of the system."""
    kept = {name: value for name, value in given.items() if name.upper() in _KEPT}
    return kept | {"HOME": str(home), "USERPROFILE": str(home), "APPDATA": str(home), "LOCALAPPDATA": str(home)}


def _other_user() -> dict[str, Any]:
    if os.name == "posix" and os.geteuid() == 0:
        return {"user": _NOBODY, "group": _NOBODY, "extra_groups": []}
    return {}


@contextmanager
def in_strange_place(folder: Path, executable: Path) -> Iterator[Program]:
    """Give a copy of the built folder in a place that makes trouble.

    Args:
        folder: the built one.
        executable: the program, relative to it.
    """
    with tempfile.TemporaryDirectory(prefix="alpacasorter-package-") as name:
        scratch = Path(name).resolve()
        scratch.chmod(0o755)
        work = scratch / "work"
        work.mkdir()
        if _other_user():
            os.chown(work, _NOBODY, _NOBODY)
        place = scratch / _FOLDER / folder.name
        shutil.copytree(folder, place, symlinks=True)
        _set_writable(place.parent, False)
        try:
            yield Program(place / executable, work / "not there yet" / "home", work)
        finally:
            _set_writable(place.parent, True)


def _set_writable(folder: Path, writable: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o200 if writable else mode & ~0o222)


def self_test(program: Program) -> dict[str, Any]:
    """Run the program's own test and return its report.

    Raises:
        CheckError: a check in it fails.
    """
    file = program.work / "report.json"
    file.unlink(missing_ok=True)
    try:
        program.run("--self-test", str(file))
    except CheckError as error:
        failed = failures(file)
        raise CheckError("\n".join(["The self-test fails:", *failed]) if failed else str(error)) from error
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if report.get("ok") is not True or report.get("frozen") is not True:
        raise CheckError("The self-test did not run in the frozen program, or did not succeed.")
    return report


def failures(file: Path) -> list[str]:
    """Return the failed checks of a report, a line each; empty where there is no report."""
    if not file.is_file():
        return []
    report = json.loads(file.read_text(encoding="utf-8"))
    return [f"  {check['name']}: {check['detail']}" for check in report["checks"] if not check["ok"]]


def medians(reports: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the median of each timing of several reports, in seconds.

    Raises:
        CheckError: something was never reached.
    """
    found = {}
    for name in BUDGET_S:
        values = [report["timings"].get(name) for report in reports]
        if None in values or not values:
            raise CheckError(f"The self-test does not say when the {name.replace('_', ' ')} was there.")
        found[name] = float(statistics.median(values))
    return found


def over_budget(timings: Mapping[str, float]) -> list[str]:
    """Return a sentence for each timing that is over its budget; a busy machine is reason enough for one."""
    return [
        f"The {name.replace('_', ' ')} takes {timings[name]:.2f} s; the budget is {budget} s."
        for name, budget in BUDGET_S.items()
        if timings[name] > budget
    ]


def try_commands(program: Program, pictures: Path, count: int) -> list[str]:
    """Scan, sort, undo, export and list the models; return a line for each thing that was tried.

    Args:
        program: the program.
        pictures: a folder of good pictures that the program may write to.
        count: how many there are.

    Raises:
        CheckError: something does not work.
    """
    told = [f"scan: {_scan(program, pictures, count, 'cpu')} pictures judged"]
    before = _names(pictures)
    program.run(
        "sort", str(pictures), "--into", str(program.work / "sorted photos"), "--action", "move", "--unsure", "folder"
    )
    if _names(pictures):
        raise CheckError(f"After the sort there are still {_names(pictures)}.")
    program.run("sort", "--undo")
    if _names(pictures) != before:
        raise CheckError(f"After the undo there are {_names(pictures)} and not {before}.")
    told.append("sort: everything moved, and moved back by --undo")
    program.run("export", str(pictures), "--csv", "--out", str(program.work / "results.csv"))
    if len((program.work / "results.csv").read_text(encoding="utf-8-sig").splitlines()) != count + 1:
        raise CheckError("The exported table has another number of lines than there are pictures.")
    told.append("export: a table with a line for each picture")
    if "alpaca" not in program.run("models").stdout:
        raise CheckError("The bundled model is not among the models.")
    told.append("models: listed")
    return told


def try_graphics(program: Program, pictures: Path, count: int) -> str:
    """Scan on a graphics processor made of software; return what was found.

    Raises:
        CheckError: the scan fails, whether there is such a processor or not.
    """
    without = program.run("scan", str(pictures), "--device", "gpu", code=1, variables={"VK_DRIVER_FILES": ""}).stderr
    if "graphics processor" not in without:
        raise CheckError(f"Without a graphics processor the program says: {without}")
    _scan(program, pictures, count, "auto")
    if not SWIFTSHADER.is_file():
        return "graphics: none, said so, judged without; no SwiftShader here to try the way to one"
    _scan(program, pictures, count, "gpu", {"VK_DRIVER_FILES": str(SWIFTSHADER)})
    return "graphics: judged through SwiftShader; without it said so, and judged by the processor"


def try_training(program: Program, dataset: Path) -> str:
    """See that the lean program says where to get training; return that.

    Raises:
        CheckError: it says something else.
    """
    said = program.run("train", str(dataset), "--out", str(program.work / "model"), code=1).stderr
    if _SAID_OF_TRAINING not in said:
        raise CheckError(f"Where training would be, the program says: {said}")
    return "train: says where to get it"


def _scan(program: Program, pictures: Path, count: int, device: str, variables: Mapping[str, str] = _NONE) -> int:
    # A cache of its own, or it would know the pictures already.
    variables = {**variables, "ALPACASORTER_CACHE_DIR": str(program.work / f"cache {device}")}
    done = program.run("scan", str(pictures), "--json", "--quiet", "--device", device, variables=variables)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    bad = [row["path"] for row in rows if row["status"] != "ok"]
    if len(rows) != count or bad:
        raise CheckError(f"Of {count} pictures {len(rows)} were found; not judged: {bad}\n{done.stderr[-2000:]}")
    return count


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make_pictures(python: Path, root: Path, folder: Path) -> int:
    """Write a picture of each format into a folder, by the Python that built the program; return how many."""
    folder.mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from alpacasorter.core.samples import FORMATS, sample\n"
        "for form in FORMATS: (Path(sys.argv[1]) / f'{form} picture.{form.lower()}').write_bytes(sample(form))"
    )
    variables = os.environ | {"PYTHONPATH": str(root), "PYTHONUTF8": "1"}
    subprocess.run([str(python), "-c", code, str(folder)], env=variables, check=True)
    found = list(folder.iterdir())
    if _other_user():
        for path in (folder, *found):
            os.chown(path, _NOBODY, _NOBODY)
    return len(found)


def make_dataset(program: Program, pictures: Path) -> Path:
    """Return a folder with one sub-folder for each of two classes, made of the pictures."""
    dataset = program.work / "dataset"
    for label in ("alpaca", "not_alpaca"):
        shutil.copytree(pictures, dataset / label)
    return dataset


def executable_of(folder: Path, name: str) -> Path:
    """Return the program inside a built folder, relative to it."""
    if sys.platform == "darwin":
        return Path("Contents") / "MacOS" / name
    return Path(f"{name}.exe" if sys.platform == "win32" else name)
