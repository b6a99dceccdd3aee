"""The dialog for an error nobody foresaw: what was not lost, and the details for whoever can mend it."""

from __future__ import annotations

import datetime
import platform
from pathlib import Path

from PySide6.QtCore import QSize, Qt, qVersion
from PySide6.QtGui import QGuiApplication, QIcon, QPalette
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QHBoxLayout, QLabel, QVBoxLayout, QWidget

import alpacasorter
from alpacasorter.ui.desktop import show_folder
from alpacasorter.ui.icons import icon

_ICON_SIDE = 48
_WIDTH = 420
_HEAD = "Something went wrong"
_HEADS = ("Something went wrong that nobody foresaw", "AlpacaSorter could not open its window")
_NOT_LOST = """<p>Nothing of yours is lost: no photo was changed, each correction was saved when you made it, and a
sort that is broken off can be finished or rolled back.</p>"""
_GO_ON = "<p>You can go on. Should the window behave oddly, close it and start AlpacaSorter again.</p>"
_DETAILS = """<p>If you report this, please send the details along. They say where in the program it happened, and may
name folders and photos.</p>"""


class CrashDialog(QDialog):
    """Tells of one error.

    Attributes:
        details: what *Copy details* copies.
        copy, show_log: the buttons.
    """

    def __init__(self, trace: str, folder: Path, parent: QWidget | None = None, *, starting: bool = False) -> None:
        """Assemble the dialog.

        Args:
            trace: the traceback, in lines.
            folder: of the log.
            parent: the window it is shown in front of.
            starting: whether there is no window to go on with.
        """
        super().__init__(parent)
        self.details = details(trace)
        self._folder = folder
        self.setWindowTitle(_HEAD)
        self.setModal(True)
        picture = QLabel(self)
        colour = self.palette().color(QPalette.ColorRole.WindowText).name()
        ratio = self.devicePixelRatioF()
        picture.setPixmap(icon("warning", colour).pixmap(QSize(_ICON_SIDE, _ICON_SIDE), ratio))
        head = f"<h3>{_HEADS[starting]}</h3>"
        words = QLabel(head + _NOT_LOST + ("" if starting else _GO_ON) + _DETAILS, self)
        words.setTextFormat(Qt.TextFormat.RichText)
        words.setWordWrap(True)
        words.setMinimumWidth(_WIDTH)
        row = QHBoxLayout()
        row.setSpacing(20)
        row.addWidget(picture, 0, Qt.AlignmentFlag.AlignTop)
        row.addWidget(words, 1)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, self)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        # The style's own icon is black, in dark colours too.
        close.setIcon(QIcon())
        close.setDefault(True)
        self.copy = buttons.addButton("Copy details", QDialogButtonBox.ButtonRole.ActionRole)
        self.show_log = buttons.addButton("Show log folder", QDialogButtonBox.ButtonRole.ActionRole)
        self.copy.clicked.connect(self._copy)
        self.show_log.clicked.connect(self._show_log)
        buttons.rejected.connect(self.reject)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(20, 20, 20, 16)
        layout.setSpacing(16)
        layout.addLayout(row)
        layout.addWidget(buttons)
        # Where there is no log, because its folder can't be written, there is nothing to show.
        self.show_log.setEnabled(folder.is_dir())
        close.setFocus()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.details)
        self.copy.setText("Copied")

    def _show_log(self) -> None:
        show_folder(self._folder)


def details(trace: str) -> str:
    """Return what to send along with a report: versions, and the traceback without the name of the user's home."""
    home = str(Path.home())
    # A home that is the root would make a mark of each slash.
    shown = trace.replace(home, "~") if len(home) > 1 else trace
    now = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"AlpacaSorter {alpacasorter.__version__}, {now}\n"
        f"{platform.platform()}, Python {platform.python_version()}, Qt {qVersion()}\n\n{shown}"
    )
