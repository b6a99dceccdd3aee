"""The small dialogs of the Help menu."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices, QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QLayout,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.labels import LabelSet
from alpacasorter.ui import text
from alpacasorter.workers.view_facts import ModelFacts

_CARD_LIMIT = 1 << 18
"""Bytes of a model card that are shown."""


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
    _show_text(parent, "Mouse and keys", f"<table cellpadding='6'>{cells}</table>", html=True)


def show_model(parent: QWidget, model: ModelFacts | None) -> None:
    """Show the model card."""
    if model is None:
        _show_text(parent, "The model", "The model could not be opened.", html=False)
    else:
        show_card(parent, f"{model.name} {model.version}", model.card)


def show_card(parent: QWidget, title: str, card: Path) -> None:
    """Show a file that describes a model; it may be missing, or a stranger's."""
    try:
        with card.open("rb") as stream:
            words = stream.read(_CARD_LIMIT).decode("utf-8", errors="replace")
    except OSError:
        words = ""
    _show_text(parent, title, words or "The model has no description.", html=False)


def show_about(parent: QWidget, device: str = "") -> None:
    """Show version, promise, folders and licences. `device` says what judges the photos, for the details to copy."""
    from alpacasorter.ui.about import AboutDialog  # few ever open it, so no start waits for it

    dialog = AboutDialog(device, parent)
    dialog.exec()
    dialog.deleteLater()


class _Page(QTextBrowser):
    """Shows text that may be a stranger's: it loads nothing, and opens nothing but web pages, on a click."""

    def __init__(self, parent: QWidget) -> None:
        """Start empty."""
        super().__init__(parent)
        self.setOpenLinks(False)
        self.anchorClicked.connect(_open_page)

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """Give nothing: a picture's address may lead to a file of the user's, or to a computer that takes notes."""
        return None


def _open_page(address: QUrl) -> None:
    if address.scheme() in ("http", "https"):
        QDesktopServices.openUrl(address)


def _show_text(parent: QWidget, title: str, words: str, *, html: bool) -> None:
    dialog = QDialog(parent)
    dialog.setWindowTitle(title)
    browser = _Page(dialog)
    browser.document().setDocumentMargin(16)
    if html:
        browser.setHtml(words)
    else:
        browser.setMarkdown(words)
    inside = QVBoxLayout()
    inside.addWidget(browser)
    dialog.resize(640, 540)
    _run(dialog, inside)


def lay_out(dialog: QDialog, inside: QLayout) -> QDialogButtonBox:
    """Fill a dialog, with a button below that closes it; return the box of that button, which takes more."""
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, dialog)
    # The style's own icon is black, in dark colours too.
    buttons.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.setContentsMargins(20, 20, 20, 16)
    layout.setSpacing(16)
    layout.addLayout(inside)
    layout.addWidget(buttons)
    return buttons


def _run(dialog: QDialog, inside: QLayout) -> None:
    """Show a dialog with a button that closes it."""
    lay_out(dialog, inside)
    dialog.exec()
    dialog.deleteLater()
