"""Checks the frozen program: self-test, startup, commands, graphics, without streams, without network, old library."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import shutil
import sqlite3
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tools.packaging.app_info import CONSOLE_NAME, ROOT
from tools.packaging.program import NOBODY, TIMEOUT_S, CheckError, Program, read_report, scan, self_test
from tools.packaging.training_checks import check_missing_training, check_multiprocessing, check_training
from tools.packaging.window_checks import check_two_starts

STARTS: Final = 5
BUDGET_S: Final = {"first_window": 0.6, "first_judged": 1.5}
SWIFTSHADER: Final = Path("/usr/lib/chromium/vk_swiftshader_icd.json")
"""A software GPU from Debian's chromium-common package, for testing the GPU path without a GPU."""


def check_everything(program: Program, python: Path, report: Callable[[str], None], *, full: bool) -> None:
    """Run every check and report what each one found.

    Args:
        program: the program, installed somewhere.
        python: the Python that built it.
        report: called with one line at a time.
        full: whether training is included.

    Raises:
        CheckError: something does not work.
    """
    reports = [self_test(program)]
    report(f"self-test: {len(reports[0]['checks'])} checks passed")
    reports += [self_test(program) for _ in range(STARTS - 1)]
    timings = median_timings(reports)
    for name, seconds in timings.items():
        report(f"{name.replace('_', ' ')}: {seconds:.2f} s after startup (median of {STARTS})")
    for sentence in over_budget(timings):
        report(f"slow: {sentence}")
    photos = program.work / "Fotos älter"
    count = write_sample_photos(program, python, photos)
    for line in check_commands(program, photos, count):
        report(line)
    report(check_graphics(program, photos, count))
    report(check_console_program(program, photos, count))
    report(check_without_streams(program))
    report(check_without_network(program, photos, count))
    report(check_old_library(program, photos, count))
    for line in check_two_starts(program, photos):
        report(line)
    report(check_multiprocessing(program))
    for line in check_training(program, python) if full else [check_missing_training(program, photos)]:
        report(line)


def median_timings(reports: Sequence[Mapping[str, Any]]) -> dict[str, float]:
    """Return the median of each timing over several reports, in seconds.

    Raises:
        CheckError: a report lacks a timing.
    """
    medians = {}
    for name in BUDGET_S:
        values = [report["timings"].get(name) for report in reports]
        if None in values or not values:
            raise CheckError(f"The self-test does not report the time of the {name.replace('_', ' ')}.")
        medians[name] = float(statistics.median(values))
    return medians


def over_budget(timings: Mapping[str, float]) -> list[str]:
    """Return a sentence for each timing over its budget; a busy machine can cause that, too."""
    return [
        f"The {name.replace('_', ' ')} takes {timings[name]:.2f} s; the budget is {budget} s."
        for name, budget in BUDGET_S.items()
        if timings[name] > budget
    ]


def write_sample_photos(program: Program, python: Path, folder: Path) -> int:
    """Write one photo in each format, using the Python that built the program; return how many there are."""
    folder.mkdir(parents=True)
    code = (
        "import sys; from pathlib import Path; from alpacasorter.cli.self_test.samples import FORMATS, sample\n"
        "for form in FORMATS: (Path(sys.argv[1]) / f'{form} picture.{form.lower()}').write_bytes(sample(form))"
    )
    variables = os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUTF8": "1"}
    subprocess.run([str(python), "-c", code, str(folder)], env=variables, check=True)
    written = list(folder.iterdir())
    program.give_access(folder, *written)
    return len(written)


# Commands and graphics


def check_commands(program: Program, photos: Path, count: int) -> list[str]:
    """Scan, sort, undo, export and list the models; return one line for each.

    Args:
        program: the program.
        photos: a folder of readable photos that the program can write to.
        count: how many there are.

    Raises:
        CheckError: something does not work.
    """
    rows = scan(program, photos, count, "--device", "cpu", cache="cache cpu")
    results = [f"scan: {len(rows)} photos judged"]
    before = _names(photos)
    target = program.work / "sorted photos"
    program.run("sort", str(photos), "--into", str(target), "--action", "move", "--unsure", "folder")
    if _names(photos):
        raise CheckError(f"Photos left behind by the sort: {_names(photos)}.")
    program.run("sort", "--undo")
    if _names(photos) != before:
        raise CheckError(f"After the undo, the folder contains {_names(photos)}; expected {before}.")
    results.append("sort: all photos moved, and moved back by --undo")
    program.run("export", str(photos), "--csv", "--out", str(program.work / "results.csv"))
    if len((program.work / "results.csv").read_text(encoding="utf-8-sig").splitlines()) != count + 1:
        raise CheckError("The exported table does not have one line per photo.")
    results.append("export: a table with one line per photo")
    if "alpaca" not in program.run("models").stdout:
        raise CheckError("The bundled model is not listed.")
    results.append("models: listed")
    return results


def _names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def check_graphics(program: Program, photos: Path, count: int, system: str = sys.platform) -> str:
    """Scan on a software GPU; return what was found.

    Only on Linux can real GPUs be hidden from the program. Elsewhere it may find one and use it.

    Raises:
        CheckError: the scan fails, with or without a GPU.
    """
    hidden = system.startswith("linux")
    command = ("scan", str(photos), "--device", "gpu")
    done = program.run(*command, code=1 if hidden else (0, 1), variables={"VK_DRIVER_FILES": ""})
    if done.returncode and ("Traceback" in done.stderr or not re.search(r"graphics processor|\bGPU\b", done.stderr)):
        raise CheckError(f"Without a GPU, the program says: {done.stderr}")
    scan(program, photos, count, "--device", "auto", cache="cache auto")
    if not done.returncode:
        return "graphics: judged on this machine's GPU"
    if not SWIFTSHADER.is_file():
        return "graphics: fell back to the CPU without a GPU; the GPU path was not tried, SwiftShader is not installed"
    variables = {"VK_DRIVER_FILES": str(SWIFTSHADER)}
    scan(program, photos, count, "--device", "gpu", variables=variables, cache="cache gpu")
    return "graphics: judged on SwiftShader; fell back to the CPU without it"


def check_console_program(program: Program, photos: Path, count: int, system: str = sys.platform) -> str:
    """Scan with the separate command-line program, which only Windows has; return what was found.

    Raises:
        CheckError: it does not work.
    """
    if system != "win32":
        return "command-line program: not tried, it is the same program on this system"
    console = replace(program, path=program.path.with_name(f"{CONSOLE_NAME}{program.path.suffix}"))
    rows = scan(console, photos, count, cache="cache of the console")
    return f"{console.path.name}: {len(rows)} photos judged"


# Missing standard streams, missing network

_CLOSE_STREAMS: Final = 'exec "$0" "$@" <&- >&- 2>&-'
# 192.0.2.1 is reserved for documentation. UDP connect() sends nothing; it only looks for a route.
_EXPECT_UNREACHABLE: Final = f"""\
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    code = one.connect_ex(("192.0.2.1", 9))
sys.exit(0 if code == {errno.ENETUNREACH} else 1)
"""


def check_without_streams(program: Program) -> str:
    """Run the self-test without standard input, output and error, the way a desktop starts a program.

    Raises:
        CheckError: it fails or writes no report.
    """
    try:
        if sys.platform == "win32":
            report = _test_detached(program)
        else:
            report = self_test(replace(program, prefix=("/bin/sh", "-c", _CLOSE_STREAMS)))
    except CheckError as error:
        raise CheckError(f"Without standard streams: {error}") from error
    return f"no standard streams: {len(report['checks'])} checks passed"


def _test_detached(program: Program) -> dict[str, Any]:
    file = program.work / "without streams.json"
    # Nothing is redirected and there is no console, so there are no handles.
    flags = getattr(subprocess, "DETACHED_PROCESS", 0)
    command = [str(program.path), "--self-test", str(file)]
    subprocess.run(command, creationflags=flags, timeout=TIMEOUT_S, check=False)
    return read_report(file)


def check_without_network(program: Program, photos: Path, count: int) -> str:
    """Run the self-test and a scan with no network at all; return what was found.

    Only Linux can isolate a single program, and not for every user. Where that is impossible, the result says so.

    Raises:
        CheckError: something does not work.
    """
    prefix = isolating_command()
    if prefix is None:
        return "no network: not tried, this system cannot isolate a program from the network"
    isolated = replace(program, prefix=prefix, prefix_switches_user=True)
    checks = len(self_test(isolated)["checks"])
    rows = scan(isolated, photos, count, cache="cache without network")
    return f"no network: {checks} checks passed, {len(rows)} photos judged"


def isolating_command() -> tuple[str, ...] | None:
    """Return a command that starts another one without privileges and without any network.

    It has been tried. None if there is no such command.
    """
    unshare, setpriv = shutil.which("unshare"), shutil.which("setpriv")
    if not sys.platform.startswith("linux") or unshare is None:
        return None
    isolate: tuple[str, ...] = (unshare, "--user", "--map-current-user", "--net", "--")
    drop_privileges: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if setpriv is None:
            return None
        isolate = (unshare, "--net", "--")
        drop_privileges = (setpriv, "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--")
    tried = subprocess.run([*isolate, sys.executable, "-c", _EXPECT_UNREACHABLE], capture_output=True, check=False)
    return (*isolate, *drop_privileges) if tried.returncode == 0 else None


# A library written by the first version

# Exactly what that version created. Never changes: every later version must be able to read it.
FIRST_VERSION: Final = """\
PRAGMA page_size = 4096;
PRAGMA journal_mode = wal;
PRAGMA application_id = 0x416c704c;
PRAGMA user_version = 1;
CREATE TABLE state (id INTEGER PRIMARY KEY CHECK (id = 1), changes INTEGER NOT NULL);
CREATE TABLE corrections (
    id INTEGER PRIMARY KEY,
    label_set TEXT NOT NULL,
    content_key BLOB NOT NULL CHECK (length(content_key) = 32),
    label TEXT,
    revision INTEGER NOT NULL,
    made_at TEXT NOT NULL,
    path_hint BLOB,
    UNIQUE (label_set, content_key));
CREATE TABLE correction_embeddings (
    id INTEGER PRIMARY KEY,
    content_key BLOB NOT NULL CHECK (length(content_key) = 32),
    backbone_id TEXT NOT NULL,
    embedding BLOB NOT NULL,
    UNIQUE (content_key, backbone_id));
CREATE TABLE head_versions (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    bundle_id TEXT NOT NULL,
    made_at TEXT NOT NULL,
    corrections INTEGER NOT NULL,
    corrections_digest TEXT NOT NULL,
    bias REAL NOT NULL,
    measurements TEXT NOT NULL,
    weights BLOB NOT NULL);
CREATE INDEX head_versions_by_bundle ON head_versions (bundle_id, id);
CREATE TABLE recent_folders (
    id INTEGER PRIMARY KEY,
    path BLOB NOT NULL UNIQUE,
    opened_at TEXT NOT NULL);
"""
_CORRECTIONS: Final = "SELECT hex(content_key), label, made_at FROM corrections ORDER BY id"
_MADE_AT: Final = "2026-01-02T03:04:05.000000+00:00"
_CORRECTED: Final = 3
_OTHER: Final = {"alpaca": "not_alpaca", "not_alpaca": "alpaca"}
_LABEL_SET: Final = "alpaca|not_alpaca"


def check_old_library(program: Program, photos: Path, count: int) -> str:
    """Scan photos, some of them corrected in an old library; return what was found.

    Args:
        program: the program.
        photos: a folder of readable photos.
        count: how many there are; more than three.

    Raises:
        CheckError: a correction is ignored or lost, or the library is not migrated, or not backed up first.
    """
    data = program.work / "old data"
    judged = {row["content_key"]: row["label"] for row in scan(program, photos, count)}
    corrections = {key: _OTHER[judged[key]] for key in sorted(judged)[:_CORRECTED]}
    data.mkdir()
    library = write_old_library(data, corrections, photos)
    program.give_access(data, library)
    before = _read(library, _CORRECTIONS)
    rows = scan(program, photos, count, variables={"ALPACASORTER_DATA_DIR": str(data)})
    found = {row["content_key"]: row["label"] for row in rows if row["corrected"]}
    if found != corrections:
        raise CheckError(f"With a library of the first version, {found} is corrected; expected {corrections}.")
    version, kept = _read(library, "PRAGMA user_version")[0][0], _read(library, _CORRECTIONS)
    if version == 1 or kept != before:
        raise CheckError(f"After the scan, the old library has version {version} and contains {kept} of {before}.")
    backups = [backup for backup in (data / "backups").glob("library-*.sqlite") if _is_unchanged(backup, before)]
    if not backups:
        raise CheckError("The old library was not backed up before it was migrated.")
    return f"old library: {len(found)} corrections applied, migrated from version 1 to {version}, backed up first"


def write_old_library(folder: Path, corrections: Mapping[str, str], photos: Path) -> Path:
    """Write a library of the first version; return the file.

    Args:
        folder: where it goes.
        corrections: label by content key.
        photos: the folder that was last opened.
    """
    file = folder / "library.sqlite"
    with contextlib.closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.executescript(FIRST_VERSION)
        connection.execute("INSERT INTO state (id, changes) VALUES (1, ?)", (len(corrections) + 1,))
        connection.executemany(
            "INSERT INTO corrections (label_set, content_key, label, revision, made_at) VALUES (?, ?, ?, ?, ?)",
            [
                (_LABEL_SET, bytes.fromhex(key), label, number, _MADE_AT)
                for number, (key, label) in enumerate(corrections.items(), 1)
            ],
        )
        connection.execute(
            "INSERT INTO recent_folders (path, opened_at) VALUES (?, ?)", (os.fsencode(photos), _MADE_AT)
        )
    return file


def _is_unchanged(backup: Path, corrections: list[tuple[object, ...]]) -> bool:
    return _read(backup, "PRAGMA user_version") == [(1,)] and _read(backup, _CORRECTIONS) == corrections


def _read(file: Path, statement: str) -> list[tuple[object, ...]]:
    with contextlib.closing(sqlite3.connect(f"{file.as_uri()}?mode=ro", uri=True)) as connection:
        return connection.execute(statement).fetchall()
