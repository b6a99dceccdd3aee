"""The layout of the filters in narrow windows."""

from PySide6.QtCore import QMargins
from PySide6.QtWidgets import QPushButton, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.ui.widgets.layouts import FlowLayout


def buttons(qtbot: QtBot, width: int) -> tuple[QWidget, list[QPushButton]]:
    widget = QWidget()
    qtbot.addWidget(widget)
    layout = FlowLayout(widget, QMargins(10, 5, 10, 5), 6)
    made = [QPushButton(f"button {n}", widget) for n in range(6)]
    for button in made:
        button.setFixedSize(100, 30)
        layout.addWidget(button)
    widget.resize(width, layout.heightForWidth(width))
    widget.show()
    return widget, made


def test_one_line_if_there_is_space(qtbot: QtBot) -> None:
    widget, made = buttons(qtbot, 700)
    assert {button.y() for button in made} == {5}
    assert [button.x() for button in made] == [10 + n * 106 for n in range(6)]
    assert widget.height() == 40


def test_more_lines_if_there_is_not(qtbot: QtBot) -> None:
    widget, made = buttons(qtbot, 340)
    assert [(button.x(), button.y()) for button in made] == [(10 + n % 3 * 106, 5 + n // 3 * 36) for n in range(6)]
    assert widget.height() == 76
    assert all(widget.rect().contains(button.geometry()) for button in made)


def test_exact_fit_stays_in_the_line(qtbot: QtBot) -> None:
    _, made = buttons(qtbot, 20 + 3 * 100 + 2 * 6)
    assert made[2].y() == made[0].y()
    assert made[3].y() > made[0].y()


def test_hidden_button_leaves_no_gap(qtbot: QtBot) -> None:
    widget, made = buttons(qtbot, 700)
    made[2].hide()
    widget.resize(701, 40)
    assert made[3].x() == 10 + 2 * 106


def test_line_of_a_hidden_button_is_kept(qtbot: QtBot) -> None:
    widget, made = buttons(qtbot, 20 + 5 * 100 + 4 * 6)
    made[5].hide()
    layout = widget.layout()
    assert layout is not None
    assert layout.heightForWidth(widget.width()) == 76


def test_no_line_is_left_empty_for_buttons_that_are_seldom_shown(qtbot: QtBot) -> None:
    widget, made = buttons(qtbot, 20 + 5 * 100 + 4 * 6)
    layout = widget.layout()
    assert isinstance(layout, FlowLayout)
    layout.set_seldom([made[5]], spare=0)
    made[5].hide()
    widget.resize(widget.width(), layout.heightForWidth(widget.width()))
    layout.activate()
    before = [button.geometry() for button in made[:5]]
    assert before[4].y() > before[3].y(), "the last of the others is in that line"
    height = layout.heightForWidth(widget.width())
    made[5].show()
    layout.activate()
    assert [button.geometry() for button in made[:5]] == before, "nothing moves when it is shown"
    assert made[5].y() == made[4].y()
    assert layout.heightForWidth(widget.width()) == height
