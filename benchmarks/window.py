"""How long the window takes per frame: scrolling through 100,000 photos, and while scanning a folder."""

from __future__ import annotations

import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from common import quantiles, report, twelve_megapixel_jpegs

ROWS = 100_000
STEPS = 300
SCANNED = 200
FRAME_MS = 16


def scrolling(window: object) -> list[float]:
    """Return the milliseconds of each repaint while scrolling through 100,000 judged photos with thumbnails."""
    from PySide6.QtGui import QImage

    from alpacasorter.core.events import Found, Judged, JudgedPhoto
    from alpacasorter.core.photo import PhotoFacts, PhotoFile
    from alpacasorter.ui.main_window import MainWindow

    assert isinstance(window, MainWindow)
    page = window.page
    window.stack.setCurrentWidget(page)
    page.begin()
    facts = PhotoFacts(4000, 3000, None, "JPEG")
    paths = [Path(f"/photos/IMG_{n:06}.jpg") for n in range(ROWS)]
    for start in range(0, ROWS, 1000):
        part = paths[start : start + 1000]
        page.on_found(Found(tuple(PhotoFile(path, 1, 1) for path in part)))
        judged = tuple(
            JudgedPhoto(path, f"key{start + n}", (n % 100) / 100, facts, None) for n, path in enumerate(part)
        )
        page.model.on_judged(Judged(judged, 0))
    image = QImage(184, 138, QImage.Format.Format_RGB32)
    image.fill(0xFF336699)
    thumbnails = page.thumbnails
    bar = page.grid.verticalScrollBar()
    times = []
    for step in range(STEPS):
        bar.setValue(bar.maximum() * step // STEPS)
        for place in page.grid.visible_rows():
            row = page.model.photo(page.model.index(place))
            thumbnails.get(str(row.key), row.path)
            thumbnails._on_loaded(str(row.key), image)
        start_time = time.perf_counter()
        page.grid.viewport().repaint()
        times.append(1e3 * (time.perf_counter() - start_time))
    return times


def scanning(window: object, app: object, folder: Path) -> list[float]:
    """Return the milliseconds of each event loop iteration while scanning 12-megapixel photos."""
    from PySide6.QtWidgets import QApplication

    from alpacasorter.ui.main_window import MainWindow

    assert isinstance(window, MainWindow)
    assert isinstance(app, QApplication)
    finished: list[object] = []
    window.engine.finished.connect(finished.append)
    window.open_folder(folder)
    times = []
    while not finished:
        start = time.perf_counter()
        app.processEvents()
        spent = 1e3 * (time.perf_counter() - start)
        # An iteration in which nothing happened is not a frame.
        if spent > 0.2:
            times.append(spent)
        time.sleep(0.001)
    return times


def main() -> None:
    """Print both."""
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
        for what, times in (
            (f"frame while scrolling {ROWS:,} photos", scrolling(window)),
            (
                "event loop iteration while scanning",
                scanning(window, app, twelve_megapixel_jpegs(Path(name) / "photos", SCANNED)[0].parent),
            ),
        ):
            middle, high, most = quantiles(times)
            report(f"{what}, median of {len(times)}", f"{middle:.1f} ms", "", None)
            report(f"{what}, 95th percentile", f"{high:.1f} ms", f"at most {FRAME_MS} ms", high <= FRAME_MS)
            report(f"{what}, longest", f"{most:.1f} ms", "", None)
        window.close()


if __name__ == "__main__":
    main()
