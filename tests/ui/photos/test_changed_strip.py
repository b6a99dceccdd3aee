"""The strip of changed tags: what it shows, by keys and by mouse, and that nothing in it moves under the mouse."""

from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QAccessible, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from alpacasorter.core.events import Found, Judged
from alpacasorter.core.photo import PhotoFile
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photos.changed_model import Answer
from alpacasorter.ui.photos.changed_strip import ChangedStrip
from tests.ui.conftest import Hands
from tests.ui.test_photo_store import LABELS, photo

Key, Mod = Qt.Key, Qt.KeyboardModifier


def shown(hands: Hands) -> list[str]:
    """What a screen reader says about each."""
    model = hands.page.review.strip.model
    return [str(model.index(n).data(Qt.ItemDataRole.AccessibleTextRole)) for n in range(model.rowCount())]


def at(strip: ChangedStrip, place: int, answer: Answer | None = None) -> QPoint:
    """Where a changed tag, or one of its buttons, is in the view."""
    cell = strip.view.visualRect(strip.model.index(place))
    return strip.view._delegate.buttons(cell)[answer].center() if answer else cell.topLeft() + QPoint(30, 30)


def click(strip: ChangedStrip, place: int, answer: Answer | None = None) -> None:
    QTest.mouseClick(strip.view.viewport(), Qt.MouseButton.LeftButton, pos=at(strip, place, answer))


@pytest.fixture
def strip(hands: Hands) -> ChangedStrip:
    """The strip, opened by its key, with three changed tags."""
    hands.learn({103: 0.2, 105: 0.3, 107: 0.1})
    hands.press(Key.Key_8, Mod.ControlModifier | Mod.ShiftModifier)
    hands.settle()
    strip = hands.page.review.strip
    assert strip.isVisible()
    return strip


def test_each_with_the_tag_before_and_after(hands: Hands, strip: ChangedStrip) -> None:
    assert hands.page.model.filter is Filter.ALL, "the photos above stay as they are"
    assert shown(hands) == [
        "103.jpg, Alpaca 90% → Not alpaca 80%",
        "105.jpg, Alpaca 90% → Not alpaca 70%",
        "107.jpg, Alpaca 90% → Not alpaca 90%",
    ]
    interface = QAccessible.queryAccessibleInterface(strip.view)
    assert interface.text(QAccessible.Text.Name) == "Changed tags"
    assert interface.role() == QAccessible.Role.List
    assert interface.childCount() == 3


def test_answers_by_keys(hands: Hands, strip: ChangedStrip) -> None:
    assert strip.view.hasFocus()
    hands.press(Key.Key_K)
    assert hands.asked == [{str(hands.row(103).key): LABELS.negative}]
    assert strip.view.hasFocus()
    hands.press(Key.Key_U)
    assert hands.asked[1:] == [{str(hands.row(105).key): LABELS.positive}]
    assert [words.rpartition(", ")[2] for words in shown(hands)][:2] == ["Kept", "Undone"], "before they are stored"
    hands.learn({}, hands.asked[0])
    hands.learn({}, hands.asked[1])
    assert shown(hands) == [
        "103.jpg, Alpaca 90% → Not alpaca 80%, Kept",
        "105.jpg, Alpaca 90% → Not alpaca 70%, Undone",
        "107.jpg, Alpaca 90% → Not alpaca 90%",
    ], "none has left its place"
    assert strip.view.currentIndex().row() == 2
    hands.press(Key.Key_Return)
    assert [row.path.name for row in hands.grid.selected_photos()] == ["107.jpg"]
    hands.press(Key.Key_Z, Mod.ControlModifier)
    hands.learn({}, hands.asked[-1])
    assert shown(hands)[1] == "105.jpg, Alpaca 90% → Not alpaca 70%", "an undo is undone"
    hands.press(Key.Key_Escape)
    assert not strip.isVisible()
    assert hands.grid.hasFocus()


def test_what_is_kept_is_not_asked_about_again(hands: Hands, strip: ChangedStrip) -> None:
    hands.press(Key.Key_K)
    hands.learn({}, hands.asked[-1])
    hands.press(Key.Key_U)
    # What is learned from that turns the tag that was kept back, and on again.
    hands.learn({103: 0.9}, hands.asked[-1])
    hands.learn({103: 0.2})
    assert shown(hands)[0] == "103.jpg, Alpaca 90% → Not alpaca 80%, Kept"
    assert hands.page.store.counts[Filter.CHANGED] == 1
    assert hands.row(103).correction == LABELS.negative
    for _ in range(2):
        hands.press(Key.Key_Z, Mod.ControlModifier)
        hands.learn({}, hands.asked[-1])
    assert hands.row(103).correction is None, "as any label, it can be undone"
    assert shown(hands)[0] == "103.jpg, Alpaca 90% → Not alpaca 80%", "and is to be answered again"


def test_only_one_place_offers_to_keep_and_undo(hands: Hands) -> None:
    banners, strip = hands.page.banners, hands.page.review.strip
    hands.press(Key.Key_N)
    hands.learn({103: 0.2, 105: 0.3, 107: 0.1}, hands.asked[-1])
    assert banners.flipped.wanted
    assert "3 other tags" in banners.flipped.words.text()
    hands.press(Key.Key_8, Mod.ControlModifier | Mod.ShiftModifier)
    assert strip.isVisible()
    assert not banners.flipped.wanted
    assert not banners.learned.undo_button.isVisibleTo(hands.window)
    assert not banners.learned.show_button.isVisibleTo(hands.window)
    hands.press(Key.Key_K)
    hands.learn({}, hands.asked[-1])
    assert strip.words.text() == "2 changed tags to review."
    hands.press(Key.Key_Escape)
    assert not strip.isVisible()
    assert banners.flipped.wanted
    assert "2 other tags" in banners.flipped.words.text(), "the same number in both places"


def test_photos_that_became_unsure_are_told_and_shown(hands: Hands) -> None:
    learned = hands.page.banners.learned
    hands.press(Key.Key_N)
    hands.learn(dict.fromkeys(range(103, 108), 0.55), hands.asked[-1])
    assert learned.words.text() == ("Learned from your label. No other tags changed. 5 more photos are unsure now.")
    assert learned.unsure_button.isVisible()
    QTest.mouseClick(learned.unsure_button, Qt.MouseButton.LeftButton)
    assert hands.page.model.filter is Filter.UNSURE
    hands.press(Key.Key_A)
    hands.learn({}, hands.asked[-1])
    assert not learned.unsure_button.isVisibleTo(hands.window), "no more than before"


def test_nothing_to_review_takes_one_line(hands: Hands) -> None:
    hands.press(Key.Key_8, Mod.ControlModifier | Mod.ShiftModifier)
    strip = hands.page.review.strip
    hands.settle()
    assert strip.words.text() == "No changed tags to review."
    assert strip.height() < 50
    hands.learn({103: 0.2})
    hands.settle()
    assert strip.view.isVisible()


def test_a_row_of_photos_and_the_buttons_stay_whole_in_a_low_window(hands: Hands) -> None:
    window, page = hands.window, hands.page
    window.resize(800, 600)
    hands.press(Key.Key_F4)
    hands.learn({103: 0.2, 105: 0.3, 107: 0.1})
    hands.press(Key.Key_8, Mod.ControlModifier | Mod.ShiftModifier)
    hands.settle()
    assert page.review.strip.view.isVisible()
    card = hands.grid.visualRect(hands.grid.model().index(0, 0))
    assert hands.grid.viewport().height() >= card.height()
    pane = page.preview
    for button in (pane.positive, pane.negative):
        assert pane.rect().contains(button.geometry())
        assert button.height() >= button.minimumSizeHint().height()
    assert not page.finding.panel.dates.isVisible(), "they leave the room to the strip"
    hands.press(Key.Key_Escape)
    hands.settle()
    assert page.finding.panel.dates.isVisible()
    assert hands.grid.viewport().height() >= card.height()


def test_answers_by_mouse(hands: Hands, strip: ChangedStrip) -> None:
    hands.grid.setFocus()
    click(strip, 1, Answer.KEEP)
    # The same place again hits nothing: it is answered, and no other has come here.
    click(strip, 1, Answer.KEEP)
    assert hands.asked == [{str(hands.row(105).key): LABELS.negative}]
    click(strip, 0, Answer.UNDO)
    assert hands.asked[1:] == [{str(hands.row(103).key): LABELS.positive}]
    click(strip, 2)
    assert [row.path.name for row in hands.grid.selected_photos()] == ["107.jpg"]
    assert hands.grid.hasFocus(), "keys still go to the photos"


def test_all_are_undone_in_one_step(hands: Hands, strip: ChangedStrip) -> None:
    QTest.mouseClick(strip.restore_button, Qt.MouseButton.LeftButton)
    assert hands.asked == [{str(hands.row(n).key): LABELS.positive for n in (103, 105, 107)}]
    hands.learn({}, hands.asked[-1])
    assert all(words.endswith("Undone") for words in shown(hands))
    hands.press(Key.Key_Z, Mod.ControlModifier)
    assert len(hands.asked) == 2


def test_all_are_kept(hands: Hands, strip: ChangedStrip) -> None:
    hands.focus(strip.keep_button)
    hands.press(Key.Key_Space)
    assert hands.asked == [{str(hands.row(n).key): LABELS.negative for n in (103, 105, 107)}]
    hands.learn({}, hands.asked[-1])
    assert hands.page.store.counts[Filter.CHANGED] == 0
    assert all(words.endswith("Kept") for words in shown(hands))
    assert not strip.keep_button.isVisible()


def test_tags_that_change_later_are_added_at_the_end(hands: Hands, strip: ChangedStrip) -> None:
    hands.learn({101: 0.4, 105: 0.9})
    assert [words.split(",")[0] for words in shown(hands)] == ["103.jpg", "105.jpg", "107.jpg", "101.jpg"]
    assert shown(hands)[1].endswith("Back to its earlier tag")


def test_the_filter_shows_it_and_no_photo_comes_under_the_mouse(hands: Hands) -> None:
    hands.learn({103: 0.2, 105: 0.3})
    strip = hands.page.review.strip
    assert not strip.isVisible(), "what changes by itself opens nothing"
    hands.press(Key.Key_8, Mod.ControlModifier)
    assert strip.isVisible()
    QTest.mouseMove(strip.keep_button)
    QApplication.processEvents()
    QTest.mouseClick(strip.keep_button, Qt.MouseButton.LeftButton)
    hands.learn({}, hands.asked[-1])
    assert hands.page.model.filter is Filter.CHANGED, "what is listed stays"
    hands.press(Key.Key_1, Mod.ControlModifier)
    assert strip.isVisible(), "it stays while the mouse is over it"
    QTest.mouseMove(hands.grid.viewport(), QPoint(20, 20))
    QApplication.processEvents()
    assert not strip.isVisible()


def test_another_folder_empties_it(hands: Hands, strip: ChangedStrip) -> None:
    hands.show(5)
    assert shown(hands) == []


def test_ten_thousand_scroll_sideways(hands: Hands) -> None:
    page, numbers = hands.page, range(100, 10_100)
    page.begin()
    page.on_found(Found(tuple(PhotoFile(Path(f"/p/{n}.jpg"), 1, 1) for n in numbers)))
    page.model.on_judged(Judged(tuple(photo(n, 0.9) for n in numbers), 0))
    hands.learn(dict.fromkeys(numbers, 0.2))
    hands.settle()
    hands.press(Key.Key_8, Mod.ControlModifier | Mod.ShiftModifier)
    strip = page.review.strip
    assert strip.model.rowCount() == 10_000
    hands.settle()
    view, place = strip.view, QPointF(strip.view.viewport().rect().center())
    for _ in range(20):
        wheel = QWheelEvent(
            place,
            view.viewport().mapToGlobal(place),
            QPoint(),
            QPoint(0, -120),
            Qt.MouseButton.NoButton,
            Mod.NoModifier,
            Qt.ScrollPhase.NoScrollPhase,
            False,
        )
        QApplication.sendEvent(view.viewport(), wheel)
    assert view.horizontalScrollBar().value() == 20 * 120, "an ordinary wheel scrolls sideways"
    hands.press(Key.Key_End)
    assert view.currentIndex().row() == 9_999
