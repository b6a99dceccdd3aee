"""Headings of folders in the grid: where they are, what a click does, and how keys and a rubber band pass over them."""

from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QAccessible, QHelpEvent, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolTip

from alpacasorter.core.events import Found, Judged, Problem, Problems
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.sorting.events import FilesPlaced, Placed
from alpacasorter.ui.photo_filters import Filter, Order
from alpacasorter.ui.photos.layout import CardLayout
from tests.ui.conftest import FINISHED, Hands
from tests.ui.photos.test_places import judged
from tests.ui.test_photo_store import LABELS

LEFT, Key, Mod = Qt.MouseButton.LeftButton, Qt.Key, Qt.KeyboardModifier
ROOT = Path("/trip")
FOLDERS = {"": 3, "a": 7, "b/c": 1, "d": 40}


def show(hands: Hands, folders: dict[str, int] = FOLDERS) -> None:
    """Show photos named 100, 101, … in folders, in columns of small cards."""
    page, number = hands.page, 100
    page.show_preview(False)
    hands.grid.set_tile(100)
    page.set_labels(LABELS)
    page.begin(folder=ROOT)
    for name, count in folders.items():
        numbers = range(number, number + count)
        page.on_found(Found(tuple(PhotoFile(ROOT / name / f"{n}.jpg", 1, 1) for n in numbers)))
        page.model.on_judged(judged(str(ROOT / name), numbers, 0.9))
        number += count
    page.on_finished(FINISHED)
    hands.settle()


def current(hands: Hands) -> int:
    return hands.grid.currentIndex().row()


def selected(hands: Hands) -> list[int]:
    return sorted(index.row() for index in hands.grid.selectionModel().selectedIndexes())


def cell(hands: Hands, place: int) -> QRect:
    return hands.grid.visualRect(hands.page.model.index(place))


def columns(hands: Hands) -> int:
    return sum(cell(hands, place).top() == cell(hands, 11).top() for place in range(11, 51))


def test_each_folder_begins_on_a_line_of_its_own_below_its_heading(hands: Hands) -> None:
    show(hands)
    headings = hands.grid.headings()
    assert [hands.page.model.sections[section] for section, _rect in headings[:3]] == [0, 3, 10]
    for (_section, rect), first in zip(headings, (0, 3, 10), strict=False):
        assert cell(hands, first).left() == 0
        assert cell(hands, first).top() == rect.bottom() + 1
    names = [hands.page.model.folder_name(hands.page.model.listed[place].folder) for place in (0, 3, 10, 11)]
    assert names == ["trip", "a", str(Path("b/c")), "d"]


@pytest.mark.parametrize("folders", [{"": 30}, {"a": 30}])
def test_a_single_folder_has_no_heading(hands: Hands, folders: dict[str, int]) -> None:
    show(hands, folders)
    assert hands.grid.headings() == []
    assert cell(hands, 0).top() == 0


def test_another_order_has_no_headings_but_the_folder_on_each_card(hands: Hands) -> None:
    show(hands)
    model = hands.page.model
    assert model.index(0).data(model.FolderRole) == ""
    hands.page.actions_.orders[Order.NAME].trigger()
    hands.settle()
    assert hands.grid.headings() == []
    assert model.index(4).data(model.FolderRole) == "a"
    assert str(ROOT / "a") in model.index(4).data(Qt.ItemDataRole.ToolTipRole)
    before = hands.grid.grab().toImage()
    # The folder is painted: the same photos without it look different.
    hands.page.show_filter(Filter.PROBLEMS)
    show(hands, {"": 51})
    hands.page.actions_.orders[Order.NAME].trigger()
    hands.settle()
    assert hands.grid.grab().toImage() != before


def test_headings_come_and_go_with_the_filter(hands: Hands) -> None:
    show(hands)
    page = hands.page
    page.model.on_judged(Judged(judged(str(ROOT / "a"), range(103, 110), 0.1).photos, 0))
    page.show_filter(Filter.NEGATIVE)
    assert hands.grid.headings() == []
    page.show_filter(Filter.ALL)
    assert len(hands.grid.headings()) >= 3


def test_the_heading_of_the_photos_at_the_top_stays_until_the_next_one_pushes_it_out(hands: Hands) -> None:
    show(hands)
    bar, grid = hands.grid.verticalScrollBar(), hands.grid
    height = grid.covered
    bar.setValue(cell(hands, 0).center().y())
    section, rect = grid.headings()[0]
    assert (section, rect.top()) == (0, 0)
    assert not grid.indexAt(QPoint(cell(hands, 0).center().x(), height // 2)).isValid(), "it covers the cards"
    # The next heading is half a heading below the top.
    bar.setValue(bar.value() + grid.headings()[1][1].top() - height // 2)
    one, other = grid.headings()[:2]
    assert one[1].top() == height // 2 - height
    assert other[1].top() == height // 2


def test_a_click_on_a_heading_selects_the_photos_of_the_folder_and_scrolls_nothing(hands: Hands) -> None:
    show(hands)
    grid, bar = hands.grid, hands.grid.verticalScrollBar()
    bar.setValue(20)
    rects = dict(grid.headings())
    QTest.mouseClick(grid.viewport(), LEFT, pos=rects[1].center())
    hands.settle()
    assert selected(hands) == list(range(3, 10))
    assert current(hands) == 3
    assert bar.value() == 20
    QTest.mouseClick(grid.viewport(), LEFT, Mod.ControlModifier, rects[2].center())
    assert selected(hands) == list(range(3, 11))
    QTest.mouseDClick(grid.viewport(), LEFT, pos=rects[2].center())
    hands.press(Key.Key_N)
    assert list(hands.asked[-1].values()) == ["not_alpaca"] * len(hands.asked[-1])


def test_a_key_selects_the_photos_of_the_folder(hands: Hands) -> None:
    show(hands)
    hands.grid.go_to(hands.page.model.index(5))
    hands.press(Key.Key_A, Mod.ControlModifier | Mod.ShiftModifier)
    assert selected(hands) == list(range(3, 10))
    assert current(hands) == 5
    hands.page.actions_.orders[Order.NAME].trigger()
    hands.press(Key.Key_A, Mod.ControlModifier | Mod.ShiftModifier)
    rows = [hands.page.model.listed[place] for place in selected(hands)]
    assert {row.folder.name for row in rows} == {"a"}
    assert len(rows) == 7


def test_headings_say_how_many_photos_a_sort_has_moved_away(hands: Hands) -> None:
    show(hands)
    cards = hands.grid.cards
    counts = [hands.grid.heading_count(cards.places_in(section)) for section in range(4)]
    assert counts == ["3 photos", "7 photos", "1 photo", "40 photos"]
    ways = [(ROOT / "a" / f"{n}.jpg", ROOT / "a" / "Alpaca" / f"{n}.jpg") for n in range(103, 108)]
    before = hands.grid.viewport().grab().toImage()
    hands.page.on_placed(
        FilesPlaced(tuple(Placed(was, now, kept=False, size=1, mtime_ns=1, content_key=None) for was, now in ways))
    )
    hands.settle()
    assert hands.grid.heading_count(cards.places_in(1)) == "2 photos, 5 moved away"
    assert hands.grid.cards.places_in(1) == cards.places_in(1), "nothing moves"
    assert hands.grid.viewport().grab().toImage() != before
    hands.page.on_placed(
        FilesPlaced(tuple(Placed(now, was, kept=False, size=1, mtime_ns=1, content_key=None) for was, now in ways))
    )
    assert hands.grid.heading_count(cards.places_in(1)) == "7 photos", "the sort was undone"


def test_arrow_keys_pass_over_headings(hands: Hands) -> None:
    show(hands)
    per_line = columns(hands)
    assert per_line > 3
    hands.press(Key.Key_Home)
    for expected in (1, 2, 3):
        hands.press(Key.Key_Right)
        assert current(hands) == expected
    hands.press(Key.Key_Left)
    assert current(hands) == 2
    hands.press(Key.Key_Down)
    assert current(hands) == 5, "the same column of the next folder"
    hands.grid.go_to(hands.page.model.index(6))
    hands.press(Key.Key_Up)
    assert current(hands) == 2, "the last one of a line that is shorter"
    hands.grid.go_to(hands.page.model.index(10))
    hands.press(Key.Key_Down, Mod.ShiftModifier)
    assert selected(hands) == [10, 11]
    hands.press(Key.Key_End)
    assert current(hands) == 50
    hands.press(Key.Key_Down)
    assert current(hands) == 50


def test_what_a_key_makes_current_is_not_below_the_heading(hands: Hands) -> None:
    show(hands)
    grid = hands.grid
    hands.press(Key.Key_End)
    while current(hands) > 0:
        before = current(hands)
        hands.press(Key.Key_PageUp if before > 30 else Key.Key_Up)
        assert current(hands) < before
        rect = cell(hands, current(hands))
        assert rect.top() >= grid.covered or rect.height() + grid.covered > grid.viewport().height()
    for _ in range(20):
        before = current(hands)
        hands.press(Key.Key_PageDown)
        assert cell(hands, current(hands)).bottom() <= grid.viewport().height()
    assert current(hands) >= 50 - columns(hands)


def test_a_rubber_band_takes_photos_of_two_folders(hands: Hands) -> None:
    show(hands)
    grid = hands.grid
    start = grid.delegate.card_rect(cell(hands, 1)).topLeft() - QPoint(2, 2)
    end = grid.delegate.card_rect(cell(hands, 5)).center()
    QTest.mousePress(grid.viewport(), LEFT, pos=start)
    for step in range(1, 9):
        place = QPointF(start + (end - start) * step / 8)
        where = grid.viewport().mapToGlobal(place)
        none = Qt.MouseButton.NoButton
        QApplication.sendEvent(
            grid.viewport(), QMouseEvent(QMouseEvent.Type.MouseMove, place, where, none, LEFT, Mod.NoModifier)
        )
    QTest.mouseRelease(grid.viewport(), LEFT, pos=end)
    assert selected(hands) == [1, 2, 4, 5]


def test_screen_readers_know_where_each_photo_is_and_its_folder(hands: Hands) -> None:
    show(hands)
    view = QAccessible.queryAccessibleInterface(hands.grid)
    names = {place: hands.page.model.index(place).data(Qt.ItemDataRole.AccessibleTextRole) for place in (0, 4)}
    assert str(ROOT / "a") in names[4]
    for place in (0, 4):
        on_screen = hands.grid.viewport().mapToGlobal(cell(hands, place).center())
        child = view.childAt(on_screen.x(), on_screen.y())
        assert child is not None
        assert child.text(QAccessible.Text.Name) == names[place]
        assert child.rect().contains(on_screen)


@pytest.mark.qt_log_ignore("does not support raise", extend=True)
def test_tool_tips_cover_no_tag_and_name_the_folder(hands: Hands) -> None:
    show(hands)
    grid = hands.grid
    grid.verticalScrollBar().setValue(40)

    def tip_at(point: QPoint) -> str:
        QToolTip.hideText()
        QApplication.sendEvent(
            grid.viewport(), QHelpEvent(QEvent.Type.ToolTip, point, grid.viewport().mapToGlobal(point))
        )
        return QToolTip.text()

    rect = grid.headings()[1][1]
    assert str(ROOT / "a") in tip_at(rect.center())
    tag = grid.tag_rect(hands.page.model.index(3))
    assert "103.jpg" in tip_at(tag.center())
    [label] = [
        widget for widget in QApplication.topLevelWidgets() if widget.inherits("QTipLabel") and widget.isVisible()
    ]
    for place in grid.visible_rows():
        shown = grid.tag_rect(hands.page.model.index(place))
        assert not label.geometry().intersects(QRect(grid.viewport().mapToGlobal(shown.topLeft()), shown.size()))
    QToolTip.hideText()


# The arithmetic


@given(
    st.lists(st.integers(1, 30), min_size=1, max_size=8),
    st.integers(1, 6),
    st.integers(10, 40),
    st.integers(0, 9),
)
def test_places_and_points_agree(sizes: list[int], across: int, height: int, heading: int) -> None:
    starts = [sum(sizes[:n]) for n in range(len(sizes))]
    count = sum(sizes)
    cards = CardLayout(count, starts, across, QSize(20, height), heading)
    rects = [cards.rect(place) for place in range(count)]
    for place, rect in enumerate(rects):
        assert cards.place_at(rect.topLeft()) == cards.place_at(rect.bottomRight()) == place
        assert cards.nearest(rect.center()) == place
        assert place in cards.places_in(cards.section_of(place))
        assert 0 <= rect.left() <= rect.right() < across * 20
        assert rect.bottom() < cards.height
    assert rects[-1].bottom() == cards.height - 1
    for one, next_one in pairwise(rects):
        assert not one.intersects(next_one)
    for top in range(-5, cards.height + 5, 7):
        bottom = top + 23
        inside = [n for n, rect in enumerate(rects) if rect.bottom() >= top and rect.top() <= bottom]
        assert [place for _top, line in cards.lines(top, bottom) for place in line] == inside
        assert not inside or set(inside) <= set(cards.places(top, bottom))
    for place in range(count):
        below = cards.line_away(place, 1)
        if below != place:
            assert rects[below].top() > rects[place].top()
            assert rects[below].left() <= rects[place].left()
            assert rects[cards.line_away(below, -1)].top() == rects[place].top()
        else:
            assert rects[place].bottom() == cards.height - 1
        for pixels in (-50, -1, 1, 50):
            there = cards.page_away(place, pixels)
            assert (rects[there].top() - rects[place].top()) * pixels >= 0


def test_a_problem_is_told_whole_on_its_card_or_ends_in_an_ellipsis(hands: Hands) -> None:
    """No line is cut: below the last line that is painted there is space."""
    page, grid = hands.page, hands.grid
    hands.show(2)
    long = "This photo is broken in more than one way, so that it can't be shown, however often it is tried. " * 4
    for reason in ("No.", long[:90], long):
        page.model.on_problems(Problems((Problem(Path("/p/100.jpg"), reason),)))
        for tile in (128, 184, 320):
            grid.set_tile(tile)
            hands.settle()
            area = grid.delegate.picture_rect(cell(hands, 0))
            shot = grid.viewport().grab(area).toImage()
            ground = shot.pixel(1, 1)
            for y in (*range(3), *range(shot.height() - 3, shot.height())):
                assert {shot.pixel(x, y) for x in range(1, shot.width() - 1)} == {ground}, (reason, tile, y)
