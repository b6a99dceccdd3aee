"""A session: one open folder with its photos, the user's corrections and the head learned from them. No window.

The window and the command line both drive this class. `scan()`, `judge_files()` and `correct()` may run in threads of
their own, see personal_head.py.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter.core.events import Finished, Judged, JudgedPhoto, Learned, Problems, ScanEvent
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import Library
from alpacasorter.ml.backbone import Backbone, BackboneError, CpuBackbone
from alpacasorter.ml.bundle import Bundle
from alpacasorter.ml.device import Device, open_backbone
from alpacasorter.ml.head import Head
from alpacasorter.ml.personal_head import PersonalHead
from alpacasorter.ml.scan import Embedded, EmbeddedPhoto, Opener, Pipeline, Scan


class Session:
    """The engine behind one window or one command.

    Attributes:
        bundle: the model in use.
        labels: its two classes.
        device: where the backbone runs.
        learning: the head in use, what it has learned from, and its versions.
    """

    def __init__(self, *, bundle: Bundle, library: Library, cache: Cache, device: Device) -> None:
        """Open a session; its head has learned from the corrections that the library holds.

        Raises:
            BackboneError: the backbone does not run on `device`.
        """
        self.bundle = bundle
        self.labels = LabelSet(bundle.negative_label, bundle.positive_label, bundle.display_names, bundle.threshold)
        self._cache = cache
        self._model = bundle.backbone_path.read_bytes()
        self.device = device
        self._backbone: Backbone = open_backbone(device, self._model, bundle.input_size, cache)
        self._lock = threading.Lock()
        self._scan: Scan | None = None
        self.learning = PersonalHead(bundle, self.labels, library)
        self._table = self.learning.open_folder()

    # Scanning

    def scan(self, root: Path, *, recursive: bool) -> Generator[ScanEvent, None, None]:
        """Scan a folder, which becomes the open one; yield events, Finished last. Closing it ends its threads.

        Raises:
            FolderUnavailable: the folder itself can't be read.
        """
        scan = Scan(root, recursive=recursive, **self._pipeline())
        self._table = table = self.learning.open_folder()
        self._scan = scan
        with contextlib.closing(scan.run()) as events:
            for event in events:
                if isinstance(event, Finished):
                    learned = self.learning.learn_adopted()
                    if learned is not None:
                        yield learned
                yield self.learning.judge(event, table) if isinstance(event, Embedded) else event

    def judge_files(
        self, files: Sequence[PhotoFile], *, stopped: Callable[[], bool] = lambda: False
    ) -> Generator[Judged | Problems | Learned, None, None]:
        """Judge photos that were added to the open folder or changed in it; each ends in a Judged or in a Problems.

        May run beside a `scan()` in another thread; where that opens another folder, these still belong to the one
        before. All of them are read: what is known of the bytes is taken from the cache, so a copy is judged at once.

        Args:
            files: the photos.
            stopped: asked often; where it says so, it ends after the photos that are being worked on.
        """
        table = self._table
        for embedded, problems in Opener(stopped=stopped, **self._pipeline()).run(files):
            if embedded.photos:
                yield self.learning.judge(embedded, table)
            if problems.problems:
                yield problems
        learned = self.learning.learn_adopted()
        if learned is not None:
            yield learned

    def judged_anew(self, photos: Iterable[JudgedPhoto]) -> list[JudgedPhoto]:
        """Return photos of the open folder as they are judged now, by what was learned and corrected since.

        Those that are not of the open folder are left out.
        """
        table = self._table
        known = [photo for photo in photos if photo.content_key in table]
        if not known:
            return []
        embeddings = np.stack([table.get(photo.content_key) for photo in known]).astype(np.float16)
        again = tuple(EmbeddedPhoto(photo.path, photo.content_key, photo.facts) for photo in known)
        return list(self.learning.judge(Embedded(again, embeddings), table).photos)

    def _pipeline(self) -> Pipeline:
        return {
            "cache": self._cache,
            "backbone_id": self.bundle.backbone_id,
            "embedding_size": self.bundle.embedding_size,
            "embed": self.embed,
            "input_size": self.bundle.input_size,
            "threads": self.device.threads,
        }

    def cancel_scan(self) -> None:
        """Stop the running scan, if any, after the photos that are being worked on."""
        if self._scan is not None:
            self._scan.cancel()

    def prefer(self, paths: Iterable[Path]) -> None:
        """Have the running scan open these photos next."""
        if self._scan is not None:
            self._scan.prefer(paths)

    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the embedding, float32 (size,), of a model input; a GPU that fails is replaced by the CPU."""
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

    # Learning

    def correct(self, changes: Mapping[str, str | None], paths: Mapping[str, Path] | None = None) -> Learned:
        """Store corrections and learn from all there are: `PersonalHead.correct`."""
        return self.learning.correct(changes, paths)

    def prepare_learning(self) -> None:
        """Do what the first correction would otherwise have to wait for (some 100 ms)."""
        self.learning.prepare()

    @property
    def head(self) -> Head:
        """The head in use: the bundle's own, or the one that has learned from the corrections."""
        return self.learning.head

    @property
    def correction_count(self) -> int:
        """Corrections that the head has learned from, in all folders."""
        return self.learning.correction_count

    def correction(self, key: str) -> str | None:
        """Return the user's label of a photo, or None."""
        return self.learning.correction(key)

    def save_head(self) -> None:
        """Remember the learned head in the library: `PersonalHead.save`."""
        self.learning.save()
