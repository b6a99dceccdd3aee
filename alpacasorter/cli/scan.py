"""`alpacasorter scan FOLDER`: judges all photos of a folder and prints a line for each."""

from __future__ import annotations

import contextlib
import csv
import json
import sys
from collections import deque
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Literal

from alpacasorter.cli.console import Device, ProgressBar, engine, guarded
from alpacasorter.cli.usage import complain, named_folder
from alpacasorter.core.events import (
    Finished,
    Found,
    Judged,
    JudgedPhoto,
    Learned,
    Problem,
    Problems,
    Progress,
)
from alpacasorter.core.files import display_path
from alpacasorter.core.labels import LabelSet, percent
from alpacasorter.core.walk import FolderUnavailable

Form = Literal["text", "json", "csv"]
Row = dict[str, object]

_DIGITS = 6
COLUMNS = (
    "path",
    "content_key",
    "status",
    "reason",
    "label",
    "probability",
    "confidence",
    "corrected",
    "width",
    "height",
    "taken_at",
)


def run(folder: Path, *, form: Form, recursive: bool, device: Device, quiet: bool) -> int:
    """Scan a folder; return the exit code."""
    named = named_folder(folder)
    if named is None:
        return 2

    def work() -> int:
        try:
            return _scan(named, form=form, recursive=recursive, device=device, quiet=quiet)
        except FolderUnavailable as error:
            complain(f"{display_path(named)} can't be opened. {error.reason}")
            return 1

    return guarded(work)


def _scan(folder: Path, *, form: Form, recursive: bool, device: Device, quiet: bool) -> int:
    with engine(device) as opened, ProgressBar(quiet=quiet) as bar:
        labels = opened.session.labels
        lines = _Lines(_printer(form, labels))
        # Closed before the engine is, whatever ends the loop: Ctrl+C, or nobody reading any more.
        with contextlib.closing(opened.session.scan(folder, recursive=recursive)) as events:
            for event in events:
                match event:
                    case Found():
                        lines.expect(file.path for file in event.files)
                    case Judged():
                        with bar.aside():
                            for photo in event.photos:
                                lines.put(photo.path, _judged(photo, labels))
                    case Problems():
                        with bar.aside():
                            for problem in event.problems:
                                lines.put(problem.path, _unreadable(problem))
                    case Progress():
                        bar.update(event)
                    case Finished():
                        finished = event
                    case Learned():
                        pass
        opened.cache.prune()
        if not quiet:
            bar.say(_summary(finished))
    return 0


def _summary(event: Finished) -> str:
    words = f"{event.judged:,} photos judged, {event.unreadable:,} unreadable, {event.opened:,} opened"
    return f"{words}, {event.left_alone:,} other files left alone."


class _Lines:
    """Prints rows in the order in which the photos were found, each as soon as all before it are there."""

    def __init__(self, show: Callable[[Row], None]) -> None:
        self._show = show
        self._order: deque[Path] = deque()
        self._expected: set[Path] = set()
        self._ready: dict[Path, Row] = {}

    def expect(self, paths: Iterable[Path]) -> None:
        for path in paths:
            self._expected.add(path)
            self._order.append(path)

    def put(self, path: Path, row: Row) -> None:
        if path not in self._expected:
            # Its name alone says that it can't be judged, such as that of a photo in the cloud.
            self.expect([path])
        self._ready[path] = row
        while self._order and self._order[0] in self._ready:
            self._show(self._ready.pop(self._order.popleft()))


def _judged(photo: JudgedPhoto, labels: LabelSet) -> Row:
    label = labels.label(photo.probability, photo.correction)
    return {
        "path": str(photo.path),
        "content_key": photo.content_key,
        "status": "ok",
        "reason": None,
        "label": label,
        "probability": round(photo.probability, _DIGITS),
        "confidence": round(labels.confidence(photo.probability, label), _DIGITS),
        "corrected": photo.correction is not None,
        "width": photo.facts.width,
        "height": photo.facts.height,
        "taken_at": photo.facts.taken_at,
    }


def _unreadable(problem: Problem) -> Row:
    row: Row = dict.fromkeys(COLUMNS)
    row |= {"path": str(problem.path), "status": "unreadable", "reason": problem.reason, "corrected": False}
    return row


def _printer(form: Form, labels: LabelSet) -> Callable[[Row], None]:
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
