"""The head in use, as it has learned from the user's corrections: judges, learns, and goes back to what it was.

Scanning and learning run in two threads: the table of embeddings, the corrections and the head change under a lock, and
every prediction carries the version of the head that made it, so that a late one can be told from a newer one. One
thread at a time learns.

The embeddings of the photos of the open folder, scored all at once.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter.core.events import Judged, JudgedPhoto, Learned, Relearned
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.ml.learning.corrections import Taught, Vector
from alpacasorter.ml.learning.folds import scene_similarity
from alpacasorter.ml.learning.learner import Learner, self_check
from alpacasorter.ml.learning.versions import LearningState, Versions
from alpacasorter.ml.models.bundle import Bundle
from alpacasorter.ml.models.head import Head
from alpacasorter.ml.scan import Embedded

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


class PersonalHead:
    """The head of a bundle, learned from the corrections that a library holds.

    Methods that can't work without the library raise LibraryError; then nothing has changed.
    """

    def __init__(self, bundle: Bundle, labels: LabelSet, library: Library) -> None:
        """Take the head that was learned last, or learn."""
        self._bundle = bundle
        self._labels = labels
        self._library = library
        self._lock = threading.Lock()
        self._learning = threading.Lock()
        self._table = EmbeddingTable()
        self._learner: Learner | None = None
        self._taught = Taught.read(library, bundle)
        self._adopted: dict[str, Vector] = {}
        self._versions = Versions(library, bundle)
        self._lessons = self._taught.lessons()
        self._head = self._next_head(look=True)
        self._head_version = 0

    def open_folder(self) -> EmbeddingTable:
        """Forget the photos of the folder that was open; return the table for those of the new one."""
        with self._lock:
            self._table = EmbeddingTable()
            return self._table

    def judge(self, event: Embedded, table: EmbeddingTable) -> Judged:
        """Return predictions for photos that were just embedded, and put them into the table of their folder."""
        keys = [photo.content_key for photo in event.photos]
        vectors = event.embeddings.astype(np.float32)
        with self._lock:
            table.add(keys, event.embeddings)
            for key, vector in zip(keys, event.embeddings, strict=True):
                # Corrected while another backbone served: only now is there something to learn from.
                if key in self._taught.corrections and key not in self._taught.vectors:
                    self._taught.vectors[key] = self._adopted[key] = vector
            probabilities = self._head.probability(vectors).tolist()
            version = self._head_version
            photos = tuple(
                JudgedPhoto(photo.path, photo.content_key, p, photo.facts, self.correction(photo.content_key))
                for photo, p in zip(event.photos, probabilities, strict=True)
            )
        return Judged(photos, version)

    def correct(self, changes: Mapping[str, str | None], paths: Mapping[str, Path] | None = None) -> Learned:
        """Store corrections (None takes one back), learn from all there are, and judge every photo anew.

        Args:
            changes: content key to label.
            paths: where the corrected photos are, kept as a hint.

        Raises:
            LibraryError: the corrections could not be stored; nothing has changed.
            KeyError: a photo was never judged, so nothing can be learned from it.
        """
        started = time.perf_counter()
        with self._learning:
            with self._lock:
                known = self._taught.vectors
                vectors = {
                    key: known[key] if key in known else self._table.get(key).astype(np.float16)
                    for key, label in changes.items()
                    if label is not None
                }
            self._library.set_corrections(
                self._bundle.label_set,
                changes,
                paths=paths or {},
                embeddings={key: vector.astype("<f2").tobytes() for key, vector in vectors.items()},
                backbone_id=self._bundle.backbone_id,
            )
            with self._lock:
                self._taught.apply(changes, vectors)
            return self._learn({**changes, **self._made_elsewhere()}, started)

    def learn_adopted(self) -> Learned | None:
        """Learn from photos that were corrected while another backbone served, if this one has seen any meanwhile."""
        started = time.perf_counter()
        if not self._adopted:
            return None
        with self._learning:
            with self._lock:
                adopted, self._adopted = self._adopted, {}
                adopted = {key: vector for key, vector in adopted.items() if key in self._taught.corrections}
                # The library may have been read again since they were seen, and doesn't know them.
                self._taught.vectors |= adopted
            # Where that fails they are learned from all the same, and come here again with the next start.
            with contextlib.suppress(LibraryError):
                self._library.set_corrections(
                    self._bundle.label_set,
                    {},
                    embeddings={key: vector.astype("<f2").tobytes() for key, vector in adopted.items()},
                    backbone_id=self._bundle.backbone_id,
                )
            return self._learn({}, started)

    def prepare(self) -> None:
        """Do what the first correction would otherwise have to wait for (some 100 ms)."""
        with self._learning:
            self._learner = self._learner or Learner(self._bundle)

    @property
    def head(self) -> Head:
        """The head in use: the bundle's own, or the one that has learned from the corrections."""
        return self._head

    @property
    def correction_count(self) -> int:
        """Corrections that the head has learned from, in all folders."""
        return len(self._taught.keys_learned())

    def correction(self, key: str) -> str | None:
        """Return the user's label of a photo, or None."""
        return self._taught.corrections.get(key)

    def _made_elsewhere(self, *, written: bool = False) -> dict[str, str | None]:
        """Take over what was changed elsewhere (`written`: here); return the corrections that are others now."""
        try:
            if not self._library.changed_elsewhere() and not written:
                return {}
            taught = Taught.read(self._library, self._bundle)
        except LibraryError:
            # What this instance has stored is stored, even if the library can't be read just now.
            return {}
        with self._lock:
            before, now = self._taught.corrections, taught.corrections
            self._taught = taught
        return {key: now.get(key) for key in before.keys() | now.keys() if before.get(key) != now.get(key)}

    def _learn(self, changes: Mapping[str, str | None], started: float, relearned: Relearned | None = None) -> Learned:
        head = self._next_head(look=relearned is not None)
        with self._lock:
            before = self._table.score(self._head.probability)
            after = self._table.score(head.probability)
            self._head = head
            self._head_version += 1
            flipped = np.flatnonzero((before >= self._labels.threshold) != (after >= self._labels.threshold))
            keys = tuple(self._table.keys)
            said = self._taught.corrections.keys() | changes.keys()
            changed = tuple(keys[row] for row in flipped if keys[row] not in said)
            return Learned(
                corrections=len(self._lessons.labels),
                changes=dict(changes),
                keys=keys,
                probabilities=after,
                changed=changed,
                head_version=self._head_version,
                seconds=time.perf_counter() - started,
                relearned=relearned,
            )

    def _next_head(self, *, look: bool) -> Head:
        """Return the head for the corrections there are now; where `look`, it may be one that is stored."""
        with self._lock:
            # Taken now: by the time the head is stored, a scan may have come upon more.
            self._lessons = lessons = self._taught.lessons()
        self._is_saved = False
        if not lessons.labels:
            return self._bundle.head
        if look:
            # Without the library it is learned anew, and comes to the same.
            with contextlib.suppress(LibraryError):
                stored = self._versions.head(lessons)
                if stored is not None:
                    return stored
        self._learner = self._learner or Learner(self._bundle)
        return self._learner.learn(lessons.embeddings(), lessons.targets(self._labels.positive))

    def save(self) -> None:
        """Remember the learned head in the library, so that the next start need not learn it again.

        Apart from `correct()`, because writing takes longer than learning and the user waits for the latter only.

        Raises:
            LibraryError: it could not be stored; nothing is lost, the head follows from the corrections.
        """
        with self._learning:
            self._save()

    def _save(self) -> None:
        if not self._is_saved:
            self._versions.save(self._head, self._lessons)
            self._is_saved = True

    # Versions

    def state(self) -> LearningState:
        """Return what is learned from and the versions there are."""
        with self._lock:
            lessons, taught = self._lessons, self._taught
            set_aside = len(taught.set_aside)
            waiting = len(taught.corrections.keys() - taught.vectors.keys() - taught.set_aside)
            corrections = len(taught.corrections)
        versions = self._versions.listed(lessons)
        return LearningState(corrections, len(lessons.labels), set_aside, waiting, versions)

    def go_back(self, version: int) -> Learned:
        """Learn only from the corrections that a version had learned from (see `versions`); judge every photo again.

        Args:
            version: its number; SHIPPED for the model as it came.

        Raises:
            VersionGone: it is no longer there; nothing has changed.
            LibraryError: it could not be stored; nothing has changed.
        """
        started = time.perf_counter()
        with self._learning:
            made_at, members = self._versions.members(version)
            return self._learn_only_from(members, started, made_at)

    def learn_from_all(self) -> Learned:
        """Take in again the corrections that were set aside, and judge every photo anew."""
        started = time.perf_counter()
        with self._learning:
            return self._learn_only_from(None, started, None)

    def catch_up(self, *, written: bool = False) -> Learned | None:
        """Learn from what another instance has changed meanwhile; None if there is nothing new.

        Args:
            written: whether this one has written corrections into the library itself, as an import does.
        """
        started = time.perf_counter()
        with self._learning:
            changes = self._made_elsewhere(written=written)
            with self._lock:
                is_new = self._taught.lessons().digest != self._lessons.digest
            return self._learn(changes, started) if changes or is_new else None

    def check(self, stopped: Callable[[], bool] = lambda: False) -> bool:
        """Let the version in use stand for good, and measure it if that was not done yet; return if it was now.

        Takes a second or so, holds nobody up meanwhile, and gives up where `stopped`, which is asked all the time.
        """
        with self._learning:
            self._save()
            self._versions.settle()
            lessons = self._lessons
            if not lessons.labels or self._versions.is_checked(lessons):
                return False
        found = self_check(
            Learner(self._bundle),
            lessons.embeddings(),
            lessons.targets(self._labels.positive),
            threshold=self._labels.threshold,
            similarity=scene_similarity(self._bundle.learning.yield_similarity),
            stopped=stopped,
        )
        if found is not None:
            with self._learning:
                self._versions.note(lessons, found)
        return found is not None

    def _learn_only_from(self, members: Mapping[str, str] | None, started: float, made_at: str | None) -> Learned:
        self._save()
        self._versions.settle()
        self._library.learn_only_from(self._bundle.label_set, members)
        with self._lock:
            self._taught.learn_only_from(members)
        changes = self._made_elsewhere()
        corrections = self._taught.corrections
        gone = sum(corrections.get(key) != label for key, label in (members or {}).items())
        return self._learn(changes, started, Relearned(made_at, len(self._taught.set_aside), gone))
