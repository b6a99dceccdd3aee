"""The frozen program in a place that makes trouble, and how it is run as a stranger would run it.

It lies in a folder with blanks and letters of several scripts that nobody may write to, is run by a user without any
rights where that can be had, with a home that does not exist, no display and none of this machine's settings.
"""

from __future__ import annotations

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
NONE: Final[Mapping[str, str]] = MappingProxyType({})
LONGEST_S: Final = 300
_FOLDER: Final = "Alpaca Sörter ラマ"
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
        before: a command that starts it, with its arguments; empty for none.
        changes_user: whether that command itself takes care of who runs it.
    """

    path: Path
    home: Path
    work: Path
    before: tuple[str, ...] = ()
    changes_user: bool = False

    def run(
        self, *arguments: str, code: int | tuple[int, ...] = 0, variables: Mapping[str, str] = NONE
    ) -> subprocess.CompletedProcess[str]:
        """Run it to its end.

        Args:
            arguments: of the program.
            code: the exit code that is wanted, or those that are.
            variables: further ones of its environment.

        Raises:
            CheckError: it ends with another code, or does not end.
        """
        shown = " ".join(arguments)
        codes = code if isinstance(code, tuple) else (code,)
        try:
            done = subprocess.run(
                [*self.before, str(self.path), *arguments],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                errors="replace",
                timeout=LONGEST_S,
                check=False,
                **self._surroundings(variables),
            )
        except subprocess.TimeoutExpired as error:
            raise CheckError(f"“{shown}” did not end within {LONGEST_S} seconds.") from error
        if done.returncode not in codes:
            wanted = " or ".join(map(str, codes))
            said = (done.stdout[-2000:] + done.stderr[-2000:]).strip()
            raise CheckError(f"“{shown}” ended with {done.returncode} and not with {wanted}:\n{said}")
        return done

    def start(
        self,
        *arguments: str,
        errors: IO[bytes],
        variables: Mapping[str, str] = NONE,
        pipes: bool = False,
        pass_fds: Iterable[int] = (),
    ) -> subprocess.Popen[bytes]:
        """Start it in a session of its own and return at once.

        Args:
            arguments: of the program.
            errors: where its standard error goes.
            variables: further ones of its environment.
            pipes: whether it is spoken to: standard input and output are pipes then.
            pass_fds: open descriptors that it is given; not on Windows.
        """
        return subprocess.Popen(
            [*self.before, str(self.path), *arguments],
            stdin=subprocess.PIPE if pipes else subprocess.DEVNULL,
            stdout=subprocess.PIPE if pipes else errors,
            stderr=errors,
            start_new_session=True,
            pass_fds=tuple(pass_fds),
            **self._surroundings(variables),
        )

    def own(self, *paths: Path) -> None:
        """Give files and folders to the user who runs it."""
        for path in paths if _other_user() else ():
            os.chown(path, NOBODY, NOBODY)

    def _surroundings(self, variables: Mapping[str, str]) -> dict[str, Any]:
        user = {} if self.changes_user else _other_user()
        return {"env": {**environment(os.environ, self.home), **variables}, "cwd": self.work, **user}


def environment(given: Mapping[str, str], home: Path) -> dict[str, str]:
    """Return the variables of a process that has nothing of this session but the ways of the system."""
    kept = {name: value for name, value in given.items() if name.upper() in _KEPT}
    return kept | {"HOME": str(home), "USERPROFILE": str(home), "APPDATA": str(home), "LOCALAPPDATA": str(home)}


def _other_user() -> dict[str, Any]:
    if os.name == "posix" and os.geteuid() == 0:
        return {"user": NOBODY, "group": NOBODY, "extra_groups": []}
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
        place = scratch / _FOLDER / folder.name
        shutil.copytree(folder, place, symlinks=True)
        _set_writable(place.parent, False)
        program = Program(place / executable, work / "not there yet" / "home", work)
        program.own(work)
        try:
            yield program
        finally:
            _set_writable(place.parent, True)


def _set_writable(folder: Path, writable: bool) -> None:
    for path in (folder, *folder.rglob("*")):
        if not path.is_symlink():
            mode = path.stat().st_mode
            path.chmod(mode | 0o200 if writable else mode & ~0o222)


def executable_of(folder: Path, name: str) -> Path:
    """Return the program inside a built folder, relative to it."""
    if sys.platform == "darwin":
        return Path("Contents") / "MacOS" / name
    return Path(f"{name}.exe" if sys.platform == "win32" else name)
