"""The field of a training into which the folder with the photos is dropped, and what is in that folder."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QDropEvent
from PySide6.QtWidgets import QFileDialog, QFrame, QHBoxLayout, QLineEdit, QPushButton, QVBoxLayout, QWidget

from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet
from alpacasorter.ui import text
from alpacasorter.ui.train_fields import note
from alpacasorter.workers.class_folders import ClassCounter, ClassFolders

_REST_MS: Final = 250
"""How long the path must rest before the folder is looked into."""
_FEW: Final = 20
"""Photos of a class below which the user is told that they are few."""


class DatasetField(QFrame):
    """A path, a button, and a sentence on what is there.

    Signals:
        changed: another folder, or it is known now what is in it.
    """

    changed = Signal()

    def __init__(self, parent: QWidget) -> None:
        """Ask for a folder."""
        super().__init__(parent)
        self.setObjectName("drop")
        self._found: ClassFolders | None = None
        self._exact: Path | None = None
        self._counter = ClassCounter(self)
        self._counter.counted.connect(self._on_counted)
        self._rest = QTimer(self, singleShot=True, interval=_REST_MS)
        self._rest.timeout.connect(self.look_again)
        self.path = QLineEdit(self)
        self.path.setPlaceholderText("Drop a folder here, or choose one")
        self.path.setAccessibleName("Folder with the photos")
        self.path.setToolTip("The folder with one sub-folder per kind")
        self.choose = QPushButton("Choose…", self)
        self.choose.setAutoDefault(False)
        self.choose.setAccessibleName("Choose the folder with the photos")
        self.feedback = note(self, "muted")
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 14)
        column.setSpacing(8)
        row = QHBoxLayout()
        row.addWidget(self.path, 1)
        row.addWidget(self.choose)
        column.addLayout(row)
        column.addWidget(self.feedback)
        self.path.textChanged.connect(self._on_path)
        self.choose.clicked.connect(self._choose)
        self._tell()

    @property
    def folder(self) -> Path | None:
        """The folder, absolute; it need not exist."""
        written = self.path.text().strip()
        if self._exact is not None or not written:
            return self._exact
        try:
            path = Path(written).expanduser()
        except RuntimeError:
            # There is no such user.
            path = Path(written)
        return Path(os.path.normpath(path.absolute()))

    @property
    def found(self) -> ClassFolders | None:
        """What is in the folder, None while that is not known or where it can't be trained on."""
        return self._found if self._found is not None and not self._found.problem else None

    def set_folder(self, folder: Path) -> None:
        """Use this folder."""
        self.path.setText(display_path(folder))
        # What is shown may not lead there: names can hold bytes that are no text.
        self._exact = folder
        self.look_again()

    def look_again(self) -> None:
        """Look into the folder: photos may have come or gone."""
        self._rest.stop()
        folder = self.folder
        if folder is not None:
            self._counter.request(folder)

    def close_threads(self) -> None:
        """End the thread; the field is not used any more."""
        self._rest.stop()
        self._counter.close()

    def set_hot(self, hot: bool) -> None:
        """Show that a folder is held over it."""
        self.setProperty("hot", hot)
        _dress(self)

    def _choose(self) -> None:
        start = self.folder if self.folder is not None and self.folder.is_dir() else Path.home()
        chosen = QFileDialog.getExistingDirectory(self, "Folder with one sub-folder per kind", str(start))
        if chosen:
            self.set_folder(Path(chosen))

    def _on_path(self) -> None:
        self._exact = self._found = None
        self._rest.start()
        self._tell()

    def _on_counted(self, found: ClassFolders) -> None:
        if found.folder == self.folder:
            self._found = found
            self._tell()

    def _tell(self) -> None:
        words, role = self._about()
        self.feedback.setText(words)
        self.feedback.setProperty("role", role)
        _dress(self.feedback)
        self.changed.emit()

    def _about(self) -> tuple[str, str]:
        """Return what to say of the folder, and the role that colours it."""
        if self.folder is None:
            return "No folder chosen yet.", "muted"
        found = self._found
        if found is None:
            return "Looking into the folder…", "muted"
        if found.problem:
            return found.problem, "warning"
        counts = ", ".join(f"{display_class(name)} {photos:,}" for name, photos in found.classes)
        name, photos = min(found.classes, key=lambda pair: pair[1])
        if photos < _FEW:
            only = f"{text.count(photos, 'photo')} of “{display_class(name)}”"
            return f"{counts}. Only {only}: the model gets better with more.", "warning"
        return f"{counts}.", "muted"


def display_class(name: str) -> str:
    """Return what people read for a class, from the name of its folder."""
    return display_path(LabelSet("", "", {}).display(name))


def dropped_folder(event: QDropEvent) -> Path | None:
    """Return the folder that is dropped, None for anything else."""
    for url in event.mimeData().urls():
        if url.isLocalFile():
            path = Path(os.path.normpath(url.toLocalFile()))
            return path if path.is_dir() else None
    return None


def _dress(widget: QWidget) -> None:
    """Have a changed property change how a widget looks."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)
