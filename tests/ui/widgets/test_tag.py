"""What a tag shows if there is not enough space for its words."""

import pytest
from PySide6.QtGui import QFont, QFontMetrics, QImage, QPainter
from PySide6.QtWidgets import QApplication

from alpacasorter.ui.widgets.tag import Tag, tag_font
from alpacasorter.ui.widgets.theme import LIGHT


def picture(tag: Tag, width: int) -> QImage:
    font = tag_font(QFont())
    size = tag.size(QFontMetrics(font), width)
    image = QImage(size, QImage.Format.Format_RGB32)
    image.fill(0)
    painter = QPainter(image)
    tag.draw(painter, size, font, LIGHT)
    painter.end()
    return image


@pytest.mark.parametrize("icon", ["", "question"])
def test_the_percentage_stays_whole_and_the_label_is_shortened(qapp: QApplication, icon: str) -> None:
    """Two narrow tags that differ only in the last digit of the percentage look different."""
    one, other = (Tag(f"Not alpaca  {n}%", icon, True, False, "Not alpaca") for n in (97, 91))
    whole = one.size(QFontMetrics(tag_font(QFont())), 1000).width()
    for width in range(whole, whole * 6 // 10, -4):
        assert picture(one, width) != picture(other, width), width
