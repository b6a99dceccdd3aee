"""What the window leaves out as it gets narrow or low, and what stays whole."""

import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QToolBar, QToolButton

from alpacasorter.ui.photo_filters import Filter
from alpacasorter.ui.photos.delegate import was
from alpacasorter.ui.widgets.tag import tag_font
from tests.ui.conftest import Hands


@pytest.mark.parametrize("widths", [(900, 640, 900), (640, 1000), (1000, 700, 860)])
def test_buttons_on_the_right_of_the_tool_bar_show_no_words(hands: Hands, widths: tuple[int, ...]) -> None:
    """They are icons at every width, so the tool bar has space for all buttons."""
    [bar] = hands.window.findChildren(QToolBar)
    bar.show()
    actions = hands.page.actions_
    for width in widths:
        hands.window.resize(width, 600)
        hands.settle()
        for action in (actions.smaller, actions.larger, actions.preview, actions.settings):
            button = bar.widgetForAction(action)
            assert isinstance(button, QToolButton)
            assert button.isVisible()
            assert button.width() < 1.5 * button.height(), f"words at {width} pixels"
            assert button.geometry().right() < bar.width()


@pytest.mark.parametrize("width", [940, 900, 880, 860])
def test_filters_leave_no_empty_line(hands: Hands, width: int) -> None:
    """Where one line has space for the filters, the two that come and go get their space in it."""
    page = hands.page
    hands.window.resize(width, 650)
    hands.settle()
    bar, top = page.filters, page.grid.mapTo(hands.window, QPoint(0, 0))
    permanent = [bar.button(which) for which in Filter if bar.button(which).isVisible()]
    assert len({button.y() for button in permanent}) == 1
    assert bar.height() < 2 * permanent[0].height()
    places = [button.geometry() for button in permanent]
    for which in (Filter.NEW, Filter.CHANGED):
        hands.press(
            {Filter.NEW: Qt.Key.Key_7, Filter.CHANGED: Qt.Key.Key_8}[which], Qt.KeyboardModifier.ControlModifier
        )
    hands.settle()
    both = [bar.button(which) for which in (Filter.NEW, Filter.CHANGED)]
    bar.set_counts({**page.store.counts, Filter.NEW: 12, Filter.CHANGED: 34})
    hands.settle()
    assert all(button.isVisible() and button.y() == permanent[0].y() for button in both)
    assert max(button.geometry().right() for button in both) <= bar.width()
    assert page.grid.mapTo(hands.window, QPoint(0, 0)) == top
    for button, place in zip(permanent, places, strict=True):
        assert abs(button.x() - place.x()) < 12, "a click still hits what it was meant for"
        words = button.text()
        assert button.fontMetrics().horizontalAdvance(words) <= button.width()
        assert words[-1].isdigit()


def test_one_message_in_the_smallest_window(hands: Hands) -> None:
    """With a question about many tags, the changed tags are shown whole, and so is the picture of the current one."""
    page = hands.page
    hands.window.findChildren(QToolBar)[0].show()
    hands.window.resize(640, 480)
    hands.show(60)
    hands.press(Qt.Key.Key_N)
    flips = dict.fromkeys(range(101, 108), 0.48)
    hands.learn(flips, dict(hands.asked[-1]))
    hands.settle()
    assert hands.window.banners.shown is page.banners.flipped
    words = page.banners.flipped.words
    assert words.heightForWidth(words.width()) <= words.height(), "the sentence is whole"
    hands.press(Qt.Key.Key_8, Qt.KeyboardModifier.ControlModifier)
    strip = page.review.strip
    hands.settle()
    assert not page.banners.flipped.isVisible(), "the strip asks the same"
    assert strip.isVisible()
    assert not strip.view.isVisible(), "the photos need the space"
    index = page.model.index(0)
    row, delegate, cell = page.model.photo(index), hands.grid.delegate, hands.grid.visualRect(index)
    assert hands.grid.viewport().rect().contains(cell.adjusted(6, 6, -6, -6))
    tag = delegate.shown_tag(row)
    assert tag is not None
    wanted = tag.size(QFontMetrics(tag_font(hands.grid.font())), 1000)
    assert delegate.tag_rect(cell, row).width() >= wanted.width(), "the percentage is whole"
    below = hands.grid.fontMetrics().horizontalAdvance(was(row, page.store))
    assert below <= delegate.picture_size().width()
    assert page.preview.picture.isVisible()
