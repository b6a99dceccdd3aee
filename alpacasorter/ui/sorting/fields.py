"""Fields of the sort form: a folder, a kind of photo with its folder name, and the folder structure."""

from __future__ import annotations

from datetime import datetime
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
)
from alpacasorter.i18n import _
from alpacasorter.ui.widgets.fields import sentence_label
from alpacasorter.wording import sorts, text

_CUSTOM: Final = ""
_LONGEST_NAME: Final = 120
_SAMPLE: Final = PatternValues("Alpaca", datetime.fromisoformat("2026-05-17T14:30:00"), ("Day 2",), "Canon EOS R6")
_SAMPLE_NAME: Final = "IMG_1234.jpg"


class PathLine(QLabel):
    """A path in one line, with the middle elided if there is not enough room."""

    def __init__(self, parent: QWidget) -> None:
        """Start empty."""
        super().__init__(parent)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint as much as fits."""
        painter = QPainter(self)
        area = self.contentsRect()
        shown = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideMiddle, area.width())
        self.style().drawItemText(
            painter, area, Qt.AlignmentFlag.AlignVCenter, self.palette(), self.isEnabled(), shown, self.foregroundRole()
        )
        painter.end()


class WheelGuard(QObject):
    """Lets the mouse wheel scroll the page instead of changing a value that happens to be under the pointer."""

    def guard(self, *widgets: QWidget) -> None:
        """Ignore the wheel on these widgets unless they have the focus."""
        for widget in widgets:
            widget.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
            widget.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Pass the wheel on to the page."""
        if event.type() == QEvent.Type.Wheel and isinstance(watched, QWidget) and not watched.hasFocus():
            event.ignore()
            return True
        return super().eventFilter(watched, event)


class FolderField(QWidget):
    """A folder, with a button to choose another one.

    Signals:
        changed: another folder was chosen.
    """

    changed = Signal()

    def __init__(self, title: str, parent: QWidget) -> None:
        """Start without a folder; `title` is the title of the dialog that chooses one."""
        super().__init__(parent)
        self._title = title
        self._folder: Path | None = None
        self.line = PathLine(self)
        self.choose_button = QPushButton(_("&Choose…"), self)
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
        """The folder, absolute; None if none is chosen yet."""
        return self._folder

    def set_folder(self, folder: Path | None) -> None:
        """Set the folder."""
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
        words = text.folder(self._folder) if self._folder is not None else _("No folder chosen yet")
        self.line.setText(words)
        self.line.setToolTip(sorts.tip(words))


class KindField(QWidget):
    """A kind of photo: whether it is sorted, and into which folder.

    Signals:
        changed: the user changed one of the two.
    """

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Start with photos that are sorted."""
        super().__init__(parent)
        self._name = ""
        self.check = QCheckBox(self)
        self.check.setChecked(True)
        self.name = QLineEdit(self)
        # Files dropped here would be moved away by the file manager they come from.
        self.name.setAcceptDrops(False)
        self.name.setMaxLength(_LONGEST_NAME)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        row.addWidget(self.check, 1)
        row.addWidget(self.name, 1)
        self.check.toggled.connect(self._on_toggled)
        self.name.textEdited.connect(self._on_edited)

    def set_kind(self, words: str) -> None:
        """Set the name of the kind."""
        self.check.setText(words.replace("&", "&&"))
        # Translators: {kind} is a kind of photos, such as the name of a tag.
        self.check.setToolTip(sorts.tip(_("Sort these photos: {kind}").format(kind=words)))
        # Translators: {kind} is a kind of photos, such as the name of a tag.
        self.name.setAccessibleName(_("Folder name for {kind}").format(kind=words))

    @property
    def on(self) -> bool:
        """Whether these photos are sorted."""
        return self.check.isChecked()

    @property
    def folder(self) -> str:
        """The name of their folder; the last one entered if they are not sorted."""
        return self._name

    def show_value(self, *, on: bool, folder: str) -> None:
        """Show a value without emitting `changed`."""
        self._name = folder
        self.check.blockSignals(True)
        self.check.setChecked(on)
        self.check.blockSignals(False)
        self._show()

    def _show(self) -> None:
        self.name.setEnabled(self.on)
        self.name.setText(self._name if self.on else "")
        self.name.setPlaceholderText(_("Folder name") if self.on else _("Left where they are"))

    def _on_toggled(self) -> None:
        self._show()
        self.changed.emit()

    def _on_edited(self, words: str) -> None:
        self._name = words.strip()
        self.changed.emit()


class PatternField(QWidget):
    """The folder structure: one of the patterns to choose from, or a custom one.

    Signals:
        changed: it is a different pattern now.
    """

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Start with the first of the patterns."""
        super().__init__(parent)
        self.choices = QComboBox(self)
        self.choices.setAccessibleName(_("Folder structure"))
        self.choices.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Fixed)
        for words, pattern in examples():
            self.choices.addItem(words, pattern)
        self.choices.addItem(_("Custom pattern…"), _CUSTOM)
        self.custom = QLineEdit(self)
        # Files dropped here would be moved away by the file manager they come from.
        self.custom.setAcceptDrops(False)
        self.custom.setAccessibleName(_("Custom pattern"))
        # Translators: keep the fields in braces, such as {label}, as they are.
        parts = _(
            "{label} is the folder name of the tag, {taken:%Y-%m} the year and month when the photo was taken, {camera}"
            " the camera, and {folder} the subfolders that the photo is in now. Use / between folders."
        )
        self.custom.setToolTip(sorts.tip(parts))
        self.parts = sentence_label(self, "muted")
        self.parts.setText(parts)
        self.wrong = sentence_label(self, "warning")
        self.example = PathLine(self)
        self.example.setProperty("role", "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(6)
        for widget in (self.choices, self.custom, self.parts, self.wrong, self.example):
            column.addWidget(widget)
        self.choices.currentIndexChanged.connect(self._on_choice)
        self.custom.textChanged.connect(self._on_change)
        self._show()

    @property
    def pattern(self) -> str:
        """The pattern."""
        chosen: str = self.choices.currentData()
        return chosen or self.custom.text().strip()

    @property
    def problem(self) -> str:
        """What is wrong with the pattern; empty if nothing is."""
        return check_pattern(self.pattern) or ""

    def set_pattern(self, pattern: str) -> None:
        """Show a pattern."""
        at = self.choices.findData(pattern)
        if at < 0:
            self.custom.setText(pattern)
            at = self.choices.count() - 1
        self.choices.setCurrentIndex(at)

    def show_example(self, path: str) -> None:
        """Show where a photo would go; empty if unknown."""
        # Translators: {path} is where a photo will be.
        self.example.setText(_("Example: {path}").format(path=path) if path else "")
        self.example.setToolTip(sorts.tip(path) if path else "")

    def _on_choice(self) -> None:
        if not self.choices.currentData() and not self.custom.text():
            self.custom.setText(examples()[1][1])
        self._on_change()

    def _on_change(self) -> None:
        self._show()
        self.changed.emit()

    def _show(self) -> None:
        own = not self.choices.currentData()
        self.custom.setVisible(own)
        self.parts.setVisible(own)
        problem = self.problem if own else ""
        self.wrong.setText(problem)
        self.wrong.setVisible(bool(problem))
        self.show_example("" if self.problem else _sample(self.pattern))


def _sample(pattern: str) -> str:
    """Return where a made-up photo would go with a valid pattern."""
    return "/".join((*parse_pattern(pattern).folders(_SAMPLE), _SAMPLE_NAME))
