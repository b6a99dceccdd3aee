"""Fields of the form of a sort: a folder, a kind of photo with its folder, and how folders are built."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QSizePolicy,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.sorting.planning.pattern import (
    PatternValues,
    check_pattern,
    examples,
    parse_pattern,
    parse_taken,
)
from alpacasorter.ui.widgets.fields import note
from alpacasorter.wording import sorts, text

_OWN: Final = ""
_LONGEST_NAME: Final = 120
_PARTS: Final = (
    "{label} is the folder of the tag, {taken:%Y-%m} when the photo was taken, {camera} the camera, {folder} the "
    "sub-folders it is in now; after a / comes a folder inside."
)
_SAMPLE: Final = PatternValues("Alpaca", parse_taken("2026-05-17T14:30:00"), ("Day 2",), "Canon EOS R6")
_SAMPLE_NAME: Final = "IMG_1234.jpg"


class PathLine(QLabel):
    """A path in one line, with its middle left out where there is no room for all of it."""

    def __init__(self, parent: QWidget) -> None:
        """Show nothing."""
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as much as there is room for."""
        painter = QPainter(self)
        area = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, area.width())
        self.style().drawItemText(
            painter, area, Qt.AlignmentFlag.AlignVCenter, self.palette(), self.isEnabled(), shown, self.foregroundRole()
        )
        painter.end()


class WheelGuard(QObject):
    """Lets the wheel scroll the page: it must not change a value that happens to be under the pointer."""

    def guard(self, *widgets: QWidget) -> None:
        """Keep the wheel from these while they have not the focus."""
        for widget in widgets:
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pass the wheel on."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


class FolderField(QWidget):
    """A folder and a button to choose another.

    Signals:
        changed: it is another one now.
    """

    changed = Signal()

    def __init__(self, title: str, parent: QWidget) -> None:
        """Show that none is chosen; `title` is that of the dialog in which one is."""
        super().__init__(parent)
        self._title = title
        self._folder: Path | None = None
        self.line = PathLine(self)
        self.choose_button = QPushButton("&Choose…", self)
        self.choose_button.setAutoDefault(False)
        self.choose_button.setAccessibleName(title)
        self.choose_button.clicked.connect(self.choose)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.addWidget(self.line, 1)
        row.addWidget(self.choose_button)
        self._show()

    @property
    def folder(self) -> Path | None:
        """The folder, absolute; None while none is chosen."""
        return self._folder

    def set_folder(self, folder: Path | None) -> None:
        """Use this folder."""
        if folder != self._folder:
            self._folder = folder
            self._show()
            self.changed.emit()

    def choose(self) -> None:
        """Let the user choose a folder."""
        start = self._folder or Path.home()
        chosen = QFileDialog.getExistingDirectory(self, self._title, str(start))
        if chosen:
            self.set_folder(Path(chosen))

    def _show(self) -> None:
        words = text.folder(self._folder) if self._folder is not None else "No folder chosen yet"
        self.line.setText(words)
        self.line.setToolTip(sorts.tip(words))


class KindField(QWidget):
    """A kind of photo: whether it goes, and into which folder.

    Signals:
        changed: it is answered in another way now.
    """

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Start with photos that go."""
        super().__init__(parent)
        self._name = ""
        self.goes = QCheckBox(self)
        self.goes.setChecked(True)
        self.name = QLineEdit(self)
        self.name.setMaxLength(_LONGEST_NAME)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.goes, 1)
        row.addWidget(self.name, 1)
        self.goes.toggled.connect(self._on_toggled)
        self.name.textEdited.connect(self._on_edited)

    def set_kind(self, words: str) -> None:
        """Say what kind it is."""
        self.goes.setText(words.replace("&", "&&"))
        self.goes.setToolTip(f"Whether these photos are sorted: {words}")
        self.name.setAccessibleName(f"Folder for {words}")

    @property
    def on(self) -> bool:
        """Whether these photos go."""
        return self.goes.isChecked()

    @property
    def folder(self) -> str:
        """The name of their folder; the one of before where they stay."""
        return self._name

    def show_value(self, *, on: bool, folder: str) -> None:
        """Show an answer, without telling that it has changed."""
        self._name = folder
        self.goes.blockSignals(True)
        self.goes.setChecked(on)
        self.goes.blockSignals(False)
        self._show()

    def _show(self) -> None:
        self.name.setEnabled(self.on)
        self.name.setText(self._name if self.on else "")
        self.name.setPlaceholderText("Name of the folder" if self.on else "stay where they are")

    def _on_toggled(self) -> None:
        self._show()
        self.changed.emit()

    def _on_edited(self, words: str) -> None:
        self._name = words.strip()
        self.changed.emit()


class PatternField(QWidget):
    """How the folders are built: one of the usual ways, or the user's own.

    Signals:
        changed: it is another way now.
    """

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Show the first of the usual ways."""
        super().__init__(parent)
        self.ways = QComboBox(self)
        self.ways.setAccessibleName("How the folders are built")
        self.ways.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for words, pattern in examples():
            self.ways.addItem(words, pattern)
        self.ways.addItem("In a way of my own", _OWN)
        self.own = QLineEdit(self)
        self.own.setAccessibleName("Pattern of the folders")
        self.own.setToolTip(f"<p>{_PARTS}</p>")
        self.parts = note(self, "muted")
        self.parts.setText(_PARTS)
        self.wrong = note(self, "warning")
        self.example = PathLine(self)
        self.example.setProperty("role", "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (self.ways, self.own, self.parts, self.wrong, self.example):
            column.addWidget(widget)
        self.ways.currentIndexChanged.connect(self._on_way)
        self.own.textChanged.connect(self._on_change)
        self._show()

    @property
    def pattern(self) -> str:
        """The pattern."""
        chosen: str = self.ways.currentData()
        return chosen or self.own.text().strip()

    @property
    def problem(self) -> str:
        """What is wrong with it, empty where nothing is."""
        return check_pattern(self.pattern) or ""

    def set_pattern(self, pattern: str) -> None:
        """Show a pattern."""
        at = self.ways.findData(pattern)
        if at < 0:
            self.own.setText(pattern)
            at = self.ways.count() - 1
        self.ways.setCurrentIndex(at)

    def show_example(self, path: str) -> None:
        """Show where a photo would go, nothing where that is not known."""
        self.example.setText(f"For example {path}" if path else "")
        self.example.setToolTip(sorts.tip(path) if path else "")

    def _on_way(self) -> None:
        if not self.ways.currentData() and not self.own.text():
            self.own.setText(examples()[1][1])
        self._on_change()

    def _on_change(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        own = not self.ways.currentData()
        self.own.setVisible(own)
        self.parts.setVisible(own)
        problem = self.problem if own else ""
        self.wrong.setText(problem)
        self.wrong.setVisible(bool(problem))
        self.show_example("" if self.problem else _sample(self.pattern))


def _sample(pattern: str) -> str:
    """Return where some photo would go by a pattern that can be used."""
    return "/".join((*parse_pattern(pattern).folders(_SAMPLE), _SAMPLE_NAME))
