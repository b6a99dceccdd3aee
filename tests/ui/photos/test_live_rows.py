"""Photos that appear and disappear: nothing moves under the mouse, and a message tells of new ones."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QVBoxLayout, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.core import reasons
from alpacasorter.core.events import Finished, Found, Judged, Learned, Placed, Problem, Problems
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.sorting.events import FilesPlaced
from alpacasorter.core.watching.events import Gone, Renamed
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.page import BrowsePage
from alpacasorter.ui.settings import Settings
from alpacasorter.ui.widgets.banners import BannerBar
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.workers.pictures import PreviewLoader, ThumbnailLoader
from tests.ui.test_photo_store import LABELS, learned, photo

WAIT_MS = 20_000


def found(*numbers: int) -> Found:
    return Found(tuple(PhotoFile(Path(f"/p/{n}.jpg"), 1, 1) for n in numbers))


def judged(*numbers: int, probability: float = 0.9) -> Judged:
    return Judged(tuple(photo(n, probability) for n in numbers), 0)


def gone(*numbers: int) -> Gone:
    return Gone(tuple(Path(f"/p/{n}.jpg") for n in numbers))


FINISHED = Finished(total=0, judged=0, unreadable=0, opened=0, left_alone=0, seconds=0.1, canceled=False)


@pytest.fixture
def page(qapp: QApplication, qtbot: QtBot) -> Iterator[BrowsePage]:
    """A page with the photos 100 to 399, all judged."""
    thumbnails, previews = ThumbnailLoader(), PreviewLoader()
    theme = Theme(qapp)
    window, bar = QWidget(), BannerBar(theme)
    page = BrowsePage(thumbnails, previews, Settings(), theme, bar)
    column = QVBoxLayout(window)
    column.addWidget(page, 1)
    column.addWidget(bar)
    page.set_labels(LABELS)
    window.resize(920, 700)
    window.show()
    qtbot.waitExposed(page)
    page.begin()
    page.on_found(found(*range(100, 400)))
    page.model.on_judged(judged(*range(100, 400)))
    page.on_finished(FINISHED)
    yield page
    window.close()
    thumbnails.close()
    previews.close()
    window.deleteLater()


def in_view(page: BrowsePage) -> list[PhotoRow]:
    """Return the photos whose tags can be clicked."""
    grid = page.grid
    rows = (page.model.photo(page.model.index(n)) for n in range(page.model.rowCount()))
    viewport = grid.viewport().rect()
    return [row for row in rows if viewport.contains(grid.visualRect(page.model.index_of(row)).center())]


def move_mouse(widget: QWidget, x: int) -> None:
    place, button = QPointF(x, 60), Qt.MouseButton.NoButton
    where = widget.mapToGlobal(place)
    no_key = Qt.KeyboardModifier.NoModifier
    QApplication.sendEvent(widget, QMouseEvent(QEvent.Type.MouseMove, place, where, button, button, no_key))


def count(page: BrowsePage) -> int:
    return page.model.rowCount()


def test_photos_in_view_stay_in_view(page: BrowsePage, qtbot: QtBot) -> None:
    columns = page.grid._columns()
    bar = page.grid.verticalScrollBar()
    bar.setValue(bar.maximum() // 2 + 17)
    before = [row.name for row in in_view(page)]
    top = page.grid.visualRect(page.model.index_of(in_view(page)[0])).top()
    page.live.on_arrived(found(*range(7 * columns)))
    qtbot.waitUntil(lambda: count(page) == 300 + 7 * columns, timeout=WAIT_MS)
    page.grid.grab()  # what is painted is what counts
    assert [row.name for row in in_view(page)] == before
    assert page.grid.visualRect(page.model.index_of(in_view(page)[0])).top() == top
    page.live.on_gone(gone(*range(101, 101 + 3 * columns)))
    qtbot.waitUntil(lambda: count(page) == 300 + 4 * columns, timeout=WAIT_MS)
    page.grid.grab()
    assert [row.name for row in in_view(page)] == before


def test_nothing_moves_while_the_mouse_does(page: BrowsePage, qtbot: QtBot) -> None:
    viewport = page.grid.viewport()
    settled: list[int] = []
    page.model.rowsInserted.connect(lambda: settled.append(1))
    move_mouse(viewport, 60)
    page.live.on_arrived(found(1))
    page.live.on_gone(gone(101))
    for n in range(20):
        move_mouse(viewport, 60 + n)
        qtbot.wait(60)
        # On a busy system the mouse may have moved too late; then nothing is promised.
        if page.live._idle.remainingTime() < 500:
            pytest.skip("this machine is too busy to move a mouse")
    assert settled == []
    assert count(page) == 300
    assert page.store.counts[Filter.ALL] == 300, "the counts are right all the while"
    assert page.model.photo(page.model.index(1)).gone
    qtbot.waitUntil(lambda: count(page) == 301, timeout=WAIT_MS)
    assert page.model.photo(page.model.index(300)).name == "1.jpg", "it moves no other photo"
    assert page.model.photo(page.model.index(1)).gone, "without it, another one would slip under the mouse"
    page.live.on_gone(gone(399))
    qtbot.waitUntil(lambda: count(page) == 300, timeout=WAIT_MS)
    assert page.model.photo(page.model.index(1)).gone, "only a photo below the view has left"
    QApplication.sendEvent(viewport, QEvent(QEvent.Type.Leave))
    qtbot.waitUntil(lambda: page.model.is_settled, timeout=WAIT_MS)
    assert "101.jpg" not in {row.name for row in in_view(page)}


def test_a_photo_that_is_selected_stays_until_another_is(page: BrowsePage, qtbot: QtBot) -> None:
    index = page.model.index(2)
    page.grid.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
    row = page.model.photo(index)
    asked: list[object] = []
    page.corrections.requested.connect(lambda changes, _paths: asked.append(changes))
    page.live.on_gone(gone(101, 102, 103))
    qtbot.waitUntil(lambda: count(page) == 298, timeout=WAIT_MS)
    assert page.model.photo(page.grid.currentIndex()) is row
    assert "no longer there" in page.preview.verdict.text()
    assert not page.actions_.negative.isEnabled()
    qtbot.keyClick(page.grid, Qt.Key.Key_N)
    assert asked == [], "no key meant for it affects another photo"
    qtbot.keyClick(page.grid, Qt.Key.Key_Right)
    qtbot.waitUntil(lambda: count(page) == 297, timeout=WAIT_MS)
    assert row.name not in {shown.name for shown in in_view(page)}


def test_new_photos_are_announced_and_shown_least_certain_first(page: BrowsePage, qtbot: QtBot) -> None:
    chip, banner = page.filters.button(Filter.NEW), page.banners.arrivals
    assert not chip.isVisible()
    assert not banner.isVisible()
    page.grid.setFocus()
    page.live.on_arrived(found(1, 2, 3))
    page.live.on_judged(judged(1, 2))
    page.live.on_judged(judged(3, probability=0.55))
    qtbot.waitUntil(banner.isVisible, timeout=WAIT_MS)
    assert banner.words.text() == "3 new photos, 1 of them unsure."
    assert chip.text().split() == ["New", "3"]
    assert chip.isVisible()
    assert page.grid.hasFocus()
    qtbot.mouseClick(banner.show_button, Qt.MouseButton.LeftButton)
    assert [row.name for row in in_view(page)] == ["3.jpg", "1.jpg", "2.jpg"]
    assert not banner.show_button.isVisible()
    qtbot.mouseClick(banner.seen_button, Qt.MouseButton.LeftButton)
    assert page.model.filter is Filter.ALL
    assert count(page) == 303
    assert not banner.isVisible()
    assert not chip.isVisible()


def test_a_closed_message_is_shown_again_for_more_photos(page: BrowsePage, qtbot: QtBot) -> None:
    page.live.on_arrived(found(1, 2))
    page.live.on_judged(judged(1, 2))
    qtbot.waitUntil(page.banners.arrivals.isVisible, timeout=WAIT_MS)
    page.banners.arrivals.close_button.click()
    page.live.on_gone(gone(2))
    qtbot.waitUntil(lambda: page.model.is_settled, timeout=WAIT_MS)
    page.show_filter(Filter.UNSURE)
    assert not page.banners.arrivals.isVisible()
    page.live.on_arrived(found(3))
    page.live.on_judged(judged(3, probability=0.5))
    qtbot.waitUntil(page.banners.arrivals.isVisible, timeout=WAIT_MS)
    assert page.banners.arrivals.words.text() == "2 new photos, 1 of them unsure."
    qtbot.waitUntil(lambda: count(page) == 1, timeout=WAIT_MS)


def test_a_burst_is_collected(page: BrowsePage, qtbot: QtBot) -> None:
    inserted: list[int] = []
    page.model.rowsInserted.connect(lambda _parent, first, last: inserted.append(last - first + 1))
    for first in range(1000, 3000, 50):
        page.live.on_arrived(found(*range(first, first + 50)))
        page.live.on_judged(judged(*range(first, first + 50)))
    qtbot.waitUntil(lambda: count(page) == 2300, timeout=WAIT_MS)
    assert inserted == [2000]
    qtbot.waitUntil(lambda: page.banners.arrivals.words.text() == "2,000 new photos.", timeout=WAIT_MS)


def test_new_photos_are_corrected_while_others_arrive(page: BrowsePage, qtbot: QtBot) -> None:
    page.live.on_arrived(found(1, 2))
    page.live.on_judged(judged(1, 2))
    qtbot.waitUntil(lambda: count(page) == 302, timeout=WAIT_MS)
    asked: list[dict[str, str | None]] = []
    page.corrections.requested.connect(lambda changes, _paths: asked.append(changes))
    row = page.model.photo(page.model.index(0))
    place = page.grid.tag_rect(page.model.index(0)).center()
    qtbot.mousePress(page.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    page.live.on_arrived(found(0))
    page.live.on_judged(judged(0))
    qtbot.mouseRelease(page.grid.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert asked == [{row.key: "not_alpaca"}]
    keys = {f"key{n}": 0.9 for n in (0, 1, 2, 100)}
    outcome: Learned = learned({"key100": "not_alpaca"}, keys, (), 1)
    page.on_learned(outcome)
    assert row.correction == "not_alpaca"
    qtbot.waitUntil(lambda: count(page) == 303, timeout=WAIT_MS)
    assert [page.model.photo(page.model.index(n)).name for n in (0, 300, 301, 302)] == [
        "100.jpg",
        "1.jpg",
        "2.jpg",
        "0.jpg",
    ]
    assert page.store.counts[Filter.NEW] == 3


def test_rows_follow_a_sort_and_its_undo(page: BrowsePage) -> None:
    index = page.model.index(1)
    page.grid.setCurrentIndex(index)
    row = page.model.photo(index)
    before, after = row.path, Path("/sorted/alpaca/101.jpg")
    away = Placed(before, after, False, 1, 1, "key101")
    companion = Placed(before.with_suffix(".xmp"), after.with_suffix(".xmp"), False, 1, 1, None)
    copied = Placed(Path("/p/102.jpg"), Path("/sorted/alpaca/102.jpg"), True, 1, 1, "key102")
    page.on_placed(FilesPlaced((away, companion, copied)))
    assert row.path == after
    assert page.store.row_of(Path("/p/102.jpg")) is page.model.photo(page.model.index(2))
    assert count(page) == 300
    assert "/sorted/alpaca" in page.preview.details.text().replace("\u200b", "")
    page.actions_.copy_path.trigger()
    assert QApplication.clipboard().text() == "/sorted/alpaca/101.jpg"
    copy_undone = Placed(Path("/sorted/alpaca/102.jpg"), None, False, 1, 1, "key102")
    page.on_placed(FilesPlaced((Placed(after, before, False, 1, 1, "key101"), copy_undone)))
    assert row.path == before
    assert count(page) == 300


def test_a_removed_copy_is_gone(page: BrowsePage) -> None:
    page.on_placed(FilesPlaced((Placed(Path("/p/102.jpg"), None, False, 1, 1, "key102"),)))
    assert page.store.row_of(Path("/p/102.jpg")) is None
    assert page.store.counts[Filter.ALL] == 299


def test_the_smallest_view_holds_a_whole_photo(page: BrowsePage) -> None:
    page.resize(640, 320)
    QApplication.processEvents()
    view, cell = page.grid.viewport(), page.grid.visualRect(page.model.index(0))
    assert cell.height() <= view.height()
    assert cell.width() <= view.width()


def test_a_renamed_photo_stays_and_stays_selected(page: BrowsePage) -> None:
    index = page.model.index(3)
    page.grid.selectionModel().setCurrentIndex(index, QItemSelectionModel.SelectionFlag.ClearAndSelect)
    page.live.on_renamed(Renamed(((Path("/p/103.jpg"), PhotoFile(Path("/p/aaa.jpg"), 1, 1)),)))
    assert page.preview.name.text() == "aaa.jpg"
    assert [row.name for row in page.grid.selected_photos()] == ["aaa.jpg"]
    assert page.grid.currentIndex().row() == 3


def test_undo_names_a_renamed_photo_as_it_is_called_now(page: BrowsePage, qtbot: QtBot) -> None:
    page.grid.setCurrentIndex(page.model.index(3))
    qtbot.keyClick(page.grid, Qt.Key.Key_N)
    page.live.on_renamed(Renamed(((Path("/p/103.jpg"), PhotoFile(Path("/p/aaa.jpg"), 1, 1)),)))
    assert page.actions_.undo.text().endswith("on aaa.jpg")
    page.actions_.undo.trigger()
    assert page.actions_.redo.text().endswith("on aaa.jpg")
    assert page.banners.learned.words.text().endswith("for aaa.jpg.")


@pytest.mark.parametrize("watching", [True, False])
def test_a_photo_that_does_not_exist_is_opened_in_another_program(page: BrowsePage, watching: bool) -> None:
    """While the folder is watched, nothing has to be rescanned, and the notice goes when the card says the same."""
    page.set_watching(watching)
    said: list[str] = []
    page.failed.connect(said.append)
    page.outdated.connect(said.remove)
    page.grid.setCurrentIndex(page.model.index(3))
    page.actions_.open_photo.trigger()
    assert len(said) == 1
    assert said[0].startswith("103.jpg no longer exists.")
    assert ("F5" in said[0]) == (not watching)
    page.live.on_gone(gone(105))
    assert len(said) == 1
    page.live.on_gone(gone(103))
    assert said == []


def test_an_empty_list_asks_for_no_selection(page: BrowsePage) -> None:
    page.show_filter(Filter.PROBLEMS)
    assert page.model.rowCount() == 0
    assert page.preview.picture.words == ""
    page.show_filter(Filter.ALL)
    page.grid.setCurrentIndex(QModelIndex())
    assert page.preview.picture.words == "Select a photo to see it here."


def test_a_photo_that_could_not_be_read_is_judged_later(page: BrowsePage, qtbot: QtBot) -> None:
    page.live.on_arrived(found(1))
    page.live.on_problems(Problems((Problem(Path("/p/1.jpg"), reasons.TRUNCATED),)))
    qtbot.waitUntil(lambda: count(page) == 301, timeout=WAIT_MS)
    page.grid.setCurrentIndex(page.model.index(300))
    assert page.preview.verdict.text() == reasons.sentence(reasons.TRUNCATED)
    page.live.on_judged(judged(1))
    assert page.store.counts[Filter.PROBLEMS] == 0
    assert page.store.counts[Filter.NEW] == 1
    assert "90%" in page.preview.verdict.text()


def test_an_empty_folder_says_why(page: BrowsePage) -> None:
    page.begin(same_folder=True)
    sorted_away = Finished(0, 0, 0, 0, left_alone=3, seconds=0.1, canceled=False, sorted_folders=2)
    page.on_finished(sorted_away)
    title, folders, files = page.grid._empty_text.splitlines()
    assert "No photos" in title
    assert "2 folders" in folders
    assert "3 other files" in files
    page.set_watching(True)
    assert page.grid._empty_text.splitlines()[:3] == [title, folders, files]
    assert len(page.grid._empty_text.splitlines()) == 4, "it says that new photos are shown"
    page.show_filter(Filter.NEW)
    assert "No new photos" in page.grid._empty_text
