"""The colors are readable, light and dark."""

from collections.abc import Iterator

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.ui.widgets.theme import DARK, LIGHT, Colors, Theme


@pytest.fixture(autouse=True)
def undressed(qapp: QApplication) -> Iterator[None]:
    yield
    qapp.setStyleSheet("")


def luminance(color: str) -> float:
    """Relative luminance as WCAG 2.1 defines it."""
    channels = QColor(color).getRgbF()[:3]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_all_text_is_readable(colors: Colors) -> None:
    grounds = (colors.window, colors.card, colors.accent_soft)
    pairs = [(colors.text, ground) for ground in (*grounds, colors.raised)]
    pairs += [(colors.muted, ground) for ground in grounds]
    pairs += [(colors.accent, colors.window), (colors.accent, colors.accent_soft), (colors.warning, colors.card)]
    pairs += [
        (colors.on_accent, colors.accent),
        (colors.on_positive, colors.positive),
        (colors.on_negative, colors.negative),
    ]
    for ink, ground in pairs:
        assert contrast(ink, ground) >= 4.5, f"{ink} on {ground}"


@pytest.mark.parametrize("colors", [LIGHT, DARK], ids=["light", "dark"])
def test_fields_stand_out_from_their_backgrounds(colors: Colors) -> None:
    for ground in (colors.window, colors.card, colors.raised):
        assert contrast(colors.outline, ground) >= 3


@pytest.mark.parametrize("kind", [QLineEdit, QComboBox, QSpinBox, QCheckBox])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_fields_have_an_outline(qtbot: QtBot, qapp: QApplication, scheme: str, kind: type[QWidget]) -> None:
    theme = Theme(qapp, scheme)  # type: ignore[arg-type]
    window = QWidget()
    qtbot.addWidget(window)
    field = kind(window)
    field.setGeometry(20, 20, 120, 34)
    window.resize(160, 80)
    window.show()
    window.setFocus()
    picture = window.grab().toImage()
    # From the background into the field, along its middle.
    edge = [picture.pixelColor(x, 37).name() for x in range(17, 26)]
    assert max(contrast(color, theme.colors.window) for color in edge) >= 3


def test_text_in_fields_does_not_touch_their_edge(qtbot: QtBot, qapp: QApplication) -> None:
    _theme = Theme(qapp, "dark")
    field = QLineEdit("words")
    qtbot.addWidget(field)
    field.show()
    field.home(False)
    cursor = field.inputMethodQuery(Qt.InputMethodQuery.ImCursorRectangle)
    assert cursor.center().x() >= 4


def test_scheme_can_be_changed_while_running(qapp: QApplication) -> None:
    theme = Theme(qapp, "light")
    changes: list[None] = []
    theme.changed.connect(lambda: changes.append(None))
    assert not theme.dark
    theme.use("dark")
    assert theme.dark
    assert changes == [None]
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(DARK.window)
