"""The checks of the self-test that need no window: decoding, judging, correcting, sorting, child processes."""

from __future__ import annotations

import contextlib
import math
import sys
from collections.abc import Callable, Generator, Iterator
from functools import partial
from pathlib import Path

import numpy as np

from alpacasorter import paths
from alpacasorter.cli.console import without_library_output
from alpacasorter.cli.self_test.report import SelfTestFailed
from alpacasorter.cli.self_test.samples import FORMATS, SIZE, looks_right, sample
from alpacasorter.core import reasons
from alpacasorter.core.events import Finished, Judged, JudgedPhoto, Problems
from alpacasorter.core.labels import LabeledPhoto, LabelSet
from alpacasorter.core.photos.decode import decode
from alpacasorter.core.photos.reading import content_key
from alpacasorter.core.session_paths import Places
from alpacasorter.core.sorting.events import SortEnded, SortEvent, SortState
from alpacasorter.core.sorting.execution.run import run_sort, undo_sort
from alpacasorter.core.sorting.options import SortOptions
from alpacasorter.core.sorting.planning.planner import plan_sort
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import Library
from alpacasorter.ml.engine import open_engine
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.models.trial import try_model
from alpacasorter.ml.runtime.backbone import sentence
from alpacasorter.ml.runtime.device import try_gpu
from alpacasorter.training.requirements import keep_quiet, start
from alpacasorter.workers.training import training_available

_SURE = 0.999


def all_checks(place: Path, variant: str | None = None) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield each check with its name; each uses its own subfolder of `place`, and this variant of the model."""
    for form in FORMATS:
        yield f"picture {form}", partial(_decoding, form)
    yield "judging", lambda: _judging(place / "judging", variant)
    yield "library", lambda: _library(place / "library")
    yield "sorting", lambda: _sorting(place / "sorting")
    yield "child process", _child
    yield "graphics processor", _graphics
    # Not if it was installed with pip: TensorFlow takes longer to load than all other checks.
    if getattr(sys, "frozen", False) and training_available():
        yield "training", _training


def _decoding(form: str) -> str:
    photo = decode(sample(form), min_side=min(SIZE), thumbnail_side=max(SIZE))
    if (photo.format, photo.width, photo.height) != (form, *SIZE):
        raise SelfTestFailed(f"It was read as {photo.format}, {photo.width} by {photo.height} pixels.")
    if not looks_right(photo.pixels):
        raise SelfTestFailed("Its colors are wrong.")
    if not photo.thumbnail:
        raise SelfTestFailed("It has no thumbnail.")
    return f"{photo.width} by {photo.height} pixels"


def _judging(place: Path, variant: str | None) -> str:
    """Judge a picture, correct it, try all variants, and check that the correction is still there after a restart."""
    folder = place / "photos"
    folder.mkdir(parents=True)
    (folder / "picture.jpg").write_bytes(sample("JPEG"))
    engine = open_engine(_places(place, variant), "cpu", trial_now=False)
    with contextlib.closing(engine):
        photo = _judged(engine.session.scan(folder, recursive=True))
        if not (math.isfinite(photo.probability) and 0 <= photo.probability <= 1):
            raise SelfTestFailed(f"The probability is {photo.probability}.")
        labels = engine.bundle.label_set
        said = engine.session.labels.other(engine.session.labels.predicted(photo.probability))
        learned = engine.session.learning.correct({photo.content_key: said}, {photo.content_key: photo.path})
        if learned.corrections != 1:
            raise SelfTestFailed(f"The model learned from {learned.corrections} corrections, not 1.")
        variants = engine.bundle.variants
        for name in () if variants is None else variants.names:
            if not np.isfinite(engine.session.use_variant(name).probabilities).all():
                raise SelfTestFailed(f"With the variant {name}, the probability is not a number.")
        device = engine.session.device
    with Library.open(place / "data" / "library.sqlite") as library:
        kept = library.corrections(labels).get(photo.content_key)
    if kept is None or kept.label != said:
        raise SelfTestFailed("The correction was not stored.")
    return f"{labels} at {photo.probability:.3f}, corrected and stored; {device.milliseconds:.1f} ms per photo"


def _judged(events: Generator[object, None, None]) -> JudgedPhoto:
    photos: list[JudgedPhoto] = []
    with contextlib.closing(events):
        for event in events:
            match event:
                case Judged():
                    photos += event.photos
                case Problems():
                    raise SelfTestFailed(reasons.sentence(event.problems[0].reason))
                case Finished():
                    break
                case _:
                    pass
    if len(photos) != 1:
        raise SelfTestFailed(f"{len(photos)} pictures were judged, not 1.")
    return photos[0]


def _library(place: Path) -> str:
    """Write to library and cache, close both, and read them again; check that the library was backed up."""
    key = content_key(sample("PNG"))
    with Library.open(place / "library.sqlite") as library:
        library.set_corrections("a|b", {key: "a"})
    with Cache.open(place / "cache.sqlite") as cache:
        cache.store_thumbnail(key, sample("JPEG"))
        cache.set_value("self-test", "kept")
    with Library.open(place / "library.sqlite") as library, Cache.open(place / "cache.sqlite") as cache:
        kept = library.corrections("a|b").get(key)
        if kept is None or kept.label != "a" or library.notice:
            raise SelfTestFailed(f"The library did not store a correction. {library.notice or ''}".strip())
        if cache.get_value("self-test") != "kept" or cache.notice:
            raise SelfTestFailed(f"The cache stored nothing. {cache.notice or ''}".strip())
    backups = len(list((place / "backups").iterdir()))
    return f"a correction was written and read back, backups: {backups}"


def _sorting(place: Path) -> str:
    """Sort two photos into the folders of two labels, and undo the sort."""
    folder = place / "photos"
    folder.mkdir(parents=True)
    labels = LabelSet("no", "yes", {})
    before: dict[Path, bytes] = {}
    photos = []
    for form, label in zip(("JPEG", "PNG"), labels.names, strict=True):
        path = folder / f"{form.lower()}.{form.lower()}"
        before[path] = sample(form)
        path.write_bytes(before[path])
        photos.append(LabeledPhoto(path, content_key(before[path]), label, _SURE, corrected=True))
    with Library.open(place / "library.sqlite") as library:
        plan = plan_sort(folder, photos, SortOptions(place / "sorted"), labels)
        ended = _end(run_sort(plan, library), SortState.FINISHED)
        there = {file.target: file.content_key for unit in plan.units for file in unit.files}
        wrong = [path for path, key in there.items() if path is None or content_key(path.read_bytes()) != key]
        if len(there) != len(photos) or wrong or any(path.exists() for path in before):
            raise SelfTestFailed("The sorted files are not where the plan put them.")
        _end(undo_sort(ended.record.number, library), SortState.UNDONE)
    if {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} != before:
        raise SelfTestFailed("The undo did not restore the files.")
    return f"{ended.record.done} files sorted and restored"


def _end(events: Generator[SortEvent, None, None], wanted: SortState) -> SortEnded:
    with contextlib.closing(events):
        last = [*events][-1]
    if not isinstance(last, SortEnded) or last.failures or last.record.state is not wanted:
        raise SelfTestFailed(f"The sort ended with {last}.")
    return last


def _child() -> str:
    """Start this program as the child process that tries an added model."""
    problem = try_model(paths.named_model() or paths.bundled_model())
    if problem is not None:
        raise SelfTestFailed(f"The model can't be used in a child process. {sentence(problem)}")
    return "the model was tried in a child process"


def _graphics() -> str:
    """Return the result of a GPU trial. A missing or unusable GPU is not a failure of the program."""
    bundle = load_bundle(paths.named_model() or paths.bundled_model())
    milliseconds, problem = try_gpu(bundle.backbone_path, bundle.input_size)
    return sentence(problem) if milliseconds is None else f"{milliseconds:.1f} ms per photo"


def _training() -> str:
    """Load TensorFlow and Keras."""
    keep_quiet()
    with without_library_output():
        return f"on the {start(seed=1)}"


def _places(place: Path, variant: str | None) -> Places:
    return Places(paths.named_model() or paths.bundled_model(), place / "data", place / "cache", variant)
