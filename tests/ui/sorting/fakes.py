"""What the tests of sorting in the window share: a service that only notes down, plans, and records of the history."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QMessageBox

from alpacasorter.core.events import Placed
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.sorting.events import FileFailure, FilesPlaced, SortEnded, SortRecord, SortState
from alpacasorter.core.sorting.options import Action, SortOptions
from alpacasorter.core.sorting.plan import Group, Outcome, PlannedFile, PlannedUnit, Remark, SortPlan
from alpacasorter.workers.sorting import SortService

LABELS = LabelSet("not_alpaca", "alpaca", {"alpaca": "Alpaca", "not_alpaca": "Not alpaca"})
HIKE = Path("/photos/hike")
OUT = Path("/photos/sorted")


class FakeSortService(SortService):
    """Notes down what is asked of it; the test emits what follows. It starts no threads."""

    def __init__(self) -> None:
        super().__init__(lambda: None, lambda _event: None)
        self.asked: list[tuple[object, ...]] = []

    @property
    def busy(self) -> bool:
        return self._busy

    @busy.setter
    def busy(self, busy: bool) -> None:
        self._busy = busy

    def plan(self, folder: Path, photos: Sequence[LabeledPhoto], options: SortOptions, labels: LabelSet) -> None:
        self.asked.append(("plan", folder, photos, options, labels))

    def cancel_plan(self) -> None:
        pass

    def find_misplaced(self, photos: Sequence[LabeledPhoto], labels: LabelSet) -> None:
        self.asked.append(("misplaced", photos))

    def sort(self, plan: SortPlan) -> None:
        self.busy = True
        self.asked.append(("sort", plan))

    def resume(self, number: int) -> None:
        self.busy = True
        self.asked.append(("resume", number))

    def undo(self, number: int) -> None:
        self.busy = True
        self.asked.append(("undo", number))

    def stop(self) -> None:
        self.asked.append(("stop",))

    def load_history(self) -> None:
        self.asked.append(("history",))

    def load_failures(self, number: int) -> None:
        self.asked.append(("failures", number))

    def find_interrupted(self) -> None:
        self.asked.append(("interrupted",))

    # For the test

    def end(self, ended: SortEnded) -> None:
        self.busy = False
        self.ended.emit(ended)

    def refuse(self, sentence: str) -> None:
        self.busy = False
        self.refused.emit(sentence)

    def of(self, what: str) -> list[tuple[object, ...]]:
        return [asked for asked in self.asked if asked[0] == what]

    @property
    def options(self) -> SortOptions:
        """The choices of the plan asked for last."""
        options = self.of("plan")[-1][3]
        assert isinstance(options, SortOptions)
        return options


def unit(
    name: str,
    *companions: str,
    outcome: Outcome = Outcome.GO,
    folder: Path | None = None,
    target: str | None = None,
    reason: str | None = None,
    source: Path = HIKE,
) -> PlannedUnit:
    """Return a photo in a plan, with its companions; it goes to `folder` under its own name or as `target`."""
    stem = (target or name).rpartition(".")[0]

    def file(own: str) -> PlannedFile:
        end = own.rpartition(".")[2]
        where = folder / f"{stem}.{end}" if folder is not None else None
        return PlannedFile(source / own, where, 1000, 1)

    photo = LabeledPhoto(source / name, name, "alpaca", 0.9)
    renamed = "Another file there has this name." if target else None
    return PlannedUnit(photo, tuple(file(own) for own in (name, *companions)), Group.LABEL, outcome, reason, renamed)


def plan_of(
    *units: PlannedUnit,
    options: SortOptions | None = None,
    new: Sequence[Path] = (),
    remarks: Sequence[Remark] = (),
    to_write: int = 0,
    free: int | None = None,
) -> SortPlan:
    return SortPlan(
        HIKE, options or SortOptions(OUT), tuple(units), tuple(new), (), to_write, free, False, tuple(remarks)
    )


def going(count: int, *, options: SortOptions | None = None) -> SortPlan:
    """Return a plan that moves so many photos into one folder."""
    return plan_of(*(unit(f"IMG_{n}.jpg", folder=OUT / "Alpaca") for n in range(count)), options=options)


def placed(plan: SortPlan, count: int | None = None) -> FilesPlaced:
    """Return that the first photos of a plan were done."""
    files = [file for unit in plan.units[:count] for file in unit.files if file.target is not None]
    return FilesPlaced(tuple(Placed(file.source, file.target, False, file.size, 1, None) for file in files))


def record(number: int = 1, state: SortState = SortState.FINISHED, **changes: object) -> SortRecord:
    known: dict[str, object] = {
        "number": number,
        "made_at": "2026-11-12T09:30:00+00:00",
        "folder": HIKE,
        "destination": OUT,
        "action": Action.MOVE,
        "state": state,
        "files": 412,
        "done": 412 if state is SortState.FINISHED else 0 if state is SortState.UNDONE else 120,
        "failed": 0,
        "left": 0,
    }
    return SortRecord(**{**known, **changes})  # type: ignore[arg-type]


def ended(of: SortRecord, *failures: FileFailure, stopped: bool = False, problem: str = "") -> SortEnded:
    return SortEnded(of, failures, stopped, problem, 1.0)


def answer(yes: bool) -> list[str]:
    """Answer the next question, and return a list that its sentences are added to then."""
    seen: list[str] = []

    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        seen.extend((box.text(), box.informativeText()))
        is_no = [box.buttonRole(button) is QMessageBox.ButtonRole.RejectRole for button in box.buttons()]
        box.buttons()[is_no.index(not yes)].click()

    QTimer.singleShot(0, press)
    return seen
