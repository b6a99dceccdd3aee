"""Where the user was in a folder is there again when it is opened again."""

from dataclasses import replace
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtTest import QTest

from alpacasorter.core.events import Found, Judged
from alpacasorter.core.photo import PhotoFile
from alpacasorter.ui.photo_filters import Filter, Order, View
from alpacasorter.ui.photos.places import Place, RememberedPlaces
from alpacasorter.ui.settings import Settings
from tests.ui.conftest import FINISHED, Hands
from tests.ui.test_photo_store import LABELS, photo

Key = Qt.Key


def settings_in(folder: Path) -> Settings:
    return Settings(QSettings(str(folder / "settings.ini"), QSettings.Format.IniFormat))


def judged(folder: str, numbers: range, probability: float) -> Judged:
    return Judged(tuple(replace(photo(n, probability), path=Path(f"{folder}/{n}.jpg")) for n in numbers), 0)


def open_folder(hands: Hands, folder: str, count: int = 300, *, finish: bool = True, unsure: int = 30) -> None:
    """Open a folder of photos 100, 101, … of which the last ones are unsure."""
    page, end = hands.page, 100 + count
    page.set_labels(LABELS)
    page.begin(folder=Path(folder))
    page.on_found(Found(tuple(PhotoFile(Path(f"{folder}/{n}.jpg"), 1, 1) for n in range(100, end))))
    page.model.on_judged(judged(folder, range(100, end - unsure), 0.9))
    page.model.on_judged(judged(folder, range(end - unsure, end), 0.6))
    if finish:
        page.on_finished(FINISHED)
        hands.settle()


def current(hands: Hands) -> int:
    return int(hands.page.model.photo(hands.grid.currentIndex()).path.stem)


def test_a_folder_is_shown_as_it_was_left(hands: Hands) -> None:
    open_folder(hands, "/a")
    actions, page, grid = hands.page.actions_, hands.page, hands.grid
    actions.filters[Filter.UNSURE].trigger()
    actions.orders[Order.NAME].trigger()
    actions.order.reverse.trigger()
    hands.press(Key.Key_Home)
    for _ in range(5):
        hands.press(Key.Key_Right)
    left, at = current(hands), grid.visualRect(grid.currentIndex()).top()
    assert left == 394
    open_folder(hands, "/b")
    assert page.model.view == View(Filter.ALL, Order.NAME, descending=True), "the first time, the last order used"
    actions.orders[Order.FOLDER].trigger()
    open_folder(hands, "/a")
    assert page.model.view == View(Filter.UNSURE, Order.NAME, descending=True)
    assert page.filters.button(Filter.UNSURE).isChecked()
    assert actions.orders[Order.NAME].isChecked()
    assert actions.order.reverse.isChecked()
    assert (current(hands), grid.visualRect(grid.currentIndex()).top()) == (left, at)
    open_folder(hands, "/b")
    assert page.model.view == View()


def test_what_was_in_view_is_in_view_again_and_the_current_photo_current(hands: Hands) -> None:
    open_folder(hands, "/a")
    hands.press(Key.Key_Right)
    bar = hands.grid.verticalScrollBar()
    bar.setValue(bar.maximum() // 2 + 17)
    hands.settle()
    before = bar.value()
    open_folder(hands, "/b")
    assert bar.value() == 0
    open_folder(hands, "/a")
    assert abs(bar.value() - before) <= 1
    assert current(hands) == 101


def test_what_the_user_does_while_photos_arrive_is_not_undone(hands: Hands) -> None:
    open_folder(hands, "/a")
    bar = hands.grid.verticalScrollBar()
    bar.setValue(bar.maximum())
    open_folder(hands, "/b")
    open_folder(hands, "/a", finish=False)
    hands.settle()
    QTest.mouseMove(hands.grid.viewport())
    hands.press(Key.Key_Home)
    hands.page.on_finished(FINISHED)
    hands.settle()
    assert bar.value() == 0


def test_a_folder_closed_while_its_photos_arrive_keeps_its_place(hands: Hands) -> None:
    open_folder(hands, "/a")
    for _ in range(3):
        hands.press(Key.Key_Right)
    open_folder(hands, "/b")
    open_folder(hands, "/a", 2, finish=False)
    hands.page.actions_.orders[Order.TAKEN].trigger()
    open_folder(hands, "/b")
    open_folder(hands, "/a")
    assert current(hands) == 103
    assert hands.page.model.view.order is Order.TAKEN


def test_a_filter_that_shows_nothing_any_more_gives_way_to_all(hands: Hands) -> None:
    open_folder(hands, "/a")
    hands.page.actions_.filters[Filter.UNSURE].trigger()
    open_folder(hands, "/b")
    open_folder(hands, "/a", unsure=0)
    assert hands.page.model.filter is Filter.ALL
    assert hands.page.model.rowCount() == 300


@pytest.mark.parametrize("which", [Filter.NEW, Filter.CHANGED])
def test_filters_of_what_happened_while_it_was_open_are_not_restored(hands: Hands, which: Filter) -> None:
    open_folder(hands, "/a")
    hands.page.show_filter(which)
    open_folder(hands, "/b")
    open_folder(hands, "/a")
    assert hands.page.model.filter is Filter.ALL


def test_photos_to_select_are_listed_whatever_was_listed_before(hands: Hands) -> None:
    open_folder(hands, "/a")
    hands.page.actions_.filters[Filter.UNSURE].trigger()
    open_folder(hands, "/b")
    hands.page.begin(folder=Path("/a"), select=[Path("/a/105.jpg")])
    assert hands.page.model.filter is Filter.ALL
    hands.page.on_found(Found(tuple(PhotoFile(Path(f"/a/{n}.jpg"), 1, 1) for n in range(100, 110))))
    hands.page.on_finished(FINISHED)
    assert current(hands) == 105


def test_the_same_folder_again_keeps_filter_order_and_place(hands: Hands) -> None:
    open_folder(hands, "/a")
    hands.page.show_filter(Filter.POSITIVE)
    bar = hands.grid.verticalScrollBar()
    bar.setValue(500)
    hands.page.begin(same_folder=True)
    assert hands.page.model.filter is Filter.POSITIVE
    hands.page.on_found(Found(tuple(PhotoFile(Path(f"/a/{n}.jpg"), 1, 1) for n in range(100, 400))))
    hands.page.model.on_judged(judged("/a", range(100, 400), 0.9))
    hands.page.on_finished(FINISHED)
    hands.settle()
    assert abs(bar.value() - 500) <= 1


def test_two_hundred_folders_are_remembered_and_those_that_were_forgotten_are_not(tmp_path: Path) -> None:
    places = RememberedPlaces(settings_in(tmp_path))
    for n in range(205):
        places.keep(tmp_path / f"ümläut, {n}\udc80", Place(View(), f'"{n}"\udc80.jpg', "1.jpg", 0.5))
    again = RememberedPlaces(settings_in(tmp_path))
    assert again.of(tmp_path / "ümläut, 4\udc80") is None
    assert again.of(tmp_path / "ümläut, 5\udc80") == Place(View(), '"5"\udc80.jpg', "1.jpg", 0.5)
    # One that is left again is remembered longest.
    again.keep(tmp_path / "ümläut, 5\udc80", Place(View(Filter.UNSURE)))
    again.keep(tmp_path / "another", Place(View()))
    assert again.of(tmp_path / "ümläut, 6\udc80") is None
    assert again.of(tmp_path / "ümläut, 5\udc80") == Place(View(Filter.UNSURE))
    again.forget(tmp_path / "ümläut, 5\udc80")
    assert again.of(tmp_path / "ümläut, 5\udc80") is None


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{", '{"/a": 3}', '{"/a": {"filter": "all"}}', '{"/a": {"filter": "x", "order": "name"}}'],
)
def test_a_settings_file_edited_by_hand_counts_as_not_set(tmp_path: Path, text: str) -> None:
    settings = settings_in(tmp_path)
    settings.places = text
    assert RememberedPlaces(settings).of(Path("/a")) is None
    RememberedPlaces(settings).keep(Path("/a"), Place(View()))
    assert RememberedPlaces(settings).of(Path("/a")) == Place(View())


def test_a_place_edited_by_hand_keeps_what_can_be_read(tmp_path: Path) -> None:
    settings = settings_in(tmp_path)
    settings.places = '{"/a": {"filter": "unsure", "order": "name", "current": 3, "above": "x"}}'
    assert RememberedPlaces(settings).of(Path("/a")) == Place(View(Filter.UNSURE, Order.NAME))
