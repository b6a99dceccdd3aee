"""Models in the background: the keeper's answers, and one model taking over from another while photos are shown."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter import paths
from alpacasorter.core.events import Finished, Judged, Learned
from alpacasorter.core.session_paths import Places
from alpacasorter.core.store.library import Library, LibraryError
from alpacasorter.ml import engine as opening_module
from alpacasorter.ml import engine as session_module
from alpacasorter.ml.models import store
from alpacasorter.ml.models.archive import pack
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.models.entry import ModelEntry
from alpacasorter.ml.models.store import Added, ModelStore
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.view_facts import ModelFacts, unexpected
from tests.engines import fill, real_bundle, stand_in_for_python
from tests.models import GOATS, describe, other_model

WAIT_MS = 30_000
SIGNALS = ("ready", "failed", "notice", "model_changing", "judged", "finished", "learned", "correction_failed")
KEEPER_SIGNALS = ("told", "added", "shared", "passed", "failed")
POSITIVE, NEGATIVE = real_bundle().positive_label, real_bundle().negative_label


class Heard:
    """An engine and what it and its keeper of models signal, in order; the keeper's with a dot before the name."""

    def __init__(self, qtbot: QtBot, engine: Engine) -> None:
        self.engine = engine
        self.models = engine.models
        self.all: list[tuple[str, tuple[object, ...]]] = []
        self._qtbot = qtbot
        for owner, names, prefix in ((engine, SIGNALS, ""), (engine.models, KEEPER_SIGNALS, ".")):
            for name in names:
                getattr(owner, name).connect(lambda *values, name=prefix + name: self._hear(name, values))

    def _hear(self, name: str, values: tuple[object, ...]) -> None:
        assert threading.current_thread() is threading.main_thread()
        self.all.append((name, values))

    def of(self, name: str) -> list[tuple[object, ...]]:
        return [values for heard, values in self.all if heard == name]

    def names(self) -> list[str]:
        return [name for name, _ in self.all]

    def wait(self, name: str, count: int = 1) -> tuple[object, ...]:
        self._qtbot.waitUntil(lambda: len(self.of(name)) >= count, timeout=WAIT_MS)
        return self.of(name)[-1]

    def scan(self, folder: Path) -> dict[str, float]:
        """Open a folder, wait until it is scanned; return the probability by content key, as heard since."""
        finished, before = len(self.of("finished")), len(self.all)
        self.engine.open_folder(folder, recursive=True)
        self.wait("finished", finished + 1)
        judged = [values[0] for name, values in self.all[before:] if name == "judged"]
        return {p.content_key: p.probability for event in judged if isinstance(event, Judged) for p in event.photos}

    def facts(self) -> ModelFacts:
        (facts,) = self.of("ready")[-1]
        assert isinstance(facts, ModelFacts)
        return facts

    def settle(self) -> None:
        """Let all that is under way arrive."""
        engine = self.engine
        for lane in (self.models._lane, engine._session_lane, engine._scan_lane, engine._session_lane):
            done = threading.Event()
            lane.submit(done.set)
            self._qtbot.waitUntil(done.is_set, timeout=WAIT_MS)
            self._qtbot.wait(10)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(None, tmp_path / "data", tmp_path / "cache")


@pytest.fixture
def start(qtbot: QtBot, places: Places) -> Iterator[Callable[..., Heard]]:
    """Start engines; all are shut down in the end."""
    engines: list[Engine] = []

    def start_engine(places: Places = places) -> Heard:
        engine = Engine(places, "cpu")
        engines.append(engine)
        heard = Heard(qtbot, engine)
        engine.start()
        qtbot.waitUntil(lambda: bool(heard.of("ready") or heard.of("failed")), timeout=WAIT_MS)
        return heard

    yield start_engine
    for engine in engines:
        engine.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "photos", 6)
    return tmp_path / "photos"


@pytest.fixture
def tried() -> None:
    """Ask for it to have models tried in a child process, which takes a second each time."""


@pytest.fixture(autouse=True)
def _untried(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "tried" not in request.fixturenames:
        monkeypatch.setattr(store, "try_model", lambda *_, **__: None)


@pytest.fixture
def goats(places: Places) -> Path:
    """A model among the user's own that has other classes; its folder."""
    return other_model(places.data / "models" / "goats", **GOATS)


@pytest.fixture
def same_classes(places: Places) -> Path:
    """A model with the classes of the shipped one."""
    return other_model(places.data / "models" / "mine", name="Mine", version="2")


def last_told(heard: Heard) -> list[ModelEntry]:
    (entries,) = heard.of(".told")[-1]
    assert isinstance(entries, list)
    return entries


# The keeper


def test_listing(start: Callable[..., Heard], goats: Path) -> None:
    heard = start()
    heard.models.ask()
    heard.wait(".told")
    assert [(entry.key, entry.in_use) for entry in last_told(heard)] == [("alpaca", True), ("goats", False)]


def test_adding_sharing_and_removing(start: Callable[..., Heard], tmp_path: Path) -> None:
    heard = start()
    heard.models.add(other_model(tmp_path / "goats", **GOATS))
    (added,) = heard.wait(".added")
    assert isinstance(added, Added)
    assert added.is_new
    heard.wait(".told")
    assert [entry.key for entry in last_told(heard)] == ["alpaca", "goats"]
    out = tmp_path / "shared"
    out.write_text("the user has said that it may be replaced")
    heard.models.share(added.entry.path, out)
    assert heard.wait(".shared") == (out,)
    pack(load_bundle(added.entry.path), tmp_path / "expected")
    assert out.read_bytes() == (tmp_path / "expected").read_bytes()
    heard.models.remove(added.entry.path)
    heard.wait(".told", 2)
    assert [entry.key for entry in last_told(heard)] == ["alpaca"]
    heard.models.add(out)
    heard.wait(".added", 2)
    assert heard.of(".failed") == []
    assert "model_changing" not in heard.names()


def test_what_cannot_be_done_is_said_in_a_sentence(start: Callable[..., Heard], tmp_path: Path, goats: Path) -> None:
    heard = start()
    (tmp_path / "letter").write_text("Dear alpaca")
    for number, (what, words) in enumerate(
        (
            (lambda: heard.models.add(tmp_path / "letter"), "not a model file"),
            (lambda: heard.models.add(tmp_path / "nothing"), "does not exist"),
            (lambda: heard.models.share(goats, tmp_path / "none" / "out"), "out can't be written"),
            (lambda: heard.models.share(tmp_path, tmp_path / "out"), "can't be used"),
            (lambda: heard.models.remove(paths.bundled_model()), "can't be removed"),
            (lambda: heard.models.check(tmp_path), "can't be used"),
        ),
        1,
    ):
        what()
        (said,) = heard.wait(".failed", number)
        assert words in str(said)
        assert said != unexpected()
    assert heard.of(".passed") == []


def test_a_trial_does_not_hold_up_the_end(
    start: Callable[..., Heard], tried: None, goats: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = start()
    begun = tmp_path / "begun"
    program = stand_in_for_python(tmp_path / "python", f"pathlib.Path({str(begun)!r}).touch(); time.sleep(100)")
    monkeypatch.setattr(sys, "executable", str(program))
    heard.engine.use_model(goats)
    heard._qtbot.waitUntil(begun.exists, timeout=WAIT_MS)
    before = time.monotonic()
    heard.engine.shutdown()
    assert time.monotonic() - before < 30
    assert heard.of(".failed") == []


# One model takes over from another


def test_another_model_takes_over(start: Callable[..., Heard], folder: Path, goats: Path, places: Places) -> None:
    heard = start()
    first = heard.scan(folder)
    assert len(first) == 6
    heard.engine.use_model(goats)
    heard.wait("ready", 2)
    names = heard.names()
    assert names.index("model_changing") < len(names) - 1 - names[::-1].index("ready")
    assert (heard.facts().name, heard.facts().labels.names) == ("Goats", ("other", "goat"))
    again = heard.scan(folder)
    assert again == pytest.approx(first, abs=1e-6), "the same network and head, from the cache"
    (finished,) = heard.of("finished")[-1]
    assert isinstance(finished, Finished)
    assert finished.opened == 0
    heard.models.ask()
    heard.wait(".told")
    assert [entry.in_use for entry in last_told(heard)] == [False, True]
    assert heard.of("notice") == []
    assert heard.of(".failed") == []
    # The next start, of the window or of a command, begins with it.
    assert ModelStore(places.data).chosen().path == goats
    heard.engine.use_model(None)
    heard.wait("ready", 3)
    assert heard.facts().name == real_bundle().name
    assert ModelStore(places.data).chosen().is_bundled


def test_the_chosen_model_serves_at_the_next_start(start: Callable[..., Heard], goats: Path) -> None:
    heard = start()
    heard.engine.use_model(goats)
    heard.wait("ready", 2)
    heard.engine.shutdown()
    assert start().facts().name == "Goats"


def test_corrections_belong_to_their_classes(start: Callable[..., Heard], folder: Path, goats: Path) -> None:
    heard = start()
    key = min(heard.scan(folder))
    heard.engine.correct({key: POSITIVE}, {})
    heard.wait("learned")
    heard.engine.use_model(goats)
    heard.wait("ready", 2)
    assert heard.facts().corrections == 0
    assert corrections(heard, folder) == {}
    heard.engine.correct({key: "goat"}, {})
    heard.wait("learned", 2)
    heard.engine.use_model(None)
    heard.wait("ready", 3)
    assert heard.facts().corrections == 1
    assert corrections(heard, folder) == {key: POSITIVE}


def corrections(heard: Heard, folder: Path) -> dict[str, str]:
    before = len(heard.all)
    heard.scan(folder)
    judged = [values[0] for name, values in heard.all[before:] if name == "judged"]
    photos = [photo for event in judged if isinstance(event, Judged) for photo in event.photos]
    return {photo.content_key: photo.correction for photo in photos if photo.correction is not None}


def test_corrections_serve_every_model_of_the_same_classes(
    start: Callable[..., Heard], folder: Path, same_classes: Path
) -> None:
    heard = start()
    key = min(heard.scan(folder))
    heard.engine.correct({key: POSITIVE}, {})
    heard.wait("learned")
    heard.engine.use_model(same_classes)
    heard.wait("ready", 2)
    assert heard.facts().corrections == 1
    assert corrections(heard, folder) == {key: POSITIVE}


def test_a_correction_on_its_way_goes_to_the_model_that_was_asked(
    start: Callable[..., Heard], folder: Path, same_classes: Path, places: Places
) -> None:
    """It was made while the other model was being checked, at the very last moment: it is stored and learned from."""
    heard = start()
    first, second = sorted(heard.scan(folder))[:2]
    heard.engine.use_model(same_classes)
    heard.engine.correct({first: POSITIVE}, {})
    heard.engine.model_changing.connect(lambda: heard.engine.correct({second: NEGATIVE}, {}))
    heard.wait("ready", 2)
    heard.settle()
    assert heard.facts().corrections == 2
    assert heard.of("correction_failed") == []
    assert corrections(heard, folder) == {first: POSITIVE, second: NEGATIVE}
    with Library.open(places.data / "library.sqlite") as library:
        assert set(library.corrections(real_bundle().label_set)) == {first, second}


def test_nothing_arrives_late_from_the_old_model(
    start: Callable[..., Heard], tmp_path: Path, goats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The scan is under way when the other model takes over; what it still judges is dropped."""
    fill(tmp_path / "photos", 20)
    embed = session_module.CpuBackbone.embed

    def slow(self: object, pixels: object) -> object:
        time.sleep(0.03)
        return embed(self, pixels)  # type: ignore[arg-type]

    heard = start()
    monkeypatch.setattr(session_module.CpuBackbone, "embed", slow)
    heard.engine.open_folder(tmp_path / "photos", recursive=True)
    heard.wait("judged")
    heard.engine._change_model(goats)
    heard.wait("ready", 2)
    heard.settle()
    after = heard.names()[heard.names().index("model_changing") :]
    assert "judged" not in after
    assert "finished" not in after
    monkeypatch.undo()
    assert len(heard.scan(tmp_path / "photos")) == 20


def test_heads_are_numbered_from_the_start_with_each_model(
    start: Callable[..., Heard], folder: Path, same_classes: Path
) -> None:
    """The new model's first heads have low numbers; they are not taken for old ones."""
    heard = start()
    keys = sorted(heard.scan(folder))
    for number, key in enumerate(keys[:4], 1):
        heard.engine.correct({key: POSITIVE}, {})
        heard.wait("learned", number)
    heard.engine.use_model(same_classes)
    heard.wait("ready", 2)
    heard.scan(folder)
    heard.engine.correct({keys[4]: NEGATIVE}, {})
    (learned,) = heard.wait("learned", 5)
    assert isinstance(learned, Learned)
    assert learned.changes == {keys[4]: NEGATIVE}
    engine = heard.engine._open
    assert engine is not None
    assert learned.head_version < 4
    assert dict(zip(learned.keys, learned.probabilities.tolist(), strict=True)).keys() == set(keys)


def test_a_model_that_cannot_serve_changes_nothing(
    start: Callable[..., Heard], tried: None, folder: Path, goats: Path, places: Places
) -> None:
    heard = start()
    first = heard.scan(folder)
    describe(goats, input_size=160)
    heard.engine.use_model(goats)
    (said,) = heard.wait(".failed")
    assert "network" in str(said)
    heard.settle()
    assert "model_changing" not in heard.names()
    assert len(heard.of("ready")) == 1
    assert ModelStore(places.data).chosen().is_bundled
    heard.engine.correct({min(first): POSITIVE}, {})
    heard.wait("learned")


def test_a_failure_at_the_last_moment_leaves_the_old_model(
    start: Callable[..., Heard], folder: Path, goats: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = start()
    first = heard.scan(folder)

    def fails(**_: object) -> object:
        raise LibraryError("The library can't be read.")

    monkeypatch.setattr(opening_module, "Session", fails)
    heard.engine.use_model(goats)
    assert heard.wait(".failed") == ("The library can't be read.",)
    heard.wait("ready", 2)
    assert heard.facts().name == real_bundle().name
    monkeypatch.undo()
    assert heard.scan(folder) == pytest.approx(first, abs=1e-6)
    heard.engine.correct({min(first): POSITIVE}, {})
    heard.wait("learned")


def test_a_choice_that_cannot_be_stored_is_said(
    start: Callable[..., Heard], goats: Path, monkeypatch: pytest.MonkeyPatch, places: Places
) -> None:
    heard = start()
    (places.data / "model-in-use.json").mkdir()
    heard.engine.use_model(goats)
    heard.wait("ready", 2)
    assert heard.facts().name == "Goats", "it serves all the same"
    (said,) = heard.wait("notice")
    assert "can't be saved" in str(said)


def test_a_named_model_serves_again_at_the_next_start(start: Callable[..., Heard], goats: Path, places: Places) -> None:
    named = Places(paths.bundled_model(), places.data, places.cache)
    heard = start(named)
    heard.engine.use_model(goats)
    heard.wait("ready", 2)
    (said,) = heard.wait("notice")
    assert "ALPACASORTER_MODEL" in str(said)


def test_another_model_helps_where_the_first_could_not_be_opened(
    start: Callable[..., Heard], goats: Path, places: Places, tmp_path: Path, folder: Path
) -> None:
    heard = start(Places(tmp_path / "nothing", places.data, places.cache))
    assert len(heard.of("failed")) == 1
    heard.models.ask()
    heard.wait(".told")
    heard.engine.use_model(goats)
    heard.wait("ready")
    assert heard.facts().name == "Goats"
    assert len(heard.scan(folder)) == 6


def test_a_new_model_is_added_and_serves_at_once(start: Callable[..., Heard], tmp_path: Path) -> None:
    """As after a training."""
    heard = start()
    heard.models.add(other_model(tmp_path / "trained", **GOATS), use=True)
    heard.wait("ready", 2)
    assert heard.facts().name == "Goats"
    heard.models.ask()
    heard.wait(".told", 2)
    assert [entry.in_use for entry in last_told(heard)] == [False, True]


def test_back_and_forth_while_a_folder_opens(
    start: Callable[..., Heard], folder: Path, goats: Path, same_classes: Path
) -> None:
    heard = start()
    for path in (goats, same_classes, None, goats):
        heard.engine.use_model(path)
        heard.engine.open_folder(folder, recursive=True)
    heard.wait("ready", 5)
    assert heard.facts().name == "Goats"
    assert len(heard.scan(folder)) == 6


def test_shutdown_in_the_middle(start: Callable[..., Heard], folder: Path, goats: Path) -> None:
    heard = start()
    heard.engine.open_folder(folder, recursive=True)
    heard.engine.use_model(goats)
    heard.wait(".passed")
    heard.engine.shutdown()
