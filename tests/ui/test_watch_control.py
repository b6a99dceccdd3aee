"""Watching and the main window: the switch in the menu, the status bar, and messages."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QApplication, QLabel, QMainWindow

from alpacasorter.core.events import Found, Placed
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.core.watching.events import Gone, WatchState
from alpacasorter.ui.photos.page import BrowsePage
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.watch_control import WatchControl
from alpacasorter.ui.widgets.banners import BannerBar, NoticeBanner
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.wording import text
from alpacasorter.workers.pictures import PreviewLoader, ThumbnailLoader
from alpacasorter.workers.watching import WatchService

WELL = WatchState(online=True, polling=False, notice="")
POLLING = WatchState(online=True, polling=True, notice="This is a network drive, so AlpacaSorter looks instead.")
OFFLINE = WatchState(online=False, polling=False, notice="The folder is not there. AlpacaSorter waits.")


class FakeWatching(WatchService):
    """Watches nothing, and notes down what is asked of it."""

    is_watching = False

    def __init__(self) -> None:
        super().__init__(lambda: None, lambda _event: None, lambda event: event)
        self.stops = 0
        self.checked: list[Path] = []

    def check_folder(self, folder: Path) -> None:
        self.checked.append(folder)

    def stop(self) -> None:
        self.stops += 1


class FakeEngine(QObject):
    """Has nothing but the watching."""

    finished = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.watching = FakeWatching()
        self.begun = 0

    def watch_folder(self) -> None:
        self.begun += 1


class Setting:
    def __init__(self, qapp: QApplication, settings: Settings) -> None:
        theme = Theme(qapp)
        self.thumbnails, self.previews = ThumbnailLoader(), PreviewLoader()
        self.window = QMainWindow()
        self.window.statusBar().addWidget(QLabel("A summary", self.window), 1)
        bar = BannerBar(theme, self.window)
        self.page = BrowsePage(self.thumbnails, self.previews, settings, theme, bar, self.window)
        self.notice = NoticeBanner(bar)
        self.engine = FakeEngine()
        self.folder: Path | None = Path("/photos/hike")
        self.control = WatchControl(
            self.window,
            self.engine,  # type: ignore[arg-type]
            self.page,
            self.notice,
            settings,
            lambda: self.folder,
        )

    def said(self) -> str:
        return self.notice.words.text() if self.notice.wanted else ""

    def status(self) -> str:
        return "" if self.control.label.isHidden() else self.control.label.text()

    def close(self) -> None:
        self.thumbnails.close()
        self.previews.close()
        self.window.deleteLater()


@pytest.fixture
def setting(qapp: QApplication) -> Iterator[Setting]:
    setting = Setting(qapp, Settings())
    yield setting
    setting.close()


def test_a_folder_is_watched_after_its_scan(setting: Setting) -> None:
    assert setting.page.actions_.watch.isChecked(), "it is on by default"
    assert setting.status() == ""
    setting.engine.finished.emit(None)
    assert setting.engine.begun == 1
    setting.engine.watching.state.emit(WELL)
    assert setting.status() == "Watching"
    assert setting.said() == ""
    setting.page.begin()
    assert setting.status() == "", "another folder is being opened"


def test_turning_it_off_stops_at_once_and_is_remembered(setting: Setting) -> None:
    setting.engine.finished.emit(None)
    setting.engine.watching.state.emit(POLLING)
    assert setting.said() == POLLING.notice
    setting.page.actions_.watch.trigger()
    assert setting.engine.watching.stops == 1
    assert setting.status() == ""
    assert setting.said() == ""
    assert not Settings().watch
    setting.engine.finished.emit(None)
    assert setting.engine.begun == 1
    setting.page.actions_.watch.trigger()
    assert setting.engine.begun == 2
    assert Settings().watch


def test_off_stays_off(qapp: QApplication) -> None:
    settings = Settings()
    settings.watch = False
    setting = Setting(qapp, settings)
    assert not setting.page.actions_.watch.isChecked()
    setting.engine.finished.emit(None)
    assert setting.engine.begun == 0
    setting.close()


def test_nothing_is_watched_without_a_folder(setting: Setting) -> None:
    setting.folder = None
    setting.engine.finished.emit(None)
    setting.engine.watching.state.emit(WELL)
    assert setting.engine.begun == 0
    assert setting.status() == ""


def test_photos_of_a_missing_folder_stay_listed(setting: Setting) -> None:
    setting.page.on_found(Found((PhotoFile(Path("/photos/hike/1.jpg"), 1, 1),)))
    setting.engine.watching.state.emit(WELL)
    setting.notice.tell("Something else.")
    setting.engine.watching.state.emit(OFFLINE)
    assert setting.status() == "Folder unavailable"
    assert setting.control.label.toolTip() == OFFLINE.notice
    offline = text.offline(Path("hike"))
    assert setting.said() == f"{offline}\nSomething else.", "the latest first"
    assert setting.page.model.rowCount() == 1
    setting.engine.watching.state.emit(WELL)
    assert setting.said() == "Something else."
    assert setting.status() == "Watching"
    # It is shown each time.
    setting.engine.watching.state.emit(OFFLINE)
    assert offline in setting.said()
    setting.control.rest()
    assert setting.said() == "Something else."


def test_a_missing_folder_is_not_scanned(setting: Setting, tmp_path: Path) -> None:
    setting.folder = tmp_path / "hike"
    setting.folder.mkdir()
    setting.engine.watching.is_watching = True
    assert not setting.control.is_missing(), "nothing is known about it yet"
    setting.engine.watching.state.emit(WELL)
    assert not setting.control.is_missing()
    assert setting.said() == ""
    # The watch has not noticed yet.
    setting.folder.rmdir()
    assert setting.control.is_missing()
    offline = text.offline(Path("hike"))
    assert setting.said() == offline
    setting.engine.watching.state.emit(OFFLINE)
    setting.notice.hide()
    assert setting.control.is_missing()
    assert setting.said() == offline
    setting.engine.watching.state.emit(WELL)
    assert setting.said() == ""
    # Checking a folder on a network drive might block the window.
    setting.engine.watching.state.emit(POLLING)
    assert not setting.control.is_missing()
    setting.control.rest()
    assert not setting.control.is_missing()


def test_a_folder_that_is_not_watched_is_checked_before_a_scan(setting: Setting) -> None:
    rescans: list[bool] = []
    setting.page.actions_.rescan.setEnabled(True)
    setting.page.actions_.rescan.triggered.connect(lambda: rescans.append(setting.control.is_missing()))
    rescan, watching = setting.page.actions_.rescan.trigger, setting.engine.watching
    hike = Path("/photos/hike")
    rescan()
    rescan()
    assert rescans == [True, True], "it is not opened until it is found"
    assert watching.checked == [hike], "checked once"
    watching.folder_checked.emit(hike, False)
    offline = text.offline(Path("hike"))
    assert setting.said() == offline
    assert len(rescans) == 2
    rescan()
    assert watching.checked == [hike, hike]
    watching.folder_checked.emit(hike, True)
    assert rescans == [True, True, True, False], "it exists, so it is scanned again"
    rescan()
    assert rescans[4:] == [True], "it may be gone the next time"
    # Another folder is opened before the answer comes.
    setting.folder = Path("/photos/other")
    setting.page.begin()
    setting.notice.hide()
    watching.folder_checked.emit(hike, True)
    watching.folder_checked.emit(hike, False)
    assert len(rescans) == 5
    assert setting.said() == ""


def test_the_reason_for_polling_is_shown_once(setting: Setting) -> None:
    setting.engine.watching.state.emit(POLLING)
    assert setting.status() == "Checking periodically"
    assert setting.control.label.toolTip() == POLLING.notice
    assert setting.said() == POLLING.notice
    setting.notice.hide()
    setting.page.begin(same_folder=True)
    setting.engine.watching.state.emit(POLLING)
    assert setting.status() == "Checking periodically"
    assert setting.said() == ""


def test_a_failure_is_shown(setting: Setting) -> None:
    setting.engine.watching.state.emit(WELL)
    setting.engine.watching.failed.emit("There is not enough memory.")
    assert setting.said().startswith("The folder is no longer watched.")
    assert setting.said().endswith("There is not enough memory.")
    assert setting.status() == ""


def test_events_reach_the_page(setting: Setting) -> None:
    paths = [Path(f"/photos/hike/{n}.jpg") for n in range(3)]
    setting.engine.watching.found.emit(Found(tuple(PhotoFile(path, 1, 1) for path in paths)))
    setting.engine.watching.gone.emit(Gone((paths[0],)))
    sorted_to = Path("/sorted/1.jpg")
    placed = FilesPlaced((Placed(paths[1], sorted_to, False, 1, 1, None),))
    setting.engine.watching.sort_event.emit(placed)
    setting.engine.watching.sort_event.emit("something else of a sort")
    assert [row.path for row in setting.page.store.rows] == [sorted_to, paths[2]]
