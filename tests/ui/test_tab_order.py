"""The Tab key goes through the main window as the eye does."""

from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QToolBar, QWidget

from tests.ui.conftest import Hands


def test_from_the_tool_bar_to_the_status_bar(hands: Hands) -> None:
    window, page = hands.window, hands.page
    [tools] = window.findChildren(QToolBar)
    tools.show()
    page.actions_.histograms.setChecked(True)
    page.finding.open_search()
    window.notice.tell("It failed.")
    hands.settle()
    places: list[QWidget] = [
        *(tools, page.filters, page.finding.panel.field, page.finding.panel, page.grid, page.preview),
        *(window.banners, window.status),
    ]
    hands.grid.setFocus()
    reached: list[int] = []
    seen: list[QWidget] = []
    while (focus := QApplication.focusWidget()) is not None and focus not in seen:
        seen.append(focus)
        [place, *_others] = [n for n, one in enumerate(places) if one is focus or one.isAncestorOf(focus)]
        if not reached or reached[-1] != place:
            reached.append(place)
        QTest.keyClick(window.windowHandle(), Qt.Key.Key_Tab)
    assert reached == [4, 5, 6, 7, 0, 1, 2, 3]
