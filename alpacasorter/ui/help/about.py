"""The About dialog: version, promise, where things are kept, details for a report, and the licences.

The licences of what is inside: a text that can be searched.

The small dialogs of the Help menu.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QSize, Qt, qVersion
from PySide6.QtGui import (
    QFontDatabase,
    QGuiApplication,
    QKeySequence,
    QShortcut,
    QTextCursor,
    QTextDocument,
)
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPlainTextEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

import alpacasorter
from alpacasorter import paths
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.ui.widgets.desktop import show_folder
from alpacasorter.ui.widgets.dialogs import lay_out, show_card, show_text
from alpacasorter.ui.widgets.theme import app_icon
from alpacasorter.wording import text
from alpacasorter.workers.view_facts import ModelFacts

if TYPE_CHECKING:
    import importlib.metadata


_ICON_SIDE = 72
_WIDTH = 520
_WORDS = """<p>Looks at a folder of photos, tags each one, learns from you where a tag is wrong.</p>
<p>Everything stays on this computer. Photos are never changed or uploaded.</p>
<p>Free software under the MIT licence. Built on Qt, LiteRT, NumPy, Pillow and the work of many others.</p>"""
_KEPT: tuple[tuple[str, Callable[[], Path]], ...] = (
    ("Corrections and models", paths.user_data_dir),
    ("Thumbnails", paths.user_cache_dir),
    ("Logs", paths.user_log_dir),
)


class AboutDialog(QDialog):
    """Tells what this program is.

    Attributes:
        details: what *Copy details* copies.
        places: the fields with the folders, from the top.
        open_buttons: those beside them.
        licences_button, copy_button: what they say.
    """

    def __init__(self, device: str = "", parent: QWidget | None = None) -> None:
        """Assemble the dialog; `device` is what judges the photos, "" where that is not known yet."""
        super().__init__(parent)
        self.setWindowTitle("About AlpacaSorter")
        self.details = details(device)
        self.places: list[QLineEdit] = []
        self.open_buttons: list[QPushButton] = []
        inside = QVBoxLayout()
        inside.setSpacing(16)
        inside.addLayout(self._head())
        inside.addLayout(self._folders())
        self.setMinimumWidth(_WIDTH)
        buttons = lay_out(self, inside)
        self.licences_button = buttons.addButton("&Licences of what is inside", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_button = buttons.addButton("&Copy details", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_button.setToolTip("Version, system, device and folders, to send along when you report something")
        for button in (self.licences_button, self.copy_button):
            button.setAutoDefault(False)
        self.licences_button.clicked.connect(self._show_licences)
        self.copy_button.clicked.connect(self._copy)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setDefault(True)
        close.setFocus()

    def _head(self) -> QHBoxLayout:
        picture = QLabel(self)
        picture.setPixmap(app_icon().pixmap(QSize(_ICON_SIDE, _ICON_SIDE), self.devicePixelRatioF()))
        words = QLabel(f"<h3>AlpacaSorter {alpacasorter.__version__}</h3>{_WORDS}", self)
        words.setWordWrap(True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout()
        row.setSpacing(20)
        row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(words, 1)
        return row

    def _folders(self) -> QGridLayout:
        grid = QGridLayout()
        for row, (title, place) in enumerate(_KEPT):
            path = place()
            # A field, not a label: a long path has no place to break a line, and can be scrolled and copied here.
            field = QLineEdit(text.folder(path), self)
            field.setReadOnly(True)
            field.setCursorPosition(0)
            field.setAccessibleName(title)
            label = QLabel(title, self)
            label.setProperty("role", "muted")
            button = QPushButton("Open", self)
            button.setAutoDefault(False)
            button.setAccessibleName(f"Open the folder: {title.lower()}")
            button.setEnabled(path.is_dir())
            if not path.is_dir():
                button.setToolTip("Nothing is kept there yet.")
            button.clicked.connect(partial(show_folder, path))
            for column, widget in enumerate((label, field, button)):
                grid.addWidget(widget, row, column)
            self.places.append(field)
            self.open_buttons.append(button)
        return grid

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details)
        self.copy_button.setText("Copied")

    def _show_licences(self) -> None:
        dialog = LicencesDialog(self)
        dialog.exec()
        dialog.deleteLater()


def details(device: str) -> str:
    """Return what to send along with a report: version, system, device, folders."""
    kind = "packaged" if getattr(sys, "frozen", False) else "installed"
    lines = [
        f"AlpacaSorter {alpacasorter.__version__}, {kind}",
        f"System: {platform.platform()}",
        f"Python {platform.python_version()}, Qt {qVersion()} on {QGuiApplication.platformName()}",
        f"Device: {device or 'not known yet'}",
        f"Program: {text.folder(Path(sys.executable))}",
        *(f"{title}: {text.folder(place())}" for title, place in _KEPT),
    ]
    chosen = paths.named_model()
    if chosen is not None:
        lines.append(f"Model of this run: {display_path(chosen)}")
    return "\n".join(lines) + "\n"


_SIZE = (860, 600)
_LONGEST = 80
"""Characters of a licence's name; some packages put the whole licence there."""
_CLASSIFIER = "License ::"
_MISSING = (
    "The file with the licences is missing from this copy of AlpacaSorter.\n\n"
    "Please unpack the program again from where you got it; the licences come along with it."
)
_HEAD = (
    "AlpacaSorter {version} is free software under the MIT licence.\n\n"
    "It runs from an installation of Python. These packages are installed there, each with the licence that it names; "
    "the texts of the licences lie in the packages' folders.\n\n"
)


def licences_text() -> str:
    """Return the licences of the packaged program, else the names of those of the packages that are installed."""
    path = paths.licences_file()
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        if getattr(sys, "frozen", False):
            return _MISSING
    return _HEAD.format(version=alpacasorter.__version__) + installed()


def installed() -> str:
    """Return one line for each installed package: name, version, licence."""
    import importlib.metadata

    found = {
        f"{package.name} {package.version}: {_licence(package)}\n"
        for package in importlib.metadata.distributions()
        # A folder that a broken installation left behind has no name.
        if package.metadata["Name"]
    }
    return "".join(sorted(found, key=str.casefold))


def _licence(package: importlib.metadata.Distribution) -> str:
    about = package.metadata
    for name in ("License-Expression", "License"):
        for words in about.get_all(name) or []:
            if 0 < len(words) <= _LONGEST and "\n" not in words and words != "UNKNOWN":
                return str(words)
    kinds = [line for line in about.get_all("Classifier") or [] if line.startswith(_CLASSIFIER)]
    return ", ".join(line.split(" :: ")[-1] for line in kinds) or "see its folder"


class LicencesDialog(QDialog):
    """Shows the licences.

    Attributes:
        page: the text.
        search: what is looked for.
        verdict: says that it is not there.
        next_button, previous_button: to the next place, and to the one before.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        """Read the text and show it from its beginning."""
        super().__init__(parent)
        self.setWindowTitle("Licences of what is inside")
        self.page = QPlainTextEdit(self)
        self.page.setReadOnly(True)
        self.page.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.page.setAccessibleName("Licences")
        # Megabytes can be read here; what an undo would need of them never is.
        self.page.setUndoRedoEnabled(False)
        self.page.setPlainText(licences_text())
        self.search = QLineEdit(self)
        self.search.setPlaceholderText("Find in the licences")
        self.search.setAccessibleName("Find in the licences")
        self.search.setClearButtonEnabled(True)
        self.search.textEdited.connect(self._find_anew)
        self.search.returnPressed.connect(self.find_next)
        self.verdict = QLabel(self)
        self.verdict.setProperty("role", "warning")
        self.next_button = self._button("&Next", self.find_next)
        self.previous_button = self._button("&Previous", self.find_previous)
        row = QHBoxLayout()
        row.addWidget(self.search, 1)
        for widget in (self.verdict, self.previous_button, self.next_button):
            row.addWidget(widget)
        inside = QVBoxLayout()
        inside.addLayout(row)
        inside.addWidget(self.page)
        # Enter in the field looks for the next place; it must not press Close as well.
        lay_out(self, inside).button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
        QShortcut(QKeySequence.StandardKey.Find, self, self._focus_search)
        QShortcut(QKeySequence.StandardKey.FindNext, self, self.find_next)
        QShortcut(QKeySequence.StandardKey.FindPrevious, self, self.find_previous)
        room = parent.screen().availableSize() if parent is not None else self.screen().availableSize()
        self.resize(min(_SIZE[0], room.width() - 40), min(_SIZE[1], room.height() - 80))
        self.search.setFocus()

    def _button(self, words: str, act: object) -> QPushButton:
        button = QPushButton(words, self)
        button.setAutoDefault(False)
        button.setEnabled(False)
        button.clicked.connect(act)
        return button

    def _focus_search(self) -> None:
        self.search.setFocus()
        self.search.selectAll()

    def _find_anew(self) -> None:
        """Look for what was typed from where the last one found begins, so that a longer word stays where it is."""
        cursor = self.page.textCursor()
        cursor.setPosition(cursor.selectionStart())
        self.page.setTextCursor(cursor)
        self._find(QTextDocument.FindFlag(0))

    def find_next(self) -> None:
        """Go to the next place; after the last one to the first."""
        self._find(QTextDocument.FindFlag(0))

    def find_previous(self) -> None:
        """Go to the place before; before the first one to the last."""
        self._find(QTextDocument.FindFlag.FindBackward)

    def _find(self, flags: QTextDocument.FindFlag) -> None:
        words = self.search.text()
        found = not words or self.page.find(words, flags)
        if not found:
            start = self.page.textCursor()
            backward = bool(flags & QTextDocument.FindFlag.FindBackward)
            self.page.moveCursor(QTextCursor.MoveOperation.End if backward else QTextCursor.MoveOperation.Start)
            found = self.page.find(words, flags)
            if not found:
                start.clearSelection()
                self.page.setTextCursor(start)
        self.page.centerCursor()
        self.verdict.setText("" if found else "Not found")
        for button in (self.next_button, self.previous_button):
            button.setEnabled(bool(words) and found)


def show_keys(parent: QWidget, labels: LabelSet) -> None:
    """Show what mouse and keys do."""
    rows = [
        ("Click on a tag", "The photo is the other thing"),
        (
            text.key_for(labels, labels.positive),
            f"The selected photos are: {labels.display(labels.positive).lower()}",
        ),
        (
            text.key_for(labels, labels.negative),
            f"The selected photos are: {labels.display(labels.negative).lower()}",
        ),
        ("Space", "Flip the tags of the selected photos"),
        ("Backspace", "Take the correction back"),
        ("Ctrl+Z, Ctrl+Y", "Undo, redo"),
        ("Arrows, Shift, Ctrl", "Move, and select several photos"),
        ("Enter, double click", "Open the photo in your system's program"),
        ("Ctrl+1 to Ctrl+7", "All, the two tags, unsure, corrected, problems, new"),
        ("Ctrl and wheel", "Larger or smaller pictures"),
        ("F3", "Show or hide the preview"),
        ("Ctrl+O, F5, Esc", "Open a folder, look again, stop"),
        ("Ctrl+S", "Sort the photos into folders"),
    ]
    cells = "".join(f"<tr><td><b>{keys}</b></td><td>{what}</td></tr>" for keys, what in rows)
    show_text(parent, "Mouse and keys", html=f"<table cellpadding='6'>{cells}</table>")


def show_model(parent: QWidget, model: ModelFacts | None) -> None:
    """Show the model card."""
    if model is None:
        show_text(parent, "The model", markdown="The model could not be opened.")
    else:
        show_card(parent, f"{model.name} {model.version}", model.card)


def show_about(parent: QWidget, device: str = "") -> None:
    """Show version, promise, folders and licences. `device` says what judges the photos, for the details to copy."""
    # few ever open it, so no start waits for it

    dialog = AboutDialog(device, parent)
    dialog.exec()
    dialog.deleteLater()
