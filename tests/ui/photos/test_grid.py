"""What stays in view, what a rubber band takes, and where the focus goes."""

from pathlib import Path

import pytest
from PySide6.QtCore import QItemSelectionModel, QPoint, QPointF, QRect, Qt
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QDialog, QToolBar

from alpacasorter.core.events import Found
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.watching.events import Gone
from alpacasorter.ui.photo_filters import Filter, Order
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.photos.preview import Selection
from tests.ui.conftest import Hands
from tests.ui.test_photo_store import LABELS

LEFT, Key, Mod = Qt.MouseButton.LeftButton, Qt.Key, Qt.KeyboardModifier
Flag = QItemSelectionModel.SelectionFlag


def make_current(hands: Hands, number: int) -> None:
    index = hands.page.model.index_of(hands.row(number))
    hands.grid.selectionModel().setCurrentIndex(index, Flag.ClearAndSelect)
    hands.grid.scrollTo(index)
    hands.settle()


def current(hands: Hands) -> int:
    return int(hands.page.model.photo(hands.grid.currentIndex()).path.stem)


def is_in_view(hands: Hands, number: int) -> bool:
    rect = hands.grid.visualRect(hands.page.model.index_of(hands.row(number)))
    return hands.grid.viewport().rect().contains(rect)


def shown(hands: Hands) -> list[int]:
    model = hands.page.model
    return [int(model.photo(model.index(n)).path.stem) for n in range(model.rowCount())]


# What stays in view


@pytest.mark.parametrize("number", [250, 399])
def test_the_current_photo_stays_in_view_whatever_changes_its_place(hands: Hands, number: int) -> None:
    hands.show(300)
    make_current(hands, number)
    actions, window = hands.page.actions_, hands.window

    def check(what: str) -> None:
        hands.settle()
        assert is_in_view(hands, number), what
        assert current(hands) == number, what

    check("before")
    for _ in range(3):
        actions.larger.trigger()
        check("larger")
    for _ in range(6):
        actions.smaller.trigger()
        check("smaller")
    for size in ((700, 500), (1200, 800), (640, 480), (1000, 700), (1000, 480)):
        window.resize(*size)
        check(f"window of {size}")
    for _ in range(2):
        actions.preview.trigger()
        check("preview")
    total = sum(hands.page.splitter.sizes())
    for width in (300, 450, 600):
        hands.page.splitter.setSizes([total - width, width])
        check("wider preview")
    hands.page.banners.learned.show()
    hands.page.progress.start()
    check("messages below")
    hands.page.banners.learned.hide()
    hands.page.progress.hide()
    for order in (Order.DOUBTFUL, Order.TAKEN, Order.FOLDER):
        actions.orders[order].trigger()
        check(f"order {order}")
    for which in (Filter.POSITIVE, Filter.ALL):
        actions.filters[which].trigger()
        check(f"filter {which}")


def test_ctrl_and_the_wheel_keep_the_current_photo_in_view(hands: Hands) -> None:
    hands.show(300)
    make_current(hands, 300)
    for delta in (120, 120, -120, -120, -120):
        place = QPointF(hands.grid.viewport().rect().center())
        wheel = QWheelEvent(
            place,
            hands.grid.viewport().mapToGlobal(place),
            QPoint(),
            QPoint(0, delta),
            Qt.MouseButton.NoButton,
            Mod.ControlModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(hands.grid.viewport(), wheel)
        hands.settle()
        assert is_in_view(hands, 300)


def test_photos_in_view_stay_if_the_current_one_is_elsewhere(hands: Hands) -> None:
    hands.show(300)
    bar = hands.grid.verticalScrollBar()
    bar.setValue(bar.maximum() // 2)
    hands.settle()
    first = hands.page.model.photo(hands.grid.indexAt(QPoint(20, 20)))
    hands.page.actions_.larger.trigger()
    hands.settle()
    hands.window.resize(760, 600)
    hands.settle()
    rect = hands.grid.visualRect(hands.page.model.index_of(first))
    assert hands.grid.viewport().rect().intersects(rect)
    assert current(hands) == 100
    assert not is_in_view(hands, 100)


def test_rows_that_come_and_go_leave_the_current_photo_in_view(hands: Hands) -> None:
    hands.show(300)
    make_current(hands, 250)
    top = hands.grid.visualRect(hands.grid.currentIndex()).top()
    hands.page.on_found(Found(tuple(PhotoFile(Path(f"/p/{n}.jpg"), 1, 1) for n in range(99))))
    hands.settle()
    assert hands.grid.visualRect(hands.grid.currentIndex()).top() == top
    # One after the other, between the first photo in view and the current one.
    hands.page.live.on_gone(Gone(tuple(Path(f"/p/{n}.jpg") for n in range(0, 99, 2))))
    hands.page.model.settle()
    hands.settle()
    assert hands.grid.visualRect(hands.grid.currentIndex()).top() == top
    assert current(hands) == 250


def test_the_neighbor_becomes_current_if_a_photo_leaves_the_filter(hands: Hands) -> None:
    hands.show(60)
    hands.learn(dict.fromkeys(range(130, 140), 0.1))
    hands.settle()
    make_current(hands, 134)
    actions = hands.page.actions_
    actions.filters[Filter.POSITIVE].trigger()
    hands.settle()
    assert current(hands) == 140
    assert is_in_view(hands, 140)
    make_current(hands, 159)
    actions.filters[Filter.NEGATIVE].trigger()
    assert current(hands) == 139, "there is none after it"
    actions.filters[Filter.CORRECTED].trigger()
    assert not hands.grid.currentIndex().isValid()


def test_another_order_keeps_the_selection(hands: Hands) -> None:
    hands.show(60)
    make_current(hands, 130)
    for number in (110, 111, 150):
        hands.grid.selectionModel().select(hands.page.model.index_of(hands.row(number)), Flag.Select)
    hands.page.actions_.orders[Order.DOUBTFUL].trigger()
    assert {int(photo.path.stem) for photo in hands.grid.selected_photos()} == {110, 111, 130, 150}
    assert current(hands) == 130


# A rubber band


def card(grid: PhotoGrid, place: int) -> QRect:
    return grid.delegate.card_rect(grid.visualRect(grid.model().index(place, 0)))


def drag(
    hands: Hands, start: QPoint, end: QPoint, modifiers: Qt.KeyboardModifier = Mod.NoModifier, *, drop: bool = True
) -> None:
    """Press, drag in steps, and release unless `drop` is False."""
    viewport = hands.grid.viewport()
    QTest.mousePress(viewport, LEFT, modifiers, start)
    for step in range(1, 9):
        place = QPointF(start + (end - start) * step / 8)
        event = QMouseEvent(
            QMouseEvent.Type.MouseMove, place, viewport.mapToGlobal(place), Qt.MouseButton.NoButton, LEFT, modifiers
        )
        QApplication.sendEvent(viewport, event)
    if drop:
        QTest.mouseRelease(viewport, LEFT, modifiers, end)


def selected(hands: Hands) -> set[int]:
    return {index.row() for index in hands.grid.selectionModel().selectedIndexes()}


@pytest.fixture
def many(hands: Hands) -> Hands:
    """A window with 40 photos in small cards, with space below them."""
    hands.page.show_preview(False)
    hands.grid.set_tile(100)
    hands.show(40)
    hands.grid.clearSelection()
    return hands


def columns_of(hands: Hands) -> int:
    first = hands.grid.visualRect(hands.page.model.index(0)).top()
    tops = [hands.grid.visualRect(hands.page.model.index(n)).top() for n in range(hands.page.model.rowCount())]
    return tops.count(first)


def test_the_band_takes_what_it_touches_from_any_corner(many: Hands) -> None:
    columns = columns_of(many)
    # From the gap before the second card of the first line to just inside the third card of the second line.
    first, last = card(many.grid, 1), card(many.grid, columns + 2)
    corners = QPoint(first.left() - 2, first.top() - 3), QPoint(last.left() + 1, last.top() + 1)
    other = QPoint(corners[1].x(), corners[0].y()), QPoint(corners[0].x(), corners[1].y())
    expected = {1, 2, columns + 1, columns + 2}
    for start, end in (corners, corners[::-1], other, other[::-1]):
        many.grid.clearSelection()
        drag(many, start, end)
        assert selected(many) == expected, (start, end)


def test_the_band_takes_nothing_that_it_does_not_touch(many: Hands) -> None:
    columns = columns_of(many)
    one, below = card(many.grid, 0), card(many.grid, columns)
    gap = QPoint(one.left() - 3, one.bottom() + 2), QPoint(one.right() - 10, below.top() - 2)
    drag(many, *gap)
    assert selected(many) == set()


def test_the_band_begins_below_the_last_photo(many: Hands) -> None:
    count = 12
    many.show(count)
    many.grid.clearSelection()
    columns = columns_of(many)
    last = card(many.grid, count - 1)
    outside = QPoint(many.grid.viewport().width() - 3, last.bottom() + 40)
    assert many.grid.viewport().rect().contains(outside)
    drag(many, outside, last.bottomRight() - QPoint(1, 1))
    at = (count - 1) % columns
    touched = {n for n in range(count) if n // columns == (count - 1) // columns and n % columns >= at}
    assert selected(many) == touched


def test_ctrl_toggles_and_shift_adds(many: Hands) -> None:
    select = many.grid.selectionModel().select
    for place in (0, 5):
        select(many.page.model.index(place), Flag.Select)
    start, end = card(many.grid, 0).topLeft() - QPoint(2, 2), card(many.grid, 2).center()
    drag(many, start, end, Mod.ControlModifier)
    assert selected(many) == {1, 2, 5}
    many.grid.clearSelection()
    select(many.page.model.index(5), Flag.Select)
    drag(many, start, end, Mod.ShiftModifier)
    assert selected(many) == {0, 1, 2, 5}


def test_the_band_grows_while_the_view_scrolls(hands: Hands) -> None:
    hands.show(300)
    hands.grid.clearSelection()
    viewport, bar = hands.grid.viewport(), hands.grid.verticalScrollBar()
    start = card(hands.grid, 0).topLeft() - QPoint(2, 2)
    end = QPoint(viewport.width() - 5, viewport.height() // 2)
    drag(hands, start, end, drop=False)
    before = selected(hands)
    bar.setValue(bar.value() + 3 * hands.grid.gridSize().height())
    after = selected(hands)
    assert before < after
    assert after == set(range(max(after) + 1)), "those that have left the view at the top are still selected"
    bar.setValue(0)
    assert selected(hands) == before
    QTest.mouseRelease(viewport, LEFT, pos=end)


def test_the_band_scrolls_the_view_at_its_edge(hands: Hands) -> None:
    hands.show(300)
    hands.grid.clearSelection()
    viewport, bar = hands.grid.viewport(), hands.grid.verticalScrollBar()
    end = QPoint(viewport.width() - 5, viewport.height() - 2)
    drag(hands, card(hands.grid, 0).topLeft() - QPoint(2, 2), end, drop=False)
    hands.qtbot.waitUntil(lambda: bar.value() > 2 * hands.grid.gridSize().height())
    QTest.mouseRelease(viewport, LEFT, pos=end)
    taken = selected(hands)
    assert taken == set(range(max(taken) + 1))
    bottom = bar.value() + end.y()
    assert max(taken) // columns_of(hands) == (bottom - 6) // hands.grid.gridSize().height()


# Where the focus goes


def test_focus_goes_to_the_photos_when_its_button_goes(hands: Hands) -> None:
    page = hands.page
    page.set_labels(LABELS)
    page.progress.start()
    hands.focus(page.progress.stop_button)
    hands.press(Key.Key_Space)
    page.progress.hide()
    assert hands.grid.hasFocus()
    for banner in (page.banners.learned, page.banners.arrivals):
        for button in (banner.show_button, banner.close_button):
            banner.show()
            banner.show_button.show()
            hands.focus(button)
            if button is banner.close_button:
                hands.press(Key.Key_Space)
                assert not banner.isVisible()
            else:
                button.hide()
            assert hands.grid.hasFocus()
    hands.focus(page.preview.positive)
    page.preview.show_photo(None, Selection())
    assert hands.grid.hasFocus()
    page.preview.show_photo(hands.row(100), Selection(1, 1))
    hands.focus(page.preview.negative)
    page.actions_.preview.trigger()
    assert hands.grid.hasFocus()


def test_focus_goes_to_the_photos_when_its_button_is_disabled(hands: Hands) -> None:
    actions = hands.page.actions_
    [bar] = hands.window.findChildren(QToolBar)
    bar.show()
    actions.undo.setEnabled(True)
    hands.focus(bar.widgetForAction(actions.undo))
    actions.undo.setEnabled(False)
    assert hands.grid.hasFocus()


def test_focus_of_a_button_that_went_while_a_dialog_was_open(hands: Hands) -> None:
    hands.page.banners.learned.show()
    hands.focus(hands.page.banners.learned.close_button)
    dialog = QDialog(hands.window)
    dialog.setModal(True)
    dialog.show()
    dialog.activateWindow()
    hands.qtbot.waitUntil(lambda: QApplication.activeWindow() is dialog)
    hands.page.banners.learned.hide()
    dialog.close()
    hands.window.activateWindow()
    hands.qtbot.waitUntil(lambda: QApplication.activeWindow() is hands.window)
    hands.qtbot.waitUntil(hands.grid.hasFocus)
    dialog.deleteLater()
