"""The build with retraining from end to end: random weights and generated pictures in, a bundle for the app out."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.ml.learning.learner import Learner
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.runtime.backbone import CpuBackbone
from alpacasorter.training.data.dataset import DatasetError, find_photos, read_dataset
from alpacasorter.training.network.backbones import build_backbone
from alpacasorter.training.network.classifier import rebuild
from tests.training.pictures import class_folders, picture
from tools.model_maker import build_bundle
from tools.model_maker.build_bundle import Options, build
from tools.model_maker.feature_maps import compute_maps
from tools.model_maker.last_blocks import Plan
from tools.model_maker.retraining import half_size, retrain

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

SIDE = 64


@pytest.fixture(scope="module")
def options(tmp_path_factory):
    import keras

    root = tmp_path_factory.mktemp("retrained")
    keras.utils.set_random_seed(3)
    build_backbone("mobilenet_v2", SIDE).save_weights(str(root / "backbone.weights.h5"))
    strange = root / "strange"
    strange.mkdir()
    for number in range(2):
        picture(bool(number), 900 + number).save(strange / f"llama_{number}.png")
    data = class_folders(root / "first")
    (root / "kinds.csv").write_text(
        "photo,kind\n" + "".join(f"{file.stem},large\n" for file in sorted((data / "thing").iterdir())[:5])
    )
    return Options(
        backbone=str(root / "backbone.weights.h5"),
        data=(data,),
        out=root / "bundle",
        lookalikes=(strange,),
        side=SIDE,
        seeds=1,
        retrain=True,
        plan=Plan(runs=1, epochs=1, batch_size=4),
        work=root / "work",
        kinds=root / "kinds.csv",
    )


@pytest.fixture(scope="module")
def built(options):
    return build(options)


def test_the_bundle_is_one_that_the_app_loads(built):
    bundle = load_bundle(built.path)
    assert bundle.input_size == SIDE
    assert bundle.embedding_size == 1280
    assert bundle.network == {"backbone": "mobilenet_v2", "side": SIDE, "dense": [], "pooling": "focus"}
    assert len(bundle.replay.labels) == 24
    learned = Learner(bundle).learn(bundle.replay.embeddings[:1], 1 - bundle.replay.labels[:1])
    before, after = (head.probability(bundle.replay.embeddings[:1])[0] for head in (bundle.head, learned))
    assert (after - before) * (1 - 2 * float(bundle.replay.labels[0])) > 0


def test_the_activation_map_is_exact(built):
    """The mean of the feature map is the embedding, focus and all."""
    backbone = CpuBackbone(built.backbone_path.read_bytes())
    pixels = np.asarray(picture(True, 5, SIDE))
    feature_map = backbone.feature_map(pixels)
    np.testing.assert_allclose(feature_map.mean(axis=(0, 1)), backbone.embed(pixels), atol=1e-5)
    logit = built.head.activation_map(feature_map).mean()
    assert logit == pytest.approx(float(built.head.logits(backbone.embed(pixels)[np.newaxis])[0]), abs=1e-3)


def test_everything_is_measured(built):
    quality = built.quality
    assert quality["out_of_fold"]["all"]["n"] == 24
    assert set(quality["out_of_fold"]) == {"all", "first"}
    assert quality["by_kind"]["large"]["n"] == 5
    assert 0 <= quality["by_kind"]["large"]["right"] <= 1
    assert quality["article_split"]["first"]["n"] == 4
    assert quality["lookalikes"]["llama"]["n"] == 2
    assert quality["checks"]["litert_keras_embedding"] <= 1e-4
    card = built.card_path.read_text(encoding="utf-8")
    for words in (
        "# Model card: Thing",
        "retrained",
        "| large | 5 |",
        "the article's random 80/20 split",
        "| llama | 2 |",
    ):
        assert words in card


def test_it_can_be_built_again_in_code(built):
    model = rebuild(built).two_outputs()
    pixels = np.asarray(picture(False, 6, SIDE))
    expected = CpuBackbone(built.backbone_path.read_bytes()).embed(pixels)
    found = model.predict_on_batch((pixels[np.newaxis] / np.float32(127.5) - 1).astype(np.float32))["embedding"][0]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_a_second_run_uses_stored_results(built, options):
    done = {file: file.stat().st_mtime_ns for file in options.work.iterdir()}
    assert len(done) == 5 + 3 + 1 + 3
    again = retrain(
        read_dataset(options.data),
        tuple(find_photos(options.lookalikes[0])[0]),
        backbone=options.backbone,
        side=SIDE,
        plan=options.plan,
        seeds=1,
        work=options.work,
        kinds={},
        say=lambda _: None,
    )
    assert {file: file.stat().st_mtime_ns for file in options.work.iterdir()} == done
    np.testing.assert_array_equal(again.weights, built.head.weights)


def test_the_work_of_other_photos_is_refused(built, options, tmp_path):
    data = class_folders(tmp_path / "first", 6)
    with pytest.raises(DatasetError, match="other photos"):
        build(replace(options, data=(data,), out=tmp_path / "out"))
    assert not (tmp_path / "out").exists()


def test_kinds_need_not_be_given():
    assert build_bundle.read_kinds(None) == {}


def test_maps_are_of_what_the_app_sees_and_unreadable_photos_are_marked(tmp_path):
    network = build_backbone("mobilenet_v2", SIDE)
    picture(True, 1, 80).save(tmp_path / "good.png")
    (tmp_path / "bad.png").write_bytes(b"\x89PNG no more")
    files = [tmp_path / "bad.png", tmp_path / "good.png"]
    maps = compute_maps(files, network, half_size(network, SIDE), views=2, small_views=1)
    assert maps.readable.tolist() == [False, True]
    assert maps.large.shape == (2, 4, 4, 4, 96)
    assert maps.small.shape == (2, 1, 2, 2, 96)
    assert not maps.large[0].any()
    import keras

    early = keras.Model(network.input, network.get_layer("block_12_add").output)
    pixels = model_input(decode(read_photo(files[1]), min_side=512).pixels, SIDE)
    both = np.stack([pixels, pixels[:, ::-1]]).astype(np.float32) / np.float32(127.5) - 1
    np.testing.assert_allclose(maps.large[1, :2], early.predict_on_batch(both), atol=2e-2)
