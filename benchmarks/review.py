"""A person reviews photos with keys: how many keys, how long until the next photo is painted, what the window costs.

python benchmarks/review.py [ROWS]

1,000 photos, 40 of them with a wrong tag, are gone through with real key events in the real window and with the real
model: each photo that is right is confirmed, each that is wrong is labeled; the app learns meanwhile. Some of them are
gone through once more in the loupe, and half of them with a key that is held. Then ROWS photos
(100,000 by default) are gone through, for which the events of learning are made up, because only the window is timed.

All times are of the wall clock; next to them stands the processor time of the window's thread, which says more on a
computer that is busy with something else.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from common import quantiles, report
from filled import fill

if TYPE_CHECKING:
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QApplication

    from alpacasorter.ui.main_window import MainWindow
    from alpacasorter.ui.photo_row import PhotoRow

PHOTOS, WRONG = 1_000, 40
IN_LOUPE = 200
ROWS = 100_000
ROWS_LOOKED_AT = 300
LOOKS_S = 0.1
"""How long a photo is looked at, which is when the app learns; people take longer."""
REPEATS_S = 1 / 30
BEAT_S = 0.005
KEYS_MOST, PAINTED_MS, BLOCKED_MS = 1.1, 50, 50


class Person:
    """Presses keys in a window and measures what follows.

    Attributes:
        keys: how many were pressed.
        painted: milliseconds from each key until the photo that is current then was painted.
        spent: milliseconds of processor time of the window's thread in that time.
        frames: milliseconds of each turn of the event loop in which something happened.
        turns: the processor time of the window's thread in them, milliseconds.
        own: seconds of processor time of the window's thread, in all.
    """

    def __init__(self, app: QApplication, window: MainWindow) -> None:
        self._app = app
        self._window = window
        self._grid = window.page.grid
        self.keys = 0
        self.painted: list[float] = []
        self.spent: list[float] = []
        self.frames: list[float] = []
        self.turns: list[float] = []
        self.own = 0.0

    @property
    def current(self) -> PhotoRow:
        row = self._grid.current_photo()
        assert row is not None
        return row

    def press(self, key: Qt.Key) -> None:
        """Press a key and wait until the photo that is current then has been painted."""
        from PySide6.QtTest import QTest

        self.keys += 1
        start, spent = time.perf_counter(), time.thread_time()
        QTest.keyClick(self._window.windowHandle(), key)
        while self._grid.seen is not self._grid.current_photo():
            self._turn()
        self.painted.append(1e3 * (time.perf_counter() - start))
        self.spent.append(1e3 * (time.thread_time() - spent))
        self.own += time.thread_time() - spent

    def look(self, seconds: float) -> None:
        """Do nothing for some time, as the window learns and paints."""
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            self._turn()
            time.sleep(0.001)

    def wait(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self.look(0.005)

    def _turn(self) -> None:
        start, spent = time.perf_counter(), time.thread_time()
        self._app.processEvents()
        took, own = time.perf_counter() - start, time.thread_time() - spent
        self.own += own
        if took > 2e-4:
            self.frames.append(1e3 * took)
            self.turns.append(1e3 * own)


@contextmanager
def longest_block(window: MainWindow) -> Iterator[list[float]]:
    """Note for how long the window was blocked, milliseconds: a timer that should fire every 5 ms tells."""
    from PySide6.QtCore import Qt, QTimer

    gaps: list[float] = [0.0]
    last = [time.perf_counter()]
    beat = QTimer(window, interval=round(1e3 * BEAT_S), timerType=Qt.TimerType.PreciseTimer)

    def on_beat() -> None:
        now = time.perf_counter()
        gaps.append(1e3 * (now - last[0] - BEAT_S))
        last[0] = now

    beat.timeout.connect(on_beat)
    beat.start()
    yield gaps
    beat.stop()


def tell(what: str, person: Person, photos: int, gaps: list[float]) -> None:
    """Print what a review took."""
    keys = person.keys / photos
    report(f"{what}: keys a photo looked at", f"{keys:.2f}", f"at most {KEYS_MOST}", keys <= KEYS_MOST)
    report(f"{what}: own time of the window a photo", f"{person.own / photos:.4f} s", "", None)
    middle, high, most = quantiles(person.painted)
    own, own_high, _most = quantiles(person.spent)
    report(f"{what}: key to photo painted, median", f"{middle:.1f} ms ({own:.1f} own)", "", None)
    words = f"{high:.1f} ms ({own_high:.1f} own)"
    report(f"{what}: key to photo painted, 95th percentile", words, f"at most {PAINTED_MS} ms", high <= PAINTED_MS)
    report(f"{what}: key to photo painted, longest", f"{most:.1f} ms", "", None)
    middle, high, most = quantiles(person.frames)
    report(f"{what}: turn of the event loop, median, 95th percentile", f"{middle:.1f}, {high:.1f} ms", "", None)
    blocked, own = max(gaps), max(*person.turns, *person.spent)
    report(
        f"{what}: longest block", f"{blocked:.0f} ms ({own:.0f} own)", f"at most {BLOCKED_MS} ms", blocked <= BLOCKED_MS
    )


def review(app: QApplication, window: MainWindow, folder: Path) -> None:
    """Open the photos of a folder and review them all."""
    from PySide6.QtCore import Qt

    from alpacasorter.ui.photo_filters import Filter

    finished: list[object] = []
    learned: list[object] = []
    window.engine.finished.connect(finished.append)
    window.engine.learned.connect(learned.append)
    window.open_folder(folder)
    person = Person(app, window)
    person.wait(lambda: bool(finished))
    person.look(1.0)
    store = window.page.store
    # The truth is what the model says, but for some of those that it is least sure of, as people find them.
    doubtful = sorted(store.rows, key=store.uncertainty)[: 3 * WRONG : 3]
    truth = {
        row: store.labels.other(store.label(row)) if row in set(doubtful) else store.label(row) for row in store.rows
    }

    only_looking = Person(app, window)
    with longest_block(window) as gaps:
        for _ in range(PHOTOS // 4):
            only_looking.press(Qt.Key.Key_Right)
            only_looking.look(0.01)
    tell("looking only", only_looking, PHOTOS // 4, gaps)
    window.page.grid.go_to(window.page.model.index(0))
    person.look(0.2)

    person = Person(app, window)
    with longest_block(window) as gaps:
        for _ in range(PHOTOS):
            row = person.current
            shown = window.page.grid.delegate.shown_label(row)
            if shown == truth[row]:
                person.press(Qt.Key.Key_C)
            else:
                person.press(Qt.Key.Key_A if truth[row] == store.labels.positive else Qt.Key.Key_N)
            person.look(LOOKS_S)
        person.wait(lambda: store.counts[Filter.CORRECTED] == PHOTOS)
    tell("reviewing while the app learns", person, PHOTOS, gaps)
    right = sum(row.correction == truth[row] for row in store.rows)
    report("photos with the right label in the end", f"{right:,} of {PHOTOS:,}", "all", right == PHOTOS)
    print(f"learned {len(learned)} times")

    start_over(person, window)
    person.press(Qt.Key.Key_Return)
    person.look(0.5)
    larger = Person(app, window)
    with longest_block(window) as gaps:
        for _ in range(IN_LOUPE):
            larger.press(Qt.Key.Key_C)
            larger.look(LOOKS_S)
    tell("in the loupe while the app learns", larger, IN_LOUPE, gaps)
    larger.press(Qt.Key.Key_Escape)

    start_over(person, window)
    held = Person(app, window)
    with longest_block(window) as gaps:
        hold(held, app, window, PHOTOS // 2)
        held.wait(lambda: store.counts[Filter.CORRECTED] >= PHOTOS // 2)
    tell("holding C at 30 a second", held, PHOTOS // 2, gaps)
    labeled = [row.correction is not None for row in window.page.model.listed]
    whole = labeled == [n < PHOTOS // 2 for n in range(PHOTOS)]
    report("photos passed over or labeled twice by a held key", "0" if whole else "some", "none", whole)


def start_over(person: Person, window: MainWindow) -> None:
    """Remove all labels, and go to the first photo."""
    from PySide6.QtCore import Qt

    from alpacasorter.ui.photo_filters import Filter

    window.page.grid.setFocus()
    window.page.grid.selectAll()
    person.press(Qt.Key.Key_Backspace)
    person.wait(lambda: window.page.store.counts[Filter.CORRECTED] == 0)
    window.page.grid.go_to(window.page.model.index(0))
    person.look(0.5)


def hold(person: Person, app: QApplication, window: MainWindow, photos: int) -> None:
    """Hold C until so many photos have been labeled; the keyboard repeats it 30 times a second."""
    from PySide6.QtCore import QEvent, Qt
    from PySide6.QtGui import QKeyEvent

    grid, first = window.page.grid, True
    start = grid.currentIndex().row()
    while grid.currentIndex().row() < start + photos:
        begun, spent = time.perf_counter(), time.thread_time()
        for kind in (QEvent.Type.KeyPress,):
            event = QKeyEvent(kind, Qt.Key.Key_C, Qt.KeyboardModifier.NoModifier, 54, 0, 0, "c", not first)
            app.sendEvent(window.windowHandle(), event)
        first = False
        person.keys += 1
        while grid.seen is not grid.current_photo():
            person._turn()
        person.painted.append(1e3 * (time.perf_counter() - begun))
        person.spent.append(1e3 * (time.thread_time() - spent))
        person.own += time.thread_time() - spent
        person.look(max(0.0, REPEATS_S - (time.perf_counter() - begun)))


def review_many(app: QApplication, window: MainWindow, rows: int) -> None:
    """Go through some of very many photos, while the window hears of learning after each key."""
    import numpy as np
    from PySide6.QtCore import Qt, QTimer

    from alpacasorter.core.events import Found, Judged, JudgedPhoto, Learned
    from alpacasorter.core.photo import PhotoFacts, PhotoFile

    page = window.page
    window.close_folder()
    window.stack.setCurrentWidget(page)
    page.begin()
    facts = PhotoFacts(4000, 3000, None, "JPEG")
    paths = [Path(f"/photos/IMG_{n:06}.jpg") for n in range(rows)]
    random = np.random.default_rng(5)
    said = random.beta(0.3, 0.3, rows)
    for start in range(0, rows, 1000):
        part = paths[start : start + 1000]
        page.on_found(Found(tuple(PhotoFile(path, 1, 1) for path in part)))
        judged = (
            JudgedPhoto(path, f"{start + n:064x}", float(said[start + n]), facts, None) for n, path in enumerate(part)
        )
        page.model.on_judged(Judged(tuple(judged), 0))
    keys = tuple(f"{n:064x}" for n in range(rows))
    version, waiting = [0], {}
    page.corrections.requested.disconnect(window.engine.correct)

    def learn() -> None:
        if not waiting:
            return
        version[0] += 1
        before = said.copy()
        said[:] = np.clip(said + random.normal(0, 0.004, rows), 0.001, 0.999)
        flipped = np.flatnonzero((before >= 0.5) != (said >= 0.5))
        changes = dict(waiting)
        waiting.clear()
        page.on_learned(
            Learned(1, changes, keys, said.astype(np.float32), tuple(keys[n] for n in flipped.tolist()), version[0])
        )

    page.corrections.requested.connect(lambda changes, _paths: waiting.update(changes))
    learning = QTimer(window, interval=120)
    learning.timeout.connect(learn)
    person = Person(app, window)
    person.look(1.0)
    for what, on in (("without learning", False), ("while the app learns", True)):
        page.grid.go_to(page.model.index(rows // 2))
        person.look(0.5)
        person = Person(app, window)
        if on:
            learning.start()
        with longest_block(window) as gaps:
            for n in range(ROWS_LOOKED_AT):
                person.press((Qt.Key.Key_C, Qt.Key.Key_C, Qt.Key.Key_N, Qt.Key.Key_Right)[n % 4])
                person.look(0.03)
        tell(f"{rows:,} rows, {what}", person, ROWS_LOOKED_AT, gaps)
    learning.stop()


def main() -> None:
    """Review 1,000 photos, then some of many more."""
    with tempfile.TemporaryDirectory() as name:
        folder = fill(Path(name), PHOTOS)
        os.environ["ALPACASORTER_DATA_DIR"] = str(Path(name) / "data")
        os.environ["ALPACASORTER_CACHE_DIR"] = str(Path(name) / "cache")
        os.environ["XDG_CONFIG_HOME"] = str(Path(name) / "config")
        from PySide6.QtWidgets import QApplication

        from alpacasorter.ui.app import build_window
        from alpacasorter.ui.settings import Settings

        app = QApplication(sys.argv[:1])
        window = build_window(app, Settings(), "cpu")
        window.resize(1180, 780)
        window.show()
        review(app, window, folder)
        review_many(app, window, int(sys.argv[1]) if len(sys.argv) > 1 else ROWS)
        window.close()


if __name__ == "__main__":
    main()
