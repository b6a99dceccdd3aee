"""The rows that `alpacasorter scan` and `alpacasorter watch` print: one a photo, as text, JSON or CSV."""

from __future__ import annotations

import csv
import json
import sys
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from alpacasorter.core.events import JudgedPhoto, Problem
from alpacasorter.core.exchange.results import COLUMNS as COLUMNS_IN_FOLDER
from alpacasorter.core.exchange.results import columns
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet, percent, unreadable

Form = Literal["text", "json", "csv"]
Row = dict[str, object]

COLUMNS = COLUMNS_IN_FOLDER[:-1]
"""Those of an export, without the path within the folder."""


def judged_row(photo: JudgedPhoto, labels: LabelSet) -> Row:
    """Return the row of a photo that was judged."""
    return columns(labels.labeled(photo))


def unreadable_row(problem: Problem) -> Row:
    """Return the row of a photo, or a folder, that could not be read."""
    return columns(unreadable(problem))


def row_printer(form: Form, labels: LabelSet) -> Callable[[Row], None]:
    """Return what prints a row on standard output."""
    if form == "json":
        return lambda row: print(json.dumps(row))
    if form == "csv":
        writer = csv.DictWriter(sys.stdout, COLUMNS, lineterminator="\n")
        writer.writeheader()
        return lambda row: writer.writerow(row | {"corrected": json.dumps(row["corrected"])})

    width = max(len(labels.display(name)) for name in labels.names)

    def show(row: Row) -> None:
        path = display_path(str(row["path"]))
        if row["status"] != "ok":
            print(f"{'Unreadable':<{width + 6}}  {path}: {row['reason']}")
            return
        shown = labels.display(str(row["label"]))
        confidence = "you" if row["corrected"] else percent(float(str(row["confidence"])))
        print(f"{shown:<{width}}  {confidence:>4}  {path}")

    return show


class RowsInOrder:
    """Prints rows in the order in which the photos were found, each as soon as all before it are there."""

    def __init__(self, show: Callable[[Row], None]) -> None:
        """Print with `show`."""
        self._show = show
        self._order: deque[Path] = deque()
        self._expected: set[Path] = set()
        self._ready: dict[Path, Row] = {}

    def expect(self, paths: Iterable[Path]) -> None:
        """Note that these photos come next."""
        for path in paths:
            self._expected.add(path)
            self._order.append(path)

    def put(self, path: Path, row: Row) -> None:
        """Take the row of a photo, and print what can be printed now."""
        if path not in self._expected:
            # Its name alone says that it can't be judged, such as that of a photo in the cloud.
            self.expect([path])
        self._ready[path] = row
        while self._order and self._order[0] in self._ready:
            self._show(self._ready.pop(self._order.popleft()))
