"""The colors are readable, light and dark."""

from collections.abc import Iterator

import pytest
from PySide6.QtGui import QColor, QPalette
from PySide6.QtWidgets import QApplication, QCheckBox, QComboBox, QLineEdit, QSpinBox, QWidget
from pytestqt.qtbot import QtBot

from alpacasorter.ui.widgets.theme import DARK, LIGHT, Colours, Theme


@pytest.fixture(autouse=True)
def undressed(qapp: QApplication) -> Iterator[None]:
    yield
    qapp.setStyleSheet("")


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.1 defines it."""
    channels = QColor(colour).getRgbF()[:3]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_all_text_is_readable(colours: Colours) -> None:
    grounds = (colours.window, colours.card, colours.accent_soft)
    pairs = [(colours.text, ground) for ground in (*grounds, colours.raised)]
    pairs += [(colours.muted, ground) for ground in grounds]
    pairs += [(colours.accent, colours.window), (colours.accent, colours.accent_soft), (colours.warning, colours.card)]
    pairs += [
        (colours.on_accent, colours.accent),
        (colours.on_positive, colours.positive),
        (colours.on_negative, colours.negative),
    ]
    for ink, ground in pairs:
        assert contrast(ink, ground) >= 4.5, f"{ink} on {ground}"


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_fields_stand_out_from_their_backgrounds(colours: Colours) -> None:
    for ground in (colours.window, colours.card, colours.raised):
        assert contrast(colours.outline, ground) >= 3


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
    assert max(contrast(colour, theme.colours.window) for colour in edge) >= 3


def test_scheme_can_be_changed_while_running(qapp: QApplication) -> None:
    theme = Theme(qapp, "light")
    changes: list[None] = []
    theme.changed.connect(lambda: changes.append(None))
    assert not theme.dark
    theme.use("dark")
    assert theme.dark
    assert changes == [None]
    assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(DARK.window)
