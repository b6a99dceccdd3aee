"""What the window does besides the main job: pages, filters, preview, settings, messages, errors."""

import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QToolButton
from pytestqt.qtbot import QtBot

from alpacasorter import paths
from alpacasorter.core import reasons
from alpacasorter.ui.app import build_window
from alpacasorter.ui.photo_filters import Filter, Order
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.settings_dialog import SettingsDialog
from tests.e2e.conftest import WAIT_MS, User
from tests.hanging import decoder_that_hangs, make_hanging
from tests.picture_files import BAD_KINDS, make_picture

Start = Callable[[], User]


def with_dialog(what: Callable[[QDialog], None]) -> None:
    """Do something with the dialog that the next call opens, then close it."""

    def act() -> None:
        dialog = QApplication.activeModalWidget()
        assert isinstance(dialog, QDialog)
        try:
            what(dialog)
        finally:
            dialog.reject()

    QTimer.singleShot(50, act)


def test_first_page_leads_to_a_folder_and_back(start: Start, folder: Path, qtbot: QtBot) -> None:
    user = start()
    window = user.window
    assert window.stack.currentWidget() is window.welcome
    assert window.welcome.button.hasFocus() or window.focusWidget() is window.welcome.button
    user.open(folder)
    assert window.stack.currentWidget() is user.page
    assert "a hike" in window.windowTitle()
    window.close_folder()
    assert window.stack.currentWidget() is window.welcome
    entries = [b for b in window.welcome.findChildren(QToolButton) if "a hike" in b.text() and not b.isHidden()]
    assert len(entries) == 1
    before = len(user.finished)
    qtbot.mouseClick(entries[0], Qt.MouseButton.LeftButton)
    user.wait(lambda: len(user.finished) > before)
    assert len(user.shown()) == 12


def test_folder_is_removed_from_the_list(start: Start, folder: Path, qtbot: QtBot) -> None:
    user = start()
    user.open(folder)
    user.window.close_folder()
    [forget] = [b for b in user.window.welcome.findChildren(QToolButton) if b.accessibleName().startswith("Remove")]
    with qtbot.waitSignal(user.window.engine.recent_folders, timeout=WAIT_MS) as told:
        qtbot.mouseClick(forget, Qt.MouseButton.LeftButton)
    assert told.args == [[]]


@pytest.mark.parametrize("what", ["folder", "photo"])
def test_drop(start: Start, folder: Path, what: str) -> None:
    user = start()
    dropped = folder if what == "folder" else folder / "photo3.jpg"
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(dropped))])
    action, button, keys = Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPoint(50, 50), action, data, button, keys)
    QApplication.sendEvent(user.window, enter)
    assert enter.isAccepted()
    assert user.window.welcome.drop.property("hot") is True
    QApplication.sendEvent(user.window, QDropEvent(QPointF(50, 50), action, data, button, keys))
    user.wait(lambda: bool(user.finished))
    assert user.window.folder == folder
    assert len(user.shown()) == 12


def test_text_dropped_is_refused(start: Start) -> None:
    user = start()
    data = QMimeData()
    data.setText("hello")
    enter = QDragEnterEvent(
        QPoint(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    )
    QApplication.sendEvent(user.window, enter)
    assert not enter.isAccepted()


def test_filters_follow_corrections(start: Start, folder: Path, qtbot: QtBot) -> None:
    user = start()
    user.open(folder)
    filters = user.page.filters
    assert filters.button(Filter.ALL).text().split() == ["All", "12"]
    first = user.shown()[0]
    label = user.label(first)
    which = Filter.POSITIVE if label == user.store.labels.positive else Filter.NEGATIVE
    qtbot.mouseClick(filters.button(which), Qt.MouseButton.LeftButton)
    assert first in user.shown()
    before = user.store.counts[which]
    user.click_tag(first)
    assert first in user.shown(), "it stays, so that a wrong click can be clicked back"
    assert filters.button(which).text().split()[-1] == str(user.store.counts[which])
    assert user.store.counts[which] <= before
    qtbot.mouseClick(filters.button(which), Qt.MouseButton.LeftButton)
    assert first not in user.shown()
    qtbot.mouseClick(filters.button(Filter.CORRECTED), Qt.MouseButton.LeftButton)
    assert user.shown() == [first]
    user.press_and_learn(Qt.Key.Key_Backspace)
    user.press(Qt.Key.Key_5, Qt.KeyboardModifier.ControlModifier)
    assert user.shown() == []
    assert "not labeled" in user.grid._empty_text


def test_space_flips_all_selected_at_once(start: Start, folder: Path) -> None:
    user = start()
    user.open(folder)
    names = user.shown()[:3]
    before = [user.label(name) for name in names]
    user.select(*names)
    user.press_and_learn(Qt.Key.Key_Space)
    user.wait(lambda: user.store.counts[Filter.CORRECTED] == 3)
    assert [user.label(name) for name in names] == [user.store.labels.other(str(label)) for label in before]
    user.press_and_learn(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert user.store.counts[Filter.CORRECTED] == 0, "what was done together is undone together"


def test_a_double_click_on_a_tag_is_two_clicks(start: Start, folder: Path, qtbot: QtBot) -> None:
    user = start()
    user.open(folder)
    name = user.shown()[0]
    before = user.label(name)
    place = user.grid.tag_rect(user.model.index(0)).center()
    viewport, left = user.grid.viewport(), Qt.MouseButton.LeftButton
    # What Qt sends for a double click: press, release, double-click, release.
    qtbot.mouseClick(viewport, left, pos=place)
    qtbot.mouseDClick(viewport, left, pos=place)
    qtbot.mouseRelease(viewport, left, pos=place)
    user.wait(lambda: user.row(name).correction == before)
    assert user.page.corrections.stack.count() == 2


def test_preview_shows_the_photo_upright_and_its_buttons_tag(start: Start, tmp_path: Path, qtbot: QtBot) -> None:
    folder = tmp_path / "turned"
    folder.mkdir()
    make_picture(folder / "turned.jpg", kind="rotated_6", size=(300, 400))
    user = start()
    user.open(folder)
    preview = user.page.preview
    user.wait(lambda: preview._loaded is not None and preview._loaded[1] > 0)
    pixmap = preview.picture._pixmap
    assert (pixmap.width(), pixmap.height()) == (300, 400)
    corner = pixmap.toImage().pixelColor(20, 20)
    assert corner.red() > 200
    assert corner.green() < 60
    assert "300 × 400" in preview.details.text()
    before = len(user.learned)
    qtbot.mouseClick(preview.positive, Qt.MouseButton.LeftButton)
    qtbot.mouseClick(preview.negative, Qt.MouseButton.LeftButton)
    user.wait(lambda: len(user.learned) > before and user.row("turned.jpg").correction == user.store.labels.negative)
    assert preview.verdict.text() == "You tagged this Not alpaca."
    qtbot.mouseClick(preview.remove_label, Qt.MouseButton.LeftButton)
    user.wait(lambda: user.row("turned.jpg").correction is None)
    assert not preview.remove_label.isVisible()


def test_every_file_ends_as_a_row(start: Start, tmp_path: Path, qtbot: QtBot) -> None:
    folder = tmp_path / "trouble"
    folder.mkdir()
    for kind in BAD_KINDS:
        make_picture(folder / f"{kind}.jpg", kind=kind)
    make_picture(folder / "good.jpg")
    (folder / "film.mov").write_bytes(b"no photo")
    user = start()
    finished = user.open(folder)
    assert (finished.judged, finished.unreadable, finished.left_alone) == (1, len(BAD_KINDS), 1)
    assert not any(row.waiting for row in user.store.rows)
    qtbot.mouseClick(user.page.filters.button(Filter.PROBLEMS), Qt.MouseButton.LeftButton)
    assert len(user.shown()) == len(BAD_KINDS)
    assert all(reasons.sentence(row.reason) != row.reason for row in user.store.rows if row.reason)
    user.select("empty.jpg")
    assert user.page.preview.verdict.text() == reasons.sentence(reasons.EMPTY)
    assert not user.page.actions_.positive.isEnabled()
    user.press(Qt.Key.Key_A)
    assert not user.learned
    # There is no tag to click, and clicking where it would be does nothing.
    assert user.grid.tag_rect(user.model.index(0)).isEmpty()


def test_folder_that_is_not_there(start: Start, tmp_path: Path) -> None:
    user = start()
    user.window.open_folder(tmp_path / "gone")
    user.wait(user.window.notice.isVisible)
    assert "gone can't be opened" in user.window.notice.words.text()
    assert user.window.stack.currentWidget() is user.window.welcome
    assert user.window.folder is None


def test_empty_folder_says_so(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    user = start()
    user.open(folder)
    assert user.grid._empty_text.startswith("No photos in this folder.")


def test_stop_and_rescan(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "many"
    folder.mkdir()
    make_picture(folder / "000.jpg", seed=0, size=(2400, 1800))
    data = (folder / "000.jpg").read_bytes()
    for n in range(1, 120):
        (folder / f"{n:03}.jpg").write_bytes(data + bytes([n % 256, n // 256]))
    user = start()
    user.window.open_folder(folder)
    user.wait(lambda: user.store.counts[Filter.NEGATIVE] + user.store.counts[Filter.POSITIVE] > 3)
    assert user.page.progress.isVisible()
    assert user.page.actions_.stop.isEnabled()
    user.press(Qt.Key.Key_Escape)
    user.wait(lambda: bool(user.finished))
    assert user.finished[0].canceled
    assert user.finished[0].judged < 120
    assert not user.page.progress.isVisible()
    user.window.rescan()
    user.wait(lambda: len(user.finished) == 2)
    assert user.finished[1].judged == 120
    assert user.finished[1].opened <= 120 - user.finished[0].judged


def test_another_folder_while_one_is_scanned(start: Start, tmp_path: Path, folder: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for n in range(60):
        make_picture(many / f"other{n}.jpg", seed=n, size=(1200, 900))
    user = start()
    user.window.open_folder(many)
    user.wait(lambda: len(user.store.rows) > 0)
    user.open(folder)
    assert len(user.shown()) == 12
    assert all(name.startswith("photo") for name in user.shown())
    assert user.finished[-1].total == 12


def test_closing_while_scanning_ends_everything(start: Start, tmp_path: Path) -> None:
    many = tmp_path / "many"
    many.mkdir()
    for n in range(40):
        make_picture(many / f"{n}.jpg", seed=n, size=(1200, 900))
    user = start()
    user.window.open_folder(many)
    user.wait(lambda: len(user.store.rows) > 0)
    user.window.close()


def test_stopping_and_closing_do_not_wait_for_a_decoder_that_hangs(
    start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        make_hanging(folder / f"a{n}.jpg", seed=n)
    with decoder_that_hangs(monkeypatch):
        user = start()
        user.window.open_folder(folder)
        user.wait(lambda: user.store.counts[Filter.NEGATIVE] + user.store.counts[Filter.POSITIVE] == 12)
        began = time.monotonic()
        user.press(Qt.Key.Key_Escape)
        user.wait(lambda: bool(user.finished))
        assert time.monotonic() - began < 1
        assert user.finished[0].canceled
        user.window.rescan()
        user.wait(lambda: user.page.progress.isVisible())
        began = time.monotonic()
        user.window.close()
        user.window.engine.shutdown()
        assert time.monotonic() - began < 1.5


def test_settings_take_effect(start: Start, folder: Path, qtbot: QtBot) -> None:
    user = start()
    user.open(folder)

    def change(dialog: QDialog) -> None:
        assert isinstance(dialog, SettingsDialog)
        assert "CPU" in dialog.device_in_use.text()
        dialog.unsure.setValue(99)
        dialog.scheme.setCurrentIndex(dialog.scheme.findData("dark"))
        dialog.recursive.setChecked(False)

    before = len(user.finished)
    with_dialog(change)
    user.page.actions_.settings.trigger()
    user.wait(lambda: len(user.finished) > before)
    assert len(user.shown()) == 9, "the subfolder is left out now"
    assert user.store.unsure_below == 0.99
    assert Settings().scheme == "dark"
    assert not Settings().recursive


def test_what_is_left_out_takes_effect_at_once_and_on_arrivals(start: Start, folder: Path) -> None:
    user = start()
    user.open(folder)
    before, shown = len(user.finished), len(user.shown())

    def change(dialog: QDialog) -> None:
        assert isinstance(dialog, SettingsDialog)
        dialog.exclude.setPlainText("photo1.jpg\n*.webp")

    with_dialog(change)
    user.page.actions_.settings.trigger()
    user.wait(lambda: len(user.finished) > before)
    assert len(user.shown()) == shown - 1
    assert user.finished[-1].left_out == 1
    user.wait(lambda: user.window.engine.watching.is_watching)
    make_picture(folder / "arrival.webp", kind="webp")
    make_picture(folder / "arrival.jpg")
    user.wait(lambda: user.store.row_of(folder / "arrival.jpg") is not None)
    assert user.store.row_of(folder / "arrival.webp") is None


def test_order_and_size_are_kept(start: Start, folder: Path) -> None:
    user = start()
    user.open(folder)
    user.page.actions_.orders[Order.DOUBTFUL].trigger()
    confidences = [user.store.confidence(user.model.photo(user.model.index(n))) for n in range(12)]
    # The order is that of rounded numbers.
    rounded = [round(float(each), 5) for each in confidences]
    assert rounded == sorted(rounded)
    tile = user.grid.tile
    user.page.actions_.larger.trigger()
    assert user.grid.tile > tile
    user.window.close()
    again = start()
    again.open(folder)
    assert again.model.view.order is Order.DOUBTFUL
    assert again.grid.tile == user.grid.tile
    assert again.shown() == user.shown()


def test_small_window_and_preview_off(start: Start, folder: Path) -> None:
    user = start()
    user.window.resize(640, 480)
    user.open(folder)
    user.page.actions_.preview.trigger()
    assert not user.page.preview.isVisible()
    index = user.model.index(0)
    assert user.grid.viewport().rect().contains(user.grid.visualRect(index).topLeft())
    assert user.grid.visualRect(index).width() <= user.grid.viewport().width()


def test_help_dialogs(start: Start) -> None:
    user = start()
    actions = user.page.actions_
    titles: list[str] = []
    for action in (actions.shortcuts, actions.model_card, actions.about):
        with_dialog(lambda dialog: titles.append(dialog.windowTitle()))
        action.trigger()
    assert titles[0] == "Keyboard shortcuts"
    assert titles[1].startswith("Alpaca")
    assert "About" in titles[2]


def test_paths_are_copied(start: Start, folder: Path) -> None:
    user = start()
    user.open(folder)
    user.select("photo1.jpg", "photo2.jpg")
    user.page.actions_.copy_path.trigger()
    assert QGuiApplication.clipboard().text().splitlines() == [str(folder / "photo1.jpg"), str(folder / "photo2.jpg")]


def test_broken_bundle_is_refused_with_a_sentence(
    qtbot: QtBot, qapp: QApplication, tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    broken = tmp_path / "bundle"
    shutil.copytree(paths.bundled_model(), broken)
    with (broken / "head.npz").open("ab") as file:
        file.write(b"!")
    monkeypatch.setattr(paths, "bundled_model", lambda: broken)
    window = build_window(qapp, Settings(), "cpu")
    window.show()
    with qtbot.waitSignal(window.engine.failed, timeout=WAIT_MS):
        pass
    assert window.notice.isVisible()
    assert window.notice.words.text().endswith(".")
    window.notice.hide()
    with qtbot.waitSignal(window.engine.failed, timeout=WAIT_MS):
        window.open_folder(folder)
    assert window.notice.isVisible(), "opening a folder says again why it can't be done"
    assert window.stack.currentWidget() is window.welcome
    window.close()


def test_an_obstacle_at_the_start_may_be_gone_later(start: Start, folder: Path) -> None:
    """Photos are judged without corrections meanwhile; opening a folder tries to read those again."""
    data = Path(os.environ["ALPACASORTER_DATA_DIR"])
    data.write_text("in the way")
    user = start()
    user.open(folder)
    assert len(user.store.rows) >= 12
    assert "corrections" in user.window.notice.words.text()
    name = user.shown()[0]
    before = user.label(name)
    failures: list[object] = []
    user.window.engine.correction_failed.connect(lambda *failure: failures.append(failure))
    user.select(name)
    user.press(Qt.Key.Key_Space)
    user.wait(lambda: bool(failures))
    assert user.label(name) == before
    data.unlink()
    user.open(folder)
    user.click_tag(name)
    assert user.label(name) != before
    assert user.row(name).correction is not None


def test_broken_library_is_replaced_by_its_backup_and_the_user_is_told(start: Start, folder: Path) -> None:
    user = start()
    user.open(folder)
    name = user.shown()[0]
    user.click_tag(name)
    corrected = user.label(name)
    user.window.close()
    library = paths.user_data_dir() / "library.sqlite"
    library.write_bytes(b"\0" * 5000)
    for suffix in ("-wal", "-shm"):
        Path(f"{library}{suffix}").unlink(missing_ok=True)
    again = start()
    again.wait(again.window.notice.isVisible)
    assert "restored" in again.window.notice.words.text()
    again.open(folder)
    assert again.row(name).correction == corrected
    assert again.window.notice.isVisible(), "opening a folder does not remove it"


def test_correction_that_can_not_be_saved_is_not_shown(start: Start, folder: Path) -> None:
    user = start()
    user.open(folder)
    name = user.shown()[0]
    before = user.label(name)
    # Another program locks the library, so writing to it fails after a while.
    other = sqlite3.connect(paths.user_data_dir() / "library.sqlite")
    other.execute("BEGIN EXCLUSIVE")
    try:
        place = user.grid.tag_rect(user.model.index(0)).center()
        user._qtbot.mouseClick(user.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
        user.wait(user.window.notice.isVisible)
        assert "could not be saved" in user.window.notice.words.text()
        assert user.label(name) == before
        assert user.row(name).correction is None
        assert not user.page.corrections.stack.canUndo()
    finally:
        other.close()
    user.click_tag(name)
    assert user.label(name) != before


def test_rescan_keeps_the_history(start: Start, folder: Path) -> None:
    user = start()
    user.open(folder)
    name = user.shown()[0]
    before = user.label(name)
    user.click_tag(name)
    finished = len(user.finished)
    user.page.actions_.rescan.trigger()
    user.wait(lambda: len(user.finished) > finished)
    assert user.label(name) != before
    user.press_and_learn(Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    assert user.label(name) == before
    other = folder / "day 2"
    user.open(other)
    assert not user.page.corrections.stack.canUndo(), "another folder starts over"


def test_copies_are_counted_as_they_are_shown(start: Start, folder: Path) -> None:
    for n in range(3):
        shutil.copy(folder / "photo5.jpg", folder / f"copy{n}.jpg")
    user = start()
    user.open(folder)
    user.click_tag("photo5.jpg")
    assert user.store.counts[Filter.CORRECTED] == 4
    changed = user.store.counts[Filter.CHANGED]
    assert str(changed or "No") in user.page.banners.learned.words.text()


def test_photo_deleted_meanwhile(start: Start, folder: Path) -> None:
    user = start()
    user.open(folder)
    user.select("photo3.jpg")
    (folder / "photo3.jpg").unlink()
    user.page.actions_.open_photo.trigger()
    assert "photo3.jpg" in user.window.notice.words.text()
    finished = len(user.finished)
    user.page.actions_.rescan.trigger()
    user.wait(lambda: len(user.finished) > finished)
    assert "photo3.jpg" not in user.shown()
    assert not user.window.notice.isVisible()


def test_tab_moves_in_reading_order(start: Start, folder: Path, qtbot: QtBot) -> None:
    user = start()
    user.open(folder)
    user.click_tag(user.shown()[0])
    page = user.page
    shown = user.window.banners.shown
    assert shown is not None
    page.filters.button(Filter.PROBLEMS).setFocus()
    seen = []
    for _ in range(24):
        widget = QApplication.focusWidget()
        seen.append(widget)
        assert widget is not None
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
    wanted = [
        page.grid,
        page.preview.positive,
        page.preview.remove_label,
        *(button for button in shown.buttons if button.isVisible()),
    ]
    places = [seen.index(widget) for widget in wanted if widget in seen]
    assert len(places) >= 4, "a checked button may represent its group"
    assert places == sorted(places)
