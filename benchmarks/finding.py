"""How long finding takes among 100,000 photos: each key of a search, each step of a dragged range, until it is painted.

The window's thread is measured by its own time (CPU), so that other programs don't count.
"""

from __future__ import annotations

import os
import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from common import quantiles, report

ROWS = 100_000
BUDGET_MS = 50
TYPED = ("img_0", "img_05", "day 1", "12 9", "IMG_0999", "day 150 img")


def fill(window: object) -> None:
    """Show 100,000 judged photos of ten years, in folders of 500."""
    from alpacasorter.core.events import Found, Judged, JudgedPhoto
    from alpacasorter.core.photo import PhotoFacts, PhotoFile
    from alpacasorter.ui.main_window import MainWindow

    assert isinstance(window, MainWindow)
    chance, page, root = random.Random(1), window.page, Path("/photos")
    window.stack.setCurrentWidget(page)
    page.begin(folder=root)
    for start in range(0, ROWS, 1000):
        numbers = range(start, start + 1000)
        paths = [root / f"Day {n // 500}" / f"IMG_{n:06}.jpg" for n in numbers]
        page.on_found(Found(tuple(PhotoFile(path, 1, 1) for path in paths)))
        judged = []
        for n, path in zip(numbers, paths, strict=True):
            taken = f"20{10 + n // 10_000:02}-{1 + n // 800 % 12:02}-{1 + n // 30 % 28:02}T{n % 24:02}:{n % 60:02}:00"
            judged.append(JudgedPhoto(path, f"{n:064x}", chance.random(), PhotoFacts(4000, 3000, taken, "JPEG"), None))
        page.model.on_judged(Judged(tuple(judged), 0))


def measure(window: object, app: object) -> dict[str, list[float]]:
    """Return the milliseconds of each key and each step of the mouse."""
    from PySide6.QtCore import QPoint, Qt
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    from alpacasorter.ui.main_window import MainWindow

    assert isinstance(window, MainWindow)
    assert isinstance(app, QApplication)
    panel = window.page.finding.panel

    def timed(act: Callable[[], object]) -> float:
        start = time.thread_time()
        act()
        for _ in range(3):
            app.processEvents()
        return 1e3 * (time.thread_time() - start)

    def rest() -> None:
        until = time.perf_counter() + 2.0
        while time.perf_counter() < until:
            app.processEvents()
            time.sleep(0.001)

    window.page.actions_.find.trigger()
    rest()
    typed: list[float] = []
    deleted: list[float] = []
    for words in TYPED:
        typed += [timed(partial(QTest.keyClicks, panel.field, letter)) for letter in words]
        deleted += [timed(partial(QTest.keyClick, panel.field, Qt.Key.Key_Backspace)) for _ in words]
    window.page.actions_.histograms.trigger()
    rest()
    steps: dict[str, list[float]] = {}
    for histogram in (panel.dates, panel.sureness):
        plot, y = histogram.plot(), histogram.plot().center().y()
        points = [QPoint(x, y) for x in range(plot.left() + 46, plot.right() - 10, 6)]
        QTest.mousePress(histogram, Qt.MouseButton.LeftButton, pos=points[0])
        times = [timed(partial(QTest.mouseMove, histogram, point)) for point in points]
        QTest.mouseRelease(histogram, Qt.MouseButton.LeftButton, pos=points[-1])
        steps[histogram.accessibleName()] = times
        panel.clear_all.click()
        rest()
    return {"key typed": typed, "key deleted": deleted} | {f"range of “{name}”": times for name, times in steps.items()}


def main() -> None:
    """Print all of it."""
    with tempfile.TemporaryDirectory() as name:
        os.environ["ALPACASORTER_DATA_DIR"] = str(Path(name) / "data")
        os.environ["ALPACASORTER_CACHE_DIR"] = str(Path(name) / "cache")
        os.environ["XDG_CONFIG_HOME"] = str(Path(name) / "config")
        from PySide6.QtWidgets import QApplication

        from alpacasorter.ui.app import build_window
        from alpacasorter.ui.settings import Settings

        app = QApplication(sys.argv[:1])
        window = build_window(app, Settings(), "cpu")
        window.resize(1600, 1000)
        window.show()
        app.processEvents()
        fill(window)
        app.processEvents()
        for what, times in measure(window, app).items():
            _middle, high, most = quantiles(times)
            report(
                f"{what}, 95th percentile of {len(times)}",
                f"{high:.1f} ms",
                f"at most {BUDGET_MS} ms",
                high <= BUDGET_MS,
            )
            report(f"{what}, longest", f"{most:.1f} ms", "", None)
        window.close()


if __name__ == "__main__":
    main()
