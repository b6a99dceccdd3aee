"""What the dialog of the models asks before it writes or deletes, and in which words."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFileDialog, QMessageBox, QWidget

from alpacasorter.core.files import display_path
from alpacasorter.ml.models.archive import SUFFIX

FILES = f"Models (*{SUFFIX});;All files (*)"
PROGRAMS = "Keras (*.keras);;LiteRT (*.tflite)"
WITHOUT = (
    "Exporting a model needs TensorFlow, which is not part of this installation. “Train a model…” says how to get it."
)
SHARED = (
    "The file holds what the model learned, and for each training photo the numbers that the network made of it, "
    "but not the photo itself. Your corrections are not in it."
)


def confirmed(parent: QWidget, title: str, question: str, more: str, yes: str) -> bool:
    """Ask before something is done; `yes` is the button that does it."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    # A model's name may look like markup.
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle(title)
    box.setText(question)
    box.setInformativeText(more)
    go_on = box.addButton(yes, QMessageBox.ButtonRole.AcceptRole)
    cancel = box.addButton("Cancel", QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(cancel)
    box.setEscapeButton(cancel)
    box.exec()
    said_yes = box.clickedButton() is go_on
    box.deleteLater()
    return said_yes


def place_to_write(
    parent: QWidget, title: str, name: str, filters: str, endings: tuple[str, ...]
) -> tuple[Path | None, str]:
    """Let the user choose a file to write, with one of some endings; one that is missing is put right.

    Returns:
        The file, and an empty sentence; or None, and why where the user does not know it.
    """
    chosen, kind = QFileDialog.getSaveFileName(parent, title, str(Path.home() / name), filters)
    if not chosen:
        return None, ""
    out = Path(chosen)
    if out.suffix.lower() in endings:
        return out, ""
    ending = next((ending for ending in endings if ending in kind), endings[0])
    out = out.with_name(out.name + ending)
    # The user has only been asked about the name they gave.
    return (None, f"{display_path(out.name)} is there already. Choose another name.") if out.exists() else (out, "")
