"""A click or key means the tag that is painted, even where learning has turned it in that very moment."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from tests.ui.conftest import Hands
from tests.ui.test_photo_store import LABELS

NOT, YES = LABELS.negative, LABELS.positive
LEFT = Qt.MouseButton.LeftButton


def tag_at(hands: Hands, number: int) -> QPoint:
    return hands.grid.tag_rect(hands.page.model.index_of(hands.row(number))).center()


def test_space_flips_the_tag_that_is_painted(hands: Hands) -> None:
    hands.learn({100: 0.1})
    assert hands.page.store.label(hands.row(100)) == NOT, "it has turned, but that is not painted yet"
    hands.press(Qt.Key.Key_Space)
    assert hands.asked == [{"key100": NOT}]


def test_after_painting_the_new_tag_is_flipped(hands: Hands) -> None:
    hands.learn({100: 0.1})
    hands.settle()
    hands.press(Qt.Key.Key_Space)
    assert hands.asked == [{"key100": YES}]


def test_click_flips_the_tag_that_is_painted(hands: Hands) -> None:
    place = tag_at(hands, 103)
    hands.learn({103: 0.1})
    QTest.mouseClick(hands.grid.viewport(), LEFT, pos=place)
    assert hands.asked == [{"key103": NOT}]


@pytest.mark.parametrize("painted", [False, True])
def test_a_tag_that_turns_while_the_button_is_down(hands: Hands, painted: bool) -> None:
    place = tag_at(hands, 103)
    QTest.mousePress(hands.grid.viewport(), LEFT, pos=place)
    hands.learn({103: 0.1})
    if painted:
        hands.settle()
    QTest.mouseRelease(hands.grid.viewport(), LEFT, pos=place)
    assert hands.asked == [{"key103": NOT}]


def test_each_selected_photo_is_flipped_by_its_painted_tag(hands: Hands) -> None:
    hands.show(300)
    hands.learn({101: 0.1, 390: 0.1})
    hands.settle()
    hands.grid.selectAll()
    hands.learn({102: 0.1, 101: 0.9, 390: 0.9, 391: 0.1})
    hands.press(Qt.Key.Key_Space)
    [asked] = hands.asked
    assert len(asked) == 300
    yes = {key for key, label in asked.items() if label == YES}
    assert yes == {"key101", "key390"}, "the tags of the others were YES, in view or not"


def test_a_photo_that_went_out_of_view_is_flipped_by_the_tag_that_it_has(hands: Hands) -> None:
    hands.show(300)
    hands.grid.selectAll()
    bar = hands.grid.verticalScrollBar()
    bar.setValue(bar.maximum())
    hands.settle()
    hands.learn({100: 0.1})
    hands.settle()
    hands.press(Qt.Key.Key_Space)
    assert hands.asked[0]["key100"] == YES
    assert hands.asked[0]["key101"] == NOT


def test_a_tag_that_was_never_painted_is_not_flipped(hands: Hands) -> None:
    hands.show(1)
    row = hands.row(100)
    row.probability = None
    hands.grid.viewport().repaint()
    row.probability = 0.9
    hands.press(Qt.Key.Key_Space)
    QTest.mouseClick(hands.grid.viewport(), LEFT, pos=hands.grid.visualRect(hands.page.model.index(0)).center())
    assert hands.asked == []


def test_own_labels_count_before_they_are_painted(hands: Hands) -> None:
    hands.press(Qt.Key.Key_Space)
    hands.press(Qt.Key.Key_Space)
    assert hands.asked == [{"key100": NOT}, {"key100": YES}], "two flips are no flip"
    hands.learn({}, {"key100": YES})
    hands.press(Qt.Key.Key_Space)
    assert hands.asked[-1] == {"key100": NOT}


def test_a_label_from_another_window_counts_once_it_is_painted(hands: Hands) -> None:
    hands.learn({}, {"key100": NOT})
    hands.press(Qt.Key.Key_Space)
    assert hands.asked == [{"key100": NOT}]


def test_the_button_in_the_preview_gives_its_label(hands: Hands) -> None:
    hands.learn({100: 0.1})
    QTest.mouseClick(hands.page.preview.negative, LEFT)
    assert hands.asked == [{"key100": NOT}]
