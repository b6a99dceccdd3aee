"""What the dialogs have in common: the Close button, questions, a text to read, a file to write."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QUrl
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFileDialog,
    QLayout,
    QMessageBox,
    QPushButton,
    QTextBrowser,
    QVBoxLayout,
    QWidget,
)

from alpacasorter.core.files import display_path
from alpacasorter.i18n import _
from alpacasorter.ui.widgets.desktop import open_web_page

_CARD_BYTES = 1 << 18
"""How much of a model card is shown."""


def add_close_button(dialog: QDialog, inside: QLayout) -> QDialogButtonBox:
    """Fill a dialog and put a Close button below; return the box of that button, which takes more buttons."""
    buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close, dialog)
    # The icon of the style is black, even on a dark background.
    buttons.button(QDialogButtonBox.StandardButton.Close).setIcon(QIcon())
    buttons.rejected.connect(dialog.reject)
    layout = QVBoxLayout(dialog)
    layout.setContentsMargins(20, 20, 20, 16)
    layout.setSpacing(16)
    layout.addLayout(inside)
    layout.addWidget(buttons)
    return buttons


def enable_primary(button: QPushButton, on: bool) -> None:
    """Enable a primary button, or disable it and remove its color: it must not invite a click that does nothing."""
    button.setEnabled(on)
    button.setProperty("primary", on)
    button.style().unpolish(button)
    button.style().polish(button)


def confirmed(parent: QWidget, title: str, question: str, more: str, yes: str, no: str = "") -> bool:
    """Ask before something is done or given up, and return whether the user agreed. Esc and Enter mean no.

    Args:
        parent: the window that asks.
        title: of the box.
        question: one sentence.
        more: further sentences; may be empty.
        yes: the button that does it.
        no: the button that leaves everything as it is; "Cancel" if empty. With words of its own, `yes` is marked as
            the one that loses something.
    """
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    # The name of a model or a folder may look like markup.
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle(title)
    box.setText(question)
    box.setInformativeText(more)
    role = QMessageBox.ButtonRole.DestructiveRole if no else QMessageBox.ButtonRole.AcceptRole
    accept = box.addButton(yes, role)
    reject = box.addButton(no or _("Cancel"), QMessageBox.ButtonRole.RejectRole)
    box.setDefaultButton(reject)
    box.setEscapeButton(reject)
    box.exec()
    agreed = box.clickedButton() is accept
    box.deleteLater()
    return agreed


def say(parent: QWidget, sentence: str) -> None:
    """Show the user a sentence in a message box. Returns at once; the box stays open."""
    box = QMessageBox(parent)
    box.setIcon(QMessageBox.Icon.NoIcon)
    box.setTextFormat(Qt.TextFormat.PlainText)
    box.setWindowTitle(parent.window().windowTitle())
    box.setText(sentence)
    box.addButton(_("Close"), QMessageBox.ButtonRole.RejectRole)
    box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    box.open()


def choose_file_to_write(
    parent: QWidget, title: str, name: str, filters: str, endings: tuple[str, ...]
) -> tuple[Path | None, str]:
    """Let the user choose a file to write.

    Args:
        parent: the window that asks.
        title: of the dialog.
        name: the suggested file name.
        filters: as `QFileDialog` takes them.
        endings: the endings that are allowed, such as ".json"; one is added if the user leaves it out.

    Returns:
        The file and an empty string; or None, and a sentence if the user should know why.
    """
    chosen, kind = QFileDialog.getSaveFileName(parent, title, str(Path.home() / name), filters)
    if not chosen:
        return None, ""
    out = Path(chosen)
    if out.suffix.lower() in endings:
        return out, ""
    ending = next((ending for ending in endings if ending in kind), endings[0])
    out = out.with_name(out.name + ending)
    if out.exists():
        # The dialog has asked about overwriting only the name that was typed.
        return None, _("{file} already exists. Choose another name.").format(file=display_path(out.name))
    return out, ""


def show_card(parent: QWidget, title: str, card: Path) -> None:
    """Show the model card, a Markdown file that may be missing or from a stranger."""
    try:
        with card.open("rb") as stream:
            words = stream.read(_CARD_BYTES).decode("utf-8", errors="replace")
    except OSError:
        words = ""
    show_text(parent, title, markdown=words or _("The model has no description."))


def show_text(parent: QWidget, title: str, *, markdown: str = "", html: str = "") -> None:
    """Show a text, in one of the two formats; blocks until the user closes it."""
    dialog = QDialog(parent)
    dialog.setWindowTitle(title)
    browser = _SafeBrowser(dialog)
    browser.document().setDocumentMargin(16)
    if html:
        browser.setHtml(html)
    else:
        browser.setMarkdown(markdown)
    inside = QVBoxLayout()
    inside.addWidget(browser)
    add_close_button(dialog, inside)
    dialog.setMinimumSize(360, 280)
    dialog.resize(640, 540)
    dialog.exec()
    dialog.deleteLater()


class _SafeBrowser(QTextBrowser):
    """Shows text that may come from a stranger: it loads nothing, and opens only web pages, on a click."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setOpenLinks(False)
        self.anchorClicked.connect(self._open)

    def loadResource(self, kind: int, name: QUrl | str) -> object:
        """Return nothing: the address of an image may lead to a file of the user or to a server that logs visits."""
        return None

    def _open(self, address: QUrl) -> None:
        if address.scheme() in ("http", "https"):
            open_web_page(address, self, partial(say, self))
