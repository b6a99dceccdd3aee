"""Opens everything a session needs, in the one order that is right, for the window and the command line alike."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from alpacasorter.core.cache import Cache
from alpacasorter.core.library import Library
from alpacasorter.core.places import Places
from alpacasorter.ml.backbone import BackboneError
from alpacasorter.ml.bundle import Bundle, load_bundle
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
from alpacasorter.ml.session import Session


@dataclass(slots=True)
class Engine:
    """An open session with what it stands on.

    Attributes:
        trial: the timing of both devices.
        device_problem: why the device that the user wants does not serve; empty where it does.
    """

    session: Session
    library: Library
    cache: Cache
    bundle: Bundle
    trial: Trial
    device_problem: str = ""

    def notices(self) -> tuple[str, ...]:
        """Return sentences the user should read, such as that a damaged library was replaced by its backup.

        There may be new ones at any time: files can be damaged, and disks fill up, while the app runs.
        """
        return tuple(notice for notice in (self.library.notice, self.cache.notice, self.device_problem) if notice)

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

    def close(self) -> None:
        """Close the library (which backs it up) and the cache."""
        try:
            self.library.close()
        finally:
            self.cache.close()


def open_engine(places: Places, preference: Preference, *, trial_now: bool) -> Engine:
    """Open library, cache, bundle and session.

    Args:
        places: where they are.
        preference: which device the user wants.
        trial_now: whether to time the GPU before anything else where that was never done, and to fail where the
            device that the user wants can't be used. Otherwise the CPU serves: until `try_gpu()` and `use()` are
            called, or with a notice.

    Raises:
        LibraryError, LibraryTooNewError, BundleError, DeviceError, BackboneError: plain sentences, all of them.
    """
    bundle = load_bundle(places.bundle)
    library = Library.open(places.data / "library.sqlite", backups=places.data / "backups")
    cache = Cache.open(places.cache / "cache.sqlite")
    try:
        trial = remembered_trial(cache, bundle.backbone_id)
        if trial is None:
            trial = time_processor(bundle.backbone_path, bundle.input_size)
            if trial_now and preference != "cpu":
                trial = _try_gpu(bundle, cache, trial)
        problem = ""
        try:
            untried = preference == "gpu" and not trial.gpu_tried
            device = choose("auto" if untried else preference, trial)
            session = Session(bundle=bundle, library=library, cache=cache, device=device)
        except (DeviceError, BackboneError) as error:
            if trial_now and preference == "gpu":
                raise
            problem = f"{error} The processor is used instead." if preference == "gpu" else ""
            session = Session(bundle=bundle, library=library, cache=cache, device=choose("cpu", trial))
    except BaseException:
        library.close()
        cache.close()
        raise
    return Engine(session, library, cache, bundle, trial, problem)


def _try_gpu(bundle: Bundle, cache: Cache, trial: Trial, stopped: Callable[[], bool] = lambda: False) -> Trial:
    path, side = bundle.backbone_path, bundle.input_size
    return try_gpu_too(trial, cache, bundle.backbone_id, path, side, stopped=stopped)
