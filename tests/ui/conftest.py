"""A window with photos whose engine is not started: quick, and what it asks of the engine can be read."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.core.events import Finished, Found, Judged, Learned
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.session_paths import Places
from alpacasorter.ui.main_window import MainWindow
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.engine import Engine
from tests.ui.test_photo_store import LABELS, photo

FINISHED = Finished(total=0, judged=0, unreadable=0, opened=0, left_alone=0, seconds=0.1, canceled=False)


class Hands:
    """A user of a window with photos 100, 101, …: keys and clicks arrive as they do from the system."""

    def __init__(self, window: MainWindow, qtbot: QtBot) -> None:
        self.window = window
        self.page = window.page
        self.grid = window.page.grid
        self.qtbot = qtbot
        self.asked: list[dict[str, str | None]] = []
        self._version = 0
        window.page.corrections.requested.connect(lambda changes, _paths: self.asked.append(changes))

    def show(self, count: int, probability: float = 0.9) -> None:
        """Show so many photos, all judged."""
        page, numbers = self.page, range(100, 100 + count)
        page.set_labels(LABELS)
        self.window.stack.setCurrentWidget(page)
        page.begin()
        page.on_found(Found(tuple(PhotoFile(Path(f"/p/{n}.jpg"), 1, 1) for n in numbers)))
        page.model.on_judged(Judged(tuple(photo(n, probability) for n in numbers), 0))
        page.on_finished(FINISHED)
        self.settle()

    def settle(self) -> None:
        """Let the window lay out and paint."""
        self.qtbot.wait(150)

    def row(self, number: int) -> PhotoRow:
        row = self.page.store.row_of(Path(f"/p/{number}.jpg"))
        assert row is not None
        return row

    def learn(self, probabilities: dict[int, float], changes: dict[str, str | None] | None = None) -> None:
        """Have the window hear that other photos are judged otherwise now; it has not painted that yet."""
        self._version += 1
        rows = self.page.store.rows
        after = [probabilities.get(int(row.path.stem), row.probability) for row in rows]
        flipped = tuple(
            str(row.key) for row, now in zip(rows, after, strict=True) if (row.probability >= 0.5) != (now >= 0.5)
        )
        self.page.on_learned(
            Learned(
                corrections=1,
                changes=changes or {},
                keys=tuple(str(row.key) for row in rows),
                probabilities=np.array(after, dtype=np.float32),
                changed=flipped,
                head_version=self._version,
            )
        )

    def press(self, key: Qt.Key, modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier) -> None:
        """Press a key where the system would send it: to the window, from which Qt finds the menu or widget."""
        QTest.keyClick(self.window.windowHandle(), key, modifiers)

    def type_key(
        self,
        code: int,
        text: str,
        *,
        scan: int = 0,
        virtual: int = 0,
        repeated: bool = False,
        modifiers: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
    ) -> None:
        """Press a key of which the system tells more: its place, and whether it is held."""
        for kind in (QKeyEvent.Type.KeyPress, QKeyEvent.Type.KeyRelease):
            event = QKeyEvent(kind, code, modifiers, scan, virtual, 0, text, repeated)
            QApplication.sendEvent(self.window.windowHandle(), event)

    def focus(self, widget: QWidget) -> None:
        widget.setFocus(Qt.FocusReason.TabFocusReason)
        assert QApplication.focusWidget() is widget


@pytest.fixture
def hands(qapp: QApplication, qtbot: QtBot, tmp_path: Path) -> Iterator[Hands]:
    """A window with 12 photos, all of them tagged as the positive class."""
    settings = Settings(QSettings(str(tmp_path / "settings.ini"), QSettings.Format.IniFormat))
    engine = Engine(Places(None, tmp_path / "data", tmp_path / "cache"), "cpu")
    window = MainWindow(engine, settings, Theme(qapp))
    engine.setParent(window)
    window.resize(1000, 700)
    window.show()
    window.activateWindow()
    qtbot.waitActive(window)
    user = Hands(window, qtbot)
    user.show(12)
    yield user
    window.close()
    window.deleteLater()
