"""Time from a click until everything is judged again, with 10,000 photos in the open window, all or those of a filter.

python benchmarks/relearning.py [positive|negative|unsure]
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from common import quantiles, report
from filled import PHOTOS, fill

CLICKS = 40
BEAT_MS = 5


def main() -> None:
    """Click the tags of photos, one after the other, and time how long the window takes to show the result."""
    with tempfile.TemporaryDirectory() as name:
        folder = fill(Path(name))
        os.environ["ALPACASORTER_DATA_DIR"] = str(Path(name) / "data")
        os.environ["ALPACASORTER_CACHE_DIR"] = str(Path(name) / "cache")
        os.environ["XDG_CONFIG_HOME"] = str(Path(name) / "config")
        from PySide6.QtCore import QEventLoop, Qt, QTimer
        from PySide6.QtTest import QTest
        from PySide6.QtWidgets import QApplication

        from alpacasorter.ui.app import build_window
        from alpacasorter.ui.photo_filters import Filter
        from alpacasorter.ui.settings import Settings

        app = QApplication(sys.argv[:1])
        window = build_window(app, Settings(), "cpu")
        window.resize(1180, 780)
        window.show()
        finished: list[object] = []
        learned: list[object] = []
        window.engine.finished.connect(finished.append)
        window.engine.learned.connect(learned.append)
        window.open_folder(folder)
        while not finished:
            app.processEvents()
        if len(sys.argv) > 1:
            window.page.show_filter(Filter(sys.argv[1]))
        grid, model = window.page.grid, window.page.model
        # A timer that should fire every 5 ms shows how long the window is blocked.
        gaps: list[float] = []
        beat = QTimer(window, interval=BEAT_MS, timerType=Qt.TimerType.PreciseTimer)
        last_beat = [time.perf_counter()]

        def on_beat() -> None:
            now = time.perf_counter()
            gaps.append(1e3 * (now - last_beat[0]) - BEAT_MS)
            last_beat[0] = now

        beat.timeout.connect(on_beat)
        clicks: list[float] = []
        frozen: list[float] = []
        engine: list[float] = []
        for n in range(CLICKS):
            index = model.index(n * 7)
            grid.scrollTo(index)
            app.processEvents()
            place = grid.tag_rect(index).center()
            gaps.clear()
            start = last_beat[0] = time.perf_counter()
            beat.start()
            QTest.mouseClick(grid.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, place)
            while len(learned) <= n:
                app.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
            grid.viewport().repaint()
            clicks.append(1e3 * (time.perf_counter() - start))
            app.processEvents()
            on_beat()
            beat.stop()
            frozen.append(max(gaps))
            engine.append(1e3 * learned[-1].seconds)  # type: ignore[attr-defined]
        window.close()
    middle, high, most = quantiles(clicks)
    print(f"{PHOTOS:,} photos, {CLICKS} clicks; learning itself takes {quantiles(engine)[0]:.0f} ms (median)")
    report("click until all judged again and painted, median", f"{middle:.0f} ms", "", None)
    report("click until all judged again and painted, 95th percentile", f"{high:.0f} ms", "at most 100 ms", high <= 100)
    report("slowest click", f"{most:.0f} ms", "", None)
    middle, high, _ = quantiles(frozen)
    report(
        "longest time the window was blocked, 95th percentile",
        f"{high:.0f} ms",
        "at most 100 ms",
        high <= 100,
    )


if __name__ == "__main__":
    main()
