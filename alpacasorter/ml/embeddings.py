"""The embeddings of the photos of the open folder, scored all at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

_BLOCK = 4096

Score = Callable[[npt.NDArray[np.float32]], npt.NDArray[np.float32]]


class EmbeddingTable:
    """Embeddings by content key, float32, in blocks that never move, so that growing copies nothing.

    float32 and not the float16 that is stored: converting 10,000 rows takes 30 ms, longer than all of the scoring,
    and the memory (5 kB a photo) is there. Not thread-safe; its owner locks.
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
        """Tell whether the photo with this content key is in the table."""
        return key in self._row

    @property
    def keys(self) -> Sequence[str]:
        """Content keys in row order."""
        return self._keys

    def add(self, keys: Sequence[str], embeddings: npt.NDArray[np.float16]) -> None:
        """Append rows, float16 (n, embedding size); a key that is there already keeps its row."""
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
