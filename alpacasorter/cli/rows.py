"""The rows that `alpacasorter scan` and `alpacasorter watch` print, one per photo, as text, JSON or CSV."""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, Literal

from alpacasorter.core.events import JudgedPhoto, Problem
from alpacasorter.core.exchange.results import COLUMNS as COLUMNS_IN_FOLDER
from alpacasorter.core.exchange.results import CsvLines, columns
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet, unreadable
from alpacasorter.i18n import _, confidence, pgettext

RowFormat = Literal["text", "json", "csv"]
Row = dict[str, object]

COLUMNS = tuple(name for name in COLUMNS_IN_FOLDER if name != "relative_path")
"""Those of an export, without the path within the folder."""


def judged_row(photo: JudgedPhoto, labels: LabelSet) -> Row:
    """Return the row for a judged photo."""
    return columns(labels.labeled(photo))


def unreadable_row(problem: Problem) -> Row:
    """Return the row for a photo or folder that could not be read."""
    return columns(unreadable(problem))


def row_printer(form: RowFormat, labels: LabelSet) -> Callable[[Row], None]:
    """Return a function that prints a row to standard output."""
    if form == "json":
        # In one piece: Ctrl+C between the row and the end of its line would leave a blank line.
        return lambda row: print(f"{json.dumps(row)}\n", end="")
    if form == "csv":
        lines = CsvLines(COLUMNS, "\n")
        print(lines.header(), end="")
        return lambda row: print(lines.of(row), end="")

    # Translators: in a column of confidences such as 97%: the user gave this label.
    by_user = pgettext("confidence", "you")
    unreadable = _("Unreadable")
    width = max(len(labels.display(name)) for name in labels.names)
    confidence_width = max(len(by_user), len(confidence(1.0)), 4)

    def show(row: Row) -> None:
        path = display_path(str(row["path"]))
        if row["status"] != "ok":
            print(f"{unreadable:<{width + 2 + confidence_width}}  {path}: {row['reason']}")
            return
        shown = labels.display(str(row["label"]))
        sure = by_user if row["corrected"] else confidence(float(str(row["confidence"])))
        print(f"{shown:<{width}}  {sure:>{confidence_width}}  {path}")

    return show


_PATIENCE_SECONDS: Final = 1.0


class RowsInOrder:
    """Prints rows in the order in which the photos were found; none waits longer than a second for those before it.

    A photo that takes that much longer than the ones after it is printed when it is ready.
    """

    def __init__(self, show: Callable[[Row], None]) -> None:
        """Print each row by calling `show`."""
        self._show = show
        self._order: deque[Path] = deque()
        self._expected: set[Path] = set()
        self._late: set[Path] = set()
        # In the order in which they were ready, each with the time.
        self._ready: dict[Path, tuple[Row, float]] = {}

    def expect(self, paths: Iterable[Path]) -> None:
        """Print these photos next."""
        for path in paths:
            self._expected.add(path)
            self._order.append(path)

    def put(self, path: Path, row: Row) -> None:
        """Add the row of a photo, and print all rows whose turn it is."""
        if path not in self._expected:
            # It was never listed as a photo, because it can't be judged: it is only in the cloud, for example.
            self.expect([path])
        if path in self._late:
            self._late.remove(path)
            self._show(row)
            return
        self._ready[path] = row, time.monotonic()
        self.print_ready()

    def print_ready(self) -> None:
        """Print all rows whose turn it is, or that have waited for too long."""
        while self._ready and self._order:
            path = self._order[0]
            if path not in self._ready:
                _row, since = next(iter(self._ready.values()))
                if time.monotonic() - since < _PATIENCE_SECONDS:
                    return
                self._late.add(path)
            else:
                self._show(self._ready.pop(path)[0])
            self._order.popleft()
