"""Runs many retrainings of the last blocks, one process per core, and keeps each result, so that a build can resume.

Each task trains on different photos of the same dataset and embeds all of them; those that it was not trained on are
judged honestly.
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
from alpacasorter.ml.learning.logistic import Float
from alpacasorter.training.network.backbones import load_backbone
from alpacasorter.training.network.classifier import with_focus
from alpacasorter.training.network.weights import get_weights
from tools.model_maker.feature_maps import FeatureMaps
from tools.model_maker.last_blocks import LastBlocks, Plan

_LARGE: Final = "large.npy"
_SMALL: Final = "small.npy"
_READABLE: Final = "readable.npy"


@dataclass(frozen=True, eq=False)
class Task:
    """One retraining.

    Attributes:
        name: of its file.
        rows: the photos to train on, (n,).
        seed: determines everything that is random.
        with_network: whether the weights of the network are wanted too.
    """

    name: str
    rows: npt.NDArray[np.int64]
    seed: int
    with_network: bool = False


@dataclass(frozen=True, eq=False)
class TaskResult:
    """The result of a task.

    Attributes:
        rows: the photos it was trained on, (n,).
        embeddings: float16 (m, c) of all photos, with those of the look-alikes after those of the dataset.
        weights: of the output unit, (c,).
        bias: of the output unit.
        network: arrays of the retrained network by "layer/variable"; empty if they were not wanted.
    """

    rows: npt.NDArray[np.int64]
    embeddings: npt.NDArray[np.float16]
    weights: Float
    bias: float
    network: dict[str, npt.NDArray[np.float32]]

    def logits(self) -> Float:
        """Return the logits of all photos, (m,)."""
        return np.asarray(self.embeddings.astype(np.float64) @ self.weights + self.bias, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class TaskRunner:
    """Runs tasks, and keeps feature maps and results in a folder.

    Attributes:
        work: the folder.
        backbone: the pretrained weights, as for `load_backbone`.
        side: width and height of the model's input, pixels.
        targets: 0 or 1 of the photos of the dataset; look-alikes, whose maps follow, have none.
        plan: how to retrain.
    """

    work: Path
    backbone: str
    side: int
    targets: npt.NDArray[np.int64]
    plan: Plan

    def store_maps(self, maps: FeatureMaps) -> None:
        """Store the maps in the folder, where the processes read them; large ones that are there already are kept."""
        np.save(self.work / _SMALL, maps.small)
        np.save(self.work / _READABLE, maps.readable)
        if not self.large_file.is_file():
            np.save(self.large_file, maps.large)

    @property
    def large_file(self) -> Path:
        """The file of the large maps."""
        return self.work / _LARGE

    def stored_maps(self) -> FeatureMaps | None:
        """Return the stored maps, the large ones memory-mapped; None if they are incomplete."""
        # Written last.
        if not (self.work / _READABLE).is_file():
            return None
        large = np.load(self.large_file, mmap_mode="r")
        return FeatureMaps(large, np.load(self.work / _SMALL), np.load(self.work / _READABLE))

    def run(self, tasks: Sequence[Task], *, say: Callable[[str], None] = lambda _text: None) -> list[TaskResult]:
        """Run the tasks that have no stored result, and return the results of all of them in order.

        Args:
            tasks: what to run.
            say: called with a sentence after each task.
        """
        missing = [task for task in tasks if not self._file(task).is_file()]
        if missing:
            context = multiprocessing.get_context("spawn")
            count = min(len(missing), os.cpu_count() or 1)
            with ProcessPoolExecutor(count, context, _prepare_process, (self,)) as pool:
                for task, _done in zip(missing, pool.map(_run, missing), strict=True):
                    say(f"{task.name} is done")
        return [self._read(self._file(task)) for task in tasks]

    def _file(self, task: Task) -> Path:
        # With another plan or other photos, it is another task.
        key = (self.backbone, self.side, asdict(self.plan), task.rows.tolist(), task.seed, task.with_network)
        return self.work / f"{task.name}-{hashlib.sha256(repr(key).encode()).hexdigest()[:12]}.npz"

    def _read(self, file: Path) -> TaskResult:
        with np.load(file, allow_pickle=False) as arrays:
            return TaskResult(
                arrays["rows"],
                arrays["embeddings"],
                arrays["weights"],
                float(arrays["bias"]),
                {name.partition(":")[2]: arrays[name] for name in arrays.files if name.startswith("network:")},
            )


class _Process:
    """What a process needs for any task: the network and the maps."""

    def __init__(self, runner: TaskRunner) -> None:
        import tensorflow as tf

        # There is one process per core: with more threads each, they would wait for each other.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self._runner = runner
        self._network = with_focus(load_backbone("mobilenet_v2", runner.backbone, runner.side))
        self._blocks = LastBlocks(self._network)
        maps = runner.stored_maps()
        assert maps is not None
        self._maps = maps

    def run(self, task: Task) -> None:
        runner = self._runner
        self._blocks.train(self._maps, task.rows, runner.targets, runner.plan, seed=task.seed)
        weights, bias = self._blocks.head
        arrays: dict[str, Any] = {
            "rows": task.rows,
            "embeddings": self._blocks.embed(self._maps.large[:, 0]),
            "weights": weights,
            "bias": np.float64(bias),
        }
        if task.with_network:
            arrays |= {f"network:{name}": array for name, array in get_weights(self._network).items()}
        # Completely or not at all: a process may be killed while it writes.
        with replacing(runner._file(task)) as unfinished, unfinished.open("wb") as stream:
            np.savez(stream, **arrays)


_process: _Process | None = None


def _prepare_process(runner: TaskRunner) -> None:
    global _process
    _process = _Process(runner)


def _run(task: Task) -> None:
    assert _process is not None
    _process.run(task)
