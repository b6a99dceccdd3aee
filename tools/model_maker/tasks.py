"""Runs many retrainings of the last blocks, one process per core, and keeps each result, so that a build can resume.

Each task trains a teacher and then the model, from the pretrained weights, on different photos of the same table, and
judges all of them; those that it was not trained on are judged honestly. The teacher is EfficientNet-Lite2: a linear
head on its frozen embeddings, and the same network with its last blocks retrained; their logits are averaged.
"""

from __future__ import annotations

import hashlib
import multiprocessing
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.safe_write import replacing
from alpacasorter.ml.learning.logistic import Float, fit_logistic
from alpacasorter.ml.models.head import sigmoid
from alpacasorter.training.network.backbones import load_backbone
from alpacasorter.training.network.classifier import with_focus
from alpacasorter.training.network.weights import get_weights
from tools.model_maker import efficientnet
from tools.model_maker.feature_maps import STUDENT_LAYER, TEACHER_LAYER, FeatureMaps
from tools.model_maker.last_blocks import Arrays, LastBlocks, Lessons, Material, Plan, mixed

TEACHER: Final = Plan(epochs=3, learning_rate=1e-4)
STUDENT: Final = Plan(epochs=25, learning_rate=2e-4, scenes=0.3, taught=0.8, imitation=2.0)

SHARE: Final = 0.8

_PROBE_L2: Final = 8.0
_NEXT_RUN: Final = 10_000
"""Added to the seed of a task for each further run."""
_PLAIN: Final = 2
"""The first views: the photo and its mirror image."""


@dataclass(frozen=True, eq=False)
class Task:
    """One retraining.

    Attributes:
        name: of its file.
        rows: the photos to train on, labeled or not, (n,).
        seed: determines everything that is random.
        runs: how many trainings of the model are averaged.
    """

    name: str
    rows: npt.NDArray[np.int64]
    seed: int
    runs: int = 1


@dataclass(frozen=True, eq=False)
class TaskResult:
    """The result of a task; n is the number of all photos.

    Attributes:
        rows: the photos it was trained on.
        embeddings: float16 (n, c), from the retrained network.
        weights: of the output units, (c, variants).
        bias: of the output units, (variants,).
        teacher: logits of the retrained teacher, (n, variants), a mean over each photo and its mirror image.
        probe: logits of the linear head on the frozen teacher, likewise.
        network: arrays of the retrained network by "layer/variable".
    """

    rows: npt.NDArray[np.int64]
    embeddings: npt.NDArray[np.float16]
    weights: Float
    bias: Float
    teacher: Float
    probe: Float
    network: dict[str, npt.NDArray[np.float32]]

    def logits(self) -> Float:
        """Return the logits of all photos, (n, variants)."""
        return np.asarray(self.embeddings.astype(np.float64) @ self.weights + self.bias, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class TaskRunner:
    """Runs tasks, and keeps their results in a folder.

    Attributes:
        work: the folder.
        maps: of all photos, stored there.
        backbone: the pretrained weights of the model, as for `load_backbone`.
        teacher_wheel: the package with the weights of the teacher.
        targets: of all photos, (n, variants): 1, 0, or -1 for none.
        teacher, student: how they are trained.
        share: of the trained weights in the result; the remainder are the pretrained ones.
    """

    work: Path
    maps: FeatureMaps
    backbone: str
    teacher_wheel: Path
    targets: npt.NDArray[np.int64]
    teacher: Plan = TEACHER
    student: Plan = STUDENT
    share: float = SHARE

    def run(self, tasks: Sequence[Task], *, say: Callable[[str], None] = lambda _text: None) -> list[TaskResult]:
        """Run the tasks that have no stored result, and return the results of all of them in order.

        Args:
            tasks: what to run.
            say: called with a sentence after each task.
        """
        missing = [task for task in tasks if not self.file(task).is_file()]
        if missing:
            context = multiprocessing.get_context("spawn")
            count = min(len(missing), os.cpu_count() or 1)
            with ProcessPoolExecutor(count, context, _prepare_process, (self,)) as pool:
                for task, _done in zip(missing, pool.map(_run, missing), strict=True):
                    say(f"{task.name} is done")
        return [_read(self.file(task)) for task in tasks]

    def file(self, task: Task, *, part: str = "") -> Path:
        """Return where the result of a task is kept, or of a part of it: "teacher", "run0", "run1", …"""
        # With another plan, other photos or other labels, it is another task.
        labels = hashlib.sha256(np.ascontiguousarray(self.targets).tobytes()).hexdigest()
        key: list[Any] = [labels, asdict(self.teacher), task.rows.tolist(), task.seed]
        key += (
            []
            if part == "teacher"
            else [asdict(self.student)]
            if part
            else [asdict(self.student), task.runs, self.share]
        )
        name = f"{task.name}-{part}" if part else task.name
        return self.work / f"{name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:12]}.npz"


def _save(file: Path, arrays: dict[str, Any]) -> None:
    # Completely or not at all: a process may be killed while it writes.
    with replacing(file) as unfinished, unfinished.open("wb") as stream:
        np.savez(stream, **arrays)


def _read(file: Path) -> TaskResult:
    with np.load(file, allow_pickle=False) as arrays:
        network = {name.partition(":")[2]: arrays[name] for name in arrays.files if name.startswith("network:")}
        names = ("rows", "embeddings", "weights", "bias", "teacher", "probe")
        return TaskResult(**{name: arrays[name] for name in names}, network=network)


class _Process:
    """What a process needs for any task: the networks and the maps."""

    def __init__(self, runner: TaskRunner) -> None:
        import tensorflow as tf

        # There is one process per core: with more threads each, they would wait for each other, and the order of sums
        # would change from run to run.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._runner = runner
        self._maps = runner.maps
        side = runner.maps.side
        self._network = with_focus(load_backbone("mobilenet_v2", runner.backbone, side))
        variants = runner.targets.shape[1]
        self._student = LastBlocks(self._network, STUDENT_LAYER, variants)
        self._teacher = LastBlocks(with_focus(efficientnet.load(runner.teacher_wheel)), TEACHER_LAYER, variants)

    def run(self, task: Task) -> None:
        runner, maps = self._runner, self._maps
        tuned, probed = self._tuned(task), self._probe(task)
        lessons = Lessons(np.asarray(sigmoid((tuned[:, np.newaxis] + probed) / 2), dtype=np.float32), maps.embeddings)
        material = Material(maps.student, maps.small, maps.views, runner.targets, lessons)
        ends = [self._trained(task, material, number) for number in range(task.runs)]
        start = self._student.start(material, task.rows, runner.student)
        self._student.use(mixed(start, ends, runner.share))
        weights, bias = self._student.units
        arrays: dict[str, Any] = {
            "rows": task.rows,
            "embeddings": self._student.embed(maps.student[:, 0]),
            "weights": weights,
            "bias": bias,
            "teacher": tuned,
            "probe": probed[:, :_PLAIN].mean(axis=1),
        }
        arrays |= {f"network:{name}": array for name, array in get_weights(self._network).items()}
        _save(runner.file(task), arrays)

    def _trained(self, task: Task, material: Material, number: int) -> Arrays:
        """Return the weights that a run of a task ends with; stored, because runs take minutes."""
        file = self._runner.file(task, part=f"run{number}")
        if not file.is_file():
            plan = self._runner.student
            end = self._student.train(material, task.rows, plan, seed=task.seed + _NEXT_RUN * number)
            _save(file, {str(place): array for place, array in enumerate(end)})
        with np.load(file, allow_pickle=False) as arrays:
            return [arrays[str(place)] for place in range(len(arrays.files))]

    def _tuned(self, task: Task) -> Float:
        """Return the logits of all photos, (n, variants), from the retrained teacher; stored, to try other students."""
        runner, maps = self._runner, self._maps
        file = runner.file(task, part="teacher")
        if not file.is_file():
            given = Material(maps.teacher, None, maps.views, runner.targets)
            self._teacher.use(self._teacher.train(given, task.rows, runner.teacher, seed=task.seed))
            tuned = np.mean([_logits(self._teacher, maps.teacher[:, view]) for view in range(_PLAIN)], axis=0)
            _save(file, {"logits": tuned})
        with np.load(file, allow_pickle=False) as arrays:
            logits: Float = arrays["logits"]
            return logits

    def _probe(self, task: Task) -> Float:
        """Return the logits of all views of all photos, (n, views, variants), from a head on the frozen teacher."""
        embeddings = np.asarray(self._maps.embeddings, dtype=np.float64)
        columns = []
        for labels in self._runner.targets.T:
            known = task.rows[labels[task.rows] >= 0]
            head = fit_logistic(embeddings[known, :_PLAIN].mean(axis=1), labels[known], None, _PROBE_L2)
            columns.append(embeddings @ head.weights + head.bias)
        return np.stack(columns, axis=-1)


def _logits(blocks: LastBlocks, maps: npt.NDArray[np.float16]) -> Float:
    weights, bias = blocks.units
    return np.asarray(blocks.embed(maps).astype(np.float64) @ weights + bias, dtype=np.float64)


_process: _Process | None = None


def _prepare_process(runner: TaskRunner) -> None:
    global _process
    _process = _Process(runner)


def _run(task: Task) -> None:
    assert _process is not None
    _process.run(task)
