"""Fields of the settings of a training: each with its words, its tool tip, and a place for what is wrong with it."""

from __future__ import annotations

import re
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import QComboBox, QFormLayout, QLabel, QLineEdit, QSizePolicy, QSpinBox, QVBoxLayout, QWidget

from alpacasorter.i18n import pgettext

_RATES: Final = ("0.01", "0.003", "0.001", "0.0003", "0.0001", "0.00003", "0.00001")


class Field(QWidget):
    """A widget with a line below it that says what is wrong with its value."""

    def __init__(self, inside: QWidget, name: str, tip: str, parent: QWidget) -> None:
        """Hold `inside`; `name` and `tip` are its words for tool tip and screen readers."""
        super().__init__(parent)
        self.inside = inside
        inside.setToolTip(f"<p>{tip}</p>")
        inside.setAccessibleName(name)
        inside.setAccessibleDescription(tip)
        inside.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        inside.installEventFilter(self)
        self.wrong = note(self, "warning")
        self.wrong.hide()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(4)
        if isinstance(inside, QLineEdit):
            column.addWidget(inside)
        else:
            column.addWidget(inside, 0, Qt.AlignmentFlag.AlignLeft)
        column.addWidget(self.wrong)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Preferred)

    @property
    def problem(self) -> str:
        """What is wrong with the value, empty where nothing is."""
        return self.wrong.text()

    def say(self, problem: str) -> None:
        """Say what is wrong with the value, nothing where it is empty."""
        self.wrong.setText(problem)
        self.wrong.setVisible(bool(problem))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the wheel scroll the page: it must not change a value that happens to be under the pointer."""
        if event.type() == QEvent.Type.Wheel and not self.inside.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def note(parent: QWidget, role: str) -> QLabel:
    """Return a label for sentences, in the colour of its role."""
    label = QLabel(parent)
    label.setProperty("role", role)
    label.setWordWrap(True)
    return label


def add_row(form: QFormLayout, words: str, field: Field) -> None:
    """Add a field to a form, with a label that leads to it."""
    label = QLabel(words, field.parentWidget())
    label.setBuddy(field.inside)
    label.setToolTip(field.inside.toolTip())
    form.addRow(label, field)


def number(parent: QWidget, least: int, most: int, *, step: int = 1, zero: str = "", suffix: str = "") -> QSpinBox:
    """Return a field for a whole number; `zero` is shown for the least one."""
    box = QSpinBox(parent)
    box.setRange(least, most)
    box.setSingleStep(step)
    box.setSuffix(suffix)
    box.setSpecialValueText(zero)
    return box


def percentage(parent: QWidget, least: int, most: int) -> QSpinBox:
    """Return a field for a percentage."""
    box = QSpinBox(parent)
    box.setRange(least, most)
    before, _number, after = pgettext("percentage", "{number}%").partition("{number}")
    box.setPrefix(before)
    box.setSuffix(after)
    return box


def rate(parent: QWidget) -> QComboBox:
    """Return a field for a learning rate, with the usual ones to choose from."""
    box = QComboBox(parent)
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.addItems(list(_RATES))
    return box


def rate_text(value: float) -> str:
    """Return a rate as people write it, without an exponent where that is short."""
    return f"{value:.10f}".rstrip("0") if 1e-8 <= value < 1 else f"{value:g}"


def read_rate(text: str) -> float:
    """Return the number that a text says.

    Raises:
        ValueError: it says none; the message is a sentence for the user.
    """
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise ValueError("This must be a number, such as 0.001.") from None


def read_units(text: str) -> tuple[int, ...]:
    """Return the sizes of dense layers that a text lists.

    Raises:
        ValueError: it says something else; the message is a sentence for the user.
    """
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    if not all(re.fullmatch(r"[0-9]{1,6}", word) for word in words):
        raise ValueError("These must be whole numbers, such as 128 or 256, 64.")
    return tuple(int(word) for word in words)
