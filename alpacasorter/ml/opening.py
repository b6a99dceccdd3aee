"""Opens everything a session needs, in the one order that is right, for the window and the command line alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from alpacasorter.core.session_paths import Places
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import Library
from alpacasorter.ml.backbone import BackboneError
from alpacasorter.ml.bundle import Bundle, BundleError, load_bundle
from alpacasorter.ml.device import (
    Device,
    DeviceError,
    Preference,
    Trial,
    choose,
    remembered_trial,
    time_processor,
    try_gpu_too,
)
from alpacasorter.ml.model_choice import Choice
from alpacasorter.ml.model_entry import name_of
from alpacasorter.ml.model_store import ModelStore
from alpacasorter.ml.session import Session


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
