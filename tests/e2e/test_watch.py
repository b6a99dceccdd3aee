"""Watching the open folder: photos arrive, change, go and move while the real window shows them."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from pytestqt.qtbot import QtBot

from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.widgets.banners import Choice
from alpacasorter.wording import text
from alpacasorter.workers.view_facts import DeviceFacts
from tests.e2e.conftest import User
from tests.engines import fill_fast
from tests.picture_files import make_picture, picture_bytes

Start = Callable[[], User]


def watched(start: Start, folder: Path) -> User:
    user = start()
    user.open(folder)
    user.wait(lambda: user.window.watching.label.text() == "Watching")
    return user


def names(user: User) -> set[str]:
    return {row.path.name for row in user.store.rows}


def settled(user: User) -> None:
    user.wait(lambda: user.model.is_settled)


@pytest.fixture
def hike(photos: Path, tmp_path: Path) -> Path:
    """A folder with ten real photos."""
    folder = tmp_path / "hike"
    folder.mkdir()
    for photo in sorted((photos / "more" / "alpaca").iterdir())[:10]:
        shutil.copy(photo, folder / photo.name)
    return folder


def test_photos_arrive_are_judged_and_corrected(start: Start, hike: Path, photos: Path) -> None:
    user = watched(start, hike)
    chip, banner = user.page.filters.button(Filter.NEW), user.page.banners.arrivals
    assert not chip.isVisible()
    llamas = sorted((photos / "lookalike" / "llama").iterdir())[:8]
    for llama in llamas[:6]:
        shutil.copy(llama, hike / llama.name)
    user.wait(lambda: user.store.counts[Filter.NEW] == 6)
    settled(user)
    assert user.store.counts[Filter.ALL] == 16
    # Its words follow a moment later.
    user.wait(lambda: banner.isVisible() and banner.words.text().startswith("6 new photos"))
    assert chip.text().split() == ["New", "6"]

    # WHEN one is corrected while others come, THEN it counts, and those come too
    banner.show_button.click()
    assert user.model.filter is Filter.NEW
    confidences = [user.store.confidence(user.model.photo(user.model.index(n))) for n in range(6)]
    assert confidences == sorted(confidences, key=float), "most doubtful first"
    name = user.shown()[-1]
    before = user.label(name)
    for llama in llamas[6:]:
        shutil.copy(llama, hike / llama.name)
    user.click_tag(name)
    assert user.label(name) == user.row(name).correction != before
    user.wait(lambda: len(user.shown()) == 8)
    assert user.store.counts[Filter.NEW] == 8

    user.page.show_filter(Filter.ALL)
    in_place = user.shown()
    assert len(in_place) == 18

    # WHEN the folder is rescanned, THEN they are still new and the correction is there
    user.press(Qt.Key.Key_F5)
    user.wait(lambda: len(user.finished) == 2)
    assert user.store.counts[Filter.NEW] == 8
    assert user.row(name).correction is not None
    assert user.finished[-1].opened == 0
    user.page.show_filter(Filter.ALL)
    assert user.shown() == in_place, "they are in their places"
    user.wait(lambda: user.window.watching.label.isVisible())
    banner.seen_button.click()
    assert user.store.counts[Filter.NEW] == 0
    assert len(user.shown()) == 18


def test_photos_go_are_renamed_and_change(start: Start, folder: Path, qtbot: QtBot) -> None:
    user = watched(start, folder)
    user.click_tag("photo3.jpg")
    said, row = user.label("photo3.jpg"), user.row("photo3.jpg")
    user.select("photo3.jpg")
    (folder / "photo3.jpg").rename(folder / "day 2" / "the best.jpg")
    (folder / "photo5.jpg").unlink()
    user.wait(lambda: "photo5.jpg" not in names(user) and "the best.jpg" in names(user))
    assert user.row("the best.jpg") is row
    assert user.label("the best.jpg") == row.correction == said
    assert user.page.preview.name.text() == "the best.jpg"
    user.wait(lambda: len(user.shown()) == 11)
    assert user.shown()[3] == "the best.jpg", "it stays where it was"
    assert user.store.counts[Filter.NEW] == 0

    # WHEN a photo is replaced by another one, THEN it is judged and shown again
    key = user.row("photo7.jpg").key
    user.select("photo7.jpg")

    def shown_side() -> tuple[int, int]:
        """Return the sides of what the preview shows, once it is more than the thumbnail."""
        sides = user.page.preview.picture._pixmap.size()
        return (0, 0) if user.page.preview.picture._coarse else (sides.width(), sides.height())

    user.wait(lambda: shown_side() == (320, 240))
    (folder / "other.tmp").write_bytes(picture_bytes(seed=99, size=(240, 320)))
    (folder / "other.tmp").replace(folder / "photo7.jpg")
    user.wait(lambda: user.row("photo7.jpg").key != key)
    assert user.store.counts[Filter.ALL] == 11
    user.wait(lambda: shown_side() == (240, 320))


def test_a_slow_copy_becomes_a_photo(start: Start, folder: Path) -> None:
    user = watched(start, folder)
    whole = picture_bytes(seed=50, size=(640, 480))
    with (folder / "slow.jpg").open("wb") as file:
        file.write(whole[: len(whole) // 2])
    user.wait(lambda: user.store.counts[Filter.PROBLEMS] == 1)
    assert user.store.counts[Filter.NEW] == 1
    (folder / "slow.jpg").write_bytes(whole)
    user.wait(lambda: user.store.counts[Filter.PROBLEMS] == 0)
    assert user.row("slow.jpg").probability is not None
    # ... and back again
    (folder / "photo1.jpg").write_bytes(b"no photo any more")
    user.wait(lambda: user.store.counts[Filter.PROBLEMS] == 1)
    assert user.store.counts[Filter.ALL] == 13
    assert user.store.counts[Filter.NEW] == 1


def test_a_folder_that_goes_away_and_comes_back(start: Start, folder: Path) -> None:
    user = watched(start, folder)
    label, notice = user.window.watching.label, user.window.notice
    away = folder.with_name("somewhere else")
    folder.rename(away)
    user.wait(lambda: label.text() == "Folder unavailable")
    assert len(user.shown()) == 12
    assert text.offline(folder) in notice.words.text()
    # WHEN it is rescanned, THEN the photos stay listed and the message is shown again
    notice.hide()
    user.press(Qt.Key.Key_F5)
    assert text.offline(folder) in notice.words.text()
    assert notice.isVisible()
    assert user.window.stack.currentWidget() is user.page
    assert len(user.shown()) == 12
    assert len(user.finished) == 1
    make_picture(away / "meanwhile.jpg", seed=77)
    away.rename(folder)
    user.wait(lambda: label.text() == "Watching")
    assert not notice.isVisible()
    user.wait(lambda: user.store.counts[Filter.NEW] == 1)
    user.wait(lambda: len(user.shown()) == 13)


def test_a_small_window_shows_a_whole_photo(start: Start, folder: Path) -> None:
    user = watched(start, folder)
    window = user.window
    window.engine.device_changed.emit(DeviceFacts("cpu", 16, 5.6, "It is the fastest."))
    window.resize(1100, 700)
    user.wait(lambda: "5.6 ms per photo" in window.device_label.text())
    window.sorting.strip.offer("424 photos were moved to 2 folders.", [Choice("Undo", window.close_folder)])
    make_picture(folder / "new.jpg", seed=77)
    user.wait(user.page.banners.arrivals.isVisible)
    settled(user)
    window.resize(640, 480)
    user.wait(lambda: user.grid.viewport().width() < 400)
    index = user.model.index(0)
    user.grid.scrollToTop()
    user.wait(lambda: user.grid.viewport().rect().contains(user.grid.visualRect(index)))
    assert user.grid.visualRect(index).contains(user.grid.tag_rect(index))
    # The label of the device is not cut.
    assert "ms per photo" not in window.device_label.text()
    assert "ms per photo" in window.device_label.toolTip()
    assert window.device_label.width() >= window.device_label.sizeHint().width()


def test_a_burst(start: Start, tmp_path: Path) -> None:
    folder = tmp_path / "hike"
    fill_fast(folder, 20)
    ready = tmp_path / "card"
    fill_fast(ready, 220)
    user = watched(start, folder)
    inserted: list[int] = []
    user.model.rowsInserted.connect(lambda _parent, first, last: inserted.append(last - first + 1))
    for photo in sorted(ready.iterdir()):
        if not (folder / photo.name).exists():
            shutil.copy(photo, folder / photo.name)
    user.wait(lambda: user.store.counts[Filter.NEW] == 200)
    user.wait(lambda: len(user.shown()) == 220)
    assert user.shown() == [f"photo{n}.jpg" for n in range(220)]
    assert len(inserted) < 30, "they are gathered"
    user.wait(lambda: user.page.banners.arrivals.words.text().startswith("200 new photos"))
    for n in range(0, 200, 2):
        (folder / f"photo{n}.jpg").unlink()
    user.wait(lambda: user.store.counts[Filter.ALL] == 120)
    user.wait(lambda: len(user.shown()) <= 121)


def test_off_means_off(start: Start, folder: Path, qtbot: QtBot) -> None:
    user = watched(start, folder)
    user.page.actions_.watch.trigger()
    assert not user.window.watching.label.isVisible()
    assert not user.window.engine.watching.is_watching
    make_picture(folder / "late.jpg", seed=70)
    qtbot.wait(1500)
    assert "late.jpg" not in names(user)
    # WHEN it is turned on again, THEN photos that arrived meanwhile are new
    user.page.actions_.watch.trigger()
    user.wait(lambda: user.store.counts[Filter.NEW] == 1)
    user.window.close()
    again = start()
    assert again.page.actions_.watch.isChecked()


def test_a_rescan_finds_new_photos_without_watching(start: Start, folder: Path) -> None:
    user = start()
    user.page.actions_.watch.trigger()
    user.open(folder)
    make_picture(folder / "late.jpg", seed=70)
    user.press(Qt.Key.Key_F5)
    user.wait(lambda: len(user.finished) == 2)
    assert user.store.counts[Filter.NEW] == 1
    user.open(folder / "day 2")
    assert user.store.counts[Filter.NEW] == 0
    assert not user.page.banners.arrivals.isVisible()


def test_closing_while_photos_arrive_ends_everything(start: Start, folder: Path, tmp_path: Path) -> None:
    ready = tmp_path / "card"
    fill_fast(ready, 120, size=(800, 600))
    user = watched(start, folder)
    for n, photo in enumerate(sorted(ready.iterdir())):
        shutil.copy(photo, folder / f"new{n}.jpg")
    user.wait(lambda: user.store.counts[Filter.NEW] > 0)
    user.window.close()


def test_another_folder_while_photos_arrive(start: Start, folder: Path, tmp_path: Path) -> None:
    ready = tmp_path / "card"
    fill_fast(ready, 80, size=(800, 600))
    user = watched(start, folder)
    for n, photo in enumerate(sorted(ready.iterdir())):
        shutil.copy(photo, folder / f"new{n}.jpg")
    user.wait(lambda: len(user.store.rows) > 12)
    user.open(folder / "day 2")
    user.wait(lambda: user.window.watching.label.isVisible())
    make_picture(folder / "day 2" / "mine.jpg", seed=71)
    user.wait(lambda: "mine.jpg" in names(user) and not user.row("mine.jpg").waiting)
    assert names(user) == {"photo9.jpg", "photo10.jpg", "photo11.jpg", "mine.jpg"}
