"""What the tables of the dialogs have in common."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtWidgets import QAbstractItemView, QTreeWidget


def prepare_table(table: QTreeWidget, columns: Sequence[str], name: str) -> None:
    """Make a list of lines out of a tree: one can be chosen, none changed; `name` is what a screen reader says."""
    table.setColumnCount(len(columns))
    table.setHeaderLabels(list(columns))
    table.setRootIsDecorated(False)
    table.setUniformRowHeights(True)
    table.setAllColumnsShowFocus(True)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setAccessibleName(name)
    table.header().setSectionsMovable(False)
