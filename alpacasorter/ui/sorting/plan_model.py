"""The plan of a sort as a tree: folders and headings, in them photos, and below each photo its companion files.

No object is created per row: an index holds the numbers of its heading and its photo, so that 10,000 photos take no
more memory than the plan itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QFont

from alpacasorter.core import reasons
from alpacasorter.core.files import display_path, natural_key
from alpacasorter.core.sorting.plan import Outcome, PlannedFile, PlannedUnit, SortPlan
from alpacasorter.i18n import _, pgettext, size
from alpacasorter.wording import sorts, text

Index = QModelIndex | QPersistentModelIndex

NAME, NOTE, SIZE = range(3)
_BITS: Final = 24
"""Bits of an index's number that hold its heading, counted from 1; the bits above hold its photo, counted from 1."""
_MASK: Final = (1 << _BITS) - 1
_LAST: Final = (Outcome.THERE, Outcome.IN_PLACE, Outcome.STAYS)
"""Outcomes of photos that are shown below the folders."""


@dataclass(slots=True)
class Heading:
    """A row of the first level.

    Attributes:
        words: a folder inside the destination, or the heading of the photos that are not sorted.
        outcome: of the photos.
        is_new: whether the folder will be created.
        units: the photos.
        bytes: size of all their files.
        companions: number of files that go along.
    """

    words: str
    outcome: Outcome
    is_new: bool = False
    units: list[PlannedUnit] = field(default_factory=list)
    bytes: int = 0
    companions: int = 0

    def add(self, unit: PlannedUnit) -> None:
        """Add a photo."""
        self.units.append(unit)
        self.bytes += sum(file.size for file in unit.files)
        self.companions += len(unit.files) - 1

    @property
    def count(self) -> str:
        """How many photos and companion files there are."""
        return sorts.with_companions(len(self.units), self.companions)


def headings(plan: SortPlan) -> list[Heading]:
    """Return the first level of a plan: photos that can't be sorted, the folders by name, then what stays."""
    folders: dict[str, Heading] = {}
    rest: dict[Outcome, Heading] = {}
    new = frozenset(plan.new_folders)
    for unit in plan.units:
        target = unit.files[0].target
        if unit.outcome is Outcome.GO and target is not None:
            place = sorts.place(target)
            heading = folders.get(place)
            if heading is None:
                folder = target.parent
                words = below(folder, plan.options.destination)
                heading = folders[place] = Heading(words, unit.outcome, folder in new)
        else:
            heading = rest.get(unit.outcome) or rest.setdefault(
                unit.outcome, Heading(sorts.heading(unit.outcome, plan.options.action), unit.outcome)
            )
        heading.add(unit)
    named = sorted(folders.values(), key=lambda heading: natural_key(heading.words))
    first = [rest[Outcome.BLOCKED]] if Outcome.BLOCKED in rest else []
    return [*first, *named, *(rest[outcome] for outcome in _LAST if outcome in rest)]


def below(path: Path, folder: Path) -> str:
    """Return a path for display: relative to `folder` if it is inside it."""
    try:
        inside = path.relative_to(folder)
    except ValueError:
        return text.folder(path)
    return display_path(inside) if inside.parts else text.folder(path)


class PlanModel(QAbstractItemModel):
    """Shows one plan at a time."""

    def __init__(self, parent: QObject | None = None, *, row_height: int = 20) -> None:
        """Start empty; rows will be `row_height` pixels high."""
        super().__init__(parent)
        self._plan: SortPlan | None = None
        self._headings: list[Heading] = []
        self._row = QSize(0, row_height)
        self._bold = QFont()
        self._bold.setBold(True)

    @property
    def plan(self) -> SortPlan | None:
        """The plan shown."""
        return self._plan

    def show_plan(self, plan: SortPlan | None) -> None:
        """Show a plan."""
        self.beginResetModel()
        self._plan = plan
        self._headings = headings(plan) if plan is not None else []
        self.endResetModel()

    def heading(self, row: int) -> Heading:
        """Return a row of the first level."""
        return self._headings[row]

    # Qt's interface

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008
        """Return the index of a row below `parent`."""
        if not parent.isValid():
            return self.createIndex(row, column, 0) if row < len(self._headings) else QModelIndex()
        number = parent.internalId()
        if number == 0:
            return self.createIndex(row, column, parent.row() + 1)
        return self.createIndex(row, column, (parent.row() + 1) << _BITS | number)

    def parent(self, child: Index = QModelIndex()) -> QModelIndex:  # type: ignore[override]  # noqa: B008
        """Return the parent of a row."""
        number = child.internalId() if child.isValid() else 0
        if number == 0:
            return QModelIndex()
        photo, heading = number >> _BITS, number & _MASK
        return self.createIndex(photo - 1, 0, heading) if photo else self.createIndex(heading - 1, 0, 0)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of rows below one."""
        if not parent.isValid():
            return len(self._headings)
        if parent.column():
            return 0
        number = parent.internalId()
        if number == 0:
            return len(self._headings[parent.row()].units)
        if number >> _BITS:
            return 0
        return len(self._headings[number - 1].units[parent.row()].files) - 1

    def columnCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008
        """Return the number of columns."""
        return 3

    def headerData(self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the title of a column."""
        if orientation is Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return (
                pgettext("column", "Folders and photos"),
                pgettext("column", "What happens"),
                pgettext("column", "Size"),
            )[section]
        if role == Qt.ItemDataRole.TextAlignmentRole and section == SIZE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return the contents of a cell."""
        if not index.isValid():
            return None
        if role == Qt.ItemDataRole.SizeHintRole:
            return self._row
        column = index.column()
        if role == Qt.ItemDataRole.TextAlignmentRole and column == SIZE:
            return Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter
        number = index.internalId()
        if number == 0:
            return self._of_heading(self._headings[index.row()], column, role)
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        photo, heading = number >> _BITS, number & _MASK
        units = self._headings[heading - 1].units
        if photo:
            said = self._of_file(units[photo - 1].files[index.row() + 1], None, column)
        else:
            unit = units[index.row()]
            said = self._of_file(unit.files[0], unit, column)
        # A file's name may look like markup.
        return sorts.tip(said) if role == Qt.ItemDataRole.ToolTipRole else said

    def _of_heading(self, heading: Heading, column: int, role: int) -> Any:
        if role == Qt.ItemDataRole.FontRole and column == NAME:
            return self._bold
        if role == Qt.ItemDataRole.DisplayRole:
            count = heading.count
            if heading.is_new:
                # Translators: {count} is as in "2 photos".
                count = _("{count} · new folder").format(count=count)
            return (heading.words, count, size(heading.bytes))[column]
        if role == Qt.ItemDataRole.ToolTipRole and column == NAME:
            return sorts.tip(heading.words)
        return None

    def _of_file(self, file: PlannedFile, unit: PlannedUnit | None, column: int) -> str:
        if column == SIZE:
            return size(file.size)
        name, target = file.source.name, file.target
        renamed = target is not None and target.name != name
        if column == NAME:
            shown = display_path(name)
            return f"{shown} → {display_path(target.name)}" if renamed and target is not None else shown
        if unit is None:
            return _("The same file is already there.") if file.there else _("companion file")
        why = (unit.reason, unit.renamed if renamed else None)
        parts = [reasons.sentence(reason) for reason in why if reason]
        if unit.taken is not None and (note := text.date_note(unit.taken)):
            parts.append(note)
        if self._plan is not None and file.source.parent != self._plan.folder:
            place = below(file.source.parent, self._plan.folder)
            # Translators: the folder that a photo is in now.
            parts.append(_("from {folder}").format(folder=place))
        return text.BETWEEN.join(parts)


def first_example(plan: SortPlan) -> str:
    """Return the path of the first photo that is sorted, relative to the destination; empty if none is."""
    return next(
        (
            below(file.target, plan.options.destination)
            for unit in plan.units
            if unit.outcome is Outcome.GO
            for file in unit.files[:1]
            if file.target is not None
        ),
        "",
    )


def renamed(units: Sequence[PlannedUnit]) -> int:
    """Return how many photos get a different name."""
    return sum(unit.outcome is Outcome.GO and unit.renamed is not None for unit in units)
