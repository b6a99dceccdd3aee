"""What the library costs: a sort of 5,000 small files and its undo, a correction, and opening a large library.

Compare two versions in turns: PYTHONPATH=OTHER_CHECKOUT python benchmarks/library.py, then this one, then the other ...
"""

from __future__ import annotations

import hashlib
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from alpacasorter.core.labels import LabeledPhoto
from alpacasorter.core.sorting.execution.run import run_sort, undo_sort
from alpacasorter.core.sorting.options import Action, SortOptions
from alpacasorter.core.sorting.plan import Group, Outcome, PlannedFile, PlannedUnit, SortPlan
from alpacasorter.core.store.library import Library

FILES = 5000
CLICKS = 200
CORRECTIONS = 10_000
STEPS = 100_000
CLASSES = "alpaca|not_alpaca"


def milliseconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def plan(folder: Path, target: Path) -> SortPlan:
    units = []
    for path in sorted(folder.iterdir()):
        status = path.stat()
        file = PlannedFile(path, target / path.name, status.st_size, status.st_mtime_ns, None, False)
        units.append(PlannedUnit(LabeledPhoto(path, None, "alpaca", 0.9), (file,), Group.LABEL, Outcome.GO))
    return SortPlan(folder, SortOptions(target, Action.MOVE), tuple(units), (target,), (target,), 0, None, False)


def sorting(folder: Path) -> None:
    photos = folder / "photos"
    photos.mkdir()
    for number in range(FILES):
        (photos / f"IMG_{number:05}.jpg").write_bytes(b"%d" % number)
    with Library.open(folder / "sorting" / "library.sqlite") as library:
        prepared = plan(photos, folder / "sorted")
        there = milliseconds(lambda: list(run_sort(prepared, library)))
        back = milliseconds(lambda: list(undo_sort(1, library)))
    print(f"sort {there / FILES:.3f} ms a file, undo {back / FILES:.3f}")


def clicks(folder: Path) -> None:
    times = []
    with Library.open(folder / "clicks" / "library.sqlite") as library:
        for number in range(CLICKS):
            key = hashlib.sha256(b"%d" % number).hexdigest()
            data = os.urandom(2560)

            def click(key: str = key, data: bytes = data) -> None:
                library.set_corrections(CLASSES, {key: "alpaca"}, embeddings={key: data}, backbone_id="b")

            times.append(milliseconds(click))
    print(f"a correction {statistics.median(times):.2f} ms, the slowest of twenty {sorted(times)[-CLICKS // 20]:.2f}")


def opening(folder: Path) -> None:
    corrections, steps = folder / "corrections" / "library.sqlite", folder / "steps" / "library.sqlite"
    with Library.open(corrections) as library:
        keys = [hashlib.sha256(b"%d" % number).hexdigest() for number in range(CORRECTIONS)]
        data = {key: os.urandom(2560) for key in keys}
        library.set_corrections(CLASSES, dict.fromkeys(keys, "alpaca"), embeddings=data, backbone_id="b")
    many = folder / "many"
    files = [
        PlannedFile(many / f"IMG_{number}.jpg", many / "sorted" / f"IMG_{number}.jpg", 4_000_000, 1, None, False)
        for number in range(STEPS)
    ]
    units = tuple(
        PlannedUnit(LabeledPhoto(file.source, None, "alpaca", 0.9), (file,), Group.LABEL, Outcome.GO) for file in files
    )
    prepared = SortPlan(many, SortOptions(many / "sorted", Action.MOVE), units, (), (), 0, None, False)
    with Library.open(steps) as library:
        from alpacasorter.core.sorting.journal import Journal

        Journal(library).begin(prepared)
    for path, what in ((corrections, f"{CORRECTIONS} corrections"), (steps, f"a sort of {STEPS} files")):
        times, closing = [], []
        for _ in range(7):
            start = time.perf_counter()
            library = Library.open(path)
            opened = time.perf_counter()
            library.remember_folder(folder)
            library.close()
            times.append(1000 * (opened - start))
            closing.append(1000 * (time.perf_counter() - opened))
        print(f"{what}: opens in {statistics.median(times):.0f} ms, closes in {statistics.median(closing):.0f}")


def main() -> None:
    for work in (sorting, clicks, opening):
        with tempfile.TemporaryDirectory() as folder:
            work(Path(folder))


if __name__ == "__main__":
    main()
