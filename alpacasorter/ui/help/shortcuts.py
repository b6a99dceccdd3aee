"""The dialog with the keyboard shortcuts: those used most, what keys and mouse do with photos, then every menu."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QGuiApplication, QKeySequence
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QMenu, QMenuBar, QTextBrowser, QVBoxLayout, QWidget

from alpacasorter.i18n import _
from alpacasorter.ui.widgets.dialogs import add_close_button

_SIZE = (640, 620)


class Group(NamedTuple):
    """Shortcuts that belong together.

    Attributes:
        title: what they are about.
        rows: keys or gestures, each with what they do.
    """

    title: str
    rows: Sequence[tuple[str, str]]


def groups(bar: QMenuBar, most_used: Sequence[QAction] = ()) -> list[Group]:
    """Return all shortcuts: those used most, those that are in no menu, then the others of each menu of the window."""
    first = [row for action in most_used for row in _of_action(action)]
    found = [Group(_("Used most"), first)] if first else []
    found += [Group(_("Among the photos"), _in_no_menu()), Group(_("Loupe and comparison"), _close_up())]
    found.append(Group(_("Strip of changed tags"), _changed_tags()))
    for entry in bar.actions():
        menu = entry.menu()
        if isinstance(menu, QMenu):
            rows = _of_menu(menu, most_used)
            if rows:
                found.append(Group(_plain(entry.text()), rows))
    return found


def _in_no_menu() -> list[tuple[str, str]]:
    return [
        (_("Arrow keys"), _("Go to another photo")),
        (_("Home, End, Page Up, Page Down"), _("Go to the first or last photo, or a page on")),
        (_("Shift+arrow keys"), _("Select several photos")),
        (_("Shift or Ctrl with a click"), _("Select several photos")),
        (_("Drag from a gap between photos"), _("Select several photos")),
        (_("Click a tag"), _("Flip the tag")),
        (_("Enter, Z, double-click"), _("Show the photo as large as the window")),
        (_("Drag a photo"), _("Copy the selected photos to another program or folder")),
        (_("Right-click"), _("Open a menu for the selected photos")),
        (_("Ctrl+mouse wheel"), _("Larger or smaller photos")),
        (
            _("Tab, Shift+Tab"),
            _("Go through the window: tool bar, filters, search, histograms, photos, preview, message, status bar"),
        ),
    ]


def _close_up() -> list[tuple[str, str]]:
    return [
        (_("Arrow keys"), _("Go to another photo")),
        (_("Mouse wheel, +, -"), _("Zoom")),
        (_("Double-click, Z"), _("Show the actual size, or the whole photo")),
        (_("Drag, Shift+arrow keys"), _("Move the zoomed photo")),
        (_("Tab, click"), _("Choose which of the compared photos the keys act on")),
        (_("H"), _("Hold that photo while the arrow keys change another one")),
        (_("Enter, Esc"), _("Go back to the photos")),
    ]


def _changed_tags() -> list[tuple[str, str]]:
    return [
        ("K", _("Keep the tag")),
        ("U", _("Undo the change")),
        (_("Enter"), _("Go to the photo")),
    ]


def _of_menu(menu: QMenu, left_out: Sequence[QAction]) -> list[tuple[str, str]]:
    rows = []
    for action in menu.actions():
        inside = action.menu()
        if isinstance(inside, QMenu):
            rows += _of_menu(inside, left_out)
        elif action not in left_out:
            rows += _of_action(action)
    return rows


def _of_action(action: QAction) -> list[tuple[str, str]]:
    """Return the keys of an action and its name, nothing if it has no keys."""
    # Keys that a widget handles are part of the text (see `Actions`). What Undo would undo is not its name.
    _name, _tab, shown = action.text().partition("\t")
    keys = [one.toString(QKeySequence.SequenceFormat.NativeText) for one in action.shortcuts() if _is_usual(one)]
    return [(shown or ", ".join(keys), action.iconText().partition("\t")[0].rstrip("…"))] if shown or keys else []


def _is_usual(keys: QKeySequence) -> bool:
    """Return whether most keyboards have these keys; those with a name such as Open or Zoom In are rare.

    Return is left out: that is what Qt calls the large Enter key, and the one of the number pad does the same.
    """
    # The stubs don't know that a sequence can be indexed.
    key = keys[0].key()  # type: ignore[index]
    return bool(key < Qt.Key.Key_Back and key != Qt.Key.Key_Return)


def _plain(name: str) -> str:
    """Return the name of an action without the mark of its access key."""
    return name.replace("&&", "\0").replace("&", "").replace("\0", "&").rstrip("…")


def as_text(shown: Sequence[Group]) -> str:
    """Return shortcuts as plain text in two columns, to be printed or kept."""
    width = max(len(keys) for group in shown for keys, _what in group.rows)
    parts = ("\n".join([group.title, *(f"  {keys:<{width}}  {what}" for keys, what in group.rows)]) for group in shown)
    return "\n\n".join(parts) + "\n"


def _as_html(shown: Sequence[Group]) -> str:
    parts = []
    for group in shown:
        parts.append(f"<h3>{escape(group.title)}</h3><table width='100%' cellpadding='4'>")
        for keys, what in group.rows:
            parts.append(f"<tr><td width='38%'><b>{escape(keys)}</b></td><td>{escape(what)}</td></tr>")
        parts.append("</table>")
    return "".join(parts)


class ShortcutsDialog(QDialog):
    """Lists all shortcuts in groups.

    Attributes:
        page: the list; its text can be selected.
        copy_button: copies it as plain text.
    """

    def __init__(self, bar: QMenuBar, most_used: Sequence[QAction], parent: QWidget | None = None) -> None:
        """List the shortcuts of the menus in `bar`, as they are now, and those in no menu; `most_used` come first."""
        super().__init__(parent)
        self.setWindowTitle(_("Keyboard shortcuts"))
        self._groups = groups(bar, most_used)
        self.page = QTextBrowser(self)
        self.page.setAccessibleName(_("Keyboard shortcuts"))
        self.page.document().setDocumentMargin(16)
        self.page.setHtml(_as_html(self._groups))
        inside = QVBoxLayout()
        inside.addWidget(self.page)
        buttons = add_close_button(self, inside)
        self.copy_button = buttons.addButton(_("&Copy as text"), QDialogButtonBox.ButtonRole.ActionRole)
        self.copy_button.setToolTip(_("Copy all shortcuts as plain text, for example to print them"))
        self.copy_button.setAutoDefault(False)
        self.copy_button.clicked.connect(self._copy)
        buttons.button(QDialogButtonBox.StandardButton.Close).setDefault(True)
        self.setMinimumSize(360, 280)
        room = self.screen().availableSize()
        self.resize(min(_SIZE[0], room.width() - 40), min(_SIZE[1], room.height() - 80))
        self.page.setFocus()

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(as_text(self._groups))
        self.copy_button.setText(_("Copied"))


def show_shortcuts(parent: QWidget, bar: QMenuBar, most_used: Sequence[QAction]) -> None:
    """Show the dialog, with some actions first; blocks until the user closes it."""
    dialog = ShortcutsDialog(bar, most_used, parent)
    dialog.exec()
    dialog.deleteLater()
