"""Text that is cut off where it does not fit, and the progress of a scan."""

from __future__ import annotations

import html

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent, QTextLayout, QTextOption
from PySide6.QtWidgets import QHBoxLayout, QLabel, QProgressBar, QPushButton, QSizePolicy, QWidget

from alpacasorter.core.events import Progress
from alpacasorter.i18n import _
from alpacasorter.wording import text


class ElidedLabel(QLabel):
    """One line of text that ends with an ellipsis if there is not enough space."""

    def __init__(self, parent: QWidget | None = None) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as much as fits."""
        painter = QPainter(self)
        area = self.contentsRect().adjusted(6, 0, -6, 0)
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, area.width())
        self.style().drawItemText(
            painter, area, self.alignment(), self.palette(), self.isEnabled(), shown, self.foregroundRole()
        )
        painter.end()


class FittedText(QLabel):
    """A few lines of plain text, which end with an ellipsis if there is not enough space; a tool tip has all of it."""

    def __init__(self, parent: QWidget) -> None:
        """Show nothing yet."""
        super().__init__(parent)
        # File names and sentences of others may look like HTML.
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self._tip = ""

    @property
    def is_cut(self) -> bool:
        """Whether the text does not fit."""
        return self.heightForWidth(self.width()) > self.height()

    def set_tip(self, tip: str) -> None:
        """Set a remark for the tool tip."""
        self._tip = tip
        self._fit()

    def setText(self, text: str) -> None:
        """Show another text."""
        super().setText(text)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Say in the tool tip what does not fit now."""
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        said = [self.text() if self.is_cut else "", self._tip]
        self.setToolTip("".join(f"<p>{html.escape(part)}</p>" for part in said if part))

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as many lines as fit."""
        if not self.is_cut:
            super().paintEvent(event)
            return
        area, metrics = self.contentsRect(), self.fontMetrics()
        lines = self._lines(max(1, area.height() // metrics.lineSpacing()), area.width())
        painter = QPainter(self)
        height = metrics.lineSpacing()
        area.setTop(area.top() + (area.height() - height * len(lines)) // 2)
        area.setHeight(height)
        for line in lines:
            side = Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter
            flags = self.style().visualAlignment(self.layoutDirection(), side)
            role = self.foregroundRole()
            self.style().drawItemText(painter, area, int(flags), self.palette(), self.isEnabled(), line, role)
            area.translate(0, height)
        painter.end()

    def _lines(self, most: int, width: int) -> list[str]:
        text, option = self.text().replace("\n", " "), QTextOption()
        option.setWrapMode(QTextOption.WrapMode.WordWrap)
        layout = QTextLayout(text, self.font())
        layout.setTextOption(option)
        lines: list[str] = []
        layout.beginLayout()
        while len(lines) < most and (line := layout.createLine()).isValid():
            line.setLineWidth(width)
            start = line.textStart()
            lines.append(text[start : start + line.textLength()] if len(lines) + 1 < most else text[start:])
        layout.endLayout()
        lines[-1] = self.fontMetrics().elidedText(lines[-1], Qt.TextElideMode.ElideRight, width)
        return lines


class ProgressStrip(QWidget):
    """The progress of a scan, with a button that stops it.

    Signals:
        stop: the user wants the scan to stop.
    """

    stop = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        """Start hidden."""
        super().__init__(parent)
        self.bar = QProgressBar(self)
        self.bar.setTextVisible(False)
        self.bar.setAccessibleName(_("Scan"))
        self.words = QLabel(self)
        # Wide enough for any numbers, so that the length of the bar doesn't change all the time.
        widest = text.progress(Progress(88_888, 99_999, 888.0, 88 * 60.0))
        self.words.setMinimumWidth(self.fontMetrics().horizontalAdvance(widest))
        self.stop_button = QPushButton(_("Stop"), self)
        self.stop_button.setToolTip(_("Stop the scan (Esc). The results so far are kept."))
        self.stop_button.clicked.connect(self.stop)
        layout = QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self.bar, 1, Qt.AlignmentFlag.AlignVCenter)
        layout.addWidget(self.words)
        layout.addWidget(self.stop_button)
        self.hide()

    def start(self) -> None:
        """Show that a scan has begun; how many photos there are is not known yet."""
        self.bar.setRange(0, 0)
        self.words.setText(_("Looking for photos…"))
        self.show()

    def update_progress(self, event: Progress) -> None:
        """Show the progress of the scan."""
        self.bar.setRange(0, max(1, event.total))
        self.bar.setValue(event.done)
        self.words.setText(text.progress(event))
