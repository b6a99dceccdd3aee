"""The bundle in models/: whole, what it claims to be, and measured."""

import numpy as np
import pytest

from alpacasorter import paths
from alpacasorter.ml.backbone import CpuBackbone
from alpacasorter.ml.bundle import load_bundle
from alpacasorter.ml.logistic import fit_logistic
from alpacasorter.ml.metrics import measure

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def bundle():
    return load_bundle(paths.bundled_model())


def test_every_file_is_the_one_listed(bundle):
    assert set(bundle.files) == {path.name for path in bundle.path.iterdir()} - {"model.json"}
    assert bundle.keras_weights_path().is_file()
    assert bundle.label_set == "alpaca|not_alpaca"
    assert bundle.input_size == 224
    assert bundle.embedding_size == 1280


def test_the_head_is_the_optimum_of_the_replay_set(bundle):
    optimum = fit_logistic(bundle.replay.embeddings, bundle.replay.labels, bundle.replay.weights, bundle.learning.l2)
    assert np.abs(optimum.weights - bundle.head.weights).max() < 1e-5
    assert abs(optimum.bias - bundle.head.bias) < 1e-5


def test_the_head_is_the_optimum_of_scikit_learn(bundle):
    linear_model = pytest.importorskip("sklearn.linear_model")
    other = linear_model.LogisticRegression(C=1 / bundle.learning.l2, solver="newton-cg", tol=1e-12, max_iter=10_000)
    other.fit(bundle.replay.embeddings.astype(np.float64), bundle.replay.labels)
    assert np.abs(other.coef_[0] - bundle.head.weights).max() < 1e-5
    assert abs(other.intercept_[0] - bundle.head.bias) < 1e-5


def test_it_knows_what_it_was_trained_on(bundle):
    figures = measure(bundle.replay.labels, bundle.head.probability(bundle.replay.embeddings))
    assert figures.accuracy > 0.98


def test_the_figures_are_there_and_plausible(bundle):
    quality = bundle.quality
    for judged in ("all", "article", "more"):
        figures = quality["out_of_fold"][judged]
        assert 0.95 < figures["accuracy"] <= 1
        assert 0.95 < figures["balanced_accuracy"] <= 1
        assert 0.97 < figures["auc"] <= 1
        assert 0 <= figures["ece"] < 0.04
    assert quality["trained_alone_out_of_fold"]["article"]["n"] == 327
    assert {"llama", "vicugna", "ambiguous"} == set(quality["lookalikes"])
    assert quality["checks"]["litert_keras_embedding"] <= 1e-4
    assert quality["checks"]["head_scikit_learn"] <= 1e-5


def test_the_backbone_gives_both_outputs(bundle):
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    pixels = np.random.default_rng(0).integers(0, 256, (224, 224, 3)).astype(np.uint8)
    feature_map = backbone.feature_map(pixels)
    assert feature_map.shape == (7, 7, 1280)
    np.testing.assert_allclose(feature_map.mean(axis=(0, 1)), backbone.embed(pixels), atol=1e-5)


@pytest.mark.tensorflow
@pytest.mark.slow
def test_keras_and_litert_agree_on_photos(bundle, photos):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed")
    from alpacasorter.core.decode import decode, model_input, read_photo
    from alpacasorter.training.convert import largest_difference
    from alpacasorter.training.dataset import MIN_SIDE
    from alpacasorter.training.mobilenet import load_backbone

    files = sorted((photos / "article" / "alpaca").iterdir())[:4]
    inputs = [model_input(decode(read_photo(file), min_side=MIN_SIDE).pixels, 224) for file in files]
    network = load_backbone(str(bundle.keras_weights_path()), 224)
    assert largest_difference(network, bundle.backbone_path.read_bytes(), inputs) <= 1e-4
