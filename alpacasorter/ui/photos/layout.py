"""Where the cards of the grid are: lines of equal cells, and above each folder a heading. Arithmetic only."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence
from itertools import accumulate

from PySide6.QtCore import QPoint, QRect, QSize


class CardLayout:
    """Cells of one size in sections, each of which begins on a new line, below its heading.

    All coordinates are those of the whole list, in pixels. A place is the position of a photo in the list. Nothing here
    takes longer with more photos; making it takes longer only with more sections.

    Attributes:
        height: of the whole list.
    """

    def __init__(self, count: int, starts: Sequence[int], columns: int, cell: QSize, heading: int) -> None:
        """Lay out photos.

        Args:
            count: how many photos there are.
            starts: the places at which sections begin, in ascending order; empty for a single one.
            columns: cells per line, at least 1.
            cell: size of a cell.
            heading: height of a heading; 0 for none.
        """
        self._count = count
        self._starts = starts if count and starts else [0]
        self._columns = columns
        self._width, self._line = max(1, cell.width()), max(1, cell.height())
        self._heading = heading if count else 0
        ends = [*self._starts[1:], count]
        heights = (
            self._heading + -(-(end - start) // columns) * self._line
            for start, end in zip(self._starts, ends, strict=True)
        )
        self._tops = list(accumulate(heights, initial=0))
        self._ends = ends
        self.height = self._tops[-1]

    def section_of(self, place: int) -> int:
        """Return the section of a photo."""
        return bisect.bisect_right(self._starts, place) - 1

    def places_in(self, section: int) -> range:
        """Return the photos of a section."""
        return range(self._starts[section], self._ends[section])

    def rect(self, place: int) -> QRect:
        """Return the cell of a photo."""
        section = self.section_of(place)
        line, column = divmod(place - self._starts[section], self._columns)
        top = self._tops[section] + self._heading + line * self._line
        return QRect(column * self._width, top, self._width, self._line)

    def _section_at(self, y: int) -> int:
        return max(0, min(bisect.bisect_right(self._tops, y), len(self._starts)) - 1)

    def place_at(self, point: QPoint) -> int | None:
        """Return the photo in whose cell a point is; None if there is none."""
        if not 0 <= point.y() < self.height or not 0 <= point.x() < self._columns * self._width:
            return None
        section = self._section_at(point.y())
        below = point.y() - self._tops[section] - self._heading
        place = self._starts[section] + below // self._line * self._columns + point.x() // self._width
        return place if below >= 0 and place < self._ends[section] else None

    def nearest(self, point: QPoint) -> int:
        """Return the photo in whose cell a point is, or one near it. There must be photos."""
        section = self._section_at(point.y())
        first, end = self._starts[section], self._ends[section]
        line = max(0, point.y() - self._tops[section] - self._heading) // self._line
        line = min(line, (end - 1 - first) // self._columns)
        column = max(0, min(point.x() // self._width, self._columns - 1))
        return min(first + line * self._columns + column, end - 1)

    def lines(self, top: int, bottom: int) -> Iterator[tuple[int, range]]:
        """Yield the lines of cells of which some pixel is between two heights, each with its top."""
        if not self._count:
            return
        for section in self.sections(top, bottom):
            first, end = self._starts[section], self._ends[section]
            cells = self._tops[section] + self._heading
            begin = max(0, (top - cells) // self._line)
            last = min((bottom - cells) // self._line, (end - 1 - first) // self._columns)
            for line in range(begin, last + 1):
                at = first + line * self._columns
                yield cells + line * self._line, range(at, min(at + self._columns, end))

    def places(self, top: int, bottom: int) -> range:
        """Return the photos of which some pixel of their cells may be between two heights."""
        if not self._count or bottom < top:
            return range(0)
        first = self.nearest(QPoint(0, max(0, top)))
        last = self.nearest(QPoint(self._columns * self._width, min(bottom, self.height)))
        return range(first, last + 1)

    def sections(self, top: int, bottom: int) -> range:
        """Return the sections of which some pixel is between two heights."""
        if not self._count or bottom < 0 or top >= self.height:
            return range(0)
        return range(self._section_at(max(0, top)), self._section_at(bottom) + 1)

    def heading(self, section: int) -> tuple[int, int]:
        """Return where the heading of a section begins, and where its last photo ends."""
        return self._tops[section], self._tops[section + 1]

    # From one photo to another

    def line_away(self, place: int, lines: int) -> int:
        """Return the photo so many lines below another one, or above with a negative number.

        It is in the same column, or the last one of a line that is shorter.
        """
        section = self.section_of(place)
        line, column = divmod(place - self._starts[section], self._columns)
        line += lines
        while line < 0 and section > 0:
            section -= 1
            line += self._lines_of(section)
        while line >= self._lines_of(section) and section + 1 < len(self._starts):
            line -= self._lines_of(section)
            section += 1
        if not 0 <= line < self._lines_of(section):
            return place
        return min(self._starts[section] + line * self._columns + column, self._ends[section] - 1)

    def page_away(self, place: int, pixels: int) -> int:
        """Return the photo so many pixels below another one, or above with a negative number; at least one line."""
        rect = self.rect(place)
        there = self.nearest(QPoint(rect.center().x(), max(0, min(rect.top() + pixels, self.height - 1))))
        if self.rect(there).top() == rect.top():
            return self.line_away(place, 1 if pixels > 0 else -1)
        return there

    def _lines_of(self, section: int) -> int:
        return -(-(self._ends[section] - self._starts[section]) // self._columns)
