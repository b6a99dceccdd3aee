"""Photos for other programs: copied to the clipboard, or dragged out of the window. The files stay where they are."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QByteArray, QMimeData, QObject, QPoint, QRect, QStringListModel, Qt
from PySide6.QtGui import QColor, QDrag, QFont, QGuiApplication, QPainter, QPixmap

from alpacasorter.core.files import display_path
from alpacasorter.i18n import number
from alpacasorter.ui.actions import Actions
from alpacasorter.ui.photo_row import PhotoRow
from alpacasorter.ui.photos.grid import PhotoGrid
from alpacasorter.ui.widgets.desktop import file_url
from alpacasorter.ui.widgets.theme import Theme
from alpacasorter.ui.widgets.thumbnails import Thumbnails

_SIDE = 112
"""Longer side of the picture under the mouse, pixels."""
_GAP = 4
"""How far the sheets behind it look out if several photos are dragged."""
_BADGE = 22
"""Height of the number on it."""


def files_data(paths: Sequence[Path]) -> QMimeData:
    """Return files as the clipboard and a drag hold them: as addresses for file managers, as paths for text."""
    data = _new_data()
    urls = [file_url(path) for path in paths]
    data.setUrls(urls)
    data.setText(path_lines(paths))
    if sys.platform.startswith("linux"):
        # Some file managers paste only this: what is to be done, then the addresses.
        lines = [b"copy", *(bytes(url.toEncoded().data()) for url in urls)]
        data.setData("x-special/gnome-copied-files", QByteArray(b"\n".join(lines)))
    return data


def _new_data() -> QMimeData:
    """Return empty data made by Qt itself: the clipboard may keep it until after Python has ended, and would crash."""
    model = QStringListModel([""])
    data = model.mimeData([model.index(0)])
    data.clear()
    return data


def path_lines(paths: Sequence[Path]) -> str:
    """Return paths as text, one a line and without quotes, as file managers copy them."""
    return "\n".join(display_path(path) for path in paths)


class OutgoingPhotos(QObject):
    """Copies the selected photos, or their paths, and lets them be dragged to other programs."""

    def __init__(
        self, actions: Actions, grid: PhotoGrid, thumbnails: Thumbnails, theme: Theme, parent: QObject
    ) -> None:
        """Act on the selection of `grid`."""
        super().__init__(parent)
        self._grid = grid
        self._thumbnails = thumbnails
        self._theme = theme
        actions.copy_files.triggered.connect(self._copy_files)
        actions.copy_path.triggered.connect(self._copy_paths)
        grid.drag_wanted.connect(self._drag)

    def _paths(self) -> list[Path]:
        return [photo.path for photo in self._grid.selected_photos() if not photo.gone]

    def _copy_files(self) -> None:
        paths = self._paths()
        if paths:
            QGuiApplication.clipboard().setMimeData(files_data(paths))

    def _copy_paths(self) -> None:
        paths = self._paths()
        if paths:
            QGuiApplication.clipboard().setText(path_lines(paths))

    def _drag(self) -> None:
        paths = self._paths()
        if not paths:
            return
        drag = QDrag(self._grid)
        drag.setMimeData(files_data(paths))
        picture = self._picture(len(paths))
        drag.setPixmap(picture)
        ratio = picture.devicePixelRatio()
        drag.setHotSpot(QPoint(round(picture.width() / ratio / 2), round(picture.height() / ratio * 0.8)))
        # Never Move: the other program would then delete the files, or have them deleted here.
        drag.exec(Qt.DropAction.CopyAction, Qt.DropAction.CopyAction)

    def _picture(self, count: int) -> QPixmap:
        """Return what is shown under the mouse: the current photo, and how many there are if there are several."""
        index, ratio = self._grid.currentIndex(), self._grid.devicePixelRatioF()
        row = index.data(self._grid.model().RowRole) if index.isValid() else None  # type: ignore[attr-defined]
        thumbnail = self._thumbnails.get(row.key, row.path) if isinstance(row, PhotoRow) and row.key else None
        if thumbnail is None or thumbnail.isNull():
            thumbnail = QPixmap(round(_SIDE * ratio), round(_SIDE * 0.75 * ratio))
            thumbnail.fill(QColor(self._theme.colors.muted))
        side = round(_SIDE * ratio)
        photo = thumbnail.scaled(
            side, side, Qt.AspectRatioMode.KeepAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        behind = min(count - 1, 2)
        edge = _BADGE // 2
        width, height = round(photo.width() / ratio), round(photo.height() / ratio)
        whole = QPixmap(round((width + behind * _GAP + edge) * ratio), round((height + behind * _GAP + edge) * ratio))
        whole.setDevicePixelRatio(ratio)
        whole.fill(Qt.GlobalColor.transparent)
        painter = QPainter(whole)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        frame = QColor(self._theme.colors.text)
        frame.setAlphaF(0.35)
        for sheet in range(behind, -1, -1):
            area = QRect(sheet * _GAP, edge + sheet * _GAP, width, height)
            painter.fillRect(area, QColor(self._theme.colors.card))
            if sheet == 0:
                painter.drawPixmap(area, photo)
            painter.setPen(frame)
            painter.drawRect(area.adjusted(0, 0, -1, -1))
        if count > 1:
            self._paint_count(painter, count, width + edge)
        painter.end()
        return whole

    def _paint_count(self, painter: QPainter, count: int, right: int) -> None:
        font = QFont(self._grid.font())
        font.setBold(True)
        painter.setFont(font)
        words = number(count)
        width = max(_BADGE, painter.fontMetrics().horizontalAdvance(words) + 12)
        badge = QRect(right - width, 0, width, _BADGE)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(QColor(self._theme.colors.accent))
        painter.drawRoundedRect(badge, _BADGE / 2, _BADGE / 2)
        painter.setPen(QColor(self._theme.colors.on_accent))
        painter.drawText(badge, Qt.AlignmentFlag.AlignCenter, words)
