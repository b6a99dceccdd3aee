"""The list of models: which there are, which one serves, which can't."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHeaderView, QTreeWidget, QTreeWidgetItem, QWidget

from alpacasorter.ui import text
from alpacasorter.ui.tables import prepare_table

if TYPE_CHECKING:
    from alpacasorter.ml.models.entry import ModelEntry

_ENTRY = Qt.ItemDataRole.UserRole
_COLUMNS = ("Model", "Version", "Made on", "Tells apart", "")
_STRETCHED = (0, 3)
_WIDEST = 280
"""Widest a column is made by what is in it, pixels: names come from whoever made the model."""
_PADDING = 4
_ROWS = 4
"""How many models are in view without scrolling."""
_MEGABYTE = 1e6


class ModelsList(QTreeWidget):
    """A line for each model. Whoever shows it connects `itemSelectionChanged` and `itemActivated`."""

    def __init__(self, parent: QWidget) -> None:
        """Start empty."""
        super().__init__(parent)
        prepare_table(self, _COLUMNS, "Models")
        header = self.header()
        header.setMaximumSectionSize(_WIDEST)
        header.setStretchLastSection(False)
        for column in range(len(_COLUMNS)):
            mode = QHeaderView.ResizeMode
            header.setSectionResizeMode(column, mode.Stretch if column in _STRETCHED else mode.ResizeToContents)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setStyleSheet(f"QTreeView::item {{ padding: {_PADDING}px 16px {_PADDING}px 0px; }}")
        row = self.fontMetrics().height() + 2 * _PADDING
        self.setMinimumHeight(header.sizeHint().height() + _ROWS * row + 2 * self.frameWidth())

    def show_models(self, entries: list[ModelEntry], choose: Path | None = None) -> None:
        """Show these models; `choose` is chosen, else the one that was, else the one in use."""
        before = self.chosen()
        wanted = choose or (before.path if before else None)
        if wanted not in [entry.path for entry in entries]:
            wanted = next((entry.path for entry in entries if entry.in_use), None)
        self.clear()
        for entry in entries:
            item = self._item(entry)
            self.addTopLevelItem(item)
            if entry.path == wanted:
                self.setCurrentItem(item)

    def chosen(self) -> ModelEntry | None:
        """Return the model that is chosen."""
        item = self.currentItem()
        entry: ModelEntry | None = item.data(0, _ENTRY) if item is not None else None
        return entry

    def entries(self) -> list[ModelEntry]:
        """Return all models that are shown."""
        items = [self.topLevelItem(number) for number in range(self.topLevelItemCount())]
        return [item.data(0, _ENTRY) for item in items if item is not None]

    def _item(self, entry: ModelEntry) -> QTreeWidgetItem:
        classes = " / ".join(entry.classes)
        item = QTreeWidgetItem([entry.name, entry.version, entry.created, classes, state(entry)])
        item.setData(0, _ENTRY, entry)
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, f"{entry.title}, {state(entry) or 'not in use'}")
        if entry.in_use:
            font = self.font()
            font.setBold(True)
            for column in range(len(_COLUMNS)):
                item.setFont(column, font)
        return item


def state(entry: ModelEntry) -> str:
    """Return what is to be known of a model at first sight."""
    if entry.in_use:
        return "In use"
    return "Can't be used" if entry.problem else ""


def details(entry: ModelEntry) -> str:
    """Return what else there is to say of a model."""
    origin = "Came with AlpacaSorter" if entry.is_bundled else f"In {text.folder(entry.path)}"
    classes = " from ".join(f"“{name}”" for name in entry.classes)
    return f"{f'Tells {classes}. ' if classes else ''}{origin}, {entry.size / _MEGABYTE:,.1f} MB."
