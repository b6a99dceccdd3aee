"""Draws the photos for the screenshots: a hike over hills, with fences, trees, a lake, and sometimes a woolly animal.

The same number draws the same picture each time.
"""

from __future__ import annotations

import io
import math
import os
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from PIL import Image
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QLinearGradient, QPainter, QPainterPath, QPen, QPolygonF

SIZE = (960, 720)
_QUALITY = 82
_FIRST = 1_781_427_600
"""When the first photo was taken: June 14, 2026, in the morning, in seconds since 1970."""
_EVERY = 17 * 60

SKIES = (("#7fb6e6", "#e8f3fb"), ("#f3b37a", "#fde9cf"), ("#9fb4c7", "#e9edf0"), ("#5d9bd8", "#cfe6f7"))
HILLS = (("#7d9a6b", "#5f8a4b", "#7fae52"), ("#8b9f7a", "#74935a", "#a2b765"), ("#6f8f86", "#55806b", "#6fa25c"))
COATS = ("#efe6d6", "#b98a5a", "#5b4334", "#d8c19d", "#f7f2e8", "#8a8580")


def draw_hike(folder: Path, count: int = 24) -> list[str]:
    """Write drawn photos into a folder, as JPEG with EXIF; return the names of those that show an animal."""
    folder.mkdir(parents=True, exist_ok=True)
    animals = []
    for number in range(count):
        name = f"IMG_{2041 + number}.jpg"
        has_animal = number % 8 in (1, 3, 6)
        moment = _FIRST + number * _EVERY + (number // 9) * 86_400
        (folder / name).write_bytes(_jpeg(draw(number, has_animal=has_animal), moment))
        os.utime(folder / name, (moment, moment))
        if has_animal:
            animals.append(name)
    return animals


def _jpeg(image: QImage, moment: int) -> bytes:
    """Return a JPEG that was taken at a time, in seconds since 1970."""
    exif, written = Image.Exif(), io.BytesIO()
    exif[0x0110] = "Pencil 1"
    exif.get_ifd(0x8769)[0x9003] = datetime.fromtimestamp(moment, UTC).strftime("%Y:%m:%d %H:%M:%S")
    picture = Image.frombytes("RGB", SIZE, bytes(image.constBits()), "raw", "BGRX")
    picture.save(written, "JPEG", quality=_QUALITY, exif=exif)
    return written.getvalue()


def draw(seed: int, *, has_animal: bool) -> QImage:
    """Return one picture."""
    random = Random(seed)
    image = QImage(*SIZE, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    _sky(painter, random)
    ground = _hills(painter, random)
    extra = random.choice(("lake", "trees", "hut", "trees", "path"))
    if extra == "lake":
        painter.setBrush(QColor("#8fc1d9"))
        painter.drawEllipse(QRectF(random.uniform(150, 450), ground - 20, 380, 70))
    if extra in ("path", "lake"):
        _path(painter, random, ground)
    if extra == "hut":
        _hut(painter, random.uniform(520, 760), ground - 20)
    for _tree in range(random.randint(2, 6) if extra != "path" else 2):
        _draw_tree(painter, random, random.uniform(20, SIZE[0] - 20), ground + random.uniform(-40, 30))
    if random.random() < 0.5 or has_animal:
        _fence(painter, ground + random.uniform(40, 70))
    if has_animal:
        coat = QColor(COATS[seed % len(COATS)])
        size = random.uniform(1.5, 2.1)
        _animal(painter, random.uniform(300, 620), SIZE[1] - random.uniform(40, 80), size, coat, random.choice((-1, 1)))
    _flowers(painter, random, ground)
    painter.end()
    return image


def _sky(painter: QPainter, random: Random) -> None:
    above, below = random.choice(SKIES)
    gradient = QLinearGradient(0, 0, 0, SIZE[1] * 0.6)
    gradient.setColorAt(0, QColor(above))
    gradient.setColorAt(1, QColor(below))
    painter.fillRect(0, 0, *SIZE, gradient)
    painter.setBrush(QColor("#fff3c4"))
    painter.drawEllipse(QPointF(random.uniform(100, 860), random.uniform(70, 170)), 42, 42)
    painter.setBrush(QColor(255, 255, 255, 150))
    for _cloud in range(random.randint(1, 3)):
        x, y = random.uniform(60, 820), random.uniform(50, 210)
        for part in range(4):
            painter.drawEllipse(QRectF(x + part * 38, y - 14 * (part in (1, 2)), 78, 40))


def _hills(painter: QPainter, random: Random) -> float:
    """Draw three ridges; return where the meadow in front begins."""
    colors = random.choice(HILLS)
    base = 330.0
    for number, color in enumerate(colors):
        top, phase = base + number * 75, random.uniform(0, 6)
        height, length = 60 - number * 15, random.uniform(150, 260)
        path = QPainterPath(QPointF(0, SIZE[1]))
        for x in range(0, SIZE[0] + 20, 20):
            wave = math.sin(x / length + phase) + 0.4 * math.sin(x / (length / 2.7) + 2 * phase)
            path.lineTo(x, top - height * wave)
        path.lineTo(SIZE[0], SIZE[1])
        gradient = QLinearGradient(0, top - height, 0, SIZE[1])
        gradient.setColorAt(0, QColor(color))
        gradient.setColorAt(1, QColor(color).darker(125))
        painter.fillPath(path, gradient)
    return base + 2 * 75 + 30


def _path(painter: QPainter, random: Random, ground: float) -> None:
    x = random.uniform(300, 650)
    path = QPainterPath(QPointF(x, ground))
    path.cubicTo(x + 120, ground + 70, x - 260, ground + 110, x - 120, SIZE[1])
    path.lineTo(x + 130, SIZE[1])
    path.cubicTo(x - 120, ground + 130, x + 190, ground + 70, x + 12, ground)
    painter.fillPath(path, QColor("#d9c39a"))


def _hut(painter: QPainter, x: float, y: float) -> None:
    painter.setBrush(QColor("#8a5a3c"))
    painter.drawRect(QRectF(x, y - 70, 130, 80))
    painter.setBrush(QColor("#6b3b2a"))
    painter.drawPolygon(QPolygonF([QPointF(x - 16, y - 68), QPointF(x + 65, y - 128), QPointF(x + 146, y - 68)]))
    painter.setBrush(QColor("#f5d88a"))
    painter.drawRect(QRectF(x + 20, y - 48, 28, 28))
    painter.setBrush(QColor("#4e2e20"))
    painter.drawRect(QRectF(x + 78, y - 44, 28, 54))


def _draw_tree(painter: QPainter, random: Random, x: float, y: float) -> None:
    size, green = random.uniform(0.7, 1.3), QColor(random.choice(("#3f6b3a", "#4c7a3f", "#2f5a43")))
    painter.setBrush(QColor("#6a4a34"))
    painter.drawRect(QRectF(x - 6 * size, y - 30 * size, 12 * size, 40 * size))
    painter.setBrush(green)
    if random.random() < 0.5:
        for step in range(3):
            half, top = (52 - 12 * step) * size, y - (60 + 42 * step) * size
            low = top + 50 * size
            painter.drawPolygon(QPolygonF([QPointF(x - half, low), QPointF(x, top - 20), QPointF(x + half, low)]))
    else:
        for dx, dy, radius in ((-26, -60, 34), (24, -62, 36), (0, -90, 42)):
            painter.drawEllipse(QPointF(x + dx * size, y + dy * size), radius * size, radius * size)


def _fence(painter: QPainter, y: float) -> None:
    painter.setBrush(QColor("#9b7653"))
    for x in range(-20, SIZE[0] + 90, 90):
        painter.drawRoundedRect(QRectF(x, y - 62, 13, 92), 4, 4)
    for rail in (-44, -12):
        painter.drawRect(QRectF(0, y + rail, SIZE[0], 9))


def _animal(painter: QPainter, x: float, y: float, size: float, coat: QColor, facing: int) -> None:
    """Draw a woolly animal with a long neck; `y` is where it stands."""
    painter.save()
    painter.translate(x, y)
    painter.scale(size * facing, size)
    wool = Random(7)
    painter.setBrush(coat.darker(135))
    for leg in (-48, -30, 28, 44):
        painter.drawRoundedRect(QRectF(leg, -62, 13, 62), 5, 5)

    def fluffy(left: float, top: float, width: float, height: float, curls: int) -> None:
        painter.setBrush(coat)
        painter.drawEllipse(QRectF(left, top, width, height))
        for _curl in range(curls):
            angle = wool.uniform(0, 2 * math.pi)
            radius = wool.uniform(7, 12)
            at = QPointF(
                left + width / 2 + math.cos(angle) * width * 0.46, top + height / 2 + math.sin(angle) * height * 0.46
            )
            painter.setBrush(coat.lighter(wool.choice((97, 103, 106))))
            painter.drawEllipse(at, radius, radius)

    fluffy(-66, -122, 132, 78, 46)
    painter.setBrush(coat)
    painter.drawPolygon(QPolygonF([QPointF(28, -98), QPointF(42, -196), QPointF(78, -196), QPointF(72, -86)]))
    fluffy(34, -168, 38, 84, 22)
    for ear in (44, 64):
        painter.setBrush(coat.darker(112))
        painter.drawPolygon(QPolygonF([QPointF(ear, -206), QPointF(ear + 3, -240), QPointF(ear + 13, -208)]))
    painter.setBrush(coat.lighter(104))
    painter.drawEllipse(QRectF(34, -222, 56, 44))
    painter.setBrush(coat.darker(110))
    painter.drawEllipse(QRectF(70, -208, 36, 25))
    fluffy(40, -236, 36, 26, 14)
    painter.setBrush(QColor("#22201d"))
    painter.drawEllipse(QPointF(71, -204), 4.2, 5)
    painter.drawEllipse(QPointF(101, -198), 2.6, 2.2)
    painter.setPen(QPen(QColor("#4a3a30"), 1.6))
    painter.drawLine(QPointF(90, -189), QPointF(102, -190))
    painter.restore()


def _flowers(painter: QPainter, random: Random, ground: float) -> None:
    for _flower in range(60):
        painter.setBrush(QColor(random.choice(("#f6e27a", "#ffffff", "#d98fb4", "#4f7a38", "#4f7a38"))))
        x, y = random.uniform(0, SIZE[0]), random.uniform(ground + 40, SIZE[1])
        painter.drawEllipse(QPointF(x, y), 3, 3)
