"""Batches for retraining: views of single photos, and scenes put together from several, so that small animals count.

What the frozen backbone misses most are animals far away. So some of the photos appear small: four of them in one
picture, or one of them pasted into a picture of the other class. Put together after the front (at a 16th of the
resolution), which costs nothing and leaves no edges for the later layers to learn from, as pasted pixels would.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from tools.model_maker.front import FrontMaps

SHARE: Final = 0.35
"""Share of scenes among the samples."""

_PLAIN: Final = 0.1
"""Share of plain views and mirror images among the single ones."""
_SURE: Final = 0.99
"""Targets are 0.99 and 0.01: a network that was sure of every training photo would be too sure of all others."""

Maps = npt.NDArray[np.float32]
Targets = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Samples:
    """What batches are drawn from.

    Attributes:
        maps: of all photos.
        rows: which of them to train on, (n,).
        targets: 0 or 1 of all photos.
        scenes: share of scenes.
    """

    maps: FrontMaps
    rows: npt.NDArray[np.int64]
    targets: npt.NDArray[np.int64]
    scenes: float = SHARE

    def batches(self, size: int, random: np.random.Generator) -> Iterator[tuple[Maps, Targets]]:
        """Yield one round over the photos: maps float32 (size, h, w, c) and targets (size,); a rest is left out."""
        order = random.permutation(self.rows)
        for start in range(0, len(order) - size + 1, size):
            rows = order[start : start + size]
            maps = np.stack([self._sample(int(row), random) for row in rows])
            targets = self.targets[rows].astype(np.float32)
            yield maps, targets * (2 * _SURE - 1) + (1 - _SURE)

    def _sample(self, row: int, random: np.random.Generator) -> Maps:
        small = self.maps.small.shape[1]
        others = self.rows[self.targets[self.rows] == 0]
        if not small or not len(others) or random.random() >= self.scenes:
            return self._single(row, random)
        if random.random() < 0.5:
            return self._four(row, others, random)
        return self._pasted(row, others, random)

    def _single(self, row: int, random: np.random.Generator) -> Maps:
        views = self.maps.large.shape[1]
        place = random.integers(0, 2) if views == 2 or random.random() < _PLAIN else random.integers(2, views)
        maps: Maps = self.maps.large[row, place].astype(np.float32)
        return maps

    def _small(self, row: int, random: np.random.Generator) -> Maps:
        maps: Maps = self.maps.small[row, random.integers(self.maps.small.shape[1])].astype(np.float32)
        return maps

    def _four(self, row: int, others: npt.NDArray[np.int64], random: np.random.Generator) -> Maps:
        """Return a picture of four photos: this one and three others, which are negative where this one is."""
        pool = self.rows if self.targets[row] == 1 else others
        rows = random.permutation([row, *random.choice(pool, 3)])
        parts = [self._small(int(each), random) for each in rows]
        return np.concatenate([np.concatenate(parts[:2], axis=1), np.concatenate(parts[2:], axis=1)], axis=0)

    def _pasted(self, row: int, others: npt.NDArray[np.int64], random: np.random.Generator) -> Maps:
        """Return a negative photo with this one in it, small, anywhere."""
        scene, part = self._single(int(random.choice(others)), random), self._small(row, random)
        height, width = part.shape[:2]
        top = random.integers(0, scene.shape[0] - height + 1)
        left = random.integers(0, scene.shape[1] - width + 1)
        scene[top : top + height, left : left + width] = part
        return scene
