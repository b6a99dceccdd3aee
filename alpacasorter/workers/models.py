"""The models of the user, in the background: listed, added, shared, removed, and checked before one takes over."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

from alpacasorter.core.files import display_path
from alpacasorter.core.session_paths import Places
from alpacasorter.workers.facts import sentence
from alpacasorter.workers.lane import Lane

if TYPE_CHECKING:
    from alpacasorter.ml.models.store import ModelStore

_NAMED = (
    "The model serves now. The next start uses the one that --model or ALPACASORTER_MODEL names, as long as one of "
    "them does."
)


class ModelKeeper(QObject):
    """Looks after the models. All methods but `remember` are called on the GUI thread and return at once.

    It has a lane of its own, so that no correction waits for a model that is copied or tried.

    Signals:
        told(list): the models there are, of ModelEntry; follows `ask` and whenever one came or went.
        added(Added): a model was added, or was there already.
        shared(Path): a model was written to this file.
        passed(Path): the model in this folder can serve; follows `check`.
        failed(str): what was asked for could not be done; a sentence for the user.
    """

    told = Signal(list)
    added = Signal(object)
    shared = Signal(object)
    passed = Signal(object)
    failed = Signal(str)

    def __init__(self, places: Places, in_use: Callable[[], Path | None], parent: QObject | None = None) -> None:
        """Prepare.

        Args:
            places: where the user's data are.
            in_use: returns the folder of the model that serves.
            parent: the owner.
        """
        super().__init__(parent)
        self._places = places
        self._in_use = in_use
        self._lane = Lane("models")
        self._closed = False

    def ask(self) -> None:
        """Tell which models there are."""
        self._submit(self._tell)

    def add(self, source: Path, *, use: bool = False) -> None:
        """Add a model from a file or folder; `added` and `told` follow, and `passed` where it is to serve at once."""
        self._submit(partial(self._add, source, use))

    def check(self, path: Path | None) -> None:
        """See whether a model can serve, the bundled one where None is given; `passed` follows, or `failed`."""
        self._submit(partial(self._check, path))

    def share(self, path: Path, out: Path) -> None:
        """Write a model as one file, in the place of one that is there; `shared` follows, or `failed`."""
        self._submit(partial(self._share, path, out))

    def remove(self, path: Path) -> None:
        """Delete a model that was added; `told` follows, or `failed`."""
        self._submit(partial(self._remove, path))

    def remember(self, path: Path) -> str:
        """Have the next start use this model; return what the user should know of that, or nothing. Any thread."""
        from alpacasorter.ml.models.store import ModelStoreError

        try:
            self._store().choose(path)
        except ModelStoreError as error:
            return str(error)
        return _NAMED if self._places.bundle is not None else ""

    def close(self) -> None:
        """Give up a trial that is under way and end the thread; blocks until then."""
        self._closed = True
        self._lane.close()

    # On the lane

    def _submit(self, job: Callable[[], None]) -> None:
        self._lane.submit(partial(self._guarded, job))

    def _guarded(self, job: Callable[[], None]) -> None:
        if self._closed:
            return
        try:
            job()
        except Exception as error:  # noqa: BLE001  # whatever it is, the user gets a sentence
            if not self._closed:
                self.failed.emit(sentence(error))

    def _store(self) -> ModelStore:
        from alpacasorter.ml.models.store import ModelStore

        return ModelStore(self._places.data)

    def _tell(self) -> None:
        self.told.emit(self._store().list_models(self._in_use()))

    def _add(self, source: Path, use: bool) -> None:
        added = self._store().add_model(source, stopped=lambda: self._closed)
        self.added.emit(added)
        self._tell()
        if use:
            self.passed.emit(added.entry.path)

    def _check(self, path: Path | None) -> None:
        store = self._store()
        wanted = path or store.bundled
        store.check(wanted, stopped=lambda: self._closed)
        self.passed.emit(wanted)

    def _share(self, path: Path, out: Path) -> None:
        from alpacasorter.ml.models.archive import pack
        from alpacasorter.ml.models.bundle import load_bundle
        from alpacasorter.ml.models.entry import system_reason

        try:
            pack(load_bundle(path), out, overwrite=True)
        except OSError as error:
            self.failed.emit(f"{display_path(out.name)} can't be written: {system_reason(error)}.")
        else:
            self.shared.emit(out)

    def _remove(self, path: Path) -> None:
        try:
            self._store().remove_model(path, in_use=self._in_use())
        finally:
            self._tell()
