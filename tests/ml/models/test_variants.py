"""The variants of a bundle: written, loaded with every check, chosen, and kept where the bundle goes."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alpacasorter import i18n
from alpacasorter.ml.models import store as model_store
from alpacasorter.ml.models.archive import SUFFIX, pack
from alpacasorter.ml.models.bundle import Bundle, load_bundle
from alpacasorter.ml.models.head import Head
from alpacasorter.ml.models.metadata import HEAD, METADATA, REPLAY, BundleError
from alpacasorter.ml.models.store import VARIANTS, ModelStore, ModelStoreError
from alpacasorter.ml.models.variants import MOST_VARIANTS, Variant, Variants
from alpacasorter.training.finish import write_bundle
from tests.ml.bundles import make_bundle, make_bundle_with_variants, metadata, replay_set, variants_of
from tests.ml.models.test_bundle import npz, replace_file

LONG = {"en": "x" * 1000}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return make_bundle_with_variants(tmp_path / "model")


@pytest.fixture
def german(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(i18n, "_language", "de")


def variants(bundle: Bundle) -> Variants:
    assert bundle.variants is not None
    return bundle.variants


def in_metadata(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    """Return a change of what model.json says about the variants."""

    def work(folder: Path) -> None:
        file = folder / METADATA
        data = json.loads(file.read_text(encoding="utf-8"))
        change(data["variants"])
        file.write_text(json.dumps(data), encoding="utf-8")

    return work


def in_arrays(name: str, array: str, change: Callable[[np.ndarray], object]) -> Callable[[Path], None]:
    """Return a change of one array, None for one that is gone, with hashes that fit."""

    def work(folder: Path) -> None:
        arrays: dict[str, Any] = dict(np.load(folder / name))
        arrays[array] = change(arrays[array])
        replace_file(folder, name, npz(**{key: value for key, value in arrays.items() if value is not None}))

    return work


def refused(folder: Path) -> str:
    with pytest.raises(BundleError) as caught:
        load_bundle(folder)
    return str(caught.value)


# The format


def test_everything_is_read(bundle: Bundle) -> None:
    found, narrow = variants(bundle), variants(bundle).find("narrow")
    written = variants_of(replay_set(), bundle.head)
    assert found.names == ("wide", "narrow")
    assert (found.default, bundle.variant) == ("wide", "wide")
    assert found.setting == {"en": "Ponies count as", "de": "Ponys zählen als"}
    assert found.first_question == {"en": "What do ponies count as?"}
    assert narrow is not None
    assert narrow.title["de"] == "Kein Pferd"
    assert narrow.question == written.choices[1].question
    assert narrow.answer == {"en": "Ponies are not horses"}
    assert (narrow.head.weights == -bundle.head.weights).all()
    assert (narrow.head.bias, narrow.head.calibration) == (-bundle.head.bias, written.choices[1].head.calibration)
    assert (narrow.labels == 1 - bundle.replay.labels).all()
    assert (narrow.weights == written.choices[1].weights).all()


def test_a_bundle_without_variants_has_none(tmp_path: Path) -> None:
    bundle = make_bundle(tmp_path / "model")
    assert (bundle.variants, bundle.variant, bundle.head_id) == (None, "", bundle.bundle_id)
    assert "variants" not in json.loads((bundle.path / METADATA).read_text(encoding="utf-8"))
    with pytest.raises(BundleError, match="no variants"):
        bundle.with_variant("wide")


def test_an_earlier_version_of_the_app_sees_the_default(bundle: Bundle) -> None:
    """It reads these arrays and fields, and no others."""
    head, replay = np.load(bundle.path / HEAD), np.load(bundle.path / REPLAY)
    assert (head["weights"] == bundle.head.weights).all()
    assert head["bias"] == bundle.head.bias
    assert (replay["labels"] == replay_set().labels).all()
    assert (replay["weights"] == 1.0).all()
    data = json.loads((bundle.path / METADATA).read_text(encoding="utf-8"))
    assert (data["format"], data["calibration"]) == (1, {"scale": 0.9, "offset": 0.0})


def test_another_variant_is_another_head_and_replay_set(bundle: Bundle) -> None:
    narrow = bundle.with_variant("narrow")
    assert (narrow.variant, narrow.calibration.scale) == ("narrow", 0.8)
    assert (narrow.head.weights == -bundle.head.weights).all()
    assert (narrow.replay.labels == 1 - bundle.replay.labels).all()
    assert (narrow.replay.weights[::3] == 0).all()
    assert narrow.replay.embeddings is bundle.replay.embeddings
    assert narrow.label_set == bundle.label_set
    # What is learned for one is never used for the other.
    assert bundle.head_id == bundle.bundle_id
    assert narrow.head_id not in (bundle.head_id, bundle.bundle_id)
    back = narrow.with_variant("wide")
    assert back.head is bundle.head
    assert (back.head_id, back.calibration) == (bundle.head_id, bundle.calibration)


@pytest.mark.parametrize("name", ["", "Narrow", "narrow ", "x" * 500, "\x1b[2J"])
def test_an_unknown_variant_is_refused_with_those_there_are(bundle: Bundle, name: str) -> None:
    with pytest.raises(BundleError, match="wide or narrow") as caught:
        bundle.with_variant(name)
    assert str(caught.value).isprintable()
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (in_metadata(lambda v: v.pop("default")), "variants.default"),
        (in_metadata(lambda v: v.update(default="pony")), "variants"),
        (in_metadata(lambda v: v.update(default=["wide"])), "variants"),
        (in_metadata(lambda v: v.pop("setting")), "variants.setting"),
        (in_metadata(lambda v: v.update(setting={"de": "Ponys"})), "variants.setting"),
        (in_metadata(lambda v: v.update(setting={"en": ""})), "variants.setting"),
        (in_metadata(lambda v: v.update(setting={"en": 5})), "variants.setting"),
        (in_metadata(lambda v: v.update(setting={"en": "\x1b[2J"})), "variants.setting"),
        (in_metadata(lambda v: v.update(setting={"en": "Two\nlines"})), "variants.setting"),
        (in_metadata(lambda v: v.update(setting={"en": "a", "\x1b": "b"})), "variants.setting"),
        (in_metadata(lambda v: v.update(setting={"en": "a", **{f"q{n}": "b" for n in range(99)}})), "variants.setting"),
        (in_metadata(lambda v: v.update(setting=LONG)), "variants.setting"),
        (in_metadata(lambda v: v.update(first_question=LONG)), "variants.first_question"),
        (in_metadata(lambda v: v.update(first_question=None)), "variants.first_question"),
        (in_metadata(lambda v: v.pop("choices")), "variants.choices"),
        (in_metadata(lambda v: v["choices"].pop()), "variants.choices"),
        (in_metadata(lambda v: v["choices"].append(v["choices"][1])), "variants.choices"),
        (in_metadata(lambda v: v.update(choices=[v["choices"][0]] * (MOST_VARIANTS + 1))), "variants.choices"),
        (in_metadata(lambda v: v["choices"].append("third")), "variants.choices.2"),
        (in_metadata(lambda v: v["choices"][1].update(name="Narrow")), "variants.choices.1.name"),
        (in_metadata(lambda v: v["choices"][1].update(name="../narrow")), "variants.choices.1.name"),
        (in_metadata(lambda v: v["choices"][1].update(name="n" * 41)), "variants.choices.1.name"),
        (in_metadata(lambda v: v["choices"][1].update(title=LONG)), "variants.choices.1.title"),
        (in_metadata(lambda v: v["choices"][1].pop("title")), "variants.choices.1.title"),
        (in_metadata(lambda v: v["choices"][1].pop("answer")), "variants.choices.1.answer"),
        (in_metadata(lambda v: v["choices"][1].pop("question")), "variants.choices.1.answer"),
        (in_metadata(lambda v: v["choices"][1].pop("calibration")), "calibration.scale"),
        (in_metadata(lambda v: v["choices"][1]["calibration"].update(scale=0)), "calibration.scale"),
        (in_metadata(lambda v: v["choices"][1]["calibration"].update(offset=1e400)), "calibration.offset"),
        (in_metadata(lambda v: v["choices"][1].update(name="pony")), "weights.pony"),
        (in_arrays(HEAD, "weights.narrow", lambda a: None), "weights.narrow"),
        (in_arrays(HEAD, "bias.narrow", lambda a: None), "bias.narrow"),
        (in_arrays(HEAD, "weights.narrow", lambda a: a[:-1]), "does not fit"),
        (in_arrays(HEAD, "weights.narrow", lambda a: a.astype(np.float32)), "weights.narrow"),
        (in_arrays(HEAD, "weights.narrow", lambda a: a * np.nan), "weights.narrow"),
        (in_arrays(HEAD, "weights.narrow", lambda a: a * 1e300), "weights.narrow"),
        (in_arrays(REPLAY, "labels.narrow", lambda a: None), "labels.narrow"),
        (in_arrays(REPLAY, "labels.narrow", lambda a: a[:-1]), "does not fit"),
        (in_arrays(REPLAY, "labels.narrow", lambda a: a + 1), "labels or weights"),
        (in_arrays(REPLAY, "weights.narrow", lambda a: None), "weights.narrow"),
        (in_arrays(REPLAY, "weights.narrow", lambda a: a - 2), "labels or weights"),
        (in_arrays(REPLAY, "weights.narrow", lambda a: a * 1e7), "labels or weights"),
    ],
)
def test_what_is_wrong_is_refused(bundle: Bundle, change: Callable[[Path], None], named: str) -> None:
    change(bundle.path)
    sentence = refused(bundle.path)
    assert named in sentence
    assert sentence.isprintable()


@pytest.mark.parametrize("value", [None, [], "wide", 3])
def test_variants_that_are_no_table_are_refused(bundle: Bundle, value: object) -> None:
    file = bundle.path / METADATA
    data = json.loads(file.read_text(encoding="utf-8"))
    file.write_text(json.dumps({**data, "variants": value}), encoding="utf-8")
    assert "“variants”" in refused(bundle.path)


def test_all_that_may_be_loads(tmp_path: Path) -> None:
    """As many variants as there may be, with names and texts as long as they may be."""
    replay = replay_set()
    first = make_bundle(tmp_path / "first")
    choices = tuple(
        Variant(
            f"{'v' * 39}{n}", {"en": "t" * 60, "pt_BR": "t", "zh_Hant": "中"}, first.head, replay.labels, replay.weights
        )
        for n in range(MOST_VARIANTS)
    )
    bundle = write_bundle(
        tmp_path / "second",
        metadata=metadata(),
        backbone=b"bytes",
        head=first.head,
        replay=replay,
        keras_weights=None,
        card="#",
        variants=Variants(choices[3].name, {"en": "s" * 60}, choices),
    )
    assert len(variants(bundle).choices) == MOST_VARIANTS
    assert bundle.variant == choices[3].name
    assert variants(bundle).first_question == {}


# Writing


def test_head_and_replay_set_must_be_those_of_the_default(bundle: Bundle, tmp_path: Path) -> None:
    narrow = bundle.with_variant("narrow")
    for head, replay, chosen in (
        (narrow.head, bundle.replay, variants(bundle)),
        (bundle.head, narrow.replay, variants(bundle)),
        (replace(bundle.head, calibration=narrow.calibration), bundle.replay, variants(bundle)),
        (bundle.head, bundle.replay, replace(variants(bundle), default="pony")),
    ):
        with pytest.raises(ValueError, match="variant"):
            write_bundle(
                tmp_path / "other",
                metadata=metadata(),
                backbone=b"bytes",
                head=head,
                replay=replay,
                keras_weights=None,
                card="#",
                variants=chosen,
            )
    assert not (tmp_path / "other").exists()


def test_an_invalid_variant_is_not_written(tmp_path: Path) -> None:
    replay = replay_set()
    head = make_bundle(tmp_path / "model").head
    before = load_bundle(tmp_path / "model").bundle_id
    wrong = variants_of(replay, head)
    wrong = replace(wrong, choices=(wrong.choices[0], replace(wrong.choices[1], name="No slug")))
    with pytest.raises(BundleError, match=r"choices\.1\.name"):
        write_bundle(
            tmp_path / "model",
            metadata=metadata(),
            backbone=b"bytes",
            head=head,
            replay=replay,
            keras_weights=None,
            card="#",
            variants=wrong,
        )
    assert load_bundle(tmp_path / "model").bundle_id == before


def test_what_was_loaded_can_be_written_again(bundle: Bundle, tmp_path: Path) -> None:
    again = write_bundle(
        tmp_path / "again",
        metadata=metadata(),
        backbone=bundle.backbone_path.read_bytes(),
        head=bundle.head,
        replay=bundle.replay,
        keras_weights=None,
        card="# Test\n",
        variants=bundle.variants,
    )
    assert again.bundle_id == bundle.bundle_id


# In words


def test_the_title_says_which_variant(bundle: Bundle) -> None:
    assert bundle.title == "Test 1.0.0 (Ponies count as: Horse)"
    assert bundle.with_variant("narrow").title == "Test 1.0.0 (Ponies count as: Not horse)"


@pytest.mark.usefixtures("german")
def test_texts_are_in_the_language_in_use(bundle: Bundle) -> None:
    narrow = variants(bundle).find("narrow")
    assert narrow is not None
    assert i18n.pick(narrow.title) == "Kein Pferd"
    # There is no German for this one.
    assert i18n.pick(narrow.answer) == "Ponies are not horses"
    with i18n.english():
        assert i18n.pick(narrow.title) == "Not horse"


# In the store


@pytest.fixture
def store(tmp_path: Path, bundle: Bundle, monkeypatch: pytest.MonkeyPatch) -> ModelStore:
    # The small models here are no networks.
    monkeypatch.setattr(model_store, "try_model", lambda folder, **_: None)
    return ModelStore(tmp_path / "data", bundled=bundle.path)


def test_a_choice_is_kept(store: ModelStore, bundle: Bundle, tmp_path: Path) -> None:
    assert store.chosen_variant(bundle) is None
    store.choose_variant(bundle, "narrow")
    assert store.chosen_variant(bundle) == "narrow"
    # Of another model with these classes it says nothing, and neither does choosing another model.
    assert store.chosen_variant(make_bundle_with_variants(tmp_path / "b", name="Other")) is None
    store.choose(store.bundled)
    assert store.chosen_variant(bundle) == "narrow"
    store.choose_variant(bundle, "wide")
    assert store.chosen_variant(bundle) == "wide"


def test_a_choice_survives_an_update_that_still_has_it(store: ModelStore, bundle: Bundle, tmp_path: Path) -> None:
    store.choose_variant(bundle, "narrow")
    newer = make_bundle_with_variants(tmp_path / "newer", replay_set(seed=3), version="2.0.0")
    assert newer.bundle_id != bundle.bundle_id
    assert store.chosen_variant(newer) == "narrow"
    in_metadata(lambda v: v["choices"][1].update(name="slim"))(newer.path)
    for file, arrays in ((HEAD, ("weights", "bias")), (REPLAY, ("labels", "weights"))):
        renamed = {key.replace(".narrow", ".slim"): value for key, value in np.load(newer.path / file).items()}
        assert {f"{array}.slim" for array in arrays} <= renamed.keys()
        replace_file(newer.path, file, npz(**renamed))
    newest = load_bundle(newer.path)
    assert variants(newest).names == ("wide", "slim")
    assert store.chosen_variant(newest) is None
    # It is not forgotten, either.
    assert store.chosen_variant(bundle) == "narrow"


def test_only_what_there_is_can_be_chosen(store: ModelStore, bundle: Bundle, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="wide or narrow"):
        store.choose_variant(bundle, "pony")
    without = make_bundle(tmp_path / "without")
    with pytest.raises(BundleError, match="no variants"):
        store.choose_variant(without, "narrow")
    assert store.chosen_variant(without) is None
    assert not (tmp_path / "data" / VARIANTS).exists()


@pytest.mark.parametrize(
    "content",
    [b"", b"[", b"[]", b"{", b"\xff", b'{"Test|alpaca|not_alpaca": ["narrow"]}', b"[" * 100_000, b"x" * 70_000],
)
def test_a_damaged_choice_is_no_choice(store: ModelStore, bundle: Bundle, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / VARIANTS).write_bytes(content)
    assert store.chosen_variant(bundle) is None
    store.choose_variant(bundle, "narrow")
    assert store.chosen_variant(bundle) == "narrow"


def test_choices_do_not_pile_up(store: ModelStore, bundle: Bundle, tmp_path: Path) -> None:
    for number in range(120):
        store.choose_variant(replace(bundle, name=f"Model {number}"), "narrow")
    assert len(json.loads((tmp_path / "data" / VARIANTS).read_text(encoding="utf-8"))) == 100
    assert store.chosen_variant(replace(bundle, name="Model 119")) == "narrow"


def test_a_choice_that_cannot_be_stored(store: ModelStore, bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"no folder")
    with pytest.raises(ModelStoreError, match="can't be saved"):
        store.choose_variant(bundle, "narrow")
    assert store.chosen_variant(bundle) is None


def test_the_list_names_them(store: ModelStore, bundle: Bundle) -> None:
    (entry,) = store.list_models()
    assert entry.setting == "Ponies count as"
    assert [(one.name, one.title) for one in entry.variants] == [("wide", "Horse"), ("narrow", "Not horse")]
    assert [(one.is_default, one.is_chosen) for one in entry.variants] == [(True, True), (False, False)]
    store.choose_variant(bundle, "narrow")
    (entry,) = store.list_models()
    assert [(one.is_default, one.is_chosen) for one in entry.variants] == [(True, False), (False, True)]


def test_they_go_where_the_model_goes(store: ModelStore, bundle: Bundle, tmp_path: Path) -> None:
    file = tmp_path / f"shared{SUFFIX}"
    pack(bundle, file)
    other = ModelStore(tmp_path / "elsewhere", bundled=make_bundle(tmp_path / "shipped").path)
    added = other.add_model(file).entry
    assert [one.name for one in added.variants] == ["wide", "narrow"]
    copied = load_bundle(added.path)
    assert copied.bundle_id == bundle.bundle_id
    assert (copied.with_variant("narrow").head.weights == -bundle.head.weights).all()
    assert other.add_model(bundle.path).is_new is False


def test_the_trial_tries_every_head(bundle: Bundle) -> None:
    assert [head.bias for head in bundle.heads()] == [bundle.head.bias, -bundle.head.bias]
    alone = replace(bundle, variants=None)
    assert alone.heads() == [bundle.head]
    assert isinstance(alone.heads()[0], Head)
