"""A session: one open folder with its photos, the user's corrections and the head learned from them. No window.

The window and the command line both drive this class. `scan()` and `correct()` may run in two threads: the table of
embeddings and the head change under a lock, and every prediction carries the version of the head that made it, so
that a late one can be told from a newer one.
"""

from __future__ import annotations

import contextlib
import hashlib
import threading
import time
from collections.abc import Generator, Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter.core.cache import Cache
from alpacasorter.core.events import Finished, Judged, JudgedPhoto, Learned, ScanEvent
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.library import HeadVersion, Library, LibraryError
from alpacasorter.ml.backbone import Backbone, BackboneError, CpuBackbone
from alpacasorter.ml.bundle import Bundle
from alpacasorter.ml.device import Device, open_backbone
from alpacasorter.ml.embeddings import EmbeddingTable
from alpacasorter.ml.head import Head
from alpacasorter.ml.learning import Learner
from alpacasorter.ml.scan import Embedded, Scan


class Session:
    """The engine behind one window or one command.

    Attributes:
        bundle: the model in use.
        labels: its two classes.
        device: where the backbone runs.
    """

    def __init__(self, *, bundle: Bundle, library: Library, cache: Cache, device: Device) -> None:
        """Open a session; its head has learned from the corrections that the library holds.

        Raises:
            BackboneError: the backbone does not run on `device`.
        """
        self.bundle = bundle
        self.labels = LabelSet(bundle.negative_label, bundle.positive_label, bundle.display_names, bundle.threshold)
        self._library = library
        self._cache = cache
        self._model = bundle.backbone_path.read_bytes()
        self.device = device
        self._backbone: Backbone = open_backbone(device, self._model, bundle.input_size, cache)
        self._lock = threading.Lock()
        self._learning = threading.Lock()
        self._table = EmbeddingTable()
        self._scan: Scan | None = None
        self._learner: Learner | None = None
        self._corrections: dict[str, str] = {}
        self._taught: dict[str, npt.NDArray[np.float16]] = {}
        self._adopted: dict[str, npt.NDArray[np.float16]] = {}
        self._head_saved = True
        self._learned_from = (0, "")
        self._head = bundle.head
        self._head_version = 0
        self._read_library()
        self._head = self._stored_head() or self._fit_head()

    # Scanning

    def scan(self, root: Path, *, recursive: bool) -> Generator[ScanEvent, None, None]:
        """Scan a folder, which becomes the open one; yield events, Finished last. Closing it ends its threads.

        Raises:
            FolderUnavailable: the folder itself can't be read.
        """
        scan = Scan(
            root,
            recursive=recursive,
            cache=self._cache,
            backbone_id=self.bundle.backbone_id,
            embed=self.embed,
            input_size=self.bundle.input_size,
            threads=self.device.threads,
        )
        with self._lock:
            self._table = table = EmbeddingTable()
            self._scan = scan
        with contextlib.closing(scan.run()) as events:
            for event in events:
                if isinstance(event, Finished) and self._adopted:
                    yield self._learn_adopted()
                yield self._judge(event, table) if isinstance(event, Embedded) else event

    def cancel_scan(self) -> None:
        """Stop the running scan, if any, after the photos that are being worked on."""
        if self._scan is not None:
            self._scan.cancel()

    def prefer(self, paths: Iterable[Path]) -> None:
        """Have the running scan open these photos next."""
        if self._scan is not None:
            self._scan.prefer(paths)

    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the embedding, float32 (1280,), of a model input; a GPU that fails is replaced by the CPU."""
        backbone = self._backbone
        try:
            return backbone.embed(pixels)
        except BackboneError:
            if isinstance(backbone, CpuBackbone):
                raise
            with self._lock:
                # Several threads come here, one after the other; the first has changed it already.
                if self._backbone is backbone:
                    self._backbone = CpuBackbone(self._model)
                    self.device = Device("cpu", self.device.threads, 0.0, "the graphics processor stopped working")
            return self._backbone.embed(pixels)

    def use_device(self, device: Device) -> None:
        """Judge the photos to come on another device.

        Raises:
            BackboneError: the backbone does not run there; the device in use stays.
        """
        backbone = open_backbone(device, self._model, self.bundle.input_size, self._cache)
        with self._lock:
            self._backbone, self.device = backbone, device

    def _judge(self, event: Embedded, table: EmbeddingTable) -> Judged:
        keys = [photo.content_key for photo in event.photos]
        vectors = event.embeddings.astype(np.float32)
        with self._lock:
            table.add(keys, event.embeddings)
            for key, vector in zip(keys, event.embeddings, strict=True):
                # Corrected while another backbone served: only now is there something to learn from.
                if key in self._corrections and key not in self._taught:
                    self._taught[key] = self._adopted[key] = vector
            probabilities = self._head.probability(vectors).tolist()
            version = self._head_version
            photos = tuple(
                JudgedPhoto(photo.path, photo.content_key, p, photo.facts, self._corrections.get(photo.content_key))
                for photo, p in zip(event.photos, probabilities, strict=True)
            )
        return Judged(photos, version)

    # Learning

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
                vectors = {
                    key: self._taught[key] if key in self._taught else self._table.get(key).astype(np.float16)
                    for key, label in changes.items()
                    if label is not None
                }
            self._library.set_corrections(
                self.bundle.label_set,
                changes,
                paths=paths or {},
                embeddings={key: vector.astype("<f2").tobytes() for key, vector in vectors.items()},
                backbone_id=self.bundle.backbone_id,
            )
            with self._lock:
                for key, label in changes.items():
                    if label is None:
                        self._corrections.pop(key, None)
                        self._taught.pop(key, None)
                    else:
                        self._corrections[key] = label
                        self._taught[key] = vectors[key]
            return self._learn({**changes, **self._made_elsewhere()}, started)

    def prepare_learning(self) -> None:
        """Do what the first correction would otherwise have to wait for (some 100 ms)."""
        with self._learning:
            self._learner = self._learner or Learner(self.bundle)

    @property
    def correction_count(self) -> int:
        """Corrections that the head has learned from, in all folders."""
        return len(self._taught)

    def correction(self, key: str) -> str | None:
        """Return the user's label of a photo, or None."""
        return self._corrections.get(key)

    def _made_elsewhere(self) -> dict[str, str | None]:
        """Take over the corrections that another instance has made; return them."""
        before = self._corrections
        # What this instance has stored is stored, even if the library can't be read just now.
        with contextlib.suppress(LibraryError):
            if self._library.changed_elsewhere():
                self._read_library()
        now = self._corrections
        if now is before:
            return {}
        return {key: now.get(key) for key in before.keys() | now.keys() if before.get(key) != now.get(key)}

    def _learn(self, changes: Mapping[str, str | None], started: float) -> Learned:
        head = self._fit_head()
        with self._lock:
            before = self._table.score(self._head.probability)
            after = self._table.score(head.probability)
            self._head = head
            self._head_version += 1
            flipped = np.flatnonzero((before >= self.labels.threshold) != (after >= self.labels.threshold))
            keys = tuple(self._table.keys)
            said = self._corrections.keys() | changes.keys()
            changed = tuple(keys[row] for row in flipped if keys[row] not in said)
            return Learned(
                corrections=len(self._taught),
                changes=dict(changes),
                keys=keys,
                probabilities=after,
                changed=changed,
                head_version=self._head_version,
                seconds=time.perf_counter() - started,
            )

    def _learn_adopted(self) -> Learned:
        """Learn from photos that were corrected while another backbone served, now that this one has seen them."""
        started = time.perf_counter()
        with self._learning:
            with self._lock:
                adopted, self._adopted = self._adopted, {}
                adopted = {key: vector for key, vector in adopted.items() if key in self._corrections}
                # The library may have been read again since they were seen, and doesn't know them.
                self._taught |= adopted
            # Where that fails they are learned from all the same, and come here again with the next start.
            with contextlib.suppress(LibraryError):
                self._library.set_corrections(
                    self.bundle.label_set,
                    {},
                    embeddings={key: vector.astype("<f2").tobytes() for key, vector in adopted.items()},
                    backbone_id=self.bundle.backbone_id,
                )
            return self._learn({}, started)

    def _fit_head(self) -> Head:
        """Return the head for the corrections there are now."""
        with self._lock:
            taught = sorted(self._taught.items())
            labels = [self._corrections[key] for key, _ in taught]
            # Taken now: by the time the head is stored, a scan may have come upon more.
            self._learned_from = (len(taught), self._digest())
        self._head_saved = not taught
        if not taught:
            return self.bundle.head
        self._learner = self._learner or Learner(self.bundle)
        vectors = np.stack([vector for _, vector in taught]).astype(np.float32)
        targets = np.array([label == self.labels.positive for label in labels], dtype=np.uint8)
        return self._learner.learn(vectors, targets)

    def save_head(self) -> None:
        """Remember the learned head in the library, so that the next start need not learn it again.

        Apart from `correct()`, because writing takes longer than learning and the user waits for the latter only.

        Raises:
            LibraryError: it could not be stored; nothing is lost, the head follows from the corrections.
        """
        with self._learning:
            if self._head_saved:
                return
            corrections, digest = self._learned_from
            version = HeadVersion(
                id=None,
                bundle_id=self.bundle.bundle_id,
                made_at=datetime.now(UTC).isoformat(timespec="seconds"),
                corrections=corrections,
                corrections_digest=digest,
                weights=self._head.weights.astype("<f8").tobytes(),
                bias=float(self._head.bias),
                measurements={},
            )
            self._library.add_head_version(version)
            self._head_saved = True

    def _stored_head(self) -> Head | None:
        """Return the head learned last, if it was learned from just the corrections there are now."""
        latest = self._library.latest_head(self.bundle.bundle_id) if self._taught else None
        if latest is None or latest.corrections_digest != self._digest():
            return None
        weights = np.frombuffer(latest.weights, dtype="<f8")
        return replace(self.bundle.head, weights=weights, bias=latest.bias) if self._fits(weights) else None

    def _read_library(self) -> None:
        stored = self._library.corrections(self.bundle.label_set)
        vectors = self._library.embeddings(self.bundle.label_set, self.bundle.backbone_id)
        with self._lock:
            self._corrections = {key: c.label for key, c in stored.items() if c.label in self.labels.names}
            known = {key: np.frombuffer(data, dtype="<f2") for key, data in vectors.items() if key in self._corrections}
            # One that is damaged is forgotten, until a scan comes upon the photo again.
            self._taught = {key: vector for key, vector in known.items() if self._fits(vector)}

    def _fits(self, vector: npt.NDArray[np.floating]) -> bool:
        return vector.shape == (self.bundle.embedding_size,) and bool(np.isfinite(vector).all())

    def _digest(self) -> str:
        digest = hashlib.sha256()
        for key in sorted(self._taught):
            digest.update(f"{key}={self._corrections[key]}\n".encode())
        return digest.hexdigest()
