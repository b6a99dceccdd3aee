"""The embeddings of the photos of the open folder, which every new head judges again."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

_BLOCK = 4096

Score = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


class EmbeddingTable:
    """The embeddings of a folder's photos by content key, in blocks that never move, so that growing copies nothing.

    They are float32 and not float16 as in the cache: converting 10,000 rows takes 30 ms, longer than scoring them, and
    5 kB of memory per photo is affordable. Not thread-safe; the owner locks.
    """

    def __init__(self) -> None:
        """Start empty."""
        self._row: dict[str, int] = {}
        self._keys: list[str] = []
        self._blocks: list[npt.NDArray[np.float32]] = []

    def __len__(self) -> int:
        """Return the number of photos."""
        return len(self._keys)

    def __contains__(self, key: str) -> bool:
        """Return whether the photo with this content key is in the table."""
        return key in self._row

    @property
    def keys(self) -> Sequence[str]:
        """Content keys in row order."""
        return self._keys

    def add(self, keys: Sequence[str], embeddings: npt.NDArray[np.float16]) -> None:
        """Append rows, float16 (n, embedding size); a key that is already there keeps its row."""
        for key, vector in zip(keys, embeddings, strict=True):
            if key in self._row:
                continue
            row = len(self._keys)
            if row % _BLOCK == 0:
                self._blocks.append(np.empty((_BLOCK, embeddings.shape[1]), dtype=np.float32))
            self._blocks[-1][row % _BLOCK] = vector
            self._row[key] = row
            self._keys.append(key)

    def get(self, key: str) -> npt.NDArray[np.float32]:
        """Return one embedding, float32 (embedding size,).

        Raises:
            KeyError: the photo is not in the table.
        """
        row = self._row[key]
        vector: npt.NDArray[np.float32] = self._blocks[row // _BLOCK][row % _BLOCK]
        return vector

    def score(self, score: Score) -> npt.NDArray[np.float32]:
        """Return `score` of every row, float32 (n,), in row order."""
        count = len(self._keys)
        parts = [
            score(block[: min(_BLOCK, count - start)])
            for start, block in zip(range(0, count, _BLOCK), self._blocks, strict=True)
        ]
        return np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
