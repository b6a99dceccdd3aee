"""Starts the frozen program where something is missing that others have: standard streams, a network."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from tools.packaging.checks import read_report, scan, self_test
from tools.packaging.program import LONGEST_S, NOBODY, CheckError, Program

_CLOSED: Final = 'exec "$0" "$@" <&- >&- 2>&-'
# To an address that is for examples in books only; nothing is ever sent, whether there is a network or not.
_IS_CUT_OFF: Final = f"""\
import socket, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
    code = one.connect_ex(("192.0.2.1", 9))
sys.exit(0 if code == {errno.ENETUNREACH} else 1)
"""


def try_without_streams(program: Program) -> str:
    """Run the program's own test without standard input, output and error, as a desktop starts a program.

    Raises:
        CheckError: it fails, or leaves no report.
    """
    try:
        if sys.platform == "win32":
            report = _test_detached(program)
        else:
            report = self_test(replace(program, before=("/bin/sh", "-c", _CLOSED)))
    except CheckError as error:
        raise CheckError(f"Without standard streams: {error}") from error
    return f"no standard streams: {len(report['checks'])} checks passed"


def _test_detached(program: Program) -> dict[str, Any]:
    file = program.work / "without streams.json"
    # Nothing is redirected, and there is no console: so there are no handles to be had.
    flags = getattr(subprocess, "DETACHED_PROCESS", 0)
    command = [str(program.path), "--self-test", str(file)]
    subprocess.run(command, creationflags=flags, timeout=LONGEST_S, check=False)
    return read_report(file)


def try_without_network(program: Program, pictures: Path, count: int) -> str:
    """Run the program's own test and a scan where there is no network at all; return what was found.

    Only Linux can cut one program off, and not for everybody: where it can't, that is said.

    Raises:
        CheckError: something does not work.
    """
    before = cut_off()
    if before is None:
        return "no network: not tried, for this system cuts no program off from it"
    apart = replace(program, before=before, changes_user=True)
    checks = len(self_test(apart)["checks"])
    rows = scan(apart, pictures, count, cache="cache without network")
    return f"no network: {checks} checks passed, {len(rows)} pictures judged"


def cut_off() -> tuple[str, ...] | None:
    """Return a command that starts another one as a user without rights and without any network.

    None where there is none. It was seen to work.
    """
    unshare, setpriv = shutil.which("unshare"), shutil.which("setpriv")
    if not sys.platform.startswith("linux") or unshare is None:
        return None
    apart: tuple[str, ...] = (unshare, "--user", "--map-current-user", "--net", "--")
    nobody: tuple[str, ...] = ()
    if os.geteuid() == 0:
        if setpriv is None:
            return None
        apart = (unshare, "--net", "--")
        nobody = (setpriv, "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups", "--")
    seen = subprocess.run([*apart, sys.executable, "-c", _IS_CUT_OFF], capture_output=True, check=False)
    return (*apart, *nobody) if seen.returncode == 0 else None
