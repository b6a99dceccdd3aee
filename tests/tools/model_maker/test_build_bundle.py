"""The build from end to end: random weights and generated pictures in, a bundle that the app can load out."""

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

from alpacasorter.core.photos.decode import decode, model_input
from alpacasorter.core.photos.reading import read_photo
from alpacasorter.ml.learning.logistic import fit_logistic
from alpacasorter.ml.models.bundle import load_bundle
from alpacasorter.ml.runtime.backbone import CpuBackbone
from alpacasorter.training.measuring import require_optimum, solver_difference
from alpacasorter.training.network.backbones import build_backbone, load_backbone
from alpacasorter.training.network.convert import CheckFailed, largest_difference, require_same_backbone, two_outputs
from alpacasorter.training.network.weights import get_weights
from tests.training.pictures import class_folders, picture
from tools.model_maker import build_bundle

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

SIDE = 96


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """One bundle for all tests, because the conversion takes ten seconds."""
    import keras

    root = tmp_path_factory.mktemp("build")
    keras.utils.set_random_seed(3)
    network = build_backbone("mobilenet_v2", SIDE)
    network.save_weights(str(root / "backbone.weights.h5"))
    strange = root / "strange"
    strange.mkdir()
    picture(True, 900).save(strange / "llama_1.png")
    picture(False, 901).save(strange / "llama_2.png")
    (strange / "llama_3.png").write_bytes(b"\x89PNG broken")
    code = build_bundle.main(
        [
            *("--backbone", str(root / "backbone.weights.h5"), "--input-size", str(SIDE)),
            *("--data", str(class_folders(root / "first"))),
            *("--data", str(class_folders(root / "second", 6, start=100))),
            *("--lookalikes", str(strange), "--out", str(root / "bundle"), "--seeds", "1", "--l2", "0.5"),
            *("--created", "2026-01-01"),
        ]
    )
    assert code == 0
    return network, load_bundle(root / "bundle")


def test_the_bundle_describes_itself(built):
    _, bundle = built
    assert bundle.name == "Thing"
    assert bundle.class_names == ("other", "thing")
    assert bundle.display_names == {"other": "Other", "thing": "Thing"}
    assert bundle.input_size == SIDE
    assert bundle.embedding_size == 1280
    assert bundle.created == "2026-01-01"
    assert bundle.learning.l2 == 0.5
    assert len(bundle.replay.labels) == 36
    assert bundle.replay.labels.sum() == 18


def test_the_card_and_the_figures(built):
    _, bundle = built
    card = bundle.card_path.read_text(encoding="utf-8")
    for text in ("# Model card: Thing", "| first | 12 | 12 |", "| all | all | 36 |", "| llama | 2 |", "scikit-learn"):
        assert text in card
    quality = bundle.quality
    assert set(quality["out_of_fold"]) == {"all", "first", "second"}
    assert quality["out_of_fold"]["all"]["n"] == 36
    assert 0 <= quality["out_of_fold"]["all"]["ece"] <= 1
    assert quality["trained_alone_article_split"]["first"]["n"] == 4
    assert quality["lookalikes"]["llama"]["n"] == 2
    assert quality["checks"]["litert_keras_embedding"] <= 1e-4


def test_the_converted_backbone_is_the_network(built):
    network, bundle = built
    inputs = [np.asarray(picture(True, seed, SIDE)) for seed in (1, 2)]
    assert largest_difference(network, bundle.backbone_path.read_bytes(), inputs) < 1e-4


def test_embedding_is_the_mean_of_the_feature_map(built):
    _, bundle = built
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    pixels = np.asarray(picture(False, 5, SIDE))
    feature_map = backbone.feature_map(pixels)
    assert feature_map.shape == (3, 3, 1280)
    np.testing.assert_allclose(feature_map.mean(axis=(0, 1)), backbone.embed(pixels), atol=1e-5)
    logit = bundle.head.logits(backbone.embed(pixels)[np.newaxis])[0]
    assert bundle.head.activation_map(feature_map).mean() == pytest.approx(logit, abs=1e-3)


def test_the_network_can_be_rebuilt_for_retraining(built):
    network, bundle = built
    rebuilt = load_backbone("mobilenet_v2", str(bundle.keras_weights_path()), SIDE)
    stored, original = get_weights(rebuilt), get_weights(network)
    assert stored.keys() == original.keys()
    assert all((stored[name] == original[name]).all() for name in stored)


def test_the_replay_set_is_what_the_app_would_compute(built):
    _, bundle = built
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    root = bundle.path.parent / "first" / "other"
    pixels = model_input(decode(read_photo(root / "other_00.png"), min_side=256).pixels, SIDE)
    assert (backbone.embed(pixels).astype(np.float16) == bundle.replay.embeddings[0]).all()


def test_the_head_is_the_optimum(built):
    _, bundle = built
    optimum = fit_logistic(bundle.replay.embeddings, bundle.replay.labels, bundle.replay.weights, bundle.learning.l2)
    np.testing.assert_allclose(bundle.head.weights, optimum.weights, atol=1e-6)
    assert bundle.head.bias == pytest.approx(optimum.bias, abs=1e-6)


def test_batch_normalization_keeps_its_statistics(built):
    network, _ = built
    before = {name: value.copy() for name, value in get_weights(network).items()}
    two_outputs(network)(np.ones((1, SIDE, SIDE, 3), dtype=np.float32), training=False)
    assert all((before[name] == value).all() for name, value in get_weights(network).items())


def test_a_failed_build_says_why_and_leaves_the_old_bundle(built, capsys):
    _, bundle = built
    root = bundle.path.parent
    data = ["--data", str(root / "first"), "--out", str(bundle.path)]
    assert build_bundle.main(["--backbone", str(root / "none.h5"), *data]) == 1
    assert "No bundle was built: There is no weights file" in capsys.readouterr().err
    assert build_bundle.main(["--backbone", "keras", "--data", str(root), "--out", str(bundle.path)]) == 1
    assert "subfolders" in capsys.readouterr().err
    assert load_bundle(bundle.path).bundle_id == bundle.bundle_id


def test_checks_refuse(monkeypatch):
    require_same_backbone(9e-5)
    require_optimum(9e-6)
    for value in (2e-4, float("nan")):
        with pytest.raises(CheckFailed):
            require_same_backbone(value)
    for value in (2e-5, float("nan")):
        with pytest.raises(CheckFailed):
            require_optimum(value)


def test_without_scikit_learn_the_check_is_refused_loudly(monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(CheckFailed, match="--skip-solver-check"):
        solver_difference(np.eye(2), np.array([0, 1]), 1.0, fit_logistic(np.eye(2), [0, 1]))
