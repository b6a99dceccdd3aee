"""Variants behind the window: what it is told about them, switching, and what corrections suggest."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from alpacasorter.core.events import Learned
from alpacasorter.core.labels import LabelSet
from alpacasorter.core.session_paths import Places
from alpacasorter.ml.models.store import VARIANTS
from alpacasorter.workers.engine import Engine
from alpacasorter.workers.view_facts import ModelFacts, VariantsFacts
from tests.engines import by_key, fill, places_in
from tests.models import model_with_variants
from tests.workers.test_engine import Heard, probabilities

COUNT = 5


class Variants(Heard):
    """An engine, and what it tells about variants."""

    def __init__(self, qtbot: QtBot, engine: Engine) -> None:
        super().__init__(qtbot, engine)
        for name in ("changed", "agreed", "previewed", "failed"):
            getattr(engine.variants, name).connect(
                lambda *values, name=name: self.all.append((f"variants {name}", values))
            )

    def facts(self) -> ModelFacts:
        (facts,) = self.of("ready")[-1]
        assert isinstance(facts, ModelFacts)
        return facts

    def use(self, name: str) -> VariantsFacts:
        before = len(self.of("variants changed"))
        self.engine.variants.use(name)
        (facts,) = self.wait("variants changed", before + 1)
        assert isinstance(facts, VariantsFacts)
        return facts

    @property
    def labels(self) -> LabelSet:
        return self.facts().labels


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model_with_variants(tmp_path_factory.mktemp("model") / "ponies")


@pytest.fixture
def places(tmp_path: Path, model: Path) -> Places:
    return replace(places_in(tmp_path), bundle=model)


@pytest.fixture
def start(qtbot: QtBot, places: Places) -> Iterator[Callable[..., Variants]]:
    """Start engines, which are shut down afterwards."""
    engines: list[Engine] = []

    def start_engine(places: Places = places) -> Variants:
        engine = Engine(places, "cpu")
        engines.append(engine)
        heard = Variants(qtbot, engine)
        engine.start()
        heard.wait("ready")
        return heard

    yield start_engine
    for engine in engines:
        engine.shutdown()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    fill(tmp_path / "photos", COUNT)
    return tmp_path / "photos"


def test_the_window_is_told_what_there_is(start: Callable[..., Variants]) -> None:
    variants = start().facts().variants
    assert variants is not None
    assert (variants.setting, variants.first_question) == ("Ponies count as", "What do ponies count as?")
    assert [(one.name, one.title) for one in variants.choices] == [("wide", "Horse"), ("narrow", "Not horse")]
    wide, narrow = variants.choices
    assert (wide.question, wide.answer) == ("", "")
    assert (narrow.question, narrow.answer) == ("Are ponies not horses for you?", "Ponies are not horses")
    assert (variants.current, variants.is_chosen) == ("wide", False)


def test_switching_judges_everything_and_opens_nothing(start: Callable[..., Variants], folder: Path) -> None:
    heard = start()
    before = probabilities(heard) if heard.scan(folder) else {}
    facts = heard.use("narrow")
    (learned,) = heard.wait("learned")
    assert isinstance(learned, Learned)
    assert (facts.current, facts.is_chosen, learned.variant) == ("narrow", True, "narrow")
    names = [name for name, _values in heard.all]
    assert names.index("variants changed") < names.index("learned")
    after = by_key(learned)
    assert after.keys() == before.keys()
    threshold = heard.labels.threshold
    flipped = {key for key in before if (before[key] >= threshold) != (after[key] >= threshold)}
    assert set(learned.changed) == flipped
    assert len(flipped) >= COUNT - 1
    # A scan of the same folder agrees, without opening a photo.
    assert heard.scan(folder).finished.opened == 0
    assert probabilities(heard) == pytest.approx(after, abs=1e-6)
    assert len(heard.of("ready")) == 1


def test_the_choice_is_kept_for_the_next_start(start: Callable[..., Variants], folder: Path) -> None:
    first = start()
    first.scan(folder)
    first.use("narrow")
    (learned,) = first.wait("learned")
    first.engine.shutdown()
    second = start()
    variants = second.facts().variants
    assert variants is not None
    assert (variants.current, variants.is_chosen) == ("narrow", True)
    second.scan(folder)
    assert isinstance(learned, Learned)
    assert probabilities(second) == pytest.approx(by_key(learned), abs=1e-6)


def test_the_one_in_use_can_be_chosen(start: Callable[..., Variants], folder: Path) -> None:
    """The answer to the first question may be the default: then nothing is judged, and it is not asked again."""
    first = start()
    first.scan(folder)
    facts = first.use("wide")
    assert (facts.current, facts.is_chosen) == ("wide", True)
    first.settle()
    assert first.of("learned") == []
    first.engine.shutdown()
    variants = start().facts().variants
    assert variants is not None
    assert variants.is_chosen


def test_a_variant_for_one_run(start: Callable[..., Variants], places: Places) -> None:
    variants = start(replace(places, variant="narrow")).facts().variants
    assert variants is not None
    assert (variants.current, variants.is_chosen) == ("narrow", True)
    assert not (places.data / VARIANTS).exists()
    variants = start().facts().variants
    assert variants is not None
    assert (variants.current, variants.is_chosen) == ("wide", False)


def test_an_unknown_variant_for_one_run(qtbot: QtBot, places: Places) -> None:
    engine = Engine(replace(places, variant="pony"), "cpu")
    try:
        heard = Heard(qtbot, engine)
        engine.start()
        (sentence,) = heard.wait("failed")
        assert "wide or narrow" in str(sentence)
    finally:
        engine.shutdown()


def test_one_that_there_is_not(start: Callable[..., Variants], folder: Path) -> None:
    heard = start()
    heard.scan(folder)
    heard.engine.variants.use("pony")
    (sentence,) = heard.wait("variants failed")
    assert "wide or narrow" in str(sentence)
    heard.settle()
    assert heard.of("variants changed") == heard.of("learned") == []


def test_a_choice_that_cannot_be_stored_holds_for_now(
    start: Callable[..., Variants], folder: Path, places: Places
) -> None:
    heard = start()
    heard.scan(folder)
    (places.data / VARIANTS).mkdir()
    facts = heard.use("narrow")
    assert "can't be saved" in str(heard.wait("variants failed")[0])
    assert (facts.current, facts.is_chosen) == ("narrow", False)
    heard.wait("learned")


def test_a_preview_says_what_would_change(start: Callable[..., Variants], folder: Path) -> None:
    heard = start()
    heard.scan(folder)
    heard.engine.variants.preview("pony")
    heard.engine.variants.preview("narrow")
    name, keys = heard.wait("variants previewed")
    assert name == "narrow", "of one that there is not, nothing is said"
    heard.use("narrow")
    (learned,) = heard.wait("learned")
    assert isinstance(learned, Learned)
    assert set(learned.changed) == set(keys) != set()  # type: ignore[call-overload]


def test_before_it_is_ready(qtbot: QtBot, places: Places) -> None:
    engine = Engine(places, "cpu")
    engine.variants.use("narrow")
    engine.variants.preview("narrow")
    engine.shutdown()
    engine.variants.preview("narrow")


def test_without_variants(start: Callable[..., Variants], places: Places, tmp_path: Path) -> None:
    heard = start(places_in(tmp_path))
    if heard.facts().variants is not None:
        pytest.skip("the bundled model has variants")
    heard.engine.variants.use("narrow")
    assert "no variants" in str(heard.wait("variants failed")[0])


def test_corrections_suggest_a_variant(start: Callable[..., Variants], folder: Path) -> None:
    heard = start()
    heard.scan(folder)
    judged = probabilities(heard)
    keys = [key for key in judged if abs(judged[key] - heard.labels.threshold) > 0.1][:3]

    def correct(key: str, *, right: bool) -> None:
        said = heard.labels.predicted(judged[key])
        before = len(heard.of("learned"))
        heard.engine.correct({key: said if right else heard.labels.other(said)}, {key: folder})
        heard.wait("learned", before + 1)
        heard.settle()

    correct(keys[0], right=True)
    assert heard.of("variants agreed") == []
    correct(keys[1], right=False)
    ((first,),) = heard.of("variants agreed")[-1]  # type: ignore[misc]
    assert (first.variant, first.photos, first.corrections, first.against) == ("narrow", (keys[1],), 1, 1)
    correct(keys[2], right=False)
    ((second,),) = heard.of("variants agreed")[-1]  # type: ignore[misc]
    assert (second.photos, second.corrections, second.against) == ((keys[2],), 2, 1)
    # It comes once the correction is shown.
    names = [name for name, _values in heard.all if name in ("learned", "variants agreed")]
    assert names[-2:] == ["learned", "variants agreed"]
    # Taking one back says nothing.
    heard.engine.correct({keys[2]: None}, {})
    heard.wait("learned", 4)
    heard.settle()
    assert len(heard.of("variants agreed")) == 2


def test_another_model_has_its_own(start: Callable[..., Variants], places: Places, tmp_path: Path) -> None:
    heard = start(replace(places, variant="narrow"))
    other = model_with_variants(tmp_path / "other", name="Other")
    heard.engine.models.add(other, use=True)
    heard.wait("ready", 2)
    variants = heard.facts().variants
    assert heard.facts().name == "Other"
    assert variants is not None
    # What was named on the command line was for the first model.
    assert (variants.current, variants.is_chosen) == ("wide", False)


def test_a_library_that_is_back_does_not_change_the_variant(
    start: Callable[..., Variants], folder: Path, places: Places
) -> None:
    places.data.write_bytes(b"no folder")
    heard = start()
    heard.use("narrow")
    places.data.unlink()
    heard.scan(folder)
    heard.wait("ready", 2)
    variants = heard.facts().variants
    assert variants is not None
    assert variants.current == "narrow"
