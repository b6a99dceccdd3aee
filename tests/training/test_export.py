"""A model as one file: it says what the app says, and nothing half-written or wrong is kept."""

import json
import zipfile

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="TensorFlow is not installed")

import keras

from alpacasorter import paths
from alpacasorter.ml.models.bundle import Replay, load_bundle
from alpacasorter.ml.models.head import Calibration, Head
from alpacasorter.ml.models.metadata import BundleError
from alpacasorter.ml.models.store import ModelStore
from alpacasorter.ml.runtime.backbone import CpuBackbone
from alpacasorter.training import export
from alpacasorter.training.export import export_keras, export_tflite
from alpacasorter.training.finish import write_bundle
from alpacasorter.training.network import classifier as network_module
from alpacasorter.training.network.classifier import assemble
from alpacasorter.training.network.convert import CheckFailed, convert_model
from tests.ml.bundles import make_bundle, metadata, variants_of
from tests.training.tiny import tiny_backbone

pytestmark = [pytest.mark.tensorflow, pytest.mark.slow]

SIDE = 32
DENSE = [24]


def build_tiny(name, side):
    return tiny_backbone(name, "", side)


@pytest.fixture(autouse=True)
def _tiny(monkeypatch):
    monkeypatch.setattr(network_module, "build_backbone", build_tiny)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A bundle with a further dense layer, and what stands before a ResNet: more than a scaling."""
    keras.utils.set_random_seed(4)
    network = assemble(build_tiny("resnet50", SIDE), "resnet50", SIDE, dense=DENSE)
    random = np.random.default_rng(4)
    head = Head(random.normal(size=24) / 5, -0.3, Calibration(1.4, 0.2))
    replay = Replay(np.ones((2, 24), np.float16), np.array([0, 1], np.uint8), np.ones(2, np.float32))
    return write_bundle(
        tmp_path_factory.mktemp("export") / "bundle",
        metadata=metadata(input_size=SIDE, network={"backbone": "resnet50", "side": SIDE, "dense": DENSE}),
        backbone=convert_model(network.two_outputs()),
        head=head,
        replay=replay,
        keras_weights=network.weights(),
        card="# Card",
        variants=variants_of(replay, head),
    )


@pytest.fixture(scope="module")
def expected(bundle):
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    return bundle.head.probability(np.stack([backbone.embed(picture) for picture in pictures()]))


def pictures(count=3):
    # Some dark, some light, some colored: so the answers differ.
    random = np.random.default_rng(9)
    most = random.integers(40, 256, (count, 1, 1, 3))
    return (random.random((count, SIDE, SIDE, 3)) * most).astype(np.uint8)


def test_keras(bundle, expected, tmp_path):
    out = tmp_path / "deep" / "model.keras"
    export_keras(bundle.path, out)
    assert expected.std() > 1e-3, "a test that can fail"
    # Our own file, just written, and in safe mode, as every user of it will load it.
    model = keras.models.load_model(out, safe_mode=True)
    found = model.predict_on_batch(pictures().astype(np.float32))
    assert found.shape == (3, 1)
    np.testing.assert_allclose(found[:, 0], expected, atol=1e-4)
    assert [path.name for path in out.parent.iterdir()] == ["model.keras"]
    assert "Lambda" not in json.dumps(json.loads(zipfile.ZipFile(out).read("config.json")))


def run_tflite(file):
    from ai_edge_litert.interpreter import Interpreter

    runner = Interpreter(model_path=str(file)).get_signature_runner("serving_default")
    assert list(runner.get_input_details()) == ["pixels"]
    return [runner(pixels=picture[np.newaxis].astype(np.float32))["probability"][0, 0] for picture in pictures()]


def test_tflite(bundle, expected, tmp_path):
    export_tflite(bundle.path, tmp_path / "model.tflite")
    np.testing.assert_allclose(run_tflite(tmp_path / "model.tflite"), expected, atol=1e-4)


def test_a_variant(bundle, expected, tmp_path):
    backbone = CpuBackbone(bundle.backbone_path.read_bytes())
    head = bundle.with_variant("narrow").head
    narrow = head.probability(np.stack([backbone.embed(picture) for picture in pictures()]))
    assert np.abs(narrow - expected).max() > 1e-2
    export_tflite(bundle.path, tmp_path / "named.tflite", variant="narrow")
    np.testing.assert_allclose(run_tflite(tmp_path / "named.tflite"), narrow, atol=1e-4)
    # Without a name, it is the one that the app uses.
    ModelStore(paths.user_data_dir()).choose_variant(bundle, "narrow")
    export_tflite(bundle.path, tmp_path / "chosen.tflite")
    np.testing.assert_allclose(run_tflite(tmp_path / "chosen.tflite"), narrow, atol=1e-4)
    with pytest.raises(BundleError, match="wide or narrow"):
        export_keras(bundle.path, tmp_path / "unknown.keras", variant="pony")
    assert not (tmp_path / "unknown.keras").exists()


@pytest.mark.parametrize("write", [export_keras, export_tflite])
def test_what_says_something_else_is_not_kept(bundle, tmp_path, monkeypatch, write):
    out = tmp_path / f"model.{write.__name__.removeprefix('export_')}"
    out.write_text("the old one")
    monkeypatch.setattr(export, "convert_model", lambda _model: b"")
    monkeypatch.setattr(export, "_run_tflite", lambda _file, given: np.full(len(given), 0.9))
    original = export._classifier
    monkeypatch.setattr(export, "_classifier", lambda bundle, filled=True: _shifted(original(bundle, filled=filled)))
    with pytest.raises(CheckFailed, match="differ from the app's"):
        write(bundle.path, out)
    assert out.read_text() == "the old one"
    assert [path.name for path in tmp_path.iterdir()] == [out.name]


def _shifted(model):
    unit = model.get_layer("probability")
    kernel, bias = unit.get_weights()
    unit.set_weights([kernel, bias + 0.5])
    return model


def test_bundles_that_can_not_be_exported(tmp_path):
    make_bundle(tmp_path / "odd", network={"backbone": "mine"})
    with pytest.raises(BundleError, match="can't build"):
        export_keras(tmp_path / "odd", tmp_path / "a.keras")
    with pytest.raises(BundleError):
        export_tflite(tmp_path / "none", tmp_path / "a.tflite")
    changed = make_bundle(tmp_path / "changed")
    (changed.path / "keras_weights.npz").write_bytes(b"other bytes")
    with pytest.raises(BundleError, match="changed"):
        export_keras(changed.path, tmp_path / "a.keras")
    assert not list(tmp_path.glob("*a.*"))
    assert load_bundle(tmp_path / "odd").network == {"backbone": "mine"}
