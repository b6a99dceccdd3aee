"""The dialogs of the Help menu: About with the third-party licenses, the keyboard shortcuts, the model card."""

from __future__ import annotations

import platform
import sys
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
from alpacasorter import i18n, paths
from alpacasorter.core.files import display_path
from alpacasorter.i18n import _
from alpacasorter.ui.widgets.desktop import show_folder
from alpacasorter.ui.widgets.dialogs import add_close_button, say, show_card, show_text
from alpacasorter.ui.widgets.theme import app_icon
from alpacasorter.wording import text
from alpacasorter.workers.view_facts import ModelFacts

if TYPE_CHECKING:
    import importlib.metadata


_ICON_SIDE = 72
_WIDTH = 520


def _places() -> tuple[tuple[str, Path], ...]:
    """Return the folders of the app, each with its name."""
    return (
        (_("Corrections and models"), paths.user_data_dir()),
        (_("Thumbnails"), paths.user_cache_dir()),
        (_("Logs"), paths.user_log_dir()),
    )


class AboutDialog(QDialog):
    """Version, promise, folders, and details for a report.

    Attributes:
        details: what "Copy details" copies.
        places: the fields with the folders, from top to bottom.
        open_buttons: the buttons beside them.
        licenses_button, copy_button: the buttons below.
    """

    def __init__(self, device: str = "", parent: QWidget | None = None) -> None:
        """Assemble the dialog; `device` is what runs the model, in words, empty if it is not known yet."""
        super().__init__(parent)
        self.setWindowTitle(_("About AlpacaSorter"))
        self.details = details(device)
        self.places: list[QLineEdit] = []
        self.open_buttons: list[QPushButton] = []
        inside = QVBoxLayout()
        inside.setSpacing(16)
        inside.addLayout(self._head())
        inside.addLayout(self._folders())
        self.setMinimumWidth(_WIDTH)
        buttons = add_close_button(self, inside)
        self.licenses_button = buttons.addButton(_("Third-party &licenses"), QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_button = buttons.addButton(_("&Copy details"), QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_button.setToolTip(_("Version, system, device and folders, to include when you report a problem"))
        for button in (self.licenses_button, self.copy_button):
            button.setAutoDefault(False)
        self.licenses_button.clicked.connect(self._show_licenses)
        self.copy_button.clicked.connect(self._copy)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setDefault(True)
        close.setFocus()

    def _head(self) -> QHBoxLayout:
        picture = QLabel(self)
        picture.setPixmap(app_icon().pixmap(QSize(_ICON_SIDE, _ICON_SIDE), self.devicePixelRatioF()))
        paragraphs = (
            _("Tags each photo in a folder, and learns from you when you correct a tag."),
            _("Everything stays on this computer. Photos are never changed or uploaded."),
            _("Free software under the MIT license. Built on Qt, LiteRT, NumPy, Pillow and the work of many others."),
        )
        body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
        words = QLabel(f"<h3>AlpacaSorter {alpacasorter.__version__}</h3>{body}", self)
        words.setWordWrap(True)
        words.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        row = QHBoxLayout()
        row.setSpacing(20)
        row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(words, 1)
        return row

    def _folders(self) -> QGridLayout:
        grid = QGridLayout()
        for row, (title, path) in enumerate(_places()):
            # A field and not a label: a long path can't be wrapped, but it can be scrolled and copied here.
            field = QLineEdit(text.folder(path), self)
            field.setReadOnly(True)
            field.setCursorPosition(0)
            field.setAccessibleName(title)
            label = QLabel(title, self)
            label.setProperty("role", "muted")
            button = QPushButton(_("Open"), self)
            button.setAutoDefault(False)
            button.setAccessibleName(_("Open the folder: {name}").format(name=title))
            button.setEnabled(path.is_dir())
            if not path.is_dir():
                button.setToolTip(_("Nothing has been saved there yet."))
            button.clicked.connect(lambda _checked=False, path=path: show_folder(path, self, partial(say, self)))
            for column, widget in enumerate((label, field, button)):
                grid.addWidget(widget, row, column)
            self.places.append(field)
            self.open_buttons.append(button)
        return grid

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details)
        self.copy_button.setText(_("Copied"))

    def _show_licenses(self) -> None:
        dialog = LicensesDialog(self)
        dialog.exec()
        dialog.deleteLater()


def details(device: str) -> str:
    """Return the details for a report, in English: version, system, device, folders."""
    kind = "packaged" if getattr(sys, "frozen", False) else "installed"
    lines = [
        f"AlpacaSorter {alpacasorter.__version__}, {kind}",
        f"System: {platform.platform()}",
        f"Python {platform.python_version()}, Qt {qVersion()} on {QGuiApplication.platformName()}",
        f"Device: {device or 'not known yet'}",
        f"Program: {text.folder(Path(sys.executable))}",
    ]
    with i18n.english():
        lines += [f"{title}: {text.folder(path)}" for title, path in _places()]
    chosen = paths.named_model()
    if chosen is not None:
        lines.append(f"Model of this run: {display_path(chosen)}")
    return "\n".join(lines) + "\n"


_SIZE = (860, 600)
_LONGEST = 80
"""Characters of the name of a license; some packages put the whole license there."""
_CLASSIFIER = "License ::"


def licenses_text() -> str:
    """Return the licenses of the packaged program, or otherwise the names of those of the installed packages."""
    path = paths.licenses_file()
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        if getattr(sys, "frozen", False):
            missing = _("The file with the licenses is missing from this copy of AlpacaSorter.")
            again = _("Please download and unpack AlpacaSorter again. The licenses come with it.")
            return f"{missing}\n\n{again}"
    own = _("AlpacaSorter {version} is free software under the MIT license.").format(version=alpacasorter.__version__)
    packages = _(
        "This copy runs from a Python installation. The packages below are installed there, each with the license "
        "that it names; the texts of the licenses are in the folders of the packages."
    )
    return f"{own}\n\n{packages}\n\n{_installed()}"


def _installed() -> str:
    """Return one line for each installed package: name, version, license."""
    import importlib.metadata

    found = {
        f"{package.name} {package.version}: {_license(package)}\n"
        for package in importlib.metadata.distributions()
        # The folder of a broken installation has no name.
        if package.metadata["Name"]
    }
    return "".join(sorted(found, key=str.casefold))


def _license(package: importlib.metadata.Distribution) -> str:
    about = package.metadata
    for name in ("License-Expression", "License"):
        for words in about.get_all(name) or []:
            if 0 < len(words) <= _LONGEST and "\n" not in words and words != "UNKNOWN":
                return str(words)
    kinds = [line for line in about.get_all("Classifier") or [] if line.startswith(_CLASSIFIER)]
    return ", ".join(line.split(" :: ")[-1] for line in kinds) or _("see its folder")


class LicensesDialog(QDialog):
    """Shows the third-party licenses, a text that can be searched.

    Attributes:
        page: the text.
        search: the field for what to find.
        verdict: says if it was not found.
        next_button, previous_button: go to the next and the previous match.
    """

    def __init__(self, parent: QWidget | None = None) -> None:
        """Read the text and show its beginning."""
        super().__init__(parent)
        self.setWindowTitle(_("Third-party licenses"))
        self.page = QPlainTextEdit(self)
        self.page.setReadOnly(True)
        self.page.setFont(QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont))
        self.page.setAccessibleName(_("Licenses"))
        # The text has megabytes, and nothing in it can be undone.
        self.page.setUndoRedoEnabled(False)
        self.page.setPlainText(licenses_text())
        self.search = QLineEdit(self)
        self.search.setPlaceholderText(_("Find in the licenses"))
        self.search.setAccessibleName(_("Find in the licenses"))
        self.search.setClearButtonEnabled(True)
        self.search.textEdited.connect(self._find_typed)
        self.search.returnPressed.connect(self.find_next)
        self.verdict = QLabel(self)
        self.verdict.setProperty("role", "warning")
        self.next_button = self._button(_("&Next"), self.find_next)
        self.previous_button = self._button(_("&Previous"), self.find_previous)
        row = QHBoxLayout()
        row.addWidget(self.search, 1)
        for widget in (self.verdict, self.previous_button, self.next_button):
            row.addWidget(widget)
        inside = QVBoxLayout()
        inside.addLayout(row)
        inside.addWidget(self.page)
        # Enter in the field finds the next match; it must not press Close too.
        add_close_button(self, inside).button(QDialogButtonBox.StandardButton.Close).setAutoDefault(False)
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

    def _find_typed(self) -> None:
        """Find what was typed, from the beginning of the last match, so that typing on doesn't move on."""
        cursor = self.page.textCursor()
        cursor.setPosition(cursor.selectionStart())
        self.page.setTextCursor(cursor)
        self._find(QTextDocument.FindFlag(0))

    def find_next(self) -> None:
        """Go to the next match; after the last one to the first."""
        self._find(QTextDocument.FindFlag(0))

    def find_previous(self) -> None:
        """Go to the previous match; before the first one to the last."""
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
        self.verdict.setText("" if found else _("Not found"))
        for button in (self.next_button, self.previous_button):
            button.setEnabled(bool(words) and found)


def show_model(parent: QWidget, model: ModelFacts | None) -> None:
    """Show the card of the model in use."""
    if model is None:
        show_text(parent, _("Model"), markdown=_("The model could not be opened."))
    else:
        show_card(parent, f"{model.name} {model.version}", model.card)


def show_about(parent: QWidget, device: str = "") -> None:
    """Show the About dialog; `device`: see `AboutDialog`."""
    dialog = AboutDialog(device, parent)
    dialog.exec()
    dialog.deleteLater()
