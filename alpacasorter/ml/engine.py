"""The engine behind the window and the command line: library, cache, model and device, opened in the right order.

`Session` is the model with one open folder: it scans the folder, judges its photos and learns from corrections. Scans,
`judge_files()` and learning may run in different threads, see learning/personal_head.py.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from alpacasorter.core.events import (
    Explained,
    Finished,
    Judged,
    JudgedPhoto,
    Learned,
    LearningAgain,
    Problems,
    ScanEvent,
)
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.photo import PhotoFile, Unreadable
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.photos.picture_key import picture_key
from alpacasorter.core.photos.reading import content_key, read_file
from alpacasorter.core.session_paths import Places, keep_private, private_folder
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import Library, open_or_stand_in
from alpacasorter.i18n import _
from alpacasorter.ml.evaluation.explain import Explainer
from alpacasorter.ml.learning.carry_over import CarryOver
from alpacasorter.ml.learning.personal_head import PersonalHead
from alpacasorter.ml.models.bundle import Bundle, load_bundle
from alpacasorter.ml.models.entry import name_of, same_folder
from alpacasorter.ml.models.metadata import BundleError
from alpacasorter.ml.models.store import Choice, ModelStore
from alpacasorter.ml.models.trial import try_model
from alpacasorter.ml.runtime.backbone import GPU_STOPPED, Backbone, BackboneError, CpuBackbone, sentence
from alpacasorter.ml.runtime.device import (
    Device,
    DeviceError,
    Preference,
    Trial,
    choose,
    cpu_trial,
    open_backbone,
    remembered_trial,
    try_gpu_too,
)
from alpacasorter.ml.scan import Embedded, Opener, Pipeline, Scan

_PICTURES_AT_ONCE: Final = 100
_TRIED_KEY: Final = "model-tried"


class Session:
    """A model in use, with one open folder.

    Attributes:
        bundle: the model in use, with the variant in use.
        labels: its two classes.
        device: where the backbone runs.
        learning: the head in use, the corrections it has learned from, and its versions.
    """

    def __init__(self, *, bundle: Bundle, library: Library, cache: Cache, device: Device) -> None:
        """Open a session whose head has learned from the corrections in the library.

        Raises:
            BackboneError: the backbone does not run on `device`.
            LibraryError: the library can't be read.
        """
        self.bundle = bundle
        self.labels = LabelSet(bundle.negative_label, bundle.positive_label, bundle.display_names, bundle.threshold)
        self._cache = cache
        self._model = bundle.backbone_path.read_bytes()
        self.device = device
        self._backbone: Backbone = open_backbone(device, self._model, bundle.input_size, cache)
        self._lock = threading.Lock()
        self._scan: Scan | None = None
        self._looked_for: set[str] = set()
        self.learning = PersonalHead(bundle, self.labels, library)
        self._table = self.learning.open_folder()
        self._explainer = Explainer(self.learning, cache, self._feature_map)
        self._carry_over = CarryOver(self.learning, library, self._pipeline)

    def scan(self, root: Path, *, recursive: bool, exclusion: Exclusion = NOTHING) -> Generator[ScanEvent, None, None]:
        """Scan a folder, which becomes the open folder; yield events, Finished last. Closing it ends its threads.

        Raises:
            FolderUnavailable: the folder itself can't be read.
        """
        scan = Scan(root, recursive=recursive, exclusion=exclusion, **self._pipeline())
        self._table = table = self.learning.open_folder()
        self._scan = scan
        with contextlib.closing(scan.run()) as events:
            for event in events:
                if isinstance(event, Finished):
                    # Photos that are known were not opened, but those that the user labeled must be, once.
                    here = {key: hint for key, hint in self.learning.photos_without_picture().items() if key in table}
                    yield from self._look_up(here, lambda: scan.canceled)
                    learned = self.learning.learn_pending()
                    if learned is not None:
                        yield learned
                yield self.learning.judge(event, table) if isinstance(event, Embedded) else event

    def judge_files(
        self, files: Sequence[PhotoFile], *, stopped: Callable[[], bool] = lambda: False
    ) -> Generator[Judged | Problems | Learned, None, None]:
        """Judge photos that were added to the open folder or changed in it; each ends in a Judged or a Problems.

        May run at the same time as `scan()` in another thread; if that opens another folder, these photos still belong
        to the previous one. All files are read. What the cache knows about their bytes is used, so a copy is judged at
        once.

        Args:
            files: the photos.
            stopped: polled; once it returns True, this ends after the photos in progress.
        """
        table = self._table
        for embedded, problems in Opener(stopped=stopped, **self._pipeline()).run(files):
            if embedded.paths:
                yield self.learning.judge(embedded, table)
            if problems.problems:
                yield problems
        learned = self.learning.learn_pending()
        if learned is not None:
            yield learned

    def use_variant(self, name: str) -> Learned:
        """Use another variant of the model, and judge every photo of the open folder again; no photo is opened.

        Raises:
            BundleError: the model has no such variant; nothing has changed.
        """
        learned = self.learning.use_variant(name)
        self.bundle = self.learning.bundle
        return learned

    def judge_again(self, photos: Iterable[JudgedPhoto]) -> list[JudgedPhoto]:
        """Return photos of the open folder with the predictions of the current head and the current corrections.

        Photos that are not in the open folder are left out.
        """
        table = self._table
        known = [photo for photo in photos if photo.content_key in table]
        if not known:
            return []
        embedded = Embedded(
            tuple(photo.path for photo in known),
            tuple(photo.content_key for photo in known),
            tuple(photo.facts for photo in known),
            np.stack([table.get(photo.content_key) for photo in known]).astype(np.float16),
            tuple(photo.picture_key for photo in known),
        )
        return list(self.learning.judge(embedded, table).photos)

    def _pipeline(self) -> Pipeline:
        return {
            "cache": self._cache,
            "backbone_id": self.bundle.backbone_id,
            "embedding_size": self.bundle.embedding_size,
            "embed": self.embed,
            "input_size": self.bundle.input_size,
            "threads": self.device.threads,
        }

    def learn_again(self, stopped: Callable[[], bool]) -> Generator[LearningAgain, None, None]:
        """Process the photos of corrections that were made while another model was in use (see `carry_over`).

        May run at the same time as a scan in another thread. The caller has `learning.learn_pending()` learn from them.

        Args:
            stopped: polled; once it returns True, this ends after the photo in progress. It goes on the next time.
        """
        yield from self._carry_over.run(stopped)

    def find_pictures(self, stopped: Callable[[], bool]) -> Generator[Learned, None, None]:
        """Read corrected photos whose picture keys are not known, in other folders too; yield what follows from that.

        An earlier version of the app corrected them, or it was the last to read them. Each is looked for once in a
        session.

        Args:
            stopped: polled; once it returns True, this ends after the photo in progress.
        """
        yield from self._look_up(self.learning.photos_without_picture(), stopped)

    def _look_up(
        self, photos: Mapping[str, Path | None], stopped: Callable[[], bool]
    ) -> Generator[Learned, None, None]:
        found: dict[str, str] = {}
        for key, hint in photos.items():
            if stopped():
                break
            if key not in self._looked_for:
                self._looked_for.add(key)
                places = [*self._cache.paths_of(key), *([] if hint is None else [hint])]
                picture = next((one for path in dict.fromkeys(places) if (one := _picture_at(path, key))), None)
                if picture is not None:
                    found[key] = picture
            if len(found) == _PICTURES_AT_ONCE:
                learned, found = self.learning.learn_pictures(found), {}
                if learned is not None:
                    yield learned
        if found and (learned := self.learning.learn_pictures(found)):
            yield learned

    def cancel_scan(self) -> None:
        """Stop the running scan, if any, after the photos in progress."""
        if self._scan is not None:
            self._scan.cancel()

    def prefer(self, paths: Iterable[Path]) -> None:
        """Have the running scan open these photos next."""
        if self._scan is not None:
            self._scan.prefer(paths)

    def explain(
        self,
        path: Path,
        key: str,
        pixels: npt.NDArray[np.uint8] | None = None,
        *,
        stopped: Callable[[], bool] = lambda: False,
    ) -> Explained:
        """Return why a judged photo has its prediction (see `evaluation.explain`). For one thread at a time.

        Args:
            path: where it is.
            key: its content key.
            pixels: the photo as it was decoded to be shown, uint8 (height, width, 3), if it was.
            stopped: polled; once it returns True, decoding is abandoned.

        Raises:
            DecodingStopped: `stopped` returned True.
        """
        table = self._table
        embedding = table.get(key) if key in table else None
        return self._explainer.explain(path, key, embedding, pixels, stopped=stopped)

    def embed(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the embedding, float32 (embedding size,), of a model input; if the GPU fails, switch to the CPU."""
        return self._run(lambda backbone: backbone.embed(pixels))

    def _feature_map(self, pixels: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        return self._run(lambda backbone: backbone.feature_map(pixels))

    def _run(self, run: Callable[[Backbone], npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        backbone = self._backbone
        try:
            return run(backbone)
        except BackboneError:
            if isinstance(backbone, CpuBackbone):
                raise
            with self._lock:
                # Several threads get here one after the other; only the first replaces the backbone.
                if self._backbone is backbone:
                    self._backbone = CpuBackbone(self._model)
                    self.device = Device("cpu", self.device.threads, 0.0, sentence(GPU_STOPPED))
            return run(self._backbone)

    def use_device(self, device: Device) -> None:
        """Run the backbone on another device from now on.

        Raises:
            BackboneError: it does not run there; the device in use is kept.
        """
        backbone = open_backbone(device, self._model, self.bundle.input_size, self._cache)
        with self._lock:
            self._backbone, self.device = backbone, device


def _picture_at(path: Path, key: str) -> str | None:
    """Return the picture key of the photo with this content key; None if it is not in this place."""
    try:
        data = read_file(path)
    except (Unreadable, ValueError):
        return None
    return picture_key(data, key) if content_key(data) == key else None


@dataclass(slots=True)
class OpenEngine:
    """An open session and everything it depends on.

    Attributes:
        session: the session.
        library, cache: the open databases.
        trial: the timing of both devices.
        device_problem: why the device that the user wants is not used, in sentences; empty if it is.
        model_problem: why the model that the user chose is not used, in sentences; empty if it is.
        library_problem: why the corrections can't be read, in sentences; empty if they can. Then photos are judged
            without them, and nothing can be kept.
    """

    session: Session
    library: Library
    cache: Cache
    trial: Trial
    device_problem: str = ""
    model_problem: str = ""
    library_problem: str = ""

    @property
    def bundle(self) -> Bundle:
        """The model in use, with the variant in use."""
        return self.session.bundle

    def notices(self) -> tuple[str, ...]:
        """Return sentences that the user should read, for example that a damaged library was restored from its backup.

        There may be new ones at any time, because files can get damaged and disks can fill up while the app runs.
        """
        library = self.library.notice
        if self.library_problem:
            library = f"{self.library_problem} {_('Photos are judged without your corrections.')}"
        notices = (library, self.cache.notice, self.device_problem, self.model_problem)
        return tuple(notice for notice in notices if notice)

    def try_gpu(self, stopped: Callable[[], bool] = lambda: False) -> None:
        """Time the GPU, which takes some seconds the first time, and store the result.

        Raises:
            TrialStopped: `stopped`, which is polled meanwhile, returned True.
        """
        self.trial = _try_gpu(self.bundle, self.cache, self.trial, stopped)

    def use(self, preference: Preference) -> Device:
        """Switch to the device that follows from a preference and the timing; return it.

        Raises:
            DeviceError, BackboneError: it can't be used; the device in use is kept.
        """
        device = choose(preference, self.trial)
        if device != self.session.device:
            self.session.use_device(device)
        return device

    def with_model(self, path: Path, preference: Preference, *, data: Path) -> OpenEngine:
        """Return an engine with another model on the same library and cache; this one stays usable.

        Only one of the two may be closed.

        Args:
            path: its folder.
            preference: which device the user wants.
            data: the user's data folder, where it is stored which variant they have chosen.

        Raises:
            BundleError, BackboneError, LibraryError: it can't be opened.
        """
        bundle = _in_chosen_variant(load_bundle(path), data)
        engine = _open_on_device(
            bundle, self.library, self.cache, _cpu_timed(bundle, self.cache), preference, strict=False
        )
        engine.library_problem = self.library_problem
        return engine

    def close(self) -> None:
        """Close the library (which backs it up) and the cache."""
        try:
            self.library.close()
        finally:
            self.cache.close()


def open_engine(
    places: Places, preference: Preference, *, trial_now: bool, library_required: bool = False
) -> OpenEngine:
    """Open library, cache, bundle and session.

    A model that was named explicitly must work. If one that the user chose earlier does not, the bundled model is used.

    Args:
        places: where everything is.
        preference: which device the user wants.
        trial_now: whether to time the GPU first if that was never done, and to fail if the device that the user wants
            can't be used. Otherwise the CPU is used: with a notice, or until `try_gpu()` and `use()` are called.
        library_required: whether to fail if the corrections can't be read, for work that would be wrong without them.

    Raises:
        LibraryError, LibraryTooNewError, BundleError, DeviceError, BackboneError: with a sentence for the user.
    """
    bundle, model_problem = _load_chosen(places)
    for folder in (places.data, places.cache):
        with contextlib.suppress(OSError):
            private_folder(folder)
    keep_private(places.data, places.cache)
    file, backups = places.data / "library.sqlite", places.data / "backups"
    library, library_problem = (
        (Library.open(file, backups=backups), "") if library_required else open_or_stand_in(file, backups=backups)
    )
    cache = Cache.open(places.cache / "cache.sqlite")
    try:
        try:
            if not same_folder(bundle.path, ModelStore(places.data).bundled):
                _try_once(bundle, cache)
            trial = _cpu_timed(bundle, cache)
        except BackboneError as error:
            # For example, it was chosen on another computer, and the data folder is on a USB stick.
            bundled = ModelStore(places.data).bundled
            if places.bundle is not None or bundle.path == bundled:
                raise
            model_problem = _fallback_notice(bundle.path, str(error))
            bundle = _in_chosen_variant(load_bundle(bundled), places.data, places.variant)
            trial = _cpu_timed(bundle, cache)
        if trial_now and preference != "cpu" and not trial.gpu_tried:
            trial = _try_gpu(bundle, cache, trial)
        engine = _open_on_device(bundle, library, cache, trial, preference, strict=trial_now)
    except BaseException:
        library.close()
        cache.close()
        raise
    engine.model_problem = model_problem
    engine.library_problem = library_problem
    return engine


def _load_chosen(places: Places) -> tuple[Bundle, str]:
    """Load the model to use, in the variant to use; return it, and why it is not what the user chose, if so."""
    choice = ModelStore(places.data).chosen() if places.bundle is None else Choice(places.bundle, True)
    notice = choice.notice
    try:
        bundle = load_bundle(choice.path)
    except BundleError as error:
        if choice.is_bundled:
            raise
        bundle, notice = load_bundle(ModelStore(places.data).bundled), _fallback_notice(choice.path, error.why)
    return _in_chosen_variant(bundle, places.data, places.variant), notice


def _in_chosen_variant(bundle: Bundle, data: Path, named: str | None = None) -> Bundle:
    """Return a bundle in the variant that is named, or else in the one that the user chose last.

    Raises:
        BundleError: there is none of that name.
    """
    name = named if named is not None else ModelStore(data).chosen_variant(bundle)
    return bundle if name is None else bundle.with_variant(name)


def _fallback_notice(path: Path, why: str) -> str:
    # Translators: {reason} is a sentence.
    return _("The model “{name}” can't be used. {reason} The bundled model is used instead.").format(
        name=name_of(path), reason=why
    )


def _try_once(bundle: Bundle, cache: Cache) -> None:
    """Try a model that this computer has not run yet in a child process, which it may take down.

    Raises:
        BackboneError: it does not work.
    """
    # A model may have been named by --model, or changed after it was added.
    if cache.get_value(_TRIED_KEY) == bundle.bundle_id:
        return
    problem = try_model(bundle.path)
    if problem is not None:
        raise BackboneError(problem)
    cache.set_value(_TRIED_KEY, bundle.bundle_id)


def _cpu_timed(bundle: Bundle, cache: Cache) -> Trial:
    """Return an earlier trial, or time only the CPU."""
    return remembered_trial(cache, bundle.backbone_id) or cpu_trial(bundle.backbone_path, bundle.input_size)


def _open_on_device(
    bundle: Bundle, library: Library, cache: Cache, trial: Trial, preference: Preference, *, strict: bool
) -> OpenEngine:
    """Open a session on the device that the user wants; unless `strict`, on the CPU if that device can't be used."""
    problem = ""
    try:
        untried = preference == "gpu" and not trial.gpu_tried
        device = choose("auto" if untried else preference, trial)
        session = Session(bundle=bundle, library=library, cache=cache, device=device)
    except (DeviceError, BackboneError) as error:
        if strict and preference == "gpu":
            raise
        if preference == "gpu":
            # Translators: {reason} is one or two sentences.
            problem = _("{reason} The CPU is used instead.").format(reason=error)
        session = Session(bundle=bundle, library=library, cache=cache, device=choose("cpu", trial))
    return OpenEngine(session, library, cache, trial, problem)


def _try_gpu(bundle: Bundle, cache: Cache, trial: Trial, stopped: Callable[[], bool] = lambda: False) -> Trial:
    path, side = bundle.backbone_path, bundle.input_size
    return try_gpu_too(trial, cache, bundle.backbone_id, path, side, stopped=stopped)
