"""What the window leaves out as it gets narrow or low, and what stays whole."""

import pytest
from PySide6.QtWidgets import QToolBar, QToolButton

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
