"""The About dialog: version, promise, where things are kept, details for a report, and the licences."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from PySide6.QtCore import QSize, Qt, qVersion
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

import alpacasorter
from alpacasorter import paths
from alpacasorter.core.files import display_path
from alpacasorter.ui import text
from alpacasorter.ui.about_licences import LicencesDialog
from alpacasorter.ui.desktop import show_folder
from alpacasorter.ui.dialogs import lay_out
from alpacasorter.ui.icons import app_icon

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
