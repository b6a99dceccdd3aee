"""Tries the frozen program's own test, its commands and its graphics, and times its start."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tools.packaging.app_info import CONSOLE_NAME
from tools.packaging.program import NONE, CheckError, Program

STARTS: Final = 5
BUDGET_S: Final = {"first_window": 0.6, "first_judged": 1.5}
SWIFTSHADER: Final = Path("/usr/lib/chromium/vk_swiftshader_icd.json")
"""A graphics processor made of software, from Debian's package chromium-common; for trying the way to a real one."""


def self_test(program: Program, variables: Mapping[str, str] = NONE) -> dict[str, Any]:
    """Run the program's own test and return its report.

    Args:
        program: the program.
        variables: further ones of its environment.

    Raises:
        CheckError: a check in it fails.
    """
    file = program.work / "report.json"
    file.unlink(missing_ok=True)
    try:
        program.run("--self-test", str(file), variables=variables)
    except CheckError as error:
        failed = failures(file)
        raise CheckError("\n".join(["The self-test fails:", *failed]) if failed else str(error)) from error
    return read_report(file)


def read_report(file: Path) -> dict[str, Any]:
    """Return the report of a test that passed.

    Raises:
        CheckError: there is none, or it is not one of the frozen program in which everything works.
    """
    if not file.is_file():
        raise CheckError("The self-test leaves no report.")
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
    rows = scan(program, pictures, count, "--device", "cpu", cache="cache cpu")
    told = [f"scan: {len(rows)} pictures judged"]
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


def try_graphics(program: Program, pictures: Path, count: int, system: str = sys.platform) -> str:
    """Scan on a graphics processor made of software; return what was found.

    Only on Linux can the real ones be hidden from the program: elsewhere it may also find one, and judge by it.

    Raises:
        CheckError: the scan fails, whether there is such a processor or not.
    """
    hidden = system.startswith("linux")
    asked = ("scan", str(pictures), "--device", "gpu")
    done = program.run(*asked, code=1 if hidden else (0, 1), variables={"VK_DRIVER_FILES": ""})
    if done.returncode and "graphics processor" not in done.stderr:
        raise CheckError(f"Without a graphics processor the program says: {done.stderr}")
    scan(program, pictures, count, "--device", "auto", cache="cache auto")
    if not done.returncode:
        return "graphics: there is a processor for them, which judged"
    if not SWIFTSHADER.is_file():
        return "graphics: none, said so, judged without; no SwiftShader here to try the way to one"
    variables = {"VK_DRIVER_FILES": str(SWIFTSHADER)}
    scan(program, pictures, count, "--device", "gpu", variables=variables, cache="cache gpu")
    return "graphics: judged through SwiftShader; without it said so, and judged by the processor"


def try_console(program: Program, pictures: Path, count: int, system: str = sys.platform) -> str:
    """Scan by the program for the command line, which only Windows has; return what was found.

    Raises:
        CheckError: it does not work.
    """
    if system != "win32":
        return "a program for the command line: not tried, for here it is the same one"
    console = replace(program, path=program.path.with_name(f"{CONSOLE_NAME}{program.path.suffix}"))
    rows = scan(console, pictures, count, cache="cache of the console")
    return f"{console.path.name}: {len(rows)} pictures judged"


def scan(
    program: Program,
    pictures: Path,
    count: int,
    *arguments: str,
    variables: Mapping[str, str] = NONE,
    cache: str = "cache",
) -> list[dict[str, Any]]:
    """Scan a folder and return the row of each picture.

    Args:
        program: the program.
        pictures: a folder of good pictures.
        count: how many there are.
        arguments: further ones of the scan.
        variables: further ones of its environment.
        cache: name of a folder for its cache: with one that is new it can't know the pictures already.

    Raises:
        CheckError: it finds another number of them, or one that it can't judge.
    """
    variables = {"ALPACASORTER_CACHE_DIR": str(program.work / cache), **variables}
    done = program.run("scan", str(pictures), "--json", "--quiet", *arguments, variables=variables)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    bad = [row["path"] for row in rows if row["status"] != "ok"]
    if len(rows) != count or bad:
        raise CheckError(f"Of {count} pictures {len(rows)} were found; not judged: {bad}\n{done.stderr[-2000:]}")
    return rows


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def make_pictures(program: Program, python: Path, root: Path, folder: Path) -> int:
    """Write a picture of each format into a folder, by the Python that built the program; return how many."""
    folder.mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from alpacasorter.core.samples import FORMATS, sample\n"
        "for form in FORMATS: (Path(sys.argv[1]) / f'{form} picture.{form.lower()}').write_bytes(sample(form))"
    )
    variables = os.environ | {"PYTHONPATH": str(root), "PYTHONUTF8": "1"}
    subprocess.run([str(python), "-c", code, str(folder)], env=variables, check=True)
    found = list(folder.iterdir())
    program.own(folder, *found)
    return len(found)
