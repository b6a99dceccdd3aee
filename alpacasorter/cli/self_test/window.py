"""The self-test's window: shown offscreen, with pictures judged in it, and timed."""

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
"""How long to wait for something that takes a second."""
_STEP_MS = 5


def try_window(place: Path, timings: dict[str, float | None]) -> str:
    """Show the window, have it judge one picture of each format, and close it; return what was found.

    Args:
        place: a folder for pictures and settings; made.
        timings: gets the seconds from the start of the program to the first window and the first judged picture.

    Raises:
        SelfTestFailed: something did not come, or an error came that nothing has caught.
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
        _wait(lambda: first.at is not None, errors, "The window did not show")
        timings["first_window"] = first.at
        folder = _pictures(place / "photos")
        window.open_folder(folder)
        _wait(lambda: bool(pictures), errors, "No picture was judged and shown")
        timings["first_judged"] = round(pictures[0], 3)
        _wait(lambda: bool(finished), errors, "The folder was not judged to its end")
        judged = sum(row.probability is not None for row in window.page.store.rows)
        reasons = [f"{row.path.name}: {reasons.sentence(row.reason)}" for row in window.page.store.rows if row.reason]
        if reasons or judged != finished[-1].total:
            raise SelfTestFailed(f"{judged} of {finished[-1].total} pictures were judged. {'; '.join(reasons)}")
        return f"{judged} pictures judged in a window on {application.platformName()}"
    finally:
        application.removeEventFilter(first)
        window.close()
        # Where closing failed on its way, its threads would keep the program from ending.
        engine.shutdown()
        window.deleteLater()


def try_languages() -> str:
    """Have messages and Qt speak each language that is shipped, and return which those are.

    Raises:
        SelfTestFailed: a language can't be used, or none is there but English.
    """
    before = i18n.language()
    tried = []
    try:
        for language in i18n.languages():
            if i18n.use(language.code) != language.code:
                raise SelfTestFailed(f"{language.code} can't be used.")
            if pgettext("the name of this language", "English") != language.name:
                raise SelfTestFailed(f"Nothing is translated into {language.code}.")
            if language.code != i18n.ENGLISH and qt_translator(language.code) is None:
                raise SelfTestFailed(f"Qt has no translation into {language.code}.")
            tried.append(language.code)
    finally:
        i18n.use(before)
    if len(tried) < 2:
        raise SelfTestFailed(f"No translation is in {display_path(paths.locale_dir())}.")
    return ", ".join(tried)


class _FirstPaint(QObject):
    """Notes when something is painted for the first time."""

    def __init__(self, application: QApplication) -> None:
        super().__init__()
        self.at: float | None = None
        application.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Look for it; nothing is kept from anybody."""
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
    # Imported here: it brings Pillow, and the window must not wait for that.
    from alpacasorter.cli.self_test.samples import FORMATS, sample

    folder.mkdir(parents=True)
    for form in FORMATS:
        (folder / f"{form.lower()}.{form.lower()}").write_bytes(sample(form))
    return folder


def seconds_since_start() -> float:
    """Return the seconds since this process was started; where the system does not tell, since this was imported."""
    try:
        fields = Path("/proc/self/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
        return time.clock_gettime(time.CLOCK_BOOTTIME) - int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, AttributeError, IndexError):
        return time.perf_counter() - _IMPORTED


_IMPORTED = time.perf_counter()
