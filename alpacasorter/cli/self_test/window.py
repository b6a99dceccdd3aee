"""The checks of the self-test in a window, which is shown offscreen and timed, and in each language."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QEvent, QEventLoop, QObject, QSettings, QTimer
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QApplication

from alpacasorter import i18n, paths
from alpacasorter.cli.self_test.report import SelfTestFailed
from alpacasorter.core import reasons
from alpacasorter.core.events import Finished
from alpacasorter.core.files import display_path
from alpacasorter.i18n import pgettext
from alpacasorter.ui.app import build_window
from alpacasorter.ui.language import qt_translator
from alpacasorter.ui.settings import Settings
from alpacasorter.workers.pictures import ThumbnailLoader

_SECONDS = 60.0
"""Timeout for steps that normally take a second."""
_STEP_MS = 5


def try_window(place: Path, timings: dict[str, float | None]) -> str:
    """Show the window, judge one picture in each format in it, and close it; return the result.

    Args:
        place: a folder for pictures and settings; it is created.
        timings: receives the seconds from the start of the program to the first window and the first judged picture.

    Raises:
        SelfTestFailed: something did not happen in time, or an exception was not caught.
    """
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    errors: list[str] = []

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        errors.append(f"{kind.__name__}: {error}")

    before, sys.excepthook = sys.excepthook, hook
    try:
        words = _try(place, timings, errors)
    finally:
        sys.excepthook = before
    if errors:
        raise SelfTestFailed("; ".join(errors))
    return words


def _try(place: Path, timings: dict[str, float | None], errors: list[str]) -> str:
    application = QApplication.instance() or QApplication([sys.argv[0] if sys.argv else ""])
    assert isinstance(application, QApplication)
    settings = Settings(QSettings(str(place / "settings.ini"), QSettings.Format.IniFormat))
    window = build_window(application, settings, "cpu")
    engine = window.engine
    first = _FirstPaint(application)
    finished: list[Finished] = []
    pictures: list[float] = []
    engine.failed.connect(errors.append)
    engine.finished.connect(finished.append)
    loader = window.findChild(ThumbnailLoader)
    assert loader is not None

    def on_loaded(_key: str, image: QImage) -> None:
        if not image.isNull():
            pictures.append(seconds_since_start())

    loader.loaded.connect(on_loaded)
    try:
        window.show()
        _wait(lambda: first.at is not None, errors, "The window was not shown")
        timings["first_window"] = first.at
        folder = _pictures(place / "photos")
        window.open_folder(folder)
        _wait(lambda: bool(pictures), errors, "No picture was judged and shown")
        timings["first_judged"] = round(pictures[0], 3)
        _wait(lambda: bool(finished), errors, "The folder was not judged completely")
        judged = sum(row.probability is not None for row in window.page.store.rows)
        failed = [f"{row.path.name}: {reasons.sentence(row.reason)}" for row in window.page.store.rows if row.reason]
        if failed or judged != finished[-1].total:
            raise SelfTestFailed(f"{judged} of {finished[-1].total} pictures were judged. {'; '.join(failed)}")
        return f"{judged} pictures judged in a window on {application.platformName()}"
    finally:
        application.removeEventFilter(first)
        window.close()
        # If closing fails, its threads would keep the program from exiting.
        engine.shutdown()
        window.deleteLater()


def try_languages() -> str:
    """Use each language that is installed, in messages and in Qt, and return their codes.

    Raises:
        SelfTestFailed: a language can't be used, or there is only English.
    """
    before = i18n.language()
    tried = []
    try:
        for language in i18n.languages():
            if i18n.use(language.code) != language.code:
                raise SelfTestFailed(f"{language.code} can't be used.")
            if pgettext("the name of this language", "English") != language.name:
                raise SelfTestFailed(f"The catalog of {language.code} is empty.")
            if language.code != i18n.ENGLISH and qt_translator(language.code) is None:
                raise SelfTestFailed(f"Qt has no translation for {language.code}.")
            tried.append(language.code)
    finally:
        i18n.use(before)
    if len(tried) < 2:
        raise SelfTestFailed(f"There are no translations in {display_path(paths.locale_dir())}.")
    return ", ".join(tried)


class _FirstPaint(QObject):
    """Records the time of the first paint event.

    Attributes:
        at: seconds since the start of the program; None before the event.
    """

    def __init__(self, application: QApplication) -> None:
        super().__init__()
        self.at: float | None = None
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Record the first paint event; no event is filtered out."""
        if self.at is None and event.type() == QEvent.Type.Paint:
            self.at = round(seconds_since_start(), 3)
        return False


def _wait(condition: Callable[[], bool], errors: list[str], otherwise: str) -> None:
    until = time.monotonic() + _SECONDS
    while not condition():
        if errors:
            raise SelfTestFailed("; ".join(errors))
        if time.monotonic() > until:
            raise SelfTestFailed(f"{otherwise} within {_SECONDS:.0f} seconds.")
        loop = QEventLoop()
        QTimer.singleShot(_STEP_MS, loop.quit)
        loop.exec()


def _pictures(folder: Path) -> Path:
    # Imported here: it imports Pillow, which would delay the window.
    from alpacasorter.cli.self_test.samples import FORMATS, sample

    folder.mkdir(parents=True)
    for form in FORMATS:
        (folder / f"{form.lower()}.{form.lower()}").write_bytes(sample(form))
    return folder


def seconds_since_start() -> float:
    """Return the seconds since this process started; on systems other than Linux, since this module was imported."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError, IndexError):
        return time.perf_counter() - _IMPORTED


_IMPORTED = time.perf_counter()
