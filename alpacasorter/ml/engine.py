"""Opens everything a session needs, in the one order that is right, for the window and the command line alike.

A session: one open folder with its photos, the user's corrections and the head learned from them. No window.

The window and the command line both drive this class. `scan()`, `judge_files()` and `correct()` may run in threads of
their own, see personal_head.py.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from alpacasorter.core.events import Finished, Judged, JudgedPhoto, Learned, Problems, ScanEvent
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFile
from alpacasorter.core.session_paths import Places
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import Library
from alpacasorter.ml.learning.personal_head import PersonalHead
from alpacasorter.ml.models.bundle import Bundle, BundleError, load_bundle
from alpacasorter.ml.models.entry import name_of
from alpacasorter.ml.models.head import Head
from alpacasorter.ml.models.store import Choice, ModelStore
from alpacasorter.ml.runtime.backbone import Backbone, BackboneError, CpuBackbone
from alpacasorter.ml.runtime.device import (
    Device,
    DeviceError,
    Preference,
    Trial,
    choose,
    open_backbone,
    remembered_trial,
    time_processor,
    try_gpu_too,
)
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


@dataclass(slots=True)
class Engine:
    """An open session with what it stands on.

    Attributes:
        trial: the timing of both devices.
        device_problem: why the device that the user wants does not serve; empty where it does.
        model_problem: why the model that the user chose does not serve; empty where it does.
    """

    session: Session
    library: Library
    cache: Cache
    bundle: Bundle
    trial: Trial
    device_problem: str = ""
    model_problem: str = ""

    def notices(self) -> tuple[str, ...]:
        """Return sentences the user should read, such as that a damaged library was replaced by its backup.

        There may be new ones at any time: files can be damaged, and disks fill up, while the app runs.
        """
        notices = (self.library.notice, self.cache.notice, self.device_problem, self.model_problem)
        return tuple(notice for notice in notices if notice)

    def try_gpu(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Time the GPU (some seconds the first time) and remember the outcome.

        Raises:
            TrialStopped: `stopped`, which is asked all the while, said so.
        """
        self.trial = _try_gpu(self.bundle, self.cache, self.trial, stopped)

    def use(self, preference: Preference) -> Device:
        """Switch to the device that a preference and the timing say; return it.

        Raises:
            DeviceError, BackboneError: it can't be used; the one in use stays.
        """
        device = choose(preference, self.trial)
        if device != self.session.device:
            self.session.use_device(device)
        return device

    def with_model(self, path: Path, preference: Preference) -> Engine:
        """Return an engine with another model on the same library and cache; this one goes on as it is.

        Only one of the two is to be closed.

        Raises:
            BundleError, BackboneError, LibraryError: it can't be opened.
        """
        bundle = load_bundle(path)
        return _serve(bundle, self.library, self.cache, _processor_timed(bundle, self.cache), preference, strict=False)

    def close(self) -> None:
        """Close the library (which backs it up) and the cache."""
        try:
            self.library.close()
        finally:
            self.cache.close()


def open_engine(places: Places, preference: Preference, *, trial_now: bool) -> Engine:
    """Open library, cache, bundle and session.

    A model that is named must serve; where one that the user chose earlier can't, the bundled one does.

    Args:
        places: where they are.
        preference: which device the user wants.
        trial_now: whether to time the GPU before anything else where that was never done, and to fail where the
            device that the user wants can't be used. Otherwise the CPU serves: until `try_gpu()` and `use()` are
            called, or with a notice.

    Raises:
        LibraryError, LibraryTooNewError, BundleError, DeviceError, BackboneError: plain sentences, all of them.
    """
    bundle, model_problem = _bundle(places)
    library = Library.open(places.data / "library.sqlite", backups=places.data / "backups")
    cache = Cache.open(places.cache / "cache.sqlite")
    try:
        try:
            trial = _processor_timed(bundle, cache)
        except BackboneError:
            # Such as one that was chosen on another computer, with the data folder on a stick.
            bundled = ModelStore(places.data).bundled
            if places.bundle is not None or bundle.path == bundled:
                raise
            model_problem = _meanwhile(bundle.path, "its network can't be run on this computer")
            bundle = load_bundle(bundled)
            trial = _processor_timed(bundle, cache)
        if trial_now and preference != "cpu" and not trial.gpu_tried:
            trial = _try_gpu(bundle, cache, trial)
        engine = _serve(bundle, library, cache, trial, preference, strict=trial_now)
    except BaseException:
        library.close()
        cache.close()
        raise
    engine.model_problem = model_problem
    return engine


def _bundle(places: Places) -> tuple[Bundle, str]:
    """Load the model that is to serve; return it, and why it is not the one that the user chose."""
    choice = ModelStore(places.data).chosen() if places.bundle is None else Choice(places.bundle, True)
    try:
        return load_bundle(choice.path), choice.notice
    except BundleError as error:
        if choice.is_bundled:
            raise
        return load_bundle(ModelStore(places.data).bundled), _meanwhile(choice.path, error.why)


def _meanwhile(path: Path, why: str) -> str:
    return f"The model “{name_of(path)}” can't be used: {why}. The bundled one serves meanwhile."


def _processor_timed(bundle: Bundle, cache: Cache) -> Trial:
    """Return the trial made earlier, or one of the processor alone."""
    return remembered_trial(cache, bundle.backbone_id) or time_processor(bundle.backbone_path, bundle.input_size)


def _serve(
    bundle: Bundle, library: Library, cache: Cache, trial: Trial, preference: Preference, *, strict: bool
) -> Engine:
    """Open a session on the device that is wanted; unless `strict`, on the processor where that can't be used."""
    problem = ""
    try:
        untried = preference == "gpu" and not trial.gpu_tried
        device = choose("auto" if untried else preference, trial)
        session = Session(bundle=bundle, library=library, cache=cache, device=device)
    except (DeviceError, BackboneError) as error:
        if strict and preference == "gpu":
            raise
        problem = f"{error} The processor is used instead." if preference == "gpu" else ""
        session = Session(bundle=bundle, library=library, cache=cache, device=choose("cpu", trial))
    return Engine(session, library, cache, bundle, trial, problem)


def _try_gpu(bundle: Bundle, cache: Cache, trial: Trial, stopped: Callable[[], bool] = lambda: False) -> Trial:
    path, side = bundle.backbone_path, bundle.input_size
    return try_gpu_too(trial, cache, bundle.backbone_id, path, side, stopped=stopped)
