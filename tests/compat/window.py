"""Starts the window in a process of its own and tells what it looks like, by what Qt itself says of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from unittest import mock


def look_at_window(folder: Path, config: Path, *, resize: tuple[int, int] | None = None, **variables: str) -> Any:
    """Open a folder in the window, wait until its photos are listed, close it, and return what was seen.

    Args:
        folder: to open.
        config: where Qt keeps settings.
        resize: makes the window so large before it is closed.
        variables: of the environment.
    """
    environment = os.environ | {"QT_QPA_PLATFORM": "offscreen", "XDG_CONFIG_HOME": str(config)} | variables
    done = subprocess.run(
        [sys.executable, "-m", __name__, str(folder), json.dumps(resize)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        env=environment,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def _watch(seen: dict[str, object], resize: tuple[int, int] | None) -> int:
    """Stand in for the event loop: run it until the photos are listed, look, and close the window."""
    from PySide6.QtCore import QEventLoop, QModelIndex
    from PySide6.QtGui import QPalette
    from PySide6.QtWidgets import QApplication, QListView, QMainWindow

    def turn(seconds: float) -> None:
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 20)

    window = next(one for one in QApplication.topLevelWidgets() if isinstance(one, QMainWindow))

    def rows() -> int:
        lists = [one for one in window.findChildren(QListView) if one.isVisible() and one.model() is not None]
        return max((one.model().rowCount(QModelIndex()) for one in lists), default=0)

    deadline = time.monotonic() + 60
    while not rows() and time.monotonic() < deadline:
        turn(0.05)
    # Until no more come.
    while (before := rows()) < (turn(1.0), rows())[1] and time.monotonic() < deadline:
        assert before >= 0
    if resize is not None:
        window.resize(*resize)
        turn(0.1)
    seen["size"] = [window.width(), window.height()]
    seen["rows"] = rows()
    seen["dark"] = window.palette().color(QPalette.ColorRole.Window).lightness() < 128
    window.close()
    turn(0.1)
    return 0


def _main(folder: str, resize: str) -> int:
    from PySide6.QtWidgets import QApplication

    from alpacasorter.cli import main

    seen: dict[str, object] = {}

    def stand_in(*_: object) -> int:
        return _watch(seen, json.loads(resize))

    with mock.patch.object(QApplication, "exec", stand_in):
        code = main([folder, "--new-window"])
    sys.stdout.write(f"{json.dumps(seen)}\n")
    return code


if __name__ == "__main__":
    sys.exit(_main(*sys.argv[1:]))
