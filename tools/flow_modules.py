"""Shows which modules a flow crosses: those whose functions run, in order of first call.

    python -m tools.flow_modules sort photo

Each flow runs in this process on drawn pictures, once to import everything and then once more to be counted. The flows
of docs/architecture.md are all of them:

    photo     a new photo in a folder, to its row
    click     a correction, to the rows that are judged again
    sort      a plan, to moved files and back
    arrival   a photo that arrives in a watched folder, to its row
    training  a folder of photos, to a model (needs TensorFlow)
    export    judged photos, to JSON, CSV and XMP sidecars
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any, Final

import numpy as np
from PIL import Image

PACKAGE: Final = "alpacasorter"
SIDE: Final = 96
WAIT_S: Final = 60.0


class Recorder:
    """Records which modules of the package have functions that run, in any thread that is started after it.

    Attributes:
        modules: their names, in order of first call.
    """

    def __init__(self) -> None:
        """Record nothing yet."""
        self.modules: dict[str, None] = {}
        self._recording = False
        self._begin_at: str | None = None
        self._aside: frozenset[str] = frozenset()
        self._local = threading.local()

    @contextlib.contextmanager
    def installed(self) -> Iterator[None]:
        """Be called for every function in this thread, and in those that the block starts."""
        threading.setprofile(self._profile)
        sys.setprofile(self._profile)
        try:
            yield
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    @contextlib.contextmanager
    def recording(self, *, begin_at: str | None = None, aside: Iterable[str] = ()) -> Iterator[None]:
        """Record what runs in the block, and nothing from before.

        Args:
            begin_at: qualified name of the function with which recording begins; None for the start of the block.
            aside: qualified names of functions that are no part of the flow, nor is what they call.
        """
        self.modules = {}
        self._begin_at, self._aside = begin_at, frozenset(aside)
        self._recording = True
        try:
            yield
        finally:
            self._recording = False

    def _profile(self, frame: FrameType, event: str, _argument: object) -> None:
        if not self._recording or event not in ("call", "return") or frame.f_code.co_name == "<module>":
            return
        if frame.f_code.co_filename.startswith("<"):
            # Written by `dataclass`, not by us.
            return
        function = frame.f_code.co_qualname
        if function in self._aside:
            inside = int(getattr(self._local, "depth", 0))
            self._local.depth = inside + (1 if event == "call" else -1)
            return
        if event == "return" or getattr(self._local, "depth", 0) > 0:
            return
        if self._begin_at is not None:
            if function != self._begin_at:
                return
            self._begin_at = None
        name = frame.f_globals.get("__name__", "")
        if name == PACKAGE or name.startswith(f"{PACKAGE}."):
            self.modules.setdefault(name)


Flow = Callable[[Path, Recorder], None]
"""Prepares in an empty folder, and then runs what is recorded."""


def draw(path: Path, seed: int) -> Path:
    """Draw a picture of its own for each seed: a light blob, or dark stripes."""
    chance = np.random.default_rng(seed)
    x, y = np.meshgrid(np.arange(SIDE), np.arange(SIDE))
    pixels = chance.integers(0, 40, (SIDE, SIDE, 3))
    if seed % 2:
        pixels[(x - SIDE // 2) ** 2 + (y - SIDE // 2) ** 2 < (SIDE // 4) ** 2] = (240, 230, 210)
    else:
        pixels[(x + y) // 8 % 2 == 0] = (20, 40, 120)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels.astype(np.uint8)).save(path)
    return path


# The flows in the window


class Window:
    """What a window consists of in these flows: an engine on its threads, and the rows that it fills."""

    def __init__(self, home: Path) -> None:
        """Open the engine and wait until it is ready."""
        from PySide6.QtCore import QCoreApplication

        from alpacasorter import paths
        from alpacasorter.core.session_paths import Places
        from alpacasorter.ui.photo_store import PhotoStore
        from alpacasorter.ui.photos.model import PhotoModel
        from alpacasorter.workers.engine import Engine

        self._application = QCoreApplication.instance() or QCoreApplication([])
        self.store = PhotoStore()
        self.model = PhotoModel(self.store)
        self.engine = engine = Engine(Places(paths.bundled_model(), home / "data", home / "cache"), "cpu")
        ready: list[object] = []
        recent: list[object] = []
        self.finished: list[object] = []
        self.learned: list[object] = []
        engine.ready.connect(ready.append)
        engine.recent_folders.connect(recent.append)
        engine.found.connect(self.model.on_found)
        engine.judged.connect(self.model.on_judged)
        engine.learned.connect(self.model.on_learned)
        engine.learned.connect(self.learned.append)
        engine.finished.connect(self.finished.append)
        engine.watching.found.connect(self.model.on_arrived)
        engine.watching.judged.connect(lambda event: self.model.on_judged(event, live=True))
        engine.start()
        self.wait(lambda: bool(ready) and bool(recent))
        # Answered only after the engine has prepared to learn, which is no part of a flow.
        recent.clear()
        engine.forget_recent(home)
        self.wait(lambda: bool(recent))
        self.store.labels = self._labels()

    def open(self, folder: Path) -> None:
        """Scan a folder, and wait until that is finished."""
        before = len(self.finished)
        self.engine.open_folder(folder, recursive=True)
        self.wait(lambda: len(self.finished) > before)

    def wait(self, condition: Callable[[], bool]) -> None:
        """Handle events until a condition holds."""
        until = time.monotonic() + WAIT_S
        while not condition():
            if time.monotonic() > until:
                raise TimeoutError("The flow did not end.")
            self._application.processEvents()
            time.sleep(0.002)

    def close(self) -> None:
        """End all threads."""
        self.engine.shutdown()

    def _labels(self) -> Any:
        opened = self.engine.opened
        assert opened is not None
        return opened.session.labels


@contextlib.contextmanager
def window(home: Path) -> Iterator[Window]:
    """Open a window, and close it in the end."""
    opened = Window(home)
    try:
        yield opened
    finally:
        opened.close()


def photo(folder: Path, recorder: Recorder) -> None:
    """Scan a folder with one new photo: from where the scan begins until its row is judged."""
    draw(folder / "photos" / "new.jpg", 1)
    # Not part of it: the folder becomes a recent one, watching hears which photos are known, and notices are told.
    aside = ["Engine._remember", "Engine._tell_notices", "WatchService.note", "WatchService.note"]
    recording = recorder.recording(begin_at="walk", aside=aside)
    with window(folder) as opened, recording:
        opened.open(folder / "photos")
        assert opened.store.rows[0].probability is not None


def click(folder: Path, recorder: Recorder) -> None:
    """Correct one of several photos, until all rows are judged again."""
    from alpacasorter.ui.photos.corrections import Corrections

    for seed in range(6):
        draw(folder / "photos" / f"{seed}.jpg", seed)
    with window(folder) as opened:
        opened.open(folder / "photos")
        corrections = Corrections(opened.store)
        corrections.requested.connect(opened.engine.correct)
        before = [row.probability for row in opened.store.rows]
        row = opened.store.rows[0]
        assert row.probability is not None
        with recorder.recording():
            corrections.flip({row: opened.store.labels.label(row.probability, None)})
            opened.wait(lambda: bool(opened.learned))
        assert [row.probability for row in opened.store.rows] != before


def arrival(folder: Path, recorder: Recorder) -> None:
    """Copy a photo into a watched folder, until its row is judged."""
    draw(folder / "photos" / "old.jpg", 1)
    with window(folder) as opened:
        states: list[object] = []
        opened.engine.watching.state.connect(states.append)
        opened.open(folder / "photos")
        opened.engine.watch_folder()
        opened.wait(lambda: bool(states))
        with recorder.recording():
            draw(folder / "photos" / "new.jpg", 2)
            opened.wait(lambda: sum(row.probability is not None for row in opened.store.rows) == 2)


# The other flows


def sort(folder: Path, recorder: Recorder) -> None:
    """Plan a sort, carry it out and undo it."""
    from alpacasorter.core.labels import LabeledPhoto, LabelSet
    from alpacasorter.core.photos.reading import content_key
    from alpacasorter.core.sorting.execution.run import run_sort, undo_sort
    from alpacasorter.core.sorting.options import SortOptions
    from alpacasorter.core.sorting.planning.planner import plan_sort
    from alpacasorter.core.store.library import Library

    labels = LabelSet("other", "alpaca", {})
    photos = []
    for seed in range(4):
        path = draw(folder / "photos" / f"{seed}.jpg", seed)
        path.with_suffix(".xmp").write_bytes(b"sidecar")
        key = content_key(path.read_bytes())
        photos.append(LabeledPhoto(path, key, labels.names[seed % 2], 0.95, taken_at="2026-05-03T14:00:00"))
    options = SortOptions(folder / "sorted", pattern="{label}/{taken:%Y-%m}")
    with Library.open(folder / "library.sqlite") as library, recorder.recording():
        plan = plan_sort(folder / "photos", photos, options, labels)
        *_, ended = run_sort(plan, library)
        *_, undone = undo_sort(ended.record.number, library)  # type: ignore[union-attr]
    assert (undone.record.done, undone.record.failed) == (0, 0)  # type: ignore[union-attr]


def training(folder: Path, recorder: Recorder) -> None:
    """Train a model from drawn pictures, with a backbone of random weights."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    from alpacasorter.training.events import Trained
    from alpacasorter.training.recipe import RANDOM, Recipe
    from alpacasorter.training.train import train

    for seed in range(32):
        draw(folder / "photos" / ("thing" if seed % 2 else "other") / f"{seed}.png", seed)
    recipe = Recipe(weights=RANDOM, side=32, epochs=1, batch_size=8, seed=3)
    with recorder.recording():
        *_, last = train(folder / "photos", folder / "bundle", recipe)
    assert isinstance(last, Trained), last


def export(folder: Path, recorder: Recorder) -> None:
    """Write the results of a judged folder as JSON, CSV and XMP sidecars."""
    from alpacasorter.core.events import JudgedPhoto
    from alpacasorter.core.exchange.results import Source, write_results
    from alpacasorter.core.exchange.sidecars import SidecarOptions, write_sidecars
    from alpacasorter.core.labels import LabelSet
    from alpacasorter.core.photo import PhotoFacts
    from alpacasorter.core.photos.reading import content_key
    from alpacasorter.core.store.library import Library

    labels = LabelSet("other", "alpaca", {})
    photos = []
    for seed in range(4):
        path = draw(folder / "photos" / f"{seed}.jpg", seed)
        facts = PhotoFacts(SIDE, SIDE, None, "JPEG")
        photos.append(JudgedPhoto(path, content_key(path.read_bytes()), 0.9 if seed % 2 else 0.1, facts, None))
    source = Source(folder / "photos", "Alpaca", "1.0", labels)
    with Library.open(folder / "library.sqlite") as library, recorder.recording():
        results = [labels.labeled(one) for one in photos]
        write_results(folder / "results.json", "json", source, results, replace=True)
        write_results(folder / "results.csv", "csv", source, results, replace=True)
        list(write_sidecars(folder / "photos", results, labels, SidecarOptions(rating=True), library=library))
    assert len(list((folder / "photos").glob("*.xmp"))) == 2


FLOWS: Final[dict[str, Flow]] = {
    "photo": photo,
    "click": click,
    "sort": sort,
    "arrival": arrival,
    "training": training,
    "export": export,
}


def modules_of(flow: Flow) -> list[str]:
    """Return the modules that a flow crosses, in order of first call."""
    recorder = Recorder()
    with tempfile.TemporaryDirectory() as folder:
        # To import everything: otherwise the bodies of classes and the decorators of modules would count, too.
        flow(Path(folder), recorder)
    with tempfile.TemporaryDirectory() as folder, recorder.installed():
        flow(Path(folder), recorder)
    return list(recorder.modules)


def main() -> None:
    """Print the modules of the flows that the command line names, or of all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("flows", nargs="*", metavar="FLOW", help=f"one or more of {', '.join(FLOWS)}; default: all")
    names = parser.parse_args().flows or list(FLOWS)
    if unknown := set(names) - FLOWS.keys():
        parser.error(f"unknown flow: {', '.join(sorted(unknown))}")
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    for name in names:
        modules = modules_of(FLOWS[name])
        sys.stdout.write(f"{name}: {len(modules)} modules\n")
        sys.stdout.writelines(f"  {module}\n" for module in modules)


if __name__ == "__main__":
    main()
