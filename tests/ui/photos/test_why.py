"""Why a photo has its tag: switched on by key and mouse, drawn over the photo, and never that of another photo."""

from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QApplication

from alpacasorter.core import reasons
from alpacasorter.core.events import NO_EXACT_MAP, ActivationMap, Explained, Neighbor
from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.widgets.theme import LIGHT
from tests.ui.conftest import Hands
from tests.ui.photos.test_grid import current, make_current

LEFT, Key = Qt.MouseButton.LeftButton, Qt.Key


def halves(width: int = 32, height: int = 32, *, upright: bool = False) -> ActivationMap:
    """Return a map whose left half (or, `upright`, upper half) speaks for the positive class, the other against it."""

    def speaks(row: int, column: int, rows: int, columns: int) -> bool:
        return row < rows // 2 if upright else column < columns // 2

    shares = tuple(tuple(1.0 if speaks(r, c, 8, 8) else -1.0 for c in range(8)) for r in range(8))
    levels = bytes(255 if speaks(r, c, height, width) else 1 for r in range(height) for c in range(width))
    return ActivationMap(shares, 0.5, levels, width, height)


class Asker:
    """A user who wants to know why, and the engine that answers when the test wants."""

    def __init__(self, hands: Hands) -> None:
        self.hands = hands
        self.page, self.panel = hands.page, hands.page.preview.why
        self.asked: list[tuple[Path, str, QImage | None]] = []
        self.dropped: list[None] = []
        hands.page.why.wanted.connect(lambda path, key, image: self.asked.append((path, key, image)))
        hands.page.why.dropped.connect(lambda: self.dropped.append(None))

    def press_w(self) -> None:
        self.hands.press(Key.Key_W)
        self.hands.settle()

    def answer(self, number: int, *, alike: tuple[int, ...] = (), **changes: object) -> None:
        """Answer for a photo; `alike`: the labeled photos that it looks like."""
        neighbors = tuple(Neighbor((f"key{n}",), Path(f"/p/{n}.jpg"), "alpaca", 0.9) for n in alike)
        given: dict[str, object] = {"map": halves(), "problem": None, "neighbors": neighbors, "labeled": len(alike)}
        path, key = Path(f"/p/{number}.jpg"), f"key{number}"
        answer = Explained(path, key, 0.9, training=("not_alpaca", 0.8), **(given | changes))  # type: ignore[arg-type]
        self.hands.window.engine.explaining.explained.emit(answer)

    def decode(self, number: int, size: tuple[int, int] = (200, 100)) -> None:
        """The preview has decoded a photo: all green."""
        image = QImage(*size, QImage.Format.Format_RGB888)
        image.fill(QColor(40, 200, 40))
        self.hands.window._previews.loaded.emit(Path(f"/p/{number}.jpg"), image)

    def overlay(self) -> QImage | None:
        """Return what is laid over the current photo."""
        return self.page.why.overlay(self.hands.row(current(self.hands)))

    def color_at(self, across: float, down: float, size: tuple[int, int]) -> QColor:
        """Return the color in a place of the photo as it is painted, given as shares of its width and height."""
        picture = self.page.preview.picture
        grabbed = picture.grab().toImage()
        scale = min(picture.width() / size[0], picture.height() / size[1], 1.0)
        width, height = size[0] * scale, size[1] * scale
        x = (picture.width() - width) / 2 + across * width
        y = (picture.height() - height) / 2 + down * height
        ratio = grabbed.devicePixelRatio()
        return grabbed.pixelColor(int(x * ratio), int(y * ratio))


@pytest.fixture
def asker(hands: Hands) -> Asker:
    make_current(hands, 103)
    return Asker(hands)


def test_w_switches_it_on_for_the_photo_and_off_again(asker: Asker) -> None:
    assert not asker.panel.isVisible()
    asker.press_w()
    assert asker.panel.isVisible()
    assert [(path.name, key) for path, key, _image in asker.asked] == [("103.jpg", "key103")]
    asker.answer(103)
    assert "left half" in asker.panel.sentence.text()
    assert asker.panel.sentence.text() == asker.page.preview.picture.accessibleDescription()
    asker.press_w()
    assert not asker.panel.isVisible()
    assert asker.overlay() is None
    assert asker.page.preview.picture.accessibleDescription() == ""
    make_current(asker.hands, 105)
    assert len(asker.asked) == 1


def test_the_menu_view_has_it_with_its_key(asker: Asker) -> None:
    bar = asker.hands.window.menuBar()
    view = next(action.menu() for action in bar.actions() if action.text() == "&View")
    action = next(one for one in view.actions() if one.text().endswith("\tW"))
    assert not action.isChecked()
    action.trigger()
    asker.hands.settle()
    assert action.isChecked()
    assert asker.panel.isVisible()
    assert len(asker.asked) == 1


def test_it_shows_the_preview_if_that_is_hidden(asker: Asker) -> None:
    asker.page.show_preview(False)
    asker.press_w()
    assert asker.page.preview.isVisible()
    assert asker.page.actions_.preview.isChecked()
    asker.press_w()
    assert asker.page.preview.isVisible()


@pytest.mark.parametrize("size", [(200, 100), (100, 240), (300, 60)], ids=["landscape", "portrait", "panorama"])
@pytest.mark.parametrize("upright", [False, True])
def test_the_colors_lie_over_the_photo_wherever_it_is_painted(
    asker: Asker, size: tuple[int, int], upright: bool
) -> None:
    asker.press_w()
    asker.decode(103, size)
    asker.answer(103, map=halves(upright=upright))
    first, second = ((0.5, 0.1), (0.5, 0.9)) if upright else ((0.1, 0.5), (0.9, 0.5))
    speaks, against = asker.color_at(*first, size), asker.color_at(*second, size)
    assert speaks.blue() > speaks.green() > speaks.red()
    assert against.red() > against.green() > against.blue()
    asker.press_w()
    plain = asker.color_at(*first, size)
    assert plain.green() > plain.blue() + 100


def test_where_nothing_speaks_the_photo_is_gray_and_can_be_seen(asker: Asker) -> None:
    asker.press_w()
    asker.decode(103)
    nothing = ActivationMap(((0.0, 0.0), (0.0, 0.0)), -5.0, bytes([128] * 4), 2, 2)
    asker.answer(103, map=nothing)
    shown = asker.color_at(0.5, 0.5, (200, 100))
    assert shown.red() == shown.green() == shown.blue()
    assert 60 < shown.red() < 220


def test_the_two_hues_are_told_apart_without_red_or_green() -> None:
    """In the eyes of the color-blind, blue and yellow remain (Viénot 1999: red and green turn into their mean)."""
    speaks, against = QColor(LIGHT.speaks_for), QColor(LIGHT.speaks_against)

    def blueness(color: QColor) -> float:
        return color.blue() - (color.red() + color.green()) / 2

    assert blueness(speaks) > 80
    assert blueness(against) < -80


def test_it_stays_on_from_photo_to_photo_and_shows_no_answer_of_another(asker: Asker) -> None:
    asker.press_w()
    asker.answer(103)
    assert asker.overlay() is not None
    make_current(asker.hands, 104)
    assert asker.overlay() is None
    assert asker.panel.sentence.text() == ""
    asker.answer(103)
    assert asker.overlay() is None
    asker.answer(104)
    assert asker.overlay() is not None
    assert [key for _path, key, _image in asker.asked] == ["key103", "key104"]


def test_holding_an_arrow_key_asks_only_where_it_ends(asker: Asker) -> None:
    asker.press_w()
    asker.asked.clear()
    for _ in range(6):
        asker.hands.type_key(Key.Key_Right, "", repeated=True)
    asker.hands.settle()
    assert current(asker.hands) == 109
    asker.hands.qtbot.waitUntil(lambda: bool(asker.asked), timeout=5000)
    assert [key for _path, key, _image in asker.asked] == ["key109"]


def test_it_follows_what_the_app_learns_and_never_disappears_meanwhile(asker: Asker) -> None:
    asker.press_w()
    asker.answer(103)
    asker.hands.window.engine.learned.emit(learned_nothing(asker))
    assert [key for _path, key, _image in asker.asked] == ["key103", "key103"]
    assert asker.overlay() is not None
    asker.answer(103, map=halves(upright=True))
    assert "upper half" in asker.panel.sentence.text()


def learned_nothing(asker: Asker) -> object:
    heard: list[object] = []
    page = asker.page
    original, page.on_learned = page.on_learned, heard.append  # type: ignore[method-assign]
    try:
        asker.hands.learn({103: 0.7})
    finally:
        page.on_learned = original  # type: ignore[method-assign]
    return heard[0]


def test_what_is_decoded_for_the_preview_goes_along(asker: Asker) -> None:
    asker.decode(103)
    asker.press_w()
    image = asker.asked[-1][2]
    assert image is not None
    assert (image.width(), image.height()) == (200, 100)


def test_a_click_or_key_on_a_photo_that_is_alike_goes_there(asker: Asker) -> None:
    asker.press_w()
    asker.answer(103, alike=(110, 101))
    asker.hands.settle()
    one, two, three = asker.panel.neighbors
    assert (one.isVisible(), two.isVisible(), three.isVisible()) == (True, True, False)
    assert one.isEnabled()
    assert two.isEnabled()
    assert "Alpaca" in one.accessibleName()
    asker.hands.focus(two)
    asker.hands.press(Key.Key_Space)
    assert current(asker.hands) == 101
    make_current(asker.hands, 103)
    asker.answer(103, alike=(110, 101))
    asker.hands.settle()
    QTest.mouseClick(one, LEFT)
    assert current(asker.hands) == 110


def test_with_fewer_alike_there_are_fewer_boxes_and_nothing_else_moves(asker: Asker) -> None:
    asker.press_w()
    asker.answer(103, alike=(110, 101, 102))
    asker.hands.settle()
    one, two, three = asker.panel.neighbors
    name = asker.page.preview.name
    before = one.geometry(), name.y()
    asker.answer(103, alike=(110,))
    asker.hands.settle()
    assert (one.geometry(), name.y()) == before
    assert not two.isVisible()
    assert not three.isVisible()
    make_current(asker.hands, 104)
    asker.hands.settle()
    assert one.isVisible(), "it stays until the next answer, so that nothing flashes"
    assert (one.geometry(), name.y()) == before


def test_a_labeled_photo_that_is_nowhere_any_more_is_a_sentence(asker: Asker) -> None:
    said: list[str] = []
    asker.page.failed.connect(said.append)
    asker.press_w()
    asker.answer(103, alike=(999,))
    QTest.mouseClick(asker.panel.neighbors[0], LEFT)
    assert current(asker.hands) == 103
    assert len(said) == 1


def test_without_labels_it_says_so_and_without_a_map_why_and_shows_what_is_alike(asker: Asker) -> None:
    asker.press_w()
    asker.answer(103)
    assert asker.panel.nothing.isVisible()
    asker.answer(103, map=None, problem=NO_EXACT_MAP, alike=(104,))
    assert not asker.panel.nothing.isVisible()
    assert "extra layers" in asker.panel.sentence.text()
    assert asker.panel.neighbors[0].isEnabled()
    assert asker.overlay() is None
    asker.answer(103, map=None, problem=reasons.VANISHED)
    assert asker.panel.sentence.text() == reasons.sentence(reasons.VANISHED)


def test_a_photo_that_is_not_judged_is_not_asked_about(asker: Asker) -> None:
    asker.hands.row(103).fail(reasons.DAMAGED)
    asker.press_w()
    assert asker.asked == []


# Loupe and comparison


def test_in_the_loupe_the_key_the_map_and_the_sentence_are_the_same(asker: Asker) -> None:
    hands, loupe = asker.hands, asker.page.closeups.loupe
    asker.page.show_preview(False)
    hands.press(Key.Key_Return)
    asker.press_w()
    assert loupe.why.isVisible()
    asker.answer(103, alike=(101,))
    assert "left half" in loupe.view.accessibleDescription()
    hands.press(Key.Key_Right)
    assert "half" not in loupe.view.accessibleDescription()
    hands.qtbot.waitUntil(lambda: asker.asked[-1][1] == "key104", timeout=5000)
    asker.answer(104, map=halves(upright=True), alike=(101,))
    assert "upper half" in loupe.why.sentence.text()
    QTest.mouseClick(loupe.why.neighbors[0], LEFT)
    assert loupe.row is hands.row(101)
    hands.press(Key.Key_Escape)
    # What was hidden stays so.
    assert not asker.page.preview.isVisible()


def test_in_a_comparison_it_is_said_of_the_photo_that_keys_act_on(asker: Asker) -> None:
    hands, page = asker.hands, asker.page.closeups.compare
    hands.press(Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    hands.press(Key.Key_X)
    asker.press_w()
    assert page.why.isVisible()
    asker.answer(104)
    one, other = page.panes
    assert (one.view.accessibleDescription() != "", other.view.accessibleDescription() != "") == (False, True)
    page.choose(0)
    hands.qtbot.waitUntil(lambda: asker.asked[-1][1] == "key103", timeout=5000)
    assert other.view.accessibleDescription() == ""
    asker.answer(103)
    assert one.view.accessibleDescription() == page.why.sentence.text() != ""
    hands.press(Key.Key_Escape)


# Places and the Tab key


def test_nothing_below_the_photo_moves_from_photo_to_photo(asker: Asker) -> None:
    asker.press_w()
    preview = asker.page.preview
    places = set()
    for number, answered in ((103, True), (104, False), (105, True)):
        make_current(asker.hands, number)
        if answered:
            asker.answer(number, alike=(108,) if number == 105 else ())
        asker.hands.settle()
        places.add(tuple(widget.geometry().getRect() for widget in (preview.why, preview.positive, preview.negative)))
    assert len(places) == 1


def test_the_buttons_below_the_photo_keep_their_place_whatever_is_said(asker: Asker) -> None:
    preview, hands = asker.page.preview, asker.hands
    hands.row(104).move_to(Path("/p") / ("long name " * 12 + ".jpg"))
    hands.row(105).correction = "alpaca"
    places = set()
    for number in (103, 104, 105):
        make_current(hands, number)
        places.add(tuple(button.geometry().getRect() for button in (preview.positive, preview.negative)))
    asker.page.actions_.select_all.trigger()
    hands.settle()
    places.add(tuple(button.geometry().getRect() for button in (preview.positive, preview.negative)))
    assert len(places) == 1


def test_the_tab_key_reaches_every_filter_and_every_button_of_the_preview(asker: Asker) -> None:
    page, hands = asker.page, asker.hands
    hands.row(103).correction = "alpaca"
    asker.press_w()
    asker.answer(103, alike=(104, 105, 106))
    page.preview.refresh()
    hands.settle()
    hands.focus(page.grid)
    reached = []
    for _ in range(40):
        hands.press(Key.Key_Tab)
        widget = QApplication.focusWidget()
        if widget is page.grid:
            break
        reached.append(widget)
    buttons: list[QAbstractButton] = [page.filters.button(which) for which in Filter]
    buttons = [*(button for button in buttons if button.isVisible()), *page.preview.buttons]
    assert len(buttons) >= 12
    assert [button.text() for button in buttons if button not in reached] == []
    # In the order in which they are read.
    order = [reached.index(button) for button in page.preview.buttons]
    assert order == sorted(order)


def test_a_filter_reached_by_the_tab_key_is_chosen_by_the_space_bar(asker: Asker) -> None:
    page, hands = asker.page, asker.hands
    hands.focus(page.filters.button(Filter.UNSURE))
    hands.press(Key.Key_Space)
    assert page.model.filter is Filter.UNSURE
    assert [which for which in Filter if page.filters.button(which).isChecked()] == [Filter.UNSURE]
    QTest.mouseClick(page.filters.button(Filter.UNSURE), LEFT)
    assert [which for which in Filter if page.filters.button(which).isChecked()] == [Filter.UNSURE]


def test_a_tag_button_stays_checked_when_it_is_clicked_again(asker: Asker) -> None:
    preview = asker.page.preview
    assert (preview.positive.isChecked(), preview.negative.isChecked()) == (True, False)
    QTest.mouseClick(preview.positive, LEFT)
    assert (preview.positive.isChecked(), preview.negative.isChecked()) == (True, False)
    QTest.mouseClick(preview.negative, LEFT)
    assert (preview.positive.isChecked(), preview.negative.isChecked()) == (False, True)
    assert asker.hands.asked[-1] == {"key103": "not_alpaca"}
