"""The licences of what is inside: a text that can be searched."""

from __future__ import annotations

import importlib.metadata
import sys

from PySide6.QtGui import QFontDatabase, QKeySequence, QShortcut, QTextCursor, QTextDocument
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
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
from alpacasorter.ui.dialogs import lay_out

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
