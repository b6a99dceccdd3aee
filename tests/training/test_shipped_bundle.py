"""The bundle in models/: whole, what it claims to be, and measured."""

import numpy as np
import pytest

from alpacasorter import paths
from alpacasorter.ml.evaluation.metrics import measure
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.runtime.backbone import CpuBackbone

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(paths.bundled_model())


@pytest.fixture(scope="module")
def backbone(bundle):
    return CpuBackbone(bundle.backbone_path.read_bytes())


def test_every_file_is_the_one_listed(bundle):
    assert set(bundle.files) == {path.name for path in bundle.path.iterdir()} - {"model.json"}
    assert bundle.keras_weights_path().is_file()
    assert bundle.label_set == "alpaca|not_alpaca"
    assert bundle.input_size == 256
    assert bundle.embedding_size == 1280
    assert bundle.network == {"backbone": "mobilenet_v2", "side": 256, "dense": [], "pooling": "focus"}


def test_it_costs_at_most_one_and_a_half_times_a_plain_pass_of_224_pixels(bundle):
    """The layers are those of MobileNetV2 and a 1 × 1 convolution more, so the work goes by the pixels."""
    assert (bundle.input_size / 224) ** 2 < 1.45


def test_it_knows_what_it_was_trained_on(bundle):
    figures = measure(bundle.replay.labels, bundle.head.probability(bundle.replay.embeddings))
    assert figures.accuracy > 0.98


def test_the_figures_are_there_and_plausible(bundle):
    quality = bundle.quality
    assert quality["protocol"]["shuffles"] >= 1
    for judged in ("all", "extra", "without the llamas among them"):
        figures = quality["out_of_fold"][judged]
        assert 0.95 < figures["accuracy"] < 1
        assert 0.93 < figures["balanced_accuracy"] < 1
        assert 0.99 < figures["auc"] < 1
        assert 0 < figures["ece"] < 0.04
    # On sources that none of them has seen, it is better than the bundles before it.
    for earlier in quality["earlier"]:
        assert quality["out_of_fold"]["extra"]["log_loss"] < earlier["log_loss"]
        assert quality["out_of_fold"]["extra"]["auc"] > earlier["auc"]
    assert {"dark alpacas", "shorn alpacas", "alpacas far away", "no alpaca: sheep"} <= set(quality["by_kind"])
    assert quality["checks"]["litert_keras_embedding"] <= 1e-4


def test_it_has_two_meanings_and_each_knows_its_photos(bundle):
    assert bundle.variants is not None
    assert bundle.variants.names == ("llamas-count", "alpacas-only")
    for variant in bundle.variants.choices:
        counts = variant.weights > 0
        called = variant.head.probability(bundle.replay.embeddings[counts]) >= bundle.threshold
        assert (called == (variant.labels[counts] == 1)).mean() > 0.98
        assert variant.question["en"]
        assert variant.answer["en"]
    wide, narrow = (bundle.variants.find(name) for name in ("llamas-count", "alpacas-only"))
    assert (wide.labels > narrow.labels).sum() > 150
    assert not (wide.labels < narrow.labels).any()


def test_the_map_of_what_spoke_is_exact(bundle, backbone):
    pixels = np.random.default_rng(0).integers(0, 256, (256, 256, 3)).astype(np.uint8)
    feature_map = backbone.feature_map(pixels)
    assert feature_map.shape == (8, 8, 1280)
    embedding = backbone.embed(pixels)
    np.testing.assert_allclose(feature_map.mean(axis=(0, 1)), embedding, atol=1e-5)
    shares, rest = bundle.head.activation_map(feature_map)
    scale, offset = bundle.calibration.scale, bundle.calibration.offset
    logit = float(bundle.head.logits(embedding[np.newaxis])[0])
    assert shares.sum() + rest == pytest.approx(scale * logit + offset, abs=1e-3)
    # What no place accounts for is the same for every photo.
    assert rest == pytest.approx(scale * bundle.head.bias + offset, abs=1e-3)


def test_it_listens_more_to_some_places_than_to_others(bundle, backbone, photos):
    """With a plain mean every place would count alike; an alpaca far away must not drown."""
    from alpacasorter.core.photos.decode import decode, model_input
    from alpacasorter.core.photos.reading import read_photo

    ratios = []
    for file in sorted((photos / "article" / "alpaca").iterdir())[:10]:
        feature_map = backbone.feature_map(model_input(decode(read_photo(file), min_side=256).pixels, 256))
        strength = np.linalg.norm(feature_map, axis=-1)
        ratios.append(float(strength.max() / np.median(strength)))
    assert np.mean(ratios) > 2.5


@pytest.mark.tensorflow
@pytest.mark.slow
def test_keras_and_litert_agree_on_photos(bundle, photos):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from alpacasorter.core.photos.decode import decode, model_input
    from alpacasorter.core.photos.reading import read_photo
    from alpacasorter.training.data.dataset import MIN_SIDE
    from alpacasorter.training.network.classifier import rebuild
    from alpacasorter.training.network.convert import model_difference

    files = sorted((photos / "article" / "alpaca").iterdir())[:4]
    inputs = [model_input(decode(read_photo(file), min_side=MIN_SIDE).pixels, 256) for file in files]
    assert model_difference(rebuild(bundle).two_outputs(), bundle.backbone_path.read_bytes(), inputs) <= 1e-4


@pytest.mark.tensorflow
@pytest.mark.slow
def test_training_starts_from_weights_that_have_not_seen_the_photos(bundle):
    """Otherwise training would have seen what it holds out, and its figures would be too optimistic."""
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from alpacasorter.training.network.backbones import shipped_weights
    from alpacasorter.training.network.weights import read_weights

    general, retrained = read_weights(shipped_weights()), read_weights(bundle.keras_weights_path())
    same = {name for name in general if np.array_equal(general[name], retrained[name])}
    assert "block_10_project/kernel" in same
    assert not {"block_11_expand/kernel", "block_13_expand/kernel", "block_16_project/kernel", "Conv_1/kernel"} & same
