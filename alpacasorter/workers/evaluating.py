"""Testing the model on labeled photos, on its own lane, so that the window, scans and learning go on meanwhile."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Qt, Signal

from alpacasorter.core.events import Progress
from alpacasorter.core.photos.exclusion import Exclusion
from alpacasorter.i18n import _
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.view_facts import error_sentence

if TYPE_CHECKING:
    from alpacasorter.ml.engine import OpenEngine
    from alpacasorter.ml.evaluation.evaluate import Evaluation


@dataclass(frozen=True, eq=False)
class EvaluationResult:
    """The result of a test.

    Attributes:
        dataset: the folder with the class folders.
        evaluation: what was measured.
        model: name and version of the bundle.
        device: the device on which the model ran.
        corrected: how many of the photos the user has corrected.
    """

    dataset: Path
    evaluation: Evaluation
    model: str
    device: Literal["cpu", "gpu"]
    corrected: int


class Evaluating(QObject):
    """Runs one test at a time. All methods are called on the GUI thread; all but `close()` return at once.

    Signals:
        progress(Progress): the progress of the test.
        finished(EvaluationResult): the result.
        stopped: the test was stopped.
        failed(str): why it can't be done, a sentence for the user.
        report_written(Path): the report was written.
        report_failed(str): why the report can't be written, a sentence for the user.
    """

    progress = Signal(object)
    finished = Signal(object)
    stopped = Signal()
    failed = Signal(str)
    report_written = Signal(object)
    report_failed = Signal(str)

    _event = Signal(int, object)

    def __init__(self, engine: Engine, parent: QObject | None = None) -> None:
        """Prepare to test the model that `engine` has open."""
        super().__init__(parent)
        self._engine = engine
        self._lane = Lane("evaluating")
        self._generation = 0
        self._running = -1
        self._event.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def running(self) -> bool:
        """Whether a test is running."""
        return self._running == self._generation

    def start(self, dataset: Path) -> None:
        """Judge the photos of a folder with one sub-folder per class; `finished`, `stopped` or `failed` follows."""
        self._generation += 1
        opened = self._engine.opened
        if opened is None:
            self.failed.emit(_("The model is not open yet, so it can't be tested."))
            return
        self._running = self._generation
        self._lane.submit(partial(self._run, self._generation, opened, dataset, self._engine.exclusion))

    def stop(self) -> None:
        """Stop the test after the photos in progress; what was judged stays in the cache."""
        if self.running:
            self._generation += 1
            self.stopped.emit()

    def write_report(self, tested: EvaluationResult, path: Path, *, learned: bool) -> None:
        """Write the report of a test, of the model as shipped or, if `learned`, as it is now."""
        self._lane.submit(partial(self._write_report, tested, path, learned))

    def close(self) -> None:
        """Stop the test and end the thread; blocks until the photos in progress are done."""
        self._generation += 1
        self._lane.close()

    # On the lane

    def _run(self, generation: int, opened: OpenEngine, dataset: Path, exclusion: Exclusion) -> None:
        if generation != self._generation:
            return
        try:
            from alpacasorter.ml.evaluation.evaluate import evaluate

            session, bundle = opened.session, opened.bundle
            device = session.device
            measured = evaluate(
                dataset,
                bundle=bundle,
                cache=opened.cache,
                embed=session.embed,
                threads=device.threads,
                learned=session.learning.head if session.learning.head is not bundle.head else None,
                exclusion=exclusion,
            )
            with contextlib.closing(measured) as events:
                for event in events:
                    if generation != self._generation:
                        return
                    if isinstance(event, Progress):
                        self._event.emit(generation, event)
                    else:
                        corrected = sum(session.learning.correction(key) is not None for key in event.keys)
                        said = EvaluationResult(dataset, event, bundle.title, device.kind, corrected)
                        self._event.emit(generation, said)
        except Exception as error:  # noqa: BLE001  # whatever it is, the user gets a sentence
            self._event.emit(generation, error_sentence(error))

    def _write_report(self, tested: EvaluationResult, path: Path, learned: bool) -> None:
        try:
            from alpacasorter.ml.evaluation.evaluate import evaluation_report
            from alpacasorter.ml.evaluation.report import write_report

            report = evaluation_report(
                tested.evaluation,
                dataset=tested.dataset,
                model=tested.model,
                device=tested.device,
                corrected=tested.corrected if learned else None,
            )
            write_report(path, report)
        except Exception as error:  # noqa: BLE001
            self.report_failed.emit(error_sentence(error))
        else:
            self.report_written.emit(path)

    # On the GUI thread

    def _deliver(self, generation: int, event: object) -> None:
        if generation != self._generation:
            return
        if isinstance(event, Progress):
            self.progress.emit(event)
            return
        self._running = -1
        if isinstance(event, EvaluationResult):
            self.finished.emit(event)
        else:
            self.failed.emit(str(event))
