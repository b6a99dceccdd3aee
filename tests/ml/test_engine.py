"""Opening everything: in the right order, with plain sentences where something is wrong."""

import shutil
import sqlite3
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from alpacasorter.core.session_paths import Places
from alpacasorter.core.store.cache import Cache
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.ml import engine as opening_module
from alpacasorter.ml.engine import OpenEngine, Session, open_engine
from alpacasorter.ml.models.metadata import BundleError
from alpacasorter.ml.models.store import ModelStore
from alpacasorter.ml.runtime import device as device_module
from alpacasorter.ml.runtime.backbone import (
    GPU_CRASHED_BEFORE,
    GPU_STOPPED,
    NO_GPU,
    BackboneError,
    CpuBackbone,
    sentence,
)
from alpacasorter.ml.runtime.device import (
    DeviceError,
    Preference,
    Trial,
    TrialStopped,
    choose,
    remembered_trial,
    try_gpu_too,
)
from tests.engines import Outcome, fill, places_in, real_bundle, stand_in_for_python
from tests.models import GOATS, describe, other_model, replace_backbone

WITHOUT_GPU = 'pathlib.Path(sys.argv[-1]).write_text(\'{"problem": "gpu-none"}\')'
FAST_GPU = "pathlib.Path(sys.argv[-1]).write_text('{\"milliseconds\": 0.001}')"


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return places_in(tmp_path)


@pytest.fixture
def trials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine without a GPU; the file grows with each trial."""
    log = tmp_path / "trials"
    log.touch()
    program = stand_in_for_python(tmp_path / "driver", f"open({str(log)!r}, 'a').write('x')\n{WITHOUT_GPU}")
    monkeypatch.setattr(sys, "executable", str(program))
    return log


def opened(places: Places, preference: Preference, *, trial_now: bool) -> tuple[OpenEngine, str]:
    """Open and close again; return what was opened, and which device served."""
    engine = open_engine(places, preference, trial_now=trial_now)
    try:
        return engine, engine.session.device.kind
    finally:
        engine.close()


def test_a_first_start_makes_what_it_needs(places: Places, tmp_path: Path) -> None:
    engine, kind = opened(places, "cpu", trial_now=True)
    assert kind == "cpu"
    assert engine.notices() == ()
    assert engine.bundle.bundle_id == real_bundle().bundle_id
    assert (places.data / "library.sqlite").is_file()
    assert (places.cache / "cache.sqlite").is_file()
    assert not engine.trial.gpu_tried


def test_an_engine_works(places: Places, tmp_path: Path) -> None:
    fill(tmp_path / "photos", 2)
    engine = open_engine(places, "cpu", trial_now=True)
    try:
        outcome = Outcome(engine.session.scan(tmp_path / "photos", recursive=True))
        assert outcome.finished.judged == 2
        assert engine.session.device.milliseconds > 0
    finally:
        engine.close()
    with pytest.raises(LibraryError):
        engine.library.corrections("a|b")


def test_the_gpu_is_tried_once(places: Places, trials: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert not opened(places, "cpu", trial_now=True)[0].trial.gpu_tried
    assert trials.read_text() == "", "nobody asked for a GPU"
    assert not opened(places, "auto", trial_now=False)[0].trial.gpu_tried
    assert trials.read_text() == "", "the window must not wait for it"
    engine, kind = opened(places, "auto", trial_now=True)
    assert (kind, engine.trial.problem, trials.read_text()) == ("cpu", NO_GPU, "x")

    def timed_again(*_: object, **__: object) -> float:
        raise AssertionError("timed again")

    monkeypatch.setattr(device_module, "time_cpu", timed_again)
    for trial_now in (True, False):
        again, _ = opened(places, "auto", trial_now=trial_now)
        assert again.trial == engine.trial
    assert trials.read_text() == "x"


def test_the_window_tries_the_gpu_later(places: Places, trials: Path) -> None:
    engine = open_engine(places, "auto", trial_now=False)
    try:
        assert not engine.trial.gpu_tried
        assert engine.session.device.note == choose("auto", engine.trial).note
        with pytest.raises(TrialStopped):
            engine.try_gpu(lambda: True)
        assert not engine.trial.gpu_tried
        before = engine.trial.cpu
        engine.try_gpu()
        assert engine.trial == Trial(before, None, NO_GPU)
        assert engine.use("auto").note == sentence(NO_GPU)
        assert engine.session.device.note == sentence(NO_GPU)
        with pytest.raises(DeviceError):
            engine.use("gpu")
        assert engine.session.device.kind == "cpu"
    finally:
        engine.close()


def test_a_requested_gpu_that_fails(places: Places, trials: Path) -> None:
    with pytest.raises(DeviceError, match="No GPU"):
        open_engine(places, "gpu", trial_now=True)
    # It is known now; the window opens all the same, and says so.
    engine, kind = opened(places, "gpu", trial_now=False)
    assert kind == "cpu"
    (notice,) = engine.notices()
    assert sentence(NO_GPU) in notice
    assert trials.read_text() == "x"
    assert opened(places, "auto", trial_now=True)[0].notices() == ()


def test_a_fast_gpu_that_fails_all_the_same(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failing(CpuBackbone):
        def __init__(self, model: bytes) -> None:
            raise BackboneError(GPU_STOPPED)

    monkeypatch.setattr(device_module, "GpuBackbone", Failing)
    monkeypatch.setattr(sys, "executable", str(stand_in_for_python(tmp_path / "driver", FAST_GPU)))
    engine, kind = opened(places, "auto", trial_now=True)
    assert engine.trial.gpu == 0.001
    assert (kind, engine.notices()) == ("cpu", ())
    with pytest.raises(BackboneError):
        open_engine(places, "gpu", trial_now=True)
    engine, kind = opened(places, "gpu", trial_now=False)
    (notice,) = engine.notices()
    assert kind == "cpu"
    assert notice.startswith(sentence(GPU_STOPPED))


def test_a_fast_gpu_is_used(places: Places, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(device_module, "GpuBackbone", CpuBackbone)
    monkeypatch.setattr(sys, "executable", str(stand_in_for_python(tmp_path / "driver", FAST_GPU)))
    engine = open_engine(places, "auto", trial_now=True)
    try:
        assert engine.session.device.kind == "gpu"
        assert engine.use("cpu").kind == engine.session.device.kind == "cpu"
        assert engine.use("auto").kind == engine.session.device.kind == "gpu"
    finally:
        engine.close()


def test_a_broken_bundle_is_refused_before_anything_is_made(places: Places, tmp_path: Path) -> None:
    broken = tmp_path / "model"
    shutil.copytree(places.bundle, broken, ignore=shutil.ignore_patterns("keras_weights.npz"))
    (broken / "head.npz").write_bytes(b"nothing")
    for bundle in (broken, tmp_path / "none"):
        with pytest.raises(BundleError, match=r"\.$"):
            open_engine(replace(places, bundle=bundle), "cpu", trial_now=True)
    assert not places.data.exists()
    assert not places.cache.exists()


def test_what_was_opened_is_closed_where_the_session_fails(places: Places, monkeypatch: pytest.MonkeyPatch) -> None:
    closed = []

    class Failing(Session):
        def __init__(self, *, library: Library, cache: Cache, **_: object) -> None:
            closed.extend([library, cache])
            raise KeyboardInterrupt

    monkeypatch.setattr(opening_module, "Session", Failing)
    with pytest.raises(KeyboardInterrupt):
        open_engine(places, "cpu", trial_now=True)
    library, cache = closed
    with pytest.raises(LibraryError):
        library.recent_folders()
    cache.set_value("a", "b")
    assert cache.get_value("a") is None, "it keeps nothing any more"


def test_notices_come_from_library_and_cache(places: Places) -> None:
    opened(places, "cpu", trial_now=True)
    (places.data / "library.sqlite").write_bytes(b"no database" * 1000)
    engine, _ = opened(places, "cpu", trial_now=True)
    (notice,) = engine.notices()
    assert notice == engine.library.notice


def test_a_crash_with_the_gpu_is_known_at_the_next_start(places: Places, trials: Path) -> None:
    opened(places, "auto", trial_now=True)
    with Cache.open(places.cache / "cache.sqlite") as cache:
        cache.set_value("gpu-in-use", "1")
    for _ in range(2):
        engine, kind = opened(places, "auto", trial_now=True)
        assert (kind, engine.trial.problem) == ("cpu", GPU_CRASHED_BEFORE)
    assert trials.read_text() == "x", "never started again"
    with Cache.open(places.cache / "cache.sqlite") as cache:
        bundle = real_bundle()
        stored = remembered_trial(cache, bundle.backbone_id)
        assert stored is not None
        again = try_gpu_too(stored, cache, bundle.backbone_id, bundle.backbone_path, bundle.input_size)
    assert again.problem == NO_GPU


# Several models


@pytest.fixture
def chosen(places: Places, tmp_path: Path) -> Path:
    """A model that the user added and chose earlier; its folder."""
    store = ModelStore(places.data)
    added = store.add_model(other_model(tmp_path / "goats", **GOATS))
    store.choose(added.entry.path)
    return added.entry.path


def test_the_chosen_model_is_used_unless_one_is_named(places: Places, chosen: Path) -> None:
    engine, _ = opened(replace(places, bundle=None), "cpu", trial_now=True)
    assert (engine.bundle.path, engine.notices()) == (chosen, ())
    assert engine.session.labels.names == ("other", "goat")
    engine, _ = opened(places, "cpu", trial_now=True)
    assert engine.bundle.path == places.bundle


def test_nothing_chosen_is_the_bundled_one(places: Places) -> None:
    engine, _ = opened(replace(places, bundle=None), "cpu", trial_now=True)
    assert (engine.bundle.bundle_id, engine.notices()) == (real_bundle().bundle_id, ())


@pytest.mark.parametrize("trial_now", [True, False])
@pytest.mark.parametrize("what", ["gone", "changed", "another network", "no network", "unknown choice"])
def test_a_chosen_model_that_cannot_be_used(places: Places, chosen: Path, what: str, *, trial_now: bool) -> None:
    network = (chosen / "backbone.tflite").read_bytes()
    match what:
        case "gone":
            shutil.rmtree(chosen)
        case "changed":
            (chosen / "head.npz").write_bytes(b"odd")
        case "another network":
            describe(chosen, input_size=160)
        case "no network":
            replace_backbone(chosen, network[:-4000] + bytes(4000))
        case _:
            (places.data / "model-in-use.json").write_text("odd")
    engine, _ = opened(replace(places, bundle=None), "cpu", trial_now=trial_now)
    assert engine.bundle.bundle_id == real_bundle().bundle_id
    (notice,) = engine.notices()
    if what == "unknown choice":
        assert "bundled model is used" in notice
    else:
        assert notice.startswith(f"The model “{'goats' if what == 'gone' else 'Goats'}” can't be used. ")
        assert notice.endswith("The bundled model is used instead.")


def test_a_named_model_that_cannot_be_used_is_an_error(places: Places, chosen: Path) -> None:
    describe(chosen, input_size=160)
    with pytest.raises(BackboneError):
        open_engine(replace(places, bundle=chosen), "cpu", trial_now=True)
    (chosen / "head.npz").unlink()
    with pytest.raises(BundleError, match="head"):
        open_engine(replace(places, bundle=chosen), "cpu", trial_now=True)


def test_another_model_on_the_same_library_and_cache(places: Places, chosen: Path, tmp_path: Path) -> None:
    fill(tmp_path / "photos", 3)
    engine = open_engine(places, "cpu", trial_now=True)
    try:
        first = Outcome(engine.session.scan(tmp_path / "photos", recursive=True))
        key = next(iter(first.probabilities()))
        engine.session.learning.correct({key: engine.session.labels.positive})
        other = engine.with_model(chosen, "cpu", data=places.data)
        assert (other.library, other.cache) == (engine.library, engine.cache)
        again = Outcome(other.session.scan(tmp_path / "photos", recursive=True))
        # The same network: nothing is opened again. Other classes: the correction does not count for them.
        assert (first.finished.opened, again.finished.opened) == (3, 0)
        assert [photo.correction for photo in again.photos.values()] == [None] * 3
        back = other.with_model(engine.bundle.path, "cpu", data=places.data)
        assert back.session.learning.correction(key) == engine.session.labels.positive
        (chosen / "head.npz").unlink()
        with pytest.raises(BundleError):
            back.with_model(chosen, "cpu", data=places.data)
        assert Outcome(back.session.scan(tmp_path / "photos", recursive=True)).finished.judged == 3
    finally:
        engine.close()


# A library that can't be opened


def test_without_a_library_photos_are_judged(tmp_path: Path) -> None:
    places = places_in(tmp_path)
    places.data.write_bytes(b"no folder")
    (photo,) = fill(tmp_path / "photos", 1)
    engine = open_engine(places, "cpu", trial_now=False)
    try:
        outcome = Outcome(engine.session.scan(photo.parent, recursive=True))
        key = outcome.photos[photo].content_key
        assert any("without your corrections" in notice for notice in engine.notices())
        assert engine.library.corrections(real_bundle().label_set) == {}
        with pytest.raises(LibraryError, match="can't be written to"):
            engine.session.learning.correct({key: "alpaca"}, {key: photo})
        assert engine.library.corrections(real_bundle().label_set) == {}
        assert engine.with_model(real_bundle().path, "cpu", data=places.data).library_problem == engine.library_problem
    finally:
        engine.close()
    with pytest.raises(LibraryError, match="can't be written to"):
        open_engine(places, "cpu", trial_now=False, library_required=True)


def test_a_library_in_use_or_of_a_newer_version_is_no_reason_to_go_without(
    tmp_path: Path,
) -> None:
    places = places_in(tmp_path)
    open_engine(places, "cpu", trial_now=False).close()
    with sqlite3.connect(places.data / "library.sqlite") as database:
        database.execute("CREATE TABLE of_the_newer_app (id INTEGER PRIMARY KEY)")
        database.execute("PRAGMA user_version = 999")
    database.close()
    with pytest.raises(LibraryError, match="newer version"):
        open_engine(places, "cpu", trial_now=False)
