"""The order of the photos: its actions, its button, and what each order lists first."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QMenu, QToolBar, QToolButton

from alpacasorter.core.events import Found, Judged, JudgedPhoto
from alpacasorter.core.photo import PhotoFacts, PhotoFile
from alpacasorter.ui.photo_filters import Filter, Order
from tests.ui.conftest import FINISHED, Hands
from tests.ui.test_photo_store import LABELS

Key, Mod = Qt.Key, Qt.KeyboardModifier

PHOTOS = (
    # The path, the probability, the label by the user, and in which month it was taken.
    ("/p/b/10.jpg", 0.99, None, 3),
    ("/p/b/9.jpg", 0.02, None, 1),
    ("/p/a/x2.jpg", 0.55, None, None),
    ("/p/a/x10.jpg", 0.4, "alpaca", 2),
    ("/p/z.jpg", 0.3, None, 4),
)


def show(hands: Hands) -> None:
    page = hands.page
    page.set_labels(LABELS)
    page.begin()
    page.on_found(Found(tuple(PhotoFile(Path(path), 1, 1) for path, *_ in PHOTOS)))
    judged = tuple(
        JudgedPhoto(
            Path(path),
            path,
            probability,
            PhotoFacts(1, 1, None if month is None else f"2019-{month:02}-01T12:00:00", "JPEG"),
            correction,
        )
        for path, probability, correction, month in PHOTOS
    )
    page.model.on_judged(Judged(judged, 0))
    page.on_finished(FINISHED)
    hands.settle()


def shown(hands: Hands) -> list[str]:
    return [row.path.stem for row in hands.page.model.listed]


def button(hands: Hands) -> QToolButton:
    found = hands.window.findChild(QToolButton, "order")
    assert isinstance(found, QToolButton)
    return found


@pytest.mark.parametrize(
    ("number", "order", "expected", "reversed_"),
    [
        (1, Order.FOLDER, "z x2 x10 9 10", "10 9 x10 x2 z"),
        (2, Order.NAME, "9 10 x2 x10 z", "z x10 x2 10 9"),
        # A photo without a date comes last either way.
        (3, Order.TAKEN, "9 x10 10 z x2", "z 10 x10 9 x2"),
        (4, Order.CONFIDENCE, "x10 10 x2 z 9", "9 z x2 10 x10"),
        (5, Order.DOUBTFUL, "x2 z 9 10 x10", None),
    ],
)
def test_keys_choose_an_order_and_its_other_end(
    hands: Hands, number: int, order: Order, expected: str, reversed_: str | None
) -> None:
    show(hands)
    actions = hands.page.actions_
    hands.press(Key.Key_2, Mod.AltModifier)
    hands.press(Key(Key.Key_0 + number), Mod.AltModifier)
    assert hands.page.model.view.order is order
    assert actions.orders[order].isChecked()
    assert shown(hands) == expected.split()
    assert not hands.page.model.out_of_date
    plain = button(hands).text()
    hands.press(Key.Key_0, Mod.AltModifier)
    if reversed_ is None:
        assert shown(hands) == expected.split()
        assert not actions.order.reverse.isEnabled()
        return
    assert shown(hands) == reversed_.split()
    assert actions.order.reverse.isChecked()
    assert button(hands).text() != plain, "the button says that it is the other end"
    hands.press(Key.Key_0, Mod.AltModifier)
    assert (shown(hands), button(hands).text()) == (expected.split(), plain)


def test_the_button_says_the_order_and_moves_no_neighbor(hands: Hands) -> None:
    show(hands)
    hands.window.findChild(QToolBar).show()
    hands.settle()
    order, texts, sizes = button(hands), set(), set()
    menu = order.menu()
    assert isinstance(menu, QMenu)
    for action in menu.actions():
        if action.isSeparator() or not action.isEnabled():
            continue
        action.trigger()
        hands.settle()
        texts.add(order.text())
        sizes.add(order.width())
        assert order.text().rstrip("…") in order.accessibleName()
        assert order.toolTip() == order.accessibleName()
    assert len(texts) >= 5
    assert len(sizes) == 1
    hands.window.resize(700, 600)
    hands.settle()
    assert order.toolButtonStyle() == Qt.ToolButtonStyle.ToolButtonIconOnly
    assert order.width() < min(sizes)


def test_new_photos_start_with_the_least_certain_one_whatever_the_order(hands: Hands) -> None:
    show(hands)
    page = hands.page
    page.actions_.orders[Order.NAME].trigger()
    page.actions_.order.reverse.trigger()
    for row in page.store.rows:
        row.new = True
    page.show_filter(Filter.NEW)
    assert shown(hands) == ["x2", "z", "9", "10", "x10"]
    page.show_filter(Filter.ALL)
    assert shown(hands)[0] == "z"


def test_another_order_begins_at_its_usual_end(hands: Hands) -> None:
    show(hands)
    actions = hands.page.actions_
    actions.orders[Order.NAME].trigger()
    actions.order.reverse.trigger()
    actions.orders[Order.TAKEN].trigger()
    assert not hands.page.model.view.descending
    assert not actions.order.reverse.isChecked()


def test_photos_that_come_while_the_order_is_reversed_go_to_the_end(hands: Hands) -> None:
    show(hands)
    page = hands.page
    page.actions_.orders[Order.NAME].trigger()
    page.actions_.order.reverse.trigger()
    page.on_found(Found((PhotoFile(Path("/p/m.jpg"), 1, 1),)))
    assert shown(hands) == ["z", "x10", "x2", "10", "9", "m"]
    assert page.model.out_of_date.order
    page.actions_.update_list.trigger()
    assert shown(hands) == ["z", "x10", "x2", "m", "10", "9"]
    row = page.store.row_of(Path("/p/b/10.jpg"))
    assert row is not None
    page.model.show(page.model.view)
    page.show_photos([str(row.key)])
    assert shown(hands) == ["z", "x10", "x2", "m", "10", "9"]


def test_the_button_names_every_order_in_full(hands: Hands) -> None:
    show(hands)
    hands.window.resize(1600, 700)
    for number, name in enumerate(("By folder", "By name", "By date taken", "By tag and confidence"), 1):
        hands.press(Key(Key.Key_0 + number), Mod.AltModifier)
        assert button(hands).text() == name


def words_on_cards(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return all that is written on the cards when they are painted."""
    said: list[str] = []
    write = QPainter.drawText

    def note(painter: QPainter, *args: object) -> object:
        said.extend(one for one in args if isinstance(one, str))
        return write(painter, *args)

    with monkeypatch.context() as patched:
        patched.setattr(QPainter, "drawText", note)
        hands.grid.viewport().grab()
    return "\n".join(said)


def test_in_the_order_by_date_the_cards_show_it(hands: Hands, monkeypatch: pytest.MonkeyPatch) -> None:
    show(hands)
    hands.press(Key.Key_2, Mod.AltModifier)
    by_name = words_on_cards(hands, monkeypatch)
    assert "x2.jpg" in by_name
    assert "2019" not in by_name
    hands.press(Key.Key_3, Mod.AltModifier)
    by_date = words_on_cards(hands, monkeypatch)
    assert by_date.count("2019") == 4
    assert by_date.count("No date") == 1
    assert ".jpg" not in by_date
    tip = hands.page.model.index(0).data(Qt.ItemDataRole.ToolTipRole)
    assert hands.page.model.listed[0].name in tip
