"""Time from start to first window, and time to reopen 10,000 unchanged photos."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from common import quantiles, report
from filled import PHOTOS, fill

STARTS = 7
_PROGRAM = """
import sys, time
from PySide6.QtCore import QObject, QEvent
from alpacasorter.cli import parse
from alpacasorter.cli.window import has_display
parse([]); has_display()
from PySide6.QtWidgets import QApplication
from alpacasorter.ui.app import build_window
from alpacasorter.ui.settings import Settings
app = QApplication(sys.argv[:1])
window = build_window(app, Settings(), "cpu")
window.show()
class Watch(QObject):
    def eventFilter(self, thing, event):
        if event.type() == QEvent.Type.Paint:
            print("shown", time.time(), flush=True)
            app.removeEventFilter(self)
        return False
watch = Watch()
app.installEventFilter(watch)
state = {}
if len(sys.argv) > 1:
    from pathlib import Path
    def begin(_):
        state["start"] = time.perf_counter()
        window.open_folder(Path(sys.argv[1]))
    window.engine.ready.connect(begin)
    def full(event):
        window.page.grid.repaint()
        heavy = sorted(set(sys.modules) & {"tensorflow", "keras"})
        print("full", time.perf_counter() - state["start"], event.total, event.opened, heavy, flush=True)
        window.close()
    window.engine.finished.connect(full)
else:
    window.engine.ready.connect(lambda _: window.close())
app.exec()
"""


def run(arguments: list[str], environment: dict[str, str]) -> tuple[float, str]:
    """Start AlpacaSorter; return the seconds until the first paint, interpreter startup included, and the output."""
    start = time.time()
    output = subprocess.run(
        [sys.executable, "-c", _PROGRAM, *arguments], env=environment, capture_output=True, text=True, check=True
    ).stdout
    shown = next(line for line in output.splitlines() if line.startswith("shown"))
    return float(shown.split()[1]) - start, output


def main() -> None:
    """Print both."""
    with tempfile.TemporaryDirectory() as name:
        place = Path(name)
        environment = os.environ | {
            "ALPACASORTER_DATA_DIR": str(place / "data"),
            "ALPACASORTER_CACHE_DIR": str(place / "cache"),
            "XDG_CONFIG_HOME": str(place / "config"),
        }
        run([], environment)
        starts = [run([], environment)[0] for _ in range(STARTS)]
        middle, _, most = quantiles(starts)
        report("start to first window, median", f"{middle:.2f} s", "at most 0.5 s", middle <= 0.5)
        report("start to first window, slowest", f"{most:.2f} s", "", None)
        folder = fill(place / "filled")
        environment["ALPACASORTER_CACHE_DIR"] = str(place / "filled" / "cache")
        reopened = []
        for _ in range(3):
            _, output = run([str(folder)], environment)
            _, seconds, total, opened, *_ = next(
                line for line in output.splitlines() if line.startswith("full")
            ).split()
            assert (int(total), int(opened)) == (PHOTOS, 0)
            reopened.append(float(seconds))
        middle, _, most = quantiles(reopened)
        report(f"reopening {PHOTOS:,} unchanged photos, median", f"{middle:.2f} s", "at most 1 s", middle <= 1)
        report("reopening, slowest", f"{most:.2f} s", "", None)


if __name__ == "__main__":
    main()
