"""The frozen program, run the way a stranger's computer would run it.

A copy of the built folder goes into a read-only folder whose path has spaces and non-Latin letters. It runs as a user
without privileges where that is possible, with a home folder that does not exist, no display, and none of this
session's environment variables.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import IO, Any, Final

NOBODY: Final = 65534
TIMEOUT_S: Final = 300
_NO_VARIABLES: Final[Mapping[str, str]] = MappingProxyType({})
_FOLDER_NAME: Final = "Alpaca Sörter ラマ"
_INHERITED: Final = ("LANG", "PATH", "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "COMSPEC", "TEMP", "TMP")


class CheckError(Exception):
    """The frozen program failed a check; the message says what was tried and what happened."""


@dataclass(frozen=True, slots=True)
class Program:
    """The frozen program and the conditions under which it runs.

    Attributes:
        path: the executable.
        home: a home folder that does not exist.
        work: a folder that the program can write to.
        prefix: a command, with arguments, that starts the program; empty to start it directly.
        prefix_switches_user: whether that command already drops privileges.
    """

    path: Path
    home: Path
    work: Path
    prefix: tuple[str, ...] = ()
    prefix_switches_user: bool = False

    def run(
        self, *arguments: str, code: int | tuple[int, ...] = 0, variables: Mapping[str, str] = _NO_VARIABLES
    ) -> subprocess.CompletedProcess[str]:
        """Run the program and wait for it to exit.

        Args:
            arguments: command-line arguments.
            code: the expected exit code, or several acceptable ones.
            variables: additional environment variables.

        Raises:
            CheckError: it exits with a different code, or does not exit in time.
        """
        shown = " ".join(arguments)
        codes = code if isinstance(code, tuple) else (code,)
        try:
            done = subprocess.run(
                [*self.prefix, str(self.path), *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=TIMEOUT_S,
                check=False,
                **self._process_options(variables),
            )
        except subprocess.TimeoutExpired as error:
            raise CheckError(f"“{shown}” did not finish within {TIMEOUT_S} seconds.") from error
        if done.returncode not in codes:
            expected = " or ".join(map(str, codes))
            output = (done.stdout[-2000:] + done.stderr[-2000:]).strip()
            raise CheckError(f"“{shown}” exited with code {done.returncode}; expected {expected}:\n{output}")
        return done

    def start(
        self,
        *arguments: str,
        errors: IO[bytes],
        variables: Mapping[str, str] = _NO_VARIABLES,
        pipes: bool = False,
        pass_fds: Iterable[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start the program in a session of its own and return immediately.

        Args:
            arguments: command-line arguments.
            errors: where standard error goes, and standard output unless `pipes` is set.
            variables: additional environment variables.
            pipes: connect standard input and output to pipes.
            pass_fds: open file descriptors to hand to it; not on Windows.
        """
        return subprocess.Popen(
            [*self.prefix, str(self.path), *arguments],
            stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipes else errors,
            stderr=errors,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
            **self._process_options(variables),
        )

    def give_access(self, *paths: Path) -> None:
        """Make the user that runs the program the owner of these files and folders."""
        for path in paths if _other_user() else ():
            os.chown(path, NOBODY, NOBODY)

    def _process_options(self, variables: Mapping[str, str]) -> dict[str, Any]:
        user = {} if self.prefix_switches_user else _other_user()
        return {"env": {**clean_environment(os.environ, self.home), **variables}, "cwd": self.work, **user}


def clean_environment(current: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the environment for a process that should inherit nothing from this session but the system's own paths."""
    kept = {name: value for name, value in current.items() if name.upper() in _INHERITED}
    return kept | {"HOME": str(home), "USERPROFILE": str(home), "APPDATA": str(home), "LOCALAPPDATA": str(home)}


def _other_user() -> dict[str, Any]:
    if os.name == "posix" and os.geteuid() == 0:
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    return {}


@contextmanager
def installed_copy(folder: Path, executable: Path) -> Iterator[Program]:
    """Copy the built folder to a read-only place with an awkward path, and remove it afterward.

    Args:
        folder: the built folder.
        executable: the program, relative to that folder.
    """
    with tempfile.TemporaryDirectory(prefix="alpacasorter-package-") as name:
        scratch = Path(name).resolve()
        scratch.chmod(0o755)
        work = scratch / "work"
        work.mkdir()
        target = scratch / _FOLDER_NAME / folder.name
        shutil.copytree(folder, target, symlinks=True)
        _set_writable(target.parent, False)
        program = Program(target / executable, work / "not there yet" / "home", work)
        program.give_access(work)
        try:
            yield program
        finally:
            _set_writable(target.parent, True)


def _set_writable(folder: Path, writable: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o200 if writable else mode & ~0o222)


def executable_path(name: str) -> Path:
    """Return where the executable of that name is, relative to the built folder."""
    if sys.platform == "darwin":
        return Path("Contents") / "MacOS" / name
    return Path(f"{name}.exe" if sys.platform == "win32" else name)


def self_test(program: Program) -> dict[str, Any]:
    """Run the program's self-test and return its report.

    Raises:
        CheckError: one of its checks fails.
    """
    file = program.work / "report.json"
    file.unlink(missing_ok=True)
    try:
        program.run("--self-test", str(file))
    except CheckError as error:
        failed = failed_checks(file)
        raise CheckError("\n".join(["The self-test failed:", *failed]) if failed else str(error)) from error
    return read_report(file)


def read_report(file: Path) -> dict[str, Any]:
    """Return the report of a self-test that passed.

    Raises:
        CheckError: there is no report, or it is not from a frozen program in which everything works.
    """
    if not file.is_file():
        raise CheckError("The self-test wrote no report.")
    report: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if report.get("ok") is not True or report.get("frozen") is not True:
        raise CheckError("The self-test did not run in the frozen program, or did not pass.")
    return report


def failed_checks(file: Path) -> list[str]:
    """Return the failed checks in a report, one line each; empty if there is no report."""
    if not file.is_file():
        return []
    report = json.loads(file.read_text(encoding="utf-8"))
    return [f"  {check['name']}: {check['detail']}" for check in report["checks"] if not check["ok"]]


def scan(
    program: Program,
    photos: Path,
    count: int,
    *arguments: str,
    variables: Mapping[str, str] = _NO_VARIABLES,
    cache: str = "cache",
) -> list[dict[str, Any]]:
    """Scan a folder and return one row per photo.

    Args:
        program: the program.
        photos: a folder of readable photos.
        count: how many there are.
        arguments: additional arguments for the scan command.
        variables: additional environment variables.
        cache: name of the cache folder; with a new one, the program cannot already know the photos.

    Raises:
        CheckError: it reports a different number of photos, or cannot judge one.
    """
    variables = {"ALPACASORTER_CACHE_DIR": str(program.work / cache), **variables}
    done = program.run("scan", str(photos), "--json", "--quiet", *arguments, variables=variables)
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
    bad = [row["path"] for row in rows if row["status"] != "ok"]
    if len(rows) != count or bad:
        raise CheckError(f"The scan found {len(rows)} of {count} photos; not judged: {bad}\n{done.stderr[-2000:]}")
    return rows
