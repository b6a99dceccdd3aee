"""Many retrainings of the tail, one process a core, each kept on disk: one that is cut off goes on where it was.

Every job trains on other photos of the same dataset and judges all of them; those it was not trained on are judged
honestly.
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
from alpacasorter.training.network.backbones import build_backbone, load_backbone
from alpacasorter.training.network.classifier import with_focus
from alpacasorter.training.network.weights import get_weights
from tools.model_maker.front import FrontMaps
from tools.model_maker.tail import Plan, Tail

_LARGE: Final = "large.npy"
_SMALL: Final = "small.npy"
_READABLE: Final = "readable.npy"


@dataclass(frozen=True, eq=False)
class Job:
    """One retraining.

    Attributes:
        name: of its file.
        rows: the photos to train on, (n,).
        seed: decides all that is random.
    """

    name: str
    rows: npt.NDArray[np.int64]
    seed: int


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a job.

    Attributes:
        rows: the photos it was trained on.
        embeddings: float16 (n, c) of all photos, those of the look-alikes after those of the dataset.
        weights, bias: of the output unit.
        network: arrays of the retrained network by "layer/variable"; empty where they were not asked for.
    """

    rows: npt.NDArray[np.int64]
    embeddings: npt.NDArray[np.float16]
    weights: Float
    bias: float
    network: dict[str, npt.NDArray[np.float32]]

    def logits(self) -> Float:
        """Return the logits of all photos, (n,)."""
        return np.asarray(self.embeddings.astype(np.float64) @ self.weights + self.bias, dtype=np.float64)


@dataclass(frozen=True, eq=False)
class Shop:
    """Where jobs are done.

    Attributes:
        work: folder of the maps and of what came of each job.
        backbone: source of the pre-trained weights, as `load_backbone` takes it.
        side: pixels a side of the model's input.
        targets: 0 or 1 of the photos of the dataset; look-alikes, whose maps follow, have none.
        plan: how to retrain.
    """

    work: Path
    backbone: str
    side: int
    targets: npt.NDArray[np.int64]
    plan: Plan

    def store_maps(self, maps: FrontMaps) -> None:
        """Keep the maps in the work folder, for the processes to read; large ones that are there already stay."""
        np.save(self.work / _SMALL, maps.small)
        np.save(self.work / _READABLE, maps.readable)
        if not self.large_file.is_file():
            np.save(self.large_file, maps.large)

    @property
    def large_file(self) -> Path:
        """The file of the large maps."""
        return self.work / _LARGE

    def stored_maps(self) -> FrontMaps | None:
        """Return the maps in the work folder, the large ones left on disk; None where they are not all there."""
        # Written last.
        if not (self.work / _READABLE).is_file():
            return None
        large = np.load(self.large_file, mmap_mode="r")
        return FrontMaps(large, np.load(self.work / _SMALL), np.load(self.work / _READABLE))

    def do(
        self, jobs: Sequence[Job], *, with_network: bool = False, tell: Callable[[str], None] = lambda _: None
    ) -> list[Outcome]:
        """Do the jobs that are not done yet, and return what came of each."""
        missing = [job for job in jobs if not self._file(job, with_network).is_file()]
        if missing:
            context = multiprocessing.get_context("spawn")
            with ProcessPoolExecutor(os.cpu_count() or 1, context, _open, (self,)) as pool:
                for job, _ in zip(missing, pool.map(_do, missing, [with_network] * len(missing)), strict=True):
                    tell(f"{job.name} is done")
        return [self._read(self._file(job, with_network)) for job in jobs]

    def _file(self, job: Job, with_network: bool) -> Path:
        # Another plan or other photos are another job.
        facts = (self.backbone, self.side, asdict(self.plan), job.rows.tolist(), job.seed, with_network)
        return self.work / f"{job.name}-{hashlib.sha256(repr(facts).encode()).hexdigest()[:12]}.npz"

    def _read(self, file: Path) -> Outcome:
        with np.load(file, allow_pickle=False) as arrays:
            return Outcome(
                arrays["rows"],
                arrays["embeddings"],
                arrays["weights"],
                float(arrays["bias"]),
                {name.partition(":")[2]: arrays[name] for name in arrays.files if name.startswith("network:")},
            )


class _Bench:
    """What a process needs for any job: the network and the maps."""

    def __init__(self, shop: Shop) -> None:
        import tensorflow as tf

        # One process a core: with more threads each, they would wait for each other.
        tf.config.threading.set_intra_op_parallelism_threads(1)
        tf.config.threading.set_inter_op_parallelism_threads(1)
        self.shop = shop
        self.network = with_focus(load_backbone("mobilenet_v2", shop.backbone, shop.side))
        self.tail = Tail(self.network)
        maps = shop.stored_maps()
        assert maps is not None
        self.maps = maps

    def do(self, job: Job, with_network: bool) -> None:
        self.tail.train(self.maps, job.rows, self.shop.targets, self.shop.plan, seed=job.seed)
        weights, bias = self.tail.head
        arrays: dict[str, Any] = {
            "rows": job.rows,
            "embeddings": self.tail.embed(self.maps.large[:, 0]),
            "weights": weights,
            "bias": np.float64(bias),
        }
        if with_network:
            arrays |= {f"network:{name}": array for name, array in get_weights(self.network).items()}
        file = self.shop._file(job, with_network)
        # Whole or not at all: a process may be killed while it writes.
        with replacing(file) as unfinished, unfinished.open("xb") as stream:
            np.savez(stream, **arrays)


_bench: _Bench | None = None


def _open(shop: Shop) -> None:
    global _bench
    _bench = _Bench(shop)


def _do(job: Job, with_network: bool) -> None:
    assert _bench is not None
    _bench.do(job, with_network)


def small_network(network: Any, side: int) -> Any:
    """Return a MobileNetV2 for pictures of half the side with the weights of `network`."""
    half = build_backbone("mobilenet_v2", side // 2)
    half.set_weights(network.get_weights())
    return half
