"""The first page fits into a low window."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtWidgets import QApplication, QToolButton, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.ui.welcome import WelcomePage
from alpacasorter.ui.widgets.theme import Theme


@pytest.fixture
def page(qtbot: QtBot, qapp: QApplication) -> Iterator[WelcomePage]:
    # In a window that may be lower than the page wants, as the main window.
    window = QWidget()
    qtbot.addWidget(window)
    made = WelcomePage(Theme(qapp), window)
    window.show()
    yield made
    window.close()


def test_a_low_page_leaves_out_the_picture(page: WelcomePage) -> None:
    page.resize(640, 420)
    assert page.picture.isVisible()
    page.set_recent([Path(f"/photos/{n}") for n in range(5)])
    assert not page.picture.isVisible()
    QApplication.processEvents()
    layout = page.layout()
    assert layout is not None
    assert layout.totalMinimumSize().height() <= page.height(), "everything else fits"
    page.set_recent([Path(f"/photos/{n}") for n in range(4)])
    assert not page.picture.isVisible(), "it comes back only if there is space"
    page.resize(640, 800)
    assert page.picture.isVisible()
    page.set_recent([])
    page.resize(640, 420)
    assert page.picture.isVisible()


def test_at_most_five_folders_are_listed(page: WelcomePage) -> None:
    opened: list[Path] = []
    page.open.connect(opened.append)
    page.set_recent([Path(f"/photos/a & b {n}") for n in range(9)])
    buttons = [button for button in page.findChildren(QToolButton) if "a &&" in button.text()]
    assert len(buttons) == 5
    buttons[1].click()
    assert opened == [Path("/photos/a & b 1")]
