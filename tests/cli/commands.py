"""Running the command line: inside the test, or as a user would, in a process of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from alpacasorter.cli import main


@dataclass(frozen=True)
class Done:
    """A command that has ended."""

    code: int
    out: str
    err: str


class Commands:
    """Runs the command line inside the test."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys

    def __call__(self, *arguments: object) -> Done:
        self._capsys.readouterr()
        try:
            code = main(list(map(str, arguments)))
        except SystemExit as end:
            code = int(str(end.code))
        captured = self._capsys.readouterr()
        return Done(code, captured.out, captured.err)


def program(*arguments: object, without: tuple[str, ...] = (), **variables: str) -> subprocess.Popen[bytes]:
    """Start the program in a process of its own, standard output and error to be read from it."""
    environment = {name: value for name, value in os.environ.items() if name not in without} | variables
    return subprocess.Popen(
        [sys.executable, "-m", "alpacasorter", *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=environment,
        # A Ctrl+C for it must not end the test.
        start_new_session=os.name == "posix",
        cwd=Path(__file__).resolve().parents[2],
    )


def finish(started: subprocess.Popen[bytes]) -> Done:
    """Wait for a program to end."""
    try:
        out, err = started.communicate(timeout=120)
    finally:
        started.kill()
    return Done(started.returncode, out.decode("utf-8", "surrogateescape"), err.decode("utf-8", "surrogateescape"))
