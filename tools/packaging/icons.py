"""Draws the application icon, from one SVG, in the formats of the three systems.

After changing the drawing, run `python -m tools.packaging.icons`. It writes them to resources/packaging, where they are
kept so that a build does not have to draw anything.
"""

import io
import sys
from pathlib import Path
from typing import Final

from PIL import Image
from PySide6.QtCore import QBuffer, QByteArray, QIODevice, QRectF
from PySide6.QtGui import QImage, QPainter
from PySide6.QtSvg import QSvgRenderer

from tools.packaging.app_info import APP_ID, APP_SVG, HICOLOR, MACOS_ICON, PACKAGING, WINDOWS_ICON

HICOLOR_SIZES: Final = (16, 22, 24, 32, 48, 64, 128, 256, 512)
WINDOWS_SIZES: Final = (16, 20, 24, 32, 40, 48, 64, 96, 128, 256)
MACOS_SIZES: Final = (32, 64, 128, 256, 512, 1024)
# The plate fills 240 of 256 pixels in the drawing and 824 of 1024 on macOS, which leaves room for the shadow.
MACOS_SHARE: Final = (824 / 1024) / (240 / 256)


def png(size: int, share: float = 1.0) -> bytes:
    """Return the icon as a PNG file.

    Args:
        size: width and height in pixels.
        share: how much of the width the drawing fills; it is centered.

    Raises:
        ValueError: the SVG can't be drawn.
    """
    renderer = QSvgRenderer(str(APP_SVG))
    if not renderer.isValid():
        raise ValueError(f"{APP_SVG.name} can't be drawn.")
    image = QImage(size, size, QImage.Format.Format_ARGB32_Premultiplied)
    image.fill(0)
    painter = QPainter(image)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    edge = size * (1 - share) / 2
    renderer.render(painter, QRectF(edge, edge, size * share, size * share))
    painter.end()
    data = QByteArray()
    buffer = QBuffer(data)
    buffer.open(QIODevice.OpenModeFlag.WriteOnly)
    if not image.convertToFormat(QImage.Format.Format_ARGB32).save(buffer, "PNG"):  # type: ignore[call-overload]
        raise ValueError("Qt could not write a PNG file.")
    return bytes(data.data())


def write_hicolor(folder: Path) -> None:
    """Write all sizes and the SVG itself to the folder of an icon theme, such as `hicolor`."""
    for size in HICOLOR_SIZES:
        path = folder / f"{size}x{size}" / "apps" / f"{APP_ID}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(size))
    path = folder / "scalable" / "apps" / f"{APP_ID}.svg"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(APP_SVG.read_bytes())


def write_windows(path: Path) -> None:
    """Write the Windows icon, with each size drawn separately."""
    _save(path, "ICO", [_image(size) for size in WINDOWS_SIZES])


def write_macos(path: Path) -> None:
    """Write the macOS icon, with each size drawn separately."""
    _save(path, "ICNS", [_image(size, MACOS_SHARE) for size in MACOS_SIZES])


def _image(size: int, share: float = 1.0) -> Image.Image:
    image = Image.open(io.BytesIO(png(size, share)))
    image.load()
    return image


def _save(path: Path, kind: str, images: list[Image.Image]) -> None:
    *smaller, largest = images
    path.parent.mkdir(parents=True, exist_ok=True)
    largest.save(path, kind, sizes=[image.size for image in images], append_images=smaller)


def main() -> int:
    """Write all icons, list them, and return the exit code."""
    write_hicolor(HICOLOR)
    write_windows(WINDOWS_ICON)
    write_macos(MACOS_ICON)
    for path in (WINDOWS_ICON, MACOS_ICON, *sorted(HICOLOR.rglob("*.png"))):
        print(f"{path.relative_to(PACKAGING)}: {path.stat().st_size / 1000:.1f} kB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
