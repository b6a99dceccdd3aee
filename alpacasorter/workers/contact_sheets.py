"""Contact sheets: photos with captions as a PDF document, drawn on a thread of their own, one photo at a time."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from PySide6.QtCore import QFile, QIODevice, QMarginsF, QObject, QRectF, Qt, Signal
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPageLayout, QPageSize, QPainter, QPdfWriter, QPen

from alpacasorter.core import os_errors, reasons
from alpacasorter.core.safe_write import replacing
from alpacasorter.i18n import _
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.pictures import read_picture

_log = logging.getLogger(__name__)

DPI: Final = 300
_MARGIN_MM: Final = 12.0
_HEADER_PT, _CAPTION_PT, _REASON_PT = 10.0, 7.5, 7.0
_GAP_MM: Final = 4.0
_SHAPE: Final = 0.75
"""Height of the space for a picture, as a share of its width: most are 4:3, lying."""
_MUTED: Final = QColor("#555555")
_FRAME: Final = QColor("#bbbbbb")


@dataclass(frozen=True, slots=True)
class SheetPhoto:
    """A photo on a contact sheet: its file, and the lines below it."""

    path: Path
    lines: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SheetLayout:
    """How a contact sheet looks.

    Attributes:
        paper: "A4" or "Letter".
        columns: photos beside each other.
        title: what stands above them on each page; empty for nothing.
        lines: lines of each caption.
        page_words: "Page {page} of {pages}", in the language in use.
    """

    paper: str
    columns: int
    title: str
    lines: int
    page_words: str


class _Stopped(Exception):
    """The user has stopped it."""


class _Geometry:
    """Where things are on a page, in dots."""

    def __init__(self, layout: SheetLayout, page: QRectF) -> None:
        """Divide a page, whose margins are left out."""
        self.header = DPI / 72 * _HEADER_PT * 2.2
        self.line = DPI / 72 * _CAPTION_PT * 1.35
        gap = DPI / 25.4 * _GAP_MM
        self.width = (page.width() - (layout.columns - 1) * gap) / layout.columns
        body = page.height() - 2 * self.header
        caption = layout.lines * self.line
        self.height = min(self.width * _SHAPE, body - caption)
        self.step = self.height + caption + gap
        self.rows = max(1, int((body + gap) // self.step))
        self.columns, self.gap, self.top = layout.columns, gap, self.header

    @property
    def per_page(self) -> int:
        """How many photos are on a page."""
        return self.rows * self.columns

    def cell(self, place: int) -> QRectF:
        """Return the space for the picture at a place of a page."""
        row, column = divmod(place, self.columns)
        return QRectF(column * (self.width + self.gap), self.top + row * self.step, self.width, self.height)


def pages_of(layout: SheetLayout, photos: int) -> int:
    """Return how many pages so many photos take."""
    return -(-photos // _Geometry(layout, _page_layout(layout).paintRectPixels(DPI).toRectF()).per_page)


def _page_layout(layout: SheetLayout) -> QPageLayout:
    size = QPageSize(QPageSize.PageSizeId.Letter if layout.paper == "Letter" else QPageSize.PageSizeId.A4)
    margins = QMarginsF(_MARGIN_MM, _MARGIN_MM, _MARGIN_MM, _MARGIN_MM)
    return QPageLayout(size, QPageLayout.Orientation.Portrait, margins, QPageLayout.Unit.Millimeter)


class ContactSheets(QObject):
    """Makes one contact sheet at a time. All methods are called on the GUI thread; all but `close` return at once.

    Signals:
        progress(int, int): how many photos are drawn, and how many there are.
        written(Path): it is complete, under its name.
        stopped: the user has stopped it; there is no file, or the one that was there before.
        failed(str): it could not be written; a sentence for the user.
    """

    progress = Signal(int, int)
    written = Signal(object)
    stopped = Signal()
    failed = Signal(str)

    _ended = Signal(object)

    def __init__(self, parent: QObject | None = None) -> None:
        """Prepare; the thread starts with the first sheet."""
        super().__init__(parent)
        self._lane = Lane("contact-sheets")
        self._stop = threading.Event()
        self._busy = False
        self._ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether one is being made."""
        return self._busy

    def make(self, out: Path, photos: Sequence[SheetPhoto], layout: SheetLayout) -> None:
        """Write a contact sheet, whole or not at all; an existing file is replaced. Does nothing while busy."""
        if not self._busy:
            self._busy = True
            self._stop = threading.Event()
            self._lane.submit(partial(self._make, out, list(photos), layout, self._stop))

    def stop(self) -> None:
        """Stop; `stopped` follows."""
        self._stop.set()

    def close(self) -> None:
        """Stop and end the thread; blocks until then."""
        self._stop.set()
        self._lane.close()

    def _deliver(self, result: object) -> None:
        self._busy = False
        if isinstance(result, Path):
            self.written.emit(result)
        elif isinstance(result, str):
            self.failed.emit(result)
        else:
            self.stopped.emit()

    # On the thread

    def _make(self, out: Path, photos: list[SheetPhoto], layout: SheetLayout, stop: threading.Event) -> None:
        try:
            with replacing(out, suffix=".pdf") as temporary:
                self._draw(temporary, photos, layout, stop)
        except _Stopped:
            self._ended.emit(None)
        except OSError as error:
            self._ended.emit(reasons.sentence(os_errors.for_saving(error)))
        except Exception:  # noqa: BLE001  # whatever happens, the user gets a message
            _log.exception("A contact sheet could not be made")
            self._ended.emit(_("Unexpected error: the contact sheet could not be made."))
        else:
            self._ended.emit(out)

    def _draw(self, path: Path, photos: list[SheetPhoto], layout: SheetLayout, stop: threading.Event) -> None:
        file = QFile(str(path))
        if not file.open(QIODevice.OpenModeFlag.WriteOnly):
            raise OSError(file.errorString())
        writer = QPdfWriter(file)
        writer.setResolution(DPI)
        writer.setPageLayout(_page_layout(layout))
        writer.setTitle(layout.title)
        writer.setCreator("AlpacaSorter")
        page = writer.pageLayout().paintRectPixels(DPI).toRectF()
        page.moveTo(0, 0)
        geometry = _Geometry(layout, page)
        pages = -(-len(photos) // geometry.per_page)
        painter = QPainter()
        if not painter.begin(writer):
            raise OSError(file.errorString())
        try:
            painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
            for at, photo in enumerate(photos):
                if stop.is_set():
                    raise _Stopped
                number, place = divmod(at, geometry.per_page)
                if place == 0:
                    if number:
                        writer.newPage()
                    self._draw_edges(painter, page, geometry, layout, number + 1, pages)
                self._draw_photo(painter, geometry.cell(place), geometry, photo, stop)
                self.progress.emit(at + 1, len(photos))
        finally:
            painter.end()
            is_written = file.flush() and file.error() is QFile.FileError.NoError
            file.close()
        if not is_written:
            raise OSError(file.errorString())

    def _draw_edges(
        self, painter: QPainter, page: QRectF, geometry: _Geometry, layout: SheetLayout, number: int, pages: int
    ) -> None:
        font = _font(_HEADER_PT)
        painter.setFont(font)
        painter.setPen(QColor("black"))
        words = QFontMetricsF(font, painter.device()).elidedText(
            layout.title, Qt.TextElideMode.ElideMiddle, page.width()
        )
        left = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignTop
        painter.drawText(QRectF(0, 0, page.width(), geometry.header), left, words)
        painter.setFont(_font(_CAPTION_PT))
        painter.setPen(_MUTED)
        below = QRectF(0, page.height() - geometry.line * 1.2, page.width(), geometry.line * 1.2)
        middle = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignBottom
        painter.drawText(below, middle, layout.page_words.format(page=number, pages=pages))

    def _draw_photo(
        self, painter: QPainter, cell: QRectF, geometry: _Geometry, photo: SheetPhoto, stop: threading.Event
    ) -> None:
        image, reason = read_picture(photo.path, round(min(cell.width(), cell.height())), stop.is_set)
        if stop.is_set():
            raise _Stopped
        if image.isNull():
            painter.setPen(QPen(_FRAME, 2))
            painter.drawRect(cell)
            painter.setPen(_MUTED)
            painter.setFont(_font(_REASON_PT))
            inside = cell.adjusted(20, 20, -20, -20)
            painter.drawText(inside, Qt.AlignmentFlag.AlignCenter | Qt.TextFlag.TextWordWrap, reason)
            bottom = cell.bottom()
        else:
            keep = Qt.AspectRatioMode.KeepAspectRatio
            target = QRectF(cell.topLeft(), image.size().toSizeF().scaled(cell.size(), keep))
            target.moveCenter(cell.center())
            if image.width() > target.width():
                # No more than is printed, or the document would be many times as large.
                image = image.scaled(target.size().toSize(), keep, Qt.TransformationMode.SmoothTransformation)
            painter.drawImage(target, image)
            bottom = cell.bottom()
        font = _font(_CAPTION_PT)
        metrics = QFontMetricsF(font, painter.device())
        painter.setFont(font)
        for at, words in enumerate(photo.lines):
            painter.setPen(QColor("black") if at == 0 else _MUTED)
            line = QRectF(cell.left(), bottom + at * geometry.line, cell.width(), geometry.line)
            middle = Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
            painter.drawText(line, middle, metrics.elidedText(words, Qt.TextElideMode.ElideMiddle, cell.width()))


def _font(points: float) -> QFont:
    font = QFont()
    font.setPointSizeF(points)
    return font
