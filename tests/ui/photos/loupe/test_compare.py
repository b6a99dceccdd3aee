"""Comparing photos by keys and by mouse."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from tests.ui.conftest import Hands
from tests.ui.test_photo_store import LABELS

pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
NOT, YES = LABELS.negative, LABELS.positive
Key, Mod = Qt.Key, Qt.KeyboardModifier


def compare(hands: Hands, count: int) -> None:
    """Select the first photos with the keyboard, and compare them."""
    for _ in range(count - 1):
        hands.press(Key.Key_Right, Mod.ShiftModifier)
    hands.press(Key.Key_X)


def numbers(hands: Hands) -> list[int]:
    return [int(row.path.stem) for row in hands.page.closeups.compare.rows]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_x_compares_the_selected_photos_and_escape_goes_back_to_them(hands: Hands, count: int) -> None:
    compare(hands, count)
    page = hands.page.closeups.compare
    assert page.isVisible()
    assert not hands.page.actions_.compare.isEnabled(), "it is done already"
    assert not hands.grid.isVisible()
    assert numbers(hands) == list(range(100, 100 + count))
    assert [pane.isVisible() for pane in page.panes] == [True] * count
    assert QApplication.focusWidget() is page
    hands.press(Key.Key_Escape)
    assert QApplication.focusWidget() is hands.grid
    assert hands.page.actions_.compare.isEnabled()
    assert hands.grid.selected_photos() == [hands.row(n) for n in range(100, 100 + count)]


@pytest.mark.parametrize("count", [1, 5])
def test_with_another_number_of_photos_it_says_why_not(hands: Hands, count: int) -> None:
    said: list[str] = []
    hands.page.commands.remarked.connect(said.append)
    compare(hands, count)
    assert hands.grid.isVisible()
    assert len(said) == 1
    assert not hands.page.actions_.compare.isEnabled()
    assert "two to four" in said[0]
    assert said[0].startswith(f"{count} photo")


def test_keys_tag_the_chosen_photo_and_nothing_else_moves(hands: Hands) -> None:
    compare(hands, 3)
    page = hands.page.closeups.compare
    assert page.chosen.row is hands.row(102), "the current one"
    hands.press(Key.Key_N)
    assert hands.asked == [{"key102": NOT}]
    assert page.chosen.row is hands.row(102), "it does not go on to the next photo"
    page.choose(0)
    hands.press(Key.Key_N)
    assert hands.asked[1:] == [{"key100": NOT}]
    hands.press(Key.Key_Tab)
    hands.press(Key.Key_Space)
    assert hands.asked[2:] == [{"key101": NOT}]
    QTest.mouseClick(page.panes[2].view, Qt.MouseButton.LeftButton, pos=QPoint(20, 20))
    assert page.chosen is page.panes[2]
    QTest.mouseClick(page.positive, Qt.MouseButton.LeftButton)
    assert hands.asked[3:] == [{"key102": YES}]
    hands.press(Key.Key_Backtab, Mod.ShiftModifier)
    assert page.chosen is page.panes[1]
    assert numbers(hands) == [100, 101, 102]


def test_arrows_change_the_chosen_photo_or_another_while_it_is_held(hands: Hands) -> None:
    compare(hands, 2)
    page = hands.page.closeups.compare
    page.choose(0)
    hands.press(Key.Key_Right)
    assert numbers(hands) == [102, 101], "never the same photo twice"
    hands.press(Key.Key_H)
    assert page.chosen is page.panes[0], "it can still be tagged"
    hands.press(Key.Key_Right)
    assert numbers(hands) == [102, 103]
    assert page.chosen is page.panes[1], "keys act on the one that changes"
    hands.press(Key.Key_N)
    assert hands.asked == [{"key103": NOT}]
    hands.press(Key.Key_Right)
    assert numbers(hands) == [102, 104]
    hands.press(Key.Key_Tab)
    hands.press(Key.Key_N)
    assert hands.asked[1:] == [{"key102": NOT}], "the held one can be chosen"
    hands.press(Key.Key_Left)
    hands.press(Key.Key_Left)
    assert numbers(hands) == [102, 101]
    QTest.mouseClick(page.panes[1].hold, Qt.MouseButton.LeftButton)
    hands.press(Key.Key_Right)
    assert numbers(hands) == [102, 101], "both are held"
    hands.press(Key.Key_Escape)
    assert hands.grid.selected_photos() == [hands.row(101), hands.row(102)]


def test_of_three_the_one_after_the_held_one_changes(hands: Hands) -> None:
    compare(hands, 3)
    page = hands.page.closeups.compare
    page.choose(1)
    hands.press(Key.Key_H)
    hands.press(Key.Key_Right)
    assert numbers(hands) == [100, 101, 103]
    assert page.chosen is page.panes[2]
    hands.press(Key.Key_H)
    hands.press(Key.Key_Right)
    assert numbers(hands) == [102, 101, 103]
    assert page.chosen is page.panes[0]


def test_undo_does_not_take_the_place_of_a_held_photo(hands: Hands) -> None:
    compare(hands, 2)
    page = hands.page.closeups.compare
    hands.press(Key.Key_N)
    hands.learn({}, hands.asked[-1])
    hands.press(Key.Key_Right)
    hands.press(Key.Key_H)
    assert numbers(hands) == [100, 102]
    hands.press(Key.Key_Z, Mod.ControlModifier)
    assert numbers(hands) == [101, 102]
    assert page.chosen is page.panes[0]


def test_a_held_photo_is_told_by_its_button_which_looks_like_the_others(hands: Hands) -> None:
    compare(hands, 2)
    page = hands.page.closeups.compare

    def background(button: QAbstractButton) -> str:
        return button.grab().toImage().pixelColor(6, button.height() // 2).name()

    plain = background(page.back)
    assert [background(pane.hold) for pane in page.panes] == [plain, plain]
    page.choose(0)
    hands.press(Key.Key_H)
    [tagged] = [button for button in (page.positive, page.negative) if button.isChecked()]
    assert [background(pane.hold) for pane in page.panes] == [background(tagged), plain]


def test_undo_shows_the_photo_that_it_changes(hands: Hands) -> None:
    compare(hands, 2)
    page = hands.page.closeups.compare
    page.choose(0)
    hands.press(Key.Key_N)
    hands.learn({}, hands.asked[-1])
    page.choose(1)
    hands.press(Key.Key_Z, Mod.ControlModifier)
    assert page.chosen.row is hands.row(100)
    assert numbers(hands) == [100, 101]


def test_the_loupe_compares_what_was_selected_before(hands: Hands) -> None:
    hands.press(Key.Key_Right, Mod.ShiftModifier)
    hands.press(Key.Key_Return)
    assert hands.page.closeups.loupe.isVisible()
    hands.press(Key.Key_X)
    assert hands.page.closeups.compare.isVisible()
    assert numbers(hands) == [100, 101]


def test_photos_are_zoomed_and_moved_together(hands: Hands) -> None:
    compare(hands, 2)
    first, second = hands.page.closeups.compare.panes
    for pane in (first, second):
        row = pane.row
        assert row is not None
        pane.view.show_photo(row.path, row.key, (4000, 3000))
    first.view.zoom_full()
    assert second.view.scale == 1
    QTest.mousePress(second.view, Qt.MouseButton.LeftButton, pos=QPoint(100, 100))
    QTest.mouseMove(second.view, QPoint(60, 80))
    QTest.mouseRelease(second.view, Qt.MouseButton.LeftButton, pos=QPoint(60, 80))
    assert first.view.place == second.view.place != (1.0, (0.5, 0.5))
    hands.press(Key.Key_0)
    assert first.view.is_fitted
    assert second.view.is_fitted


@pytest.mark.parametrize("start", [0, 1, 2])
def test_tab_goes_from_photo_to_photo_and_round_again(hands: Hands, start: int) -> None:
    compare(hands, 3)
    page = hands.page.closeups.compare
    page.choose(start)
    labeled = []
    for place in [*range(start, 3), *range(start)]:
        hands.press(Key.Key_N)
        labeled.append({f"key{100 + place}": NOT})
        assert hands.asked == labeled
        hands.press(Key.Key_Tab)
    assert page.chosen is page.panes[start]
    assert QApplication.focusWidget() is page
    hands.press(Key.Key_Backtab, Mod.ShiftModifier)
    assert page.chosen is page.panes[start - 1]
    assert numbers(hands) == [100, 101, 102]


def test_tab_and_arrows_are_for_the_photos_whatever_has_the_focus(hands: Hands) -> None:
    compare(hands, 2)
    page = hands.page.closeups.compare
    page.choose(0)
    for button in (page.back, page.positive, page.negative):
        page.choose(0)
        before = numbers(hands)[0]
        hands.focus(button)
        hands.press(Key.Key_Right)
        assert numbers(hands)[0] > before
        assert page.chosen is page.panes[0]
        hands.press(Key.Key_Tab)
        assert page.chosen is page.panes[1]
        assert QApplication.focusWidget() is page
    for pane in page.panes:
        QTest.mouseClick(pane.hold, Qt.MouseButton.LeftButton)
        assert pane.hold.isChecked()
        assert QApplication.focusWidget() is page


def test_all_controls_have_names_and_the_buttons_can_be_reached_with_ctrl(hands: Hands) -> None:
    compare(hands, 2)
    page = hands.page.closeups.compare
    hands.settle()
    assert all(pane.view.accessibleName().startswith(pane.row.name) for pane in page.panes if pane.row is not None)
    names = [pane.row.name for pane in page.panes if pane.row is not None]
    assert all(name in pane.hold.accessibleName() for pane, name in zip(page.panes, names, strict=True))
    assert all(name in pane.tag.accessibleName() for pane, name in zip(page.panes, names, strict=True))
    page.choose(0)
    hands.settle()
    assert names[0] in page.accessibleName()
    page.choose(1)
    hands.settle()
    assert names[1] in page.accessibleName(), "it says which photo has the frame"
    reached = set()
    for _ in range(12):
        hands.press(Key.Key_Tab, Mod.ControlModifier)
        reached.add(QApplication.focusWidget())
    assert {page.back, page.positive, page.negative} <= reached
    assert page.chosen is page.panes[1]


def test_a_button_confirms_the_tag_of_the_chosen_photo(hands: Hands) -> None:
    compare(hands, 3)
    page = hands.page.closeups.compare
    page.choose(1)
    hands.settle()
    QTest.mouseClick(page.confirm, Qt.MouseButton.LeftButton)
    assert hands.asked == [{"key101": YES}]
    hands.learn({}, hands.asked[-1])
    hands.settle()
    assert not page.confirm.isEnabled()
    page.choose(2)
    hands.settle()
    assert page.confirm.isEnabled()
