"""The engine behind the window: a session on threads, controlled by methods and reporting by signals.

There are three lanes: for the session (opening it, learning), for scans, and for timing the devices. All methods are
called on the GUI thread and return at once; all signals arrive there.
"""

from __future__ import annotations

import contextlib
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Qt, Signal

from alpacasorter.core.events import Finished, Found, Judged, Learned, Problems, Progress
from alpacasorter.core.os_errors import for_log
from alpacasorter.core.photos.exclusion import NOTHING, Exclusion
from alpacasorter.core.session_paths import Places
from alpacasorter.i18n import _
from alpacasorter.workers.exchanging import ExchangeKeeper
from alpacasorter.workers.explaining import ExplainService
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.models import ModelKeeper
from alpacasorter.workers.sorting import SortService
from alpacasorter.workers.variants import VariantKeeper
from alpacasorter.workers.versions import VersionKeeper
from alpacasorter.workers.view_facts import DeviceFacts, ModelFacts, error_sentence
from alpacasorter.workers.watching import WatchService

if TYPE_CHECKING:
    from alpacasorter.core.store.cache import Cache
    from alpacasorter.ml.engine import OpenEngine

_log = logging.getLogger(__name__)

_PREDICTIONS = ("keys", "probabilities", "head_version")
"""The fields of a `Learned` event that depend on the head."""


class Engine(QObject):
    """Runs one session for one window.

    Attributes:
        versions: the versions of what was learned.
        variants: switches between the variants of the model.
        models: the installed models.
        sorting: sorts and undoes them.
        exchange: exports results and imports labels.
        watching: watches the open folder.
        explaining: says why a photo has its prediction.

    Signals:
        ready(ModelFacts): the session is open. Folders opened before that wait for it. Emitted again after each
            `model_changing`.
        model_changing(): another model takes over; the predictions no longer hold, and the folder is closed.
        failed(str): the session can't be opened; a sentence for the user.
        notice(str): a sentence the user should know.
        recent_folders(list): paths of the recent folders, newest first.
        device_changed(DeviceFacts): the device that runs the model now.
        found, judged, problems, progress, finished: the events of the current scan.
        folder_failed(Path, str): the folder can't be opened, and why, a sentence.
        learned(Learned): corrections are stored and every photo was judged again.
        correction_failed(object, str): corrections (a mapping) that were not stored, and why, a sentence.
    """

    ready = Signal(object)
    model_changing = Signal()
    failed = Signal(str)
    notice = Signal(str)
    recent_folders = Signal(list)
    device_changed = Signal(object)
    found = Signal(object)
    judged = Signal(object)
    problems = Signal(object)
    progress = Signal(object)
    finished = Signal(object)
    folder_failed = Signal(object, str)
    learned = Signal(object)
    correction_failed = Signal(object, str)

    _scan_event = Signal(int, object)
    _learned_event = Signal(object)

    def __init__(
        self, places: Places, preference: Literal["auto", "cpu", "gpu"], parent: QObject | None = None
    ) -> None:
        """Prepare; `start()` begins."""
        super().__init__(parent)
        self._places = places
        self._preference = preference
        self.exclusion = NOTHING
        self._open: OpenEngine | None = None
        self._generation = 0
        self._stopped = -1
        self._closing = False
        self._newest: Learned | None = None
        self._notices_shown: set[str] = set()
        self._folder_waiting: tuple[int, Path, bool, Exclusion] | None = None
        self._corrections: dict[str, str | None] = {}
        self._corrected_paths: dict[str, Path] = {}
        self._corrections_lock = threading.Lock()
        self._session_lane = Lane("session")
        self._scan_lane = Lane("scan")
        self._device_lane = Lane("device")
        self.versions = VersionKeeper(lambda: self._open, self._session_lane, self._learned_event.emit, self)
        self.models = ModelKeeper(places, lambda: self._open.bundle.path if self._open else None, self)
        self.models.passed.connect(self._change_model)
        learned, disturb = self._learned_event.emit, self.versions.disturb
        self.variants = VariantKeeper(places, lambda: self._open, self._session_lane, disturb, learned, self)
        self.exchange = ExchangeKeeper(lambda: self._open, self._session_lane, disturb, learned, self)
        self.explaining = ExplainService(lambda: self._open, self)
        self.watching = WatchService(lambda: self._open, learned, self._updated, self)
        self.sorting = SortService(lambda: self._open, self.watching.expect, self)
        self.sorting.began.connect(lambda: self.watching.hold(True))
        self.sorting.ended.connect(lambda: self.watching.hold(False))
        self.sorting.refused.connect(lambda: self.watching.hold(False))
        self._signal_of: dict[type, Callable[[object], None]] = {
            Found: self.found.emit,
            Judged: self.judged.emit,
            Problems: self.problems.emit,
            Progress: self.progress.emit,
            Finished: self.finished.emit,
        }
        self._scan_event.connect(self._deliver, Qt.ConnectionType.QueuedConnection)
        self._learned_event.connect(self._deliver_learned, Qt.ConnectionType.QueuedConnection)
        self.ready.connect(self._on_ready, Qt.ConnectionType.QueuedConnection)
        self.ready.connect(self.versions.settle_soon, Qt.ConnectionType.QueuedConnection)
        self.ready.connect(self.versions.follow_others, Qt.ConnectionType.QueuedConnection)
        self.ready.connect(self.versions.learn_again, Qt.ConnectionType.QueuedConnection)
        # A correction interrupts the measuring of versions.
        self.correction_failed.connect(self.versions.settle_soon, Qt.ConnectionType.QueuedConnection)

    @property
    def cache(self) -> Cache | None:
        """The open cache, which has the thumbnails; None until `ready`."""
        return self._open.cache if self._open else None

    @property
    def opened(self) -> OpenEngine | None:
        """The open session and model, for other lanes to read from; None until `ready`."""
        return self._open

    def start(self) -> None:
        """Open the session in the background; `ready` or `failed` follows."""
        self._session_lane.submit(self._start)

    def open_folder(self, folder: Path, *, recursive: bool) -> None:
        """Scan a folder instead of the open one, without what `exclusion` leaves out."""
        self.stop_scan()
        self._generation += 1
        exclusion = self.exclusion
        self.watching.begin(folder, recursive, exclusion)
        self.sorting.exclusion = exclusion
        self._session_lane.submit(partial(self._begin_scan, self._generation, folder, recursive, exclusion))

    def close_folder(self) -> None:
        """Stop the scan and the watching, and drop the events still on their way."""
        self.stop_scan()
        self._generation += 1
        self.watching.begin(None, False)

    def watch_folder(self) -> None:
        """Watch the open folder from now on, or as soon as its scan has finished; `watching` reports what happens."""
        self.watching.watch_open()

    def stop_scan(self) -> None:
        """Stop the running scan; `finished` follows with `canceled` set."""
        # A scan that has not begun yet checks this.
        self._stopped = self._generation
        if self._open is not None:
            self._open.session.cancel_scan()

    def prefer(self, paths: Iterable[Path]) -> None:
        """Have the running scan open these photos next."""
        if self._open is not None:
            self._open.session.prefer(paths)

    def correct(self, changes: Mapping[str, str | None], paths: Mapping[str, Path]) -> None:
        """Store corrections and learn from them; `learned` or `correction_failed` follows.

        Corrections that arrive during learning are learned from together afterwards, so that tagging photos as fast as
        keys can be pressed doesn't queue up.

        Args:
            changes: labels by content key; None removes the user's label.
            paths: where the photos are, by content key.
        """
        with self._corrections_lock:
            self._corrections.update(changes)
            self._corrected_paths.update(paths)
        self.versions.disturb()
        self._session_lane.submit(self._correct)

    def use_model(self, path: Path | None) -> None:
        """Use another model from now on, also after the next start.

        It is checked while the current one stays in use. If it can't be used, `models.failed` follows and nothing has
        changed. Otherwise the scan is stopped and `model_changing` follows, then `ready` with the model in use.

        Args:
            path: the bundle; None for the bundled model.
        """
        self.models.check(path)

    def prefer_device(self, preference: Literal["auto", "cpu", "gpu"], *, time_again: bool = False) -> None:
        """Run the model on another device from the next photo on.

        Args:
            preference: the device, or "auto" for the faster one.
            time_again: whether to measure the speed of both again.
        """
        self._preference = preference
        self._device_lane.submit(partial(self._choose_device, preference, time_again))

    def forget_recent(self, folder: Path) -> None:
        """Remove a folder from the recent folders."""
        self._session_lane.submit(partial(self._forget, folder))

    def shutdown(self) -> None:
        """Stop the scan, store what was learned, and end all threads; blocks until then."""
        self._closing = True
        self.close_folder()
        self._scan_lane.close()
        self.watching.close()
        self._device_lane.close()
        self.versions.close()
        self.variants.close()
        self.models.close()
        self.sorting.close()
        self.exchange.close()
        self.explaining.close()
        self._session_lane.submit(self._save_head)
        self._session_lane.close()
        if self._open is not None:
            self._open.close()
            self._open = None

    # On the session lane

    def _start(self) -> None:
        try:
            from alpacasorter.ml.engine import open_engine

            self._open = opened = open_engine(self._places, self._preference, trial_now=False)
        except Exception as error:  # noqa: BLE001  # the user gets a sentence instead of a dead window
            self.failed.emit(error_sentence(error))
            return
        self._tell_ready(opened)
        self._tell_recent()
        if self._folder_waiting is not None:
            self._begin_scan(*self._folder_waiting)
        opened.session.learning.prepare()

    def _tell_ready(self, opened: OpenEngine) -> None:
        bundle, session = opened.bundle, opened.session
        corrections, variants = session.learning.correction_count, self.variants.facts(bundle)
        self.ready.emit(
            ModelFacts(bundle.name, bundle.version, session.labels, corrections, bundle.card_path, variants)
        )
        self._tell_notices(opened)
        self._tell_device()
        if not opened.trial.gpu_tried and self._preference != "cpu":
            self._device_lane.submit(partial(self._choose_device, self._preference, False))

    def _take_over(self, path: Path) -> None:
        """Open a model in place of the one in use. Corrections requested before went to that one."""
        if self._closing:
            return
        try:
            from alpacasorter.ml.engine import open_engine

            if self._open is None:
                # The model to use at the start could not be opened.
                places = replace(self._places, bundle=path, variant=None)
                self._open = open_engine(places, self._preference, trial_now=False)
            else:
                self._open = self._open.with_model(path, self._preference, data=self._places.data)
        except Exception as error:  # noqa: BLE001
            self.models.failed.emit(error_sentence(error))
        else:
            if remark := self.models.remember(path):
                self.notice.emit(remark)
        if self._open is not None:
            self._tell_ready(self._open)
            self._open.session.learning.prepare()

    def _begin_scan(self, generation: int, folder: Path, recursive: bool, exclusion: Exclusion) -> None:
        if generation != self._generation:
            return
        if self._open is None:
            # The session is not open yet; `_start` begins the scan.
            self._folder_waiting = (generation, folder, recursive, exclusion)
            return
        if self._open.library_problem:
            self._open_library_again(self._open)
        self._scan_lane.submit(partial(self._scan, generation, folder, recursive, exclusion))

    def _open_library_again(self, opened: OpenEngine) -> None:
        """Open everything again if the corrections can be read by now."""
        try:
            from alpacasorter.ml.engine import open_engine

            bundle = opened.bundle
            places = replace(self._places, bundle=bundle.path, variant=bundle.variant or None)
            again = open_engine(places, self._preference, trial_now=False)
        except Exception as error:  # noqa: BLE001  # photos are judged without them, as before
            _log.info("The corrections still can't be read: %s", for_log(error))
            return
        if again.library_problem:
            again.close()
            return
        self._open = again
        # After a scan that is still being stopped.
        self._scan_lane.submit(opened.close)
        self._tell_ready(again)
        self._tell_recent()
        again.session.learning.prepare()

    def _correct(self) -> None:
        with self._corrections_lock:
            changes, self._corrections = self._corrections, {}
            paths, self._corrected_paths = self._corrected_paths, {}
        if self._open is None or not changes:
            return
        try:
            learned = self._open.session.learning.correct(changes, paths)
        except KeyError:
            self.correction_failed.emit(
                changes, _("The model has not judged the photo yet. Wait a moment and try again.")
            )
            return
        except Exception as error:  # noqa: BLE001
            self.correction_failed.emit(changes, error_sentence(error))
            return
        self._learned_event.emit(learned)
        self.variants.compare(self._open, changes)
        self._tell_notices(self._open)
        self._session_lane.submit(self._save_head)

    def _save_head(self) -> None:
        if self._open is not None:
            self._open.session.learning.save()

    def _forget(self, folder: Path) -> None:
        if self._open is not None:
            self._open.library.forget_folder(folder)
            self._tell_recent()

    def _tell_notices(self, opened: OpenEngine) -> None:
        for notice in opened.notices():
            if notice not in self._notices_shown:
                self._notices_shown.add(notice)
                self.notice.emit(notice)

    def _tell_recent(self) -> None:
        if self._open is not None:
            self.recent_folders.emit([recent.path for recent in self._open.library.recent_folders()])

    # On the scan lane

    def _scan(self, generation: int, folder: Path, recursive: bool, exclusion: Exclusion) -> None:
        opened = self._open
        if opened is None or generation != self._generation:
            return
        device = opened.session.device
        remembered = False
        try:
            scan = opened.session.scan(folder, recursive=recursive, exclusion=exclusion)
            with contextlib.closing(scan) as events:
                for event in events:
                    if generation != self._generation:
                        break
                    if generation == self._stopped:
                        opened.session.cancel_scan()
                    self._scan_event.emit(generation, event)
                    if not remembered:
                        remembered = True
                        self._remember(opened, folder)
            if generation == self._generation:
                opened.cache.prune()
            self._tell_notices(opened)
        except Exception as error:  # noqa: BLE001
            if generation == self._generation:
                self.folder_failed.emit(folder, error_sentence(error))
        if opened.session.device is not device:
            # The GPU failed and the session continued without it.
            self._tell_device()

    def _remember(self, opened: OpenEngine, folder: Path) -> None:
        try:
            opened.library.remember_folder(folder)
            self._tell_recent()
        except Exception as error:  # noqa: BLE001  # the list of recent folders is not worth the scan
            _log.warning("The folder was not remembered: %s", for_log(error))

    # On the GUI thread

    def _change_model(self, path: Path) -> None:
        """Close the folder before its model is replaced, so that no photo can be corrected in between."""
        self.close_folder()
        self.versions.disturb()
        self.model_changing.emit()
        self._session_lane.submit(partial(self._take_over, path))

    def _on_ready(self) -> None:
        # What the previous model learned last arrived before this, from the same lane. The new one counts from 0.
        self._newest = None

    def _deliver(self, generation: int, event: object) -> None:
        if generation != self._generation:
            return
        if isinstance(event, Learned):
            self._deliver_learned(event)
            return
        self.watching.note(event)
        if isinstance(event, Judged):
            event = self._updated(event)
        self._signal_of[type(event)](event)

    def _deliver_learned(self, learned: Learned) -> None:
        """Pass on a result of learning. Two lanes learn, so an older one may arrive after a newer one."""
        newest = self._newest
        if newest is not None and learned.head_version < newest.head_version:
            learned = replace(learned, **{name: getattr(newest, name) for name in _PREDICTIONS})
        self._newest = learned
        self.learned.emit(learned)
        self.versions.settle_soon()

    def _updated(self, event: Judged) -> Judged:
        """Return predictions as the newest head would make them.

        A `learned` event may overtake predictions of an older head. It contains their photos, but the window did not
        know them yet.
        """
        newest = self._newest
        if self._open is None or newest is None or event.head_version >= newest.head_version:
            return event
        correction = self._open.session.learning.correction
        newer = dict(zip(newest.keys, newest.probabilities.tolist(), strict=True))
        photos = (
            replace(
                photo,
                probability=newer.get(photo.content_key, photo.probability),
                correction=correction(photo.content_key),
            )
            for photo in event.photos
        )
        return Judged(tuple(photos), newest.head_version)

    # On the device lane

    def _choose_device(self, preference: Literal["auto", "cpu", "gpu"], time_again: bool) -> None:
        opened = self._open
        if opened is None:
            return
        try:
            if preference != "cpu" and (time_again or not opened.trial.gpu_tried):
                opened.try_gpu(lambda: self._closing)
            opened.use(preference)
        except Exception as error:  # noqa: BLE001
            if self._closing:
                return
            self.notice.emit(error_sentence(error))
        self._tell_device()

    def _tell_device(self) -> None:
        if self._open is not None:
            device = self._open.session.device
            self.device_changed.emit(DeviceFacts(device.kind, device.threads, device.milliseconds, device.note))
