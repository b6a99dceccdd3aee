"""A field for a percentage that follows the words of a box."""

from PySide6.QtWidgets import QCheckBox, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.ui.widgets.fields import percentage


def test_its_name_is_the_words_before_it(qtbot: QtBot) -> None:
    parent = QWidget()
    qtbot.addWidget(parent)
    assert percentage(parent, 50, 99, QCheckBox("&Leave out below", parent)).accessibleName() == "Leave out below"
