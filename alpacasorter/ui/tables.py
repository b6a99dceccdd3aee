"""What the tables of the dialogs have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QSize, Qt
from PySide6.QtWidgets import QAbstractItemView, QStyledItemDelegate, QStyleOptionViewItem, QTreeWidget

_AIR: Final = 8
"""Pixels that a row is higher than its letters."""


class Airy(QStyledItemDelegate):
    """Leaves a little room above and below the words of a row."""

    def sizeHint(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> QSize:
        """Return the room that a cell wants."""
        wanted = super().sizeHint(option, index)
        return QSize(wanted.width(), max(wanted.height(), option.fontMetrics.height() + _AIR))


class EndElided(Airy):
    """Leaves out the end of a sentence where there is no room for it; of a path, the middle is left out."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex) -> None:
        """Say so to the style."""
        super().initStyleOption(option, index)
        option.textElideMode = Qt.TextElideMode.ElideRight


def prepare_table(table: QTreeWidget, columns: Sequence[str], name: str) -> None:
    """Make a list of lines out of a tree: one can be chosen, none changed; `name` is what a screen reader says."""
    table.setColumnCount(len(columns))
    table.setHeaderLabels(list(columns))
    table.setRootIsDecorated(False)
    table.setUniformRowHeights(True)
    table.setItemDelegate(Airy(table))
    table.setAllColumnsShowFocus(True)
    table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
    table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
    table.setAccessibleName(name)
    table.header().setSectionsMovable(False)
