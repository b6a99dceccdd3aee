"""A walk through the window in the language for tests: each menu, each dialog, and what is said in them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from unittest import mock

from PySide6.QtCore import QEventLoop, QSettings, QTimer, QTranslator
from PySide6.QtGui import QAction, QDesktopServices, QKeySequence
from PySide6.QtWidgets import QApplication, QDialog, QFileDialog, QMainWindow, QMenu, QWidget

from alpacasorter import i18n
from alpacasorter.ui.app import build_window
from alpacasorter.ui.settings import Settings
from tests.command_tour import photos, run, words_of_the_model
from tests.pseudo import Seen, accented, unaccented
from tests.window_texts import cut_off, painted, shared_mnemonics, stretch, texts

SIZE = (1000, 700)
NAMES = ("Not alpaca", "Alpaca", "not alpaca", "alpaca", "MobileNetV3-Large")
"""The name and the classes of the model, which its author chose, and a backbone: they are not translated."""
_DIALOG_MS = 500
"""By then a dialog has what it asks the engine for."""
_STEP_MS = 150
"""By then the window has done what a menu asks for, mostly."""
_SECONDS = 60


class Accents(QTranslator):
    """Translates what Qt says itself, but for the names of keys."""

    def translate(self, context: str, source: str, disambiguation: str | None = None, n: int = -1) -> str | None:  # type: ignore[override]  # None leaves it as it is
        return None if context == "QShortcut" or not source else accented(source)

    def isEmpty(self) -> bool:
        return False


def tour(folder: Path, *, stretched: bool = False) -> Iterator[Seen]:
    """Yield what is read in the window and all its dialogs; the language for tests must be named by the environment.

    Args:
        folder: for photos and settings; made below it.
        stretched: make what is not translated longer, too, to see what will be cut off.
    """
    application = QApplication.instance() or QApplication([])
    assert isinstance(application, QApplication)
    i18n.use()
    accents = Accents()
    application.installTranslator(accents)
    settings = Settings(QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat))
    # Graphics drivers take their time.
    settings.device = "cpu"
    place = photos(folder)
    labels = _prepare(folder, place)
    window = build_window(application, settings)
    try:
        with _nothing_of_the_system(labels):
            yield from _Tour(window, folder, stretched=stretched).all(place)
    finally:
        window.close()
        window.deleteLater()
        application.removeTranslator(accents)
        i18n.use(i18n.ENGLISH)


def _prepare(folder: Path, place: Path) -> Path:
    """Have a sort in the history, and a file with labels; return that file."""
    from alpacasorter.cli import main

    labels = folder / "4321.json"
    run(lambda: main(["sort", str(place), "--into", str(folder / "9876"), "--action", "copy", "--device", "cpu"]))
    run(lambda: main(["export", str(place), "--json", "--out", str(labels), "--device", "cpu"]))
    return labels


@contextlib.contextmanager
def _nothing_of_the_system(labels: Path) -> Iterator[None]:
    """Show no dialog for files, which is the system's, and start no other program."""

    def asked(_parent: object, title: str = "", *_: Any, **__: Any) -> tuple[str, str]:
        _asked.append(title)
        return (str(labels), "") if "JSON" in str(_) or "json" in str(_) else ("", "")

    with (
        mock.patch.object(QFileDialog, "getOpenFileName", asked),
        mock.patch.object(QFileDialog, "getSaveFileName", return_value=("", "")),
        mock.patch.object(QFileDialog, "getExistingDirectory", lambda *given: _asked.append(str(given[1])) or ""),
        mock.patch.object(QDesktopServices, "openUrl", return_value=True),
    ):
        yield


_asked: list[str] = []
"""Titles of dialogs for files."""


class _Tour:
    def __init__(self, window: QMainWindow, folder: Path, *, stretched: bool) -> None:
        self._window = window
        self._stretched = stretched
        self._names = (*NAMES, *words_of_the_model(), str(folder), folder.name, "9876", "4321")
        self._seen: set[tuple[str, str]] = set()
        self._modal: list[Seen] = []

    def all(self, place: Path) -> Iterator[Seen]:
        """Go through everything, with the photos of a folder."""
        window = self._window
        finished: list[object] = []
        ready: list[object] = []
        window.engine.finished.connect(finished.append)  # type: ignore[attr-defined]
        window.engine.ready.connect(ready.append)  # type: ignore[attr-defined]
        window.resize(*SIZE)
        window.show()
        _asked.clear()  # an earlier tour was in another language
        yield from self._look("first page", window)
        _wait(lambda: bool(ready))
        yield from self._look("first page", window)
        window.open_folder(place)  # type: ignore[attr-defined]
        yield from self._look("reading", window)
        _wait(lambda: bool(finished))
        _idle(_DIALOG_MS)
        yield from self._look("photos", window)
        yield from self._menus(last=False)
        yield from self._menus(last=True)
        yield from self._look("first page again", window)
        for title in dict.fromkeys(_asked):
            yield from self._take("dialog for files", "title", title)

    def _menus(self, *, last: bool) -> Iterator[Seen]:
        """Trigger each action of the menus; `last` are those that close the folder, `not last` all others."""
        bar = self._window.menuBar()
        for menu in [action.menu() for action in bar.actions()]:
            assert isinstance(menu, QMenu)
            yield from self._look("menu", menu)
            for action in menu.actions():
                if _closes(action) == last and action.isEnabled() and not action.menu() and not _quits(action):
                    yield from self._trigger(action)

    def _trigger(self, action: QAction) -> Iterator[Seen]:
        where = action.text().replace("&", "").partition("\t")[0]
        before = _shown()
        modal = QTimer(self._window)
        modal.setInterval(_DIALOG_MS)
        modal.timeout.connect(lambda: self._on_modal(where))
        modal.start()
        action.trigger()
        modal.stop()
        yield from self._modal
        self._modal.clear()
        new = [dialog for dialog in _shown() if dialog not in before]
        _idle(_DIALOG_MS if new else _STEP_MS)
        for dialog in new:
            yield from self._look(where, dialog)
            dialog.close()
        yield from self._look(f"after {where}", self._window)

    def _on_modal(self, where: str) -> None:
        """Look at a dialog that waits for an answer, and give none."""
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QDialog):
            self._modal += self._look(where, dialog)
            dialog.reject()

    def _look(self, where: str, top: QWidget) -> Iterator[Seen]:
        if self._stretched:
            stretch(top, self._names)
        with painted() as words:
            # Twice: what is wider than its place is laid out again once it was shown.
            for _ in range(2):
                QApplication.processEvents()
                top.grab()
        for kind, text in (*texts(top), *(("painted", one) for one in words)):
            yield from self._take(where, kind, text)
        for letter, things in shared_mnemonics(top).items():
            yield Seen(where, " and ".join(things), cut=f"share the letter {letter}")
        # What is still being laid out is not cut off.
        first = set(cut_off(top))
        if first:
            _idle(_STEP_MS)
        for kind, text, why in sorted(first.intersection(cut_off(top))):
            if (where, f"{kind} {text}") not in self._seen:
                self._seen.add((where, f"{kind} {text}"))
                yield Seen(f"{where}: {kind}", text, cut=why)
        if top.isVisible() and top.width() > SIZE[0]:
            yield Seen(where, top.windowTitle(), cut=f"is {top.width()} pixels wide")

    def _take(self, where: str, kind: str, text: str) -> Iterator[Seen]:
        if text.strip() and ("", text) not in self._seen:
            self._seen.add(("", text))
            yield Seen(f"{where}: {kind}", text, unaccented(text, self._names))


def _closes(action: QAction) -> bool:
    return action.shortcut() in QKeySequence.keyBindings(QKeySequence.StandardKey.Close)


def _quits(action: QAction) -> bool:
    return action.menuRole() == QAction.MenuRole.QuitRole


def _shown() -> list[QWidget]:
    return [widget for widget in QApplication.topLevelWidgets() if widget.isVisible() and isinstance(widget, QDialog)]


def _idle(milliseconds: int) -> None:
    loop = QEventLoop()
    QTimer.singleShot(milliseconds, loop.quit)
    loop.exec()


def _wait(condition: Callable[[], bool]) -> None:
    for _ in range(_SECONDS * 20):
        if condition():
            return
        _idle(50)
    raise TimeoutError("the window has not done in a minute what it should")
