"""Using the tools of `tools/`, and programs of the system, in tests."""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
from pathlib import Path
from types import ModuleType

import pytest

TOOLS = Path(__file__).resolve().parent.parent / "tools"


def tool(name: str, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """Import a module of `tools/`, as its neighbours do."""
    monkeypatch.syspath_prepend(str(TOOLS))
    return importlib.import_module(name)


def needs(*programs: str) -> None:
    """Skip the test where a program is not installed."""
    for program in programs:
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")


def run(*command: str | Path, **more: str) -> subprocess.CompletedProcess[str]:
    """Run a program to its end, with further variables."""
    environment = {**os.environ, **more}
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
