"""Fields of a form, each with a label, a tooltip and a line that says what is wrong with the value."""

from __future__ import annotations

import re
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QComboBox,
    QFormLayout,
    QLabel,
    QLineEdit,
    QSizePolicy,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.i18n import _, pgettext

_RATES: Final = ("0.01", "0.003", "0.001", "0.0003", "0.0001", "0.00003", "0.00001")


class Field(QWidget):
    """A widget with a line below it that says what is wrong with its value."""

    def __init__(self, inside: QWidget, name: str, tip: str, parent: QWidget) -> None:
        """Hold the widget `inside`; `name` and `tip` are for screen readers, and the tip is its tooltip."""
        super().__init__(parent)
        self.inside = inside
        inside.setToolTip(f"<p>{tip}</p>")
        inside.setAccessibleName(name)
        inside.setAccessibleDescription(tip)
        inside.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        inside.installEventFilter(self)
        self.wrong = sentence_label(self, "warning")
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
        """What is wrong with the value; empty if nothing is."""
        return self.wrong.text()

    def say(self, problem: str) -> None:
        """Say what is wrong with the value; an empty text says nothing."""
        self.wrong.setText(problem)
        self.wrong.setVisible(bool(problem))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Let the wheel scroll the page instead of changing a value that happens to be under the mouse."""
        if event.type() == QEvent.Type.Wheel and not self.inside.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


def sentence_label(parent: QWidget, role: str) -> QLabel:
    """Return a label for sentences, in the color of its role."""
    label = QLabel(parent)
    label.setProperty("role", role)
    label.setWordWrap(True)
    return label


def add_row(form: QFormLayout, words: str, field: Field) -> None:
    """Add a field to a form, with a label whose mnemonic leads to it."""
    label = QLabel(words, field.parentWidget())
    label.setBuddy(field.inside)
    label.setToolTip(field.inside.toolTip())
    form.addRow(label, field)


def number_field(
    parent: QWidget, least: int, most: int, *, step: int = 1, zero: str = "", suffix: str = ""
) -> QSpinBox:
    """Return a field for a whole number; `zero` is shown for the smallest one."""
    box = QSpinBox(parent)
    box.setRange(least, most)
    box.setSingleStep(step)
    box.setSuffix(suffix)
    box.setSpecialValueText(zero)
    return box


def percentage(parent: QWidget, least: int, most: int, before_it: QAbstractButton) -> QSpinBox:
    """Return a field for a percentage, whose name for screen readers is the words of the box before it."""
    box = QSpinBox(parent)
    box.setRange(least, most)
    box.setAccessibleName(before_it.text().replace("&", ""))
    before, _number, after = pgettext("percentage", "{number}%").partition("{number}")
    box.setPrefix(before)
    box.setSuffix(after)
    return box


def rate_field(parent: QWidget) -> QComboBox:
    """Return a field for a learning rate, with the usual values to choose from."""
    box = QComboBox(parent)
    box.setEditable(True)
    box.setInsertPolicy(QComboBox.InsertPolicy.NoInsert)
    box.addItems(list(_RATES))
    return box


def rate_text(value: float) -> str:
    """Return a learning rate as people write it, without an exponent unless it is very small."""
    return f"{value:.10f}".rstrip("0") if 1e-8 <= value < 1 else f"{value:g}"


def read_rate(text: str) -> float:
    """Return the number in a text.

    Raises:
        ValueError: it is not a number; the message is a sentence for the user.
    """
    try:
        return float(text.strip().replace(",", "."))
    except ValueError:
        raise ValueError(_("This must be a number, such as 0.001.")) from None


def read_units(text: str) -> tuple[int, ...]:
    """Return the sizes of dense layers listed in a text.

    Raises:
        ValueError: they are not whole numbers; the message is a sentence for the user.
    """
    words = [word for word in re.split(r"[\s,;]+", text) if word]
    if not all(re.fullmatch(r"[0-9]{1,6}", word) for word in words):
        raise ValueError(_("These must be whole numbers, such as 128 or 256, 64."))
    return tuple(int(word) for word in words)
