"""Exports and imports in the background: files on a lane of their own, the library on the lane of the session."""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar

from PySide6.QtCore import QObject, Qt, Signal

from alpacasorter.core.events import Learned, Progress
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.os_errors import for_log
from alpacasorter.i18n import _
from alpacasorter.workers.lane import Lane
from alpacasorter.workers.view_facts import error_sentence

# core.exchange is only imported when needed: the window starts faster without it.
if TYPE_CHECKING:
    from alpacasorter.core.exchange.embedded import EmbedEnded
    from alpacasorter.core.exchange.keyword_records import Batch
    from alpacasorter.core.exchange.label_file import LabelFile
    from alpacasorter.core.exchange.label_import import ImportOptions, ImportSummary
    from alpacasorter.core.exchange.results import Format, Source
    from alpacasorter.core.exchange.sidecars import SidecarOptions, SidecarsEnded
    from alpacasorter.ml.engine import OpenEngine

_Ended = TypeVar("_Ended")
_log = logging.getLogger(__name__)

_PROGRESS_SECONDS: Final = 0.05
"""Interval between progress signals."""


@dataclass(frozen=True, slots=True)
class _Failure:
    """Why something failed, and whether it was reading a file of labels."""

    words: str
    reading: bool


@dataclass(frozen=True, slots=True)
class KeywordsInPhotos:
    """What is known about keywords in photos.

    Attributes:
        possible: whether a suitable ExifTool is installed.
        batches: the exports that wrote some and were not undone, the newest first.
    """

    possible: bool
    batches: tuple[Batch, ...]


class _NotOpen(Exception):
    """The engine is not open yet; the message is a sentence for the user."""


class ExchangeKeeper(QObject):
    """Runs one export, or reads one file of labels, at a time.

    All methods are called on the GUI thread; all but `close` return at once.

    Signals:
        progress(Progress): progress of the export.
        written(Path): the results were saved to a file.
        sidecars_ended(SidecarsEnded): the sidecars were written, or the user stopped the export.
        keywords_ready(KeywordsInPhotos): whether keywords can be written into photos, and which exports did so.
        embedded(EmbedEnded): keywords were written into photos or taken out again, or the user stopped it.
        stopped(): the export was stopped and nothing was written.
        failed(str): the export failed; a sentence for the user.
        previewed(ImportSummary): what an import would change.
        unreadable(str): the file can't be imported; a sentence for the user.
        imported(int, int): how many corrections were stored or removed, and how many of the photos have not been
            scanned on this computer. The engine's `learned` comes first.
        import_failed(str): nothing was imported; a sentence for the user.
    """

    progress = Signal(object)
    written = Signal(object)
    sidecars_ended = Signal(object)
    stopped = Signal()
    keywords_ready = Signal(object)
    embedded = Signal(object)
    failed = Signal(str)
    previewed = Signal(object)
    unreadable = Signal(str)
    imported = Signal(int, int)
    import_failed = Signal(str)

    _told = Signal(int, object)

    def __init__(
        self,
        opened: Callable[[], OpenEngine | None],
        session_lane: Lane,
        disturb: Callable[[], None],
        learned: Callable[[Learned], None],
        parent: QObject | None = None,
    ) -> None:
        """Prepare; no thread is started yet.

        Args:
            opened: returns the open engine, or None.
            session_lane: the lane on which the model learns.
            disturb: called before the model has to learn.
            learned: called with what changed, on that lane.
            parent: owner of this object.
        """
        super().__init__(parent)
        self._opened = opened
        self._session_lane = session_lane
        self._disturb = disturb
        self._learned = learned
        self._lane = Lane("exchange")
        self._round = 0
        self._stopped_round = 0
        self._busy = False
        self._file: LabelFile | None = None
        self._pictures: Mapping[str, str] = {}
        self._told.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    @property
    def busy(self) -> bool:
        """Whether an export is running or a file is being read."""
        return self._busy

    def export_file(self, out: Path, form: Format, source: Source, results: Sequence[LabeledPhoto]) -> None:
        """Write results to a file, replacing an existing one; `written`, `stopped` or `failed` follows."""
        self._begin(partial(self._export_file, out, form, source, results))

    def export_sidecars(
        self, folder: Path, results: Sequence[LabeledPhoto], labels: LabelSet, options: SidecarOptions
    ) -> None:
        """Write sidecars; `sidecars_ended` or `failed` follows."""
        self._begin(partial(self._export_sidecars, folder, results, labels, options))

    def look_for_exiftool(self) -> None:
        """Look for ExifTool and for earlier exports that used it; `keywords_ready` follows."""
        self._lane.submit(self._look_for_exiftool)

    def embed_keywords(
        self, folder: Path, results: Sequence[LabeledPhoto], labels: LabelSet, options: SidecarOptions
    ) -> None:
        """Write keywords into JPEG files; `embedded` or `failed` follows."""
        self._begin(partial(self._embed_keywords, folder, results, labels, options))

    def undo_keywords(self, number: int) -> None:
        """Give the photos of an earlier export back as they were; `embedded` or `failed` follows."""
        self._begin(partial(self._undo_keywords, number))

    def preview_import(self, path: Path, options: ImportOptions) -> None:
        """Read a file of labels and compare it with the library; `previewed` or `unreadable` follows.

        If it is the same file as the last time, it is not read again.
        """
        self._begin(partial(self._preview_import, path, options), reading=True)

    def stop(self) -> None:
        """Stop the export after the current photo, or stop reading the file."""
        self._stopped_round = self._round

    def forget_file(self) -> None:
        """Discard the last file, and stop reading it."""
        self.stop()
        self._round += 1
        self._busy = False
        self._lane.submit(self._forget)

    def import_labels(self, changes: Mapping[str, str | None]) -> None:
        """Store corrections by content key (None removes one), also for photos that were never scanned.

        `imported` or `import_failed` follows.
        """
        self._disturb()
        self._session_lane.submit(partial(self._import_labels, dict(changes)))

    def close(self) -> None:
        """Stop everything and end the thread; blocks for a moment."""
        self.stop()
        self._round += 1
        self._lane.close()

    def _begin(self, work: Callable[[int], object], *, reading: bool = False) -> None:
        self._round += 1
        self._busy = True
        self._lane.submit(partial(self._run, self._round, work, reading))

    def _deliver(self, number: int, outcome: object) -> None:
        from alpacasorter.core.exchange.embedded import EmbedEnded
        from alpacasorter.core.exchange.label_import import ImportSummary
        from alpacasorter.core.exchange.results import ExportStopped
        from alpacasorter.core.exchange.sidecars import SidecarsEnded

        if number != self._round:
            return
        if isinstance(outcome, Progress):
            self.progress.emit(outcome)
            return
        self._busy = False
        match outcome:
            case Path():
                self.written.emit(outcome)
            case SidecarsEnded():
                self.sidecars_ended.emit(outcome)
            case EmbedEnded():
                self.embedded.emit(outcome)
            case ImportSummary():
                self.previewed.emit(outcome)
            case ExportStopped():
                self.stopped.emit()
            case _Failure():
                (self.unreadable if outcome.reading else self.failed).emit(outcome.words)

    # On the lane for files

    def _run(self, number: int, work: Callable[[int], object], reading: bool) -> None:
        from alpacasorter.core.exchange.results import ExportStopped

        if number != self._round:
            return
        try:
            outcome = work(number)
        except ExportStopped as stop:
            outcome = stop
        except Exception as error:  # noqa: BLE001  # any error becomes a sentence for the user
            outcome = _Failure(error_sentence(error), reading)
        self._told.emit(number, outcome)

    def _is_stopped(self, number: int) -> bool:
        return self._stopped_round >= number or self._round != number

    def _teller(self, number: int) -> Callable[[int, int], None]:
        """Return a function that signals progress at intervals."""
        last = 0.0

        def tell(done: int, total: int) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= _PROGRESS_SECONDS:
                last = now
                self._told.emit(number, Progress(done, total, 0.0, None))

        return tell

    def _export_file(
        self, out: Path, form: Format, source: Source, results: Sequence[LabeledPhoto], number: int
    ) -> Path:
        from alpacasorter.core.exchange.results import write_results

        self._check_library()
        stopped = partial(self._is_stopped, number)
        write_results(out, form, source, results, replace=True, stopped=stopped, progress=self._teller(number))
        return out

    def _export_sidecars(
        self, folder: Path, results: Sequence[LabeledPhoto], labels: LabelSet, options: SidecarOptions, number: int
    ) -> SidecarsEnded:
        from alpacasorter.core.exchange.sidecars import SidecarsEnded, write_sidecars

        self._check_library()
        total = sum(one.content_key is not None for one in results)
        stopped, opened = partial(self._is_stopped, number), self._opened()
        library = None if opened is None else opened.library
        job = write_sidecars(folder, results, labels, options, library=library, stopped=stopped)
        return self._last_of(job, SidecarsEnded, number, total)

    def _look_for_exiftool(self) -> None:
        from alpacasorter.core.exchange.exiftool import find_exiftool
        from alpacasorter.core.exchange.keyword_records import Records

        opened, tool = self._opened(), find_exiftool()
        batches = () if opened is None else tuple(Records(opened.library.path.parent).batches())
        self.keywords_ready.emit(KeywordsInPhotos(tool is not None, tuple(one for one in batches if not one.undone)))

    def _embed_keywords(
        self, folder: Path, results: Sequence[LabeledPhoto], labels: LabelSet, options: SidecarOptions, number: int
    ) -> EmbedEnded:
        from alpacasorter.core.exchange.embedded import EmbedEnded, embed_keywords
        from alpacasorter.core.store.database import utc_now

        self._check_library()
        opened = self._opened()
        if opened is None:
            raise _NotOpen(_not_open())
        stopped, total = partial(self._is_stopped, number), sum(one.content_key is not None for one in results)
        job = embed_keywords(
            folder, results, labels, options, library=opened.library, made_at=utc_now(), stopped=stopped
        )
        return self._last_of(job, EmbedEnded, number, total)

    def _undo_keywords(self, batch: int, number: int) -> EmbedEnded:
        from alpacasorter.core.exchange.embedded import EmbedEnded, undo_keywords
        from alpacasorter.core.store.database import utc_now

        opened = self._opened()
        if opened is None:
            raise _NotOpen(_not_open())
        stopped = partial(self._is_stopped, number)
        job = undo_keywords(batch, library=opened.library, made_at=utc_now(), stopped=stopped)
        return self._last_of(job, EmbedEnded, number, 0)

    def _last_of(self, job: Generator[object, None, None], ended: type[_Ended], number: int, total: int) -> _Ended:
        """Tell the progress of a job, and return its last event."""
        tell = self._teller(number)
        with contextlib.closing(job) as events:
            for done, event in enumerate(events, 1):
                if isinstance(event, ended):
                    return event
                tell(done, total)
        raise AssertionError(f"the last event is {ended.__name__}")

    def _check_library(self) -> None:
        """Raise if what was judged does not include the user's corrections: others would take it for complete."""
        opened = self._opened()
        if opened is not None and opened.library_problem:
            from alpacasorter.core.store.library import LibraryError

            raise LibraryError(opened.library_problem)

    def _preview_import(self, path: Path, options: ImportOptions, number: int) -> ImportSummary:
        from alpacasorter.core.exchange.label_file import read_labels
        from alpacasorter.core.exchange.label_import import known_pictures, summarize

        opened = self._opened()
        if opened is None:
            raise _NotOpen(_not_open())
        if self._file is None or self._file.path != path:
            self._file = None
            self._file = read_labels(path)
        stored = opened.library.corrections(opened.bundle.label_set)
        said = {key: one.label for key, one in stored.items()}
        stopped = partial(self._is_stopped, number)
        pictures = known_pictures(self._file, stored, opened.cache)
        summary = summarize(self._file, opened.session.labels, said, options, pictures=pictures, stopped=stopped)
        self._pictures = summary.pictures
        return summary

    def _forget(self) -> None:
        self._file = None

    # On the session lane

    def _import_labels(self, changes: Mapping[str, str | None]) -> None:
        opened = self._opened()
        if opened is None:
            self.import_failed.emit(_not_open())
            return
        try:
            from alpacasorter.core.exchange.label_import import store_corrections

            bundle, learning = opened.bundle, opened.session.learning
            backbone, size = bundle.backbone_id, bundle.embedding_size
            store_corrections(
                opened.library,
                opened.cache,
                bundle.label_set,
                changes,
                pictures={key: picture for key, picture in self._pictures.items() if key in changes},
                backbone_id=backbone,
                embedding_size=size,
            )
            learned = learning.catch_up(written=True)
        except Exception as error:  # noqa: BLE001
            self.import_failed.emit(error_sentence(error))
            return
        if learned is not None:
            self._learned(learned)
        seen = opened.library.embeddings(bundle.label_set, backbone)
        unseen = sum(label is not None and key not in seen for key, label in changes.items())
        self.imported.emit(len(changes), unseen)
        self._session_lane.submit(partial(self._save, opened))

    def _save(self, opened: OpenEngine) -> None:
        try:
            opened.session.learning.save()
        except Exception as error:  # noqa: BLE001  # nothing is lost: it can be learned again from the corrections
            _log.warning("What was learned was not stored: %s", for_log(error))


def _not_open() -> str:
    return _("AlpacaSorter is still starting. Try again in a moment.")
